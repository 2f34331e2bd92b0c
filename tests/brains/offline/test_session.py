"""The offline brain over real processes: espeak-ng speaks, an ear that hears what a test wants listens."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.brains.offline.engines_on_demand import sound_of
from tests.inbox import Inbox
from voiced.audio import RATE, Ms
from voiced.brains.offline.choice import Choice, voice_of
from voiced.brains.offline.session import PAUSE, OfflineBrain
from voiced.brains.offline.settings import OfflineSettings
from voiced.brains.offline.worker_process import Engine
from voiced.conversation.commands import (
    AddHistory,
    AssistantSaid,
    CancelReply,
    CloseSession,
    CommitUtterance,
    DeleteItem,
    DiscardUtterance,
    ExpectAnswer,
    HistoryItem,
    OpenSession,
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
    Event,
    ItemId,
    ReplyAudio,
    ReplyDone,
    ReplyItemDone,
    ReplyStarted,
    ReplyText,
    RequestRefused,
    Sentence,
    SessionId,
    ToolCalled,
    ToolSpec,
    UserTranscribed,
    UtteranceCommitted,
)

ON_DEMAND = "tests.brains.offline.engines_on_demand"
FIRST, SECOND = SessionId(1), SessionId(2)
SPEECH = b"\x01\x00" * (RATE // 2)
NO_ARGUMENTS = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
LAMP = ToolSpec("lamp", "Switch the lamp.", NO_ARGUMENTS, (Sentence("lamp on"),))
CLOCK = ToolSpec("clock", "Tell the time.", NO_ARGUMENTS, (Sentence("what time is it"),))

ESPEAK = voice_of(OfflineSettings(), {})


def fake(kind: str, **options: Any) -> Choice:
    return Choice(Engine(kind, f"{ON_DEMAND}:{kind}", options))


class Home:
    """The brain, and all that it posted."""

    def __init__(self, ear: Choice, mouth: Choice) -> None:
        self.inbox = Inbox()
        self.brain = OfflineBrain(self.inbox.post, ear, mouth, hang_s=20)

    async def open(
        self, *history: HistoryItem, session: SessionId = FIRST, tools: tuple[ToolSpec, ...] = (LAMP, CLOCK)
    ) -> None:
        self.brain.do(OpenSession(session, history, tools, brain="offline"))
        await self.inbox.until(lambda: BrainReady(session) in self.inbox.events)
        self.inbox.events.clear()

    async def reply(self, announce: str | None = None, session: SessionId = FIRST) -> list[Event]:
        """What comes from `StartReply` to the end of the reply."""
        self.inbox.events.clear()
        self.brain.do(StartReply(session, announce))
        await self.inbox.get(ReplyDone)
        return list(self.inbox.events)

    async def says(self, announce: str | None = None) -> str:
        """The text of the reply, all of which must sound."""
        events = await self.reply(announce)
        assert self.inbox.of(ReplyDone)[0].status == "completed"
        assert isinstance(events[0], ReplyStarted | UserTranscribed)
        text = "".join(event.text for event in self.inbox.of(ReplyText))
        assert (text == "") == (self.sound == b"")
        return text

    async def asked(self, text: str) -> str:
        self.brain.do(SendText(FIRST, text))
        return await self.says()

    def spoken(self, *chunks: bytes) -> None:
        for chunk in chunks or (SPEECH,):
            self.brain.do(StreamUtterance(FIRST, chunk))
        self.brain.do(CommitUtterance(FIRST))

    @property
    def sound(self) -> bytes:
        return b"".join(event.pcm for event in self.inbox.of(ReplyAudio))

    @property
    def called(self) -> list[tuple[str, str]]:
        return [(event.name, event.arguments) for event in self.inbox.of(ToolCalled)]


@asynccontextmanager
async def home(ear: Choice | None = None, mouth: Choice | None = None) -> AsyncIterator[Home]:
    at_home = Home(ear or fake("Ear"), mouth or ESPEAK)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(at_home.brain.run())
        yield at_home
        running.cancel()


# A turn.


async def test_a_spoken_command_is_heard_run_and_its_result_spoken() -> None:
    async with home() as at_home:
        await at_home.open()
        at_home.spoken()
        events = await at_home.reply()
        started, called = at_home.inbox.of(ReplyStarted)[0], at_home.inbox.of(ToolCalled)[0]
        item = ItemId("offline-1-user-1")
        assert events == [
            UserTranscribed(FIRST, item, "lamp on"),
            ReplyStarted(FIRST, started.reply),
            ToolCalled(FIRST, started.reply, called.item, called.call, "lamp", "{}"),
            ReplyDone(FIRST, started.reply, "completed"),
        ]
        at_home.brain.do(SendToolResult(FIRST, called.call, "The lamp is on. It is bright."))
        events = await at_home.reply()
        texts = [event.text for event in at_home.inbox.of(ReplyText)]
        assert texts == ["The lamp is on.", " It is bright."]
        kinds = [type(event) for event in events if not isinstance(event, ReplyAudio)]
        assert kinds == [ReplyStarted, ReplyText, ReplyText, ReplyItemDone, ReplyDone]
        second = at_home.inbox.of(ReplyStarted)[0].reply
        assert second != started.reply
        assert {event.reply for event in at_home.inbox.of(ReplyAudio)} == {second}
        assert len(at_home.sound) > RATE  # half a second at least
        assert all(len(event.pcm) % 2 == 0 and event.pcm for event in at_home.inbox.of(ReplyAudio))


async def test_an_answer_to_a_tool_is_written_down_and_leaves_the_question_open() -> None:
    async with home() as at_home:
        await at_home.open()
        at_home.spoken()
        await at_home.reply()
        (called,) = at_home.inbox.of(ToolCalled)
        at_home.brain.do(ExpectAnswer(FIRST, ()))
        assert await at_home.says("Really?") == "Really?"
        at_home.inbox.events.clear()
        at_home.spoken()
        heard = await at_home.inbox.get(UserTranscribed)
        assert heard.text == "lamp on"  # this ear hears always the same
        at_home.brain.do(ExpectAnswer(FIRST, None))
        at_home.brain.do(SendToolResult(FIRST, called.call, '{"on": true}', "The lamp is on."))
        assert await at_home.says() == "The lamp is on."


async def test_an_answer_to_a_tool_in_the_history_asks_nothing() -> None:
    async with home() as at_home:
        used = ToolUsed(CallId("c1"), "lamp", "{}", "The lamp is on.")
        await at_home.open(UserSaid("lamp on"), UserSaid("yes", answers=True), used)
        assert await at_home.says() == "The lamp is on."


async def test_an_utterance_is_an_item_as_soon_as_it_is_over() -> None:
    async with home() as at_home:
        await at_home.open()
        at_home.spoken()
        assert at_home.inbox.events == [UtteranceCommitted(FIRST, ItemId("offline-1-user-1"))]


async def test_what_is_typed_is_understood_as_what_is_spoken() -> None:
    async with home() as at_home:
        await at_home.open()
        at_home.brain.do(SendText(FIRST, "What time is it, please?"))
        await at_home.reply()
        assert at_home.called == [("clock", "{}")]


async def test_tools_that_come_and_go_count_at_once() -> None:
    async with home() as at_home:
        await at_home.open(tools=())
        assert "little" in await at_home.asked("lamp on")
        at_home.brain.do(UpdateTools(FIRST, (LAMP,)))
        at_home.brain.do(SendText(FIRST, "lamp on"))
        await at_home.reply()
        assert at_home.called == [("lamp", "{}")]


async def test_results_are_spoken_as_people_do() -> None:
    async with home() as at_home:
        await at_home.open(UserSaid("lamp on"), ToolUsed(CallId("c"), "lamp", "{}", '{"lamp": true}'))
        assert await at_home.says() == "Lamp: yes."


async def test_a_tool_that_returned_nothing_to_say_is_done() -> None:
    async with home() as at_home:
        await at_home.open(UserSaid("lamp on"), ToolUsed(CallId("c"), "lamp", "{}", "🌞"))
        assert await at_home.says() == "Done."


# Not understood.


async def test_what_is_not_understood_is_said_with_what_can_be_asked_and_shorter_the_next_time() -> None:
    async with home() as at_home:
        await at_home.open()
        first = await at_home.asked("sing me a song")
        assert first == "I did not understand that. I can switch the lamp or tell the time."
        assert await at_home.asked("sing it") == (
            "I did not understand that either. Say help to hear what I can do."
        )  # fmt: skip
        assert await at_home.asked("help") == "Without a network I can switch the lamp or tell the time."
        assert (await at_home.asked("sing")).startswith("I did not understand that. I can ")


@pytest.mark.parametrize("typed", ["", "   ", "日本語", "\x00", "x" * 4000, "<speak>", "🌞"])
async def test_odd_texts_are_not_understood_and_nothing_breaks(typed: str) -> None:
    async with home() as at_home:
        await at_home.open()
        assert (await at_home.asked(typed)).startswith("I did not understand that.")


async def test_speech_that_is_no_command_is_answered_and_not_written_down() -> None:
    async with home(fake("Ear", says="lamp on", confidence=0.2)) as at_home:
        await at_home.open()
        at_home.spoken()
        assert (await at_home.says()).startswith("I did not understand that.")
        assert [event.text for event in at_home.inbox.of(UserTranscribed)] == [None]


async def test_noise_that_is_no_speech_is_not_answered() -> None:
    async with home(fake("Ear", says="")) as at_home:
        await at_home.open()
        at_home.spoken()
        events = await at_home.reply()
        reply = at_home.inbox.of(ReplyStarted)[0].reply
        assert events == [
            UserTranscribed(FIRST, ItemId("offline-1-user-1"), ""),
            ReplyStarted(FIRST, reply),
            ReplyDone(FIRST, reply, "completed", "no_speech"),
        ]


async def test_after_a_noise_that_took_its_floor_the_question_before_is_answered() -> None:
    async with home(fake("Ear", says="")) as at_home:
        await at_home.open()
        at_home.brain.do(SendText(FIRST, "what time is it"))
        for _ in range(2):
            at_home.brain.do(StartReply(FIRST))
            at_home.brain.do(CancelReply(FIRST, None))
            at_home.spoken()
        for _ in range(2):
            await at_home.reply()
            assert [done.code for done in at_home.inbox.of(ReplyDone)] == ["no_speech"]
        await at_home.reply()
        assert at_home.called == [("clock", "{}")]


async def test_a_discarded_utterance_is_no_part_of_the_next_one() -> None:
    async with home(fake("Ear", says="{samples}")) as at_home:
        await at_home.open()
        at_home.brain.do(StreamUtterance(FIRST, SPEECH))
        at_home.brain.do(DiscardUtterance(FIRST))
        at_home.spoken()
        await at_home.inbox.get(UserTranscribed)
        assert [event.text for event in at_home.inbox.of(UserTranscribed)] == ["8000"]


async def test_a_minute_of_speech_in_one_piece_is_heard() -> None:
    async with home(fake("Ear", says="{samples}")) as at_home:
        await at_home.open()
        at_home.spoken(SPEECH * 120)
        await at_home.inbox.get(UserTranscribed)
        assert [event.text for event in at_home.inbox.of(UserTranscribed)] == ["960000"]


# After another brain was lost.


async def test_an_utterance_of_the_lost_brain_is_heard_again_when_its_answer_is_asked_for() -> None:
    async with home() as at_home:
        said = UserSaid(None, SPEECH, item=ItemId("kept-7"))
        await at_home.open(UserSaid("what time is it"), AssistantSaid("Half past four."), said)
        await at_home.reply()
        assert at_home.inbox.of(UserTranscribed) == [UserTranscribed(FIRST, ItemId("kept-7"), "lamp on")]
        assert at_home.called == [("lamp", "{}")]


async def test_history_may_come_after_the_session_opened() -> None:
    async with home() as at_home:
        await at_home.open()
        at_home.brain.do(AddHistory(FIRST, (UserSaid(None, SPEECH, item=ItemId("kept-8")),)))
        await at_home.reply()
        assert at_home.called == [("lamp", "{}")]


@pytest.mark.parametrize("heard", [UserSaid("lamp on"), UserSaid(None, SPEECH, item=ItemId("kept"))])
async def test_what_the_lost_brain_did_is_told_and_not_done_again(heard: UserSaid) -> None:
    async with home() as at_home:
        used = ToolUsed(CallId("call_1"), "lamp", "{}", "The lamp is on.")
        await at_home.open(heard, used, AssistantSaid("The"))
        assert await at_home.says() == "The lamp is on."
        assert at_home.called == []


async def test_a_result_that_comes_after_the_next_question_is_not_its_answer() -> None:
    async with home() as at_home:
        await at_home.open()
        at_home.brain.do(SendText(FIRST, "lamp on"))
        await at_home.reply()
        call = at_home.inbox.of(ToolCalled)[0].call
        at_home.brain.do(SendText(FIRST, "what time is it"))
        at_home.brain.do(SendToolResult(FIRST, call, "Not run: the user interrupted."))
        await at_home.reply()
        assert at_home.called == [("clock", "{}")]


async def test_ids_are_never_used_twice() -> None:
    async with home() as at_home:
        names: list[str] = []
        for number in (1, 2, 3):
            session = SessionId(number)
            await at_home.open(session=session)
            for _ in range(2):
                at_home.brain.do(SendText(session, "lamp on"))
                await at_home.reply(session=session)
                called = at_home.inbox.of(ToolCalled)[0]
                names += [called.reply, called.item, called.call]
        assert len(set(names)) == len(names) == 18


# Speech.


async def test_an_announcement_is_spoken_as_it_is() -> None:
    async with home(mouth=fake("Mouth")) as at_home:
        await at_home.open(UserSaid("lamp on"))
        assert await at_home.says("The eggs are done. Now.") == "The eggs are done. Now."
        assert at_home.sound == sound_of("The eggs are done.") + PAUSE + sound_of("Now.")
        assert at_home.called == []


@pytest.mark.parametrize("announce", ["", "  ", "\x00", "🌞", "\n\n"])
async def test_an_announcement_without_a_sound_is_over_at_once(announce: str) -> None:
    async with home() as at_home:
        await at_home.open()
        events = await at_home.reply(announce)
        assert [type(event) for event in events] == [ReplyStarted, ReplyDone]


@pytest.mark.parametrize(
    ("announce", "said"),
    [
        ("<speak>The <b>eggs</b> are done</speak>", "The eggs are done"),
        ("two\x00 eggs\x1b and\r\n \ud83d tea 🥚", "two eggs and\ntea"),
        ("5 < 6 & [[h@l'oU]]", "5 < 6 & [[h@l'oU]]"),
        ("Привет 日本", "Привет 日本"),
    ],
)
async def test_odd_announcements_are_spoken_without_what_has_no_sound(announce: str, said: str) -> None:
    async with home() as at_home:
        await at_home.open()
        assert (await at_home.says(announce)).split() == said.split()


async def test_4000_characters_are_spoken_in_pieces() -> None:
    async with home() as at_home:
        await at_home.open()
        text = ("word " * 800).strip()
        assert await at_home.says(text) == text
        assert len(at_home.sound) > 60 * RATE * 2


async def test_what_is_cancelled_ends_at_once_and_nothing_of_it_comes_after() -> None:
    async with home(mouth=fake("Mouth")) as at_home:
        await at_home.open()
        at_home.brain.do(StartReply(FIRST, "on and on *"))
        await at_home.inbox.until(lambda: len(at_home.inbox.of(ReplyAudio)) > 20)
        reply, item = at_home.inbox.of(ReplyAudio)[0].reply, at_home.inbox.of(ReplyAudio)[0].item
        at_home.brain.do(CancelReply(FIRST, reply))
        assert at_home.inbox.events[-1] == ReplyDone(FIRST, reply, "cancelled", "cancelled")
        at_home.brain.do(TruncateReply(FIRST, item, Ms(100)))
        at_home.brain.do(DeleteItem(FIRST, item))
        assert await at_home.says("next") == "next"
        assert {event.reply for event in at_home.inbox.of(ReplyAudio)} == {at_home.inbox.of(ReplyStarted)[0].reply}
        assert at_home.sound == sound_of("next")


async def test_a_reply_is_cancelled_before_its_start_was_known() -> None:
    async with home() as at_home:
        await at_home.open()
        at_home.brain.do(StartReply(FIRST, "hello"))
        at_home.brain.do(CancelReply(FIRST, None))
        assert [type(event) for event in at_home.inbox.events] == [ReplyStarted, ReplyDone]
        assert await at_home.says("next") == "next"


async def test_a_cancel_that_comes_too_late_changes_nothing() -> None:
    async with home() as at_home:
        await at_home.open()
        events = await at_home.reply("hello")
        at_home.brain.do(CancelReply(FIRST, at_home.inbox.of(ReplyDone)[0].reply))
        assert at_home.inbox.events == events


async def test_a_second_reply_is_refused_while_one_is_given() -> None:
    async with home(mouth=fake("Mouth")) as at_home:
        await at_home.open()
        at_home.brain.do(StartReply(FIRST, "*"))
        at_home.brain.do(StartReply(FIRST))
        assert [event.request for event in at_home.inbox.of(RequestRefused)] == ["reply"]


async def test_a_barge_in_is_heard_while_the_reply_is_still_being_cancelled() -> None:
    async with home(mouth=fake("Mouth")) as at_home:
        await at_home.open()
        at_home.brain.do(StartReply(FIRST, "*"))
        await at_home.inbox.get(ReplyAudio)
        at_home.brain.do(CancelReply(FIRST, at_home.inbox.of(ReplyStarted)[0].reply))
        at_home.spoken()
        await at_home.reply()
        assert at_home.called == [("lamp", "{}")]


# Processes that die.


async def test_the_synthesiser_killed_in_mid_sentence_says_the_sentence_to_its_end() -> None:
    text = ("word " * 50).strip()
    async with home() as at_home:
        await at_home.open()
        await at_home.says(text)
        whole = len(at_home.sound)
        at_home.inbox.events.clear()
        at_home.brain.do(StartReply(FIRST, text))
        await at_home.inbox.get(ReplyAudio)
        pid = at_home.brain.pids[1]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        done = await at_home.inbox.get(ReplyDone)
        assert (done.status, at_home.brain.pids[1] != pid) == ("completed", True)
        assert abs(len(at_home.sound) - whole) < RATE // 100  # espeak-ng never says a thing twice in just the same way


async def test_the_recogniser_killed_while_somebody_speaks_hears_all_of_it() -> None:
    async with home(fake("Ear", says="{samples}")) as at_home:
        await at_home.open()
        at_home.brain.do(StreamUtterance(FIRST, SPEECH))
        pid = at_home.brain.pids[0]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        at_home.spoken()
        assert (await at_home.inbox.get(UserTranscribed)).text == "16000"


async def test_a_sentence_that_kills_the_voice_again_and_again_fails_and_the_next_one_is_spoken() -> None:
    async with home(mouth=fake("Mouth")) as at_home:
        await at_home.open()
        await at_home.reply("a!")
        assert at_home.inbox.of(ReplyDone)[0].status == "failed"
        assert await at_home.says("next") == "next"


async def test_a_voice_that_dies_and_does_not_come_back_is_a_lost_brain(tmp_path: Path) -> None:
    async with home(mouth=fake("Mouth", diary=str(tmp_path / "diary"), once=True)) as at_home:
        await at_home.open()
        at_home.brain.do(StartReply(FIRST, "half of it! and the rest"))
        lost = await at_home.inbox.get(BrainLost)
        assert lost == BrainLost(FIRST, "it was removed", fatal=True, cause="settings")
        assert at_home.sound == sound_of("half of it")
        assert at_home.inbox.of(ReplyDone) == []


async def test_what_a_voice_refuses_is_a_reply_that_failed() -> None:
    async with home(mouth=fake("Mouth")) as at_home:
        await at_home.open()
        await at_home.reply("#")
        done = at_home.inbox.of(ReplyDone)[0]
        assert (done.status, done.code, done.reason) == ("failed", "engine", "that can't be said")


async def test_a_voice_that_can_not_be_had_is_a_lost_brain_with_its_cause() -> None:
    async with home(mouth=fake("that_does_not_load")) as at_home:
        for session in (FIRST, SECOND):
            at_home.brain.do(OpenSession(session, (), (), brain="offline"))
            lost = await at_home.inbox.get(BrainLost)
            assert lost == BrainLost(session, "install voiced[something]", fatal=True, cause="settings")
            at_home.inbox.events.clear()


async def test_a_voice_that_does_not_stay_up_is_a_lost_brain() -> None:
    async with home(mouth=fake("that_crashes")) as at_home:
        at_home.brain.do(OpenSession(FIRST, (), (), brain="offline"))
        lost = await at_home.inbox.get(BrainLost)
        assert (lost.fatal, "does not stay up" in lost.reason) == (False, True)


async def test_an_unusable_grammar_leaves_the_brain_there_for_what_is_typed() -> None:
    unusable = ToolSpec("odd", "Be odd.", NO_ARGUMENTS, (Sentence("unusable"),))
    async with home() as at_home:
        with capture_logs() as logs:
            await at_home.open(tools=(unusable,))
            at_home.spoken()
            await at_home.inbox.get(UserTranscribed)
            at_home.brain.do(SendText(FIRST, "unusable"))
            await at_home.reply()
        assert at_home.called == [("odd", "{}")]
        assert [line["reason"] for line in logs if line["event"] == "offline.engine_refused"] == [
            "this grammar can't be used"
        ]


# Sessions.


async def test_a_new_session_ends_the_last_one_without_a_word() -> None:
    async with home(mouth=fake("Mouth")) as at_home:
        await at_home.open()
        at_home.brain.do(StartReply(FIRST, "*"))
        await at_home.inbox.get(ReplyAudio)
        at_home.inbox.events.clear()
        at_home.brain.do(OpenSession(SECOND, (), (LAMP,), brain="offline"))
        at_home.brain.do(StartReply(FIRST, "of the old session"))
        await at_home.inbox.get(BrainReady)
        assert at_home.inbox.events == [BrainReady(SECOND)]


async def test_a_closed_session_says_nothing_more() -> None:
    async with home() as at_home:
        await at_home.open()
        at_home.spoken()
        at_home.brain.do(StartReply(FIRST))
        at_home.brain.do(CloseSession(FIRST))
        at_home.inbox.events.clear()
        at_home.brain.do(SendText(FIRST, "lamp on"))
        at_home.brain.do(StartReply(FIRST))
        await at_home.open(session=SECOND)
        assert at_home.inbox.events == []


async def test_nobody_reads_in_the_log_what_was_said(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with home(fake("Ear", says="my secret"), fake("Mouth", diary=str(tmp_path / "d"))) as at_home:
            await at_home.open()
            at_home.spoken()
            await at_home.reply()
            await at_home.reply("another secret!")
            await at_home.asked("the third secret")
    assert not [line for line in logs if "secret" in str(line) and line["log_level"] != "debug"]
