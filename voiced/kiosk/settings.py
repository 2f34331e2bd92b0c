"""Settings of the kiosk page."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, Literal

from pydantic import field_validator

from voiced.settings import Settings, setting

Sound = Literal["device", "browser"]

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)


class KioskSettings(Settings):
    """The page that `voiced run --kiosk` serves: live state, transcript, a button to talk, timers, pictures.

    Who may see the page hears what is said at home. It is for this machine alone, unless you give it a token: put one
    into the variable KIOSK_TOKEN, or into token_file, or give the systemd unit LoadCredential=kiosk_token:FILE. Then
    the page asks for it once, or takes it from its address: http://NAME:8137/#token=TOKEN.
    """

    serve: bool = setting(False, "Serve the page whenever voiced runs. `voiced run --kiosk` does it once.")
    host: str = setting(
        "127.0.0.1",
        "The address of this machine that the page is served at. 127.0.0.1 reaches this machine alone; 0.0.0.0 is all "
        "its addresses, and needs allow_remote and a token.",
    )
    port: int = setting(8137, "Its port; 0 takes any that is free, and the log says which.", ge=0, le=65535)
    allow_remote: bool = setting(
        False, "Whether other machines may see the page, where host is not of this machine alone."
    )
    token_file: str = setting(
        "",
        "A file with nothing but the token in it, readable by voiced's user alone. Make one: "
        "python3 -c 'import secrets; print(secrets.token_urlsafe())'.",
    )
    names: tuple[str, ...] = setting(
        (),
        "Names by which browsers reach this machine beside its own, such as kiosk.example.org: no page of another "
        "name is answered, so that a foreign site can't pretend to be this one.",
    )
    certificate_file: str = setting(
        "",
        "A certificate (PEM) to serve https with. Browsers give a page from another machine no microphone without: "
        "then use this, or an SSH tunnel (ssh -L 8137:127.0.0.1:8137 MACHINE).",
    )
    certificate_key_file: str = setting("", "The key of that certificate (PEM), where it is not in the same file.")
    sound: Sound = setting(
        "device",
        "What voiced hears and speaks with: device is this machine's sound card; browser is the page, with the "
        "browser's own echo cancellation, so that the machine needs no sound card.",
    )
    language: Literal["", "en", "zh", "de"] = setting("", "Of the page; empty: the browser's own.")

    @property
    def remote(self) -> bool:
        """Whether other machines can reach the page at `host`."""
        return self.host != "localhost" and not ipaddress.ip_address(self.host).is_loopback

    @field_validator("host")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value != "localhost":
            try:
                ipaddress.ip_address(value)
            except ValueError:
                raise ValueError("give an address, such as 127.0.0.1, 0.0.0.0 or ::1") from None
        return value

    @field_validator("names")
    @classmethod
    def _are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name[:40]!r} is no name of a machine; give it without http:// and port")
        return value
