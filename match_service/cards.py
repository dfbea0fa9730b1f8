"""Cards as the matcher reads them."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from planerka.common.v1 import card_pb2

from match_service.prose import prose

_PASSAGE_CHARS: Final = 2400
_TITLE_CHARS: Final = 250
_COMMENTS: Final = 5
_PIECES: Final = 6
_PIECE_CHARS: Final = 200
_PIECE_LETTERS: Final = 8
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|\n")
_DONE: Final = re.compile(
    r"готов|сделан|закрыт|заверш|выполн|архив|\bdone\b|closed|complete|finished|released", re.IGNORECASE
)
_REVIEW: Final = re.compile(r"ревью|провер|тестир|review|\bqa\b|testing|verif|check", re.IGNORECASE)
_ACTIVE: Final = re.compile(r"в работе|делаем|в процессе|выполняется|doing|in progress|active|ongoing", re.IGNORECASE)


@dataclass(frozen=True)
class CardView:
    """The words of a card that a talk can touch."""

    card_id: str
    """Identifier."""
    title: str
    """Title; one without any letter or digit counts as none."""
    body: str = ""
    """Description, labels, checklist and last comments, one under the other."""
    key: str = ""
    """Short key that people say aloud."""
    members: tuple[str, ...] = ()
    """Names of its members."""
    done: bool = False
    """Whether it lies in a column of finished work."""

    @cached_property
    def passage(self) -> str:
        """The text that is compared: title and body without what programs wrote, at most 2,400 characters."""
        title = self.title if any(letter.isalnum() for letter in self.title) else ""
        return "\n".join(part for part in (title, prose(self.body)) if part)[:_PASSAGE_CHARS] or self.title

    @cached_property
    def heading(self) -> str:
        """The title, or the empty string when it says nothing, or is a whole paragraph that heads nothing."""
        says = len(self.title) <= _TITLE_CHARS and any(letter.isalnum() for letter in self.title)
        return self.title if says else ""

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """The first lines and sentences of the passage, each of which may say what the card is about; at most 6."""
        parts = (part.strip()[:_PIECE_CHARS] for part in _SENTENCE_END.split(self.passage))
        says = (part for part in parts if sum(letter.isalpha() for letter in part) >= _PIECE_LETTERS)
        return tuple(dict.fromkeys(says))[:_PIECES] or (self.passage,)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that matching reads, by which an unchanged card is known."""
        fields = (self.title, self.body, self.key, *self.members, str(self.done))
        return hashlib.sha256("\x1f".join(fields).encode()).hexdigest()


def view_of(card: card_pb2.Card, board: card_pb2.Board) -> CardView:
    """Return the view of a card of `board`, with the names of its members."""
    names = {member.member_id: member.name for member in board.members}
    comments = [comment.text for comment in card.comments[-_COMMENTS:]]
    body = [card.description, ", ".join(card.labels), *(item.text for item in card.checklist), *comments]
    return CardView(
        card_id=card.card_id,
        title=card.title,
        body="\n".join(part for part in body if part.strip()),
        key=card.key,
        members=tuple(names[member] for member in card.member_ids if member in names),
        done=column_kind(column_of(card.column_id, board.columns)) == card_pb2.COLUMN_KIND_DONE,
    )


def column_of(column_id: str, columns: Iterable[card_pb2.Column]) -> card_pb2.Column:
    """Return the column of that id, or an empty one."""
    by_id: Mapping[str, card_pb2.Column] = {column.column_id: column for column in columns}
    return by_id.get(column_id, card_pb2.Column())


def column_kind(column: card_pb2.Column) -> card_pb2.ColumnKind:
    """Return what the column means: what the board tells, else what its title says."""
    if column.kind != card_pb2.COLUMN_KIND_UNSPECIFIED:
        return column.kind
    for pattern, kind in (
        (_DONE, card_pb2.COLUMN_KIND_DONE),
        (_REVIEW, card_pb2.COLUMN_KIND_REVIEW),
        (_ACTIVE, card_pb2.COLUMN_KIND_ACTIVE),
    ):
        if pattern.search(column.title):
            return kind
    return card_pb2.COLUMN_KIND_UNSPECIFIED
