"""The HTTP server on loopback: sockets, and what a test may ask about them."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeVar
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from voiced.testing.http import chat_answer, chat_request, embeddings, speech, transcription
from voiced.testing.http.catalogue import MODELS, Catalogue, Stage
from voiced.testing.http.chat_answer import DONE, sse
from voiced.testing.http.emission import EVENTS, JSON, Emission, halves, whole
from voiced.testing.http.faults import Action, Answer, Drop, End, Fault, FaultPlan, Garble, Instead, SendError, Stall
from voiced.testing.http.form import Part, boundary_of, parse
from voiced.testing.http.journal import Entry, Journal, Outcome, Violation
from voiced.testing.http.pace import Pace
from voiced.testing.http.refusal import (
    MAX_FILE_BYTES,
    Refusal,
    bad_request,
    error_body,
    error_json,
    file_too_large,
    key_where_none_belongs,
    no_key,
    no_such_url,
    wrong_key,
    wrong_method,
)
from voiced.testing.http.route import Request, Route, World
from voiced.testing.http.routes import ROUTES
from voiced.testing.http.script import Asked, Pause, Reply, Script, ScriptExhausted
from voiced.testing.loopback.rejection import Rejection

if TYPE_CHECKING:
    from aiohttp import web

T = TypeVar("T")

MAXJSON_BYTES: Final = 64 * 1024 * 1024
MAX_FORM_BYTES: Final = 1024 * 1024
"""Of a form without its file."""

KEPT_VIOLATIONS: Final = 100
SECRETS: Final = ("authorization", "api-key", "cookie")

PREFIX: Final = "/v1/"
AZURE_PREFIX: Final = "/openai/v1/"

_ROUTES: Final[Mapping[str, tuple[str, Stage]]] = {
    "audio/transcriptions": ("POST", "transcription"),
    "chat/completions": ("POST", "chat"),
    "audio/speech": ("POST", "speech"),
    "embeddings": ("POST", "embeddings"),
    "models": ("GET", "models"),
}

_KEPT_ALIVE_S: Final = 86_400.0
"""Idle connections are never closed in a test, however far its clock is hurried on."""


class HttpLoopback:
    """A server of OpenAI's HTTP endpoints on 127.0.0.1, as strict as the real one; see the package.

    `script`: what it answers: a `Script`, or only its chat replies. `transcripts`: those of the script, for short.
    `pace`: how fast. `faults`: what goes wrong. `valid_key`: the one API key to accept, None for any. `models`: what
    there is; names that are not OpenAI's are taken at each endpoint. `assistants`: whether this server still has
    /assistants and /threads; OpenAI's has them no more.
    """

    def __init__(
        self,
        script: Script | Iterable[Reply] | Callable[[Asked], Reply] | None = None,
        *,
        transcripts: Iterable[str] | None = None,
        pace: Pace | None = None,
        faults: Iterable[Fault] = (),
        valid_key: str | None = None,
        models: Iterable[str] = MODELS,
        assistants: bool = False,
    ) -> None:
        if isinstance(script, Script) and transcripts is not None:
            raise ValueError("give the transcripts to the script")
        self._script = script if isinstance(script, Script) else Script(script, transcripts)
        self._pace = pace or Pace()
        self._plan = FaultPlan(faults)
        self._valid_key = valid_key
        self._catalogue = Catalogue(tuple(models))
        self._journal = Journal()
        self._violations: deque[Violation] = deque(maxlen=KEPT_VIOLATIONS)
        self._connections: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._connected = 0
        self._request_ids = itertools.count(1)
        self._answers = 0
        self._world = World(self._catalogue, self._script, self._pace, self._answered, assistants=assistants)
        self._http: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._port: int | None = None

    async def __aenter__(self) -> Self:
        self._web = _aiohttp_web()
        self._http = self._web.Server(
            self._handle,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=_KEPT_ALIVE_S,
            tcp_keepalive=False,
        )
        await self.accept_connections()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._http is not None
        await self.refuse_connections()

    @property
    def base_url(self) -> str:
        """What a client is configured with."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def azure_base_url(self) -> str:
        """The same as Azure has it: here the header `api-key` is taken as well as a bearer token."""
        return f"http://127.0.0.1:{self.port}/openai/v1"

    @property
    def port(self) -> int:
        """The TCP port. Raises RuntimeError before `async with`."""
        if self._port is None:
            raise RuntimeError("the loopback server does not run; enter it with `async with`")
        return self._port

    @property
    def requests(self) -> Sequence[Entry]:
        """All requests so far, in order of their arrival; the oldest of very many are forgotten."""
        return tuple(self._journal.entries)

    def of(self, stage: Stage) -> Sequence[Entry]:
        """The requests of one stage."""
        return tuple(entry for entry in self._journal.entries if entry.stage == stage)

    @property
    def violations(self) -> Sequence[Violation]:
        """All that clients did and the real server would have refused. A test asserts that there are none."""
        return tuple(self._violations)

    @property
    def connections(self) -> int:
        """How many sockets are open."""
        return len(self._http.connections) if self._http is not None else 0

    def kept(self, kind: type[T]) -> T:
        """What was made at this server, of one kind: `server.kept(files.Files)`. A test may change it."""
        return self._world.of(kind)

    async def wait_for(
        self,
        stage: Stage,
        timeout_s: float = 5.0,
        *,
        count: int = 1,
        outcome: Outcome | None = None,
        ended: bool = False,
    ) -> Entry:
        """The `count`-th request of `stage`, at once when it is there already.

        `outcome`: once this is known of it; a stalled one is "faulted" before it ends. `ended`: once it is over. Raises
        TimeoutError after `timeout_s` seconds of the loop's clock.
        """
        return await self._journal.wait_for(stage, timeout_s, count=count, outcome=outcome, ended=ended)

    def add_fault(self, fault: Fault) -> None:
        """One more thing goes wrong; its `nth` counts from the next request on."""
        self._plan.add(fault, self._journal.count(fault.on))

    def clear_faults(self) -> None:
        """All is well from the next request on."""
        self._plan.clear()

    async def refuse_connections(self) -> None:
        """The server is gone: what is open breaks, and whoever connects is refused."""
        assert self._http is not None
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._http.pre_shutdown()
        while self._http.connections:
            for connection in self._http.connections:
                if connection.transport is not None:
                    connection.transport.abort()
            await asyncio.sleep(0)

    async def accept_connections(self) -> None:
        """The server is back, at the same port."""
        assert self._http is not None
        if self._listener is None:
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(self._http, "127.0.0.1", self._port or 0)
            self._port = self._listener.sockets[0].getsockname()[1]

    # A request, from its first line to the end of its answer.

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            stage, rest = _route(request)
        except Refusal as refusal:
            return self._refuse(refusal, None)
        async with self._noted(request, stage) as entry:
            try:
                actions = self._plan.at(stage, entry.nth)
                self._check_key(request)
                if Drop() in actions:
                    await self._drop(request, entry)
                emission = await self._judge(request, stage, rest, entry, actions)
                if isinstance(emission, Answer):
                    entry.outcome, entry.status = "faulted", emission.status
                    return self._plain(emission)
                return await self._send(request, entry, emission, actions)
            except Refusal as refusal:
                return self._refuse(refusal, entry)
            except ConnectionResetError:  # the client is gone; its handler is about to be cancelled
                await _for_ever()

    @asynccontextmanager
    async def _noted(self, request: web.BaseRequest, stage: Stage) -> AsyncIterator[Entry]:
        loop = asyncio.get_running_loop()
        headers = {name.lower(): value for name, value in request.headers.items() if name.lower() not in SECRETS}
        line = f"{request.method} {_below_the_prefix(request)}"
        entry = self._journal.open(stage, self._number_of(request), loop.time(), line, headers)
        try:
            yield entry
        finally:
            if entry.outcome == "open":
                entry.outcome = "abandoned"
            entry.ended_at = loop.time()
            self._journal.changed()

    def _number_of(self, request: web.BaseRequest) -> int:
        if request.transport not in self._connections:
            self._connected += 1
            self._connections[request.transport] = self._connected
        return self._connections[request.transport]

    def _check_key(self, request: web.BaseRequest) -> None:
        if _is_open(request):
            if any(name in request.headers for name in SECRETS):
                raise key_where_none_belongs()
            return
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        given = key.strip() if scheme.lower() == "bearer" else ""
        if request.path.startswith(AZURE_PREFIX):
            given = request.headers.get("api-key", "") or given
        if not given:
            raise no_key()
        if self._valid_key is not None and given != self._valid_key:
            raise wrong_key()

    async def _judge(
        self, request: web.BaseRequest, stage: Stage, rest: str, entry: Entry, actions: Sequence[Action]
    ) -> Emission | Answer:
        """What is answered, now that the request is read and found right. Raises `Refusal`."""
        make: Callable[[], Emission]
        pace_s = 0.0
        match stage:
            case "transcription":
                heard = transcription.check(await _form(request), self._catalogue)
                self._journal.keep(entry, heard.form, heard.pcm, heard.rate)
                make, pace_s = lambda: self._transcribe(heard), self._pace.transcription_s
            case "chat":
                body = await _json(request)
                self._journal.keep(entry, body if isinstance(body, dict) else {})
                asked = Asked(chat_request.check(body, self._catalogue))
                make, pace_s = lambda: self._chat(asked), self._pace.chat_s
            case "speech":
                body = await _json(request)
                self._journal.keep(entry, body if isinstance(body, dict) else {})
                wanted = speech.check(body, self._catalogue)
                make, pace_s = lambda: self._speak(wanted), self._pace.speech_s
            case "embeddings":
                body = await _json(request)
                self._journal.keep(entry, body if isinstance(body, dict) else {})
                asked_for = embeddings.check(body, self._catalogue)
                make, pace_s = lambda: self._embed(asked_for), self._pace.embeddings_s
            case "models" if request.method == "GET":
                found = self._catalogue.description(rest) if rest else self._catalogue.listing()
                make, pace_s = lambda: whole(found), self._pace.models_s
            case _:
                route, ids = _route_of(request)
                read = await _read(request, route, ids)
                self._journal.keep(entry, journal_body(read))
                make = lambda: route.answer(read, self._world)  # noqa: E731
        if Stall() in actions:
            entry.outcome = "faulted"
            self._journal.changed()
            await _for_ever()
        await asyncio.sleep(pace_s)
        for action in actions:
            if isinstance(action, Answer):
                return action
        return make()

    def _transcribe(self, heard: Any) -> Emission:
        text = self._script.transcript(heard)
        if transcription.is_streamed(heard):
            return Emission(EVENTS, self._paced(sse(event) for event in transcription.stream(text, heard)))
        data, content_type = transcription.answer(text, heard)
        return Emission(content_type, halves(data), streamed=False)

    def _chat(self, asked: Asked) -> Emission:
        try:
            replies = [self._script.reply(asked) for _ in range(asked.body.get("n") or 1)]
            answer = chat_answer.Answer(replies, asked.body, self._answers + 1)
        except (ScriptExhausted, ValueError) as error:
            why = Rejection(str(error), "script_exhausted", kind="loopback_error")
            raise Refusal(500, why) from error
        self._answers += 1
        if asked.body.get("stream"):
            steps = (step if isinstance(step, Pause) else sse(step) for step in answer.stream())
            return Emission(EVENTS, _followed(self._paced(steps), DONE))
        complete = whole(answer.whole())
        return Emission(complete.content_type, (Pause(answer.pause_s), *complete.pieces), streamed=False)

    def _speak(self, body: dict[str, Any]) -> Emission:
        data = speech.sound(self._script.speech(body["input"]), body)
        pieces = speech.chunks(data, self._pace.chunk_ms)
        if body.get("stream_format") == "sse":
            encoded = (sse(event) for event in speech.events(pieces, body["input"]))
            return Emission(EVENTS, self._paced(encoded, self._pace.chunk_s))
        return Emission(speech.FORMATS[speech.format_of(body)], self._paced(pieces, self._pace.chunk_s))

    def _embed(self, body: dict[str, Any]) -> Emission:
        return whole(embeddings.answer([self._script.embedding(text) for text in embeddings.texts(body)], body))

    def _answered(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        """What a JSON request would get, as a batch makes it: the status, and the body."""
        try:
            match path.removeprefix(PREFIX):
                case "chat/completions":
                    emission = self._chat(Asked(chat_request.check(body, self._catalogue)))
                case "embeddings":
                    emission = self._embed(embeddings.check(body, self._catalogue))
                case name:
                    route = next((each for each in ROUTES if each.method == "POST" and each.path == name), None)
                    if route is None or route.takes != "json":
                        raise no_such_url("POST", path)
                    emission = route.answer(Request("POST", body=body), self._world)
        except Refusal as refusal:
            return refusal.status, json.loads(error_json(refusal.why))
        return 200, json.loads(b"".join(piece for piece in emission.pieces if isinstance(piece, bytes)))

    def _paced(self, pieces: Iterable[bytes | Pause], wait_s: float | None = None) -> Iterator[bytes | Pause]:
        wait = Pause(self._pace.piece_s if wait_s is None else wait_s)
        for number, piece in enumerate(pieces):
            if number:
                yield wait
            yield piece

    # An answer on its way.

    async def _send(
        self, request: web.BaseRequest, entry: Entry, emission: Emission, actions: Sequence[Action]
    ) -> web.StreamResponse:
        for action in actions:
            if isinstance(action, Instead):
                entry.outcome = "faulted"
                body = b"".join(piece for piece in emission.pieces if isinstance(piece, bytes))
                pieces = halves(action.how(body)) if not emission.streamed else (action.how(body),)
                emission = Emission(action.content_type or emission.content_type, pieces, emission.streamed)
        if not emission.streamed:
            emission = Emission(emission.content_type, tuple(emission.pieces), streamed=False)
        response: web.StreamResponse = self._web.StreamResponse(
            headers={"Content-Type": emission.content_type, **self._headers()}
        )
        if not emission.streamed:
            response.content_length = sum(len(piece) for piece in emission.pieces if isinstance(piece, bytes))
        entry.status = 200
        number = 0
        for piece in emission.pieces:
            if isinstance(piece, Pause):
                await asyncio.sleep(piece.seconds)
                continue
            if not response.prepared:
                await self._begin(request, response, entry)
            for action in actions:
                if isinstance(action, Garble) and action.piece in (number, None):
                    entry.outcome = "faulted"
                    piece = action.how(piece)
            if await self._breaks(request, response, entry, actions, number, piece):
                break
            await self._write(response, entry, piece)
            number += 1
        if not response.prepared:
            await self._begin(request, response, entry)
        if entry.outcome == "open" and any(isinstance(action, Drop | Stall) for action in actions):
            await self._breaks(request, response, entry, actions, None, b"")
        await response.write_eof()
        if entry.outcome == "open":
            entry.outcome = "answered"
        return response

    async def _breaks(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        entry: Entry,
        actions: Sequence[Action],
        number: int | None,
        piece: bytes,
    ) -> bool:
        """Whether the answer ends before `piece`; `number` is None after the last. What stalls or breaks stays here."""
        for action in actions:
            if not isinstance(action, Drop | Stall | End | SendError) or action.after is None:
                continue
            if number is not None and number < action.after:
                continue
            if isinstance(action, Drop) and action.inside == "character" and number is not None and piece.isascii():
                continue
            entry.outcome = "faulted"
            self._journal.changed()
            match action:
                case Stall():
                    await _for_ever()
                case Drop():
                    await self._write(response, entry, _part(piece, action))
                    await self._drop(request, entry)
                case SendError():
                    await self._write(response, entry, sse(error_body(action.message, action.kind, code=action.code)))
                case End():
                    pass
            return True
        return False

    async def _begin(self, request: web.BaseRequest, response: web.StreamResponse, entry: Entry) -> None:
        entry.first_byte_at = asyncio.get_running_loop().time()  # before: who gets it can't have it earlier
        await response.prepare(request)

    async def _write(self, response: web.StreamResponse, entry: Entry, data: bytes) -> None:
        size = self._pace.ragged or len(data)
        for at in range(0, len(data), max(1, size)):
            entry.last_byte_at = asyncio.get_running_loop().time()
            await response.write(data[at : at + size])
            await asyncio.sleep(0)
        entry.sent_bytes += len(data)

    async def _drop(self, request: web.BaseRequest, entry: Entry) -> NoReturn:
        entry.outcome = "faulted"
        if request.transport is not None:
            request.transport.abort()
        await _for_ever()

    def _refuse(self, refusal: Refusal, entry: Entry | None) -> web.StreamResponse:
        why = refusal.why
        stage = entry.stage if entry else None
        self._violations.append(Violation(stage, refusal.status, why.code, why.message, why.param))
        if entry is not None:
            entry.outcome, entry.status = "refused", refusal.status
        return self._plain(Answer(refusal.status, error_json(why)))

    def _plain(self, answer: Answer) -> web.StreamResponse:
        headers = {"Content-Type": answer.content_type, **self._headers(), **answer.headers}
        response: web.StreamResponse = self._web.Response(status=answer.status, body=answer.payload, headers=headers)
        return response

    def _headers(self) -> dict[str, str]:
        return {
            "x-request-id": f"req_{next(self._request_ids):032d}",
            "openai-version": "2020-10-01",
            "openai-processing-ms": "1",
        }


def _route(request: web.BaseRequest) -> tuple[Stage, str]:
    """The stage, and the model that the path names."""
    name = _below_the_prefix(request)
    if name.startswith("models/") and request.method == "GET":
        return "models", unquote(name.removeprefix("models/"))
    if name in _ROUTES:
        method, stage = _ROUTES[name]
        if request.method != method:
            raise wrong_method(request.method, request.path)
        return stage, ""
    return _route_of(request)[0].stage, ""


def _route_of(request: web.BaseRequest) -> tuple[Route, Mapping[str, str]]:
    """The route of a module, and what its path names. Raises `Refusal`."""
    name = _below_the_prefix(request)
    other_method = False
    for route in ROUTES:
        if found := route.pattern.fullmatch(name):
            if route.method == request.method:
                return route, {key: unquote(value) for key, value in found.groupdict().items()}
            other_method = True
    raise wrong_method(request.method, request.path) if other_method else no_such_url(request.method, request.path)


def _is_open(request: web.BaseRequest) -> bool:
    """Whether this needs no key, and gets none."""
    name = _below_the_prefix(request)
    return any(route.key == "none" and route.pattern.fullmatch(name) for route in ROUTES)


def _below_the_prefix(request: web.BaseRequest) -> str:
    path = request.path
    prefix = AZURE_PREFIX if path.startswith(AZURE_PREFIX) else PREFIX
    if not path.startswith(prefix):
        raise no_such_url(request.method, path)
    return path.removeprefix(prefix)


async def _read(request: web.BaseRequest, route: Route, ids: Mapping[str, str]) -> Request:
    body: Any = None
    form: Sequence[Part] = ()
    match route.takes:
        case "json":
            body = await _json(request)
        case "maybe json" if request.can_read_body:
            body = await _json(request)
        case "form":
            form = await _form(request, route.most_bytes)
        case _:
            await _body(request, MAX_FORM_BYTES)
    headers = {name.lower(): value for name, value in request.headers.items() if name.lower() not in SECRETS}
    return Request(route.method, ids, dict(request.query), body, form, headers)


def journal_body(read: Request) -> dict[str, Any]:
    """What a test may look at: the JSON, or the fields of the form that are no files; of those the name and size."""
    if isinstance(read.body, dict):
        return read.body
    found: dict[str, Any] = {}
    for part in read.form:
        value = part.text() if part.filename is None else {"filename": part.filename, "bytes": len(part.data)}
        if part.name in found or part.name.endswith("[]"):
            before = found.get(part.name, [])
            found[part.name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            found[part.name] = value
    return found


async def _json(request: web.BaseRequest) -> Any:
    data = await _body(request, MAXJSON_BYTES)
    message = "We could not parse the JSON body of your request."
    if request.content_type != JSON:
        raise bad_request(f"{message} The content type is {request.content_type}, not {JSON}.")
    try:
        return json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise bad_request(f"{message} It is no valid JSON.") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


async def _form(request: web.BaseRequest, most_bytes: int = MAX_FILE_BYTES) -> list[Part]:
    data = await _body(request, most_bytes + MAX_FORM_BYTES)
    return parse(data, boundary_of(request.headers.get("Content-Type", "")))


async def _body(request: web.BaseRequest, most: int) -> bytes:
    """All of it, read to its end also where it is more than `most` bytes. Raises `Refusal`."""
    found = bytearray()
    size = 0
    async for data in request.content.iter_any():
        size += len(data)
        if size <= most:
            found += data
    if size > most:
        raise file_too_large(size)
    return bytes(found)


def _followed(pieces: Iterator[bytes | Pause], last: bytes) -> Iterator[bytes | Pause]:
    yield from pieces
    yield last


def _part(piece: bytes, action: Drop) -> bytes:
    match action.inside:
        case "nothing":
            return b""
        case "piece":
            return piece[: len(piece) // 2]
        case "character":
            first = next((place for place, byte in enumerate(piece) if byte > 127), len(piece) - 1)
            return piece[: first + 1]


async def _for_ever() -> NoReturn:
    """Until the connection is gone and aiohttp cancels the request."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets this event")


def _aiohttp_web() -> ModuleType:
    try:
        from aiohttp import web  # late: it is in the test extra, and takes a while to load
    except ImportError as error:
        raise ImportError("voiced.testing.http needs aiohttp: pip install 'voiced[test]'") from error
    return web
