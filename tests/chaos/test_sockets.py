"""The whole daemon on real sockets, with real workers: what can be broken is broken, and each utterance has its end."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

from tests.daemon.household import Household
from voiced.conversation.commands import (
    BrainSelected,
    Fact,
    FloorChanged,
    NotSpeech,
    ReplyHeard,
    ToolEnded,
    TurnFailed,
    UtteranceEnded,
)
from voiced.testing import http, loopback
from voiced.testing.loopback import LoopbackServer

TURNS: Final = int(os.environ.get("VOICED_CHAOS_TURNS", "40"))
SEED: Final = int(os.environ.get("VOICED_CHAOS_SEED", "1"))
SWIFTNESS: Final = 20.0
"""Times faster than the machine's clock, while somebody speaks: the workers are real, and must not seem to hang."""
LONGEST_TURN_S: Final = 90.0
CLIPS: Final = ("moon", "timer", "rain", "tea")

PLUGIN: Final = '''
from pathlib import Path

from voiced.api import tool


@tool
def switch_lamp(number: int) -> str:
    """Switch on a lamp.

    Args:
        number: Which one.
    """
    with Path({path!r}).open("a") as deeds:
        deeds.write(f"{{number}}\\n")
    return f"Lamp {{number}} is on."
'''


class ChaoticHousehold(Household):
    """Time passes no faster than the workers can follow."""

    floor = "idle"

    def start(self) -> None:
        self.floor = "idle"
        super().start()

    def report(self, fact: Fact) -> None:
        super().report(fact)
        if isinstance(fact, FloorChanged):
            self.floor = fact.floor

    async def _tick(self) -> None:
        before = self.card.time()
        began = time.monotonic()
        await super()._tick()
        if self.floor == "idle":
            return
        left = (self.card.time() - before) / SWIFTNESS - (time.monotonic() - began)
        if left > 0:
            self._let_the_workers_work(left)

    def _let_the_workers_work(self, seconds: float) -> None:
        time.sleep(seconds)  # on the machine's clock: the loop's own is hurried


class Servers:
    """What both clouds answer, and how they fail."""

    def __init__(self, random: Random, deeds: Path) -> None:
        self.random = random
        self.deeds = deeds
        self.question = 0
        self.wants_a_tool = False
        upgrades = []
        away = False
        for connection in range(2, 400):
            away = random.random() < (0.8 if away else 0.4)  # who is away stays away for a while
            if away:
                upgrades.append(loopback.Fault(self._refusal(), loopback.UPGRADE, connection=connection))
        stalls = [
            loopback.Fault(loopback.Stall(half_open=random.random() < 0.5), "response.create", connection=connection)
            for connection in range(2, 400, 7)
        ]
        self.realtime = LoopbackServer(
            self._say, faults=[*upgrades, *stalls], pace=loopback.Pace(first_delta_delay_s=0.3, speed=3.0)
        )
        self.http = http.HttpLoopback(
            http.Script(self._write, lambda heard: f"question {self.question}"),
            pace=http.Pace(transcription_s=0.3, chat_s=0.3, speech_s=0.2, speed=3.0),
        )

    def _refusal(self) -> loopback.Refuse:
        refusals = ((401, "invalid_api_key"), (429, "insufficient_quota"), (500, ""), (503, ""))
        [(status, code)] = self.random.choices(refusals, (1, 1, 5, 5))
        return loopback.Refuse(status, code or None)  # type: ignore[arg-type]

    def _done(self) -> bool:
        return self.deeds.exists() and str(self.question) in self.deeds.read_text().split()

    def _calls(self, outputs: dict[str, str]) -> bool:
        return self.wants_a_tool and not outputs and (not self._done() or self.random.random() < 0.5)

    def _say(self, turn: loopback.Turn) -> loopback.Reply:
        may_call = turn.params.get("tool_choice") != "none"  # as where it is told what to say, word for word
        if may_call and self._calls(turn.tool_outputs):
            return loopback.CallTool("switch_lamp", f'{{"number": {self.question}}}')
        how = self.random.random()
        if how < 0.1:
            return loopback.Fail("server_error", "overloaded")
        if how < 0.15:
            return loopback.Silence()
        return loopback.Say(f"Realtime answers question {self.question}.")

    def _write(self, asked: http.Asked) -> http.Reply:
        if self._calls(asked.tool_outputs):
            return http.CallTool("switch_lamp", f'{{"number":{self.question}}}')
        return http.Say(f"The cascade answers question {self.question}.")

    def http_fault(self) -> http.Fault:
        stage: http.Stage = self.random.choice(("transcription", "chat", "speech"))
        action = self.random.choice(
            (
                *(http.Drop(), http.Drop(after=1), http.Stall(), http.Stall(after=1), http.unavailable(2.0)),
                *(http.wrong_key(), http.no_credit(), http.rate_limited(1.0), http.server_error(), http.html_page()),
            )
        )
        return http.Fault(action, on=stage)


def workers() -> list[int]:
    """The engines' processes."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                line = (entry / "cmdline").read_bytes()
            except (OSError, ValueError):
                continue
            if parent == os.getpid() and b"voiced.brains.offline.worker" in line:
                found.append(int(entry.name))
    return found


class Weather:
    """Breaks something, or mends it."""

    def __init__(self, home: Household, servers: Servers, random: Random) -> None:
        self.home = home
        self.servers = servers
        self.random = random
        self.seen: Counter[str] = Counter()

    async def strike(self) -> None:
        what = self.random.choices(
            ("drop", "away", "expire", "error", "http", "http_gone", "http_back", "kill", "restart"),
            (5, 2, 1, 1, 6, 1, 2, 2, 1),
        )[0]
        realtime = self.servers.realtime
        if what in ("drop", "away", "expire", "error") and not realtime.connections.live:
            return
        self.seen[what] += 1
        match what:
            case "drop":
                await realtime.inject(loopback.Drop())
            case "away":
                await realtime.inject(loopback.CloseWith(1001, "going away"))
            case "expire":
                await realtime.inject(loopback.Expire())
            case "error":
                await realtime.inject(loopback.SendError(then=loopback.CloseWith(1000)))
            case "http":
                self.servers.http.add_fault(self.servers.http_fault())
            case "http_gone":
                await self.servers.http.refuse_connections()
            case "http_back":
                await self.servers.http.accept_connections()
                self.servers.http.clear_faults()
            case "kill":
                for pid in workers():
                    os.kill(pid, signal.SIGKILL)
            case "restart":
                await self.home.stop()
                self.home.start()
                await self.home.run(3.0)


def owed(home: Household, since: int) -> set[int]:
    """Turns of this run of the daemon of which nobody heard anything yet."""
    ended: set[int] = set()
    for fact in home.facts[since:]:
        match fact:
            case UtteranceEnded(turn):
                ended.add(turn)
            case ReplyHeard(turn, heard=heard) if heard or not fact.cut:
                ended = {each for each in ended if each > turn}
            case TurnFailed(turn):
                ended = {each for each in ended if each > turn}
            case NotSpeech(turn):
                ended.discard(turn)
            case ToolEnded(call, _, True) if call.startswith("device-") and ended:
                ended.discard(max(ended))
            case _:
                pass
    return ended


async def test_each_utterance_has_its_end_whatever_breaks(tmp_path: Path) -> None:
    random = Random(SEED)
    deeds = tmp_path / "deeds"
    servers = Servers(random, deeds)
    async with servers.http:
        home = ChaoticHousehold(
            tmp_path,
            servers.realtime,
            settings={
                "brain.order": ["realtime", "cascade", "offline"],
                "brain.local_commands": True,
                "brain.cooldown_s": 10.0,
                "brain.silent_after_s": 6.0,
                "cascade.base_url": servers.http.base_url,
                "offline.hang_s": 60.0,
            },
            refused=True,
        )
        async with home:
            home.write_plugin("lamp", PLUGIN.format(path=str(deeds)))
            home.start()
            weather = Weather(home, servers, random)
            await home.run(5.0)
            brains: Counter[str] = Counter()
            for question in range(1, TURNS + 1):
                servers.question, servers.wants_a_tool = question, random.random() < 0.4
                since = home._since
                _, end = home.say(random.choice(CLIPS))
                if random.random() < 0.8:
                    await home.run(random.uniform(0.2, 5.0))
                    await weather.strike()
                await home.run(max(0.0, end + 1.5 - home.card.time()))
                await home.until(lambda: home.floor == "idle", within_s=LONGEST_TURN_S)
                assert owed(home, home._since) == set(), f"seed {SEED}, question {question}"
                if home._since == since:
                    brains[home.of(BrainSelected)[-1].brain] += 1
                await home.run(random.choice((0.5, 3.0, 12.0)))
            ran = Counter(deeds.read_text().split()) if deeds.exists() else Counter()
            print(f"{weather.seen}\n{brains}\n{home.card.time():.0f} s")  # pytest shows it where the test fails
            assert len(brains) > 1, "all went well, which proves nothing"
            assert ran, "no tool ran at all"
            assert max(ran.values()) == 1, "a tool ran twice for one question"
