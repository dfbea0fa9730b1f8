"""Ways to sum a talk up, and which of them fits: by the length of the talk, the model's window, and how fast the machine is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from llm_service.errors import NoLanguageModel
from llm_service.generation import ChatModel, Usage

__all__ = ["Choice", "Pace", "Size", "Strategy", "choose"]

_ANSWER_WEIGHT: Final = 8
"""How many tokens of a prompt are read in the time in which one is written."""
_EMBEDDED_PER_THREAD: Final = 40.0
"""Tokens of prompts that one thread of a CPU reads in a second, until calls were measured (1.5B parameters, four bits)."""
_ELSEWHERE: Final = 2000.0
"""The same for an endpoint, which is taken to have an accelerator until calls were measured."""
_MEMORY: Final = 0.8
"""Share of what is known about the speed that one more call leaves in place."""
_WIDE_WINDOW: Final = 16_000
"""Tokens of a window from which on a model is trusted with a whole talk at once."""
_STUFF_TOKENS: Final = 6000
"""Tokens of talk above which details in the middle get lost in one prompt, whatever the window."""


class Strategy(StrEnum):
    """Ways to sum up; the contract says what each does."""

    AUTO = "auto"
    STUFF = "stuff"
    MAP_REDUCE = "map_reduce"
    REFINE = "refine"
    BY_TOPIC = "by_topic"
    BY_SPEAKER = "by_speaker"
    EXTRACTIVE = "extractive"


@dataclass(frozen=True)
class Choice:
    """A strategy, and why."""

    strategy: Strategy
    reason: str


@dataclass(frozen=True)
class Size:
    """How long a talk is, and what its strategies would ask of the model."""

    tokens: int
    """Tokens of all that was said."""
    topics: int
    """Topics, each of which is one call of BY_TOPIC."""
    stretches: int
    """Stretches, each of which is one call of MAP_REDUCE."""
    frame_tokens: int
    """Tokens of a prompt beside the talk."""
    answer_tokens: int
    """Tokens that the answer of one call may have."""


class Pace:
    """How fast a model works on this machine; begins with a guess by hardware, and learns from every call.

    Args:
        embedded: Whether the model runs in this process, on the CPU.
        threads: Threads that it has there.
    """

    def __init__(self, *, embedded: bool, threads: int) -> None:
        self._per_second = _EMBEDDED_PER_THREAD * threads if embedded else _ELSEWHERE
        self.measured = False

    def learn(self, usage: Usage) -> None:
        """Take the cost of calls into account."""
        units = usage.prompt_tokens + _ANSWER_WEIGHT * usage.completion_tokens
        if usage.seconds <= 0 or not units:
            return
        now = units / usage.seconds
        self._per_second = _MEMORY * self._per_second + (1 - _MEMORY) * now if self.measured else now
        self.measured = True

    def seconds(self, size: Size, calls: int, at_once: int) -> float:
        """Return how long so many calls over the whole talk will take.

        The frame of the prompt is the same in each call, so it is read once; answers are half as long as they may be.
        """
        answers = calls * size.answer_tokens / 2
        alone = (size.tokens + size.frame_tokens + _ANSWER_WEIGHT * answers) / self._per_second
        return alone / max(1, min(at_once, calls))


def choose(asked: Strategy, size: Size, model: ChatModel | None, pace: Pace, patience: float) -> Choice:
    """Return the strategy that is used.

    Args:
        asked: What was asked for, by the request or its template.
        size: Length of the talk.
        model: The language model; None where there is none.
        pace: How fast it works.
        patience: Seconds that AUTO may plan for.

    Raises:
        NoLanguageModel: The asked strategy needs a model, and the settings name none.
    """
    if asked is Strategy.EXTRACTIVE:
        return Choice(asked, "asked for")
    if asked is not Strategy.AUTO:
        if model is None:
            raise NoLanguageModel(
                "No language model is set, so only the strategy EXTRACTIVE works. "
                "Set provider in section [llm] of the settings."
            )
        return Choice(asked, "asked for")
    if model is None:
        return Choice(Strategy.EXTRACTIVE, "no language model is set")
    if not size.tokens:
        return Choice(Strategy.EXTRACTIVE, "nothing was said")
    window = f"the window of {model.context_tokens} tokens of {model.name}"
    if model.context_tokens >= _WIDE_WINDOW and size.tokens <= min(_STUFF_TOKENS, model.context_tokens // 2):
        return Choice(Strategy.STUFF, f"the whole talk of {size.tokens} tokens fits {window} with room to spare")
    speed = "as measured" if pace.measured else "as guessed from the hardware"
    by_topic = pace.seconds(size, size.topics, model.parallel)
    if by_topic <= patience:
        return Choice(
            Strategy.BY_TOPIC,
            f"{size.tokens} tokens in {size.topics} topics, one call each, as {window} wants; "
            f"about {by_topic:.0f} s {speed}, and {patience:.0f} s are allowed",
        )
    stretches = pace.seconds(size, size.stretches, model.parallel)
    if stretches <= patience:
        return Choice(
            Strategy.MAP_REDUCE,
            f"{size.tokens} tokens in {size.stretches} stretches, about {stretches:.0f} s {speed}; "
            f"topic by topic would take {by_topic:.0f} s, and {patience:.0f} s are allowed",
        )
    return Choice(
        Strategy.EXTRACTIVE,
        f"{size.tokens} tokens would take {model.name} about {stretches:.0f} s {speed}, and {patience:.0f} s are allowed",
    )
