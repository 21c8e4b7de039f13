"""What a reader asks of the joint calls and of a ranking's rows: parameters in, a checked question out.

In: parameters as text (name, value). Out: frozen values, or one CallerError that names the parameter. Calls come in one order at every node: what
closes last first, then by identifier and text; the rows of a ranking as it is published. Pure. Source: docs/calls.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from node.domain.programme import call as rules
from node.domain.programme import parameters as read
from node.domain.programme.call import Call
from node.domain.query import LIMIT_DEFAULT

STATES: Final = (rules.OPEN, rules.ANNOUNCED, rules.CLOSED, rules.UNENDORSED, rules.CONTESTED)
LIST: Final = ("state", "issuer", "limit", "cursor")
ROWS: Final = ("limit", "cursor")
_DOMAIN: Final = b"rete/call-cursor/v1\n"
_ROWS_DOMAIN: Final = b"rete/ranking-cursor/v1\n"
_Row = TypeVar("_Row")
Place = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Which calls are asked for; empty text means "not asked"; ``after``: the place of the last one of the page before."""

    state: str = ""
    issuer: str = ""
    limit: int = LIMIT_DEFAULT
    after: Place | None = None

    def parameters(self) -> tuple[tuple[str, str], ...]:
        """Return the question as parameters, without its place."""
        limit = "" if self.limit == LIMIT_DEFAULT else str(self.limit)
        asked = (("state", self.state), ("issuer", self.issuer), ("limit", limit))
        return tuple(pair for pair in asked if pair[1])

    def meets(self, call: Call, state: str) -> bool:
        """Tell whether a call that stands so is asked for."""
        issuers = {issuer.node.casefold() for issuer in call.issuers}
        return (not self.state or state == self.state) and (not self.issuer or self.issuer.casefold() in issuers)

    def cursor_after(self, call: Call) -> str:
        """Return the opaque text with which the same question goes on after a call."""
        return read.cursor(self.parameters(), _DOMAIN, place_of(call))


def place_of(call: Call) -> Place:
    """Return the place of a call in the order of all, which goes down."""
    return int(call.closes.astimezone(dt.UTC).timestamp()), call.call_id, call.digest


def parse(parameters: Iterable[tuple[str, str]]) -> CallQuery:
    """Return the question that parameters ask. Raises: CallerError query-parameter-..., query-value-..., query-cursor-bad."""
    given = read.given(parameters, LIST)
    query = CallQuery(
        state=_STATE("state", given["state"]) if "state" in given else "",
        issuer=read.member("issuer", given["issuer"]) if "issuer" in given else "",
        limit=read.limit("limit", given["limit"]) if "limit" in given else LIMIT_DEFAULT,
    )
    if "cursor" not in given:
        return query
    closes, call_id, digest = read.place(query.parameters(), _DOMAIN, given["cursor"], (int, str, str))
    return CallQuery(query.state, query.issuer, query.limit, (closes, call_id, digest))


_STATE: Final = read.choice(STATES)


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of a ranking: how many, and the cursor that was sent."""

    limit: int = LIMIT_DEFAULT
    cursor: str = ""

    def parameters(self) -> tuple[tuple[str, str], ...]:
        """Return the question as parameters, without its place."""
        return () if self.limit == LIMIT_DEFAULT else (("limit", str(self.limit)),)

    def page(self, rows: Sequence[_Row], digest: str) -> tuple[Sequence[_Row], str]:
        """Return a page of a ranking's rows and the cursor of the next, which holds for this very ranking; empty after the last.

        Raises: CallerError(query-cursor-bad).
        """
        asked, start = [("ranking", digest)], 0
        if self.cursor:
            found: list[Any] = read.place(asked, _ROWS_DOMAIN, self.cursor, (int,))
            start = found[0]
            if not 0 < start < len(rows):
                raise read.bad_cursor()
        end = start + self.limit
        return rows[start:end], read.cursor(asked, _ROWS_DOMAIN, [end]) if end < len(rows) else ""


def parse_rows(parameters: Iterable[tuple[str, str]]) -> Rows:
    """Return which page of a ranking is asked for. Raises: CallerError query-...."""
    given = read.given(parameters, ROWS)
    limit = read.limit("limit", given["limit"]) if "limit" in given else LIMIT_DEFAULT
    return Rows(limit, given.get("cursor", ""))


def parse_nothing(parameters: Iterable[tuple[str, str]]) -> None:
    """Refuse every parameter. Raises: CallerError(query-parameter-unknown)."""
    read.given(parameters, ())
