"""What a plugin may be called, and all that is called after it."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from voiced.errors import PluginError

LONGEST: Final = 30
"""Characters: the lines of a new project have room for so many, and people for fewer."""

_OURS: Final = "voiced_"
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class PluginName:
    """A good name, such as `shopping_list`: that of the entry point, of [plugin.NAME] and in `voiced status`."""

    plugin: str

    @classmethod
    def of(cls, text: str, taken: Mapping[str, str]) -> PluginName:
        """From what somebody typed: "shopping-list" and "voiced-shopping-list" mean `shopping_list`.

        `taken`: the names that no other plugin can have, each with where its plugin comes from. Raises PluginError.
        """
        name = text.strip().replace("-", "_").removeprefix(_OURS)
        if not _NAME.fullmatch(name):
            raise PluginError(
                f"{text[:LONGEST]!r} can't be the name of a plugin: take lower-case letters, digits and single "
                f"hyphens, a letter first{_instead(text)}"
            )
        if keyword.iskeyword(name):
            raise PluginError(f"{text!r} can't be the name of a plugin: it is a word of Python's own; add another word")
        if len(name) > LONGEST:
            raise PluginError(f"a plugin can't have a name of {len(name)} characters; take {LONGEST} at most")
        if name in taken:
            raise PluginError(f"there is a plugin {name} already ({taken[name]}); choose another name")
        return cls(name)

    @property
    def package(self) -> str:
        """What is installed, and the folder of the project: voiced-shopping-list."""
        return f"voiced-{self.plugin.replace('_', '-')}"

    @property
    def module(self) -> str:
        """What is imported: voiced_shopping_list."""
        return _OURS + self.plugin

    @property
    def kind(self) -> str:
        """The class: ShoppingListPlugin."""
        return "".join(word.capitalize() for word in self.plugin.split("_")) + "Plugin"

    @property
    def words(self) -> str:
        """As it is said: shopping list."""
        return self.plugin.replace("_", " ")


def _instead(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    near = re.sub(r"[^a-z0-9]+", "-", letters).strip("-0123456789").removeprefix("voiced-")
    return f", such as {near}" if near else ""
