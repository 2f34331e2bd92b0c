"""`voiced api image` and `image-edit`: pictures into files, pipes and JSON, and never onto a terminal."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.cli.api_bench import Bench
from voiced.ai.attachments import image_kind
from voiced.testing.http import HttpLoopback


async def test_a_picture_goes_down_the_pipe(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("image", "a fox", "reading", "--size", "1024x1024", "--quality", "low")
    assert (said.code, said.err) == (0, "")
    assert image_kind(said.data) == "png"
    (asked,) = server.of("images")
    assert (asked.body["prompt"], asked.body["size"], asked.body["quality"]) == ("a fox reading", "1024x1024", "low")


async def test_a_terminal_is_no_place_for_a_picture(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("image", "a fox", terminal=True)
    assert (said.code, said.out, server.requests) == (2, "", ())
    assert "--output FILE" in said.err


async def test_its_file_s_name_says_which_kind_it_shall_be(bench: Bench, server: HttpLoopback, tmp_path: Path) -> None:
    for name, kind in (("fox.png", "png"), ("fox.jpg", "jpeg"), ("fox.webp", "webp")):
        said = await bench.types("image", "a fox", "-o", tmp_path / name)
        assert (said.code, said.out, said.err) == (0, f"{tmp_path / name}\n", "")
        assert image_kind((tmp_path / name).read_bytes()) == kind


async def test_several_pictures_are_numbered(bench: Bench, server: HttpLoopback, tmp_path: Path) -> None:
    said = await bench.types("image", "a fox", "--n", "2", "-o", tmp_path / "fox.png", "--json")
    assert [each["file"] for each in said.jsons] == [str(tmp_path / f"fox-{number}.png") for number in (1, 2)]
    assert [image_kind(Path(each["file"]).read_bytes()) for each in said.jsons] == ["png", "png"]


async def test_in_json_a_picture_is_base64(bench: Bench, server: HttpLoopback) -> None:
    said = await bench.types("image", "a fox", "--n", "2", "--json", "--format", "webp", terminal=True)
    assert [image_kind(base64.b64decode(each["b64_json"])) for each in said.jsons] == ["webp", "webp"]
    assert {each["kind"] for each in said.jsons} == {"webp"}


async def test_a_picture_is_changed(bench: Bench, server: HttpLoopback, tmp_path: Path) -> None:
    await bench.types("image", "a fox", "-o", tmp_path / "fox.png")
    for file, stdin in ((tmp_path / "fox.png", b""), ("-", (tmp_path / "fox.png").read_bytes())):
        said = await bench.types("image-edit", file, "a red fox", "--also", tmp_path / "fox.png", stdin=stdin)
        assert (said.code, said.err) == (0, "")
        assert image_kind(said.data) == "png"


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["image", "a fox", "--n", "2"], 2, "several pictures go to files"),
        (["image", "a fox", "-o", "/nowhere/fox.png"], 2, "there is no folder /nowhere"),
        (["image", "-"], 2, "there is no prompt"),
        (["image-edit", "-"], 2, "can't both come from standard input"),
        (["image-edit", "/nowhere.png", "red"], 1, "there is no such file"),
        (["image-edit", "-", "red"], 2, "standard input, the picture, is empty"),
        (["image", "a fox", "--size", "7x7"], 1, "size"),
    ],
)
async def test_mistakes_are_one_line_and_nothing_is_drawn(
    bench: Bench, server: HttpLoopback, arguments: list[str], code: int, complaint: str
) -> None:
    said = await bench.types(*arguments)
    assert (said.code, said.out) == (code, "")
    assert complaint in said.err
    assert said.err.count("\n") == 1
