"""``rete call grant | account | pay | expense | revoke | aid-code | export``: grants of a joint call at this office.

In: an application with a place in the signed ranking, amounts. Out: how the grant stands; the CSV for the national register of aid.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

import click

from node import runtime
from node.cli.frame import Face, command
from node.cli.officer import BY, acting_at
from node.domain.programme.grants import Account
from node.errors import N_
from node.flows.programme import applying, granting
from node.flows.programme.calls import ITALY
from node.runtime import Node
from node.store import whole_file
from node.store.whole_file import SECRET, WholeFile
from node.web.call_documents import account_document

FILE = click.Path(path_type=Path, dir_okay=False)
CALL = click.argument("call_id", metavar="BANDO")
APPLICATION = click.argument("application_id", metavar="DOMANDA")
AMOUNT = click.option("--amount", required=True, metavar="EURO", help="Quanto.")


def add_to(group: click.Group) -> None:
    """Add the commands of grants."""
    _add_steps(group)

    @command(
        group, "grant", help="Concede a una domanda ciò che la graduatoria di tutti gli enti le dà, dopo i ricorsi."
    )
    @APPLICATION
    @BY
    async def grant(face: Face, application_id: str, officer: str | None) -> None:
        """Grant."""
        async with acting_at(face, officer) as node:
            await granting.grant(node.pool, application_id, node.clock())
            account = await granting.account(node.pool, application_id)
        _tell(face, application_id, account)

    @command(group, "aid-code", help="Annota il codice che il Registro nazionale degli aiuti ha dato a un contributo.")
    @APPLICATION
    @click.argument("code", metavar="CODICE")
    @BY
    async def aid_code(face: Face, application_id: str, code: str, officer: str | None) -> None:
        """Note the register's code."""
        async with acting_at(face, officer) as node:
            account = await granting.set_aid_code(node.pool, application_id, code)
        _tell(face, application_id, account)

    @command(group, "export", help="Scrive il CSV per il Registro nazionale degli aiuti: una riga per impresa unica.")
    @CALL
    @click.argument("file", type=FILE, metavar="FILE")
    @click.option("--force", is_flag=True, help="Sostituisce il file, se c'è già.")
    async def export(face: Face, call_id: str, file: Path, force: bool) -> None:
        """Write the file for the register of aid."""
        whole_file.check_targets([file], replace=force)
        async with runtime.open_node(face.home) as node:
            raw = await granting.aid_register(node.pool, call_id)
        await asyncio.to_thread(whole_file.write, [WholeFile(file, raw, SECRET)], replace=force)
        rows = raw.count(b"\r\n") - 1
        face.emit({"file": str(file), "rows": rows, "bytes": len(raw)}, lambda: face.say(N_("Scritto {file}."), file=file))  # fmt: skip


def _add_steps(group: click.Group) -> None:
    @command(group, "pay", help="Annota una rata pagata; dopo la prima servono spese accettate.")
    @APPLICATION
    @AMOUNT
    @BY
    async def pay(face: Face, application_id: str, amount: str, officer: str | None) -> None:
        """Note an instalment."""
        async with acting_at(face, officer) as node:
            paid = applying.amount(amount, "--amount")
            account = await granting.pay(node.pool, application_id, paid, _today(node))
        _tell(face, application_id, account)

    @command(group, "expense", help="Annota un rendiconto e quanto se ne accetta.")
    @APPLICATION
    @AMOUNT
    @click.option("--accepted", required=True, metavar="EURO", help="Quanto se ne accetta.")
    @click.option("--note", default="", help="Che cosa, o perché non tutto.")
    @BY
    async def expense(
        face: Face, application_id: str, amount: str, accepted: str, note: str, officer: str | None
    ) -> None:
        """Note an expense report."""
        async with acting_at(face, officer) as node:
            reported, taken = applying.amount(amount, "--amount"), applying.amount(accepted, "--accepted")
            account = await granting.report(node.pool, application_id, reported, taken, note, _today(node))
        _tell(face, application_id, account)

    @command(group, "revoke", help="Revoca un contributo, o una sua parte, con un motivo.")
    @APPLICATION
    @AMOUNT
    @click.option("--reason", required=True, help="Perché; resta scritto.")
    @BY
    async def revoke(face: Face, application_id: str, amount: str, reason: str, officer: str | None) -> None:
        """Revoke."""
        async with acting_at(face, officer) as node:
            revoked = applying.amount(amount, "--amount")
            account = await granting.revoke(node.pool, application_id, revoked, reason, _today(node))
        _tell(face, application_id, account)

    @command(group, "grants", help="I contributi di un bando concessi da questo ufficio, e come stanno.")
    @CALL
    async def grants(face: Face, call_id: str) -> None:
        """List grants."""
        async with runtime.open_node(face.home) as node:
            found = await granting.list_all(node.pool, call_id)
        names = (
            "application_id",
            "protocol",
            "network",
            "granted_on",
            "granted",
            "revoked",
            "paid",
            "accepted",
            "aid_code",
        )
        rows = [{name: one[name] for name in names} for one in found]
        columns = (N_("domanda"), N_("protocollo"), N_("contributo"), N_("revocato"), N_("pagato"))
        shown = [(one["application_id"], one["protocol"], one["granted"], one["revoked"], one["paid"]) for one in found]
        face.emit({"grants": rows}, lambda: face.table(N_("Contributi"), columns, shown))


def _today(node: Node) -> dt.date:
    return node.clock().astimezone(ITALY).date()


def _tell(face: Face, application_id: str, account: Account) -> None:
    face.emit(
        account_document(application_id, account),
        lambda: face.say(
            N_("Contributo {granted}, revocato {revoked}, pagato {paid}, da recuperare {back}."),
            granted=f"{account.granted:.2f}", revoked=f"{account.revoked:.2f}", paid=f"{account.paid:.2f}",
            back=f"{account.to_recover:.2f}",
        ),
    )  # fmt: skip
