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
next turn's answer is one to both. Where that turn needs none (the device obeyed, nobody had spoken), or none follows (a
key touched by mistake, a wake word and no more), the question is taken up again. What tools did for an open question is
known to all its turns (`Turn.done`).

Events of an old session are dropped in `_take_in`; events of a cancelled reply in `Answering`.

One turn, from room to room: `UserSpeech.frame` hears an onset, the floor is the user's, and what is said is streamed;
its end makes a `Turn` of it. `_advance_turn` asks for the response. What comes of it goes through `Answering` to the
loudspeaker and into the ledger (`Playback`); a tool that it calls runs (`ToolCalls`), and its return makes the turn
want the next response. When nothing is owed any more and all was heard, `_advance_turn` settles the turn. Where the
floor is taken before, `Turns.cut` drops the rest; where the brain is lost, `Handover` has the turn answered by another.

Each room has its own state, and knows only rooms below it:

    machine      which event is for whom, and what time and silence bring about
    user_speech  the user takes the floor, and gives it
    answering    the answer comes, is heard, or is refused
    handover     a brain is lost, silent, or replaced
    turns        a turn begins, is cut, fails, is over
    tool_speech  the asides of a turn
    floor        the five states
    tool_calls   what runs, and what was done for questions that wait
    ears         where an utterance begins            errands    what waits for a silence
    session      what the brain is told and asked     spotting   the same for commands that need no brain
    playback     the ledger, and what was heard       brains     who answers
    outbox       what is ordered and reported
"""

from __future__ import annotations

import math
from typing import assert_never

from voiced.conversation.answering import Answering
from voiced.conversation.asides import NOT_NEEDED
from voiced.conversation.attention import Attention
from voiced.conversation.brains import Brains
from voiced.conversation.commands import (
    AttentionChanged,
    CardGone,
    CardShown,
    Command,
    FloorChanged,
    PlayEarcon,
    RequestEnded,
    SetVolume,
    Spent,
    UserHeard,
    UserTyped,
    VolumeChanged,
)
from voiced.conversation.commands import Floor as FloorName
from voiced.conversation.ears import Ears
from voiced.conversation.errands import STOPPED, Errands
from voiced.conversation.events import (
    BY_THE_DEVICE,
    AnnouncementAsked,
    AnnouncementWithdrawn,
    BrainEvent,
    BrainLost,
    BrainReady,
    CallId,
    CardAsked,
    CardWithdrawn,
    CommandSpotted,
    EarconAsked,
    Event,
    FrameCaptured,
    ItemPlayed,
    MicrophoneLost,
    MicrophoneReady,
    MuteAsked,
    NoCommand,
    PlayoutDrained,
    PlayoutFlushed,
    ReplyAudio,
    ReplyDone,
    ReplyItemDone,
    ReplyStarted,
    ReplyText,
    RequestRefused,
    ServerHeard,
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
    UsageReported,
    UserTranscribed,
    UtteranceCommitted,
    VolumeAsked,
    WakeWordHeard,
)
from voiced.conversation.floor import Floor
from voiced.conversation.handover import Handover
from voiced.conversation.outbox import Outbox
from voiced.conversation.playback import Playback
from voiced.conversation.session import Session
from voiced.conversation.settings import BrainSettings, ListenSettings, TurnSettings
from voiced.conversation.spotting import Spotting
from voiced.conversation.tool_calls import ToolCalls
from voiced.conversation.tool_speech import ToolSpeech
from voiced.conversation.transcript import Transcript
from voiced.conversation.turn import Asking, Errand, Idle, Listening, Overlap, Replying, Turn
from voiced.conversation.turns import Turns
from voiced.conversation.user_speech import UserSpeech


class Conversation:
    """The pure core. `start` once, then `handle` each event; wake it with TimePassed at `deadline()`."""

    def __init__(self, settings: TurnSettings, brains: BrainSettings, listen: ListenSettings | None = None) -> None:
        listen = listen or ListenSettings()
        self._settings, self._listen_settings = settings, listen
        self._out = out = Outbox()
        self._transcript = transcript = Transcript()
        self._attention = attention = Attention(listen)
        self._brains = Brains(brains, transcript, out)
        self._playback = playback = Playback(transcript, out)
        self._session = session = Session(self._brains, transcript, playback, out)
        self._spotting = spotting = Spotting(self._brains, out)
        self._errands = errands = Errands(out)
        self._ears = ears = Ears(settings, listen, attention)
        self._floor = floor = Floor(attention, ears, session, spotting, playback, out)
        self._calls = calls = ToolCalls(session, transcript, errands, out)
        self._speech = speech = ToolSpeech(settings, transcript, ears, session, playback, floor, out)
        self._turns = turns = Turns(
            transcript, attention, self._brains, session, playback, floor, errands, calls, speech, out
        )
        self._handover = Handover(self._brains, session, playback, floor, speech, turns, out)
        self._answering = Answering(
            transcript, self._brains, session, playback, floor, calls, speech, turns, self._handover, out
        )
        self._user = UserSpeech(
            settings, listen, transcript, attention, ears, session, spotting, playback, floor, speech, turns, out
        )
        self._told_floor: FloorName = "idle"
        self._told_attentive = True

    def start(self, now: float) -> list[Command]:
        """Connect."""
        self._brains.start(now)
        self._tell_attention(now)
        return self._out.take()

    def reconfigure(
        self, settings: TurnSettings, brains: BrainSettings, now: float, listen: ListenSettings | None = None
    ) -> list[Command]:
        """Go on with other settings and a new session, with the whole conversation. Before `start` none is opened."""
        self._settings = settings
        self._listen_settings = listen or self._listen_settings
        self._user.reconfigure(settings, self._listen_settings)
        self._speech.reconfigure(settings)
        self._handover.reconfigure(brains, now)
        self._spotting.offer(self._calls.tools)
        return self._outcome(now)

    def handle(self, event: Event, now: float) -> list[Command]:
        """What to do about `event`. `now`: seconds, monotonic."""
        self._take_in(event, now)
        for lost in self._brains.overdue(now):
            self._take_in(lost, now)
        return self._outcome(now)

    @property
    def floor(self) -> FloorName:
        return self._floor.name

    def history(self, most: int = 50) -> list[tuple[str, str]]:
        """Who said what, the last `most`, oldest first: "user" or "assistant", and what was heard of it."""
        return self._transcript.lines(most)

    @property
    def settled(self) -> bool:
        """Idle, silent, and nothing pending."""
        return (
            isinstance(self._floor.state, Idle)
            and not self._playback.ledger.outstanding()
            and not self._calls
            and not self._errands
            and not self._playback.awaits_flushes
        )

    def deadline(self) -> float:
        """When `TimePassed` is due, if nothing happens before; infinite where only an event can change things."""
        due = [self._brains.due(), self._attention.due(), self._playback.gives_up_at()]
        state, link = self._floor.state, self._brains.link
        match state:
            case Asking(turn):
                due.append(turn.asides.until)
            case Replying(turn) | Overlap(turn):
                due += [self._gives_up_at(turn), self._handover.due(turn), self._speech.due(turn)]
                if turn.spot is not None:
                    due.append(turn.spot_until)
                elif turn.wants_now and not turn.calls and self._session.may_ask:
                    due.append(turn.not_before)
            case Idle(since):
                due.append(link.rollover_at(since, self._settings.rollover_min))
                if self._brains.candidate is None:
                    due.append(self._brains.failover.better_at(link.brain))
                if link.state == "refused":
                    due.append(self._brains.failover.best_at())
                if not self._attention.expects_speech:
                    due.append(self._errands.oldest_typed() + self._settings.answer_within_s)
            case Listening():
                due.append(state.ends_at)
            case other:
                assert_never(other)
        return min(due)

    # Events.

    def _take_in(self, event: Event, now: float) -> None:
        if not isinstance(event, BrainEvent) or event.session == self._brains.link.session:
            self._dispatch(event, now)
        elif isinstance(event, BrainReady | BrainLost) and self._brains.is_candidate(event.session):
            self._brains.of_the_candidate(event, now)

    def _dispatch(self, event: Event, now: float) -> None:
        match event:
            # The user, by voice.
            case FrameCaptured(frame):
                self._user.frame(frame, now)
            case UtteranceCommitted(_, item):
                self._user.committed(item, now)
            case UserTranscribed(_, item, text):
                self._user.transcribed(item, text, now)
            case ServerHeard(_, speaking):
                self._user.server_heard(speaking)
            case WakeWordHeard(word):
                self._user.woken(word, now)
            case TalkKeyMoved(action):
                self._user.key(action, now)
            case MuteAsked(muted):
                self._user.mute(muted, now)
            case MicrophoneLost(reason):
                self._user.microphone_lost(reason, now)
            case MicrophoneReady(device):
                self._user.microphone_ready(device)
            # The answer.
            case ReplyStarted(_, reply):
                self._answering.started(reply, now)
            case ReplyAudio():
                self._answering.audio(event, now)
            case ReplyText():
                self._answering.text(event, now)
            case ReplyItemDone():
                self._answering.item_done(event)
            case ToolCalled():
                self._answering.tool_called(event, now)
            case ReplyDone():
                self._answering.done(event, now)
            case RequestRefused():
                self._answering.refused(event, now)
            case ItemPlayed():
                self._answering.played(event, now)
            case PlayoutDrained():
                self._answering.drained(event, now)
            case PlayoutFlushed():
                self._answering.flushed(event)
            case SpeakerLost(reason):
                self._playback.lost(reason, now)
            case SpeakerReady(device):
                self._playback.ready(device)
            # Who answers.
            case BrainReady():
                self._handover.ready(now)
            case BrainLost():
                self._handover.lost(event, now)
            case ThriftChanged(thrift, notice):
                self._brains.failover.thrift = thrift
                self._brains.notice(notice)
            case UsageReported(usage):
                self._out.report(Spent(usage))
            # Tools.
            case ToolReturned():
                self._calls.returned(event, now)
            case ToolsChanged(tools):
                self._calls.tools = tools
                self._brains.offer(tools)
                self._spotting.offer(tools)
            case CommandSpotted():
                self._spotted(event, now)
            case NoCommand(utterance):
                self._is_for_the_brain(utterance)
            # People and plugins, beside the microphone.
            case TextAsked():
                self._out.report(UserTyped(event.text))
                if not self._speech.typed(event, now):
                    self._errands.add(event, now)
            case AnnouncementAsked():
                self._announcement(event, now)
            case SoundCame():
                self._speech.sound_came(event, now)
            case AnnouncementWithdrawn(request):
                self._errands.withdraw(request)
                self._speech.withdraw(request, now)
            case EarconAsked(name):
                self._out.order(PlayEarcon(name))
            case StopAsked():
                self._stop(now)
            case CardAsked(card):
                self._out.report(CardShown(card))
            case CardWithdrawn(card):
                self._out.report(CardGone(card))
            case VolumeAsked(percent):
                self._out.order(SetVolume(percent))
                self._out.report(VolumeChanged(percent))
            case TimePassed():
                pass  # `_advance` looks at the time.
            case other:
                assert_never(other)

    def _spotted(self, event: CommandSpotted, now: float) -> None:
        """The device obeys, with no brain."""
        call = CallId(f"device-{event.utterance}")
        turn = self._floor.turn
        if turn is not None and turn.spot == event.utterance:
            turn.spot = None
            turn.wants = False
            self._transcript.understood(turn.number, event.text)
            self._out.report(UserHeard(turn.number, event.text))
            self._calls.run(turn, BY_THE_DEVICE, call, event.name, event.arguments, now)
        elif self._spotting.was_over_a_reply(event.utterance):
            self._calls.run(None, BY_THE_DEVICE, call, event.name, event.arguments, now)

    def _is_for_the_brain(self, utterance: int) -> None:
        turn = self._floor.turn
        if turn is not None and turn.spot == utterance:
            turn.spot = None

    def _announcement(self, asked: AnnouncementAsked, now: float) -> None:
        """It is said in the turn that waits for the tool that says it, or in the next silence."""
        if asked.earcon:
            self._out.order(PlayEarcon(asked.earcon))
        turn = self._calls.turn_of(asked.call)
        if turn is not None and turn is self._floor.turn:
            self._speech.add(turn, asked, now)
        elif asked.filler:
            self._out.report(RequestEnded(asked.request, error=NOT_NEEDED))
        else:
            self._errands.add(asked, now)

    def _stop(self, now: float) -> None:
        """Whatever is being said, or is about to be said, is not wanted any more."""
        self._errands.stop()
        self._turns.nothing_is_asked()
        self._calls.keep_nothing()
        state = self._floor.state
        match state:
            case Replying(turn) | Overlap(turn) | Asking(turn):
                if turn.announce is not None:
                    self._turns.end_request(turn, error=STOPPED)
                self._turns.cut(turn)
                self._floor.idle(now)
            case Listening(answers=asked):
                state.answers = None
                if asked is not None:
                    self._turns.cut(asked)
                self._user.discard(now)
            case Idle():
                pass
            case other:
                assert_never(other)

    # What comes of it.

    def _outcome(self, now: float) -> list[Command]:
        """All that comes of what happened."""
        self._advance(now)
        floor = self._floor.name
        if floor != self._told_floor:
            self._told_floor = floor
            self._out.report(FloorChanged(floor))
        self._tell_attention(now)
        return self._out.take()

    def _tell_attention(self, now: float) -> None:
        match self._floor.state:
            case Idle():
                attentive = self._attention.hears(now)
            case Listening():
                attentive = True
            case Replying() | Overlap() | Asking():
                attentive = self._attention.hears_answers()
            case other:
                assert_never(other)
        attentive = attentive and not self._ears.muted
        if attentive != self._told_attentive:
            self._told_attentive = attentive
            self._out.report(AttentionChanged(attentive))

    def _advance(self, now: float) -> None:
        """Do what has become possible: ask for the response that is wanted, end what is over, begin what waits."""
        if self._playback.is_mute(now):
            self._playback.flush()
        self._speech.unanswered(now)
        self._user.pass_time(now)
        if isinstance(self._floor.state, Replying | Overlap):
            self._advance_turn(self._floor.state.turn, now)
        if isinstance(self._floor.state, Idle):
            self._look_back(self._floor.state, now)
        if isinstance(self._floor.state, Idle) and self._errands and not self._attention.expects_speech:
            self._run_errands(now)
        if isinstance(self._floor.state, Idle):
            self._handover.improve(self._floor.state.since, self._settings.rollover_min, now)

    def _look_back(self, idle: Idle, now: float) -> None:
        """Who took the floor from a question has said nothing: then it wants its answer still."""
        if idle.looked_back or self._attention.expects_speech or self._playback.awaits_flushes:
            return
        idle.looked_back = True
        if (left := self._turns.take_up_what_is_left(now)) is not None:
            self._advance_turn(left, now)

    # A turn on its way.

    def _advance_turn(self, turn: Turn, now: float) -> None:
        if turn.rounds > self._settings.tool_rounds:
            self._turns.fail(turn, "too many rounds of tools", now)
            return
        if turn.spot is not None and now >= turn.spot_until:
            turn.spot = None
        if turn.obeyed and self._transcript.waiting() is None:
            turn.wants = False
        if now >= self._handover.due(turn):
            self._handover.take_over("it gave no sign of life", now)
            if turn is not self._floor.turn:
                return
        if turn.asides:
            self._advance_asides(turn, now)
            if not isinstance(self._floor.state, Replying | Overlap):
                return
        if turn.wants_now:
            if not turn.calls and turn.spot is None and self._session.may_ask and now >= turn.not_before:
                self._ask(turn)
            elif self._is_refused(turn) and not self._handover.find_another(now):
                self._nobody_answers(turn, now)
                return
        if now >= self._gives_up_at(turn):
            self._turns.fail(turn, f"no answer within {self._settings.answer_within_s} s", now)
            if self._session.ready and not self._session.responses.free:
                self._handover.replace_session(now)  # What it has owed for so long it may owe for ever.
            return
        owed = turn.wants or turn.calls or turn.asides or not self._session.responses.free
        if not owed and not self._playback.ledger.outstanding(turn.number):
            self._turns.settle(turn, now)

    def _advance_asides(self, turn: Turn, now: float) -> None:
        owed = self._speech.move_on(turn, now)
        if owed and self._session.ready:
            self._handover.replace_session(now)  # It may owe it for ever, and a tool waits.
        self._speech.begin_what_may(turn, now)

    def _ask(self, turn: Turn) -> None:
        """For the response that the turn wants."""
        turn.wants = turn.called = turn.spoke = False
        turn.attempts += 1
        turn.covers = self._errands.kept() if turn.announce is None else []
        self._session.ask(turn.announce)

    def _is_refused(self, turn: Turn) -> bool:
        """By the brain in use; and all that there was of an answer is heard."""
        return self._brains.link.state == "refused" and not self._playback.ledger.outstanding(turn.number)

    def _nobody_answers(self, turn: Turn, now: float) -> None:
        if turn.announce is None:
            self._turns.fail(turn, "the brain refuses to connect", now)
        else:
            self._turns.cut(turn)
            self._floor.yield_(now)

    def _gives_up_at(self, turn: Turn) -> float:
        if turn.calls or turn.asides.now is not None or self._playback.ledger.audible():
            return math.inf
        return turn.alive_at + self._settings.answer_within_s

    # Somebody types, a timer rings.

    def _run_errands(self, now: float) -> None:
        """Begin errands, one after the other; a question that waited too long for a brain is answered so."""
        for errand in self._errands.all():
            if not isinstance(self._floor.state, Idle):
                return
            if self._can_run(errand):
                self._errands.take(errand)
                self._run(errand, now)
            elif isinstance(errand.asked, TextAsked) and now >= errand.at + self._settings.answer_within_s:
                self._errands.give_up(errand)

    def _can_run(self, errand: Errand) -> bool:
        if self._playback.awaits_flushes:
            return False  # What was heard of the last answer comes first.
        if isinstance(errand.asked, AnnouncementAsked) and errand.asked.sound:
            return True
        # An announcement waits for a brain however long that takes: its earcon has sounded already.
        return self._session.ready or (self._brains.link.state == "refused" and isinstance(errand.asked, TextAsked))

    def _run(self, errand: Errand, now: float) -> None:
        turn = self._turns.new(now)
        turn.errand = errand
        match errand.asked:
            case TextAsked(request, text, images):
                turn.request, turn.wants = request, True
                self._session.send_text(self._transcript.user_typed(turn.number, text, images), text, images)
            case AnnouncementAsked(sound=sound, answer=answer) if sound or answer is not None:
                turn.asides.add(errand.asked, now)
            case AnnouncementAsked(request, text):
                turn.request, turn.wants, turn.announce = request, True, text
        self._floor.reply_to(turn)
        self._advance_turn(turn, now)
