"""The private network record: what the administration knows of a network, with the rules that make it one.

In: fields as a file or a form gives them. Out: one frozen record, or what is wrong with it. Nothing of it leaves the node;
profiles are made from officers' words and public labels only. Source: docs/rules.md F.1 (DL 5/2009 art. 3 c. 4-ter and following).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal

from stdnum.it import codicefiscale, iva

from node.domain.register import NetworkKind, RegisterFirm, RegisterNetwork, has_tax_code_form, register_id
from node.domain.territory import fold
from node.errors import N_, CallerError

CLOSED = "closed"
STATUSES = ("potential", "drafting", "signed", "registered", "amended", CLOSED)
PURPOSES = ("growth", "solidarity", "agricultural")
EXTRAS = ("innovation", "internationalisation", "certification")
PERSON_CODE_LENGTH = 16


@dataclass(frozen=True, slots=True)
class FirmRecord:
    """One firm; a tax code of 16 characters is a natural person."""

    tax_code: str
    name: str
    vat_number: str = ""
    legal_form: str = ""
    municipality: str = ""
    municipality_name: str = ""
    province: str = ""
    rea: str = ""
    ateco: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells one firm from another: the tax code, or without one the folded name and the province."""
        return (self.tax_code, "", "") if self.tax_code else ("", fold(self.name), self.province)


@dataclass(frozen=True, slots=True)
class Member:
    """One firm's part in one network; ``contribution`` in euro."""

    firm: FirmRecord
    joined_on: dt.date
    is_reference: bool = False
    founding: bool = True
    left_on: dt.date | None = None
    registered_on: dt.date | None = None
    contribution: Decimal | None = None


@dataclass(frozen=True, slots=True)
class WantRecord:
    """A need or an offer as the officer wrote it: a category of the closed list and a private text."""

    category: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """A person to speak to; never leaves before both consents."""

    person: str
    role: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class NetworkRecord:
    """A network as the office keeps it; money in euro, dates in days. Made by ``check``ed parsers."""

    name: str
    kind: NetworkKind
    status: str
    object_text: str
    members: tuple[Member, ...]
    deed_register_number: str = ""
    deed_number: str = ""
    signed_on: dt.date | None = None
    deed_form: str | None = None
    notary: str = ""
    purpose: str | None = None
    programme: str = ""
    objectives: tuple[str, ...] = ()
    start_on: dt.date | None = None
    end_on: dt.date | None = None
    open_to_new_members: bool = True
    has_common_fund: bool = False
    initial_fund: Decimal | None = None
    has_common_body: bool = False
    common_body_kind: str = ""
    common_body_holder: str = ""
    seat_municipality: str = ""
    own_tax_code: str = ""
    own_rea: str = ""
    capabilities: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    target_countries: tuple[str, ...] = ()
    certifications: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    needs: tuple[WantRecord, ...] = ()
    offers: tuple[WantRecord, ...] = ()
    contacts: tuple[ContactRecord, ...] = ()

    @property
    def register_id(self) -> str | None:
        """The public key of the deposited contract, None before it is deposited."""
        if not self.deed_register_number or self.signed_on is None:
            return None
        return register_id(self.deed_register_number, self.deed_number, self.signed_on)

    @property
    def import_key(self) -> str:
        """What an import recognises the record by: the contract, or for one not yet deposited its name."""
        return self.register_id or self.name_key

    @property
    def name_key(self) -> str:
        """The import key the network had, or would have had, before its deed."""
        return f"name:{fold(self.name)}"

    def digest(self) -> bytes:
        """Return a hash of everything in the record, to tell a change from a repetition.

        The order in which firms and people are listed says nothing and does not count.
        """
        parts: list[object] = [getattr(self, name) for name in _PLAIN_FIELDS]
        parts += [[(want.category, want.text) for want in wants] for wants in (self.needs, self.offers)]
        parts.append(sorted((c.person, c.role, c.email, c.phone) for c in self.contacts))
        parts.append(sorted(_digest_line(member) for member in self.members))
        return hashlib.sha256(json.dumps(parts, default=str, ensure_ascii=False).encode()).digest()


_PLAIN_FIELDS = tuple(
    sorted({field.name for field in fields(NetworkRecord)} - {"needs", "offers", "contacts", "members"})
)


def _digest_line(member: Member) -> str:
    firm = member.firm
    return json.dumps(
        [
            firm.tax_code, firm.name, firm.vat_number, firm.legal_form, firm.municipality, firm.municipality_name,
            firm.province, firm.rea, firm.ateco, member.joined_on, member.is_reference, member.founding, member.left_on,
            member.registered_on, member.contribution,
        ],
        default=str,
        ensure_ascii=False,
    )  # fmt: skip


def check_tax_code(code: str) -> str:
    """Return a tax code in normal form, or "" for none. Raises: CallerError(tax-code-bad)."""
    text = code.replace(" ", "").upper()
    if not text:
        return ""
    good = codicefiscale.is_valid(text) if len(text) == PERSON_CODE_LENGTH else iva.is_valid(text)
    if not good:
        raise CallerError("tax-code-bad", N_("codice fiscale non valido: la cifra di controllo non torna"))
    return text


def _broken(code: str, field: str, what: str) -> CallerError:
    return CallerError(code, what, where=field)


def check(record: NetworkRecord) -> NetworkRecord:
    """Return the record if it keeps the rules of law, which the database keeps too (migration 0009).

    Raises: CallerError(network-... | entity-... | member-... | firm-...), ``where`` the field.
    """
    if not record.name:
        raise _broken("network-name-missing", "name", N_("manca il nome della rete"))
    if any(member.left_on is not None and member.left_on < member.joined_on for member in record.members):
        raise _broken("member-left-early", "left_on", N_("un'impresa esce prima di entrare"))
    # Everybody has left a closed network; it was one all the same.
    present = [member for member in record.members if member.left_on is None or record.status == CLOSED]
    if len({member.firm.key for member in present}) < 2:
        raise _broken("network-too-few-members", "members", N_("una rete ha almeno due imprese"))
    periods = [(member.firm.key, member.joined_on) for member in record.members]
    current = [member.firm.key for member in record.members if member.left_on is None]
    if len(set(periods)) < len(periods) or len(set(current)) < len(current):
        raise _broken("firm-repeated", "members", N_("la stessa impresa compare due volte nello stesso periodo"))
    return check_terms(record)


def check_terms(record: NetworkRecord) -> NetworkRecord:
    """Return the record if what it says of the network itself, whoever is in it, keeps the rules. Raises: as ``check``."""
    if record.end_on is not None and record.start_on is not None and record.end_on < record.start_on:
        raise _broken("network-ends-early", "end_on", N_("la fine precede l'inizio"))
    if record.status in ("registered", "amended") and record.register_id is None:
        raise _broken(
            "network-deed-missing", "deed_register_number", N_("una rete iscritta ha repertorio e data dell'atto")
        )
    if record.kind is NetworkKind.ENTITY and record.status not in ("potential", "drafting"):
        complete = record.has_common_fund and record.has_common_body and record.seat_municipality
        if not complete:
            raise _broken("entity-incomplete", "kind", N_("una rete-soggetto ha fondo, organo comune e sede"))
        if record.deed_form == "digital":
            raise _broken(
                "entity-deed-form", "deed_form", N_("una rete-soggetto non nasce con atto digitale (art. 24)")
            )
    return record


def legal_effect_on(members: Iterable[Member]) -> dt.date | None:
    """Return the day the contract takes effect: the last founding member's registration, None while one is missing."""
    days = [member.registered_on for member in members if member.founding]
    if not days or any(day is None for day in days):
        return None
    return max(day for day in days if day is not None)


def firm_from_list(firm: RegisterFirm) -> FirmRecord:
    """Return a firm as the public list alone gives it; a code that has no tax code's form is none."""
    return FirmRecord(
        tax_code=firm.tax_code if has_tax_code_form(firm.tax_code) else "",
        name=firm.name,
        legal_form=firm.legal_form,
        municipality=firm.municipality,
        municipality_name=firm.municipality_name,
        province=firm.province,
        rea=firm.rea,
        ateco=firm.ateco,
    )


def from_register(network: RegisterNetwork) -> NetworkRecord:
    """Return the private record that the public list alone can give.

    The list says nothing of fund, body and seat; an entity of the list has them by law, and the seat is its reference
    firm's until an officer knows better. Nor does it say when a contract ends. A firm whose code has no tax code's form
    counts by its name; firms that are then one are one member.
    """
    entity = network.kind is NetworkKind.ENTITY
    firms = [firm_from_list(firm) for firm in network.firms]
    references = {made.key for made, firm in zip(firms, network.firms, strict=True) if firm.is_reference}
    members = tuple(
        Member(firm=firm, joined_on=network.registered_on, is_reference=key in references)
        for key, firm in {firm.key: firm for firm in firms}.items()
    )
    return NetworkRecord(
        name=network.name,
        kind=network.kind,
        status="registered",
        object_text=network.object_text,
        members=members,
        deed_register_number=network.deed_register_number,
        deed_number=network.deed_number,
        signed_on=network.registered_on,
        has_common_fund=entity,
        has_common_body=entity,
        seat_municipality=(network.municipality_name or network.province) if entity else "",
    )
