"""Word latencies of the speech benchmark, and the checks of the client that the tests of live streams share."""

import pytest
from planerka.asr.v1 import asr_pb2
from planerka.common.v1 import transcript_pb2

from bench.speech_figures import Timed, latencies, ratio, spread
from tests.live import Heard, slope

STATES = [
    (1.0, [], ["Hallo"]),
    (2.0, ["Hello,"], ["Hello,", "word"]),
    (3.0, ["Hello,", "word"], ["Hello,", "word", "again"]),
    (4.0, ["Hello,", "world", "again"], ["Hello,", "world", "again"]),
]


def test_a_word_is_first_seen_in_any_form_and_stable_as_it_stays() -> None:
    timeline = [Timed("hello", 0.5), Timed("world", 1.0), Timed("again", 2.5)]
    assert latencies(STATES, ["Hello,", "world", "again"], timeline) == ([0.5, 1.0, 0.5], [1.5, 3.0, 1.5])


def test_words_that_the_timeline_lacks_are_left_out() -> None:
    first, stable = latencies(STATES, ["Hello,", "world", "again"], [Timed("again", 2.5), Timed("never", 3.0)])
    assert (first, stable) == ([0.5], [1.5])


def test_figures_of_nothing_are_none() -> None:
    assert spread([]) == {"p50": None, "p95": None}
    assert ratio(None, 1.0) is ratio(1.0, 0.0) is None


def test_the_slope_is_that_of_the_second_half() -> None:
    points = [(float(at), 9.0 if at < 10 else 0.5 * at) for at in range(20)]
    assert slope(points) == pytest.approx(0.5)


def turn(words: str, revision: int, *, final: bool) -> asr_pb2.StreamingRecognizeResponse:
    """A version of the only turn."""
    state = transcript_pb2.TURN_STATE_FINAL if final else transcript_pb2.TURN_STATE_STABLE
    message = transcript_pb2.Turn(turn_id="trn_1", revision=revision, state=state, speaker="S1", stable_words=1)
    message.words.extend(transcript_pb2.Word(text=word) for word in words.split())
    return asr_pb2.StreamingRecognizeResponse(event_id=revision, turn=message)


def test_breaches_of_the_contract_are_noted() -> None:
    heard = Heard()
    heard.take(turn("so it", 1, final=False))
    heard.take(turn("so it begins", 2, final=True))
    heard.take(asr_pb2.StreamingRecognizeResponse(ack=asr_pb2.Ack(sequence=7)))
    assert heard.problems == []
    heard.take(turn("so it began", 2, final=True))
    heard.take(asr_pb2.StreamingRecognizeResponse(opened=asr_pb2.Opened(next_sequence=7)))
    assert [problem.split()[0] for problem in heard.problems] == ["event", "turn", "turn", "chunk"]


def test_a_revision_changes_the_speakers_of_its_words_only() -> None:
    heard = Heard()
    heard.take(turn("so it begins", 1, final=True))
    words = asr_pb2.WordRange(turn_id="trn_1", first_word=1, word_count=2)
    change = asr_pb2.SpeakerRevision.Change(words=words, previous_speaker="S1", speaker="S2", confidence=0.9)
    revision = asr_pb2.SpeakerRevision(changes=[change])
    heard.take(asr_pb2.StreamingRecognizeResponse(event_id=2, speaker_revision=revision))
    assert [word.speaker for word in heard.final_words()] == ["S1", "S2", "S2"]
    assert [word.speaker for word in heard.final_words(revised=False)] == ["S1", "S1", "S1"]
    assert heard.snapshot(3.0).stable == ("so", "it", "begins")
