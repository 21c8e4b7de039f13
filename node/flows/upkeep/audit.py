"""The chain of decisions read back: whole or broken, compared with what it speaks of and with what was seen of it before.

In: the database's chain, or an export of it. Out: a verdict, never a change. A chain proves that nothing in its middle was
changed; that its end was not cut off is told by what somebody else has kept: the mark in the node's home, an export.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from node.domain.chain import BROKEN, Walk
from node.domain.introduction_texts import KIND_TITLES
from node.domain.programme.aggregation import STAGE_TITLES
from node.domain.progress import ACTION_TITLES
from node.errors import N_, CallerError, NotFoundError
from node.store import audit, marks, whole_file
from node.store.audit import Event, Sought
from node.store.postgres import Connection, Pool, acquire
from node.store.sessions import RECOVERY
from node.store.whole_file import SECRET, WholeFile

PAGE = 2000
MARK = "audit-mark.json"
UNTOLD, ORPHANED, UNDECIDED, UNACCOUNTED, UNGRANTED = "untold", "orphaned", "undecided", "unaccounted", "ungranted"
UNTOLD_CHANGE, UNTOLD_INTRODUCTION, UNKEPT = "untold-change", "untold-introduction", "unkept"
UNTOLD_STAGE = "untold-stage"
UNTOLD_ANNOUNCEMENT = "untold-announcement"
UNTOLD_SHARE = "untold-share"
# Rows that each have an event, and what finds the first whose event is missing or says otherwise.
UNTOLD_ROWS = (
    (UNTOLD_CHANGE, audit.untold_change),
    (UNTOLD_INTRODUCTION, audit.untold_introduction),
    (UNTOLD_ANNOUNCEMENT, audit.untold_announcement),
    (UNTOLD_STAGE, audit.untold_stage),
    (UNTOLD_SHARE, audit.untold_share),
)
CUT, FORKED, OTHER = "cut", "forked", "other-chain"
REASONS = {
    **BROKEN,
    UNTOLD: N_("la decisione {event} non è nella catena, o la catena dice altro"),
    ORPHANED: N_("la decisione dell'evento {event} non c'è più"),
    UNDECIDED: N_("la versione {event} della scheda {profile} è approvata o pubblicata senza la sua decisione"),
    UNACCOUNTED: N_(
        "la voce {event} del registro firmato è della scheda {profile}, che nessuna decisione ha pubblicato"
    ),
    UNGRANTED: N_("l'utente {profile} ha un ruolo che nessuno gli ha dato"),
    UNTOLD_CHANGE: N_("la modifica {event} del registro delle reti non è nella catena, o la catena dice altro"),
    UNTOLD_INTRODUCTION: N_(
        "il passo {event} di un contatto non è nella catena, la catena dice altro, oppure nessun funzionario l'ha deciso"
    ),
    UNTOLD_STAGE: N_("il passo o la valutazione {event} di un'aggregazione non è nella catena, o la catena dice altro"),
    UNTOLD_SHARE: N_("il passo {event} di un fascicolo condiviso non è nella catena, o la catena dice altro"),
    UNTOLD_ANNOUNCEMENT: N_("la decisione {event} su un annuncio non è nella catena, o la catena dice altro"),
    UNKEPT: N_(
        "il documento {profile} non è quello che fu aggiunto, oppure non c'è più e la catena non dice chi l'ha tolto"
    ),
    CUT: N_("mancano gli ultimi eventi: la catena arrivava almeno a {event}"),
    FORKED: N_("l'evento {event} non è quello che era stato visto"),
    OTHER: N_("è la catena di un'altra base dati"),
}


BY_RECOVERY = N_("accesso con un codice di recupero")
# What events tell of, for people.
KINDS = {
    "chain-begun": N_("inizio della catena"),
    "decision": N_("decisione"),
    "ruling": N_("provvedimento su un nodo"),
    "profile-begun": N_("scheda iniziata"),
    "draft-erased": N_("bozza cancellata"),
    "reason-erased": N_("motivo cancellato"),
    "ruling-reason-erased": N_("motivo di un provvedimento cancellato"),
    "reconciled": N_("ripreso dal registro firmato"),
    "register-exported": N_("registro delle reti esportato"),
    "account": N_("utente"),
    "account-role": N_("ruolo di un utente"),
    "sign-in-abandoned": N_("accesso senza il secondo fattore"),
    "sign-in": N_("accesso"),
    "sign-in-refused": N_("accesso rifiutato"),
    "access-refused": N_("richiesta rifiutata a chi aveva fatto l'accesso"),
    "network": N_("modifica del registro delle reti"),
    "register-import": N_("importazione nel registro delle reti"),
    "document": N_("documento di una rete"),
    "introduction": N_("contatto tra uffici"),
    "aggregation": N_("passo di un'aggregazione"),
    "evaluation": N_("valutazione di un'aggregazione"),
    "info-session": N_("sessione informativa"),
    "course": N_("corso"),
    "announcement": N_("annuncio del catalogo"),
    "case-file": N_("fascicolo"),
    "case-share": N_("fascicolo condiviso"),
    "call": N_("bando congiunto"),
}
ACCOUNT_ACTIONS = {
    "created": N_("utente creato"), "enabled": N_("utente abilitato"), "disabled": N_("utente disabilitato"),
    "code-made": N_("codice per la password fatto"), "password-set": N_("password fatta"), "second-factor-set": N_("secondo fattore registrato"),
    "second-factor-removed": N_("secondo fattore tolto"), "linked": N_("utente legato al fornitore di identità"),
    "unlinked": N_("utente slegato dal fornitore di identità"), "renamed": N_("nome cambiato"),
    "recovery-codes-made": N_("codici di recupero fatti"), "sessions-ended": N_("sessioni terminate"),
    "granted": N_("ruolo dato"), "revoked": N_("ruolo tolto"),
}  # fmt: skip
RULINGS = {
    "released": N_("liberato dalla quarantena"), "forgotten": N_("dimenticato e ripreso dall'inizio"),
    "confirmed": N_("registro dichiarato intero"), "rolled-over": N_("cominciato il registro di un nuovo anno"),
    "pruned": N_("cancellato dopo la durata prevista"), "orphan-withdrawn": N_("ritirato un profilo senza decisione"),
}  # fmt: skip

CHANGES = {
    "created": N_("rete aggiunta al registro"),
    "changed": N_("rete cambiata"),
    "closed": N_("rete chiusa"),
    "members": N_("imprese della rete cambiate"),
    "erased": N_("contenuto della rete cancellato dopo il suo termine"),
}
DOCUMENTS = {
    "added": N_("documento aggiunto"), "replaced": N_("documento sostituito"), "deleted": N_("documento cancellato"),
    "taken": N_("documento scaricato"),
}  # fmt: skip
CASE_FILES = {
    "opened": N_("fascicolo aperto"), "suspended": N_("fascicolo sospeso"), "resumed": N_("fascicolo ripreso"),
    "handed-over": N_("fascicolo passato ad altre mani"), "closed": N_("fascicolo chiuso"),
    "document-added": N_("documento aggiunto a un fascicolo"), "document-deleted": N_("documento di un fascicolo cancellato"),
    "document-taken": N_("documento di un fascicolo scaricato"), "ended": N_("fascicolo cancellato dopo il suo termine"),
}  # fmt: skip
CASE_SHARES = {
    "share-proposed": N_("condivisione di un fascicolo proposta"), "share-approved": N_("fascicolo condiviso con un altro ufficio"),
    "share-ended": N_("fascicolo non più condiviso"), "share-answered": N_("l'altro ufficio ha risposto su un fascicolo"),
    "share-left": N_("l'altro ufficio ha lasciato un fascicolo"), "share-case-gone": N_("condivisione finita con il suo fascicolo"),
    "copy-received": N_("fascicolo di un altro ufficio ricevuto"), "copy-answered": N_("risposto sul fascicolo di un altro ufficio"),
    "copy-left": N_("fascicolo di un altro ufficio lasciato"), "copy-taken-back": N_("fascicolo di un altro ufficio cancellato: non è più condiviso"),
    "copy-forgotten": N_("fascicolo di un altro ufficio cancellato"),
}  # fmt: skip
INTRODUCTIONS = {
    **{str(kind): title for kind, title in KIND_TITLES.items()},
    "ended": N_("contatto cancellato dopo il suo termine"),
}
ANNOUNCEMENTS = {
    "announced": N_("annuncio pubblicato"),
    "changed": N_("annuncio cambiato"),
    "withdrawn": N_("annuncio ritirato"),
}

AGGREGATIONS: Mapping[str, str] = {str(stage): title for stage, title in STAGE_TITLES.items()}
SESSIONS = {"open": N_("sessione informativa aperta"), "cancelled": N_("sessione informativa annullata")}
COURSES = {
    "opened": N_("edizione di un corso aperta"), "changed": N_("posti di un'edizione cambiati"), "held": N_("edizione di un corso conclusa"),
    "cancelled": N_("edizione di un corso annullata"), "released": N_("risultati di un questionario pubblicati"),
    "certified": N_("attestato rilasciato"),
}  # fmt: skip
CALLS = {
    "written": N_("testo di un bando tenuto"),
    "endorsed": N_("bando approvato"),
    "received": N_("domanda ricevuta"),
    "refused": N_("domanda esclusa"),
    "withdrawn": N_("domanda ritirata"),
    "assigned": N_("domanda affidata a un valutatore"),
    "declared": N_("dichiarato: nessun conflitto di interessi"),
    "conflict": N_("dichiarato un conflitto di interessi"),
    "scored": N_("domanda valutata"),
    "proposed": N_("graduatoria proposta"),
    "published": N_("graduatoria pubblicata"),
    "granted": N_("contributo concesso"),
    "paid": N_("rata pagata"),
    "reported": N_("spese rendicontate"),
    "revoked": N_("contributo revocato"),
}


def what_of(kind: str, facts: Mapping[str, Any]) -> str:
    """Return what an event tells of, as a catalogue id; a kind of a newer program is told by its code."""
    if kind == "sign-in" and facts.get("factor") == RECOVERY:
        return BY_RECOVERY
    action = str(facts.get("action", ""))
    by_kind = {
        "decision": ACTION_TITLES,
        "account": ACCOUNT_ACTIONS,
        "account-role": ACCOUNT_ACTIONS,
        "ruling": RULINGS,
        "network": CHANGES,
        "document": DOCUMENTS,
        "introduction": INTRODUCTIONS,
        "aggregation": AGGREGATIONS,
        "info-session": SESSIONS,
        "course": COURSES,
        "announcement": ANNOUNCEMENTS,
        "case-file": CASE_FILES,
        "case-share": CASE_SHARES,
        "call": CALLS,
    }
    return by_kind.get(kind, {}).get(action) or KINDS.get(kind, kind)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A chain: how many events are in order, the hash of the newest, and where and why it is broken, if it is.

    ``place`` is the number of an event, but of a decision for "untold", and of a version of ``profile`` for
    "undecided", of a change for "untold-change", of a step for "untold-introduction", of a row for "untold-announcement", of a step or evaluation for "untold-stage", of a step for "untold-share", and a position in the own log for "unaccounted"; for "ungranted" ``profile`` is
    an account, for "unkept" a document.
    """

    chain: str
    events: int
    head: str
    broken: str | None
    place: int | None
    profile: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken is None


async def verify(pool: Pool, home: Path) -> Verdict:
    """Walk the whole chain, compare it with decisions and rulings and with the mark; keep a new mark when all is well."""
    async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        walk, chain = Walk(), await audit.chain_id(conn)
        async for page in _pages(conn):
            if not walk.follow(page):
                break
        found = await _judge(conn, walk, chain, _read_mark(home / MARK))
    if found.ok:
        # Whatever mark there is was compared already.
        marks.replace_in_turn(home / MARK, lambda _: _mark(chain, found.events, found.head))
    return found


async def keep_mark(pool: Pool, home: Path) -> None:
    """Move the mark on to the newest event, after decisions: what is cut off before the next verification is known too.

    A mark that the chain does not go through stays, for ``verify`` to find.
    """
    async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        chain, known = await audit.chain_id(conn), _read_mark(home / MARK)
        if known is not None:
            there = await audit.event_at(conn, known[1])
            if known[0] != chain or there is None or there.hash.hex() != known[2]:
                return
        newest = await audit.newest(conn)
    if newest is not None:

        def later(present: bytes | None) -> bytes | None:
            passed = None if present is None else _parse_mark(home / MARK, present)
            if passed is not None and passed[0] == chain and passed[1] > newest.event_id:
                return None
            return _mark(chain, newest.event_id, newest.hash.hex())

        marks.replace_in_turn(home / MARK, later)


def _mark(chain: str, event_id: int, head: str) -> bytes:
    return orjson.dumps({"chain": chain, "event_id": event_id, "hash": head})


async def _pages(conn: Connection) -> AsyncIterator[list[Event]]:
    after = 0
    while page := await audit.read_page(conn, after, PAGE):
        yield page
        after = page[-1].event_id


async def _judge(conn: Connection, walk: Walk, chain: str, mark: tuple[str, int, str] | None) -> Verdict:
    def broken(why: str, place: int | None) -> Verdict:
        return Verdict(chain, walk.count, walk.last.hex(), why, place)

    if walk.broken is not None:
        return broken(walk.broken.why, walk.broken.event_id)
    untold = await audit.untold(conn)
    if untold is not None:
        return broken(UNTOLD, untold[1])
    orphaned = await audit.orphaned(conn)
    if orphaned is not None:
        return broken(ORPHANED, orphaned)
    if mark is not None:
        if mark[0] != chain:
            return broken(OTHER, None)
        there = await audit.event_at(conn, mark[1])
        if there is None:
            return broken(CUT, mark[1])
        if there.hash.hex() != mark[2]:
            return broken(FORKED, mark[1])
    undecided = await audit.undecided(conn)
    if undecided is not None:
        return Verdict(chain, walk.count, walk.last.hex(), UNDECIDED, undecided[1], undecided[0])
    unaccounted = await audit.unaccounted(conn)
    if unaccounted is not None:
        return Verdict(chain, walk.count, walk.last.hex(), UNACCOUNTED, unaccounted[1], unaccounted[0])
    ungranted = await audit.ungranted(conn)
    if ungranted is not None:
        return Verdict(chain, walk.count, walk.last.hex(), UNGRANTED, None, ungranted)
    for why, first in UNTOLD_ROWS:
        row = await first(conn)
        if row is not None:
            return broken(why, row)
    unkept = await audit.unkept(conn)
    return Verdict(chain, walk.count, walk.last.hex(), None if unkept is None else UNKEPT, None, unkept)


def _read_mark(path: Path) -> tuple[str, int, str] | None:
    try:
        return _parse_mark(path, path.read_bytes())
    except FileNotFoundError:
        return None


def _parse_mark(path: Path, content: bytes) -> tuple[str, int, str]:
    try:
        value = orjson.loads(content)
        return str(value["chain"]), int(value["event_id"]), str(value["hash"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise CallerError(
            "audit-mark-bad",
            N_("il segno dell'ultima verifica non si legge"),
            where=str(path),
            hint=N_("ripristinare il file, oppure toglierlo e verificare contro un'esportazione (--from FILE)"),
        ) from error


def read_export(path: Path) -> list[Event]:
    """Return the events of an export. Raises: NotFoundError(file-not-found), CallerError(audit-file-bad)."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError as error:
        raise NotFoundError("file-not-found", N_("il file non c'è"), where=str(path)) from error
    events = []
    for number, line in enumerate(lines, 1):
        try:
            value = orjson.loads(line)
            texts = (value["at"], value["kind"], value["document"])
            if type(value["event_id"]) is not int or any(type(text) is not str for text in texts):
                raise ValueError  # noqa: TRY301 - one refusal for all that is no event
            events.append(
                Event(value["event_id"], *texts, bytes.fromhex(value["previous"]), bytes.fromhex(value["hash"]))
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise CallerError(
                "audit-file-bad",
                N_("la riga {line} non è un evento"),
                where=str(path),
                hint=N_("serve un file scritto da «rete audit export»"),
                line=number,
            ) from error
    return events


def _name_of(events: list[Event]) -> str:
    """Return the name that a chain gives itself in its first event. Raises: CallerError(audit-file-bad)."""
    try:
        first = events[0]
        if first.kind != "chain-begun":
            raise ValueError  # noqa: TRY301 - as whatever else is no beginning
        return str(orjson.loads(first.document)["chain"])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise CallerError(
            "audit-file-bad",
            N_("il file non comincia con l'inizio di una catena"),
            hint=N_("serve un file scritto da «rete audit export», intero"),
        ) from error


def judge_export(events: Iterable[Event]) -> Verdict:
    """Walk an export, without any database. Raises: CallerError(audit-file-bad) for what has no beginning."""
    events = list(events)
    walk = Walk()
    walk.follow(events)
    chain = _name_of(events)
    broken = walk.broken
    return Verdict(
        chain, walk.count, walk.last.hex(), broken.why if broken else None, broken.event_id if broken else None
    )


async def compare(pool: Pool, events: list[Event]) -> Verdict:
    """Tell whether the database's chain is the one of an export, gone on: nothing changed, nothing cut off."""
    seen = judge_export(events)
    if not seen.ok:
        return seen
    async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        chain, walk = await audit.chain_id(conn), Walk()
        if seen.chain != chain:
            return Verdict(chain, 0, "", OTHER, None)
        # Each hash holds all before it: the last one seen stands for all of them, if the chain is whole up to there.
        there = await audit.event_at(conn, events[-1].event_id)
        if there is None:
            return Verdict(chain, 0, "", CUT, events[-1].event_id)
        if there.hash != events[-1].hash:
            return Verdict(chain, 0, "", FORKED, events[-1].event_id)
        async for page in _pages(conn):
            if not walk.follow(page):
                break
        return await _judge(conn, walk, chain, None)


async def export(pool: Pool, path: Path, *, force: bool) -> int:
    """Write the whole chain, one event a line; return how many. Raises: CallerError(file-exists)."""
    whole_file.check_targets([path], replace=force)
    lines = [line async for page in export_pages(pool) for line in page]
    whole_file.write([WholeFile(path, b"".join(lines), SECRET)], replace=force)
    return len(lines)


async def export_pages(pool: Pool) -> AsyncIterator[list[bytes]]:
    """Yield the whole chain as it stands now, one event a line, some lines at a time."""
    async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        async for page in _pages(conn):
            yield [orjson.dumps(_line(event)) + b"\n" for event in page]


def _line(event: Event) -> dict[str, object]:
    return {
        "event_id": event.event_id,
        "at": event.at,
        "kind": event.kind,
        "document": event.document,
        "previous": event.previous.hex(),
        "hash": event.hash.hex(),
    }


async def list_events(
    pool: Pool, sought: Sought, *, after: int = 0, before: int | None = None, limit: int
) -> list[Event]:
    """Return events in their order after one, or those before one with the newest first."""
    async with acquire(pool) as conn:
        if before is not None:
            return await audit.list_events_back(conn, before, sought, limit)
        return await audit.list_events(conn, after, sought, limit)


async def officer_at(pool: Pool, event_id: int) -> str:
    """Return who decided one event, empty where nobody did or there is none such."""
    async with acquire(pool) as conn:
        found = await audit.event_at(conn, event_id)
    return "" if found is None else str(orjson.loads(found.document).get("officer") or "")


async def glance(pool: Pool, home: Path) -> Verdict:
    """Look at the end of the chain alone: does it still go through the mark? Cheap, and no proof that the rest is whole.

    Raises: CallerError(audit-mark-bad).
    """
    async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        chain, newest, known = await audit.chain_id(conn), await audit.newest(conn), _read_mark(home / MARK)
        why, place = None, None
        if known is not None:
            there = await audit.event_at(conn, known[1])
            why = OTHER if known[0] != chain else CUT if there is None else None
            if there is not None and why is None and there.hash.hex() != known[2]:
                why = FORKED
            place = known[1] if why in (CUT, FORKED) else None
    events, head = (newest.event_id, newest.hash.hex()) if newest else (0, "")
    return Verdict(chain, events, head, why, place)
