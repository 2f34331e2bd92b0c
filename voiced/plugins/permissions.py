"""The permissions that a tool or a plugin declares."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from voiced.api import PERMISSIONS, NotPermitted, Permission
from voiced.errors import ToolSchemaError

Permissions = frozenset[Permission]

NONE: Permissions = frozenset()


def declared(given: object) -> Permissions:
    """What stands in `permissions`. Raises ToolSchemaError, with the ones that there are."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ToolSchemaError(f'permissions is {given!r}; write a list, such as permissions=["network"]')
    found: set[Permission] = set()
    for name in given:
        if name not in PERMISSIONS:
            near = difflib.get_close_matches(str(name), PERMISSIONS, n=1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            raise ToolSchemaError(f"there is no permission {name!r}; {meant}known are {', '.join(PERMISSIONS)}")
        found.add(name)
    return frozenset(found)


def require(needed: Permission, had: Permissions, what: str) -> None:
    """Raises NotPermitted unless `needed` is among `had`; `what` is the method that needs it."""
    if needed not in had:
        raise NotPermitted(
            f'{what} needs the permission "{needed}": add permissions=["{needed}"] to @tool or to the Plugin.'
        )
