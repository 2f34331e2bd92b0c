"""The answer to a turn, from the start of its response to the last that is heard of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from voiced.audio import Samples
from voiced.conversation.brains import Brains
from voiced.conversation.commands import NotSpeech, PlayEarcon, SendToolResult, Spent, Warned
from voiced.conversation.events import (
    ItemId,
    ItemPlayed,
    PlayoutDrained,
    PlayoutFlushed,
    ReplyAudio,
    ReplyDone,
    ReplyId,
    ReplyItemDone,
    ReplyText,
    RequestRefused,
    ToolCalled,
)
from voiced.conversation.floor import Floor
from voiced.conversation.handover import Handover
from voiced.conversation.outbox import Outbox
from voiced.conversation.playback import Playback
from voiced.conversation.playout_ledger import Entry
from voiced.conversation.session import Session
from voiced.conversation.tool_calls import ToolCalls
from voiced.conversation.tool_speech import ToolSpeech
from voiced.conversation.transcript import Transcript
from voiced.conversation.turn import Idle, Turn
from voiced.conversation.turns import Turns

ATTEMPTS: Final = 2
"""Responses asked for before a turn whose responses fail counts as failed."""
RETRY_PAUSE_S: Final = 0.5
TOO_MANY: Final = frozenset({"rate_limit_exceeded", "inference_rate_limit_exceeded"})
"""To ask the same brain again at once is no use."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Answering:
    """What the brain and the loudspeaker tell. Events of a reply that was cancelled are dropped in `_live`."""

    _transcript: Transcript
    _brains: Brains
    _session: Session
    _playback: Playback
    _floor: Floor
    _calls: ToolCalls
    _speech: ToolSpeech
    _turns: Turns
    _handover: Handover
    _out: Outbox

    def _live(self, reply: ReplyId) -> Turn | None:
        """The turn that the reply answers; None for a straggler of a cancelled one."""
        return self._floor.turn if self._session.responses.is_live(reply) else None

    # It comes.

    def started(self, reply: ReplyId, now: float) -> None:
        if self._session.responses.started(reply) != "foreign":
            return
        if isinstance(self._floor.state, Idle):
            self._floor.go_on(self._turns.new(now))  # The server's idle timeout: it speaks up by itself.
        elif self._session.responses.is_live(reply):
            self._session.cancel()

    def audio(self, event: ReplyAudio, now: float) -> None:
        turn, item = self._live(event.reply), event.item
        if turn is None or item in self._session.responses.settled or self._playback.ledger.flushing(item):
            return
        if turn.first_audio_at is None:
            turn.first_audio_at = now
        turn.spoke = True
        turn.alive_at = now
        if not self._playback.ledger.awaits(item):
            self._transcript.assistant_sounds(item, event.session)
        turn.asides.says(item)
        self._playback.play(item, event.session, event.reply, turn, event.pcm)

    def text(self, event: ReplyText, now: float) -> None:
        turn, item = self._live(event.reply), event.item
        if turn is not None:
            turn.alive_at = now
            self._transcript.assistant_says(item, event.text, event.session)
            if not turn.asides.says(item):
                turn.said[item] = turn.said.get(item, "") + event.text

    def item_done(self, event: ReplyItemDone) -> None:
        turn, item = self._live(event.reply), event.item
        if turn is not None:
            if not self._playback.finish(item) and not self._playback.ledger.awaits(item):
                self._read(turn, item)
        elif self._session.responses.is_dropped(event.reply) and not self._playback.ledger.awaits(item):
            self._session.delete(item)  # Made after the barge-in, never heard.

    def _read(self, turn: Turn, item: ItemId) -> None:
        """The item is text with no sound, or nothing."""
        turn.heard.append(self._transcript.heard(item, Samples(0), Samples(0), whole=True))
        turn.spoke = turn.spoke or item in turn.said or item in turn.asides.items
        turn.answer_heard = turn.answer_heard or item in turn.said
        turn.asides.items.discard(item)

    def tool_called(self, event: ToolCalled, now: float) -> None:
        turn = self._live(event.reply)
        if turn is not None:
            self._calls.asked(turn, event, now)
        elif self._session.responses.is_dropped(event.reply):
            self._out.order(SendToolResult(event.session, event.call, "Not run: the user interrupted."))

    # It has come.

    def done(self, event: ReplyDone, now: float) -> None:
        if event.usage is not None:
            self._out.report(Spent(event.usage))
        turn = self._live(event.reply)
        if not self._session.responses.done(event.reply):
            return
        self._playback.finish_all(event.reply)
        if turn is None:
            return
        if turn.asides.on_server:
            self._speech.said(turn, turn.spoke, now, whole=event.status == "completed")
            return
        turn.whole = event.status == "completed"
        if event.code == "no_speech" and event.status == "completed":
            self._no_speech(turn, now)
            return
        if event.status == "failed" or (event.status != "completed" and not turn.spoke and not turn.called):
            self._failed(turn, event.code, event.reason or "the server could not answer", now)
            return
        if not turn.spoke and not turn.called:
            if not turn.rounds:
                self._failed(turn, "empty_reply", "the answer was empty", now)
                return
            self._out.order(PlayEarcon("done"))  # The deed was done, and there is nothing to say about it.
        self._brains.answered()
        turn.attempts = 0
        if turn.called:
            turn.rounds += 1
        else:
            turn.complete = True

    def _no_speech(self, turn: Turn, now: float) -> None:
        """It was taken for an utterance and is none: as if it had not been."""
        for number in self._transcript.forget_silence(turn.number):
            self._out.report(NotSpeech(number))
        if self._turns.take_up_what_is_left(now) is None:
            self._floor.yield_(now)

    def _failed(self, turn: Turn, code: str, reason: str, now: float) -> None:
        """The response is no answer; there may be another."""
        self._out.report(Warned(code or "reply_failed", reason))
        if turn.spoke:
            self._out.order(PlayEarcon("lost"))  # What came of it plays on; the tones say that there was more.
            turn.complete = True
        elif self._handover.another(now) and (turn.attempts >= ATTEMPTS or code in TOO_MANY):
            turn.wants = True
            self._handover.take_over(reason, now)
        elif turn.attempts < ATTEMPTS:
            turn.wants = turn.attempts > 0
            turn.not_before = now + RETRY_PAUSE_S * 2 ** (turn.attempts - 1)
        else:
            self._turns.fail(turn, reason, now)

    # It is heard.

    def played(self, event: ItemPlayed, now: float) -> None:
        self._playback.played(event.item, event.played)
        self._floor.alive(now)
        if (turn := self._floor.turn) is not None:
            turn.asides.sounds(event.item)

    def drained(self, event: PlayoutDrained, now: float) -> None:
        self._floor.alive(now)
        entry = self._playback.settle(event.item, event.played)
        if entry is not None:
            self._item_over(event.item, entry)

    def flushed(self, event: PlayoutFlushed) -> None:
        entry = self._playback.settle(event.item, event.played)
        if entry is not None:
            self._session.keep_what_was_heard(event.item, entry)
            self._item_over(event.item, entry)

    def _item_over(self, item: ItemId, entry: Entry) -> None:
        cut = self._playback.over(item, entry, self._floor.turn)
        if cut is not None:
            self._turns.heard(cut)

    # It is refused.

    def refused(self, event: RequestRefused, now: float) -> None:
        """The server does not do one of the things that it was asked for."""
        self._out.report(Warned(event.code or "refused", event.message))
        turn = self._floor.turn
        match event.request:
            case "reply" if event.code == "conversation_already_has_active_response":
                self._session.responses.blocked()
                if turn is not None and turn.asides.on_server:
                    turn.asides.say_again()
                elif turn is not None:
                    self._ask_again(turn)  # Whatever is active, it is not what we asked for.
            case "reply":
                if self._session.responses.refused() and turn is not None:
                    if turn.asides.on_server:
                        self._speech.said(turn, False, now)
                    else:
                        self._failed(turn, event.code, event.message, now)
            case "cancel":
                self._session.responses.nothing_to_cancel()
            case "commit":
                entry = self._transcript.commit_refused()
                if entry is None or self._speech.not_written(entry, now):
                    return
                if turn is not None and turn.number == entry.turn and not entry.answered:
                    self._ask_again(turn)
            case "text":
                if turn is not None and turn.request and turn.announce is None:
                    self._turns.fail(turn, event.message, now)
            case _:
                pass  # Benign: the server's state is what we wanted, or nothing can be done about it.

    def _ask_again(self, turn: Turn) -> None:
        """The response at hand, if any, is no answer to the turn."""
        reply = self._session.responses.reply
        self._session.cancel()
        if reply is not None:
            self._playback.flush(reply=reply)
        turn.wants = True
