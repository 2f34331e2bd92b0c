"""The control socket with real sockets: who asks is answered, and nobody can hold the daemon up."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import stat
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiced.control.client import NoDaemon, ask, replies
from voiced.control.lines import MAX_LINE
from voiced.control.protocol import (
    Ask,
    Call,
    Follow,
    History,
    Mute,
    Plugin,
    Ptt,
    Quit,
    Reload,
    Say,
    Status,
    Stop,
    Volume,
    request_line,
)
from voiced.control.server import (
    AT_ONCE,
    HURRY_S,
    LARGE,
    MAX_CLIENTS,
    MAX_FOLLOWERS,
    MAX_LARGE,
    MAX_LEAVING,
    MAX_OF_ONE,
    MAX_WAITING,
    ControlServer,
    take,
)
from voiced.control.settings import ControlSettings
from voiced.conversation.commands import FloorChanged, QuestionAsked, RequestEnded, RunTool, UserHeard, Warned
from voiced.conversation.events import (
    AnnouncementAsked,
    CallId,
    Event,
    Image,
    MuteAsked,
    StopAsked,
    TalkKeyMoved,
    TextAsked,
    ToolReturned,
    VolumeAsked,
)
from voiced.errors import ConfigError, ControlError, PluginError

PLUGIN = {"name": "clock", "place": "built in", "tools": ["now"], "problems": []}
SAID = [{"who": "user", "text": "Is it late?"}, {"who": "assistant", "text": "Half past six."}]
PNG = b"\x89PNG\r\n\x1a\n and so on"


@dataclass
class House:
    """A daemon's control socket, and what reached the hub through it."""

    path: Path
    events: asyncio.Queue[Event]
    calls: asyncio.Queue[RunTool]
    switched: list[tuple[str, str]]
    quits: list[None] = field(default_factory=list)
    time: float = 5.0
    server: ControlServer = field(init=False)


@contextlib.asynccontextmanager
async def house(directory: Path) -> AsyncIterator[House]:
    events: asyncio.Queue[Event] = asyncio.Queue()
    calls: asyncio.Queue[RunTool] = asyncio.Queue()
    switched: list[tuple[str, str]] = []

    def reload() -> None:
        raise ConfigError("voiced.toml:1: this is not TOML")

    def switch(name: str, action: str) -> None:
        if name != PLUGIN["name"]:
            raise PluginError(f"there is no plugin {name}")
        switched.append((name, action))

    home = House(directory / "control.sock", events, calls, switched)
    home.server = ControlServer(
        home.path,
        post=events.put_nowait,
        reload=reload,
        plugins=lambda: [PLUGIN],
        switch=switch,
        run_tool=calls.put_nowait,
        quit=lambda: home.quits.append(None),
        history=lambda: SAID,
        modes=lambda: ["wake", "ptt"],
        clock=lambda: home.time,
    )
    async with home.server.serving():
        yield home


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory() as name:  # pytest's own are too deep for a socket
        yield Path(name)


async def asked(house: House, data: bytes) -> list[dict[str, Any]]:
    """Everything that the daemon answers to these bytes, the first time with the version of the protocol."""
    reader, writer = await asyncio.open_unix_connection(house.path, limit=MAX_LINE)
    try:
        writer.write(data)
        await writer.drain()
        answers = [json.loads(line) async for line in reader]
    finally:
        writer.close()
    assert [answer.pop("protocol", None) for answer in answers] == [1, *[None] * (len(answers) - 1)]
    return answers


async def test_the_status_says_how_it_is(directory: Path) -> None:
    async with house(directory) as daemon:
        daemon.server.report(FloorChanged("speaking"))
        status = (await asyncio.to_thread(ask, [daemon.path], Status()))["status"]
    assert (status["floor"], status["plugins"], status["uptime_s"]) == ("speaking", [PLUGIN], 0.0)
    assert status["listening"] == {"modes": ["wake", "ptt"], "attentive": True, "key_held": False}
    assert {"version", "pid", "brain", "devices", "counts", "failures"} <= status.keys()


async def test_orders_become_events_at_once(directory: Path) -> None:
    async with house(directory) as daemon:
        keys = (Ptt(action="down"), Ptt(action="up"), Ptt(action="toggle"))
        for request in (Stop(), Mute(muted=True), Mute(muted=False), Volume(percent=40), *keys):
            assert await asked(daemon, request_line(request)) == [{"done": True}]
        events = [daemon.events.get_nowait() for _ in range(daemon.events.qsize())]
    assert events == [
        StopAsked(), MuteAsked(True), MuteAsked(False), VolumeAsked(40),
        TalkKeyMoved("down"), TalkKeyMoved("up"), TalkKeyMoved("toggle"),
    ]  # fmt: skip


async def test_what_was_said_is_told(directory: Path) -> None:
    async with house(directory) as daemon:
        assert await asked(daemon, request_line(History())) == [{"history": SAID}]


async def test_who_asks_for_the_end_hears_of_it(directory: Path) -> None:
    async with house(directory) as daemon:
        reader, writer = await asyncio.open_unix_connection(daemon.path)
        writer.write(request_line(Quit()))
        assert json.loads(await reader.readline()) == {"protocol": 1, "done": True}
        assert daemon.quits == [None]
        assert not reader.at_eof()
    assert await reader.read() == b""
    writer.close()


async def test_another_version_is_told_which_one_there_is(directory: Path) -> None:
    async with house(directory) as daemon:
        assert await asked(daemon, b'{"do": "dance", "version": 2}\n') == [
            {"error": 'this voiced speaks version 1 of the control protocol: send "version": 1, or none'}
        ]


async def test_a_question_is_answered_when_it_has_been_answered(directory: Path) -> None:
    question = Ask(text="What is this?", images=(base64.b64encode(PNG).decode(),))
    async with house(directory) as daemon, asyncio.TaskGroup() as tasks:
        answer = tasks.create_task(asyncio.to_thread(ask, [daemon.path], question))
        event = await daemon.events.get()
        assert event == TextAsked("control-1", "What is this?", (Image("image/png", PNG),))
        daemon.server.report(RequestEnded("control-9", "not yours"))
        assert not answer.done()
        daemon.server.report(RequestEnded("control-1", "A cat."))
        assert await answer == {"answer": "A cat."}


async def test_who_typed_is_told_what_a_tool_asks_back(directory: Path) -> None:
    async with house(directory) as daemon, asyncio.TaskGroup() as tasks:
        told = tasks.create_task(asked(daemon, request_line(Ask(text="Unlock the door."))))
        await daemon.events.get()
        daemon.server.report(QuestionAsked("", "Who else?"))
        daemon.server.report(QuestionAsked("control-1", "Shall I?"))
        daemon.server.report(RequestEnded("control-1", "It is open."))
        assert await told == [{"asks": "Shall I?"}, {"answer": "It is open."}]


async def test_an_announcement_is_done_when_it_was_said_or_failed(directory: Path) -> None:
    async with house(directory) as daemon, asyncio.TaskGroup() as tasks:
        said = tasks.create_task(asked(daemon, request_line(Say(text="Dinner!"))))
        assert await daemon.events.get() == AnnouncementAsked("control-1", "Dinner!")
        daemon.server.report(RequestEnded("control-1"))
        assert await said == [{"done": True}]
        unsaid = tasks.create_task(asked(daemon, request_line(Say(text="Dinner!"))))
        await daemon.events.get()
        daemon.server.report(RequestEnded("control-2", error="no brain"))
        assert await unsaid == [{"error": "no brain"}]


async def test_plugins_are_listed_and_switched(directory: Path) -> None:
    async with house(directory) as daemon:
        assert await asked(daemon, b'{"do": "plugins"}\n') == [{"plugins": [PLUGIN]}]
        assert await asked(daemon, request_line(Plugin(name="clock", action="disable"))) == [{"done": True}]
        assert await asked(daemon, request_line(Plugin(name="lamp", action="enable"))) == [
            {"error": "there is no plugin lamp"}
        ]
    assert daemon.switched == [("clock", "disable")]


async def test_a_tool_is_called_and_the_conversation_is_told_nothing_of_it(directory: Path) -> None:
    request = Call(tool="get_time", arguments={"zone": "Asia/Tōkyō"})
    async with house(directory) as daemon, asyncio.TaskGroup() as tasks:
        called = tasks.create_task(asyncio.to_thread(ask, [daemon.path], request))
        run = await daemon.calls.get()
        assert (run.name, json.loads(run.arguments)) == ("get_time", {"zone": "Asia/Tōkyō"})
        assert not daemon.server.returned(ToolReturned(CallId("call_1"), "the model's own"))
        assert daemon.server.returned(ToolReturned(run.call, "There is no such zone.", ok=False))
        assert await called == {"result": "There is no such zone.", "ok": False}


async def test_a_long_result_arrives_whole(directory: Path) -> None:
    async with house(directory) as daemon, asyncio.TaskGroup() as tasks:
        called = tasks.create_task(asyncio.to_thread(ask, [daemon.path], Call(tool="read_book")))
        daemon.server.returned(ToolReturned((await daemon.calls.get()).call, "x" * 2**20))
        assert await called == {"result": "x" * 2**20, "ok": True}


async def test_who_left_is_not_told_and_nobody_else_is(directory: Path) -> None:
    async with house(directory) as daemon:
        _, writer = await asyncio.open_unix_connection(daemon.path)
        writer.write(request_line(Call(tool="get_time")))
        run = await daemon.calls.get()
        writer.transport.abort()
        assert await asked(daemon, request_line(Stop())) == [{"done": True}]  # it was noticed meanwhile
        assert daemon.server.returned(ToolReturned(run.call, "Noon."))
        assert not daemon.server.returned(ToolReturned(run.call, "Noon."))


async def test_a_client_may_close_its_side_and_still_read(directory: Path) -> None:
    async with house(directory) as daemon:
        reader, writer = await asyncio.open_unix_connection(daemon.path)
        writer.write(b'{"do": "ask", "text": "Hm?"}')
        writer.write_eof()
        await daemon.events.get()
        daemon.server.report(RequestEnded("control-1", "Yes."))
        assert await reader.read() == b'{"protocol":1,"answer":"Yes."}\n'
        writer.close()


async def test_a_reload_that_fails_says_why(directory: Path) -> None:
    async with house(directory) as daemon:
        assert await asked(daemon, request_line(Reload())) == [{"error": "voiced.toml:1: this is not TOML"}]


async def test_a_follower_sees_facts_and_texts_only_if_it_asked(directory: Path) -> None:
    async with house(directory) as daemon:
        plain, plain_end = await follower(daemon, Follow())
        texts, texts_end = await follower(daemon, Follow(texts=True))
        daemon.server.report(UserHeard(1, "hello"))
        assert json.loads(await plain.readline()) == {"fact": "UserHeard", "turn": 1}
        assert json.loads(await texts.readline()) == {"fact": "UserHeard", "turn": 1, "text": "hello"}
        plain_end.close()
        texts_end.close()


async def test_a_follower_that_left_makes_room(directory: Path) -> None:
    async with house(directory) as daemon:
        for _ in range(3 * MAX_FOLLOWERS):
            _, end = await follower(daemon, Follow())
            end.close()
            await end.wait_closed()
        assert await asked(daemon, request_line(Stop())) == [{"done": True}]


async def test_a_hung_follower_is_cut_off_and_the_others_are_served(directory: Path) -> None:
    async with house(directory) as daemon:
        hung = socket.socket(socket.AF_UNIX)
        hung.connect(str(daemon.path))
        hung.sendall(request_line(Follow()))
        lively, end = await follower(daemon, Follow())
        for _ in range(3000):  # 3 MB: far more than a socket and MAX_BEHIND hold
            daemon.server.report(Warned("loud", "x" * 1000))
            await lively.readline()
        end.close()
        received = 0
        with contextlib.suppress(ConnectionError):
            while data := hung.recv(2**20):
                received += len(data)
        hung.close()
        assert 0 < received < 3_000_000


async def test_followers_leave_places_for_orders(directory: Path) -> None:
    async with house(directory) as daemon, contextlib.AsyncExitStack() as stack:
        for _ in range(MAX_FOLLOWERS):
            stack.callback((await follower(daemon, Follow()))[1].close)
        complaint = f"{MAX_FOLLOWERS} clients follow already; end one of them, such as `voiced status --follow`"
        assert await asked(daemon, request_line(Follow())) == [{"error": complaint}]
        assert await asked(daemon, request_line(Stop())) == [{"done": True}]


@pytest.mark.parametrize("request_", [Ask(text="Hm?"), Say(text="Dinner!"), Call(tool="get_time")])
async def test_who_waits_leaves_places_for_orders(directory: Path, request_: Ask | Say | Call) -> None:
    async with house(directory) as daemon, contextlib.AsyncExitStack() as stack:
        clients = [await connected(daemon, request_line(request_)) for _ in range(MAX_WAITING)]
        for client in clients:
            stack.callback(client.close)
            await (daemon.calls.get() if isinstance(request_, Call) else daemon.events.get())
        complaint = f"{MAX_WAITING} clients wait for an answer already; try again when one has it, or say `voiced stop`"
        for waiting in (Ask(text="And now?"), Say(text="Tea!"), Call(tool="get_time")):
            assert await asked(daemon, request_line(waiting)) == [{"error": complaint}]
        assert await asked(daemon, request_line(Stop())) == [{"done": True}]
        clients[0].close()  # who is gone waits no more
        assert await asked(daemon, request_line(Stop())) == [{"done": True}]
        stack.callback((await connected(daemon, request_line(waiting))).close)
        await daemon.calls.get()


async def test_one_client_too_many_is_always_told_so(directory: Path) -> None:
    """Also where it sends first, and reads when it is done with that."""
    complaint = f"one program can't have more than {MAX_OF_ONE} connections; close some"
    async with house(directory) as daemon, contextlib.AsyncExitStack() as stack:
        for _ in range(MAX_OF_ONE):
            stack.callback((await connected(daemon, b"{")).close)
        for _ in range(2 * MAX_LEAVING):
            assert await asked(daemon, request_line(Ask(text="Hm?", images=("A" * 2**20,)))) == [{"error": complaint}]
        with pytest.raises(ControlError, match=complaint):
            await asyncio.to_thread(ask, [daemon.path], Ask(text="Hm?", images=("A" * 7 * 2**20,)))
        for _ in range(2 * MAX_LEAVING):  # refused, and they stay
            stack.callback((await connected(daemon, b"")).close)
        with pytest.raises(ControlError, match=complaint):
            await asyncio.to_thread(ask, [daemon.path], Status())


async def test_a_program_that_takes_all_the_places_that_it_can_get_leaves_some_for_others(directory: Path) -> None:
    async with house(directory) as daemon, contextlib.AsyncExitStack() as stack:
        for _ in range(MAX_OF_ONE):
            stack.callback((await connected(daemon, b"{")).close)
        others = MAX_CLIENTS - MAX_OF_ONE
        complaint = f"{MAX_CLIENTS} clients are connected already; try again in a moment"
        assert await another_program(daemon, others + 1) == [{"protocol": 1, "done": True}] * others + [
            {"protocol": 1, "error": complaint}
        ]


async def test_who_trickles_makes_room_for_who_asks(directory: Path) -> None:
    loop = asyncio.get_running_loop()
    async with house(directory) as daemon, contextlib.AsyncExitStack() as stack:
        slow = [await connected(daemon, b"{") for _ in range(MAX_OF_ONE)]
        for client in slow:
            stack.callback(client.close)
        complaint = f"one program can't have more than {MAX_OF_ONE} connections; close some"
        assert await asked(daemon, request_line(Stop())) == [{"error": complaint}]
        daemon.time += HURRY_S
        for client in slow[:3]:
            client.send(b'"')
            assert await asked(daemon, request_line(Stop())) == [{"done": True}]
            assert json.loads(await loop.sock_recv(client, 1000)) == {
                "protocol": 1,
                "error": "no request came within 1 s",
            }
            stack.callback((await connected(daemon, b"{")).close)  # and comes back


async def test_a_thousand_connections_at_once_are_served_or_told_so_and_the_loop_turns(directory: Path) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    def flood() -> list[str]:
        """A thousand clients of a process that has no patience, then one after the other."""
        clients = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        told: list[str] = []
        for _ in range(10):
            for client in clients:
                client.connect(str(path))
                client.sendall(request_line(Stop()))
            for client in clients:
                told.append(client.makefile().readline())
                client.close()
            clients = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        for client in clients:
            client.close()
        return told

    async with house(directory) as daemon:
        path = daemon.path
        turning = asyncio.create_task(turn())
        told = [json.loads(line) for line in await asyncio.to_thread(flood)]
        turning.cancel()
        assert len(told) == 1000
        assert {next(key for key in answer if key != "protocol") for answer in told} <= {"done", "error"}
        assert turns > 1000 / (AT_ONCE + 1)  # no more than a few are taken between two turns
        assert daemon.events.qsize() == sum("done" in answer for answer in told)
        assert await asked(daemon, request_line(Stop())) == [{"done": True}]


@pytest.mark.parametrize(
    "data", [b"x" * 10 * 2**20, b"x" * (MAX_LINE + 1), b"x" * 10 * 2**20 + b"\n"], ids=["open", "barely", "ended"]
)
async def test_a_line_of_10_mb_is_refused(directory: Path, data: bytes) -> None:
    async with house(directory) as daemon:
        assert await asked(daemon, data) == [
            {"error": f"this line is longer than {MAX_LINE} bytes; send smaller pictures"}
        ]
        assert await asked(daemon, request_line(Stop())) == [{"done": True}]


async def test_few_may_send_much_at_one_time(directory: Path) -> None:
    async with house(directory) as daemon, contextlib.AsyncExitStack() as stack:
        large = [await connected(daemon, b" " * (LARGE + 1)) for _ in range(MAX_LARGE)]
        for client in large:
            stack.callback(client.close)
        complaint = f"{MAX_LARGE} others send pictures just now; try again in a moment"
        assert await asked(daemon, b" " * 2 * LARGE) == [{"error": complaint}]
        assert await asked(daemon, b" " * LARGE + b"\n") != [{"error": complaint}]
        large[0].send(request_line(Stop()))
        assert await daemon.events.get() == StopAsked()
        assert await asked(daemon, b" " * 2 * LARGE + request_line(Stop())) == [{"done": True}]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(max_size=200), max_size=4))
def test_whatever_bytes_come_the_daemon_serves_on(lines: list[bytes]) -> None:
    async def story() -> None:
        with TemporaryDirectory() as name:
            async with house(Path(name)) as daemon:
                for line in lines:
                    replies = await asked(daemon, line.replace(b"\n", b"") + b"\n")
                    assert [reply.keys() for reply in replies] == [{"error"}]
                assert (await asked(daemon, request_line(Status())))[0]["status"]["floor"] == "idle"

    asyncio.run(story())


async def test_the_end_of_the_daemon_ends_its_clients_and_its_socket(directory: Path) -> None:
    async with house(directory) as daemon:
        reader, writer = await asyncio.open_unix_connection(daemon.path)
        writer.write(request_line(Ask(text="Are you there?")))
        await daemon.events.get()
    assert await reader.read() == b""
    writer.close()
    assert not daemon.path.exists()
    with pytest.raises(NoDaemon) as raised:
        ask([daemon.path, Path("/nonexistent/control.sock")], Status())
    assert str(raised.value) == (
        f"no voiced is running (looked at {daemon.path} and /nonexistent/control.sock); start it with: voiced run"
    )


async def test_the_command_line_follows_until_the_daemon_ends(directory: Path) -> None:
    loop, seen = asyncio.get_running_loop(), asyncio.Queue[str]()

    def follow(path: Path) -> None:
        for reply in replies([path], Follow()):
            loop.call_soon_threadsafe(seen.put_nowait, next(iter(reply)))

    async with asyncio.TaskGroup() as tasks, house(directory) as daemon:
        tasks.create_task(asyncio.to_thread(follow, daemon.path))
        assert await seen.get() == "status"
        daemon.server.report(FloorChanged("listening"))
        assert await seen.get() == "fact"


async def test_a_daemon_that_dies_before_it_answers_is_told_of(directory: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(directory / "control.sock"))
    listener.listen()
    async with asyncio.TaskGroup() as tasks:
        answer = tasks.create_task(asyncio.to_thread(complaint, [directory / "control.sock"]))
        connection, _ = await asyncio.to_thread(listener.accept)
        connection.close()
    assert answer.result() == "voiced ended before it answered; look at its log"
    listener.close()


# Taking the socket.


async def test_a_socket_that_a_killed_daemon_left_is_replaced(directory: Path) -> None:
    path = directory / "control.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    async with house(directory) as daemon:
        assert await asked(daemon, request_line(Stop())) == [{"done": True}]


async def test_a_second_daemon_leaves_the_first_alone(directory: Path) -> None:
    async with house(directory) as daemon:
        with pytest.raises(ControlError) as raised:
            await serve_at(daemon.path)
        assert str(raised.value) == (
            f"another voiced is running (it listens at {daemon.path}); stop it first, or name another control.socket"
        )
        assert await asked(daemon, request_line(Stop())) == [{"done": True}]


async def test_of_two_daemons_that_start_together_one_has_the_socket_that_a_killed_one_left(directory: Path) -> None:
    path = directory / "control.sock"
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(str(path))
        starting = threading.Barrier(2)

        def start(starting: threading.Barrier = starting) -> socket.socket | str:
            starting.wait()
            try:
                return take(path)
            except ControlError as error:
                return str(error)

        ends = await asyncio.gather(asyncio.to_thread(start), asyncio.to_thread(start))
        [winner] = [end for end in ends if isinstance(end, socket.socket)]
        [loser] = [end for end in ends if isinstance(end, str)]
        assert loser.startswith("another voiced is running")
        with winner, socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            winner.accept()[0].close()
        path.unlink()


def test_a_daemon_too_busy_to_take_a_connection_is_alive(directory: Path) -> None:
    """And whoever asks is told that it does not answer, not that it is not there."""
    path = directory / "control.sock"
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(str(path))
        busy.listen(0)
        waiting.connect(str(path))
        with pytest.raises(ControlError, match=r"^another voiced is running"):
            take(path)
        with pytest.raises(ControlError, match=r"^voiced does not answer within 0.05 s; look at its log$"):
            ask([path], Status(), timeout_s=0.05)


async def test_a_path_that_cannot_be_a_socket_says_why(directory: Path) -> None:
    (directory / "file").write_text("precious")
    for path, complaint in (
        (
            directory / "file",
            "is there already and is no socket; take it away, or name another path in control.socket",
        ),
        (directory / ("x" * 120), "is too long for a socket (107 bytes); name a shorter path in control.socket"),
        (
            directory / "file" / "control.sock",
            "the control socket can't be made (File exists); set XDG_RUNTIME_DIR, or a path in control.socket",
        ),
    ):
        with pytest.raises(ControlError) as raised:
            await serve_at(path)
        assert str(raised.value).removeprefix(str(path)).lstrip(": ") == complaint
    assert (directory / "file").read_text() == "precious"


@pytest.mark.parametrize(
    ("directory_mode", "socket_mode"), [(0o700, 0o660), (0o750, 0o660), (0o755, 0o600), (0o1777, 0o600)]
)
async def test_the_group_may_use_it_where_the_directory_keeps_all_others_out(
    directory: Path, directory_mode: int, socket_mode: int
) -> None:
    directory.chmod(directory_mode)
    async with house(directory) as daemon:
        assert stat.S_IMODE(daemon.path.stat().st_mode) == socket_mode


def test_where_the_socket_is() -> None:
    you = {"XDG_RUNTIME_DIR": "/run/user/1000"}
    service = {"RUNTIME_DIRECTORY": "/run/voiced"}
    assert ControlSettings().path_to_serve(you) == Path("/run/user/1000/voiced/control.sock")
    assert ControlSettings().path_to_serve(service) == Path("/run/voiced/control.sock")
    assert ControlSettings(socket="/tmp/s").path_to_serve(service) == Path("/tmp/s")
    assert ControlSettings(socket="/tmp/s").paths_to_try(you) == (Path("/tmp/s"),)
    assert ControlSettings().paths_to_try(you) == (
        Path("/run/user/1000/voiced/control.sock"),
        Path("/run/voiced/control.sock"),
    )


def complaint(paths: list[Path]) -> str:
    with pytest.raises(ControlError) as raised:
        ask(paths, Status())
    return str(raised.value)


async def serve_at(path: Path) -> None:
    async with idle_server(path).serving():
        pass


def idle_server(path: Path, **more: Any) -> ControlServer:
    """One that nothing is behind."""
    return ControlServer(
        path,
        post=lambda event: None,
        reload=lambda: None,
        plugins=list,
        switch=lambda name, action: None,
        run_tool=lambda command: None,
        quit=lambda: None,
        **more,
    )


def test_the_status_has_what_was_spent(directory: Path) -> None:
    assert idle_server(directory / "sock").status()["spending"] == {}
    spending = {"today_usd": 0.5}
    assert idle_server(directory / "sock", spending=lambda: spending).status()["spending"] == spending


def test_the_status_has_the_keys_that_work(directory: Path) -> None:
    assert idle_server(directory / "sock").status()["keys"] == {}
    keys = {"working": "f9", "problem": ""}
    assert idle_server(directory / "sock", keys=lambda: keys).status()["keys"] == keys


async def connected(house: House, data: bytes) -> socket.socket:
    """A client that has sent this, and stays."""
    client, loop = socket.socket(socket.AF_UNIX), asyncio.get_running_loop()
    client.setblocking(False)
    await loop.sock_connect(client, str(house.path))
    await loop.sock_sendall(client, data)
    return client


async def another_program(house: House, connections: int) -> list[dict[str, Any]]:
    """What a process gets that connects so often, and then says "stop" on each but the last."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-S", "-c", SAYS_STOP, str(house.path), str(connections), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await program.communicate()
    return [json.loads(line) for line in out.splitlines()]


SAYS_STOP = """
import socket, sys
clients = [socket.socket(socket.AF_UNIX) for _ in range(int(sys.argv[2]))]
for client in clients:
    client.connect(sys.argv[1])
answers = [client.makefile() for client in clients]
last = answers[-1].readline()
for client, answer in zip(clients[:-1], answers):
    client.sendall(b'{"do": "stop"}\\n')
    print(answer.readline(), end="")
print(last, end="")
"""


async def follower(house: House, request: Follow) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that follows: the status has come, facts are to follow."""
    reader, writer = await asyncio.open_unix_connection(house.path)
    writer.write(request_line(request))
    assert "status" in json.loads(await reader.readline())
    return reader, writer
