"""How a request that failed is made again: another model, a short wait, and a bound on both."""

from __future__ import annotations

import asyncio
from typing import Final

from voiced.ai.models import Models
from voiced.errors import ApiBusy, ApiError, ApiUnreachable, ModelUnknown

QUICK_S: Final = 0.2
"""After a connection that broke; a second one usually holds."""

LONGEST_WAIT_S: Final = 2.0
"""What somebody who waits for an answer may be made to wait for a busy server."""


class Tries:
    """The tries of one request.

    >>> tries = Tries(models)
    ... while True:
    ...     try:
    ...         return await request(tries.model)
    ...     except ApiError as error:
    ...         await tries.again(error, begun=False)
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        self._again = 1

    @property
    def model(self) -> str:
        return self._models.current

    async def again(self, error: ApiError, *, begun: bool) -> None:
        """Return when the request is to be made once more; raise `error` where it is not.

        `begun`: something of the answer went out already, which no second answer can continue.
        """
        if isinstance(error, ModelUnknown) and not begun:
            if self._models.refused(str(error)):
                return
            reason = f"{error}; no other model is left: mend {self._models.setting}, or the address"
            raise ModelUnknown(reason, status=error.status, code=error.code, cause=error.cause) from error
        wait = _wait(error)
        if begun or wait is None or not self._again:
            raise error
        self._again -= 1
        await asyncio.sleep(wait)


def _wait(error: ApiError) -> float | None:
    """Seconds after which the same request may succeed; None where trying again in this turn is of no use."""
    if isinstance(error, ApiBusy):
        asked = error.retry_after_s
        return asked if asked is not None and asked <= LONGEST_WAIT_S else None
    if isinstance(error, ApiUnreachable):
        return QUICK_S if (error.retry_after_s or 0.0) <= LONGEST_WAIT_S else None
    return None
