"""Aggregations that are not signed yet: where they may be said to be, and what is said of them.

In: an officer's record of a network without a contract. Out: its region and section, or why it cannot be published. No
register has such a network, so no block hides it: nothing finer than region and section leaves, and only after an officer has
read the warning. Source: docs/rules.md P.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.domain.network import FirmRecord, NetworkRecord
from node.domain.partition_form import ANY, ANY_KIND, ATTRIBUTES, Block, Label
from node.domain.sector import Sectors
from node.domain.territory import REG, Territories
from node.errors import N_, CallerError

STATUSES = ("potential", "drafting")
# No leaf of a partition has this number.
NO_BLOCK = -1
REGION_LEVEL, SECTION_LEVEL = "REG", "SEZ"


@dataclass(frozen=True, slots=True)
class Place:
    """All that is said of where an aggregation stands: a NUTS2 region and a section of ATECO."""

    region: str
    section: str

    def block(self) -> Block:
        """Return the labels that its profile shows."""
        labels = dict.fromkeys(ATTRIBUTES, Label(ANY, ()))
        labels |= {"territory": Label(REGION_LEVEL, (self.region,)), "sector": Label(SECTION_LEVEL, (self.section,))}
        return Block(NO_BLOCK, labels, 0, ANY_KIND)


def place_of(record: NetworkRecord, territories: Territories, sectors: Sectors) -> Place:
    """Return where an aggregation stands: its reference firm's region and section, else what all its firms share.

    Raises: CallerError potential-signed (it has, or had, a contract), potential-incomplete (region or section is not known).
    """
    refuse_signed(record.status)
    regions, sections = regions_and_sections(record, territories, sectors)
    missing = [
        name
        for name, found in ((N_("la regione"), regions), (N_("la sezione ATECO"), sections))
        if len(found) != 1 or None in found
    ]
    if missing:
        raise CallerError(
            "potential-incomplete",
            N_("dell'aggregazione non si sa {what}: la scheda è trattenuta"),
            hint=N_("indicare l'impresa di riferimento, con provincia e codice ATECO"),
            what=missing[0],
        )
    return Place(str(regions.pop()), str(sections.pop()))


def regions_and_sections(
    record: NetworkRecord, territories: Territories, sectors: Sectors
) -> tuple[set[str | None], set[str | None]]:
    """Return the regions and sections of a network's reference firm, else of all its firms; None stands for unknown."""
    firms = [member.firm for member in record.members if member.left_on is None]
    leading = [member.firm for member in record.members if member.left_on is None and member.is_reference] or firms
    regions = {_region_of(firm.province, territories) for firm in leading}
    return regions, {_section_of(firm, sectors) for firm in leading}


def refuse_signed(status: str) -> None:
    """Raise CallerError(potential-signed) unless a network of this status is still a potential aggregation."""
    if status not in STATUSES:
        raise CallerError(
            "potential-signed",
            N_("la rete non è più un'aggregazione potenziale"),
            hint=N_(
                "ritirare questa scheda; quando la rete è nell'elenco pubblico, «rete profile draft» senza --potential"
            ),
        )


def _region_of(province: str, territories: Territories) -> str | None:
    for code in territories.current(province) if province else ():
        for above in territories.ancestors(code):
            area = territories.area(above)
            if area is not None and area.level == REG:
                return above
    return None


def _section_of(firm: FirmRecord, sectors: Sectors) -> str | None:
    chain = sectors.ancestors(firm.ateco)[:-1] if firm.ateco else ()
    return next((code for code in reversed(chain) if len(code) == 1), None)


def is_form(labels: Mapping[str, Label], kind: str) -> bool:
    """Tell whether labels and kind are what a potential aggregation may show, and nothing finer."""
    expected = dict.fromkeys(ATTRIBUTES, ANY) | {"territory": REGION_LEVEL, "sector": SECTION_LEVEL}
    return (
        kind == ANY_KIND
        and {name: label.level for name, label in labels.items()} == expected
        and all(len(labels[name].values) == 1 for name in ("territory", "sector"))
    )
