"""Stretches of a talk written up by the language model, and held to what was said.

Whatever the model leaves out is not lost: a topic of which none of its sentences stands is quoted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from pydantic import Field, WithJsonSchema, create_model

from llm_service.actions import Task
from llm_service.checks import Checks
from llm_service.errors import ProviderFailed, TalkTooLong
from llm_service.extract import Extract, attribute
from llm_service.generation import Answer, ChatModel, Message, Reply, Usage
from llm_service.parts import Part, Sentence, extracted, text_of
from llm_service.prompts import render
from llm_service.talk import Line

__all__ = ["MOST_TOPICS", "Minutes"]

MOST_TOPICS: Final = 4
"""Topics that one stretch is told as at most."""
_TITLE_LETTERS: Final = 60
_TEXT_LETTERS: Final = 320
_TASK_LETTERS: Final = 100
_OVERVIEW_LETTERS: Final = 700
_MOST_TASKS: Final = 12
"""Tasks that one prompt may ask to phrase; further ones keep their own words."""
_LETTERS_PER_TOKEN: Final = 1.8
_FRAME_TOKENS: Final = 60
_FEWEST_ROOM: Final = 150
_LAST_ONES: Final = 4
"""Sentences of a topic that a refining prompt shows."""

_Title = Annotated[str, WithJsonSchema({"type": "string", "maxLength": _TITLE_LETTERS})]
_Text = Annotated[str, WithJsonSchema({"type": "string", "maxLength": _TEXT_LETTERS})]
_Phrase = Annotated[str, WithJsonSchema({"type": "string", "maxLength": _TASK_LETTERS})]
_Digest = Annotated[str, WithJsonSchema({"type": "string", "maxLength": _OVERVIEW_LETTERS})]


class _Subject(Answer):
    title: _Title
    text: _Text


class _Overview(Answer):
    text: _Digest


@dataclass(frozen=True)
class _Entry:
    """The lines of one turn as the prompt shows them."""

    number: int
    speaker: str
    text: str


class Minutes:
    """Writes the minutes of one talk.

    Args:
        model: The language model.
        checks: What its sentences have to stand.
        language: Language of the summary.
        guidance: What the template of the workspace asks for; may be empty.
    """

    def __init__(self, model: ChatModel, checks: Checks, language: str, guidance: str = "") -> None:
        self._model = model
        self._checks = checks
        self._language = language
        self._guidance = guidance
        self.usage = Usage()

    @property
    def dropped(self) -> int:
        """Sentences and phrases of the model that did not stand."""
        return self._checks.dropped

    async def room(self, task: str, topics: int, most: int) -> int:
        """Return how many tokens of talk one prompt may have, at most `most`.

        Raises:
            TalkTooLong: Prompt and answer alone fill the window of the model.
        """
        frame = await self.frame(task)
        room = self._model.context_tokens - frame - answer_tokens(topics, _MOST_TASKS)
        if room < _FEWEST_ROOM:
            raise TalkTooLong(
                f"The window of {self._model.name} ({self._model.context_tokens} tokens) is filled by the prompt alone; "
                "choose a model with a larger one, or raise context_tokens in section [llm] of the settings."
            )
        return min(most, room)

    async def frame(self, task: str) -> int:
        """Return how many tokens a prompt has beside the talk."""
        return await self._tokens(self._prompt(task, (), (), most=MOST_TOPICS, earlier=None, speaker="", parts=()))

    async def count(self, text: str) -> int:
        """Return how many tokens a text has; more than that while the model cannot be asked."""
        try:
            return await self._model.count_tokens(text)
        except ProviderFailed:
            return len(text) // 2 + 1

    async def topic(self, extract: Extract, speaker: str = "") -> Part:
        """Write one topic up, or what one person said.

        Raises:
            ModelOutputInvalid, ProviderFailed, ProviderTooSlow: See `ChatModel.chat`.
        """
        tasks = extract.found.tasks[:_MOST_TASKS]
        shape = _shape("Topic", len(tasks), title=(_Title, ...), text=(_Text, ...))
        messages = self._prompt("speaker" if speaker else "topic", extract.lines, tasks, speaker=speaker)
        answer = await self._ask(messages, shape, answer_tokens(1, len(tasks)))
        standing = await self._checks.sentences(answer.text, extract.lines, _TEXT_LETTERS)
        title = self._checks.title(answer.title, extract.lines)
        return replace(
            extracted(extract, self._language),
            title=speaker or title or extract.title,
            sentences=self._complete(standing, extract),
            tasks=self._phrased(extract.found.tasks, answer.tasks, extract.lines),
        )

    async def stretch(self, units: Sequence[Extract], most: int = MOST_TOPICS) -> list[Part]:
        """Write a stretch of several topics up, as at most `most` parts.

        Raises:
            ModelOutputInvalid, ProviderFailed, ProviderTooSlow, TalkTooLong: See `ChatModel.chat`; the prompt is too long.
        """
        parts, _ = await self._stretch(units, most, None)
        return parts

    async def refine(self, units: Sequence[Extract], last: Part) -> tuple[Part, list[Part]]:
        """Write a stretch up that goes on where `last` ended; return `last`, improved where this stretch says more about it.

        Raises:
            ModelOutputInvalid, ProviderFailed, ProviderTooSlow, TalkTooLong: As of `stretch`.
        """
        parts, refined = await self._stretch(units, MOST_TOPICS, last)
        lines = [*last.evidence, *_lines(units)]
        standing = await self._checks.sentences(refined, lines, _TEXT_LETTERS)
        covered = {line.number for sentence in standing for line in sentence.lines}
        # What the better text leaves out stays as it was.
        kept = [one for one in last.sentences if not covered & {line.number for line in one.lines}]
        improved = sorted([*kept, *standing], key=lambda one: one.lines[0].number)
        return replace(last, sentences=tuple(improved)), parts

    async def overview(self, parts: Sequence[Part], most: int) -> tuple[Sentence, ...]:
        """Return the whole in a few sentences; parts that do not fit one prompt are told in groups first.

        Args:
            parts: The parts.
            most: Tokens of their text in one prompt.
        """
        level = [(part.title, text_of(part.sentences), part.evidence) for part in parts]
        while True:
            groups = await self._groups(level, most)
            told: list[tuple[Sentence, ...]] = []
            for group in groups:
                lines = [line for _, _, evidence in group for line in evidence]
                messages = render(
                    "overview",
                    self._language,
                    guidance=self._guidance,
                    parts=[(title, text) for title, text, _ in group],
                )
                answer = await self._ask(
                    messages, _Overview, int(_OVERVIEW_LETTERS / _LETTERS_PER_TOKEN) + _FRAME_TOKENS
                )
                told.append(tuple(await self._checks.sentences(answer.text, lines, _OVERVIEW_LETTERS)))
            if len(groups) == 1:
                return told[0]
            level = [("", text_of(one), _evidence(one)) for one in told if one]
            if len(level) <= 1:
                return next(iter(one for one in told if one), ())

    async def _groups(
        self, level: Sequence[tuple[str, str, tuple[Line, ...]]], most: int
    ) -> list[list[tuple[str, str, tuple[Line, ...]]]]:
        groups: list[list[tuple[str, str, tuple[Line, ...]]]] = [[]]
        used = 0
        for one in level:
            tokens = await self.count(f"{one[0]}: {one[1]}")
            # Two in each group, or the groups would never become fewer.
            if len(groups[-1]) > 1 and used + tokens > most:
                groups.append([])
                used = 0
            groups[-1].append(one)
            used += tokens
        return groups

    async def _stretch(self, units: Sequence[Extract], most: int, last: Part | None) -> tuple[list[Part], str]:
        lines = _lines(units)
        tasks = [task for unit in units for task in unit.found.tasks][:_MOST_TASKS]
        most = max(1, min(most, len(units)))
        fields: dict[str, Any] = {"topics": (list[_Subject], Field(min_length=1, max_length=most))}
        if last is not None:
            fields = {"refined": (_Text, ...), **fields}
        earlier = None if last is None else (last.title, text_of(last.sentences[-_LAST_ONES:]))
        messages = self._prompt("stretch", lines, tasks, most=most, earlier=earlier)
        answer = await self._ask(messages, _shape("Stretch", len(tasks), **fields), answer_tokens(most + 1, len(tasks)))
        told = [
            (self._checks.title(one.title, lines), await self._checks.sentences(one.text, lines, _TEXT_LETTERS))
            for one in answer.topics
        ]
        phrases = dict(zip(tasks, answer.tasks, strict=True))
        parts = [self._part(group, title, sentences, phrases) for group, title, sentences in _share_out(units, told)]
        return parts, answer.refined if last is not None else ""

    def _part(
        self, units: Sequence[Extract], title: str, sentences: Sequence[Sentence], phrases: dict[Task, str]
    ) -> Part:
        """Return the part that some topics make together; one of them that no sentence tells is quoted."""
        own = [extracted(unit, self._language) for unit in units]
        told = {line.number for sentence in sentences for line in sentence.lines}
        quoted = [
            Sentence(attribute(unit.ranked[0], self._language), (unit.ranked[0],))
            for unit in units
            if not told & {line.number for line in unit.lines}
        ]
        if len(units) == 1:
            pieces = list(self._complete(sentences, units[0]))
        else:
            pieces = sorted([*sentences, *quoted], key=lambda one: one.lines[0].number)
        lines = _lines(units)
        tasks = tuple(
            self._checks.task(task, phrases[task], lines) if task in phrases else task
            for part in own
            for task in part.tasks
        )
        return Part(
            title or units[0].title,
            tuple(pieces),
            lines,
            tasks,
            tuple(one for part in own for one in part.decisions),
            tuple(one for part in own for one in part.questions),
            tuple(one for part in own for one in part.risks),
        )

    def _complete(self, standing: Sequence[Sentence], extract: Extract) -> tuple[Sentence, ...]:
        """Return the text in the order of the talk; lines that tell much and are not in it yet are quoted."""
        pieces = list(standing[: extract.room + 1])
        covered = {line.number for one in pieces for line in one.lines}
        for line in extract.ranked[: extract.room]:
            if len(pieces) >= extract.room:
                break
            if line.number not in covered:
                pieces.append(Sentence(attribute(line, self._language), (line,)))
        return tuple(sorted(pieces, key=lambda one: one.lines[0].number))

    def _phrased(self, tasks: Sequence[Task], phrases: Sequence[str], lines: Sequence[Line]) -> tuple[Task, ...]:
        own = [self._checks.task(task, phrase, lines) for task, phrase in zip(tasks, phrases, strict=False)]
        return (*own, *tasks[len(own) :])

    def _prompt(self, task: str, lines: Sequence[Line], tasks: Sequence[Task], **values: Any) -> tuple[Message, ...]:
        return render(
            task,
            self._language,
            guidance=self._guidance,
            lines=_entries(lines),
            tasks=[one.text for one in tasks],
            **values,
        )

    async def _ask(self, messages: Sequence[Message], shape: type[Answer], max_tokens: int) -> Any:
        needed = await self._tokens(messages) + max_tokens
        if needed > self._model.context_tokens:
            raise TalkTooLong(
                f"A prompt with its answer has {needed} tokens, and the window of {self._model.name} "
                f"{self._model.context_tokens}. Use the strategy MAP_REDUCE or BY_TOPIC, or a model with a larger window."
            )
        reply: Reply[Any] = await self._model.chat(messages, shape, max_tokens)
        self.usage += reply.usage
        return reply.value

    async def _tokens(self, messages: Sequence[Message]) -> int:
        text = "\n".join(message.content for message in messages)
        return await self.count(text) + _FRAME_TOKENS


def answer_tokens(topics: int, tasks: int) -> int:
    """Return how many tokens an answer with so many topics and task phrases may need."""
    letters = topics * (_TITLE_LETTERS + _TEXT_LETTERS) + tasks * _TASK_LETTERS
    return int(letters / _LETTERS_PER_TOKEN) + _FRAME_TOKENS * (1 + topics)


def _share_out(
    units: Sequence[Extract], told: Sequence[tuple[str, list[Sentence]]]
) -> list[tuple[list[Extract], str, list[Sentence]]]:
    """Return which neighbouring units belong to which of the model's topics: to the one that most of its sentences rest on.

    A unit that no sentence rests on goes with the one before it; the first ones go with the first that is told.
    """
    place_of = {line.number: place for place, unit in enumerate(units) for line in unit.lines}
    votes: dict[int, Counter[int]] = {}
    for number, (_, sentences) in enumerate(told):
        for sentence in sentences:
            votes.setdefault(place_of[sentence.lines[0].number], Counter())[number] += 1
    if not votes:
        return [([unit], "", []) for unit in units]
    winner = votes[min(votes)].most_common(1)[0][0]
    groups: list[tuple[list[Extract], str, list[Sentence]]] = []
    last = -1
    for place, unit in enumerate(units):
        if place in votes:
            winner = votes[place].most_common(1)[0][0]
        if winner != last:
            groups.append(([], told[winner][0], []))
            last = winner
        groups[-1][0].append(unit)
    for _, sentences in told:
        for sentence in sentences:
            unit = units[place_of[sentence.lines[0].number]]
            next(found for group, _, found in groups if any(one is unit for one in group)).append(sentence)
    return groups


def _shape(name: str, tasks: int, **fields: Any) -> type[Answer]:
    """Return the shape of an answer, with as many phrases as there are tasks."""
    phrases: Any = (list[_Phrase], Field(min_length=tasks, max_length=tasks))
    return create_model(name, __base__=Answer, **fields, tasks=phrases)


def _lines(units: Iterable[Extract]) -> tuple[Line, ...]:
    return tuple(line for unit in units for line in unit.lines)


def _evidence(sentences: Iterable[Sentence]) -> tuple[Line, ...]:
    found = {line.number: line for sentence in sentences for line in sentence.lines}
    return tuple(found[number] for number in sorted(found))


def _entries(lines: Sequence[Line]) -> list[_Entry]:
    entries: list[_Entry] = []
    for line in lines:
        if entries and entries[-1].number == line.turn + 1:
            entries[-1] = replace(entries[-1], text=f"{entries[-1].text} {line.text}")
        else:
            entries.append(_Entry(line.turn + 1, line.speaker, line.text))
    return entries
