"""What comes in, whatever it is, is read or refused in one line."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.api_bench import Bench
from voiced.cli.api import reading
from voiced.cli.parser import parser
from voiced.errors import ConfigError

LINES = st.lists(
    st.sampled_from([b"Hi\tHello.", b'{"messages": []}', b"[1]", b"\xff", b"{", b"", b"\x00\t\x00"]) | st.binary()
)


@pytest.fixture
def comes_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def put(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return put


anything = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)


def complaint(call: Callable[[], object]) -> str:
    """What is said of it; empty where all is well."""
    try:
        call()
    except ConfigError as error:
        return str(error)
    return ""


@anything
@given(st.binary())
def test_a_text_is_a_text_or_none(comes_in: Callable[[bytes], None], data: bytes) -> None:
    comes_in(data)
    assert "\n" not in complaint(lambda: reading.text([], "question"))


@anything
@given(LINES)
def test_lines_are_lines_or_have_a_number(comes_in: Callable[[bytes], None], given_lines: list[bytes]) -> None:
    comes_in(b"\n".join(given_lines))
    found: list[str] = []
    said = complaint(lambda: found.extend(reading.lines()))
    assert said == "" or said.startswith("standard input: line ")
    assert all(line == line.strip() != "" for line in found)


@anything
@given(
    st.binary()
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_a_json_file_is_an_object_or_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    said = complaint(lambda: reading.json_object(tmp_path / "file", "--session"))
    assert said.startswith(f"--session {tmp_path / 'file'}: this is no ")


@anything
@given(LINES)
def test_examples_of_any_bytes_are_prepared_or_refused(bench: Bench, given_lines: list[bytes]) -> None:
    said = bench.typed("finetune", "prepare", stdin=b"\n".join(given_lines))
    if said.code:
        assert said.data == b""
        assert said.err.startswith("voiced: ")
    else:
        assert all(list(line) == ["messages"] for line in said.jsons)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "wav"),
        (b"ID3\x04", "mp3"),
        (b"\xff\xfb\x90", "mp3"),
        (b"OggS", "ogg"),
        (b"fLaC", "flac"),
        (b"\x00\x00\x00\x20ftypM4A ", "m4a"),
        (b"\x1a\x45\xdf\xa3", "webm"),
    ],
)
def test_a_sound_from_a_pipe_gets_the_name_of_its_kind(
    comes_in: Callable[[bytes], None], head: bytes, kind: str
) -> None:
    comes_in(head)
    with reading.file("-") as path:
        assert (path.name, path.read_bytes()) == (f"stdin.{kind}", head)
    assert not path.exists()


# Help.


def commands() -> Iterator[str]:
    """All that can be typed."""
    whole = parser()
    with pytest.raises(SystemExit):
        whole.parse_args(["api", "models", "--help"])  # it grows its grammar now
    return of(whole, "")


def of(parent: argparse.ArgumentParser, name: str) -> Iterator[str]:
    for action in parent._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each, child in action.choices.items():
                yield f"{name}{each}"
                yield from of(child, f"{name}{each} ")


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    ours = [name for name in commands() if name.split()[0] == "api"]
    assert len(ours) >= 40
    for name in ours:
        with pytest.raises(SystemExit) as ended:
            parser().parse_args([*name.split(), "--help"])
        assert ended.value.code == 0
    assert capsys.readouterr().out.count("usage: voiced api") >= len(ours)


@pytest.mark.parametrize("words", [[], ["files"], ["stores"], ["batch"], ["finetune"]])
def test_without_a_command_there_is_help_and_nothing_was_done(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = parser().parse_args(["api", *words])
    assert chosen.command(chosen, sys.stdout) == 2
    help = capsys.readouterr().out
    assert help.startswith(f"usage: voiced {' '.join(['api', *words])}")
    assert words or "examples:" in help
