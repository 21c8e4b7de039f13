"""Help texts in the reader's language: Italian where a command is written, English through the catalogue when shown.

In: click commands with Italian help, and click's own refusals. Out: the same commands whose ``--help`` speaks the chosen
language, headings included, and errors of our own. A test holds every help text to the catalogue.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import click

from node.errors import N_, CallerError
from node.i18n import spoken, translator

HELP_OPTION = N_("Mostra questo aiuto ed esce.")
_EXTRA = re.compile(r"\[(?:default: |required)[^\[\]]*\]$")


def _tr(text: str | None) -> str:
    return translator(spoken())(text) if text else ""


def _extra(found: re.Match[str]) -> str:
    """Return click's own remark after an option, in the reader's language."""
    said = found.group().replace("[default: ", f"[{_tr(N_('predefinito'))}: ")
    return re.sub(r"(?<=[\[ ])required(?=\])", _tr(N_("obbligatorio")), said)


class SpokenCommand(click.Command):
    """A command whose help speaks the chosen language."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help of a translated copy; the command itself stays as it was written."""
        said = copy.copy(self)
        said.help = _tr(self.help)
        said.options_metavar = _tr(N_("[OPZIONI]"))
        said.params = [_translated(param) for param in self.params]
        super(SpokenCommand, said).format_help(ctx, formatter)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write how the command is typed."""
        formatter.write_usage(ctx.command_path, " ".join(self.collect_usage_pieces(ctx)), f"{_tr(N_('Uso'))}: ")

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option that shows this help."""
        found = super().get_help_option(ctx)
        return None if found is None else _translated(found, HELP_OPTION)

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the line that stands for the command in a list."""
        said = copy.copy(self)
        said.help = _tr(self.help)
        return super(SpokenCommand, said).get_short_help_str(limit)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options."""
        # An argument stands in the usage line and has no help of its own.
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        records = [record for option in options if (record := option.get_help_record(ctx)) is not None]
        if records:
            with formatter.section(_tr(N_("Opzioni"))):
                formatter.write_dl([(names, _EXTRA.sub(_extra, text)) for names, text in records])


def _translated(param: Any, text: str | None = None) -> Any:
    """Return a copy of a parameter with its help in the chosen language; arguments have none."""
    said = copy.copy(param)
    if isinstance(said, click.Option):
        said.help = _tr(text or said.help)
    return said


class SpokenGroup(SpokenCommand, click.Group):
    """A group of commands whose help speaks the chosen language."""

    command_class = SpokenCommand

    @classmethod
    def of(cls, group: click.Group) -> SpokenGroup:
        """Return ``group`` with its commands, speaking."""
        return cls(group.name, commands=group.commands, help=group.help)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, and the commands below them."""
        super().format_options(ctx, formatter)
        rows = list(self.summaries(ctx))
        if rows:
            with formatter.section(_tr(N_("Comandi"))):
                formatter.write_dl(rows)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the parts of the usage line."""
        self.subcommand_metavar = _tr(N_("COMANDO [ARGOMENTI]..."))
        return super().collect_usage_pieces(ctx)

    def summaries(self, ctx: click.Context) -> Iterator[tuple[str, str]]:
        """Yield each command with its line."""
        for name in self.list_commands(ctx):
            found = self.get_command(ctx, name)
            if found is not None and not found.hidden:
                yield name, found.get_short_help_str(limit=100)


def mistyped(error: click.UsageError) -> CallerError:
    """Return what is wrong with a command's words as an error of ours, code ``usage``."""
    command = error.ctx.command_path if error.ctx else "rete"
    facts = {"command": command, "name": _name_of(error)}
    hint = N_("«{command} --help» mostra come si scrive")
    if isinstance(error, click.NoSuchOption):
        what = N_("opzione sconosciuta: {name}")
        if error.possibilities:
            return CallerError("usage", what, hint=N_("forse intendeva «{near}»"), near=error.possibilities[0], **facts)
    elif isinstance(error, click.MissingParameter):
        what = N_("manca {name}")
    elif isinstance(error, click.BadOptionUsage):
        what = N_("l'opzione {name} vuole un valore")
    elif isinstance(error, click.BadParameter):
        what, kind = N_("valore non valido per {name}"), error.param.type if error.param else None
        if isinstance(kind, click.Choice):
            allowed = ", ".join(map(str, kind.choices))
            return CallerError("usage", what, hint=N_("valori ammessi: {values}"), values=allowed, **facts)
        if isinstance(kind, click.IntRange):
            within = N_("serve un numero da {low} a {high}")
            return CallerError("usage", what, hint=within, low=kind.min, high=kind.max, **facts)
    else:
        what = N_("comando scritto male: {reason}")
    return CallerError("usage", what, hint=hint, reason=error.format_message(), **facts)


def _name_of(error: click.UsageError) -> str:
    """Return the option or argument that an error is about, as a person types it."""
    if isinstance(error, (click.NoSuchOption, click.BadOptionUsage)):
        return error.option_name
    param = error.param if isinstance(error, click.BadParameter) else None
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return (param.metavar or param.name or "").strip("[]") if param is not None else ""
