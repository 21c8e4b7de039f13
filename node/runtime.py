"""Builds everything once: home folder -> configuration, keys, database pool -> one frozen Node.

In: a home made by ``rete init``. Out: a Node for the time of a ``with`` block; everything is closed at its end, also
when the block fails. There are no globals: whatever a flow needs it takes from here as an argument.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import os
import platform
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import config as configuration
from node import trace
from node.config import Config
from node.config_places import CONFIG_FILE
from node.domain.accounts import derive_key
from node.domain.interop import Rules
from node.domain.observatory import cell_key
from node.domain.observatory.wording import Publisher
from node.domain.saved import leave_key
from node.errors import N_, OperatorError
from node.flows.introductions import casework, post
from node.flows.logs.append import OwnLog
from node.flows.logs.bodies import Progress
from node.flows.logs.pull import Parts
from node.flows.logs.sync import Syncer
from node.flows.people import consumers, oidc
from node.flows.people.sign_in import Settings as SignInSettings
from node.flows.profiles.gate import KnownNames
from node.flows.programme import call_sheets
from node.flows.searching import saved, tell
from node.flows.trust import agreement, agreement_pull, council, council_road
from node.flows.trust.agreement_terms import tightened
from node.flows.trust.key_ring import KeyRing
from node.flows.trust.membership import enrol_members, membership_of, own_member
from node.flows.upkeep import backup
from node.flows.upkeep.checkup import Place
from node.meters import Meters
from node.peers.client import RequestSigner, open_session
from node.peers.mail import MailServer
from node.protocol import request
from node.protocol.member import Cosigner, Member, Membership
from node.store import embedded, highwater, keyfiles, leader, own_log, pin, schemas
from node.store.failures import told_plainly
from node.store.keyfiles import Keys
from node.store.postgres import Pool, acquire, migrate_at, open_pool
from node.store.replica import Reading, Replica
from node.store.text_index import TextIndex

Clock = Callable[[], dt.datetime]
# Derived from the database, and no part of a backup.
INDEX_FOLDER = "index"


@dataclass(frozen=True, slots=True)
class Node:
    """One running node: what flows and faces are built from. ``configured`` is the configuration as written."""

    home: Path
    configured: Config
    ring: KeyRing
    pool: Pool
    dsn: str
    clock: Clock
    own: OwnLog
    membership: Membership
    index: TextIndex
    known: KnownNames = field(default_factory=KnownNames)
    # What this process counts of itself (docs/monitoring.md).
    meters: Meters = field(default_factory=Meters)
    # Where members are [[peer]] tables there is none.
    agreement: agreement.Place | None = None
    # None: what is read comes from the server that is written.
    replica: Replica | None = None

    @property
    def config(self) -> Config:
        """The configuration as it counts now: as written, and no looser than the agreement's terms."""
        return tightened(self.configured, self.membership.terms)

    @property
    def keys(self) -> Keys:
        """The key of each role by which this node speaks now; whoever holds it for long holds an old one."""
        return self.ring.current(self.config.federation.authority)

    @property
    def http_keyid(self) -> str:
        """The key id of this node's request signatures now (PROTOCOL 1)."""
        return self.ring.request_key(self.config.federation.authority)[0]

    def cosigner(self, role: str) -> Cosigner:
        """Return this node's voice as ``witness`` or ``mirror`` now (PROTOCOL 1.2)."""
        return self.ring.cosigner(role, self.config.federation.authority)

    def signing_key(self) -> Ed25519PrivateKey:
        """Return the key by which this node signs requests, and what its office says, now."""
        return self.ring.request_key(self.config.federation.authority)[1]

    def session(self) -> aiohttp.ClientSession:
        """Open the session for all that this node asks of others, for the time of an ``async with``.

        Bounded by [sync] request_timeout_s; only a development node may reach this machine's own addresses.
        """
        return open_session(loopback=self.config.is_trial, total_s=self.config.sync.request_timeout_s)

    def syncer(self, session: aiohttp.ClientSession, progress: Callable[[str], Progress] | None = None) -> Syncer:
        """Return what pulls the other logs for this node."""
        sync = self.config.sync
        parts = Parts(
            validators=schemas.validators(),
            clock=self.clock,
            draw=secrets.SystemRandom().random,
            membership=self.membership,
            mirror=lambda: self.cosigner("mirror"),
            deadline_s=sync.pull_minutes * 60,
        )
        return Syncer(self.pool, session, self.request_signer(), parts, sync.parallel, progress, self.meters.pulled)

    def carrier(self, session: aiohttp.ClientSession, exchange: post.Exchange) -> post.Carrier:
        """Return what carries sealed messages for this node."""
        return post.Carrier(
            pool=self.pool,
            session=session,
            signer=self.request_signer(),
            membership=self.membership,
            seal_of=self.ring.seal_of,
            clock=self.clock,
            draw=secrets.SystemRandom().random,
            exchange=exchange,
        )

    def agreement_road(self, session: aiohttp.ClientSession, origin: str) -> agreement_pull.Road:
        """Return by what this node hears of new versions of the agreement; ``origin`` is its log. Raises: CallerError(agreement-none)."""
        place = council.place_of(self.agreement)
        return agreement_pull.Road(self.pool, place, session, origin, pin.read_joined(self.home))

    def council_road(self, session: aiohttp.ClientSession) -> council_road.Road:
        """Return by what proposals travel from and to this node. Raises: CallerError(agreement-none)."""
        place = council.place_of(self.agreement)
        return council_road.Road(self.pool, place, session, self.request_signer(), self.membership)

    def office(self) -> casework.Office:
        """Return what the cases of introductions need of this node."""
        return casework.Office(self.pool, self.configured, self.membership, self.signing_key, self.known)

    def call_desk(self) -> call_sheets.Desk:
        """Return what the exchange of sheets of a joint call needs of this node."""
        return call_sheets.Desk(self.pool, self.membership, self.signing_key, self.ring.seal_of)

    @property
    def public_url(self) -> str:
        """Where this node answers the public: scheme and authority."""
        trial = self.config.is_trial
        return f"{'http' if trial else 'https'}://{self.config.federation.authority}"

    def publisher(self) -> Publisher:
        """Return as whom and where this node publishes open data."""
        body = self.config.node
        return Publisher(self.public_url, body.name, body.ipa_code or body.id, self.config.web.contact)

    @property
    def reading(self) -> Pool:
        """From where the public reads what may be a moment old: the replica where there is one and it may answer, else ``pool``."""
        return self.pool if self.replica is None else Reading(self.replica)

    def place(self) -> Place:
        """Return what the doctor looks at."""
        return Place(self.pool, self.home, self.config, self.membership, self.index, self.replica)

    def kept(self) -> backup.Place:
        """Return what a backup holds."""
        return backup.Place(self.home, self.config, self.dsn)

    def saved_settings(self) -> saved.Settings:
        """Return what saved searches need to know of this node."""
        return saved.Settings(
            node=self.config.node.name,
            base_url=self.public_url,
            leave_key=leave_key(self.ring.secret),
            max_searches=self.config.saved.max_searches,
            digest_hour=self.config.saved.digest_hour,
            loopback=self.config.is_trial,
        )

    def sign_in_settings(self) -> SignInSettings:
        """Return what sign-in needs to know of this node."""
        web = self.config.web
        return SignInSettings(
            node=self.config.node.name,
            key=derive_key(self.ring.secret, "sign-in"),
            idle=dt.timedelta(minutes=web.session_idle_minutes),
            longest=dt.timedelta(hours=web.session_hours),
            code_lasts=dt.timedelta(hours=web.password_code_hours),
        )

    @property
    def statistics_key(self) -> bytes:
        """What hides records behind the numbers of tier 2: never changed, never told (docs/statistics.md)."""
        return derive_key(self.ring.secret, cell_key.PURPOSE)

    @property
    def reading_key(self) -> bytes:
        """What seals how far a browser has written (node/web/reading.py)."""
        return derive_key(self.ring.secret, "reading")

    def identity_provider(self) -> oidc.Provider | None:
        """Return who else signs people in, None where nobody does. Raises: OperatorError key-file-...."""
        asked = self.config.oidc
        if not asked.issuer:
            return None
        secret = keyfiles.read_password(self.home / asked.client_secret_file)
        return oidc.Provider(
            asked.issuer, asked.client_id, secret, asked.claim, f"{self.public_url}/entra/oidc/ritorno"
        )

    def consumer_settings(self) -> consumers.Settings | None:
        """Return who asks by signed tokens, None where nobody does."""
        interop, pdnd = self.config.interop, self.config.pdnd
        if not interop.audience:
            return None
        return consumers.Settings(
            rules=Rules(interop.audience, interop.window_minutes * 60, interop.skew_s),
            algorithms=interop.algorithms,
            is_required=interop.required,
            needs_integrity=interop.integrity,
            consumers=self.home / interop.consumers if interop.consumers else None,
            pdnd_issuer=pdnd.issuer,
            pdnd_keys=self.home / pdnd.keys if pdnd.keys else None,
            purposes=pdnd.purposes,
        )

    def answer_signer(self) -> consumers.Signer | None:
        """Return by what answers to consumers are signed, None where they are not. Raises: OperatorError key-file-..., interop-key-bad."""
        name = self.config.interop.key
        return consumers.read_signer(self.home / name, self.public_url) if name else None

    def mail_server(self) -> MailServer | None:
        """Return where mail goes out, None for a node that sends none. Raises: OperatorError key-file-...."""
        mail = self.config.mail
        if not mail.host:
            return None
        password = keyfiles.read_password(self.home / mail.password_file) if mail.user else ""
        return MailServer(mail.host, mail.port, mail.tls, mail.user, mail.sender, password)

    def outward(self, session: aiohttp.ClientSession) -> tell.Outward:
        """Return how news of saved searches leave this node."""
        return tell.Outward(session, self.request_signer(), self.mail_server)

    def request_signer(self) -> RequestSigner:
        """Return the function that signs this node's requests with the current time and a fresh nonce."""

        def sign(method: str, authority: str, path: str, query: str, body: bytes | None) -> Mapping[str, str]:
            keyid, key = self.ring.request_key(self.config.federation.authority)
            return request.sign(
                method=method,
                authority=authority,
                path=path,
                query=query,
                body=body,
                keyid=keyid,
                private_key=key,
                now=int(self.clock().timestamp()),
                nonce=secrets.token_bytes(16),
            )

        return sign


async def current_own(node: Node) -> OwnLog:
    """Return the log this node writes now: another process may have begun the next year's."""
    async with acquire(node.pool) as conn:
        row = await own_log.current(conn)
    return node.own if row is None else replace(node.own, origin_id=row.origin_id, origin=row.origin)


def beside_leader(node: Node) -> Node:
    """Return the node for faces that leave signing to whoever leads, in this process or another."""
    return replace(node, own=replace(node.own, signs=False))


@asynccontextmanager
async def leading(node: Node, epoch: int) -> AsyncIterator[Node]:
    """Return the node as its leader's jobs have it, by connections of their own: each transaction holds the lead's number.

    Raises: OperatorError(database-unreachable).
    """
    most = node.config.database.max_connections
    pool = await open_pool(node.dsn, max_size=most, application=f"{leader.JOBS_NAME}{epoch}", epoch=epoch)
    try:
        yield replace(node, pool=pool)
    finally:
        await _close_pool(pool)


def process_name() -> str:
    """Return by what people find this process: machine and number."""
    return f"{platform.node()[:100]} {os.getpid()}"


@asynccontextmanager
async def spans(config: Config) -> AsyncIterator[None]:
    """Record what takes how long for the time of the block, where [telemetry] names a collector.

    Raises: OperatorError(telemetry-missing) where OpenTelemetry is not installed.
    """
    if not config.telemetry.endpoint:
        yield
        return
    try:
        # An extra: nobody else needs it to be there.
        from node.peers import collector  # noqa: PLC0415
    except ImportError as error:
        raise OperatorError(
            "telemetry-missing",
            N_("[telemetry] endpoint chiede OpenTelemetry, che non è installato"),
            hint=N_("pip install 'rete-delle-reti[otel]', o lasciare endpoint vuoto (docs/monitoring.md)"),
        ) from error
    recorder = collector.collector(config.telemetry.endpoint, config.node.id)
    try:
        with trace.recording(recorder):
            yield
    finally:
        # What is left is sent, or given up, in some seconds.
        await asyncio.to_thread(recorder.close)


def settle_memory() -> None:
    """Tell the collector that what a node has built by now stays, and that a pull's many short-lived values are no leak.

    Measured: a tenth of a pull's processor time went into looking through tables that live as long as the process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def utc_now() -> dt.datetime:
    """Return the time, in UTC; the only clock of the program."""
    return dt.datetime.now(dt.UTC)


def read_config(home: Path) -> Config:
    """Read and check the home's configuration. Raises: OperatorError (home-not-found, config-...)."""
    path = home / CONFIG_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise OperatorError(
            "home-not-found",
            N_("qui non c'è un nodo: manca {file}"),
            where=str(home),
            hint=N_("«rete init {home}» crea la cartella di un nodo"),
            file=CONFIG_FILE,
            home=str(home),
        ) from error
    except UnicodeDecodeError as error:
        raise OperatorError("config-not-utf8", N_("il file non è testo UTF-8"), where=str(path)) from error
    return configuration.parse(text, file=str(path))


async def _database(stack: AsyncExitStack, home: Path, config: Config) -> str:
    if config.database.url:
        return config.database.url
    # An absolute path stands for itself; demo nodes share one cluster this way.
    cluster = stack.enter_context(embedded.lease(home / config.database.cluster))
    return await embedded.ensure_database(cluster, config.database.name)


async def keep_database(node: Node) -> None:
    """Start the embedded server again whenever it dies, for ever; another server is its administrator's."""
    if not node.config.database.url:
        await embedded.keep(node.home / node.config.database.cluster, node.dsn)


@asynccontextmanager
async def open_node(home: Path, *, clock: Clock = utc_now) -> AsyncIterator[Node]:
    """Open the node of ``home``: check its configuration and keys, start or reach its database, migrate it.

    Raises: OperatorError with what to do (home-..., config-..., key-..., database-..., schema-newer).
    """
    config = read_config(home)
    ring = KeyRing(home / config.federation.keys)
    async with AsyncExitStack() as stack:
        stack.enter_context(told_plainly())
        dsn = await _database(stack, home, config)
        await migrate_at(dsn)
        pool = await open_pool(dsn, max_size=config.database.max_connections, application=f"rete-{os.getpid()}")
        stack.push_async_callback(_close_pool, pool)
        # Without an agreement <role>.pem is the key and no other; with one, even the first may be lost, and the node goes on.
        first = ring.held.first if pin.read(home) is not None else keyfiles.read(ring.folder)
        public = {role: key.public_key().public_bytes_raw() for role, key in first.signing.items()}
        own_self = own_member(config, public, first.seal.public)
        place, origin_id, origin = await _belong(pool, home, config, own_self, public["log"], clock())
        membership = membership_of(config, own_self) if place is None else place.membership
        ring.follow(membership)
        own = OwnLog(origin_id, origin, config.node.id, ring.private, home / highwater.FILE)
        index = TextIndex(home / INDEX_FOLDER)
        replica = _replica(config, pool)
        if replica is not None:
            stack.callback(replica.close)
        yield Node(home, config, ring, pool, dsn, clock, own, membership, index, agreement=place, replica=replica)


def _replica(config: Config, pool: Pool) -> Replica | None:
    database = config.database
    if not database.read_url:
        return None
    # Nobody is reached yet: a node begins without its replica.
    name = f"rete-read-{os.getpid()}"
    return Replica(database.read_url, pool, database.max_connections, database.read_max_lag_s, name)


def pinned(home: Path, config: Config) -> bytes | None:
    """Return the pinned first version of the home's agreement, None for a home that lives by [[peer]] tables.

    Raises: OperatorError(config-peers-beside-agreement | agreement-pin-bad).
    """
    raw = pin.read(home)
    if raw is not None and config.peers:
        raise OperatorError(
            "config-peers-beside-agreement",
            N_("node.toml ha tabelle [[peer]], e questa cartella ha un protocollo d'intesa: vale uno solo dei due"),
            where=str(home / CONFIG_FILE),
            hint=N_("togliere le tabelle [[peer]]: chi fa parte della federazione lo dice il protocollo d'intesa"),
        )
    return raw


async def _belong(
    pool: Pool, home: Path, config: Config, own: Member, own_public: bytes, now: dt.datetime
) -> tuple[agreement.Place | None, int, str]:
    """Return what the home's agreement makes of it, None for one that lives by [[peer]] tables; and the own log's id and origin."""
    raw = pinned(home, config)
    if raw is None:
        await agreement.none_here(pool)
        return None, *await enrol_members(pool, config, own_public)
    return await agreement.load(pool, raw, config, own, own_public, now)


@asynccontextmanager
async def reach_database(home: Path) -> AsyncIterator[backup.Place]:
    """Start or reach the database of ``home`` as it is: nothing is migrated, so that a new program can keep what an old one left.

    Raises: OperatorError (home-not-found, config-..., database-...).
    """
    config = read_config(home)
    async with AsyncExitStack() as stack:
        stack.enter_context(told_plainly())
        yield backup.Place(home, config, await _database(stack, home, config))


async def _close_pool(pool: Pool) -> None:
    # close() waits for connections that a cancelled task may still hold; terminate() does not.
    pool.terminate()
