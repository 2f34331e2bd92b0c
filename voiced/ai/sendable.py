"""Texts that can be sent."""

from __future__ import annotations


def sendable(text: str) -> str:
    """With a ? for each half of a character, which no JSON takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
