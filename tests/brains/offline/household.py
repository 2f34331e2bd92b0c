"""A household's tools, for tests of understanding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voiced.conversation.events import Sentence, ToolSpec

INTEGER = {"type": "integer"}
TEXT = {"type": "string"}
TEXT_OR_NOT = {"anyOf": [{"type": "string"}, {"type": "null"}]}
ROOMS = ("office", "kitchen", "living room", "bedroom", "hall")


def tool(
    name: str,
    *sentences: str | Sentence,
    arguments: Mapping[str, Any] | None = None,
    lists: Mapping[str, Mapping[str, Any]] | None = None,
    local: bool = False,
) -> ToolSpec:
    """As the plugin host describes a tool: all arguments are required, those with a default can be null."""
    arguments = arguments or {}
    return ToolSpec(
        name,
        f"{name}.",
        {"type": "object", "properties": arguments, "required": list(arguments), "additionalProperties": False},
        tuple(Sentence(said) if isinstance(said, str) else said for said in sentences),
        lists or {},
        local,
    )


LIGHTS = tool(
    "light",
    "turn {state} [the] {room} light[s]",
    "turn [the] {room} light[s] {state}",
    "switch {state} [the] {room} light[s]",
    arguments={"state": {"type": "string", "enum": ["on", "off"]}, "room": TEXT},
    lists={"room": {room: room for room in ROOMS}},
)
ROBOT = tool("walk", "go (forward|back) {number:metres} meter[s]", arguments={"metres": INTEGER})
TIMER = tool(
    "set_timer",
    "(set|start) (a|the) timer for {duration:duration_s}",
    "(set|start) a {duration:duration_s} timer",
    arguments={"duration_s": INTEGER, "name": TEXT_OR_NOT},
)
ALARM = tool(
    "set_alarm",
    "set (an|the) alarm (for|at) {time}",
    "wake me [up] at {time}",
    arguments={"time": TEXT, "day": TEXT_OR_NOT},
)
CLOCK = tool("get_time", "what time is it [now]", "(what is|what's) the time")
VOLUME = tool(
    "set_volume",
    "(set|turn) [the] volume to {number:percent} [percent]",
    "volume {number:percent} [percent]",
    arguments={"percent": INTEGER},
    local=True,
)
LOUDER = tool(
    "change_volume",
    Sentence("(louder|[turn [the]] volume up)", {"by": 15}),
    Sentence("(quieter|[turn [the]] volume down)", {"by": -15}),
    arguments={"by": INTEGER},
    local=True,
)
STOP = tool("stop_talking", "stop [talking]", "cancel [that]", "never mind", "be quiet", local=True)

HOUSEHOLD = (CLOCK, TIMER, ALARM, LIGHTS, ROBOT, VOLUME, LOUDER, STOP)
