"""What a check of the node finds, and what there is for checks to look at (node/flows/upkeep/doctor.py judges it).

In: nothing. Out: values. Rules: whatever is not well comes with a remedy, which the value itself insists on; what could not be looked
at is an error in its place. docs/administration.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.config import Config
from node.errors import N_, ReteError, Said
from node.flows.introductions.post_board import Post
from node.flows.logs.board import Peer
from node.flows.logs.own_log import OwnState
from node.flows.trust.agreement_board import Glance
from node.flows.upkeep.audit import Verdict
from node.flows.upkeep.backup_shelf import Shelf
from node.flows.upkeep.jobs import Schedule
from node.store.doctor import Introductions, Mailed, Server
from node.store.leader import Standing
from node.store.replica import Sight

OK, WARNING, DANGER = "ok", "warning", "danger"
LEVELS: Final[Mapping[str, str]] = {OK: N_("va bene"), WARNING: N_("da guardare"), DANGER: N_("da risolvere")}
AREAS: Final[Mapping[str, str]] = {
    "machine": N_("Macchina e base dati"),
    "log": N_("Registro firmato"),
    "peers": N_("Altri nodi"),
    "agreement": N_("Protocollo d'intesa"),
    "jobs": N_("Lavori periodici"),
    "decisions": N_("Catena delle decisioni"),
    "accounts": N_("Utenti"),
    "search": N_("Ricerca e avvisi"),
    "backups": N_("Copie di sicurezza"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``where`` is a place as it is: a path, a node, a log."""

    code: str
    area: str
    level: str
    said: Said
    where: str = ""
    remedy: Said | None = None

    def __post_init__(self) -> None:
        """Refuse a red or yellow light that does not say what to do."""
        if self.level != OK and self.remedy is None:
            raise ValueError(self.code)


@dataclass(frozen=True, slots=True)
class Disk:
    """The room on a disk."""

    path: Path
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Index:
    """The text index: whether there are enough profiles for one, and whether it may answer."""

    is_worth_it: bool
    answers: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was looked at. An error stands where something could not be seen; ``schedule`` None: another process runs it, ``lead`` tells which."""

    now: dt.datetime
    home: Path
    config: Config
    server: Server
    disks: tuple[Disk, ...]
    keys: ReteError | None
    exposed: tuple[Path, ...]
    mail_secret: ReteError | None
    log: OwnState | ReteError
    peers: tuple[Peer, ...]
    index: Index
    mailed: Mailed
    chain: Verdict | ReteError
    administrators: int
    schedule: Schedule | None
    lead: Standing
    introductions: Introductions
    # None: this node makes no backups by itself.
    backups: Shelf | ReteError | None = None
    # The sealed post with each other member.
    post: tuple[Post, ...] = ()
    # None: the members are the [[peer]] tables.
    agreement: Glance | None = None
    # The newest reference day whose statistics this node told; None: none yet.
    statistics_day: dt.date | None = None
    # Until when the site's certificate is good, or why that can't be read; None: it is not watched.
    certificate: dt.datetime | ReteError | None = None
    # None: this node has no read replica.
    replica: Sight | None = None


def of_error(error: ReteError, area: str) -> Finding:
    """Return an expected failure as a finding."""
    hint = error.hint or N_("il messaggio dice dove; il registro del programma dice il resto")
    return Finding(error.code, area, DANGER, Said(error.what, error.facts), error.where, Said(hint, error.facts))


def worst(findings: Iterable[Finding]) -> str:
    """Return the light that stands for several."""
    levels = {finding.level for finding in findings}
    return DANGER if DANGER in levels else WARNING if WARNING in levels else OK
