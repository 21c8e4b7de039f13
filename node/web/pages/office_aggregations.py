"""Expressions of interest and aggregations in the office's pages: from a group of firms to a registered network.

In: what an officer types. Out: what ``rete aggregation`` does, by the same flow (docs/programme.md 2). Rules: who decides is the account; a
step that is refused comes back with the reason and changes nothing; firms stand in no address.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from aiohttp import web

from node.domain.programme.aggregation import (
    ANSWER_TITLES,
    CHECKLIST,
    CRITERIA,
    POINTS_MAX,
    STAGE_TITLES,
    STEPS,
    Answer,
    Firm,
    Given,
    Stage,
    Step,
)
from node.domain.programme.firm_line import lines_of
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError
from node.flows.programme import aggregations as flow
from node.flows.programme import linked, sessions
from node.flows.programme.aggregations import Detail, Interest
from node.flows.programme.sessions import day_of, today_of
from node.store.aggregations import Aggregation, Expression
from node.web.middleware import status_of
from node.web.pages import desk
from node.web.pages.desk import DESK
from node.web.pages.frame import render
from node.web.pages.shown import Reader
from node.web.permission import needs
from node.web.pictures.measure import Measure

PATH: Final = "/ufficio/aggregazioni"
ONE: Final = f"{PATH}/{{aggregation_id}}"
EXPRESSIONS: Final = "/ufficio/manifestazioni"
BADGES: Final[Mapping[Stage, str]] = {
    Stage.POTENTIAL: "secondary", Stage.EVALUATED: "primary", Stage.ACCOMPANIED: "primary", Stage.SIGNED: "success",
    Stage.REGISTERED: "success", Stage.DROPPED: "danger",
}  # fmt: skip
_AT: Final = {
    "name": "nome", "idea": "testo", "text": "testo", "firms": "imprese", "on_day": "giorno", "received_on": "giorno", "person": "persona",
    "email": "posta", "phone": "telefono", "reason": "motivo", "stage": "passo", "network": "rete", "conclusion": "conclusione",
    "register_id": "contratto", "session_id": "sessione",
}  # fmt: skip
# A refusal whose place is no field of a form stands at its first.
_CODES: Final = {
    "saved-email-bad": "posta",
    "date-bad": "giorno",
    "network-unknown": "rete",
    "session-unknown": "sessione",
}


def routes() -> list[web.RouteDef]:
    """Return the pages of aggregations and what their forms are sent to."""
    return [
        web.get(PATH, listed),
        web.get(f"{PATH}/nuova", new),
        web.post(f"{PATH}/nuova", add),
        web.get(f"{EXPRESSIONS}/nuova", new_expression),
        web.post(f"{EXPRESSIONS}/nuova", express),
        web.post(f"{EXPRESSIONS}/{{expression_id}}/non-accolta", decline),
        web.get(ONE, show),
        web.post(f"{ONE}/passo", step),
        web.get(f"{ONE}/modifica", edit),
        web.post(f"{ONE}/modifica", change),
        web.get(f"{ONE}/valutazione", sheet),
        web.post(f"{ONE}/valutazione", evaluate),
        web.post(f"{ONE}/collega", link),
    ]


def _page(aggregation_id: str) -> str:
    return ONE.format(aggregation_id=aggregation_id)


def _errors(request: web.Request, error: CallerError | None) -> list[tuple[str, str]]:
    if error is None:
        return []
    return [(_CODES.get(error.code) or _AT.get(error.where, error.where), desk.explained(error, request))]


def _status(error: CallerError | None) -> int:
    return 200 if error is None else status_of(error)


@needs(Permission.PROGRAMME_READ)
async def listed(request: web.Request) -> web.StreamResponse:
    """Show aggregations, those of a stage or all, and the expressions that wait for an answer."""
    node, reader = request.app[DESK], desk.reader_of(request)
    asked = request.query.get("passo", "")
    stage = Stage(asked) if asked in tuple(Stage) else None
    found = await flow.list_all(node.pool, stage)
    waiting = await flow.list_expressions(node.pool, Answer.RECEIVED)
    return render(
        request,
        "office/aggregations.html",
        done=desk.said_of(request),
        rows=[_row(reader, one) for one in found],
        stages=[("", reader.tr(N_("tutte"))), *((str(s), reader.tr(title)) for s, title in STAGE_TITLES.items())],
        stage=asked,
        expressions=[_expression(reader, one) for one in waiting],
        may_write=desk.may(request, Permission.PROGRAMME_WRITE),
    )


def _row(reader: Reader, found: Aggregation) -> dict[str, Any]:
    return {
        "aggregation_id": found.aggregation_id,
        "name": found.name,
        "idea": found.idea,
        "stage": reader.tr(STAGE_TITLES[found.stage]),
        "badge": BADGES[found.stage],
        "since": found.stage_on,
        "firms": found.firms,
        "score": "" if found.score is None else _score(reader, found.score),
        "network_id": found.network_id,
        "register_id": found.register_id,
    }


def _expression(reader: Reader, found: Expression) -> dict[str, Any]:
    contact = found.said.get("contact", {})
    return {
        "expression_id": found.expression_id,
        "day": found.received_on,
        "text": found.said.get("text", ""),
        "contact": ", ".join(text for text in contact.values() if text),
        "firms": [firm["name"] for firm in found.said.get("firms", ())],
        "state": reader.tr(ANSWER_TITLES[found.answer]),
    }


# --- expressions of interest ---

EXPRESSED: Final = ("testo", "persona", "posta", "telefono", "imprese", "giorno", "sessione")


@needs(Permission.PROGRAMME_WRITE)
async def new_expression(request: web.Request) -> web.StreamResponse:
    """Show an empty form, of a session where one is named."""
    today = today_of(request.app[DESK].clock()).isoformat()
    return await _expression_form(request, {"giorno": today, "sessione": request.query.get("sessione", "")[:36]})


async def _expression_form(
    request: web.Request, given: Mapping[str, Any], error: CallerError | None = None
) -> web.Response:
    held = await sessions.list_all(request.app[DESK].pool)
    return render(
        request,
        "office/expression_form.html",
        status=_status(error),
        errors=_errors(request, error),
        given={name: desk.text_in(given, name) for name in EXPRESSED},
        sessions=[(row.session_id, f"{row.session.begins_at:%d/%m/%Y} {row.session.title}") for row in held],
    )


@needs(Permission.PROGRAMME_WRITE)
async def express(request: web.Request) -> web.StreamResponse:
    """Keep an expression of interest."""
    node, sent = request.app[DESK], await desk.form_of(request)
    said = Interest(
        *(desk.text_in(sent, name) for name in ("testo", "persona", "posta", "telefono", "imprese", "sessione"))
    )
    try:
        day = day_of("received_on", desk.text_in(sent, "giorno"))
        await flow.express(node.pool, said, day, desk.officer_of(request), node.clock())
    except CallerError as error:
        return await _expression_form(request, sent, error)
    return desk.go(f"{PATH}?{desk.DONE}=manifestazione")


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def decline(request: web.Request) -> web.StreamResponse:
    """Answer an expression that nothing will come of."""
    node, sent = request.app[DESK], await desk.form_of(request)
    await flow.decline(node.pool, request.match_info["expression_id"], desk.text_in(sent, "motivo"), node.clock())
    return desk.go(f"{PATH}?{desk.DONE}=non-accolta")


# --- aggregations ---

SAID: Final = ("nome", "testo", "imprese", "giorno", "manifestazione")


@needs(Permission.PROGRAMME_WRITE)
async def new(request: web.Request) -> web.StreamResponse:
    """Show the form of a new aggregation, of an expression where one is named."""
    node = request.app[DESK]
    given = {
        "giorno": today_of(node.clock()).isoformat(),
        "manifestazione": request.query.get("manifestazione", "")[:36],
    }
    if given["manifestazione"]:
        found = await _answered(request, given["manifestazione"])
        firms = [Firm(**firm) for firm in found.said.get("firms", ())]
        given |= {"testo": found.said.get("text", ""), "imprese": lines_of(firms)}
    return _form(request, given, "")


async def _answered(request: web.Request, expression_id: str) -> Expression:
    for found in await flow.list_expressions(request.app[DESK].pool):
        if found.expression_id == expression_id:
            return found
    raise NotFoundError("expression-unknown", N_("manifestazione d'interesse sconosciuta: {id}"), id=expression_id)


def _form(
    request: web.Request, given: Mapping[str, Any], aggregation_id: str, error: CallerError | None = None
) -> web.Response:
    return render(
        request,
        "office/aggregation_form.html",
        status=_status(error),
        errors=_errors(request, error),
        given={name: desk.text_in(given, name) for name in SAID},
        aggregation_id=aggregation_id,
        here=f"{_page(aggregation_id)}/modifica" if aggregation_id else f"{PATH}/nuova",
    )


@needs(Permission.PROGRAMME_WRITE)
async def add(request: web.Request) -> web.StreamResponse:
    """Begin an aggregation."""
    node, sent, officer = request.app[DESK], await desk.form_of(request), desk.officer_of(request)
    name, idea, firms, day, expression = (desk.text_in(sent, field) for field in SAID)
    try:
        on_day = day_of("on_day", day)
        if expression:
            made = await flow.take_up(node.pool, expression, name, on_day, officer, node.clock(), idea=idea)
        else:
            made = await flow.begin(node.pool, name, idea, flow.firms_in(firms), on_day, officer, node.clock())
    except CallerError as error:
        if isinstance(error, NotFoundError):
            raise
        return _form(request, sent, "", error)
    return await _done(request, made, "aggregazione")


async def _done(request: web.Request, aggregation_id: str, word: str) -> web.Response:
    await desk.keep_mark(request)
    return desk.go(f"{_page(aggregation_id)}?{desk.DONE}={word}")


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def edit(request: web.Request) -> web.StreamResponse:
    """Show the form of an aggregation."""
    detail = await flow.read(request.app[DESK].pool, request.match_info["aggregation_id"])
    given = {"nome": detail.found.name, "testo": detail.found.idea, "imprese": lines_of(detail.firms)}
    return _form(request, given, detail.found.aggregation_id)


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def change(request: web.Request) -> web.StreamResponse:
    """Change what is said of an aggregation."""
    node, sent, key = request.app[DESK], await desk.form_of(request), request.match_info["aggregation_id"]
    name, idea, firms = (desk.text_in(sent, field) for field in SAID[:3])
    try:
        await flow.rewrite(node.pool, key, name, idea, flow.firms_in(firms), node.clock())
    except CallerError as error:
        if isinstance(error, NotFoundError):
            raise
        return _form(request, sent, key, error)
    return desk.go(f"{_page(key)}?{desk.DONE}=aggregazione-cambiata")


@needs(Permission.PROGRAMME_READ, hidden=True, invites=True)
async def show(request: web.Request) -> web.StreamResponse:
    """Show an aggregation: its firms, its way, its evaluation, what may be done now."""
    return await _show(request, {})


async def _show(request: web.Request, given: Mapping[str, Any], error: CallerError | None = None) -> web.Response:
    node, reader = request.app[DESK], desk.reader_of(request)
    detail = await flow.read(node.pool, request.match_info["aggregation_id"])
    found = detail.found
    more = await linked.of_aggregation(node.pool, found)
    writes = desk.may(request, Permission.PROGRAMME_WRITE)
    by_hand = [
        stage
        for stage in Stage
        if stage in STEPS[found.stage] and stage in (Stage.ACCOMPANIED, Stage.SIGNED, Stage.DROPPED)
    ]
    given = {"giorno": today_of(node.clock()).isoformat(), **given}
    return render(
        request,
        "office/aggregation.html",
        status=_status(error),
        done=desk.said_of(request) if error is None else "",
        errors=_errors(request, error),
        given={name: desk.text_in(given, name) for name in ("passo", "giorno", "motivo", "rete")},
        found=_row(reader, found),
        firms=detail.firms,
        steps=[(reader.tr(STAGE_TITLES[r.step.stage]), r.step.on_day, r.officer, r.step.reason) for r in detail.steps],
        evaluation=_evaluation(reader, detail),
        choices=[(str(stage), reader.tr(STAGE_TITLES[stage])) for stage in by_hand],
        takes_network=Stage.ACCOMPANIED in by_hand,
        proposals=detail.proposals,
        is_signed=found.stage is Stage.SIGNED,
        to_sign=writes and found.stage is Stage.ACCOMPANIED,
        cases=more.cases,
        profile_id=more.profile_id,
        reads_profile=desk.may(request, Permission.PROFILE_READ),
        writes_profile=desk.may(request, Permission.PROFILE_WRITE),
        may_change=writes and found.stage in (Stage.POTENTIAL, Stage.EVALUATED),
        may_write=writes,
    )


def _evaluation(reader: Reader, detail: Detail) -> dict[str, Any] | None:
    if not detail.evaluations:
        return None
    newest = detail.evaluations[0]
    return {
        "score": _score(reader, newest.score),
        "conclusion": newest.conclusion,
        "officer": newest.officer,
        "day": newest.on_day,
        "times": len(detail.evaluations),
        "answers": [
            (reader.tr(CRITERIA[a["criterion"]].title), a["points"], _score(reader, Decimal(a["part"])), a["reason"])
            for a in newest.answers
        ],
    }


def _score(reader: Reader, score: Decimal) -> str:
    return Measure(reader.language, decimals=2).say(score)


def _chosen(text: str) -> Stage:
    if text not in tuple(Stage):
        raise CallerError("aggregation-step-missing", N_("scegliere il passo"), where="stage")
    return Stage(text)


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def step(request: web.Request) -> web.StreamResponse:
    """Take a step."""
    node, sent, key = request.app[DESK], await desk.form_of(request), request.match_info["aggregation_id"]
    wanted, network = desk.text_in(sent, "passo"), desk.text_in(sent, "rete").strip()
    try:
        taken = Step(_chosen(wanted), day_of("on_day", desk.text_in(sent, "giorno")), desk.text_in(sent, "motivo"))
        await flow.take_step(node.pool, key, taken, desk.officer_of(request), node.clock(), network_id=network or None)
    except CallerError as error:
        if error.code == "aggregation-unknown":
            raise
        return await _show(request, sent, error)
    return await _done(request, key, "passo-fatto")


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def sheet(request: web.Request) -> web.StreamResponse:
    """Show the checklist, with the answers of last time."""
    node = request.app[DESK]
    detail = await flow.read(node.pool, request.match_info["aggregation_id"])
    given: dict[str, Any] = {"giorno": today_of(node.clock()).isoformat()}
    if detail.evaluations:
        given["conclusione"] = detail.evaluations[0].conclusion
        for answer in detail.evaluations[0].answers:
            given |= {f"punti_{answer['criterion']}": str(answer["points"]), answer["criterion"]: answer["reason"]}
    return _sheet(request, detail, given)


def _sheet(
    request: web.Request, detail: Detail, given: Mapping[str, Any], error: CallerError | None = None
) -> web.Response:
    reader = desk.reader_of(request)
    criteria = [
        {
            "ident": c.ident, "title": reader.tr(c.title), "question": reader.tr(c.question), "weight": c.weight,
            "points": desk.text_in(given, f"punti_{c.ident}"), "reason": desk.text_in(given, c.ident),
        }
        for c in CHECKLIST
    ]  # fmt: skip
    return render(
        request,
        "office/evaluation_form.html",
        status=_status(error),
        errors=_errors(request, error),
        found=_row(reader, detail.found),
        criteria=criteria,
        points=[(str(n), str(n)) for n in range(POINTS_MAX + 1)],
        given={name: desk.text_in(given, name) for name in ("giorno", "conclusione")},
    )


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def evaluate(request: web.Request) -> web.StreamResponse:
    """Evaluate an aggregation."""
    node, sent, key = request.app[DESK], await desk.form_of(request), request.match_info["aggregation_id"]
    detail = await flow.read(node.pool, key)
    answers = [
        Given(c.ident, int(points), desk.text_in(sent, c.ident))
        for c in CHECKLIST
        if (points := desk.text_in(sent, f"punti_{c.ident}")).isdecimal() and len(points) == 1
    ]
    try:
        day = day_of("on_day", desk.text_in(sent, "giorno"))
        await flow.evaluate(
            node.pool, key, answers, desk.text_in(sent, "conclusione"), day, desk.officer_of(request), node.clock()
        )
    except CallerError as error:
        return _sheet(request, detail, sent, error)
    return await _done(request, key, "valutata")


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def link(request: web.Request) -> web.StreamResponse:
    """Confirm which contract of the register an aggregation is."""
    node, sent, key = request.app[DESK], await desk.form_of(request), request.match_info["aggregation_id"]
    try:
        await flow.link(node.pool, key, desk.text_in(sent, "contratto"), desk.officer_of(request), node.clock())
    except CallerError as error:
        if isinstance(error, NotFoundError):
            raise
        return await _show(request, {}, error)
    return await _done(request, key, "iscritta")
