"""``rete init`` and ``rete config check``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from node import runtime
from node.cli.frame import Face, command
from node.config_places import CONFIG_FILE
from node.errors import N_, OperatorError
from node.flows.trust.membership import membership_of, own_member
from node.flows.upkeep.home import Facts, check_places, new_home
from node.store import keyfiles

TRIAL_ID = "p_LE"
# Key of node.toml -> the option that fills it, and what it should look like.
OPTIONS = {
    "id": (
        "--id",
        N_("lettere, cifre, «_» e «-», la prima una lettera, al massimo 32: il codice IPA (p_AR) o uno libero"),
    ),
    "name": ("--name", N_("il nome dell'amministrazione, su una riga, al massimo 200 caratteri")),
    "territory": (
        "--territory",
        N_('usare la sigla di una provincia ("LE"), una regione NUTS ("ITF4"), una ripartizione ("ITF") o "IT"'),
    ),
    "authority": (
        "--authority",
        N_("l'host pubblico in minuscolo, con la porta se non è 443, senza https:// (ar.example.it)"),
    ),
    "url": ("--database-url", N_('indicare url = "postgresql://..." (PostgreSQL 15 o successivo)')),
}


@click.group("top", hidden=True)
def _top() -> None:
    """Hold the commands without a noun."""


@contextmanager
def naming_options() -> Iterator[None]:
    """Blame the option that was typed, not the line of a file that was never written."""
    try:
        yield
    except OperatorError as error:
        option, expected = OPTIONS.get(str(error.facts.get("key")), ("", ""))
        if error.code != "config-bad-value" or not option:
            raise
        raise OperatorError(error.code, error.what, where=option, hint=expected, **error.facts) from error


@command(_top, "init", help="Crea la cartella di un nodo: configurazione, chiavi (0600), base dati.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, resolve_path=True), metavar="CARTELLA")
@click.option("--id", "node_id", default=TRIAL_ID, show_default=True, help="Codice IPA o identificativo libero.")
@click.option("--name", default="Provincia di Lecce", show_default=True, help="Nome dell'amministrazione.")
@click.option("--territory", multiple=True, default=("LE",), show_default=True, help="Sigla o codice NUTS; ripetibile.")
@click.option("--authority", default="127.0.0.1:8441", show_default=True, help="Host pubblico[:porta] del nodo.")
@click.option("--port", default=8441, show_default=True, type=click.IntRange(1, 65535), help="Porta di ascolto.")
@click.option("--database-url", default="", help="PostgreSQL >= 15; se manca, quello incluso.")
async def init(
    face: Face,
    folder: Path,
    node_id: str,
    name: str,
    territory: tuple[str, ...],
    authority: str,
    port: int,
    database_url: str,
) -> None:
    """Make a home and open it once, so that its database exists and is migrated."""
    epoch = runtime.utc_now().year
    facts = Facts(
        id=node_id,
        name=name,
        ipa_code=node_id if "_" in node_id else "",
        territory=territory,
        authority=authority,
        port=port,
        epoch=epoch,
        database_url=database_url,
    )
    home = folder
    with naming_options(), new_home(home, facts):
        async with runtime.open_node(home) as node:
            origin = node.config.federation.origin
    if node_id == TRIAL_ID:
        # The whole command works without options, for a first try; nobody else should go on as Lecce unawares.
        face.say(
            N_("Il nodo è «{name}» ({id}): per un'altra amministrazione indicare --id, --name e --territory."),
            name=name,
            id=node_id,
        )
    face.emit(
        {"home": str(home), "id": node_id, "origin": origin},
        lambda: face.say(
            N_(
                "Creato il nodo «{name}» in {home}.\nOra: controllare {home}/node.toml, poi entrare in una federazione («rete join URL --home {home}», o «rete agreement request» se comincia ora) e «rete serve --home {home}»."
            ),
            name=name,
            home=home,
        ),
    )


@click.group("config", help="Controlla la configurazione.")
def config() -> None:
    """Hold ``rete config check``."""


@command(config, "check", help="Controlla node.toml e i file delle chiavi, senza toccare la base dati.")
def check(face: Face) -> None:
    """Read configuration and keys, and say that they are good."""
    home = face.home
    parsed = runtime.read_config(home)
    path = home / CONFIG_FILE
    check_places(parsed, path.read_text(encoding="utf-8"), file=str(path))
    held = keyfiles.read(home / parsed.federation.keys)
    public = {role: key.public_key().public_bytes_raw() for role, key in held.signing.items()}
    if runtime.pinned(home, parsed) is None:
        membership_of(parsed, own_member(parsed, public, held.seal.public))
    facts = {
        "ok": True,
        "home": str(home),
        "id": parsed.node.id,
        "ipa_code": parsed.node.ipa_code,
        "origin": parsed.federation.origin,
        "environment": parsed.node.environment,
        "peers": [peer.id for peer in parsed.peers],
    }
    face.emit(
        facts,
        lambda: face.say(
            N_("Configurazione valida: {id}, {count} altri nodi."), id=parsed.node.id, count=len(parsed.peers)
        ),
    )
