"""A bare Realtime client: sends what a test tells it and remembers what it got."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from voiced.testing.loopback import LoopbackServer

Event = dict[str, Any]

RATE = 24_000
PATIENCE_S = 60.0
GA_HEADERS = {"Authorization": "Bearer sk-test"}
BETA_HEADERS = {**GA_HEADERS, "OpenAI-Beta": "realtime=v1"}


class Client:
    """`events`: all that came, in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[Event] = []

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def next(self) -> Event:
        async with asyncio.timeout(PATIENCE_S):
            event: Event = json.loads(await self.socket.recv())
        self.events.append(event)
        return event

    async def until(self, kind: str) -> Event:
        """The next event of type `kind`; what comes before it is only remembered."""
        while (event := await self.next())["type"] != kind:
            pass
        return event

    async def until_seen(self, wanted: Counter[str]) -> None:
        """Read until each type has come as often as `wanted`, from the start of the session."""
        while wanted - Counter(event["type"] for event in self.events):
            await self.next()

    async def say(self, text: str) -> None:
        await self.send("conversation.item.create", item=user_says(text))

    async def ask(self, text: str, **response: Any) -> Event:
        """Write `text` and wait for the end of the reply: its `response.done`."""
        await self.say(text)
        await self.send("response.create", response=response)
        return await self.until("response.done")

    async def append(self, pcm: bytes, chunk_ms: int = 100) -> None:
        step = chunk_ms * RATE * 2 // 1000
        for start in range(0, len(pcm), step):
            await self.send("input_audio_buffer.append", audio=encoded(pcm[start : start + step]))

    async def configure(self, **session: Any) -> Event:
        await self.send("session.update", session={"type": "realtime", **session})
        return await self.until("session.updated")

    async def refusal(self, kind: str, **fields: Any) -> Event:
        """Send what the server must refuse, and get the `error` object."""
        await self.send(kind, **fields)
        error: Event = (await self.until("error"))["error"]
        return error

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def audio(self) -> bytes:
        """All reply audio that came, PCM16."""
        return b"".join(
            base64.b64decode(event["delta"])
            for event in self.events
            if event["type"] in ("response.output_audio.delta", "response.audio.delta")
        )


@asynccontextmanager
async def client_of(
    server: LoopbackServer,
    *,
    path: str = "/v1/realtime?model=gpt-realtime",
    headers: Mapping[str, str] = GA_HEADERS,
    greeted: bool = True,
) -> AsyncIterator[Client]:
    """A client that is connected and, when `greeted`, has read `session.created`."""
    url = f"ws://127.0.0.1:{server.port}{path}"
    async with connect(url, additional_headers=dict(headers), max_size=None, close_timeout=0.2) as socket:
        client = Client(socket)
        if greeted:
            await client.until("session.created")
        yield client


def user_says(text: str) -> Event:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def encoded(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


def silence(ms: int) -> bytes:
    return bytes(ms * RATE // 1000 * 2)


def speech(ms: int) -> bytes:
    """A buzz with syllables and a formant, which webrtcvad takes for a voice. PCM16 at 24 kHz."""
    seconds = np.arange(ms * RATE // 1000) / RATE
    pitch = 120 + 20 * np.sin(2 * np.pi * 3 * seconds)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(number * phase) / (1 + abs(number - 5)) for number in range(1, 25))
    syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * seconds)
    return np.round(3_000 * voice * syllables).astype("<i2").tobytes()


def collapsed(types: list[str]) -> list[str]:
    """Event types with runs of the same type as one."""
    return [kind for index, kind in enumerate(types) if index == 0 or kind != types[index - 1]]
