"""Tells the news: a model searches the web, and the links of its answer are not read out."""

import re

from voiced.api import Plugin, PluginSettings, Result, ToolContext, tool


class Settings(PluginSettings):
    """The table [plugin.news]."""

    city: str
    country: str
    """Two letters, such as "NO"."""

    pages: tuple[str, ...] = ()
    """Where to look, such as ["example.org"]; everywhere where it is empty."""


class News(Plugin):
    permissions = ("api",)
    settings: Settings

    @tool(filler="Let me look that up.", timeout_s=90, on_barge_in="cancel")
    async def tell_news(self, about: str, context: ToolContext) -> Result:
        """Look up what is new, and tell it in a few sentences.

        Args:
            about: What the user wants to hear about: "the town", "football".
        """
        search = context.ai.responses.web_search(
            city=self.settings.city,
            country=self.settings.country,
            search_context_size="low",
            domains=self.settings.pages,
        )
        answer = await context.ai.responses.ask(
            f"What is new about {about}? Today is {context.now():%A, %d %B %Y}.",
            instructions="Three short sentences that sound well when they are spoken. No lists, no headings.",
            tools=[search],
            store=False,
        )
        text = answer.text
        for citation in sorted(answer.citations, key=lambda each: each.start, reverse=True):
            text = text[: citation.start] + text[citation.end :]
        sources = list(dict.fromkeys(citation.url for citation in answer.citations))
        spoken = re.sub(r"\s*\(\s*\)", "", text)
        return Result({"news": spoken, "sources": sources}, spoken=spoken)
