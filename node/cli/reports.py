"""What several commands show alike: row problems of a file, the territory of a profile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from node.cli.frame import Face
from node.domain.chamber import RowProblem
from node.errors import N_
from node.store.cooperation import load_label_reference

SHOWN = 20
AREAS_SHOWN = 3


def areas(face: Face, values: Sequence[str]) -> str:
    """Return a territory label for a table: a few names, the others counted; --json has them all."""
    return load_label_reference().describe("territory", values, limit=AREAS_SHOWN, translate=face.tr)


def problem_line(face: Face, peer: str, error: str, code: str) -> None:
    """Say in a line of its own what is wrong with another node."""
    face.say(N_("{peer}: {reason} [{code}]"), peer=peer, reason=face.tr(error), code=code)


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
    """Show the refused rows, at most twenty; rows accepted with a doubt are counted by reason."""
    refused = sorted((p for p in problems if p.fatal), key=lambda p: (p.sheet, p.row))
    if refused:
        columns = (N_("foglio"), N_("riga"), N_("colonna"), N_("motivo"))
        rows = [(p.sheet, p.row, p.column, face.tr(p.reason)) for p in refused[:SHOWN]]
        face.table(N_("Righe rifiutate"), columns, rows)
        if len(refused) > SHOWN:
            face.say(N_("... e altre {more}; tutte con --json."), more=len(refused) - SHOWN)
    for reason, count in Counter(p.reason for p in problems if not p.fatal).most_common():
        face.say(N_("{count} righe con riserva: {reason}"), count=count, reason=face.tr(reason))
