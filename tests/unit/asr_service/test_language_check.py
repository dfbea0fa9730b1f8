"""Whether people speak the configured language: when it is asked, and when it is worth a complaint."""

import numpy as np
import pytest

from asr_service.audio import SAMPLE_RATE
from asr_service.complaints import OtherLanguage
from asr_service.language_check import LanguageCheck
from asr_service.transcriber import Phrase, Word


class Talk:
    """Stretches of speech in languages, given to a check; counts the questions."""

    def __init__(self, language: str) -> None:
        self.check = LanguageCheck(language)
        self.asked = 0
        self.complaints: list[OtherLanguage] = []

    def say(self, language: str, seconds: float, probability: float = 0.95) -> "Talk":
        work = self.check.hear(np.zeros(int(seconds * SAMPLE_RATE), dtype=np.float32), seconds)
        try:
            question = next(work)
            self.asked += 1
            assert question.task.language is None
            assert len(question.audio) <= 10 * SAMPLE_RATE
            work.send([Phrase((Word("so", 0, 1, 1.0),), language, probability, 0.0, -0.2)] if language else [])
        except StopIteration as end:
            self.complaints += [end.value] if end.value else []
        return self

    def end(self) -> list[OtherLanguage]:
        last = self.check.finish()
        return [*self.complaints, *([last] if last else [])]


def test_another_language_is_told_once_and_by_name() -> None:
    talk = Talk("ru").say("en", 8).say("en", 8).say("en", 8)
    assert len(talk.end()) == 1
    assert "'en'" in talk.complaints[0].problem
    assert "'ru'" in talk.complaints[0].problem
    assert talk.asked == 2


def test_little_speech_is_enough_at_the_end() -> None:
    assert len(Talk("ru").say("en", 5).end()) == 1
    assert Talk("ru").say("en", 5).complaints == []
    assert Talk("ru").say("en", 2.5).end() == []


@pytest.mark.parametrize(
    "stretches", [[("en", 0.95)] * 3, [("ru", 0.5)] * 3, [("", 0.0)] * 3, [("ru", 0.9), ("en", 0.9)]]
)
def test_no_complaint_without_reason(stretches: list[tuple[str, float]]) -> None:
    talk = Talk("en")
    for language, probability in stretches:
        talk.say(language, 9, probability)
    assert talk.end() == []


def test_nothing_is_asked_where_nothing_is_configured() -> None:
    assert Talk("").say("en", 20).say("ru", 20).asked == 0


def test_a_long_recording_is_seldom_asked_about() -> None:
    talk = Talk("ru")
    for _ in range(60):
        talk.say("ru", 10)
    # Three times for the first half minute, then once a minute.
    assert talk.asked == 3 + 9
