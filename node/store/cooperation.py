"""The cooperation database's rows in: what a verified profile body becomes, by COPY, and how it goes again.

In: a profile document that passed the gate and its schema, at its log position. Out: one row of coop.profile.
Rules: ``index_row`` never fails on such a document: what it can't place is indexed so that it is never missed, an
impossible date so that it is never shown. It is the hot path of a pull, so labels are expanded once per distinct block.
Transactions are the flows' to open. Source: privacy.md P (the profile), domain/labels.py (terms).
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from node.domain.labels import ATTRIBUTES, LabelReference, encode
from node.domain.query import exact_term
from node.domain.sector import Sectors
from node.domain.territory import Territories
from node.domain.theme import THEME_TITLES
from node.domain.vocabulary import CAPABILITIES, CATEGORIES, title
from node.store.postgres import Connection, load_queries
from node.store.reference import load_sectors, load_territories

QUERIES = load_queries("cooperation")
COLUMNS: Final = (
    "origin_id", "idx", "profile_id", "owner", "published", "valid_until",
    "territory", "sector", "period", "size", "theme", "kind", "keys", "text_a", "text_b", "text_c", "text_d",
)  # fmt: skip
COPY_TIMEOUT_S: Final = 120
DELETE_TIMEOUT_S: Final = 120
# The column holds an int; a day beyond is a peer's fancy.
DAY_MAX: Final = 2**31 - 1
# A block with more values than this is expanded anew each time: a peer must not fill the memory with odd blocks.
REMEMBERED_VALUES_MAX: Final = 100
Row = tuple[Any, ...]
Block = tuple[tuple[str, ...], ...]


@functools.lru_cache(maxsize=8)
def label_reference(territories: Territories, sectors: Sectors) -> LabelReference:
    """Return the one label reference of these tables, so that its memory serves all callers."""
    return LabelReference(territories, sectors)


def load_label_reference() -> LabelReference:
    """Return the label reference over the package's own tables."""
    return label_reference(load_territories(), load_sectors())


def index_row(origin_id: int, idx: int, document: Mapping[str, Any], territories: Territories, sectors: Sectors) -> Row:
    """Return the row, in the order of COLUMNS, of a ``profile/1`` document at its log position."""
    owner, labels = document["owner"], document["labels"]
    block = tuple((labels[name]["level"], *labels[name]["values"]) for name in ATTRIBUTES[:5])
    texts, terms = _block(label_reference(territories, sectors), block, document["kind"])
    return (
        origin_id,
        idx,
        document["id"],
        owner,
        max(0, min(document["round"], DAY_MAX)),
        _day(document["valid_until"]),
        *texts,
        [*terms, *_exact(document, owner)],
        _both(document["title"]),
        _named(document),
        "\n".join((_both(document["summary"]), *(_both(item["text"]) for item in _wants(document) if "text" in item))),
        _both(document.get("description")),
    )


def _block(reference: LabelReference, block: Block, kind: str) -> tuple[Row, tuple[str, ...]]:
    """Return (label columns, label terms); remembered, since a federation has few distinct blocks."""
    small = sum(map(len, block)) <= REMEMBERED_VALUES_MAX
    return _expanded(reference, block, kind) if small else _expanded.__wrapped__(reference, block, kind)


@functools.lru_cache(maxsize=4096)
def _expanded(reference: LabelReference, block: Block, kind: str) -> tuple[Row, tuple[str, ...]]:
    labels = (*block, ("KIND", kind))
    texts = tuple(encode(level, values) for level, *values in labels)
    terms: list[str] = []
    for name, (_, *values) in zip(ATTRIBUTES, labels, strict=True):
        terms += reference.terms(name, tuple(values))
    return texts, tuple(terms)


def _wants(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*document["needs"], *document["offers"]]


def _exact(document: Mapping[str, Any], owner: str) -> list[str]:
    terms = [exact_term("owner", owner), exact_term("purpose", document["purpose"])]
    terms += [exact_term("need", item["category"]) for item in document["needs"]]
    terms += [exact_term("offer", item["category"]) for item in document["offers"]]
    terms += [exact_term("target_country", code) for code in document["target_countries"]]
    terms += [exact_term("language", code) for code in document["languages"]]
    terms += [exact_term("certification", code) for code in document["certifications"]]
    return terms


def _both(text: Mapping[str, str] | None) -> str:
    """Return a text in all its languages; one stemmer on both sides finds either."""
    return "\n".join(text.values()) if text else ""


def _named(document: Mapping[str, Any]) -> str:
    """Return the words of the closed lists, in Italian and as the keys say them."""
    categories = [item["category"] for item in _wants(document)]
    return " ".join(map(_words_of, (*document["themes"], *document["capabilities"], *categories)))


@functools.lru_cache(maxsize=4096)
def _words_of(key: str) -> str:
    titles = {title(CAPABILITIES, key), title(CATEGORIES, key), THEME_TITLES.get(key, key)} - {key}
    return " ".join((*sorted(titles), key.replace("_", " ")))


@functools.lru_cache(maxsize=4096)
def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        # The schema can't count the days of a month; such a profile is kept and counted, and was valid never.
        return dt.date.min


async def insert_profiles(conn: Connection, rows: Iterable[Row]) -> None:
    """Add rows of ``index_row`` by COPY; their bodies are in log.body already."""
    await conn.copy_records_to_table(
        "profile", schema_name="coop", columns=COLUMNS, records=rows, timeout=COPY_TIMEOUT_S
    )


async def delete_positions(conn: Connection, origin_id: int, indices: Sequence[int]) -> None:
    """Take profiles out by log position, in one statement; positions without a profile are no matter."""
    await conn.execute(QUERIES["delete_positions"], origin_id, list(indices), timeout=DELETE_TIMEOUT_S)


async def delete_origin(conn: Connection, origin_id: int) -> None:
    """Take all profiles of one origin out."""
    await conn.execute(QUERIES["delete_origin"], origin_id, timeout=DELETE_TIMEOUT_S)


async def count_by_origin(conn: Connection) -> dict[int, int]:
    """Return how many profiles are known of each origin that has any."""
    return {row["origin_id"]: row["profiles"] for row in await conn.fetch(QUERIES["count_by_origin"])}
