"""The dimensions of the Observatory's tables and what their codes are called, in one place for pages, files and metadata.

In: a dimension's name, one of its codes. Out: the catalogue id of its title, and a name: a catalogue id for closed lists, a proper
name for places and sectors (which the reader's tables give). Rule: a code that no list has is shown as itself, never left out. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from node.domain.labels import KIND_TITLES, SIZE_TITLES, UNKNOWN, UNKNOWN_TITLE
from node.domain.theme import THEME_TITLES
from node.errors import N_

TOTAL: Final = "*"
TOTAL_TITLE: Final = N_("Totale")


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension: its title, and the names of its codes where these are a closed list of ours.

    ``kind`` says where other names come from: ``closed`` (``names``), ``territory`` (NUTS codes and siglas), ``sector`` (sections and
    divisions of ATECO), ``time`` (a year, or a day as YYYY-MM-DD: the code is the name), ``body`` (the ids of members).
    """

    ident: str
    title: str
    kind: str
    names: Mapping[str, str] = field(default_factory=dict)


STATUS_TITLES: Final = {
    "potential": N_("potenziale"),
    "drafting": N_("in preparazione"),
    "signed": N_("firmata"),
    "registered": N_("iscritta"),
    "amended": N_("modificata"),
    "closed": N_("chiusa"),
}
LED_TITLES: Final = {
    "women": N_("impresa femminile"),
    "youth": N_("impresa giovanile"),
    "foreign": N_("impresa straniera"),
}
OUTCOME_TITLES: Final = {
    "open": N_("in corso"),
    "declined": N_("rifiutato"),
    "introduced": N_("reti presentate"),
    "agreement": N_("presentate, con un accordo"),
    "talks": N_("presentate, trattative in corso"),
    "none": N_("presentate, senza seguito"),
    "ended": N_("chiuso prima della presentazione"),
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
    Dimension("status", N_("Stato della rete"), "closed", STATUS_TITLES),
    Dimension("led", N_("Guida dell'impresa"), "closed", LED_TITLES),
    Dimension("outcome", N_("Esito del contatto"), "closed", OUTCOME_TITLES),
)
DIMENSIONS: Final[Mapping[str, Dimension]] = {found.ident: found for found in _ALL}
ANYWHERE: Final[Mapping[str, str]] = {TOTAL: TOTAL_TITLE, UNKNOWN: UNKNOWN_TITLE}
