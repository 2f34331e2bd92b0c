"""What waits to be heard, block by block."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from voiced.audio import Ms, Samples
from voiced.conversation.events import ItemId
from voiced.playout.jitter_buffer import DECLICK, FADE, MOST_ITEMS, RAMP, Block, JitterBuffer, Span

A, B, C = ItemId("a"), ItemId("b"), ItemId("c")
BLOCK = 240  # 10 ms


def buffer(capacity: int = 24_000) -> JitterBuffer:
    return JitterBuffer(capacity=Samples(capacity), rebuffer=Ms(20), rebuffer_max=Ms(50), ducked_gain=0.125)


def level(value: int, samples: int) -> bytes:
    return np.full(samples, value, "<i2").tobytes()


def samples(block: Block) -> npt.NDArray[np.int16]:
    return np.frombuffer(block.pcm, "<i2")


def span(item: ItemId, end: int, rendered: int, last: bool = False) -> Span:
    return Span(item, Samples(end), Samples(rendered), last)


def test_an_empty_buffer_is_silent() -> None:
    assert buffer().render(BLOCK) == Block(bytes(2 * BLOCK))


def test_the_first_chunk_sounds_in_the_next_block_and_is_counted() -> None:
    waiting = buffer()
    assert waiting.play(A, level(1000, 300))
    assert waiting.render(BLOCK) == Block(level(1000, BLOCK), (span(A, 240, 240),))
    assert waiting.waiting == 60


def test_items_follow_each_other_with_no_gap() -> None:
    waiting = buffer()
    waiting.play(A, level(1000, 100))
    waiting.finish(A)
    waiting.play(B, level(2000, 500))
    block = waiting.render(BLOCK)
    assert block.pcm == level(1000, 100) + level(2000, 140)
    assert block.spans == (span(A, 100, 100, last=True), span(B, 240, 140))


def test_an_item_that_was_all_rendered_says_so_when_it_is_finished() -> None:
    waiting = buffer()
    waiting.play(A, level(1000, BLOCK))
    waiting.render(BLOCK)
    assert waiting.finish(A) == BLOCK
    assert waiting.finish(B) == 0, "nothing of it ever came"
    waiting.play(C, level(1000, 1))
    assert waiting.finish(C) is None


def test_a_flush_fades_what_sounds_and_drops_the_rest() -> None:
    waiting = buffer()
    waiting.play(A, level(8000, 2400))
    waiting.render(BLOCK)
    assert waiting.flush([A, B], fade=True) == {A: BLOCK + FADE, B: 0}
    faded = samples(waiting.render(BLOCK))
    assert np.all(np.diff(faded) <= 0)
    assert (faded[0], faded[-1]) == (8000, 0)
    assert waiting.render(BLOCK) == Block(bytes(2 * BLOCK))


def test_a_flush_before_the_first_sample_leaves_silence() -> None:
    waiting = buffer()
    waiting.play(A, level(8000, 2400))
    assert waiting.flush([A], fade=True) == {A: 0}
    assert waiting.render(BLOCK) == Block(bytes(2 * BLOCK))


def test_a_flush_with_no_device_counts_no_fade() -> None:
    waiting = buffer()
    waiting.play(A, level(8000, 2400))
    waiting.render(BLOCK)
    assert waiting.flush([A], fade=False) == {A: BLOCK}
    assert waiting.render(BLOCK) == Block(bytes(2 * BLOCK))


def test_a_flush_leaves_other_items() -> None:
    waiting = buffer()
    waiting.play(A, level(1000, 480))
    waiting.play(B, level(2000, 480))
    waiting.render(BLOCK)
    waiting.flush([A], fade=True)
    waiting.render(BLOCK)
    assert waiting.render(BLOCK) == Block(level(2000, BLOCK), (span(B, 240, 240),))


def test_an_item_that_was_heard_to_its_end_is_still_counted_when_it_is_flushed() -> None:
    waiting = buffer()
    waiting.play(A, level(1000, 100))
    waiting.finish(A)
    waiting.render(BLOCK)
    assert waiting.flush([A], fade=True) == {A: 100}


def test_an_underrun_is_led_to_silence_and_gathers_before_it_goes_on() -> None:
    waiting = buffer()
    waiting.play(A, level(8000, 100))
    dry = samples(waiting.render(BLOCK))
    assert np.all(dry[:100] == 8000)
    assert np.abs(np.diff(dry)).max() < 8000 / DECLICK + 2, "no click"
    assert waiting.underruns == 1

    waiting.play(A, level(8000, 300))  # 20 ms, that is 480 samples, are wanted after the first underrun
    assert not waiting.render(BLOCK).spans
    waiting.play(A, level(8000, 300))
    resumed = waiting.render(BLOCK)
    assert resumed.spans == (span(A, 240, 340),)
    assert samples(resumed)[0] == 0
    assert samples(resumed)[DECLICK] == 8000


def test_gathering_ends_when_the_item_is_finished() -> None:
    waiting = buffer()
    waiting.play(A, level(8000, 100))
    waiting.render(BLOCK)
    waiting.play(A, level(8000, 10))
    waiting.finish(A)
    assert waiting.render(BLOCK).spans == (span(A, 10, 110, last=True),)


def test_gathering_ends_when_nothing_more_comes() -> None:
    """The brain was lost in mid-word: what it sent is heard all the same."""
    waiting = buffer()
    waiting.play(A, level(8000, 100))
    waiting.render(BLOCK)
    waiting.play(A, level(8000, 10))
    rendered = [waiting.render(BLOCK).spans for _ in range(6)]
    assert [spans for spans in rendered if spans] == [(span(A, 10, 110),)]


def test_another_item_does_not_wait_for_the_one_that_ran_dry() -> None:
    waiting = buffer()
    waiting.play(A, level(8000, 100))
    waiting.render(BLOCK)
    waiting.play(B, level(2000, 10))
    assert waiting.render(BLOCK).spans == (span(B, 10, 10),)


def test_an_end_that_is_told_late_was_no_underrun() -> None:
    waiting = buffer()
    waiting.play(A, level(8000, 100))
    waiting.render(BLOCK)
    waiting.finish(A)
    assert waiting.underruns == 0


def test_what_is_gathered_grows_with_each_underrun_up_to_a_bound() -> None:
    waiting = buffer()
    needed = []
    for _ in range(4):
        waiting.play(A, level(8000, 3000))
        while waiting.waiting:
            waiting.render(BLOCK)
        waiting.render(BLOCK)
        given = 0
        while not waiting.render(1).spans:
            waiting.play(A, level(8000, 120))
            given += 120
        needed.append(given)
    assert needed == [480, 960, 1200, 1200]


def test_ducking_is_a_slope_and_comes_back() -> None:
    waiting = buffer()
    waiting.play(A, level(8000, 24_000))
    waiting.render(BLOCK)
    waiting.duck()
    down = samples(waiting.render(RAMP + BLOCK))
    assert np.all(np.diff(down) <= 0)
    assert np.all(down[RAMP:] == 1000)
    waiting.unduck()
    up = samples(waiting.render(RAMP + BLOCK))
    assert np.all(np.diff(up) >= 0)
    assert np.all(up[RAMP:] == 8000)


def test_a_slope_does_not_depend_on_the_block_length() -> None:
    long, short = buffer(), buffer()
    for waiting in (long, short):
        waiting.play(A, level(8000, 4800))
        waiting.duck()
    pieces = np.concatenate([samples(short.render(100)) for _ in range(10)])
    assert np.abs(samples(long.render(1000)).astype(int) - pieces).max() <= 1


def test_the_volume_holds_for_everything() -> None:
    waiting = buffer()
    waiting.set_volume(0.0)
    waiting.render(RAMP)
    waiting.play(A, level(8000, 480))
    waiting.mix(level(8000, 480))
    assert not samples(waiting.render(BLOCK)).any()


def test_an_earcon_is_mixed_over_a_ducked_item_and_is_no_item() -> None:
    waiting = buffer()
    waiting.duck()
    waiting.render(RAMP)
    waiting.play(A, level(8000, 480))
    waiting.mix(level(500, 100))
    block = waiting.render(BLOCK)
    assert block.pcm == level(1500, 100) + level(1000, 140)
    assert block.spans == (span(A, 240, 240),)


def test_loud_sounds_are_limited_not_wrapped() -> None:
    waiting = buffer()
    waiting.play(A, level(30_000, BLOCK))
    waiting.mix(level(30_000, BLOCK))
    assert waiting.render(BLOCK).pcm == level(32_767, BLOCK)


def test_what_does_not_fit_is_refused_and_leaves_no_hole() -> None:
    waiting = buffer(capacity=1000)
    assert waiting.play(A, level(1, 900))
    assert not waiting.play(A, level(2, 200))
    waiting.render(BLOCK)
    assert not waiting.play(A, level(3, 50)), "a later piece would sound, and be counted, in the place of the lost one"
    assert waiting.play(B, level(4, 50))


def test_old_items_are_forgotten() -> None:
    waiting = buffer()
    for number in range(3 * MOST_ITEMS):
        waiting.play(ItemId(str(number)), level(1, 1))
        waiting.render(1)
    assert waiting.flush([ItemId("0"), ItemId(str(3 * MOST_ITEMS - 1))], fade=False) == {
        ItemId("0"): 0,
        ItemId(str(3 * MOST_ITEMS - 1)): 1,
    }


@given(
    chunks=st.lists(st.tuples(st.sampled_from([A, B, C]), st.integers(0, 700)), max_size=20),
    blocks=st.lists(st.integers(1, 500), min_size=1, max_size=20),
)
def test_every_sample_comes_out_once_and_is_counted_once(chunks: list[tuple[ItemId, int]], blocks: list[int]) -> None:
    """Whatever the order of chunks and blocks; a sample's value tells its item."""
    value = {A: 100, B: 200, C: 300}
    waiting = JitterBuffer(capacity=Samples(10**6), rebuffer=Ms(0), rebuffer_max=Ms(0))
    counted: dict[ItemId, int] = {}
    for number, (item, length) in enumerate(chunks):
        waiting.play(item, level(value[item], length))
        block = waiting.render(blocks[number % len(blocks)])
        assert len(block.pcm) == 2 * blocks[number % len(blocks)]
        counted |= {found.item: found.rendered for found in block.spans}
    while waiting.waiting:
        counted |= {found.item: found.rendered for found in waiting.render(BLOCK).spans}
    sent = {item: sum(length for chunk, length in chunks if chunk == item) for item in value}
    assert counted == {item: length for item, length in sent.items() if length}
