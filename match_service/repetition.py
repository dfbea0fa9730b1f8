"""What a card, or a change of it that was made or waits, says already."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from planerka.common.v1 import change_pb2
from rapidfuzz import fuzz

from match_service import grammar
from textkit.lemmas import lemmas

_SAME: Final = 0.75
_SAME_RATIO: Final = 85.0
_CLAUSES: Final = re.compile(r"[,;:]\s+|\s[-–—]\s")


def known_texts(known: Iterable[change_pb2.CardChange]) -> list[str]:
    """Return the texts that changes bring to a card."""
    texts = []
    for change in known:
        kind = change.WhichOneof("change")
        if kind in {"add_comment", "append_description", "add_checklist_item"}:
            texts.append(str(getattr(change, kind).text))
        elif kind == "create_card":
            texts += [change.create_card.title, change.create_card.description]
    return texts


def holds(text: str, sentence: str) -> bool:
    """Tell whether a text says a sentence already: letter by letter, or nearly all of its words."""
    if not text:
        return False
    return sentence.lower() in text.lower() or covers(text, sentence)


def is_held(sentence: str, held: Sequence[str]) -> bool:
    """Tell whether the texts say a sentence already, as a whole or clause by clause.

    A corrected transcript joins and cuts sentences anew, so one of them may stand half in a comment and half in a checklist.
    """
    if any(holds(text, sentence) for text in held):
        return True
    clauses = [clause for clause in _CLAUSES.split(sentence) if lemmas(clause)]
    return len(clauses) > 1 and all(
        any(holds(text, part) for text in held for part in (clause, grammar.todo_phrase(clause)) if part)
        for clause in clauses
    )


def covers(text: str, part: str) -> bool:
    """Tell whether a text has more than three quarters of the content words of another, and that has any."""
    words = set(lemmas(part))
    return bool(words) and len(words & set(lemmas(text))) >= _SAME * len(words) + 0.01


def alike(one: str, other: str) -> bool:
    """Tell whether two short texts say the same: one covers the other, or they are spelled nearly alike."""
    return covers(one, other) or covers(other, one) or fuzz.token_sort_ratio(one.lower(), other.lower()) >= _SAME_RATIO
