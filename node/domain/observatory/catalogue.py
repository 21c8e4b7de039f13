"""The indicators of the Observatory: what each number is, before anybody counts it.

In: nothing. Out: one entry an indicator, whose sentences are catalogue ids (Italian, with English in the message files). Rules: no table
without an indicator; a definition says what is counted and what is not, a formula how, a source whose numbers they are; ``tier`` is
the level of disclosure (docs/rules.md S: 1 = from public data or published profiles, 2 = under disclosure control). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from node.errors import N_


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator; ``unit`` is the noun of its numbers, ``decimals`` how exactly they are said."""

    ident: str
    title: str
    definition: str
    formula: str
    unit: str
    source: str
    tier: int = 1
    decimals: int = 0


_PRIVATE: Final = N_("Registri privati degli enti e contatti mediati, con segreto statistico")
# Numbers from private records: told by each node under disclosure control (docs/statistics.md), added up over those who told.
_CONTROLLED: Final = (
    Indicator(
        "introductions-between-regions",
        N_("Contatti mediati fra regioni, per esito"),
        N_(
            "Contatti fra due uffici chiesti per una rete o un'impresa della regione di partenza verso una scheda della regione di"
            " arrivo, secondo l'esito di oggi. Un contatto conta una volta, presso l'ufficio che lo ha chiesto; le bozze non contano."
        ),
        N_("Somma, sugli enti che hanno comunicato, dei conteggi modificati per il segreto statistico."),
        N_("contatti"),
        _PRIVATE,
        tier=2,
    ),
    Indicator(
        "networks-by-status",
        N_("Reti seguite dagli enti, per regione e stato"),
        N_(
            "Reti del registro privato di ogni ente, dalla potenziale alla chiusa, nella regione dell'impresa di riferimento: anche"
            " quelle che non sono nel Registro delle imprese o non hanno una scheda pubblicata."
        ),
        N_("Somma, sugli enti che hanno comunicato, dei conteggi modificati per il segreto statistico."),
        N_("reti"),
        _PRIVATE,
        tier=2,
    ),
    Indicator(
        "led-firms",
        N_("Imprese femminili, giovanili e straniere nelle reti seguite"),
        N_(
            "Imprese che oggi fanno parte di una rete non chiusa del registro privato, nella regione della loro sede, secondo chi le"
            " guida. Un'impresa può contare sotto più voci, e una volta sola per ogni voce."
        ),
        N_("Somma, sugli enti che hanno comunicato, dei conteggi modificati per il segreto statistico."),
        N_("imprese"),
        _PRIVATE,
        tier=2,
    ),
    Indicator(
        "common-fund",
        N_("Fondo patrimoniale iniziale delle reti seguite"),
        N_(
            "Somma in euro dei fondi patrimoniali iniziali delle reti firmate, iscritte o modificate del registro privato, nella regione"
            " dell'impresa di riferimento. Mancano le parti degli enti con meno di tre reti o con una rete che domina."
        ),
        N_("Somma, sugli enti che hanno comunicato, delle somme modificate e arrotondate alle migliaia."),
        N_("euro"),
        _PRIVATE,
        tier=2,
    ),
)
_ALL: Final[tuple[Indicator, ...]] = (*_CONTROLLED,)
INDICATORS: Final[Mapping[str, Indicator]] = {found.ident: found for found in _ALL}
