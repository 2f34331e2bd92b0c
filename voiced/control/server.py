"""The control socket: takes requests from local clients and answers them, and never waits for one.

Each connection is an asyncio protocol with no task of its own. A client that does not read is cut off when it is
MAX_BEHIND bytes behind, one that does not ask within ASK_WITHIN_S too; neither delays the daemon or another client.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import os
import socket
import stat
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, assert_never

from voiced import __version__
from voiced.control import protocol
from voiced.control.snapshot import Snapshot
from voiced.conversation.commands import Fact, QuestionAsked, RequestEnded, RunTool
from voiced.conversation.events import (
    AnnouncementAsked,
    CallId,
    MuteAsked,
    StopAsked,
    TextAsked,
    ToolReturned,
    VolumeAsked,
)
from voiced.errors import ControlError, VoicedError
from voiced.ports import Post

MAX_CLIENTS: Final = 8
"""Connections at one time; each may hold MAX_LINE bytes."""

MAX_BEHIND: Final = 256 * 1024
"""Bytes that a client may leave unread: thousands of facts."""

ASK_WITHIN_S: Final = 10.0
"""From the connection to the whole request, and from the last reply to its having been read."""


class ControlServer:
    """Edge and StatusSink in one: turns requests into events, and facts into replies and the status.

    `reload` begins to read configuration and plugins anew and raises VoicedError if it can't. `plugins` is their part
    of the status, ready for JSON: name, place, tools and problems of each. `spending` is that of the budget: numbers.
    `switch` begins to do to the plugin of that name what is asked, and raises VoicedError if there is none. `run_tool`
    begins a call; what comes of it goes to `returned`.
    """

    def __init__(
        self,
        path: Path,
        *,
        post: Post,
        reload: Callable[[], None],
        plugins: Callable[[], Sequence[Mapping[str, Any]]],
        switch: Callable[[str, protocol.PluginAction], None],
        run_tool: Callable[[RunTool], None],
        spending: Callable[[], Mapping[str, Any]] = dict,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._post = post
        self._reload = reload
        self._plugins = plugins
        self._switch = switch
        self._run_tool = run_tool
        self._spending = spending
        self._clock = clock
        self._snapshot = Snapshot(clock())
        self._requests = itertools.count(1)
        self._clients: set[_Client] = set()
        self._waiting: dict[str, _Client] = {}
        self._calls: dict[CallId, _Client] = {}
        self._watchers: dict[_Client, bool] = {}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve inside the block; after it the socket is gone and every client was hung up on.

        Raises ControlError, above all where another voiced has the socket.
        """
        listener = _listener(self._path)
        inode = self._path.stat().st_ino
        server = await asyncio.get_running_loop().create_unix_server(lambda: _Client(self), sock=listener)
        try:
            yield
        finally:
            server.close()
            for client in tuple(self._clients):
                client.hang_up()
            with suppress(OSError):
                if self._path.stat().st_ino == inode:
                    self._path.unlink()

    def report(self, fact: Fact) -> None:
        """StatusSink: count it, answer who waits for it, show it to who watches."""
        self._snapshot.add(fact, self._clock())
        if isinstance(fact, RequestEnded) and (client := self._waiting.pop(fact.request, None)):
            client.request_ended(fact)
        if isinstance(fact, QuestionAsked) and (client := self._waiting.get(fact.request)):
            client.send({"asks": fact.text})
        for watcher, texts in tuple(self._watchers.items()):
            watcher.send(protocol.fact_reply(fact, texts=texts))

    def returned(self, event: ToolReturned) -> bool:
        """A tool ended: whether it was called here, so that nobody else is to be told."""
        client = self._calls.pop(event.call, None)
        if client in self._clients:
            client.tool_returned(event)
        return client is not None

    def status(self) -> dict[str, Any]:
        """What `voiced status` gets."""
        running = {"version": __version__, "pid": os.getpid()}
        return {
            **running,
            **self._snapshot.at(self._clock()),
            "spending": dict(self._spending()),
            "plugins": list(self._plugins()),
        }

    # What a client calls.

    def came(self, client: _Client) -> None:
        """Raises ControlError where there are too many."""
        if len(self._clients) >= MAX_CLIENTS:
            raise ControlError(
                f"{MAX_CLIENTS} clients are connected already; end one of them, such as `voiced status --watch`"
            )
        self._clients.add(client)

    def went(self, client: _Client) -> None:
        """Nobody is there any more to answer to."""
        self._clients.discard(client)
        self._watchers.pop(client, None)
        self._waiting = {request: each for request, each in self._waiting.items() if each is not client}

    def do(self, request: protocol.Request, client: _Client) -> Mapping[str, Any] | None:
        """Begin what is asked. The reply, or None where more is to come later. Raises VoicedError."""
        match request:
            case protocol.Status():
                return {"status": self.status()}
            case protocol.Watch():
                client.send({"status": self.status()})
                self._watchers[client] = request.texts
                return None
            case protocol.Say():
                self._post(AnnouncementAsked(self._wait(client), request.text))
                return None
            case protocol.Ask():
                images = protocol.images_of(request)
                self._post(TextAsked(self._wait(client), request.text, images))
                return None
            case protocol.Stop():
                self._post(StopAsked())
            case protocol.Mute():
                self._post(MuteAsked(request.muted))
            case protocol.Volume():
                self._post(VolumeAsked(request.percent))
            case protocol.Reload():
                self._reload()
            case protocol.Plugins():
                return {"plugins": list(self._plugins())}
            case protocol.Plugin():
                self._switch(request.name, request.action)
            case protocol.Call():
                call = CallId(f"control-{next(self._requests)}")
                self._calls[call] = client
                self._run_tool(RunTool(call, request.tool, json.dumps(request.arguments)))
                return None
            case _:
                assert_never(request)
        return {"done": True}

    def _wait(self, client: _Client) -> str:
        request = f"control-{next(self._requests)}"
        self._waiting[request] = client
        return request


class _Client(asyncio.Protocol):
    """One connection: a request line in, reply lines out."""

    def __init__(self, server: ControlServer) -> None:
        self._server = server
        self._line = bytearray()
        self._request: protocol.Request | None = None
        self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._deadline = asyncio.get_running_loop().call_later(ASK_WITHIN_S, self._too_slow)
        try:
            self._server.came(self)
        except ControlError as error:
            self._finish({"error": str(error)})

    def data_received(self, data: bytes) -> None:
        if self._request is not None or self._over:
            return  # one request per connection: what follows means nothing
        before, newline, _ = data.partition(b"\n")
        self._line += before
        if len(self._line) > protocol.MAX_LINE:
            self._finish({"error": f"this line is longer than {protocol.MAX_LINE} bytes; send smaller pictures"})
        elif newline:
            self._asked()

    def eof_received(self) -> bool:
        """Whether to keep the connection: a client may close its side after it asked, and still read the answer."""
        if self._line and self._request is None and not self._over:
            self._asked()
        return isinstance(self._request, protocol.Say | protocol.Ask | protocol.Call)

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._deadline.cancel()
        self._server.went(self)

    def send(self, reply: Mapping[str, Any]) -> None:
        """Queue one line; a client that is too far behind is cut off."""
        if self._over:
            return
        self._transport.write(protocol.reply_line(reply))
        if self._transport.get_write_buffer_size() > MAX_BEHIND:
            self.hang_up()

    def request_ended(self, fact: RequestEnded) -> None:
        if fact.error:
            self._finish({"error": fact.error})
        elif isinstance(self._request, protocol.Ask):
            self._finish({"answer": fact.text})
        else:
            self._finish({"done": True})

    def tool_returned(self, event: ToolReturned) -> None:
        self._finish({"result": event.output, "ok": event.ok})

    def hang_up(self) -> None:
        """Drop the connection with whatever was not read."""
        self._over = True
        self._transport.abort()

    def _asked(self) -> None:
        self._deadline.cancel()
        try:
            self._request = protocol.parse_request(bytes(self._line))
            reply = self._server.do(self._request, self)
        except VoicedError as error:
            reply = {"error": str(error)}
        self._line.clear()
        if reply is not None:
            self._finish(reply)

    def _finish(self, reply: Mapping[str, Any]) -> None:
        """The last reply, however long: what is not read in time is dropped."""
        if not self._over:
            self._transport.write(protocol.reply_line(reply))
        self._over = True
        self._line.clear()
        self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(ASK_WITHIN_S, self._transport.abort)
        self._transport.close()

    def _too_slow(self) -> None:
        self._finish({"error": f"no request came within {ASK_WITHIN_S:.0f} s"})


def _listener(path: Path) -> socket.socket:
    """A socket that listens at `path`, usable by whom its directory lets in. Raises ControlError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_way(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise ControlError(_complaint(path, error)) from None
    try:
        os.fchmod(listener.fileno(), 0o600)  # before bind: nobody gets in between
        listener.bind(str(path))
        path.chmod(_mode(path.parent))
        listener.listen(MAX_CLIENTS)
    except OSError as error:
        listener.close()
        raise ControlError(_complaint(path, error)) from None
    return listener


def _make_way(path: Path) -> None:
    """Take away a socket that a daemon left behind when it was killed. Raises ControlError if it is alive."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise ControlError(
            f"{path} is there already and is no socket; take it away, or name another path in control.socket"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except TimeoutError:
            pass  # its queue is full: somebody is there
    raise ControlError(
        f"another voiced is running (it listens at {path}); stop it first, or name another control.socket"
    )


def _mode(directory: Path) -> int:
    """A directory for one group (systemd's RuntimeDirectoryMode=0750) opens the socket to that group; no other does."""
    return 0o660 if stat.S_IMODE(directory.stat().st_mode) & 0o017 == 0o010 else 0o600


def _complaint(path: Path, error: OSError) -> str:
    if error.errno is None or error.errno == errno.ENAMETOOLONG:
        return f"{path} is too long for a socket (107 bytes); name a shorter path in control.socket"
    return (
        f"{path}: the control socket can't be made ({error.strerror}); set XDG_RUNTIME_DIR, or a path in control.socket"
    )
