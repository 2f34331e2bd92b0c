"""Asks the providers of a helper in their order: again where that may help, the next one where one is down."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from voiced.ai.client import WRONG_FORM, Client
from voiced.ai.directory import Provider, no_key, providers
from voiced.ai.endpoint import Endpoint
from voiced.ai.models import PROVIDER, last_day
from voiced.ai.presets import Helper
from voiced.ai.settings import AiSettings
from voiced.errors import (
    AnswerUnusable,
    ApiBusy,
    ApiDenied,
    ApiError,
    ApiUnreachable,
    ConfigError,
    ModelUnknown,
    VoicedError,
)
from voiced.usage import Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

T = TypeVar("T")

AT_ONCE: Final = 8
"""Requests; more wait."""

MOST_STREAMS: Final = 32
"""Open at one time, each with a connection of its own; further ones are refused."""

FIRST_WAIT_S: Final = 0.5
"""Before a request is made again; twice as long before each further time, with up to a half taken off by chance, so
that all the world does not come back at once."""

RATHER_THE_NEXT_S: Final = 2.0
"""Where there is another provider, a busy one is not waited for longer."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What whoever runs the helpers decides. All are asked anew for each request.

    `key`: of a provider, empty for none, may raise ConfigError. `headers`: for OpenAI alone, such as OpenAI-Project.
    `refusal`: why nothing may be asked now, empty where it may; `overspent`: why nothing that costs something.
    `spent`: called with what each request used. `around`: what the library does runs inside it. `first_time`: whether
    this name was not given before, as far as is known.
    """

    settings: Callable[[], AiSettings]
    key: Callable[[Provider], str]
    headers: Callable[[], Mapping[str, str]] = dict
    refusal: Callable[[], str] = str
    overspent: Callable[[], str] = str
    spent: Callable[[Usage], None] = lambda _: None
    around: Callable[[], AbstractContextManager[None]] = nullcontext
    first_time: Callable[[str], Awaitable[bool]] | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """The server that is asked just now, and the model to name to it."""

    provider: Provider
    client: Client
    model: str

    @property
    def openai(self) -> AsyncOpenAI:
        return self.client.openai


class Providers:
    """All servers that are configured, one client for each. Use it on one event loop, and close it."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._clients: dict[str, Client] = {}
        self._replaced: set[Client] = set()
        self._opening = asyncio.Lock()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._streams = 0

    @property
    def settings(self) -> AiSettings:
        return self.terms.settings()

    def first(self, helper: Helper, provider: str = "") -> Provider:
        """The one that is asked first. Raises ApiError."""
        return providers(self.settings, helper, provider)[0]

    def spend(self, usage: Usage) -> None:
        """Count what a request used."""
        self.terms.spent(usage)

    async def ask(
        self,
        helper: Helper,
        request: Callable[[Server], Awaitable[Any]],
        read: Callable[[Any, Server], T],
        *,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
        once: bool = False,
        stays: bool = False,
        needs_model: bool = True,
        free: bool | None = None,
        lost: Callable[[Server], Iterable[Usage]] | None = None,
    ) -> T:
        """What `read` makes of the answer to `request`. Raises ApiError.

        `read` may raise AttributeError, IndexError, KeyError, TypeError or ValueError where the answer has another form
        than it should: that is an AnswerUnusable. `model`, `provider`: "" for what is configured. `within_s`: for each
        try, None for ai.timeout_s. `once`: where it is not known whether the server did it, it is not asked again.
        `stays`: no other provider has what this is about. `needs_model`: False where the request names no model.
        `free`: it costs nothing, and may be asked at the cap too; None: where it names no model.
        `lost`: what a request may have used that went out and was cancelled, or whose answer did not come.
        """
        self._check_terms(helper, free=not needs_model if free is None else free)
        candidates = providers(self.settings, helper, provider)
        if stays:
            candidates = candidates[:1]
        passed: list[ApiError] = []
        async with self._places:
            for index, candidate in enumerate(candidates):
                others = len(candidates) - index - 1
                try:
                    name = candidate.model(helper, model) if needs_model else model
                    async with (await self._opened(candidate)).used() as client:
                        await client.prepare(helper)
                        server = Server(candidate, client, name)
                        return await self._insist(
                            helper, request, read, server, within_s, lost, once=once, others=others > 0
                        )
                except ApiError as error:
                    _tell_last_day(error, candidate, model or candidate.models.get(helper, ""))
                    if not others or not _next_may_help(error, once=once):
                        raise _after(passed, error) from error.__cause__
                    passed.append(error)
        raise AssertionError("there is at least one provider")

    @contextlib.asynccontextmanager
    async def stream(
        self,
        helper: Helper,
        request: Callable[[Server], Awaitable[Any]],
        *,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
        once: bool = False,
        stays: bool = False,
        needs_model: bool = True,
        lost: Callable[[Server], Iterable[Usage]] | None = None,
    ) -> AsyncIterator[Events]:
        """The events of a stream of the library's; the next provider is asked only before it began. Raises ApiError.

        `within_s`: to the first event, and from each to the next. `lost`: as in `ask`, of a stream that did not begin.
        It is closed at the end, whatever comes.
        """
        if self._streams >= MOST_STREAMS:
            raise ApiBusy(f"{helper}: {MOST_STREAMS} streams are open: leave some of them first")
        patience_s = within_s or self.settings.timeout_s
        self._streams += 1
        try:
            events = await self.ask(
                helper,
                request,
                lambda raw, server: Events(raw, server, helper, patience_s),
                model=model,
                provider=provider,
                within_s=within_s,
                once=once,
                stays=stays,
                needs_model=needs_model,
                lost=lost,
            )
            try:
                yield events
            finally:
                await events.close()
        finally:
            self._streams -= 1

    async def client(self, helper: Helper = "chat", provider: str = "") -> Client:
        """The client of the provider that is asked first; it works until `aclose`. Raises ApiError."""
        self._check_terms(helper, free=False)
        client = await self._opened(self.first(helper, provider))
        client.hold()  # for good: nobody says when it is not needed any more
        return client

    def endpoint(self, provider: Provider) -> Endpoint:
        """Where it is, and what it is told. Raises ApiDenied where its key is missing or wrong."""
        try:
            key = self.terms.key(provider)
            if provider.needs_key and not key:
                raise ConfigError(no_key(provider))
            endpoint = Endpoint(provider.base_url, key, name=provider.name)
            return replace(endpoint, headers=self.terms.headers()) if endpoint.is_openai else endpoint
        except ConfigError as error:
            raise ApiDenied(str(error), cause="key") from error

    async def aclose(self) -> None:
        """Hang up, also on requests that still run."""
        clients, self._clients, self._replaced = {*self._clients.values(), *self._replaced}, {}, set()
        for client in clients:
            await client.close()

    def _check_terms(self, helper: Helper, *, free: bool) -> None:
        if refusal := self.terms.refusal() or ("" if free else self.terms.overspent()):
            raise ApiDenied(f"{helper}: {refusal}", cause="settings")

    async def _opened(self, provider: Provider) -> Client:
        endpoint = self.endpoint(provider)
        async with self._opening:
            client = self._clients.get(provider.name)
            if client is None or client.endpoint != endpoint:
                try:
                    opened = await Client.open(endpoint, around=self.terms.around)
                except VoicedError as error:
                    raise ApiDenied(str(error), cause="settings") from error
                self._clients[provider.name] = opened
                self._replaced = {each for each in self._replaced if not each.closed}
                if client is not None:
                    self._replaced.add(client)
                    await client.retire()
                client = opened
            return client

    async def _insist(
        self,
        helper: Helper,
        request: Callable[[Server], Awaitable[Any]],
        read: Callable[[Any, Server], T],
        server: Server,
        within_s: float | None,
        lost: Callable[[Server], Iterable[Usage]] | None,
        *,
        once: bool,
        others: bool,
    ) -> T:
        """Ask one server, again where that may help."""

        unknown = False

        def count_lost() -> None:
            nonlocal unknown
            unknown = True
            for usage in lost(server) if lost is not None else ():
                self.spend(usage)

        settings, limits = self.settings, server.client.rate_limits
        now = asyncio.get_running_loop().time
        key = f"{helper} {server.model}"
        patience_s = RATHER_THE_NEXT_S if others else settings.longest_wait_s
        for attempt in itertools.count():
            pause = limits.wait_s(key, now())
            if pause > patience_s:
                raise ApiBusy(
                    f"{helper}: {server.client.endpoint.called} takes no more requests for {pause:.0f} s: ask later",
                    retry_after_s=pause,
                )
            await asyncio.sleep(pause)
            try:
                patience = within_s or settings.timeout_s
                async with server.client.request(helper, patience, limited_as=key, lost=count_lost):
                    raw = await request(server)
                return understood(read, raw, server, helper)
            except ApiError as error:
                if once and unknown:
                    error.args = (f"{error}; it may have been done all the same",)
                wait = _wait(error, attempt, patience_s, once=once, others=others)
                if wait is None or attempt >= settings.retries:
                    raise _told_to_wait(error, patience_s) from error.__cause__
                if error.retry_after_s is not None:
                    limits.forget(key)  # that is about this very request
            await asyncio.sleep(wait)
        raise AssertionError("it ends above")


class Events:
    """The events of one stream. Each wait has the deadline of the stream; what breaks is an ApiError."""

    def __init__(self, raw: Any, server: Server, helper: Helper, patience_s: float) -> None:
        self._raw = raw
        self._events = aiter(raw)
        self._patience_s = patience_s
        self.helper = helper
        self.server = server
        self._held = True
        server.client.hold()

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> Any:
        ended = False
        async with self.server.client.request(self.helper, self._patience_s):
            try:
                return await anext(self._events)
            except StopAsyncIteration:
                ended = True
        assert ended
        raise StopAsyncIteration

    def understood(self, take: Callable[[Any], T], event: Any) -> T:
        """What `take` makes of an event. Raises AnswerUnusable where that has another form than it should."""
        return understood(lambda raw, _: take(raw), event, self.server, self.helper)

    async def close(self) -> None:
        """Hang up on it. Harmless when it ended already."""
        try:
            with contextlib.suppress(Exception):  # the connection may be broken, which is no news by now
                close = getattr(self._raw, "close", None) or self._raw.aclose
                await close()
        finally:
            if self._held:
                self._held = False
                await self.server.client.release()


def understood(read: Callable[[Any, Server], T], raw: Any, server: Server, helper: Helper) -> T:
    """What `read` makes of an answer. Raises AnswerUnusable where that has another form than it should."""
    try:
        return read(raw, server)
    except WRONG_FORM as error:
        raise AnswerUnusable(
            f"{helper}: {server.client.endpoint.called} answers in another form than the API's"
        ) from error


def _after(passed: Sequence[ApiError], last: ApiError) -> ApiError:
    """`last`, which says too why those before it did not answer."""
    if passed:
        last.args = (f"{last}; before it: {'; '.join(map(str, passed))}",)
    return last


def _wait(error: ApiError, attempt: int, patience_s: float, *, once: bool, others: bool) -> float | None:
    """Seconds after which this server is asked again; None where that is of no use."""
    if error.fatal:
        return None
    by_chance = min(FIRST_WAIT_S * 2**attempt, patience_s) * random.uniform(0.5, 1.0)
    if isinstance(error, ApiBusy):
        wait = by_chance if error.retry_after_s is None else error.retry_after_s
        return wait if wait <= patience_s else None
    if isinstance(error, ApiUnreachable):
        if error.status == 503 and others:
            return None
        if once and error.status != 503:
            return None
        wait = max(by_chance, error.retry_after_s or 0.0)
        return wait if wait <= patience_s else None
    return None


def _told_to_wait(error: ApiError, patience_s: float) -> ApiError:
    """`error`, which says how long the server wants us to wait where that is too long."""
    wait = error.retry_after_s
    if not isinstance(error, ApiBusy) or wait is None or wait <= patience_s:
        return error
    minutes = f"{wait / 60:.0f} minutes" if wait >= 120 else f"{wait:.0f} s"
    return ApiBusy(f"{error}; ask again in {minutes}", status=error.status, code=error.code, retry_after_s=wait)


def _tell_last_day(error: ApiError, provider: Provider, model: str) -> None:
    """Where a model is not known, which OpenAI had or has for a while. `images` tells of dall-e by itself."""
    known = last_day(model) if provider.name == PROVIDER and not model.startswith("dall-e") else ""
    if known and isinstance(error, ModelUnknown) and error.status:
        error.args = (f"{str(error).rstrip('.')}; {known}",)


def _next_may_help(error: ApiError, *, once: bool) -> bool:
    if isinstance(error, ApiUnreachable):
        return not once or error.status == 503
    return isinstance(error, ApiBusy | ModelUnknown)
