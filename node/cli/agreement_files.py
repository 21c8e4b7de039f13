"""Files that commands of the agreement read and write: documents, cards, requests. All of them are public but a key and its passphrase.

In: paths. Out: bytes, or values that were judged. Whoever has no home may read and write them, so that a council signs where no node is.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from node.cli.frame import HOME_VARIABLE, Face, approved
from node.errors import N_, CallerError, PeerWrongError
from node.flows.trust import council_card, enrol
from node.flows.trust.council_card import Card
from node.flows.trust.enrol import Asked
from node.protocol import limits, metadata
from node.store import council_key, whole_file

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


CHANGED = N_("il file è stato cambiato o non è intero: farselo dare di nuovo")
# What is whole, and still may not come into force.
HINTS = {
    "agreement-unsigned": N_("farla firmare anche ad altri: «rete agreement show {file}» dice chi manca; se le firme ci dovrebbero essere, il file è cambiato: farselo dare di nuovo"),
    "agreement-version-old": N_("qui c'è già: non c'è nulla da fare; «rete agreement history» elenca le versioni in vigore qui"),
    "agreement-version-skipped": N_("dare prima quelle di mezzo, una dopo l'altra: «rete agreement show N -o FILE» le scrive, su un nodo che le ha"),
}  # fmt: skip


def judged(path: Path, error: PeerWrongError) -> CallerError:
    """Return what is wrong with a document as said of the file that somebody gave."""
    found = metadata.refused_to_caller(error)
    where = f"{path}: {error.where}" if error.where else str(path)
    hint = found.hint or HINTS.get(found.code, CHANGED)
    return CallerError(found.code, found.what, where=where, hint=hint, **{**found.facts, "file": path})


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
    whole_file.check_folder(path)
    whole_file.write([whole_file.WholeFile(path, raw)], replace=replace)


def new_passphrase(face: Face, file: Path | None, *, none: bool) -> str:
    """Return the passphrase of a key that is being made: of the file, else asked twice at a terminal; "" only for ``none``.

    Raises: CallerError(usage | council-key-passphrase-missing | council-key-passphrase-short).
    """
    if none and file is not None:
        raise CallerError("usage", N_("indicare --passphrase-file o --no-passphrase, non tutti e due"), where="--no-passphrase")  # fmt: skip
    if none:
        return ""
    if file is not None:
        return council_key.check_passphrase(council_key.read_passphrase(file))
    if face.json or not sys.stdin.isatty():
        raise CallerError(
            "council-key-passphrase-missing",
            N_("manca la frase segreta con cui cifrare la chiave"),
            where="--passphrase-file",
            hint=N_("scriverla in un file con permessi 600 e indicarlo con --passphrase-file; --no-passphrase lascia la chiave in chiaro"),
        )  # fmt: skip
    asked = face.tr(N_("Frase segreta della chiave, almeno {shortest} caratteri")).format(shortest=council_key.SHORTEST)
    again = face.tr(N_("Ripeterla"))
    found: str = click.prompt(asked, hide_input=True, confirmation_prompt=again, err=True)
    return council_key.check_passphrase(found)


def passphrase_of(face: Face, key: Path, file: Path | None) -> str:
    """Return the passphrase of a key that is there, "" where it wants none. Raises: CallerError(council-key-passphrase-missing)."""
    if file is not None:
        return council_key.read_passphrase(file)
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


# Where a fingerprint is confirmed, saying which one is better than a plain yes.
EXPECT = N_("indicare --expect IMPRONTA, avuta per telefono dalla segreteria; --yes fissa senza confrontare nulla")
READ_FIRST = N_(
    "ripetere il comando in un terminale e senza --json, per leggere che cosa si conferma; --yes conferma senza chiedere"
)


def confirm(face: Face, question: str, *, yes: bool, hint: str = READ_FIRST) -> None:
    """Ask before going on. Raises: CallerError(confirmation-missing) where nobody can answer; click.Abort for a no."""
    if yes:
        return
    if face.json or not sys.stdin.isatty():
        raise CallerError(
            "confirmation-missing",
            N_("qui nessuno può rispondere alla domanda «{question}»"),
            hint=hint,
            question=face.tr(question),
        )
    approved(face, question)
