"""Introductions as the database keeps them: cases, the events that tell them, consents and identities. Private.

In: connections inside transactions that the flow opened. Out: rows as values. Rules: whoever changes a case has locked it before; a
case's row is written from its events and from nothing else; an event is inserted once and never changed; identities are erased, not
deleted, so that the day stays. No public or peer-facing route can import this (tests/test_house.py).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from node.domain.introduction import FOLLOW_UP_DAYS, LOCAL, Case, Event, Party, State, state_for, turn_of
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("introductions")


@dataclass(frozen=True, slots=True)
class Row:
    """A case without its events: who we are in it, with whom, about which profile and for which network of ours."""

    introduction_id: str
    party: Party
    peer: str
    profile_id: str
    network_id: str | None
    project_id: str | None
    request: Mapping[str, Any]
    applicant: Mapping[str, Any] | None = field(repr=False)
    state: str
    own_events: int
    created_by: str
    created_at: dt.datetime
    # Of the profile, where it is ours: empty for another office's.
    profile_state: str
    # When the other office was last asked for its messages, and when it was that they were read to the end.
    asked_at: dt.datetime | None = None
    read_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to be opened."""

    introduction_id: str
    party: Party
    peer: str
    profile_id: str
    state: str
    network_id: str | None = None
    project_id: str | None = None
    request: Mapping[str, Any] = field(default_factory=dict)
    applicant: Mapping[str, Any] | None = field(default=None, repr=False)
    token_hash: bytes | None = None
    created_by: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """An event with the bytes that were signed."""

    introduction_id: str
    event: Event
    raw: bytes
    signature: bytes = b""
    payload: Mapping[str, Any] | None = field(default=None, repr=False)
    salt: bytes | None = None
    officer: str = ""


@dataclass(frozen=True, slots=True)
class Consent:
    """The consent of this office's own side, and what may be told of it."""

    person: str
    version: str
    identity: Mapping[str, Any] = field(repr=False)
    officer: str
    given_at: dt.datetime
    revoked_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """Whom the other office named; ``identity`` is None once erased."""

    identity: Mapping[str, Any] | None = field(repr=False)
    received_at: dt.datetime
    erased_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A case in a list."""

    introduction_id: str
    party: Party
    peer: str
    profile_id: str
    network_id: str | None
    network: str | None
    applicant: str | None
    project_id: str | None
    state: State
    reason: str
    outcome: str
    turn: str
    own_due: int | None
    other_due: int | None
    since: dt.datetime
    introduced_at: dt.datetime | None
    created_by: str
    created_at: dt.datetime
    changed_at: dt.datetime
    # The follow-up that this office still has to tell, 0 for none.
    follow_up_due: int

    @property
    def is_our_turn(self) -> bool:
        """Whether something waits for this office; the queries of lists and counts say the same."""
        return self.state in LOCAL or self.turn in (self.party, "both") or self.follow_up_due > 0


@dataclass(frozen=True, slots=True)
class Step:
    """An event in a timeline, with what was said beside it."""

    event: Event
    payload: Mapping[str, Any] | None
    officer: str
    written_at: dt.datetime


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _value(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


async def open_cases(conn: Connection, cases: Sequence[NewCase], now: dt.datetime) -> None:
    """Open cases; one that is there stays as it is."""
    columns: list[list[Any]] = [
        [c.introduction_id for c in cases], [c.party.value for c in cases], [c.peer for c in cases], [c.profile_id for c in cases],
        [c.network_id for c in cases], [c.project_id for c in cases], [_json(c.request) for c in cases],
        [_json(c.applicant) for c in cases], [c.token_hash for c in cases], [c.state for c in cases],
    ]  # fmt: skip
    await conn.execute(QUERIES["open_cases"], *columns, now, [c.created_by for c in cases])


def _row(record: Mapping[str, Any]) -> Row:
    facts = dict(record)
    facts |= {"introduction_id": str(facts["introduction_id"]), "profile_id": str(facts["profile_id"])}
    for name in ("network_id", "project_id"):
        facts[name] = None if facts[name] is None else str(facts[name])
    return Row(
        **{
            **facts,
            "party": Party(facts["party"]),
            "request": _value(facts["request"]),
            "applicant": _value(facts["applicant"]),
        }
    )


async def lock_cases(conn: Connection, ids: Iterable[str], peer: str | None = None) -> dict[str, Row]:
    """Lock cases (of one other office, if it is named) until the transaction ends, always in one order; return those there are."""
    rows = await conn.fetch(QUERIES["lock_cases"], sorted(set(ids)), peer)
    return {str(r["introduction_id"]): _row(r) for r in rows}


async def peers_of(conn: Connection, ids: Iterable[str]) -> list[str]:
    """Return the other offices of cases."""
    return [r["peer"] for r in await conn.fetch(QUERIES["peers_of"], sorted(set(ids)))]


async def read_case(conn: Connection, introduction_id: str) -> Row | None:
    """Return one case."""
    record = await conn.fetchrow(QUERIES["read_case"], introduction_id)
    return None if record is None else _row(record)


def _event(record: Mapping[str, Any]) -> Event:
    names = ("seq", "seen", "kind", "at", "detail", "due")
    return Event(Party(record["party"]), **{name: record[name] for name in names})


async def events_of(conn: Connection, ids: Iterable[str]) -> dict[str, list[Kept]]:
    """Return the events of cases, without what was said beside them."""
    found: dict[str, list[Kept]] = {}
    for record in await conn.fetch(QUERIES["events_of"], sorted(set(ids))):
        key = str(record["introduction_id"])
        found.setdefault(key, []).append(Kept(key, _event(record), record["event"]))
    return found


async def insert_events(conn: Connection, events: Sequence[Kept], now: dt.datetime) -> None:
    """Add events; one that is there stays."""
    columns: list[list[Any]] = [
        [e.introduction_id for e in events], [e.event.by.value for e in events], [e.event.seq for e in events],
        [e.event.seen for e in events], [str(e.event.kind) for e in events], [e.event.at for e in events],
        [e.event.detail for e in events], [e.event.due for e in events], [e.raw for e in events], [e.signature for e in events],
        [_json(e.payload) for e in events], [e.salt for e in events], [e.officer for e in events],
    ]  # fmt: skip
    await conn.execute(QUERIES["insert_events"], *columns, now)


def _at(seconds: int) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(seconds, dt.UTC) if seconds else None


async def keep_states(conn: Connection, cases: Mapping[str, tuple[Party, Case]], now: dt.datetime) -> None:
    """Write what events tell into the rows of their cases."""
    rows = [
        (
            key, str(state_for(case, me)), case.reason, case.outcome, turn_of(case), case.due.get(me), case.due.get(me.other),
            _at(case.since) or now, _at(case.introduced_at), case.heard[me], case.heard[me.other], case.seen[me.other],
        )
        for key, (me, case) in cases.items()
    ]  # fmt: skip
    await conn.execute(QUERIES["keep_states"], *map(list, zip(*rows, strict=True)), now)


async def keep_identities(conn: Connection, ids: Sequence[str], now: dt.datetime) -> None:
    """Keep whom the other offices named beside their events; what is kept stays."""
    if ids:
        await conn.execute(QUERIES["keep_identities"], ids, now)


async def erase_identities(conn: Connection, ids: Sequence[str], now: dt.datetime) -> None:
    """Erase whom the other offices named, in its own row and beside its event."""
    if ids:
        await conn.execute(QUERIES["erase_identities"], ids, now)
        await conn.execute(QUERIES["erase_told"], ids)


async def consents_of(conn: Connection, ids: Sequence[str]) -> dict[str, Consent]:
    """Return the own side's consents, by case."""
    found = {}
    for record in await conn.fetch(QUERIES["consents_of"], ids):
        facts = dict(record)
        key = str(facts.pop("introduction_id"))
        found[key] = Consent(**{**facts, "identity": _value(facts["identity"])})
    return found


async def keep_consent(conn: Connection, introduction_id: str, consent: Consent) -> None:
    """Keep the own side's consent; the first one stays."""
    await conn.execute(
        QUERIES["keep_consent"], introduction_id, consent.person, consent.version, _json(consent.identity), consent.officer,
        consent.given_at,
    )  # fmt: skip


async def revoke_consent(conn: Connection, introduction_id: str, now: dt.datetime) -> None:
    """Note that the own side's consent was revoked."""
    await conn.execute(QUERIES["revoke_consent"], introduction_id, now)


async def identity_of(conn: Connection, introduction_id: str) -> Told | None:
    """Return whom the other office named."""
    record = await conn.fetchrow(QUERIES["identity_of"], introduction_id)
    return None if record is None else Told(_value(record["identity"]), record["received_at"], record["erased_at"])


async def timeline(conn: Connection, introduction_id: str) -> list[Step]:
    """Return all that was said in a case, each office's in its order."""
    return [
        Step(_event(r), _value(r["payload"]), r["officer"], r["written_at"])
        for r in await conn.fetch(QUERIES["timeline"], introduction_id)
    ]


async def messages_of(
    conn: Connection, ids: Sequence[str], numbers: Sequence[int]
) -> list[tuple[str, Party, int, Kept]]:
    """Return events with some numbers of some cases, as they were signed: (case, party, number, event)."""
    found = []
    for r in await conn.fetch(QUERIES["messages_of"], ids, numbers):
        key, party = str(r["introduction_id"]), Party(r["party"])
        event = Event(party, r["seq"], 0, "", 0)
        found.append(
            (key, party, r["seq"], Kept(key, event, r["event"], r["signature"], _value(r["payload"]), r["salt"]))
        )
    return found


@dataclass(frozen=True, slots=True)
class Sought:
    """Which cases are listed; None: all. ``after``: the last one of the page before, as (changed_at, id)."""

    party: Party | None = None
    states: tuple[State, ...] | None = None
    waiting: bool = False
    peer: str | None = None
    after: tuple[dt.datetime, str] | None = None


async def list_cases(conn: Connection, sought: Sought, limit: int, now: dt.datetime) -> list[Listed]:
    """Return a page of cases, what changed last first."""
    after = sought.after or (None, None)
    states = None if sought.states is None else [str(state) for state in sought.states]
    party = None if sought.party is None else str(sought.party)
    found = await conn.fetch(
        QUERIES["list_cases"], party, states, sought.waiting, sought.peer, *after, limit, now, FOLLOW_UP_DAYS
    )
    return [_listed(record) for record in found]


def _listed(record: Mapping[str, Any]) -> Listed:
    facts = dict(record)
    for name in ("introduction_id", "profile_id", "network_id", "project_id"):
        facts[name] = None if facts[name] is None else str(facts[name])
    return Listed(**{**facts, "party": Party(facts["party"]), "state": State(facts["state"])})


async def project_cases(conn: Connection, project_id: str, now: dt.datetime) -> list[Listed]:
    """Return the cases of one joint project."""
    return [_listed(record) for record in await conn.fetch(QUERIES["project_cases"], project_id, now, FOLLOW_UP_DAYS)]


async def signed_events(conn: Connection, introduction_id: str) -> list[tuple[tuple[Party, int], bytes, bytes]]:
    """Return what was signed in a case: ((who, number), the event's bytes, the signature)."""
    rows = await conn.fetch(QUERIES["signed_events"], introduction_id)
    return [((Party(r["party"]), r["seq"]), r["event"], r["signature"]) for r in rows]


@dataclass(frozen=True, slots=True)
class Count:
    """How many cases stand at one state, and of how many of them something waits for this office."""

    party: Party
    state: State
    outcome: str
    cases: int
    waiting: int


async def count_cases(conn: Connection, now: dt.datetime) -> list[Count]:
    """Return how many cases stand where."""
    return [
        Count(Party(r["party"]), State(r["state"]), r["outcome"], r["cases"], r["waiting"])
        for r in await conn.fetch(QUERIES["count_cases"], now, FOLLOW_UP_DAYS)
    ]


async def delete_draft(conn: Connection, introduction_id: str) -> bool:
    """Delete what was never sent; False where it was, or is not there."""
    return bool((await conn.execute(QUERIES["delete_draft"], introduction_id)) == "DELETE 1")


async def change_draft(
    conn: Connection, introduction_id: str, request: Mapping[str, Any], network_id: str | None, now: dt.datetime
) -> bool:
    """Write a draft anew; False where it is no draft any more."""
    done = await conn.execute(QUERIES["change_draft"], introduction_id, _json(request), network_id, now)
    return bool(done == "UPDATE 1")


async def has_token(conn: Connection, introduction_id: str, token_hash: bytes) -> bool:
    """Tell whether a token opens a case."""
    return await conn.fetchval(QUERIES["by_token"], introduction_id, token_hash) is not None


async def count_drafts(conn: Connection) -> int:
    """Return how many requests of firms wait that no officer has looked at."""
    return int(await conn.fetchval(QUERIES["count_drafts"]))


async def hold_beginnings(conn: Connection) -> None:
    """Wait until nobody else begins a case, and let nobody begin until the end of this transaction."""
    await conn.execute(QUERIES["hold_beginnings"])


async def has_open_case(conn: Connection, peer: str, profile_id: str, network_id: str) -> bool:
    """Tell whether a network has an open case about an office's profile."""
    return bool(await conn.fetchval(QUERIES["has_open_case"], profile_id, network_id, peer))


async def due_cases(
    conn: Connection, today: int, silent_since: dt.datetime, untold_since: dt.datetime, after: str, limit: int
) -> list[str]:
    """Return a page of the cases of which the node may have something to say by itself, by id, after one.

    ``silent_since``: when a step began that takes too long; ``untold_since``: when networks met of whom nobody told more.
    """
    rows = await conn.fetch(QUERIES["due_cases"], today, silent_since, limit, after, untold_since)
    return [str(r["introduction_id"]) for r in rows]


async def unknown_cases(conn: Connection, before: dt.datetime, since: dt.datetime, limit: int) -> list[str]:
    """Return cases of which the other office has not said that it knows all, among those that changed after ``since``."""
    return [str(r["introduction_id"]) for r in await conn.fetch(QUERIES["unknown_cases"], before, limit, since)]


async def claim_again(conn: Connection, ids: Sequence[str], now: dt.datetime, before: dt.datetime) -> list[str]:
    """Return those of some cases of which the other office does not know all and was not sent it since ``before``."""
    rows = await conn.fetch(QUERIES["claim_again"], ids, now, before) if ids else []
    return [str(r["introduction_id"]) for r in rows]


async def sent_again(conn: Connection, ids: Sequence[str], now: dt.datetime) -> None:
    """Note that events of cases were sent once more."""
    await conn.execute(QUERIES["sent_again"], ids, now)


async def known_here(conn: Connection, ids: Sequence[str]) -> list[str]:
    """Return those of some cases that are here."""
    return [str(r["introduction_id"]) for r in await conn.fetch(QUERIES["known_here"], ids)]


async def count_of(conn: Connection, peer: str, since: dt.datetime) -> tuple[int, int]:
    """Return how many cases with an office are open, and how many it has begun since."""
    row = await conn.fetchrow(QUERIES["count_of"], peer, since)
    return (int(row["open"]), int(row["begun"])) if row else (0, 0)


async def cases_with(conn: Connection, peer: str, since: dt.datetime, after: str, limit: int) -> list[str]:
    """Return a page of the cases with an office that are open or changed since, by id, after one."""
    return [str(r["introduction_id"]) for r in await conn.fetch(QUERIES["cases_with"], peer, since, after, limit)]


async def delete_unbegun(conn: Connection, before: dt.datetime) -> int:
    """Delete cases that others opened here before, or gave back, and of which nothing can be read; return how many."""
    await conn.execute(QUERIES["end_unbegun"], before)
    return int((await conn.execute(QUERIES["delete_unbegun"], before)).rpartition(" ")[2])


async def open_peers(conn: Connection) -> frozenset[str]:
    """Return the offices with which a case is open."""
    return frozenset(r["peer"] for r in await conn.fetch(QUERIES["open_peers"]))


async def beginning(conn: Connection, first: str, last: str) -> list[str]:
    """Return the cases whose identifiers lie between two, at most two."""
    return [str(r["introduction_id"]) for r in await conn.fetch(QUERIES["beginning"], first, last)]
