"""How the read replica does ([database] read_url).

In: what was seen of the node. Out: findings (node/flows/upkeep/doctor.py). Rules: nothing here is a danger: whatever is wrong with the replica, the
server that is written answers in its place, more slowly. docs/processes.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from node.errors import N_, Said
from node.flows.upkeep.findings import OK, WARNING, Finding, Seen
from node.store import replica

AREA: Final = "machine"
WHERE: Final = "[database] read_url"
MIB: Final = 2**20
# So many bytes behind are a lot even where they are quickly followed.
LAG_BYTES: Final = 256 * MIB
_SAID: Final[Mapping[str, tuple[str, str]]] = {
    replica.AWAY: (
        N_("la replica di lettura non risponde: le letture vanno al server principale"),
        N_("accenderla, o controllare [database] read_url e che il suo pg_hba.conf ammetta questo accesso"),
    ),
    replica.LAGGING: (
        N_("la replica di lettura è indietro di {seconds} secondi e {mib} MiB: oltre {most} secondi le letture vanno al server principale"),
        N_("guardare sul server principale pg_stat_replication: rete, disco della replica, o una domanda lunga che ferma il ripasso"),
    ),
    replica.PAUSED: (
        N_("la replica di lettura è in pausa, indietro di {seconds} secondi e {mib} MiB"),
        N_("sulla replica: SELECT pg_wal_replay_resume()"),
    ),
    replica.PROMOTED: (
        N_("il server di [database] read_url non ne segue un altro: è stato promosso, o è quello principale"),
        N_("rifarlo come replica del server principale di oggi, o indicare in read_url un server che lo segue"),
    ),
    replica.OTHER: (
        N_("il server di [database] read_url ha un'altra base dati: non è una replica di questa"),
        N_("indicare una replica fatta con pg_basebackup dal server di [database] url, con la stessa base dati"),
    ),
    replica.UNKNOWN: (
        N_("la replica di lettura non si può confrontare con il server principale"),
        N_("ripetere quando il server principale risponde"),
    ),
}  # fmt: skip


def check(seen: Seen) -> list[Finding]:
    """Return what is to be said of the replica; nothing of a node that has none."""
    sight = seen.replica
    if sight is None:
        return []
    facts: dict[str, Any] = {
        "seconds": round(sight.lag_s or 0.0, 1),
        "mib": round((sight.lag_bytes or 0) / MIB, 1),
        "most": f"{seen.config.database.read_max_lag_s:g}",
    }
    state = sight.state
    if state == replica.OK and sight.is_paused:
        state = replica.PAUSED
    elif state == replica.OK and (sight.lag_bytes or 0) > LAG_BYTES:
        state = replica.LAGGING
    if state == replica.OK:
        said = N_("la replica di lettura segue: indietro di {seconds} secondi e {mib} MiB")
        return [Finding("replica", AREA, OK, Said(said, facts), WHERE)]
    said, remedy = _SAID[state]
    code = "replica-unseen" if state == replica.UNKNOWN else state
    return [Finding(code, AREA, WARNING, Said(said, facts), WHERE, Said(remedy))]
