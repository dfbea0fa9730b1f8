"""Live speakers over models that see and hear perfectly: a sample's value tells whose voice it is."""

from itertools import pairwise

import numpy as np
import pytest

from asr_service.audio import SAMPLE_RATE
from asr_service.clustering import Piece, SpeakerLimits
from asr_service.diarization import Diarization, diarize
from asr_service.live_speakers import LiveSpeakers
from asr_service.online_voices import OnlineVoices, keep_labels
from asr_service.segmentation import CERTAIN, FRAME, LOCAL_SPEAKERS, WINDOW_FRAMES, segment_windows
from asr_service.vad import FRAME as VAD_FRAME

CENTRES = np.random.default_rng(0).normal(size=(9, 192)).astype(np.float32)


class Room:
    """Audio that arrives bit by bit; speaker k from 0 is the value k + 1, silence is 0."""

    def __init__(self, *spans: tuple[float, int]) -> None:
        """`spans` are seconds and speaker, -1 for nobody, one after another."""
        self._audio = np.concatenate(
            [np.full(round(length * SAMPLE_RATE), speaker + 1, np.float32) for length, speaker in spans]
        )
        self.samples = len(self._audio)

    @property
    def duration(self) -> float:
        return self.samples / SAMPLE_RATE

    def read(self, start: int, end: int) -> np.ndarray:
        return self._audio[max(start, 0) : min(end, self.samples)]

    def voice(self, seconds: float | None = None) -> np.ndarray:
        samples = self.samples if seconds is None else int(seconds * SAMPLE_RATE)
        frames = samples // VAD_FRAME
        return (self._audio[: frames * VAD_FRAME : VAD_FRAME] > 0).astype(np.float16)


class Segmenter:
    """Gives voices local numbers in order of appearance, another first one in every window."""

    def __init__(self) -> None:
        self.calls = 0

    def run(self, windows: np.ndarray) -> np.ndarray:
        speech = np.zeros((len(windows), WINDOW_FRAMES, LOCAL_SPEAKERS), dtype=np.uint8)
        for row, window in enumerate(windows):
            self.calls += 1
            values = window[FRAME // 2 :: FRAME][:WINDOW_FRAMES]
            for local, value in enumerate(dict.fromkeys(values[values > 0].tolist())):
                speech[row, values == value, (local + int(value)) % LOCAL_SPEAKERS] = CERTAIN
        return speech


class Encoder:
    """A centre for each voice, and noise that depends on the length alone."""

    def features(self, audio: np.ndarray) -> np.ndarray:
        return np.repeat(audio[: len(audio) // 160 * 160 : 160, None], 80, axis=1)

    def embed(self, pieces: list[np.ndarray]) -> np.ndarray:
        vectors = np.zeros((len(pieces), 192), dtype=np.float32)
        for row, piece in enumerate(pieces):
            shares = np.bincount(piece[:, 0].round().astype(int), minlength=10)[1:] / len(piece)
            vectors[row] = shares @ CENTRES + 0.5 * np.random.default_rng(len(piece)).normal(size=192)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def live(room: Room) -> LiveSpeakers:
    return LiveSpeakers(Segmenter(), Encoder(), room, SpeakerLimits(), 1.0)  # type: ignore[arg-type]


def last(steps: object) -> Diarization:
    *_, result = steps  # type: ignore[misc]
    assert isinstance(result, Diarization)
    return result


def speaker_at(diarization: Diarization, time: float) -> list[int]:
    return [span.speaker for span in diarization.spans if span.start <= time < span.end]


TALK = ((1.0, -1), (8.0, 0), (0.5, -1), (9.0, 1), (4.0, 0), (0.4, -1), (7.0, 2), (5.0, 1), (3.0, 0))


def test_the_first_words_have_a_speaker_at_once() -> None:
    speakers = live(Room(*TALK))
    list(speakers.advance(Room(*TALK).voice(2.6)))
    assert speaker_at(speakers.label(1.0, 2.5), 2.0) == [0]


@pytest.mark.parametrize("chunk", [0.1, 0.7, 5.0])
def test_answers_do_not_depend_on_how_the_audio_came(chunk: float) -> None:
    room = Room(*TALK)
    answers = []
    for pace in (chunk, 1.0):
        speakers = live(room)
        told = []
        for stop in (9.0, 18.5, 22.5, 29.9):
            for seconds in np.arange(pace, stop, pace):
                list(speakers.advance(room.voice(seconds)))
            list(speakers.advance(room.voice(stop)))
            told.append(speakers.label(stop - 3.0, stop))
        answers.append([(answer.spans, answer.shares.tolist()) for answer in told])
        answers[-1].append((last(speakers.finish(room.voice())).spans, speakers.generation))
    assert answers[0] == answers[1]


def test_numbers_last_while_people_come_and_go() -> None:
    room = Room(*TALK, *[(length, speaker) for _ in range(3) for length, speaker in ((20.0, 1), (25.0, 2))], (4.0, 0))
    speakers = live(room)
    for stop, time, number in ((8.9, 8.0, 0), (18.4, 18.0, 1), (22.4, 22.0, 0), (29.8, 29.0, 2)):
        list(speakers.advance(room.voice(stop)))
        assert speaker_at(speakers.label(stop - 2, stop), time) == [number]
    list(speakers.advance(room.voice()))
    assert speaker_at(speakers.label(room.duration - 4, room.duration), room.duration - 2) == [0]
    assert speaker_at(last(speakers.finish(room.voice())), room.duration - 2) == [0]


def test_the_end_is_what_a_file_gives() -> None:
    room, segmenter = Room(*TALK), Segmenter()
    speakers = LiveSpeakers(segmenter, Encoder(), room, SpeakerLimits(), 1.0)  # type: ignore[arg-type]
    list(speakers.advance(room.voice(30.0)))
    before = segmenter.calls
    final = last(speakers.finish(room.voice()))
    *_, activity = segment_windows(Segmenter(), room, room.voice(), 1.0)  # type: ignore[arg-type]
    whole = last(diarize(Encoder(), room, activity, SpeakerLimits()))  # type: ignore[arg-type]
    assert final.speakers == whole.speakers == 3
    for time in np.arange(1.3, room.duration, 0.5):
        assert speaker_at(final, time) == speaker_at(whole, time)
    assert segmenter.calls - before < 10


def test_silence_costs_nothing_and_names_nobody() -> None:
    room, segmenter = Room((60.0, -1)), Segmenter()
    speakers = LiveSpeakers(segmenter, Encoder(), room, SpeakerLimits(), 1.0)  # type: ignore[arg-type]
    list(speakers.advance(room.voice()))
    assert segmenter.calls == 0
    assert last(speakers.finish(room.voice())).speakers == 0


def test_a_recording_without_samples() -> None:
    speakers = live(Room((0.0, -1)))
    assert last(speakers.finish(np.zeros(0, np.float16))).spans == ()


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_a_voice_keeps_the_number_under_which_it_was_shown() -> None:
    random = np.random.default_rng(1)
    vectors = unit(CENTRES[np.repeat([0, 1, 0, 2], 10)] + 0.5 * random.normal(size=(40, 192)))
    pieces = [Piece(1.5 * place, 1.5 * place + 1.45) for place in range(40)]
    voices = OnlineVoices(SpeakerLimits())
    nothing = lambda chosen: np.zeros((len(chosen), len(chosen)), np.float32)  # noqa: E731
    assert not voices.update(vectors[:10], pieces[:10], np.full(10, -1), nothing)
    voices.meet(vectors[10:12], pieces[10:12], vectors[:10], pieces[:10], nothing)
    assert voices.numbers == [0, 1]
    assert not voices.update(vectors[:20], pieces[:20], np.array([1] * 10), nothing)
    assert voices.labels.tolist() == [0] * 10 + [1] * 10
    voices.update(vectors, pieces, np.full(20, -1), nothing)
    assert voices.labels.tolist() == [0] * 10 + [1] * 10 + [0] * 10 + [2] * 10
    assert all(first < second for first, second in pairwise(voices.numbers))


def test_keep_labels_follows_the_pieces() -> None:
    assert keep_labels(np.array([0, 0, 1, 1, -1]), np.array([1, 1, 0, 0, 0])) == {1: 0, 0: 1}
    assert keep_labels(np.array([0, 0, 0, 2]), np.array([0, 0, 0, 1])) == {0: 0, 1: 2}
    assert keep_labels(np.array([2, 2, -1]), np.array([0, 0, 1])) == {0: 2, 1: 0}
    assert keep_labels(np.array([-1]), np.array([0])) == {0: 0}
