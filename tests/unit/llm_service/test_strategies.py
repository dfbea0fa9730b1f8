"""Every way to sum up, with a model and embeddings in memory; three hours of talk lose nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
from datetime import date

import numpy as np
import pytest

from llm_service.errors import ModelOutputInvalid, NoLanguageModel, ProviderFailed, TalkTooLong
from llm_service.generation import Reply, Usage
from llm_service.strategies import Pace, Size, Strategy, choose
from llm_service.summary import Progress, Summarizer, Summary
from llm_service.talk import Said, Talk
from textkit.lemmas import lemmas
from textkit.people import Person

_WITH_MODEL = [one for one in Strategy if one not in (Strategy.AUTO, Strategy.EXTRACTIVE)]
_PLANTED = (
    "Решили: склад в Твери закрываем четырнадцатого апреля.",
    "Решили: поставщика картона меняем на фабрику в Пскове.",
    "Решили: бюджет на ярмарку урезаем до сорока тысяч.",
)


class WordEmbedder:
    """A bag of hashed lemmas: texts with the same words are near each other."""

    dimension = 64

    def embed_passages(self, texts):
        return np.array([self._one(text) for text in texts], dtype=np.float32).reshape(len(texts), self.dimension)

    embed_queries = embed_passages

    def _one(self, text):
        vector = np.full(self.dimension, 0.05)
        for word in lemmas(text):
            vector[hashlib.sha256(word.encode()).digest()[0] % self.dimension] += 1
        return vector / np.linalg.norm(vector)


class Parrot:
    """Answers with the longest line of the prompt, and says that it was one of the participants; keeps all prompts."""

    provider = "memory"
    structured_output = True
    parallel = 1

    def __init__(self, context_tokens=8192, name="parrot"):
        self.context_tokens = context_tokens
        self.name = name
        self.prompts: list[str] = []
        self.failures: dict[int, Exception] = {}
        self.invented = ""

    async def count_tokens(self, text):
        return len(text) // 3 + 1

    async def chat(self, messages, shape, max_tokens):
        number = len(self.prompts)
        self.prompts.append(messages[-1].content)
        tokens = await self.count_tokens("\n".join(one.content for one in messages))
        assert tokens + max_tokens <= self.context_tokens, "a server would cut this in silence"
        if number in self.failures:
            raise self.failures[number]
        talk = re.sub(r"\n(?:Поручения|Tasks):.*", "", messages[-1].content, flags=re.DOTALL)
        said = [re.sub(r"^(?:\[\d+\]|-) (?:[^:]{1,40}: )?", "", line) for line in talk.splitlines() if line[:1] in "[-"]
        sentences = [one for line in said for one in re.split(r"(?<=[.!]) ", line) if one and "?" not in one]
        text = f"{max(sentences, key=len, default='')} {self.invented}".strip()
        fields = shape.model_fields
        value: dict = {}
        if "tasks" in fields:
            value["tasks"] = ["Сделать"] * next(
                (one.min_length for one in fields["tasks"].metadata if hasattr(one, "min_length")), 0
            )
        if "topics" in fields:
            value["topics"] = [{"title": " ".join(text.split()[:3]), "text": text[:300]}]
        if "refined" in fields:
            value["refined"] = ""
        if "title" in fields:
            value["title"] = " ".join(text.split()[:3])
        if "text" in fields:
            value["text"] = text[:300]
        return Reply(shape.model_validate_json(json.dumps(value)), Usage(tokens, 20, 1, 0, 0.5))


class Flock(Parrot):
    """Three parrots: answers late ones first, and counts how many are at work."""

    parallel = 3

    def __init__(self):
        super().__init__()
        self.asked = self.working = self.most = self.stopped = 0
        self.answers = 99
        """Calls that are answered; later ones are worked on for ever."""

    async def chat(self, messages, shape, max_tokens):
        number, self.asked = self.asked, self.asked + 1
        self.working += 1
        self.most = max(self.most, self.working)
        try:
            for _ in range(20 - 7 * (self.working - 1)):
                await asyncio.sleep(0)
            if number >= self.answers:
                await asyncio.Event().wait()
            return await super().chat(messages, shape, max_tokens)
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        finally:
            self.working -= 1


async def sum_up(talk, strategy, model=None, **settings) -> tuple[list[Progress], Summary]:
    summarizer = Summarizer(model, WordEmbedder(), settings.pop("topic_tokens", 1500), **settings)
    steps = [step async for step in summarizer.summarize(talk, "ru", strategy)]
    return steps[:-1], steps[-1]


def long_talk(minutes: int) -> Talk:
    """So many minutes at 130 words each, on subjects that change every three; three decisions are planted."""
    dice = random.Random(11)
    things = ["договор", "отчёт", "макет", "сервер", "склад", "реклама", "сайт", "каталог", "платёж", "доставка"]
    things += ["график", "закупка", "станок", "тариф", "форма"]
    states = [
        "проверили",
        "обновили",
        "разобрали",
        "показали",
        "переделали",
        "измерили",
        "описали",
        "починили",
        "отложили",
        "собрали",
    ]
    details = [
        "вчера утром, всё прошло спокойно",
        "без замечаний от проверяющих",
        "вместе с соседним отделом",
        "по новой схеме учёта",
    ]
    people = ("Анна", "Олег", "Ирина", "Сергей")
    turns: list[tuple[str, str]] = []
    words = 0
    planted = {int(minutes * share): text for share, text in zip((0.02, 0.5, 0.98), _PLANTED, strict=True)}
    for minute in range(minutes):
        thing = things[minute // 3 % len(things)]
        while words < (minute + 1) * 130:
            text = f"Мы {dice.choice(states)} {thing} номер {dice.randint(1, 99)} {dice.choice(details)}."
            turns.append((dice.choice(people), text))
            words += len(text.split())
        if minute in planted:
            turns.append(("Ирина", planted[minute]))
    said = tuple(Said(f"t{n}", who, text, person=who) for n, (who, text) in enumerate(turns, start=1))
    return Talk(
        said, date(2026, 3, 2), "ru", tuple(Person(one, (one,)) for one in people), {one: one for one in people}
    )


@pytest.fixture(scope="module")
def three_hours():
    talk = long_talk(180)
    assert sum(len(turn.text.split()) for turn in talk.turns) > 23_000
    return talk


def assert_grounded(talk: Talk, summary: Summary) -> None:
    known = {line.number: line.text for line in talk.lines}
    for part in summary.parts:
        assert part.sentences
        assert all(known[line.number] == line.text for one in part.sentences for line in one.lines)
        assert all(one.lines for one in part.sentences)


@pytest.mark.parametrize("strategy", [one for one in Strategy if one is not Strategy.STUFF])
async def test_three_hours_lose_nothing(three_hours, strategy):
    model = None if strategy is Strategy.EXTRACTIVE else Parrot()
    steps, summary = await sum_up(three_hours, strategy, model)
    decided = [one.text for part in summary.parts for one in part.decisions]
    for sentence in _PLANTED:
        core = sentence.removeprefix("Решили: ").rstrip(".")
        assert any(core in one for one in decided), f"{core} is in no decision"
    assert_grounded(three_hours, summary)
    assert steps[-1].done == steps[-1].total
    assert [step.done for step in steps] == list(range(len(steps)))
    covered = {line.number for part in summary.parts for line in part.lines}
    assert len(covered) == len(three_hours.lines), "every line belongs to a part"
    if model is not None:
        shown = "\n".join(model.prompts)
        assert all(turn.text in shown for turn in three_hours.turns), "every turn was read by the model"


async def test_a_talk_that_does_not_fit_is_refused_before_anything_is_asked(three_hours):
    model = Parrot()
    with pytest.raises(TalkTooLong, match="MAP_REDUCE"):
        await sum_up(three_hours, Strategy.STUFF, model)
    assert not model.prompts


async def test_a_speech_without_full_stops_is_cut_where_it_must_be():
    text = "мы обсуждали поставки картона со склада в твери и " * 400
    talk = Talk((Said("t1", "Анна", text.strip(), person="Анна"),), date(2026, 3, 2), "ru", (), {"Анна": "Анна"})
    model = Parrot(context_tokens=4096)
    _, summary = await sum_up(talk, Strategy.BY_TOPIC, model)
    assert len({line.number for part in summary.parts for line in part.lines}) == len(talk.lines) > 10


SHORT = (
    ("Ирина", "Что у нас с базой данных?"),
    ("Анна", "Перенос базы на новый сервер идёт. Рабочую базу переносим в ночь на субботу."),
    ("Олег", "Теперь отчёты. Выгрузка отчётов падает на больших таблицах, я починю её к пятнице."),
    ("Ирина", "Кто напишет инструкцию для поддержки? Пока не знаем."),
)


@pytest.mark.parametrize("strategy", _WITH_MODEL)
async def test_what_the_model_invents_is_dropped_and_counted(talk_of, strategy):
    talk = talk_of(*SHORT, people=("Ирина", "Анна", "Олег"))
    model = Parrot()
    model.invented = "Бюджет проекта вырос до миллиона долларов."
    _, summary = await sum_up(talk, strategy, model)
    assert "миллион" not in " ".join(part.text for part in summary.parts)
    assert "миллион" not in summary.overview
    assert summary.dropped >= 1
    assert summary.strategy is strategy
    tasks = [task for part in summary.parts for task in part.tasks]
    assert [(task.owner, task.due.day) for task in tasks if task.due] == [("Олег", date(2026, 3, 6))]
    assert all(task.text != "Сделать" for task in tasks), "a phrase without the task's own words does not stand"


async def test_by_speaker_tells_what_each_one_said(talk_of):
    talk = talk_of(*SHORT, people=("Ирина", "Анна", "Олег"))
    model = Parrot()
    _, summary = await sum_up(talk, Strategy.BY_SPEAKER, model)
    assert [part.title for part in summary.parts] == ["Ирина", "Анна", "Олег"]
    for part in summary.parts:
        assert {line.speaker for line in part.lines} == {part.title}
        assert {line.speaker for line in part.evidence} == {part.title}
    assert [task.owner for task in summary.parts[2].tasks] == ["Олег"]


async def test_refining_keeps_what_the_better_text_leaves_out():
    talk = long_talk(12)
    model = Parrot()
    before = None

    async def chat(messages, shape, max_tokens, own=model.chat):
        reply = await own(messages, shape, max_tokens)
        if "refined" in shape.model_fields:
            return Reply(reply.value.model_copy(update={"refined": "Склад в Твери закрывают."}), reply.usage)
        return reply

    model.chat = chat
    _, summary = await sum_up(talk, Strategy.REFINE, model, topic_tokens=600)
    _, before = await sum_up(talk, Strategy.MAP_REDUCE, Parrot(), topic_tokens=600)
    told = {line.number for part in summary.parts for line in part.evidence}
    once = {line.number for part in before.parts for line in part.evidence}
    assert once <= told


@pytest.mark.parametrize("strategy", [one for one in _WITH_MODEL if one is not Strategy.STUFF])
async def test_a_model_that_dies_leaves_extracts(strategy):
    talk = long_talk(12)
    model = Parrot()
    model.failures = {number: ProviderFailed("gone") for number in range(2, 99)}
    _, summary = await sum_up(talk, strategy, model, topic_tokens=600)
    assert summary.fallback_reason == "gone"
    assert summary.strategy is strategy
    assert len({line.number for part in summary.parts for line in part.lines}) == len(talk.lines)

    model = Parrot()
    model.failures = {number: ProviderFailed("gone") for number in range(99)}
    _, summary = await sum_up(talk, strategy, model, topic_tokens=600)
    assert summary.strategy is Strategy.EXTRACTIVE


async def test_one_answer_out_of_shape_costs_one_stretch_and_three_the_summary():
    talk = long_talk(12)
    model = Parrot()
    model.failures = {1: ModelOutputInvalid("odd")}
    _, summary = await sum_up(talk, Strategy.BY_TOPIC, model, topic_tokens=400)
    assert summary.fallback_reason == "odd"
    assert summary.usage.calls >= 2
    model = Parrot()
    model.failures = {number: ModelOutputInvalid("odd") for number in range(1, 99)}
    with pytest.raises(ModelOutputInvalid):
        await sum_up(talk, Strategy.BY_TOPIC, model, topic_tokens=400)


@pytest.mark.parametrize("strategy", [Strategy.BY_TOPIC, Strategy.MAP_REDUCE, Strategy.BY_SPEAKER, Strategy.REFINE])
async def test_pieces_are_written_at_once_and_told_in_order(strategy):
    talk = long_talk(12)
    flock = Flock()
    steps, summary = await sum_up(talk, strategy, flock, topic_tokens=400)
    _, alone = await sum_up(talk, strategy, Parrot(), topic_tokens=400)
    assert flock.most == (1 if strategy is Strategy.REFINE else 3)
    assert summary.parts == alone.parts
    assert summary.usage == alone.usage
    assert [step.done for step in steps] == list(range(len(steps)))


async def test_nothing_works_on_for_a_summary_that_nobody_waits_for():
    flock = Flock()
    flock.answers = 1
    steps = Summarizer(flock, WordEmbedder(), 400).summarize(long_talk(12), "ru", Strategy.BY_TOPIC)
    while (await anext(steps)).done < 1:
        pass
    await steps.aclose()
    assert (flock.stopped, flock.working) == (2, 0)


async def test_what_is_in_work_when_the_model_dies_is_still_told():
    talk = long_talk(12)
    flock = Flock()
    flock.failures = {2: ProviderFailed("gone")}
    _, summary = await sum_up(talk, Strategy.BY_TOPIC, flock, topic_tokens=400)
    assert summary.fallback_reason == "gone"
    assert (flock.asked, summary.usage.calls) == (3, 2), "the two beside it are kept, and no further one is begun"
    assert len({line.number for part in summary.parts for line in part.lines}) == len(talk.lines)


async def test_listening_is_not_told(talk_of):
    talk = talk_of(
        ("Олег", "Выгрузка отчётов падает на больших таблицах,"),
        ("Анна", "Угу."),
        ("Ирина", "Ага, да."),
        people=("Ирина", "Анна", "Олег"),
    )
    _, summary = await sum_up(talk, Strategy.EXTRACTIVE)
    assert [part.text for part in summary.parts] == ["Олег: «Выгрузка отчётов падает на больших таблицах»."]


def test_auto_chooses_and_says_why():
    small, large = Parrot(8192, "small"), Parrot(32_768, "large")
    size = Size(tokens=5000, topics=10, stretches=4, frame_tokens=500, answer_tokens=300)
    cpu = Pace(embedded=True, threads=2)
    assert choose(Strategy.AUTO, size, None, cpu, 1800).strategy is Strategy.EXTRACTIVE
    whole = choose(Strategy.AUTO, size, large, Pace(embedded=False, threads=2), 1800)
    assert whole.strategy is Strategy.STUFF
    assert "32768" in whole.reason
    topics = choose(Strategy.AUTO, size, small, cpu, 1800)
    assert topics.strategy is Strategy.BY_TOPIC
    assert "8192" in topics.reason
    hurry = choose(Strategy.AUTO, size, small, cpu, 150)
    assert hurry.strategy is Strategy.MAP_REDUCE
    assert "150 s" in hurry.reason
    assert choose(Strategy.AUTO, size, small, cpu, 60).strategy is Strategy.EXTRACTIVE
    small.parallel = 4
    assert choose(Strategy.AUTO, size, small, cpu, 60).strategy is Strategy.BY_TOPIC, "four calls at once"
    small.parallel = 1
    cpu.learn(Usage(1000, 100, 1, 0, 1.0))
    assert choose(Strategy.AUTO, size, small, cpu, 60).strategy is Strategy.BY_TOPIC
    with pytest.raises(NoLanguageModel):
        choose(Strategy.REFINE, size, None, cpu, 60)
