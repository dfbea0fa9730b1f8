"""Settings of the matching service, section `[match]` of `planerka.toml`."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mesh.paths import home
from mesh.settings import Section

__all__ = ["MatchSettings"]


class MatchSettings(Section):
    """Matching: embeddings, scores, decisions."""

    section: ClassVar[str] = "match"

    listen: str = Field("127.0.0.1:7073", description="Address that the service listens on.")
    state: Path | None = Field(
        None, description="Folder of the index and the decisions; none for `match` in the home folder."
    )
    embedding_model: str = Field(
        "multilingual-e5-small", description="Embedding model, by its name in the model store."
    )
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="Where embeddings run: `cpu`, or `cuda` with the gpu extra."
    )
    precision: Literal["float32", "int8"] = Field(
        "float32",
        description="`int8` embeds faster on a processor, a little less exactly; a change computes all vectors anew.",
    )
    reranker: Path | None = Field(
        None,
        description="Folder with `model.onnx` and `tokenizer.json` of a cross-encoder that orders the cards of unsure texts anew; slow "
        "without a GPU.",
    )
    threads: int = Field(2, ge=1, le=256, description="Processor threads for embeddings.")
    vector_cache: int = Field(8192, ge=1, description="Vectors of texts that stay in memory, 1.5 kB each.")
    boards_in_memory: int = Field(16, ge=1, description="Indexed boards that stay in memory.")
    auto_threshold: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Probability from which a match is AUTO; 0 for the fitted one. Never below the fitted one.",
    )

    def folder(self) -> Path:
        """Return the folder that holds the service's state."""
        return self.state or home() / "match"
