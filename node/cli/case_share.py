"""``rete case share | unshare | shared | reply``: a case file that two offices see.

In: what an officer does, at a terminal. Out: ids, tables; with --json the documents of docs/cases.md. Names are private: they are shown to
who calls, and stand in no log.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from node import runtime
from node.cli.frame import Face, command
from node.cli.officer import BY, deciding, name_of
from node.cli.record import Words
from node.domain.programme.case_file import LINES, TASK_TITLES
from node.domain.programme.shared_case import KIND_TITLES, STATE_TITLES, Kind, Reply
from node.errors import N_, CallerError, NotFoundError
from node.flows.programme import case_sharing, case_work, cases
from node.flows.programme.case_sharing import Shared
from node.store.shared_cases import ShareRow


def add_to(group: click.Group) -> None:
    """Put these commands under ``rete case``."""
    for name, function in (("share", share), ("unshare", unshare), ("shared", shared), ("reply", reply)):
        group.add_command(function, name)


def given_document(row: ShareRow) -> dict[str, Any]:
    """Return a share of an own case as a document."""
    kept = dataclasses.asdict(row)
    for name in ("content", "said", "heard", "acked"):
        del kept[name]
    return kept | {"is_confirmed": row.said > 0 and row.acked >= row.said}


def received_document(item: Shared) -> dict[str, Any]:
    """Return what another office shares as a document; ``copy`` null once it is over."""
    row = item.row
    return {
        "share_id": row.share_id, "peer": row.peer, "state": row.state, "came_at": row.came_at, "changed_at": row.changed_at,
        "copy": row.copy or None, "replies": [_reply(one) for one in item.replies],
    }  # fmt: skip


def _reply(item: Reply) -> dict[str, Any]:
    return dataclasses.asdict(item)


@command(
    click.Group(),
    "share",
    help="Propone di condividere un fascicolo con l'ufficio di un altro ente; con --approve un secondo funzionario lo approva.",
)
@click.argument("case", metavar="FASCICOLO")
@click.option("--to", default="", metavar="NODO", help="L'ente con cui si condivide, come in «rete peer list».")
@click.option("--consent-on", default="", metavar="GG/MM/AAAA", help="Quando le imprese hanno acconsentito.")
@click.option("--consent-ref", default="", metavar="TESTO", help="Dove sta il consenso, per esempio il protocollo.")
@click.option("--document", "documents", multiple=True, metavar="DOCUMENTO", help="Documento che parte com'è, se ci sta in un messaggio; si ripete.")  # fmt: skip
@click.option("--approve", default="", metavar="CONDIVISIONE", help="Approva una condivisione proposta da un altro funzionario.")  # fmt: skip
@BY
async def share(
    face: Face, case: str, to: str, consent_on: str, consent_ref: str, documents: tuple[str, ...], approve: str, officer: str | None
) -> None:  # fmt: skip
    """Propose to share a case, or approve what a colleague proposed."""
    if bool(to) == bool(approve):
        raise CallerError(
            "share-words", N_("serve --to, per proporre una condivisione, o --approve, per approvarla"), where="--to"
        )
    async with deciding(face) as node:
        case_id = await cases.whole_id(node.pool, case)
        if approve:
            row = await case_sharing.approve(node.office(), approve, name_of(officer), node.clock(), case_id=case_id)
            told = {"case_id": case_id, "share_id": row.share_id, "state": "live"}
            face.emit(told, lambda: face.say(N_("Il fascicolo è condiviso: la copia parte."), id=row.share_id))
            return
        share_id = await case_sharing.propose(
            node.office(), case_id, name_of(officer), node.clock(), to=to, consent_on=case_work.day_of(consent_on, "--consent-on"),
            consent_ref=consent_ref, documents=documents,
        )  # fmt: skip
    face.emit(
        {"case_id": case_id, "share_id": share_id, "state": "proposed"},
        lambda: face.say(N_("Condivisione proposta: {id}. La approva un secondo funzionario."), id=share_id),
    )


@command(click.Group(), "unshare", help="Toglie una condivisione, propria o di un altro ente: la copia si cancella.")
@click.argument("share_id", metavar="CONDIVISIONE")
@BY
async def unshare(face: Face, share_id: str, officer: str | None) -> None:
    """End a share, from either side."""
    async with deciding(face) as node:
        office, name, now = node.office(), name_of(officer), node.clock()
        try:
            done = await case_sharing.end(office, share_id, name, now)
        except NotFoundError as error:
            if error.code != "share-unknown":
                raise
            # Not an own case: then perhaps one of another office, which this one leaves.
            await case_sharing.leave(office, share_id, name, now)
            done = True
    face.emit(
        {"share_id": share_id.lower(), "ended": done},
        lambda: face.say(N_("Il fascicolo non è più condiviso: la copia si cancella.") if done else N_("Non era già più condiviso.")),
    )  # fmt: skip


@command(
    click.Group(),
    "shared",
    help="I fascicoli condivisi con altri enti e da altri enti; con un identificativo, la copia ricevuta.",
)
@click.argument("share_id", required=False, metavar="[CONDIVISIONE]")
async def shared(face: Face, share_id: str | None) -> None:
    """List what is shared, both ways; or show what another office shares."""
    async with runtime.open_node(face.home) as node:
        if share_id is not None:
            one = await case_sharing.read(node.pool, share_id)
        else:
            given, received = await case_sharing.given(node.pool), await case_sharing.received(node.pool)
    words = Words(face)
    if share_id is not None:
        face.emit(received_document(one), lambda: _print(face, one))
        return
    columns = (N_("condivisione"), N_("ente"), N_("fascicolo"), N_("stato"))
    own = [(row.share_id, row.peer, row.case_id or "", words.title(STATE_TITLES, row.state)) for row in given]
    others = [(item.row.share_id, item.row.peer, item.copy.title if item.copy else "", words.title(STATE_TITLES, item.row.state)) for item in received]  # fmt: skip

    def tables() -> None:
        face.table(N_("Condivisi con altri enti"), columns, own)
        face.table(N_("Condivisi da altri enti"), columns, others)

    face.emit({"given": [given_document(row) for row in given], "received": [received_document(item) for item in received]}, tables)  # fmt: skip


def _print(face: Face, item: Shared) -> None:
    words, copy = Words(face), item.copy
    if copy is None:
        face.say(N_("Non è più condiviso."))
        return
    face.say(N_("{title} ({network}), di {peer}"), title=copy.title, network=copy.network, peer=item.row.peer)
    face.table(
        N_("Attività"),
        (N_("titolo"), N_("linea"), N_("scadenza"), N_("stato")),
        [(task.title, words.title(LINES, task.line) if task.line in LINES else task.line, words.day(task.due_on), words.title(TASK_TITLES, task.state)) for task in copy.tasks],
    )  # fmt: skip
    face.table(N_("Documenti"), (N_("documento"), N_("titolo"), N_("file"), N_("impronta")), [(one.document_id, one.title, one.file_name, one.sha256) for one in copy.documents])  # fmt: skip
    face.table(N_("Risposte"), (N_("quando"), N_("che cosa"), N_("testo")), [(words.day(one.on), words.title(KIND_TITLES, one.kind), one.words) for one in item.replies])  # fmt: skip


@command(click.Group(), "reply", help="Risponde su un fascicolo che un altro ente condivide: una nota o un'attività.")
@click.argument("share_id", metavar="CONDIVISIONE")
@click.argument("text", metavar="TESTO")
@click.option("--task", "is_task", is_flag=True, help="È un'attività che si propone, non una nota.")
@click.option("--due", default="", metavar="GG/MM/AAAA", help="Entro quando, per un'attività.")
@BY
async def reply(face: Face, share_id: str, text: str, is_task: bool, due: str, officer: str | None) -> None:
    """Answer a case that another office shares."""
    kind = Kind.TASK if is_task else Kind.NOTE
    async with deciding(face) as node:
        number = await case_sharing.reply(
            node.office(), share_id, name_of(officer), node.clock(), kind=kind, text=text, due_on=case_work.day_of(due, "--due")
        )  # fmt: skip
    face.emit({"share_id": share_id.lower(), "number": number, "kind": kind}, lambda: face.say(N_("Risposta registrata: parte.")))  # fmt: skip
