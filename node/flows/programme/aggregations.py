"""From an expression of interest to the register: groups of firms, their stages, evaluations, the network that they become.

In: what officers type, the pool. Out: rows; at accompaniment a network of the private registry, by the same reader and writer as a form's,
so that contract, members and profile go on from there. Rules: a step that was taken is not taken again; a contract is signed when the
registry says so, and registered when an officer confirms which contract of the public register it is. Who acts stands under each step and
in the chain of decisions. Source: domain/programme/aggregation.py, docs/programme.md 2.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from node.domain.programme import aggregation as rules
from node.domain.programme.aggregation import Answer, Evaluation, Firm, Given, Stage, Step
from node.domain.programme.firm_line import firms_of
from node.domain.programme.funnel import Funnel, funnel
from node.domain.programme.session import LINE_MAX, PHONE_MAX, line, prose
from node.domain.saved import check_email
from node.errors import N_, CallerError, NotFoundError
from node.flows.programme.aggregation_network import refuse_unsigned, register_network, to_registry
from node.flows.programme.sessions import today_of
from node.flows.registry.acting import tell
from node.store import aggregations, registry
from node.store.aggregations import Aggregation, EvaluationRow, Expression, Proposal, StepRow
from node.store.postgres import Connection, Pool, acquire, run_tx
from node.store.reference import load_sectors, load_territories

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Interest:
    """What a group of firms says it wants to do, and who speaks for it. Private."""

    text: str
    person: str
    email: str = ""
    phone: str = ""
    firms: str = ""
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """One aggregation with all that is known of it."""

    found: Aggregation
    firms: tuple[Firm, ...]
    steps: tuple[StepRow, ...]
    evaluations: tuple[EvaluationRow, ...]
    proposals: tuple[Proposal, ...]


def firms_in(text: str) -> tuple[Firm, ...]:
    """Return the firms of some lines (domain/programme/firm_line). Raises: CallerError(firm-line-bad)."""
    return firms_of(text, load_territories(), load_sectors())


# --- expressions of interest ---


async def express(pool: Pool, said: Interest, received_on: dt.date, officer: str, now: dt.datetime) -> str:
    """Keep an expression of interest and return its id.

    Raises: CallerError(field-... | saved-email-bad | firm-line-bad | aggregation-... | expression-future), NotFoundError(session-unknown).
    """
    if received_on > today_of(now):
        raise CallerError("expression-future", N_("il giorno di arrivo non è nel futuro"), where="received_on")
    email = line("email", said.email)
    contact = {
        "person": line("person", said.person, LINE_MAX, needed=True),
        "email": check_email(email) if email else "",
        "phone": line("phone", said.phone, PHONE_MAX),
    }
    firms = rules.checked_firms(firms_in(said.firms), least=1)
    told: dict[str, Any] = {
        "text": prose("text", said.text, rules.IDEA_MAX, needed=True),
        "contact": contact,
        "firms": [_firm_facts(firm) for firm in firms],
    }
    expression_id = str(uuid.uuid4())
    session_id = _key(said.session_id, "session-unknown") if said.session_id.strip() else None

    async def work(conn: Connection) -> None:
        await tell(conn)
        if session_id is not None and not await aggregations.has_session(conn, session_id):
            raise _absent("session-unknown", session_id)
        await aggregations.insert_expression(conn, expression_id, session_id, received_on, told, officer, now)

    await run_tx(pool, work)
    return expression_id


def _firm_facts(firm: Firm) -> dict[str, Any]:
    return {
        "name": firm.name, "tax_code": firm.tax_code, "municipality": firm.municipality, "municipality_name": firm.municipality_name,
        "province": firm.province, "region": firm.region, "ateco": firm.ateco, "is_reference": firm.is_reference,
    }  # fmt: skip


async def decline(pool: Pool, expression_id: str, reason: str, now: dt.datetime) -> None:
    """Answer an expression that nothing will come of. Raises: NotFoundError(expression-unknown), CallerError(field-missing | expression-answered)."""
    why = prose("reason", reason, rules.REASON_MAX, needed=True)

    async def work(conn: Connection) -> None:
        await tell(conn)
        found = await _expression(conn, expression_id)
        if found.answer is Answer.DECLINED:
            return
        if found.answer is not Answer.RECEIVED:
            raise CallerError("expression-answered", N_("da questa manifestazione d'interesse è nata un'aggregazione"))
        await aggregations.answer_expression(conn, found.expression_id, Answer.DECLINED, why, now)

    await run_tx(pool, work)


async def take_up(
    pool: Pool, expression_id: str, name: str, on_day: dt.date, officer: str, now: dt.datetime, *, idea: str = ""
) -> str:
    """Make a potential aggregation of an expression and return its id; twice is once.

    Raises: NotFoundError(expression-unknown), CallerError(expression-answered | field-... | aggregation-...).
    """

    async def work(conn: Connection) -> str:
        await tell(conn)
        found = await _expression(conn, expression_id)
        if found.answer is Answer.TAKEN_UP and found.aggregation_id is not None:
            return found.aggregation_id
        if found.answer is not Answer.RECEIVED:
            raise CallerError("expression-answered", N_("questa manifestazione d'interesse non è stata accolta"))
        firms = [Firm(**{**firm, "tax_code": _kept_code(firm["tax_code"])}) for firm in found.said["firms"]]
        told = idea.strip() or found.said["text"]
        if on_day < found.received_on:
            raise CallerError("aggregation-step-early", N_("il passo prima è del {day}: questo non lo precede"), where="on_day", day=found.received_on.isoformat())  # fmt: skip
        made = await _begin(conn, name, told, firms, on_day, officer, now, found.expression_id)
        await aggregations.answer_expression(conn, found.expression_id, Answer.TAKEN_UP, "", now)
        return made

    return await run_tx(pool, work)


def _kept_code(code: str) -> str:
    # What was erased is no code.
    return code if code.isalnum() else ""


# --- aggregations ---


async def begin(
    pool: Pool, name: str, idea: str, firms: Sequence[Firm], on_day: dt.date, officer: str, now: dt.datetime
) -> str:
    """Make a potential aggregation that nobody expressed in writing, and return its id. Raises: CallerError(field-... | aggregation-...)."""

    async def work(conn: Connection) -> str:
        await tell(conn)
        return await _begin(conn, name, idea, firms, on_day, officer, now, None)

    return await run_tx(pool, work)


async def _begin(
    conn: Connection,
    name: str,
    idea: str,
    firms: Sequence[Firm],
    on_day: dt.date,
    officer: str,
    now: dt.datetime,
    expression_id: str | None,
) -> str:
    step = rules.checked_step(None, None, Step(Stage.POTENTIAL, on_day), today_of(now))
    checked = rules.checked_firms(firms, least=1)
    aggregation_id = str(uuid.uuid4())
    await aggregations.insert_aggregation(
        conn, aggregation_id, expression_id, rules.checked_name(name), rules.checked_idea(idea), checked, officer, now
    )
    await aggregations.insert_step(conn, aggregation_id, step, officer, now)
    return aggregation_id


async def rewrite(
    pool: Pool, aggregation_id: str, name: str, idea: str, firms: Sequence[Firm], now: dt.datetime
) -> None:
    """Change what is said of an aggregation, before it is accompanied: afterwards the registry says it.

    Raises: NotFoundError(aggregation-unknown), CallerError(aggregation-in-registry | field-... | aggregation-...).
    """
    checked = rules.checked_firms(firms, least=1)

    async def work(conn: Connection) -> None:
        await tell(conn)
        found = await _held(conn, aggregation_id)
        if found.stage not in (Stage.POTENTIAL, Stage.EVALUATED):
            raise CallerError(
                "aggregation-in-registry",
                N_("dall'accompagnamento in poi l'aggregazione si cambia nel registro delle reti"),
                hint=N_("aprire la rete collegata"),
            )
        await aggregations.update_aggregation(
            conn, found.aggregation_id, rules.checked_name(name), rules.checked_idea(idea), checked, now
        )

    await run_tx(pool, work)


async def evaluate(
    pool: Pool,
    aggregation_id: str,
    answers: Iterable[Given],
    conclusion: str,
    on_day: dt.date,
    officer: str,
    now: dt.datetime,
) -> Evaluation:
    """Evaluate an aggregation, which is evaluated then, or once more; the same words of the same officer and day are one evaluation.

    Raises: NotFoundError(aggregation-unknown), CallerError(evaluation-... | aggregation-step-...).
    """
    made = rules.evaluate(answers, conclusion)

    async def work(conn: Connection) -> None:
        await tell(conn)
        found = await _held(conn, aggregation_id)
        known = await aggregations.evaluations(conn, found.aggregation_id)
        if known and _is_same(known[0], made, on_day, officer):
            return
        step = Step(Stage.EVALUATED, on_day)
        if found.stage is Stage.EVALUATED:
            # Once more: the stage stays, its day too.
            rules.checked_step(Stage.POTENTIAL, found.stage_on, step, today_of(now))
        else:
            step = rules.checked_step(found.stage, found.stage_on, step, today_of(now))
        await aggregations.insert_evaluation(conn, found.aggregation_id, made, on_day, officer, now)
        if found.stage is not Stage.EVALUATED:
            await aggregations.insert_step(conn, found.aggregation_id, step, officer, now)

    await run_tx(pool, work)
    return made


def _is_same(row: EvaluationRow, made: Evaluation, on_day: dt.date, officer: str) -> bool:
    said = (row.version, list(row.answers), row.conclusion, row.on_day, row.officer)
    return said == (made.version, made.to_list(), made.conclusion, on_day, officer)


async def take_step(
    pool: Pool, aggregation_id: str, step: Step, officer: str, now: dt.datetime, *, network_id: str | None = None
) -> Aggregation:
    """Take a step that needs no form of its own; the one that was taken last on that day is not taken again.

    ``network_id``: at accompaniment, a network that the registry has already, instead of a new one.
    Raises: NotFoundError(aggregation-unknown | network-unknown), CallerError(aggregation-... | field-missing).
    """
    refusal = _OTHERWISE.get(step.stage)
    if refusal is not None:
        raise CallerError("aggregation-step-form", refusal, where="stage")

    async def work(conn: Connection) -> Aggregation:
        await tell(conn)
        found = await _held(conn, aggregation_id)
        if found.stage is step.stage and found.stage_on == step.on_day:
            return found
        checked = rules.checked_step(found.stage, found.stage_on, step, today_of(now))
        if step.stage is Stage.ACCOMPANIED:
            key = await to_registry(conn, found, checked.on_day, network_id, now)
            await aggregations.link_network(conn, found.aggregation_id, key, now)
        elif step.stage is Stage.SIGNED:
            await refuse_unsigned(conn, found)
        await aggregations.insert_step(conn, found.aggregation_id, checked, officer, now)
        return await _held(conn, aggregation_id)

    done = await run_tx(pool, work)
    logger.info("aggregation.moved", aggregation=done.aggregation_id, stage=str(done.stage))
    return done


_OTHERWISE: Mapping[Stage, str] = {
    Stage.POTENTIAL: N_("un'aggregazione comincia da una manifestazione d'interesse, o con «nuova aggregazione»"),
    Stage.EVALUATED: N_("si valuta con la scheda di valutazione"),
    Stage.REGISTERED: N_("si iscrive confermando quale contratto dell'elenco pubblico è"),
}


# --- the register ---


async def proposals(pool: Pool) -> list[Proposal]:
    """Return the contracts of the newest edition that signed aggregations may be, for an officer to confirm."""
    async with acquire(pool) as conn:
        return await aggregations.proposals(conn)


async def link(
    pool: Pool, aggregation_id: str, register_id: str, officer: str, now: dt.datetime, *, on_day: dt.date | None = None
) -> Aggregation:
    """Confirm which contract of the register an aggregation is: it is registered, and so is its network; twice is once.

    ``on_day``: when it was registered, else the day of the edition that shows it.
    Raises: NotFoundError(aggregation-unknown), CallerError(aggregation-not-this-contract | aggregation-network-taken | aggregation-step-...).
    """

    async def work(conn: Connection) -> Aggregation:
        await tell(conn)
        await registry.lock_for_import(conn)
        found = await _held(conn, aggregation_id)
        if found.stage is Stage.REGISTERED and found.register_id == register_id:
            return found
        if found.stage is not Stage.SIGNED:
            rules.checked_step(found.stage, None, Step(Stage.REGISTERED, today_of(now)), today_of(now))
        proposed = await aggregations.proposals(conn, found.aggregation_id)
        chosen = next((each for each in proposed if each.register_id == register_id), None)
        if chosen is None:
            raise CallerError(
                "aggregation-not-this-contract",
                N_("l'ultima edizione dell'elenco non propone questo contratto per l'aggregazione"),
                where="register_id",
                hint=N_("controllare repertorio e numero d'atto, o il codice fiscale dell'impresa di riferimento"),
            )
        # An edition may be older than the day on which somebody noted the signature.
        day = on_day or max(chosen.taken_on, found.stage_on)
        step = rules.checked_step(found.stage, found.stage_on, Step(Stage.REGISTERED, day), today_of(now))
        await register_network(conn, found, register_id, now)
        await aggregations.link_register(conn, found.aggregation_id, register_id, now)
        await aggregations.insert_step(conn, found.aggregation_id, step, officer, now)
        return await _held(conn, aggregation_id)

    done = await run_tx(pool, work)
    logger.info("aggregation.moved", aggregation=done.aggregation_id, stage=str(done.stage))
    return done


# --- reading ---


async def read(pool: Pool, aggregation_id: str) -> Detail:
    """Return an aggregation with its firms, steps, evaluations, and what it may be in the register. Raises: NotFoundError(aggregation-unknown)."""
    key = _key(aggregation_id, "aggregation-unknown")
    async with acquire(pool) as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        found = await aggregations.read_aggregation(conn, key)
        if found is None:
            raise _absent("aggregation-unknown", aggregation_id)
        proposed = await aggregations.proposals(conn, key) if found.stage is Stage.SIGNED else []
        return Detail(
            found, tuple(await aggregations.members(conn, key)), tuple(await aggregations.steps(conn, key)),
            tuple(await aggregations.evaluations(conn, key)), tuple(proposed),
        )  # fmt: skip


async def list_all(pool: Pool, stage: Stage | None = None) -> list[Aggregation]:
    """Return aggregations, of a stage or of all, those that changed last first."""
    async with acquire(pool) as conn:
        return await aggregations.list_aggregations(conn, stage)


async def list_expressions(pool: Pool, answer: Answer | None = None) -> list[Expression]:
    """Return expressions of interest, the newest first."""
    async with acquire(pool) as conn:
        return await aggregations.list_expressions(conn, answer)


async def count(pool: Pool, now: dt.datetime) -> Funnel:
    """Return the funnel as it is now."""
    async with acquire(pool) as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        ways = await aggregations.ways(conn)
        before = await aggregations.before(conn, now)
        firms = await aggregations.firms_signed(conn)
    return funnel(ways, before, firms)


async def _expression(conn: Connection, expression_id: str) -> Expression:
    found = await aggregations.hold_expression(conn, _key(expression_id, "expression-unknown"))
    if found is None:
        raise _absent("expression-unknown", expression_id)
    return found


async def _held(conn: Connection, aggregation_id: str) -> Aggregation:
    found = await aggregations.hold_aggregation(conn, _key(aggregation_id, "aggregation-unknown"))
    if found is None:
        raise _absent("aggregation-unknown", aggregation_id)
    return found


def _key(text: str, code: str) -> str:
    try:
        return str(uuid.UUID(text.strip()))
    except ValueError as error:
        raise _absent(code, text) from error


_ABSENT: Mapping[str, str] = {
    "aggregation-unknown": N_("aggregazione sconosciuta: {id}"),
    "expression-unknown": N_("manifestazione d'interesse sconosciuta: {id}"),
    "session-unknown": N_("sessione sconosciuta: {id}"),
}


def _absent(code: str, text: str) -> NotFoundError:
    return NotFoundError(code, _ABSENT[code], id=text[:60])
