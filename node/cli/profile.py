"""``rete profile draft | preview | submit | return | approve | publish | withdraw | list``: from a network to what peers may read."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click
import orjson

from node import runtime
from node.cli import marked
from node.cli.frame import Face, command
from node.cli.officer import BY, deciding, name_of
from node.domain import release
from node.errors import N_, CallerError, NotFoundError
from node.flows.logs import gossip, prove
from node.flows.profiles import draft as drafting
from node.flows.profiles import preview as previewing
from node.flows.profiles import publish as flow
from node.flows.profiles import standing, submission
from node.flows.profiles.versions import record_of
from node.store import own_log
from node.store.postgres import acquire

FILE = click.Path(path_type=Path, dir_okay=False)
# Enough digits that no other content has them by chance, few enough to read aloud.
SHORT_HASH = 12


@click.group("profile", help="Profili anonimi: bozza, anteprima, approvazione, pubblicazione, ritiro.")
def profile() -> None:
    """Hold the profile commands."""


def _say_held(face: Face, code: str) -> None:
    message = release.HOLDS.get(code, N_("il documento non passa i controlli"))
    face.say(N_("Trattenuto: {reason} [{code}]."), reason=face.tr(message), code=code)


def _read_content(file: Path) -> dict[str, Any]:
    try:
        value = orjson.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise NotFoundError("file-not-found", N_("il file non c'è"), where=str(file)) from error
    except orjson.JSONDecodeError as error:
        raise CallerError(
            "content-not-json", N_("il file non è JSON valido: {reason}"), where=str(file), reason=str(error)
        ) from error
    if not isinstance(value, dict):
        raise CallerError("content-not-json", N_("serve un oggetto JSON"), where=str(file))
    return value


@command(
    profile,
    "draft",
    help="Prepara la bozza di una rete, dai suoi dati o da un file JSON; una modifica riapre l'approvazione.",
)
@click.argument("network_id", metavar="RETE")
@click.option("--content", "content_file", type=FILE, metavar="FILE", help="Contenuto in JSON (docs/profiles.md).")
@click.option("--potential", is_flag=True, help="Aggregazione non ancora firmata: escono solo regione e sezione ATECO.")
@BY
async def draft(face: Face, network_id: str, content_file: Path | None, potential: bool, officer: str | None) -> None:
    """Store a draft."""
    async with deciding(face) as node:
        if content_file is not None:
            content = _read_content(content_file)
        else:
            async with acquire(node.pool) as conn:
                _, record = await record_of(conn, network_id)
            content = drafting.suggest_content(record)
        profile_id = await drafting.draft(
            node.pool, node.config, network_id, content, name_of(officer), node.clock(), as_potential=potential
        )
    face.emit(
        {"profile_id": profile_id, "network_id": network_id, "state": "draft"},
        lambda: face.say(N_("Bozza {id}. Ora: «rete profile preview {id}»."), id=profile_id),
    )


@command(profile, "preview", help="Mostra esattamente ciò che uscirà, e quante reti del registro vi corrispondono.")
@click.argument("profile_id", metavar="ID")
async def preview(face: Face, profile_id: str) -> None:
    """Show what would leave."""
    async with runtime.open_node(face.home) as node:
        seen = await previewing.preview(node.pool, node.config, profile_id, node.clock(), known=node.known)
    value = {**{f.name: getattr(seen, f.name) for f in dataclasses.fields(seen)}, "hits": marked.values(seen.hits)}
    value["redacted"] = marked.redacted(seen.hits)
    value["sentence"] = face.tr(seen.sentence).format(candidates=seen.candidates)

    def human() -> None:
        face.out.print_json(orjson.dumps(seen.document).decode())
        face.say(seen.sentence, candidates=seen.candidates)
        if seen.hits:
            marked.show(face, seen.hits)
        marked.show_attack(face, value["attack"])
        if seen.withheld:
            face.say(
                N_("Non escono, perché tutte le schede del gruppo le direbbero uguali: {names}."),
                names=", ".join(seen.withheld),
            )
        if seen.held:
            _say_held(face, seen.held)
        face.say(N_("Contenuto {hash}: «rete profile approve {id} --hash {hash}» approva questo e nessun altro."),
                 id=seen.profile_id, hash=seen.content_hash[:SHORT_HASH])  # fmt: skip

    face.emit(value, human)


@command(profile, "submit", help="Presenta una bozza per l'approvazione.")
@click.argument("profile_id", metavar="ID")
@BY
async def submit(face: Face, profile_id: str, officer: str | None) -> None:
    """Put a draft before whoever approves."""
    async with deciding(face) as node:
        await submission.submit(node.pool, node.config, profile_id, name_of(officer), node.clock())
    face.emit(
        {"profile_id": profile_id, "state": "waiting"},
        lambda: face.say(N_("Presentata: la approva un altro funzionario.")),
    )


@command(profile, "return", help="Rimanda a chi l'ha scritta una bozza in attesa di approvazione, con un motivo.")
@click.argument("profile_id", metavar="ID")
@click.option("--reason", required=True, help="Che cosa non va; senza nomi, resta con la decisione.")
@click.option(
    "--hash", "expected_hash", metavar="CIFRE", help="Il contenuto visto nell'anteprima; se è cambiato, rifiuta."
)
@BY
async def return_(face: Face, profile_id: str, reason: str, expected_hash: str | None, officer: str | None) -> None:
    """Send a draft that waits back to its author."""
    async with deciding(face) as node:
        await submission.send_back(
            node.pool,
            node.config,
            profile_id,
            name_of(officer),
            node.clock(),
            reason=reason,
            expected_hash=expected_hash,
        )
    face.emit(
        {"profile_id": profile_id, "state": "returned"},
        lambda: face.say(N_("Rimandata a chi l'ha scritta.")),
    )


@command(profile, "approve", help="Approva una bozza scritta da un altro funzionario.")
@click.argument("profile_id", metavar="ID")
@click.option("--reason", help="Perché un punto dubbio (ambra) non fa riconoscere nessuno.")
@click.option(
    "--hash", "expected_hash", metavar="CIFRE", help="Il contenuto visto nell'anteprima; se è cambiato, rifiuta."
)
@click.option(
    "--potential", is_flag=True, help="Ho letto l'avvertenza: nessun elenco nasconde un'aggregazione potenziale."
)
@BY
async def approve(
    face: Face, profile_id: str, reason: str | None, expected_hash: str | None, potential: bool, officer: str | None
) -> None:
    """Approve a draft as a second officer."""
    async with deciding(face) as node:
        approved = await submission.approve(
            node.pool,
            node.config,
            profile_id,
            name_of(officer),
            node.clock(),
            amber_reason=reason,
            expected_hash=expected_hash,
            warned=potential,
            known=node.known,
        )
    face.emit(
        {"profile_id": profile_id, "state": "approved", "content_hash": approved},
        lambda: face.say(
            N_("Approvato il contenuto {hash}. Ora: «rete profile publish {id}»."),
            id=profile_id,
            hash=approved[:SHORT_HASH],
        ),
    )


@command(profile, "publish", help="Mette un profilo approvato nel prossimo turno di pubblicazione.")
@click.argument("profile_id", metavar="ID")
@BY
async def publish(face: Face, profile_id: str, officer: str | None) -> None:
    """Queue an approved version, and release its round where that has come."""
    async with deciding(face) as node:
        own = await runtime.current_own(node)
        day, gone, held = await flow.publish_and_release(
            node.pool, node.config, own, profile_id, name_of(officer), node.clock(), known=node.known
        )
    state = "published" if gone else "queued"
    message = N_("Pubblicato.") if gone else N_("In coda: uscirà con il turno del {day}.")

    def human() -> None:
        if held:
            _say_held(face, held)
        else:
            face.say(message, day=day)

    face.emit({"profile_id": profile_id, "state": state, "release_day": day, "held": held}, human)


@command(
    profile,
    "withdraw",
    help="Ritira subito un profilo: corpo e testo approvato sono cancellati qui e negli altri nodi.",
)
@click.argument("profile_id", metavar="ID")
@BY
async def withdraw(face: Face, profile_id: str, officer: str | None) -> None:
    """Withdraw a profile for ever."""
    async with deciding(face) as node:
        own = await runtime.current_own(node)
        await flow.withdraw(node.pool, own, profile_id, name_of(officer), node.clock())
        async with acquire(node.pool) as conn:
            signed = await own_log.signed_latest(conn, own.origin_id)
    size = signed.size if signed else 0
    face.emit(
        {"profile_id": profile_id, "state": "withdrawn", "log_size": size},
        lambda: face.say(N_("Ritirato; gli altri nodi lo sapranno al prossimo prelievo.")),
    )


@command(profile, "receipts", help="Chi ha confermato di aver applicato l'ultima voce di un profilo, e chi non ancora.")
@click.argument("profile_id", metavar="ID", type=click.UUID)
async def receipts(face: Face, profile_id: object) -> None:
    """Ask who has not confirmed yet, then show everybody's receipt."""
    async with runtime.open_node(face.home) as node:
        async with node.session() as session:
            own = await runtime.current_own(node)
            await gossip.collect_receipts(node.syncer(session), own)
        found = await prove.receipts(node.pool, node.membership, str(profile_id))
    facts = {
        "profile_id": found.profile_id,
        "origin": found.origin,
        "index": found.index,
        "withdrawn": found.withdrawn,
        "confirmed": {member: at for member, at in found.members.items() if at},
        "missing": [member for member, at in found.members.items() if at is None],
    }
    rows = [
        (member, f"{at:%d/%m/%Y %H:%M}" if at else face.tr(N_("non ancora"))) for member, at in found.members.items()
    ]
    face.emit(facts, lambda: face.table(N_("Conferme"), (N_("nodo"), N_("confermato il")), rows))


@command(profile, "list", help="Elenca i profili con lo stato della loro ultima versione.")
@click.option("--state", type=click.Choice(["draft", "approved", "queued", "published", "superseded", "erased"]))
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
async def list_(face: Face, state: str | None, limit: int) -> None:
    """List profiles."""
    async with runtime.open_node(face.home) as node, acquire(node.pool) as conn:
        profiles = await standing.list_profiles(conn, node.config, state=state, limit=limit)
    columns = (
        N_("id"),
        N_("titolo"),
        N_("profilo"),
        N_("versione"),
        N_("autore"),
        N_("approvato da"),
        N_("posizione"),
        N_("reti simili"),
        N_("trattenuto"),
    )
    rows = [
        (
            p["profile_id"],
            p["title"],
            p["profile_state"],
            f"{p['number']} {p['version_state']}",
            p["author"],
            p["approver"],
            p["log_idx"],
            p["candidates"],
            p["held"],
        )
        for p in profiles
    ]
    face.emit({"profiles": profiles}, lambda: face.table(N_("Profili"), columns, rows))
