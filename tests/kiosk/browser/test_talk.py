"""A browser speaks, hears and interrupts: real Chromium with a microphone out of a file, and the whole of voiced."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.kiosk.browser.chromium import KEEP_ITS_SOUND, Browser, Page
from tests.kiosk.browser.house import QUESTIONS, House
from voiced.conversation.commands import (
    BargedIn,
    DeviceChanged,
    FloorChanged,
    ReplyHeard,
    TalkKeyHeld,
    UserHeard,
    UtteranceEnded,
)

MakeHouse = Callable[..., AbstractAsyncContextManager[House]]

LONG = "The moon is far away, and there is so very much to be told of it that nobody hears this to its end. " * 2
SECOND = "Rain comes tomorrow, and it will go on for as long as it takes to say all of this aloud, I am afraid. " * 2

SPEAKS = "document.documentElement.dataset.phase === 'speaking' && voiced.sound.loud > {loud} + 2400"


async def hears_sound(page: Page) -> None:
    """Until a tenth of a second of loud sound more has left the browser's loudspeaker."""
    loud = await page.ask("voiced.sound.loud")
    await page.until(SPEAKS.format(loud=loud))


async def is_silent(page: Page) -> None:
    """Until nothing more waits to be played."""
    await page.until("voiced.sound.waiting === 0")


async def use_its_sound(page: Page, house: House) -> None:
    await page.until("voiced.state.connected")
    await page.click("#sound-switch")
    await house.has_sound()
    await page.shows("#sound-text", "This browser hears and speaks.")
    await page.until("Object.values(voiced.state.devices).every(device => device.ok)")


@pytest.mark.real_time
async def test_one_speaks_hears_and_interrupts_by_speaking_and_by_the_button(
    browser: Browser, house: MakeHouse
) -> None:
    async with house(LONG, SECOND) as home, browser.page() as page:
        await page.go(home.url)
        await use_its_sound(page, home)

        await page.phase("listening")
        assert (await home.heard(UserHeard)).text == QUESTIONS[0]
        await hears_sound(page)
        await page.shows("#entries .user p", QUESTIONS[0])

        await home.heard(BargedIn)  # the microphone's second question
        await page.phase("listening")
        first = await home.heard(ReplyHeard)
        assert first.cut
        assert 500 < first.heard < first.received
        assert LONG.startswith(first.text.strip()[:20])
        await page.shows("#entries .assistant .cut", "interrupted")

        await home.heard(UtteranceEnded, lambda fact: fact.turn == 2)
        await hears_sound(page)
        await page.mouse("mousePressed", "#talk")
        await home.heard(TalkKeyHeld, lambda fact: fact.held)
        second = await home.heard(ReplyHeard, lambda fact: fact.turn == 2)
        assert second.cut
        await is_silent(page)
        await page.shows("#talk-word", "Tap to end")
        await page.mouse("mouseReleased", "#talk")
        await home.heard(TalkKeyHeld, lambda fact: not fact.held)
        assert [fact.text for fact in home.of(UserHeard)] == list(QUESTIONS)
        assert await page.ask("voiced.sound.gaps") < 3
        assert page.complaints == []


async def test_a_browser_that_is_closed_in_mid_answer_leaves_a_voiced_that_goes_on(
    browser: Browser, house: MakeHouse
) -> None:
    async with house(LONG, "Here I am again.", listen__modes=["ptt"]) as home:
        async with browser.page() as page:
            await page.go(home.url)
            await use_its_sound(page, home)
            await page.click("#question-text")
            await page.write("Tell me about the moon.")
            await page.key("Enter")
            await hears_sound(page)
        await home.heard(DeviceChanged, lambda fact: fact.kind == "loudspeaker" and not fact.ok)
        async with browser.page() as page:
            await page.go(home.url)
            await page.until("voiced.state.connected")
            home.facts.clear()
            await use_its_sound(page, home)
            await hears_sound(page)  # the rest of the answer
            await page.click("#stop")
            await page.phase("waiting")
            await is_silent(page)
            await page.click("#question-text")
            await page.write("Are you there?")
            await page.key("Enter")
            await hears_sound(page)
            await page.shows("#entries li:last-child p", "Here I am again.")
            assert page.complaints == []


async def test_the_page_comes_back_by_itself_after_a_restart_and_hears_and_speaks_again(
    browser: Browser, house: MakeHouse
) -> None:
    async with house("Hello again.", listen__modes=["ptt"]) as home, browser.page() as page:
        await page.go(home.url)
        await use_its_sound(page, home)
        await home.stop()
        await page.phase("lost")
        assert await page.ask("document.querySelector('#talk').disabled")
        await home.start()
        await page.until("voiced.state.connected")
        await home.has_sound()
        await page.phase("waiting")
        assert await page.ask("document.querySelector('#banner').hidden")
        await page.click("#question-text")
        await page.write("Hello?")
        await page.key("Enter")
        await hears_sound(page)
        await home.heard(FloorChanged, lambda fact: fact.floor == "speaking")


async def test_mute_closes_the_browsers_microphone_and_unmute_opens_it(browser: Browser, house: MakeHouse) -> None:
    async with house(listen__modes=["ptt"]) as home, browser.page() as page:
        await page.go(home.url)
        await page.ask(KEEP_ITS_SOUND)
        await use_its_sound(page, home)
        await page.until("voiced.sound.captured > 5")
        await page.click("#mute")
        await page.phase("muted")
        await page.until("microphones.at(-1).getTracks().every(track => track.readyState === 'ended')")
        assert "microphone is closed" in await page.text("#sound-text")
        captured = await page.ask("voiced.sound.captured")
        await home.stop()
        await page.phase("lost")
        await home.start()  # which is not muted
        await page.shows("#state-hint", "Hold Talk, and speak.")
        await page.until(f"voiced.sound.captured > {captured} + 5")
        await page.click("#mute")
        await page.phase("muted")
        captured = await page.ask("voiced.sound.captured")
        await page.click("#mute")
        await page.phase("waiting")
        await page.until(f"voiced.sound.captured > {captured} + 5")
