"""What a sentence asks for where there is no cloud."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from voiced.brains.offline.matching import Understanding
from voiced.conversation.events import ToolSpec


def understood(tools: Iterable[ToolSpec], text: str) -> tuple[str, dict[str, Any]] | None:
    """Which tool a sentence asks for, with which arguments. Raises AssertionError where a sentence can't be used."""
    understanding = Understanding(tools)
    if understanding.problems:
        lines = [f"{each.tool}: {each.template!r} {each.reason}" for each in understanding.problems]
        raise AssertionError("\n".join(["sentences can't be used:", *lines]))
    match = understanding.match(text)
    if match is None:
        return None
    # Null is what a sentence leaves to the tool's own default.
    return match.tool, {name: value for name, value in json.loads(match.arguments).items() if value is not None}
