"""``rete backup create | verify | restore | list``: the node in one sealed file, and back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from node import runtime
from node.cli.frame import HOME_VARIABLE, Face, command
from node.config import Config
from node.errors import N_, CallerError
from node.flows.upkeep import backup as flow
from node.flows.upkeep import backup_restore, backup_shelf
from node.flows.upkeep.backup import Made, Verdict
from node.store import backup_file, backup_folder, pg_programs
from node.store.backup_folder import Copy
from node.store.failures import told_plainly

URL_VARIABLE = "RETE_DATABASE_URL"
FILE = click.Path(path_type=Path, dir_okay=False)
PASSPHRASE = click.option(
    "--passphrase-file",
    type=FILE,
    metavar="FILE",
    help="File (permessi 600) la cui prima riga è la frase segreta; altrimenti quello di [backup], altrimenti la si chiede.",
)


@click.group("backup", help="Copie di sicurezza: farle, provarle, ripristinarle.")
def backup() -> None:
    """Hold the commands."""


def _passphrase(face: Face, file: Path | None, home: Path | None, config: Config | None, *, twice: bool = False) -> str:
    """Return the passphrase, from wherever it may come. Raises: CallerError(backup-passphrase-missing), OperatorError(backup-passphrase-file)."""
    if file is not None:
        return backup_shelf.read_passphrase(file)
    if home is not None and config is not None and config.backup.passphrase_file:
        return backup_shelf.read_passphrase(home / config.backup.passphrase_file)
    if not sys.stdin.isatty():
        raise CallerError(
            "backup-passphrase-missing",
            N_("manca la frase segreta della copia: senza, le chiavi e il registro sarebbero di chi trova il file"),
            where="--passphrase-file",
            hint=N_("scriverla in un file con permessi 600 e indicarlo, o in [backup] passphrase_file di node.toml"),
        )
    again = face.tr(N_("Ripeterla")) if twice else False
    asked = face.tr(N_("Frase segreta della copia"))
    words: str = click.prompt(asked, hide_input=True, confirmation_prompt=again, err=True)
    return words


def _known_home(face: Face) -> tuple[Path, Config] | None:
    """Return the home that was named, if any was: a backup can be tried where no node is."""
    if face.home_option is None and not os.environ.get(HOME_VARIABLE):
        return None
    return face.home, runtime.read_config(face.home)


@command(backup, "create", help="Fa una copia del nodo, anche mentre lavora: base dati, configurazione, chiavi, in un file sigillato.")  # fmt: skip
@click.argument("target", type=click.Path(path_type=Path), metavar="[FILE|CARTELLA]", required=False)
@PASSPHRASE
@click.option("--force", is_flag=True, help="Sostituisce il file che c'è già.")
async def create(face: Face, target: Path | None, passphrase_file: Path | None, force: bool) -> None:
    """Make one backup; without a place, in the configured folder, whose oldest ones then go."""
    async with runtime.reach_database(face.home) as place:
        now = runtime.utc_now()
        gone: list[Path] = []
        passphrase = backup_file.check_passphrase(
            _passphrase(face, passphrase_file, place.home, place.config, twice=True)
        )
        if target is None:
            made, gone = await backup_shelf.make(place, now, passphrase)
        else:
            path = backup_folder.path_in(target, place.config.node.id, now)
            with backup_folder.turn(place.home):
                made = await flow.create(place, path, passphrase, now, replace=force)
    _tell_made(face, made, gone)


def _tell_made(face: Face, made: Made, gone: list[Path]) -> None:
    value = {
        "file": str(made.path),
        "bytes": made.size,
        "sha256": made.digest,
        "made_at": made.made_at.isoformat(),
        "tables": made.tables,
        "rows": made.rows,
        "log_size": made.log_size,
        "left_out": list(made.left_out),
        "removed": [str(path) for path in gone],
    }

    def human() -> None:
        face.say(
            N_("Copia fatta: {file} ({kib} KiB; {tables} tabelle, {rows} righe, {log_size} voci firmate)."),
            **{**value, "kib": made.size // 1024},
        )
        if made.left_out:
            face.say(N_("Non ci sono, perché fuori dalla cartella del nodo: {files}."), files=", ".join(made.left_out))
        if gone:
            face.say(N_("Copie più vecchie tolte: {count}."), count=len(gone))
        face.say(N_("Provarla: «rete backup verify {file}». Portarla su un'altra macchina; la frase segreta, altrove."), file=made.path)  # fmt: skip

    face.emit(value, human)


@command(backup, "verify", help="Ripristina una copia per prova, in una base dati a parte, e dice che cosa ha trovato; esce con 1 se non è buona.")  # fmt: skip
@click.argument("file", type=FILE, metavar="FILE")
@PASSPHRASE
@click.option("--scratch", type=click.Path(path_type=Path, file_okay=False, exists=True), metavar="CARTELLA", help="Dove fare la prova: serve spazio per tutta la base dati.")  # fmt: skip
async def verify(face: Face, file: Path, passphrase_file: Path | None, scratch: Path | None) -> None:
    """Try one backup; exit 1 when it is not what was kept."""
    known = _known_home(face)
    home, config = known or (None, None)
    passphrase = _passphrase(face, passphrase_file, home, config)
    ours = home is not None and config is not None and _is_shelved(file, home, config)
    with told_plainly():
        if ours:
            verdict = await backup_shelf.try_one(file, passphrase, runtime.utc_now(), scratch)
        else:
            verdict = await flow.verify(file, passphrase, scratch)
    _tell_verdict(face, file, verdict)
    if verdict.problems:
        sys.exit(1)


def _is_shelved(file: Path, home: Path, config: Config) -> bool:
    return backup_shelf.is_on(config) and file.parent.resolve() == backup_shelf.folder_of(home, config).resolve()


def _tell_verdict(face: Face, file: Path, verdict: Verdict) -> None:
    facts = verdict.manifest.facts
    value = {
        "ok": not verdict.problems,
        "file": str(file),
        "node": facts.get("node"),
        "made_at": facts.get("made_at"),
        "program": facts.get("program"),
        "schema": facts.get("schema"),
        "server": facts.get("server"),
        "tables": verdict.tables,
        "rows": verdict.rows,
        "log_size": verdict.log_size,
        "problems": [{"code": code, "what": said.told(face.tr)} for code, said in verdict.problems],
    }

    def human() -> None:
        face.say(N_("Copia di {node} fatta il {made_at} (programma {program}, schema {schema}, PostgreSQL {server})."), **value)  # fmt: skip
        if not verdict.problems:
            face.say(N_("Buona: ripristinata per prova, {tables} tabelle e {rows} righe come quando fu fatta; {log_size} voci firmate."), **value)  # fmt: skip
            return
        for code, said in verdict.problems:
            face.say(N_("NON buona: {what} [{code}]"), what=said.told(face.tr), code=code)
        face.say(
            N_("  rimedio: {remedy}"),
            remedy=face.tr(N_("farne subito un'altra e provarla; tenere questa finché non c'è")),
        )

    face.emit(value, human)


@command(backup, "restore", help="Rimette una copia in una cartella nuova e vuota (--home): il nodo riparte da lì, recintato finché gli altri non confermano.")  # fmt: skip
@click.argument("file", type=FILE, metavar="FILE")
@PASSPHRASE
@click.option("--database-url", metavar="URL", help="Base dati nuova e vuota (PostgreSQL >= 15); si può dare in RETE_DATABASE_URL, che non si vede tra i processi.")  # fmt: skip
@click.option("--embedded", is_flag=True, help="Usa la base dati inclusa, qualunque avesse il nodo.")
async def restore(
    face: Face, file: Path, passphrase_file: Path | None, database_url: str | None, embedded: bool
) -> None:
    """Make a home out of a backup."""
    passphrase = _passphrase(face, passphrase_file, None, None)
    url = "" if embedded else _hidden(database_url) or os.environ.get(URL_VARIABLE)
    with told_plainly():
        found = await backup_restore.restore(file, face.home.resolve(), passphrase, url)
    value = {
        "home": str(found.home),
        "node": found.node,
        "made_at": found.made_at.isoformat(),
        "tables": found.tables,
        "rows": found.rows,
        "log_size": found.log_size,
        "left_out": list(found.left_out),
    }

    def human() -> None:
        face.say(N_("Ripristinato {node} in {home}, com'era il {made_at}: {tables} tabelle, {rows} righe, {log_size} voci firmate."), **value)  # fmt: skip
        if found.left_out:
            face.say(N_("Da rimettere a mano, perché la copia non li aveva: {files}."), files=", ".join(found.left_out))
        face.say(N_("Ora: spegnere per sempre il nodo di prima, poi «rete serve --home {home}»; chiede agli altri ciò che manca prima di firmare."), **value)  # fmt: skip

    face.emit(value, human)


@command(
    backup, "list", help="Le copie nella cartella di [backup]: quando, quanto grandi, provate quando e con che esito."
)
async def list_(face: Face) -> None:
    """Show the backups of the configured folder."""
    home = face.home
    shelf = await backup_shelf.read(home, runtime.read_config(home))

    def human() -> None:
        columns = (N_("file"), N_("fatta il"), N_("KiB"), N_("programma"), N_("voci firmate"), N_("provata il"), N_("esito"))  # fmt: skip
        face.table(str(shelf.folder), columns, [_row(face, copy) for copy in shelf.copies])

    face.emit({"folder": str(shelf.folder), "backups": [_facts(copy) for copy in shelf.copies]}, human)


def _hidden(url: str | None) -> str | None:
    """Return the URL of a command line, where everybody on the machine can read it. Raises: CallerError(backup-password-shown)."""
    if url and pg_programs.login_of(url).secret is not None:
        raise CallerError(
            "backup-password-shown",
            N_("una password scritta nel comando si vede tra i processi della macchina"),
            where="--database-url",
            hint=N_("dare l'indirizzo intero nella variabile {variable}, o togliere la password e usare ~/.pgpass"),
            variable=URL_VARIABLE,
        )
    return url


def _facts(copy: Copy) -> dict[str, Any]:
    return {
        "file": copy.path.name,
        "made_at": copy.made_at.isoformat(),
        "bytes": copy.size,
        "program": copy.program,
        "log_size": copy.log_size,
        "sha256": copy.digest,
        "code": copy.code,
        "checked_at": copy.checked.at.isoformat() if copy.checked else None,
        "checked_code": copy.checked.code if copy.checked else None,
    }


def _row(face: Face, copy: Copy) -> tuple[object, ...]:
    checked = copy.checked
    result = copy.code or ("" if checked is None else checked.code or face.tr(N_("buona")))
    when = "" if checked is None else f"{checked.at:%d/%m/%Y %H:%M}"
    return (
        copy.path.name,
        f"{copy.made_at:%d/%m/%Y %H:%M}",
        copy.size // 1024,
        copy.program,
        copy.log_size,
        when,
        result,
    )
