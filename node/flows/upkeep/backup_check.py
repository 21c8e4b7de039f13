"""Would the backups help? Whether there are any, whether the newest is new enough, whether one was ever put back on trial.

In: what was seen of the node. Out: findings (node/flows/upkeep/doctor.py). docs/backup.md.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from node.config import Config
from node.errors import N_, ReteError, Said
from node.flows.upkeep.backup_shelf import Shelf
from node.flows.upkeep.findings import DANGER, OK, WARNING, Finding, Seen, of_error

AREA: Final = "backups"
DAY_S: Final = 86_400


def check(seen: Seen) -> list[Finding]:
    """Return what is to be said of a node's backups."""
    return judge(seen.config, seen.backups, seen.now)


def judge(config: Config, shelf: Shelf | ReteError | None, now: dt.datetime) -> list[Finding]:
    """Return what is to be said of some backups, None where the node makes none by itself."""
    if shelf is None:
        return [_off(config)]
    if isinstance(shelf, ReteError):
        return [of_error(shelf, AREA)]
    return [*_age(shelf, now, config.backup.max_age_days), *_trial(shelf)]


def _off(config: Config) -> Finding:
    level = WARNING if config.is_production else OK
    return Finding(
        "backup-off", AREA, level, Said(N_("questo nodo non fa copie di sicurezza da sé")), "[backup] folder",
        Said(N_("indicare in node.toml folder e passphrase_file e riavviare «rete serve» (docs/backup.md)")),
    )  # fmt: skip


def _age(shelf: Shelf, now: dt.datetime, most: int) -> list[Finding]:
    newest, where = shelf.newest, str(shelf.folder)
    remedy = Said(
        N_(
            "«rete backup create» ne fa una adesso e dice che cosa la impedisce; «rete serve» acceso ne fa una al giorno"
        )
    )
    if newest is None:
        return [Finding("backup-missing", AREA, DANGER, Said(N_("non c'è nessuna copia di sicurezza")), where, remedy)]
    days = round((now - newest.made_at).total_seconds() / DAY_S, 1)
    facts = {"days": days, "most": most}
    if days > most:
        said = Said(N_("l'ultima copia di sicurezza ha {days} giorni: al massimo {most}"), facts)
        return [Finding("backup-old", AREA, DANGER, said, where, remedy)]
    said = Said(
        N_("l'ultima copia di sicurezza ha {days} giorni; ce ne sono {count}"), {**facts, "count": len(shelf.copies)}
    )
    return [Finding("backup", AREA, OK, said, where)]


def _trial(shelf: Shelf) -> list[Finding]:
    last = shelf.tried
    if shelf.newest is None:
        return []
    if last is None or last.checked is None:
        return [
            Finding(
                "backup-untried", AREA, WARNING, Said(N_("nessuna delle copie è mai stata ripristinata per prova")), str(shelf.folder),
                Said(N_("«rete backup verify FILE», o il bottone della pagina delle copie, la prova senza toccare il nodo")),
            )
        ]  # fmt: skip
    if not last.checked.ok:
        return [
            Finding(
                "backup-bad", AREA, DANGER,
                Said(N_("l'ultima copia provata non è buona [{code}]"), {"code": last.checked.code}), last.path.name,
                Said(N_("farne subito un'altra e provarla («rete backup create», «rete backup verify»); controllare il disco delle copie")),
            )
        ]  # fmt: skip
    said = Said(N_("l'ultima prova di ripristino, il {day:%d/%m/%Y}, è riuscita"), {"day": last.checked.at.date()})
    return [Finding("backup-tried", AREA, OK, said, last.path.name)]
