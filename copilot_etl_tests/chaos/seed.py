"""The one number that all chance of a run comes from; printed, so that a violation can be seen again."""

from __future__ import annotations

import os
import sys
from random import Random, SystemRandom

VARIABLE = "COPILOT_CHAOS_SEED"


def choose() -> int:
    """The seed of the environment, or a new one."""
    text = os.environ.get(VARIABLE, "")
    seed = int(text) if text else SystemRandom().randrange(10**6)
    print(f"{VARIABLE}={seed}", file=sys.stderr)  # noqa: T201 - a seed that nobody sees is no seed
    return seed


def chance(seed: int, *names: object) -> Random:
    """A source of chance of its own for each name, so that one part alone does what it does among all."""
    return Random(" ".join(map(str, (seed, *names))))
