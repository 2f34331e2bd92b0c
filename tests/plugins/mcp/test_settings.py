"""Settings of MCP servers: what is wrong is told with what to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.plugins.mcp.conftest import House
from voiced.config import load_config
from voiced.plugins.builtin.mcp.settings import McpSettings

COMMAND = {"command": ["server"]}
URL = {"url": "https://house.example/mcp"}


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        ({}, "give it either a command"),
        (COMMAND | URL, "give it either a command"),
        ({"command": "npx -y server"}, "tuple"),
        ({"command": [""]}, "empty word"),
        ({"command": ["a\0b"]}, "NUL"),
        (COMMAND | {"env": {"A=B": "c"}}, "'A=B' is no name"),
        (COMMAND | {"env": {"A": "b\0"}}, "value with a NUL"),
        (COMMAND | {"headers": {"A": "b"}}, "headers are for a server with a url"),
        (COMMAND | {"token_file": "/token"}, "say in token_env"),
        ({"url": "house.example/mcp"}, "url begins with https"),
        ({"url": "file:///etc/passwd"}, "url begins with https"),
        ({"url": "https:///mcp"}, "url begins with https"),
        ({"url": "https://me:secret@house.example/mcp"}, "leave the password out"),
        (URL | {"cwd": "/srv"}, "cwd is for a server with a command"),
        (URL | {"env": {"A": "b"}}, "env is for a server with a command"),
        (URL | {"token_env": "A"}, "token_env is for a server with a command"),
        (URL | {"headers": {"A B": "c"}}, "'A B' can't be sent"),
        (URL | {"headers": {"A": "b\nC: d"}}, "'A' can't be sent"),
        (URL | {"headers": {"A": "ü"}}, "'A' can't be sent"),
        (URL | {"allow": "read_file"}, "tuple"),
        (URL | {"prefix": "my "}, "pattern"),
        (URL | {"timeout_s": 0}, "greater than 0"),
        (URL | {"start_timeout_s": 1000}, "less than or equal to 600"),
        (URL | {"allowed": ["read_file"]}, "allowed"),
    ],
)
def test_what_can_not_be_right_is_refused(server: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as raised:
        McpSettings.model_validate({"servers": {"house": server}})
    assert complaint in str(raised.value)


@pytest.mark.parametrize("name", ["", "My House", "house-1", "1house", "x" * 25, "hÄuser"])
def test_a_name_can_be_spoken_and_be_part_of_a_tool_s(name: str) -> None:
    with pytest.raises(ValidationError, match=r"can't be called .*; write up to 24 small letters"):
        McpSettings.model_validate({"servers": {name: URL}})


def test_a_name_that_can_not_be_is_told_with_its_line(tmp_path: Path) -> None:
    (file := tmp_path / "voiced.toml").write_text('[plugin.mcp.servers.Files]\nurl = "http://localhost/mcp"\n')
    loaded = load_config(file, environ={"HOME": str(tmp_path)})
    [warning] = [line for line in loaded.warnings if "mcp" in line]
    assert warning.startswith(f"{file}:2: plugin.mcp.servers.Files: a server can't be called 'Files'; write up to 24 ")


def test_more_servers_than_a_conversation_bears_are_refused() -> None:
    with pytest.raises(ValidationError, match="at most 8"):
        McpSettings.model_validate({"servers": {f"house_{number}": URL for number in range(9)}})


def test_secrets_are_not_shown() -> None:
    settings = McpSettings.model_validate(
        {"servers": {"a": COMMAND | {"env": {"KEY": "hush"}}, "b": URL | {"headers": {"X": "hush"}}}}
    )
    assert "hush" not in repr(settings)


async def test_wrong_settings_are_told_with_their_place(house: House) -> None:
    home = house.home(house={"url": "house.example"})
    async with home.running() as tools:
        assert tools == ()
        [problem] = home.status("mcp").problems
        assert "servers.house" in problem
        assert "url begins with https://" in problem


async def test_with_no_server_it_is_off_and_says_what_to_write(house: House) -> None:
    home = house.home()
    async with home.running():
        status = home.status("mcp")
        assert (status.state, status.problems) == ("off", ())
        assert "[plugin.mcp.servers.NAME]" in status.why


async def test_without_its_package_it_is_off_and_says_what_to_install(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    home = house.home(house=house.stdio())
    async with home.running():
        status = home.status("mcp")
        assert (status.state, status.problems) == ("off", ())
        assert "pip install 'voiced[mcp]'" in status.why


async def test_an_older_package_is_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1.30.0")
    home = house.home(house=house.stdio())
    async with home.running():
        assert "pip install 'voiced[mcp]'" in home.status("mcp").why


async def test_what_is_not_permitted_is_not_done(house: House) -> None:
    home = house.home(house=house.raw("is good"), denied=("mcp.files",))
    async with home.running() as tools:
        assert tools == ()
        assert home.status("mcp").state == "off"
    assert house.told("starts") == []
