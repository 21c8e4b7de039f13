"""May a block's profile leave, and when: counts, days and draws.

In: a partition, the newest loaded edition of the public register, days, a draw that the caller made. Out: why a profile is
held, or the first day on which it may leave. Pure: the same facts give the same answer. The rules (docs/rules.md P.3, Rounds):

1. a block shows while at least ``k`` networks that its partition's edition had in it are active in it in the NEWEST one,
   too: whoever came later hides nobody from somebody who holds an earlier version against the register of its day;
   the profile's own network is one of them;
2. an edition with fewer than ``k_build`` networks in the scope gives no partition, and holds everything of that scope;
3. what leaves, leaves on the first day of a round, never in the round in which it was decided (unless ``immediate``);
4. a network registered since the edition before waits one to four rounds more, unless ``k`` others of its block share
   that window; the wait is drawn once for the life of the identifier. Where such networks wait, the others of the block
   do so too if they are fewer than ``k``: what leaves meanwhile would be known to be one of them;
5. after a withdrawal a network returns two rounds later at the earliest;
6. a profile names its owner, so where the scope is wider than the owner's territory only the networks of the territory
   count, unless a declared group publishes the whole scope together.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from node.domain import rounds
from node.domain.partition import Partition, in_scope
from node.domain.register import RegisterNetwork
from node.domain.sector import Sectors
from node.domain.territory import Territories
from node.errors import N_

DEFERRAL_ROUNDS = (1, 4)
RETURN_ROUNDS = 2
BLOCK_TOO_SMALL, PARTITION_MISSING, CONTENT_CHANGED = "block-too-small", "partition-missing", "content-changed"
PARTITION_WAITS, TYPE_NOT_AGREED = "partition-waits", "body-type-not-agreed"
TEXT_REFUSED, TEXT_FINDS_NETWORK, TEXT_DOUBTFUL = "text-refused", "text-finds-network", "text-doubtful"
POTENTIAL_OVER, NETWORK_CEASED = "potential-over", "network-ceased"
# What only the newest edition and the register decide: asked anew each time, whatever was noted.
COUNTED = (BLOCK_TOO_SMALL, PARTITION_MISSING, POTENTIAL_OVER, NETWORK_CEASED)
# Why a profile does not leave, in words for the officer; other codes are those of the refusals themselves.
HOLDS: Mapping[str, str] = {
    BLOCK_TOO_SMALL: N_("nell'ultima edizione dell'elenco pubblico troppo poche reti hanno queste caratteristiche"),
    PARTITION_MISSING: N_("nell'ultima edizione dell'elenco pubblico il territorio ha troppe poche reti"),
    CONTENT_CHANGED: N_("il testo non è più quello approvato: va approvato di nuovo"),
    TEXT_REFUSED: N_("con i nomi che si conoscono oggi il testo farebbe riconoscere qualcuno: va corretto"),
    TEXT_FINDS_NETWORK: N_("con l'ultima edizione dell'elenco pubblico il testo farebbe trovare la rete: va corretto"),
    TEXT_DOUBTFUL: N_("con i nomi che si conoscono oggi il testo ha punti dubbi che nessuno ha ancora giustificato"),
    NETWORK_CEASED: N_(
        "per l'ultima edizione dell'elenco pubblico, o per questo ufficio, la rete non c'è più, è cessata o è cambiata: la scheda non esce"
    ),
    POTENTIAL_OVER: N_(
        "l'aggregazione non è più potenziale: ritirare la scheda e, quando la rete è nell'elenco, farne una nuova"
    ),
    TYPE_NOT_AGREED: N_("il protocollo d'intesa non prevede che si pubblichino profili: la scheda aspetta"),
    PARTITION_WAITS: N_("il registro firmato sta riprendendo i suoi documenti dagli altri nodi: la scheda parte dopo"),
}


@dataclass(frozen=True, slots=True)
class Edition:
    """The newest loaded edition of the public register: its active networks, and the day of the edition before it."""

    networks: tuple[RegisterNetwork, ...]
    previous_on: dt.date | None


@dataclass(frozen=True, slots=True)
class Census:
    """Which active networks of an edition stand in which block of one partition, with their days of registration."""

    blocks: Mapping[int, Mapping[str, dt.date]]
    in_scope: int
    k: int
    k_build: int
    previous_on: dt.date | None

    def members(self, block_id: int) -> int:
        """Return how many active networks of the edition are in a block: the candidates of its profiles."""
        return len(self.blocks.get(block_id, {}))

    def throughout(self, earlier: Census) -> Census:
        """Return this census without those who were not in the same block in an ``earlier`` edition of it (rule 1)."""
        blocks = {
            block_id: {name: day for name, day in found.items() if name in earlier.blocks.get(block_id, {})}
            for block_id, found in self.blocks.items()
        }
        return replace(self, blocks=blocks)

    def _fresh(self, block_id: int) -> set[str]:
        if self.previous_on is None:
            return set()
        return {name for name, day in self.blocks.get(block_id, {}).items() if day > self.previous_on}

    def stands_out(self, block_id: int, register_id: str, registered_on: dt.date, k: int) -> bool:
        """Tell whether the day of publication would tell a network from its block (rule 4)."""
        if self.previous_on is None:
            return False
        needed = max(k, self.k)
        fresh = self._fresh(block_id) - {register_id}
        if registered_on > self.previous_on:
            return len(fresh) < needed
        others = self.blocks.get(block_id, {}).keys() - fresh - {register_id}
        return 0 < len(fresh) <= needed and len(others) + 1 < needed

    def hold(self, block_id: int, k: int) -> str | None:
        """Return why a block's profiles may not leave (rules 1 and 2), None when they may."""
        if self.in_scope < self.k_build:
            return PARTITION_MISSING
        return BLOCK_TOO_SMALL if self.members(block_id) < max(k, self.k) else None


@dataclass(frozen=True, slots=True)
class Standing:
    """How one profile stands today.

    ``candidates`` networks could be behind it, ``members`` are their register ids (none for an aggregation that is in no
    register); ``held`` is the code of why it may not leave, None when it may.
    """

    candidates: int
    k: int
    held: str | None
    members: Collection[str]


def take_census(
    built: Partition, edition: Edition, territories: Territories, sectors: Sectors, *, territory: Sequence[str] = ()
) -> Census:
    """Return where the edition's active networks of the partition's scope stand in it.

    A row of which no block's labels are all true is in none: it could not be published, so it is nobody's double. Nor is
    one outside ``territory``, the areas whose networks the publisher is known to publish (none: the whole scope).
    """
    blocks: defaultdict[int, dict[str, dt.date]] = defaultdict(dict)
    counted = 0
    for row in edition.networks:
        if not row.active or not in_scope(row, built.scope, territories):
            continue
        counted += 1
        if not in_scope(row, territory, territories):
            continue
        block = built.find(row, sectors)
        if block is not None:
            blocks[block.block_id][row.register_id] = row.registered_on
    return Census(dict(blocks), counted, built.k, built.k_build, edition.previous_on)


def held_now(counted: str | None, noted: str | None) -> str | None:
    """Return why a profile is held: what its block's count says now, else what was noted when it last could not leave.

    A count of then is history; whatever else was wrong stands until the version is tried or written again.
    """
    return counted or (None if noted in COUNTED else noted)


@dataclass(frozen=True, slots=True)
class Departure:
    """The first day on which a profile may leave, and until when it was deferred, if it ever was."""

    day: dt.date
    deferred_until: dt.date | None


def departure(
    today: dt.date, period: str, *, stands_out: bool, draw: int, deferred_until: dt.date | None = None
) -> Departure:
    """Return when a version decided ``today`` leaves (rules 3 and 4).

    ``draw`` (1..4) counts only when the network stands out and was never deferred; ``deferred_until`` is what an earlier
    draw gave, and holds whatever is decided afterwards.
    """
    day = rounds.next_round(today, period)
    if stands_out and deferred_until is None and period != rounds.IMMEDIATE:
        low, high = DEFERRAL_ROUNDS
        deferred_until = rounds.rounds_after(day, period, max(low, min(high, draw)))
    return Departure(max(day, deferred_until or day), deferred_until)


def returns_on(withdrawn_on: dt.date, period: str) -> dt.date:
    """Return the first day on which a withdrawn network may be drafted again (rule 5)."""
    return rounds.rounds_after(withdrawn_on, period, RETURN_ROUNDS)


def shown_day(today: dt.date, period: str, release_day: dt.date | None) -> dt.date:
    """Return the round that a version will show: of ``release_day``, or of the next round when none is set yet."""
    if release_day is None:
        return rounds.next_round(today, period)
    return rounds.round_day(max(today, release_day), period)
