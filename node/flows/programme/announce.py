"""An office announces: new, changed or withdrawn, at once into its own signed log.

In: a document of a catalogue type, without owner and revision, which are this node's and counted here. Out: the entry in the log and the
catalogue's row, in one transaction; then the head is signed and shown. Rules: saying the same again changes nothing; of two at once on one
item the second builds on the first, or is refused where it says which revision it has seen; types that the members have not agreed on
never leave; who acts (flows/registry/acting) stands in the chain of decisions. Source: docs/catalogue.md, PROTOCOL 13.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from node.config import Config
from node.domain.programme import announcement
from node.domain.programme.announcement import Announcement
from node.domain.redaction.hits import Hits
from node.errors import N_, CallerError, LogStateError, NotFoundError
from node.flows.logs.append import Operation, OwnLog, append, sign_head
from node.flows.registry.acting import tell
from node.flows.trust.agreement_terms import TYPE_NOT_AGREED, is_agreed
from node.protocol import canonical
from node.store import announcements, log, origins, schemas
from node.store.postgres import Connection, Pool, run_tx

logger = structlog.get_logger()
ANNOUNCED, CHANGED, WITHDRAWN = "announced", "changed", "withdrawn"
_FIRST = 1


@dataclass(frozen=True, slots=True)
class Announced:
    """What stands in the log now: ``index`` is its position, ``changed`` whether this made an entry.

    ``announcement`` is None after a withdrawal; ``doubts``: what an officer should look at once more.
    """

    id: str
    announcement: Announcement | None
    changed: bool
    index: int
    doubts: Hits = ()


async def announce(
    pool: Pool, config: Config, own: OwnLog, now: dt.datetime, document: Mapping[str, Any], *, seen: int | None = None
) -> Announced:
    """Announce an item, new or changed, and sign; ``seen``: the revision that the caller has changed, 0 for a new item.

    Raises: as ``put``.
    """
    if document.get("type") == f"{announcement.RANKING}/1":
        # Four eyes: a ranking leaves by its own flow (flows/programme/call_ranking) and by no other way.
        raise CallerError(
            "announcement-ranking",
            N_("una graduatoria si pubblica in due, dal suo bando"),
            hint=N_("«rete call rank», poi «rete call publish»"),
        )

    async def work(conn: Connection) -> Announced:
        return await put(conn, config, own, now, document, seen=seen)

    done = await run_tx(pool, work)
    await _show(pool, own, now, done)
    return done


async def withdraw(pool: Pool, own: OwnLog, now: dt.datetime, item_id: str) -> Announced:
    """Withdraw an item for ever, and sign; one that is withdrawn already stays so. Raises: as ``take_back``."""

    async def work(conn: Connection) -> Announced:
        return await take_back(conn, own, now, item_id)

    done = await run_tx(pool, work)
    await _show(pool, own, now, done)
    return done


async def _show(pool: Pool, own: OwnLog, now: dt.datetime, done: Announced) -> None:
    # Also after no change: a run that was cut between commit and signature is made good by the next.
    await sign_head(pool, own, now)
    if done.changed:
        logger.info("announcement.logged", id=done.id, withdrawn=done.announcement is None, index=done.index)


async def put(
    conn: Connection,
    config: Config,
    own: OwnLog,
    now: dt.datetime,
    document: Mapping[str, Any],
    *,
    seen: int | None = None,
) -> Announced:
    """Announce an item inside the caller's transaction; the caller signs (``sign_head``) once it has committed.

    Raises: CallerError announcement-type-unknown, body-type-not-agreed, announcement-foreign-owner, announcement-malformed,
    announcement-id-taken, announcement-withdrawn, announcement-changed, course-certified; LogStateError announcement-waits, or as ``append`` does.
    """
    made = _judge(config, own, document)
    last, dead = await _locked(conn, own, made.id)
    if dead:
        raise CallerError(
            "announcement-withdrawn",
            N_("questo annuncio è stato ritirato: non torna"),
            where=made.id,
            hint=N_("farne uno nuovo, con un altro identificativo"),
        )
    before = await _before(conn, own, made.id, last)
    if before is not None and before.kind != made.kind:
        raise _taken(made.id)
    if seen is not None and seen != (before.revision if before else 0):
        raise CallerError(
            "announcement-changed",
            N_("l'annuncio è cambiato nel frattempo: è alla revisione {revision}"),
            where=made.id,
            hint=N_("rileggerlo e rifare la modifica"),
            revision=before.revision if before else 0,
        )
    if before is not None and not announcement.certificates(before) <= announcement.certificates(made):
        raise _certified(made.id)
    doubts = announcement.doubts(made)
    if before is not None and announcement.is_same(before, made):
        return Announced(made.id, before, changed=False, index=last, doubts=doubts)
    made = replace(made, revision=before.revision + 1 if before else _FIRST)
    operation = Operation(made.id, canonical.dumps(announcement.build(made)))
    await tell(conn)
    (index,) = await append(conn, own, [operation], now)
    await announcements.note(conn, made, CHANGED if before else ANNOUNCED, now)
    return Announced(made.id, made, changed=True, index=index, doubts=doubts)


async def take_back(conn: Connection, own: OwnLog, now: dt.datetime, item_id: str) -> Announced:
    """Withdraw an item inside the caller's transaction; the caller signs once it has committed.

    Raises: NotFoundError(announcement-unknown), CallerError(course-certified); LogStateError announcement-waits, or as ``append`` does.
    """
    last, dead = await _locked(conn, own, item_id)
    if dead:
        return Announced(item_id, None, changed=False, index=last)
    document = await announcements.own(conn, own.origin_id, item_id) if last >= 0 else None
    if document is None:
        raise NotFoundError(
            "announcement-unknown",
            N_("questo ufficio non ha un annuncio con quell'identificativo"),
            where=item_id,
            hint=N_("«rete catalogue list --own» elenca i propri"),
        )
    made = announcement.parse(document)
    if announcement.certificates(made):
        raise _certified(item_id)
    await tell(conn)
    (index,) = await append(conn, own, [Operation(item_id, None)], now)
    await announcements.note(conn, made, WITHDRAWN, now)
    return Announced(item_id, None, changed=True, index=index)


def _judge(config: Config, own: OwnLog, document: Mapping[str, Any]) -> Announcement:
    """Return what the document says, as this node's. Raises: CallerError, see ``put``."""
    body_type = document.get("type")
    validator = schemas.validators().get(body_type) if body_type in tuple(announcement.TYPES) else None
    if validator is None:
        raise CallerError(
            "announcement-type-unknown",
            N_("tipo di annuncio sconosciuto: «{type}»"),
            hint=N_("valori ammessi: {values}"),
            type=body_type,
            values=", ".join(sorted(announcement.TYPES)),
        )
    if not is_agreed(config.agreed, str(body_type)):
        raise CallerError(
            TYPE_NOT_AGREED,
            N_("il protocollo d'intesa non prevede che si pubblichino annunci di tipo «{type}»"),
            hint=N_("«rete agreement propose --data-add» propone al consiglio di aggiungerlo"),
            type=body_type,
        )
    if document.get("owner", own.owner) != own.owner:
        raise CallerError(
            "announcement-foreign-owner",
            N_("un nodo annuncia solo a nome del proprio ente: «{owner}» è un altro"),
            owner=document["owner"],
        )
    whole = {"id": str(uuid.uuid4()), **announcement.composed(document), "revision": _FIRST, "owner": own.owner}
    error = next(iter(validator.iter_errors(whole)), None)
    if error is not None:
        raise CallerError(
            "announcement-malformed",
            N_("annuncio non valido: {reason}"),
            where="/".join(map(str, error.instance_path)),
            reason=error.message,
        )
    return announcement.parse(whole)


async def _locked(conn: Connection, own: OwnLog, item_id: str) -> tuple[int, bool]:
    """Have the log for oneself; return (the item's last index or -1, whether it was withdrawn). Raises: LogStateError(announcement-waits)."""
    await origins.lock_head(conn, own.origin_id)
    if await log.count_wanted(conn, own.origin_id):
        raise LogStateError(
            "announcement-waits",
            N_("il registro firmato aspetta ancora documenti propri: gli annunci vengono dopo"),
            hint=N_("«rete log show» dice che cosa manca"),
        )
    for _, last, _, dead in await log.items_by_id(conn, own.origin_id, [item_id]):
        return last, dead
    return -1, False


async def _before(conn: Connection, own: OwnLog, item_id: str, last: int) -> Announcement | None:
    document = await announcements.own(conn, own.origin_id, item_id)
    if document is not None:
        return announcement.parse(document)
    if last >= 0:
        raise _taken(item_id)
    return None


def _taken(item_id: str) -> CallerError:
    return CallerError(
        "announcement-id-taken", N_("l'identificativo è già di un altro documento di questo nodo"), where=item_id
    )


def _certified(item_id: str) -> CallerError:
    return CallerError(
        "course-certified",
        N_(
            "il corso ha rilasciato attestati, che si verificano sul suo annuncio: senza, non si potrebbero verificare più"
        ),
        where=item_id,
        hint=N_(
            "l'annuncio resta; per non prendere altre iscrizioni, concludere o annullare le edizioni ancora aperte"
        ),
    )
