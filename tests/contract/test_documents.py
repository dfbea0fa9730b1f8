"""What the documents say about settings is what the settings are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_the_defaults_in_the_documentation_are_current(repository: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PLANERKA_")}
    command = [str(Path(sys.executable).parent / "planerka"), "config", "defaults"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    text = (repository / "docs" / "configuration.md").read_text(encoding="utf-8")
    written = text.partition("```toml\n")[2].rpartition("```")[0]
    assert written == done.stdout


def test_the_readme_is_short_and_its_links_lead_somewhere(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 150
    for target in [part.partition(")")[0] for part in text.split("](")[1:]]:
        assert (repository / target).exists(), target
