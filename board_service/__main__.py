import sys

from board_service.service import BoardHosted
from board_service.settings import BoardSettings
from mesh.errors import PlanerkaError
from mesh.server import run
from mesh.settings import MeshSettings


def main() -> int:
    """Serve until SIGTERM, and return the exit status."""
    try:
        settings, mesh = BoardSettings.load(), MeshSettings.load()
        hosted = BoardHosted(settings)
    except PlanerkaError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return run("board", hosted, settings.listen, [mesh, settings])


if __name__ == "__main__":
    sys.exit(main())
