"""The cooperation database's rows in: what a verified profile body becomes, by COPY, and how it goes again.

In: a profile document that passed the gate and its schema, at its log position. Out: one row of coop.profile.
Rules: ``index_row`` never fails on such a document: what it can't place is indexed so that it is never missed, an
impossible date so that it is never shown. It is the hot path of a pull, so labels are expanded once per distinct block.
Transactions are the flows' to open. Source: docs/rules.md P (the profile), domain/labels.py (terms).
"""

from __future__ import annotations

import datetime as dt
import functools
import operator
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from node.domain.labels import ATTRIBUTES, LabelReference, encode
from node.domain.query import exact_term
from node.domain.sector import Sectors
from node.domain.territory import Territories
from node.domain.theme import THEME_TITLES
from node.domain.vocabulary import CAPABILITIES, CATEGORIES, title
from node.domain.words import apart
from node.store.copying import Remembered, copy_packed, pack_known_text, pack_text, pack_uuid
from node.store.postgres import Connection, load_queries
from node.store.reference import label_reference

QUERIES = load_queries("cooperation")
COLUMNS: Final = (
    "origin_id", "idx", "profile_id", "owner", "published", "valid_until",
    "territory", "sector", "period", "size", "theme", "kind", "keys", "text_a", "text_b", "text_c", "text_d",
)  # fmt: skip
COPY_TIMEOUT_S: Final = 120
DELETE_TIMEOUT_S: Final = 120
# The column holds an int; a day beyond is a peer's fancy.
DAY_MAX: Final = 2**31 - 1
DAY_MIN: Final = -(2**31)
_DAY_ZERO: Final = dt.date(2000, 1, 1).toordinal()
_TEXT_OID: Final = 25
_KEYS_HEADER_BYTES: Final = 20
_HEAD = struct.Struct(">hiiiqi16s").pack
_DAYS = struct.Struct(">iiii").pack
# An array of one dimension: its size, dimensions, whether it holds NULL, type, length, first index.
_KEYS = struct.Struct(">iiiiii").pack
# A block with more values than this is expanded anew each time: a peer must not fill the memory with odd blocks.
REMEMBERED_VALUES_MAX: Final = 100
Row = tuple[Any, ...]
Block = tuple[tuple[str, ...], ...]
_block_labels = operator.itemgetter(*ATTRIBUTES[:5])
_OWNER, _PURPOSE, _MATURITY, _NEED, _OFFER, _COUNTRY, _LANGUAGE, _CERTIFICATION = (
    Remembered(functools.partial(exact_term, name), 4096).__getitem__
    for name in ("owner", "purpose", "maturity", "need", "offer", "target_country", "language", "certification")
)


def index_row(origin_id: int, idx: int, document: Mapping[str, Any], territories: Territories, sectors: Sectors) -> Row:
    """Return the row, in the order of COLUMNS, of a ``profile/1`` document at its log position."""
    owner, labels = document["owner"], document["labels"]
    block = tuple([(label["level"], *label["values"]) for label in _block_labels(labels)])
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
        apart(_both(document["title"])),
        _named(document),
        apart(
            "\n".join(
                [_both(document["summary"]), *[_both(item["text"]) for item in _wants(document) if "text" in item]]
            )
        ),
        apart(_both(document.get("description"))),
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
    return [
        _OWNER(owner),
        _PURPOSE(document["purpose"]),
        _MATURITY(document["maturity"]),
        *[_NEED(item["category"]) for item in document["needs"]],
        *[_OFFER(item["category"]) for item in document["offers"]],
        *map(_COUNTRY, document["target_countries"]),
        *map(_LANGUAGE, document["languages"]),
        *map(_CERTIFICATION, document["certifications"]),
    ]


def _both(text: Mapping[str, str] | None) -> str:
    """Return a text in all its languages; one stemmer on both sides finds either."""
    return "\n".join(text.values()) if text else ""


def _named(document: Mapping[str, Any]) -> str:
    """Return the words of the closed lists, in Italian and as the keys say them."""
    categories = [item["category"] for item in _wants(document)]
    return " ".join(map(_words_of, (*document["themes"], *document["capabilities"], *categories)))


def _make_words(key: str) -> str:
    titles = {title(CAPABILITIES, key), title(CATEGORIES, key), THEME_TITLES.get(key, key)} - {key}
    return " ".join((*sorted(titles), key.replace("_", " ")))


_words_of = Remembered(_make_words, 4096).__getitem__


def _make_day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        # The schema can't count the days of a month; such a profile is kept and counted, and was valid never.
        return dt.date.min


_day = Remembered(_make_day, 4096).__getitem__


def pack_row(row: Row) -> bytes:
    """Return a row of ``index_row`` as COPY takes it."""
    origin_id, idx, profile_id, owner, published, valid_until, *labels, keys, text_a, text_b, text_c, text_d = row
    terms = b"".join(map(pack_known_text, keys))
    return b"".join(
        (
            _HEAD(len(COLUMNS), 4, origin_id, 8, idx, 16, pack_uuid(profile_id)),
            pack_known_text(owner),
            _DAYS(4, published, 4, _packed_day(valid_until)),
            *map(pack_known_text, labels),
            _KEYS(_KEYS_HEADER_BYTES + len(terms), 1, 0, _TEXT_OID, len(keys), 1),
            terms,
            *map(pack_text, (text_a, text_b, text_c, text_d)),
        )
    )


def _packed_day(day: dt.date) -> int:
    # As asyncpg reads and writes it: the first day of all stands for "always before".
    return DAY_MIN if day == dt.date.min else day.toordinal() - _DAY_ZERO


async def copy_profiles(conn: Connection, packed: Iterable[bytes]) -> None:
    """Add rows of ``pack_row`` by COPY; their bodies are in log.body already."""
    await copy_packed(conn, "coop", "profile", COLUMNS, packed, timeout_s=COPY_TIMEOUT_S)


async def delete_positions(conn: Connection, origin_id: int, indices: Sequence[int]) -> None:
    """Take profiles out by log position, in one statement; positions without a profile are no matter."""
    await conn.execute(QUERIES["delete_positions"], origin_id, list(indices), timeout=DELETE_TIMEOUT_S)


async def delete_origin(conn: Connection, origin_id: int) -> None:
    """Take all profiles of one origin out."""
    await conn.execute(QUERIES["delete_origin"], origin_id, timeout=DELETE_TIMEOUT_S)


async def count_by_origin(conn: Connection) -> dict[int, int]:
    """Return how many profiles are known of each origin that has any."""
    return {row["origin_id"]: row["profiles"] for row in await conn.fetch(QUERIES["count_by_origin"])}
