"""What days by chance (tests/chaos) brought to light, each with the shortest story that shows it."""

from __future__ import annotations

import math

import pytest

from tests.conversation.story import ALONE, MS_100, Story
from voiced.audio import Samples, to_samples
from voiced.conversation.commands import (
    AddHistory,
    AssistantSaid,
    CancelReply,
    CloseSession,
    Command,
    DeleteItem,
    DiscardUtterance,
    FlushPlayout,
    NotSpeech,
    OpenSession,
    Play,
    PlayEarcon,
    ReplyHeard,
    RequestEnded,
    RunTool,
    SendText,
    SendToolResult,
    StartReply,
    ToolUsed,
    TurnFailed,
    UserSaid,
)
from voiced.conversation.events import (
    AnnouncementAsked,
    BrainLost,
    BrainReady,
    CallId,
    CommandSpotted,
    ItemId,
    NoCommand,
    PlayoutFlushed,
    ReplyAudio,
    ReplyDone,
    ReplyId,
    ReplyStarted,
    SessionId,
    SpeakerLost,
    StopAsked,
    TalkKeyMoved,
    TextAsked,
    ThriftChanged,
    TimePassed,
    ToolCalled,
    ToolReturned,
    UserTranscribed,
    UtteranceCommitted,
)
from voiced.conversation.failover import FATAL_COOLDOWN_S
from voiced.conversation.link import OPEN_WITHIN_S
from voiced.conversation.playback import SPEAKER_PATIENCE_S
from voiced.conversation.settings import BrainSettings, TurnSettings

S1, S2, S3, S4 = (SessionId(number) for number in range(1, 5))
R1, R2, R3 = ReplyId("r1"), ReplyId("r2"), ReplyId("r3")
QUIET = BrainSettings(local_commands=False)
SPOTTING = BrainSettings()
CASCADE = BrainSettings(order=("cascade", "offline"), local_commands=False)
LAMP = '{"room": "hall"}'


def sessions(commands: list[Command]) -> list[tuple[str, int]]:
    return [(command.brain, command.session) for command in commands if isinstance(command, OpenSession)]


def history(commands: list[Command]) -> list[object]:
    told: list[object] = []
    for command in commands:
        if isinstance(command, OpenSession):
            told += command.history
        elif isinstance(command, AddHistory):
            told += command.items
    return told


def asked(told: Story) -> int:
    return sum(isinstance(command, StartReply) for command in told.commands)


def tools_run(told: Story) -> list[CallId]:
    return [command.call for command in told.commands if isinstance(command, RunTool)]


# Questions that another utterance took the floor from.


def test_what_was_asked_before_a_local_command_is_still_answered() -> None:
    told = Story(brains=SPOTTING)
    told.user_says()
    told.tell(NoCommand(1), ReplyStarted(S1, R1))
    told.user_says(600)  # over the thinking: it takes the floor
    told.tell(ReplyDone(S1, R1, "cancelled"), CommandSpotted(2, "change_volume", "{}", "louder"))
    commands = told.tell(ToolReturned(CallId("device-2"), "85 percent"))
    assert commands[0] == PlayEarcon("done")
    assert commands[-1] == StartReply(S1), "the question before it waits"


def test_a_command_over_nothing_is_not_answered_by_a_brain() -> None:
    told = Story(brains=SPOTTING)
    told.user_says(600)
    told.tell(CommandSpotted(1, "change_volume", "{}", "louder"), ToolReturned(CallId("device-1"), "85 percent"))
    assert asked(told) == 0
    assert told.conversation.settled


def test_two_commands_that_the_device_obeys_late_leave_nothing_to_answer() -> None:
    told = Story(brains=SPOTTING)
    told.user_says(600)
    told.tell(CommandSpotted(1, "change_volume", "{}", "louder"))
    told.user_says(600)
    told.tell(CommandSpotted(2, "lamp", LAMP, "light"), AnnouncementAsked("q1", "One moment.", call=CallId("device-2")))
    told.tell(ToolReturned(CallId("device-2"), "on"), ToolReturned(CallId("device-1"), "85 percent"))
    told.reply_begins("r1", "i1", 500, "One moment.")
    told.reply_ends("r1", "i1")
    told.drained("i1", 500)
    assert asked(told) == 1
    assert told.conversation.settled


def test_a_noise_that_took_the_floor_from_a_question_does_not_lose_it() -> None:
    told = Story(brains=CASCADE)
    told.user_says()
    told.tell(
        UtteranceCommitted(S1, ItemId("u1")),
        ReplyStarted(S1, R1),
        ToolCalled(S1, R1, ItemId("i1"), CallId("c1"), "lamp", LAMP),
    )
    told.user_says(600)
    told.tell(ToolReturned(CallId("c1"), "on"), ReplyDone(S1, R1, "cancelled"))
    told.tell(UtteranceCommitted(S1, ItemId("u2")), ReplyStarted(S1, R2))
    commands = told.tell(UserTranscribed(S1, ItemId("u2"), ""), ReplyDone(S1, R2, code="no_speech"))
    assert commands == [StartReply(S1)]
    assert told.facts(NotSpeech) == [NotSpeech(2)]
    told.reply_begins("r3", "i3")
    told.reply_ends("r3", "i3")
    told.drained("i3")
    assert [fact.turn for fact in told.facts(ReplyHeard)] == [1]
    assert told.conversation.settled


def test_when_what_is_left_can_not_be_answered_all_of_it_failed() -> None:
    told = Story(brains=BrainSettings(order=("offline",), local_commands=False))
    for reply in ("r1", "r2"):
        told.user_says()
        told.tell(ReplyStarted(S1, ReplyId(reply)))
    told.user_says()
    told.tell(ReplyDone(S1, R1, "cancelled"), ReplyStarted(S1, R3))
    assert told.tell(ReplyDone(S1, R3, code="no_speech")) == [StartReply(S1)]
    told.tell(BrainLost(S1, "no engine", fatal=True))
    assert [fact.turn for fact in told.facts(TurnFailed)] == [2], "and the one before it"
    told.now += 100
    told.user_says()
    commands = told.tell(BrainReady(told.session))
    assert [item.item for item in history(commands) if isinstance(item, UserSaid)] == [ItemId("utterance-4")]


def test_two_noises_in_a_row_are_both_none() -> None:
    told = Story(brains=CASCADE)
    told.user_says()
    told.tell(UtteranceCommitted(S1, ItemId("u1")))
    told.user_says(600)
    told.tell(ReplyStarted(S1, R1), ReplyDone(S1, R1, "cancelled"), UtteranceCommitted(S1, ItemId("u2")))
    told.tell(UserTranscribed(S1, ItemId("u1"), ""), UserTranscribed(S1, ItemId("u2"), ""), ReplyStarted(S1, R2))
    assert told.tell(ReplyDone(S1, R2, code="no_speech")) == []
    assert told.facts(NotSpeech) == [NotSpeech(1), NotSpeech(2)]
    assert told.conversation.settled


def test_who_says_stop_in_mid_sentence_wants_nothing_of_what_was_asked_before_either() -> None:
    told = Story(brains=CASCADE)
    told.user_says()
    told.tell(ReplyStarted(S1, R1))
    told.hear(600, speech=True)
    told.tell(StopAsked(), ReplyDone(S1, R1, "cancelled"))
    told.user_says()
    told.tell(UtteranceCommitted(S1, ItemId("u1")), UtteranceCommitted(S1, ItemId("u2")), ReplyStarted(S1, R2))
    assert told.tell(ReplyDone(S1, R2, code="no_speech")) == []
    assert told.conversation.settled


def test_an_answer_of_which_nothing_was_heard_was_none() -> None:
    told = Story(brains=CASCADE)
    told.user_says()
    told.hear(140, speech=True)
    told.tell(ReplyStarted(S1, R1), ReplyAudio(S1, R1, ItemId("i1"), MS_100))
    commands = told.hear(440, speech=True)
    assert CancelReply(S1, R1) in commands
    told.tell(PlayoutFlushed(ItemId("i1"), Samples(0)), ReplyDone(S1, R1, "cancelled"))
    assert told.hear(500, speech=False)[-1] == StartReply(S1)
    told.tell(ReplyStarted(S1, R2))
    assert told.tell(ReplyDone(S1, R2, code="no_speech")) == [StartReply(S1)], "the first question waits"


def test_an_answer_that_was_complete_before_a_sound_of_it_is_wanted_still() -> None:
    told = Story()
    told.user_says()
    told.reply_begins()
    told.reply_ends()
    assert FlushPlayout((ItemId("i1"),)) in told.tell(TalkKeyMoved("down"))
    assert told.tell(PlayoutFlushed(ItemId("i1"), Samples(0))) == [DeleteItem(S1, ItemId("i1"))]
    told.tell(TalkKeyMoved("up"))
    assert told.hear(400, speech=False)[-2:] == [DiscardUtterance(S1), StartReply(S1)]
    told.reply_begins("r2", "i2")
    told.reply_ends("r2", "i2")
    assert told.drained("i2") == []
    assert told.conversation.settled


def test_a_complete_answer_of_which_something_was_heard_is_none_to_give_again() -> None:
    told = Story()
    told.user_says()
    told.reply_begins()
    told.reply_ends()
    told.tell(TalkKeyMoved("down"), PlayoutFlushed(ItemId("i1"), Samples(to_samples(300))), TalkKeyMoved("up"))
    assert told.hear(400, speech=False)[-1] == DiscardUtterance(S1)
    assert told.conversation.settled


# Tools.


def test_a_verdict_that_comes_twice_runs_the_command_once() -> None:
    told = Story(brains=SPOTTING)
    told.user_says()
    told.tell(NoCommand(1))
    told.reply_begins(ms=5000)
    told.hear(300, speech=True)
    told.hear(400, speech=False)
    verdict = CommandSpotted(2, "change_volume", "{}", "louder")
    told.tell(verdict, verdict, ToolReturned(CallId("device-2"), "85 percent"), verdict)
    assert tools_run(told) == [CallId("device-2")]


def test_a_command_that_the_device_still_obeys_is_not_run_for_the_brain_too() -> None:
    told = Story(brains=SPOTTING)
    told.user_says(600)
    told.tell(CommandSpotted(1, "change_volume", '{"by": 15}', "louder"))
    told.user_says(700)
    told.tell(NoCommand(2), ReplyStarted(S1, R1))
    call = CallId("c1")
    assert told.tell(ToolCalled(S1, R1, ItemId("i1"), call, "change_volume", '{"by":15}')) == []
    assert told.tell(ReplyDone(S1, R1)) == []
    commands = told.tell(ToolReturned(CallId("device-1"), "85 percent"))
    assert commands == [SendToolResult(S1, call, "85 percent"), StartReply(S1)]
    assert tools_run(told) == [CallId("device-1")]


def test_a_tool_is_run_once_for_a_question_that_waits_in_two_turns() -> None:
    told = Story(brains=QUIET)
    told.user_says()
    told.tell(ReplyStarted(S1, R1), ToolCalled(S1, R1, ItemId("i1"), CallId("c1"), "lamp", LAMP))
    told.tell(ToolReturned(CallId("c1"), "on"))
    told.user_says(600)
    told.tell(BrainLost(S1, "reset"), BrainReady(S2), ReplyStarted(S2, R2))
    commands = told.tell(ToolCalled(S2, R2, ItemId("i2"), CallId("c2"), "lamp", LAMP))
    assert commands == [SendToolResult(S2, CallId("c2"), "on")]
    assert tools_run(told) == [CallId("c1")]


def test_what_a_session_was_told_as_the_result_of_its_own_call_is_not_told_again() -> None:
    told = Story(brains=SPOTTING)
    told.user_says(600)
    told.tell(CommandSpotted(1, "change_volume", "{}", "louder"))
    told.user_says(700)
    told.tell(NoCommand(2), ReplyStarted(S1, R1), ToolReturned(CallId("device-1"), "100 at most", ok=False))
    commands = told.tell(ToolCalled(S1, R1, ItemId("i1"), CallId("c1"), "change_volume", "{}"), ReplyDone(S1, R1))
    assert commands == [SendToolResult(S1, CallId("c1"), "100 at most"), StartReply(S1)]


def test_the_same_tool_twice_for_two_questions_is_two_deeds() -> None:
    told = Story(brains=QUIET)
    for turn in (1, 2):
        told.user_says()
        told.tell(ReplyStarted(S1, ReplyId(f"t{turn}")))
        told.tell(ToolCalled(S1, ReplyId(f"t{turn}"), ItemId(f"c{turn}"), CallId(f"c{turn}"), "next_song", "{}"))
        told.tell(ReplyDone(S1, ReplyId(f"t{turn}")), ToolReturned(CallId(f"c{turn}"), "playing"))
        told.reply_begins(f"r{turn}", f"i{turn}")
        told.reply_ends(f"r{turn}", f"i{turn}")
        told.drained(f"i{turn}")
    assert tools_run(told) == [CallId("c1"), CallId("c2")]


# Replies.


def test_an_empty_answer_is_none() -> None:
    told = Story(brains=QUIET)
    told.user_says()
    told.tell(ReplyStarted(S1, R1), ReplyDone(S1, R1))
    told.now = told.conversation.deadline()
    assert told.tell(TimePassed()) == [StartReply(S1)]
    commands = told.tell(ReplyStarted(S1, R2), ReplyDone(S1, R2))
    assert sessions(commands) == [("cascade", S2)]


def test_after_a_deed_there_may_be_nothing_to_say() -> None:
    told = Story(brains=QUIET)
    told.user_says()
    told.tell(ReplyStarted(S1, R1), ToolCalled(S1, R1, ItemId("i1"), CallId("c1"), "lamp", LAMP), ReplyDone(S1, R1))
    told.tell(ToolReturned(CallId("c1"), "on"), ReplyStarted(S1, R2))
    assert told.tell(ReplyDone(S1, R2)) == [PlayEarcon("done")]
    assert told.conversation.settled


def test_sound_that_comes_while_the_loudspeaker_is_given_up_is_not_played() -> None:
    told = Story()
    told.user_says()
    told.reply_begins(ms=500)
    told.tell(SpeakerLost("unplugged"))
    told.now = told.conversation.deadline()
    assert told.tell(TimePassed()) != []
    assert not any(isinstance(command, Play) for command in told.tell(ReplyAudio(S1, R1, ItemId("i1"), MS_100)))


def test_the_loudspeaker_is_given_up_at_the_deadline_and_not_a_hair_later() -> None:
    told = Story()
    told.user_says()
    told.reply_begins(ms=500)
    told.now = lost_at = 118.02  # where ten more and ten less are not the same again
    assert (lost_at + SPEAKER_PATIENCE_S) - lost_at < SPEAKER_PATIENCE_S
    told.tell(SpeakerLost("unplugged"))
    told.now = lost_at + SPEAKER_PATIENCE_S
    told.tell(TimePassed())
    assert told.conversation.deadline() > told.now


# Sessions.


@pytest.mark.parametrize("ready", [True, False])
def test_a_session_that_never_says_whether_it_is_there_is_given_up(ready: bool) -> None:
    told = Story(brains=QUIET, ready=False)
    if ready:  # one that answers, and a better one that is silent
        told.tell(BrainLost(S1, "no route"), BrainReady(S2))
        told.now = told.conversation.deadline()
        told.tell(TimePassed())
    opened = len(sessions(told.commands))
    due = told.conversation.deadline()
    assert due == pytest.approx(told.now + OPEN_WITHIN_S)
    told.now = due
    told.tell(TimePassed())
    assert told.conversation.deadline() > told.now
    if not ready:
        assert sessions(told.commands)[opened:] == [("cascade", S2)]


def test_a_session_is_renewed_though_a_better_brain_is_being_tried() -> None:
    told = Story(brains=BrainSettings(order=("offline", "realtime"), local_commands=False), ready=False)
    told.tell(BrainLost(S1, "no engine"), BrainReady(S2))
    told.now += 50 * 60 - 30
    told.tell(TimePassed())
    assert sessions(told.commands)[-1] == ("offline", S3)
    told.now += 30
    assert sessions(told.tell(TimePassed())) == [("realtime", S4)]
    assert told.conversation.deadline() > told.now


def test_better_a_brain_in_its_cooldown_than_no_answer() -> None:
    told = Story(brains=CASCADE, ready=False)
    told.tell(BrainLost(S1, "no route"), BrainReady(S2))
    told.user_says()
    commands = told.tell(BrainLost(S2, "no engine", fatal=True))
    assert sessions(commands) == [("cascade", S3)], "its cooldown is not over"
    assert told.tell(BrainReady(S3))[-1] == StartReply(S3)


def test_a_brain_in_its_cooldown_is_tried_for_a_turn_once() -> None:
    told = Story(brains=CASCADE, ready=False)
    told.tell(BrainLost(S1, "no route"), BrainReady(S2))
    told.user_says()
    told.tell(BrainLost(S2, "no engine", fatal=True), BrainLost(S3, "no route"))
    assert len(sessions(told.commands)) == 4, "with its backoff"
    assert told.tell(TimePassed()) == []
    told.now += told.settings.answer_within_s
    told.tell(TimePassed())
    assert len(told.facts(TurnFailed)) == 1


def test_who_gives_no_sign_is_left_for_one_in_its_cooldown() -> None:
    told = Story(brains=CASCADE, ready=False)
    for session in range(1, 6):  # its cooldown is long by now
        told.tell(BrainLost(SessionId(session), "no route"))
        told.now = max(told.now, min(told.conversation.deadline(), told.now + 600))
        told.tell(TimePassed())
    told.tell(*(BrainReady(command.session) for command in told.commands if isinstance(command, OpenSession)))
    told.user_says()
    due = told.conversation.deadline()
    assert due == pytest.approx(told.now + CASCADE.silent_after_s)


def test_with_no_money_a_session_that_is_lost_in_a_turn_is_not_opened_again() -> None:
    told = Story()
    told.user_says()
    told.tell(ThriftChanged("offline"))
    commands = told.tell(BrainLost(S1, "reset"))
    assert sessions(commands) == []
    assert [fact.turn for fact in told.facts(TurnFailed)] == [1]
    assert told.conversation.deadline() == math.inf


def test_a_reload_does_not_spend_what_is_not_there() -> None:
    told = Story()
    told.tell(ThriftChanged("offline"))
    told.conversation.reconfigure(TurnSettings(), ALONE, told.now)
    assert sessions(told.commands) == [("realtime", S1)]
    assert sessions(told.tell(ThriftChanged("none"))) == [("realtime", S2)]


def test_who_refuses_for_good_is_not_tried_at_once_because_thrift_changed_before() -> None:
    told = Story(ready=False)
    told.tell(ThriftChanged("short"))
    assert sessions(told.tell(BrainLost(S1, "no credit", fatal=True, cause="credit"))) == []


def test_an_announcement_is_made_when_somebody_has_mended_the_only_brain() -> None:
    told = Story(ready=False)
    told.tell(BrainLost(S1, "401", fatal=True, cause="key"), AnnouncementAsked("a1", "the eggs are done"))
    assert told.conversation.deadline() == pytest.approx(told.now + FATAL_COOLDOWN_S)
    told.now = told.conversation.deadline()
    assert sessions(told.tell(TimePassed())) == [("realtime", S2)]
    assert StartReply(S2, "the eggs are done") in told.tell(BrainReady(S2))


def test_notices_do_not_pile_up() -> None:
    told = Story(brains=QUIET)
    for _ in range(50):
        told.tell(ThriftChanged("none", "The budget is nearly spent."))
    told.user_says()
    told.reply_begins()
    told.reply_ends()
    assert StartReply(S1, "The budget is nearly spent.") in told.drained()
    told.reply_begins("n", "in")
    told.reply_ends("n", "in")
    told.drained("in")
    assert told.conversation.settled


def test_what_was_wrong_before_a_reload_is_not_said_after_it() -> None:
    told = Story(brains=QUIET, ready=False)
    told.tell(BrainLost(S1, "401", fatal=True, cause="key"))
    told.conversation.reconfigure(told.settings, CASCADE, told.now)
    told.tell(BrainReady(S3))
    told.session = S3
    told.user_says()
    told.reply_begins()
    told.reply_ends()
    assert told.drained() == []
    assert told.conversation.settled


# Order.


def test_what_happened_after_an_answer_that_still_sounds_is_told_after_it() -> None:
    told = Story(brains=SPOTTING)
    told.user_says()
    told.tell(NoCommand(1))
    told.reply_begins(ms=5000)
    told.reply_ends()
    told.hear(300, speech=True)
    told.hear(400, speech=False)
    told.tell(CommandSpotted(2, "change_volume", "{}", "louder"), ToolReturned(CallId("device-2"), "85 percent"))
    told.tell(BrainLost(S1, "reset"), BrainReady(S2))
    told.drained(ms=5000)
    told.session = S2
    before = len(told.commands)
    told.user_says()
    told_after = history(told.commands[before:])
    assert told_after == [
        AssistantSaid("one two three four five"),
        ToolUsed(CallId("device-2"), "change_volume", "{}", "85 percent"),
    ]


def test_a_typed_question_waits_until_it_is_known_what_was_heard_before_it() -> None:
    told = Story()
    told.user_says()
    told.reply_begins()
    told.tell(TextAsked("q1", "what time is it"))
    commands = told.tell(StopAsked(), ReplyDone(S1, R1, "cancelled"))
    assert SendText(S1, "what time is it") not in commands
    commands = told.tell(PlayoutFlushed(ItemId("i1"), Samples(to_samples(300))))
    assert commands[-2:] == [SendText(S1, "what time is it"), StartReply(S1)]
    assert told.facts(RequestEnded) == []
    assert CloseSession(S1) not in told.commands
