"""Opening a node: what the database does wrong is one clear line for the operator."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import asyncpg
import pytest

from node.config_places import CONFIG_FILE
from node.errors import OperatorError, RoadWrongError
from node.flows.upkeep.home import Facts, make_home
from node.peers.client import PeerClient
from node.runtime import open_node


@pytest.fixture
def home(db: str, tmp_path: Path) -> Path:
    """A home on this test's database."""
    home = tmp_path / "home"
    make_home(home, Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), "127.0.0.1:8441", 8441, 2026, db))
    return home


async def spoil(db: str, sql: str) -> None:
    """Do to the database what nobody should."""
    conn = await asyncpg.connect(db)
    await conn.execute(sql)
    await conn.close()


async def fails(home: Path, error: BaseException | None = None) -> OperatorError:
    """The error with which opening the node, or a command in it, ends."""
    with pytest.raises(OperatorError) as caught:
        async with open_node(home):
            if error is not None:
                raise error
    return caught.value


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (asyncpg.DiskFullError("could not write: secret"), "database-disk-full"),
        (asyncpg.AdminShutdownError("secret"), "database-failed"),
        (asyncpg.InterfaceError("secret"), "database-failed"),
        (asyncpg.InternalClientError("secret"), "database-failed"),
        (BaseExceptionGroup("tasks", [asyncpg.InternalClientError("secret")]), "database-failed"),
    ],
)
async def test_a_database_that_fails_under_a_command_is_told_without_its_words(
    home: Path, error: BaseException, code: str
) -> None:
    """The kind of error and that repeating is safe; never what the server quoted, nor that nothing was written."""
    told = await fails(home, error)
    assert told.code == code
    assert "ripeterlo è sicuro" in told.render()[2]
    assert "secret" not in str(told.render())
    assert "nulla" not in str(told.render())


@pytest.mark.parametrize(
    "sql",
    [
        # Enrolment finds no table; the migrations find one that is not theirs.
        "DROP TABLE log.origin CASCADE",
        "DELETE FROM ops.migration WHERE number > 2",
    ],
)
async def test_a_database_that_is_not_as_it_should_be_is_told_when_opening(home: Path, db: str, sql: str) -> None:
    """Migration and enrolment are guarded like the command itself."""
    await spoil(db, sql)
    assert (await fails(home)).code == "database-failed"


async def test_other_errors_pass_as_they_are(home: Path) -> None:
    """A bug is not the database's fault."""
    with pytest.raises(KeyError):
        async with open_node(home):
            raise KeyError("x")


async def test_what_a_node_asks_of_others_is_bounded_as_configured(home: Path) -> None:
    """Its own time limit, and this machine's own addresses only where there is nothing to protect."""
    file = home / CONFIG_FILE
    text = file.read_text(encoding="utf-8")
    assert "request_timeout_s = 30" in text
    file.write_text(text.replace("request_timeout_s = 30", "request_timeout_s = 7"), encoding="utf-8")
    async with open_node(home) as node:
        section = dataclasses.replace(node.config.node, environment="production")
        strict = dataclasses.replace(node, configured=dataclasses.replace(node.config, node=section))
        for opener, code in ((node, "road-refused"), (strict, "road-address-refused")):
            async with opener.session() as session:
                assert session.timeout.total == 7
                with pytest.raises(RoadWrongError) as caught:
                    await PeerClient(session, "http://127.0.0.1:9").get("/x", max_bytes=10)
            assert caught.value.code == code
