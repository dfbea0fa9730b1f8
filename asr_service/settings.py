"""Settings of the speech service, section `[asr]` of `planerka.toml`."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mesh.settings import Section

__all__ = ["AsrSettings"]


class AsrSettings(Section):
    """Speech: recognition and diarization."""

    section: ClassVar[str] = "asr"

    listen: str = Field("127.0.0.1:7071", description="Address that the service listens on.")
    threads: int = Field(0, ge=0, le=256, description="Processor threads for models; 0 for all cores.")
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="Where Whisper runs: `cpu`, or `cuda` with the gpu extra."
    )
    backend: Literal["faster-whisper"] = Field("faster-whisper", description="Engine of speech to text.")
    transcription_model: str = Field(
        "whisper-base", description="Model of speech to text, by its name in the model store."
    )
    compute_type: str = Field("int8", description="Number format of Whisper's weights: `int8`, `float16`, `float32`.")
    beam_size: int = Field(5, ge=1, le=20, description="Hypotheses kept while decoding; 1 is greedy, fast and worse.")
    vad_model: str = Field("silero-vad", description="Model of voice activity.")
    segmentation_model: str = Field("pyannote-segmentation-3.0", description="Model of speaker changes and overlap.")
    embedding_model: str = Field("campplus-zh-en-192", description="Model of voice embeddings.")
    segmentation_step: float = Field(
        0.5,
        ge=0.1,
        le=5.0,
        description="Seconds between segmentation windows; 1.0 halves the work and costs some accuracy.",
    )
    work_folder: Path | None = Field(None, description="Folder for audio in work; none for `asr` in the home folder.")
    max_hours: float = Field(6.0, gt=0, description="Longest recording in hours that is accepted.")
    max_streams: int = Field(8, ge=1, description="Live streams at once.")
    resume_minutes: float = Field(10.0, gt=0, description="Minutes for which a broken live stream can be resumed.")
    interim_seconds: float = Field(
        0.5, ge=0.2, description="Least seconds of audio between two provisional versions of a running turn."
    )
    max_load: float = Field(
        0.9, gt=0, description="Share of its time that all live streams may take before another one is refused."
    )
    max_lag: float = Field(
        30.0, gt=1, description="Seconds that transcription may be behind before acknowledgements are withheld."
    )
