"""Which providers a helper may ask, in their order, as the settings have it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from voiced.ai.presets import HELPERS, PRESETS, Helper, Preset, variable_of
from voiced.ai.settings import AiSettings, ProviderSettings
from voiced.errors import ApiDenied, RequestRejected


@dataclass(frozen=True, slots=True)
class Provider:
    """One that may be asked. `variable`: of its key, empty where it needs none."""

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
        found = provider(settings, name)
        if found is None:
            raise RequestRejected(_unknown(settings, name, f"{helper}:"))
        _offers(found.name, helper)
        return [found]
    if helper in settings.orders:
        where, names = f"ai.orders.{helper}", settings.orders[helper]
    else:
        where, names = "ai.order", settings.order
    asked = []
    for each in dict.fromkeys(names):
        one = provider(settings, each)
        if one is None:
            raise ApiDenied(_unknown(settings, each, f"{where}:"), cause="settings")
        if helper in _offered(each):
            asked.append(one)
    if not asked:
        raise ApiDenied(
            f"{helper}: {' and '.join(names)} {'have' if len(names) > 1 else 'has'} none: name a provider that does in "
            f"ai.orders.{helper}",
            cause="settings",
        )
    return asked


def provider(settings: AiSettings, name: str) -> Provider | None:
    """The one of this name; None where there is none. Raises ApiDenied where it has no address."""
    own, preset = settings.providers.get(name), PRESETS.get(name)
    if own is None and preset is None:
        return None
    own, preset = own or ProviderSettings(), preset or Preset("", "")
    if not (base_url := own.base_url or preset.base_url):
        example = "https://RESOURCE.openai.azure.com/openai/v1" if name == "azure" else "http://192.168.1.2:8000/v1"
        raise ApiDenied(
            f"{name} has no address: write ai.providers.{name}.base_url, such as {example}", cause="settings"
        )
    moved = bool(own.base_url) and own.base_url != preset.base_url
    return Provider(
        name, base_url, own.key_file, variable_of(name), bool(preset.variable) and not moved,
        {**preset.models, **own.models},
    )  # fmt: skip


def _offered(name: str) -> frozenset[Helper]:
    return PRESETS[name].helpers if name in PRESETS else frozenset(HELPERS)


def _offers(name: str, helper: Helper) -> None:
    if helper not in _offered(name):
        able = [each for each, preset in PRESETS.items() if helper in preset.helpers]
        raise RequestRejected(f"{helper}: {name} has none; {', '.join(able)} do")


def _unknown(settings: AiSettings, name: str, where: str) -> str:
    known = [*dict.fromkeys([*settings.providers, *PRESETS])]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = (
        f"did you mean {near[0]}?"
        if near
        else f"known are {', '.join(known)}; others need ai.providers.{name}.base_url"
    )
    return f"{where} there is no provider {name!r}: {hint}"
