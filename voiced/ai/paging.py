"""All pages of a list, one after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from voiced.ai.presets import Helper
from voiced.ai.providers import Providers, Server

T = TypeVar("T")

PAGE: Final = 100
"""Things on one page: the most that all lists give."""


async def all_pages(
    providers: Providers,
    helper: Helper,
    page: Callable[[Server, dict[str, Any]], Awaitable[Any]],
    read: Callable[[Any], T],
    *,
    asked: Mapping[str, Any] | None = None,
    most: int,
    per_page: int = PAGE,
    provider: str = "",
    within_s: float | None = None,
) -> list[T]:
    """What `read` makes of each thing in a list, `most` of them at most. Raises ApiError.

    `page`: asks the library for one page, with the parameters that it is given: `asked`, `limit` and perhaps `after`.
    `within_s`: for each page.
    """
    found: list[T] = []
    seen: set[str] = set()
    cursor = ""
    while True:
        whole = {**(asked or {}), "limit": min(per_page, most - len(found)), **({"after": cursor} if cursor else {})}

        async def request(server: Server, whole: dict[str, Any] = whole) -> Any:
            return await page(server, whole)

        def read_page(raw: Any, _: Server) -> tuple[list[tuple[str, T]], bool]:
            return [(str(thing.id), read(thing)) for thing in raw.data], bool(getattr(raw, "has_more", False))

        things, more = await providers.ask(
            helper, request, read_page, provider=provider, within_s=within_s, stays=True, needs_model=False
        )
        new = [(thing_id, thing) for thing_id, thing in things if thing_id not in seen]
        found += [thing for _, thing in new]
        seen |= {thing_id for thing_id, _ in new}
        if (
            not more or not new or len(found) >= most
        ):  # nothing new: a server that knows no `after` sends the same again
            return found[:most]
        cursor = new[-1][0]
