"""The first version of the agreement as this home trusts it, and by whom it joined: two public files of the home.

In: a home. Out: bytes, or nothing. The pin is written once and never replaced: every later version is verified from it, so whoever could
change it could be a council. Source: PROTOCOL 7.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from node.errors import N_, OperatorError
from node.store import whole_file

FILE = "agreement/1.root.json"
JOINED = "agreement/joined.json"
REQUEST = "agreement/request.json"
_MODE = 0o644


def read(home: Path) -> bytes | None:
    """Return the pinned first version; None where none is. Raises: OperatorError(agreement-pin-unreadable)."""
    return _read(home / FILE)


def write(home: Path, raw: bytes) -> None:
    """Pin a first version, which the caller has verified. Raises: CallerError(file-exists)."""
    (home / FILE).parent.mkdir(mode=0o755, exist_ok=True)
    whole_file.write([whole_file.WholeFile(home / FILE, raw, _MODE)], replace=False)


def take_back(home: Path) -> None:
    """Remove a pin that was just written and by which nothing could be opened."""
    (home / FILE).unlink(missing_ok=True)


def read_joined(home: Path) -> str:
    """Return the address by which this home joined, "" where it joined by none."""
    raw = _read(home / JOINED)
    try:
        value = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        return ""
    url = value.get("url") if isinstance(value, dict) else None
    return url if isinstance(url, str) else ""


def write_joined(home: Path, url: str, request: bytes) -> None:
    """Keep by which address this home joined, and the request it made there."""
    (home / JOINED).parent.mkdir(mode=0o755, exist_ok=True)
    document = orjson.dumps({"url": url}) + b"\n"
    files = [whole_file.WholeFile(home / JOINED, document, _MODE), whole_file.WholeFile(home / REQUEST, request, _MODE)]
    whole_file.write(files, replace=True)


def read_request(home: Path) -> bytes | None:
    """Return the request that this home made; None where it made none."""
    return _read(home / REQUEST)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OperatorError(
            "agreement-pin-unreadable",
            N_("il file del protocollo d'intesa non si legge"),
            where=str(path),
            hint=N_("controllarne i permessi: chi avvia il nodo deve poterlo leggere"),
        ) from error
