"""Who may read the node's numbers, and whether the site's certificate ends soon.

In: what was seen of the node. Out: findings (node/flows/upkeep/doctor.py). docs/monitoring.md.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from node.config_checks import is_loopback
from node.errors import N_, ReteError, Said
from node.flows.upkeep.findings import DANGER, OK, WARNING, Finding, Seen, of_error

AREA: Final = "machine"
ENDS_SOON: Final = dt.timedelta(days=21)
ENDS_NOW: Final = dt.timedelta(days=7)


def check(seen: Seen) -> list[Finding]:
    """Return what is to be said of the numbers and of the certificate."""
    return [*_metrics(seen), *_certificate(seen)]


def _metrics(seen: Seen) -> list[Finding]:
    metrics = seen.config.metrics
    where = "[metrics]"
    if not metrics.port:
        return [Finding("metrics-off", AREA, OK, Said(N_("le misure per Prometheus sono spente")), where)]
    facts = {"host": metrics.host, "port": metrics.port}
    if is_loopback(metrics.host):
        said = Said(N_("le misure per Prometheus si leggono solo da questa macchina, alla porta {port}"), facts)
        return [Finding("metrics", AREA, OK, said, where)]
    return [
        Finding(
            "metrics-exposed", AREA, WARNING,
            Said(N_("le misure si leggono senza accesso anche da altre macchine, su {host}:{port}"), facts), "[metrics] host",
            Said(N_('far passare solo Prometheus (firewall, rete interna dei contenitori), o tornare a host = "127.0.0.1"')),
        )
    ]  # fmt: skip


def _certificate(seen: Seen) -> list[Finding]:
    if seen.certificate is None:
        return []
    if isinstance(seen.certificate, ReteError):
        return [of_error(seen.certificate, AREA)]
    left = seen.certificate - seen.now
    facts = {"day": seen.certificate.date(), "days": left.days}
    where = seen.config.metrics.certificate
    if left > ENDS_SOON:
        return [Finding("certificate", AREA, OK, Said(N_("il certificato del sito vale fino al {day:%d/%m/%Y}"), facts), where)]  # fmt: skip
    remedy = Said(
        N_("rinnovarlo e ricaricare il proxy: chi lo rinnova da sé lo fa un mese prima, e qui non l'ha fatto")
    )
    if left <= dt.timedelta(0):
        said = Said(
            N_("il certificato del sito è scaduto il {day:%d/%m/%Y}: gli altri nodi e i browser non entrano"), facts
        )
        return [Finding("certificate-expired", AREA, DANGER, said, where, remedy)]
    said = Said(N_("il certificato del sito scade il {day:%d/%m/%Y}, tra {days} giorni"), facts)
    return [Finding("certificate-expiring", AREA, DANGER if left <= ENDS_NOW else WARNING, said, where, remedy)]
