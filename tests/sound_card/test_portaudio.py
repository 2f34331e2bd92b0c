"""PortAudio where it is not installed; what it does where it is stands in tests/device."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest

from voiced.errors import PortAudioMissing
from voiced.sound_card import PortAudioCard


def test_a_missing_library_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    really_import = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return really_import(name, *rest, **named)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(PortAudioMissing, match="apt-get install libportaudio2"):
        PortAudioCard().devices()
