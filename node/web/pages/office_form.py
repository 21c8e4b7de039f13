"""The form of a network in steps: the network, its firms, a last look; and what is wrong, said while somebody types.

In: fields that travel from step to step in the form itself, so that nothing typed is kept here before it is whole. Out: the form
again with what is wrong on top, or a redirect to what was written. Rules: those of a file (node/flows/registry/keeping); whoever changes a
network that somebody else has changed meanwhile is told what, and keeps what they typed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from aiohttp import web

from node.domain import entry_form
from node.domain.entry_form import FIRMS_MAX, Entry, Reading
from node.domain.roles import Permission
from node.domain.rows import RowProblem
from node.errors import N_
from node.flows.registry import keeping
from node.flows.registry.keeping import Outcome
from node.i18n import translator
from node.web import forms
from node.web.middleware import language_of
from node.web.pages.frame import render
from node.web.pages.office_register import DONE, OFFICE, ONE, PATH, go
from node.web.pages.office_words import (
    FIRM,
    NETWORK,
    ON,
    OPTIONS,
    TITLES,
    Fields,
    Words,
    entry_from,
    facts_of,
    fields_of,
    firm_facts,
    firms_in,
    options,
    place_of,
)
from node.web.permission import needs

NEW: Final = f"{PATH}/nuova"
EDIT: Final = f"{ONE}/modifica"
CHECK: Final = f"{PATH}/controlla"
NETWORK_STEP, FIRMS_STEP, LAST_STEP = "rete", "imprese", "controllo"
STEPS: Final = (NETWORK_STEP, FIRMS_STEP, LAST_STEP)
SAVE, MORE = "salva", "aggiungi"
MORE_FIRMS: Final = 2
# Fields of the form itself.
OWN: Final = frozenset({forms.FIELD, "passo", "vai", "visto", "numero-imprese"})
FIELDS_MAX: Final = len(FIRM) * FIRMS_MAX + 200
# What is not wrong yet while somebody types.
UNFINISHED: Final = frozenset({"cell-empty", "network-too-few-members"})


def routes() -> list[web.RouteDef]:
    """Return the form of a new network, of one that is there, and what is asked while somebody types."""
    return [
        web.get(NEW, new),
        web.post(NEW, send_new),
        web.post(CHECK, check),
        web.get(EDIT, edit),
        web.post(EDIT, send_edit),
    ]


async def _fields(request: web.Request) -> tuple[Fields, dict[str, str]]:
    """Return what was typed, and what the form says of itself."""
    form = await request.post()
    typed: Fields = {}
    for name, value in form.items():
        if isinstance(value, str) and name not in OWN:
            typed.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return typed, {name: value for name in OWN if isinstance(value := form.get(name, ""), str)}


@needs(Permission.REGISTER_WRITE)
async def new(request: web.Request) -> web.StreamResponse:
    """Show the empty form."""
    blank = Entry({"tipo": "contratto", "stato": "in preparazione", "aperta": ON}, tuple(_firm() for _ in range(2)))
    return _form(request, fields_of(blank), NETWORK_STEP)


def _firm() -> dict[str, str]:
    return {"fondatrice": ON}


@needs(Permission.REGISTER_WRITE, hidden=True, invites=True)
async def edit(request: web.Request) -> web.StreamResponse:
    """Show the form of a network that is there."""
    kept = await keeping.read_network(request.app[OFFICE].pool, request.match_info["network_id"])
    return _form(request, fields_of(entry_form.entry_of(kept.record)), NETWORK_STEP, seen=kept.seen)


@needs(Permission.REGISTER_WRITE)
@forms.takes(max_fields=FIELDS_MAX)
async def send_new(request: web.Request) -> web.StreamResponse:
    """Go from step to step, at the end into the register."""
    return await _send(request, None)


@needs(Permission.REGISTER_WRITE, hidden=True, invites=True)
@forms.takes(max_fields=FIELDS_MAX)
async def send_edit(request: web.Request) -> web.StreamResponse:
    """Go from step to step, at the end back into the register."""
    return await _send(request, request.match_info["network_id"])


async def _send(request: web.Request, network_id: str | None) -> web.Response:
    typed, own = await _fields(request)
    step = own["passo"] if own["passo"] in STEPS else NETWORK_STEP
    wanted, seen = own["vai"], own["visto"]
    if network_id is not None and wanted != SAVE:
        # Also half-way: what is not there any more is told before more is typed.
        await keeping.read_network(request.app[OFFICE].pool, network_id)
    if wanted == MORE:
        first = firms_in(typed) + 1
        for number in range(first, min(first + MORE_FIRMS, FIRMS_MAX + 1)):
            typed |= _room(number)
        return _form(request, typed, FIRMS_STEP, seen=seen)
    if wanted == SAVE:
        return await _save(request, network_id, typed, seen)
    target = wanted if wanted in STEPS else step
    if STEPS.index(target) <= STEPS.index(step):
        return _form(request, typed, target, seen=seen)
    reading = keeping.examine(entry_from(typed), terms_only=target == FIRMS_STEP)
    if reading.wrong:
        return _form(request, typed, _step_of(reading.wrong, target), reading.wrong, seen=seen)
    return _form(request, typed, target, seen=seen, reading=reading)


def _room(number: int) -> Fields:
    """Return the fields of one more firm."""
    return {f"{field.name}-{number}": [_firm().get(field.column, "")] for field in FIRM if field.kind != "flag"} | {
        f"{field.name}-{number}": [ON] for field in FIRM if field.column in _firm()
    }


def _step_of(problems: Iterable[RowProblem], latest: str) -> str:
    """Return the first step where something is wrong."""
    return NETWORK_STEP if latest == FIRMS_STEP or any(p.row == 0 for p in problems) else FIRMS_STEP


async def _save(request: web.Request, network_id: str | None, typed: Fields, seen: str) -> web.Response:
    office = request.app[OFFICE]
    outcome = await keeping.write(office.pool, entry_from(typed), office.clock(), network_id=network_id, seen=seen)
    if outcome.network_id is not None:
        return go(f"{PATH}/{outcome.network_id}?{DONE}={'nuova' if network_id is None else 'salvata'}")
    if outcome.conflict is not None:
        reading = keeping.examine(entry_from(typed))
        return _form(request, typed, LAST_STEP, seen=outcome.seen, reading=reading, outcome=outcome)
    wrong = tuple(problem for problem in outcome.problems if problem.fatal)
    return _form(request, typed, _step_of(wrong, LAST_STEP), wrong, seen=seen, outcome=outcome)


@needs(Permission.REGISTER_WRITE)
@forms.takes(max_fields=FIELDS_MAX)
async def check(request: web.Request) -> web.StreamResponse:
    """Say what is wrong so far with what was typed; what is still empty is not wrong yet."""
    typed, own = await _fields(request)
    reading = keeping.examine(entry_from(typed), terms_only=own["passo"] != FIRMS_STEP)
    shown = [
        problem
        for problem in reading.problems
        if problem.code not in UNFINISHED and (own["passo"] != FIRMS_STEP or problem.row) and _is_typed(problem, typed)
    ]
    return render(request, "office/problems.html", problems=_said(shown, language_of(request)))


def _is_typed(problem: RowProblem, typed: Fields) -> bool:
    """Tell whether somebody has been at the field of a problem."""
    return any(value.strip() for value in typed.get(place_of(problem), []))


def _said(problems: Iterable[RowProblem], language: str) -> list[tuple[str, str]]:
    """Return (field, sentence) of problems."""
    words, tr = Words(language), translator(language)
    found = []
    for problem in problems:
        title = words.say(TITLES.get(problem.column, problem.column))
        place = f"{words.say(N_('impresa {number}')).format(number=problem.row)}, {title}" if problem.row else title
        found.append((place_of(problem), f"{place}: {problem.text(tr)}"))
    return found


def _form(
    request: web.Request,
    typed: Fields,
    step: str,
    wrong: Iterable[RowProblem] = (),
    *,
    seen: str = "",
    reading: Reading | None = None,
    outcome: Outcome | None = None,
) -> web.Response:
    language, wrong = language_of(request), tuple(wrong)
    conflict = outcome is not None and outcome.conflict is not None
    network_id = request.match_info.get("network_id", "")
    said = _said(wrong, language)
    return render(
        request,
        "office/form.html",
        status=409 if conflict else 400 if wrong else 200,
        step=step,
        steps=STEPS,
        sections=NETWORK,
        firm_fields=FIRM,
        firms=firms_in(typed),
        firms_max=FIRMS_MAX,
        typed=typed,
        hidden=[(name, value) for name, values in typed.items() if not _is_shown(name, step) for value in values],
        errors=said,
        wrong=dict(said),
        options={column: options(column, language) for column in OPTIONS},
        seen=seen,
        network_id=network_id,
        action=f"{PATH}/{network_id}/modifica" if network_id else NEW,
        outcome=outcome,
        titles=TITLES,
        summary=_summary(language, reading) if step == LAST_STEP else None,
        doubts=_said((p for p in reading.problems if not p.fatal), language) if reading else [],
    )


_FIRM_NAMES: Final = tuple(f"{field.name}-" for field in FIRM)


def _is_shown(name: str, step: str) -> bool:
    """Tell whether a step has a field; those of the other steps travel along unseen."""
    of_firm = any(name.startswith(prefix) and name.removeprefix(prefix).isdigit() for prefix in _FIRM_NAMES)
    return step != LAST_STEP and of_firm == (step == FIRMS_STEP)


def _summary(language: str, reading: Reading | None) -> dict[str, Any] | None:
    if reading is None or reading.record is None:
        return None
    words, record = Words(language), reading.record
    return {
        "name": record.name,
        "facts": [(words.say(label), text) for label, text in facts_of(words, record)],
        "firms": [
            (m.firm.name, [(words.say(label), text) for label, text in firm_facts(words, m)]) for m in record.members
        ],
    }
