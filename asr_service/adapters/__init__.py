"""Engines of speech to text, one module each; `open_model` chooses by the name in the settings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asr_service.adapters.faster_whisper import FasterWhisper
from asr_service.transcriber import SpeechModel

__all__ = ["ModelOptions", "open_model"]


@dataclass(frozen=True)
class ModelOptions:
    """How an engine is opened."""

    folder: Path
    device: str
    compute_type: str
    threads: int
    beam_size: int


def _faster_whisper(options: ModelOptions) -> SpeechModel:
    return FasterWhisper(
        options.folder,
        device=options.device,
        compute_type=options.compute_type,
        threads=options.threads,
        beam_size=options.beam_size,
    )


_BACKENDS: dict[str, Callable[[ModelOptions], SpeechModel]] = {"faster-whisper": _faster_whisper}


def open_model(backend: str, options: ModelOptions) -> SpeechModel:
    """Loads the model of a back-end; KeyError for a name that the settings do not allow."""
    return _BACKENDS[backend](options)
