"""Sound on its way to be written down or translated, piece by piece, by a server that answers whole or in a stream."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, Literal

from voiced.ai.attachments import FileSource
from voiced.ai.providers import Providers, Server
from voiced.ai.sending import Progress
from voiced.ai.sound_pieces import Piece, pieces
from voiced.ai.transcription import Transcription, joined
from voiced.ai.transcription_answer import Heard, Whole, read, usage
from voiced.ai.transcription_wish import Wish, times_of
from voiced.errors import AnswerUnusable, ApiUnreachable, RequestRejected, StreamCut
from voiced.usage import Usage

Task = Literal["transcription", "translation"]

BYTES_SENT_PER_S: Final = 100_000
"""Through a slow connection: so many of a file give its request a second more."""

_TOO_LONG: Final = re.compile(r"(?i)duration.*longer than|too long")

DELTA: Final = "transcript.text.delta"
DONE: Final = "transcript.text.done"


class Writing:
    """One file, which is written down, or translated. Raises ApiError.

    `model`, `provider`: "" for what is configured. `within_s`: for each piece, None for ai.timeout_s and the time that
    it takes to send the piece.
    """

    def __init__(
        self,
        providers: Providers,
        task: Task,
        wish: Wish,
        *,
        progress: Progress | None = None,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> None:
        self._providers = providers
        self._task: Task = task
        self._wish = wish
        self._progress = progress
        self._model = model
        self._provider = provider
        self._within_s = within_s
        asked = providers.first(task, provider).model(task, model)
        if task == "translation":
            _translates(asked)
        self._cut = wish.cut(asked)
        self._whole = Whole(wish, "translate" if task == "translation" else "transcribe")

    async def whole(self, file: FileSource) -> Transcription:
        """All of it. Where a later piece does not reach the server, that is a StreamCut with the text so far."""
        async with aclosing(pieces(file, self._task, self._cut)) as found:
            async for piece in found:
                if piece.silent:
                    self._whole.add(piece, None)
                else:
                    try:
                        self._whole.add(piece, await self._heard(piece))
                    except ApiUnreachable as error:
                        raise (_cut_off(error, self._whole.text) if self._whole.text else error) from error
                    except RequestRejected as error:
                        raise _advised(error, piece) from error
                self._told(piece)
        return self.result()

    async def texts(self, file: FileSource) -> AsyncGenerator[str]:
        """The text as it comes; what comes belongs together as it is. Close it."""
        async with aclosing(pieces(file, self._task, self._cut)) as found:
            async for piece in found:
                begun = not self._whole.text
                async with aclosing(self._streamed(piece)) as texts:
                    async for text in texts:
                        yield text if begun or text[0].isspace() else f" {text}"
                        begun = True
                self._told(piece)

    def result(self) -> Transcription:
        """What was said in the pieces so far. Raises RequestRejected where there were none."""
        if self._whole.empty:
            raise RequestRejected(f"{self._task}: there is no sound in the file")
        return self._whole.result()

    async def _heard(self, piece: Piece) -> Heard:
        async def request(server: Server) -> Any:
            return await self._asked(server, piece)

        return await self._providers.ask(
            self._task,
            request,
            lambda answer, server: self._read(answer, piece, server),
            model=self._model,
            provider=self._provider,
            within_s=self._patience_s(piece),
            lost=lambda server: [_about(piece, server)],
        )

    async def _asked(self, server: Server, piece: Piece) -> Any:
        form = self._wish.form(server.model, self._cut, self._whole.text)
        try:
            if self._task == "translation":
                return await _translated(server, piece, form)
            part = (piece.name, piece.data)
            return await server.openai.audio.transcriptions.create(file=part, model=server.model, **form)
        except json.JSONDecodeError as error:
            raise AnswerUnusable(f"{self._task}: {server.client.endpoint.called} answers with no JSON") from error

    async def _streamed(self, piece: Piece) -> AsyncGenerator[str]:
        """The text of one piece, and at its end it is a part of the whole."""

        async def request(server: Server) -> Any:
            if times_of(server.model) == "all":  # Whisper has no stream
                return _AtOnce(await self._asked(server, piece))
            form = self._wish.form(server.model, self._cut, self._whole.text)
            part = (piece.name, piece.data)
            return await server.openai.audio.transcriptions.create(file=part, model=server.model, stream=True, **form)

        asked: Server | None = None
        heard: Heard | None = None
        so_far = ""
        try:
            async with self._providers.stream(
                "transcription",
                request,
                model=self._model,
                provider=self._provider,
                within_s=self._patience_s(piece),
                lost=lambda server: [_about(piece, server)],
            ) as events:
                asked = events.server
                async for event in events:
                    kind = getattr(event, "type", DONE)
                    if kind == DELTA and isinstance(event.delta, str) and event.delta:
                        so_far += event.delta
                        yield event.delta
                    elif kind == DONE:
                        heard = self._understood(event, piece, asked)
                        self._whole.add(piece, heard)
                        if not so_far and heard.text.strip():
                            yield heard.text.strip()
                        return
            raise ApiUnreachable(f"transcription: the stream of {asked.client.endpoint.called} ended too early")
        except ApiUnreachable as error:
            so_far = joined([self._whole.text, so_far])
            raise (_cut_off(error, so_far) if asked or so_far else error) from error
        except RequestRejected as error:
            raise _advised(error, piece) from error
        finally:
            if asked is not None and heard is None:  # what was sent is paid for, whatever came of it
                self._providers.spend(_about(piece, asked))

    def _understood(self, event: Any, piece: Piece, server: Server) -> Heard:
        try:
            return self._read(event, piece, server)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            called = server.client.endpoint.called
            raise AnswerUnusable(f"transcription: {called} answers in another form than the API's") from error

    def _read(self, answer: Any, piece: Piece, server: Server) -> Heard:
        heard = read(answer, piece, self._wish)
        self._providers.spend(usage(answer, piece, server.model))
        self._whole.model, self._whole.provider = server.model, server.provider.name
        return heard

    def _patience_s(self, piece: Piece) -> float:
        return self._within_s or self._providers.settings.timeout_s + len(piece.data) / BYTES_SENT_PER_S

    def _told(self, piece: Piece) -> None:
        if self._progress is not None:
            self._progress(piece.done, piece.total)


class TranscriptionStream:
    """The text as it comes, in pieces that belong together as they are."""

    def __init__(self, texts: AsyncGenerator[str], writing: Writing) -> None:
        self._texts = texts
        self._writing = writing
        self._ended = False

    def __aiter__(self) -> TranscriptionStream:
        return self

    async def __anext__(self) -> str:
        try:
            return await anext(self._texts)
        except StopAsyncIteration:
            self._ended = True
            raise

    @property
    def transcription(self) -> Transcription:
        """All of it, once the stream came to its end. Raises RuntimeError before."""
        if not self._ended:
            raise RuntimeError("the stream has not come to its end: iterate over it first")
        return self._writing.result()


@asynccontextmanager
async def streaming(writing: Writing, file: FileSource) -> AsyncIterator[TranscriptionStream]:
    """The texts of a file; nothing is left open at the end, whatever comes."""
    async with aclosing(writing.texts(file)) as texts:
        yield TranscriptionStream(texts, writing)


class _AtOnce:
    """An answer that is no stream, as a stream of one event."""

    def __init__(self, answer: Any) -> None:
        self._answers = [answer]

    def __aiter__(self) -> _AtOnce:
        return self

    async def __anext__(self) -> Any:
        if not self._answers:
            raise StopAsyncIteration
        return self._answers.pop()

    async def close(self) -> None:
        """Nothing is open."""


def _about(piece: Piece, server: Server) -> Usage:
    """What a piece costs whose answer did not come, or not whole."""
    return Usage(server.model, seconds=piece.about_s)


def _cut_off(error: ApiUnreachable, so_far: str) -> StreamCut:
    """`error` with what came before it."""
    return StreamCut(f"{error}; {len(so_far)} characters of text came before", so_far)


def _advised(error: RequestRejected, piece: Piece) -> RequestRejected:
    """`error`; where the sound is too long for the model and could have been cut, it says so."""
    if piece.seconds or not error.status or not _TOO_LONG.search(str(error)):
        return error
    advice = "make a WAV of it, which is sent in parts, or install voiced[video], which decodes it"
    return RequestRejected(f"{error}: {advice}", status=error.status, code=error.code, param=error.param)


def _translates(model: str) -> None:
    if times_of(model) != "all":
        raise RequestRejected(
            f"translation: {model} only writes down: name a Whisper model, or let ai.chat translate what it wrote"
        )


async def _translated(server: Server, piece: Piece, form: dict[str, Any]) -> Any:
    """By its address: the library warns of its own method, for the endpoint goes with whisper-1."""
    from openai.types.audio import TranslationVerbose

    _translates(server.model)
    return await server.openai.post(
        "/audio/translations",
        cast_to=TranslationVerbose,
        body={"model": server.model, **form, "response_format": "verbose_json"},  # the others do not tell how long
        files=[("file", (piece.name, piece.data))],
        options={"headers": {"Content-Type": "multipart/form-data"}},
    )
