"""The table of perturbations: which number is told where n records are counted, drawn by the cell's key.

In: how many records contribute, and the key that they make together. Out: the number that is told. Rules, exact for each row: at most 3 away
from the truth; 0 stays 0; never 1 or 2; unbiased; variance 2; and of all rows that obey these, the one of greatest entropy, so that nothing
else is given away. Rows are whole numbers of ``DENOMINATOR``; for 1 and 2 the rules leave exactly one row each. Source: docs/statistics.md;
Fraser and Wooton, "A proposed method for confidentialising tabular output to protect against differencing" (2005); Marley and Leaver, "A
method for confidentialising user-defined tables" (2011). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VERSION: Final = 1
NOISE_MAX: Final = 3
VARIANCE: Final = 2
FORBIDDEN: Final = (1, 2)
KEY_BITS: Final = 64
# Thirds come out whole, and 2^20 of them are fine enough that no probability is further than a millionth from the ideal one.
DENOMINATOR: Final = 3 * 2**20
# Of each true count its noise and how many of DENOMINATOR draws give it; from 6 on the rows are alike.
ROWS: Final[tuple[Mapping[int, int], ...]] = (
    {0: DENOMINATOR},
    {-1: 2 * 2**20, 2: 2**20},
    {-2: 2**20, 1: 2 * 2**20},
    {-3: 465_271, 0: 1_599_103, 1: 806_538, 2: 235_173, 3: 39_643},
    {-1: 1_808_443, 0: 495_118, 1: 246_900, 2: 224_258, 3: 371_009},
    {-2: 527_363, -1: 733_959, 0: 767_503, 1: 603_019, 2: 355_986, 3: 157_898},
    {-3: 117_519, -2: 352_032, -1: 679_929, 0: 846_768, 1: 679_929, 2: 352_032, 3: 117_519},
)


def row_of(count: int) -> Mapping[int, int]:
    """Return the noises of a true count, each with its weight."""
    return ROWS[min(count, len(ROWS) - 1)]


def told(count: int, key: int) -> int:
    """Return the number that is told of ``count`` records whose keys add up to ``key`` (0 to 2^64-1).

    A key is uniform over 2^64, which no third divides: each probability is met within DENOMINATOR / 2^64, less than 2 in 10^13.
    """
    draw = (key * DENOMINATOR) >> KEY_BITS
    for noise, weight in row_of(count).items():
        if draw < weight:
            return count + noise
        draw -= weight
    raise ValueError(f"a key is below 2^{KEY_BITS}: {key}")
