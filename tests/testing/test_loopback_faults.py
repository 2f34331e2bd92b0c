"""What goes wrong when a script says so, and nobody else is to blame."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from voiced.testing.loopback import (
    UPGRADE,
    CloseWith,
    Drop,
    Fault,
    Garble,
    Ignore,
    LoopbackServer,
    Pace,
    Refuse,
    Reject,
    Say,
    Send,
    SendError,
    Silence,
    Stall,
    garbage,
    sweep,
)
from voiced.testing.loopback.garbage import HUGE_BYTES

from .loopback_client import RATE, Client, client_of, silence, user_says

DELTA = "response.output_audio.delta"


async def closing(client: Client) -> tuple[int, str] | None:
    """Code and reason of the server's close; None when the connection just broke."""
    try:
        while True:
            await client.next()
    except ConnectionClosed as closed:
        return None if closed.rcvd is None else (closed.rcvd.code, closed.rcvd.reason)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
async def test_an_upgrade_is_refused_once(status: Any) -> None:
    refuse = Refuse(status, code="some_code", message="not now", retry_after_s=7 if status == 429 else None)
    async with LoopbackServer(faults=[Fault(refuse, on=UPGRADE)]) as server:
        with pytest.raises(InvalidStatus) as refused:
            async with client_of(server):
                pass
        response = refused.value.response
        assert response.status_code == status
        assert response.headers.get("Retry-After") == ("7" if status == 429 else None)
        assert json.loads(response.body or b"")["error"]["code"] == "some_code"
        async with client_of(server):
            assert server.connections == (1, 1, 2)
        assert server.violations == ()


async def test_every_upgrade_is_refused() -> None:
    async with LoopbackServer(faults=[Fault(Refuse(500), on=UPGRADE, every=True)]) as server:
        for _ in range(3):
            with pytest.raises(InvalidStatus):
                async with client_of(server):
                    pass
        assert server.connections == (0, 0, 3)


async def test_admission_may_fail_after_the_upgrade() -> None:
    close = CloseWith(1008, "insufficient_quota")
    error = SendError("insufficient_quota", "You exceeded your current quota.", then=close)
    async with LoopbackServer(faults=[Fault(error)]) as server, client_of(server, greeted=False) as client:
        assert (await client.next())["error"]["code"] == "insufficient_quota"
        assert await closing(client) == (1008, "insufficient_quota")
        assert client.types() == ["error"]
    assert server.violations == ()


@pytest.mark.parametrize("moment", ["session.update", "input_audio_buffer.append", "response.create", "response.done"])
async def test_the_connection_breaks(moment: str) -> None:
    async with LoopbackServer([Say("Hello.")], faults=[Fault(Drop(), on=moment)]) as server:
        async with client_of(server) as client:
            await client.send("session.update", session={"type": "realtime"})
            if moment != "session.update":
                await client.append(silence(20))
                await client.send("response.create")
            assert await closing(client) is None
            assert moment not in client.types()
        async with client_of(server) as client:
            assert server.connections == (1, 2, 2)


async def test_the_connection_breaks_during_a_reply() -> None:
    script = [Say("Hello", pcm=sweep(RATE * 2))]
    async with (
        LoopbackServer(script, faults=[Fault(Drop(), on=DELTA, nth=4)]) as server,
        client_of(server) as client,
    ):
        await client.send("response.create")
        assert await closing(client) is None
        assert client.types().count(DELTA) == 3


async def test_the_nth_append_is_a_moment() -> None:
    faults = [Fault(CloseWith(1011, "oops"), on="input_audio_buffer.append", nth=3)]
    async with LoopbackServer(faults=faults) as server, client_of(server) as client:
        await client.append(silence(60), chunk_ms=20)
        assert await closing(client) == (1011, "oops")
        assert len(server.timeline.arrivals("input_audio_buffer.append")) == 3


async def test_a_session_expires_on_demand() -> None:
    async with LoopbackServer() as server, client_of(server) as client:
        await server.expire_session()
        told = "Your session hit the maximum duration of 60 minutes."
        assert await closing(client) == (1001, told)
        assert client.events[-1]["error"] == {
            "type": "invalid_request_error",
            "code": "session_expired",
            "message": told,
            "param": None,
            "event_id": None,
        }
        with pytest.raises(LookupError, match="connection 1 is not live; live are \\[\\]"):
            await server.expire_session(1)


async def test_a_session_expires_by_itself() -> None:
    async with LoopbackServer(max_session_s=0.02) as server, client_of(server) as client:
        assert (await closing(client) or (0, ""))[0] == 1001


@pytest.mark.parametrize("half_open", [False, True])
async def test_a_stalled_server_says_nothing_more(half_open: bool) -> None:
    async with LoopbackServer([Say("Hello.")]) as server, client_of(server) as client:
        await server.inject(Stall(half_open))
        await client.say("Hello?")
        pong = asyncio.ensure_future(await client.socket.ping())
        async with client_of(server) as other:
            await other.ask("Hello")
        assert client.types() == ["session.created"]
        assert pong.done() is not half_open
        assert any(entry.connection == 1 for entry in server.received) is not half_open
        pong.cancel()


async def test_a_stall_in_mid_reply() -> None:
    script = [Say("Hello", pcm=sweep(RATE * 2))]
    async with (
        LoopbackServer(script, faults=[Fault(Stall(), on=DELTA, nth=3)]) as server,
        client_of(server) as client,
    ):
        await client.send("response.create")
        await server.wait_for(DELTA, count=2)
        await (await client.socket.ping())
        while client.types().count(DELTA) < 2:
            await client.next()
        assert len(server.timeline.audio()) == 2


@pytest.mark.parametrize(
    "how",
    [
        garbage.invalid_json,
        garbage.not_an_object,
        garbage.binary_frame,
        garbage.missing_type,
        garbage.unknown_type,
        garbage.odd_length_audio,
        garbage.bad_base64,
        garbage.huge,
    ],
)
async def test_garbage_comes_in_place_of_a_delta(how: Callable[[dict[str, Any]], str | bytes]) -> None:
    script = [Say("Hello", pcm=sweep(RATE))]
    async with (
        LoopbackServer(script, faults=[Fault(Garble(how), on=DELTA, nth=2)]) as server,
        client_of(server) as client,
    ):
        await client.send("response.create")
        messages = [await client.socket.recv()]
        while '"response.done"' not in str(messages[-1])[:100]:
            messages.append(await client.socket.recv())
        good = [message for message in messages if _is_good_delta(message)]
        assert len(good) == 4
        if how is garbage.huge:
            assert max(len(message) for message in messages) == HUGE_BYTES
        if how is garbage.binary_frame:
            assert sum(isinstance(message, bytes) for message in messages) == 1


def _is_good_delta(message: str | bytes) -> bool:
    try:
        event = json.loads(message) if isinstance(message, str) else {}
    except ValueError:
        return False
    whole = isinstance(event, dict) and event.get("type") == DELTA and "padding" not in event
    return whole and len(event["delta"]) > 100


async def test_anything_can_be_sent_at_any_time() -> None:
    async with LoopbackServer() as server, client_of(server) as client:
        await server.inject(Send('{"type": "ping"}'))
        await server.inject(SendError("server_error", "Try again."), connection=1)
        assert (await client.next())["type"] == "ping"
        assert (await client.next())["error"]["message"] == "Try again."
        await server.inject(CloseWith(1012, "restart"))
        assert await closing(client) == (1012, "restart")
    assert server.violations == ()


async def test_a_right_update_is_rejected() -> None:
    faults = [Fault(Reject("invalid_value", "no such model", "session.audio"), on="session.update")]
    async with LoopbackServer(faults=faults) as server, client_of(server) as client:
        error = await client.refusal("session.update", event_id="mine", session={"type": "realtime", "tools": []})
        assert (error["code"], error["param"], error["event_id"]) == ("invalid_value", "session.audio", "mine")
        await client.configure(instructions="Now it works.")
    assert server.violations == ()


async def test_an_item_is_lost() -> None:
    async with (
        LoopbackServer(faults=[Fault(Ignore(), on="conversation.item.create")]) as server,
        client_of(server) as client,
    ):
        await client.send("conversation.item.create", item=user_says("lost"))
        await client.send("conversation.item.create", item=user_says("kept"))
        await client.until("conversation.item.done")
        assert [item.text for item in server.conversation.items] == ["kept"]


async def test_an_event_is_lost() -> None:
    faults = [Fault(Ignore(), on="response.output_audio.done")]
    async with LoopbackServer([Say("Hello.")], faults=faults) as server, client_of(server) as client:
        await client.ask("Hello")
        assert "response.output_audio.done" not in client.types()
        assert "response.output_audio_transcript.done" in client.types()


@pytest.mark.real_time
async def test_a_client_that_reads_nothing_does_not_keep_the_server_open() -> None:
    async with (
        LoopbackServer([Say("x", pcm=sweep(RATE * 60))] * 3, pace=Pace(chunk_ms=1000)) as server,
        client_of(server) as client,
    ):
        client.socket.transport.pause_reading()
        for _ in range(3):
            await client.send("response.create")
        await server.wait_for(DELTA)
        async with asyncio.timeout(1.0):
            await server.__aexit__(None, None, None)
        client.socket.transport.abort()


@pytest.mark.real_time
async def test_a_half_open_connection_does_not_keep_the_server_open() -> None:
    async with LoopbackServer([Silence()]) as server, client_of(server) as client:
        await server.inject(Stall(half_open=True))
        async with asyncio.timeout(1.0):
            await server.__aexit__(None, None, None)
        assert server.connections.live == 0
        client.socket.transport.abort()


def test_a_fault_needs_its_kind_of_moment() -> None:
    with pytest.raises(ValueError, match=r"Reject takes place on a client event, and 'response.done' is none"):
        Fault(Reject(), on="response.done")
    with pytest.raises(ValueError, match=r"Garble takes place on a server event, and 'session.update' is none"):
        Fault(Garble(garbage.huge), on="session.update")
    with pytest.raises(ValueError, match="at OPEN there is nothing to ignore"):
        Fault(Ignore())


def test_only_an_upgrade_can_be_refused() -> None:
    with pytest.raises(ValueError, match="Refuse takes place on=UPGRADE"):
        Fault(Refuse(500), on="session.update")
    with pytest.raises(ValueError, match="Refuse takes place on=UPGRADE"):
        Fault(Drop(), on=UPGRADE)
