"""The same world told by Hypothesis, which looks for the shortest story that goes wrong."""

from __future__ import annotations

from typing import get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.chaos.fate import FAULTS, Script
from tests.chaos.life import ORDERS, all_heals
from tests.chaos.plugins import TOOLS
from tests.chaos.world import World
from voiced.conversation.events import BrainName, Thrift
from voiced.conversation.settings import BrainSettings, TurnEnd, TurnSettings

BRAINS = st.sampled_from(get_args(BrainName))
OF_A_BRAIN = ("connect", "reply", "cancel", "commit", "transcript", "vad")
LENGTHS = st.sampled_from([300, 700, 1500])
ENDS = st.sampled_from(["local", "local", "server"])


class ABadDay(RuleBasedStateMachine):
    """Each thing goes well unless a rule said before how the next one of its kind goes."""

    @initialize(end=ENDS, order=st.sampled_from(ORDERS))
    def begins(self, end: TurnEnd, order: tuple[BrainName, ...]) -> None:
        self.fate = Script()
        self.world = World(self.fate, self._turns(end), BrainSettings(order=order))
        self.world.start()

    def _turns(self, end: TurnEnd) -> TurnSettings:
        return TurnSettings(end=end, barge_in_ms=450, min_speech_ms=160, server_patience_ms=1000, rollover_min=1)

    # What will fail.

    @rule(brain=BRAINS, what=st.sampled_from([(kind, what) for kind in OF_A_BRAIN for what in FAULTS[kind]]))
    def something_of_a_brain_will_fail(self, brain: BrainName, what: tuple[str, str]) -> None:
        self.fate.put(*what, brain)

    @rule(what=st.sampled_from([(kind, what) for kind in FAULTS if kind not in OF_A_BRAIN for what in FAULTS[kind]]))
    def something_else_will_fail(self, what: tuple[str, str]) -> None:
        self.fate.put(*what)

    @rule(brain=BRAINS)
    def a_connection_breaks(self, brain: BrainName) -> None:
        self.world.drop(brain)

    # The user.

    @rule(
        ms=LENGTHS,
        kind=st.sampled_from(["speech", "hum", *(tool.name for tool in TOOLS)]),
        silence_ms=st.sampled_from([200, 700]),
    )
    def user_says_something(self, ms: int, kind: str, silence_ms: int) -> None:
        self.world.says(ms, kind, silence_ms=silence_ms)
        self.world.run((ms + silence_ms) / 1000)

    @rule(kind=st.sampled_from(["command", "stop"]))
    def user_commands(self, kind: str) -> None:
        self.world.says(300, kind)
        self.world.run(1.1)

    @rule()
    def user_coughs(self) -> None:
        self.world.coughs()
        self.world.run(0.5)

    @rule(s=st.sampled_from([0.02, 0.1, 0.5, 2.0, 9.0, 40.0]))
    def time_passes(self, s: float) -> None:
        self.world.run(s)

    @rule()
    def until_it_is_silent(self) -> None:
        self.world.run_until(self.world.now + 120.0, lambda: self.world.floor == "idle")

    @rule()
    def an_hour_passes(self) -> None:
        self.world.run(3700.0)

    @rule()
    def somebody_types(self) -> None:
        self.world.types()

    @rule()
    def a_timer_rings(self) -> None:
        self.world.a_timer_rings()

    @rule(
        kind=st.sampled_from(["question", "listen", "sound", "text"]), withdrawn_after=st.sampled_from([0.0, 0.5, 4.0])
    )
    def a_plugin_speaks_up(self, kind: str, withdrawn_after: float) -> None:
        self.world.plugins.by_itself(kind, withdrawn_after)

    @rule(aside=st.sampled_from(FAULTS["aside"]), answer=st.sampled_from(["well", *FAULTS["answer"]]))
    def user_asks_for_what_a_tool_speaks_of(self, aside: str, answer: str) -> None:
        self.fate.put("aside", aside)
        self.fate.put("answer", answer)
        self.world.says(700, "tool")
        self.world.run(2.0)

    @rule()
    def somebody_presses_stop(self) -> None:
        self.world.user_says_stop()

    @rule()
    def somebody_presses_mute(self) -> None:
        self.world.mute(not self.world.muted)

    # The house.

    @rule(thrift=st.sampled_from(get_args(Thrift)), notice=st.sampled_from(["", "The budget is spent."]))
    def spending_changes(self, thrift: Thrift, notice: str) -> None:
        self.world.spends(thrift, notice)

    @rule(end=ENDS, order=st.sampled_from(ORDERS), local=st.booleans())
    def somebody_reloads(self, end: TurnEnd, order: tuple[BrainName, ...], local: bool) -> None:
        self.world.reloads(self._turns(end), BrainSettings(order=order, local_commands=local))

    @rule()
    def the_process_restarts(self) -> None:
        self.world.restart()

    @rule()
    def a_plugin_comes(self) -> None:
        self.world.a_plugin_comes()

    @rule()
    def a_server_speaks_up(self) -> None:
        for session in list(self.world.current.values()):
            session.speak_up()

    @rule()
    def the_microphone_comes_or_goes(self) -> None:
        if self.world.microphone_ok:
            self.world.lose_microphone()
        else:
            self.world.mend_microphone()

    @precondition(lambda self: self.world.speaker_ok)
    @rule()
    def the_loudspeaker_goes(self) -> None:
        self.world.lose_speaker()

    @precondition(lambda self: not self.world.speaker_ok)
    @rule()
    def the_loudspeaker_is_back(self) -> None:
        self.world.mend_speaker()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.fate.clear()
            all_heals(self.world)


TestABadDay = ABadDay.TestCase
TestABadDay.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
