"""Build hook: generates the Python stubs of the contracts, so that any install of the repository has them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
PROTO_ROOTS = (ROOT / "proto", ROOT / "third_party" / "protovalidate")
OUTPUT = ROOT / "gen"


def generate(output: Path = OUTPUT) -> list[Path]:
    """Write messages, typed stubs and services of every contract into `output`, and return the written packages.

    Raises:
        RuntimeError: protoc refused a contract; the message is protoc's own.
    """
    import grpc_tools  # noqa: PLC0415  (a build dependency, absent at run time)

    well_known = Path(grpc_tools.__file__).parent / "_proto"
    sources = sorted(str(path) for root in PROTO_ROOTS for path in root.rglob("*.proto"))
    partial = output.with_name(output.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    scripts = {Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))}
    places = os.pathsep.join(map(str, scripts))
    plugin = shutil.which("protoc-gen-mypy_grpc", path=places) or shutil.which("protoc-gen-mypy_grpc")
    if plugin is None:
        raise RuntimeError(
            "protoc-gen-mypy_grpc is missing: install mypy-protobuf, as pyproject.toml's build-system says"
        )
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        *(f"-I{root}" for root in PROTO_ROOTS),
        f"-I{well_known}",
        f"--plugin=protoc-gen-mypy_grpc={plugin}",
        f"--python_out={partial}",
        f"--pyi_out={partial}",
        f"--grpc_python_out={partial}",
        f"--mypy_grpc_out={partial}",
        *sources,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (our own arguments)
    if done.returncode:
        raise RuntimeError(f"protoc failed:\n{done.stderr}")
    for package in partial.iterdir():
        (package / "py.typed").touch()
    shutil.rmtree(output, ignore_errors=True)
    partial.rename(output)
    return sorted(output.iterdir())


class StubsHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs `generate` before a wheel or an editable install is made."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate, and put the generated packages into the wheel."""
        packages = generate()
        if version != "editable":
            for package in packages:
                build_data["force_include"][str(package)] = package.name
