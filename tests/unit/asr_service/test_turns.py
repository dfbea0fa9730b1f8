"""Words to speakers, and words to turns."""

import numpy as np
import pytest

from asr_service.diarization import Diarization, Span
from asr_service.segmentation import FRAME_SECONDS
from asr_service.transcriber import Word
from asr_service.turns import SpokenWord, assemble_turns, attribute_words, speaker_name


def diarization(*spans: tuple[float, float, int]) -> Diarization:
    speakers = max(speaker for _, _, speaker in spans) + 1
    frames = int(max(end for _, end, _ in spans) / FRAME_SECONDS) + 2
    shares = np.zeros((frames, speakers), dtype=np.float16)
    for start, end, speaker in spans:
        shares[int(start / FRAME_SECONDS) : int(end / FRAME_SECONDS), speaker] = 1
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
    return Diarization(tuple(Span(*span) for span in spans), np.eye(speakers, 192, dtype=np.float32), shares)


def words(text: str, start: float = 0.0, each: float = 0.5) -> list[Word]:
    return [
        Word(part, start + each * place, start + each * (place + 1), 0.9, "ru")
        for place, part in enumerate(text.split())
    ]


def test_the_larger_overlap_decides_not_the_beginning() -> None:
    (spoken,) = attribute_words([Word("да", 1.0, 2.0, 1.0)], diarization((0, 1.3, 0), (1.3, 5, 1)))
    assert spoken.speaker == 1


def test_two_people_at_once() -> None:
    (spoken,) = attribute_words([Word("да", 1.0, 2.0, 1.0)], diarization((0, 3, 0), (1.2, 5, 1)))
    assert [speaker for speaker, _ in spoken.speakers] == [0, 1]
    assert sum(share for _, share in spoken.speakers) == pytest.approx(1, abs=0.01)


def test_words_where_nobody_was_heard_follow_the_nearest_speaker() -> None:
    spoken = attribute_words(words("а б", 3.0), diarization((0, 2.9, 0), (9, 12, 1)))
    assert [word.speaker for word in spoken] == [0, 0]
    far = attribute_words([*words("а", 1.0), *words("б", 4.0)], diarization((0, 2, 0), (9, 12, 1)))
    assert [word.speaker for word in far] == [0, 0]


def test_without_diarization_nobody_speaks() -> None:
    spoken = attribute_words(words("раз два"), Diarization())
    (turn,) = assemble_turns(spoken)
    assert (turn.speaker, turn.confidence, speaker_name(turn.speaker)) == (None, 0.0, "")


def test_a_doubtful_word_at_the_edge_of_a_sentence_joins_it() -> None:
    overlap = diarization((0, 2.2, 0), (1.5, 6, 1))
    spoken = attribute_words(words("Раз два три. Новый вопрос к тебе сейчас."), overlap)
    assert [word.speaker for word in spoken] == [0, 0, 0, 1, 1, 1, 1, 1]


def test_a_sure_short_answer_inside_a_sentence_stays() -> None:
    spoken = attribute_words(
        words("мы сделаем да это завтра же точно."), diarization((0, 1, 0), (1, 1.5, 1), (1.5, 4, 0))
    )
    assert [word.speaker for word in spoken] == [0, 0, 1, 0, 0, 0, 0]


def test_turns_end_with_the_speaker() -> None:
    spoken = attribute_words(words("Как дела? Хорошо."), diarization((0, 1, 0), (1, 2, 1)))
    turns = assemble_turns(spoken)
    assert [(turn.speaker, turn.text, turn.start, turn.end) for turn in turns] == [
        (0, "Как дела?", 0.0, 1.0),
        (1, "Хорошо.", 1.0, 1.5),
    ]
    assert turns[0].confidence == pytest.approx(1.0, abs=0.05)
    assert turns[0].language == "ru"


def test_turns_end_with_a_long_pause() -> None:
    spoken = [SpokenWord(word, ((0, 1.0),)) for word in [*words("раз"), *words("два", 2.4), *words("три", 5.0)]]
    assert [turn.text for turn in assemble_turns(spoken)] == ["раз два", "три"]


def test_a_monologue_is_cut_at_sentences() -> None:
    spoken = [SpokenWord(word, ((0, 1.0),)) for word in words("Это ещё одно предложение. " * 60)]
    turns = assemble_turns(spoken)
    assert len(turns) == 3
    assert all(turn.text.endswith(".") and turn.end - turn.start < 45 for turn in turns)
    assert sum(len(turn.words) for turn in turns) == 240


def test_nothing_said() -> None:
    assert assemble_turns(attribute_words([], diarization((0, 1, 0)))) == []
