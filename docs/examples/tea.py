"""Calls when the tea is ready: something is announced later, in a silence."""

from datetime import timedelta
from enum import Enum

from voiced.api import ToolContext, tool


class Tea(Enum):
    BLACK = "black"
    GREEN = "green"
    PEPPERMINT = "peppermint"


MINUTES = {Tea.BLACK: 4, Tea.GREEN: 2, Tea.PEPPERMINT: 8}


@tool(
    sentences=["(call|tell) me when the {tea} tea is ready", "I am making {tea} tea"],
    permissions=["say"],
)
async def watch_tea(tea: Tea, context: ToolContext) -> str:
    """Tell the user when their tea has drawn long enough.

    Args:
        tea: Which tea they make.
    """

    async def call() -> None:
        context.announce(f"Your {tea.value} tea is ready.", earcon="alarm")

    minutes = MINUTES[tea]
    context.call_after(timedelta(minutes=minutes), call)
    return f"I will call you in {minutes} minutes."
