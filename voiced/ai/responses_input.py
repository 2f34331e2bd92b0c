"""The input of a response: as a plugin writes it, and as it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, get_args

from voiced.ai import attachments
from voiced.ai.attachments import HasData, ImageSource
from voiced.ai.sendable import sendable
from voiced.errors import RequestRejected

Item = Mapping[str, Any]
"""A message with `role` and `content`, or another item as the API has them: its `type`. A picture in a part may be
anything that `ImageSource` is.
"""

Input = str | Sequence[Item]
"""What the user says, or items."""

Detail = Literal["auto", "low", "high", "original"]
"""How well a picture is looked at; "low" costs least."""

_ROLES: Final = ("user", "assistant", "system", "developer")
_NO_ROLES: Final = ("tool", "function")


async def written(
    given: Input, *, images: Sequence[ImageSource] = (), detail: Detail = "auto", goes_on: bool = False
) -> str | list[dict[str, Any]]:
    """The input as it is sent. Files are read in threads. Raises RequestRejected.

    `images` go with what the user said last. `goes_on`: there is a conversation before it, so that it may be empty.
    """
    if detail not in get_args(Detail):
        raise RequestRejected(f"responses: detail is {detail!r}: write {', '.join(get_args(Detail))}")
    if isinstance(given, str):
        text = sendable(given)
        if not text.strip() and not images and not goes_on:
            raise RequestRejected("responses: there is no input: say something")
        if not images:
            return text
        given = [{"role": "user", "content": [_text(text, "user")] if text.strip() else []}]
    if isinstance(given, bytes | Mapping) or not isinstance(given, Sequence):
        raise RequestRejected("responses: the input must be a text, or a list of messages and other items")
    found = [await _item(item, place, detail) for place, item in enumerate(given)]
    if not found and not goes_on:
        raise RequestRejected("responses: the input is empty: give at least one message")
    if images:
        await _attach(found, images, detail)
    return found


def items_of(given: str | Sequence[Item]) -> list[dict[str, Any]]:
    """What was `written`, as items."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}] if given else []
    return [dict(item) for item in given]


def mentions_json(body: Mapping[str, Any]) -> bool:
    """Whether the input speaks of JSON, without which servers refuse their JSON mode."""
    return any("json" in text.lower() for item in items_of(body.get("input", "")) for text in _texts(item))


async def _item(item: Any, place: int, detail: Detail) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise RequestRejected(f"responses: item {place} is no mapping: write {{'role': 'user', 'content': ...}}")
    role, kind = item.get("role"), item.get("type")
    if role in _NO_ROLES or "tool_calls" in item:
        raise RequestRejected(
            f"responses: item {place} is a message of chat completions: here calls are items of the type "
            "function_call, and what came of them function_call_output"
        )
    if kind not in (None, "message") or (role is None and "id" in item):
        return dict(item)
    if role not in _ROLES:
        raise RequestRejected(f"responses: item {place} has the role {role!r}: write one of {', '.join(_ROLES)}")
    content = item.get("content")
    if isinstance(content, str):
        return {**item, "content": sendable(content)}
    if isinstance(content, bytes | Mapping) or not isinstance(content, Sequence):
        raise RequestRejected(f"responses: item {place} has no content: give a text, or a list of parts")
    return {**item, "content": [await _part(part, str(role), detail) for part in content]}


async def _part(part: Any, role: str, detail: Detail) -> dict[str, Any]:
    """One part of a content. Those of chat completions are called otherwise, and taken too."""
    match part:
        case str():
            return _text(part, role)
        case {"type": "text", "text": str() as text}:
            return _text(text, role)
        case {"type": "input_text" | "output_text", "text": str() as text}:
            return {**part, "text": sendable(text)}
        case {"type": "image_url", "image_url": {"url": source, **more}}:
            return await _picture(source, str(more.get("detail", detail)))
        case {"type": "image_url", "image_url": source}:
            return await _picture(source, detail)
        case {"type": "input_image", "image_url": source} if source is not None:
            return {**part, **await _picture(source, str(part.get("detail", detail)))}
        case {"type": "input_image"}:
            return {"detail": detail, **part}
        case _ if isinstance(part, HasData):
            return await _picture(part, detail)
        case {"type": str()}:
            return dict(part)
    raise RequestRejected("responses: a part of a message has no type: write {'type': 'input_text', 'text': ...}")


async def _picture(source: ImageSource, detail: str) -> dict[str, Any]:
    return {"type": "input_image", "image_url": await attachments.image_url(source), "detail": detail}


async def _attach(found: list[dict[str, Any]], images: Sequence[ImageSource], detail: Detail) -> None:
    if isinstance(images, str | bytes) or not isinstance(images, Sequence):
        raise RequestRejected("responses: images must be a list of pictures")
    said = next((item for item in reversed(found) if item.get("role") == "user"), None)
    if said is None:
        raise RequestRejected("responses: pictures go with what a user says: give a message with the role user")
    parts = said["content"] if isinstance(said["content"], list) else [_text(said["content"], "user")]
    said["content"] = [*parts, *[await _picture(image, detail) for image in images]]


def _text(text: str, role: str) -> dict[str, Any]:
    return {"type": "output_text" if role == "assistant" else "input_text", "text": sendable(text)}


def _texts(item: Item) -> list[str]:
    content = item.get("content")
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list) else []
    return [part["text"] for part in parts if isinstance(part.get("text"), str)]
