"""Debian's pgbouncer in front of the tests' server: started for a test, with the settings that docs/processes.md tells."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.standby_made import _user

PROGRAM = shutil.which("pgbouncer")
PORT = 6432
# As docs/processes.md has them; the address, the login and where it listens are the test's.
SETTINGS = """
[databases]
* = host={server}

[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
listen_port = 6432
auth_type = trust
auth_file = {folder}/users.txt
pidfile = {folder}/pid
logfile = {folder}/log
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 200
ignore_startup_parameters = jit
"""
PREPARED = "max_prepared_statements = 200\n"


def version() -> tuple[int, ...]:
    """Which one is installed; nothing: none is."""
    if PROGRAM is None:
        return ()
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True, timeout=10).stdout
    found = re.search(r"PgBouncer (\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else ()


def through(dsn: str, folder: Path) -> str:
    """The DSN of a database of the tests' server by way of the pgbouncer whose folder this is."""
    name = dsn.partition("?")[0].rpartition("/")[2]
    return f"postgresql://postgres@/{name}?host={folder}&port={PORT}"


@contextmanager
def bouncer(dsn: str, folder: Path, mode: str, size: int = 60) -> Iterator[Path]:
    """A pgbouncer in front of the server of ``dsn``, with so many connections to it; its folder."""
    assert PROGRAM is not None
    folder.mkdir()
    if user := _user():
        shutil.chown(folder, user)
    text = SETTINGS.format(server=dsn.partition("host=")[2], folder=folder, mode=mode, size=size)
    (folder / "ini").write_text(text + (PREPARED if version() >= (1, 21) else ""), encoding="utf-8")
    (folder / "users.txt").write_text('"postgres" ""\n', encoding="utf-8")
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen([PROGRAM, str(folder / "ini")], stdout=out, stderr=out, user=user)
    try:
        deadline = time.monotonic() + 20
        while not (folder / f".s.PGSQL.{PORT}").exists():
            assert process.poll() is None, (folder / "out").read_text(encoding="utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield folder
    finally:
        process.kill()
        process.wait()
