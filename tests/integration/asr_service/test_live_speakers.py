"""Live speakers with real models, measured as a user sees them: each stretch as it was told when it ended."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from asr_service.audio import SAMPLE_RATE, Recording, decode_file
from asr_service.clustering import SpeakerLimits
from asr_service.diarization import Diarization
from asr_service.embedding import VoiceEncoder
from asr_service.live_speakers import LiveSpeakers
from asr_service.segmentation import SpeakerSegmenter
from asr_service.settings import AsrSettings
from asr_service.transcriber import Word
from asr_service.turns import attribute_words
from asr_service.vad import FRAME, Endpointer, VadSettings, VoiceDetector
from evaluation.speech import SpeakerSpan, diarization_errors, read_rttm
from models import Store

pytestmark = [pytest.mark.models, pytest.mark.timeout(120)]

SECONDS = 39.0


@pytest.fixture(scope="module")
def heard(
    models: Path, samples: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[SpeakerSpan], Diarization]:
    """The spans as they were told at the ends of stretches, and the answer at the end."""
    store, settings = Store(models), AsrSettings()
    with Recording(tmp_path_factory.mktemp("live") / "meeting.pcm") as recording:
        list(decode_file(samples / "standup_ru" / "meeting.flac", recording))
        meeting = recording.read(0, int(SECONDS * SAMPLE_RATE))
    with Recording(tmp_path_factory.mktemp("live") / "stream.pcm") as recording:
        speakers = LiveSpeakers(
            SpeakerSegmenter(store.path(settings.segmentation_model), 2),
            VoiceEncoder(store.path(settings.embedding_model), 2),
            recording,
            SpeakerLimits(),
            1.0,
        )
        stream = VoiceDetector(store.path(settings.vad_model)).stream()
        endpointer = Endpointer(replace(VadSettings(), min_silence=0.6))
        voice = np.zeros(0, dtype=np.float16)
        told: list[SpeakerSpan] = []
        reached = 0
        for place in range(0, len(meeting), 10 * FRAME):
            recording.append((meeting[place : place + 10 * FRAME] * 32767).astype(np.int16))
            fresh = stream.push(meeting[place : place + 10 * FRAME])
            voice = np.concatenate([voice, fresh.astype(np.float16)])
            list(speakers.advance(voice))
            for region in endpointer.push(fresh):
                begin, end = max(region.start, reached) / SAMPLE_RATE, min(region.end, recording.samples) / SAMPLE_RATE
                reached = region.end
                told += [
                    SpeakerSpan(max(span.start, begin), min(span.end, end), str(span.speaker))
                    for span in speakers.label(begin, end).spans
                ]
        *_, final = speakers.finish(voice)
    assert isinstance(final, Diarization)
    return told, final


def test_live_labels_are_nearly_as_good_as_final_ones(
    heard: tuple[list[SpeakerSpan], Diarization], samples: Path
) -> None:
    told, final = heard
    truth = read_rttm(samples / "standup_ru" / "meeting.rttm")
    scored = (0.0, max(span.end for span in told))
    assert scored[1] > SECONDS - 6
    assert diarization_errors(truth, told, scored).der <= 0.09
    spans = [SpeakerSpan(span.start, span.end, str(span.speaker)) for span in final.spans]
    assert diarization_errors(truth, spans, (0.0, SECONDS)).der <= 0.06
    assert final.speakers == 3


def test_words_where_two_people_talk_have_both(heard: tuple[list[SpeakerSpan], Diarization], samples: Path) -> None:
    _, final = heard
    truth = sorted(read_rttm(samples / "standup_ru" / "meeting.rttm"), key=lambda span: span.start)
    overlaps = [
        (after.start, before.end)
        for before, after in pairwise(truth)
        if before.end - after.start > 0.2 and before.end < SECONDS
    ]
    words = [Word("слово", start, end, 1.0, "ru") for start, end in overlaps]
    assert words
    assert all(len(spoken.speakers) == 2 for spoken in attribute_words(words, final))
