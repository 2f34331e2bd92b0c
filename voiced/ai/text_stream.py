"""A text as it is written, by a server that does not always say that it is at its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

from voiced.ai.providers import Events
from voiced.errors import ApiError, StreamCut


class TextStream(ABC):
    """Iterate over it for the pieces of the text.

    Raises StreamCut where it ends before the answer does, with the text so far.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._ended = False
        """It was read to its end."""

    @property
    @abstractmethod
    def so_far(self) -> str:
        """The text that came."""

    @property
    @abstractmethod
    def _complete(self) -> bool:
        """Whether all came that the answer must have."""

    @abstractmethod
    def _take(self, event: Any) -> str:
        """What the event adds to the text."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        try:
            async for event in self._events:
                if piece := self._events.understood(self._take, event):
                    return piece
        except ApiError as error:
            if not self._complete:  # what breaks after the end is no news
                raise StreamCut(str(error), self.so_far) from error
        if not self._complete:
            called = self._events.server.client.endpoint.called
            raise StreamCut(f"{self._events.helper}: {called} ended its answer in the middle: ask again", self.so_far)
        self._ended = True
        raise StopAsyncIteration
