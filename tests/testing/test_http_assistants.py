"""Assistants and threads on loopback: gone by default, and as strict as the real ones where a test wants them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from voiced.testing.http import CallTool, Finish, HttpLoopback, Say, assistant_shapes
from voiced.testing.http.files import Files
from voiced.testing.http.thread_runs import Threads

from .http_client import LAMP, Raw, raw_of
from .shared_data import described_schemas, needs_description
from .test_http_schema import complaints

BETA = {"OpenAI-Beta": "assistants=v2"}
HELLO = {"role": "user", "content": "Hi."}
RIGHT = {"assistants": {"model": "gpt-4o"}, "threads/{thread}/messages": HELLO}
NO_PICTURE = {"type": "image_file", "image_file": {"file_id": "file-9"}}
TWO_STORES = {"file_search": {"vector_store_ids": ["vs_1", "vs_2"]}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a"}}


@pytest.fixture
async def server() -> AsyncIterator[HttpLoopback]:
    async with HttpLoopback(assistants=True) as server:
        yield server


@pytest.fixture
async def raw(server: HttpLoopback) -> AsyncIterator[Raw]:
    async with raw_of(server, headers=BETA) as raw:
        yield raw


async def made(raw: Raw, *, run: bool = False, **assistant: Any) -> dict[str, str]:
    """The paths of an assistant, a thread and perhaps a run."""
    assistant_id = (await raw.ask("assistants", json={"model": "gpt-4o"} | assistant)).json["id"]
    thread_id = (await raw.ask("threads", json={"messages": [HELLO]})).json["id"]
    found = {"assistant": assistant_id, "thread": thread_id}
    if run:
        path = f"threads/{thread_id}/runs"
        found["run"] = (await raw.ask(path, json={"assistant_id": assistant_id})).json["id"]
    return found


async def look(raw: Raw, ids: dict[str, str]) -> Any:
    return (await raw.ask(f"threads/{ids['thread']}/runs/{ids['run']}", method="GET")).json


async def test_they_are_gone_unless_a_test_wants_them() -> None:
    async with HttpLoopback() as server, raw_of(server, headers=BETA) as raw:
        for method, path in (
            ("GET", "assistants"), ("POST", "assistants"), ("GET", "assistants/asst_1"), ("POST", "threads"),
            ("POST", "threads/runs"), ("GET", "threads/thread_1/runs/run_1/steps"),
        ):  # fmt: skip
            answer = await raw.ask(path, method=method, **({"json": {}} if method == "POST" else {}))
            assert answer.status == 404
            assert answer.error["message"] == f"Invalid URL ({method} /v1/{path})"


async def test_the_header_that_says_which_ones(server: HttpLoopback) -> None:
    for header in ({}, {"OpenAI-Beta": "assistants=v1"}):
        async with raw_of(server, headers=header) as raw:
            answer = await raw.ask("assistants", method="GET")
            assert (answer.status, answer.error["code"]) == (400, "invalid_beta")


@pytest.mark.parametrize(
    ("path", "change", "status", "code"),
    [
        ("assistants", {"model": None}, 400, "missing_required_parameter"),
        ("assistants", {"model": "gpt-9"}, 404, "model_not_found"),
        ("assistants", {"model": "tts-1"}, 404, None),
        ("assistants", {"name": "x" * 257}, 400, "string_above_max_length"),
        ("assistants", {"instructions": "x" * 256_001}, 400, "string_above_max_length"),
        ("assistants", {"temperature": 3}, 400, "decimal_above_max_value"),
        ("assistants", {"tools": [LAMP] * 129}, 400, "array_above_max_length"),
        ("assistants", {"tools": [{"type": "web_search"}]}, 400, "invalid_value"),
        ("assistants", {"tools": [{"type": "function"}]}, 400, "missing_required_parameter"),
        ("assistants", {"tools": [LAMP | {"function": {"name": "a b"}}]}, 400, "invalid_value"),
        ("assistants", {"response_format": "json"}, 400, "invalid_value"),
        ("assistants", {"response_format": SCHEMA | {"schema": {}}}, 400, "unknown_parameter"),
        ("assistants", {"tool_resources": TWO_STORES}, 400, "array_above_max_length"),
        ("assistants", {"file_ids": []}, 400, "unknown_parameter"),
        ("assistants/{assistant}", {"reasoning_effort": "hard"}, 400, "invalid_value"),
        ("assistants/{assistant}", {"model": "gpt-9"}, 404, "model_not_found"),
        ("threads", {"messages": [{"role": "system", "content": "Hi."}]}, 400, "invalid_value"),
        ("threads", {"messages": [{"role": "user"}]}, 400, "missing_required_parameter"),
        ("threads", {"messages": [{"role": "user", "content": ""}]}, 400, "invalid_value"),
        ("threads", {"messages": [{"role": "user", "content": []}]}, 400, "empty_array"),
        ("threads", {"messages": [{"role": "user", "content": 5}]}, 400, "invalid_type"),
        ("threads", {"messages": [{"role": "user", "content": [{"type": "input_text"}]}]}, 400, "invalid_value"),
        ("threads", {"messages": [HELLO | {"attachments": [{"file_id": "file-9"}]}]}, 404, None),
        ("threads/{thread}", {"messages": []}, 400, "unknown_parameter"),
        ("threads/{thread}/messages", {"content": None}, 400, "missing_required_parameter"),
        ("threads/{thread}/messages", {"content": [NO_PICTURE]}, 404, None),
        ("threads/{thread}/runs", {"assistant_id": None}, 400, "missing_required_parameter"),
        ("threads/{thread}/runs", {"assistant_id": "asst_9"}, 404, None),
        ("threads/{thread}/runs", {"model": "gpt-9"}, 404, "model_not_found"),
        ("threads/{thread}/runs", {"max_prompt_tokens": 255}, 400, "integer_below_min_value"),
        ("threads/{thread}/runs", {"tools": [LAMP] * 21}, 400, "array_above_max_length"),
        ("threads/{thread}/runs", {"tool_choice": "any"}, 400, "invalid_value"),
        ("threads/{thread}/runs", {"truncation_strategy": {}}, 400, "missing_required_parameter"),
        ("threads/{thread}/runs", {"stream": True}, 501, "not_on_loopback"),
        ("threads/runs", {"messages": []}, 400, "unknown_parameter"),
        ("threads/runs", {"assistant_id": "asst_9"}, 404, None),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_for(
    server: HttpLoopback, raw: Raw, path: str, change: dict[str, Any], status: int, code: str | None
) -> None:
    ids = await made(raw)
    right = RIGHT.get(path, {}) | ({"assistant_id": ids["assistant"]} if path.endswith("runs") else {})
    body = {name: value for name, value in (right | change).items() if value is not None}
    answer = await raw.ask(path.format_map(ids), json=body)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert len(server.violations) == 1
    assert server.kept(Threads).runs(ids["thread"]) == []


async def test_what_is_not_there(raw: Raw) -> None:
    ids = await made(raw)
    for method, path in (
        ("GET", "assistants/asst_9"), ("DELETE", "assistants/asst_9"), ("GET", "threads/thread_9"),
        ("DELETE", "threads/thread_9"), ("GET", "threads/thread_9/messages"), ("GET", "threads/thread_9/runs"),
        ("GET", f"threads/{ids['thread']}/messages/msg_9"), ("DELETE", f"threads/{ids['thread']}/messages/msg_9"),
        ("GET", f"threads/{ids['thread']}/runs/run_9"), ("POST", f"threads/{ids['thread']}/runs/run_9/cancel"),
        ("GET", f"threads/{ids['thread']}/runs/run_9/steps"),
    ):  # fmt: skip
        answer = await raw.ask(path, method=method)
        assert answer.status == 404, path
        assert "found with id '" in answer.error["message"]


async def test_a_run_goes_on_while_somebody_looks() -> None:
    async with HttpLoopback(["Hello."], assistants=True) as server, raw_of(server, headers=BETA) as raw:
        server.kept(Threads).polls = 2
        ids = await made(raw, run=True)
        assert [(await look(raw, ids))["status"] for _ in range(4)] == ["in_progress"] * 2 + ["completed"] * 2
        said = (await raw.ask(f"threads/{ids['thread']}/messages", method="GET", params={"run_id": ids["run"]})).json
        assert [each["content"][0]["text"]["value"] for each in said["data"]] == ["Hello."]


async def test_while_a_run_is_active_nothing_else_happens_in_its_thread(raw: Raw) -> None:
    ids = await made(raw, run=True)
    answer = await raw.ask(f"threads/{ids['thread']}/messages", json=HELLO)
    assert "while a run" in answer.error["message"]
    answer = await raw.ask(f"threads/{ids['thread']}/runs", json={"assistant_id": ids["assistant"]})
    assert "already has an active run" in answer.error["message"]
    while (await look(raw, ids))["status"] != "completed":
        pass
    assert (await raw.ask(f"threads/{ids['thread']}/messages", json=HELLO)).status == 200
    answer = await raw.ask(f"threads/{ids['thread']}/runs/{ids['run']}/cancel")
    assert answer.error["message"] == "Cannot cancel run with status 'completed'."


async def test_a_run_takes_the_outputs_that_it_waits_for_and_no_others() -> None:
    calls = [CallTool("lamp", '{"on": true}', "call_1"), CallTool("lamp", "{}", "call_2")]
    outputs = [{"tool_call_id": "call_1", "output": "on"}, {"tool_call_id": "call_2", "output": "off"}]
    async with HttpLoopback([calls, "Done."], assistants=True) as server, raw_of(server, headers=BETA) as raw:
        ids = await made(raw, run=True, tools=[LAMP])
        path = f"threads/{ids['thread']}/runs/{ids['run']}/submit_tool_outputs"
        early = await raw.ask(path, json={"tool_outputs": outputs})
        assert early.error["message"] == 'Runs in status "queued" do not accept tool outputs.'
        await look(raw, ids)
        waits = await look(raw, ids)
        asked = waits["required_action"]["submit_tool_outputs"]["tool_calls"]
        assert [(call["id"], call["function"]["arguments"]) for call in asked] == [
            ("call_1", '{"on": true}'), ("call_2", "{}"),
        ]  # fmt: skip
        for wrong in ([], outputs[:1], [*outputs, {"tool_call_id": "call_3", "output": ""}], [{"output": "on"}]):
            answer = await raw.ask(path, json={"tool_outputs": wrong})
            assert (answer.status, answer.error["param"]) == (400, "tool_outputs")
        assert (await raw.ask(path, json={"tool_outputs": [{"output": 5}]})).error["code"] == "invalid_type"
        assert (await raw.ask(path, json={"tool_outputs": outputs})).json["status"] == "queued"
        assert [(await look(raw, ids))["status"] for _ in range(2)] == ["in_progress", "completed"]


async def test_more_answers_than_the_script_has() -> None:
    async with HttpLoopback([], assistants=True) as server, raw_of(server, headers=BETA) as raw:
        ids = await made(raw)
        answer = await raw.ask(f"threads/{ids['thread']}/runs", json={"assistant_id": ids["assistant"]})
        assert (answer.status, answer.error["code"]) == (500, "script_exhausted")


async def test_messages_and_threads_are_changed_and_deleted(raw: Raw) -> None:
    ids = await made(raw)
    path = f"threads/{ids['thread']}"
    (message,) = (await raw.ask(f"{path}/messages", method="GET")).json["data"]
    changed = (await raw.ask(f"{path}/messages/{message['id']}", json={"metadata": {"a": "b"}})).json
    assert changed["metadata"] == {"a": "b"}
    assert (await raw.ask(path, json={"metadata": {"a": "b"}})).json["metadata"] == {"a": "b"}
    assert (await raw.ask(f"{path}/messages/{message['id']}", method="DELETE")).json["deleted"]
    assert (await raw.ask(f"{path}/messages", method="GET")).json["data"] == []


@pytest.mark.shared_data
@needs_description[1]
async def test_what_is_answered_is_described() -> None:
    script: list[Any] = [[CallTool("lamp")], "Done.", [Say("Well"), Finish()], "Hi.", "Hi."]
    async with HttpLoopback(script, assistants=True) as server, raw_of(server, headers=BETA) as raw:
        picture = server.kept(Files).add("cat.png", b"a", "vision")["id"]
        ids = await made(raw, name="Ada", tools=[LAMP, {"type": "file_search"}], metadata={"a": "b"})
        path = f"threads/{ids['thread']}"
        shown = [
            {"type": "text", "text": "See."},
            {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
            {"type": "image_file", "image_file": {"file_id": picture}},
        ]
        attached = [{"file_id": picture, "tools": [{"type": "file_search"}]}]
        messages = [(await raw.ask(f"{path}/messages", json=HELLO | {"content": shown, "attachments": attached})).json]
        runs = [(await raw.ask(f"{path}/runs", json={"assistant_id": ids["assistant"]})).json]
        ids["run"] = runs[0]["id"]
        runs += [await look(raw, ids), await look(raw, ids)]
        calls = runs[-1]["required_action"]["submit_tool_outputs"]["tool_calls"]
        outputs = [{"tool_call_id": call["id"], "output": "on"} for call in calls]
        steps = (await raw.ask(f"{path}/runs/{ids['run']}/steps", method="GET")).json["data"]
        runs += [(await raw.ask(f"{path}/runs/{ids['run']}/submit_tool_outputs", json={"tool_outputs": outputs})).json]
        runs += [await look(raw, ids), await look(raw, ids)]
        steps += (await raw.ask(f"{path}/runs/{ids['run']}/steps", method="GET")).json["data"]
        for end in ("", "failed", "expired"):
            server.kept(Threads).ends.extend([end] if end else [])
            run = (await raw.ask("threads/runs", json={"assistant_id": ids["assistant"]})).json
            there = {"thread": run["thread_id"], "run": run["id"]}
            runs += [run, await look(raw, there), await look(raw, there)]
        assert [run["status"] for run in runs if run["usage"]] == ["completed", "incomplete", "failed", "expired"]
        listed = {name: (await raw.ask(f"{path}/{name}", method="GET")).json for name in ("messages", "runs")}
        assistants = (await raw.ask("assistants", method="GET")).json
        thread = (await raw.ask(path, method="GET")).json
        assert complaints("AssistantObject", *assistants["data"]) == []
        assert complaints("ListAssistantsResponse", assistants) == []
        assert complaints("ThreadObject", thread) == []
        assert complaints("MessageObject", *messages, *listed["messages"]["data"]) == []
        assert complaints("ListMessagesResponse", listed["messages"]) == []
        assert complaints("RunObject", *runs, *listed["runs"]["data"]) == []
        assert complaints("ListRunsResponse", listed["runs"]) == []
        assert {step["type"] for step in steps} == {"tool_calls", "message_creation"}
        assert complaints("RunStepObject", *steps) == []
        for name, deleted in (
            ("DeleteAssistantResponse", f"assistants/{ids['assistant']}"),
            ("DeleteMessageResponse", f"{path}/messages/{messages[0]['id']}"),
            ("DeleteThreadResponse", path),
        ):
            assert complaints(name, (await raw.ask(deleted, method="DELETE")).json) == []


@pytest.mark.shared_data
@needs_description[1]
def test_the_requests_have_what_is_described_and_nothing_else() -> None:
    for name, known in assistant_shapes.PARAMETERS.items():
        assert set(described_schemas()[name]["properties"]) == known, name
