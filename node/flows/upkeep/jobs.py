"""What the scheduler's jobs are called, and what each did last: known to the process that runs them, since it began.

In: a job's name, when it began and ended, how. Out: one value per job, for the page of the schedule and for the doctor. Nothing is
stored: a process that ends takes it along, and the next begins anew within seconds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from node.errors import N_

# A job that has not begun for so many of its turns stands still.
TURNS_MISSED: Final = 5
TURN_SLACK_S: Final = 120
# A first pull of large logs takes long; longer than this a turn hangs.
TURN_LONGEST_S: Final = 4 * 3600


class Job(StrEnum):
    """What the scheduler runs. ``agreement`` is of nodes that have one, ``backup`` and ``trial`` of those with a folder for backups."""

    GOSSIP = "gossip"
    AGREEMENT = "agreement"
    DUE = "due"
    ANNOUNCE = "announce"
    POST = "post"
    INTRODUCTIONS = "introductions"
    INTRODUCTIONS_MAIL = "introductions-mail"
    PROGRAMME = "programme"
    RELEASE = "release"
    SETTLE = "settle"
    TIDY = "tidy"
    SAVED = "saved"
    INDEX = "index"
    BACKUP = "backup"
    TRIAL = "trial"
    OBSERVATORY = "observatory"


TITLES: Final[Mapping[str, str]] = {
    Job.GOSSIP: N_("chiede agli altri nodi che cosa c'è di nuovo"),
    Job.AGREEMENT: N_("chiede agli altri nodi se il protocollo d'intesa è cambiato, e lo applica"),
    Job.DUE: N_("preleva le novità degli altri registri"),
    Job.ANNOUNCE: N_("firma il proprio registro e lo porta ai testimoni"),
    Job.POST: N_("porta e ritira i messaggi sigillati"),
    Job.INTRODUCTIONS: N_("chiude i contatti scaduti e rimanda ciò che si è perso"),
    Job.INTRODUCTIONS_MAIL: N_("avvisa l'ufficio delle novità dei contatti"),
    Job.PROGRAMME: N_("dà i posti liberi a chi aspetta e avvisa chi si è iscritto"),
    Job.RELEASE: N_("fa uscire i profili del turno di pubblicazione"),
    Job.SETTLE: N_("riprende un registro recintato, quando si può"),
    Job.TIDY: N_("toglie ciò che è scaduto"),
    Job.SAVED: N_("avvisa le ricerche salvate"),
    Job.INDEX: N_("tiene aggiornato l'indice delle ricerche"),
    Job.BACKUP: N_("fa la copia di sicurezza del giorno e toglie le più vecchie"),
    Job.TRIAL: N_("ripristina per prova l'ultima copia di sicurezza"),
    Job.OBSERVATORY: N_(
        "pubblica le statistiche del trimestre e rifà i numeri dell'Osservatorio, se qualcosa è cambiato"
    ),
}


@dataclass(slots=True)
class Turn:
    """One job: how often it runs, when it last began and ended, and the code of what went wrong (empty: nothing).

    ``failures`` counts turns that failed one after another; ``next_at`` is None while nobody knows.
    """

    name: str
    every_s: float
    began_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    code: str = ""
    failures: int = 0
    next_at: dt.datetime | None = None

    def begin(self, now: dt.datetime) -> None:
        """Note that a turn begins."""
        self.began_at = now

    def end(self, now: dt.datetime, code: str = "") -> None:
        """Note that a turn ended, and how."""
        self.ended_at, self.code = now, code
        self.failures = self.failures + 1 if code else 0

    @property
    def is_running(self) -> bool:
        """Whether a turn is under way."""
        return self.began_at is not None and (self.ended_at is None or self.ended_at < self.began_at)

    def stands_still(self, since: dt.datetime, now: dt.datetime) -> bool:
        """Tell whether no turn has begun for so long that none will, or one hangs; ``since``: when the jobs of the process began."""
        allowed_s = TURNS_MISSED * self.every_s + TURN_SLACK_S
        if self.is_running:
            allowed_s = max(allowed_s, TURN_LONGEST_S)
        return (now - (self.began_at or since)).total_seconds() > allowed_s


@dataclass(frozen=True, slots=True)
class Schedule:
    """The jobs of the process that answers, and since when it runs them."""

    since: dt.datetime
    turns: tuple[Turn, ...]

    def standing(self, now: dt.datetime) -> tuple[Turn, ...]:
        """Return the jobs that stand still."""
        return tuple(turn for turn in self.turns if turn.stands_still(self.since, now))
