"""`voiced api finetune`: from pairs to a model's name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.api_bench import Bench
from voiced.testing.http import HttpLoopback

PAIRS = "".join(f"What is {number}?\tA number.\n" for number in range(12)).encode()


@pytest.fixture
def examples(bench: Bench, tmp_path: Path) -> Path:
    path = tmp_path / "examples.jsonl"
    said = bench.typed("finetune", "prepare", "--system", "Be brief.", "--output", path, stdin=PAIRS)
    assert (said.code, said.data, said.err) == (0, b"", "")
    return path


def test_pairs_become_examples(bench: Bench, examples: Path) -> None:
    lines = [json.loads(line) for line in examples.read_text().splitlines()]
    assert len(lines) == 12
    assert lines[0] == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is 0?"},
            {"role": "assistant", "content": "A number."},
        ]
    }
    said = bench.typed("finetune", "check", examples)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("12 examples, some ")


def test_the_old_way_and_json_are_taken_too(bench: Bench) -> None:
    given = b'\n{"prompt": "Hi ->", "completion": " Hello. END"}\n["Hi", "Hello."]\nGr\xc3\xbc\xc3\x9fe\tHallo.\n'
    said = bench.typed("finetune", "prepare", stdin=given)
    assert said.code == 0
    assert [[each["content"] for each in line["messages"]] for line in said.jsons] == [
        ["Hi", "Hello."],
        ["Hi", "Hello."],
        ["Grüße", "Hallo."],
    ]
    assert said.err == "voiced: 3 examples are too few to learn from: give at least 10\n"


@pytest.mark.parametrize(
    ("stdin", "code", "complaint"),
    [
        (b"", 2, "standard input is empty"),
        (b"\n\n", 1, "give at least 1"),
        (b"Hi\tHello.\n\nnothing\n", 2, "line 3: write a question, a tab and the answer"),
        (b"Hi\tHello.\n{oh\n", 2, "line 2: this is no JSON"),
        (b"\xff\t\n", 2, "line 1: this is no UTF-8 text"),
        (b'{"messages": []}\n', 1, "line 1"),
    ],
)
def test_what_is_wrong_with_pairs_has_its_line(bench: Bench, stdin: bytes, code: int, complaint: str) -> None:
    target = bench.folder / "examples.jsonl"
    said = bench.typed("finetune", "prepare", "-o", target, stdin=stdin)
    assert (said.code, said.data, target.exists()) == (code, b"", False)
    assert complaint in said.err
    assert said.err.count("\n") == 1


def test_a_file_is_checked_line_by_line(bench: Bench) -> None:
    file = bench.folder / "examples.jsonl"
    file.write_text('{"messages": [{"role": "user", "content": "Hi"}]}\n[]\n')
    said = bench.typed("finetune", "check", file)
    assert (said.code, said.err) == (1, "")
    assert f"{file}: line 1: " in said.out
    assert f"{file}: line 2: " in said.out
    found = bench.typed("finetune", "check", file, "--json").json
    assert {each["line"] for each in found["problems"]} == {0, 1, 2}


async def test_a_job_ends_with_the_name_of_a_model(bench: Bench, server: HttpLoopback, examples: Path) -> None:
    said = await bench.types("finetune", "create", examples, "--suffix", "house", "--epochs", "2")
    assert (said.code, said.err) == (0, "")
    job = said.out.strip()
    for _ in range(20):
        if (await bench.types("finetune", "status", job, "--json")).json["fine_tuned_model"]:
            break
    said = await bench.types("finetune", "follow", job)
    assert (said.code, said.err) == (0, "")
    *events, model = said.out.splitlines()
    assert events
    assert model.startswith("ft:gpt-4.1-mini-2025-04-14:")
    assert "house" in model
    (listed,) = (await bench.types("finetune", "list")).out.splitlines()
    assert listed.split()[:2] == [job, "succeeded"]
    told = (await bench.types("finetune", "follow", job, "--json")).jsons
    assert [list(each) for each in told] == [["event"]] * len(events) + [["job"]]


async def test_one_that_is_cancelled_has_no_model(bench: Bench, server: HttpLoopback, examples: Path) -> None:
    uploaded = (await bench.types("files", "upload", examples, "--purpose", "fine-tune")).out.strip()
    job = (await bench.types("finetune", "create", uploaded)).out.strip()
    shown = (await bench.types("finetune", "status", job)).out
    assert "finish" not in shown  # nobody knows when yet
    assert (await bench.types("finetune", "cancel", job, "--json")).json["status"] == "cancelled"
    said = await bench.types("finetune", "follow", job)
    assert said.code == 1
    assert said.err == f"voiced: {job} is cancelled\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["create", "/nowhere.jsonl"], "/nowhere.jsonl: there is no such file"),
        (["create", "file-none"], "file-none"),
        (["status", "ftjob-none"], "ftjob-none"),
        (["follow", "ftjob-none"], "ftjob-none"),
        (["cancel", "ftjob-none"], "ftjob-none"),
    ],
)
async def test_mistakes_are_one_line(bench: Bench, server: HttpLoopback, arguments: list[str], complaint: str) -> None:
    said = await bench.types("finetune", *arguments)
    assert (said.code, said.out) == (1, "")
    assert complaint in said.err
    assert said.err.count("\n") == 1
