"""Files that commands of the agreement read and write: documents, cards, requests. All of them are public but a key and its passphrase.

In: paths. Out: bytes, or values that were judged. Whoever has no home may read and write them, so that a council signs where no node is.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from node.cli.frame import HOME_VARIABLE, Face
from node.errors import N_, CallerError, PeerWrongError
from node.flows import council_card, enrol
from node.flows.council_card import Card
from node.flows.enrol import Asked
from node.protocol import limits, metadata
from node.store import council_key, keyfiles, whole_file

FILE = click.Path(path_type=Path, dir_okay=False)
OUT = click.option("-o", "--out", type=FILE, required=True, metavar="FILE", help="File da scrivere.")
FORCE = click.option("--force", is_flag=True, help="Sostituisce il file che c'è già.")
YES = click.option("--yes", is_flag=True, help="Non chiede conferma.")
PASSPHRASE = click.option(
    "--passphrase-file",
    type=FILE,
    metavar="FILE",
    help="File (permessi 600) la cui prima riga è la frase segreta della chiave; altrimenti la si chiede.",
)


def known_home(face: Face) -> Path | None:
    """Return the home that was named, None where none was: many of these commands need none."""
    return face.home if face.home_option is not None or os.environ.get(HOME_VARIABLE) else None


def file_named(text: str) -> Path | None:
    """Return the file of that name, None where there is none: the same argument may name something else."""
    path = Path(text)
    return path if path.is_file() else None


def read(path: Path, max_bytes: int = limits.AGREEMENT_MAX_BYTES) -> bytes:
    """Return a file's bytes. Raises: CallerError(file-unreadable | file-too-large)."""
    try:
        with path.open("rb") as opened:
            raw = opened.read(max_bytes + 1)
    except OSError as error:
        raise CallerError(
            "file-unreadable",
            N_("il file non si legge"),
            where=str(path),
            hint=N_("controllare il nome e i permessi"),
        ) from error
    if len(raw) > max_bytes:
        raise CallerError("file-too-large", N_("il file supera {max} byte"), where=str(path), max=max_bytes)
    return raw


def judged(path: Path, error: PeerWrongError) -> CallerError:
    """Return what is wrong with a document as said of the file that somebody gave."""
    found = metadata.refused_to_caller(error)
    where = f"{path}: {error.where}" if error.where else str(path)
    hint = found.hint or N_("il file è stato cambiato o non è intero: farselo dare di nuovo")
    return CallerError(found.code, found.what, where=where, hint=hint, **found.facts)


def read_card(path: Path) -> Card:
    """Return the card of a council key. Raises: CallerError(council-card-bad | file-unreadable)."""
    return council_card.parse(read(path, council_card.CARD_MAX_BYTES), str(path))


def read_request(path: Path) -> Asked:
    """Return an enrolment request, its keys proved. Raises: CallerError(enrolment-malformed | enrolment-unproved | file-unreadable)."""
    try:
        # Whoever looked at it with an editor may have left a line's end.
        return enrol.read(read(path, limits.ENROLMENT_MAX_BYTES).rstrip(b"\n"))
    except PeerWrongError as error:
        raise judged(path, error) from error


def write(path: Path, raw: bytes, *, replace: bool) -> None:
    """Write a public file whole. Raises: CallerError(file-exists | file-is-folder)."""
    whole_file.write([whole_file.WholeFile(path, raw)], replace=replace)


def new_passphrase(face: Face, file: Path | None) -> str:
    """Return the passphrase of a key that is being made: of the file, else asked twice at a terminal; "" for none."""
    if file is not None:
        return keyfiles.read_password(file)
    if face.json or not sys.stdin.isatty():
        return ""
    asked = face.tr(N_("Frase segreta della chiave (vuota: nessuna)"))
    found: str = click.prompt(
        asked, hide_input=True, confirmation_prompt=face.tr(N_("Ripeterla")), default="", show_default=False, err=True
    )
    return found


def passphrase_of(face: Face, key: Path, file: Path | None) -> str:
    """Return the passphrase of a key that is there, "" where it wants none. Raises: CallerError(council-key-passphrase-missing)."""
    if file is not None:
        return keyfiles.read_password(file)
    if not council_key.is_encrypted(key):
        return ""
    if not sys.stdin.isatty():
        raise CallerError(
            "council-key-passphrase-missing",
            N_("la chiave è cifrata: manca la frase segreta"),
            where=str(key),
            hint=N_("scriverla in un file con permessi 600 e indicarlo con --passphrase-file"),
        )
    found: str = click.prompt(face.tr(N_("Frase segreta della chiave")), hide_input=True, err=True)
    return found


def confirm(face: Face, question: str, *, yes: bool) -> None:
    """Ask before going on. Raises: CallerError(confirmation-missing) where nobody can answer; click.Abort for a no."""
    if yes:
        return
    if face.json or not sys.stdin.isatty():
        raise CallerError(
            "confirmation-missing",
            N_("qui nessuno può rispondere: serve --yes"),
            where="--yes",
            hint=N_("leggere prima che cosa si conferma, ripetendo il comando senza --json in un terminale"),
        )
    click.confirm(face.tr(question), abort=True, err=True)
