"""What proposals say to people, in Russian and English: the one table of this package."""

from collections.abc import Mapping
from datetime import date
from typing import Final

_MONTHS_RU: Final = (
    "января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря",
)  # fmt: skip

_TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "ru": {
        "comment_head": "На встрече {day}:",
        "comment_head_undated": "На встрече:",
        "comment_reason": "На встрече сказали то, чего нет в карточке.",
        "due_reason": "{speaker}: срок «{said}» — {day}.",
        "due_changed_reason": "{speaker}: срок «{said}» — {day}, а в карточке {before}.",
        "due_says": "Срок: {before}",
        "member_takes_reason": "{member} берёт это на себя.",
        "member_charged_reason": "{speaker} поручает это: {member}.",
        "members_say": "Участники: {names}",
        "move_reason": "{speaker}: карточку переводят в «{column}».",
        "move_says": "Колонка: «{column}»",
        "checklist_reason": "{speaker} называет, что нужно сделать.",
        "item_done_reason": "{speaker} говорит, что это сделано.",
        "blocked_reason": "{speaker} говорит, что работа стоит.",
        "blocked_by_reason": "{speaker} говорит, что работа ждёт карточку «{card}».",
        "member_leaves_reason": "{speaker}: {member} больше не занимается этим.",
        "add_label_reason": "{speaker}: поставить метку «{label}».",
        "remove_label_reason": "{speaker}: снять метку «{label}».",
        "labels_say": "Метки: {labels}",
        "description_reason": "{speaker} просит дополнить описание.",
        "create_reason": "Об этой работе говорили, а карточки для неё нет.",
        "unknown_speaker": "Участник",
    },
    "en": {
        "comment_head": "Meeting on {day}:",
        "comment_head_undated": "From the meeting:",
        "comment_reason": "The meeting said what the card does not say.",
        "due_reason": "{speaker}: due \u201c{said}\u201d, {day}.",
        "due_changed_reason": "{speaker}: due \u201c{said}\u201d, {day}, while the card says {before}.",
        "due_says": "Due: {before}",
        "member_takes_reason": "{member} takes this on.",
        "member_charged_reason": "{speaker} asks {member} to do this.",
        "members_say": "Members: {names}",
        "move_reason": "{speaker}: the card moves to \u201c{column}\u201d.",
        "move_says": "Column: \u201c{column}\u201d",
        "checklist_reason": "{speaker} names what is to be done.",
        "item_done_reason": "{speaker} says that this is done.",
        "blocked_reason": "{speaker} says that the work is stuck.",
        "blocked_by_reason": "{speaker} says that the work waits for the card \u201c{card}\u201d.",
        "member_leaves_reason": "{speaker}: {member} no longer works on this.",
        "add_label_reason": "{speaker}: put the label \u201c{label}\u201d on.",
        "remove_label_reason": "{speaker}: take the label \u201c{label}\u201d off.",
        "labels_say": "Labels: {labels}",
        "description_reason": "{speaker} asks to add this to the description.",
        "create_reason": "This work was talked about, and there is no card for it.",
        "unknown_speaker": "A participant",
    },
}


class Wording:
    """The texts in one language."""

    def __init__(self, language: str) -> None:
        """Choose the language: "ru", and English for everything else."""
        self.language = "ru" if language == "ru" else "en"
        self._texts = _TEXTS[self.language]

    def text(self, name: str, **values: str) -> str:
        """Return the text of that name, filled in."""
        return self._texts[name].format(**values)

    def day(self, day: date) -> str:
        """Return a day as people write it: «15 марта 2026», "15 March 2026"."""
        month = _MONTHS_RU[day.month - 1] if self.language == "ru" else f"{day:%B}"
        return f"{day.day} {month} {day.year}"

    def quote(self, text: str) -> str:
        """Return a text in the language's quotation marks."""
        return f"«{text}»" if self.language == "ru" else f"\u201c{text}\u201d"
