"""The public register of network contracts: the reference population against which anonymity is measured.

In: rows of the chamber system's list, grouped. Out: one value per contract. All of it is public.
Key: deed register number + deed number + date; the list's own ``progr.`` is never an identity. Source: docs/rules.md F.4.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from dataclasses import dataclass

_OFFICE_PREFIX = re.compile(r"^[A-Z]{2}\s*-\s*")
# The longest object of a contract that is kept.
OBJECT_MAX = 8000
_SPACES = re.compile(r"\s+")
_TAX_CODE = re.compile(r"[0-9]{11}|[0-9A-Z]{16}")


class NetworkKind(enum.StrEnum):
    """Whether the network is only a contract or a legal entity of its own."""

    CONTRACT = "contract"
    ENTITY = "entity"


@dataclass(frozen=True, slots=True)
class RegisterFirm:
    """One firm of a contract, as the public list shows it; ``municipality`` is an ISTAT code or empty."""

    tax_code: str
    name: str
    rea: str
    is_reference: bool
    municipality: str
    municipality_name: str
    province: str
    legal_form: str
    ateco: str


@dataclass(frozen=True, slots=True)
class RegisterNetwork:
    """One public contract; place and sector are those of its reference firm, else of its first row."""

    register_id: str
    deed_register_number: str
    deed_number: str
    registered_on: dt.date
    name: str
    kind: NetworkKind
    object_text: str
    municipality: str
    municipality_name: str
    province: str
    region: str
    macro: str
    ateco: str
    members: int
    theme: str
    active: bool
    firms: tuple[RegisterFirm, ...]


def has_tax_code_form(code: str) -> bool:
    """Tell whether a code looks like a tax code: eleven digits of a firm, or sixteen characters of a person."""
    return _TAX_CODE.fullmatch(code) is not None


def normal_number(text: str) -> str:
    """Return a deed or register number without office prefix, spaces and leading zeros, upper case."""
    plain = _SPACES.sub("", _OFFICE_PREFIX.sub("", _SPACES.sub(" ", text.strip().upper())))
    return plain.lstrip("0") or plain


def register_id(deed_register_number: str, deed_number: str, registered_on: dt.date) -> str:
    """Return the stable public key of a contract."""
    return f"{normal_number(deed_register_number)}/{normal_number(deed_number)}/{registered_on.isoformat()}"
