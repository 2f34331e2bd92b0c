"""Settings of the MCP servers, [plugin.mcp] in voiced's own."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from voiced.api import PluginSettings


def _named(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,23}", name):
        raise ValueError(
            f"a server can't be called {name!r}; write up to 24 small letters, digits and _, a letter first"
        )
    return name


ServerName = Annotated[str, AfterValidator(_named)]
"""It is spoken, and part of a tool's name where two servers have a tool of one name."""

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class ServerSettings(PluginSettings):
    """One server: a program that is started (`command`), or one that runs elsewhere (`url`)."""

    command: tuple[str, ...] = ()
    """A program and its arguments, which talks MCP over its standard input and output. No shell is involved."""

    cwd: str = ""
    """The folder it is started in. Empty: voiced's own."""

    env: dict[str, SecretStr] = Field(default={})
    """Its environment, beside HOME, PATH and the like; it gets nothing else of voiced's."""

    url: str = ""
    """Where it is reached by streamable HTTP."""

    headers: dict[str, SecretStr] = Field(default={})
    """Sent with every request."""

    token_file: str = ""
    """The file that holds its token, where that is neither a secret of voiced's environment nor of systemd."""

    token_env: str = ""
    """The environment variable in which a `command` gets its token. By `url` it is sent as a bearer."""

    allow: tuple[str, ...] = ()
    """The tools that are offered, by name; "*" and "?" as in file names. What is not named is not offered."""

    confirm: tuple[str, ...] = ()
    """The tools that ask aloud before each call, as in `allow`."""

    confirm_destructive: bool = True
    """Whether those that the server itself calls destructive ask as well."""

    prefix: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{0,32}$")] = ""
    """Put before the name of each tool, where one is the name of another plugin's."""

    timeout_s: float = Field(default=15.0, gt=0, le=600)
    """A call that takes longer is given up; people wait for its answer."""

    start_timeout_s: float = Field(default=60.0, gt=0, le=600)
    """From its start until its tools are known. A first start may have to download it."""

    @model_validator(mode="after")
    def _is_one_of_two(self) -> ServerSettings:
        if bool(self.command) == bool(self.url):
            raise ValueError(
                'give it either a command, such as ["npx", "-y", "a-server"], or a url, such as "https://…/mcp"'
            )
        if self.command:
            self._fits_a_command()
        else:
            self._fits_a_url()
        return self

    def _fits_a_command(self) -> None:
        if self.headers:
            raise ValueError("headers are for a server with a url; a command gets its settings by env")
        if not all(self.command) or any("\0" in word for word in self.command):
            raise ValueError("command has an empty word, or one with a NUL in it")
        for name in [*self.env, *([self.token_env] if self.token_env else [])]:
            if not name or "=" in name or "\0" in name:
                raise ValueError(f"{name!r} is no name of an environment variable")
        if any("\0" in value.get_secret_value() for value in self.env.values()):
            raise ValueError("env has a value with a NUL in it")
        if self.token_file and not self.token_env:
            raise ValueError("say in token_env which environment variable the command reads its token from")

    def _fits_a_url(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url begins with https://, or http:// at home, and a host")
        if parts.username or parts.password:
            raise ValueError("leave the password out of the url; put it into a header, or the token into token_file")
        for wrong, given in (("cwd", self.cwd), ("env", self.env), ("token_env", self.token_env)):
            if given:
                raise ValueError(f"{wrong} is for a server with a command; one with a url is not started by voiced")
        for name, content in self.headers.items():
            value = content.get_secret_value()
            if not (_HEADER_NAME.fullmatch(name) and value.isascii() and value.isprintable()):
                raise ValueError(
                    f"the header {name!r} can't be sent: its name or its value has characters that may not"
                )


class McpSettings(PluginSettings):
    """The servers by name: [plugin.mcp.servers.NAME]."""

    servers: dict[ServerName, ServerSettings] = Field(default={}, max_length=8)
