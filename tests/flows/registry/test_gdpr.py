"""Access and erasure on a real database: everything that is kept of a subject is shown, and then nothing is."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from node.domain.seeking import MASK
from node.errors import CallerError, NotFoundError, OperatorError
from node.flows.programme import course_seats
from node.flows.registry import gdpr
from node.flows.upkeep import audit
from node.store import accounts, registry
from node.store import gdpr as store
from node.store.postgres import Connection, run_tx
from tests.every_table import everything
from tests.office_made import NOW, Office, lecce
from tests.programme_made import took_part

NAME, WHY = "Zefirina Quarantotti", "richiesta dell'interessato"
MONDAY = NOW + dt.timedelta(days=6)


async def person(office: Office) -> str:
    """One firm of the office becomes a person's, named in every place that can hold words; return the tax code."""
    code = "QRNZRN80A41E506Z"
    async with office.pool.acquire() as conn:
        network = office.networks[0]
        firm = await conn.fetchrow(
            "SELECT f.firm_id, f.tax_code FROM registry.firm f JOIN registry.membership m USING (firm_id)"
            " WHERE m.network_id::text = $1 AND NOT m.is_reference LIMIT 1", network,
        )  # fmt: skip
        await conn.execute("UPDATE population.firm SET tax_code = $2, name = $3 WHERE tax_code = $1", firm["tax_code"], code, NAME.upper())  # fmt: skip
        await conn.execute("UPDATE registry.firm SET tax_code = $2, name = $3, name_key = lower($3) WHERE firm_id = $1", firm["firm_id"], code, NAME)  # fmt: skip
        said = f"parla con {NAME.upper()} ({code})"
        await conn.execute("UPDATE registry.network SET notary = $2, common_body_holder = $2, object_text = object_text || $3, programme = $3 WHERE network_id::text = $1", network, NAME, said)  # fmt: skip
        await conn.execute("UPDATE registry.objective SET text = $2 WHERE network_id::text = $1", network, said)
        await conn.execute("UPDATE registry.want SET text = $2 WHERE network_id::text = $1", network, said)
        await conn.execute("UPDATE registry.contact SET person = $2, email = 'z@example.org' WHERE network_id::text = $1", network, NAME)  # fmt: skip
        await conn.execute("UPDATE registry.import_batch SET file_name = $1", f"da {NAME}.xlsx")
        await conn.execute("INSERT INTO registry.consent (consent_id, network_id, person, purpose, version, given_at) VALUES (gen_random_uuid(), $1::uuid, $2, 'contatto', 'v1', $3)", network, NAME, NOW)  # fmt: skip
        await conn.execute("INSERT INTO registry.document (document_id, network_id, title, media_type, sha256, content, added_at) VALUES (gen_random_uuid(), $1::uuid, 'atto', 'text/plain', decode(repeat('00', 32), 'hex'), convert_to($2, 'UTF8'), $3)", network, said, NOW)  # fmt: skip
        await conn.execute("UPDATE population.network SET object_text = object_text || $1 WHERE register_id = (SELECT register_id FROM registry.network WHERE network_id::text = $2)", said, network)  # fmt: skip
        search_id = await conn.fetchval("INSERT INTO office.saved_search (search_id, title, query, token_hash, made_by, created_at, read_on) VALUES (gen_random_uuid(), $1, jsonb_build_object('q', $1::text), decode(repeat('00', 32), 'hex'), 'office', $2, '2026-01-01') RETURNING search_id", said[:100], NOW)  # fmt: skip
        await conn.execute("INSERT INTO office.saved_channel (search_id, channel, address, next_at) VALUES ($1, 'email', $2, $3)", search_id, f"{NAME} <z@example.org>", NOW)  # fmt: skip
        await conn.execute("INSERT INTO office.account (account_id, name, created_at, external_name) VALUES (gen_random_uuid(), 'sportello', $2, $1)", f"{NAME} {code}", NOW)  # fmt: skip
        await introduced(conn, network, code, said)
        await took_part(conn, NAME, code, said)
        await assisted(conn, network, said)
        await enrolled(conn)
        async with conn.transaction():
            await accounts.act_as(conn, "anna")
            await applied(conn, network, code, said)
    return code


async def assisted(conn: Connection, network: str, said: str) -> None:
    """A case file of a network that speaks of the subject wherever words can stand; its documents are told in the chain by Anna."""
    await conn.execute("SELECT set_config('rete.officer', 'anna', false)")
    case = await conn.fetchval(
        "INSERT INTO programme.case_file (case_id, network_id, title, lines, officer, opened_by, opened_at, changed_at)"
        " VALUES (gen_random_uuid(), $1::uuid, $2, '{legal}', 'anna', 'anna', $3, $3) RETURNING case_id", network, said, NOW,
    )  # fmt: skip
    for query in (
        "INSERT INTO programme.case_task (task_id, case_id, line, title, owner, state, note, created_at, changed_at, changed_by) VALUES (gen_random_uuid(), $1, 'legal', $2, 'anna', 'open', $2, $3, $3, 'anna')",
        "INSERT INTO programme.case_hours (entry_id, case_id, line, officer, day, hours, note, entered_at) VALUES (gen_random_uuid(), $1, 'legal', 'anna', '2026-01-01', 1, $2, $3)",
        "INSERT INTO programme.case_cost (entry_id, case_id, line, officer, day, amount, what, entered_at) VALUES (gen_random_uuid(), $1, 'legal', 'anna', '2026-01-01', 1, $2, $3)",
        "INSERT INTO programme.case_appointment (appointment_id, case_id, title, place, begins, ends, note, officer, changed_at) VALUES (gen_random_uuid(), $1, $2, $2, $3, $3::timestamptz + interval '1 hour', $2, 'anna', $3)",
        "INSERT INTO programme.case_document (document_id, case_id, title, kind, file_name, media_type, sha256, content, officer, added_at) VALUES (gen_random_uuid(), $1, 'atto', 'other', 'a.txt', 'text/plain', decode(repeat('00', 32), 'hex'), convert_to($2, 'UTF8'), 'anna', $3)",
        "INSERT INTO programme.case_clause (case_id, point, text, officer, changed_at) VALUES ($1, 'rights', $2, 'anna', $3)",
        "INSERT INTO programme.case_step (case_id, at, by_officer, action, to_officer, note) VALUES ($1, $3, 'anna', 'opened', 'anna', $2)",
    ):
        await conn.execute(query, case, said, NOW)
    share = await conn.fetchval(
        "INSERT INTO programme.case_share (share_id, case_id, peer, consent_on, consent_ref, proposed_by, looked_at, created_at, changed_at)"
        " VALUES (gen_random_uuid(), $1, 'cmto', '2026-01-01', left($2, 200), 'anna', $3, $3, $3) RETURNING share_id", case, said, NOW,
    )  # fmt: skip
    await conn.execute("INSERT INTO programme.case_share_reply (share_id, number, case_id, kind, words, on_day) VALUES ($1, 1, $2, 'note', $3, '2026-01-01')", share, case, said)  # fmt: skip
    # Of another office: a copy that speaks of the subject, and one of which only a file does.
    for copy, content in ((json.dumps({"title": said}), "nulla"), (json.dumps({"title": "altro"}), said)):
        shared = await conn.fetchval(
            "INSERT INTO programme.shared_case (share_id, peer, state, copy, heard, came_at, changed_at)"
            " VALUES (gen_random_uuid(), 'cmto', 'live', $1::jsonb, 1, $2, $2) RETURNING share_id", copy, NOW,
        )  # fmt: skip
        await conn.execute("INSERT INTO programme.shared_case_document VALUES ($1, gen_random_uuid(), 'a.txt', 'text/plain', decode(repeat('00', 32), 'hex'), convert_to($2, 'UTF8'))", shared, content)  # fmt: skip
    await conn.execute("SELECT set_config('rete.officer', '', false)")


async def applied(conn: Connection, network: str, code: str, said: str) -> None:
    """A network's application to a joint call, with all that was written of it, here and at another issuer."""
    call, mine, other = (uuid.UUID(int=n, version=4) for n in (1, 2, 3))
    await conn.execute("INSERT INTO programme.call VALUES ($1, 'x', repeat('0', 64), 2, $1, 'anna', $2)", call, NOW)
    await conn.execute("INSERT INTO programme.call_protocol VALUES (2026, 1)")
    await conn.execute("INSERT INTO programme.application VALUES ($1, $2, $3::uuid, $4, 2026, 1, $5, 1, '{}', 'anna')", mine, call, network, f"name:{NAME.lower()}", NOW)  # fmt: skip
    await conn.execute("INSERT INTO programme.call_undertaking VALUES ($1, 1, $2, 1, '[]')", mine, code)
    await conn.execute("INSERT INTO programme.application_document VALUES ($1, $1, $2, 'other', 'a.txt', NULL, 'text/plain', decode(repeat('00', 32), 'hex'), 'x')", mine, NAME)  # fmt: skip
    await conn.execute("INSERT INTO programme.call_evaluator VALUES ($1, 'anna', 'v1')", call)
    await conn.execute("INSERT INTO programme.call_assignment VALUES ($1, 'anna', 'anna', $2)", mine, NOW)
    await conn.execute("INSERT INTO programme.call_declaration VALUES ($1, 'anna', false, $2)", mine, NOW)
    await conn.execute("INSERT INTO programme.call_score VALUES ($1, 'anna', '{}', $2::jsonb, $3)", mine, json.dumps({"innovation": said}), NOW)  # fmt: skip
    await conn.execute("INSERT INTO programme.call_office VALUES ($1, 'cmto', $2, $2)", call, NOW)
    await conn.execute("INSERT INTO programme.call_sheet VALUES ($1, $2, 'cmto', $3, '{}')", other, call, f"name:{NAME.lower()}")  # fmt: skip
    await conn.execute("INSERT INTO programme.call_ranking VALUES ($1, $1, 1, $2, 'x', repeat('0', 64), 'anna', $2)", call, NOW)  # fmt: skip
    await conn.execute("INSERT INTO programme.call_grant VALUES ($1, $2, 1, 1, $3, 'anna')", mine, call, NOW.date())
    await conn.execute(
        "INSERT INTO programme.call_expense VALUES ($1, 1, 1, 1, $2, $3, 'anna')", mine, said, NOW.date()
    )
    await conn.execute(
        "INSERT INTO programme.call_revocation VALUES ($1, 1, 1, $2, $3, 'anna')", mine, said, NOW.date()
    )


CONTACT = {"person": NAME, "role": "referente", "email": "altra@example.org", "phone": "0832 7654321"}
IDENTITY = {
    "name": "Rete dei Frantoi", "kind": "network", "office": "Ufficio", "contact": CONTACT,
    "members": [{"name": NAME.upper(), "municipality": "Borgolontano"}, {"name": "Altra S.r.l.", "municipality": "Lecce"}],
}  # fmt: skip
APPLICANT = {
    "name": "Ditta Singola", "person": NAME, "email": "z@example.org", "phone": "0832 7654321", "municipality": "Borgolontano",
}  # fmt: skip


SOME_COURSE = "3f6c2f8e-1111-4111-8111-111111111111"


async def introduced(conn: Connection, network: str, code: str, said: str) -> str:
    """An introduction at its end in which the subject asked, was spoken of, consented, was named and was told of; return its id."""
    found = await conn.fetchval(
        "INSERT INTO office.introduction (introduction_id, party, peer, profile_id, network_id, request, applicant, token_hash, state, since,"
        " own_events, other_events, created_at, changed_at) VALUES (gen_random_uuid(), 'seeker', 'cmto', gen_random_uuid(), $1::uuid, $2::jsonb,"
        " $3::jsonb, decode(repeat('00', 32), 'hex'), 'introduced', $4, 2, 2, $4, $4) RETURNING introduction_id",
        network, json.dumps({"text": said, "purpose": "request"}), json.dumps({**APPLICANT, "tax_code": code}), NOW,
    )  # fmt: skip
    for party, seq, kind, payload in (
        ("seeker", 1, "request", {"text": said}),
        ("seeker", 2, "identity", IDENTITY),
        ("owner", 1, "identity", IDENTITY),
        ("owner", 2, "question", {"text": "Quante sono?"}),
    ):
        await conn.execute(
            "INSERT INTO office.introduction_event (introduction_id, party, seq, seen, kind, at, event, signature, payload, salt, officer, written_at)"
            " VALUES ($1, $2, $3, 0, $4, 0, convert_to($5, 'UTF8'), decode(repeat('00', 64), 'hex'), $6::jsonb, 'x', $8, $7)",
            found, party, seq, kind, f"event {seq}", json.dumps(payload), NOW, "anna" if kind == "request" else "",
        )  # fmt: skip
    await conn.execute("INSERT INTO office.introduction_consent (introduction_id, person, version, identity, officer, given_at) VALUES ($1, $2, 'v1', $3::jsonb, 'anna', $4)", found, NAME, json.dumps(IDENTITY), NOW)  # fmt: skip
    await conn.execute("INSERT INTO office.introduction_identity (introduction_id, identity, received_at) VALUES ($1, $2::jsonb, $3)", found, json.dumps(IDENTITY), NOW)  # fmt: skip
    await conn.execute("INSERT INTO post.box (peer, sent) VALUES ('cmto', 3)")
    for number in (1, 2):
        await conn.execute("INSERT INTO post.outbox VALUES ('cmto', $2, $1, $3, 'k', 'x', $4)", found, number, number + 1, NOW)  # fmt: skip
    return str(found)


async def enrolled(conn: Connection) -> None:
    """The subject has a place at a course of this office, and enrolled here at one of another that still has to hear of it."""
    person_said = json.dumps({"name": NAME, "email": "z@example.org", "territory": "ITF4", "sector": "C"})
    await conn.execute(
        "INSERT INTO programme.course (course_id, title, summary, how, created_at, changed_at) VALUES ($1, '{}', '{}', '{}', $2, $2)", SOME_COURSE, NOW
    )  # fmt: skip
    await conn.execute(
        "INSERT INTO programme.course_edition (edition_id, course_id, code, seats, begins, ends, deadline, percent, created_at, changed_at)"
        " VALUES ($1, $1, 'a', 1, '2099-01-01', '2099-01-02', '2099-01-01', 70, $2, $2)", SOME_COURSE, NOW,
    )  # fmt: skip
    for standing, place, person_of in (
        ("placed", 1, person_said),
        ("waiting", None, '{"name": "Altra Persona", "email": "altra@example.com"}'),
    ):
        await conn.execute(
            "INSERT INTO programme.course_seat (seat_id, edition_id, course_id, edition, office, standing, place, person, email_key, said, created_at, changed_at)"
            " VALUES (gen_random_uuid(), $1, $1, 'a', 'p_LE', $2, $3, $4::jsonb, $5, 1, $6, $6)",
            SOME_COURSE, standing, place, person_of, json.loads(person_of)["email"], NOW,
        )  # fmt: skip
    made = await conn.fetchval(
        "INSERT INTO programme.course_enrolment (enrolment_id, organiser, course_id, edition, title, begins, ends, person, consent_version, consented_at,"
        " language, token_hash, standing, says, seq, created_at, changed_at) VALUES (gen_random_uuid(), 'cmto', $1, 'b', 'Corso', '2099-01-01',"
        " '2099-01-02', $2::jsonb, 'v1', $3, 'it', decode(repeat('00', 32), 'hex'), 'asked', 'ask', 1, $3, $3) RETURNING enrolment_id",
        SOME_COURSE, person_said, NOW,
    )  # fmt: skip
    await conn.execute("INSERT INTO post.outbox VALUES ('cmto', 3, $1, 1, 'k', 'x', $2)", made, NOW)


async def test_of_courses_the_place_goes_on_and_the_organiser_is_told(office: Office) -> None:
    """Whoever is erased gives the place back to who waits, and what had not left yet does not leave: instead the organiser hears to forget."""
    code = await person(office)
    await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW)
    async with office.pool.acquire() as conn:
        seats = await conn.fetch("SELECT standing, place, person::text FROM programme.course_seat ORDER BY standing")
        enrolment = await conn.fetchrow("SELECT says, seq, person::text, posted_at FROM programme.course_enrolment")
        waits = await conn.fetchval(
            "SELECT count(*) FROM post.outbox o JOIN programme.course_enrolment e ON e.enrolment_id = o.introduction_id"
        )
        assert await run_tx(office.pool, lambda c: course_seats.settle_all(c, NOW)) == 1
        assert (
            await conn.fetchval("SELECT person ->> 'name' FROM programme.course_seat WHERE place = 1")
            == "Altra Persona"
        )
    assert tuple(seats[0]) == ("cancelled", None, "{}")
    assert tuple(enrolment) == ("forget", 2, "{}", None)
    assert waits == 0


async def test_access_shows_every_table_that_holds_something(office: Office) -> None:
    """By code, and by the names that the code is known under; the names it is not known under are asked with --name."""
    code = await person(office)
    drafted = await office.draft(1, summary=f"Con {NAME} si lavora bene", needs=[], offers=[])
    found = await gdpr.access(office.pool, code)
    assert NAME in found.subject.names
    assert set(found.found) == set(store.PLACES) - {"registry.erasure", "publication.decision", "log.ruling"}
    assert [row["profile_id"] for row in found.found["publication.version"]] == [drafted]
    assert "content" not in found.found["registry.document"][0]
    assert found.rows == sum(map(len, found.found.values()))
    assert found.published == []


async def test_after_an_erasure_nothing_of_the_subject_is_in_any_table(office: Office) -> None:
    """Code and name are gone from each row of each table; the network keeps its members' number; what is left is no person."""
    code = await person(office)
    drafted = await office.draft(1, summary=f"Con {NAME} si lavora bene", needs=[], offers=[])
    async with office.pool.acquire() as conn:
        before = (await registry.read_records(conn, [office.networks[0]]))[office.networks[0]]
    tried = await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW, dry_run=True)
    assert (tried.reference, tried.profiles) == (None, [drafted])
    async with office.pool.acquire() as conn:
        assert NAME in await everything(conn)
    done = await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW)
    assert done.reference
    assert set(done.counts) == set(tried.counts) - {"publication.version"}
    async with office.pool.acquire() as conn:
        said = await everything(conn)
        after = (await registry.read_records(conn, [office.networks[0]]))[office.networks[0]]
        kept = await conn.fetchrow("SELECT officer, reason, counts FROM registry.erasure")
        consent = await conn.fetchrow("SELECT person, version FROM registry.consent")
        state = await conn.fetchval("SELECT state FROM publication.profile WHERE profile_id::text = $1", drafted)
    for word in (code, NAME.lower(), "quarantotti", code.encode().hex(), "z@example.org"):
        assert word.lower() not in said.lower(), word
    assert len(after.members) == len(before.members)
    assert [m.joined_on for m in after.members] == [m.joined_on for m in before.members]
    assert (kept["officer"], kept["reason"]) == ("anna", WHY)
    assert (consent["person"], consent["version"], state) == (MASK, "v1", "withdrawn")
    with pytest.raises(NotFoundError) as caught:
        await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW, name=NAME)
    assert caught.value.code == "gdpr-unknown"


async def test_of_an_introduction_what_was_signed_stays_and_what_was_said_goes(office: Office) -> None:
    """Events stay as bytes; words, applicant, person and identities are gone, others' are not; nothing waits that names the subject."""
    code = await person(office)
    tried = await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW, dry_run=True)
    assert [item.peer for item in tried.disclosed] == ["cmto"]
    done = await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW)
    assert [item.peer for item in done.disclosed] == ["cmto"]
    assert {table: count for table, count in done.counts.items() if "introduction" in table} == {
        "office.introduction": 1, "office.introduction_event": 3, "office.introduction_consent": 1, "office.introduction_identity": 1,
    }  # fmt: skip
    async with office.pool.acquire() as conn:
        case = await conn.fetchrow("SELECT request, applicant, token_hash FROM office.introduction")
        events = await conn.fetch("SELECT party, seq, event, payload, salt FROM office.introduction_event ORDER BY party, seq")  # fmt: skip
        consent = await conn.fetchrow("SELECT person, version, identity, revoked_at FROM office.introduction_consent")
        identity = await conn.fetchval("SELECT identity FROM office.introduction_identity")
        waiting = [row["seq"] for row in await conn.fetch("SELECT seq FROM post.outbox ORDER BY seq")]
        said = await everything(conn)
    assert "7654321" not in said
    assert "Borgolontano" not in said
    assert json.loads(case["request"])["text"].count(MASK) == 2
    assert set(json.loads(case["applicant"]).values()) == {MASK, ""}
    assert case["token_hash"] is None
    assert [(row["event"].decode(), row["payload"] is None, row["salt"] is None) for row in events] == [
        ("event 1", True, True), ("event 2", False, False), ("event 1", True, True), ("event 2", True, True),
    ]  # fmt: skip
    blank = {"person": MASK, "role": "", "email": "", "phone": ""}
    left = {**IDENTITY, "contact": blank, "members": [{"name": MASK, "municipality": ""}, {"name": "Altra S.r.l.", "municipality": "Lecce"}]}  # fmt: skip
    assert (consent["person"], consent["version"], json.loads(consent["identity"])) == (MASK, "v1", left)
    assert consent["revoked_at"] is not None
    assert json.loads(identity) == left
    assert waiting == [3]


async def test_a_firm_that_only_asked_is_found_by_its_code_and_then_by_its_name(office: Office) -> None:
    """A firm that is in no register is known by what it said of itself, and so is what was said of it."""
    firm = {**APPLICANT, "name": "Novissima Officina S.r.l.", "person": "Tale", "tax_code": "99000000099"}
    async with office.pool.acquire() as conn:
        await introduced(conn, office.networks[0], "", "x")
        await conn.execute("UPDATE office.introduction SET applicant = $1::jsonb", json.dumps(firm))
        await conn.execute("UPDATE office.introduction_consent SET identity = $1::jsonb, person = 'Tale'", json.dumps({**IDENTITY, "name": firm["name"]}))  # fmt: skip
    found = await gdpr.access(office.pool, firm["tax_code"])
    assert set(found.found) == {"office.introduction", "office.introduction_consent"}
    done = await gdpr.erase(office.pool, office.own, firm["tax_code"], "anna", WHY, NOW)
    assert done.reference
    async with office.pool.acquire() as conn:
        assert "novissima" not in (await everything(conn)).lower()
        # What is left says nothing of the firm, and nothing of it may be told any more.
        assert await conn.fetchval("SELECT revoked_at IS NOT NULL FROM office.introduction_consent")


async def test_cases_end_whole_after_their_term_and_the_chain_tells_it(office: Office, tmp_path: Path) -> None:
    """A case that is under way stays, and no statement deletes it; a draft that nobody sent goes without a word."""
    late = NOW + dt.timedelta(days=office.config.retention.introductions_days + 1)
    async with office.pool.acquire() as conn:
        kept = await introduced(conn, office.networks[0], "", "x")
        await conn.execute("DELETE FROM post.outbox")
        await conn.execute("DELETE FROM post.box")
        gone = await introduced(conn, office.networks[1], "", "x")
        draft = await conn.fetchval("INSERT INTO office.introduction (introduction_id, party, peer, profile_id, state, since, created_at, changed_at) VALUES (gen_random_uuid(), 'seeker', 'cmto', gen_random_uuid(), 'draft', $1, $1, $1) RETURNING introduction_id::text", NOW)  # fmt: skip
        await conn.execute("UPDATE office.introduction SET state = 'concluded' WHERE introduction_id = $1::uuid", gone)
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute("DELETE FROM office.introduction WHERE introduction_id = $1::uuid", kept)
    early = await gdpr.retention(office.pool, office.config, late - dt.timedelta(days=2), apply=True)
    assert [term.ended for term in early if term.what == "introductions"] == [0]
    shown = await gdpr.retention(office.pool, office.config, late, apply=True)
    assert [(term.over, term.ended) for term in shown if term.what == "introductions"] == [(2, 2)]
    async with office.pool.acquire() as conn:
        for table in ("", "_event", "_consent", "_identity"):
            rows = await conn.fetch(f"SELECT DISTINCT introduction_id::text AS id FROM office.introduction{table}")
            assert [row["id"] for row in rows] == [kept], table
        told = [json.loads(row["document"]) for row in await conn.fetch("SELECT document FROM audit.event WHERE kind = 'introduction' ORDER BY event_id")]  # fmt: skip
    assert [(event["introduction"], event["action"]) for event in told] == [
        (kept, "request"),
        (gone, "request"),
        (gone, "ended"),
    ]
    assert (told[-1]["state"], draft in str(told)) == ("concluded", False)
    assert (await audit.verify(office.pool, tmp_path)).ok


async def test_others_lose_nothing_by_it(office: Office) -> None:
    """Rows that do not name the subject are byte for byte what they were."""
    code = await person(office)

    async def others() -> list[str]:
        async with office.pool.acquire() as conn:
            rows = await conn.fetch(
                "SELECT n::text AS row FROM registry.network n WHERE network_id::text <> $1 UNION ALL"
                " SELECT f::text FROM registry.firm f WHERE tax_code <> $2 UNION ALL SELECT p::text FROM population.firm p WHERE tax_code <> $2"
                " UNION ALL SELECT v::text FROM publication.version v", office.networks[0], code,
            )  # fmt: skip
        return sorted(row["row"] for row in rows)

    published = await office.queued(1)
    await office.release(MONDAY)
    before = await others()
    await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW)
    after = await others()
    assert [row for row in after if MASK not in row and "cancellato" not in row] == [row for row in before if row in set(after)] or set(before) <= set(after)  # fmt: skip
    assert set(before) <= set(after)
    async with office.pool.acquire() as conn:
        assert await conn.fetchval("SELECT state FROM publication.profile WHERE profile_id::text = $1", published) == "published"  # fmt: skip


async def test_a_reason_that_names_the_subject_is_refused(office: Office) -> None:
    """It would stay in the record of the erasure."""
    code = await person(office)
    for reason in (f"lo chiede {NAME}", f"codice {code}"):
        with pytest.raises(CallerError) as caught:
            await gdpr.erase(office.pool, office.own, code, "anna", reason, NOW)
        assert caught.value.code == "gdpr-reason-names"
    with pytest.raises(NotFoundError):
        await gdpr.access(office.pool, "99000000099")


async def test_an_erasure_that_leaves_something_leaves_everything(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction: what is still found at its end undoes it."""
    code = await person(office)
    monkeypatch.setitem(store.QUERIES, "erase_contact", "SELECT $1::jsonb")
    with pytest.raises(OperatorError) as caught:
        await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW)
    assert (caught.value.code, "registry.contact" in str(caught.value.render())) == ("gdpr-incomplete", True)
    async with office.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM registry.firm WHERE tax_code = $1", code) == 1
        assert await conn.fetchval("SELECT count(*) FROM registry.erasure") == 0


async def test_consents_are_only_added_to_and_revoked(office: Office) -> None:
    """By the program and by SQL: a consent keeps its words and days; revoking twice is no error; deleting is refused."""
    network = office.networks[0]
    first = await gdpr.give_consent(office.pool, network, " Zefirina  Quarantotti", "contatto", "modulo 2", NOW)
    assert await gdpr.revoke_consent(office.pool, first, MONDAY) is True
    assert await gdpr.revoke_consent(office.pool, first, MONDAY + dt.timedelta(days=1)) is False
    second = await gdpr.give_consent(office.pool, network, NAME, "contatto", "modulo 2", NOW)
    found = {item.consent_id: item for item in await gdpr.consents(office.pool, network)}
    assert (found[first].person, found[first].revoked_at, found[second].revoked_at) == (NAME, MONDAY, None)
    attempts: list[tuple[str, Any]] = [
        ("UPDATE registry.consent SET person = 'altri' WHERE consent_id::text = $1", second),
        ("UPDATE registry.consent SET version = 'modulo 3' WHERE consent_id::text = $1", second),
        ("UPDATE registry.consent SET given_at = now() WHERE consent_id::text = $1", second),
        ("UPDATE registry.consent SET revoked_at = NULL WHERE consent_id::text = $1", first),
        ("DELETE FROM registry.consent WHERE consent_id::text = $1", second),
    ]
    async with office.pool.acquire() as conn:
        for statement, consent_id in attempts:
            with pytest.raises(asyncpg.CheckViolationError):
                await conn.execute(statement, consent_id)
    for work in (
        gdpr.give_consent(office.pool, "nope", NAME, "x", "y", NOW),
        gdpr.give_consent(office.pool, "0b8f7a52-0e58-4b6c-9c7e-1f3f5f6c7d10", NAME, "x", "y", NOW),
        gdpr.revoke_consent(office.pool, "nope", NOW),
        gdpr.consents(office.pool, "nope"),
    ):
        with pytest.raises(NotFoundError):
            await work
    with pytest.raises(CallerError):
        await gdpr.give_consent(office.pool, network, " ", "x", "y", NOW)


async def test_terms_end_what_is_over_them_and_nothing_else(office: Office) -> None:
    """Shown first, ended when asked; a day earlier nothing is over; ending twice ends nothing."""
    drafted, published = await office.draft(0), await office.queued(1)
    await office.release(MONDAY)
    for day in (dt.date(2025, 6, 30), dt.date(2025, 12, 31), dt.date(2026, 6, 30)):
        await office.load(lecce()[: -day.month], day)
    async with office.pool.acquire() as conn:
        closed = [office.networks[1], office.networks[2]]
        await conn.execute("UPDATE registry.network SET status = 'closed', updated_at = $2 WHERE network_id::text = ANY($1)", closed, NOW)  # fmt: skip
    consent = await gdpr.give_consent(office.pool, office.networks[3], NAME, "contatto", "m", NOW)
    await gdpr.revoke_consent(office.pool, consent, NOW)
    early = await gdpr.retention(office.pool, office.config, NOW + dt.timedelta(days=365), apply=True)
    assert {term.what: term.over for term in early} == dict.fromkeys(gdpr.TERMS, 0)
    late = NOW + dt.timedelta(days=3651)
    shown = {term.what: (term.over, term.ended) for term in await gdpr.retention(office.pool, office.config, late, apply=False)}  # fmt: skip
    # The partition of the first edition is the profiles'; the newest two stay: one is left to end.
    assert shown == {"drafts": (1, 0), "contacts": (2, 0), "consents": (1, 0), "introductions": (0, 0), "case_files": (0, 0), "shared_cases": (0, 0), "courses": (0, 0), "enrolments": (0, 0), "expressions": (0, 0), "aggregations": (0, 0), "closed_networks": (2, 0), "import_batches": (1, 0), "editions": (1, 0)}  # fmt: skip
    ended = {term.what: term.ended for term in await gdpr.retention(office.pool, office.config, late, apply=True)}
    assert ended == {name: over for name, (over, _) in shown.items()}
    again = await gdpr.retention(office.pool, office.config, late, apply=True)
    assert [term.over for term in again] == [0] * len(again)
    async with office.pool.acquire() as conn:
        left = {row["id"] for row in await conn.fetch("SELECT network_id::text AS id FROM registry.network")}
        states = {row["id"]: row["state"] for row in await conn.fetch("SELECT profile_id::text AS id, state FROM publication.version")}  # fmt: skip
        kept = await conn.fetchrow("SELECT name, object_text, notary, register_id FROM registry.network WHERE network_id::text = $1", closed[0])  # fmt: skip
        members = await conn.fetchval("SELECT count(*) FROM registry.membership WHERE network_id::text = $1", closed[0])
        days = [row["taken_on"].isoformat() for row in await conn.fetch("SELECT taken_on FROM population.snapshot ORDER BY 1")]  # fmt: skip
    assert left == set(office.networks) - {office.networks[2]}
    # Of the network that was published only the row is left, without words and members.
    assert (kept["name"], kept["object_text"], kept["notary"], members) == (f"{MASK} {closed[0][:8]}", "", "", 0)
    assert kept["register_id"]
    async with office.pool.acquire() as conn:
        told = await conn.fetch("SELECT document::jsonb ->> 'network' AS id FROM audit.event WHERE kind = 'network' AND document::jsonb ->> 'action' = 'erased'")  # fmt: skip
    assert [row["id"] for row in told] == [closed[0]]
    assert states == {drafted: "erased", published: "published"}
    assert days == ["2024-12-31", "2025-12-31", "2026-06-30"]


async def test_case_files_end_after_their_term_and_with_their_network(office: Office) -> None:
    """A closed one by its own day, one under way never by itself; a network that goes takes its case files along."""
    async with office.pool.acquire() as conn:
        for at in (0, 1, 2):
            await assisted(conn, office.networks[at], "x")
        ended = await conn.fetchval(
            "SELECT case_id FROM programme.case_file WHERE network_id::text = $1", office.networks[0]
        )
        await conn.execute("UPDATE programme.case_file SET state = 'closed', closed_at = $2, outcome = 'abandoned', report = '{}' WHERE case_id = $1", ended, NOW)  # fmt: skip
        await conn.execute("UPDATE registry.network SET status = 'closed', updated_at = $2 WHERE network_id::text = $1", office.networks[1], NOW)  # fmt: skip
    late = NOW + dt.timedelta(days=3651)
    shown = {term.what: term.ended for term in await gdpr.retention(office.pool, office.config, late, apply=True)}
    assert (shown["case_files"], shown["closed_networks"]) == (1, 1)
    async with office.pool.acquire() as conn:
        left = [str(row["network_id"]) for row in await conn.fetch("SELECT network_id FROM programme.case_file")]
        told = await conn.fetch("SELECT document FROM audit.event WHERE kind = 'case-file' ORDER BY event_id")
    assert left == [office.networks[2]]
    assert [json.loads(row["document"])["action"] for row in told].count("ended") == 2
