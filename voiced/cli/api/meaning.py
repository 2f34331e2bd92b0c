"""`voiced api embed` and `moderate`: what texts mean, and whether they harm."""

from __future__ import annotations

import itertools
from argparse import Namespace
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, TextIO

from voiced.cli.api import reading
from voiced.cli.api.printing import Result, plain, result
from voiced.cli.api.progress import progress
from voiced.cli.api.session import session
from voiced.errors import ConfigError

if TYPE_CHECKING:
    from voiced.ai.moderations import Moderation

AT_ONCE: Final = 64
"""Texts in one request. What they are for waits so long, and what comes in goes on from there."""

WORTH_TELLING: Final = 0.1
"""A score below it says nothing."""


def embed(arguments: Namespace, out: TextIO) -> int:
    options = {} if arguments.dimensions is None else {"dimensions": arguments.dimensions}
    with (
        session(arguments) as api,
        result(arguments, out) as to,
        progress("embedding", " texts", shown=not to.to_terminal) as told,
    ):
        done = 0
        for texts in _batches(_texts(arguments)):
            vectors = api.run(api.ai.embeddings.embed(texts, **options, **api.model))
            for text, vector in zip(texts, vectors, strict=True):
                to.json({"text": text, "embedding": vector} if arguments.json else vector)
            done += len(texts)
            if told is not None:
                told(done, 0)
    return 0


def moderate(arguments: Namespace, out: TextIO) -> int:
    if arguments.lines and arguments.image:
        raise ConfigError("--lines is for texts alone: leave it or --image out")
    with session(arguments) as api, result(arguments, out) as to:
        moderations = api.ai.moderations
        if arguments.lines:
            for texts in _batches(_texts(arguments)):
                for text, found in zip(texts, api.run(moderations.check_all(texts, **api.model)), strict=True):
                    _tell(arguments, to, found, text)
        else:
            only_pictures = arguments.image and not arguments.text
            images = reading.pictures(arguments.image)
            text = "" if only_pictures else reading.text(arguments.text, "text")
            _tell(arguments, to, api.run(moderations.check(text, images=images, **api.model)))
    return 0


def _tell(arguments: Namespace, to: Result, found: Moderation, text: str | None = None) -> None:
    of = {} if text is None else {"text": text}
    if arguments.json:
        to.json({**of, **plain(found)})
        return
    scores = sorted(found.scores.items(), key=lambda item: -item[1])
    told = ", ".join(f"{name} {score:.2f}" for name, score in scores if score >= WORTH_TELLING)
    verdict = "harmful" if found.flagged else "not harmful"
    to.line("\t".join([f"{verdict}: {told}" if told else verdict, *of.values()]))


def _texts(arguments: Namespace) -> Iterable[str]:
    if arguments.text in ([], [reading.STDIN]):
        return reading.lines()
    return [reading.checked(text, "text") for text in arguments.text]


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(texts)
    while batch := list(itertools.islice(rest, AT_ONCE)):
        yield batch
