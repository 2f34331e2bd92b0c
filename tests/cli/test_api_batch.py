"""`voiced api batch`: from a file of calls to a line for each answer."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from tests.cli.api_bench import Bench, Terminal
from voiced.cli.api.batch import goes_on
from voiced.spending.file import SpendingFile
from voiced.testing.http import HttpLoopback
from voiced.testing.http.batches import Batches


def call(number: int, **body: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"Say {number}"}]
    whole = {"model": "gpt-4o", "messages": messages, **body}
    return {"custom_id": str(number), "method": "POST", "url": "/v1/chat/completions", "body": whole}


def lines(*calls: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in calls)


async def ended(bench: Bench, batch: str) -> str:
    """The server takes a step with each look."""
    for _ in range(10):
        status: str = (await bench.types("batch", "status", batch, "--json")).json["status"]
        if status in ("completed", "failed", "expired", "cancelled"):
            return status
    raise AssertionError("it does not end")


async def test_from_calls_to_answers(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("batch", "submit", stdin=lines(call(1), call(2)))
    assert (said.code, said.err) == (0, "")
    batch = said.out.strip()
    assert await ended(bench, batch) == "completed"
    said = await bench.types("batch", "wait", batch)
    assert (said.code, said.err) == (0, "")
    assert "status" in said.out
    said = await bench.types("batch", "results", batch)
    assert (said.code, said.err) == (0, "")
    assert {each["custom_id"]: each["text"] for each in said.jsons} == {
        "1": "You said: Say 1",
        "2": "You said: Say 2",
    }
    whole = (await bench.types("batch", "results", batch, "--json")).jsons
    assert whole[0]["body"]["object"] == "chat.completion"
    (listed,) = (await bench.types("batch", "list")).out.splitlines()
    assert listed.split()[:2] == [batch, "completed"]


async def test_it_costs_half_and_is_counted_once_however_often_one_looks(bench: Bench, server: HttpLoopback) -> None:
    batch = (await bench.types("batch", "submit", stdin=lines(call(1)))).out.strip()
    await ended(bench, batch)
    for _ in range(2):
        await bench.types("batch", "results", batch)
    ledger, _ = SpendingFile(bench.folder / ".local" / "state" / "voiced").read()
    ((entry,),) = [list(models.values()) for models in ledger.days.values()]
    assert entry.usage.model == "gpt-4o:batch"
    state = server.kept(Batches).all[0]["usage"]
    assert (entry.usage.text_in, entry.usage.text_out) == (state["input_tokens"], state["output_tokens"])


async def test_where_some_calls_fail_the_others_are_printed_and_the_exit_code_tells(
    bench: Bench, server: HttpLoopback
) -> None:
    server.kept(Batches).breaking.add("2")
    batch = (await bench.types("batch", "submit", stdin=lines(call(1), call(2)))).out.strip()
    await ended(bench, batch)
    for how in ([], ["--json"]):
        said = await bench.types("batch", "results", batch, *how)
        assert said.code == 1
        assert [(each["custom_id"], "error" in each) for each in said.jsons] == [("1", False), ("2", True)]
        assert said.err == "voiced: 1 of 2 calls failed: see `error` in their lines\n"
    assert set(said.jsons[1]["error"]) == {"code", "message", "status", "param"}


async def test_one_that_was_cancelled_is_no_success(bench: Bench, server: HttpLoopback) -> None:
    batch = (await bench.types("batch", "submit", stdin=lines(call(1)))).out.strip()
    assert (await bench.types("batch", "cancel", batch, "--json")).json["status"] == "cancelling"
    assert await ended(bench, batch) == "cancelled"
    said = await bench.types("batch", "wait", batch)
    assert said.code == 1
    assert f"{batch} is cancelled" in said.err


async def test_results_come_when_it_ended(bench: Bench, server: HttpLoopback) -> None:
    batch = (await bench.types("batch", "submit", stdin=lines(call(1)))).out.strip()
    said = await bench.types("batch", "results", batch)
    assert (said.code, said.out) == (1, "")
    assert "wait until it ended" in said.err


async def test_a_file_is_checked_line_by_line_without_a_server(bench: Bench) -> None:
    file = bench.folder / "calls.jsonl"
    file.write_bytes(lines(call(1), call(1), call(3, stream=True)) + b"{oh\n")
    said = await bench.types("batch", "check", file)
    assert (said.code, said.err) == (1, "")
    assert [line.partition(": ")[0] for line in said.out.splitlines()] == [str(file)] * 3
    assert "line 2: custom_id is that of line 1 too" in said.out
    assert "line 4: it is no JSON" in said.out
    found = (await bench.types("batch", "check", file, "--json")).json
    assert [each["line"] for each in found["problems"]] == [2, 3, 4]
    said = await bench.types("batch", "check", stdin=lines(call(1)))
    assert (said.code, said.out) == (0, "1 call to /v1/chat/completions of gpt-4o: all is well\n")


async def test_a_file_with_mistakes_is_not_sent(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("batch", "submit", stdin=lines(call(1), call(1)))
    assert (said.code, said.out, server.requests) == (1, "", ())
    assert "line 2" in said.err


@pytest.mark.parametrize("action", ["status", "wait", "results", "cancel"])
async def test_one_that_there_is_not_is_named(bench: Bench, server: HttpLoopback, action: str) -> None:
    said = await bench.types("batch", action, "batch_none")
    assert (said.code, said.out) == (1, "")
    assert "batch_none" in said.err
    assert said.err.count("\n") == 1


def test_ctrl_c_tells_who_waits_how_to_wait_again(monkeypatch: pytest.MonkeyPatch) -> None:
    err = Terminal(io.BytesIO(), "utf-8", write_through=True)
    monkeypatch.setattr(sys, "stderr", err)
    with pytest.raises(KeyboardInterrupt), goes_on("voiced api batch wait batch_1", "kimi"):
        raise KeyboardInterrupt
    err.seek(0)
    assert err.read().endswith("to wait again: voiced api batch wait batch_1 --provider kimi\n")
