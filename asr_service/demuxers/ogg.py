"""Opus in Ogg (RFC 3533, RFC 7845): pages are checked, damaged ones skipped, and streams may follow each other."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from av.audio.frame import AudioFrame

from asr_service.demuxers.opus import OPUS_RATE, OpusDecoder, packet_samples
from asr_service.errors import UndecodableAudio

__all__ = ["OggOpusDemuxer"]

_CAPTURE = b"OggS"
_HEADER = 27
_MOST_GARBAGE = 1 << 18
"""Bytes without a page (more than four of the longest) after which the stream is given up."""
_FALSE_PAGE = 1 << 12
_LONGEST_PACKET = 1 << 18
_MOST_LOST = 30 * OPUS_RATE
"""Longest gap, in samples, that becomes silence; a longer one is a jump."""
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class _Page:
    flags: int
    granule: int
    """Samples to the end of the last packet that ends here; -1 where none does."""
    serial: int
    number: int
    lacing: bytes
    body: bytes


def _checksum(page: bytes) -> int:
    """Ogg's CRC-32 is zlib's with mirrored bits, begun with 0 and not inverted."""
    value = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)


class OggOpusDemuxer:
    """One Ogg stream; packets come out with the page that ends them."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._garbage = 0
        self._begun = False
        self._serial: int | None = None
        self._next_page = 0
        self._packet = bytearray()
        self._packets = 0
        self._decoder: OpusDecoder | None = None
        self._base: int | None = None
        """Granule position at which the stream begins: not 0 for one that was joined late."""

    def push(self, data: bytes) -> Iterator[AudioFrame]:
        """Frames of the pages that end in `data`; UndecodableAudio where there is no Opus in Ogg."""
        self._buffer += data
        if not self._begun:
            if not _CAPTURE.startswith(self._buffer[:4]):
                raise UndecodableAudio("The stream does not begin like an Ogg container")
            self._begun = len(self._buffer) >= len(_CAPTURE)
        while (page := self._page()) is not None:
            yield from self._take(page)

    def finish(self) -> Iterator[AudioFrame]:
        """What the decoder held back."""
        if self._decoder is not None:
            yield from self._decoder.finish()
            self._decoder = None

    def _page(self) -> _Page | None:
        """The next whole page whose checksum is right; None while it is incomplete."""
        buffer = self._buffer
        while True:
            start = buffer.find(_CAPTURE)
            self._drop(start if start >= 0 else max(len(buffer) - 3, 0))
            if start < 0 or len(buffer) < _HEADER or len(buffer) < _HEADER + buffer[26]:
                return None
            body = _HEADER + buffer[26]
            lacing = bytes(buffer[_HEADER:body])
            end = body + sum(lacing)
            if len(buffer) < end:
                return None
            raw = bytes(buffer[:end])
            if buffer[4] == 0 and _checksum(raw[:22] + bytes(4) + raw[26:]) == int.from_bytes(raw[22:26], "little"):
                del buffer[:end]
                self._garbage = max(self._garbage - end, 0)
                granule = int.from_bytes(raw[6:14], "little", signed=True)
                serial, number = (int.from_bytes(raw[place : place + 4], "little") for place in (14, 18))
                return _Page(raw[5], granule, serial, number, lacing, raw[body:])
            self._drop(len(_CAPTURE))
            # A false page costs as much as a whole one, so few of them are looked at.
            self._garbage += _FALSE_PAGE

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._garbage += size
        if self._garbage > _MOST_GARBAGE:
            raise UndecodableAudio(f"The Ogg stream is damaged: {self._garbage:,} bytes without a page")

    def _take(self, page: _Page) -> Iterator[AudioFrame]:
        if page.flags & _FIRST:
            if not page.body.startswith(b"OpusHead"):
                # Another track, such as video; if none is Opus, the first page with data tells.
                return
            yield from self.finish()
            self._serial, self._next_page = page.serial, page.number
            self._packets, self._base = 0, None
            self._packet.clear()
        elif self._serial is None:
            raise UndecodableAudio("The Ogg stream holds no Opus")
        if page.serial != self._serial:
            return
        if page.number != self._next_page or not page.flags & _CONTINUED:
            self._packet.clear()
        lost_beginning = bool(page.flags & _CONTINUED) and not self._packet
        self._next_page = page.number + 1 & 0xFFFFFFFF
        packets = self._split(page, lost_beginning)
        if self._base is None and self._packets + len(packets) > 2:
            heard = sum(packet_samples(packet) for packet in packets[max(2 - self._packets, 0) :])
            self._base = 0 if page.flags & _LAST else max(page.granule - heard, 0)
        last = None
        if page.granule >= 0 and self._base is not None and self._decoder is not None and self._packets >= 2:
            end = page.granule - self._base - self._decoder.pre_skip
            last = max(end, 0) if page.flags & _LAST else None
            missing = end - self._decoder.heard - sum(map(packet_samples, packets))
            if 0 < missing <= _MOST_LOST:
                # Pages were lost; the times after them stay right.
                yield from self._decoder.skip(missing)
        for packet in packets:
            self._packets += 1
            if self._packets == 1:
                self._decoder = OpusDecoder(packet)
            elif self._packets > 2 and self._decoder is not None:
                yield from self._decoder.decode(packet, last)
        if page.flags & _LAST and self._decoder is not None:
            yield from self._decoder.finish()
            self._decoder = None

    def _split(self, page: _Page, lost_beginning: bool) -> list[bytes]:
        """The packets that end in a page; one that goes on is kept."""
        packets = []
        place = 0
        for size in page.lacing:
            self._packet += page.body[place : place + size]
            place += size
            if size < 255:
                if not lost_beginning:
                    packets.append(bytes(self._packet))
                lost_beginning = False
                self._packet.clear()
        if len(self._packet) > _LONGEST_PACKET:
            raise UndecodableAudio("The Ogg stream is damaged: a packet does not end")
        return packets
