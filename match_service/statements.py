"""What the sentences about a card state: who takes work, what is due when, what is to be done, where the card goes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from planerka.common.v1 import card_pb2, transcript_pb2

from match_service import grammar
from match_service.cards import column_kind
from match_service.talk import Cue, Said, Sentence
from mesh.times import from_seconds
from textkit.dates import DateKind, DateMention, find_dates
from textkit.lemmas import lemmas
from textkit.misheard import mended
from textkit.people import Person, find_people

_MOVE: Final = re.compile(
    r"\b(?:перевод|перевед|перевест|перенос|перенес|передвин|двига|перемещ|перемести|переложи|отправля"
    r"|ставлю|ставим)[а-я]*\b"
    r"|\b(?:move|moving|put|putting|push|shift)(?:s|ed)?\b",
    re.IGNORECASE,
)
_CLOSE: Final = re.compile(
    r"\b(?:закрыва(?:ем|ю|й|йте|ть)|закрой(?:те)?|можно закрыть|вопрос закрыт|задача (?:закрыта|готова"
    r"|сделана|выполнена)|"
    r"карточк[ау] (?:закрыта|готова|закрыть))\b"
    r"|\b(?:(?:we |i )?can close|close (?:the|this) (?:card|ticket|task|one)|closing (?:the|this|it)"
    r"|(?:card|ticket|task) is (?:done|closed|finished)|this is done|mark (?:it|this) (?:as )?done)\b",
    re.IGNORECASE,
)
_FUTURE_MOVE: Final = re.compile(
    r"\b(?:перевед[уе]|перенес[уе]|передвину|отдам|отправлю|will move|'ll move|going to move)[а-я]*\b", re.IGNORECASE
)
_MANY: Final = re.compile(
    r"\b(?:все|всех|каждую) (?:карточк|задач|тикет)|\b(?:all|every|each) (?:the |of the )?(?:card|task|ticket|issue)",
    re.IGNORECASE,
)
_BLOCKED: Final = re.compile(
    r"\b(?:заблокирован|блокирует|застрял|стоим из-за|работа стоит|не можем (?:начать|продолжить)"
    r"|упёрлись|уперлись)[а-я]*\b"
    r"|\b(?:blocked (?:by|on|until)|is blocked|are blocked|(?:is|are) stuck|can't (?:start|continue"
    r"|proceed))\b",
    re.IGNORECASE,
)
_DONE: Final = re.compile(
    r"\b(?:готов|сделан|закончен|закончил|сделал|написал|заверш|выполн|проверил|исправил)[а-я]*\b"
    r"|\b(?:done|finished|completed|fixed|ready|written|shipped)\b",
    re.IGNORECASE,
)
_KIND_WORDS: Final = {
    card_pb2.COLUMN_KIND_REVIEW: re.compile(r"\b(?:ревью|проверк[уи]|на проверку|review)\b", re.IGNORECASE),
    card_pb2.COLUMN_KIND_DONE: re.compile(r"\b(?:готово|сделано|закрыто|выполнено|done|closed)\b", re.IGNORECASE),
    card_pb2.COLUMN_KIND_ACTIVE: re.compile(r"\b(?:в работу|in progress|doing)\b", re.IGNORECASE),
    card_pb2.COLUMN_KIND_BACKLOG: re.compile(r"\b(?:в бэклог|в беклог|backlog)\b", re.IGNORECASE),
}
_LEAVES: Final = re.compile(
    r"\b(?:сними(?:те)?|снимаем|убери(?:те)?|убираем|исключи(?:те)?)\b.{0,40}\b(?:с|со|из) (?:эт[а-я]+ )?(?:задач|карточк|тикет)"
    r"|\bбольше (?:этим |ею |ей )?не (?:занимает|занимаю|участвует|участвую)"
    r"|\b(?:take|taking|remove|removing|drop) [\w' ]{1,40} (?:off|from) (?:this|the|that) (?:card|task|ticket|one)\b"
    r"|\b(?:is|am|i'm|'s) (?:no longer|not) (?:working )?on (?:this|the|that) (?:card|task|ticket|one)\b",
    re.IGNORECASE,
)
_LABEL_NAME: Final = r"[«\"“']?(?P<label>[\w-]{2,40}(?:(?<=[\w-]) [\w-]{2,40}){0,2}(?=[»\"”'])|[\w-]{2,40})"
_LABEL_ON: Final = re.compile(
    rf"\b(?:пове[сш]|постав|став|добав|веша)[а-я]*\s+(?:\w+\s+){{0,2}}?(?:метк|лейбл|ярлык|тег)[а-я]*\s+{_LABEL_NAME}"
    rf"|\b(?:add|put|set|adding|putting) (?:on )?(?:the |a )?(?:label|tag) {_LABEL_NAME.replace('label>', 'label_en>')}",
    re.IGNORECASE,
)
_LABEL_OFF: Final = re.compile(
    rf"\b(?:сним|убер|убира|удал)[а-я]*\s+(?:\w+\s+){{0,2}}?(?:метк|лейбл|ярлык|тег)[а-я]*\s+{_LABEL_NAME}"
    rf"|\b(?:remove|removing|drop|take off) (?:the |a )?(?:label|tag) {_LABEL_NAME.replace('label>', 'label_en>')}",
    re.IGNORECASE,
)
_WRITE_RU: Final = r"(?:добав|допиш|запиш|внес|впиш)[а-я]*"
_DESCRIBES: Final = re.compile(
    rf"\b(?:{_WRITE_RU}\s+(?:\w+\s+){{0,2}}?в описани[ея]|в описани[ея]\s+(?:\w+\s+){{0,2}}?{_WRITE_RU})"
    r"(?:\s+(?:карточк|задач)[а-я]*)?(?:\s*[,:—-]\s*(?:что\s+)?|\s+что\s+)"
    r"|\b(?:add|write|put)(?: this| that)? (?:to|into|in) the description(?:\s*[,:—-]\s*(?:that\s+)?|\s+that\s+)",
    re.IGNORECASE,
)
_WAITS: Final = re.compile(
    r"\b(?:жд[её]м|зависит от|после того как|упирается в|depends? on|waiting (?:for|on)|blocked (?:by|on))\b",
    re.IGNORECASE,
)
_QUOTE_CHARS: Final = 2000
_DUE_WORK: Final = (DateKind.DEADLINE, DateKind.POINT)


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence about the card, with what it states."""

    turn: Said
    """The turn that holds it."""
    sentence: Sentence
    """The sentence."""
    speaker: str
    """Key of the person who says it; empty when the speaker is not in the roster."""
    takers: tuple[tuple[str, bool], ...]
    """People who get the work, each with whether they take it themselves."""
    due: DateMention | None
    """When the work is due."""
    promised: bool
    """Whether the due date is the team's own, not an event outside."""
    todo: str
    """What is to be done, as a phrase; empty for nothing."""
    column_id: str
    """Column that the card goes to right now; empty for none."""
    blocked: bool
    """Whether the work is said to be stuck."""
    done: bool
    """Whether something is said to be done."""
    informative: bool
    """Whether it tells something worth keeping."""
    leavers: tuple[str, ...] = ()
    """People who leave the work."""
    label_on: str = ""
    """Label to put on; empty for none."""
    label_off: str = ""
    """Label to take off; empty for none."""
    describes: str = ""
    """What the description is to say besides; empty for nothing."""
    waits: bool = False
    """Whether the work waits for something, which blocks it when that is another card."""


def read_statements(
    turns: Sequence[Said],
    sentences: Iterable[Sentence],
    people: Sequence[Person],
    columns: Sequence[card_pb2.Column],
    reference: date | None,
) -> list[Statement]:
    """Return what each of `sentences` states; without a `reference` day nothing is due."""
    return [_read(turns[sentence.turn], sentence, people, columns, reference) for sentence in sentences]


def evidence_of(statement: Statement) -> transcript_pb2.Evidence:
    """Return the sentence of a statement as evidence; its times are those of its share of the turn's characters."""
    turn, sentence = statement.turn, statement.sentence
    evidence = transcript_pb2.Evidence(turn_id=turn.turn_id, quote=sentence.text[:_QUOTE_CHARS], speaker=turn.speaker)
    if turn.start is not None and turn.end is not None and turn.end >= turn.start:
        span = turn.end - turn.start
        length = max(len(turn.text), 1)
        evidence.start.CopyFrom(from_seconds(turn.start + span * sentence.start / length))
        evidence.end.CopyFrom(from_seconds(turn.start + span * sentence.end / length))
    return evidence


def _read(
    turn: Said,
    sentence: Sentence,
    people: Sequence[Person],
    columns: Sequence[card_pb2.Column],
    reference: date | None,
) -> Statement:
    text = sentence.text
    asked = Cue.QUESTION in sentence.cues
    open_ended = asked or grammar.is_conditional(text)
    speaker = next((mention.person for mention in find_people(turn.speaker, people)), "") if turn.speaker else ""
    dates = find_dates(text, reference) if reference else []
    due = None if open_ended else _due(text, dates)
    return Statement(
        turn=turn,
        sentence=sentence,
        speaker=speaker,
        takers=_takers(mended(text, tuple(people)), speaker, people, asked=asked),
        due=due,
        promised=due is not None and _is_promise(text, due, people),
        todo="" if open_ended else grammar.todo_phrase(text),
        column_id="" if open_ended else _column(text, columns, dates),
        blocked=bool(_BLOCKED.search(text)) and not open_ended,
        done=bool(_DONE.search(text)) and not open_ended and not grammar.is_negated(text),
        informative=not asked and Cue.SMALL_TALK not in sentence.cues and not grammar.is_prompt(text) and _tells(text),
        leavers=() if open_ended else _leavers(text, speaker, people),
        label_on="" if open_ended or grammar.is_negated(text) else _label(_LABEL_ON, text),
        label_off="" if open_ended or grammar.is_negated(text) else _label(_LABEL_OFF, text),
        describes="" if open_ended else _described(text),
        waits=bool(_WAITS.search(text)) and not asked,
    )


def _takers(text: str, speaker: str, people: Sequence[Person], *, asked: bool) -> tuple[tuple[str, bool], ...]:
    found: dict[str, bool] = {}
    for mention in find_people(text, people):
        if mention.person != speaker and grammar.charged(text, mention.start, mention.end):
            found.setdefault(mention.person, False)
    if speaker and not asked and grammar.takes_on(text):
        found[speaker] = True
    return tuple(found.items())


def _leavers(text: str, speaker: str, people: Sequence[Person]) -> tuple[str, ...]:
    """Return who leaves the work: those named, or the speaker who names nobody."""
    if not _LEAVES.search(text):
        return ()
    named = tuple(dict.fromkeys(mention.person for mention in find_people(text, people)))
    return named or ((speaker,) if speaker and grammar.is_first_person(text) else ())


def _label(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return next((name for name in found.groupdict().values() if name), "") if found else ""


def _described(text: str) -> str:
    found = _DESCRIBES.search(text)
    told = text[found.end() :].strip() if found else ""
    return told[:1].upper() + told[1:] if _tells(told) else ""


def _due(text: str, dates: Sequence[DateMention]) -> DateMention | None:
    """Return the date by which the work of the sentence is due: a deadline first, else a day on which we act."""
    usable = [mention for mention in dates if mention.kind in _DUE_WORK]
    deadlines = [mention for mention in usable if mention.kind is DateKind.DEADLINE]
    if deadlines:
        return deadlines[-1]
    return usable[-1] if usable and grammar.is_first_person(text) else None


def _is_promise(text: str, due: DateMention, people: Sequence[Person]) -> bool:
    if grammar.is_first_person(text) or grammar.takes_on(text):
        return True
    return due.kind is DateKind.DEADLINE and bool(find_people(text, people) or grammar.todo_phrase(text))


def _column(text: str, columns: Sequence[card_pb2.Column], dates: Sequence[DateMention]) -> str:
    """Return the column that the sentence moves the card to now; a dated or future move is none."""
    if _FUTURE_MOVE.search(text) or _MANY.search(text) or grammar.is_negated(text):
        return ""
    if any(mention.kind is not DateKind.PAST for mention in dates):
        return ""
    match = _MOVE.search(text)
    if match:
        return _named_column(text[match.end() :], columns)
    if _CLOSE.search(text):
        return next((c.column_id for c in columns if column_kind(c) == card_pb2.COLUMN_KIND_DONE), "")
    return ""


def _named_column(text: str, columns: Sequence[card_pb2.Column]) -> str:
    said = set(lemmas(text, keep_stop_words=True))
    for column in columns:
        title = set(lemmas(column.title, keep_stop_words=True))
        if title and title <= said:
            return column.column_id
    for kind, pattern in _KIND_WORDS.items():
        if pattern.search(text):
            fitting = [c.column_id for c in columns if column_kind(c) == kind]
            if len(fitting) == 1:
                return fitting[0]
    return ""


def _tells(text: str) -> bool:
    return len(set(lemmas(text))) >= 3
