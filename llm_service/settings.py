"""Settings of the understanding service, section `[llm]` of `planerka.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from mesh.paths import home
from mesh.settings import Section

__all__ = ["LlmSettings"]


class LlmSettings(Section):
    """Summaries and the knowledge base: the language model, the embeddings, and their limits."""

    section: ClassVar[str] = "llm"

    listen: str = Field("127.0.0.1:7072", description="Address that the service listens on.")
    state: Path | None = Field(None, description="Folder of the knowledge base; none for `llm` in the home folder.")
    provider: Literal["embedded", "openai_compatible", "none"] = Field(
        "embedded",
        description="Where the language model runs: `embedded` in this process, `openai_compatible` at `base_url`, "
        "`none` for extractive summaries and no answers.",
    )
    model: str = Field(
        "qwen2.5-coder-1.5b-instruct-q4_k_m",
        min_length=1,
        description="Identifier in the model store (`embedded`), or the name that the endpoint knows.",
    )
    base_url: str = Field(
        "http://127.0.0.1:11434/v1", description="Address of the endpoint, used by `openai_compatible`; ends in `/v1`."
    )
    api_key: SecretStr = Field(SecretStr(""), description="Key for the endpoint, used by `openai_compatible`.")
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
    endpoint_retries: int = Field(
        2, ge=0, le=10, description="Repetitions of a call that `base_url` answered with 429 or 5xx."
    )
    embedding_model: str = Field(
        "multilingual-e5-small", min_length=1, description="Identifier of the embedding model in the model store."
    )
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
    answer_tokens: int = Field(
        600, ge=200, description="Tokens of sources that one call of the model gets at most when it answers."
    )

    def folder(self) -> Path:
        """Return the folder that holds the service's state."""
        return self.state or home() / "llm"
