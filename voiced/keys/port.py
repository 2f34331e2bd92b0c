"""What a source of keys is given, and how it ends."""

from __future__ import annotations

from typing import Protocol

from voiced.errors import VoicedError
from voiced.keys.settings import KeyName


class OnReady(Protocol):
    """The keys work from now on."""

    def __call__(self, keys: str, problem: str = "") -> None:
        """`keys`: which, in the words of who watches them. `problem`: of the others, why not, and what to do."""


class Keys(Protocol):
    """Which keys are held. On the loop's thread; a key that is down already, or up already, changes nothing."""

    def down(self, name: KeyName) -> None: ...

    def up(self, name: KeyName) -> None: ...


class KeySource(Protocol):
    """Watches keys until it is cancelled. What is down when it ends counts as let go."""

    async def run(self) -> None:
        """Raises KeysLost, KeysAbsent or KeysRefused; it never returns."""


class KeysLost(VoicedError):
    """There are no keys now, and it is worth to try again: the display is away, another program has the key."""


class KeysAbsent(VoicedError):
    """This machine or desktop lacks what the source needs; another source may serve."""


class KeysRefused(VoicedError):
    """A person said no; asking again and again would be rude."""
