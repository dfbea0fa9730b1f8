"""The key under which voice embeddings are encrypted, and what is done with it.

An embedding is sealed with AES-256-GCM (https://nvlpubs.nist.gov/nistpubs/Legacy/SP/nistspecialpublication800-38d.pdf): a random
nonce of 12 bytes, then the ciphertext with its tag. Workspace, person and model are authenticated with it, so that a row
cannot be passed off as another person's.
"""

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from asr_service.errors import VoiceKeyInvalid, VoicesLocked

__all__ = ["KEY_FILE", "VoiceCipher", "load_cipher", "new_key"]

KEY_FILE = "voices.key"
_KEY_BYTES = 32
_NONCE_BYTES = 12


class VoiceCipher:
    """Seals with the current key, opens with this one and with those before it."""

    def __init__(self, key: bytes, previous: Sequence[bytes] = ()) -> None:
        """Keys of 32 bytes."""
        self._ciphers = {_id_of(one): AESGCM(one) for one in (key, *previous)}
        self.key_id = _id_of(key)

    def __repr__(self) -> str:
        return f"VoiceCipher({self.key_id})"

    @property
    def key_ids(self) -> frozenset[str]:
        """Names of the keys that are known; they tell nothing about the keys."""
        return frozenset(self._ciphers)

    def seal(self, plain: bytes, *owner: str) -> bytes:
        """Encrypts bytes that belong to `owner` under the current key."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._ciphers[self.key_id].encrypt(nonce, plain, _bound(owner))

    def open(self, key_id: str, sealed: bytes, *owner: str) -> bytes:
        """Decrypts what was sealed for the same `owner` under the key `key_id`.

        Raises:
            VoicesLocked: The key is not known, or the bytes were changed.
        """
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise VoicesLocked
        try:
            return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(owner))
        except InvalidTag:
            raise VoicesLocked from None


def load_cipher(folder: Path, key: str, previous: str) -> VoiceCipher:
    """The cipher of the settings; without a key there, that of the key file in `folder`, which is made where it is missing.

    Args:
        folder: Where the key file lies.
        key: The current key in base64, or empty for the key file.
        previous: The key before it in base64, or empty.

    Raises:
        VoiceKeyInvalid: A key is not 32 bytes in base64, or the key file cannot be read.
    """
    older = [_decoded(previous, "`voices_previous_key` in [asr]")] if previous else []
    if key:
        # Moving from the key file to a key of one's own must not lock what was sealed before.
        path = folder / KEY_FILE
        if path.is_file():
            older.append(_read(path))
        return VoiceCipher(_decoded(key, "`voices_key` in [asr]"), older)
    return VoiceCipher(_file_key(folder / KEY_FILE), older)


def new_key() -> str:
    """A fresh key in base64."""
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def _file_key(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        if not path.exists():
            # Linked under its name when it is complete: a second process never reads half a key, nor makes another one.
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(new_key() + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, path)
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
    except OSError as error:
        raise VoiceKeyInvalid(f"the file {path}", f"it cannot be written: {error.strerror}") from error
    return _read(path)


def _read(path: Path) -> bytes:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise VoiceKeyInvalid(f"the file {path}", "it cannot be read") from error
    return _decoded(text.strip(), f"the file {path}")


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        # Without the cause: it could show a piece of the key.
        raise VoiceKeyInvalid(where, "it must hold 32 bytes in base64") from None
    if len(key) != _KEY_BYTES:
        raise VoiceKeyInvalid(where, "it must hold 32 bytes in base64")
    return key


def _id_of(key: bytes) -> str:
    return hashlib.sha256(b"planerka voices " + key).hexdigest()[:16]


def _bound(owner: Sequence[str]) -> bytes:
    return "\x1f".join(owner).encode()
