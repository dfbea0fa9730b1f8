"""A Hugging Face repository at a fixed revision, through `huggingface_hub`.

Address, token, proxies and offline mode are the library's own settings (`HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`).
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path

from models.errors import Attempt, FileNotOffered, SourceRefused, SourceSkipped, SourceUnreachable, StoreError
from models.files import check, is_whole, size_below
from models.manifest import HubOffer, Model
from models.sources.protocol import Fetched, Report, Session

_TICK_SECONDS = 0.25
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class HubSource:
    """The files of one repository; unfinished ones are continued by the library."""

    def __init__(self, model: Model, offer: HubOffer, session: Session, attempt: Attempt) -> None:
        self._model = model
        self._offer = offer
        self._session = session
        self._attempt = attempt

    def fetch(self, raw: Path, report: Report) -> Fetched:
        """Download what is not there yet, and check it.

        Raises:
            SourceUnreachable: no answer, or offline mode.
            SourceRefused: the repository wants an account or an accepted licence.
            FileNotOffered: no such repository, revision or file.
            FileTruncated, FileCorrupt: a file is not what it should be.
        """
        files = self._offer.files
        missing = [file for file in files if not is_whole(raw / file.name, file)]
        if missing:
            if "hub" in self._session.silent:
                raise SourceSkipped(self._attempt, "silent")
            local = raw.parent / "hub"
            total = sum(file.size for file in files)
            present = total - sum(file.size for file in missing)
            _watch(
                lambda: self._download([file.source_path for file in missing], local),
                lambda: report(min(total, present + size_below(local)), total, self._offer.repository),
            )
            for file in missing:
                arrived = local / file.source_path
                if not arrived.is_file():
                    raise FileNotOffered(self._attempt, file.source_path)
                check(arrived, file, self._attempt)
                arrived.replace(raw / file.name)
        return Fetched(tuple(file.name for file in files), self._offer.recipe)

    def _download(self, paths: list[str], local: Path) -> None:
        import requests  # noqa: PLC0415  (with the hub library, a second of start-up that other sources need not pay)
        from huggingface_hub import errors, snapshot_download  # noqa: PLC0415
        from huggingface_hub.utils.tqdm import disable_progress_bars  # noqa: PLC0415

        disable_progress_bars()
        try:
            snapshot_download(
                self._offer.repository, revision=self._offer.revision, allow_patterns=paths, local_dir=local
            )
        except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, requests.ConnectionError) as error:
            raise self._unreachable(error) from error
        except errors.GatedRepoError as error:
            raise SourceRefused(self._attempt, _first_line(error)) from error
        except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
            raise FileNotOffered(self._attempt, _first_line(error)) from error
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise
            raise self._unreachable(error) from error
        if not any(local.rglob("*")):
            # With an existing local folder the library answers a lost connection by returning the folder as it is.
            raise self._unreachable(None)

    def _unreachable(self, error: BaseException | None) -> StoreError:
        self._session.silent.add("hub")
        return SourceUnreachable(self._attempt, _first_line(error) if error else "nothing came")


def _watch(work: Callable[[], None], tick: Callable[[], None]) -> None:
    """Run `work` in a thread that an interrupt may leave behind, and `tick` here until it ends."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except (StoreError, OSError, RuntimeError, ValueError) as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="hub-download", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_TICK_SECONDS)
        tick()
    if failures:
        raise failures[0]


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:300] or type(error).__name__
