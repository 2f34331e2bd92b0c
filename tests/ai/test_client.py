"""The official client as voiced makes it: late, without retries, and with errors of our own."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from voiced.ai.client import Client
from voiced.ai.endpoint import Endpoint
from voiced.ai.failures import one_line, retry_after_s
from voiced.errors import (
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
    Pace,
    Stall,
    context_too_long,
    forbidden,
    no_credit,
    no_such_model,
    rate_limited,
    server_error,
    wrong_key,
)
from voiced.testing.http.faults import Action

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def error(status: int, message: str = "", code: str | None = None, kind: str = "", param: str | None = None) -> Answer:
    return Answer(status, {"error": {"message": message, "code": code, "type": kind, "param": param}})


async def failed_by(action: Action) -> tuple[ApiError, int]:
    """The error that comes of it, and how many requests were made."""
    async with HttpLoopback(faults=[Fault(action, on="chat", every=True)]) as server:
        client = await Client.open(Endpoint(server.base_url, "sk-test-0123456789", connect_timeout_s=1))
        try:
            with pytest.raises(ApiError) as raised:
                async with client.request("chat", 0.5):
                    await client.openai.chat.completions.create(
                        model="gpt-5.4-mini", messages=[{"role": "user", "content": "Hi"}]
                    )
            return raised.value, len(server.of("chat"))
        finally:
            await client.close()


@pytest.mark.parametrize(
    ("action", "kind", "cause"),
    [
        (wrong_key(), ApiDenied, "key"),
        (error(401, "You have insufficient permissions. Missing scopes: model.request"), ApiDenied, "access"),
        (forbidden(), ApiDenied, "access"),
        (no_credit(), ApiDenied, "credit"),
        (error(402), ApiDenied, "credit"),
        (error(429, "x", "billing_hard_limit_reached"), ApiDenied, "credit"),
        (rate_limited(3), ApiBusy, ""),
        (no_such_model(), ModelUnknown, "settings"),
        (error(403, "Project `p` does not have access to model `m`", "model_not_found"), ModelUnknown, "access"),
        (error(404, "model 'x' not found, try pulling it first", None, "api_error"), ModelUnknown, "settings"),
        (error(400, "The model `x` has been deprecated, learn more here"), ModelUnknown, "settings"),
        (error(400, "Invalid model m.", "invalid_value", param="model"), ModelUnknown, "settings"),
        (error(410), ModelUnknown, "settings"),
        (context_too_long(), ContextTooLong, ""),
        (error(400, "the request exceeds the available context size (4096 tokens)"), ContextTooLong, ""),
        (error(429, "Request too large for gpt-4o on tokens per min", "rate_limit_exceeded"), ContextTooLong, ""),
        (error(413), ContextTooLong, ""),
        (error(400, "Unknown voice", "invalid_value", param="voice"), RequestRejected, ""),
        (error(422, "nope"), RequestRejected, ""),
        (server_error(), ApiUnreachable, ""),
        (Answer(503, b"<html>"), ApiUnreachable, ""),
        (Drop(), ApiUnreachable, ""),
        (Drop(after=1), ApiUnreachable, ""),
        (Stall(), ApiUnreachable, ""),
        (Answer(301, headers={"Location": "https://example.org"}), ApiDenied, "settings"),
    ],
    ids=lambda value: value.status if isinstance(value, Answer) else getattr(value, "__name__", None),
)
async def test_what_an_answer_means(action: Action, kind: type[ApiError], cause: str) -> None:
    failure, requests = await failed_by(action)
    assert (type(failure), failure.cause, failure.fatal) == (kind, cause, bool(cause))
    assert requests == 1  # retries are not the library's business
    assert "\n" not in str(failure)


async def test_what_is_wrong_with_our_own_code_stays_what_it_is() -> None:
    client = await Client.open(Endpoint("http://127.0.0.1:9/v1"))
    with pytest.raises(ZeroDivisionError):
        async with client.request("chat", 5):
            raise ZeroDivisionError
    await client.close()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, 86_400.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_how_long_a_server_wants_us_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, NOW) == seconds


def test_a_servers_sentence_is_one_line_with_no_key_in_it() -> None:
    text = one_line("Incorrect API key\n provided: sk-ab***********wxyz. " + "x" * 1000)
    assert text.startswith("Incorrect API key provided: [key] x")
    assert len(text) == 300


def test_nothing_imports_the_library_before_it_is_needed() -> None:
    program = (
        "import sys, voiced.app, voiced.brains.cascade.brain; print('openai' in sys.modules, 'httpx2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


async def test_connections_are_opened_before_they_are_needed_and_not_twice() -> None:
    async with HttpLoopback(pace=Pace(models_s=0.2)) as server:  # the first is not free when the second is opened
        client = await Client.open(Endpoint(server.base_url, "sk-test-0123456789"))
        await client.warm(2, 1)
        await client.warm(2, 1)
        assert (server.connections, len(server.of("models"))) == (2, 2)
        await client.close()
        await server.refuse_connections()
        again = await Client.open(Endpoint(server.base_url, "sk-test-0123456789"))
        await again.warm(2, 1)  # nobody is there, and nobody minds
        await again.close()


def test_what_checks_responses_is_built_before_they_come() -> None:
    """On the event loop it would take as long as several pieces of sound."""
    script = """
import asyncio
from voiced.ai.client import Client
from voiced.ai.endpoint import Endpoint

async def prepare():
    client = await Client.open(Endpoint("http://127.0.0.1:9/v1", ""))
    await client.prepare("responses")
    await client.close()

asyncio.run(prepare())
from openai.types import responses
print([kind.__pydantic_complete__ for kind in (responses.Response, responses.ResponseTextDeltaEvent)])
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.split("\n")[0] == "[True, True]"
