"""``rete observatory export FOLDER``: all open data of the Observatory into a folder, as the routes serve them.

In: a folder, a release or nothing for the newest build, the forms that are wanted. Out: files (docs/open-data.md); with --json what was
written: ``{folder, release, as_of, made_at, digest, licence, files[]: file, bytes, sha256}``.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from node import runtime
from node.cli.frame import Face, command
from node.domain.observatory import dcat
from node.domain.observatory.wording import LICENCE
from node.errors import N_, CallerError
from node.flows.observatory import export as flow


def add_to(group: click.Group) -> None:
    """Add the command of this file."""

    @command(group, "export", help="Scrive in una cartella i dati aperti: tabelle, descrizioni, catalogo.")
    @click.argument("folder", metavar="CARTELLA", type=click.Path(path_type=Path))
    @click.option("--release", metavar="GIORNO", help="Un rilascio (aaaa-mm-gg); altrimenti l'ultima elaborazione.")
    @click.option(
        "--format", "forms", metavar="FORME", default=",".join(flow.FORMS), help="Solo in queste forme, separate da virgole: csv, json (JSON-stat), xlsx.",
    )  # fmt: skip
    @click.option("--force", is_flag=True, help="Sostituisce i file che ci sono già.")
    async def export(face: Face, folder: Path, release: str | None, forms: str, force: bool) -> None:
        """Write the files and say which."""
        await _export(face, folder, release, forms, replace=force)


async def _export(face: Face, folder: Path, release: str | None, forms: str, *, replace: bool) -> None:
    wanted = _forms(forms)
    asked = None if release in (None, "", dcat.NEWEST) else release
    async with runtime.open_node(face.home) as node:
        done = await flow.export(node.pool, node.publisher(), asked, folder, wanted, replace=replace)
    figures = done.shown.figures
    value = {
        "folder": str(folder),
        "release": done.shown.release,
        "as_of": figures.as_of.isoformat(),
        "made_at": figures.made_at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "digest": done.shown.digest,
        "licence": LICENCE,
        "files": [{"file": made.name, "bytes": len(made.body), "sha256": made.sha256} for made in done.files],
    }

    def human() -> None:
        face.say(
            N_("{folder}: {count} file di {tables} tabelle, dati al {as_of:%d/%m/%Y}. Licenza CC BY 4.0."),
            folder=folder,
            count=len(done.files),
            tables=len(figures.tables),
            as_of=figures.as_of,
        )

    face.emit(value, human)


def _forms(text: str) -> list[str]:
    found = [form.strip().lower() for form in text.split(",") if form.strip()]
    for form in found or [text]:
        if form not in flow.FORMS:
            raise CallerError(
                "query-value-unknown",
                N_("valore sconosciuto per {name}: {value}"),
                where="--format",
                hint=N_("valori ammessi: {near}"),
                name="--format",
                value=form[:60],
                near=", ".join(flow.FORMS),
            )
    return found
