"""What both sides of the comparison agree on."""

from __future__ import annotations

from typing import Final

from voiced.conversation.settings import TurnSettings

CARD_RATE: Final = 24_000
"""Hz. No resampling on either side; and each 20 ms block is one frame, which the wire shows again unchanged."""

HANGOVER_MS: Final = 300
"""Shorter than voiced's own, to save time; no figure counts it."""

TURN: Final = TurnSettings(hangover_ms=HANGOVER_MS)

TOOLS: Final = ("echo", "echo_plain")
"""`async def`, which voiced runs on its loop, and `def`, which voiced runs in a thread. The floor just calls it."""
