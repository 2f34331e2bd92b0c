"""A bar on standard error that tells how far something is, where somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]


@contextmanager
def progress(what: str, unit: str, *, shown: bool = True) -> Iterator[Progress | None]:
    """To be told how much of how much is done; None where there is no terminal, or nothing is to be `shown`.

    `unit`: "B" for bytes.
    """
    if not shown or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    size = unit == "B"
    with tqdm(desc=what, unit=unit, unit_scale=size, unit_divisor=1024, file=sys.stderr, leave=False) as bar:

        def told(done: int, total: int) -> None:
            bar.total = total or None
            bar.update(done - bar.n)
            if not size or done == total:  # bytes come so often that the bar is drawn as it goes
                bar.refresh()

        yield told
