import asyncio
import sqlite3

import pytest
from planerka.board.v1 import board_pb2 as pb

from mesh.database import Database, IdempotencyKeyReused, fingerprint, once
from mesh.errors import Internal, NotReady


@pytest.fixture
def schema(tmp_path):
    path = tmp_path / "schema.sql"
    path.write_text("CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY);\n", encoding="utf-8")
    return path


@pytest.fixture
async def database(tmp_path, schema):
    database = Database(tmp_path / "deep" / "folder" / "x.sqlite3", schema)
    await database.open()
    yield database
    await database.close()


def names(connection: sqlite3.Connection) -> list[str]:
    return [row["name"] for row in connection.execute("SELECT name FROM things ORDER BY name")]


def put(name: str):
    return lambda connection: connection.execute("INSERT INTO things VALUES (?)", (name,)).rowcount


async def test_work_that_returns_is_kept_and_work_that_raises_is_not(database):
    assert await database.run(put("a")) == 1

    def fail(connection):
        put("b")(connection)
        raise ValueError("changed my mind")

    with pytest.raises(ValueError, match="changed my mind"):
        await database.run(fail)
    with pytest.raises(sqlite3.IntegrityError):
        await database.run(put("a"))
    assert await database.run(names) == ["a"]


async def test_what_is_kept_is_there_after_opening_again(database):
    await database.run(put("a"))
    await database.close()
    with pytest.raises(Internal, match="not open"):
        await database.run(names)
    await database.open()
    assert await database.run(names) == ["a"]


async def test_a_full_disk_is_not_ready_and_everything_works_when_there_is_room(database):
    def limit(connection):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    await asyncio.get_running_loop().run_in_executor(database._thread, limit, database._connection)
    with pytest.raises(NotReady) as raised:
        await database.run(lambda connection: [put(f"{n:0>500}")(connection) for n in range(1000)])
    assert raised.value.reason == "DATABASE_UNUSABLE"
    assert await database.run(names) == []
    await asyncio.get_running_loop().run_in_executor(
        database._thread, database._connection.execute, "PRAGMA max_page_count = 100000"
    )
    await database.run(put("a"))
    assert await database.run(names) == ["a"]


async def test_a_lock_of_another_process_is_not_ready(database):
    await asyncio.get_running_loop().run_in_executor(
        database._thread, database._connection.execute, "PRAGMA busy_timeout = 10"
    )
    other = sqlite3.connect(database._path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotReady, match="locked"):
        await database.run(put("a"))
    other.execute("ROLLBACK")
    other.close()
    assert await database.run(put("a")) == 1


async def test_a_failed_commit_leaves_nothing_behind(tmp_path):
    schema = tmp_path / "schema.sql"
    schema.write_text(
        "CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY);"
        "CREATE TABLE IF NOT EXISTS parts (name TEXT REFERENCES things (name) DEFERRABLE INITIALLY DEFERRED);",
        encoding="utf-8",
    )
    database = Database(tmp_path / "x.sqlite3", schema)
    await database.open()
    with pytest.raises(sqlite3.IntegrityError):
        await database.run(lambda connection: connection.execute("INSERT INTO parts VALUES ('nobody')").rowcount)
    await database.run(put("a"))
    assert await database.run(names) == ["a"]
    await database.close()


async def test_the_check_notices_that_the_file_is_gone(database):
    await database.check()
    database._path.unlink()
    with pytest.raises(NotReady, match="gone"):
        await database.check()


@pytest.mark.parametrize(
    "make", [lambda path: path.write_bytes(b"no database at all, but long enough" * 40), lambda path: path.mkdir()]
)
async def test_a_file_that_is_no_database_is_named(tmp_path, schema, make):
    path = tmp_path / "x.sqlite3"
    make(path)
    with pytest.raises(Internal, match=r"x\.sqlite3") as raised:
        await Database(path, schema).open()
    assert raised.value.reason == "DATABASE_UNUSABLE"


def answer_of(
    connection, request: pb.GetCardRequest, key: str, log: list[str], method: str = "Do"
) -> pb.GetCardResponse:
    def work() -> pb.GetCardResponse:
        log.append(request.card_id)
        put(request.card_id)(connection)
        response = pb.GetCardResponse()
        response.card.title = f"answer {len(log)}"
        return response

    return once(connection, method, key, request, pb.GetCardResponse, work)


async def test_the_same_key_and_request_hear_the_first_answer(database):
    log: list[str] = []
    request = pb.GetCardRequest(card_id="a")
    first = await database.run(lambda c: answer_of(c, request, "k", log))
    again = await database.run(lambda c: answer_of(c, request, "k", log))
    assert first == again
    assert log == ["a"]


async def test_the_same_key_with_another_request_is_refused_and_changes_nothing(database):
    log: list[str] = []
    await database.run(lambda c: answer_of(c, pb.GetCardRequest(card_id="a"), "k", log))
    with pytest.raises(IdempotencyKeyReused) as raised:
        await database.run(lambda c: answer_of(c, pb.GetCardRequest(card_id="b"), "k", log))
    assert (raised.value.reason, raised.value.resource) == ("IDEMPOTENCY_KEY_REUSED", ("idempotency_key", "k"))
    assert await database.run(names) == ["a"]


async def test_keys_of_different_methods_do_not_meet(database):
    log: list[str] = []
    await database.run(lambda c: answer_of(c, pb.GetCardRequest(card_id="a"), "k", log, "Do"))
    await database.run(lambda c: answer_of(c, pb.GetCardRequest(card_id="b"), "k", log, "Undo"))
    assert log == ["a", "b"]


async def test_work_that_fails_does_not_use_up_its_key(database):
    log: list[str] = []
    await database.run(put("a"))
    with pytest.raises(sqlite3.IntegrityError):
        await database.run(lambda c: answer_of(c, pb.GetCardRequest(card_id="a"), "k", log))
    await database.run(lambda c: c.execute("DELETE FROM things").rowcount)
    assert (
        await database.run(lambda c: answer_of(c, pb.GetCardRequest(card_id="a"), "k", log))
    ).card.title == "answer 2"


async def test_at_the_same_time_the_work_is_done_once(database):
    log: list[str] = []
    request = pb.GetCardRequest(card_id="a")
    answers = await asyncio.gather(*(database.run(lambda c: answer_of(c, request, "k", log)) for _ in range(100)))
    assert (len(log), len({answer.card.title for answer in answers})) == (1, 1)


def test_fingerprints_tell_requests_apart():
    assert fingerprint(pb.GetCardRequest(card_id="a")) == fingerprint(pb.GetCardRequest(card_id="a"))
    assert fingerprint(pb.GetCardRequest(card_id="a")) != fingerprint(pb.GetCardRequest(card_id="b"))
