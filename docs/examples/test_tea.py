"""The clock of a test stands still until the test lets time pass."""


async def test_the_tea_is_ready_on_time(tools):
    tools.plugin("tea.py")
    async with tools.running():
        assert await tools.call("watch_tea", tea="green") == "I will call you in 2 minutes."
        await tools.time_passes(minutes=1, seconds=59)
        assert tools.heard == []
        await tools.time_passes(seconds=1)
        assert tools.heard == ["Your green tea is ready."]
        assert tools.earcons == ["alarm"]


async def test_in_a_conversation(assistant):
    assistant.plugin("tea.py")
    async with assistant.running():
        assistant.model_calls("watch_tea", tea="black")
        assistant.model_says("Enjoy it in four minutes.")
        await assistant.user_says("I have put on some black tea, tell me when it is done.")
        assistant.model_says("In Assam.")
        await assistant.user_says("Where does it grow?")
        await assistant.time_passes(minutes=4)
        assert await assistant.hears() == "Your black tea is ready."


async def test_with_no_cloud(tools):
    tools.plugin("tea.py")
    async with tools.running():
        assert tools.offline("Tell me when the peppermint tea is ready.") == ("watch_tea", {"tea": "peppermint"})
        assert tools.offline("I am making coffee.") is None
