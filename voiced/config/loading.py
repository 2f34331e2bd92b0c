"""Where settings are looked for, and one validated model out of all that was found there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from voiced.config import complaints, sources
from voiced.config.sources import Given, Origin
from voiced.errors import ConfigError
from voiced.settings import Settings


class _Layer(PydanticBaseSettingsSource):
    """What one place says, as a source of pydantic-settings."""

    def __init__(self, model: type[BaseSettings], given: Sequence[Given]) -> None:
        super().__init__(model)
        self._tables = sources.nested((one.key, _as_python(one.value)) for one in given)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """One section, as it stands."""
        return self._tables.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """All sections."""
        return self._tables


class LayeredSettings(Settings, BaseSettings):
    """The root of all settings. pydantic-settings merges `layers`, lists of `Given` in falling precedence."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """One source for each layer, and none of the library's own: they don't know where a value stands."""
        assert isinstance(init_settings, InitSettingsSource)
        return tuple(_Layer(settings_cls, layer) for layer in init_settings.init_kwargs.get("layers", ()))


ConfigT = TypeVar("ConfigT", bound=LayeredSettings)


@dataclass(frozen=True, slots=True)
class Places:
    """Where settings are looked for: files in rising precedence, then the environment, then `--set` arguments."""

    files: tuple[Path, ...]
    file_required: bool
    environ: Mapping[str, str] = field(repr=False)
    overrides: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(
        cls,
        file: Path | None = None,
        overrides: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        *,
        system_file: Path = sources.SYSTEM_FILE,
    ) -> Places:
        """Where this process looks. `file`: there and nowhere else, and it must exist."""
        environ = dict(os.environ if environ is None else environ)
        if file is not None:
            return cls((file,), True, environ, tuple(overrides))
        user_file = sources.user_file(environ)
        return cls((system_file, *([user_file] if user_file else [])), False, environ, tuple(overrides))


def given_in(model: type[Settings], places: Places) -> list[Given]:
    """Everything that people wrote, in rising precedence. Raises ConfigError."""
    given = [one for path in places.files for one in sources.from_file(model, path, required=places.file_required)]
    given += sources.from_environment(model, places.environ)
    given += sources.from_command_line(model, places.overrides)
    return given


def validated(model: type[ConfigT], given: Sequence[Given]) -> tuple[ConfigT, dict[str, Origin]]:
    """The settings that `given` makes, the last word for each key winning, and where each came from.

    Raises ConfigError with one line for each mistake.
    """
    wrong = [complaints.unknown(model, one) for one in given if not sources.is_setting(model, one.key)]
    meant = [one for one in given if sources.is_setting(model, one.key)]
    winners = {one.key: one for one in meant}
    last_first = dict.fromkeys(one.origin.layer for one in reversed(meant))
    layers = [[one for one in meant if one.origin.layer == layer] for layer in last_first]
    try:
        settings = model(layers=layers)  # type: ignore[call-arg]  # no field, but for the sources
    except ValidationError as error:
        wrong += _invalid(model, winners, error)
    if wrong:
        raise ConfigError("\n".join(dict.fromkeys(wrong)))
    return settings, {key: one.origin for key, one in winners.items()}


def _as_python(value: Any) -> Any:
    """TOML has no tuples, and validation is strict: "500" and true are no numbers."""
    if isinstance(value, dict):
        return {name: _as_python(member) for name, member in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _invalid(model: type[Settings], winners: Mapping[str, Given], error: ValidationError) -> Iterator[str]:
    told: set[str] = set()
    for problem in error.errors(include_url=False):
        path = [str(part) for part in problem["loc"] if part != "[key]"]  # the name of a table is wrong
        keys = [sources.key_of(path[:length]) for length in range(len(path), 0, -1)]
        given = next((winners[key] for key in keys if key in winners), None)
        if given is not None and given.key in told:
            continue  # what follows from a mistake in a list
        if given is not None:
            told.add(given.key)
            yield complaints.invalid(model, given, problem)
        elif problem["type"] == "missing":
            yield complaints.missing(model, path, _origin_within(winners, path[:-1]))
        else:
            cause = problem.get("ctx", {}).get("error", problem["msg"])
            origin = _origin_within(winners, path)
            yield f"{origin}: {'.'.join(path)}: {cause}" if origin else f"{'.'.join(path)}: {cause}"


def _origin_within(winners: Mapping[str, Given], path: Sequence[str]) -> Origin | None:
    """Where the table with these parts is, as far as somebody wrote one."""
    table = sources.key_of(path)
    return next((one.origin for key, one in winners.items() if key == table or key.startswith(f"{table}.")), None)
