"""Things that a server keeps under an id, and what is said where it has none of this id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from voiced.errors import ModelUnknown, RequestRejected

_ID: Final = re.compile(r"[\w.:-]{1,256}", re.ASCII)


@contextmanager
def by_id(what: str, *ids: str) -> Iterator[None]:
    """Ask inside it for what has these ids; `what` says what that is: "files: file". Raises RequestRejected.

    Nothing is asked where one of them can be no id. Those that are ids go into the path of a request as they are.
    """
    for each in ids:
        if not isinstance(each, str) or not _ID.fullmatch(each) or not each.strip("."):
            raise RequestRejected(f"{what} {each!r}: that is no id: give one as the server told it")
    try:
        yield
    except ModelUnknown as error:  # what a 404 usually means
        if error.status != 404 or error.code == "model_not_found":
            raise
        raise RequestRejected(
            f"{what} {' of '.join(reversed(ids))}: the server has none of this id (any more)",
            status=404,
            code=error.code or "not_found",
            param=error.param,
        ) from error
