"""The lines of the control protocol, before and after they mean something: JSON objects, each ending in a line feed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from voiced.errors import ControlError

VERSION: Final = 1
"""Of the protocol. What is new is added to it; only what would mislead an older client or daemon gets a new number."""

MAX_LINE: Final = 8 * 2**20
"""Bytes of the longest line. Five megabytes of pictures fit in base64; a few clients at once do no harm to a Pi."""


def line_of(message: Mapping[str, Any]) -> bytes:
    """A request, a reply or a fact as it is sent."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def parse_reply(line: bytes) -> dict[str, Any]:
    """What the daemon answered, without the version. Raises ControlError for an error and for what is no reply."""
    try:
        reply = json.loads(line)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise ControlError(
            "the daemon answered something that is no reply; are voiced and the daemon the same version?"
        )
    if "fact" not in reply and (error := reply.get("error")):  # a fact tells of an error that is not the asker's
        raise ControlError(str(error))
    reply.pop("protocol", None)
    return reply
