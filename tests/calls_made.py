"""A joint call for tests, its applications, and the points that evaluators give."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from node.domain.programme.call import CRITERIA, Call, parse
from node.domain.programme.published_ranking import Applied
from node.domain.programme.scoring import Entry, Sheet

CALL_ID = "5f0f3f4e-8a55-4c0e-9d5c-2a8b8a1b9c01"
OPENS = dt.datetime(2026, 11, 20, 8, 0, tzinfo=dt.UTC)
CLOSES = dt.datetime(2026, 12, 20, 11, 0, tzinfo=dt.UTC)
WEIGHTS = {"innovation": 40, "production-abroad": 20, "trade-abroad": 25, "certification": 15}


def call_document(**changes: Any) -> dict[str, Any]:
    """A call of the Province and the Chamber of Lecce, with changes."""
    document: dict[str, Any] = {
        "v": 1,
        "id": CALL_ID,
        "title": {"it": "Reti per crescere"},
        "text": {"it": "Contributi alle reti di imprese del Salento."},
        "eligibility": {"it": "Reti di almeno tre imprese."},
        "how": {"it": "Allo sportello di uno dei due enti."},
        "regions": ["ITF4"],
        "issuers": ["p_LE", "cciaa_le"],
        "shares": ["120000.00", "80000.00"],
        "budget": "200000.00",
        "opens": "2026-11-20T08:00:00Z",
        "closes": "2026-12-20T11:00:00Z",
        "mode": "score",
        "threshold": None,
        "criteria": [{"code": code, "title": {"it": CRITERIA[code][0].lower()}, "weight": weight} for code, weight in WEIGHTS.items()],
        "scale": 10,
        "evaluators": 2,
        "rounding": {"mode": "half-even", "digits": 2},
        "ties": ["criterion:innovation", "arrival", "protocol"],
        "last": "partial",
        "max_grant": "20000.00",
        "rules": {
            "members_min": 3, "members_max": 0, "provinces": [], "kinds": ["contract", "entity"], "documents": [],
            "de_minimis": {"ceiling": "300000.00", "years": 3},
        },
        "appeals_days": 30,
        "instalments": [40, 60],
    }  # fmt: skip
    return {**document, **changes}


def a_call(**changes: Any) -> Call:
    """The same, parsed."""
    return parse(call_document(**changes))


def a_sheet(by: str, *points: object) -> Sheet:
    """A sheet with points in the order of the criteria."""
    return Sheet(by, {code: Decimal(str(value)) for code, value in zip(WEIGHTS, points, strict=True)})


def an_entry(number: int, sheets: Sequence[Sheet] = (), **changes: Any) -> Entry:
    """The application that arrived as number so and so."""
    told: Mapping[str, Any] = {
        "application_id": str(uuid.UUID(int=number, version=4)),
        "office": "p_LE",
        "protocol": f"2026-{number:06}",
        "arrived": OPENS + dt.timedelta(minutes=number),
        "requested": Decimal("20000.00"),
        "sheets": tuple(sheets),
    }
    return Entry(**{**told, **changes})


def applied(entry: Entry, **changes: Any) -> Applied:
    """What its office tells of it."""
    return Applied(**{"entry": entry, "network": f"network {entry.application_id}", **changes})
