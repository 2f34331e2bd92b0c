"""The control protocol: one JSON line asks, JSON lines answer; nothing here does I/O.

A client connects to the socket, writes one request line and reads until the daemon closes:

    {"do": "status"}                          -> {"status": {...}}
    {"do": "say", "text": "Dinner!"}          -> {"done": true}                 when it has been said
    {"do": "ask", "text": "What time is it?"} -> {"answer": "Half past six."}   when it has been answered
                                                 before it {"asks": "Shall I?"} for each question of a tool,
                                                 which another `ask` answers
    {"do": "watch"}                           -> {"status": {...}}, then {"fact": "FloorChanged", ...} as they happen
    {"do": "stop"}                            -> {"done": true}                 also mute, volume, reload
    {"do": "plugins"}                         -> {"plugins": [{...}, ...]}      what `status` has of each
    {"do": "plugin", "name": "weather", "action": "disable"}  -> {"done": true}  also enable, reload
    {"do": "call", "tool": "get_weather", "arguments": {"city": "Oslo"}}  -> {"result": "Rain.", "ok": true}
    anything else                             -> {"error": "one line that says what to do"}

Lines end in a line feed and are UTF-8. `ask` takes pictures in base64; MAX_LINE bounds them. What people said is
in no status and no fact unless `watch` asks for it with `"texts": true`. `call` runs a tool as a model's call does, and
the conversation is told nothing of it: `result` is what the model would be told, `ok` whether the tool worked.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from voiced.conversation.commands import Fact
from voiced.conversation.events import Image
from voiced.errors import ControlError

MAX_LINE: Final = 8 * 2**20
"""Bytes of the longest line. Five megabytes of pictures fit in base64; a few clients at once do no harm to a Pi."""

MAX_TEXT: Final = 20_000
"""Characters of what is to be said or asked: far beyond what anybody listens to."""

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]

PICTURES: Final[Mapping[bytes, Literal["image/png", "image/jpeg"]]] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}
"""How the files that a brain can look at begin."""


class Message(BaseModel):
    """A request; its `do` names it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Status(Message):
    """How is it?"""

    do: Literal["status"] = "status"


class Watch(Message):
    """Every fact from now on. `texts`: with what people say and hear."""

    do: Literal["watch"] = "watch"
    texts: bool = False


class Say(Message):
    """Say this aloud when nobody holds the floor."""

    do: Literal["say"] = "say"
    text: _Text = Field(repr=False)


class Ask(Message):
    """Answer this, aloud and in the reply. `images`: whole PNG or JPEG files in base64."""

    do: Literal["ask"] = "ask"
    text: _Text = Field(repr=False)
    images: tuple[str, ...] = Field(default=(), max_length=10, repr=False)


class Stop(Message):
    """Be quiet now."""

    do: Literal["stop"] = "stop"


class Mute(Message):
    """Listen no more, or again."""

    do: Literal["mute"] = "mute"
    muted: bool = True


class Volume(Message):
    """How loud, 0 to 100."""

    do: Literal["volume"] = "volume"
    percent: int = Field(ge=0, le=100)


class Reload(Message):
    """Read configuration and plugins anew."""

    do: Literal["reload"] = "reload"


class Plugins(Message):
    """Which plugins are there, and how are they?"""

    do: Literal["plugins"] = "plugins"


PluginAction = Literal["enable", "disable", "reload"]


class Plugin(Message):
    """Switch one plugin on or off, also for the next start; or load it anew."""

    do: Literal["plugin"] = "plugin"
    name: _Name
    action: PluginAction


class Call(Message):
    """Run a tool, and answer with what it returned. `arguments`: by name."""

    do: Literal["call"] = "call"
    tool: _Name
    arguments: dict[str, Any] = Field(default_factory=dict, repr=False)


Request = Status | Watch | Say | Ask | Stop | Mute | Volume | Reload | Plugins | Plugin | Call

_REQUESTS: Final = {kind.model_fields["do"].default: kind for kind in Request.__args__}
_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="do")])
_Kind = TypeVar("_Kind", bound=Message)


def parse_request(line: bytes) -> Request:
    """The request in one line. Raises ControlError that says what is wrong with it, and quotes no more than a name."""
    try:
        return _REQUEST.validate_json(line)
    except ValidationError as error:
        raise ControlError(_complaint(error)) from None


def request(kind: type[_Kind], **values: Any) -> _Kind:
    """The request that somebody typed. Raises ControlError that says what is wrong with it."""
    try:
        return kind(**values)
    except ValidationError as error:
        raise ControlError(_complaint(error)) from None


def request_line(request: Request) -> bytes:
    """`request` as a client sends it. Raises ControlError if it is too long."""
    line = request.model_dump_json().encode() + b"\n"
    if len(line) <= MAX_LINE:
        return line
    if isinstance(request, Ask):
        raise ControlError(
            f"the pictures are too large: {MAX_LINE * 3 // 4 // 2**20} MB in all at most; make them smaller"
        )
    raise ControlError(f"this request is too large: {MAX_LINE // 2**20} MB at most")


def reply_line(reply: Mapping[str, Any]) -> bytes:
    """A reply or a fact as the daemon sends it."""
    return json.dumps(reply, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def parse_reply(line: bytes) -> dict[str, Any]:
    """What the daemon answered. Raises ControlError for an error and for what is no reply."""
    try:
        reply = json.loads(line)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise ControlError(
            "the daemon answered something that is no reply; are voiced and the daemon the same version?"
        )
    if error := reply.get("error"):
        raise ControlError(str(error))
    return reply


def fact_reply(fact: Fact, *, texts: bool) -> dict[str, Any]:
    """A fact as `watch` sends it. What its repr hides, which is what people said, needs `texts`."""
    shown = {each.name: _plain(getattr(fact, each.name)) for each in dataclasses.fields(fact) if each.repr or texts}
    return {"fact": type(fact).__name__, **shown}


def images_of(ask: Ask) -> tuple[Image, ...]:
    """The pictures of a request. Raises ControlError where one is no PNG or JPEG."""
    images = []
    for number, text in enumerate(ask.images, start=1):
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ControlError(f"picture {number} is not base64") from None
        images.append(image_of(data, f"picture {number}"))
    return tuple(images)


def image_of(data: bytes, name: str) -> Image:
    """The picture in a file's bytes. Raises ControlError where it is no PNG or JPEG."""
    for start, media_type in PICTURES.items():
        if data.startswith(start):
            return Image(media_type, data)
    raise ControlError(f"{name} is no PNG or JPEG file; convert it")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value


def _complaint(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    match problem["type"]:
        case "json_invalid":
            return 'this line is not JSON; send for example {"do": "status"}'
        case "union_tag_not_found" | "dict_type" if not problem["loc"]:
            return 'this is no request; send for example {"do": "status"}'
        case "union_tag_invalid":
            return f"no such request; there are {', '.join(_REQUESTS)}"
        case "extra_forbidden":
            do, name = problem["loc"][0], problem["loc"][-1]
            return f"{do} has no {str(name)[:40]!r}; it has {', '.join(_REQUESTS[str(do)].model_fields)}"
        case "string_too_short":
            return f"the {problem['loc'][-1]} is empty"
        case "string_unicode":
            return f"the {problem['loc'][-1]} is not UTF-8"
        case _:
            where = ".".join(str(part) for part in problem["loc"])
            return f"{where}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
