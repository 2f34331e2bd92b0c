"""Settings of the wake word."""

from __future__ import annotations

from voiced.settings import Settings, setting


class WakeSettings(Settings):
    """The wake word, with "wake" in `listen.modes`. It is found on the device (pip install 'voiced[wake]')."""

    words: tuple[str, ...] = setting(
        ("okay_nabu",),
        "Any of okay_nabu, hey_jarvis, hey_mycroft and alexa, and those of `models`. Each costs a third of a percent "
        "of a core while somebody speaks.",
        min_length=1,
    )
    sensitivity: float = setting(
        0.5,
        "0 to 1: less where it wakes for nothing, more where it does not hear you. 0.5 is what a model's makers chose.",
        ge=0,
        le=1,
    )
    refractory_s: float = setting(
        2.0, "Pause before a wake word may be heard again: one that is drawn out is one.", unit="s", ge=0.2, le=60
    )
    models: str = setting(
        "",
        "A folder of models of your own, as microWakeWord trains them: NAME.json and the .tflite that it names. NAME "
        "is then a word.",
    )
