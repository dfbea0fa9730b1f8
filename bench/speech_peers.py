"""Other programs in environments of their own: made, run once, and their results kept.

A peer never becomes a dependency of the product. Its worker is a file of this folder that reads a job from stdin and
writes a result to stdout, both JSON; a result is kept under the digest of worker and job, so that a table can be made
again without hours of work.
"""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

BENCH = Path(__file__).parent
INSTALL_SECONDS = 1_800
WORK_SECONDS = 3 * 3_600


class PeerMissing(Exception):
    """A peer cannot be installed or run here; the message says why."""


@dataclass(frozen=True)
class Peer:
    """A program to compare with."""

    name: str
    worker: str
    packages: tuple[str, ...] = ()
    """What its environment needs; empty for the environment of the product."""


# The CPU build of torch is the one without several GB of CUDA packages.
WHISPER = Peer("faster-whisper", "speech_whisper.py")
WHISPER_LIVE_KIT = Peer(
    "whisperlivekit",
    "speech_whisperlivekit.py",
    ("torch==2.13.0", "whisperlivekit==0.2.26", "faster-whisper==1.2.1", "websockets", "soundfile"),
)
SENKO = Peer("senko", "speech_senko.py", ("torch==2.13.0", "senko==0.2.2"))


class Peers:
    """Environments below one folder, results below another."""

    def __init__(self, environments: Path | None, cache: Path, threads: int, again: frozenset[str]) -> None:
        """`environments` is None where peers with packages of their own are left out; `again` names peers to run anew."""
        self._environments = environments
        self._cache = cache
        self._threads = threads
        self._again = again

    def run(self, peer: Peer, job: dict[str, Any]) -> dict[str, Any]:
        """The result of a job, kept or new, with the load of the machine under `load` when it was made.

        Raises:
            PeerMissing: The peer cannot be installed, or its worker failed.
        """
        worker = BENCH / peer.worker
        text = json.dumps(job, sort_keys=True)
        digest = sha256(worker.read_bytes() + text.encode()).hexdigest()[:16]
        kept = self._cache / f"{peer.name}-{digest}.json"
        if kept.is_file() and peer.name not in self._again:
            loaded: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
            return loaded
        python = self._python(peer)
        print(f"{peer.name}: running", file=sys.stderr, flush=True)
        begun = time.monotonic()
        load = os.getloadavg()[0]
        done = subprocess.run(
            [str(python), str(worker)],
            input=text,
            capture_output=True,
            text=True,
            timeout=WORK_SECONDS,
            env=os.environ | {"OMP_NUM_THREADS": str(self._threads), "HF_HUB_OFFLINE": "1"},
            check=False,
        )
        if done.returncode:
            raise PeerMissing(f"{peer.name} failed: {_reason(done.stderr)}")
        result: dict[str, Any] = json.loads(done.stdout)
        result |= {"load": [round(load, 1), round(os.getloadavg()[0], 1)], "wall_s": time.monotonic() - begun}
        self._cache.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
        return result

    def _python(self, peer: Peer) -> Path:
        """The interpreter of the peer's environment, which is made where there is none."""
        if not peer.packages:
            return Path(sys.executable)
        if self._environments is None:
            raise PeerMissing(f"{peer.name} was not asked for; name a folder for its environment with --peers")
        folder = self._environments / peer.name
        python = folder / "bin" / "python"
        ready = folder / "ready"
        if ready.is_file() and ready.read_text() == "\n".join(peer.packages):
            return python
        print(f"{peer.name}: installing into {folder}", file=sys.stderr, flush=True)
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", *peer.packages],
        ):
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
            if done.returncode:
                raise PeerMissing(f"{peer.name} cannot be installed: {_reason(done.stderr)}")
        ready.write_text("\n".join(peer.packages))
        return python


def _reason(text: str) -> str:
    """The last error that a program told, else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception): ", line)]
    return [*(lines or ["it said nothing"]), *errors][-1]
