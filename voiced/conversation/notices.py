"""What the assistant says of its own troubles, once each, after the next answer."""

from __future__ import annotations

from typing import Final

from voiced.conversation.events import BrainName, Cause

_CAUSES: Final[dict[Cause, str]] = {
    "key": "I have no key that the cloud accepts.",
    "credit": "The account in the cloud has no credit left.",
    "access": "My key may not use the model that is set.",
    "settings": "The cloud refuses my settings.",
    "": "The cloud refuses to talk to me.",
}

_MEANWHILE: Final[dict[BrainName, str]] = {
    "realtime": "",
    "cascade": "Until that is mended I answer in a slower way.",
    "offline": "Until that is mended I answer by myself, and understand only a few things.",
}


def refused(cause: Cause, now_in_use: BrainName) -> str:
    """Why the better brain is not in use, and what that means."""
    return f"{_CAUSES[cause]} {_MEANWHILE[now_in_use]}".rstrip()
