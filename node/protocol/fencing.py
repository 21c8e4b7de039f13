"""When a node may write its own log: what the high-water mark and the other members' copies say (PROTOCOL 6.9).

In: sizes, roots and counts. Out: a verdict; nothing is done here. The flows act on it, and so does the simulation of years of faults
(bench/chaos_sim.py): both run these same rules.
"""

from __future__ import annotations

from enum import StrEnum

# How many members must have been heard before a doubt is put aside where nothing tells that a signature is missing.
VOICES = 2


class Own(StrEnum):
    """What the own log is, held against what others have of it."""

    WHOLE = "whole"
    BEHIND = "behind"
    FORKED = "forked"
    UNHEARD = "unheard"


class Doubt(StrEnum):
    """How a database contradicts the high-water mark."""

    FEWER = "fewer"
    OTHER = "other"


def own_standing(*, here: int, there: int, fits: bool, doubted: bool, missing: bool, heard: int, members: int) -> Own:
    """Return what the own log of ``here`` signed entries is, where the largest head that anybody holds has ``there``.

    ``fits``: every head that was heard, up to our size, has our root, and nobody holds an open proof. ``heard`` of ``members`` answered. ``missing``:
    the mark tells of a signature that is neither here nor with anybody who answered (``mark_missing``). Whoever did not answer may have it, and would hold two
    histories of us if we signed on: then all have to be heard.
    """
    if not fits:
        return Own.FORKED
    if there > here:
        return Own.BEHIND
    enough = members if missing else VOICES
    return Own.UNHEARD if doubted and heard < min(max(enough, VOICES), members or VOICES) else Own.WHOLE


def mark_missing(mark: tuple[int, bytes] | None, signed: tuple[int, bytes] | None, there: int) -> bool:
    """Tell whether what the mark says was signed (size, root) is neither here nor, by size, with anybody who was heard."""
    doubt = mark_doubt(mark, signed)
    return doubt is Doubt.OTHER or (doubt is Doubt.FEWER and mark is not None and mark[0] > there)


def mark_doubt(mark: tuple[int, bytes] | None, signed: tuple[int, bytes] | None) -> Doubt | None:
    """Return how the newest signature here (size, root) contradicts the mark (size, root); None where it does not, or there is no mark."""
    if mark is None:
        return None
    if signed is None or mark[0] > signed[0]:
        return Doubt.FEWER
    return Doubt.OTHER if mark[0] == signed[0] and mark[1] != signed[1] else None
