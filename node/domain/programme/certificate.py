r"""Certificates: what one says, the code by which it is checked, and the commitment that stands in the organiser's log.

In: 16 random bytes, the facts of a certificate. Out: the code as people type it; the commitment
SHA-256("rete/certificate/v1\n" || code || each of owner, course, edition, name with its length before it).
Why no personal data are in the log: a hash of a name and a course could be tried name by name, and there are few names; with 128 random bits
that only the certificate shows, a commitment is one of 2^128 for every name alike, so nobody without the code can try a name on it, and nobody
without a certificate can make up a code that fits one, whatever it has seen of the log. The code is the salt: no second one is needed.
Rules: one spelling of a name for all (forms, case, accents, spaces), so that a typing difference does not make a certificate false.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from node.errors import N_, CallerError

CODE_BYTES: Final = 16
COMMITMENT_BYTES: Final = 32
# Of one course: its announcement has to stay within the size of a body.
CERTIFICATES_MAX: Final = 600
NAME_MAX: Final = 120
_DOMAIN: Final = b"rete/certificate/v1\n"
_GROUP: Final = 5
# 26 letters and digits hold 128 bits, and one more finds a typing error.
_DIGITS: Final = 27
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
# What is written by hand or read aloud: these are not in the alphabet, and mean what they look like.
_LOOKALIKES: Final = str.maketrans({"0": "O", "1": "I", "8": "B"})
_NOT_CODE: Final = re.compile(r"[\s.\-\u2010-\u2015]+")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a commitment binds: whose course, which edition, whose certificate."""

    owner: str
    course: str
    edition: str
    name: str


@dataclass(frozen=True, slots=True)
class Certified:
    """What the log says of a certificate that is true."""

    owner: str
    course_id: str
    title: Mapping[str, str]
    edition: str
    begins: dt.date
    ends: dt.date


def folded(name: str) -> str:
    """Return the one spelling of a name: without accents, case, signs between the words."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    return " ".join("".join(c if c.isalnum() else " " for c in apart if not unicodedata.combining(c)).split())


def commitment(code: bytes, facts: Facts) -> bytes:
    """Return the 32 bytes that the log holds of a certificate."""
    parts = [part.encode() for part in (facts.owner, facts.course, facts.edition, folded(facts.name))]
    return hashlib.sha256(_DOMAIN + code + b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


def _check_sign(text: str) -> str:
    # A weighted sum by odd weights: one wrong sign is always seen, two that changed places nearly always.
    return _ALPHABET[sum((2 * at + 1) * _ALPHABET.index(sign) for at, sign in enumerate(text)) % len(_ALPHABET)]


def spelled(code: bytes) -> str:
    """Return a code as it stands on the certificate: groups of five signs."""
    text = base64.b32encode(code).decode().rstrip("=")
    text += _check_sign(text)
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def read_code(text: str) -> bytes:
    """Return the code that somebody typed. Raises: CallerError(certificate-code-bad)."""
    plain = _NOT_CODE.sub("", text[:200]).upper().translate(_LOOKALIKES)
    if len(plain) == _DIGITS and not set(plain) - set(_ALPHABET) and _check_sign(plain[:-1]) == plain[-1]:
        code = base64.b32decode(plain[:-1] + "======")
        if spelled(code).replace("-", "") == plain:
            return code
    raise CallerError(
        "certificate-code-bad",
        N_("questo codice non è scritto bene: ha {count} lettere e cifre"),
        where="code",
        hint=N_("ricopiarlo dall'attestato; trattini e spazi non contano"),
        count=_DIGITS,
    )
