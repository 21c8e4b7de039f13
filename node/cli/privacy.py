"""``rete privacy audit | export``: the attacks on what is published, and what somebody else needs to run them."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import click

from node import runtime
from node.cli import privacy_page
from node.cli.counts import ROWS, counted
from node.cli.frame import Face, command
from node.cli.privacy_page import ATTACKS, Outcome
from node.domain.disclosure import Count
from node.domain.guesses import Guesses
from node.errors import N_
from node.flows.profiles import privacy as flow
from node.flows.profiles import privacy_export
from node.flows.profiles.privacy import Audit
from node.store import whole_file
from node.store.whole_file import PLAIN, SECRET, WholeFile

FILE = click.Path(path_type=Path)
FORCE = click.option("--force", is_flag=True, help="Sostituisce i file che ci sono già.")
EXPOSED_SHOWN = 20


@click.group("privacy", help="Anonimato: la verifica di ciò che è pubblicato.")
def privacy() -> None:
    """Hold the privacy commands."""


@command(
    privacy,
    "audit",
    help="Prova gli attacchi su ciò che il nodo ha pubblicato; esce con 1 quando un limite è superato.",
)
@click.option("--federation", is_flag=True, help="Anche sulle schede degli altri nodi tenute qui.")
@click.option("--html", "html_file", type=FILE, metavar="FILE", help="Scrive il rapporto per il responsabile dei dati.")
@FORCE
async def audit(face: Face, federation: bool, html_file: Path | None, force: bool) -> None:
    """Run the attacks; exit 1 when a bound is broken."""
    if html_file is not None:
        whole_file.check_targets([html_file], replace=force)
    async with runtime.open_node(face.home) as node:
        found = await flow.audit(node.pool, node.config, node.clock(), federation=federation)
        name = node.config.node.name
    if html_file is not None:
        page = privacy_page.page(found, name, face.tr, face.language)
        whole_file.write([WholeFile(html_file, page.encode(), SECRET)], replace=force)
    value = {**_facts(face, found), "report": str(html_file) if html_file else None}
    face.emit(value, lambda: _tell(face, found, html_file))
    if not found.ok:
        sys.exit(1)


def _facts(face: Face, found: Audit) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "day": found.day,
        "scope": "federation" if found.federation else "own",
        "edition": found.edition,
        "k": found.k,
        "profiles": found.profiles,
        "living": found.living,
        "versions": found.versions,
        "outside_register": found.outside,
        "unexamined": [
            {"owner": owner, "reason": reason, "profiles": count}
            for (owner, reason), count in sorted(found.unexamined.items())
        ],
        "attacks": [_attack_facts(face, outcome, found.k) for outcome in privacy_page.outcomes(found)],
        "risks": None
        if found.risks is None
        else {**dataclasses.asdict(found.risks), "bound": found.risk_bound, "bounded": ["journalist", "marketer"]},
        "sample": None if found.sample is None else dataclasses.asdict(found.sample),
        "exposed": [dataclasses.asdict(item) for item in found.exposed],
        "recognised": list(found.recognised),
        "alike": list(found.alike),
        "sentences": privacy_page.sentences(found, face.tr),
    }


def _attack_facts(face: Face, outcome: Outcome, k: int) -> dict[str, Any]:
    facts: dict[str, Any] = {
        **dataclasses.asdict(outcome),
        "broken": outcome.broken,
        "title": face.tr(ATTACKS[outcome.attack][0]),
        "sentence": privacy_page.outcome_words(outcome, k, face.tr),
    }
    if isinstance(outcome, Guesses):
        facts["share"] = outcome.share
    elif isinstance(outcome, Count):
        facts["bound"] = k
    return facts


def _tell(face: Face, found: Audit, html_file: Path | None) -> None:
    for said in privacy_page.sentences(found, face.tr):
        face.say("{said}", said=said)
    rows = [
        (
            face.tr(ATTACKS[outcome.attack][0]),
            privacy_page.outcome_words(outcome, found.k, face.tr),
            privacy_page.bound_words(outcome, found.k, face.tr),
        )
        for outcome in privacy_page.outcomes(found)
    ]
    columns = privacy_page.COLUMNS_ATTACKS
    face.table(privacy_page.CAPTION_ATTACKS, (columns[0], *columns[2:]), rows)
    risks = privacy_page.risk_rows(found, face.tr)
    if risks:
        face.table(privacy_page.CAPTION_RISKS, privacy_page.COLUMNS_RISKS, risks)
    if found.exposed:
        face.table(
            privacy_page.CAPTION_EXPOSED,
            privacy_page.COLUMNS_EXPOSED[:4],
            [
                (item.profile_id, item.owner, f"{item.candidates} / {item.k}", face.tr(ATTACKS[item.attack][0]))
                for item in found.exposed[:EXPOSED_SHOWN]
            ],
        )
    if html_file is not None:
        face.say(N_("Rapporto scritto: {file}"), file=html_file)


@command(
    privacy,
    "export",
    help="Scrive in CSV ciò che serve a un altro programma per provare gli attacchi; la verità resta a chi la può vedere.",
)
@click.option("--population", type=FILE, required=True, metavar="FILE", help="Le reti dell'elenco pubblico.")
@click.option("--profiles", type=FILE, required=True, metavar="FILE", help="Ogni versione pubblicata di ogni scheda.")
@click.option("--labels", type=FILE, required=True, metavar="FILE", help="Che cosa la partizione dice di ogni rete.")
@click.option("--truth", type=FILE, metavar="FILE", help="Quale rete è ogni scheda: RISERVATO, mai fuori dall'ufficio.")
@FORCE
async def export(face: Face, population: Path, profiles: Path, labels: Path, truth: Path | None, force: bool) -> None:
    """Write the audit's inputs."""
    paths = [population, profiles, labels, *([truth] if truth else [])]
    whole_file.check_targets(paths, replace=force)
    async with runtime.open_node(face.home) as node:
        tables = await privacy_export.export(node.pool, node.config)
    parts = [
        (population, privacy_export.POPULATION, tables.population, PLAIN),
        (profiles, privacy_export.PROFILES, tables.profiles, PLAIN),
        (labels, privacy_export.LABELS, tables.labels, PLAIN),
    ]
    if truth is not None:
        parts.append((truth, privacy_export.TRUTH, tables.truth, SECRET))
    whole_file.write(
        [WholeFile(path, whole_file.csv_bytes(columns, rows), mode) for path, columns, rows, mode in parts],
        replace=force,
    )
    value = {str(path): len(rows) for path, _, rows, _ in parts}

    def human() -> None:
        for path, count in value.items():
            face.say("{file}: {rows}", file=path, rows=counted(face, count, ROWS))
        if truth is not None:
            face.say(N_("{file} dice quale rete è ogni scheda: non farlo uscire dall'ufficio."), file=truth)

    face.emit({"files": value}, human)
