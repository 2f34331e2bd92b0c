"""Servers that are only nearly like OpenAI's: Ollama, DeepSeek, Speaches."""

from __future__ import annotations

from typing import Any

import pytest

from tests.brains.cascade.household import FIRST, household
from tests.brains.cascade.other_server import chunk, other_server
from voiced.conversation.commands import SendToolResult, StartReply
from voiced.conversation.events import ToolCalled, UsageReported
from voiced.testing.http import HttpLoopback


def whole_call(name: str, arguments: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


async def test_a_server_of_ones_own_gets_no_key_and_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer sk-custom\napi-key: sk-custom")
    async with other_server() as server, household(server.base_url, key=lambda _: "") as home:
        server.chats = [[chunk({"content": "Hi."}), chunk(finish="stop")]]
        await home.ready()
        home.say()
        assert (await home.done()).status == "completed"
        assert len(server.headers) == 4
        for headers in server.headers:
            assert not {"authorization", "api-key", "openai-organization", "openai-project"} & set(headers)
            assert "secret" not in str(headers)


async def test_each_service_has_a_server_and_a_key_of_its_own() -> None:
    keys = {"stt": "key-of-stt", "chat": "", "tts": "key-of-tts"}
    async with other_server() as stt, other_server() as chat, other_server() as tts:
        chat.chats = [[chunk({"content": "Hi."}), chunk(finish="stop")]]
        settings: dict[str, Any] = {
            "stt_base_url": stt.base_url,
            "chat_base_url": chat.base_url,
            "tts_base_url": tts.base_url,
        }
        async with household("http://127.0.0.1:9/v1", key=lambda service: keys[service], **settings) as home:
            await home.ready()
            home.say()
            await home.done()
        assert (stt.paths[1:], chat.paths[1:], tts.paths[1:]) == (
            ["/v1/audio/transcriptions"],
            ["/v1/chat/completions"],
            ["/v1/audio/speech"],
        )
        assert {headers.get("authorization") for headers in stt.headers} == {"Bearer key-of-stt"}
        assert {headers.get("authorization") for headers in chat.headers} == {None}
        assert {headers.get("authorization") for headers in tts.headers} == {"Bearer key-of-tts"}


async def test_whole_tool_calls_with_no_index_and_no_usage() -> None:
    async with other_server() as server, household(server.base_url) as home:
        server.chats = [
            [
                chunk({"role": "assistant", "content": "", "reasoning_content": "Hm, the lamp."}),
                chunk({"tool_calls": [whole_call("lamp", '{"on":true}'), whole_call("lamp", '{"on":false}')]}),
                chunk(finish="stop"),
            ],
            [chunk({"content": "Done."}), chunk(finish="stop")],
        ]
        await home.ready()
        home.say()
        await home.done()
        calls = home.inbox.of(ToolCalled)
        assert [call.arguments for call in calls] == ['{"on":true}', '{"on":false}']
        for call in calls:
            home.do(SendToolResult(FIRST, call.call, "ok"))
        home.do(StartReply(FIRST))
        await home.done(2)
        assert home.said == "Done."
        wanted = server.bodies[1]["messages"][2]["tool_calls"]
        assert len({call["id"] for call in wanted}) == 2
        chats = [event.usage for event in home.inbox.of(UsageReported) if event.usage.model == "gpt-5.4-mini"]
        assert [usage.text_in > 0 for usage in chats] == [True, True]  # about as much as it must have been


async def test_thoughts_of_a_local_model_are_not_spoken() -> None:
    async with other_server() as server, household(server.base_url) as home:
        server.chats = [
            [
                *(chunk({"content": piece}) for piece in ["<th", "ink>hm", "</think>", "\n\nIt is", " late."]),
                chunk(finish="stop"),
            ]
        ]
        await home.ready()
        home.say()
        await home.done()
        assert home.said == "It is late."


async def test_another_rate_of_sound_can_be_configured() -> None:
    async with other_server() as server, household(server.base_url, tts_rate=12_000) as home:
        server.chats = [[chunk({"content": "Hi."}), chunk(finish="stop")]]
        server.speech = bytes(2400)
        await home.ready()
        home.say()
        await home.done()
        assert len(home.spoken) == 4800


async def test_stt_and_chat_may_be_elsewhere_than_speech() -> None:
    async with other_server() as server, HttpLoopback() as loopback:
        server.chats = [[chunk({"content": "Hi."}), chunk(finish="stop")]]
        async with household(server.base_url, tts_base_url=loopback.base_url) as home:
            await home.ready()
            home.say()
            await home.done()
        assert [entry.body["input"] for entry in loopback.of("speech")] == ["Hi."]
        assert loopback.violations == ()
