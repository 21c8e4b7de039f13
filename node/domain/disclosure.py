"""The attacks on what was published, as counts: how many networks of the register each profile may be.

In: editions of the public register, the partitions built from them, what each published version shows. Out: for each
version the networks that are left to somebody who tries one attack. A set of networks is an integer, a bit for each register
id of any edition: 2,000 profiles against 9,630 contracts are unions and intersections, not pairs. The attacks
(docs/rules.md, Attacks):

1. ``linkage``: every shown label and the kind are true of the network (k-map, nearest record);
2. ``scope``: and it lies where the owner publishes from (decisions/0012);
3. ``rule``: the published partition leads its public row to a block that shows exactly this (pre-image);
4. ``versions``: it was listed, and looked so, in the newest edition at each publication of the same network;
5. ``today``: the same of the newest edition, for profiles that stand published;
6. ``freshness``: it is on the same side of the edition before, registered since or earlier, for a profile that did not wait.

Who is left under an attack is counted whether or not the true network is among them: the attacker can't know.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any

from node.domain.partition import Partition, keys_of, provinces_of
from node.domain.partition_form import ANY, ANY_KIND, ATTRIBUTES, LEVELS, Label
from node.domain.register import RegisterNetwork
from node.domain.sector import Sectors
from node.domain.territory import Territories

# A set of networks: bit n stands for the n-th register id.
Networks = int
LINKAGE, SCOPE, RULE, VERSIONS, TODAY, FRESHNESS = "linkage", "scope", "rule", "versions", "today", "freshness"
COUNTED = (LINKAGE, SCOPE, RULE, VERSIONS, TODAY, FRESHNESS)
_PROVINCE = LEVELS[0].index("PRO")
_PERIOD = ATTRIBUTES.index("period")


@dataclass(frozen=True, slots=True)
class Look:
    """What a profile shows of its network's place among all: one label per attribute, and the kind."""

    labels: tuple[Label, ...]
    kind: str

    @classmethod
    def of(cls, labels: Mapping[str, Any], kind: str) -> Look:
        """Return the look of a document's ``labels``."""
        found = (Label(labels[name]["level"], tuple(labels[name]["values"])) for name in ATTRIBUTES)
        return cls(tuple(found), kind)


@dataclass(frozen=True, slots=True)
class Window:
    """When a profile's first version was decided: the newest edition then, the day of the one before, whether it waited."""

    edition: int
    previous_on: dt.date | None
    deferred: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """One published version.

    ``page`` and ``edition`` are numbers: of the partition it shows, and of the newest edition when it left. ``subject``:
    versions with the same one are known to be of one network. ``owned``: the areas whose networks its owner publishes
    (none: the whole scope). ``register_id``: the true network, None where this node does not know it. ``window`` stands at
    the first version of an identifier, if known.
    """

    profile_id: str
    number: int
    owner: str
    subject: str
    look: Look
    page: int
    edition: int
    living: bool
    owned: tuple[str, ...] = ()
    register_id: str | None = None
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A partition that profiles stand on, the number of the edition it was built from, and the k that they must keep."""

    edition: int
    built: Partition
    k: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """How many networks are left for one version, by attack; attacks that were not possible are missing."""

    shown: Shown
    k: int
    left: Mapping[str, int]

    @property
    def smallest(self) -> int:
        """What the best of the attacks leaves."""
        return min(self.left.values())


class Numbers:
    """A number for each register id, whatever the edition."""

    def __init__(self) -> None:
        """Begin without any."""
        self._numbers: dict[str, int] = {}
        self._ids: list[str] = []

    def bit(self, register_id: str) -> Networks:
        """Return the set of this one network."""
        number = self._numbers.get(register_id)
        if number is None:
            number = self._numbers[register_id] = len(self._ids)
            self._ids.append(register_id)
        return 1 << number

    def ids(self, networks: Networks) -> list[str]:
        """Return the register ids of a set."""
        found = []
        while networks:
            lowest = networks & -networks
            found.append(self._ids[lowest.bit_length() - 1])
            networks ^= lowest
        return found


class Listed:
    """The active networks of one edition, found by what the register says of them."""

    def __init__(self, rows: Iterable[RegisterNetwork], numbers: Numbers, sectors: Sectors) -> None:
        """Index the active ones among ``rows``."""
        self._sectors = sectors
        self._rows = [(numbers.bit(row.register_id), row) for row in rows if row.active]
        self.rows = {row.register_id: row for _, row in self._rows}
        self.everyone: Networks = reduce(or_, (bit for bit, _ in self._rows), 0)
        self._with: list[list[dict[str, Networks]]] = [[{} for _ in levels] for levels in LEVELS]
        self._kinds: dict[str, Networks] = {}
        for bit, row in self._rows:
            for levels, keys in zip(self._with, keys_of(row, sectors), strict=True):
                for found, key in zip(levels, keys, strict=True):
                    found[key] = found.get(key, 0) | bit
            self._kinds[row.kind.value] = self._kinds.get(row.kind.value, 0) | bit
        self._matching: dict[Look, Networks] = {}
        self._within: dict[tuple[str, ...], Networks] = {}

    def matching(self, look: Look) -> Networks:
        """Return the networks of which everything shown is true; none where a label's level is unknown."""
        found = self._matching.get(look)
        if found is None:
            kind = self.everyone if look.kind == ANY_KIND else self._kinds.get(look.kind, 0)
            found = self._matching[look] = reduce(
                and_, (self._labelled(at, label) for at, label in enumerate(look.labels)), kind
            )
        return found

    def _labelled(self, attribute: int, label: Label) -> Networks:
        if label.level == ANY:
            return self.everyone
        if label.level not in LEVELS[attribute]:
            return 0
        # A period is a set of years, whatever the level that it was split at.
        level = -1 if attribute == _PERIOD else LEVELS[attribute].index(label.level)
        keys = self._with[attribute][level]
        return reduce(or_, (keys.get(value, 0) for value in label.values), 0)

    def within(self, areas: tuple[str, ...], territories: Territories) -> Networks:
        """Return the networks of some areas (none: all)."""
        found = self._within.get(areas)
        if found is None:
            provinces = provinces_of(areas, territories)
            seats = self._with[0][_PROVINCE]
            found = self._within[areas] = (
                self.everyone if provinces is None else reduce(or_, (seats.get(code, 0) for code in provinces), 0)
            )
        return found

    def since(self, day: dt.date) -> Networks:
        """Return the networks registered after a day."""
        return reduce(or_, (bit for bit, row in self._rows if row.registered_on > day), 0)

    def preimages(self, built: Partition, scope: Networks) -> dict[Look, Networks]:
        """Return what a partition says of the edition: for each look the networks in ``scope`` that it leads there."""
        found: dict[Look, Networks] = {}
        for bit, row in self._rows:
            block = built.find(row, self._sectors) if bit & scope else None
            if block is not None:
                look = Look(tuple(block.labels[name] for name in ATTRIBUTES), block.kind)
                found[look] = found.get(look, 0) | bit
        return found


class Attacker:
    """Somebody with the public register, the partitions, the code and every version."""

    def __init__(
        self, editions: Sequence[Listed], pages: Sequence[Page], territories: Territories, *, newest: int
    ) -> None:
        """Take what is public; ``newest`` is the number of the edition that speaks of today."""
        self._editions = editions
        self._pages = pages
        self._territories = territories
        self._newest = newest
        self._preimages: dict[int, dict[Look, Networks]] = {}
        self._since: dict[tuple[int, dt.date], Networks] = {}

    def _known(self, shown: Shown, edition: int) -> Networks:
        """Return the networks of an edition that this owner may publish."""
        listed, scope = self._editions[edition], self._pages[shown.page].built.scope
        return listed.within(scope, self._territories) & listed.within(shown.owned, self._territories)

    def linkage(self, shown: Shown) -> Networks:
        """Return who looks so in the edition of the partition."""
        return self._editions[self._pages[shown.page].edition].matching(shown.look)

    def looking(self, shown: Shown, edition: int) -> Networks:
        """Return who looks so in an edition and may be the owner's."""
        return self._editions[edition].matching(shown.look) & self._known(shown, edition)

    def rule(self, shown: Shown) -> Networks:
        """Return whom the partition leads to what is shown, among those that may be the owner's."""
        page = self._pages[shown.page]
        listed = self._editions[page.edition]
        if shown.page not in self._preimages:
            scope = listed.within(page.built.scope, self._territories)
            self._preimages[shown.page] = listed.preimages(page.built, scope)
        return self._preimages[shown.page].get(shown.look, 0) & self._known(shown, page.edition)

    def today(self, shown: Shown) -> Networks:
        """Return who looks so in the newest edition and may be the owner's."""
        return self.looking(shown, self._newest)

    def fresh(self, shown: Shown, bit: Networks) -> Networks | None:
        """Return who is left to somebody who knows who is new and when they wait; None where there is nothing to know.

        ``bit`` is the true network. Of a profile that did not wait, the new ones are left if it is one of them, and else the
        others, where so few are new that they would have waited. One that waited as long as chance had it may be anybody's.
        """
        window = shown.window
        if window is None or window.previous_on is None:
            return None
        left = self.looking(shown, window.edition)
        key = (window.edition, window.previous_on)
        if key not in self._since:
            self._since[key] = self._editions[window.edition].since(window.previous_on)
        new = left & self._since[key]
        if window.deferred:
            return left
        if new & bit:
            return new
        return left & ~new if new.bit_count() <= self._pages[shown.page].k else left


def expose(attacker: Attacker, versions: Sequence[Shown], pages: Sequence[Page], numbers: Numbers) -> list[Exposure]:
    """Return what the attacks leave of each version, in the order given."""
    together: defaultdict[str, list[Networks]] = defaultdict(list)
    for shown in versions:
        together[shown.subject].append(attacker.looking(shown, shown.edition))
    throughout = {subject: reduce(and_, seen) for subject, seen in together.items()}
    found = []
    for shown in versions:
        linked = attacker.linkage(shown)
        sets = {
            LINKAGE: linked,
            SCOPE: attacker.looking(shown, pages[shown.page].edition),
            RULE: attacker.rule(shown),
            VERSIONS: throughout[shown.subject],
        }
        if shown.living:
            sets[TODAY] = attacker.today(shown)
        fresh = attacker.fresh(shown, numbers.bit(shown.register_id)) if shown.register_id is not None else None
        if fresh is not None:
            sets[FRESHNESS] = fresh
        left = {name: networks.bit_count() for name, networks in sets.items()}
        found.append(Exposure(shown, pages[shown.page].k, left))
    return found


@dataclass(frozen=True, slots=True)
class Count:
    """What one attack came to: versions tried, the fewest and the median of networks left, how many are below their k."""

    attack: str
    tried: int
    smallest: int | None
    median: int | None
    below: int

    @property
    def broken(self) -> bool:
        """Whether some profile is hidden by too few."""
        return self.below > 0


def tally(exposures: Sequence[Exposure]) -> list[Count]:
    """Return each attack's outcome, in the order of COUNTED."""
    counts = []
    for attack in COUNTED:
        left = sorted(found.left[attack] for found in exposures if attack in found.left)
        below = sum(found.left[attack] < found.k for found in exposures if attack in found.left)
        # The lower of the two middle ones: a number of networks.
        median = left[(len(left) - 1) // 2] if left else None
        counts.append(Count(attack, len(left), left[0] if left else None, median, below))
    return counts
