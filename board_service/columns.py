"""What a column means, guessed from its title."""

from __future__ import annotations

import re

from planerka.common.v1.card_pb2 import ColumnKind

__all__ = ["guess_kind"]

# Ordered: «Готово к ревью» waits for a check, «Готово к работе» waits for a beginning, and neither is finished.
_TITLES: tuple[tuple[ColumnKind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            ColumnKind.COLUMN_KIND_BACKLOG,
            (
                r"\b(ready (for|to) (dev|develop|development|work|start|do)|(готов\w*|можно) (к работе|к разработке|в работу)"
                r"|к выполнению|not started|не начат\w*)\b"
            ),
        ),
        (
            ColumnKind.COLUMN_KIND_REVIEW,
            (
                r"\b(review\w*|in test|test|testing|tests|qa|verif\w+|approv\w+|acceptance|"
                r"ревью|код-?ревью|проверк\w+|проверить|проверяе\w+|тест|тесты|тестир\w+|согласован\w+|приемк\w+)\b"
            ),
        ),
        (
            ColumnKind.COLUMN_KIND_DONE,
            (
                r"\b(done|complete|completed|finished|closed|shipped|released|resolved|live|"
                r"готов[оаы]?|сделан[оаы]?|выполнен[оаы]?|заверш\w+|законч\w+|закрыт\w*|решен[оаы]|выпущен\w*|проверен[оаы]|сдан[оаы])\b"
            ),
        ),
        (
            ColumnKind.COLUMN_KIND_ACTIVE,
            (
                r"\b(in progress|in work|doing|wip|active|started|ongoing|in development|development|implementing|now|"
                r"в работе|в процессе|в разработке|разработка|делаем|делаю|делается|выполняется|идет|активн\w+|сейчас)\b"
            ),
        ),
        (
            ColumnKind.COLUMN_KIND_BACKLOG,
            (
                r"\b(backlog|to[ -]?do|ideas?|inbox|new|icebox|planned|plan|queue|next|open|later|ready|"
                r"б[эе]клог|сделать|надо|нужно|план|планы|запланирован\w+|иде[яи]|нов[ыо]е|входящие|очередь|потом|задачи|хотелки)\b"
            ),
        ),
    )
)


def guess_kind(title: str) -> ColumnKind:
    """Return what a column of this Russian or English title means; unspecified where the title does not tell."""
    folded = " ".join(title.casefold().replace("ё", "е").replace("_", " ").split())
    return next((kind for kind, pattern in _TITLES if pattern.search(folded)), ColumnKind.COLUMN_KIND_UNSPECIFIED)
