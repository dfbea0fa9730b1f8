"""Words of a live stream, followed back to when they were first there."""

from __future__ import annotations

import pytest

from evaluation.latency import Hearing, Latencies, LiveWord, SendClock, measure_latencies, median, percentile


def clock(seconds: float = 20.0, begun: float = 100.0) -> SendClock:
    """Audio sent in chunks of 100 ms in real time, from moment `begun` on."""
    made = SendClock()
    for number in range(1, round(seconds * 10) + 1):
        made.sent(number / 10, begun + number / 10)
    return made


def words(text: str, begin: float = 0.0, length: float = 0.5) -> tuple[LiveWord, ...]:
    return tuple(
        LiveWord(word, begin + number * length, begin + (number + 1) * length)
        for number, word in enumerate(text.split())
    )


def heard(
    at: float, text: str, stable: int = 0, turn: str = "t1", begin: float = 0.0, *, final: bool = False
) -> Hearing:
    said = words(text, begin)
    return Hearing(100 + at, turn, said, len(said) if final else stable, final)


def near(*values: float) -> object:
    return pytest.approx(list(values))


def test_a_word_is_provisional_then_stable_then_final() -> None:
    found = measure_latencies(
        [
            heard(1.0, "Добрый"),
            heard(1.5, "добрый вечер", 1),
            heard(2.0, "Добрый, вечер.", 2),
            heard(3.0, "Добрый вечер.", final=True),
        ],
        clock(),
    )
    assert list(found.provisional) == near(0.5, 0.5)
    assert list(found.stable) == near(1.0, 1.0)
    assert list(found.final) == near(2.5, 2.0)
    assert (found.announced, found.changed, found.unstable) == (2, 0, 0.0)


def test_a_stable_word_that_changes_is_counted_and_its_time_begins_anew() -> None:
    found = measure_latencies(
        [heard(1.0, "кот ест", 1), heard(1.5, "код ест", 1), heard(2.0, "код есть", final=True)], clock()
    )
    assert (found.announced, found.changed) == (2, 1)
    assert list(found.stable) == near(1.0, 1.0)
    assert list(found.provisional) == near(1.0, 1.0)

    back = measure_latencies(
        [heard(1.0, "мы код ест", 2), heard(1.5, "мы кот ест", 2), heard(2.5, "мы код ест", final=True)], clock()
    )
    assert (back.announced, back.changed) == (3, 2)
    assert list(back.provisional) == near(0.5, 0.0, -0.5)
    assert list(back.stable) == near(0.5, 1.5, 1.0)


def test_a_turn_that_is_split_and_numbered_anew_loses_nothing() -> None:
    found = measure_latencies(
        [
            heard(1.5, "раз два три", 2),
            heard(2.5, "раз два", turn="t1", final=True),
            heard(2.6, "три четыре", 1, turn="t2", begin=1.1),
            heard(3.0, "три четыре", turn="t7", begin=1.1, final=True),
        ],
        clock(),
    )
    assert list(found.provisional) == near(1.0, 0.5, -0.1, 0.5)
    assert list(found.stable) == near(1.0, 0.5, 1.0, 0.9)
    assert found.changed == 0


def test_equal_words_are_told_apart_by_their_time() -> None:
    found = measure_latencies([heard(0.8, "да"), heard(1.4, "да да", 1), heard(2.0, "да да да", final=True)], clock())
    assert list(found.provisional) == near(0.3, 0.4, 0.5)
    assert list(found.stable) == near(0.9, 1.0, 0.5)


def test_another_voice_at_the_same_time_takes_nothing_away() -> None:
    found = measure_latencies(
        [
            heard(2.0, "раз два три", 3, turn="a"),
            heard(2.2, "угу ага", 1, turn="b", begin=0.4),
            heard(3.0, "раз два три", turn="a", final=True),
            heard(3.2, "угу ага", turn="b", begin=0.4, final=True),
        ],
        clock(),
    )
    assert found.changed == 0
    assert len(found.stable) == 5


def test_a_turn_that_was_taken_back_was_a_mistake() -> None:
    found = measure_latencies([heard(1.0, "спасибо за просмотр", 3), Hearing(102.0, "t1", (), 0, True)], clock())
    assert found.final == ()
    assert (found.announced, found.changed, found.unstable) == (3, 3, 1.0)


def test_punctuation_alone_is_no_word_and_shifts_no_prefix() -> None:
    found = measure_latencies([heard(2.0, "раз — два", 2), heard(3.0, "раз — два", final=True)], clock())
    assert len(found.final) == 2
    assert list(found.stable) == near(1.5, 1.5)


def test_the_clock_knows_the_chunk_of_a_sample() -> None:
    made = clock(1.0)
    assert made.moment(0.0) == pytest.approx(100.1)
    assert made.moment(0.25) == pytest.approx(100.3)
    assert made.moment(99.0) == pytest.approx(101.0)
    with pytest.raises(ValueError, match="No audio"):
        SendClock().moment(0.0)


def test_nothing_heard_has_no_figures() -> None:
    found = measure_latencies([], SendClock()) + Latencies()
    assert (found.unstable, median(found.final), percentile(found.stable, 95)) == (None, None, None)
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0
