"""Rolls dice: one function is a whole plugin."""

import random
from typing import Annotated

from pydantic import Field

from voiced.api import tool


@tool(sentences=["roll (a|the) (die|dice)", "roll {number:count} dice"])
def roll_dice(count: Annotated[int, Field(ge=1, le=10)] = 1, sides: Annotated[int, Field(ge=1, le=100)] = 6) -> str:
    """Roll dice.

    Args:
        count: How many dice.
        sides: How many sides each has.
    """
    eyes = [random.randint(1, sides) for _ in range(count)]
    rolled = " and ".join(map(str, eyes))
    return f"I rolled {rolled}." if count == 1 else f"I rolled {rolled}, {sum(eyes)} in all."
