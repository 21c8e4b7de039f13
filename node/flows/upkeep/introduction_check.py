"""Do introductions go? Whether anybody is told of them, and how much waits for this office's people.

In: what was seen of the node. Out: findings (node/flows/upkeep/doctor.py): numbers alone, no case and no name, since administrators and auditors
read them who may not read introductions. docs/administration.md.
"""

from __future__ import annotations

from typing import Final

from node.errors import N_, Said
from node.flows.upkeep.findings import OK, WARNING, Finding, Seen

AREA: Final = "search"
PLACE: Final = "[introductions] mail"


def check(seen: Seen) -> list[Finding]:
    """Return what is to be said of introductions."""
    return [_mail(seen), *_waiting(seen)]


def _mail(seen: Seen) -> Finding:
    to, there = seen.config.introductions, seen.introductions
    if to.mail:
        said = Said(N_("le novità dei contatti sono comunicate per posta a un indirizzo dell'ufficio"))
        return Finding("introductions-mail", AREA, OK, said, PLACE)
    if not (to.requests or there.open):
        said = Said(N_("questo nodo non prende richieste di contatto e non ne ha di aperte"))
        return Finding("introductions-mail", AREA, OK, said, PLACE)
    return Finding(
        "introductions-mail-unset", AREA, WARNING,
        Said(N_("nessuno è avvisato dei contatti: aperti {open}, richieste di imprese da guardare {drafts}"), {"open": there.open, "drafts": there.drafts}),
        PLACE, Said(N_("indicare in [introductions] mail una casella che l'ufficio legge, e in [mail] il server di posta; o requests = false")),
    )  # fmt: skip


def _waiting(seen: Seen) -> list[Finding]:
    there = seen.introductions
    if not (there.drafts or there.due or there.lost):
        return []
    facts = {"drafts": there.drafts, "due": there.due, "lost": there.lost}
    said = N_("contatti: richieste di imprese da guardare {drafts}, passi all'ultimo giorno o oltre {due}, con eventi perduti qui {lost}")  # fmt: skip
    remedy = (
        N_("avvisare i funzionari («/ufficio/contatti»); gli eventi perduti tornano dagli altri uffici: il loro nodo deve essere acceso, e raggiungersi («rete intro outbox»)")
        if there.lost
        else N_("avvisare i funzionari: stanno in «/ufficio/contatti» tra quelli che aspettano questo ufficio")
    )  # fmt: skip
    return [Finding("introductions-waiting", AREA, WARNING, Said(said, facts), "", Said(remedy))]
