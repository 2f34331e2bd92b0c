"""The recogniser that is always there: pocketsphinx, with a grammar and with phones alone side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pocketsphinx

from voiced.audio import SAMPLE_BYTES
from voiced.brains.offline.engines import RECOGNISER_RATE, EngineError, Grammar, Heard
from voiced.brains.offline.grammar import automaton_of
from voiced.brains.offline.pronunciation import guessed, looked_up

PIECE: Final = 2560
"""Bytes decoded at a time, 80 ms; always as many, so that what is heard does not depend on how the sound came."""

SEARCH: Final = "grammar"

USUAL_MEANS: Final = "52.9,-4.9,-4.0,5.3,-8.5,-0.5,-4.8,-7.7,-1.4,-2.5,1.0,-0.4,-2.2"
"""Of the cepstra over recordings of several microphones. With the library's own, what is said first after the start is
mostly not understood (of 132 commands 40 and not 75)."""

ENOUGH_SPEECH: Final = 80
"""Frames of 10 ms in an utterance that the means are learned from; a shorter one is mostly the silence around it."""

LEARNED: Final = 0.2
"""How far one utterance takes the means to its own; pocketsphinx's go a quarter of the way already."""

LONGEST_SOUND: Final = 30
"""Frames of 10 ms of one phone in speech."""

WORD_PENALTY: Final = 0.1
"""Against short words that are heard in breath and noise; with the library's 0.65 more sentences are wrong."""

FINER: Final = 1024
"""Scores of the words of a grammar are so much finer than those of phones (SENSCR_SHIFT of pocketsphinx)."""

LOG_BASE: Final = math.log(1.0001)
"""Pocketsphinx counts in logarithms to this base and tells them as what they are the logarithm of."""

TOLERANCE: Final = 3.1
"""With more of it more is obeyed, and more that is no command: of 270 commands of a synthesiser 192 at 3.1 and 183 at
2.6; of 585 stretches of talk and noise five and three."""

HISS: Final = np.random.default_rng(1).normal(0, 15, RECOGNISER_RATE).astype(np.int32)
"""One second of the noise of a quiet microphone (-67 dBFS). In digital silence, as a noise gate makes it, the means are
of nothing that the model was trained on: of 50 synthetic commands 17 were understood in it, and 32 with this noise."""

FEWEST_PHONES: Final = 8
"""A sentence of fewer is more easily heard where it was not said."""

LONGEST_PHONE: Final = 18
"""Frames of 10 ms, on average over a word; what is longer is no word but something that did not fit elsewhere."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks against the words that were heard. Scores are per frame of 10 ms.

    `distance`: by how much phones in any order fit better than the words, over all words; `worst`: for the word that
    fits worst, a short one counting less. `missed`: frames with speech that are in no word. `phones` in all words;
    `longest`: frames per phone of the slowest word.
    """

    text: str
    distance: float
    worst: float
    missed: int
    phones: int
    longest: float

    def confidence(self) -> float:
        """0.0 to 1.0, above 0.5 where the words were more likely said than not.

        The weights are those of a logistic regression on half of the commands and the talk of people and of a
        synthesiser, rounded; they told the other half apart as well. The benchmark `offline` measures them.
        """
        against = (
            0.2 * self.distance
            + 0.06 * min(max(self.worst, -10.0), 40.0)
            + 0.15 * min(self.missed, 60)
            + 0.35 * min(max(self.longest - LONGEST_PHONE, 0.0), 20.0)
            + 0.05 * max(FEWEST_PHONES - self.phones, 0)
        )
        return 1 / (1 + math.exp(min(against - TOLERANCE, 50.0)))


class PocketsphinxRecogniser:
    """`engines.Recogniser` over the English model that the package carries.

    A grammar takes whatever it hears for one of its sentences. So a second decoder listens with phones alone, in any
    order: what fits those much better than it fits the sentence was something else (`Evidence`).

    The mean of the cepstra, which tells a microphone's sound from speech, is learned slowly, from utterances with
    enough speech in them.
    """

    def __init__(self) -> None:
        pocketsphinx.set_loglevel("FATAL")
        try:
            self._phones = _decoder(allphone=_model("en-us-phone.lm.bin"))
            self._words = _decoder(wip=WORD_PENALTY)
        except (RuntimeError, OSError) as error:
            raise EngineError("pocketsphinx does not load its model; install the package pocketsphinx anew") from error
        self._known: set[str] = set()
        self._phones_in: dict[str, int] = {}
        self._grammar: Grammar | None = None
        self._generation = 0
        self._fed = 0
        """Samples of the utterance."""
        self._listening = False
        self._sound = bytearray()
        self._means = USUAL_MEANS

    def expect(self, grammar: Grammar) -> None:
        """As the protocol says; takes a grammar that `grammar_of` made."""
        if grammar == self._grammar:
            return
        try:
            states = automaton_of(grammar.jsgf)
        except ValueError as error:
            raise EngineError(f"the grammar can't be read: {error}") from error
        self._drop()
        self._learn(grammar.words)
        end = len(states)
        arcs = [(state, target, 1.0, word) for state, (_, arcs) in enumerate(states) for word, target in arcs]
        ends = [(state, end, 1.0) for state, (final, _) in enumerate(states) if final]
        name = f"{SEARCH}{self._generation + 1}"
        try:
            if not ends:
                raise EngineError("the grammar accepts nothing")
            self._words.add_fsg(name, self._words.create_fsg(name, end - 1, end, arcs + ends))
        except (RuntimeError, ValueError) as error:
            raise EngineError("pocketsphinx does not take the grammar") from error
        self._words.activate_search(name)
        if self._grammar is not None:
            self._words.remove_search(f"{SEARCH}{self._generation}")
        self._generation += 1
        self._grammar = grammar

    def begin(self) -> None:
        if self._grammar is None:
            raise EngineError("there is no grammar yet")
        self._drop()
        self._sound.clear()
        self._fed = 0
        for decoder in (self._words, self._phones):
            decoder.set_cmn(self._means)
            decoder.start_utt()
        self._listening = True

    def feed(self, pcm: bytes) -> None:
        self._must_listen()
        self._sound += _with_hiss(pcm, self._fed)
        self._fed += len(pcm) // SAMPLE_BYTES
        whole = len(self._sound) - len(self._sound) % PIECE
        self._decode(whole)

    def end(self) -> Heard:
        self._must_listen()
        self._decode(len(self._sound))
        self._drop()
        if sum(_frames(phone) for phone in self._phones.seg() or () if _is_speech(phone)) >= ENOUGH_SPEECH:
            self._means = _nearer(self._means, self._words.get_cmn(True))
        evidence = self.evidence()
        return Heard("", 0.0) if evidence is None else Heard(evidence.text, evidence.confidence())

    def evidence(self) -> Evidence | None:
        """What speaks against the words of the last utterance; None where there are none."""
        best = self._words.hyp()
        if best is None or not best.hypstr:
            return None
        frames = self._words.n_frames() + 1
        difference = np.zeros(frames)
        speech = np.zeros(frames, bool)
        for phone in self._phones.seg() or ():
            heard = slice(phone.start_frame, phone.end_frame + 1)
            difference[heard] = (_log(phone.ascore) + _log(phone.lscore)) / (heard.stop - heard.start)
            speech[heard] = _is_speech(phone)
        words = []
        for word in self._words.seg() or ():
            heard = slice(word.start_frame, word.end_frame + 1)
            if word.word in self._phones_in:
                difference[heard] -= _log(word.ascore) / FINER / (heard.stop - heard.start)
                words.append((heard, self._phones_in[word.word]))
        if not words:
            return None
        said = np.zeros(frames, bool)
        for heard, _ in words:
            said[heard] = True
        return Evidence(
            text=best.hypstr,
            distance=float(difference[said].mean()),
            worst=max(_weighed(difference[heard]) for heard, _ in words),
            missed=int((speech & ~said).sum()),
            phones=sum(phones for _, phones in words),
            longest=max((heard.stop - heard.start) / phones for heard, phones in words),
        )

    def _decode(self, length: int) -> None:
        for start in range(0, length, PIECE):
            piece = bytes(self._sound[start : min(start + PIECE, length)])
            self._words.process_raw(piece, False, False)
            self._phones.process_raw(piece, False, False)
        del self._sound[:length]

    def _drop(self) -> None:
        if self._listening:
            self._listening = False
            self._words.end_utt()
            self._phones.end_utt()

    def _must_listen(self) -> None:
        if not self._listening:
            raise EngineError("no utterance has begun")

    def _learn(self, words: tuple[str, ...]) -> None:
        """Teach the decoder how words are spoken; it knows none by itself, which saves 20 MB."""
        new = {word for word in words if word not in self._known}
        if not new:
            return
        with Path(_model("cmudict-en-us.dict")).open(encoding="utf-8") as dictionary:
            spoken = looked_up(dictionary, new)
        for word in sorted(new):
            for index, phones in enumerate(spoken.get(word) or [guessed(word)]):
                name = word if index == 0 else f"{word}({index + 1})"
                self._words.add_word(name, phones, False)
                self._phones_in[name] = len(phones.split())
        self._known |= new


def _with_hiss(pcm: bytes, start: int) -> bytes:
    """The sound with `HISS` under it, beginning at its sample `start`."""
    sound = np.frombuffer(pcm, "<i2").astype(np.int32)
    sound += HISS[(start + np.arange(sound.size)) % HISS.size]
    return sound.clip(-32768, 32767).astype("<i2").tobytes()


def _decoder(**options: Any) -> Any:
    return pocketsphinx.Decoder(
        pocketsphinx.Config(hmm=_model("en-us"), lm=None, dict=None, loglevel="FATAL", **options)
    )


def _model(name: str) -> str:
    return str(pocketsphinx.get_model_path(f"en-us/{name}"))


def _nearer(means: str, heard: str) -> str:
    pairs = zip(means.split(","), heard.split(","), strict=True)
    return ",".join(f"{float(mean) + LEARNED * (float(new) - float(mean)):.3f}" for mean, new in pairs)


def _is_speech(phone: Any) -> bool:
    """Noise is a long consonant to a decoder that knows nothing but phones."""
    return phone.word != "SIL" and not phone.word.startswith("+") and _frames(phone) <= LONGEST_SOUND


def _frames(segment: Any) -> int:
    return int(segment.end_frame - segment.start_frame + 1)


def _log(score: float) -> float:
    return math.log(max(score, 1e-300)) / LOG_BASE


def _weighed(differences: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """The mean; a difference of a word shorter than 200 ms counts less."""
    mean = float(differences.mean())
    return mean * min(1.0, len(differences) / 20) if mean > 0 else mean
