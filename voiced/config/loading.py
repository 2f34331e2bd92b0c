"""Where settings are looked for, and one validated model out of all that was found there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from voiced.config import complaints, sources
from voiced.config.sources import Given, Origin
from voiced.errors import ConfigError
from voiced.settings import Settings

SettingsT = TypeVar("SettingsT", bound=Settings)


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


def validated(model: type[SettingsT], given: Sequence[Given]) -> tuple[SettingsT, dict[str, Origin]]:
    """The settings that `given` makes, the last word for each key winning, and where each came from.

    Raises ConfigError with one line for each mistake.
    """
    known = {key for key, _ in sources.leaves(model)}
    wrong = [complaints.unknown(model, one) for one in given if one.key not in known]
    winners = {one.key: one for one in given if one.key in known}
    tables = sources.nested((key, one.value) for key, one in winners.items())
    try:
        # JSON, since pydantic's strictness fits it: "500" and true are no numbers, yet a text may be a path.
        settings = model.model_validate_json(json.dumps(tables, default=str), strict=True)
    except ValidationError as error:
        wrong += _invalid(model, winners, error)
    if wrong:
        raise ConfigError("\n".join(dict.fromkeys(wrong)))
    return settings, {key: one.origin for key, one in winners.items()}


def _invalid(model: type[Settings], winners: Mapping[str, Given], error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        path = [str(part) for part in problem["loc"]]
        keys = [".".join(path[:length]) for length in range(len(path), 0, -1)]
        given = next((winners[key] for key in keys if key in winners), None)
        if given is not None:
            yield complaints.invalid(model, given, problem)
        else:
            cause = problem.get("ctx", {}).get("error", problem["msg"])
            yield f"{'.'.join(path)}: {cause}"
