"""The Realtime brain against a server on loopback: sessions that come up, converse, are lost and come back."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, TypeVar

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from tests.brains.realtime.wire.server_says import BETA_SESSION, audio_delta, refused, session_created, session_updated
from voiced.audio import Ms
from voiced.brains.realtime.connection import LONGEST_MESSAGE, MOST_MALFORMED, MOST_WAITING
from voiced.brains.realtime.session import RealtimeBrain
from voiced.brains.realtime.settings import RealtimeSettings
from voiced.conversation.commands import (
    AssistantSaid,
    CancelReply,
    CloseSession,
    CommitUtterance,
    DeleteItem,
    HistoryItem,
    OpenSession,
    SendText,
    SendToolResult,
    StartReply,
    StreamUtterance,
    ToolUsed,
    UpdateTools,
    UserSaid,
)
from voiced.conversation.events import (
    BrainLost,
    BrainReady,
    CallId,
    Event,
    ItemId,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    RequestRefused,
    SessionId,
    ToolCalled,
    ToolSpec,
    UsageReported,
    UserTranscribed,
    UtteranceCommitted,
)
from voiced.errors import ConfigError
from voiced.testing.clock import turns
from voiced.testing.loopback import (
    OPEN,
    UPGRADE,
    CallTool,
    CloseWith,
    Drop,
    Expire,
    Fail,
    Fault,
    Garble,
    Ignore,
    LoopbackServer,
    Refuse,
    Reject,
    Say,
    Send,
    SendError,
    Silence,
    Stall,
    garbage,
)
from voiced.testing.swift_time import SwiftTime

KEY = "sk-test-0123456789"
LAMP = ToolSpec("lamp", "Switch the lamp.", {"type": "object", "properties": {}})
FRAME = b"\x01\x00" * 480
FIRST, SECOND, THIRD = SessionId(1), SessionId(2), SessionId(3)

_E = TypeVar("_E")


class Hub:
    """Where the brain's events arrive; it keeps them all."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._arrived = asyncio.Event()
        self._told = 0

    def post(self, event: Event) -> None:
        self.events.append(event)
        self._arrived.set()

    async def next(self, kind: type[_E]) -> _E:
        """The next event of `kind` after the last one that was asked for."""
        async with asyncio.timeout(20):
            while True:
                while self._told < len(self.events):
                    event = self.events[self._told]
                    self._told += 1
                    if isinstance(event, kind):
                        return event
                self._arrived.clear()
                await self._arrived.wait()

    def all(self, kind: type[_E]) -> list[_E]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def brain_at(
    base_url: str,
    *,
    key: Callable[[], str] = lambda: KEY,
    jitter: Callable[[], float] = lambda: 0.0,
    **settings: object,
) -> AsyncIterator[tuple[RealtimeBrain, Hub]]:
    hub = Hub()
    configured = RealtimeSettings.model_validate({"base_url": base_url, **settings})
    brain = RealtimeBrain(hub.post, configured, key, jitter=jitter)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(brain.run())
        yield brain, hub
        running.cancel()


@asynccontextmanager
async def served(handler: Callable[[ServerConnection], Awaitable[None]], **options: Any) -> AsyncIterator[str]:
    """A server that does just what `handler` does; yields its base URL."""
    async with serve(handler, "127.0.0.1", 0, close_timeout=0.1, **options) as server:
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


def open_session(brain: RealtimeBrain, session: SessionId = FIRST, *history: HistoryItem) -> None:
    brain.do(OpenSession(session, history, (LAMP,)))


def speak(brain: RealtimeBrain, session: SessionId = FIRST) -> None:
    """Ten frames, enough for a commit, and the wish for an answer."""
    for _ in range(10):
        brain.do(StreamUtterance(session, FRAME))
    brain.do(CommitUtterance(session))
    brain.do(StartReply(session))


async def test_a_spoken_turn_with_a_tool() -> None:
    async with (
        LoopbackServer([CallTool("lamp", '{"on": true}'), Say("It is on.")]) as server,
        brain_at(server.base_url) as (brain, hub),
    ):
        open_session(brain)
        await hub.next(BrainReady)
        speak(brain)
        call = await hub.next(ToolCalled)
        assert (call.name, call.arguments) == ("lamp", '{"on": true}')
        await hub.next(ReplyDone)
        brain.do(SendToolResult(FIRST, call.call, "on"))
        brain.do(StartReply(FIRST))
        await hub.next(ReplyStarted)
        done = await hub.next(ReplyDone)
        assert done.status == "completed"
        assert done.usage is not None
        assert done.usage.model == RealtimeSettings().model
        assert [usage.usage.model for usage in hub.all(UsageReported)] == [RealtimeSettings().transcription_model]
        assert sum(len(chunk.pcm) for chunk in hub.all(ReplyAudio)) == len(Say("It is on.").audio())
        assert len(hub.all(UtteranceCommitted)) == 1
        assert len(hub.all(UserTranscribed)) == 1
        assert server.violations == ()
        assert brain.counters.unknown_events == {}
        assert brain.counters.malformed == 0


async def test_nothing_is_sent_but_settings_and_history_until_the_brain_is_ready() -> None:
    history = (UserSaid("Lamp on"), ToolUsed(CallId("call_1"), "lamp", "{}", "on"), AssistantSaid("It is on."))
    async with LoopbackServer([Say("Hi")]) as server, brain_at(server.base_url) as (brain, hub):
        open_session(brain, FIRST, *history)
        brain.do(UpdateTools(FIRST, ()))
        await hub.next(BrainReady)
        await server.wait_for("session.updated", count=2)
        assert [entry.type for entry in server.received] == [
            "session.update",
            *["conversation.item.create"] * 4,
            "session.update",
        ]
        assert [item.type for item in server.conversation.items] == [
            "message",
            "function_call",
            "function_call_output",
            "message",
        ]
        assert server.violations == ()


async def test_commands_for_another_session_are_ignored() -> None:
    async with LoopbackServer([Say("Hi")]) as server, brain_at(server.base_url) as (brain, hub):
        brain.do(StartReply(FIRST))
        open_session(brain, SECOND)
        await hub.next(BrainReady)
        brain.do(StartReply(FIRST))
        brain.do(SendText(SECOND, "Hello"))
        brain.do(StartReply(SECOND))
        await hub.next(ReplyDone)
        assert [entry.type for entry in server.received].count("response.create") == 1


async def test_a_new_session_replaces_the_old_one_which_says_nothing_more() -> None:
    async with LoopbackServer([Say("Hi")] * 2) as server, brain_at(server.base_url) as (brain, hub):
        open_session(brain, FIRST)
        await hub.next(BrainReady)
        open_session(brain, SECOND)
        assert await hub.next(BrainReady) == BrainReady(SECOND)
        speak(brain, SECOND)
        assert (await hub.next(ReplyDone)).session == SECOND
        assert hub.all(BrainLost) == []
        assert server.connections.live == 1


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Expire(), "the server gave up: Your session hit the maximum duration of 60 minutes. (session_expired)"),
        (CloseWith(1001, "going away"), "the server closed the session: going away"),
        (CloseWith(1000), "the server closed the session: 1000"),
        (Drop(), "the connection broke"),
    ],
)
async def test_a_session_that_ends_is_reported_once_and_the_next_one_works(
    action: Expire | CloseWith | Drop, reason: str
) -> None:
    async with LoopbackServer([Say("Hi")]) as server, brain_at(server.base_url) as (brain, hub):
        open_session(brain)
        await hub.next(BrainReady)
        await server.inject(action)
        assert await hub.next(BrainLost) == BrainLost(FIRST, reason)
        open_session(brain, SECOND)
        assert await hub.next(BrainReady) == BrainReady(SECOND)
        speak(brain, SECOND)
        await hub.next(ReplyDone)
        assert len(hub.all(BrainLost)) == 1


async def test_a_close_code_may_name_what_to_mend() -> None:
    async with LoopbackServer() as server, brain_at(server.base_url) as (brain, hub):
        open_session(brain)
        await hub.next(BrainReady)
        await server.inject(CloseWith(4000, "invalid_request_error.insufficient_quota"))
        lost = await hub.next(BrainLost)
        assert lost == BrainLost(
            FIRST, "the account has no quota left: check its plan and billing", fatal=True, cause="credit"
        )


@pytest.mark.parametrize(
    ("refuse", "lost"),
    [
        (
            Refuse(401),
            BrainLost(FIRST, "the server does not accept the API key: replace it (HTTP 401)", fatal=True, cause="key"),
        ),
        (
            Refuse(401, "invalid_api_key", f"Incorrect API key provided: {KEY}"),
            BrainLost(
                FIRST,
                "the server does not accept the API key: replace it (HTTP 401 invalid_api_key)",
                fatal=True,
                cause="key",
            ),
        ),
        (
            Refuse(403, message="Not in your country."),
            BrainLost(
                FIRST,
                "the API key may not use gpt-realtime-2.1: look at the project's permissions and the region, "
                "Not in your country. (HTTP 403)",
                fatal=True,
                cause="access",
            ),
        ),
        (
            Refuse(404, "model_not_found"),
            BrainLost(
                FIRST,
                "the server does not know the model: set realtime.model to one that the account may use "
                "(HTTP 404 model_not_found)",
                fatal=True,
                cause="settings",
            ),
        ),
        (
            Refuse(429, "rate_limit_exceeded", "Slow down.", retry_after_s=7),
            BrainLost(FIRST, "too many requests (HTTP 429, Slow down.)", retry_after_s=7.0),
        ),
        (
            Refuse(429, "insufficient_quota"),
            BrainLost(
                FIRST,
                "the account has no quota left: check its plan and billing (HTTP 429 insufficient_quota)",
                fatal=True,
                cause="credit",
            ),
        ),
        (Refuse(503, message="Down."), BrainLost(FIRST, "the server is in trouble (HTTP 503, Down.)")),
    ],
)
async def test_refused_at_the_door(refuse: Refuse, lost: BrainLost) -> None:
    async with (
        LoopbackServer(faults=[Fault(refuse, UPGRADE)]) as server,
        brain_at(server.base_url) as (brain, hub),
    ):
        open_session(brain)
        assert await hub.next(BrainLost) == lost


async def test_a_404_with_no_code_names_the_address_and_the_model() -> None:
    async with LoopbackServer() as server, brain_at(server.base_url + "/nowhere") as (brain, hub):
        open_session(brain)
        lost = await hub.next(BrainLost)
        assert lost.fatal
        assert "/nowhere: mend realtime.base_url or realtime.model (HTTP 404)" in lost.reason


async def test_nobody_listens() -> None:
    async with LoopbackServer() as server:
        base_url = server.base_url
    async with brain_at(base_url) as (brain, hub):
        open_session(brain)
        lost = await hub.next(BrainLost)
        assert lost.reason.startswith(f"no connection to {base_url}: ")
        assert not lost.fatal


@pytest.mark.parametrize("key", ["", "sk-a\nsk-b"])
async def test_a_key_that_is_none_is_said_without_asking_the_server(key: str) -> None:
    async with brain_at("https://api.openai.com/v1", key=lambda: key) as (brain, hub):
        open_session(brain)
        lost = await hub.next(BrainLost)
        assert lost.fatal
        assert "key" in lost.reason


async def test_a_key_that_can_not_be_read_says_why() -> None:
    def unreadable() -> str:
        raise ConfigError("the credential openai_api_key is not readable: chmod it")

    async with brain_at("https://api.openai.com/v1", key=unreadable) as (brain, hub):
        open_session(brain)
        assert await hub.next(BrainLost) == BrainLost(
            FIRST, "the credential openai_api_key is not readable: chmod it", fatal=True, cause="key"
        )


async def test_the_key_goes_to_the_server_and_nowhere_else() -> None:
    with capture_logs() as logged:
        async with LoopbackServer(valid_key="another") as server, brain_at(server.base_url) as (brain, hub):
            open_session(brain)
            assert (await hub.next(BrainLost)).fatal
            said = f"{hub.events} {logged} {vars(brain)} {vars(brain._connection)}"
            assert KEY not in said


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    async def never(socket: ServerConnection) -> None:
        raise AssertionError("the client followed")

    def elsewhere(socket: ServerConnection, request: Request) -> Response:
        response = socket.respond(HTTPStatus.TEMPORARY_REDIRECT, "")
        response.headers["Location"] = "ws://127.0.0.1:1/thief"
        return response

    async with served(never, process_request=elsewhere) as base_url, brain_at(base_url) as (brain, hub):
        open_session(brain)
        lost = await hub.next(BrainLost)
        assert lost.fatal
        assert "redirects to ws://127.0.0.1:1/thief" in lost.reason


@pytest.mark.parametrize(
    ("code", "kind", "fatal"),
    [
        ("insufficient_quota", "insufficient_quota", True),
        ("rate_limit_exceeded", "rate_limit_exceeded", False),
        (None, "server_error", False),
    ],
)
async def test_admission_may_be_refused_after_the_upgrade(code: str | None, kind: str, fatal: bool) -> None:
    error = SendError(code, "No.", kind, then=CloseWith(1013))
    async with (
        LoopbackServer(faults=[Fault(error, OPEN)]) as server,
        brain_at(server.base_url) as (brain, hub),
    ):
        open_session(brain)
        assert (await hub.next(BrainLost)).fatal == fatal


async def test_settings_that_the_server_refuses_end_the_session_as_it_would_go_on_without_tools() -> None:
    refuse = Reject("invalid_value", "Invalid value: 'marinn'.", "session.audio.output.voice")
    async with (
        LoopbackServer(faults=[Fault(refuse, "session.update")]) as server,
        brain_at(server.base_url) as (brain, hub),
    ):
        open_session(brain)
        assert await hub.next(BrainLost) == BrainLost(
            FIRST,
            "the server refused the settings of the session: Invalid value: 'marinn'.: mend [realtime] (invalid_value)",
            fatal=True,
            cause="settings",
        )


async def test_so_do_tools_that_it_refuses_later() -> None:
    refuse = Reject("string_above_max_length", "Invalid 'session.tools[0].description'.")
    async with (
        LoopbackServer(faults=[Fault(refuse, "session.update", nth=2)]) as server,
        brain_at(server.base_url) as (brain, hub),
    ):
        open_session(brain)
        await hub.next(BrainReady)
        brain.do(UpdateTools(FIRST, (LAMP,)))
        assert (await hub.next(BrainLost)).fatal


async def test_a_server_that_never_accepts_the_session_is_given_up() -> None:
    fault, time = Fault(Ignore(), "session.update"), SwiftTime()
    with time.kept():
        async with LoopbackServer(faults=[fault]) as server, brain_at(server.base_url) as (brain, hub):
            open_session(brain)
            await server.wait_for("session.update")
            time.hurry_to(time.time() + RealtimeSettings().connect_timeout_s)
            assert (await hub.next(BrainLost)).reason == (
                "the server did not accept the session in time: is this a Realtime server?"
            )


async def test_what_the_server_refuses_is_passed_on_and_the_session_goes_on() -> None:
    async with LoopbackServer([Say("Hi")]) as server, brain_at(server.base_url) as (brain, hub):
        open_session(brain)
        await hub.next(BrainReady)
        brain.do(CancelReply(FIRST, None))
        brain.do(DeleteItem(FIRST, ItemId("item_unknown")))
        brain.do(CommitUtterance(FIRST))
        refused = [await hub.next(RequestRefused) for _ in range(3)]
        assert [(one.request, one.code) for one in refused] == [
            ("cancel", "response_cancel_not_active"),
            ("delete", "item_not_found"),
            ("commit", "input_audio_buffer_commit_empty"),
        ]
        assert (brain.counters.benign, brain.counters.refused) == (2, 1)
        speak(brain)
        await hub.next(ReplyDone)


async def test_an_empty_account_in_mid_session_ends_it_after_the_reply_was_reported() -> None:
    async with (
        LoopbackServer([Fail("insufficient_quota", "You exceeded your quota.")]) as server,
        brain_at(server.base_url) as (brain, hub),
    ):
        open_session(brain)
        await hub.next(BrainReady)
        speak(brain)
        assert (await hub.next(ReplyDone)).code == "insufficient_quota"
        lost = await hub.next(BrainLost)
        assert (lost.fatal, lost.cause) == (True, "credit")


# Dialects.


async def test_auto_speaks_beta_to_a_server_that_opens_in_beta() -> None:
    async with (
        LoopbackServer([Say("Hi")], dialect="beta", needs_beta_header=False) as server,
        brain_at(server.base_url, dialect="auto") as (brain, hub),
    ):
        open_session(brain, FIRST, AssistantSaid("It is on."))
        await hub.next(BrainReady)
        speak(brain)
        assert (await hub.next(ReplyDone)).status == "completed"
        assert server.connections.total == 1
        assert server.violations == ()


async def test_auto_remembers_a_server_that_wants_the_beta_header() -> None:
    async with (
        LoopbackServer([Say("Hi")], dialect="beta") as server,
        brain_at(server.base_url, dialect="auto") as (brain, hub),
    ):
        open_session(brain, FIRST)
        assert await hub.next(BrainLost) == BrainLost(FIRST, "the server speaks beta: connecting again")
        open_session(brain, SECOND)
        await hub.next(BrainReady)
        speak(brain, SECOND)
        assert (await hub.next(ReplyDone)).status == "completed"


async def test_auto_comes_back_to_ga_when_the_server_was_upgraded() -> None:
    beta_headers: list[str | None] = []

    async def upgraded_meanwhile(socket: ServerConnection) -> None:
        assert socket.request is not None
        beta_headers.append(socket.request.headers.get("OpenAI-Beta"))
        if len(beta_headers) == 1:
            await socket.send(session_created(BETA_SESSION))
            await socket.recv()
            await socket.send(session_updated(BETA_SESSION))
        elif beta_headers[-1]:
            await socket.send(refused("beta_api_shape_disabled", "The Realtime Beta API is no longer supported."))
            await socket.close(4000, "invalid_request_error.beta_api_shape_disabled")
        else:
            await socket.send(session_created())
            await socket.recv()
            await socket.send(session_updated())
            await socket.wait_closed()

    async with served(upgraded_meanwhile) as base_url, brain_at(base_url, dialect="auto") as (brain, hub):
        open_session(brain, FIRST)
        await hub.next(BrainLost)
        open_session(brain, SECOND)
        assert await hub.next(BrainLost) == BrainLost(SECOND, "the server speaks ga: connecting again")
        open_session(brain, THIRD)
        assert await hub.next(BrainReady) == BrainReady(THIRD)
        assert beta_headers == [None, "realtime=v1", None]


async def test_auto_learns_from_the_refusal_where_the_session_tells_nothing() -> None:
    async def beta_with_a_bare_session(socket: ServerConnection) -> None:
        await socket.send(session_created({"id": "sess_1"}))
        await socket.recv()
        await socket.send(refused("unknown_parameter", "Unknown parameter: 'session.type'.", "session-1"))
        assert "modalities" in json.loads(await socket.recv())["session"]
        await socket.send(session_updated({"id": "sess_1"}))
        await socket.wait_closed()

    async with served(beta_with_a_bare_session) as base_url, brain_at(base_url, dialect="auto") as (brain, hub):
        open_session(brain)
        assert await hub.next(BrainReady) == BrainReady(FIRST)


async def test_auto_learns_from_the_names_where_nothing_else_tells() -> None:
    async def beta_that_swallows_anything(socket: ServerConnection) -> None:
        await socket.send(session_created({"id": "sess_1"}))
        await socket.recv()
        await socket.send(session_updated({"id": "sess_1"}))
        await socket.send(audio_delta(FRAME, kind="response.audio"))
        await socket.wait_closed()

    async with served(beta_that_swallows_anything) as base_url, brain_at(base_url, dialect="auto") as (brain, hub):
        open_session(brain)
        await hub.next(ReplyAudio)
        assert await hub.next(BrainLost) == BrainLost(FIRST, "the server speaks beta after all: connecting again")


async def test_a_server_that_refuses_both_dialects_is_given_up() -> None:
    async def contrary(socket: ServerConnection) -> None:
        await socket.send(session_created({"id": "sess_1"}))
        await socket.recv()
        await socket.send(refused("unknown_parameter", "Unknown parameter: 'session.type'."))
        await socket.recv()
        await socket.send(refused("missing_required_parameter", "Missing required parameter: 'session.type'."))
        await socket.wait_closed()

    async with served(contrary) as base_url, brain_at(base_url, dialect="auto") as (brain, hub):
        open_session(brain)
        lost = await hub.next(BrainLost)
        assert lost.fatal
        assert lost.reason == "the server refuses the settings in either dialect: is this a Realtime server?"


@pytest.mark.parametrize(("server_speaks", "configured"), [("ga", "beta"), ("beta", "ga")])
async def test_a_fixed_dialect_that_the_server_does_not_speak_is_a_setting_to_mend(
    server_speaks: str, configured: str
) -> None:
    server = LoopbackServer(dialect="ga" if server_speaks == "ga" else "beta", needs_beta_header=False)
    async with server, brain_at(server.base_url, dialect=configured) as (brain, hub):
        open_session(brain)
        assert await hub.next(BrainLost) == BrainLost(
            FIRST,
            f'the server speaks {server_speaks}: set realtime.dialect = "{server_speaks}"',
            fatal=True,
            cause="settings",
        )


# Messages that make no sense.

AUDIO = "response.output_audio.delta"


@pytest.mark.parametrize(
    "how",
    [
        garbage.invalid_json,
        garbage.not_an_object,
        garbage.binary_frame,
        garbage.missing_type,
        garbage.bad_base64,
    ],
)
async def test_one_bad_message_costs_no_more_than_itself(how: Callable[[dict[str, Any]], str | bytes]) -> None:
    async with (
        LoopbackServer([Say("Hi there")], faults=[Fault(Garble(how), AUDIO)]) as server,
        brain_at(server.base_url, dialect="auto") as (brain, hub),
    ):
        open_session(brain)
        await hub.next(BrainReady)
        speak(brain)
        assert (await hub.next(ReplyDone)).status == "completed"
        assert brain.counters.malformed == 1


async def test_an_event_from_the_future_is_counted_by_name() -> None:
    async with (
        LoopbackServer([Say("Hi there")], faults=[Fault(Garble(garbage.unknown_type), AUDIO)]) as server,
        brain_at(server.base_url) as (brain, hub),
    ):
        open_session(brain)
        await hub.next(BrainReady)
        speak(brain)
        await hub.next(ReplyDone)
        assert brain.counters.unknown_events == {"response.hologram.delta": 1}


async def test_half_a_sample_does_not_turn_what_follows_into_noise() -> None:
    async with (
        LoopbackServer([Say("Hi there")], faults=[Fault(Garble(garbage.odd_length_audio), AUDIO)]) as server,
        brain_at(server.base_url) as (brain, hub),
    ):
        open_session(brain)
        await hub.next(BrainReady)
        speak(brain)
        await hub.next(ReplyDone)
        assert all(len(chunk.pcm) % 2 == 0 for chunk in hub.all(ReplyAudio))


async def test_a_message_of_16_mib_is_survived() -> None:
    async with (
        LoopbackServer([Say("Hi")], faults=[Fault(Garble(garbage.huge), "response.created")]) as server,
        brain_at(server.base_url) as (brain, hub),
    ):
        open_session(brain)
        await hub.next(BrainReady)
        speak(brain)
        assert (await hub.next(ReplyDone)).status == "completed"
        assert hub.all(BrainLost) == []


async def test_a_longer_one_ends_the_session_with_a_reason() -> None:
    async with LoopbackServer() as server, brain_at(server.base_url) as (brain, hub):
        open_session(brain)
        await hub.next(BrainReady)
        await server.inject(Send(" " * (LONGEST_MESSAGE + 1)))
        assert await hub.next(BrainLost) == BrainLost(FIRST, "the server sent a message that is too long")


async def test_a_server_that_talks_nonsense_only_is_given_up() -> None:
    async with LoopbackServer() as server, brain_at(server.base_url) as (brain, hub):
        open_session(brain)
        await hub.next(BrainReady)
        for _ in range(MOST_MALFORMED - 1):
            await server.inject(Send("gibberish"))
        await server.inject(Send(session_updated()))
        for _ in range(MOST_MALFORMED):
            await server.inject(Send("gibberish"))
        lost = await hub.next(BrainLost)
        assert lost.reason == "the server does not speak Realtime: a message that is no JSON"
        assert brain.counters.malformed == 2 * MOST_MALFORMED - 1


# Peers that die without a word.


async def test_a_server_that_owes_a_reply_and_is_silent_is_lost() -> None:
    time = SwiftTime()
    with time.kept():
        async with LoopbackServer([Silence()]) as server, brain_at(server.base_url) as (brain, hub):
            open_session(brain)
            await hub.next(BrainReady)
            speak(brain)
            await hub.next(ReplyStarted)
            time.hurry_to(time.time() + RealtimeSettings().silent_timeout_s + 1)
            assert (await hub.next(BrainLost)).reason == "the server owes a reply and was silent for 20 s"


async def test_a_dead_network_is_noticed_by_a_ping() -> None:
    time = SwiftTime()
    with time.kept():
        async with LoopbackServer() as server, brain_at(server.base_url) as (brain, hub):
            open_session(brain)
            await hub.next(BrainReady)
            await server.inject(Stall(half_open=True))
            for _ in range(10):  # until there is a ping, and until it should have been answered
                time.hurry_to(time.time() + RealtimeSettings().ping_s + 1)
                await turns()
            assert (await hub.next(BrainLost)).reason == "the network is dead: no answer to a ping"


async def test_commands_that_pile_up_end_the_session_and_not_the_memory() -> None:
    async with (
        LoopbackServer(faults=[Fault(Ignore(), "session.update")]) as server,
        brain_at(server.base_url) as (brain, hub),
    ):
        open_session(brain)
        await server.wait_for("session.update")
        for _ in range(MOST_WAITING + 1):
            brain.do(StreamUtterance(FIRST, FRAME))
        lost = await hub.next(BrainLost)
        assert lost == BrainLost(FIRST, "the network is stalled: nothing gets through to the server")


async def test_a_server_that_says_goodbye_but_does_not_hang_up_is_left() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = ServerProtocol()
        protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        protocol.send_close(1001, "going away")
        writer.writelines(data for data in protocol.data_to_send() if data)
        await reader.read()  # until the client hangs up
        writer.close()

    async with await asyncio.start_server(rude, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with brain_at(f"http://127.0.0.1:{port}") as (brain, hub):
            open_session(brain)
            assert (await hub.next(BrainLost)).reason == "the server closed the session: going away"


@pytest.mark.real_time
async def test_stopping_takes_less_than_a_second_even_with_a_dead_network() -> None:
    now = asyncio.get_running_loop().time
    async with LoopbackServer() as server:
        async with brain_at(server.base_url) as (brain, hub):
            open_session(brain)
            await hub.next(BrainReady)
            await server.inject(Stall(half_open=True))
            for _ in range(400):
                brain.do(StreamUtterance(FIRST, FRAME * 50))
            stopped_at = now()
        assert now() - stopped_at < 1


async def test_the_backoff_has_jitter() -> None:
    now = asyncio.get_running_loop().time
    async with LoopbackServer() as server, brain_at(server.base_url, jitter=lambda: 1.0) as (brain, hub):
        began = now()
        brain.do(OpenSession(FIRST, (), (), after=Ms(40)))
        await hub.next(BrainReady)
        assert now() - began >= 0.06


# Logs.


async def test_logs_have_one_line_for_a_session_and_nothing_that_was_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logged:
        async with (
            LoopbackServer(
                [Say("The secret is mellon.")], faults=[Fault(Garble(garbage.invalid_json), AUDIO)]
            ) as server,
            brain_at(server.base_url) as (brain, hub),
        ):
            open_session(brain, FIRST, UserSaid("speak, friend"))
            await hub.next(BrainReady)
            speak(brain)
            await hub.next(ReplyDone)
    assert [(line["log_level"], line["event"]) for line in logged] == [
        ("info", "session open"),
        ("warning", "malformed message"),
    ]
    ours = "".join(record.getMessage() for record in caplog.records if "server" not in record.name)
    for secret in (KEY, "mellon", "friend", "AQAB"):
        assert secret not in f"{logged}{ours}"


async def test_near_the_cap_a_smaller_model_is_asked_to_remember_less() -> None:
    async with LoopbackServer() as server, brain_at(server.base_url) as (brain, hub):
        brain.do(OpenSession(FIRST, (), (), thrift="small"))
        await hub.next(BrainReady)
        [update] = [entry.event for entry in server.received if entry.type == "session.update"]
        assert update["session"]["truncation"]["token_limits"] == {"post_instructions": 8000}
        [created] = [entry.event for entry in server.sent if entry.type == "session.created"]
        assert created["session"]["model"] == "gpt-realtime-2.1-mini"


async def test_a_closed_session_is_over() -> None:
    async with LoopbackServer() as server, brain_at(server.base_url) as (brain, hub):
        open_session(brain, FIRST)
        await hub.next(BrainReady)
        brain.do(CloseSession(FIRST))
        brain.do(StartReply(FIRST))
        open_session(brain, SECOND)
        await hub.next(BrainReady)
        assert server.connections.live == 1
        assert [entry.type for entry in server.received if entry.type == "response.create"] == []
        assert hub.all(BrainLost) == []
