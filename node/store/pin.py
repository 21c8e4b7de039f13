"""The pin: the first version of the agreement as this home's people compared it, a file beside the keys.

In: a home. Out: its bytes, or None for a home that lives by [[peer]] tables. Every later version is verified from it, so it is written
once and never changed; the database that is restored from a copy can't take it along. Beside it, the address by which a home joined.
Source: PROTOCOL 7.
"""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from node.errors import N_, CallerError, OperatorError
from node.protocol import limits

FILE = "agreement/1.root.json"
PATH = Path(FILE)
# By whose address this home joined, until it is admitted: whom to ask what the council has decided.
JOINED = "agreement/joined.json"


def read(home: Path) -> bytes | None:
    """Return the pinned first version, None where there is none. Raises: OperatorError(agreement-pin-bad)."""
    path = home / FILE
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise bad(path) from error
    if len(raw) > limits.AGREEMENT_MAX_BYTES:
        raise bad(path)
    return raw


def bad(path: Path) -> OperatorError:
    """Return the refusal of a pin that can't be the beginning of an agreement."""
    return OperatorError(
        "agreement-pin-bad",
        N_("la prima versione del protocollo d'intesa, fissata in questa cartella, non si legge o non è firmata"),
        where=str(path),
        hint=N_("rimettere il file dalla copia di sicurezza: non se ne scrive un altro"),
    )


def write(home: Path, raw: bytes) -> None:
    """Pin a first version, whole or not at all; the same one again changes nothing. Raises: CallerError(agreement-pinned)."""
    path = home / FILE
    path.parent.mkdir(mode=0o755, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}.new")
    aside.write_bytes(raw)
    try:
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        # A link is made or is not: two processes never pin two different ones.
        os.link(aside, path)
    except FileExistsError as error:
        if path.read_bytes() == raw:
            return
        raise CallerError(
            "agreement-pinned",
            N_("in questa cartella è già fissata un'altra prima versione del protocollo d'intesa"),
            where=str(path),
            hint=N_(
                "un nodo entra in una sola federazione; se quella fissata è uno sbaglio, e non c'è ancora nulla sopra: «rete agreement unpin»"
            ),
        ) from error
    finally:
        aside.unlink()


def read_joined(home: Path) -> str | None:
    """Return the address by which this home joined; None where there is none, or none that can be read: it only helps to find others."""
    try:
        url = orjson.loads((home / JOINED).read_bytes())["url"]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return url if isinstance(url, str) else None
