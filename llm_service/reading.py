"""What requests mean: messages of the contract as objects of the domain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from google.protobuf.timestamp_pb2 import Timestamp
from planerka.common.v1 import transcript_pb2
from planerka.llm.v1 import llm_pb2

from llm_service.documents import Document, Passage, paragraphs
from llm_service.errors import LanguageUnknown, TimeZoneUnknown
from llm_service.extraction import FileKind, passages_of_file
from llm_service.knowledge import Access, Narrowed
from llm_service.perimeter import Call, Perimeter
from llm_service.prompts import LANGUAGES
from llm_service.questions import Exchange, Question
from llm_service.strategies import Strategy
from llm_service.talk import Said, Talk, Timing
from llm_service.templates import Template
from mesh.errors import Violation
from mesh.times import to_datetime, to_seconds
from textkit.lemmas import detect_language, question_language
from textkit.people import Person, find_people

__all__ = [
    "access",
    "call",
    "document",
    "language",
    "narrowed",
    "person_id",
    "question",
    "strategy",
    "talk",
    "template",
    "zone",
]

_VOICE: Final = "voice:"
"""Prefix of the keys of speakers who are in no list of people."""
_FILE_KINDS: Final[dict[int, FileKind]] = {
    llm_pb2.FILE_FORMAT_TEXT: "text",
    llm_pb2.FILE_FORMAT_MARKDOWN: "markdown",
    llm_pb2.FILE_FORMAT_PDF: "pdf",
    llm_pb2.FILE_FORMAT_DOCX: "docx",
}


def call(request: llm_pb2.SummarizeRequest | llm_pb2.AskRequest, purpose: str) -> Call:
    """Return for whom and for what models work; the names of a request's people and speakers are known to redaction."""
    policy = request.policy
    names = list(policy.names)
    if isinstance(request, llm_pb2.SummarizeRequest):
        names += [name for person in request.people for name in (person.name, *person.aliases)]
        names += [turn.speaker_name for turn in request.turns]
    known = tuple(dict.fromkeys(name for name in names if name.strip()))
    perimeter = Perimeter(policy.perimeter) if policy.perimeter else None
    return Call(request.workspace_id, purpose, perimeter, policy.provider, known)


def talk(request: llm_pb2.SummarizeRequest) -> Talk:
    """Return the talk of a request; its day is the one on which it began in the workspace's time zone."""
    people = [
        Person(person.person_id or f"{_VOICE}{person.name}", (person.name, *person.aliases))
        for person in request.people
    ]
    names = {person.key: person.names[0] for person in people}
    known = tuple(people)
    speakers: dict[str, str] = {}
    for turn in request.turns:
        name = turn.speaker_name
        if name and name not in speakers:
            key = _person_of(name, known)
            speakers[name] = key or f"{_VOICE}{name}"
            if not key:
                people.append(Person(speakers[name], (name,)))
                names[speakers[name]] = name
    turns = tuple(_said(turn, speakers.get(turn.speaker_name, "")) for turn in request.turns)
    return Talk(turns, _day(request), _language_of(turns), tuple(people), names, request.title)


def person_id(key: str) -> str:
    """Return the identifier of a person by the key in the talk's roster; empty for a speaker whom nobody listed."""
    return "" if key.startswith(_VOICE) else key


def language(asked: str) -> str:
    """Return the language that was asked for; empty where none was.

    Raises:
        LanguageUnknown: The service does not write in it.
    """
    if asked and asked not in LANGUAGES:
        raise LanguageUnknown(
            f"The service does not write in {asked!r}; it knows {', '.join(LANGUAGES)}.",
            violations=[Violation("language", f"must be empty or one of {', '.join(LANGUAGES)}")],
        )
    return asked


def strategy(asked: int) -> Strategy:
    """Return how to sum up; AUTO where nothing was asked for."""
    name = llm_pb2.SummaryStrategy.Name(asked).removeprefix("SUMMARY_STRATEGY_").lower()  # type: ignore[arg-type]  # a number
    return Strategy.AUTO if name == "unspecified" else Strategy(name)


def template(message: llm_pb2.Template) -> Template:
    """Return a template."""
    return Template(message.name, message.title, message.guidance, message.layout, strategy(message.strategy))


def zone(name: str) -> tzinfo:
    """Return the time zone of this IANA name; UTC for an empty one.

    Raises:
        TimeZoneUnknown: There is none.
    """
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TimeZoneUnknown(
            f"There is no time zone {name!r}; use an IANA name such as Europe/Moscow.",
            violations=[Violation("time_zone", "must be empty or an IANA name")],
        ) from error


def document(message: llm_pb2.Document) -> Document:
    """Return a document.

    Blocks while a PDF or a Word document is read.

    Raises:
        TextNotUtf8, FileBroken, FileEncrypted, FileTooLarge, FileWithoutText: See `passages_of_file`.
    """
    return Document(
        message.document_id,
        message.kind,
        message.title,
        message.meeting_id,
        message.card_id,
        _milliseconds(message.happened_at) if message.HasField("happened_at") else None,
        tuple(sorted(set(message.readers))),
        _passages(message),
    )


def access(workspace_id: str, reader: llm_pb2.Reader, given: bool) -> Access:
    """Return who asks. A call without a reader sees what everybody sees; an empty reader is the system itself."""
    if not given:
        return Access(workspace_id, frozenset())
    if not reader.person_id and not reader.roles:
        return Access(workspace_id, None)
    return Access(workspace_id, frozenset({reader.person_id, *reader.roles} - {""}))


def narrowed(message: llm_pb2.SearchFilter) -> Narrowed:
    """Return what a search leaves out."""
    return Narrowed(
        tuple(message.kinds),
        tuple(message.meeting_ids),
        _milliseconds(message.after) if message.HasField("after") else None,
        _milliseconds(message.before) if message.HasField("before") else None,
    )


def question(request: llm_pb2.AskRequest) -> Question:
    """Return a question; its language is the asked one, else that of its words."""
    asked = language(request.language) or question_language(request.question)
    return Question(
        request.question,
        access(request.workspace_id, request.reader, request.HasField("reader")),
        narrowed(request.filter),
        asked,
        tuple(Exchange(one.question, one.answer) for one in request.history),
        to_datetime(request.asked_at) if request.HasField("asked_at") else None,
        zone(request.time_zone),
    )


def _person_of(name: str, people: Sequence[Person]) -> str:
    for person in people:
        if name in person.names or name == person.key:
            return person.key
    found = {mention.person for mention in find_people(name, people)}
    return found.pop() if len(found) == 1 else ""


def _said(turn: transcript_pb2.Turn, person: str) -> Said:
    timed = turn.HasField("start") and turn.HasField("end")
    return Said(
        turn.turn_id,
        turn.speaker_name or turn.speaker,
        turn.text,
        to_seconds(turn.start) if timed else None,
        to_seconds(turn.end) if timed else None,
        tuple(_timings(turn)),
        person,
    )


def _timings(turn: transcript_pb2.Turn) -> list[Timing]:
    """Find the words in the text, one after another; words that are not in it have no place."""
    timings: list[Timing] = []
    place = 0
    for word in turn.words:
        start = turn.text.find(word.text, place) if word.text else -1
        if start < 0:
            continue
        place = start + len(word.text)
        timings.append(Timing(start, place, to_seconds(word.start), to_seconds(word.end)))
    return timings


def _day(request: llm_pb2.SummarizeRequest) -> date:
    began = to_datetime(request.started_at) if request.HasField("started_at") else datetime.now(UTC)
    return began.astimezone(zone(request.time_zone)).date()


def _language_of(turns: Sequence[Said]) -> str:
    """Return the language in which most is said; a Russian talk full of English terms is Russian."""
    return "en" if detect_language(" ".join(turn.text for turn in turns)) == "en" else "ru"


def _passages(message: llm_pb2.Document) -> tuple[Passage, ...]:
    content = message.WhichOneof("content")
    if content == "turns":
        return tuple(_passage(turn) for turn in message.turns.turns if turn.text.strip())
    if content == "text":
        return paragraphs(message.text, markdown=False)
    return passages_of_file(message.document_id, _FILE_KINDS[message.file.format], message.file.data)


def _passage(turn: transcript_pb2.Turn) -> Passage:
    timed = turn.HasField("start") and turn.HasField("end")
    return Passage(
        turn.text.strip(),
        turn.turn_id,
        turn.speaker_name or turn.speaker,
        turn.start.ToMicroseconds() if timed else None,
        turn.end.ToMicroseconds() if timed else None,
        written_ms=_milliseconds(turn.written_at) if turn.HasField("written_at") else None,
    )


def _milliseconds(stamp: Timestamp) -> int:
    return stamp.seconds * 1000 + stamp.nanos // 1_000_000
