"""One firm, one set of facts: what a file says of a firm more than once is settled by its first row.

In: the records of a file and where each member stands in it. Out: the records with one value for each firm, whatever the
network, and a doubt for each row that says otherwise. Why the first: the rule must not depend on what is new or changed,
and a person who reads the file from above meets that row first. A blank says nothing: a later row may fill it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from node.domain.network import FirmRecord, Member, NetworkRecord
from node.domain.rows import RowPlace, RowProblem
from node.domain.territory import fold
from node.errors import N_

# Fact -> its column, in each layout.
CHAMBER_FACTS: Mapping[str, str] = {
    "name": "denominazione impresa", "municipality_name": "comune", "province": "PV", "legal_form": "NG", "rea": "n.rea",
    "ateco": "codice ATECO 2007",
}  # fmt: skip
TEMPLATE_FACTS: Mapping[str, str] = {
    "name": "impresa", "municipality_name": "comune", "province": "provincia", "legal_form": "forma giuridica", "rea": "rea",
    "ateco": "ateco 2007", "vat_number": "partita iva",
}  # fmt: skip
Key = tuple[str, str, str]


def settle(
    records: Sequence[NetworkRecord],
    places: Mapping[str, Sequence[RowPlace]],
    sheets: Sequence[str],
    facts: Mapping[str, str],
) -> tuple[tuple[NetworkRecord, ...], list[RowProblem]]:
    """Return the records with each firm as its first row has it, and a doubt for each row that differs.

    ``places`` has the rows of a record's members, in their order, by import key; ``facts`` is one of the tables above.
    """
    first: dict[Key, tuple[FirmRecord, RowPlace]] = {}
    doubts: list[RowProblem] = []
    for place, member in _in_file_order(records, places, sheets):
        firm = member.firm
        known, where = first.setdefault(firm.key, (firm, place))
        if firm != known:
            doubts += _difference(firm, place, known, where, facts)
            first[firm.key] = (_filled(known, firm), where)
    return tuple(_with(record, first) for record in records), doubts


def _in_file_order(
    records: Sequence[NetworkRecord], places: Mapping[str, Sequence[RowPlace]], sheets: Sequence[str]
) -> Iterator[tuple[RowPlace, Member]]:
    order = {name: at for at, name in enumerate(sheets)}
    rows = [pair for record in records for pair in zip(places[record.import_key], record.members, strict=True)]
    yield from sorted(rows, key=lambda pair: (order[pair[0][0]], pair[0][1]))


def same(one: FirmRecord, other: FirmRecord, fact: str) -> bool:
    """Tell whether two records of a firm agree on a fact; a blank agrees with anything."""
    left, right = getattr(one, fact), getattr(other, fact)
    return (
        not left or not right or left == right or (fact in ("name", "municipality_name") and fold(left) == fold(right))
    )


def _difference(
    firm: FirmRecord, place: RowPlace, known: FirmRecord, where: RowPlace, facts: Mapping[str, str]
) -> Iterator[RowProblem]:
    """Yield one doubt for a row, on the first fact that differs."""
    for fact, column in facts.items():
        if not same(firm, known, fact):
            reason = N_("la stessa impresa ha «{first}» nel foglio {sheet}, riga {row}: vale quella riga")
            said = {"first": getattr(known, fact), "sheet": where[0], "row": where[1]}
            yield RowProblem(*place, column, "firm-differs", reason, fatal=False, facts=said)
            return


def _filled(known: FirmRecord, firm: FirmRecord) -> FirmRecord:
    """Return what is known with its blanks filled; a place is one fact of three fields."""
    blank = {
        fact: getattr(firm, fact) for fact in ("vat_number", "legal_form", "rea", "ateco") if not getattr(known, fact)
    }
    if not known.municipality_name and firm.province == known.province:
        blank |= {"municipality": firm.municipality, "municipality_name": firm.municipality_name}
    return replace(known, **blank)


def _with(record: NetworkRecord, first: Mapping[Key, tuple[FirmRecord, RowPlace]]) -> NetworkRecord:
    members = tuple(
        member if member.firm == first[member.firm.key][0] else replace(member, firm=first[member.firm.key][0])
        for member in record.members
    )
    return record if members == record.members else replace(record, members=members)


def contradicts(
    record: NetworkRecord, stored: NetworkRecord, facts: Mapping[str, str], *, blanks: bool
) -> frozenset[Key]:
    """Return the firms of both that the file describes otherwise than the register does.

    ``blanks`` tells whether what the file leaves blank says that there is nothing (a file of the office).
    """
    known = {member.firm.key: member.firm for member in stored.members}
    return frozenset(
        firm.key
        for firm in (member.firm for member in record.members)
        if firm.key in known
        and (firm != known[firm.key] if blanks else not all(same(firm, known[firm.key], fact) for fact in facts))
    )
