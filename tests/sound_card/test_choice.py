"""Which device a name means."""

from __future__ import annotations

import pytest

from voiced.errors import DeviceNotFound
from voiced.sound_card import Device, choose


def device(name: str, inputs: int = 1, outputs: int = 0, api: str = "ALSA") -> Device:
    return Device(name, api, 0, inputs, outputs, 48_000)


CARD = [
    device("USB Mic: Audio (hw:1,0)"),
    device("Webcam Mic"),
    device("mic"),
    device("Speaker", inputs=0, outputs=2),
    device("Twice"),
    device("Twice", api="JACK"),
]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("mic", "mic"), ("MIC", "mic"), ("Webcam Mic", "Webcam Mic"), ("usb mic", "USB Mic: Audio (hw:1,0)")],
)
def test_an_exact_name_wins_then_its_letters(name: str, meant: str) -> None:
    assert choose(CARD, name, "input").name == meant


def test_the_host_api_tells_namesakes_apart() -> None:
    assert choose(CARD, "Twice, JACK", "input").host_api == "JACK"
    with pytest.raises(DeviceNotFound, match="'Twice, ALSA', 'Twice, JACK'"):
        choose(CARD, "Twice", "input")


def test_an_ambiguous_name_lists_what_it_may_be() -> None:
    with pytest.raises(DeviceNotFound, match=r"may be 'USB Mic: Audio \(hw:1,0\)', 'Webcam Mic'"):
        choose([found for found in CARD if found.name != "mic"], "mic", "input")


def test_an_unknown_name_is_answered_with_the_nearest_and_all() -> None:
    with pytest.raises(DeviceNotFound, match=r"did you mean 'Webcam Mic'.*'USB Mic"):
        choose(CARD, "Webkam Mik", "input")
    with pytest.raises(DeviceNotFound, match=r"no microphone 'zzz'; there are '"):
        choose(CARD, "zzz", "input")


def test_only_devices_of_the_right_direction_count() -> None:
    with pytest.raises(DeviceNotFound, match="no microphone 'Speaker'"):
        choose(CARD, "Speaker", "input")


def test_no_device_at_all() -> None:
    with pytest.raises(DeviceNotFound, match="plugged in"):
        choose([], "mic", "input")
