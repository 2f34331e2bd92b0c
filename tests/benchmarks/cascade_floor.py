"""Peers of the cascade: the least that can be done over HTTP, and what a tutorial does with the official client."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from tests.benchmarks.cascade_scripts import (
    CHAT_MODEL,
    SENTENCES,
    STT_MODEL,
    TOOL,
    TOOL_DESCRIPTION,
    TOOL_OUTPUT,
    TOOL_PARAMETERS,
    TTS_MODEL,
    VOICE,
    ScriptName,
)
from voiced.audio import samples_of

if TYPE_CHECKING:
    from openai import AsyncOpenAI

KEY: Final = "benchmark"
INSTRUCTIONS: Final = "Be brief."

_TOOLS: Final = [
    {
        "type": "function",
        "function": {"name": TOOL, "description": TOOL_DESCRIPTION, "parameters": TOOL_PARAMETERS, "strict": True},
    }
]
_BOUNDARY: Final = "----------benchmark"

Arrival = tuple[float, int]
"""`time.monotonic()`, and how many samples came."""


class RawHttp:
    """A socket that stays open, and of HTTP only what the loopback server makes of it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, base_url: str) -> Self:
        parts = urlsplit(base_url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port))

    def close(self) -> None:
        self._writer.close()

    async def ask(self, path: str, body: bytes, kind: str = "application/json") -> AsyncIterator[bytes]:
        """The answer as it comes."""
        head = (
            f"POST /v1/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        assert b" 200 " in answer.split(b"\r\n")[0] + b" ", answer
        if b"content-length:" in answer:
            length = int(answer.split(b"content-length:")[1].split(b"\r\n")[0])
            yield await self._reader.readexactly(length)
            return
        while length := int(await self._reader.readuntil(b"\r\n"), 16):
            yield (await self._reader.readexactly(length + 2))[:-2]
        await self._reader.readexactly(2)


class Floor:
    """One connection for each service; it knows the first sentence when it sees it, and says that one alone."""

    def __init__(self, script: ScriptName, wav: bytes) -> None:
        self.sounds = asyncio.Event()
        self._script = script
        self._sentence = SENTENCES[script][0]
        form = "".join(
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in (("model", STT_MODEL), ("response_format", "json"))
        )
        file = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        self._form = form.encode() + file.encode() + wav + f"\r\n--{_BOUNDARY}--\r\n".encode()
        self._speech = json.dumps(
            {"model": TTS_MODEL, "voice": VOICE, "input": self._sentence, "response_format": "pcm"}
        ).encode()

    async def open(self, base_url: str) -> None:
        self._stt, self._chat, self._tts = [await RawHttp.open(base_url) for _ in range(3)]

    def close(self) -> None:
        """Hang up."""
        for each in (self._stt, self._chat, self._tts):
            each.close()

    async def turn(self, heard: list[Arrival]) -> None:
        """Ask, and add to `heard` what is to be heard."""
        self.sounds.clear()
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": await self._write_down()},
        ]
        if self._script == "with a tool":
            call = await self._call(messages)
            messages += [
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": call["id"], "content": TOOL_OUTPUT},
            ]
        async with asyncio.TaskGroup() as tasks:
            said = ""
            speaking: asyncio.Task[None] | None = None
            async for delta in self._deltas(messages):
                said += delta.get("content") or ""
                if speaking is None and said.startswith(self._sentence):
                    speaking = tasks.create_task(self._say(heard))

    async def _write_down(self) -> str:
        kind = f"multipart/form-data; boundary={_BOUNDARY}"
        answer = b"".join([piece async for piece in self._stt.ask("audio/transcriptions", self._form, kind)])
        text: str = json.loads(answer)["text"]
        return text

    async def _call(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        async for delta in self._deltas(messages):
            for piece in delta.get("tool_calls", ()):
                if not found:
                    found = piece
                else:
                    found["function"]["arguments"] += piece["function"]["arguments"]
        found.pop("index")
        return found

    async def _deltas(self, messages: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        asked = {"model": CHAT_MODEL, "stream": True, "messages": messages, "tools": _TOOLS, "reasoning_effort": "none"}
        rest = b""
        async for piece in self._chat.ask("chat/completions", json.dumps(asked).encode()):
            *events, rest = (rest + piece).split(b"\n\n")
            for event in events:
                if event != b"data: [DONE]":
                    for choice in json.loads(event.removeprefix(b"data: "))["choices"]:
                        yield choice["delta"]

    async def _say(self, heard: list[Arrival]) -> None:
        async for pcm in self._tts.ask("audio/speech", self._speech):
            heard.append((time.monotonic(), samples_of(pcm)))
            self.sounds.set()


class Sequential:
    """The official client on a connection that stays open; each step is done before the next one begins."""

    def __init__(self, client: AsyncOpenAI, wav: bytes) -> None:
        self._client = client
        self._wav = wav

    async def turn(self, heard: list[Arrival]) -> None:
        """Ask, and add to `heard` what is to be heard."""
        transcript = await self._client.audio.transcriptions.create(
            model=STT_MODEL, file=("utterance.wav", self._wav, "audio/wav")
        )
        messages: list[Any] = [
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": transcript.text},
        ]
        while True:
            tools: Any = _TOOLS
            completion = await self._client.chat.completions.create(
                model=CHAT_MODEL, messages=messages, tools=tools, reasoning_effort="none"
            )
            message = completion.choices[0].message
            if not message.tool_calls:
                break
            messages.append(message)
            messages += [
                {"role": "tool", "tool_call_id": call.id, "content": TOOL_OUTPUT} for call in message.tool_calls
            ]
        speech = await self._client.audio.speech.create(
            model=TTS_MODEL, voice=VOICE, input=message.content or "", response_format="pcm"
        )
        heard.append((time.monotonic(), samples_of(speech.content)))
