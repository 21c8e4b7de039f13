"""The folder of a text index: what of a profile stands in it, and how it follows the database (tantivy).

In: rows of the cooperation database. Out: an index that one process writes and all of the node's read. Derived: it holds what
the database held up to an arrival; lost or doubtful, it is built anew (flows/searching/indexing). Words are cut and stemmed by PostgreSQL
alone: documents are made of tsvectors. Its questions stand in text_index.
"""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import tantivy

from node.domain import ranking
from node.domain.labels import LabelReference
from node.store.marks import replace_in_turn

# A new number has every index built anew: what is indexed has changed, or how the database cuts words.
VERSION: Final = 4
META: Final = "rete.json"
WRITER_BYTES: Final = 128_000_000
# Identifiers as two numbers that a column holds; their last four bits decide no order.
PART_BITS: Final = 62
WHOLE: Final = 1 << PART_BITS
# Identifiers are random: as many of them begin alike in each of so many ways.
BUCKET_BITS: Final = 12
BUCKETS: Final = 1 << BUCKET_BITS
BUCKET_SHIFT: Final = PART_BITS - BUCKET_BITS
NEWEST_BITS: Final = 44
DAY_MAX: Final = (1 << 18) - 1
LABELS: Final = ("territory", "sector", "size", "theme", "kind", "owner")
# What facets of areas count, so that a question adds up some tens of combinations and not some thousand labels.
AREAS: Final = {"territory": "regions", "sector": "sections"}
_EVERYWHERE: Final = "*"
PHRASE_GAP_MAX: Final = 8
_GAP: Final = "\u00b7"
_LEXEME: Final = re.compile(r"'((?:[^'\\]|''|\\.)*)':([0-9ABCD,]+)")


class UnanswerableError(Exception):
    """A question that this index leaves to the database."""


def parts_of(profile_id: str) -> tuple[int, int]:
    """Return an identifier as two numbers of 62 bits whose order is its own."""
    whole = uuid.UUID(profile_id).int
    return whole >> (128 - PART_BITS), (whole >> 4) & (WHOLE - 1)


def newest_key(published: int, high: int) -> int:
    """Return a number that grows with the day and, on one day, falls with the identifier."""
    short = high >> (PART_BITS - NEWEST_BITS)
    return min(published, DAY_MAX) << NEWEST_BITS | ((1 << NEWEST_BITS) - 1 - short)


def _schema() -> tantivy.Schema:
    build = tantivy.SchemaBuilder()
    build.add_text_field("key", tokenizer_name="raw", index_option="basic")
    build.add_text_field("words", tokenizer_name="whitespace", index_option="position")
    for name in ("words_c", "words_b", "words_a"):
        build.add_text_field(name, tokenizer_name="whitespace", index_option="basic")
    for name in ("terms", "wide"):
        build.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in (*(name for name in LABELS if name != "territory"), *AREAS.values()):
        build.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in ("quarter", "valid", "begins"):
        build.add_integer_field(name, indexed=True)
    for name in ("origin", "published"):
        build.add_integer_field(name, indexed=True, fast=True)
    for name in ("idx", "high", "low", "newest", "log"):
        build.add_integer_field(name, fast=True)
    return build.build()


def beginnings(high: int) -> list[int]:
    """Return the ways in which an identifier begins, as nodes of a binary tree: its bucket, the pair that it is of, and so on.

    A node is half its children's number; the root, which is all identifiers, is left out. So any part of them is a few terms, and
    each half, quarter, ... from the beginning on a single one, which the engine meets with another list by leaps.
    """
    leaf = BUCKETS | high >> BUCKET_SHIFT
    return [leaf >> level for level in range(BUCKET_BITS)]


def nodes_of(begin: int, end: int) -> list[int]:
    """Return the nodes that together are the buckets from ``begin`` on and below ``end``; the root is 1."""
    nodes = []
    low, high = begin | BUCKETS, end + BUCKETS
    while low < high:
        if low & 1:
            nodes.append(low)
            low += 1
        if high & 1:
            high -= 1
            nodes.append(high)
        low, high = low >> 1, high >> 1
    return sorted(nodes)


def document_of(row: Mapping[str, Any], reference: LabelReference) -> tantivy.Document:
    """Return a row of ``arrived`` as the index keeps it; ``reference`` tells which areas its labels meet."""
    high, low = parts_of(str(row["profile_id"]))
    placed: dict[int, str] = {}
    by_weight: dict[str, list[str]] = {"A": [], "B": [], "C": [], "D": []}
    for quoted, places in _LEXEME.findall(row["words"]):
        lexeme = quoted.replace("''", "'").replace("\\\\", "\\")
        weights = set()
        for place in places.split(","):
            weights.add(place[-1] if place[-1] in "ABC" else "D")
            placed.setdefault(int(place.rstrip("ABCD")), lexeme)
        by_weight[min(weights)].append(lexeme)
    title, listed, said = by_weight["A"], by_weight["B"], by_weight["C"]
    document = tantivy.Document(
        key=f"{row['origin_id']}/{row['idx']}",
        words=_in_order(placed),
        words_a=" ".join(title),
        words_b=" ".join((*title, *listed)),
        words_c=" ".join((*title, *listed, *said)),
        quarter=ranking.quarter_of(min(row["published"], DAY_MAX)),
        valid=row["valid_until"],
        origin=row["origin_id"],
        log=row["log"],
        published=row["published"],
        idx=row["idx"],
        high=high,
        low=low,
        begins=beginnings(high),
        newest=newest_key(row["published"], high),
        regions=_areas("territory", reference.regions, row, reference),
        sections=_areas("sector", reference.sections, row, reference),
        **{name: row[name] for name in LABELS if name != "territory"},
    )
    for term in row["keys"]:
        document.add_text("terms", term)
    for attribute in reference.wide:
        for term in reference.wide_terms(attribute, row[attribute] or ""):
            document.add_text("wide", term)
    return document


def _areas(attribute: str, units: tuple[str, ...], row: Mapping[str, Any], reference: LabelReference) -> str:
    met, held = reference.units_met(attribute, units, row[attribute] or "")
    meets = _EVERYWHERE if len(met) == len(units) else ",".join(units[at] for at in met)
    return f"{meets}|{','.join(units[at] for at in held)}"


@functools.lru_cache(maxsize=4096)
def areas_in(told: str, units: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the places of those units that labels meet, and of those that hold them, as ``regions`` and ``sections`` tell it."""
    meets, holds = told.split("|")
    at = {unit: place for place, unit in enumerate(units)}
    met = range(len(units)) if meets == _EVERYWHERE else (at[unit] for unit in meets.split(",") if unit in at)
    return tuple(met), tuple(at[unit] for unit in holds.split(",") if unit in at)


def _in_order(placed: Mapping[int, str]) -> str:
    """Return lexemes at their distances from each other, as far as a phrase may reach."""
    told: list[str] = []
    before = 0
    for place in sorted(placed):
        told.extend([_GAP] * min(place - before - 1, PHRASE_GAP_MAX))
        told.append(placed[place])
        before = place
    return " ".join(told)


class IndexFolder:
    """One folder: written by one process, read by all of the node's."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is opened yet."""
        self.folder = folder
        self._index: tantivy.Index | None = None
        self._tokens: tuple[str, ...] = ()

    def is_there(self) -> bool:
        """Tell whether there may be an index at all: most nodes are too small for one."""
        return bool(self._tokens) or (self.folder / META).exists()

    def follows(self, token: str | None) -> bool:
        """Tell whether this index follows the database that names itself so; what was committed last is read from now on."""
        if token is None:
            return False
        if token not in self._tokens:
            self._open()
        return token in self._tokens

    def _open(self) -> None:
        try:
            meta = orjson.loads((self.folder / META).read_bytes())
            if meta["version"] != VERSION:
                raise ValueError  # noqa: TRY301 - as good as absent
            if self._index is None:
                self._index = tantivy.Index.open(str(self.folder))
            self._index.reload()
            self._tokens = (str(meta["token"]), str(meta["before"]))
        except (OSError, ValueError, KeyError, TypeError):
            # Absent, damaged, half-built, of another version: the database answers, and the writer builds it anew.
            self._index, self._tokens = None, ()

    def begin(self) -> None:
        """Begin anew, with nothing in it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._tokens = ()
        for file in [self.folder / META, *self.folder.iterdir()]:
            # A lock is its holder's; a file that a reader has open lives on for that reader.
            if file.is_file() and file.suffix != ".lock":
                file.unlink(missing_ok=True)
        self._index = tantivy.Index(_schema(), path=str(self.folder))

    def writer(self) -> tantivy.IndexWriter:
        """Return the one writer. Raises: ValueError while another process has it."""
        return self.opened().writer(WRITER_BYTES, 1)

    def keep(self, token: str, before: str) -> None:
        """Name what was committed, and what stood before it: at a crash the database may have noted either."""
        meta = orjson.dumps({"version": VERSION, "token": token, "before": before})
        replace_in_turn(self.folder / META, lambda _: meta)
        self.opened().reload()
        self._tokens = (token, before)

    def opened(self) -> tantivy.Index:
        """Return the index as it was opened last. Raises: UnanswerableError when there is none."""
        if self._index is None:
            raise UnanswerableError
        return self._index
