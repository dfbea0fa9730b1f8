"""Streaming Sortformer with NeMo's own classes, on a small model with random weights in a real .nemo file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asr_service.adapters.sortformer import Profile, Sortformer, SortformerStream
from asr_service.audio import Recording, decode_file
from asr_service.clustering import Piece, SpeakerLimits, cluster_voices, load_nemo
from asr_service.diarization import Diarization
from asr_service.engine import load_engine
from asr_service.errors import DeviceMissing, EngineMissing
from asr_service.recognizer import speakers_of
from asr_service.settings import AsrSettings
from asr_service.vad import VoiceActivity
from models import Store
from tests.sortformer_model import save_model, small_config

PROFILE = Profile(chunk=10, right=3, fifo=10, update=10, cache=16)
"""Steps of 0.8 s, so that five seconds fill latest frames and speaker cache."""
AUDIO = np.random.default_rng(0).normal(0, 0.1, 80_077).astype(np.float32) * np.repeat(
    np.random.default_rng(1).uniform(0, 1, 501), 160
)[:80_077].astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Layers so small cost less than sharing them out."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    path = tmp_path_factory.mktemp("nemo") / "model.nemo"
    load_nemo()  # What stands in for NeMo's packages until they are needed.
    path.write_bytes(b"not a model")
    with pytest.raises(EngineMissing, match="no NeMo model"):
        Sortformer(path)
    return path, save_model(path, small_config())


@pytest.fixture(scope="module")
def sortformer(saved: tuple[Path, Any]) -> Sortformer:
    return Sortformer(saved[0])


def probabilities(stream: SortformerStream, *sizes: int) -> np.ndarray:
    pieces, start = [], 0
    for size in sizes:
        pieces.append(stream.push(AUDIO[start : start + size]))
        start += size
    assert start >= len(AUDIO)
    return np.concatenate([*pieces, stream.finish()])


def test_odd_pieces_say_what_one_piece_says_and_what_nemo_says(sortformer: Sortformer, saved: tuple[Path, Any]) -> None:
    whole = probabilities(sortformer.stream(PROFILE), len(AUDIO))
    assert whole.shape == (63, 4)
    assert sortformer.frame_seconds == pytest.approx(0.08)
    assert 0 < whole.min() < whole.max() < 1
    assert whole.std() > 0.01, "the model takes sides"

    sizes = np.random.default_rng(2).integers(1, 4_500, 80).tolist()
    odd = probabilities(sortformer.stream(PROFILE), *sizes)
    np.testing.assert_allclose(odd, whole, atol=1e-6)
    np.testing.assert_allclose(probabilities(sortformer.stream(PROFILE), len(AUDIO)), whole, atol=1e-6)

    # The model before it was saved, through NeMo's own loop over the features of the whole recording.
    _, original = saved
    SortformerStream(original, PROFILE)
    with torch.inference_mode():
        nemo = original.forward(torch.from_numpy(AUDIO)[None], torch.tensor([len(AUDIO)]))[0].numpy()
    np.testing.assert_allclose(whole, nemo[: len(whole)], atol=1e-5)


def test_two_streams_with_their_own_profiles_do_not_disturb_each_other(sortformer: Sortformer) -> None:
    coarse = Profile(chunk=20, right=2, fifo=10, update=20, cache=16)
    alone = probabilities(sortformer.stream(PROFILE), len(AUDIO)), probabilities(sortformer.stream(coarse), len(AUDIO))
    streams = sortformer.stream(PROFILE), sortformer.stream(coarse)
    pieces: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for start in range(0, len(AUDIO), 16_000):
        for stream, said in zip(streams, pieces, strict=True):
            said.append(stream.push(AUDIO[start : start + 16_000]))
    for stream, said, expected in zip(streams, pieces, alone, strict=True):
        np.testing.assert_allclose(np.concatenate([*said, stream.finish()]), expected, atol=1e-6)


def test_nothing_is_said_about_nothing(sortformer: Sortformer) -> None:
    stream = sortformer.stream(PROFILE)
    assert stream.push(np.zeros(100, dtype=np.float32)).shape == (0, 4)
    assert stream.finish().shape == (0, 4)


def test_clustering_works_in_the_same_process(sortformer: Sortformer) -> None:
    assert Path(load_nemo().__file__ or "").name == "offline_clustering.py"
    draw = np.random.default_rng(3)
    vectors = np.repeat(np.eye(2, 192, dtype=np.float32), 20, axis=0) + draw.normal(0, 0.01, (40, 192)).astype(
        np.float32
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = cluster_voices(vectors, [Piece(float(n), n + 1.0) for n in range(40)], SpeakerLimits())
    assert len(set(labels[:20])) == len(set(labels[20:])) == 1
    assert labels[0] != labels[-1]


@pytest.mark.models
def test_the_service_diarizes_with_it_where_the_settings_say_so(
    saved: tuple[Path, Any], models: Path, samples: Path, tmp_path: Path
) -> None:
    settings = AsrSettings(device="cpu", diarization="sortformer", sortformer_model=str(saved[0]))
    engine = load_engine(settings, Store(models))
    assert ("diarization", str(saved[0]), "cpu") in [(one.task, one.model_id, one.device) for one in engine.models]
    with Recording(tmp_path / "clip.pcm") as recording:
        list(decode_file(samples / "ami_clip" / "clip.flac", recording))
        found = list(speakers_of(engine, recording, VoiceActivity((), np.zeros(0, np.float16)), SpeakerLimits()))[-1]
        assert isinstance(found, Diarization)
        assert all(0 <= span.start < span.end <= recording.duration + 0.08 for span in found.spans)
    assert found.speakers == len({span.speaker for span in found.spans}) <= 4
    assert found.shares.shape[1] == found.speakers


def test_files_that_are_no_streaming_sortformer_are_told(saved: tuple[Path, Any], tmp_path: Path) -> None:
    offline = tmp_path / "offline.nemo"
    save_model(offline, small_config() | {"streaming_mode": False})
    with pytest.raises(EngineMissing, match="whole recordings only"):
        Sortformer(offline)
    with pytest.raises(EngineMissing, match="no model"):
        Sortformer(tmp_path / "missing.nemo")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceMissing, match="PyTorch cannot use a GPU"):
            Sortformer(offline, "cuda")


def test_the_newer_form_names_the_version_that_it_needs(saved: tuple[Path, Any], tmp_path: Path) -> None:
    import tarfile

    from omegaconf import OmegaConf

    config = small_config()
    del config["transformer_encoder"]
    OmegaConf.save(OmegaConf.create(config), tmp_path / "model_config.yaml")
    (tmp_path / "model_weights.ckpt").write_bytes(b"")
    with tarfile.open(tmp_path / "nemotron.nemo", "w") as archive:
        for name in ("model_config.yaml", "model_weights.ckpt"):
            archive.add(tmp_path / name, name)
    with pytest.raises(EngineMissing, match=r"nemo_toolkit 3\.1 or later"):
        Sortformer(tmp_path / "nemotron.nemo")
