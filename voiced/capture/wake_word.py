"""Notice when somebody in the room says the wake word.

The models run while somebody speaks, or something is louder than the background: on the half second before, which is
kept, and until half a second after. What the loudspeaker plays is listened to as well, more sensitively; a word that
it just said itself wakes nobody.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import structlog

from voiced.audio import FRAME_MS, RATE, VAD_RATE, samples_of
from voiced.capture.echo import AUDIBLE_DBFS, FAR_END_BLOCKS
from voiced.capture.level import rms_dbfs
from voiced.capture.wake_gate import WakeGate
from voiced.capture.wake_models import Words, models_for
from voiced.capture.wake_settings import WakeSettings
from voiced.resample import Resampler

BEFORE: Final = 500 // FRAME_MS
"""Frames from before the gate opened: the first syllable may be missing there, and the models need some of the room's
sound to begin with. A second of it hears no more, and makes three false words in an hour of talk out of none."""

CATCH_UP: Final = 4
"""Frames, or blocks of the loudspeaker, for each that arrives, until none waits: no frame takes the loop for long."""

FAR_TAIL_S: Final = 0.5
"""As `wake_gate.AFTER`, for the loudspeaker."""

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

    With four words 0.4 ms per frame while somebody speaks (x86-64), up to 2.7 ms where the gate opens, 0.01 ms while it
    is closed. Raises ConfigError: see `models_for`.
    """

    def __init__(self, settings: WakeSettings) -> None:
        models = models_for(settings)
        self._near = _Ear(Words(models, settings.sensitivity))
        self._far = _Ear(Words(models, (1 + settings.sensitivity) / 2))
        self._refractory_s = settings.refractory_s
        self._waiting: deque[tuple[bytes, float]] = deque()  # frames that the models have not heard
        self._gate = WakeGate()
        self._played: deque[tuple[bytes, float]] = deque(maxlen=FAR_END_BLOCKS)
        self._audible_until = NEVER  # and that in the device's thread
        self._own: dict[str, float] = {}  # when the loudspeaker last said it
        self._last = NEVER
        self._doubted: _Heard | None = None
        self._listened_to = 0

    @property
    def listened_to(self) -> int:
        """How many frames of the microphone the models heard; before all others the gate was closed."""
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
        if self._gate.open(pcm, speech):
            for _ in range(min(CATCH_UP, len(self._waiting))):
                self._listen(*self._waiting.popleft())
        elif len(self._waiting) > BEFORE:
            self._waiting.popleft()
        return self._beyond_doubt(captured_at)

    def forget(self) -> None:
        """What comes next has nothing to do with what was."""
        self._waiting.clear()
        self._played.clear()
        self._gate = WakeGate()
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
