"""A look at a node from all sides, for the doctor to judge (node/flows/upkeep/doctor.py).

In: a pool, the home, the configuration, the own log, the members, the index, the time. Out: what was seen. Nothing is changed, nobody
else is asked: it can be done at any moment, and costs a few small statements.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from node.config import Config
from node.config_places import CONFIG_FILE
from node.domain.days import day_number
from node.domain.roles import Role
from node.errors import ReteError
from node.flows.introductions import post_board
from node.flows.logs import board, own_log
from node.flows.logs.append import OwnLog
from node.flows.logs.own_log import OwnState
from node.flows.searching import indexing
from node.flows.trust import agreement_board
from node.flows.trust.agreement_board import Glance
from node.flows.upkeep import audit, backup_shelf
from node.flows.upkeep.audit import Verdict
from node.flows.upkeep.backup_shelf import Shelf
from node.flows.upkeep.findings import Disk, Index, Seen
from node.flows.upkeep.jobs import Schedule
from node.protocol.member import Membership
from node.store import accounts, certificate, doctor, keyfiles, leader, statistics
from node.store import indexing as index_state
from node.store.postgres import Connection, Pool, acquire
from node.store.replica import Replica
from node.store.text_index import TextIndex


@dataclass(frozen=True, slots=True)
class Place:
    """Which node is looked at."""

    pool: Pool
    home: Path
    config: Config
    membership: Membership
    index: TextIndex
    replica: Replica | None = None


async def look(place: Place, own: OwnLog, now: dt.datetime, schedule: Schedule | None) -> Seen:
    """Return what there is to see. Raises: OperatorError(database-unreachable)."""
    async with acquire(place.pool) as conn:
        server, mailed = await doctor.server(conn), await doctor.mailed(conn)
        introductions = await doctor.introductions(conn, day_number(now.date()))
        people = await accounts.list_all(conn, now)
        index = await _index(conn, place.index, now)
        told = await statistics.newest_day(conn)
        lead = await leader.standing(conn)
    keys = place.home / place.config.federation.keys
    return Seen(
        now=now,
        home=place.home,
        config=place.config,
        server=server,
        disks=await asyncio.to_thread(_disks, place),
        keys=await asyncio.to_thread(_failure, keys),
        exposed=await asyncio.to_thread(_exposed, place),
        mail_secret=await asyncio.to_thread(_mail_failure, place),
        log=await _log(place, own),
        peers=tuple(await board.read(place.pool, own, now)),
        index=index,
        mailed=mailed,
        chain=await _chain(place),
        administrators=sum(
            Role.ADMINISTRATOR in person.roles
            and person.disabled_at is None
            and (person.has_password or person.external_name is not None)
            for person in people
        ),
        schedule=schedule,
        lead=lead,
        backups=await backups(place),
        introductions=introductions,
        post=tuple(await post_board.read(place.pool, place.membership, now)),
        agreement=await _agreement(place),
        statistics_day=told,
        certificate=await certificate_end(place.home, place.config),
        replica=await place.replica.look_closely() if place.replica is not None else None,
    )


async def backups(place: Place) -> Shelf | ReteError | None:
    """Return which backups there are, why that can't be seen, or None where the node makes none by itself."""
    if not backup_shelf.is_on(place.config):
        return None
    try:
        await asyncio.to_thread(backup_shelf.passphrase_of, place.home, place.config)
        return await backup_shelf.read(place.home, place.config)
    except ReteError as error:
        return error


async def certificate_end(home: Path, config: Config) -> dt.datetime | ReteError | None:
    """Return until when the site's certificate is good, why that can't be read, or None where it is not watched."""
    if not config.metrics.certificate:
        return None
    try:
        return await asyncio.to_thread(certificate.not_after, home / config.metrics.certificate)
    except ReteError as error:
        return error


async def _agreement(place: Place) -> Glance | None:
    async with acquire(place.pool) as conn:
        found = await agreement_board.glance(conn)
    if found is None:
        return None
    held = await asyncio.to_thread(_own_keys, place.home / place.config.federation.keys)
    return replace(found, own_keys=held)


def _own_keys(folder: Path) -> Mapping[str, tuple[bytes, ...]] | None:
    """Return this node's public keys on disk by role; None where they can't be read: ``_failure`` says why."""
    try:
        found = keyfiles.read_all(folder)
    except ReteError:
        return None
    signing = {
        r: tuple(key.public_key().public_bytes_raw() for key in held.values()) for r, held in found.signing.items()
    }
    return {**signing, "seal": tuple(key.public.x25519 for key in found.seals.values())}


async def _index(conn: Connection, index: TextIndex, now: dt.datetime) -> Index:
    state = await index_state.state(conn)
    worth = await index_state.is_worth_it(conn, indexing.WORTH)
    return Index(worth, worth and await asyncio.to_thread(indexing.may_answer, index, state, now))


async def _log(place: Place, own: OwnLog) -> OwnState | ReteError:
    try:
        return await own_log.read(place.pool, own, place.membership)
    except ReteError as error:
        return error


async def _chain(place: Place) -> Verdict | ReteError:
    try:
        return await audit.glance(place.pool, place.home)
    except ReteError as error:
        return error


def _disks(place: Place) -> tuple[Disk, ...]:
    used = shutil.disk_usage(place.home)
    return (Disk(place.home, used.free, used.total),)


def _failure(keys: Path) -> ReteError | None:
    try:
        keyfiles.read_all(keys)
    except ReteError as error:
        return error
    return None


def _mail_failure(place: Place) -> ReteError | None:
    mail = place.config.mail
    if not (mail.host and mail.user):
        return None
    try:
        keyfiles.read_password(place.home / mail.password_file)
    except ReteError as error:
        return error
    return None


def _exposed(place: Place) -> tuple[Path, ...]:
    """Return the folder of keys, and a configuration that holds a password, where other users may look into them."""
    held = [place.home / place.config.federation.keys]
    if "@" in place.config.database.url:
        held.append(place.home / CONFIG_FILE)
    return tuple(path for path in held if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077)
