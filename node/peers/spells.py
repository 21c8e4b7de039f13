"""Which trouble a road has, and when: spells of faults drawn from a seed. The same seed gives the same spells and the same bends.

In: a seed, the faults to draw from, how long it goes on. Out: spells that follow on each other without a gap, calm ones between them, and for
each connection in a bad spell how it is bent: at which byte, in which direction, how late. Pure: the time is an argument. What carries it out is
``peers/chaos_proxy``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from node.errors import N_, CallerError

# Seconds that one spell lasts, shortest and longest.
SPELL_S = (3.0, 12.0)
# The part of all spells that is calm, so that there is something to recover in.
CALM_PART = 0.4
# Where in a connection's bytes something is cut or changed: most often within the headers, sometimes far into a body.
BYTES_AT = (0, 4_000)
DRIP_EVERY_S = 0.5
LATE_S = (0.05, 0.6)


class Fault(StrEnum):
    """What may be wrong with a road."""

    CALM = "calm"
    LATENCY = "latency"
    REFUSE = "refuse"
    BLACK_HOLE = "black-hole"
    TRUNCATE = "truncate"
    RESET = "reset"
    CORRUPT = "corrupt"
    DRIP = "drip"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    WRONG_LENGTH = "wrong-length"


ALL = tuple(fault for fault in Fault if fault is not Fault.CALM)


@dataclass(frozen=True, slots=True)
class Spell:
    """One fault for a while: seconds from the beginning."""

    begins_s: float
    ends_s: float
    fault: Fault

    def facts(self) -> dict[str, object]:
        """Return what a line tells of it."""
        return {"begins_s": round(self.begins_s, 3), "ends_s": round(self.ends_s, 3), "fault": str(self.fault)}


@dataclass(frozen=True, slots=True)
class Bend:
    """What becomes of one connection. ``at_byte`` counts the bytes of the bent direction; ``late_s`` is the least delay of a piece, ``jitter_s`` what is added at most."""

    fault: Fault
    on_answer: bool = True
    at_byte: int = 0
    late_s: float = 0.0
    jitter_s: float = 0.0


STRAIGHT = Bend(Fault.CALM)


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Return the faults that a list with commas names, "all" for every one. Raises: CallerError(chaos-fault-unknown)."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["all"]:
        return ALL
    known = {str(fault): fault for fault in ALL}
    wrong = next((name for name in names if name not in known), None if names else "")
    if wrong is not None:
        raise CallerError(
            "chaos-fault-unknown",
            N_("nessun guasto si chiama «{name}»"),
            hint=N_("i guasti: {faults}"),
            name=wrong[:40],
            faults=", ".join(known),
        )
    return tuple(dict.fromkeys(known[name] for name in names))


@dataclass(frozen=True, slots=True)
class Weather:
    """All spells of one road, and how each connection is bent in them."""

    seed: int
    spells: tuple[Spell, ...]

    @classmethod
    def drawn(cls, seed: int, faults: Sequence[Fault], seconds: float, calm_last_s: float = 0.0) -> Weather:
        """Draw spells for so many seconds, the last ``calm_last_s`` of them calm; each fault comes before any comes twice, where time allows."""
        draw = random.Random(f"spells {seed}")  # noqa: S311 - a schedule, no secret
        spells: list[Spell] = []
        waiting: list[Fault] = []
        at, storm_ends = 0.0, max(0.0, seconds - calm_last_s)
        while at < storm_ends:
            calm = not faults or draw.random() < CALM_PART
            if not calm and not waiting:
                waiting = draw.sample(list(faults), len(faults))
            ends = min(storm_ends, at + draw.uniform(*SPELL_S))
            spells.append(Spell(at, ends, Fault.CALM if calm else waiting.pop()))
            at = ends
        if at < seconds:
            spells.append(Spell(at, seconds, Fault.CALM))
        return cls(seed, tuple(spells))

    def at(self, seconds: float) -> Fault:
        """Return which fault reigns at a moment; calm after the last spell."""
        return next((s.fault for s in self.spells if s.begins_s <= seconds < s.ends_s), Fault.CALM)

    def bend(self, number: int, seconds: float) -> Bend:
        """Return how the connection of a number that is opened at a moment is bent."""
        fault = self.at(seconds)
        if fault is Fault.CALM:
            return STRAIGHT
        draw = random.Random(f"bend {self.seed} {number}")  # noqa: S311
        late = draw.uniform(*LATE_S)
        return Bend(
            fault,
            # Of three bends two meet the answer.
            on_answer=fault in (Fault.DRIP, Fault.WRONG_LENGTH) or draw.random() < 2 / 3,
            at_byte=int(BYTES_AT[1] * draw.random() ** 2) + BYTES_AT[0],
            late_s=late / 2,
            jitter_s=late,
        )
