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
_ANSWER_SECONDS = 10.0
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_REFUSALS = (401, 403)


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
                check(arrived, file, self._attempt)
                arrived.replace(raw / file.name)
        return Fetched(tuple(file.name for file in files), self._offer.recipe)

    def _download(self, paths: list[str], local: Path) -> None:
        import requests  # noqa: PLC0415  (with the hub library, a second of start-up that other sources need not pay)
        from huggingface_hub import HfApi, errors, hf_hub_download  # noqa: PLC0415
        from huggingface_hub.utils.tqdm import disable_progress_bars  # noqa: PLC0415

        disable_progress_bars()
        path = self._offer.repository
        try:
            # Asked first, because a download is tried again for half a minute when nobody answers.
            HfApi().model_info(self._offer.repository, revision=self._offer.revision, timeout=_ANSWER_SECONDS)
            for path in paths:
                hf_hub_download(self._offer.repository, path, revision=self._offer.revision, local_dir=local)
        except (
            errors.LocalEntryNotFoundError,
            errors.OfflineModeIsEnabled,
            requests.ConnectionError,
            requests.Timeout,
        ) as error:
            raise self._unreachable(error.__cause__ or error) from error
        except errors.GatedRepoError as error:
            raise SourceRefused(self._attempt, _first_line(error)) from error
        except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
            raise FileNotOffered(self._attempt, path) from error
        except errors.HfHubHTTPError as error:
            if error.response is not None and error.response.status_code in _REFUSALS:
                raise SourceRefused(self._attempt, _first_line(error)) from error
            raise self._unreachable(error) from error
        except (errors.XetError, errors.XetDownloadError) as error:
            raise self._unreachable(error) from error
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise
            raise self._unreachable(error) from error

    def _unreachable(self, error: BaseException) -> StoreError:
        self._session.silent.add("hub")
        return SourceUnreachable(self._attempt, _first_line(error))


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
    """What is worth telling; the HTTP library wraps the cause of a lost connection into the attempt's description."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    said = str(reason or error).strip().partition("\n")[0]
    return (said.partition("): ")[2] if reason else said)[:300] or type(error).__name__
