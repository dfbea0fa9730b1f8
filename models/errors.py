"""What can go wrong in the model store.

    StoreError              (a mesh.errors.PlanerkaError; each leaf also has its gRPC code from there)
    ├── UnknownModel        the manifest has no such model
    ├── ModelMissing        the model was never pulled
    │   └── ModelOutdated   an older version of it was pulled
    ├── ModelDamaged        files of a pulled model are missing or changed
    ├── ManifestInvalid     manifest.toml contradicts itself
    ├── DiskFull            too little room to pull
    ├── PullFailed          every source failed; carries what each said
    └── SourceFailed        one source could not give one model
        ├── SourceSkipped       not set up on this machine, or without this model
        ├── SourceUnreachable   no network, no index, no answer
        ├── SourceRefused       it wants an account, or says no
        ├── FileNotOffered      it lacks a file
        ├── FileTruncated       a file came shorter than it is
        ├── FileCorrupt         a file's sha256 is another
        └── ConversionFailed    the files came whole, but the model could not be made of them

`Unconvertible` is what a converter raises in its own process; the store sees it as `ConversionFailed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mesh.errors import Exhausted, FailedPrecondition, Internal, NotFound, NotReady, PlanerkaError
from models.texts import sized, text


@dataclass(frozen=True)
class Attempt:
    """One model from one source."""

    model_id: str
    source: str
    """Kind and place, such as `hub Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF`."""


class StoreError(PlanerkaError):
    """Base of all errors of the store; the message says what to do next. The reason is the key in upper case."""

    key: ClassVar[str] = "store_error"

    def __init__(self, **fields: str) -> None:
        self.fields = fields
        super().__init__(self.text(), reason=self.key.upper())

    def text(self, language: str = "en") -> str:
        """The message in Russian (`ru`) or English."""
        return text(self.key, language, **self.fields)


class UnknownModel(StoreError, NotFound):
    """The manifest has no model of this id."""

    key = "unknown_model"

    def __init__(self, model_id: str, known: Sequence[str]) -> None:
        self.model_id = model_id
        super().__init__(model=model_id, known=", ".join(known))


class ModelMissing(StoreError, FailedPrecondition):
    """The model is not in the folder; pulling it helps."""

    key = "model_missing"

    def __init__(self, model_id: str, root: Path) -> None:
        self.model_id = model_id
        super().__init__(model=model_id, root=str(root))


class ModelOutdated(ModelMissing):
    """An older version of the model is in the folder; pulling it again helps."""

    key = "model_outdated"


class ModelDamaged(StoreError, FailedPrecondition):
    """Files of the model are missing, or are not what was stored."""

    key = "model_damaged"

    def __init__(self, model_id: str, root: Path, problems: Sequence[str]) -> None:
        self.model_id = model_id
        self.problems = tuple(problems)
        super().__init__(model=model_id, root=str(root), problems="; ".join(problems))


class ManifestInvalid(StoreError, Internal):
    """The manifest cannot be read, or contradicts itself."""

    key = "manifest_invalid"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path=str(path), reason=reason)


class DiskFull(StoreError, Exhausted):
    """Too little room; `needed` and `free` are bytes (`needed` is 0 where the disk filled up half-way)."""

    key = "disk_full"

    def __init__(self, model_ids: Sequence[str], root: Path, needed: int, free: int) -> None:
        self.model_ids = tuple(model_ids)
        self.needed = needed
        self.free = free
        super().__init__(model=", ".join(model_ids), root=str(root), needed=sized(needed), free=sized(free))

    def text(self, language: str = "en") -> str:
        """The message for the case: found before the start, or on the way."""
        return text(self.key if self.needed else "disk_filled", language, **self.fields)


class SourceFailed(StoreError, NotReady):
    """One source could not give one model."""

    def __init__(self, attempt: Attempt, **fields: str) -> None:
        self.attempt = attempt
        super().__init__(model=attempt.model_id, source=attempt.source, **fields)


class SourceSkipped(SourceFailed):
    """The source is not set up here, or does not have the model; `why` is a key of the texts."""

    key = "source_skipped"

    def __init__(self, attempt: Attempt, why: str, place: str = "") -> None:
        self.why = why
        super().__init__(attempt, place=place, reason="")

    def text(self, language: str = "en") -> str:
        """The message with its reason in the same language."""
        reason = text(f"skipped.{self.why}", language, place=self.fields["place"])
        return text(self.key, language, **{**self.fields, "reason": reason})


class SourceUnreachable(SourceFailed):
    """The source did not answer."""

    key = "source_unreachable"

    def __init__(self, attempt: Attempt, reason: str) -> None:
        super().__init__(attempt, reason=reason)


class SourceRefused(SourceFailed):
    """The source answered no."""

    key = "source_refused"

    def __init__(self, attempt: Attempt, reason: str) -> None:
        super().__init__(attempt, reason=reason)


class FileNotOffered(SourceFailed):
    """The source lacks a file or a package of the model."""

    key = "file_not_offered"

    def __init__(self, attempt: Attempt, name: str) -> None:
        super().__init__(attempt, name=name)


class FileTruncated(SourceFailed):
    """A file is not as long as it must be; sizes are bytes."""

    key = "file_truncated"

    def __init__(self, attempt: Attempt, name: str, expected: int, got: int) -> None:
        super().__init__(attempt, name=name, expected=str(expected), got=str(got))


class FileCorrupt(SourceFailed):
    """A file has the right length and another content; `expected` and `got` say how that shows."""

    key = "file_corrupt"

    def __init__(self, attempt: Attempt, name: str, expected: str, got: str) -> None:
        super().__init__(attempt, name=name, expected=expected, got=got)


class ConversionFailed(SourceFailed):
    """The fetched files are right, and still no model came of them."""

    key = "conversion_failed"

    def __init__(self, attempt: Attempt, reason: str) -> None:
        super().__init__(attempt, reason=reason)


class PullFailed(StoreError, NotReady):
    """No source could give the model; `attempts` has one error per source, in order."""

    key = "pull_failed"

    def __init__(self, model_id: str, attempts: Sequence[SourceFailed]) -> None:
        self.model_id = model_id
        self.attempts = tuple(attempts)
        super().__init__(model=model_id)

    def text(self, language: str = "en") -> str:
        """The head line and one line per source."""
        return "\n".join([super().text(language), *(f"  - {error.text(language)}" for error in self.attempts)])


class Unconvertible(ValueError):
    """A converter's own complaint about one file; travels to the store as text."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
