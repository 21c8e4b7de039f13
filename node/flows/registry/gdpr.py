"""Rights of those whose data are kept: access, erasure, terms, the register of processing, the consent log.

In: a tax code as people write it, an officer's reason, terms of [retention]. Out: what is kept, what was erased. An erasure is
one transaction that ends by looking again: if anything is still found, nothing was erased. Source: GDPR articles 15, 17, 30;
domain/processing says what is kept where.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

import structlog

from node.config import Config
from node.domain import officers
from node.domain.processing import HOLDINGS
from node.domain.seeking import Seeker
from node.domain.subject import Subject, subject_of
from node.errors import N_, CallerError, NotFoundError, OperatorError
from node.flows.logs.append import OwnLog
from node.flows.profiles import publish
from node.flows.registry import counting
from node.store import accounts, gdpr, population, statistics
from node.store.gdpr import Consent, Disclosed, ToLookAt
from node.store.postgres import Connection, Pool, acquire, run_tx

logger = structlog.get_logger()
# What each term of [retention] ends, in the order in which it is ended.
TERMS = {
    "drafts": "drafts_days",
    "contacts": "contacts_days",
    "consents": "consents_days",
    # Before the networks that they are of.
    "introductions": "introductions_days",
    "enrolments": "enrolments_days",
    # Before the aggregations that they became.
    "expressions": "aggregations_days",
    "aggregations": "aggregations_days",
    "case_files": "closed_networks_days",
    "shared_cases": "closed_networks_days",
    "courses": "introductions_days",
    "closed_networks": "closed_networks_days",
    "import_batches": "editions_days",
    "editions": "editions_days",
}


# How often an erasure begins again when a text is approved under its hands.
TRIES = 2


@dataclass(frozen=True, slots=True)
class Access:
    """All that is kept of a subject: rows by table, and documents of any log that name it.

    ``others``: by table, the names of others' firms that hold one of the subject's; they are not the subject's data. ``unread``
    counts documents whose content nobody could read; ``to_look_at`` are those of networks that the subject is or was part of;
    ``disclosed`` are introductions in which another office was told the subject's identity, and holds it.
    """

    subject: Subject
    seeker: Seeker
    found: dict[str, list[dict[str, Any]]]
    published: list[dict[str, Any]]
    others: dict[str, list[str]]
    unread: int
    to_look_at: list[ToLookAt]
    disclosed: list[Disclosed]

    @property
    def rows(self) -> int:
        """How many rows were found."""
        return sum(map(len, self.found.values()))


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure did, or would do: rows by table, profiles withdrawn; ``reference`` is None when nothing was done.

    ``others``, ``unread``, ``to_look_at`` and ``disclosed`` as of ``Access``: what was left as it was.
    """

    counts: dict[str, int]
    profiles: list[str]
    published: list[dict[str, Any]]
    others: dict[str, list[str]]
    unread: int
    to_look_at: list[ToLookAt]
    disclosed: list[Disclosed]
    reference: str | None


@dataclass(frozen=True, slots=True)
class Term:
    """One term: how many rows are over it, and how many were ended."""

    what: str
    days: int
    until: dt.date
    over: int
    ended: int


async def access(pool: Pool, tax_code: str, name: str | None = None) -> Access:
    """Return all that is kept of a subject. Raises: CallerError(tax-code-bad, gdpr-code-shared), NotFoundError(gdpr-unknown)."""
    async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        subject = await gdpr.known(conn, subject_of(tax_code, name))
        if subject is None:
            raise CallerError(
                "gdpr-code-shared",
                N_("questa partita IVA è di più imprese con codici fiscali diversi"),
                where="CODICE",
                hint=N_("ripetere con il codice fiscale dell'interessato"),
            )
        others = await gdpr.other_firms(conn, subject.seeker())
        seeker = subject.seeker(name for names in others.values() for name in names)
        found = await gdpr.find(conn, seeker)
        published = await gdpr.find_published(conn, seeker)
        unread = await gdpr.unread_documents(conn)
        to_look_at = await gdpr.documents_to_look_at(conn, found)
        disclosed = await gdpr.disclosed(conn, seeker)
    if not found and not published:
        raise _unknown()
    return Access(subject, seeker, found, published, others, unread, to_look_at, disclosed)


def _unknown() -> NotFoundError:
    return NotFoundError(
        "gdpr-unknown",
        N_("qui non c'è nessun dato di questo codice fiscale"),
        hint=N_("provare anche con --name «Nome Cognome» o la denominazione: non tutti i dati hanno il codice"),
    )


async def erase(
    pool: Pool,
    own: OwnLog,
    tax_code: str,
    officer: str,
    reason: str,
    now: dt.datetime,
    *,
    name: str | None = None,
    dry_run: bool = False,
) -> Erasure:
    """Erase a subject from every table; own profiles whose texts name it are withdrawn first, and gone at once.

    Raises: CallerError tax-code-bad, gdpr-code-shared, gdpr-reason-names, officer-name-bad; NotFoundError(gdpr-unknown);
    OperatorError gdpr-incomplete, gdpr-again, and then nothing of the tables was changed.
    """
    officers.check(officer)
    seen = await access(pool, tax_code, name)
    if seen.seeker.in_text(reason):
        raise CallerError(
            "gdpr-reason-names",
            N_("il motivo resterebbe scritto, e nomina proprio chi va cancellato"),
            where="--reason",
            hint=N_("scrivere il motivo senza nomi né codici, per esempio «richiesta dell'interessato»"),
        )
    if dry_run:
        counts = {table: len(rows) for table, rows in seen.found.items() if table not in gdpr.KEPT}
        named = await _named(pool, seen.seeker)
        return Erasure(counts, named, seen.published, seen.others, seen.unread, seen.to_look_at, seen.disclosed, None)
    profiles: list[str] = []
    for _ in range(TRIES):
        for profile_id in await _named(pool, seen.seeker):
            try:
                await publish.withdraw(pool, own, profile_id, officer, now)
            except CallerError as error:
                # Another officer was quicker.
                if error.code != "profile-withdrawn":
                    raise
                continue
            profiles.append(profile_id)
        done = await _erase_rows(pool, seen.seeker, officer, reason, now)
        if done is not None:
            break
    else:
        raise OperatorError(
            "gdpr-again",
            N_(
                "mentre si cancellava è stata approvata una scheda che nomina l'interessato: non è stato cancellato nulla"
            ),
            hint=N_("ripetere il comando"),
        )
    counts, reference = done
    logger.info("subject.erased", reference=reference, rows=sum(counts.values()))
    async with acquire(pool) as conn, conn.transaction(readonly=True):
        published = await gdpr.find_published(conn, seen.seeker)
    return Erasure(counts, profiles, published, seen.others, seen.unread, seen.to_look_at, seen.disclosed, reference)


async def _named(pool: Pool, seeker: Seeker) -> list[str]:
    async with acquire(pool) as conn, conn.transaction(readonly=True):
        return await gdpr.profiles_named(conn, seeker)


class _ApprovedError(Exception):
    """A text that names the subject was approved since the profiles were looked for."""


async def _erase_rows(
    pool: Pool, seeker: Seeker, officer: str, reason: str, now: dt.datetime
) -> tuple[dict[str, int], str] | None:
    """Erase and look again; None, and nothing done, where a text was approved meanwhile. Raises: OperatorError(gdpr-incomplete)."""

    async def work(conn: Connection) -> tuple[dict[str, int], str]:
        await accounts.act_as(conn, officer)
        firms = await gdpr.firms_of(conn, seeker)
        done = await gdpr.erase(conn, seeker, officer)
        # Behind the numbers that were told stand ids of records: who is erased is forgotten there too, and no number moves.
        await statistics.forget(conn, firms)
        left = set(await gdpr.search(conn, seeker))
        if left == {gdpr.VERSIONS}:
            raise _ApprovedError
        if left:
            raise OperatorError(
                "gdpr-incomplete",
                N_("dopo la cancellazione il soggetto si trova ancora in {tables}: non è stato cancellato nulla"),
                hint=N_("segnalarlo a chi cura il programma, senza allegare dati"),
                tables=", ".join(sorted(left)),
            )
        return done, await gdpr.record_erasure(conn, officer, reason, done, now)

    try:
        return await run_tx(pool, work)
    except _ApprovedError:
        return None


async def retention(pool: Pool, config: Config, now: dt.datetime, *, apply: bool) -> list[Term]:
    """Return what is over its term; with ``apply`` it is ended, batch by batch, each batch a transaction."""
    terms = []
    for what, name in TERMS.items():
        days = getattr(config.retention, name)
        until = now - dt.timedelta(days=days)
        async with acquire(pool) as conn:
            over = (
                len(await gdpr.ended_editions(conn, until.date()))
                if what == "editions"
                else await gdpr.count_over(conn, what, until)
            )
        if what == "editions" and apply and over:
            # What they say in numbers stays, also of those that were loaded before anybody counted.
            await counting.settle_all(pool, now)
        ended = await end_over(pool, what, until) if apply and over else 0
        terms.append(Term(what, days, until.date(), over, ended))
    return terms


async def end_over(pool: Pool, what: str, until: dt.datetime) -> int:
    """Delete what ended before ``until``, batch by batch, each batch a transaction; return how many rows. ``what``: of TERMS."""

    async def batch(conn: Connection) -> int:
        if what != "editions":
            ended = await gdpr.end(conn, what, until)
            if ended:
                await statistics.forget(conn)
            return ended
        editions = await gdpr.ended_editions(conn, until.date())
        for snapshot_id in editions:
            await population.delete_snapshot(conn, snapshot_id)
        return len(editions)

    ended = 0
    while count := await run_tx(pool, batch):
        ended += count
    if ended:
        logger.info("retention.ended", what=what, rows=ended)
    return ended


def processing_register(config: Config) -> list[dict[str, Any]]:
    """Return the register of processing (art. 30): one entry per holding, with the term that [retention] sets, in days."""
    return [
        {
            "table": item.table,
            "subjects": item.subjects,
            "data": item.data,
            "purpose": item.purpose,
            "basis": item.basis,
            "recipients": item.recipients,
            "days": None if item.term is None else getattr(config.retention, item.term),
        }
        for item in HOLDINGS
    ]


async def consents(pool: Pool, network_id: str | None) -> list[Consent]:
    """Return the consent log, of one network or of all. Raises: NotFoundError(network-unknown)."""
    async with acquire(pool) as conn:
        return await gdpr.list_consents(conn, None if network_id is None else _key(network_id, "network-unknown"))


async def give_consent(pool: Pool, network_id: str, person: str, purpose: str, version: str, now: dt.datetime) -> str:
    """Note a consent and return its id. Raises: NotFoundError(network-unknown), CallerError(consent-empty)."""
    words = [" ".join(text.split()) for text in (person, purpose, version)]
    if not all(words):
        raise CallerError("consent-empty", N_("servono chi, per che cosa e con quale testo"))
    async with acquire(pool) as conn:
        found = await gdpr.give_consent(conn, _key(network_id, "network-unknown"), words[0], words[1], words[2], now)
    if found is None:
        raise _absent("network-unknown", network_id)
    return found


async def revoke_consent(pool: Pool, consent_id: str, now: dt.datetime) -> bool:
    """Revoke a consent and return whether it stood until now; revoking again is no error.

    Raises: NotFoundError(consent-unknown).
    """
    async with acquire(pool) as conn, conn.transaction():
        stood = await gdpr.revoke_consent(conn, _key(consent_id, "consent-unknown"), now)
    if stood is None:
        raise _absent("consent-unknown", consent_id)
    return stood


def _key(text: str, code: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise _absent(code, text) from error


def _absent(code: str, text: str) -> NotFoundError:
    message = N_("rete sconosciuta: {id}") if code == "network-unknown" else N_("consenso sconosciuto: {id}")
    return NotFoundError(code, message, id=text[:60])
