"""Secrets planted in the private tables, and ears for all that a node says: HTTP in both directions, and its log lines.

A secret is a random word that stands nowhere else, so that finding it, whole or written otherwise (case and signs dropped,
percent, hexadecimal, base64), is proof of a leak. ``HEARD`` keeps what this process said since it was last emptied:
the database fixture holds it against the private terms of each test's own database (tests/conftest.py).
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote_to_bytes

import orjson
import structlog
from ahocorasick_rs import BytesAhoCorasick
from aiohttp.http_writer import StreamWriter

from node.store.postgres import Connection
from tests import canary_programme
from tests.canary_programme import CLOSED, CODE, INSIDE, OUT, OWN, WORD

# Private schemas, and what is planted in each of their columns: a word, a code of 16 signs, or nothing and why not.
WORDS = "words"
PLANS: Mapping[str, Mapping[str, str]] = {
    "registry.network": {
        "register_id": WORD, "deed_register_number": WORD, "deed_number": WORD, "deed_form": CLOSED, "notary": WORD,
        "status": CLOSED, "name": WORD, "name_key": WORD, "kind": CLOSED, "purpose": CLOSED, "object_text": WORD,
        "programme": WORD, "common_body_kind": WORD, "common_body_holder": WORD, "seat_municipality": WORD,
        "own_tax_code": CODE, "own_rea": WORD, "capabilities": CLOSED, "languages": CLOSED, "target_countries": CLOSED,
        "certifications": CLOSED, "extras": CLOSED, "source": CLOSED, "digest": OWN, "owner": OWN,
    },
    "registry.firm": {
        "tax_code": CODE, "vat_number": WORD, "name": WORD, "name_key": WORD, "legal_form": WORD, "municipality": WORD,
        "municipality_name": WORD, "province": WORD, "rea": WORD, "ateco": WORD, "ateco_edition": WORD, "employees": WORD,
        "turnover": WORD, "certifications": WORDS, "export_countries": WORDS, "led_by": CLOSED,
    },
    "registry.membership": {},
    "registry.objective": {"kind": WORD, "text": WORD, "measure": WORD, "target": WORD},
    "registry.want": {"side": CLOSED, "category": CLOSED, "text": WORD},
    "registry.contact": {"person": WORD, "role": WORD, "email": WORD, "phone": WORD},
    "registry.document": {
        "title": WORD, "kind": CLOSED, "file_name": WORD, "media_type": WORD, "sha256": OWN, "content": WORD, "officer": WORD,
        "seal_salt": OWN,
    },
    "registry.change": {"officer": WORD, "source": CLOSED, "action": CLOSED, "fields": CLOSED},
    "registry.consent": {"person": WORD, "purpose": WORD, "version": WORD},
    "registry.import_batch": {"file_name": WORD, "sha256": OWN, "layout": CLOSED},
    "registry.erasure": {"officer": WORD, "reason": WORD, "counts": OWN},
    "publication.profile": {"register_id": WORD, "labels": OUT, "state": CLOSED, "withdrawn_by": WORD, "changed_in": OWN},
    "publication.version": {
        "state": CLOSED, "content": OUT, "content_hash": OWN, "author": WORD, "approver": WORD, "approved_hash": OWN,
        "held_code": OWN, "changed_in": OWN,
    },
    "publication.decision": {"action": CLOSED, "officer": WORD, "content_hash": OWN, "reason": WORD, "gate": OWN, "reason_salt": OWN, "reason_erased_by": WORD, "decided_in": OWN},
    # Titles are told by the feeds of public searches; those planted tell somebody, and have none.
    "office.saved_search": {"title": WORD, "query": CLOSED, "token_hash": OWN, "made_by": CLOSED, "corpus": CLOSED},
    "office.saved_channel": {"channel": CLOSED, "address": WORD, "error_code": CLOSED},
    "office.saved_mark": {},
    "office.saved_news": {"channel": CLOSED, "owner": OWN},
    "office.saved_announcement": {"owner": OWN, "kind": CLOSED, "waits": CLOSED},
    "office.introduction": {
        "party": CLOSED, "peer": OWN, "request": INSIDE, "applicant": INSIDE, "token_hash": OWN, "state": CLOSED, "reason": CLOSED,
        "outcome": CLOSED, "turn": CLOSED, "created_by": WORD,
    },
    "office.introduction_event": {
        "party": CLOSED, "kind": CLOSED, "detail": CLOSED, "event": OWN, "signature": OWN, "payload": INSIDE, "salt": OWN, "officer": WORD,
    },
    "office.introduction_consent": {"person": WORD, "version": OWN, "identity": INSIDE, "officer": WORD},
    "office.introduction_identity": {"identity": INSIDE},
    "office.introduction_notice": {"what": CLOSED},
    "office.account": {"name": WORD, "external_name": WORD, "password_hash": OWN, "factor_sealed": OWN},
    "office.account_role": {"role": CLOSED},
    "office.account_code": {"code_hash": OWN},
    "office.recovery_code": {"code_hash": OWN},
    "office.session": {"id_hash": OWN, "stage": CLOSED, "method": CLOSED, "factor": CLOSED},
    "office.sign_in_attempt": {"kind": CLOSED, "key_hash": OWN},
    **canary_programme.PLANS,
}  # fmt: skip
PRIVATE_SCHEMAS = ("registry", "publication", "office", "programme")
_FOLDED = re.compile(rb"[^0-9a-z]+")
_FORM = "zq{}qz"


class Ears:
    """What was said over HTTP by everybody in this process, before it was compressed, and every line of its log."""

    def __init__(self) -> None:
        """Begin to listen, once for the process."""
        self.said = bytearray()
        self._in_office = 0
        self._write, self._headers = StreamWriter.write, StreamWriter.write_headers
        self._eof = StreamWriter.write_eof
        ears = self

        async def write(writer: StreamWriter, chunk: bytes, *args: object, **more: object) -> None:
            ears._hear_body(chunk)
            await ears._write(writer, chunk, *args, **more)  # type: ignore[arg-type]

        async def write_headers(writer: StreamWriter, status_line: str, headers: Mapping[str, str]) -> None:
            ears.said += (status_line + "\n" + "\n".join(f"{k}: {v}" for k, v in headers.items()) + "\n").encode()
            await ears._headers(writer, status_line, headers)  # type: ignore[arg-type]

        async def write_eof(writer: StreamWriter, chunk: bytes = b"") -> None:
            ears._hear_body(chunk)
            await ears._eof(writer, chunk)

        def hear(logger: type) -> None:
            speak = logger.msg  # type: ignore[attr-defined]

            def msg(self: object, message: str) -> None:
                ears.said += message.encode() + b"\n"
                speak(self, message)

            for name in ("log", "msg", "debug", "info", "warn", "warning", "error", "err", "critical", "fatal", "failure", "exception"):  # fmt: skip
                if hasattr(logger, name):
                    setattr(logger, name, msg)

        hear(structlog.PrintLogger)
        hear(structlog.WriteLogger)
        StreamWriter.write = write  # type: ignore[method-assign, assignment]
        StreamWriter.write_headers = write_headers  # type: ignore[method-assign, assignment]
        StreamWriter.write_eof = write_eof  # type: ignore[method-assign]

    def _hear_body(self, chunk: bytes) -> None:
        if not self._in_office:
            self.said += bytes(chunk) + b"\n"

    @contextmanager
    def in_office(self) -> Iterator[None]:
        """Pass over what pages and forms say while people with the right are at them; addresses, headers and the log are heard."""
        self._in_office += 1
        try:
            yield
        finally:
            self._in_office -= 1

    def forget(self) -> None:
        """Begin anew."""
        self.said.clear()


HEARD = Ears()


async def server_log(conn: Connection) -> Path | None:
    """Where the embedded server of ``conn`` writes its own log; None for a server that somebody else runs."""
    path = Path(await conn.fetchval("SHOW data_directory")) / "log"
    return path if path.is_file() else None


def lines_since(path: Path | None, begun: int) -> bytes:
    """Return what was written after the first ``begun`` bytes."""
    if path is None:
        return b""
    with path.open("rb") as lines:
        lines.seek(begun)
        return lines.read()


def word() -> str:
    """A word that stands nowhere else."""
    return _FORM.format(secrets.token_hex(6))


def code() -> str:
    """A code in the form of a person's, which nobody has."""
    return f"ZQ{secrets.token_hex(6)}QZ".upper()


async def plant(conn: Connection) -> list[str]:
    """Overwrite every private text of every row with a secret of its own; return all of them.

    Triggers that keep rows from being changed are not asked: what is tried is where the words go, not who may write them.
    """
    planted: list[str] = []
    await conn.execute("SET session_replication_role = replica")
    try:
        for table, columns in PLANS.items():
            rows = [row["ctid"] for row in await conn.fetch(f"SELECT ctid FROM {table}")]
            names = [name for name, plan in columns.items() if plan in (WORD, CODE, WORDS)]
            inside = [name for name, plan in columns.items() if plan == INSIDE]
            for ctid in rows if inside else []:
                planted += await _plant_inside(conn, table, inside, ctid)
            rows = [row["ctid"] for row in await conn.fetch(f"SELECT ctid FROM {table}")]
            types = dict(await conn.fetch(f"SELECT attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0"))  # fmt: skip
            for ctid in rows if names else []:
                told = [code() if columns[name] == CODE else word() for name in names]
                values: list[object] = [
                    [value] if columns[name] == WORDS else value.encode() if types[name] == "bytea" else value
                    for name, value in zip(names, told, strict=True)
                ]
                # A name that is not there stays away: an absent deed or approver is what a constraint looks at.
                changes = ", ".join(f"{name} = CASE WHEN {name} IS NULL THEN NULL ELSE ${at}::{types[name]} END" for at, name in enumerate(names, 2))  # fmt: skip
                await conn.execute(f"UPDATE {table} SET {changes} WHERE ctid = $1", ctid, *values)
                planted += told
    finally:
        await conn.execute("RESET session_replication_role")
    return planted


async def _plant_inside(conn: Connection, table: str, names: list[str], ctid: object) -> list[str]:
    """Overwrite every text in some JSON columns of a row."""
    told: list[str] = []

    def over(value: object) -> object:
        if isinstance(value, dict):
            return {name: over(item) for name, item in value.items()}
        if isinstance(value, list):
            return [over(item) for item in value]
        if isinstance(value, str):
            told.append(word())
            return told[-1]
        return value

    row = await conn.fetchrow(f"SELECT {', '.join(names)} FROM {table} WHERE ctid = $1", ctid)
    assert row is not None
    values = [None if row[name] is None else orjson.dumps(over(orjson.loads(row[name]))).decode() for name in names]
    changes = ", ".join(f"{name} = ${at}::jsonb" for at, name in enumerate(names, 2))
    await conn.execute(f"UPDATE {table} SET {changes} WHERE ctid = $1", ctid, *values)
    return told


def spellings(secret: str) -> list[bytes]:
    """The ways a secret may be written in a stream that is otherwise folded or raw."""
    plain = secret.lower().encode()
    ways = {plain, secret.encode(), plain.hex().encode(), secret.encode().hex().encode()}
    for text in (secret.encode(), plain):
        for lead in range(3):
            # Only the signs that depend on nothing around the secret.
            whole = base64.b64encode(b"\0" * lead + text)
            ways.add(whole[(0, 2, 3)[lead] : -4 if len(whole) % 4 == 0 else -3])
    return sorted(ways)


def found(said: bytes, terms: Iterable[str]) -> set[str]:
    """Return those terms that stand in what was said, whatever the spelling."""
    known: dict[bytes, str] = {}
    for term in terms:
        folded = _FOLDED.sub(b"", term.lower().encode())
        for spelling in (folded, *spellings(term)):
            known.setdefault(spelling, term)
    if not known:
        return set()
    patterns = list(known)
    automaton = BytesAhoCorasick(patterns)
    low = said.lower()
    readings = (
        said,
        low,
        unquote_to_bytes(said),
        _FOLDED.sub(b"", low),
        _FOLDED.sub(b"", unquote_to_bytes(said).lower()),
    )
    return {known[patterns[at]] for reading in readings for at, _, _ in automaton.find_matches_as_indexes(reading)}
