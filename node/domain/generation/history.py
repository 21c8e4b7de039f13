"""The invented national register over the years: editions in the chamber's layout, each grown out of the one before it.

In: targets by day (``growth``), a seed, the tables of places and sectors. Out: one edition after the other, both sheets, traps
included; only one is held at a time. Networks keep their deed from edition to edition; some end, some come late, some are corrected
or come back under another deed; firms join and leave. Each target is met exactly: what is new is chosen so that old and new together
say what the day must say.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from node.domain.chamber import CONTRACT_COLUMNS
from node.domain.generation.firms import SOLE_TRADER, invent
from node.domain.generation.growth import BRANCHES, CLASSES, REST, Target
from node.domain.generation.listing import Places, Row, contract_row, entity_header, entity_row, leaves
from node.domain.generation.national import (
    DIVISIONS,
    EMPTY_TAX_CODE,
    ENTITY_SHARE,
    ODD_MUNICIPALITY,
    REGIONS,
    REPEATED_FIRM,
    SHARED_REGISTER_NUMBER,
    THEME_WEIGHTS,
    YEARS,
    GeneratedRegister,
    network_name,
)
from node.domain.generation.seats import Firm, Network, Seats, class_of
from node.domain.generation.texts import object_text
from node.domain.register import register_id
from node.domain.sector import Sectors
from node.domain.territory import Territories
from node.domain.theme import THEMES
from node.errors import N_, CallerError

# Of all networks, in a year: those that end, come back under another deed, are corrected, or change members.
ENDED, RENUMBERED, CORRECTED, MOVED = 0.015, 0.004, 0.01, 0.05
# New ones whose deed is of before the edition in which they are still missing.
LATE, LATE_DAYS = 0.02, 60
# Members of one network's sector, and, among these, of its division.
ALIKE, SAME_DIVISION = 0.6, 0.8
DAYS_OF_YEAR = 365.25
MENDS = 20
_BRANCH_OF: Final = {division: name for name, divisions in BRANCHES.items() for division in divisions}
# How many firms a new network usually has, where its class is wide.
_USUAL: Final = {(5, 9): (5, 7), (10, 50): (10, 16), (51, 90): (51, 60)}
# Three provinces or more.
WIDE: Final = "3"


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of the invented register, and of which day; ``listed`` writes it down, until the next one is asked for."""

    day: dt.date
    listed: Callable[[], GeneratedRegister]


def editions(targets: Sequence[Target], seed: int, territories: Territories, sectors: Sectors) -> Iterator[Edition]:
    """Yield one edition for each target, oldest first, the same for the same arguments.

    Raises: CallerError(history-unreachable) when a target can't be met from the one before it.
    """
    grown = _Growing(seed, territories, sectors)
    before: dt.date | None = None
    for target in targets:
        grown.step(target, before)
        yield Edition(target.day, grown.listed)
        before = target.day


def _unreachable(target: Target) -> CallerError:
    return CallerError(
        "history-unreachable",
        N_("con questo seme l'edizione del {day} non si può fare"),
        where="--seed",
        hint=N_("provare un altro seme"),
        day=target.day.isoformat(),
    )


def _whole(parts: Mapping[str, int], total: int) -> dict[str, int]:
    return {**parts, REST: total - sum(parts.values())}


class _Growing:
    """The register as it stands, and how it comes to say what a day must say."""

    def __init__(self, seed: int, territories: Territories, sectors: Sectors) -> None:
        self._draw = random.Random(f"rete-delle-reti/history/{seed}")  # noqa: S311 - demonstration data from a seed
        self._sectors = sectors
        self._places = Places(territories, REGIONS)
        self._codes = {division: leaves(sectors, division) for division in DIVISIONS}
        self._networks: list[Network] = []
        self._known: dict[str, list[Firm]] = {}
        self._serial = itertools.count(1)
        self._deeds: set[str] = set()
        self._names: set[str] = set()
        self._given: set[str] = set()
        self._last_number = ""

    def step(self, target: Target, before: dt.date | None) -> None:
        """Become what the edition of a day must be."""
        years = 0.0 if before is None else (target.day - before).days / DAYS_OF_YEAR
        self._remove(self._some(ENDED, years))
        self._correct(years)
        self._leave(years)
        self._make_room(target)
        new = self._begin(target, before)
        self._place(target, new)
        self._invent(target)
        # What has ended is forgotten, so that no more is held than what is listed.
        self._known = {sigla: [f for f in known if f.networks > 0] for sigla, known in self._known.items()}

    def _some(self, share: float, years: float) -> list[Network]:
        return self._draw.sample(self._networks, round(share * years * len(self._networks)))

    def _remove(self, ended: Sequence[Network]) -> None:
        gone = set(map(id, ended))
        for network in ended:
            for member in network.members:
                member.networks -= 1
        self._networks = [network for network in self._networks if id(network) not in gone]

    def _correct(self, years: float) -> None:
        for network in self._some(RENUMBERED, years):
            network.number, network.deed = self._deed(network.day, entity=network.entity)
        for network in self._some(CORRECTED, years):
            network.text = object_text(self._draw, self._theme(network.division), network.division)

    def _leave(self, years: float) -> None:
        """Let firms go where that changes nothing of what is told of the network; others come in their place."""
        for network in self._some(MOVED, years):
            if loose := network.loose_members():
                gone = self._draw.choice(loose)
                network.members.remove(gone)
                network.seats.append(gone.sigla)
                gone.networks -= 1

    def _kinds(self, target: Target) -> tuple[tuple[Callable[[Network], str], Mapping[str, int]], ...]:
        """Return what is told of each network, and how many of each kind the day must have."""
        return (
            (lambda n: str(class_of(n.size)), {str(at): count for at, count in enumerate(target.classes)}),
            (lambda n: str(n.spread), {str(at): count for at, count in enumerate(target.spread, 1)}),
            (lambda n: n.branch, _whole(target.branches, target.networks)),
        )

    def _make_room(self, target: Target) -> None:
        for kind_of, wanted in self._kinds(target):
            for kind, count in Counter(map(kind_of, self._networks)).items():
                over = count - wanted.get(kind, 0)
                if over > 0:
                    self._remove(self._draw.sample([n for n in self._networks if kind_of(n) == kind], over))

    def _begin(self, target: Target, before: dt.date | None) -> list[Network]:
        """Begin networks so that old and new together have the day's kinds; their members come later."""
        draw, missing = self._draw, []
        for kind_of, wanted in self._kinds(target):
            have = Counter(map(kind_of, self._networks))
            found = [kind for kind, count in wanted.items() for _ in range(count - have[kind])]
            draw.shuffle(found)
            missing.append(found)
        classes, spreads, branches = missing
        # Two firms are in two provinces at most: the widest networks are among the larger ones.
        spreads.sort(key=lambda spread: spread == WIDE)
        large = [at for at in classes if CLASSES[int(at)][0] >= 3]
        small = [at for at in classes if CLASSES[int(at)][0] < 3]
        wide = spreads.count(WIDE)
        if wide > len(large) or len({len(found) for found in missing}) > 1:
            raise _unreachable(target)
        order = [*small, *large]
        rest = order[: len(order) - wide]
        draw.shuffle(rest)
        new = [
            self._network(self._day(target.day, before), int(at), int(spread), branch)
            for at, spread, branch in zip([*rest, *order[len(order) - wide :]], spreads, branches, strict=True)
        ]
        self._networks += new
        return new

    def _day(self, day: dt.date, before: dt.date | None) -> dt.date:
        draw = self._draw
        if before is None:
            years = {year: weight for year, weight in YEARS.items() if year <= day.year}
            year = draw.choices(list(years), list(years.values()))[0]
            first, last = dt.date(year, 1, 7), min(dt.date(year, 12, 30), day)
        elif draw.random() < LATE:
            first, last = before - dt.timedelta(days=LATE_DAYS), before
        else:
            first, last = before + dt.timedelta(days=1), day
        return first + dt.timedelta(days=draw.randrange((last - first).days + 1))

    def _network(self, day: dt.date, at: int, spread: int, branch: str) -> Network:
        draw = self._draw
        low, high = _USUAL.get(CLASSES[at], CLASSES[at])
        division = self._division(branch)
        entity = draw.random() < ENTITY_SHARE
        number, deed = self._deed(day, entity=entity)
        name = network_name(draw, division)
        while name in self._names:
            name = network_name(draw, division)
        self._names.add(name)
        text = object_text(draw, self._theme(division), division)
        return Network(name, day, number, deed, entity, branch, division, text, spread, draw.randint(low, high))

    def _theme(self, division: str) -> str:
        theme = self._draw.choices(THEMES, THEME_WEIGHTS)[0]
        return "tourism" if division in ("55", "56") and self._draw.random() < 0.5 else theme

    def _division(self, branch: str) -> str:
        kinds = [division for division in DIVISIONS if _BRANCH_OF.get(division, REST) == branch]
        return self._draw.choices(kinds, [DIVISIONS[division] for division in kinds])[0]

    def _deed(self, day: dt.date, *, entity: bool) -> tuple[str, str]:
        draw = self._draw
        repeat = self._last_number if draw.random() < SHARED_REGISTER_NUMBER else ""
        while True:
            number = repeat or str(draw.randint(1_000, 299_999))
            if not repeat and draw.random() < 0.25:
                number = f"{draw.choice(('FO', 'MI', 'LE', 'TO', 'BO', 'RM'))}-{number}"
            deed = "" if entity else str(draw.randint(100, 99_999))
            key = register_id(number, deed, day)
            if key not in self._deeds:
                self._deeds.add(key)
                self._last_number = number
                return number, deed
            repeat = ""

    def _living(self) -> list[Firm]:
        return list({id(member): member for network in self._networks for member in network.members}.values())

    def _place(self, target: Target, new: list[Network]) -> None:
        """Open seats so that there will be as many firms as the day has, and in the regions where it has them."""
        draw, living = self._draw, self._living()
        seats = Seats(draw, self._places, target, living, [s for n in self._networks for s in n.seats])
        # The largest first: what is left to be made even at the end is small.
        new.sort(key=lambda network: -network.size)
        for network in new:
            seats.admit(network)
            self._meet_again(network, seats)
        fresh = set(map(id, new))
        # New networks first; where their classes have no more room, firms join or leave those that there were.
        self._even(target, seats, new)
        self._even(target, seats, [network for network in self._networks if id(network) not in fresh])
        if self._off(target) or not any(seats.mend(new) for _ in range(MENDS)):
            raise _unreachable(target)

    def _off(self, target: Target) -> int:
        return target.firms - len(self._living()) - sum(len(network.seats) for network in self._networks)

    def _even(self, target: Target, seats: Seats, networks: Sequence[Network]) -> None:
        """Make networks larger or smaller, each by one and again, while firms are missing or too many."""
        able, off = self._draw.sample(networks, len(networks)), self._off(target)
        change = seats.grow if off > 0 else seats.shrink
        while off and able:
            changed = [network for network in able[: abs(off)] if change(network)]
            able = changed + able[abs(off) :]
            off += -len(changed) if off > 0 else len(changed)

    def _meet_again(self, network: Network, seats: Seats) -> None:
        """Give some seats of a new network to firms that are in others; never the first, nor one to a firm that sits there."""
        for at in reversed(range(1, len(network.seats))):
            if self._draw.random() < REPEATED_FIRM:
                known = [
                    firm
                    for firm in self._known.get(network.seats[at], ())[-200:]
                    if firm.tax_code and firm.networks > 0 and firm not in network.members
                ]
                if known:
                    member = self._draw.choice(known)
                    seats.filled(network, at)
                    network.members.append(member)
                    member.networks += 1

    def _invent(self, target: Target) -> None:
        """Invent a firm for each open seat: reference firms are of their network's branch, the others of those that are missing."""
        draw, living = self._draw, self._living()
        seats = [(n, sigla, n.new and at == 0) for n in self._networks for at, sigla in enumerate(n.seats)]
        left = Counter(_whole(target.firm_branches, target.firms))
        left.subtract(firm.branch for firm in living)
        left.subtract(network.branch for network, _, leads in seats if leads)
        sole = target.sole_traders - sum(firm.firm.legal_form == SOLE_TRADER for firm in living)
        if not 0 <= sole <= len(seats) or min(left.values()) < 0:
            raise _unreachable(target)
        traders = set(draw.sample(range(len(seats)), sole))
        # In any order: the branches that are left at the end would else be those of the last networks.
        made: dict[int, Firm] = {}
        for at in draw.sample(range(len(seats)), len(seats)):
            network, sigla, leads = seats[at]
            branch = network.branch if leads else self._branch(network, left)
            made[at] = self._firm(network, sigla, branch, leads=leads, sole_trader=at in traders)
        for at, (network, _, leads) in enumerate(seats):
            network.members.insert(0 if leads else len(network.members), made[at])
        for network in self._networks:
            network.seats, network.new = [], False

    def _branch(self, network: Network, left: Counter[str]) -> str:
        branch = network.branch
        if left[branch] <= 0 or self._draw.random() > ALIKE:
            branch = self._draw.choices(list(left), list(left.values()))[0]
        left[branch] -= 1
        return branch

    def _firm(self, network: Network, sigla: str, branch: str, *, leads: bool, sole_trader: bool) -> Firm:
        draw = self._draw
        found = invent(draw, next(self._serial), sigla, sole_trader=sole_trader)
        while found.tax_code in self._given:
            found = invent(draw, next(self._serial), sigla, sole_trader=sole_trader)
        self._given.add(found.tax_code)
        alike = leads or (branch == network.branch and draw.random() < SAME_DIVISION)
        division = network.division if alike else self._division(branch)
        place = self._places.municipality(draw, sigla)
        shown = f"  {place.lower()} " if draw.random() < ODD_MUNICIPALITY else place.upper()
        # One without a code can't be known again: it is in one network for ever.
        code = "" if not leads and draw.random() < EMPTY_TAX_CODE else found.tax_code
        made = Firm(found, code, sigla, shown, branch, draw.choice(self._codes[division]))
        self._known.setdefault(sigla, []).append(made)
        return made

    def listed(self) -> GeneratedRegister:
        """Return the edition as both sheets, headers first; each sheet counts its own contracts."""
        made = GeneratedRegister([list(CONTRACT_COLUMNS)], [entity_header()])
        counts = (itertools.count(1), itertools.count(1))
        for network in sorted(self._networks, key=lambda n: (n.day, n.number, n.deed)):
            progr = next(counts[network.entity])
            for place, member in enumerate(network.members):
                row = Row(
                    progr, network.name, network.day, network.number, network.deed, network.text, member.firm, member.tax_code,
                    place == 0, member.municipality, member.sigla, member.ateco,
                )  # fmt: skip
                if network.entity:
                    made.entities.append(entity_row(row))
                else:
                    made.contracts.append(contract_row(row, self._sectors))
        return made
