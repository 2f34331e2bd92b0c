"""Sound that belongs to no utterance yet: where one begins, and what comes of the wake word's own sound."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from voiced.audio import FRAME_MS, Frame, Ms
from voiced.conversation.attention import Attention
from voiced.conversation.endpointing import Onset
from voiced.conversation.settings import ListenSettings, TurnSettings
from voiced.conversation.utterance import PreRoll, Utterance

WORD_RINGS: Final = Ms(240)
"""After the wake word was recognised the VAD goes on saying speech for so long."""
ONE_BREATH: Final = Ms(600)
"""Who has not gone on so long after the wake word waits for a sign."""
WAKE_PRE_ROLL: Final = Ms(500)
"""From before the moment at which the wake word was recognised: the question may have begun already."""
LONGEST_WAKE: Final = Ms(WAKE_PRE_ROLL + ONE_BREATH)


class Ears:
    """Of one microphone, which may be muted or gone."""

    def __init__(self, settings: TurnSettings, listen: ListenSettings, attention: Attention) -> None:
        self._attention = attention
        self.muted = False
        self.microphone_lost = False
        self._since_wake: Ms | None = None
        """How long ago the wake word was recognised, while it still matters: one may go on in the same breath."""
        self._utterances = 0
        self.reconfigure(settings, listen)

    def reconfigure(self, settings: TurnSettings, listen: ListenSettings) -> None:
        """Go on with other settings; what was heard so far begins no utterance."""
        self._settings, self._listen = settings, listen
        self._pre_roll = PreRoll(Ms(max(settings.pre_roll_ms, listen.key_pre_roll_ms, LONGEST_WAKE)))
        self._onset = Onset(settings)

    def keep(self, frame: Frame) -> None:
        """It may turn out to be from before an onset."""
        self._pre_roll.add(frame)

    def onset(self, frame: Frame) -> bool:
        """Whether somebody begins to speak, by this frame and those before it."""
        return self._onset.heard(frame)

    def utterance(self) -> Utterance:
        """One begins: with the sound from before it, once."""
        length = self._settings.pre_roll_ms
        if self._attention.key_held:
            length = self._listen.key_pre_roll_ms
        elif self._since_wake is not None:  # Who goes on with no pause began before the word was recognised.
            length = max(length, WAKE_PRE_ROLL + self._since_wake)
        self._since_wake = None
        self._utterances += 1
        return Utterance(self._pre_roll.take(Ms(length)), self._utterances)

    def forget_onset(self) -> None:
        """What was heard so far is no beginning."""
        self._onset.reset()

    def forget(self) -> None:
        """What was heard so far is no beginning, and belongs to none."""
        self._pre_roll.take(Ms(0))
        self._onset.reset()

    def woken(self) -> None:
        """The wake word was heard: what was heard so far, and its end, is no speech."""
        self._since_wake = Ms(0)
        self._pre_roll.no_speech()
        self._onset.reset()

    def after_the_wake_word(self, frame: Frame) -> tuple[Frame, bool]:
        """One more frame as it counts: while the word rings on it is no speech. True: who said it waits for a sign."""
        since = self._since_wake
        if since is None:
            return frame, False
        self._since_wake = Ms(since + FRAME_MS)
        pauses = self._since_wake > ONE_BREATH
        if pauses:
            self._since_wake = None
        return (replace(frame, speech=False) if since < WORD_RINGS else frame), pauses
