"""From what server and card wrote down to latencies (in ms), and to what must be true whatever the machine."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from tests.benchmarks.recording_card import Block, audible
from tests.benchmarks.rules import CARD_RATE
from tests.benchmarks.trial import Trial
from voiced.audio import FRAME_BYTES
from voiced.testing.loopback import position_of
from voiced.testing.loopback.journal import AUDIO_DELTAS

Tape = npt.NDArray[np.int16]

APPEND: Final = "input_audio_buffer.append"
COMMIT: Final = "input_audio_buffer.commit"
CLEAR: Final = "input_audio_buffer.clear"

PAUSE: Final = CARD_RATE * 30 // 1000
"""So many zeros divide two stretches of sound."""

SETTLED: Final = CARD_RATE * 20 // 1000
"""The end of a stretch is not asked for its place in the reply: it may be a fade."""

WINDOW: Final = CARD_RATE * 100 // 1000
"""Samples from which `position_of` finds their place."""

AT_THE_START: Final = CARD_RATE * 5 // 1000
"""A stretch that begins so early in the reply is a new reply."""


@dataclass(frozen=True, slots=True)
class Append:
    """One message with user audio: when the server had read it, and the audio."""

    at: float
    pcm: bytes


@dataclass(frozen=True, slots=True)
class BargeIn:
    """`confirmed`: when the frame that decided it was handed to the callback. `silent`: when the output callback had
    returned the first block that is silence, or the fade to it."""

    confirmed: float
    silent: float


def capture_to_wire(trial: Trial) -> list[float]:
    """From the device handing over a frame to the server having read it, for the frames that are sent one by one."""
    handed = _handed(trial)
    return [
        1000 * (append.at - handed[append.pcm])
        for utterance in _utterances(trial)
        for append in utterance
        if len(append.pcm) == FRAME_BYTES
    ]


def delta_to_sample(trial: Trial) -> list[float]:
    """From the server sending a reply's first delta to the output callback having returned its first sample."""
    sounding = [at for at, pcm in trial.record.played if audible(pcm)]
    return [1000 * (sounding[bisect_left(sounding, sent)] - sent) for sent in _first_deltas(trial)]


def tool_round_trip(trial: Trial, tool: str) -> list[float]:
    """From the server sending `response.output_item.done` of a call to the arrival of its output."""
    called = {
        entry.event["item"]["call_id"]: entry.at
        for entry in trial.sent
        if entry.type == "response.output_item.done" and entry.event["item"].get("name") == tool
    }
    answered = (
        (entry.event["item"]["call_id"], entry.at)
        for entry in trial.received
        if entry.type == "conversation.item.create"
    )
    return [1000 * (at - called[call]) for call, at in answered if call in called]


def barge_in_to_silence(trial: Trial) -> list[float]:
    """From the device handing over the frame that decides a barge-in to the loudspeaker being handed silence."""
    return [1000 * (barge_in.silent - barge_in.confirmed) for barge_in in barge_ins(trial)]


def barge_in_to_cancel(trial: Trial) -> list[float]:
    """From the device handing over that frame to the server having read `response.cancel`."""
    cancels = [entry.at for entry in trial.received if entry.type == "response.cancel"]
    return [1000 * (cancels[bisect_left(cancels, found.confirmed)] - found.confirmed) for found in barge_ins(trial)]


def barge_ins(trial: Trial) -> list[BargeIn]:
    """Every utterance but the first interrupts; its first message ends with the frame that decided."""
    handed = _handed(trial)
    confirmed = [handed[utterance[0].pcm[-FRAME_BYTES:]] for utterance in _utterances(trial)[1:]]
    return [BargeIn(at, _silent_after(trial.record.played, at)) for at in confirmed]


def truncation_errors(trial: Trial) -> list[float]:
    """Milliseconds between `audio_end_ms` and what the loudspeaker played of the item, without sign."""
    truth = _played_of_replies(trial)
    order = _items(trial)
    return [
        abs(entry.event["audio_end_ms"] - 1000 * truth[order.index(entry.event["item_id"])] / CARD_RATE)
        for entry in trial.received
        if entry.type == "conversation.item.truncate"
    ]


def old_audio(trial: Trial) -> int:
    """Blocks with sound between a barge-in's silence and the first delta of the next reply: all of them too many."""
    first_deltas = _first_deltas(trial)
    played = trial.record.played
    times = [at for at, _ in played]
    found = 0
    for barge_in in barge_ins(trial):
        following = bisect_right(first_deltas, barge_in.silent)
        until = first_deltas[following] if following < len(first_deltas) else float("inf")
        after = played[bisect_right(times, barge_in.silent) : bisect_left(times, until)]
        found += sum(audible(pcm) for _, pcm in after)
    return found


def late_deltas(trial: Trial) -> int:
    """Audio that the server still sent of replies whose cancellation it had read."""
    cancels = [entry.at for entry in trial.received if entry.type == "response.cancel"]
    ends = [entry.at for entry in trial.sent if entry.type == "response.done"]
    return sum(
        bisect_right(cancels, entry.at) > bisect_right(cancels, _before(ends, entry.at))
        for entry in trial.sent
        if entry.type in AUDIO_DELTAS
    )


def _before(times: list[float], at: float) -> float:
    index = bisect_left(times, at)
    return times[index - 1] if index else 0.0


def _handed(trial: Trial) -> dict[bytes, float]:
    """The microphone's noise makes every frame unlike any other."""
    return {pcm: at for at, pcm in trial.record.heard}


def _utterances(trial: Trial) -> list[list[Append]]:
    """The messages with audio of each utterance that was committed."""
    committed = iter(trial.utterances)
    found: list[list[Append]] = []
    open_one: list[tuple[float, int]] = []
    for entry in trial.received:
        if entry.type == APPEND:
            open_one.append((entry.at, entry.audio_bytes))
        elif entry.type == COMMIT:
            found.append(list(_cut(next(committed), open_one)))
        if entry.type in (COMMIT, CLEAR):
            open_one.clear()
    return found


def _cut(pcm: bytes, lengths: list[tuple[float, int]]) -> Iterator[Append]:
    start = 0
    for at, length in lengths:
        yield Append(at, pcm[start : start + length])
        start += length


def _first_deltas(trial: Trial) -> list[float]:
    """When the first audio of each reply left."""
    first: dict[str, float] = {}
    for entry in trial.sent:
        if entry.type in AUDIO_DELTAS:
            first.setdefault(entry.event["response_id"], entry.at)
    return list(first.values())


def _items(trial: Trial) -> list[str]:
    """The items with audio, in order."""
    return list(dict.fromkeys(entry.event["item_id"] for entry in trial.sent if entry.type in AUDIO_DELTAS))


def _silent_after(played: list[Block], confirmed: float) -> float:
    index = bisect_right(played, confirmed, key=lambda block: block[0])
    while audible(played[index][1]):
        index += 1
    last = index - 1
    if played[last][0] > confirmed and _fades(played[last][1]):
        return played[last][0]
    return played[index][0]


def _fades(pcm: bytes) -> bool:
    quarters = np.array_split(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)), 4)
    return bool(quarters[-1].max() < 0.6 * quarters[0].max())


def _played_of_replies(trial: Trial) -> list[int]:
    """How many samples of each reply left the loudspeaker, by what the tape itself says. Raises ValueError where it
    carries anything but replies from their beginning on."""
    tape = np.frombuffer(trial.record.tape, np.int16)
    found: list[int] = []
    for stretch in _stretches(tape):
        if position_of(stretch[:WINDOW].tobytes()) < AT_THE_START:
            found.append(0)
        end = max(0, stretch.size - SETTLED)
        start = max(0, end - WINDOW)
        found[-1] = position_of(stretch[start:end].tobytes()) + stretch.size - start
    return found


def _stretches(tape: Tape) -> Iterator[Tape]:
    """The sound on a tape, without the silence in between."""
    places = np.flatnonzero(tape)
    if not places.size:
        return
    breaks = [0, *(np.flatnonzero(np.diff(places) > PAUSE) + 1).tolist(), places.size]
    for begin, end in pairwise(breaks):
        yield tape[places[begin] : places[end - 1] + 1]
