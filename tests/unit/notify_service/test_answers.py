import asyncio
from datetime import timedelta

import pytest

from notify_service import answers, errors, messages
from notify_service.bell import Bell


async def test_an_answer_carries_who_what_and_about_what(run, add, make, now):
    await add(make(7))
    answer = await run(answers.submit, "qst_7", "approve", "но завтра", "anna", now)
    assert answer.answer_id.startswith("ans_")
    assert (answer.question_id, answer.subject_id, answer.value, answer.text) == (
        "qst_7",
        "prp_7",
        "approve",
        "но завтра",
    )
    assert (answer.channel, answer.account, answer.answered_at, answer.sequence) == ("inbox", "anna", now, 1)
    assert await run(answers.answer_to, "qst_7") == answer


@pytest.mark.parametrize(
    ("question", "value", "account", "error"),
    [
        ("qst_none", "approve", "anna", errors.QuestionNotFound),
        ("qst_1", "approve", "пётр", errors.NotAsked),
        ("qst_1", "approve", "Anna", errors.NotAsked),
        ("qst_1", "Одобрить", "anna", errors.ValueUnknown),
        ("qst_1", "", "anna", errors.ValueUnknown),
    ],
)
async def test_refused_answers_leave_the_question_open(run, add, make, now, question, value, account, error):
    await add(make())
    with pytest.raises(error):
        await run(answers.submit, question, value, "", account, now)
    assert await run(answers.answer_to, "qst_1") is None
    assert (await run(answers.submit, "qst_1", "approve", "", "anna", now)).value == "approve"


async def test_a_second_answer_is_refused_and_told_the_first(run, add, make, now):
    await add(make())
    await run(answers.submit, "qst_1", "approve", "", "anna", now)
    with pytest.raises(errors.AlreadyAnswered) as raised:
        await run(answers.submit, "qst_1", "reject", "", "anna", now)
    assert raised.value.metadata == {"value": "approve"}


async def test_the_deadline_is_the_first_moment_that_is_too_late(run, add, make, now):
    await add(make(1, deadline=now))
    await add(make(2, deadline=now))
    await run(answers.submit, "qst_1", "approve", "", "anna", now - timedelta(microseconds=1))
    with pytest.raises(errors.QuestionExpired) as raised:
        await run(answers.submit, "qst_2", "approve", "", "anna", now)
    assert raised.value.metadata == {"deadline": "2026-11-22T12:00:00+00:00"}


async def test_a_closed_question_takes_no_answer(run, add, make, now):
    message = await add(make())
    await run(messages.replace, message.message_id, message.content, now, close_question=True)
    with pytest.raises(errors.QuestionClosed):
        await run(answers.submit, "qst_1", "approve", "", "anna", now)


async def test_watching_replays_goes_on_and_ends(database, run, add, make, now):
    bell, seen = Bell(), []
    for number in (1, 2, 3):
        await add(make(number))
    await run(answers.submit, "qst_1", "approve", "", "anna", now)

    async def collect(cursor: str) -> None:
        async for answer in answers.watch(database, bell, cursor):
            seen.append(answer)  # noqa: PERF401  (others look on while it grows)

    first = asyncio.create_task(collect(""))
    while not seen:
        await asyncio.sleep(0.001)
    await run(answers.submit, "qst_2", "reject", "", "anna", now)
    bell.ring()
    while len(seen) < 2:
        await asyncio.sleep(0.001)
    first.cancel()
    await run(answers.submit, "qst_3", "reject", "", "anna", now)
    again = asyncio.create_task(collect(answers.cursor_of(seen[1])))
    while len(seen) < 3:
        await asyncio.sleep(0.001)
    bell.close()
    with pytest.raises(errors.Stopping):
        await again
    assert [answer.question_id for answer in seen] == ["qst_1", "qst_2", "qst_3"]


@pytest.mark.parametrize("cursor", ["!", "я", "YW5zd2Vycw", "YW5zd2VycyAx", "aW5ib3ggMA"])
async def test_foreign_cursors_and_those_of_lost_state_are_refused(database, cursor):
    with pytest.raises(errors.CursorInvalid):
        await anext(answers.watch(database, Bell(), cursor))
