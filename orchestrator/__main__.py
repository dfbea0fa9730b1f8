"""`python -m orchestrator`: serves until SIGTERM."""

from __future__ import annotations

import sys

from mesh.errors import PlanerkaError
from mesh.server import run
from mesh.settings import MeshSettings
from orchestrator.house import OrchestratorHosted
from orchestrator.settings import OrchestratorSettings


def main() -> int:
    """Read the settings and serve; return the exit status."""
    try:
        mesh, settings = MeshSettings.load(), OrchestratorSettings.load()
    except PlanerkaError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    hosted = OrchestratorHosted(settings, mesh)
    return run(
        "orchestrator",
        hosted,
        settings.listen,
        [mesh, settings],
        hosted.interceptors,
        check_service_token=False,
    )


if __name__ == "__main__":
    sys.exit(main())
