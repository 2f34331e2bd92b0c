"""All helpers over one set of providers. Each is imported when it is used first."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from voiced.ai.providers import Providers, Terms
from voiced.errors import ApiError, RequestRejected

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from voiced.ai.assistants import Assistants
    from voiced.ai.audio import Audio
    from voiced.ai.batches import Batches
    from voiced.ai.chat import Chat
    from voiced.ai.completions import Completions
    from voiced.ai.embeddings import Embeddings
    from voiced.ai.files import Files
    from voiced.ai.fine_tuning import FineTuning
    from voiced.ai.images import Images
    from voiced.ai.model_list import ModelList
    from voiced.ai.moderations import Moderations
    from voiced.ai.realtime import Realtime
    from voiced.ai.responses import Responses
    from voiced.ai.vector_stores import VectorStores
    from voiced.ai.video import Video

EMBED_WITHIN_S: Final = 10.0
"""For `embed`: somebody waits for it, and it is quick."""


HELPERS: Final = (
    "assistants", "audio", "batches", "chat", "completions", "embeddings", "files", "fine_tuning", "images",
    "model_list", "moderations", "realtime", "responses", "vector_stores", "video",
)  # fmt: skip
"""The modules."""


class AiService:
    """Implements `api.Ai`. Use it on one event loop, and close it."""

    def __init__(self, terms: Terms) -> None:
        self._providers = Providers(terms)
        self._loaded = False

    @property
    def available(self) -> bool:
        if self._providers.terms.refusal() or self._providers.terms.overspent():
            return False
        try:
            self._providers.endpoint(self._providers.first("chat"))
        except ApiError:
            return False
        return True

    async def client(self, provider: str = "") -> AsyncOpenAI:
        return (await self._providers.client("chat", provider)).openai

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        from voiced.ai.embeddings import MOST_TEXTS

        if isinstance(texts, str):
            raise RequestRejected("Only a list of texts that are not empty can be embedded.")
        if len(texts) > MOST_TEXTS:
            raise RequestRejected(f"{len(texts)} texts are too many to be embedded at once; {MOST_TEXTS} are allowed.")
        return await self.embeddings.embed(texts, within_s=EMBED_WITHIN_S)

    @property
    def embedding_model(self) -> str:
        return self._providers.first("embeddings").model("embeddings")

    @cached_property
    def chat(self) -> Chat:
        from voiced.ai.chat import Chat

        return Chat(self._providers)

    @cached_property
    def responses(self) -> Responses:
        from voiced.ai.responses import Responses

        return Responses(self._providers)

    @cached_property
    def completions(self) -> Completions:
        from voiced.ai.completions import Completions

        return Completions(self._providers)

    @cached_property
    def images(self) -> Images:
        from voiced.ai.images import Images

        return Images(self._providers)

    @cached_property
    def audio(self) -> Audio:
        from voiced.ai.audio import Audio

        return Audio(self._providers)

    @cached_property
    def embeddings(self) -> Embeddings:
        from voiced.ai.embeddings import Embeddings

        return Embeddings(self._providers)

    @cached_property
    def moderations(self) -> Moderations:
        from voiced.ai.moderations import Moderations

        return Moderations(self._providers)

    @cached_property
    def files(self) -> Files:
        from voiced.ai.files import Files

        return Files(self._providers)

    @cached_property
    def vector_stores(self) -> VectorStores:
        from voiced.ai.vector_stores import VectorStores

        return VectorStores(self._providers)

    @cached_property
    def batches(self) -> Batches:
        from voiced.ai.batches import Batches

        return Batches(self._providers)

    @cached_property
    def fine_tuning(self) -> FineTuning:
        from voiced.ai.fine_tuning import FineTuning

        return FineTuning(self._providers)

    @cached_property
    def assistants(self) -> Assistants:
        from voiced.ai.assistants import Assistants

        return Assistants(self._providers)

    @cached_property
    def models(self) -> ModelList:
        from voiced.ai.model_list import ModelList

        return ModelList(self._providers)

    @cached_property
    def realtime(self) -> Realtime:
        from voiced.ai.realtime import Realtime

        return Realtime(self._providers)

    @cached_property
    def video(self) -> Video:
        from voiced.ai.video import Video

        return Video()

    async def load(self) -> None:
        """Import all helpers now, in a thread, so that the event loop does not wait when one is used first."""
        if not self._loaded:
            await asyncio.to_thread(_import_all)
            self._loaded = True

    async def aclose(self) -> None:
        """Hang up."""
        await self._providers.aclose()


def _import_all() -> None:
    for name in HELPERS:
        importlib.import_module(f"voiced.ai.{name}")
