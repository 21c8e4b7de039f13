"""The configuration as the program holds it: one frozen value, by tables; built by config.parse alone, checked there.

What each key means stands in nodes.example.toml.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.protocol.sealed import SealKey

DEVELOPMENT, PRODUCTION = "development", "production"


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
    """Where this node's database is; ``url`` empty means the embedded cluster, ``read_url`` empty no read replica."""

    url: str
    read_url: str
    read_max_lag_s: float
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
    enrolments_days: int
    aggregations_days: int


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
class MetricsSection:
    """Where numbers about the process are read (``port`` 0: nowhere), and the certificate whose end is watched."""

    host: str
    port: int
    exposed: bool
    certificate: str


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
    drain_s: float
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
class InteropSection:
    """How other administrations ask by signed tokens (docs/interoperability.md); ``audience`` empty: not at all."""

    audience: str
    required: bool
    integrity: bool
    consumers: str
    algorithms: tuple[str, ...]
    window_minutes: int
    skew_s: int
    key: str


@dataclass(frozen=True, slots=True)
class PdndSection:
    """Whose vouchers are taken; ``issuer`` empty: nobody's."""

    issuer: str
    keys: str
    purposes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TelemetrySection:
    """Where spans go; ``endpoint`` empty: nowhere, and none is made."""

    endpoint: str


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
    metrics: MetricsSection
    search: SearchSection
    web: WebSection
    oidc: OidcSection
    interop: InteropSection
    pdnd: PdndSection
    telemetry: TelemetrySection
    # No setting: the types of documents that the agreement lets leave; None where there is none.
    agreed: tuple[str, ...] | None = None

    @property
    def is_trial(self) -> bool:
        """Whether this node is one to try things on: http on this machine is good enough, its own database too."""
        return self.node.environment == DEVELOPMENT

    @property
    def is_production(self) -> bool:
        """Whether what is only for trials is refused."""
        return self.node.environment == PRODUCTION

    @property
    def scope(self) -> tuple[str, ...]:
        """The partition's scope: its own setting, else the node's territory."""
        return self.privacy.scope or self.node.territory
