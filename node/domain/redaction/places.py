"""Where somebody is: street addresses in Italian and English, coordinates, postal codes.

In: a readable text. Out: red hits; a postal code alone is amber, for five digits before a capital may be many things.
Municipalities are a matter of the dictionary (towns.py). Source: docs/rules.md T.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from node.domain.redaction.hits import AMBER, RED, Hit
from node.domain.redaction.plain import Plain
from node.errors import N_

_CAPITAL = r"(?:[A-ZÀ-Ý][\w'’.]*|[IVX]{2,}|\d{1,2})"
_LINK = (
    r"(?:d(?:i|e|a|el|ei|ella|elle|ello|egli|al|alla)?\s|d['’]|dell['’]|dall['’]|al(?:la)?\s|san(?:ta)?\s|sant['’]|e\s)"
)
_NAME = rf"(?:{_LINK}\s*)?{_CAPITAL}(?:[\s-]+{_LINK}?\s*{_CAPITAL}){{0,4}}"
# Nothing after these but a name or a number; "via" and "corso" are also ways and courses.
_STREET = (
    r"(?:[Vv]ia(?:le)?|V\.le|v\.le|[Pp]iazz(?:a|ale|etta)|[Pp]\.?zza|[Pp]\.za|P\.le|[Cc]orso|[Cc]\.so|[Ll]argo|[Vv]icolo|"
    r"[Cc]ontrada|[Cc]\.da|[Cc]tr\.|[Ll]ocalit[àa]|[Ll]oc\.|[Ff]razione|[Ff]raz\.|[Ll]ungomare|[Tt]raversa|[Ss]alita|[Bb]orgo|"
    r"[Mm]asseria|[Ss]trada(?:\s+(?:statale|provinciale|comunale|vicinale|privata))?)"
)
_HOUSE = r"(?:\s*,?\s*(?:n(?:umero|[r°.])?\.?\s*|km\.?\s*|civico\s*)?\d{1,5}(?:\s?/\s?[A-Za-z\d]{1,3}|[A-Za-z])?\b)"
# After a number, what shows that it counts something: "via mare in 5 giorni" is no address.
_UNIT = r"(?!\s*(?:giorn|or[ae]\b|mes[ei]|ann[oi]|settiman|minut|%|per\s?cento|euro|€|pezz|kg|kw|mq|metr|addett|pers|second|colli))"
_PATTERNS = (
    (N_("indirizzo"), re.compile(rf"\b{_STREET}\s+{_NAME}{_HOUSE}?")),
    (
        N_("indirizzo"),
        re.compile(
            r"\b(?:via|viale|v\.le|piazza|p\.zza|piazzale|corso|c\.so|largo|vicolo|contrada|c\.da)\s+"
            r"(?!(?:pi[uù]|di|per|e-?mail|mail|web|internet|fax|mare|terra|aere[ao]|base|breve|telematica)\b)"
            rf"(?:[\w'’.]+\s+){{0,3}}?[\w'’.]+{_HOUSE}{_UNIT}",
            re.IGNORECASE,
        ),
    ),
    (
        N_("indirizzo"),
        re.compile(
            r"\b(?:s\.?\s?[ps]\.?|strada\s+(?:statale|provinciale)|statale|provinciale)\s*(?:n\.?\s*)?\d{1,4}"
            r"(?:\s*,?\s*(?:al\s+)?km\.?\s*\d{1,4}(?:[.,+]\d{1,3})?)?",
            re.IGNORECASE,
        ),
    ),
    (
        N_("indirizzo"),
        re.compile(
            r"\b(?:zona|area)\s+(?:industriale|artigianale|p\.?i\.?p\.?)(?:\s*,?\s*(?:lotto|n\.?|capannone)?\s*\d{1,4}"
            rf"|\s+(?:di\s+)?{_CAPITAL})|\bz\.\s?i\.\s*,?\s*(?:lotto|n\.?)?\s*\d{{1,4}}",
            re.IGNORECASE,
        ),
    ),
    (
        N_("indirizzo"),
        re.compile(
            r"\b\d{1,5}[A-Za-z]?,?\s+(?:[A-Z][\w'’]+\s+){1,4}"
            r"(?:Street|St\.|Road|Rd\.?|Avenue|Ave\.?|Lane|Square|Drive|Way|Boulevard|Court|Place|Quay|Row|Close|Gardens)\b"
        ),
    ),
    (
        N_("coordinate"),
        re.compile(
            r"(?:\b[Nn]\s?)?\b(?:3[5-9]|4[0-7])[.,]\d{3,}\s*°?\s*[NnEe]?\s*[,;/ ]\s*(?:[Ee]\s?)?(?:[6-9]|1[0-8])[.,]\d{3,}"
            r"(?:\s*°?\s*[EeNn]\b)?"
        ),
    ),
    (
        N_("coordinate"),
        re.compile(r"\b\d{1,2}\s?°\s?\d{1,2}\s?['’′]\s?(?:\d{1,2}(?:[.,]\d+)?\s?(?:\"|''|″|”)\s?)?[NSEWO]?"),
    ),
)
_POSTCODE = re.compile(
    r"\bC\.?A\.?P\.?\s*:?\s*\d{5}\b|(?<![\d.,-])\b\d{5}\b(?=[\s,–-]+[A-ZÀ-Ý][a-zà-ÿ']+)", re.IGNORECASE
)
_TOWN_FOLLOWS = re.compile(r"[\s,–-]+[A-ZÀ-Ý]")


def find(plain: Plain) -> Iterator[Hit]:
    """Yield every place."""
    for reason, pattern in _PATTERNS:
        for match in pattern.finditer(plain.text):
            yield Hit(*plain.span(*match.span()), "place", RED, reason)
    for match in _POSTCODE.finditer(plain.text):
        if match.group()[0] in "Cc" or _TOWN_FOLLOWS.match(plain.text, match.end()):
            yield Hit(*plain.span(*match.span()), "place", AMBER, N_("codice di avviamento postale"))
