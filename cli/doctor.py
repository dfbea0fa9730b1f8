"""`planerka doctor`: what is missing on this machine, and how to get it."""

from __future__ import annotations

import ctypes.util
import importlib.util
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.text import Text

from cli import show, state
from cli.config_command import sections
from cli.errors import LaunchFailed
from cli.models_command import open_store, size_of
from cli.output import Output
from cli.services import ALL, UI
from cli.session import session_of
from mesh import paths
from mesh.settings import MeshSettings, Section, SettingsInvalid

__all__ = ["Finding", "examine", "register"]

_DISK_WANTED = 2 << 30
_PACKAGES = {
    "faster_whisper": "speech to text",
    "onnxruntime": "diarization and embeddings",
    "kaldi_native_fbank": "diarization",
    "nemo": "diarization",
    "pymilvus": "knowledge base",
    "xllamacpp": "language model",
    "dbos": "workflow",
    "streamlit": "web page",
    "av": "audio files",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    fine: bool
    text: str
    """What was found, and what to do where it is not fine."""


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("doctor")(doctor)


def doctor(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Look for what is missing or in the way; exit status 1 where there is something."""
    output = session_of(context).output(as_json=as_json)
    found = list(examine())
    wrong = [one for one in found if not one.fine]
    if as_json:
        output.emit({"fine": not wrong, "findings": [vars(one) for one in found]})
    else:
        _print(found, output)
    if wrong:
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Look at everything, cheap things first."""
    for check in (_python, _packages, _libraries, _stubs, _settings, _home, _models, _ports):
        yield from check()


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    fine = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding("python", fine, version if fine else f"{version}; Planerka needs 3.11, 3.12 or 3.13")


def _packages() -> Iterator[Finding]:
    missing = [f"{name} ({what})" for name, what in _PACKAGES.items() if importlib.util.find_spec(name) is None]
    yield Finding(
        "packages",
        not missing,
        f"missing: {', '.join(missing)}; run: make setup" if missing else f"{len(_PACKAGES)} looked at",
    )


def _libraries() -> Iterator[Finding]:
    # The wheel of the embedded language model brings everything but this one.
    found = ctypes.util.find_library("gomp")
    yield Finding(
        "libraries", found is not None, found or "libgomp.so.1 is missing; on Debian: apt-get install libgomp1"
    )


def _stubs() -> Iterator[Finding]:
    fine = importlib.util.find_spec("planerka") is not None
    yield Finding("contracts", fine, "generated" if fine else "not generated; run: make generate")


def _settings() -> Iterator[Finding]:
    file = paths.settings_file()
    try:
        loaded = [one.load() for one in sections()]
    except (SettingsInvalid, LaunchFailed) as error:
        yield Finding("settings", False, error.message)
        return
    strangers = _differing(loaded)
    if strangers:
        yield Finding(
            "settings", False, f"services listen elsewhere than [mesh] calls them: {', '.join(strangers)}; see {file}"
        )
    else:
        yield Finding("settings", True, str(file) if file.is_file() else f"{file} (not there: all defaults)")


def _differing(loaded: list[Section]) -> list[str]:
    shared = next(one for one in loaded if isinstance(one, MeshSettings))
    by_name = {one.section: str(vars(one).get("listen", "")) for one in loaded}
    return [
        f"{kind.name} on {by_name[kind.name]}, called at {shared.address_of(kind.name)}"
        for kind in ALL
        if by_name[kind.name].rpartition(":")[2] != shared.address_of(kind.name).rpartition(":")[2]
    ]


def _home() -> Iterator[Finding]:
    home = paths.home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        yield Finding("home", False, f"{home} cannot be written: {error.strerror}; set PLANERKA_HOME")
        return
    free = shutil.disk_usage(home).free
    enough = free >= _DISK_WANTED
    advice = "" if enough else f"; at least {size_of(_DISK_WANTED)} are wanted"
    yield Finding("home", enough, f"{home}, {size_of(free)} free{advice}")


def _models() -> Iterator[Finding]:
    store = open_store()
    missing = [one for one in store.list() if one.wanting]
    if missing:
        wanted = sum(one.size for one in missing)
        names = ", ".join(f"{one.id} ({one.state.text()})" for one in missing)
        yield Finding("models", False, f"{names}; {size_of(wanted)} to get with: planerka models pull")
    else:
        yield Finding("models", True, f"all in {store.root}")


def _ports() -> Iterator[Finding]:
    running = state.read(paths.home())
    ours = {one.address for one in running.services} if running is not None and running.alive else set()
    try:
        addresses = {kind.name: str(vars(kind.section().load())["listen"]) for kind in (*ALL, UI)}
    except (SettingsInvalid, LaunchFailed):
        return
    taken = [f"{name} {address}" for name, address in addresses.items() if address not in ours and _taken(address)]
    if taken:
        yield Finding(
            "ports", False, f"used by other programs: {', '.join(taken)}; set [<service>] listen, or up --free-ports"
        )
    else:
        yield Finding("ports", True, "a mesh of this home folder runs" if ours else "free")


def _taken(address: str) -> bool:
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return False
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host or "127.0.0.1", int(port))) == 0


def _print(found: list[Finding], output: Output) -> None:
    texts = output.texts
    table = show.table("", texts("col.check"), texts("col.result"))
    for one in found:
        mark = Text("✓", style="green") if one.fine else Text("✗", style="bold red")
        table.add_row(mark, one.name, Text(one.text, style="default" if one.fine else "red"))
    output.result.print(table)
    wrong = sum(not one.fine for one in found)
    output.result.print(texts("doctor.wrong", count=wrong) if wrong else texts("doctor.fine"))
