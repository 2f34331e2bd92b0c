"""Who may come in, as verdicts: by the name of the host, the origin, and the token."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from pydantic import SecretStr

from voiced.errors import ConfigError
from voiced.kiosk.door import ADDRESSES_KEPT, WITHIN_S, WRONG_TRIES, Caller, Door, Refusal
from voiced.kiosk.settings import KioskSettings

TOKEN = "correct-horse-battery"


def caller(
    host: str | None = "127.0.0.1:8137",
    origin: str | None = None,
    *,
    token: str = "",
    path: str = "/ws",
    address: str = "192.0.2.1",
) -> Caller:
    protocols = ["voiced.v1", f"token.{token}"] if token else ["voiced.v1"]
    return Caller(address, host, origin, path, protocols)


def door(token: str = "", **settings: Any) -> Door:
    return Door(KioskSettings(**settings), SecretStr(token), own_names=("pi", "pi.local"), clock=lambda: 0.0)


def remote_door(**settings: Any) -> Door:
    return door(TOKEN, host="0.0.0.0", allow_remote=True, **settings)


def status(refusal: Refusal | None) -> int:
    return refusal.status.value if refusal else HTTPStatus.OK.value


@pytest.mark.parametrize(
    ("host", "local", "remote"),
    [
        pytest.param("127.0.0.1:8137", 200, 200, id="loopback"),
        pytest.param("localhost:8137", 200, 200, id="localhost"),
        pytest.param("LocalHost.", 200, 200, id="localhost, oddly"),
        pytest.param("[::1]:9000", 200, 200, id="IPv6, through a tunnel"),
        pytest.param("kiosk.example.org", 200, 200, id="a name of the settings"),
        pytest.param("pi.local:8137", 403, 200, id="the machine's own name"),
        pytest.param("192.0.2.7:8137", 403, 200, id="an address"),
        pytest.param("evil.example", 403, 403, id="a name that somebody had lead here"),
        pytest.param("127.0.0.1.evil.example", 403, 403, id="a name that begins like an address"),
        pytest.param("[::1", 403, 403, id="no host"),
        pytest.param("", 403, 403, id="empty"),
        pytest.param(None, 403, 403, id="none, or two"),
    ],
)
def test_a_page_is_known_by_the_names_of_this_machine_alone(host: str | None, local: int, remote: int) -> None:
    names = ("kiosk.example.org",)

    assert status(door(names=names).to_look(caller(host))) == local
    assert status(remote_door(names=names).to_look(caller(host))) == remote


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        pytest.param("http://127.0.0.1:8137", 200, id="its own"),
        pytest.param("https://127.0.0.1:8137", 200, id="its own, behind a proxy with TLS"),
        pytest.param(None, 200, id="no browser"),
        pytest.param("http://evil.example", 403, id="foreign"),
        pytest.param("http://127.0.0.1:8138", 403, id="another server of this machine"),
        pytest.param("http://localhost:8137", 403, id="another name of this machine"),
        pytest.param("null", 403, id="a sandbox"),
        pytest.param("file://127.0.0.1:8137", 403, id="a file"),
        pytest.param("http://[", 403, id="none that is one"),
        pytest.param("http://127.0.0.1:8137, http://127.0.0.1:8137", 403, id="two"),
    ],
)
def test_only_the_page_itself_may_talk(origin: str | None, expected: int) -> None:
    assert status(door().to_talk(caller(origin=origin))) == expected


def test_who_may_not_look_may_not_talk() -> None:
    assert status(door().to_talk(caller("evil.example", "http://evil.example"))) == 403


def test_a_token_is_needed_where_there_is_one_wherever_the_page_is() -> None:
    for each in (door(TOKEN), remote_door()):
        assert status(each.to_talk(caller())) == 401
        assert status(each.to_talk(caller(token="wrong"))) == 401
        assert status(each.to_talk(caller(token=TOKEN))) == 200
        assert status(each.to_talk(caller(path=f"/ws?token={TOKEN}"))) == 200
        assert status(each.to_talk(caller(path="/ws?token=\udcff\x00"))) == 401
        assert each.to_look(caller()) is None, "the page itself asks for it"


@pytest.mark.parametrize(
    ("token", "offered"),
    [
        pytest.param("correct+horse/battery=staple", "correct%2Bhorse%2Fbattery%3Dstaple", id="base64"),
        pytest.param("correct (horse) bättery", "correct%20%28horse%29%20b%C3%A4ttery", id="words"),
        pytest.param("100%2Bcorrect-horses", "100%252Bcorrect-horses", id="per cent"),
    ],
)
def test_a_token_may_have_any_letters(token: str, offered: str) -> None:
    assert status(door(token).to_talk(caller(token=offered))) == 200
    assert status(door(token).to_talk(caller(path=f"/ws?token={offered}"))) == 200


def test_no_refusal_has_the_token_in_it() -> None:
    refusal = door(TOKEN).to_talk(caller(token="wrong-but-secret"))

    assert refusal is not None
    assert TOKEN not in refusal.text
    assert "wrong-but-secret" not in refusal.text


def test_who_guesses_tokens_must_wait_and_nobody_else() -> None:
    now = 0.0
    guarded = Door(KioskSettings(), SecretStr(TOKEN), own_names=(), clock=lambda: now)
    for _ in range(WRONG_TRIES):
        assert status(guarded.to_talk(caller(token="guess"))) == 401

    assert status(guarded.to_talk(caller(token=TOKEN))) == 429, "the right one is not looked at any more"
    assert status(guarded.to_talk(caller(token=TOKEN, address="192.0.2.2"))) == 200
    now = WITHIN_S + 1
    assert status(guarded.to_talk(caller(token=TOKEN))) == 200


def test_who_has_many_addresses_has_no_more_guesses() -> None:
    guarded = door(TOKEN)
    for number in range(WRONG_TRIES):
        guarded.to_talk(caller(token="guess", address=f"2001:db8::{number}"))

    assert status(guarded.to_talk(caller(token="guess", address="2001:db8::ffff"))) == 429
    assert status(guarded.to_talk(caller(token="guess", address="2001:db8:0:1::1"))) == 401


def test_addresses_are_forgotten_in_the_end() -> None:
    guarded = door(TOKEN)
    for number in range(ADDRESSES_KEPT + 1):
        for _ in range(WRONG_TRIES):
            guarded.to_talk(caller(token="guess", address=f"host {number}"))

    assert status(guarded.to_talk(caller(token="guess", address="host 0"))) == 401
    assert status(guarded.to_talk(caller(token="guess", address=f"host {ADDRESSES_KEPT}"))) == 429


def test_other_machines_come_in_only_where_that_is_meant_and_with_a_token() -> None:
    with pytest.raises(ConfigError, match="allow_remote = true"):
        door(TOKEN, host="0.0.0.0")
    with pytest.raises(ConfigError, match="no token: set KIOSK_TOKEN"):
        door("", host="::", allow_remote=True)
    with pytest.raises(ConfigError, match="shorter than 16 characters"):
        door("password", host="192.0.2.1", allow_remote=True)
    assert not door("", host="::1").needs_token
    assert not door("", host="localhost", allow_remote=True).needs_token
