import sys

from llm_service.service import LlmHosted
from llm_service.settings import LlmSettings
from mesh.errors import PlanerkaError
from mesh.server import run
from mesh.settings import MeshSettings


def main() -> int:
    """Serve until SIGTERM, and return the exit status."""
    try:
        settings, mesh = LlmSettings.load(), MeshSettings.load()
    except PlanerkaError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return run("llm", LlmHosted(settings), settings.listen, [mesh, settings])


if __name__ == "__main__":
    sys.exit(main())
