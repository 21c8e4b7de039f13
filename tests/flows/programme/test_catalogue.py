"""The catalogue answers: by words, kind, line, region, owner and state, in one order on every node, page after page."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node import runtime
from node.errors import CallerError, NotFoundError
from node.flows.logs import prove
from node.flows.programme import announce, catalogue
from node.flows.programme.catalogue import Found
from tests.announcements_made import service, session
from tests.federation_made import Clock, Town, federation
from tests.flows.programme.test_announce import put


async def ask(town: Town, **asked: str) -> Found:
    """Ask as a reader does."""
    query = catalogue.read_query(list(asked.items()), town.node.clock())
    return await catalogue.search(town.node.pool, query, town.node.clock())


def said(found: Found) -> list[str]:
    """The Italian titles of a page."""
    return [item.announcement.title["it"] for item in found.items]


@pytest.fixture
async def towns(server: str, tmp_path: Path) -> AsyncIterator[list[Town]]:
    """Lecce has announced four things, Torino one, and each has the other's."""
    async with federation(server, tmp_path, Clock(), ("p_LE", "p_TO")) as (lecce, torino):
        await put(lecce, session())
        await put(lecce, service("legal", title={"it": "Assistenza legale sul contratto"}, begins="2027-01-01"))
        await put(lecce, service(title={"it": "Qualità: verso la norma"}, regions=["ITF4", "ITF5"], ends="2026-12-31"))
        await put(lecce, session(title={"it": "Incontro di novembre"}, begins="2026-11-03", deadline=None, session={**session()["session"], "day": "2026-11-03"}))  # fmt: skip
        await put(torino, service(title={"it": "Sportello piemontese"}, regions=["ITC1"]))
        await lecce.sync()
        await torino.sync()
        yield [lecce, torino]


FOUND: tuple[tuple[dict[str, str], list[str]], ...] = (
    ({"q": "qualita"}, ["Qualità: verso la norma"]),
    ({"q": "information"}, ["Incontro informativo sui contratti di rete"]),
    ({"q": "manuale -piemontese"}, ["Qualità: verso la norma", "Assistenza legale sul contratto"]),
    ({"kind": "session"}, ["Incontro informativo sui contratti di rete", "Incontro di novembre"]),
    ({"line": "legal"}, ["Assistenza legale sul contratto"]),
    ({"owner": "P_to"}, ["Sportello piemontese"]),
    ({"region": "piemonte"}, ["Sportello piemontese", "Assistenza legale sul contratto"]),
    ({"region": "ITF5"}, ["Qualità: verso la norma", "Assistenza legale sul contratto"]),
    ({"state": "closed"}, ["Incontro di novembre"]),
    ({"state": "upcoming"}, ["Assistenza legale sul contratto"]),
    ({"state": "open", "kind": "service", "region": "ITF4"}, ["Qualità: verso la norma"]),
    ({"q": "parola che non c'è"}, []),
)


async def test_what_is_asked_for_is_found_at_both_nodes(towns: list[Town]) -> None:
    """The same answer in the same order, wherever it is asked."""
    for asked, titles in FOUND:
        for town in towns:
            found = await ask(town, **asked)
            assert (said(found), found.total) == (titles, len(titles)), asked


async def test_open_ones_come_first_and_the_state_is_told_by_the_day_in_rome(towns: list[Town]) -> None:
    """What closes soonest first; an hour before midnight UTC it is tomorrow in Rome."""
    lecce, _ = towns
    everything = await ask(lecce)
    assert [item.state.value for item in everything.items] == ["open", "open", "open", "upcoming", "closed"]
    lecce.node.clock.now = dt.datetime(2026, 12, 9, 22, 30, tzinfo=dt.UTC)  # type: ignore[attr-defined]
    assert "Incontro informativo sui contratti di rete" in said(await ask(lecce, state="open"))
    lecce.node.clock.now = dt.datetime(2026, 12, 9, 23, 30, tzinfo=dt.UTC)  # type: ignore[attr-defined]
    assert "Incontro informativo sui contratti di rete" in said(await ask(lecce, state="closed"))


async def test_pages_hold_everything_once_also_over_midnight(towns: list[Town]) -> None:
    """Page after page of one item, the day changing between them: nothing is missing, nothing twice; a foreign cursor is refused."""
    lecce, _ = towns
    for n in range(8):
        await put(lecce, service(title={"it": f"Servizio {n}"}, ends="2026-11-24" if n % 2 else None))
    whole = said(await ask(lecce, limit="100"))
    assert len(whole) == 13
    seen: list[str] = []
    cursor, draw = "", random.Random(3)
    while True:
        found = await ask(lecce, limit=str(draw.randrange(1, 4)), **({"cursor": cursor} if cursor else {}))
        seen += said(found)
        if not (cursor := found.cursor):
            break
        lecce.node.clock.now = dt.datetime(2026, 11, 25, 10, tzinfo=dt.UTC)  # type: ignore[attr-defined]
    assert seen == whole
    first = (await ask(lecce, limit="1")).cursor
    for wrong in ({"cursor": first, "kind": "service"}, {"cursor": first[:-2] + "AA"}, {"cursor": "x"}):
        with pytest.raises(CallerError) as caught:
            await ask(lecce, **wrong)
        assert caught.value.code == "query-cursor-bad"
    lecce.node.clock.forward(days=9)  # type: ignore[attr-defined]
    with pytest.raises(CallerError):
        await ask(lecce, cursor=first)


async def test_one_is_read_by_its_identifier_with_its_proof(towns: list[Town]) -> None:
    """Whole, by its beginning, of the owner that is meant; the proof is of that owner's log."""
    lecce, torino = towns
    shared = session(id=(await put(torino, service())).id)
    await put(lecce, shared)
    await torino.sync()
    now = torino.node.clock()
    for owner, kind in (("p_LE", "session"), ("p_TO", "service")):
        item = await catalogue.find(torino.node.pool, shared["id"][:8], now, owner)
        assert (item.owner, item.announcement.kind) == (owner, kind)
        proof = await prove.proof_text(torino.node.pool, item.id, item.origin, item.index)
        assert proof is not None
        assert item.origin in proof
    for code, beginning in (("announcement-id-bad", "zz"), ("announcement-unknown", "abcdef")):
        with pytest.raises((CallerError, NotFoundError)) as caught:
            await catalogue.find(torino.node.pool, beginning, now)
        assert caught.value.code == code


async def test_what_is_withdrawn_or_over_leaves_the_newest(towns: list[Town]) -> None:
    """The newest first; what nothing can be done about any more is not told."""
    lecce, _ = towns
    query = catalogue.read_query([], lecce.node.clock())
    before = await catalogue.newest(lecce.node.pool, query, lecce.node.clock())
    assert before[0].announcement.title["it"] == "Sportello piemontese"
    assert "Incontro di novembre" not in [i.announcement.title["it"] for i in before]
    own = await runtime.current_own(lecce.node)
    mine = next(item for item in before if item.owner == "p_LE")
    await announce.withdraw(lecce.node.pool, own, lecce.node.clock(), mine.id)
    after = await catalogue.newest(lecce.node.pool, query, lecce.node.clock())
    assert [item.id for item in after] == [item.id for item in before if item.id != mine.id]


WRONG: tuple[tuple[dict[str, str], str], ...] = (
    ({"colour": "red"}, "query-parameter-unknown"),
    ({"kind": "profile"}, "query-value-unknown"),
    ({"region": "LE"}, "query-value-unknown"),
    ({"state": "maybe"}, "query-value-unknown"),
    ({"owner": "p LE"}, "query-value-bad"),
    ({"limit": "0"}, "query-value-bad"),
    ({"q": "x" * 201}, "query-value-bad"),
    ({"q": "a\x00b"}, "query-value-bad"),
)


async def test_a_wrong_question_is_refused_by_name(towns: list[Town]) -> None:
    """Nothing that was asked is passed over."""
    for asked, code in WRONG:
        with pytest.raises(CallerError) as caught:
            await ask(towns[0], **asked)
        assert caught.value.code == code, asked
