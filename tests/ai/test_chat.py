"""Chat through the official client: what is asked, what comes back, and what it costs."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.stalls import PATIENCE_S, patience_passes
from voiced.ai.chat import body_of
from voiced.ai.settings import ProviderSettings
from voiced.api import Image
from voiced.errors import AnswerUnusable, ApiError, ApiUnreachable, ContextTooLong, RequestRejected
from voiced.testing.http import (
    Answer,
    CallTool,
    Fault,
    Finish,
    HttpLoopback,
    Instead,
    Reply,
    Say,
    Stall,
    context_too_long,
    html_page,
)
from voiced.testing.http.garbage import nothing
from voiced.testing.http.refusal import error_body
from voiced.testing.http.responses_outputs import Refuse
from voiced.usage import Usage

from .desk import Desk, desk

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
DATA_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@pytest.fixture
async def server() -> AsyncIterator[HttpLoopback]:
    async with HttpLoopback() as server:
        yield server


def sent(server: HttpLoopback, number: int = -1) -> dict[str, Any]:
    """The body of a request without what every one has."""
    body = server.of("chat")[number].body
    return {name: value for name, value in body.items() if name not in ("model", "stream", "messages")}


def words(server: HttpLoopback, number: int = -1) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = server.of("chat")[number].body["messages"]
    return messages


# What is asked.


async def test_a_text_is_what_the_user_says(server: HttpLoopback) -> None:
    async with desk(server) as at:
        answer = await at.ai.chat.ask("Good morning", instructions="Be brief.")
    assert answer.text == "You said: Good morning"
    assert (answer.model, answer.provider, answer.finish_reason) == ("gpt-5.4-mini", "openai", "stop")
    assert words(server) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Good morning"},
    ]
    assert answer.messages == [*words(server), {"role": "assistant", "content": "You said: Good morning"}]
    assert sent(server) == {}
    assert server.violations == ()


async def test_a_conversation_goes_as_it_is(server: HttpLoopback) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "lamp", "arguments": "{}"}}
    conversation: list[dict[str, Any]] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Light!", "name": "anna"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "on"},
        {"role": "assistant", "content": "It shines.", "name": "lamp"},
        {"role": "user", "content": [{"type": "text", "text": "Thanks"}]},
    ]
    async with desk(server) as at:
        answer = await at.ai.chat.ask(conversation)
        answer = await at.ai.chat.ask([*answer.messages, {"role": "user", "content": "Bye"}])
    assert answer.text == "You said: Bye"
    assert words(server, 0) == conversation
    assert server.violations == ()


async def test_every_option_reaches_the_server(server: HttpLoopback) -> None:
    options: dict[str, Any] = {
        "max_completion_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.9,
        "n": 2,
        "stop": ["\n", "END"],
        "presence_penalty": -1.0,
        "frequency_penalty": 1.5,
        "seed": 7,
        "logit_bias": {"50256": -100},
        "logprobs": True,
        "top_logprobs": 2,
        "user": "anna",
        "response_format": {"type": "text"},
    }
    async with desk(server) as at:
        answer = await at.ai.chat.ask(
            "Hi", model="gpt-4o", extra={"prompt_cache_key": "home", "store": False}, **options
        )
    assert sent(server) == {**options, "prompt_cache_key": "home", "store": False}
    assert server.violations == ()
    assert answer.texts == ["You said: Hi"] * 2
    assert answer.fingerprint == "fp_loopback"
    assert [token.token for token in answer.logprobs] == ["You", " said:", " Hi"]
    assert [len(token.top) for token in answer.logprobs] == [2, 2, 2]
    assert answer.logprobs[0].top[0] == ("You", answer.logprobs[0].logprob)


async def test_reasoning_is_asked_for_and_counted(server: HttpLoopback) -> None:
    async with desk(server) as at:
        answer = await at.ai.chat.ask("Why?", model="gpt-5.6-luna", reasoning_effort="high")
    assert sent(server) == {"reasoning_effort": "high"}
    assert 0 < answer.usage.reasoning < answer.usage.completion


async def test_other_tokens_are_asked_for_with_the_odds_of_those_that_came(server: HttpLoopback) -> None:
    async with desk(server) as at:
        await at.ai.chat.ask("Hi", model="gpt-4o", top_logprobs=1)
    assert sent(server) == {"top_logprobs": 1, "logprobs": True}
    assert server.violations == ()


async def test_tools_are_offered_and_not_run() -> None:
    def lamp(on: bool) -> str:
        """Switch the lamp."""
        raise AssertionError("it is only offered")

    dialled = {"type": "function", "function": {"name": "dial", "parameters": {"type": "object", "properties": {}}}}
    reply = [CallTool("lamp", '{"on": true}'), CallTool("lamp", '{"on": false}')]
    async with HttpLoopback([reply, reply, reply]) as server, desk(server) as at:
        answer = await at.ai.chat.ask("Light", tools=[lamp, dialled], tool_choice="lamp", parallel_tool_calls=True)
        await at.ai.chat.ask("Light", tools=[lamp, dialled], tool_choice="dial")
        await at.ai.chat.ask("Light", tools=[lamp], tool_choice=lamp)
    assert [(call.name, call.arguments) for call in answer.calls] == [
        ("lamp", '{"on": true}'),
        ("lamp", '{"on": false}'),
    ]
    assert answer.finish_reason == "tool_calls"
    assert [tool["function"]["name"] for tool in sent(server, 0)["tools"]] == ["lamp", "dial"]
    chosen = [sent(server, number)["tool_choice"]["function"]["name"] for number in range(3)]
    assert chosen == ["lamp", "dial", "lamp"]
    assert server.violations == ()


# Pictures.


async def test_pictures_of_every_kind_go_with_what_the_user_said_last(server: HttpLoopback, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    conversation = [
        {"role": "user", "content": "Look"},
        {"role": "assistant", "content": "At what?"},
        {"role": "user", "content": "These"},
    ]
    async with desk(server) as at:
        await at.ai.chat.ask(
            conversation, images=["https://example.org/a.jpg", path, str(path), PNG, Image(PNG)], detail="low"
        )
    first, _, last = words(server)
    assert first["content"] == "Look"
    text, *pictures = last["content"]
    assert text == {"type": "text", "text": "These"}
    assert [picture["image_url"]["url"] for picture in pictures] == ["https://example.org/a.jpg", *[DATA_URL] * 4]
    assert {picture["image_url"]["detail"] for picture in pictures} == {"low"}
    assert server.violations == ()


async def test_a_picture_may_stand_in_a_message(server: HttpLoopback, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    parts: list[Any] = [
        "What is it?",
        Image(PNG),
        {"type": "image_url", "image_url": str(path)},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "high"}},
    ]
    async with desk(server) as at:
        await at.ai.chat.ask([{"role": "user", "content": parts}])
    assert words(server)[0]["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "auto"}},
        {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "auto"}},
        {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "high"}},
    ]
    assert isinstance(parts[1], Image), "the caller's own messages are left alone"
    assert server.violations == ()


async def test_a_picture_that_is_too_large_is_not_sent(server: HttpLoopback, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(PNG + bytes(21_000_000))
    async with desk(server) as at:
        for picture in (path, path.read_bytes()):
            with pytest.raises(RequestRejected, match=r"has 20\.0 MiB; at most 20 MiB are taken"):
                await at.ai.chat.ask("Look", images=[picture])
    assert server.requests == ()


# What is wrong before it is sent.


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"messages": []}, "chat: there are no messages"),
        ({"messages": ["Hi"]}, "chat: message 0 is no mapping"),
        ({"messages": None}, "chat: the messages must be a text, or a list of messages"),
        ({"messages": {"role": "user", "content": "Hi"}}, "chat: the messages must be a text, or a list of messages"),
        ({"messages": [{"content": "Hi"}]}, "chat: message 0 has the role None: write one of system"),
        ({"messages": [{"role": "bot", "content": "Hi"}]}, "chat: message 0 has the role 'bot'"),
        ({"messages": [{"role": "user"}]}, "chat: message 0 has no content"),
        ({"messages": [{"role": "user", "content": [1]}]}, "chat: a part of a message has no type"),
        ({"images": ["/nowhere/cat.png"]}, "image: /nowhere/cat.png: there is no such file"),
        ({"images": [b""]}, "image: the picture is empty"),
        ({"images": [b"<svg>"]}, "image: the picture is no picture that a model can see"),
        ({"images": PNG}, "chat: images must be a list of pictures"),
        ({"images": [PNG], "detail": "huge"}, "chat: detail is 'huge': write auto, low, high"),
        (
            {"messages": [{"role": "system", "content": "Hi"}], "images": [PNG]},
            "chat: pictures go with what a user says",
        ),
        ({"max_token": 5}, "chat: there is no option max_token: did you mean max_tokens?"),
        ({"colour": "red"}, "chat: there is no option colour: what the server takes beyond the options goes into"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens and max_completion_tokens are the same"),
        ({"json": True, "response_format": {"type": "text"}}, "chat: json and response_format ask for two forms"),
        ({"response_format": "json_object"}, "chat: response_format must be a mapping"),
        ({"response_format": dict}, "for a pydantic model there is parse()"),
        ({"response_format": {}}, "chat: response_format has no type"),
        ({"tool_choice": "auto"}, "chat: tool_choice needs tools"),
        ({"tools": len}, "chat: tools must be a list: write [len]"),
        ({"tools": ["lamp"]}, "chat: 'lamp' is no function"),
        ({"tools": [len]}, "chat: the function len: "),
    ],
)
async def test_what_is_wrong_is_told_and_not_sent(server: HttpLoopback, wrong: dict[str, Any], says: str) -> None:
    async with desk(server) as at:
        with pytest.raises(RequestRejected) as caught:
            await at.ai.chat.ask(**{"messages": "Hi", **wrong})
    assert says in str(caught.value)
    assert (caught.value.status, server.requests, at.spent) == (0, (), [])


@pytest.mark.parametrize("kind", ["structured", "enhanced", "template", "standard"])
async def test_a_form_that_no_server_has_names_the_one_that_does(server: HttpLoopback, kind: str) -> None:
    async with desk(server) as at:
        with pytest.raises(RequestRejected, match=f"response_format '{kind}': no server has it: use json_schema"):
            await at.ai.chat.ask("Hi", response_format={"type": kind})
    assert server.requests == ()


async def test_half_a_character_is_no_trouble(server: HttpLoopback) -> None:
    async with desk(server) as at:
        answer = await at.ai.chat.ask("Hi \ud83d", instructions="Be \udc00brief.")
    assert answer.text == "You said: Hi ?"


async def test_a_body_is_what_a_batch_needs() -> None:
    body = await body_of("Hi", instructions="Be brief.", images=[PNG], detail="high", json=True, temperature=0)
    assert body == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "system", "content": "Answer with one JSON object."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Hi"},
                    {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "high"}},
                ],
            },
        ],
        "temperature": 0,
        "response_format": {"type": "json_object"},
    }


# What each model takes.


@pytest.mark.parametrize(
    ("model", "name"),
    [("gpt-5.4-mini", "max_completion_tokens"), ("o3", "max_completion_tokens"), ("gpt-4o", "max_tokens")],
)
async def test_each_model_gets_the_limit_that_it_takes(server: HttpLoopback, model: str, name: str) -> None:
    async with desk(server) as at:
        await at.ai.chat.ask("Hi", model=model, max_tokens=9)
    assert sent(server) == {name: 9}
    assert server.violations == ()


@pytest.mark.parametrize(
    ("given", "taken"), [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")]
)
async def test_a_server_that_takes_the_other_one_is_asked_so_from_then_on(given: str, taken: str) -> None:
    body = error_body(
        f"Unsupported parameter: '{given}' is not supported with this model. Use '{taken}' instead.",
        "invalid_request_error", given, "unsupported_parameter",
    )  # fmt: skip
    async with HttpLoopback(faults=[Fault(Answer(400, body), "chat")], models=["mine"]) as server, desk(server) as at:
        options: Any = {given: 9}
        await at.ai.chat.ask("Hi", model="mine", **options)
        await at.ai.chat.ask("Hi", model="mine", **options)
    assert [sent(server, number) for number in range(3)] == [{given: 9}, {taken: 9}, {taken: 9}]


async def test_a_limit_that_is_too_high_is_no_limit_by_another_name() -> None:
    body = error_body(
        "max_tokens is too large: 99999. This model supports at most 16384 completion tokens.",
        "invalid_request_error", "max_tokens", "invalid_value",
    )  # fmt: skip
    async with HttpLoopback(faults=[Fault(Answer(400, body), "chat", every=True)]) as server, desk(server) as at:
        with pytest.raises(RequestRejected, match="too large"):
            await at.ai.chat.ask("Hi", model="gpt-4o", max_tokens=99_999)
        assert len(server.of("chat")) == 1


async def test_a_server_that_knows_nothing_of_strict_schemas_gets_others() -> None:
    def lamp(on: bool) -> str:
        """Switch the lamp."""
        return "on"

    body = error_body("Unrecognized key: tools[0].function.strict", "invalid_request_error")
    async with HttpLoopback(faults=[Fault(Answer(422, body), "chat")]) as server, desk(server) as at:
        await at.ai.chat.ask("Hi", tools=[lamp])
    assert ["strict" in sent(server, number)["tools"][0]["function"] for number in range(2)] == [True, False]


# What comes back.


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_why_an_answer_ends(reason: Any) -> None:
    async with HttpLoopback([[Say("Once upon"), Finish(reason)]]) as server, desk(server) as at:
        answer = await at.ai.chat.ask("Tell")
    assert (answer.text, answer.finish_reason) == ("Once upon", reason)


async def test_a_refusal_is_no_text() -> None:
    async with HttpLoopback([Refuse("I will not.")]) as server, desk(server) as at:
        answer = await at.ai.chat.ask("Tell")
    assert (answer.text, answer.refusal) == ("", "I will not.")
    assert answer.messages[-1] == {"role": "assistant", "content": "", "refusal": "I will not."}


async def test_what_was_used_is_told_and_paid() -> None:
    async with HttpLoopback(["Yes."]) as server, desk(server) as at:
        answer = await at.ai.chat.ask("word " * 400)
    usage = answer.usage
    assert usage.prompt > usage.cached > 0
    assert usage.total == usage.prompt + usage.completion
    assert at.spent == [
        Usage("gpt-5.4-mini", text_in=usage.prompt, cached_text_in=usage.cached, text_out=usage.completion)
    ]


async def test_a_server_that_does_not_tell_is_paid_rather_too_much() -> None:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Grüße"}, "finish_reason": "stop"}]}
    async with HttpLoopback(faults=[Fault(Answer(200, body), "chat")]) as server, desk(server) as at:
        answer = await at.ai.chat.ask("Say it: Grüße")
    assert (answer.text, answer.usage.estimated) == ("Grüße", True)
    assert answer.usage.prompt >= len("Say it: Grüße".encode())
    assert answer.usage.completion >= len("Grüße".encode())
    assert at.spent == [Usage("gpt-5.4-mini", text_in=answer.usage.prompt, text_out=answer.usage.completion)]


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 100, "completion_tokens": 5, "prompt_cache_hit_tokens": 64},  # DeepSeek
        {"prompt_tokens": 100, "completion_tokens": 5, "cached_tokens": 64},  # Kimi
        {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 64}},
    ],
)
async def test_each_server_tells_in_its_own_way_what_it_had_read_before(usage: dict[str, Any]) -> None:
    message = {"role": "assistant", "content": "Hi"}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
    async with HttpLoopback(faults=[Fault(Answer(200, body), "chat")]) as server, desk(server) as at:
        answer = await at.ai.chat.ask("Hi")
    assert (answer.usage.prompt, answer.usage.cached, answer.usage.total) == (100, 64, 105)


async def test_calls_without_good_ids_get_some() -> None:
    calls = [{"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}} for id in ("a", "a", None)]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    async with HttpLoopback(faults=[Fault(Answer(200, body), "chat")]) as server, desk(server) as at:
        answer = await at.ai.chat.ask("Hi")
    assert [call.id for call in answer.calls] == ["a", "call_1", "call_2"]
    assert [call["id"] for call in answer.messages[-1]["tool_calls"]] == ["a", "call_1", "call_2"]


@pytest.mark.parametrize(
    "body", [{}, {"choices": []}, {"choices": None}, {"choices": [{"index": 0}]}, {"error": "no"}, [], b'"Hi"', b"42"]
)
async def test_another_form_than_the_apis(body: Any) -> None:
    async with HttpLoopback(faults=[Fault(Answer(200, body), "chat")]) as server, desk(server) as at:
        with pytest.raises(AnswerUnusable, match=r"chat: openai at 127\.0\.0\.1 answers in another form than"):
            await at.ai.chat.ask("Hi")


@pytest.mark.parametrize("action", [html_page(), Instead(nothing), Answer(200, b"{")])
async def test_a_page_nothing_at_all_and_half_an_answer(action: Any) -> None:
    async with HttpLoopback(faults=[Fault(action, "chat", every=True)]) as server, desk(server, retries=0) as at:
        with pytest.raises((AnswerUnusable, ApiUnreachable)):
            await at.ai.chat.ask("Hi")
        assert len(at.spent) == (action != html_page())  # an answer that got lost is paid all the same


async def test_what_was_asked_and_given_up_is_counted() -> None:
    async with HttpLoopback(faults=[Fault(Stall(), "chat", every=True)]) as server, desk(server, retries=0) as at:
        asks = (at.ai.chat.ask("Hello there"), at.ai.chat.stream("Hello there").__aenter__())
        for number, ask in enumerate(asks, 1):
            asking = asyncio.ensure_future(ask)
            await server.wait_for("chat", count=number)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert at.spent.pop().text_in >= len("Hello there")
            assert at.spent == []
        with pytest.raises(ApiUnreachable, match="did not answer in time"):
            async with patience_passes(server, "chat", 3):
                await at.ai.chat.ask("Hello there", within_s=PATIENCE_S)
        assert len(at.spent) == 1


async def test_what_never_reached_a_server_costs_nothing() -> None:
    async with HttpLoopback() as server, desk(server, retries=0) as at:
        await server.refuse_connections()
        with pytest.raises(ApiUnreachable, match="no connection"):
            await at.ai.chat.ask("Hi")
        assert at.spent == []


async def test_an_answer_in_json() -> None:
    replies: list[Reply] = ['{"a": [1]}', [Say('{"a": '), Finish()], Refuse("No."), "Hello"]
    async with HttpLoopback(replies) as server, desk(server) as at:
        assert (await at.ai.chat.ask("As JSON", json=True)).json() == {"a": [1]}
        for code, says in (("length", "cut off"), ("refusal", "refuses"), ("", "is no JSON")):
            answer = await at.ai.chat.ask("Three", instructions="Be brief.", json=True)
            with pytest.raises(AnswerUnusable, match=says) as caught:
                answer.json()
            assert caught.value.code == code
    assert sent(server) == {"response_format": {"type": "json_object"}}
    assert [message["content"] for message in words(server, 0)] == ["As JSON"]
    assert [message["content"] for message in words(server)] == ["Be brief.", "Answer with one JSON object.", "Three"]
    assert server.violations == ()


# A conversation that is too long.


def talk(turns: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"role": "system", "content": "Be brief."}]
    for number in range(turns):
        found += [{"role": "user", "content": f"{number} " * 100}, {"role": "assistant", "content": f"{number}"}]
    return [*found, {"role": "user", "content": "And now?"}]


async def test_it_is_asked_once_more_without_the_oldest_turns() -> None:
    async with HttpLoopback(faults=[Fault(context_too_long(), "chat")]) as server, desk(server) as at:
        answer = await at.ai.chat.ask(talk(10))
    assert (answer.text, answer.shortened) == ("You said: And now?", True)
    before, after = words(server, 0), words(server, 1)
    assert after[0] == before[0]
    assert after[1:] == before[-len(after) + 1 :]
    assert 0.5 * len(before) < len(after) < len(before), "the server said how much is too much: it was little"
    assert answer.messages[:-1] == after
    assert server.violations == ()


async def test_an_answer_that_needed_it_not_says_so(server: HttpLoopback) -> None:
    async with desk(server) as at:
        assert not (await at.ai.chat.ask(talk(2))).shortened


async def test_what_is_still_too_long_is_told() -> None:
    async with HttpLoopback(faults=[Fault(context_too_long(), "chat", every=True)]) as server, desk(server) as at:
        with pytest.raises(ContextTooLong):
            await at.ai.chat.ask(talk(10))
        assert len(server.of("chat")) == 2
        with pytest.raises(ContextTooLong):
            await at.ai.chat.ask("word " * 100)
        assert len(server.of("chat")) == 3, "what the user says is not made shorter"


# Servers.


async def test_another_provider_gets_what_its_own_model_takes() -> None:
    async with HttpLoopback(faults=[Fault(Answer(503), "chat", every=True)]) as near, HttpLoopback() as far:
        providers = {
            "near": ProviderSettings(base_url=near.base_url, models={"chat": "gpt-5.4"}),
            "far": ProviderSettings(base_url=far.base_url, models={"chat": "gpt-4o"}),
        }
        async with desk(near, order=("near", "far"), providers=providers) as at:
            answer = await at.ai.chat.ask("Hi", max_tokens=5)
    assert (answer.provider, answer.model) == ("far", "gpt-4o")
    assert (sent(near), sent(far)) == ({"max_completion_tokens": 5}, {"max_tokens": 5})
    assert [usage.model for usage in at.spent] == ["gpt-4o"]


async def test_whoever_stops_waiting_hangs_up() -> None:
    async with HttpLoopback(faults=[Fault(Stall(), "chat")]) as server, desk(server) as at:
        asking = asyncio.create_task(at.ai.chat.ask("Hi"))
        await server.wait_for("chat", outcome="faulted")
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await server.wait_for("chat", ended=True)


async def test_a_budget_that_is_spent_asks_nothing(server: HttpLoopback) -> None:
    async with desk(server) as at:
        at.refusal = "the API is not used: the budget is spent"
        for ask in (at.ai.chat.ask("Hi"), _streamed(at)):
            with pytest.raises(ApiError, match="the budget is spent"):
                await ask
    assert server.requests == ()


async def _streamed(at: Desk) -> None:
    async with at.ai.chat.stream("Hi") as stream:
        async for _ in stream:
            pass


async def test_errors_hold_nothing_of_what_was_said() -> None:
    faults = [Fault(Answer(500), "chat", every=True)]
    async with HttpLoopback(faults=faults) as server, desk(server, retries=0) as at:
        with pytest.raises(ApiError) as caught:
            await at.ai.chat.ask("My secret", instructions="secret")
    assert "secret" not in f"{caught.value!r} {caught.value.__cause__!r}"
