"""The floor: the least that a bare `websockets` script does for the same conversation, with nothing to go wrong.

No reconnecting, no history, no settings, no plugins, no ducking, no underruns; one session, one reply at a time. It
shares the card, the voice activity detector and the rules of turn taking with voiced, so that both decide the same at
the same frame, and writes everything else the short way. Unlike voiced it sends a frame before it asks the detector.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect

from tests.benchmarks.rules import TOOLS, TURN
from voiced.audio import RATE, SAMPLE_BYTES, Frame, Ms
from voiced.capture.settings import CaptureSettings
from voiced.capture.vad import Vad
from voiced.conversation.barge_in import verdict
from voiced.conversation.endpointing import Onset, ending
from voiced.conversation.utterance import PreRoll, Utterance
from voiced.sound_card import BlockTime, SoundCard

PCM: Final = {"type": "audio/pcm", "rate": RATE}
SESSION: Final = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "audio": {"input": {"format": PCM, "turn_detection": None}, "output": {"format": PCM, "voice": "marin"}},
    "tools": [
        {
            "type": "function",
            "name": name,
            "description": "Say it back.",
            "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
        }
        for name in TOOLS
    ],
}


def echo(text: str) -> str:
    return text


class Floor:
    """A microphone, a socket and a loudspeaker, wired together."""

    def __init__(self, card: SoundCard, socket: ClientConnection) -> None:
        self._card = card
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()
        self._vad = Vad(CaptureSettings())
        self._onset = Onset(TURN)
        self._pre_roll = PreRoll(Ms(TURN.pre_roll_ms))
        self._utterance: Utterance | None = None
        self._streaming = False
        self._waiting = bytearray()  # sound for the loudspeaker
        self._lock = threading.Lock()
        self._played = 0  # bytes of the item
        self._item = ""
        self._response = ""
        self._unwanted = ""  # a response that was cancelled
        self._active = False
        self._tool_answered = False

    async def run(self) -> None:
        await self._send("session.update", session=SESSION)
        await asyncio.to_thread(self._open)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear())
            tasks.create_task(self._receive())

    def _open(self) -> None:
        self._card.open_output("", block_ms=10, callback=self._wanted, on_stopped=lambda reason="": None)
        self._card.open_input("", block_ms=20, callback=self._captured, on_stopped=lambda reason="": None)

    # In the device's thread.

    def _captured(self, pcm: bytes, _time: BlockTime, _overflowed: bool) -> None:
        self._loop.call_soon_threadsafe(self._frames.put_nowait, pcm)

    def _wanted(self, samples: int, _time: BlockTime, _underflowed: bool) -> bytes:
        size = samples * SAMPLE_BYTES
        with self._lock:
            block = bytes(self._waiting[:size])
            del self._waiting[:size]
            self._played += len(block)
        return block.ljust(size, b"\0")

    # Microphone to socket.

    async def _hear(self) -> None:
        while True:
            pcm = await self._frames.get()
            if self._streaming:
                await self._append(pcm)
            await self._take_turns(Frame(pcm, self._vad.speech(pcm)))

    async def _take_turns(self, frame: Frame) -> None:
        utterance = self._utterance
        if utterance is None:
            self._pre_roll.add(frame)
            if self._onset.heard(frame):
                self._utterance = Utterance(self._pre_roll.take(Ms(TURN.pre_roll_ms)))
                if not self._waiting:
                    await self._stream(self._utterance)
            return
        utterance.add(frame)
        if not self._streaming:
            match verdict(utterance, TURN, audible=True):
                case "barge_in":
                    await self._interrupt()
                    await self._stream(utterance)
                case "false_interruption":
                    self._utterance = None
        elif ending(utterance, TURN) == "over":
            self._streaming, self._utterance = False, None
            await self._send("input_audio_buffer.commit")
            await self._send("response.create")

    async def _stream(self, utterance: Utterance) -> None:
        self._streaming = True
        await self._append(utterance.pcm)

    async def _interrupt(self) -> None:
        with self._lock:
            self._waiting.clear()
        self._unwanted = self._response
        if self._active:
            await self._send("response.cancel")
        heard_ms = self._played // SAMPLE_BYTES * 1000 // RATE
        await self._send("conversation.item.truncate", item_id=self._item, content_index=0, audio_end_ms=heard_ms)

    async def _append(self, pcm: bytes) -> None:
        await self._send("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    async def _send(self, kind: str, **fields: object) -> None:
        await self._socket.send(json.dumps({"type": kind, **fields}))

    # Socket to loudspeaker.

    async def _receive(self) -> None:
        async for message in self._socket:
            event = json.loads(message)
            match event["type"]:
                case "response.created":
                    self._response, self._active = event["response"]["id"], True
                case "response.output_audio.delta" if event["response_id"] != self._unwanted:
                    self._play(event["item_id"], base64.b64decode(event["delta"]))
                case "response.output_item.done" if event["item"]["type"] == "function_call":
                    await self._run_tool(event["item"])
                case "response.done":
                    self._active = False
                    if self._tool_answered:
                        self._tool_answered = False
                        await self._send("response.create")

    def _play(self, item: str, pcm: bytes) -> None:
        with self._lock:
            if item != self._item:
                self._item, self._played = item, 0
            self._waiting += pcm

    async def _run_tool(self, call: dict[str, Any]) -> None:
        output = echo(**json.loads(call["arguments"]))
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": output}
        await self._send("conversation.item.create", item=result)
        self._tool_answered = True


async def serve(card: SoundCard, base_url: str) -> None:
    """Converse until cancelled."""
    address = base_url.replace("http", "ws", 1) + "/realtime?model=gpt-realtime"
    headers = {"Authorization": "Bearer benchmark"}
    async with connect(address, additional_headers=headers, compression=None, max_size=None) as socket:
        await Floor(card, socket).run()
