"""How news travels: whom to ask, what is news, whom to tell, when to ask witnesses again (PROTOCOL 6.1, 6.5, 6.6).

In: members, sizes, times, and a function that draws a sample. Out: decisions; nothing is done here. The flows act on them, and so
does the simulation of large federations: both run these same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TypeVar

T = TypeVar("T")
# Draws so many different items: random.sample with the caller's own source of chance.
Draw = Callable[[Sequence[T], int], list[T]]

PEERS_ASKED = 3
# Hints reach so many members at once, or this part of a large federation; what they learn reaches the rest through heads.
HINTS_MIN, HINTS_PART = 64, 4
# A new version of the agreement is hinted to so many by each node that has just applied it: whoever hears it asks at once and hints in
# turn, so that two or three steps reach a federation of hundreds, though a third of the hints be lost; the rest learn it by their rounds.
AGREEMENT_TOLD = 32
# Cosignatures are renewed once in each window of six hours, by all nodes in the same one: in the others nothing changes.
WINDOW_S = 6 * 3600


class Weight(Enum):
    """What a head that somebody offers is to somebody who holds a verified head of the same log."""

    NEWS = "news"
    SAME = "same"
    OLD = "old"


def asked(kept: Sequence[T], members: Sequence[T], draw: Draw[T]) -> list[T]:
    """Return whom to ask for heads: those asked before, while they are members, and others drawn for those who are missing.

    Who is asked again and again tells only what changed; strangers have to tell everything.
    """
    stay = [member for member in kept if member in members][:PEERS_ASKED]
    others = [member for member in members if member not in stay]
    return [*stay, *draw(others, min(PEERS_ASKED - len(stay), len(others)))]


def told(members: Sequence[T], draw: Draw[T]) -> list[T]:
    """Return whom to hint that the own log has grown: everybody in a small federation."""
    count = max(HINTS_MIN, -(-len(members) // HINTS_PART))
    return list(members) if len(members) <= count else draw(members, count)


def agreement_told(members: Sequence[T], draw: Draw[T]) -> list[T]:
    """Return whom to hint that a new version of the agreement is in force here."""
    return list(members) if len(members) <= AGREEMENT_TOLD else draw(members, AGREEMENT_TOLD)


def weigh(offered_size: int, size: int, checkpoint_size: int) -> Weight:
    """Return what an offered head is, given how far the log is applied here and which signed head was reached as a whole.

    ``SAME`` and ``OLD`` are to be held against our own tree: of one history they fit it.
    """
    if offered_size > size or checkpoint_size < offered_size == size:
        return Weight.NEWS
    return Weight.SAME if offered_size == size else Weight.OLD


def is_fresh(cosigned_size: int, cosigned_at: int, size: int, now: int) -> bool:
    """Tell whether a witness need not be asked: it has cosigned this size in this window (unix seconds)."""
    return cosigned_size == size and cosigned_at // WINDOW_S == now // WINDOW_S
