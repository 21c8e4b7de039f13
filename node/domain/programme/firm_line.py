"""A group of firms as somebody types it: one line for each firm, its parts between semicolons.

In: lines of ``name; tax code; municipality; province; ATECO``, of which only the name is needed. Out: firms with the codes of their
places, the first of them the reference. Rules: a municipality is one of Italy, of its province where more have the name; what is left out
is left open. The same lines back from firms, so that a form can be filled again. Source: docs/programme.md 2. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from node.domain.introduction_texts import clean
from node.domain.programme.aggregation import Firm
from node.domain.sector import Sectors
from node.domain.territory import PRO, Municipality, Territories
from node.errors import N_, CallerError

PARTS: Final = 5
LINES_MAX: Final = 500


def municipality_of(text: str, province: str, territories: Territories, where: str = "municipality") -> Municipality:
    """Return the municipality that is meant: by ISTAT code, or by name with its province where more have it.

    Raises: CallerError(municipality-unknown), ``where`` the field.
    """
    said = " ".join(clean(text).split())
    found = territories.municipality(said) or territories.find_municipality(said, province or None)
    if found is None:
        raise CallerError(
            "municipality-unknown",
            N_("comune sconosciuto, o di più province: «{text}»"),
            where=where,
            hint=N_("indicare anche la sigla della provincia"),
            text=said[:60],
        )
    return found


def firms_of(text: str, territories: Territories, sectors: Sectors) -> tuple[Firm, ...]:
    """Return the firms of some lines; empty lines are none. Raises: CallerError(firm-line-bad), ``where`` ``firms``."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > LINES_MAX:
        raise CallerError("firm-line-bad", N_("al massimo {most} imprese"), where="firms", most=LINES_MAX)
    return tuple(_firm(number, line, territories, sectors, first=at == 0) for at, (number, line) in enumerate(lines))


def _firm(number: int, line: str, territories: Territories, sectors: Sectors, *, first: bool) -> Firm:
    parts = [" ".join(clean(part).split()) for part in line.split(";")]
    if len(parts) > PARTS:
        raise _bad(number, N_("troppe parti: nome; codice fiscale; comune; provincia; ATECO"))
    name, tax_code, place, sigla, ateco = (*parts, *[""] * (PARTS - len(parts)))
    province, region = _province(number, sigla, territories)
    found = None
    if place:
        try:
            found = municipality_of(place, province, territories)
        except CallerError as error:
            raise _bad(number, error.what, **error.facts) from error
        province, region = found.province, found.region
    return Firm(
        name, tax_code, found.istat if found else "", found.name if found else "", province, region, _ateco(number, ateco, sectors),
        first,
    )  # fmt: skip


def _province(number: int, sigla: str, territories: Territories) -> tuple[str, str]:
    if not sigla:
        return "", ""
    area = territories.area(sigla)
    if area is None or area.level != PRO:
        raise _bad(number, N_("provincia sconosciuta: «{text}»"), text=sigla[:60])
    today = territories.current(area.code)[0]
    return today, territories.ancestors(today)[0]


def _ateco(number: int, text: str, sectors: Sectors) -> str:
    if not text:
        return ""
    try:
        return sectors.parse(text.replace(" ", "")).code
    except CallerError as error:
        raise _bad(number, N_("codice ATECO sconosciuto: «{text}»"), text=text[:60]) from error


def _bad(number: int, what: str, **facts: object) -> CallerError:
    said = what.format(**facts) if facts else what
    return CallerError(
        "firm-line-bad", N_("impresa alla riga {number}: {what}"), where="firms", number=number, what=said
    )


def lines_of(firms: Iterable[Firm]) -> str:
    """Return firms as lines, the reference first; read again they are the same firms."""
    ordered = sorted(firms, key=lambda firm: not firm.is_reference)
    return "\n".join(
        f"{firm.name}; {firm.tax_code}; {firm.municipality_name}; {firm.province}; {firm.ateco}".rstrip("; ")
        for firm in ordered
    )
