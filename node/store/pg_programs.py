"""PostgreSQL's own pg_dump and pg_restore: which ones there are, and how they are run.

In: a DSN. Out: a database as an archive, in pieces; or the pieces put into a database. Rules: no password on a command line (it goes by
the environment, which only this user's programs can read); nothing that the programs say is passed on, for they quote rows: only
what kind of failure it was. A program must not be older than the server it speaks to, nor than what made the archive.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from node.errors import N_, OperatorError, Said
from node.store import embedded

PIECE: Final = 2**20
# In this order: tables and functions, their rows, what is derived from rows and what watches over them.
SECTIONS: Final = ("pre-data", "data", "post-data")
VERSION_S: Final = 30
# Where distributions put the programs of each version.
PLACES: Final = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
# What PostgreSQL's own library takes in an address.
_KEYWORDS: Final = frozenset(
    [
        "host",
        "hostaddr",
        "port",
        "dbname",
        "database",
        "user",
        "passfile",
        "channel_binding",
        "connect_timeout",
        "client_encoding",
        "options",
        "application_name",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "gssencmode",
        "sslmode",
        "sslnegotiation",
        "sslcert",
        "sslkey",
        "sslrootcert",
        "sslcrl",
        "sslcrldir",
        "sslsni",
        "requirepeer",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "krbsrvname",
        "gsslib",
        "service",
        "target_session_attrs",
        "load_balance_hosts",
        "require_auth",
    ]
)
_OURS: Final = ("PGPASSWORD", "PGOPTIONS", "PGSERVICE")
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,62}")
_ODD, _ESCAPED = r"([\\\s])", r"\\\1"
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
# What the programs say, in English as they are asked to, and what we say of it.
_REASONS: Final[Mapping[str, str]] = {
    r"permission denied|must be owner": N_("l'accesso di [database] url non può leggere o scrivere tutte le tabelle"),
    r"No space left|could not extend": N_("il disco è pieno"),
    r"extension .* is not available|could not open extension": N_("al server manca un'estensione (unaccent, pg_trgm)"),
    r"unrecognized configuration parameter": N_("il server è più vecchio dei programmi che hanno fatto la copia"),
    r"connection to server|could not connect|terminating connection|server closed": N_("la base dati non risponde"),
    r"lock timeout|canceling statement due to lock": N_("un altro lavoro tiene occupata una tabella"),
    r"server version mismatch|unsupported version": N_("il programma è più vecchio del server o della copia"),
}


@dataclass(frozen=True, slots=True)
class Programs:
    """One installation of the programs: its folder and its major version."""

    folder: Path
    major: int


def _major_of(folder: Path) -> int | None:
    try:
        said = subprocess.run(  # noqa: S603 - a program that was found, no words of anybody
            [str(folder / "pg_dump"), "--version"], capture_output=True, text=True, timeout=VERSION_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(said)
    return int(found.group(1)) if found and (folder / "pg_restore").exists() else None


def _folders() -> Iterator[Path]:
    yield embedded.PROGRAMS
    for place in PLACES:
        yield from Path("/").glob(place[1:])
    there = shutil.which("pg_dump")
    if there:
        yield Path(there).parent


def find(*, at_least: int) -> Programs:
    """Return the oldest programs that are not too old, so that what they write is read by the most.

    Raises: OperatorError(backup-programs-missing).
    """
    found = [Programs(folder, major) for folder in _folders() if (major := _major_of(folder)) is not None]
    fitting = sorted((one for one in found if one.major >= at_least), key=lambda one: one.major)
    if not fitting:
        raise OperatorError(
            "backup-programs-missing",
            N_("servono pg_dump e pg_restore di PostgreSQL {version} o successivo: qui ci sono {found}"),
            hint=N_("installare il pacchetto postgresql-client della versione del server"),
            version=at_least,
            found=", ".join(map(str, sorted({one.major for one in found}))) or "-",
        )
    return fitting[0]


@dataclass(frozen=True, slots=True)
class Login:
    """A DSN as the programs take it: an address that may be shown, and what only their environment tells them."""

    address: str
    secret: str | None
    options: str

    def environment(self) -> dict[str, str]:
        """Return what the programs are started with."""
        kept = {name: value for name, value in os.environ.items() if name not in _OURS}
        kept |= {"LC_ALL": "C", "PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "rete-backup"}
        if self.options:
            kept["PGOPTIONS"] = self.options
        return kept if self.secret is None else kept | {"PGPASSWORD": self.secret}


def login_of(dsn: str) -> Login:
    """Return a DSN without its password, and what our library takes in it and PostgreSQL's does not.

    Raises: OperatorError(backup-dsn-secret).
    """
    parts = urlsplit(dsn)
    login, at, hosts = parts.netloc.rpartition("@")
    user, colon, secret = login.partition(":")
    given = unquote(secret) if colon else None
    kept, settings = [], []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "sslpassword":
            raise OperatorError(
                "backup-dsn-secret",
                N_("[database] url contiene sslpassword, che non si può dare ai programmi di PostgreSQL senza mostrarla"),
                hint=N_("usare una chiave TLS senza password, leggibile dal solo utente del nodo, e togliere sslpassword"),
            )  # fmt: skip
        if name == "password":
            given = value
        elif name in _KEYWORDS:
            kept.append(("dbname" if name == "database" else name, value))
        elif _SETTING.fullmatch(name):
            # asyncpg makes a setting of the session of whatever it does not know, for example the role.
            settings.append(f"-c {name}={re.sub(_ODD, _ESCAPED, value)}")
    query = urlencode(kept, safe="/")
    address = urlunsplit((parts.scheme, f"{user}{at}{hosts}", parts.path, query, ""))
    # The library drops the two slashes of an empty host.
    address = address if "://" in address else address.replace(":", "://", 1)
    return Login(address, given, " ".join(settings))


def _failed(program: str, status: int, said: IO[bytes]) -> OperatorError:
    said.seek(0)
    text = said.read(65_536).decode("utf-8", "replace")
    reason = next((why for pattern, why in _REASONS.items() if re.search(pattern, text)), N_("motivo non riconosciuto"))
    return OperatorError(
        "backup-program-failed",
        N_("{program} non è riuscito (stato {status}): {reason}"),
        hint=N_("correggere e ripetere: ciò che era stato cominciato è stato tolto, e la base dati del nodo non è cambiata"),
        program=program,
        status=status,
        reason=Said(reason),
    )  # fmt: skip


class Run:
    """One run of a program, that somebody else may end."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    def end(self) -> None:
        """End the program, if it still runs; what it was doing fails."""
        self._ended = True
        if self._process is not None:
            self._process.kill()

    @contextmanager
    def _of(self, words: Sequence[str], login: Login, **pipes: int) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:  # fmt: skip
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(words, stderr=said, env=login.environment(), **pipes)  # type: ignore[call-overload]  # noqa: S603 - found by us, its words are ours
            self._process = process
            if self._ended:
                process.kill()
            try:
                yield process, said
            finally:
                # Whatever goes wrong here, no program is left behind.
                process.kill()
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        with contextlib.suppress(OSError):
                            pipe.close()
                process.wait()

    def dump(self, programs: Programs, dsn: str, snapshot: str) -> Iterator[bytes]:
        """Yield a database as others' snapshot sees it, as an archive. Raises: OperatorError(backup-program-failed)."""
        login = login_of(dsn)
        words = [str(programs.folder / "pg_dump"), "--format=custom", f"--snapshot={snapshot}", "--no-password", "--lock-wait-timeout=60000", f"--dbname={login.address}"]  # fmt: skip
        with self._of(words, login, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as (process, said):
            assert process.stdout is not None  # noqa: S101 - it was asked for
            while piece := os.read(process.stdout.fileno(), PIECE):
                yield piece
            status = process.wait()
            if status:
                raise _failed("pg_dump", status, said)

    def restore(self, programs: Programs, dsn: str, archive: Iterable[bytes], section: str) -> None:
        """Put one section of an archive into a database, whole or not at all; only as much of it is read as that takes.

        Raises: OperatorError(backup-program-failed).
        """
        login = login_of(dsn)
        words = [str(programs.folder / "pg_restore"), f"--section={section}", "--single-transaction", "--no-owner", "--no-privileges", "--no-password", f"--dbname={login.address}"]  # fmt: skip
        with self._of(words, login, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as (process, said):
            assert process.stdin is not None  # noqa: S101 - it was asked for
            # A program that ended early says why.
            with contextlib.suppress(BrokenPipeError):
                for piece in archive:
                    process.stdin.write(piece)
                process.stdin.close()
            status = process.wait()
            if status:
                raise _failed("pg_restore", status, said)
