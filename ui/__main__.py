"""Serves the page on the address of the settings: `python -m ui`."""

from __future__ import annotations

import sys
from pathlib import Path

from streamlit.web import cli as streamlit

from ui.settings import UiSettings

__all__ = ["main"]


def main() -> None:
    """Run Streamlit in this process, until SIGTERM or SIGINT."""
    host, _, port = UiSettings.load().listen.rpartition(":")
    options = {
        "server.address": host or "127.0.0.1",
        "server.port": port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "theme.base": "light",
        "theme.primaryColor": "#2563a8",
        "theme.backgroundColor": "#fbfaf8",
        "theme.secondaryBackgroundColor": "#f1efeb",
        "theme.textColor": "#23272f",
        "theme.font": "sans-serif",
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    sys.argv = ["streamlit", "run", str(Path(__file__).with_name("app.py")), *arguments]
    sys.exit(streamlit.main())


if __name__ == "__main__":
    main()
