"""One session: a conversation that this process keeps, answered by three servers."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, assert_never

import structlog

from voiced.audio import Samples, samples_of
from voiced.brains.cascade.chat import Thinker, Thought
from voiced.brains.cascade.memory import Assistant, Call, Memory, Said, User
from voiced.brains.cascade.mouth import Mouth
from voiced.brains.cascade.sentences import Sentences
from voiced.brains.cascade.services import Services
from voiced.brains.cascade.settings import CascadeSettings
from voiced.brains.cascade.spoken import spoken
from voiced.brains.cascade.stt import Transcriber
from voiced.brains.cascade.tts import LONGEST_INPUT, NoSound, Voice
from voiced.conversation.commands import (
    AddHistory,
    BrainCommand,
    CancelReply,
    CloseSession,
    CommitUtterance,
    DeleteItem,
    DiscardUtterance,
    ExpectAnswer,
    OpenSession,
    SendText,
    SendToolResult,
    StartReply,
    StreamUtterance,
    TruncateReply,
    UpdateTools,
)
from voiced.conversation.events import (
    BrainLost,
    BrainReady,
    CallId,
    ItemId,
    Refusable,
    ReplyAudio,
    ReplyDone,
    ReplyId,
    ReplyItemDone,
    ReplyStarted,
    ReplyStatus,
    ReplyText,
    RequestRefused,
    ToolCalled,
    Usage,
    UsageReported,
    UserTranscribed,
    UtteranceCommitted,
)
from voiced.errors import ApiDenied, ApiError, BadKey, ConfigError, RequestRejected
from voiced.ports import Post

log = structlog.get_logger(__name__)

MOST_WAITING: Final = 6000
"""Commands that may come before the session is ready."""

MOST_SOUND: Final = 16 * 2**20
"""Bytes of one utterance: nearly six minutes."""

MOST_WRITTEN_DOWN: Final = 4
"""Utterances that are transcribed for one reply. What is older is left out, and said to be."""


@dataclass(slots=True, eq=False)
class _Reply:
    id: ReplyId
    task: asyncio.Task[None] | None = None
    started: bool = False
    item: Assistant | None = None
    """What is being said."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    status: ReplyStatus = "completed"
    code: str = ""
    reason: str = ""


class _Over(Exception):
    """The session ends."""


class Session:
    """Obeys commands and posts events as a Realtime session does, until it is lost or cancelled."""

    def __init__(
        self,
        order: OpenSession,
        settings: CascadeSettings,
        services: Services,
        instructions: str,
        post: Post,
        left_out: dict[str, dict[str, Any]],
    ) -> None:
        self.session = order.session
        self._order = order
        self._settings = settings
        self._services = services
        self._instructions = instructions
        self._post = post
        self._left_out = left_out
        self._log = log.bind(session=order.session)
        short = order.thrift != "none"
        self._memory = Memory(settings.history_turns_short if short else settings.history_turns)
        self._memory.add_history(order.history)
        self._tools = order.tools
        self._numbers = itertools.count(1)

        self._waiting: deque[BrainCommand] = deque()
        self._tasks: asyncio.TaskGroup | None = None
        self._over = asyncio.Event()
        self._sound = bytearray()
        self._writing: dict[User, asyncio.Task[ApiError | None]] = {}
        self._reply: _Reply | None = None

    async def run(self) -> None:
        """Open, converse until the session is lost, which is posted, or this is cancelled."""
        try:
            stations = await self._services.open()
        except ApiError as error:
            self._lost(error)
            return
        except ConfigError as error:
            self._lost(ApiDenied(str(error), cause="key" if isinstance(error, BadKey) else "settings"))
            return
        except Exception as error:  # noqa: BLE001 whatever it is, somebody else can answer
            self._log.error("cascade does not open", error=type(error).__name__)
            self._lost(ApiError(f"the cascade does not open: {type(error).__name__}"))
            return
        small = self._order.thrift not in ("none", "short")
        self._transcriber = Transcriber(stations.stt, self._settings, self._spent)
        self._thinker = Thinker(
            stations.small_chat if small else stations.chat,
            self._settings,
            self._instructions,
            self._spent,
            self._left_out,
        )
        self._voice = Voice(stations.tts, self._settings, self._spent)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._post(BrainReady(self.session))
                while self._waiting:
                    self._obey(self._waiting.popleft())
                await self._over.wait()
                raise _Over
        except* _Over:
            pass
        finally:
            self._tasks = None

    def do(self, command: BrainCommand) -> None:
        """Carry `command` out. Returns at once."""
        if self._over.is_set():
            return
        if self._tasks is not None:
            self._obey(command)
        elif len(self._waiting) < MOST_WAITING:
            self._waiting.append(command)

    def _obey(self, command: BrainCommand) -> None:
        match command:
            case StreamUtterance(pcm=pcm):
                if not self._sound and self._tasks is not None:
                    self._tasks.create_task(self._services.warm())
                if len(self._sound) + len(pcm) <= MOST_SOUND:
                    self._sound += pcm
            case DiscardUtterance():
                self._sound.clear()
            case CommitUtterance():
                self._commit()
            case AddHistory(items=items):
                self._memory.add_history(items)
            case SendText(text=text, images=images):
                self._memory.add(User(text, images=images, item=ItemId(self._name("text"))))
            case ExpectAnswer():
                pass  # what is committed is written down in any case, and not answered before it is asked for
            case SendToolResult(call=call, output=output, images=images):
                if not self._memory.returned(call, output, images):
                    self._refuse("tool_result", "item_not_found", "no such tool call")
            case UpdateTools(tools=tools):
                self._tools = tools
            case StartReply(announce=announce):
                self._start(announce)
            case CancelReply(reply=reply):
                self._cancel(reply)
            case TruncateReply(item=item, heard=heard):
                self._memory.truncate(item, heard)
            case DeleteItem(item=item):
                self._memory.delete(item)
            case OpenSession() | CloseSession():
                raise ValueError("those are for the brain")
            case other:
                assert_never(other)

    # The user's side.

    def _commit(self) -> None:
        if not self._sound:
            self._refuse("commit", "input_audio_buffer_commit_empty", "nothing was heard")
            return
        user = User(None, bytes(self._sound), item=ItemId(self._name("utterance")))
        self._sound.clear()
        self._memory.add(user)
        assert user.item is not None
        self._post(UtteranceCommitted(self.session, user.item))
        self._begin_writing()

    def _begin_writing(self) -> None:
        """Have what was only heard written down, all at once."""
        wanted = self._memory.to_write_down[-MOST_WRITTEN_DOWN:]
        # What failed while nobody asked for an answer is tried again, and not held against this one.
        self._writing = {user: task for user, task in self._writing.items() if not task.done() or user in wanted[-1:]}
        for user in wanted:
            if user not in self._writing:
                assert self._tasks is not None
                self._writing[user] = self._tasks.create_task(self._write_down(user))

    async def _write_down(self, user: User) -> ApiError | None:
        """Transcribe one utterance. What goes wrong is told to the reply that waits for it."""
        try:
            text = await self._transcriber.write_down(user.pcm)
        except RequestRejected as error:  # of this one utterance: there is no use in sending it again
            user.pcm = b""
            self._tell_transcript(user, None)
            return error
        except ApiError as error:
            return error
        except Exception as error:  # noqa: BLE001 an answer that nobody thought of must not end the session
            self._log.error("transcription failed", error=type(error).__name__)
            return RequestRejected(f"transcription: {type(error).__name__}", code="internal_error")
        user.text, user.pcm = text, b""
        self._tell_transcript(user, text)
        return None

    def _tell_transcript(self, user: User, text: str | None) -> None:
        if user.item is not None:
            self._post(UserTranscribed(self.session, user.item, text))

    # Replies.

    def _start(self, announce: str | None) -> None:
        if self._reply is not None:
            code = "conversation_already_has_active_response"
            self._refuse("reply", code, f"{self._reply.id} is active")
            return
        assert self._tasks is not None
        self._reply = _Reply(ReplyId(self._name("reply")))
        self._reply.task = self._tasks.create_task(self._answer_with(self._reply, announce))

    def _cancel(self, name: ReplyId | None) -> None:
        """End all that works on the reply: nothing of it is posted from now on."""
        reply = self._reply
        if reply is None or name not in (None, reply.id):
            self._refuse("cancel", "response_cancel_not_active", "no such reply is active")
            return
        assert reply.task is not None
        reply.task.cancel()
        for writing in self._writing.values():
            writing.cancel()  # the sound is kept: it is written down when the next reply is asked for
        self._writing.clear()
        self._done(reply, _Outcome("cancelled", "client_cancelled"))

    async def _answer_with(self, reply: _Reply, announce: str | None) -> None:
        outcome: _Outcome | None
        try:
            if announce is None:
                await self._written_down()
                outcome = await self._answer(reply)
            else:
                outcome = await self._announce(reply, announce)
        except Exception as error:  # noqa: BLE001 one reply that fails must not take the session with it
            outcome = self._failed(_first(error))
        if outcome is not None and reply is self._reply:
            self._done(reply, outcome)

    async def _written_down(self) -> None:
        """Wait for what the user said. Raises ApiError."""
        self._begin_writing()
        writing = list(self._writing.values())
        results = await asyncio.gather(*writing)
        self._writing.clear()
        for result in results:
            if result is not None:
                raise result

    async def _answer(self, reply: _Reply) -> _Outcome:
        asked = self._memory.asked
        self._started(reply)
        if asked and all(user.is_silent for user in asked):
            for user in asked:
                self._memory.remove(user)
            return _Outcome(code="no_speech")
        sentences = Sentences()
        mouth = self._mouth(reply)

        def say(piece: str) -> None:
            for sentence in sentences.feed(piece):
                _say(mouth, sentence)

        thought, broken = Thought(), None
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(mouth.run())
            try:
                thought = await self._thinker.think(self._memory, self._tools, say, lambda: mouth.begun)
            except ApiError as error:
                if not mouth.begun:
                    raise
                broken = error  # what was begun is said to its end: no other answer can continue it
            else:
                for sentence in sentences.end():
                    _say(mouth, sentence)
            mouth.finish()
            self._call_tools(reply, thought)
        if broken is not None:
            return _Outcome("failed", broken.code or "stream_cut", str(broken))
        return self._outcome(thought, mouth, asked=bool(asked))

    def _outcome(self, thought: Thought, mouth: Mouth, *, asked: bool) -> _Outcome:
        if thought.finish == "length":
            return _Outcome("incomplete", "max_output_tokens", "the answer was too long")
        if thought.finish == "content_filter":
            return _Outcome("incomplete", "content_filter", "the answer was filtered")
        if asked and not mouth.begun and not thought.calls:
            return _Outcome("failed", "no_answer", "the model said nothing")
        return _Outcome()

    async def _announce(self, reply: _Reply, text: str) -> _Outcome:
        self._started(reply)
        mouth = self._mouth(reply)
        sentences = Sentences()
        for sentence in [*sentences.feed(text), *sentences.end()]:
            mouth.say(sentence)
        mouth.finish()
        await mouth.run()
        return _Outcome()

    def _mouth(self, reply: _Reply) -> Mouth:
        def on_text(text: str) -> None:
            if reply is not self._reply:
                return
            if reply.item is None:
                reply.item = Assistant(ItemId(self._name("item")), reply.id)
                self._memory.add(reply.item)
            else:
                text = " " + text
            reply.item.said.append(Said(text.strip()))
            self._post(ReplyText(self.session, reply.id, reply.item.item, text))

        def on_sound(pcm: bytes) -> None:
            if reply is self._reply and reply.item is not None:
                sentence = reply.item.said[-1]
                sentence.samples = Samples(sentence.samples + samples_of(pcm))
                self._post(ReplyAudio(self.session, reply.id, reply.item.item, pcm))

        def on_whole() -> None:
            if reply.item is not None:
                reply.item.said[-1].whole = True

        return Mouth(self._voice.speak, on_text=on_text, on_sound=on_sound, on_whole=on_whole)

    def _call_tools(self, reply: _Reply, thought: Thought) -> None:
        for wanted in thought.calls:
            call = CallId(self._name("call"))
            self._memory.add(Call(call, reply.id, wanted.name, wanted.arguments))
            item = ItemId(self._name("item"))
            self._post(ToolCalled(self.session, reply.id, item, call, wanted.name, wanted.arguments))

    def _started(self, reply: _Reply) -> None:
        if not reply.started:
            reply.started = True
            self._post(ReplyStarted(self.session, reply.id))

    def _done(self, reply: _Reply, outcome: _Outcome) -> None:
        """The reply is over; from now on nothing of it is posted."""
        self._started(reply)
        self._reply = None
        if reply.item is not None:
            sounded = any(sentence.samples for sentence in reply.item.said)
            self._memory.interrupted(reply.item.item)
            if sounded:  # an item with text alone would count as an answer in writing
                self._post(ReplyItemDone(self.session, reply.id, reply.item.item))
        self._post(ReplyDone(self.session, reply.id, outcome.status, outcome.code, outcome.reason))

    def _failed(self, error: BaseException) -> _Outcome | None:
        """How a reply ends that failed; None where the whole brain can't go on."""
        match error:
            case RequestRejected(code=code) | NoSound(code=code):
                return _Outcome("failed", code or "request_rejected", str(error))
            case ApiError():
                self._lost(error)
                return None
            case _:
                self._log.error("reply failed", error=type(error).__name__)
                self._log.debug("reply failed", exc_info=error)
                return _Outcome("failed", "internal_error", type(error).__name__)

    # Beside the conversation.

    def _lost(self, error: ApiError) -> None:
        """This session is over; somebody else must answer."""
        self._log.info("session lost", reason=str(error), fatal=error.fatal)
        self._reply = None
        self._over.set()
        self._post(BrainLost(self.session, str(error), error.fatal, error.retry_after_s or 0.0, error.cause))

    def _refuse(self, request: Refusable, code: str, message: str) -> None:
        self._post(RequestRefused(self.session, request, code, message))

    def _spent(self, usage: Usage) -> None:
        self._post(UsageReported(usage))

    def _name(self, kind: str) -> str:
        """Unique over the whole process."""
        return f"cascade-{self.session}-{kind}-{next(self._numbers)}"


def _say(mouth: Mouth, sentence: str) -> None:
    if text := spoken(sentence):
        mouth.say(text[:LONGEST_INPUT])


def _first(error: BaseException) -> BaseException:
    """What a TaskGroup wraps."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
