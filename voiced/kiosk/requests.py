"""What a page may ask for: some of the control protocol, and to be the microphone and loudspeaker."""

from __future__ import annotations

import json
from typing import Final, Literal

from pydantic import Field, ValidationError

from voiced.control import protocol
from voiced.errors import ControlError

LONGEST: Final = 128 * 1024
"""Characters of one request: the longest question there may be, and what JSON may make of it."""


class UseSound(protocol.Message):
    """This page is (not) the microphone and loudspeaker from now on.

    `rate`: Hz of the microphone's sound. `latency_ms`: from the browser's audio system to the ear, as far as it knows.
    """

    do: Literal["sound"] = "sound"
    on: bool
    rate: int = Field(default=48_000, ge=8_000, le=96_000)
    latency_ms: int = Field(default=0, ge=0, le=1000)


Known = (
    protocol.Ask | protocol.Stop | protocol.Mute | protocol.Volume | protocol.Ptt | protocol.Status | protocol.History
)


def parse(text: str) -> Known | UseSound:
    """What a page asks for. Raises ControlError that says what is wrong with it."""
    if len(text) > LONGEST:
        raise ControlError(f"this is longer than {LONGEST} characters; ask something shorter")
    if _named(text) == "sound":
        return _use_sound(text)
    request = protocol.parse_request(text.encode("utf-8", "replace"))
    if not isinstance(request, Known):
        raise ControlError(f"a page can't ask for {request.do!r}; the command line can")
    return request


def _named(text: str) -> object:
    try:
        return json.loads(text)["do"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _use_sound(text: str) -> UseSound:
    try:
        return UseSound.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise ControlError(f"sound.{where}: {problem['msg'][0].lower()}{problem['msg'][1:]}") from None
