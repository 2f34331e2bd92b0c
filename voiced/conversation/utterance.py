"""The sound of one user turn, from before its onset on, kept until it is answered."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from voiced.audio import FRAME_MS, SAMPLE_BYTES, Frame, Ms, to_ms


class PreRoll:
    """The last `length` ms of sound that belong to no utterance yet."""

    def __init__(self, length: Ms) -> None:
        self._frames: deque[Frame] = deque(maxlen=max(1, length // FRAME_MS))

    def add(self, frame: Frame) -> None:
        self._frames.append(frame)

    def take(self, length: Ms) -> list[Frame]:
        """The last `length` of it, once: sound that was sent in one utterance must not open the next."""
        frames = list(self._frames)[max(0, len(self._frames) - length // FRAME_MS) :]
        self._frames.clear()
        return frames

    def no_speech(self) -> None:
        """What is in it so far does not count as speech: it was the wake word."""
        self._frames = deque((replace(frame, speech=False) for frame in self._frames), self._frames.maxlen)


class Utterance:
    """One stretch of user speech, its pre-roll included."""

    def __init__(self, pre_roll: list[Frame], number: int = 0) -> None:
        self.number = number
        self.pre_roll = Ms(len(pre_roll) * FRAME_MS)
        self.speech = Ms(0)
        """How much of it the VAD took for speech."""
        self.silence = Ms(0)
        """How much silence stands at its end."""
        self._pcm = bytearray()
        self._taken = 0
        for frame in pre_roll:
            self.add(frame)

    def no_speech(self) -> None:
        """What is in it so far does not count as speech: it was the wake word."""
        self.speech = Ms(0)

    def add(self, frame: Frame) -> None:
        self._pcm += frame.pcm
        if frame.speech:
            self.speech = Ms(self.speech + FRAME_MS)
            self.silence = Ms(0)
        else:
            self.silence = Ms(self.silence + FRAME_MS)

    @property
    def pcm(self) -> bytes:
        """PCM16 at 24 kHz."""
        return bytes(self._pcm)

    def untaken(self) -> bytes:
        """What came since this was called last: PCM16 at 24 kHz."""
        new = bytes(self._pcm[self._taken :])
        self._taken = len(self._pcm)
        return new

    @property
    def taken(self) -> bool:
        """Whether any of it was taken by `untaken`."""
        return self._taken > 0

    @property
    def length(self) -> Ms:
        return to_ms(len(self._pcm) // SAMPLE_BYTES)
