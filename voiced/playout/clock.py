"""When the samples that were handed to the device are heard: the source of every `played` in the ledger."""

from __future__ import annotations

from collections import deque
from typing import Final

from voiced.audio import RATE, Samples, to_samples
from voiced.conversation.events import ItemId, ItemPlayed, PlayoutDrained
from voiced.playout.jitter_buffer import Span

REPORT_EVERY: Final = to_samples(100)
"""How often ItemPlayed is posted: often enough for a display, and 50 times fewer wake-ups than each block."""

Report = ItemPlayed | PlayoutDrained


class PlayoutClock:
    """Turns spans and the times at which they leave the loudspeaker into events. Times are the card's, seconds."""

    def __init__(self) -> None:
        self._handed: deque[tuple[float, Span]] = deque()  # the device's latency bounds it
        self._told: tuple[ItemId, int] | None = None

    def handed(self, spans: tuple[Span, ...], starts_at: float) -> None:
        """These spans are the device's; the first sample of their block leaves the loudspeaker at `starts_at`."""
        self._handed.extend((starts_at + span.end / RATE, span) for span in spans)

    def finished(self, item: ItemId, rendered: Samples) -> list[Report]:
        """All of the item was handed over, and it is finished: drained now, or when the device has played it."""
        for place in range(len(self._handed) - 1, -1, -1):
            heard_at, span = self._handed[place]
            if span.item == item:
                self._handed[place] = (heard_at, Span(span.item, span.end, span.rendered, last=True))
                return []
        return [PlayoutDrained(item, rendered)]

    def due(self, now: float) -> list[Report]:
        """What was heard by `now` and is worth telling: an item's first samples, each 100 ms, and its end.

        Also where nothing follows: of an item that ran dry, the last samples would be counted as unheard for ever.
        """
        reports: list[Report] = []
        while self._handed and self._handed[0][0] <= now:
            span = self._handed.popleft()[1]
            before = self._told[1] if self._told and self._told[0] == span.item else -REPORT_EVERY
            if span.last:
                reports.append(PlayoutDrained(span.item, span.rendered))
            elif span.rendered - before >= REPORT_EVERY or not self._handed:
                self._told = (span.item, span.rendered)
                reports.append(ItemPlayed(span.item, span.rendered))
        return reports

    def forget(self, items: tuple[ItemId, ...]) -> None:
        """Tell nothing more of these items: they were flushed."""
        self._handed = deque(entry for entry in self._handed if entry[1].item not in items)
