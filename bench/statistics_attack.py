"""What an observer can tell of one record from the numbers of tier 2: each attack against three ways of telling these.

``python bench/statistics_attack.py [--trials 2000] [--seed 1]``, about half a minute. Exit 1 when an attack does better than the aim
against the way the node does it. Rows named "limit" are no attack by numbers alone: the observer knows everything about the others
of the quarter; they say what the method does not promise (docs/statistics.md 5). Every number told is held against the forbidden ones.
"""

from __future__ import annotations

import argparse
import sys

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
    sys.exit(missed)


if __name__ == "__main__":
    main()
