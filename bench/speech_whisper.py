"""Plain faster-whisper on whole clips: what the same weights reach offline, which live speech is held against.

    python bench/speech_whisper.py < JOB > RESULT

A program of its own, so that memory and processor time are its own, and so that it also runs in an environment without
the product. It reads one JSON object from stdin (`model`: folder in CTranslate2's format; `threads`; `clips`: list of
`{"path", "language"}`, any sample rate; `variants`: list of `{"name", "vad", "language": "given" or "auto"}`) and writes
one: for every variant the words of every clip with times in seconds, processor seconds, and the peak memory in MB.
"""

import json
import resource
import sys
import time
from importlib.metadata import version
from typing import Any

from faster_whisper import WhisperModel


def transcribe(model: WhisperModel, clip: dict[str, Any], variant: dict[str, Any]) -> dict[str, Any]:
    """One clip with beam 5, word times and everything else as it is by default."""
    begun, began = time.process_time(), time.monotonic()
    segments, info = model.transcribe(
        clip["path"],
        beam_size=5,
        word_timestamps=True,
        vad_filter=variant["vad"],
        language=clip["language"] if variant["language"] == "given" else None,
    )
    words = [
        [round(float(word.start), 3), round(float(word.end), 3), word.word]
        for segment in segments
        for word in segment.words or ()
    ]
    return {
        "path": clip["path"],
        "language": info.language,
        "words": words,
        "text": "".join(word[2] for word in words).strip(),
        "audio_s": info.duration,
        "cpu_s": time.process_time() - begun,
        "wall_s": time.monotonic() - began,
    }


def main() -> None:
    """Works through the job."""
    job = json.load(sys.stdin)
    model = WhisperModel(job["model"], device="cpu", compute_type="int8", cpu_threads=job["threads"])
    runs = {variant["name"]: [transcribe(model, clip, variant) for clip in job["clips"]] for variant in job["variants"]}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    json.dump({"version": version("faster-whisper"), "runs": runs, "peak_mb": peak}, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main()
