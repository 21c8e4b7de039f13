"""Whether this node has the newest state of each log: what an answer from its own copy can promise.

In: how current the copy of each log is, the time. Out: values. Rules: a log not looked at for a day may have grown or erased unseen,
unless it is this node's own; one that waits is current where another member confirmed its head since. ``flows/logs/board`` shows
administrators the states by the same measure of time. Source: PROTOCOL 6 (STALE).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from node.protocol import limits
from node.store.search import OriginHealth


@dataclass(frozen=True, slots=True)
class Stale:
    """A log whose newest state this node does not have; ``since`` is when it last grew here, None if never."""

    owner: str
    origin: str
    state: str
    since: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Completeness:
    """How many logs the answer rests on, and which of them are not current."""

    nodes: int
    current: int
    stale: tuple[Stale, ...]


def completeness_of(health: Sequence[OriginHealth], now: dt.datetime) -> Completeness:
    """Return how many logs there are, and which of them are not current."""
    stale = tuple(
        Stale(item.owner, item.origin, item.state, item.advanced_at) for item in health if not is_current(item, now)
    )
    return Completeness(len(health), len(health) - len(stale), stale)


def is_current(item: OriginHealth, now: dt.datetime) -> bool:
    """Tell whether this node has the newest state of a log, as far as anybody could tell it."""
    if item.is_own:
        return True
    if item.confirmed_at is None or (now - item.confirmed_at).total_seconds() > limits.FRESH_S or item.wanted:
        return False
    # Whoever confirmed it since: its own node, or a member that has the same head.
    helped = item.state == "waiting" and item.error_at is not None and item.confirmed_at >= item.error_at
    return item.state == "ready" or helped
