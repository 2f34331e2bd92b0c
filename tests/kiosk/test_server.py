"""The kiosk's server with real sockets: pages are told everything, what they press is posted, and none does harm."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Origin, Subprotocol

from tests.kiosk.open_page import WITHIN_S, OpenPage, get, open_page
from voiced import __version__
from voiced.conversation.commands import (
    AttentionChanged,
    CardGone,
    CardShown,
    FloorChanged,
    QuestionAsked,
    RequestEnded,
    TalkKeyHeld,
    UserHeard,
)
from voiced.conversation.events import Card, Event, MuteAsked, StopAsked, TalkKeyMoved, TextAsked, VolumeAsked
from voiced.errors import ConfigError
from voiced.kiosk.browser_card import BrowserCard
from voiced.kiosk.door import WRONG_TRIES
from voiced.kiosk.requests import LONGEST
from voiced.kiosk.server import GONE_WITHIN_S, MAX_PAGES, MAX_SOCKETS, KioskServer
from voiced.kiosk.settings import KioskSettings

TOKEN = "correct-horse-battery"
AS_PAGE = {"X_Voiced": "page"}
HISTORY = [{"who": "user", "text": "Hello."}, {"who": "assistant", "text": "Good morning."}]


@dataclass
class Kiosk:
    """A server, and what reached the hub through it."""

    server: KioskServer
    events: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)

    async def posted(self) -> Event:
        async with asyncio.timeout(WITHIN_S):
            return await self.events.get()


@contextlib.asynccontextmanager
async def kiosk(*, token: str = "", card: BrowserCard | None = None, **settings: Any) -> AsyncIterator[Kiosk]:
    events: asyncio.Queue[Event] = asyncio.Queue()
    server = KioskServer(
        KioskSettings(**{"port": 0, **settings}),
        token=SecretStr(token),
        post=events.put_nowait,
        status=lambda: {"floor": "idle", "muted": False},
        history=lambda: HISTORY,
        level=lambda: -41.25,
        card=card,
        now=lambda: 1000.0,
    )
    async with server.listening():
        running = asyncio.create_task(server.run())
        try:
            yield Kiosk(server, events)
            assert not running.done(), "it goes on, whatever pages do"
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                async with asyncio.timeout(WITHIN_S):
                    await running


async def still_serves(home: Kiosk) -> None:
    """Somebody else is answered."""
    async with open_page(home.server) as page:
        await page.ask(do="stop")
        while not isinstance(await home.posted(), StopAsked):
            pass


# The page itself.


async def test_the_page_and_its_files_are_served_with_nothing_from_elsewhere() -> None:
    async with kiosk() as home:
        status, headers, body = await get(home.server)
        script = await get(home.server, "/page.js")

    assert status == 200
    assert b"<!doctype html>" in body
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Length"] == str(len(body))
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "microphone=(self)" in headers["Permissions-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Server" not in headers
    assert script[0] == 200
    assert script[1]["Content-Type"] == "text/javascript; charset=utf-8"


async def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    async with kiosk() as home:
        _, headers, _ = await get(home.server)
        status, again, body = await get(home.server, If_None_Match=headers["ETag"])
        other, *_ = await get(home.server, If_None_Match='"older"')

    assert headers["Cache-Control"] == "no-cache"
    assert (status, body, again["ETag"]) == (304, b"", headers["ETag"])
    assert other == 200


@pytest.mark.parametrize("path", ["/nowhere", "/../settings.py", "/%2e%2e/settings.py", "//etc/passwd", "*", "/["])
async def test_nothing_else_is_served(path: str) -> None:
    async with kiosk() as home:
        status, _, body = await get(home.server, path)

    assert status == 404
    assert body == b"There is no such file; open / in a browser.\n"


# Who may come in.


async def test_a_page_of_a_foreign_origin_is_refused_in_a_sentence() -> None:
    async with kiosk() as home:
        with pytest.raises(InvalidStatus) as refused:
            async with open_page(home.server, origin="http://evil.example"):
                pass
        await still_serves(home)

    response = refused.value.response
    assert response.status_code == 403
    assert response.body == b"Another site may not talk to voiced; open voiced's own page in the browser.\n"


async def test_a_name_that_somebody_had_lead_here_is_refused() -> None:
    async with kiosk() as home:
        looked, _, body = await get(home.server, Host="evil.example")
        talked, *_ = await get(home.server, "/ws", Host="evil.example", Origin="http://evil.example", **AS_PAGE)

    assert (looked, talked) == (403, 403)
    assert b"kiosk.names" in body


async def test_a_wrong_token_is_refused_and_the_right_one_is_not() -> None:
    async with kiosk(token=TOKEN) as home:
        for wrong in ("", "wrong"):
            with pytest.raises(InvalidStatus) as refused:
                async with open_page(home.server, token=wrong):
                    pass
            assert refused.value.response.status_code == 401
        async with open_page(home.server, token=TOKEN) as page:
            assert page.hello["token_needed"] is True
        page_itself, *_ = await get(home.server)
        judged, _, why = await get(home.server, "/ws?token=wrong", **AS_PAGE)
        right, *_ = await get(home.server, f"/ws?token={TOKEN}", **AS_PAGE)
        for _ in range(WRONG_TRIES):
            last, *_ = await get(home.server, "/ws?token=guess", **AS_PAGE)

    assert page_itself == 200
    assert (judged, why) == (401, b"This token is wrong; the right one is in kiosk.token_file.\n")
    assert right == 426
    assert last == 429


async def test_what_a_foreign_site_has_a_browser_send_uses_up_no_tries() -> None:
    async with kiosk(token=TOKEN) as home:
        for _ in range(WRONG_TRIES):
            picture = await get(home.server, "/ws?token=guess")  # <img src>: a browser tells no Origin
            script, *_ = await get(home.server, "/ws?token=guess", Origin="http://evil.example", **AS_PAGE)
            with pytest.raises(InvalidStatus):
                async with open_page(home.server, origin="http://evil.example", token="guess"):
                    pass
        guessed, *_ = await get(home.server, f"/ws?token={TOKEN}")
        async with open_page(home.server, token=TOKEN) as page:
            assert page.hello["token_needed"] is True

    assert (picture[0], picture[2]) == (400, b"This is for the page; open / in a browser.\n")
    assert script == 403
    assert guessed == 400, "whether it was right is not told"


async def test_a_page_of_another_version_is_told_to_reload() -> None:
    async with kiosk() as home:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(
                home.server.url.replace("http", "ws") + "ws", subprotocols=[Subprotocol("voiced.v0")], proxy=None
            ):
                pass

    assert refused.value.response.status_code == 400
    assert b"reload the page" in refused.value.response.body


async def test_more_pages_than_it_bears_are_refused_until_one_is_closed() -> None:
    async with kiosk() as home, contextlib.AsyncExitStack() as pages:
        for _ in range(MAX_PAGES):
            last = await pages.enter_async_context(open_page(home.server))
        status, _, body = await get(home.server, "/ws", **AS_PAGE)
        with pytest.raises(InvalidStatus) as refused:
            async with open_page(home.server):
                pass
        await last.connection.close()
        await still_serves(home)

    assert (status, body) == (503, f"{MAX_PAGES} pages are open already; close one of them.\n".encode())
    assert refused.value.response.status_code == 503


async def test_a_page_that_comes_over_tls_may_talk() -> None:
    certificate = Path(__file__).parent / "certificate.pem"
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with kiosk(certificate_file=str(certificate)) as home:
        assert home.server.url.startswith("https://127.0.0.1:")
        async with connect(
            home.server.url.replace("https", "wss") + "ws",
            origin=Origin(home.server.url.rstrip("/")),
            subprotocols=[Subprotocol("voiced.v1")],
            ssl=trusting,
            proxy=None,
        ) as connection:
            assert "hello" in json.loads(await connection.recv())


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    for name in ("none.pem", "nowhere.pem"):
        with pytest.raises(ConfigError, match=rf"certificate_file .*{name} can't be used"):
            KioskServer(
                KioskSettings(certificate_file=str(tmp_path / name)), post=print, status=dict, level=lambda: 0.0
            )


async def test_a_port_that_is_taken_is_one_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127.0.0.1 port {port} .*choose another kiosk.port"):
            async with kiosk(port=port):
                pass
    with pytest.raises(ConfigError, match=r"192.0.2.1 port .*an address of this machine in kiosk.host"):
        async with kiosk(host="192.0.2.1", allow_remote=True, token=TOKEN):
            pass


async def test_a_page_for_all_machines_is_at_the_name_of_this_one() -> None:
    async with kiosk(host="0.0.0.0", allow_remote=True, token=TOKEN) as home:
        assert home.server.url.startswith(f"http://{socket.gethostname()}:")


# What pages are told.


async def test_a_page_is_greeted_with_all_there_is() -> None:
    async with kiosk(language="de") as home:
        home.server.report(CardShown(Card("tea", title="Tea", ends_at=1060.0)))
        home.server.report(CardShown(Card("egg", title="Egg", ends_at=999.0)))
        home.server.report(CardShown(Card("gone")))
        home.server.report(CardGone("gone"))
        home.server.report(TalkKeyHeld(True))
        home.server.report(AttentionChanged(False))
        async with open_page(home.server) as page:
            assert page.hello == {
                "version": __version__,
                "status": {"floor": "idle", "muted": False, "talking": True, "attentive": False},
                "history": HISTORY,
                "cards": [{"id": "tea", "title": "Tea", "text": "", "image": None, "ends_at": 1060.0}],
                "sound": False,
                "token_needed": False,
                "language": "de",
            }


async def test_pages_are_told_what_happens_with_what_people_say() -> None:
    async with kiosk() as home, open_page(home.server) as one, open_page(home.server) as other:
        home.server.report(FloorChanged("listening"))
        home.server.report(UserHeard(3, "Grüße 你好 \ud83d"))
        home.server.report(CardShown(Card("tea", title="Tea")))
        home.server.report(CardGone("tea"))
        for page in (one, other):
            assert await page.told("FloorChanged") == {"fact": "FloorChanged", "floor": "listening"}
            assert (await page.told("UserHeard"))["text"] == "Grüße 你好 ?"
            assert (await page.told("CardShown"))["card"]["title"] == "Tea"
            assert await page.told("CardGone") == {"fact": "CardGone", "id": "tea"}


async def test_who_looks_sees_the_level_of_the_microphone_move() -> None:
    async with kiosk() as home, open_page(home.server) as page:
        assert await page.told("level") == -41.2
        assert await page.told("level") == -41.2


# What pages ask for.


async def test_what_is_pressed_on_a_page_reaches_the_conversation() -> None:
    async with kiosk() as home, open_page(home.server) as page:
        await page.ask(do="ask", text="What time is it?")
        await page.ask(do="stop")
        await page.ask(do="mute", muted=True)
        await page.ask(do="volume", percent=30)
        await page.ask(do="ptt", action="down")
        await page.ask(do="ptt", action="up", version=1)

        assert [await home.posted() for _ in range(6)] == [
            TextAsked("kiosk-1", "What time is it?"),
            StopAsked(),
            MuteAsked(True),
            VolumeAsked(30),
            TalkKeyMoved("down"),
            TalkKeyMoved("up"),
        ]


async def test_who_asked_gets_the_answer_and_the_others_see_that_it_was_given() -> None:
    async with kiosk() as home, open_page(home.server) as asker, open_page(home.server) as other:
        await asker.ask(do="ask", text="May I?")
        asked = await home.posted()
        assert isinstance(asked, TextAsked)
        home.server.report(QuestionAsked(asked.request, "Are you sure?"))
        home.server.report(RequestEnded(asked.request, text="You may."))

        assert (await asker.told("QuestionAsked"))["text"] == "Are you sure?"
        assert await asker.told("answer") == "You may."
        assert (await other.told("RequestEnded"))["text"] == "You may."

        await asker.ask(do="ask", text="And now?")
        asked = await home.posted()
        assert isinstance(asked, TextAsked)
        home.server.report(RequestEnded(asked.request, error="no brain is connected; see `voiced status`"))
        assert await asker.told("error") == "no brain is connected; see `voiced status`"


async def test_status_and_history_are_told_to_who_asks() -> None:
    async with kiosk() as home, open_page(home.server) as page:
        await page.ask(do="history")
        assert await page.told("history") == HISTORY
        await page.ask(do="status")
        assert (await page.told("status"))["floor"] == "idle"


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        pytest.param("stop", "this line is not JSON", id="not JSON"),
        pytest.param("", "this line is not JSON", id="empty"),
        pytest.param("[" * 50_000, "", id="brackets"),
        pytest.param("17", "this is no request", id="a number"),
        pytest.param('{"do": "dance"}', "no such request", id="unknown verb"),
        pytest.param('{"do": ["sound"]}', "no such request", id="a list of verbs"),
        pytest.param('{"do": "quit"}', "a page can't ask for 'quit'", id="not for pages"),
        pytest.param('{"do": "call", "tool": "shell"}', "a page can't ask for 'call'", id="a tool"),
        pytest.param('{"do": "stop", "version": 99}', "version", id="of another version"),
        pytest.param('{"do": "volume", "percent": 101}', "percent: ", id="out of bounds"),
        pytest.param('{"do": "ask", "text": " "}', "text is empty", id="nothing asked"),
        pytest.param('{"do": "ask", "text": "x", "images": ["!"]}', "picture 1 is not base64", id="no picture"),
        pytest.param('{"do": "sound", "on": true, "rate": 7}', "sound.rate: ", id="no rate"),
        pytest.param('{"do": "sound"}', "sound.on: ", id="neither on nor off"),
        pytest.param("x" * (LONGEST + 1), f"longer than {LONGEST} characters", id="too long"),
        pytest.param(b"\x00\x01\x02\x03", "own sound card", id="sound that nobody wants"),
    ],
)
async def test_what_makes_no_sense_is_answered_with_one_line(sent: str | bytes, error: str) -> None:
    async with kiosk() as home, open_page(home.server) as page:
        await page.connection.send(sent)
        await page.connection.send(sent)
        told = await page.told("error")
        await page.ask(do="history")
        message = None
        while message is None or "level" in message:
            message = json.loads(await page.connection.recv())

        assert error in told
        assert "\n" not in told
        assert message == {"history": HISTORY}, "the same mistake is told once"
        assert home.events.empty()


# Pages that do harm.


async def test_ten_megabytes_end_the_connection_of_who_sends_them_alone() -> None:
    async with kiosk() as home, open_page(home.server) as victim:
        for kind in (b"\x81", b"\x82"):  # a text, sound
            page = await _page_by_hand(home.server)
            with contextlib.suppress(ConnectionError):  # it need not wait for all of it
                await _sent(page, kind + b"\xff" + (10_000_000).to_bytes(8) + bytes(10_000_004))
            assert (1009).to_bytes(2) in await _rest(page), "a closing frame: the message is too big"
        await victim.ask(do="history")
        assert await victim.told("history") == HISTORY


async def test_what_is_no_websocket_ends_the_connection_of_who_sends_it_alone() -> None:
    async with kiosk() as home:
        for garbage in (
            b"\x00" * 9000,
            b"GET / HTTP/1.1\r\n" + b"x" * 100_000,
            b"POST / HTTP/1.1\r\n\r\n",
            b"\r\n\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(home.server.url.split(":")[2][:-1]))
            with contextlib.suppress(ConnectionError):
                writer.write(garbage)
                async with asyncio.timeout(WITHIN_S):
                    await reader.read()
            writer.close()
        await still_serves(home)


async def test_a_page_that_floods_is_hung_up_on_and_the_others_are_not() -> None:
    async with kiosk() as home, open_page(home.server) as victim, open_page(home.server) as flood:
        with contextlib.suppress(Exception):
            for _ in range(1000):
                await flood.ask(do="mute", muted=True)
        code, reason = await flood.closed()

        assert (code, reason) == (1008, "too many messages; reload the page")
        assert home.events.qsize() < 300
        await victim.ask(do="history")
        assert await victim.told("history") == HISTORY


async def test_a_page_that_does_not_read_is_hung_up_on_and_the_others_are_not() -> None:
    async with kiosk() as home, open_page(home.server) as victim:
        deaf = await _page_by_hand(home.server)
        picture = base64.b64encode(bytes(750_000)).decode()
        for number in range(60):
            home.server.report(UserHeard(number, picture))
            assert (await victim.told("UserHeard"))["turn"] == number
        await _rest(deaf)
        await still_serves(home)


@pytest.mark.real_time
async def test_connections_that_say_nothing_leave_room_and_are_not_waited_for_at_the_end() -> None:
    async with kiosk() as home:
        port = int(home.server.url.split(":")[2][:-1])
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_SOCKETS + 5)]
        hung_up_on = 0
        for reader, _ in silent[-5:]:
            async with asyncio.timeout(WITHIN_S):
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
                hung_up_on += 1
        for _, writer in silent[:10]:
            writer.close()
        async with asyncio.timeout(WITHIN_S):
            while True:  # until it noticed that they are gone
                with contextlib.suppress(OSError, WebSocketException):
                    await still_serves(home)
                    break
        began = asyncio.get_running_loop().time()
    for _, writer in silent:
        writer.close()

    assert hung_up_on == 5
    assert asyncio.get_running_loop().time() - began < GONE_WITHIN_S + 1.0


@pytest.mark.real_time
async def test_it_stops_soon_also_where_a_page_does_not_answer() -> None:
    async with kiosk() as home:
        deaf = await _page_by_hand(home.server)
        home.server.report(UserHeard(1, "x" * 8_000_000))
        await still_serves(home)
        began = asyncio.get_running_loop().time()
    deaf.close()

    assert asyncio.get_running_loop().time() - began < 2 * GONE_WITHIN_S + 1.0


# A page that is closed.


@pytest.mark.parametrize("gone", ["closed", "cut off"])
async def test_a_page_that_goes_lets_the_key_to_talk_go(gone: str) -> None:
    async with kiosk() as home, open_page(home.server) as page:
        await page.ask(do="ptt", action="down")
        assert await home.posted() == TalkKeyMoved("down")
        if gone == "closed":
            await page.connection.close()
        else:
            page.connection.transport.abort()

        assert await home.posted() == TalkKeyMoved("up")


async def test_a_page_that_goes_moves_no_key_that_it_does_not_hold() -> None:
    async with kiosk() as home:
        async with open_page(home.server) as page:
            await page.ask(do="ptt", action="down")
            await home.posted()
            home.server.report(TalkKeyHeld(True))
            home.server.report(TalkKeyHeld(False))  # it ended by itself
            await page.told("TalkKeyHeld", lambda fact: not fact["held"])
        async with open_page(home.server) as page:
            await page.ask(do="ptt", action="toggle")
            await page.ask(do="ptt", action="up")
            await home.posted()
            await home.posted()
        async with open_page(home.server) as page:
            await page.ask(do="history")
            await page.told("history")

        assert home.events.empty()


async def test_an_answer_to_a_page_that_is_gone_is_nothing_special() -> None:
    async with kiosk() as home:
        async with open_page(home.server) as page:
            await page.ask(do="ask", text="What time is it?")
            asked = await home.posted()
        assert isinstance(asked, TextAsked)
        await still_serves(home)
        home.server.report(RequestEnded(asked.request, text="Half past six."))


# Sound.


async def test_a_page_is_told_where_it_can_be_no_microphone() -> None:
    async with kiosk() as home, open_page(home.server) as page:
        await page.ask(do="sound", on=True, rate=48000)

        message = await _sound_told(page)
        assert message["sound"] == "off"
        assert 'kiosk.sound = "browser"' in message["reason"]


async def test_a_page_that_takes_the_sound_over_takes_it_from_the_other() -> None:
    async with kiosk(card=BrowserCard()) as home, open_page(home.server) as one, open_page(home.server) as other:
        assert one.hello["sound"] is True
        await one.ask(do="sound", on=True, rate=48000)
        assert await _sound_told(one) == {"sound": "on"}
        await other.ask(do="sound", on=True, rate=44100)
        assert await _sound_told(other) == {"sound": "on"}
        assert await _sound_told(one) == {
            "sound": "off",
            "reason": "another page is the microphone and loudspeaker now",
        }
        await one.connection.send(bytes(100))  # it was on its way
        await one.ask(do="sound", on=False)  # so was that
        await one.ask(do="history")
        await one.told("history")
        await other.connection.send(b"\x00" * 3)

        assert (await _sound_told(other))["reason"] == "the page sent half a sample: reload the page"


async def test_sound_of_a_page_that_is_no_microphone_is_an_error() -> None:
    async with kiosk(card=BrowserCard()) as home, open_page(home.server) as page:
        await page.connection.send(bytes(100))

        assert '{"do": "sound", "on": true}' in await page.told("error")


async def _sound_told(page: OpenPage) -> dict[str, Any]:
    async with asyncio.timeout(WITHIN_S):
        while True:
            message = await page.connection.recv()
            if isinstance(message, str) and "sound" in (read := json.loads(message)):
                assert isinstance(read, dict)
                return read


async def _page_by_hand(server: KioskServer) -> socket.socket:
    """A page that opens the WebSocket, and neither reads nor sends more than a test does."""
    loop = asyncio.get_running_loop()
    place = server.url.split("/")[2]
    page = socket.socket()
    page.setblocking(False)
    page.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await loop.sock_connect(page, ("127.0.0.1", int(place.split(":")[1])))
    key = base64.b64encode(bytes(16)).decode()
    lines = (
        "GET /ws HTTP/1.1",
        f"Host: {place}",
        f"Origin: http://{place}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Protocol: voiced.v1",
    )
    await _sent(page, "".join(f"{line}\r\n" for line in (*lines, "")).encode())
    assert b"101" in await loop.sock_recv(page, 100)
    return page


async def _sent(page: socket.socket, data: bytes) -> None:
    async with asyncio.timeout(WITHIN_S):
        await asyncio.get_running_loop().sock_sendall(page, data)


async def _rest(page: socket.socket) -> bytes:
    """All that it was sent, until it was hung up on."""
    received = bytearray()
    async with asyncio.timeout(WITHIN_S):
        with contextlib.suppress(ConnectionError):
            while data := await asyncio.get_running_loop().sock_recv(page, 2**20):
                received += data
    page.close()
    return bytes(received)
