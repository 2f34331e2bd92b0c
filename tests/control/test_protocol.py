"""The control protocol: what is asked comes through, and whatever else comes gets a line that says what to do."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.audio import Ms
from voiced.control.protocol import (
    MAX_LINE,
    Ask,
    Call,
    Mute,
    Plugin,
    Plugins,
    Reload,
    Request,
    Say,
    Status,
    Stop,
    Volume,
    Watch,
    fact_reply,
    image_of,
    images_of,
    parse_reply,
    parse_request,
    reply_line,
    request_line,
)
from voiced.conversation.commands import ReplyHeard, RequestEnded, Spent, UserHeard
from voiced.conversation.events import Image, Usage
from voiced.errors import ControlError

PNG = b"\x89PNG\r\n\x1a\n and so on"
JPEG = b"\xff\xd8\xff\xe0 and so on"
NO_SUCH_REQUEST = (
    "no such request; there are status, watch, say, ask, stop, mute, volume, reload, plugins, plugin, call"
)

requests: st.SearchStrategy[Request] = st.one_of(
    st.just(Status()),
    st.builds(Watch, texts=st.booleans()),
    st.builds(Say, text=st.text(min_size=1).filter(str.strip)),
    st.builds(Ask, text=st.text(min_size=1).filter(str.strip), images=st.lists(st.text(), max_size=3).map(tuple)),
    st.just(Stop()),
    st.builds(Mute, muted=st.booleans()),
    st.builds(Volume, percent=st.integers(0, 100)),
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
    st.sampled_from(["status", "watch", "say", "ask", "volume", "plugin", "call", "x"]),
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
        (b'{"do": "say", "text": "a", "loud": 1}', "say has no 'loud'; it has do, text"),
        (b'{"do": "volume", "percent": 101}', "volume.percent: input should be less than or equal to 100"),
        (b'{"do": "volume", "percent": "5"}', "volume.percent: input should be a valid integer"),
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
        assert "my secret" not in reply_line(fact_reply(fact, texts=False)).decode()
        assert "my secret" in reply_line(fact_reply(fact, texts=True)).decode()
    assert fact_reply(facts[1], texts=False) == {
        "fact": "ReplyHeard", "turn": 1, "heard": 800, "received": 900, "cut": True, "first_audio": 300,
    }  # fmt: skip
    assert fact_reply(Spent(Usage(text_in=5)), texts=False)["usage"]["text_in"] == 5


@given(st.text())
def test_a_reply_comes_through(text: str) -> None:
    line = reply_line({"answer": text})
    assert line.count(b"\n") == 1
    assert parse_reply(line) == {"answer": text.encode("utf-8", "replace").decode()}


def test_an_error_and_nonsense_are_raised() -> None:
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
