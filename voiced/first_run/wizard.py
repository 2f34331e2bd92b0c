"""Devices, key, way of listening: asks for them, writes all at the end, and says hello aloud."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from voiced import installing
from voiced.audio import Ms
from voiced.config import Config, load_config
from voiced.config.writing import change, changed, write_whole
from voiced.errors import AudioError, ConfigError, DeviceFailed, ServiceError
from voiced.first_run.questions import Person
from voiced.redaction import looks_like_a_key
from voiced.service.installation import checked_key
from voiced.sound_card import Device, Direction, SoundCard
from voiced.sound_card.playing import play

HELLO: Final = {
    "open": "Hello. I am voiced. Ask me what time it is.",
    "wake": "Hello. I am voiced. Say {word}, then ask me what time it is.",
    "ptt": "Hello. I am voiced. Hold your key, and ask me what time it is.",
}
"""By how it listens: the easiest way of these. `word`: the first of the wake words."""

WAYS: Final = (
    ("whoever speaks is answered", ("open",)),
    ('after the wake word, "okay nabu"', ("wake",)),
    ("while a key is held (see docs/push-to-talk.md)", ("ptt",)),
    ("after the wake word, or while a key is held", ("wake", "ptt")),
)


@dataclass(slots=True)
class Wishes:
    """What is known before anybody is asked; None: ask."""

    file: Path
    microphone: str | None = None
    loudspeaker: str | None = None
    key: str | None = field(default=None, repr=False)
    listen: tuple[str, ...] | None = None
    sound: bool = True


def run(wishes: Wishes, person: Person, card: SoundCard, speak: Callable[[str], bytes], tones: bytes) -> int:
    """1 where there is no sound. Raises ConfigError; nothing was written then.

    `speak` makes PCM16 at 24 kHz of a sentence; so are `tones`.
    """
    if person.read is not None:
        person.tell("This asks four things, and writes the answers at the end. Ctrl-C leaves everything as it was.\n")
    settings: dict[str, Any] = {}
    trouble = _devices(wishes, person, card, tones, settings)
    key = _key(wishes, person)
    if key:
        settings["openai.key_file"] = str(wishes.file.parent / "openai_api_key")
    settings["listen.modes"] = list(_listening(wishes, person))
    config = _as_they_will_be(wishes.file, settings)
    if key:
        _keep(Path(settings["openai.key_file"]), key)
    change(wishes.file, settings)
    person.tell(f"\nThe settings are in {wishes.file}.")
    if not trouble and wishes.sound:
        try:
            easiest = next(mode for mode in HELLO if mode in config.listen.modes)
            hello = HELLO[easiest].format(word=config.wake.words[0].replace("_", " "))
            play(card, settings.get("playout.device", ""), speak(hello))
            person.tell(f'It said: "{hello}"')
        except AudioError as error:
            trouble = str(error)
    if trouble:
        person.tell(f"There is no sound yet: {trouble}\n`voiced doctor` says more.")
    person.tell(
        "\nWhat comes next:\n"
        "  voiced run               talk to it; Ctrl-C ends it\n"
        "  voiced calibrate         measure the room, so that it does not hear itself\n"
        "  voiced doctor            find what is wrong\n"
        "  voiced service install   start it by itself"
    )
    return 1 if trouble else 0


def _devices(wishes: Wishes, person: Person, card: SoundCard, tones: bytes, settings: dict[str, Any]) -> str:
    """What is in the way of sound, or ""."""
    try:
        found = card.devices()
        microphone = _device(person, found, "input", "Which microphone?", wishes.microphone)
        loudspeaker = _device(person, found, "output", "Which loudspeaker?", wishes.loudspeaker)
    except AudioError as error:
        person.tell(f"Without sound for now: {error}\n")
        return str(error)
    settings["capture.device"], settings["playout.device"] = microphone, loudspeaker
    while wishes.sound and person.read is not None:
        try:
            play(card, loudspeaker, tones)
        except AudioError as error:
            person.tell(str(error))
        if person.agrees("Did you hear three tones?", usual=True):
            break
        person.tell("Is it on, and turned up? Is the right one chosen?")
        if not person.agrees("Choose another loudspeaker?", usual=True):
            break
        loudspeaker = settings["playout.device"] = _device(person, found, "output", "Which loudspeaker?", None)
    return ""


def _device(person: Person, found: Sequence[Device], direction: Direction, question: str, wish: str | None) -> str:
    """Its name; "" is the system's own choice. Raises DeviceFailed where there is none."""
    kind = "microphone" if direction == "input" else "loudspeaker"
    names = list(dict.fromkeys(device.name for device in found if device.channels(direction)))
    if not names:
        raise DeviceFailed(f"there is no {kind}: plug one in, and run voiced setup again")
    if wish is not None:
        if wish and not any(wish in name for name in names):
            raise ConfigError(f"there is no {kind} {wish!r}; there are: {', '.join(names)}")
        return wish
    chosen = person.choose(question, ["the one that the system uses", *names])
    return names[chosen - 1] if chosen else ""


def _key(wishes: Wishes, person: Person) -> str:
    if wishes.key is not None:
        return wishes.key
    person.tell(
        "\nWith an OpenAI key it answers anything; without one it answers by itself, offline, what its tools can do.\n"
        "The key is kept in a file that only you can read. It is not shown while you paste it."
    )
    while True:
        key = person.secret("key (Enter for none): ")
        if not key:
            return key
        try:
            checked_key(key, "that")
        except ServiceError as error:
            person.tell(str(error))
            continue
        if looks_like_a_key(key):
            return key
        person.tell("that does not look like a key: it begins with sk-")
        if person.agrees("Take it all the same?", usual=False):
            return key


def _listening(wishes: Wishes, person: Person) -> tuple[str, ...]:
    if wishes.listen is not None:
        modes = wishes.listen
    else:
        person.tell("")
        modes = WAYS[person.choose("When shall it listen?", [text for text, _ in WAYS])][1]
    if "wake" in modes and importlib.util.find_spec("pymicro_wakeword") is None:
        raise ConfigError(f"the wake word is not installed: {installing.an_extra('wake')}, then run voiced setup again")
    return modes


def _as_they_will_be(file: Path, settings: dict[str, Any]) -> Config:
    """All settings. Raises ConfigError where `voiced config check` would refuse what is about to be written."""
    import tempfile

    try:
        after = changed(file.read_text(encoding="utf-8-sig") if file.exists() else "", settings)
        with tempfile.TemporaryDirectory() as folder:
            trial = Path(folder, file.name)
            trial.write_text(after, encoding="utf-8")
            try:
                return load_config(trial, environ={}).config
            except ConfigError as error:
                raise ConfigError(str(error).replace(str(trial), str(file))) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: it is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(
            f"{file}: the settings can't be tried first ({error.strerror}); voiced doctor says more"
        ) from None


def _keep(file: Path, key: str) -> None:
    try:
        write_whole(file, f"{key}\n", 0o600)
    except OSError as error:
        raise ConfigError(f"{file}: the key can't be written ({error.strerror})") from None


def three_tones(tone: Callable[[float, Ms, float], bytes]) -> bytes:
    """Rising."""
    return b"".join(tone(hz, Ms(300), -15.0) for hz in (440.0, 550.0, 660.0))
