"""Tool calls, put together from the pieces in which a chat model streams them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

MOST: Final = 64
"""Calls in one answer."""

LONGEST_ARGUMENTS: Final = 200_000
"""Characters."""


@dataclass(slots=True)
class WantedCall:
    """A tool call as the model wrote it; `arguments` need not be JSON."""

    name: str = ""
    arguments: str = ""
    id: str = ""


class ToolCalls:
    """Pieces go to the call of their index. Some servers send no index, or one for all, whole calls, an id twice."""

    def __init__(self) -> None:
        self._calls: list[WantedCall] = []
        self._by_index: dict[int, WantedCall] = {}

    def add(self, index: int | None, id: str | None, name: str | None, arguments: str | None) -> None:
        call = self._by_index.get(index) if index is not None else (self._calls[-1] if self._calls else None)
        if call is None or _begins_another(call, id or "", name or "", arguments or ""):
            if len(self._calls) >= MOST:
                return
            call = WantedCall()
            self._calls.append(call)
            if index is not None:
                self._by_index[index] = call
        call.id = call.id or id or ""
        if name and name != call.name:
            call.name += name
        if len(call.arguments) < LONGEST_ARGUMENTS:
            call.arguments += arguments or ""

    @property
    def calls(self) -> tuple[WantedCall, ...]:
        """Those that have a name, in the order in which they began."""
        return tuple(call for call in self._calls if call.name)

    def __bool__(self) -> bool:
        return bool(self._calls)


def _begins_another(call: WantedCall, id: str, name: str, arguments: str) -> bool:
    if not (name and call.name):
        return False
    if id and call.id and id != call.id:
        return True
    return _is_object(call.arguments) and _is_object(arguments)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
