"""The node's configuration: TOML text in, one frozen value out, or one error with the line and a hint.

Rules: unknown tables and keys, wrong types, out-of-range values and keys that could never verify anything are refused,
never ignored; what a key means stands in nodes.example.toml, which a test holds to this file. The value is config_values.py; what one
key's value must be, config_checks.py; what they must be to each other, config_across.py. Reading the file
is the caller's; this is pure. Whether a territory exists only the reference tables can tell (flows/upkeep/home.check_places).
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from node import config_across as across
from node import config_checks as checks
from node.config_checks import CARD_HINT, Check, Refused, refuse
from node.config_places import Locator
from node.config_values import (
    DEVELOPMENT,
    PRODUCTION,
    BackupSection,
    Config,
    DatabaseSection,
    DocumentsSection,
    FederationSection,
    InteropSection,
    IntroductionsSection,
    MailSection,
    MetricsSection,
    NodeSection,
    OidcSection,
    PdndSection,
    PeerSection,
    PrivacySection,
    RetentionSection,
    SavedSection,
    SearchSection,
    SyncSection,
    TelemetrySection,
    WebSection,
)
from node.domain.interop import ALGORITHMS
from node.domain.ranking import FIRST_THEMES
from node.errors import N_
from node.protocol import keys as wire_keys

# Who uses the configuration asks for its type where it is made.
__all__ = ["K_FLOOR", "PEER_KEYS", "REQUIRED", "TABLES", "Config", "parse"]
K_FLOOR = 5
ROUNDS = ("weekly", "daily", "monthly", "immediate")
MAIL_TLS = ("starttls", "tls", "none")

# table -> key -> (check, default); REQUIRED has no default.
REQUIRED = object()
TABLES: Mapping[str, Mapping[str, tuple[Check, Any]]] = {
    "node": {
        "id": (checks.text(checks.ID), REQUIRED),
        "name": (checks.text(), REQUIRED),
        "ipa_code": (checks.text(empty=True, longest=32), ""),
        "territory": (checks.some_codes, REQUIRED),
        "environment": (checks.choice(DEVELOPMENT, PRODUCTION), DEVELOPMENT),
        "language": (checks.choice("it", "en"), "it"),
    },
    "database": {
        "url": (checks.text(re.compile(r"postgres(?:ql)?://\S+"), empty=True, longest=1000), ""),
        "read_url": (checks.text(re.compile(r"postgres(?:ql)?://\S+"), empty=True, longest=1000), ""),
        "read_max_lag_s": (checks.number(1, 60, whole=False), 10),
        "cluster": (checks.text(longest=1000), "postgres"),
        "name": (checks.text(checks.DATABASE), "rete"),
        "max_connections": (checks.number(2, 200), 8),
    },
    "federation": {
        "authority": (checks.address(checks.AUTHORITY), REQUIRED),
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
        "enrolments_days": (checks.number(30, 36_500), 365),
        "aggregations_days": (checks.number(365, 36_500), 1825),
    },
    "introductions": {
        "step_days": (checks.number(1, 40), 5),
        "mail": (checks.text(checks.MAILBOX, empty=True, longest=254), ""),
        "escalation_mail": (checks.text(checks.MAILBOX, empty=True, longest=254), ""),
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
        "host": (checks.text(checks.HOST, empty=True, longest=255), ""),
        "port": (checks.number(1, 65535), 587),
        "tls": (checks.choice(*MAIL_TLS), "starttls"),
        "user": (checks.text(empty=True), ""),
        "password_file": (checks.text(empty=True, longest=1000), ""),
        "sender": (checks.text(checks.MAILBOX, empty=True, longest=254), ""),
    },
    "metrics": {
        "host": (checks.text(checks.HOST, longest=255), "127.0.0.1"),
        "port": (checks.number(0, 65535), 0),
        "exposed": (checks.flag, False),
        "certificate": (checks.text(empty=True, longest=1000), ""),
    },
    "search": {
        "first_themes": (checks.themes, list(FIRST_THEMES)),
    },
    "web": {
        "host": (checks.text(longest=255), "127.0.0.1"),
        "port": (checks.number(1, 65535), 8441),
        "max_request_bytes": (checks.number(1024, 64 * 1024 * 1024), 1048576),
        "behind_proxy": (checks.flag, False),
        "logo": (checks.text(checks.PICTURE, empty=True), ""),
        "favicon": (checks.text(checks.PICTURE, empty=True), ""),
        "contact": (checks.text(checks.MAILBOX, empty=True, longest=254), ""),
        "drain_s": (checks.number(0, 20, whole=False), 0),
        "session_idle_minutes": (checks.number(5, 1440), 30),
        "session_hours": (checks.number(1, 72), 10),
        "password_code_hours": (checks.number(1, 168), 48),
    },
    "web.oidc": {
        "issuer": (checks.text(checks.ISSUER, empty=True, longest=300), ""),
        "client_id": (checks.text(empty=True), ""),
        "client_secret_file": (checks.text(empty=True, longest=1000), ""),
        "claim": (checks.text(checks.CLAIM), "sub"),
    },
    "interop": {
        "audience": (checks.text(empty=True, longest=300), ""),
        "required": (checks.flag, False),
        "integrity": (checks.flag, False),
        "consumers": (checks.text(empty=True, longest=1000), ""),
        "algorithms": (checks.algorithms, list(ALGORITHMS)),
        "window_minutes": (checks.number(1, 60), 5),
        "skew_s": (checks.number(0, 300), 30),
        "key": (checks.text(empty=True, longest=1000), ""),
    },
    "interop.pdnd": {
        "issuer": (checks.text(empty=True, longest=300), ""),
        "keys": (checks.text(empty=True, longest=1000), ""),
        "purposes": (checks.identifiers, []),
    },
    "telemetry": {
        "endpoint": (checks.text(checks.ISSUER, empty=True, longest=300), ""),
    },
}
PEER_KEYS: Mapping[str, tuple[Check, Any]] = {
    "id": (checks.text(checks.ID), REQUIRED),
    "name": (checks.text(), REQUIRED),
    "url": (checks.address(checks.URL), REQUIRED),
    "origin": (checks.text(checks.ORIGIN), REQUIRED),
    "vkey": (checks.vkey(wire_keys.LOG_TYPE), REQUIRED),
    "witness": (checks.vkey(wire_keys.COSIGNATURE_TYPE, "witness"), ""),
    "mirror": (checks.vkey(wire_keys.COSIGNATURE_TYPE, "mirror"), ""),
    "http_key": (checks.http_key, REQUIRED),
    "seal": (checks.seal_key, None),
}


def _read_table(
    raw: Mapping[str, Any], keys: Mapping[str, tuple[Check, Any]], where: Callable[[str | None], str], table: str
) -> dict[str, Any]:
    for key in raw:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1)
            hint = N_("forse intendeva «{near}»") if near else N_("chiavi ammesse: {keys}")
            message = N_("chiave sconosciuta «{key}» in [{table}]")
            known = ", ".join(keys)
            raise refuse(
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
            raise refuse("config-missing-key", where(None), message, hint, key=key, table=table)
        try:
            values[key] = check(raw.get(key, default))
        except Refused as error:
            message = N_("valore non valido per «{key}» in [{table}]: {reason}")
            raise refuse(
                "config-bad-value", where(key), message, error.hint, key=key, table=table, reason=error.said
            ) from error
    return values


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
        raise refuse("config-not-toml", place, message, reason=str(error)) from error
    locate = Locator(text, file)
    for table in raw:
        if table not in TABLES and table != "peer":
            near = difflib.get_close_matches(table, [*TABLES, "peer"], 1)
            message = N_("tabella sconosciuta [{table}]")
            hint = N_("forse intendeva [{near}]") if near else N_("vedere nodes.example.toml")
            raise refuse(
                "config-unknown-table", locate.place(table), message, hint, table=table, near=near[0] if near else ""
            )
    sections: dict[str, dict[str, Any]] = {}
    for table, keys in TABLES.items():
        section = _section(raw, table)
        if not isinstance(section, dict):
            raise refuse("config-bad-value", locate.place(table), N_("[{table}] deve essere una tabella"), table=table)
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
        metrics=MetricsSection(**sections["metrics"]),
        search=SearchSection(**sections["search"]),
        web=WebSection(**sections["web"]),
        oidc=OidcSection(**sections["web.oidc"]),
        interop=InteropSection(**sections["interop"]),
        pdnd=PdndSection(**sections["interop.pdnd"]),
        telemetry=TelemetrySection(**sections["telemetry"]),
    )
    across.check(config, locate)
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
        raise refuse("config-bad-value", locate.place("peer"), N_("i nodi si elencano come [[peer]]"))
    peers = []
    for number, item in enumerate(raw):
        values = _read_table(item, PEER_KEYS, lambda key, n=number: locate.place("peer", key, n), "peer")  # type: ignore[misc]
        if not values["vkey"].startswith(f"{values['origin']}+"):
            message = N_("vkey è la chiave di un altro registro: il suo nome deve essere {origin}")
            raise refuse(
                "config-bad-value", locate.place("peer", "vkey", number), message, CARD_HINT, origin=values["origin"]
            )
        keyid, public = values.pop("http_key")
        peers.append(PeerSection(http_keyid=keyid, http_public=public, **values))
    return tuple(peers)
