"""What one sees of the page and does with it, in a real Chromium: fingers, keys, languages, small and large screens."""

from __future__ import annotations

import asyncio
import time
from typing import Final
from urllib.parse import quote

import pytest

from tests.kiosk.browser.chromium import KEEP_ITS_SOUND, Browser, Page
from tests.kiosk.browser.desk import Desk
from tests.kiosk.browser.looks import FAINT_TEXT, OUTSIDE, SMALL_TARGETS
from voiced.audio import Ms
from voiced.conversation.commands import (
    AttentionChanged,
    BrainChanged,
    BrainSelected,
    CardGone,
    CardShown,
    DeviceChanged,
    Fact,
    FloorChanged,
    Muted,
    QuestionAsked,
    ReplyHeard,
    RequestEnded,
    Spent,
    TalkKeyHeld,
    ToolStarted,
    TurnFailed,
    UserHeard,
    UserTyped,
    VolumeChanged,
)
from voiced.conversation.events import CallId, Card, Image, MuteAsked, StopAsked, TalkKeyMoved, TextAsked, VolumeAsked
from voiced.usage import Usage

DOWN, UP = TalkKeyMoved("down"), TalkKeyMoved("up")
TAPPED_S, HELD_S = 0.25, 0.35
"""A little shorter and longer than the shortest that counts as holding."""

PIXEL: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
"""A PNG."""

STATES: Final[list[tuple[str, str, list[Fact]]]] = [
    ("idle", "Ready", []),
    ("listening", "Listening", [FloorChanged("listening")]),
    ("thinking", "Thinking", [FloorChanged("thinking")]),
    ("speaking", "Speaking", [FloorChanged("speaking")]),
    ("waiting", "Waiting", [FloorChanged("idle"), AttentionChanged(False)]),
    ("offline", "Offline", [BrainSelected("offline")]),
    ("muted", "Muted", [Muted(True)]),
]


AT_END: Final = "(t => t.scrollHeight - t.scrollTop - t.clientHeight < 3)(document.querySelector('#transcript'))"
"""Whether the end of the transcript is in sight."""

TWO_FRAMES: Final = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
"""Until the page has told its scripts of what was scrolled and what has another size."""


def said(turn: int, text: str, *, cut: bool = False) -> ReplyHeard:
    return ReplyHeard(turn, text, Ms(900), Ms(1000), cut)


async def opened(page: Page, desk: Desk, query: str = "") -> None:
    await page.go(desk.url + query)
    await page.until("window.voiced?.state.connected")


async def transcript(page: Page) -> list[str]:
    entries = await page.ask("[...document.querySelectorAll('#entries li')].map(e => e.className + ': ' + e.innerText)")
    return [entry.replace("\n\n", " ").replace("\n", " ") for entry in entries]


async def test_each_state_has_a_word_and_an_icon_and_all_text_stands_out(browser: Browser, desk: Desk) -> None:
    async with browser.page() as page:
        await opened(page, desk)
        desk.tell(
            UserHeard(1, "What is the time?"),
            said(1, "It is half", cut=True),
            CardShown(Card("tea", "Tea", "Green", ends_at=time.time() - 1)),
            TurnFailed(2, "the network is away"),
        )
        await page.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
        icons = []
        for phase, word, facts in STATES:
            desk.tell(*facts)
            await page.phase(phase)
            assert await page.text("#state-word") == word
            assert await page.text("#state-hint") != ""
            icons.append(await page.ask("document.querySelector('#state-icon').href.baseVal"))
            for scheme in ("light", "dark"):
                await page.prefers(color_scheme=scheme, reduced_motion="reduce")
                assert await page.ask("getComputedStyle(document.querySelector('.lamp')).animationName") == "none"
                assert await page.ask(FAINT_TEXT) == []
        assert len(set(icons)) == len(STATES)
        desk.modes = ["ptt"]
        desk.tell(Muted(False), BrainSelected("realtime"))
        await page.shows("#state-hint", "Hold Talk, and speak.")
        assert await page.ask("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 23)"
        await page.ask("document.querySelector('#help').showModal()")
        assert await page.ask(FAINT_TEXT) == []
        assert page.complaints == []


async def test_both_sides_can_be_read_in_the_order_of_their_turns(browser: Browser, desk: Desk) -> None:
    desk.history = [{"who": "user", "text": "Hello?"}, {"who": "assistant", "text": "Good evening."}]
    async with browser.page() as page:
        await opened(page, desk)
        desk.tell(
            FloorChanged("thinking"),
            ToolStarted(CallId("1"), "get_weather"),
        )
        await page.shows("#state-hint", "Using get_weather.")
        assert await page.ask("document.querySelector('#pending').checkVisibility()")
        desk.tell(
            said(3, "It rains <b>now</b>."),
            UserHeard(3, "Does it rain?"),  # it was written down late
            QuestionAsked("", "Shall I close the window?"),
            said(4, "I am about to", cut=True),
            said(5, ""),
            FloorChanged("idle"),
        )
        await page.phase("idle")
        assert await transcript(page) == [
            "user: You Hello?",
            "assistant: voiced Good evening.",
            "user: You Does it rain?",
            "assistant: voiced It rains <b>now</b>.",
            "assistant: voiced Shall I close the window?",
            "assistant: voiced I am about to interrupted",
        ]
        await page.until("document.querySelector('#transcript').getAttribute('aria-live') === 'polite'")
        assert await page.ask("document.querySelector('#entries').querySelector('b')") is None


async def test_what_is_typed_anywhere_is_read_on_every_page(browser: Browser, desk: Desk) -> None:
    async with browser.page() as one, browser.page() as other:
        for page in (one, other):
            await opened(page, desk)
        await one.click("#question-text")
        await one.write("What time is it?")
        await one.key("Enter")
        await desk.gets(TextAsked("kiosk-1", "What time is it?"))
        desk.tell(UserTyped("What time is it?"), said(1, "Half past six."), RequestEnded("kiosk-1", "Half past six."))
        for page in (one, other):
            await page.shows("#entries li:last-child p", "Half past six.")
            assert await transcript(page) == ["user: You What time is it?", "assistant: voiced Half past six."]


async def test_the_transcript_keeps_a_hundred_entries_and_follows_unless_one_scrolled_up(
    browser: Browser, desk: Desk
) -> None:
    async with browser.page() as page:
        await opened(page, desk)
        desk.tell(*(said(turn, f"Answer {turn}.") for turn in range(130)))
        await page.shows("#entries li:last-child p", "Answer 129.")
        assert await page.ask("document.querySelectorAll('#entries li').length") == 100
        assert await page.ask(AT_END)
        await page.ask(
            "new Promise(seen => { const box = document.querySelector('#transcript');"
            "box.addEventListener('scroll', () => seen(), {once: true}); box.scrollTop = 200; })"
        )  # after the page itself has seen it
        desk.tell(said(130, "Answer 130."))
        await page.shows("#entries li:last-child p", "Answer 130.")
        assert not await page.ask(AT_END)
        await page.click("#newest")
        await page.until(AT_END)
        assert not await page.ask("document.querySelector('#newest').checkVisibility()")


async def test_the_newest_stays_in_sight_where_cards_take_its_room(browser: Browser, desk: Desk) -> None:
    shopping = CardShown(Card("list", "Shopping", "milk\n" * 6))
    desk.history = [{"who": "assistant", "text": f"Answer {number}."} for number in range(40)]
    desk.tell(shopping)
    async with browser.page() as page:
        await opened(page, desk)
        await page.ask(TWO_FRAMES)
        assert await page.ask(AT_END)
        desk.tell(CardGone("list"), said(1, "That was all."))
        await page.until("document.querySelectorAll('.card').length === 0")
        await page.ask(TWO_FRAMES)
        desk.tell(said(2, "It is on the list."), shopping)
        await page.until("document.querySelectorAll('.card').length === 1")
        await page.ask(TWO_FRAMES)
        assert await page.ask(AT_END)
        assert not await page.ask("document.querySelector('#newest').checkVisibility()")


async def test_the_button_to_talk_is_held_or_tapped_and_never_left_held(browser: Browser, desk: Desk) -> None:
    async with browser.page() as page:
        await opened(page, desk)
        now = time.time()
        for pressed, released in (("mousePressed", "mouseReleased"), ("touchStart", "touchEnd")):
            finger = page.mouse if pressed.startswith("mouse") else page.touch
            await finger(pressed, "#talk", at=now)
            await desk.gets(DOWN)
            desk.tell(TalkKeyHeld(True))
            await page.shows("#talk-word", "Tap to end")
            await finger(released, "#talk", at=now + HELD_S)
            await desk.gets(UP)
            desk.tell(TalkKeyHeld(False))
            await page.shows("#talk-word", "Hold to talk")

            await finger(pressed, "#talk", at=now)
            await finger(released, "#talk", at=now + TAPPED_S)
            await desk.gets(DOWN)
            desk.tell(TalkKeyHeld(True))
            await page.shows("#talk-word", "Tap to end")
            await finger(pressed, "#talk")
            await finger(released, "#talk")
            await desk.gets(UP)
            desk.tell(TalkKeyHeld(False))
            await page.shows("#talk-word", "Hold to talk")

        await page.touch("touchStart", "#talk")
        await page.touch("touchCancel", "#talk")
        await desk.gets(DOWN, UP)
        await page.mouse("mousePressed", "#talk")
        await page.ask("window.dispatchEvent(new Event('blur'))")
        await desk.gets(DOWN, UP)
        await page.mouse("mouseReleased", "#talk")
        await page.mouse("mousePressed", "#talk")
        await page.leave()
        await desk.gets(DOWN, UP)


async def test_all_of_it_works_with_keys_alone(browser: Browser, desk: Desk) -> None:
    async with browser.page() as page:
        await opened(page, desk)
        now = time.time()
        await page.key_down(" ", at=now)
        await page.key_down(" ", repeats=True, at=now + TAPPED_S)
        await desk.gets(DOWN)
        desk.tell(TalkKeyHeld(True))
        await page.until("voiced.state.talking")
        await page.key_up(" ", at=now + HELD_S)
        await desk.gets(UP)
        desk.tell(TalkKeyHeld(False))
        await page.until("!voiced.state.talking")
        for key, event in (("m", MuteAsked(True)), ("s", StopAsked()), ("Escape", StopAsked())):
            await page.key(key)
            await desk.gets(event)
        await page.key("+")
        await desk.gets(VolumeAsked(60))

        await page.key("/")
        await page.write("m s /")
        await page.key("Enter")
        await desk.gets(TextAsked("kiosk-1", "m s /"))
        desk.tell(said(1, "What"), RequestEnded("kiosk-1", "What do you mean?"))
        await page.shows("#entries li:last-child p", "What do you mean?")
        await page.ask(
            "document.activeElement.dispatchEvent("
            "new KeyboardEvent('keydown', {key: 'Escape', isComposing: true, bubbles: true}))"
        )
        assert await page.ask("document.activeElement.id") == "question-text", "only the composition is over"
        await page.key("Escape")  # out of the field, and nothing is stopped

        reached = []
        for _ in range(14):
            await page.key("Tab")
            seen = await page.ask(
                "(e => [e.id || e.className || e.tagName, getComputedStyle(e).outlineStyle])(document.activeElement)"
            )
            reached.append(seen[0])
            assert seen[1] == "solid" or seen[0] == "BODY", f"{seen[0]} shows no focus"
        expected = {"language", "help-open", "transcript", "talk", "mute", "stop", "volume", "sound-switch"}
        assert expected <= set(reached)
        await page.ask("document.querySelector('#mute').focus()")
        await page.key(" ")  # it presses the button that has the focus
        await desk.gets(MuteAsked(True))
        await page.ask("document.querySelector('#talk').focus()")
        await page.key("Enter")
        await desk.gets(DOWN)

        await page.key("?")
        await page.until("document.querySelector('#help').open")
        await page.key("s")  # there it stops nothing
        await page.key(" ")  # but the box: no keys any more
        await page.key("Escape")
        await page.until("!document.querySelector('#help').open && !document.querySelector('#shortcuts').checked")
        await page.ask("document.activeElement.blur()")
        await page.key("s")
        await page.key("m")
        await page.ask("voiced.state")
        assert desk.posted == []
        assert page.complaints == []


@pytest.mark.real_time
async def test_the_volume_follows_a_finger_and_then_whoever_else_turns_it(browser: Browser, desk: Desk) -> None:
    async with browser.page() as page:
        await opened(page, desk)
        desk.tell(VolumeChanged(40))
        await page.shows("#volume-number", "40%")
        await page.ask("document.querySelector('#volume').focus()")
        await page.key("ArrowRight")
        await desk.gets(VolumeAsked(45))
        desk.tell(VolumeChanged(40))  # it was on its way
        await page.until("voiced.state.volume === 40")
        assert await page.text("#volume-number") == "45%"
        desk.tell(VolumeChanged(20))
        await page.shows("#volume-number", "20%")
        assert await page.ask("document.activeElement.id") == "volume"


async def test_cards_tick_show_their_picture_and_go(browser: Browser, desk: Desk) -> None:
    tea_ends = time.time() + 95.5
    desk.tell(CardShown(Card("tea", "Tea", ends_at=tea_ends)))
    async with browser.page() as page:
        await opened(page, desk)
        await page.ask("(() => { const now = Date.now; window.later = 0; Date.now = () => now() + later; })()")
        desk.tell(
            CardShown(Card("map", "Radar", "Rain from the west.", Image("image/png", PIXEL))),
            CardShown(Card("egg", "Egg", ends_at=time.time() + 60.0)),
        )
        await page.until("/^[01]:[0-5]/.test(document.querySelector('[data-card=egg] .clock')?.textContent)")
        first = await page.text("[data-card=tea] .clock")
        minutes, seconds = first.split(":")
        assert int(minutes) * 60 + int(seconds) == pytest.approx(tea_ends - time.time(), abs=2.0)
        await page.ask("window.later = 60_000")
        await page.shows("[data-card=egg] .clock", "Time is up")
        await page.shows("#announcer", "Egg: time is up.")
        await page.until(f"document.querySelector('[data-card=tea] .clock').textContent < '{first}'")
        assert await page.ask("(i => [i.alt, i.naturalWidth])(document.querySelector('[data-card=map] img'))") == [
            "Radar",
            1,
        ]
        desk.tell(CardGone("egg"), CardShown(Card("tea", "Tea", "ready")), CardGone("map"))
        await page.until("document.querySelectorAll('.card').length === 1")
        assert (await page.ask("document.querySelector('.card').innerText")).split() == ["Tea", "ready"]
        assert page.complaints == []


async def test_the_level_is_seen_and_usage_and_recent_errors_are_a_press_away(browser: Browser, desk: Desk) -> None:
    desk.spending = {
        "thrift": "small",
        "today_usd": 1.5,
        "daily_usd": 2.0,
        "month_usd": 12.0,
        "monthly_usd": 0.0,
        "guessed": True,
    }
    async with browser.page() as page:
        await opened(page, desk)
        await page.until("document.querySelector('#level').ariaValueNow === '0'")
        desk.level = -30.0
        await page.until("document.querySelector('#level').ariaValueNow === '50'")
        assert await page.ask("document.querySelector('#level-bar').style.transform") == "scaleX(0.5)"
        assert await page.text("#failures-count") == "0"
        desk.tell(Spent(Usage("gpt", text_in=1200, audio_out=34)), TurnFailed(3, "the network is away"))
        await page.shows("#notice-text", "That could not be answered: the network is away")
        await page.shows("#failures-count", "1")
        await page.click("#failures summary")
        assert "turn 3: the network is away" in await page.text("#failures-list")
        await page.ask("(window.read = document.querySelector('#failures-list li')) && 0")
        desk.tell(FloorChanged("listening"))
        await page.phase("listening")
        assert await page.ask("read.isConnected"), "who reads it, or has it read aloud, is not disturbed"
        desk.tell(FloorChanged("idle"))
        await page.click("#usage summary")
        usage = await page.ask("[...document.querySelectorAll('#usage-list div')].map(e => e.innerText)")
        assert [row.replace("\n", " ") for row in usage] == [
            "Today $1.50 (estimated) of $2.00",
            "This month $12.00",
            "Saving smaller model",
            "Text tokens, in and out 1,200 and 0",
            "Sound tokens, in and out 0 and 34",
        ]
        await page.click("#notice-close")
        assert not await page.ask("document.querySelector('#notice').checkVisibility()")
        desk.tell(BrainChanged("refused", "the key is refused; give another one"))
        await page.shows("#state-hint", "the key is refused; give another one")


async def test_the_page_speaks_its_readers_language(browser: Browser, desk: Desk) -> None:
    for speaks, query, tag, word in [
        ("fr,de-AT;q=0.8", "", "de", "Bereit"),
        ("pl", "", "en", "Ready"),
        ("de", "?lang=zh-CN", "zh-Hans", "就绪"),
    ]:
        async with browser.page(languages=speaks) as page:
            await opened(page, desk, query)
            assert [await page.ask("document.documentElement.lang"), await page.text("#state-word")] == [tag, word]


async def test_the_language_can_be_set_and_switched(browser: Browser) -> None:
    async with Desk(language="de") as desk, browser.page() as page:
        await opened(page, desk)
        desk.tell(UserHeard(1, "Guten Tag!"))
        await page.shows("#entries .user .who", "Du")
        await page.ask(
            "(s => { s.value = 'zh-Hans'; s.dispatchEvent(new Event('change')); })(document.querySelector('#language'))"
        )
        await page.shows("#talk-word", "按住说话")
        assert await transcript(page) == ["user: 您 Guten Tag!"]
        assert await page.ask("document.querySelector('#transcript').ariaLabel") == "对话"
        await opened(page, desk)  # it is remembered
        await page.shows("#state-word", "就绪")


async def test_it_fits_screens_of_all_sizes(browser: Browser, desk: Desk) -> None:
    desk.history = [{"who": "user", "text": "Donaudampfschifffahrtsgesellschaftskapitänsmütze" * 3}]
    async with browser.page(languages="de") as page:
        await opened(page, desk)
        desk.tell(
            CardShown(Card("map", "Radar", "Regen von Westen.", Image("image/png", PIXEL), time.time() + 4000)),
            TurnFailed(1, "das Netz ist weg"),
        )
        await page.shows("#failures-count", "1")
        for width, height in [(320, 568), (390, 844), (844, 390), (1024, 600), (1920, 1080)]:
            await page.size(width, height)
            assert await page.ask(SMALL_TARGETS) == []
            assert await page.ask(OUTSIDE) == []
            assert await page.ask("document.documentElement.scrollWidth <= innerWidth")
            assert await page.ask("document.querySelector('#transcript').clientHeight") >= 120
            await page.ask("scrollTo(0, 0)")
            box = await page.ask("document.querySelector('#talk').getBoundingClientRect().toJSON()")
            assert 0 <= box["top"] < box["bottom"] <= height, "the button to talk is in sight"
            read = await page.ask("document.querySelector('#transcript').getBoundingClientRect().top")
            assert read + 60 <= (box["top"] if box["width"] > width / 2 else height), "and two lines of the transcript"


async def test_no_text_however_long_pushes_the_rest_away(browser: Browser, desk: Desk) -> None:
    long = "W" * 4000
    async with browser.page(width=390, height=844) as page:
        await opened(page, desk)
        desk.tell(
            TurnFailed(1, long),
            BrainChanged("refused", long),
            CardShown(Card("list", long, long, ends_at=time.time() + 100)),
        )
        await page.until("document.querySelector('.card') && document.querySelector('#failures-count').innerText > 0")
        assert await page.ask("document.documentElement.scrollHeight < 2 * innerHeight")
        assert await page.ask(OUTSIDE) == []


async def test_everything_one_can_press_has_a_name_and_there_are_landmarks(browser: Browser, desk: Desk) -> None:
    async with browser.page() as page:
        await opened(page, desk)
        desk.tell(CardShown(Card("map", "", "Rain from the west.", Image("image/png", PIXEL))))
        await page.until("document.querySelector('.card img')?.complete")
        await page.call("Accessibility.enable")
        tree = (await page.call("Accessibility.getFullAXTree"))["nodes"]
        nodes = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]]
        roles = {
            "button",
            "slider",
            "textbox",
            "combobox",
            "checkbox",
            "meter",
            "img",
            "image",
            "link",
            "log",
            "region",
        }
        assert [role for role, name in nodes if role in roles and not name] == []
        assert {
            ("heading", "Ready"),
            ("meter", "Microphone level"),
            ("button", "Hold to talk"),
            ("button", "Send"),
            ("slider", "Volume"),
            ("combobox", "Language"),
            ("textbox", "Type a question"),
            ("log", "Conversation"),
            ("region", "Controls"),
            ("image", "Rain from the west."),
            ("main", ""),
            ("banner", ""),
        } <= set(nodes)
        desk.tell(Muted(True))
        await page.shows("#mute span", "Unmute")
        assert await page.ask("document.querySelector('#mute').ariaPressed") is None, "else it were the contrary"
        assert page.complaints == []


async def test_a_token_is_asked_for_and_does_not_stay_in_the_address(browser: Browser) -> None:
    token = "correct-horse-battery"
    async with Desk(token=token) as desk:
        async with browser.page() as page:
            await page.go(desk.url)
            await page.until("document.querySelector('#token').open")
            assert "lets in only who knows its token" in await page.text("#token-why")
            assert not await page.ask("voiced.state.connected")
            await page.write("not the right one")
            await page.key("Enter")
            await page.until("document.querySelector('#token-why').textContent.startsWith('This token is not right')")
            await page.until("document.querySelector('#token').open")
            await page.write(token)
            await page.key("Enter")
            await page.phase("idle")
            assert not await page.ask("document.querySelector('#token').open")
            await page.go(desk.url)
            await page.phase("idle")  # this tab remembers it
            assert await page.ask("localStorage.getItem('voiced.token')") is None
        async with browser.page() as page:
            await page.go(f"{desk.url}?lang=en#token={token}")
            await page.phase("idle")
            assert await page.ask("location.href") == f"{desk.url}?lang=en"
            assert page.complaints == []


async def test_a_token_of_base64_is_let_in_typed_or_in_the_address(browser: Browser) -> None:
    token = "correct+horse/(battery)=staple"
    async with Desk(token=token) as desk:
        async with browser.page() as page:
            await page.go(f"{desk.url}#token={token}")
            await page.phase("idle")
        async with browser.page() as page:
            await page.go(f"{desk.url}#token={quote(token)}")
            await page.phase("idle")
        async with browser.page() as page:
            await page.go(desk.url)
            await page.until("document.querySelector('#token').open")
            await page.write(token)
            await page.key("Enter")
            await page.phase("idle")


async def test_a_page_of_a_foreign_origin_is_not_let_in(browser: Browser, desk: Desk) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>Elsewhere</p>")
        writer.close()

    other = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with other, browser.page() as page:
        await page.go(f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}/")
        address = desk.url.replace("http", "ws") + "ws"
        outcome = await page.ask(
            f"new Promise(done => {{ const s = new WebSocket('{address}', ['voiced.v1']);"
            "s.onopen = () => done('open'); s.onclose = () => done('refused'); })"
        )
        assert outcome == "refused"
        assert await page.ask(f"fetch('{desk.url}').then(() => 'read', () => 'refused')") == "refused"
        assert await page.ask(
            f"new Promise(done => {{ const f = document.createElement('iframe'); f.src = '{desk.url}';"
            "f.onload = () => { try { done(f.contentDocument ? 'empty' : 'blocked') } catch { done('blocked') } };"
            "document.body.append(f); })"
        ) in ("blocked", "empty")
        assert not any("voiced" in str(each) for each in desk.posted)


async def test_without_the_microphone_one_is_told_what_to_do(browser: Browser, desk: Desk) -> None:
    async with browser.page(microphone=False) as page:
        await opened(page, desk)
        desk.tell(DeviceChanged("microphone", False, "no browser is the microphone: open the page"))
        await page.shows(
            "#state-hint",
            "Nothing is heard or said yet. Press “Use this browser's microphone and loudspeaker”.",
        )
        await page.click("#sound-switch")
        await page.until("document.querySelector('#sound').classList.contains('trouble')")
        assert await page.text("#sound-text") == (
            "The microphone is blocked. Click the icon beside the address, allow the microphone for this page, then "
            "press the button again."
        )
        assert await page.ask(FAINT_TEXT) == []
        for name, words in (
            ("NotFoundError", "This device has no microphone."),
            ("NotReadableError", "The microphone can't be opened."),
        ):
            await page.ask(
                "navigator.mediaDevices.getUserMedia = async () => "
                f"{{ throw new DOMException('no', '{name}'); }}; undefined"
            )
            await page.click("#sound-switch")
            await page.until(f"document.querySelector('#sound-text').textContent.startsWith(\"{words}\")")
        assert desk.card.devices() == []
        assert await page.ask("document.querySelector('#sound-switch').ariaPressed") == "false"


async def test_a_page_over_plain_http_from_another_machine_is_told_why_it_gets_no_microphone(browser: Browser) -> None:
    async with Desk(names=("kiosk.test",)) as desk, browser.page() as page:
        await page.go(desk.url.replace("127.0.0.1", "kiosk.test"))
        await page.until("window.voiced?.state.connected")
        await page.click("#sound-switch")
        await page.until("document.querySelector('#sound-text').textContent.includes('over HTTPS')")


async def test_the_sound_begins_by_itself_where_the_address_asks_for_it_and_the_browser_allows(
    browser: Browser, desk: Desk
) -> None:
    async with browser.page() as page:
        await opened(page, desk, "?sound=on")
        await page.shows("#sound-text", "The browser wants a press of the button before it plays sound.")
        await page.click("#sound-switch")
        await page.shows("#sound-text", "This browser hears and speaks.")
        await opened(page, desk)  # it is remembered
        await page.until("document.querySelector('#sound-text').textContent !== ''")


async def test_the_button_for_the_sound_bears_a_double_click_and_a_mute_while_it_begins(
    browser: Browser, desk: Desk
) -> None:
    async with browser.page() as page:
        await opened(page, desk)
        await page.click("#sound-switch", times=2)
        await page.shows("#sound-text", "This browser hears and speaks.")
        assert await page.ask("document.querySelector('#sound-switch').ariaPressed") == "true"
        for muted in (True, False, True, False, True):
            desk.tell(Muted(muted))
        await page.shows("#sound-text", "This browser speaks. Its microphone is closed, because voiced is muted.")
        desk.tell(Muted(False), Muted(True), Muted(False))
        captured = await page.ask("voiced.sound.captured")
        await page.until(f"voiced.sound.captured > {captured} + 5")
        await page.shows("#sound-text", "This browser hears and speaks.")
        await page.ask(
            "(b => { b.click(); b.click(); b.click(); b.click(); })(document.querySelector('#sound-switch'))"
        )
        await page.until("document.querySelector('#sound-switch').ariaPressed === 'true'")
        await page.shows("#sound-text", "This browser hears and speaks.")
        assert page.complaints == []


async def test_sound_that_the_browser_stops_goes_on_or_the_page_says_so(browser: Browser, desk: Desk) -> None:
    async with browser.page() as page:
        await opened(page, desk)
        await page.ask(KEEP_ITS_SOUND)
        await page.click("#sound-switch")
        await page.shows("#sound-text", "This browser hears and speaks.")
        for context in (0, 1):  # a call on the telephone
            await page.ask(f"contexts[{context}].suspend()")
            await page.until(f"contexts[{context}].state === 'running'")

        await page.ask("microphones[0].getAudioTracks()[0].dispatchEvent(new Event('ended'))")  # it is unplugged
        await page.shows("#sound-text", "The microphone was taken away. Connect it again, then press the button.")
        await page.until("contexts.every(context => context.state === 'closed')")
        assert desk.card.devices() == []

        await page.click("#sound-switch")
        await page.shows("#sound-text", "This browser hears and speaks.")
        await page.ask("(contexts.at(-2).resume = () => new Promise(() => {})) && contexts.at(-2).suspend()")
        await page.shows("#sound-text", "The browser wants a press of the button before it plays sound.")
        assert await page.ask("document.querySelector('#sound-switch').ariaPressed") == "false"
        assert page.complaints == []


async def test_another_page_takes_over_the_sound_and_the_first_says_so(browser: Browser, desk: Desk) -> None:
    async with browser.page() as first, browser.page() as second:
        for page in (first, second):
            await opened(page, desk)
            await page.click("#sound-switch")
            await page.shows("#sound-text", "This browser hears and speaks.")
        await first.shows(
            "#sound-text",
            "This browser neither hears nor speaks: another page is the microphone and loudspeaker now",
        )
        assert await first.ask("document.querySelector('#sound-switch').ariaPressed") == "false"
        await second.click("#sound-switch")
        await second.shows("#sound-text", "")


async def test_sound_that_waits_is_played_whole_and_a_flush_silences_it_at_once(browser: Browser, desk: Desk) -> None:
    async with browser.page() as page:
        await opened(page, desk)
        outcome = await page.ask(
            """import("/jitter-buffer.js").then(({ JitterBuffer }) => {
                const block = (value) => new Int16Array(480).fill(value);
                const take = (buffer, ms) => { const out = new Float32Array(24 * ms); buffer.take(out); return out; };
                const loud = (out) => out.filter((each) => Math.abs(each) > 0.2).length / 24;
                const told = {};
                const buffer = new JitterBuffer(24000);
                buffer.put(block(9000)); buffer.put(block(9000));
                told.beforeTheCushion = loud(take(buffer, 20));
                for (let i = 0; i < 8; i++) buffer.put(block(9000));
                told.played = loud(take(buffer, 200));
                told.gaps = buffer.gaps;
                told.starved = loud(take(buffer, 40));
                told.gapsOfAStall = buffer.gaps;
                for (let i = 0; i < 10; i++) buffer.put(block(9000));
                take(buffer, 40);
                buffer.flush();
                told.afterAFlush = loud(take(buffer, 100));
                told.gapsOfAFlush = buffer.gaps;
                for (let i = 0; i < 300; i++) buffer.put(block(9000));
                told.keptMs = buffer.waiting / 24;
                const late = new JitterBuffer(24000);
                for (let i = 0; i < 10; i++) late.put(block(i < 8 ? 0 : 9000));
                take(late, 20);
                told.silenceLeftOut = late.waiting / 24;
                return told;
            })"""
        )
        outcome["played"] = round(outcome["played"])
        assert outcome["starved"] < 2
        assert outcome["afterAFlush"] < 2
        del outcome["starved"], outcome["afterAFlush"]
        assert outcome == {
            "beforeTheCushion": 0,
            "played": pytest.approx(196, abs=3),
            "gaps": 0,
            "gapsOfAStall": 1,
            "gapsOfAFlush": 1,
            "keptMs": 2000,
            "silenceLeftOut": pytest.approx(40, abs=21),
        }


async def test_a_page_that_slept_with_its_phone_asks_at_once_whether_anybody_is_there(
    browser: Browser, desk: Desk
) -> None:
    wakes = "document.dispatchEvent(new Event('visibilitychange'))"
    async with browser.page() as page:
        await opened(page, desk)
        await page.ask(
            "(() => { window.sockets = []; window.WebSocket = class extends WebSocket {"
            "constructor(...place) { super(...place); sockets.push(this); } }; })()"
        )
        await page.ask(wakes)
        await page.ask(f"(() => {{ const now = Date.now; Date.now = () => now() + 3_600_000; {wakes}; }})()")
        await page.until("sockets.length > 0 && voiced.state.connected")
        await page.ask(wakes)
        assert await page.ask("sockets.length") == 1
        assert page.complaints == []


async def test_a_daemon_that_is_gone_is_told_of_and_the_page_comes_back(browser: Browser) -> None:
    async with browser.page() as page:
        async with Desk() as desk:
            await opened(page, desk)
            desk.tell(said(1, "Good night."))
            await page.shows("#entries p", "Good night.")
        await page.phase("lost")
        await page.shows("#banner-text", "The connection to voiced is lost. Trying again…")
        assert await page.ask("[...document.querySelectorAll('.press button')].every(each => each.disabled)")
        assert await page.ask("document.querySelector('#send').disabled")  # the question stays in its field
        assert await transcript(page) == ["assistant: voiced Good night."]
        port = int(desk.url.rstrip("/").rpartition(":")[2])
        async with Desk(port=port):
            await page.phase("idle")
            assert not await page.ask("document.querySelector('#send').disabled")
            assert not await page.ask("document.querySelector('#banner').checkVisibility()")
            await page.shows("#announcer", "Connected to voiced.")
            assert await transcript(page) == []  # the new one remembers nothing
