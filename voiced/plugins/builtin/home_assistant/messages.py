"""What Home Assistant and its clients say over a WebSocket, from JSON and to it. Pure.

server: auth_required          client: auth (the token)
server: auth_ok | auth_invalid
client: {id, type, …}          server: {id, result}      each id once, and each larger than the one before
                               server: {id, event}       for each event that the command `id` subscribed to
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Json = Mapping[str, Any]

LARGE: Final = 64 * 1024
"""Characters. A longer message is read where it keeps nobody waiting, see `decode_large`."""

_LIST: Final = re.compile(r"\[\s*(?=\{)")
_COMMA: Final = re.compile(r"\s*,\s*")
_END: Final = re.compile(r"\s*\]")
_DECODER: Final = json.JSONDecoder()

STATES_CHANGED: Final = "state_changed"
REGISTRIES_CHANGED: Final = ("entity_registry_updated", "device_registry_updated", "area_registry_updated")


class Garbled(Exception):
    """This is no message of Home Assistant."""


@dataclass(frozen=True, slots=True)
class AuthWanted:
    """It wants the token."""


@dataclass(frozen=True, slots=True)
class AuthOk:
    """The token is right."""


@dataclass(frozen=True, slots=True)
class AuthInvalid:
    """The token is wrong."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The command `id` is done."""

    id: int
    result: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The command `id` is not done."""

    id: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class StateTold:
    """A device changed; `state` is None where it is gone."""

    entity_id: str
    state: Json | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegistryChanged:
    """A device, an area or a name in them changed."""


Fact = AuthWanted | AuthOk | AuthInvalid | Answered | Refused | StateTold | RegistryChanged


def auth(token: str) -> str:
    """The client's first message."""
    return json.dumps({"type": "auth", "access_token": token})


def command(number: int, kind: str, fields: Json) -> str:
    """A message of the command phase."""
    return json.dumps({"id": number, "type": kind, **fields})


def facts(text: str) -> list[Fact]:
    """What a message says: nothing where it is of no interest here. Raises Garbled."""
    return _facts(decode(text))


def large_facts(text: str) -> list[Fact]:
    """The same for a large message, in a thread. Raises Garbled."""
    return _facts(decode_large(text))


def decode(text: str) -> Any:
    """JSON. Raises Garbled."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Garbled("it is no JSON") from error


def decode_large(text: str) -> Any:
    """JSON of ten megabytes, in which a list of objects is most of it: read one by one. Raises Garbled.

    json.loads lets no other thread run until it is done: the sound would stutter.
    """
    start = _LIST.search(text)
    if start is None:
        return decode(text)
    try:
        items, end = _items(text, start.end())
        return _filled(json.loads(f"{text[: start.start()]}{_HOLE_JSON}{text[end:]}"), items)
    except (ValueError, RecursionError):  # it was in a text
        return decode(text)


_HOLE: Final = "\N{REPLACEMENT CHARACTER}list"
_HOLE_JSON: Final = json.dumps(_HOLE)


def _items(text: str, at: int) -> tuple[list[Any], int]:
    items = []
    while True:
        item, at = _DECODER.raw_decode(text, at)
        items.append(item)
        if comma := _COMMA.match(text, at):
            at = comma.end()
        elif end := _END.match(text, at):
            return items, end.end()
        else:
            raise ValueError("a list is not closed")


def _filled(value: Any, items: list[Any]) -> Any:
    if value == _HOLE:
        return items
    if isinstance(value, dict):
        return {key: _filled(inner, items) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, items) for inner in value]
    return value


def _facts(message: Any) -> list[Fact]:
    if not isinstance(message, dict | list):
        raise Garbled("it is no object")
    return list(_each(message))


def _each(message: Any) -> Iterator[Fact]:
    match message:
        case list():  # several at once, as it may send them where a client is slow
            for one in message:
                yield from _each(one)
        case {"type": "auth_required"}:
            yield AuthWanted()
        case {"type": "auth_ok"}:
            yield AuthOk()
        case {"type": "auth_invalid"}:
            yield AuthInvalid()
        case {"type": "result", "id": int(number), "success": True}:
            yield Answered(number, message.get("result"))
        case {"type": "result", "id": int(number)}:
            match message.get("error"):
                case {"code": code, "message": words}:
                    yield Refused(number, str(code), str(words)[:200])
                case _:
                    yield Refused(number, "unknown_error", "")
        case {"type": "event", "event": {"event_type": str(kind), "data": {**data}}}:
            if kind in REGISTRIES_CHANGED:
                yield RegistryChanged()
            elif kind == STATES_CHANGED and isinstance(entity_id := data.get("entity_id"), str):
                state = data.get("new_state")
                yield StateTold(entity_id, state if isinstance(state, dict) else None)
