"""What the planned tables are made of now: the records of the private register, of contacts and of the programme, each in its cell.

In: a connection inside the publishing transaction, the secret of this node's statistics. Out: by table and cell the records with what they give. Rule: a contact is counted by the
node that began it, a network and its firms by the node that keeps them, an aggregation until it is a network of the private register, so nothing is counted by two; whom a record must not betray has a name that never changes, whichever records come and go. Source: docs/statistics.md 1.
"""

from __future__ import annotations

from collections.abc import Mapping

from node.domain.observatory import cell_key
from node.domain.observatory.lazy import NOBODY, Contents, Part, Place
from node.domain.observatory.placing import outcome_of, region_of, region_of_label
from node.domain.observatory.plan import PLAN
from node.domain.territory import Territories
from node.errors import N_, LogStateError
from node.store import contributions, pipeline_counts
from node.store.postgres import Connection
from node.store.reference import load_territories

Cells = dict[Place, dict[str, Part]]


async def gather(conn: Connection, secret: bytes) -> Mapping[str, Contents]:
    """Return what contributes to each table of the plan. Raises: LogStateError(statistics-off-plan): a record has no cell."""
    territories = load_territories()
    found: dict[str, Cells] = {ident: {} for ident in PLAN}
    for network in await contributions.networks(conn):
        region = region_of(network.province, territories)
        _add(found, "networks-by-status", (region, network.status), network.record, Part(network.record))
        if network.cents:
            _add(found, "common-fund", (region, network.kind), network.record, Part(network.record, network.cents))
    for firm in await contributions.led_firms(conn):
        for led in firm.led_by:
            place = (region_of(firm.province, territories), led)
            _add(found, "led-firms", place, firm.record, Part(firm.unit))
    for case in await contributions.introductions(conn):
        outcome = outcome_of(case.state, case.outcome)
        if outcome is not None:
            origin, destination = _origin(case, territories), region_of_label(case.territory, territories)
            _add(
                found,
                "introductions-between-regions",
                (origin, destination, outcome),
                case.record,
                Part(_unit(case, secret)),
            )
    for group in await pipeline_counts.aggregations(conn):
        place = (region_of(group.region, territories), group.stage)
        _add(found, "pipeline-by-region", place, group.record, Part(group.record))
    for assisted in await pipeline_counts.assistance(conn):
        place = (region_of(assisted.province or assisted.region, territories), assisted.line)
        _add(found, "assistance-by-line", place, assisted.record, Part(assisted.unit))
    return found


def _unit(case: contributions.IntroductionRow, secret: bytes) -> str:
    """Return who asks. Firms that can't be told apart, for want of a tax code, are all one."""
    return case.network or cell_key.unit_of(secret, case.tax_code) or NOBODY


def _origin(case: contributions.IntroductionRow, territories: Territories) -> str:
    """Return where whoever asks has its seat: the network's, or of a firm in no network what it said."""
    return region_of(case.province or case.region, territories)


def _add(found: dict[str, Cells], table: str, place: Place, record: str, part: Part) -> None:
    if not PLAN[table].holds(place):
        raise LogStateError(
            "statistics-off-plan",
            N_("un dato non ha posto nella tabella {table}: non si pubblica nulla"),
            hint=N_("il piano delle tabelle e la base dati non vanno d'accordo: segnalarlo a chi cura il programma"),
            table=table,
        )
    found[table].setdefault(place, {})[record] = part
