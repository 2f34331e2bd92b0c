"""What plugins do: tools that take their time, speak, play, ask and are cancelled; and who answers what they ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from voiced.audio import to_samples
from voiced.conversation.asides import sound_item
from voiced.conversation.commands import CancelTool, RequestEnded, RunTool
from voiced.conversation.events import (
    AnnouncementAsked,
    AnnouncementWithdrawn,
    AnswerWanted,
    CallId,
    ItemId,
    SoundCame,
    ToolReturned,
    ToolSpec,
)

if TYPE_CHECKING:
    from tests.chaos.session import Token
    from tests.chaos.world import World

TOOLS: Final = (
    ToolSpec("tool", "Switch the lamp.", {}),
    ToolSpec("fragile", "Play the record.", {}, on_barge_in="cancel"),
    ToolSpec("patient", "Bake the cake.", {}, on_barge_in="keep"),
    ToolSpec("lookup", "Read the clock.", {}, idempotent=True),
)
ASKED_FOR: Final = (*(tool.name for tool in TOOLS), "command", "stop")
"""Kinds of utterances that want a tool, which has the same name."""
POLICIES: Final = {tool.name: tool.on_barge_in for tool in TOOLS}
IDEMPOTENT: Final = {tool.name for tool in TOOLS if tool.idempotent}
MOST_RUNS: Final = 24
"""Of what may be run again, for one question."""
PATIENCE_S: Final = 60.0
"""A tool waits so long for the end of what it asked, then takes it back."""
INTERRUPTED: Final = "Not finished: the user interrupted."


@dataclass(eq=False)
class Run:
    """A tool that runs."""

    call: CallId
    name: str
    number: str
    """Of the utterance that asked for it."""
    cut: bool = False
    """The floor was taken meanwhile."""
    stopped: bool = False
    cancelled: bool = False
    over: bool = False
    asked: tuple[str, ...] = ()


class Plugins:
    """Of one process."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.running: dict[CallId, Run] = {}
        self.asked: dict[str, AnnouncementAsked] = {}
        self.sounded: set[str] = set()
        self.poured: set[str] = set()
        """Texts of which something was heard."""
        self.whole: set[str] = set()
        """Texts that a brain said to their end."""
        self.broken: set[str] = set()
        """Texts and sounds of which something was dropped."""
        self.answering: set[Token] | None = None
        """What was said in answer, of which the one who asked was not told yet."""
        self.told: set[Token] = set()
        self.kept: dict[str, Token] = {}
        """Results that somebody must tell of."""
        self.covered: set[Token] = set()
        """Results that a brain knew when it gave an answer."""
        self._answers: dict[str, str] = {}

    # Tools.

    def run(self, command: RunTool) -> None:
        number = str(json.loads(command.arguments)["n"])
        deed = f"{command.name} {number}"
        self._world.ran[deed] += 1
        most = MOST_RUNS if command.name in IDEMPOTENT else 1
        assert self._world.ran[deed] <= most, f"{command.name} was run again for u{number}"
        run = self.running[command.call] = Run(command.call, command.name, number)
        self._world.spawn(self._runs(run))

    def cancel(self, command: CancelTool) -> None:
        run = self.running[command.call]
        assert POLICIES[run.name] == "cancel", f"{run.name} was cancelled"
        assert not run.cancelled, f"{run.name} was cancelled twice"
        run.cancelled = True
        self._world.seen["CancelTool"] += 1
        self._world.ran[f"{run.name} {run.number}"] -= 1
        late = self._world.fate.of("cancel_tool") == "late"
        pause = self._world.fate.delay(2.0, 6.0) if late else self._world.fate.delay(0.0, 0.1)
        self._world.later(pause, lambda: self._returns(run, INTERRUPTED, f"x{self._world.name(run.number + 'x')}"))

    def _runs(self, run: Run) -> Iterator[float]:
        fate = self._world.fate
        how, aside = fate.of("tool"), fate.of("aside")
        yield fate.delay(0.02, 0.4)
        if aside != "well" and run.name != "stop":
            yield from self._speaks(run, aside)
        pauses = {"slow": (2.0, 6.0), "very_slow": (15.0, 45.0)}
        # What has a mind about barge-ins takes long enough for some.
        yield fate.delay(*pauses.get(how, (0.0, 6.0 if POLICIES.get(run.name, "finish") != "finish" else 0.4)))
        if run.cancelled:
            return
        again = self._world.ran[f"{run.name} {run.number}"]
        token = f"t{run.number}" if again <= 1 else f"t{self._world.name(run.number + 'r')}"
        if run.name == "stop":
            self.running.pop(run.call)
            self._world.user_says_stop()
        self._returns(run, "It can't be done." if how == "fails" else "Done.", token)

    def _returns(self, run: Run, output: str, token: Token) -> None:
        if run.over:
            return
        run.over = True
        for request in run.asked:
            self._withdraw(request)  # Nobody waits for it any more.
        self.running.pop(run.call, None)
        ok = output == "Done."
        asked = f"u{run.number}"
        if run.call.startswith("device-") and ok:
            self._world.obeyed(asked)
        if POLICIES.get(run.name) == "keep" and run.cut and not run.stopped:
            self.kept[f"kept-{run.call}"] = token
        self._world.remember(token)
        self._world.tell(ToolReturned(run.call, f"{output} {token}", ok))

    # What they say.

    def _speaks(self, run: Run, aside: str) -> Iterator[float]:
        match aside:
            case "says":
                self._ask(run.call, run=run)
            case "says_and_waits":
                yield from self._until_ended(run, self._ask(run.call))
            case "says_much":
                for _ in range(7):
                    self._ask(run.call)
            case "filler":
                self._ask(run.call, filler=True)
            case "plays":
                yield from self._until_ended(run, self._ask(run.call, kind="sound"))
            case "asks" | "asks_twice":
                for _ in range(1 if aside == "asks" else 2):
                    yield from self._until_ended(run, self._ask(run.call, kind="question"))
            case "says_and_asks":
                self._ask(run.call)
                yield from self._until_ended(run, self._ask(run.call, kind="question"))
            case "listens":
                yield from self._until_ended(run, self._ask(run.call, kind="listen"))
            case "asks_briefly":
                request = self._ask(run.call, kind="question", run=run)
                yield self._world.fate.delay(0.3, 5.0)
                self._withdraw(request)
            case "asks_and_leaves":
                self._ask(run.call, kind="question", run=run)
            case "asks_and_forgets":
                self._ask(run.call, kind="question")
            case _:
                raise AssertionError(aside)

    def by_itself(self, kind: str = "question", withdrawn_after: float = 0.0) -> str:
        """No tool of anybody's turn: a doorbell."""
        request = self._ask(None, kind=kind)
        if withdrawn_after:
            self._world.later(withdrawn_after, lambda: self._withdraw(request))
        return request

    def _until_ended(self, run: Run, request: str) -> Iterator[float]:
        run.asked = (*run.asked, request)
        gives_up_at = self._world.now + PATIENCE_S
        while not self._world.requests[request] and not run.cancelled:
            if self._world.now >= gives_up_at:
                self._withdraw(request)
                return
            yield 0.1

    def _ask(self, call: CallId | None, *, kind: str = "text", filler: bool = False, run: Run | None = None) -> str:
        world = self._world
        request = world.name("p")
        text = "" if kind in ("sound", "listen") else f"{kind} {request}"
        sound = bytes(2 * to_samples(20 * int(world.fate.delay(1, 100)))) if kind == "sound" else b""
        answer = AnswerWanted(within_s=world.fate.delay(3.0, 8.0)) if kind in ("question", "listen") else None
        more = bool(sound) and world.fate.delay(0.0, 1.0) < 0.5
        asked = AnnouncementAsked(request, text, call=call, filler=filler, sound=sound, more=more, answer=answer)
        if run is not None:
            run.asked = (*run.asked, request)
        self.asked[request] = asked
        world.requests[request] = 0
        world.tell(asked)
        if kind == "listen":
            world.later(world.fate.delay(0.5, 2.0), self._answers_at_once)
        return request

    def _withdraw(self, request: str) -> None:
        if self._world.requests.get(request) != 0:
            return
        self._world.tell(AnnouncementWithdrawn(request))
        if self.asked[request].answer is not None:
            assert self._world.requests[request], f"{request} was taken back and did not end"

    def sound_begun(self, request: str) -> None:
        """The rest of it comes, if it does."""
        if self._world.fate.delay(0.0, 1.0) < 0.85:
            self._pour(request, int(self._world.fate.delay(1.0, 6.0)))

    def _pour(self, request: str, pieces: int) -> None:
        world = self._world
        if world.requests[request]:
            return
        last = pieces <= 1
        if last:
            self.poured.add(request)
        else:
            world.later(world.fate.delay(0.0, 1.5), lambda: self._pour(request, pieces - 1))
        world.tell(SoundCame(request, bytes(2 * to_samples(20 * int(world.fate.delay(1, 50)))), last=last))

    # What became of it.

    def begun(self, text: str) -> None:
        """A brain is to say it."""
        if text.split()[-1] in self.asked:
            assert text not in self.whole or text in self.broken, f"{text!r} is said twice"
        token = text.split()[-1]
        assert token not in self.covered, f"{token} is told though an answer covers it"

    def played(self, text: str) -> None:
        """Something of it is heard."""
        if text in self.sounded:
            return
        self.sounded.add(text)
        if text.startswith("question"):
            how = self._answers[text] = self._world.fate.of("answer")
            if how == "early":
                self._world.later(self._world.fate.delay(0.1, 0.8), self._answers_at_once)
            elif how == "types_early":
                self._world.later(self._world.fate.delay(0.1, 0.8), self._world.types)

    def drained(self, text: str) -> None:
        """Its last sound was heard."""
        fate, world = self._world.fate, self._world
        match self._answers.pop(text, ""):
            case "well":
                world.later(fate.delay(0.2, 2.5), self._answers_at_once)
            case "late":
                world.later(fate.delay(6.0, 10.0), self._answers_at_once)
            case "cough":
                world.later(fate.delay(0.2, 1.0), world.coughs)
                world.later(fate.delay(1.0, 2.5), self._answers_at_once)
            case "hums":
                world.later(fate.delay(0.2, 1.0), lambda: world.coughs(300))
            case "goes_on":
                world.later(0.2, self._answers_at_once)
                world.later(fate.delay(1.2, 2.5), lambda: world.says(900))
            case "types":
                world.later(fate.delay(0.2, 2.5), world.types)

    def _answers_at_once(self) -> None:
        if not self._world.speaking():
            self._world.says(400)

    def barged_in(self) -> None:
        for run in self.running.values():
            run.cut = True

    def stopped(self) -> None:
        self.kept.clear()
        for run in self.running.values():
            run.stopped = True

    def answer_given(self, known: frozenset[Token]) -> None:
        """A brain that knew of these gave an answer."""
        self.covered |= {token for token in known if token[0] == "t"}
        self.kept = {request: token for request, token in self.kept.items() if token not in self.covered}

    def heard_in_answer(self, tokens: set[Token]) -> None:
        """The core took it for an answer."""
        out = [asked for name, asked in self.asked.items() if asked.answer and not self._world.requests[name]]
        assert any(not asked.text or asked.text in self.sounded for asked in out), "an answer to what nobody asked"
        self.answering = tokens

    def ended(self, fact: RequestEnded) -> None:
        if fact.request.startswith("kept-"):
            self._world.seen[f"kept: {fact.error or 'well'}"] += 1
            self.kept.pop(fact.request, None)
            return
        asked = self.asked.get(fact.request)
        if asked is None:
            return
        what = "question" if asked.answer else "sound" if asked.sound else "text"
        self._world.seen[f"{what}: {fact.error or 'well'}"] += 1
        if asked.answer is not None:
            self._question_ended(asked, fact)
        elif not fact.error and asked.sound:
            assert not asked.more or fact.request in self.poured, f"{fact.request} ended before its last piece"
            assert sound_item(fact.request) not in self.broken, f"{fact.request} was not heard to its end"
        elif not fact.error:
            assert asked.text in self.whole, f"{asked.text!r} was never said to its end"
            assert asked.text not in self.broken, f"{asked.text!r} was not heard to its end"

    def _question_ended(self, asked: AnnouncementAsked, fact: RequestEnded) -> None:
        assert bool(fact.text) != bool(fact.error), f"neither an answer nor a reason: {fact}"
        tokens = set(fact.text.split())
        assert tokens <= self._world.answers, f"{tokens - self._world.answers} was no answer"
        assert not tokens & self.told, f"{tokens & self.told} was told twice"
        assert not tokens or not asked.text or asked.text in self.sounded, f"{asked.text!r} was answered and not heard"
        self.told |= tokens
        if not asked.text or asked.text in self.sounded:
            self.answering = None

    def dropped(self, item: ItemId, text: str | None) -> None:
        """The loudspeaker dropped what was left of it."""
        self.broken.add(item if text is None else text)
