"""The messages of a chat: as a plugin writes them, as they are sent, and shorter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, get_args

from voiced.ai import attachments
from voiced.ai.attachments import HasData, ImageSource
from voiced.ai.sendable import sendable
from voiced.errors import RequestRejected

Message = Mapping[str, Any]
"""`role` and `content`, as the API has them. A picture in a part may be anything that `ImageSource` is."""

Messages = str | Sequence[Message]
"""What the user says, or the whole conversation."""

Detail = Literal["auto", "low", "high"]
"""How well a picture is looked at; "low" costs least."""

_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_INSTRUCTIONS: Final = ("system", "developer")

HALF: Final = 0.5
"""So much of a conversation is kept where the server does not say how much too long it is."""

MARGIN: Final = 0.8
"""Of what the server says that there is room for: characters are no tokens."""

_TOKENS: Final = re.compile(r"(\d[\d,]*) tokens")


async def written(
    messages: Messages, *, instructions: str = "", images: Sequence[ImageSource] = (), detail: Detail = "auto"
) -> list[dict[str, Any]]:
    """The messages as they are sent. Files are read in threads. Raises RequestRejected.

    `instructions` come first, as a system message. `images` go with what the user said last.
    """
    if detail not in get_args(Detail):
        raise RequestRejected(f"chat: detail is {detail!r}: write {', '.join(get_args(Detail))}")
    if isinstance(messages, Mapping) or not isinstance(messages, Iterable):
        raise RequestRejected("chat: the messages must be a text, or a list of messages")
    said = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    found = _copied(said)
    if not found:
        raise RequestRejected("chat: there are no messages: give at least one")
    for message in found:
        if isinstance(message.get("content"), list):
            message["content"] = [await _part(part, detail) for part in message["content"]]
    if images:
        await _attach(found, images, detail)
    return [{"role": "system", "content": sendable(instructions)}, *found] if instructions else found


def shorter(messages: Sequence[Message], reason: str) -> list[Message] | None:
    """Without the oldest turns; None where there is only one left.

    Instructions and the last turn stay: what the user said last, and all that came after it. A turn goes as a whole, so
    that calls and their results stay together. `reason`: what the server said, which may tell how much is too much.
    """
    turns = [list(turn) for turn in _turns(messages)]
    if len(turns) < 2:
        return None
    room = _share(reason) * sum(map(_weight, messages))
    room -= sum(_weight(message) for message in messages if message["role"] in _INSTRUCTIONS)
    dropped: set[int] = set()
    sizes = [sum(_weight(messages[place]) for place in turn) for turn in turns]
    while len(turns) > 1 and (not dropped or sum(sizes) > room):
        dropped.update(turns.pop(0))
        sizes.pop(0)
    return [message for place, message in enumerate(messages) if place not in dropped]


def mention_json(messages: Sequence[Message]) -> bool:
    """Whether the model is told of JSON, without which servers refuse their JSON mode."""
    return any("json" in text.lower() for message in messages for text in _texts(message))


def _copied(messages: Sequence[Message]) -> list[dict[str, Any]]:
    found = []
    for place, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise RequestRejected(f"chat: message {place} is no mapping: write {{'role': 'user', 'content': ...}}")
        if (role := message.get("role")) not in _ROLES:
            raise RequestRejected(f"chat: message {place} has the role {role!r}: write one of {', '.join(_ROLES)}")
        copied = dict(message)
        if isinstance(content := message.get("content"), str):
            copied["content"] = sendable(content)
        elif isinstance(content, Sequence) and not isinstance(content, bytes):
            copied["content"] = list(content)
        elif content is not None or role not in ("assistant", "function"):
            raise RequestRejected(f"chat: message {place} has no content: give a text, or a list of parts")
        found.append(copied)
    return found


async def _part(part: Any, detail: Detail) -> Any:
    """One part of a content, its picture as the server takes it."""
    match part:
        case str():
            return {"type": "text", "text": sendable(part)}
        case {"type": "text", "text": str() as text}:
            return {**part, "text": sendable(text)}
        case {"type": "image_url", "image_url": {"url": source, **more}}:
            return {**part, "image_url": {**more, "url": await attachments.image_url(source)}}
        case {"type": "image_url", "image_url": source}:
            return await _picture(source, detail)
        case _ if isinstance(part, HasData):
            return await _picture(part, detail)
        case {"type": str()}:
            return part
    raise RequestRejected("chat: a part of a message has no type: write {'type': 'text', 'text': ...}")


async def _picture(source: ImageSource, detail: Detail) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": await attachments.image_url(source), "detail": detail}}


async def _attach(messages: list[dict[str, Any]], images: Sequence[ImageSource], detail: Detail) -> None:
    if isinstance(images, str | bytes) or not isinstance(images, Sequence):
        raise RequestRejected("chat: images must be a list of pictures")
    said = next((message for message in reversed(messages) if message["role"] == "user"), None)
    if said is None:
        raise RequestRejected("chat: pictures go with what a user says: give a message with the role user")
    parts = said["content"] if isinstance(said["content"], list) else [{"type": "text", "text": said["content"]}]
    said["content"] = [*parts, *[await _picture(image, detail) for image in images]]


def _turns(messages: Sequence[Message]) -> Iterator[list[int]]:
    """Places of the messages of each turn; instructions belong to none."""
    turn: list[int] = []
    for place, message in enumerate(messages):
        if message["role"] in _INSTRUCTIONS:
            continue
        if message["role"] == "user" and turn:
            yield turn
            turn = []
        turn.append(place)
    if turn:
        yield turn


def _share(reason: str) -> float:
    """How much of the conversation may stay."""
    told = [int(number.replace(",", "")) for number in _TOKENS.findall(reason)]
    if len(told) >= 2 and 0 < told[0] < told[1]:
        return MARGIN * told[0] / told[1]
    return HALF


def _weight(message: Message) -> int:
    """About, in characters; a picture has as many tokens as a page of text."""
    parts = message.get("content")
    pictures = sum(part.get("type") == "image_url" for part in parts) if isinstance(parts, list) else 0
    return sum(map(len, _texts(message))) + len(str(message.get("tool_calls") or "")) + 4000 * pictures


def _texts(message: Message) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        if isinstance(text := part.get("text"), str):
            yield text
