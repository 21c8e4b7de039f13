"""Numbers that name a firm, a person, an account, a deed or a tender, in the forms in which people write them.

Where the number has check digits they are checked, so that quantities pass; where its name stands before it, it counts
even with wrong ones: a slip of the pen still leads to the firm. Source: docs/rules.md T.2; python-stdnum for the checks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import iban
from stdnum.it import codicefiscale, iva

from node.domain.redaction.hits import RED, Hit
from node.domain.redaction.plain import Plain
from node.errors import N_

# Siglas of provinces, old ones too, as they stand before a REA number.
_SIGLAS = (
    "AG|AL|AN|AO|AP|AQ|AR|AT|AV|BA|BG|BI|BL|BN|BO|BR|BS|BT|BZ|CA|CB|CE|CH|CI|CL|CN|CO|CR|CS|CT|CZ|EN|FC|FE|FG|FI|FM|FO|FR|GE|"
    "GO|GR|IM|IS|KR|LC|LE|LI|LO|LT|LU|MB|MC|ME|MI|MN|MO|MS|MT|NA|NO|NU|OG|OR|OT|PA|PC|PD|PE|PG|PI|PN|PO|PR|PS|PT|PU|PV|PZ|"
    "RA|RC|RE|RG|RI|RM|RN|RO|SA|SI|SO|SP|SR|SS|SU|SV|TA|TE|TN|TO|TP|TR|TS|TV|UD|VA|VB|VC|VE|VI|VR|VS|VT|VV"
)
_NUMBER = r"(?:\s*(?:n(?:umero|um|[r°.o])?\.?|no\.?|#|:))*\s*"
_NOT_A_LETTER = re.compile(r"[\W_]+")


def _bare(text: str) -> str:
    return _NOT_A_LETTER.sub("", text).upper()


def _is_person_code(text: str) -> bool:
    return bool(codicefiscale.is_valid(_bare(text)))


def _is_company_code(text: str) -> bool:
    return bool(iva.is_valid(re.sub(r"\D", "", text)))


def _is_account(text: str) -> bool:
    return bool(iban.is_valid(_bare(text), check_country=False))


_LETTER_OR_DIGIT = "[0-9LMNPQRSTUV]"
_CHECKED = (
    (
        N_("codice fiscale"),
        re.compile(
            rf"\b[A-Z]{{3}}[\s.-]?[A-Z]{{3}}[\s.-]?{_LETTER_OR_DIGIT}{{2}}[\s.-]?[A-Z][\s.-]?{_LETTER_OR_DIGIT}{{2}}[\s.-]?"
            rf"[A-Z][\s.-]?{_LETTER_OR_DIGIT}{{3}}[\s.-]?[A-Z]\b",
            re.IGNORECASE,
        ),
        _is_person_code,
    ),
    (
        N_("partita IVA o codice fiscale"),
        re.compile(r"(?<!\d)(?:\bIT[\s-]?)?\d(?:[\s./-]?\d){10}(?![\s.-]?\d)", re.IGNORECASE),
        _is_company_code,
    ),
    (N_("IBAN"), re.compile(r"\b[A-Z]{2}\d{2}(?:[\s.-]?[0-9A-Z]){11,30}\b", re.IGNORECASE), _is_account),
)
_NAMED = (
    (
        N_("partita IVA o codice fiscale"),
        re.compile(
            r"\b(?:p(?:art(?:ita)?|\.)?\s?\.?\s?i(?:va|\.v\.a\.)|c(?:od(?:ice|\.)?|\.)\s?f(?:iscale|isc\.|\.)|vat|tax\s+(?:code|id))"
            rf"{_NUMBER}(?:(?:IT\s?)?\d(?:[\s.-]?[0-9A-Z]){{7,16}}|[A-Z]{{6}}\s?\d{{2}}(?:[\s.-]?[0-9A-Z]){{3,9}})\b",
            re.IGNORECASE,
        ),
    ),
    (N_("IBAN"), re.compile(r"\bIT\s?\d{2}\s?[A-Z](?:[\s.-]?\d){10}(?:[\s.-]?[0-9A-Z]){12}\b", re.IGNORECASE)),
    (
        N_("numero REA"),
        re.compile(rf"\bR\.?E\.?A\.?{_NUMBER}(?:(?:di\s+)?[A-Z]{{2}}\s*[-/–]?\s*)?{_NUMBER}\d{{4,7}}\b", re.IGNORECASE),
    ),
    (
        N_("numero REA"),
        re.compile(
            rf"(?<!UNI )(?<!ISO )\b(?!EN\s\d{{5}}\b)(?:{_SIGLAS})(?:\s?[-/]\s?\d{{5,7}}|\s\d{{6,7}})\b(?!\s?(?:euro|€|kg|pezzi))"
        ),
    ),
    (
        N_("numero di repertorio o d'atto"),
        re.compile(
            r"\b(?:n(?:umero|[r°.])?\.?\s*)?(?:di\s+|d['’])?(?:rep(?:ertorio|\.)|racc(?:olta|\.)|atto|deed|prot(?:ocollo|\.))"
            rf"{_NUMBER}(?:[A-Z]{{2}}-)?\d{{1,3}}(?:[.\s]?\d{{2,3}})+(?:\s?/\s?\d{{2,6}})?\b",
            re.IGNORECASE,
        ),
    ),
    (N_("CUP o CIG"), re.compile(r"\b(?:CUP\b[\s:n.°]*)?[A-Z]\d{2}[A-Z]\d{11}\b", re.IGNORECASE)),
    (N_("CUP o CIG"), re.compile(r"\bC\.?I\.?G\.?(?=[\s:])[\s:n.°]*(?=[A-Z]*\d)[0-9A-Z]{10}\b", re.IGNORECASE)),
)


def find(plain: Plain) -> Iterator[Hit]:
    """Yield every code."""
    if not any(c.isdigit() for c in plain.text):
        return
    for reason, pattern, is_right in _CHECKED:
        for match in pattern.finditer(plain.text):
            for end in _ends(match):
                if is_right(plain.text[match.start() : end]):
                    yield Hit(*plain.span(match.start(), end), "code", RED, reason)
                    break
    for reason, pattern in _NAMED:
        for match in pattern.finditer(plain.text):
            yield Hit(*plain.span(*match.span()), "code", RED, reason)


def _ends(match: re.Match[str]) -> Iterator[int]:
    """Yield where a code may end: at the match's end, or at a gap before it, when a word was taken for its last part."""
    text = match.group()
    yield match.end()
    for at in range(len(text) - 1, 14, -1):
        if not text[at].isalnum():
            yield match.start() + at
