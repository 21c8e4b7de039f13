"""One address of several database servers: which of them is the one, found without waiting long for one that says nothing.

In: a DSN, whose host may be several (``postgresql://a,b/rete?target_session_attrs=read-write``). Out: a connection to the first that answers
and is what is asked for. Rules: the servers are tried in their order, the next one ``STAGGER_S`` after the last; whoever comes second is let
go. Why not the library's own way: it tries one after the other without a limit for each, so that a machine that was switched off, and
refuses nothing, keeps everybody from the one that took its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

STAGGER_S: Final = 0.3
# A server's machine that is gone without a word is noticed after so long by whoever waits for it, asked or not.
SILENT_S: Final = 15
# What says that a server is not there or not the one that is asked for: another one may be.
_NEXT: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def servers(dsn: str) -> list[str]:
    """Return a DSN of each server that a DSN names, in its order; one that names one, or none, is itself.

    Hosts stand in the address or in ``host``; ports beside them or in ``port``, one for all or one for each, as PostgreSQL's library reads them.
    """
    parts = urlsplit(dsn)
    login, at, named = parts.netloc.rpartition("@")
    query = parse_qsl(parts.query, keep_blank_values=True)
    given = dict(query)
    hosts = [host for host in (named or given.get("host", "")).split(",") if host]
    if len(hosts) < 2:
        return [dsn]
    ports = given.get("port", "").split(",")
    ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    kept = [(name, value) for name, value in query if name not in ("host", "port")]
    found = []
    for host, port in zip(hosts, ports, strict=True):
        own = [*kept, *([("port", port)] if port else [])]
        where = host if named else ""
        if not named:
            own.append(("host", host))
        made = urlunsplit((parts.scheme, f"{login}{at}{where}", parts.path, urlencode(own, safe="/"), ""))
        # The library drops the two slashes of an empty host.
        found.append(made if "://" in made else made.replace(":", "://", 1))
    return found


async def connect(dsn: str, *, timeout: float, **settings: Any) -> asyncpg.Connection:  # noqa: ASYNC109 - as the library names it
    """Return a connection to the first server of ``dsn`` that answers within ``timeout`` seconds and is what the DSN asks for.

    Raises: what the last of them raised, TimeoutError when none has answered in time; for an address that can't be read
    asyncpg.ClientConfigurationError, which does not repeat it.
    """
    try:
        there = servers(dsn)
    except ValueError:
        raise _unreadable() from None
    if len(there) == 1:
        return _watched(await _one(dsn, timeout=timeout, **settings))
    tries: list[asyncio.Task[asyncpg.Connection]] = []
    try:
        async with asyncio.timeout(timeout):
            return _watched(await _first(there, tries, {**settings, "timeout": timeout}))
    finally:
        for one in tries:
            one.cancel()
        for one in tries:
            with contextlib.suppress(asyncio.CancelledError, *_NEXT):
                # One that came too late is let go; the one that is returned has left the list.
                (await one).terminate()


async def _one(dsn: str, **settings: Any) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(dsn, **settings)
    except asyncpg.InterfaceError:
        raise
    except ValueError:
        # It would repeat what it takes for a port or a host: of a password that was not written as an address has it, a part of that.
        raise _unreadable() from None


def _unreadable() -> asyncpg.ClientConfigurationError:
    return asyncpg.ClientConfigurationError("the address can't be read: host, port, or signs like / # ? @ in the password that are not written as %2F %23 %3F %40")  # fmt: skip


async def _first(
    there: list[str], tries: list[asyncio.Task[asyncpg.Connection]], settings: dict[str, Any]
) -> asyncpg.Connection:
    waiting = list(there)
    failed: BaseException = TimeoutError()
    while waiting or tries:
        if waiting:
            tries.append(asyncio.ensure_future(_one(waiting.pop(0), **settings)))
        done, _ = await asyncio.wait(tries, timeout=STAGGER_S if waiting else None, return_when=asyncio.FIRST_COMPLETED)
        # In their order: of two that answered together the earlier one is meant.
        for one in [one for one in tries if one in done]:
            error = one.exception()
            if error is None:
                tries.remove(one)
                return one.result()
            if not isinstance(error, _NEXT):
                raise error
            tries.remove(one)
            failed = error
    raise failed


def _watched(conn: asyncpg.Connection) -> asyncpg.Connection:
    """Have the system notice that the other end of a connection is gone: PostgreSQL's own library does by settings of its DSN, this one does not."""
    road = conn._transport.get_extra_info("socket")  # noqa: SLF001 - there is no public way
    if road is not None and road.family != socket.AF_UNIX:
        road.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_KEEPIDLE", SILENT_S // 3), ("TCP_KEEPINTVL", SILENT_S // 3), ("TCP_KEEPCNT", 2), ("TCP_USER_TIMEOUT", SILENT_S * 1000),
        ):  # fmt: skip
            # Not every system has each of them.
            if hasattr(socket, name):
                road.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return conn
