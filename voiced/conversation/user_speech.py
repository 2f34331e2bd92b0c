"""What the user does with their voice: an utterance begins, goes on, is noise, a turn, or an answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, assert_never

from voiced.audio import Frame, Ms
from voiced.conversation.attention import Attention
from voiced.conversation.barge_in import verdict
from voiced.conversation.commands import (
    BargedIn,
    CloseMicrophone,
    DeviceChanged,
    FalseInterruption,
    Muted,
    OpenMicrophone,
    PlayEarcon,
    TalkKeyHeld,
    UserHeard,
    UtteranceEnded,
    Woken,
)
from voiced.conversation.ears import Ears
from voiced.conversation.endpointing import ending
from voiced.conversation.events import ItemId, KeyAction
from voiced.conversation.floor import Floor
from voiced.conversation.outbox import Outbox
from voiced.conversation.playback import Playback
from voiced.conversation.session import Session
from voiced.conversation.settings import ListenSettings, TurnSettings
from voiced.conversation.spotting import Spotting
from voiced.conversation.tool_speech import ToolSpeech
from voiced.conversation.transcript import Transcript, UserEntry
from voiced.conversation.turn import Asking, Idle, Listening, Overlap, Replying, Turn
from voiced.conversation.turns import Turns
from voiced.conversation.utterance import Utterance

KEY_SPEECH: Final = Ms(100)
"""With less speech than this the key was touched by mistake: who holds it means to speak, so noise is less likely."""
SPOT_PATIENCE_S: Final = 0.3
"""The answer to an utterance waits so long for the spotter; it takes some 10 ms."""


@dataclass(slots=True, eq=False, repr=False)
class UserSpeech:
    """Frames, the key to talk, the wake word and the mute switch decide when the user takes the floor, and gives it."""

    _settings: TurnSettings
    _listen: ListenSettings
    _transcript: Transcript
    _attention: Attention
    _ears: Ears
    _session: Session
    _spotting: Spotting
    _playback: Playback
    _floor: Floor
    _speech: ToolSpeech
    _turns: Turns
    _out: Outbox

    def reconfigure(self, settings: TurnSettings, listen: ListenSettings) -> None:
        self._settings, self._listen = settings, listen
        self._attention.reconfigure(listen)
        self._ears.reconfigure(settings, listen)

    # The microphone hears something.

    def frame(self, frame: Frame, now: float) -> None:
        if self._ears.muted:
            return
        state = self._floor.state
        frame, waits = self._ears.after_the_wake_word(frame)
        if waits and isinstance(state, Idle | Asking):
            self._out.order(PlayEarcon("heard"))
        match state:
            case Idle():
                self._ears.keep(frame)
                if self._attention.hears(now) and self._ears.onset(frame):
                    self._floor.listen(self._ears.utterance())
            case Listening():
                self._go_on(state, frame, now)
            case Replying(turn):
                self._ears.keep(frame)
                if self._attention.hears_answers() and self._ears.onset(frame):
                    self._floor.overlap(turn, self._ears.utterance())
            case Overlap(turn, utterance):
                utterance.add(frame)
                self._spotting.hear(utterance, for_the_brain=False)
                self._judge(turn, utterance)
            case Asking(turn):
                self._ears.keep(frame)
                if self._attention.hears_answers() and self._ears.onset(frame):
                    self._floor.listen(self._ears.utterance(), answers=turn)
            case other:
                assert_never(other)

    def _go_on(self, state: Listening, frame: Frame, now: float) -> None:
        """One more frame of what the user says."""
        utterance = state.utterance
        utterance.add(frame)
        self._session.stream(frame.pcm)
        if state.answers is None:
            self._spotting.hear(utterance, for_the_brain=True)
        if state.held:
            self._end_if_forgotten(utterance, now)
            return
        match ending(utterance, self._settings, alone=not self._session.finds_the_end):
            case "over":
                self._commit(utterance, now)
            case "noise":
                self.discard(now)
            case "goes_on":
                pass

    # It is over.

    def _commit(self, utterance: Utterance, now: float) -> None:
        """The turn is over by what was heard here."""
        entry = self._end(utterance, now)
        if not self._session.commit(entry):
            self._speech.not_written(entry, now)  # Nobody is there to write it down, were it an answer.

    def committed(self, item: ItemId, now: float) -> None:
        """The server made a user item: because we asked, or because its VAD found the end of the turn."""
        state = self._floor.state
        # One that no end of speech came before names an earlier utterance, or is the server's idle timeout.
        if isinstance(state, Listening) and state.server_heard_end and self._settings.end != "local":
            self._session.committed_by_itself(self._end(state.utterance, now))
        self._transcript.committed(item)

    def server_heard(self, speaking: bool) -> None:
        if isinstance(self._floor.state, Listening):
            self._floor.state.server_heard_end = not speaking

    def transcribed(self, item: ItemId, text: str | None, now: float) -> None:
        """Its words came, perhaps long after its reply."""
        entry = self._transcript.transcribed(item, text)
        self._floor.alive(now)
        if entry is None:
            return
        if text:
            self._out.report(UserHeard(entry.turn, text))
        self._speech.written(entry, (text or "").strip(), now)

    def _end(self, utterance: Utterance, now: float) -> UserEntry:
        """It was said: in answer to a tool, or as a turn of its own."""
        answers = self._floor.state.answers if isinstance(self._floor.state, Listening) else None
        if answers is not None and answers.asides.question is not None:
            return self._speech.answered(answers, utterance, now)
        if answers is not None:  # The question was withdrawn meanwhile.
            self._take_floor(answers, utterance)
            self._spotting.hear(utterance, for_the_brain=True)
        turn = self._turns.new(now)
        self._attention.close()
        # The silence at its end is over already: latency counts from when the user really stopped.
        turn.ended_at = now - utterance.silence / 1000
        entry = self._transcript.user_spoke(turn.number, utterance.pcm)
        self._out.report(UtteranceEnded(turn.number, utterance.length, utterance.speech))
        if self._spotting.judge(utterance):
            turn.spot, turn.spot_until = utterance.number, now + SPOT_PATIENCE_S
        turn.wants = True
        self._floor.reply_to(turn)
        return entry

    def discard(self, now: float) -> None:
        """It was noise."""
        self._session.discard()
        if isinstance(self._floor.state, Listening) and self._floor.state.answers is not None:
            self._speech.ask_on(self._floor.state.answers, now)
        else:
            self._floor.idle(now)

    # Both speak.

    def _judge(self, turn: Turn, utterance: Utterance) -> None:
        # A question wants to be answered: a short yes before its end is no backchannel.
        asked = turn.asides.question_is_out
        match verdict(utterance, self._settings, audible=self._playback.ledger.audible() and not asked):
            case "barge_in":
                self._interrupt(turn, utterance)
            case "false_interruption":
                self._resume(turn, utterance)
            case "undecided":
                pass

    def _interrupt(self, turn: Turn, utterance: Utterance) -> None:
        """The floor is the user's: for an answer, where a tool has asked something."""
        if turn.asides.question_is_out:
            self._speech.hush(turn)
            self._floor.listen(utterance, answers=turn)
        else:
            self._take_floor(turn, utterance)
            self._floor.listen(utterance)

    def _take_floor(self, turn: Turn, utterance: Utterance) -> None:
        self._out.report(BargedIn(Ms(utterance.length - utterance.pre_roll)))
        self._turns.cut(turn)

    def _resume(self, turn: Turn, utterance: Utterance) -> None:
        """It was no barge-in."""
        self._out.report(FalseInterruption(utterance.speech))
        self._spotting.judge_over_a_reply(utterance)
        self._floor.go_on(turn)
        self._ears.forget_onset()

    # The wake word.

    def woken(self, word: str, now: float) -> None:
        """It is for us. The word itself is neither a question nor an interruption by its length."""
        if self._ears.muted or not self._attention.woken(now):
            return
        self._out.report(Woken(word))
        self._ears.woken()
        match self._floor.state:
            case Listening(utterance):
                utterance.no_speech()
            case Overlap(turn, utterance):
                utterance.no_speech()
                self._interrupt(turn, utterance)
            case Replying(turn) if not turn.asides.question_is_out:
                self._out.report(BargedIn(Ms(0)))
                self._turns.cut(turn)
                self._floor.idle(now)
            case Idle() | Replying() | Asking():
                pass

    # The key to talk.

    def key(self, action: KeyAction, now: float) -> None:
        """It moved, or is told to have."""
        if not self._attention.key(action, now, self._settings.max_utterance_s):
            return
        self._out.report(TalkKeyHeld(self._attention.key_held))
        if self._attention.key_held:
            self._key_down()
        elif isinstance(self._floor.state, Listening) and self._floor.state.held:
            self._floor.state.ends_at = now + self._listen.key_tail_ms / 1000

    def _key_down(self) -> None:
        if self._ears.muted or self._ears.microphone_lost:
            self._out.order(PlayEarcon("muted" if self._ears.muted else "lost"))
            return
        state = self._floor.state
        match state:
            case Idle():
                self._floor.listen(self._ears.utterance())
            case Listening():
                state.held, state.ends_at = True, math.inf
            case Replying(turn):
                self._interrupt(turn, self._ears.utterance())
            case Overlap(turn, utterance):
                self._interrupt(turn, utterance)
            case Asking(turn):
                self._floor.listen(self._ears.utterance(), answers=turn)
            case other:
                assert_never(other)

    def _end_if_forgotten(self, utterance: Utterance, now: float) -> None:
        """One more frame while the key decides, which nobody may be holding any more."""
        longest = utterance.length >= self._settings.max_utterance_s * 1000
        if longest or utterance.silence >= self._listen.key_silence_s * 1000:
            self.key("up", now)
            self._end_held(utterance, now)

    def pass_time(self, now: float) -> None:
        """A key that is held for longer than anybody speaks counts as up, and its tail may be over."""
        if self._attention.key_is_lost(now):
            self.key("up", now)
        self._attention.expire(now)
        state = self._floor.state
        if isinstance(state, Listening) and now >= state.ends_at:
            self._end_held(state.utterance, now)

    def _end_held(self, utterance: Utterance, now: float) -> None:
        """The key is up and the tail is over: it was a question, or a key touched by mistake."""
        if utterance.speech >= min(KEY_SPEECH, self._settings.min_speech_ms):
            self._out.order(PlayEarcon("heard"))
            self._commit(utterance, now)
        else:
            self.discard(now)

    # The microphone goes and comes.

    def microphone_lost(self, reason: str, now: float) -> None:
        self._ears.microphone_lost = True
        self._out.report(DeviceChanged("microphone", False, reason))
        self._stop_listening(now)

    def microphone_ready(self, device: str) -> None:
        self._ears.microphone_lost = False
        self._out.report(DeviceChanged("microphone", True, device))

    def mute(self, muted: bool, now: float) -> None:
        if muted == self._ears.muted:
            return
        self._ears.muted = muted
        self._stop_listening(now)
        self._out.order(CloseMicrophone() if muted else OpenMicrophone())
        self._out.report(Muted(muted))
        self._out.order(PlayEarcon("muted" if muted else "unmuted"))

    def _stop_listening(self, now: float) -> None:
        """No more frames will come for a while: take what is there as what it is."""
        match self._floor.state:
            case Listening(utterance):
                if utterance.speech >= self._settings.min_speech_ms:
                    self._commit(utterance, now)
                else:
                    self.discard(now)
            case Overlap(turn, utterance):
                self._resume(turn, utterance)
            case Idle() | Replying() | Asking():
                pass
        self._speech.unheard(now)
        self._ears.forget()
