"""What the servers think of the keys that they were shown."""

from __future__ import annotations

from collections.abc import Iterator

from voiced.doctor.asking import Answered
from voiced.doctor.finding import Finding, Level
from voiced.doctor.servers import Server

BILLING = "https://platform.openai.com/settings/organization/billing"


def judged(server: Server, answer: Answered) -> Iterator[Finding]:
    """Of a list of models that was asked for, which costs nothing. Nothing where there is no key, or no verdict."""
    level: Level = "problem" if server.needed else "warning"
    why, said = f"It is for {server.purpose}.", f": {answer.message}" if answer.message else ""
    limited = "scope" in answer.message.lower() or "permission" in answer.message.lower()
    if (
        answer.code in ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
        or answer.status == 402
    ):
        mend = f"xdg-open {BILLING}" if server.is_openai else f"curl -v {server.url}/models"
        yield Finding(level, "key", f"the account at {server.host} has no credit left", why, mend)
    elif answer.status in (401, 403) and limited and server.key:
        what = f"the key for {server.host} may not list models"
        yield Finding("note", "key", what, f"A restricted key need not be wrong: it was not tried what it may do{said}")
    elif answer.status == 401 and server.key:
        yield Finding(level, "key", f"{server.host} does not accept the key", why, server.key_mend)
    elif answer.status == 401 and not server.is_openai:
        yield Finding(level, "key", f"{server.host} wants a key, and none is configured for it", why, server.key_mend)
    elif answer.status == 403 and server.key:
        reason = f"{why} The country, the project or the key's permissions do not allow it."
        yield Finding(level, "key", f"{server.host} does not let this key in{said}", reason, server.key_mend)
    elif answer.status in (404, 405):
        what = f"{server.url} has no list of models (HTTP {answer.status})"
        if server.url.rstrip("/").endswith("/v1"):
            yield Finding("note", "key", what, "So it could not be tried whether the key is right.")
        else:
            mend = f"curl -v {server.url.rstrip('/')}/v1/models   # if that works, put /v1 behind the address"
            yield Finding("warning", "key", what, "Addresses of an API mostly end in /v1.", mend)
    elif answer.models is not None and server.key:  # not a page to log in at, which takes any key
        yield Finding("ok", "key", f"accepted by {server.host}")
