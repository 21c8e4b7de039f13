"""Ways to reach somebody: mail, web pages, names in social networks, telephones also when spelled out.

In: a readable text. Out: red hits. Source: docs/rules.md T.2; phonenumbers for how numbers are grouped in each country.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from phonenumbers import Leniency, PhoneNumberMatcher

from node.domain.redaction.hits import RED, Hit
from node.domain.redaction.plain import Plain
from node.errors import N_

SHORTEST_PHONE = 8
_MAIL = re.compile(r"[\w.+%-]{1,64}\s?@\s?[\w-]{1,63}(?:\.[\w-]{1,63})+")
_WEB = re.compile(
    r"\b(?:https?\s?:\s?//|www\.)\S*\w/?|(?<![\w@.-])[a-z0-9](?:[a-z0-9-]{0,62}\.)+"
    r"(?:it|com|eu|org|net|info|biz|shop|farm|example|online|store|coop|co\.uk|de|fr)\b(?:/[^\s,;)]*)?",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<![\w.@])@\s?[A-Za-z_][\w.]{2,}\w")
# A run of digits that may be a number: the matcher, which is slow, looks at nothing else.
_MANY_DIGITS = re.compile(r"\d(?:[\s().\-/+]{0,3}\d){5}")
_CALLED = re.compile(
    r"\b(?:tel(?:efono|\.)?|cell(?:ulare|\.)?|fax|mobile|phone|whatsapp|call|ring|int(?:erno|\.))"
    r"\s*(?:n(?:umero|[r°.])?\.?\s*)?:?\s*(\+?\d(?:[\s().\-/]{0,3}\d){4,14})(?!\s?(?:%|euro|kg|ore))",
    re.IGNORECASE,
)
_DIGIT = r"(?:zero|uno|due|tre|quattro|cinque|sei|sette|otto|nove|one|two|three|four|five|six|seven|eight|nine)"
_SPELLED = re.compile(rf"\b{_DIGIT}(?:[\s,.-]+{_DIGIT}){{5,}}\b", re.IGNORECASE)
# Italian numbers begin with 0, 3 or 8; abroad with a plus. Spans of years, dates and amounts begin otherwise, or look so.
_NO_PHONE = re.compile(
    r"(?:19|20)\d\d\s?[-/–]\s?(?:19|20)\d\d|\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d\d|\d{1,3}(?:\.\d{3})+(?:,\d+)?"
)


def find(plain: Plain) -> Iterator[Hit]:
    """Yield every way to reach somebody."""
    for reason, pattern in (
        (N_("indirizzo di posta"), _MAIL),
        (N_("indirizzo web"), _WEB),
        (N_("nome in una rete sociale"), _HANDLE),
        (N_("numero di telefono"), _CALLED),
        (N_("numero di telefono"), _SPELLED),
    ):
        for match in pattern.finditer(plain.text):
            yield Hit(*plain.span(*match.span()), "contact", RED, reason)
    if _MANY_DIGITS.search(plain.text):
        yield from _phones(plain)


def _phones(plain: Plain) -> Iterator[Hit]:
    for found in PhoneNumberMatcher(plain.text, "IT", leniency=Leniency.POSSIBLE):
        raw = found.raw_string.strip()
        digits = re.sub(r"\D", "", raw)
        if len(digits) < SHORTEST_PHONE or _NO_PHONE.fullmatch(raw):
            continue
        if raw.startswith("+") or digits[0] in "038":
            yield Hit(*plain.span(found.start, found.end), "contact", RED, N_("numero di telefono"))
