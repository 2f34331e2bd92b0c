"""Saving what a plugin keeps, with a warning for the user where that failed."""

from __future__ import annotations

from voiced.api import StateError, ToolContext


async def kept(context: ToolContext, value: object) -> str:
    """Save it; "", or what to add to the answer: the change itself is not taken back."""
    try:
        await context.save_state(value)
    except StateError as error:
        context.log.error("what changed is not saved", reason=str(error))
        return f" If voiced restarts, this is lost. {error}"
    return ""
