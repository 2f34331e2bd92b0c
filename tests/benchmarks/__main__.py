"""Measures voiced beside a bare `websockets` script, on one loopback server: `python -m tests.benchmarks`.

    python -m tests.benchmarks            about half an hour
    python -m tests.benchmarks --quick    about one minute: too few samples for p99
    python -m tests.benchmarks --hour     only the memory, over a simulated hour of audio; about a minute
    python -m tests.benchmarks --cascade  only the cascade, beside a bare client and a sequential pipeline
    python -m tests.benchmarks --failover only how long answers take where a brain fails on the way
    python -m tests.benchmarks --offline  only what is understood with no network, and what is not; four minutes
    python -m tests.benchmarks --hostile  only how long answers take beside a hostile plugin, and without; 20 minutes
    python -m tests.benchmarks --wake     only the wake word: what is heard, and what its gate saves; three minutes
    python -m tests.benchmarks --api      only what the API costs a daemon that does not use it; two minutes
    python -m tests.benchmarks --first-use only a newcomer's way from an empty folder to a spoken answer; two minutes

Run it from the checkout, in the environment of the tests, on a machine that does nothing else. It prints medians, 99th
percentiles, ratios and targets, and what each figure means. Speed never fails it: the exit code is 1 only where
something is wrong on any machine: old audio after a barge-in, a truncation more than 20 ms from the truth, or a message
that the server had to refuse.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.benchmarks import cascade, failover, first_use, hostile, latency, offline, startup, unused_api, wake
from tests.benchmarks.process import TrialFailed
from tests.benchmarks.report import DEFINITIONS, Row, table
from tests.benchmarks.trial import Subject, Trial, conversation, simulation

GROWTH_MB: Final = 2.0
"""What the memory may gain between the first five minutes and the end: the allocator is never quite still."""

TEN_MINUTES_S: Final = 600
HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured. `rounds`: both subjects, one after the other."""

    rounds: int
    interruptions: int
    idle_s: float
    starts: int


FULL: Final = Amount(rounds=4, interruptions=25, idle_s=15.0, starts=12)
QUICK: Final = Amount(rounds=2, interruptions=1, idle_s=0.5, starts=1)


@dataclass(slots=True)
class Found:
    """All that was measured."""

    floor: list[Trial] = field(default_factory=list)
    voiced: list[Trial] = field(default_factory=list)
    card: list[Trial] = field(default_factory=list)
    imports: list[startup.Start] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)

    def of(self, subject: Subject) -> list[Trial]:
        return {"floor": self.floor, "voiced": self.voiced, "card": self.card}[subject]


async def measure(amount: Amount) -> Found:
    """Everything but the memory over time. Raises TrialFailed."""
    found = Found()
    await startup.bare_imports()  # from here on the files are in the page cache
    await startup.voiced()
    for _ in range(amount.starts):
        found.imports.append(await startup.bare_imports())
        found.starts.append((await startup.voiced()).ms)
    found.card.append(await conversation("card", idle_s=amount.idle_s, interruptions=0))
    for number in range(amount.rounds):
        subjects: tuple[Subject, Subject] = ("floor", "voiced")
        for subject in subjects:
            _progress(f"round {number + 1} of {amount.rounds}: {subject}")
            trial = await conversation(subject, idle_s=amount.idle_s, interruptions=amount.interruptions)
            found.of(subject).append(trial)
    return found


def rows(found: Found) -> list[Row]:
    """The table's lines."""

    def both(name: str, figures: Callable[[Trial], list[float]], ratio: float | None = 1.5, peers: str = "") -> Row:
        floor, voiced = (
            [value for trial in trials for value in figures(trial)] for trials in (found.floor, found.voiced)
        )
        return Row(name, floor, voiced, ratio=ratio, peers=peers)

    errors = both("truncation error", latency.truncation_errors)
    idle, talking = [
        Row(
            f"CPU {what}",
            [getattr(trial.record, f"cpu_{what}") for trial in found.floor],
            [getattr(trial.record, f"cpu_{what}") for trial in found.voiced],
            unit="s per minute",
        )
        for what in ("idle", "talking")
    ]
    return [
        both("capture -> wire", latency.capture_to_wire, peers="1.05-75 x"),
        both("first delta -> sample", latency.delta_to_sample, peers="3.7-7.6 x"),
        both("barge-in -> silence", latency.barge_in_to_silence),
        both("barge-in -> cancel", latency.barge_in_to_cancel),
        Row("truncation error", errors.floor, errors.voiced, limit=(20.0, "p99"), correct=True),
        both("tool round trip, async def", lambda trial: latency.tool_round_trip(trial, "echo"), peers="2-8 x"),
        both("tool round trip, def", lambda trial: latency.tool_round_trip(trial, "echo_plain"), peers="2-8 x"),
        Row("start-up", [start.ms for start in found.imports], found.starts, ratio=2.0, peers="500-1500 ms"),
        idle,
        talking,
    ]


def memory_rows(floor: Trial, voiced: Trial, imports: float | None) -> list[Row]:
    """Lines of the table about a simulation."""
    (_, floor_start), *floor_later = floor.record.rss
    (_, start), *later = voiced.record.rss
    minutes = int(later[-1][0]) // 60
    growth = later[-1][1] - later[0][1]
    bare = [] if imports is None else [imports]
    return [
        Row("memory of the imports alone", bare, [], unit="MB"),
        Row("memory at the start", [floor_start], [start], unit="MB"),
        Row(
            f"memory while talking, {minutes} min",
            _rss(floor_later),
            _rss(later),
            unit="MB",
            limit=(95.0, "max"),
            peers="60-154 MB",
        ),
        Row(f"memory gained, min 5 to {minutes}", [], [growth], unit="MB", limit=(GROWTH_MB, "max")),
    ]


def _rss(samples: list[tuple[float, float]]) -> list[float]:
    return [rss for _, rss in samples]


def faults(found: Found) -> list[str]:
    """What is wrong with voiced on any machine."""
    old = sum(map(latency.old_audio, found.voiced))
    refused = [violation for trial in found.voiced for violation in trial.violations]
    return [
        *([f"{old} blocks of old audio after a barge-in"] if old else []),
        *(f"the server refused a message: {violation}" for violation in refused),
    ]


async def whole(amount: Amount) -> int:
    found = await measure(amount)
    _progress("ten simulated minutes, both at once")
    floor, voiced = await asyncio.gather(simulation("floor", TEN_MINUTES_S), simulation("voiced", TEN_MINUTES_S))
    lines = [*rows(found), *memory_rows(floor, voiced, found.imports[-1].rss_mb)]
    print(f"\n{table(lines)}\n")
    barge_ins = sum(len(latency.barge_ins(trial)) for trial in found.voiced)
    late = sum(map(latency.late_deltas, found.voiced))
    wrong = faults(found)
    old = sum(map(latency.old_audio, found.voiced))
    print(f"old audio: {old} blocks after {barge_ins} barge-ins, with {late} deltas sent after the cancellation")
    print(f"the card alone takes {found.card[0].record.cpu_idle:.2f} s of CPU per minute")
    _print_memory(voiced)
    print(DEFINITIONS)
    if any(line.name == "start-up" and line.mark == "MISSED" for line in lines):
        print("\nThe slowest imports of voiced:", *await startup.slowest_imports(), sep="\n  ")
    for fault in wrong:
        print(f"BROKEN: {fault}")
    return int(bool(wrong) or any(line.mark == "BROKEN" for line in lines))


async def of_the_cascade(*, quick: bool) -> int:
    _progress("the cascade, beside a bare client and a sequential pipeline")
    found = await cascade.measure(cascade.QUICK if quick else cascade.FULL)
    print(f"\n{cascade.text(found)}\n{cascade.DEFINITIONS}")
    wrong = cascade.faults(found)
    for fault in wrong:
        print(f"BROKEN: {fault}")
    return int(bool(wrong))


async def of_understanding(*, quick: bool) -> int:
    _progress("what is understood with no network")
    return await offline.whole(quick=quick)


async def of_failovers(*, quick: bool) -> int:
    _progress("failover")
    print(f"\n{failover.text(await failover.measure(failover.QUICK if quick else failover.FULL))}")
    print(failover.DEFINITIONS)
    return 0


async def beside_hostile_plugins(*, quick: bool) -> int:
    _progress("hostile plugins")
    print(f"\n{hostile.text(await hostile.measure(hostile.QUICK if quick else hostile.FULL))}")
    print(hostile.DEFINITIONS)
    return 0


async def of_the_unused_api(*, quick: bool) -> int:
    _progress("a daemon that does not use the API, and one that has none")
    print(f"\n{unused_api.text(await unused_api.measure(unused_api.QUICK if quick else unused_api.FULL))}")
    print(unused_api.DEFINITIONS)
    return 0


async def of_the_wake_word(*, quick: bool) -> int:
    _progress("the wake word")
    print(f"\n{wake.text(await asyncio.to_thread(wake.measure, quick=quick))}\n{wake.DEFINITIONS}")
    return 0


async def of_a_first_use(*, quick: bool) -> int:
    _progress("a first use")
    print(f"\n{first_use.text(await first_use.measure(install=not quick))}\n{first_use.DEFINITIONS}")
    return 0


async def everything(*, quick: bool) -> int:
    code = await whole(QUICK if quick else FULL)
    if quick:  # with so few samples it is no matter that they disturb each other
        return max(code, *await asyncio.gather(of_the_cascade(quick=True), of_failovers(quick=True)))
    others = (
        of_the_unused_api,
        of_the_cascade,
        of_failovers,
        beside_hostile_plugins,
        of_understanding,
        of_the_wake_word,
        of_a_first_use,
    )
    return max([code, *[await other(quick=False) for other in others]])


async def hour() -> int:
    _progress("a simulated hour, both at once")
    floor, voiced = await asyncio.gather(simulation("floor", HOUR_S), simulation("voiced", HOUR_S))
    print(f"\n{table(memory_rows(floor, voiced, (await startup.bare_imports()).rss_mb))}\n")
    _print_memory(voiced)
    return 0


def _print_memory(voiced: Trial) -> None:
    samples = ", ".join(f"{rss:.1f}" for _, rss in voiced.record.rss)
    print(
        f"memory in MB every 5 minutes: {samples}; the time is simulated: the sound passes up to 60 times faster than\n"
        f"real, {voiced.replies} replies in it, every second one interrupted; the clock of the process runs as always"
    )


def _progress(what: str) -> None:
    print(f"... {what}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("--quick", action="store_true", help="about one minute, with few samples")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--hour", action="store_true", help="only the memory, over a simulated hour")
    only.add_argument("--cascade", action="store_true", help="only the cascade")
    only.add_argument("--failover", action="store_true", help="only answers on which a brain fails")
    only.add_argument("--offline", action="store_true", help="only what is understood with no network")
    only.add_argument("--hostile", action="store_true", help="only answers beside a hostile plugin")
    only.add_argument("--wake", action="store_true", help="only the wake word")
    only.add_argument("--api", action="store_true", help="only what the API costs where nobody uses it")
    only.add_argument("--first-use", action="store_true", help="only a newcomer's way to a spoken answer")
    options = parser.parse_args()
    if options.hour:
        wanted = hour()
    elif options.cascade:
        wanted = of_the_cascade(quick=options.quick)
    elif options.failover:
        wanted = of_failovers(quick=options.quick)
    elif options.offline:
        wanted = of_understanding(quick=options.quick)
    elif options.hostile:
        wanted = beside_hostile_plugins(quick=options.quick)
    elif options.wake:
        wanted = of_the_wake_word(quick=options.quick)
    elif options.api:
        wanted = of_the_unused_api(quick=options.quick)
    elif options.first_use:
        wanted = of_a_first_use(quick=options.quick)
    else:
        wanted = everything(quick=options.quick)
    try:
        return asyncio.run(wanted)
    except TrialFailed as error:
        print(f"could not measure: {error}", file=sys.stderr)
        return 1


sys.exit(main())
