"""Settings of the loudspeaker."""

from __future__ import annotations

from voiced.settings import Settings, setting


class PlayoutSettings(Settings):
    """The loudspeaker."""

    device: str = setting(
        "",
        'Its name, or letters that only its name contains; "" is the system\'s default. `voiced devices` lists them.',
    )
    block_ms: int = setting(
        10,
        "Length of a block for the device: a reply begins and a flush ends within one. Longer costs less CPU.",
        unit="ms",
        ge=5,
        le=100,
    )
    volume: int = setting(
        70, "Loudness at the start; steps sound equal (the gain is the cube of it).", unit="%", ge=0, le=100
    )
    duck_db: float = setting(
        -18.0,
        "Gain of a reply while somebody may be talking over it: quiet enough to be heard as giving way.",
        unit="dB",
        ge=-60,
        le=0,
    )
    rebuffer_ms: int = setting(
        60,
        "After an underrun, gather this much more than after the last one before going on: a slow network then "
        "costs one gap, not many.",
        unit="ms",
        ge=0,
        le=1000,
    )
    rebuffer_max_ms: int = setting(240, "At most so much is gathered.", unit="ms", ge=0, le=5000)
    longest_buffer_s: int = setting(
        600,
        "Sound that may wait to be played; what exceeds it is dropped and logged. 48 kB of memory per second.",
        unit="s",
        ge=10,
        le=3600,
    )
    lost_after_s: float = setting(
        2.0,
        "A device that asks for no sound for so long counts as lost: a suspended one reports no error.",
        unit="s",
        gt=0,
        le=60,
    )
