"""`voiced api` as somebody types it, before a server on loopback."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voiced.cli import main
from voiced.testing.http import HttpLoopback

KEY = "sk-test-0123456789abcdef"
PATIENCE_S = 60


@dataclass(frozen=True)
class Said:
    """What a command did: its exit code, and what is on standard output and standard error."""

    code: int
    data: bytes
    err: str

    @property
    def out(self) -> str:
        return self.data.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def jsons(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class Terminal(io.TextIOWrapper):
    """Somebody looks at it, or types into it."""

    def isatty(self) -> bool:
        return True


class Bench:
    """Types commands of `voiced api`. Its settings name the server, and a file with its key."""

    def __init__(self, folder: Path, monkeypatch: Any) -> None:
        self.folder = folder
        self.settings = folder / "voiced.toml"
        self._monkeypatch = monkeypatch

    def before(self, server: HttpLoopback, more: str = "") -> Bench:
        """From now on this server is asked. `more`: other settings, at the end of the file."""
        key = self.folder / "key"
        key.write_text(KEY)
        key.chmod(0o600)
        self.settings.write_text(
            "[ai]\ntimeout_s = 60.0\nlongest_wait_s = 1.0\nretries = 0\n"
            f'[ai.providers.openai]\nbase_url = "{server.base_url}"\nkey_file = "{key}"\n{more}'
        )
        return self

    async def types(self, *arguments: str | Path, stdin: bytes = b"", terminal: bool = False) -> Said:
        """`voiced api ARGUMENTS`, in a thread. `terminal`: somebody looks at what it prints."""
        return await asyncio.wait_for(
            asyncio.to_thread(self.typed, *arguments, stdin=stdin, terminal=terminal), PATIENCE_S
        )

    def typed(self, *arguments: str | Path, stdin: bytes = b"", terminal: bool = False) -> Said:
        """The same, here and now."""
        kind: Callable[..., io.TextIOWrapper] = Terminal if terminal else io.TextIOWrapper
        out, err = (kind(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with self._monkeypatch.context() as patch:
            for name, stream in (("stdin", io.TextIOWrapper(io.BytesIO(stdin))), ("stdout", out), ("stderr", err)):
                patch.setattr(sys, name, stream)
            code = main(["api", *map(str, arguments), *self._options(arguments)])
        said = Said(code, _written(out), _written(err).decode())
        assert KEY not in said.err + said.data.decode(errors="replace")
        return said

    def _options(self, arguments: tuple[str | Path, ...]) -> list[str]:
        local = (("batch", "check"), ("finetune", "check"), ("finetune", "prepare"))
        return [] if tuple(map(str, arguments[:2])) in local else ["--config", str(self.settings)]


def _written(stream: io.TextIOWrapper) -> bytes:
    stream.seek(0)
    return bytes(stream.buffer.read())
