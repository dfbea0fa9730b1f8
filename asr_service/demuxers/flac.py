"""Native FLAC (RFC 9639), frame by frame: a frame has no length, but its checksum tells where it ends."""

from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame

from asr_service.demuxers import silence
from asr_service.errors import UndecodableAudio

__all__ = ["FlacDemuxer"]

_MAGIC = b"fLaC"
_STREAM_INFO = 34
_MOST_GARBAGE = 1 << 18
_MOST_CREDIT = 1 << 20
_RESCANS = 4
"""Bytes that may be looked at again for each byte of a good frame."""
_MOST_ENDS = 16
"""Places at which a frame may seem to end; a checksum of 16 bits is right by chance once in 65,536 bytes."""
_MOST_LOST_SECONDS = 30
"""Longest gap that becomes silence; a longer one is a jump."""
_RATES = (0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000)
_BITS = (0, 8, 12, 0, 16, 20, 24, 32)


def _table(polynomial: int, width: int) -> tuple[int, ...]:
    top, mask = 1 << width - 1, (1 << width) - 1
    values = []
    for byte in range(256):
        value = byte << width - 8
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
        values.append(value)
    return tuple(values)


_CRC8 = _table(0x07, 8)
_CRC16 = _table(0x8005, 16)


@dataclass(frozen=True)
class _Stream:
    """What the first metadata block tells."""

    info: bytes

    @property
    def block(self) -> int:
        """Samples of a frame where all but the last have the same."""
        return int.from_bytes(self.info[2:4], "big")

    @property
    def rate(self) -> int:
        return int.from_bytes(self.info[10:13], "big") >> 4

    @property
    def channels(self) -> int:
        return (self.info[12] >> 1 & 7) + 1

    @property
    def bits(self) -> int:
        return ((self.info[12] & 1) << 4 | self.info[13] >> 4) + 1


@dataclass(frozen=True)
class _Header:
    """The beginning of a frame."""

    first: int
    """Its first sample, counted from the beginning of the recording."""
    samples: int


class _Incomplete(Exception):
    """A header continues in bytes that have not come."""


def _header(data: bytearray, place: int, stream: _Stream) -> _Header | None:
    """The frame header at a place; None where there is none that belongs to the stream."""
    if data[place] != 0xFF or (len(data) > place + 1 and data[place + 1] & 0xFE != 0xF8):
        return None
    if len(data) <= place + 4:
        raise _Incomplete
    size_code, rate_code = data[place + 2] >> 4, data[place + 2] & 15
    channel_code, bits_code = data[place + 3] >> 4, data[place + 3] >> 1 & 7
    if not size_code or rate_code == 15 or channel_code > 10 or bits_code == 3 or data[place + 3] & 1:
        return None
    channels = 2 if channel_code >= 8 else channel_code + 1
    if channels != stream.channels or (bits_code and _BITS[bits_code] != stream.bits):
        return None
    # The number of the frame or sample is written like a character of UTF-8, in up to seven bytes.
    lead = data[place + 4]
    length = 8 - (lead ^ 0xFF).bit_length()
    if length in (1, 8):
        return None
    size_place = place + 4 + max(length, 1)
    rate_place = size_place + {6: 1, 7: 2}.get(size_code, 0)
    end = rate_place + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if len(data) <= end:
        raise _Incomplete
    check = 0
    for byte in data[place : end + 1]:
        check = _CRC8[check ^ byte]
    told = int.from_bytes(data[rate_place:end], "big")
    rate = told * (1000, 1, 10)[rate_code - 12] if rate_code >= 12 else _RATES[rate_code]
    if check or (rate and rate != stream.rate):
        return None
    number = lead & (0x7F >> length)
    for byte in data[place + 5 : size_place]:
        number = number << 6 | byte & 0x3F
    if size_code == 1:
        samples = 192
    elif size_code <= 5:
        samples = 576 << size_code - 2
    elif size_code <= 7:
        samples = int.from_bytes(data[size_place:rate_place], "big") + 1
    else:
        samples = 256 << size_code - 8
    return _Header(number if data[place + 1] & 1 else number * stream.block, samples)


class FlacDemuxer:
    """One FLAC stream; each frame comes out with its last byte.

    A damaged frame becomes silence of its length, and another stream may follow the first.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skip = 0
        self._stream: _Stream | None = None
        self._context: AudioCodecContext | None = None
        self._in_metadata = False
        self._next_sample: int | None = None
        self._garbage = 0
        self._credit = _MOST_CREDIT
        """Bytes that may still be looked at again."""
        self._header: _Header | None = None
        self._scanned = self._checksum = self._ends = 0

    def push(self, data: bytes) -> Iterator[AudioFrame]:
        """Frames that end in `data`; UndecodableAudio where there is no FLAC."""
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        self._buffer += data[skipped:]
        try:
            while True:
                if self._stream is None or self._in_metadata:
                    self._read_metadata()
                elif self._header is None:
                    self._find_frame(self._stream)
                else:
                    frame = self._frame(self._stream, self._header)
                    if frame is not None:
                        yield from frame
        except _Incomplete:
            return

    def finish(self) -> Iterator[AudioFrame]:
        """Nothing: a frame without its end cannot be decoded."""
        return iter(())

    def _read_metadata(self) -> None:
        """Takes the marker of the stream, or one of its metadata blocks."""
        buffer = self._buffer
        if not self._in_metadata:
            if not _MAGIC.startswith(buffer[:4]):
                raise UndecodableAudio("The stream does not begin like FLAC")
            self._need(4)
            self._stream = None
            self._in_metadata = True
            del buffer[:4]
        self._need(4)
        kind, size = buffer[0] & 0x7F, int.from_bytes(buffer[1:4], "big")
        if self._stream is None:
            if kind != 0 or size != _STREAM_INFO:
                raise UndecodableAudio("The FLAC stream does not begin with its description")
            self._need(4 + size)
            self._open(_Stream(bytes(buffer[4 : 4 + size])))
        self._in_metadata = not buffer[0] & 0x80
        here = min(4 + size, len(buffer))
        # Pictures may have megabytes; they are passed over without gathering them.
        self._skip = 4 + size - here
        del buffer[:here]

    def _open(self, stream: _Stream) -> None:
        if stream.rate == 0 or stream.block == 0:
            raise UndecodableAudio("The FLAC stream states no sample rate")
        self._stream = stream
        self._next_sample = None
        self._context = AudioCodecContext.create("flac", "r")
        self._context.extradata = stream.info
        try:
            self._context.open()
        except av.error.FFmpegError as error:
            raise UndecodableAudio("The description of the FLAC stream is damaged") from error

    def _need(self, size: int) -> None:
        if len(self._buffer) < size:
            raise _Incomplete

    def _find_frame(self, stream: _Stream) -> None:
        """Goes to the next frame, which follows at once where nothing is damaged."""
        buffer = self._buffer
        place = 0
        while place < len(buffer):
            if _MAGIC.startswith(buffer[place : place + 4]):
                self._drop(place)
                self._need(4)
                self._stream = None
                return
            try:
                self._header = _header(buffer, place, stream)
            except _Incomplete:
                self._drop(place)
                raise
            if self._header is not None:
                self._drop(place)
                self._scanned = self._checksum = self._ends = 0
                return
            marks = (buffer.find(mark, place + 1) for mark in (b"\xff", _MAGIC[:1]))
            place = min((mark for mark in marks if mark >= 0), default=len(buffer))
        self._drop(place)
        raise _Incomplete

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._garbage += size
        if self._garbage > _MOST_GARBAGE:
            raise UndecodableAudio(f"The FLAC stream is damaged: {self._garbage:,} bytes without a frame")

    def _frame(self, stream: _Stream, header: _Header) -> list[AudioFrame] | None:
        """The frame at the beginning of the buffer, after the silence of those lost before; None where it is damaged."""
        # Encoders store samples as they are where nothing else is shorter; the difference of two channels has a bit more.
        longest = header.samples * stream.channels * (stream.bits + 1) // 8 + 64
        table, checksum = _CRC16, self._checksum
        with memoryview(self._buffer) as view:
            for place, byte in enumerate(view[self._scanned : longest], self._scanned + 1):
                checksum = table[checksum >> 8 ^ byte] ^ (checksum & 0xFF) << 8
                if checksum or self._ends >= _MOST_ENDS:
                    continue
                self._ends += 1
                frames = self._decode(bytes(view[:place]), header)
                if frames is not None:
                    break
            else:
                self._checksum = checksum
                self._scanned = min(len(view), longest)
                place = 0
        if place:
            del self._buffer[:place]
            self._header = None
            self._garbage = max(self._garbage - place, 0)
            self._credit = min(self._credit + _RESCANS * place, _MOST_CREDIT)
            return [*self._lost(stream, header), *(frames or [])]
        if self._scanned < longest:
            raise _Incomplete
        # The next frame may lie inside what seemed to be this one; but to look for it again and again must stay cheap.
        self._header = None
        if self._credit >= self._scanned:
            self._credit -= self._scanned
            self._drop(1)
        else:
            self._drop(self._scanned)
        return None

    def _decode(self, data: bytes, header: _Header) -> list[AudioFrame] | None:
        assert self._context is not None
        try:
            frames = self._context.decode(av.Packet(data))
        except av.error.FFmpegError:
            return None
        return frames if sum(frame.samples for frame in frames) == header.samples else None

    def _lost(self, stream: _Stream, header: _Header) -> list[AudioFrame]:
        """Silence where frames are missing, so that the times after them stay right."""
        missing = 0 if self._next_sample is None else header.first - self._next_sample
        self._next_sample = header.first + header.samples
        if not 0 < missing <= _MOST_LOST_SECONDS * stream.rate:
            return []
        assert self._context is not None
        assert self._context.format is not None
        return [silence(self._context.format, self._context.layout, missing, stream.rate)]
