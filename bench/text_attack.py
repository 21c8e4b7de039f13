"""What texts tell of their own network: mimics must all be refused, honest texts must pass, and what passes must not tell.

Several generated national registers, none of them one that thresholds were chosen on (seeds 7 and 11); blocks of a province,
of a region and of Italy. Beside the gate's own measure the texts that pass are attacked in another way, by shared words.
``python bench/text_attack.py [--seeds 23 42 99] [--sample 60]``, about a quarter of a minute a seed.
"""

from __future__ import annotations

import argparse

from tests.texts_made import K, Tally, try_register


def total(found: list[dict[str, Tally]]) -> dict[str, Tally]:
    """Return the tallies of all registers together."""
    summed: dict[str, Tally] = {}
    for tallies in found:
        for kind, tally in tallies.items():
            before = summed.setdefault(kind, Tally())
            for name in vars(tally):
                setattr(before, name, getattr(before, name) + getattr(tally, name))
    return summed


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", nargs="+", type=int, default=[23, 42, 99])
    parser.add_argument("--sample", type=int, default=60)
    given = parser.parse_args()
    print(f"k={K}, registers of 9,630 contracts, seeds {given.seeds}, at most {given.sample} networks a scope and seed")
    print(f"{'texts':24}{'tried':>7}{'refused':>9}{'by rank':>9}{'top-1 all':>11}{'top-1 passed':>14}{'by words':>10}")
    for kind, tally in total([try_register(seed, given.sample) for seed in given.seeds]).items():
        passed = tally.tried - tally.refused
        print(
            f"{kind:24}{tally.tried:7}{tally.refusals:9.3f}{tally.refused_by_rank / tally.tried:9.3f}"
            f"{tally.top_before / tally.tried:11.3f}"
            + (f"{tally.first_guess:14.3f}{tally.top_by_words / passed:10.3f}" if passed else f"{'-':>14}{'-':>10}")
        )
    print(
        f"aims: mimics refused 1.000; honest needs and offers refused at most 0.150; top-1 passed at most {2 / K:.3f}"
    )


if __name__ == "__main__":
    main()
