"""Senko as a program: who speaks when in whole clips.

    PEER_PYTHON bench/speech_senko.py < JOB > RESULT

Runs in Senko's environment, without the product. The job is one JSON object on stdin: `clips` as a list of `{"path"}`
(16 kHz mono) and `threads`. The result holds for each clip the stretches of every speaker in seconds and the processor
seconds; and the peak memory in MB. The first clip is worked on twice, so that compilation is not counted.
"""

import contextlib
import json
import resource
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import senko
import soundfile
import torch


def diarize(diarizer: senko.Diarizer, path: str, folder: Path) -> dict[str, Any]:
    """One clip."""
    samples, rate = soundfile.read(path, dtype="int16")
    wav = folder / "clip.wav"
    soundfile.write(wav, samples, rate, subtype="PCM_16")
    cpu, wall = time.process_time(), time.monotonic()
    result = diarizer.diarize(str(wav), generate_colors=False)
    spans = [] if result is None else result["merged_segments"]
    return {
        "path": path,
        "audio_s": len(samples) / rate,
        "spans": [[float(span["start"]), float(span["end"]), str(span["speaker"])] for span in spans],
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.monotonic() - wall,
    }


def main() -> None:
    """Works through the job."""
    job = json.load(sys.stdin)
    torch.set_num_threads(job["threads"])
    # What the program says to people must not come between the result and its reader.
    with contextlib.redirect_stdout(sys.stderr), tempfile.TemporaryDirectory() as folder:
        diarizer = senko.Diarizer(device="cpu", warmup=True, quiet=True)
        diarize(diarizer, job["clips"][0]["path"], Path(folder))
        clips = [diarize(diarizer, clip["path"], Path(folder)) for clip in job["clips"]]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    json.dump({"version": version("senko"), "clips": clips, "peak_mb": peak}, sys.stdout)


if __name__ == "__main__":
    main()
