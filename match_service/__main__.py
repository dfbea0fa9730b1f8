import sys

from match_service.service import MatchHosted
from match_service.settings import MatchSettings
from mesh.errors import PlanerkaError
from mesh.server import run
from mesh.settings import MeshSettings


def main() -> int:
    """Serve until SIGTERM, and return the exit status."""
    try:
        settings, mesh = MatchSettings.load(), MeshSettings.load()
        hosted = MatchHosted(settings)
    except PlanerkaError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return run("match", hosted, settings.listen, [mesh, settings])


if __name__ == "__main__":
    sys.exit(main())
