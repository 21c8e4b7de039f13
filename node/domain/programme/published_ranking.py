"""The ranking as it is published: pseudonymous rows, in parts that fit a body, the same bytes at every issuer.

In: the call, what every issuing office says of each of its applications, whoever computes it (id, moment, edition). Out: rows; the
inner documents of ``ranking/1``; whether all issuers have published the same. Rules: a row names no network, firm or person; what the
order follows from stands in it (arrival, amount, sheets), so that anybody computes it again; an application that was withdrawn, is a
network's second, or was refused keeps its row and its reasons, and takes no part. Pure. Source: PROTOCOL 14.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from node.domain.programme import call as calls
from node.domain.programme import grants, scoring
from node.domain.programme.call import Call
from node.domain.programme.eligibility import DUPLICATE, Arrival, repeated
from node.domain.programme.scoring import Entry, Sheet
from node.errors import N_, CallerError

# Of the rows of one part: a body may have 65,536 bytes, and what stands around them is less than the rest.
PART_MAX_BYTES: Final = 56 * 1024
_PREFIX: Final = b"rete/ranking/v1\n"


@dataclass(frozen=True, slots=True)
class Applied:
    """An application as its office tells it to the other issuers; ``network`` is never published."""

    entry: Entry
    network: str
    reasons: tuple[str, ...] = ()
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the ranking; ``rank`` None: it has no place."""

    entry: Entry
    status: str
    reasons: tuple[str, ...]
    rank: int | None
    points: Decimal | None
    granted: Decimal

    def form(self) -> dict[str, Any]:
        """Return the row as it is published."""
        entry = self.entry
        return {
            "id": entry.application_id, "office": entry.office, "protocol": entry.protocol, "arrived": told(entry.arrived),
            "requested": written(entry.requested), "status": self.status, "reasons": list(self.reasons), "rank": self.rank,
            "points": None if self.points is None else written(self.points), "granted": written(self.granted),
            "sheets": [
                {"by": sheet.by, "points": {code: written(sheet.points[code]) for code in sorted(sheet.points)}}
                for sheet in sorted(entry.sheets, key=lambda sheet: sheet.by)
            ],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Head:
    """What says which ranking it is: drawn once by the issuer that computes it first."""

    ranking_id: str
    at: dt.datetime
    edition: int


def written(number: Decimal) -> str:
    """Return an amount or points with two decimals, as they are counted."""
    return f"{number:.2f}"


def told(moment: dt.datetime) -> str:
    """Return a moment in UTC to the microsecond, always of one length."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def compute(call: Call, applied: Sequence[Applied]) -> list[Row]:
    """Return the rows of a ranking: first in their order those that take part, then the others by office and protocol.

    Raises: CallerError scores-missing, application-repeated.
    """
    if len({one.entry.application_id for one in applied}) != len(applied):
        raise CallerError("application-repeated", N_("due uffici danno la stessa domanda"))
    able = [one for one in applied if not one.reasons and not one.is_withdrawn]
    again = repeated(
        [Arrival(e.application_id, one.network, e.arrived, e.office, e.protocol) for one in able for e in [one.entry]]
    )
    order = scoring.ordered(call, [one.entry for one in able if one.entry.application_id not in again])
    money = grants.allocate(call, [(entry.requested, points) for entry, points in order])
    rows, rank = [], 0
    for (entry, points), (status, granted) in zip(order, money, strict=True):
        has_place = status != grants.BELOW
        rank += has_place
        rows.append(Row(entry, status, (), rank if has_place else None, points, granted))
    # Those below the threshold follow those that have a place.
    rows.sort(key=lambda row: row.rank is None)
    others = [_other(one, one.entry.application_id in again) for one in applied if one not in able or one.entry.application_id in again]  # fmt: skip
    return rows + sorted(others, key=lambda row: (row.entry.office, row.entry.protocol))


def _other(one: Applied, is_second: bool) -> Row:
    status = grants.WITHDRAWN if one.is_withdrawn else grants.REFUSED
    reasons = (DUPLICATE,) if is_second else one.reasons
    # What nobody compares is not told either.
    bare = Entry(one.entry.application_id, one.entry.office, one.entry.protocol, one.entry.arrived, one.entry.requested)
    return Row(bare, status, reasons, None, None, grants.ZERO)


def documents(call: Call, head: Head, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the inner documents of a ranking, one for each part."""
    parts: list[list[dict[str, Any]]] = [[]]
    size = 0
    for row in rows:
        form = row.form()
        length = len(calls.encode(form)) + 1
        if parts[-1] and size + length > PART_MAX_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(form)
        size += length
    return [
        {
            "v": 1, "id": head.ranking_id, "call": call.digest, "call_id": call.call_id, "at": told(head.at),
            "edition": head.edition, "appeals_until": grants.appeals_until(call, head.at).isoformat(), "part": number,
            "parts": len(parts), "rows": part,
        }
        for number, part in enumerate(parts, 1)
    ]  # fmt: skip


def digest_of(parts: Sequence[Mapping[str, Any]]) -> str:
    """Return the digest (hex) of a ranking: of its parts' canonical bytes, each after its length."""
    hashed = hashlib.sha256(_PREFIX)
    for part in parts:
        raw = calls.encode(part)
        hashed.update(len(raw).to_bytes(8, "big") + raw)
    return hashed.hexdigest()


def whole(parts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]] | None:
    """Return the parts of one ranking in order, None where one is missing or stands twice."""
    ordered = sorted(parts, key=lambda part: int(part["part"]))
    count = int(ordered[0]["parts"]) if ordered else 0
    # Parts of two editions, while a reader has not heard all of the newer one, are none.
    if len({(part["id"], part["edition"], part["at"], part["call"]) for part in ordered}) > 1:
        return None
    if [part["part"] for part in ordered] != list(range(1, count + 1)) or any(
        part["parts"] != count for part in ordered
    ):
        return None
    return ordered if count else None


def signed_by_all(call: Call, published: Mapping[str, Sequence[Mapping[str, Any]]]) -> bool:
    """Tell whether every issuer has published a whole ranking, and all the same bytes."""
    found = set()
    for issuer in call.issuers:
        parts = whole(published.get(issuer.node, ()))
        if parts is None:
            return False
        found.add(digest_of(parts))
    return len(found) == 1


def first_difference(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> str:
    """Return the application in whose row two rankings differ first, empty where their rows are alike."""
    one, other = ([row for part in parts for row in part["rows"]] for parts in (ours, theirs))
    for at in range(max(len(one), len(other))):
        left, right = (rows[at] if at < len(rows) else None for rows in (one, other))
        if left != right:
            return str((left or right or {}).get("id", ""))
    return ""


def moment_of(text: Any) -> dt.datetime:
    """Return the moment that ``told`` wrote. Raises: CallerError(moment-bad)."""
    try:
        found = dt.datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise CallerError("moment-bad", N_("momento non valido")) from error
    if found.tzinfo is None or told(found) != text:
        raise CallerError("moment-bad", N_("momento non valido"))
    return found


def sheet_of(by: str, points: Mapping[str, str]) -> Sheet:
    """Return a sheet from its written form, which ``scoring.points_of`` has accepted before."""
    return Sheet(by, {code: Decimal(value) for code, value in points.items()})
