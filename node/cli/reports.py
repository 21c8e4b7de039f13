"""How row problems of a file are shown: the same list as JSON and as a table."""

from __future__ import annotations

from collections.abc import Sequence

from node.cli.frame import Face
from node.domain.chamber import RowProblem
from node.errors import N_

SHOWN = 20


def problem_rows(problems: Sequence[RowProblem]) -> list[dict[str, object]]:
    """Return all problems as JSON values."""
    return [
        {
            "sheet": p.sheet,
            "row": p.row,
            "column": p.column,
            "code": p.code,
            "reason": p.reason,
            "refused": p.fatal,
        }
        for p in problems
    ]


def problem_table(face: Face, problems: Sequence[RowProblem]) -> None:
    """Show the refused rows first, at most twenty, and how many more there are."""
    ordered = sorted(problems, key=lambda p: (not p.fatal, p.sheet, p.row))
    if not ordered:
        return
    columns = (N_("foglio"), N_("riga"), N_("colonna"), N_("esito"), N_("motivo"))
    rows = [
        (p.sheet, p.row, p.column, face.tr(N_("rifiutata") if p.fatal else N_("con riserva")), face.tr(p.reason))
        for p in ordered[:SHOWN]
    ]
    face.table(N_("Righe con problemi"), columns, rows)
    if len(ordered) > SHOWN:
        face.say(N_("... e altre {more}; tutte con --json."), more=len(ordered) - SHOWN)
