"""Fixtures: one embedded PostgreSQL per test process, one template database, a clone for each test that asks."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import hypothesis
import pytest
import structlog

from node.domain.folding import fold
from node.store import embedded
from node.store.postgres import Connection, Pool, migrate, open_pool
from tests import canary
from tests.size import size

# Machines are shared and slow at times: an example's time is no property; the test's own timeout bounds it.
# Where a test does not say how many examples it wants, `make test` tries 30, and all others the library's hundred (tests/size.py).
hypothesis.settings.register_profile("rete", deadline=None, max_examples=size(30, 100))
# Few and always the same: what a mutant does is asked thousands of times.
# On a busy machine examples that are made slowly are no mutant that was seen.
hypothesis.settings.register_profile(
    "mutants",
    deadline=None,
    max_examples=25,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile(os.environ.get("RETE_HYPOTHESIS", "rete"))
PURE = (Path(__file__).parent / "domain", Path(__file__).parent / "protocol")
TEMPLATE = "rete_template"
MEMORY_NEEDED_BYTES = 4 * 2**30
NO_BROWSER = "no browser at"
EXTERNAL = os.environ.get("RETE_TEST_DATABASE_URL")


def dsn_of(base: str, database: str) -> str:
    """The DSN of another database on the same server."""
    head, _, query = base.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{database}" + (f"?{query}" if query else "")


async def make_template(base: str, name: str, source: str = "template1") -> str:
    """Make a migrated database that others can be copies of, from one that is less; return its DSN."""
    admin = await asyncpg.connect(dsn_of(base, "postgres"))
    try:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
    finally:
        await admin.close()
    conn = await asyncpg.connect(dsn_of(base, name))
    try:
        await migrate(conn)
    finally:
        await conn.close()
    return dsn_of(base, name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests whose lines are counted: those of the pure rooms are held to cover them without anybody's help.

    Tests of hundreds of examples are marked ``many``: the first dozen have been everywhere, and traced code takes more than
    twice its time. Counted and uncounted run apart: a tracer that is stopped and started again can wait for itself for ever.
    """
    for item in items:
        if any(item.path.is_relative_to(room) for room in PURE) and item.get_closest_marker("many") is None:
            item.add_marker("counted")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud at the end that pages were not tried in a browser."""
    skipped = terminalreporter.getreports("skipped")
    if any(NO_BROWSER in str(report.longrepr) for report in skipped):
        terminalreporter.section("NO BROWSER", sep="!", red=True, bold=True)
        terminalreporter.line("The pages were NOT tried in a browser: apt-get install chromium, then again.")


@pytest.fixture(autouse=True)
def _own_log() -> None:
    """No test writes its log into the captured output of an earlier one, which a command was given and is closed."""
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _databases_go() -> Iterator[None]:
    """What a test has made of databases goes with it, after all that hangs on them; those of wider fixtures stay."""
    before = sys.modules.get("tests.federation_made")
    count = len(before.MADE) if before is not None else 0
    yield
    made = sys.modules.get("tests.federation_made")
    if made is not None and len(made.MADE) > count:
        asyncio.run(made.drop_since(count))


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder of this test's own.

    Not below pytest's: that one is closed to other users at each start of a test session, and as root the embedded
    server runs as another user. In memory where there is plenty: homes and clusters made here wait for no disk, and what
    crash tests kill are processes, after which memory holds what a disk would.
    """
    folder = Path(tempfile.mkdtemp(prefix="rete-test-", dir=_fast_place()))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A DSN base of a running server whose template database is migrated (RETE_TEST_DATABASE_URL uses another one)."""
    if EXTERNAL:
        asyncio.run(make_template(EXTERNAL, TEMPLATE))
        yield EXTERNAL
        return
    folder = Path(tempfile.mkdtemp(prefix="rete-test-", dir=_fast_place()))
    try:
        with embedded.lease(folder / "cluster") as cluster:
            base = cluster.dsn("postgres")
            asyncio.run(_speed_up(base))
            asyncio.run(make_template(base, TEMPLATE))
            yield base
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fast_place() -> str | None:
    """Return where a throw-away cluster costs no disk: memory, if there is plenty; else the usual place."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > MEMORY_NEEDED_BYTES else None


async def _speed_up(base: str) -> None:
    # Durability of a throw-away test cluster is worth nothing; crash tests start clusters of their own.
    admin = await asyncpg.connect(base)
    try:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            await admin.execute(f"ALTER SYSTEM SET {setting} = off")
        await admin.execute("SELECT pg_reload_conf()")
    finally:
        await admin.close()


@pytest.fixture(scope="session")
def desk_listed(server: str) -> str:
    """A database with the register of Lecce's province and ten networks of its office, and no node's log yet."""
    # Most tests need none of it.
    from tests.office_made import lecce, make_desk_template

    return asyncio.run(make_desk_template(server, "rete_desk_lecce", lecce()))


@pytest.fixture
def template() -> str:
    """The database that this test's own is a copy of; where tests begin alike, what they begin with is made once."""
    return TEMPLATE


@pytest.fixture
async def db(server: str, template: str) -> AsyncIterator[str]:
    """The DSN of a migrated database of this test's own."""
    name = f"t_{uuid.uuid4().hex[:16]}"
    admin = await asyncpg.connect(dsn_of(server, "postgres"))
    try:
        # By its files: for a database that is written no more, quicker than by its pages.
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        canary.HEARD.forget()
        lines = await canary.server_log(admin)
        begun = lines.stat().st_size if lines else 0
        yield dsn_of(server, name)
        await _nothing_private_was_said(dsn_of(server, name), canary.lines_since(lines, begun))
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await admin.close()


async def _nothing_private_was_said(dsn: str, server_lines: bytes) -> None:
    """Hold all that this test's nodes and their database server said against the names, codes and people of its own registry."""
    said = bytes(canary.HEARD.said) + server_lines
    if not said:
        return
    conn = await asyncpg.connect(dsn)
    try:
        terms = {row["text"] for row in await conn.fetch("SELECT text FROM registry.secret_term")}
    finally:
        await conn.close()
    # Shorter ones are words of the language.
    assert not canary.found(said, (term for term in terms if len(fold(term)) >= 8))


@pytest.fixture
async def pool(db: str) -> AsyncIterator[Pool]:
    """A pool on this test's database."""
    pool = await open_pool(db, max_size=4)
    try:
        yield pool
    finally:
        pool.terminate()


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[Connection]:
    """One connection on this test's database."""
    async with pool.acquire() as connection:
        yield connection
