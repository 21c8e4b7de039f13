"""The node's configuration: TOML text in, one frozen value out, or one error with the line and a hint.

Rules: unknown tables and keys, wrong types, out-of-range values and keys that could never verify anything are refused,
never ignored; what a key means stands in nodes.example.toml, which a test holds to this file; what one value must be, in config_checks.py. Reading the file is the
caller's; this module is pure. Whether a territory exists only the reference tables can tell (flows/upkeep/home.check_places).
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from node import config_checks as checks
from node.config_checks import CARD_HINT, Check, Refused
from node.config_places import Locator
from node.domain.ranking import FIRST_THEMES
from node.errors import N_, OperatorError
from node.protocol import keys as wire_keys
from node.protocol.sealed import SealKey

K_FLOOR = 5
ROUNDS = ("weekly", "daily", "monthly", "immediate")
ENVIRONMENTS = ("development", "production")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
# Host and optional port as they stand in the log's origin: lower case, no scheme, no path, no user information.
_AUTHORITY = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:]{2,39}\])(?::[1-9][0-9]{0,4})?")
_URL = re.compile(r"https?://(?:[^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_ORIGIN = re.compile(rf"{_AUTHORITY.pattern}/federation/log/[0-9]{{4}}")
MAIL_TLS = ("starttls", "tls", "none")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]{2,39}")
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_ISSUER = re.compile(rf"{_URL.pattern}(?:/[A-Za-z0-9._~/-]*)?")
_CLAIM = re.compile(r"[A-Za-z][A-Za-z0-9_:/.-]{0,99}")
# A file in the home itself, no path.
_PICTURE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.(?:svg|png|ico)")
_DATABASE = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class NodeSection:
    """Who this node is."""

    id: str
    name: str
    ipa_code: str
    territory: tuple[str, ...]
    environment: str
    language: str


@dataclass(frozen=True, slots=True)
class DatabaseSection:
    """Where this node's database is; ``url`` empty means the embedded cluster."""

    url: str
    cluster: str
    name: str
    max_connections: int


@dataclass(frozen=True, slots=True)
class FederationSection:
    """How this node is known to the others."""

    authority: str
    epoch: int
    keys: str
    keep_epochs_days: int

    @property
    def origin(self) -> str:
        """The origin line of this node's log (PROTOCOL 1)."""
        return f"{self.authority}/federation/log/{self.epoch}"


@dataclass(frozen=True, slots=True)
class PeerSection:
    """One node to follow, from a [[peer]] table."""

    id: str
    name: str
    url: str
    origin: str
    vkey: str
    witness: str
    mirror: str
    http_keyid: str
    http_public: bytes
    seal: SealKey | None


@dataclass(frozen=True, slots=True)
class SyncSection:
    """When and how hard to pull."""

    poll_minutes: float
    parallel: int
    request_timeout_s: float
    pull_minutes: float


@dataclass(frozen=True, slots=True)
class PrivacySection:
    """How hidden a profile must be, and when it leaves."""

    k: int
    k_build: int
    scope: tuple[str, ...]
    group: tuple[str, ...]
    round: str


@dataclass(frozen=True, slots=True)
class RetentionSection:
    """How many days each kind of object is kept after it has ended."""

    drafts_days: int
    contacts_days: int
    closed_networks_days: int
    consents_days: int
    editions_days: int
    introductions_days: int


@dataclass(frozen=True, slots=True)
class IntroductionsSection:
    """How long a step of an introduction takes, whom to tell of news, and whether firms may ask by a page of this node."""

    step_days: int
    mail: str
    escalation_mail: str
    requests: bool


@dataclass(frozen=True, slots=True)
class BackupSection:
    """Where backups are kept and by which passphrase they are sealed; ``folder`` empty: this node makes none by itself."""

    folder: str
    passphrase_file: str
    keep: int
    max_age_days: int
    verify_days: int


@dataclass(frozen=True, slots=True)
class DocumentsSection:
    """How much a document of a network, and all documents of one network, may weigh."""

    max_mb: int
    network_mb: int


@dataclass(frozen=True, slots=True)
class SavedSection:
    """How many saved searches there may be, when digests leave, and how long an unread feed is kept."""

    max_searches: int
    digest_hour: int
    unread_days: int


@dataclass(frozen=True, slots=True)
class MailSection:
    """The administration's mail server; ``host`` empty: this node sends no mail."""

    host: str
    port: int
    tls: str
    user: str
    password_file: str
    sender: str


@dataclass(frozen=True, slots=True)
class SearchSection:
    """Which themes come first among results."""

    first_themes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WebSection:
    """Where the server listens, and what its pages show of the administration."""

    host: str
    port: int
    max_request_bytes: int
    behind_proxy: bool
    logo: str
    favicon: str
    contact: str
    session_idle_minutes: int
    session_hours: int
    password_code_hours: int


@dataclass(frozen=True, slots=True)
class OidcSection:
    """The identity provider of the administration; ``issuer`` empty: people sign in with passwords of this node alone."""

    issuer: str
    client_id: str
    client_secret_file: str
    claim: str


@dataclass(frozen=True, slots=True)
class Config:
    """A whole, checked configuration."""

    node: NodeSection
    database: DatabaseSection
    federation: FederationSection
    peers: tuple[PeerSection, ...]
    sync: SyncSection
    privacy: PrivacySection
    retention: RetentionSection
    introductions: IntroductionsSection
    backup: BackupSection
    documents: DocumentsSection
    saved: SavedSection
    mail: MailSection
    search: SearchSection
    web: WebSection
    oidc: OidcSection
    # No setting: the types of documents that the agreement lets leave; None where there is none.
    agreed: tuple[str, ...] | None = None

    @property
    def scope(self) -> tuple[str, ...]:
        """The partition's scope: its own setting, else the node's territory."""
        return self.privacy.scope or self.node.territory


# table -> key -> (check, default); REQUIRED has no default.
REQUIRED = object()
TABLES: Mapping[str, Mapping[str, tuple[Check, Any]]] = {
    "node": {
        "id": (checks.text(checks.ID), REQUIRED),
        "name": (checks.text(), REQUIRED),
        "ipa_code": (checks.text(empty=True, longest=32), ""),
        "territory": (checks.some_codes, REQUIRED),
        "environment": (checks.choice(*ENVIRONMENTS), "development"),
        "language": (checks.choice("it", "en"), "it"),
    },
    "database": {
        "url": (checks.text(re.compile(r"postgres(?:ql)?://\S+"), empty=True, longest=1000), ""),
        "cluster": (checks.text(longest=1000), "postgres"),
        "name": (checks.text(_DATABASE), "rete"),
        "max_connections": (checks.number(2, 200), 8),
    },
    "federation": {
        "authority": (checks.address(_AUTHORITY), REQUIRED),
        "epoch": (checks.number(2020, 9999), REQUIRED),
        "keys": (checks.text(longest=1000), "keys"),
        "keep_epochs_days": (checks.number(0, 36_500), 730),
    },
    "sync": {
        "poll_minutes": (checks.number(0.05, 1440, whole=False), 15),
        "parallel": (checks.number(1, 64), 8),
        "request_timeout_s": (checks.number(1, 300, whole=False), 30),
        "pull_minutes": (checks.number(0.1, 120, whole=False), 10),
    },
    "privacy": {
        "k": (checks.number(K_FLOOR, 100), K_FLOOR),
        "k_build": (checks.number(K_FLOOR, 200), 8),
        "scope": (checks.codes, []),
        "group": (checks.members, []),
        "round": (checks.choice(*ROUNDS), "weekly"),
    },
    "retention": {
        "drafts_days": (checks.number(30, 36_500), 365),
        "contacts_days": (checks.number(30, 36_500), 365),
        "closed_networks_days": (checks.number(365, 36_500), 3650),
        "consents_days": (checks.number(365, 36_500), 3650),
        "editions_days": (checks.number(365, 36_500), 1825),
        "introductions_days": (checks.number(30, 36_500), 1095),
    },
    "introductions": {
        "step_days": (checks.number(1, 40), 5),
        "mail": (checks.text(_MAILBOX, empty=True, longest=254), ""),
        "escalation_mail": (checks.text(_MAILBOX, empty=True, longest=254), ""),
        "requests": (checks.flag, True),
    },
    "backup": {
        "folder": (checks.text(empty=True, longest=1000), ""),
        "passphrase_file": (checks.text(empty=True, longest=1000), ""),
        "keep": (checks.number(1, 1000), 14),
        "max_age_days": (checks.number(1, 365), 2),
        "verify_days": (checks.number(0, 365), 7),
    },
    "documents": {
        "max_mb": (checks.number(1, 50), 10),
        "network_mb": (checks.number(1, 2000), 100),
    },
    "saved": {
        "max_searches": (checks.number(0, 100_000), 1000),
        "digest_hour": (checks.number(0, 23), 6),
        "unread_days": (checks.number(1, 3650), 90),
    },
    "mail": {
        "host": (checks.text(_HOST, empty=True, longest=255), ""),
        "port": (checks.number(1, 65535), 587),
        "tls": (checks.choice(*MAIL_TLS), "starttls"),
        "user": (checks.text(empty=True), ""),
        "password_file": (checks.text(empty=True, longest=1000), ""),
        "sender": (checks.text(_MAILBOX, empty=True, longest=254), ""),
    },
    "search": {
        "first_themes": (checks.themes, list(FIRST_THEMES)),
    },
    "web": {
        "host": (checks.text(longest=255), "127.0.0.1"),
        "port": (checks.number(1, 65535), 8441),
        "max_request_bytes": (checks.number(1024, 64 * 1024 * 1024), 1048576),
        "behind_proxy": (checks.flag, False),
        "logo": (checks.text(_PICTURE, empty=True), ""),
        "favicon": (checks.text(_PICTURE, empty=True), ""),
        "contact": (checks.text(_MAILBOX, empty=True, longest=254), ""),
        "session_idle_minutes": (checks.number(5, 1440), 30),
        "session_hours": (checks.number(1, 72), 10),
        "password_code_hours": (checks.number(1, 168), 48),
    },
    "web.oidc": {
        "issuer": (checks.text(_ISSUER, empty=True, longest=300), ""),
        "client_id": (checks.text(empty=True), ""),
        "client_secret_file": (checks.text(empty=True, longest=1000), ""),
        "claim": (checks.text(_CLAIM), "sub"),
    },
}
PEER_KEYS: Mapping[str, tuple[Check, Any]] = {
    "id": (checks.text(checks.ID), REQUIRED),
    "name": (checks.text(), REQUIRED),
    "url": (checks.address(_URL), REQUIRED),
    "origin": (checks.text(_ORIGIN), REQUIRED),
    "vkey": (checks.vkey(wire_keys.LOG_TYPE), REQUIRED),
    "witness": (checks.vkey(wire_keys.COSIGNATURE_TYPE, "witness"), ""),
    "mirror": (checks.vkey(wire_keys.COSIGNATURE_TYPE, "mirror"), ""),
    "http_key": (checks.http_key, REQUIRED),
    "seal": (checks.seal_key, None),
}


def _refuse(code: str, place: str, what: str, hint: str = "", **facts: object) -> OperatorError:
    return OperatorError(code, what, where=place, hint=hint, **facts)


def _read_table(
    raw: Mapping[str, Any], keys: Mapping[str, tuple[Check, Any]], where: Callable[[str | None], str], table: str
) -> dict[str, Any]:
    for key in raw:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1)
            hint = N_("forse intendeva «{near}»") if near else N_("chiavi ammesse: {keys}")
            message = N_("chiave sconosciuta «{key}» in [{table}]")
            known = ", ".join(keys)
            raise _refuse(
                "config-unknown-key",
                where(key),
                message,
                hint,
                key=key,
                table=table,
                near=near[0] if near else "",
                keys=known,
            )
    values: dict[str, Any] = {}
    for key, (check, default) in keys.items():
        if key not in raw and default is REQUIRED:
            message = N_("manca «{key}» in [{table}]")
            hint = N_("vedere nodes.example.toml")
            raise _refuse("config-missing-key", where(None), message, hint, key=key, table=table)
        try:
            values[key] = check(raw.get(key, default))
        except Refused as error:
            message = N_("valore non valido per «{key}» in [{table}]: {reason}")
            raise _refuse(
                "config-bad-value", where(key), message, error.hint, key=key, table=table, reason=error.said
            ) from error
    return values


def is_loopback_url(url: str) -> bool:
    """Tell whether ``url``'s host is this machine by its literal name."""
    host = url.split("://", 1)[-1].split("/", 1)[0]
    return host.rpartition(":")[0] in LOOPBACK or host in LOOPBACK


def is_peer_url(url: str) -> bool:
    """Tell whether other nodes could write ``url`` into their [[peer]]: https, or http on this machine for trials."""
    try:
        checks.address(_URL)(url)
    except Refused:
        return False
    return url.startswith("https://") or is_loopback_url(url)


def _check_oidc(config: Config, locate: Locator) -> None:
    oidc = config.oidc
    if not oidc.issuer:
        return
    for key, value in (("client_id", oidc.client_id), ("client_secret_file", oidc.client_secret_file)):
        if not value:
            raise _refuse(
                "config-bad-value",
                locate.place("web.oidc", key),
                N_("con un fornitore di identità serve {key}"),
                key=key,
            )
    trial = config.node.environment == "development" and is_loopback_url(oidc.issuer)
    if not oidc.issuer.startswith("https://") and not trial:
        hint = N_('http è ammesso solo verso 127.0.0.1 e con environment = "development"')
        raise _refuse(
            "config-insecure-url",
            locate.place("web.oidc", "issuer"),
            N_("il fornitore di identità deve essere https"),
            hint,
        )


def _check_mail(config: Config, locate: Locator) -> None:
    mail = config.mail
    if mail.host and not mail.sender:
        raise _refuse(
            "config-bad-value", locate.place("mail", "sender"), N_("con un server di posta serve il mittente")
        )
    told = config.introductions
    if told.mail and not mail.host:
        place = locate.place("introductions", "mail")
        message = N_(
            "senza [mail] host questo indirizzo non è avvisato di nulla: indicare il server di posta, o lasciarlo vuoto"
        )
        raise _refuse("config-bad-value", place, message)
    if told.escalation_mail and not told.mail:
        place = locate.place("introductions", "escalation_mail")
        message = N_("il secondo indirizzo è avvisato dopo il primo: indicare anche mail")
        raise _refuse("config-bad-value", place, message)
    if bool(mail.user) != bool(mail.password_file):
        place = locate.place("mail", "user")
        raise _refuse("config-bad-value", place, N_("user e password_file vanno insieme, o nessuno dei due"))
    away = mail.host and mail.host not in (*LOOPBACK, "::1")
    if mail.tls == "none" and (mail.user or (away and config.node.environment == "production")):
        place = locate.place("mail", "tls")
        message = N_('tls = "none" manderebbe in chiaro password o indirizzi: usare starttls o tls')
        raise _refuse("config-bad-value", place, message)


def _check_backup(config: Config, locate: Locator) -> None:
    backup = config.backup
    if bool(backup.folder) != bool(backup.passphrase_file):
        place = locate.place("backup", "folder" if backup.folder else "passphrase_file")
        raise _refuse("config-bad-value", place, N_("folder e passphrase_file vanno insieme, o nessuno dei due"))
    if backup.folder and PurePath(backup.folder) in PurePath(backup.passphrase_file).parents:
        place = locate.place("backup", "passphrase_file")
        message = N_("la frase segreta non può stare nella cartella delle copie: chi ruba le copie le aprirebbe")
        raise _refuse("config-bad-value", place, message)


def _check_across(config: Config, locate: Locator) -> None:
    if config.privacy.k_build < config.privacy.k:
        place = locate.place("privacy", "k_build")
        raise _refuse("config-bad-value", place, N_("k_build non può essere minore di k"))
    if config.documents.network_mb < config.documents.max_mb:
        place = locate.place("documents", "network_mb")
        raise _refuse("config-bad-value", place, N_("network_mb non può essere minore di max_mb"))
    # Without [[peer]] tables the agreement says who there is (flows/trust/agreement_terms.check_group).
    strangers = set(config.privacy.group) - {peer.id for peer in config.peers}
    if config.peers and strangers:
        place = locate.place("privacy", "group")
        message = N_("{ids}: non sono tra i [[peer]] di questo nodo")
        raise _refuse("config-bad-value", place, message, ids=", ".join(sorted(strangers)))
    production = config.node.environment == "production"
    if production and not config.database.url:
        place = locate.place("database", "url")
        message = N_("in produzione serve un PostgreSQL vero: quello incluso è solo per provare")
        hint = N_('indicare url = "postgresql://..." (PostgreSQL 15 o successivo)')
        raise _refuse("config-embedded-in-production", place, message, hint)
    if production and config.privacy.round == "immediate":
        place = locate.place("privacy", "round")
        message = N_('in produzione round = "immediate" tradirebbe chi pubblica: usare weekly, daily o monthly')
        raise _refuse("config-immediate-in-production", place, message)
    _check_mail(config, locate)
    _check_backup(config, locate)
    _check_oidc(config, locate)
    seen: dict[str, int] = {}
    for number, peer in enumerate(config.peers):
        if not peer.url.startswith("https://") and (production or not is_loopback_url(peer.url)):
            place = locate.place("peer", "url", number)
            message = N_("l'indirizzo di un altro nodo deve essere https")
            hint = N_('http è ammesso solo verso 127.0.0.1 e con environment = "development"')
            raise _refuse("config-insecure-url", place, message, hint)
        for identity in (peer.id, peer.origin, peer.http_keyid, peer.http_public.hex()):
            if identity in seen or identity in (config.node.id, config.federation.origin):
                place = locate.place("peer", "id", number)
                message = N_("due [[peer]], o un [[peer]] e questo nodo, hanno lo stesso id, origin o chiave")
                raise _refuse("config-duplicate-peer", place, message)
            seen[identity] = number


def parse(text: str, *, file: str = "node.toml") -> Config:
    """Return the configuration written in ``text``; ``file`` only names it in messages.

    Raises: OperatorError with code config-not-toml, config-unknown-table, config-unknown-key, config-missing-key,
    config-bad-value, config-insecure-url, config-duplicate-peer, config-embedded-in-production or
    config-immediate-in-production; ``where`` is ``file:line``.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        place = f"{file}:{line.group(1)}" if line else file
        message = N_("il file non è TOML valido: {reason}")
        raise _refuse("config-not-toml", place, message, reason=str(error)) from error
    locate = Locator(text, file)
    for table in raw:
        if table not in TABLES and table != "peer":
            near = difflib.get_close_matches(table, [*TABLES, "peer"], 1)
            message = N_("tabella sconosciuta [{table}]")
            hint = N_("forse intendeva [{near}]") if near else N_("vedere nodes.example.toml")
            raise _refuse(
                "config-unknown-table", locate.place(table), message, hint, table=table, near=near[0] if near else ""
            )
    sections: dict[str, dict[str, Any]] = {}
    for table, keys in TABLES.items():
        section = _section(raw, table)
        if not isinstance(section, dict):
            raise _refuse("config-bad-value", locate.place(table), N_("[{table}] deve essere una tabella"), table=table)
        sections[table] = _read_table(section, keys, lambda key, t=table: locate.place(t, key), table)  # type: ignore[misc]
    config = Config(
        node=NodeSection(**sections["node"]),
        database=DatabaseSection(**sections["database"]),
        federation=FederationSection(**sections["federation"]),
        peers=_read_peers(raw.get("peer", []), locate),
        sync=SyncSection(**sections["sync"]),
        privacy=PrivacySection(**sections["privacy"]),
        retention=RetentionSection(**sections["retention"]),
        introductions=IntroductionsSection(**sections["introductions"]),
        backup=BackupSection(**sections["backup"]),
        documents=DocumentsSection(**sections["documents"]),
        saved=SavedSection(**sections["saved"]),
        mail=MailSection(**sections["mail"]),
        search=SearchSection(**sections["search"]),
        web=WebSection(**sections["web"]),
        oidc=OidcSection(**sections["web.oidc"]),
    )
    _check_across(config, locate)
    return config


def _section(raw: Mapping[str, Any], table: str) -> Any:
    """Return what is written in a table; one inside another is no key of it."""
    outer, _, inner = table.partition(".")
    found = raw.get(outer, {})
    if not isinstance(found, dict):
        return found
    if inner:
        return found.get(inner, {})
    nested = {name.partition(".")[2] for name in TABLES if name.startswith(f"{outer}.")}
    return {key: value for key, value in found.items() if key not in nested}


def _read_peers(raw: Any, locate: Locator) -> tuple[PeerSection, ...]:
    if not isinstance(raw, list) or any(not isinstance(item, dict) for item in raw):
        raise _refuse("config-bad-value", locate.place("peer"), N_("i nodi si elencano come [[peer]]"))
    peers = []
    for number, item in enumerate(raw):
        values = _read_table(item, PEER_KEYS, lambda key, n=number: locate.place("peer", key, n), "peer")  # type: ignore[misc]
        if not values["vkey"].startswith(f"{values['origin']}+"):
            message = N_("vkey è la chiave di un altro registro: il suo nome deve essere {origin}")
            raise _refuse(
                "config-bad-value", locate.place("peer", "vkey", number), message, CARD_HINT, origin=values["origin"]
            )
        keyid, public = values.pop("http_key")
        peers.append(PeerSection(http_keyid=keyid, http_public=public, **values))
    return tuple(peers)
