"""A machine without the PortAudio library."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from voiced.errors import PortAudioMissing
from voiced.sound_card import PortAudioCard

SOUNDDEVICE_WITHOUT_PORTAUDIO = """
for _ in range(1_000_000):
    pass  # long enough for another thread to come and wait for this import
raise OSError("PortAudio library not found")
"""


def test_microphone_and_loudspeaker_are_both_told_and_again_at_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sounddevice.py").write_text(SOUNDDEVICE_WITHOUT_PORTAUDIO)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    card = PortAudioCard()
    with ThreadPoolExecutor(4) as edges:
        for _ in range(3):
            tries = [edges.submit(attempt) for attempt in (card.devices, card.rescan, card.devices, card.rescan)]
            for each in tries:
                with pytest.raises(PortAudioMissing, match="apt-get install libportaudio2"):
                    each.result()
