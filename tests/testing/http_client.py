"""Clients of the HTTP server on loopback: OpenAI's own, and one that may send anything."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import openai

from voiced.testing.http import HttpLoopback

PATIENCE_S = 60.0
KEY = "sk-test"
HI: list[Any] = [{"role": "user", "content": "Hi"}]
LAMP: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "lamp",
        "description": "Switch.",
        "parameters": {
            "type": "object",
            "properties": {"on": {"type": "boolean"}},
            "required": ["on"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


@asynccontextmanager
async def sdk_of(server: HttpLoopback, key: str = KEY) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's client, which tries everything once."""
    async with openai.AsyncOpenAI(api_key=key, base_url=server.base_url, max_retries=0, timeout=PATIENCE_S) as client:
        yield client


class Answered:
    """`status`, `headers` and `body` of an answer."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """Those of a stream; what is no JSON is a text."""
        lines = [line.removeprefix("data: ") for line in self.body.decode().split("\n\n") if line]
        return [json.loads(line) if line.startswith("{") else line for line in lines]

    @property
    def error(self) -> dict[str, Any]:
        assert set(self.json) == {"error"}
        error: dict[str, Any] = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return error


class Raw:
    """Sends what a test tells it."""

    def __init__(
        self, session: aiohttp.ClientSession, base_url: str, headers: Mapping[str, str], patience_s: float
    ) -> None:
        self._patience_s = patience_s
        self._session = session
        self.base_url = base_url
        self._headers = headers

    async def ask(self, path: str, *, method: str = "POST", **what: Any) -> Answered:
        headers = {**self._headers, **what.pop("headers", {})}
        async with (
            asyncio.timeout(self._patience_s),
            self._session.request(method, f"{self.base_url}/{path}", headers=headers, **what) as response,
        ):
            return Answered(response.status, dict(response.headers), await response.read())

    async def chat(self, **body: Any) -> Answered:
        """A chat request that is right but for what `body` changes; None leaves a parameter out."""
        whole = {"model": "gpt-4o", "messages": HI} | body
        return await self.ask(
            "chat/completions", json={key: value for key, value in whole.items() if value is not None}
        )

    async def speak(self, **body: Any) -> Answered:
        whole = {"model": "tts-1", "voice": "coral", "input": "Hello.", "response_format": "pcm"} | body
        return await self.ask("audio/speech", json={key: value for key, value in whole.items() if value is not None})

    async def embed(self, **body: Any) -> Answered:
        whole = {"model": "text-embedding-3-small", "input": "Hello."} | body
        return await self.ask("embeddings", json={key: value for key, value in whole.items() if value is not None})

    async def transcribe(
        self,
        data: bytes | None = None,
        *,
        name: str | None = "speech.wav",
        path: str = "audio/transcriptions",
        **fields: str | list[str] | None,
    ) -> Answered:
        """A name with _s at its end is sent as [], once for each value."""
        form = aiohttp.FormData(default_to_multipart=True)
        if name is not None:
            file = io.BytesIO(wav(1.0) if data is None else data)  # bytes of this size make aiohttp complain
            form.add_field("file", file, filename=name, content_type="audio/wav")
        for key, value in ({"model": "whisper-1"} | fields).items():
            if isinstance(value, list):
                for each in value:
                    form.add_field(f"{key}[]", each)
            elif value is not None:
                form.add_field(key, value)
        return await self.ask(path, data=form)


@asynccontextmanager
async def raw_of(
    server: HttpLoopback,
    *,
    key: str | None = KEY,
    base_url: str | None = None,
    patience_s: float = PATIENCE_S,
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[Raw]:
    own = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession() as session:
        yield Raw(session, server.base_url if base_url is None else base_url, own | dict(headers or {}), patience_s)


def wav(seconds: float, rate: int = 24_000, channels: int = 1) -> bytes:
    """A file of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(bytes(int(seconds * rate) * 2 * channels))
    return file.getvalue()
