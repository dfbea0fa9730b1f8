"""Settings of the understanding service, section `[llm]` of `planerka.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from mesh.paths import home
from mesh.settings import Section

__all__ = ["DEFAULT", "Kind", "LlmSettings", "ProviderSettings"]

Kind: TypeAlias = Literal["embedded", "openai_compatible", "gigachat", "yandexgpt", "none"]
DEFAULT: Final = "default"
"""Name of the provider that the fields of `[llm]` itself describe."""

_ADDRESSES: Final = {
    "openai_compatible": "http://127.0.0.1:11434/v1",
    "gigachat": "https://gigachat.devices.sberbank.ru/api/v1",
    "yandexgpt": "https://llm.api.cloud.yandex.net",
}


class ProviderSettings(BaseModel):
    """One provider of language models: a table `[llm.providers.NAME]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    model: str = Field(min_length=1)
    """Identifier in the model store (`embedded`), or the name that the provider knows."""
    base_url: str = ""
    """Address; empty for the provider's public one."""
    api_key: SecretStr = SecretStr("")
    """API key; of GigaChat the authorization key that access tokens are made of."""
    auth_url: str = "https://ngw.devices.sberbank.ru:9443/api/v2/oauth"
    """Where GigaChat gives access tokens."""
    scope: Literal["GIGACHAT_API_PERS", "GIGACHAT_API_B2B", "GIGACHAT_API_CORP"] = "GIGACHAT_API_PERS"
    """Version of GigaChat's API that the key belongs to."""
    cloud_folder: str = ""
    """Folder of Yandex Cloud; needed where `model` is no whole URI."""
    ca_bundle: Path | None = None
    """PEM file of the authority that signs the provider's certificate; the system's trust store where it is None."""
    context_tokens: int = Field(default=0, ge=0)
    """Window; 0 to take what the server tells, else 8192."""
    probe_context: bool = True
    """Whether a server that does not tell its window is sent one prompt as long as the window, to see whether it cuts."""
    call_seconds: float = Field(default=240.0, gt=0)
    """Deadline of one call with its repetitions."""
    retries: int = Field(default=2, ge=0, le=10)
    """Repetitions of a call that failed in passing."""
    rest_after: int = Field(default=3, ge=1)
    """Failed calls in a row after which the provider gets a rest."""
    rest_seconds: float = Field(default=30.0, gt=0)
    """Length of the rest."""
    parallel: int = Field(default=0, ge=0, le=64)
    """Calls at once, of which a summary of a long talk makes use; 0 for what is usual, see `at_once`."""
    threads: int = Field(default=2, ge=1, le=64)
    """Threads of an embedded model."""
    start_seconds: float = Field(default=180.0, gt=0)
    """Seconds that loading an embedded model may take."""
    prompt_price: float = Field(default=0.0, ge=0)
    """Price of a million tokens of prompt."""
    completion_price: float = Field(default=0.0, ge=0)
    """Price of a million tokens of answer."""
    currency: str = Field(default="RUB", max_length=8)
    """Currency of the prices."""

    @property
    def at_once(self) -> int:
        """Calls at once. The embedded model works on one, and GigaChat refuses private persons a second one."""
        if self.kind == "embedded":
            return 1
        private = self.kind == "gigachat" and self.scope == "GIGACHAT_API_PERS"
        return self.parallel or (1 if private else 2)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "yandexgpt" and not (self.cloud_folder or "://" in self.model):
            raise ValueError("yandexgpt needs `cloud_folder`, or a whole URI in `model`")
        return self

    @property
    def address(self) -> str:
        """Address that is used; empty for an embedded model."""
        return self.base_url or _ADDRESSES.get(self.kind, "")


class LlmSettings(Section):
    """Summaries and the knowledge base: the language model, the embeddings, and their limits."""

    section: ClassVar[str] = "llm"

    listen: str = Field("127.0.0.1:7072", description="Address that the service listens on.")
    state: Path | None = Field(None, description="Folder of the knowledge base; none for `llm` in the home folder.")
    provider: Kind = Field(
        "embedded",
        description="Where the language model runs: `embedded` in this process, `openai_compatible` at `base_url`, `gigachat`, "
        "`yandexgpt`, or `none` for extractive summaries and no answers.",
    )
    model: str = Field(
        "qwen2.5-coder-1.5b-instruct-q4_k_m",
        min_length=1,
        description="Identifier in the model store (`embedded`), or the name that the endpoint knows.",
    )
    base_url: str = Field(
        "http://127.0.0.1:11434/v1", description="Address of the endpoint, used by `openai_compatible`; ends in `/v1`."
    )
    api_key: SecretStr = Field(SecretStr(""), description="Key for the endpoint; the authorization key of `gigachat`.")
    cloud_folder: str = Field("", description="Folder of Yandex Cloud, used by `yandexgpt`.")
    ca_bundle: Path | None = Field(
        None, description="PEM file of the authority that signs the endpoint's certificate; none for the system's."
    )
    providers: dict[str, ProviderSettings] = Field(
        {}, description="Further providers by name, as tables `[llm.providers.NAME]`; see docs/providers.md."
    )
    fallbacks: list[str] = Field(
        [],
        description="Names of providers that are asked in this order when the first one fails; `default` is the one above.",
    )
    perimeter: Literal["inside", "redacted", "open"] = Field(
        "inside",
        description="How far texts of workspaces that choose nothing may go: `inside`, `redacted` (outside with names and secrets "
        "replaced) or `open`.",
    )
    widest_perimeter: Literal["inside", "redacted", "open"] = Field(
        "open", description="Limit of what any workspace may choose."
    )
    inside: list[str] = Field(
        [],
        description="Host names (`*.example.org` for all below) and networks that are inside beside loopback and private ones.",
    )
    daily_tokens: int = Field(
        0, ge=0, description="Tokens that the calls of one workspace may take in 24 hours; 0 for no limit."
    )
    context_tokens: int = Field(
        8192,
        ge=2048,
        description="Tokens that prompt and answer may have together; the embedded model gets this window.",
    )
    threads: int = Field(2, ge=1, le=64, description="Threads of the embedded model, and of the embeddings.")
    start_seconds: float = Field(180.0, gt=0, description="Seconds that loading the embedded model may take.")
    call_seconds: float = Field(
        240.0, gt=0, description="Deadline in seconds of one call of the model, waiting for other calls not counted."
    )
    parallel: int = Field(
        0,
        ge=0,
        le=64,
        description="Calls that an endpoint gets at once, also for one long summary; 0 for 2, and for 1 of `gigachat`. The embedded "
        "model works on one.",
    )
    endpoint_retries: int = Field(
        2, ge=0, le=10, description="Repetitions of a call that `base_url` answered with 429 or 5xx."
    )
    embedding_model: str = Field(
        "multilingual-e5-small", min_length=1, description="Identifier of the embedding model in the model store."
    )
    reranker: Path | None = Field(
        None,
        description="Folder with `model.onnx` and `tokenizer.json` of a cross-encoder that orders the best chunks, on the processor.",
    )
    reranked: int = Field(20, ge=2, le=50, description="Chunks that the cross-encoder reads for one question.")
    vectors: str = Field(
        "", description="Address of a Milvus server such as `http://milvus:19530`; empty for Milvus Lite in `state`."
    )
    vectors_token: SecretStr = Field(SecretStr(""), description="Token for the Milvus server.")
    vectors_seconds: float = Field(60.0, gt=0, description="Seconds that opening the vectors may take.")
    chunk_characters: int = Field(
        450, ge=200, le=1500, description="Characters after which a chunk of a document ends at the next sentence."
    )
    topic_tokens: int = Field(
        1500, ge=200, description="Tokens of talk that one call of the model gets at most when it sums up."
    )
    summary_seconds: float = Field(
        1800.0,
        gt=0,
        description="Seconds that the strategy AUTO may plan for one summary; what would take longer is told in its own sentences.",
    )
    answer_tokens: int = Field(
        600, ge=200, description="Tokens of sources that one call of the model gets at most when it answers."
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = [name for name in self.fallbacks if name != DEFAULT and name not in self.providers]
        if unknown or DEFAULT in self.providers:
            wrong = (
                f"fallbacks: no provider is named {unknown[0]!r}"
                if unknown
                else "`default` is the provider of [llm] itself"
            )
            raise ValueError(wrong)
        return self

    def folder(self) -> Path:
        """Return the folder that holds the service's state."""
        return self.state or home() / "llm"

    def all_providers(self) -> dict[str, ProviderSettings]:
        """Return every provider by name, the one of `[llm]` itself first; `none` is left out."""
        found = {name: one for name, one in self.providers.items() if one.kind != "none"}
        if self.provider == "none":
            return found
        remote = self.provider != "embedded"
        own = ProviderSettings(
            kind=self.provider,
            model=self.model,
            base_url=self.base_url
            if "base_url" in self.model_fields_set or self.provider == "openai_compatible"
            else "",
            api_key=self.api_key,
            cloud_folder=self.cloud_folder,
            ca_bundle=self.ca_bundle,
            # The default is the window of the embedded model; an endpoint knows its own.
            context_tokens=0 if remote and "context_tokens" not in self.model_fields_set else self.context_tokens,
            call_seconds=self.call_seconds,
            retries=self.endpoint_retries,
            parallel=self.parallel,
            threads=self.threads,
            start_seconds=self.start_seconds,
        )
        return {DEFAULT: own, **found}
