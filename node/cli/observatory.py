"""``rete observatory ...``: the national picture, built, published and handed out."""

from __future__ import annotations

from typing import Any

import click

from node import runtime
from node.cli import observatory_export, observatory_publish
from node.cli.frame import Face, command
from node.domain.observatory import codes
from node.domain.observatory.catalogue import INDICATORS
from node.domain.observatory.figures import Cell, Status, Table, decode
from node.errors import N_, CallerError, NotFoundError
from node.flows.observatory import build as building
from node.flows.observatory import release as releasing
from node.store import observatory as kept
from node.store.observatory import Release
from node.store.postgres import acquire
from node.store.reference import load_label_reference

WHY: dict[Status, str] = {Status.WITHHELD: N_("taciuto"), Status.UNKNOWN: N_("non noto")}


@click.group("observatory", help="L'Osservatorio nazionale: indicatori, pubblicazione, dati aperti.")
def observatory() -> None:
    """Hold the Observatory's commands."""


@command(observatory, "build", help="Rifà i numeri dell'Osservatorio, se ciò su cui poggiano è cambiato.")
async def build(face: Face) -> None:
    """Build the figures."""
    async with runtime.open_node(face.home) as node:
        done = await building.build(node.pool, node.config, node.clock(), building.more_tables())
    figures = done.figures
    value = {
        "built": done.is_new,
        "as_of": figures.as_of,
        "made_at": figures.made_at,
        "inputs": figures.inputs,
        "coverage": dict(figures.coverage),
        "tables": [_about(found) for found in figures.tables],
    }

    def human() -> None:
        if done.is_new:
            face.say(N_("Numeri rifatti: {tables} tabelle, al {day}."), tables=len(figures.tables), day=figures.as_of)
        else:
            face.say(N_("Nulla di nuovo: valgono i numeri del {day}."), day=figures.as_of)
        columns = (N_("tabella"), N_("per"), N_("numeri"))
        face.table("", columns, [(t.ident, ", ".join(t.dimensions), len(t.cells)) for t in figures.tables])

    face.emit(value, human)


def _about(found: Table) -> dict[str, Any]:
    return {
        "ident": found.ident,
        "indicator": found.indicator,
        "dimensions": found.dimensions,
        "tier": found.tier,
        "as_of": found.as_of,
        "cells": len(found.cells),
    }


@command(observatory, "release", help="Pubblica i numeri di oggi: restano per sempre come sono.")
async def release(face: Face) -> None:
    """Freeze the release of today."""
    async with runtime.open_node(face.home) as node:
        done = await releasing.release(node.pool, node.config, node.clock(), building.more_tables())

    def human() -> None:
        new, old = (
            N_("Pubblicati i numeri del {day}: {digest}."),
            N_("I numeri del {day} sono già pubblicati: {digest}."),
        )
        face.say(new if done.is_new else old, day=done.release.release_id, digest=done.release.digest)

    face.emit({**_release(done.release), "new": done.is_new}, human)


def _release(found: Release) -> dict[str, Any]:
    return {
        "release": found.release_id,
        "as_of": found.as_of,
        "made_at": found.made_at,
        "digest": found.digest,
    }


@command(observatory, "releases", help="Le pubblicazioni dell'Osservatorio, dalla più nuova.")
async def releases(face: Face) -> None:
    """List the releases."""
    async with runtime.open_node(face.home) as node, acquire(node.pool) as conn:
        found = await kept.releases(conn)

    def human() -> None:
        if found:
            face.table("", (N_("pubblicazione"), N_("impronta")), [(item.release_id, item.digest) for item in found])
        else:
            face.say(N_("Nessuna pubblicazione: «rete observatory release» fa la prima."))

    face.emit({"releases": [_release(item) for item in found]}, human)


@command(observatory, "show", help="Mostra una tabella dell'Osservatorio.")
@click.argument("table", metavar="TABELLA")
@click.option("--year", type=click.IntRange(1900, 2999), help="Solo quest'anno.")
async def show(face: Face, table: str, year: int | None) -> None:
    """Show one table of the newest figures."""
    async with runtime.open_node(face.home) as node, acquire(node.pool) as conn:
        newest = await kept.newest(conn)
    if newest is None:
        raise NotFoundError(
            "observatory-empty",
            N_("l'Osservatorio non ha ancora numeri"),
            hint=N_("«rete observatory build» li fa"),
        )
    figures = decode(newest.document)
    found = figures.named(table)
    if found is None:
        raise NotFoundError(
            "table-unknown",
            N_("nessuna tabella «{table}»"),
            hint=N_("tabelle: {tables}"),
            table=table[:60],
            tables=", ".join(one.ident for one in figures.tables),
        )
    cells = _of_year(found, year)
    indicator = INDICATORS.get(found.indicator)
    value = {
        **_about(found),
        "title": indicator.title if indicator else "",
        "unit": indicator.unit if indicator else "",
        "source": found.source,
        "notes": found.notes,
        "cells": [
            {
                **dict(zip(found.dimensions, cell.at, strict=True)),
                "value": None
                if cell.value is None
                else str(cell.value)
                if not isinstance(cell.value, int)
                else cell.value,
                "status": cell.status.value,
            }
            for cell in cells
        ],
    }
    face.emit(value, lambda: _tell(face, found, cells))


def _of_year(found: Table, year: int | None) -> list[Cell]:
    if year is None:
        return list(found.cells)
    if "year" not in found.dimensions:
        raise CallerError(
            "table-without-years",
            N_("la tabella «{table}» non ha anni"),
            where="--year",
            table=found.ident,
        )
    at = found.dimensions.index("year")
    return [cell for cell in found.cells if cell.at[at] == str(year)]


def _tell(face: Face, found: Table, cells: list[Cell]) -> None:
    """Print a table in words: names for codes, and why where there is no number."""
    indicator = INDICATORS.get(found.indicator)
    titles = [codes.DIMENSIONS[name].title if name in codes.DIMENSIONS else name for name in found.dimensions]
    unit = indicator.unit if indicator else N_("valore")
    rows = [
        (
            *(_named(face, name, code) for name, code in zip(found.dimensions, cell.at, strict=True)),
            face.tr(WHY[cell.status]) if cell.value is None else str(cell.value),
        )
        for cell in sorted(cells, key=_in_time)
    ]
    face.table(indicator.title if indicator else found.ident, (*titles, unit), rows)
    for note in (*found.notes, found.source):
        if note:
            face.say(note)


def _in_time(cell: Cell) -> list[tuple[int, str]]:
    """Sort years of age by their number: ten after nine."""
    return [(int(code), "") if code.isdecimal() else (-1, code) for code in cell.at]


def _named(face: Face, dimension: str, code: str) -> str:
    known = codes.DIMENSIONS.get(dimension)
    if code in codes.ANYWHERE:
        return face.tr(codes.ANYWHERE[code])
    if known is None or known.kind in ("time", "age", "body"):
        return code
    if known.kind == "closed":
        return face.tr(known.names.get(code, code))
    reference = load_label_reference()
    return f"{code} {reference.title(known.kind, code)}"


observatory_export.add_to(observatory)
observatory_publish.add_to(observatory)
