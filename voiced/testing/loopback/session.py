"""One Realtime session without its socket: client events in, server events out, time passed in."""

from __future__ import annotations

import base64
import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from voiced.testing.loopback import configuration
from voiced.testing.loopback.agenda import Agenda
from voiced.testing.loopback.conversation import Conversation, Item, Part, item_from_client
from voiced.testing.loopback.dialect import DIALECTS, DialectName
from voiced.testing.loopback.events import Close, Event, Output, Step
from voiced.testing.loopback.generation import Generation, StopReason
from voiced.testing.loopback.input_buffer import InputBuffer
from voiced.testing.loopback.pace import Pace
from voiced.testing.loopback.rejection import Rejection
from voiced.testing.loopback.script import CallTool, Fail, Script, ScriptExhausted, Turn
from voiced.testing.loopback.script import Output as Said
from voiced.testing.loopback.shapes import check_client_event
from voiced.testing.loopback.transcription import transcription
from voiced.testing.loopback.turn_detection import SpeechStarted, SpeechStopped, TurnDetector
from voiced.testing.loopback.usage import Tokens, prompt_tokens

EXPIRED: Final = "Your session hit the maximum duration of 60 minutes."

MAX_VIOLATIONS: Final = 256
"""Kept per session."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that the client did and the real server would have refused.

    `connection` counts from 1. `event` is the type of the message at fault, None at the upgrade.
    """

    connection: int
    code: str | None
    message: str
    param: str | None = None
    event: str | None = None


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What all sessions of a server have in common. `max_session_s` in seconds."""

    script: Script = field(default_factory=Script)
    dialect: DialectName = "ga"
    pace: Pace = field(default_factory=Pace)
    max_session_s: float = 3600.0


class Session:
    """A conversation session.

    `receive` takes what the client sent, `tick` says what is due; both take the time in seconds of any monotonic
    clock and return what to send, in order. Call `tick` when `next_due` is reached; one call sends one step.

    `number`: of the connection, from 1. `opened_at`: seconds on that clock. `expires_at`: unix seconds to show.
    """

    def __init__(
        self,
        options: SessionOptions,
        *,
        number: int = 1,
        model: str = "gpt-realtime",
        azure: bool = False,
        opened_at: float = 0.0,
        expires_at: int = 0,
    ) -> None:
        self.number = number
        self.violations: deque[Violation] = deque(maxlen=MAX_VIOLATIONS)
        self.closed = False
        self._script = options.script
        self._pace = options.pace
        self._dialect = DIALECTS[options.dialect]
        self._azure = azure
        self._ids = itertools.count(1)
        self._agenda = Agenda()
        self._now = opened_at
        self._expires = opened_at + options.max_session_s
        self.conversation = Conversation(self._new_id("conv"))
        self.settings = configuration.defaults(self._new_id("sess"), model, expires_at)
        self._buffer = InputBuffer()
        self._detector: TurnDetector | None = None
        self._speech_item: str | None = None
        self._speech_start_ms = 0
        self._running: dict[str, tuple[Generation, Iterator[Step]]] = {}
        self._reply_awaited = False
        self._deferred: list[Event] = []
        self._late_transcriptions: list[Iterator[Step]] = []
        self._idle_at: float | None = None
        self._last_prompt = Tokens()
        self._listen()

    def open(self) -> list[Output]:
        """What the server says first."""
        return self._outward(
            [
                {"type": "session.created", "session": self.settings},
                {
                    "type": "conversation.created",
                    "conversation": {"id": self.conversation.id, "object": "realtime.conversation"},
                },
            ]
        )

    def receive(self, event: Any, now: float) -> list[Output]:
        """The answer to one client event (any JSON value), apart from what takes time."""
        self._now = now
        try:
            check_client_event(event, self._dialect.shapes)
            return self._outward(list(self._handle(self._dialect.inward(event))))
        except Rejection as why:
            return self.refused(why, event)

    def tick(self, now: float) -> list[Output]:
        """The next thing that is due; nothing when `next_due` is not reached."""
        self._now = now
        if self.closed:
            return []
        if now >= self._expires:
            return self.expire()
        if self._idle_at is not None and now >= self._idle_at:
            return self._outward(list(self._idle_for_too_long()))
        step = self._agenda.step(now)
        return [] if step is None else self._outward([step])

    @property
    def next_due(self) -> float | None:
        """When to call `tick`; None when the session is closed."""
        if self.closed:
            return None
        times = (self._agenda.next_due, self._idle_at, self._expires)
        return min(time for time in times if time is not None)

    def expire(self) -> list[Output]:
        """End it as the real server does after its longest duration."""
        self.closed = True
        return [*self.error(Rejection(EXPIRED, "session_expired")), Close(1001, EXPIRED)]

    def refused(self, why: Rejection, event: Any = None) -> list[Output]:
        """The `error` event for `event`, which the client must not send; it is noted as a violation."""
        kind = event.get("type") if isinstance(event, dict) else None
        self.violation(why, kind if isinstance(kind, str) else None)
        return self.error(why, event)

    def error(self, why: Rejection, event: Any = None) -> list[Output]:
        """An `error` event that is not the client's fault."""
        return self._outward([why.event(_event_id(event))])

    def violation(self, why: Rejection, event: str | None = None) -> None:
        """Note that the client did what it must not do; `event` is the type of its message."""
        self.violations.append(Violation(self.number, why.code, why.message, why.param, event))

    def _handle(self, event: Event) -> Iterator[Event]:
        match event["type"]:
            case "session.update":
                yield from self._update(event["session"])
            case "input_audio_buffer.append":
                yield from self._append(base64.b64decode(event["audio"]))
            case "input_audio_buffer.commit":
                pcm = self._buffer.take_all()
                self._hear_afresh()
                yield from self._commit(pcm)
            case "input_audio_buffer.clear":
                self._buffer.clear()
                self._hear_afresh()
                self._speech_item = None
                yield {"type": "input_audio_buffer.cleared"}
            case "conversation.item.create":
                yield from self._create_item(event["item"], event.get("previous_item_id"))
            case "conversation.item.retrieve":
                item = self.conversation.find(event["item_id"])
                yield {"type": "conversation.item.retrieved", "item": item.wire(with_audio=True)}
            case "conversation.item.truncate":
                mark = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
                self.conversation.truncate(**mark)
                yield {"type": "conversation.item.truncated", **mark}
            case "conversation.item.delete":
                self.conversation.delete(event["item_id"])
                yield {"type": "conversation.item.deleted", "item_id": event["item_id"]}
            case "response.create":
                self._respond(event.get("response", {}))
            case "response.cancel":
                self._cancel(event.get("response_id"))

    # settings

    def _update(self, change: Event) -> Iterator[Event]:
        self.settings = configuration.updated(self.settings, change, self.conversation.has_assistant_audio())
        if "turn_detection" in change.get("audio", {}).get("input", {}):
            self._listen()
        yield {"type": "session.updated", "session": self.settings}

    def _listen(self) -> None:
        detection = self._turn_detection
        self._detector = TurnDetector(detection) if detection else None
        self._speech_item = None
        self._idle_at = None

    def _hear_afresh(self) -> None:
        if self._detector is not None:
            self._detector.reset()

    @property
    def _turn_detection(self) -> dict[str, Any] | None:
        detection: dict[str, Any] | None = self.settings["audio"]["input"]["turn_detection"]
        return detection

    # the user speaks

    def _append(self, pcm: bytes) -> Iterator[Event]:
        start_ms = self._buffer.end_ms
        self._buffer.append(pcm)
        if self._detector is None or self._turn_detection is None:
            return
        for found in self._detector.hear(pcm, start_ms):
            match found:
                case SpeechStarted(audio_start_ms):
                    yield from self._speech_started(audio_start_ms)
                case SpeechStopped(audio_end_ms):
                    yield from self._speech_stopped(audio_end_ms, self._turn_detection["create_response"])

    def _speech_started(self, audio_start_ms: int) -> Iterator[Event]:
        self._idle_at = None
        self._speech_item = self._new_id("item")
        self._speech_start_ms = max(audio_start_ms, self._buffer.start_ms)
        yield {
            "type": "input_audio_buffer.speech_started",
            "audio_start_ms": self._speech_start_ms,
            "item_id": self._speech_item,
        }
        if self._turn_detection and self._turn_detection["interrupt_response"] and self._active:
            self._stop(self._active, "turn_detected")

    def _speech_stopped(self, audio_end_ms: int, create_response: bool) -> Iterator[Event]:
        yield {
            "type": "input_audio_buffer.speech_stopped",
            "audio_end_ms": audio_end_ms,
            "item_id": self._speech_item,
        }
        yield from self._commit(self._buffer.take(self._speech_start_ms, audio_end_ms))
        if create_response:
            self._respond_when_free()

    def _commit(self, pcm: bytes, understood: str | Fail | None = None) -> Iterator[Event]:
        part = Part("input_audio")
        part.add_audio(pcm)
        item = Item(self._speech_item or self._new_id("item"), "message", role="user", content=[part])
        self._speech_item = None
        if understood is None:
            understood = self._script.transcript(pcm)
        item.understood = understood if isinstance(understood, str) else ""
        previous = self.conversation.add(item)
        yield {"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item.id}
        yield from _added(item, previous)
        self._transcribe(item, understood)

    def _transcribe(self, item: Item, understood: str | Fail) -> None:
        settings = self.settings["audio"]["input"]["transcription"]
        if settings is None:
            return
        answer = transcription(item, settings, understood, self._pace.transcription_delay_s)
        if self._pace.late_transcription:
            self._late_transcriptions.append(answer)
        else:
            self._agenda.start(answer, self._now)

    def _idle_for_too_long(self) -> Iterator[Event]:
        self._idle_at = None
        self._speech_item = self._new_id("item")
        start_ms, end_ms = self._buffer.start_ms, self._buffer.end_ms
        yield {
            "type": "input_audio_buffer.timeout_triggered",
            "audio_start_ms": start_ms,
            "audio_end_ms": end_ms,
            "item_id": self._speech_item,
        }
        yield from self._commit(self._buffer.take(start_ms, end_ms), understood="")
        self._respond_when_free()

    # items

    def _create_item(self, given: Event, after: str | None) -> Iterator[Event]:
        if "id" in given and self.conversation.has(given["id"]):
            raise Rejection(
                f"Error adding item: an item with id '{given['id']}' already exists in the conversation.",
                "invalid_value",
                "item.id",
            )
        item = item_from_client(given, given.get("id") or self._new_id("item"))
        if item.type == "function_call" and item.call_id is None:
            item.call_id = self._new_id("call")
        if item.type == "function_call_output" and not self.conversation.has_call(item.call_id):
            raise Rejection(
                f"Tool call ID '{item.call_id}' not found in conversation.", "invalid_tool_call_id", "item.call_id"
            )
        previous = self.conversation.add(item, after)
        active = self._active
        if active and item.type == "function_call_output" and item.call_id in active.call_ids:
            # Seen on the wire: the output of a call is shown only after the response that made the call.
            self._deferred.extend(_added(item, previous))
        else:
            yield from _added(item, previous)

    # responses

    @property
    def _active(self) -> Generation | None:
        """The response of the conversation; there is at most one."""
        return next((made for made, _ in self._running.values() if made.conversation), None)

    def _respond_when_free(self) -> None:
        if self._active:
            self._reply_awaited = True
        else:
            self._respond({})

    def _respond(self, params: Event) -> None:
        apart = params.get("conversation") == "none"
        active = self._active
        if active and not apart:
            raise Rejection(
                f"Conversation already has an active response in progress: {active.id}. "
                "Wait until the response is finished before creating a new one.",
                "conversation_already_has_active_response",
            )
        settings = configuration.for_response(self.settings, params)
        items = self._input(params)
        prompt = prompt_tokens(settings, items)
        generation = Generation(
            id=self._new_id("resp"),
            outputs=self._reply(items, params),
            settings=settings,
            conversation=None if apart else self.conversation,
            pace=self._pace,
            prompt=prompt,
            cached=prompt.cached_from(self._last_prompt),
            new_id=self._new_id,
            finished=self._finished,
            says_content=self._azure,
            metadata=params.get("metadata"),
        )
        if not apart:
            self._last_prompt = prompt
            self._idle_at = None
        answer = generation.run()
        self._running[generation.id] = (generation, answer)
        self._agenda.start(answer, self._now)

    def _input(self, params: Event) -> list[Item]:
        if "input" not in params:
            return list(self.conversation.items)
        return [
            self.conversation.find(given["id"], "response.input")
            if given["type"] == "item_reference"
            else item_from_client(given, given.get("id") or self._new_id("item"))
            for given in params["input"]
        ]

    def _reply(self, items: list[Item], params: Event) -> list[Said]:
        users = [item for item in items if item.role == "user"]
        outputs: dict[str, str] = {}
        for item in reversed(items):
            if item.role is not None:
                break
            if item.type == "function_call_output":
                outputs = {str(item.call_id): str(item.output), **outputs}
        turn = Turn(
            items=tuple(items),
            transcript=(users[-1].understood or users[-1].text) if users else "",
            pcm=b"".join(bytes(part.pcm) for part in users[-1].content) if users else b"",
            tool_outputs=outputs,
            params=params,
            session=self.settings,
        )
        try:
            said = self._script.reply(turn)
        except ScriptExhausted as why:
            self.violation(Rejection(str(why), "script_exhausted"), "response.create")
            return [Fail("script_exhausted", str(why))]
        choice = params.get("tool_choice", self.settings["tool_choice"])
        if choice == "none" and any(isinstance(each, CallTool) for each in said):
            words = "the script calls a tool where tool_choice is none, which no server does"
            self.violation(Rejection(words, "script_calls_tool"), "response.create")
            return [Fail("script_calls_tool", words)]
        return said

    def _cancel(self, response_id: str | None) -> None:
        if response_id is None:
            generation = self._active
        else:
            generation = self._running[response_id][0] if response_id in self._running else None
        if generation is None or generation.stopped:
            raise Rejection("Cancellation failed: no active response found", "response_cancel_not_active")
        self._stop(generation, "client_cancelled")

    def _stop(self, generation: Generation, reason: StopReason) -> None:
        if not generation.stopped:
            generation.stop(reason)
            self._agenda.hurry(self._running[generation.id][1], self._now)

    def _finished(self, generation: Generation) -> None:
        del self._running[generation.id]
        after: list[Step] = []
        if not self._azure and generation.conversation:
            after.append({"type": "rate_limits.updated", "rate_limits": [self._rate_limit()]})
        if generation.conversation:
            after += self._deferred
            self._deferred = []
            self._wait_for_the_user(generation)
        self._agenda.start(iter(after), self._now)
        for answer in self._late_transcriptions:
            self._agenda.start(answer, self._now)
        self._late_transcriptions = []
        if generation.conversation and self._reply_awaited:
            self._reply_awaited = False
            self._respond({})

    def _wait_for_the_user(self, generation: Generation) -> None:
        idle_ms = (self._turn_detection or {}).get("idle_timeout_ms")
        if idle_ms is not None and self._speech_item is None:
            # It counts from where the client has played the reply to its end.
            played_ms = sum(item.audio_ms for item in generation.items)
            self._idle_at = self._now + (played_ms + idle_ms) / 1000

    def _rate_limit(self) -> Event:
        return {"name": "tokens", "limit": 400_000, "remaining": 399_000, "reset_seconds": 0.15}

    # the border

    def _new_id(self, prefix: str) -> str:
        return f"{prefix}_{self.number:04}{next(self._ids):08}"

    def _outward(self, events: list[Event]) -> list[Output]:
        return [
            {"type": event["type"], "event_id": self._new_id("event"), **event}
            for inner in events
            for event in self._dialect.outward(inner)
        ]


def _added(item: Item, previous: str | None) -> Iterator[Event]:
    for kind in ("conversation.item.added", "conversation.item.done"):
        yield {"type": kind, "previous_item_id": previous, "item": item.wire()}


def _event_id(event: Any) -> str | None:
    given = event.get("event_id") if isinstance(event, dict) else None
    return given if isinstance(given, str) else None
