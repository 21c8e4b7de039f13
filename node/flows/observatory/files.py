"""The open data of the Observatory as files: what is rendered of some figures, by name, for routes and for the command.

In: figures (``read``), who publishes. Out: bytes by file name: ``TABLE.csv``, ``TABLE.csv-metadata.json``, ``TABLE.json``, ``TABLE.xlsx``
for each table, ``catalogo.jsonld|ttl|rdf``, and ``tutto.zip`` with all of them. Rules: nothing but the figures, the catalogue of
indicators and names of places, sectors and bodies goes in; the same figures and names give the same bytes, so what is kept is kept under
both, and the catalogue never tells the digest of other bytes; a file is rendered off the event loop, one at a time, and a bounded
amount is kept.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import io
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from node.domain.observatory import csvw, dcat, flat, jsonstat, rdf, release_feed
from node.domain.observatory.dcat import FileFacts
from node.domain.observatory.figures import Table
from node.domain.observatory.wording import LICENCE, LICENCE_NAME, Publisher, Wording
from node.errors import N_, NotFoundError
from node.flows.observatory.read import OneAtATime, Reading, Shown
from node.i18n import translator
from node.store import origins
from node.store.postgres import Pool, acquire
from node.store.reference import load_label_reference
from node.store.table import Cell, csv_text, xlsx_book

ARCHIVE: Final = release_feed.ARCHIVE
CATALOGUE: Final = "catalogo"
LICENCE_FILE: Final = "LICENZA.txt"
# Rendered files that are kept: those of a release or two.
KEPT_MAX_BYTES: Final = 32 << 20
# Told in an archive instead of the hour of its making: the same figures are the same bytes.
_MADE: Final = (1980, 1, 1, 0, 0, 0)
_GRAPHS: Final[Mapping[str, Callable[[list[rdf.Resource]], bytes]]] = {
    "jsonld": rdf.json_ld,
    "ttl": rdf.turtle,
    "rdf": rdf.rdf_xml,
}
Facts = Mapping[str, FileFacts]
_Key = tuple[str, str | None, str]
_TABLES: Final = ("csv", f"csv{csvw.SUFFIX}", "json", "xlsx")


@dataclass(frozen=True, slots=True)
class Made:
    """One file as it is handed out; ``sha256`` in hexadecimal."""

    name: str
    body: bytes
    sha256: str
    release: str | None

    @property
    def etag(self) -> str:
        """Return the entity tag of these very bytes."""
        return f'"{self.sha256[:32]}"'


async def wording(pool: Pool) -> Wording:
    """Return how things are called on this node: bodies by the names that their logs are known under here."""
    async with acquire(pool) as conn:
        bodies = {found.owner: found.name for found in await origins.list_origins(conn)}
    return replace(plain_wording(), bodies=bodies)


def plain_wording() -> Wording:
    """Return how things are called where no body is known."""
    return Wording(load_label_reference(), translator("en"))


class Files:
    """Renders the files of the newest build and of releases; one for each process."""

    def __init__(self, pool: Pool, publisher: Publisher, reading: Reading | None = None) -> None:
        """Begin with nothing kept."""
        self.pool, self.publisher = pool, publisher
        self.reading = reading or Reading(pool)
        self._kept: OrderedDict[tuple[_Key, str], Made] = OrderedDict()
        # Sizes and digests of the files of the figures whose catalogue was asked for last, for its other forms.
        self._facts: tuple[_Key, Facts] | None = None
        self._rendering = OneAtATime()

    async def file(self, release_id: str | None, name: str) -> Made:
        """Return one file of a release, or of the newest build. Raises: as ``Reading.figures``; NotFoundError(observatory-file-unknown)."""
        shown = await self.reading.figures(release_id)
        if name not in names(shown):
            raise NotFoundError(
                "observatory-file-unknown",
                N_("qui non c'è un file con questo nome: {name}"),
                hint=N_("l'elenco è in {path}"),
                name=name[:80],
                path="/api/v1/observatory/tables",
            )
        told = await wording(self.pool)
        key = (_key(shown, told), name)
        if key in self._kept:
            # Whoever asks for what is at hand does not wait for an archive of somebody else's.
            self._kept.move_to_end(key)
            return self._kept[key]
        async with self._rendering.turn():
            # Meanwhile another may have had it rendered.
            found = self._kept.get(key) or await self._render(shown, name, told)
            self._kept[key] = found
            while sum(len(made.body) for made in self._kept.values()) > KEPT_MAX_BYTES and len(self._kept) > 1:
                self._kept.popitem(last=False)
            return found

    async def _render(self, shown: Shown, name: str, told: Wording) -> Made:
        if not name.startswith(f"{CATALOGUE}."):
            return await asyncio.to_thread(render, shown, name, told, self.publisher)
        key = _key(shown, told)
        if self._facts is None or self._facts[0] != key:
            self._facts = (key, await asyncio.to_thread(_facts, shown, told, self.publisher))
        return await asyncio.to_thread(render, shown, name, told, self.publisher, self._facts[1])


def _key(shown: Shown, told: Wording) -> _Key:
    # By the document, by where it is told (the catalogue and the archive hold addresses), and by how bodies are called.
    return shown.digest, shown.release, told.digest


def names(shown: Shown) -> list[str]:
    """Return the names of all files of some figures."""
    tables = sorted(table.ident for table in shown.figures.tables)
    graphs = [f"{CATALOGUE}.{ending}" for ending in _GRAPHS]
    return [*(f"{ident}.{ending}" for ident in tables for ending in _TABLES), *graphs, ARCHIVE]


def render(shown: Shown, name: str, told: Wording, publisher: Publisher, facts: Facts | None = None) -> Made:
    """Return one file by its name, which is one of ``names``; ``facts``: what is known of all files, for the catalogue."""
    stem, _, ending = name.partition(".")
    if name == ARCHIVE:
        body = _archive(every(shown, told, publisher))
    elif stem == CATALOGUE and ending in _GRAPHS:
        known = _facts(shown, told, publisher) if facts is None else facts
        body = _GRAPHS[ending](dcat.catalogue(shown.figures, shown.release, told, publisher, known))
    else:
        table = shown.figures.named(stem)
        if table is None:
            raise KeyError(name)
        body = _table(shown, table, ending, told, publisher)
    return Made(name, body, hashlib.sha256(body).hexdigest(), shown.release)


def every(shown: Shown, told: Wording, publisher: Publisher) -> Iterator[Made]:
    """Return all files but the archive, one after the other, and a note about the licence."""
    facts: dict[str, FileFacts] = {}
    # Tables come before the catalogue, which tells their sizes and digests.
    for name in names(shown):
        if name != ARCHIVE:
            made = render(shown, name, told, publisher, facts)
            facts[name] = FileFacts(len(made.body), made.sha256)
            yield made
    licence = _licence(shown, publisher)
    yield Made(LICENCE_FILE, licence, hashlib.sha256(licence).hexdigest(), shown.release)


def _table(shown: Shown, table: Table, ending: str, told: Wording, publisher: Publisher) -> bytes:
    made_at = shown.figures.made_at.astimezone(dt.UTC)
    if ending == "csv":
        return csvw.csv(table, told, csv_text)
    if ending == "json":
        return jsonstat.dataset(table, told, publisher, made_at.strftime("%Y-%m-%dT%H:%M:%SZ"), shown.release)
    if ending == "xlsx":
        return _workbook(shown, table, told, publisher)
    return csvw.metadata(table, told, publisher, made_at.date().isoformat())


def _workbook(shown: Shown, table: Table, told: Wording, publisher: Publisher) -> bytes:
    columns = [column.name for column in flat.columns(table, told)]
    return xlsx_book(
        [
            ("dati", columns, flat.rows(table, told)),
            ("dizionario", ("colonna", "codice", "italiano", "english"), flat.dictionary(table, told)),
            ("indicatore", ("voce", "italiano", "english"), _about(shown, table, told, publisher)),
        ]
    )


def _about(shown: Shown, table: Table, told: Wording, publisher: Publisher) -> list[tuple[Cell, ...]]:
    indicator, titles = told.indicator(table), told.titles(table)
    rows: list[tuple[Cell, ...]] = [("titolo", titles["it"], titles["en"])]
    texts = {
        "definizione": indicator.definition,
        "formula": indicator.formula,
        "unità": indicator.unit,
        "fonte": told.source(table),
    }
    for name, text in (*texts.items(), *(("nota", note) for note in table.notes)):
        both = told.both(text) if text else {"it": "", "en": ""}
        rows.append((name, both["it"], both["en"]))
    same: tuple[tuple[str, Cell], ...] = (
        ("tabella", table.ident),
        ("dati al", table.as_of),
        ("calcolati il", shown.figures.made_at),
        ("rilascio", shown.release or ""),
        ("livello di riservatezza", table.tier),
        ("licenza", f"{LICENCE_NAME} {LICENCE}"),
        ("editore", publisher.name),
        ("indirizzo", publisher.url + dcat.PATH),
    )
    return [*rows, *((name, value, value) for name, value in same)]


def _facts(shown: Shown, told: Wording, publisher: Publisher) -> Facts:
    found = {}
    for table in shown.figures.tables:
        for kind in dcat.KINDS:
            name = f"{table.ident}.{kind.ending}"
            made = render(shown, name, told, publisher)
            found[name] = FileFacts(len(made.body), made.sha256)
    return found


def _archive(files: Iterator[Made]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.name, _MADE)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, file.body)
    return made.getvalue()


def _licence(shown: Shown, publisher: Publisher) -> bytes:
    which = f"rilascio {shown.release}" if shown.release else "ultima elaborazione"
    lines = [
        f"{dcat.TITLE}: {which}, dati al {shown.figures.as_of.isoformat()}.",
        f"Editore: {publisher.name}, {publisher.url}{dcat.PATH}",
        f"Licenza: {LICENCE_NAME}, {LICENCE}",
        f"SHA-256 del documento: {shown.digest}",
    ]
    return ("\n".join(lines) + "\n").encode()
