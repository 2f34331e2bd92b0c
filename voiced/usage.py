"""What a request used, whoever made it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What one request to `model` cost: tokens by modality, seconds of sound heard, characters spoken.

    `cached_…` is a part of the input of that modality. `calls`: what is paid for by the piece, under a name of its own:
    pictures of "dall-e-3", searches of "web_search".
    """

    model: str = ""
    text_in: int = 0
    audio_in: int = 0
    image_in: int = 0
    cached_text_in: int = 0
    cached_audio_in: int = 0
    cached_image_in: int = 0
    text_out: int = 0
    audio_out: int = 0
    seconds: float = 0.0
    characters: int = 0
    image_out: int = 0
    calls: int = 0
