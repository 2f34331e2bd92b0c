"""`voiced api stores`: files are put in, found again, and what is wrong is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.api_bench import Bench
from voiced.testing.http import HttpLoopback


@pytest.fixture
def guide(tmp_path: Path) -> Path:
    path = tmp_path / "guide.txt"
    path.write_text("The boiler is behind the red door.\n")
    return path


async def test_what_was_put_in_is_found(bench: Bench, server: HttpLoopback, guide: Path) -> None:
    said = await bench.types("stores", "create", "house")
    assert (said.code, said.err) == (0, "")
    store = said.out.strip()
    said = await bench.types("stores", "add", store, guide)
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith(f"  {guide}\n")
    said = await bench.types("stores", "search", store, "where is the", "boiler?")
    score, name, text = said.out.rstrip("\n").split("\t")
    assert (name, text) == ("guide.txt", "The boiler is behind the red door.")
    assert 0 < float(score) <= 1
    (found,) = (await bench.types("stores", "search", store, "-", "--json", stdin=b"boiler")).jsons
    assert found["text"].startswith("The boiler")
    (listed,) = (await bench.types("stores", "list")).out.splitlines()
    assert listed.split()[0] == store
    assert "1 file " in listed
    assert "house" in listed
    assert (await bench.types("stores", "delete", store)).out == f"{store} is deleted\n"
    assert (await bench.types("stores", "list")).data == b""


async def test_one_is_made_with_its_files(bench: Bench, server: HttpLoopback, guide: Path) -> None:
    made = (await bench.types("stores", "create", "house", guide, "--days", "7", "--json")).json
    assert (made["status"], made["files"]["completed"]) == ("completed", 1)
    assert made["expires_at"] is not None


async def test_a_file_that_is_not_there_is_named_and_nothing_is_sent(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("stores", "create", "house", "/nowhere.txt")
    assert (said.code, said.out, server.requests) == (1, "", ())
    assert "/nowhere.txt: there is no such file" in said.err


@pytest.mark.parametrize("action", [["search", "vs_none", "x"], ["delete", "vs_none"]])
async def test_a_store_that_is_not_there_is_named(bench: Bench, server: HttpLoopback, action: list[str]) -> None:
    said = await bench.types("stores", *action)
    assert (said.code, said.out) == (1, "")
    assert "vs_none" in said.err
    assert said.err.count("\n") == 1
