"""Passwords and tokens of plugins: from a variable, a credential or a file, and never told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from tests.plugins.fakes import Home
from voiced.api import NotConfigured
from voiced.plugins.secret import LIMIT, SecretPlaces


def places(environ: dict[str, str] | None = None, **settings: str) -> SecretPlaces:
    return SecretPlaces("home", environ or {}, SimpleNamespace(**settings))


def test_the_variable_comes_first_then_the_credential_then_the_file(tmp_path: Path) -> None:
    (tmp_path / "voiced-home-token").write_text("from systemd\n")
    file = tmp_path / "token"
    file.write_text("  from the file\n")
    credentials = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    everything = {**credentials, "VOICED_SECRET_HOME_TOKEN": "from the variable"}
    assert places(everything, token_file=str(file)).read("token") == "from the variable"
    assert places(credentials, token_file=str(file)).read("token") == "from systemd"
    assert places(token_file=str(file)).read("token") == "from the file"
    assert places({"HOME": str(tmp_path)}, token_file="~/token").read("token") == "from the file"


def test_names_with_a_dash_become_variables_with_an_underscore() -> None:
    found = SecretPlaces("home-assistant", {"VOICED_SECRET_HOME_ASSISTANT_API_TOKEN": "x"})
    assert found.read("api-token") == "x"


def test_where_there_is_none_it_is_said_where_to_put_it() -> None:
    with pytest.raises(NotConfigured) as error:
        places(token_file="").read("token")
    assert str(error.value) == (
        "there is no token: set VOICED_SECRET_HOME_TOKEN, or name a file with it in token_file, below [plugin.home], "
        "or give the systemd unit LoadCredential=voiced-home-token:FILE"
    )
    with pytest.raises(NotConfigured, match="set VOICED_SECRET_HOME_TOKEN, or give the systemd unit"):
        SecretPlaces("home", {}).read("token")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "plugin.home.token_file is empty; put the secret there"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is no text in UTF-8"),
        (b"x" * (LIMIT + 1), "has more than 16384 bytes; that is no secret"),
    ],
)
def test_a_file_that_holds_no_secret_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(NotConfigured, match=complaint):
        places(token_file=str(file)).read("token")


def test_a_file_that_is_not_there_or_not_readable_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match=r"plugin.home.token_file: .*/none can't be read \(No such file"):
        places(token_file=str(tmp_path / "none")).read("token")
    with pytest.raises(NotConfigured, match=r"can't be read \(Is a directory\)"):
        places(token_file=str(tmp_path)).read("token")


def test_a_secret_in_the_place_of_its_file_is_not_repeated() -> None:
    with pytest.raises(NotConfigured, match="holds what looks like the secret itself; put it in a file") as error:
        places(token_file="sk-proj-0123456789abcdef").read("token")
    assert "0123456789" not in str(error.value)


@pytest.mark.parametrize("name", ["", "../x", "a b", "x" * 65])
def test_a_name_is_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="a name is letters, digits"):
        places().read(name)


def test_the_environment_is_never_shown() -> None:
    assert "hunter2" not in repr(places({"VOICED_SECRET_HOME_TOKEN": "hunter2"}))


async def test_a_plugin_gets_its_secret_and_nobody_else_does(home: Home) -> None:
    home.environ["VOICED_SECRET_DOOR_PIN"] = "hunter2"
    home.plugin(
        "door",
        "from voiced.api import Plugin, ToolContext, tool\nclass Door(Plugin):\n"
        "    async def setup(self, context):\n        self.pin = await context.secret('pin')\n"
        "    @tool\n    async def length(self):\n        'Its length.'\n        return len(self.pin)\n",
    )
    with capture_logs() as log:
        async with home.running():
            assert await home.answer("length") == "7"
    assert "hunter2" not in str(log)


async def test_a_plugin_without_its_secret_is_off_and_says_what_to_do(home: Home) -> None:
    home.plugin(
        "door",
        "from voiced.api import Plugin\nclass Door(Plugin):\n"
        "    async def setup(self, context):\n        await context.secret('pin')\n",
    )
    async with home.running():
        assert home.status("door").state == "off"
        assert "there is no pin: set VOICED_SECRET_DOOR_PIN" in home.status("door").why
