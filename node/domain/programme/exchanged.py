"""What an issuing office tells the others of its applications: the facts from which all of them compute the same ranking.

In: an application with its single undertakings; or what another office said. Out: one document; or values, judged. Rules: what arrives
is judged as one's own would be (points of the scale, amounts, moments), and an office speaks for its own applications alone; the
network's key and the tax codes travel sealed, and stay with the issuers. Pure. Source: PROTOCOL 14.6.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.domain.programme import call as calls
from node.domain.programme import published_ranking, scoring
from node.domain.programme.call import EVALUATORS_MAX, Call
from node.domain.programme.eligibility import REASONS, Aid, Undertaking
from node.domain.programme.published_ranking import Applied, told, written
from node.domain.programme.scoring import Entry, Sheet
from node.errors import N_, CallerError

_APPLICATION: Final = frozenset(
    {"id", "protocol", "arrived", "network", "requested", "reasons", "withdrawn", "undertakings", "sheets"}
)
_HEAD: Final = frozenset({"v", "call", "call_id", "from", "to", "at", "n", "of", "application"})
_PROTOCOL: Final = re.compile(r"20[0-9]{2}-[0-9]{6,12}")
_ALIAS: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_CODE: Final = re.compile(r"[A-Z0-9]{8,16}")
NETWORK_LONGEST: Final = 600


@dataclass(frozen=True, slots=True)
class Told:
    """One application as an office tells it; ``number`` of ``count``."""

    applied: Applied
    undertakings: tuple[Undertaking, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """Who says it to whom, when, of which call; number 0 of ``count`` tells of no application, but how many there are."""

    sender: str
    recipient: str
    at: dt.datetime
    number: int
    count: int


def build(call: Call, heading: Heading, item: Told | None) -> dict[str, Any]:
    """Return the document in which an office tells of one application, or, with None, of their number."""
    return {
        "v": 1, "call": call.digest, "call_id": call.call_id, "from": heading.sender, "to": heading.recipient,
        "at": told(heading.at), "n": heading.number, "of": heading.count, "application": None if item is None else facts_of(item),
    }  # fmt: skip


def facts_of(item: Told) -> dict[str, Any]:
    """Return the facts of an application."""
    entry = item.applied.entry
    return {
        "id": entry.application_id, "protocol": entry.protocol, "arrived": told(entry.arrived), "network": item.applied.network,
        "requested": written(entry.requested), "reasons": list(item.applied.reasons), "withdrawn": item.applied.is_withdrawn,
        "undertakings": [
            {"code": one.code, "part": written(one.part), "aids": [[aid.granted_on.isoformat(), written(aid.amount)] for aid in one.aids]}
            for one in item.undertakings
        ],
        "sheets": [
            {"by": sheet.by, "points": {code: written(value) for code, value in sheet.points.items()}} for sheet in entry.sheets
        ],
    }  # fmt: skip


def parse(call: Call, document: Mapping[str, Any]) -> tuple[Heading, Told | None]:
    """Return what a document says. Raises: CallerError(sheet-bad) with the field."""
    if document.keys() != _HEAD or document["v"] is True or document["v"] != 1:
        raise _bad("v")
    if document["call"] != call.digest or document["call_id"] != call.call_id:
        raise _bad("call")
    number, count = document["n"], document["of"]
    if type(number) is not int or type(count) is not int or not 0 <= number <= count:
        raise _bad("n")
    issuers = {issuer.node for issuer in call.issuers}
    if document["from"] not in issuers or document["to"] not in issuers:
        raise _bad("from")
    heading = Heading(document["from"], document["to"], _moment(document["at"]), number, count)
    if (document["application"] is None) != (number == 0):
        raise _bad("application")
    return heading, None if number == 0 else read_facts(call, heading.sender, document["application"])


def read_facts(call: Call, office: str, facts: Any) -> Told:
    """Return an application from its facts. Raises: CallerError(sheet-bad) with the field."""
    if type(facts) is not dict or facts.keys() != _APPLICATION or not calls.is_id(facts["id"]):
        raise _bad("application")
    protocol, network = facts["protocol"], facts["network"]
    if type(protocol) is not str or not _PROTOCOL.fullmatch(protocol):
        raise _bad("protocol")
    if type(network) is not str or not 0 < len(network) <= NETWORK_LONGEST:
        raise _bad("network")
    reasons = facts["reasons"]
    if type(reasons) is not list or reasons != [code for code in REASONS if code in reasons]:
        raise _bad("reasons")
    if type(facts["withdrawn"]) is not bool:
        raise _bad("withdrawn")
    try:
        requested = calls.amount_of(facts["requested"], "requested")
        sheets = _sheets(call, facts["sheets"])
        undertakings = _undertakings(facts["undertakings"])
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise _bad("application") from error
    except CallerError as error:
        raise _bad(error.where or error.code) from error
    entry = Entry(facts["id"], office, protocol, _moment(facts["arrived"]), requested, sheets)
    # What takes part came in time and asks no more than it may, whatever its office says.
    if not reasons and not (call.opens <= entry.arrived < call.closes and 0 < requested <= call.max_grant):
        raise _bad("reasons")
    return Told(Applied(entry, network, tuple(reasons), facts["withdrawn"]), undertakings)


def _sheets(call: Call, value: Sequence[Mapping[str, Any]]) -> tuple[Sheet, ...]:
    found = []
    for item in value:
        if item.keys() != {"by", "points"} or not _ALIAS.fullmatch(item["by"]):
            raise _bad("sheets")
        if any(type(points) is not str for points in item["points"].values()):
            raise _bad("points")
        found.append(Sheet(item["by"], scoring.points_of(call, item["points"])))
    if type(value) is not list or len(found) > EVALUATORS_MAX or len({sheet.by for sheet in found}) != len(found):
        raise _bad("sheets")
    return tuple(found)


def _undertakings(value: Sequence[Mapping[str, Any]]) -> tuple[Undertaking, ...]:
    found = []
    for item in value:
        if item.keys() != {"code", "part", "aids"} or not _CODE.fullmatch(item["code"]):
            raise _bad("undertakings")
        aids = [Aid(dt.date.fromisoformat(day), calls.amount_of(amount, "aids")) for day, amount in item["aids"]]
        found.append(Undertaking(item["code"], calls.amount_of(item["part"], "part"), tuple(aids)))
    return tuple(found)


def _moment(text: Any) -> dt.datetime:
    try:
        return published_ranking.moment_of(text)
    except CallerError as error:
        raise _bad("at") from error


def _bad(field: str) -> CallerError:
    return CallerError("sheet-bad", N_("la scheda di un altro ufficio non è valida: {field}"), field=field)
