"""The servers that the settings name, with the key that each gets, and what they are for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, get_args
from urllib.parse import urlsplit

from voiced.ai.directory import Provider, providers
from voiced.ai.endpoint import Endpoint, is_openai
from voiced.ai.presets import HELPERS
from voiced.brains.cascade.settings import Service
from voiced.config import Loaded
from voiced.doctor import mending
from voiced.doctor.finding import Finding, Level
from voiced.errors import ApiError, ConfigError

SERVICES: Final[tuple[Service, ...]] = get_args(Service)

NEW_KEY: Final = "https://platform.openai.com/api-keys"


@dataclass(frozen=True, slots=True)
class Use:
    """What a server is for: `what` in words, the `models` that are tried there, and the `setting` that names them.

    `brain`: voiced can't answer without; else it is for plugins alone.
    """

    what: str
    models: tuple[str, ...] = ()
    setting: str = ""
    brain: bool = True


@dataclass(frozen=True, slots=True)
class Server:
    """One address. `key` may be empty; `key_mend` is the command that gives it another one."""

    url: str
    uses: tuple[Use, ...]
    key: str = field(default="", repr=False)
    key_mend: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def endpoint(self) -> Endpoint:
        """Raises ConfigError for an address that is none, and for a key that is missing."""
        return Endpoint(self.url, self.key, dict(self.headers))

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI itself."""
        return is_openai(self.host)

    @property
    def purpose(self) -> str:
        return ", ".join(use.what for use in self.uses)

    @property
    def needed(self) -> bool:
        """Whether a brain needs it."""
        return any(use.brain for use in self.uses)


@dataclass(frozen=True, slots=True)
class _Named:
    """A use with its address and key, or why that can't be had."""

    url: str
    use: Use
    key: str
    complaint: str
    mend: str


def servers(loaded: Loaded) -> tuple[list[Server], list[Finding]]:
    """All that are asked in a conversation or by plugins, each once, and what is wrong with their keys."""
    found: dict[tuple[str, str], list[_Named]] = {}
    lacking: dict[str, list[_Named]] = {}
    for named in _all_named(loaded):
        found.setdefault((named.url, named.key), []).append(named)
        if named.complaint:
            lacking.setdefault(named.mend, []).append(named)
    account = tuple(loaded.config.account.items())
    made = []
    for (url, key), uses in found.items():
        headers = account if key and Endpoint(url, key).is_openai else ()
        made.append(Server(url, tuple(dict.fromkeys(each.use for each in uses)), key, uses[0].mend, headers))
    return made, [_without_key(uses) for uses in lacking.values()]


def _without_key(uses: list[_Named]) -> Finding:
    """`uses`: which the same key is for."""
    complaint = uses[0].complaint
    what = complaint.partition(": ")[0] if complaint.startswith("no ") else complaint.partition("; ")[0]
    why = f"It is for {', '.join(dict.fromkeys(each.use.what for each in uses))}."
    level: Level = "problem" if any(each.use.brain for each in uses) else "warning"
    return Finding(level, "key", what, why, uses[0].mend)


def _all_named(loaded: Loaded) -> Iterator[_Named]:
    config = loaded.config
    if "realtime" in config.brain.order:
        yield _realtime(loaded)
    if "cascade" in config.brain.order:
        for service in SERVICES:
            yield _cascade(loaded, service)
    if set(config.brain.order) != {"offline"}:
        yield from _for_plugins(loaded)


def _realtime(loaded: Loaded) -> _Named:
    settings, secrets = loaded.config.realtime, loaded.secrets
    parts = urlsplit(settings.base_url)
    url = parts._replace(scheme={"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)).geturl()
    use = Use("talking", (settings.model,), "realtime.model")
    mend = _key_mend(loaded, [("OPENAI_API_KEY", loaded.config.openai.key_file)])
    try:
        return _named(url, use, secrets.openai_key().get_secret_value() if secrets.given else "", mend)
    except ConfigError as error:
        return _Named(url, use, "", str(error), mend)


def _cascade(loaded: Loaded, service: Service) -> _Named:
    settings = loaded.config.cascade
    what, models, file = {
        "stt": ("writing down", settings.stt_models, settings.stt_key_file),
        "chat": ("thinking", settings.chat_models, settings.chat_key_file),
        "tts": ("speaking", settings.tts_models, settings.tts_key_file),
    }[service]
    use = Use(f"{what} (cascade)", models, f"cascade.{service}_models")
    places = [(f"CASCADE_{service.upper()}_API_KEY", file), ("CASCADE_API_KEY", settings.key_file)]
    mend = _key_mend(loaded, [*places, ("OPENAI_API_KEY", loaded.config.openai.key_file)])
    url = settings.url_of(service)
    try:
        return _named(url, use, loaded.secrets.cascade_key(service).get_secret_value(), mend)
    except ConfigError as error:
        return _Named(url, use, "", str(error), mend)


def _for_plugins(loaded: Loaded) -> Iterator[_Named]:
    """Those in the orders, with the models that somebody named; the known ones' own are theirs to look after."""
    asked: dict[str, Provider] = {}
    for helper in HELPERS:
        try:
            asked |= {each.name: each for each in providers(loaded.config.ai, helper)}
        except ApiError:
            continue  # nobody offers this one
    for provider in asked.values():
        named = loaded.config.ai.providers.get(provider.name)
        models = tuple(dict.fromkeys(named.models.values())) if named is not None else ()
        use = Use(f"plugins ({provider.name})", models, f"ai.providers.{provider.name}.models", brain=False)
        places = [(provider.variable, provider.key_file)]
        if provider.name == "openai":
            places.append(("OPENAI_API_KEY", loaded.config.openai.key_file))
        mend = _key_mend(loaded, places)
        try:
            key = loaded.secrets.provider_key(provider).get_secret_value()
        except ConfigError as error:
            yield _Named(provider.base_url, use, "", str(error), mend)
            continue
        if provider.needs_key and not key:
            yield _Named(provider.base_url, use, "", f"no API key for {provider.name}: set {provider.variable}", mend)
        else:
            yield _named(provider.base_url, use, key, mend)


def _named(url: str, use: Use, key: str, mend: str) -> _Named:
    try:
        Endpoint(url, key)
    except ConfigError as error:
        return _Named(url, use, "", str(error), mend)
    return _Named(url, use, key, "", mend)


def _key_mend(loaded: Loaded, places: list[tuple[str, str]]) -> str:
    """A command that puts a new key where the present one comes from; `places`: a variable and a file, best first."""
    environ = loaded.places.environ
    for variable, file in places:
        if variable in environ:
            return f"export {variable}=…   # the key; {_where_from(variable)}"
        if file:
            path = mending.of_home(file, environ)
            return f"{mending.edit(path)}   # the key alone, then: chmod 600 {path}; {_where_from(variable)}"
    variable = places[-1][0]
    if variable == "OPENAI_API_KEY":
        return f"voiced setup   # asks for the key, and keeps it; or: export {variable}=…; {_where_from(variable)}"
    return f"export {variable}=…   # the key; {_where_from(variable)}"


def _where_from(variable: str) -> str:
    return f"a new one is made at {NEW_KEY}" if variable == "OPENAI_API_KEY" else "its maker gives you one"
