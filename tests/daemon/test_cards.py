"""A card of a plugin becomes a fact, and nothing of what is on it comes into the log."""

from __future__ import annotations

from collections.abc import Callable

from tests.daemon.household import Household
from voiced.conversation.commands import CardGone, CardShown

NOTICE = r"""
from voiced.api import Plugin, tool

class Board(Plugin):
    async def setup(self, context):
        context.show("note", title="SECRET", text="SECRET", image=b"\x89PNG\r\n\x1a\nSECRET", ends_at=1e9)

    @tool
    async def read(self):
        'Read the board.'
"""


async def test_a_card_is_told_to_who_watches_and_to_no_log(household: Callable[..., Household]) -> None:
    async with household([]) as home:
        home.write_plugin("board", NOTICE)
        await home.ready()
        await home.plugins_are_loaded()
        card = (await home.next(CardShown)).card
        assert card.id == "board/note"
        assert card.title == card.text == "SECRET"
        home.daemon.reload_plugins()
        assert await home.next(CardGone) == CardGone("board/note")
        assert await home.next(CardShown) == CardShown(card)
        assert "SECRET" not in str(home.log) + repr(home.facts)
