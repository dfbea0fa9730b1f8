"""`planerka up`, `down`, `status`: the mesh on this machine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from cli import show, state
from cli.health import HealthProbe
from cli.launcher import Mesh
from cli.output import Output
from cli.services import ALL, BY_NAME, UI
from cli.session import AsJson, session_of
from cli.settings import CliSettings
from cli.supervisor import Supervisor, start_detached, stop_running
from mesh import logs, paths
from mesh.settings import MeshSettings

__all__ = ["register"]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command("up")(up)
    root.command("down")(down)
    root.command("status")(status)


def up(
    context: typer.Context,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay, and stop everything with Ctrl-C.")] = False,
    page: Annotated[bool, typer.Option("--ui/--no-ui", help="Whether the web page is started too.")] = True,
    free_ports: Annotated[
        bool, typer.Option("--free-ports", help="Take ports that nobody uses, not those of the settings.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Only this service; repeatable: {', '.join(BY_NAME)}.")
    ] = None,
) -> None:
    """Start all services on this machine, and return when they are ready."""
    strangers = set(only or ()) - set(BY_NAME)
    if strangers:
        raise typer.BadParameter(f"there is no service {', '.join(sorted(strangers))}", param_hint="--only")
    home, settings = paths.home(), CliSettings.load()
    output = session_of(context).output()
    names = only or [kind.name for kind in (*ALL, UI) if page or kind is not UI]
    if foreground:
        mesh = Mesh(home, names, ports="free" if free_ports else "settings", ready_seconds=settings.start_seconds)
        logs.configure(mesh.settings, "launcher")
        Supervisor(mesh).run(lambda: _tell_ready(output))
        return
    output.note("up.starting", logs=home / "logs")
    arguments = [*(f"--only={name}" for name in names), *(["--free-ports"] if free_ports else [])]
    with output.waiting("starting_mesh"):
        start_detached(home, arguments, settings.start_seconds, lambda name: output.note("up.one", name=name))
    _tell_ready(output)
    output.result.print(output.texts("up.next"))


def down(context: typer.Context) -> None:
    """Stop the mesh of this machine; running work is brought to an end first."""
    home, shared = paths.home(), MeshSettings.load()
    output = session_of(context).output()
    found = state.read(home)
    if found is None:
        output.result.print(output.texts("down.nothing", home=home), soft_wrap=True)
        return
    with output.status("down.stopping"):
        ran = stop_running(home, 2 * (shared.drain_seconds + shared.drain_delay_seconds) + 20)
    output.result.print(output.texts("down.done") if ran else output.texts("down.nothing", home=home), soft_wrap=True)


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show how each service of the mesh on this machine is; exit status 1 where one is not ready."""
    home, shared = paths.home(), MeshSettings.load()
    output = session_of(context).output(as_json=as_json)
    found = state.read(home)
    services = found.services if found is not None else ()
    rows = [(one, one.alive and _ready(one, shared)) for one in services]
    if as_json:
        output.emit(
            {
                "running": found is not None and found.alive,
                "services": [
                    {
                        "name": one.name,
                        "address": one.address,
                        "pid": one.pid,
                        "alive": one.alive,
                        "ready": ready,
                        "started_at": datetime.fromtimestamp(one.started_at, UTC).isoformat(timespec="seconds"),
                        "restarts": one.restarts,
                    }
                    for one, ready in rows
                ],
            }
        )
    elif found is None:
        output.result.print(output.texts("status.nothing", home=home), soft_wrap=True)
    else:
        _table(rows, output)
        if not found.alive:
            output.result.print(Text(output.texts("status.dead_launcher"), style="red"))
    if not rows or not all(ready for _, ready in rows):
        raise typer.Exit(1)


def _ready(one: state.ServiceState, shared: MeshSettings) -> bool:
    probe = HealthProbe(BY_NAME[one.name], one.address, shared)
    try:
        return probe.ready()
    finally:
        probe.close()


def _table(rows: list[tuple[state.ServiceState, bool]], output: Output) -> None:
    texts = output.texts
    table = show.table(
        texts("col.service"), texts("col.address"), "pid", texts("col.ready"), texts("col.since"), texts("col.restarts")
    )
    for one, ready in rows:
        table.add_row(
            one.name,
            one.address,
            str(one.pid) if one.alive else "-",
            Text(texts("yes"), style="green") if ready else Text(texts("no"), style="bold red"),
            show.local(datetime.fromtimestamp(one.started_at, UTC)),
            str(one.restarts or ""),
        )
    output.result.print(table)


def _tell_ready(output: Output) -> None:
    home = paths.home()
    address = state.running_address(home, "orchestrator")
    ready = output.texts("up.ready", address=address) if address else output.texts("up.some")
    output.result.print(Text(ready, style="green"))
    page = state.running_address(home, "ui")
    if page:
        output.result.print(output.texts("up.page", address=page))
