"""All settings as one frozen model, put together from files, the environment and the command line.

    defaults  <  /etc/voiced/voiced.toml  <  $XDG_CONFIG_HOME/voiced/voiced.toml  <  VOICED_SECTION__NAME  <  --set

With `--config FILE` that file alone is read. pydantic-settings merges the layers and validates; each layer is a source
of our own, since every mistake is reported with the file and line it stands in, unknown variables too, and
`voiced config show` names each value's place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from voiced.ai.settings import AiSettings
from voiced.brains.cascade.settings import CascadeSettings
from voiced.brains.offline.settings import OfflineSettings
from voiced.brains.realtime.settings import RealtimeSettings
from voiced.capture.settings import CaptureSettings
from voiced.capture.wake_models import models_for
from voiced.capture.wake_settings import WakeSettings
from voiced.config import as_toml
from voiced.config.loading import LayeredSettings, Places, given_in, validated
from voiced.config.plugin_tables import PluginTables
from voiced.config.secrets import OpenAISettings, Secrets
from voiced.config.sources import SYSTEM_FILE, Origin
from voiced.control.settings import ControlSettings
from voiced.conversation.settings import BrainSettings, ListenSettings, TurnSettings
from voiced.errors import ConfigError
from voiced.keys.settings import KeySettings
from voiced.kiosk.settings import KioskSettings
from voiced.lights.settings import LightSettings, must_be_installed
from voiced.log import LogSettings
from voiced.playout.settings import EarconSettings, PlayoutSettings
from voiced.plugins.settings import PluginSettings
from voiced.settings import setting
from voiced.spending.settings import BudgetSettings

__all__ = [
    "Config",
    "Loaded",
    "OpenAISettings",
    "Origin",
    "Places",
    "PluginTables",
    "Secrets",
    "example",
    "load_config",
]


class Config(LayeredSettings):
    """Every setting of voiced: one section for each room."""

    openai: OpenAISettings = Field(default_factory=OpenAISettings)
    brain: BrainSettings = Field(default_factory=BrainSettings)
    turn: TurnSettings = Field(default_factory=TurnSettings)
    listen: ListenSettings = Field(default_factory=ListenSettings)
    keys: KeySettings = Field(default_factory=KeySettings)
    capture: CaptureSettings = Field(default_factory=CaptureSettings)
    wake: WakeSettings = Field(default_factory=WakeSettings)
    realtime: RealtimeSettings = Field(default_factory=RealtimeSettings)
    cascade: CascadeSettings = Field(default_factory=CascadeSettings)
    offline: OfflineSettings = Field(default_factory=OfflineSettings)
    playout: PlayoutSettings = Field(default_factory=PlayoutSettings)
    earcons: EarconSettings = Field(default_factory=EarconSettings)
    lights: LightSettings = Field(default_factory=LightSettings)
    ai: AiSettings = Field(default_factory=AiSettings)
    plugins: PluginSettings = Field(default_factory=PluginSettings)
    plugin: dict[str, dict[str, Any]] = setting(
        {},
        "Settings of single plugins: a section for each, such as [plugin.weather], with what its documentation names. "
        "Passwords and tokens do not go here: the documentation names a variable and a file for each.",
    )
    budget: BudgetSettings = Field(default_factory=BudgetSettings)
    control: ControlSettings = Field(default_factory=ControlSettings)
    kiosk: KioskSettings = Field(default_factory=KioskSettings)
    log: LogSettings = Field(default_factory=LogSettings)

    @property
    def turns(self) -> TurnSettings:
        """How turns are taken: where the key alone is heeded it ends them, and no server does."""
        return self.turn.model_copy(update={"end": "local"}) if self.listen.modes == ("ptt",) else self.turn

    @property
    def account(self) -> dict[str, str]:
        """Headers for OpenAI's HTTP API, which say who pays."""
        headers = {"OpenAI-Organization": self.realtime.organization, "OpenAI-Project": self.realtime.project}
        return {name: value for name, value in headers.items() if value}


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings in force, the key, and where each came from."""

    config: Config
    secrets: Secrets
    origins: Mapping[str, Origin]
    """By dotted key; a setting that nobody gave is not in it."""
    plugin_tables: PluginTables
    places: Places

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line each: it works, but somebody should mend it. Only built-in plugins are imported for that."""
        from voiced.config.plugin_check import complaints  # here, since a daemon that starts needs none of it

        return (*self.secrets.warnings(), *complaints(self.config.plugins, self.plugin_tables))

    def must_be_here(self) -> None:
        """Raises ConfigError, with a line for each thing that the settings name, and that the daemon would not find."""
        if lines := tuple(_absent(self.config)):
            raise ConfigError("\n".join(lines))

    def again(self) -> Loaded:
        """The same places read anew. Raises ConfigError."""
        return _load(self.places)

    def show(self) -> str:
        """Every setting in force with its origin, as TOML, and whether there is a key. Raises ConfigError."""
        return f"# OpenAI key: {self.secrets.describe()}\n\n{as_toml.in_force(self.config, self.origins)}"


def load_config(
    file: Path | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    *,
    system_file: Path = SYSTEM_FILE,
) -> Loaded:
    """The settings of this process. `file`: read it alone; `overrides`: "section.name=value" texts.

    Raises ConfigError with one line for each mistake.
    """
    return _load(Places.of(file, overrides, environ, system_file=system_file))


def example() -> str:
    """The text of `config/voiced.toml`."""
    return as_toml.example(Config, _PREFACE)


def _load(places: Places) -> Loaded:
    given = given_in(Config, places)
    config, origins = validated(Config, given)
    secrets = Secrets(config.openai, places.environ, config.cascade, config.realtime.base_url, config.ai, config.kiosk)
    return Loaded(config, secrets, origins, PluginTables(given), places)


def _absent(config: Config) -> Iterator[str]:
    """What the settings name, and the daemon will not find here."""
    from voiced.playout.earcon_choice import check  # here, with numpy

    looks: list[Callable[[], object]] = [lambda: check(config.earcons), lambda: must_be_installed(config.lights)]
    if "wake" in config.listen.modes:
        looks.append(lambda: models_for(config.wake))
    for look in looks:
        try:
            look()
        except ConfigError as error:
            yield from str(error).splitlines()


_PREFACE = """
The settings of voiced. Each is shown with its default; take its # away to change it.

voiced reads /etc/voiced/voiced.toml, then $XDG_CONFIG_HOME/voiced/voiced.toml (~/.config/voiced/voiced.toml), then
variables such as VOICED_TURN__HANGOVER_MS=700, then --set turn.hangover_ms=700 on the command line; the later wins.
`voiced config check` finds mistakes, `voiced config show` prints what is in force and where it comes from,
`voiced config example` prints this text.
"""
