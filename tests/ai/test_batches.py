"""Batches: calls into a file, the file into a batch, and what came of each call; or all of them at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.ai import batch_file
from voiced.ai.batch_answers import not_done, read_files, spent
from voiced.ai.batches import BatchAnswer, BatchCall
from voiced.ai.jsonl import Problem
from voiced.ai.settings import ProviderSettings
from voiced.errors import AnswerUnusable, ApiDenied, ApiUnreachable, RequestRejected
from voiced.testing.http import (
    Answer,
    Fault,
    HttpLoopback,
    Stall,
    no_credit,
    rate_limited,
    server_error,
    unavailable,
    wrong_key,
)
from voiced.testing.http.batches import Batches
from voiced.testing.http.files import Files
from voiced.usage import Usage

from .desk import Desk, desk

CHAT = "/v1/chat/completions"


def call(custom_id: str, said: str = "Hi", **body: Any) -> BatchCall:
    return BatchCall(custom_id, CHAT, {"messages": [{"role": "user", "content": said}], **body})


def busy() -> Answer:
    return Answer(429, {"error": {"message": "Later.", "type": "requests"}}, {"Retry-After": "0.02"})


def line(custom_id: str = "a", **changes: Any) -> dict[str, Any]:
    whole = {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": {"model": "gpt-4o", "messages": []}}
    return {name: value for name, value in (whole | changes).items() if value is not None}


def jsonl(*lines: Any) -> bytes:
    return b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in lines)


async def test_the_whole_way(server: HttpLoopback, here: Desk) -> None:
    calls = [await here.ai.batches.chat(f"q{number}", f"Question {number}") for number in range(3)]
    batch = await here.ai.batches.submit(calls, metadata={"night": "1"})
    assert (batch.status, batch.endpoint, batch.metadata, batch.ended) == ("validating", CHAT, {"night": "1"}, False)
    told: list[tuple[int, int]] = []
    batch = await here.ai.batches.wait(batch.id, progress=lambda *each: told.append(each), poll_s=0)
    assert (batch.status, batch.completed, batch.total, batch.ended) == ("completed", 3, 3, True)
    assert told == [(0, 3), (3, 3), (3, 3)]
    results = await here.ai.batches.results(batch.id)
    assert results.texts == {f"q{number}": f"You said: Question {number}" for number in range(3)}
    assert (results.failed, results.batch) == ({}, batch)
    assert [each.id for each in await here.ai.batches.list()] == [batch.id]
    assert server.violations == ()


async def test_a_batch_costs_half_and_is_counted_once(server: HttpLoopback, here: Desk) -> None:
    batch = await here.ai.batches.submit([call("a"), call("b")])
    await here.ai.batches.wait(batch.id, poll_s=0)
    for _ in range(2):
        await here.ai.batches.results(batch.id)
    assert [(each.model, each.text_in > 0, each.text_out > 0) for each in here.spent] == [
        ("gpt-5.4-mini:batch", True, True)
    ]
    assert here.names == {f"batch {batch.id}"}


async def test_nothing_is_counted_that_was_counted_before_a_restart(server: HttpLoopback, here: Desk) -> None:
    batch = await here.ai.batches.submit([call("a")])
    here.names.add(f"batch {batch.id}")
    await here.ai.batches.wait(batch.id, poll_s=0)
    assert here.spent == []


async def test_where_the_server_does_not_say_what_was_used_the_answers_do(server: HttpLoopback, here: Desk) -> None:
    server.kept(Batches).tells_usage = False
    batch = await here.ai.batches.submit([call("a"), call("b")])
    await here.ai.batches.wait(batch.id, poll_s=0)
    assert here.spent == []
    answers = (await here.ai.batches.results(batch.id)).answers
    (found,) = here.spent
    assert found.text_in == sum(answer.usage.prompt for answer in answers.values()) > 0


async def test_the_model_is_named_and_takes_its_own_options(server: HttpLoopback, here: Desk) -> None:
    batch = await here.ai.batches.submit([await here.ai.batches.chat("a", "Hi", max_tokens=9)])
    sent = json.loads(server.kept(Files).content(batch.input_file_id))
    assert sent["body"]["model"] == "gpt-5.4-mini"
    assert sent["body"]["max_completion_tokens"] == 9
    assert "max_tokens" not in sent["body"]
    older = await here.ai.batches.submit([await here.ai.batches.chat("a", "Hi", max_tokens=9, model="gpt-4o")])
    assert json.loads(server.kept(Files).content(older.input_file_id))["body"]["max_tokens"] == 9


async def test_an_answer_is_all_that_the_endpoint_gives(server: HttpLoopback, here: Desk) -> None:
    batch = await here.ai.batches.submit([await here.ai.batches.chat("a", "Hi")])
    await here.ai.batches.wait(batch.id, poll_s=0)
    answer = (await here.ai.batches.results(batch.id)).answers["a"]
    assert (answer.text, answer.model, answer.provider) == ("You said: Hi", "gpt-5.4-mini", "openai")
    assert (answer.chat.text, answer.chat.finish_reason) == ("You said: Hi", "stop")
    assert answer.chat.usage == answer.usage
    assert answer.raw.choices[0].message.content == "You said: Hi"
    assert answer.body["object"] == "chat.completion"


async def test_embeddings(server: HttpLoopback, here: Desk) -> None:
    texts = ["The key.", "The milk."]
    batch = await here.ai.batches.submit([here.ai.batches.embeddings("a", texts, dimensions=8)])
    await here.ai.batches.wait(batch.id, poll_s=0)
    answer = (await here.ai.batches.results(batch.id)).answers["a"]
    assert [len(vector) for vector in answer.vectors] == [8, 8]
    assert answer.text == ""
    with pytest.raises(AnswerUnusable, match="a is no answer of a chat"):
        _ = answer.chat
    assert [(each.model, each.text_out) for each in here.spent] == [("text-embedding-3-small:batch", 0)]


async def test_responses_and_their_tools(here: Desk) -> None:
    asked = await here.ai.batches.responses("a", "Hi", instructions="Be short.")
    batch = await here.ai.batches.submit([asked])
    await here.ai.batches.wait(batch.id, poll_s=0)
    answer = (await here.ai.batches.results(batch.id)).answers["a"]
    assert (answer.text, answer.raw.status) == ("You said: Hi", "completed")
    assert [each.model for each in here.spent] == ["gpt-5.4-mini:batch"]
    searched = {
        **answer.body,
        "output": [{"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}}],
    }
    used = spent([BatchAnswer("a", answer.url, searched)], 0, lambda model: f"{model}:batch")
    assert [(each.model, each.calls) for each in used] == [("gpt-5.4-mini:batch", 0), ("web_search", 1)]


async def test_completions_and_moderations(here: Desk) -> None:
    for asked in (here.ai.batches.completions("a", "Once"), here.ai.batches.moderations("a", "Hi")):
        batch = await here.ai.batches.submit([asked])
        await here.ai.batches.wait(batch.id, poll_s=0)
        results = await here.ai.batches.results(batch.id)
        assert list(results.answers) == ["a"], results.failed
    assert [each.model for each in here.spent] == ["gpt-3.5-turbo-instruct:batch"]


async def test_the_bodies_of_the_other_endpoints(here: Desk) -> None:
    batches = here.ai.batches
    completion = batches.completions("a", "Once", max_tokens=5, model="m")
    assert (completion.url, dict(completion.body)) == (
        "/v1/completions",
        {"model": "m", "prompt": "Once", "max_tokens": 5},
    )
    moderation = batches.moderations("a", "Hi")
    assert (moderation.url, dict(moderation.body)) == ("/v1/moderations", {"input": "Hi"})
    response = await batches.responses("a", "Hi", instructions="Be short.", model="m")
    assert (response.url, response.body["instructions"]) == ("/v1/responses", "Be short.")
    for wrong in ([], "", ["a", ""]):
        with pytest.raises(RequestRejected, match="only texts that are not empty"):
            batches.embeddings("a", wrong)
        with pytest.raises(RequestRejected, match="only texts that are not empty"):
            batches.moderations("a", wrong)


# Files.


@pytest.mark.parametrize(
    ("second", "what"),
    [
        (b"{", "it is no JSON (from its character 2 on)"),
        (b"", "it is empty: take it out"),
        (b"\xff", "it is no UTF-8 text"),
        (b'{"a": NaN}', "it is no JSON that a server reads"),
        (b"[1]", "it is no JSON object: write {...}"),
        (b"[" * 100_000, "it is no JSON that a server reads"),
        (line(custom_id=None), "custom_id is missing"),  # type: ignore[arg-type]
        (line(""), "custom_id must be a text that is not empty"),
        (line("first"), "custom_id is that of line 1 too"),
        (line(method=None), "method is missing"),
        (line(method="GET"), 'method must be "POST"'),
        (line(url=None), "url is missing"),
        (line(url="/v1/audio/speech"), "url is none that takes batches"),
        (line(url="/v1/responses"), f"url is not {CHAT}, as it is in the lines before"),
        (line(body=None), "body must be the JSON object"),
        (line(body="Hi"), "body must be the JSON object"),
        (line(body={}), "body.model is missing"),
        (line(body={"model": "gpt-5"}), "body.model is not gpt-4o, as it is in the lines before"),
        (line(body={"model": "gpt-4o", "stream": True}), "body.stream must be left out"),
    ],
)
async def test_a_bad_line_is_told_with_its_number_and_nothing_is_sent(
    server: HttpLoopback, here: Desk, tmp_path: Path, second: Any, what: str
) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(jsonl(line("first"), second, line("last")))
    found = await here.ai.batches.check(path)
    assert (found.calls, found.endpoint, found.model) == (3, CHAT, "gpt-4o")
    (problem,) = found.problems
    assert problem.line == 2
    assert problem.what.startswith(what)
    with pytest.raises(RequestRejected, match=r"calls\.jsonl: line 2: ") as raised:
        await here.ai.batches.submit(path)
    assert what in str(raised.value)
    assert server.requests == ()


async def test_many_bad_lines_are_counted(here: Desk) -> None:
    data = jsonl(*[b"{"] * 2000)
    found = await here.ai.batches.check(("calls.jsonl", data))
    assert len(found.problems) == batch_file.MOST_PROBLEMS + 1
    with pytest.raises(RequestRejected, match=r"line 5: it is no JSON .*; and 996 more"):
        await here.ai.batches.submit(("calls.jsonl", data))


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("missing.jsonl", None, "there is no such file"),
        ("empty.jsonl", b"", "is empty"),
        ("calls.csv", b"a,b\n", "is of another kind than is taken: jsonl"),
    ],
)
async def test_a_file_that_is_none(
    server: HttpLoopback, here: Desk, tmp_path: Path, name: str, data: bytes | None, what: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(RequestRejected, match=what):
        await here.ai.batches.submit(tmp_path / name)
    assert server.requests == ()


async def test_a_file_that_is_too_large(here: Desk, tmp_path: Path) -> None:
    with (tmp_path / "large.jsonl").open("wb") as file:
        file.truncate(batch_file.MOST_BYTES + 1)
    with pytest.raises(RequestRejected, match=r"has 200\.0 MiB; at most 200 MiB"):
        await here.ai.batches.check(tmp_path / "large.jsonl")


NAMES = st.sampled_from(["custom_id", "method", "url", "body", "model", "input", "stream", "response", "error"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", "POST", CHAT, "/v1/embeddings"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=15,
)


@given(st.lists(st.dictionaries(NAMES, ANYTHING, max_size=5) | ANYTHING | st.binary(), max_size=4))
def test_whatever_is_in_a_file_is_right_or_wrong(lines: list[Any]) -> None:
    texts = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines]
    found = batch_file.check(texts)
    assert found.calls == len(lines)
    assert found.problems or batch_file.ids_in(texts)
    answers, failed = read_files(texts, CHAT, "openai")
    assert not answers.keys() & failed.keys()


FIELDS = [
    "model", "choices", "message", "content", "text", "output", "type", "data", "embedding", "index", "usage",
    "input_tokens", "prompt_tokens",
]  # fmt: skip
BODIES = st.recursive(
    st.none() | st.integers(-1, 9) | st.sampled_from(["", "a", "output_text", "web_search_call"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from(FIELDS), BODIES, max_size=6), st.sampled_from(batch_file.ENDPOINTS))
def test_whatever_a_server_answers_has_a_text_and_a_price(body: dict[str, Any], url: str) -> None:
    answer = BatchAnswer("a", url, body, "mine")
    assert isinstance(answer.text, str)
    assert isinstance(answer.vectors, list)
    assert answer.usage.total >= 0
    assert all(each.text_in >= 0 and each.text_out >= 0 for each in spent([answer], 10))


def test_too_many_calls_and_texts() -> None:
    short = b'{"custom_id":"%d","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":["a","b"]}}\n'
    found = batch_file.check(short % number for number in range(50_001))
    assert [problem.what.split(":")[0] for problem in found.problems] == [
        "50001 calls are too many, 50000 are taken",
        "100002 texts are too many to be embedded, 50000 are",
    ]
    tokens = jsonl({**line(url="/v1/embeddings"), "body": {"model": "m", "input": [1] * 60_000}})
    assert batch_file.check([tokens]).problems == []


async def test_a_file_is_written_whole_and_can_be_submitted_later(here: Desk, tmp_path: Path) -> None:
    path = await here.ai.batches.write([call("a"), call("b")], tmp_path / "calls.jsonl", model="gpt-4o")
    found = await here.ai.batches.check(path)
    assert (found.calls, found.model, found.problems) == (2, "gpt-4o", [])
    batch = await here.ai.batches.submit(path, endpoint=CHAT)
    assert (await here.ai.batches.wait(batch.id, poll_s=0)).completed == 2
    assert [each.name for each in tmp_path.iterdir()] == ["calls.jsonl"]


async def test_calls_that_make_no_batch(server: HttpLoopback, here: Desk, tmp_path: Path) -> None:
    submit = here.ai.batches.submit
    with pytest.raises(RequestRejected, match="there are no calls"):
        await submit([])
    with pytest.raises(RequestRejected, match="line 2: custom_id is that of line 1 too"):
        await submit([call("a"), call("a")])
    with pytest.raises(RequestRejected, match="make one batch for each endpoint"):
        await submit([call("a", model="m"), here.ai.batches.embeddings("b", "Hi", model="m")])
    with pytest.raises(RequestRejected, match="call 1 is no BatchCall"):
        await submit([{"custom_id": "a"}])  # type: ignore[list-item]
    with pytest.raises(RequestRejected, match="something in it that is no JSON"):
        await submit([call("a", seed=object())])
    with pytest.raises(RequestRejected, match="the calls are for /v1/chat/completions, not for /v1/responses"):
        await submit([call("a")], endpoint="/v1/responses")
    with pytest.raises(RequestRejected, match="metadata: give at most 16 texts"):
        await submit([call("a")], metadata={"a": "x" * 513})
    with pytest.raises(RequestRejected, match="custom_id is that of line 1"):
        await here.ai.batches.write([call("a"), call("a")], tmp_path / "calls.jsonl")
    assert list(tmp_path.iterdir()) == []
    assert server.requests == ()


# What comes of it.


async def test_half_of_it_failed(server: HttpLoopback, here: Desk) -> None:
    server.kept(Batches).breaking = {"c"}
    batch = await here.ai.batches.submit([call("a"), call("b", temperature=9), call("c")], model="gpt-4o")
    await here.ai.batches.wait(batch.id, poll_s=0)
    results = await here.ai.batches.results(batch.id)
    assert list(results.texts) == ["a"]
    assert {key: (each.status, each.code, each.param) for key, each in results.failed.items()} == {
        "b": (400, "decimal_above_max_value", "temperature"),
        "c": (500, "http_500", ""),
    }
    assert str(results.failed["c"]).startswith("c: The server had an error")


async def test_it_expired_and_what_was_done_is_there(server: HttpLoopback, here: Desk) -> None:
    server.kept(Batches).expires_after = 1
    batch = await here.ai.batches.submit([call("a"), call("b")])
    assert (await here.ai.batches.wait(batch.id, poll_s=0)).status == "expired"
    results = await here.ai.batches.results(batch.id)
    assert list(results.answers) == ["a"]
    assert {key: each.code for key, each in results.failed.items()} == {"b": "batch_expired"}
    assert len(here.spent) == 1


async def test_a_server_that_tells_nothing_of_what_was_not_done(server: HttpLoopback, here: Desk) -> None:
    server.kept(Batches).expires_after = 1
    batch = await here.ai.batches.submit([call("a"), call("b")])
    ended = await here.ai.batches.wait(batch.id, poll_s=0)
    answer = {name: value for name, value in server.kept(Batches).all[0].items() if name != "error_file_id"}
    server.add_fault(Fault(Answer(200, answer), "batches"))
    results = await here.ai.batches.results(ended.id)
    assert results.failed == {"b": not_done("b", "expired")}
    assert "ask it again" in results.failed["b"].message


async def test_it_was_cancelled(server: HttpLoopback, here: Desk) -> None:
    server.kept(Batches).at_once = 1
    batch = await here.ai.batches.submit([call("a"), call("b")])
    for _ in range(2):
        await here.ai.batches.get(batch.id)
    assert (await here.ai.batches.cancel(batch.id)).status == "cancelling"
    assert (await here.ai.batches.wait(batch.id, poll_s=0)).status == "cancelled"
    results = await here.ai.batches.results(batch.id)
    assert (list(results.answers), list(results.failed)) == (["a"], ["b"])
    with pytest.raises(RequestRejected, match="Cannot cancel a batch with status"):
        await here.ai.batches.cancel(batch.id)


async def test_at_the_cap_it_can_be_stopped_and_not_begun(here: Desk) -> None:
    batch = await here.ai.batches.submit([call("a"), call("b")])
    here.overspent = "the budget is spent"
    assert [each.id for each in await here.ai.batches.list()] == [batch.id]
    assert (await here.ai.batches.cancel(batch.id)).status == "cancelling"
    with pytest.raises(ApiDenied, match=r"^batches: the budget is spent$"):
        await here.ai.batches.submit([call("c")])


async def test_the_server_refuses_the_file(server: HttpLoopback, here: Desk) -> None:
    batch = await here.ai.batches.submit([call("a", model="gpt-9"), call("b", model="gpt-9")])
    with pytest.raises(
        RequestRejected, match=r"was refused: line 1: .*gpt-9.* \(model_not_found\); line 2: "
    ) as raised:
        await here.ai.batches.wait(batch.id, poll_s=0)
    assert raised.value.code == "batch_failed"
    with pytest.raises(RequestRejected, match="was refused: line 1"):
        await here.ai.batches.results(batch.id)
    found = await here.ai.batches.get(batch.id)
    assert [each.line for each in found.problems] == [1, 2]
    assert isinstance(found.problems[0], Problem)


async def test_results_of_what_has_not_ended(here: Desk) -> None:
    batch = await here.ai.batches.submit([call("a"), call("b")])
    with pytest.raises(RequestRejected, match=r"is in_progress \(0 of 2 calls\): wait until it ended"):
        await here.ai.batches.results(batch.id)


async def test_what_there_is_not(server: HttpLoopback, here: Desk) -> None:
    for ask in (here.ai.batches.get, here.ai.batches.cancel, here.ai.batches.results):
        with pytest.raises(RequestRejected, match="the server has none of this id"):
            await ask("batch_9")
        with pytest.raises(RequestRejected, match="that is no id"):
            await ask("../files")
    assert len(server.requests) == 3


# Waiting.


async def test_waiting_has_an_end_and_the_batch_goes_on(server: HttpLoopback, here: Desk) -> None:
    server.kept(Batches).at_once = 0
    batch = await here.ai.batches.submit([call("a")])
    with pytest.raises(ApiUnreachable, match=r"is not ready after 0\.05 s"):
        await here.ai.batches.wait(batch.id, within_s=0.05, poll_s=0.01)
    server.kept(Batches).at_once = None
    assert (await here.ai.batches.wait(batch.id, poll_s=0)).status == "completed"


async def test_who_stops_to_wait_does_not_stop_the_batch(server: HttpLoopback, here: Desk) -> None:
    batch = await here.ai.batches.submit([call("a")])
    server.add_fault(Fault(Stall(), "batches", nth=2))
    waiting = asyncio.create_task(here.ai.batches.wait(batch.id, poll_s=0))
    await server.wait_for("batches", count=3, outcome="faulted")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await server.wait_for("batches", count=3, ended=True)
    assert (await here.ai.batches.wait(batch.id, poll_s=0)).status == "completed"
    assert [entry.line for entry in server.of("batches") if "cancel" in entry.line] == []


async def test_a_look_that_fails_ends_no_waiting(server: HttpLoopback) -> None:
    async with desk(server, retries=0) as here:
        batch = await here.ai.batches.submit([call("a")])
        for number, answer in enumerate((unavailable(), server_error(), busy()), 1):
            server.add_fault(Fault(answer, "batches", nth=number))
        assert (await here.ai.batches.wait(batch.id, poll_s=0)).status == "completed"


async def test_a_server_that_is_gone_for_good_ends_the_waiting(server: HttpLoopback) -> None:
    async with desk(server, retries=0) as here:
        batch = await here.ai.batches.submit([call("a")])
        server.add_fault(Fault(server_error(), "batches", every=True))
        with pytest.raises(ApiUnreachable, match="in trouble"):
            await here.ai.batches.wait(batch.id, poll_s=0)
        server.clear_faults()
        server.add_fault(Fault(wrong_key(), "batches"))
        with pytest.raises(ApiDenied):
            await here.ai.batches.wait(batch.id, poll_s=0)


async def test_a_batch_is_made_once_where_the_answer_got_lost(server: HttpLoopback, here: Desk) -> None:
    server.add_fault(Fault(server_error(), "batches"))
    with pytest.raises(ApiUnreachable):
        await here.ai.batches.submit([call("a")])
    assert len(server.of("batches")) == 1


async def test_the_file_goes_where_the_batch_is(server: HttpLoopback) -> None:
    async with HttpLoopback() as other:
        providers = {
            "openai": ProviderSettings(base_url=other.base_url),
            "mine": ProviderSettings(base_url=server.base_url, models={"chat": "gpt-4o"}),
        }
        async with desk(server, providers=providers, orders={"batches": ("mine",)}) as here:
            batch = await here.ai.batches.submit([call("a")])
            await here.ai.batches.wait(batch.id, poll_s=0)
            assert (await here.ai.batches.results(batch.id)).answers["a"].provider == "mine"
        assert other.requests == ()
        assert server.violations == ()


# At once.


def said(count: int) -> list[BatchCall]:
    return [call(f"q{number}", f"Question {number}", model="gpt-4o") for number in range(count)]


async def test_calls_are_made_a_few_at_a_time(server: HttpLoopback, here: Desk) -> None:
    told: list[tuple[int, int]] = []
    mixed: Sequence[BatchCall] = [*said(5), here.ai.batches.embeddings("e", "Hi")]
    results = await here.ai.batches.at_once(mixed, most=2, progress=lambda *each: told.append(each))
    assert results.texts == {f"q{number}": f"You said: Question {number}" for number in range(5)} | {"e": ""}
    assert (results.failed, results.batch, told[-1]) == ({}, None, (6, 6))
    assert [len(each.vectors) for each in results.answers.values()] == [0] * 5 + [1]
    assert {each.model for each in here.spent} == {"gpt-4o", "text-embedding-3-small"}
    assert len({entry.connection for entry in server.requests}) == 2


async def test_a_busy_server_sets_the_pace(server: HttpLoopback) -> None:
    async with desk(server, retries=0, longest_wait_s=0.0) as here:
        for number in (1, 3, 4):
            server.add_fault(Fault(busy(), "chat", nth=number))
        results = await here.ai.batches.at_once(said(4), most=1)
        assert (len(results.answers), results.failed) == (4, {})
        assert len(server.of("chat")) == 7


async def test_a_server_that_stays_busy_is_told_by_custom_id(server: HttpLoopback) -> None:
    async with desk(server, retries=0) as here:
        server.add_fault(Fault(rate_limited(3600), "chat", every=True))
        results = await here.ai.batches.at_once(said(2), patience_s=1.0)
        assert {key: each.status for key, each in results.failed.items()} == {"q0": 429, "q1": 429}


async def test_one_that_fails_spoils_no_other(server: HttpLoopback, here: Desk) -> None:
    bad = call("bad", model="gpt-4o", temperature=9)
    results = await here.ai.batches.at_once([bad, *said(2)], most=1)
    assert list(results.answers) == ["q0", "q1"]
    assert (results.failed["bad"].status, results.failed["bad"].param) == (400, "temperature")


async def test_without_credit_no_more_is_asked(server: HttpLoopback, here: Desk) -> None:
    server.add_fault(Fault(no_credit(), "chat", nth=2, every=True))
    results = await here.ai.batches.at_once(said(50), most=1)
    assert (list(results.answers), len(results.failed)) == (["q0"], 49)
    assert len(server.of("chat")) == 2


async def test_calls_that_can_t_be_made(server: HttpLoopback, here: Desk) -> None:
    for calls, what in (
        ([call("a"), call("a")], "call 2 has the custom_id of another"),
        ([BatchCall("a", "/v1/videos", {})], "url is none of"),
        ([call("a", stream=True)], "stream must be left out"),
        (["Hi"], "is no BatchCall"),
    ):
        with pytest.raises(RequestRejected, match=what):
            await here.ai.batches.at_once(calls)  # type: ignore[arg-type]
    with pytest.raises(RequestRejected, match="most is 0: give 1 to 8"):
        await here.ai.batches.at_once([call("a")], most=0)
    assert server.requests == ()
    assert (await here.ai.batches.at_once([])).answers == {}


async def test_cancelled_in_the_middle_nothing_goes_on(server: HttpLoopback, here: Desk) -> None:
    server.add_fault(Fault(Stall(), "chat", every=True))
    running = asyncio.create_task(here.ai.batches.at_once(said(9), most=2))
    await server.wait_for("chat", count=2, outcome="faulted")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await server.wait_for("chat", count=2, ended=True)
    assert len(server.of("chat")) == 2


async def test_whoever_is_told_of_the_progress_may_stop_it(server: HttpLoopback, here: Desk) -> None:
    def enough(done: int, _: int) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        await here.ai.batches.at_once(said(9), most=1, progress=enough)
    assert len(server.of("chat")) == 1


# What other servers write into their files.


def test_lines_that_make_no_sense_cost_no_others() -> None:
    good = {"custom_id": "a", "response": {"status_code": 200, "body": {"choices": []}}, "error": None}
    lines = [
        b"{",
        jsonl({"response": {}}),
        jsonl(good),
        jsonl({"custom_id": "b", "response": None, "error": "broken"}),
        jsonl({"custom_id": "c", "response": {"body": {"choices": []}}}),
        jsonl({"custom_id": "d", "response": {"status_code": 429, "body": {"error": {"message": "Later\n!"}}}}),
        jsonl({"custom_id": "e", "error": {"code": "c", "message": "m", "param": "p"}}),
    ]
    answers, failed = read_files(lines, CHAT, "openai")
    assert list(answers) == ["a", "c"]
    assert {key: (each.code, each.message) for key, each in failed.items()} == {
        "b": ("no_answer", "the server has no answer (HTTP 0)"),
        "d": ("http_429", "Later !"),
        "e": ("c", "m"),
    }


def test_what_is_spent_where_nothing_is_told() -> None:
    bodies: list[tuple[str, dict[str, Any]]] = [
        (CHAT, {"model": "m", "choices": [{"message": {"content": "Hello."}}]}),
        ("/v1/images/generations", {"model": "i", "data": [{}, {}]}),
        ("/v1/images/generations", {"model": "i", "usage": {"input_tokens": 9, "output_tokens": 20}}),
        ("/v1/moderations", {"model": "o", "results": []}),
        ("/v1/responses", {"model": "r", "output": "nothing", "usage": {"input_tokens": 1, "output_tokens": 2}}),
    ]
    lines = [
        jsonl({"custom_id": str(number), "response": {"status_code": 200, "body": body}})
        for number, (_, body) in enumerate(bodies)
    ]
    answers = [
        read_files([text], url, "openai")[0][str(number)]
        for number, (text, (url, _)) in enumerate(zip(lines, bodies, strict=True))
    ]
    chat, response, *pictures = spent(answers, 1000, lambda model: f"{model}:batch")
    assert (chat.model, chat.text_in) == ("m:batch", 1000)
    assert chat.text_out >= len("Hello.")
    assert response == Usage("r:batch", text_in=1, text_out=2)
    assert pictures == [Usage("i:batch", calls=2), Usage("i:batch", text_in=9, image_out=20)]
