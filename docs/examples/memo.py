"""Writes down the memos that somebody recorded, each once, and reads them out in another voice."""

from pathlib import Path

from voiced.api import ApiError, Plugin, PluginSettings, ToolContext, ToolError, tool


class Settings(PluginSettings):
    """The table [plugin.memo]."""

    folder: Path
    """Where a phone or a recorder puts its recordings."""

    language: str = ""
    """Of the memos, such as "de"; empty where it varies."""


class Memos(Plugin):
    permissions = ("api", "say")
    settings: Settings

    async def setup(self, context: ToolContext) -> None:
        self.context = context
        self.texts = await context.load_state(dict[str, str], {})

    @tool(timeout_s=300, filler="Let me listen to them.")
    async def new_memos(self) -> dict[str, str]:
        """Write down the recorded memos that were not written down yet. Gives their texts, by name."""
        new: dict[str, str] = {}
        for recording in await self.context.in_thread(self._recordings):
            if recording.stem in self.texts:
                continue  # it was paid for
            try:
                memo = await self.context.ai.audio.transcribe(recording, language=self.settings.language)
            except ApiError:
                if not new:
                    raise
                break  # what is there is told; the rest comes the next time
            new[recording.stem] = self.texts[recording.stem] = memo.text
            await self.context.save_state(self.texts)
        return new

    @tool(timeout_s=300)
    async def read_memo(self, name: str, context: ToolContext) -> str:
        """Read a memo out, word by word.

        Args:
            name: Its name, as new_memos gave it.
        """
        if name not in self.texts:
            raise ToolError(f"There is no memo {name}; there are {', '.join(self.texts) or 'none'}.")
        async with context.ai.audio.stream_speech(self.texts[name], voice="marin") as sound:
            heard = await context.play(sound)
        return "It was read out." if heard else "The user interrupted it."

    def _recordings(self) -> list[Path]:
        try:
            return sorted(path for path in self.settings.folder.iterdir() if path.suffix in (".wav", ".mp3", ".m4a"))
        except OSError as error:
            raise ToolError(f"The folder of the memos can't be read: {error.strerror}.") from error
