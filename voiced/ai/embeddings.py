"""Texts as vectors that are near where they mean alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from voiced.ai.providers import Providers, Server
from voiced.errors import RequestRejected
from voiced.usage import Usage

if TYPE_CHECKING:
    from openai.types import CreateEmbeddingResponse

MOST_TEXTS: Final = 512
"""In one call: their vectors are some 25 MB."""

BATCH: Final = 64
"""Texts in one request; what comes back is read on the event loop."""

BATCH_BYTES: Final = 300_000
"""UTF-8 in one request. The server takes so many tokens, and no token is less than a byte."""


class Embeddings:
    """`ai.embeddings`."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def embed(
        self, texts: Sequence[str], *, model: str = "", provider: str = "", within_s: float | None = None
    ) -> list[list[float]]:
        """A vector for each text. Those of different models can't be compared. Raises ApiError."""
        if isinstance(texts, str) or not all(isinstance(text, str) and text for text in texts):
            raise RequestRejected("Only a list of texts that are not empty can be embedded.")
        if len(texts) > MOST_TEXTS:
            raise RequestRejected(f"{len(texts)} texts are too many to be embedded at once; {MOST_TEXTS} are allowed.")
        vectors: list[list[float]] = []
        for batch in _batches(texts):

            async def request(server: Server, batch: list[str] = batch) -> Any:
                return await server.openai.embeddings.create(model=server.model, input=batch)

            def read(answer: CreateEmbeddingResponse, server: Server, batch: list[str] = batch) -> list[list[float]]:
                found = _vectors(answer, len(batch))
                self._providers.spend(Usage(server.model, text_in=_tokens(answer, batch)))
                return found

            vectors += await self._providers.ask(
                "embeddings",
                request,
                read,
                model=model,
                provider=provider,
                within_s=within_s,
                stays=True,  # vectors of another model would be near to nothing
            )
        return vectors


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        more = len(text.encode("utf-8", "replace"))
        if batch and (len(batch) == BATCH or size + more > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += more
    if batch:
        yield batch


def _tokens(answer: CreateEmbeddingResponse, texts: list[str]) -> int:
    """What is paid for; of a server that does not tell, rather too much."""
    told = getattr(getattr(answer, "usage", None), "prompt_tokens", None)
    return told if isinstance(told, int) and told >= 0 else sum(len(text.encode("utf-8", "replace")) for text in texts)


def _vectors(answer: CreateEmbeddingResponse, count: int) -> list[list[float]]:
    """One for each text, in their order. Whatever is wrong with them raises one of several errors."""
    found = {int(each.index): each.embedding for each in answer.data}
    table = np.array([found[index] for index in range(count)], np.float32)
    if table.ndim != 2 or not table.size or len(answer.data) != count or not np.isfinite(table).all():
        raise ValueError("no table of numbers")
    return [found[index] for index in range(count)]
