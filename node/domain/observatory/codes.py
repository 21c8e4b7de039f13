"""The dimensions of the Observatory's tables and what their codes are called, in one place for pages, files and metadata.

In: a dimension's name, one of its codes. Out: the catalogue id of its title, and a name: a catalogue id for closed lists, a proper
name for places and sectors (which the reader's tables give). Rule: a code that no list has is shown as itself, never left out. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from node.domain.labels import KIND_TITLES, SIZE_TITLES, UNKNOWN, UNKNOWN_TITLE
from node.domain.programme.announcement import LINE_TITLES
from node.domain.theme import THEME_TITLES
from node.errors import N_

TOTAL: Final = "*"
TOTAL_TITLE: Final = N_("Totale")


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension: its title, and the names of its codes where these are a closed list of ours.

    ``kind`` says where other names come from: ``closed`` (``names``), ``territory`` (NUTS codes and siglas), ``sector`` (sections and
    divisions of ATECO), ``time`` (a year, or a day as YYYY-MM-DD: the code is the name), ``age`` (whole years, from 0), ``body``
    (the ids of members).
    """

    ident: str
    title: str
    kind: str
    names: Mapping[str, str] = field(default_factory=dict)


# A list with refused rows may show a network with one firm; no year has a cell for that unless it was met.
MEMBERS: Final[Mapping[str, str]] = {
    "1": N_("1 impresa"),
    "2": N_("2 imprese"), "3": N_("3 imprese"), "4": N_("4 imprese"), "5": N_("5 imprese"), "6": N_("6 imprese"),
    "7": N_("7 imprese"), "8": N_("8 imprese"), "9": N_("9 imprese"), "10+": N_("10 o più imprese"),
}  # fmt: skip
SIZE_CLASSES: Final[Mapping[str, str]] = {
    "1": N_("1 impresa"),
    "2": N_("2 imprese"),
    "3": N_("3 imprese"),
    "4-9": N_("4-9 imprese"),
    "10-50": N_("10-50 imprese"),
    "51+": N_("più di 50 imprese"),
}
SPREADS: Final[Mapping[str, str]] = {
    "one-province": N_("una sola provincia"),
    "one-region": N_("più province di una regione"),
    "several-regions": N_("più regioni"),
}
PROVINCES: Final[Mapping[str, str]] = {
    "1": N_("una provincia"),
    "2": N_("due province"),
    "3+": N_("tre province o più"),
}
# As the list's column «NG» writes them; others are shown as they stand there.
LEGAL_FORMS: Final[Mapping[str, str]] = {
    "SR": N_("società a responsabilità limitata"),
    "RS": N_("società a responsabilità limitata semplificata"),
    "SP": N_("società per azioni"),
    "DI": N_("impresa individuale"),
    "SN": N_("società in nome collettivo"),
    "AS": N_("società in accomandita semplice"),
    "SC": N_("società cooperativa"),
}
EVENTS: Final[Mapping[str, str]] = {
    "born": N_("entrate nell'elenco"),
    "ended": N_("uscite dall'elenco"),
    "renumbered": N_("tornate con un altro atto"),
    "corrected": N_("corrette"),
    "members-changed": N_("con imprese cambiate"),
    "firms-joined": N_("adesioni nuove"),
    "firms-left": N_("adesioni finite"),
}
# What profiles look for and offer: the words of domain/vocabulary.CATEGORIES, which a test holds against these.
NEEDS: Final[Mapping[str, str]] = {
    "commercial_partner": N_("Partner commerciale"),
    "distribution": N_("Distribuzione"),
    "raw_materials": N_("Materie prime"),
    "components": N_("Componenti e semilavorati"),
    "production_capacity": N_("Capacità produttiva"),
    "technology": N_("Tecnologia e macchinari"),
    "digitalisation": N_("Digitalizzazione"),
    "research_partner": N_("Partner di ricerca"),
    "certification_support": N_("Percorsi di certificazione"),
    "joint_purchasing": N_("Acquisti comuni"),
    "logistics": N_("Logistica"),
    "foreign_markets": N_("Accesso ai mercati esteri"),
    "trade_fairs": N_("Fiere e promozione comune"),
    "tenders": N_("Partecipazione a gare"),
    "finance": N_("Finanza e credito"),
    "skills": N_("Competenze e formazione"),
    "energy": N_("Energia e ambiente"),
    "tourism_package": N_("Pacchetti turistici"),
    "services": N_("Servizi specialistici"),
    "spaces": N_("Spazi e impianti"),
}
COVERAGE: Final[Mapping[str, str]] = {
    "profiles": N_("profili pubblicati"),
    "entries": N_("voci del registro"),
    "current": N_("registro aggiornato (1 sì, 0 no)"),
}
STATUSES: Final[Mapping[str, str]] = {
    "potential": N_("potenziali"),
    "drafting": N_("in preparazione"),
    "signed": N_("firmate"),
    "registered": N_("iscritte"),
    "amended": N_("modificate"),
    "closed": N_("chiuse"),
}
OUTCOMES: Final[Mapping[str, str]] = {
    "open": N_("in corso"),
    "declined": N_("rifiutato"),
    "introduced": N_("reti presentate"),
    "agreement": N_("accordo"),
    "talks": N_("trattativa"),
    "none": N_("nessun esito"),
    "ended": N_("chiuso prima della presentazione"),
}
LED: Final[Mapping[str, str]] = {
    "women": N_("imprese femminili"),
    "youth": N_("imprese giovanili"),
    "foreign": N_("imprese straniere"),
}
STAGES: Final[Mapping[str, str]] = {
    "potential": N_("da valutare"),
    "evaluated": N_("valutate"),
    "left-unevaluated": N_("lasciate prima della valutazione"),
    "left-evaluated": N_("lasciate dopo la valutazione"),
}
# As case files have them: the words are those of what is announced.
LINES: Final[Mapping[str, str]] = {
    "technical": LINE_TITLES["technical"],
    "guidance": LINE_TITLES["guidance"],
    "design": LINE_TITLES["design"],
    "management": LINE_TITLES["management"],
    "governance": LINE_TITLES["process-governance"],
    "certification": LINE_TITLES["certification"],
    "administrative": LINE_TITLES["administrative"],
    "legal": LINE_TITLES["legal"],
    "fiscal": LINE_TITLES["fiscal"],
}
WHEN: Final[Mapping[str, str]] = {"held": N_("già cominciate"), "ahead": N_("ancora da tenere")}
# As rows of a ranking say it (PROTOCOL 14.7).
RESULTS: Final[Mapping[str, str]] = {
    "funded": N_("finanziate"),
    "part-funded": N_("finanziate in parte"),
    "admitted": N_("ammesse senza fondi"),
    "below-threshold": N_("sotto la soglia"),
    "not-admitted": N_("non ammesse"),
    "withdrawn": N_("ritirate"),
}

_ALL: Final = (
    Dimension("year", N_("Anno"), "time"),
    Dimension("region", N_("Regione"), "territory"),
    Dimension("province", N_("Provincia"), "territory"),
    Dimension("origin", N_("Da"), "territory"),
    Dimension("destination", N_("A"), "territory"),
    Dimension("section", N_("Sezione"), "sector"),
    Dimension("division", N_("Divisione"), "sector"),
    Dimension("size", N_("Dimensione"), "closed", SIZE_TITLES),
    Dimension("kind", N_("Tipo di rete"), "closed", KIND_TITLES),
    Dimension("theme", N_("Tema"), "closed", THEME_TITLES),
    Dimension("body", N_("Ente"), "body"),
    Dimension("day", N_("Data dell'elenco"), "time"),
    Dimension("members", N_("Numero di imprese"), "closed", MEMBERS),
    Dimension("size_class", N_("Classe di imprese"), "closed", SIZE_CLASSES),
    Dimension("spread", N_("Estensione"), "closed", SPREADS),
    Dimension("provinces", N_("Numero di province"), "closed", PROVINCES),
    Dimension("legal_form", N_("Natura giuridica"), "closed", LEGAL_FORMS),
    Dimension("event", N_("Che cosa è successo"), "closed", EVENTS),
    Dimension("cohort", N_("Anno dell'atto"), "time"),
    Dimension("age", N_("Anni dopo"), "age"),
    Dimension("capability", N_("Che cosa"), "closed", NEEDS),
    Dimension("coverage", N_("Copertura"), "closed", COVERAGE),
    Dimension("status", N_("Stato"), "closed", STATUSES),
    Dimension("outcome", N_("Esito"), "closed", OUTCOMES),
    Dimension("led", N_("Guida dell'impresa"), "closed", LED),
    Dimension("when", N_("Quando"), "closed", WHEN),
    Dimension("result", N_("Esito della domanda"), "closed", RESULTS),
    Dimension("stage", N_("Passo"), "closed", STAGES),
    Dimension("line", N_("Linea di servizio"), "closed", LINES),
)
DIMENSIONS: Final[Mapping[str, Dimension]] = {found.ident: found for found in _ALL}
ANYWHERE: Final[Mapping[str, str]] = {TOTAL: TOTAL_TITLE, UNKNOWN: UNKNOWN_TITLE}
