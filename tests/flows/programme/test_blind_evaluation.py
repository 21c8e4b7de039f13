"""Evaluators are blind to each other until all are in; what is handed in is judged as documents of networks are; sheets cannot be forged."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from node.domain.documents import describe
from node.domain.programme.eligibility import Undertaking
from node.errors import CallerError, NotFoundError, PeerWrongError
from node.flows.programme import announce, applying, evaluating
from node.flows.registry import gdpr
from node.flows.registry.acting import acting, tell
from node.protocol import canonical
from node.runtime import current_own
from node.store.postgres import load_queries
from tests.call_offices_made import Issuers, issuers, make_call_template
from tests.calls_made import WEIGHTS
from tests.documents_made import HOSTILE
from tests.networks_made import PERSON_CODE

SQL = Path(__file__).parents[3] / "node" / "store"
JUDGES = ("carla", "dario", "elena")


@pytest.fixture(scope="session")
def called(server: str) -> str:
    """A database with thirty networks of Lecce."""
    return asyncio.run(make_call_template(server, "rete_calls_blind"))


@pytest.fixture
async def two(server: str, called: str, tmp_path: Path) -> AsyncIterator[Issuers]:
    """The Province and the Chamber of Lecce."""
    async with issuers(server, called, tmp_path) as found:
        yield found


def test_scores_are_read_in_one_way_alone() -> None:
    """No statement of the program reads the table of scores, but for words that name a subject; the database's functions do."""
    reading = [
        (file.stem, name)
        for file in SQL.glob("*.sql")
        for name, query in load_queries(file.stem).items()
        if file.stem != "gdpr"
        and "programme.call_score " in query
        and not query.lstrip().startswith("INSERT INTO programme.call_score ")
    ]
    assert reading == []


async def test_no_evaluator_sees_another_s_score_before_all_are_in(two: Issuers) -> None:
    """In random orders of declaring, conflicts and scoring: after every step everybody sees their own, or all of all."""
    call = await two.issued()
    office, chance = two.province, random.Random(20261201)
    found = [await office.apply(call.call_id, at) for at in range(12)]
    two.close()
    for number, one in enumerate(found):
        ident = one.application_id
        judges = list(JUDGES)[: chance.choice((2, 3))]
        await office.assign([ident], *judges)
        conflicted = judges[2] if len(judges) == 3 and chance.random() < 0.5 else None
        steps = [
            (who, step) for who in judges for step in ("declare", "score") if who != conflicted or step == "declare"
        ]
        chance.shuffle(steps)
        # Everybody's own steps in their order.
        steps.sort(key=lambda told: told[1] == "score" and chance.random() < 0.3)
        declared: set[str] = set()
        scored: set[str] = set()
        for who, step in steps:
            if step == "declare" or who not in declared:
                await office.declare(ident, who, conflict=who == conflicted)
                declared.add(who)
            if step == "score":
                await office.score(ident, who, dict.fromkeys(WEIGHTS, str(number % 10)))
                scored.add(who)
            judging = {who for who in judges if who != conflicted or who not in declared}
            complete = judging <= scored and len(scored) >= 2
            for viewer in (*judges, "mario"):
                assert await _seen(office, ident, viewer) == (
                    scored if complete and viewer in declared and viewer != conflicted else scored & {viewer}
                ), (steps, viewer)
            assert {score.evaluator for score in await evaluating.shown(office.pool, ident)} == (
                scored if complete else set()
            )


async def _seen(office: Any, ident: str, viewer: str) -> set[str]:
    try:
        return {score.evaluator for score in (await evaluating.read(office.pool, ident, viewer)).scores}
    except NotFoundError:
        return set()


async def test_nothing_is_read_or_scored_without_a_declaration(two: Issuers) -> None:
    """No content before it, none after a conflict; points are given once, in the evaluator's own name, after the deadline."""
    call = await two.issued()
    office = two.province
    ident = (await office.apply(call.call_id, 0)).application_id
    await office.assign([ident], "carla", "dario", "elena")
    points = dict.fromkeys(WEIGHTS, "7")
    (document,) = (await applying.read(office.pool, ident)).documents
    for who in ("carla", "mario"):
        with pytest.raises(CallerError):
            await evaluating.take(office.pool, ident, document["document_id"], who)
    assert (await evaluating.read(office.pool, ident, "carla")).opened is None
    with pytest.raises(CallerError, match="score-early"):
        await office.score(ident, "carla", points)
    two.close()
    with pytest.raises(CallerError, match="declaration-missing"):
        await office.score(ident, "carla", points)
    assert await office.declare(ident, "elena", conflict=True)
    # What was declared stands.
    assert await office.declare(ident, "elena", conflict=False)
    assert (await evaluating.read(office.pool, ident, "elena")).opened is None
    with pytest.raises(CallerError, match="declaration-missing"):
        await office.score(ident, "elena", points)
    await office.declare(ident, "carla")
    assert (await evaluating.take(office.pool, ident, document["document_id"], "Carla")).content
    await office.score(ident, "carla", points)
    await office.score(ident, "carla", points)
    with pytest.raises(CallerError, match="score-given"):
        await office.score(ident, "carla", {**points, "innovation": "8"})
    with pytest.raises(asyncpg.CheckViolationError, match="own name"):
        await office.declare(ident, "dario")
        async with office.pool.acquire() as conn, conn.transaction():
            with acting("anna"):
                await tell(conn)
                await conn.execute("INSERT INTO programme.call_score VALUES ($1, 'dario', '{}', '{}', now())", ident)
    await office.score(ident, "dario", points, "parole di dario")
    async with office.pool.acquire() as conn:
        # Nor does the chain of decisions tell what anybody gave or wrote.
        assert not await conn.fetchval("SELECT count(*) FROM audit.event WHERE document ~ 'motivato|parole|points'")
    with pytest.raises(CallerError, match="assignment-late"):
        await office.assign([ident], "franca")
    for statement in (
        "UPDATE programme.call_score SET points = '{}'",
        "UPDATE programme.call_declaration SET conflict = false",
        "UPDATE programme.application SET reasons = '{x}'",
    ):
        async with office.pool.acquire() as conn:
            with pytest.raises(asyncpg.CheckViolationError):
                await conn.execute(statement)


async def test_the_database_knows_four_eyes(two: Issuers) -> None:
    """Whoever proposed a ranking cannot publish it, by whatever way, and however they write their name."""
    call = await two.issued(mode="arrival")
    two.close()
    await two.exchange(call.call_id)
    await two.province.rank(call.call_id, "anna")
    async with two.province.pool.acquire() as conn, conn.transaction():
        with acting("bruno"):
            await tell(conn)
        with pytest.raises(asyncpg.CheckViolationError, match="four_eyes"):
            await conn.execute("UPDATE programme.call_ranking SET published_by = ' ANNA', published_at = now()")


@pytest.mark.parametrize(
    ("name", "content", "code"), HOSTILE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_hostile_documents_never_reach_an_application(name: str, content: bytes, code: str) -> None:
    """By the checker that documents of networks pass too: bombs, macros, programs, wrong types, odd names."""
    wish = applying.Wish("x", applying.amount("1", "x"), (), ((_described(name), content),))
    with pytest.raises(CallerError, match=code):
        asyncio.run(applying._judged(wish, applying.Bounds(2**20, 2**22)))


def _described(name: str) -> Any:
    from node.domain.documents import Described

    return Described("Documento", "other", None, name)


async def test_what_a_network_types_is_read(two: Issuers) -> None:
    """Amounts as people write them, single undertakings line by line; a file twice is refused."""
    assert applying.amount("15.000,50", "x") == applying.amount("15000.5 €", "x")
    assert applying.amount("15.000", "x") == 15000
    for wrong in ("", "x", "-1", "1,234", "1e3"):
        with pytest.raises(CallerError, match="amount-bad"):
            applying.amount(wrong, "x")
    (one, other) = applying.undertaking_lines("01234567890; 5000; 2025-01-02=100,50\n\n abcdef12 ; 1")
    assert (one.code, str(one.part), str(one.aids[0].amount), other.code) == (
        "01234567890",
        "5000.00",
        "100.50",
        "ABCDEF12",
    )
    for bad in ("1; 5", "01234567890", "01234567890; 1; 2025-13-01=1", "01234567890; 1; 2025-01-01"):
        with pytest.raises(CallerError, match="undertakings-bad"):
            applying.undertaking_lines(bad)
    call = await two.issued()
    told = (describe("Contratto", "contract", None, "a.pdf"), b"%PDF-1.4\n%%EOF\n")
    with pytest.raises(CallerError, match="document-repeated"):
        await two.province.apply(call.call_id, 0, documents=(told, told))


async def test_a_file_of_sheets_counts_as_a_whole_and_only_from_its_sender(two: Issuers) -> None:
    """A sheet less, another's, a changed byte, another recipient, a second use of an id: nothing of it is taken."""
    call = await two.issued(mode="arrival")
    for at in range(3):
        await two.chamber.apply(call.call_id, at)
    with pytest.raises(CallerError, match="sheets-early"):
        await two.chamber.export(call.call_id, two.province)
    two.close()
    raw = await two.chamber.export(call.call_id, two.province)
    file = json.loads(raw)
    mine = json.loads(await two.province.export(call.call_id, two.chamber))
    envelope = file["m"][1]
    broken = {**envelope, "ct": envelope["ct"][:-8] + "AAAAAAA="}
    for changed in (
        {**file, "m": file["m"][:-1]},
        {**file, "m": [*file["m"], file["m"][1]]},
        {**file, "m": [file["m"][0], broken, *file["m"][2:]]},
        {**file, "m": [file["m"][0], {**envelope, "seq": 2}, *file["m"][2:]]},
        {**file, "m": [*file["m"][:-1], *mine["m"]]},
        {**file, "m": []},
        {**file, "call": "0" * 64},
        mine,
        [],
    ):
        with pytest.raises((CallerError, PeerWrongError)):
            await two.province.take(call.call_id, canonical.dumps(changed))
    with pytest.raises(PeerWrongError):
        await two.province.take(call.call_id, raw + b" ")
    with pytest.raises(CallerError, match="sheets-missing"):
        await two.province.rank(call.call_id)
    # Whose networks they are stands in no byte of the file.
    assert not any(
        one.network and one.network.encode() in raw for one in await applying.list_all(two.chamber.pool, call.call_id)
    )
    for _ in range(2):
        assert await two.province.take(call.call_id, raw) == ("cciaa_le", 3)
    assert len((await two.province.rank(call.call_id)).parts[0]["rows"]) == 3


async def test_a_network_that_applied_at_both_offices_takes_part_once(two: Issuers) -> None:
    """Its second application is not admitted, in the ranking of both."""
    call = await two.issued(mode="arrival")
    await two.chamber.apply(call.call_id, 0)
    two.clock.forward(seconds=7)
    second = await two.province.apply(call.call_id, 0)
    two.close()
    await two.exchange(call.call_id)
    (part,) = (await two.province.rank(call.call_id)).parts
    assert [(row["id"], row["reasons"]) for row in part["rows"] if row["reasons"]] == [
        (second.application_id, ["application-duplicate"])
    ]


async def test_a_ranking_leaves_by_no_other_way(two: Issuers) -> None:
    """Whoever announces by hand cannot pass by the second officer."""
    call = await two.issued(mode="arrival")
    two.close()
    await two.exchange(call.call_id)
    (part,) = (await two.province.rank(call.call_id)).parts
    node = two.province.town.node
    document = {
        "type": "ranking/1", "title": {"it": "x"}, "summary": {"it": "x"}, "regions": [], "begins": None, "ends": None,
        "deadline": None, "ranking": part,
    }  # fmt: skip
    with acting("anna"), pytest.raises(CallerError, match="announcement-ranking"):
        await announce.announce(node.pool, node.config, await current_own(node), two.clock(), document)


async def test_an_applicant_s_data_are_found_and_erased(two: Issuers) -> None:
    """By the tax code: of a single undertaking, in a document, in what was written of it; points and numbers stay."""
    call = await two.issued()
    office, code = two.province, PERSON_CODE
    paper = (describe("Carta", "other", None, "carta.txt"), f"Titolare: {code}\n".encode())
    wish = {"undertakings": (Undertaking(code, Decimal(10000)),), "documents": (paper,)}
    ident = (await office.apply(call.call_id, 0, **wish)).application_id
    two.close()
    await office.assign([ident], "carla", "dario")
    for who in ("carla", "dario"):
        await office.declare(ident, who)
        await office.score(ident, who, dict.fromkeys(WEIGHTS, "7"), f"bene {code}")
    await two.chamber.take(call.call_id, await office.export(call.call_id, two.chamber))
    for side, places in ((office, 3), (two.chamber, 1)):
        found = await gdpr.access(side.pool, code)
        assert len([table for table in found.found if table.startswith("programme.")]) == places
        own = await current_own(side.town.node)
        await gdpr.erase(side.pool, own, code, "anna", "richiesta dell'interessato", two.clock())
        with pytest.raises(NotFoundError):
            await gdpr.access(side.pool, code)
    opened = await applying.read(office.pool, ident)
    assert (opened.application.number, opened.documents) == (1, ())
    assert [score.points["innovation"] for score in await evaluating.shown(office.pool, ident)] == ["7.00", "7.00"]
