"""The list of what is kept: whole against the database's catalogue; subjects and the words that find them."""

from __future__ import annotations

import pytest

from node.config_values import RetentionSection
from node.domain.processing import HOLDINGS, Role
from node.domain.subject import subject_of
from node.errors import CallerError
from node.store import gdpr
from node.store.postgres import Connection
from tests.networks_made import PERSON_CODE, code

KEPT_SCHEMAS = ["registry", "publication", "population", "office", "statistics", "programme"]
# Where words stand that nobody here wrote about anybody: what nodes and members sign and say, and what leaves by two approvals.
MADE = {
    "agreement.document": "digest raw", "agreement.routine": "digest raw", "agreement.proposal": "digest kind raw by_member then_keyids",
    "agreement.signature": "digest keyid sig", "agreement.fork": "digest raw_applied raw_other", "agreement.request": "fingerprint raw node_id authority http_key",
    "agreement.refused": "member code", "agreement.routine_fork": "digest node raw", "agreement.enrolled": "what",
    "coop.profile": "owner territory sector period size theme kind keys text_a text_b text_c text_d",
    "coop.partition": "snapshot digest", "coop.statistics": "table_id digest", "coop.announcement": "kind owner title regions keys text_a text_b text_c", "log.body": "salt body", "log.cosignature": "member line", "log.entry": "entry", "log.evidence": "digest document",
    "log.origin": "origin owner name url vkey state root range_hashes checkpoint etag error_code error_text pending relayed relay state_before end_root",
    "agreement.http_key": "member public state", "log.origin_key": "vkey", "log.problem": "code", "log.receipt": "member note", "log.signed": "root note", "log.subtree": "hash",
    "post.box": "peer error_code", "post.outbox": "recipient key_id sealed", "post.refused": "peer code",
    "log.witnessed": "root note", "ops.fence": "system_id", "ops.leader": "holder", "ops.migration": "name", "ops.nonce": "keyid nonce",
}  # fmt: skip


async def test_every_column_of_the_private_schemas_stands_in_a_holding(conn: Connection) -> None:
    """Of each column that can hold words somebody said what it may tell of whom; a new one fails here."""
    rows = await conn.fetch(
        "SELECT format('%I.%I', n.nspname, c.relname) AS place, a.attname AS name FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"
        " AND a.atttypid::regtype::text IN ('text', 'text[]', 'bytea', 'jsonb', 'json', 'character varying', 'xml')",
        [*KEPT_SCHEMAS, "log", "coop", "ops", "post", "agreement"],
    )
    made = {(table, name) for table, names in MADE.items() for name in names.split()}
    assert {(r["place"], r["name"]) for r in rows} - made == {(h.table, name) for h in HOLDINGS for name in h.columns}
    tables = await conn.fetch("SELECT format('%I.%I', schemaname, tablename) AS place FROM pg_tables WHERE schemaname = ANY($1)", KEPT_SCHEMAS)  # fmt: skip
    assert {row["place"] for row in tables} == {h.table for h in HOLDINGS} - {"log.ruling"}


def test_every_personal_holding_is_searched_and_every_term_exists() -> None:
    """What may hold a name has its queries; terms are those of the configuration."""
    personal = {h.table for h in HOLDINGS if h.of(Role.CODE, Role.NAME, Role.WORDS, Role.FILE)}
    assert personal | {"registry.membership"} == set(gdpr.PLACES)
    assert {h.term for h in HOLDINGS if h.term} <= set(RetentionSection.__slots__)


@pytest.mark.parametrize("text", [code(1), f" IT {code(1)} ", ".".join(code(1)), PERSON_CODE.lower()])
def test_codes_are_read_as_people_write_them(text: str) -> None:
    """Spaces, points, small letters and the country's letters are nothing."""
    assert subject_of(text).tax_code in (code(1), PERSON_CODE)


@pytest.mark.parametrize("text", ["", "123", "9" * 12, "ABCDEF80A01Z99", "' OR 1=1 --", "12345678X01"])
def test_what_is_no_code_is_refused(text: str) -> None:
    """With what was written, and what is needed."""
    with pytest.raises(CallerError) as caught:
        subject_of(text)
    assert caught.value.code == "tax-code-bad"
