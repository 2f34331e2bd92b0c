"""How loud the assistant is, and whether it talks and listens."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from voiced.api import ToolContext, tool


@tool
async def set_volume(percent: Annotated[int, Field(ge=0, le=100)], context: ToolContext) -> str:
    """Set how loud the assistant speaks.

    Args:
        percent: 0 is silent, 100 is loudest.
    """
    context.set_volume(percent)
    return f"The volume is {percent} percent."


@tool
async def change_volume(by: Annotated[int, Field(ge=-100, le=100)], context: ToolContext) -> str:
    """Make the assistant louder or quieter than it is now.

    Args:
        by: Percentage points: 15 is clearly louder, -15 clearly quieter.
    """
    before = context.volume
    percent = min(100, max(0, before + by))
    context.set_volume(percent)
    return f"The volume is {percent} percent; it was {before}."


@tool
async def mute_microphone(context: ToolContext) -> str:
    """Stop listening to the microphone.

    Call it only when the user clearly asks not to be listened to: afterwards no spoken request can undo it, only a
    person at the device.
    """
    context.mute(True)
    return "The microphone is off."


@tool
async def stop_talking(context: ToolContext) -> str:
    """Be silent at once, when the user asks to stop or to be quiet. Say nothing after it."""
    context.stop()
    return "Stopped."
