"""Days by chance: turns one after the other, and everything that can happen to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from typing import Final, get_args

from tests.chaos.fate import Chance, Mood
from tests.chaos.world import World
from voiced.conversation.events import BrainName, Thrift
from voiced.conversation.failover import FATAL_COOLDOWN_S
from voiced.conversation.settings import BrainSettings, TurnEnd, TurnSettings

ORDERS: Final = tuple(
    order
    for length in (1, 2, 3)
    for order in permutations(get_args(BrainName), length)
    if length == 3 or "realtime" in order
)
LONGEST_TURN_S: Final = 400.0
"""Of virtual time, with every brain failing and tools that take their time."""
MOST_IN_A_TURN: Final = 24
MOST_IN_AN_HOUR: Final = 130
"""Sessions of one brain: the longest backoff of one that is alone is 30 s."""
MOST_OF_ANYTHING: Final = 128
"""Items that any container may hold: the transcript's bound, and some."""


@dataclass
class Lived:
    """What was lived through."""

    turns: int
    hours: float
    outcomes: Counter[str]
    seen: Counter[str]
    opened: dict[BrainName, int]


class Life:
    """So many turns from this seed."""

    def __init__(self, seed: int) -> None:
        self.chance = Chance(seed)
        self.random = self.chance.random
        self.world = World(self.chance, self._turns(), BrainSettings())

    def live(self, turns: int) -> Lived:
        world = self.world
        began = world.now
        world.start()
        for _ in range(turns):
            self._something_changes()
            for _ in range(self.random.choice((0, 0, 1, 1, 2, 4))):
                world.later(self.random.uniform(0.0, 8.0), self._a_disturbance())
            self._the_user_does_something()
            opened = self._opened()
            self._time_goes_on()
            self._nobody_tried_in_a_loop(opened)
        self.chance.healed = True
        all_heals(world)
        in_all = {brain: len(times) for brain, times in world.opened.items()}
        return Lived(turns, (world.now - began) / 3600, Counter(world.outcomes.values()), world.seen, in_all)

    def _opened(self) -> dict[BrainName, tuple[int, float]]:
        return {brain: (len(times), self.world.now) for brain, times in self.world.opened.items()}

    def _nobody_tried_in_a_loop(self, before: dict[BrainName, tuple[int, float]]) -> None:
        for brain, (opened, since) in before.items():
            hours = (self.world.now - since) / 3600
            tried = len(self.world.opened[brain]) - opened
            assert tried <= MOST_IN_A_TURN + MOST_IN_AN_HOUR * hours, (
                f"{brain} was tried {tried} times in {hours:.2f} h"
            )

    # What the user does.

    def _the_user_does_something(self) -> None:
        world, random = self.world, self.random
        if world.muted and random.random() < 0.8:
            world.mute(False)
        what = random.random()
        if what < 0.12:
            world.types()
        elif what < 0.22:
            world.a_timer_rings()
        elif what < 0.28:
            world.coughs(random.choice((60, 100, 140)))
        else:
            for _ in range(random.choice((1, 1, 1, 2))):
                kind = random.choices(
                    ("speech", "tool", "fragile", "patient", "lookup", "hum", "command", "stop"),
                    (6, 4, 3, 3, 3, 3, 3, 1),
                )[0]
                ms = random.choice((300, 420)) if kind in ("command", "stop") else random.choice((300, 700, 1500, 3000))
                world.says(ms, kind, silence_ms=random.choice((200, 700)))

    def _time_goes_on(self) -> None:
        """Mostly until the answer is over; at times the user interrupts, or a long time passes."""
        world, random = self.world, self.random
        if random.random() < 0.3:
            world.run(random.uniform(0.2, 6.0))
            return
        world.run(0.2)
        world.run_until(world.now + LONGEST_TURN_S, lambda: world.floor == "idle" and not world.speaking())
        assert world.floor == "idle" or not world.speaker_ok, "the turn does not end"
        world.run(random.choice((0.1, 1.0, 5.0, 20.0, 60.0, 700.0, 3700.0)) if random.random() < 0.5 else 0.5)

    # What happens to them.

    def _something_changes(self) -> None:
        world, random = self.world, self.random
        if random.random() < 0.15:
            brain = random.choice(get_args(BrainName))
            self.chance.moods[brain] = random.choices(get_args(Mood), (5, 3, 2, 2, 2))[0]
        if random.random() < 0.03:
            world.reloads(
                self._turns(), BrainSettings(order=random.choice(ORDERS), local_commands=random.random() < 0.8)
            )
        if random.random() < 0.01:
            world.restart()

    def _a_disturbance(self) -> Callable[[], None]:
        world, random = self.world, self.random
        brain = random.choice(get_args(BrainName))
        back_s = random.uniform(0.1, 25.0)
        thrift: Thrift = random.choice(("none", "none", *get_args(Thrift)))
        notice = random.choice(("", "The budget is spent."))
        kind = random.choice(("question", "question", "listen", "sound", "text"))
        withdrawn_after = random.choice((0.0, 0.0, 0.5, 3.0, 10.0))

        def interrupts() -> None:
            world.says(random.choice((300, 900)))

        def loses_the_speaker() -> None:
            world.lose_speaker()
            world.later(back_s, world.mend_speaker)

        def loses_the_microphone() -> None:
            world.lose_microphone()
            world.later(back_s / 2, world.mend_microphone)

        def a_server_speaks_up() -> None:
            for session in list(world.current.values()):
                session.speak_up()

        disturbances: dict[Callable[[], object], float] = {
            lambda: world.drop(brain): 6,
            interrupts: 2,
            world.coughs: 2,
            a_server_speaks_up: 1,
            loses_the_speaker: 1,
            loses_the_microphone: 1,
            world.a_plugin_comes: 1,
            world.a_timer_rings: 1,
            lambda: world.plugins.by_itself(kind, withdrawn_after): 1,
            lambda: world.spends(thrift, notice): 1,
            lambda: world.mute(not world.muted): 0.5,
            world.user_says_stop: 0.4,
        }
        [disturbance] = random.choices(list(disturbances), list(disturbances.values()))
        return lambda: (disturbance(), None)[1]

    def _turns(self) -> TurnSettings:
        end: TurnEnd = self.random.choice(("local", "local", "server"))
        return TurnSettings(end=end, barge_in_ms=450, min_speech_ms=160, server_patience_ms=1000)


def all_heals(world: World) -> None:
    """Nothing fails any more and everybody may finish: the best brain is in use again, and knows everything."""
    world.run(30.0)  # what is on its way still happens
    world.mend_microphone()
    world.mend_speaker()
    world.mute(False)
    world.spends("none")
    world.run(LONGEST_TURN_S)
    while world.speaking():
        world.run(1.0)
    world.run(FATAL_COOLDOWN_S + 100.0)
    assert world.conversation.settled, "something is pending"
    assert not world.ducked
    best = world.settings.order[0]
    assert world.in_use == best, f"{world.in_use} is in use, {best} would be better"
    for _ in range(2):
        token = world.says(1000)
        world.run_until(world.now + 60.0, lambda: world.conversation.settled and not world.speaking())
        world.run(1.0)
        assert world.outcomes[token] == "answered"
    session = world.current[best]
    assert session.ready
    assert not session.over
    assert session.tools == world.tools
    assert world.in_use == best
    assert not world.plugins.kept, f"results that nobody told of: {world.plugins.kept}"
    assert not world.waiting, f"announcements that nobody heard of again: {world.waiting}"
    assert all(world.requests.values()), "a request that nobody heard of again"
    for path, size in world.sizes().items():
        assert size <= MOST_OF_ANYTHING, f"{path} holds {size}"


def live(seed: int, turns: int) -> Lived:
    """Raises AssertionError with the seed and what came last, so that it can be replayed."""
    life = Life(seed)
    try:
        return life.live(turns)
    except Exception as error:
        last = "\n".join(life.world.events)
        raise AssertionError(
            f"{last}\n\nseed {seed}, at {life.world.now:.2f} s: {error!r}\n"
            f"replay: python -m tests.chaos --seed {seed} --turns {turns}"
        ) from error
