"""Announcements, courses, calls and rankings as tables: what the CSV of their lists holds.

In: values of the flows. Out: rows of plain values under their columns (store/table writes them). Rules: only what the JSON face of the same list
tells, in its order; names of columns are stable, new ones come at the end. Source: docs/exports.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from node.domain.programme.course import Announced
from node.flows.programme.catalogue import Item
from node.flows.programme.issued import Issued
from node.store.table import Cell

CODES_APART: Final = " "

_ITEM: Final[tuple[tuple[str, Callable[[Item], Cell]], ...]] = (
    ("id", lambda item: item.id),
    ("kind", lambda item: item.announcement.kind),
    ("owner", lambda item: item.owner),
    ("origin", lambda item: item.origin),
    ("index", lambda item: item.index),
    ("revision", lambda item: item.announcement.revision),
    ("title", lambda item: item.announcement.title["it"]),
    ("title_en", lambda item: item.announcement.title.get("en")),
    ("summary", lambda item: item.announcement.summary["it"]),
    ("summary_en", lambda item: item.announcement.summary.get("en")),
    ("regions", lambda item: CODES_APART.join(item.announcement.regions)),
    ("begins", lambda item: item.announcement.begins),
    ("ends", lambda item: item.announcement.ends),
    ("deadline", lambda item: item.announcement.deadline),
    ("state", lambda item: item.state.value),
    ("announced", lambda item: item.announced),
    ("witnessed_at", lambda item: moment(item.witnessed_at)),
    ("quarantined", lambda item: item.quarantined),
)
ITEM_COLUMNS: Final = tuple(name for name, _ in _ITEM)
EDITION_COLUMNS: Final = (
    "course_id", "owner", "title", "title_en", "regions", "edition", "edition_state", "begins", "ends", "deadline", "seats", "attendance",
    "sessions", "certificates", "is_open",
)  # fmt: skip
_CALL: Final[tuple[tuple[str, Callable[[Issued], Cell]], ...]] = (
    ("call_id", lambda one: one.call.call_id),
    ("digest", lambda one: one.call.digest),
    ("title", lambda one: one.call.title["it"]),
    ("title_en", lambda one: one.call.title.get("en")),
    ("regions", lambda one: CODES_APART.join(one.call.regions)),
    ("state", lambda one: one.standing.state),
    ("opens", lambda one: one.call.opens),
    ("closes", lambda one: one.call.closes),
    ("mode", lambda one: one.call.mode),
    ("budget", lambda one: one.call.budget),
    ("max_grant", lambda one: one.call.max_grant),
    ("issuers", lambda one: CODES_APART.join(issuer.node for issuer in one.call.issuers)),
    ("endorsed_by", lambda one: CODES_APART.join(one.endorsers)),
    ("missing", lambda one: CODES_APART.join(one.standing.missing)),
    ("differing", lambda one: CODES_APART.join(one.standing.differing)),
)
CALL_COLUMNS: Final = tuple(name for name, _ in _CALL)
RANKING_COLUMNS: Final = ("rank", "office", "protocol", "points", "status", "reasons", "granted")


def moment(at: dt.datetime | None) -> dt.datetime | None:
    """Return a moment to the second, as JSON tells it."""
    return None if at is None else at.astimezone(dt.UTC).replace(microsecond=0)


def items(found: Iterable[Item]) -> Iterator[tuple[Cell, ...]]:
    """Yield one row per announcement."""
    for item in found:
        yield tuple(cell(item) for _, cell in _ITEM)


def editions(found: Iterable[tuple[Item, Iterable[Announced]]], today: dt.date) -> Iterator[tuple[Cell, ...]]:
    """Yield one row per edition of each course."""
    for item, announced in found:
        title, regions = item.announcement.title, CODES_APART.join(item.announcement.regions)
        for one in announced:
            yield (
                item.id, item.owner, title["it"], title.get("en"), regions, one.offered.code, one.offered.state.value, one.offered.begins,
                one.offered.ends, one.offered.deadline, one.seats, one.percent, len(one.offered.sessions), one.certificates,
                one.offered.is_open(today),
            )  # fmt: skip


def calls(found: Iterable[Issued]) -> Iterator[tuple[Cell, ...]]:
    """Yield one row per text of a call."""
    for one in found:
        yield tuple(cell(one) for _, cell in _CALL)


def ranking(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Cell, ...]]:
    """Yield one row per application of a published ranking."""
    for row in rows:
        reasons = CODES_APART.join(row["reasons"])
        yield (row["rank"], row["office"], row["protocol"], row["points"], row["status"], reasons, row["granted"])
