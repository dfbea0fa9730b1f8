"""Which engines the service opens for what settings and store hold, with the real Whisper and a small GigaAM."""

from pathlib import Path

import ctranslate2
import numpy as np
import pytest

from asr_service.audio import SAMPLE_RATE, Recording, decode_file
from asr_service.engine import Engine, load_engine
from asr_service.errors import DeviceMissing
from asr_service.settings import AsrSettings
from asr_service.transcriber import DecodingTask
from models import Store
from models.files import sha256_of
from models.record import Record, StoredFile
from tests.gigaam_models import tone_ctc

pytestmark = pytest.mark.models
SETTINGS = AsrSettings(device="cpu", gigaam_model="gigaam-v3-ctc")


def transcribers(engine: Engine) -> list[tuple[str, bool]]:
    """Models of speech to text by name, and whether they are there for Russian."""
    return [(one.model_id, "ru" in one.languages) for one in engine.models if one.task == "transcription"]


@pytest.fixture
def with_gigaam(models: Path, tmp_path: Path) -> Store:
    """The models of this machine, and a small one under GigaAM's name."""
    for folder in models.iterdir():
        if folder.is_dir() and not folder.name.startswith((".", "gigaam")):
            (tmp_path / folder.name).symlink_to(folder)
    folder = tone_ctc(tmp_path / "gigaam-v3-ctc")
    files = tuple(StoredFile(path.name, path.stat().st_size, sha256_of(path)) for path in sorted(folder.iterdir()))
    Record("gigaam-v3-ctc", 1, "folder", "2026-01-01T00:00:00Z", files).write(folder)
    return Store(tmp_path)


def test_without_gigaams_model_whisper_does_everything(models: Path, tmp_path: Path) -> None:
    for folder in models.iterdir():
        if folder.is_dir() and not folder.name.startswith((".", "gigaam")):
            (tmp_path / folder.name).symlink_to(folder)
    engine = load_engine(SETTINGS, Store(tmp_path))
    assert transcribers(engine) == [("whisper-base", True)]
    assert {one.device for one in engine.models} == {"cpu"}


def test_with_it_russian_goes_there_and_english_to_whisper(with_gigaam: Store, samples: Path, tmp_path: Path) -> None:
    engine = load_engine(SETTINGS, with_gigaam)
    assert transcribers(engine) == [("whisper-base", False), ("gigaam-v3-ctc", True)]
    spoken = {}
    for language, file in {"ru": "standup_ru/meeting.flac", "en": "ami_clip/clip.flac"}.items():
        with Recording(tmp_path / f"{language}.pcm") as recording:
            list(decode_file(samples / file, recording))
            spoken[language] = engine.speech.decode(recording.read(0, 10 * SAMPLE_RATE), DecodingTask(None))
    assert set(spoken["ru"][0].text) <= set("аб "), "the small model knows two letters"
    assert {phrase.language for phrase in spoken["en"]} == {"en"}
    assert len(spoken["en"][0].words) > 5
    assert engine.speech.decode(np.zeros(SAMPLE_RATE, dtype=np.float32), DecodingTask("ru")) == []


@pytest.mark.parametrize(("backend", "found"), [("gigaam", "gigaam-v3-ctc"), ("faster-whisper", "whisper-base")])
def test_one_engine_can_be_named(with_gigaam: Store, backend: str, found: str) -> None:
    engine = load_engine(SETTINGS.model_copy(update={"backend": backend}), with_gigaam)
    assert transcribers(engine) == [(found, True)]


def test_a_gpu_that_cannot_be_used_is_left_alone_or_told(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # CTranslate2 counts a GPU also where its driver or libraries are missing; here, there is none at all.
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    settings = AsrSettings(backend="faster-whisper")
    assert {one.device for one in load_engine(settings, Store(models)).models} == {"cpu"}
    with pytest.raises(DeviceMissing, match="CTranslate2 cannot use the GPU"):
        load_engine(settings.model_copy(update={"device": "cuda"}), Store(models))


def test_windows_of_a_batch_are_heard_as_each_alone(models: Path, samples: Path, tmp_path: Path) -> None:
    speech = load_engine(SETTINGS, Store(models)).speech
    with Recording(tmp_path / "a.pcm") as recording:
        list(decode_file(samples / "standup_ru" / "meeting.flac", recording))
        audio = recording.read(0, 40 * SAMPLE_RATE)
    # Other lengths, languages, prompts and beginnings, as streams have them at one moment.
    windows = [
        (audio[: 7 * SAMPLE_RATE], DecodingTask("ru", fast=True)),
        (audio[20 * SAMPLE_RATE : 28 * SAMPLE_RATE], DecodingTask(None, prompt="Хорошо, тогда в пятницу.", fast=True)),
        (audio[31 * SAMPLE_RATE : 34 * SAMPLE_RATE], DecodingTask("ru", prefix="Нужно", fast=True)),
        (np.zeros(SAMPLE_RATE, dtype=np.float32), DecodingTask("ru", fast=True)),
    ]
    together = speech.decode_many(windows)
    assert together == [speech.decode(*window) for window in windows]
    assert [bool(phrases) for phrases in together[:3]] == [True, True, True]
