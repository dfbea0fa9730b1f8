"""One thread for all models: which questions share a call, and that nobody waits for ever."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from asr_service.audio import SAMPLE_RATE, Samples
from asr_service.inference import InferenceThread
from asr_service.transcriber import Decoding, DecodingTask, Phrase, Word

QUICK, CAREFUL = DecodingTask("en", fast=True), DecodingTask("en")


class NamingModel:
    """Says which window it heard; remembers the windows of each call."""

    languages = frozenset({"en"})
    device = "cpu"

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.gate = threading.Event()

    def decode(self, audio: Samples, task: DecodingTask) -> list[Phrase]:
        return self.decode_many([(audio, task)])[0]

    def decode_many(self, windows: Sequence[tuple[Samples, DecodingTask]]) -> list[list[Phrase]]:
        assert self.gate.wait(5)
        numbers = [int(audio[0]) for audio, _ in windows]
        self.calls.append(numbers)
        if 13 in numbers:
            raise RuntimeError("the model is broken")
        return [[Phrase((Word(str(number), 0.0, 1.0, 1.0, "en"),), "en", 1.0, 0.0, -0.1)] for number in numbers]


@pytest.fixture
async def inference() -> AsyncIterator[InferenceThread]:
    thread = InferenceThread()
    yield thread
    thread.close()


def ask(
    inference: InferenceThread, model: NamingModel, number: int, task: DecodingTask
) -> asyncio.Task[tuple[list[Phrase], float]]:
    audio = np.full(SAMPLE_RATE, number, dtype=np.float32)
    return asyncio.ensure_future(inference.decode(model, Decoding(audio, task)))


async def test_questions_of_one_kind_share_a_call_whatever_waits_between_them(inference: InferenceThread) -> None:
    model = NamingModel()
    kinds = (QUICK, CAREFUL, CAREFUL, QUICK, QUICK, CAREFUL, QUICK, QUICK)
    asked = [ask(inference, model, number, task) for number, task in enumerate(kinds)]
    await asyncio.sleep(0.05)
    model.gate.set()
    answers = await asyncio.wait_for(asyncio.gather(*asked), 5)
    assert [phrases[0].text for phrases, _ in answers] == [str(number) for number in range(len(kinds))]
    # The first call may have begun before the others asked.
    assert sorted(number for call in model.calls for number in call) == list(range(len(kinds)))
    assert all(len({kinds[number].fast for number in call}) == 1 and len(call) <= 4 for call in model.calls)
    assert max(map(len, model.calls)) > 1


async def test_what_the_model_cannot_answer_reaches_those_who_asked_and_nobody_else(inference: InferenceThread) -> None:
    model = NamingModel()
    asked = [ask(inference, model, number, task) for number, task in ((1, QUICK), (13, CAREFUL), (2, QUICK))]
    model.gate.set()
    answers = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)
    assert [isinstance(answer, RuntimeError) for answer in answers] == [False, True, False]
    phrases, _ = await asyncio.wait_for(ask(inference, model, 3, QUICK), 5)
    assert phrases[0].text == "3"
