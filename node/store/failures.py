"""A database that fails under a command: one line for the operator who must mend it, never a traceback.

In: whatever was raised. Out: the same, or an error with what to do. The web says it in its own way (``web/middleware``). Rules: the
server's own words may quote rows, so that only the kind of error is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import asyncpg

from node.errors import N_, CallerError, OperatorError, ReteError
from node.store.postgres import UNWRITABLE_VALUE, VALUE_BAD


@contextmanager
def told_plainly() -> Iterator[None]:
    """Make of a database that fails under a command one line for the operator who must mend it, never a traceback.

    Raises: OperatorError(database-failed | database-disk-full), CallerError(value-bad).
    """
    try:
        yield
    except BaseException as error:
        failure = _database_failure(error)
        if failure is None:
            raise
        raise _explain(failure) from error


_DatabaseError: TypeAlias = asyncpg.PostgresError | asyncpg.InterfaceError | asyncpg.InternalClientError


def _database_failure(error: BaseException) -> _DatabaseError | None:
    """Return the database error that ``error`` is or, for a group, begins with."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, _DatabaseError) else None


def _explain(error: _DatabaseError) -> ReteError:
    # What was committed before the failure stays, and nobody knows here how far the command came: every flow is safe
    # to run twice, so that is what can be promised.
    if isinstance(error, UNWRITABLE_VALUE):
        return CallerError(
            "value-bad", VALUE_BAD, hint=N_("controllare i caratteri e i numeri scritti nel comando, e ripeterlo")
        )
    if isinstance(error, asyncpg.DiskFullError):
        return OperatorError(
            "database-disk-full",
            N_("il disco della base dati è pieno: il lavoro non è finito"),
            hint=N_("liberare spazio e ripetere il comando: ripeterlo è sicuro, e ciò che era già scritto resta"),
        )
    return OperatorError(
        "database-failed",
        N_("la base dati ha interrotto il lavoro ({kind})"),
        hint=N_("controllare che PostgreSQL sia acceso e ripetere il comando: ripeterlo è sicuro"),
        kind=type(error).__name__,
    )
