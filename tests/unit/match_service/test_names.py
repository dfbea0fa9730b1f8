import re
from collections.abc import Sequence

import numpy as np
import pytest

from match_service.cards import CardView
from match_service.names import CardNames

PARTS = ["fix", "the", "bug", "add", "тема", "отчёт", "A-1", "1", "12", "x", "Fix!", "a.b", "—"]


def plain(cards: Sequence[CardView], text: str) -> set[int]:
    """Look for every key and title in turn."""
    said, words = text.lower(), set(re.findall(r"\w+", text.lower()))
    found = set()
    for row, card in enumerate(cards):
        key, title = card.key.lower(), card.heading.lower()
        patterns = [(key, rf"(?<![\w-]){re.escape(key)}(?![\w-])")] if len(key) > 1 else []
        if len(title) > 5 and " " in title:
            patterns.append((title, re.escape(title)))
        for name, pattern in patterns:
            first = re.search(r"\w+", name)
            if first and first.group() in words and re.search(pattern, said):
                found.add(row)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_names_are_those_of_the_plain_way(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cards = [
        CardView(f"c{row}", " ".join(rng.choice(PARTS, rng.integers(1, 4))), key="-".join(rng.choice(PARTS, 2)))
        for row in range(150)
    ]
    texts = [
        "".join(np.ravel([(part, rng.choice([" ", "-", ""])) for part in rng.choice(PARTS, 9)])) for _ in range(60)
    ]
    names = CardNames(cards)

    found = [names.said(text) for text in texts]

    assert found == [plain(cards, text) for text in texts]
    assert sum(map(len, found)) > 20


def test_the_last_word_of_a_title_may_go_on_and_a_key_may_not() -> None:
    names = CardNames([CardView("a", "Export report", key="A4")])

    assert names.said("the export reports") == {0}
    assert names.said("an exported report, A40 and BA4") == set()
    assert names.said("look at a4!") == {0}
