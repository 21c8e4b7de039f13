"""Does the agreement hold, and is this node in it as it is? Expiry, forks, what others have and we do not, own keys, what waits for a person.

In: what was seen of the node. Out: findings (node/flows/upkeep/doctor.py). Rules: nothing here is settled by the program: each finding says who has to
act, and by which command. docs/administration.md.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from node.domain.days import day_of
from node.errors import N_, Said
from node.flows.trust.agreement_board import EXPIRES_SOON, Glance
from node.flows.upkeep.findings import DANGER, OK, WARNING, Finding, Seen
from node.protocol.agreement_values import Node, Status
from node.protocol.routine import live

AREA: Final = "agreement"


def check(seen: Seen) -> list[Finding]:
    """Return what is to be said of the agreement."""
    look = seen.agreement
    if look is None:
        return [
            Finding("agreement-none", AREA, OK, Said(N_("i membri sono quelli delle tabelle [[peer]]: va bene per prove tra pochi nodi")), "node.toml")
        ]  # fmt: skip
    found = [
        *_expiry(seen, look), *_forks(look), *_routines(seen, look), *_behind(look), *_self(seen, look), *_proposals(look), *_requests(look)
    ]  # fmt: skip
    if any(finding.level != OK for finding in found):
        return found
    facts = {"version": look.standing.agreement.version, "day": look.standing.agreement.expires}
    return [Finding("agreement", AREA, OK, Said(N_("protocollo d'intesa versione {version}, valido fino al {day:%d/%m/%Y}"), facts))]  # fmt: skip


def _expiry(seen: Seen, look: Glance) -> list[Finding]:
    document = look.standing.agreement
    facts = {"version": document.version, "day": document.expires, "days": look.standing.days_left(seen.now)}
    remedy = Said(
        N_(
            "chiedere al consiglio di rinnovarlo: «rete agreement propose --renew», poi le firme; servono giorni, non ore"
        )
    )
    if document.is_expired(seen.now):
        said = Said(N_("il protocollo d'intesa, versione {version}, è scaduto il {day:%d/%m/%Y}: si continua a leggere, ma nessuno entra"), facts)  # fmt: skip
        return [Finding("agreement-expired", AREA, DANGER, said, remedy=remedy)]
    if document.expires - seen.now <= EXPIRES_SOON:
        said = Said(N_("il protocollo d'intesa, versione {version}, scade il {day:%d/%m/%Y}, tra {days} giorni"), facts)
        return [Finding("agreement-expiring", AREA, WARNING, said, remedy=remedy)]
    return []


def _forks(look: Glance) -> list[Finding]:
    return [
        Finding(
            "agreement-fork", AREA, DANGER,
            Said(N_("ci sono due versioni {version} del protocollo d'intesa, firmate tutte e due: non se ne applicano altre"), {"version": version}),
            str(version),
            Said(N_("sentire subito la segreteria e il consiglio: i due documenti sono nella pagina del protocollo; quando il consiglio ha deciso quale vale, «rete agreement settle {version} IMPRONTA» su ogni nodo (docs/agreement.md)"), {"version": version}),
        )
        for version in sorted({fork.version for fork in look.forks})
    ]  # fmt: skip


def _routines(seen: Seen, look: Glance) -> list[Finding]:
    """Tell of nodes of which two routine changes contradict each other, and of changes in effect that have expired."""
    held = look.standing.changes
    found = [
        Finding(
            "routine-forked", AREA, DANGER,
            Said(N_("di {node} ci sono due modifiche ordinarie diverse, firmate tutte e due: qui vale la prima arrivata, altrove forse l'altra"), {"node": node}),
            node,
            Said(N_("sentire la segreteria, poi il consiglio: «rete agreement propose --change» con la voce che vale la rende uguale per tutti")),
        )
        for node in sorted({fork.node for fork in look.routine_forks})
    ]  # fmt: skip
    if held is not None and held.is_expired(seen.now) and live(look.standing.agreement, held):
        said = Said(N_("le modifiche ordinarie in vigore sono scadute il {day:%d/%m/%Y}: valgono ancora, ma nessuno le ha confermate"), {"day": held.expires})  # fmt: skip
        remedy = Said(N_("chiedere al consiglio la prossima versione: «rete agreement propose --renew» le riprende nel protocollo d'intesa"))  # fmt: skip
        found.append(Finding("routine-expired", AREA, WARNING, said, remedy=remedy))
    return found


def _behind(look: Glance) -> list[Finding]:
    """Tell of newer versions that were offered and not taken, by version and code."""
    version = look.standing.agreement.version
    by_code: dict[tuple[int, str], list[str]] = defaultdict(list)
    for one in look.refused:
        if one.version > version:
            by_code[one.version, one.code].append(one.member)
    return [
        Finding(
            "agreement-behind", AREA, WARNING,
            Said(N_("altri hanno una versione {version} del protocollo d'intesa che qui è stata rifiutata [{code}]; qui vale la {own}"), {"version": offered, "code": code, "own": version}),
            ", ".join(sorted(members)),
            Said(N_("sentire chi gestisce quei nodi e la segreteria: o manca una firma, o il loro documento non è quello del consiglio; il codice dice che cosa non va, nulla è stato cambiato qui")),
        )
        for (offered, code), members in sorted(by_code.items())
    ]  # fmt: skip


def _self(seen: Seen, look: Glance) -> list[Finding]:
    own_id = seen.config.node.id
    node = next((node for node in look.standing.nodes if node.id == own_id), None)
    if node is None:
        return [
            Finding(
                "not-yet-member", AREA, WARNING, Said(N_("questo nodo non è ancora nel protocollo d'intesa: legge ciò che è pubblico, e gli altri non rispondono alle sue richieste firmate")),
                own_id, Said(N_("«rete join --status» dice a che punto è la richiesta; confrontare le parole con la segreteria per telefono: il resto lo fanno le firme del consiglio")),
            )
        ]  # fmt: skip
    if node.status is Status.SUSPENDED:
        facts = {"day": day_of(node.since), "days": look.standing.agreement.terms.suspended_days}
        return [
            Finding(
                "suspended-self", AREA, DANGER,
                Said(N_("questo nodo è sospeso dal {day:%d/%m/%Y}: gli altri non rispondono alle sue richieste e non mostrano i suoi profili, e dopo {days} giorni li cancellano"), facts),
                own_id, Said(N_("sentire la segreteria: il consiglio riammette il nodo con una nuova versione; i profili tornano da sé, e qui non è andato perduto nulla")),
            )
        ]  # fmt: skip
    if node.status is Status.LEFT:
        return [
            Finding(
                "left-self", AREA, DANGER,
                Said(N_("questo nodo è uscito dalla federazione il {day:%d/%m/%Y}: gli altri non lo seguono più"), {"day": day_of(node.since)}),
                own_id, Said(N_("se non è voluto, sentire la segreteria: il consiglio può riammetterlo; se è voluto, il nodo si può spegnere")),
            )
        ]  # fmt: skip
    return _keys(look, node)


def _keys(look: Glance, node: Node) -> list[Finding]:
    """Tell of roles none of whose keys on disk the agreement lists for this node."""
    if look.own_keys is None:
        return []
    listed = listed_keys(node)
    wrong = sorted(role for role, held in look.own_keys.items() if not set(held) & listed.get(role, frozenset()))
    return [
        Finding(
            "own-keys-not-listed", AREA, DANGER,
            Said(N_("la chiave «{role}» di questo nodo non è quella che il protocollo d'intesa elenca: gli altri rifiutano ciò che firma"), {"role": role}),
            role,
            Said(N_("rimettere la chiave dalla copia di sicurezza; se è perduta, «rete keys rotate {role} --lost» prepara la proposta per il consiglio"), {"role": role}),
        )
        for role in wrong
    ]  # fmt: skip


def listed_keys(node: Node) -> dict[str, frozenset[bytes]]:
    """Return a node's public keys as the agreement lists them, by role; a log's that ended are not its own any more."""
    seal = () if node.seal is None else (node.seal.x25519,)
    return {
        "http": frozenset(key.public for key in node.http),
        "log": frozenset(
            verifier.public for item in node.log if item.until_size is None for verifier in item.verifiers
        ),
        "witness": frozenset(verifier.public for verifier in node.witness),
        "mirror": frozenset(verifier.public for verifier in node.mirror),
        "seal": frozenset(seal),
    }


def _proposals(look: Glance) -> list[Finding]:
    if not look.proposals:
        return []
    return [
        Finding(
            "agreement-proposal-waiting", AREA, WARNING, Said(N_("proposte del protocollo d'intesa che aspettano firme: {count}"), {"count": look.proposals}),
            "", Said(N_("se l'amministrazione ha una chiave del consiglio: leggere che cosa cambia nella pagina del protocollo, poi «rete agreement sign»; altrimenti non c'è nulla da fare")),
        )
    ]  # fmt: skip


def _requests(look: Glance) -> list[Finding]:
    if not look.requests:
        return []
    return [
        Finding(
            "enrolment-requests-waiting", AREA, WARNING, Said(N_("richieste di adesione che aspettano: {count}"), {"count": look.requests}),
            "", Said(N_("confrontare per telefono le parole di ciascuna con chi la manda; se sono le stesse, «rete agreement propose --admit», altrimenti «rete agreement requests --drop»")),
        )
    ]  # fmt: skip
