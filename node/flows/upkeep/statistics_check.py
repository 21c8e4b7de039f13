"""Whether the statistics that this node told fit the calendar.

In: what was seen of the node. Out: findings (node/flows/upkeep/doctor.py). Rule: what was told stands (PROTOCOL 12.2), so whatever was told for a day to
come silences the node until then, and somebody has to know. docs/administration.md.
"""

from __future__ import annotations

from node.domain.observatory.plan import reference_day
from node.errors import N_, Said
from node.flows.upkeep.findings import WARNING, Finding, Seen


def check(seen: Seen) -> list[Finding]:
    """Return what is to be said of the statistics told: nothing while all is well."""
    day = seen.statistics_day
    if day is None or day <= reference_day(seen.now.date()):
        return []
    said = Said(N_("le statistiche risultano pubblicate per il trimestre che finisce il {day:%d/%m/%Y}, che non è ancora finito: fino ad allora non se ne pubblicano altre"), {"day": day})  # fmt: skip
    remedy = Said(N_("controllare l'ora della macchina: o va indietro ora, o andava avanti quando si pubblicò; ciò che fu pubblicato resta, e dopo quel giorno si riprende da sé"))  # fmt: skip
    return [Finding("statistics-ahead", "log", WARNING, said, "", remedy)]
