"""What a live stream leaves on the disk, so that it outlives the process: its audio as it came, and what was told of it.

Each stream has a folder with four files. `stream.json` says who may resume it, and how it was configured. `input.log` has every
chunk, flush and end in order; a chunk is acknowledged when it is safe there. `events.log` has the events that a client may ask
for again, `answers.log` the speech model's final answers, so that a stream that is read again costs next to nothing. Once a client has
heard the end, audio and answers go and `finished.json` comes; the events stay a little for a client that lost the connection then.

A record is its kind, a number, the length and the CRC-32 of its data (little-endian, 17 bytes), then the data. A record that was
cut off or damaged at the end of a file was never acknowledged, so it is dropped.
"""

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from planerka.asr.v1 import asr_pb2

from asr_service.transcriber import Decoding, Phrase, Word

__all__ = ["AUDIO", "END", "FLUSH", "KnownAnswers", "StreamJournal", "settled", "token_hash"]

AUDIO, FLUSH, END = 1, 2, 3
_RECORD = struct.Struct("<BQII")
_EVENT, _ANSWER, _RESTART = 4, 5, 6
_FINISHED = "finished.json"


def token_hash(token: str) -> str:
    """What is kept of a resume token; the token itself is a secret of the client."""
    return hashlib.sha256(token.encode()).hexdigest()


def settled(folder: Path) -> bool:
    """Whether the stream in this folder is finished, and its end was told."""
    return (folder / _FINISHED).exists()


class _Log:
    """A file of records that only grows."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        end = 0
        for _, _, data in self.records():
            end += _RECORD.size + len(data)
        os.ftruncate(self._file, end)

    def append(self, kind: int, number: int, data: bytes) -> None:
        view = memoryview(_RECORD.pack(kind, number, len(data), zlib.crc32(data)) + data)
        while view:
            view = view[os.write(self._file, view) :]

    def records(self) -> Iterator[tuple[int, int, bytes]]:
        """Every whole record, from the beginning."""
        place = 0
        while len(head := os.pread(self._file, _RECORD.size, place)) == _RECORD.size:
            kind, number, length, check = _RECORD.unpack(head)
            data = os.pread(self._file, length, place + _RECORD.size)
            if len(data) < length or zlib.crc32(data) != check:
                return
            yield kind, number, data
            place += _RECORD.size + length

    def sync(self) -> None:
        os.fdatasync(self._file)

    def clear(self) -> None:
        """Removes all records."""
        os.ftruncate(self._file, 0)

    def lock(self) -> None:
        """BlockingIOError where another process has the file."""
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @property
    def age(self) -> float:
        """Seconds since something was written."""
        return time.time() - os.fstat(self._file).st_mtime

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class StreamJournal:
    """The folder of one stream; only one process has it open at a time."""

    def __init__(self, folder: Path) -> None:
        """Opens what `create` made.

        Raises:
            FileNotFoundError, ValueError: There is no stream in this folder, or it was never complete.
            BlockingIOError: Another process has it.
        """
        head = json.loads((folder / "stream.json").read_text(encoding="utf-8"))
        self.folder = folder
        self.stream_id = folder.name
        self.token_hash = str(head["token_sha256"])
        self.config = asr_pb2.StreamConfig.FromString(base64.b64decode(head["config"]))
        self.drafts = bool(head.get("drafts", False))
        """Whether the stream gets drafts; kept, for its final words depend on it."""
        self._input = _Log(folder / "input.log")
        try:
            self._input.lock()
        except BlockingIOError:
            self._input.close()
            raise
        self._events = _Log(folder / "events.log")
        self._answers = _Log(folder / "answers.log")

    @classmethod
    def create(
        cls, root: Path, stream_id: str, token: str, config: asr_pb2.StreamConfig, *, drafts: bool = False
    ) -> Self:
        """A new stream; OSError where it cannot be written."""
        folder = root / stream_id
        folder.mkdir(mode=0o700)
        head = {
            "token_sha256": token_hash(token),
            "config": base64.b64encode(config.SerializeToString(deterministic=True)).decode(),
            "drafts": drafts,
        }
        partial = folder / "stream.json.partial"
        partial.write_text(json.dumps(head), encoding="utf-8")
        partial.rename(folder / "stream.json")
        return cls(folder)

    @property
    def age(self) -> float:
        """Seconds since the client last sent something."""
        return self._input.age

    @property
    def audio(self) -> Path:
        """Where the decoded audio lies; it can be made again from the input."""
        return self.folder / "audio.pcm"

    @property
    def is_settled(self) -> bool:
        """Whether `settle` was called, also by an earlier process."""
        return settled(self.folder)

    def settle(self, next_sequence: int) -> None:
        """Keeps nothing but the events, after the end of the stream was told; `next_sequence` is that of the input."""
        partial = self.folder / "finished.json.partial"
        partial.write_text(json.dumps({"next_sequence": next_sequence}), encoding="utf-8")
        partial.rename(self.folder / _FINISHED)
        self._input.clear()
        self._answers.clear()

    def next_sequence(self) -> int:
        """Number of the chunk behind all that came."""
        if self.is_settled:
            return int(json.loads((self.folder / _FINISHED).read_text(encoding="utf-8"))["next_sequence"])
        return 1 + max((number for kind, number, _ in self._input.records() if kind == AUDIO), default=0)

    def append_input(self, kind: int, number: int, data: bytes = b"") -> None:
        """Writes a chunk, a flush or the end; safe after `sync`."""
        self._input.append(kind, number, data)

    def input(self) -> Iterator[tuple[int, int, bytes]]:
        """Kind, sequence number and data of all that came."""
        return self._input.records()

    def sync(self) -> None:
        """Returns when all input so far would survive a power failure."""
        self._input.sync()

    def append_event(self, event: asr_pb2.StreamingRecognizeResponse) -> None:
        """Writes an event that may be asked for again."""
        self._events.append(_EVENT, event.event_id, event.SerializeToString())

    def events(self) -> Iterator[asr_pb2.StreamingRecognizeResponse]:
        """All events that were told."""
        for kind, _, data in self._events.records():
            if kind == _EVENT:
                yield asr_pb2.StreamingRecognizeResponse.FromString(data)

    def count_restart(self) -> int:
        """Notes that the stream is read again, and tells how often it was."""
        restarts = 1 + sum(kind == _RESTART for kind, _, _ in self._events.records())
        self._events.append(_RESTART, restarts, b"")
        return restarts

    def append_answer(self, question: Decoding, phrases: Sequence[Phrase]) -> None:
        """Writes what the speech model said to a question about final words."""
        data = json.dumps([asdict(phrase) for phrase in phrases], ensure_ascii=False).encode()
        self._answers.append(_ANSWER, _fingerprint(question), data)

    def answers(self) -> Iterator[tuple[int, list[Phrase]]]:
        """Fingerprint of the question and the phrases of each answer, in order."""
        for _, number, data in self._answers.records():
            yield number, [_phrase(values) for values in json.loads(data)]

    def close(self) -> None:
        """Closes the files and leaves them on the disk."""
        for log in (self._input, self._events, self._answers):
            log.close()

    def discard(self) -> None:
        """Closes the files and removes them."""
        self.close()
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.folder)


class KnownAnswers:
    """Answers the questions of a stream that is read again, as long as they are those of the first time."""

    def __init__(self, journal: StreamJournal) -> None:
        self._journal = journal
        self._known: Iterator[tuple[int, list[Phrase]]] | None = journal.answers()

    def find(self, question: Decoding) -> list[Phrase] | None:
        """The answer, or None where it was never given or concerns words that are not final."""
        if not question.task.lasting or self._known is None:
            return None
        number, phrases = next(self._known, (0, []))
        if number != _fingerprint(question):
            self._known = None
            return None
        return phrases

    def keep(self, question: Decoding, phrases: list[Phrase]) -> None:
        """Remembers an answer that the model gave."""
        if question.task.lasting:
            self._journal.append_answer(question, phrases)


def _fingerprint(question: Decoding) -> int:
    task = repr(question.task).encode()
    return zlib.crc32(question.audio.tobytes()) << 32 | zlib.crc32(task)


def _phrase(values: dict[str, Any]) -> Phrase:
    words = tuple(Word(**word) for word in values.pop("words"))
    return Phrase(words=words, **values)
