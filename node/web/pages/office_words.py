"""The private register in words: the fields of its form, what they are called, and records as people read them.

In: records, cells under the template's columns (domain/template), what a form sends. Out: (label, text) lines; form fields from
cells and back. Rules: the columns are the template's, so that a form says what a file would; labels and words are the reader's.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from babel.numbers import format_currency

from node import i18n
from node.domain import template, vocabulary
from node.domain.change import FIRM_FACTS
from node.domain.entry_form import FIRMS_MAX, Entry
from node.domain.network import ContactRecord, Member, NetworkRecord, WantRecord, legal_effect_on
from node.domain.rows import RowProblem
from node.domain.template_reader import NAME_MAX, WANTS_MAX
from node.domain.vocabulary import Titles
from node.errors import N_

# What a form sends: each field with its values.
Fields = dict[str, list[str]]
ON: Final = template.YES


@dataclass(frozen=True, slots=True)
class Field:
    """One field: the template's column, what it is called, how it is typed, and what helps."""

    column: str
    title: str
    kind: str = "line"
    hint: str = ""
    required: bool = False
    longest: int = 0

    @property
    def name(self) -> str:
        """The field's name in the form, and its id."""
        plain = unicodedata.normalize("NFD", self.column).encode("ascii", "ignore").decode()
        return plain.replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Titled:
    """Something with a title (a catalogue id)."""

    title: str
    value: Any


_DAY: Final = N_("gg/mm/aaaa")
_CODES: Final = N_("codici di due lettere, separati da virgole")
NETWORK: Final = (
    Titled(
        N_("La rete"),
        (
            Field("rete", N_("nome della rete"), required=True, longest=NAME_MAX),
            Field("tipo", N_("tipo"), "one"),
            Field("stato", N_("stato"), "one"),
            Field("oggetto", N_("oggetto"), "area", N_("può mancare se c'è il repertorio")),
            Field("programma", N_("programma"), "area"),
            Field("obiettivi", N_("obiettivi"), "lines", N_("uno per riga")),
            Field("finalità", N_("finalità"), "one"),
            Field("aperta", N_("aperta a nuove imprese"), "flag"),
        ),
    ),
    Titled(
        N_("L'atto"),
        (
            Field("repertorio", N_("repertorio"), hint=N_("serve per una rete iscritta")),
            Field("numero atto", N_("numero atto")),
            Field("data atto", N_("data atto"), "day", _DAY),
            Field("forma atto", N_("forma dell'atto"), "one"),
            Field("notaio", N_("notaio")),
            Field("inizio", N_("inizio"), "day", _DAY),
            Field("fine", N_("fine"), "day", _DAY),
        ),
    ),
    Titled(
        N_("Fondo, organo, sede"),
        (
            Field("fondo comune", N_("fondo comune"), "flag"),
            Field("fondo iniziale", N_("fondo iniziale"), hint=N_("euro, per esempio 1.234,56")),
            Field("organo comune", N_("organo comune"), "flag"),
            Field("tipo organo", N_("tipo di organo")),
            Field("titolare organo", N_("titolare dell'organo")),
            Field("sede", N_("sede")),
            Field("codice fiscale rete", N_("codice fiscale della rete")),
            Field("rea rete", N_("REA della rete")),
        ),
    ),
    Titled(
        N_("Che cosa sa fare e che cosa cerca"),
        (
            Field("capacità", N_("capacità"), "many"),
            Field("certificazioni", N_("certificazioni"), "many"),
            Field("qualità", N_("qualità"), "many"),
            Field("lingue", N_("lingue"), "codes", _CODES),
            Field("paesi obiettivo", N_("paesi obiettivo"), "codes", _CODES),
            Field("fabbisogni", N_("fabbisogni"), "wants"),
            Field("offerte", N_("offerte"), "wants"),
            Field("contatti", N_("contatti"), "lines", N_("uno per riga: persona; ruolo; posta; telefono")),
        ),
    ),
)
FIRM: Final = (
    Field("impresa", N_("nome dell'impresa"), required=True),
    Field("codice fiscale", N_("codice fiscale")),
    Field("partita iva", N_("partita iva")),
    Field("forma giuridica", N_("forma giuridica"), hint=N_("sigla, per esempio SR, SP")),
    Field("provincia", N_("provincia"), required=True, hint=N_("sigla di due lettere"), longest=2),
    Field("comune", N_("comune")),
    Field("rea", N_("rea")),
    Field("ateco 2007", N_("ateco"), hint=N_("per esempio 10.41.10")),
    Field("riferimento", N_("impresa di riferimento"), "flag"),
    Field("fondatrice", N_("fondatrice"), "flag"),
    Field("adesione", N_("adesione"), "day", N_("gg/mm/aaaa; se manca, la data dell'atto")),
    Field("iscrizione", N_("iscrizione"), "day", _DAY),
    Field("uscita", N_("uscita"), "day", N_("gg/mm/aaaa, solo per chi è uscita")),
    Field("conferimento", N_("conferimento"), hint=N_("euro, per esempio 1.234,56")),
)
ALL: Final[tuple[Field, ...]] = tuple(field for section in NETWORK for field in section.value)
TITLES: Final[Mapping[str, str]] = {
    **{field.column: field.title for field in (*ALL, *FIRM)},
    FIRM_FACTS: N_("dati di un'impresa"),
}
_SPLIT: Final = {"lines": "\n", "codes": ","}
# Closed lists: what a form sends is the word of the template.
OPTIONS: Final[Mapping[str, tuple[Iterable[tuple[str, str]], Titles]]] = {
    "tipo": ([(word, kind.value) for word, kind in template.KINDS.items()], vocabulary.KINDS),
    "stato": (list(template.STATUS_WORDS.items()), vocabulary.NETWORK_STATUSES),
    "finalità": (list(template.PURPOSE_WORDS.items()), vocabulary.NETWORK_PURPOSES),
    "forma atto": (list(template.DEED_WORDS.items()), vocabulary.DEED_FORMS),
    "capacità": ([(key, key) for key in vocabulary.CAPABILITIES], vocabulary.CAPABILITIES),
    "certificazioni": ([(key, key) for key in vocabulary.CERTIFICATIONS], vocabulary.CERTIFICATIONS),
    "qualità": (list(template.EXTRA_WORDS.items()), vocabulary.QUALITIES),
    "fabbisogni": ([(key, key) for key in vocabulary.CATEGORIES], vocabulary.CATEGORIES),
    "offerte": ([(key, key) for key in vocabulary.CATEGORIES], vocabulary.CATEGORIES),
}


def options(column: str, language: str) -> list[tuple[str, str]]:
    """Return (what the form sends, what people read) of a closed list."""
    words, titles = OPTIONS[column]
    return [(word, vocabulary.title(titles, key, language)) for word, key in words]


# --- between cells and form fields ---


def fields_of(entry: Entry) -> Fields:
    """Return what a form shows of some cells."""
    found: Fields = {}
    for field in ALL:
        found |= _shown(field, field.name, str(entry.network.get(field.column, "")))
    for number, cells in enumerate(entry.firms, 1):
        for field in FIRM:
            found |= _shown(field, f"{field.name}-{number}", str(cells.get(field.column, "")))
    return found


def _shown(field: Field, name: str, cell: str) -> Fields:
    items = [item.strip() for item in cell.split("|") if item.strip()]
    if field.kind == "many":
        return {name: items}
    if field.kind in _SPLIT:
        return {name: [(_SPLIT[field.kind] + (" " if field.kind == "codes" else "")).join(items)]}
    if field.kind == "flag":
        return {name: [ON] if cell == ON else []}
    if field.kind == "wants":
        made: Fields = {}
        for at, item in enumerate(items, 1):
            category, _, text = item.partition(":")
            made |= {f"{name}-voce-{at}": [category.strip()], f"{name}-testo-{at}": [text.strip()]}
        return made
    return {name: [cell]}


def entry_from(fields: Fields) -> Entry:
    """Return the cells that a form says."""
    network = {field.column: _cell(field, field.name, fields) for field in ALL}
    firms = tuple(
        {field.column: _cell(field, f"{field.name}-{number}", fields) for field in FIRM}
        for number in range(1, firms_in(fields) + 1)
    )
    return Entry(network, firms)


def firms_in(fields: Fields) -> int:
    """Return how many firms a form has room for, two at least."""
    prefix = f"{FIRM[0].name}-"
    numbers = (name.removeprefix(prefix) for name in fields if name.startswith(prefix))
    return max(
        2, min(FIRMS_MAX, max((int(n) for n in numbers if n.isascii() and n.isdigit() and len(n) < 4), default=0))
    )


def _cell(field: Field, name: str, fields: Fields) -> str:
    values = fields.get(name, [])
    if field.kind == "flag":
        # What is not ticked is said, since silence means something else for some columns.
        return ON if values else template.NO
    if field.kind == "many":
        return " | ".join(values)
    if field.kind == "wants":
        pairs = (
            (_first(fields, f"{name}-voce-{at}"), _item(_first(fields, f"{name}-testo-{at}")))
            for at in range(1, WANTS_MAX + 1)
        )
        return " | ".join(f"{category}: {text}" if text else category for category, text in pairs if category or text)
    text = values[0] if values else ""
    if field.kind in _SPLIT:
        items = [_item(item) for item in text.split(_SPLIT[field.kind]) if item.strip()]
        # Codes of languages are small letters, those of countries capitals, however they were typed.
        write = {"lingue": str.lower, "paesi obiettivo": str.upper}.get(field.column, str)
        return " | ".join(map(write, items))
    return text


def _first(fields: Fields, name: str) -> str:
    return fields.get(name, [""])[0].strip()


def _item(text: str) -> str:
    """Return one item of a list; the sign that parts items is none of a text."""
    return " ".join(text.replace("|", "/").split())


def place_of(problem: RowProblem) -> str:
    """Return the field that a problem is about, by its id."""
    of = FIRM if problem.row else ALL
    field = next((field for field in of if field.column == problem.column), None)
    if field is None:
        return ""
    if problem.row:
        return f"{field.name}-{problem.row}"
    return f"{field.name}-voce-1" if field.kind == "wants" else field.name


# --- records as people read them ---


@dataclass(frozen=True, slots=True)
class Words:
    """Values in one language."""

    language: str

    def say(self, message: str) -> str:
        """Return a sentence, its first letter a capital."""
        said = i18n.translator(self.language)(message)
        return said[:1].upper() + said[1:]

    def day(self, day: dt.date | None) -> str:
        """Return a day in words."""
        return "" if day is None else i18n.day(day, self.language)

    def flag(self, flag: bool) -> str:
        """Return yes or no."""
        return i18n.translator(self.language)(N_("sì") if flag else N_("no"))

    def amount(self, amount: Decimal | None) -> str:
        """Return an amount of euro."""
        return "" if amount is None else str(format_currency(amount, "EUR", locale=i18n.locale_of(self.language)))

    def title(self, titles: Titles, key: str | None) -> str:
        """Return the word for a key of a closed list."""
        return "" if key is None else vocabulary.title(titles, key, self.language)

    def role(self, member: Member) -> str:
        """Return as what a firm is, or was, in a network."""
        said = [N_("impresa di riferimento")] if member.is_reference else []
        said.append(N_("fondatrice") if member.founding else N_("entrata dopo"))
        return ", ".join(map(i18n.translator(self.language), said))

    def titles(self, titles: Titles, keys: Sequence[str]) -> str:
        """Return the words for some keys."""
        return ", ".join(self.title(titles, key) for key in keys)

    def wants(self, wants: Sequence[WantRecord]) -> str:
        """Return needs or offers, one a line."""
        said = ((self.title(vocabulary.CATEGORIES, want.category), want.text) for want in wants)
        return "\n".join(f"{title}: {text}" if text else title for title, text in said)


def _contact(contact: ContactRecord) -> str:
    return ", ".join(filter(None, (contact.person, contact.role, contact.email, contact.phone)))


def facts_of(words: Words, record: NetworkRecord) -> Iterator[tuple[str, str]]:
    """Yield (label, text) of a record; texts may be empty."""
    locale = i18n.locale_of(words.language)
    yield N_("tipo"), words.title(vocabulary.KINDS, record.kind.value)
    yield N_("stato"), words.title(vocabulary.NETWORK_STATUSES, record.status)
    yield N_("oggetto"), record.object_text
    yield N_("programma"), record.programme
    yield N_("obiettivi"), "\n".join(record.objectives)
    yield N_("finalità"), words.title(vocabulary.NETWORK_PURPOSES, record.purpose)
    yield N_("repertorio"), record.deed_register_number
    yield N_("numero atto"), record.deed_number
    yield N_("data atto"), words.day(record.signed_on)
    yield N_("forma dell'atto"), words.title(vocabulary.DEED_FORMS, record.deed_form)
    yield N_("notaio"), record.notary
    yield N_("chiave nell'elenco pubblico"), record.register_id or ""
    yield N_("efficacia"), words.day(legal_effect_on(record.members))
    yield N_("inizio"), words.day(record.start_on)
    yield N_("fine"), words.day(record.end_on)
    yield N_("aperta a nuove imprese"), words.flag(record.open_to_new_members)
    yield N_("fondo comune"), words.flag(record.has_common_fund)
    yield N_("fondo iniziale"), words.amount(record.initial_fund)
    yield N_("organo comune"), words.flag(record.has_common_body)
    yield N_("tipo di organo"), record.common_body_kind
    yield N_("titolare dell'organo"), record.common_body_holder
    yield N_("sede"), record.seat_municipality
    yield N_("codice fiscale della rete"), record.own_tax_code
    yield N_("REA della rete"), record.own_rea
    yield N_("capacità"), words.titles(vocabulary.CAPABILITIES, record.capabilities)
    yield N_("lingue"), ", ".join(locale.languages.get(code, code) for code in record.languages)
    yield N_("paesi obiettivo"), ", ".join(locale.territories.get(code, code) for code in record.target_countries)
    yield N_("certificazioni"), words.titles(vocabulary.CERTIFICATIONS, record.certifications)
    yield N_("qualità"), words.titles(vocabulary.QUALITIES, record.extras)
    yield N_("fabbisogni"), words.wants(record.needs)
    yield N_("offerte"), words.wants(record.offers)
    yield N_("contatti"), "\n".join(map(_contact, record.contacts))


def firm_facts(words: Words, member: Member) -> Iterator[tuple[str, str]]:
    """Yield (label, text) of one firm and its part in the network; texts may be empty."""
    firm = member.firm
    yield N_("codice fiscale"), firm.tax_code
    yield N_("partita iva"), firm.vat_number
    yield N_("forma giuridica"), firm.legal_form
    yield N_("comune"), f"{firm.municipality_name} ({firm.province})" if firm.municipality_name else firm.province
    yield N_("rea"), firm.rea
    yield N_("ateco"), firm.ateco
    yield N_("ruolo"), words.role(member)
    yield N_("adesione"), words.day(member.joined_on)
    yield N_("iscrizione"), words.day(member.registered_on)
    yield N_("uscita"), words.day(member.left_on)
    yield N_("conferimento"), words.amount(member.contribution)
