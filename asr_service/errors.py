"""Errors of the speech service; those of missing models are the model store's.

PlanerkaError
├── InvalidArgument
│   ├── AudioUnusable            nothing can be recognised in this input
│   │   ├── EmptyAudio           EMPTY_AUDIO
│   │   ├── UndecodableAudio     UNDECODABLE_AUDIO
│   │   ├── NoAudioTrack         NO_AUDIO_TRACK
│   │   ├── TruncatedAudio       TRUNCATED_AUDIO
│   │   ├── AudioTooLong         AUDIO_TOO_LONG
│   │   └── TooManyChannels      TOO_MANY_CHANNELS
│   ├── UnknownLanguage          UNKNOWN_LANGUAGE
│   └── StreamBroken             OUT_OF_ORDER, MISPLACED_MESSAGE
├── NotFound
│   └── UnknownStream            UNKNOWN_RESUME_TOKEN
├── Exhausted
│   ├── TooManyStreams           TOO_MANY_STREAMS
│   └── DiskFull                 DISK_FULL
├── Conflict
│   └── StreamTaken              STREAM_TAKEN_OVER
└── Unimplemented                NOT_BUILT_YET
"""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from mesh.errors import Conflict, Exhausted, InvalidArgument, NotFound, Violation

__all__ = [
    "AudioTooLong",
    "AudioUnusable",
    "DiskFull",
    "EmptyAudio",
    "NoAudioTrack",
    "Overloaded",
    "StreamBroken",
    "StreamTaken",
    "TooManyChannels",
    "TooManyStreams",
    "TruncatedAudio",
    "UndecodableAudio",
    "UnknownLanguage",
    "UnknownStream",
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
            f"The recording is longer than {limit / 3600:g} hours, the limit of this service. Cut it into parts.",
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


class UnknownLanguage(InvalidArgument):
    """The configured language is not one that the model knows."""

    default_reason = "UNKNOWN_LANGUAGE"

    def __init__(self, language: str, known: Iterable[str]) -> None:
        super().__init__(
            f"The language {language!r} is unknown. Give an ISO 639-1 code such as `ru` or `en`, or nothing to detect it.",
            violations=[Violation("recognition.language", "must be empty or one of " + ", ".join(sorted(known)))],
        )


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
