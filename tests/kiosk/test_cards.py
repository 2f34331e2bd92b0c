"""Cards for a page that is opened later: those that are not gone, not too many, and no countdown that ended."""

from __future__ import annotations

from voiced.conversation.commands import CardShown
from voiced.conversation.events import Card, Image
from voiced.kiosk.cards import MOST_CARDS, MOST_IMAGE_CHARS, Cards

TEA = Card("tea", title="Tea", ends_at=100.0)
MAP = Card("map", text="Here it is.", image=Image("image/png", b"\x89PNG"))


def ids(cards: Cards, now: float = 0.0) -> list[str]:
    return [card["id"] for card in cards.at(now)]


def test_a_page_gets_a_card_with_its_words_and_its_picture() -> None:
    cards = Cards()

    told = cards.show(CardShown(MAP))

    card = {
        "id": "map",
        "title": "",
        "text": "Here it is.",
        "image": "data:image/png;base64,iVBORw==",
        "ends_at": None,
    }
    assert told == {"fact": "CardShown", "card": card}
    assert cards.at(0.0) == [card]


def test_a_card_takes_the_place_of_the_one_with_its_id() -> None:
    cards = Cards()
    for card in (TEA, MAP, Card("tea", title="More tea", ends_at=200.0)):
        cards.show(CardShown(card))

    assert [(card["id"], card["title"]) for card in cards.at(150.0)] == [("tea", "More tea"), ("map", "")]


def test_a_card_is_gone_when_it_is_withdrawn_or_its_countdown_ended() -> None:
    cards = Cards()
    for card in (TEA, MAP):
        cards.show(CardShown(card))

    assert ids(cards, 99.9) == ["tea", "map"]
    assert ids(cards, 100.0) == ["map"]
    cards.withdraw("map")
    cards.withdraw("map")
    assert ids(cards) == []


def test_old_cards_make_room_for_new_ones() -> None:
    cards = Cards()
    for number in range(MOST_CARDS + 2):
        cards.show(CardShown(Card(str(number))))

    assert ids(cards) == [str(number) for number in range(2, MOST_CARDS + 2)]


def test_pictures_do_not_fill_the_memory() -> None:
    cards = Cards()
    half = MOST_IMAGE_CHARS // 2 * 3 // 4
    for name in ("one", "two", "three"):
        cards.show(CardShown(Card(name, image=Image("image/jpeg", bytes(half - 100)))))
    cards.show(CardShown(Card("huge", title="Too large", image=Image("image/jpeg", bytes(2 * half)))))

    assert ids(cards) == ["two", "three", "huge"]
    assert cards.at(0.0)[-1]["image"] is None
