"""Which engine decodes a chunk; the engines are scripts."""

import numpy as np
import pytest

from asr_service.adapters.routed import RoutedModel
from asr_service.transcriber import DecodingTask, Phrase, Transcriber, Word, answered

AUDIO = np.zeros(16_000, dtype=np.float32)


class Engine:
    """Says its own name, in the language that it was asked for."""

    device = "cpu"

    def __init__(self, name: str, languages: set[str], hears: tuple[str, float] = ("", 0.0)) -> None:
        self.name = name
        self.languages = frozenset(languages)
        self.hears = hears

    def decode(self, audio: np.ndarray, task: DecodingTask) -> list[Phrase]:
        assert task.language in self.languages
        return [Phrase((Word(self.name, 0.0, 0.5, 0.9),), task.language or "", 1.0, 0.0, -0.2)]

    def decode_many(self, windows: list[tuple[np.ndarray, DecodingTask]]) -> list[list[Phrase]]:
        return [self.decode(audio, task) for audio, task in windows]

    def detect_language(self, audio: np.ndarray) -> tuple[str, float]:
        return self.hears


def routed(language: str = "", probability: float = 0.0) -> RoutedModel:
    return RoutedModel(Engine("whisper", {"en", "de", "ru"}, (language, probability)), [Engine("gigaam", {"ru"})])


@pytest.mark.parametrize(("language", "engine"), [("ru", "gigaam"), ("en", "whisper")])
def test_a_given_language_goes_to_its_engine(language: str, engine: str) -> None:
    (phrase,) = routed().decode(AUDIO, DecodingTask(language))
    assert (phrase.text, phrase.language, phrase.language_probability) == (engine, language, 1.0)


@pytest.mark.parametrize(
    ("heard", "engine"), [(("ru", 0.95), "gigaam"), (("ru", 0.5), "whisper"), (("de", 0.99), "whisper")]
)
def test_a_detected_language_keeps_its_probability_and_mixed_speech_its_general_engine(
    heard: tuple[str, float], engine: str
) -> None:
    (phrase,) = routed(*heard).decode(AUDIO, DecodingTask(None))
    assert (phrase.text, phrase.language, phrase.language_probability) == (engine, *heard)


def test_a_recording_in_russian_pulls_doubtful_chunks_to_the_specialist() -> None:
    general = Engine("whisper", {"en", "ru"}, ("ru", 0.9))
    model = RoutedModel(general, [Engine("gigaam", {"ru"})])
    transcriber = Transcriber(model.languages, "")
    texts = []
    for hears in [("ru", 0.9), ("en", 0.4), ("en", 0.95)]:
        general.hears = hears
        words = answered(model, transcriber.transcribe(AUDIO, 0.0, lambda start, end: 0.0))
        texts.append([(word.text, word.language) for word in words])
    assert texts == [[("gigaam", "ru")], [("gigaam", "ru")], [("whisper", "en")]]


def test_all_languages_are_offered() -> None:
    assert RoutedModel(Engine("a", {"en"}), [Engine("b", {"ru"})]).languages == {"en", "ru"}


def test_windows_of_several_languages_are_decoded_together_and_answered_in_order() -> None:
    tasks = [DecodingTask(language) for language in ("ru", "en", "ru")]
    answers = routed().decode_many([(AUDIO, task) for task in tasks])
    assert [[phrase.text for phrase in phrases] for phrases in answers] == [["gigaam"], ["whisper"], ["gigaam"]]
