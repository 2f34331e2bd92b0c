"""Which provider is asked, how often, and what is said where none answers."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from voiced.ai.providers import MOST_STREAMS, Providers, Server, Terms
from voiced.ai.settings import AiSettings, ProviderSettings
from voiced.errors import (
    AnswerUnusable,
    ApiBusy,
    ApiDenied,
    ApiError,
    ApiUnreachable,
    ContextTooLong,
    ModelUnknown,
    RequestRejected,
)
from voiced.testing.http import (
    Answer,
    Drop,
    Fault,
    HttpLoopback,
    Stall,
    context_too_long,
    forbidden,
    html_page,
    no_such_model,
    rate_limited,
    server_error,
    unavailable,
    wrong_key,
)
from voiced.testing.http.faults import Action
from voiced.testing.http.refusal import error_body

from .desk import desk

KEY = "sk-test-0123456789"


class Town:
    """Two providers, "near" and "far", in this order."""

    def __init__(self, near: HttpLoopback, far: HttpLoopback, **settings: Any) -> None:
        self.near, self.far = near, far
        self.settings = AiSettings(
            **{
                "order": ("near", "far"),
                "providers": {
                    "near": ProviderSettings(base_url=near.base_url, models={"chat": "gpt-5.4"}),
                    "far": ProviderSettings(base_url=far.base_url, models={"chat": "gpt-4o"}),
                },
                "timeout_s": 5.0,
                "longest_wait_s": 0.5,
                **settings,
            }
        )
        self.keys = {"near": KEY, "far": KEY}
        self.refusal = ""
        self.overspent = ""
        self.providers = Providers(
            Terms(
                lambda: self.settings,
                lambda provider: self.keys.get(provider.name, ""),
                headers=lambda: {"OpenAI-Project": "proj_home"},
                refusal=lambda: self.refusal,
                overspent=lambda: self.overspent,
            )
        )

    async def ask(self, **options: Any) -> str:
        """Who answered, with which model."""
        return await self.providers.ask(
            "chat", _hi, lambda _, server: f"{server.provider.name} {server.model}", **options
        )

    async def complaint(self, **options: Any) -> ApiError:
        with pytest.raises(ApiError) as raised:
            await self.ask(**options)
        assert KEY not in str(raised.value)
        return raised.value

    @property
    def asked(self) -> tuple[int, int]:
        return len(self.near.of("chat")), len(self.far.of("chat"))


async def _hi(server: Server) -> Any:
    return await server.openai.chat.completions.create(model=server.model, messages=[{"role": "user", "content": "Hi"}])


@asynccontextmanager
async def town(near: Action | None = None, far: Action | None = None, **settings: Any) -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(
                HttpLoopback(faults=[Fault(action, "chat", every=True)] if action else (), valid_key=KEY)
            )
            for action in (near, far)
        ]
        made = Town(servers[0], servers[1], **settings)
        stack.push_async_callback(made.providers.aclose)
        yield made


async def test_the_first_is_asked_with_its_own_model() -> None:
    async with town() as here:
        assert await here.ask() == "near gpt-5.4"
        assert await here.ask(model="gpt-5.5") == "near gpt-5.5"
        assert await here.ask(provider="far") == "far gpt-4o"
        assert here.asked == (2, 1)


async def test_each_helper_may_have_an_order_of_its_own() -> None:
    async with town(orders={"chat": ("far",)}) as here:
        assert await here.ask() == "far gpt-4o"


@pytest.mark.parametrize(
    ("action", "requests"),
    [
        (unavailable(), 1),  # it says so itself: the next one, at once
        (server_error(), 2),
        (Drop(), 2),
        (rate_limited(60), 1),
        (no_such_model(), 1),
    ],
)
async def test_where_one_is_down_the_next_one_answers(action: Action, requests: int) -> None:
    async with town(action, retries=1) as here:
        assert await here.ask() == "far gpt-4o"
        assert here.asked == (requests, 1)


async def test_a_server_that_is_gone_and_one_that_says_nothing() -> None:
    async with town(Stall(), timeout_s=0.2, retries=0) as here:
        assert await here.ask() == "far gpt-4o"
        await here.near.refuse_connections()
        assert await here.ask() == "far gpt-4o"


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (wrong_key(), ApiDenied),
        (forbidden(), ApiDenied),
        (context_too_long(), ContextTooLong),
        (html_page(), AnswerUnusable),
        (Answer(400, error_body("No.", "invalid_request_error")), RequestRejected),
    ],
)  # fmt: skip
async def test_what_is_wrong_stays_wrong_and_is_asked_once(action: Action, kind: type[ApiError]) -> None:
    async with town(action) as here:
        assert type(await here.complaint()) is kind
        assert here.asked == (1, 0)


async def test_what_must_not_be_done_twice_is_not_asked_again() -> None:
    async with town(Drop(after=1)) as here:
        error = await here.complaint(once=True)
        assert isinstance(error, ApiUnreachable)
        assert str(error).endswith(": ask again; it may have been done all the same")
        assert here.asked == (1, 0)
    async with town(unavailable()) as here:  # it says that it did nothing
        assert await here.ask(once=True) == "far gpt-4o"


async def test_what_only_one_has_is_asked_of_it_alone() -> None:
    async with town(unavailable(), retries=1) as here:
        assert isinstance(await here.complaint(stays=True), ApiUnreachable)
        assert here.asked == (2, 0)


async def test_a_busy_server_is_waited_for_as_long_as_it_asks() -> None:
    async with town(order=("near",)) as here:
        here.near.add_fault(Fault(rate_limited(0.01), "chat"))
        here.near.add_fault(Fault(unavailable(0.01), "chat", 2))
        assert await here.ask() == "near gpt-5.4"
        assert here.asked == (3, 0)


async def test_an_hour_is_too_long() -> None:
    async with town(rate_limited(3600), order=("near",)) as here:
        error = await here.complaint()
        assert isinstance(error, ApiBusy)
        assert error.retry_after_s == 3600
        assert str(error).endswith("; ask again in 60 minutes")
        assert here.asked == (1, 0)


async def test_a_server_that_says_that_nothing_is_left_is_not_asked() -> None:
    """`x-ratelimit-remaining-requests: 0`, for 20 s, and no retry-after."""
    async with town(rate_limited(), order=("near",), retries=1) as here:
        assert isinstance(await here.complaint(), ApiBusy)
        here.near.clear_faults()
        asked = here.asked
        error = await here.complaint()
        assert re.search(r"takes no more requests for (20|1\d) s: ask later", str(error))  # a machine may hang
        assert here.asked == asked
        assert await here.ask(model="gpt-5.5") == "near gpt-5.5"  # of that one it said nothing


async def test_retries_come_to_an_end() -> None:
    async with town(server_error(), order=("near",), retries=2, longest_wait_s=3.0) as here:
        assert "the server is in trouble" in str(await here.complaint())
        assert here.asked == (3, 0)


async def test_the_last_one_says_why() -> None:
    async with town(unavailable(), wrong_key()) as here:
        assert "does not accept the API key" in str(await here.complaint())


@pytest.mark.parametrize(
    ("settings", "options", "complaint"),
    [
        ({}, {"provider": "fra"}, "chat: there is no provider 'fra': did you mean far?"),
        ({}, {"provider": "azure"}, "azure has no address: write ai.providers.azure.base_url, such as https://RESOURCE"),
        ({"order": ("speaches",)}, {}, "chat: speaches has none: name a provider that does in ai.orders.chat"),
        ({}, {"provider": "speaches"}, "chat: speaches has none; openai, azure, deepseek"),
        ({"order": ("ollama",)}, {}, "chat: no model of ollama is named: give one, or write ai.providers.ollama."),
        ({"order": ("deepseek",)}, {"model": "m"}, "no API key for deepseek: set DEEPSEEK_API_KEY, or name a file"),
        ({"order": ("openai",)}, {}, "no API key for openai: set OPENAI_API_KEY, or name a file with it in"),
    ],
)  # fmt: skip
async def test_what_the_settings_do_not_allow(settings: Any, options: Any, complaint: str) -> None:
    async with town(**settings) as here:
        assert complaint in str(await here.complaint(**options))
        assert here.asked == (0, 0)


async def test_a_key_that_is_none() -> None:
    async with town() as here:
        here.keys["near"] = "sk-with a blank"
        assert "copy it again, on one line" in str(await here.complaint())


async def test_nothing_is_asked_when_nothing_may_be() -> None:
    async with town() as here:
        here.refusal = "the budget is spent"
        assert str(await here.complaint()) == "chat: the budget is spent"
        with pytest.raises(ApiDenied, match=r"^chat: the budget is spent$"):
            await here.providers.client()
        assert here.asked == (0, 0)


async def test_at_the_cap_what_costs_nothing_may_still_be_asked() -> None:
    async with town() as here:
        here.overspent = "the budget is spent"
        assert str(await here.complaint()) == "chat: the budget is spent"
        assert await here.ask(free=True) == "near gpt-5.4"
        assert await here.ask(needs_model=False, model="gpt-5.4") == "near gpt-5.4"
        with pytest.raises(ApiDenied, match=r"^chat: the budget is spent$"):
            await here.providers.client()


async def test_where_none_answers_each_is_told() -> None:
    async with town(unavailable(), wrong_key()) as here:
        told = str(await here.complaint())
        assert "does not accept the API key" in told
        assert told.index("; before it: chat: the server is in trouble") > told.index("accept the API key")
        assert told.index("(far at 127.0.0.1, HTTP 401") < told.index("(near at 127.0.0.1, HTTP 503")


async def test_azure_gets_its_own_header_at_its_own_path() -> None:
    async with town() as here:
        near = ProviderSettings(base_url=here.near.azure_base_url, models={"chat": "gpt-4o"})
        here.settings = here.settings.model_copy(update={"order": ("azure",), "providers": {"azure": near}})
        here.keys["azure"] = KEY
        assert await here.ask() == "azure gpt-4o"


async def test_a_new_key_takes_a_new_client_and_the_old_one_hangs_up() -> None:
    async with town(order=("near",)) as here:
        await here.ask()
        here.keys["near"] = "sk-other"
        assert "does not accept the API key" in str(await here.complaint())
        assert [entry.connection for entry in here.near.of("chat")] == [1, 2]
        here.keys["near"] = KEY
        await here.ask()
        assert here.near.connections == 1


async def test_a_new_key_cuts_off_nothing_that_is_under_way() -> None:
    async def told(server: Server) -> Any:
        return await server.openai.chat.completions.create(
            model=server.model, messages=[{"role": "user", "content": "Hi"}], stream=True
        )

    async with town(order=("near",)) as here:
        raw = (await here.providers.client()).openai
        async with here.providers.stream("chat", told) as events:
            said = [await anext(events)]
            here.keys["near"] = "sk-other"
            await here.complaint()
            said += [event async for event in events]
        assert said[-1].choices[0].finish_reason == "stop"
        assert await raw.models.list()  # whoever has the client itself goes on too, with the old key


async def test_a_client_that_was_replaced_hangs_up_after_its_last_stream() -> None:
    async def told(server: Server) -> Any:
        return await server.openai.chat.completions.create(
            model=server.model, messages=[{"role": "user", "content": "Hi"}], stream=True
        )

    async with town(order=("near",)) as here:
        async with here.providers.stream("chat", told) as events:
            old = events.server.client
            here.keys["near"] = "sk-other"
            await here.complaint()
            assert not old.closed
        assert old.closed


async def test_thousands_of_brackets_are_an_answer_of_another_form() -> None:
    for body in (b"[" * 100_000, b'{"choices":' * 100_000):
        async with town(Answer(200, body)) as here:
            assert isinstance(await here.complaint(), AnswerUnusable)


async def test_the_raw_client_is_the_one_that_the_helpers_use() -> None:
    async with town() as here:
        client = (await here.providers.client()).openai
        answer = await client.chat.completions.create(model="gpt-5.4", messages=[{"role": "user", "content": "Hi"}])
        assert answer.choices[0].message.content == "You said: Hi"
        await here.ask()
        assert {entry.connection for entry in here.near.of("chat")} == {1}


async def test_the_library_connects_where_it_may() -> None:
    """A plugin with the permission `api` needs none for the network."""
    inside: list[bool] = []

    @contextmanager
    def around() -> Iterator[None]:
        inside.append(True)
        yield
        inside.append(False)

    async with HttpLoopback(valid_key=KEY) as server:
        settings = AiSettings(providers={"openai": ProviderSettings(base_url=server.base_url)})
        providers = Providers(Terms(lambda: settings, lambda _: KEY, around=around))
        await providers.ask("chat", _hi, lambda answer, _: answer)
        await providers.aclose()
    assert inside == [True, False] * 2  # the import and the request


async def test_a_stream_begins_at_the_next_provider_and_ends_in_its_middle() -> None:
    async def told(server: Server) -> Any:
        return await server.openai.chat.completions.create(
            model=server.model, messages=[{"role": "user", "content": "Hi"}], stream=True
        )

    async with town(unavailable(), Drop(after=2)) as here:
        async with here.providers.stream("chat", told) as events:
            assert events.server.provider.name == "far"
            with pytest.raises(ApiUnreachable):
                _ = [event async for event in events]
        assert here.asked == (1, 1)


async def test_what_is_cancelled_in_mid_stream_leaves_nothing() -> None:
    async def told(server: Server) -> Any:
        return await server.openai.chat.completions.create(
            model=server.model, messages=[{"role": "user", "content": "Hi"}], stream=True
        )

    async with town(Stall(after=1)) as here:
        begun = asyncio.Event()

        async def listen() -> None:
            async with here.providers.stream("chat", told) as events:
                async for _ in events:
                    begun.set()

        listening = asyncio.create_task(listen())
        await begun.wait()
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        await here.near.wait_for("chat", ended=True)
        assert await here.ask(provider="far") == "far gpt-4o"


async def test_streams_that_nobody_leaves_stop_no_request() -> None:
    async def told(server: Server) -> Any:
        return await server.openai.chat.completions.create(
            model=server.model, messages=[{"role": "user", "content": "Hi"}], stream=True
        )

    async with town(Stall(after=1), order=("near",)) as here, AsyncExitStack() as stack:
        for _ in range(MOST_STREAMS):
            await stack.enter_async_context(here.providers.stream("chat", told))
        with pytest.raises(ApiBusy, match="32 streams are open: leave some"):
            await stack.enter_async_context(here.providers.stream("chat", told))
        assert await here.ask(provider="far") == "far gpt-4o"
        here.near.clear_faults()
        assert await here.ask() == "near gpt-5.4"
        await stack.aclose()
        async with here.providers.stream("chat", told) as events:
            assert [event async for event in events]


async def test_a_server_that_can_not_prove_who_it_is() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    stranger = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    async with stranger, town(retries=3) as here:
        port = stranger.sockets[0].getsockname()[1]
        near = ProviderSettings(base_url=f"https://127.0.0.1:{port}/v1", models={"chat": "gpt-4o"})
        here.settings = here.settings.model_copy(update={"order": ("near",), "providers": {"near": near}})
        error = await here.complaint()
        assert isinstance(error, ApiUnreachable)
        assert error.fatal
        assert "127.0.0.1 can't prove that it is who it says (self-signed certificate)" in str(error)
        assert "SSL_CERT_FILE" in str(error)


async def test_a_server_that_speaks_no_tls() -> None:
    async with town(retries=3) as here:
        near = ProviderSettings(base_url=f"https://127.0.0.1:{here.near.port}/v1", models={"chat": "gpt-4o"})
        here.settings = here.settings.model_copy(update={"order": ("near",), "providers": {"near": near}})
        error = await here.complaint()
        assert isinstance(error, ApiUnreachable)
        assert error.fatal
        assert "write http:// for https://" in str(error)


async def test_a_model_that_no_provider_knows() -> None:
    async with town() as here:
        error = await here.complaint(model="gpt-unknown")
        assert isinstance(error, ModelUnknown)
        assert here.asked == (1, 1)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("gpt-4", "; the last day of gpt-4 at OpenAI is 2026-10-23: use gpt-5.4"),
        ("o4-mini", "; the last day of o4-mini at OpenAI is 2026-10-23: use another model"),
        ("gpt-9", "have access to it."),
    ],
)
async def test_a_model_that_is_gone_is_told_with_its_successor(model: str, says: str) -> None:
    async with HttpLoopback(faults=[Fault(no_such_model(model), "chat", every=True)]) as server, desk(server) as made:
        with pytest.raises(ModelUnknown) as caught:
            await made.ai.chat.ask("Hi", model=model)
    assert str(caught.value).endswith(says)


async def test_a_server_that_wants_a_key_and_gets_none_says_where_it_goes() -> None:
    async with HttpLoopback(faults=[Fault(wrong_key(), "chat", every=True)]) as server:
        attic = ProviderSettings(base_url=server.base_url, models={"chat": "gpt-5.4-mini"})
        providers = {"openai": ProviderSettings(base_url=server.base_url), "attic": attic}
        async with desk(server, providers=providers) as made:
            made.key = ""
            for name, says in (
                (
                    "attic",
                    "none is configured for it: set ATTIC_API_KEY, or name a file with it in ai.providers.attic.",
                ),
                ("openai", "none is configured for it: name a file with it in ai.providers.openai.key_file"),
            ):
                with pytest.raises(ApiDenied) as caught:
                    await made.ai.chat.ask("Hi", provider=name)
                assert says in str(caught.value)
