"""What disclosure control costs: how far the told numbers are from the true ones, by how much changes in a quarter.

``python bench/statistics_utility.py [--offices 20] [--quarters 12] [--seed 1]``, a few seconds. Offices with 5 to 40 networks in a cell; each quarter so many come
as a Poisson draw of the given mean, and half as many go. Printed after the last quarter: the mean distance of a cell from the truth, and
that of the sum over all offices in per cent: with cell keys alone (told anew each quarter), with the node's rule, and with
a laxer rule that asks only for three changes since the number was made, which the attack of bench/statistics_attack.py ("the third
after two that waited") breaks.
"""

from __future__ import annotations

import argparse
import math
import random
import uuid

from node.domain.observatory import lazy
from node.domain.observatory.lazy import CellState, Part, Parts
from node.domain.observatory.plan import PLAN, telling_of

PLACE = ("ITF4", "registered")
RATES = (0.5, 1, 2, 4, 8, 16)


def poisson(rng: random.Random, mean: float) -> int:
    """Draw by Knuth's product of uniforms."""
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def some(rng: random.Random, count: int) -> set[str]:
    """Return new networks."""
    return {str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(count)}


def lax(cell: CellState, now: Parts, telling: lazy.Telling) -> CellState:
    """Tell anew after three changes since the number was made, whenever they came."""
    return (
        CellState(telling.measure(now), now, now)
        if len(lazy.changed_units(cell.base, now)) >= lazy.CHANGED_MIN
        else cell
    )


def office(rng: random.Random, mean: float, quarters: int) -> tuple[int, int, int, int]:
    """Return the truth and what is told by keys alone, by the node's rule, by the laxer one."""
    telling = telling_of(PLAN["networks-by-status"], rng.randbytes(32))
    held = some(rng, rng.randint(5, 40))
    now: Parts = {record: Part(record) for record in held}
    state = lazy.release(None, {PLACE: now}, telling)
    other = state[PLACE]
    for _ in range(quarters):
        gone = rng.sample(sorted(held), min(poisson(rng, mean / 2), len(held)))
        held = (held - set(gone)) | some(rng, poisson(rng, mean))
        now = {record: Part(record) for record in held}
        state = lazy.release(state, {PLACE: now}, telling)
        other = lax(other, now, telling)
    return len(held), telling.measure(now), state[PLACE].value if PLACE in state else 0, other.value


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--offices", type=int, default=20)
    parser.add_argument("--quarters", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    print(
        f"{given.offices} offices, {given.quarters} quarters, 50 runs; a cell's mean distance from the truth, the sum's in %"
    )
    print(
        f"{'new a quarter':>14}{'keys: cell':>12}{'sum %':>8}{'node: cell':>12}{'sum %':>8}{'laxer: cell':>12}{'sum %':>8}"
    )
    for mean in RATES:
        far, off = [0.0] * 3, [0.0] * 3
        runs = 50
        for _ in range(runs):
            found = [office(rng, mean, given.quarters) for _ in range(given.offices)]
            truth = sum(each[0] for each in found)
            for way in range(3):
                far[way] += sum(abs(each[way + 1] - each[0]) for each in found) / given.offices / runs
                off[way] += 100 * abs(sum(each[way + 1] for each in found) - truth) / max(truth, 1) / runs
        print(f"{mean:14}" + "".join(f"{f:12.1f}{o:8.1f}" for f, o in zip(far, off, strict=True)))


if __name__ == "__main__":
    main()
