"""``rete call``: joint calls, from their text to the grants.

In: what officers and evaluators type, files of this machine. Out: tables, or the documents of node/web/call_documents.py with --json.
Applications stand in node/cli/call_apply.py, evaluation and ranking in node/cli/call_judge.py, grants in node/cli/call_grant.py.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from node import runtime
from node.cli import call_apply, call_grant, call_judge
from node.cli.frame import Face, command
from node.cli.help import SpokenGroup
from node.cli.officer import BY, acting_at
from node.domain.programme import call as rules
from node.domain.programme.call import Call
from node.errors import N_, CallerError, NotFoundError
from node.flows.programme import calls, issued
from node.protocol import limits
from node.web.call_documents import issued_document, kept_document, rankings_document

FILE = click.Path(path_type=Path, dir_okay=False)
CALL = click.argument("call_id", metavar="BANDO")
STATES: dict[str, str] = {
    rules.UNENDORSED: N_("da approvare"),
    rules.CONTESTED: N_("testi diversi: chiuso"),
    rules.ANNOUNCED: N_("annunciato"),
    rules.OPEN: N_("aperto"),
    rules.CLOSED: N_("scaduto"),
}


@click.group("call", cls=SpokenGroup, help="Bandi congiunti: testo, domande, valutazione, graduatoria, contributi.")
def call_group() -> None:
    """Hold the commands."""


@command(
    call_group, "draft", help="Tiene il testo di un bando: da un file JSON, o quello che un altro ente ha approvato."
)
@click.argument("file", type=FILE, metavar="FILE", required=False)
@click.option("--from-log", "call_id", metavar="BANDO", help="Prende il testo dai registri firmati.")
@BY
async def draft(face: Face, file: Path | None, call_id: str | None, officer: str | None) -> None:
    """Keep a call's text."""
    if (file is None) == (call_id is None):
        raise CallerError("call-source-missing", N_("serve un file, oppure --from-log"), where="FILE")
    async with acting_at(face, officer) as node:
        if file is not None:
            _, document = calls.read_document(await asyncio.to_thread(_read, file))
            found = await calls.write(node.pool, node.config.node.id, document, node.clock())
        else:
            found = await calls.adopt(node.pool, node.config.node.id, str(call_id), node.clock())
    face.emit(_written(found), lambda: _say_written(face, found))


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(limits.BODY_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFoundError("file-not-found", N_("il file non c'è"), where=str(file)) from error
    except OSError as error:
        raise CallerError("file-unreadable", N_("il file non si legge"), where=str(file)) from error


def _written(found: Call) -> dict[str, Any]:
    return {"call_id": found.call_id, "digest": found.digest, "issuers": [issuer.node for issuer in found.issuers]}


def _say_written(face: Face, found: Call) -> None:
    face.say(N_("Bando {id} tenuto: «{title}»."), id=found.call_id, title=found.title["it"])
    face.say(N_("Impronta da approvare: {digest}"), digest=found.digest)


@command(call_group, "endorse", help="Approva un bando: ne mette il testo, byte per byte, nel registro firmato.")
@CALL
@click.option("--digest", required=True, metavar="IMPRONTA", help="L'impronta del testo che si è letto.")
@BY
async def endorse(face: Face, call_id: str, digest: str, officer: str | None) -> None:
    """Endorse a call."""
    async with acting_at(face, officer) as node:
        own = await runtime.current_own(node)
        found, done = await calls.endorse(node.pool, node.config, own, call_id, digest, node.clock())
        standing = (await issued.read(node.pool, call_id, node.clock())).standing
    value = {**_written(found), "index": done.index, "changed": done.changed, "state": standing.state}

    def human() -> None:
        face.say(N_("Approvato: {state}."), state=face.tr(STATES[standing.state]))
        if standing.missing:
            face.say(N_("Mancano ancora: {nodes}."), nodes=", ".join(standing.missing))

    face.emit(value, human)


@command(call_group, "retract", help="Ritira per sempre l'approvazione di un bando: da quel momento è chiuso.")
@CALL
@BY
async def retract(face: Face, call_id: str, officer: str | None) -> None:
    """Withdraw the endorsement."""
    async with acting_at(face, officer) as node:
        await calls.take_back(node.pool, await runtime.current_own(node), call_id, node.clock())
    face.emit({"call_id": call_id, "retracted": True}, lambda: face.say(N_("Approvazione ritirata.")))


@command(call_group, "show", help="I bandi dei registri firmati, o uno con il suo testo e come sta.")
@click.argument("call_id", metavar="BANDO", required=False)
async def show(face: Face, call_id: str | None) -> None:
    """Show calls."""
    async with runtime.open_node(face.home) as node:
        if call_id is None:
            found = await issued.read_all(node.pool, node.clock())
            kept = await calls.kept_calls(node.pool)
            value: dict[str, Any] = {
                "calls": [issued_document(one) for one in found], "kept": [kept_document(one) for _, one in kept]
            }  # fmt: skip
            columns = (N_("bando"), N_("titolo"), N_("stato"), N_("scade"))
            rows = [(one.call.call_id, one.call.title["it"], face.tr(STATES[one.standing.state]), f"{one.call.closes:%d/%m/%Y %H:%M} UTC") for one in found]  # fmt: skip
            face.emit(value, lambda: face.table(N_("Bandi"), columns, rows))
            return
        one = await issued.read(node.pool, call_id, node.clock())
        texts = await issued.of_id(node.pool, call_id, node.clock())
        ranking = await issued.rankings(node.pool, one.call)
    value = {
        **issued_document(one), "document": dict(one.document), "texts": [text.call.digest for text in texts],
        "ranking": rankings_document(ranking),
    }  # fmt: skip

    def human() -> None:
        face.say(N_("«{title}»: {state}"), title=one.call.title["it"], state=face.tr(STATES[one.standing.state]))
        face.say(N_("Impronta: {digest}"), digest=one.call.digest)
        face.table(N_("Enti"), (N_("ente"), N_("quota"), N_("approvato")), [
            (issuer.node, f"{issuer.share:.2f}", face.tr(N_("sì") if issuer.node in one.endorsers else N_("no")))
            for issuer in one.call.issuers
        ])  # fmt: skip
        face.table(N_("Criteri"), (N_("criterio"), N_("titolo"), N_("peso")), [(c.code, c.title["it"], c.weight) for c in one.call.criteria])  # fmt: skip

    face.emit(value, human)


call_apply.add_to(call_group)
call_judge.add_to(call_group)
call_grant.add_to(call_group)
