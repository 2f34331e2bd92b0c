"""A server that does as it likes, for what OpenAI's never does: it answers what a test says, and notes what it gets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from voiced.testing.http import spoken


@dataclass
class OtherServer:
    """`chats`: the chunks of each chat answer."""

    base_url: str = ""
    chats: list[list[dict[str, Any]]] = field(default_factory=list)
    speech: bytes = b""
    speech_type: str = "application/octet-stream"
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.paths.append(request.path)
        if request.path.endswith("/chat/completions"):
            self.bodies.append(await request.json())
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for chunk in self.chats.pop(0):
                await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            await response.write(b"data: [DONE]\n\n")
            return response
        if request.path.endswith("/audio/speech"):
            text = (await request.json())["input"]
            return web.Response(body=self.speech or spoken(text), headers={"Content-Type": self.speech_type})
        if request.path.endswith("/audio/transcriptions"):
            return web.json_response({"text": "Hello."})
        return web.Response(status=404)


@asynccontextmanager
async def other_server() -> AsyncIterator[OtherServer]:
    server = OtherServer()
    application = web.Application(client_max_size=2**25)
    application.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        server.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield server
    finally:
        await runner.cleanup()


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None) -> dict[str, Any]:
    """An event of a chat stream with as little in it as some servers send."""
    return {"choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}]}
