"""What every command shares: --home, --json, the language, tables and progress, and one place for errors.

In: a function ``async def f(face, ...)`` or ``def f(face, ...)``. Out: a click command. Results go to standard output
(JSON with --json, tables otherwise), progress and logs to standard error, so that output can be piped.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from node import telemetry
from node.cli.help import SpokenCommand
from node.config_places import CONFIG_FILE
from node.errors import N_, UNSEEN, OperatorError, ReteError, plain, plain_facts
from node.i18n import LANGUAGES, language_from_environment, speak, spoken, translator

HOME_VARIABLE = "RETE_HOME"


@dataclass(frozen=True, slots=True)
class Face:
    """How one command speaks: its home, its language and its two consoles."""

    home_option: Path | None
    json: bool
    language: str
    out: Console
    err: Console

    @property
    def home(self) -> Path:
        """The node's home folder from --home or RETE_HOME. Raises: OperatorError(home-missing)."""
        home = _home(self.home_option)
        if home is None:
            raise OperatorError(
                "home-missing",
                N_("manca la cartella del nodo"),
                hint=N_("indicare --home CARTELLA o la variabile RETE_HOME; «rete init CARTELLA» ne crea una"),
            )
        return home

    def say(self, message: str, **facts: object) -> None:
        """Print one translated sentence for a person; nothing with --json. Facts are shown, never obeyed."""
        if not self.json:
            self.out.print(Text(self.tr(message).format(**plain_facts(facts))))

    def tr(self, message: str) -> str:
        """Translate an Italian message id."""
        return translator(self.language)(message)

    def emit(self, value: Any, human: Callable[[], None] | None = None) -> None:
        """Print ``value`` as JSON with --json, else run ``human``."""
        if self.json:
            text = orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode()
            # The same value in JSON, in characters that a terminal only shows.
            sys.stdout.write(UNSEEN.sub(_escaped, text) + "\n")
        elif human is not None:
            human()

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print a table; title and cells may be a peer's or a file's words: shown as they are, never read as markup.

        The first column of identifiers stays whole, so that they can be copied: other columns make room.
        """
        heading = Text(plain(self.tr(title)), style="table.title") if title else None
        table = Table(title=heading, title_justify="left", header_style="bold")
        cells = [["" if cell is None else plain(cell) for cell in row] for row in rows]
        columned = [[cell for cell in column if cell] for column in zip(*cells, strict=True)] if cells else []
        whole = next((n for n, column in enumerate(columned) if column and all(map(_IDENTIFIER.fullmatch, column))), -1)
        for number, title_of in enumerate(columns):
            table.add_column(Text(self.tr(title_of)), overflow="fold", min_width=36 if number == whole else None)
        for row in cells:
            table.add_row(*map(Text, row))
        self.out.print(table)


# As PostgreSQL and the wire write them.
_IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


YES_WORDS, NO_WORDS = ("s", "si", "sì", "y", "yes"), ("", "n", "no")


def approved(face: Face, question: str) -> None:
    """Ask a question at the terminal until somebody says yes, in either language. Raises: click.Abort for a no, or an empty line."""
    asked = f"{face.tr(question)} {face.tr(N_('[s/N]'))}"
    while True:
        told: str = click.prompt(asked, default="", show_default=False, err=True)
        answer = told.strip().casefold()
        if answer in YES_WORDS:
            return
        if answer in NO_WORDS:
            raise click.Abort
        click.echo(face.tr(N_("Rispondere s (sì) o n (no).")), err=True)


def _escaped(found: re.Match[str]) -> str:
    # What parts the lines of the document stands outside its strings and is the writer's own.
    return found.group() if found.group() == "\n" else f"\\u{ord(found.group()):04x}"


def _home(option: Path | None) -> Path | None:
    return option or (Path(os.environ[HOME_VARIABLE]) if os.environ.get(HOME_VARIABLE) else None)


def _language_of(option: Path | None) -> str:
    """Return the language of the home's configuration; Italian where there is none, or none that can be read."""
    home = _home(option)
    try:
        text = (home / CONFIG_FILE).read_text(encoding="utf-8") if home else ""
        language = tomllib.loads(text)["node"]["language"]
    except (OSError, ValueError, LookupError, TypeError):
        # Whatever is wrong with the file is told by the command that needs it.
        return LANGUAGES[0]
    return language if language in LANGUAGES else LANGUAGES[0]


def choose_language(option: Path | None = None) -> str:
    """Choose RETE_LANG, else the language of the home's configuration, for this command and its errors."""
    language = language_from_environment(_language_of(option))
    speak(language)
    return language


def _home_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--home",
        "home_",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="CARTELLA",
        help="Cartella del nodo (altrimenti RETE_HOME).",
    )(function)


def _json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "json_", is_flag=True, help="Risultato in JSON sullo standard output.")(function)


def command(
    group: click.Group, name: str, *, json: bool = True, **attributes: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """Register ``f(face, ...)`` on ``group`` as command ``name`` with --home and, unless ``json`` is false, --json."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def run(*, home_: Path | None, json_: bool = False, **options: Any) -> None:
            telemetry.configure(level=telemetry.level_from_environment("WARNING"))
            face = Face(home_, json_, choose_language(home_), Console(soft_wrap=False), Console(stderr=True))
            result = function(face, **options)
            if inspect.iscoroutine(result):
                asyncio.run(result)

        faced = _home_option(_json_option(run) if json else run)
        return group.command(name, cls=SpokenCommand, **attributes)(faced)

    return decorate


def show_error(error: ReteError) -> None:
    """Print what is wrong, where and what to do, on standard error, in one line each at most."""
    translate = translator(spoken())
    what, where, hint = error.render(translate)
    place = f"{where}: " if where else ""
    lines = [f"{translate(N_('errore'))}: {place}{what} [{error.code}]"]
    if hint:
        lines.append(f"  {translate(N_('rimedio'))}: {hint}")
    click.echo("\n".join(lines), err=True)
