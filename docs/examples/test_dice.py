"""A tool, tested as the model calls it, as people ask for it, and in a conversation."""


async def test_as_the_model_calls_it(tools):
    tools.plugin("dice.py")
    async with tools.running():
        assert await tools.call("roll_dice", sides=1) == "I rolled 1."
        assert "count: Input should be less than or equal to 10" in await tools.error("roll_dice", count=1000)


async def test_as_people_ask_for_it_with_no_cloud(tools):
    tools.plugin("dice.py")
    async with tools.running():
        assert tools.offline("Roll a die, please.") == ("roll_dice", {})
        assert tools.offline("roll three dice") == ("roll_dice", {"count": 3})
        assert tools.offline("roll eleven dice") is None


async def test_in_a_conversation(assistant):
    assistant.plugin("dice.py")
    async with assistant.running():
        assistant.model_calls("roll_dice", count=2, sides=1)
        assistant.model_says("Two ones. Bad luck!")
        assert await assistant.user_says("Roll two dice.") == "Two ones. Bad luck!"
        assert assistant.tool_result("roll_dice") == "I rolled 1 and 1, 2 in all."
