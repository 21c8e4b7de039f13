"""Logs tell what failed and where, and never a private value."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import asyncpg
import pytest
import structlog

from node import telemetry
from node.errors import N_, CallerError, OperatorError
from node.store.postgres import Connection
from node.telemetry import _LibraryLine, configure, tell

SECRET = "Caseificio Segreto"  # noqa: S105 - a firm's name


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Tell that it is one."""
        return True


@pytest.fixture
def written() -> Iterator[Callable[[io.StringIO], io.StringIO]]:
    """Sends logs to a stream for one test."""

    def to(stream: io.StringIO) -> io.StringIO:
        configure(stream=stream)
        return stream

    root = logging.getLogger()
    before = list(root.handlers)
    yield to
    root.handlers[:] = before
    structlog.reset_defaults()


async def fail(conn: Connection, firm: str) -> None:
    """Fail as a database does when it quotes the row it refuses."""
    await conn.execute("CREATE TEMP TABLE firms (n int NOT NULL, name text)")
    await conn.execute("INSERT INTO firms VALUES (NULL, $1)", firm)


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
async def test_a_refused_row_is_told_by_its_code_alone(
    conn: Connection, written: Callable[[io.StringIO], io.StringIO], stream: type[io.StringIO]
) -> None:
    """Type, SQLSTATE and place, in JSON and on a terminal; no DETAIL, no local variable, no source line."""
    log = written(stream())
    contact = SECRET
    try:
        await fail(conn, contact)
    except asyncpg.PostgresError as error:
        assert SECRET in str(error)
        structlog.get_logger().exception("job.failed", job="x")
    text = log.getvalue()
    assert "NotNullViolationError (sqlstate 23502)" in text
    assert "protocol.pyx" in text
    assert SECRET not in text
    assert "Failing row" not in text
    if stream is io.StringIO:
        assert json.loads(text)["exception"].startswith("asyncpg.exceptions.NotNullViolationError")


def test_our_own_errors_tell_their_sentence_and_the_whole_chain_its_places() -> None:
    """A cause is named with the frames of ours it passed; what it says is not repeated."""
    try:
        try:
            int(SECRET)
        except ValueError as error:
            raise OperatorError("x-failed", N_("la base dati non risponde: {reason}"), reason="?") from error
    except OperatorError as error:
        lines = tell(error).splitlines()
    assert lines[0] == "node.errors.OperatorError: x-failed: la base dati non risponde: ?"
    assert lines[2] == "because of ValueError"


def test_frames_of_ours_are_named_from_the_package() -> None:
    """A place is a path of the repository with its line."""
    with pytest.raises(CallerError) as caught:
        telemetry.plain(_Raises())
    assert any(line.startswith("  node/errors.py:") for line in tell(caught.value).splitlines())


class _Raises:
    def __str__(self) -> str:
        raise CallerError("x", "x")


def test_groups_tell_their_members() -> None:
    """What a task group gathered is told one by one, and not without end."""
    group = ExceptionGroup(SECRET, [ValueError(SECRET), OSError(28, SECRET), *(KeyError(n) for n in range(50))])
    lines = tell(group).splitlines()
    assert lines[:3] == ["ExceptionGroup", "  | ValueError", "  | OSError (errno 28)"]
    assert len(lines) < 10


def test_words_can_not_add_lines_to_a_log(written: Callable[[io.StringIO], io.StringIO]) -> None:
    """A fact with a line end and an escape is one harmless line on a terminal."""
    log = written(Terminal())
    structlog.get_logger().warning("pull.failed", peer="a\nERROR \x9b2Jforged")
    (line,) = log.getvalue().splitlines()
    assert "ERROR 2Jforged" in line


def test_libraries_speak_by_the_same_rules() -> None:
    """What asyncio says of a lost task: its first line, the type, no repr."""
    with pytest.raises(ValueError) as caught:
        int(SECRET)
    facts = (caught.type, caught.value, caught.tb)
    said = f"Task exception was never retrieved\nfuture: <Task exception={SECRET}>"
    record = logging.LogRecord("asyncio", logging.ERROR, "x", 1, said, None, facts)
    text = _LibraryLine().format(record)
    assert text.splitlines()[:2] == ["ERROR asyncio Task exception was never retrieved", "ValueError"]
    assert SECRET not in text


def test_a_log_level_is_read_in_any_case_and_an_unknown_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset or empty means the default; another word is one clear line that names the variable and what it may be."""
    for said, level in (("debug", "DEBUG"), (" Error ", "ERROR"), ("", "INFO"), (None, "INFO")):
        monkeypatch.delenv("RETE_LOG_LEVEL", raising=False)
        if said is not None:
            monkeypatch.setenv("RETE_LOG_LEVEL", said)
        assert telemetry.level_from_environment("INFO") == level
    monkeypatch.setenv("RETE_LOG_LEVEL", "foo")
    with pytest.raises(OperatorError) as caught:
        telemetry.level_from_environment("INFO")
    what, where, hint = caught.value.render()
    assert (caught.value.code, where) == ("log-level-unknown", "RETE_LOG_LEVEL")
    assert "FOO" in what
    assert "DEBUG" in hint
