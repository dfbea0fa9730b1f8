"""All models of the service, loaded once."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asr_service.adapters import ModelOptions, open_model, open_whisper
from asr_service.adapters.faster_whisper import FasterWhisper
from asr_service.adapters.routed import RoutedModel
from asr_service.adapters.sortformer import Sortformer
from asr_service.audio import SAMPLE_RATE
from asr_service.clustering import load_nemo, load_nemo_online
from asr_service.embedding import VoiceEncoder
from asr_service.end_to_end import EndToEndModel
from asr_service.errors import DeviceMissing
from asr_service.onnx import resolve_device
from asr_service.segmentation import SpeakerSegmenter
from asr_service.settings import AsrSettings
from asr_service.transcriber import DecodingTask, SpeechModel
from asr_service.vad import VadSettings, VoiceDetector
from models import State, Store

__all__ = ["Engine", "ModelInUse", "load_engine"]


@dataclass(frozen=True)
class ModelInUse:
    """A loaded model, as clients are told of it."""

    task: str
    """Such as `transcription` or `segmentation`."""
    model_id: str
    """Name in the model store."""
    device: str
    languages: frozenset[str] = frozenset()
    """Languages that it is used for; empty for all."""


@dataclass(frozen=True)
class Engine:
    """The loaded models and how they are used."""

    speech: SpeechModel
    detector: VoiceDetector
    segmenter: SpeakerSegmenter
    encoder: VoiceEncoder
    vad: VadSettings
    segmentation_step: float
    """Seconds between segmentation windows."""
    voice_confidence: float
    """Probability from which a speaker is taken for an enrolled person."""
    max_seconds: float
    """Longest recording that is accepted."""
    models: tuple[ModelInUse, ...] = ()
    end_to_end: EndToEndModel | None = None
    """Diarizes whole recordings instead of segmenter and clustering, where the settings say so."""


def load_engine(settings: AsrSettings, store: Store) -> Engine:
    """Loads every model from the model store; takes a few seconds.

    Raises:
        models.ModelMissing: A model was not pulled.
        DeviceMissing: The settings ask for a GPU that cannot be used.
        EngineMissing: The settings ask for an engine that this installation cannot run.
    """
    threads = settings.threads or len(os.sched_getaffinity(0))
    load_nemo()
    load_nemo_online()
    speech, models = _speech(settings, store, threads)
    onnx_device = resolve_device(settings.device, onnx_only=True)
    end_to_end = _sortformer(settings, store) if settings.diarization == "sortformer" else None
    if end_to_end is not None:
        models.append(ModelInUse("diarization", settings.sortformer_model, end_to_end.device))
    models += [
        ModelInUse("voice-activity", settings.vad_model, "cpu"),
        ModelInUse("segmentation", settings.segmentation_model, onnx_device),
        ModelInUse("speaker-embedding", settings.embedding_model, onnx_device),
    ]
    return Engine(
        speech=speech,
        # Always on the processor: its steps are so small that the way to a GPU and back would take longer.
        detector=VoiceDetector(store.path(settings.vad_model)),
        segmenter=SpeakerSegmenter(store.path(settings.segmentation_model), threads, onnx_device),
        encoder=VoiceEncoder(store.path(settings.embedding_model), threads, onnx_device),
        vad=VadSettings(),
        segmentation_step=settings.segmentation_step,
        voice_confidence=settings.voice_confidence,
        max_seconds=settings.max_hours * 3600,
        models=tuple(models),
        end_to_end=end_to_end,
    )


def _whisper(wanted: str, opened: Callable[[str], FasterWhisper]) -> FasterWhisper:
    """Whisper on the wanted device; CTranslate2 sees a GPU also where its libraries are missing, and fails only in use."""
    device = resolve_device(wanted)
    if device == "cuda":
        try:
            whisper = opened("cuda")
            whisper.decode(np.zeros(SAMPLE_RATE, dtype=np.float32), DecodingTask("en", fast=True))
        except RuntimeError as error:
            if wanted == "cuda":
                raise DeviceMissing(f"CTranslate2 cannot use the GPU: {error}") from error
        else:
            return whisper
    return opened("cpu")


def _sortformer(settings: AsrSettings, store: Store) -> Sortformer:
    path = Path(settings.sortformer_model)
    if path.suffix != ".nemo":
        path = store.path(settings.sortformer_model) / "model.nemo"
    return Sortformer(path, settings.device)


def _speech(settings: AsrSettings, store: Store, threads: int) -> tuple[SpeechModel, list[ModelInUse]]:
    """The engine or engines of speech to text that settings, store and hardware call for."""

    def options(model_id: str, device: str) -> ModelOptions:
        return ModelOptions(
            store.path(model_id),
            device,
            settings.compute_type,
            threads,
            settings.beam_size,
            settings.likely_languages,
        )

    def in_use(model_id: str, model: SpeechModel, languages: frozenset[str]) -> ModelInUse:
        return ModelInUse("transcription", model_id, model.device, languages)

    whisper_id, gigaam_id = settings.transcription_model, settings.gigaam_model
    if settings.backend == "gigaam":
        only = open_model("gigaam", options(gigaam_id, settings.device))
        return only, [in_use(gigaam_id, only, only.languages)]
    whisper = _whisper(settings.device, lambda device: open_whisper(options(whisper_id, device)))
    if settings.backend == "faster-whisper" or store.status(gigaam_id).state is not State.PRESENT:
        return whisper, [in_use(whisper_id, whisper, whisper.languages)]
    gigaam = open_model("gigaam", options(gigaam_id, settings.device))
    return RoutedModel(whisper, [gigaam]), [
        in_use(whisper_id, whisper, whisper.languages - gigaam.languages),
        in_use(gigaam_id, gigaam, gigaam.languages),
    ]
