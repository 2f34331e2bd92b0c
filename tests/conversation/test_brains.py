"""With three brains: the next one takes over in the same turn, the better one comes back in a silence."""

from __future__ import annotations

import math

import pytest

from tests.conversation.story import Story, stream
from voiced.conversation.commands import (
    AddHistory,
    AssistantSaid,
    BrainChanged,
    BrainSelected,
    CloseSession,
    Command,
    CommitUtterance,
    FinishItem,
    NotSpeech,
    OpenSession,
    PlayEarcon,
    ReplyHeard,
    RunTool,
    SendToolResult,
    SpotSound,
    SpotVerdict,
    StartReply,
    StreamUtterance,
    ToolEnded,
    ToolUsed,
    TurnFailed,
    UserSaid,
)
from voiced.conversation.events import (
    BrainLost,
    BrainName,
    BrainReady,
    CallId,
    CommandSpotted,
    ItemId,
    NoCommand,
    ReplyDone,
    ReplyId,
    ReplyStarted,
    SessionId,
    StopAsked,
    ThriftChanged,
    TimePassed,
    ToolCalled,
    ToolReturned,
    UserTranscribed,
)
from voiced.conversation.link import OPEN_WITHIN_S
from voiced.conversation.machine import Conversation
from voiced.conversation.settings import BrainSettings, TurnSettings

S1, S2, S3, S4 = (SessionId(number) for number in range(1, 5))
R1 = ReplyId("r1")
CALL = CallId("c1")
QUIET = BrainSettings(local_commands=False)
SPOTTING = BrainSettings()
SOUND = stream(1, spoken=1000, silent=500).pcm
"""What `user_says` sends."""


def story(brains: BrainSettings = QUIET) -> Story:
    return Story(brains=brains)


def selected(story: Story) -> list[BrainName]:
    return [fact.brain for fact in story.facts(BrainSelected)]


def sessions(commands: list[Command]) -> list[tuple[str, int]]:
    return [(command.brain, command.session) for command in commands if isinstance(command, OpenSession)]


def history(commands: list[Command]) -> tuple[object, ...]:
    """What the session that these commands opened was told, by then and when it was ready."""
    told: tuple[object, ...] = ()
    for command in commands:
        if isinstance(command, OpenSession):
            told += command.history
        elif isinstance(command, AddHistory):
            told += command.items
    return told


def test_lost_while_thinking_the_next_brain_answers_the_same_utterance() -> None:
    told = story()
    told.user_says()
    commands = told.tell(BrainLost(S1, "reset"), BrainReady(S2))
    assert commands == [
        PlayEarcon("lost"),
        OpenSession(S2, (), (), brain="cascade"),
        AddHistory(S2, (UserSaid(None, SOUND, item=ItemId("utterance-1")),)),
        StartReply(S2),
    ]
    told.reply_begins("r2", "i2")
    told.reply_ends("r2", "i2")
    told.drained("i2")
    [heard] = told.facts(ReplyHeard)
    assert (heard.turn, heard.text, heard.cut) == (1, "one two three four five", False)
    assert selected(told) == ["realtime", "cascade"]
    assert told.conversation.settled


def test_lost_in_mid_answer_what_is_buffered_plays_on_and_what_was_heard_is_told() -> None:
    told = story()
    told.user_says()
    told.reply_begins(ms=1000)
    commands = told.tell(BrainLost(S1, "reset"), BrainReady(S2))
    assert commands[:2] == [FinishItem(ItemId("i1")), PlayEarcon("lost")]
    assert not any(isinstance(command, StartReply) for command in commands), "the old voice still sounds"
    commands = told.drained()
    assert commands == [AddHistory(S2, (AssistantSaid("one two three four five"),)), StartReply(S2)]


def test_a_brain_that_falls_silent_is_left_at_its_deadline() -> None:
    told = story()
    told.user_says()
    due = told.conversation.deadline()
    assert due == pytest.approx(told.now + QUIET.silent_after_s)
    told.now = due
    commands = told.tell(TimePassed())
    assert commands[0] == CloseSession(S1)
    assert sessions(commands) == [("cascade", S2)]
    told.now += 1
    assert told.tell(BrainReady(S2))[-1] == StartReply(S2)
    assert told.facts(BrainChanged)[-3].state == "lost"


def test_who_speaks_slowly_but_speaks_is_not_left() -> None:
    told = story()
    told.user_says()
    told.reply_begins(ms=100)
    for _ in range(10):
        told.now += QUIET.silent_after_s - 1
        told.reply_begins(ms=100)
        assert told.tell(TimePassed()) == []


def test_a_brain_that_does_not_connect_is_waited_for_but_not_long() -> None:
    told = Story(brains=QUIET, ready=False)
    told.user_says()
    assert told.conversation.deadline() == pytest.approx(told.now + QUIET.connect_patience_s)
    told.now = told.conversation.deadline()
    assert sessions(told.tell(TimePassed())) == [("cascade", S2)]
    commands = told.tell(BrainReady(S2))
    assert StartReply(S2) in commands
    assert UserSaid(None, SOUND, item=ItemId("utterance-1")) in history(commands)


def test_lost_while_the_user_speaks_the_next_one_hears_it_all() -> None:
    told = story()
    told.hear(400, speech=True)
    told.tell(BrainLost(S1, "reset"))
    told.hear(200, speech=True)
    assert told.tell(BrainReady(S2)) == [stream(2, spoken=600)]
    commands = told.hear(500, speech=False)
    assert commands[-2:] == [CommitUtterance(S2), StartReply(S2)]


def test_one_after_the_other_until_somebody_can() -> None:
    told = story()
    told.user_says()
    commands = told.tell(BrainLost(S1, "reset"), BrainLost(S2, "no network"), BrainReady(S3))
    assert sessions(commands) == [("cascade", S2), ("offline", S3)]
    assert commands[-1] == StartReply(S3)
    assert commands.count(PlayEarcon("lost")) == 1


def test_when_the_last_one_fails_too_the_user_is_told() -> None:
    told = story()
    told.user_says()
    told.tell(BrainLost(S1, "reset"), BrainLost(S2, "no network"), BrainLost(S3, "no speech", fatal=True))
    assert [fact.turn for fact in told.facts(TurnFailed)] == [1]
    assert PlayEarcon("failed") in told.commands
    assert told.floor == "idle"


@pytest.mark.parametrize("code", ["server_error", "rate_limit_exceeded"])
def test_responses_that_fail_are_answered_by_the_next_one(code: str) -> None:
    told = story()
    told.user_says()
    attempts = 0
    while selected(told) == ["realtime"]:
        attempts += 1
        told.tell(ReplyStarted(S1, ReplyId(f"r{attempts}")))
        told.tell(ReplyDone(S1, ReplyId(f"r{attempts}"), "failed", code, "overloaded"))
        told.now += 1
        told.tell(TimePassed())
    assert attempts == (2 if code == "server_error" else 1)
    assert told.tell(BrainReady(S2))[-1] == StartReply(S2)
    assert told.commands.count(PlayEarcon("lost")) == 1
    assert told.facts(TurnFailed) == []


def test_a_finished_tool_is_not_run_again_by_the_next_brain() -> None:
    told = story()
    told.user_says()
    told.tell(
        ReplyStarted(S1, R1), ToolCalled(S1, R1, ItemId("i1"), CALL, "switch_lamp", '{"on": true, "room": "hall"}')
    )
    told.tell(ToolReturned(CALL, "on"), BrainLost(S1, "reset"))
    commands = told.tell(BrainReady(S2))
    assert history(commands)[-1] == ToolUsed(CALL, "switch_lamp", '{"on": true, "room": "hall"}', "on")
    again = CallId("c2")
    commands = told.tell(
        ReplyStarted(S2, ReplyId("r2")),
        ToolCalled(S2, ReplyId("r2"), ItemId("i2"), again, "switch_lamp", '{"room":"hall","on":true}'),
    )
    assert commands == [SendToolResult(S2, again, "on")]
    assert told.tell(ReplyDone(S2, ReplyId("r2"))) == [StartReply(S2)]
    assert [command.call for command in told.commands if isinstance(command, RunTool)] == [CALL]


def test_another_call_of_the_same_tool_is_run() -> None:
    told = story()
    told.user_says()
    told.tell(ReplyStarted(S1, R1), ToolCalled(S1, R1, ItemId("i1"), CALL, "switch_lamp", '{"room": "hall"}'))
    told.tell(ToolReturned(CALL, "on"), BrainLost(S1, "reset"), BrainReady(S2), ReplyStarted(S2, ReplyId("r2")))
    call = ToolCalled(S2, ReplyId("r2"), ItemId("i2"), CallId("c2"), "switch_lamp", '{"room": "kitchen"}')
    assert told.tell(call) == [RunTool(CallId("c2"), "switch_lamp", '{"room": "kitchen"}')]


def test_a_tool_that_still_runs_is_waited_for_by_the_next_brain() -> None:
    told = story()
    told.user_says()
    told.tell(ReplyStarted(S1, R1), ToolCalled(S1, R1, ItemId("i1"), CALL, "slow", "{}"), BrainLost(S1, "reset"))
    assert StartReply(S2) not in told.tell(BrainReady(S2))
    told.now += 20
    assert told.tell(ToolReturned(CALL, "done at last"))[-2:] == [
        AddHistory(S2, (ToolUsed(CALL, "slow", "{}", "done at last"),)),
        StartReply(S2),
    ]


def lost_and_answered_by(told: Story, *, by: int = 2) -> None:
    """Realtime is lost in a turn, which the next brain answers."""
    told.user_says()
    told.tell(BrainLost(S1, "reset"), BrainReady(SessionId(by)))
    told.session = SessionId(by)
    told.reply_begins("r2", "i2")
    told.reply_ends("r2", "i2")
    told.drained("i2")


def test_the_better_brain_comes_back_in_a_silence_with_the_whole_conversation() -> None:
    told = story()
    lost_and_answered_by(told)
    assert told.conversation.deadline() > told.now
    told.now = told.conversation.deadline()
    commands = told.tell(TimePassed())
    assert sessions(commands) == [("realtime", S3)]
    assert UserSaid(None, SOUND, item=ItemId("utterance-1")) in history(commands)
    assert AssistantSaid("one two three four five") in history(commands)
    assert told.tell(BrainReady(S3)) == [CloseSession(S2)]
    assert selected(told) == ["realtime", "cascade", "realtime"]
    told.session = S3
    assert told.user_says()[-2:] == [CommitUtterance(S3), StartReply(S3)]


def test_while_it_connects_the_other_one_answers_and_it_comes_back_after() -> None:
    told = story()
    lost_and_answered_by(told)
    told.now = told.conversation.deadline()
    told.tell(TimePassed())
    told.session = S2
    assert told.user_says()[-2:] == [CommitUtterance(S2), StartReply(S2)]
    assert told.tell(BrainReady(S3)) == [], "not in mid-turn"
    told.reply_begins("r3", "i3", text="six seven")
    told.reply_ends("r3", "i3")
    commands = told.drained("i3")
    assert CloseSession(S2) in commands
    told.session = S3
    commands = told.user_says()
    assert AssistantSaid("six seven") in history(commands), "what was said meanwhile is told"
    assert commands[-1] == StartReply(S3)


def test_a_way_back_that_fails_is_tried_less_and_less_often_and_never_in_a_loop() -> None:
    told = story()
    lost_and_answered_by(told)
    waits = []
    for session in range(3, 8):
        waits.append(round(told.conversation.deadline() - told.now))
        told.now = told.conversation.deadline()
        assert sessions(told.tell(TimePassed())) == [("realtime", session)]
        assert told.conversation.deadline() == told.now + OPEN_WITHIN_S, "only an event can change things before"
        told.tell(BrainLost(SessionId(session), "no route to host"))
    assert waits == [15, 30, 60, 120, 240]
    assert selected(told) == ["realtime", "cascade"]


def test_a_break_in_a_silence_is_mended_by_the_same_brain() -> None:
    told = story()
    assert told.tell(BrainLost(S1, "60 minutes are over")) == [OpenSession(S2, (), ())]
    told.tell(BrainReady(S2))
    assert selected(told) == ["realtime"]


def test_a_break_that_can_not_be_mended_is_bridged_by_the_next_one() -> None:
    told = story()
    commands = told.tell(BrainLost(S1, "reset"), BrainLost(S2, "no route"))
    assert sessions(commands) == [("realtime", S2), ("cascade", S3)]


def test_a_bad_key_is_told_once_after_the_next_answer() -> None:
    told = Story(brains=QUIET, ready=False)
    told.tell(
        BrainLost(S1, "401", fatal=True, cause="key"), BrainLost(S2, "401", fatal=True, cause="key"), BrainReady(S3)
    )
    assert told.floor == "idle"
    assert not any(isinstance(command, StartReply) for command in told.commands), "nobody is woken by it"
    told.session = S3
    for turn in (1, 2):
        told.user_says()
        told.reply_begins(f"r{turn}", f"i{turn}")
        told.reply_ends(f"r{turn}", f"i{turn}")
        commands = told.drained(f"i{turn}")
        announced = [command.announce for command in commands if isinstance(command, StartReply)]
        if turn == 1:
            [said] = announced
            assert said is not None
            assert "key" in said
            assert "by myself" in said
            told.reply_begins("n", "in", text=said)
            told.reply_ends("n", "in")
            told.drained("in")
        else:
            assert announced == []
        assert told.conversation.settled


def test_a_bad_key_is_not_tried_in_a_loop() -> None:
    told = Story(brains=QUIET, ready=False)
    told.tell(BrainLost(S1, "401", fatal=True, cause="key"), BrainReady(S2))
    assert told.conversation.deadline() == pytest.approx(told.now + 3600)


def test_what_is_no_speech_is_not_answered_and_not_remembered() -> None:
    told = story()
    told.user_says()
    commands = told.tell(ReplyStarted(S1, R1), ReplyDone(S1, R1, code="no_speech"))
    assert commands == []
    assert told.facts(NotSpeech) == [NotSpeech(1)]
    assert (told.facts(ReplyHeard), told.facts(TurnFailed)) == ([], [])
    assert told.conversation.settled
    commands = told.tell(BrainLost(S1, "reset"), BrainReady(S2))
    assert history(commands) == ()


def test_a_replayed_utterance_is_written_down_by_who_answers_it() -> None:
    told = story()
    told.user_says()
    told.tell(BrainLost(S1, "reset"), BrainReady(S2))
    told.tell(UserTranscribed(S2, ItemId("utterance-1"), "what time is it"))
    told.reply_begins("r2", "i2")
    told.reply_ends("r2", "i2")
    told.drained("i2")
    told.now = told.conversation.deadline()
    assert UserSaid("what time is it") in history(told.tell(TimePassed()))


# Money.


def test_near_the_cap_the_session_is_renewed_more_thriftily_in_a_silence() -> None:
    told = story()
    told.user_says()
    told.reply_begins()
    assert told.tell(ThriftChanged("small")) == []
    told.reply_ends()
    assert (
        OpenSession(
            S2,
            (UserSaid(None, SOUND, item=ItemId("utterance-1")), AssistantSaid("one two three four five")),
            (),
            thrift="small",
        )
        in told.drained()
    )


def test_at_the_cap_the_device_answers_by_itself_and_says_so_and_comes_back_the_next_day() -> None:
    told = story()
    commands = told.tell(ThriftChanged("offline", "The budget for today is spent."))
    assert commands == [CloseSession(S1), OpenSession(S2, (), (), brain="offline", thrift="offline")]
    told.tell(BrainReady(S2))
    told.user_says()
    told.reply_begins()
    told.reply_ends()
    assert StartReply(S2, "The budget for today is spent.") in told.drained()
    told.reply_begins("n", "in")
    told.reply_ends("n", "in")
    told.drained("in")
    assert told.conversation.deadline() == math.inf
    commands = told.tell(ThriftChanged("none"))
    assert sessions(commands) == [("realtime", S3)]
    assert CloseSession(S2) in told.tell(BrainReady(S3))


def test_an_empty_purse_at_the_start_opens_no_session_in_the_cloud() -> None:
    conversation = Conversation(TurnSettings(), QUIET)
    assert conversation.handle(ThriftChanged("offline"), 100.0) == []
    assert sessions(conversation.start(100.0)) == [("offline", S1)]


def test_with_no_brain_that_costs_nothing_the_cap_is_kept_all_the_same() -> None:
    told = story(BrainSettings(order=("realtime",), local_commands=False))
    assert told.tell(ThriftChanged("offline")) == [CloseSession(S1)]
    assert told.user_says() == [PlayEarcon("failed")]
    assert [fact.turn for fact in told.facts(TurnFailed)] == [1]
    assert sessions(told.tell(ThriftChanged("none"))) == [("realtime", S2)]


# Commands that need no brain.


def spotted(utterance: int, name: str = "change_volume", text: str = "louder") -> CommandSpotted:
    return CommandSpotted(utterance, name, '{"by": 15}', text)


def test_a_local_command_is_obeyed_without_the_brain() -> None:
    told = story(SPOTTING)
    commands = told.user_says(600)
    heard = b"".join(command.pcm for command in commands if isinstance(command, SpotSound))
    sent = b"".join(command.pcm for command in commands if isinstance(command, StreamUtterance))
    assert heard == sent
    assert SpotVerdict(1) in commands
    assert not any(isinstance(command, StartReply) for command in commands), "it waits for the verdict"
    assert told.tell(spotted(1)) == [RunTool(CallId("device-1"), "change_volume", '{"by": 15}')]
    assert told.tell(ToolReturned(CallId("device-1"), "The volume is 85 percent.")) == [PlayEarcon("done")]
    assert told.conversation.settled
    assert (told.facts(TurnFailed), [fact.ok for fact in told.facts(ToolEnded)]) == ([], [True])


def test_what_is_no_command_is_for_the_brain_at_once() -> None:
    told = story(SPOTTING)
    told.user_says()
    assert told.tell(NoCommand(1)) == [StartReply(S1)]


def test_a_spotter_that_says_nothing_is_not_waited_for() -> None:
    told = story(SPOTTING)
    told.user_says()
    due = told.conversation.deadline()
    assert due == pytest.approx(told.now + 0.3)
    told.now = due
    assert told.tell(TimePassed()) == [StartReply(S1)]
    assert told.tell(spotted(1)) == [], "too late: it is being answered"


def test_stop_is_too_short_to_take_the_floor_and_stops_all_the_same() -> None:
    told = story(SPOTTING)
    told.user_says()
    told.tell(NoCommand(1))
    told.reply_begins(ms=5000)
    told.hear(300, speech=True)
    commands = told.hear(400, speech=False)
    assert SpotVerdict(2, over_reply=True) in commands
    assert told.floor == "speaking"
    call = CallId("device-2")
    assert told.tell(spotted(2, "stop_talking", "stop")) == [RunTool(call, "stop_talking", '{"by": 15}')]
    told.tell(StopAsked(), ToolReturned(call, "Stopped."))
    assert told.floor == "idle"


def test_a_command_that_failed_is_explained_by_the_brain() -> None:
    told = story(SPOTTING)
    told.user_says(600)
    told.tell(spotted(1))
    commands = told.tell(ToolReturned(CallId("device-1"), "The volume is 100 at most.", ok=False))
    assert commands == [
        AddHistory(S1, (ToolUsed(CallId("device-1"), "change_volume", '{"by": 15}', "The volume is 100 at most."),)),
        StartReply(S1),
    ]


def test_the_offline_brain_knows_the_commands_itself() -> None:
    told = story(SPOTTING)
    told.tell(BrainLost(S1, "reset"), BrainLost(S2, "reset"), BrainLost(S3, "no key"), BrainReady(S4))
    told.session = S4
    commands = told.user_says()
    assert not any(isinstance(command, SpotSound | SpotVerdict) for command in commands)
    assert commands[-1] == StartReply(S4)


def test_a_long_utterance_is_no_command() -> None:
    told = story(SPOTTING)
    commands = told.user_says(6000)
    assert SpotVerdict(1) not in commands
    assert sum(len(command.pcm) for command in commands if isinstance(command, SpotSound)) <= 4000 * 48
    assert commands[-1] == StartReply(S1)
