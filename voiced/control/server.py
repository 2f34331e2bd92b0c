"""The control socket: takes requests from local clients and answers them, and never waits for one.

Each connection is an asyncio protocol with no task of its own. A client that does not read is cut off when it is
MAX_BEHIND bytes behind, one that does not ask within ASK_WITHIN_S too; neither delays the daemon or another client.
Of those who follow, and of those who wait for an answer, there may be so many that places are left for orders:
however many screens hang on it, somebody must be able to say "stop".
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import itertools
import json
import os
import select
import socket
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, assert_never

from voiced import __version__
from voiced.control import protocol
from voiced.control.connection import connect_within
from voiced.control.lines import MAX_LINE, VERSION, line_of
from voiced.control.peer import Peer, peer_of
from voiced.control.snapshot import Snapshot
from voiced.conversation.commands import Fact, QuestionAsked, RequestEnded, RunTool
from voiced.conversation.events import (
    AnnouncementAsked,
    CallId,
    MuteAsked,
    StopAsked,
    TalkKeyMoved,
    TextAsked,
    ToolReturned,
    VolumeAsked,
)
from voiced.errors import ControlError, VoicedError
from voiced.ports import Post

MAX_FOLLOWERS: Final = 8
"""Of those who are connected."""

MAX_WAITING: Final = 8
"""Who waits until something was said, answered or done, of those who are connected."""

MAX_OF_ONE: Final = MAX_FOLLOWERS + MAX_WAITING
"""Connections of one process, so that none can take the places of all."""

MAX_CLIENTS: Final = MAX_OF_ONE + 8
"""Connections at one time."""

MAX_LARGE: Final = 4
"""Of these may send a line of more than LARGE bytes at one time: MAX_LINE each."""

LARGE: Final = 64 * 1024
"""Bytes. What has no picture in it is smaller."""

MAX_LEAVING: Final = 32
"""Connections that were refused and are listened to a little longer, so that what they were told reaches them."""

AT_ONCE: Final = 8
"""Connections that are taken between two turns of the loop: a flood of them must not keep the sound waiting."""

QUEUE: Final = 128
"""Connections that wait to be taken. Who comes where it is full waits too, or gets an error at once: EAGAIN."""

MAX_BEHIND: Final = 256 * 1024
"""Bytes that a client may leave unread: thousands of facts."""

ASK_WITHIN_S: Final = 10.0
"""From the connection to the whole request, and from the last reply to its having been read."""

LOCK_TRIES: Final = 20
LOCK_PAUSE_S: Final = 0.02
"""Another voiced that starts is done by then."""

HURRY_S: Final = 1.0
"""The same from the connection to the request where others wait for the place."""

LEAVE_WITHIN_S: Final = 2.0
"""Who was refused while it still sends has so long to read why."""


class ControlServer:
    """Edge and StatusSink in one: turns requests into events, and facts into replies and the status.

    `reload` begins to read configuration and plugins anew and raises VoicedError if it can't. `plugins` is their part
    of the status, ready for JSON: name, place, tools and problems of each. `spending` is that of the budget: numbers.
    `switch` begins to do to the plugin of that name what is asked, and raises VoicedError if there is none. `run_tool`
    begins a call; what comes of it goes to `returned`. `quit` begins to end the daemon. `modes` are the settings' words
    for when it listens, `keys` how the keys do that somebody set. `history` is what was said, oldest first: `who` and
    `text`. `come_and_go`: see `Snapshot`.
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
        quit: Callable[[], None],
        history: Callable[[], Sequence[Mapping[str, Any]]] = list,
        modes: Callable[[], Sequence[str]] = list,
        keys: Callable[[], Mapping[str, str]] = dict,
        spending: Callable[[], Mapping[str, Any]] = dict,
        come_and_go: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._post = post
        self._reload = reload
        self._plugins = plugins
        self._switch = switch
        self._run_tool = run_tool
        self._quit = quit
        self._history = history
        self._modes = modes
        self._keys = keys
        self._spending = spending
        self._clock = clock
        self._snapshot = Snapshot(clock(), come_and_go=come_and_go)
        self._requests = itertools.count(1)
        self._clients: dict[_Client, tuple[Peer, float]] = {}
        """Whose each is, and since when it is there, the longest first."""
        self._asking: set[_Client] = set()
        self._large: set[_Client] = set()
        self._leaving: set[_Client] = set()
        self._over = False
        self._waiting: dict[str, _Client] = {}
        self._calls: dict[CallId, _Client] = {}
        self._followers: dict[_Client, bool] = {}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve inside the block; after it the socket is gone and every client was hung up on.

        Raises ControlError, above all where another voiced has the socket.
        """
        listener = take(self._path)
        inode = self._path.stat().st_ino
        server = await asyncio.get_running_loop().create_unix_server(
            lambda: _Client(self), sock=listener, backlog=AT_ONCE
        )
        listener.listen(QUEUE)  # asyncio takes its backlog for both
        try:
            yield
        finally:
            self._over = True
            server.close()
            for client in (*self._clients, *self._leaving):
                client.hang_up()
            with suppress(OSError):
                if self._path.stat().st_ino == inode:
                    self._path.unlink()

    def report(self, fact: Fact) -> None:
        """StatusSink: count it, answer who waits for it, show it to who follows."""
        self._snapshot.add(fact, self._clock())
        if isinstance(fact, RequestEnded) and (client := self._waiting.pop(fact.request, None)):
            client.request_ended(fact)
        if isinstance(fact, QuestionAsked) and (client := self._waiting.get(fact.request)):
            client.send({"asks": fact.text})
        for follower, texts in tuple(self._followers.items()):
            follower.send(protocol.fact_reply(fact, texts=texts, images=False))

    def returned(self, event: ToolReturned) -> bool:
        """A tool ended: whether it was called here, so that nobody else is to be told."""
        client = self._calls.pop(event.call, None)
        if client in self._clients:
            client.tool_returned(event)
        return client is not None

    def status(self) -> dict[str, Any]:
        """What `voiced status` gets."""
        now = self._snapshot.at(self._clock())
        return {
            "version": __version__,
            "pid": os.getpid(),
            **now,
            "listening": {"modes": list(self._modes()), **now["listening"]},
            "keys": dict(self._keys()),
            "spending": dict(self._spending()),
            "plugins": list(self._plugins()),
        }

    # What a client calls.

    def came(self, client: _Client, peer: Peer) -> None:
        """Raises ControlError where it may not, where there are too many, and where the daemon ends."""
        if self._over:
            raise ControlError("voiced is ending")
        if not peer.may_use(self._path):
            raise ControlError(
                f"you (user {peer.uid}) may not talk to this voiced; if it is for a group, join it and log in anew: "
                f"sudo usermod -aG $(stat -c %G {self._path}) $USER"
            )
        own = [each for each, (whose, _) in self._clients.items() if whose.pid == peer.pid]
        self._make_room(own, MAX_OF_ONE, f"one program can't have more than {MAX_OF_ONE} connections; close some")
        too_many = f"{MAX_CLIENTS} clients are connected already; try again in a moment"
        self._make_room(tuple(self._clients), MAX_CLIENTS, too_many)
        self._clients[client] = peer, self._clock()
        self._asking.add(client)

    def is_large(self, client: _Client) -> None:
        """It sends more than LARGE bytes. Raises ControlError where too many do."""
        if len(self._large) >= MAX_LARGE:
            raise ControlError(f"{MAX_LARGE} others send pictures just now; try again in a moment")
        self._large.add(client)

    def asked(self, client: _Client) -> None:
        """It has sent what it wanted to."""
        self._asking.discard(client)
        self._large.discard(client)

    def leaves(self, client: _Client) -> bool:
        """It was refused: whether it may still be listened to until it has read why."""
        self.went(client)
        if self._over or len(self._leaving) >= MAX_LEAVING:
            return False
        self._leaving.add(client)
        return True

    def went(self, client: _Client) -> None:
        """Nobody is there any more to answer to."""
        self.asked(client)
        self._clients.pop(client, None)
        self._leaving.discard(client)
        self._followers.pop(client, None)
        self._waiting = {request: each for request, each in self._waiting.items() if each is not client}

    def do(self, request: protocol.Request, client: _Client) -> Mapping[str, Any] | None:
        """Begin what is asked. The reply, or None where more is to come later. Raises VoicedError."""
        match request:
            case protocol.Status():
                return {"status": self.status()}
            case protocol.Follow():
                if len(self._followers) >= MAX_FOLLOWERS:
                    raise ControlError(
                        f"{MAX_FOLLOWERS} clients follow already; end one of them, such as `voiced status --follow`"
                    )
                client.send({"status": self.status()})
                self._followers[client] = request.texts
                return None
            case protocol.Say():
                self._post(AnnouncementAsked(self._wait_for_request(client), request.text))
                return None
            case protocol.Ask():
                images = protocol.images_of(request)
                self._post(TextAsked(self._wait_for_request(client), request.text, images))
                return None
            case protocol.Stop():
                self._post(StopAsked())
            case protocol.Mute():
                self._post(MuteAsked(request.muted))
            case protocol.Ptt():
                self._post(TalkKeyMoved(request.action))
            case protocol.History():
                return {"history": list(self._history())}
            case protocol.Quit():
                client.send({"done": True})
                self._quit()
                return None
            case protocol.Volume():
                self._post(VolumeAsked(request.percent))
            case protocol.Reload():
                self._reload()
            case protocol.Plugins():
                return {"plugins": list(self._plugins())}
            case protocol.Plugin():
                self._switch(request.name, request.action)
            case protocol.Call():
                call = CallId(self._name_for_one_who_waits())
                self._calls[call] = client
                self._run_tool(RunTool(call, request.tool, json.dumps(request.arguments)))
                return None
            case _:
                assert_never(request)
        return {"done": True}

    def _wait_for_request(self, client: _Client) -> str:
        request = self._name_for_one_who_waits()
        self._waiting[request] = client
        return request

    def _name_for_one_who_waits(self) -> str:
        """Raises ControlError where too many wait."""
        if len(self._who_wait()) >= MAX_WAITING:
            for client in self._who_wait():
                if client.is_gone():
                    client.hang_up()
                    self.went(client)
        if len(self._who_wait()) >= MAX_WAITING:
            raise ControlError(
                f"{MAX_WAITING} clients wait for an answer already; try again when one has it, or say `voiced stop`"
            )
        return f"control-{next(self._requests)}"

    def _who_wait(self) -> set[_Client]:
        return {*self._waiting.values(), *(self._clients.keys() & self._calls.values())}

    def _make_room(self, crowd: Sequence[_Client], most: int, complaint: str) -> None:
        """Whoever is here for the longest and had the time to ask, and did not, goes. Else raises ControlError."""
        if len(crowd) < most:
            return
        late = self._clock() - HURRY_S
        slow = (client for client in crowd if client in self._asking and self._clients[client][1] <= late)
        client = next(slow, None)
        if client is None:
            raise ControlError(complaint)
        client.too_slow(HURRY_S)


class _Client(asyncio.Protocol):
    """One connection: a request line in, reply lines out."""

    def __init__(self, server: ControlServer) -> None:
        self._server = server
        self._line = bytearray()
        self._heard_out = False
        self._request: protocol.Request | None = None
        self._answered = False
        self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._deadline = asyncio.get_running_loop().call_later(ASK_WITHIN_S, self.too_slow, ASK_WITHIN_S)
        try:
            self._server.came(self, peer_of(transport.get_extra_info("socket")))
        except ControlError as error:
            self._finish({"error": str(error)})

    def data_received(self, data: bytes) -> None:
        if self._heard_out or self._over:
            return  # one request per connection: what follows means nothing
        before, newline, _ = data.partition(b"\n")
        is_large = len(self._line) > LARGE
        self._line += before
        try:
            if len(self._line) > LARGE and not is_large:
                self._server.is_large(self)
            if len(self._line) > MAX_LINE:
                raise ControlError(f"this line is longer than {MAX_LINE} bytes; send smaller pictures")
        except ControlError as error:
            self._finish({"error": str(error)})
            return
        if newline:
            self._asked()

    def eof_received(self) -> bool:
        """Whether to keep the connection: a client may close its side after it asked, and still read the answer."""
        if self._line and not self._heard_out and not self._over:
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
        self._write(reply)
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

    def too_slow(self, patience_s: float) -> None:
        self._finish({"error": f"no request came within {patience_s:.0f} s"})

    def is_gone(self) -> bool:
        """Whether nobody reads any more. That who waits closed its side does not tell."""
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket"), 0)  # the end of both sides is always told
        return bool(poll.poll(0))

    def hang_up(self) -> None:
        """Drop the connection with whatever was not read."""
        self._over = True
        self._transport.abort()

    def _asked(self) -> None:
        self._heard_out = True
        self._deadline.cancel()
        self._server.asked(self)
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
        if self._over:
            return
        self._write(reply)
        self._over = True
        self._line.clear()
        self._deadline.cancel()
        if self._heard_out or not self._server.leaves(self):
            self._abort_after(ASK_WITHIN_S)
            self._transport.close()
        else:
            # Closed under its hands, it would get an error as it sends, and perhaps never read the reply.
            self._abort_after(LEAVE_WITHIN_S)
            self._transport.write_eof()

    def _write(self, reply: Mapping[str, Any]) -> None:
        self._transport.write(line_of(reply if self._answered else {"protocol": VERSION, **reply}))
        self._answered = True

    def _abort_after(self, seconds: float) -> None:
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._transport.abort)


def take(path: Path) -> socket.socket:
    """A socket that listens at `path`, usable by whom its directory lets in. Raises ControlError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise ControlError(_complaint(path, error)) from None
    try:
        with _alone_in(path.parent):
            _make_way(path)
            os.fchmod(listener.fileno(), 0o600)  # before bind: nobody gets in between
            listener.bind(str(path))
            path.chmod(_mode(path.parent))
            listener.listen(QUEUE)
    except ControlError:
        listener.close()
        raise
    except OSError as error:
        listener.close()
        raise ControlError(_complaint(path, error)) from None
    return listener


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """One voiced at a time: of two that start together, one would take away the other's socket for a dead one's."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for _ in range(LOCK_TRIES):
            with suppress(BlockingIOError):
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(LOCK_PAUSE_S)  # whoever else locks directories must not keep us from starting
        yield
    finally:
        os.close(opened)


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
        try:
            connect_within(probe, path, 1.0)
        except ConnectionRefusedError:
            path.unlink()
            return
        except TimeoutError:
            pass  # its queue is full: somebody is there
    raise ControlError(
        f"another voiced is running (it listens at {path}); stop it first, or name another control.socket"
    )


def _mode(directory: Path) -> int:
    """For our user and group, where the directory keeps all others out; it may keep out the group too (0700).

    In one that is open to all, our group may be that of every person here.
    """
    return 0o600 if directory.stat().st_mode & stat.S_IRWXO else 0o660


def _complaint(path: Path, error: OSError) -> str:
    if error.errno is None or error.errno == errno.ENAMETOOLONG:
        return f"{path} is too long for a socket (107 bytes); name a shorter path in control.socket"
    return (
        f"{path}: the control socket can't be made ({error.strerror}); set XDG_RUNTIME_DIR, or a path in control.socket"
    )
