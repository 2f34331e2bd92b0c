"""Pictures that are drawn, changed and varied."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from voiced.ai.download import Download
from voiced.ai.picture import Picture, picture_of, picture_of_bytes
from voiced.ai.picture_files import (
    MOST_MASK_BYTES,
    PictureFile,
    PictureSource,
    judge_square_png,
    read_file,
    read_files,
    read_mask,
)
from voiced.ai.picture_models import Drawing, family_of, gone, judge
from voiced.ai.providers import Events, Providers, Server, understood
from voiced.errors import AnswerUnusable, ApiUnreachable, ModelUnknown, RequestRejected, StreamCut
from voiced.usage import Usage

if TYPE_CHECKING:
    from openai.types import ImagesResponse

DRAWN_WITHIN_S: Final = 180.0
"""A large picture of high quality takes two minutes; ai.timeout_s counts where it is longer."""

_MIB: Final = 1024 * 1024

MOST_FETCHED_BYTES: Final = 64 * _MIB
"""Of a picture at an address: 8 million pixels, uncompressed, and as much again."""

TOKENS_A_PICTURE: Final = 10_000
"""Where the server does not tell: more than a picture of high quality has."""

TOKENS_A_PICTURE_IN: Final = 6_500
"""The same for a picture that is to be changed, with high fidelity."""

_BLOCKED: Final = frozenset({"moderation_blocked", "content_policy_violation", "content_filter"})
_OLD_MODEL: Final = re.compile(r"dall-e-[23]")
_VIOLATIONS: Final = re.compile(r"safety_violations=\[([\w/, -]+)\]")


class Images:
    """`ai.images`. Nothing that was drawn is drawn again because its answer got lost: that would be paid for twice."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def generate(
        self,
        prompt: str,
        *,
        n: int = 1,
        size: str = "",
        quality: str = "",
        style: str = "",
        background: str = "",
        format: str = "",
        compression: int | None = None,
        response_format: str = "",
        moderation: str = "",
        user: str = "",
        extra: Mapping[str, Any] | None = None,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> list[Picture]:
        """Draw `n` pictures, at most ten. What is left empty is up to the server. Raises ApiError.

        `size`: such as "1024x1024". `quality`: low, medium or high, for dall-e-3 standard or hd. `background`:
        transparent or opaque. `format`: png, jpeg or webp; `compression` of the last two in percent. `moderation`: low
        for less strict. `style` (vivid, natural) and `response_format` (url, b64_json) are for dall-e and for other
        servers. `extra`: anything else, as the API names it. What does not fit a model that is known is not sent.
        """
        options = _given(
            n=n, size=size, quality=quality, style=style, background=background, output_format=format,
            output_compression=compression, response_format=response_format, moderation=moderation, user=user,
        )  # fmt: skip
        _judge_prompt(prompt)

        async def request(server: Server) -> Any:
            _judge("generate", server, options, prompt)
            return await server.openai.images.generate(
                model=server.model, prompt=prompt, extra_body=dict(extra or {}), **options
            )

        return await self._drawn("generate", request, _Cost(prompt, n), model, provider, within_s)

    async def edit(
        self,
        images: PictureSource | Sequence[PictureSource],
        prompt: str,
        *,
        mask: PictureSource | None = None,
        n: int = 1,
        size: str = "",
        quality: str = "",
        background: str = "",
        format: str = "",
        compression: int | None = None,
        fidelity: str = "",
        response_format: str = "",
        user: str = "",
        extra: Mapping[str, Any] | None = None,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> list[Picture]:
        """Change a picture, or make one of up to 16. Raises ApiError.

        `images`: PNG, JPEG or WEBP of at most 50 MiB each (dall-e-2: one square PNG of 4 MiB). `mask`: a PNG of at most
        4 MiB, as large as the first of them; where it is transparent, the picture is changed. `fidelity`: high keeps
        more of the picture, such as faces. The others as in `generate`.
        """
        options = _given(
            n=n, size=size, quality=quality, background=background, output_format=format,
            output_compression=compression, input_fidelity=fidelity, response_format=response_format, user=user,
        )  # fmt: skip
        _judge_prompt(prompt)
        files = await read_files(images)
        masks = await read_mask(mask, files[0])

        async def request(server: Server) -> Any:
            _judge("edit", server, options, prompt, files)
            return await server.openai.images.edit(
                model=server.model, prompt=prompt, image=_parts(files), extra_body=dict(extra or {}), **masks, **options
            )

        return await self._drawn("edit", request, _Cost(prompt, n, len(files)), model, provider, within_s)

    async def vary(
        self,
        image: PictureSource,
        *,
        n: int = 1,
        size: str = "",
        response_format: str = "",
        user: str = "",
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> list[Picture]:
        """Pictures that are like a square PNG of at most 4 MiB. For servers that still have it: OpenAI has not.

        `size`: 256x256, 512x512 or 1024x1024. Raises ApiError; `ModelUnknown` says what to do instead.
        """
        options = _given(n=n, size=size, response_format=response_format, user=user)
        file = await read_file(image, "the picture", MOST_MASK_BYTES)
        judge_square_png(file)

        async def request(server: Server) -> Any:
            _judge("vary", server, options, "")
            from openai.types import ImagesResponse

            return await server.openai.post(  # the library warns of its own method: it is gone at OpenAI
                "/images/variations",
                cast_to=ImagesResponse,
                body={"model": server.model, **options},
                files=[("image", file.part)],
                options={"headers": {"Content-Type": "multipart/form-data"}},
            )

        return await self._drawn("vary", request, _Cost("", n, 1), model, provider, within_s)

    @contextlib.asynccontextmanager
    async def stream(
        self,
        prompt: str,
        *,
        partial: int = 2,
        images: PictureSource | Sequence[PictureSource] = (),
        mask: PictureSource | None = None,
        size: str = "",
        quality: str = "",
        background: str = "",
        format: str = "",
        compression: int | None = None,
        user: str = "",
        extra: Mapping[str, Any] | None = None,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> AsyncIterator[PictureStream]:
        """A picture as it comes into being, for gpt-image models: `partial` (0 to 3) of them before it is done.

        With `images` it is an edit of these. `within_s`: to the first picture, and from each to the next. The others as
        in `generate`. Raises ApiError.
        """
        if partial not in range(4):
            raise RequestRejected(f"images: {partial} partial pictures: ask for 0 to 3")
        options = _given(
            size=size, quality=quality, background=background, output_format=format, output_compression=compression,
            partial_images=partial, user=user,
        )  # fmt: skip
        _judge_prompt(prompt)
        files = await read_files(images) if _some(images) else []
        masks = await read_mask(mask, files[0] if files else None)

        async def request(server: Server) -> Any:
            _judge("edit" if files else "generate", server, options, prompt, files)
            asked: dict[str, Any] = {
                "model": server.model,
                "prompt": prompt,
                "extra_body": dict(extra or {}),
                **options,
            }
            if files:
                return await server.openai.images.edit(image=_parts(files), stream=True, **masks, **asked)
            return await server.openai.images.generate(stream=True, **asked)

        drawing: Drawing = "edit" if files else "generate"
        cost = _Cost(prompt, 1, len(files))
        with _explaining(drawing):
            async with self._providers.stream(
                "images",
                request,
                model=model,
                provider=provider,
                within_s=self._patience_s(within_s),
                once=True,
                lost=lambda server: [cost.of(server.model, None, cost.pictures)],
            ) as events:
                stream = PictureStream(events, cost, self._providers)
                try:
                    yield stream
                finally:
                    stream.settle()

    async def _drawn(
        self,
        drawing: Drawing,
        request: Callable[[Server], Awaitable[Any]],
        cost: _Cost,
        model: str,
        provider: str,
        within_s: float | None,
    ) -> list[Picture]:
        def read(answer: ImagesResponse, server: Server) -> tuple[list[Any], Server]:
            data = answer.data or []
            self._providers.spend(cost.of(server.model, answer.usage, len(data)))
            if not data:
                raise ValueError("no picture")
            return data, server

        def decode(data: list[Any], server: Server) -> list[Picture]:
            fetch = _fetch(server, self._providers)
            return [picture_of(each, fetch) for each in data]

        with _explaining(drawing):
            data, server = await self._providers.ask(
                "images",
                request,
                read,
                model=model,
                provider=provider,
                within_s=self._patience_s(within_s),
                once=True,
                lost=lambda server: [cost.of(server.model, None, cost.pictures)],
            )
            return await asyncio.to_thread(understood, decode, data, server, "images")

    def _patience_s(self, within_s: float | None) -> float:
        return within_s or max(self._providers.settings.timeout_s, DRAWN_WITHIN_S)


class PictureStream:
    """The partial pictures in their order; once it ended, `picture` is the one that is done."""

    def __init__(self, events: Events, cost: _Cost, providers: Providers) -> None:
        self._events = events
        self._cost = cost
        self._providers = providers
        self._picture: Picture | None = None
        self._paid = False

    @property
    def picture(self) -> Picture:
        """Raises RuntimeError before the stream was read to its end."""
        if self._picture is None:
            raise RuntimeError("the picture is not done: read the stream to its end")
        return self._picture

    def __aiter__(self) -> PictureStream:
        return self

    async def __anext__(self) -> Picture:
        if self._picture is not None:
            raise StopAsyncIteration
        called = self._events.server.client.endpoint.called
        try:
            async for event in self._events:
                picture = await self._understood(event, called)
                if picture is not None:
                    return picture
                if self._picture is not None:
                    raise StopAsyncIteration
        except ApiUnreachable as error:
            raise StreamCut(str(error)) from error
        raise StreamCut(f"images: {called} ended before the picture was done")

    def settle(self) -> None:
        """Count what was drawn, also where nobody waited for it."""
        if not self._paid:
            self._pay(None)

    async def _understood(self, event: Any, called: str) -> Picture | None:
        """A partial picture; None for the last, which is kept, and for what is not known."""
        kind = getattr(event, "type", "")
        if not isinstance(kind, str) or not kind.endswith((".partial_image", ".completed")):
            return None
        try:
            if kind.endswith(".completed"):
                self._pay(event.usage)
            picture = await asyncio.to_thread(picture_of_bytes, event.b64_json)
        except (AttributeError, TypeError, ValueError) as error:
            raise AnswerUnusable(f"images: {called} answers in another form than the API's") from error
        if kind.endswith(".partial_image"):
            return picture
        self._picture = picture
        return None

    def _pay(self, told: Any) -> None:
        if not self._paid:
            self._paid = True
            self._providers.spend(self._cost.of(self._events.server.model, told, 1))


@dataclass(frozen=True, slots=True)
class _Cost:
    """What is to be paid where a server does not tell: rather too much."""

    prompt: str
    pictures: int
    images: int = 0

    def of(self, model: str, told: Any, drawn: int) -> Usage:
        """`told`: the usage of an answer with `drawn` pictures."""
        read, written = getattr(told, "input_tokens_details", None), getattr(told, "output_tokens", None)
        if isinstance(written, int) and written >= 0 and read is not None:
            words = _count(getattr(told, "output_tokens_details", None), "text_tokens")
            return Usage(
                model,
                text_in=_count(read, "text_tokens"),
                image_in=_count(read, "image_tokens"),
                text_out=words,
                image_out=max(0, written - words),
            )
        if "response_format" in family_of(model).options:
            return Usage(model, calls=max(drawn, 1))
        return Usage(
            model,
            text_in=len(self.prompt.encode("utf-8", "replace")),
            image_in=self.images * TOKENS_A_PICTURE_IN,
            image_out=max(self.pictures, drawn) * TOKENS_A_PICTURE,
        )


# What is sent.


def _given(**options: Any) -> dict[str, Any]:
    """Without what is left to the server."""
    if options.get("n") == 1:
        del options["n"]
    return {name: value for name, value in options.items() if value not in ("", None)}


def _judge_prompt(prompt: str) -> None:
    if not isinstance(prompt, str) or not prompt.strip():
        raise RequestRejected("images: the prompt is empty: say what the picture shall show")


def _judge(
    drawing: Drawing, server: Server, options: Mapping[str, Any], prompt: str, files: Sequence[PictureFile] = ()
) -> None:
    """Raise RequestRejected or ModelUnknown for what this model can't do."""
    model = server.model
    judge(drawing, model, {**options, "prompt": prompt}, at_openai=server.client.endpoint.is_openai)
    family = family_of(model)
    if len(files) > family.most_images:
        raise RequestRejected(f"images: {len(files)} pictures: {model} takes at most {family.most_images}")
    for file in files:
        if len(file.data) > family.most_bytes:
            raise RequestRejected(
                f"images: {file.name} has {len(file.data) / _MIB:.1f} MiB; at most {family.most_bytes // _MIB} MiB are "
                f"taken by {model}"
            )
        if family.most_images == 1:
            judge_square_png(file)


def _parts(files: Sequence[PictureFile]) -> Any:
    parts = [file.part for file in files]
    return parts[0] if len(parts) == 1 else parts


def _some(images: PictureSource | Sequence[PictureSource]) -> bool:
    return not (isinstance(images, list | tuple) and not images)


# What comes back.


def _fetch(server: Server, providers: Providers) -> Callable[[str], Awaitable[bytes]]:
    return Download("images", server.client.endpoint.host, providers.terms.around, MOST_FETCHED_BYTES)


def _count(details: Any, name: str) -> int:
    found = getattr(details, name, 0)
    return found if isinstance(found, int) and found > 0 else 0


@contextlib.contextmanager
def _explaining(drawing: Drawing) -> Iterator[None]:
    """What a refusal means for somebody who wants a picture."""
    try:
        yield
    except RequestRejected as error:
        if error.code not in _BLOCKED:
            raise
        found = _VIOLATIONS.search(str(error))
        raise RequestRejected(
            f"images: the server's safety system refuses this picture{f' ({found[1]})' if found else ''}: ask for "
            "another one, or say it otherwise",
            status=error.status,
            code=error.code,
            param=error.param,
        ) from error
    except ModelUnknown as error:
        if not error.status:  # it is ours, and says so
            raise
        told = str(error)
        if drawing == "vary" and not error.code:
            told = str(gone("vary", "this server"))
        elif old := _OLD_MODEL.search(told):
            told = f"{told.rstrip('.')}; {str(gone(drawing, old[0])).removeprefix('images: ')}"
        raise ModelUnknown(told, status=error.status, code=error.code, param=error.param, cause=error.cause) from error
