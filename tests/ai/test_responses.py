"""`ai.responses`: what is sent, what comes back, and what it costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from voiced.ai import responses as module
from voiced.ai.functions import ToolChoice
from voiced.ai.responses import (
    Citation,
    CodeRun,
    FoundPassage,
    body_of,
    code_interpreter,
    file_search,
    image_generation,
    web_search,
)
from voiced.errors import (
    AnswerUnusable,
    ApiBusy,
    ApiDenied,
    ApiUnreachable,
    ContextTooLong,
    ModelUnknown,
    RequestRejected,
)
from voiced.testing.http import (
    Answer,
    CallTool,
    Draw,
    Drop,
    Fail,
    Fault,
    Finish,
    FoundText,
    HttpLoopback,
    Instead,
    Output,
    Pause,
    Refuse,
    Reply,
    RunCode,
    Say,
    SearchFiles,
    SearchWeb,
    Think,
    context_too_long,
    html_page,
    responses_request,
    unavailable,
    wrong_key,
)
from voiced.testing.http.catalogue import Catalogue
from voiced.testing.http.responses import Responses
from voiced.usage import Usage

from .desk import desk

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


class City(BaseModel):
    """A city."""

    name: str
    people: int


def lamp(on: bool) -> str:
    """Switch the lamp."""
    return "it is on" if on else "it is off"


def radio() -> str:
    """Switch the radio on."""
    return "it plays"


def bodies(server: HttpLoopback) -> list[dict[str, Any]]:
    return [entry.body for entry in server.of("responses")]


def without(*names: str) -> Instead:
    """The answer lacks these fields, as those of other servers do."""

    def how(body: bytes) -> bytes:
        return json.dumps({key: value for key, value in json.loads(body).items() if key not in names}).encode()

    return Instead(how)


# Ask.


async def test_a_question_and_its_answer() -> None:
    async with HttpLoopback(["Good morning."]) as server, desk(server) as at:
        answer = await at.ai.responses.ask("Hello", instructions="Be brief.", metadata={"a": "b"}, verbosity="low")
        assert (answer.text, answer.status, answer.finish_reason) == ("Good morning.", "completed", "stop")
        assert (answer.model, answer.provider, answer.stored) == ("gpt-5.4-mini", "openai", True)
        assert server.kept(Responses).all[0]["id"] == answer.id
        assert at.spent == [Usage("gpt-5.4-mini", text_in=answer.usage.prompt, text_out=answer.usage.completion)]
        assert answer.usage.prompt > 0
        assert bodies(server) == [
            {
                "model": "gpt-5.4-mini",
                "stream": False,
                "input": "Hello",
                "instructions": "Be brief.",
                "metadata": {"a": "b"},
                "text": {"verbosity": "low"},
            }
        ]
        assert server.violations == ()


async def test_what_was_said_is_in_no_repr() -> None:
    async with HttpLoopback([[Think("My secret."), Say("My secret.")]]) as server, desk(server) as at:
        answer = await at.ai.responses.ask("secret", model="gpt-5", reasoning_summary="auto")
        assert answer.thoughts == ("My secret.",)
        assert "secret" not in repr(answer)


async def test_it_goes_on_with_an_answer() -> None:
    async with HttpLoopback(lambda asked: f"{len(asked.messages)} messages") as server, desk(server) as at:
        first = await at.ai.responses.ask("Hello")
        second = await at.ai.responses.ask("And?", previous_response_id=first.id)
        third = await at.ai.responses.ask(previous_response_id=second.id)
        assert [each.text for each in (first, second, third)] == ["1 messages", "3 messages", "4 messages"]


async def test_an_answer_that_is_gone_is_not_gone_on_with() -> None:
    async with HttpLoopback() as server, desk(server) as at:
        with pytest.raises(RequestRejected, match="not found"):
            await at.ai.responses.ask("And?", previous_response_id="resp_gone")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"tools": [file_search("vs_gone")]}, "vs_gone"),
        ({"tools": [code_interpreter("cntr_gone")]}, "cntr_gone"),
        ({"tools": [code_interpreter(files=["file-gone"])]}, "file-gone"),
        ({"input": [{"type": "item_reference", "id": "msg_gone"}]}, "msg_gone"),
    ],
)
async def test_what_is_not_there_is_told_and_no_other_model_asked(options: dict[str, Any], why: str) -> None:
    async with HttpLoopback() as server, HttpLoopback() as other:
        at = {"openai": {"base_url": server.base_url}, "mine": {"base_url": other.base_url}}
        async with desk(server, providers=at, order=("openai", "mine")) as there:
            with pytest.raises(RequestRejected, match=why) as caught:
                await there.ai.responses.ask(**{"input": "Hi", **options})
        assert caught.value.status == 404
        assert len(other.requests) == 0


async def test_only_the_provider_that_has_an_answer_can_go_on_with_it() -> None:
    async with HttpLoopback(faults=[Fault(unavailable(), "responses")]) as server, HttpLoopback() as other:
        at = {"openai": {"base_url": server.base_url}, "mine": {"base_url": other.base_url}}
        settings: dict[str, Any] = {"providers": at, "order": ("openai", "mine"), "retries": 0}
        async with desk(server, **settings) as there:
            with pytest.raises(ApiUnreachable):
                await there.ai.responses.ask("And?", previous_response_id="resp_1")
            assert len(other.requests) == 0


async def test_the_next_provider_answers_where_one_is_down() -> None:
    async with HttpLoopback(faults=[Fault(unavailable(), "responses")]) as server, HttpLoopback() as other:
        at = {
            "openai": {"base_url": server.base_url},
            "mine": {"base_url": other.base_url, "models": {"responses": "gpt-4o"}},
        }
        async with desk(server, providers=at, order=("openai", "mine")) as there:
            answer = await there.ai.responses.ask("Hello")
        assert (answer.provider, answer.model, answer.text) == ("mine", "gpt-4o", "You said: Hello")


async def test_pictures_go_with_what_was_said_last(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    async with HttpLoopback() as server, desk(server) as at:
        await at.ai.responses.ask("What is it?", images=[path, PNG, "https://example.org/a.png"], detail="low")
        said = [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "A cat."}]
        await at.ai.responses.ask(said, images=[PNG])
        await at.ai.responses.ask(images=[PNG])
        assert server.violations == ()
        first, second, third = (body["input"] for body in bodies(server))
    assert [part["type"] for part in first[0]["content"]] == ["input_text", *["input_image"] * 3]
    assert [part.get("detail") for part in first[0]["content"]] == [None, "low", "low", "low"]
    assert first[0]["content"][3]["image_url"] == "https://example.org/a.png"
    assert [len(item["content"]) for item in second] == [2, len("A cat.")]
    assert [part["type"] for part in third[0]["content"]] == ["input_image"]


async def test_messages_of_a_chat_are_understood() -> None:
    said: list[dict[str, Any]] = [
        {"role": "system", "content": "Obey."},
        {"role": "user", "content": ["Look:", {"type": "image_url", "image_url": {"url": PNG, "detail": "high"}}]},
        {"role": "assistant", "content": [{"type": "text", "text": "A cat."}]},
        {"role": "user", "content": [{"type": "input_image", "image_url": PNG}, {"type": "text", "text": "And?"}]},
    ]
    async with HttpLoopback() as server, desk(server) as at:
        assert (await at.ai.responses.ask(said)).text == "You said: And?"
        assert server.violations == ()
        parts = [item["content"] for item in bodies(server)[0]["input"]]
    assert [part["type"] for part in parts[1]] == ["input_text", "input_image"]
    assert parts[1][1]["detail"] == "high"
    assert parts[2] == [{"type": "output_text", "text": "A cat."}]
    assert parts[3][0]["detail"] == "auto"


async def test_what_tools_of_the_server_did() -> None:
    found = FoundText("file-1", "notes.md", "The key is at Anna's.", 0.8, {"year": 2026})
    reply: list[Output] = [
        SearchWeb("weather Oslo"),
        RunCode("print(6 * 7)", "42\n", "plan.csv"),
        RunCode("print(1)", "1\n"),
        SearchFiles("key", [found]),
        Draw("A cat."),
        Say("Rain, says [Weather](https://example.org/w). See plan.csv."),
    ]
    async with HttpLoopback([reply]) as server, desk(server) as at:
        server.kept(Responses).containers.add("cntr_1")
        store = await at.ai.vector_stores.create("Notes")
        tools = [
            web_search(city="Oslo", country="no", search_context_size="low"),
            code_interpreter("cntr_1"),
            file_search([store.id], most=3, filters={"type": "eq", "key": "year", "value": 2026}),
            image_generation(size="1024x1536", quality="low", model="gpt-image-2"),
        ]
        answer = await at.ai.responses.ask("Do it all", tools=tools)
        assert server.violations == ()
        assert answer.searches == ("weather Oslo",)
        assert answer.code == (CodeRun("print(6 * 7)", "42\n", (), "cntr_1"), CodeRun("print(1)", "1\n", (), "cntr_1"))
        assert answer.found == (FoundPassage("file-1", "notes.md", "The key is at Anna's.", 0.8, {"year": 2026}),)
        assert answer.pictures[0].revised_prompt == "A cat."
        assert answer.images == [answer.pictures[0].data]
        assert answer.images[0].startswith(b"\x89PNG")
        page, plan, notes = answer.citations
        assert page == Citation("https://example.org/w", "Weather", start=11, end=43)
        assert answer.text[page.start : page.end] == "[Weather](https://example.org/w)"
        assert (plan.filename, answer.text[plan.start : plan.end]) == ("plan.csv", "plan.csv")
        assert notes == Citation(file_id="file-1", filename="notes.md")
        assert at.spent[1:] == [
            Usage("web_search", calls=1),
            Usage("file_search", calls=1),
            Usage("code_interpreter", calls=1),
            Usage("gpt-image-2", text_in=2, image_out=1056),
        ]
        location = {"type": "approximate", "city": "Oslo", "country": "NO"}
        sent = bodies(server)[0]
        assert sent["tools"][0] == {
            "type": "web_search",
            "user_location": location,
            "search_context_size": "low",
        }
        assert sent["include"] == ["code_interpreter_call.outputs", "file_search_call.results"]


async def test_where_citations_are_in_a_text_of_two_messages() -> None:
    reply: list[Output] = [Say("Wait. "), SearchWeb("x"), Say("[A](https://a.example)")]
    async with HttpLoopback([reply]) as server, desk(server) as at:
        answer = await at.ai.responses.ask("?", tools=[web_search()])
    assert [answer.text[each.start : each.end] for each in answer.citations] == ["[A](https://a.example)"]


async def test_what_is_not_told_is_counted_as_too_much() -> None:
    replies: list[list[Output]] = [[Draw(), Draw(), SearchWeb("x"), Say("Here.")]] * 2
    faults = [Fault(without("usage", "tool_usage"), "responses", number) for number in (1, 2)]
    async with HttpLoopback(replies, faults=faults) as server, desk(server) as at:
        answer = await at.ai.responses.ask("Draw", tools=[image_generation(quality="low"), web_search()])
        await at.ai.responses.ask("Draw", tools=[image_generation(size="2048x2048", quality="high"), web_search()])
        assert answer.usage.estimated
        assert answer.usage.prompt > len("Draw")
        assert [usage for usage in at.spent if usage.model == "web_search"] == [Usage("web_search", calls=1)] * 2
        drawn = [usage.image_out for usage in at.spent if usage.model == "gpt-image-1.5"]
        assert drawn == [2 * 272, 2 * 3 * 6240]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("none", "none"),
        ("auto", "auto"),
        ("required", "required"),
        (lamp, {"type": "function", "name": "lamp"}),
        ("lamp", {"type": "function", "name": "lamp"}),
        ("search", {"type": "function", "name": "search"}),
        ("code_interpreter", {"type": "code_interpreter"}),
        ("image_generation", {"type": "image_generation"}),
        ("web_search", {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]}),
        ({"type": "function", "name": "lamp"}, {"type": "function", "name": "lamp"}),
    ],
)
async def test_every_choice_among_tools(choice: ToolChoice, sent: Any) -> None:
    search = {"type": "function", "function": {"name": "search", "parameters": {"type": "object", "properties": {}}}}
    tools: list[Any] = [lamp, search, web_search(), code_interpreter(), image_generation()]
    async with HttpLoopback() as server, desk(server) as at:
        await at.ai.responses.ask("Hi", tools=tools, tool_choice=choice)
        assert bodies(server)[0]["tool_choice"] == sent
        assert server.violations == ()


async def test_calls_are_told_and_not_made() -> None:
    async with HttpLoopback([CallTool("lamp", '{"on": true}', call_id="call_1")]) as server, desk(server) as at:
        answer = await at.ai.responses.ask("On!", tools=[lamp])
    (call,) = answer.calls
    assert (call.id, call.name, call.arguments, answer.finish_reason) == (
        "call_1",
        "lamp",
        '{"on": true}',
        "tool_calls",
    )


@pytest.mark.parametrize(
    ("end", "incomplete", "reason"),
    [("length", "max_output_tokens", "length"), ("content_filter", "content_filter", "content_filter")],
)
async def test_an_answer_that_ends_too_early_says_so(end: Any, incomplete: str, reason: str) -> None:
    async with HttpLoopback([[Say("Half"), Finish(end)]]) as server, desk(server) as at:
        answer = await at.ai.responses.ask("Tell", max_output_tokens=16)
    assert (answer.text, answer.status) == ("Half", "incomplete")
    assert (answer.incomplete_reason, answer.finish_reason) == (incomplete, reason)


async def test_a_refusal_is_no_text() -> None:
    async with HttpLoopback([Refuse("I won't.")]) as server, desk(server) as at:
        answer = await at.ai.responses.ask("Tell")
    assert (answer.text, answer.refusal) == ("", "I won't.")


async def test_what_is_too_long_is_asked_once_more_without_its_beginning() -> None:
    faults = [Fault(context_too_long(), "responses", number) for number in (1, 3, 4, 5)]
    async with HttpLoopback(faults=faults) as server, desk(server) as at:
        answer = await at.ai.responses.ask("Long")
        assert (answer.text, answer.shortened) == ("You said: Long", True)
        assert [body.get("truncation") for body in bodies(server)] == [None, "auto"]
        with pytest.raises(ContextTooLong):
            await at.ai.responses.ask("Longer")
        with pytest.raises(ContextTooLong):
            await at.ai.responses.ask("Long", truncation="disabled")
        assert len(server.requests) == 5


async def test_json() -> None:
    async with HttpLoopback(['{"a": 1}', "{", [Say("{"), Finish()]]) as server, desk(server) as at:
        assert (await at.ai.responses.ask("A list", json=True)).json() == {"a": 1}
        said = bodies(server)[0]["input"]
        assert [item["role"] for item in said] == ["developer", "user"]
        with pytest.raises(AnswerUnusable, match="is no JSON"):
            (await at.ai.responses.ask("A list as JSON", json=True)).json()
        assert bodies(server)[1]["input"] == "A list as JSON"
        with pytest.raises(AnswerUnusable, match="cut off"):
            (await at.ai.responses.ask("JSON", json=True)).json()
        assert server.violations == ()


async def test_tools_of_the_server_get_more_time() -> None:
    replies: list[Reply] = [[Pause(0.3), Draw()], [Pause(0.3), Say("Late.")]]
    async with HttpLoopback(replies) as server, desk(server, timeout_s=0.1, retries=0) as at:
        assert (await at.ai.responses.ask("A cat", tools=[image_generation()])).images
        with pytest.raises(ApiUnreachable, match="in time"):
            await at.ai.responses.ask("Hi")


# What makes no sense is not sent.


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"input": ""}, "say something"),
        ({"input": "  "}, "say something"),
        ({"input": []}, "at least one message"),
        ({"input": 5}, "must be a text"),
        ({"input": {"role": "user"}}, "must be a text"),
        ({"input": ["Hi"]}, "item 0 is no mapping"),
        ({"input": [{"role": "robot", "content": "Hi"}]}, "the role 'robot'"),
        ({"input": [{"role": "user"}]}, "item 0 has no content"),
        ({"input": [{"role": "user", "content": [{"text": "Hi"}]}]}, "has no type"),
        ({"input": [{"role": "tool", "content": "on", "tool_call_id": "call_1"}]}, "function_call_output"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "there is no messages here: give them as the input"),
        ({"response_format": {"type": "json_schema"}}, "text={'format'"),
        ({"response_format": {"type": "structured"}}, "no server has it: use json_schema"),
        ({"text": {"format": {"type": "enhanced"}}}, "use json_schema"),
        ({"text": {"format": {"type": "template"}}}, "use json_schema"),
        ({"prompt": {"id": "pmpt_1"}}, "retired on 2026-11-30: send its text as instructions"),
        ({"extra": {"prompt": {"id": "pmpt_1"}}}, "retired on 2026-11-30"),
        ({"extra": {"messages": []}}, "give them as the input"),
        ({"max_tokens": 20}, "called max_output_tokens"),
        ({"max_completion_tokens": 20}, "called max_output_tokens"),
        ({"max_output_tokens": 15}, "at least 16"),
        ({"temprature": 0.5}, "did you mean temperature"),
        ({"json": True, "text": {"format": {"type": "text"}}}, "give one of them"),
        ({"images": [bytes(21 * 1024 * 1024)]}, "at most 20 MiB"),
        ({"images": [b""]}, "is empty"),
        ({"images": [b"text"]}, "no picture"),
        ({"images": ["/nowhere/cat.png"]}, "there is no such file"),
        ({"images": PNG}, "must be a list"),
        ({"input": [{"role": "assistant", "content": "Hi"}], "images": [PNG]}, "what a user says"),
        ({"detail": "sharp"}, "write auto, low, high"),
        ({"tools": [5]}, "a tool has no type"),
        ({"tool_choice": "required"}, "tool_choice needs tools"),
        ({"tools": lamp}, "responses: tools must be a list: write [lamp]"),
        ({"tools": [lamp], "tool_choice": "lmap"}, "did you mean lamp"),
        ({"tools": [lamp], "tool_choice": "web_search"}, "there is no function 'web_search'"),
    ],
)
async def test_what_makes_no_sense_is_not_sent(options: dict[str, Any], why: str) -> None:
    async with HttpLoopback() as server, desk(server) as at:
        with pytest.raises(RequestRejected) as caught:
            await at.ai.responses.ask(**{"input": "Hi", **options})
        assert why in str(caught.value)
        assert str(caught.value).startswith(("responses:", "image:"))
        assert server.requests == ()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: web_search(country="Norway"), "two letters"),
        (lambda: web_search(search_context_size="huge"), "low, medium or high"),  # type: ignore[arg-type]
        (lambda: web_search(domains="example.org"), "must be a list"),
        (lambda: code_interpreter("cntr_1", files=["file-1"]), "leave out its id"),
        (lambda: code_interpreter(files=["file-1"] * 51), "50 are taken"),
        (lambda: code_interpreter(memory="2g"), "1g, 4g"),
        (lambda: image_generation(size="big"), "1024x1024"),
        (lambda: image_generation(quality="hd"), "low, medium, high"),
        (lambda: image_generation(format="gif"), "png, webp, jpeg"),
        (lambda: image_generation(background="transparent", format="jpeg"), "png or webp"),
        (lambda: image_generation(compression=101), "0 to 100"),
        (lambda: file_search([]), "at least one vector store"),
        (lambda: file_search(""), "at least one vector store"),
        (lambda: file_search("vs_1", most=51), "1 to 50"),
        (lambda: file_search("vs_1", score=2), "0 to 1"),
        (lambda: file_search("vs_1", filters={"type": "like"}), "a filter is"),
        (lambda: file_search("vs_1", filters={"type": "and", "filters": [{"key": "a"}]}), "a filter is"),
    ],
)
def test_tools_that_are_none(make: Callable[[], Any], why: str) -> None:
    with pytest.raises(RequestRejected, match=why):
        make()


async def test_a_body_is_json_that_the_server_takes() -> None:
    body = await body_of("Hi", images=[PNG], tools=[lamp, web_search()], reasoning_effort="low", store=False)
    responses_request.check(json.loads(json.dumps({"model": "gpt-5", **body})), Catalogue())
    assert module.Responses.web_search is web_search


# What goes wrong at the server.


async def test_a_failed_response_is_an_error_and_asked_for_again_where_that_may_help() -> None:
    replies: list[Reply] = [
        Fail(),
        "Well.",
        Fail("rate_limit_exceeded"),
        "Well.",
        Fail("invalid_prompt", "No such prompt."),
    ]
    async with HttpLoopback(replies) as server, desk(server, retries=1) as at:
        assert (await at.ai.responses.ask("Hi")).text == "Well."
        assert (await at.ai.responses.ask("Hi")).text == "Well."
        with pytest.raises(RequestRejected, match="No such prompt"):
            await at.ai.responses.ask("Hi")
        assert len(server.requests) == 5
        assert len(at.spent) == 2
    async with HttpLoopback([Fail("rate_limit_exceeded")]) as server, desk(server, retries=0) as at:
        with pytest.raises(ApiBusy):
            await at.ai.responses.ask("Hi")


async def test_a_picture_whose_answer_got_lost_is_not_drawn_again() -> None:
    async with HttpLoopback([[Draw()], [Draw()]], faults=[Fault(Drop(1), "responses")]) as server, desk(server) as at:
        with pytest.raises(ApiUnreachable):
            await at.ai.responses.ask("A cat", tools=[image_generation()])
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (wrong_key(), ApiDenied),
        (html_page(), AnswerUnusable),
        (Answer(200, b"null"), AnswerUnusable),
        (Answer(200, {"id": "resp_1", "object": "response"}), AnswerUnusable),
        (Answer(200, {"id": "resp_1", "status": "completed", "output": [5]}), AnswerUnusable),
        (Answer(404, b"404 page not found", content_type="text/plain"), ModelUnknown),
        (without("output"), AnswerUnusable),
    ],
)
async def test_an_answer_that_is_none(fault: Any, error: type[Exception]) -> None:
    async with HttpLoopback(faults=[Fault(fault, "responses", every=True)]) as server, desk(server) as at:
        with pytest.raises(error):
            await at.ai.responses.ask("Hi")
        assert len(server.requests) == 1


async def test_a_picture_that_is_none_is_paid_for_and_told() -> None:
    async with HttpLoopback([Draw(data=b"no picture")]) as server, desk(server) as at:
        with pytest.raises(AnswerUnusable):
            await at.ai.responses.ask("A cat", tools=[image_generation()])
        assert [usage.model for usage in at.spent] == ["gpt-5.4-mini", "gpt-image-1.5"]


async def test_where_nothing_may_be_asked_nothing_is() -> None:
    async with HttpLoopback() as server, desk(server) as at:
        at.refusal = "the budget is spent"
        with pytest.raises(ApiDenied, match="the budget is spent"):
            await at.ai.responses.ask("Hi")
        assert server.requests == ()


# Parse.


async def test_an_answer_as_a_model() -> None:
    async with HttpLoopback(['{"name": "Oslo", "people": 700000}']) as server, desk(server) as at:
        assert await at.ai.responses.parse(City, "Which?", verbosity="low") == City(name="Oslo", people=700_000)
        text = bodies(server)[0]["text"]
        assert (text["verbosity"], text["format"]["name"], text["format"]["strict"]) == ("low", "City", True)
        assert server.violations == ()


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Refuse("No."), "refusal"),
        ([Say('{"name":'), Finish("length")], "length"),
        ([Say('{"name":'), Finish("content_filter")], "content_filter"),
        ('{"name": "Oslo"}', ""),
        ("Oslo", ""),
    ],
)
async def test_an_answer_that_is_no_such_model(reply: Any, code: str) -> None:
    async with HttpLoopback([reply]) as server, desk(server) as at:
        with pytest.raises(AnswerUnusable) as caught:
            await at.ai.responses.parse(City, "Which?")
    assert caught.value.code == code
    assert "Oslo" not in str(caught.value)


async def test_what_has_no_schema_is_not_asked_for() -> None:
    async with HttpLoopback() as server, desk(server) as at:
        with pytest.raises(RequestRejected, match="responses: list"):
            await at.ai.responses.parse(list, "Which?")
        assert server.requests == ()
