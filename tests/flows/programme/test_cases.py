"""Case files in a real database: opened, worked in, handed over, closed; two officers at once; what the chain is told."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import uuid
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from networks_made import NOW, record

from node.domain import documents as kinds
from node.domain import entry_form
from node.domain.programme import case_file
from node.domain.programme.aggregation import Stage, Step
from node.domain.programme.case_file import State, TaskState
from node.domain.roles import Role
from node.errors import CallerError
from node.flows.programme import aggregations, case_papers, case_work, cases, linked
from node.flows.registry import keeping
from node.flows.registry.acting import acting
from node.flows.registry.documents import Bounds
from node.flows.upkeep import audit
from node.store import cases as store
from node.store import pipeline_counts
from node.store.cases import Sought
from node.store.postgres import Pool, acquire
from tests.accounts_made import Desk
from tests.documents_made import HOSTILE, PDF, TEXT
from tests.programme_made import TODAY, firms, sheet

LATER = NOW + dt.timedelta(days=2)
BOUNDS = Bounds(2**20, 2**21)
NOBODY = "0b5a3a52-0000-4000-8000-000000000000"


async def network(pool: Pool, **changes: Any) -> str:
    """A network of the register."""
    outcome = await keeping.write(pool, entry_form.entry_of(record(**changes)), NOW)
    assert outcome.network_id, outcome.problems
    return outcome.network_id


async def aggregation(pool: Pool, name: str = "Concerto") -> str:
    """A potential aggregation."""
    with acting("anna"):
        return await aggregations.begin(pool, name, "Vendere insieme.", firms(3), TODAY, "anna", NOW)


async def opened(pool: Pool, network_id: str | None = None, **changes: Any) -> str:
    """A case file of a network, in Anna's hands."""
    told = {"title": "Verso il contratto", "lines": ["legal", "technical"], **changes}
    return await cases.open_case(pool, "Anna", NOW, network_id=network_id or await network(pool), **told)


def task(**changes: str) -> case_file.TaskWords:
    """A task as it is typed."""
    told = {"title": "Bozza", "line": "legal", "owner": "", "state": "open", "note": "", **changes}
    return case_file.task(told["title"], told["line"], told["owner"], dt.date(2026, 12, 3), told["state"], told["note"])


def meeting(hour: int = 9) -> case_file.Meeting:
    """An hour's appointment."""
    begins = dt.datetime(2026, 12, 3, hour, 0, tzinfo=dt.UTC)
    return case_file.meeting("Incontro", "Lecce", begins, begins + dt.timedelta(hours=1), "")


async def person(pool: Pool, name: str, role: Role = Role.OFFICER) -> None:
    """An account that is there."""
    await Desk(pool).person(name, role)


async def told(pool: Pool) -> list[dict[str, Any]]:
    """What the chain says of case files."""
    async with acquire(pool) as conn:
        rows = await conn.fetch("SELECT document FROM audit.event WHERE kind = 'case-file' ORDER BY event_id")
    return [orjson.loads(row["document"]) for row in rows]


async def assert_refused(code: str, work: Any) -> CallerError:
    """Nothing happens, and why."""
    with pytest.raises(CallerError) as caught:
        await work
    assert caught.value.code == code
    return caught.value


async def test_a_case_goes_from_its_opening_to_its_report(pool: Pool, tmp_path: Path) -> None:
    """Hours and costs by line, what was done and left; the chain has each step with who, and no word of it."""
    case_id = await opened(pool, office="Sportello di Maglie")
    await person(pool, "bruno")
    one = await case_work.add_task(pool, case_id, "anna", task(owner="Bruno"), NOW)
    two = await case_work.add_task(pool, case_id, "anna", task(title="Visura", line="technical"), NOW)
    await case_work.add_hours(pool, case_id, "bruno", LATER, hours="1,5", task_id=one)
    await case_work.add_hours(pool, case_id, "anna", LATER, hours="0,25", line="technical")
    await case_work.add_cost(pool, case_id, "anna", LATER, amount="1.250,50", line="legal", what="Notaio")
    await case_work.add_appointment(pool, case_id, "anna", meeting(), NOW)
    await case_papers.add_document(pool, case_id, "anna", kinds.describe("Bozza di Zeta", "contract", None, "bozza.pdf"), PDF, BOUNDS, NOW)  # fmt: skip
    await assert_refused(
        "case-tasks-open", cases.close(pool, case_id, "anna", LATER, outcome="contract-signed", note="")
    )
    await case_work.change_task(pool, case_id, one, "bruno", task(owner="bruno", state="done"), LATER, seen=1)
    await case_work.change_task(pool, case_id, two, "anna", task(title="Visura", line="technical", owner="anna", state="dropped"), LATER, seen=1)  # fmt: skip
    await cases.hand_over(
        pool, case_id, "anna", LATER, to="bruno", office="Sportello di Lecce", note="Manca la visura."
    )
    report = await cases.close(pool, case_id, "bruno", LATER, outcome="contract-signed", note="Firmato dal notaio.")
    assert (report.hours, report.cost, report.days, report.documents, report.appointments, report.handovers) == (
        Decimal("1.75"), Decimal("1250.50"), 2, 1, 1, 1,
    )  # fmt: skip
    found = await cases.read(pool, case_id)
    assert (found.row.state, found.row.outcome, found.row.officer, found.row.office) == (State.CLOSED, "contract-signed", "bruno", "Sportello di Lecce")  # fmt: skip
    assert found.row.report == report.document()
    assert [step.action for step in found.steps] == ["opened", "handed-over", "closed"]
    events = await told(pool)
    assert [(e["action"], e["officer"]) for e in events] == [
        ("opened", "anna"), ("document-added", "anna"), ("handed-over", "anna"), ("closed", "bruno"),
    ]  # fmt: skip
    assert not any(word in str(events) for word in ("Zeta", "bozza.pdf", "visura", "Maglie", "Verso"))
    assert (await audit.verify(pool, tmp_path)).ok


async def test_opening_twice_opens_once(pool: Pool) -> None:
    """By one id, also at the same moment; one event tells it."""
    network_id, key = await network(pool), str(uuid.uuid4())
    ids = await asyncio.gather(*(opened(pool, network_id, case_id=key) for _ in range(4)))
    assert set(ids) == {key}
    assert [event["action"] for event in await told(pool)] == ["opened"]


async def test_a_case_is_of_one_network_or_one_aggregation(pool: Pool) -> None:
    """Of neither, of both, and of what is not there it is none; the database holds it to an aggregation that there is."""
    for given in ({}, {"network_id": NOBODY, "aggregation_id": NOBODY}):
        await assert_refused("case-subject", cases.open_case(pool, "anna", NOW, title="x", lines=["legal"], **given))
    await assert_refused("network-unknown", opened(pool, NOBODY))
    of_nobody = cases.open_case(pool, "anna", NOW, title="x", lines=["legal"], aggregation_id=NOBODY)
    await assert_refused("aggregation-unknown", of_nobody)
    group = await aggregation(pool)
    case_id = await cases.open_case(pool, "anna", NOW, title="x", lines=["legal"], aggregation_id=group)
    row = (await cases.read(pool, case_id)).row
    assert (row.aggregation_id, row.aggregation, row.network_id, row.network) == (group, "Concerto", None, None)
    async with pool.acquire() as conn:
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await conn.execute("UPDATE programme.case_file SET aggregation_id = $1::uuid", NOBODY)


async def test_what_was_opened_for_an_aggregation_that_nobody_knows_is_kept(pool: Pool) -> None:
    """The migration holds new case files to its rule, and takes away none of the old ones."""
    script = resources.files("node.store").joinpath("migrations/0052_case_aggregation.sql").read_text(encoding="utf-8")
    async with pool.acquire() as conn:
        await conn.execute("ALTER TABLE programme.case_file DROP CONSTRAINT case_of_an_aggregation; DROP INDEX programme.case_of_aggregation")  # fmt: skip
        await conn.execute(
            "INSERT INTO programme.case_file (case_id, aggregation_id, title, lines, officer, opened_by, opened_at, changed_at)"
            " VALUES (gen_random_uuid(), $1::uuid, 'x', '{legal}', 'anna', 'anna', $2, $2)", NOBODY, NOW,
        )  # fmt: skip
        await conn.execute(script)
    (row,) = await cases.find(pool, Sought(), 10)
    assert (row.aggregation_id, row.aggregation) == (NOBODY, None)
    await cases.suspend(pool, row.case_id, "anna", NOW)
    again = cases.open_case(pool, "anna", NOW, title="x", lines=["legal"], aggregation_id=NOBODY)
    await assert_refused("aggregation-unknown", again)


async def test_the_case_of_an_aggregation_becomes_its_network_s(pool: Pool) -> None:
    """Found from either, with what the register knows for the contract; another's is not."""
    group, other = await aggregation(pool), await aggregation(pool, "Altra")
    case_id = await cases.open_case(pool, "anna", NOW, title="x", lines=["legal"], aggregation_id=group)
    await cases.open_case(pool, "anna", NOW, title="y", lines=["legal"], aggregation_id=other)
    detail = await aggregations.read(pool, group)
    assert [row.case_id for row in (await linked.of_aggregation(pool, detail.found)).cases] == [case_id]
    with acting("anna"):
        await aggregations.evaluate(pool, group, sheet(), "", TODAY, "anna", NOW)
        done = await aggregations.take_step(pool, group, Step(Stage.ACCOMPANIED, TODAY), "anna", NOW)
    assert done.network_id
    row = (await cases.read(pool, case_id)).row
    assert (row.network_id, row.network, row.aggregation) == (done.network_id, "Concerto", "Concerto")
    assert (await case_papers.contract(pool, case_id)).known.record is not None
    for found in (await linked.of_aggregation(pool, done), await linked.of_network(pool, done.network_id)):
        assert [row.case_id for row in found.cases] == [case_id]
        assert found.aggregation is not None
        assert (found.aggregation.aggregation_id, found.profile_id) == (group, None)
    assert (await linked.of_network(pool, await network(pool))).aggregation is None


async def test_of_two_officers_who_change_one_task_nothing_is_lost_silently(pool: Pool) -> None:
    """Both saw the same: one writes, the other is told by whom, and what is kept is the first one's."""
    case_id = await opened(pool)
    one = await case_work.add_task(pool, case_id, "anna", task(), NOW)
    wanted = {"anna": task(note="di Anna", owner="anna"), "bruno": task(note="di Bruno", owner="anna")}
    results = await asyncio.gather(
        *(case_work.change_task(pool, case_id, one, name, words, LATER, seen=1) for name, words in wanted.items()),
        return_exceptions=True,
    )
    lost = [result for result in results if isinstance(result, CallerError)]
    assert [error.code for error in lost] == ["task-changed"]
    (kept,) = (await cases.read(pool, case_id)).tasks
    assert (kept.note, kept.revision) == (wanted[kept.changed_by].note, 2)
    assert lost[0].facts["who"] == kept.changed_by
    # Having seen it, the other may go on.
    await case_work.change_task(pool, case_id, one, "bruno", task(note="insieme", owner="anna"), LATER, seen=2)
    assert (await cases.read(pool, case_id)).tasks[0].note == "insieme"


async def test_nothing_comes_into_a_case_that_is_closed_at_the_same_moment(pool: Pool) -> None:
    """Tasks added while it is closed are in the report, or are refused; the database holds to it as well."""
    case_id = await opened(pool)
    work = [case_work.add_hours(pool, case_id, "anna", NOW, hours="1", line="legal") for _ in range(6)]
    ending = cases.close(pool, case_id, "anna", NOW, outcome="advice-given", note="")
    *added, report = await asyncio.gather(*work, ending, return_exceptions=True)
    assert {error.code for error in added if isinstance(error, CallerError)} <= {"case-closed"}
    found = await cases.read(pool, case_id)
    assert isinstance(report, case_file.Report)
    assert (
        report.hours
        == sum((row.hours for row in found.hours), Decimal(0))
        == sum(isinstance(item, str) for item in added)
    )
    for query in (
        "INSERT INTO programme.case_cost VALUES (gen_random_uuid(), $1, 'legal', 'anna', '2026-01-01', 1, 'x', now())",
        "UPDATE programme.case_file SET state = 'open', closed_at = NULL, outcome = '', report = NULL WHERE case_id = $1",
    ):
        async with acquire(pool) as conn:
            with pytest.raises(asyncpg.CheckViolationError):
                await conn.execute(query, uuid.UUID(case_id))


async def test_a_case_that_stands_still_takes_papers_and_no_work(pool: Pool) -> None:
    """And goes on where it was."""
    case_id = await opened(pool)
    await cases.suspend(pool, case_id, "anna", NOW, note="Ferie")
    await assert_refused("case-suspended", case_work.add_task(pool, case_id, "anna", task(), NOW))
    await assert_refused("case-suspended", cases.suspend(pool, case_id, "anna", NOW))
    await case_papers.write_clause(pool, case_id, "anna", NOW, point="decisions", text="A maggioranza.", seen=0)
    await cases.resume(pool, case_id, "bruno", LATER)
    await case_work.add_task(pool, case_id, "anna", task(), LATER)
    await assert_refused("case-not-suspended", cases.resume(pool, case_id, "anna", LATER))
    assert [event["action"] for event in await told(pool)] == ["opened", "suspended", "resumed"]


async def test_work_is_in_hands_that_are_there(pool: Pool) -> None:
    """Whoever acts, or an account of an officer that is enabled; nobody else."""
    case_id = await opened(pool)
    await person(pool, "gina", Role.ANALYST)
    for name in ("nessuno", "gina"):
        await assert_refused("case-owner-unknown", case_work.add_task(pool, case_id, "anna", task(owner=name), NOW))
        await assert_refused(
            "case-owner-unknown", cases.hand_over(pool, case_id, "anna", NOW, to=name, office="", note="")
        )
    await assert_refused("officer-name-bad", case_work.add_task(pool, case_id, "anna", task(owner="a<b>"), NOW))
    await assert_refused(
        "case-handover-same", cases.hand_over(pool, case_id, "anna", NOW, to="anna", office="", note="")
    )
    await cases.hand_over(pool, case_id, "anna", NOW, to="", office="Sportello di Maglie", note="")
    assert (await cases.read(pool, case_id)).row.office == "Sportello di Maglie"


async def test_whoever_decides_on_an_old_page_is_told(pool: Pool) -> None:
    """A case that changed hands since is read again first."""
    case_id = await opened(pool)
    await cases.hand_over(pool, case_id, "anna", NOW, to="", office="Lecce", note="", seen=1)
    await assert_refused("case-changed", cases.close(pool, case_id, "anna", NOW, outcome="abandoned", note="", seen=1))
    await cases.close(pool, case_id, "anna", NOW, outcome="abandoned", note="", seen=2)


async def test_entries_are_written_once_and_may_be_taken_out(pool: Pool) -> None:
    """By one id, whatever a second click says; hours of a day to come are none."""
    case_id, key = await opened(pool), str(uuid.uuid4())
    for _ in range(2):
        await case_work.add_hours(pool, case_id, "anna", NOW, hours="2", line="legal", entry_id=key)
        await case_work.add_cost(pool, case_id, "anna", NOW, amount="5", line="legal", what="Bollo", entry_id=key)
    found = await cases.read(pool, case_id)
    assert (len(found.hours), len(found.costs)) == (1, 1)
    await assert_refused("case-day-future", case_work.add_hours(pool, case_id, "anna", NOW, hours="1", line="legal", day=NOW.date() + dt.timedelta(days=2)))  # fmt: skip
    await assert_refused("task-unknown", case_work.add_hours(pool, case_id, "anna", NOW, hours="1", task_id=NOBODY))
    await case_work.delete_entry(pool, case_id, key, "anna", NOW)
    await assert_refused("case-entry-unknown", case_work.delete_entry(pool, case_id, key, "anna", NOW))


async def test_a_thing_of_another_case_is_not_there(pool: Pool) -> None:
    """Neither its tasks, nor its appointments, nor its documents."""
    network_id = await network(pool)
    mine, other = await opened(pool, network_id), await opened(pool, network_id)
    one = await case_work.add_task(pool, mine, "anna", task(), NOW)
    when = await case_work.add_appointment(pool, mine, "anna", meeting(), NOW)
    paper = await case_papers.add_document(pool, mine, "anna", kinds.describe("Atto", "other", None, "a.txt"), TEXT, BOUNDS, NOW)  # fmt: skip
    await assert_refused("task-unknown", case_work.change_task(pool, other, one, "anna", task(), NOW, seen=1))
    await assert_refused("appointment-unknown", case_work.cancel_appointment(pool, other, when, "anna", NOW))
    await assert_refused("document-unknown", case_papers.take_document(pool, other, paper, "anna"))
    await assert_refused("document-unknown", case_papers.delete_document(pool, other, paper, "anna", NOW))


async def test_an_appointment_is_moved_and_called_off_once(pool: Pool) -> None:
    """Its changes are counted; what was called off is moved no more."""
    case_id = await opened(pool)
    when = await case_work.add_appointment(pool, case_id, "anna", meeting(), NOW)
    await case_work.change_appointment(pool, case_id, when, "bruno", meeting(11), LATER, seen=0)
    await assert_refused(
        "appointment-changed", case_work.change_appointment(pool, case_id, when, "anna", meeting(12), LATER, seen=0)
    )
    assert await case_work.cancel_appointment(pool, case_id, when, "anna", LATER)
    assert not await case_work.cancel_appointment(pool, case_id, when, "anna", LATER)
    (found,) = (await cases.read(pool, case_id)).appointments
    assert (found.sequence, found.is_cancelled, found.begins.hour) == (2, True, 11)


async def test_moments_are_read_by_the_clocks_of_italy() -> None:
    """Summer and winter; an hour that the clocks leap over is none."""
    assert case_work.moment_of("03/12/2026", "10:30", "x") == dt.datetime(2026, 12, 3, 9, 30, tzinfo=dt.UTC)
    assert case_work.moment_of("03/07/2026", "10.30", "x") == dt.datetime(2026, 7, 3, 8, 30, tzinfo=dt.UTC)
    for day, clock in (("29/03/2026", "02:30"), ("03/12/2026", "24:00"), ("03/12/2026", "")):
        with pytest.raises(CallerError) as caught:
            case_work.moment_of(day, clock, "x")
        assert caught.value.code == "clock-bad"


async def test_lists_go_by_what_changed_last(pool: Pool) -> None:
    """Of states, of an officer, of a network; page by page."""
    network_id = await network(pool)
    ids = [await cases.open_case(pool, "anna", NOW + dt.timedelta(hours=at), title=f"N. {at}", lines=["legal"], network_id=network_id) for at in range(3)]  # fmt: skip
    await case_work.add_task(pool, ids[0], "anna", task(), LATER)
    found = await cases.find(pool, Sought(officer="anna", states=(State.OPEN,)), 2)
    assert [row.case_id for row in found] == [ids[0], ids[2]]
    assert (found[0].under_way, found[0].next_due, found[0].network) == (1, dt.date(2026, 12, 3), "Rete Uno")
    rest = await cases.find(pool, Sought(after=(found[1].changed_at, found[1].case_id)), 2)
    assert [row.case_id for row in rest] == [ids[1]]
    assert await cases.find(pool, Sought(network_id=NOBODY), 5) == []
    assert await cases.whole_id(pool, ids[0][:12].upper()) == ids[0]
    await assert_refused("case-unknown", cases.whole_id(pool, "zz"))


@pytest.mark.parametrize(("name", "content", "code"), HOSTILE[::3])
async def test_a_hostile_file_is_refused(pool: Pool, name: str, content: bytes, code: str) -> None:
    """By the same judge as documents of networks; nothing is kept."""
    case_id = await opened(pool)
    with pytest.raises(CallerError) as caught:
        await case_papers.add_document(pool, case_id, "anna", kinds.describe("x", "other", None, name), content, Bounds(2**28, 2**29), NOW)  # fmt: skip
    assert caught.value.code == code
    assert not (await cases.read(pool, case_id)).documents


async def test_documents_have_bounds_and_no_twin(pool: Pool, tmp_path: Path) -> None:
    """One file, all of a case, the same file twice; what was taken and deleted is told, and the chain is whole."""
    case_id = await opened(pool)
    described = kinds.describe("Atto", "other", None, "a.txt")
    await assert_refused(
        "document-too-large", case_papers.add_document(pool, case_id, "anna", described, TEXT, Bounds(5, 50), NOW)
    )
    one = await case_papers.add_document(pool, case_id, "anna", described, TEXT, BOUNDS, NOW)
    await assert_refused(
        "document-repeated", case_papers.add_document(pool, case_id, "anna", described, TEXT, BOUNDS, NOW)
    )
    await assert_refused("document-case-full", case_papers.add_document(pool, case_id, "anna", described, TEXT + b"x", Bounds(100, 60), NOW))  # fmt: skip
    assert (await case_papers.take_document(pool, case_id, one, "bruno")).content == TEXT
    with acting("anna"):
        await case_papers.delete_document(pool, case_id, one, "anna", NOW)
    assert [(e["action"], e["officer"]) for e in await told(pool)][1:] == [
        ("document-added", "anna"), ("document-taken", "bruno"), ("document-deleted", "anna"),
    ]  # fmt: skip
    assert (await audit.verify(pool, tmp_path)).ok


async def test_a_document_that_was_put_there_past_the_program_is_found(pool: Pool, tmp_path: Path) -> None:
    """Exchanged bytes, and a row that is gone while triggers were off."""
    case_id = await opened(pool)
    described = kinds.describe("Atto", "other", None, "a.txt")
    await case_papers.add_document(pool, case_id, "anna", described, TEXT, BOUNDS, NOW)
    async with acquire(pool) as conn:
        await conn.execute("ALTER TABLE programme.case_document DISABLE TRIGGER USER; UPDATE programme.case_document SET sha256 = sha256('x')")  # fmt: skip
    assert (await audit.verify(pool, tmp_path)).broken == audit.UNKEPT
    async with acquire(pool) as conn:
        await conn.execute("DELETE FROM programme.case_document")
    assert (await audit.verify(pool, tmp_path)).broken == audit.UNKEPT


async def test_texts_of_points_are_changed_by_whoever_saw_them(pool: Pool) -> None:
    """Two at once: one writes; an empty text takes it out; a point that is none is refused."""
    case_id = await opened(pool)

    async def write(text: str, seen: int) -> None:
        await case_papers.write_clause(pool, case_id, "anna", NOW, point="decisions", text=text, seen=seen)

    results = await asyncio.gather(write("uno", 0), write("due", 0), return_exceptions=True)
    assert [error.code for error in results if isinstance(error, CallerError)] == ["clause-changed"]
    await write("tre", 1)
    assert (await case_papers.contract(pool, case_id)).known.clauses == {"decisions": "tre"}
    await assert_refused("clause-changed", write("", 1))
    await write("", 2)
    assert (await case_papers.contract(pool, case_id)).known.clauses == {}
    await assert_refused(
        "case-point-unknown", case_papers.write_clause(pool, case_id, "anna", NOW, point="x", text="y", seen=0)
    )


async def test_what_an_observatory_counts_of_cases(pool: Pool) -> None:
    """Each case once in each of its lines, with its network and province; of an aggregation with its region."""
    one = await opened(pool)
    group = await aggregation(pool)
    two = await cases.open_case(pool, "anna", NOW, title="x", lines=["fiscal"], aggregation_id=group)
    async with acquire(pool) as conn:
        found = await pipeline_counts.assistance(conn)
        network = await conn.fetchval("SELECT network_id::text FROM programme.case_file WHERE case_id = $1", one)
    assert {dataclasses.astuple(item) for item in found} == {
        (one, "legal", network, "LE", ""),
        (one, "technical", network, "LE", ""),
        (two, "fiscal", group, "", "ITF4"),
    }


async def test_what_waits_is_counted_for_who_looks(pool: Pool) -> None:
    """Own tasks over their day and near it, and all that are over; nothing of what stands still."""
    case_id = await opened(pool)
    await case_work.add_task(pool, case_id, "anna", task(), NOW)
    await case_work.add_task(pool, case_id, "anna", dataclasses.replace(task(), due_on=dt.date(2026, 1, 1)), NOW)
    await case_work.add_task(pool, case_id, "anna", task(state=str(TaskState.DONE)), NOW)

    async def seen(name: str) -> tuple[int, ...]:
        async with acquire(pool) as conn:
            return dataclasses.astuple(await store.waiting(conn, name, dt.date(2026, 12, 1), dt.date(2026, 12, 4)))

    assert await seen("anna") == (1, 1, 2, 1, 1, 1)
    assert await seen("bruno") == (1, 0, 0, 0, 0, 1)
    await cases.suspend(pool, case_id, "anna", NOW)
    assert await seen("anna") == (0, 0, 0, 0, 0, 0)
