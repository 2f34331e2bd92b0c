"""What goes wrong at the HTTP server when a script says so, and nobody else is to blame."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import openai
import pytest

from voiced.testing.http import (
    Answer,
    CallTool,
    Drop,
    End,
    Fault,
    Garble,
    HttpLoopback,
    Instead,
    Output,
    Pace,
    Say,
    SendError,
    Stage,
    Stall,
    context_too_long,
    forbidden,
    garbage,
    html_page,
    no_credit,
    no_such_model,
    rate_limited,
    server_error,
    spoken,
    unavailable,
    wrong_key,
)
from voiced.testing.http.garbage import HUGE_BYTES

from .http_client import HI, KEY, Raw, raw_of, sdk_of, wav

STAGES: list[Stage] = ["transcription", "chat", "speech", "embeddings", "models"]


async def ask(raw: Raw, stage: Stage) -> Any:
    match stage:
        case "transcription":
            return await raw.transcribe()
        case "chat":
            return await raw.chat(stream=True)
        case "speech":
            return await raw.speak()
        case "embeddings":
            return await raw.embed()
        case "models":
            return await raw.ask("models", method="GET")


async def received(server: HttpLoopback, request: dict[str, Any], path: str = "chat/completions") -> bytes:
    """All bytes that came, head and chunk lengths included, until the connection broke."""
    body = json.dumps(request).encode()
    head = f"POST /v1/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    async with asyncio.timeout(5):
        data = await reader.read()
    writer.close()
    await writer.wait_closed()
    return data


STREAMED: dict[str, Any] = {"model": "gpt-4o", "messages": HI, "stream": True}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (wrong_key(), 401, "invalid_api_key"),
        (forbidden(), 403, "unsupported_country_region_territory"),
        (no_such_model("gpt-4o"), 404, "model_not_found"),
        (rate_limited(), 429, "rate_limit_exceeded"),
        (no_credit(), 429, "insufficient_quota"),
        (context_too_long(), 400, "context_length_exceeded"),
        (server_error(), 500, None),
        (unavailable(), 503, None),
    ],
)
async def test_the_second_request_is_refused(stage: Stage, answer: Answer, status: int, code: str | None) -> None:
    async with HttpLoopback(faults=[Fault(answer, stage, nth=2)]) as server, raw_of(server) as raw:
        assert (await ask(raw, stage)).status == 200
        refused = await ask(raw, stage)
        assert (refused.status, refused.error["code"]) == (status, code)
        assert (await ask(raw, stage)).status == 200
        assert [entry.outcome for entry in server.requests] == ["answered", "faulted", "answered"]
        assert server.violations == ()


async def test_a_client_may_be_told_when_to_come_back() -> None:
    faults = [Fault(rate_limited(7), "chat"), Fault(unavailable(0.5), "chat", 2), Fault(rate_limited(), "chat", 3)]
    async with HttpLoopback(faults=faults) as server, raw_of(server) as raw:
        answers = [await raw.chat() for _ in range(3)]
        assert [answer.headers.get("Retry-After") for answer in answers] == ["7", "0.5", None]
        assert answers[0].headers["x-ratelimit-remaining-requests"] == "0"


async def test_an_answer_of_any_kind() -> None:
    teapot = Answer(418, b"short and stout", {"X-Pot": "1"}, "text/plain")
    faults = [Fault(teapot, "chat"), Fault(html_page(), "chat", 2)]
    async with HttpLoopback(faults=faults) as server, raw_of(server) as raw:
        answer = await raw.chat()
        assert (answer.status, answer.body, answer.headers["X-Pot"]) == (418, b"short and stout", "1")
        page = await raw.chat(stream=True)
        assert (page.status, page.body[:9]) == (200, b"<!DOCTYPE")
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_a_fault_in_its_place_leaves_the_script_as_it_is() -> None:
    faults = [Fault(no_credit(), "chat"), Fault(Drop(), "chat", 2)]
    async with HttpLoopback(["The one reply."], faults=faults) as server, raw_of(server) as raw:
        assert (await raw.chat()).status == 429
        with pytest.raises(aiohttp.ClientConnectionError):
            await raw.chat()
        assert (await raw.chat()).json["choices"][0]["message"]["content"] == "The one reply."


async def test_a_wrong_request_is_refused_whatever_else_goes_wrong() -> None:
    async with HttpLoopback(faults=[Fault(no_credit(), "chat", every=True)]) as server, raw_of(server) as raw:
        assert (await raw.chat(messages=[])).status == 400
        assert (await raw.chat()).status == 429
        assert (await raw.chat()).status == 429
        assert [found.code for found in server.violations] == ["empty_array"]


@pytest.mark.parametrize("stage", STAGES)
async def test_the_connection_breaks_at_once(stage: Stage) -> None:
    async with HttpLoopback(faults=[Fault(Drop(), stage, every=True)]) as server, raw_of(server) as raw:
        with pytest.raises(aiohttp.ClientConnectionError):
            await ask(raw, stage)  # tries a GET twice
        assert (await server.wait_for(stage, outcome="faulted")).status is None
        server.clear_faults()
        assert (await ask(raw, stage)).status == 200


async def test_the_server_is_gone_and_comes_back() -> None:
    async with HttpLoopback(faults=[Fault(Stall(after=1), "chat")]) as server, sdk_of(server) as sdk:
        stuck = asyncio.create_task(sdk.chat.completions.create(model="gpt-4o", messages=HI))
        await server.wait_for("chat", outcome="faulted")
        await server.refuse_connections()
        with pytest.raises(openai.APIConnectionError):
            await stuck
        with pytest.raises(openai.APIConnectionError):
            await sdk.models.list()
        await server.accept_connections()
        assert (await sdk.models.list()).data


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("after", [None, 0, 1])
async def test_nothing_comes_any_more_until_the_client_gives_up(stage: Stage, after: int | None) -> None:
    async with HttpLoopback(faults=[Fault(Stall(after), stage)]) as server, raw_of(server) as raw:
        asking = asyncio.create_task(ask(raw, stage))
        entry = await server.wait_for(stage, outcome="faulted")
        assert (entry.first_byte_at is None, entry.ended_at) == (after is None, None)
        assert not asking.done()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await server.wait_for(stage, ended=True)
        assert entry.outcome == "faulted"


async def test_a_stream_breaks_between_its_events() -> None:
    async with HttpLoopback(["One two three."], faults=[Fault(Drop(after=2), "chat")]) as server:
        got = await received(server, STREAMED)
        assert (got.count(b"data: "), got[-4:]) == (2, b"\n\n\r\n")
        assert b"0\r\n\r\n" not in got


async def test_a_stream_breaks_inside_an_event() -> None:
    async with HttpLoopback(["One two three."], faults=[Fault(Drop(after=2, inside="piece"), "chat")]) as server:
        got = await received(server, STREAMED)
        assert got.count(b"data: ") == 3
        assert got.count(b"\n\n") == 2


async def test_a_stream_breaks_inside_a_character() -> None:
    async with HttpLoopback(["Grün ist schön."], faults=[Fault(Drop(after=2, inside="character"), "chat")]) as server:
        got = await received(server, STREAMED)
        assert "Grün".encode() in got
        assert b"sch\xc3" in got
        assert not got.endswith(b"\xc3\xb6\r\n")
        with pytest.raises(UnicodeDecodeError):
            got.rstrip(b"\r\n").decode()


async def test_a_stream_breaks_inside_a_tool_call() -> None:
    call = CallTool("lamp", '{"on": true}', pieces=['{"on"', ": true}"])
    async with HttpLoopback([call], faults=[Fault(Drop(after=2), "chat")]) as server, sdk_of(server) as sdk:
        stream = await sdk.chat.completions.create(model="gpt-4o", messages=HI, stream=True)
        calls = [(await anext(stream)).choices[0].delta.tool_calls for _ in range(2)]
        with pytest.raises(openai.APIConnectionError):
            await anext(stream)
        assert [call[0].function.arguments for call in calls if call and call[0].function] == ["", '{"on"']


async def test_a_stream_just_ends() -> None:
    async with HttpLoopback(["One two three."], faults=[Fault(End(after=2), "chat")]) as server, raw_of(server) as raw:
        answer = await raw.chat(stream=True)
        assert [event["choices"][0]["finish_reason"] for event in answer.events] == [None, None]
        assert (await raw.speak()).status == 200
        assert {entry.connection for entry in server.requests} == {1}


async def test_an_error_comes_within_a_stream() -> None:
    async with HttpLoopback(["One two."], faults=[Fault(SendError(after=2), "chat")]) as server, sdk_of(server) as sdk:
        stream = await sdk.chat.completions.create(model="gpt-4o", messages=HI, stream=True)
        said = [(await anext(stream)).choices[0].delta.content for _ in range(2)]
        assert said == ["", "One"]
        with pytest.raises(openai.APIError, match="had an error"):
            await anext(stream)


@pytest.mark.parametrize(
    ("how", "begins"),
    [
        (garbage.no_data, b"\x00\xffgarbage"),
        (garbage.comment, b": keep-alive\n\ndata: {"),
        (garbage.not_an_object, b"data: [1, 2]\n\n"),
        (garbage.no_choices, b'data: {"object"'),
        (garbage.not_utf8, b'data: {"id":"\xff\xfe"}\n\n'),
    ],
)
async def test_rubbish_comes_before_an_event(how: Callable[[bytes], bytes], begins: bytes) -> None:
    faults = [Fault(Garble(how, piece=1), "chat")]
    async with HttpLoopback(["One."] * 2, faults=faults) as server, raw_of(server) as raw:
        bare = {"stream": True, "stream_options": {"include_obfuscation": False}}
        spoilt, well = (await raw.chat(**bare)).body, (await raw.chat(**bare)).body
        first = spoilt.index(b"\n\n") + 2
        assert spoilt[first:].startswith(begins)
        assert len(spoilt) > len(well)
        assert spoilt.endswith(b"data: [DONE]\n\n")


async def test_events_of_other_shapes() -> None:
    faults = [
        Fault(Garble(garbage.invalid_json), "chat"),
        Fault(Garble(garbage.with_crlf, piece=None), "chat", 2),
        Fault(Garble(garbage.huge), "chat", 3),
    ]
    async with HttpLoopback(faults=faults) as server, raw_of(server) as raw:
        broken = (await raw.chat(stream=True)).body.split(b"\n\n")[0]
        with pytest.raises(ValueError, match="delimiter"):
            json.loads(broken.removeprefix(b"data: "))
        windows = (await raw.chat(stream=True)).body
        assert windows.count(b"\n") == windows.count(b"\r\n") > 10
        assert len((await raw.chat(stream=True)).body) > HUGE_BYTES


async def test_sound_that_is_not_what_was_asked_for() -> None:
    faults = [
        Fault(Instead(garbage.as_wav, "audio/wav"), "speech"),
        Fault(Instead(garbage.odd), "speech", 2),
        Fault(Instead(garbage.nothing), "speech", 3),
        Fault(html_page(), "speech", 4),
        Fault(Drop(after=1, inside="piece"), "speech", 5),
    ]
    async with HttpLoopback(faults=faults) as server, raw_of(server) as raw:
        sound = spoken("Hello.")
        file = await raw.speak()
        assert (file.headers["Content-Type"], file.body[:4], file.body[44:]) == ("audio/wav", b"RIFF", sound)
        assert (await raw.speak()).body == sound[:-1]
        empty = await raw.speak()
        assert (empty.status, empty.headers["Content-Type"], empty.body) == (200, "audio/pcm", b"")
        assert b"<html>" in (await raw.speak()).body
        with pytest.raises(aiohttp.ClientPayloadError):
            await raw.speak()
        assert [entry.outcome for entry in server.requests] == ["faulted"] * 5


async def test_an_answer_that_is_not_streamed_breaks_in_its_middle() -> None:
    faults = [Fault(Drop(after=1), "transcription"), Fault(Instead(lambda body: body[:-1]), "transcription", 2)]
    async with HttpLoopback(transcripts=["Hello."] * 3, faults=faults) as server, raw_of(server) as raw:
        with pytest.raises(aiohttp.ClientPayloadError):
            await raw.transcribe()
        with pytest.raises(json.JSONDecodeError):
            print((await raw.transcribe()).json)
        assert (await raw.transcribe()).json["text"] == "Hello."


async def test_faults_come_and_go_in_mid_test() -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        assert (await raw.chat()).status == 200
        server.add_fault(Fault(unavailable(), "chat", nth=2, every=True))
        assert [(await raw.chat()).status for _ in range(3)] == [200, 503, 503]
        server.clear_faults()
        assert (await raw.chat()).status == 200


async def test_bytes_arrive_in_any_parts() -> None:
    async with (
        HttpLoopback(["Schön."] * 2, pace=Pace(ragged=3)) as server,
        sdk_of(server) as sdk,
        raw_of(server) as raw,
    ):
        said = [
            chunk.choices[0].delta.content or ""
            async for chunk in await sdk.chat.completions.create(model="gpt-4o", messages=HI, stream=True)
        ]
        assert "".join(said) == "Schön."
        assert (await raw.speak()).body == spoken("Hello.")


def test_faults_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        Fault(Drop(), "chat", nth=0)
    with pytest.raises(ValueError, match="give `after`"):
        Drop(inside="piece")
    with pytest.raises(ValueError, match="no stream"):
        Fault(SendError(), "models")
    with pytest.raises(ValueError, match="no stream"):
        Fault(SendError(), "embeddings")
    with pytest.raises(ValueError, match="chunk_ms"):
        Pace(chunk_ms=0)
    with pytest.raises(ValueError, match="below 0"):
        Pace(chat_s=-1)


async def test_a_client_that_hangs_up_while_it_uploads() -> None:
    async with HttpLoopback() as server:
        head = f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        head += "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n"
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head.encode() + b"--b\r\n")
        await server.wait_for("transcription")
        writer.close()
        await writer.wait_closed()
        await server.wait_for("transcription", outcome="abandoned")
        assert server.violations == ()
        async with raw_of(server) as raw:
            assert (await raw.transcribe(wav(1.0))).status == 200


async def test_pieces_are_told_apart() -> None:
    """The order in which `after` and `piece` count."""
    said: list[Output] = [Say("Well."), CallTool("lamp", "{}")]
    counted = {"stream": True, "stream_options": {"include_usage": True}}
    faults = [Fault(End(after=number), "chat", number + 1) for number in range(9)]
    async with HttpLoopback([said] * 9, faults=faults) as server, raw_of(server) as raw:
        # The role, a text, the call, its arguments, the reason, the usage, [DONE]; then there is no more.
        assert [len((await raw.chat(**counted)).events) for _ in range(9)] == [0, 1, 2, 3, 4, 5, 6, 7, 7]
