"""Freeze the newest figures as the release of a day: what somebody cites stays as it was.

In: the time. Out: the release of that day, its digest the SHA-256 of its document. Rules: a day has one release; asked again, it is
the same one, whatever changed since; releases are never changed and never taken back.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from node.config import Config
from node.domain.observatory.figures import encode
from node.errors import N_, OperatorError
from node.flows.observatory.build import ITALY, More, build
from node.store import observatory
from node.store.observatory import Release
from node.store.postgres import Connection, Pool, acquire, run_tx

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Released:
    """The release of a day, and whether it is new."""

    release: Release
    is_new: bool


async def release(pool: Pool, config: Config, now: dt.datetime, more: Sequence[More] = ()) -> Released:
    """Return the release of today, frozen from figures that are made for it where there is none yet."""
    name = now.astimezone(ITALY).date().isoformat()
    known = await _known(pool, name)
    if known is not None:
        return Released(known, is_new=False)
    figures = (await build(pool, config, now, more)).figures
    document = await asyncio.to_thread(encode, figures)
    made = Release(name, figures.as_of, now.replace(microsecond=0), hashlib.sha256(document).hexdigest())

    async def work(conn: Connection) -> bool:
        return await observatory.add_release(conn, made, document)

    is_new = await run_tx(pool, work)
    standing = made if is_new else await _known(pool, name)
    if standing is None:
        # Somebody else's of the same moment, and gone again: nothing of ours takes releases back.
        raise OperatorError("release-gone", N_("la pubblicazione di oggi è stata tolta mentre si faceva"))
    if is_new:
        logger.info("observatory.released", release=name, digest=made.digest)
    return Released(standing, is_new)


async def _known(pool: Pool, name: str) -> Release | None:
    async with acquire(pool) as conn:
        found = await observatory.release(conn, name)
    return found[0] if found else None
