"""All models of the service, loaded once."""

import os
from dataclasses import dataclass

from asr_service.adapters import ModelOptions, open_model
from asr_service.clustering import load_nemo
from asr_service.embedding import VoiceEncoder
from asr_service.segmentation import SpeakerSegmenter
from asr_service.settings import AsrSettings
from asr_service.transcriber import SpeechModel
from asr_service.vad import VadSettings, VoiceDetector
from models import Store

__all__ = ["Engine", "load_engine"]


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


def load_engine(settings: AsrSettings, store: Store) -> Engine:
    """Loads every model from the model store; takes a few seconds.

    Raises:
        models.ModelMissing: A model was not pulled.
    """
    threads = settings.threads or len(os.sched_getaffinity(0))
    load_nemo()
    speech = open_model(
        settings.backend,
        ModelOptions(
            store.path(settings.transcription_model),
            settings.device,
            settings.compute_type,
            threads,
            settings.beam_size,
        ),
    )
    return Engine(
        speech=speech,
        detector=VoiceDetector(store.path(settings.vad_model)),
        segmenter=SpeakerSegmenter(store.path(settings.segmentation_model), threads),
        encoder=VoiceEncoder(store.path(settings.embedding_model), threads),
        vad=VadSettings(),
        segmentation_step=settings.segmentation_step,
        voice_confidence=settings.voice_confidence,
        max_seconds=settings.max_hours * 3600,
    )
