"""A longer run: `python -m tests.chaos --turns 1000 --seeds 50`."""

from __future__ import annotations

import argparse
import time

from tests.chaos.life import live

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--turns", type=int, default=1000)
parser.add_argument("--seed", type=int, default=0, help="the first one")
parser.add_argument("--seeds", type=int, default=1)
arguments = parser.parse_args()
for seed in range(arguments.seed, arguments.seed + arguments.seeds):
    began = time.monotonic()
    lived = live(seed, arguments.turns)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in lived.outcomes.most_common(6))
    print(f"seed {seed}: {lived.hours:.0f} h in {time.monotonic() - began:.1f} s; {outcomes}; opened {lived.opened}")
