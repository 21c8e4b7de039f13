"""Joint calls for everybody: which are open, one with its rules, and the ranking as its issuers publish it.

In: requests. Out: pages of what the signed logs say (node/flows/programme/issued.py), and of nothing else: texts of other nodes are shown
as text. Source: PROTOCOL 14; docs/calls.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from node.domain.programme import call as rules
from node.domain.programme import grants
from node.domain.programme.eligibility import REASONS
from node.domain.roles import Permission
from node.errors import N_
from node.flows.programme import issued
from node.flows.programme.issued import Issued, Rankings
from node.store.postgres import Pool
from node.store.reference import load_label_reference
from node.web.middleware import language_of
from node.web.pages.announced import MODE_TITLES
from node.web.pages.frame import render
from node.web.pages.shown import Reader, Said
from node.web.permission import needs

PATH: Final = "/bandi"
STATE_TITLES: Final[Mapping[str, str]] = {
    rules.UNENDORSED: N_("non ancora approvato da tutti"),
    rules.CONTESTED: N_("chiuso: gli enti hanno approvato testi diversi"),
    rules.ANNOUNCED: N_("annunciato"),
    rules.OPEN: N_("aperto"),
    rules.CLOSED: N_("scaduto"),
}
BADGES: Final[Mapping[str, str]] = {
    rules.OPEN: "success",
    rules.ANNOUNCED: "primary",
    rules.CONTESTED: "danger",
    rules.UNENDORSED: "warning",
    rules.CLOSED: "secondary",
}
LAST_TITLES: Final[Mapping[str, str]] = {
    rules.PARTIAL: N_("all'ultima domanda va ciò che resta"),
    rules.SKIP: N_("se ciò che resta non basta, si passa alla domanda seguente"),
    rules.STOP: N_("se ciò che resta non basta, non si finanzia altro"),
}
OUTCOMES: Final[Mapping[str, str]] = {
    grants.FUNDED: N_("finanziata"),
    grants.PART_FUNDED: N_("finanziata in parte"),
    grants.ADMITTED: N_("ammessa, fondi esauriti"),
    grants.BELOW: N_("sotto la soglia"),
    grants.REFUSED: N_("non ammessa"),
    grants.WITHDRAWN: N_("ritirata"),
}


@dataclass(frozen=True, slots=True)
class Shared:
    """What the public pages of calls read: the database, and the time."""

    pool: Pool
    clock: Callable[[], dt.datetime]


SHARED = web.AppKey("calls", Shared)


def routes() -> list[web.RouteDef]:
    """Return the public pages of calls."""
    return [web.get(PATH, calls), web.get(f"{PATH}/{{call_id}}", call)]


def install(app: web.Application, pool: Pool, clock: Callable[[], dt.datetime]) -> None:
    """Add the public pages of calls."""
    app[SHARED] = Shared(pool, clock)
    app.add_routes(routes())


def reader_of(request: web.Request) -> Reader:
    """Return what says things in the language of the page."""
    return Reader(language_of(request), load_label_reference())


@needs(Permission.PUBLIC)
async def calls(request: web.Request) -> web.StreamResponse:
    """Show all calls, those that close last first."""
    shared, reader = request.app[SHARED], reader_of(request)
    found = await issued.read_all(shared.pool, shared.clock())
    return render(request, "calls.html", rows=[line(reader, one) for one in found])


@needs(Permission.PUBLIC)
async def call(request: web.Request) -> web.StreamResponse:
    """Show one call and its ranking."""
    shared, reader = request.app[SHARED], reader_of(request)
    one = await issued.read(shared.pool, request.match_info["call_id"], shared.clock())
    found = await issued.rankings(shared.pool, one.call)
    return render(request, "call.html", **text_of(reader, one), ranking=ranking_of(reader, one, found))


def line(reader: Reader, one: Issued) -> dict[str, Any]:
    """Return a call as a card of a list shows it."""
    return {
        "call_id": one.call.call_id,
        "href": f"{PATH}/{one.call.call_id}",
        "title": reader.said(one.call.title),
        "text": reader.said(one.call.text),
        "state": reader.tr(STATE_TITLES[one.standing.state]),
        "badge": BADGES[one.standing.state],
        "issuers": ", ".join(issuer.node for issuer in one.call.issuers),
        "closes": one.call.closes,
        "digest": one.call.digest,
    }


def text_of(reader: Reader, one: Issued) -> dict[str, Any]:
    """Return a call with all its rules, in words."""
    call, tr = one.call, reader.tr
    rule = call.rules
    most = str(rule.members_max) if rule.members_max else tr(N_("nessun massimo"))
    facts = [
        (tr(N_("Enti")), ", ".join(f"{issuer.node} ({_euro(reader, issuer.share)})" for issuer in call.issuers)),
        (tr(N_("Dotazione")), _euro(reader, call.budget)),
        (tr(N_("Contributo massimo")), _euro(reader, call.max_grant)),
        (tr(N_("Modalità")), tr(MODE_TITLES[call.mode])),
        (tr(N_("Soglia")), "" if call.threshold is None else str(call.threshold)),
        (tr(N_("Imprese della rete")), tr(N_("almeno {least}; {most}")).format(least=rule.members_min, most=most)),
        (tr(N_("Province")), ", ".join(rule.provinces) or tr(N_("tutte"))),
        (tr(N_("Massimale de minimis")), tr(N_("{amount} in {years} anni per impresa unica")).format(amount=_euro(reader, rule.ceiling), years=rule.years)),
        (tr(N_("A parità di punti")), ", ".join(_tie(reader, one, tie) for tie in call.ties)),
        (tr(N_("Fondi alla fine")), tr(LAST_TITLES[call.last])),
        (tr(N_("Valutatori")), str(call.evaluators) if call.is_scored else ""),
        (tr(N_("Ricorsi")), tr(N_("{days} giorni dalla graduatoria")).format(days=call.appeals_days)),
    ]  # fmt: skip
    return {
        **line(reader, one),
        "opens": call.opens,
        "facts": facts,
        "criteria": [(reader.said(found.title).text, found.weight) for found in call.criteria],
        "eligibility": reader.said(call.eligibility),
        "how": reader.said(call.how),
        "endorsers": one.endorsers,
        "missing": one.standing.missing,
        "differing": one.standing.differing,
    }


def _tie(reader: Reader, one: Issued, tie: str) -> str:
    if tie == rules.ARRIVAL:
        return reader.tr(N_("chi è arrivato prima"))
    if tie == rules.PROTOCOL:
        return reader.tr(N_("il numero di protocollo"))
    code = tie.removeprefix(rules.CRITERION_TIE)
    title: Said = reader.said(next(found.title for found in one.call.criteria if found.code == code))
    return reader.tr(N_("più punti in «{criterion}»")).format(criterion=title.text)


def _euro(reader: Reader, amount: Any) -> str:
    whole, _, cents = f"{amount:.2f}".partition(".")
    grouped = f"{int(whole):,}".replace(",", "." if reader.language == "it" else ",")
    return f"{grouped}{',' if reader.language == 'it' else '.'}{cents} €"


def ranking_of(reader: Reader, one: Issued, found: Rankings) -> dict[str, Any] | None:
    """Return the ranking that the first issuer (or whoever has published one) shows, None before there is one."""
    parts = found.shown(one.call)
    if not parts:
        return None
    return {
        "signed": found.is_signed,
        "by": sorted(found.parts),
        "until": dt.date.fromisoformat(parts[0]["appeals_until"]),
        "edition": parts[0]["edition"],
        "rows": rows_of(reader, [row for part in parts for row in part["rows"]]),
    }


def rows_of(reader: Reader, rows: list[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """Return the rows of a ranking as a table shows them."""
    return [
        (
            "-" if row["rank"] is None else row["rank"], f"{row['office']} {row['protocol']}", row["points"] or "-",
            ". ".join([reader.tr(OUTCOMES[row["status"]]), *(reader.tr(REASONS.get(code, code)) for code in row["reasons"])]),
            row["granted"],
        )
        for row in rows
    ]  # fmt: skip
