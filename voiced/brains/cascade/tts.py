"""Speech: a sentence goes up, its sound comes back as it is made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog

from voiced.ai.tries import Tries
from voiced.brains.cascade.services import Station
from voiced.brains.cascade.settings import CascadeSettings
from voiced.brains.cascade.sound import SpeechSound
from voiced.conversation.events import Usage
from voiced.errors import AnswerUnusable, ApiError

log = structlog.get_logger(__name__)

LONGEST_INPUT: Final = 4096
"""Characters that the API takes."""


class NoSound(AnswerUnusable):
    """The server answered with nothing to be heard, twice."""


class Voice:
    """Speaks sentences. `spent` gets what each request cost."""

    def __init__(self, station: Station, settings: CascadeSettings, spent: Callable[[Usage], None]) -> None:
        self._station = station
        self._settings = settings
        self._spent = spent
        self._told_of_wav = False

    async def speak(self, text: str, hear: Callable[[bytes], Awaitable[None]]) -> None:
        """Give `hear` PCM16 at 24 kHz, whole samples, as it comes; it may take its time. Raises ApiError.

        Where a request fails before any sound came, it is made once more.
        """
        assert len(text) <= LONGEST_INPUT
        tries = Tries(self._station.models)
        heard = False

        async def hear_of_it(pcm: bytes) -> None:
            nonlocal heard
            heard = True
            await hear(pcm)

        for _ in range(2):
            while True:
                try:
                    await self._ask(tries.model, text, hear_of_it)
                    break
                except ApiError as error:
                    await tries.again(error, begun=heard)
            if heard:
                return
        raise NoSound(f"speech: {self._station.host} sent no sound", code="no_sound")

    async def _ask(self, model: str, text: str, hear: Callable[[bytes], Awaitable[None]]) -> None:
        settings, client = self._settings, self._station.client
        options: dict[str, Any] = {}
        if settings.tts_speed != 1:
            options["speed"] = settings.tts_speed
        if settings.tts_instructions and not model.startswith("tts-1"):
            options["instructions"] = settings.tts_instructions
        patience, loop = settings.tts_timeout_s, asyncio.get_running_loop()
        async with (
            client.request("speech", patience) as deadline,
            client.openai.audio.speech.with_streaming_response.create(
                model=model, voice=settings.tts_voice, input=text, response_format="pcm", **options
            ) as response,
        ):
            self._spent(Usage(model, characters=len(text)))
            sound = SpeechSound(settings.tts_rate, response.headers.get("content-type", ""), self._station.host)
            async for data in response.iter_bytes():
                if pcm := sound.feed(data):
                    deadline.reschedule(None)  # whoever hears may be slow: that is not the server's fault
                    await hear(pcm)
                deadline.reschedule(loop.time() + patience)
            if pcm := sound.end():
                await hear(pcm)
            if sound.was_wav and not self._told_of_wav:
                self._told_of_wav = True
                log.warning("tts.wav", host=self._station.host, detail="it sent a WAV file instead of PCM; that works")
