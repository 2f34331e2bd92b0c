"""A session without a socket, on a clock that the test turns."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiced.testing.loopback import Pace, Say, Script, Silence, sweep
from voiced.testing.loopback.events import Close, Output
from voiced.testing.loopback.session import Session, SessionOptions

from .loopback_client import RATE, encoded, silence, speech, user_says

Event = dict[str, Any]


class Clock:
    """Runs a session from one due time to the next. `at`: seconds; `log`: (time, event type)."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.at = 0.0
        self.log: list[tuple[float, str]] = []
        self.events: list[Output] = []

    def send(self, kind: str, **fields: Any) -> None:
        self._note(self.session.receive({"type": kind, **fields}, self.at))

    def run_until(self, end: float) -> None:
        while (due := self.session.next_due) is not None and due <= end:
            self.at = max(self.at, due)
            self._note(self.session.tick(self.at))
        self.at = end

    def times(self, kind: str) -> list[float]:
        return [round(at, 3) for at, seen in self.log if seen == kind]

    def _note(self, outputs: list[Output]) -> None:
        for output in outputs:
            self.events.append(output)
            self.log.append((self.at, f"close {output.code}" if isinstance(output, Close) else output["type"]))


def clock_with(script: Script, pace: Pace | None = None, max_session_s: float = 3600.0) -> Clock:
    return Clock(Session(SessionOptions(script, pace=pace or Pace(), max_session_s=max_session_s)))


def test_deltas_come_at_their_pace() -> None:
    pace = Pace(first_delta_delay_s=0.5, chunk_ms=200, speed=4.0)
    clock = clock_with(Script([Say("Hello", pcm=sweep(RATE))]), pace)
    clock.send("response.create")
    clock.run_until(10.0)
    assert clock.times("response.created") == [0.0]
    assert clock.times("response.output_audio.delta") == [0.5, 0.55, 0.6, 0.65, 0.7]
    assert clock.times("response.done") == [0.7]


def test_a_session_lasts_an_hour() -> None:
    clock = clock_with(Script([Silence()]))
    clock.send("response.create")
    clock.run_until(4000.0)
    assert clock.log[-2:] == [(3600.0, "error"), (3600.0, "close 1001")]
    assert clock.session.next_due is None
    assert clock.session.violations.maxlen


def test_a_user_who_stays_silent_is_addressed() -> None:
    clock = clock_with(Script([Say("Hello", pcm=sweep(RATE * 2)), Say("Are you there?", pcm=sweep(RATE))]))
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    transcription = {"model": "gpt-realtime-whisper"}
    audio = {"input": {"turn_detection": detection, "transcription": transcription}}
    clock.send("session.update", session={"type": "realtime", "audio": audio})
    clock.send("response.create")
    clock.run_until(1.0)
    clock.send("input_audio_buffer.append", audio=encoded(silence(500)))
    clock.run_until(7.5)
    # Two seconds to play the reply, and five more.
    assert [kind for at, kind in clock.log if at == 7.0][:6] == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
    ]
    triggered = next(e for e in clock.events if isinstance(e, dict) and e["type"].endswith("timeout_triggered"))
    assert (triggered["audio_start_ms"], triggered["audio_end_ms"]) == (0, 500)
    completed = next(e for e in clock.events if isinstance(e, dict) and e["type"].endswith("transcription.completed"))
    assert (completed["transcript"], completed["usage"]) == ("", {"type": "duration", "seconds": 1})


def test_who_speaks_in_time_is_not_addressed() -> None:
    clock = clock_with(Script([Say("Hello"), Say("Yes?")]))
    audio = {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}}
    clock.send("session.update", session={"type": "realtime", "audio": audio})
    clock.send("response.create")
    clock.run_until(4.0)
    clock.send("input_audio_buffer.append", audio=encoded(speech(500)))
    clock.run_until(20.0)
    assert clock.times("input_audio_buffer.timeout_triggered") == []


@pytest.mark.parametrize(
    ("detection", "silence_ms"),
    [
        ({"type": "server_vad", "silence_duration_ms": 200}, 200),
        ({"type": "server_vad", "silence_duration_ms": 900}, 900),
        ({"type": "semantic_vad", "eagerness": "high"}, 2000),
        ({"type": "semantic_vad"}, 4000),
    ],
)
def test_a_turn_ends_after_its_silence(detection: Event, silence_ms: int) -> None:
    clock = clock_with(Script([Say("Hello.")]))
    clock.send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}})
    for _ in range(10):  # of 100 ms, all at the same time: only the audio counts
        clock.send("input_audio_buffer.append", audio=encoded(speech(100)))
    for _ in range(silence_ms // 20 + 10):
        clock.send("input_audio_buffer.append", audio=encoded(silence(20)))
    stopped = next(e for e in clock.events if isinstance(e, dict) and e["type"].endswith("speech_stopped"))
    assert stopped["audio_end_ms"] == pytest.approx(1000 + silence_ms, abs=60)


def test_a_click_is_no_speech() -> None:
    clock = clock_with(Script())
    clock.send("input_audio_buffer.append", audio=encoded(silence(300) + speech(30) + silence(500)))
    assert clock.log == []


def test_speech_alone_creates_nothing_when_it_must_not() -> None:
    clock = clock_with(Script([Say("Hello", pcm=sweep(RATE * 20))]), Pace(speed=1.0))
    detection = {"type": "server_vad", "create_response": False, "interrupt_response": False}
    clock.send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}})
    clock.send("response.create")
    clock.run_until(1.0)
    clock.send("input_audio_buffer.append", audio=encoded(speech(500) + silence(500)))
    clock.run_until(30.0)
    assert clock.times("input_audio_buffer.committed") == [1.0]
    done = [e for e in clock.events if isinstance(e, dict) and e["type"] == "response.done"]
    assert [event["response"]["status"] for event in done] == ["completed"]


def test_a_turn_during_a_reply_that_goes_on_is_answered_after_it() -> None:
    clock = clock_with(Script([Say("Hello", pcm=sweep(RATE * 5)), Say("And yes.")]), Pace(speed=1.0))
    detection = {"type": "server_vad", "interrupt_response": False}
    clock.send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}})
    clock.send("response.create")
    clock.run_until(1.0)
    clock.send("input_audio_buffer.append", audio=encoded(speech(500) + silence(500)))
    clock.run_until(30.0)
    first_done, _ = clock.times("response.done")
    assert clock.times("response.created") == [0.0, first_done]


def test_a_commit_in_mid_speech_ends_that_turn() -> None:
    clock = clock_with(Script([Say("Hello.")]))
    clock.send("input_audio_buffer.append", audio=encoded(speech(500)))
    clock.send("input_audio_buffer.commit")
    clock.send("input_audio_buffer.append", audio=encoded(speech(500)))
    clock.send("input_audio_buffer.clear")
    clock.send("input_audio_buffer.append", audio=encoded(silence(1000)))
    assert [kind for _, kind in clock.log] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.cleared",
    ]


def test_what_was_committed_is_the_audio_that_was_sent() -> None:
    clock = clock_with(Script([Say("Hello.")]))
    clock.send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
    clock.send("input_audio_buffer.append", audio=encoded(sweep(RATE)))
    clock.send("input_audio_buffer.commit")
    clock.send("conversation.item.retrieve", item_id=clock.session.conversation.items[0].id)
    retrieved = clock.events[-1]
    assert isinstance(retrieved, dict)
    assert base64.b64decode(retrieved["item"]["content"][0]["audio"]) == sweep(RATE)


def test_old_audio_is_let_go_and_its_length_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voiced.testing.loopback.conversation.MAX_MEDIA_BYTES", 3 * RATE)
    monkeypatch.setattr("voiced.testing.loopback.conversation.MAX_ITEMS", 4)
    clock = clock_with(Script([Say("x", pcm=sweep(RATE)), Say("y", pcm=sweep(RATE))]))
    for _ in range(2):
        clock.send("response.create")
        clock.run_until(clock.at + 1.0)
    clock.send("conversation.item.create", item=user_says("a"))
    first, second, _ = clock.session.conversation.items
    assert [(item.audio_ms, len(item.content[0].pcm)) for item in (first, second)] == [(1000, 0), (1000, 2 * RATE)]
    for text in "bc":
        clock.send("conversation.item.create", item=user_says(text))
    assert [item.text for item in clock.session.conversation.items] == ["y", "a", "b", "c"]


RIGHT: list[Event] = [
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "output_modalities": ["text"],
            "audio": {"input": {"turn_detection": {"type": "server_vad"}}, "output": {"voice": "cedar"}},
            "tools": [{"type": "function", "name": "lamp", "parameters": {}}],
        },
    },
    {"type": "input_audio_buffer.append", "audio": encoded(speech(200) + silence(300))},
    {"type": "input_audio_buffer.commit", "event_id": "mine"},
    {"type": "input_audio_buffer.clear"},
    {"type": "conversation.item.create", "item": user_says("Hello") | {"id": "a"}, "previous_item_id": None},
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call", "call_id": "c", "name": "lamp", "arguments": "{}"},
    },
    {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": "on"}},
    {"type": "conversation.item.retrieve", "item_id": "a"},
    {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 0},
    {"type": "conversation.item.delete", "item_id": "a"},
    {"type": "response.create", "response": {"metadata": {"a": "b"}, "input": [user_says("Hi")]}},
    {"type": "response.cancel"},
]

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def nearly_right(draw: st.DrawFn) -> Any:
    """A right event in which one thing, at any depth, may be changed, missing or too much."""

    def changed(node: Any) -> Any:
        here = draw(st.sampled_from(["as it is", "deeper", "deeper", "deeper", "other", "less", "more"]))
        if here == "other":
            return draw(ANY_JSON)
        if isinstance(node, dict) and node:
            key = draw(st.sampled_from(sorted(node)))
            match here:
                case "deeper":
                    return node | {key: changed(node[key])}
                case "less":
                    return {name: value for name, value in node.items() if name != key}
                case "more":
                    return node | {draw(st.text(max_size=8)): draw(ANY_JSON)}
        if isinstance(node, list) and node and here == "deeper":
            return [changed(node[0]), *node[1:]]
        return node

    return changed(draw(st.sampled_from(RIGHT)))


@settings(deadline=None)
@given(st.lists(nearly_right() | st.sampled_from(RIGHT), max_size=12))
def test_whatever_is_sent_the_session_answers_and_settles(messages: list[Any]) -> None:
    clock = clock_with(Script())
    for message in messages:
        before = len(clock.session.violations)
        outputs = clock.session.receive(message, clock.at)
        refused = [output for output in outputs if isinstance(output, dict) and output["type"] == "error"]
        assert len(refused) == len(clock.session.violations) - before
    clock.run_until(1.0)
    running = [output for _, output in clock.log if output in ("response.created", "response.done")]
    assert running.count("response.created") == running.count("response.done")


def test_a_pace_makes_sense() -> None:
    with pytest.raises(ValueError, match="chunk_ms must be at least 1"):
        Pace(chunk_ms=0)
