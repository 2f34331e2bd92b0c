"""Assistants, threads and runs at servers that still have them, and what is said of those that have none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from voiced.ai.assistant_records import Run
from voiced.errors import (
    AnswerUnusable,
    ApiBusy,
    ApiDenied,
    ApiError,
    ApiUnreachable,
    ModelUnknown,
    RequestRejected,
    ToolError,
)
from voiced.testing.http import (
    Answer,
    CallTool,
    Drop,
    Fault,
    Finish,
    HttpLoopback,
    Say,
    Stall,
    html_page,
    rate_limited,
    server_error,
)
from voiced.testing.http.assistants import Assistants
from voiced.testing.http.files import Files
from voiced.testing.http.thread_runs import Threads
from voiced.usage import Usage

from .desk import Desk, desk

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def lamp(on: bool) -> str:
    """Switch the lamp."""
    return "It is on." if on else "It is off."


class World:
    """A server with assistants that says what it is told, and the helpers before it."""

    def __init__(self, server: HttpLoopback, here: Desk) -> None:
        self.server = server
        self.here = here
        self.assistants = here.ai.assistants

    async def run(self, text: str = "Hi.", **options: Any) -> Run:
        """A run of a new assistant over a new thread."""
        made = await self.assistants.create(model="gpt-4.1", instructions="Be brief.")
        thread = await self.assistants.thread([text])
        return await self.assistants.run(thread.id, made.id, poll_s=0, **options)

    def statuses(self) -> list[str]:
        """Of all runs at the server."""
        threads = self.server.kept(Threads)
        return [run["status"] for thread in threads.all for run in threads.runs(thread["id"])]


class Worlds:
    """Opens one with a script; all are closed at the end."""

    def __init__(self) -> None:
        self.open: list[Any] = []

    async def __call__(self, script: Any = None, **settings: Any) -> World:
        server = HttpLoopback(script, assistants=True)
        self.open.append(server)
        await server.__aenter__()
        context = desk(server, **settings)
        self.open.append(context)
        return World(server, await context.__aenter__())


@pytest.fixture
async def world() -> AsyncIterator[Worlds]:
    worlds = Worlds()
    yield worlds
    for each in reversed(worlds.open):
        await each.__aexit__(None, None, None)


# A conversation.


async def test_an_assistant_answers_in_a_thread(world: Worlds) -> None:
    here = await world(["Hello, Ada.", "Yes."])
    seen: list[str] = []
    run = await here.run("I am Ada.", progress=lambda run: seen.append(run.status))
    assert (run.status, run.text, run.model) == ("completed", "Hello, Ada.", "gpt-4.1")
    assert seen == ["in_progress", "completed"]
    await here.assistants.add_message(run.thread_id, "Do you know my name?")
    again = await here.assistants.run(run.thread_id, run.assistant_id, poll_s=0)
    assert again.text == "Yes."
    said = await here.assistants.messages(run.thread_id)
    assert [(message.role, message.text) for message in said] == [
        ("user", "I am Ada."),
        ("assistant", "Hello, Ada."),
        ("user", "Do you know my name?"),
        ("assistant", "Yes."),
    ]
    assert [message.text for message in await here.assistants.messages(run.thread_id, run_id=again.id)] == ["Yes."]
    assert [each.id for each in await here.assistants.runs(run.thread_id)] == [again.id, run.id]
    assert "Ada" not in repr(run) + repr(said)
    assert here.server.violations == ()


async def test_what_runs_used_is_counted_once(world: Worlds) -> None:
    here = await world(["Hello, Ada."])
    run = await here.run("I am Ada.")
    assert run.usage is not None
    assert here.here.spent == [Usage("gpt-4.1", text_in=run.usage.prompt, text_out=run.usage.completion)]
    assert run.usage.prompt > 0 < run.usage.completion
    assert (await here.assistants.get_run(run.thread_id, run.id)).usage == run.usage
    assert len(here.here.spent) == 1


async def test_ask_leaves_no_thread_behind(world: Worlds) -> None:
    here = await world(["Four."])
    made = await here.assistants.create(name="Ada", instructions="Be brief.")
    assert await here.assistants.ask(made.id, "Two and two?", poll_s=0) == "Four."
    assert here.server.kept(Threads).all == []
    assert here.server.kept(Assistants).get(made.id)["model"] == "gpt-4.1-mini"  # of the settings
    assert here.server.violations == ()


async def test_an_assistant_is_changed_listed_and_deleted(world: Worlds) -> None:
    here = await world()
    made = [await here.assistants.create(name=f"{number}", tools=[add]) for number in range(3)]
    assert made[0].function_names == ["add"]
    changed = await here.assistants.update(
        made[0].id, name="first", instructions="", tools=[{"type": "file_search"}], model="gpt-4.1", temperature=0.5,
        metadata={"of": "Ada"},
    )  # fmt: skip
    assert (changed.name, changed.model, changed.tools, changed.metadata) == (
        "first", "gpt-4.1", ({"type": "file_search"},), {"of": "Ada"},
    )  # fmt: skip
    assert [each.name for each in await here.assistants.list()] == ["2", "1", "first"]
    await here.assistants.delete(made[1].id)
    assert [each.name for each in await here.assistants.list(most=1)] == ["2"]
    with pytest.raises(RequestRejected, match=f"{made[1].id}: the server has none of this id"):
        await here.assistants.get(made[1].id)
    assert [found.status for found in here.server.violations] == [404]


async def test_a_thread_is_kept_and_deleted(world: Worlds) -> None:
    here = await world()
    thread = await here.assistants.thread(["Hi.", {"role": "assistant", "content": "Hello."}], metadata={"of": "Ada"})
    assert await here.assistants.get_thread(thread.id) == thread
    assert [each.role for each in await here.assistants.messages(thread.id)] == ["user", "assistant"]
    await here.assistants.delete_thread(thread.id)
    with pytest.raises(RequestRejected, match="none of this id"):
        await here.assistants.messages(thread.id)


async def test_pictures_and_files_go_with_a_message(world: Worlds) -> None:
    here = await world()
    thread = await here.assistants.thread()
    notes = await here.here.ai.files.upload(("notes.txt", b"a"), "assistants")
    message = await here.assistants.add_message(
        thread.id, "See.", images=["https://example.org/cat.png", PNG], file_ids=[notes.id], metadata={"a": "b"}
    )
    _, picture = here.server.kept(Files).all
    assert (picture["filename"], picture["purpose"]) == ("picture.png", "vision")
    assert (message.text, message.file_ids) == ("See.", (picture["id"], notes.id))
    assert here.server.violations == ()


# Functions.


async def test_a_run_calls_functions_at_one_time_and_goes_on(world: Worlds) -> None:
    met = asyncio.Barrier(2)

    async def left() -> str:
        """The left one."""
        await met.wait()
        return "left"

    async def right() -> str:
        """The right one."""
        await met.wait()
        raise ToolError("There is no right one.")

    asked: list[Any] = []

    def script(each: Any) -> Any:
        asked.append(each)
        return "Only left." if each.tool_outputs else [CallTool("left", call_id="1"), CallTool("right", call_id="2")]

    here = await world(script)
    run = await here.run("Which?", tools=[left, right])
    assert run.text == "Only left."
    assert asked[-1].tool_outputs == {"1": "left", "2": "There is no right one."}
    steps = here.server.kept(Threads).steps(run.thread_id, run.id)
    assert [step["type"] for step in steps] == ["tool_calls", "message_creation"]
    assert len(here.here.spent) == 1
    assert here.server.violations == ()


async def test_functions_join_the_tools_of_the_assistant(world: Worlds) -> None:
    here = await world([CallTool("add", '{"a": 2, "b": 2}'), "Four.", "Done."])
    made = await here.assistants.create(tools=[{"type": "file_search"}, lamp])
    thread = await here.assistants.thread(["Two and two?"])
    run = await here.assistants.run(thread.id, made.id, tools=[add, lamp], poll_s=0)
    assert run.text == "Four."
    started = [entry.body for entry in here.server.of("threads") if entry.line.endswith("/runs")]
    told = [tool.get("function", tool).get("name", tool["type"]) for tool in started[0]["tools"]]
    assert told == ["file_search", "add", "lamp"]
    await here.assistants.run(thread.id, made.id, tools=[lamp], tool_choice="auto", poll_s=0)
    started = [entry.body for entry in here.server.of("threads") if entry.line.endswith("/runs")]
    assert "tools" not in started[1]  # it knows them
    assert here.server.violations == ()


async def test_a_function_that_nobody_gave(world: Worlds) -> None:
    here = await world([CallTool("add", "{}")])
    made = await here.assistants.create(tools=[add])
    thread = await here.assistants.thread(["Two and two?"])
    with pytest.raises(RequestRejected, match="the assistant calls add: give its functions to the run in tools"):
        await here.assistants.run(thread.id, made.id, poll_s=0)
    assert here.statuses() == ["cancelled"]


async def test_too_many_rounds(world: Worlds) -> None:
    here = await world(lambda _: CallTool("add", '{"a": 1, "b": 1}'))
    with pytest.raises(AnswerUnusable, match="after 2 rounds the model still wants to call") as raised:
        await here.run(tools=[add], rounds=2)
    assert raised.value.code == "rounds"
    assert here.statuses() == ["cancelled"]
    assert len(here.here.spent) == 1  # what it used until then


async def test_a_function_that_breaks_ends_the_run(world: Worlds) -> None:
    def broken() -> str:
        """It breaks."""
        raise ZeroDivisionError("by zero")

    here = await world([CallTool("broken")])
    with pytest.raises(ZeroDivisionError):
        await here.run(tools=[broken])
    assert here.statuses() == ["cancelled"]


async def test_outputs_whose_answer_is_lost_are_told_once_and_functions_run_once(world: Worlds) -> None:
    ran: list[int] = []

    def count() -> int:
        """Count."""
        ran.append(1)
        return len(ran)

    for after in (None, 0):  # before the server read them, and after
        here = await world([CallTool("count"), "One."])
        here.server.kept(Threads).polls = 0
        here.server.add_fault(Fault(Drop(after=after), "threads", 4))  # thread, run, look, outputs
        run = await here.run(tools=[count])
        assert run.text == "One."
    assert ran == [1, 1]


# How a run ends.


@pytest.mark.parametrize(
    ("end", "kind", "code", "says"),
    [
        ("failed", ApiBusy, "rate_limit_exceeded", "the run failed: You exceeded your current quota"),
        ("expired", AnswerUnusable, "run_expired", "the run expired before it was ready"),
        ("cancelled", AnswerUnusable, "run_cancelled", "somebody cancelled the run"),
        ("incomplete", AnswerUnusable, "run_incomplete", "the run stopped at max_completion_tokens: allow more"),
    ],
)
async def test_a_run_that_ends_badly(world: Worlds, end: str, kind: type[ApiError], code: str, says: str) -> None:
    here = await world([[Say("Well"), Finish()]])
    if end != "incomplete":
        here.server.kept(Threads).ends.append(end)
    with pytest.raises(kind, match=says) as raised:
        await here.run()
    assert raised.value.code == code
    assert len(here.here.spent) == 1
    assert here.statuses() == [end]


async def test_a_server_that_counts_nothing_is_estimated_rather_too_much(world: Worlds) -> None:
    here = await world(["Hello."])
    made = await here.assistants.create(model="gpt-4.1")
    thread = await here.assistants.thread(["Hi, I am Ada."])
    run = {
        "id": "run_1", "thread_id": thread.id, "assistant_id": made.id, "status": "completed", "model": "gpt-4.1",
        "usage": None,
    }  # fmt: skip
    here.server.add_fault(Fault(Answer(200, run), "threads"))
    ended = await here.assistants.run(thread.id, made.id, poll_s=0)
    assert ended.usage is not None
    assert ended.usage.estimated
    assert ended.usage.prompt >= len("Hi, I am Ada.")
    assert here.here.spent == [Usage("gpt-4.1", text_in=ended.usage.prompt)]


async def test_a_run_that_takes_too_long_is_cancelled(world: Worlds) -> None:
    here = await world(["Hello."])
    here.server.kept(Threads).polls = 100_000
    with pytest.raises(ApiUnreachable, match=r"was not ready after 0\.05 s and was cancelled"):
        await here.run(within_s=0.05)
    assert here.statuses() == ["cancelled"]
    assert len(here.here.spent) == 1


async def test_cancelled_while_it_waits_the_run_is_cancelled_at_the_server(world: Worlds) -> None:
    here = await world(["Hello."])
    here.server.add_fault(Fault(Stall(), "threads", 3))
    going = asyncio.create_task(here.run())
    await here.server.wait_for("threads", count=3, outcome="faulted")
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert here.statuses() == ["cancelled"]
    await here.server.wait_for("threads", count=3, ended=True)


async def test_cancelled_by_another_the_run_says_so(world: Worlds) -> None:
    here = await world(["Hello."])
    here.server.kept(Threads).polls = 5
    made = await here.assistants.create()
    thread = await here.assistants.thread(["Hi."])

    def cancel(run: Run) -> None:
        if run.status == "in_progress":
            here.server.kept(Threads).cancel(thread.id, run.id)

    with pytest.raises(AnswerUnusable, match="somebody cancelled the run"):
        await here.assistants.run(thread.id, made.id, progress=cancel, poll_s=0)


async def test_cancel_run(world: Worlds) -> None:
    here = await world(["Hello."])
    made = await here.assistants.create()
    thread = await here.assistants.thread(["Hi."])
    threads = here.server.kept(Threads)
    started = threads.start(thread.id, here.server.kept(Assistants).get(made.id), {})
    assert (await here.assistants.cancel_run(thread.id, started["id"])).status == "cancelling"
    assert (await here.assistants.get_run(thread.id, started["id"])).status == "cancelled"
    with pytest.raises(RequestRejected, match="Cannot cancel run with status 'cancelled'"):
        await here.assistants.cancel_run(thread.id, started["id"])


async def test_a_server_in_trouble_while_a_run_is_waited_for(world: Worlds) -> None:
    here = await world(["Hello."], retries=1)
    here.server.add_fault(Fault(rate_limited(0), "threads", 3))
    assert (await here.run()).text == "Hello."
    here = await world(["Hello."], retries=0)
    here.server.add_fault(Fault(server_error(), "threads", 3))
    with pytest.raises(ApiUnreachable):
        await here.run()
    assert here.statuses() == ["cancelled"]


# Where there are none.


def calls(here: Desk) -> Sequence[Any]:
    assistants = here.ai.assistants
    return (
        assistants.create(name="Ada"),
        assistants.list(),
        assistants.get("asst_1"),
        assistants.update("asst_1", name="Ada"),
        assistants.delete("asst_1"),
        assistants.thread(["Hi."]),
        assistants.get_thread("thread_1"),
        assistants.delete_thread("thread_1"),
        assistants.add_message("thread_1", "Hi."),
        assistants.messages("thread_1"),
        assistants.run("thread_1", "asst_1"),
        assistants.run("thread_1", "asst_1", tools=[add]),
        assistants.runs("thread_1"),
        assistants.get_run("thread_1", "run_1"),
        assistants.cancel_run("thread_1", "run_1"),
        assistants.ask("asst_1", "Hi."),
    )


@pytest.mark.parametrize("how", [None, Answer(404, {"detail": "Not Found"}), Answer(410), Answer(404, b"gone")])
async def test_where_the_endpoints_are_gone_their_replacement_is_named(how: Answer | None) -> None:
    async with HttpLoopback() as server, desk(server) as here:
        for stage in ("assistants", "threads") if how else ():
            server.add_fault(Fault(how, stage, every=True))  # type: ignore[arg-type]  # of the two
        for call in calls(here):
            with pytest.raises(RequestRejected, match=r"use ai\.responses with previous_response_id") as raised:
                await call
            assert raised.value.code == "endpoint_gone"
            assert raised.value.status in (404, 410)
        assert here.spent == []


async def test_a_model_that_is_not_there_is_not_the_endpoint(world: Worlds) -> None:
    here = await world()
    with pytest.raises(ModelUnknown, match="gpt-9"):
        await here.assistants.create(model="gpt-9")


async def test_a_wrong_id_is_not_the_endpoint(world: Worlds) -> None:
    here = await world()
    thread = await here.assistants.thread(["Hi."])
    for call in (
        here.assistants.get("asst_9"),
        here.assistants.run(thread.id, "asst_9"),
        here.assistants.add_message(thread.id, "See.", file_ids=["file-9"]),
        here.assistants.get_run(thread.id, "run_9"),
        here.assistants.messages("thread_9"),
    ):
        with pytest.raises(RequestRejected, match="none of this id"):
            await call


# What is wrong before it is sent.


async def test_what_can_be_no_request_is_not_sent(world: Worlds) -> None:
    here = await world()
    assistants = here.assistants
    for thread_id in ("", "..", "thread/1"):
        for call in (assistants.get_thread, assistants.delete_thread, assistants.messages, assistants.get):
            with pytest.raises(RequestRejected, match="that is no id"):
                await call(thread_id)
        with pytest.raises(RequestRejected, match="that is no id"):
            await assistants.add_message(thread_id, "Hi.", images=[PNG])
        with pytest.raises(RequestRejected, match="that is no id"):
            await assistants.run(thread_id, "asst_1")
    with pytest.raises(RequestRejected, match="a message is empty"):
        await assistants.add_message("thread_1", "")
    with pytest.raises(RequestRejected, match="a message is empty"):
        await assistants.thread([""])
    with pytest.raises(RequestRejected, match="did you mean temperature"):
        await assistants.create(temprature=1)  # type: ignore[call-arg]  # a typo
    with pytest.raises(RequestRejected, match="there is no option max_tokens"):
        await assistants.run("thread_1", "asst_1", max_tokens=1)  # type: ignore[call-arg]  # that of chat
    with pytest.raises(RequestRejected, match="rounds must be at least 1"):
        await assistants.run("thread_1", "asst_1", rounds=0)
    with pytest.raises(RequestRejected, match="a tool has no type"):
        await assistants.create(tools=[{"name": "search"}])
    with pytest.raises(RequestRejected, match="picture"):
        await assistants.add_message("thread_1", "See.", images=[b"BM" + bytes(30)])
    assert here.server.requests == ()


async def test_more_tools_than_a_run_takes(world: Worlds) -> None:
    def named(name: str) -> Any:
        def function() -> None:
            """Nothing."""

        function.__name__ = name
        return function

    here = await world()
    made = await here.assistants.create(tools=[named(f"f{number}") for number in range(20)])
    with pytest.raises(RequestRejected, match="21 tools are too many for one run"):
        await here.assistants.run("thread_1", made.id, tools=[add])


async def test_nothing_is_asked_where_the_budget_is_spent(world: Worlds) -> None:
    here = await world()
    here.here.refusal = "the budget of today is spent"
    for call in calls(here.here):
        with pytest.raises(ApiDenied, match="budget"):
            await call
    assert here.server.requests == ()


async def test_an_answer_of_another_form(world: Worlds) -> None:
    here = await world()
    here.server.add_fault(Fault(html_page(), "assistants"))
    bodies: list[Any] = [
        {}, b"[]", b"null", {"id": 5}, {"id": "asst_1", "model": "m", "tools": [{"type": "function"}]},
    ]  # fmt: skip
    for number, body in enumerate(bodies, 2):
        here.server.add_fault(Fault(Answer(200, body), "assistants", number))
    for _ in range(6):
        with pytest.raises(AnswerUnusable):
            await here.assistants.get("asst_1")
    listings: list[dict[str, Any]] = [{}, {"data": 5}, {"data": [{}]}]
    for listing in listings:
        here.server.add_fault(Fault(Answer(200, listing), "assistants"))
        with pytest.raises(AnswerUnusable):
            await here.assistants.list()
