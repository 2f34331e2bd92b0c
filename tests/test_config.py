"""Settings: what wins, what is refused and in which words, and that the key never shows."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import Field, field_validator

from voiced.ai.directory import providers
from voiced.ai.settings import AiSettings, ProviderSettings
from voiced.brains.cascade.settings import CascadeSettings, Service
from voiced.config import Config, Loaded, OpenAISettings, example, load_config
from voiced.config.as_toml import in_force, toml_value
from voiced.config.loading import LayeredSettings, Places, given_in, validated
from voiced.config.secrets import Secrets
from voiced.config.sources import Given, Origin, environment_name, from_file, key_of, leaves, parts_of
from voiced.config.writing import change
from voiced.errors import BadKey, ConfigError
from voiced.settings import Settings, setting

KEY = "sk-proj-0123456789abcdefghijklmnop"


class Turn(Settings):
    """Who speaks."""

    hangover_ms: int = setting(500, "Silence.", unit="ms", ge=200, le=5000)
    longest_s: float = setting(60.0, "Bound.", unit="s", gt=0)
    end: Literal["local", "server", "semantic"] = setting("local", "Who decides.")


class Sound(Settings):
    """What is heard."""

    gain_db: float = setting(-6.0, "Loudness.", unit="dB", ge=-60, le=0)
    muted: bool = setting(False, "No sound.")
    device: str = setting("", "Its name.")
    words: tuple[str, ...] = setting((), "Wake words.")

    @field_validator("words")
    @classmethod
    def _short(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if any(not word for word in words):
            raise ValueError("a wake word is empty; write a word or take it out")
        return words


class Lamp(Settings):
    """How one lamp shines."""

    watts: float | None = setting(None, "Power.", unit="W", ge=0)
    colour: str = setting("white", "Of its light.")


class Light(Settings):
    """What shines."""

    lamps: dict[str, Lamp] = setting({}, "The lamps, by name.")
    on: bool = setting(False, "Whether they do.")
    scenes: dict[Literal["morning", "evening"], int] = setting({}, "How bright each is.")


class House(LayeredSettings):
    """A small configuration with one setting of each kind."""

    turn: Turn = Field(default_factory=Turn)
    sound: Sound = Field(default_factory=Sound)
    light: Light = Field(default_factory=Light)


def complaints(tmp_path: Path, text: str = "", environ: dict[str, str] | None = None, sets: Sequence[str] = ()) -> str:
    file = tmp_path / "voiced.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        validated(House, given_in(House, Places.of(file, sets, environ or {})))
    return str(raised.value).replace(str(file), "voiced.toml")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # A name that is not there.
        ("[turn]\nhangovr_ms = 500", "2: no such setting: turn.hangovr_ms; did you mean turn.hangover_ms?"),
        ("[turn]\ndevice = ''", "2: no such setting: turn.device; it belongs in [sound]"),
        ("[turn]\nzzz = 1", "2: no such setting: turn.zzz; [turn] has hangover_ms, longest_s, end"),
        ("hangover_ms = 500", "1: no such setting: hangover_ms; it belongs in [turn]"),
        ("[tunr]\nend = 'local'", "1: no such section: tunr; did you mean [turn]?"),
        ("[qqq]", "1: no such section: qqq; the sections: turn, sound, light"),
        ("turn = 5", "1: turn is a section; write [turn] above its settings"),
        # The wrong unit, in the name or in the value.
        (
            "[turn]\nhangover_s = 0.5",
            "2: no such setting: turn.hangover_s; it is hangover_ms, in milliseconds: write hangover_ms = 500",
        ),
        (
            "[turn]\nhangover = '0.7 s'",
            "2: no such setting: turn.hangover; it is hangover_ms, in milliseconds: write hangover_ms = 700",
        ),
        (
            "[turn]\nhangover_ms = '0.5 s'",
            '2: turn.hangover_ms is "0.5 s"; it is a whole number of milliseconds, without the unit: '
            "write hangover_ms = 500",
        ),
        (
            "[turn]\nhangover_ms = 0.5",
            "2: turn.hangover_ms is 0.5; it is a whole number of milliseconds: "
            "if 0.5 s is meant, write hangover_ms = 500",
        ),
        (
            "[turn]\nhangover_ms = 1",
            "2: turn.hangover_ms is 1; it is a whole number of milliseconds: if 1 s is meant, write hangover_ms = 1000",
        ),
        (
            "[turn]\nhangover_ms = 500.4",
            "2: turn.hangover_ms is 500.4; it is a whole number of milliseconds from 200 to 5000: "
            "write for example hangover_ms = 500",
        ),
        (
            "[turn]\nhangover_ms = 90000",
            "2: turn.hangover_ms is 90000; it is a whole number of milliseconds from 200 to 5000: "
            "write for example hangover_ms = 500",
        ),
        (
            "[turn]\nhangover_ms = 'long'",
            '2: turn.hangover_ms is "long"; it is a whole number of milliseconds from 200 to 5000: '
            "write for example hangover_ms = 500",
        ),
        (
            "[turn]\nhangover_ms = '500'",
            '2: turn.hangover_ms is "500"; it is a whole number of milliseconds, without the unit: '
            "write hangover_ms = 500",
        ),
        (
            "[turn]\nhangover_ms = true",
            "2: turn.hangover_ms is true; it is a whole number of milliseconds from 200 to 5000: "
            "write for example hangover_ms = 500",
        ),
        (
            "[turn]\nlongest_s = '2 min'",
            '2: turn.longest_s is "2 min"; it is a number of seconds, without the unit: write longest_s = 120',
        ),
        (
            "[sound]\ngain_db = '-3 dB'",
            '2: sound.gain_db is "-3 dB"; it is a number in dB, without the unit: write gain_db = -3',
        ),
        (
            "[sound]\ngain_db = 3",
            "2: sound.gain_db is 3; it is a number in dB from -60 to 0: write for example gain_db = -6",
        ),
        # The wrong kind of value.
        (
            "[turn]\nend = 'servr'",
            '2: turn.end is "servr"; write end = "server" (the choices: local, server, semantic)',
        ),
        ("[turn]\nend = 'me'", '2: turn.end is "me"; the choices: local, server, semantic'),
        ("[sound]\nmuted = 'yes'", '2: sound.muted is "yes"; write muted = true or muted = false'),
        ("[sound]\ndevice = 5", '2: sound.device is 5; write text in quotes: device = "5"'),
        ("[sound]\ndevice = false", '2: sound.device is false; write text in quotes: device = "…"'),
        ("[sound]\nwords = 'hey'", '2: sound.words is "hey"; write a list: words = ["hey"]'),
        ("[sound]\nwords = ['']", '2: sound.words is [""]; a wake word is empty; write a word or take it out'),
        # A name in a table.
        (
            "[light]\nscenes = {evenin = 5}",
            "2: light.scenes is { evenin = 5 }; evenin is none of morning, evening; did you mean evening?",
        ),
        ("[light]\nscenes = {x = 5}", "2: light.scenes is { x = 5 }; x is none of morning, evening"),
        # Named tables.
        (
            '[light.lamps."desk 2.0"]\nwats = 5',
            '2: no such setting: light.lamps."desk 2.0".wats; did you mean light.lamps."desk 2.0".watts?',
        ),
        (
            "[light]\nlamps.desk = {watts = 'many'}",
            '2: light.lamps.desk.watts is "many"; it is a number in W, at least 0: write for example watts = 0',
        ),
        (
            "[light.lamps.'2.0']\n\nwatts = -1",
            '3: light.lamps."2.0".watts is -1; it is a number in W, at least 0: write for example watts = 0',
        ),
        ("[light]\nlamps = 5", "2: light.lamps is 5; write a section for each: [light.lamps.NAME]"),
        (
            "[light.lamps]\ndesk = 5",
            "2: light.lamps.desk is a section; write [light.lamps.desk] above its settings",
        ),
        # Not TOML.
        (
            "[turn\n",
            "1:6: this is not TOML (Expected ']' at the end of a table declaration); "
            'write lines like name = 5, name = "text" or [section]',
        ),
    ],
)
def test_a_mistake_in_the_file_is_one_line_with_its_place_and_the_fix(tmp_path: Path, text: str, line: str) -> None:
    assert complaints(tmp_path, text) == f"voiced.toml:{line}"


def test_a_mistake_in_the_environment_is_told_in_the_words_of_the_environment(tmp_path: Path) -> None:
    environ = {"VOICED_TURN__HANGOVER_MS": "0.5 s"}
    assert complaints(tmp_path, environ=environ) == (
        'VOICED_TURN__HANGOVER_MS: turn.hangover_ms is "0.5 s"; it is a whole number of milliseconds, '
        "without the unit: write VOICED_TURN__HANGOVER_MS=500"
    )
    assert complaints(tmp_path, environ={"VOICED_TURN__HANGOVR_MS": "500"}) == (
        "VOICED_TURN__HANGOVR_MS: no such setting: turn.hangovr_ms; did you mean turn.hangover_ms?"
    )
    assert complaints(tmp_path, environ={"VOICED_SOUND_MUTED": "true"}) == (
        "VOICED_SOUND_MUTED: no such variable; write it with two underscores: VOICED_SOUND__MUTED=true"
    )


def test_a_mistake_on_the_command_line_is_told_in_the_words_of_the_command_line(tmp_path: Path) -> None:
    assert complaints(tmp_path, sets=["turn.end=servr"]) == (
        '--set turn.end: turn.end is "servr"; write --set turn.end=server (the choices: local, server, semantic)'
    )
    assert complaints(tmp_path, sets=["louder"]) == (
        "--set louder: write --set section.key=value, for example --set log.level=debug"
    )


def test_each_of_several_mistakes_gets_its_line(tmp_path: Path) -> None:
    text = "[turn]\nhangovr_ms = 1\nend = 5\n[sound]\nmuted = 1\n"
    assert complaints(tmp_path, text).splitlines() == [
        "voiced.toml:2: no such setting: turn.hangovr_ms; did you mean turn.hangover_ms?",
        "voiced.toml:3: turn.end is 5; the choices: local, server, semantic",
        "voiced.toml:5: sound.muted is 1; write muted = true or muted = false",
    ]


def test_a_file_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    def said(path: Path) -> str:
        with pytest.raises(ConfigError) as raised:
            load_config(path, environ={})
        return str(raised.value)

    missing = tmp_path / "missing.toml"
    assert said(missing) == f"{missing}: no such file; `voiced config path` prints where settings are looked for"
    assert said(tmp_path) == f"{tmp_path}: this is a directory; name the file in it"
    usual = tmp_path / "config" / "voiced" / "voiced.toml"
    usual.mkdir(parents=True)
    with pytest.raises(ConfigError, match=f"^{usual}: this is a directory; run: mv {usual} {usual}.old$"):
        load_config(None, environ={"XDG_CONFIG_HOME": str(tmp_path / "config")})
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"# \xe9\n")
    assert said(latin) == f"{latin}: this is not UTF-8 text; save it as UTF-8"
    nested = latin / "voiced.toml"
    assert said(nested) == f"{nested}: can't be read (Not a directory); let this user read it"


@contextmanager
def not_as_root() -> Iterator[Path]:
    """As a user who may not read all; gives a folder of theirs."""
    with TemporaryDirectory() as folder:
        if os.geteuid() != 0:
            yield Path(folder)
            return
        nobody = 65534
        os.chown(folder, nobody, nobody)
        os.setresuid(nobody, nobody, 0)
        try:
            yield Path(folder)
        finally:
            os.setresuid(0, 0, 0)


@pytest.mark.parametrize(("mode", "shut"), [(0o700, ["voiced.toml"]), (0o000, [".", "voiced.toml"])])
def test_a_file_that_this_user_may_not_read(mode: int, shut: list[str]) -> None:
    with not_as_root() as folder:
        file = folder / "voiced.toml"
        file.touch(0o000)
        folder.chmod(mode)
        with pytest.raises(ConfigError) as caught:
            from_file(Config, file, required=True)
        folder.chmod(0o700)
    names = " ".join(str(folder / name) for name in shut)
    command = f"sudo chgrp {os.getegid()} {names} && sudo chmod ug+rX {names}"
    assert str(caught.value) == f"{file}: this user may not read it; run: {command}"


def test_a_file_that_was_written_on_windows(tmp_path: Path) -> None:
    file = tmp_path / "voiced.toml"
    file.write_bytes(b"\xef\xbb\xbf[turn]\r\nhangover_ms = 600\r\n")
    assert load_config(file, environ={}).config.turn.hangover_ms == 600
    change(file, {"turn.onset_ms": 80})
    assert file.read_text() == "[turn]\nhangover_ms = 600\nonset_ms = 80\n"


scalars = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.dates()
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(), scalars, max_size=3)
names = st.sampled_from([key for key, _ in leaves(Config)]) | st.text(min_size=1)


@hypothesis_settings(deadline=None)
@given(st.lists(st.builds(Given, names, values, st.just(Origin("file", "voiced.toml", 1))), max_size=4))
def test_whatever_is_written_there_are_settings_or_lines_with_the_place(written: list[Given]) -> None:
    try:
        validated(Config, written)
        complaints = ""
    except ConfigError as error:
        complaints = str(error)
    assert [line for line in complaints.splitlines() if not line.startswith("voiced.toml:1: ")] == []


def test_variables_that_are_not_settings_are_left_alone() -> None:
    assert (
        load_config(environ={"VOICED_REQUIRE_ALL": "1", "VOICEDX__Y": "1"}, system_file=Path("/nonexistent")).origins
        == {}
    )


# What wins.

LAYERS = ("system", "user", "environment", "command line")


@given(st.sets(st.sampled_from(LAYERS)))
def test_the_later_place_wins(tmp_path_factory: pytest.TempPathFactory, layers: set[str]) -> None:
    loaded = loaded_from(tmp_path_factory.mktemp("layers"), layers)
    winner = max(layers, key=LAYERS.index, default=None)
    expected = Config().turn.hangover_ms if winner is None else 1000 + LAYERS.index(winner)
    assert loaded.config.turn.hangover_ms == expected
    assert ("turn.hangover_ms" in loaded.origins) == (winner is not None)


def test_layers_are_merged_setting_by_setting(tmp_path: Path) -> None:
    system, user = tmp_path / "system.toml", tmp_path / "xdg/voiced/voiced.toml"
    user.parent.mkdir(parents=True)
    system.write_text("[turn]\nhangover_ms = 700\nend = 'server'\n")
    user.write_text("[turn]\n\nend = 'semantic'\n")
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    loaded = load_config(environ=environ, system_file=system)
    assert (loaded.config.turn.hangover_ms, loaded.config.turn.end) == (700, "semantic")
    assert loaded.origins == {
        "turn.hangover_ms": Origin("file", str(system), 2),
        "turn.end": Origin("file", str(user), 3),
    }
    alone = tmp_path / "alone.toml"
    alone.write_text("")
    assert load_config(alone, environ=environ, system_file=system).config == Config()


def house(tmp_path: Path, text: str = "", environ: dict[str, str] | None = None, sets: Sequence[str] = ()) -> Any:
    file = tmp_path / "voiced.toml"
    file.write_text(text)
    return validated(House, given_in(House, Places.of(file, sets, environ or {})))


def test_named_tables_are_merged_setting_by_setting_and_each_knows_its_place(tmp_path: Path) -> None:
    settings, origins = house(
        tmp_path,
        '[light.lamps."desk 2.0"]\nwatts = 5\ncolour = "red"\n[light.lamps.hall]\nwatts = 60\n',
        {"VOICED_LIGHT__LAMPS__HALL__COLOUR": "blue", "VOICED_LIGHT__LAMPS": '{"desk 2.0" = {watts = 6}}'},
        ["light.lamps.desk 2.0.colour=green", "light.lamps.door={watts = 1}"],
    )
    assert settings.light.lamps == {
        "desk 2.0": Lamp(watts=6, colour="green"),
        "hall": Lamp(watts=60, colour="blue"),
        "door": Lamp(watts=1),
    }
    assert {key: str(origin).replace(f"{tmp_path}/", "") for key, origin in origins.items()} == {
        'light.lamps."desk 2.0".watts': "VOICED_LIGHT__LAMPS",
        'light.lamps."desk 2.0".colour': "--set light.lamps.desk 2.0.colour",
        "light.lamps.hall.watts": "voiced.toml:5",
        "light.lamps.hall.colour": "VOICED_LIGHT__LAMPS__HALL__COLOUR",
        "light.lamps.door.watts": "--set light.lamps.door",
    }


def test_a_price_of_ones_own_changes_no_other(tmp_path: Path) -> None:
    file = tmp_path / "voiced.toml"
    file.write_text('[budget.prices."gpt-realtime-2.1"]\ntext_in = 5\n[budget.prices.my-model]\ntext_in = 0\n')
    prices = load_config(file, (), {}).config.budget.prices
    usual = Config().budget.prices
    assert prices["gpt-realtime-2.1"] == usual["gpt-realtime-2.1"].model_copy(update={"text_in": 5.0})
    assert prices["my-model"].model_dump(exclude_none=True) == {"text_in": 0.0}
    assert {name: prices[name] for name in usual if name != "gpt-realtime-2.1"} == {
        name: usual[name] for name in usual if name != "gpt-realtime-2.1"
    }


@given(st.lists(st.text(), min_size=1))
def test_a_key_is_its_parts_whatever_they_are(parts: list[str]) -> None:
    assert parts_of(key_of(parts)) == parts


def test_settings_are_read_anew_from_the_same_places(tmp_path: Path) -> None:
    file = tmp_path / "voiced.toml"
    file.write_text("[turn]\nhangover_ms = 700\n")
    loaded = load_config(file, ["log.level=debug"], {})
    file.write_text("[turn]\nhangover_ms = 800\n")
    again = loaded.again()
    assert (again.config.turn.hangover_ms, again.config.log.level) == (800, "debug")


@pytest.mark.parametrize(
    ("text", "value"),
    [("2", "2"), ("true", "true"), ("USB Audio", "USB Audio"), ('"USB Audio"', "USB Audio"), ("", "")],
)
def test_a_text_setting_takes_any_text_from_the_environment(text: str, value: str) -> None:
    places = Places.of(environ={"VOICED_SOUND__DEVICE": text}, system_file=Path("/nonexistent"))
    assert validated(House, given_in(House, places))[0].sound.device == value


lamps = st.dictionaries(st.text(), st.builds(Lamp, watts=st.none() | st.floats(0, 100), colour=st.text()))


@given(
    st.builds(
        House,
        turn=st.builds(Turn),
        sound=st.builds(Sound, gain_db=st.floats(-60, 0), device=st.text()),
        light=st.builds(Light, lamps=lamps),
    ),
    st.booleans(),
)
def test_what_is_shown_can_be_read_back(house: House, given_by_somebody: bool) -> None:
    place = Origin("file", "voiced.toml", 1)
    origins = {key_of(["light", "lamps", name, "colour"]): place for name in house.light.lamps if given_by_somebody}
    tables = tomllib.loads(in_force(house, origins))
    assert House.model_validate(tables) == house


@given(st.recursive(st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(), st.lists, max_leaves=5))
def test_toml_values_survive(value: Any) -> None:
    assert tomllib.loads(f"value = {toml_value(value)}")["value"] == value


# The file in the repository.


def test_the_example_is_what_the_models_say() -> None:
    file = Path(__file__).parents[1] / "config" / "voiced.toml"
    assert file.read_text() == example(), "run: .venv/bin/voiced config example > config/voiced.toml"


def test_the_example_has_every_setting_with_its_default_and_changes_nothing() -> None:
    assert validated(Config, []) == (Config(), {})
    uncommented = "\n".join(line.removeprefix("#") if line.startswith("#") and line[1:2] != " " else line
                            for line in example().splitlines())  # fmt: skip
    tables = tomllib.loads(uncommented)
    assert not any(tomllib.loads(example()).values())
    assert sorted(key for key, _ in leaves(Config)) == sorted(f"{s}.{n}" for s, names in tables.items() for n in names)
    found = [
        Given(f"{s}.{n}", value, Origin("file", "example")) for s, names in tables.items() for n, value in names.items()
    ]
    assert validated(Config, found)[0] == Config()


def test_every_setting_is_explained_and_durations_name_their_unit() -> None:
    for key, model in leaves(Config):
        name = key.rsplit(".", 1)[-1]
        field = model.model_fields[name]
        assert field.description, f"{key} has no doc"
        unit = (field.json_schema_extra or {}).get("unit") if not callable(field.json_schema_extra) else None
        assert unit not in ("ms", "s", "min") or name.endswith(f"_{unit}"), f"{key} is in {unit}"


# The keys.


def secrets(key_file: str = "", **environ: str) -> Secrets:
    return Secrets(OpenAISettings(key_file=key_file), environ)


def test_the_key_comes_from_the_environment_then_the_file_then_systemd(tmp_path: Path) -> None:
    for name in ("file", "openai_api_key"):
        (tmp_path / name).write_text(f"key-from-{name}\n")
    everything = {"OPENAI_API_KEY": "key-from-environment", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    file = str(tmp_path / "file")
    assert secrets(file, **everything).openai_key().get_secret_value() == "key-from-environment"
    assert secrets(file, **everything).describe() == "set (from OPENAI_API_KEY)"
    del everything["OPENAI_API_KEY"]
    assert secrets(file, **everything).openai_key().get_secret_value() == "key-from-file"
    assert secrets("~/file", HOME=str(tmp_path)).describe() == f"set (from {file})"
    assert secrets(**everything).openai_key().get_secret_value() == "key-from-openai_api_key"
    assert secrets(CREDENTIALS_DIRECTORY=str(tmp_path / "none")).describe() == "not set"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "{} is empty; put the OpenAI key in it, or take it away"),
        (" \n", "{} is empty; put the OpenAI key in it, or take it away"),
        (
            f"{KEY} {KEY}",
            "{} is not an OpenAI key (it has a space, a line break or a special character); copy it again",
        ),
        (
            f"{KEY}\n{KEY}\n",
            "{} is not an OpenAI key (it has a space, a line break or a special character); copy it again",
        ),
        (f"{KEY}é", "{}: this is not an OpenAI key (not plain ASCII); put the key alone in it"),
    ],
)
def test_a_key_that_is_none_says_so_without_showing_it(tmp_path: Path, content: str, line: str) -> None:
    file = tmp_path / "key"
    file.write_text(content)
    with pytest.raises(ConfigError) as raised:
        secrets(str(file)).openai_key()
    assert str(raised.value) == line.format(file)


def test_no_key_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        secrets().openai_key()
    assert str(raised.value) == (
        "no OpenAI key: set OPENAI_API_KEY, or name a file with it in openai.key_file, "
        "or give the systemd unit LoadCredential=openai_api_key:FILE"
    )
    missing = tmp_path / "missing"
    with pytest.raises(ConfigError) as raised:
        secrets(str(missing)).openai_key()
    assert str(raised.value) == (
        f"{missing}: no such file; openai.key_file names it: create it with the OpenAI key in it"
    )
    with pytest.raises(ConfigError) as raised:
        secrets(str(tmp_path)).openai_key()
    assert str(raised.value) == (
        f"{tmp_path}: the OpenAI key can't be read (Is a directory); make voiced's user the owner of the file"
    )


def test_a_key_file_that_everybody_can_read_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    file.chmod(0o644)
    line = f"{file}: every user of this machine can read the key; run: chmod 600 {file}"
    assert load_config(None, [f"openai.key_file={file}"], {}, system_file=Path("/nonexistent")).warnings == (line,)
    file.chmod(0o600)
    assert secrets(str(file)).warnings() == []


def test_a_key_in_the_wrong_place_never_prints(tmp_path: Path) -> None:
    assert complaints(tmp_path, f"[sound]\napi_key = '{KEY}'") == (
        "voiced.toml:2: no such setting: sound.api_key; "
        "a key has no place in the settings: put it in OPENAI_API_KEY, or in a file named by openai.key_file"
    )
    assert complaints(tmp_path, f"[turn]\nend = '{KEY}'") == (
        "voiced.toml:2: turn.end is a key (not printed); the choices: local, server, semantic"
    )
    assert KEY not in complaints(tmp_path, f"[turn]\n{KEY} = 5\nhangover = '{KEY}'\n[sound]\nwords = '{KEY}'")
    with pytest.raises(ConfigError) as raised:
        secrets(KEY).openai_key()
    assert str(raised.value) == (
        "openai.key_file holds what looks like the key itself; put the key in a file and write the file's path"
    )


def test_the_key_is_in_no_repr_and_in_nothing_shown() -> None:
    loaded = load_config(
        environ={"OPENAI_API_KEY": KEY}, overrides=[f"control.socket={KEY}"], system_file=Path("/none")
    )
    key = loaded.secrets.openai_key()
    assert key.get_secret_value() == KEY
    for text in (repr(loaded.secrets), repr(loaded.places), repr(key), str(key), loaded.show()):
        assert KEY not in text
    assert "# OpenAI key: set (from OPENAI_API_KEY)" in loaded.show()


AZURE = "https://res.openai.azure.com/openai/v1"
OLLAMA = "http://localhost:11434/v1"


@pytest.mark.parametrize(
    ("settings", "environ", "keys"),
    [
        ({}, {}, ("", "", "")),
        ({}, {"OPENAI_API_KEY": "o"}, ("o", "o", "o")),
        ({"chat_base_url": OLLAMA}, {"OPENAI_API_KEY": "o"}, ("o", "", "o")),
        ({"chat_base_url": OLLAMA}, {"OPENAI_API_KEY": "o", "CASCADE_CHAT_API_KEY": "c"}, ("o", "c", "o")),
        ({"base_url": AZURE}, {"OPENAI_API_KEY": "o"}, ("", "", "")),
        ({"base_url": AZURE}, {"OPENAI_API_KEY": "o", "CASCADE_API_KEY": "a"}, ("a", "a", "a")),
        (
            {"base_url": AZURE, "stt_base_url": "https://api.openai.com/v1", "tts_base_url": "http://localhost:8000/v1"},
            {"OPENAI_API_KEY": "o", "CASCADE_API_KEY": "a"},
            ("o", "a", ""),
        ),
        ({}, {"OPENAI_API_KEY": "o", "CASCADE_TTS_API_KEY": "t"}, ("o", "o", "t")),
        ({"base_url": "https://api.openai.com.example.org/v1"}, {"OPENAI_API_KEY": "o"}, ("", "", "")),
    ],
)  # fmt: skip
def test_a_key_of_the_cascade_goes_to_the_server_that_it_is_for(
    settings: dict[str, str], environ: dict[str, str], keys: tuple[str, ...]
) -> None:
    found = Secrets(OpenAISettings(), environ, CascadeSettings.model_validate(settings))
    services: tuple[Service, ...] = ("stt", "chat", "tts")
    assert tuple(found.cascade_key(service).get_secret_value() for service in services) == keys


@pytest.mark.parametrize(
    ("name", "given", "environ", "key"),
    [
        ("openai", {}, {"OPENAI_API_KEY": "o"}, "o"),
        ("openai", {"base_url": OLLAMA}, {"OPENAI_API_KEY": "o"}, ""),
        ("deepseek", {}, {"OPENAI_API_KEY": "o"}, ""),
        ("deepseek", {}, {"OPENAI_API_KEY": "o", "DEEPSEEK_API_KEY": "d"}, "d"),
        ("kimi", {}, {"MOONSHOT_API_KEY": "k"}, "k"),
        ("azure", {"base_url": AZURE}, {"CASCADE_API_KEY": "a"}, "a"),  # that of the same host
        ("azure", {"base_url": AZURE}, {"CASCADE_API_KEY": "a", "AZURE_OPENAI_API_KEY": "z"}, "z"),
        ("my-server", {"base_url": OLLAMA}, {"OPENAI_API_KEY": "o", "MY_SERVER_API_KEY": "m"}, "m"),
    ],
)
def test_the_key_of_a_provider_goes_to_no_other(
    name: str, given: dict[str, str], environ: dict[str, str], key: str
) -> None:
    settings = AiSettings(providers={name: ProviderSettings(**given)})  # type: ignore[arg-type]  # addresses alone
    (provider,) = providers(settings, "chat", name)
    found = Secrets(OpenAISettings(), environ, CascadeSettings(base_url=AZURE))
    assert found.provider_key(provider).get_secret_value() == key


def test_the_key_file_of_a_provider(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("d\n")
    file.chmod(0o644)
    settings = AiSettings(providers={"deepseek": ProviderSettings(key_file=str(file))})
    found = Secrets(OpenAISettings(), {}, ai=settings)
    (provider,) = providers(settings, "chat", "deepseek")
    assert found.provider_key(provider).get_secret_value() == "d"
    assert found.warnings() == [f"{file}: every user of this machine can read the key; run: chmod 600 {file}"]
    file.unlink()
    with pytest.raises(BadKey, match=r"no such file; ai\.providers\.deepseek\.key_file names it"):
        found.provider_key(provider)


def test_the_openai_key_also_goes_where_realtime_has_it() -> None:
    environ = {"OPENAI_API_KEY": "o"}
    found = Secrets(OpenAISettings(), environ, CascadeSettings(base_url=AZURE), "wss://res.openai.azure.com")
    assert found.cascade_key("stt").get_secret_value() == "o"
    elsewhere = Secrets(OpenAISettings(), environ, CascadeSettings(base_url=OLLAMA), "http://localhost:8000")
    assert elsewhere.cascade_key("stt").get_secret_value() == ""


@pytest.mark.parametrize(
    ("environ", "url", "key"),
    [
        ({"OPENAI_API_KEY": "o", "CASCADE_API_KEY": "a"}, "https://eu.api.openai.com/v1", "o"),
        ({"OPENAI_API_KEY": "o", "CASCADE_API_KEY": "a"}, "https://realtime.example.org/v1", "o"),
        ({"OPENAI_API_KEY": "o", "CASCADE_API_KEY": "a"}, AZURE, "a"),
        ({"OPENAI_API_KEY": "o", "CASCADE_API_KEY": "a"}, OLLAMA, ""),
        ({"OPENAI_API_KEY": "o"}, AZURE, ""),
        ({"CASCADE_API_KEY": "a"}, "https://api.openai.com/v1", ""),
        ({"OPENAI_API_KEY": "o"}, "https://api.openai.com.example.org/v1", ""),
    ],
)
def test_plugins_use_a_server_with_the_key_that_it_has_already(environ: dict[str, str], url: str, key: str) -> None:
    found = Secrets(OpenAISettings(), environ, CascadeSettings(base_url=AZURE), "wss://realtime.example.org/v1")
    assert found.key_for(url).get_secret_value() == key


def test_the_keys_of_the_cascade_have_files_and_credentials_too(tmp_path: Path) -> None:
    (tmp_path / "cascade_stt_api_key").write_text("s\n")
    file = tmp_path / "file"
    file.write_text("c\n")
    file.chmod(0o644)
    found = Secrets(
        OpenAISettings(),
        {"CREDENTIALS_DIRECTORY": str(tmp_path)},
        CascadeSettings(base_url=OLLAMA, chat_key_file=str(file), tts_key_file=str(tmp_path / "none")),
    )
    assert found.cascade_key("stt").get_secret_value() == "s"
    assert found.cascade_key("chat").get_secret_value() == "c"
    with pytest.raises(ConfigError) as raised:
        found.cascade_key("tts")
    assert str(raised.value) == (
        f"{tmp_path / 'none'}: no such file; cascade.tts_key_file names it: create it with the API key in it"
    )
    assert found.warnings() == [f"{file}: every user of this machine can read the key; run: chmod 600 {file}"]


def loaded_from(root: Path, layers: set[str]) -> Loaded:
    """Settings with `turn.hangover_ms` given in these places."""
    system, user = root / "system.toml", root / "voiced" / "voiced.toml"
    user.parent.mkdir()
    for layer, file in (("system", system), ("user", user)):
        if layer in layers:
            file.write_text(f"[turn]\nhangover_ms = {1000 + LAYERS.index(layer)}\n")
    environ = {"XDG_CONFIG_HOME": str(root)}
    if "environment" in layers:
        environ[environment_name("turn.hangover_ms")] = str(1000 + LAYERS.index("environment"))
    overrides = [f"turn.hangover_ms={1000 + LAYERS.index('command line')}"] if "command line" in layers else []
    return load_config(None, overrides, environ, system_file=system)


@pytest.mark.parametrize(
    ("order", "fix"),
    [
        ('["realtme"]', 'is ["realtme"]; a list of these: realtime, cascade, offline'),
        ("[]", 'is []; it must have one at least: write for example order = ["realtime"]'),
    ],
)
def test_a_list_of_choices_is_one_complaint_with_the_choices(tmp_path: Path, order: str, fix: str) -> None:
    file = tmp_path / "voiced.toml"
    file.write_text(f"[brain]\norder = {order}\n")
    with pytest.raises(ConfigError) as refused:
        load_config(file, environ={})
    assert str(refused.value) == f"{file}:2: brain.order {fix}"


def test_lists_in_a_table_are_read_and_shown(tmp_path: Path) -> None:
    file = tmp_path / "voiced.toml"
    file.write_text('[ai.orders]\nchat = ["ollama", "openai"]\n')
    loaded = load_config(file, environ={})
    assert loaded.config.ai.orders == {"chat": ("ollama", "openai")}
    file.write_text(loaded.show())
    assert load_config(file, environ={}).config.ai == loaded.config.ai
