"""One conversion: `python -m models.convert NAME RAW FINAL`; the last line of its output says what went wrong."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from models.convert import CONVERTERS
from models.errors import Unconvertible


def main(arguments: list[str]) -> int:
    """Run the converter; 0 when its files are written and checked."""
    name, raw, final = arguments
    try:
        importlib.import_module(CONVERTERS[name]).convert(Path(raw), Path(final))
    except Unconvertible as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
