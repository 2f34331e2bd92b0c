"""One WebSocket and its session: reads, waits for what is due, sends."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from voiced.testing.loopback import faults
from voiced.testing.loopback.admission import CLOSE_CODE
from voiced.testing.loopback.events import Close, Event, Output
from voiced.testing.loopback.faults import Anytime, FaultPlan
from voiced.testing.loopback.journal import Journal
from voiced.testing.loopback.rejection import Rejection
from voiced.testing.loopback.session import Session

MAX_WAITING: Final = 256
"""Client events with answers that could not be sent yet; beyond, the server reads no more."""


class Connection:
    """Runs `session` over `socket` until either ends."""

    def __init__(self, socket: ServerConnection, session: Session, journal: Journal, plan: FaultPlan) -> None:
        self.session = session
        self._socket = socket
        self._journal = journal
        self._plan = plan
        self._answers: asyncio.Queue[list[Output]] = asyncio.Queue(MAX_WAITING)
        self._stalled = False
        self._now = asyncio.get_running_loop().time

    async def run(self, objection: Rejection | None) -> None:
        """Serve the client; an `objection` to it is all that it gets to hear."""
        try:
            await self._greet(objection)
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._send_what_is_due())
                tasks.create_task(self._read()).add_done_callback(lambda _: sending.cancel())
        except* ConnectionClosed:
            pass
        finally:
            self.session.closed = True

    async def act(self, action: Anytime) -> None:
        """Let something go wrong now."""
        match action:
            case faults.Drop():
                self.session.closed = True
                self._socket.transport.abort()
            case faults.CloseWith(code, reason):
                await self._close(code, reason)
            case faults.SendError(then=then):
                await self._send_all(self.session.error(action.rejection()))
                if then is not None:
                    await self._close(then.code, then.reason)
            case faults.Stall(half_open):
                self._stalled = True
                if half_open:
                    self._socket.transport.pause_reading()
            case faults.Expire():
                await self._send_all(self.session.expire())
            case faults.Send(payload):
                await self._socket.send(payload)

    async def _greet(self, objection: Rejection | None) -> None:
        if objection is not None:
            await self._send_all(self.session.refused(objection))
            await self._close(CLOSE_CODE, f"{objection.kind}.{objection.code}")
            return
        actions = self._plan.at(self.session.number, faults.OPEN)
        for action in actions:
            assert isinstance(action, Anytime)
            await self.act(action)
        if not actions:
            await self._send_all(self.session.open())

    async def _read(self) -> None:
        async for message in self._socket:
            if isinstance(message, bytes):
                why = Rejection("Send JSON in text frames, not in binary ones.", "invalid_request_error")
                answer = self.session.refused(why)
            else:
                try:
                    event = json.loads(message)
                except ValueError:
                    answer = self.session.refused(Rejection("Invalid JSON.", "invalid_request_error"))
                else:
                    answer = await self._answer(event)
            await self._answers.put(answer)

    async def _answer(self, event: Any) -> list[Output]:
        kind = ""
        if isinstance(event, dict):
            self._journal.note_received(self.session.number, event)
            kind = str(event.get("type"))
        for action in self._plan.at(self.session.number, kind):
            match action:
                case faults.Ignore():
                    return []
                case faults.Reject():
                    return self.session.error(action.rejection(), event)
                case _:
                    assert isinstance(action, Anytime)
                    await self.act(action)
        return [] if self._stalled or self.session.closed else self.session.receive(event, self._now())

    async def _send_what_is_due(self) -> None:
        while True:
            now = self._now()
            due = self.session.next_due
            if not self._answers.empty():
                await self._send_all(self._answers.get_nowait())
            elif due is not None and due <= now:
                await self._send_all(self.session.tick(now))
                # A long reply must not keep the client's cancel from being read.
                await asyncio.sleep(0)
            else:
                await self._wait_for_answers(None if due is None else due - now)

    async def _wait_for_answers(self, at_most_s: float | None) -> None:
        try:
            async with asyncio.timeout(at_most_s):
                answers = await self._answers.get()
        except TimeoutError:
            return
        await self._send_all(answers)

    async def _send_all(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Close):
                await self._close(output.code, output.reason)
            else:
                await self._send(output)

    async def _close(self, code: int, reason: str) -> None:
        self.session.closed = True
        await self._socket.close(code, reason)

    async def _send(self, event: Event) -> None:
        payload: str | bytes | None = None
        for action in self._plan.at(self.session.number, event["type"]):
            match action:
                case faults.Ignore():
                    return
                case faults.Garble(how):
                    payload = how(event)
                case _:
                    assert isinstance(action, Anytime)
                    await self.act(action)
        if self._stalled:
            return
        self._journal.note_sent(self.session.number, event)
        await self._socket.send(json.dumps(event) if payload is None else payload)
