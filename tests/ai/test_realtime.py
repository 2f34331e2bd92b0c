"""Keys with which a browser opens a session of its own."""

from __future__ import annotations

import time
from typing import Any

import pytest

from voiced.errors import AnswerUnusable, ModelUnknown, RequestRejected
from voiced.testing.http import Answer, Fault, HttpLoopback

from .desk import Desk


async def test_a_key_for_a_browser(here: Desk, server: HttpLoopback) -> None:
    secret = await here.ai.realtime.client_secret()
    assert secret.value.startswith("ek_")
    assert secret.value not in repr(secret)
    assert 590 < secret.expires_at.timestamp() - time.time() < 610
    assert secret.expires_at.tzinfo is not None
    assert secret.session["model"] == "gpt-realtime-2.1"
    assert server.of("realtime")[0].body == {
        "expires_after": {"anchor": "created_at", "seconds": 600},
        "session": {"type": "realtime", "model": "gpt-realtime-2.1"},
    }
    assert (here.spent, server.violations) == ([], ())


async def test_the_session_is_passed_on(here: Desk, server: HttpLoopback) -> None:
    session = {
        "instructions": "Be brief.",
        "audio": {"output": {"voice": "marin"}, "input": {"turn_detection": {"type": "semantic_vad"}}},
        "tools": [{"type": "function", "name": "lamp", "parameters": {"type": "object", "properties": {}}}],
    }
    secret = await here.ai.realtime.client_secret(session=session, seconds=7200, model="gpt-realtime-2.1-mini")
    assert server.of("realtime")[0].body["session"] == {
        "type": "realtime", "model": "gpt-realtime-2.1-mini", **session
    }  # fmt: skip
    assert secret.session["instructions"] == "Be brief."
    assert "Be brief" not in repr(secret)
    assert 7190 < secret.expires_at.timestamp() - time.time() < 7210


async def test_the_model_may_stand_in_the_session(here: Desk, server: HttpLoopback) -> None:
    await here.ai.realtime.client_secret(session={"model": "gpt-realtime-2.1-mini"})
    assert server.of("realtime")[0].body["session"]["model"] == "gpt-realtime-2.1-mini"


async def test_a_transcription_has_its_model_elsewhere(here: Desk, server: HttpLoopback) -> None:
    session = {"type": "transcription", "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}}}
    secret = await here.ai.realtime.client_secret(session=session, seconds=10)
    assert server.of("realtime")[0].body["session"] == session
    assert secret.session["type"] == "transcription"
    with pytest.raises(RequestRejected, match=r"session\.audio\.input\.transcription\.model"):
        await here.ai.realtime.client_secret(session=session, model="gpt-transcribe")


async def test_a_model_that_is_not_there(here: Desk, server: HttpLoopback) -> None:
    for model in ("gpt-realtime-9", "gpt-4o"):
        with pytest.raises(ModelUnknown, match=model):
            await here.ai.realtime.client_secret(model=model)
    assert len(server.of("realtime")) == 2


async def test_a_session_that_is_wrong_is_told_with_its_place(here: Desk) -> None:
    with pytest.raises(RequestRejected, match=r"'session\.input_audio_format'") as caught:
        await here.ai.realtime.client_secret(session={"input_audio_format": "pcm16"})
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"seconds": 9}, "a client secret of 9 s: give 10 to 7200"),
        ({"seconds": 7201}, "give 10 to 7200"),
        ({"seconds": 60.5}, "give 10 to 7200"),
        ({"session": {"type": "live"}}, "of type realtime or transcription, not live"),
    ],
)
async def test_what_can_not_be_asked_for_is_not_sent(
    here: Desk, server: HttpLoopback, asked: dict[str, Any], why: str
) -> None:
    with pytest.raises(RequestRejected, match=why):
        await here.ai.realtime.client_secret(**asked)
    assert server.requests == ()


@pytest.mark.parametrize(
    "body",
    [{}, {"value": "", "expires_at": 1, "session": {}}, {"value": "ek_1"}, {"value": "ek_1", "expires_at": "soon"}],
)
async def test_an_answer_that_has_no_key(here: Desk, server: HttpLoopback, body: dict[str, Any]) -> None:
    server.add_fault(Fault(Answer(200, body), "realtime"))
    with pytest.raises(AnswerUnusable) as caught:
        await here.ai.realtime.client_secret()
    assert "ek_1" not in str(caught.value)
