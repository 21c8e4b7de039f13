"""Joint calls as JSON documents: one shape for commands and whoever reads their output (docs/cli.md).

In: values of the flows. Out: dictionaries of texts, numbers and lists; amounts and points are text with two decimals.
"""

from __future__ import annotations

from typing import Any

from node.domain.programme.grants import Account
from node.domain.programme.published_ranking import written
from node.flows.programme.applying import Opened
from node.flows.programme.issued import Issued, Rankings
from node.store.call_scores import Score, Task
from node.store.calls import Application, Kept, Proposal


def issued_document(one: Issued) -> dict[str, Any]:
    """Return a text of a call and how it stands."""
    call, standing = one.call, one.standing
    return {
        "call_id": call.call_id, "digest": call.digest, "title": dict(call.title), "state": standing.state, "opens": call.opens,
        "closes": call.closes, "mode": call.mode, "budget": written(call.budget), "issuers": [i.node for i in call.issuers],
        "lead": call.lead, "endorsers": list(one.endorsers), "missing": list(standing.missing),
        "differing": list(standing.differing),
    }  # fmt: skip


def kept_document(kept: Kept) -> dict[str, Any]:
    """Return what is known of this office's copy."""
    return {
        "call_id": kept.call_id, "digest": kept.digest, "written_by": kept.written_by, "written_at": kept.written_at,
        "endorsed_by": kept.endorsed_by, "endorsed_at": kept.endorsed_at,
    }  # fmt: skip


def rankings_document(found: Rankings) -> dict[str, Any]:
    """Return who has published a ranking, and whether all the same."""
    return {"published_by": sorted(found.parts), "signed_by_all": found.is_signed}


def application_document(one: Application) -> dict[str, Any]:
    """Return an application as a line of a list."""
    return {
        "application_id": one.application_id, "call_id": one.call_id, "protocol": one.protocol, "arrived_at": one.arrived_at,
        "network_id": one.network_id, "network": one.network, "requested": written(one.requested), "reasons": list(one.reasons),
        "withdrawn_at": one.withdrawn_at, "takes_part": one.takes_part, "assigned": one.assigned, "scored": one.is_scored,
        "documents": one.documents, "officer": one.officer,
    }  # fmt: skip


def opened_document(opened: Opened) -> dict[str, Any]:
    """Return an application with what is in it."""
    return {
        **application_document(opened.application),
        "undertakings": [
            {"code": one.code, "part": written(one.part), "aids": [{"granted_on": aid.granted_on, "amount": written(aid.amount)} for aid in one.aids]}
            for one in opened.undertakings
        ],
        "attached": [dict(one) for one in opened.documents],
    }  # fmt: skip


def task_document(task: Task) -> dict[str, Any]:
    """Return what an evaluator is to judge."""
    return {
        "application_id": task.application_id, "call_id": task.call_id, "protocol": task.protocol, "conflict": task.conflict,
        "scored": task.has_scored,
    }  # fmt: skip


def score_document(score: Score) -> dict[str, Any]:
    """Return a score that may be seen."""
    return {"by": score.alias, "points": dict(score.points), "reasons": dict(score.reasons), "given_at": score.given_at}


def proposal_document(one: Proposal) -> dict[str, Any]:
    """Return a ranking that this office computed."""
    return {
        "call_id": one.call_id, "ranking_id": one.ranking_id, "edition": one.edition, "digest": one.digest, "at": one.at,
        "proposed_by": one.proposed_by, "published_by": one.published_by, "published_at": one.published_at,
        "rows": [row for part in one.parts for row in part["rows"]],
    }  # fmt: skip


def account_document(application_id: str, account: Account) -> dict[str, Any]:
    """Return how a grant stands."""
    return {
        "application_id": application_id, "granted": written(account.granted), "revoked": written(account.revoked),
        "due": written(account.due), "paid": written(account.paid), "accepted": written(account.accepted),
        "to_recover": written(account.to_recover),
    }  # fmt: skip
