"""How the invented register grows: what each edition must say, from the published totals and, between them, from a straight line.

In: days. Out: one target a day. Published totals are met exactly on their day (schemas/published_totals.json lists them, with what
each is); what was published as a lower bound or a share is met by a number chosen here. Source: docs/rules.md F.4.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

# Size classes by their least and greatest number of firms.
CLASSES: Final = ((2, 2), (3, 3), (4, 4), (5, 9), (10, 50), (51, 90))
Shares = Mapping[str, int]
# Groups of divisions of which a share was told; all others are the rest.
REST: Final = "rest"
BRANCHES: Final = {"agri-food": ("01", "10", "11"), "construction": ("41", "42", "43"), "trade": ("46", "47")}


@dataclass(frozen=True, slots=True)
class Knot:
    """A day on which something was published: networks, different firms, and how many networks each of CLASSES has."""

    day: dt.date
    networks: int
    firms: int
    classes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """What the edition of a day must say; ``spread``: networks of one, two and more provinces; the others by code.

    ``regions`` are the firms of the regions that were told; ``branches`` the networks and ``firm_branches`` the firms of the
    groups of sectors that were told, the rest being all others.
    """

    day: dt.date
    networks: int
    firms: int
    classes: tuple[int, ...]
    spread: tuple[int, int, int]
    sole_traders: int
    regions: Shares
    branches: Shares
    firm_branches: Shares


@dataclass(frozen=True, slots=True)
class Growth:
    """Knots, and the shares that hold on all days, each as weights of a whole."""

    knots: tuple[Knot, ...]
    spread: tuple[int, int, int] = (516, 437, 345)
    sole_traders: tuple[int, int] = (696, 6385)
    regions: tuple[tuple[str, int], ...] = (
        ("ITC4", 2647),
        ("ITI1", 1544),
        ("ITH5", 1509),
        ("ITH3", 1373),
        ("ITI4", 1342),
    )
    firms_of_regions: int = 15_400
    # Thousandths of all networks, and of all firms.
    branches: tuple[tuple[str, int], ...] = (("agri-food", 218), ("construction", 140), ("trade", 126))

    def target(self, day: dt.date) -> Target:
        """Return what the edition of a day must say: the first and last knots hold before and after them."""
        before = max((knot for knot in self.knots if knot.day <= day), key=lambda knot: knot.day, default=self.knots[0])
        after = next((knot for knot in self.knots if knot.day >= day), self.knots[-1])
        span = (after.day - before.day).days
        passed = (day - before.day).days
        networks, firms, shares = before.networks, before.firms, list(before.classes)
        if span:
            networks += (after.networks - networks) * passed // span
            firms += (after.firms - firms) * passed // span
            # A straight line of shares, in millionths.
            shares = [
                a * 10**6 // before.networks * (span - passed) + b * 10**6 // after.networks * passed
                for a, b in zip(before.classes, after.classes, strict=True)
            ]
        return Target(
            day=day,
            networks=networks,
            firms=firms,
            classes=tuple(portion(networks, shares)),
            spread=_three(portion(networks, self.spread)),
            sole_traders=_rounded(firms, *self.sole_traders),
            regions={code: _rounded(firms, count, self.firms_of_regions) for code, count in self.regions},
            branches={name: _rounded(networks, share, 1000) for name, share in self.branches},
            firm_branches={name: _rounded(firms, share, 1000) for name, share in self.branches},
        )


def _rounded(whole: int, above: int, below: int) -> int:
    return (2 * whole * above + below) // (2 * below)


def _three(found: Sequence[int]) -> tuple[int, int, int]:
    one, two, three = found
    return one, two, three


def portion(whole: int, weights: Sequence[int]) -> list[int]:
    """Share a whole out by weights, exactly: what is left over goes where most was cut off, earlier ones first."""
    total = sum(weights)
    found = [whole * weight // total for weight in weights]
    rest = sorted(range(len(weights)), key=lambda at: (-(whole * weights[at] % total), at))
    for at in rest[: whole - sum(found)]:
        found[at] += 1
    return found


# Days of the published totals that are no year's end: of a month, its last.
MONTHS: Final = (dt.date(2013, 7, 31), dt.date(2016, 9, 30), dt.date(2018, 10, 31), dt.date(2023, 3, 31))
FIRST_YEAR, LAST_YEAR = 2013, 2024
PUBLISHED: Final = Growth(
    (
        Knot(dt.date(2013, 7, 31), 995, 5_000, (126, 307, 176, 295, 90, 1)),
        Knot(dt.date(2013, 12, 31), 1_298, 6_385, (165, 400, 230, 385, 117, 1)),
        Knot(dt.date(2016, 9, 30), 3_050, 15_400, (397, 869, 534, 945, 302, 3)),
        Knot(dt.date(2018, 10, 31), 4_978, 30_727, (647, 1195, 846, 1593, 687, 10)),
        Knot(dt.date(2023, 3, 31), 8_382, 45_288, (1215, 1886, 1425, 2808, 1031, 17)),
        Knot(dt.date(2024, 12, 31), 9_630, 50_298, (1450, 2130, 1620, 3205, 1205, 20)),
    )
)


def days_of(first: int, last: int) -> list[dt.date]:
    """Return the days of the editions of some years: each year's end, and the months of which something was published."""
    ends = (dt.date(year, 12, 31) for year in range(first, last + 1))
    return sorted(itertools.chain(ends, (day for day in MONTHS if first <= day.year <= last)))


def targets(growth: Growth, days: Iterable[dt.date]) -> list[Target]:
    """Return one target a day, oldest first."""
    return [growth.target(day) for day in sorted(days)]
