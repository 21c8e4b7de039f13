"""The invented networks while they grow, and where the seats of their members are: so many in each region as a day must have.

In: a day's target, networks old and new. Out: new networks with provinces for all members, moved about until the regions that were
told come out exactly. A seat is a province whose firm is still to be found.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from node.domain.generation.firms import InventedFirm
from node.domain.generation.growth import CLASSES, REST, Target
from node.domain.generation.listing import Places
from node.domain.generation.national import REGIONS

NEAR: Final = 0.7
# A region that has enough is still chosen now and then, so that the last networks are not all of one place.
LEAST: Final = 0.2


@dataclass(slots=True, eq=False)
class Firm:
    """An invented firm in at least one network; ``tax_code`` as listed, empty for one that nobody can know again."""

    firm: InventedFirm
    tax_code: str
    sigla: str
    municipality: str
    branch: str
    ateco: str
    networks: int = 1


@dataclass(slots=True, eq=False)
class Network:
    """One invented network; while it is ``new`` its first seat is that of its reference firm, later its first member is."""

    name: str
    day: dt.date
    number: str
    deed: str
    entity: bool
    branch: str
    division: str
    text: str
    spread: int
    size: int
    members: list[Firm] = field(default_factory=list)
    seats: list[str] = field(default_factory=list)
    new: bool = True

    def provinces(self) -> Counter[str]:
        """Return how many members, found or not, each province has."""
        return Counter((*(member.sigla for member in self.members), *self.seats))

    def may_be(self, size: int) -> bool:
        """Tell whether another size leaves it in its class, and with enough firms for its provinces."""
        low, high = CLASSES[class_of(self.size)]
        return max(low, self.spread) <= size <= high

    def loose_seats(self) -> list[int]:
        """Return the seats without which it is in as many provinces as with them."""
        provinces = self.provinces()
        return [at for at, sigla in enumerate(self.seats) if provinces[sigla] > 1 and not (self.new and at == 0)]

    def loose_members(self) -> list[Firm]:
        """Return the members without whom it is in as many provinces as with them; never the reference firm."""
        provinces = self.provinces()
        found = self.members if self.new else self.members[1:]
        return [member for member in found if provinces[member.sigla] > 1]


def class_of(size: int) -> int:
    """Return the place of a size in CLASSES."""
    return next(at for at, (_, high) in enumerate(CLASSES) if size <= high)


class Seats:
    """How many firms each region that was told still needs, and the provinces chosen so that none needs any in the end."""

    def __init__(
        self, draw: random.Random, places: Places, target: Target, living: Iterable[Firm], open_seats: Iterable[str]
    ) -> None:
        """Begin with the firms that there are, and the seats that are open already."""
        self._draw, self._places = draw, places
        self._group = {
            sigla: region if region in target.regions else REST
            for region, provinces in places.provinces.items()
            for sigla in provinces
        }
        self._left = Counter(dict(target.regions))
        self._left[REST] = target.firms - sum(target.regions.values())
        self._left.subtract(self._group[firm.sigla] for firm in living)
        self._left.subtract(self._group[sigla] for sigla in open_seats)
        self._others = [code for code in REGIONS if code not in target.regions]

    def admit(self, network: Network) -> None:
        """Choose the provinces of a new network, and one of them for each of its members."""
        draw = self._draw
        count = network.spread if network.spread < 3 or network.size < 5 else draw.choice((3, 3, 4))
        found = [self._province()]
        while len(found) < count:
            near = [sigla for sigla in self._places.neighbours[found[0]] if sigla not in found]
            sigla = draw.choice(near) if near and draw.random() < NEAR else self._province()
            if sigla not in found:
                found.append(sigla)
        network.seats = found
        self._left.subtract(self._group[sigla] for sigla in found)
        while len(network.seats) < network.size:
            self._seat(network, found)

    def _province(self) -> str:
        group = self._choose(list(self._left))
        region = group
        if group == REST:
            region = self._draw.choices(self._others, [REGIONS[code] for code in self._others])[0]
        choices = self._places.provinces[region]
        return self._draw.choices(choices, [len(self._places.by_province[p]) ** 0.5 for p in choices])[0]

    def _choose(self, groups: Sequence[str]) -> str:
        return self._draw.choices(groups, [max(self._left[group], 0) + LEAST for group in groups])[0]

    def _seat(self, network: Network, provinces: Sequence[str]) -> None:
        group = self._choose([self._group[sigla] for sigla in provinces])
        sigla = self._draw.choice([sigla for sigla in provinces if self._group[sigla] == group])
        network.seats.append(sigla)
        self._left[group] -= 1

    def filled(self, network: Network, at: int) -> str:
        """Take away a seat where a firm sits that there was already."""
        sigla = network.seats.pop(at)
        self._left[self._group[sigla]] += 1
        return sigla

    def grow(self, network: Network) -> bool:
        """Open one more seat in a network, if its class has room."""
        if not network.may_be(network.size + 1):
            return False
        self._seat(network, sorted(network.provinces()))
        network.size += 1
        return True

    def shrink(self, network: Network) -> bool:
        """Close a seat of a network, or let a firm go that is in no other, if its class and its provinces allow it."""
        if not network.may_be(network.size - 1):
            return False
        if loose := network.loose_seats():
            self.filled(network, self._draw.choice(loose))
        else:
            members = [member for member in network.loose_members() if member.networks == 1]
            if not members:
                return False
            gone = self._draw.choice(members)
            network.members.remove(gone)
            gone.networks = 0
            self._left[self._group[gone.sigla]] += 1
        network.size -= 1
        return True

    def mend(self, new: Sequence[Network]) -> bool:
        """Move open seats of new networks to other provinces until no region has too many or too few; tell whether it worked."""
        for network in new:
            for sigla, count in network.provinces().items():
                if network.seats.count(sigla) == count:
                    self._move(network, sigla, count)
        return not any(self._left.values())

    def _move(self, network: Network, sigla: str, count: int) -> None:
        """Move all seats of a province to another one, if that mends and nobody sits there yet."""
        here = self._group[sigla]
        there = [group for group, left in self._left.items() if left >= count and group != here]
        if self._left[here] > -count or not there:
            return
        group = self._draw.choice(there)
        regions = self._others if group == REST else [group]
        provinces = [p for region in regions for p in self._places.provinces[region] if p not in network.provinces()]
        if not provinces:
            return
        moved = self._draw.choice(provinces)
        network.seats = [moved if seat == sigla else seat for seat in network.seats]
        self._left[here] += count
        self._left[group] -= count
