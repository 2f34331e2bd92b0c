"""What a light shows, of all that happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.audio import Ms
from voiced.conversation.commands import (
    AttentionChanged,
    BrainChanged,
    BrainSelected,
    DeviceChanged,
    Fact,
    Floor,
    FloorChanged,
    Muted,
    ReplyHeard,
    TalkKeyHeld,
    TurnFailed,
    UserHeard,
)
from voiced.lights.state import FLASH_S, STATES, Seen, State, after, flash_left_s, state_of

WAKE = Seen(open=False)


def shown(*facts: Fact, begin: Seen = WAKE, now: float = 10.0) -> State:
    """After these facts, all of them at 0 s, at `now`."""
    return state_of(known(facts, begin), now)


def known(facts: Sequence[Fact], begin: Seen = WAKE) -> Seen:
    for fact in facts:
        begin = after(begin, fact, 0.0)
    return begin


def test_a_turn_after_the_wake_word() -> None:
    story: list[tuple[Fact, State]] = [
        (AttentionChanged(False), "idle"),
        (AttentionChanged(True), "attentive"),
        (FloorChanged("listening"), "listening"),
        (UserHeard(1, "What time is it?"), "listening"),
        (FloorChanged("thinking"), "thinking"),
        (FloorChanged("speaking"), "speaking"),
        (FloorChanged("overlap"), "speaking"),
        (ReplyHeard(1, "Noon.", Ms(1), Ms(1), cut=False), "speaking"),
        (FloorChanged("idle"), "attentive"),
        (AttentionChanged(False), "idle"),
    ]
    facts = [fact for fact, _ in story]
    assert [shown(*facts[: n + 1]) for n in range(len(facts))] == [state for _, state in story]


def test_a_key_that_is_held_listens_before_anybody_speaks() -> None:
    assert shown(AttentionChanged(False), TalkKeyHeld(True), AttentionChanged(True)) == "listening"
    assert shown(TalkKeyHeld(True), TalkKeyHeld(False), AttentionChanged(False)) == "idle"


def test_an_error_is_a_flash_that_ends_by_itself() -> None:
    failed = (AttentionChanged(False), FloorChanged("thinking"), TurnFailed(1, "no answer"), FloorChanged("idle"))
    assert shown(*failed, now=0.0) == "error"
    assert shown(*failed, now=FLASH_S - 0.01) == "error"
    assert shown(*failed, now=FLASH_S) == "idle"
    assert flash_left_s(known(failed), 1.0) == FLASH_S - 1.0
    assert flash_left_s(WAKE, 1.0) < 0


@pytest.mark.parametrize(
    ("floor", "state"), [("idle", "muted"), ("listening", "muted"), ("thinking", "thinking"), ("speaking", "speaking")]
)
def test_a_microphone_that_is_closed_is_seen_whenever_nothing_is_said(floor: Floor, state: State) -> None:
    facts = (Muted(True), FloorChanged(floor), DeviceChanged("loudspeaker", False, "gone"))
    assert shown(*facts) == state
    assert shown(Muted(True), Muted(False), AttentionChanged(False)) == "idle"


def test_a_device_that_is_lost_is_an_error_until_it_is_back() -> None:
    lost = (AttentionChanged(False), DeviceChanged("microphone", False, "gone"), DeviceChanged("loudspeaker", True, ""))
    assert shown(*lost, now=1000.0) == "error"
    assert shown(*lost, FloorChanged("speaking")) == "speaking"
    assert shown(*lost, DeviceChanged("microphone", True, "back")) == "idle"


def test_the_cloud_that_is_away() -> None:
    away = (AttentionChanged(False), BrainSelected("realtime"), BrainChanged("lost"))
    assert shown(*away) == "offline"
    assert shown(*away, BrainChanged("connecting")) == "offline"
    assert shown(*away, BrainChanged("ready")) == "idle"
    assert shown(*away, BrainSelected("cascade")) == "idle"
    assert shown(*away, BrainSelected("offline"), BrainChanged("ready", brain="offline")) == "offline"
    assert shown(*away, BrainSelected("offline"), AttentionChanged(True)) == "attentive"
    assert shown(AttentionChanged(False), BrainSelected("realtime"), BrainChanged("connecting")) == "idle"
    assert shown(AttentionChanged(False), BrainSelected("realtime"), BrainChanged("refused")) == "offline"


def test_who_wants_no_cloud_misses_none() -> None:
    assert shown(BrainSelected("offline"), AttentionChanged(False), begin=Seen(open=False, alone=True)) == "idle"


def test_where_it_always_listens_it_is_always_attentive_and_offline_is_seen_all_the_same() -> None:
    assert shown(begin=Seen()) == "attentive"
    assert shown(BrainSelected("offline"), begin=Seen()) == "offline"
    assert shown(Muted(True), AttentionChanged(False), begin=Seen()) == "muted"


FACTS = st.one_of(
    st.sampled_from(["idle", "listening", "thinking", "speaking", "overlap"]).map(FloorChanged),  # type: ignore[arg-type]
    st.booleans().map(AttentionChanged),
    st.booleans().map(TalkKeyHeld),
    st.booleans().map(Muted),
    st.sampled_from(["realtime", "cascade", "offline"]).map(BrainSelected),  # type: ignore[arg-type]
    st.builds(
        BrainChanged,
        st.sampled_from(["connecting", "ready", "lost", "refused"]),
        st.just(""),
        st.sampled_from(["realtime", "cascade", "offline"]),
    ),
    st.builds(DeviceChanged, st.sampled_from(["microphone", "loudspeaker"]), st.booleans(), st.just("")),
    st.just(TurnFailed(1, "")),
)


@given(st.lists(FACTS, max_size=30), st.booleans(), st.booleans())
def test_whatever_happens_it_ends_in_rest(facts: list[Fact], always: bool, alone: bool) -> None:
    seen = known(facts, Seen(open=always, alone=alone))
    assert state_of(seen, 0.0) in set(STATES) - {"off"}
    rest = known(
        [
            FloorChanged("idle"),
            AttentionChanged(False),
            TalkKeyHeld(False),
            Muted(False),
            DeviceChanged("microphone", True, ""),
            DeviceChanged("loudspeaker", True, ""),
            BrainSelected("realtime"),
            BrainChanged("ready"),
        ],
        seen,
    )
    assert state_of(rest, FLASH_S) == "idle"
    assert after(rest, FloorChanged("idle"), 5.0) == replace(rest, floor="idle")
