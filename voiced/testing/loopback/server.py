"""The loopback server: sockets, and what a test may ask about them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Final, NamedTuple, Self
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from voiced.testing.loopback import faults
from voiced.testing.loopback.admission import Admitted, Door, Refused
from voiced.testing.loopback.coded_audio import BYTES_PER_MS
from voiced.testing.loopback.connection import Connection
from voiced.testing.loopback.conversation import Conversation
from voiced.testing.loopback.dialect import DialectName
from voiced.testing.loopback.faults import Anytime, Expire, Fault, FaultPlan
from voiced.testing.loopback.generation import encoded_chunks
from voiced.testing.loopback.journal import Entry, Journal, Timeline
from voiced.testing.loopback.pace import Pace
from voiced.testing.loopback.rejection import Rejection
from voiced.testing.loopback.script import Reply, Say, Script, Turn
from voiced.testing.loopback.session import Session, SessionOptions, Violation

MAX_MESSAGE_BYTES: Final = 32 * 1024 * 1024
"""An append of 15 MiB of audio is 20 MiB of base64; the session judges it, not the WebSocket library."""

KEPT_SESSIONS: Final = 16
"""Sessions whose conversation can still be looked at; the oldest are forgotten."""

CLOSE_TIMEOUT_S: Final = 0.3
"""A client that does not answer the closing handshake is cut off after this long."""


class Connections(NamedTuple):
    """`live` sessions now, `total` sessions so far, `attempts` to upgrade, the refused ones included."""

    live: int
    total: int
    attempts: int


class LoopbackServer:
    """A Realtime server on 127.0.0.1, as strict as the real one.

    `script`: what it answers: a `Script`, or only its replies. `dialect`: "ga" or "beta". `pace`: how fast.
    `faults`: what goes wrong. `valid_key`: the one API key to accept, None for any. `needs_beta_header`: whether a
    beta server insists on `OpenAI-Beta: realtime=v1`. `max_session_s`: seconds until a session expires.
    """

    def __init__(
        self,
        script: Script | Iterable[Reply] | Callable[[Turn], Reply] | None = None,
        *,
        dialect: DialectName = "ga",
        pace: Pace | None = None,
        faults: Iterable[Fault] = (),
        valid_key: str | None = None,
        needs_beta_header: bool = True,
        max_session_s: float = 3600.0,
    ) -> None:
        pace = pace or Pace()
        script = script if isinstance(script, Script) else Script(script)
        _prepare(script, pace)
        self._options = SessionOptions(script, dialect, pace, max_session_s)
        self._door = Door(dialect, valid_key, needs_beta_header)
        self._plan = FaultPlan(faults)
        self._journal = Journal()
        self._server: Server | None = None
        self._admitted: WeakKeyDictionary[ServerConnection, tuple[int, Admitted]] = WeakKeyDictionary()
        self._live: dict[int, Connection] = {}
        self._sessions: deque[Session] = deque(maxlen=KEPT_SESSIONS)
        self._turned_away: deque[Violation] = deque(maxlen=KEPT_SESSIONS)
        self._attempts = 0
        self._total = 0

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._judge_upgrade,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            ping_interval=None,
            close_timeout=CLOSE_TIMEOUT_S,
            open_timeout=CLOSE_TIMEOUT_S * 10,
            server_header=None,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def base_url(self) -> str:
        """What a client is configured with; the WebSocket is at ws://127.0.0.1:PORT/v1/realtime?model=…"""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def port(self) -> int:
        """The TCP port. Raises RuntimeError outside of `async with`."""
        if self._server is None:
            raise RuntimeError("the loopback server does not run; enter it with `async with`")
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    @property
    def received(self) -> Sequence[Entry]:
        """The client events so far, those of all connections in the order of their arrival."""
        return tuple(self._journal.received)

    @property
    def sent(self) -> Sequence[Entry]:
        """The server events so far."""
        return tuple(self._journal.sent)

    @property
    def timeline(self) -> Timeline:
        """Times of arrivals and departures."""
        return Timeline(self._journal)

    @property
    def violations(self) -> Sequence[Violation]:
        """All that clients did and the real server would have refused. A test asserts that there are none."""
        return (*self._turned_away, *(found for session in self._sessions for found in session.violations))

    @property
    def connections(self) -> Connections:
        """How many sessions there are and were."""
        live = sum(not connection.session.closed for connection in self._live.values())
        return Connections(live, self._total, self._attempts)

    @property
    def sessions(self) -> Sequence[Session]:
        """The last sessions in the order in which they began, ended ones included."""
        return tuple(self._sessions)

    @property
    def conversation(self) -> Conversation:
        """Of the newest session. Raises LookupError when nobody has connected."""
        if not self._sessions:
            raise LookupError("no client has connected yet")
        return self._sessions[-1].conversation

    async def wait_for(
        self, kind: str, timeout_s: float = 5.0, *, count: int = 1, connection: int | None = None
    ) -> Entry:
        """The `count`-th event of type `kind`, received or sent, since the server began; see `Journal.wait_for`."""
        return await self._journal.wait_for(kind, timeout_s, count=count, connection=connection)

    async def inject(self, action: Anytime, connection: int | None = None) -> None:
        """Let something go wrong now, on one connection or on the newest that is live.

        Raises LookupError when that one is not live.
        """
        live = {number: found for number, found in self._live.items() if not found.session.closed}
        number = connection if connection is not None else max(live, default=0)
        try:
            await live[number].act(action)
        except (KeyError, ConnectionClosed):
            raise LookupError(f"connection {number} is not live; live are {sorted(live)}") from None

    async def expire_session(self, connection: int | None = None) -> None:
        """End a session as the real server does after an hour."""
        await self.inject(Expire(), connection)

    def _judge_upgrade(self, socket: ServerConnection, request: Request) -> Response | None:
        self._attempts += 1
        for action in self._plan.at(self._attempts, faults.UPGRADE):
            if isinstance(action, faults.Refuse):
                refusal = Refused(action.status, Rejection(action.message, action.code))
                return _http(socket, refusal, action.retry_after_s)
        judged = self._door.admit(request.path, request.headers)
        if isinstance(judged, Refused):
            why = judged.why
            self._turned_away.append(Violation(self._attempts, why.code, why.message, why.param))
            return _http(socket, judged)
        self._admitted[socket] = (self._attempts, judged)
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        number, admitted = self._admitted.pop(socket)
        session = Session(
            self._options,
            number=number,
            model=admitted.model,
            azure=admitted.azure,
            opened_at=asyncio.get_running_loop().time(),
            expires_at=int(time.time() + self._options.max_session_s),
        )
        connection = Connection(socket, session, self._journal, self._plan)
        self._sessions.append(session)
        self._total += 1
        self._live[number] = connection
        try:
            await connection.run(admitted.objection)
        finally:
            del self._live[number]
            self._plan.forget(number)


def _http(socket: ServerConnection, refusal: Refused, retry_after_s: int | None = None) -> Response:
    response = socket.respond(HTTPStatus(refusal.status), refusal.body)
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def _prepare(script: Script, pace: Pace) -> None:
    """Encode what is sure to be said, so that no reply waits for it."""
    for reply in script.known_replies:
        for output in reply if isinstance(reply, Sequence) else [reply]:
            if isinstance(output, Say):
                encoded_chunks(output.audio(), pace.chunk_ms * BYTES_PER_MS)
