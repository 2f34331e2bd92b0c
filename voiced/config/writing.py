"""Changes settings in a file, and leaves all else in it, comments too, as it is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voiced.config.sources import parts_of
from voiced.errors import ConfigError


def changed(text: str, settings: Mapping[str, Any]) -> str:
    """The TOML `text` with these settings, by dotted key. Raises ConfigError where it is no TOML."""
    import tomlkit  # here, since the daemon needs none of it
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        for key, value in settings.items():
            *sections, name = parts_of(key)
            table: Any = document
            for section in sections:
                if section not in table:
                    table[section] = tomlkit.table()
                table = table[section]
            table[name] = value
    except (TOMLKitError, TypeError) as error:
        raise ConfigError(f"the settings file is no TOML ({error}); `voiced config check` says where") from None
    return tomlkit.dumps(document)


def change(file: Path, settings: Mapping[str, Any]) -> None:
    """Write them to `file`, whole or not at all; it is made where it is not there. Raises ConfigError."""
    try:
        before = file.read_text(encoding="utf-8-sig") if file.exists() else ""
        after = changed(before, settings)
        target = file.resolve()  # a link stays one
        write_whole(target, after, target.stat().st_mode & 0o777 if target.exists() else 0o600)
    except OSError as error:
        raise ConfigError(f"{file}: it can't be written ({error.strerror}); write to another with --config") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: it is not UTF-8; save it as UTF-8") from None


def write_whole(file: Path, text: str, mode: int) -> None:
    """Put `text` into `file`, whole or not at all: what was there stays then. Raises OSError."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number, beside = tempfile.mkstemp(dir=file.parent)
    try:
        with open(number, "w", encoding="utf-8") as written:
            written.write(text)
            written.flush()
            os.fsync(number)
        os.chmod(beside, mode)
        os.replace(beside, file)
    finally:
        Path(beside).unlink(missing_ok=True)  # it took the place of the old one, or is of no use
