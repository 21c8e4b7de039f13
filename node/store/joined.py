"""By whom a home joined, and the request it made there: two public files beside the pin, which reads the first (``pin.read_joined``).

In: a home. Out: the bytes of a request, or nothing. They count until the node is let in: from then on the agreement says whom to
ask. Source: PROTOCOL 7.9.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from node.errors import N_, OperatorError
from node.store import pin, whole_file

REQUEST = "agreement/request.json"


def write(home: Path, url: str, request: bytes) -> None:
    """Keep by which address this home joined, and the request it made there."""
    (home / pin.JOINED).parent.mkdir(mode=0o755, exist_ok=True)
    document = orjson.dumps({"url": url}) + b"\n"
    files = [whole_file.WholeFile(home / pin.JOINED, document), whole_file.WholeFile(home / REQUEST, request)]
    whole_file.write(files, replace=True)


def read_request(home: Path) -> bytes | None:
    """Return the request that this home made; None where it made none. Raises: OperatorError(joined-unreadable)."""
    return _read(home / REQUEST)


def take_back_pin(home: Path) -> None:
    """Remove a pin that was just written and by which nothing could be opened."""
    (home / pin.FILE).unlink(missing_ok=True)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OperatorError(
            "joined-unreadable",
            N_("il file della richiesta di adesione non si legge"),
            where=str(path),
            hint=N_("controllarne i permessi: chi avvia il nodo deve poterlo leggere"),
        ) from error
