"""Whatever goes wrong at a server, the cascade says what it means, once, and in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.brains.cascade.household import FIRST, KEY, SECOND, household
from tests.stalls import PATIENCE_S, patience_passes
from voiced.conversation.commands import (
    AssistantSaid,
    HistoryItem,
    SendText,
    SendToolResult,
    StartReply,
    ToolUsed,
    UserSaid,
)
from voiced.conversation.events import (
    BrainLost,
    BrainReady,
    CallId,
    ReplyAudio,
    ReplyDone,
    ReplyText,
    ToolCalled,
    UserTranscribed,
)
from voiced.errors import BadKey, ConfigError
from voiced.testing.http import (
    MODELS,
    Answer,
    CallTool,
    Drop,
    End,
    Fault,
    Garble,
    HttpLoopback,
    Instead,
    Say,
    SendError,
    Stage,
    Stall,
    context_too_long,
    forbidden,
    garbage,
    html_page,
    no_credit,
    rate_limited,
    recognise,
    server_error,
    unavailable,
    wrong_key,
)
from voiced.testing.http.faults import Action
from voiced.testing.http.script import Reply

PATIENT: dict[str, Any] = dict.fromkeys(
    ("stt_timeout_s", "chat_timeout_s", "tts_timeout_s", "connect_timeout_s"), PATIENCE_S / 2
)
"""Longer sound has longer patience, but not twice as long."""

STAGES: tuple[Stage, ...] = ("transcription", "chat", "speech")
TWO = "The first sentence is here. The second one comes after it."


@dataclass(frozen=True)
class Loss:
    """What `BrainLost` has to say."""

    fatal: bool = False
    cause: str = ""
    retry_after_s: float = 0.0


MEND_KEY, MEND_CREDIT = Loss(True, "key"), Loss(True, "credit")


async def lost_by(action: Action, stage: Stage, *, every: bool = True, script: Any = None) -> tuple[Loss, int]:
    """What comes of it when `action` goes wrong at each request of `stage`, and how many requests there were."""
    fault = Fault(action, on=stage, every=every)
    async with HttpLoopback(script, faults=[fault]) as server, household(server.base_url, **PATIENT) as home:
        await home.ready()
        async with patience_passes(server, stage, *stalled(action, 1, 2)):
            home.say()
            lost = await home.first(BrainLost)
        assert len(home.inbox.of(BrainLost)) == 1
        assert lost.session == FIRST
        assert KEY not in lost.reason
        assert "\n" not in lost.reason
        home.inbox.events[:] = [event for event in home.inbox.events if isinstance(event, BrainReady)]
        return Loss(lost.fatal, lost.cause, lost.retry_after_s), len(server.of(stage))


def stalled(action: Action, *nth: int) -> tuple[int, ...]:
    """At which of the requests `nth` somebody's patience is needed."""
    return nth if isinstance(action, Stall) else ()


# What nobody can help in this turn.


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("action", "loss", "requests"),
    [
        (wrong_key(), MEND_KEY, 1),
        (forbidden(), Loss(True, "access"), 1),
        (no_credit(), MEND_CREDIT, 1),
        (Answer(402, {"error": {"message": "Insufficient Balance", "code": "invalid_request_error"}}), MEND_CREDIT, 1),
        (rate_limited(), Loss(), 1),
        (rate_limited(7), Loss(retry_after_s=7.0), 1),
        (rate_limited(0), Loss(), 2),
        (unavailable(30), Loss(retry_after_s=30.0), 1),
        (unavailable(), Loss(), 2),
        (server_error(), Loss(), 2),
        (html_page(502), Loss(), 2),
        (Drop(), Loss(), 2),
        (Stall(), Loss(), 2),
        (Answer(307, headers={"Location": "http://127.0.0.1:9/elsewhere"}), Loss(True, "settings"), 1),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else str(value),
)
async def test_the_brain_is_lost(stage: Stage, action: Action, loss: Loss, requests: int) -> None:
    assert await lost_by(action, stage) == (loss, requests)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    "action", [rate_limited(0), unavailable(), server_error(), Drop(), Stall()], ids=lambda value: type(value).__name__
)
async def test_what_passes_at_once_is_tried_again_and_nobody_notices(stage: Stage, action: Action) -> None:
    fault = Fault(action, on=stage)
    async with (
        HttpLoopback([TWO], transcripts=["Hello."], faults=[fault]) as server,
        household(server.base_url, **PATIENT) as home,
    ):
        await home.ready()
        async with patience_passes(server, stage, *stalled(action, 1)):
            home.say()
            assert (await home.done()).status == "completed"
        assert home.said == TWO
        assert home.inbox.of(BrainLost) == []


# Opening.


@pytest.mark.parametrize(
    ("action", "loss"),
    [
        (wrong_key(), MEND_KEY),
        (no_credit(), MEND_CREDIT),
        (unavailable(5), Loss(retry_after_s=5.0)),
        (Drop(), Loss()),
        (Stall(), Loss()),
    ],
    ids=["key", "credit", "unavailable", "drop", "stall"],
)
async def test_a_server_that_cannot_answer_is_found_out_before_anybody_speaks(action: Action, loss: Loss) -> None:
    fault = Fault(action, on="models")
    async with HttpLoopback(faults=[fault]) as server, household(server.base_url, **PATIENT) as home:
        async with patience_passes(server, "models", *stalled(action, 1)):
            home.open()
            lost = await home.first(BrainLost)
        assert Loss(lost.fatal, lost.cause, lost.retry_after_s) == loss
        assert home.inbox.of(BrainReady) == []


@pytest.mark.parametrize(
    "action", [Answer(404), forbidden(), rate_limited(9), Answer(500), html_page(), Instead(garbage.nothing)]
)
async def test_a_server_with_no_list_of_models_is_no_worse(action: Action) -> None:
    async with (
        HttpLoopback(["Hi."], faults=[Fault(action, on="models", every=True)]) as server,
        household(server.base_url) as home,
    ):
        await home.ready()
        home.say()
        assert (await home.done()).status == "completed"


async def test_nobody_listens_there() -> None:
    async with HttpLoopback() as server, household(server.base_url) as home:
        await server.refuse_connections()
        home.open()
        lost = await home.first(BrainLost)
        assert (lost.fatal, lost.cause) == (False, "")
        assert lost.reason == (
            "models: no connection to 127.0.0.1 (All connection attempts failed): look at the network, and whether the "
            f"server runs at {server.base_url}"
        )


@pytest.mark.parametrize("reason", ["no OpenAI key: set OPENAI_API_KEY", ""])
async def test_a_key_that_is_missing_is_a_fatal_cause(reason: str) -> None:
    def key(_: object) -> str:
        if reason:
            raise BadKey(reason)
        return ""

    async with household("https://api.openai.com/v1", key=key) as home:
        home.open()
        lost = await home.first(BrainLost)
        assert (lost.fatal, lost.cause) == (True, "key")
        assert reason in lost.reason


async def test_settings_that_are_wrong_are_no_missing_key() -> None:
    """Whatever words stand in the complaint."""

    def key(_: object) -> str:
        raise ConfigError("the proxy at http://monkey.local can't be used")

    async with household("https://api.openai.com/v1", key=key) as home:
        home.open()
        lost = await home.first(BrainLost)
        assert (lost.fatal, lost.cause) == (True, "settings")


async def test_a_new_key_is_found_with_the_next_session() -> None:
    keys = ["wrong", KEY]
    async with (
        HttpLoopback(["Hi."], valid_key=KEY) as server,
        household(server.base_url, key=lambda _: keys[0]) as home,
    ):
        home.open()
        assert (await home.first(BrainLost)).cause == "key"
        del keys[0]
        await home.ready(session=SECOND)
        home.say()
        assert (await home.done()).status == "completed"


# Models.


async def test_a_retired_model_moves_to_the_next_with_one_warning_and_is_not_asked_again() -> None:
    models = [model for model in MODELS if model not in ("whisper-1", "gpt-5.4-mini", "tts-1")]
    async with HttpLoopback(["Hi.", "Hi."], models=models) as server, household(server.base_url) as home:
        with capture_logs() as logs:
            await home.ready()
            for number in (1, 2):
                home.say()
                assert (await home.done(number)).status == "completed"
            await home.ready(session=SECOND)
        assert [log["detail"].partition(" is refused")[0] for log in logs if log["event"] == "model"] == [
            "whisper-1",
            "gpt-5.4-mini",
            "tts-1",
        ]
        asked = [(entry.stage, entry.body["model"]) for entry in server.requests if entry.body]
        assert asked[:3] == [
            ("transcription", "gpt-transcribe"),
            ("chat", "gpt-5.4-mini"),
            ("chat", "gpt-5.6-luna"),
        ]
        assert asked[-3:] == [
            ("transcription", "gpt-transcribe"),
            ("chat", "gpt-5.6-luna"),
            ("speech", "gpt-4o-mini-tts"),
        ]


@pytest.mark.parametrize("stage", STAGES)
async def test_where_no_model_is_known_somebody_must_mend_the_settings(stage: Stage) -> None:
    gone = {"transcription": "transcribe|whisper", "chat": "gpt-5|gpt-4.1", "speech": "tts"}[stage].split("|")
    models = [model for model in MODELS if not any(part in model for part in gone)]
    async with HttpLoopback(["Hi."], models=models) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        lost = await home.first(BrainLost)
        assert (lost.fatal, lost.cause) == (True, "settings")
        assert "no other model is left: mend cascade." in lost.reason
        home.inbox.events.clear()


async def test_what_a_model_does_not_take_is_left_out_from_then_on() -> None:
    script = ["Hi.", "Hi."]
    async with (
        HttpLoopback(script) as server,
        household(server.base_url, chat_models=("gpt-5.6-luna",), chat_temperature=0.3, chat_max_tokens=50) as home,
    ):
        await home.ready()
        for number in (1, 2):
            home.say()
            assert (await home.done(number)).status == "completed"
        last = server.of("chat")[-1].body
        assert (last["reasoning_effort"], last["max_completion_tokens"]) == ("none", 50)
        assert [entry.outcome for entry in server.of("chat")][-2:] == ["answered", "answered"]


# The chat stream.


@pytest.mark.parametrize(
    "action",
    [End(after=3), Drop(after=3), Drop(after=3, inside="piece"), SendError(after=3)],
    ids=["end", "drop", "part", "error"],
)
async def test_a_stream_cut_in_the_middle_of_a_tool_call_runs_nothing_and_is_begun_again(action: Action) -> None:
    call = CallTool("lamp", '{"on": true}')
    async with (
        HttpLoopback([call, call], faults=[Fault(action, on="chat")]) as server,
        household(server.base_url) as home,
    ):
        await home.ready()
        home.say()
        assert (await home.done()).status == "completed"
        assert [(called.name, called.arguments) for called in home.inbox.of(ToolCalled)] == [("lamp", '{"on": true}')]
        assert len(server.of("chat")) == 2


@pytest.mark.parametrize("action", [End(after=7), Drop(after=7), SendError(after=7)], ids=["end", "drop", "error"])
async def test_a_stream_cut_after_something_was_said_ends_the_reply_as_failed(action: Action) -> None:
    script: list[Reply] = [[Say("One moment. I"), CallTool("lamp", '{"on": true, "brightness": 100}')]]
    async with HttpLoopback(script, faults=[Fault(action, on="chat")]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        done = await home.done()
        assert done.status == "failed"
        assert home.inbox.of(ToolCalled) == []
        assert home.said == "One moment."
        assert [sounded.text for sounded in recognise(home.spoken, ["One moment."])] == ["One moment."]
        assert len(server.of("chat")) == 1


async def test_a_stream_cut_again_is_for_another_brain() -> None:
    loss, requests = await lost_by(End(after=3), "chat", script=[CallTool("lamp", '{"on": true}')] * 2)
    assert (loss, requests) == (Loss(), 2)


@pytest.mark.parametrize("how", [garbage.comment, garbage.with_crlf, garbage.no_choices], ids=lambda how: how.__name__)
async def test_what_is_odd_in_a_stream_but_means_nothing_is_passed_over(how: Any) -> None:
    fault = Fault(Garble(how, piece=None), on="chat")
    async with HttpLoopback([TWO], faults=[fault]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        assert (await home.done()).status == "completed"
        assert home.said == TWO


@pytest.mark.parametrize(
    "how",
    [garbage.invalid_json, garbage.no_data, garbage.not_utf8, garbage.not_an_object, garbage.huge],
    ids=lambda how: how.__name__,
)
async def test_garbage_in_a_stream_never_ends_the_session(how: Any) -> None:
    fault = Fault(Garble(how, piece=1), on="chat")
    async with HttpLoopback([TWO, TWO, "Hi."], faults=[fault]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        done = await home.done()
        assert (done.status, home.said) == ("completed", TWO)
        home.say()
        assert (await home.done(2)).status == "completed"


async def test_an_empty_answer_to_a_question_has_failed() -> None:
    async with HttpLoopback(["", "Hi."]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        done = await home.done()
        assert (done.status, done.code) == ("failed", "no_answer")
        home.do(StartReply(FIRST))
        assert (await home.done(2)).status == "completed"


# A history that is too long.


def long_history(turns: int) -> list[HistoryItem]:
    items: list[HistoryItem] = []
    for number in range(turns):
        items += [
            UserSaid(f"question {number}"),
            ToolUsed(CallId(f"call-{number}"), "lamp", '{"on": true}', f"output {number}"),
            AssistantSaid(f"answer {number}"),
        ]
    return items


async def test_a_context_that_is_too_long_is_shortened_and_stays_short() -> None:
    faults = [Fault(context_too_long(), on="chat", nth=1), Fault(context_too_long(), on="chat", nth=2)]
    async with HttpLoopback(["Hi.", "Hi."], faults=faults) as server, household(server.base_url) as home:
        await home.ready(long_history(8))
        home.do(SendText(FIRST, "And now?"), StartReply(FIRST))
        assert (await home.done()).status == "completed"
        home.do(SendText(FIRST, "And then?"), StartReply(FIRST))
        await home.done(2)
        asked = [[message["role"] for message in entry.body["messages"]] for entry in server.of("chat")]
        assert [roles.count("user") for roles in asked] == [9, 4, 2, 3]
        assert all(roles.count("tool") == roles.count("user") - 1 for roles in asked[:3])
        assert [entry.body["messages"][-1]["content"] for entry in server.of("chat")][:3] == ["And now?"] * 3
        assert server.violations == ()  # with every call its result


async def test_an_output_that_is_too_long_by_itself_is_cut() -> None:
    fault = Fault(context_too_long(), on="chat", nth=2)
    async with HttpLoopback([CallTool("lamp"), "Hi."], faults=[fault]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        await home.done()
        home.do(SendToolResult(FIRST, home.inbox.of(ToolCalled)[0].call, "x" * 9000), StartReply(FIRST))
        assert (await home.done(2)).status == "completed"
        assert [len(entry.body["messages"][-1]["content"]) for entry in server.of("chat")[1:]] == [9000, 2008]


async def test_where_nothing_is_left_to_shorten_the_reply_fails() -> None:
    fault = Fault(context_too_long(), on="chat", every=True)
    async with HttpLoopback(faults=[fault]) as server, household(server.base_url) as home:
        await home.ready(long_history(40))
        home.do(SendText(FIRST, "And now?"), StartReply(FIRST))
        done = await home.done()
        assert (done.status, done.code) == ("failed", "context_length_exceeded")
        assert len(server.of("chat")) <= 5


# Transcription.


async def test_sound_that_a_server_cannot_read_fails_this_reply_alone() -> None:
    refused = Answer(400, {"error": {"message": "Invalid file format.", "code": "invalid_file", "param": "file"}})
    async with (
        HttpLoopback(["Hi."], faults=[Fault(refused, on="transcription")]) as server,
        household(server.base_url) as home,
    ):
        await home.ready()
        home.say()
        done = await home.done()
        assert (done.status, done.code) == ("failed", "invalid_file")
        assert home.inbox.of(UserTranscribed)[0].text is None
        home.say()
        assert (await home.done(2)).status == "completed"


async def test_sound_that_is_too_short_is_no_speech() -> None:
    refused = Answer(400, {"error": {"message": "Audio file is too short.", "code": "audio_too_short"}})
    async with HttpLoopback(faults=[Fault(refused, on="transcription")]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        assert (await home.done()).code == "no_speech"


@pytest.mark.parametrize(
    "action", [html_page(), Instead(garbage.nothing), Answer(200, b"[]"), Answer(200, {"text": None})]
)
async def test_an_answer_that_is_no_transcript_is_for_another_brain(action: Action) -> None:
    assert (await lost_by(action, "transcription"))[0] == Loss()


async def test_a_server_that_answers_with_plain_text_is_understood() -> None:
    plain = Answer(200, b"Turn on the light.", content_type="text/plain")
    async with (
        HttpLoopback(["Hi."], faults=[Fault(plain, on="transcription")]) as server,
        household(server.base_url) as home,
    ):
        await home.ready()
        home.say()
        await home.done()
        assert home.inbox.of(UserTranscribed)[0].text == "Turn on the light."


# Speech.


@pytest.mark.parametrize("how", [garbage.as_wav, garbage.odd], ids=["wav", "odd"])
async def test_a_wav_file_and_odd_bytes_are_spoken_all_the_same(how: Any) -> None:
    fault = Fault(Instead(how), on="speech", every=True)
    async with HttpLoopback([TWO], faults=[fault]) as server, household(server.base_url) as home:
        await home.ready()
        with capture_logs() as logs:
            home.say()
            assert (await home.done()).status == "completed"
        sentences = ["The first sentence is here.", "The second one comes after it."]
        assert [sounded.text for sounded in recognise(home.spoken, sentences)] == sentences
        assert [log["event"] for log in logs].count("tts.wav") == (1 if how is garbage.as_wav else 0)


async def test_no_sound_is_asked_for_again() -> None:
    fault = Fault(Instead(garbage.nothing), on="speech")
    async with HttpLoopback(["Hi there."], faults=[fault]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        assert (await home.done()).status == "completed"
        assert len(home.inbox.of(ReplyText)) == 1
        assert home.inbox.of(ReplyAudio)


async def test_no_sound_twice_fails_the_reply() -> None:
    fault = Fault(Instead(garbage.nothing), on="speech", every=True)
    async with HttpLoopback(["Hi there.", "Hi."], faults=[fault]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        done = await home.done()
        assert (done.status, done.code) == ("failed", "no_sound")
        server.clear_faults()
        home.say()
        assert (await home.done(2)).status == "completed"
        assert [message["role"] for message in server.of("chat")[1].body["messages"]] == ["system", "user", "user"]


async def test_another_format_is_refused_once_and_clearly() -> None:
    fault = Fault(Instead(lambda body: b"ID3\x04" + body, "audio/mpeg"), on="speech")
    async with HttpLoopback([TWO], faults=[fault]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        lost = await home.first(BrainLost)
        assert (lost.fatal, lost.cause) == (True, "settings")
        assert "sent MP3 instead of PCM" in lost.reason
        home.inbox.events.clear()


@pytest.mark.parametrize("action", [Drop(after=1), Stall(after=1)], ids=["drop", "stall"])
async def test_a_voice_lost_in_the_middle_of_a_sentence_is_for_another_brain(action: Action) -> None:
    assert await lost_by(action, "speech", every=False, script=["One sentence."]) == (Loss(), 1)


async def test_what_was_said_before_a_sentence_that_fails_is_heard() -> None:
    fault = Fault(wrong_key(), on="speech", nth=2)
    async with HttpLoopback([TWO], faults=[fault]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        assert (await home.first(BrainLost)).cause == "key"
        first = "The first sentence is here."
        assert [sounded.text for sounded in recognise(home.spoken, [first])] == [first]
        home.inbox.events.clear()


async def test_after_a_failed_reply_the_session_goes_on() -> None:
    refused = Answer(400, {"error": {"message": "Not like that.", "code": "content_policy_violation"}})
    async with HttpLoopback(["Hi."], faults=[Fault(refused, on="chat")]) as server, household(server.base_url) as home:
        await home.ready()
        home.say()
        done = await home.done()
        assert (done.status, done.code) == ("failed", "content_policy_violation")
        home.do(StartReply(FIRST))
        assert (await home.done(2)).status == "completed"
        assert [type(event) for event in home.inbox.of(ReplyDone, BrainLost)] == [ReplyDone, ReplyDone]
