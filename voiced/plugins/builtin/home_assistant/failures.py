"""What can go wrong between voiced and Home Assistant, in words that can be said."""

from __future__ import annotations

from voiced.api import ToolError


class Away(ToolError):
    """It can't be reached; nothing was done."""


class Unclear(ToolError):
    """It was told, and whether it did it is not known."""


class TokenRefused(ToolError):
    """To try this token again is of no use."""


class ServiceRefused(ToolError):
    """It answered, and did not do it."""


def away() -> Away:
    return Away("Home Assistant can't be reached at the moment.")


def no_home_assistant() -> Away:
    return Away("What answers at the address is no Home Assistant. Set the right url of the plugin home_assistant.")


def unclear() -> Unclear:
    return Unclear("Home Assistant was told, but did not answer. It may have done it, or may do it yet.")


def token_refused() -> TokenRefused:
    return TokenRefused(
        "Home Assistant refuses the token. Make a new long-lived access token in your profile there, "
        "give it to voiced, and reload."
    )


def service_refused(code: str, message: str) -> ServiceRefused:
    """`code` and `message` are Home Assistant's."""
    if code == "unauthorized":
        return ServiceRefused("The user whose token this is may not do that in Home Assistant.")
    if code == "not_found":
        return ServiceRefused("Home Assistant has nothing that could do that.")
    return ServiceRefused(f"Home Assistant refused: {message.strip().rstrip('.') or code}.")
