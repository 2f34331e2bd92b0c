"""Which providers a helper may ask, in their order, as the settings have it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from voiced.ai.endpoint import wants_key
from voiced.ai.presets import HELPERS, PRESETS, Helper, Preset, variable_of
from voiced.ai.settings import AiSettings, ProviderSettings, no_address, no_such_provider
from voiced.errors import ApiDenied, RequestRejected


@dataclass(frozen=True, slots=True)
class Provider:
    """One that may be asked. `variable`: the one in the environment that may hold its key."""

    name: str
    base_url: str
    key_file: str
    variable: str
    needs_key: bool
    models: Mapping[Helper, str]

    def model(self, helper: Helper, wanted: str = "") -> str:
        """The model to ask. Raises ApiDenied where none is configured."""
        if model := wanted or self.models.get(helper, ""):
            return model
        raise ApiDenied(
            f"{helper}: no model of {self.name} is named: give one, or write ai.providers.{self.name}.models.{helper}",
            cause="settings",
        )


def providers(settings: AiSettings, helper: Helper, name: str = "") -> list[Provider]:
    """In the order in which they are asked; of `name` alone where it is given. Never empty.

    Raises ApiDenied for a mistake in the settings, RequestRejected for a `name` that there is not.
    """
    if name:
        if not is_known(settings, name):
            raise RequestRejected(f"{helper}: {no_such_provider(name, settings.providers)}")
        _offers(name, helper)
        return [_known(settings, name)]
    names = settings.orders.get(helper, settings.order)
    asked = [_known(settings, each) for each in dict.fromkeys(names) if helper in _offered(each)]
    if not asked:
        raise ApiDenied(
            f"{helper}: {' and '.join(names)} {'have' if len(names) > 1 else 'has'} none: name a provider that does in "
            f"ai.orders.{helper}",
            cause="settings",
        )
    return asked


def configured(settings: AiSettings) -> list[Provider]:
    """All that some helper may ask by itself, and those that the settings have a table of."""
    names = [settings.order, *settings.orders.values(), settings.providers]
    return [_known(settings, name) for name in dict.fromkeys(itertools.chain.from_iterable(names))]


def no_key(provider: Provider) -> str:
    """What to do about one that wants a key and has none."""
    return (
        f"no API key for {provider.name}: set {provider.variable}, or name a file with it in "
        f"ai.providers.{provider.name}.key_file"
    )


def is_known(settings: AiSettings, name: str) -> bool:
    """Whether there is a provider of this name."""
    return name in settings.providers or name in PRESETS


def _known(settings: AiSettings, name: str) -> Provider:
    own, preset = settings.providers.get(name, ProviderSettings()), PRESETS.get(name, Preset("", ""))
    if not (base_url := own.base_url or preset.base_url):
        raise ApiDenied(no_address(name), cause="settings")
    moved = bool(own.base_url) and own.base_url != preset.base_url
    return Provider(
        name,
        base_url,
        own.key_file,
        variable_of(name),
        (bool(preset.variable) and not moved) or wants_key(base_url),
        {**preset.models, **own.models},
    )


def _offered(name: str) -> frozenset[Helper]:
    return PRESETS[name].helpers if name in PRESETS else frozenset(HELPERS)


def _offers(name: str, helper: Helper) -> None:
    if helper not in _offered(name):
        able = [each for each, preset in PRESETS.items() if helper in preset.helpers]
        raise RequestRejected(f"{helper}: {name} has none; {', '.join(able)} do")
