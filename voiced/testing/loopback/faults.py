"""What can go wrong on purpose, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from voiced.testing.loopback.dialect import DIALECTS
from voiced.testing.loopback.events import Event
from voiced.testing.loopback.rejection import Rejection

UPGRADE: Final = "upgrade"
"""The moment at which the client asks for the WebSocket."""

OPEN: Final = "open"
"""The moment at which the WebSocket is there, in place of `session.created`."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The upgrade is answered with an HTTP error. `retry_after_s`: seconds for the Retry-After header."""

    status: Literal[401, 403, 404, 429, 500, 503]
    code: str | None = None
    message: str = "refused by the script"
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """The TCP connection breaks with no closing handshake."""


@dataclass(frozen=True, slots=True)
class CloseWith:
    """The server closes the WebSocket."""

    code: int = 1001
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SendError:
    """An `error` event, and after it a close when `then` is given: an admission error, for example."""

    code: str | None = "server_error"
    message: str = "The server had an error while processing your request."
    kind: str = "server_error"
    then: CloseWith | None = None

    def rejection(self) -> Rejection:
        return Rejection(self.message, self.code, kind=self.kind)


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing comes any more. `half_open`: pings are not answered either, as when the network is gone."""

    half_open: bool = False


@dataclass(frozen=True, slots=True)
class Expire:
    """The session reaches its longest duration: `session_expired`, then close 1001."""


@dataclass(frozen=True, slots=True)
class Send:
    """A message as it is: text, or bytes in a binary frame."""

    payload: str | bytes


@dataclass(frozen=True, slots=True)
class Garble:
    """A server event leaves as what `how` makes of it; see `garbage`."""

    how: Callable[[Event], str | bytes]


@dataclass(frozen=True, slots=True)
class Reject:
    """A client event is refused though it is right, and has no effect."""

    code: str | None = "invalid_value"
    message: str = "rejected by the script"
    param: str | None = None

    def rejection(self) -> Rejection:
        return Rejection(self.message, self.code, self.param)


@dataclass(frozen=True, slots=True)
class Ignore:
    """A client event has no effect and no answer; a server event is not sent."""


Anytime = Drop | CloseWith | SendError | Stall | Expire | Send
"""What needs no event to happen to, and can be injected."""

Action = Refuse | Anytime | Garble | Reject | Ignore


@dataclass(frozen=True, slots=True)
class Fault:
    """`action` takes place at the `nth` moment `on`.

    `on`: `UPGRADE` or `OPEN`, counted over all connections, or the type of an event, counted in each connection: a
    client event as it arrives, a server event before it leaves. `connection`: only in this one; upgrade requests are
    counted from 1. `every`: also at each later moment.
    """

    action: Action
    on: str = OPEN
    nth: int = 1
    connection: int | None = None
    every: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.action, Refuse) != (self.on == UPGRADE):
            raise ValueError("Refuse takes place on=UPGRADE, and nothing else does")
        by_the_client = self.on in DIALECTS["ga"].shapes
        if isinstance(self.action, Reject) and not by_the_client:
            raise ValueError(f"Reject takes place on a client event, and {self.on!r} is none")
        if isinstance(self.action, Garble) and (by_the_client or self.on == OPEN):
            raise ValueError(f"Garble takes place on a server event, and {self.on!r} is none")
        if isinstance(self.action, Ignore) and self.on == OPEN:
            raise ValueError("at OPEN there is nothing to ignore; use Stall for a server that says nothing")


class FaultPlan:
    """Counts the moments of each connection and says what goes wrong at them."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = tuple(faults)
        self._moments = {fault.on for fault in self._faults}
        self._counts: Counter[tuple[int, str]] = Counter()

    def at(self, connection: int, moment: str) -> list[Action]:
        """What goes wrong now."""
        if moment not in self._moments:
            return []
        counted = 0 if moment in (UPGRADE, OPEN) else connection
        self._counts[counted, moment] += 1
        count = self._counts[counted, moment]
        return [
            fault.action
            for fault in self._faults
            if fault.on == moment
            and fault.connection in (None, connection)
            and (count == fault.nth or (fault.every and count > fault.nth))
        ]

    def forget(self, connection: int) -> None:
        """The connection is over."""
        for moment in self._moments:
            self._counts.pop((connection, moment), None)
