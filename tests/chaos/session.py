"""One session of a brain: a server in memory that follows the port protocol, is strict about it, and may fail."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from tests.chaos.plugins import ASKED_FOR
from voiced.audio import FRAME_BYTES, SAMPLE_BYTES, to_ms, to_samples
from voiced.conversation.commands import (
    AddHistory,
    AssistantSaid,
    BrainCommand,
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
    BrainEvent,
    BrainLost,
    BrainReady,
    CallId,
    Cause,
    ItemId,
    ReplyAudio,
    ReplyDone,
    ReplyId,
    ReplyItemDone,
    ReplyStarted,
    ReplyText,
    RequestRefused,
    ServerHeard,
    ToolCalled,
    UserTranscribed,
    UtteranceCommitted,
)

if TYPE_CHECKING:
    from tests.chaos.world import World

SHORTEST_COMMIT: Final = to_samples(100) * SAMPLE_BYTES
VAD_SILENCE: Final = 25
"""Silent frames after which the server's own VAD ends a turn."""
LATENCY_S: Final = 0.03

Token = str
"""One thing that a conversation holds: u7 an utterance, q3 a typed question, t7 what the tool did that u7 asked for
(t7r9 what it did when it was run again, x7x9 that it was cancelled), i9 an item of an answer."""


def marks(pcm: bytes) -> list[Token]:
    """Each utterance's frames carry its number."""
    found = {pcm[at : at + 2] for at in range(0, len(pcm), FRAME_BYTES)} - {b"\0\0"}
    return [f"u{number}" for number in sorted(int.from_bytes(mark, "little") for mark in found)]


def tool_of(token: Token) -> Token:
    return f"t{token[1:]}"


def result_of(output: str) -> Token:
    """The last word of what a tool returned."""
    return output.split()[-1]


@dataclass(eq=False)
class Response:
    announce: str | None
    about: frozenset[Token]
    """The questions that were open, and that the session knew, when it was asked for."""
    knew: frozenset[Token] = frozenset()
    id: ReplyId | None = None
    begun: bool = False
    cancelled: bool = False
    sounded: bool = False
    written: bool = False
    called: bool = False
    foreign: bool = False
    open_items: list[ItemId] = field(default_factory=list)


class Session:
    """Lives until it is closed or lost; `ready` says whether it takes commands."""

    def __init__(self, world: World, order: OpenSession) -> None:
        self.world = world
        self.number = order.session
        self.brain = order.brain
        self.thrift = order.thrift
        self.tools = order.tools
        self.ready = False
        self.over = False
        self.straggles = False
        self.known: list[Token] = []
        """In the order in which it was told, or said it."""
        self.users: list[tuple[ItemId | None, list[Token]]] = []
        """The user items since the last thing that was none."""
        self.response: Response | None = None
        self.continues = False
        """It has the result of a tool that it called, and goes on from there."""
        self.expects: deque[tuple[ItemId, list[Token]]] = deque()
        """Replayed sound, which is written down when a reply is asked for."""
        self.wants_an_answer = False
        """A tool has asked something, and what comes next is no question to this brain."""
        self._buffer = bytearray()
        self._heard_speech = False
        self._silence = 0
        self._ended_by_vad = 0
        self._last_told = -1
        self._calls: dict[CallId, Token] = {}
        self._done_here: set[Token] = set()
        self._audio: dict[ItemId, int] = {}
        self._gone: set[ItemId] = set()
        self._sent_until = 0.0
        self._deaf = False
        """It is gone, and the news is on its way."""
        self._ending: Response | None = None
        self._learn(order.history)
        self.world.spawn(self._connect(order.after / 1000))

    # What it was told.

    def do(self, command: BrainCommand) -> None:
        if isinstance(command, CloseSession):
            self.close(straggles=self.world.fate.of("repeat") == "again")
            return
        assert not self.over, f"a command for a session that is over: {command}"
        if self._deaf:
            return
        assert self.ready, f"a command for a session that is not open: {command}"
        match command:
            case StreamUtterance(_, pcm):
                self._hear(pcm)
            case CommitUtterance():
                self._commit()
            case DiscardUtterance():
                self._buffer.clear()
                self._heard_speech = False
            case AddHistory(_, items):
                assert items
                self._learn(items)
            case SendText(_, text, _):
                self._told(text)
                if self.wants_an_answer:
                    self.world.answered_by_typing(text)
                else:
                    self.world.begun(text)
                    self.users.append((None, [text]))
            case ExpectAnswer(_, choices):
                self.wants_an_answer = choices is not None
            case SendToolResult(_, call, output):
                assert call in self._calls, f"unknown call_id {call}"
                token = self._calls.pop(call)
                if not output.startswith("Not run"):
                    result = result_of(output)
                    if result[0] == "t":
                        self._done_here.add(token)
                    self.continues = True
                    if result not in self.known:
                        self._knows(result)
                    self.users.clear()
            case StartReply(_, announce):
                self._start(announce)
            case CancelReply():
                self._cancel()
            case TruncateReply(_, item, heard):
                assert item in self._audio, "item_not_found"
                assert item not in self._gone, "already truncated or deleted"
                assert 0 < heard <= to_ms(self._audio[item] // SAMPLE_BYTES), "already shorter"
                self._gone.add(item)
            case DeleteItem(_, item):
                assert item in self._audio, "item_not_found"
                assert item not in self._gone, "already truncated or deleted"
                self._gone.add(item)
                if item in self.known:
                    self.known.remove(item)
            case UpdateTools(_, tools):
                assert tools != self.tools, "told again of the same tools"
                self.tools = tools
            case _:
                raise AssertionError(command)

    def close(self, *, straggles: bool = False) -> None:
        self.over = True
        self.straggles = straggles
        self.response = None

    def lose(self, reason: str = "reset", **why: object) -> None:
        """The connection is gone."""
        if self.over:
            return
        event = BrainLost(self.number, reason, **why)  # type: ignore[arg-type]

        def gone() -> None:
            self.close()
            if event.fatal:
                self.world.refused_for_good(self.brain, event.cause)

        self.post(event, then=gone)
        self.response = None
        self._deaf = True

    def _told(self, token: Token) -> None:
        """By who talks to it; what it says itself has the order of its own clock."""
        order = self.world.order_of(token)
        if token[0] == "q":
            order = self._last_told  # When its turn came, nobody saw.
        if token[0] == "u" and self.world.turns.end == "server":
            order = max(order, self._last_told + 1)  # Where a turn ends is not the same here and there.
        assert order > self._last_told or token[0] == "q", (
            f"{token} ({order}) came too late to session {self.number}: {self.known[-5:]} ({self._last_told})"
        )
        self._last_told = order
        self._knows(token)

    def _knows(self, token: Token) -> None:
        assert token not in self.known, f"session {self.number} has {token} twice"
        self.known.append(token)

    def _learn(self, items: tuple[HistoryItem, ...]) -> None:
        for item in items:
            match item:
                case UserSaid(text, pcm, _, _):
                    tokens = self.world.of_turn(item.item, marks(pcm)) if text is None else text.split()
                    for token in tokens:
                        self._told(token)
                        if token[0] == "q" and token not in self.world.answers:
                            self.world.begun(token)
                    if not set(tokens) <= self.world.answers:
                        self.users.append((item.item, tokens))
                    if text is None:
                        assert item.item is not None
                        self.expects.append((item.item, tokens))
                case AssistantSaid(text):
                    self._told(text.split()[0])
                    self.users.clear()
                case ToolUsed(_, _, _, output):
                    self._told(result_of(output))
                    self.users.clear()

    # Events go out in the order of a socket.

    def post(self, event: BrainEvent, then: Callable[[], object] | None = None) -> None:
        def arrive() -> None:
            if self.over and not self.straggles:
                return
            over = self.over
            if not over and then is not None:
                then()
            self.world.tell(event)

        self._sent_until = max(self._sent_until, self.world.now + LATENCY_S)
        self.world.at(self._sent_until, arrive)

    def _connect(self, after: float) -> Iterator[float]:
        fate = self.world.fate
        yield after + fate.delay(0.1, 0.6)
        how = fate.of("connect", self.brain)
        match how:
            case "slow":
                yield fate.delay(3.0, 12.0)
            case "stall":
                return
            case "drop":
                self.lose("no route to host")
            case "busy":
                self.lose("too many sessions", retry_after_s=fate.delay(5.0, 60.0))
            case "key" | "credit" | "settings" | "odd":
                cause: Cause = "" if how == "odd" else how
                self.lose(f"refused: {how}", fatal=True, cause=cause)
        if self.over or self._deaf:
            return

        def up() -> None:
            self.ready = True

        self.post(BrainReady(self.number), then=up)
        if how == "brief":
            yield LATENCY_S + fate.delay(0.0, 1.0)
            self.lose("1001 going away")

    # The user.

    def _hear(self, pcm: bytes) -> None:
        self._buffer += pcm
        if self.brain != "realtime" or self.world.turns.end == "local":
            return
        for at in range(0, len(pcm), FRAME_BYTES):
            if pcm[at : at + 2] != b"\0\0":
                self._heard_speech, self._silence = True, 0
            else:
                self._silence += 1
        if self._heard_speech and self._silence >= VAD_SILENCE:
            self._heard_speech, self._silence = False, 0
            if self.world.fate.of("vad", self.brain) == "well":
                self.post(ServerHeard(self.number, speaking=False))
                self._ended_by_vad += 1
                self._item_of_the_buffer()

    def _commit(self) -> None:
        assert self.wants_an_answer == self.world.last_was_an_answer, "what is committed is taken for something else"
        if len(self._buffer) < SHORTEST_COMMIT:
            assert self._ended_by_vad, "input_audio_buffer_commit_empty"
            self.post(RequestRefused(self.number, "commit", "input_audio_buffer_commit_empty", "too small"))
        elif self.brain == "realtime" and self.world.fate.of("commit", self.brain) == "refused":
            self.world.lost_in_a_commit |= set(marks(bytes(self._buffer)))
            self._buffer.clear()
            self.post(RequestRefused(self.number, "commit", "odd", "I can't do that"))
        else:
            self._item_of_the_buffer()

    def _utterances(self, pcm: bytes) -> list[Token]:
        return [token for token in marks(pcm) if self.world.counts(token)]

    def _item_of_the_buffer(self) -> None:
        tokens = self._utterances(bytes(self._buffer))
        self._buffer.clear()
        self._heard_speech = False
        for token in tokens:
            self._knows(token)
        item = ItemId(self.world.name("c"))
        if not self.wants_an_answer:
            self.users.append((item, tokens))
        self.post(UtteranceCommitted(self.number, item))
        self.world.spawn(self._write_down(item, tokens))

    def _write_down(self, item: ItemId, tokens: list[Token]) -> Iterator[float]:
        how = self.world.fate.of("transcript", self.brain)
        yield self.world.fate.delay(0.2, 1.5)
        if not self.over and how != "never":
            self.post(UserTranscribed(self.number, item, None if how == "none" else self._text(tokens)))

    def _text(self, tokens: list[Token]) -> str:
        return "" if all(self._is_a_hum(token) for token in tokens) else " ".join(tokens)

    def _is_a_hum(self, token: Token) -> bool:
        return self.brain != "realtime" and self.world.kinds.get(token) == "hum"

    # Replies.

    def in_flight(self) -> list[Token]:
        """Where the server ends the turns: what it got after its last decision, which waits for its next."""
        return marks(bytes(self._buffer))

    def speak_up(self) -> None:
        """The server's idle timeout."""
        if self.ready and not self.over and self.response is None and self.brain == "realtime":
            self.response = Response(None, frozenset(), foreign=True)
            self.world.spawn(self._respond(self.response))

    def _start(self, announce: str | None) -> None:
        if self.response is not None and self.response.foreign:
            busy = "conversation_already_has_active_response"
            self.post(RequestRefused(self.number, "reply", busy, "wait for its end"))
            return
        assert self.response is None, "conversation_already_has_active_response"
        if announce is None:
            self.world.asked(self)
            self.continues = False
        about = frozenset() if announce is not None else frozenset(self.world.unanswered() & set(self.known))
        self.response = Response(announce, about, frozenset(self.known))
        while self.expects:
            item, tokens = self.expects.popleft()
            if self.world.fate.of("transcript", self.brain) == "well":
                self.post(UserTranscribed(self.number, item, self._text(tokens)))
        self.world.spawn(self._respond(self.response))

    def _cancel(self) -> None:
        response = self.response
        if response is None:
            if self._ending is not None:
                self._ending.cancelled = True  # Its end is on the way.
            self.post(RequestRefused(self.number, "cancel", "response_cancel_not_active", "nothing to cancel"))
            return
        assert not response.cancelled, "cancelled twice"
        response.cancelled = True
        self.world.spawn(self._acknowledge_cancel(response))

    def _acknowledge_cancel(self, response: Response) -> Iterator[float]:
        fate = self.world.fate
        how = fate.of("cancel", self.brain)
        if how == "never":
            return
        yield fate.delay(2.0, 12.0) if how == "slow" else fate.delay(0.0, 0.1)
        if how == "lost":
            self.lose("lost at a cancel")
        if self._goes(response):
            self._end(response, "cancelled", "client_cancelled")

    def _goes(self, response: Response) -> bool:
        return not self.over and not self._deaf and self.response is response

    def _respond(self, response: Response) -> Iterator[float]:
        fate = self.world.fate
        how = fate.of("reply", self.brain)
        yield fate.delay(0.05, 0.8)
        if not self._goes(response) or response.cancelled or how == "stall":
            return
        if how == "lost":
            self.lose("lost before it began")
            return
        if how == "refused" and not response.foreign:
            self.response = None
            self.post(RequestRefused(self.number, "reply", "server_error", "no"))
            return
        self._begin(response)
        yield fate.delay(0.02, 0.5)
        if not self._goes(response) or response.cancelled:
            return
        match how:
            case "stall_begun":
                return
            case "lost_begun":
                self.lose("lost after it began")
            case "failed":
                self._end(response, "failed", "server_error", "overloaded")
            case "rate_limit":
                self._end(response, "failed", "rate_limit_exceeded", "too many")
            case "quota":
                self._end(response, "failed", "insufficient_quota", "no credit")
            case "incomplete":
                self._end(response, "incomplete", "content_filter", "filtered")
            case "empty" if response.announce is None:
                self._end(response, "completed")
            case _:
                yield from self._answer(response, how)

    def _begin(self, response: Response) -> None:
        if not response.begun:
            response.begun = True
            response.id = ReplyId(self.world.name("r"))
            self.post(ReplyStarted(self.number, response.id))

    def _answer(self, response: Response, how: str) -> Iterator[float]:
        if response.announce is None and not response.foreign:
            noises = [(item, tokens) for item, tokens in self.users if item is not None]
            if (
                noises == self.users
                and noises
                and all(self._is_a_hum(token) for _, tokens in noises for token in tokens)
            ):
                for item, _ in noises:
                    self.post(UserTranscribed(self.number, item, ""))
                self.users.clear()
                self._end(response, "completed", "no_speech")
                return
            wanted = [token for token in sorted(response.about) if self._wants_a_tool(token)]
            if wanted:
                for token in wanted:
                    self._call(response, token)
                if how.startswith("lost"):
                    yield self.world.fate.delay(0.0, 0.6)
                    self.lose("lost after it called a tool")
                elif how.startswith("failed"):
                    self._end(response, "failed", "server_error", "overloaded")
                else:
                    self._end(response, "completed")
                return
        yield from self._say(response, how)

    def _wants_a_tool(self, token: Token) -> bool:
        if self.world.kinds.get(token) not in ASKED_FOR or tool_of(token) in self._done_here:
            return False
        if tool_of(token) in self._calls.values():
            return False
        return tool_of(token) not in self.known or self.world.fate.of("repeat") == "again"

    def _call(self, response: Response, token: Token) -> None:
        assert response.id is not None
        response.called = True
        call = CallId(self.world.name("call"))
        self._calls[call] = tool_of(token)
        spaces = " " * (self.number % 3)  # each brain writes its JSON in its own way
        arguments = f'{{"n":{spaces}{token[1:]}}}'
        item = ItemId(self.world.name("i"))
        self.post(ToolCalled(self.number, response.id, item, call, self.world.kinds[token], arguments))

    def _say(self, response: Response, how: str) -> Iterator[float]:
        fate = self.world.fate
        assert response.id is not None
        for _ in range(1 if fate.of("repeat") == "well" else 2):
            item = ItemId(self.world.name("i"))
            self.world.about[item] = response.about
            if response.announce is not None:
                self.world.announces[item] = response.announce
            self._knows(item)
            self.users.clear()
            self._audio[item] = 0
            response.open_items.append(item)
            chunks = 2 + int(fate.delay(0, 20))
            for number in range(chunks):
                self.post(ReplyText(self.number, response.id, item, f"{item} " * 3, spoken=how != "text"))
                response.written = True
                if how != "text":
                    pcm = bytes(2 * to_samples(200))
                    self._audio[item] += len(pcm)
                    self.post(ReplyAudio(self.number, response.id, item, pcm))
                    response.sounded = True
                yield 0.05
                if not self._goes(response) or response.cancelled:
                    return
                if number == 1 and how == "stall_sounding":
                    return
                if number == 1 and how == "lost_sounding":
                    self.lose("lost in mid-answer")
                    return
                if number == 1 and how == "failed_sounding":
                    self._end(response, "failed", "server_error", "broke off")
                    return
            if how == "text":
                self.post(
                    ReplyItemDone(self.number, response.id, item), then=lambda: self.world.was_read(response.about)
                )
            else:
                self.post(ReplyItemDone(self.number, response.id, item))
            response.open_items.remove(item)
            yield 0.02
            if not self._goes(response) or response.cancelled:
                return
        if how == "cut_short":
            self._end(response, "incomplete", "max_output_tokens", "too long")
        else:
            self._end(response, "completed")

    def _end(
        self,
        response: Response,
        status: Literal["completed", "cancelled", "incomplete", "failed"],
        code: str = "",
        reason: str = "",
    ) -> None:
        self._begin(response)
        assert response.id is not None
        for item in response.open_items:
            self.post(ReplyItemDone(self.number, response.id, item))
        self.response, self._ending = None, response

        def arrived() -> None:
            self._ending = None
            if status == "completed":
                self.world.worked(self.brain)
                if response.announce is not None:
                    self.world.plugins.whole.add(response.announce)
            if response.called or response.cancelled or response.announce is not None:
                return
            if status == "completed" and not response.written:
                self.world.emptied = response.about
            if response.sounded or (response.written and status == "completed"):
                self.world.answered(response.about, response.knew)

        self.post(ReplyDone(self.number, response.id, status, code, reason), then=arrived)
