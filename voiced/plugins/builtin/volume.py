"""How loud the assistant is, and whether it talks and listens."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from voiced.api import ToolContext, sentence, tool


@tool(
    sentences=[
        "(set|turn|change) [the] volume to {number:percent} [percent]",
        "volume {number:percent} [percent]",
    ],
    local=True,
)
async def set_volume(percent: Annotated[int, Field(ge=0, le=100)], context: ToolContext) -> str:
    """Set how loud the assistant speaks.

    Args:
        percent: 0 is silent, 100 is loudest.
    """
    context.set_volume(percent)
    return f"The volume is {percent} percent."


@tool(
    sentences=[
        sentence("louder", by=15),
        sentence("a (bit|little) louder", by=15),
        sentence("[turn [the]] volume up", by=15),
        sentence("turn (it|the sound) up|turn up the (volume|sound)", by=15),
        sentence("(speak|talk) (up|louder)", by=15),
        sentence("quieter", by=-15),
        sentence("a (bit|little) quieter", by=-15),
        sentence("[turn [the]] volume down", by=-15),
        sentence("turn (it|the sound) down|turn down the (volume|sound)", by=-15),
        sentence("(speak|talk) (quieter|more quietly)", by=-15),
        sentence("(not so loud|that's too loud)", by=-15),
    ],
    local=True,
)
async def change_volume(by: Annotated[int, Field(ge=-100, le=100)], context: ToolContext) -> str:
    """Make the assistant louder or quieter than it is now.

    Args:
        by: Percentage points: 15 is clearly louder, -15 clearly quieter.
    """
    before = context.volume
    percent = min(100, max(0, before + by))
    context.set_volume(percent)
    return f"The volume is {percent} percent; it was {before}."


@tool(sentences=["(mute|turn off|switch off) (the|your) microphone"])
async def mute_microphone(context: ToolContext) -> str:
    """Stop listening to the microphone.

    Call it only when the user clearly asks not to be listened to: afterwards no spoken request can undo it, only a
    person at the device.
    """
    context.mute(True)
    return "The microphone is off. To open it again, use the screen, the mute key, or the command voiced unmute."


@tool(
    sentences=[
        "stop",
        "stop (it|that|talking|speaking)",
        "cancel [that|it]",
        "never mind",
        "forget it",
        "be quiet",
        "shut up",
        "that's enough",
    ],
    local=True,
)
async def stop_talking(context: ToolContext) -> str:
    """Be silent at once, when the user asks to stop or to be quiet. Say nothing after it."""
    context.stop()
    return "Stopped."
