"""Both sides show certificates of one authority."""

from __future__ import annotations

import subprocess
from pathlib import Path

import grpc
import pytest

from mesh.errors import PlanerkaError
from mesh.server import host
from mesh.settings import MeshSettings


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def authority(folder: Path) -> Path:
    folder.mkdir()
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=Planerka test authority", "-keyout", folder / "ca.key", "-out", folder / "ca.pem",
    )  # fmt: skip
    return folder


def certificate(folder: Path, name: str) -> None:
    names = folder / f"{name}.ext"
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n", encoding="utf-8")
    openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
        "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr",
    )  # fmt: skip
    openssl(
        "x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
        "-CAcreateserial", "-days", "2", "-extfile", names, "-out", folder / f"{name}.pem",
    )  # fmt: skip


def secured(settings: MeshSettings, own: Path, name: str, trusted: Path) -> MeshSettings:
    return settings.model_copy(
        update={
            "tls_certificate": own / f"{name}.pem",
            "tls_key": own / f"{name}.key",
            "tls_authority": trusted / "ca.pem",
        }
    )


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> Path:
    folder = authority(tmp_path_factory.mktemp("tls") / "ours")
    certificate(folder, "server")
    certificate(folder, "client")
    return folder


@pytest.fixture(scope="module")
def theirs(tmp_path_factory) -> Path:
    folder = authority(tmp_path_factory.mktemp("tls") / "theirs")
    certificate(folder, "client")
    certificate(folder, "server")
    return folder


async def test_certificates_of_the_authority_are_let_in(small, connect, mesh_settings, ours):
    async with (
        host(small, "127.0.0.1:0", secured(mesh_settings, ours, "server", ours)) as running,
        connect(running.port, secured(mesh_settings, ours, "client", ours)) as client,
    ):
        assert (await client.card()).card.card_id == "crd_1"


async def test_strangers_are_kept_out(small, connect, mesh_settings, ours, theirs):
    async with host(small, "127.0.0.1:0", secured(mesh_settings, ours, "server", ours)) as running:
        for settings in (mesh_settings, secured(mesh_settings, theirs, "client", ours)):
            async with connect(running.port, settings) as client:
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await client.card(timeout=3)
                assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
        stub = grpc.ssl_channel_credentials(root_certificates=(ours / "ca.pem").read_bytes())
        async with grpc.aio.secure_channel(f"127.0.0.1:{running.port}", stub) as nameless:
            with pytest.raises(grpc.aio.AioRpcError):
                await nameless.unary_unary("/planerka.board.v1.BoardService/GetCard")(b"", timeout=3)
    assert small.board.calls == []


async def test_a_false_server_is_not_trusted(small, connect, mesh_settings, ours, theirs):
    async with (
        host(small, "127.0.0.1:0", secured(mesh_settings, theirs, "server", ours)) as running,
        connect(running.port, secured(mesh_settings, ours, "client", ours)) as client,
    ):
        with pytest.raises(grpc.aio.AioRpcError):
            await client.card(timeout=3)
    assert small.board.calls == []


@pytest.mark.parametrize("missing", ["tls_key", "tls_authority"])
async def test_half_a_setting_is_refused(small, mesh_settings, ours, missing):
    half = secured(mesh_settings, ours, "server", ours).model_copy(update={missing: None})
    with pytest.raises(PlanerkaError, match=missing):
        async with host(small, "127.0.0.1:0", half):
            raise AssertionError("it must not open")
