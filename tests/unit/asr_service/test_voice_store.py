"""Enrolled voices on disk: merged, encrypted, and gone when they are deleted."""

from pathlib import Path

import numpy as np
import pytest
from planerka.asr.v1 import asr_pb2

from asr_service.errors import VoiceKeyInvalid, VoiceNotFound, VoicesLocked
from asr_service.known_voices import KnownVoices
from asr_service.voice_cipher import KEY_FILE, load_cipher, new_key
from asr_service.voice_store import VoiceStore
from mesh.database import IdempotencyKeyReused

AUDIO = b"a" * 32


def vector(seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=192).astype(np.float32)
    return drawn / np.linalg.norm(drawn)


def config(person: str, key: str = "k", workspace: str = "wsp_1") -> asr_pb2.VoiceConfig:
    return asr_pb2.VoiceConfig(workspace_id=workspace, person_id=person, idempotency_key=key)


def forget(person: str, key: str = "d") -> asr_pb2.DeleteVoiceRequest:
    return asr_pb2.DeleteVoiceRequest(workspace_id="wsp_1", person_id=person, idempotency_key=key)


async def opened(folder: Path, key: str = "", previous: str = "", model: str = "m") -> KnownVoices:
    known = KnownVoices(VoiceStore(folder, load_cipher(folder, key, previous), model))
    await known.open()
    return known


async def test_samples_of_one_person_are_merged_by_their_seconds(tmp_path: Path) -> None:
    known = await opened(tmp_path)
    assert await known.load("wsp_1") == ()
    await known.enroll(config("ppl_a", "1"), AUDIO, vector(1), 30.0)
    answer = await known.enroll(config("ppl_a", "2"), AUDIO, vector(2), 10.0)
    assert answer.voice.speech.seconds == 40
    (voice,) = known.now("wsp_1")
    mean = 0.75 * vector(1) + 0.25 * vector(2)
    assert voice.vector == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
    assert known.now("wsp_2") == ()
    assert await known.load("wsp_2") == ()
    await known.close()


async def test_a_repeated_call_changes_nothing(tmp_path: Path) -> None:
    known = await opened(tmp_path)
    first = await known.enroll(config("ppl_a"), AUDIO, vector(1), 12.0)
    assert await known.enroll(config("ppl_a"), AUDIO, vector(1), 12.0) == first
    assert (await known.page("wsp_1", "", 9))[0].speech.seconds == 12
    with pytest.raises(IdempotencyKeyReused):
        await known.enroll(config("ppl_a"), b"b" * 32, vector(1), 12.0)
    # The same key of another workspace is another one.
    await known.enroll(config("ppl_z", workspace="wsp_2"), AUDIO, vector(3), 5.0)
    await known.close()


async def test_nothing_of_a_voice_is_readable_on_disk_and_nothing_stays_when_it_is_deleted(tmp_path: Path) -> None:
    known = await opened(tmp_path)
    await known.enroll(config("ppl_a"), AUDIO, vector(1), 12.0)
    await known.enroll(config("ppl_b", "2"), AUDIO, vector(2), 12.0)
    sealed = bytes(
        await known._store._database.run(
            lambda c: c.execute("SELECT sealed FROM voice ORDER BY person_id").fetchone()[0]
        )
    )

    def on_disk() -> bytes:
        return b"".join(file.read_bytes() for file in tmp_path.glob("voices.db*"))

    assert sealed in on_disk()
    assert vector(1).tobytes()[:32] not in on_disk()
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    await known.load("wsp_1")
    await known.delete(forget("ppl_a"))
    assert [voice.person_id for voice in known.now("wsp_1")] == ["ppl_b"]
    assert sealed not in on_disk()
    assert sealed[:64] not in on_disk()
    await known.delete(forget("ppl_a"))
    with pytest.raises(VoiceNotFound):
        await known.delete(forget("ppl_a", "d2"))
    await known.close()


async def test_voices_without_their_key_are_locked_and_can_be_deleted(tmp_path: Path) -> None:
    known = await opened(tmp_path)
    await known.enroll(config("ppl_a"), AUDIO, vector(1), 12.0)
    await known.close()
    (tmp_path / KEY_FILE).unlink()

    known = await opened(tmp_path)
    assert not known.usable
    assert await known.load("wsp_1") == ()
    with pytest.raises(VoicesLocked):
        await known.enroll(config("ppl_a", "2"), AUDIO, vector(1), 12.0)
    await known.delete(forget("ppl_a"))
    assert known.usable
    await known.close()


async def test_a_new_key_takes_over_what_the_one_before_sealed(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    known = await opened(tmp_path, old)
    await known.enroll(config("ppl_a"), AUDIO, vector(1), 12.0)
    await known.close()
    known = await opened(tmp_path, new, old)
    await known.close()
    known = await opened(tmp_path, new)
    (voice,) = await known.load("wsp_1")
    assert voice.vector == pytest.approx(vector(1), abs=1e-6)
    await known.close()
    assert not (await opened(tmp_path, old)).usable


async def test_another_model_begins_anew(tmp_path: Path) -> None:
    known = await opened(tmp_path, model="old")
    await known.enroll(config("ppl_a"), AUDIO, vector(1), 30.0)
    await known.close()
    known = await opened(tmp_path, model="new")
    assert await known.load("wsp_1") == ()
    await known.enroll(config("ppl_a", "2"), AUDIO, vector(2), 5.0)
    (voice,) = known.now("wsp_1")
    assert (voice.seconds, voice.vector == pytest.approx(vector(2), abs=1e-6)) == (5.0, True)
    await known.close()


async def test_one_persons_row_is_not_anothers(tmp_path: Path) -> None:
    known = await opened(tmp_path)
    await known.enroll(config("ppl_a"), AUDIO, vector(1), 12.0)
    await known._store._database.run(lambda c: c.execute("UPDATE voice SET person_id = 'ppl_b'"))
    assert await known.load("wsp_1") == ()
    await known.close()


@pytest.mark.parametrize("key", ["secret", "c2VjcmV0", "ключ"])
def test_a_wrong_key_is_told_without_showing_it(tmp_path: Path, key: str) -> None:
    with pytest.raises(VoiceKeyInvalid) as caught:
        load_cipher(tmp_path, key, "")
    assert key not in str(caught.value)
    assert "voices_key" in str(caught.value)
