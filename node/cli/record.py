"""Network records as a person reads them: labels, words and amounts in the reader's language, no code of ours.

In: a record. Out: (label, value) lines and one line for each firm, for ``rete network show`` and ``list``; empty facts are left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from babel import Locale
from babel.numbers import format_currency
from rich.table import Table
from rich.text import Text

from node.cli.counts import FIRMS, counted
from node.cli.frame import Face
from node.domain import vocabulary
from node.domain.network import ContactRecord, Member, NetworkRecord, WantRecord, legal_effect_on
from node.domain.vocabulary import Titles
from node.errors import N_, plain

YES: Final = (N_("no"), N_("sì"))


class Words:
    """Values in the language of one face."""

    def __init__(self, face: Face) -> None:
        """Speak as ``face`` does."""
        self._face = face
        self._locale = Locale.parse(face.language)

    def day(self, day: dt.date | None) -> str:
        """Return a day as it is written: 15/03/2013 in Italian, 2013-03-15 in English."""
        if day is None:
            return ""
        return day.strftime("%d/%m/%Y") if self._face.language == "it" else day.isoformat()

    def flag(self, flag: bool) -> str:
        """Return yes or no."""
        return self._face.tr(YES[flag])

    def amount(self, amount: Decimal | None) -> str:
        """Return an amount of euro."""
        return "" if amount is None else str(format_currency(amount, "EUR", locale=self._locale)).replace("\xa0", " ")

    def role(self, member: Member) -> str:
        """Return as what a firm is, or was, in a network."""
        return self._face.tr(N_("fondatrice") if member.founding else N_("entrata dopo"))

    def title(self, titles: Titles, key: str | None) -> str:
        """Return the word for a key of a closed list."""
        return "" if key is None else vocabulary.title(titles, key, self._face.language)

    def titles(self, titles: Titles, keys: Iterable[str]) -> str:
        """Return the words for some keys."""
        return ", ".join(self.title(titles, key) for key in keys)

    def languages(self, codes: Iterable[str]) -> str:
        """Return the names of languages."""
        return ", ".join(self._locale.languages.get(code, code) for code in codes)

    def countries(self, codes: Iterable[str]) -> str:
        """Return the names of countries."""
        return ", ".join(self._locale.territories.get(code, code) for code in codes)

    def wants(self, wants: Iterable[WantRecord]) -> str:
        """Return needs or offers, one a line."""
        said = ((self.title(vocabulary.CATEGORIES, want.category), want.text) for want in wants)
        return "\n".join(f"{title}: {text}" if text else title for title, text in said)


def _contact(contact: ContactRecord) -> str:
    return ", ".join(filter(None, (contact.person, contact.role, contact.email, contact.phone)))


def facts_of(words: Words, network_id: str, record: NetworkRecord) -> Iterator[tuple[str, str]]:
    """Yield (label, value) of a record, in the order of an officer's questions; values may be empty."""
    yield N_("id"), network_id
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
    yield N_("codice fiscale"), record.own_tax_code
    yield N_("rea"), record.own_rea
    yield N_("capacità"), words.titles(vocabulary.CAPABILITIES, record.capabilities)
    yield N_("lingue"), words.languages(record.languages)
    yield N_("paesi obiettivo"), words.countries(record.target_countries)
    yield N_("certificazioni"), words.titles(vocabulary.CERTIFICATIONS, record.certifications)
    yield N_("qualità"), words.titles(vocabulary.QUALITIES, record.extras)
    yield N_("fabbisogni"), words.wants(record.needs)
    yield N_("offerte"), words.wants(record.offers)
    yield N_("contatti"), "\n".join(map(_contact, record.contacts))


def firm_facts(words: Words, member: Member) -> Iterator[tuple[str, str]]:
    """Yield (label, value) of one firm and its part in the network; values may be empty."""
    firm = member.firm
    yield N_("codice fiscale"), firm.tax_code
    yield N_("partita iva"), firm.vat_number
    yield N_("comune"), f"{firm.municipality_name} ({firm.province})" if firm.municipality_name else firm.province
    yield N_("rea"), firm.rea
    yield N_("ateco"), firm.ateco
    yield N_("ruolo"), words.role(member)
    yield N_("adesione"), words.day(member.joined_on)
    yield N_("iscrizione"), words.day(member.registered_on)
    yield N_("uscita"), words.day(member.left_on)
    yield N_("conferimento"), words.amount(member.contribution)


def show_record(face: Face, network_id: str, record: NetworkRecord) -> None:
    """Print a record and its firms; no word is broken, and the id is whole, on a terminal of 80 columns."""
    words = Words(face)
    face.out.print(Text(plain(record.name), style="bold"))
    _grid(face, [(face.tr(label), value) for label, value in facts_of(words, network_id, record) if value])
    face.say("")
    for member in record.members:
        reference = f" ({face.tr(N_('impresa di riferimento'))})" if member.is_reference else ""
        face.out.print(Text(plain(member.firm.name + reference), style="bold"))
        said = (f"{face.tr(label)} {value}" for label, value in firm_facts(words, member) if value)
        _grid(face, [("", ", ".join(said))])


def show_networks(face: Face, networks: Sequence[Mapping[str, Any]]) -> None:
    """Print each network with its id on a line of its own: whole on any terminal, ready to be copied."""
    if not networks:
        face.say(N_("Nessuna rete."))
    words = Words(face)
    for n in networks:
        facts = (
            words.title(vocabulary.KINDS, n["kind"]),
            words.title(vocabulary.NETWORK_STATUSES, n["status"]),
            n["province"],
            counted(face, n["members"], FIRMS),
        )
        face.out.print(Text(plain(f"{n['name']} ({', '.join(filter(None, facts))})")))
        face.out.print(Text(f"  {n['network_id']}"))


def _grid(face: Face, lines: Sequence[tuple[str, str]]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in lines:
        text = "\n".join(plain(line) for line in value.split("\n"))
        table.add_row(Text(label), Text(text))
    face.out.print(table)
