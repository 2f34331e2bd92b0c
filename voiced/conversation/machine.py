"""Who has the floor: events and the time go in, commands come out, nothing else happens.

Theory of operation. Five states, each with its own data:

    Idle        nobody holds the floor
    Listening   the user speaks; the utterance is kept here and streamed to the brain if there is one
    Replying    a turn is being answered: thinking, running tools, or audible (which of them, the ledger knows)
    Overlap     as Replying, and somebody speaks: undecided, the reply is ducked, nothing is sent yet
    Asking      a tool of the turn has asked something, and nobody answers yet

    Idle ──onset──> Listening ──turn over──> Replying ──all heard──> Idle
                        ^                       │  ^
                        └──enough speech── Overlap ─┘ silence: it was no barge-in

A *turn* is what the user said and the reply to it. It *wants* a response until the arbiter (`Responses`) may ask for
one, which `_advance` does at the end of every event; everything that delays a response (no session, a tool that
runs, an older response that is still being cancelled, the buffered tail of a lost reply) is a condition there, and
nowhere else. `_advance` also ends the turn once nothing is owed to it any more.

What a tool says while it runs is an *aside* of its turn (`Asides`): a response of its own, which answers nothing. After
a question the floor is the user's, and the next utterance is the answer: it is written down, and goes to the tool.

A turn whose floor is taken before anything of its answer was heard leaves its question open (`Transcript.waiting`). The
next turn's answer is one to both. Where that turn needs none (the device obeyed, nobody had spoken), the question is
taken up again. What tools did for an open question is known to all its turns (`Turn.done`).

Events of an old session are dropped in `handle`; events of a cancelled reply in `_live`.
"""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import replace
from typing import assert_never

from voiced.audio import FRAME_MS, Frame, Ms, Samples, samples_of
from voiced.conversation.asides import (
    GO_ON_S,
    INTERRUPTED,
    NOBODY_ANSWERED,
    NOBODY_HEARD,
    NOT_NEEDED,
    NOT_SAID,
    NOT_UNDERSTOOD,
    NOT_WHOLLY_HEARD,
    TOO_MUCH,
    WITHDRAWN,
    WRITE_DOWN_WITHIN_S,
    Aside,
    sound_item,
)
from voiced.conversation.attention import Attention
from voiced.conversation.barge_in import verdict
from voiced.conversation.brains import Brains
from voiced.conversation.commands import (
    AddHistory,
    AttentionChanged,
    BargedIn,
    CancelReply,
    CancelTool,
    CardGone,
    CardShown,
    CloseMicrophone,
    Command,
    CommitUtterance,
    DeleteItem,
    DeviceChanged,
    DiscardUtterance,
    Duck,
    ExpectAnswer,
    Fact,
    FalseInterruption,
    FinishItem,
    Floor,
    FloorChanged,
    FlushPlayout,
    Muted,
    NotSpeech,
    OpenMicrophone,
    Play,
    PlayEarcon,
    QuestionAsked,
    ReplyHeard,
    Report,
    RequestEnded,
    RunTool,
    SendText,
    SendToolResult,
    SetVolume,
    SoundBegun,
    Spent,
    SpotSound,
    SpotTools,
    SpotVerdict,
    StartReply,
    StreamUtterance,
    TalkKeyHeld,
    ToolEnded,
    ToolStarted,
    ToolUsed,
    TruncateReply,
    TurnFailed,
    Unduck,
    UserHeard,
    UtteranceEnded,
    VolumeChanged,
    Warned,
    Woken,
)
from voiced.conversation.endpointing import Onset, ending
from voiced.conversation.events import (
    BY_THE_DEVICE,
    AnnouncementAsked,
    AnnouncementWithdrawn,
    BrainEvent,
    BrainLost,
    BrainName,
    BrainReady,
    CallId,
    CardAsked,
    CardWithdrawn,
    CommandSpotted,
    EarconAsked,
    Event,
    FrameCaptured,
    Image,
    ItemId,
    ItemPlayed,
    MicrophoneLost,
    MicrophoneReady,
    MuteAsked,
    NoCommand,
    OnBargeIn,
    PlayoutDrained,
    PlayoutFlushed,
    ReplyAudio,
    ReplyDone,
    ReplyId,
    ReplyItemDone,
    ReplyStarted,
    ReplyText,
    RequestRefused,
    ServerHeard,
    SessionId,
    SoundCame,
    SpeakerLost,
    SpeakerReady,
    StopAsked,
    TalkKeyMoved,
    TextAsked,
    ThriftChanged,
    TimePassed,
    ToolCalled,
    ToolReturned,
    ToolsChanged,
    ToolSpec,
    UsageReported,
    UserTranscribed,
    UtteranceCommitted,
    VolumeAsked,
    WakeWordHeard,
)
from voiced.conversation.link import Link
from voiced.conversation.playout_ledger import Entry, PlayoutLedger
from voiced.conversation.responses import Responses
from voiced.conversation.settings import BrainSettings, ListenSettings, TurnSettings
from voiced.conversation.transcript import Transcript, UserEntry
from voiced.conversation.turn import Asking, Call, Done, Errand, Idle, Listening, Overlap, Replying, State, Turn
from voiced.conversation.utterance import PreRoll, Utterance

MAX_ERRANDS = 16
"""Typed questions and announcements that wait for a silence."""
ATTEMPTS = 2
"""Responses asked for before a turn whose responses fail counts as failed."""
RETRY_PAUSE_S = 0.5
TOO_MANY = frozenset({"rate_limit_exceeded", "inference_rate_limit_exceeded"})
"""To ask the same brain again at once is no use."""
MAX_LOSSES = 3
"""Sessions that may be lost during one turn."""
SPEAKER_PATIENCE_S = 10.0
"""A reply whose loudspeaker is gone for this long is over; what was heard stands."""
STOPPED = "it was stopped"
WORD_RINGS = Ms(240)
"""After the wake word was recognised the VAD goes on saying speech for so long."""
ONE_BREATH = Ms(600)
"""Who has not gone on so long after the wake word waits for a sign."""
WAKE_PRE_ROLL = Ms(500)
"""From before the moment at which the wake word was recognised: the question may have begun already."""
LONGEST_WAKE = Ms(WAKE_PRE_ROLL + ONE_BREATH)
KEY_SPEECH = Ms(100)
"""With less speech than this the key was touched by mistake: who holds it means to speak, so noise is less likely."""
LONGEST_COMMAND = Ms(4000)
"""Utterances that are longer, pre-roll included, are none for the spotter."""
SPOT_PATIENCE_S = 0.3
"""The answer to an utterance waits so long for the spotter; it takes some 10 ms."""


class Conversation:
    """The pure core. `start` once, then `handle` each event; wake it with TimePassed at `deadline()`."""

    def __init__(self, settings: TurnSettings, brains: BrainSettings, listen: ListenSettings | None = None) -> None:
        self._settings = settings
        self._listen_settings = listen or ListenSettings()
        self._attention = Attention(self._listen_settings)
        self._attentive = True
        self._since_wake: Ms | None = None
        """How long ago the wake word was recognised, while it still matters: one may go on in the same breath."""
        self._microphone_lost = False
        self._tools: tuple[ToolSpec, ...] = ()
        self._state: State = Idle(0.0)
        self._out: list[Command] = []
        self._transcript = Transcript()
        self._brains = Brains(brains, self._transcript, self._order)
        self._responses = Responses()
        self._ledger = PlayoutLedger()
        self._pre_roll = self._new_pre_roll()
        self._onset = Onset(settings)
        self._calls: dict[CallId, Call] = {}
        self._done: dict[tuple[str, str], Done] = {}
        """What the tools did about the questions that wait for their answer, by tool and arguments."""
        self._cut_turns: dict[int, Turn] = {}
        """Turns that were cut and whose flushed items are not all reported yet."""
        self._errands: deque[Errand] = deque()
        self._turns = 0
        self._utterances = 0
        self._judged_over_a_reply = 0
        """The utterance that was no barge-in, about which the spotter was asked."""
        self._muted = False
        self._speaker_lost_at: float | None = None
        self._floor: Floor = "idle"

    def start(self, now: float) -> list[Command]:
        """Connect."""
        self._brains.start(now)
        self._tell_attention(now)
        return self._take()

    def reconfigure(
        self, settings: TurnSettings, brains: BrainSettings, now: float, listen: ListenSettings | None = None
    ) -> list[Command]:
        """Go on with other settings and a new session, with the whole conversation. Before `start` none is opened."""
        self._settings = settings
        self._listen_settings = listen or self._listen_settings
        self._attention.reconfigure(self._listen_settings)
        self._pre_roll = self._new_pre_roll()
        self._onset = Onset(settings)
        self._session_gone(now)
        self._brains.reconfigure(brains, now)
        self._spot_tools()
        return self._outcome(now)

    def handle(self, event: Event, now: float) -> list[Command]:
        """What to do about `event`. `now`: seconds, monotonic."""
        self._take_in(event, now)
        for lost in self._brains.overdue(now):
            self._take_in(lost, now)
        return self._outcome(now)

    @property
    def _link(self) -> Link:
        """To the brain that answers."""
        return self._brains.link

    @property
    def floor(self) -> Floor:
        match self._state:
            case Idle():
                return "idle"
            case Listening():
                return "listening"
            case Overlap():
                return "overlap"
            case Replying():
                return "speaking" if self._ledger.audible() else "thinking"
            case Asking():
                return "listening"
            case other:
                assert_never(other)

    def history(self, most: int = 50) -> list[tuple[str, str]]:
        """Who said what, the last `most`, oldest first: "user" or "assistant", and what was heard of it."""
        return self._transcript.lines(most)

    @property
    def settled(self) -> bool:
        """Idle, silent, and nothing pending."""
        return (
            isinstance(self._state, Idle)
            and not self._ledger.outstanding()
            and not self._calls
            and not self._errands
            and not self._cut_turns
        )

    def deadline(self) -> float:
        """When `TimePassed` is due, if nothing happens before; infinite where only an event can change things."""
        due = [self._brains.due()]
        match self._state:
            case Asking(turn):
                due.append(turn.asides.until)
            case Replying(turn) | Overlap(turn):
                due += [self._gives_up_at(turn), self._taken_over_at(turn), turn.asides.until]
                due += [at + self._settings.answer_within_s for _, at in turn.asides.waiting]
                due.append(self._aside_gives_up_at(turn))
                if turn.spot is not None:
                    due.append(turn.spot_until)
                elif turn.wants_now and not turn.calls and self._may_respond():
                    due.append(turn.not_before)
            case Idle(since):
                due.append(self._link.rollover_at(since, self._settings.rollover_min))
                if self._brains.candidate is None:
                    due.append(self._brains.failover.better_at(self._link.brain))
                if self._link.state == "refused":
                    due.append(self._brains.failover.best_at())
                due += [self._expiry(errand) for errand in self._errands if isinstance(errand.asked, TextAsked)]
            case Listening():
                due.append(self._state.ends_at)
        due.append(self._attention.due())
        if self._speaker_lost_at is not None and self._ledger.unflushed():
            due.append(self._speaker_lost_at + SPEAKER_PATIENCE_S)
        return min(due, default=math.inf)

    # Events.

    def _take_in(self, event: Event, now: float) -> None:
        if not isinstance(event, BrainEvent) or event.session == self._link.session:
            self._dispatch(event, now)
        elif isinstance(event, BrainReady | BrainLost) and self._brains.is_candidate(event.session):
            self._brains.of_the_candidate(event, now)

    def _dispatch(self, event: Event, now: float) -> None:
        match event:
            case FrameCaptured(frame):
                self._frame(frame, now)
            case ReplyAudio(session, reply, item, pcm):
                self._reply_audio(session, reply, item, pcm, now)
            case ReplyText(session, reply, item, text, _):
                self._reply_text(session, reply, item, text, now)
            case ItemPlayed(item, played):
                self._ledger.played(item, played)
                self._alive(now)
                if self._turn is not None:
                    self._turn.asides.sounds(item)
            case ReplyItemDone(session, reply, item):
                self._item_done(session, reply, item)
            case PlayoutDrained(item, played):
                self._alive(now)
                self._item_over(item, self._ledger.settle(item, played))
            case PlayoutFlushed(item, played):
                self._flushed(item, self._ledger.settle(item, played))
            case ToolCalled():
                self._tool_called(event, now)
            case ToolReturned():
                self._tool_returned(event, now)
            case ReplyStarted(_, reply):
                self._reply_started(reply, now)
            case ReplyDone():
                self._reply_done(event, now)
            case UtteranceCommitted(_, item):
                self._committed(item, now)
            case UserTranscribed(_, item, text):
                entry = self._transcript.transcribed(item, text)
                self._alive(now)
                if entry is not None and text:
                    self._report(UserHeard(entry.turn, text))
                if entry is not None:
                    self._answer_written(entry, (text or "").strip(), now)
            case ServerHeard(_, speaking):
                if isinstance(self._state, Listening):
                    self._state.server_heard_end = not speaking
            case RequestRefused():
                self._refused(event, now)
            case BrainReady():
                self._brains.ready(now)
                self._catch_up()
            case BrainLost():
                self._brain_lost(event, now)
            case MicrophoneLost(reason):
                self._microphone_lost = True
                self._report(DeviceChanged("microphone", False, reason))
                self._stop_listening(now)
            case MicrophoneReady(device):
                self._microphone_lost = False
                self._report(DeviceChanged("microphone", True, device))
            case SpeakerLost(reason):
                self._report(DeviceChanged("loudspeaker", False, reason))
                if self._speaker_lost_at is None:
                    self._speaker_lost_at = now
            case SpeakerReady(device):
                self._report(DeviceChanged("loudspeaker", True, device))
                self._speaker_lost_at = None
            case ToolsChanged(tools):
                self._tools = tools
                self._brains.offer(tools)
                self._spot_tools()
            case TextAsked():
                if not self._typed_answer(event, now):
                    self._errand(event, now)
            case AnnouncementAsked():
                self._announcement(event, now)
            case SoundCame():
                self._sound_came(event, now)
            case AnnouncementWithdrawn(request):
                self._withdrawn(request, now)
            case EarconAsked(name):
                self._order(PlayEarcon(name))
            case UsageReported(usage):
                self._report(Spent(usage))
            case CommandSpotted():
                self._spotted(event, now)
            case NoCommand(utterance):
                if self._turn is not None and self._turn.spot == utterance:
                    self._turn.spot = None
            case ThriftChanged(thrift, notice):
                self._brains.failover.thrift = thrift
                self._brains.notice(notice)
            case StopAsked():
                self._stop(now)
            case MuteAsked(muted):
                self._mute(muted, now)
            case TalkKeyMoved(action):
                if self._attention.key(action, now, self._settings.max_utterance_s):
                    self._key_moved(now)
            case WakeWordHeard(word):
                self._wake_word(word, now)
            case CardAsked(card):
                self._report(CardShown(card))
            case CardWithdrawn(card):
                self._report(CardGone(card))
            case VolumeAsked(percent):
                self._order(SetVolume(percent))
                self._report(VolumeChanged(percent))
            case TimePassed():
                pass  # `_advance` looks at the time.
            case other:
                assert_never(other)

    # The user speaks.

    def _frame(self, frame: Frame, now: float) -> None:
        if self._muted:
            return
        if self._since_wake is not None:
            frame = self._after_the_wake_word(frame, self._since_wake)
        match self._state:
            case Idle():
                self._pre_roll.add(frame)
                if self._attention.hears(now) and self._onset.heard(frame):
                    self._listen(self._new_utterance())
            case Listening(utterance):
                utterance.add(frame)
                if self._link.ready:
                    self._order(StreamUtterance(self._link.session, frame.pcm))
                if self._state.answers is None:
                    self._spot(utterance)
                if self._state.held:
                    self._held(utterance, now)
                    return
                # Only Realtime's server finds the end of a turn.
                match ending(
                    utterance, self._settings, alone=not (self._link.ready and self._link.brain == "realtime")
                ):
                    case "over":
                        self._commit(utterance, now)
                    case "noise":
                        self._discard(now)
                    case "goes_on":
                        pass
            case Replying(turn):
                self._pre_roll.add(frame)
                if self._attention.hears_answers() and self._onset.heard(frame):
                    utterance = self._new_utterance()
                    self._state = Overlap(turn, utterance)
                    self._order(Duck())
                    self._spot(utterance)
            case Overlap(turn, utterance):
                utterance.add(frame)
                self._spot(utterance)
                # A question wants to be answered: a short yes before its end is no backchannel.
                asked = turn.asides.question_is_out
                match verdict(utterance, self._settings, audible=self._ledger.audible() and not asked):
                    case "barge_in":
                        self._interrupt(turn, utterance)
                    case "false_interruption":
                        self._resume(turn, utterance)
                    case "undecided":
                        pass
            case Asking(turn):
                self._pre_roll.add(frame)
                if self._attention.hears_answers() and self._onset.heard(frame):
                    self._listen(self._new_utterance(), answers=turn)
            case other:
                assert_never(other)

    def _new_pre_roll(self) -> PreRoll:
        return PreRoll(Ms(max(self._settings.pre_roll_ms, self._listen_settings.key_pre_roll_ms, LONGEST_WAKE)))

    def _new_utterance(self) -> Utterance:
        length = self._settings.pre_roll_ms
        if self._attention.key_held:
            length = self._listen_settings.key_pre_roll_ms
        elif self._since_wake is not None:  # Who goes on with no pause began before the word was recognised.
            length = max(length, WAKE_PRE_ROLL + self._since_wake)
        self._since_wake = None
        self._utterances += 1
        return Utterance(self._pre_roll.take(Ms(length)), self._utterances)

    def _listen(self, utterance: Utterance, answers: Turn | None = None) -> None:
        self._state = Listening(utterance, answers, held=self._attention.key_held)
        if self._link.ready:
            self._order(StreamUtterance(self._link.session, utterance.pcm))
        if answers is None:
            self._spot(utterance)
        else:
            answers.asides.hears()

    def _wake_word(self, word: str, now: float) -> None:
        """It is for us. The word itself is neither a question nor an interruption by its length."""
        if self._muted or not self._attention.woken(now):
            return
        self._report(Woken(word))
        self._since_wake = Ms(0)
        self._pre_roll.no_speech()
        self._onset.reset()
        match self._state:
            case Listening(utterance):
                utterance.no_speech()
            case Overlap(turn, utterance):
                utterance.no_speech()
                self._interrupt(turn, utterance)
            case Replying(turn) if not turn.asides.question_is_out:
                self._report(BargedIn(Ms(0)))
                self._cut(turn)
                self._be_idle(now)
            case Idle() | Replying() | Asking():
                pass

    def _after_the_wake_word(self, frame: Frame, since: Ms) -> Frame:
        """One more frame: while the word rings on it is no speech. Who pauses is told to go on."""
        self._since_wake = Ms(since + FRAME_MS)
        if self._since_wake > ONE_BREATH:
            self._since_wake = None
            if isinstance(self._state, Idle | Asking):
                self._order(PlayEarcon("heard"))
        return replace(frame, speech=False) if since < WORD_RINGS else frame

    def _key_moved(self, now: float) -> None:
        """The key to talk went down or up."""
        held = self._attention.key_held
        self._report(TalkKeyHeld(held))
        if not held:
            if isinstance(self._state, Listening) and self._state.held:
                self._state.ends_at = now + self._listen_settings.key_tail_ms / 1000
            return
        if self._muted or self._microphone_lost:
            self._order(PlayEarcon("muted" if self._muted else "lost"))
            return
        match self._state:
            case Idle():
                self._listen(self._new_utterance())
            case Listening():
                self._state.held, self._state.ends_at = True, math.inf
            case Replying(turn):
                self._interrupt(turn, self._new_utterance())
            case Overlap(turn, utterance):
                self._interrupt(turn, utterance)
            case Asking(turn):
                self._listen(self._new_utterance(), answers=turn)
            case other:
                assert_never(other)

    def _let_go(self, now: float) -> None:
        """The key counts as up, whoever holds it."""
        if self._attention.key("up", now, 0.0):
            self._key_moved(now)

    def _held(self, utterance: Utterance, now: float) -> None:
        """One more frame while the key decides: it may have been forgotten."""
        longest = utterance.length >= self._settings.max_utterance_s * 1000
        if longest or utterance.silence >= self._listen_settings.key_silence_s * 1000:
            self._let_go(now)
            self._end_held(utterance, now)

    def _end_held(self, utterance: Utterance, now: float) -> None:
        """The key is up and the tail is over: it was a question, or a key touched by mistake."""
        if utterance.speech >= min(KEY_SPEECH, self._settings.min_speech_ms):
            self._order(PlayEarcon("heard"))
            self._commit(utterance, now)
        else:
            self._discard(now)

    def _commit(self, utterance: Utterance, now: float) -> None:
        """The turn is over by what was heard here."""
        entry = self._end_utterance(utterance, now)
        if self._link.ready:
            self._sync(before=entry)
            self._order(CommitUtterance(self._link.session))
            self._transcript.commit_sent(entry)
        elif self._turn is not None and self._turn.asides.now is not None and self._turn.asides.now.entry is entry:
            self._aside_over(self._turn, now, error=NOT_UNDERSTOOD)  # Nobody is there to write it down.

    def _committed(self, item: ItemId, now: float) -> None:
        """The server made a user item: because we asked, or because its VAD found the end of the turn."""
        # One that no end of speech came before names an earlier utterance, or is the server's idle timeout.
        if isinstance(self._state, Listening) and self._state.server_heard_end and self._settings.end != "local":
            entry = self._end_utterance(self._state.utterance, now)
            entry.known_to.add(self._link.session)
            self._transcript.commit_sent(entry)
        self._transcript.committed(item)

    def _end_utterance(self, utterance: Utterance, now: float) -> UserEntry:
        answers = self._state.answers if isinstance(self._state, Listening) else None
        if answers is not None and answers.asides.question is not None:
            return self._end_answer(answers, utterance, now)
        if answers is not None:  # The question was withdrawn meanwhile: this is a turn of its own.
            self._take_floor(answers, utterance)
            self._spot(utterance)
        turn = self._new_turn(now)
        self._attention.close()
        # The silence at its end is over already: latency counts from when the user really stopped.
        turn.ended_at = now - utterance.silence / 1000
        entry = self._transcript.user_spoke(turn.number, utterance.pcm)
        self._report(UtteranceEnded(turn.number, utterance.length, utterance.speech))
        if self._ask_spotter(utterance):
            turn.spot, turn.spot_until = utterance.number, now + SPOT_PATIENCE_S
        self._reply_to(turn)
        return entry

    def _discard(self, now: float) -> None:
        """It was noise."""
        if self._link.ready:
            self._order(DiscardUtterance(self._link.session))
        if isinstance(self._state, Listening) and self._state.answers is not None:
            self._ask_on(self._state.answers, now)
        else:
            self._be_idle(now)

    def _stop_listening(self, now: float) -> None:
        """No more frames will come for a while: take what is there as what it is."""
        match self._state:
            case Listening(utterance):
                if utterance.speech >= self._settings.min_speech_ms:
                    self._commit(utterance, now)
                else:
                    self._discard(now)
            case Overlap(turn, utterance):
                self._resume(turn, utterance)
            case Idle() | Replying() | Asking():
                pass
        if isinstance(self._state, Asking):
            self._aside_over(self._state.turn, now, error=NOBODY_HEARD)
        self._pre_roll.take(Ms(0))
        self._onset.reset()

    def _mute(self, muted: bool, now: float) -> None:
        if muted == self._muted:
            return
        self._muted = muted
        self._stop_listening(now)
        self._order(CloseMicrophone() if muted else OpenMicrophone())
        self._report(Muted(muted))
        self._order(PlayEarcon("muted" if muted else "unmuted"))

    # Both speak.

    def _interrupt(self, turn: Turn, utterance: Utterance) -> None:
        """The floor is the user's: for an answer, where a tool has asked something."""
        asked = turn.asides.question_is_out
        if asked:
            self._hush_aside(turn)
        else:
            self._take_floor(turn, utterance)
        self._order(Unduck())
        self._listen(utterance, answers=turn if asked else None)

    def _take_floor(self, turn: Turn, utterance: Utterance) -> None:
        self._report(BargedIn(Ms(utterance.length - utterance.pre_roll)))
        self._cut(turn)

    def _resume(self, turn: Turn, utterance: Utterance) -> None:
        self._report(FalseInterruption(utterance.speech))
        if self._ask_spotter(utterance, over_reply=True):  # "Stop!" is too short to take the floor.
            self._judged_over_a_reply = utterance.number
        self._order(Unduck())
        self._state = Replying(turn)
        self._onset.reset()

    def _cut(self, turn: Turn) -> None:
        """The floor is taken from the turn: drop what is not heard yet, on both ends."""
        turn.wants = False
        turn.cut = True
        self._end_asides(turn)
        for call_id in turn.calls:
            call = self._calls[call_id]
            if call.on_barge_in == "cancel" and not call.cancelled:
                call.cancelled = True
                self._order(CancelTool(call_id))
        if self._responses.cancel():
            self._order(CancelReply(self._link.session, self._responses.reply))
        self._flush(self._ledger.flush(turn=turn.number))
        if self._ledger.outstanding(turn.number):
            self._cut_turns[turn.number] = turn
        else:
            self._turn_heard(turn)

    def _flush(self, items: tuple[ItemId, ...]) -> None:
        if items:
            self._order(FlushPlayout(items))

    def _stop(self, now: float) -> None:
        """Whatever is being said, or is about to be said, is not wanted any more."""
        for errand in tuple(self._errands):
            if isinstance(errand.asked, AnnouncementAsked):
                self._errands.remove(errand)
                self._report(RequestEnded(errand.asked.request, error=STOPPED))
        self._transcript.answered(self._turns)
        for call in self._calls.values():
            if call.on_barge_in == "keep":
                call.on_barge_in = "finish"  # Nothing of it is to be said.
        match self._state:
            case Replying(turn) | Overlap(turn) | Asking(turn):
                if turn.announce is not None:
                    self._end_request(turn, error=STOPPED)
                self._cut(turn)
                if isinstance(self._state, Overlap):
                    self._order(Unduck())
                self._be_idle(now)
            case Listening():
                asked = self._state.answers
                self._state.answers = None
                if asked is not None:
                    self._cut(asked)
                self._discard(now)
            case Idle():
                pass

    # The reply comes.

    def _live(self, reply: ReplyId) -> Turn | None:
        """The turn that the reply answers; None for a straggler of a cancelled one."""
        return self._turn if self._responses.is_live(reply) else None

    def _reply_started(self, reply: ReplyId, now: float) -> None:
        if self._responses.started(reply) != "foreign":
            return
        if isinstance(self._state, Idle):
            self._state = Replying(self._new_turn(now))  # The server's idle timeout: it speaks up by itself.
        elif self._responses.is_live(reply) and self._responses.cancel():
            self._order(CancelReply(self._link.session, reply))

    def _reply_audio(self, session: SessionId, reply: ReplyId, item: ItemId, pcm: bytes, now: float) -> None:
        turn = self._live(reply)
        if turn is None or item in self._responses.settled or self._ledger.flushing(item):
            return
        if turn.first_audio_at is None:
            turn.first_audio_at = now
        turn.spoke = True
        turn.alive_at = now
        if not self._ledger.awaits(item):
            self._transcript.assistant_sounds(item, session)
        turn.asides.says(item)
        self._ledger.receive(item, session, reply, turn.number, samples_of(pcm))
        self._order(Play(item, pcm))

    def _reply_text(self, session: SessionId, reply: ReplyId, item: ItemId, text: str, now: float) -> None:
        turn = self._live(reply)
        if turn is not None:
            turn.alive_at = now
            self._transcript.assistant_says(item, text, session)
            if not turn.asides.says(item):
                turn.said[item] = turn.said.get(item, "") + text

    def _item_done(self, session: SessionId, reply: ReplyId, item: ItemId) -> None:
        turn = self._live(reply)
        if turn is not None:
            if self._ledger.complete(item):
                self._order(FinishItem(item))
            elif not self._ledger.awaits(item):
                turn.heard.append(self._transcript.heard(item, Samples(0), Samples(0), whole=True))  # Text, no sound.
                turn.spoke = turn.spoke or item in turn.said or item in turn.asides.items
                turn.answer_heard = turn.answer_heard or item in turn.said
                turn.asides.items.discard(item)
        elif (
            self._responses.is_dropped(reply) and not self._ledger.awaits(item) and item not in self._responses.settled
        ):
            self._responses.settled.add(item)
            self._order(DeleteItem(session, item))  # Made after the barge-in, never heard.

    def _reply_done(self, event: ReplyDone, now: float) -> None:
        if event.usage is not None:
            self._report(Spent(event.usage))
        turn = self._live(event.reply)
        if not self._responses.done(event.reply):
            return
        for item in self._ledger.incomplete(event.reply):
            self._ledger.complete(item)
            self._order(FinishItem(item))
        if turn is None:
            return
        if turn.asides.on_server:
            self._aside_said(turn, turn.spoke, now, whole=event.status == "completed")
            return
        turn.whole = event.status == "completed"
        if event.code == "no_speech" and event.status == "completed":
            self._no_speech(turn, now)
            return
        if event.status == "failed" or (event.status != "completed" and not turn.spoke and not turn.called):
            self._reply_failed(turn, event.code, event.reason or "the server could not answer", now)
            return
        if not turn.spoke and not turn.called:
            if not turn.rounds:
                self._reply_failed(turn, "empty_reply", "the answer was empty", now)
                return
            self._order(PlayEarcon("done"))  # The deed was done, and there is nothing to say about it.
        self._brains.answered()
        turn.attempts = 0
        if turn.called:
            turn.rounds += 1
        else:
            self._answered(turn)

    def _answered(self, turn: Turn) -> None:
        """By a brain that knew of all results, also of those that were kept for the next silence."""
        self._transcript.answered(turn.number)
        for errand in turn.covers:
            if errand in self._errands:
                self._errands.remove(errand)
                self._report(RequestEnded(errand.asked.request, error=NOT_NEEDED))

    def _no_speech(self, turn: Turn, now: float) -> None:
        """It was taken for an utterance and is none: as if it had not been."""
        for number in self._transcript.forget_silence(turn.number):
            self._report(NotSpeech(number))
        if not self._take_up_what_is_left(turn, now):
            self._yield_floor(now)

    def _take_up_what_is_left(self, turn: Turn, now: float) -> bool:
        """The turn took the floor from a question that nobody answered yet, and is no answer to it either."""
        number = self._transcript.waiting()
        if number is None:
            return False
        left = Turn(number, alive_at=now, wants=True, done=turn.done)
        if isinstance(self._state, Overlap):
            self._state.turn = left
        else:
            self._state = Replying(left)
        return True

    def _reply_failed(self, turn: Turn, code: str, reason: str, now: float) -> None:
        self._report(Warned(code or "reply_failed", reason))
        if turn.spoke:
            self._order(PlayEarcon("lost"))  # What came of it plays on; the tones say that there was more.
            self._answered(turn)
        elif self._another(now) and (turn.attempts >= ATTEMPTS or code in TOO_MANY):
            turn.wants = True
            self._take_over(reason, now)
        elif turn.attempts < ATTEMPTS:
            turn.wants = turn.attempts > 0
            turn.not_before = now + RETRY_PAUSE_S * 2 ** (turn.attempts - 1)
        else:
            self._fail(turn, reason, now)

    def _flushed(self, item: ItemId, entry: Entry | None) -> None:
        """Tell the server how much of the item was heard, if it still knows the item."""
        if entry is None:
            return
        if entry.session == self._link.session:
            if self._link.ready and not entry.wholly_heard:
                if entry.heard_ms > 0:
                    self._order(TruncateReply(entry.session, item, entry.heard_ms))
                else:
                    self._order(DeleteItem(entry.session, item))
            self._responses.settled.add(item)
        self._item_over(item, entry)

    def _item_over(self, item: ItemId, entry: Entry | None) -> None:
        """The loudspeaker is done with the item."""
        if entry is None:
            return
        text = self._transcript.heard(item, entry.heard, entry.received, entry.wholly_heard)
        turn = self._cut_turns.get(entry.turn, self._turn)
        if turn is None or turn.number != entry.turn:
            return
        turn.heard.append(text)
        turn.heard_ms += entry.heard_ms
        turn.received_ms += entry.received_ms
        if entry.heard:
            turn.asides.sounds(item)
            turn.answer_heard = turn.answer_heard or item not in turn.asides.items
        turn.asides.over(item, whole=entry.wholly_heard)
        if entry.turn in self._cut_turns and not self._ledger.outstanding(entry.turn):
            del self._cut_turns[entry.turn]
            self._turn_heard(turn)

    # Tools.

    def _tool_called(self, event: ToolCalled, now: float) -> None:
        turn = self._live(event.reply)
        if turn is None:
            if self._responses.is_dropped(event.reply):
                self._order(SendToolResult(event.session, event.call, "Not run: the user interrupted."))
            return
        if event.call in self._calls:
            return
        turn.called = True
        turn.alive_at = now
        same = _same(event.name, event.arguments)
        done = turn.done.get(same)
        if done is not None and done.session != event.session and not self._idempotent(event.name):
            # The brain before this one had it done: the lamp is not switched twice.
            used = done.used
            self._order(SendToolResult(event.session, event.call, used.output, used.spoken, used.images))
            self._transcript.tool_known(used.call, event.session)
            turn.wants = not turn.calls
        elif (running := self._already_running(turn, same)) is not None:
            self._calls[event.call] = Call(turn, event.session, event.name, event.arguments, now, repeats=running)
            turn.calls.add(event.call)
        else:
            self._run_tool(turn, event.session, event.call, event.name, event.arguments, now)

    def _already_running(self, turn: Turn, same: tuple[str, str]) -> CallId | None:
        """The same call, for a turn that the floor was taken from, and whose question is still the one to answer."""
        for call_id, call in self._calls.items():
            before = call.turn
            if before is None or before is turn or before.done is not turn.done or call.repeats is not None:
                continue
            if call.cancelled:
                continue
            if _same(call.name, call.arguments) == same:
                return call_id
        return None

    def _run_tool(
        self, turn: Turn | None, session: SessionId, call: CallId, name: str, arguments: str, now: float
    ) -> None:
        self._calls[call] = Call(turn, session, name, arguments, now, on_barge_in=self._on_barge_in(name))
        if turn is not None:
            turn.calls.add(call)
        self._report(ToolStarted(call, name, arguments))
        self._order(RunTool(call, name, arguments))

    def _on_barge_in(self, name: str) -> OnBargeIn:
        return next((tool.on_barge_in for tool in self._tools if tool.name == name), "finish")

    def _idempotent(self, name: str) -> bool:
        return any(tool.idempotent for tool in self._tools if tool.name == name)

    def _tool_returned(self, returned: ToolReturned, now: float) -> None:
        call_id, ok = returned.call, returned.ok
        call = self._calls.pop(call_id, None)
        if call is None:
            return
        used = ToolUsed(call_id, call.name, call.arguments, returned.output, returned.spoken, returned.images)
        calls = {call_id: call}
        for other_id in [other_id for other_id, other in self._calls.items() if other.repeats == call_id]:
            calls[other_id] = self._calls.pop(other_id)
        told: set[SessionId] = set()  # Any other session gets the pair before its next response.
        for each_id, each in calls.items():
            if each.session == self._link.session and self._link.ready:
                self._order(SendToolResult(each.session, each_id, used.output, used.spoken, used.images))
                told.add(each.session)
        self._transcript.tool_used(used, told)
        self._report(ToolEnded(call_id, call.name, ok, Ms(int((now - call.started_at) * 1000))))
        obeyed = call.session == BY_THE_DEVICE and ok
        if obeyed and call.turn is not None:
            self._transcript.obeyed(call.turn.number)
        if obeyed and not (call.turn is not None and call.turn.cut):
            self._order(PlayEarcon("done"))
        for each_id, each in calls.items():
            if each.turn is not None:
                if not each.cancelled:
                    each.turn.done[_same(each.name, each.arguments)] = Done(used, each.session)
                self._call_over(each.turn, each_id, obeyed, now)
        words = used.spoken or used.output
        if call.on_barge_in == "keep" and call.turn is not None and call.turn.cut and words.strip():
            # In the next silence, unless an answer comes before it from a brain that knows of it.
            self._errand(AnnouncementAsked(f"kept-{call_id}", words), now, kept=True)

    def _call_over(self, turn: Turn, call: CallId, obeyed: bool, now: float) -> None:
        turn.calls.discard(call)
        turn.alive_at = now
        if not turn.cut and not turn.calls:
            turn.wants, turn.obeyed = True, obeyed

    # Commands that need no brain.

    def _spot(self, utterance: Utterance) -> None:
        """Let the spotter hear what is new of it."""
        if self._brains.settings.local_commands and utterance.length <= LONGEST_COMMAND:
            if isinstance(self._state, Listening) and self._link.brain == "offline":
                return  # It knows these sentences itself.
            self._order(SpotSound(utterance.number, utterance.untaken()))

    def _ask_spotter(self, utterance: Utterance, *, over_reply: bool = False) -> bool:
        """True where a verdict will come."""
        if not utterance.taken or utterance.length > LONGEST_COMMAND:
            return False
        if isinstance(self._state, Listening) and self._link.brain == "offline":
            return False
        self._order(SpotVerdict(utterance.number, over_reply))
        return True

    def _spotted(self, event: CommandSpotted, now: float) -> None:
        call = CallId(f"device-{event.utterance}")
        turn = self._turn
        if turn is not None and turn.spot == event.utterance:
            turn.spot = None
            turn.wants = False
            self._transcript.understood(turn.number, event.text)
            self._report(UserHeard(turn.number, event.text))
            self._run_tool(turn, BY_THE_DEVICE, call, event.name, event.arguments, now)
        elif event.utterance == self._judged_over_a_reply:
            self._judged_over_a_reply = 0
            self._run_tool(None, BY_THE_DEVICE, call, event.name, event.arguments, now)

    def _spot_tools(self) -> None:
        if self._brains.settings.local_commands:
            self._order(SpotTools(self._tools))

    # Somebody types, a timer rings.

    def _errand(self, asked: TextAsked | AnnouncementAsked, now: float, *, kept: bool = False) -> None:
        if len(self._errands) >= MAX_ERRANDS:
            self._report(RequestEnded(asked.request, error=TOO_MUCH))
            return
        self._errands.append(Errand(asked, now, kept))

    def _run_errands(self, now: float) -> None:
        """Begin errands, one after the other; a question that waited too long for a brain is answered so."""
        for errand in tuple(self._errands):
            if not isinstance(self._state, Idle):
                return
            if self._can_run(errand):
                self._errands.remove(errand)
                self._run(errand, now)
            elif isinstance(errand.asked, TextAsked) and now >= self._expiry(errand):
                self._errands.remove(errand)
                self._report(RequestEnded(errand.asked.request, error="no brain is connected; see `voiced status`"))

    def _can_run(self, errand: Errand) -> bool:
        if self._cut_turns:
            return False  # What was heard of the last answer comes first.
        if isinstance(errand.asked, AnnouncementAsked) and errand.asked.sound:
            return True
        # An announcement waits for a brain however long that takes: its earcon has sounded already.
        return self._link.ready or (self._link.state == "refused" and isinstance(errand.asked, TextAsked))

    def _expiry(self, errand: Errand) -> float:
        return errand.at + self._settings.answer_within_s

    def _run(self, errand: Errand, now: float) -> None:
        asked = errand.asked
        turn = self._new_turn(now)
        turn.errand = errand
        if isinstance(asked, AnnouncementAsked) and (asked.sound or asked.answer is not None):
            turn.asides.add(asked, now)
            self._reply_to(turn, wants=False)
            self._advance_turn(turn, now)
            return
        turn.request = asked.request
        match asked:
            case TextAsked(_, text, images):
                self._ask(turn, text, images)
            case AnnouncementAsked(_, text):
                turn.announce = text
        self._reply_to(turn)
        self._advance_turn(turn, now)

    def _ask(self, turn: Turn, text: str, images: tuple[Image, ...]) -> None:
        entry = self._transcript.user_typed(turn.number, text, images)
        if self._link.ready:
            self._sync(before=entry)
            self._order(SendText(self._link.session, text, images))

    # Plugins speak.

    def _announcement(self, asked: AnnouncementAsked, now: float) -> None:
        if asked.earcon:
            self._order(PlayEarcon(asked.earcon))
        call = self._calls.get(asked.call) if asked.call is not None else None
        if call is not None and call.turn is not None and call.turn is self._turn:
            if not call.turn.asides.add(asked, now):
                self._report(RequestEnded(asked.request, error=TOO_MUCH))
        elif asked.filler:
            self._report(RequestEnded(asked.request, error=NOT_NEEDED))
        else:
            self._errand(asked, now)

    def _withdrawn(self, request: str, now: float) -> None:
        for errand in tuple(self._errands):
            if isinstance(errand.asked, AnnouncementAsked) and errand.asked.request == request:
                self._errands.remove(errand)
                self._report(RequestEnded(request, error=WITHDRAWN))
        turn = self._turn
        if turn is None:
            return
        if turn.asides.withdraw(request):
            self._report(RequestEnded(request, error=WITHDRAWN))
        elif (question := turn.asides.question) is not None and question.asked.request == request:
            self._hush_aside(turn)
            self._aside_over(turn, now, error=WITHDRAWN)

    def _advance_asides(self, turn: Turn, now: float) -> None:
        asides = turn.asides
        aside = asides.now
        if aside is not None:
            if aside.phase == "sounding" and not any(map(self._ledger.awaits, aside.items)):
                self._aside_heard(turn, aside, now)
            elif aside.phase == "writing" and now >= aside.until:
                self._aside_over(turn, now, error=NOT_UNDERSTOOD)
            elif now >= self._aside_gives_up_at(turn):
                on_server = turn.asides.on_server
                if aside.asked.more:
                    self._sound_ends(sound_item(aside.asked.request))
                self._aside_over(turn, now, error=NOT_SAID)
                if on_server and self._link.ready:
                    self._replace_session(now)  # It may owe it for ever, and a tool waits.
        while asides.waiting and now >= asides.waiting[0][1] + self._settings.answer_within_s:
            self._report(RequestEnded(asides.waiting.popleft()[0].request, error=NOT_SAID))
        while asides.now is None and asides.waiting and self._may_begin(turn, asides.waiting[0][0]):
            self._begin_aside(turn, *asides.waiting.popleft(), now)

    def _aside_gives_up_at(self, turn: Turn) -> float:
        aside = turn.asides.now
        if aside is None or aside.phase not in ("saying", "sounding") or self._ledger.audible():
            return math.inf
        return turn.alive_at + self._settings.answer_within_s

    def _may_begin(self, turn: Turn, asked: AnnouncementAsked) -> bool:
        if asked.filler and (asked.call not in turn.calls or self._ledger.audible()):
            return True  # It is left out.
        if asked.sound:
            return True
        if not asked.text:  # To listen, all must be quiet.
            return self._responses.free and not self._ledger.outstanding()
        return self._may_respond()

    def _begin_aside(self, turn: Turn, asked: AnnouncementAsked, at: float, now: float) -> None:
        if asked.filler and (asked.call not in turn.calls or self._ledger.audible()):
            self._report(RequestEnded(asked.request, error=NOT_NEEDED))
            return
        if asked.sound and self._speaker_is_gone(now):
            self._report(RequestEnded(asked.request, error=NOT_SAID))
            return
        turn.alive_at = now
        turn.asides.now = Aside(asked, "saying", at)
        if asked.answer is not None:
            self._expect(turn)
            self._report(QuestionAsked(turn.request, asked.text))
        if asked.sound:
            item = sound_item(asked.request)
            turn.asides.says(item)
            self._ledger.receive(item, BY_THE_DEVICE, ReplyId(""), turn.number, samples_of(asked.sound))
            self._order(Play(item, asked.sound))
            turn.asides.now.phase = "sounding"
            if asked.more:
                self._report(SoundBegun(asked.request))
            else:
                self._sound_ends(item)
        elif asked.text:
            turn.called = turn.spoke = False
            self._sync()
            self._responses.ask()
            self._order(StartReply(self._link.session, asked.text))
        else:
            self._aside_heard(turn, turn.asides.now, now)

    def _sound_came(self, event: SoundCame, now: float) -> None:
        """More of the sound that is being played. What comes when it is over already is dropped."""
        turn, item = self._turn, sound_item(event.request)
        if turn is None or turn.asides.now is None or item not in turn.asides.now.items:
            return
        if not self._ledger.awaits(item) or self._ledger.flushing(item):
            return
        turn.alive_at = now
        if event.sound:
            self._ledger.receive(item, BY_THE_DEVICE, ReplyId(""), turn.number, samples_of(event.sound))
            self._order(Play(item, event.sound))
        if event.last:
            self._sound_ends(item)

    def _sound_ends(self, item: ItemId) -> None:
        if self._ledger.complete(item):
            self._order(FinishItem(item))

    def _expect(self, turn: Turn) -> None:
        """Tell the brain what kind of words to listen for."""
        question = turn.asides.question
        if self._link.ready and question is not None and question.asked.answer is not None:
            self._order(ExpectAnswer(self._link.session, question.asked.answer.choices))

    def _aside_said(self, turn: Turn, said: bool, now: float, *, whole: bool = True) -> None:
        """Its response is over."""
        assert turn.asides.now is not None
        turn.alive_at = now
        if said:
            turn.asides.now.phase = "sounding"
            turn.asides.now.whole = turn.asides.now.whole and whole
        else:
            self._aside_over(turn, now, error=NOT_SAID)

    def _aside_heard(self, turn: Turn, aside: Aside, now: float) -> None:
        """The loudspeaker is done with it."""
        answer = aside.asked.answer
        if answer is None or not aside.whole:
            self._aside_over(turn, now, error="" if aside.whole else NOT_WHOLLY_HEARD)
        elif self._muted:
            self._aside_over(turn, now, error=NOBODY_HEARD)
        else:
            aside.phase, aside.until = "asking", now + answer.within_s
            if isinstance(self._state, Overlap):
                utterance = self._state.utterance
                self._order(Unduck())
                self._listen(utterance, answers=turn)
            else:
                self._state = Asking(turn)

    def _hush_aside(self, turn: Turn) -> None:
        """What is left of it is not said: the answer is there already, or nobody waits for it."""
        if turn.asides.on_server and self._responses.cancel():
            self._order(CancelReply(self._link.session, self._responses.reply))
        self._flush(self._ledger.flush(turn=turn.number))

    def _end_answer(self, turn: Turn, utterance: Utterance, now: float) -> UserEntry:
        """Somebody answered; it is to be written down."""
        aside = turn.asides.now
        assert aside is not None
        aside.entry = entry = self._transcript.user_answered(turn.number, utterance.pcm)
        aside.phase, aside.until = "writing", now + WRITE_DOWN_WITHIN_S
        self._report(UtteranceEnded(turn.number, utterance.length, utterance.speech, answers=True))
        self._reply_to(turn, wants=turn.wants)
        turn.alive_at = now
        return entry

    def _answer_written(self, entry: UserEntry, text: str, now: float) -> None:
        turn = self._turn
        if turn is not None and turn.asides.now is not None and turn.asides.now.entry is entry:
            self._aside_over(turn, now, text, error="" if text else NOT_UNDERSTOOD)

    def _typed_answer(self, asked: TextAsked, now: float) -> bool:
        """Whether it answered a question that a tool put."""
        turn = self._turn
        if turn is None or isinstance(self._state, Listening):
            return False
        # Who typed what it is about reads the question, and need not have heard it.
        if not (turn.asides.question_is_put if turn.request else turn.asides.question_is_out):
            return False
        self._hush_aside(turn)
        entry = self._transcript.user_answered(turn.number, b"", asked.text)
        if self._link.ready:
            self._sync(before=entry)
            self._order(SendText(self._link.session, asked.text, asked.images))
        if isinstance(self._state, Overlap):
            self._order(Unduck())
            self._state = Replying(turn)
        if turn.request or turn.announce is not None:
            self._report(RequestEnded(asked.request))
        else:
            turn.request = asked.request
        self._aside_over(turn, now, asked.text)
        return True

    def _ask_on(self, turn: Turn, now: float) -> None:
        """That was a noise, and no answer."""
        aside = turn.asides.question
        if aside is None:  # It was withdrawn meanwhile.
            self._reply_to(turn, wants=turn.wants)
            return
        aside.phase, aside.until = "asking", max(aside.until, now + GO_ON_S)
        self._state = Asking(turn)
        self._onset.reset()

    def _aside_over(self, turn: Turn, now: float, text: str = "", *, error: str = "") -> None:
        aside = turn.asides.now
        assert aside is not None
        turn.asides.now = None
        turn.alive_at = now
        if isinstance(self._state, Asking):
            self._state = Replying(turn)
        if aside.asked.answer is not None and self._link.ready:
            self._order(ExpectAnswer(self._link.session, None))
        self._report(RequestEnded(aside.asked.request, text, error))

    def _aside_lost(self, turn: Turn, now: float) -> None:
        """The session that said it, or that was to write the answer down, is gone."""
        aside = turn.asides.now
        assert aside is not None
        if turn.asides.on_server and turn.spoke:
            aside.phase, aside.whole = "sounding", False
        elif turn.asides.on_server:
            turn.asides.say_again()
        elif aside.phase == "writing":
            self._aside_over(turn, now, error=NOT_UNDERSTOOD)

    def _end_asides(self, turn: Turn) -> None:
        """The turn was cut."""
        question = turn.asides.question
        for asked in turn.asides.take_all():
            self._report(RequestEnded(asked.request, error=INTERRUPTED))
        if question is not None and self._link.ready:
            self._order(ExpectAnswer(self._link.session, None))

    # Turns.

    @property
    def _turn(self) -> Turn | None:
        """The turn that is being answered, also while a tool of it asks something."""
        match self._state:
            case Replying(turn) | Overlap(turn) | Asking(turn):
                return turn
            case Listening():
                return self._state.answers
            case Idle():
                return None
            case other:
                assert_never(other)

    def _new_turn(self, now: float) -> Turn:
        self._turns += 1
        if self._transcript.waiting() is None:
            self._done = {}
        return Turn(self._turns, alive_at=now, done=self._done)

    def _alive(self, now: float) -> None:
        if self._turn is not None:
            self._turn.alive_at = now

    def _reply_to(self, turn: Turn, *, wants: bool = True) -> None:
        turn.wants = wants
        self._state = Replying(turn)
        self._pre_roll.take(Ms(0))
        self._onset.reset()

    def _be_idle(self, now: float) -> None:
        self._state = Idle(now)
        self._onset.reset()

    def _outcome(self, now: float) -> list[Command]:
        """All that comes of what happened."""
        self._advance(now)
        floor = self.floor
        if floor != self._floor:
            self._floor = floor
            self._report(FloorChanged(floor))
        self._tell_attention(now)
        return self._take()

    def _tell_attention(self, now: float) -> None:
        match self._state:
            case Idle():
                attentive = self._attention.hears(now)
            case Listening():
                attentive = True
            case Replying() | Overlap() | Asking():
                attentive = self._attention.hears_answers()
            case other:
                assert_never(other)
        attentive = attentive and not self._muted
        if attentive != self._attentive:
            self._attentive = attentive
            self._report(AttentionChanged(attentive))

    def _advance(self, now: float) -> None:
        """Do what has become possible: ask for the response that is wanted, end what is over, begin what waits."""
        if self._speaker_is_gone(now):
            self._flush(self._ledger.flush())
        if isinstance(self._state, Asking) and now >= self._state.turn.asides.until:
            self._aside_over(self._state.turn, now, error=NOBODY_ANSWERED)
        if self._attention.key_is_lost(now):
            self._let_go(now)
        self._attention.expire(now)
        if isinstance(self._state, Listening) and now >= self._state.ends_at:
            self._end_held(self._state.utterance, now)
        if isinstance(self._state, Replying | Overlap):
            self._advance_turn(self._state.turn, now)
        if isinstance(self._state, Idle):
            if self._errands and not self._attention.expects_speech:
                self._run_errands(now)
            if isinstance(self._state, Idle) and self._brains.improve(
                self._state.since, self._settings.rollover_min, now
            ):
                self._responses = Responses()

    def _speaker_is_gone(self, now: float) -> bool:
        return self._speaker_lost_at is not None and now >= self._speaker_lost_at + SPEAKER_PATIENCE_S

    def _advance_turn(self, turn: Turn, now: float) -> None:
        if turn.rounds > self._settings.tool_rounds:
            self._fail(turn, "too many rounds of tools", now)
            return
        if turn.spot is not None and now >= turn.spot_until:
            turn.spot = None
        if turn.obeyed and self._transcript.waiting() is None:
            turn.wants = False
        if now >= self._taken_over_at(turn):
            self._take_over("it gave no sign of life", now)
            if turn is not self._turn:
                return
        if turn.asides:
            self._advance_asides(turn, now)
            if not isinstance(self._state, Replying | Overlap):
                return
        if turn.wants_now:
            if not turn.calls and turn.spot is None and self._may_respond() and now >= turn.not_before:
                turn.wants = turn.called = turn.spoke = False
                turn.attempts += 1
                turn.covers = [errand for errand in self._errands if errand.kept and turn.announce is None]
                self._sync()
                self._responses.ask()
                self._order(StartReply(self._link.session, turn.announce))
            elif self._link.state == "refused" and not self._ledger.outstanding(turn.number):
                if another := self._another(now):
                    self._alive(now)
                    self._use(another, now)
                elif self._brains.failover.allows(self._link.brain) and self._link.may_try_again(now):
                    self._brains.open(self._link, now)
                elif turn.announce is not None:
                    self._cut(turn)
                    self._yield_floor(now)
                    return
                else:
                    self._fail(turn, "the brain refuses to connect", now)
                    return
        if now >= self._gives_up_at(turn):
            self._fail(turn, f"no answer within {self._settings.answer_within_s} s", now)
            if self._link.ready and not self._responses.free:
                self._replace_session(now)  # What it has owed for so long it may owe for ever.
            return
        owed = turn.wants or turn.calls or turn.asides or not self._responses.free
        if not owed and not self._ledger.outstanding(turn.number):
            self._settle(turn, now)

    def _gives_up_at(self, turn: Turn) -> float:
        if turn.calls or turn.asides.now is not None or self._ledger.audible():
            return math.inf
        return turn.alive_at + self._settings.answer_within_s

    def _may_respond(self) -> bool:
        # Before the tail of a lost or cut reply is over nobody knows what was heard of it.
        return (
            self._link.ready
            and self._responses.free
            and not self._cut_turns
            and not self._ledger.outstanding_of_other(self._link.session)
        )

    def _settle(self, turn: Turn, now: float) -> None:
        """Nothing is owed to the turn any more."""
        self._turn_heard(turn)
        if turn.ended_at is not None:
            self._attention.answered(now)
        if turn.announce is None and self._link.ready:
            for text in reversed(self._brains.take_notices()):
                self._errands.appendleft(Errand(AnnouncementAsked("notice", text), now))
        self._yield_floor(now)

    def _yield_floor(self, now: float) -> None:
        """The turn is over. If somebody is talking, the floor is theirs."""
        if isinstance(self._state, Overlap):
            utterance = self._state.utterance
            self._order(Unduck())
            self._listen(utterance)
        else:
            self._be_idle(now)

    def _turn_heard(self, turn: Turn) -> None:
        if turn.cut and turn.announce is not None and turn.request and turn.errand is not None and not turn.heard_ms:
            # The floor was taken before anybody knew what it was for: it waits for the next silence.
            self._errands.appendleft(turn.errand)
            return
        if turn.answer_heard:
            self._transcript.answered(turn.number)
        if turn.cut and not turn.received_ms:
            self._end_request(turn, error="it was interrupted")  # Nothing of it ever sounded.
            return
        text = " ".join(filter(None, turn.heard))
        first = None
        if turn.first_audio_at is not None and turn.ended_at is not None:
            first = Ms(int((turn.first_audio_at - turn.ended_at) * 1000))
        cut = turn.cut or turn.heard_ms < turn.received_ms
        self._report(ReplyHeard(turn.number, text, Ms(turn.heard_ms), Ms(turn.received_ms), cut, first))
        if turn.announce is not None and (cut or not turn.whole):
            self._end_request(turn, error=NOT_WHOLLY_HEARD)
        else:
            self._end_request(turn, " ".join(said.strip() for said in turn.said.values()))

    def _end_request(self, turn: Turn, text: str = "", error: str = "") -> None:
        if turn.request:
            self._report(RequestEnded(turn.request, text, error))
            turn.request = ""

    def _fail(self, turn: Turn, reason: str, now: float) -> None:
        """Tell the user by sound, once."""
        self._end_request(turn, error=reason)
        self._cut(turn)
        self._transcript.forget_unanswered(turn.number)
        if turn.announce is None:  # An announcement had its earcon when it was due.
            self._order(PlayEarcon("failed"))
        self._report(TurnFailed(turn.number, reason))
        if turn.ended_at is not None:
            self._attention.answered(now)
        self._yield_floor(now)

    # The brain comes and goes.

    def _another(self, now: float) -> BrainName | None:
        """Who could answer in the place of the brain in use."""
        return self._brains.failover.best(now, but={self._link.brain}) or self._last_resort()

    def _last_resort(self) -> BrainName | None:
        """Somebody waits for an answer: better one in its cooldown than none, once in a turn."""
        if self._turn is None:
            return None
        return self._brains.failover.last_resort(but={self._link.brain, *self._turn.failed})

    def _use(self, brain: BrainName, now: float) -> None:
        self._brains.use(brain, now)
        self._responses = Responses()
        if self._link.ready:
            self._catch_up()

    def _replace_session(self, now: float) -> None:
        self._session_gone(now)
        self._brains.open(self._link, now)

    def _catch_up(self) -> None:
        """Tell the session what happened while it was not there."""
        turn = self._turn
        if turn is not None and turn.asides.question is not None:
            self._expect(turn)
        if isinstance(self._state, Listening):
            self._order(StreamUtterance(self._link.session, self._state.utterance.pcm))
        elif self._turn is not None:
            self._sync()  # A long question takes its time on a slow network: not only when its answer is asked for.

    def _brain_lost(self, event: BrainLost, now: float) -> None:
        link = self._link
        after = self._brains.lost(link, event, now)
        if after == 0 and isinstance(self._state, Idle):
            self._replace_session(now)  # A short break, or the end of a session's time: nobody waits.
            return
        self._brains.failed(link.brain, now, lost=event)
        if self._turn is not None:
            self._turn.failed.add(link.brain)
        self._session_gone(now)
        if another := self._another(now):
            self._alive(now)
            self._use(another, now)
        elif after is not None:
            self._brains.open(link, now, after)

    def _taken_over_at(self, turn: Turn) -> float:
        """When the next brain takes over, if the one in use goes on owing the turn an answer."""
        waits = turn.calls and not turn.asides.on_server
        if waits or self._ledger.audible() or not (turn.wants_now or not self._responses.free):
            return math.inf
        settings = self._brains.settings
        patience_s = settings.silent_after_s if self._link.ready else settings.connect_patience_s
        if self._last_resort() is not None:
            return turn.alive_at + patience_s
        return max(turn.alive_at + patience_s, self._brains.failover.other_at(self._link.brain))

    def _take_over(self, reason: str, now: float) -> None:
        """The brain in use does not answer: the next one answers the same turn."""
        if self._responses.free:
            self._order(PlayEarcon("lost"))
        another = self._another(now)
        assert another is not None, "nobody to take over"
        self._brains.give_up(reason, now)
        if self._turn is not None:
            self._turn.failed.add(self._link.brain)
        self._session_gone(now)
        if self._turn is not None:
            self._turn.attempts, self._turn.alive_at = 0, now
        self._use(another, now)

    def _session_gone(self, now: float) -> None:
        """What the old session still owed is owed by the next one; what is buffered plays on."""
        answering = not self._responses.free
        self._responses = Responses()
        for item in self._ledger.incomplete():
            self._ledger.complete(item)
            self._order(FinishItem(item))
        turn = self._turn
        if turn is not None and turn.asides.now is not None:
            aside_at_hand = turn.asides.on_server
            self._aside_lost(turn, now)
            if aside_at_hand:
                return  # What was lost is no answer.
        if turn is not None and turn.attempts and answering:
            turn.losses += 1
            if turn.losses > MAX_LOSSES:
                self._fail(turn, "the connection was lost again and again", now)
                return
            if turn.losses == 1:
                self._order(PlayEarcon("lost"))
            turn.wants = True
            turn.attempts = 0

    def _sync(self, before: UserEntry | None = None) -> None:
        """Tell the session what it does not know yet; `before` goes out by other means, after it."""
        if before is not None:
            before.known_to.add(self._link.session)
        items = self._transcript.unknown_to(self._link.session)
        if items:
            self._order(AddHistory(self._link.session, items))

    def _refused(self, event: RequestRefused, now: float) -> None:
        self._report(Warned(event.code or "refused", event.message))
        turn = self._turn
        match event.request:
            case "reply" if event.code == "conversation_already_has_active_response":
                self._responses.blocked()
                if turn is not None and turn.asides.on_server:
                    turn.asides.say_again()
                elif turn is not None:
                    self._ask_again(turn)  # Whatever is active, it is not what we asked for.
            case "reply":
                if self._responses.refused() and turn is not None:
                    if turn.asides.on_server:
                        self._aside_said(turn, False, now)
                    else:
                        self._reply_failed(turn, event.code, event.message, now)
            case "cancel":
                self._responses.nothing_to_cancel()
            case "commit":
                entry = self._transcript.commit_refused()
                if entry is not None and turn is not None and turn.number == entry.turn:
                    if turn.asides.now is not None and turn.asides.now.entry is entry:
                        self._aside_over(turn, now, error=NOT_UNDERSTOOD)
                    elif not entry.answered:
                        self._ask_again(turn)
            case "text":
                if turn is not None and turn.request and turn.announce is None:
                    self._fail(turn, event.message, now)
            case _:
                pass  # Benign: the server's state is what we wanted, or nothing can be done about it.

    def _ask_again(self, turn: Turn) -> None:
        """The response at hand, if any, is no answer to the turn."""
        reply = self._responses.reply
        if self._responses.cancel():
            self._order(CancelReply(self._link.session, reply))
        if reply is not None:
            self._flush(self._ledger.flush(reply=reply))
        turn.wants = True

    # Output.

    def _order(self, command: Command) -> None:
        self._out.append(command)

    def _report(self, fact: Fact) -> None:
        self._out.append(Report(fact))

    def _take(self) -> list[Command]:
        out, self._out = self._out, []
        return out


def _same(name: str, arguments: str) -> tuple[str, str]:
    """What makes two tool calls the same, however their arguments are written."""
    try:
        return name, json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except (ValueError, RecursionError):
        return name, arguments
