"""The cascade in conversation with servers on loopback: it behaves as a Realtime session does."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.brains.cascade.household import FIRST, KEY, LAMP, SECOND, UTTERANCE, household
from voiced.audio import Ms
from voiced.conversation.commands import (
    AddHistory,
    AssistantSaid,
    CancelReply,
    CloseSession,
    CommitUtterance,
    DeleteItem,
    DiscardUtterance,
    HistoryItem,
    SendText,
    SendToolResult,
    StartReply,
    StreamUtterance,
    ToolUsed,
    TruncateReply,
    UpdateTools,
    UserSaid,
)
from voiced.conversation.events import (
    BrainLost,
    BrainReady,
    CallId,
    Image,
    ItemId,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyText,
    RequestRefused,
    ToolCalled,
    ToolSpec,
    Usage,
    UsageReported,
    UserTranscribed,
    UtteranceCommitted,
)
from voiced.testing.http import CallTool, Fault, Finish, HttpLoopback, Pace, Pause, Reply, Say, Stage, Stall, recognise

THREE = "Sure. I turned on the light in the kitchen. Anything else that I can do for you?"
SLOW_SPEECH = Pace(speed=0.001)
SENTENCES = ["Sure.", "I turned on the light in the kitchen.", "Anything else that I can do for you?"]


async def test_a_turn_from_speech_to_speech() -> None:
    async with (
        HttpLoopback([THREE], transcripts=["Turn on the light."], valid_key=KEY) as server,
        household(server.base_url) as home,
    ):
        await home.ready()
        home.say()
        assert (await home.done()).status == "completed"
        assert home.kinds == [
            "BrainReady", "UtteranceCommitted", "UserTranscribed", "ReplyStarted",
            "ReplyText", "ReplyAudio", "ReplyText", "ReplyAudio", "ReplyText", "ReplyAudio",
            "ReplyItemDone", "ReplyDone",
        ]  # fmt: skip
        committed = home.inbox.of(UtteranceCommitted)[0]
        assert home.inbox.of(UserTranscribed) == [UserTranscribed(FIRST, committed.item, "Turn on the light.")]
        assert home.said == THREE
        assert [sounded.text for sounded in recognise(home.spoken, SENTENCES)] == SENTENCES
        assert server.of("transcription")[0].pcm == UTTERANCE
        chat = server.of("chat")[0].body
        assert chat["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Turn on the light."},
        ]
        assert [tool["function"]["name"] for tool in chat["tools"]] == ["lamp"]
        assert server.violations == ()


async def test_what_each_request_cost_is_told() -> None:
    async with HttpLoopback(["Hello there."], transcripts=["Hi."]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        await home.done()
        usage = {event.usage.model: event.usage for event in home.inbox.of(UsageReported)}
        assert usage["whisper-1"] == Usage("whisper-1", seconds=3)
        assert usage["tts-1"] == Usage("tts-1", characters=len("Hello there."))
        assert usage["gpt-5.4-mini"].text_in > usage["gpt-5.4-mini"].cached_text_in
        assert usage["gpt-5.4-mini"].text_out > 0
        assert home.inbox.of(ReplyDone)[0].usage is None


async def test_the_first_sentence_is_spoken_while_the_model_still_writes() -> None:
    script: list[Reply] = [[Say("Sure. I"), Pause(60), Say(" turned on the light.")]]
    async with HttpLoopback(script) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        await home.first(ReplyAudio)
        assert home.said == "Sure."
        assert server.of("chat")[0].outcome == "open"


async def test_the_next_sentence_is_synthesised_while_the_last_is_still_coming_and_no_more_than_that() -> None:
    async with HttpLoopback([THREE], pace=SLOW_SPEECH) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        await home.inbox.until(lambda: any(event.usage.text_out for event in home.inbox.of(UsageReported)))
        await server.wait_for("speech", count=2)
        assert [entry.body["input"] for entry in server.of("speech")] == SENTENCES[:2]
        assert [entry.outcome for entry in server.of("speech")] == ["open", "open"]
        assert home.said == "Sure."


# Tools.


async def test_a_tool_is_called_and_its_result_told() -> None:
    script: list[Reply] = [[Say("One moment."), CallTool("lamp", '{"on": true}')], "The lamp is on."]
    async with HttpLoopback(script, transcripts=["Lamp!"]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        await home.done()
        called = home.inbox.of(ToolCalled)[0]
        assert (called.name, called.arguments) == ("lamp", '{"on": true}')
        home.do(SendToolResult(FIRST, called.call, "It is on."), StartReply(FIRST))
        assert (await home.done(2)).status == "completed"
        assert home.said == "One moment.The lamp is on."
        messages = server.of("chat")[1].body["messages"]
        wanted = messages[2]["tool_calls"][0]
        assert messages[1:] == [
            {"role": "user", "content": "Lamp!"},
            {"role": "assistant", "content": "One moment.", "tool_calls": [wanted]},
            {"role": "tool", "tool_call_id": wanted["id"], "content": "It is on."},
        ]
        assert wanted["function"] == {"name": "lamp", "arguments": '{"on": true}'}
        assert server.violations == ()


async def test_ids_that_a_server_repeats_are_told_apart() -> None:
    script = [[CallTool("lamp", "{}", "call_1"), CallTool("lamp", "{}", "call_1")], [CallTool("lamp", "{}", "call_1")]]
    async with HttpLoopback(script) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        await home.done()
        for call in home.inbox.of(ToolCalled):
            home.do(SendToolResult(FIRST, call.call, "done"))
        home.do(StartReply(FIRST))
        await home.done(2)
        calls = home.inbox.of(ToolCalled)
        assert len({call.call for call in calls}) == len({call.item for call in calls}) == 3
        assert server.violations == ()


async def test_arguments_that_are_not_json_are_passed_on_as_they_are() -> None:
    async with HttpLoopback([CallTool("lamp", "on, please"), "Sorry."]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        await home.done()
        called = home.inbox.of(ToolCalled)[0]
        assert called.arguments == "on, please"
        home.do(SendToolResult(FIRST, called.call, "That is no JSON."), StartReply(FIRST))
        assert (await home.done(2)).status == "completed"
        assert server.violations == ()


async def test_a_result_of_nothing_that_was_called_is_refused() -> None:
    async with HttpLoopback() as server, household(server.base_url) as home:
        await home.ready()
        home.do(SendToolResult(FIRST, CallId("x"), "?"))
        assert home.inbox.of(RequestRefused)[0].request == "tool_result"


async def test_the_tools_may_change() -> None:
    async with HttpLoopback(["Hi.", "Hi."]) as server, household(server.base_url) as home:
        await home.ready(tools=())
        home.do(SendText(FIRST, "hello"), StartReply(FIRST))
        await home.done()
        home.do(UpdateTools(FIRST, (LAMP, ToolSpec("fan", "The fan.", LAMP.parameters))), StartReply(FIRST))
        await home.done(2)
        assert "tools" not in server.of("chat")[0].body
        assert [tool["function"]["name"] for tool in server.of("chat")[1].body["tools"]] == ["lamp", "fan"]
        assert server.violations == ()


async def test_after_a_tool_the_model_may_have_nothing_to_say() -> None:
    async with HttpLoopback([CallTool("lamp"), ""]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        await home.done()
        home.do(SendToolResult(FIRST, home.inbox.of(ToolCalled)[0].call, "ok"), StartReply(FIRST))
        assert (await home.done(2)).status == "completed"


# What is said to it, and what it says by itself.


async def test_an_announcement_is_spoken_word_for_word_and_no_model_is_asked() -> None:
    text = "The *tea* is ready. Take the bag out of the pot, please."
    async with HttpLoopback() as server, household(server.base_url) as home:
        await home.ready()
        home.do(StartReply(FIRST, announce=text))
        assert (await home.done()).status == "completed"
        assert home.said == text
        assert home.kinds[1:] == ["ReplyStarted", *["ReplyText", "ReplyAudio"] * 2, "ReplyItemDone", "ReplyDone"]
        assert server.of("chat") == ()


async def test_what_is_typed_is_answered_with_its_pictures() -> None:
    async with HttpLoopback(["A cat."]) as server, household(server.base_url) as home:
        await home.ready()
        picture = b"\x89PNG\r\n\x1a\n" + bytes(16)
        home.do(SendText(FIRST, "What is this?", (Image("image/png", picture),)), StartReply(FIRST))
        await home.done()
        assert home.said == "A cat."
        parts = server.of("chat")[0].body["messages"][1]["content"]
        assert [part["type"] for part in parts] == ["text", "image_url"]
        assert home.inbox.of(UtteranceCommitted) == []


async def test_the_history_of_another_brain_is_known() -> None:
    history: list[HistoryItem] = [
        UserSaid("Turn on the lamp."),
        ToolUsed(CallId("call_realtime"), "lamp", '{"on": true}', "It is on."),
        AssistantSaid("The lamp is on."),
    ]
    async with HttpLoopback(["Now it is off."]) as server, household(server.base_url) as home:
        await home.ready(history)
        home.do(AddHistory(FIRST, (UserSaid("And off again."),)), StartReply(FIRST))
        await home.done()
        roles = [message["role"] for message in server.of("chat")[0].body["messages"]]
        assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]
        assert server.violations == ()


async def test_an_utterance_that_another_brain_left_is_written_down_under_its_own_name() -> None:
    item = ItemId("item-of-realtime")
    async with HttpLoopback(["Yes."], transcripts=["Is it late?"]) as server, household(server.base_url) as home:
        await home.ready([UserSaid(None, UTTERANCE, item=item)])
        assert server.of("transcription") == ()
        home.do(StartReply(FIRST))
        await home.done()
        assert home.inbox.of(UserTranscribed) == [UserTranscribed(FIRST, item, "Is it late?")]
        assert home.inbox.of(UtteranceCommitted) == []
        assert server.of("chat")[0].body["messages"][1]["content"] == "Is it late?"


@pytest.mark.parametrize(
    "text", ["", " . ", "[BLANK_AUDIO]", "Thank you for watching!", "Untertitel der Amara.org-Community"]
)
async def test_what_was_no_speech_is_not_answered(text: str) -> None:
    async with HttpLoopback(["Hi."], transcripts=[text, "Hello."]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        done = await home.done()
        assert (done.status, done.code) == ("completed", "no_speech")
        assert home.kinds[1:] == ["UtteranceCommitted", "UserTranscribed", "ReplyStarted", "ReplyDone"]
        assert home.inbox.of(UserTranscribed)[0].text == ""
        home.say()
        assert (await home.done(2)).code == ""
        assert [message["content"] for message in server.of("chat")[0].body["messages"]] == ["Be brief.", "Hello."]


async def test_noise_that_is_discarded_costs_nothing() -> None:
    async with HttpLoopback() as server, household(server.base_url) as home:
        await home.ready()
        home.do(StreamUtterance(FIRST, UTTERANCE), DiscardUtterance(FIRST), CommitUtterance(FIRST))
        assert [refused.request for refused in home.inbox.of(RequestRefused)] == ["commit"]
        assert server.of("transcription") == ()


async def test_marks_for_the_eye_and_thoughts_are_not_spoken() -> None:
    text = "<think>The user greets me.</think>**Hello** there, `friend`!"
    async with HttpLoopback([text]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        await home.done()
        assert home.said == "Hello there, friend!"


# Interruptions.


@pytest.mark.parametrize(
    ("stage", "pace"),
    [("transcription", Pace(transcription_s=60)), ("chat", Pace(piece_s=60)), ("speech", SLOW_SPEECH)],
)
async def test_a_barge_in_ends_whatever_is_under_way_at_once(stage: Stage, pace: Pace) -> None:
    async with HttpLoopback([THREE], transcripts=["One."], pace=pace) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        await server.wait_for(stage)
        if stage == "speech":
            await home.first(ReplyAudio)
        before = len(home.inbox.of(ReplyAudio, ReplyText))
        reply = home.inbox.of(ReplyStarted)
        home.do(CancelReply(FIRST, reply[0].reply if reply else None))
        assert home.inbox.of(ReplyDone)[0].status == "cancelled"
        await server.wait_for(stage, outcome="abandoned")
        assert len(home.inbox.of(ReplyAudio, ReplyText)) == before


async def test_what_was_said_before_a_barge_in_is_written_down_with_what_comes_after() -> None:
    stall = Fault(Stall(), on="transcription")
    async with (
        HttpLoopback(["Good."], transcripts=["One.", "Two."], faults=[stall]) as server,
        household(server.base_url) as home,
    ):
        await home.ready()
        home.say()
        await server.wait_for("transcription", outcome="faulted")
        home.do(CancelReply(FIRST, None))
        home.say()
        assert (await home.done(2)).status == "completed"
        said = [message["content"] for message in server.of("chat")[0].body["messages"]]
        assert sorted(said[1:]) == ["One.", "Two."]
        assert len(home.inbox.of(UserTranscribed)) == 2


async def test_the_history_keeps_what_was_heard() -> None:
    async with (
        HttpLoopback([THREE, "Good."], transcripts=["Light!", "Stop."]) as server,
        household(server.base_url) as home,
    ):
        await home.ready()
        home.say()
        await home.done()
        item = home.inbox.of(ReplyText)[0].item
        first = recognise(home.spoken, SENTENCES)[1]
        home.do(TruncateReply(FIRST, item, Ms((first.start_ms + first.end_ms) // 2)))
        home.say()
        await home.done(2)
        assert server.of("chat")[1].body["messages"][2] == {"role": "assistant", "content": "Sure. I turned on the"}


async def test_what_nobody_heard_was_not_said() -> None:
    async with HttpLoopback(["Hello.", "Good."]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        await home.done()
        home.do(DeleteItem(FIRST, home.inbox.of(ReplyText)[0].item), StartReply(FIRST))
        await home.done(2)
        assert [message["role"] for message in server.of("chat")[1].body["messages"]] == ["system", "user"]


async def test_only_one_reply_at_a_time_and_none_to_cancel_where_there_is_none() -> None:
    async with HttpLoopback(["Hello."]) as server, household(server.base_url) as home:
        await home.ready()
        home.do(CancelReply(FIRST, None))
        home.say()
        home.do(StartReply(FIRST))
        await home.done()
        assert [(refused.request, refused.code) for refused in home.inbox.of(RequestRefused)] == [
            ("cancel", "response_cancel_not_active"),
            ("reply", "conversation_already_has_active_response"),
        ]


# Sessions.


async def test_a_new_session_takes_the_place_of_the_last_one_over_the_same_connection() -> None:
    async with HttpLoopback(["One.", "Two."]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        await home.done()
        await home.ready([UserSaid("Before.")], session=SECOND)
        home.do(StartReply(FIRST))
        home.do(StartReply(SECOND))
        await home.done(2)
        assert [done.session for done in home.inbox.of(ReplyDone)] == [FIRST, SECOND]
        assert {entry.connection for entry in server.requests} == {1}
        assert len({done.reply for done in home.inbox.of(ReplyDone)}) == 2


async def test_a_closed_session_says_nothing_more() -> None:
    async with (
        HttpLoopback([THREE], pace=SLOW_SPEECH) as server,
        household(server.base_url) as home,
    ):
        await home.ready()
        home.say()
        await home.first(ReplyAudio)
        before = home.kinds
        home.do(CloseSession(FIRST))
        await server.wait_for("speech", outcome="abandoned")
        assert home.kinds == before
        home.inbox.events.append(
            ReplyDone(FIRST, home.inbox.of(ReplyStarted)[0].reply)
        )  # for the order that is checked


async def test_thrift_shortens_the_history_and_takes_a_smaller_model() -> None:
    history: list[HistoryItem] = [
        item for number in range(6) for item in (UserSaid(f"q{number}"), AssistantSaid(f"a{number}"))
    ]
    async with (
        HttpLoopback(["One.", "Two.", "Three."]) as server,
        household(server.base_url, history_turns_short=2) as home,
    ):
        for number, thrift in enumerate(("none", "short", "small"), 1):
            await home.ready(history, session=number, thrift=thrift)
            home.do(SendText(home.session, "now"), StartReply(home.session))
            await home.done(number)
        asked = [(entry.body["model"], len(entry.body["messages"])) for entry in server.of("chat")]
        assert asked == [("gpt-5.4-mini", 14), ("gpt-5.4-mini", 4), ("gpt-5.4-nano", 4)]


async def test_only_what_is_configured_is_sent() -> None:
    settings: dict[str, Any] = {
        "stt_language": "en", "stt_prompt": "Voiced", "chat_reasoning_effort": "none",
        "tts_models": ("gpt-4o-mini-tts",), "tts_voice": "marin", "tts_speed": 1.25, "tts_instructions": "Whisper.",
    }  # fmt: skip
    async with HttpLoopback(["Hello.", "Hello."]) as server:
        async with household(server.base_url) as home:
            await home.ready(tools=())
            home.say()
            await home.done()
        async with household(server.base_url, **settings) as home:
            await home.ready(tools=())
            home.say()
            await home.done()
        plain, full = ([entry.body for entry in server.of(stage)] for stage in ("chat", "speech"))
        del plain[0]["messages"], plain[1]["messages"]
        assert plain == [
            {"model": "gpt-5.4-mini", "stream": True, "stream_options": {"include_usage": True}},
            {
                "model": "gpt-5.4-mini", "stream": True, "stream_options": {"include_usage": True},
                "reasoning_effort": "none",
            },
        ]  # fmt: skip
        assert full == [
            {"model": "tts-1", "voice": "coral", "input": "Hello.", "response_format": "pcm"},
            {
                "model": "gpt-4o-mini-tts", "voice": "marin", "input": "Hello.", "response_format": "pcm",
                "speed": 1.25, "instructions": "Whisper.",
            },
        ]  # fmt: skip
        assert [entry.body for entry in server.of("transcription")] == [
            {"model": "whisper-1", "response_format": "verbose_json"},
            {"model": "whisper-1", "response_format": "verbose_json", "language": "en", "prompt": "Voiced"},
        ]


async def test_a_model_that_retires_soon_is_warned_of() -> None:
    async with HttpLoopback() as server, household(server.base_url, today=lambda: date(2027, 1, 1)) as home:
        with capture_logs() as logs:
            await home.ready()
        assert logs == []  # another server's names are its own


@pytest.mark.parametrize(("finish", "code"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
async def test_an_answer_that_did_not_come_to_its_end_is_incomplete(finish: str, code: str) -> None:
    script: list[Reply] = [[Say("This is a long story."), Finish(finish)]]  # type: ignore[arg-type]
    async with HttpLoopback(script) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        done = await home.done()
        assert (done.status, done.code, home.said) == ("incomplete", code, "This is a long story.")


async def test_a_long_utterance_is_sent_small_enough() -> None:
    async with HttpLoopback(["Fine."]) as server, household(server.base_url) as home:
        await home.ready()
        minute = UTTERANCE * 20
        for _ in range(5):
            home.do(StreamUtterance(FIRST, minute))
        home.do(CommitUtterance(FIRST), StartReply(FIRST))
        await home.done()
        assert server.of("transcription")[0].rate == 24_000
        assert json.dumps([violation.message for violation in server.violations]) == "[]"


async def test_events_of_a_lost_brain_end() -> None:
    async with HttpLoopback() as server, household(server.base_url) as home:
        await home.ready()
        await server.refuse_connections()
        home.say()
        await home.first(BrainLost)
        before = list(home.inbox.events)
        home.say()
        home.do(CancelReply(FIRST, None))
        assert home.inbox.events == before
        await server.accept_connections()
        await home.ready(session=SECOND)
        assert home.inbox.of(BrainReady)[-1].session == SECOND
