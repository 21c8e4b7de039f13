"""In which cell of the plan a private record counts: regions of provinces and labels, outcomes of cases.

In: what a record says of itself. Out: codes of the plan. Rule: what nobody can tell is unknown and counted as such, never guessed. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from node.domain.labels import UNKNOWN, decode
from node.domain.observatory.plan import REGIONS
from node.domain.territory import IT, REG, Territories

# Where a case stands -> how it is counted; one that was introduced and has ended without a word stays "introduced".
_OUTCOMES: Final[Mapping[str, str]] = {
    "sent": "open",
    "received": "open",
    "under_check": "open",
    "info_requested": "open",
    "answered": "open",
    "forwarded": "open",
    "accepted": "open",
    "consented": "open",
    "introduced": "introduced",
    "followed_up": "introduced",
    "concluded": "introduced",
    "declined": "declined",
    "expired": "ended",
    "withdrawn": "ended",
}
_TOLD: Final = ("agreement", "talks", "none")


def outcome_of(state: str, outcome: str) -> str | None:
    """Return how a case is counted, None for one that is not."""
    return outcome if state == "concluded" and outcome in _TOLD else _OUTCOMES.get(state)


def region_of(code: str, territories: Territories) -> str:
    """Return the region of a province, a municipality or a region, unknown for anything else."""
    area = territories.area(code) if code else None
    if area is None or area.level == IT:
        return UNKNOWN
    chain = (area.code, *territories.ancestors(code))
    found = next((c for c in chain if (a := territories.area(c)) is not None and a.level == REG), UNKNOWN)
    return found if found in REGIONS else UNKNOWN


def region_of_label(label: str, territories: Territories) -> str:
    """Return the one region in which all places of a profile's label lie, unknown where there is no such region."""
    regions = {region_of(value, territories) for value in decode(label)[1]}
    return regions.pop() if len(regions) == 1 else UNKNOWN
