"""The official client, made in one place: imported late, with our errors, our headers and no retries of its own."""

from __future__ import annotations

import asyncio
import contextlib
import math
import operator
import platform
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from voiced.ai.endpoint import Endpoint
from voiced.ai.failures import failure
from voiced.ai.presets import Helper
from voiced.ai.rate_limits import RateLimits
from voiced.errors import AnswerUnusable, ApiError, ApiUnreachable, ConfigError, RequestRejected

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

Around = Callable[[], AbstractContextManager[None]]


@dataclass(slots=True)
class _Asked:
    """A request on its way. `limited_as`: what the limits that the server tells are for; `sent`: it went out, or was
    about to; `answered`: headers came.
    """

    what: str
    limited_as: str
    sent: bool = False
    answered: bool = False


_ASKED: Final[ContextVar[_Asked | None]] = ContextVar("the request on its way", default=None)

_SECRET: Final = ("authorization", "api-key", "x-api-key", "openai-organization", "openai-project", "cookie")
"""Headers that the library may take from the environment (OPENAI_…), and that only `Endpoint` decides on here."""

WRONG_FORM: Final = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
"""What the library and we raise where an answer has another form than it should."""

_RESOURCES: Final[Mapping[Helper, tuple[str, ...]]] = {
    "assistants": ("beta.assistants", "beta.threads.messages", "beta.threads.runs.steps"),
    "batches": ("batches",),
    "completions": ("completions",),
    "embeddings": ("embeddings.with_raw_response",),
    "files": ("files.with_streaming_response", "uploads.parts"),
    "fine_tuning": ("fine_tuning.jobs.checkpoints",),
    "images": ("images",),
    "moderations": ("moderations",),
    "realtime": ("realtime.client_secrets",),
    "responses": ("responses.input_items",),
    "transcription": ("audio.transcriptions",),
    "translation": ("audio.translations",),
    "vector_stores": ("vector_stores.files",),
}
"""Parts of the library that are imported as they are looked up first; those of a conversation are by then."""

KEEP_ALIVE_S: Final = 240.0
"""Between two turns a connection stays open: another handshake would be heard as a delay."""

MOST_CONNECTIONS: Final = 64
"""More than all requests and streams that may run at one time: nobody waits for one."""

WARM_S: Final = 180.0
"""So long after the last request connections may be gone, and `warm` opens new ones."""

LONGEST_SILENCE_S: Final = 600.0
"""Between two bytes, for the socket. Every request has a shorter deadline of its own."""


class Client:
    """One server. Open it once, use it for many requests, close it."""

    def __init__(
        self,
        endpoint: Endpoint,
        openai: AsyncOpenAI,
        rate_limits: RateLimits,
        around: Around = contextlib.nullcontext,
    ) -> None:
        self.endpoint = endpoint
        self.openai = openai
        self.rate_limits = rate_limits
        self.closed = False
        self._around = around
        self._prepared: set[Helper] = set()
        self._preparing = asyncio.Lock()
        self._used_at = -math.inf
        self._users = 0
        self._retired = False

    @classmethod
    async def open(cls, endpoint: Endpoint, *, around: Around = contextlib.nullcontext) -> Self:
        """Import the library where that was not done yet, and make a client; nothing is sent. Raises ConfigError.

        `around`: inside it the library is imported and connects.
        """
        with around():
            rate_limits = RateLimits()
            return cls(endpoint, await asyncio.to_thread(_made, endpoint, around, rate_limits), rate_limits, around)

    async def prepare(self, helper: Helper) -> None:
        """Import what the library needs for this helper, in a thread, so that the first request does not block."""
        if helper in self._prepared or helper not in _RESOURCES:
            return
        async with self._preparing:  # who comes meanwhile waits here, and not for the import
            with self._around():
                await asyncio.to_thread(_look_up, self.openai, helper)
        self._prepared.add(helper)

    async def warm(self, connections: int, within_s: float) -> None:
        """Somebody will ask soon: have so many connections open by then, unless they are. Raises nothing."""
        if asyncio.get_running_loop().time() - self._used_at > WARM_S:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(connections):
                    tasks.create_task(self._knock(within_s))

    async def _knock(self, within_s: float) -> None:
        import httpx2

        with contextlib.suppress(ApiError):
            async with self.request("models", within_s):
                await self.openai.get("/models", cast_to=httpx2.Response)

    async def close(self) -> None:
        """Hang up, also on requests that still run."""
        self.closed = True
        await self.openai.close()

    async def retire(self) -> None:
        """Another one took its place: hang up once nobody uses it any more."""
        self._retired = True
        await self._hang_up_if_idle()

    def hold(self) -> None:
        """Somebody uses it, until `release`."""
        self._users += 1

    async def release(self) -> None:
        """Somebody who held it does not use it any more."""
        self._users -= 1
        await self._hang_up_if_idle()

    @contextlib.asynccontextmanager
    async def used(self) -> AsyncIterator[Self]:
        """Inside it nobody hangs up because another one took its place."""
        self.hold()
        try:
            yield self
        finally:
            await self.release()

    async def _hang_up_if_idle(self) -> None:
        if self._retired and not self._users and not self.closed:
            await self.close()

    @contextlib.asynccontextmanager
    async def request(
        self, what: str, within_s: float, *, limited_as: str = "", lost: Callable[[], None] | None = None
    ) -> AsyncIterator[asyncio.Timeout]:
        """Make requests in it: errors of the library, and an answer that does not come, are `ApiError`s.

        `what` names the service in the error: "transcription". Whoever streams reschedules the deadline that this
        yields with each piece. `limited_as`: what the limits that the server tells are for, see `rate_limits`; then an
        answer that the library stumbles over is an AnswerUnusable too. `lost`: called where a request went out, and
        nobody knows what became of it.
        """
        asked = _Asked(what, limited_as)
        token = _ASKED.set(asked)
        try:
            async with asyncio.timeout(within_s) as deadline:
                yield deadline
            self._used_at = asyncio.get_running_loop().time()
        except asyncio.CancelledError:
            if lost is not None and asked.sent:
                lost()
            raise
        except TimeoutError as error:
            if lost is not None and asked.sent:
                lost()
            raise ApiUnreachable(f"{what}: {self.endpoint.called} did not answer in time") from error
        except Exception as error:
            ours = failure(error, what, self.endpoint)
            if ours is None and limited_as and asked.answered and isinstance(error, WRONG_FORM):
                ours = AnswerUnusable(f"{what}: {self.endpoint.called} answers in another form than the API's")
            if ours is None and limited_as and not asked.answered and _is_no_json(error):
                ours = RequestRejected(
                    f"{what}: what is asked can't be written as JSON: leave out what has no such form"
                )
            if ours is None:
                raise
            if lost is not None and asked.sent and type(ours) is ApiUnreachable and _was_connected(error, ours):
                lost()
            if ours.status:
                self._used_at = asyncio.get_running_loop().time()
            raise ours from error
        finally:
            _ASKED.reset(token)


def _was_connected(error: Exception, ours: ApiUnreachable) -> bool:
    """Whether a request without an answer reached the server, as far as the error tells."""
    import httpx2

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
            return False
        cause = cause.__cause__
    return not ours.status and not ours.fatal


def _is_no_json(error: Exception) -> bool:
    """NaN, half a letter, a list that has itself in it, an object."""
    return isinstance(error, ValueError | RecursionError) or (isinstance(error, TypeError) and "JSON" in str(error))


async def load() -> None:
    """Import the library now, in a thread, so that the first client comes at once."""
    await asyncio.to_thread(_imported)


def _look_up(openai: AsyncOpenAI, helper: Helper) -> None:
    for resource in _RESOURCES.get(helper, ()):
        operator.attrgetter(resource)(openai)  # the first look imports
    if helper == "responses":
        _build_responses()


def _build_responses() -> None:
    """What the library checks their answers and events with, of which there is much: it is built on first use."""
    from openai import BaseModel
    from openai.types.responses import ResponseStreamEvent

    class Streamed(BaseModel):
        event: ResponseStreamEvent

    message = {"type": "message", "content": [{"type": "output_text", "text": ""}]}
    response = {"id": "", "instructions": "", "output": [message], "tools": [{"type": "web_search"}]}
    Streamed.construct(event={"type": "response.completed", "response": response})


def _imported() -> None:
    """All of the library that a conversation needs: it imports the rest as it is used, which would block the loop."""
    from openai.types.chat import ChatCompletionChunk

    said = {"index": 0, "delta": {"content": "", "tool_calls": [{"index": 0, "function": {"name": ""}}]}}
    ChatCompletionChunk.construct(id="", choices=[said])  # its validators are built on first use
    platform.platform()  # runs a program, once; the library's first request would do so as the plugin that made it


def _made(endpoint: Endpoint, around: Around, rate_limits: RateLimits) -> AsyncOpenAI:
    _imported()
    import httpx2
    from openai import AsyncOpenAI

    from voiced.ai.answer_bounds import bounded
    from voiced.ai.request_body import in_pieces, written

    class Body(httpx2.AsyncByteStream):
        def __init__(self, whole: httpx2.AsyncByteStream) -> None:
            self._whole = whole

        def __aiter__(self) -> AsyncIterator[bytes]:
            return in_pieces(self._whole)

    class Http(httpx2.AsyncClient):
        """Connects for itself, whoever asks for it, and takes no more than is bearable."""

        async def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
            if isinstance(request.stream, httpx2.AsyncByteStream):
                request.stream = Body(request.stream)
            with around():
                return await bounded(await super().send(request, stream=True, **options), stream=stream)

    class OpenAi(AsyncOpenAI):
        """Writes what is large off the event loop."""

        async def _prepare_options(self, options: Any) -> Any:
            return await written(options)

    root = httpx2.URL(endpoint.root)

    async def authorize(request: httpx2.Request) -> None:
        """The key goes to its server and nowhere else, whatever the environment and the library think of."""
        if (asked := _ASKED.get()) is not None:
            asked.sent = True
        for name in _SECRET:
            request.headers.pop(name, None)
        url = request.url
        if (url.scheme, url.host, url.port) == (root.scheme, root.host, root.port):
            request.headers.update(endpoint.authorization)

    async def look(response: httpx2.Response) -> None:
        """What every answer is looked at for: the limits that it tells, and whether it is an answer at all."""
        asked = _ASKED.get()
        if asked is not None:
            asked.answered = True
            headers = {name.lower(): value for name, value in response.headers.items()}
            rate_limits.note(asked.limited_as, headers, asyncio.get_running_loop().time())
        if response.is_success and response.headers.get("content-type", "").startswith("text/html"):
            raise AnswerUnusable(
                f"{asked.what if asked else 'API'}: {endpoint.called} answered with a web page: mend the address, or "
                "log in to this network first"
            )

    try:
        http = Http(
            timeout=httpx2.Timeout(LONGEST_SILENCE_S, connect=endpoint.connect_timeout_s),
            limits=httpx2.Limits(
                max_connections=MOST_CONNECTIONS, max_keepalive_connections=8, keepalive_expiry=KEEP_ALIVE_S
            ),
            follow_redirects=False,
            event_hooks={"request": [authorize], "response": [look]},
        )
    except (
        ImportError,
        ValueError,
        OSError,
    ) as error:  # a proxy without its library, no such CA file
        raise ConfigError(f"no client for {endpoint.called} can be made: {error}") from error
    client = OpenAi(api_key="-", base_url=endpoint.root, max_retries=0, http_client=http)
    resources = (client.chat.completions, client.audio.transcriptions, client.audio.speech, client.embeddings)
    for resource in (*resources, client.models):
        assert resource is not None  # looked up here, since the first look imports
    return client
