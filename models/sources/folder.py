"""A folder that the user filled: with finished models of another machine, or with downloaded files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models import record as records
from models.errors import Attempt, FileCorrupt, SourceSkipped
from models.files import Pinned, is_whole, receive
from models.manifest import FolderOffer, Model, Recipe
from models.sources.protocol import Fetched, Report, Session


class FolderSource:
    """`<folder>/<model id>/`; see `fetch` for what it may hold."""

    def __init__(self, model: Model, offer: FolderOffer, session: Session, attempt: Attempt) -> None:
        self._model = model
        self._offer = offer
        self._session = session
        self._attempt = attempt

    def fetch(self, raw: Path, report: Report) -> Fetched:
        """Copy one of: a finished model with its `store.json`; all pinned final files; all files of another source.

        A converted file has no sha256 in the manifest, so it is accepted only beside the `store.json` it was made with.

        Raises:
            SourceSkipped: no folder was named, or it holds none of these.
            FileTruncated, FileCorrupt: a file is not what it should be.
        """
        if self._session.folder is None:
            raise SourceSkipped(self._attempt, "unset")
        folder = self._session.folder / self._model.id
        if not folder.is_dir():
            raise SourceSkipped(self._attempt, "no_folder", str(folder))
        record = records.read(folder)
        if record is not None and (record.id, record.version) == (self._model.id, self._model.version):
            self._compare_with_manifest(record.files)
            return self._copy([(folder / file.name, file) for file in record.files], Recipe(), raw, report)
        for offer in self._model.file_offers:
            finished = None if offer.conversion else _located(folder, _pinned_finals(offer.files, offer.recipe))
            if finished:
                return self._copy(finished, Recipe(), raw, report)
            fetched = _located(folder, offer.files)
            if fetched:
                return self._copy(fetched, offer.recipe, raw, report)
        raise SourceSkipped(self._attempt, "not_model", str(folder))

    def _compare_with_manifest(self, files: Sequence[Pinned]) -> None:
        """A `store.json` is the user's word; where the manifest knows a file, the manifest decides."""
        known: dict[str, set[str]] = {}
        for offer in self._model.file_offers:
            for pin in _pinned_finals(offer.files, offer.recipe):
                known.setdefault(pin.name, set()).add(pin.sha256)
        for file in files:
            if file.name in known and file.sha256 not in known[file.name]:
                expected = " or ".join(f"sha256 {digest}" for digest in sorted(known[file.name]))
                raise FileCorrupt(self._attempt, file.name, expected, f"sha256 {file.sha256}")

    def _copy(self, found: Sequence[tuple[Path, Pinned]], recipe: Recipe, raw: Path, report: Report) -> Fetched:
        total = sum(file.size for _, file in found)
        done = 0
        for path, file in found:

            def tick(count: int, name: str = file.name) -> None:
                nonlocal done
                done += count
                report(done, total, name)

            if is_whole(raw / file.name, file):
                tick(file.size)
                continue
            with path.open("rb") as stream:
                receive([stream], raw / file.name, file, self._attempt, tick)
        return Fetched(tuple(file.name for _, file in found), recipe)


def _pinned_finals(files: Sequence[Pinned], recipe: Recipe) -> list[Pinned]:
    return [*(file for file in files if file.name not in recipe.consumed), *recipe.joins]


def _located(folder: Path, files: Sequence[Pinned]) -> list[tuple[Path, Pinned]]:
    """Each file under its own name or the name it has at its source; nothing if one is absent."""
    found = []
    for file in files:
        names = (file.name, Path(getattr(file, "source_path", file.name)).name)
        path = next((folder / name for name in names if (folder / name).is_file()), None)
        if path is None:
            return []
        found.append((path, file))
    return found
