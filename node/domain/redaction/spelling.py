"""How the names of firms and persons are written: with and without legal form, in every order, with initials.

In: a name as a register has it. Out: folded spellings, and how sure each is of meaning that name. A name made of common
words ("Trasporti Internazionali") means the firm only with capitals or with its legal form. Source: docs/rules.md T.3.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from node.domain.folding import fold

SHORTEST_TERM = 3
# One word shorter than this is looked for with a capital only: "gea" may be anything.
SURE_ALONE = 8
DISTINCT_TOKEN = 5
PERSON_PARTS_MAX = 4


class Evidence(IntEnum):
    """What else must be seen before a spelling counts: nothing, capitals, or a place's preposition with a capital."""

    NONE = 0
    CAPITAL = 1
    PLACE = 2


@dataclass(frozen=True, slots=True)
class Spelling:
    """One folded way to write a name; ``joined``: it also counts without spaces, ``inside``: even inside a longer word."""

    text: str
    evidence: Evidence
    joined: bool = False
    inside: bool = False


# Words of firms' names that everybody writes, beside those by which activities are called (ATECO's titles).
_EVERYDAY = """
internazionale internazionali nazionale nazionali italia italiana italiano italiane italiani europa europea europeo generale
generali nuova nuovo nuove nuovi grande grandi piccola piccole antica antico antiche bella bello dolce dolci buona buono gusto gusti
sapori sapore tipici tipico tipica tradizione tradizionali qualita eccellenza natura naturale naturali verde verdi blu bianca rossa
sud nord est ovest centro centrale mare terra sole cielo monte valle campo prato bosco ponte fonte porto torre borgo casa case
servizi servizio service services group gruppo system systems sistema sistemi soluzione soluzioni solution solutions progetto progetti
project projects engineering ingegneria consulting consulenza consulenze design studio studi lab laboratorio global trade trading
export import tech technology tecnologia tecnologie digital digitale solar solare energy energia energie food wine vino vini olio pane
travel tour tours viaggi fashion moda line point new old euro inter plus art arte arti work works team partner partners world best
first one net web app cloud data green eco bio rete reti network imprese impresa azienda aziende societa fratelli figli trasporti
trasporto logistica costruzioni costruzione impianti impianto impiantistica lavori opere edile edili edilizia meccanica meccaniche
officina officine forniture fornitura prodotti prodotto produzione produzioni alimentari agricola agricole agricoltura qualificata
gestione gestioni immobiliare commerciale commerciali industriale industriali artigiana artigiane artigianale artigianali sociale
"""
EVERYDAY = frozenset(_EVERYDAY.split())
_FORM = (
    r"(?:s r l s|s r l|srls|srl|s p a|spa|s n c|snc|s a s|sas|s s|s c a r l|scarl|s c r l|scrl|s coop|scpa|a r l|arl|"
    r"soc(?:ieta)? coop(?:erativa)?(?: agr(?:icola)?| sociale| consortile| a r l)*|soc(?:ieta)? agr(?:icola)?(?: semplice| s s)?|"
    r"societa semplice(?: agricola)?|soc(?:ieta)? cons(?:ortile)?(?: a r l)?|unipersonale|a socio unico|in liquidazione|ltd|gmbh)"
)
_FROM_FORM = re.compile(rf" {_FORM}(?= |$)(.*)$")
# What follows a firm's name in a folded text and belongs to it.
FORM_AFTER = re.compile(rf"(?: (?:e )?figli)?(?: {_FORM})+(?= |$)")
_FORM_FIRST = re.compile(
    r"^(?:soc(?:ieta)? (?:agricola|cooperativa|coop|semplice)(?: semplice| agricola| sociale)*|az(?:ienda)? agr(?:icola)?|"
    r"impresa individuale|ditta(?: individuale)?) (?=\S)"
)
_KIN = re.compile(r"(?: (?:e|and) | )(?:figli[oae]?|fratelli|f lli|c|co|sons)$")
_ARTICLE = re.compile(r"^(?:il|lo|la|l|i|gli|le) (?=\S)")
_OF_PERSON = re.compile(r"^(.+) (?:di|de) (\S+ \S+(?: \S+)?)$")
_PARTICLES = frozenset(("di", "de", "del", "della", "d", "lo", "la", "dei", "da", "e", "il", "le", "i", "gli", "l"))


def of_firm(name: str, common: frozenset[str], *, own: bool) -> Iterator[Spelling]:
    """Yield how a firm, a network or a brand is written; of our ``own`` ones also each telling word."""
    full = fold(name)
    if len(full) < SHORTEST_TERM:
        return
    bare, owner = _bare(full)
    sure = False
    for text in dict.fromkeys((bare, _ARTICLE.sub("", bare))):
        evidence = _evidence(text, common)
        if evidence is not None:
            sure = sure or evidence == Evidence.NONE
            wordy = " " in text
            yield Spelling(text, evidence, joined=evidence == Evidence.NONE, inside=wordy and len(text) > SURE_ALONE)
    if not sure or full == bare:
        yield Spelling(full, Evidence.NONE, joined=True, inside=len(full) > SURE_ALONE)
        yield Spelling(_tight_form(full), Evidence.NONE)
    if owner:
        yield from of_person(owner, common, own=False)
    if own:
        for token in bare.split():
            if len(token) >= DISTINCT_TOKEN and token not in common:
                yield Spelling(token, Evidence.CAPITAL)


def _bare(full: str) -> tuple[str, str]:
    """Return a folded name without legal form, kin and owner, and its owner if it names one."""
    found = _FROM_FORM.search(full)
    bare, rest = (full[: found.start()], found.group(1)) if found else (full, "")
    bare = _FORM_FIRST.sub("", bare)
    rest = _KIN.sub("", rest.strip())
    owner = rest.removeprefix("di ") if rest.startswith("di ") else ""
    of = _OF_PERSON.match(bare)
    if of and not found:
        bare, owner = of.group(1), of.group(2)
    while (shorter := _KIN.sub("", bare)) != bare:
        bare = shorter
    return bare, owner if 1 < len(owner.split()) <= PERSON_PARTS_MAX else ""


def _tight_form(full: str) -> str:
    """Return a folded name with the letters of its form written together, as "rossi snc"."""
    return re.sub(r"(?<= )(?:\w ){1,4}\w(?= |$)", lambda found: found.group().replace(" ", ""), full)


def _evidence(text: str, common: frozenset[str]) -> Evidence | None:
    """Return what must be seen beside a name without its legal form, None when it says nothing."""
    words = text.split()
    telling = [word for word in words if word not in common and word not in _PARTICLES]
    if len(text) < SHORTEST_TERM or (not telling and len(words) == 1):
        return None
    if telling and (len(text.split()) > 1 or len(text) >= SURE_ALONE):
        return Evidence.NONE
    return Evidence.CAPITAL


def of_person(name: str, common: frozenset[str], *, own: bool) -> Iterator[Spelling]:
    """Yield how a person is written: every order, any two of three names, with an initial; of ``own`` ones the surname too."""
    parts = fold(name).split()
    if not 1 < len(parts) <= PERSON_PARTS_MAX:
        if len(parts) > PERSON_PARTS_MAX:
            yield Spelling(" ".join(parts), Evidence.NONE, joined=True, inside=True)
        return
    for order in itertools.permutations(parts):
        text = " ".join(order)
        yield Spelling(text, Evidence.NONE, joined=True, inside=len(text) > SURE_ALONE)
    names = [part for part in parts if part not in _PARTICLES]
    if not own:
        return
    for first, second in itertools.permutations(names, 2):
        if len(parts) > 2:
            yield Spelling(f"{first} {second}", Evidence.NONE)
        if len(second) >= SHORTEST_TERM:
            yield Spelling(f"{first[0]} {second}", Evidence.CAPITAL)
            yield Spelling(f"{second} {first[0]}", Evidence.CAPITAL)
    for part in names:
        if len(part) >= DISTINCT_TOKEN and part not in common:
            yield Spelling(part, Evidence.CAPITAL)
