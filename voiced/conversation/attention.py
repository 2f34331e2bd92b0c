"""Whether speech begins a turn now: always, after the wake word, after an answer, or while the key to talk is held."""

from __future__ import annotations

import math

from voiced.conversation.events import KeyAction
from voiced.conversation.settings import ListenSettings


class Attention:
    """The key and the two windows in which nobody needs a wake word. Times are seconds on the conversation's clock."""

    def __init__(self, settings: ListenSettings) -> None:
        self._settings = settings
        self.key_held = False
        self._key_until = math.inf
        """A key that nobody lets go counts as let go then."""
        self._woken_until = -math.inf
        self._follow_up_until = -math.inf

    def reconfigure(self, settings: ListenSettings) -> None:
        """Go on with other settings: a key that is held stays held."""
        self._settings = settings

    def hears(self, now: float) -> bool:
        """Whether speech begins a turn, while nobody holds the floor."""
        return "open" in self._settings.modes or self.key_held or now < max(self._woken_until, self._follow_up_until)

    def hears_answers(self) -> bool:
        """Whether speech counts while a reply is on its way, or a tool has asked something: the floor is theirs."""
        return self._settings.modes != ("ptt",) or self.key_held

    def woken(self, now: float) -> bool:
        """The wake word was heard. False: nobody asked for one."""
        if "wake" not in self._settings.modes:
            return False
        self._woken_until = now + self._settings.wake_patience_s
        return True

    def answered(self, now: float) -> None:
        """An answer was heard: more may be said, with no wake word."""
        if "wake" in self._settings.modes and self._settings.follow_up_s:
            self._follow_up_until = now + self._settings.follow_up_s

    def close(self) -> None:
        """What was waited for came, or is not wanted any more."""
        self._woken_until = self._follow_up_until = -math.inf

    @property
    def expects_speech(self) -> bool:
        """Somebody said the wake word, and is about to go on: nothing else may begin."""
        return self._woken_until > -math.inf

    def key(self, action: KeyAction, now: float, longest_s: float) -> bool:
        """The key moved. Whether that changes anything: a key repeats while it is held, and may be let go twice."""
        down = not self.key_held if action == "toggle" else action == "down"
        if down == self.key_held:
            return False
        self.key_held = down
        self._key_until = now + longest_s if down else math.inf
        return True

    def key_is_lost(self, now: float) -> bool:
        """Whether the key has been held for longer than anybody speaks."""
        return self.key_held and now >= self._key_until

    def due(self) -> float:
        """When something changes by itself."""
        windows = (self._woken_until, self._follow_up_until)
        return min(self._key_until, *(until if until > -math.inf else math.inf for until in windows))

    def expire(self, now: float) -> None:
        """Forget the windows that are over."""
        if now >= self._woken_until:
            self._woken_until = -math.inf
        if now >= self._follow_up_until:
            self._follow_up_until = -math.inf
