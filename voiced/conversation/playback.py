"""What the loudspeaker was given, and what came of it for the turn that it was for."""

from __future__ import annotations

import math
from typing import Final

from voiced.audio import Samples, samples_of
from voiced.conversation.commands import DeviceChanged, FinishItem, FlushPlayout, Play
from voiced.conversation.events import ItemId, ReplyId, SessionId
from voiced.conversation.outbox import Outbox
from voiced.conversation.playout_ledger import Entry, PlayoutLedger
from voiced.conversation.transcript import Transcript
from voiced.conversation.turn import Turn

SPEAKER_PATIENCE_S: Final = 10.0
"""A reply whose loudspeaker is gone for this long is over; what was heard stands."""


class Playback:
    """The ledger, kept in step with what is ordered. A turn that was cut stays here until all of it is reported."""

    def __init__(self, transcript: Transcript, out: Outbox) -> None:
        self._transcript = transcript
        self._out = out
        self.ledger = PlayoutLedger()
        """To be asked; what changes it goes through this room."""
        self._cut_turns: dict[int, Turn] = {}
        """Turns that were cut and whose flushed items are not all reported yet."""
        self._speaker_lost_at: float | None = None

    # To the loudspeaker.

    def play(self, item: ItemId, session: SessionId, reply: ReplyId, turn: Turn, pcm: bytes) -> None:
        """More of the item, after what is buffered."""
        self.ledger.receive(item, session, reply, turn.number, samples_of(pcm))
        self._out.order(Play(item, pcm))

    def finish(self, item: ItemId) -> bool:
        """No more of the item will come. False where the loudspeaker has none of it, or was told already."""
        if not self.ledger.complete(item):
            return False
        self._out.order(FinishItem(item))
        return True

    def finish_all(self, reply: ReplyId | None = None) -> None:
        """No more will come of the items of the reply, or of any; what is buffered plays on."""
        for item in self.ledger.incomplete(reply):
            self.finish(item)

    def flush(self, *, turn: Turn | None = None, reply: ReplyId | None = None) -> None:
        """Drop what is buffered: all, or what belongs to the turn, or to the reply."""
        items = self.ledger.flush(turn=None if turn is None else turn.number, reply=reply)
        if items:
            self._out.order(FlushPlayout(items))

    def cut(self, turn: Turn) -> bool:
        """The floor was taken from the turn. True where it is known already what was heard of it."""
        self.flush(turn=turn)
        if self.ledger.outstanding(turn.number):
            self._cut_turns[turn.number] = turn
            return False
        return True

    # From the loudspeaker.

    def played(self, item: ItemId, played: Samples) -> None:
        """So much of it in all."""
        self.ledger.played(item, played)

    def settle(self, item: ItemId, played: Samples) -> Entry | None:
        """It drained, or was flushed: how much of it was heard, for `over`. None where nothing is known of it."""
        return self.ledger.settle(item, played)

    def over(self, item: ItemId, entry: Entry, at_hand: Turn | None) -> Turn | None:
        """The loudspeaker is done with the item: what was heard of it counts for its turn.

        Returns a turn that was cut before, where this was the last that was not reported of it.
        """
        text = self._transcript.heard(item, entry.heard, entry.received, entry.wholly_heard)
        turn = self._cut_turns.get(entry.turn, at_hand)
        if turn is None or turn.number != entry.turn:
            return None
        turn.heard.append(text)
        turn.heard_ms += entry.heard_ms
        turn.received_ms += entry.received_ms
        if entry.heard:
            turn.asides.sounds(item)
            turn.answer_heard = turn.answer_heard or item not in turn.asides.items
        turn.asides.over(item, whole=entry.wholly_heard)
        if entry.turn in self._cut_turns and not self.ledger.outstanding(entry.turn):
            return self._cut_turns.pop(entry.turn)
        return None

    @property
    def awaits_flushes(self) -> bool:
        """What was heard of a turn that was cut is not known yet."""
        return bool(self._cut_turns)

    def is_clear_for(self, session: SessionId) -> bool:
        """Whether it is known what was heard: the tail of a lost or cut reply is over."""
        return not self._cut_turns and not self.ledger.outstanding_of_other(session)

    # The device.

    def lost(self, reason: str, now: float) -> None:
        self._out.report(DeviceChanged("loudspeaker", False, reason))
        if self._speaker_lost_at is None:
            self._speaker_lost_at = now

    def ready(self, device: str) -> None:
        self._out.report(DeviceChanged("loudspeaker", True, device))
        self._speaker_lost_at = None

    def is_mute(self, now: float) -> bool:
        """The loudspeaker is gone for too long: nothing will be heard."""
        return self._speaker_lost_at is not None and now >= self._speaker_lost_at + SPEAKER_PATIENCE_S

    def gives_up_at(self) -> float:
        """When what is buffered is given up; infinite while there is a loudspeaker, or nothing for it."""
        if self._speaker_lost_at is None or not self.ledger.unflushed():
            return math.inf
        return self._speaker_lost_at + SPEAKER_PATIENCE_S
