"""What is said in a recording is what the test says; what is spoken are tones that are known again."""

import wave

import pytest

from voiced.testing.http import Fault, recognise, unavailable


@pytest.fixture
def memos(tools, tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name in ("monday", "tuesday"):
        with wave.open(str(folder / f"{name}.wav"), "wb") as recording:
            recording.setnchannels(1)
            recording.setsampwidth(2)
            recording.setframerate(16_000)
            recording.writeframes(b"\1\0" * 16_000)
    tools.plugin("memo.py", settings={"folder": str(folder), "language": "en"})
    return tools


async def test_each_memo_is_written_down_once(memos, http_loopback):
    async with http_loopback(transcripts=["Buy bread.", "Call Anna."]) as server:
        memos.api(server)
        async with memos.running():
            assert await memos.call("new_memos") == {"monday": "Buy bread.", "tuesday": "Call Anna."}
            assert await memos.call("new_memos") == {}
        async with memos.running():  # after a restart
            assert await memos.call("new_memos") == {}
        assert len(server.of("transcription")) == 2


async def test_what_was_written_down_is_kept_when_the_server_goes(memos, http_loopback):
    async with http_loopback(
        transcripts=["Buy bread.", "Call Anna."], faults=[Fault(unavailable(), "transcription", 2)]
    ) as server:
        memos.api(server)
        async with memos.running():
            assert await memos.call("new_memos") == {"monday": "Buy bread."}
            assert await memos.call("new_memos") == {"tuesday": "Call Anna."}


async def test_a_memo_is_read_out(memos, http_loopback):
    async with http_loopback(transcripts=["Buy bread.", "Call Anna."]) as server:
        memos.api(server)
        async with memos.running():
            await memos.call("new_memos")
            assert await memos.call("read_memo", name="tuesday") == "It was read out."
            assert (
                await memos.error("read_memo", name="friday") == "There is no memo friday; there are monday, tuesday."
            )
        [sound] = memos.sounds
        assert [each.text for each in recognise(sound, ["Buy bread.", "Call Anna."])] == ["Call Anna."]
