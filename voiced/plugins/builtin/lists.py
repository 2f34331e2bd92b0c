"""The shopping list, and other lists by name."""

from __future__ import annotations

import re

from voiced.api import Plugin, ToolContext, ToolError, sentence, tool
from voiced.plugins.builtin.keeping import kept
from voiced.plugins.builtin.spoken import listed

LIST_LIMIT = 50
ITEM_LIMIT = 500
"""On all lists together: the state of a plugin has its limit too."""

ITEM_CHARACTERS = 200
NAME_CHARACTERS = 60

READ_ALOUD = 40
"""Nobody listens for longer."""

SHOPPING = "shopping"

_SAME = {"grocery": SHOPPING, "groceries": SHOPPING}

_NOT_OF_THE_NAME = re.compile(r"^(the|my|our) | list$")

GROCERIES = (
    "apples", "bananas", "beer", "bread", "butter", "cheese", "chicken", "coffee", "cookies", "eggs", "fish", "flour",
    "juice", "milk", "onions", "oranges", "pasta", "pizza", "potatoes", "rice", "salt", "soap", "sugar", "tea",
    "toilet paper", "tomatoes", "water", "wine",
)  # fmt: skip
"""What may be named when there is no cloud: a model takes anything. Each one more is heard in another one's place."""

_WHAT = {name: [name] for name in GROCERIES}

_THE_LIST = "(the|my) shopping list"


class Lists(Plugin):
    """Items by the name of their list, in the order in which they came; a list with nothing on it is not there."""

    async def setup(self, context: ToolContext) -> None:
        self._context = context
        self._lists = await context.load_state(dict[str, list[str]], {})

    @tool(
        sentences=[f"put {{grocery:items}} on {_THE_LIST}", f"add {{grocery:items}} to {_THE_LIST}"],
        lists={"grocery": _WHAT},
        idempotent=True,
    )
    async def add_to_list(self, items: list[str], name: str | None = None) -> str:
        """Put things on a list: the shopping list, or another one, which is begun where it is not there.

        Args:
            items: Each thing by itself, with its amount if the user says one: ["milk", "6 eggs"].
            name: Which list, such as "packing list"; null for the shopping list.
        """
        key = _key(name)
        wanted = [item for text in items if (item := _one_line(text))]
        if not wanted:
            raise ToolError(f"What shall I put on the {key} list?")
        on_it = list(self._lists.get(key, ()))
        added, there = list[str](), list[str]()
        for item in wanted:
            known = any(_same(item, other) for other in on_it)
            (there if known else added).append(item)
            if not known:
                on_it.append(item)
        self._check_room(key, added)
        if added:
            self._lists[key] = on_it
        lines = [f"I put {listed(added)} on the {key} list."] if added else []
        lines += [f"Already on {'it' if added else f'the {key} list'}: {listed(there)}."] if there else []
        return " ".join(lines) + await self._saved()

    @tool(
        sentences=[f"take {{grocery:items}} off {_THE_LIST}", f"remove {{grocery:items}} from {_THE_LIST}"],
        lists={"grocery": _WHAT},
    )
    async def remove_from_list(self, items: list[str], name: str | None = None) -> str:
        """Take things off a list: the shopping list, or another one.

        Args:
            items: Each thing by itself, as read_list tells it or a part of that.
            name: Which list, such as "packing list"; null for the shopping list.
        """
        key = self._known(name)
        on_it = self._lists.get(key, [])
        found = {item: _found(item, on_it) for item in map(_one_line, items)}
        for item, matching in found.items():
            if len(matching) > 1:
                raise ToolError(f"Nothing is taken off. On the {key} list are {listed(matching)}. Which {item}?")
        gone = [match for matching in found.values() for match in matching]
        missing = [item for item, matching in found.items() if not matching]
        if not gone:
            raise ToolError(f"Not on the {key} list: {listed(missing)}. {self._told(key)}")
        self._keep(key, [item for item in on_it if item not in gone])
        lines = [f"I took {listed(gone)} off the {key} list."]
        lines += [f"Not on it: {listed(missing)}."] if missing else []
        return " ".join(lines) + await self._saved()

    @tool(
        sentences=[f"(what's|what is) on {_THE_LIST}"],
        idempotent=True,
    )
    async def read_list(self, name: str | None = None) -> str:
        """Read what is on a list: the shopping list, or another one.

        Args:
            name: Which list, such as "packing list"; null for the shopping list.
        """
        return self._told(self._known(name))

    @tool(
        sentences=[sentence(f"clear {_THE_LIST}", name="shopping list")],
        confirm="Shall I clear the {name}?",
    )
    async def clear_list(self, name: str) -> str:
        """Take everything off a list.

        Args:
            name: Which list, such as "shopping list".
        """
        key = self._known(name)
        on_it = self._lists.get(key, [])
        if not on_it:
            return f"The {key} list is empty already."
        self._keep(key, [])
        return f"I took {_things(len(on_it))} off the {key} list; it is empty now.{await self._saved()}"

    @tool(idempotent=True)
    async def name_lists(self) -> str:
        """Tell which lists there are, and how much is on each."""
        return self._names()

    def _known(self, name: str | None) -> str:
        """Raises ToolError where there is no such list; the shopping list is always there."""
        key = _key(name)
        if key not in self._lists and key != SHOPPING:
            raise ToolError(f"There is no {key} list. {self._names()}")
        return key

    def _check_room(self, key: str, added: list[str]) -> None:
        """Raises ToolError."""
        for item in added:
            if len(item) > ITEM_CHARACTERS:
                raise ToolError(f"Nothing is added: {item[:30]} … is longer than {ITEM_CHARACTERS} characters.")
        if key not in self._lists and len(self._lists) >= LIST_LIMIT:
            raise ToolError(f"Nothing is added: there are {LIST_LIMIT} lists already; clear one first.")
        if sum(map(len, self._lists.values())) + len(added) > ITEM_LIMIT:
            raise ToolError(f"Nothing is added: {ITEM_LIMIT} things fit on all lists together; remove some first.")

    def _keep(self, key: str, items: list[str]) -> None:
        self._lists[key] = items
        if not items:
            del self._lists[key]

    def _told(self, key: str) -> str:
        on_it = self._lists.get(key, [])
        if not on_it:
            return f"The {key} list is empty."
        more = len(on_it) - READ_ALOUD
        names = [*on_it[:READ_ALOUD], f"{more} more"] if more > 0 else on_it
        return f"{_things(len(on_it))} {'is' if len(on_it) == 1 else 'are'} on the {key} list: {listed(names)}."

    def _names(self) -> str:
        if not self._lists:
            return "All lists are empty."
        each = [f"the {key} list with {_things(len(items))}" for key, items in self._lists.items()]
        return f"There {'is' if len(each) == 1 else 'are'} {listed(each)}."

    async def _saved(self) -> str:
        return await kept(self._context, self._lists)


def _key(name: str | None) -> str:
    """The name as it is kept: "shopping" for "My shopping list". Raises ToolError."""
    key = _one_line(name or "").lower()
    if len(key) > NAME_CHARACTERS:
        raise ToolError(f"The name of a list has at most {NAME_CHARACTERS} characters.")
    while (shorter := _NOT_OF_THE_NAME.sub("", key)) != key:
        key = shorter
    return _SAME.get(key, key) if key not in ("", "list") else SHOPPING


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _same(one: str, other: str) -> bool:
    """Whatever their case and number."""
    one, other = one.lower(), other.lower()
    return one in (other, f"{other}s", f"{other}es") or other in (f"{one}s", f"{one}es")


def _found(item: str, on_it: list[str]) -> list[str]:
    """What is meant by it: the same, else what has it as a part of its words."""
    same = [other for other in on_it if _same(item, other)]
    return same or [other for other in on_it if item and f" {item.lower()} " in f" {other.lower()} "]


def _things(count: int) -> str:
    return f"{count} thing{'' if count == 1 else 's'}"
