"""Text on its way to become sound, part by part, whole or as it comes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from voiced.ai.ahead import Ahead, ahead
from voiced.ai.providers import Events, Providers, Server
from voiced.ai.saving import saving, to_its_end
from voiced.ai.speech_sound import PCM, SPEECH_FORMATS, SpeechFormat, SpeechSound
from voiced.ai.speech_text import MOST_CHARACTERS, parts
from voiced.errors import ApiUnreachable, RequestRejected, StreamCut
from voiced.usage import Usage

Voice = str | Mapping[str, str]
"""A name that the server knows, or {"id": "voice_..."} for one of one's own."""

VOICE: Final = "coral"
"""Where none is named: of OpenAI, and every model there has it."""

AHEAD_BYTES: Final = 2**20
"""Sound that may wait for whoever hears it: 20 s of PCM, more of anything else."""

_SUFFIXES: Final[Mapping[str, SpeechFormat]] = {
    ".mp3": "mp3",
    ".opus": "opus",
    ".ogg": "opus",
    ".aac": "aac",
    ".flac": "flac",
    ".wav": "wav",
    ".pcm": "pcm",
}


@dataclass(frozen=True, slots=True)
class SpeechWish:
    """How it is to sound. Raises RequestRejected for what no server takes."""

    format: SpeechFormat
    voice: Voice = VOICE
    speed: float = 1.0
    instructions: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.format not in SPEECH_FORMATS:
            raise RequestRejected(f"speech: {self.format!r} is no format: use one of {', '.join(SPEECH_FORMATS)}")
        own = isinstance(self.voice, Mapping) and set(self.voice) == {"id"} and self.voice["id"]
        if not (own or (isinstance(self.voice, str) and self.voice)):
            raise RequestRejected('speech: name a voice, such as coral, or {"id": "voice_..."} for one of your own')
        if not 0.25 <= self.speed <= 4:
            raise RequestRejected(f"speech: the speed is {self.speed:g}; use 0.25 to 4")
        if len(self.instructions) > MOST_CHARACTERS:
            raise RequestRejected(
                f"speech: the instructions have {len(self.instructions)} characters; use at most {MOST_CHARACTERS}"
            )

    def form(self, model: str, format_: SpeechFormat) -> dict[str, Any]:
        """The fields beside model and input, for an answer in this format. Raises RequestRejected."""
        fields: dict[str, Any] = {"voice": self.voice, "response_format": format_}
        if self.speed != 1:
            fields["speed"] = self.speed
        if self.instructions:
            if model.startswith("tts-1"):
                raise RequestRejected(f"speech: {model} takes no instructions: leave them out, or name another model")
            fields["instructions"] = self.instructions
        return fields


class Speaking:
    """One text, which is spoken, whole or as it comes. Raises ApiError.

    `model`, `provider`: "" for what is configured. `within_s`: for each part, and between two pieces of a stream.
    """

    def __init__(
        self,
        providers: Providers,
        text: str,
        wish: SpeechWish,
        *,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> None:
        if not isinstance(text, str) or not text.strip():
            raise RequestRejected("speech: there is nothing to say: give a text")
        self._providers = providers
        self._wish = wish
        self._model = model
        self._provider = provider
        self._within_s = within_s
        self._parts = parts(text)
        self.format = wish.format
        self.sound = SpeechSound(wish.format, len(self._parts))

    async def whole(self) -> bytes:
        """All of it. It is put together in threads."""
        await to_its_end(self.sound.prepare)
        pieces = [await self._spoken(part) for part in self._parts]
        return await to_its_end(lambda: self._joined(pieces))

    def _joined(self, pieces: list[bytes]) -> bytes:
        rest = self.sound.finish()
        header = self.sound.header
        return b"".join([header, pieces[0][len(header) :], *pieces[1:], rest])

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The sound as it comes; close it. Where it breaks off, StreamCut has the text of the parts that came whole."""
        if self.sound.encodes:
            await to_its_end(self.sound.prepare)
        for number, part in enumerate(self._parts):
            begun = False
            try:
                async with self._chunks(part) as chunks:
                    begun = True
                    self._stay_with(chunks.server)
                    async for data in chunks:
                        if piece := await self._worked(partial(self.sound.feed, data)):
                            yield piece
                    if piece := await self._worked(self.sound.end):
                        yield piece
            except ApiUnreachable as error:
                if not begun and not self.sound.given:
                    raise
                so_far = " ".join(self._parts[:number])
                raise StreamCut(f"{error}; {self.sound.given} bytes of sound came before", so_far) from error
        if piece := await self._worked(self.sound.finish):
            yield piece

    async def _worked(self, work: Callable[[], bytes]) -> bytes:
        """What comes of it, in a thread where it takes a while."""
        return await to_its_end(work) if self.sound.encodes else work()

    async def _spoken(self, part: str) -> bytes:
        async def request(server: Server) -> Any:
            fields = self._wish.form(server.model, self.sound.asked)
            return await server.openai.audio.speech.create(model=server.model, input=part, **fields)

        def read(answer: Any, server: Server) -> bytes:
            data: bytes = answer.content
            self._begin(part, server, answer.response.headers)
            self._stay_with(server)
            return data

        data = await self._providers.ask(
            "speech",
            request,
            read,
            model=self._model,
            provider=self._provider,
            within_s=self._within_s,
            lost=lambda server: [Usage(server.model, characters=len(part))],
        )
        return await to_its_end(lambda: self.sound.feed(data) + self.sound.end())

    def _chunks(self, part: str) -> AbstractAsyncContextManager[Events]:
        async def request(server: Server) -> Any:
            fields = self._wish.form(server.model, self.sound.asked)
            opening = server.openai.audio.speech.with_streaming_response.create(
                model=server.model, input=part, **fields
            )
            response = await opening.__aenter__()
            self._begin(part, server, response.headers)
            return _Chunks(response.iter_bytes(), opening)

        return self._providers.stream(
            "speech",
            request,
            model=self._model,
            provider=self._provider,
            within_s=self._within_s,
            lost=lambda server: [Usage(server.model, characters=len(part))],
        )

    def _begin(self, part: str, server: Server, headers: Mapping[str, str]) -> None:
        """The head of an answer has come, and the part is paid for."""
        self._providers.spend(Usage(server.model, characters=len(part)))
        self.sound.begin(server.client.endpoint.called, headers.get("content-type", ""))

    def _stay_with(self, server: Server) -> None:
        """Another voice in the middle would be heard."""
        self._model, self._provider = server.model, server.provider.name


class _Chunks:
    """The bytes of an answer, and what closes it."""

    def __init__(self, data: AsyncIterator[bytes], opened: AbstractAsyncContextManager[Any]) -> None:
        self._data = data
        self._opened = opened

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._data

    async def close(self) -> None:
        """Hang up."""
        try:
            if isinstance(self._data, AsyncGenerator):
                await self._data.aclose()
        finally:
            await self._opened.__aexit__(None, None, None)


class SpeechStream:
    """The sound as it comes. `format`: of what comes. Of PCM (16 bits, mono) each piece has whole samples of `rate` Hz.

    Iterate over it, or give it to `ToolContext.play`.
    """

    rate: Final = PCM.rate

    def __init__(self, format_: SpeechFormat, pieces: Ahead) -> None:
        self.format: SpeechFormat = format_
        self._pieces = pieces

    def __aiter__(self) -> SpeechStream:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._pieces)


@asynccontextmanager
async def streaming(speaking: Speaking) -> AsyncIterator[SpeechStream]:
    """The sound as it comes; the next part is asked for while the former is heard. Nothing is left open at the end."""
    async with ahead(speaking.pieces(), AHEAD_BYTES) as pieces:
        yield SpeechStream(speaking.format, pieces)


def format_of(path: Path) -> SpeechFormat:
    """By its suffix. Raises RequestRejected."""
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise RequestRejected(
            f"speech: {path}: its name does not say which format it is to have: end it with {', '.join(_SUFFIXES)}, or "
            "name a format"
        )
    return found


async def save(speaking: Speaking, path: Path) -> None:
    """Write it to a file as it comes, whole or not at all. Raises ApiError."""
    async with saving(path, "speech") as write, aclosing(speaking.pieces()) as pieces:
        async for piece in pieces:
            await write(piece)
    if header := speaking.sound.header:
        await to_its_end(lambda: _begin_with(header, path))


def _begin_with(header: bytes, path: Path) -> None:
    """Now that the length is known. Without it the file can be heard as well."""
    with contextlib.suppress(OSError), path.open("r+b") as file:
        file.write(header)
