"""`voiced api files`: what is sent, found, fetched and deleted, through pipes and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.api_bench import Bench
from voiced.testing.http import Drop, Fault, HttpLoopback

CALL = (
    b'{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", '
    b'"body": {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}}\n'
)


async def sent(bench: Bench, data: bytes = CALL) -> str:
    said = await bench.types("files", "upload", "--purpose", "batch", stdin=data)
    assert (said.code, said.err) == (0, "")
    return said.out.strip()


async def test_a_file_that_is_sent_can_be_found_fetched_and_deleted(bench: Bench, server: HttpLoopback) -> None:
    path = bench.folder / "calls.jsonl"
    path.write_bytes(CALL)
    first = (await bench.types("files", "upload", path, "--purpose", "batch")).out.strip()
    second = await sent(bench)
    assert (await bench.types("files", "get", first, "--json")).json["filename"] == "calls.jsonl"
    listing = (await bench.types("files", "list")).out.splitlines()
    assert [line.split()[0] for line in listing] == [second, first]
    assert listing[0].endswith("stdin.jsonl")
    assert [each["id"] for each in (await bench.types("files", "list", "--json")).jsons] == [second, first]
    assert (await bench.types("files", "list", "--purpose", "vision")).data == b""
    assert (await bench.types("files", "download", first)).data == CALL
    said = await bench.types("files", "delete", first, second, "--json")
    assert said.jsons == [{"id": first, "deleted": True}, {"id": second, "deleted": True}]
    assert (await bench.types("files", "list")).data == b""


async def test_what_is_fetched_is_shown_on_a_terminal_only_where_it_is_text(
    bench: Bench, server: HttpLoopback, tmp_path: Path
) -> None:
    text, sound = await sent(bench), await sent(bench, CALL.replace(b"Hi", b"Gr\\u00fc\\u00dfe"))
    assert (await bench.types("files", "download", text, terminal=True)).out == CALL.decode()
    target = tmp_path / "copy"
    assert (await bench.types("files", "download", sound, "-o", target)).data == b""
    assert b"\\u00fc" in target.read_bytes()


async def test_a_file_that_breaks_off_is_no_file(bench: Bench, server: HttpLoopback, tmp_path: Path) -> None:
    name = await sent(bench, CALL * 2000)
    server.add_fault(Fault(Drop(after=1), "files", every=True))
    said = await bench.types("files", "download", name, "-o", tmp_path / "copy")
    assert (said.code, said.out) == (1, "")
    assert said.err.count("\n") == 1
    assert not (tmp_path / "copy").exists()
    assert (await bench.types("files", "download", name)).data == b""


async def test_details_are_readable(bench: Bench, server: HttpLoopback) -> None:
    name = await sent(bench)
    lines = dict(line.split(maxsplit=1) for line in (await bench.types("files", "get", name)).out.splitlines())
    assert (lines["id"], lines["filename"], lines["purpose"]) == (name, "stdin.jsonl", "batch")


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["files", "upload", "--purpose", "vision"], 2, "what comes from standard input needs a name"),
        (["files", "upload", "--purpose", "batch"], 2, "standard input is empty"),
        (["files", "upload", "--purpose", "batch", "--name", "../x"], 2, "this is no name of a file"),
        (["files", "upload", "{folder}/none.jsonl", "--purpose", "batch"], 1, "there is no such file"),
        (["files", "upload", "{folder}", "--purpose", "batch"], 1, "is a folder"),
        (["files", "get", "file-none"], 1, "file-none"),
        (["files", "download", "file-none"], 1, "file-none"),
        (["files", "delete", "file-none"], 1, "file-none"),
    ],
)
async def test_mistakes_are_one_line(
    bench: Bench, server: HttpLoopback, arguments: list[str], code: int, complaint: str
) -> None:
    said = await bench.types(*(each.replace("{folder}", str(bench.folder)) for each in arguments))
    assert (said.code, said.out) == (code, "")
    assert complaint in said.err
    assert said.err.count("\n") == 1


async def test_progress_is_shown_to_whoever_looks(bench: Bench, server: HttpLoopback) -> None:
    path = bench.folder / "calls.jsonl"
    path.write_bytes(CALL * 3000)
    said = await bench.types("files", "upload", path, "--purpose", "batch", terminal=True)
    assert said.out.startswith("file-")
    assert "sending: 100%" in said.err
    assert "Traceback" not in said.err
