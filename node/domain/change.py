"""What a change of the register changed: which fields, by name and never by value, and which firms came, went or were put right.

In: a network before and after, and its memberships by the ids of their firms. Out: one value for its history and the chain of
decisions, or nothing when nothing changed. Names are columns of the template, which never change their meaning. Pure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from node.domain.network import CLOSED, FirmRecord, NetworkRecord
from node.domain.template import NETWORK_COLUMNS, network_cells

CREATED, CHANGED, ENDED, MEMBERS = "created", "changed", "closed", "members"
# What the register says of a firm, whichever networks it is in.
FIRM_FACTS: Final = "imprese"


@dataclass(frozen=True, slots=True)
class Part:
    """One firm's time in one network, and as what: founding, of reference, registered, with which contribution."""

    firm_id: str
    joined_on: dt.date
    left_on: dt.date | None
    founding: bool
    is_reference: bool
    registered_on: dt.date | None
    contribution: Decimal | None


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one network; ``begun``, ``ended`` and ``corrected`` are ids of firms."""

    action: str
    fields: tuple[str, ...]
    begun: tuple[str, ...]
    ended: tuple[str, ...]
    corrected: tuple[str, ...]


def creation_of(now: Iterable[Part]) -> Change:
    """Return what a network is told by that was not there: all its fields are new, and so is everybody in it."""
    return Change(CREATED, (), *_members({}, _by_firm(now)))


def change_of(before: NetworkRecord, after: NetworkRecord, was: Iterable[Part], now: Iterable[Part]) -> Change | None:
    """Return what is other than before, None when nothing is."""
    begun, ended, corrected = _members(_by_firm(was), _by_firm(now))
    names = _names(before, after)
    if not names and not (begun or ended or corrected):
        return None
    action = CHANGED if names else MEMBERS
    if after.status == CLOSED and before.status != CLOSED:
        action = ENDED
    return Change(action, names, begun, ended, corrected)


def refresh_of(firms: Iterable[str]) -> Change:
    """Return what became of a network that was not written itself, when something else is said of ``firms`` that it holds."""
    return Change(CHANGED, (FIRM_FACTS,), (), (), tuple(firms))


def _names(before: NetworkRecord, after: NetworkRecord) -> tuple[str, ...]:
    cells = zip(NETWORK_COLUMNS, _cells(before), _cells(after), strict=True)
    changed = [name for name, one, other in cells if one != other]
    ours, theirs = _firms(before), _firms(after)
    if any(ours[key] != theirs[key] for key in ours.keys() & theirs.keys()):
        changed.append(FIRM_FACTS)
    return tuple(changed)


def _cells(record: NetworkRecord) -> list[object]:
    # The order in which people are listed says nothing.
    return list(network_cells(replace(record, contacts=tuple(sorted(record.contacts, key=repr)))))


def _firms(record: NetworkRecord) -> Mapping[tuple[str, str, str], FirmRecord]:
    return {member.firm.key: member.firm for member in record.members}


def _by_firm(parts: Iterable[Part]) -> dict[str, set[Part]]:
    found: dict[str, set[Part]] = {}
    for part in parts:
        found.setdefault(part.firm_id, set()).add(part)
    return found


def _members(
    was: Mapping[str, set[Part]], now: Mapping[str, set[Part]]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    begun: list[str] = []
    ended: list[str] = []
    corrected: list[str] = []
    for firm in sorted({*was, *now}):
        old, new = was.get(firm, set()), now.get(firm, set())
        if old == new:
            continue
        was_in, is_in = (any(part.left_on is None for part in parts) for parts in (old, new))
        (begun if is_in and not was_in else ended if was_in and not is_in else corrected).append(firm)
    return tuple(begun), tuple(ended), tuple(corrected)
