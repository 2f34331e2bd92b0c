"""The offline brain as the hub knows it: it hears, matches and speaks with two processes of this machine.

It behaves as a server in memory does: the same commands as Realtime, the same events in the same orders. It answers
the last question alone, so that of what was said before it keeps nothing, and a reply that was cut leaves nothing to
be cut here: the history is the conversation's.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from voiced.audio import RATE, SAMPLE_BYTES
from voiced.brains.offline.answers import not_understood, offers_of, plain, sentences, speakable, what_i_can_do
from voiced.brains.offline.choice import Choice
from voiced.brains.offline.engines import ACCEPTED, EngineError, Heard
from voiced.brains.offline.expected import answers_to
from voiced.brains.offline.fetching import fetch
from voiced.brains.offline.hearing import Hearing, Utterance
from voiced.brains.offline.matching import Understanding
from voiced.brains.offline.speaking import Speaking
from voiced.brains.offline.worker_process import Worker, WorkerFailed
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
    BrainLost,
    BrainReady,
    CallId,
    Event,
    ItemId,
    ReplyAudio,
    ReplyDone,
    ReplyId,
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
from voiced.errors import BrainError
from voiced.ports import Post

log = structlog.get_logger(__name__)

PAUSE: Final = bytes(RATE * SAMPLE_BYTES * 18 // 100)
"""Between two sentences, 180 ms: each is synthesised by itself."""

MOST_QUESTIONS: Final = 8
"""That a session keeps: what is answered is the last in which somebody spoke."""

HELP: Final = ToolSpec(
    "offline_help",
    "",
    {"type": "object", "properties": {}},
    tuple(
        Sentence(said)
        for said in ("help [me]", "what can (you|i) (do|say)", "what can i ask [you]", "what do you understand")
    ),
)  # fmt: skip
"""What it offers itself, told from a tool's by its name, which no tool can take from it: it comes first."""


@dataclass(slots=True, eq=False)
class _Question:
    """What the user said last. One of `text`, `pcm` and `heard` is how it is known, or none is."""

    text: str | None = None
    pcm: bytes = field(default=b"", repr=False)
    item: ItemId | None = None
    heard: asyncio.Task[Heard | BrainError] | None = None
    called: bool = False
    results: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Reply:
    id: ReplyId
    item: ItemId
    announce: str | None
    task: asyncio.Task[None] | None = None
    started: bool = False
    over: bool = False


class OfflineBrain:
    """`ports.Brain` with no network. One session at a time, as `RealtimeBrain`.

    The processes start with `run`, so that a failover need not wait for them. While the model of an engine is fetched,
    the one that is always there stands in. Create and call it on the event loop's thread.
    """

    def __init__(self, post: Post, recogniser: Choice, voice: Choice, *, hang_s: float = 5.0) -> None:
        self._post = post
        self._choices = (recogniser, voice)
        self._workers = tuple(Worker(choice.at_first, hang_s=hang_s) for choice in self._choices)
        self._hearing = Hearing(self._workers[0])
        self._speaking = Speaking(self._workers[1])
        self._session: _Session | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._early: list[Callable[[], None]] = []
        self._misses = itertools.count()
        self._helps = itertools.count()
        self._understood: deque[tuple[tuple[ToolSpec, ...], Understanding]] = deque(maxlen=2)

    @property
    def pids(self) -> tuple[int | None, int | None]:
        """Of the processes that hear and that speak, where they are up."""
        return self._workers[0].pid, self._workers[1].pid

    def do(self, command: BrainCommand) -> None:
        """Carry `command` out, soon. Returns at once."""
        if isinstance(command, OpenSession):
            self._end_session()
            self._session = session = _Session(command, self)
            self.spawn(session.open)
        elif self._session is None or command.session != self._session.number:
            pass  # of a session that is over
        elif isinstance(command, CloseSession):
            self._end_session()
        else:
            self._session.do(command)

    async def run(self) -> None:
        """Keep the processes up and serve sessions until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                for choice, worker in zip(self._choices, self._workers, strict=True):
                    tasks.create_task(worker.run())
                    if choice.at_first is not choice.engine and choice.model is not None:
                        tasks.create_task(fetch(choice.model, choice.engine, worker))
                for begin in self._early:
                    begin()
                self._early.clear()
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
            self._hearing.drop()

    # For its session.

    def spawn(
        self, work: Callable[[], Coroutine[Any, Any, Any]], keep: Callable[[asyncio.Task[Any]], None] | None = None
    ) -> None:
        """Do it as a task of `run`, which may begin later; `keep` gets the task."""

        def begin() -> None:
            assert self._tasks is not None
            task = self._tasks.create_task(work())
            if keep is not None:
                keep(task)

        if self._tasks is not None:
            begin()
        else:
            self._early.append(begin)

    def post(self, event: Event) -> None:
        self._post(event)

    @property
    def hearing(self) -> Hearing:
        return self._hearing

    @property
    def speaking(self) -> Speaking:
        return self._speaking

    async def understanding_of(self, tools: tuple[ToolSpec, ...]) -> Understanding:
        """Made once for the same tools, also where a question comes between; off the loop, for it takes 20 ms."""
        for known, understanding in self._understood:
            if known == tools:
                return understanding
        understanding = await asyncio.to_thread(Understanding, tools)
        for problem in understanding.problems:
            log.debug("offline.sentence_not_used", problem=str(problem))
        self._understood.append((tools, understanding))
        return understanding

    async def engines_up(self) -> None:
        """Raises WorkerFailed."""
        for worker in self._workers:
            await worker.up()

    def retry_engines(self) -> None:
        for worker in self._workers:
            worker.retry()

    def lose_session(self, session: _Session, error: BrainError) -> None:
        """It can't go on: tell, once."""
        if self._session is session:
            self._end_session()
            fatal = isinstance(error, WorkerFailed) and error.for_good
            self._post(BrainLost(session.number, str(error), fatal=fatal, cause="settings" if fatal else ""))

    def next_help(self) -> int:
        """Counts over sessions, so that each time more of what there is is told."""
        return next(self._helps)

    def next_miss(self) -> int:
        """Counts over sessions, so that what is offered varies."""
        return next(self._misses)


class _Session:
    """One session: the tools, the question, and the reply that is being given."""

    def __init__(self, order: OpenSession, brain: OfflineBrain) -> None:
        self.number: SessionId = order.session
        self._after_s = order.after / 1000
        self._brain = brain
        self._post = brain.post
        self._names = itertools.count(1)
        self._questions: deque[_Question] = deque(maxlen=MOST_QUESTIONS)
        self._asked_with: dict[CallId, _Question] = {}
        self._reply: _Reply | None = None
        self._misses = 0
        self._offers: tuple[str, ...] = ()
        self._closed = False
        self._tools = order.tools
        self._answers: ToolSpec | None = None
        """What may be said to a question that a tool has put."""
        self._take_history(order.history)

    async def open(self) -> None:
        await asyncio.sleep(self._after_s)
        if self._closed:
            return
        self._brain.retry_engines()
        try:
            await self._brain.engines_up()
        except WorkerFailed as error:
            self._brain.lose_session(self, error)
        else:
            await self._learn()
            if not self._closed:
                self._post(BrainReady(self.number))

    def close(self) -> None:
        """Drop everything, post nothing."""
        self._closed = True
        self._questions.clear()
        if self._reply is not None:
            self._end_reply(self._reply)

    def do(self, command: BrainCommand) -> None:
        match command:
            case StreamUtterance(_, pcm):
                self._brain.hearing.feed(pcm)
            case CommitUtterance():
                self._commit()
            case DiscardUtterance():
                self._brain.hearing.drop()
            case AddHistory(_, items):
                self._take_history(items)
            case SendText(_, text):
                if self._answers is None:
                    self._questions.append(_Question(text))
            case SendToolResult(_, call, output, spoken):
                question = self._asked_with.pop(call, None)
                if question is not None:
                    question.results.append(spoken or output)
            case ExpectAnswer(_, choices):
                self._answers = None if choices is None else answers_to(choices)
                self._brain.spawn(self._learn)
            case UpdateTools(_, tools):
                self._tools = tools
                self._brain.spawn(self._learn)
            case StartReply(_, announce):
                self._start_reply(announce)
            case CancelReply(_, reply):
                self._cancel(reply)
            case TruncateReply() | DeleteItem():
                pass  # nothing that was said is kept here
            case OpenSession() | CloseSession():
                raise AssertionError("the brain's own")

    # What the user said.

    def _commit(self) -> None:
        item = ItemId(self._name("user"))
        self._post(UtteranceCommitted(self.number, item))
        question = _Question(item=item)
        if self._answers is None:
            self._questions.append(question)
        self._hear(question, self._brain.hearing.commit())

    def _hear(self, question: _Question, utterance: Utterance) -> None:
        """Begin to make words of it."""
        self._brain.spawn(lambda: self._heard(question, utterance), lambda task: setattr(question, "heard", task))

    async def _heard(self, question: _Question, utterance: Utterance) -> Heard | BrainError:
        """What it was. Tells it, where somebody waits for it."""
        try:
            heard = await self._brain.hearing.understood(utterance)
        except BrainError as error:
            return error
        if question.item is not None and not self._closed:
            believed = heard.confidence >= ACCEPTED
            # What is not to be believed is not written down: the next brain hears the sound itself.
            self._post(UserTranscribed(self.number, question.item, heard.text if believed else None))
        return heard

    def _take_history(self, items: tuple[HistoryItem, ...]) -> None:
        for item in items:
            match item:
                case UserSaid(answers=True):
                    pass  # it asks nothing
                case UserSaid(text, pcm, _, name):
                    self._questions.append(_Question(text, pcm if text is None else b"", name))
                case ToolUsed(output=output, spoken=spoken) if self._questions:
                    self._questions[-1].results.append(spoken or output)
                case ToolUsed() | AssistantSaid():
                    pass

    async def _learn(self) -> Understanding:
        """What may be said with the tools of now; the recogniser is told."""
        tools, answers = self._tools, self._answers
        understanding = await self._brain.understanding_of((HELP, *tools) if answers is None else (answers,))
        if (tools, answers) == (self._tools, self._answers) and not self._closed:
            self._offers = offers_of(tools)
            self._brain.hearing.expect(understanding.grammar)
        return understanding

    # The reply.

    def _start_reply(self, announce: str | None) -> None:
        if self._reply is not None:
            code = "conversation_already_has_active_response"
            self._post(RequestRefused(self.number, "reply", code, f"{self._reply.id} is still being given"))
            return
        self._reply = reply = _Reply(ReplyId(self._name("reply")), ItemId(self._name("item")), announce)
        self._brain.spawn(lambda: self._give(reply), lambda task: setattr(reply, "task", task))

    def _cancel(self, name: ReplyId | None) -> None:
        reply = self._reply
        if reply is None or (name is not None and name != reply.id):
            return  # it is over, and the event that says so is on its way
        self._begin(reply)
        self._end_reply(reply)
        self._post(ReplyDone(self.number, reply.id, "cancelled", "cancelled"))

    def _end_reply(self, reply: _Reply) -> None:
        reply.over = True
        self._reply = None
        if reply.task is not None:
            reply.task.cancel()

    async def _give(self, reply: _Reply) -> None:
        if reply.over:
            return
        try:
            code = await (self._answer(reply) if reply.announce is None else self._say(reply, plain(reply.announce)))
        except WorkerFailed as error:
            if not reply.over:
                self._brain.lose_session(self, error)
        except BrainError as error:  # of this answer alone: an engine refused it, or died of it twice
            self._done(reply, ReplyDone(self.number, reply.id, "failed", "engine", str(error)))
        else:
            self._done(reply, ReplyDone(self.number, reply.id, code=code))

    def _begin(self, reply: _Reply) -> None:
        if not reply.started:
            reply.started = True
            self._post(ReplyStarted(self.number, reply.id))

    def _done(self, reply: _Reply, done: ReplyDone) -> None:
        if not reply.over:
            self._begin(reply)
            reply.over = True
            self._reply = None
            self._post(done)

    async def _answer(self, reply: _Reply) -> str:
        """Answer the question; the code of the reply's end. Raises EngineError, WorkerFailed, WorkerLost."""
        if not self._questions:
            return ""
        question = self._questions[-1]
        if question.results:
            self._misses = 0
            return await self._say(reply, "\n".join(filter(None, map(speakable, question.results))) or "Done.")
        if question.called:
            return ""  # what it asked for was run; nothing came of it that could be said
        heard = await self._text_of(question)
        if heard is None:
            if question in self._questions:
                self._questions.remove(question)  # the one before it may be wanted still
            return "no_speech"
        self._begin(reply)
        match = (await self._learn()).match(heard)
        if match is None:
            return await self._say(reply, self._not_understood())
        self._misses = 0
        if match.tool == HELP.name:
            return await self._say(reply, what_i_can_do(self._offers, self._brain.next_help()))
        question.called = True
        call = CallId(self._name("call"))
        self._asked_with[call] = question
        self._post(ToolCalled(self.number, reply.id, reply.item, call, match.tool, match.arguments))
        return ""

    async def _text_of(self, question: _Question) -> str | None:
        """The words; "" where there are none to be believed, None where nobody spoke. Raises as `_answer`."""
        if question.pcm and question.heard is None:
            self._hear(question, Utterance.of(question.pcm))
        if question.heard is None:
            return question.text or ""
        heard = await asyncio.shield(question.heard)
        if isinstance(heard, EngineError):
            return ""
        if isinstance(heard, BrainError):
            raise heard
        if heard.confidence < ACCEPTED:
            return ""
        return heard.text or None

    def _not_understood(self) -> str:
        self._misses += 1
        if self._misses > 1 or not self._offers:
            return not_understood(self._offers, self._misses)
        first = self._brain.next_miss() * 3 % len(self._offers)
        return not_understood((*self._offers[first:], *self._offers[:first]), 1)

    async def _say(self, reply: _Reply, text: str) -> str:
        self._begin(reply)
        said = False
        for sentence in sentences(text):
            self._post(ReplyText(self.number, reply.id, reply.item, f" {sentence}" if said else sentence))
            if said:
                self._post(ReplyAudio(self.number, reply.id, reply.item, PAUSE))
            said = True
            async with aclosing(self._brain.speaking.say(sentence)) as sound:
                async for chunk in sound:
                    self._post(ReplyAudio(self.number, reply.id, reply.item, chunk))
                    await asyncio.sleep(0)  # a voice is faster than speech: others get their turn
        if said:
            self._post(ReplyItemDone(self.number, reply.id, reply.item))
        return ""

    def _name(self, kind: str) -> str:
        return f"offline-{self.number}-{kind}-{next(self._names)}"
