"""The control protocol: what is asked comes through, and whatever else comes gets a line that says what to do."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.audio import Ms
from voiced.control.lines import MAX_LINE, line_of, parse_reply
from voiced.control.protocol import (
    MAX_PARTS,
    Ask,
    Call,
    Follow,
    History,
    Mute,
    Plugin,
    Plugins,
    Ptt,
    Quit,
    Reload,
    Request,
    Say,
    Status,
    Stop,
    Volume,
    fact_reply,
    image_of,
    images_of,
    parse_request,
    request_line,
)
from voiced.conversation.commands import CardShown, ReplyHeard, RequestEnded, Spent, UserHeard
from voiced.conversation.events import Card, Image, Usage
from voiced.errors import ControlError

PNG = b"\x89PNG\r\n\x1a\n and so on"
JPEG = b"\xff\xd8\xff\xe0 and so on"
NO_SUCH_REQUEST = (
    "no such request; there are status, follow, say, ask, stop, mute, ptt, volume, history, reload, quit, plugins, "
    "plugin, call"
)

requests: st.SearchStrategy[Request] = st.one_of(
    st.just(Status()),
    st.builds(Follow, texts=st.booleans()),
    st.builds(Say, text=st.text(min_size=1).filter(str.strip)),
    st.builds(Ask, text=st.text(min_size=1).filter(str.strip), images=st.lists(st.text(), max_size=3).map(tuple)),
    st.just(Stop()),
    st.builds(Mute, muted=st.booleans()),
    st.builds(Volume, percent=st.integers(0, 100)),
    st.builds(Ptt, action=st.sampled_from(["down", "up", "toggle"])),
    st.just(History()),
    st.just(Quit()),
    st.just(Reload()),
    st.just(Plugins()),
    st.builds(Plugin, name=st.text(min_size=1, max_size=50), action=st.sampled_from(["enable", "disable", "reload"])),
    st.builds(
        Call,
        tool=st.text(min_size=1, max_size=50),
        arguments=st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.booleans())),
    ),
)


@given(requests)
def test_a_request_comes_through_as_one_line(request: Request) -> None:
    line = request_line(request)
    assert line.count(b"\n") == 1
    assert parse_request(line) == request


@given(
    st.binary()
    | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_any_bytes_are_a_request_or_one_line_of_complaint(line: bytes) -> None:
    assert "\n" not in complaint(line)


@given(
    st.sampled_from(["status", "follow", "say", "ask", "volume", "plugin", "call", "x"]),
    st.dictionaries(st.text(), st.integers() | st.text()),
)
def test_any_fields_are_a_request_or_one_line_of_complaint(do: str, fields: dict[str, object]) -> None:
    assert "\n" not in complaint(json.dumps({**fields, "do": do}).encode())


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"status", 'this line is not JSON; send for example {"do": "status"}'),
        (b"\xff", 'this line is not JSON; send for example {"do": "status"}'),
        (b"[]", 'this is no request; send for example {"do": "status"}'),
        (b"{}", 'this is no request; send for example {"do": "status"}'),
        (b'{"do": "dance"}', NO_SUCH_REQUEST),
        (b'{"do": "say"}', "say.text: field required"),
        (b'{"do": "say", "text": " "}', "the text is empty"),
        (b'{"do": "say", "text": "a", "loud": 1}', "say has no 'loud'; it has version, do, text"),
        (b'{"do": "volume", "percent": 101}', "volume.percent: input should be less than or equal to 100"),
        (b'{"do": "volume", "percent": "5"}', "volume.percent: input should be a valid integer"),
        (b'{"do": "ptt"}', "ptt.action: field required"),
        (b'{"do": "ptt", "action": "hold"}', "ptt.action: input should be 'down', 'up' or 'toggle'"),
        (b'{"do": "call"}', "call.tool: field required"),
        (b'{"do": "call", "tool": ""}', "the tool is empty"),
        (b'{"do": "call", "tool": "lamp", "arguments": "{}"}', "call.arguments: input should be an object"),
        (b'{"do": "plugin", "name": "lamp"}', "plugin.action: field required"),
        (
            b'{"do": "plugin", "name": "lamp", "action": "kill"}',
            "plugin.action: input should be 'enable', 'disable' or 'reload'",
        ),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(line: bytes, complaint: str) -> None:
    with pytest.raises(ControlError) as raised:
        parse_request(line)
    assert str(raised.value) == complaint


@pytest.mark.parametrize(
    "line",
    [
        b'{"do": "stop", "version": 2}',
        b'{"do": "stop", "version": "1"}',
        b'{"do": "stop", "version": null}',
        b'{"do": "whatever comes with 2", "version": 2, "more": []}',
        b'{"version": 0}',
    ],
)
def test_another_version_is_told_which_one_there_is_whatever_else_is_wrong(line: bytes) -> None:
    assert complaint(line) == 'this voiced speaks version 1 of the control protocol: send "version": 1, or none'


def test_the_version_may_be_said_or_not() -> None:
    assert parse_request(b'{"do": "stop", "version": 1}') == parse_request(b'{"do": "stop"}') == Stop()


@pytest.mark.parametrize("part", [b"1,", b"[],", b'{"a":{}},'])
def test_a_long_line_of_very_many_values_is_refused_before_it_is_read(part: bytes) -> None:
    line = b'{"do": "call", "tool": "sum", "arguments": {"of": [' + part * (MAX_LINE // len(part) - 50) + b"0]}}"
    assert complaint(line) == f"this request has more than {MAX_PARTS} parts; send less at once"


def test_pictures_come_through_and_others_are_refused() -> None:
    ask = Ask(text="What is this?", images=tuple(base64.b64encode(data).decode() for data in (PNG, JPEG)))
    assert images_of(ask) == (Image("image/png", PNG), Image("image/jpeg", JPEG))
    with pytest.raises(ControlError, match=r"^picture 1 is not base64$"):
        images_of(Ask(text="?", images=("é",)))
    with pytest.raises(ControlError, match=r"^cat.gif is no PNG or JPEG file; convert it$"):
        image_of(b"GIF89a", "cat.gif")


def test_a_line_has_its_limit() -> None:
    with pytest.raises(ControlError, match=r"^the pictures are too large: 6 MB in all at most; make them smaller$"):
        request_line(Ask(text="What is this?", images=("A" * MAX_LINE,)))
    with pytest.raises(ControlError, match=r"^this request is too large: 8 MB at most$"):
        request_line(Call(tool="lamp", arguments={"name": "A" * MAX_LINE}))


def test_what_people_said_is_in_no_fact_unless_asked_for() -> None:
    facts = (
        UserHeard(1, "my secret"),
        ReplyHeard(1, "my secret", Ms(800), Ms(900), cut=True, first_audio=Ms(300)),
        RequestEnded("control-1", "my secret"),
    )
    for fact in facts:
        assert "my secret" not in line_of(fact_reply(fact, texts=False)).decode()
        assert "my secret" in line_of(fact_reply(fact, texts=True)).decode()
    assert fact_reply(facts[1], texts=False) == {
        "fact": "ReplyHeard", "turn": 1, "heard": 800, "received": 900, "cut": True, "first_audio": 300,
    }  # fmt: skip
    assert fact_reply(Spent(Usage(text_in=5)), texts=False)["usage"]["text_in"] == 5


def test_a_card_is_shown_with_its_contents_to_who_may_read_texts() -> None:
    card = CardShown(Card("timer-1", "Tea", "my secret", Image("image/png", PNG), ends_at=99.5))
    assert fact_reply(card, texts=False) == {
        "fact": "CardShown", "card": {"id": "timer-1", "image": "image/png", "ends_at": 99.5},
    }  # fmt: skip
    whole = {"id": "timer-1", "title": "Tea", "text": "my secret", "image": "image/png", "ends_at": 99.5}
    assert fact_reply(card, texts=True, images=False)["card"] == whole
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert fact_reply(card, texts=True)["card"] == {**whole, "image": url}


@given(st.text())
def test_a_reply_comes_through(text: str) -> None:
    line = line_of({"answer": text})
    assert line.count(b"\n") == 1
    assert parse_reply(line) == {"answer": text.encode("utf-8", "replace").decode()}
    assert parse_reply(line_of({"protocol": 1, "answer": text})) == parse_reply(line)


def test_an_error_and_nonsense_are_raised() -> None:
    ended = fact_reply(RequestEnded("control-1", error="it was interrupted"), texts=False)
    assert parse_reply(line_of(ended)) == ended
    with pytest.raises(ControlError, match=r"^the brain is asleep$"):
        parse_reply(b'{"error": "the brain is asleep"}\n')
    with pytest.raises(ControlError, match="are voiced and the daemon the same version"):
        parse_reply(b"HTTP/1.1 400 Bad Request\n")


def complaint(line: bytes) -> str:
    """What is said about this line; "" where it is a request."""
    try:
        parse_request(line)
    except ControlError as error:
        return str(error)
    return ""
