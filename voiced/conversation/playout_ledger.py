"""What was received, played and HEARD of each item: the only truncation arithmetic.

An item is *outstanding* from its first sound until it was drained or flushed. It is *audible* while more of it was
received than played and no flush was ordered. Heard is min(played, received), in samples of the device's own clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from voiced.audio import Ms, Samples, to_ms
from voiced.conversation.events import BY_THE_DEVICE, ItemId, ReplyId, SessionId


@dataclass(slots=True)
class Entry:
    """One outstanding item."""

    session: SessionId
    reply: ReplyId
    turn: int
    received: Samples = Samples(0)
    played: Samples = Samples(0)
    complete: bool = False
    """No more sound of it will come."""
    flushing: bool = False

    @property
    def heard(self) -> Samples:
        return Samples(min(self.played, self.received))

    @property
    def heard_ms(self) -> Ms:
        return to_ms(self.heard)

    @property
    def received_ms(self) -> Ms:
        return to_ms(self.received)

    @property
    def wholly_heard(self) -> bool:
        return self.complete and self.heard == self.received


class PlayoutLedger:
    """The outstanding items, in the order in which they are played."""

    def __init__(self) -> None:
        self._entries: dict[ItemId, Entry] = {}

    def receive(self, item: ItemId, session: SessionId, reply: ReplyId, turn: int, samples: Samples) -> None:
        entry = self._entries.setdefault(item, Entry(session, reply, turn))
        entry.received = Samples(entry.received + samples)

    def complete(self, item: ItemId) -> bool:
        """No more of the item comes. True the first time for an outstanding item."""
        entry = self._entries.get(item)
        if entry is None or entry.complete:
            return False
        entry.complete = True
        return True

    def played(self, item: ItemId, played: Samples) -> None:
        entry = self._entries.get(item)
        if entry is not None:
            entry.played = Samples(max(entry.played, played))

    def settle(self, item: ItemId, played: Samples) -> Entry | None:
        """The loudspeaker is done with the item, drained or flushed: take it out, with what was heard of it."""
        self.played(item, played)
        return self._entries.pop(item, None)

    def flush(self, *, turn: int | None = None, reply: ReplyId | None = None) -> tuple[ItemId, ...]:
        """Mark all items (or those of one turn, or reply) as flushed; returns those that were not yet."""
        items = tuple(
            item
            for item, entry in self._entries.items()
            if not entry.flushing and turn in (None, entry.turn) and reply in (None, entry.reply)
        )
        for item in items:
            self._entries[item].flushing = True
        return items

    def flushing(self, item: ItemId) -> bool:
        """A flush of it was ordered, and is not reported yet."""
        return item in self._entries and self._entries[item].flushing

    def incomplete(self, reply: ReplyId | None = None) -> tuple[ItemId, ...]:
        """Items of the reply (or of any) that still await sound from a brain."""
        return tuple(
            item
            for item, entry in self._entries.items()
            if not entry.complete and entry.session != BY_THE_DEVICE and (reply is None or entry.reply == reply)
        )

    def outstanding(self, turn: int | None = None) -> bool:
        return any(turn is None or entry.turn == turn for entry in self._entries.values())

    def outstanding_of_other(self, session: SessionId) -> bool:
        """Whether something of an older session still plays."""
        return any(entry.session not in (session, BY_THE_DEVICE) for entry in self._entries.values())

    def unflushed(self) -> bool:
        return any(not entry.flushing for entry in self._entries.values())

    def awaits(self, item: ItemId) -> bool:
        return item in self._entries

    def audible(self) -> bool:
        return any(entry.received > entry.played and not entry.flushing for entry in self._entries.values())
