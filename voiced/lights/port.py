"""What the lights need of each thing that shines."""

from __future__ import annotations

from typing import Protocol

from voiced.lights.state import State


class Lamp(Protocol):
    """Shows one state at a time, and tells the log what it can't. Never raises, never takes long."""

    async def show(self, state: State) -> None:
        """Show it; returns when it is shown, or can't be."""

    async def close(self) -> None:
        """Show `off`, and let go of the hardware. Also while a `show` was cancelled and goes on in a thread."""
