from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import models


def test_the_public_names_are_those_that_are_promised() -> None:
    assert models.__all__ == sorted(models.__all__, key=lambda name: (name.islower(), name))
    assert all(hasattr(models, name) for name in models.__all__)


def test_the_store_needs_no_engine() -> None:
    code = "import sys, models; models.load(); print([m for m in ('torch', 'onnxruntime', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_where_models_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLANERKA_MODELS", str(tmp_path))
    monkeypatch.setenv("PLANERKA_MODELS_SOURCE", "~/models")
    assert models.default_root() == tmp_path
    assert models.default_source() == Path.home() / "models"
    monkeypatch.delenv("PLANERKA_MODELS")
    monkeypatch.setenv("PLANERKA_MODELS_SOURCE", "")
    assert models.default_root().parts[-2:] == ("planerka", "models")
    assert models.default_source() is None
