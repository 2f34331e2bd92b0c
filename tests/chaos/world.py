"""Three brains, a loudspeaker, tools, a spotter and a user on virtual time, who check what must always hold."""

from __future__ import annotations

import heapq
import itertools
import json
import math
from collections import Counter, deque
from collections.abc import Callable, Iterator, Set
from typing import Any, Final, get_args

from tests.chaos.fate import Fate
from tests.chaos.plugins import TOOLS, Plugins
from tests.chaos.session import Session, Token, marks
from voiced.audio import FRAME_BYTES, FRAME_MS, Frame, Samples, samples_of, to_samples
from voiced.conversation.commands import (
    BargedIn,
    BrainSelected,
    CancelTool,
    CloseMicrophone,
    CloseSession,
    Command,
    Duck,
    FalseInterruption,
    FinishItem,
    FloorChanged,
    FlushPlayout,
    NotSpeech,
    OpenMicrophone,
    OpenSession,
    Play,
    PlayEarcon,
    ReplyHeard,
    Report,
    RequestEnded,
    RunTool,
    SetVolume,
    SoundBegun,
    SpotSound,
    SpotTools,
    SpotVerdict,
    StartReply,
    StreamUtterance,
    TurnFailed,
    Unduck,
    UtteranceEnded,
)
from voiced.conversation.events import (
    AnnouncementAsked,
    BrainName,
    Cause,
    CommandSpotted,
    Event,
    FrameCaptured,
    ItemId,
    ItemPlayed,
    MicrophoneLost,
    MicrophoneReady,
    MuteAsked,
    NoCommand,
    PlayoutDrained,
    PlayoutFlushed,
    ReplyAudio,
    ReplyText,
    SessionId,
    SpeakerLost,
    SpeakerReady,
    StopAsked,
    TextAsked,
    Thrift,
    ThriftChanged,
    TimePassed,
    ToolsChanged,
    ToolSpec,
)
from voiced.conversation.failover import Failover
from voiced.conversation.link import REFUSED_RETRY_S
from voiced.conversation.machine import Conversation
from voiced.conversation.notices import refused
from voiced.conversation.settings import BrainSettings, TurnSettings

CAUSES: Final = {refused(cause, brain) for cause in get_args(Cause) for brain in get_args(BrainName)}
TICK_S: Final = FRAME_MS / 1000
REMEMBERED: Final = 20
"""So many of the last things said, heard and done each session must know when it is asked for an answer."""


class World:
    """Everything around a conversation. What the user says, types and does is up to who drives it."""

    def __init__(self, fate: Fate, turns: TurnSettings, brains: BrainSettings) -> None:
        self.fate = fate
        self.turns = turns
        self.settings = brains
        self.now = 1000.0
        self.events: deque[str] = deque(maxlen=250)
        """The last ones, for whoever must find out what went wrong."""
        self.seen: Counter[str] = Counter()
        self.kinds: dict[Token, str] = {}
        """What each utterance is: speech, hum (none), a tool's name, command (local), stop."""
        self.about: dict[ItemId, frozenset[Token]] = {}
        self.announces: dict[ItemId, str] = {}
        """The items that say what a plugin wanted to be said."""
        self.answers: set[Token] = set()
        """What was said and typed to a plugin that had asked."""
        self.lost_in_a_commit: set[Token] = set()
        self.log: list[Token] = []
        """What every session must know, in order."""
        self.outcomes: dict[Token, str] = {}
        """What became of each question."""
        self.requests: Counter[str] = Counter()
        """How often each request has ended."""
        self.waiting: dict[str, str] = {}
        """Announcements that were asked for, which outlast a restart."""
        self.opened: dict[BrainName, list[float]] = {"realtime": [], "cascade": [], "offline": []}
        self.ran: Counter[str] = Counter()
        self.announced: list[tuple[float, str]] = []
        self.thrift: Thrift = "none"
        self.muted = False
        self.microphone_ok = True
        self.speaker_ok = True
        self._names = itertools.count(1)
        self._orders: dict[Token, int] = {}
        self._queue: list[tuple[float, int, Callable[[], object] | Iterator[float]]] = []
        self._utterances = itertools.count(1)
        self._open: dict[Token, int] = {}
        """Questions that await their answer, with their turn; 0 for what was typed."""
        self._refused_at: dict[BrainName, float] = {}
        self._begin()

    def _begin(self) -> None:
        """A process starts."""
        self.inbox: deque[Event] = deque()
        self._busy = False
        self._process = getattr(self, "_process", 0) + 1
        self.sessions: dict[SessionId, Session] = {}
        self.current: dict[BrainName, Session] = {}
        self.in_use: BrainName = self.settings.order[0]
        self.ducked = False
        self.floor = "idle"
        self.turn_marks: dict[int, set[Token]] = {}
        self._in_turn: dict[Token, float] = {}
        """What the microphone heard since the last turn, and when it last did."""
        self._buffered: dict[ItemId, int] = {}
        self._played: dict[ItemId, int] = {}
        self._finished: set[ItemId] = set()
        self._flushed: set[ItemId] = set()
        self._sounded: set[Token] = set()
        self._complete: dict[Token, frozenset[Token]] = {}
        """Questions whose answer is complete, and not heard yet; with all that who answers knew."""
        self._mic: deque[tuple[Token, bool]] = deque()
        self.plugins = Plugins(self)
        self.last_was_an_answer = False
        """The last utterance was for a plugin."""
        self._earcon = (0.0, "")
        self._spotting: dict[int, set[Token]] = {}
        self._last_verdict = 0
        self._told_once: set[str] = set()
        self._reloaded_at = self.now - 1.0
        self._causes: dict[BrainName, Cause] = {}
        """Why who refused for good did, since when it answered last."""
        self.emptied: frozenset[Token] = frozenset()
        """What an empty answer that arrives just now was asked about."""
        self._tick_at = self.now
        self.tools: tuple[ToolSpec, ...] = ()
        self.conversation = Conversation(self.turns, self.settings)

    def start(self) -> None:
        """As the daemon does: what the tools and the budget are is known before anybody connects."""
        self.a_plugin_comes()
        if self.thrift != "none":
            self.tell(ThriftChanged(self.thrift, "The budget is spent."))
        self._work(self.conversation.start(self.now))

    def restart(self) -> None:
        """The process ends and begins anew. Announcements are asked for again by who keeps them (timers do).

        All else that was pending is gone: who spoke speaks again, who typed sees the connection end. Nothing of the old
        process reaches the new one, and no tool that ran for an utterance is run for it again.
        """
        self._note("=== restart")
        for token in self._open:
            self.outcomes[token] = "restart"
        self._open.clear()
        self.requests = Counter({name: times for name, times in self.requests.items() if times})
        for session in self.sessions.values():
            session.over = True
            session.straggles = False
        self.log.clear()
        self._refused_at.clear()
        self._queue = []
        self.muted = False
        self.microphone_ok = self.speaker_ok = True
        self._begin()
        self.start()
        for request, text in self.waiting.items():
            self.tell(AnnouncementAsked(request, text))

    # Names and order.

    def name(self, kind: str) -> str:
        return f"{kind}{next(self._names)}"

    def order_of(self, token: Token) -> int:
        return self._orders.setdefault(token, len(self._orders))

    def counts(self, token: Token) -> bool:
        """Whether it is an utterance: sound of one that was thrown away may be in the pre-roll of the next.

        What goes on where the server ended a turn belongs to the next turn.
        """
        said = token in self._in_turn or token in self.answers
        said = said or any(token in turn for turn in self.turn_marks.values())
        return said and not self._still_said(token)

    def of_turn(self, item: ItemId | None, tokens: list[Token]) -> list[Token]:
        assert item is not None
        if item.startswith("answer-"):
            return [token for token in tokens if token in self.answers]
        turn = int(item.removeprefix("utterance-"))
        return [token for token in tokens if token in self.turn_marks[turn]]

    def _still_said(self, token: Token) -> bool:
        return any(token == each and speech for each, speech in self._mic)

    def begun(self, question: Token) -> None:
        """What somebody typed was put to a brain."""
        if question not in self.outcomes:
            self._open[question] = 0
            self.order_of(question)

    def unanswered(self) -> set[Token]:
        return set(self._open)

    # Time.

    def at(self, when: float, what: Callable[[], object] | Iterator[float]) -> None:
        heapq.heappush(self._queue, (when, next(self._names), what))

    def spawn(self, steps: Iterator[float]) -> None:
        """Each yield is a pause in seconds."""
        self.at(self.now, steps)

    def later(self, seconds: float, what: Callable[[], object]) -> None:
        self.at(self.now + seconds, what)

    def run(self, seconds: float) -> None:
        self.run_until(self.now + seconds)

    def run_until(self, end: float, holds: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass until `holds()`, or the end."""
        while not holds():
            tick = self._tick_at if self._needs_ticks() else math.inf
            queued = self._queue[0][0] if self._queue else math.inf
            due = max(self.conversation.deadline(), self.now)
            first = min(tick, queued, due)
            if first > end:
                self.now = max(self.now, end)
                return False
            self.now = max(self.now, first)
            if due <= first:
                self.seen["TimePassed"] += 1
                self.tell(TimePassed())
                assert self.conversation.deadline() > self.now, "a deadline that was kept is not gone"
            elif queued <= first:
                _, _, what = heapq.heappop(self._queue)
                if callable(what):
                    what()
                else:
                    pause = next(what, None)
                    if pause is not None:
                        self.at(self.now + pause, what)
            else:
                self._tick()
        return True

    def _needs_ticks(self) -> bool:
        needed = bool(self._buffered and self.speaker_ok) or (
            self.microphone_ok and (bool(self._mic) or self.floor in ("listening", "overlap"))
        )
        if not needed:
            self._tick_at = self.now + TICK_S
        return needed

    def _tick(self) -> None:
        self._tick_at = self.now + TICK_S
        self._play()
        if self.microphone_ok and (self._mic or self.floor in ("listening", "overlap")):
            token, speech = self._mic.popleft() if self._mic else ("", False)
            number = int(token[1:]) if speech else 0
            if speech and not self.muted:
                self._in_turn[token] = self.now
            self.tell(FrameCaptured(Frame(number.to_bytes(2, "little") * (FRAME_BYTES // 2), speech)))

    # The hub.

    def tell(self, event: Event) -> None:
        self.inbox.append(event)
        if not self._busy:
            self._work([])

    def _work(self, commands: list[Command]) -> None:
        self._busy = True
        self._obey(commands)
        while self.inbox:
            event = self.inbox.popleft()
            if isinstance(event, ReplyText):
                self.order_of(event.item)
            if not isinstance(event, FrameCaptured | ReplyAudio | ItemPlayed | ReplyText | TimePassed):
                self._note(f"< {event}")
            self._obey(self.conversation.handle(event, self.now))
            self.emptied = frozenset()
        self._busy = False
        self._check()

    def _note(self, line: str) -> None:
        self.events.append(f"{self.now:9.2f} {line[:170]}")

    def _obey(self, commands: list[Command]) -> None:
        for command in commands:
            if not isinstance(command, Play | StreamUtterance | SpotSound):
                self._note(f"    > {command.fact if isinstance(command, Report) else command}")
            match command:
                case Report(fact):
                    self._told(fact)
                case OpenSession():
                    self._opens(command)
                case Play(item, pcm):
                    assert item not in self._flushed, "old sound after a barge-in"
                    assert item not in self._finished, "sound of an item that was finished"
                    self._buffered[item] = self._buffered.get(item, 0) + samples_of(pcm)
                    self._played.setdefault(item, 0)
                case FinishItem(item):
                    assert item not in self._finished
                    self._finished.add(item)
                case FlushPlayout(items):
                    for item in items:
                        self._flushed.add(item)
                        if self._buffered.pop(item, 0) > self._played.get(item, 0) or item not in self._finished:
                            self.plugins.dropped(item, self.announces.get(item))
                    self.later(self.fate.delay(0.0, 0.04), self._flush_told(items))
                case Duck():
                    assert not self.ducked
                    self.ducked = True
                case Unduck():
                    self.ducked = False
                case PlayEarcon(name):
                    self.seen[f"earcon {name}"] += 1
                    self._earcon = (self.now, name)
                    if name == "done":  # After a tool there may be nothing left to say.
                        self._resolve(set(self.emptied) & set(self._open), "done")
                case SetVolume() | SpotTools():
                    pass
                case SpotSound(utterance, pcm):
                    self._spotting = {utterance: self._spotting.get(utterance, set()) | set(marks(pcm))}
                case SpotVerdict(utterance):
                    self._judge(utterance)
                case RunTool():
                    self.plugins.run(command)
                case CancelTool():
                    self.plugins.cancel(command)
                case CloseSession(session) if session not in self.sessions:
                    raise AssertionError(f"closes session {session}, which never was")
                case OpenMicrophone() | CloseMicrophone():
                    assert isinstance(command, CloseMicrophone) == self.muted, "the microphone is not as asked"
                case _:
                    if isinstance(command, StartReply):
                        self.seen["StartReply"] += 1
                        if command.announce is not None:
                            self.announced.append((self.now, command.announce))
                            self.plugins.begun(command.announce)
                    self.sessions[command.session].do(command)

    def _opens(self, command: OpenSession) -> None:
        brain = command.brain
        assert command.session not in self.sessions, "a session number was used twice"
        assert self._affordable(brain), f"{brain} was opened, whom thrift {self.thrift} forbids"
        refused_at = self._refused_at.get(brain, -math.inf)
        assert self.now - refused_at >= REFUSED_RETRY_S, f"{brain} refused for good, and was tried again at once"
        self.opened[brain].append(self.now)
        if brain in self.current:
            self.current[brain].close(straggles=True)
        self.sessions[command.session] = self.current[brain] = Session(self, command)
        for number in [number for number, session in self.sessions.items() if session.over][:-20]:
            del self.sessions[number]

    def _affordable(self, brain: BrainName) -> bool:
        failover = Failover(self.settings)
        failover.thrift = self.thrift
        return failover.allows(brain)

    def refused_for_good(self, brain: BrainName, cause: Cause) -> None:
        self._refused_at[brain] = self.now
        if self._causes.get(brain, cause) != cause:
            self._told_once.clear()
        self._causes[brain] = cause

    # Facts.

    def _told(self, fact: object) -> None:
        self.seen[type(fact).__name__] += 1
        match fact:
            case FloorChanged(floor):
                if floor in ("listening", "overlap") and self.floor not in ("listening", "overlap"):
                    pre_roll_s = self.turns.pre_roll_ms / 1000
                    self._in_turn = {token: at for token, at in self._in_turn.items() if at > self.now - pre_roll_s}
                self.floor = floor
                if floor in ("idle", "thinking", "speaking"):
                    self._in_turn.clear()
            case BrainSelected(brain):
                self.in_use = brain
            case UtteranceEnded(turn, length, _, answers):
                began = self.now - length / 1000 + 1e-6
                tokens = {token for token, at in self._in_turn.items() if at > began and not self._still_said(token)}
                assert self._in_turn, "an utterance of which nobody said anything"
                self._in_turn.clear()
                self.last_was_an_answer = answers
                if answers:
                    self._an_answer(tokens)
                    return
                self.turn_marks[turn] = tokens
                self._note(f"      turn {turn} holds {sorted(tokens)}")
                for token in sorted(tokens, key=lambda token: int(token[1:])):
                    assert token not in self.outcomes
                    self._open[token] = turn
                    self.order_of(token)
                    self.log += [token] if self.kinds[token] != "hum" else []
            case FalseInterruption():
                self._in_turn.clear()
            case BargedIn():
                self.plugins.barged_in()
                self._complete.clear()  # An answer that was cut before a sound of it is none.
                self._resolve(self._sounded & set(self._open), "the user took the floor")
            case ReplyHeard():
                self._answered(self._complete.keys())
            case TurnFailed(turn, reason):
                told = {token for token, of in self._open.items() if 0 < of <= turn}
                if told:
                    assert self._earcon == (self.now, "failed"), "a failure that nobody heard of"
                self._forget(self._resolve(told, f"failed: {reason}"))
                self.seen[f"failed: {reason}"] += 1
            case NotSpeech(turn):
                tokens = self.turn_marks[turn] & set(self._open)
                assert all(self.kinds[token] == "hum" for token in tokens), "speech was taken for none"
                self._forget(self._resolve(tokens, "no speech"))
            case SoundBegun(request):
                self.plugins.sound_begun(request)
            case RequestEnded(request, text, error):
                typed = {token for token in text.split() if token[0] == "q" and request in self.plugins.asked}
                self.answers |= typed
                self.outcomes |= dict.fromkeys(typed, "an answer")
                self.plugins.ended(fact)
                if request == "notice":
                    if not error:
                        self._notice_told()
                else:
                    self.requests[request] += 1
                    assert self.requests[request] == 1, f"{request} ended twice"
                    self.waiting.pop(request, None)
                    if error and request in self._open and "interrupted" not in error:
                        self._forget(self._resolve({request}, error))
            case _:
                pass

    def _an_answer(self, tokens: set[Token]) -> None:
        self._note(f"      {sorted(tokens)} is an answer")
        for token in sorted(tokens, key=lambda token: int(token[1:])):
            assert token not in self.outcomes
            self.outcomes[token] = "an answer"
            self.order_of(token)
            self.log += [token] if self.kinds[token] != "hum" else []
        self.answers |= tokens
        self.plugins.heard_in_answer(tokens)

    def answered_by_typing(self, token: Token) -> None:
        """Who is asked is told at once."""
        self.answers.add(token)

    def remember(self, token: Token) -> None:
        """Every session must know of it."""
        self.order_of(token)
        self.log.append(token)

    def obeyed(self, token: Token) -> None:
        """By the device."""
        if token in self._open:
            self._resolve({token}, "the device obeyed")

    def _notice_told(self) -> None:
        begun_at, text = self.announced[-1]
        if text in CAUSES and begun_at > self._reloaded_at:
            assert text not in self._told_once, "what somebody must mend was said again"
            self._told_once.add(text)

    def _resolve(self, tokens: set[Token], outcome: str) -> set[Token]:
        for token in tokens:
            del self._open[token]
            self.outcomes[token] = outcome
            self._note(f"      {token}: {outcome}")
        return tokens

    def _forget(self, tokens: set[Token]) -> None:
        """Nobody needs to know of them any more; some may."""
        self.log = [token for token in self.log if token not in tokens]

    def worked(self, brain: BrainName) -> None:
        """Its response completed: what was wrong with it is mended, and what is broken anew is told anew."""
        if self._causes.pop(brain, None) is not None:
            self._told_once.clear()

    def answered(self, tokens: frozenset[Token], knew: frozenset[Token]) -> None:
        """The news that an answer is complete arrived."""
        self._complete = dict.fromkeys(tokens, knew)
        self._answered(tokens & self._sounded)

    def _answered(self, tokens: Set[Token]) -> None:
        for token in tokens & self._complete.keys():
            self.plugins.answer_given(self._complete.pop(token))
            self._resolve({token} & self._open.keys(), "answered")

    def was_read(self, about: frozenset[Token]) -> None:
        """Text with no sound came: as good as heard."""
        self._sounds(about)

    def _sounds(self, about: frozenset[Token]) -> None:
        """Something of an answer is heard."""
        self._sounded |= about
        self._answered(about)

    def asked(self, session: Session) -> None:
        """A session is asked for an answer."""
        known = {*session.known, *session.in_flight()} | self.lost_in_a_commit
        assert session.continues or known & set(self._open), "an answer to nothing, or a second one"
        missing = set(self._open) - known - {t for t in self._open if t in self.requests}
        assert not missing, f"an answer is wanted to what was never told: {missing}"
        lately = [token for token in self.log if token not in self._open][-REMEMBERED:]
        unknown = [token for token in lately if token not in known]
        assert not unknown, f"session {session.number} does not know of {unknown}"

    # What must always hold.

    def _check(self) -> None:
        assert self.ducked == (self.conversation.floor == "overlap"), "the gain"
        if any(self._buffered[item] > self._played[item] for item in self._buffered):
            assert self.conversation.floor in ("speaking", "overlap"), "it sounds, and the floor does not tell"
        if self.floor == "thinking" and not self.plugins.running:
            assert self.conversation.deadline() < math.inf, "who thinks is waited for for ever"
        if self.floor == "idle":
            left = {token for token, turn in self._open.items() if turn}
            assert not left, f"nobody answers {left}"
            assert self.plugins.answering is None, f"nobody was told of {self.plugins.answering}"

    # The loudspeaker.

    def _play(self) -> None:
        if not self.speaker_ok:
            return
        for item in list(self._buffered):
            step = min(to_samples(FRAME_MS), self._buffered[item] - self._played[item])
            if step:
                self._played[item] += step
                if item in self.announces:
                    self.plugins.played(self.announces[item])
                self._sounds(self.about.get(item, frozenset()))
                if self._played[item] % to_samples(100) == 0 or self._played[item] == self._buffered[item]:
                    self.tell(ItemPlayed(item, Samples(self._played[item])))
                break
        for item in list(self._buffered):
            if item in self._finished and self._buffered.get(item) == self._played[item]:
                self._buffered.pop(item, None)
                if not item.startswith("sound-"):
                    self.log.append(item)
                    self.log.sort(key=self.order_of)
                if item in self.announces:
                    self.plugins.drained(self.announces[item])
                self.tell(PlayoutDrained(item, Samples(self._played[item])))

    def _flush_told(self, items: tuple[ItemId, ...]) -> Callable[[], None]:
        def told() -> None:
            for item in items:
                self.tell(PlayoutFlushed(item, Samples(self._played.get(item, 0))))

        return told

    def lose_speaker(self) -> None:
        if self.speaker_ok:
            self.speaker_ok = False
            self.tell(SpeakerLost("unplugged"))

    def mend_speaker(self) -> None:
        if not self.speaker_ok:
            self.speaker_ok = True
            self.tell(SpeakerReady("speaker"))

    # The spotter.

    def _judge(self, utterance: int) -> None:
        how = self.fate.of("spot")
        tokens = self._spotting.get(utterance, set())
        commands = [token for token in tokens if self.kinds[token] in ("command", "stop")]
        verdict: Event = NoCommand(utterance)
        if len(tokens) == len(commands) == 1:
            [token] = commands
            verdict = CommandSpotted(utterance, self.kinds[token], json.dumps({"n": int(token[1:])}), token)
        pause = self.fate.delay(0.25, 3.0) if how == "late" else self.fate.delay(0.005, 0.05)
        if how != "never":
            self.later(pause, lambda: self.tell(verdict))
        if how == "twice":
            self.later(pause + self.fate.delay(0.0, 1.0), lambda: self.tell(verdict))
        if how == "stale" and self._last_verdict:
            self.tell(NoCommand(self._last_verdict))
        self._last_verdict = utterance

    # The user, and what else happens.

    def says(self, ms: int, kind: str = "speech", *, silence_ms: int = 700) -> Token:
        """Frames come from now on; a `hum` is what the VAD takes for speech and nobody can write down."""
        token = f"u{next(self._utterances)}"
        self.kinds[token] = kind
        self._mic += [(token, True)] * (ms // FRAME_MS) + [(token, False)] * (silence_ms // FRAME_MS)
        return token

    def speaking(self) -> bool:
        return bool(self._mic)

    def coughs(self, ms: int = 100) -> None:
        self.says(ms, "hum", silence_ms=400)

    def types(self) -> str:
        request = self.name("q")
        self.requests[request] = 0
        self.kinds[request] = "speech"
        self.tell(TextAsked(request, request))
        return request

    def a_timer_rings(self) -> str:
        request = self.name("a")
        self.waiting[request] = f"announcement {request}"
        self.tell(AnnouncementAsked(request, self.waiting[request], earcon="alarm"))
        return request

    def user_says_stop(self) -> None:
        self._resolve(set(self._open), "stopped")
        self.plugins.stopped()
        self._in_turn.clear()
        self._mic.clear()
        self.tell(StopAsked())

    def mute(self, muted: bool) -> None:
        if muted == self.muted:
            return
        self.muted = muted
        self._mic.clear()
        self.tell(MuteAsked(muted))
        self._in_turn.clear()

    def lose_microphone(self) -> None:
        if self.microphone_ok:
            self.microphone_ok = False
            self._mic.clear()
            self.tell(MicrophoneLost("unplugged"))
            self._in_turn.clear()

    def mend_microphone(self) -> None:
        if not self.microphone_ok:
            self.microphone_ok = True
            self.tell(MicrophoneReady("microphone"))

    def a_plugin_comes(self) -> None:
        self.tools = (*TOOLS, ToolSpec(self.name("tool"), "Switch the lamp.", {}))
        self.tell(ToolsChanged(self.tools))

    def spends(self, thrift: Thrift, notice: str = "") -> None:
        self.thrift = thrift
        self._refused_at.clear()
        self.tell(ThriftChanged(thrift, notice))

    def reloads(self, turns: TurnSettings, brains: BrainSettings) -> None:
        self._note(f"=== reload {brains.order} {turns.end}")
        self._told_once.clear()
        self._reloaded_at = self.now
        self.turns, self.settings = turns, brains
        self._refused_at.clear()
        self._work(self.conversation.reconfigure(turns, brains, self.now))

    def drop(self, brain: BrainName) -> None:
        """Its connection breaks, if it has one."""
        if brain in self.current:
            self.current[brain].lose("reset by peer")

    # Memory.

    def sizes(self) -> dict[str, int]:
        """How long every container in the conversation is, sound left out."""
        found: dict[str, int] = {}
        _measure(self.conversation, "conversation", found, set())
        return found


def _measure(thing: Any, path: str, found: dict[str, int], seen: set[int]) -> None:
    if id(thing) in seen or isinstance(thing, str | bytes | bytearray | int | float | type | Session | World):
        return
    seen.add(id(thing))
    if isinstance(thing, dict):
        found[path] = len(thing)
        for key, value in thing.items():
            _measure(value, f"{path}[{key}]" if isinstance(key, str) and len(thing) < 6 else f"{path}[]", found, seen)
    elif isinstance(thing, list | tuple | set | frozenset | deque):
        found[path] = max(found.get(path, 0), len(thing))
        for each in thing:
            _measure(each, f"{path}[]", found, seen)
    elif type(thing).__module__.startswith("voiced"):
        names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
        for name in {*names, *getattr(thing, "__dict__", {})}:
            if hasattr(thing, name):
                _measure(getattr(thing, name), f"{path}.{name.lstrip('_')}", found, seen)
