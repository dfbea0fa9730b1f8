"""Engines of speech to text, one module each; `open_model` opens one by its name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asr_service.adapters.faster_whisper import FasterWhisper
from asr_service.transcriber import SpeechModel

__all__ = ["ModelOptions", "open_model", "open_whisper"]


@dataclass(frozen=True)
class ModelOptions:
    """How an engine is opened."""

    folder: Path
    device: str
    compute_type: str
    threads: int
    beam_size: int
    likely: tuple[str, ...] = ()
    """Languages as ISO 639-1 codes that a doubtful guess goes to."""


def open_whisper(options: ModelOptions) -> FasterWhisper:
    """Loads a Whisper model; `compute_type` may be `auto`: int8 on the processor, float16 on a GPU."""
    exact = "float16" if options.device == "cuda" else "int8"
    return FasterWhisper(
        options.folder,
        device=options.device,
        compute_type=exact if options.compute_type == "auto" else options.compute_type,
        threads=options.threads,
        beam_size=options.beam_size,
        likely=options.likely,
    )


def _gigaam(options: ModelOptions) -> SpeechModel:
    # An engine that the settings do not choose costs neither time nor memory.
    from asr_service.adapters.gigaam import GigaAm  # noqa: PLC0415

    return GigaAm(options.folder, device=options.device, threads=options.threads)


_BACKENDS: dict[str, Callable[[ModelOptions], SpeechModel]] = {"faster-whisper": open_whisper, "gigaam": _gigaam}


def open_model(backend: str, options: ModelOptions) -> SpeechModel:
    """Loads the model of a back-end; KeyError for a name that the settings do not allow."""
    return _BACKENDS[backend](options)
