"""Starts the speech service: `python -m asr_service`."""

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import grpc
from planerka.asr.v1 import asr_pb2, asr_pb2_grpc

from asr_service.engine import Engine, load_engine
from asr_service.inference import InferenceThread
from asr_service.known_voices import KnownVoices
from asr_service.servicer import AsrServicer, Rooms, stream_parts
from asr_service.settings import AsrSettings
from asr_service.stream_parts import StreamLimits
from asr_service.streams import StreamTable
from asr_service.voice_cipher import load_cipher
from asr_service.voice_store import VoiceStore
from mesh.errors import NotReady
from mesh.paths import home, models_root
from mesh.server import run
from mesh.settings import MeshSettings
from models import Store

__all__ = ["AsrHosted", "main"]


class AsrHosted:
    """The speech service as the mesh hosts it."""

    names: Sequence[str] = (asr_pb2.DESCRIPTOR.services_by_name["AsrService"].full_name,)

    def __init__(self, settings: AsrSettings, models: Path) -> None:
        """`models` is the folder of the model store."""
        self._settings = settings
        self._models = models
        self._servicer = AsrServicer(settings)
        self._work = settings.work_folder or home() / "asr"
        self._state = settings.state or home() / "asr"

    def register(self, server: grpc.aio.Server) -> None:
        """Adds the servicer, which answers once `open` has loaded the models."""
        asr_pb2_grpc.add_AsrServiceServicer_to_server(self._servicer, server)

    async def open(self) -> None:
        """Loads the models and makes this process's folder for audio in work."""
        settings = self._settings
        folder = self._work / f"run-{os.getpid()}"
        voices = await self._open_voices()
        inference = InferenceThread()
        try:
            await asyncio.to_thread(_fresh_folder, folder)
            engine = await inference.run(lambda: load_engine(settings, Store(self._models)))
        except BaseException:
            inference.close()
            await voices.close()
            raise
        limits = StreamLimits(
            settings.max_streams,
            settings.resume_minutes * 60,
            settings.max_lag,
            settings.max_hours * 3600,
            settings.max_load,
            settings.finished_minutes * 60,
            drafts=settings.draft_streams if settings.draft_streams >= 0 else _drafts(engine, settings),
        )
        build = partial(stream_parts, engine, settings, voices)
        streams = StreamTable(self._work / "streams", inference, limits, build)
        await streams.recover()
        self._servicer.rooms = Rooms(engine, inference, streams, folder, voices)

    async def _open_voices(self) -> KnownVoices:
        settings = self._settings
        key, previous = settings.voices_key.get_secret_value(), settings.voices_previous_key.get_secret_value()
        cipher = await asyncio.to_thread(load_cipher, self._state, key, previous)
        voices = KnownVoices(VoiceStore(self._state, cipher, settings.embedding_model))
        await voices.open()
        return voices

    async def check(self) -> None:
        """Raises NotReady while models are not loaded or audio cannot be written."""
        rooms = self._servicer.rooms
        if rooms is None:
            raise NotReady("The speech models are not loaded.")
        if not os.access(rooms.folder, os.W_OK):
            raise NotReady(f"The folder {rooms.folder} cannot be written.", reason="WORK_FOLDER_UNWRITABLE")
        await rooms.voices.check()

    async def close(self) -> None:
        """Puts all streams to sleep, ends the inference thread and removes uploads in work."""
        rooms, self._servicer.rooms = self._servicer.rooms, None
        if rooms is not None:
            await rooms.streams.close()
            await asyncio.to_thread(rooms.inference.close)
            await rooms.voices.close()
            await asyncio.to_thread(shutil.rmtree, rooms.folder, ignore_errors=True)


def _drafts(engine: Engine, settings: AsrSettings) -> int:
    """How many streams the hardware gives time for drafts; two cores carry five streams beside one."""
    if engine.speech.device != "cpu":
        return settings.max_streams
    return max((settings.threads or len(os.sched_getaffinity(0))) // 2, 1)


def _fresh_folder(folder: Path) -> None:
    """Makes the folder, and removes those of processes that were killed."""
    folder.mkdir(parents=True, exist_ok=True)
    for other in folder.parent.glob("run-*"):
        number = other.name.removeprefix("run-")
        if number.isdecimal() and not Path("/proc", number).exists():
            shutil.rmtree(other, ignore_errors=True)


def main() -> int:
    """Serves until SIGTERM; returns the exit status."""
    settings, mesh = AsrSettings.load(), MeshSettings.load()
    return run("asr", AsrHosted(settings, models_root()), settings.listen, (settings, mesh))


if __name__ == "__main__":
    sys.exit(main())
