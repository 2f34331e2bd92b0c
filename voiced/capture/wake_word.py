"""Notice when somebody in the room says the wake word.

The models run behind the VAD: on the second before somebody speaks, which is kept, and until half a second after.
What the loudspeaker plays is listened to as well, more sensitively; a word that it just said itself wakes nobody.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import structlog

from voiced.audio import FRAME_MS, RATE, VAD_RATE, samples_of
from voiced.capture.echo import AUDIBLE_DBFS, FAR_END_BLOCKS
from voiced.capture.level import rms_dbfs
from voiced.capture.wake_models import Words, models_for
from voiced.capture.wake_settings import WakeSettings
from voiced.resample import Resampler

BEFORE: Final = 1000 // FRAME_MS
"""Frames from before the VAD found speech. In a quiet room half of it is as good; with noise 5 dB below the voice, the
models must have heard it alone first: 18 of 24 words instead of 15, and 19 where they always run."""

AFTER: Final = 500 // FRAME_MS
"""Frames after the end of speech: a model is sure of a word up to 300 ms after its end."""

CATCH_UP: Final = 4
"""Frames, or blocks of the loudspeaker, for each that arrives, until none waits: no frame takes the loop for long."""

FAR_TAIL_S: Final = 0.5
"""As `AFTER`, for the loudspeaker."""

OWN_WORD_S: Final = 1.5
"""So long after the loudspeaker said it a word may be its echo: what of its latency it hides, the room, the models."""

DOUBT_S: Final = 0.15
"""A word heard while the loudspeaker plays waits so long for the verdict about what that played: the two models run
in steps of 30 ms, and the room changes the sound."""

GAP_S: Final = 0.1
"""More than blocks jump in time on a machine that is late."""

NEVER: Final = float("-inf")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Heard:
    """A word, and when it was over."""

    word: str
    at: float


class WakeWord:
    """Frames of the microphone in, words out. All but `far_end` on the loop.

    0.1 ms per frame and word while somebody speaks (x86-64), 1 µs else. Raises ConfigError: see `models_for`.
    """

    def __init__(self, settings: WakeSettings) -> None:
        models = models_for(settings)
        self._near = _Ear(Words(models, settings.sensitivity))
        self._far = _Ear(Words(models, (1 + settings.sensitivity) / 2))
        self._refractory_s = settings.refractory_s
        self._waiting: deque[tuple[bytes, float]] = deque()  # frames that the models have not heard
        self._open_for = 0  # frames
        self._played: deque[tuple[bytes, float]] = deque(maxlen=FAR_END_BLOCKS)
        self._audible_until = NEVER  # and that in the device's thread
        self._own: dict[str, float] = {}  # when the loudspeaker last said it
        self._last = NEVER
        self._doubted: _Heard | None = None
        self._listened_to = 0

    @property
    def listened_to(self) -> int:
        """How many frames of the microphone the models heard; all others were silence to the VAD."""
        return self._listened_to

    def far_end(self, pcm: bytes, heard_at: float) -> None:
        """What goes out, as in `EchoControl`. In the device's thread."""
        if rms_dbfs(pcm) > AUDIBLE_DBFS:
            self._audible_until = heard_at + samples_of(pcm) / RATE + FAR_TAIL_S
        if heard_at < self._audible_until:
            self._played.append((pcm, heard_at))

    def near_end(self, pcm: bytes, speech: bool, captured_at: float) -> str | None:
        """A frame without echo, whether the VAD took it for speech, and when its last sample was captured.

        Gives the word that somebody just said, or None.
        """
        for _ in range(min(CATCH_UP, len(self._played))):
            played, heard_at = self._played.popleft()
            self._own |= dict.fromkeys(self._far.words(played, heard_at), heard_at)
        self._waiting.append((pcm, captured_at))
        self._open_for = AFTER if speech else self._open_for - 1
        if self._open_for > 0:
            for _ in range(min(CATCH_UP, len(self._waiting))):
                self._listen(*self._waiting.popleft())
        elif len(self._waiting) > BEFORE:
            self._waiting.popleft()
        return self._beyond_doubt(captured_at)

    def forget(self) -> None:
        """What comes next has nothing to do with what was."""
        self._waiting.clear()
        self._played.clear()
        self._open_for = 0
        self._doubted = None

    def _listen(self, pcm: bytes, captured_at: float) -> None:
        self._listened_to += 1
        for word in self._near.words(pcm, captured_at):
            new = captured_at > self._last + self._refractory_s
            self._last = captured_at
            if new:
                self._doubted = _Heard(word, captured_at)

    def _beyond_doubt(self, now: float) -> str | None:
        heard = self._doubted
        if heard is None:
            return None
        if abs(heard.at - self._own.get(heard.word, NEVER)) < OWN_WORD_S:
            log.debug("wake_word.own", word=heard.word)
            self._doubted = None
            return None
        if heard.at < self._audible_until + OWN_WORD_S and now < heard.at + DOUBT_S:
            return None
        self._doubted = None
        return heard.word


class _Ear:
    """From sound at 24 kHz, in pieces with their times, to words; it notices a gap between two pieces."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._resampler = Resampler(RATE, VAD_RATE)
        self._until = NEVER

    def words(self, pcm: bytes, at: float) -> list[str]:
        if at > self._until + GAP_S:
            self._resampler.reset()
            self._words.begin()
        self._until = at + samples_of(pcm) / RATE
        return self._words.in_(self._resampler.process(pcm))
