"""What people wrote, without what they pasted from programs."""

import pytest

from match_service.cards import CardView
from match_service.prose import prose

REPORT = """Upload fails on large files
Since the update the upload of files over 2 GB stops half-way.
{noformat}
2026-03-02 10:11:12,345 INFO  [main] server: started
java.io.IOException: broken pipe
{noformat}
It happens on Linux only."""


def test_a_report_keeps_what_its_writer_said():
    assert [line for line in prose(REPORT).split("\n") if line] == [
        "Upload fails on large files",
        "Since the update the upload of files over 2 GB stops half-way.",
        "It happens on Linux only.",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "    at org.example.Server.run(Server.java:42)",
        "\tat java.base/java.lang.Thread.run(Thread.java:833)",
        "... 12 more",
        "Caused by: java.net.ConnectException: refused",
        "Traceback (most recent call last):",
        '  File "server.py", line 3, in main',
        "[ERROR] Failed to execute goal",
        "ERROR: cannot open display",
        "WARN  org.example.Server started",
        "INFO org.example.Server: started",
        "2026-03-02T10:11:12Z started",
        "26/03/02 10:11:12 WARN namenode",
        "10:11:12.345 started",
        "@@ -1,3 +1,4 @@",
        "diff --git a/x b/x",
        "});",
        "x" * 2001,
    ],
)
def test_pasted_lines_go(line):
    assert prose(f"Экран гаснет\n{line}\nпосле входа") == "Экран гаснет\nпосле входа"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Коллеги, доброе утро. Давайте быстро пройдём по задачам.",
        "at the station (platform 2) we meet at 10:30",
        "Error messages are hard to read",
        "ERROR after the click on Save",
        "Warning signs on the door",
        "Info desk is closed",
        "2026-03-02 is the day of the release",
        "2026-03-02 10:00 созвон с заказчиком",
        "- молоко\n- хлеб",
        "--- \n",
    ],
)
def test_talk_stays_as_it_is(text):
    assert prose(text) == text


def test_markdown_blocks_go_also_when_they_are_never_closed():
    assert prose("Сборка падает\n```\nnpm ERR! code 1\n```\nс утра").split() == ["Сборка", "падает", "с", "утра"]
    assert prose("Сборка падает\n```\nnpm ERR! code 1").split() == ["Сборка", "падает"]
    assert prose("Сборка падает {code:java}int x = 1;").split() == ["Сборка", "падает"]


def test_a_text_of_nothing_else_stays():
    assert prose("{code}\nint x = 1;\n{code}") == "{code}\nint x = 1;\n{code}"


def test_cards_are_compared_without_what_programs_wrote():
    card = CardView("1", "Загрузка файлов", "Большие файлы не загружаются\n[INFO] BUILD FAILURE")
    assert card.passage == "Загрузка файлов\nБольшие файлы не загружаются"
    assert "BUILD" in card.body, "changes are still compared with all of it"
