"""Who is who among enrolled people; the vectors stand for people with a known likeness."""

import numpy as np
import pytest

from asr_service.clustering import SpeakerLimits
from asr_service.diarization import Diarization, Span
from asr_service.enrolment import _only_voice
from asr_service.errors import SeveralVoices, TooLittleSpeech
from asr_service.identification import EnrolledVoice, built_in, identify, probabilities, seconds_of
from asr_service.messages import file_responses
from asr_service.recognizer import Task, Transcript

RNG = np.random.default_rng(3)
PEOPLE = RNG.normal(size=(8, 192))
PEOPLE /= np.linalg.norm(PEOPLE, axis=1, keepdims=True)


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def heard(person: int, noise: float = 0.4) -> np.ndarray:
    """Another recording of a person, around the mean of all people."""
    drawn = RNG.normal(size=192)
    return unit(built_in().mean + PEOPLE[person] + noise * drawn / np.linalg.norm(drawn))


def enrolled(*people: int, seconds: float = 10.0) -> list[EnrolledVoice]:
    return [EnrolledVoice(f"ppl_{person}", heard(person), seconds) for person in people]


def test_everybody_gets_the_right_name_and_a_stranger_none() -> None:
    voices = np.stack([heard(2), heard(7), heard(0)])
    matches = identify(voices, [60.0, 60.0, 60.0], enrolled(0, 1, 2, 3))
    assert [(match.speaker, match.person_id) for match in matches] == [(0, "ppl_2"), (2, "ppl_0")]
    assert all(0.9 <= match.confidence <= 1.0 for match in matches)


def test_two_voices_are_never_one_person() -> None:
    voices = np.stack([heard(1, 0.2), heard(1, 0.3)])
    matches = identify(voices, [60.0, 60.0], enrolled(1, 2), threshold=0.5)
    assert len({match.person_id for match in matches}) == len(matches)


def test_nobody_is_recognised_where_nobody_is_known() -> None:
    assert identify(np.stack([heard(1)]), [60.0], []) == ()
    assert identify(np.zeros((0, 192), dtype=np.float32), [], enrolled(1)) == ()


def test_who_said_one_word_is_not_named_and_takes_no_name_from_another() -> None:
    known = enrolled(1, 2)
    exact, other = known[0].vector, heard(1)
    assert [match.speaker for match in identify(np.stack([exact, other]), [60.0, 60.0], known)] == [0]
    assert [match.speaker for match in identify(np.stack([exact, other]), [1.2, 60.0], known)] == [1]
    assert identify(exact[None], [1.2], known) == ()


def test_people_compete_for_a_voice() -> None:
    people = np.stack([voice.vector for voice in enrolled(1, 2, 3)])
    one = np.stack([heard(1, 0.8)])
    alone = probabilities(one, np.array([60.0]), people, np.full(3, 10.0), built_in())
    assert alone[0, 0] > 0.9
    twice = probabilities(one, np.array([60.0]), np.concatenate([people, people[:1]]), np.full(4, 10.0), built_in())
    assert twice.sum() <= 1.0
    assert twice[0, 0] == pytest.approx(twice[0, 3])
    assert twice[0, 0] <= 0.5


def test_a_likeness_counts_less_where_strangers_have_it_too() -> None:
    """A channel that all share makes all alike; only what stands out is a person."""
    shared = unit(built_in().mean + PEOPLE[6] + 0.8 * PEOPLE[5])
    people, spoken = shared[None], np.array([10.0])
    among_others = np.stack([heard(6, 0.1), heard(1), heard(2)])
    among_alike = np.stack([heard(6, 0.1), heard(6, 0.2), heard(6, 0.3)])
    seconds = np.full(3, 30.0)
    alone = probabilities(among_others, seconds, people, spoken, built_in())[0, 0]
    assert probabilities(among_alike, seconds, people, spoken, built_in())[0, 0] < alone


def diarization(*spans: tuple[float, float, int]) -> Diarization:
    voices = unit(PEOPLE[: max(span[2] for span in spans) + 1])
    return Diarization(tuple(Span(*span) for span in spans), voices)


def test_a_sample_needs_speech_of_one_person() -> None:
    sample = _only_voice(diarization((0.0, 9.0, 0), (9.0, 9.5, 1)), 10.0)
    assert sample.seconds == pytest.approx(9.0)
    with pytest.raises(SeveralVoices):
        _only_voice(diarization((0.0, 6.0, 0), (6.0, 9.0, 1)), 9.0)
    with pytest.raises(TooLittleSpeech):
        _only_voice(diarization((0.0, 2.5, 0)), 9.0)
    with pytest.raises(TooLittleSpeech):
        _only_voice(diarization((0.0, 9.0, 0)), 1.0)


def test_matches_come_before_the_end_of_a_transcript() -> None:
    found = diarization((0.0, 9.0, 0), (9.0, 19.0, 1))
    task = Task(limits=SpeakerLimits(), enrolled=tuple(enrolled(3)))
    matches = identify(np.stack([heard(1), heard(3)]), seconds_of(found), task.enrolled)
    kinds = list(file_responses(Transcript((), found, 19.0, "", matches)))
    assert [response.WhichOneof("response") for response in kinds] == ["timeline", "voices", "finished"]
    assert [match.speaker for match in kinds[1].voices.matches] == ["S2"]
    assert "192" not in repr(task.enrolled)
    assert "array" not in repr(task.enrolled)
