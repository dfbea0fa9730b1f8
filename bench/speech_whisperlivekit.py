"""WhisperLiveKit over its own websocket: its server as a process, clips sent at the pace of speech.

    PEER_PYTHON bench/speech_whisperlivekit.py < JOB > RESULT

Runs in WhisperLiveKit's environment, without the product. The job is one JSON object on stdin: `model`, a folder in
CTranslate2's format; `arguments` of the server, in which `{model}` stands for that folder, `{checkpoint}` for the same
weights in PyTorch's format and `{heads}` for their alignment heads; `clips`, a list of `{"path", "language"}` (16 kHz
mono); `settle_s`, seconds to wait for the end after the last sound.

The result holds for each clip every state that a client saw, as `[seconds since the first sample was due, confirmed
text, text that may still change]`, and when the end came. The protocol has no acknowledgements: what is measured is when
a text that the server confirmed reached its client.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Any

import soundfile
import websockets
from speech_weights import convert

CHUNK = 1_600
"""Samples in one message, 100 ms."""
START_SECONDS = 180


def resources(pid: int) -> tuple[float, float]:
    """Processor seconds that a process has used, and its peak memory in MB."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), peak / 1024


def wait_until_ready(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    """Returns when the server says that it is ready."""
    for _ in range(START_SECONDS * 2):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                if json.load(answer)["ready"]:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise SystemExit(f"WhisperLiveKit did not start: {log.read_text(errors='replace')[-2_000:]}")


def state_of(message: dict[str, Any]) -> tuple[str, str]:
    """The confirmed text, and the text that may still change."""
    confirmed = " ".join(line["text"].strip() for line in message.get("lines", ()) if line.get("text"))
    return confirmed.strip(), message.get("buffer_transcription", "").strip()


async def stream(port: int, clip: dict[str, str], settle: float) -> dict[str, Any]:
    """Sends one clip at the pace of speech and notes what comes back."""
    samples, rate = soundfile.read(clip["path"], dtype="int16")
    if rate != 16_000 or samples.ndim != 1:
        raise SystemExit(f"{clip['path']} is not 16 kHz mono")
    seconds = len(samples) / rate
    states: list[tuple[float, str, str]] = []
    behind: list[tuple[float, float]] = []
    language = f"?language={clip['language']}" if clip["language"] else ""
    async with websockets.connect(f"ws://127.0.0.1:{port}/asr{language}", max_size=None) as socket_:
        await socket_.recv()
        begun = time.monotonic()

        async def send() -> None:
            for start in range(0, len(samples), CHUNK):
                piece = samples[start : start + CHUNK]
                # A sound can be sent when it has been made, not before.
                due = begun + (start + len(piece)) / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                await socket_.send(piece.astype("<i2").tobytes())
            await socket_.send(b"")

        sender = asyncio.create_task(send())
        ended = False
        try:
            async with asyncio.timeout(seconds + settle):
                async for raw in socket_:
                    message = json.loads(raw)
                    at = time.monotonic() - begun
                    if message.get("type") == "ready_to_stop":
                        ended = True
                        break
                    state = state_of(message)
                    if not states or states[-1][1:] != state:
                        states.append((round(at, 3), *state))
                    behind.append((round(at, 3), float(message.get("remaining_time_transcription", 0.0))))
        except TimeoutError:
            pass
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        return {
            "path": clip["path"],
            "audio_s": seconds,
            "states": states,
            "ended": ended,
            "end_lag_s": time.monotonic() - begun - seconds,
            "own_lag": behind[:: max(1, len(behind) // 200)],
        }


def main() -> None:
    """Works through the job."""
    job = json.load(sys.stdin)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "server.log")
        places = {"{model}": job["model"]}
        if "{checkpoint}" in job["arguments"]:
            checkpoint = Path(folder, "checkpoint.pt")
            places |= {"{heads}": convert(Path(job["model"]), checkpoint), "{checkpoint}": str(checkpoint)}
        arguments = [places.get(argument, argument) for argument in job["arguments"]]
        command = [sys.executable, "-m", "whisperlivekit.basic_server", "--host", "127.0.0.1", "--port", str(port)]
        with log.open("wb") as output:
            server = subprocess.Popen(
                [*command, "--pcm-input", "--warmup-file", "", "--log-level", "WARNING", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until_ready(port, server, log)
            clips = []
            for clip in job["clips"]:
                before, _ = resources(server.pid)
                done = asyncio.run(stream(port, clip, job["settle_s"]))
                done["cpu_s"] = resources(server.pid)[0] - before
                clips.append(done)
            peak = resources(server.pid)[1]
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    json.dump({"version": version("whisperlivekit"), "clips": clips, "peak_mb": peak}, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main()
