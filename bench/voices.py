"""Measure how voices are recognised: enrolled in one recording, named in another one, or in a later part in another channel.

    python bench/voices.py MANIFEST... [--seconds 10] [--threshold 0.9]

The manifests are NeMo's, with RTTMs whose speaker names stand for people. Each person is enrolled with at most so many seconds of speech
that nobody else talks into: from another recording in which they speak, or from the first half of the only one, in which case the second
half is also heard at 8 kHz with noise and at another level, and by telephone. Every recording is diarized by the service's own code, with
everybody of all manifests enrolled; then again for each of its people with that one left out, who is a stranger then.
"""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import soundfile
from scipy import signal

from asr_service.audio import SAMPLE_RATE, Recording, decode_file
from asr_service.clustering import SpeakerLimits, load_nemo
from asr_service.diarization import Diarization
from asr_service.embedding import VoiceEncoder
from asr_service.enrolment import VoiceSample, learn_voice
from asr_service.errors import SampleUnusable
from asr_service.identification import EnrolledVoice, identify, probabilities, seconds_of
from asr_service.identification import built_in as calibration
from asr_service.recognizer import speakers_of
from asr_service.segmentation import SpeakerSegmenter
from asr_service.vad import VadSettings, VoiceActivity, VoiceDetector, detect_regions
from bench.fit_voices import calibration_error
from bench.voice_samples import telephone
from evaluation.speech import SpeakerSpan, read_rttm
from mesh.paths import models_root
from models import Store

STEP = 0.01
"""Seconds: the grid on which speech time is counted."""
NOISE = 25.0
"""Decibels of speech over noise at 8 kHz."""


@dataclass
class Clip:
    name: str
    audio: np.ndarray
    truth: list[SpeakerSpan]

    def part(self, start: float, end: float, name: str) -> "Clip":
        cut = [
            SpeakerSpan(max(s.start, start) - start, min(s.end, end) - start, s.speaker)
            for s in self.truth
            if s.end > start and s.start < end
        ]
        return Clip(name, self.audio[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)], cut)

    def grid(self, spans: Sequence[Any]) -> dict[Any, np.ndarray]:
        active: dict[Any, np.ndarray] = defaultdict(
            lambda: np.zeros(int(len(self.audio) / SAMPLE_RATE / STEP) + 1, bool)
        )
        for span in spans:
            active[span.speaker][int(span.start / STEP) : int(span.end / STEP)] = True
        return active

    def alone(self, person: str, seconds: float) -> np.ndarray:
        """Speech of this person that nobody talks into."""
        active = self.grid(self.truth)
        others = np.any([a for p, a in active.items() if p != person] or [np.zeros_like(active[person])], axis=0)
        free = active[person] & ~others
        places = np.flatnonzero(free)[: int(seconds / STEP)]
        hop = int(STEP * SAMPLE_RATE)
        return np.concatenate([self.audio[p * hop : (p + 1) * hop] for p in places] or [np.zeros(0)])


def clips_of(manifest: Path) -> list[Clip]:
    clips = []
    for line in manifest.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        if item.get("rttm_filepath"):
            audio, _ = soundfile.read(manifest.parent / item["audio_filepath"], dtype="float32")
            clips.append(
                Clip(Path(item["audio_filepath"]).stem, audio, read_rttm(manifest.parent / item["rttm_filepath"]))
            )
    return clips


def narrow(clip: Clip) -> Clip:
    """At 8 kHz, 12 dB lower, with noise."""
    rng = np.random.default_rng(1)
    audio = signal.resample_poly(signal.resample_poly(clip.audio, 1, 2), 2, 1) * 0.25
    audio = audio + rng.normal(size=len(audio)) * np.sqrt((audio**2).mean()) * 10 ** (-NOISE / 20)
    return Clip(f"{clip.name} at 8 kHz", audio.astype(np.float32), clip.truth)


def by_telephone(clip: Clip) -> Clip:
    """300 to 3,400 Hz in 8 bits."""
    audio = telephone(clip.audio, np.random.default_rng(1))
    return Clip(f"{clip.name} by telephone", audio.astype(np.float32), clip.truth)


class Listener:
    """The models, as the service loads them."""

    def __init__(self, folder: Path) -> None:
        store = Store(models_root())
        load_nemo()
        self.folder = folder
        self.engine: Any = SimpleNamespace(
            detector=VoiceDetector(store.path("silero-vad")),
            segmenter=SpeakerSegmenter(store.path("pyannote-segmentation-3.0"), 2),
            encoder=VoiceEncoder(store.path("campplus-zh-en-192"), 2),
            end_to_end=None,
            vad=VadSettings(),
            segmentation_step=0.5,
        )

    def enroll(self, person: str, audio: np.ndarray) -> EnrolledVoice | None:
        source = self.folder / "sample.wav"
        soundfile.write(source, audio, SAMPLE_RATE)
        try:
            with Recording(self.folder / "sample.pcm") as recording:
                *_, sample = learn_voice(self.engine, source, recording)
        except SampleUnusable as error:
            print(f"  {person} is not enrolled: {error.reason}")
            return None
        assert isinstance(sample, VoiceSample)
        return EnrolledVoice(person, sample.vector, sample.seconds)

    def diarize(self, clip: Clip) -> Diarization:
        source = self.folder / "clip.wav"
        soundfile.write(source, clip.audio, SAMPLE_RATE)
        with Recording(self.folder / "clip.pcm") as recording:
            list(decode_file(source, recording))
            *_, voice = detect_regions(self.engine.detector, recording, self.engine.vad)
            assert isinstance(voice, VoiceActivity)
            *_, diarization = speakers_of(self.engine, recording, voice, SpeakerLimits())
        assert isinstance(diarization, Diarization)
        return diarization


def named_time(
    clip: Clip, found: Diarization, known: Sequence[EnrolledVoice], threshold: float
) -> dict[str, dict[str, float]]:
    """Of each person that speaks: seconds in all, heard by diarization, named right (also where nobody else speaks), named as another."""
    names = {m.speaker: m.person_id for m in identify(found.voices, seconds_of(found), known, threshold)}
    truth = clip.grid(clip.truth)
    heard = clip.grid(found.spans)
    total = np.sum(list(truth.values()), axis=0)
    tally = {}
    for person, speaks in truth.items():
        alone = speaks & (total == 1)
        right = np.any([a for s, a in heard.items() if names.get(s) == person] or [np.zeros_like(speaks)], axis=0)
        other = np.any(
            [a for s, a in heard.items() if names.get(s, person) != person] or [np.zeros_like(speaks)], axis=0
        )
        spoken = np.any(list(heard.values()) or [np.zeros_like(speaks)], axis=0)
        tally[person] = {
            "speech": speaks.sum() * STEP,
            "heard": (speaks & spoken).sum() * STEP,
            "right": (speaks & right).sum() * STEP,
            "heard alone": (alone & spoken).sum() * STEP,
            "right alone": (alone & right).sum() * STEP,
            # Where others talk at once, the other name may be theirs.
            "wrong": (alone & other & ~right).sum() * STEP,
        }
    return tally


def owners(clip: Clip, found: Diarization) -> list[str]:
    """The person who speaks most while each speaker does."""
    truth, heard = clip.grid(clip.truth), clip.grid(found.spans)
    return [max(truth, key=lambda p: (truth[p] & heard[s]).sum()) for s in range(found.speakers)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float, default=10.0, help="speech of each enrolment")
    parser.add_argument("--threshold", type=float, default=0.9)
    options = parser.parse_args()
    tests: list[tuple[str, Clip]] = []
    sources: dict[str, list[Clip]] = defaultdict(list)
    for manifest in options.manifests:
        clips = clips_of(manifest)
        for clip in clips:
            people = {s.speaker for s in clip.truth}
            if any(people & {s.speaker for s in c.truth} for c in clips if c is not clip):
                tests.append((manifest.parent.name, clip))
                source = clip
            else:
                middle = len(clip.audio) / SAMPLE_RATE / 2
                source = clip.part(0, middle, clip.name)
                rest = clip.part(middle, 2 * middle, f"{clip.name}, second half")
                name = manifest.parent.name
                tests += [
                    (name, rest),
                    (f"{name} at 8 kHz", narrow(rest)),
                    (f"{name} by telephone", by_telephone(rest)),
                ]
            for person in people:
                sources[person].append(source)
    with tempfile.TemporaryDirectory() as folder:
        report(Listener(Path(folder)), tests, sources, options)
    return 0


def report(
    listener: Listener, tests: list[tuple[str, Clip]], sources: dict[str, list[Clip]], options: argparse.Namespace
) -> None:
    samples: dict[tuple[str, str], EnrolledVoice] = {}
    for person, clips in sorted(sources.items()):
        for clip in clips:
            audio = clip.alone(person, options.seconds)
            voice = listener.enroll(person, audio) if len(audio) >= 3 * SAMPLE_RATE else None
            if voice is not None:
                samples[person, clip.name] = voice
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    sure: list[float] = []
    true: list[bool] = []
    for dataset, clip in tests:
        found = listener.diarize(clip)
        known = [v for (p, c), v in samples.items() if c != clip.name]
        known = list({voice.person_id: voice for voice in known}.values())
        if not known:
            continue
        ids = {voice.person_id for voice in known}
        tally = named_time(clip, found, known, options.threshold)
        table = probabilities(
            found.voices,
            seconds_of(found),
            np.stack([v.vector for v in known]),
            np.array([v.seconds for v in known]),
            calibration(),
        )
        people = owners(clip, found)
        for row, person in zip(table, people, strict=True):
            sure.append(float(row.max()))
            true.append(known[int(row.argmax())].person_id == person)
        print(f"{dataset} / {clip.name}: {len(known)} enrolled, {found.speakers} speakers heard")
        for person, times in sorted(tally.items()):
            kind = "enrolled" if person in ids else "stranger"
            best = max((float(t.max()) for t, p in zip(table, people, strict=True) if p == person), default=0.0)
            print("  " + f"{person} ({kind}, p={best:.3f}): " + ", ".join(f"{k} {v:.1f} s" for k, v in times.items()))
            for key, value in times.items():
                sums[f"{dataset} {kind}"][key] += value
        for left_out in ids & set(tally):
            fewer = [voice for voice in known if voice.person_id != left_out]
            for key, value in named_time(clip, found, fewer, options.threshold)[left_out].items():
                sums[f"{dataset} left out"][key] += value
    for name, times in sorted(sums.items()):
        heard = max(times["heard"], 1e-9)
        print(
            f"{name}: {times['speech']:.1f} s of speech, {times['heard']:.1f} s heard; of what was heard named right "
            f"{times['right'] / heard:.3f}, named as somebody else {times['wrong'] / heard:.3f}; where nobody else "
            f"speaks named right {times['right alone'] / max(times['heard alone'], 1e-9):.3f}"
        )
    print(
        f"{len(sure)} speakers, expected calibration error of their best probability "
        f"{calibration_error(np.array(sure), np.array(true)):.3f}"
    )


if __name__ == "__main__":
    sys.exit(main())
