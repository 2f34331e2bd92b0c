"""The kiosk's server: the page's files, and the WebSocket through which the page lives; no page can hold it up.

    GET /           the page, and its files beside it
    GET /ws         the WebSocket, subprotocol "voiced.v1"; a token comes as "token.TOKEN" beside it, or as
                    ?token=TOKEN, percent-encoded

A browser tells its page nothing of why a WebSocket was refused. A plain GET of /ws with the header X-Voiced is judged
in the same way: 401 asks for a token (or another one), 403 is a foreign page, 429 too many wrong tokens, 503 too many
pages, and 426 says that the WebSocket would open. The body is one line for a person. Without that header it is not
judged: any site can have a browser send one, with no Origin, and would use up the tries of those who live here.

Then, in JSON texts (binary messages are sound):

    -> {"hello": {"version", "status", "history", "cards", "sound", "token_needed", "language"}}      first
    -> {"fact": "FloorChanged", ...}       as it happens, with what people say; a card's picture is a data URL
    -> {"status": {...}}                   every 5 s, and when asked for
    -> {"level": -43.2}                    dBFS of the microphone, ten times a second
    -> {"answer": "Half past six."}        to who asked
    -> {"error": "what to do"}             to what a page asked for and does not get
    -> {"sound": "on"}                     what the page captures is heard, and it gets what is said
    -> {"sound": "off", "reason": "..."}   it is not, and gets nothing (any more)
    -> {"flush": true}                     the sound that waits in the page is of no interest any more
    <- {"do": "ask", "text": "..."}        also stop, mute, volume, status, as in `voiced.control.protocol`
    <- {"do": "ptt", "action": "down"}     also up, toggle; a page that is closed lets the key go
    <- {"do": "history"}                   {"history": [{"who", "text"}, ...]}
    <- {"do": "sound", "on": true, "rate": 48000}   be the microphone and loudspeaker; another page is it no more
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, NoReturn, assert_never

import structlog
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from voiced import __version__
from voiced.control import protocol
from voiced.control.protocol import fact_reply
from voiced.conversation.commands import AttentionChanged, CardGone, CardShown, Fact, RequestEnded, TalkKeyHeld
from voiced.conversation.events import MuteAsked, StopAsked, TalkKeyMoved, TextAsked, VolumeAsked
from voiced.errors import ConfigError, ControlError, DeviceFailed
from voiced.kiosk import requests
from voiced.kiosk.browser_card import BrowserCard
from voiced.kiosk.cards import Cards
from voiced.kiosk.door import PROTOCOL, Caller, Door, Refusal
from voiced.kiosk.files import HEADERS, File, read_page
from voiced.kiosk.settings import KioskSettings
from voiced.kiosk.visitor import Visitor, as_line
from voiced.ports import Post

if TYPE_CHECKING:
    from ssl import SSLContext

MAX_PAGES: Final = 8
MAX_SOCKETS: Final = 32
"""Pages, and connections of all kinds, at one time. A browser opens some six of them to load the page."""

PAGE_HEADER: Final = "X-Voiced"
"""Of a plain GET of /ws. A browser sends a header that it does not know for no foreign page, nor Upgrade."""

MAX_MESSAGE: Final = 512 * 1024
"""Bytes; what is longer ends the connection. What is longer than a request may be is answered up to here."""

ASK_WITHIN_S: Final = 5.0
"""From the connection to the whole request."""

GONE_WITHIN_S: Final = 0.5
"""A page that does not answer the closing handshake is cut off after so long."""

DEAD_AFTER_S: Final = 10.0
"""A page whose browser does not answer a ping within that is gone: its cable was pulled."""

LEVEL_EVERY_S: Final = 0.1
STATUS_EVERY_S: Final = 5.0

log = structlog.get_logger(__name__)


class KioskServer:
    """Edge and StatusSink in one: serves the page, tells it what happens, and posts what is pressed there.

    `status`, `history` and `level` (dBFS of the microphone) are asked for when a page wants them. `card`: where a page
    may be the sound card. Raises ConfigError where the settings would let in everybody.
    """

    def __init__(
        self,
        settings: KioskSettings,
        *,
        post: Post,
        status: Callable[[], Mapping[str, Any]],
        token: SecretStr | None = None,
        history: Callable[[], Sequence[Mapping[str, str]]] = list,
        level: Callable[[], float],
        card: BrowserCard | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._post = post
        self._status = status
        self._history = history
        self._level = level
        self._card = card
        self._now = now
        host = socket.gethostname()
        self._door = Door(settings, token or SecretStr(""), own_names=(host, f"{host}.local"), clock=_loop_time)
        self._tls = _tls(settings)
        self._files = read_page()
        self._listener: socket.socket | None = None
        self._sockets: set[_Socket] = set()
        self._visitors: set[Visitor] = set()
        self._visited = asyncio.Event()
        self._requests = itertools.count(1)
        self._waiting: dict[str, Visitor] = {}
        self._cards = Cards()
        self._key_held = False
        self._attentive = True

    @property
    def url(self) -> str:
        """Where the page is, once it is listened."""
        assert self._listener is not None, "listen first"
        host, port = self._listener.getsockname()[:2]
        if ip_address(host).is_unspecified:
            host = socket.gethostname()
        return f"{'https' if self._tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}/"

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Have the port inside the block. Raises ConfigError as `listen`."""
        self.listen()
        try:
            yield
        finally:
            if self._listener is not None:
                self._listener.close()

    def listen(self) -> None:
        """Take the port: who connects waits for `run`. Raises ConfigError where it is not to be had."""
        self._listener = _listener(self._settings)
        if self._card is not None:
            self._card.page = self.url

    async def run(self) -> NoReturn:
        """Serve until cancelled; then all pages are hung up on. Raises ConfigError as `listen`."""
        if self._listener is None:
            self.listen()
        server = await serve(
            self._serve,
            sock=self._listener,
            ssl=self._tls,
            process_request=self._judge,
            select_subprotocol=lambda _connection, _offered: Subprotocol(PROTOCOL),
            compression=None,
            max_size=MAX_MESSAGE,
            open_timeout=ASK_WITHIN_S,
            close_timeout=GONE_WITHIN_S,
            ping_interval=DEAD_AFTER_S,
            ping_timeout=DEAD_AFTER_S,
            server_header=None,
            create_connection=functools.partial(_Socket, self._sockets),  # type: ignore[arg-type]  # it is called only
        )
        log.info("kiosk.ready", address=self.url, token_needed=self._door.needs_token)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._show_level())
                tasks.create_task(self._show_status())
                if self._card is not None:
                    tasks.create_task(self._card.run())
        finally:
            for connection in tuple(self._sockets):
                connection.drop_if_idle()
            server.close()
            await server.wait_closed()
            self._listener = None
        raise AssertionError("unreachable")  # none of them ends

    def report(self, fact: Fact) -> None:
        """StatusSink: remember it for the next page, and tell those that are open."""
        match fact:
            case CardShown():
                self._tell(self._cards.show(fact))
                return
            case CardGone(id):
                self._cards.withdraw(id)
            case TalkKeyHeld(held):
                self._key_held = held
                if not held:
                    for visitor in self._visitors:
                        visitor.holds_key = False
            case AttentionChanged(attentive):
                self._attentive = attentive
            case RequestEnded() if fact.request in self._waiting:
                asker = self._waiting.pop(fact.request)
                asker.tell({"error": fact.error} if fact.error else {"answer": fact.text})
            case _:
                pass
        if self._visitors:
            self._tell(fact_reply(fact, texts=True))

    def _tell(self, message: dict[str, Any]) -> None:
        if self._visitors:
            line = as_line(message)
            for visitor in tuple(self._visitors):
                visitor.tell_line(line)

    # HTTP.

    def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        """The answer to a request; None lets the WebSocket open."""
        caller = _caller(connection, request)
        path = request.path.partition("?")[0]
        if path != "/ws":
            return _refused(refusal) if (refusal := self._door.to_look(caller)) else self._file(path, request)
        if "Upgrade" not in request.headers and PAGE_HEADER not in request.headers:
            return _refused(Refusal(HTTPStatus.BAD_REQUEST, "This is for the page; open / in a browser."))
        if refusal := self._door.to_talk(caller):
            log.info("kiosk.refused", address=caller.address, reason=refusal.text)
            return _refused(refusal)
        if len(self._visitors) >= MAX_PAGES:
            return _refused(
                Refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{MAX_PAGES} pages are open already; close one of them.")
            )
        if "Upgrade" not in request.headers:
            return _refused(Refusal(HTTPStatus.UPGRADE_REQUIRED, "The WebSocket would open."))
        if PROTOCOL not in caller.protocols:
            return _refused(
                Refusal(HTTPStatus.BAD_REQUEST, f"Another version was asked for than {PROTOCOL}; reload the page.")
            )
        return None

    def _file(self, path: str, request: Request) -> Response:
        file = self._files.get(path)
        if file is None:
            return _refused(Refusal(HTTPStatus.NOT_FOUND, "There is no such file; open / in a browser."))
        if file.etag in request.headers.get_all("If-None-Match"):
            return _response(HTTPStatus.NOT_MODIFIED, File(file.content_type, b"", file.etag))
        return _response(HTTPStatus.OK, file)

    # The WebSocket.

    async def _serve(self, connection: ServerConnection) -> None:
        visitor = Visitor(connection, _loop_time())
        self._visitors.add(visitor)
        self._visited.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(visitor.send_all())
                visitor.tell({"hello": self._hello()})
                with suppress(ConnectionClosed):
                    await self._hear(visitor)
                visitor.leave()
        finally:
            self._went(visitor)

    async def _hear(self, visitor: Visitor) -> None:
        async for message in visitor.connection:
            if not visitor.may_send(message, _loop_time()):
                log.warning("kiosk.flooded", reason="a page sent too many messages and was hung up on")
                await visitor.connection.close(1008, "too many messages; reload the page")
                return
            try:
                if isinstance(message, bytes):
                    self._captured(visitor, message)
                else:
                    self._do(requests.parse(message), visitor)
            except ControlError as error:
                visitor.complain(str(error))

    def _went(self, visitor: Visitor) -> None:
        self._visitors.discard(visitor)
        if not self._visitors:
            self._visited.clear()
        self._waiting = {request: each for request, each in self._waiting.items() if each is not visitor}
        if self._card is not None:
            self._card.release(visitor)
        if visitor.holds_key:
            self._post(TalkKeyMoved("up"))

    def _captured(self, visitor: Visitor, pcm: bytes) -> None:
        if self._card is None:
            raise ControlError(_NO_BROWSER)
        if not visitor.had_sound:
            raise ControlError('this page is no microphone; send {"do": "sound", "on": true} before its sound')
        try:
            self._card.captured(visitor, pcm)
        except DeviceFailed as error:
            log.warning("kiosk.no_microphone", reason=str(error))
            self._card.release(visitor)
            visitor.sound_off(str(error))

    def _do(self, wish: requests.Known | requests.UseSound, visitor: Visitor) -> None:
        match wish:
            case protocol.Ask():
                images = protocol.images_of(wish)
                request = f"kiosk-{next(self._requests)}"
                self._waiting[request] = visitor
                self._post(TextAsked(request, wish.text, images))
            case protocol.Stop():
                self._post(StopAsked())
            case protocol.Mute():
                self._post(MuteAsked(wish.muted))
            case protocol.Volume():
                self._post(VolumeAsked(wish.percent))
            case protocol.Status():
                visitor.tell({"status": self._status_now()})
            case protocol.History():
                visitor.tell({"history": list(self._history())})
            case protocol.Ptt():
                visitor.holds_key = not self._key_held if wish.action == "toggle" else wish.action == "down"
                self._post(TalkKeyMoved(wish.action))
            case requests.UseSound():
                self._use_sound(wish, visitor)
            case _:
                assert_never(wish)

    def _use_sound(self, wish: requests.UseSound, visitor: Visitor) -> None:
        if self._card is None:
            visitor.sound_off(_NO_BROWSER)
        elif wish.on:
            visitor.had_sound = True
            self._card.take(visitor, rate=wish.rate, latency_s=wish.latency_ms / 1000)
            visitor.tell({"sound": "on"})
        else:
            self._card.release(visitor)

    # What pages are told by themselves.

    def _hello(self) -> dict[str, Any]:
        return {
            "version": __version__,
            "status": self._status_now(),
            "history": list(self._history()),
            "cards": self._cards.at(self._now()),
            "sound": self._card is not None,
            "token_needed": self._door.needs_token,
            "language": self._settings.language,
        }

    def _status_now(self) -> dict[str, Any]:
        return {"talking": self._key_held, "attentive": self._attentive, **self._status()}

    async def _show_level(self) -> NoReturn:
        while True:
            await self._visited.wait()
            self._show("level", {"level": round(self._level(), 1)})
            await asyncio.sleep(LEVEL_EVERY_S)

    async def _show_status(self) -> NoReturn:
        while True:
            await self._visited.wait()
            await asyncio.sleep(STATUS_EVERY_S)
            self._show("status", {"status": self._status_now()})

    def _show(self, kind: str, message: dict[str, Any]) -> None:
        line = as_line(message)
        for visitor in self._visitors:
            visitor.show(kind, line)


class _Socket(ServerConnection):
    """A connection that is counted from its first moment on."""

    def __init__(self, sockets: set[_Socket], *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._sockets = sockets

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._sockets.add(self)
        if len(self._sockets) > MAX_SOCKETS:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._sockets.discard(self)

    def drop_if_idle(self) -> None:
        """One that has asked for nothing yet, or does not read what it gets, is not waited for."""
        if self.request is None or self.transport.get_write_buffer_size():
            self.transport.abort()


_NO_BROWSER: Final = 'voiced hears and speaks with its own sound card; to change that, set kiosk.sound = "browser"'


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _listener(settings: KioskSettings) -> socket.socket:
    host = "127.0.0.1" if settings.host == "localhost" else settings.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, settings.port), family=family, backlog=MAX_SOCKETS)
    except OSError as error:
        raise ConfigError(
            f"the kiosk page can't be served at {host} port {settings.port} ({os.strerror(error.errno or 0)}): is "
            "another voiced running? Stop it, or choose another kiosk.port, or an address of this machine in kiosk.host"
        ) from None
    listener.setblocking(False)
    return listener


def _tls(settings: KioskSettings) -> SSLContext | None:
    """What the certificate of the settings makes. Raises ConfigError."""
    if not settings.certificate_file:
        return None
    import ssl  # here, since most pages need none

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(
            os.path.expanduser(settings.certificate_file),
            os.path.expanduser(settings.certificate_key_file) or None,
            password=lambda: "",  # else it would ask for one on the terminal
        )
    except OSError as error:
        raise ConfigError(
            f"kiosk.certificate_file {settings.certificate_file} can't be used ({error.strerror or error}); give a PEM "
            "file with the certificate, and its key without password in the same or in kiosk.certificate_key_file"
        ) from None
    return context


def _caller(connection: ServerConnection, request: Request) -> Caller:
    headers = request.headers
    hosts, origins = headers.get_all("Host"), headers.get_all("Origin")
    offered = ",".join(headers.get_all("Sec-WebSocket-Protocol")).split(",")
    return Caller(
        address=str(connection.remote_address[0]) if connection.remote_address else "",
        host=hosts[0] if len(hosts) == 1 else None,
        origin=", ".join(origins) if origins else None,
        path=request.path,
        protocols=[each.strip() for each in offered],
    )


def _refused(refusal: Refusal) -> Response:
    body = f"{refusal.text}\n".encode()
    response = _response(refusal.status, File("text/plain; charset=utf-8", body, ""))
    if refusal.status == HTTPStatus.UPGRADE_REQUIRED:
        response.headers["Upgrade"] = "websocket"
    return response


def _response(status: HTTPStatus, file: File) -> Response:
    headers = Headers(HEADERS)
    headers["Content-Type"] = file.content_type
    headers["Content-Length"] = str(len(file.body))
    headers["Connection"] = "close"
    if file.etag:
        headers["ETag"] = file.etag
    return Response(status.value, status.phrase, headers, file.body)
