"""What a subject's erasure reaches and what it leaves: odd bytes, other firms, other forms, joined codes, rulings, races."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from node.domain.seeking import MASK
from node.errors import CallerError, OperatorError
from node.flows.logs.ingest import ingest_bodies, open_bodies
from node.flows.profiles import gate
from node.flows.profiles.gate import KnownNames
from node.flows.registry import gdpr
from node.flows.upkeep import audit
from node.protocol import body, entry
from node.store import evidence, log, schemas
from node.store import gdpr as store
from node.store.postgres import Connection
from tests.every_table import everything
from tests.flows.registry.test_gdpr import MONDAY, NAME, WHY, person
from tests.office_made import NOW, Office
from tests.profiles_made import add_origin
from tests.store.test_roles import ROLES

CODE, NUMBER = "QRNZRN80A41E506Z", "01234567897"
ODD = [b"\xff\xfe", b'{"a":"\x00"}', b'{"a":"\\u0000"}', b"", b"\xed\xa0\x80", b'{"a":"\\ud800"}', bytes(range(256))]


async def some_firms(conn: Connection, count: int) -> list[Any]:
    """Some firms of the register, each in a network."""
    return list(await conn.fetch("SELECT DISTINCT ON (f.firm_id) f.firm_id, f.tax_code, m.network_id FROM registry.firm f JOIN registry.membership m USING (firm_id) ORDER BY f.firm_id LIMIT $1", count))  # fmt: skip


async def rename(conn: Connection, firm: Any, name: str, code: str | None = None, number: str = "") -> None:
    """Give a firm of both registers another name, and perhaps other codes."""
    await conn.execute("UPDATE population.firm SET name = $2, tax_code = coalesce($3, tax_code) WHERE tax_code = $1", firm["tax_code"], name, code)  # fmt: skip
    await conn.execute("UPDATE registry.firm SET name = $2, name_key = lower($2), tax_code = coalesce($3, tax_code), vat_number = $4 WHERE firm_id = $1", firm["firm_id"], name, code, number)  # fmt: skip


async def add_document(
    conn: Connection, network: str, title: str, content: bytes, media_type: str = "text/plain"
) -> None:
    """A network hands in a document."""
    await conn.execute("INSERT INTO registry.document (document_id, network_id, title, media_type, sha256, content, added_at) VALUES ($1, $2::uuid, $3, $4, sha256($5), $5, $6)", uuid.uuid4(), network, title, media_type, content, NOW)  # fmt: skip


async def said_anywhere(office: Office) -> str:
    """All that the database holds, in small letters."""
    async with office.pool.acquire() as conn:
        return (await everything(conn)).lower()


@pytest.mark.parametrize("raw", ODD)
async def test_no_body_of_a_peer_and_no_document_stops_anybody(office: Office, raw: bytes) -> None:
    """Bodies are kept as they came; what is no text is searched as bytes, and nothing fails on it."""
    code = await person(office)
    salt, item = bytes(32), str(uuid.uuid4())
    told = entry.Entry(op="pub", id=item, b=body.commitment(salt, raw), p=-1, r=1, t=20000)
    async with office.pool.acquire() as conn:
        origin_id = await add_origin(conn, "p_TO")
        kept, problems = open_bodies(origin_id, "p_TO", {0: told}, [(0, salt, raw)], schemas.validators())
        await log.copy_wanted(conn, origin_id, [(0, item)])
        await ingest_bodies(conn, origin_id, kept, problems)
        await add_document(conn, office.networks[1], "altro", raw)
    assert (await gdpr.access(office.pool, code)).published == []
    assert (await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW)).reference


async def test_bodies_that_name_the_subject_are_told(office: Office) -> None:
    """In JSON as the text that it stands for, escapes read; in other bytes as they are."""
    code = await person(office)
    bodies = [
        b'{"a":["Quarantotti\\nZefir\\u0069na"]}',
        f"\xff {NAME}".encode("utf-16"),
        b'{"a":"Quarantotti","b":"Zefirina"}',
    ]
    async with office.pool.acquire() as conn:
        origin_id = await add_origin(conn, "p_TO")
        for idx, raw in enumerate(bodies):
            await conn.execute("INSERT INTO log.body (origin_id, idx, salt, body) VALUES ($1, $2, $3, $4)", origin_id, idx, bytes(32), raw)  # fmt: skip
    assert [item["idx"] for item in (await gdpr.access(office.pool, code)).published] == [0, 1]


async def test_firms_of_another_code_are_neither_shown_nor_erased(office: Office) -> None:
    """The same name or one that holds it: told apart in the try, left as they are, also where texts mean them."""
    async with office.pool.acquire() as conn:
        own, longer, same, bare = await some_firms(conn, 4)
        await rename(conn, own, "EDIL CASA")
        await rename(conn, longer, "EDIL CASA SALENTO S.R.L.")
        await rename(conn, same, "Edil Casa")
        await conn.execute("UPDATE registry.firm SET name = 'Casa Edil', name_key = 'casa edil', tax_code = '', vat_number = '' WHERE firm_id = $1", bare["firm_id"])  # fmt: skip
        await conn.execute("UPDATE registry.network SET programme = 'Edil Casa Salento srl con EDIL CASA' WHERE network_id::text = $1", office.networks[0])  # fmt: skip
        before = await conn.fetch("SELECT f::text FROM registry.firm f WHERE firm_id = ANY($1) UNION ALL SELECT f::text FROM population.firm f WHERE tax_code = ANY($2) ORDER BY 1", [longer["firm_id"], same["firm_id"]], [longer["tax_code"], same["tax_code"]])  # fmt: skip
    found = await gdpr.access(office.pool, own["tax_code"])
    assert {row["firm_id"] for row in found.found["registry.firm"]} == {str(own["firm_id"]), str(bare["firm_id"])}
    told = str(found.found)
    assert longer["tax_code"] not in told
    assert same["tax_code"] not in told
    tried = await gdpr.erase(office.pool, office.own, own["tax_code"], "anna", WHY, NOW, dry_run=True)
    assert tried.others["registry.firm"] == ["EDIL CASA SALENTO S.R.L.", "Edil Casa"]
    await gdpr.erase(office.pool, office.own, own["tax_code"], "anna", WHY, NOW)
    async with office.pool.acquire() as conn:
        after = await conn.fetch("SELECT f::text FROM registry.firm f WHERE firm_id = ANY($1) UNION ALL SELECT f::text FROM population.firm f WHERE tax_code = ANY($2) ORDER BY 1", [longer["firm_id"], same["firm_id"]], [longer["tax_code"], same["tax_code"]])  # fmt: skip
        programme = await conn.fetchval("SELECT programme FROM registry.network WHERE network_id::text = $1", office.networks[0])  # fmt: skip
        gone = await conn.fetchval("SELECT count(*) FROM registry.firm WHERE firm_id = ANY($1) AND tax_code = '' AND name LIKE '[cancellato]%'", [own["firm_id"], bare["firm_id"]])  # fmt: skip
    assert after == before
    assert (programme, gone) == (f"Edil Casa Salento srl con {MASK}", 2)


async def test_the_code_of_a_network_is_shown_to_itself_alone(office: Office) -> None:
    """A network found because it names the subject keeps its own code out of the answer; its own request finds it."""
    code = await person(office)
    async with office.pool.acquire() as conn:
        await conn.execute("UPDATE registry.network SET own_tax_code = $2 WHERE network_id::text = $1", office.networks[0], NUMBER)  # fmt: skip
        await conn.execute("UPDATE registry.network SET own_tax_code = 'qrn zrn.80a41e506z' WHERE network_id::text = $1", office.networks[1])  # fmt: skip
    shown = {row["network_id"]: row["own_tax_code"] for row in (await gdpr.access(office.pool, code)).found["registry.network"]}  # fmt: skip
    assert shown == {office.networks[0]: "", office.networks[1]: "qrn zrn.80a41e506z"}
    await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW)
    async with office.pool.acquire() as conn:
        codes = dict(await conn.fetch("SELECT network_id::text, own_tax_code FROM registry.network WHERE network_id::text = ANY($1)", office.networks[:2]))  # fmt: skip
    assert codes == {office.networks[0]: NUMBER, office.networks[1]: ""}


async def test_forms_people_write_are_found_and_gone(office: Office) -> None:
    """Contacts, notaries, titles, contents, addresses, texts of profiles with a line break inside the name."""
    code = await person(office)
    network = office.networks[1]
    async with office.pool.acquire() as conn:
        for title, content in (
            ("piccole", code.lower().encode()), ("spazi", b"QRN ZRN 80A41 E506Z"), ("utf16", code.encode("utf-16-le")), ("nome", f"la signora {NAME}".encode()),
            ("altra codifica", "Quarantotti Zefirina è".encode("latin-1")), ("CI_Zefirina_Quarantotti.pdf", b"x"), ("Quarantotti Zefirina, carta", b"x"),
            ("Zefirina\u00a0Quarantotti", b"x"),
        ):  # fmt: skip
            await add_document(conn, network, title, content)
        await add_document(
            conn, network, "binario", b"\x89\xff\x00" + code.lower().encode("utf-16-le"), "application/pdf"
        )
        await add_document(conn, network, "dati", b'{"nome": "Quarantotti\\u0020Zefirina"}', "application/json")
        await add_document(conn, network, "resta", f"{NAME}na".encode())
        await conn.execute("UPDATE registry.contact SET person = 'Segreteria', email = 'zefirina.quarantotti@pec.it' WHERE network_id::text = $1", network)  # fmt: skip
        await conn.execute("UPDATE registry.contact SET person = 'QUARANTOTTI ZEFIRINA' WHERE network_id::text = $1", office.networks[2])  # fmt: skip
        await conn.execute("UPDATE registry.network SET notary = 'Quarantotti Zefirina', programme = 'con Zefirina Rosario e Quarantotti-Zefirina' WHERE network_id::text = $1", network)  # fmt: skip
        await gdpr.give_consent(office.pool, network, "Altra Persona", f"contatto per {NAME}", "v1", NOW)
    drafted = await office.draft(2, description="Con Quarantotti\nZefirina si lavora", needs=[], offers=[])
    tried = await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW, dry_run=True)
    assert tried.profiles == [drafted]
    assert (tried.counts["registry.document"], tried.counts["registry.contact"]) == (11, 3)
    done = await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW)
    assert done.profiles == [drafted]
    said = await said_anywhere(office)
    for word in (code.lower(), code.encode().hex(), code.lower().encode().hex(), "quarantotti zefirina", "zefirina quarantotti", "zefirina.quarantotti", "zefirina_quarantotti"):  # fmt: skip
        assert word not in said, word
    async with office.pool.acquire() as conn:
        assert await conn.fetchval("SELECT programme FROM registry.network WHERE network_id::text = $1", network) == f"con Zefirina Rosario e {MASK}"  # fmt: skip
        assert await conn.fetchval("SELECT count(*) FROM registry.document WHERE title = 'resta'") == 1


async def test_documents_that_nobody_here_can_read_are_told_where_the_subject_is_or_was(office: Office) -> None:
    """Of the subject's networks and of no other; who erases is told the same, and deletes by hand what names the subject."""
    code = await person(office)
    async with office.pool.acquire() as conn:
        networks = [row["id"] for row in await conn.fetch("SELECT DISTINCT m.network_id::text AS id FROM registry.membership m JOIN registry.firm f USING (firm_id) WHERE f.tax_code = $1", code)]  # fmt: skip
        elsewhere = next(network for network in office.networks if network not in networks)
        await add_document(conn, networks[0], "scansione", b"%PDF-1.4", "application/pdf")
        await add_document(conn, networks[0], "firmato", b"0", "application/pkcs7-mime")
        await add_document(conn, networks[0], "letto", b"niente")
        await add_document(conn, elsewhere, "di altri", b"%PDF-1.5", "application/pdf")
    seen = await gdpr.access(office.pool, code)
    assert (seen.unread, [item.title for item in seen.to_look_at]) == (3, ["firmato", "scansione"])
    done = await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW)
    assert done.to_look_at == seen.to_look_at
    async with office.pool.acquire() as conn:
        left = {row["title"] for row in await conn.fetch("SELECT title FROM registry.document")}
        officers = {row["officer"] for row in await conn.fetch("SELECT document::jsonb ->> 'officer' AS officer FROM audit.event WHERE kind = 'document' AND document::jsonb ->> 'action' = 'deleted'")}  # fmt: skip
    assert left == {"scansione", "firmato", "letto", "di altri"}
    assert officers == {"anna"}


async def test_accents_of_a_firm_are_nothing(office: Office) -> None:
    """The name is known one way and written four."""
    async with office.pool.acquire() as conn:
        (firm,) = await some_firms(conn, 1)
        await rename(conn, firm, "Niccolò D'Amico", CODE)
        forms = ["NICCOLÒ D'AMICO", "NICCOLO' D'AMICO", "Niccolo D'Amico", "D'Amico Niccolò"]
        for at, form in enumerate(forms):
            await conn.execute("UPDATE registry.contact SET person = $2 WHERE network_id::text = $1", office.networks[at], form)  # fmt: skip
    found = (await gdpr.access(office.pool, CODE)).found["registry.contact"]
    assert {row["person"] for row in found} == set(forms)


async def test_codes_of_one_firm_are_one_subject(office: Office) -> None:
    """By either code the other is found too; a number that another firm has as well is nobody's own."""
    async with office.pool.acquire() as conn:
        firm, one, two = await some_firms(conn, 3)
        await rename(conn, firm, NAME, CODE, NUMBER)
        await conn.execute("UPDATE registry.objective SET text = 'del CF qrn zrn 80a41 e506z' WHERE network_id::text = $1", office.networks[0])  # fmt: skip
        await conn.execute("UPDATE registry.want SET text = 'fatturare a IT 012.345.678.97' WHERE network_id::text = $1", office.networks[0])  # fmt: skip
        for other in (one, two):
            await conn.execute(
                "UPDATE registry.firm SET vat_number = '12345678903' WHERE firm_id = $1", other["firm_id"]
            )
    answers = [(await gdpr.access(office.pool, code)).found for code in (CODE, NUMBER)]
    assert answers[0] == answers[1]
    assert {"registry.objective", "registry.want"} < set(answers[0])
    await gdpr.erase(office.pool, office.own, NUMBER, "anna", WHY, NOW)
    said = await said_anywhere(office)
    assert not [word for word in (CODE.lower(), NUMBER, "e506z", "345.678") if word in said]
    grouped = await gdpr.access(office.pool, one["tax_code"])
    assert [row["firm_id"] for row in grouped.found["registry.firm"]] == [str(one["firm_id"])]
    with pytest.raises(CallerError) as caught:
        await gdpr.access(office.pool, "12345678903")
    assert caught.value.code == "gdpr-code-shared"


async def test_a_partner_is_not_the_company_whose_number_stands_beside(office: Office) -> None:
    """A sole trader that was noted twice is one subject by name; a company of another name is another, either way round."""
    async with office.pool.acquire() as conn:
        person_, again, company, partner = await some_firms(conn, 4)
        await rename(conn, person_, f"Sartoria di {NAME}", CODE, NUMBER)
        await rename(conn, again, f"SARTORIA DI {NAME.upper()}", NUMBER, NUMBER)
        await rename(conn, company, "Tessuti del Capo s.n.c.")
        await rename(conn, partner, "Bianchi Ada", "BNCDAA80A41E506Y", company["tax_code"])
        await conn.execute(
            "UPDATE registry.contact SET person = $2 WHERE network_id::text = $1", office.networks[0], NAME
        )
    for code in (CODE, NUMBER):
        found = (await gdpr.access(office.pool, code)).found
        assert {row["firm_id"] for row in found["registry.firm"]} == {str(person_["firm_id"]), str(again["firm_id"])}
        assert [row["person"] for row in found["registry.contact"]] == [NAME]
    for code, firm in ((company["tax_code"], company), ("BNCDAA80A41E506Y", partner)):
        found = (await gdpr.access(office.pool, code)).found
        assert [row["firm_id"] for row in found["registry.firm"]] == [str(firm["firm_id"])]


async def test_the_programs_role_erases_and_changes_nothing_else(office: Office, db: str) -> None:
    """As deploy/roles.sql grants: a whole erasure, the words of a ruling too; no other change of a ruling."""
    code = await person(office)
    async with office.pool.acquire() as conn:
        origin_id = await conn.fetchval("SELECT origin_id FROM log.origin LIMIT 1")
        await evidence.insert_ruling(conn, origin_id, "released", "anna", f"per {NAME}", NOW)
        await conn.execute(ROLES.read_text(encoding="utf-8"))
    pool = await asyncpg.create_pool(db, min_size=0, max_size=4, server_settings={"role": "rete_node"})
    try:
        done = await gdpr.erase(pool, office.own, code, "anna", WHY, NOW)
        assert done.counts["log.ruling"] == 1
        async with pool.acquire() as conn:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.execute("UPDATE log.ruling SET reason = 'altro'")
    finally:
        pool.terminate()


async def test_reasons_of_rulings_and_erasures_go_and_the_chain_knows(office: Office, tmp_path: Path) -> None:
    """Of a ruling only the words go, by their own function; the audit finds everything in order."""
    code = await person(office)
    async with office.pool.acquire() as conn:
        origin_id = await conn.fetchval("SELECT origin_id FROM log.origin LIMIT 1")
        for reason in (f"chiesto da {NAME}, {code}", "altro"):
            await evidence.insert_ruling(conn, origin_id, "released", "anna", reason, NOW)
        await conn.execute("INSERT INTO registry.erasure VALUES (gen_random_uuid(), $1, 'anna', $2, '{}')", NOW, f"come per {NAME}")  # fmt: skip
    found = (await gdpr.access(office.pool, code)).found
    assert len(found["log.ruling"]) == 1
    assert "reason_salt" not in found["log.ruling"][0]
    done = await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW)
    assert (done.counts["log.ruling"], done.counts["registry.erasure"]) == (1, 1)
    async with office.pool.acquire() as conn:
        rulings = await conn.fetch("SELECT reason, reason_erased_by FROM log.ruling ORDER BY ruling_id")
        events = await conn.fetchval("SELECT count(*) FROM audit.event WHERE kind = 'ruling-reason-erased'")
        reasons = {row["reason"] for row in await conn.fetch("SELECT reason FROM registry.erasure")}
    assert ([tuple(row) for row in rulings], events) == ([(None, "anna"), ("altro", None)], 1)
    assert reasons == {WHY, f"come per {MASK}"}
    assert (await audit.verify(office.pool, tmp_path)).ok
    # Words that went without their event are found.
    async with office.pool.acquire() as conn:
        await conn.execute("SET session_replication_role = replica")
        await conn.execute("UPDATE log.ruling SET reason = NULL, reason_salt = NULL, reason_erased_by = 'x' WHERE reason = 'altro'")  # fmt: skip
        await conn.execute("RESET session_replication_role")
    assert not (await audit.verify(office.pool, tmp_path)).ok


@pytest.mark.parametrize("change", ["reason = 'altro'", "officer = 'bruno'", "reason = NULL, reason_salt = NULL", "reason = NULL, reason_salt = NULL, reason_erased_by = 'x', action = 'pruned'"])  # fmt: skip
async def test_nothing_else_of_a_ruling_changes(office: Office, change: str) -> None:
    """Nor is it deleted."""
    async with office.pool.acquire() as conn:
        origin_id = await conn.fetchval("SELECT origin_id FROM log.origin LIMIT 1")
        await evidence.insert_ruling(conn, origin_id, "released", "anna", "perché", NOW)
        for statement in (f"UPDATE log.ruling SET {change}", "DELETE FROM log.ruling"):
            with pytest.raises(Exception, match="never changed nor deleted"):
                await conn.execute(statement)


@pytest.mark.parametrize("reason", ["chiesto da Quarantotti Zefirina", "QRN ZRN 80A41 E506Z", f"chiesto da {NAME}.", f"«{NAME}» chiede", "per 012 345 678 97", "da zefirina.quarantotti@pec.it"])  # fmt: skip
async def test_a_reason_is_read_as_everything_else(office: Office, reason: str) -> None:
    """Other orders, signs, the firm's other code."""
    code = await person(office)
    async with office.pool.acquire() as conn:
        await conn.execute("UPDATE registry.firm SET vat_number = $2 WHERE tax_code = $1", code, NUMBER)
    with pytest.raises(CallerError) as caught:
        await gdpr.erase(office.pool, office.own, code, "anna", reason, NOW, dry_run=True)
    assert caught.value.code == "gdpr-reason-names"


@pytest.mark.parametrize("times", [1, 2])
async def test_a_text_approved_meanwhile_is_withdrawn_or_told(
    office: Office, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Once it is begun again; whoever keeps approving is told to repeat, and nothing of the tables is gone."""
    code = await person(office)
    real, late = store.profiles_named, []

    async def named(conn: Connection, seeker: Any) -> list[str]:
        found = await real(conn, seeker)
        if len(late) < times:
            late.append(await office.draft(len(late) + 1, summary=f"Con {NAME} si lavora", needs=[], offers=[]))
            async with office.pool.acquire() as other:
                await other.execute("SET session_replication_role = replica")
                await other.execute("UPDATE publication.version SET state = 'approved', approver = 'bruno', approved_at = now(), approved_hash = content_hash WHERE profile_id::text = $1", late[-1])  # fmt: skip
                await other.execute("RESET session_replication_role")
        return found

    monkeypatch.setattr(store, "profiles_named", named)
    if times == 1:
        done = await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW)
        assert (done.profiles, bool(done.reference)) == (late, True)
        assert "quarantotti" not in await said_anywhere(office)
        return
    with pytest.raises(OperatorError) as caught:
        await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW)
    assert caught.value.code == "gdpr-again"
    async with office.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM registry.erasure") == 0
        assert await conn.fetchval("SELECT count(*) FROM registry.firm WHERE tax_code = $1", code) == 1


async def test_a_profile_that_another_officer_withdraws_meanwhile_stops_nobody(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is gone, which is all that was wanted."""
    code = await person(office)
    drafted = await office.draft(1, summary=f"Con {NAME} si lavora", needs=[], offers=[])
    real = store.profiles_named

    async def named(conn: Connection, seeker: Any) -> list[str]:
        found = await real(conn, seeker)
        for profile_id in found:
            await office.withdraw(profile_id, officer="bruno")
        return found

    monkeypatch.setattr(store, "profiles_named", named)
    done = await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW)
    assert (done.profiles, bool(done.reference)) == ([], True)
    async with office.pool.acquire() as conn:
        assert await conn.fetchval("SELECT withdrawn_by FROM publication.profile WHERE profile_id::text = $1", drafted) == "bruno"  # fmt: skip


async def test_the_word_of_the_mask_is_nobodys_name(office: Office) -> None:
    """The gate forgets an erased name at once, in a running node too, and does not take the mask for one."""
    code = await person(office)
    known = KnownNames()
    async with office.pool.acquire() as conn:
        before = await known.read(conn, office.config)
    assert gate.scan((("text.it", f"Con {NAME} si lavora"),), before)
    published = await office.queued(1, title="Collaborazioni", summary="Consulenza sul debito cancellato", needs=[], offers=[])  # fmt: skip
    await gdpr.erase(office.pool, office.own, code, "anna", WHY, NOW)
    async with office.pool.acquire() as conn:
        for names in (await known.read(conn, office.config), await KnownNames().read(conn, office.config)):
            assert not gate.scan((("text.it", "Il contratto cancellato resta valido"),), names)
            hits = gate.scan((("text.it", f"Con {NAME} si lavora"),), names)
            assert {hit.severity for _, _, hit in hits} <= {"amber"}
    assert await office.release(MONDAY) == [published]
