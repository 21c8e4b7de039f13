"""``rete aggregation list | show | express | decline | add | change | evaluate | step | link``: groups of firms on their way to a contract."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import click

from node import runtime
from node.cli.frame import Face, command
from node.cli.officer import BY, acting_at, name_of
from node.domain.programme.aggregation import (
    ANSWER_TITLES,
    CRITERIA,
    STAGE_TITLES,
    Answer,
    Given,
    Stage,
    Step,
)
from node.domain.programme.firm_line import lines_of
from node.errors import N_, CallerError
from node.flows.programme import aggregations as flow
from node.flows.programme.aggregations import Detail, Interest
from node.flows.programme.sessions import day_of, today_of
from node.store.aggregations import Aggregation, Expression, Proposal

ID = click.argument("aggregation_id", metavar="AGGREGAZIONE")
DAY = click.option("--on", "on_day", metavar="GIORNO", help="In quale giorno; altrimenti oggi.")
FIRMS = click.option(
    "--firm", "firms", multiple=True, metavar="RIGA",
    help="Un'impresa: «nome; codice fiscale; comune; provincia; ATECO», la prima è quella di riferimento.",
)  # fmt: skip
STAGE = click.Choice([str(stage) for stage in Stage])
REASON = click.option("--reason", default="", metavar="PERCHÉ", help="Il motivo, che resta scritto.")


@click.group("aggregation", help="Aggregazioni potenziali: dalla manifestazione d'interesse alla rete iscritta.")
def aggregation() -> None:
    """Hold the commands."""


def _day(text: str | None, now: dt.datetime) -> dt.date:
    return day_of("--on", text) if text else today_of(now)


def facts_of(found: Aggregation) -> dict[str, Any]:
    """Return an aggregation as JSON tells it; the score as text."""
    return {**dataclasses.asdict(found), "score": None if found.score is None else str(found.score)}


def _expression_facts(found: Expression) -> dict[str, Any]:
    return {**dataclasses.asdict(found), "said": dict(found.said)}


def _detail_facts(detail: Detail) -> dict[str, Any]:
    return {
        **facts_of(detail.found),
        "members": [dataclasses.asdict(firm) for firm in detail.firms],
        "steps": [
            {"number": row.number, "stage": row.step.stage, "on_day": row.step.on_day, "reason": row.step.reason, "officer": row.officer}
            for row in detail.steps
        ],
        "evaluations": [{**dataclasses.asdict(row), "score": str(row.score)} for row in detail.evaluations],
        "proposals": [dataclasses.asdict(proposal) for proposal in detail.proposals],
    }  # fmt: skip


@command(
    aggregation, "list", help="Le aggregazioni, per ultima modifica; con --expressions le manifestazioni d'interesse."
)
@click.option("--stage", type=STAGE, help="Solo a questo punto del percorso.")
@click.option("--expressions", is_flag=True, help="Le manifestazioni d'interesse.")
@click.option(
    "--proposals", is_flag=True, help="Quali contratti dell'elenco pubblico possono essere aggregazioni firmate."
)
async def list_(face: Face, stage: str | None, expressions: bool, proposals: bool) -> None:
    """List aggregations, expressions, or what aggregations may be in the register."""
    async with runtime.open_node(face.home) as node:
        if expressions:
            _show_expressions(face, await flow.list_expressions(node.pool))
        elif proposals:
            _show_proposals(face, await flow.proposals(node.pool))
        else:
            _show(face, await flow.list_all(node.pool, Stage(stage) if stage else None))


def _show(face: Face, found: list[Aggregation]) -> None:
    columns = (N_("aggregazione"), N_("nome"), N_("a che punto"), N_("dal"), N_("imprese"), N_("punteggio"))
    rows = [
        (a.aggregation_id, a.name, face.tr(STAGE_TITLES[a.stage]), f"{a.stage_on:%d/%m/%Y}", a.firms, a.score)
        for a in found
    ]
    face.emit({"aggregations": [facts_of(a) for a in found]}, lambda: face.table("", columns, rows))


def _show_expressions(face: Face, found: list[Expression]) -> None:
    columns = (N_("manifestazione"), N_("del"), N_("stato"), N_("imprese"))
    rows = [
        (e.expression_id, f"{e.received_on:%d/%m/%Y}", face.tr(ANSWER_TITLES[e.answer]), len(e.said.get("firms", ()))) for e in found
    ]  # fmt: skip
    face.emit({"expressions": [_expression_facts(e) for e in found]}, lambda: face.table("", columns, rows))


def _show_proposals(face: Face, found: list[Proposal]) -> None:
    columns = (
        N_("aggregazione"),
        N_("nome"),
        N_("contratto"),
        N_("nell'elenco"),
        N_("imprese in comune"),
        N_("stesso atto"),
    )
    yes, no = face.tr(N_("sì")), face.tr(N_("no"))
    rows = [
        (p.aggregation_id, p.aggregation, p.register_id, p.name, f"{p.firms}/{p.members}", yes if p.by_deed else no)
        for p in found
    ]
    face.emit({"proposals": [dataclasses.asdict(p) for p in found]}, lambda: face.table("", columns, rows))


@command(aggregation, "show", help="Un'aggregazione con imprese, passi, valutazioni e proposte di collegamento.")
@ID
async def show(face: Face, aggregation_id: str) -> None:
    """Show one aggregation."""
    async with runtime.open_node(face.home) as node:
        detail = await flow.read(node.pool, aggregation_id)

    def human() -> None:
        face.say("{name}", name=detail.found.name)
        face.say("{idea}", idea=detail.found.idea)
        face.table(N_("Imprese"), (N_("impresa"),), [(line,) for line in lines_of(detail.firms).splitlines()])
        steps = [
            (face.tr(STAGE_TITLES[r.step.stage]), f"{r.step.on_day:%d/%m/%Y}", r.officer, r.step.reason)
            for r in detail.steps
        ]
        face.table(N_("Passi"), (N_("passo"), N_("giorno"), N_("chi"), N_("perché")), steps)
        for row in detail.evaluations[:1]:
            answers = [
                (face.tr(CRITERIA[a["criterion"]].title), a["points"], a["part"], a["reason"]) for a in row.answers
            ]
            face.table(N_("Valutazione"), (N_("criterio"), N_("punti"), N_("parte"), N_("perché")), answers)
            face.say(N_("Punteggio: {score} su 100."), score=row.score)

    face.emit(_detail_facts(detail), human)


@command(aggregation, "express", help="Registra una manifestazione d'interesse di un gruppo di imprese.")
@click.option("--text", required=True, metavar="TESTO", help="Che cosa vogliono fare insieme.")
@click.option("--person", required=True, metavar="NOME", help="Con chi parlare.")
@click.option("--email", default="", metavar="INDIRIZZO", help="Posta elettronica.")
@click.option("--phone", default="", metavar="NUMERO", help="Telefono.")
@click.option("--session", "session_id", default="", metavar="SESSIONE", help="Da quale sessione informativa viene.")
@FIRMS
@DAY
@BY
async def express(face: Face, firms: tuple[str, ...], on_day: str | None, officer: str | None, **given: str) -> None:
    """Keep an expression of interest."""
    async with acting_at(face, officer) as node:
        now = node.clock()
        said = Interest(**given, firms="\n".join(firms))
        made = await flow.express(node.pool, said, _day(on_day, now), name_of(officer), now)
    face.emit({"expression_id": made, "state": Answer.RECEIVED}, lambda: face.say(N_("Registrata: {id}."), id=made))


@command(aggregation, "decline", help="Non accoglie una manifestazione d'interesse, con il motivo.")
@click.argument("expression_id", metavar="MANIFESTAZIONE")
@click.option("--reason", required=True, metavar="PERCHÉ", help="Il motivo, che resta scritto.")
@BY
async def decline(face: Face, expression_id: str, reason: str, officer: str | None) -> None:
    """Answer an expression that nothing will come of."""
    async with acting_at(face, officer) as node:
        await flow.decline(node.pool, expression_id, reason, node.clock())
    face.emit({"expression_id": expression_id, "state": Answer.DECLINED}, lambda: face.say(N_("Non accolta.")))


@command(
    aggregation,
    "add",
    help="Fa di una manifestazione d'interesse (--expression), o di un elenco di imprese, un'aggregazione potenziale.",
)
@click.option("--name", required=True, metavar="NOME", help="Nome di lavoro.")
@click.option("--idea", default="", metavar="TESTO", help="Che cosa vogliono fare insieme.")
@click.option("--expression", "expression_id", metavar="MANIFESTAZIONE", help="Da quale manifestazione d'interesse.")
@FIRMS
@DAY
@BY
async def add(
    face: Face,
    name: str,
    idea: str,
    expression_id: str | None,
    firms: tuple[str, ...],
    on_day: str | None,
    officer: str | None,
) -> None:
    """Begin an aggregation."""
    if expression_id and firms:
        raise CallerError(
            "aggregation-firms-twice", N_("le imprese sono quelle della manifestazione d'interesse"), where="--firm"
        )
    async with acting_at(face, officer) as node:
        now, who = node.clock(), name_of(officer)
        if expression_id:
            made = await flow.take_up(node.pool, expression_id, name, _day(on_day, now), who, now, idea=idea)
        else:
            group = flow.firms_in("\n".join(firms))
            made = await flow.begin(node.pool, name, idea, group, _day(on_day, now), who, now)
        found = (await flow.read(node.pool, made)).found
    face.emit(facts_of(found), lambda: face.say(N_("Aggregazione potenziale: {id}."), id=made))


@command(aggregation, "change", help="Cambia nome, idea o imprese, finché non è accompagnata.")
@ID
@click.option("--name", metavar="NOME", help="Nome di lavoro.")
@click.option("--idea", metavar="TESTO", help="Che cosa vogliono fare insieme.")
@FIRMS
@BY
async def change(
    face: Face, aggregation_id: str, name: str | None, idea: str | None, firms: tuple[str, ...], officer: str | None
) -> None:
    """Change what is said of an aggregation; with firms, all of them."""
    async with acting_at(face, officer) as node:
        before = await flow.read(node.pool, aggregation_id)
        group = flow.firms_in("\n".join(firms)) if firms else before.firms
        said = (name or before.found.name, idea or before.found.idea)
        await flow.rewrite(node.pool, aggregation_id, *said, group, node.clock())
        found = (await flow.read(node.pool, aggregation_id)).found
    face.emit(facts_of(found), lambda: face.say(N_("Aggregazione cambiata.")))


@command(aggregation, "evaluate", help="Valuta un'aggregazione: ogni criterio con punti da 0 a 5 e il motivo.")
@ID
@click.option(
    "--answer", "answers", multiple=True, required=True, metavar="CRITERIO=PUNTI:PERCHÉ",
    help="Una riga della scheda: " + ", ".join(CRITERIA),
)  # fmt: skip
@click.option("--conclusion", default="", metavar="TESTO", help="Il giudizio in una frase.")
@DAY
@BY
async def evaluate(
    face: Face, aggregation_id: str, answers: tuple[str, ...], conclusion: str, on_day: str | None, officer: str | None
) -> None:
    """Evaluate an aggregation."""
    given = [given_of(text) for text in answers]
    async with acting_at(face, officer) as node:
        now = node.clock()
        made = await flow.evaluate(
            node.pool, aggregation_id, given, conclusion, _day(on_day, now), name_of(officer), now
        )
        found = (await flow.read(node.pool, aggregation_id)).found

    def human() -> None:
        face.say(N_("Punteggio: {score} su 100."), score=made.score)

    value = {**facts_of(found), "answers": made.to_list(), "conclusion": made.conclusion, "advised": made.advises}
    face.emit(value, human)


def given_of(text: str) -> Given:
    """Return one answer as it is typed: ``criterion=points:reason``. Raises: CallerError(evaluation-answer-bad)."""
    criterion, _, rest = text.partition("=")
    points, _, reason = rest.partition(":")
    if not points.strip().isdigit():
        raise CallerError(
            "evaluation-answer-bad", N_("una risposta si scrive CRITERIO=PUNTI:PERCHÉ"), where="--answer",
            hint=N_("per esempio «{example}»"), example="innovation=4:un impianto nuovo",
        )  # fmt: skip
    return Given(criterion.strip(), int(points), reason.strip())


@command(aggregation, "step", help="Fa fare un passo: accompanied, signed, dropped (con --reason).")
@ID
@click.argument("stage", type=STAGE, metavar="PASSO")
@REASON
@click.option(
    "--network",
    "network_id",
    metavar="RETE",
    help="Con «accompanied»: una rete che è già nel registro, invece di una nuova.",
)
@DAY
@BY
async def step(
    face: Face,
    aggregation_id: str,
    stage: str,
    reason: str,
    network_id: str | None,
    on_day: str | None,
    officer: str | None,
) -> None:
    """Take a step."""
    async with acting_at(face, officer) as node:
        now = node.clock()
        taken = Step(Stage(stage), _day(on_day, now), reason)
        found = await flow.take_step(node.pool, aggregation_id, taken, name_of(officer), now, network_id=network_id)

    def human() -> None:
        face.say(N_("Ora è: {stage}."), stage=face.tr(STAGE_TITLES[found.stage]))
        if found.stage is Stage.ACCOMPANIED:
            face.say(N_("Nel registro delle reti: {network}."), network=found.network_id)

    face.emit(facts_of(found), human)


@command(aggregation, "link", help="Conferma quale contratto dell'elenco pubblico è: l'aggregazione è iscritta.")
@ID
@click.argument("register_id", metavar="CONTRATTO")
@DAY
@BY
async def link(face: Face, aggregation_id: str, register_id: str, on_day: str | None, officer: str | None) -> None:
    """Confirm which contract of the register an aggregation is."""
    async with acting_at(face, officer) as node:
        now = node.clock()
        day = day_of("--on", on_day) if on_day else None
        found = await flow.link(node.pool, aggregation_id, register_id, name_of(officer), now, on_day=day)
    face.emit(facts_of(found), lambda: face.say(N_("L'aggregazione è iscritta.")))
