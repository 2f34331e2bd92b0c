"""The command that installs something, whichever way voiced came."""

from __future__ import annotations

import doctest

import pytest

from voiced import installing
from voiced.installing import a_library, an_extra, upgrade

PIPX = "/home/ada/.local/share/pipx/venvs/voiced"
UV = "/home/ada/.local/share/uv/tools/voiced"
DEBIAN = "/usr/lib/voiced"


def test_the_examples_in_the_code() -> None:
    failed, tried = doctest.testmod(installing)
    assert tried
    assert not failed


@pytest.mark.parametrize(
    ("prefix", "install", "upgraded"),
    [
        (PIPX, "pipx runpip voiced install 'voiced[wake]'", "pipx upgrade voiced"),
        (UV, f"uv pip install --python {UV}/bin/python 'voiced[wake]'", "uv tool upgrade voiced"),
        (
            DEBIAN,
            f"sudo apt-get install python3-pip && sudo pip --python {DEBIAN}/bin/python install 'voiced[wake]'",
            "sudo apt-get install ./voiced_*.deb",
        ),
    ],
    ids=["pipx", "uv", "Debian"],
)
def test_each_way_has_its_own(prefix: str, install: str, upgraded: str) -> None:
    assert an_extra("wake", prefix=prefix) == install
    assert upgrade(prefix=prefix) == upgraded


def test_an_environment_of_uv_has_no_pip() -> None:
    assert a_library("av", "--force-reinstall", prefix="/home/ada/.venv", pip=False) == (
        "uv pip install --python /home/ada/.venv/bin/python --force-reinstall av"
    )
