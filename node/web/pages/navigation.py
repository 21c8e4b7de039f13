"""Which pages stand in the menu, in which order: everybody's, and those that a person's rights open.

In: who looks. Out: groups of entries. A new group of pages adds its entries here and nothing else to the frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from node.domain.roles import Permission
from node.errors import N_
from node.web.permission import User


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: where it leads and what it is called (a catalogue id)."""

    path: str
    title: str


PUBLIC: Final = (
    Entry("/", N_("Inizio")),
    Entry("/cerca", N_("Cerca reti")),
    Entry("/catalogo", N_("Catalogo")),
    Entry("/bandi", N_("Bandi")),
    Entry("/osservatorio", N_("Osservatorio")),
    Entry("/sessioni", N_("Sessioni")),
    Entry("/enti", N_("Enti")),
    Entry("/stato", N_("Stato")),
    Entry("/aiuto", N_("Aiuto")),
)
FOOT: Final = (
    Entry("/aiuto", N_("Aiuto")),
    Entry("/privacy", N_("Privacy")),
    Entry("/accessibilita", N_("Dichiarazione di accessibilità")),
    Entry("/api", N_("Dati e API")),
)


@dataclass(frozen=True, slots=True)
class Navigation:
    """The menu and the foot of a page."""

    main: tuple[Entry, ...]
    foot: tuple[Entry, ...]


# What rights open, each with the one that does.
OPENED: Final = (
    (Permission.OFFICE_READ, Entry("/ufficio", N_("Ufficio"))),
    (Permission.REGISTER_READ, Entry("/ufficio/reti", N_("Registro delle reti"))),
    (Permission.REGISTER_WRITE, Entry("/ufficio/importa", N_("Importare"))),
    (Permission.PROFILE_READ, Entry("/ufficio/profili", N_("Schede"))),
    (Permission.PROFILE_APPROVE, Entry("/ufficio/approvazioni", N_("Approvazioni"))),
    (Permission.MATCHES_READ, Entry("/ufficio/corrispondenze", N_("Corrispondenze"))),
    (Permission.INTRODUCTIONS_READ, Entry("/ufficio/contatti", N_("Contatti"))),
    (Permission.PROGRAMME_READ, Entry("/ufficio/percorso", N_("Percorso"))),
    (Permission.PROGRAMME_READ, Entry("/ufficio/sessioni", N_("Sessioni informative"))),
    (Permission.PROGRAMME_READ, Entry("/ufficio/aggregazioni", N_("Aggregazioni"))),
    (Permission.PROGRAMME_READ, Entry("/ufficio/servizi", N_("Servizi"))),
    (Permission.PROGRAMME_READ, Entry("/ufficio/fascicoli", N_("Fascicoli"))),
    (Permission.COURSES_READ, Entry("/ufficio/corsi", N_("Corsi"))),
    (Permission.CALLS_READ, Entry("/ufficio/bandi", N_("Bandi dell'ufficio"))),
    (Permission.CALLS_SCORE, Entry("/ufficio/valutazioni", N_("Valutazioni"))),
    (Permission.SEARCHES_WRITE, Entry("/ufficio/ricerche", N_("Ricerche salvate"))),
    (Permission.DOCTOR_READ, Entry("/amministrazione", N_("Amministrazione"))),
)


def entries_for(user: User | None) -> Navigation:
    """Return the entries for whoever looks, None for the public."""
    opened = tuple(entry for permission, entry in OPENED if user is not None and user.may(permission))
    return Navigation((*PUBLIC, *opened), FOOT)
