"""What a well-behaved client lives through with the loopback server."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter

import pytest

from voiced.testing.loopback import (
    CallTool,
    Fail,
    Incomplete,
    LoopbackServer,
    Pace,
    Reply,
    Say,
    Script,
    Silence,
    Turn,
    position_of,
    sweep,
)

from .loopback_client import BETA_HEADERS, RATE, client_of, collapsed, silence, speech, user_says


async def test_a_typed_question_gets_a_spoken_answer() -> None:
    async with LoopbackServer([Say("Nice to meet you.")]) as server, client_of(server) as client:
        done = await client.ask("Hello")
        assert done["response"]["status"] == "completed"
        assert done["response"]["output"][0]["content"] == [{"type": "output_audio", "transcript": "Nice to meet you."}]
        assert client.audio() == sweep(len(client.audio()) // 2)
        assert server.conversation.items[-1].text == "Nice to meet you."
    assert server.violations == ()


async def test_the_first_words_run_ahead_of_their_audio() -> None:
    async with LoopbackServer([Say("one two three four", pcm=sweep(RATE))]) as server, client_of(server) as client:
        await client.ask("Count")
        deltas = [kind for kind in client.types() if kind.endswith(".delta")]
        assert deltas[0] == "response.output_audio_transcript.delta"
        assert deltas.count("response.output_audio.delta") == 5


async def test_a_text_session_gets_text() -> None:
    async with LoopbackServer([Say("It is foggy.")]) as server, client_of(server) as client:
        await client.configure(output_modalities=["text"])
        done = await client.ask("How is the weather?")
        assert "".join(e["delta"] for e in client.events if e["type"] == "response.output_text.delta") == "It is foggy."
        assert done["response"]["output"][0]["content"] == [{"type": "output_text", "text": "It is foggy."}]
        assert client.audio() == b""


async def test_a_tool_is_called_and_its_output_reaches_the_script() -> None:
    turns: list[Turn] = []

    def script(turn: Turn) -> CallTool | Say:
        turns.append(turn)
        return Say("Twelve degrees.") if turn.tool_outputs else CallTool("get_weather", '{"city": "London"}')

    async with LoopbackServer(script) as server, client_of(server) as client:
        await client.say("How warm is it?")
        await client.send("response.create")
        call = await client.until("response.function_call_arguments.done")
        assert json.loads(call["arguments"]) == {"city": "London"}
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "12"}
        await client.until("response.done")
        await client.send("conversation.item.create", item=output)
        await client.send("response.create")
        done = await client.until("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Twelve degrees."
        assert [turn.tool_outputs for turn in turns] == [{}, {call["call_id"]: "12"}]
        assert turns[0].transcript == "How warm is it?"
    assert server.violations == ()


async def test_a_tool_output_sent_early_is_shown_after_the_response_that_asked() -> None:
    pace = Pace(chunk_ms=100, speed=1.0)
    script: list[Reply] = [[CallTool("lamp"), Say("Done.", pcm=sweep(RATE * 2))], Say("Yes.")]
    async with LoopbackServer(script, pace=pace) as server, client_of(server) as client:
        await client.send("response.create")
        call = await client.until("response.function_call_arguments.done")
        item = {"type": "function_call_output", "call_id": call["call_id"], "output": "ok"}
        await client.send("conversation.item.create", item=item)
        await server.wait_for("conversation.item.create")
        await client.send("response.cancel")
        await client.until("response.done")
        seen = len(client.events)
        await client.until("conversation.item.done")
        assert "conversation.item.added" in client.types()[seen:]
        assert client.events[-1]["item"]["type"] == "function_call_output"


async def test_commentary_and_tool_call_interleave() -> None:
    script: list[Reply] = [
        [Say("Let me look that up for you.", phase="commentary"), CallTool("look", '{"a": 1, "b": 2}')]
    ]
    async with LoopbackServer(script) as server, client_of(server) as client:
        done = await client.ask("Look")
        message, call = done["response"]["output"]
        assert (message["phase"], call["type"]) == ("commentary", "function_call")
        types = [(event["type"], event.get("output_index")) for event in client.events]
        assert types.index(("response.output_item.added", 1)) < types.index(("response.output_audio.done", 0))


async def test_what_was_under_way_still_comes_after_a_cancel() -> None:
    pace = Pace(chunk_ms=20, speed=1.0, late_deltas=14)
    async with (
        LoopbackServer([Say("word " * 50, pcm=sweep(RATE * 10))], pace=pace) as server,
        client_of(server) as client,
    ):
        await client.say("Tell me a story")
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        await server.wait_for("response.cancel")
        done = await client.until("response.done")
        at = server.timeline.arrivals("response.cancel")[0]
        late = [e for e in server.sent if e.at > at and e.type.endswith(".delta")]
        assert len(late) == 14
        assert done["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        assert done["response"]["output"][0]["status"] == "incomplete"
        assert done["response"]["usage"]["output_tokens"] > 0
        assert collapsed(client.types())[-6:] == [
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]


async def test_a_truncated_item_keeps_what_was_heard_and_loses_its_transcript() -> None:
    async with LoopbackServer([Say("A long story", pcm=sweep(RATE * 3))]) as server, client_of(server) as client:
        done = await client.ask("Tell me")
        item_id = done["response"]["output"][0]["id"]
        await client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=1234)
        assert (await client.until("conversation.item.truncated"))["audio_end_ms"] == 1234
        item = server.conversation.find(item_id)
        assert (item.truncated_ms, item.audio_ms, item.text) == (1234, 1234, "")
        assert bytes(item.content[0].pcm) == sweep(1234 * RATE // 1000)
        await client.send("conversation.item.retrieve", item_id=item_id)
        shown = (await client.until("conversation.item.retrieved"))["item"]
        assert shown["content"][0]["transcript"] is None
        await client.send("conversation.item.delete", item_id=item_id)
        await client.until("conversation.item.deleted")
        assert [item.role for item in server.conversation.items] == ["user"]
    assert server.violations == ()


async def test_late_audio_does_not_grow_a_truncated_item() -> None:
    pace = Pace(chunk_ms=20, speed=1.0, late_deltas=6)
    async with LoopbackServer([Say("x", pcm=sweep(RATE * 10))], pace=pace) as server, client_of(server) as client:
        await client.send("response.create")
        delta = await client.until("response.output_audio.delta")
        await client.send("conversation.item.truncate", item_id=delta["item_id"], content_index=0, audio_end_ms=7)
        await client.send("response.cancel")
        await client.until("response.done")
        assert server.conversation.items[0].audio_ms == 7
        assert len(client.audio()) > 20 * RATE * 2 // 1000


async def test_speech_is_found_committed_and_answered() -> None:
    script = Script([Say("Hello.")], transcripts=["Good morning."])
    async with LoopbackServer(script) as server, client_of(server) as client:
        await client.configure(audio={"input": {"transcription": {"model": "gpt-4o-transcribe"}}})
        await client.append(silence(1000) + speech(1500) + silence(600))
        started = await client.until("input_audio_buffer.speech_started")
        stopped = await client.until("input_audio_buffer.speech_stopped")
        assert started["audio_start_ms"] == pytest.approx(700, abs=100)
        assert stopped["audio_end_ms"] == pytest.approx(2700, abs=100)
        await client.until("response.done")
        await client.until_seen(Counter(["conversation.item.input_audio_transcription.completed"]))
        item = server.conversation.items[0]
        assert item.id == started["item_id"]
        assert item.audio_ms == stopped["audio_end_ms"] - started["audio_start_ms"]
        assert (item.text, item.understood) == ("Good morning.", "Good morning.")
    assert server.violations == ()


async def test_speech_over_a_reply_interrupts_it() -> None:
    pace = Pace(chunk_ms=100, speed=1.0, late_deltas=2)
    script = [Say("A long story", pcm=sweep(RATE * 20)), Say("Yes?")]
    async with LoopbackServer(script, pace=pace) as server, client_of(server) as client:
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.append(speech(1000) + silence(500))
        done = await client.until("response.done")
        assert done["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        done = await client.until("response.created")
        assert [item.role for item in server.conversation.items][:2] == ["assistant", "user"]


async def test_the_client_may_find_turns_itself() -> None:
    async with LoopbackServer([Say("Hello.")]) as server, client_of(server) as client:
        await client.configure(audio={"input": {"turn_detection": None}})
        await client.append(speech(500))
        await client.send("input_audio_buffer.commit")
        committed = await client.until("input_audio_buffer.committed")
        assert committed["previous_item_id"] is None
        await client.send("response.create")
        await client.until("response.done")
        assert server.conversation.items[0].audio_ms == 500
        await client.append(speech(500))
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
        assert "input_audio_buffer.speech_started" not in client.types()
    assert server.violations == ()


async def test_the_transcript_may_come_after_the_reply() -> None:
    async with (
        LoopbackServer([Say("Hello.")], pace=Pace(late_transcription=True)) as server,
        client_of(server) as client,
    ):
        await client.configure(audio={"input": {"transcription": {"model": "gpt-realtime-whisper"}}})
        await client.append(speech(1200) + silence(400))
        await client.until("response.done")
        assert not any("transcription" in kind for kind in client.types())
        completed = await client.until("conversation.item.input_audio_transcription.completed")
        assert completed["usage"] == {"type": "duration", "seconds": 2}


async def test_a_transcription_can_fail() -> None:
    script = Script([Say("Hello.")], transcripts=[Fail("DeploymentNotFound", "no such deployment")])
    async with LoopbackServer(script) as server, client_of(server) as client:
        await client.configure(audio={"input": {"transcription": {"model": "x"}, "turn_detection": None}})
        await client.append(speech(200))
        await client.send("input_audio_buffer.commit")
        failed = await client.until("conversation.item.input_audio_transcription.failed")
        assert failed["error"]["code"] == "DeploymentNotFound"


@pytest.mark.parametrize(
    ("ending", "status", "details"),
    [
        (
            Fail("insufficient_quota", "You exceeded your current quota."),
            "failed",
            {
                "type": "failed",
                "error": {
                    "type": "insufficient_quota",
                    "code": "insufficient_quota",
                    "message": "You exceeded your current quota.",
                },
            },
        ),
        (Incomplete("content_filter"), "incomplete", {"type": "incomplete", "reason": "content_filter"}),
    ],
)
async def test_a_reply_can_end_badly(ending: Fail | Incomplete, status: str, details: object) -> None:
    async with LoopbackServer([[Say("Well"), ending]]) as server, client_of(server) as client:
        response = (await client.ask("Hello"))["response"]
        assert (response["status"], response["status_details"]) == (status, details)
        assert len(response["output"]) == 1


async def test_a_model_that_never_answers_can_be_cancelled() -> None:
    async with LoopbackServer([Silence(), Say("Here I am.")]) as server, client_of(server) as client:
        await client.send("response.create")
        await client.until("response.created")
        await client.send("response.cancel")
        done = await client.until("response.done")
        assert (done["response"]["status"], done["response"]["output"]) == ("cancelled", [])
        assert (await client.ask("Hello"))["response"]["status"] == "completed"
    assert server.violations == ()


async def test_a_cancel_does_not_wait_for_a_slow_first_word() -> None:
    async with (
        LoopbackServer([Say("Hello")], pace=Pace(first_delta_delay_s=60.0)) as server,
        client_of(server) as client,
    ):
        await client.send("response.create")
        await client.until("response.created")
        await client.send("response.cancel")
        await client.until("response.done")


async def test_a_response_apart_runs_beside_the_conversation() -> None:
    script: list[Reply] = [Silence(), Say("sunny")]
    async with LoopbackServer(script) as server, client_of(server) as client:
        await client.say("What is the weather like?")
        await client.send("response.create")
        apart = {
            "conversation": "none",
            "input": [user_says("One word: sunny or rainy?")],
            "output_modalities": ["text"],
            "metadata": {"topic": "weather"},
            "instructions": "One word.",
        }
        await client.send("response.create", response=apart)
        response = (await client.until("response.done"))["response"]
        assert response["conversation_id"] is None
        assert response["metadata"] == {"topic": "weather"}
        assert response["output"][0]["content"] == [{"type": "output_text", "text": "sunny"}]
        assert [item.role for item in server.conversation.items] == ["user"]
    assert server.violations == ()


async def test_items_go_where_they_are_put() -> None:
    async with LoopbackServer() as server, client_of(server) as client:
        for text, item_id, after in (("b", "id_b", None), ("a", "id_a", "root"), ("c", "id_c", "id_b")):
            item = user_says(text) | {"id": item_id}
            await client.send("conversation.item.create", item=item, previous_item_id=after)
            await client.until("conversation.item.done")
        assert [item.id for item in server.conversation.items] == ["id_a", "id_b", "id_c"]
        assert client.events[-1]["previous_item_id"] == "id_b"


async def test_a_reply_may_have_words_and_no_sound() -> None:
    async with LoopbackServer([Say("Only words.", pcm=b"")]) as server, client_of(server) as client:
        done = await client.ask("Hello")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Only words."
        assert client.audio() == b""
    with pytest.raises(ValueError, match="pcm has 3 bytes"):
        Say("x", pcm=b"xyz")


async def test_without_a_script_the_server_repeats_what_it_understood() -> None:
    async with LoopbackServer() as server, client_of(server) as client:
        done = await client.ask("good morning")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "You said: good morning"
        assert server.violations == ()


async def test_a_script_that_is_too_short_is_told() -> None:
    async with LoopbackServer([Say("Only this.")]) as server, client_of(server) as client:
        await client.ask("One")
        done = await client.ask("Two")
        assert done["response"]["status_details"]["error"]["code"] == "script_exhausted"
        assert [found.code for found in server.violations] == ["script_exhausted"]


async def test_tokens_are_counted_and_the_prompt_is_cached() -> None:
    async with LoopbackServer([Say("One."), Say("Two.")]) as server, client_of(server) as client:
        await client.configure(instructions="Be brief. " * 40)
        first = (await client.ask("Hello"))["response"]["usage"]
        second = (await client.ask("And?"))["response"]["usage"]
        assert first["input_token_details"]["cached_tokens"] == 0
        assert second["input_token_details"]["cached_tokens"] == 64
        for usage in (first, second):
            assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
            assert usage["output_token_details"]["audio_tokens"] == 8  # 400 ms
        assert (await client.until("rate_limits.updated"))["rate_limits"][0]["name"] == "tokens"


async def test_azure_repeats_parts_as_content_and_sends_no_rate_limits() -> None:
    path, headers = "/openai/v1/realtime?model=my-deployment", {"api-key": "secret"}
    async with (
        LoopbackServer([Say("Hi."), Say("Ho.")]) as server,
        client_of(server, path=path, headers=headers) as client,
    ):
        await client.ask("Hello")
        await client.ask("Hello")
        part = next(event for event in client.events if event["type"] == "response.content_part.added")
        assert part["content"] == part["part"]
        assert "rate_limits.updated" not in client.types()


async def test_reasoning_models_have_their_own_defaults() -> None:
    async with (
        LoopbackServer([Say("Hi.")]) as server,
        client_of(server, path="/v1/realtime?model=gpt-realtime-2.1") as client,
    ):
        session = client.events[0]["session"]
        assert session["audio"]["output"]["voice"] == "marin"
        assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500
        usage = (await client.ask("Hello"))["response"]["usage"]
        assert usage["output_token_details"]["reasoning_tokens"] == 0


async def test_beta_has_its_own_names() -> None:
    async with (
        LoopbackServer([Say("Nice to meet you.")], dialect="beta") as server,
        client_of(server, headers=BETA_HEADERS) as client,
    ):
        session = {"modalities": ["text", "audio"], "voice": "verse", "turn_detection": None, "temperature": 0.7}
        await client.send("session.update", session=session)
        updated = (await client.until("session.updated"))["session"]
        assert {key: updated[key] for key in session} == session
        done = await client.ask("Hello")
        assert collapsed(client.types()) == [
            "session.created",
            "conversation.created",
            "session.updated",
            "conversation.item.created",
            "response.created",
            "response.output_item.added",
            "conversation.item.created",
            "response.content_part.added",
            "response.audio_transcript.delta",
            "response.audio.delta",
            "response.audio_transcript.delta",
            "response.audio.delta",
            "response.audio_transcript.delta",
            "response.audio.delta",
            "response.audio.done",
            "response.audio_transcript.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.done",
        ]
        response = done["response"]
        assert response["output"][0]["content"] == [{"type": "audio", "transcript": "Nice to meet you."}]
        assert (response["modalities"], response["voice"]) == (["text", "audio"], "verse")
    assert server.violations == ()


async def test_times_and_places_can_be_asked_for() -> None:
    async with LoopbackServer([Say("Hello.", pcm=sweep(RATE))]) as server, client_of(server) as client:
        before = time.monotonic()
        done = await client.ask("Hello")
        timeline = server.timeline
        [asked] = timeline.arrivals("response.create")
        first = timeline.first_audio()[done["response"]["id"]]
        assert before <= asked <= first <= timeline.departures("response.done")[0]
        assert timeline.audio(done["response"]["id"])[0] == first
        assert len(timeline.audio()) == 5
        assert position_of(client.audio()[RATE:][:960]) == RATE // 2
        entry = await server.wait_for("response.create", connection=1)
        assert entry.event["type"] == "response.create"
        with pytest.raises(TimeoutError, match=r"'response.cancel' came 0 times"):
            await server.wait_for("response.cancel", timeout_s=0.0)


async def test_the_journal_has_no_audio_in_it() -> None:
    async with LoopbackServer() as server, client_of(server) as client:
        await client.append(silence(100))
        entry = await server.wait_for("input_audio_buffer.append")
        assert (entry.audio_bytes, "audio" in entry.event) == (4800, False)


@pytest.mark.real_time
async def test_closing_the_server_ends_everything_at_once() -> None:
    tasks = asyncio.all_tasks()
    async with (
        LoopbackServer([Silence()]) as server,
        client_of(server) as client,
    ):
        await client.send("response.create")
        await client.until("response.created")
        assert server.connections == (1, 1, 1)
        async with asyncio.timeout(1.0):
            await server.__aexit__(None, None, None)
        assert server.connections == (0, 1, 1)
    assert asyncio.all_tasks() == tasks
