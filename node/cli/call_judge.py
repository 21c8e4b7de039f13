"""``rete call assign | tasks | declare | score | scores``, sheets between issuers, and the ranking.

In: who judges what, declarations, points with reasons; files of another issuer. Out: what may be seen; the ranking, proposed and then
published by somebody else. Whoever judges at a terminal does so under their own name (--by).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click
import orjson

from node import runtime
from node.cli.frame import Face, command
from node.cli.officer import BY, acting_at, name_of
from node.domain import officers
from node.errors import N_, CallerError
from node.flows.programme import call_ranking, call_sheets, evaluating, issued
from node.flows.registry import documents as files
from node.flows.registry.documents import Bounds
from node.protocol import call_sheet
from node.store import whole_file
from node.store.calls import Proposal
from node.store.whole_file import PLAIN, SECRET, WholeFile
from node.web.call_documents import opened_document, proposal_document, score_document, task_document

FILE = click.Path(path_type=Path, dir_okay=False)
CALL = click.argument("call_id", metavar="BANDO")
APPLICATION = click.argument("application_id", metavar="DOMANDA")
FORCE = click.option("--force", is_flag=True, help="Sostituisce il file, se c'è già.")


def add_to(group: click.Group) -> None:
    """Add the commands of evaluation and ranking."""
    _add_evaluation(group)
    _add_scores(group)
    _add_sheets(group)
    _add_ranking(group)


def _add_evaluation(group: click.Group) -> None:
    @command(group, "assign", help="Affida domande a valutatori, con il nome con cui accedono.")
    @click.argument("application_ids", metavar="DOMANDA...", nargs=-1, required=True)
    @click.option("--evaluator", "evaluators", multiple=True, required=True, metavar="NOME", help="Chi valuta.")
    @BY
    async def assign(
        face: Face, application_ids: tuple[str, ...], evaluators: tuple[str, ...], officer: str | None
    ) -> None:
        """Give applications to evaluators."""
        async with acting_at(face, officer) as node:
            given = await evaluating.assign(node.pool, node.config.node.id, application_ids, evaluators, node.clock())
        face.emit({"assigned": given}, lambda: face.say(N_("Affidate: {count}."), count=given))

    @command(group, "tasks", help="Le domande affidate a chi valuta.")
    @BY
    async def tasks(face: Face, officer: str | None) -> None:
        """List what an evaluator is to judge."""
        name = officers.check(name_of(officer))
        async with runtime.open_node(face.home) as node:
            found = await evaluating.tasks(node.pool, name)
        columns = (N_("domanda"), N_("protocollo"), N_("conflitto"), N_("valutata"))
        flags = {None: N_("da dichiarare"), True: N_("sì"), False: N_("no")}
        rows = [(one.application_id, one.protocol, face.tr(flags[one.conflict]), face.tr(flags[one.has_scored])) for one in found]  # fmt: skip
        face.emit(
            {"tasks": [task_document(one) for one in found]}, lambda: face.table(N_("Da valutare"), columns, rows)
        )

    @command(group, "declare", help="Dichiara se c'è un conflitto di interessi con una domanda, prima di vederla.")
    @APPLICATION
    @click.option("--conflict/--no-conflict", required=True, default=None, help="C'è, o non c'è.")
    @BY
    async def declare(face: Face, application_id: str, conflict: bool, officer: str | None) -> None:
        """Declare."""
        async with acting_at(face, officer) as node:
            stands = await evaluating.declare(
                node.pool, application_id, officers.check(name_of(officer)), conflict=conflict, now=node.clock()
            )
        text = N_("Dichiarato un conflitto: la domanda non si vede.") if stands else N_("Dichiarato: nessun conflitto.")
        face.emit({"application_id": application_id, "conflict": stands}, lambda: face.say(text))


def _add_scores(group: click.Group) -> None:
    @command(group, "score", help="Dà i punti a una domanda, una volta sola, con la motivazione di ciascuno.")
    @APPLICATION
    @click.option("--points", multiple=True, required=True, metavar="CRITERIO=PUNTI", help="I punti di un criterio.")
    @click.option("--reason", multiple=True, required=True, metavar="CRITERIO=PERCHÉ", help="La loro motivazione.")
    @BY
    async def score(
        face: Face, application_id: str, points: tuple[str, ...], reason: tuple[str, ...], officer: str | None
    ) -> None:
        """Give points."""
        name = officers.check(name_of(officer))
        given, why = _pairs(points, "--points"), _pairs(reason, "--reason")
        async with acting_at(face, officer) as node:
            await evaluating.score(node.pool, application_id, name, given, why, node.clock())
        face.emit({"application_id": application_id, "scored": True}, lambda: face.say(N_("Punteggio dato.")))

    @command(group, "scores", help="Ciò che chi valuta può vedere di una domanda: i propri punti, tutti quando ci sono tutti.")  # fmt: skip
    @APPLICATION
    @BY
    async def scores(face: Face, application_id: str, officer: str | None) -> None:
        """Show what an evaluator may see."""
        async with runtime.open_node(face.home) as node:
            found = await evaluating.read(node.pool, application_id, officers.check(name_of(officer)))
        value = {
            "task": task_document(found.task), "scores": [score_document(one) for one in found.scores],
            "application": None if found.opened is None else opened_document(found.opened),
        }  # fmt: skip
        columns = (N_("valutatore"), N_("punti"))
        rows = [(one.alias, ", ".join(f"{code} {points}" for code, points in one.points.items())) for one in found.scores]  # fmt: skip
        face.emit(value, lambda: face.table(N_("Punteggi"), columns, rows))


def _pairs(told: tuple[str, ...], where: str) -> dict[str, str]:
    pairs = dict(one.partition("=")[::2] for one in told)
    if len(pairs) != len(told):
        raise CallerError("score-bad", N_("un criterio è detto due volte"), where=where)
    return pairs


def _add_sheets(group: click.Group) -> None:
    @command(group, "export-sheets", help="Scrive le schede di questo ufficio, firmate e sigillate per un altro ente del bando.")  # fmt: skip
    @CALL
    @click.argument("file", type=FILE, metavar="FILE")
    @click.option("--to", "recipient", required=True, metavar="NODO", help="A chi vanno.")
    @FORCE
    async def export_sheets(face: Face, call_id: str, file: Path, recipient: str, force: bool) -> None:
        """Write sheets."""
        whole_file.check_targets([file], replace=force)
        async with runtime.open_node(face.home) as node:
            raw = await call_sheets.export(node.call_desk(), call_id, recipient, node.clock())
        await asyncio.to_thread(whole_file.write, [WholeFile(file, raw, SECRET)], replace=force)
        face.emit({"file": str(file), "to": recipient, "bytes": len(raw)}, lambda: face.say(N_("Scritto {file}."), file=file))  # fmt: skip

    @command(group, "import-sheets", help="Legge le schede che un altro ente del bando ha mandato: tutte, o nessuna.")
    @CALL
    @click.argument("file", type=FILE, metavar="FILE")
    @BY
    async def import_sheets(face: Face, call_id: str, file: Path, officer: str | None) -> None:
        """Take sheets."""
        most = call_sheet.FILE_MAX_BYTES
        raw = await asyncio.to_thread(files.read_file, file, Bounds(most, most))
        async with acting_at(face, officer) as node:
            sender, count = await call_sheets.take(node.call_desk(), call_id, raw, node.clock())
        face.emit(
            {"from": sender, "applications": count},
            lambda: face.say(N_("Domande di {sender}: {count}."), sender=sender, count=count),
        )


def _add_ranking(group: click.Group) -> None:
    @command(group, "rank", help="Calcola la graduatoria e la propone; chi la pubblica è un altro funzionario.")
    @CALL
    @BY
    async def rank(face: Face, call_id: str, officer: str | None) -> None:
        """Compute the ranking."""
        async with acting_at(face, officer) as node:
            found = await call_ranking.propose(node.pool, node.config.node.id, call_id, node.clock())
        face.emit(proposal_document(found), lambda: _show(face, found))

    @command(group, "publish", help="Pubblica la graduatoria proposta da un altro, nel registro firmato.")
    @CALL
    @click.option("--digest", required=True, metavar="IMPRONTA", help="L'impronta della graduatoria che si è letta.")
    @BY
    async def publish(face: Face, call_id: str, digest: str, officer: str | None) -> None:
        """Publish the ranking."""
        async with acting_at(face, officer) as node:
            own, name = await runtime.current_own(node), officers.check(name_of(officer))
            found = await call_ranking.publish(node.pool, node.config, own, call_id, digest, name, node.clock())
            published = await issued.rankings(node.pool, (await issued.read(node.pool, call_id, node.clock())).call)
        value = {**proposal_document(found), "signed_by_all": published.is_signed}
        text = N_("Pubblicata, uguale da tutti gli enti.") if published.is_signed else N_("Pubblicata; mancano altri enti.")  # fmt: skip
        face.emit(value, lambda: face.say(text))

    @command(group, "ranking", help="Scrive bando e graduatoria pubblicata in un file, da cui chiunque la ricalcola.")
    @CALL
    @click.argument("file", type=FILE, metavar="FILE")
    @FORCE
    async def ranking(face: Face, call_id: str, file: Path, force: bool) -> None:
        """Write what was published."""
        whole_file.check_targets([file], replace=force)
        async with runtime.open_node(face.home) as node:
            one = await issued.read(node.pool, call_id, node.clock())
            found = await issued.rankings(node.pool, one.call)
        node_id = one.call.lead if one.call.lead in found.parts else next(iter(sorted(found.parts)), None)
        if node_id is None:
            raise CallerError("ranking-none", N_("nessun ente ha pubblicato la graduatoria"), where=call_id)
        parts = list(found.parts[node_id])
        raw = orjson.dumps({"call": dict(one.document), "ranking": parts}, option=orjson.OPT_INDENT_2)
        await asyncio.to_thread(whole_file.write, [WholeFile(file, raw, PLAIN)], replace=force)
        value: dict[str, Any] = {
            "file": str(file), "from": node_id, "parts": len(parts), "signed_by_all": found.is_signed
        }  # fmt: skip
        face.emit(value, lambda: face.say(N_("Scritto {file}."), file=file))


def _show(face: Face, found: Proposal) -> None:
    rows = [row for part in found.parts for row in part["rows"]]
    columns = (N_("domanda"), N_("posto"), N_("punti"), N_("esito"), N_("contributo"))
    face.table(N_("Graduatoria"), columns, [
        (row["id"], row["rank"], row["points"], row["status"], row["granted"]) for row in rows
    ])  # fmt: skip
    face.say(N_("Edizione {edition}, impronta {digest}"), edition=found.edition, digest=found.digest)
