"""``rete doctor --deep``: every page of the database looked at, and what is damaged named, before somebody reads it.

In: a pool and a time. Out: findings. It reads the whole database once, slowly for nobody but itself; docs/administration.md.
"""

from __future__ import annotations

from typing import Final

from node.errors import N_, Said
from node.flows.upkeep.findings import DANGER, OK, WARNING, Finding
from node.store import page_check
from node.store.page_check import Looked
from node.store.postgres import Pool, acquire

MINUTES: Final = 10
_RESTORE = Said(
    N_(
        "un indice si rifà (REINDEX INDEX nome, come amministratore della base dati); una tabella no: fermare il nodo, tenere i file, provare il disco, ripristinare l'ultima copia buona (docs/backup.md)"
    )
)
_GRANT = Said(
    N_(
        "una volta, come superutente nella base dati del nodo: CREATE EXTENSION amcheck; GRANT EXECUTE ON FUNCTION bt_index_check(regclass, boolean), verify_heapam TO rete_node"
    )
)


async def look(pool: Pool, minutes: float = MINUTES) -> list[Finding]:
    """Look at every page for at most so many minutes. Raises: OperatorError(database-unreachable)."""
    async with acquire(pool) as conn:
        return judge(await page_check.look(conn, minutes * 60))


def judge(seen: Looked) -> list[Finding]:
    """Return what was found, each damaged relation by itself."""
    if seen.hindered:
        said = Said(N_("le pagine della base dati non si sono potute guardare: manca amcheck, o il permesso di usarlo"))
        return [Finding("pages-unchecked", "machine", WARNING, said, "", _GRANT)]
    found = [
        Finding("pages-damaged", "machine", DANGER, Said(N_("il disco ha ridato pagine alterate")), name, _RESTORE)
        for name in seen.damaged
    ]
    facts = {"relations": seen.relations, "mb": round(seen.bytes / 2**20), "unseen": seen.unseen}
    if seen.unseen:
        said = Said(
            N_("il tempo è finito: guardate {relations} tabelle e indici ({mb} MB), non guardati {unseen}"), facts
        )
        remedy = Said(N_("ripetere con --minutes più grande, in un'ora tranquilla"))
        found.append(Finding("pages-unfinished", "machine", WARNING, said, "", remedy))
    if not seen.checksums:
        said = Said(N_("la base dati non tiene somme di controllo: un bit cambiato in una riga non si vede"))
        remedy = Said(N_("pg_checksums --enable a server fermo, o initdb --data-checksums per un server nuovo"))
        found.append(Finding("pages-without-checksums", "machine", WARNING, said, "", remedy))
    return found or [
        Finding(
            "pages", "machine", OK, Said(N_("guardate tutte le pagine: {relations} tabelle e indici, {mb} MB"), facts)
        )
    ]
