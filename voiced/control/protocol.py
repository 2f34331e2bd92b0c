"""The control protocol: one JSON line asks, JSON lines answer; nothing here does I/O.

A client connects to the socket, writes one request line and reads until the daemon closes:

    {"do": "status"}                          -> {"status": {...}}
    {"do": "say", "text": "Dinner!"}          -> {"done": true}                 when it has been said
    {"do": "ask", "text": "What time is it?"} -> {"answer": "Half past six."}   when it has been answered
                                                 before it {"asks": "Shall I?"} for each question of a tool,
                                                 which another `ask` answers
    {"do": "follow"}                          -> {"status": {...}}, then {"fact": "FloorChanged", ...} as they happen
    {"do": "stop"}                            -> {"done": true}                 also mute, volume, reload
    {"do": "ptt", "action": "down"}           -> {"done": true}                 also up, toggle: the key to talk
    {"do": "history"}                         -> {"history": [{"who": "user", "text": "..."}, ...]}   the oldest first
    {"do": "plugins"}                         -> {"plugins": [{...}, ...]}      what `status` has of each
    {"do": "plugin", "name": "weather", "action": "disable"}  -> {"done": true}  also enable, reload
    {"do": "call", "tool": "get_weather", "arguments": {"city": "Oslo"}}  -> {"result": "Rain.", "ok": true}
    {"do": "quit"}                            -> {"done": true}                 and it closes when the daemon has ended
    anything else                             -> {"error": "one line that says what to do"}

A request may say which version of the protocol it is meant in, `"version": 1`; without it that is meant. The first
reply of a connection says which one the daemon speaks: `{"protocol": 1, "done": true}`. What is new is added: whoever
reads ignores what it does not know.

Lines end in a line feed and are UTF-8. `ask` takes pictures in base64; MAX_LINE bounds them. What people said is
in no status and no fact unless `follow` asks for it with `"texts": true`; `history` has it. `call` runs a tool as a
model's call does, and the conversation is told nothing of it: `result` is what the model would be told, `ok` whether
the tool worked.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from voiced.control.lines import MAX_LINE, VERSION
from voiced.conversation.commands import Fact
from voiced.conversation.events import Image, KeyAction
from voiced.errors import ControlError

MAX_TEXT: Final = 20_000
"""Characters of what is to be said or asked: far beyond what anybody listens to."""

MAX_PARTS: Final = 50_000
"""Values in a line: eight megabytes are read in some milliseconds as a picture, and in a second as small numbers."""

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

    version: Literal[1] = VERSION


class Status(Message):
    """How is it?"""

    do: Literal["status"] = "status"


class Follow(Message):
    """Every fact from now on. `texts`: with what people say and hear."""

    do: Literal["follow"] = "follow"
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


class Ptt(Message):
    """The key to talk: pressed, let go, or whichever it is not."""

    do: Literal["ptt"] = "ptt"
    action: KeyAction


class Volume(Message):
    """How loud, 0 to 100."""

    do: Literal["volume"] = "volume"
    percent: int = Field(ge=0, le=100)


class Reload(Message):
    """Read configuration and plugins anew."""

    do: Literal["reload"] = "reload"


class History(Message):
    """What was said lately, by both sides."""

    do: Literal["history"] = "history"


class Quit(Message):
    """End, as on SIGTERM."""

    do: Literal["quit"] = "quit"


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


Request = Status | Follow | Say | Ask | Stop | Mute | Ptt | Volume | History | Reload | Quit | Plugins | Plugin | Call


class _Versioned(BaseModel):
    """A request of which nothing but the version is looked at."""

    version: Literal[1] = VERSION


_REQUESTS: Final = {kind.model_fields["do"].default: kind for kind in Request.__args__}
_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="do")])
_VERSIONED: TypeAdapter[_Versioned] = TypeAdapter(_Versioned)
_Kind = TypeVar("_Kind", bound=Message)


def parse_request(line: bytes) -> Request:
    """The request in one line. Raises ControlError that says what is wrong with it, and quotes no more than a name."""
    if len(line) > MAX_PARTS and sum(map(line.count, (b",", b"[", b"{"))) > MAX_PARTS:
        raise ControlError(f"this request has more than {MAX_PARTS} parts; send less at once")
    try:
        return _REQUEST.validate_json(line)
    except ValidationError as error:
        raise ControlError(_complaint(_of_version(line) or error)) from None


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


def fact_reply(fact: Fact, *, texts: bool, images: bool = True) -> dict[str, Any]:
    """A fact as `follow` sends it. What its repr hides, which is what people said, needs `texts`.

    A picture is a data URL; without `texts` or `images` it is its media type alone.
    """
    return {"fact": type(fact).__name__, **_shown(fact, texts=texts, images=images)}


def data_url(image: Image) -> str:
    """A picture as a page shows it."""
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"


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


def _shown(value: Any, *, texts: bool, images: bool) -> dict[str, Any]:
    """The fields of a fact, or of what is in it."""
    members = {each.name: getattr(value, each.name) for each in dataclasses.fields(value) if each.repr or texts}
    return {name: _plain(member, texts=texts, images=images) for name, member in members.items()}


def _plain(value: Any, *, texts: bool, images: bool) -> Any:
    if isinstance(value, Image):
        return data_url(value) if texts and images else value.media_type
    if dataclasses.is_dataclass(value):
        return _shown(value, texts=texts, images=images)
    return value


def _of_version(line: bytes) -> ValidationError | None:
    """What is wrong with the version of a request that is wrong: all else may follow from it."""
    try:
        _VERSIONED.validate_json(line, strict=True)
    except ValidationError as error:
        if error.errors()[0]["loc"] == ("version",):
            return error
    return None


def _complaint(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    if problem["loc"][-1:] == ("version",):
        return f'this voiced speaks version {VERSION} of the control protocol: send "version": {VERSION}, or none'
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
