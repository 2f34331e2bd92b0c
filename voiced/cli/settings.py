"""`voiced config`: what is wrong with the settings, what is in force, and where it comes from."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import TextIO

from voiced.ai.directory import configured, no_key
from voiced.config import Loaded, Places, load_config
from voiced.config import example as example_text
from voiced.errors import ConfigError


def load(arguments: Namespace) -> Loaded:
    """The settings for a command. Raises ConfigError."""
    return load_config(arguments.config, arguments.overrides)


def check(arguments: Namespace, out: TextIO) -> int:
    loaded = load(arguments)
    loaded.must_be_here()
    warnings = list(loaded.warnings)
    if (key := loaded.secrets.describe()) == "not set":
        warnings.append("there is no OpenAI key: set OPENAI_API_KEY, or name a file with it in openai.key_file")
    warnings += _keys_of_providers(loaded)
    for warning in warnings:
        print(f"warning: {warning}", file=out)
    print(f"the settings are fine; the OpenAI key is {key}", file=out)
    return 0


def _keys_of_providers(loaded: Loaded) -> Iterator[str]:
    """What is wrong with the keys of those in [ai]; OpenAI's is told of by itself. Whoever asks none needs no key."""
    for provider in configured(loaded.config.ai):
        try:
            key = loaded.secrets.provider_key(provider).get_secret_value()
        except ConfigError as error:
            yield str(error)
        else:
            if provider.needs_key and not key and provider.name != "openai":
                yield no_key(provider)


def show(arguments: Namespace, out: TextIO) -> int:
    out.write(load(arguments).show())
    return 0


def path(arguments: Namespace, out: TextIO) -> int:
    for file in Places.of(arguments.config).files:
        print(f"{file}  {'is read' if file.exists() else 'is not there'}", file=out)
    return 0


def example(_arguments: Namespace, out: TextIO) -> int:
    out.write(example_text())
    return 0
