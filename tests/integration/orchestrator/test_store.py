"""The tables: what a call that was given up leaves behind."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from orchestrator.broadcast import Broadcast
from orchestrator.store import Store


@pytest.fixture
async def store(tmp_path):
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/tables.sqlite", Broadcast())
    await store.open()
    yield store
    await store.close()


async def test_a_call_given_up_among_its_rows_gives_the_lock_back_at_once(store):
    kept = []

    async def be_given_up():
        async with store.write() as session:
            connection = await session.connection()
            driver = (await connection.get_raw_connection()).driver_connection
            # A traceback holds the cursor in the same way until the next garbage collection.
            kept.append(await driver.execute("SELECT name FROM sqlite_master"))
            await connection.invalidate()
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await be_given_up()
    async with asyncio.timeout(5), store.write() as session:
        await session.execute(text("DELETE FROM meetings"))
    assert kept
