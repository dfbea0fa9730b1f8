"""Answers of a known shape from any provider: the ladder of modes, the canary, repair, the window, and what was cut.

A provider is asked in the best mode that its canary proved. Whatever the mode, the answer is checked here, and an answer out of shape is
asked for once more; so a provider that enforces nothing is only less reliable, never trusted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from json_repair import repair_json
from pydantic import ValidationError
from pydantic_core import from_json

from llm_service.backend import Backend, Completion, Mode, Request
from llm_service.canary import Canary, Marker
from llm_service.errors import ContextCut, ModelOutputInvalid, PromptTooLong, ProviderFailed, ProviderTooSlow
from llm_service.generation import Answer, Listener, Message, Reply, Usage, flat_schema
from llm_service.patience import Patience
from llm_service.perimeter import may_leave
from mesh.logs import get_logger

__all__ = ["StructuredModel"]

Shape = TypeVar("Shape", bound=Answer)

_CANARY_TOKENS: Final = 60
_MARKER_TOKENS: Final = 24
_FRAME_TOKENS: Final = 16
"""Tokens that a chat template adds around one message, at most."""
_MOST_LETTERS_PER_TOKEN: Final = 8
"""No common tokenizer packs running Russian or English text tighter."""
_UNSURE_LETTERS: Final = 2000
"""Shorter prompts are never cut, and their tokens vary too much to tell."""
_DOUBTS: Final = 3
"""Answers out of shape in a row after which the canary is sent again."""
_DEFAULT_WINDOW: Final = 8192

_COMPLAINT: Final = (
    "Your answer was not accepted: {problem}. Answer again with one JSON object of the required shape and nothing else."
)
_TOLD: Final = "Answer with exactly one JSON object and nothing else: no prose, no code fence. It must fit this JSON schema: {schema}"


class _OutOfShape(Exception):
    """An answer that cannot be used, and what was wrong with it."""


class StructuredModel:
    """A `ChatModel` over one backend.

    Args:
        backend: Speaks the provider's protocol.
        patience: Repeats and rests.
        seconds: Deadline of one generation with its repetitions, waiting for other calls not counted.
        parallel: Generations at once; further ones wait in order.
        window: Tokens of the window by the settings; 0 to take what the server tells.
        probes: Whether to find out by a long prompt whether the server cuts, where it does not tell its window.
    """

    def __init__(
        self, backend: Backend, patience: Patience, seconds: float, parallel: int, window: int, *, probes: bool = False
    ) -> None:
        self._backend = backend
        self._patience = patience
        self._seconds = seconds
        self._window = window
        self._probes = probes
        self.parallel = parallel
        # A semaphore of asyncio is first come, first served.
        self._turn = asyncio.Semaphore(parallel)
        self._preparing = asyncio.Lock()
        self._detected: int | None = None
        self._mode: Mode | None = None
        self._enforced = False
        self._doubts = 0
        self._log = get_logger(__name__)

    @property
    def name(self) -> str:
        """Name that the provider knows."""
        return self._backend.model

    @property
    def provider(self) -> str:
        """Kind of the provider."""
        return self._backend.kind

    @property
    def host(self) -> str:
        """Host that texts go to; empty where they stay in this process."""
        return self._backend.host

    @property
    def context_tokens(self) -> int:
        """The smaller of what the settings say and what the server told."""
        return min((size for size in (self._window, self._detected) if size), default=_DEFAULT_WINDOW)

    @property
    def context_detected(self) -> bool:
        """Whether the server told its window, or a probe found it."""
        return self._detected is not None

    @property
    def structured_output(self) -> bool:
        """Whether the canary passed."""
        return self._enforced

    @property
    def mode(self) -> Mode | None:
        """The mode in use; None before the canary."""
        return self._mode

    async def resting(self) -> bool:
        """Tell whether calls are held back after failures."""
        return await self._patience.resting()

    async def open(self) -> None:
        """Load the model, find window and mode; a provider that is down is asked again before its first call.

        Raises:
            ModelNotLoaded: The model is missing or cannot be loaded.
        """
        await self._backend.open()
        try:
            await self.prepare()
        except (ProviderFailed, ProviderTooSlow) as error:
            self._log.warning("provider does not answer", provider=self.provider, model=self.name, reason=error.reason)

    async def check(self) -> None:
        """Raise `ProviderFailed` where the service cannot work on without the provider."""
        await self._backend.check()

    async def close(self) -> None:
        """Close all connections."""
        await self._backend.close()

    async def prepare(self) -> None:
        """Find window and mode where they are not known yet.

        Raises:
            ProviderFailed, ProviderTooSlow: The provider does not answer.
        """
        # Neither canary nor probe holds anything private.
        async with self._preparing:
            if self._mode is None:
                with may_leave(True):
                    await self._prepare()

    async def _prepare(self) -> None:
        self._detected = await self._backend.window()
        for mode in self._backend.modes:
            self._enforced = mode is not Mode.PROMPT and await self._enforces(mode)
            if self._enforced or mode is Mode.PROMPT:
                break
        if self._detected is None and self._probes:
            await self._probe()
        self._mode = mode
        self._log.info(
            "provider is ready",
            provider=self.provider,
            model=self.name,
            mode=mode.value,
            structured_output=self._enforced,
            context_tokens=self.context_tokens,
        )

    async def count_tokens(self, text: str) -> int:
        """Return the tokens of a text by the model's tokenizer where the provider tells, else an upper estimate."""
        counted = await self._backend.count(text)
        # Two letters a token: no common tokenizer needs more tokens for Russian text.
        return len(text) // 2 + 1 if counted is None else counted

    async def chat(
        self, messages: Sequence[Message], shape: type[Shape], max_tokens: int, listener: Listener | None = None
    ) -> Reply[Shape]:
        """Return an answer of `shape`; see `ChatModel.chat`.

        Raises:
            PromptTooLong: Prompt and answer do not fit the window.
            ContextCut: The provider read far less than it was sent.
        """
        await self.prepare()
        schema = flat_schema(shape)
        talk = list(messages)
        total = Usage()
        problem = ""
        for attempt in range(2):
            done = await self._ask(talk, shape.__name__, schema, max_tokens, listener)
            total += done.usage if attempt == 0 else done.usage + Usage(retries=1)
            try:
                value = _parse(done.content, done.finish_reason, shape)
            except _OutOfShape as error:
                problem = str(error)
                self._log.warning(
                    "answer out of shape", task=shape.__name__, attempt=attempt + 1, finish_reason=done.finish_reason
                )
                talk = [
                    *messages,
                    Message("assistant", done.content),
                    Message("user", _COMPLAINT.format(problem=problem)),
                ]
            else:
                self._doubts = 0
                return Reply(value, total)
        self._doubt()
        invalid = ModelOutputInvalid(
            f"The model {self.name} twice answered out of shape ({shape.__name__}): {problem}. "
            "Choose a larger model, or an endpoint that keeps to JSON schemas, in section [llm] of the settings."
        )
        invalid.usage = total
        raise invalid

    async def _ask(
        self,
        messages: Sequence[Message],
        name: str,
        schema: dict[str, object],
        max_tokens: int,
        listener: Listener | None,
    ) -> Completion:
        mode = self._mode or Mode.PROMPT
        told = _with_schema(messages, schema) if mode is Mode.PROMPT else messages
        await self._require_room(told, max_tokens)
        done = await self._complete(Request(told, max_tokens, mode, name, schema, self._seconds), listener)
        letters = sum(len(message.content) for message in told)
        read = done.usage.prompt_tokens
        if letters >= _UNSURE_LETTERS and 0 < read < letters / _MOST_LETTERS_PER_TOKEN:
            raise ContextCut(
                f"The provider {self.provider} read {read} tokens of a prompt of {letters} letters, so it cut the prompt in silence. "
                f"Give the model {self.name} a larger window there (Ollama: OLLAMA_CONTEXT_LENGTH), or lower context_tokens here."
            )
        return done

    async def _require_room(self, messages: Sequence[Message], max_tokens: int) -> None:
        frame = _FRAME_TOKENS * (len(messages) + 1)
        letters = sum(len(message.content) for message in messages)
        room = self.context_tokens - max_tokens - frame
        # The tokenizer is asked only where the estimate leaves a doubt.
        if letters // 2 + 1 <= room:
            return
        needed = await self.count_tokens("\n".join(message.content for message in messages))
        if needed > room:
            raise PromptTooLong(
                f"Prompt ({needed} tokens) and answer ({max_tokens}) do not fit the {self.context_tokens} tokens of {self.name}. "
                "Lower topic_tokens or answer_tokens in section [llm], or choose a model with a larger window.",
                metadata={"needed": str(needed + max_tokens), "window": str(self.context_tokens)},
            )

    async def _complete(self, request: Request, listener: Listener | None = None) -> Completion:
        async def once() -> Completion:
            heard = None if listener is None else _ear(listener)
            return await self._backend.complete(replace(request, heard=heard))

        async with self._turn:
            return await self._patience.run(once, request.seconds)

    async def _enforces(self, mode: Mode) -> bool:
        """Send the canary; a provider that refuses the parameter does not enforce."""
        canary = Canary()
        try:
            done = await self._complete(
                Request(canary.messages, _CANARY_TOKENS, mode, "canary", canary.schema, self._seconds)
            )
        except ProviderFailed as error:
            if not error.unsupported:
                raise
            return False
        return canary.passed(done.content, done.finish_reason)

    async def _probe(self) -> None:
        """Send a prompt as long as the window, and believe the provider's own count where that is smaller."""
        marker = Marker(self.context_tokens - _MARKER_TOKENS - 2 * _FRAME_TOKENS)
        request = Request(marker.messages, _MARKER_TOKENS, Mode.PROMPT, "marker", {}, self._seconds)
        try:
            done = await self._complete(request)
        except ProviderFailed as error:
            # A server that refuses what is too long cuts nothing.
            self._log.info("long prompt refused", provider=self.provider, reason=error.reason)
            return
        read = done.usage.prompt_tokens
        if marker.was_cut(done.content, read):
            self._detected = max(read, 1)
            self._log.warning("the server cuts long prompts", provider=self.provider, context_tokens=self._detected)

    def _doubt(self) -> None:
        self._doubts += 1
        if self._doubts >= _DOUBTS:
            # The server may have been updated or replaced since the canary.
            self._doubts, self._mode = 0, None


def _ear(listener: Listener) -> Callable[[str], None]:
    """Return what hears the pieces of one try, and tells the listener how far the object has come."""
    listener.begin()
    written = ""

    def hear(piece: str) -> None:
        nonlocal written
        written += piece
        try:
            partial = from_json(written, allow_partial="trailing-strings")
        except ValueError:
            # Prose around the object; the whole answer is repaired when it is complete.
            return
        if isinstance(partial, dict):
            listener.hear(partial)

    return hear


def _with_schema(messages: Sequence[Message], schema: dict[str, object]) -> list[Message]:
    # In the last message, for some chat templates refuse two of one role in a row.
    last = messages[-1]
    return [*messages[:-1], Message(last.role, f"{last.content}\n\n{_TOLD.format(schema=_dumped(schema))}")]


def _dumped(schema: dict[str, object]) -> str:
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


def _parse(content: str, finish_reason: str | None, shape: type[Shape]) -> Shape:
    if finish_reason != "stop":
        raise _OutOfShape(f"it ended with {finish_reason!r} before it was complete")
    try:
        return shape.model_validate_json(content)
    except ValidationError:
        repaired = repair_json(content)
    try:
        return shape.model_validate_json(str(repaired))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'answer'}: {e['msg']}" for e in error.errors()[:3])
        raise _OutOfShape(wrong) from error
