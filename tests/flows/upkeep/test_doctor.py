"""Is all well: each check on both sides of its rule, and a light that is not green never alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from node.domain.days import day_number
from node.domain.observatory.plan import reference_day
from node.errors import OperatorError, Said
from node.flows.introductions import post_board
from node.flows.logs.own_log import OwnState
from node.flows.upkeep import checkup, doctor
from node.flows.upkeep.audit import CUT, Verdict
from node.flows.upkeep.backup_shelf import Shelf
from node.flows.upkeep.doctor import GIB
from node.flows.upkeep.findings import AREAS, DANGER, LEVELS, OK, WARNING, Disk, Finding, Index, Seen, worst
from node.flows.upkeep.jobs import Schedule, Turn
from node.i18n import translator
from node.runtime import Node
from node.store.backup_folder import Checked, Copy
from node.store.doctor import Introductions, Mailed
from node.store.outbox import Box
from node.store.postgres import acquire
from node.store.witness import Acknowledged
from tests.admin_made import fill_logs
from tests.web.test_app import NOW, node

__all__ = ["node"]


async def seen_of(node: Node) -> Seen:
    """What there is to see of a node, as if its database had its clock."""
    seen = await checkup.look(node.place(), node.own, node.clock(), None)
    return replace(seen, server=replace(seen.server, now=seen.now))


def in_production(seen: Seen) -> Seen:
    """The same node in service, with all that this takes."""
    config = seen.config
    return replace(
        seen,
        config=replace(
            config,
            node=replace(config.node, environment="production"),
            web=replace(config.web, behind_proxy=True, contact="rete@example.it"),
            federation=replace(config.federation, authority="rete.example.it"),
            database=replace(config.database, url="postgresql://rete@db/rete"),
        ),
        server=replace(seen.server, superuser=False),
        backups=Shelf(Path("/copies"), (copied(seen.now),)),
    )


def copied(at: dt.datetime, code: str = "") -> Copy:
    """A backup that was just made and tried."""
    return Copy(Path("/copies/x"), at, 9, "0.1.0", 3, "d", "", Checked(at, code))


def codes(seen: Seen) -> dict[str, str]:
    """What is not well, with its level; every remedy is whole in both languages."""
    found = {}
    for finding in doctor.judge(seen):
        for language in ("it", "en"):
            for said in (finding.said, finding.remedy):
                assert said is None or "{" not in said.told(translator(language)), finding.code
        assert finding.area in AREAS
        if finding.level != OK:
            assert finding.remedy is not None
            found[finding.code] = finding.level
    return found


def own(seen: Seen) -> OwnState:
    """The own log that was seen."""
    assert isinstance(seen.log, OwnState)
    return seen.log


def with_log(**changes: object) -> Callable[[Seen], Seen]:
    """The same with another row of the own log."""
    return lambda seen: replace(seen, log=replace(own(seen), row=replace(own(seen).row, **changes)))


def with_witnesses(fresh: int, stale: int) -> Callable[[Seen], Seen]:
    """The same with so many witnesses that spoke today, and so many that did days ago."""

    def change(seen: Seen) -> Seen:
        ages = [dt.timedelta(hours=1)] * fresh + [dt.timedelta(days=3)] * stale
        said = {f"w{n}": Acknowledged(f"w{n}", 6, seen.now - age, b"") for n, age in enumerate(ages)}
        return replace(seen, log=replace(own(seen), witnesses=said))

    return change


def with_turn(**changes: object) -> Callable[[Seen], Seen]:
    """The same in a process whose one job did this, since an hour."""
    return lambda seen: replace(
        seen, schedule=Schedule(seen.now - dt.timedelta(hours=1), (Turn("due", 60, **changes),))
    )


def in_config(section: str, **changes: object) -> Callable[[Seen], Seen]:
    """A node in service whose configuration says otherwise."""

    def change(seen: Seen) -> Seen:
        seen = in_production(seen)
        return replace(
            seen, config=replace(seen.config, **{section: replace(getattr(seen.config, section), **changes)})
        )

    return change


def mailing(mailed: int, failing: int, host: str) -> Callable[[Seen], Seen]:
    """A node where so many searches tell by mail."""
    return lambda seen: replace(in_config("mail", host=host)(seen), mailed=Mailed(mailed, failing))


def backed_up(*copies: Copy) -> Callable[[Seen], Seen]:
    """A node in service with these backups."""
    return lambda seen: replace(in_production(seen), backups=Shelf(Path("/copies"), copies))


def posting(refused: str = "", *, can_seal: bool = True, **changes: object) -> Callable[[Seen], Seen]:
    """A node whose post with one member stands like this."""
    good: dict[str, object] = dict.fromkeys(
        ("sent", "served", "received", "failures", "hints", "waiting", "refused"), 0
    )
    box = Box(**{"peer": "p_BR", "next_at": None, "asked_at": None, "error_code": None, "hint_at": None, "oldest": None, **good, **changes})  # type: ignore[arg-type] # fmt: skip
    told = (post_board.Refused(refused, 2, NOW, post_board.remedy_of(refused, "p_BR")),) if refused else ()
    return lambda seen: replace(seen, post=(post_board.Post("p_BR", can_seal, box, told),))


def introducing(*, mail: str = "", requests: bool = False, **counts: int) -> Callable[[Seen], Seen]:
    """A node whose introductions stand like this."""
    made = in_config("introductions", mail=mail, requests=requests)
    return lambda seen: replace(made(seen), introductions=Introductions(**counts))


BAD_KEY = OperatorError("key-file-missing", "manca il file della chiave", where="keys/log.pem", hint="ripristinarlo")
CASES: list[tuple[Callable[[Seen], Seen], dict[str, str]]] = [
    (in_production, {}),
    (lambda s: replace(s, server=replace(s.server, version="15.9")), {"database-version-last": WARNING}),
    (lambda s: replace(in_production(s), server=replace(s.server, superuser=True)), {"database-superuser": WARNING}),
    (in_config("database", url=""), {"database-embedded": DANGER}),
    (in_config("web", behind_proxy=False), {"web-without-proxy": WARNING}),
    (in_config("web", contact=""), {"web-contact-missing": WARNING}),
    (in_config("federation", authority="localhost:8441"), {"authority-loopback": DANGER}),
    (lambda s: replace(s, server=replace(s.server, now=s.now + dt.timedelta(seconds=61))), {"clock-skew": DANGER}),
    (lambda s: replace(s, server=replace(s.server, now=s.now + dt.timedelta(seconds=60))), {}),
    (lambda s: replace(s, log=replace(own(s), signed=replace(own(s).signed, signed_at=s.now + dt.timedelta(hours=1)))), {"clock-back": DANGER}),
    (lambda s: replace(s, disks=(Disk(Path("/x"), GIB // 2, 20 * GIB),)), {"disk-low": DANGER}),
    (lambda s: replace(s, disks=(Disk(Path("/x"), 4 * GIB, 20 * GIB),)), {"disk-low": WARNING}),
    (lambda s: replace(s, disks=(Disk(Path("/x"), 100 * GIB, 10_000 * GIB),)), {}),
    (lambda s: replace(s, keys=BAD_KEY), {"key-file-missing": DANGER}),
    (lambda s: replace(s, mail_secret=BAD_KEY), {"key-file-missing": DANGER}),
    (lambda s: replace(s, exposed=(Path("keys"),)), {"file-exposed": WARNING}),
    (lambda s: replace(s, log=BAD_KEY), {"key-file-missing": DANGER}),
    (with_log(state="fenced", error_text="un altro server {x"[:15]), {"log-fenced": DANGER}),
    (with_log(size=9), {}),
    (with_log(size=9, advanced_at=dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)), {"log-unsigned": DANGER}),
    (lambda s: replace(s, log=replace(own(s), mark=replace(own(s).mark, size=99))), {"log-behind-mark": DANGER}),
    (lambda s: replace(s, log=replace(own(s), witnesses={})), {"log-few-witnesses": WARNING}),
    (with_witnesses(2, 1), {}),
    (with_witnesses(1, 2), {"log-unwitnessed": WARNING}),
    (with_log(origin="127.0.0.1:8441/federation/log/2025"), {"log-of-last-year": WARNING}),
    (lambda s: replace(s, peers=()), {"peers-none": WARNING}),
    (with_turn(began_at=dt.datetime(2026, 11, 24, 9, 59, tzinfo=dt.UTC), ended_at=dt.datetime(2026, 11, 24, 9, 59, tzinfo=dt.UTC)), {}),
    (with_turn(), {"job-standing": DANGER}),
    (with_turn(began_at=dt.datetime(2026, 11, 24, 9, 10, tzinfo=dt.UTC)), {}),
    (with_turn(began_at=dt.datetime(2026, 11, 24, 5, 0, tzinfo=dt.UTC)), {"job-standing": DANGER}),
    (with_turn(code="x", failures=1), {"job-failing": WARNING}),
    (with_turn(code="x", failures=3), {"job-failing": DANGER}),
    (lambda s: replace(s, chain=Verdict("c", 9, "", CUT, 12)), {"audit-broken": DANGER}),
    (lambda s: replace(s, chain=BAD_KEY), {"key-file-missing": DANGER}),
    (lambda s: replace(s, administrators=0), {"administrator-missing": WARNING}),
    (lambda s: replace(s, index=Index(True, False)), {"index-behind": WARNING}),
    (lambda s: replace(s, index=Index(True, True)), {}),
    (mailing(2, 0, ""), {"mail-unset": WARNING}),
    (mailing(2, 1, "mail.example.it"), {"mail-failing": WARNING}),
    (mailing(2, 0, "mail.example.it"), {}),
    (lambda s: replace(in_production(s), backups=None), {"backup-off": WARNING}),
    (lambda s: replace(s, backups=BAD_KEY), {"key-file-missing": DANGER}),
    (backed_up(), {"backup-missing": DANGER}),
    (backed_up(copied(NOW - dt.timedelta(days=3))), {"backup-old": DANGER}),
    (backed_up(replace(copied(NOW), checked=None)), {"backup-untried": WARNING}),
    (backed_up(copied(NOW, "backup-differs")), {"backup-bad": DANGER}),
    (posting(), {}),
    (posting(can_seal=False), {"seal-missing": WARNING}),
    (posting(failures=2, error_code="road-refused"), {}),
    (posting(failures=3, error_code="road-refused"), {"post-failing": WARNING}),
    (posting(failures=3, error_code="signature-unknown-key"), {"post-failing": WARNING}),
    (posting(waiting=2, oldest=NOW - dt.timedelta(days=7)), {}),
    (posting(waiting=2, oldest=NOW - dt.timedelta(days=7, seconds=1)), {"post-waiting": WARNING}),
    (posting("seal-key-unknown"), {"post-refused": WARNING}),
    (posting("introduction-forked"), {"post-refused": WARNING}),
    (posting("x-of-a-newer-node"), {"post-refused": WARNING}),
    (introducing(), {}),
    (introducing(requests=True), {"introductions-mail-unset": WARNING}),
    (introducing(open=1), {"introductions-mail-unset": WARNING}),
    (introducing(open=1, requests=True, mail="ufficio@example.org"), {}),
    (introducing(drafts=1, mail="ufficio@example.org"), {"introductions-waiting": WARNING}),
    (introducing(open=1, due=1, mail="ufficio@example.org"), {"introductions-waiting": WARNING}),
    (introducing(open=1, lost=1, mail="ufficio@example.org"), {"introductions-waiting": WARNING}),
]  # fmt: skip


async def test_each_check_tells_what_is_wrong_and_nothing_else(node: Node) -> None:
    """From a node where all is well, one thing changed at a time: its code and level, and no other."""
    await fill_logs(node)
    async with acquire(node.pool) as conn:
        await conn.execute("DELETE FROM log.evidence")
        await conn.execute("DELETE FROM log.origin WHERE owner IN ('b_FAIL', 'c_MUTE', 'x_LIED')")
    looked = await seen_of(node)
    # Whichever server the tests run on: of the oldest that is allowed it is said below.
    server = replace(looked.server, version="18.6")
    seen = with_witnesses(3, 0)(
        replace(looked, server=server, administrators=1, disks=(Disk(Path("/x"), 90 * GIB, 100 * GIB),))
    )
    assert codes(seen) == {"introductions-mail-unset": WARNING}
    introductions = replace(seen.config.introductions, mail="ufficio@example.org")
    seen = replace(seen, config=replace(seen.config, introductions=introductions))
    assert codes(seen) == {}
    for number, (change, expected) in enumerate(CASES):
        assert codes(change(seen)) == expected, (number, expected)


async def test_other_nodes_are_told_by_what_is_wrong_with_them(node: Node) -> None:
    """One that lied is red; one that fails again and again, or is silent, is yellow; one failure alone is nobody's business."""
    await fill_logs(node)
    found = {f.where: (f.code, f.level) for f in doctor.judge(await seen_of(node)) if f.area == "peers"}
    assert found == {
        "x_LIED": ("peer-quarantined", DANGER),
        "b_FAIL": ("peer-stale", WARNING),
        "c_MUTE": ("peer-stale", WARNING),
    }
    async with acquire(node.pool) as conn:
        await conn.execute("UPDATE log.origin SET failures = 1 WHERE owner = 'b_FAIL'")
    assert "b_FAIL" not in {f.where for f in doctor.judge(await seen_of(node))}


async def test_a_suspended_node_is_nobodys_fault_here(node: Node) -> None:
    """Whatever it failed with before: the council decided it, and there is nothing to do."""
    await fill_logs(node)
    async with acquire(node.pool) as conn:
        await conn.execute("UPDATE log.origin SET state = 'suspended' WHERE owner = 'b_FAIL'")
    (told,) = [f for f in doctor.judge(await seen_of(node)) if f.where == "b_FAIL"]
    assert (told.code, told.level) == ("peer-suspended", OK)
    assert told.remedy is not None
    assert "nulla da fare qui" in told.remedy.told(str)


async def test_what_others_can_read_is_seen(node: Node) -> None:
    """Keys that a group may read, a folder that is open, a configuration with a password in it."""
    home = node.home
    database = replace(node.config.database, url="postgresql://rete:secret@db/rete")
    place = replace(node.place(), config=replace(node.config, database=database))
    (home / "node.toml").chmod(0o644)
    (home / "keys").chmod(0o755)
    (home / "keys" / "log.pem").chmod(0o640)
    seen = await checkup.look(place, node.own, node.clock(), None)
    assert seen.keys is not None
    assert seen.keys.code == "key-file-readable"
    assert {path.name for path in seen.exposed} == {"node.toml", "keys"}
    for path, mode in ((home / "node.toml", 0o600), (home / "keys", 0o700), (home / "keys" / "log.pem", 0o600)):
        path.chmod(mode)
    seen = await checkup.look(place, node.own, node.clock(), None)
    assert (seen.keys, seen.exposed) == (None, ())


async def test_marks_that_cannot_be_read_are_findings_and_no_end(node: Node) -> None:
    """The high-water mark and the mark of the chain: each is told with its place."""
    await fill_logs(node)
    (node.home / "highwater.json").write_text("{")
    (node.home / "audit-mark.json").write_text("{")
    found = codes(await seen_of(node))
    assert found.items() >= {"highwater-bad": DANGER, "audit-mark-bad": DANGER}.items()


def test_a_light_that_is_not_green_says_what_to_do() -> None:
    """A finding without a remedy can't even be made; a green one needs none; every level has a name."""
    for level in (WARNING, DANGER):
        with pytest.raises(ValueError, match="x-y"):
            Finding("x-y", "log", level, Said("x"))
    assert Finding("x-y", "log", OK, Said("x")).remedy is None
    assert worst([]) == OK
    assert set(LEVELS) == {OK, WARNING, DANGER}


def test_a_job_remembers_its_last_turn() -> None:
    """Running while it has not ended; failures are counted until one turn succeeds."""
    now = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
    turn = Turn("due", 60)
    assert not turn.is_running
    turn.begin(now)
    assert turn.is_running
    turn.end(now, "road-refused")
    turn.begin(now)
    turn.end(now, "road-refused")
    assert (turn.is_running, turn.failures, turn.code) == (False, 2, "road-refused")
    turn.end(now)
    assert (turn.failures, turn.code) == (0, "")


async def test_the_post_is_seen_member_by_member(node: Node) -> None:
    """What waits and since when, what was refused this week by code, and a member that left while something waits for it."""
    async with acquire(node.pool) as conn:
        await conn.execute("INSERT INTO post.box (peer, sent, received, failures, error_code) VALUES ('p_BR', 3, 7, 1, 'road-refused'), ('gone', 1, 0, 0, NULL), ('still', 0, 0, 0, NULL)")  # fmt: skip
        for recipient in ("p_BR", "gone"):
            await conn.execute("INSERT INTO post.outbox VALUES ($1, 1, gen_random_uuid(), 1, 'k', 'x', $2)", recipient, NOW)  # fmt: skip
        for number, code, days in ((1, "seal-broken", 8), (2, "seal-broken", 6), (3, "seal-broken", 1), (4, "introduction-forked", 1)):  # fmt: skip
            await conn.execute("INSERT INTO post.refused VALUES ('p_BR', $1, $2, $3)", number, code, NOW - dt.timedelta(days=days))  # fmt: skip
    found = {post.member: post for post in await post_board.read(node.pool, node.membership, NOW)}
    assert "still" not in found
    assert (found["gone"].can_seal, found["gone"].box is not None) == (False, True)
    box = found["p_BR"].box
    assert box is not None
    assert (box.sent, box.waiting, box.received, box.oldest, box.refused) == (3, 1, 7, NOW, 4)
    assert [(one.code, one.count, one.newest) for one in found["p_BR"].refused] == [
        ("introduction-forked", 1, NOW - dt.timedelta(days=1)),
        ("seal-broken", 2, NOW - dt.timedelta(days=1)),
    ]
    assert found["p_BR"].cause is not None
    assert found["p_BR"].remedy is not None
    assert (found["gone"].cause, found["gone"].remedy) == (None, None)
    assert codes(await seen_of(node)).keys() >= {"seal-missing", "post-refused"}


async def test_introductions_are_counted_and_not_named(node: Node) -> None:
    """Firms' drafts, own steps on their last day, own events that the other office has seen and that are not here; what ended, nowhere."""
    today = day_number(NOW.date())
    rows = (
        ("draft", "", "seeker", "", None), ("draft", "anna", "seeker", "", None),
        ("received", "", "owner", "owner", today), ("received", "", "owner", "owner", today + 1), ("sent", "", "seeker", "owner", today - 3),
        ("accepted", "", "seeker", "both", today - 1), ("declined", "", "owner", "", today - 9),
    )  # fmt: skip
    async with acquire(node.pool) as conn:
        for number, (state, officer, party, turn, due) in enumerate(rows):
            key = f"00000000-0000-4000-8000-{number:012}"
            await conn.execute("INSERT INTO office.introduction (introduction_id, party, peer, profile_id, state, since, created_by, turn, own_due, own_events, created_at, changed_at) VALUES ($1, $2, 'p_BR', $1, $3, $4, $5, $6, $7, 2, $4, $4)", key, party, state, NOW, officer, turn, due)  # fmt: skip
            seen = 3 if number in (3, 6) else 2
            await conn.execute("INSERT INTO office.introduction_event (introduction_id, party, seq, seen, kind, at, event, signature, written_at) VALUES ($1, $2, 1, $3, 'receipt', 0, 'x', decode(repeat('00', 64), 'hex'), $4)", key, "owner" if party == "seeker" else "seeker", seen, NOW)  # fmt: skip
    seen_now = await seen_of(node)
    assert seen_now.introductions == Introductions(open=4, drafts=1, due=2, lost=1)
    (found,) = [one for one in doctor.judge(seen_now) if one.code == "introductions-waiting"]
    assert "p_BR" not in repr(found)


async def test_statistics_of_a_day_to_come_are_told_of(node: Node) -> None:
    """A warning until that day is over, nothing for the last quarter or for none."""
    seen = await seen_of(node)
    last = reference_day(seen.now.date())
    ahead = replace(seen, statistics_day=last + dt.timedelta(days=92))
    assert codes(ahead) == codes(seen) | {"statistics-ahead": WARNING}
    assert codes(replace(seen, statistics_day=last)) == codes(seen)


async def test_it_tells_which_process_leads(node: Node) -> None:
    """Another process at work; a node that stands still; one that is gone without a word, with what to do about it."""
    seen = await seen_of(node)

    def found(**changes: object) -> Finding:
        lead = replace(seen.lead, epoch=3, since=seen.now, seen_at=seen.now, silent_s=1.0, **changes)  # type: ignore[arg-type]
        [one] = [f for f in doctor.judge(replace(seen, lead=lead)) if f.area == "jobs"]
        return one

    [never] = [f for f in doctor.judge(seen) if f.area == "jobs"]
    assert (never.code, never.level) == ("jobs-nobody", OK)
    leads = found(holder="macchina 7", held=True)
    assert (leads.code, leads.level, "macchina 7" in leads.said.told()) == ("jobs-elsewhere", OK, True)
    assert found(holder="", held=False).code == "jobs-nobody"
    gone = found(holder="macchina 7", held=False)
    assert (gone.code, gone.level, bool(gone.remedy.told())) == ("leader-gone", WARNING, True)
