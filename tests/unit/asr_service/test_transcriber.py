"""What the transcriber makes of an engine's output; the engine is a script."""

import numpy as np
import pytest

from asr_service.errors import UnknownLanguage
from asr_service.transcriber import DecodingTask, Phrase, Transcriber, Word, answered

AUDIO = np.zeros(10 * 16_000, dtype=np.float32)


def phrase(text: str, language: str = "ru", probability: float = 0.95, no_speech: float = 0.0) -> Phrase:
    words = tuple(Word(part, 0.5 * place, 0.5 * place + 0.4, 0.9) for place, part in enumerate(text.split()))
    return Phrase(words, language, probability, no_speech, -0.3)


class ScriptedModel:
    """Answers in order and remembers what it was asked."""

    languages = frozenset({"ru", "en", "uk"})
    device = "cpu"

    def __init__(self, *answers: list[Phrase]) -> None:
        self.answers = list(answers)
        self.tasks: list[DecodingTask] = []

    def decode(self, audio: np.ndarray, task: DecodingTask) -> list[Phrase]:
        self.tasks.append(task)
        return self.answers.pop(0)


def nobody(start: float, end: float) -> float:
    """Seconds of speech between two moments."""
    return 0.0


def transcribe(model: ScriptedModel, transcriber: Transcriber, start: float) -> list[Word]:
    return answered(model, transcriber.transcribe(AUDIO, start, nobody))


def once(model: ScriptedModel, language: str, hot_words: tuple[str, ...] = ()) -> list[Word]:
    return transcribe(model, Transcriber(model.languages, language, hot_words), 0.0)


def test_times_are_those_of_the_recording() -> None:
    words = transcribe(model := ScriptedModel([phrase("раз два")]), Transcriber(model.languages, "ru"), 100.0)
    assert [(word.text, word.start, word.end, word.language) for word in words] == [
        ("раз", 100.0, 100.4, "ru"),
        ("два", 100.5, 100.9, "ru"),
    ]


def test_times_never_leave_the_chunk_or_run_backwards() -> None:
    wild = Phrase((Word("a", 3, 2, 1), Word("b", 1, 99, 1), Word("c", 98, 99, 1)), "en", 1, 0, 0)
    words = once(ScriptedModel([wild]), "en")
    assert all(0 <= word.start <= word.end <= 10 for word in words)
    assert [word.start for word in words] == sorted(word.start for word in words)


def test_an_unknown_language() -> None:
    with pytest.raises(UnknownLanguage) as caught:
        Transcriber(ScriptedModel.languages, "xx")
    assert caught.value.reason == "UNKNOWN_LANGUAGE"


def test_a_doubtful_language_follows_the_recording() -> None:
    model = ScriptedModel([phrase("добрый день коллеги")], [phrase("дякую", "uk", 0.4)], [phrase("понял")])
    transcriber = Transcriber(model.languages, "")
    transcribe(model, transcriber, 0.0)
    words = transcribe(model, transcriber, 10.0)
    assert [task.language for task in model.tasks] == [None, None, "ru"]
    assert [(word.text, word.language) for word in words] == [("понял", "ru")]


def test_a_sure_language_may_change() -> None:
    model = ScriptedModel([phrase("добрый день")], [phrase("good morning to all", "en", 0.99)])
    transcriber = Transcriber(model.languages, "")
    transcribe(model, transcriber, 0.0)
    assert transcribe(model, transcriber, 10.0)[0].language == "en"
    assert transcriber.language == "en"


def test_a_loop_is_tried_again_carefully_and_then_said_once() -> None:
    loop = phrase("ждём ответа ждём ответа ждём ответа ждём ответа ждём ответа")
    model = ScriptedModel([loop], [loop])
    words = once(model, "ru")
    assert [task.careful for task in model.tasks] == [False, True]
    assert [word.text for word in words] == ["ждём", "ответа"]


def test_ghosts_are_dropped_sentence_by_sentence() -> None:
    model = ScriptedModel([phrase("Всем спасибо. Субтитры сделал DimaTorzok")])
    assert [word.text for word in once(model, "ru")] == ["Всем", "спасибо."]


def test_echoed_hot_words_are_tried_without() -> None:
    hot_words = ("экспорт", "вход", "тема")
    model = ScriptedModel([phrase("экспорт вход тема")], [phrase("давайте начнём")])
    words = once(model, "ru", hot_words)
    assert [task.hot_words for task in model.tasks] == [hot_words, ()]
    assert [word.text for word in words] == ["давайте", "начнём"]


def test_what_was_said_before_is_the_prompt_as_long_as_it_is_fresh() -> None:
    model = ScriptedModel([phrase("первое слово")], [phrase("второе")], [phrase("третье")])
    transcriber = Transcriber(model.languages, "ru")
    for start in (0.0, 5.0, 60.0):
        transcribe(model, transcriber, start)
    assert [task.prompt for task in model.tasks] == ["", "первое слово", ""]


def test_a_loop_after_a_prompt_is_tried_without_it() -> None:
    loop = phrase("да что да что да что да что да что")
    model = ScriptedModel([phrase("начнём")], [loop], [phrase("хорошо")])
    transcriber = Transcriber(model.languages, "ru")
    transcribe(model, transcriber, 0.0)
    assert [word.text for word in transcribe(model, transcriber, 1.5)] == ["хорошо"]
    assert [task.prompt for task in model.tasks] == ["", "начнём", ""]


def test_a_pass_answers_what_is_new_and_teaches_nothing() -> None:
    model = ScriptedModel([phrase("мы готовы к выпуску")], [phrase("да")])
    transcriber = Transcriber(model.languages, "")
    words = answered(model, transcriber.listen(AUDIO, 20.0, [Word("вот", 19.0, 19.4, 0.9)], ["мы", "готовы"]))
    assert [word.text for word in words] == ["к", "выпуску"]
    assert (model.tasks[0].prompt, model.tasks[0].prefix, model.tasks[0].fast) == ("вот", "мы готовы", True)
    assert transcriber.language == ""
    transcribe(model, transcriber, 21.0)
    assert model.tasks[1].prompt == ""


def test_a_draft_is_asked_carefully_and_teaches_nothing() -> None:
    late = Phrase((Word("вот", 6.0, 6.4, 0.9), Word("так", 6.5, 6.9, 0.9)), "ru", 1.0, 0.0, -0.2)
    model = ScriptedModel([late], [phrase("раз два три")], [])
    transcriber = Transcriber(model.languages, "")
    before = [Word("начали", 19.0, 19.4, 0.9)]
    words = answered(model, transcriber.draft(AUDIO, 20.0, before, lambda start, end: end - start))
    assert [word.text for word in words] == ["раз", "два", "три", "вот", "так"]
    assert [(task.prompt, task.fast, task.lasting) for task in model.tasks] == [
        ("начали", False, True),
        ("начали", False, True),
        ("начали раз два три вот так", False, True),
    ]
    assert transcriber.language == ""


def test_where_people_speak_without_words_the_model_is_asked_again() -> None:
    late = Phrase((Word("вот", 6.0, 6.4, 0.9), Word("так", 6.5, 6.9, 0.9)), "ru", 1.0, 0.0, -0.2)
    model = ScriptedModel([late], [phrase("раз два три")], [phrase("конец")])
    transcriber = Transcriber(model.languages, "ru")
    words = answered(model, transcriber.transcribe(AUDIO, 100.0, lambda start, end: end - start))
    assert [word.text for word in words] == ["раз", "два", "три", "вот", "так", "конец"]
    assert [word.start for word in words] == sorted(word.start for word in words)
    assert [task.prompt for task in model.tasks] == ["", "", "раз два три вот так"]
    silent = ScriptedModel([late])
    words = transcribe(silent, Transcriber(silent.languages, "ru"), 0.0)
    assert [word.text for word in words] == ["вот", "так"]
