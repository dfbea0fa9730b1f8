"""Tasks, decisions, open questions and risks of one topic, found by what was said in so many words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from llm_service.cues import Kind, accepts, find_cues, is_settled
from llm_service.decisions import decides
from llm_service.grounding import overlap
from llm_service.talk import Line, Talk
from textkit.dates import DateKind, find_dates
from textkit.lemmas import lemmas, morphology, tokens
from textkit.misheard import mended
from textkit.people import find_people

__all__ = ["Due", "Findings", "Remark", "Task", "find_remarks", "is_bare", "plain"]

_MOST_TASKS: Final = 4
_MOST_REMARKS: Final = 3
_FEWEST_TELLING: Final = 2
_LINES_PER_FINDING: Final = 10
_FEWEST_WORDS: Final = 3
_SHORT: Final = 7
"""Words up to which a request right after a promise only confirms it («Хорошо, бери сразу после авторизации»)."""
_LEADS: Final = re.compile(
    r"^(?:(?:да|ага|угу|ну|так|вот|хорошо|отлично|понятно|ладно|окей|ок|тогда|договорились|и ещ[её]|ещ[её] вопрос|а вот|а|но|и"
    r"|okay|ok|so|well|yeah|yep|yes|right|and|but|um|uh|good|great|alright|all right)\b[,.!\s]+)+",
    re.IGNORECASE,
)
_HESITATIONS: Final = re.compile(
    r"(?:(?<=^)|(?<=\s))(?:u+h+|u+m+|e+r+m?|m+-?h*m+|a+h+|э+м*|м{2,}|а{2,})\b[,.]?(?=\s|$)", re.IGNORECASE
)
_TWICE: Final = re.compile(r"\b(\w+(?:['’]\w+)?)(?:,? \1\b(?!['’]))+", re.IGNORECASE)
_AT_ONCE: Final = re.compile(
    r"\b(?:i['’]ll|i will|i['’]m (?:gonna|going to)|i am going to|let me|we['’]ll|we will)"
    r"\s+(?:(?:just|quickly|now|then|first|also|briefly)\s+)*"
    r"(?:go (?:next|first|ahead|back|through|over|on|quickly)|start (?:with|off|by)|begin (?:with|by)|say\b|take notes|move on|stop"
    r"|(?:explain|present|skip|repeat) (?:it|this|that|these|here|how|what|why)\b|leave (?:it|this|that) (?:to|there|here|for now)"
    r"|(?:write|note) (?:(?:it|this|that|these) )?(?:down|here)\b|(?:come|get) (?:back )?to (?:it|this|that)\b"
    r"|show you\b|(?:take|make) (?:the |some )?(?:notes|minutes)\b|rub\b"
    r"|use the (?:white ?)?board\b|share my screen)"
    r"|\b(?:go back (?:for a|to the|one)|next slide|speak up|say (?:it|that) again|(?:un)?mute (?:your|please)|share your screen)\b"
    r"|\b(?:покажу (?:вам|экран|сейчас)|перейду к|вернусь к (?:этому|нему|ней)|передам слово|следующий слайд|говорите? громче"
    r"|повторите?,? (?:пожалуйста|ещ[её] раз|вопрос)|(?:включ|выключ)(?:и|у|ите) (?:камеру|микрофон|звук|экран)"
    r"|(?:рас)?шар(?:ю|ь|ьте) экран|переключ(?:и|у|ите) слайд)\b",
    re.IGNORECASE,
)
"""What people say they do while the meeting goes on; with a day it is work for later."""
_TASK_KINDS: Final = frozenset({Kind.PROMISE, Kind.REQUEST, Kind.ASSIGNMENT, Kind.NEED})
_OWNED: Final = frozenset({Kind.PROMISE, Kind.REQUEST, Kind.ASSIGNMENT})


@dataclass(frozen=True)
class Due:
    """The day on which something is due, and the words that say so."""

    day: date
    text: str


@dataclass(frozen=True)
class Task:
    """Something that somebody will do."""

    lines: tuple[Line, ...]
    text: str
    """How it is written: a phrase of the model that stood the checks, else the words themselves."""
    owner: str = ""
    """Key of the person; empty where nobody was named and nobody volunteered."""
    owner_name: str = ""
    """The owner's name, also of a speaker who is not in the roster."""
    due: Due | None = None


@dataclass(frozen=True)
class Remark:
    """A decision, a question or a risk."""

    kind: Kind
    lines: tuple[Line, ...]
    text: str


@dataclass(frozen=True)
class Findings:
    """What was found in one topic."""

    tasks: tuple[Task, ...]
    decisions: tuple[Remark, ...]
    questions: tuple[Remark, ...]
    risks: tuple[Remark, ...]


def find_remarks(talk: Talk, lines: Sequence[Line]) -> Findings:
    """Return what the lines of one topic say about tasks, decisions, open questions and risks."""
    cues = [find_cues(mended(line.text, talk.roster)) for line in lines]
    groups = _group_tasks(talk, lines, cues)
    tasks = [task for task in (_task(talk, group, owned) for group, owned in groups) if _says_what(task)]
    tasks = [task for task in tasks if not _is_done_at_once(task)]
    decisions = [
        line
        for line, kinds in zip(lines, cues, strict=True)
        if Kind.DECISION in kinds and Kind.QUESTION not in kinds and decides(plain(line.text))
    ]
    risks = [
        line
        for line, kinds in zip(lines, cues, strict=True)
        if Kind.RISK in kinds and Kind.QUESTION not in kinds and len(set(lemmas(line.text))) > 1
    ]
    questions = [
        line for place, line in enumerate(lines) if Kind.QUESTION in cues[place] and _stays_open(lines, cues, place)
    ]
    # Who speaks long about one thing decides more; a talk full of "we'll see" is not all decisions.
    most = max(_MOST_REMARKS, len(lines) // _LINES_PER_FINDING)
    return Findings(
        tuple(_clearest(tasks, max(_MOST_TASKS, len(lines) // _LINES_PER_FINDING))),
        _remarks(Kind.DECISION, decisions, most),
        _remarks(Kind.QUESTION, questions, most),
        _remarks(Kind.RISK, risks, most),
    )


def plain(text: str) -> str:
    """Return a sentence without the words with which people take the turn («Хорошо, тогда …»), its first letter a capital.

    Sounds of hesitation and words said twice go as well; quotes as evidence keep them.
    """
    clean = _clean(text)
    bare = _LEADS.sub("", clean) or clean or text.strip()
    return bare[:1].upper() + bare[1:]


def is_bare(text: str) -> bool:
    """Tell whether a sentence only shows that its speaker listens or hesitates («Ага, да», "Mm-hmm. Yeah")."""
    return not lemmas(_LEADS.sub("", f"{_clean(text)} "))


def _clean(text: str) -> str:
    return _TWICE.sub(r"\1", " ".join(_HESITATIONS.sub(" ", text).split()))


def _says_what(task: Task) -> bool:
    """Tell whether a task names some work («I'll do that» alone does not), or at least who asked whom and until when."""
    said = {word for line in task.lines for word in lemmas(line.text)}
    return len(said) >= _FEWEST_TELLING or task.due is not None or len(task.lines) > 1


def _is_done_at_once(task: Task) -> bool:
    """Tell whether a promise is only about what happens next in the meeting itself, such as who speaks or takes notes."""
    return task.due is None and len(task.lines) == 1 and _AT_ONCE.search(task.lines[0].text) is not None


def _remarks(kind: Kind, lines: Sequence[Line], most: int) -> tuple[Remark, ...]:
    # What people themselves call decided comes before what sounds like it.
    strength = {line.number: (is_settled(line.text), len(set(lemmas(line.text)))) for line in lines}
    strongest = sorted(lines, key=lambda line: strength[line.number], reverse=True)[:most]
    kept = sorted(strongest, key=lambda line: line.number)
    return tuple(Remark(kind, (line,), plain(_clauses(line.text, frozenset({kind})))) for line in kept)


def _clearest(tasks: Sequence[Task], most: int) -> list[Task]:
    """Return at most so many tasks, in order: first those with an owner and a day, then those that say most."""

    def clearness(task: Task) -> tuple[int, int]:
        said = {word for line in task.lines for word in lemmas(line.text)}
        return bool(task.owner_name) + bool(task.due), len(said)

    places = sorted(range(len(tasks)), key=lambda place: clearness(tasks[place]), reverse=True)[:most]
    return [tasks[place] for place in sorted(places)]


def _clauses(text: str, kinds: frozenset[Kind]) -> str:
    """Return the part of a sentence, from comma to comma, that shows one of the kinds; the whole where the parts do not.

    What was decided is often said behind the comma: «вчера мы решили, что запуск будет в апреле».
    """
    starts = [0, *(match.end() for match in re.finditer(r",\s+", text))]
    spans = list(zip(starts, [*starts[1:], len(text)], strict=True))
    telling = [span for span in spans if find_cues(text[span[0] : span[1]]) & kinds]
    if not telling:
        return text
    first, last = telling[0][0], telling[-1][1]
    if Kind.DECISION in kinds and is_settled(text[telling[-1][0] : last]):
        last = len(text)
    if len(text[first:last].split()) < _FEWEST_WORDS:
        return text
    return text[first:last].rstrip(" ,")


def _stays_open(lines: Sequence[Line], cues: Sequence[frozenset[Kind]], place: int) -> bool:
    """Tell whether nobody answers: what follows from others says nothing, or only that it is not known."""
    line = lines[place]
    if not line.text.rstrip(' "»”').endswith("?"):
        return True
    if len(set(lemmas(line.text))) <= 1:
        return False
    answers = [
        (later, kinds)
        for later, kinds in zip(lines[place + 1 :], cues[place + 1 :], strict=True)
        if later.turn != line.turn
    ]
    telling = [
        later
        for later, kinds in answers
        if Kind.QUESTION not in kinds and (set(lemmas(later.text)) or accepts(later.text))
    ]
    unknown = any(Kind.QUESTION in kinds and not later.text.rstrip().endswith("?") for later, kinds in answers[:2])
    return unknown or not telling


def _group_tasks(
    talk: Talk, lines: Sequence[Line], cues: Sequence[frozenset[Kind]]
) -> list[tuple[list[Line], frozenset[Kind]]]:
    """Join lines that speak of one task: a need and the promise to meet it, a request and its acceptance."""
    groups: list[tuple[list[Line], frozenset[Kind]]] = []
    for line, kinds in zip(lines, cues, strict=True):
        tasks = kinds & _TASK_KINDS
        if tasks == {Kind.NEED} and talk.language == "en" and not re.search(r"needs to|has to", line.text):
            continue
        if not tasks:
            if (
                groups
                and accepts(line.text)
                and groups[-1][0][-1].turn == line.turn - 1
                and Kind.REQUEST in groups[-1][1]
            ):
                groups[-1][0].append(line)
            continue
        if groups and _same_task(groups[-1][0], groups[-1][1], line, tasks):
            groups[-1] = ([*groups[-1][0], line], groups[-1][1] | tasks)
        else:
            groups.append(([line], tasks))
    return groups


def _same_task(group: Sequence[Line], known: frozenset[Kind], line: Line, kinds: frozenset[Kind]) -> bool:
    last = group[-1]
    if line.turn - last.turn > 1:
        return False
    near = line.turn == last.turn and line.number - last.number == 1
    if near and known == {Kind.NEED} and Kind.PROMISE in kinds:
        return True
    if line.turn > last.turn and Kind.PROMISE in known and kinds == {Kind.REQUEST} and len(line.text.split()) <= _SHORT:
        return True
    own = _objects(line.text)
    before = {word for said in group for word in lemmas(said.text)}
    return (not own and last.number >= line.number - 3) or overlap(_doing(line.text), before) > 0


def _objects(text: str) -> set[str]:
    """Return the nouns of a sentence that are no names and no dates: what a task is about."""
    nouns = set()
    for word in tokens(text):
        parse = morphology().parse(word)[0]
        if parse.tag.POS == "NOUN" and "Name" not in parse.tag:
            nouns.add(parse.normal_form)
        elif re.fullmatch(r"[a-z]{4,}", word):
            nouns.add(word)
    return nouns


def _doing(text: str) -> set[str]:
    """Return the verbs of a sentence that name the work, as lemmas."""
    return {
        parse.normal_form.replace("ё", "е")
        for parse in (morphology().parse(word)[0] for word in tokens(text))
        if parse.tag.POS in ("VERB", "INFN")
        and parse.normal_form not in ("мочь", "быть", "взять", "брать", "сделать", "делать")
    }


def _task(talk: Talk, group: Sequence[Line], kinds: frozenset[Kind]) -> Task:
    said = [plain(_clauses(line.text, _TASK_KINDS)) for line in group if not _bare_acceptance(line)]
    task = Task(tuple(group), " ".join(text if text[-1:] in ".!?…" else f"{text}." for text in said))
    key, name = _owner(talk, group, kinds)
    return replace(task, owner=key, owner_name=name, due=_due(talk, group))


def _bare_acceptance(line: Line) -> bool:
    return accepts(line.text) and not find_cues(line.text) & _TASK_KINDS


def _owner(talk: Talk, group: Sequence[Line], kinds: frozenset[Kind]) -> tuple[str, str]:
    """Return key and name of who volunteered or was named in these lines; nobody is guessed."""
    if not kinds & _OWNED and not any(_bare_acceptance(line) for line in group):
        return "", ""
    for line in group:
        text = mended(line.text, talk.roster)
        own = find_cues(text)
        if Kind.PROMISE in own:
            return line.person, line.speaker
        if own & {Kind.REQUEST, Kind.ASSIGNMENT}:
            named = [mention.person for mention in find_people(text, talk.roster)]
            if named:
                return named[0], talk.names.get(named[0], named[0])
    asked = next((line for line in group if Kind.REQUEST in find_cues(line.text)), None)
    for line in group:
        if asked is not None and _bare_acceptance(line) and line.speaker != asked.speaker:
            return line.person, line.speaker
    return "", ""


def _due(talk: Talk, group: Sequence[Line]) -> Due | None:
    """Return the day that the lines themselves name; a deadline before a mere date."""
    found = [
        mention
        for line in group
        for mention in find_dates(line.text, talk.day)
        if mention.kind in (DateKind.DEADLINE, DateKind.POINT, DateKind.WINDOW) and mention.date >= talk.day
    ]
    if not found:
        return None
    best = min(found, key=lambda mention: (DateKind.DEADLINE, DateKind.POINT, DateKind.WINDOW).index(mention.kind))
    return Due(best.date, best.text)
