"""Lists that come a page at a time, by cursor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from voiced.testing.http.refusal import Refusal, bad_request
from voiced.testing.loopback import rejection
from voiced.testing.loopback.checks import one_of
from voiced.testing.loopback.rejection import Rejection


def page(
    query: Mapping[str, str],
    things: Sequence[dict[str, Any]],
    *,
    filters: Mapping[str, Callable[[dict[str, Any], str], bool]] | None = None,
    order: bool = True,
    before: bool = True,
    most: int = 100,
    usual: int = 20,
) -> dict[str, Any]:
    """What a list answers: `things` are all there are, oldest first, each with an id. Raises `Refusal`.

    `filters`: by parameter, what says whether a thing is wanted for its value. `order`, `before`: whether the endpoint
    has these; without `order` the newest come first. `usual`: things on a page where no limit is given.
    """
    filters = filters or {}
    known = {"after", "limit", *filters, *(["order"] if order else []), *(["before"] if before else [])}
    for name in query:
        if name not in known:
            raise Refusal(400, rejection.unknown(name))
    found = [thing for thing in things if all(wanted(thing, query[name]) for name, wanted in _asked(filters, query))]
    if _order(query) == "desc":
        found.reverse()
    if "after" in query:
        found = found[_place(found, query["after"], "after") + 1 :]
    if "before" in query:
        found = found[: _place(found, query["before"], "before")]
    limit = _limit(query, most, usual)
    shown = found[-limit:] if "before" in query and "after" not in query else found[:limit]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(found) > len(shown),
    }


def _asked(
    filters: Mapping[str, Callable[[dict[str, Any], str], bool]], query: Mapping[str, str]
) -> list[tuple[str, Callable[[dict[str, Any], str], bool]]]:
    return [(name, wanted) for name, wanted in filters.items() if name in query]


def _order(query: Mapping[str, str]) -> str:
    try:
        one_of("asc", "desc")(query.get("order", "desc"), "order")
    except Rejection as why:
        raise Refusal(400, why) from None
    return query.get("order", "desc")


def _limit(query: Mapping[str, str], most: int, usual: int) -> int:
    text = query.get("limit", str(usual))
    try:
        limit = int(text)
    except ValueError:
        raise Refusal(400, rejection.wrong_type("limit", "an integer", text)) from None
    if limit < 1:
        raise Refusal(400, rejection.below("limit", "integer", 1, limit))
    if limit > most:
        raise Refusal(400, rejection.above("limit", "integer", most, limit))
    return limit


def _place(things: Sequence[dict[str, Any]], thing_id: str, param: str) -> int:
    for place, thing in enumerate(things):
        if thing["id"] == thing_id:
            return place
    raise bad_request(f"Invalid '{param}': there is no '{thing_id}' in this list.", param, "invalid_value")
