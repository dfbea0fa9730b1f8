"""Settings of the speech service, section `[asr]` of `planerka.toml`."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from mesh.settings import Section

__all__ = ["AsrSettings"]


class AsrSettings(Section):
    """Speech: recognition and diarization."""

    section: ClassVar[str] = "asr"

    listen: str = Field("127.0.0.1:7071", description="Address that the service listens on.")
    threads: int = Field(0, ge=0, le=256, description="Processor threads for models; 0 for all cores.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="Where models run: `cpu`, `cuda` with the gpu extra, `auto` for a GPU where one can be used.",
    )
    backend: Literal["auto", "faster-whisper", "gigaam"] = Field(
        "auto",
        description="Engine of speech to text: `faster-whisper`, `gigaam` (Russian only), `auto` for GigaAM where the speech is "
        "Russian and `gigaam_model` was pulled, and Whisper for all else.",
    )
    transcription_model: str = Field("whisper-base", description="Whisper model, by its name in the model store.")
    gigaam_model: str = Field("gigaam-v3-e2e-rnnt", description="GigaAM model, by its name in the model store.")
    compute_type: Literal["auto", "int8", "int8_float16", "float16", "float32"] = Field(
        "auto", description="Number format of Whisper's weights; `auto` is int8 on the processor and float16 on a GPU."
    )
    beam_size: int = Field(8, ge=1, le=20, description="Hypotheses kept while decoding; 1 is greedy, fast and worse.")
    likely_languages: tuple[str, ...] = Field(
        ("ru", "en"),
        description="ISO 639-1 codes; where the language is doubtful, one of these is taken. Others are heard all the same.",
    )
    vad_model: str = Field("silero-vad", description="Model of voice activity.")
    diarization: Literal["onnx", "sortformer"] = Field(
        "onnx",
        description="Who speaks when in a whole recording: `onnx`, or NVIDIA's `sortformer` with the nemo extra, best on a GPU.",
    )
    sortformer_model: str = Field(
        "sortformer-4spk-v2.1",
        description="Sortformer model, by its name in the model store, or a path that ends in .nemo.",
    )
    segmentation_model: str = Field("pyannote-segmentation-3.0", description="Model of speaker changes and overlap.")
    embedding_model: str = Field("campplus-zh-en-192", description="Model of voice embeddings.")
    segmentation_step: float = Field(
        1.0,
        ge=0.1,
        le=5.0,
        description="Seconds between segmentation windows; 0.5 doubles that part of the work for little.",
    )
    work_folder: Path | None = Field(None, description="Folder for audio in work; none for `asr` in the home folder.")
    state: Path | None = Field(
        None, description="Folder of enrolled voices and their key file; none for `asr` in the home folder."
    )
    voices_key: SecretStr = Field(
        SecretStr(""),
        description="Key of the enrolled voices, 32 bytes in base64; empty for the file `voices.key`, made when missing.",
    )
    voices_previous_key: SecretStr = Field(
        SecretStr(""),
        description="Key before `voices_key`; what it sealed is sealed anew at the start, then it can go.",
    )
    voice_confidence: float = Field(
        0.9, ge=0.5, le=1.0, description="Probability from which a speaker is taken for an enrolled person."
    )
    max_hours: float = Field(6.0, gt=0, description="Longest recording in hours that is accepted.")
    max_streams: int = Field(8, ge=1, description="Live streams at once.")
    draft_streams: int = Field(
        -1,
        ge=-1,
        description="Live streams at once whose words become stable sooner and change less, for more work; "
        "-1 for one for every two processor cores, and for all on a GPU.",
    )
    resume_minutes: float = Field(10.0, gt=0, description="Minutes for which a broken live stream can be resumed.")
    finished_minutes: float = Field(
        2.0,
        ge=0,
        description="Minutes for which a client that missed the end of a live stream can come back for it; the audio goes at once.",
    )
    interim_seconds: float = Field(
        0.4, ge=0.2, description="Least seconds of audio between two provisional versions of a running turn."
    )
    max_load: float = Field(
        0.9, gt=0, description="Share of its time that all live streams may take before another one is refused."
    )
    max_lag: float = Field(
        30.0, gt=1, description="Seconds that transcription may be behind before acknowledgements are withheld."
    )
