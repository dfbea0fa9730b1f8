"""Opus in WebM or Matroska (RFC 8794, RFC 9559), as browsers record it: segments and clusters may have no stated size."""

from collections.abc import Iterator

from av.audio.frame import AudioFrame

from asr_service.demuxers.opus import OPUS_RATE, OpusDecoder, packet_samples
from asr_service.errors import UndecodableAudio

__all__ = ["WebmOpusDemuxer"]

_EBML, _SEGMENT, _CLUSTER, _TRACKS = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1654AE6B
_TRACK_ENTRY, _TRACK_NUMBER, _CODEC, _CODEC_PRIVATE, _ENCODINGS = 0xAE, 0xD7, 0x86, 0x63A2, 0x6D80
_SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK, _DISCARD_PADDING = 0xA3, 0xA0, 0xA1, 0x75A2
_ENTERED = frozenset({_SEGMENT, _CLUSTER})
_READ = frozenset({_EBML, _TRACKS, _SIMPLE_BLOCK, _BLOCK_GROUP})
# Seek head, info, cues, tags, chapters, attachments; of a cluster: time stamp, previous size, position; void and checksum.
_SKIPPED = frozenset(
    {0x114D9B74, 0x1549A966, 0x1C53BB6B, 0x1254C367, 0x1043A770, 0x1941A469, 0xE7, 0xAB, 0xA7, 0xEC, 0xBF}
)
_LONGEST_READ = 1 << 18
"""Bytes; longer blocks are video."""
_MOST_GARBAGE = 1 << 18


def _number(data: bytes | bytearray, place: int, keep_marker: bool = False) -> tuple[int | None, int]:
    """A number of variable length (RFC 8794, section 4) and where it ends.

    The number is None where all its bits are 1, which means an unknown size; the end is 0 where bytes are missing and -1
    where there is none.
    """
    if place >= len(data):
        return 0, 0
    length = 9 - data[place].bit_length()
    if length > 8:
        return 0, -1
    end = place + length
    if end > len(data):
        return 0, 0
    value = int.from_bytes(data[place:end], "big")
    if keep_marker:
        return value, end
    value &= (1 << 7 * length) - 1
    return (None if value == (1 << 7 * length) - 1 else value), end


def _children(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements inside one that was read; UndecodableAudio where they do not fit."""
    place = 0
    while place < len(data):
        kind, after = _number(data, place, keep_marker=True)
        size, begin = _number(data, after) if after > 0 else (None, after)
        if kind is None or size is None or begin <= 0 or begin + size > len(data):
            raise UndecodableAudio("The WebM stream is damaged")
        yield kind, data[begin : begin + size]
        place = begin + size


class WebmOpusDemuxer:
    """One WebM stream; a packet comes out with the last byte of its block."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skip = 0
        self._begun = False
        self._lost = False
        self._garbage = 0
        self._track: int | None = None
        self._decoder: OpusDecoder | None = None

    def push(self, data: bytes) -> Iterator[AudioFrame]:
        """Frames of the blocks that end in `data`; UndecodableAudio where there is no Opus in WebM."""
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        self._buffer += data[skipped:]
        if not self._begun:
            if not _EBML.to_bytes(4, "big").startswith(self._buffer[:4]):
                raise UndecodableAudio("The stream does not begin like a WebM container")
            self._begun = len(self._buffer) >= 4
        while (element := self._element()) is not None:
            yield from self._take(*element)

    def finish(self) -> Iterator[AudioFrame]:
        """What the decoder held back."""
        if self._decoder is not None:
            yield from self._decoder.finish()
            self._decoder = None

    def _element(self) -> tuple[int, bytes] | None:
        """The next element that matters, with its content; None while it is incomplete."""
        while not self._lost or self._found_cluster():
            kind, after = _number(self._buffer, 0, keep_marker=True)
            size, begin = _number(self._buffer, after) if after > 0 else (0, after)
            if begin == 0:
                return None
            if begin < 0 or kind is None or not self._makes_sense(kind, size):
                self._lost = True
                self._drop(1)
                continue
            if kind in _ENTERED:
                del self._buffer[:begin]
                if kind == _CLUSTER and self._track is None:
                    raise UndecodableAudio("The WebM stream holds no Opus track")
                continue
            assert size is not None
            if kind in _READ and size <= _LONGEST_READ:
                if len(self._buffer) < begin + size:
                    return None
                content = bytes(self._buffer[begin : begin + size])
                del self._buffer[: begin + size]
                return kind, content
            here = min(begin + size, len(self._buffer))
            self._skip = begin + size - here
            del self._buffer[:here]
        return None

    @staticmethod
    def _makes_sense(kind: int, size: int | None) -> bool:
        return kind in _ENTERED or (size is not None and (kind in _READ or kind in _SKIPPED))

    def _found_cluster(self) -> bool:
        """Goes on at the next cluster, as Matroska recommends after damage."""
        start = self._buffer.find(_CLUSTER.to_bytes(4, "big"))
        self._drop(start if start >= 0 else max(len(self._buffer) - 3, 0))
        self._lost = start < 0
        return not self._lost

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._garbage += size
        if self._garbage > _MOST_GARBAGE:
            raise UndecodableAudio(f"The WebM stream is damaged: {self._garbage:,} bytes without a block")

    def _take(self, kind: int, content: bytes) -> Iterator[AudioFrame]:
        if kind == _TRACKS:
            yield from self.finish()
            self._track = None
            self._open(content)
        elif kind == _SIMPLE_BLOCK:
            yield from self._block(content, 0)
        elif kind == _BLOCK_GROUP:
            inside = dict(_children(content))
            padding = int.from_bytes(inside.get(_DISCARD_PADDING, b""), "big", signed=True)
            if _BLOCK in inside:
                yield from self._block(inside[_BLOCK], max(padding, 0))

    def _open(self, tracks: bytes) -> None:
        for kind, content in _children(tracks):
            if kind != _TRACK_ENTRY:
                continue
            entry = dict(_children(content))
            if entry.get(_CODEC, b"").rstrip(b"\0") != b"A_OPUS":
                continue
            if _ENCODINGS in entry:
                raise UndecodableAudio("The Opus track of the WebM stream is compressed or encrypted")
            self._track = int.from_bytes(entry.get(_TRACK_NUMBER, b""), "big")
            self._decoder = OpusDecoder(entry.get(_CODEC_PRIVATE, b""))
            return

    def _block(self, content: bytes, padding: int) -> Iterator[AudioFrame]:
        """`padding` is in nanoseconds."""
        track, begin = _number(content, 0)
        if begin <= 0 or len(content) < begin + 3 or track != self._track or self._decoder is None:
            return
        if content[begin + 2] & 0x06:
            raise UndecodableAudio("The WebM stream packs several Opus packets into a block, which is not supported")
        self._garbage = 0
        packet = content[begin + 3 :]
        keep = None
        if padding:
            keep = max(self._decoder.heard + packet_samples(packet) - round(padding * OPUS_RATE / 1e9), 0)
        yield from self._decoder.decode(packet, keep)
