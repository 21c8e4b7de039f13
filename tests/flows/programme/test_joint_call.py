"""A joint call of two offices: endorsed alike, applied to at both, scored blindly, ranked alike, recomputed by a script of its own."""

from __future__ import annotations

import asyncio
import copy
import json
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from node.domain.programme import published_ranking
from node.domain.programme.call import CONTESTED, OPEN, UNENDORSED
from node.domain.programme.eligibility import Aid, Undertaking
from node.errors import CallerError, NotFoundError
from node.flows.observatory import announced
from node.flows.programme import applying, calls, granting, issued
from node.flows.registry.acting import acting
from tests.call_offices_made import CLOSES, OPENS, Issuers, issuers, make_call_template
from tests.calls_made import WEIGHTS, call_document

SCRIPT = Path(__file__).parents[2] / "recompute_ranking.py"
EVALUATORS = ("carla", "dario", "elena")


@pytest.fixture(scope="session")
def called(server: str) -> str:
    """A database with thirty networks of Lecce."""
    return asyncio.run(make_call_template(server, "rete_calls"))


@pytest.fixture
async def two(server: str, called: str, tmp_path: Path) -> AsyncIterator[Issuers]:
    """The Province and the Chamber of Lecce."""
    async with issuers(server, called, tmp_path) as found:
        yield found


def code_of(error: pytest.ExceptionInfo[CallerError]) -> str:
    """The code of a refusal."""
    return error.value.code


async def test_a_changed_byte_after_one_endorsement_keeps_the_call_closed(two: Issuers) -> None:
    """Both nodes compute it from the logs alone; when the other text is withdrawn and the first endorsed, it opens."""
    document = call_document(id=str(uuid.uuid4()), opens=OPENS, closes=CLOSES)
    call = await two.province.write(document)
    await two.province.endorse(call)
    await two.meet()
    assert [await office.standing(call.call_id) for office in two.both] == [UNENDORSED] * 2
    changed = copy.deepcopy(document)
    changed["text"]["it"] += " "
    other = await two.chamber.write(changed)
    await two.chamber.endorse(other)
    await two.meet()
    assert [await office.standing(call.call_id) for office in two.both] == [CONTESTED] * 2
    refused = await two.province.apply(call.call_id, 0) if await _kept(two) else None
    assert refused is not None
    assert refused.reasons == ("call-not-endorsed",)
    with pytest.raises(CallerError) as late:
        await two.chamber.write(document)
    assert code_of(late) == "call-endorsed"
    assert [await office.standing(call.call_id) for office in two.both] == [CONTESTED] * 2


async def _kept(two: Issuers) -> bool:
    return bool(await calls.kept_calls(two.province.pool))


async def test_an_endorsement_that_is_withdrawn_closes_the_call(two: Issuers) -> None:
    """At once here, and there with the next pull; it never comes back."""
    call = await two.issued()
    assert [await office.standing(call.call_id) for office in two.both] == [OPEN] * 2
    own = await _own(two)
    with acting("anna"):
        await calls.take_back(two.chamber.pool, own, call.call_id, two.clock())
    await two.meet()
    assert [await office.standing(call.call_id) for office in two.both] == [UNENDORSED] * 2
    with pytest.raises(CallerError) as gone:
        await two.chamber.endorse(call)
    assert code_of(gone) == "announcement-withdrawn"


async def _own(two: Issuers) -> Any:
    from node import runtime

    return await runtime.current_own(two.chamber.town.node)


async def test_late_duplicate_and_over_ceiling_applications_are_refused_with_reasons(two: Issuers) -> None:
    """Each is kept under a number of its own; a withdrawn application makes room for another."""
    call = await two.issued(mode="arrival")
    office = two.province
    first = await office.apply(call.call_id, 0)
    assert (first.reasons, first.number, first.documents) == ((), 1, 1)
    again = await office.apply(call.call_id, 0)
    assert again.reasons == ("application-duplicate",)
    aid = Aid(two.clock().date(), Decimal("290000.01"))
    heavy = await office.apply(call.call_id, 1, undertakings=(Undertaking("01234567890", Decimal(10000), (aid,)),))
    assert heavy.reasons == ("application-over-ceiling",)
    much = await office.apply(call.call_id, 2, requested="20000.01")
    assert much.reasons == ("application-amount",)
    with acting("anna"):
        gone = await applying.withdraw(office.pool, first.application_id, two.clock())
        assert gone.withdrawn_at is not None
        assert (await applying.withdraw(office.pool, first.application_id, two.clock())) == gone
    assert (await office.apply(call.call_id, 0)).reasons == ()
    two.close()
    late = await office.apply(call.call_id, 3)
    assert (late.reasons, late.protocol) == (("application-late",), "2026-000006")
    async with office.pool.acquire() as conn:
        told = await conn.fetch(
            "SELECT document::jsonb ->> 'action' AS action FROM audit.event WHERE kind = 'call' ORDER BY event_id"
        )
    assert [row["action"] for row in told] == ["written", "endorsed", "received", "refused", "refused", "refused", "withdrawn", "received", "refused"]  # fmt: skip
    with pytest.raises(NotFoundError):
        await office.apply(str(uuid.uuid4()), 0)
    with pytest.raises(NotFoundError):
        await office.apply(call.call_id, 0, network_id=str(uuid.uuid4()))


async def test_protocol_numbers_are_unique_and_without_gaps_whoever_comes_at_once(two: Issuers) -> None:
    """Twenty at once, some of one network: of each network one takes part, and numbers go from one to twenty."""
    call = await two.issued()
    found = await asyncio.gather(*(two.province.apply(call.call_id, at % 15) for at in range(20)))
    assert sorted(one.number for one in found) == list(range(1, 21))
    assert sum(one.takes_part for one in found) == 15
    assert {one.reasons for one in found} == {(), ("application-duplicate",)}


async def test_a_number_is_not_lost_with_an_application_that_fails(two: Issuers) -> None:
    """A hostile document refuses all of it before a number is taken."""
    from node.domain.documents import describe

    call = await two.issued()
    macros = (describe("Programma", "other", None, "programma.pdf"), b"MZ" + bytes(500))
    with pytest.raises(CallerError) as bad:
        await two.province.apply(call.call_id, 0, documents=(macros,))
    assert code_of(bad).startswith("document-")
    large = (describe("Grande", "other", None, "grande.pdf"), b"%PDF-1.4\n" + bytes(2**20))
    with pytest.raises(CallerError) as huge:
        await two.province.apply(call.call_id, 0, documents=(large,))
    assert code_of(huge) == "document-too-large"
    with pytest.raises(CallerError) as path:
        describe("Cammino", "other", None, "../../etc/passwd")
    assert code_of(path) == "document-name-bad"
    assert (await two.province.apply(call.call_id, 0)).number == 1


async def test_thirty_applications_three_evaluators_one_ranking(two: Issuers, tmp_path: Path) -> None:
    """At both offices; published alike by four people; recomputed by an independent script; granted after the appeals."""
    call = await two.issued(budget="180000.00", shares=["100000.00", "80000.00"])
    for at in range(30):
        two.clock.forward(seconds=7)
        await two.both[at % 2].apply(call.call_id, at)
    two.close()
    for office in two.both:
        found = await applying.list_all(office.pool, call.call_id)
        assert [one.protocol for one in found] == [f"2026-{number:06}" for number in range(1, 16)]
        for number, one in enumerate(found):
            judges = [EVALUATORS[number % 3], EVALUATORS[(number + 1) % 3]]
            await office.assign([one.application_id], *judges)
            for who in judges:
                await office.declare(one.application_id, who)
                points = {code: f"{(number * 7 + len(code) + ord(who[0])) % 21 / 2:.2f}" for code in WEIGHTS}
                await office.score(one.application_id, who, points)
    with pytest.raises(CallerError) as missing:
        await two.province.rank(call.call_id)
    assert code_of(missing) == "sheets-missing"
    await two.exchange(call.call_id)
    with pytest.raises(CallerError) as first:
        await two.chamber.rank(call.call_id)
    assert code_of(first) == "ranking-lead-missing"
    for office in two.both:
        proposal = await office.rank(call.call_id)
        with pytest.raises(CallerError) as own:
            await office.publish(call.call_id, proposal.digest, "Anna")
        assert code_of(own) == "ranking-own"
        await office.publish(call.call_id, proposal.digest)
        await two.meet()
    published = [await issued.rankings(office.pool, call) for office in two.both]
    assert all(one.is_signed for one in published)
    assert len({published_ranking.digest_of(one.parts[node]) for one in published for node in one.parts}) == 1
    text = (await issued.read(two.chamber.pool, call.call_id, two.clock())).document
    file = tmp_path / "ranking.json"
    file.write_text(json.dumps({"call": text, "ranking": published[1].parts["p_LE"]}), encoding="utf-8")
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, SCRIPT, str(file)], capture_output=True, text=True, check=True, timeout=20
    )
    assert "30 rows, 18 funded: as published" in done.stdout
    rows = published[0].parts["p_LE"][0]["rows"]
    # Nothing in it names a network.
    names = {one.network for office in two.both for one in await applying.list_all(office.pool, call.call_id)}
    assert not any(name and name in json.dumps(rows) for name in names)
    rows[3]["points"] = "99.99"
    file.write_text(json.dumps({"call": text, "ranking": published[0].parts["p_LE"]}), encoding="utf-8")
    forged = await asyncio.to_thread(
        subprocess.run, [sys.executable, SCRIPT, str(file)], capture_output=True, text=True, check=False, timeout=20
    )
    assert forged.returncode != 0
    await _counted(two, published[0].parts["p_LE"])
    await _grants(two, call.call_id, rows)


async def _counted(two: Issuers, parts: Sequence[Mapping[str, Any]]) -> None:
    """The Observatory counts, at both alike, the rows that are public: those of one call, each at its office."""
    rows = [row for part in parts for row in part["rows"]]
    seen = []
    for office in two.both:
        async with office.pool.acquire() as conn:
            tables = {found.ident: found for found in await announced.tables(conn, two.clock())}
            stamp = await announced.stamp(conn)
        assert stamp != ""
        seen.append(tables)
    assert seen[0] == seen[1]
    cells = {ident: {cell.at: cell.value for cell in found.cells} for ident, found in seen[0].items()}
    assert all(found.tier == 1 for found in seen[0].values())
    assert cells["calls-by-body"] == {("2026", "p_LE"): 1, ("2026", "cciaa_le"): 1}
    assert sum(int(n or 0) for n in cells["calls-by-region"].values()) == 1
    results = Counter((row["office"], row["status"]) for row in rows)
    told = {at[1:]: n for at, n in cells["applications-by-body"].items() if n}
    assert told == results
    assert sum(int(n or 0) for at, n in cells["applications-by-region"].items() if at[2] == "funded") == 18
    assert sum(Decimal(n or 0) for n in cells["grants-by-body"].values()) == Decimal("180000.00")


async def _grants(two: Issuers, call_id: str, rows: list[dict[str, Any]]) -> None:
    best = next(row for row in rows if row["office"] == "p_LE" and row["status"] == "funded")["id"]
    worst = next(row for row in rows if row["office"] == "p_LE" and row["status"] == "admitted")["id"]
    pool = two.province.pool
    with acting("anna"):
        with pytest.raises(CallerError) as early:
            await granting.grant(pool, best, two.clock())
        assert code_of(early) == "appeals-open"
        two.clock.forward(days=32)
        with pytest.raises(CallerError) as none:
            await granting.grant(pool, worst, two.clock())
        assert code_of(none) == "application-unfunded"
        for _ in range(2):
            assert await granting.grant(pool, best, two.clock()) == 10000
        day = two.clock().date()
        assert (await granting.pay(pool, best, Decimal(4000), day)).paid == 4000
        with pytest.raises(CallerError) as uncovered:
            await granting.pay(pool, best, Decimal(6000), day)
        assert code_of(uncovered) == "instalment-uncovered"
        await granting.report(pool, best, Decimal(9000), Decimal(8000), "fatture", day)
        account = await granting.revoke(pool, best, Decimal(7000), "spese non ammissibili", day)
        assert (account.due, account.to_recover) == (3000, 1000)
        with pytest.raises(CallerError) as much:
            await granting.pay(pool, best, Decimal(1), day)
        assert code_of(much) == "instalment-too-much"
        await granting.set_aid_code(pool, best, "COR123")
    lines = (await granting.aid_register(pool, call_id)).decode().splitlines()
    assert lines[0].split(",") == list(granting.AID_COLUMNS)
    assert lines[1].endswith(",10000.00,7000.00,4000.00,COR123")


async def test_a_withdrawal_makes_a_new_edition_at_both(two: Issuers) -> None:
    """The sheets are exchanged again; the others keep their points and move up."""
    call = await two.issued(mode="arrival", budget="20000.00", shares=["10000.00", "10000.00"])
    found = []
    for at in range(3):
        two.clock.forward(seconds=7)
        found.append(await two.both[at % 2].apply(call.call_id, at))
    two.close()
    await _rank(two, call.call_id)
    with acting("anna"):
        await applying.withdraw(two.province.pool, found[0].application_id, two.clock())
    two.clock.forward(minutes=5)
    old = await two.province.export(call.call_id, two.chamber)
    await _rank(two, call.call_id)
    published = await issued.rankings(two.chamber.pool, call)
    (part,) = published.parts["p_LE"]
    assert published.is_signed
    assert part["edition"] == 2
    assert [(row["id"], row["status"]) for row in part["rows"]] == [
        (found[1].application_id, "funded"), (found[2].application_id, "funded"), (found[0].application_id, "withdrawn"),
    ]  # fmt: skip
    two.clock.forward(minutes=5)
    await two.exchange(call.call_id)
    with pytest.raises(CallerError) as stale:
        await two.chamber.take(call.call_id, old)
    assert code_of(stale) == "sheets-old"


async def _rank(two: Issuers, call_id: str) -> None:
    await two.exchange(call_id)
    for office in two.both:
        await office.publish(call_id, (await office.rank(call_id)).digest)
        await two.meet()


async def test_an_issuer_that_heard_otherwise_publishes_nothing(two: Issuers) -> None:
    """Its own ranking is not the lead's: it says in which row, and goes no further."""
    call = await two.issued(mode="arrival")
    mine = await two.chamber.apply(call.call_id, 0)
    two.close()
    await two.exchange(call.call_id)
    await two.province.publish(call.call_id, (await two.province.rank(call.call_id)).digest)
    await two.meet()
    with acting("anna"):
        await applying.withdraw(two.chamber.pool, mine.application_id, two.clock())
    with pytest.raises(CallerError) as differs:
        await two.chamber.rank(call.call_id)
    assert code_of(differs) == "ranking-differs"
    assert mine.application_id in str(differs.value)
    assert not (await issued.rankings(two.chamber.pool, call)).is_signed
