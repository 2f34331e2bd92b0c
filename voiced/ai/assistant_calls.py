"""Requests to /assistants and /threads: where a server has none any more, what to use in their place is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from voiced.ai.answer_fields import filled
from voiced.ai.by_id import by_id
from voiced.ai.paging import all_pages
from voiced.ai.providers import Providers, Server
from voiced.errors import ModelUnknown, RequestRejected

T = TypeVar("T")

_HEADERS: Final = {"OpenAI-Beta": "assistants=v2"}
_GONE: Final = (404, 405, 410)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A thing of a list; its id is what the next page is asked for by."""

    id: str
    raw: Any


@dataclass(frozen=True, slots=True)
class _Page:
    data: list[_Listed]
    has_more: bool


class AssistantCalls:
    """Makes them through the official client, whose own methods for them are deprecated and warn each time."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def get(self, path: str, read: Callable[[Any], T], *ids: str, **how: Any) -> T:
        """`path`: with {} for each of `ids`. `how`: provider, within_s. Raises ApiError."""

        async def request(server: Server) -> Any:
            return await server.openai.get(path.format(*ids), cast_to=object, options={"headers": _HEADERS})

        return await self._asked(request, read, ids, **how)

    async def post(
        self,
        path: str,
        read: Callable[[Any], T],
        body: Mapping[str, Any],
        *ids: str,
        named: Sequence[str] = (),
        once: bool = False,
        **how: Any,
    ) -> T:
        """Raises ApiError. `named`: further ids, in the body. `once`: see `Providers.ask`."""

        async def request(server: Server) -> Any:
            options: Any = {"headers": _HEADERS}
            return await server.openai.post(path.format(*ids), cast_to=object, body=dict(body), options=options)

        return await self._asked(request, read, ids, named=named, once=once, **how)

    async def delete(self, path: str, *ids: str, **how: Any) -> None:
        """Raises ApiError."""

        async def request(server: Server) -> Any:
            return await server.openai.delete(path.format(*ids), cast_to=object, options={"headers": _HEADERS})

        await self._asked(request, lambda raw: filled(raw["id"]), ids, once=True, **how)

    async def pages(
        self,
        path: str,
        read: Callable[[Any], T],
        *ids: str,
        query: Mapping[str, str],
        most: int,
        provider: str = "",
        within_s: float | None = None,
    ) -> list[T]:
        """Raises ApiError."""

        async def page(server: Server, asked: dict[str, Any]) -> Any:
            options: Any = {"headers": _HEADERS, "params": asked}
            raw: Any = await server.openai.get(path.format(*ids), cast_to=object, options=options)
            return _Page([_Listed(each["id"], each) for each in raw["data"]], bool(raw.get("has_more")))

        with _told(ids):
            return await all_pages(
                self._providers,
                "assistants",
                page,
                lambda listed: read(listed.raw),
                asked=query,
                most=most,
                provider=provider,
                within_s=within_s,
            )

    async def _asked(
        self,
        request: Callable[[Server], Any],
        read: Callable[[Any], T],
        ids: Sequence[str],
        *,
        named: Sequence[str] = (),
        provider: str = "",
        within_s: float | None = None,
        once: bool = False,
    ) -> T:
        with _told(ids, named):
            return await self._providers.ask(
                "assistants",
                request,
                lambda raw, _: read(raw),
                provider=provider,
                within_s=within_s,
                once=once,
                stays=True,
                needs_model=False,
                free=not once,  # what makes something, such as a run
            )


@contextmanager
def _told(ids: Sequence[str], named: Sequence[str] = ()) -> Iterator[None]:
    """What a 404 means here: there is nothing of these ids, or the server has no assistants at all."""
    with by_id("assistants:", *ids, *named):
        pass
    with by_id("assistants:", *ids):
        try:
            yield
        except ModelUnknown as error:
            told = set() if "Invalid URL" in str(error) else {each for each in (*ids, *named) if each in str(error)}
            if error.status not in _GONE or error.code == "model_not_found" or told & set(ids):
                raise
            if told:
                raise RequestRejected(
                    f"assistants: {' and '.join(told)}: the server has none of this id (any more)",
                    status=error.status,
                    code=error.code or "not_found",
                ) from error
            raise RequestRejected(
                "assistants: the server has no assistants and threads (OpenAI took them away on 2026-08-26): use "
                "ai.responses with previous_response_id in their place",
                status=error.status,
                code="endpoint_gone",
            ) from error
