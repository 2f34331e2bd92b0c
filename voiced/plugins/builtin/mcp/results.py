"""What a tool of a server gave, as the model is told of it."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING, Final

from voiced.api import Image, Result, ToolError

if TYPE_CHECKING:
    from mcp.types import CallToolResult, ContentBlock

MOST_IMAGES: Final = 4
IMAGE_BYTES: Final = 5 * 1000**2

_MAGIC: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
"""A file is what it begins with: servers err about its type."""


def read(result: CallToolResult) -> Result:
    """Raises ToolError with the server's words where it says that the call failed."""
    images: list[Image] = []
    told: list[str] = []
    for block in result.content:
        image = _image(block) if len(images) < MOST_IMAGES else None
        if image:
            images.append(image)
        elif text := _text(block):
            told.append(text)
    text = "\n".join(told)
    if result.is_error:
        raise ToolError(text or "It failed, and does not say why.")
    if not text and result.structured_content is not None:
        return Result(result.structured_content, images=tuple(images))
    return Result(text or ("Here it is." if images else "done"), images=tuple(images))


def _image(block: ContentBlock) -> Image | None:
    if block.type != "image" or len(block.data) > IMAGE_BYTES * 4 // 3 + 4:
        return None
    try:
        data = b64decode(block.data, validate=True)
    except (binascii.Error, ValueError):
        return None
    return Image(data) if data.startswith(_MAGIC) and len(data) <= IMAGE_BYTES else None


def _text(block: ContentBlock) -> str:
    match block.type:
        case "text":
            return block.text
        case "image":
            return f"[A picture that can't be shown: {_short(block.mime_type)}.]"
        case "audio":
            return f"[A sound that can't be played: {_short(block.mime_type)}.]"
        case "resource_link":
            about = f", {_short(block.description)}" if block.description else ""
            return f"[{_short(block.title or block.name)}{about}: {_short(block.uri)}]"
        case "resource":
            held = block.resource
            text = getattr(held, "text", None)
            return text if isinstance(text, str) else f"[A file that is no text: {_short(held.uri)}.]"


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"
