"""What the cascade adds to its servers' own delays, beside a bare client and a pipeline with no overlap."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.benchmarks.cascade_client import INTERRUPTED_AFTER_S, Record, Turn
from tests.benchmarks.cascade_scripts import (
    PACE,
    QUESTION,
    SUBJECTS,
    WORD_S,
    ScriptName,
    Subject,
    calls,
    first_sentence_s,
    reply,
    whole_chat_s,
)
from tests.benchmarks.columns import at, columns, times
from tests.benchmarks.process import CHECKOUT, TrialFailed, measured
from tests.benchmarks.report import percentile
from voiced.audio import RATE
from voiced.testing.http import Entry, HttpLoopback, Script, Violation

TARGET_MS: Final = 30.0
"""Of overhead at p50, over the delays of the servers."""

SCRIPTS: Final[tuple[ScriptName, ...]] = ("one sentence", "three sentences", "with a tool")
INTERRUPTED: Final[ScriptName] = "many sentences"

DEFINITIONS: Final = f"""
The cascade, the floor and the sequential pipeline run in one process and take turns; the loopback server of
transcription, chat and speech is in another. It takes {1000 * PACE.transcription_s:.0f} ms to write down,
{1000 * PACE.chat_s:.0f} ms to the first word, {1000 * WORD_S:.0f} ms from word to word, {1000 * PACE.speech_s:.0f} ms
to the first sound, and makes speech {PACE.speed:g} times faster than real time; no TLS. The floor writes HTTP to
sockets that stay open, knows the first sentence when it sees it, and says that one alone. The sequential pipeline is
the official client on connections that stay open: the whole transcript, the whole answer, then its whole sound. The
cascade tells the model of up to 30 turns before, the others of none.

to first audio            the utterance's end (CommitUtterance, StartReply) .. ReplyAudio is posted, or the bytes are
                          there
over what was scripted    that, without the delays which the servers were told to have; they and the machine's timers
                          are a little later, as the floor shows
over what servers took    that, without what they took by their own journal, from the head of a request to its answer:
                          first byte of the transcript, last word of the first sentence, first byte of the sound
  without the next word   that, without the wait for the word after the first sentence: only that shows that it is one
first turn                of a process, with the library loaded but never used; all other rows leave it out
sound ahead               sound that waits to be played as more comes; below 0 the loudspeaker had nothing to play
barge-in -> hung up       CancelReply .. the server has seen the last open request of the turn hang up
import                    the official client, in a process that has all of voiced; it happens in a thread, at the first
                          session of the cascade; longest stall: of the event loop meanwhile"""


@dataclass(frozen=True, slots=True)
class Amount:
    """`turns` of each subject and script, the first one included; `at_once`: the scripts beside each other."""

    turns: int
    interruptions: int
    imports: int
    at_once: bool = False


FULL: Final = Amount(turns=21, interruptions=12, imports=6)
QUICK: Final = Amount(turns=2, interruptions=1, imports=1, at_once=True)


@dataclass(frozen=True, slots=True)
class Trial:
    """One script. `ends`, `follows`: when the first sentence's last word left, and the word after it."""

    script: ScriptName
    record: Record
    requests: Sequence[Entry]
    violations: Sequence[Violation]
    ends: Sequence[float]
    follows: Sequence[float]

    def turns(self, subject: Subject) -> list[Turn]:
        """But for the first one, and those that were interrupted."""
        return self._of(subject)[1:]

    def first_turns(self, subject: Subject) -> list[Turn]:
        return self._of(subject)[:1]

    def interrupted(self, subject: Subject, during: str) -> list[Turn]:
        return [turn for turn in self.record.turns if turn.subject == subject and turn.during == during]

    def requests_of(self, turn: Turn) -> list[Entry]:
        following = next((each.began for each in self.record.turns if each.began > turn.began), float("inf"))
        return [entry for entry in self.requests if turn.began <= entry.at < following]

    def _of(self, subject: Subject) -> list[Turn]:
        return [turn for turn in self.record.turns if turn.subject == subject and not turn.during]


class Imports(NamedTuple):
    """What loading the official client takes."""

    ms: float
    mb: float
    stall_ms: float
    client_ms: float


@dataclass(slots=True)
class Found:
    """All that was measured."""

    trials: dict[ScriptName, Trial] = field(default_factory=dict)
    imports: list[Imports] = field(default_factory=list)


async def measure(amount: Amount) -> Found:
    """Raises TrialFailed."""
    found = Found()
    wanted = [(script, amount.turns, 0) for script in SCRIPTS] + [(INTERRUPTED, 0, amount.interruptions)]
    if amount.at_once:
        trials = await asyncio.gather(*(trial(*each) for each in wanted))
    else:
        trials = [await trial(*each) for each in wanted]
    found.trials = {each.script: each for each in trials}
    await imports()  # from here on the files are in the page cache
    found.imports = [await imports() for _ in range(amount.imports)]
    return found


async def trial(script: ScriptName, turns: int, interruptions: int) -> Trial:
    """Conversations of all subjects over one script. Raises TrialFailed."""
    ends: list[float] = []
    follows: list[float] = []

    def now(times: list[float]) -> Callable[[], None]:
        return lambda: times.append(time.monotonic())

    answers = Script(
        lambda asked: reply(script, asked, now(ends), now(follows)),
        lambda _: QUESTION,
    )
    async with HttpLoopback(answers, pace=PACE) as server:
        options = (f"--url={server.base_url}", f"--turns={turns}", f"--interruptions={interruptions}")
        record = await measured(f"cascade, {script}", "cascade_client", script, *options)
        assert isinstance(record, Record)
        await asyncio.sleep(0.1)  # the last ones that hung up are seen
        return Trial(script, record, server.requests, server.violations, ends, follows)


_IMPORT: Final = """
import asyncio, time
import voiced.app, voiced.brains.cascade.brain
from voiced.ai.client import Client, load
from voiced.ai.endpoint import Endpoint

def rss():
    return int(open('/proc/self/status').read().split('VmRSS:')[1].split()[0]) / 1024

async def watch(gaps):
    last = time.monotonic()
    while True:
        await asyncio.sleep(0.001)
        gaps.append(time.monotonic() - last)
        last = time.monotonic()

async def main():
    gaps = []
    watching = asyncio.create_task(watch(gaps))
    await asyncio.sleep(0.05)
    gaps.clear()
    before, began = rss(), time.monotonic()
    await load()
    loaded = time.monotonic()
    client = await Client.open(Endpoint("http://127.0.0.1:9/v1"))
    opened = time.monotonic()
    await asyncio.sleep(0.05)
    print(1000 * (loaded - began), rss() - before, 1000 * max(gaps), 1000 * (opened - loaded))
    watching.cancel()
    await client.close()

asyncio.run(main())
"""


async def imports() -> Imports:
    """Load the official client in a process that has all of voiced. Raises TrialFailed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _IMPORT, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise TrialFailed("the official client does not load")
    return Imports(*map(float, said.split()))


# From turns and requests to milliseconds.


def to_first_audio(turns: Iterable[Turn]) -> list[float]:
    return [1000 * (turn.heard[0][0] - turn.began) for turn in turns]


def scripted_s(subject: Subject, script: ScriptName) -> float:
    """What the servers were told to take until the first sound; of the sequential pipeline's, until the last."""
    before = PACE.transcription_s + PACE.chat_s * calls(script)
    if subject != "sequential":
        return before + first_sentence_s(script) + PACE.speech_s
    return before + whole_chat_s(script) + PACE.speech_s


def over_scripted(trial: Trial, subject: Subject, turns: Sequence[Turn]) -> list[float]:
    """Milliseconds to the first audio that no server was told to take."""
    making = [_making_s(trial, turn) if subject == "sequential" else 0.0 for turn in turns]
    scripted = scripted_s(subject, trial.script)
    return [ms - 1000 * (scripted + extra) for ms, extra in zip(to_first_audio(turns), making, strict=True)]


def over_measured(trial: Trial, subject: Subject, turns: Sequence[Turn], *, next_word: bool = True) -> list[float]:
    """Milliseconds to the first audio in which no server had anything to do, by their journal."""
    return [
        ms - 1000 * _taken_s(trial, subject, turn, next_word)
        for ms, turn in zip(to_first_audio(turns), turns, strict=True)
    ]


def _making_s(trial: Trial, turn: Turn) -> float:
    """What the sound of the sequential pipeline's whole answer takes to be made, after its first piece."""
    samples = sum(samples for _, samples in turn.heard)
    chunk = RATE * PACE.chunk_ms // 1000
    return (samples - 1) // chunk * PACE.chunk_s


def _taken_s(trial: Trial, subject: Subject, turn: Turn, next_word: bool) -> float:
    requests = trial.requests_of(turn)
    stt, *chats = [entry for entry in requests if entry.stage in ("transcription", "chat")]
    speech = next(entry for entry in requests if entry.stage == "speech")
    *tools, chat = chats
    taken = _s_to(stt.first_byte_at, stt) + sum(_s_to(entry.last_byte_at, entry) for entry in tools)
    if subject == "sequential":
        return taken + _s_to(chat.last_byte_at, chat) + _s_to(speech.last_byte_at, speech)
    ended = next(moment for moment in trial.ends if moment > chat.at)
    followed = next((moment for moment in trial.follows if moment > chat.at), ended)
    sentence = followed if not next_word and followed - ended < 1 else ended
    return taken + _s_to(sentence, chat) + _s_to(speech.first_byte_at, speech)


def _s_to(moment: float | None, entry: Entry) -> float:
    assert moment is not None
    return moment - entry.at


def sound_ahead(turn: Turn) -> list[float]:
    """Milliseconds of sound that wait to be played as each piece but the first comes, least first.

    Below 0: the loudspeaker had nothing to play for so long.
    """
    (began, first), *later = turn.heard
    until = began + first / RATE
    found = []
    for moment, samples in later:
        found.append(1000 * (until - moment))
        until = max(until, moment) + samples / RATE
    return sorted(found)


def hung_up(trial: Trial, subject: Subject, during: str) -> list[float]:
    """Milliseconds from the barge-in to the end of the last request that was open then."""
    return [
        1000 * (max(moment for entry in cut if (moment := entry.ended_at) is not None) - turn.cancelled)
        for turn in trial.interrupted(subject, during)
        if (cut := open_requests(trial, turn))
    ]


def open_requests(trial: Trial, turn: Turn) -> list[Entry]:
    """What was under way as the turn was interrupted."""
    return [
        entry
        for entry in trial.requests_of(turn)
        if entry.at < turn.cancelled and (entry.ended_at is None or entry.ended_at > turn.cancelled)
    ]


def faults(found: Found) -> list[str]:
    """What is wrong on any machine."""
    wrong = [
        f"the server refused a request: {violation}" for each in found.trials.values() for violation in each.violations
    ]
    interrupted = found.trials[INTERRUPTED]
    for during in INTERRUPTED_AFTER_S:
        for turn in interrupted.interrupted("cascade", during):
            wrong += [
                f"{entry.stage} went on after a barge-in: {entry.outcome}"
                for entry in interrupted.requests_of(turn)
                if entry.outcome != "abandoned" and (entry.ended_at or float("inf")) > turn.cancelled
            ]
    return wrong


# As text.


def text(found: Found) -> str:
    """All tables."""
    return "\n\n".join((_latencies(found), _overheads(found), _rest(found)))


def _latencies(found: Found) -> str:
    rows = [["to first audio (ms)", "n", *_percentiles(), "cascade/floor", "seq./cascade"]]
    for script in SCRIPTS:
        trial = found.trials[script]
        ms = {subject: to_first_audio(trial.turns(subject)) for subject in SUBJECTS}
        rows.append([
            script,
            str(len(ms["cascade"])),
            *(at(ms[subject], percent) for subject in SUBJECTS for percent in (50, 95)),
            times(ms["cascade"], ms["floor"]),
            times(ms["sequential"], ms["cascade"]),
        ])  # fmt: skip
    return columns(rows)


def _overheads(found: Found) -> str:
    rows = [["overhead (ms)", "n", *_percentiles(), "target"]]
    every: list[float] = []
    taken: list[float] = []
    for script in SCRIPTS:
        trial = found.trials[script]
        turns = {subject: trial.turns(subject) for subject in SUBJECTS}
        over = {subject: over_scripted(trial, subject, turns[subject]) for subject in SUBJECTS}
        every += over["cascade"]
        rows.append(_overhead(f"{script}: over what was scripted", over, _mark(over["cascade"])))
        over = {subject: over_measured(trial, subject, turns[subject]) for subject in SUBJECTS}
        taken += over["cascade"]
        rows.append(_overhead("  over what servers took", over, _mark(over["cascade"])))
        over = {"cascade": over_measured(trial, "cascade", turns["cascade"], next_word=False)}
        rows.append(_overhead("  without the next word", over))
        over = {subject: over_scripted(trial, subject, trial.first_turns(subject)) for subject in SUBJECTS}
        rows.append(_overhead("  first turn, over what was scripted", over))
    rows.append(_overhead("all scripts: over what was scripted", {"cascade": every}, _mark(every)))
    rows.append(_overhead("  over what servers took", {"cascade": taken}, _mark(taken)))
    return columns(rows)


def _overhead(name: str, over: dict[Subject, list[float]], mark: str = "") -> list[str]:
    figures = [at(over.get(subject, []), percent, 1) for subject in SUBJECTS for percent in (50, 95)]
    return [name, str(len(over["cascade"])), *figures, mark]


def _mark(over: Sequence[float]) -> str:
    return f"p50 <= {TARGET_MS:g}  {'ok' if percentile(over, 50) <= TARGET_MS else 'MISSED'}"


def _rest(found: Found) -> str:
    rows = [["", "n", "p50", "p95", "worst", "beside it"]]
    ahead = [sound_ahead(turn) for turn in found.trials["three sentences"].turns("cascade")]
    least = [each[0] for each in ahead]
    gaps = sum(each < 0 for turn in ahead for each in turn)
    rows.append([
        "sound ahead, least of three sentences (ms)", str(len(least)), at(least, 50), at(least, 5), f"{min(least):.0f}",
        f"{gaps} gaps in {len(least)} answers  {'MISSED' if gaps else 'ok'}",
    ])  # fmt: skip
    interrupted = found.trials[INTERRUPTED]
    for during in INTERRUPTED_AFTER_S:
        ms, floor = (hung_up(interrupted, subject, during) for subject in ("cascade", "floor"))
        streams = [len(open_requests(interrupted, turn)) for turn in interrupted.interrupted("cascade", during)]
        rows.append([
            f"barge-in -> hung up, {during} (ms)", str(len(ms)), at(ms, 50, 1), at(ms, 95, 1), f"{max(ms):.1f}",
            f"floor {at(floor, 50, 1)}, {times(ms, floor)}; {min(streams)} to {max(streams)} requests were open",
        ])  # fmt: skip
    for name, values in (
        ("import (ms)", [each.ms for each in found.imports]),
        ("import (MB)", [each.mb for each in found.imports]),
        ("import, longest stall (ms)", [each.stall_ms for each in found.imports]),
        ("the first client after it (ms)", [each.client_ms for each in found.imports]),
        ("the first session, with both (ms)", [1000 * each.record.ready_s for each in found.trials.values()]),
    ):
        rows.append([name, str(len(values)), at(values, 50, 1), at(values, 95, 1), f"{max(values):.1f}"])
    return columns(rows)


def _percentiles() -> list[str]:
    return [head for subject in SUBJECTS for head in (f"{subject} p50", "p95")]
