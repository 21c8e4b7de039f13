"""Is all well here? What was seen of a node, judged check by check: each says what it found, where, and what to do.

In: what node/flows/upkeep/checkup.py has seen. Out: findings, each with a stable code. Rules: nothing private is in a finding; what could not be
looked at is a finding too. docs/administration.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from node.config_checks import LOOPBACK
from node.errors import N_, ReteError, Said
from node.flows.logs.board import QUARANTINED, SUSPENDED, Peer, is_silent
from node.flows.logs.own_log import OwnState
from node.flows.upkeep import (
    agreement_check,
    audit,
    backup_check,
    introduction_check,
    monitoring_check,
    post_check,
    replica_check,
    statistics_check,
)
from node.flows.upkeep.findings import DANGER, OK, WARNING, Finding, Seen, of_error
from node.flows.upkeep.jobs import TITLES
from node.protocol import limits
from node.store.postgres import MINIMUM_SERVER

GIB: Final = 2**30
DISK_LOW, DISK_LEAST_BYTES = 0.10, 5 * GIB
DISK_EMPTY, DISK_EMPTY_BYTES = 0.03, 1 * GIB
# Pulls fail now and then: a cut line is nobody's business before that.
FAILURES_TOLD: Final = 3
UNSIGNED_S: Final = 600


def judge(seen: Seen) -> list[Finding]:
    """Return what every check found, what is wrong first."""
    return ordered(finding for check in CHECKS for finding in check(seen))


def ordered(found: Iterable[Finding]) -> list[Finding]:
    """Return findings, what is wrong first."""
    order = {DANGER: 0, WARNING: 1, OK: 2}
    return sorted(found, key=lambda finding: order[finding.level])


def _database(seen: Seen) -> list[Finding]:
    server, production = seen.server, seen.config.is_production
    found = [Finding("database-version", "machine", OK, Said(N_("PostgreSQL {version}, schema {schema}"), {"version": server.version, "schema": server.schema}))]  # fmt: skip
    major = server.version.split(".")[0]
    if major.isdigit() and int(major) * 10_000 <= MINIMUM_SERVER:
        found[0] = Finding(
            "database-version-last", "machine", WARNING,
            Said(N_("PostgreSQL {version} è la più vecchia versione ammessa"), {"version": server.version}),
            remedy=Said(N_("aggiornare PostgreSQL prima del prossimo aggiornamento del programma")),
        )  # fmt: skip
    if production and server.superuser:
        found.append(
            Finding(
                "database-superuser", "machine", WARNING,
                Said(N_("il programma entra nella base dati come superutente")), "[database] url",
                Said(N_("dare al programma un accesso con il ruolo rete_node di deploy/roles.sql")),
            )
        )  # fmt: skip
    if not seen.config.database.url:
        found.append(
            Finding(
                "database-embedded", "machine", DANGER if production else OK,
                Said(N_("la base dati è quella inclusa nel programma, per prove e piccoli nodi")), "[database] url",
                Said(N_("indicare in [database] url un PostgreSQL dell'amministrazione, con le sue copie di sicurezza")),
            )
        )  # fmt: skip
    return found


def _clock(seen: Seen) -> list[Finding]:
    remedy = Said(N_("accendere la sincronizzazione dell'ora (NTP) su questa macchina e su quella della base dati"))
    skew = abs((seen.server.now - seen.now).total_seconds())
    found = []
    if skew > limits.CLOCK_SKEW_S:
        said = Said(N_("l'orologio di questo nodo e quello della base dati differiscono di {seconds} secondi"), {"seconds": round(skew)})  # fmt: skip
        found.append(Finding("clock-skew", "machine", DANGER, said, "", remedy))
    signed = seen.log.signed if isinstance(seen.log, OwnState) else None
    if signed is not None and (signed.signed_at - seen.now).total_seconds() > limits.CLOCK_SKEW_S:
        found.append(Finding("clock-back", "machine", DANGER, Said(N_("l'ultima firma è nel futuro: l'orologio è tornato indietro")), "", remedy))  # fmt: skip
    return found or [Finding("clock", "machine", OK, Said(N_("l'orologio va con quello della base dati")))]


def _disk(seen: Seen) -> list[Finding]:
    found = []
    for disk in seen.disks:
        share = disk.free / disk.total if disk.total else 0.0
        # A share of a large disk is a lot of room.
        empty = disk.free < DISK_EMPTY_BYTES or (share < DISK_EMPTY and disk.free < 10 * DISK_EMPTY_BYTES)
        low = disk.free < DISK_LEAST_BYTES or (share < DISK_LOW and disk.free < 10 * DISK_LEAST_BYTES)
        said = Said(N_("{free} GiB liberi su {total}"), {"free": round(disk.free / GIB, 1), "total": round(disk.total / GIB, 1)})  # fmt: skip
        level = DANGER if empty else WARNING if low else OK
        remedy = Said(N_("liberare spazio o ingrandire il disco: una base dati senza spazio si ferma"))
        found.append(Finding("disk" if level == OK else "disk-low", "machine", level, said, str(disk.path), remedy))
    return found


def _secrets(seen: Seen) -> list[Finding]:
    found = [of_error(error, "machine") for error in (seen.keys, seen.mail_secret) if error is not None]
    found += [
        Finding(
            "file-exposed", "machine", WARNING, Said(N_("altri utenti della macchina possono leggerlo")), str(path),
            Said(N_("chmod go-rwx sul file o sulla cartella")),
        )
        for path in seen.exposed
    ]  # fmt: skip
    return found or [Finding("keys", "machine", OK, Said(N_("le chiavi ci sono e le legge solo questo programma")))]


def _environment(seen: Seen) -> list[Finding]:
    config = seen.config
    if not config.is_production:
        return [Finding("environment", "machine", OK, Said(N_("nodo di prova: http e base dati inclusa sono ammessi")), "[node] environment")]  # fmt: skip
    found = []
    if not config.web.behind_proxy:
        found.append(
            Finding(
                "web-without-proxy", "machine", WARNING,
                Said(N_("il nodo non sa di stare dietro un proxy: ogni visitatore conta come uno solo")), "[web] behind_proxy",
                Said(N_("mettere un proxy https davanti e behind_proxy = true")),
            )
        )  # fmt: skip
    if not config.web.contact:
        found.append(
            Finding(
                "web-contact-missing", "machine", WARNING, Said(N_("le pagine non dicono a chi scrivere")), "[web] contact",
                Said(N_("indicare la casella dell'ufficio: la dichiarazione di accessibilità la richiede")),
            )
        )  # fmt: skip
    if config.federation.authority.startswith(LOOPBACK):
        found.append(
            Finding(
                "authority-loopback", "machine", DANGER, Said(N_("il nome del nodo è quello di questa sola macchina")),
                "[federation] authority", Said(N_("dare al nodo il suo nome pubblico prima di pubblicare: resta per sempre")),
            )
        )  # fmt: skip
    return found or [Finding("environment", "machine", OK, Said(N_("in esercizio")), "[node] environment")]


def _own_log(seen: Seen) -> list[Finding]:
    if isinstance(seen.log, ReteError):
        return [of_error(seen.log, "log")]
    state, found = seen.log, []
    row, signed = state.row, state.signed.size if state.signed else 0
    if row.state == "fenced":
        said = Said(row.error_text or N_("il registro firmato è recintato"))
        found.append(
            Finding(
                "log-fenced", "log", DANGER, said, row.origin,
                Said(N_("«rete log recover» quando gli altri nodi rispondono; se nessuno può dirlo, «rete log confirm»")),
            )
        )  # fmt: skip
    stood_s = (seen.now - row.advanced_at).total_seconds() if row.advanced_at else 0
    if row.size > signed and stood_s > UNSIGNED_S and row.state != "fenced":
        found.append(
            Finding(
                "log-unsigned", "log", DANGER,
                Said(N_("{count} voci non sono ancora firmate"), {"count": row.size - signed}), row.origin,
                Said(N_("avviare «rete serve», che firma ogni minuto; se è acceso, il suo registro dice perché non firma")),
            )
        )  # fmt: skip
    if state.mark is not None and state.mark.origin == row.origin and state.mark.size > signed:
        found.append(
            Finding(
                "log-behind-mark", "log", DANGER, Said(N_("qui mancano voci che questo nodo ha già firmato")), row.origin,
                Said(N_("non scrivere: «rete log recover» riprende ciò che manca dagli altri nodi")),
            )
        )  # fmt: skip
    return [*found, *_witnesses(seen, state, signed), *_year(seen, state)] or [
        Finding("log", "log", OK, Said(N_("{size} voci, tutte firmate"), {"size": row.size}), row.origin)
    ]


def _witnesses(seen: Seen, state: OwnState, signed: int) -> list[Finding]:
    if not signed:
        return []
    if len(state.witnesses) < state.quorum:
        return [
            Finding(
                "log-few-witnesses", "log", WARNING,
                Said(N_("ha {count} testimoni: ne servono almeno {least}"), {"count": len(state.witnesses), "least": state.quorum}),
                state.row.origin,
                Said(N_("i testimoni sono gli altri membri attivi del protocollo d'intesa con una chiave witness: crescono con i membri"))
                if seen.agreement
                else Said(N_("aggiungere altri nodi a node.toml, con la loro chiave witness")),
            )
        ]  # fmt: skip
    heard = [said.signed_at for said in state.witnesses.values() if said is not None]
    fresh = [at for at in heard if (seen.now - at).total_seconds() <= limits.FRESH_S]
    if len(fresh) >= state.quorum:
        return []
    return [
        Finding(
            "log-unwitnessed", "log", WARNING,
            Said(N_("nell'ultimo giorno l'hanno confermato {count} testimoni su {all}"), {"count": len(fresh), "all": len(state.witnesses)}),
            state.row.origin,
            Said(N_("«rete peer ping» verso i testimoni mostra dove si ferma la strada; intanto i profili nuovi non sono confermati")),
        )
    ]  # fmt: skip


def _year(seen: Seen, state: OwnState) -> list[Finding]:
    year = state.row.origin.rpartition("/")[2]
    if not year.isdigit() or int(year) >= seen.now.year:
        return []
    return [
        Finding(
            "log-of-last-year", "log", WARNING, Said(N_("il registro è ancora quello del {year}"), {"year": year}),
            state.row.origin, Said(N_("«rete log rollover» comincia il registro di quest'anno")),
        )
    ]  # fmt: skip


def _peers(seen: Seen) -> list[Finding]:
    others = [peer for peer in seen.peers if not peer.row.is_own and peer.row.state != "frozen"]
    if not others and seen.agreement:
        remedy = Said(N_("attendere: gli altri nodi si seguono da sé appena il protocollo d'intesa li elenca"))
        return [Finding("peers-none", "peers", WARNING, Said(N_("questo nodo non segue nessuno")), remedy=remedy)]
    if not others:
        return [
            Finding(
                "peers-none", "peers", WARNING, Said(N_("questo nodo non segue nessuno")), "node.toml",
                Said(N_("scambiare il «rete peer card» con gli altri enti e copiarlo in node.toml")),
            )
        ]  # fmt: skip
    found = [finding for peer in others if (finding := _peer(seen, peer)) is not None]
    return found or [Finding("peers", "peers", OK, Said(N_("{count} registri seguiti, tutti aggiornati"), {"count": len(others)}))]  # fmt: skip


def _peer(seen: Seen, peer: Peer) -> Finding | None:
    row, cause = peer.row, peer.cause
    if cause is None:
        return None
    if peer.state == QUARANTINED:
        return Finding("peer-quarantined", "peers", DANGER, cause, row.owner, peer.remedy)
    if peer.state == SUSPENDED:
        return Finding("peer-suspended", "peers", OK, cause, row.owner, peer.remedy)
    if row.error_code and row.failures < FAILURES_TOLD and not is_silent(row, seen.now):
        return None
    return Finding("peer-stale", "peers", WARNING, cause, row.owner, peer.remedy)


def _led(seen: Seen) -> Finding:
    """Tell which process runs the jobs, where it is another one."""
    lead = seen.lead
    if lead.leads:
        since = lead.since.isoformat(timespec="seconds") if lead.since else "-"
        said = Said(N_("i lavori periodici sono del processo {holder}, che guida dal {since}: la loro pagina è lì"), {"holder": lead.holder, "since": since})  # fmt: skip
        return Finding("jobs-elsewhere", "jobs", OK, said)
    if lead.seen_at is None or not lead.holder:
        return Finding(
            "jobs-nobody", "jobs", OK, Said(N_("il nodo è fermo: nessun processo esegue i lavori periodici"))
        )
    said = Said(N_("nessun processo guida: l'ultimo, {holder}, non dà più segno dal {seen}"), {"holder": lead.holder, "seen": lead.seen_at.isoformat(timespec="seconds")})  # fmt: skip
    remedy = Said(
        N_("avviare «rete serve», o «rete serve --leader»: fino ad allora niente si firma, si preleva o si manda")
    )
    return Finding("leader-gone", "jobs", WARNING, said, "", remedy)


def _jobs(seen: Seen) -> list[Finding]:
    if seen.schedule is None:
        return [_led(seen)]
    found = []
    for turn in seen.schedule.turns:
        title = Said(TITLES.get(turn.name, turn.name))
        if turn.failures:
            found.append(
                Finding(
                    "job-failing", "jobs", DANGER if turn.failures >= FAILURES_TOLD else WARNING,
                    Said(N_("non riesce da {count} turni [{code}]: {job}"), {"count": turn.failures, "code": turn.code, "job": title}),
                    turn.name,
                    Said(N_("il registro del programma («job.failed», job={name}) dice perché; il prossimo turno riprova da sé"), {"name": turn.name}),
                )
            )  # fmt: skip
            continue
        if turn.stands_still(seen.schedule.since, seen.now):
            found.append(
                Finding(
                    "job-standing", "jobs", DANGER, Said(N_("è fermo: {job}"), {"job": title}), turn.name,
                    Said(N_("riavviare «rete serve»")),
                )
            )  # fmt: skip
    return found or [Finding("jobs", "jobs", OK, Said(N_("{count} lavori, tutti in orario"), {"count": len(seen.schedule.turns)}))]  # fmt: skip


def _decisions(seen: Seen) -> list[Finding]:
    if isinstance(seen.chain, ReteError):
        return [of_error(seen.chain, "decisions")]
    verdict = seen.chain
    if verdict.broken is None:
        return [Finding("audit-end", "decisions", OK, Said(N_("{count} eventi; la fine della catena è quella vista l'ultima volta"), {"count": verdict.events}))]  # fmt: skip
    facts = {"event": verdict.place, "profile": verdict.profile}
    return [
        Finding(
            "audit-broken", "decisions", DANGER, Said(audit.REASONS[verdict.broken], facts), audit.MARK,
            Said(N_("non cancellare nulla: confrontare con l'ultima esportazione («rete audit verify --from FILE») e con le copie di sicurezza")),
        )
    ]  # fmt: skip


def _accounts(seen: Seen) -> list[Finding]:
    if not seen.administrators:
        return [
            Finding(
                "administrator-missing", "accounts", WARNING, Said(N_("nessun amministratore può accedere alle pagine")), "",
                Said(N_("«rete user add NOME --role administrator» ne crea uno; con la password fatta può accedere")),
            )
        ]  # fmt: skip
    return [Finding("administrators", "accounts", OK, Said(N_("amministratori che possono accedere: {count}"), {"count": seen.administrators}))]  # fmt: skip


def _search(seen: Seen) -> list[Finding]:
    if not seen.index.is_worth_it or seen.index.answers:
        said = N_("l'indice delle ricerche è aggiornato") if seen.index.is_worth_it else N_("i profili sono pochi: risponde la base dati")  # fmt: skip
        return [Finding("index", "search", OK, Said(said))]
    return [
        Finding(
            "index-behind", "search", WARNING, Said(N_("l'indice delle ricerche è indietro: risponde la base dati, più lenta")), "index",
            Said(N_("«rete serve» lo rifà da sé in qualche minuto; se dura, fermarlo e togliere la cartella index, che si rifà da zero")),
        )
    ]  # fmt: skip


def _mail(seen: Seen) -> list[Finding]:
    if seen.mailed.mailed and not seen.config.mail.host:
        return [
            Finding(
                "mail-unset", "search", WARNING,
                Said(N_("{count} ricerche salvate aspettano posta, che questo nodo non sa mandare"), {"count": seen.mailed.mailed}),
                "[mail] host", Said(N_("indicare in [mail] il server di posta dell'amministrazione")),
            )
        ]  # fmt: skip
    if seen.mailed.failing:
        return [
            Finding(
                "mail-failing", "search", WARNING,
                Said(N_("a {count} ricerche salvate su {all} la posta non arriva"), {"count": seen.mailed.failing, "all": seen.mailed.mailed}),
                "[mail]", Said(N_("«rete saved list» mostra il motivo di ciascuna")),
            )
        ]  # fmt: skip
    said = N_("la posta parte da {host}") if seen.config.mail.host else N_("nessuna ricerca salvata aspetta posta")
    return [Finding("mail", "search", OK, Said(said, {"host": seen.config.mail.host}))]


CHECKS: Final[tuple[Callable[[Seen], list[Finding]], ...]] = (
    _database, _clock, _disk, _secrets, _environment, _own_log, _peers, _jobs, _decisions, _accounts, _search, _mail,
    introduction_check.check, backup_check.check, post_check.check, agreement_check.check, statistics_check.check,
    monitoring_check.check, replica_check.check,
)  # fmt: skip
