"""What the HTTP server answers to a client that does everything right: OpenAI's own."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from voiced.testing.http import (
    CallTool,
    Finish,
    HttpLoopback,
    Pause,
    Say,
    Script,
    recognise,
    spoken,
)

from .http_client import HI, LAMP, raw_of, sdk_of, wav


async def test_what_was_said_is_written_down() -> None:
    async with HttpLoopback(transcripts=["Hello.", ""]) as server, sdk_of(server) as sdk:
        texts = []
        for _ in range(3):
            file = ("speech.wav", wav(1.5, rate=16_000))
            texts.append((await sdk.audio.transcriptions.create(file=file, model="whisper-1")).text)
        assert texts == ["Hello.", "", "speech of 1500 ms"]
        assert [(entry.rate, len(entry.pcm)) for entry in server.of("transcription")] == [(16_000, 48_000)] * 3
        assert server.violations == ()


async def test_whisper_bills_seconds_and_the_others_tokens() -> None:
    async with HttpLoopback(transcripts=["Good morning."] * 2) as server, raw_of(server) as raw:
        whisper = (await raw.transcribe(wav(2.2))).json
        assert whisper == {"text": "Good morning.", "usage": {"type": "duration", "seconds": 3}}
        usage = (await raw.transcribe(wav(2.2), model="gpt-4o-mini-transcribe", prompt="Names")).json["usage"]
        assert (usage["type"], usage["input_token_details"]) == ("tokens", {"text_tokens": 2, "audio_tokens": 22})
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] == 24 + 4


async def test_a_transcript_as_text_and_with_its_words() -> None:
    async with HttpLoopback(transcripts=["Good morning."] * 3) as server, raw_of(server) as raw:
        text = await raw.transcribe(response_format="text", model="gpt-4o-transcribe")
        assert (text.body, text.headers["Content-Type"]) == (b"Good morning.\n", "text/plain; charset=utf-8")
        verbose = (await raw.transcribe(response_format="verbose_json")).json
        assert (verbose["duration"], [found["text"] for found in verbose["segments"]]) == (1.0, [" Good morning."])
        words = await raw.transcribe(response_format="verbose_json", timestamp_granularities=["word"])
        assert words.json["words"] == [
            {"word": "Good", "start": 0.0, "end": 0.5},
            {"word": "morning.", "start": 0.5, "end": 1.0},
        ]
        assert "segments" not in words.json


async def test_a_transcript_in_pieces() -> None:
    async with HttpLoopback(transcripts=["Good morning."] * 2) as server, raw_of(server) as raw:
        streamed = await raw.transcribe(stream="true", model="gpt-4o-transcribe")
        assert [event["type"] for event in streamed.events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
        assert "".join(event["delta"] for event in streamed.events[:2]) == streamed.events[2]["text"] == "Good morning."
        assert (await raw.transcribe(stream="true")).json["text"] == "Good morning."  # whisper-1 ignores it


async def test_a_streamed_answer() -> None:
    async with HttpLoopback([Say("It is noon.", pieces=["It ", "is no", "on."])]) as server, raw_of(server) as raw:
        answer = await raw.chat(stream=True, stream_options={"include_usage": True})
        *chunks, counted, done = answer.events
        assert done == "[DONE]"
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
            {"role": "assistant", "content": "", "refusal": None},
            {"content": "It "},
            {"content": "is no"},
            {"content": "on."},
            {},
        ]
        assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 4 + ["stop"]
        assert [chunk["usage"] for chunk in chunks] == [None] * 5
        assert counted["choices"] == []
        usage = counted["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
        assert len({chunk["id"] for chunk in [*chunks, counted]}) == 1


async def test_usage_and_padding_come_only_where_they_are_wanted() -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        plain = (await raw.chat(stream=True)).events
        assert all("usage" not in chunk and chunk["obfuscation"] for chunk in plain[:-1])
        bare = (await raw.chat(stream=True, stream_options={"include_obfuscation": False})).events
        assert all("obfuscation" not in chunk for chunk in bare[:-1])


async def test_one_tool_call_comes_with_the_role_and_several_come_after_it() -> None:
    calls = [CallTool("lamp", '{"on": true}'), CallTool("lamp", "{}", call_id="0", pieces=["{", "}"])]
    async with HttpLoopback([calls[0], calls, [Say("Well."), calls[1]]]) as server, raw_of(server) as raw:

        async def deltas() -> list[Any]:
            events = (await raw.chat(stream=True, tools=[LAMP])).events
            assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"
            return [event["choices"][0]["delta"] for event in events[:-2]]

        role = {"role": "assistant", "content": None, "refusal": None}
        opened = {"index": 0, "type": "function", "function": {"name": "lamp", "arguments": ""}}
        first = await deltas()
        assert first[0] == role | {"tool_calls": [opened | {"id": first[0]["tool_calls"][0]["id"]}]}
        assert [delta["tool_calls"][0]["function"]["arguments"] for delta in first] == ["", '{"on":', " true}"]
        both = await deltas()
        assert both[0] == role
        assert [delta["tool_calls"][0]["index"] for delta in both[1:]] == [0, 0, 0, 1, 1, 1]
        assert both[4] == {"tool_calls": [opened | {"index": 1, "id": "0"}]}
        assert both[1]["tool_calls"][0]["id"] != first[0]["tool_calls"][0]["id"]
        said = await deltas()
        assert said[:2] == [{"role": "assistant", "content": "", "refusal": None}, {"content": "Well."}]
        assert said[2] == {"tool_calls": [opened | {"id": "0"}]}


async def test_a_tool_is_called_and_its_result_is_talked_about() -> None:
    async with (
        HttpLoopback(Script(lambda asked: CallTool("lamp") if not asked.tool_outputs else "Done.")) as server,
        sdk_of(server) as sdk,
    ):
        first = await sdk.chat.completions.create(model="gpt-4o", messages=HI, tools=[LAMP])  # type: ignore[list-item]
        message = first.choices[0].message
        assert first.choices[0].finish_reason == "tool_calls"
        assert message.tool_calls is not None
        result: Any = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "on"}
        # The message goes back as it came, with all that the SDK writes.
        history: list[Any] = [*HI, message.model_dump(exclude_none=True), result]
        second = await sdk.chat.completions.create(model="gpt-4o", messages=history, tools=[LAMP])  # type: ignore[list-item]
        assert (second.choices[0].message.content, second.choices[0].finish_reason) == ("Done.", "stop")
        assert server.violations == ()


async def test_without_a_script_the_model_repeats_what_it_was_told() -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        image = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
        messages = [{"role": "user", "content": [{"type": "text", "text": "Look."}, image]}]
        answer = (await raw.chat(messages=messages)).json
        assert answer["choices"][0]["message"]["content"] == "You said: Look."


async def test_an_answer_that_is_cut_off_says_so() -> None:
    async with HttpLoopback([[Say("And"), Finish("length")]]) as server, raw_of(server) as raw:
        assert (await raw.chat()).json["choices"][0]["finish_reason"] == "length"


async def test_a_request_after_the_last_reply_is_told_to_the_test() -> None:
    async with HttpLoopback(["Only this."]) as server, raw_of(server) as raw:
        assert (await raw.chat()).status == 200
        assert (await raw.chat()).error["code"] == "script_exhausted"
        assert [found.code for found in server.violations] == ["script_exhausted"]


@pytest.mark.parametrize("reply", [[CallTool("lamp"), Say("Late.")], [Finish(), Say("Later.")]])
async def test_what_no_model_writes_is_no_reply(reply: Any) -> None:
    with pytest.raises(ValueError, match=r"first|Finish"):
        Script([reply]).reply(None)  # type: ignore[arg-type]


def test_pieces_are_those_of_the_text() -> None:
    with pytest.raises(ValueError, match="make up the text"):
        Say("Hello.", pieces=["Hell"])
    with pytest.raises(ValueError, match="make up the arguments"):
        CallTool("lamp", "{}", pieces=["{"])


async def test_speech_comes_in_chunks_that_end_within_samples() -> None:
    async with HttpLoopback() as server, sdk_of(server) as sdk:
        speech = sdk.audio.speech.with_streaming_response
        async with speech.create(model="tts-1", voice="coral", input="Hello you.", response_format="pcm") as response:
            chunks = [chunk async for chunk in response.iter_bytes()]
        assert response.headers["content-type"] == "audio/pcm"
        assert "content-length" not in response.headers
        assert b"".join(chunks) == spoken("Hello you.")
        assert len(chunks[0]) % 2 == 1


async def test_speech_as_a_wav_file_has_the_length_that_nobody_knows_yet() -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        body = (await raw.speak(response_format="wav")).body
        assert (body[:4], body[40:44], body[44:]) == (b"RIFF", b"\xff\xff\xff\xff", spoken("Hello."))


async def test_speech_as_events() -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        answer = await raw.speak(model="gpt-4o-mini-tts", stream_format="sse")
        assert {event["type"] for event in answer.events[:-1]} == {"speech.audio.delta"}
        assert answer.events[-1]["type"] == "speech.audio.done"


@pytest.mark.parametrize(("speed", "part"), [(2.0, 0.5), (0.5, 2.0)])
async def test_speech_may_be_quicker_or_slower(speed: float, part: float) -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        assert len((await raw.speak(speed=speed)).body) == len(spoken("Hello.")) * part


async def test_the_script_may_have_sounds_of_its_own() -> None:
    async with HttpLoopback(Script(sound=lambda text: bytes(len(text) * 2))) as server, raw_of(server) as raw:
        assert (await raw.speak(input="four")).body == bytes(8)


async def test_models_are_listed_and_described() -> None:
    async with HttpLoopback(models=["llama3.2", "kokoro"]) as server, raw_of(server) as raw, sdk_of(server) as sdk:
        assert [model.id async for model in sdk.models.list()] == ["llama3.2", "kokoro"]
        assert (await sdk.models.retrieve("kokoro")).id == "kokoro"
        assert (await raw.chat(model="llama3.2")).status == 200
        assert (await raw.ask("models/gpt-4o", method="GET")).error["code"] == "model_not_found"


async def test_what_is_kept_of_the_requests_has_no_keys_in_it() -> None:
    async with HttpLoopback() as server, raw_of(server, headers={"X-Mine": "1"}) as raw:
        await raw.speak()
        (entry,) = server.requests
        assert (entry.stage, entry.nth, entry.status, entry.outcome) == ("speech", 1, 200, "answered")
        assert entry.body["input"] == "Hello."
        assert entry.headers["x-mine"] == "1"
        assert "sk-test" not in json.dumps([entry.headers, entry.body])
        assert entry.first_byte_at is not None
        assert entry.last_byte_at is not None
        assert entry.ended_at is not None
        assert entry.at <= entry.first_byte_at <= entry.last_byte_at <= entry.ended_at


async def test_pauses_add_up_where_nothing_is_streamed() -> None:
    async with HttpLoopback([[Say("One."), Pause(0.01), Say(" Two.")]]) as server, raw_of(server) as raw:
        assert (await raw.chat()).json["choices"][0]["message"]["content"] == "One. Two."


def test_a_tape_tells_which_sentences_sounded_and_when() -> None:
    first, second = "Good morning, everybody.", "It is noon."
    quiet = (np.frombuffer(spoken(first), dtype="<i2") // 8).astype("<i2").tobytes()
    tape = bytes(9600) + quiet + bytes(4800) + spoken(second)[: 24_000 * 2 // 5]
    heard = recognise(tape, ["Never said.", second, first])
    assert [found.text for found in heard] == [first, second]
    assert heard[0].start_ms == pytest.approx(200, abs=20)
    assert heard[0].end_ms == pytest.approx(200 + len(spoken(first)) // 48, abs=20)
    assert heard[1].end_ms - heard[1].start_ms == pytest.approx(200, abs=20)


def test_many_sentences_are_told_apart() -> None:
    sentences = [f"Sentence number {number}." for number in range(200)]
    tape = b"".join(map(spoken, sentences))
    assert [found.text for found in recognise(tape, sentences)] == sentences


def test_what_was_never_said_is_not_heard() -> None:
    noise = np.random.default_rng(1).integers(-8000, 8000, 24_000).astype("<i2").tobytes()
    beep = np.round(8000 * np.sin(2 * np.pi * 880 * np.arange(24_000) / 24_000)).astype("<i2").tobytes()
    assert recognise(noise + beep + bytes(48_000) + spoken("Something else."), ["It is noon.", "Good morning."]) == []


def test_speech_is_as_long_as_its_text() -> None:
    assert len(spoken("x" * 80)) == 2 * len(spoken("x" * 40)) == 48 * 5200
