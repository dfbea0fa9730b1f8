"""The main job on real audio, through real processes, measured against the truth of the sample meeting."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PLANERKA = str(Path(sys.executable).parent / "planerka")


@pytest.mark.acceptance
@pytest.mark.models
@pytest.mark.timeout(900)
def test_sample_meeting(samples: Path) -> None:
    command = [PLANERKA, "eval", "meeting", str(samples / "standup_ru"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=880)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    print(json.dumps(figures, ensure_ascii=False))

    assert figures["wer"] <= 0.12
    assert figures["der"] <= 0.15
    assert figures["link_f1"] >= 0.75
    assert figures["new_card_found"] == 1
    assert figures["ungrounded"] == 0
    assert figures["audio_seconds"] == pytest.approx(121.9, abs=0.2)
