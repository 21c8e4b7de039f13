"""Small invented editions of the public list, and what they say in numbers, counted in plain Python: what SQL is held against."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from node.domain.observatory.history import Change, Count
from node.domain.register import NetworkKind, RegisterFirm, RegisterNetwork
from node.domain.sector import ANY
from node.store import edition_counts, population
from node.store.postgres import Connection
from node.store.reference import load_sectors, load_territories
from tests.networks_made import NOW, code

TERRITORIES, SECTORS = load_territories(), load_sectors()
REGIONS = {area.code: TERRITORIES.ancestors(area.code)[0] for area in TERRITORIES.provinces}
SECTIONS = {division: section for section in SECTORS.children(ANY) for division in SECTORS.children(section)}
PROVINCES = ("LE", "BR", "TO", "AO", "NA")
ATECO = ("10.41.10", "01.26.00", "41.20.00", "47.11.40", "")
FORMS = ("SR", "DI", "sp", "", "?!")
Edition = tuple[RegisterNetwork, ...]


def firm(draw: random.Random) -> RegisterFirm:
    """A firm of few, so that they meet again; some have no code."""
    number = draw.randrange(12)
    return RegisterFirm(
        tax_code="" if draw.random() < 0.15 else code(number),
        name=f"FIRMA {number}",
        rea="",
        is_reference=False,
        municipality="",
        municipality_name="",
        province=draw.choice(PROVINCES),
        legal_form=draw.choice(FORMS),
        ateco=draw.choice(ATECO),
    )


def network(draw: random.Random, number: int) -> RegisterNetwork:
    """A network of one of few deeds and few names, with one to a dozen firms."""
    members: dict[tuple[str, str], RegisterFirm] = {}
    for _ in range(draw.choice((1, 2, 3, 4, 12))):
        found = firm(draw)
        members[found.tax_code, "" if found.tax_code else found.name] = found
    firms = tuple(members.values())
    return RegisterNetwork(
        register_id=f"{number}/1/{2010 + number % 4}-05-05",
        deed_register_number=str(number),
        deed_number="1",
        registered_on=dt.date(2010 + number % 4, 5, 5),
        name=f"Rete {draw.randrange(4)}",
        kind=draw.choice(list(NetworkKind)),
        object_text=draw.choice(("olio", "vino")),
        municipality="",
        municipality_name="",
        province=firms[0].province,
        region=REGIONS[firms[0].province],
        macro="",
        ateco=firms[0].ateco,
        members=len(firms),
        theme=draw.choice(("innovation", "other")),
        active=draw.random() < 0.95,
        firms=firms,
    )


def edition(draw: random.Random, before: Edition = ()) -> Edition:
    """An edition of up to a dozen networks, some of them as they were before."""
    kept = {found.register_id: found for found in before if draw.random() < 0.6}
    made = (network(draw, number) for number in draw.sample(range(16), draw.randrange(1, 12)))
    return tuple(({found.register_id: found for found in made} | kept).values())


async def store(conn: Connection, networks: Edition, day: dt.date, digest: str = "d") -> population.Snapshot:
    """Put an edition into the database."""
    await population.insert_snapshot(conn, networks, taken_on=day, digest=digest, now=NOW)
    found = await population.snapshot_on(conn, day)
    assert found is not None
    return found


def _size_class(members: int) -> str:
    if members < 4:
        return str(members)
    return "4-9" if members < 10 else "10-50" if members <= 50 else "51+"


def _spread(found: RegisterNetwork) -> str:
    provinces = {firm.province for firm in found.firms}
    if len(provinces) == 1:
        return "one-province"
    return "one-region" if len({REGIONS[p] for p in provinces}) == 1 else "several-regions"


def _provinces(found: RegisterNetwork) -> str:
    count = len({firm.province for firm in found.firms})
    return str(count) if count < 3 else "3+"


NETWORKS: dict[str, Callable[[RegisterNetwork], str]] = {
    "province": lambda n: n.province,
    "region": lambda n: REGIONS[n.province],
    "division": lambda n: n.ateco[:2] or "?",
    "section": lambda n: SECTIONS.get(n.ateco[:2], "?"),
    "kind": lambda n: n.kind.value,
    "theme": lambda n: n.theme,
    "members": lambda n: str(n.members) if n.members < 10 else "10+",
    "size_class": lambda n: _size_class(n.members),
    "provinces": _provinces,
    "spread": _spread,
}
FIRMS: dict[str, Callable[[RegisterFirm], str]] = {
    "province": lambda f: f.province,
    "region": lambda f: REGIONS[f.province],
    "division": lambda f: f.ateco[:2] or "?",
    "section": lambda f: SECTIONS.get(f.ateco[:2], "?"),
    "legal_form": lambda f: f.legal_form.upper() if f.legal_form.isalnum() else "?",
}


def distinct_firms(networks: Edition) -> list[RegisterFirm]:
    """Each firm once, as the network of the newest deed has it; one without a code wherever it is listed."""
    found: dict[object, RegisterFirm] = {}
    for listed in sorted(networks, key=lambda n: (-n.registered_on.toordinal(), n.register_id)):
        for position, member in enumerate(listed.firms):
            found.setdefault(member.tax_code or (listed.register_id, position), member)
    return list(found.values())


def counted(networks: Edition, day: dt.date) -> set[Count]:
    """All counts of an edition."""
    active = tuple(found for found in networks if found.active)
    firms = distinct_firms(active)
    totals = {"networks": len(active), "firms": len(firms), "memberships": sum(len(n.firms) for n in active)}
    found = {Count(day, measure, (), value) for measure, value in totals.items()}
    tallies = {f"networks/{name}": Counter(map(of, active)) for name, of in NETWORKS.items()}
    tallies |= {f"firms/{name}": Counter(map(of_firm, firms)) for name, of_firm in FIRMS.items()}
    return found | {Count(day, m, (key,), value) for m, tally in tallies.items() for key, value in tally.items()}


def _in_order(networks: Sequence[RegisterNetwork]) -> dict[tuple[str, int], RegisterNetwork]:
    places: Counter[str] = Counter()
    found = {}
    for listed in sorted(networks, key=lambda n: n.register_id):
        places[listed.name.lower()] += 1
        found[listed.name.lower(), places[listed.name.lower()]] = listed
    return found


def _members(found: RegisterNetwork) -> set[str]:
    return {member.tax_code or f"#{member.name}" for member in found.firms}


def _facts(found: RegisterNetwork) -> tuple[object, ...]:
    return found.name, found.kind, found.object_text, found.province, found.ateco


def changed(networks: Edition, day: dt.date, before: Edition, since: dt.date) -> set[Change]:
    """All that changed between two editions."""
    was = {n.register_id: n for n in before if n.active}
    now = {n.register_id: n for n in networks if n.active}
    gone = _in_order([n for key, n in was.items() if key not in now])
    come = _in_order([n for key, n in now.items() if key not in was])
    again = [
        gone[place]
        for place in gone
        if place in come and {f.tax_code for f in gone[place].firms} & {f.tax_code for f in come[place].firms} - {""}
    ]
    kept = [(was[key], now[key]) for key in was if key in now]
    events = {
        "born": len(come) - len(again),
        "ended": len(gone) - len(again),
        "renumbered": len(again),
        "corrected": sum(_facts(a) != _facts(b) for a, b in kept),
        "members-changed": sum(_members(a) != _members(b) for a, b in kept),
        "firms-joined": sum(len(_members(b) - _members(a)) for a, b in kept),
        "firms-left": sum(len(_members(a) - _members(b)) for a, b in kept),
    }
    present = Counter(str(n.registered_on.year) for n in was.values())
    stayed = Counter(str(n.registered_on.year) for n in [*(a for a, _ in kept), *again])

    def told() -> Iterator[Change]:
        for measure, values in (("changes", events), ("present", present), ("stayed", stayed)):
            for key, value in values.items():
                yield Change(day, since, measure, (key,), value)

    return set(told())


async def count(conn: Connection, found: population.Snapshot) -> None:
    """Count an edition in the database."""
    await edition_counts.count_edition(conn, found, TERRITORIES, SECTORS, NOW)
