"""The draft of a network contract, put together from what is known: headings, texts and tables, point by point.

In: a network's record and its points (node/domain/programme/checklist.py). Out: blocks, which node/store/docx.py writes down. Rules:
the draft is in Italian, as the contract is; what is missing is said in its place, in square brackets, and listed at the end; texts of the register and of
officers stand in it as they are, as text and nothing else; the same facts give the same draft. Pure. Source: docs/cases.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from node.domain.network import NetworkRecord
from node.domain.programme.checklist import Lack, Point, Standing, present
from node.domain.register import NetworkKind


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: 0 is the title of the whole."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A text, perhaps of several lines; ``marked``: something that is still to be done."""

    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with its head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Paragraph | Grid
ARTICLES: Final = (
    ("a", "Denominazione e parti"),
    ("b", "Obiettivi strategici e misura dell'avanzamento"),
    ("c", "Programma di rete, diritti e obblighi, fondo comune"),
    ("d", "Durata e adesione di altre imprese"),
    ("e", "Organo comune"),
    ("f", "Decisioni delle imprese"),
)
_KINDS: Final = {NetworkKind.CONTRACT: "rete-contratto", NetworkKind.ENTITY: "rete-soggetto"}


def blocks(
    title: str, record: NetworkRecord | None, points: Sequence[Point], office: str, day: dt.date
) -> tuple[Block, ...]:
    """Return the draft of a contract, as of a day, by an office."""
    made: list[Block] = [
        Heading(0, f"Contratto di rete «{record.name if record else title}»"),
        Paragraph(f"Bozza preparata da {office} il {day:%d/%m/%Y} con i dati del registro delle reti. Non è un atto: va completata e controllata prima della firma."),
    ]  # fmt: skip
    if record is not None:
        made.append(Paragraph(f"Forma: {_KINDS[record.kind]}."))
        if record.object_text:
            made += [Heading(1, "Oggetto"), Paragraph(record.object_text)]
    for number, (letter, heading) in enumerate(ARTICLES, 1):
        made.append(Heading(1, f"Art. {number} - {heading}"))
        for point in points:
            if point.letter == letter:
                made += _point(point, record)
    made += [Heading(1, "Firme"), *_signatures(record), Heading(1, "Che cosa manca"), *_missing(points)]
    return tuple(made)


def _point(point: Point, record: NetworkRecord | None) -> Iterable[Block]:
    yield Heading(2, point.title)
    if point.standing is Standing.NOT_NEEDED:
        yield Paragraph("Il contratto non lo prevede.")
        return
    if point.key == "parties" and record is not None:
        yield Paragraph(f"Con questo contratto è istituita la rete «{record.name}» tra le imprese:")
        yield _parties(record)
    else:
        yield from (Paragraph(fact) for fact in point.facts)
    if point.clause:
        yield Paragraph(point.clause)
    if point.standing is Standing.MISSING:
        yield from (Paragraph(f"[da completare: {told(lack)}]", marked=True) for lack in point.lacks)


def told(lack: Lack) -> str:
    """Return what is missing, in Italian."""
    return lack.message.format(about=lack.about)


def _parties(record: NetworkRecord) -> Grid:
    rows = tuple(
        (
            member.firm.name,
            member.firm.tax_code,
            " ".join(filter(None, (member.firm.municipality_name, f"({member.firm.province})" if member.firm.province else ""))),
            member.firm.rea,
            "impresa di riferimento" if member.is_reference else "",
        )
        for member in present(record)
    )  # fmt: skip
    return Grid(("Impresa", "Codice fiscale", "Sede", "REA", "Ruolo"), rows)


def _signatures(record: NetworkRecord | None) -> Iterable[Block]:
    if record is None:
        return [Paragraph("[da completare: le imprese]", marked=True)]
    return [Grid(("Impresa", "Firma"), tuple((member.firm.name, "") for member in present(record)))]


def _missing(points: Sequence[Point]) -> Iterable[Block]:
    rows = tuple(
        (f"lettera {point.letter})", point.title, told(lack))
        for point in points
        if point.standing is Standing.MISSING
        for lack in point.lacks
    )
    return (
        [Grid(("Legge", "Punto", "Che cosa"), rows)]
        if rows
        else [Paragraph("Nulla di ciò che il contratto deve dire.")]
    )
