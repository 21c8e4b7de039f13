"""A server that follows another one for real: a base backup of the tests' PostgreSQL, started beside it; paused, killed, promoted."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from node.store import embedded
from node.store.embedded import PROGRAMS, Cluster
from tests.conftest import make_template

DATABASE = "rete"
# Durability of a throw-away cluster is worth nothing, as long as nobody pulls the plug of the machine.
QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_keep_size": "'1GB'",
    "max_wal_senders": "10",
    "hot_standby_feedback": "on",
}


def _user() -> str | None:
    return "embedded_postgres" if os.geteuid() == 0 else None


@contextmanager
def server_at(folder: Path) -> Iterator[Cluster]:
    """A server of its own, which may be killed meanwhile."""
    with embedded.lease(folder) as cluster:
        yield cluster


async def begin(cluster: Cluster) -> str:
    """Make a migrated database on a new server, and let it be followed; return its DSN."""
    admin = await asyncpg.connect(cluster.dsn("postgres"))
    try:
        for setting, value in QUICK.items():
            await admin.execute(f"ALTER SYSTEM SET {setting} = {value}")
        await admin.execute("SELECT pg_reload_conf()")
    finally:
        await admin.close()
    return await make_template(cluster.dsn("postgres"), DATABASE)


def copy(cluster: Cluster, folder: Path, name: str = "standby") -> None:
    """Make a base backup that follows a server under a name once it is started."""
    folder.mkdir(parents=True, mode=0o700)
    if user := _user():
        shutil.chown(folder, user)
    words = [str(PROGRAMS / "pg_basebackup"), "-D", str(folder), "-R", "-X", "stream", "-c", "fast"]
    login = f"host={cluster.socket_dir} user=postgres application_name={name}"
    subprocess.run([*words, "-d", login], check=True, user=user, capture_output=True, timeout=60)
    # A socket stands in a server's folder, and its lock is copied as any file.
    for lock in folder.glob(".s.PGSQL.*"):
        lock.unlink()


def kill(folder: Path) -> None:
    """End a server and all its sessions by SIGKILL, as a machine that loses its power does."""
    family = _family(folder)
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(family, timeout=10)


def _family(folder: Path) -> list[psutil.Process]:
    """Return a server and all its sessions; nothing of one that does not run."""
    try:
        process = psutil.Process(int((folder / "postmaster.pid").read_text(encoding="utf-8").split()[0]))
        return [process, *process.children(recursive=True)] if process.name() == "postgres" else []
    except (psutil.NoSuchProcess, FileNotFoundError):
        return []


@contextmanager
def stopped(folder: Path) -> Iterator[None]:
    """Let a server and all its sessions stand still for a while."""
    family = _family(folder)
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.suspend()
    try:
        yield
    finally:
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.resume()


def promote(folder: Path) -> None:
    """Let a server follow nobody any more; return when it takes writes."""
    embedded._control(folder.resolve(), "-w", "promote")


@dataclass(frozen=True)
class Standby:
    """A running server that follows another one."""

    cluster: Cluster

    @property
    def dsn(self) -> str:
        """Where the node's database is on it."""
        return self.cluster.dsn(DATABASE)

    async def tell(self, statement: str) -> object:
        """Ask it something as its superuser."""
        conn = await asyncpg.connect(self.dsn)
        try:
            return await conn.fetchval(statement)
        finally:
            await conn.close()


@contextmanager
def standby_of(cluster: Cluster, folder: Path, name: str = "standby") -> Iterator[Standby]:
    """A server that follows another one."""
    copy(cluster, folder, name)
    with server_at(folder) as made:
        yield Standby(made)


async def until_follows(primary: str, standby: Standby) -> None:
    """Wait until a standby has all that the primary has now."""
    conn = await asyncpg.connect(primary)
    try:
        position = await conn.fetchval("SELECT pg_current_wal_lsn()::text")
    finally:
        await conn.close()
    deadline = time.monotonic() + 30
    while not await standby.tell(f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn"):
        assert time.monotonic() < deadline
