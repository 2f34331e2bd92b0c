"""The tools that run: each call once, whatever brain asks for it again, and whatever became of its turn."""

from __future__ import annotations

import json

from voiced.audio import Ms
from voiced.conversation.commands import CancelTool, PlayEarcon, RunTool, ToolEnded, ToolStarted, ToolUsed
from voiced.conversation.errands import Errands
from voiced.conversation.events import (
    BY_THE_DEVICE,
    AnnouncementAsked,
    CallId,
    OnBargeIn,
    SessionId,
    ToolCalled,
    ToolReturned,
    ToolSpec,
)
from voiced.conversation.outbox import Outbox
from voiced.conversation.session import Session
from voiced.conversation.transcript import Transcript
from voiced.conversation.turn import Call, Done, Turn


class ToolCalls:
    """Those that have not returned, and what the others did about the questions that wait for their answer."""

    def __init__(self, session: Session, transcript: Transcript, errands: Errands, out: Outbox) -> None:
        self._session = session
        self._transcript = transcript
        self._errands = errands
        self._out = out
        self.tools: tuple[ToolSpec, ...] = ()
        self._calls: dict[CallId, Call] = {}
        self._done: dict[tuple[str, str], Done] = {}

    def __bool__(self) -> bool:
        """Whether any runs."""
        return bool(self._calls)

    def done(self) -> dict[tuple[str, str], Done]:
        """What was done about the questions that wait, by tool and arguments: a new turn is one more of them."""
        if self._transcript.waiting() is None:
            self._done = {}
        return self._done

    def turn_of(self, call: CallId | None) -> Turn | None:
        """The turn that waits, or would, for a call that runs."""
        running = self._calls.get(call) if call is not None else None
        return running.turn if running is not None else None

    # A brain, or the device, wants a tool run.

    def asked(self, turn: Turn, event: ToolCalled, now: float) -> None:
        """The response at hand asks for a tool, unless that is known already."""
        if event.call in self._calls:
            return
        turn.called = True
        turn.alive_at = now
        same = _same(event.name, event.arguments)
        done = turn.done.get(same)
        if done is not None and done.session != event.session and not self._is_idempotent(event.name):
            # The brain before this one had it done: the lamp is not switched twice.
            self._session.send_result(event.session, event.call, done.used)
            self._transcript.tool_known(done.used.call, event.session)
            turn.wants = not turn.calls
        elif (running := self._running(turn, same)) is not None:
            self._calls[event.call] = Call(turn, event.session, event.name, event.arguments, now, repeats=running)
            turn.calls.add(event.call)
        else:
            self.run(turn, event.session, event.call, event.name, event.arguments, now)

    def run(self, turn: Turn | None, session: SessionId, call: CallId, name: str, arguments: str, now: float) -> None:
        """`turn`: the one that waits for it, if any does."""
        self._calls[call] = Call(turn, session, name, arguments, now, on_barge_in=self._on_barge_in(name))
        if turn is not None:
            turn.calls.add(call)
        self._out.report(ToolStarted(call, name, arguments))
        self._out.order(RunTool(call, name, arguments))

    def _running(self, turn: Turn, same: tuple[str, str]) -> CallId | None:
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

    def _on_barge_in(self, name: str) -> OnBargeIn:
        return next((tool.on_barge_in for tool in self.tools if tool.name == name), "finish")

    def _is_idempotent(self, name: str) -> bool:
        return any(tool.idempotent for tool in self.tools if tool.name == name)

    # The floor is taken.

    def cut(self, turn: Turn) -> None:
        """The floor was taken from the turn: those of its tools that want to be cancelled then are."""
        for call_id in turn.calls:
            call = self._calls[call_id]
            if call.on_barge_in == "cancel" and not call.cancelled:
                call.cancelled = True
                self._out.order(CancelTool(call_id))

    def keep_nothing(self) -> None:
        """Nothing of what runs is to be said in a later silence."""
        for call in self._calls.values():
            if call.on_barge_in == "keep":
                call.on_barge_in = "finish"

    # A tool returns.

    def returned(self, event: ToolReturned, now: float) -> None:
        """For who asked, and for those who asked for the same while it ran."""
        call = self._calls.pop(event.call, None)
        if call is None:
            return
        used = ToolUsed(event.call, call.name, call.arguments, event.output, event.spoken, event.images)
        calls = {event.call: call} | self._pop_repeats(event.call)
        self._tell(calls, used)
        self._out.report(ToolEnded(event.call, call.name, event.ok, Ms(int((now - call.started_at) * 1000))))
        obeyed = call.session == BY_THE_DEVICE and event.ok
        if obeyed and call.turn is not None:
            self._transcript.obeyed(call.turn.number)
        was_cut = call.turn is not None and call.turn.cut
        if obeyed and not was_cut:
            self._out.order(PlayEarcon("done"))
        for each_id, each in calls.items():
            if each.turn is not None:
                if not each.cancelled:
                    each.turn.done[_same(each.name, each.arguments)] = Done(used, each.session)
                _call_over(each.turn, each_id, obeyed, now)
        words = used.spoken or used.output
        if call.on_barge_in == "keep" and was_cut and words.strip():
            # In the next silence, unless an answer comes before it from a brain that knows of it.
            self._errands.add(AnnouncementAsked(f"kept-{event.call}", words), now, kept=True)

    def _tell(self, calls: dict[CallId, Call], used: ToolUsed) -> None:
        told: set[SessionId] = set()  # Any other session gets the pair before its next response.
        for each_id, each in calls.items():
            if self._session.send_result(each.session, each_id, used):
                told.add(each.session)
        self._transcript.tool_used(used, told)

    def _pop_repeats(self, call: CallId) -> dict[CallId, Call]:
        repeats = [each_id for each_id, each in self._calls.items() if each.repeats == call]
        return {each_id: self._calls.pop(each_id) for each_id in repeats}


def _call_over(turn: Turn, call: CallId, obeyed: bool, now: float) -> None:
    turn.calls.discard(call)
    turn.alive_at = now
    if not turn.cut and not turn.calls:
        turn.wants, turn.obeyed = True, obeyed


def _same(name: str, arguments: str) -> tuple[str, str]:
    """What makes two tool calls the same, however their arguments are written."""
    try:
        return name, json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except (ValueError, RecursionError):
        return name, arguments
