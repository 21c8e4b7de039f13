"""Who acts: the name under which the register is changed for the time of one request or one command.

In: the name of whoever signed in, or what a command was told. Out: that name, told to the database inside the transaction that
changes something (``rete.officer``), whose triggers write it into the history and the chain of decisions. Why a context and not an
argument: a name that a caller could forget would be missing just where somebody is looked for; here one place of the pages
(web/sessions) and one of the commands (cli/officer) name whoever acts, for all that is done below them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from node.store import accounts
from node.store.postgres import Connection

_NAME: ContextVar[str] = ContextVar("acting", default="")


@contextmanager
def acting(name: str) -> Iterator[None]:
    """Let somebody act until the end of the block; requests and commands beside it have names of their own."""
    token = _NAME.set(name)
    try:
        yield
    finally:
        _NAME.reset(token)


def who() -> str:
    """Return who acts, empty where nobody was named."""
    return _NAME.get()


async def tell(conn: Connection) -> None:
    """Tell the database who acts, until the caller's transaction ends."""
    await accounts.act_as(conn, _NAME.get())
