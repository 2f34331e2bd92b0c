"""What server messages become: whole turns in either dialect, and messages that make no sense."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brains.realtime.wire.server_says import (
    BETA_SESSION,
    audio_delta,
    call_done,
    event,
    message_done,
    refused,
    response_created,
    response_done,
    session_created,
    session_updated,
    transcript_delta,
)
from voiced.brains.realtime.wire import (
    Decoder,
    DialectHeard,
    Found,
    RateLimit,
    Refusal,
    SessionCreated,
    SessionUpdated,
    TranscriptionFailed,
    UnknownEvent,
)
from voiced.conversation.events import (
    CallId,
    ItemId,
    ReplyAudio,
    ReplyDone,
    ReplyId,
    ReplyItemDone,
    ReplyStarted,
    ReplyText,
    ServerHeard,
    SessionId,
    ToolCalled,
    Usage,
    UsageReported,
    UserTranscribed,
    UtteranceCommitted,
)
from voiced.errors import WireError

S = SessionId(7)
R = ReplyId("resp_1")
I1, I2 = ItemId("item_1"), ItemId("item_2")
PCM = b"\x01\x00\x02\x00"
USAGE = {
    "total_tokens": 205,
    "input_tokens": 41,
    "output_tokens": 164,
    "input_token_details": {
        "text_tokens": 14,
        "audio_tokens": 27,
        "image_tokens": 3,
        "cached_tokens": 8,
        "cached_tokens_details": {"text_tokens": 8, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 28, "audio_tokens": 136},
}


def heard(messages: Iterable[str | bytes], decoder: Decoder | None = None) -> list[Found]:
    decoder = decoder or Decoder(S)
    return [found for message in messages for found in decoder.decode(message)]


def configured() -> Decoder:
    """A decoder in the middle of a session."""
    decoder = Decoder(S)
    heard([session_created(), session_updated()], decoder)
    return decoder


def test_a_spoken_turn_with_the_servers_vad() -> None:
    assert heard(
        [
            event("input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_0"),
            event("input_audio_buffer.speech_stopped", audio_end_ms=900, item_id="item_0"),
            event("input_audio_buffer.committed", previous_item_id=None, item_id="item_0"),
            event("conversation.item.added", item={"id": "item_0", "type": "message", "role": "user"}),
            event("conversation.item.done", item={"id": "item_0", "type": "message", "role": "user"}),
            response_created(),
            event("response.output_item.added", response_id="resp_1", item={"id": "item_1", "type": "message"}),
            event("response.content_part.added", response_id="resp_1", item_id="item_1", part={"type": "audio"}),
            transcript_delta("Hi"),
            audio_delta(PCM),
            event("response.output_audio.done", response_id="resp_1", item_id="item_1"),
            event("response.output_audio_transcript.done", response_id="resp_1", item_id="item_1", transcript="Hi"),
            event("response.content_part.done", response_id="resp_1", item_id="item_1", part={"type": "audio"}),
            message_done(),
            response_done(usage=USAGE),
            event(
                "rate_limits.updated",
                rate_limits=[{"name": "tokens", "limit": 400, "remaining": 399, "reset_seconds": 0.1}],
            ),
        ]
    ) == [
        ServerHeard(S, speaking=True),
        ServerHeard(S, speaking=False),
        UtteranceCommitted(S, ItemId("item_0")),
        ReplyStarted(S, R),
        ReplyText(S, R, I1, "Hi"),
        ReplyAudio(S, R, I1, PCM),
        ReplyItemDone(S, R, I1),
        ReplyDone(S, R, usage=Usage(text_in=14, audio_in=27, image_in=3, cached_text_in=8, text_out=28, audio_out=136)),
        RateLimit("tokens", 400, 399, 0.1),
    ]


def test_the_same_turn_in_beta_names() -> None:
    beta_usage = {
        "input_token_details": {"text_tokens": 14, "audio_tokens": 27, "cached_tokens": 8},
        "output_token_details": {"text_tokens": 28, "audio_tokens": 136},
    }
    assert heard(
        [
            session_created(BETA_SESSION),
            event("conversation.item.created", item={"id": "item_0", "type": "message", "role": "user"}),
            response_created(),
            transcript_delta("Hi", kind="response.audio_transcript"),
            audio_delta(PCM, kind="response.audio"),
            event("response.audio.done", response_id="resp_1", item_id="item_1"),
            event("response.audio_transcript.done", response_id="resp_1", item_id="item_1", transcript="Hi"),
            message_done(),
            response_done(usage=beta_usage),
        ]
    ) == [
        SessionCreated("sess_1", "beta"),
        ReplyStarted(S, R),
        ReplyText(S, R, I1, "Hi"),
        ReplyAudio(S, R, I1, PCM),
        ReplyItemDone(S, R, I1),
        ReplyDone(S, R, usage=Usage(text_in=14, audio_in=27, cached_text_in=8, text_out=28, audio_out=136)),
    ]


def test_a_written_reply_is_not_spoken() -> None:
    assert heard([transcript_delta("It", kind="response.output_text"), transcript_delta("", kind="response.text")]) == [
        ReplyText(S, R, I1, "It", spoken=False),
        DialectHeard("beta"),
    ]


def test_a_tool_is_called_once_though_the_wire_says_it_three_times() -> None:
    arguments = {"arguments": '{"on": true}', "call_id": "call_1", "item_id": "item_2", "response_id": "resp_1"}
    assert heard(
        [
            response_created(),
            event("response.function_call_arguments.delta", delta="{", **arguments),
            event("response.function_call_arguments.done", name="lamp", **arguments),
            call_done(),
            call_done(),
            response_done(),
        ]
    ) == [
        ReplyStarted(S, R),
        ToolCalled(S, R, I2, CallId("call_1"), "lamp", '{"on": true}'),
        ReplyDone(S, R),
    ]


def test_a_commentary_and_the_call_that_interleaves_with_it_keep_apart() -> None:
    assert heard(
        [
            transcript_delta("Let me"),
            event("response.output_item.added", response_id="resp_1", item={"id": "item_2", "type": "function_call"}),
            audio_delta(PCM),
            call_done(),
            transcript_delta(" see"),
            audio_delta(PCM),
            message_done(),
            response_done(),
        ]
    ) == [
        ReplyText(S, R, I1, "Let me"),
        ReplyAudio(S, R, I1, PCM),
        ToolCalled(S, R, I2, CallId("call_1"), "lamp", '{"on": true}'),
        ReplyText(S, R, I1, " see"),
        ReplyAudio(S, R, I1, PCM),
        ReplyItemDone(S, R, I1),
        ReplyDone(S, R),
    ]


def test_a_cancelled_reply_says_so_and_its_late_deltas_are_passed_on() -> None:
    details = {"type": "cancelled", "reason": "client_cancelled"}
    assert heard(
        [
            audio_delta(PCM),
            message_done(status="incomplete"),
            call_done(status="incomplete"),
            response_done(status="cancelled", status_details=details, usage=None),
        ]
    ) == [
        ReplyAudio(S, R, I1, PCM),
        ReplyItemDone(S, R, I1),
        ReplyDone(S, R, "cancelled", code="client_cancelled"),
    ]


def test_what_the_user_said_may_come_after_the_reply() -> None:
    said = "conversation.item.input_audio_transcription"
    assert heard(
        [
            response_done(),
            event(f"{said}.delta", item_id="item_0", content_index=0, delta="Hel"),
            event(
                f"{said}.completed",
                item_id="item_0",
                content_index=0,
                transcript="Hello",
                usage={"type": "duration", "seconds": 1},
            ),
            event(f"{said}.failed", item_id="item_9", content_index=0, error={"code": "DeploymentNotFound"}),
        ]
    ) == [
        ReplyDone(S, R),
        UserTranscribed(S, ItemId("item_0"), "Hello"),
        UsageReported(Usage(seconds=1.0)),
        UserTranscribed(S, ItemId("item_9"), None),
        TranscriptionFailed("DeploymentNotFound"),
    ]


def used(usage: object) -> Usage | None:
    """What a reply of the model "big" with this usage is taken to have used."""
    (done,) = heard([response_done(usage=usage)], Decoder(S, model="big", transcription_model="scribe"))
    assert isinstance(done, ReplyDone)
    return done.usage


@pytest.mark.parametrize(
    ("usage", "taken"),
    [
        (USAGE, Usage("big", 14, 27, 3, cached_text_in=8, text_out=28, audio_out=136)),
        # Cached tokens whose modality is not told, in whole or in part.
        (
            {"input_token_details": {"text_tokens": 50, "audio_tokens": 90, "cached_tokens": 64}},
            Usage("big", 50, 90, cached_text_in=64),
        ),
        (
            {
                "input_token_details": {
                    "text_tokens": 50,
                    "audio_tokens": 90,
                    "cached_tokens": 64,
                    "cached_tokens_details": {"audio_tokens": 40},
                }
            },
            Usage("big", 50, 90, cached_text_in=24, cached_audio_in=40),
        ),
        # Tokens that only the totals have: all of a simple server's, and those of a model that thinks.
        ({"input_tokens": 41, "output_tokens": 164}, Usage("big", text_in=41, text_out=164)),
        (
            {
                "input_tokens": 41,
                "output_tokens": 200,
                "output_token_details": {"text_tokens": 28, "audio_tokens": 136, "reasoning_tokens": 36},
            },
            Usage("big", text_in=41, text_out=64, audio_out=136),
        ),
        # Nonsense costs nothing, and overflows nothing.
        (
            {"input_tokens": -3, "output_tokens": True, "input_token_details": {"audio_tokens": "many"}},
            Usage("big"),
        ),
        ({"output_tokens": 10**400}, Usage("big", text_out=10**9)),
        (None, None),
        ("much", None),
    ],
)
def test_tokens_are_told_apart_by_modality(usage: object, taken: Usage | None) -> None:
    assert used(usage) == taken


@pytest.mark.parametrize(
    ("usage", "taken"),
    [
        ({"type": "duration", "seconds": 3}, [UsageReported(Usage("scribe", seconds=3.0))]),
        (
            {
                "type": "tokens",
                "total_tokens": 22,
                "input_tokens": 13,
                "input_token_details": {"text_tokens": 0, "audio_tokens": 13},
                "output_tokens": 9,
            },
            [UsageReported(Usage("scribe", audio_in=13, text_out=9))],
        ),
        ({"type": "duration", "seconds": float("nan")}, [UsageReported(Usage("scribe"))]),
        ({"type": "duration", "seconds": -1}, [UsageReported(Usage("scribe"))]),
        (None, []),
    ],
)
def test_a_transcription_is_paid_for_too(usage: object, taken: list[UsageReported]) -> None:
    completed = event(
        "conversation.item.input_audio_transcription.completed", item_id="item_0", transcript="Hi", usage=usage
    )
    found = heard([completed], Decoder(S, model="big", transcription_model="scribe"))
    assert found == [UserTranscribed(S, ItemId("item_0"), "Hi"), *taken]


def test_an_idle_timeout_is_a_commit_and_a_reply_that_nobody_asked_for() -> None:
    assert heard(
        [
            event("input_audio_buffer.timeout_triggered", item_id="item_0", audio_start_ms=0, audio_end_ms=5000),
            event("input_audio_buffer.committed", item_id="item_0"),
            response_created(),
        ]
    ) == [UtteranceCommitted(S, ItemId("item_0")), ReplyStarted(S, R)]


@pytest.mark.parametrize(
    ("fields", "done"),
    [
        (
            {"status": "failed", "status_details": {"error": {"code": "server_error", "message": "Oh\nno"}}},
            ReplyDone(S, R, "failed", code="server_error", reason="Oh no"),
        ),
        (
            {"status": "incomplete", "status_details": {"reason": "max_output_tokens"}},
            ReplyDone(S, R, "incomplete", code="max_output_tokens"),
        ),
        ({"status": "on_holiday"}, ReplyDone(S, R, "failed", code="unknown_status")),
        ({"usage": {"input_token_details": {"text_tokens": "many"}}}, ReplyDone(S, R, usage=Usage())),
        ({"usage": 12, "status_details": "fine"}, ReplyDone(S, R)),
    ],
)
def test_a_reply_ends_even_where_its_details_are_odd(fields: dict[str, Any], done: ReplyDone) -> None:
    assert heard([response_done(**fields)]) == [done]


def test_an_empty_account_shows_in_the_reply_and_ends_the_session() -> None:
    details = {"error": {"code": "insufficient_quota", "message": "You exceeded your quota."}}
    assert heard([response_done(status="failed", status_details=details)]) == [
        ReplyDone(S, R, "failed", code="insufficient_quota", reason="You exceeded your quota."),
        Refusal("fatal", "reply", "insufficient_quota", "You exceeded your quota."),
    ]


def test_a_sample_split_between_two_chunks_of_an_item_stays_whole() -> None:
    decoder = Decoder(S)
    assert heard(
        [
            audio_delta(b"\x01\x00\x02"),
            audio_delta(b"\x07\x00", item="item_2"),
            audio_delta(b"\x00\x03\x00"),
            audio_delta(b"\x04"),
            audio_delta(b"\x00"),
        ],
        decoder,
    ) == [
        ReplyAudio(S, R, I1, b"\x01\x00"),
        ReplyAudio(S, R, I2, b"\x07\x00"),
        ReplyAudio(S, R, I1, b"\x02\x00\x03\x00"),
        ReplyAudio(S, R, I1, b"\x04\x00"),
    ]


@pytest.mark.parametrize("end", [message_done(), response_done()])
def test_half_a_sample_at_the_end_of_an_item_is_forgotten_with_it(end: str) -> None:
    found = heard([audio_delta(b"\x01\x00\x02"), end, audio_delta(b"\x05\x00")])
    assert [chunk.pcm for chunk in found if isinstance(chunk, ReplyAudio)] == [b"\x01\x00", b"\x05\x00"]


def test_a_long_session_leaves_nothing_behind() -> None:
    decoder = Decoder(S)
    for number in range(2000):
        reply, item = f"resp_{number}", f"item_{number}"
        heard([audio_delta(b"\x01", item, reply), call_done(item, f"call_{number}", reply=reply)], decoder)
        heard([audio_delta(b"\x01", "straggler", f"late_{number}")], decoder)
    assert len(decoder._halves) <= 32
    assert len(decoder._called) <= 64


def test_an_unknown_event_is_named_and_an_unknown_key_ignored() -> None:
    hologram = json.loads(audio_delta(PCM)) | {"depth": 3}
    assert heard([json.dumps(hologram), event("response.hologram.delta", delta="x")]) == [
        ReplyAudio(S, R, I1, PCM),
        UnknownEvent("response.hologram.delta"),
    ]


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("{", "a message that is no JSON"),
        ("[" * 100_000, "a message that is no JSON"),
        (b"{}", "a binary frame: the protocol has none"),
        ("[]", "a message that is no JSON object"),
        ("{}", "a message with no type"),
        ('{"type": ["a"]}', "a message with no type"),
        (event("response.created", response="resp_1"), "response.created: response is a string, not an object"),
        (event("response.created", response={}), "response.created: response: id is missing or null, not a string"),
        (event("error"), "error: error is missing or null, not an object"),
        (
            event("response.output_audio_transcript.delta", response_id="r", item_id="i", delta={}),
            "response.output_audio_transcript.delta: delta is an object, not a string",
        ),
        (
            event("response.output_audio.delta", response_id="r", item_id="i", delta="%%%"),
            "response.output_audio.delta: its delta is no base64",
        ),
        (
            event("response.output_audio.delta", response_id="r", item_id="i", delta="AAé="),
            "response.output_audio.delta: its delta is no base64",
        ),
        (
            event("input_audio_buffer.committed", item_id=3),
            "input_audio_buffer.committed: item_id is a number, not a string",
        ),
        (event("rate_limits.updated", rate_limits={}), "rate_limits.updated: rate_limits is an object, not a list"),
        (
            event("rate_limits.updated", rate_limits=[{"name": True}]),
            "rate_limits.updated: a limit: name is a truth value, not a string",
        ),
    ],
)
def test_a_message_that_makes_no_sense_is_one_clear_sentence(message: str | bytes, sentence: str) -> None:
    decoder = Decoder(S)
    with pytest.raises(WireError) as caught:
        decoder.decode(message)
    assert str(caught.value) == sentence
    assert heard([response_created()], decoder) == [ReplyStarted(S, R)]


def test_the_dialect_shows_in_the_session_object() -> None:
    assert heard([session_created(), session_updated(BETA_SESSION), session_created({"id": "s", "model": "m"})]) == [
        SessionCreated("sess_1", "ga"),
        SessionUpdated("beta"),
        SessionCreated("s", None),
    ]


def test_names_tell_the_dialect_once_and_only_where_the_session_did_not() -> None:
    beta_audio = audio_delta(PCM, kind="response.audio")
    audio = ReplyAudio(S, R, I1, PCM)
    assert heard([beta_audio, beta_audio]) == [audio, DialectHeard("beta"), audio]
    assert heard([beta_audio], configured()) == [audio]


def test_an_error_is_traced_to_our_request() -> None:
    assert heard(
        [
            refused("item_not_found", "Item not found.", "delete-4"),
            refused("conversation_already_has_active_response", "Busy.", "reply-17"),
            refused("invalid_value", "Bad audio.", "audio"),
            refused("invalid_value", "Bad item.", "history-2"),
            refused(None, "Audio content of 13600ms is already shorter than 55960ms"),
            refused("input_audio_buffer_commit_empty", "Too small."),
            refused("server_error", "Sorry.", type="server_error"),
        ],
        configured(),
    ) == [
        Refusal("benign", "delete", "item_not_found", "Item not found."),
        Refusal("refused", "reply", "conversation_already_has_active_response", "Busy."),
        Refusal("refused", "audio", "invalid_value", "Bad audio."),
        Refusal("refused", None, "invalid_value", "Bad item."),
        Refusal("benign", "truncate", "", "Audio content of 13600ms is already shorter than 55960ms"),
        Refusal("refused", "commit", "input_audio_buffer_commit_empty", "Too small."),
        Refusal("refused", None, "server_error", "Sorry."),
    ]


def test_an_error_before_the_configuration_was_accepted_is_about_the_session() -> None:
    assert heard([refused("invalid_value", "Bad voice."), refused("rate_limit_exceeded", "Later.")]) == [
        Refusal("fatal", "session", "invalid_value", "Bad voice."),
        Refusal("retry", "session", "rate_limit_exceeded", "Later."),
    ]


TURN = [
    session_created(),
    response_created(),
    transcript_delta("Hi"),
    audio_delta(PCM),
    message_done(),
    call_done(),
    response_done(usage=USAGE, status_details={"error": {"code": "x", "message": "y"}}),
    event("rate_limits.updated", rate_limits=[{"name": "tokens", "limit": 1, "remaining": 1, "reset_seconds": 0.1}]),
    event("conversation.item.input_audio_transcription.completed", item_id="item_0", transcript="Hi"),
    event("conversation.item.input_audio_transcription.failed", item_id="item_0", error={"code": "x"}),
    refused("item_not_found", "no", "delete-1"),
]

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner), max_leaves=6
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A server event in which one value, somewhere, was replaced or lost."""
    message = json.loads(draw(st.sampled_from(TURN)))
    place = message
    while True:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[key]
        if isinstance(inner, dict | list) and inner and draw(st.booleans()):
            place = inner
            continue
        break
    if isinstance(place, dict) and draw(st.booleans()):
        del place[key]
    else:
        place[key] = draw(_values)
    return json.dumps(message)


@given(st.lists(mutated() | st.sampled_from(TURN), max_size=8))
def test_no_server_can_raise_anything_but_a_wire_error(messages: list[str]) -> None:
    decoder = Decoder(S)
    for message in messages:
        found: list[Found] = []
        with contextlib.suppress(WireError):
            found = decoder.decode(message)
        assert all(len(chunk.pcm) % 2 == 0 for chunk in found if isinstance(chunk, ReplyAudio))


@given(st.text() | st.binary())
def test_nor_can_noise(noise: str | bytes) -> None:
    with pytest.raises(WireError):
        Decoder(S).decode(noise)
