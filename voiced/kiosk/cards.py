"""What there is to look at now, for a page that is opened later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from voiced.control.protocol import fact_reply
from voiced.conversation.commands import CardShown

MOST_CARDS: Final = 20
MOST_IMAGE_CHARS: Final = 6 * 2**20
"""Of all pictures together, in base64; an older card makes room. A picture that is larger by itself is not shown."""


@dataclass(frozen=True, slots=True)
class _Shown:
    card: Mapping[str, Any]
    ends_at: float | None
    image_chars: int


class Cards:
    """The cards that were shown and are not gone, bounded, oldest first."""

    def __init__(self) -> None:
        self._shown: dict[str, _Shown] = {}

    def show(self, fact: CardShown) -> dict[str, Any]:
        """One more, in the place of the one with its id. The fact as pages are told it."""
        message = fact_reply(fact, texts=True)
        card = message["card"]
        if len(card["image"] or "") > MOST_IMAGE_CHARS:
            card["image"] = None
        self._shown[fact.card.id] = _Shown(card, fact.card.ends_at, len(card["image"] or ""))
        while len(self._shown) > MOST_CARDS or self._image_chars() > MOST_IMAGE_CHARS:
            del self._shown[next(other for other in self._shown if other != fact.card.id)]
        return message

    def withdraw(self, card: str) -> None:
        """It is of no interest any more."""
        self._shown.pop(card, None)

    def at(self, now: float) -> list[Mapping[str, Any]]:
        """Those of interest at `now`, seconds since the epoch: not the countdowns that ended."""
        self._shown = {id_: each for id_, each in self._shown.items() if each.ends_at is None or each.ends_at > now}
        return [each.card for each in self._shown.values()]

    def _image_chars(self) -> int:
        return sum(each.image_chars for each in self._shown.values())
