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

REGISTER: Final = N_("Elenco pubblico dei contratti di rete del sistema camerale")
PROFILES: Final = N_("Profili pubblicati nella federazione")
FEDERATION: Final = N_("Registri firmati dei nodi della federazione, come li vede questo nodo")
OFFICES: Final = N_("Uffici della federazione, con tutela del segreto statistico")
ANNOUNCED: Final = N_("Annunci nei registri firmati degli enti della federazione")
REGISTER_AND_REFERENCE: Final = N_("Elenco pubblico dei contratti di rete; imprese registrate per regione")

COUNTED: Final = N_("Somma, sugli enti che hanno comunicato, dei conteggi modificati per il segreto statistico.")
NETWORKS_UNIT: Final = N_("reti")
FIRMS_UNIT: Final = N_("imprese")
PROFILES_UNIT: Final = N_("profili")


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


_STOCK: Final = (
    Indicator(
        "networks",
        N_("Reti di imprese"),
        N_(
            "I contratti di rete attivi nell'elenco a una data, rete-contratto e rete-soggetto insieme. Luogo e settore sono quelli"
            " dell'impresa di riferimento. Per ogni anno vale l'ultima edizione caricata di quell'anno."
        ),
        N_("numero di contratti diversi per numero di repertorio, numero dell'atto e data"),
        NETWORKS_UNIT,
        REGISTER,
    ),
    Indicator(
        "firms",
        N_("Imprese in rete"),
        N_(
            "Le imprese che fanno parte di almeno una rete attiva: chi è in più reti conta una volta sola, con la sede e l'attività"
            " scritte nella rete più recente. Un'impresa senza codice fiscale conta in ogni rete in cui è scritta."
        ),
        N_("numero di codici fiscali diversi, più le righe senza codice"),
        FIRMS_UNIT,
        REGISTER,
    ),
    Indicator(
        "memberships",
        N_("Adesioni"),
        N_("Le coppie di una rete attiva e di un'impresa che ne fa parte: chi è in tre reti conta tre volte."),
        N_("numero di righe dell'elenco, senza ripetizioni"),
        N_("adesioni"),
        REGISTER,
    ),
    Indicator(
        "growth",
        N_("Crescita"),
        N_("Di quanto reti o imprese in rete sono di più che alla fine dell'anno prima."),
        N_("100 × (oggi − un anno prima) ÷ un anno prima"),
        "%",
        REGISTER,
        decimals=1,
    ),
    Indicator(
        "networks-by-size",
        N_("Reti per numero di imprese"),
        N_("Le reti attive secondo quante imprese ne fanno parte."),
        N_("numero di reti per classe di imprese"),
        NETWORKS_UNIT,
        REGISTER,
    ),
    Indicator(
        "networks-by-spread",
        N_("Reti per estensione"),
        N_("Le reti attive secondo dove hanno sede le loro imprese: in una provincia, in una regione, in più regioni."),
        N_("numero di reti per numero di province e di regioni diverse delle loro imprese"),
        NETWORKS_UNIT,
        REGISTER,
    ),
    Indicator(
        "firms-by-legal-form",
        N_("Imprese in rete per natura giuridica"),
        N_("Le imprese in rete secondo la natura giuridica scritta nell'elenco; «DI» sono le imprese individuali."),
        N_("numero di imprese diverse per natura giuridica"),
        FIRMS_UNIT,
        REGISTER,
    ),
    Indicator(
        "networks-by-theme",
        N_("Reti per tema"),
        N_("Le reti attive secondo il tema che la regola pubblica dei temi legge nel loro oggetto."),
        N_("numero di reti per tema"),
        NETWORKS_UNIT,
        REGISTER,
    ),
    Indicator(
        "born-and-ended",
        N_("Nascite e cessazioni"),
        N_(
            "Che cosa è cambiato tra l'ultima edizione dell'anno e l'ultima di un anno prima: reti entrate, uscite, tornate con un"
            " altro atto (stesso nome e almeno un'impresa in comune: né nate né cessate), corrette, con imprese cambiate; adesioni"
            " nuove e finite delle reti rimaste."
        ),
        N_("confronto delle due edizioni, contratto per contratto"),
        N_("cambiamenti"),
        REGISTER,
    ),
    Indicator(
        "survival",
        N_("Sopravvivenza"),
        N_(
            "Quante reti, su cento di uno stesso anno dell'atto, sono ancora nell'elenco dopo tanti anni. Una rete tornata con un"
            " altro atto conta come rimasta; chi entra tardi conta da quando entra."
        ),
        N_("100 × prodotto, anno per anno, di reti rimaste ÷ reti presenti l'anno prima"),
        "%",
        REGISTER,
        decimals=1,
    ),
    Indicator(
        "density",
        N_("Imprese in rete ogni 10.000 registrate"),
        N_("Le imprese in rete di una regione in rapporto alle imprese registrate lì alla fine dello stesso anno."),
        N_("10.000 × imprese in rete ÷ imprese registrate"),
        N_("imprese ogni 10.000"),
        REGISTER_AND_REFERENCE,
        decimals=1,
    ),
)
_COOPERATION: Final = (
    Indicator(
        "profiles",
        N_("Profili pubblicati"),
        N_(
            "I profili visibili e validi oggi. Un profilo che può stare in più regioni o temi conta per una parte in ognuno, così che"
            " la somma è il totale; quello che non dice dove sta è tra i non noti."
        ),
        N_("somma delle parti di ogni profilo"),
        PROFILES_UNIT,
        PROFILES,
        decimals=1,
    ),
    Indicator(
        "needs",
        N_("Bisogni"),
        N_("I profili che cercano qualcosa, per che cosa cercano e dove possono stare."),
        N_("somma delle parti di ogni profilo che cerca"),
        PROFILES_UNIT,
        PROFILES,
        decimals=1,
    ),
    Indicator(
        "offers",
        N_("Offerte"),
        N_("I profili che offrono qualcosa, per che cosa offrono e dove possono stare."),
        N_("somma delle parti di ogni profilo che offre"),
        PROFILES_UNIT,
        PROFILES,
        decimals=1,
    ),
    Indicator(
        "gap",
        N_("Divario tra bisogni e offerte"),
        N_("Quanto si cerca più di quanto si offre: sopra lo zero manca l'offerta, sotto lo zero ce n'è di più."),
        N_("bisogni − offerte"),
        PROFILES_UNIT,
        PROFILES,
        decimals=1,
    ),
    Indicator(
        "matches",
        N_("Incontri possibili tra regioni"),
        N_(
            "Le coppie in cui un profilo di una regione cerca ciò che un profilo di un'altra, o della stessa, offre. Nessun profilo"
            " incontra se stesso."
        ),
        N_("somma, per ogni cosa cercata, di bisogni dell'una × offerte dell'altra, meno gli incontri con se stessi"),
        N_("incontri"),
        PROFILES,
        decimals=1,
    ),
    Indicator(
        "coverage",
        N_("Copertura della federazione"),
        N_(
            "Per ogni ente, quanti profili e quante voci del suo registro firmato conosce questo nodo, e se è aggiornato."
        ),
        N_("conteggio per ente, su tutti i suoi registri"),
        N_("conteggi"),
        FEDERATION,
    ),
)
# What the signed catalogue announces: public, and counted alike at every node.
_ANNOUNCED: Final = (
    Indicator(
        "sessions",
        N_("Sessioni informative"),
        N_(
            "Gli incontri informativi annunciati dagli enti e non ritirati, nell'anno del loro giorno: tenuti, se quel giorno è passato,"
            " o ancora da tenere. Il luogo è il comune dell'incontro, altrimenti la regione per cui è annunciato. Quanti sono venuti non si conta."
        ),
        N_("numero di annunci di incontri, ognuno una volta"),
        N_("sessioni"),
        ANNOUNCED,
    ),
    Indicator(
        "courses",
        N_("Corsi"),
        N_("I corsi annunciati con almeno un'edizione non annullata che comincia nell'anno."),
        N_("numero di corsi diversi"),
        N_("corsi"),
        ANNOUNCED,
    ),
    Indicator(
        "editions",
        N_("Edizioni di corsi"),
        N_(
            "Le edizioni annunciate e non annullate, nell'anno in cui cominciano: cominciate o ancora da cominciare. Il luogo è il comune del"
            " primo incontro, altrimenti la regione per cui il corso è annunciato."
        ),
        N_("numero di edizioni"),
        N_("edizioni"),
        ANNOUNCED,
    ),
    Indicator(
        "calls",
        N_("Bandi aperti"),
        N_(
            "I bandi che tutti gli enti che li emettono hanno pubblicato uguali, dal giorno della loro apertura, anche se ora sono chiusi."
        ),
        N_("numero di bandi diversi, nell'anno di apertura"),
        N_("bandi"),
        ANNOUNCED,
    ),
    Indicator(
        "applications",
        N_("Domande in graduatoria"),
        N_(
            "Le domande delle graduatorie che tutti gli enti di un bando hanno pubblicato uguali, secondo l'esito, nell'anno della"
            " pubblicazione: le righe sono pubbliche e non dicono di chi sono."
        ),
        N_("numero di righe delle graduatorie per esito"),
        N_("domande"),
        ANNOUNCED,
    ),
    Indicator(
        "grants",
        N_("Contributi concessi"),
        N_(
            "Gli importi concessi dalle graduatorie che tutti gli enti di un bando hanno pubblicato uguali, nell'anno della pubblicazione."
        ),
        N_("somma degli importi concessi"),
        N_("euro"),
        ANNOUNCED,
        decimals=2,
    ),
)
# Told by each node under disclosure control (docs/statistics.md), added up over those that told.
_OFFICES: Final = (
    Indicator(
        "introductions",
        N_("Contatti tra regioni"),
        N_(
            "I contatti tra due uffici chiesti per una rete o un'impresa di una regione verso un profilo di un'altra, o della stessa,"
            " secondo come stanno oggi. Ognuno conta una volta, presso l'ufficio che lo ha chiesto; le bozze non contano."
        ),
        COUNTED,
        N_("contatti"),
        OFFICES,
        tier=2,
    ),
    Indicator(
        "pipeline",
        N_("Reti in cammino"),
        N_(
            "Le reti che gli uffici seguono, da potenziali a iscritte e chiuse, nella regione dell'impresa di riferimento: anche quelle"
            " che non sono nell'elenco pubblico o non hanno un profilo."
        ),
        COUNTED,
        NETWORKS_UNIT,
        OFFICES,
        tier=2,
    ),
    Indicator(
        "aggregations",
        N_("Aggregazioni prima della rete"),
        N_(
            "I gruppi di imprese che gli uffici hanno raccolto e che non sono ancora una rete del registro privato: da valutare, valutati,"
            " lasciati prima o dopo la valutazione. Ognuno conta una volta, dove sta oggi, nella regione dell'impresa di riferimento;"
            " da quando è accompagnato lo conta «Reti in cammino»."
        ),
        COUNTED,
        N_("aggregazioni"),
        OFFICES,
        tier=2,
    ),
    Indicator(
        "assistance",
        N_("Assistenza per linea di servizio"),
        N_(
            "I fascicoli aperti dagli uffici per una rete o un'aggregazione, anche conclusi, secondo la linea di servizio e la regione"
            " dell'impresa di riferimento; un fascicolo con più linee conta in ognuna."
        ),
        COUNTED,
        N_("fascicoli"),
        OFFICES,
        tier=2,
    ),
    Indicator(
        "led-firms",
        N_("Imprese femminili, giovanili e straniere"),
        N_(
            "Le imprese che fanno parte di una rete non chiusa seguita dagli uffici, nella regione della loro sede, secondo chi le"
            " guida; un'impresa può contare in più voci."
        ),
        COUNTED,
        FIRMS_UNIT,
        OFFICES,
        tier=2,
    ),
    Indicator(
        "common-fund",
        N_("Fondo patrimoniale"),
        N_(
            "La dotazione iniziale del fondo comune delle reti firmate, iscritte o modificate seguite dagli uffici, nella regione"
            " dell'impresa di riferimento. Mancano le parti degli enti con meno di tre reti o con una rete che domina."
        ),
        N_("Somma, sugli enti che hanno comunicato, delle somme modificate e arrotondate alle migliaia."),
        N_("euro"),
        OFFICES,
        tier=2,
    ),
)
_ALL: Final[tuple[Indicator, ...]] = (*_STOCK, *_COOPERATION, *_ANNOUNCED, *_OFFICES)
INDICATORS: Final[Mapping[str, Indicator]] = {found.ident: found for found in _ALL}
