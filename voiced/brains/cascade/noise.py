"""Whether what was written down was ever said: transcription models make up sentences where nobody speaks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from voiced.audio import RATE, Ms

LITTLE_SPEECH: Final = Ms(350)
"""Sound that could be speech, below which a polite phrase was more likely made up than said."""

NO_SPEECH_PROB: Final = 0.6
AVG_LOGPROB: Final = -1.0
"""Whisper's own thresholds: a segment above the first and below the second is silence."""

LONGEST_DOUBTFUL: Final = 100
"""Characters: of what is longer, the sound need not be looked at."""

_FRAME: Final = RATE * 20 // 1000
_ABOVE_FLOOR_DB: Final = 9.0
_SILENCE_DBFS: Final = -55.0

_BRACKETED: Final = re.compile(r"\[[^\]]*\]|\([^)]*\)|（[^）]*）|【[^】]*】|\*[^*]+\*|<\|[^|]*\|>|♪[^♪]*♪?")

_CREDIT: Final = re.compile(
    r"\W*(.{0,40}amara\.? ?org|subtitles? (by|made|created|edited|corrected)|captions? by|transcribed by"
    r"|transcription (by|outsourcing)|untertitel(ung)? (der|von|im auftrag|des)|(zdf|swr|ard|wdr|br) 20\d\d"
    r"|sous[- ]titres? (r[ée]alis|par|fait|soci)|sous[- ]titrage|subt[ií]tulos? (por|realiz|creado)"
    r"|legendas? (pela|por)|sottotitoli (creati|e revisione|a cura|di)|ondertiteling|undertekster av|textning"
    r"|napisy (stworzone|by)|субтитры (создавал|сделал|подготов)|редактор субтитров|altyaz[ıi]"
    r"|字幕(by|由|製作|志願者|组)|請不吝點贊|www\.\S+\.\w+\W*$)",
    re.IGNORECASE,
)
"""Who made the subtitles that the model learned from."""


def _plain(text: str) -> str:
    """Letters and digits in small, single blanks between them."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[^\w\s]|_", " ", text).split())


_NEVER_SAID: Final = frozenset(
    _plain(phrase)
    for phrase in (
        "Thank you for watching", "Thanks for watching", "Thank you so much for watching",
        "Thank you very much for watching", "Thank you for watching until the end",
        "Thanks for watching and see you next time",
        "Please subscribe", "Please subscribe to my channel", "Don't forget to subscribe", "Like and subscribe",
        "Please like and subscribe", "See you in the next video", "I'll see you in the next video",
        "Thank you for watching, see you next time", "Thank you for listening",
        "Vielen Dank fürs Zuschauen", "Danke fürs Zuschauen", "Vielen Dank für's Zuschauen",
        "Vielen Dank für die Aufmerksamkeit", "Merci d'avoir regardé cette vidéo", "Merci d'avoir regardé",
        "Merci d'avoir regardé la vidéo", "N'oubliez pas de vous abonner", "Abonnez-vous",
        "Gracias por ver el video", "Gracias por ver", "Suscríbete al canal", "¡Suscríbete!",
        "Gracias por ver este video",
        "Obrigado por assistir", "Inscreva-se no canal", "Grazie per la visione", "Grazie per aver guardato il video",
        "Bedankt voor het kijken", "Dziękuję za oglądanie", "Dzięki za oglądanie", "Продолжение следует",
        "Спасибо за просмотр", "Спасибо за внимание", "Подписывайтесь на канал", "Tack för att ni tittade",
        "Takk for at du så på", "İzlediğiniz için teşekkürler", "İzlediğiniz için teşekkür ederim",
        "ご視聴ありがとうございました", "最後までご視聴いただきありがとうございます", "チャンネル登録お願いします",
        "謝謝觀看", "谢谢观看", "感谢观看", "시청해 주셔서 감사합니다", "시청해주셔서 감사합니다",
        "구독과 좋아요 부탁드립니다",
        "MBC 뉴스 이덕영입니다", "ترجمة نانسي قنقر", "شكرا للمشاهدة",
        "blank audio", "no speech", "inaudible",
    )
)  # fmt: skip
"""Nobody says these to an assistant."""

_PERHAPS_SAID: Final = frozenset(
    _plain(phrase)
    for phrase in (
        "Thank you", "Thank you very much", "Thanks", "Thank you. Bye", "Bye", "Bye bye", "Goodbye", "You",
        "Okay", "Ok", "So",
        "Oh", "Uh", "Um", "Hmm", "Mm", "Mhm", "Mm-hmm", "Ah", "Yeah", "I", "And", "The", "Hello", "Hi", "Good night",
        "I'm sorry", "Danke", "Vielen Dank", "Danke schön", "Tschüss", "Ja", "So, das war's", "Merci", "Au revoir",
        "Gracias", "Adiós", "Obrigado", "Tchau", "Grazie", "Ciao", "Bedankt", "Dziękuję", "Спасибо", "Tack", "Takk",
        "Teşekkürler", "ありがとうございました", "おやすみなさい", "谢谢", "謝謝", "감사합니다", "네", "谢谢大家",
        "Music", "Applause", "Silence", "Foreign", "The end", "Bis zum nächsten Mal",
    )
)  # fmt: skip
"""People say these too: they count where there is something to be heard."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a transcription, with what the model thinks of it where it tells."""

    text: str
    no_speech_prob: float = 0.0
    avg_logprob: float = 0.0

    @property
    def is_silence(self) -> bool:
        return self.no_speech_prob > NO_SPEECH_PROB and self.avg_logprob < AVG_LOGPROB


def speech_in(text: str, segments: Iterable[Segment], speech: Ms, prompt: str = "") -> str:
    """What of a transcription was said; empty where nobody spoke.

    `speech`: how much of the sound could be speech (`speech_like`). `prompt`: what the model was told, which it may
    repeat when it hears nothing.
    """
    segments = tuple(segments)
    if any(segment.is_silence for segment in segments):
        text = "".join(segment.text for segment in segments if not segment.is_silence)
    text = text.strip()
    words = _plain(_BRACKETED.sub(" ", text))
    if not words:
        return ""
    little = speech < LITTLE_SPEECH
    if words in _NEVER_SAID or _CREDIT.match(text) or (prompt and words == _plain(prompt)):
        return ""
    if little and (words in _PERHAPS_SAID or _is_a_loop(words) or _all_never_said(text)):
        return ""
    return text


def speech_like(pcm: bytes) -> Ms:
    """How much of `pcm` (PCM16, 24 kHz) stands out from its own background: an upper bound of the speech in it."""
    samples = np.frombuffer(pcm[: len(pcm) // (2 * _FRAME) * (2 * _FRAME)], "<i2")
    if not samples.size:
        return Ms(0)
    power = (samples.reshape(-1, _FRAME).astype(np.float32) ** 2).mean(axis=1) / 32768.0**2
    level = 10 * np.log10(power + 1e-12)
    floor = float(np.sort(level)[level.size // 10])  # np.percentile imports for 15 ms when it is first used
    threshold = max(_SILENCE_DBFS, floor + _ABOVE_FLOOR_DB)
    return Ms(int((level > threshold).sum()) * 20)


def _is_a_loop(words: str) -> bool:
    """One word or two, again and again."""
    each = words.split()
    return len(each) >= 6 and len(set(each)) <= 2


def _all_never_said(text: str) -> bool:
    """Several made-up sentences in a row."""
    sentences = [_plain(sentence) for sentence in re.split(r"[.!?。！？\n]+", text)]
    said = [sentence for sentence in sentences if sentence]
    return bool(said) and all(sentence in _NEVER_SAID or sentence in _PERHAPS_SAID for sentence in said)
