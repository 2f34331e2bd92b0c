"""A server that is reached by streamable HTTP, on loopback."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.plugins.mcp.conftest import House
from voiced.conversation.events import ToolsChanged

BAD_REQUEST = {"code": -32600, "message": "Bad Request: Missing session ID"}

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def by_http(port: int, **settings: Any) -> dict[str, Any]:
    return {"url": f"http://127.0.0.1:{port}/mcp", "allow": ["*"], **settings}


@pytest.mark.parametrize("how", [(), ("json",)])
async def test_its_tools_are_called(house: House, port: int, how: tuple[str, ...]) -> None:
    home = house.home(house=by_http(port, timeout_s=7))
    async with house.listening(port, *how), home.running() as tools:
        assert tools == ()
        assert "lamps" in await home.tools()
        assert await home.answer("lamps", room="bath") == "In the bath all lamps are off."
        assert [image.data[1:4] for image in (await home.call("camera")).images] == [b"PNG"]
        assert await home.complaint("fuse") == "Error executing tool fuse"
        call = home.start("hang")
        await house.clock.timer_is_set(7)
        house.clock.advance(seconds=7)
        assert "took longer than 7 s" in (await home.returned(call)).output
        assert await home.answer("switch", room="bath") == "The bath is bright."


async def test_its_tools_change_when_it_says_so(house: House, port: int) -> None:
    home = house.home(house=by_http(port))
    async with house.listening(port), home.running():
        await home.tools()
        await home.answer("grow")
        assert "lanterns" in await home.tools()


async def test_one_that_dies_comes_back(house: House, port: int) -> None:
    home = house.home(house=by_http(port))
    async with home.running():
        assert await house.away() == "it can't be reached"
        async with house.listening(port):
            house.clock.advance(seconds=2)
            await home.tools()
            assert await home.complaint("die") == (
                "The house server went away in the middle of it. Whether it was done is not known."
            )
        assert await house.away(2) == "it can't be reached"
        assert await home.complaint("lamps", room="bath") == "The house server does not answer just now."
        async with house.listening(port):
            house.clock.advance(seconds=4)
            await house.connected(2)
            assert await home.answer("lamps", room="bath") == "In the bath all lamps are off."
        assert house.told("calls") == ["die"]


async def test_one_that_never_came_is_told_to_whoever_looks(house: House, port: int) -> None:
    home = house.home(house=by_http(port))
    async with home.running():
        for times in range(1, 4):
            await house.away(times)
            assert not home.status("mcp").problems
            house.clock.advance(seconds=2 * 2**times)
        await house.away(4)
        assert home.status("mcp").problems == (
            "the server house could not be used at its first 4 tries: it can't be reached; it is tried again",
        )


async def test_one_that_hangs_is_left(house: House, port: int) -> None:
    home = house.home(house=by_http(port, timeout_s=7))
    async with house.listening(port), home.running():
        await home.tools()
        call = home.start("freeze")
        await house.tells("calls", 1)
        house.clock.advance(seconds=7)
        assert not (await home.returned(call)).ok
        await house.clock.timer_is_set(10)
        house.clock.advance(seconds=10)
        assert await house.away() == "it hangs"
        assert home.untaken(ToolsChanged) == []


@pytest.mark.real_time
async def test_voiced_ends_beside_one_that_hangs(house: House, port: int) -> None:
    home = house.home(house=by_http(port))
    async with house.listening(port):
        async with home.running():
            await home.tools()
            home.start("freeze")
            await house.tells("calls", 1)
            begun = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - begun < 2


# One that speaks the protocol of before 2026, with sessions.


class OldServer:
    """It has one tool; what it is told by which method is in `heard`. While `deaf`, goodbyes are not answered."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.session = "first"
        self.tool = "old"
        self.deaf = False
        self.news = asyncio.Event()

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        app = web.Application()
        app.add_routes([web.post("/mcp", self._post), web.get("/mcp", self._get), web.delete("/mcp", self._delete)])
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield
        finally:
            await runner.cleanup()

    async def _post(self, request: web.Request) -> web.Response:
        message = await request.json()
        method = message["method"]
        if method == "server/discover":
            return web.json_response({"jsonrpc": "2.0", "id": "server-error", "error": BAD_REQUEST}, status=400)
        self.heard.append(method)
        if method != "initialize" and request.headers["mcp-session-id"] != self.session:
            return web.Response(status=404)
        match method:
            case "initialize":
                about = {"protocolVersion": "2025-06-18", "serverInfo": {"name": "old", "version": "1"}}
                result: dict[str, Any] = {**about, "capabilities": {"tools": {"listChanged": True}}}
            case "tools/list":
                result = {"tools": [{"name": self.tool, "inputSchema": {"type": "object"}}]}
            case "tools/call":
                result = {"content": [{"type": "text", "text": f"{message['params']['name']} is done"}]}
            case _:
                return web.Response(status=202)
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        return web.json_response(answer, headers={"mcp-session-id": self.session})

    async def _get(self, request: web.Request) -> web.StreamResponse:
        self.heard.append("GET")
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await self.news.wait()
        await stream.write(b'data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n')
        await asyncio.Event().wait()
        return stream

    async def _delete(self, _: web.Request) -> web.Response:
        self.heard.append("DELETE")
        if self.deaf:
            await asyncio.Event().wait()
        return web.Response()


async def test_an_old_server(house: House, port: int) -> None:
    old = OldServer()
    home = house.home(house=by_http(port))
    async with old.listening(port):
        async with home.running():
            assert await home.tools() == ("old",)
            assert await home.answer("old") == "old is done"
            await house.until(lambda: "GET" in old.heard)
            old.tool = "older"
            old.news.set()
            assert await home.tools() == ("older",)
            assert await home.answer("older") == "older is done"
        assert old.heard[-1] == "DELETE"


async def test_an_old_server_that_forgot_the_session_gets_another(house: House, port: int) -> None:
    old = OldServer()
    home = house.home(house=by_http(port))
    async with old.listening(port), home.running():
        await home.tools()
        old.session = "second"
        assert await home.complaint("old") == "The house server refused: Session terminated"
        assert await house.away() == "it does not list its tools any more"
        house.clock.advance(seconds=2)
        await house.connected(2)
        assert await home.answer("old") == "old is done"
        assert old.heard.count("tools/call") == 2


@pytest.mark.real_time
async def test_goodbye_is_said_to_an_old_server_and_not_waited_for(house: House, port: int) -> None:
    old = OldServer()
    old.deaf = True
    home = house.home(house=by_http(port))
    async with old.listening(port):
        async with home.running():
            await home.tools()
            begun = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - begun < 2
        assert old.heard[-1] == "DELETE"


# Bad ones, by hand.


@asynccontextmanager
async def answering(port: int, answer: Answer) -> AsyncIterator[list[bytes]]:
    """A web server that answers each request like that; gives the requests' heads."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield heads
    finally:
        server.close()


def says(head: str, body: bytes = b"") -> Answer:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        writer.write(f"HTTP/1.1 {head}\r\n{length}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()

    return answer


def pours(kind: str, chunk: bytes) -> Answer:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode())
        while True:
            writer.write(chunk)
            await writer.drain()

    return answer


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (says("401 Unauthorized"), "it wants another token (HTTP 401)"),
        (says("403 Forbidden", b"{}"), "it wants another token (HTTP 403)"),
        (says("500 Oh", b"no"), "it refused (error -32603)"),
        (says("200 OK\r\nContent-Type: text/html", b"<p>Hello!"), "it refused (error -32600)"),
        (says("200 OK\r\nContent-Type: application/json", b"[[["), "it refused (error -32700)"),
        (
            says(
                "200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip", gzip.compress(bytes(10_000_000))
            ),
            "it packs its answers, though it was asked not to",
        ),
        (says("307 Elsewhere\r\nLocation: http://127.0.0.1:1/mcp"), "it refused (error -32600)"),
        (pours("application/json", b"x" * 65536), "it sends a message that is too large"),
        (pours("text/event-stream", b"data: {}\n\n" * 1000), "it sends more than can be read beside a conversation"),
        (pours("text/event-stream", b"x" * 65536), "it sends more than can be read beside a conversation"),
    ],
)
async def test_one_that_is_no_use_is_left(house: House, port: int, answer: Answer, reason: str) -> None:
    home = house.home(house=by_http(port))
    async with answering(port, answer), home.running() as tools:
        assert await house.away() == reason
        assert tools == ()


@pytest.mark.parametrize("settings", [{}, {"headers": {"X-House": "mine"}}])
async def test_a_token_is_sent_and_never_told(
    house: House, port: int, tmp_path: Path, settings: dict[str, Any]
) -> None:
    (tmp_path / "token").write_text("hush-hush\n")
    home = house.home(house=by_http(port, token_file=str(tmp_path / "token"), **settings))
    async with answering(port, says("401 Unauthorized")) as heads, home.running():
        await house.away()
    assert b"authorization: bearer hush-hush" in heads[0].lower()
    assert (b"x-house: mine" in heads[0].lower()) == bool(settings)
    assert "hush" not in str(house.log)


async def test_a_token_of_the_environment(house: House, port: int) -> None:
    home = house.home(house=by_http(port))
    home.environ["VOICED_SECRET_MCP_HOUSE"] = "hush-hush"
    async with answering(port, says("401 Unauthorized")) as heads, home.running():
        await house.away()
    assert b"authorization: bearer hush-hush" in heads[0].lower()


async def test_a_token_that_is_missing(house: House, port: int) -> None:
    home = house.home(house=by_http(port, token_file="/no/such/file"), other=house.raw("is good", token_env="TOKEN"))
    async with home.running():
        assert await house.away(2) == "its token is missing"
        first, second = sorted(home.status("mcp").problems)
        assert first.startswith("the server house has no token: ")
        assert "/no/such/file" in first
        assert first != second
        assert "VOICED_SECRET_MCP_OTHER" in second
    assert house.told("starts") == []


@pytest.mark.parametrize("token", [b"hush\nhush", b"hush\xff", "hüsh".encode()])
async def test_a_token_that_is_none_is_not_quoted(house: House, port: int, token: bytes) -> None:
    (house.folder / "token").write_bytes(token)
    home = house.home(house=by_http(port, token_file=str(house.folder / "token")))
    async with home.running():
        assert await house.away() == "its token can't be sent"
        assert home.status("mcp").problems == ("the token of the server house has characters that no token has",)
    assert "hush" not in str(house.log)


async def test_a_program_gets_its_token_by_its_environment(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_SECRET", "not for servers")
    told = house.folder / "environ"
    home = house.home(house={"command": ["sh", "-c", f"env > {told}"], "token_env": "TOKEN", "env": {"A": "b"}})
    home.environ["VOICED_SECRET_MCP_HOUSE"] = "hush-hush"
    async with home.running():
        await house.away()
    environ = dict(line.split("=", 1) for line in told.read_text().splitlines() if "=" in line)
    assert (environ["TOKEN"], environ["A"]) == ("hush-hush", "b")
    assert "OTHER_SECRET" not in environ
