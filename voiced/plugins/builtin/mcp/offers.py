"""Which tools of a server are offered, and what the model is told of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from voiced.api import ToolOptions
from voiced.plugins.builtin.mcp.settings import ServerSettings

if TYPE_CHECKING:
    from mcp.types import Tool

MOST_TOOLS: Final = 64
"""Of one server. The model reads all of them in each turn, and somebody pays for it."""

NAME_LIMIT: Final = 64
DESCRIPTION_LIMIT: Final = 1024
"""Characters; OpenAI's limits for functions."""

SCHEMA_LIMIT: Final = 16 * 1024
"""Bytes of JSON. A tool with more to say of its arguments is left out."""

_LONGEST_NAME: Final = 128
"""MCP's own limit for a tool's name."""

_ASKED_ARGUMENTS: Final = 2
_ASKED_CHARACTERS: Final = 60
"""So much of the arguments is said in a question: who answers it should know what they say yes to."""

_NOT_IN_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Offer:
    """One tool; `tool` is what its server calls it."""

    tool: str
    description: str
    parameters: Mapping[str, Any]
    options: ToolOptions


@dataclass(frozen=True, slots=True)
class Choice:
    """What is offered of all that a server has. `forbidden`: tools that `allow` does not name."""

    offers: tuple[Offer, ...] = ()
    forbidden: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()


def choose(tools: Iterable[Tool], settings: ServerSettings) -> Choice:
    """In the server's order; `MOST_TOOLS` at most, the rest is unfit."""
    offers: dict[str, Offer] = {}
    forbidden: list[str] = []
    unfit: list[str] = []
    for tool in tools:
        if not _matches(tool.name, settings.allow):
            forbidden.append(_clean(tool.name[:_LONGEST_NAME]))
        elif tool.name in offers:
            continue
        elif len(tool.name) > _LONGEST_NAME or len(offers) >= MOST_TOOLS or _too_large(tool.input_schema):
            unfit.append(_clean(tool.name[:_LONGEST_NAME]))
        else:
            offers[tool.name] = _offer(tool, settings)
    return Choice(tuple(offers.values()), tuple(forbidden), tuple(unfit))


class Names:
    """What the model calls each tool. A name stays with its tool: a call must not reach another server."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], str] = {}

    def give(self, wanted: Sequence[tuple[str, str, str]]) -> list[str]:
        """A name for each (server, prefix, tool); where two want one, the later is called SERVER_TOOL."""
        given = {(server, tool): self._given.get((server, tool), "") for server, _, tool in wanted}
        for server, prefix, tool in wanted:
            if not given[server, tool]:
                given[server, tool] = _free_name(server, prefix + tool, set(given.values()))
        self._given = given
        return list(given.values())


def _free_name(server: str, wanted: str, taken: set[str]) -> str:
    name = _NOT_IN_A_NAME.sub("_", wanted)[:NAME_LIMIT]
    if name in taken:
        name = f"{server}_{name}"[:NAME_LIMIT]
    number = 2
    unnumbered = name
    while name in taken:
        name = f"{unnumbered[: NAME_LIMIT - 4]}_{number}"
        number += 1
    return name


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _too_large(schema: Mapping[str, Any]) -> bool:
    return len(json.dumps(schema)) > SCHEMA_LIMIT


def _offer(tool: Tool, settings: ServerSettings) -> Offer:
    hints = tool.annotations
    reads = bool(hints and hints.read_only_hint)
    destroys = bool(hints and hints.destructive_hint) and not reads
    asks = _matches(tool.name, settings.confirm) or (destroys and settings.confirm_destructive)
    return Offer(
        tool.name,
        _description(tool),
        tool.input_schema,
        ToolOptions(
            timeout_s=settings.timeout_s,
            confirm=_question(tool) if asks else "",
            idempotent=reads or bool(hints and hints.idempotent_hint),
        ),
    )


def _description(tool: Tool) -> str:
    text = _clean((tool.description or "")[: 4 * DESCRIPTION_LIMIT]) or _title(tool)
    return text if len(text) <= DESCRIPTION_LIMIT else f"{text[: DESCRIPTION_LIMIT - 1]}…"


def _title(tool: Tool) -> str:
    hints = tool.annotations
    title = tool.title or (hints.title if hints else "") or tool.name.replace("_", " ").replace("-", " ")
    return _clean(title[:80]) or "tool"


def _question(tool: Tool) -> str:
    """A template of the arguments, as `ToolOptions.confirm` wants it."""
    properties = tool.input_schema.get("properties")
    required = tool.input_schema.get("required")
    said: list[str] = []
    if isinstance(properties, dict) and isinstance(required, list):
        said = [
            f"{key.replace('_', ' ')} {{{key}:.{_ASKED_CHARACTERS}}}"
            for key in required
            if isinstance(key, str) and _PLAIN_KEY.fullmatch(key) and _is_text(properties.get(key))
        ][:_ASKED_ARGUMENTS]
    title = _title(tool).replace("{", "").replace("}", "")
    return f"Shall I really do this: {', '.join([title, *said])}?"


def _is_text(schema: object) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "string"


def _clean(text: str) -> str:
    """Without what no one sees: a server may hide words for the model there."""
    return "".join(character for character in text if character.isprintable() or character == "\n").strip()
