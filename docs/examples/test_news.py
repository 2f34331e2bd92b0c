"""The server on loopback searches as the test says; what it would refuse fails the test."""

import pytest

from voiced.testing.http import Fault, Say, SearchWeb, unavailable


@pytest.fixture
def news(tools):
    tools.plugin("news.py", settings={"city": "Oslo", "country": "NO"})
    return tools


async def test_the_news_without_the_links(news, http_loopback):
    found = Say(
        "The opera opens again ([opera](https://example.org/opera)). It snows ([weather](https://example.org/snow))."
    )
    async with http_loopback([[SearchWeb("news Oslo"), found]]) as server:
        news.api(server)
        async with news.running():
            assert await news.call("tell_news", about="the town") == {
                "news": "The opera opens again. It snows.",
                "sources": ["https://example.org/opera", "https://example.org/snow"],
            }
        assert news.spoken == "The opera opens again. It snows."
        [request] = server.of("responses")
        assert request.body["input"] == "What is new about the town? Today is Friday, 20 November 2026."
        assert request.body["tools"][0]["user_location"]["city"] == "Oslo"


async def test_a_search_costs_by_the_piece(news, http_loopback):
    async with http_loopback([[SearchWeb("news"), Say("Nothing.")]]) as server:
        news.api(server)
        async with news.running():
            await news.call("tell_news", about="the town")
        assert {usage.model: usage.calls for usage in news.spent if usage.calls} == {"web_search": 1}


async def test_the_server_is_in_trouble(news, http_loopback):
    async with http_loopback(faults=[Fault(unavailable(), "responses")]) as server:
        news.api(server)
        async with news.running():
            assert "the server is in trouble" in await news.error("tell_news", about="the town")
