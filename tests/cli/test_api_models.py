"""`voiced api models`, `moderate` and `client-secret`."""

from __future__ import annotations

import base64

from tests.cli.api_bench import Bench
from voiced.testing.http import HttpLoopback

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


async def test_models_are_listed_with_the_day_of_their_end(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("models")
    assert (said.code, said.err) == (0, "")
    lines = {line.split()[0]: line for line in said.out.splitlines()}
    assert list(lines) == sorted(lines)
    assert "until 2026-" in lines["gpt-4o-transcribe"] or "until 2027-" in lines["gpt-4o-transcribe"]
    listed = {each["id"]: each for each in (await bench.types("models", "--json")).jsons}
    assert list(listed) == list(lines)
    assert listed["gpt-4o-transcribe"]["shutdown"][:2] == "20"


async def test_one_model_is_shown(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("models", "gpt-4o")
    assert said.out.splitlines()[0].split() == ["id", "gpt-4o"]
    assert (await bench.types("models", "gpt-4o", "--json")).json["id"] == "gpt-4o"
    said = await bench.types("models", "gpt-none")
    assert (said.code, said.out) == (1, "")
    assert "gpt-none" in said.err


async def test_a_key_for_a_browser_is_printed_alone(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("client-secret", "--seconds", "60")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("ek_")
    assert said.out.count("\n") == 1
    settings = bench.folder / "session.json"
    settings.write_text('{"instructions": "Be brief."}')
    made = (await bench.types("client-secret", "--session", settings, "--json")).json
    assert made["value"].startswith("ek_")
    assert made["session"]["instructions"] == "Be brief."
    assert made["expires_at"].startswith("20")


async def test_texts_are_judged(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("moderate", "I want to kill them all.")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("harmful: violence ")
    assert (await bench.types("moderate", stdin=b"What a nice day.")).out.startswith("not harmful")
    found = (await bench.types("moderate", "What a nice day.", "--json")).json
    assert found["flagged"] is False
    assert "violence" in found["scores"]


async def test_lines_are_judged_each_by_itself(bench: Bench, server: HttpLoopback) -> None:
    stdin = b"What a nice day.\n\nI want to kill them all.\n"
    lines = (await bench.types("moderate", "--lines", stdin=stdin)).out.splitlines()
    assert [line.split("\t")[1] for line in lines] == ["What a nice day.", "I want to kill them all."]
    assert [line.startswith("harmful") for line in lines] == [False, True]
    found = (await bench.types("moderate", "--lines", "--json", stdin=stdin)).jsons
    assert [each["flagged"] for each in found] == [False, True]


async def test_pictures_are_judged(bench: Bench, server: HttpLoopback) -> None:
    picture = bench.folder / "nice.png"
    picture.write_bytes(PNG)
    said = await bench.types("moderate", "--image", picture)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("not harmful")


async def test_nothing_can_t_be_judged(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("moderate")
    assert (said.code, said.out, server.requests) == (2, "", ())
    assert said.err == "voiced: there is no text: give it behind the command, or on standard input\n"
