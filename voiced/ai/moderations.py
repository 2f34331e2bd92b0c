"""Whether a text or a picture is harmful."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from voiced.ai import attachments
from voiced.ai.abreast import abreast
from voiced.ai.attachments import ImageSource
from voiced.ai.directory import providers
from voiced.ai.providers import Providers, Server
from voiced.errors import RequestRejected
from voiced.usage import Usage

if TYPE_CHECKING:
    from openai.types import ModerationCreateResponse

BATCH: Final = 32
"""Texts in one request."""

FOR_NOTHING: Final = "omni-moderation"
"""So the names of models begin that cost nothing: what is harmful is found at the cap too."""


@dataclass(frozen=True, slots=True)
class Moderation:
    """What the model thinks of something.

    `flagged`: whether it is harmful. `categories`: in which ways, the worst first, such as "harassment/threatening".
    `scores`: of every category, from 0 to 1, as sure as the model is. `model`: who judged.
    """

    flagged: bool
    categories: tuple[str, ...]
    scores: Mapping[str, float] = field(repr=False)
    model: str = ""

    def above(self, threshold: float, categories: Iterable[str] = ()) -> tuple[str, ...]:
        """The categories of `categories`, or of all, that have at least this score, the worst first."""
        wanted = set(categories) or set(self.scores)
        return _worst_first((name for name in self.scores if name in wanted and self.scores[name] >= threshold), self)


class Moderations:
    """`ai.moderations`. At OpenAI they cost nothing, and are made at the cap too."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def check(
        self,
        text: str = "",
        *,
        images: Sequence[ImageSource] = (),
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> Moderation:
        """Judge a text, or pictures, or both together. Raises ApiError.

        `images`: at most 20 MiB each. The model looks at one in a request: with several, the worst of each counts.
        """
        sources = [images] if isinstance(images, str | bytes) else list(images)
        if not text.strip() and not sources:
            raise RequestRejected("moderations: there is nothing to judge: give a text, or a picture")
        if not sources:
            return (await self._judge(text, 1, _bytes(text), model, provider, within_s))[0]
        urls = [await attachments.image_url(source, "moderations: picture") for source in sources]
        parts: list[list[dict[str, Any]]] = [[{"type": "image_url", "image_url": {"url": url}}] for url in urls]
        if text.strip():
            parts[0].insert(0, {"type": "text", "text": text})

        async def judge(part: list[dict[str, Any]]) -> Moderation:
            return (await self._judge(part, 1, _bytes(text), model, provider, within_s))[0]

        return _together(await abreast(judge, parts))

    async def check_all(
        self, texts: Iterable[str], *, model: str = "", provider: str = "", within_s: float | None = None
    ) -> list[Moderation]:
        """Judge each text by itself, in their order. What is too much for one request is asked in several.

        Raises ApiError.
        """
        given = [] if isinstance(texts, str) else list(texts)
        if isinstance(texts, str) or not all(isinstance(text, str) and text.strip() for text in given):
            raise RequestRejected("moderations: give a list of texts that are not empty")
        batches = [given[at : at + BATCH] for at in range(0, len(given), BATCH)]

        async def judge(batch: list[str]) -> list[Moderation]:
            return await self._judge(batch, len(batch), sum(map(_bytes, batch)), model, provider, within_s)

        return list(itertools.chain.from_iterable(await abreast(judge, batches)))

    async def _judge(
        self, given: Any, count: int, tokens: int, model: str, provider: str, within_s: float | None
    ) -> list[Moderation]:
        async def request(server: Server) -> Any:
            return await server.openai.moderations.create(model=server.model, input=given)

        def read(answer: ModerationCreateResponse, server: Server) -> list[Moderation]:
            self._providers.spend(Usage(server.model, text_in=tokens))
            found = [_moderation(each, str(answer.model or server.model)) for each in answer.results]
            if len(found) != count:
                raise ValueError("not one for each")
            return found

        asked = providers(self._providers.settings, "moderations", provider)
        models = [model or each.models.get("moderations", "") for each in asked]
        free = all(each.startswith(FOR_NOTHING) for each in models if each)  # who has none is not asked
        return await self._providers.ask(
            "moderations", request, read, model=model, provider=provider, within_s=within_s, free=free
        )


def _moderation(result: Any, model: str) -> Moderation:
    """Raises AttributeError, TypeError or ValueError where it is none."""
    scores = {
        str(name): float(score)
        for name, score in result.category_scores.to_dict(warnings=False).items()
        if score is not None
    }
    if not isinstance(result.flagged, bool) or not all(0 <= score <= 1 for score in scores.values()):
        raise ValueError("no judgement")
    bare = Moderation(result.flagged, (), scores, model)
    flagged = (str(name) for name, yes in result.categories.to_dict(warnings=False).items() if yes is True)
    return Moderation(result.flagged, _worst_first(flagged, bare), scores, model)


def _together(found: Sequence[Moderation]) -> Moderation:
    """The worst of each."""
    scores: dict[str, float] = {}
    for name, score in itertools.chain.from_iterable(each.scores.items() for each in found):
        scores[name] = max(score, scores.get(name, 0.0))
    bare = Moderation(any(each.flagged for each in found), (), scores, found[0].model)
    names = dict.fromkeys(itertools.chain.from_iterable(each.categories for each in found))
    return Moderation(bare.flagged, _worst_first(names, bare), scores, bare.model)


def _worst_first(names: Iterable[str], of: Moderation) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: -of.scores.get(name, 1.0)))


def _bytes(text: str) -> int:
    """No token is less than one."""
    return len(text.encode("utf-8", "replace"))
