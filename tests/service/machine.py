"""A machine with a systemd that only writes down what it is told."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

from voiced.service.machine import Machine

_PROGRAM = """\
#!{python} -IS
import json, pathlib, sys
book = pathlib.Path({book!r})
with book.open("a") as file:
    file.write(json.dumps([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
for beginning, code, out, err in json.loads({answers!r}):
    if " ".join([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]).startswith(beginning):
        print(out)
        print(err, file=sys.stderr)
        sys.exit(code)
"""


@dataclass
class Household:
    """Programs of systemd and of accounts on a PATH of its own. `answers`: by how a command begins; exit code 0 and
    nothing to say where none is given.
    """

    root: Path
    answers: dict[str, tuple[int, str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bin.mkdir(parents=True)
        self.say({})

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": str(self.bin), "HOME": str(self.root / "home/ada"), "USER": "ada"}

    def say(self, answers: dict[str, tuple[int, str, str]]) -> None:
        """From now on these too."""
        self.answers.update(answers)
        given = json.dumps([[beginning, *answer] for beginning, answer in self.answers.items()])
        text = _PROGRAM.format(python=sys.executable, book=str(self.root / "told"), answers=given)
        for name in ("systemctl", "journalctl", "useradd", "getent"):
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)

    def seen_by(self, uid: int) -> Machine:
        return Machine(self.environ, uid, self.root)

    def told(self) -> list[str]:
        """The commands that were run since the last time."""
        book = self.root / "told"
        lines = book.read_text().splitlines() if book.exists() else []
        book.unlink(missing_ok=True)
        return [" ".join(json.loads(line)) for line in lines]
