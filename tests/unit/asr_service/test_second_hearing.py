"""Which words are listened to once more, and what of the second hearing counts; the engine is a script."""

from collections.abc import Sequence

import numpy as np
import pytest

from asr_service.second_hearing import heard_again, is_doubtful, mended
from asr_service.transcriber import DecodingTask, Phrase, Transcriber, Word, answered

AUDIO = np.zeros(28 * 16_000, dtype=np.float32)
STEP = 0.5


def words_of(text: str, start: float = 0.0, language: str = "ru", confidence: float = 0.5) -> list[Word]:
    parts = enumerate(text.split())
    return [Word(one, start + STEP * n, start + STEP * n + 0.4, confidence, language) for n, one in parts]


class ScriptedModel:
    """Answers in order; remembers tasks and the seconds of audio."""

    languages = frozenset({"ru", "en"})
    device = "cpu"

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.tasks: list[DecodingTask] = []
        self.seconds: list[float] = []

    def decode(self, audio: np.ndarray, task: DecodingTask) -> list[Phrase]:
        self.tasks.append(task)
        self.seconds.append(len(audio) / 16_000)
        return [Phrase(tuple(words_of(self.answers.pop(0))), "ru", 1.0, 0.0, -0.3)]

    def decode_many(self, windows: Sequence[tuple[np.ndarray, DecodingTask]]) -> list[list[Phrase]]:
        return [self.decode(audio, task) for audio, task in windows]


def again(model: ScriptedModel, words: list[Word], names: tuple[str, ...] = ()) -> str:
    transcriber = Transcriber(model.languages, "ru", names)
    heard = answered(model, heard_again(transcriber, words, AUDIO, 0.0))
    assert [word.start for word in heard] == sorted(word.start for word in heard)
    return " ".join(word.text for word in heard)


@pytest.mark.parametrize(
    ("word", "doubtful"),
    [
        (Word("досрения.", 0, 1, 0.4, "ru"), True),
        (Word("описание", 0, 1, 0.1, "ru"), False),
        (Word("промокоды", 0, 1, 0.96, "ru"), False),
        (Word("досрения", 0, 1, 0.4, "en"), False),
        (Word("Firebase", 0, 1, 0.4, "ru"), False),
        (Word("что-то,", 0, 1, 0.98, "ru"), False),
        (Word("бдж", 0, 1, 0.2, "ru"), False),
        (Word("", 0, 1, 0.2, "ru"), False),
    ],
)
def test_a_doubtful_word_is_in_no_dictionary_and_unsure(word: Word, doubtful: bool) -> None:
    assert is_doubtful(word) is doubtful


def test_a_name_that_was_told_is_a_word_in_every_case() -> None:
    assert is_doubtful(Word("Жмыхуллину", 0, 1, 0.3, "ru"))
    assert not is_doubtful(Word("Жмыхуллину", 0, 1, 0.3, "ru"), ["Пётр Жмыхуллин"])


def test_real_words_that_sound_alike_take_the_place_between_the_same_neighbours() -> None:
    model = ScriptedModel("подготовит описание до среды. Договорились.")
    said = words_of("Анна подготовит описание досрения. Договорились. Ещё вопрос.")

    text = again(model, said, ("Анна",))

    assert text == "Анна подготовит описание до среды. Договорились. Ещё вопрос."
    assert model.tasks[0].hot_words[0] == "Анна"
    assert "до среды" in model.tasks[0].hot_words
    assert model.tasks[0].language == "ru"


def test_only_what_is_near_is_heard_again_with_what_was_said_before_as_prompt() -> None:
    before = "мы вчера долго говорили про новый отчёт и решили что старый пока остаётся а там видно будет Анна сделает"
    behind = "потом обсудим выгрузку таблиц и письма клиентам если хватит времени до обеда иначе завтра утром"
    model = ScriptedModel("не слышно")
    said = words_of(f"{before} досрения {behind}")

    again(model, said)

    assert 8 < model.seconds[0] < 10
    assert model.tasks[0].prompt.split() == before.split()[:-9]


def test_a_hearing_that_stops_early_still_counts_up_to_there() -> None:
    model = ScriptedModel("начни, пожалуйста, с авторизации.")
    said = words_of("начни, пожалуйста, софтаризации. Вход через Яндекс готов.")
    assert again(model, said) == "начни, пожалуйста, с авторизации. Вход через Яндекс готов."


@pytest.mark.parametrize(
    "heard",
    [
        "подготовит описание досрения. Договорились.",  # the same
        "подготовит описание досренька. Договорились.",  # no word either
        "подготовит описание к пятнице. Договорились.",  # sounds otherwise
        "сделает картинку до среды. Хорошо.",  # other neighbours
        "подготовит описание. Договорились.",  # nothing in its place
        "подготовит описание до 12. Договорились.",
        "",
    ],
)
def test_what_does_not_fit_changes_nothing(heard: str) -> None:
    text = "подготовит описание досрения. Договорились. Ещё вопрос."
    assert again(ScriptedModel(heard), words_of(text)) == text


def test_words_of_the_dictionary_are_not_touched() -> None:
    before = words_of("переносим базу до вторника")
    after = mended(before, words_of("переносим базы до вторника"), (), begins=True, ends=True)
    assert after == before


def test_what_is_said_first_or_last_has_no_neighbour_there() -> None:
    assert again(ScriptedModel("С авторизации начни."), words_of("Софтаризации начни.")) == "С авторизации начни."
    assert again(ScriptedModel("Готово до среды."), words_of("Готово досрения.")) == "Готово до среды."


def test_at_most_three_places_are_heard_again() -> None:
    text = " ".join(["досрения", *["слово"] * 20] * 5)
    model = ScriptedModel(*["слово"] * 5)
    transcriber = Transcriber(model.languages, "ru")
    said = words_of(text)
    assert answered(model, heard_again(transcriber, said, np.zeros(60 * 16_000, dtype=np.float32), 0.0)) == said
    assert len(model.tasks) == 3


def test_nothing_doubtful_costs_nothing() -> None:
    model = ScriptedModel()
    assert again(model, words_of("Коллеги, доброе утро.")) == "Коллеги, доброе утро."
    assert not model.tasks
