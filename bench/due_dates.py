"""Due days of the hand-written snippets: our reader beside `dateparser`, on the same words and with the same reference day.

    python bench/due_dates.py [FILES]

A reader is right where it finds the day on which the task is due, and nothing where none is. dateparser names no day as due, so it is
counted twice: by the last day that it finds, and generously, where one of its days is right. It is told the snippet's language and to
prefer days that lie ahead; days behind are left out for both.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from dateparser.search import search_dates

from textkit.dates import DateKind, find_dates

DATA = Path(__file__).parents[1] / "tests" / "data" / "tasks"
DUE = (DateKind.DEADLINE, DateKind.POINT, DateKind.WINDOW)


def ours(text: str, day: date, language: str) -> list[date]:
    """Return the days that may be due, the one that is taken last."""
    del language
    found = [mention for mention in find_dates(text, day) if mention.kind in DUE and mention.date >= day]
    return [mention.date for mention in sorted(found, key=lambda mention: DUE.index(mention.kind), reverse=True)]


def theirs(text: str, day: date, language: str) -> list[date]:
    """Return the days that dateparser finds and that do not lie behind."""
    settings = {"RELATIVE_BASE": datetime(day.year, day.month, day.day, 12), "PREFER_DATES_FROM": "future"}  # noqa: DTZ001 - no zone is said
    found = search_dates(text, languages=[language], settings=settings) or []
    return [moment.date() for _, moment in found if moment.date() >= day]


def judge(found: list[date], due: date | None) -> str:
    """Tell how what was found agrees with what is due."""
    if due is None:
        return "invented" if found else "right"
    if not found:
        return "missed"
    return "right" if found[-1] == due else "right among others" if due in found else "wrong"


def main() -> None:
    """Print how often each reader is right, and where dateparser is not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, default=[DATA / "owners_and_days.jsonl"])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    snippets = [json.loads(line) for file in asked.files for line in file.read_text(encoding="utf-8").splitlines()]
    readers: dict[str, Callable[[str, date, str], list[date]]] = {"textkit.dates": ours, "dateparser": theirs}
    for name, read in readers.items():
        counts: Counter[str] = Counter()
        by_language: Counter[str] = Counter()
        spent = 0.0
        for snippet in snippets:
            day, due, language = date.fromisoformat(snippet["day"]), snippet["due"], snippet["id"][:2]
            began = time.process_time()
            found = [one for turn in snippet["turns"] for one in read(turn["text"], day, language)]
            spent += time.process_time() - began
            verdict = judge(found, date.fromisoformat(due) if due else None)
            counts[verdict] += 1
            by_language[language] += verdict == "right"
            if verdict != "right":
                told = ", ".join(map(str, found)) or "nothing"
                print(
                    f"  {name} {snippet['id']} {verdict}: due {due}, found {told}: {' / '.join(t['text'] for t in snippet['turns'])}"
                )
        right, count = counts["right"], len(snippets)
        print(
            f"{name}: {right} of {count} right (Russian {by_language['ru']}, English {by_language['en']}), generously "
            f"{right + counts['right among others']}; {counts['wrong']} wrong, {counts['invented']} invented, {counts['missed']} missed; "
            f"{1000 * spent / count:.1f} ms of processor time a snippet"
        )


if __name__ == "__main__":
    main()
