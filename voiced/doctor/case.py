"""What is examined: the settings, the sound card, and the voiced that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voiced.config import Config, Loaded
from voiced.sound_card import SoundCard


@dataclass(frozen=True, slots=True)
class Case:
    """`status`: of the voiced that runs, None where none answers. `settings_broken`: `loaded` is what is right of them.

    `hear_s`: how long the microphone is listened to.
    """

    loaded: Loaded
    card: SoundCard
    status: Mapping[str, Any] | None = None
    settings_broken: bool = False
    offline: bool = False
    hear_s: float = 2.0

    @property
    def config(self) -> Config:
        return self.loaded.config

    @property
    def environ(self) -> Mapping[str, str]:
        return self.loaded.places.environ

    @property
    def browser_is_card(self) -> bool:
        """Whether the page of the kiosk is microphone and loudspeaker, so that nobody needs a sound card."""
        return self.config.kiosk.sound == "browser"
