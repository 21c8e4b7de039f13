"""The files of a home that a backup holds beside the database: configuration, private keys, marks, and what the configuration names.

In: a home. Out: names and bytes, packed for one sealed part; and back. What lies outside the home is another's to keep: only named.
The mark of the newest signature and the mark of the chain come along, so that what is put back can be held against them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import orjson

from node.config import Config
from node.config_places import CONFIG_FILE
from node.errors import N_, CallerError
from node.flows.upkeep import audit
from node.store import highwater, keyfiles, pin
from node.store.highwater import Mark

# The part of a backup that holds them.
PART: Final = "home"
KEYS: Final = "keys"
FILE_MAX_BYTES: Final = 4 * 2**20
_LOG_KEY = re.compile(rf"{KEYS}/log(?:-[0-9]+)?\.pem")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}){0,4}")


@dataclass(frozen=True, slots=True)
class HomeFiles:
    """Files by their place in a home; ``left_out`` are those that the configuration names elsewhere."""

    files: Mapping[str, bytes]
    left_out: tuple[str, ...] = ()

    def packed(self) -> bytes:
        """Return all of it as bytes."""
        files = {name: base64.b64encode(content).decode() for name, content in self.files.items()}
        return orjson.dumps({"files": files, "left_out": self.left_out})

    def mark(self) -> Mark | None:
        """Return the mark of the newest signature. Raises: OperatorError(highwater-bad)."""
        content = self.files.get(highwater.FILE)
        return None if content is None else highwater.parse(Path(highwater.FILE), content)

    def log_keys(self) -> list[bytes]:
        """Return the public halves of the keys that sign the log, or signed it. Raises: OperatorError(key-file-bad)."""
        held = [name for name in self.files if _LOG_KEY.fullmatch(name)]
        return [keyfiles.public_of(self.files[name], Path(name)) for name in sorted(held)]

    @property
    def config_text(self) -> str:
        """The configuration as it was written."""
        return self.files[CONFIG_FILE].decode()


def gather(home: Path, config: Config) -> HomeFiles:
    """Read what a backup holds of a home. Raises: OperatorError key-file-...; OSError."""
    # Keys that others could read, or that are not there, are told now and not when they are needed.
    folder = home / config.federation.keys
    keyfiles.read_all(folder)
    files = {CONFIG_FILE: (home / CONFIG_FILE).read_bytes()}
    # Also those that are listed nowhere any more: they open what was sealed for them, and show what was signed.
    files |= {f"{KEYS}/{name}": (folder / name).read_bytes() for name in keyfiles.names(folder)}
    # The pin is what all later versions of the agreement are verified from: without it a restored node belongs nowhere.
    for name in (highwater.FILE, audit.MARK, pin.FILE, pin.JOINED):
        if (home / name).exists():
            files[name] = (home / name).read_bytes()
    left_out = []
    named = (config.mail.password_file, config.oidc.client_secret_file, config.web.logo, config.web.favicon)
    for name in filter(None, named):
        path = home / name
        if _stays_inside(name) and path.is_file() and path.stat().st_size <= FILE_MAX_BYTES:
            files[name] = path.read_bytes()
        else:
            left_out.append(name)
    return HomeFiles(files, tuple(left_out))


def _stays_inside(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and ".." not in PurePosixPath(name).parts


def _damaged() -> CallerError:
    return CallerError("backup-damaged", N_("la copia è danneggiata"), where=PART)


def unpack(packed: bytes) -> HomeFiles:
    """Return what was packed; only names that stay inside a home. Raises: CallerError(backup-damaged)."""
    try:
        value = orjson.loads(packed)
        files = {str(name): base64.b64decode(content, validate=True) for name, content in value["files"].items()}
        left_out = tuple(str(name) for name in value["left_out"])
    except (orjson.JSONDecodeError, binascii.Error, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged() from error
    if CONFIG_FILE not in files or not all(_stays_inside(name) for name in files):
        raise _damaged()
    return HomeFiles(files, left_out)
