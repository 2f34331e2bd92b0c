"""Settings of the microphone."""

from __future__ import annotations

from typing import Literal

from voiced.settings import Settings, setting


class CaptureSettings(Settings):
    """The microphone, what counts as speech, and how the loudspeaker's echo is kept out of it."""

    device: str = setting(
        "", "Its name, or letters that only its name contains (`voiced devices` lists them); empty: the default one."
    )
    block_ms: int = setting(
        20, "Length of a block from the device. Shorter wakes the processor more often.", unit="ms", ge=10, le=100
    )
    lost_after_s: float = setting(
        2.0,
        "A device that delivers nothing for so long counts as lost: a suspended one reports no error.",
        unit="s",
        gt=0,
        le=60,
    )
    vad_mode: int = setting(
        3, "How strict webrtcvad is, 0 to 3. Below 3 it takes more noise for speech and ends later.", ge=0, le=3
    )
    speech_needed: int = setting(
        2,
        "Speech is when so many of the last `speech_window` frames of 20 ms are: more suppresses clicks, and costs "
        "20 ms of onset each.",
        unit="frames",
        ge=1,
        le=50,
    )
    speech_window: int = setting(4, "See `speech_needed`.", unit="frames", ge=1, le=50)
    above_noise_db: float = setting(
        4.0,
        "Speech must be louder than the background noise, which is tracked, by at least this much.",
        unit="dB",
        ge=0,
        le=40,
    )
    quiet_ms: int = setting(
        200,
        "When it was quieter than that for so long, speech is over, even if webrtcvad still says speech: it does so "
        "for a quarter of a second and more. Below 160 ms the gaps inside words are cut out.",
        unit="ms",
        ge=20,
        le=2000,
    )
    echo: Literal["auto", "cancel", "half-duplex", "off"] = setting(
        "auto",
        "cancel takes the assistant's voice out of the microphone's sound (pip install 'voiced[echo]'); half-duplex "
        "hears nothing while the assistant is audible, so that it can't be interrupted by voice; off is for headsets; "
        "auto is cancel where installed, else half-duplex.",
    )
    echo_tail_ms: int = setting(
        300,
        "How long the room goes on sounding after the loudspeaker, for half-duplex. Bluetooth needs more.",
        unit="ms",
        ge=0,
        le=3000,
    )
