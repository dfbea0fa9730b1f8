"""Where state, models and settings live on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

__all__ = ["home", "models_root", "settings_file"]


def home() -> Path:
    """Return the folder of all state: `PLANERKA_HOME`, or the user's data folder."""
    chosen = os.environ.get("PLANERKA_HOME")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("planerka", appauthor=False))


def models_root() -> Path:
    """Return the folder of all models: `PLANERKA_MODELS`, or the user's cache folder."""
    chosen = os.environ.get("PLANERKA_MODELS")
    if chosen:
        return Path(chosen).expanduser()
    return Path(platformdirs.user_cache_dir("planerka", appauthor=False)) / "models"


def settings_file() -> Path:
    """Return the settings file: `PLANERKA_CONFIG`, else `planerka.toml` in the home folder; it need not exist."""
    chosen = os.environ.get("PLANERKA_CONFIG")
    return Path(chosen).expanduser() if chosen else home() / "planerka.toml"
