"""Texts as vectors that are near where they mean alike."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from voiced.ai.abreast import abreast
from voiced.ai.providers import Providers, Server, understood
from voiced.errors import RequestRejected
from voiced.usage import Usage

if TYPE_CHECKING:
    from openai._legacy_response import LegacyAPIResponse

MOST_TEXTS: Final = 512
"""In one call of `ai.embed`: their vectors are some 25 MB."""

BATCH: Final = 64
"""Texts in one request; what comes back is read on the event loop."""

BATCH_BYTES: Final = 300_000
"""UTF-8 in one request. The server takes so many tokens, and no token is less than a byte."""

_LONGEST: Final = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
"""Numbers in a vector, of which it may be cut to fewer."""

_FIXED: Final = "text-embedding-ada-002"

Vector = Sequence[float]


@dataclass(frozen=True, slots=True)
class Match:
    """Which vector, from 0, and how alike it is: 1 for the same direction, 0 for nothing in common, at least -1."""

    index: int
    similarity: float


class Embeddings:
    """`ai.embeddings`."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def embed(
        self,
        texts: str | Iterable[str],
        *,
        dimensions: int | None = None,
        user: str = "",
        progress: Callable[[int, int], None] | None = None,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> list[list[float]]:
        """A vector for each text, or for the one; those of different models can't be compared. Raises ApiError.

        `dimensions`: numbers in each, fewer than the model makes by itself. `progress`: told how many of how many are
        done. What is too much for one request is asked for in several. A vector of 1536 takes 50 KB of memory.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        if not all(isinstance(text, str) and text for text in texts):
            raise RequestRejected("Only a list of texts that are not empty can be embedded.")
        options: dict[str, Any] = {"dimensions": dimensions} if dimensions is not None else {}
        options |= {"user": user} if user else {}
        done = 0

        async def embed(batch: list[str]) -> list[list[float]]:
            nonlocal done

            async def request(server: Server) -> Any:
                _judge_dimensions(server.model, dimensions)
                # As it came: the library would look at every number, which takes seconds.
                return await server.openai.embeddings.with_raw_response.create(
                    model=server.model, input=batch, encoding_format="base64", **options
                )

            def read(raw: LegacyAPIResponse[Any], server: Server) -> tuple[dict[str, Any], Server]:
                answer = from_json(raw.content)
                self._providers.spend(Usage(server.model, text_in=_tokens(answer, batch)))
                return answer, server

            answer, server = await self._providers.ask(
                "embeddings",
                request,
                read,
                model=model,
                provider=provider,
                within_s=within_s,
                stays=True,  # vectors of another model would be near to nothing
                lost=lambda server: [Usage(server.model, text_in=_tokens({}, batch))],
            )
            found = await asyncio.to_thread(
                understood, lambda raw, _: _vectors(raw, len(batch), dimensions), answer, server, "embeddings"
            )
            done += len(batch)
            if progress is not None:
                progress(done, len(texts))
            return found

        batches = await abreast(embed, _batches(texts))
        return [vector for batch in batches for vector in batch]

    @staticmethod
    def similarity(one: Vector, other: Vector) -> float:
        """The cosine of the angle between two vectors of one model, from -1 to 1. Raises RequestRejected."""
        return nearest(one, [other], 1)[0].similarity

    @staticmethod
    def nearest(query: Vector, vectors: Sequence[Vector], count: int = 5) -> list[Match]:
        """The `count` vectors that are most like `query`, the best first. Raises RequestRejected.

        All must be as long as it is: what two models make can't be compared.
        """
        return nearest(query, vectors, count)


def nearest(query: Vector, vectors: Sequence[Vector], count: int = 5) -> list[Match]:
    """See `Embeddings.nearest`."""
    if count < 1:
        raise RequestRejected(f"embeddings: the {count} nearest are none: ask for at least one")
    if not len(vectors):
        return []
    wanted = _direction(query, "the query")
    for number, vector in enumerate(vectors, 1):
        if len(vector) != len(query):
            raise RequestRejected(
                f"embeddings: vector {number} has {len(vector)} numbers, and the query {len(query)}: embed both with "
                "one model"
            )
    table = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(table, axis=1)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        number = int(np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))[0]) + 1
        raise RequestRejected(f"embeddings: vector {number} has no direction: it is all zeros, or has no numbers")
    found = np.clip(table @ wanted / lengths, -1.0, 1.0)
    best = np.argsort(-found, kind="stable")[:count]
    return [Match(int(index), float(found[index])) for index in best]


def _direction(vector: Vector, called: str) -> NDArray[np.float32]:
    found = np.asarray(vector, np.float32)
    length = np.linalg.norm(found) if found.ndim == 1 else 0.0
    if not np.isfinite(length) or not length > 0:
        raise RequestRejected(f"embeddings: {called} has no direction: it is all zeros, or has no numbers")
    return np.asarray(found / length, np.float32)


def _judge_dimensions(model: str, dimensions: int | None) -> None:
    if dimensions is None:
        return
    if model == _FIXED:
        raise RequestRejected(f"embeddings: {model} takes no dimensions: leave them out, or use {next(iter(_LONGEST))}")
    most = _LONGEST.get(model, dimensions)
    if not 1 <= dimensions <= most:
        raise RequestRejected(f"embeddings: {dimensions} dimensions: {model} makes 1 to {most}")


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


def _tokens(answer: dict[str, Any], texts: list[str]) -> int:
    """What is paid for; of a server that does not tell, rather too much."""
    usage = answer.get("usage")
    told = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return told if isinstance(told, int) and told >= 0 else sum(len(text.encode("utf-8", "replace")) for text in texts)


def _vectors(answer: dict[str, Any], count: int, dimensions: int | None) -> list[list[float]]:
    """One for each text, in their order. Whatever is wrong with them raises one of several errors."""
    data = answer["data"]
    found = {int(each["index"]): _decoded(each["embedding"]) for each in data}
    table = np.array([found[index] for index in range(count)], np.float32)
    if table.ndim != 2 or not table.size or len(data) != count or not np.isfinite(table).all():
        raise ValueError("no table of numbers")
    if dimensions is not None and table.shape[1] != dimensions:
        raise ValueError("of another length than was asked for")
    rows: list[list[float]] = table.tolist()
    return rows


def _decoded(embedding: Any) -> Any:
    """Numbers, which a server may write out though base64 was asked for, a third as long."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4")
    return embedding
