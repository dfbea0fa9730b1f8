import sys

from mesh.errors import PlanerkaError
from mesh.server import run
from mesh.settings import MeshSettings
from notify_service.service import NotifyHosted
from notify_service.settings import NotifySettings


def main() -> int:
    """Serve until SIGTERM, and return the exit status."""
    try:
        settings, mesh = NotifySettings.load(), MeshSettings.load()
        hosted = NotifyHosted(settings)
    except PlanerkaError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return run("notify", hosted, settings.listen, [mesh, settings])


if __name__ == "__main__":
    sys.exit(main())
