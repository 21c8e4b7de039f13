"""What an observer can tell of one record, or one amount, from the numbers of tier 2: each attack against three ways of telling these.

``python bench/statistics_attack.py [--trials 2000] [--seed 1]``, about half a minute. Exit 1 when an attack does better than the aim
against the way the node does it. Rows named "limit" are no attack by numbers alone: the observer knows everything about the others
of the quarter; they say what the method does not promise (docs/statistics.md 5). Every number told is held against the forbidden ones.
Of sums: how far off the best observer's amount is in the middle of all draws, and how often it is within a tenth.
"""

from __future__ import annotations

import argparse
import sys

from tests import sums_attacked
from tests.statistics_attacked import AIM, ATTACKS, METHODS, advantage, nested


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(
        f"advantage of an observer over guessing, {given.trials} trials an attack, seed {given.seed}, aim at most {AIM}"
    )
    print(f"{'attack':44}" + "".join(f"{method:>11}" for method in METHODS))
    missed = False
    for attack in ATTACKS:
        found = [advantage(attack, method, given.trials, given.seed) for method in METHODS]
        missed |= not attack.limit and found[-1] > AIM
        print(f"{attack.name:44}" + "".join(f"{each:11.3f}" for each in found))
    told = [nested(method, given.trials, given.seed) for method in METHODS[:2]]
    print(
        f"{'a cell and a part of it (not in the plan)':44}" + "".join(f"{each:11.3f}" for each in told) + f"{'-':>11}"
    )
    sys.exit(_sums(given.trials, given.seed) or missed)


def _sums(trials: int, seed: int) -> bool:
    """Print what is to be had from sums; return whether an attack does better than the aim."""
    methods = sums_attacked.METHODS
    print(
        f"\none amount from sums: off in the middle (aim at least {sums_attacked.MISSED_MIN}), share within a tenth (at most {sums_attacked.HIT_MAX})"
    )
    print(f"{'attack':44}" + "".join(f"{method:>16}" for method in methods))
    missed = False
    for name in sums_attacked.ATTACKS:
        found = [sums_attacked.attacked(name, method, trials, seed) for method in methods]
        missed |= not found[-1].is_held
        print(f"{name:44}" + "".join(f"{each.missed:10.3f}{each.hit:6.2f}" for each in found))
    for count in (4, 8, 20):
        costs = [sums_attacked.cost(method, count, trials, seed) for method in methods]
        print(f"{f'a sum of {count}: away from the truth':44}" + "".join(f"{each:16.3f}" for each in costs))
    return missed


if __name__ == "__main__":
    main()
