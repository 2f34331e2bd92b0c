"""Names of options that somebody wrote by hand."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from voiced.errors import RequestRejected


def check_names(given: Collection[str], known: Collection[str], what: str) -> None:
    """Raises RequestRejected for a name that is not `known`. `what` names the helper: "chat"."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
            hint = f"did you mean {near[0]}?" if near else "what the server takes beyond the options goes into extra"
            raise RequestRejected(f"{what}: there is no option {name}: {hint}")
