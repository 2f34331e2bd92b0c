"""The API for plugins: one client for all of them, whose use is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from voiced.ai.client import Client
from voiced.ai.endpoint import Endpoint
from voiced.ai.models import Models
from voiced.ai.settings import AiSettings
from voiced.ai.tries import Tries
from voiced.api import ToolError
from voiced.conversation.events import Thrift, Usage, UsageReported
from voiced.errors import AnswerUnusable, ApiError, ConfigError
from voiced.plugins.acting import ourselves
from voiced.ports import Post

if TYPE_CHECKING:
    from openai.types import CreateEmbeddingResponse

MOST_TEXTS: Final = 512
"""In one call: their vectors are some 25 MB."""

BATCH: Final = 64
"""Texts in one request; what comes back is read on the event loop."""

BATCH_BYTES: Final = 300_000
"""UTF-8 in one request. The server takes so many tokens, and no token is less than a byte."""

AT_ONCE: Final = 4
"""Requests; more wait."""


class HostAi:
    """Implements `api.Ai`. Use it on the event loop's thread, and close it; `available` works from any.

    `settings`, `headers` and `key` (by base_url, empty for none, may raise ConfigError) are asked anew for each use, so
    that a reload or a new key needs nothing else. `headers` go to OpenAI alone. `cloud`: whether anything may leave the
    device. `post`: the hub's inbox.
    """

    def __init__(
        self,
        settings: Callable[[], AiSettings],
        key: Callable[[str], str],
        *,
        headers: Callable[[], Mapping[str, str]] = dict,
        thrift: Callable[[], Thrift],
        cloud: Callable[[], bool] = lambda: True,
        post: Post,
    ) -> None:
        self._settings = settings
        self._key = key
        self._headers = headers
        self._cloud = cloud
        self._thrift = thrift
        self._post = post
        self._client: Client | None = None
        self._opening = asyncio.Lock()
        self._places = asyncio.Semaphore(AT_ONCE)

    @property
    def available(self) -> bool:
        try:
            self._endpoint()
        except ConfigError:
            return False
        return self._cloud() and self._thrift() != "offline"

    @property
    def embedding_model(self) -> str:
        return self._settings().embedding_model

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if isinstance(texts, str) or not all(isinstance(text, str) and text for text in texts):
            raise ToolError("Only a list of texts that are not empty can be embedded.")
        if len(texts) > MOST_TEXTS:
            raise ToolError(f"{len(texts)} texts are too many to be embedded at once; {MOST_TEXTS} are allowed.")
        if not self._cloud():
            raise ToolError("The API is not used: brain.order in the settings has the offline brain alone.")
        if self._thrift() == "offline":
            raise ToolError("The API is not used: the budget is spent.")
        settings = self._settings()
        try:
            with ourselves():  # whoever may use the API needs no network of its own
                return [vector for batch in _batches(texts) for vector in await self._embedded(batch, settings)]
        except (ApiError, ConfigError) as error:
            raise ToolError(f"The API can't be used now: {error}.") from error

    async def aclose(self) -> None:
        """Hang up."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _embedded(self, texts: list[str], settings: AiSettings) -> list[list[float]]:
        async with self._places:
            client = await self._opened()
            tries = Tries(Models([settings.embedding_model], setting="ai.embedding_model", openai=False))
            while True:
                try:
                    async with client.request("embeddings", settings.timeout_s):
                        answer = await client.openai.embeddings.create(model=tries.model, input=texts)
                    vectors = _vectors(answer, len(texts))
                    break
                except ApiError as error:
                    await tries.again(error, begun=False)
                except (AttributeError, KeyError, TypeError, ValueError) as error:  # the library reads it, or we do
                    raise AnswerUnusable(f"embeddings: {client.endpoint.host} answered with no vectors") from error
        self._post(UsageReported(Usage(settings.embedding_model, text_in=_tokens(answer, texts))))
        return vectors

    async def _opened(self) -> Client:
        """The client for the endpoint as it is now."""
        endpoint = self._endpoint()
        async with self._opening:
            if self._client is None or self._client.endpoint != endpoint:
                await self.aclose()
                self._client = await Client.open(endpoint)
            return self._client

    def _endpoint(self) -> Endpoint:
        url = self._settings().base_url
        endpoint = Endpoint(url, self._key(url))
        return Endpoint(url, endpoint.key, self._headers()) if endpoint.is_openai else endpoint


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
