"""What the transcriber makes of an engine's output; the engine is a script."""

import numpy as np
import pytest

from asr_service.errors import UnknownLanguage
from asr_service.transcriber import DecodingTask, Phrase, Transcriber, Word

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


def test_times_are_those_of_the_recording() -> None:
    words = Transcriber(ScriptedModel([phrase("раз два")]), "ru").transcribe(AUDIO, 100.0)
    assert [(word.text, word.start, word.end, word.language) for word in words] == [
        ("раз", 100.0, 100.4, "ru"),
        ("два", 100.5, 100.9, "ru"),
    ]


def test_times_never_leave_the_chunk_or_run_backwards() -> None:
    wild = Phrase((Word("a", 3, 2, 1), Word("b", 1, 99, 1), Word("c", 98, 99, 1)), "en", 1, 0, 0)
    words = Transcriber(ScriptedModel([wild]), "en").transcribe(AUDIO, 0.0)
    assert all(0 <= word.start <= word.end <= 10 for word in words)
    assert [word.start for word in words] == sorted(word.start for word in words)


def test_an_unknown_language() -> None:
    with pytest.raises(UnknownLanguage) as caught:
        Transcriber(ScriptedModel(), "xx")
    assert caught.value.reason == "UNKNOWN_LANGUAGE"


def test_a_doubtful_language_follows_the_recording() -> None:
    model = ScriptedModel([phrase("добрый день коллеги")], [phrase("дякую", "uk", 0.4)], [phrase("понял")])
    transcriber = Transcriber(model, "")
    transcriber.transcribe(AUDIO, 0.0)
    words = transcriber.transcribe(AUDIO, 10.0)
    assert [task.language for task in model.tasks] == [None, None, "ru"]
    assert [(word.text, word.language) for word in words] == [("понял", "ru")]


def test_a_sure_language_may_change() -> None:
    model = ScriptedModel([phrase("добрый день")], [phrase("good morning to all", "en", 0.99)])
    transcriber = Transcriber(model, "")
    transcriber.transcribe(AUDIO, 0.0)
    assert transcriber.transcribe(AUDIO, 10.0)[0].language == "en"
    assert transcriber.language == "en"


def test_a_loop_is_tried_again_carefully_and_then_said_once() -> None:
    loop = phrase("ждём ответа ждём ответа ждём ответа ждём ответа ждём ответа")
    model = ScriptedModel([loop], [loop])
    words = Transcriber(model, "ru").transcribe(AUDIO, 0.0)
    assert [task.careful for task in model.tasks] == [False, True]
    assert [word.text for word in words] == ["ждём", "ответа"]


def test_ghosts_are_dropped_sentence_by_sentence() -> None:
    model = ScriptedModel([phrase("Всем спасибо. Субтитры сделал DimaTorzok")])
    assert [word.text for word in Transcriber(model, "ru").transcribe(AUDIO, 0.0)] == ["Всем", "спасибо."]


def test_echoed_hot_words_are_tried_without() -> None:
    hot_words = ("экспорт", "вход", "тема")
    model = ScriptedModel([phrase("экспорт вход тема")], [phrase("давайте начнём")])
    words = Transcriber(model, "ru", hot_words).transcribe(AUDIO, 0.0)
    assert [task.hot_words for task in model.tasks] == [hot_words, ()]
    assert [word.text for word in words] == ["давайте", "начнём"]
