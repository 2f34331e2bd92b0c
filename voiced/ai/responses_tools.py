"""Tools that the server has itself, as a response is offered them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from voiced.errors import RequestRejected

Tool = dict[str, Any]
Filter = Mapping[str, Any]
"""{"type": "eq", "key": "year", "value": 2026}; or {"type": "and", "filters": [...]}."""

ContextSize = Literal["low", "medium", "high"]

MOST_RESULTS: Final = 50
"""Of one search in files; this and the next are OpenAI's limits."""

MOST_FILES: Final = 50
"""In a new container."""

WEB_SEARCHES: Final = ("web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11")

_COMPARISONS: Final = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin")
_COUNTRY: Final = 2


def web_search(
    *,
    city: str = "",
    region: str = "",
    country: str = "",
    timezone: str = "",
    search_context_size: ContextSize | Literal[""] = "",
    domains: Sequence[str] = (),
) -> Tool:
    """Look things up on the web; the answer's `citations` say where. Each search is paid for.

    `city`, `region`: free text. `country`: two letters, "NO". `timezone`: "Europe/Oslo". `search_context_size`: how
    much of the pages the model reads: low, medium, high. `domains`: search these alone, "example.org". Raises
    RequestRejected.
    """
    if country and not (len(country) == _COUNTRY and country.isascii() and country.isalpha()):
        raise RequestRejected(f"web_search: country {country!r}: write its two letters, such as NO")
    if search_context_size not in ("", "low", "medium", "high"):
        raise RequestRejected(f"web_search: search_context_size {search_context_size!r}: write low, medium or high")
    place = {"city": city, "region": region, "country": country.upper(), "timezone": timezone}
    given = {name: value for name, value in place.items() if value}
    tool: Tool = {"type": "web_search"}
    if given:
        tool["user_location"] = {"type": "approximate", **given}
    if search_context_size:
        tool["search_context_size"] = search_context_size
    if domains:
        tool["filters"] = {"allowed_domains": _listed(domains, "web_search: domains")}
    return tool


def code_interpreter(container: str = "", *, files: Sequence[str] = (), memory: str = "") -> Tool:
    """Write Python and run it; the answer's `code` is what ran and what it printed. Each container is paid for.

    `container`: the id of one; empty for a new one. `files`: ids of files to put into the new one, at most 50.
    `memory`: of the new one: 1g, 4g, 16g, 64g. Raises RequestRejected.
    """
    if container and (files or memory):
        raise RequestRejected("code_interpreter: files and memory are for a new container: leave out its id")
    if container:
        return {"type": "code_interpreter", "container": container}
    if len(files) > MOST_FILES:
        raise RequestRejected(f"code_interpreter: {len(files)} files are too many; {MOST_FILES} are taken")
    if memory not in ("", "1g", "4g", "16g", "64g"):
        raise RequestRejected(f"code_interpreter: memory {memory!r}: write 1g, 4g, 16g or 64g")
    new: dict[str, Any] = {"type": "auto"}
    if files:
        new["file_ids"] = _listed(files, "code_interpreter: files")
    if memory:
        new["memory_limit"] = memory
    return {"type": "code_interpreter", "container": new}


def image_generation(
    *,
    size: str = "",
    quality: str = "",
    format: str = "",
    background: str = "",
    compression: int | None = None,
    model: str = "",
) -> Tool:
    """Draw, and change what was drawn; the answer's `images` are what came of it, paid for as `ai.images` is.

    `size`: 1024x1024, 1024x1536, 1536x1024, auto, or what the model takes. `quality`: low, medium, high, auto.
    `format`: png, webp, jpeg; `compression` of the last two in percent. `background`: transparent, opaque, auto.
    `model`: such as gpt-image-2. Raises RequestRejected.
    """
    _is_one_of("image_generation: quality", quality, ("low", "medium", "high", "auto"))
    _is_one_of("image_generation: format", format, ("png", "webp", "jpeg"))
    _is_one_of("image_generation: background", background, ("transparent", "opaque", "auto"))
    if size and size != "auto" and not all(side.isdecimal() for side in size.split("x", 1)):
        raise RequestRejected(f"image_generation: size {size!r}: write it as 1024x1024, or auto")
    if background == "transparent" and format == "jpeg":
        raise RequestRejected("image_generation: a JPEG has no transparent background: ask for png or webp")
    if compression is not None and not 0 <= compression <= 100:
        raise RequestRejected(f"image_generation: compression {compression}: give a percentage from 0 to 100")
    named = {
        "size": size, "quality": quality, "output_format": format, "background": background, "model": model
    }  # fmt: skip
    tool: Tool = {"type": "image_generation", **{name: value for name, value in named.items() if value}}
    return tool if compression is None else {**tool, "output_compression": compression}


def file_search(
    stores: str | Sequence[str], *, most: int | None = None, filters: Filter | None = None, score: float | None = None
) -> Tool:
    """Search vector stores; the answer's `found` is what was read there. Each search is paid for.

    `stores`: their ids. `most`: passages, 1 to 50. `filters`: by the files' attributes, see `Filter`. `score`: how well
    a passage must fit, 0 to 1. Raises RequestRejected.
    """
    ids = [stores] if isinstance(stores, str) else _listed(stores, "file_search: stores")
    if not ids or not all(ids):
        raise RequestRejected("file_search: name the id of at least one vector store")
    if most is not None and not 1 <= most <= MOST_RESULTS:
        raise RequestRejected(f"file_search: most is {most}: give 1 to {MOST_RESULTS}")
    if score is not None and not 0 <= score <= 1:
        raise RequestRejected(f"file_search: score is {score}: give 0 to 1")
    tool: Tool = {"type": "file_search", "vector_store_ids": ids}
    if most is not None:
        tool["max_num_results"] = most
    if filters is not None:
        tool["filters"] = _filter(filters)
    if score is not None:
        tool["ranking_options"] = {"score_threshold": score}
    return tool


def _filter(given: Filter) -> Tool:
    kind = given.get("type")
    if kind in ("and", "or") and isinstance(given.get("filters"), Sequence):
        return {"type": kind, "filters": [_filter(each) for each in given["filters"]]}
    if kind in _COMPARISONS and "key" in given and "value" in given:
        return dict(given)
    raise RequestRejected(
        "file_search: a filter is {'type': 'eq', 'key': ..., 'value': ...}, with "
        f"{', '.join(_COMPARISONS)}; or {{'type': 'and', 'filters': [...]}}, or 'or'"
    )


def _is_one_of(what: str, value: str, known: Sequence[str]) -> None:
    if value and value not in known:
        raise RequestRejected(f"{what} {value!r}: write {', '.join(known)}")


def _listed(values: Sequence[str], what: str) -> list[str]:
    if isinstance(values, str):
        raise RequestRejected(f"{what} must be a list")
    return list(values)
