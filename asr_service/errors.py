"""Errors of the speech service; those of missing models are the model store's.

PlanerkaError
├── InvalidArgument
│   ├── AudioUnusable            nothing can be recognised in this input
│   │   ├── EmptyAudio           EMPTY_AUDIO
│   │   ├── UndecodableAudio     UNDECODABLE_AUDIO
│   │   ├── NoAudioTrack         NO_AUDIO_TRACK
│   │   ├── TruncatedAudio       TRUNCATED_AUDIO
│   │   ├── AudioTooLong         AUDIO_TOO_LONG
│   │   ├── TooManyChannels      TOO_MANY_CHANNELS
│   │   └── UploadTooLarge       UPLOAD_TOO_LARGE
│   ├── SampleUnusable           no voice can be learned from this sample
│   │   ├── TooLittleSpeech      TOO_LITTLE_SPEECH
│   │   └── SeveralVoices        SEVERAL_VOICES
│   ├── UnknownLanguage          UNKNOWN_LANGUAGE
│   └── StreamBroken             OUT_OF_ORDER, MISPLACED_MESSAGE
├── NotFound
│   ├── UnknownStream            UNKNOWN_RESUME_TOKEN
│   └── VoiceNotFound            VOICE_NOT_FOUND
├── FailedPrecondition
│   ├── DeviceMissing            DEVICE_MISSING
│   ├── EngineMissing            ENGINE_MISSING
│   ├── VoicesLocked             VOICES_LOCKED
│   └── VoiceKeyInvalid          VOICE_KEY_INVALID
├── Exhausted
│   ├── TooManyStreams           TOO_MANY_STREAMS
│   └── DiskFull                 DISK_FULL
└── Conflict
    └── StreamTaken              STREAM_TAKEN_OVER
"""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from mesh.errors import Conflict, Exhausted, FailedPrecondition, InvalidArgument, NotFound, Violation

__all__ = [
    "AudioTooLong",
    "AudioUnusable",
    "DeviceMissing",
    "DiskFull",
    "EmptyAudio",
    "EngineMissing",
    "NoAudioTrack",
    "Overloaded",
    "SampleUnusable",
    "SeveralVoices",
    "StreamBroken",
    "StreamTaken",
    "TooLittleSpeech",
    "TooManyChannels",
    "TooManyStreams",
    "TruncatedAudio",
    "UndecodableAudio",
    "UnknownLanguage",
    "UnknownStream",
    "UploadTooLarge",
    "VoiceKeyInvalid",
    "VoiceNotFound",
    "VoicesLocked",
]


class AudioUnusable(InvalidArgument):
    """The input holds no audio that can be recognised."""

    default_reason = "AUDIO_UNUSABLE"


class EmptyAudio(AudioUnusable):
    """There are no bytes, or no samples."""

    default_reason = "EMPTY_AUDIO"

    def __init__(self) -> None:
        super().__init__("The recording is empty. Check that it was saved and uploaded completely.")


class UndecodableAudio(AudioUnusable):
    """The bytes are no audio in any format that can be read.

    Attributes:
        what: What was found, without advice and without a full stop.
    """

    default_reason = "UNDECODABLE_AUDIO"

    def __init__(self, what: str = "The file is no audio that can be decoded, whatever its name says") -> None:
        self.what = what
        super().__init__(f"{what}. WAV, FLAC, MP3, M4A, Ogg, Opus and WebM work.")


class NoAudioTrack(AudioUnusable):
    """A container without an audio track."""

    default_reason = "NO_AUDIO_TRACK"

    def __init__(self) -> None:
        super().__init__("The file has no audio track. Check that sound was recorded.")


class TruncatedAudio(AudioUnusable):
    """The file ends before the length that its header states, or is mostly damaged.

    Attributes:
        decoded: Seconds that could be decoded.
        declared: Seconds that the header states, where it does.
    """

    default_reason = "TRUNCATED_AUDIO"

    def __init__(self, decoded: float, declared: float | None) -> None:
        self.decoded = decoded
        self.declared = declared
        stated = "" if declared is None else f" of {declared:.0f}"
        super().__init__(
            f"The file is cut off or damaged: only {decoded:.0f}{stated} seconds can be decoded. Upload it again; if the "
            "original is cut off too, convert it first, for instance with `ffmpeg -i in.wav out.flac`.",
            metadata={"decodedSeconds": f"{decoded:.3f}"}
            | ({} if declared is None else {"declaredSeconds": f"{declared:.3f}"}),
        )


class AudioTooLong(AudioUnusable):
    """The recording is longer than the service accepts."""

    default_reason = "AUDIO_TOO_LONG"

    def __init__(self, limit: float) -> None:
        super().__init__(
            f"The recording is longer than {_length(limit)}, the limit here. Cut it into parts.",
            metadata={"maxSeconds": f"{limit:g}"},
        )


class TooManyChannels(AudioUnusable):
    """The recording has more channels than can be told apart."""

    default_reason = "TOO_MANY_CHANNELS"

    def __init__(self, channels: int, most: int) -> None:
        super().__init__(
            f"The recording has {channels} channels; one speaker a channel works with up to {most}. "
            "Use CHANNEL_MODE_MIX, or send fewer channels.",
            metadata={"maxChannels": str(most)},
        )


class UploadTooLarge(AudioUnusable):
    """A sample of a voice has more bytes than ten minutes of any sound need."""

    default_reason = "UPLOAD_TOO_LARGE"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The file has more than {limit >> 20} MiB, the limit for a sample. Some seconds of speech are enough.",
            metadata={"maxBytes": str(limit)},
        )


class UnknownLanguage(InvalidArgument):
    """The configured language is not one that the model knows."""

    default_reason = "UNKNOWN_LANGUAGE"

    def __init__(self, language: str, known: Iterable[str]) -> None:
        super().__init__(
            f"The language {language!r} is unknown. Give an ISO 639-1 code such as `ru` or `en`, or nothing to detect it.",
            violations=[Violation("recognition.language", "must be empty or one of " + ", ".join(sorted(known)))],
        )


class DeviceMissing(FailedPrecondition):
    """The settings ask for a GPU that cannot be used."""

    default_reason = "DEVICE_MISSING"

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"`device` in [asr] is `cuda`, but {cause}. Install the extra `gpu` (pip install 'planerka[gpu]') and NVIDIA's "
            "driver, or set `device` to `auto` or `cpu`."
        )


class EngineMissing(FailedPrecondition):
    """The settings ask for an engine that this installation cannot run, or whose model it cannot read."""

    default_reason = "ENGINE_MISSING"


class StreamBroken(InvalidArgument):
    """A message of a live stream that does not follow from those before it."""

    default_reason = "MISPLACED_MESSAGE"


class UnknownStream(NotFound):
    """A resume token that was never given out, or whose stream has expired."""

    default_reason = "UNKNOWN_RESUME_TOKEN"

    def __init__(self) -> None:
        super().__init__("This stream is unknown or has expired. Open a new one and send the audio again.")


class StreamTaken(Conflict):
    """Another connection has gone on with this stream."""

    default_reason = "STREAM_TAKEN_OVER"

    def __init__(self) -> None:
        super().__init__("Another connection has resumed this stream; this one ends.")


class TooManyStreams(Exhausted):
    """The service has as many live streams as it may have."""

    default_reason = "TOO_MANY_STREAMS"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"All {limit} live streams of this service are taken. Try again, or start another replica.",
            retry_after=timedelta(seconds=5),
            metadata={"maxStreams": str(limit)},
        )


class Overloaded(Exhausted):
    """Another live stream would make those that are open fall behind."""

    default_reason = "OVERLOADED"

    def __init__(self, streams: int) -> None:
        super().__init__(
            f"The {streams} live streams of this service take all of its time. Try again, or start another replica.",
            retry_after=timedelta(seconds=10),
            metadata={"openStreams": str(streams)},
        )


class DiskFull(Exhausted):
    """The recording cannot be written."""

    default_reason = "DISK_FULL"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"There is no space left in {folder}. Free some, or set `work_folder` in [asr] to another disk.",
            retry_after=timedelta(seconds=30),
        )


class SampleUnusable(InvalidArgument):
    """No voice can be learned from this sample."""

    default_reason = "SAMPLE_UNUSABLE"


class TooLittleSpeech(SampleUnusable):
    """The sample holds less speech than a voice can be learned from.

    Attributes:
        seconds: Speech that was found.
    """

    default_reason = "TOO_LITTLE_SPEECH"

    def __init__(self, seconds: float, needed: float) -> None:
        self.seconds = seconds
        super().__init__(
            f"The sample holds {seconds:.1f} seconds of speech; at least {needed:g} are needed, and 10 to 30 are best. Record "
            "more, close to the microphone.",
            metadata={"speechSeconds": f"{seconds:.3f}", "neededSeconds": f"{needed:g}"},
        )


class SeveralVoices(SampleUnusable):
    """More than one person speaks in the sample.

    Attributes:
        voices: How many were told apart.
    """

    default_reason = "SEVERAL_VOICES"

    def __init__(self, voices: int) -> None:
        self.voices = voices
        super().__init__(
            f"{voices} voices speak in the sample, so it is not clear whose it is. Give a recording of this person alone.",
            metadata={"voices": str(voices)},
        )


class VoiceNotFound(NotFound):
    """There is no enrolled voice of this person in the workspace."""

    default_reason = "VOICE_NOT_FOUND"

    def __init__(self, person_id: str) -> None:
        super().__init__(
            f"No voice of {person_id!r} is enrolled in this workspace; `planerka people voices` lists those that are.",
            resource=("voice", person_id),
        )


class VoicesLocked(FailedPrecondition):
    """An embedding on disk cannot be decrypted: the key is another one, or the row was changed."""

    default_reason = "VOICES_LOCKED"

    def __init__(self) -> None:
        super().__init__(
            "Enrolled voices cannot be decrypted with the key at hand. Restore `voices.key`, or set `voices_key` and "
            "`voices_previous_key` in [asr]; or forget the voices and enroll them anew."
        )


class VoiceKeyInvalid(FailedPrecondition):
    """The key of the voices cannot be used. Shows where it stands, never the key."""

    default_reason = "VOICE_KEY_INVALID"

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"The key of the enrolled voices in {where} cannot be used: {why}.")


def _length(seconds: float) -> str:
    return f"{seconds / 3600:g} hours" if seconds >= 3600 else f"{seconds / 60:g} minutes"
