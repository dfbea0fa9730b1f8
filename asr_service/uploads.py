"""Files that come in pieces: to disk first, whatever their size."""

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, Protocol

from asr_service.errors import DiskFull, EmptyAudio, StreamBroken, UploadTooLarge

__all__ = ["receive"]


class UploadRequest(Protocol):
    """A message that carries the config or a piece of the file."""

    @property
    def data(self) -> bytes:
        """The piece."""

    def HasField(self, field_name: "str") -> bool:  # noqa: N802
        """Whether the message carries this."""


async def receive(requests: AsyncIterator[UploadRequest], upload: Path, most: int | None = None) -> bytes:
    """Writes the pieces to a new file and returns the SHA-256 of all.

    Args:
        requests: What follows the config.
        upload: The file, which the caller removes.
        most: Bytes that are taken; None for any number.

    Raises:
        UploadTooLarge: There are more.
        StreamBroken: A message after the first carries a config.
        EmptyAudio: There is nothing in the file.
        DiskFull: It does not fit on the disk.
    """
    size, digest = 0, hashlib.sha256()
    try:
        file: BinaryIO = await asyncio.to_thread(upload.open, "xb")
        with file:
            async for request in requests:
                if not request.HasField("data"):
                    raise StreamBroken("An upload has one config, in its first message.")
                if most is not None and size + len(request.data) > most:
                    raise UploadTooLarge(most)
                digest.update(request.data)
                size += await asyncio.to_thread(file.write, request.data)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(upload.parent) from error
        raise
    if size == 0:
        raise EmptyAudio
    return digest.digest()
