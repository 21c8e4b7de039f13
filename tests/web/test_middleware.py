"""What every request passes: whatever fails, the caller gets one clear document."""

from __future__ import annotations

import asyncio

import asyncpg
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from node.store.postgres import Pool, acquire
from node.web.middleware import RETRY_AFTER_S, errors

FAULTS: dict[str, tuple[type[BaseException], int, str]] = {
    "shutdown": (asyncpg.AdminShutdownError, 503, "database-unavailable"),
    "crash": (asyncpg.CrashShutdownError, 503, "database-unavailable"),
    "starting": (asyncpg.CannotConnectNowError, 503, "database-unavailable"),
    "canceled": (asyncpg.QueryCanceledError, 503, "database-unavailable"),
    "crowded": (asyncpg.TooManyConnectionsError, 503, "database-unavailable"),
    "full": (asyncpg.DiskFullError, 503, "database-unavailable"),
    "standby": (asyncpg.ReadOnlySQLTransactionError, 503, "database-unavailable"),
    "lost": (asyncpg.ConnectionDoesNotExistError, 503, "database-unavailable"),
    "client": (asyncpg.InternalClientError, 503, "database-unavailable"),
    "slow": (TimeoutError, 503, "database-unavailable"),
    "ours": (asyncpg.NotNullViolationError, 500, "internal-error"),
    "bug": (KeyError, 500, "internal-error"),
}


async def ask(handler: object, path: str) -> tuple[int, dict[str, object], str | None]:
    """Status, problem document and Retry-After of one request to an application with one handler."""
    app = web.Application(middlewares=[errors])
    app.router.add_get("/{name}", handler)  # type: ignore[arg-type]
    async with TestClient(TestServer(app)) as client:
        reply = await client.get(path)
        return reply.status, orjson.loads(await reply.read()), reply.headers.get("Retry-After")


@pytest.mark.parametrize("name", FAULTS)
async def test_a_database_that_is_away_is_503_and_a_bug_is_500(name: str) -> None:
    """Who may try again is told when; nobody is told what the server said."""
    fault, status, code = FAULTS[name]

    async def handler(request: web.Request) -> web.StreamResponse:
        raise fault("row (secret)")

    got, document, retry = await ask(handler, f"/{name}")
    assert (got, document["code"]) == (status, code)
    assert retry == (str(RETRY_AFTER_S) if status == 503 else None)
    assert "secret" not in str(document)


async def test_a_backend_that_is_really_ended_is_503(pool: Pool) -> None:
    """The administrator stops the server under a query."""

    async def handler(request: web.Request) -> web.StreamResponse:
        async with acquire(pool) as conn:
            await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return web.Response()

    async with asyncio.timeout(20):
        status, document, retry = await ask(handler, "/x")
    assert (status, document["code"], retry) == (503, "database-unavailable", str(RETRY_AFTER_S))
