"""All language models of the settings as one: who may work for a workspace, in which order, on which form of its texts, at what cost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from llm_service.adapters import make_model
from llm_service.errors import (
    BudgetSpent,
    ModelOutputInvalid,
    PromptTooLong,
    ProviderFailed,
    ProviderTooSlow,
    ProviderUnknown,
)
from llm_service.generation import Answer, Listener, Message, Reply, Usage
from llm_service.leaks import without_instructions
from llm_service.ledger import Entry, Ledger, Took
from llm_service.perimeter import Call, Perimeter, Reach, call, may_leave, refused
from llm_service.redaction import Redactor, StreamRestorer
from llm_service.settings import DEFAULT, LlmSettings, ProviderSettings
from llm_service.structured import StructuredModel
from mesh.errors import PlanerkaError
from mesh.logs import get_logger
from textkit.lemmas import detect_language

__all__ = ["Providers", "State"]

Shape = TypeVar("Shape", bound=Answer)

_GREETING_SECONDS: Final = 30.0
_DAY_SECONDS: Final = 24 * 3600.0
_NOTES: Final = {
    "ru": "Вместо имён, телефонов и секретов в тексте стоят метки, например [NAME_1]. Переписывай метки буква в букву, со скобками; "
    "[NAME_1.2] - тот же человек в другом падеже.",
    "en": "Names, phones and secrets in the text are replaced by labels such as [NAME_1]. Copy labels letter by letter, with their "
    "brackets; [NAME_1.2] is the same person in another form.",
}


@dataclass(frozen=True)
class State:
    """One provider as people see it."""

    name: str
    kind: str
    model: str
    inside: bool
    context_tokens: int
    context_detected: bool
    mode: str
    enforced: bool
    resting: bool


class Providers:
    """A `ChatModel` that chooses for each call.

    Args:
        settings: The providers, their order, and the limits.
        ledger: Where calls are recorded.
        models: The models by name; made from the settings where it is None.
    """

    def __init__(
        self, settings: LlmSettings, ledger: Ledger, models: Mapping[str, StructuredModel] | None = None
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._reach = Reach(settings.inside)
        self._described = settings.all_providers()
        self._models = dict(
            models or {name: make_model(name, one, self._reach) for name, one in self._described.items()}
        )
        # Refreshed before each call; a provider counts as outside until its address is known.
        self._inside = {name: not model.host for name, model in self._models.items()}
        self._log = get_logger(__name__)

    @property
    def name(self) -> str:
        """Name of the model that worked for this call, or would work first."""
        return self._models[self._current()].name

    @property
    def provider(self) -> str:
        """Kind of the provider that worked for this call, or would work first."""
        return self._models[self._current()].provider

    @property
    def context_tokens(self) -> int:
        """Window of the model that works for this call."""
        return self._models[self._current()].context_tokens

    @property
    def parallel(self) -> int:
        """Calls that this model works on at once."""
        return self._models[self._current()].parallel

    @property
    def structured_output(self) -> bool:
        """Whether the canary saw that model keep to a schema."""
        return self._models[self._current()].structured_output

    async def open(self) -> None:
        """Load models, reach endpoints, and send the canaries.

        Raises:
            ModelNotLoaded: An embedded model is missing or cannot be loaded, or a file of the settings cannot be used.
        """
        for model in self._models.values():
            if not model.host:
                await model.open()
        await asyncio.gather(*(self._greet(name) for name, model in self._models.items() if model.host))

    async def _greet(self, name: str) -> None:
        # One that hangs is examined again before its first call; the service does not wait for it.
        try:
            await asyncio.wait_for(self._models[name].open(), _GREETING_SECONDS)
        except TimeoutError:
            self._log.warning("provider does not answer", provider=name, reason="PROVIDER_TOO_SLOW")
        await self._look(name)

    async def check(self) -> None:
        """Raise `ProviderFailed` while an embedded model does not answer."""
        for model in self._models.values():
            await model.check()

    async def close(self) -> None:
        """Give memory and connections back."""
        for model in self._models.values():
            await model.close()

    async def states(self) -> list[State]:
        """Return all providers, in the order in which they are asked."""
        states = []
        for name in self._order(""):
            model = self._models[name]
            await self._look(name)
            mode = model.mode.value if model.mode else ""
            states.append(
                State(
                    name,
                    model.provider,
                    model.name,
                    self._inside[name],
                    model.context_tokens,
                    model.context_detected,
                    mode,
                    model.structured_output,
                    await model.resting(),
                )
            )
        return states

    async def took(self, workspace_id: str, after_ms: int | None, before_ms: int | None) -> list[Took]:
        """Return what a workspace's calls took; see `Ledger.took`."""
        return await self._ledger.took(workspace_id, after_ms, before_ms)

    async def count_tokens(self, text: str) -> int:
        """Return the tokens of a text; an estimate where the model is outside, for a text must not leave to be counted."""
        name = self._current()
        if not self._inside[name]:
            return len(text) // 2 + 1
        return await self._models[name].count_tokens(text)

    async def chat(
        self, messages: Sequence[Message], shape: type[Shape], max_tokens: int, listener: Listener | None = None
    ) -> Reply[Shape]:
        """Ask the providers in their order until one answers; see `ChatModel.chat`.

        Raises:
            OutsideRefused: All providers are outside and the workspace's texts must stay inside; or the chosen one is.
            ProviderUnknown: The workspace chose a provider that does not exist.
            BudgetSpent: The workspace used up its tokens of the day.
            PromptTooLong, ModelOutputInvalid, ProviderFailed, ProviderTooSlow: Of the first provider that was asked.
        """
        who = call()
        perimeter = self._perimeter(who)
        order = self._order(who.provider)
        await self._require_budget(who)
        refusals: list[PlanerkaError] = []
        failures: list[PlanerkaError] = []
        for name in order:
            try:
                inside = await self._look(name)
                if not inside and perimeter is Perimeter.INSIDE:
                    refusal = refused(self._models[name].host)
                    if name == who.provider:
                        raise refusal
                    refusals.append(refusal)
                    continue
                redacts = not inside and perimeter is Perimeter.REDACTED
                return await self._ask(name, who, messages, shape, max_tokens, listener, redacts=redacts, inside=inside)
            except (PromptTooLong, ModelOutputInvalid, ProviderFailed, ProviderTooSlow) as error:
                failures.append(error)
                self._log.warning("provider did not answer", provider=name, reason=error.reason)
        raise (failures or refusals)[0]

    async def _ask(
        self,
        name: str,
        who: Call,
        messages: Sequence[Message],
        shape: type[Shape],
        max_tokens: int,
        listener: Listener | None,
        *,
        redacts: bool,
        inside: bool,
    ) -> Reply[Shape]:
        model = self._models[name]
        sent: Sequence[Message] = messages
        redactor: Redactor | None = None
        if redacts:
            redactor = who.redactor = who.redactor or Redactor(who.names)
            sent = await asyncio.to_thread(_masked, redactor, messages)
            listener = None if listener is None else _Restored(listener, redactor)
        outcome, usage = "CANCELLED", Usage()
        try:
            with may_leave(not inside):
                reply = await model.chat(sent, shape, max_tokens, listener)
            outcome, usage = "ok", reply.usage
        except PlanerkaError as error:
            outcome = error.reason
            usage = getattr(error, "usage", None) or usage
            raise
        finally:
            await self._record(name, who, outcome, usage, redacts=redacts)
        who.used = name
        return Reply(self._finished(reply.value, messages, redactor, shape), reply.usage)

    def _finished(
        self, value: Shape, messages: Sequence[Message], redactor: Redactor | None, shape: type[Shape]
    ) -> Shape:
        """Return an answer with what was masked put back, and without the instructions that a model was talked into telling."""
        content: Any = value.model_dump()
        restored = content if redactor is None else redactor.restore_all(content)
        kept = without_instructions(restored, messages)
        if kept != restored:
            self._log.warning("an answer repeated the instructions", task=shape.__name__)
        return value if kept == content else shape.model_validate(kept)

    async def _record(self, name: str, who: Call, outcome: str, usage: Usage, *, redacts: bool) -> None:
        described, model = self._described.get(name), self._models[name]
        prices = _prices(described)
        cost = usage.prompt_tokens * prices[0] + usage.completion_tokens * prices[1]
        await asyncio.shield(
            self._ledger.record(
                Entry(
                    who.workspace_id,
                    who.purpose,
                    name,
                    model.name,
                    model.mode.value if model.mode else "",
                    redacts,
                    outcome,
                    max(usage.calls, 1),
                    usage.prompt_tokens,
                    usage.completion_tokens,
                    round(usage.seconds * 1000),
                    round(cost),
                    described.currency if described and any(prices) else "",
                )
            )
        )

    async def _look(self, name: str) -> bool:
        host = self._models[name].host
        if host:
            try:
                self._inside[name] = await self._reach.is_inside(host)
            except ProviderFailed:
                # What cannot be resolved cannot be called either; until then it counts as outside.
                self._inside[name] = False
        return self._inside[name]

    async def _require_budget(self, who: Call) -> None:
        limit = self._settings.daily_tokens
        if limit and await self._ledger.tokens_since(who.workspace_id, _DAY_SECONDS) >= limit:
            raise BudgetSpent(
                f"This workspace used up its {limit} tokens of language models within 24 hours. "
                "Wait, or raise daily_tokens in section [llm] of the settings.",
                metadata={"dailyTokens": str(limit)},
            )

    def _perimeter(self, who: Call) -> Perimeter:
        chosen = who.perimeter or Perimeter[self._settings.perimeter.upper()]
        return min(chosen, Perimeter[self._settings.widest_perimeter.upper()])

    def _order(self, chosen: str) -> list[str]:
        if chosen and chosen not in self._models:
            known = ", ".join(self._models)
            raise ProviderUnknown(
                f"The workspace chose the provider {chosen!r}, which section [llm] of the settings does not name; there are: {known}. "
                "Choose one with `planerka workspace set --provider NAME`.",
                metadata={"provider": chosen},
            )
        # Without an order in the settings only the first one works: nobody said that another may replace it.
        usual = [DEFAULT] if DEFAULT in self._models else list(self._models)[:1]
        return list(
            dict.fromkeys([*([chosen] if chosen else []), *usual[: 0 if chosen else None], *self._settings.fallbacks])
        )

    def _current(self) -> str:
        who = call()
        if who.used:
            return who.used
        order = self._order(who.provider)
        if self._perimeter(who) is Perimeter.INSIDE:
            return next((name for name in order if self._inside[name]), order[0])
        return order[0]


class _Restored:
    """Puts what was masked back into an answer while it is written."""

    def __init__(self, listener: Listener, redactor: Redactor) -> None:
        self._listener = listener
        self._redactor = redactor
        self._texts: dict[str, tuple[StreamRestorer, str, str]] = {}

    def begin(self) -> None:
        self._texts.clear()
        self._listener.begin()

    def hear(self, partial: Mapping[str, Any]) -> None:
        told = {key: self._text(key, value) if isinstance(value, str) else value for key, value in partial.items()}
        self._listener.hear(told)

    def _text(self, key: str, written: str) -> str:
        restorer, read, shown = self._texts.get(key) or (StreamRestorer(self._redactor), "", "")
        shown += restorer.feed(written[len(read) :])
        self._texts[key] = (restorer, written, shown)
        return shown


def _prices(described: ProviderSettings | None) -> tuple[float, float]:
    # A price of a million tokens in a currency is the price of one token in millionths of it.
    return (described.prompt_price, described.completion_price) if described else (0.0, 0.0)


def _masked(redactor: Redactor, messages: Sequence[Message]) -> list[Message]:
    masked = [Message(message.role, redactor.mask(message.content)) for message in messages]
    note = _NOTES["ru" if detect_language(messages[-1].content) in ("ru", "mixed") else "en"]
    if masked[0].role == "system":
        return [Message("system", f"{masked[0].content}\n\n{note}"), *masked[1:]]
    return [Message("system", note), *masked]
