"""The programs in the documentation run."""

from __future__ import annotations

import re
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.browser.double import Double


def program(repository: Path, contains: str) -> dict[str, Any]:
    """The names that a code block of `docs/clients.md` defines."""
    text = (repository / "docs" / "clients.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if contains in block]
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(block, "docs/clients.md", "exec"), names)
    return names


@pytest.mark.parametrize("drop_after", [None, 17])
async def test_the_streaming_client_goes_on_after_a_broken_connection(
    double: Double, repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], drop_after: int | None
) -> None:
    path = tmp_path / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(b"\x07\x00" * 16_000 * 4)
    double.drop_after = drop_after
    meeting = await program(repository, "async def stream(")["stream"](double.address, str(path), pace=40)
    assert meeting.meeting_id == "mtg_live"
    assert double.received == list(range(1, 41))
    assert f"{double.turns[0].speaker_name}: {double.turns[0].text}" in capsys.readouterr().out
