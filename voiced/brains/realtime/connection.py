"""One WebSocket to a Realtime server, from the handshake to the close.

Theory of operation. A connection goes through: handshake → `session.created` → our `session.update` →
`session.updated` → replay of the history → `BrainReady` → conversation, and ends at any point with one `Lost`, which
becomes one `BrainLost`, or by being cancelled, which says nothing. One task reads; from `session.updated` on another
writes, first the history, then what waits in the outbox; a third watches for a peer that has died without a word.

The server's first message shows which dialect it speaks, before we have to write anything in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import Final, TypeVar

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.protocol import State

from voiced.brains.realtime.address import address
from voiced.brains.realtime.counters import Counters
from voiced.brains.realtime.lost import Lost, closed, refused_by_http, refused_by_server
from voiced.brains.realtime.settings import RealtimeSettings
from voiced.brains.realtime.wire import (
    Decoder,
    Dialect,
    DialectHeard,
    Encoder,
    Found,
    RateLimit,
    Refusal,
    SessionCreated,
    SessionUpdated,
    TranscriptionFailed,
    UnknownEvent,
)
from voiced.conversation.commands import BrainCommand, OpenSession, StartReply, StreamUtterance
from voiced.conversation.events import BrainLost, BrainReady, ReplyDone, RequestRefused
from voiced.conversation.settings import TurnEnd
from voiced.errors import ConfigError, WireError
from voiced.ports import Post

log = structlog.get_logger(__name__)

_socket_log: Final = logging.getLogger("voiced.brains.realtime.socket")
_socket_log.setLevel(logging.WARNING)  # at DEBUG websockets logs each header and frame: the key, and what was said

LONGEST_MESSAGE: Final = 20 * 2**20
"""Bytes; a little over the 16 MiB of an echoed picture at the largest."""

MOST_WAITING: Final = 6000
"""Messages in the outbox: two minutes of frames, as an utterance may be replayed at once."""

MOST_WAITING_BYTES: Final = 16 * 2**20
"""PCM in the outbox: nearly six minutes."""

SLOWEST: Final = 80_000
"""Characters each second that a network must carry: live speech takes 67,500 of them."""

STALLED_S: Final = 10.0
"""How much longer than at `SLOWEST` the network may take over a message: then nothing gets through."""

TICK_S: Final = 0.5
"""How often the watch looks, at least."""

MOST_MALFORMED: Final = 20
"""In a row: whatever this server speaks, it is not Realtime."""

CLOSE_S: Final = 0.5
"""For the closing handshake; stopping the daemon must take less than a second."""

_Answer = TypeVar("_Answer", SessionCreated, SessionUpdated)


class _Connect(connect):
    """A WebSocket client that follows no redirect: the key goes only where the settings say."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class Connection:
    """One session of the brain. `do` queues commands from the start; they are sent once it is ready."""

    def __init__(
        self,
        order: OpenSession,
        settings: RealtimeSettings,
        *,
        dialect: Dialect,
        turn_end: TurnEnd,
        post: Post,
        counters: Counters,
    ) -> None:
        self.session = order.session
        self._order = order
        self._settings = settings
        self._turn_end: TurnEnd = turn_end
        self._post = post
        self._counters = counters
        self._encoder = Encoder(dialect)
        self._decoder = Decoder(order.session, model=settings.model, transcription_model=settings.transcription_model)
        self._log = log.bind(session=order.session)
        self._now = asyncio.get_running_loop().time

        self._outbox: deque[BrainCommand] = deque()
        self._waiting_bytes = 0
        self._overflowed = False
        self._wake = asyncio.Event()

        self._malformed_in_row = 0
        self._heard_at = self._alive_at = self._now()
        self._sending = False
        self._carried_by = self._now()
        self._reply_owed_since: float | None = None

    @property
    def dialect(self) -> Dialect:
        """What the server speaks, as far as is known."""
        return self._encoder.dialect

    def do(self, command: BrainCommand) -> None:
        """Queue `command`. Returns at once; where too much waits the session is lost."""
        size = len(command.pcm) if isinstance(command, StreamUtterance) else 0
        if len(self._outbox) >= MOST_WAITING or self._waiting_bytes + size > MOST_WAITING_BYTES:
            self._overflowed = True
            return
        self._outbox.append(command)
        self._waiting_bytes += size
        self._wake.set()

    async def run(self, key: str) -> None:
        """Connect and converse until the session is lost, which is posted, or this is cancelled."""
        socket: ClientConnection | None = None
        try:
            socket = await self._connect(key)
            await self._converse(socket)
        except Lost as lost:
            self._counters.lost += 1
            self._log.info("session lost", reason=str(lost), fatal=lost.fatal)
            self._post(BrainLost(self.session, str(lost), lost.fatal, lost.retry_after_s, lost.cause))
        finally:
            if socket is not None:
                await _close(socket)

    async def _connect(self, key: str) -> ClientConnection:
        settings = self._settings
        try:
            where = address(settings, self.dialect, key)
            return await _Connect(
                where.url,
                additional_headers=where.headers,
                compression=None,  # base64 of sound shrinks too little to pay for the delay
                max_size=LONGEST_MESSAGE,
                open_timeout=settings.connect_timeout_s,
                ping_interval=None,  # see `_watch`
                close_timeout=CLOSE_S,
                logger=_socket_log,
            )
        except ConfigError as error:
            raise Lost(str(error), fatal=True, cause="key") from error
        except InvalidStatus as error:
            raise refused_by_http(error, settings) from error
        except TimeoutError as error:
            raise Lost(f"no connection within {settings.connect_timeout_s:g} s") from error
        except OSError as error:
            raise Lost(f"no connection to {settings.base_url}: {error.strerror or error}") from error
        except WebSocketException as error:
            raise Lost(f"{settings.base_url} speaks no WebSocket: mend realtime.base_url, or the proxy") from error
        except ImportError as error:  # websockets wants python-socks only where a SOCKS proxy is configured
            raise Lost(f"the proxy can't be used: {error}", fatal=True, cause="settings") from error

    async def _converse(self, socket: ClientConnection) -> None:
        lost: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch(socket))
                await self._configure(socket)
                tasks.create_task(self._write(socket))
                await self._read(socket)
        except* Lost as several:  # reader and writer may both find the socket closed
            lost = several.exceptions[0]
        if lost is not None:
            raise lost

    # Configuring.

    async def _configure(self, socket: ClientConnection) -> None:
        """Agree on dialect and settings, within `connect_timeout_s`."""
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                created = await self._answer(SessionCreated, socket)
                for _ in range(2):  # where the first message did not tell, the answer to the wrong dialect does
                    asked_in = self.dialect
                    await self._send(socket, self._encoder.configure(self._settings, self._turn_end, self._order.tools))
                    await self._answer(SessionUpdated, socket)
                    if self.dialect == asked_in:
                        name = created.name if created else ""
                        self._log.info(
                            "session open", server_session=name, model=self._settings.model, dialect=self.dialect
                        )
                        return
        except TimeoutError as error:
            raise Lost("the server did not accept the session in time: is this a Realtime server?") from error
        raise Lost(
            "the server refuses the settings in either dialect: is this a Realtime server?",
            fatal=True,
            cause="settings",
        )

    async def _answer(self, kind: type[_Answer], socket: ClientConnection) -> _Answer | None:
        """The first message of `kind`, or None where the server refuses to understand our dialect."""
        while True:
            for found in await self._receive(socket):
                if isinstance(found, kind):
                    self._agree_on(found.dialect)
                    return found
                if isinstance(found, Refusal) and found.dialect not in (None, self.dialect):
                    self._agree_on(found.dialect)
                    if kind is SessionCreated:  # refused at the door: it hangs up now
                        raise Lost(f"the server speaks {found.dialect}: connecting again")
                    return None
                self._take(found)

    def _agree_on(self, dialect: Dialect | None) -> None:
        """Write what the server speaks from now on, if the settings leave that open."""
        if dialect in (None, self.dialect):
            return
        if self._settings.dialect != "auto":
            raise Lost(f'the server speaks {dialect}: set realtime.dialect = "{dialect}"', fatal=True, cause="settings")
        self._encoder.dialect = dialect

    # Reading.

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            for found in await self._receive(socket):
                self._take(found)

    async def _receive(self, socket: ClientConnection) -> list[Found]:
        """What the next message says; nothing where it makes no sense."""
        try:
            message = await socket.recv()
        except ConnectionClosed as error:
            raise closed(error) from error
        self._heard_at = self._alive_at = self._now()
        self._counters.received(message)
        try:
            found = self._decoder.decode(message)
        except WireError as error:
            self._counters.malformed += 1
            self._malformed_in_row += 1
            self._log.warning("malformed message", error=str(error))
            if self._malformed_in_row >= MOST_MALFORMED:
                raise Lost(f"the server does not speak Realtime: {error}") from error
            return []
        self._malformed_in_row = 0
        return found

    def _take(self, found: Found) -> None:
        match found:
            case Refusal(request=request, code=code, message=message, verdict=verdict):
                if request in ("reply", None):
                    self._reply_owed_since = None
                if verdict in ("retry", "fatal"):
                    raise refused_by_server(found)
                if verdict == "benign":
                    self._counters.benign += 1
                else:
                    self._counters.refused += 1
                    self._log.warning("request refused", request=request, code=code)
                self._post(RequestRefused(self.session, request, code, message))
            case DialectHeard(dialect=dialect):
                if self._settings.dialect == "auto" and dialect != self.dialect:
                    self._encoder.dialect = dialect
                    raise Lost(f"the server speaks {dialect} after all: connecting again")
            case UnknownEvent(type=name):
                self._counters.unknown(name)
            case RateLimit():
                self._counters.limited(found)
            case TranscriptionFailed(code=code):
                self._counters.transcriptions_failed += 1
                self._log.warning("transcription failed; is realtime.transcription_model right?", code=code)
            case SessionCreated() | SessionUpdated():
                pass  # the answer to an update of the tools
            case _:
                if isinstance(found, ReplyDone):
                    self._reply_owed_since = None
                self._post(found)

    # Writing.

    async def _write(self, socket: ClientConnection) -> None:
        for text in self._encoder.replay(self._order.history):
            await self._send(socket, text)
        self._counters.connections += 1
        self._post(BrainReady(self.session))
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox:
                command = self._outbox.popleft()
                if isinstance(command, StreamUtterance):
                    self._waiting_bytes -= len(command.pcm)
                elif isinstance(command, StartReply):
                    self._reply_owed_since = self._now()
                for text in self._encoder.encode(command):
                    await self._send(socket, text)

    async def _send(self, socket: ClientConnection, text: str) -> None:
        self._carried_by = max(self._carried_by, self._now()) + len(text) / SLOWEST
        self._sending = True
        try:
            await socket.send(text)
        except ConnectionClosed as error:
            raise closed(error) from error
        finally:
            self._sending = False
        self._counters.sent(text)

    # Watching.

    async def _watch(self, socket: ClientConnection) -> None:
        """Notice what no message tells: a full outbox, a network that takes or brings nothing, a reply that is owed.

        Pings are ours, not the library's: a big picture on a slow network delays the answer, and is no reason to hang
        up. They are sent only where nothing is heard for `ping_s`, and must be answered in as long again.
        """
        settings = self._settings
        pinged_at = 0.0
        while True:
            await asyncio.sleep(min(TICK_S, settings.ping_s / 4, settings.silent_timeout_s / 4))
            now, owed_since = self._now(), self._reply_owed_since
            if self._overflowed or (self._sending and now > self._carried_by + STALLED_S):
                raise Lost("the network is stalled: nothing gets through to the server")
            if owed_since is not None and now > max(owed_since, self._heard_at) + settings.silent_timeout_s:
                raise Lost(f"the server owes a reply and was silent for {settings.silent_timeout_s:g} s")
            if socket.state is not State.OPEN:
                await socket.close()  # one that says goodbye but does not hang up
            elif pinged_at > self._alive_at:
                if now > max(pinged_at, self._carried_by) + settings.ping_s:
                    raise Lost("the network is dead: no answer to a ping")
            elif now > self._alive_at + settings.ping_s and not self._sending:
                pinged_at = now
                await self._ping(socket)

    async def _ping(self, socket: ClientConnection) -> None:
        try:
            pong = asyncio.ensure_future(await socket.ping())
        except ConnectionClosed as error:
            raise closed(error) from error
        pong.add_done_callback(self._ponged)

    def _ponged(self, _: asyncio.Future[float]) -> None:
        self._alive_at = self._now()  # the network lives; that the server owes a reply stands


async def _close(socket: ClientConnection) -> None:
    """Say goodbye, if that is possible soon; hang up in any case."""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await socket.close()
    finally:
        socket.transport.abort()
