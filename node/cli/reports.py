"""What several commands show alike: row problems of a file, the territory of a profile, another node that is not known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from node.cli.counts import ROWS_DOUBTFUL, ROWS_MORE, counted
from node.cli.frame import Face
from node.config import Config
from node.domain.days import day_of
from node.domain.rows import COLUMN_UNKNOWN, RowProblem
from node.errors import N_, NotFoundError
from node.protocol.agreement_values import Status
from node.runtime import Node
from node.store.reference import load_label_reference

SHOWN = 20
AREAS_SHOWN = 3


def areas(face: Face, values: Sequence[str]) -> str:
    """Return a territory label for a table: a few names, the others counted; --json has them all."""
    return load_label_reference().describe("territory", values, limit=AREAS_SHOWN, translate=face.tr)


def peer_unknown(config: Config, peer: str) -> NotFoundError:
    """Return the refusal of a node's id that no [[peer]] has, with those that are there."""
    known = ", ".join(item.id for item in config.peers) or "-"
    return NotFoundError(
        "peer-unknown", N_("nodo sconosciuto: {peer}"), hint=N_("nodi: {known}"), peer=peer, known=known
    )


def problem_line(face: Face, peer: str, error: str, code: str) -> None:
    """Say in a line of its own what is wrong with another node."""
    face.say(N_("{peer}: {reason} [{code}]"), peer=peer, reason=face.tr(error), code=code)


def own_status(face: Face, node: Node) -> str | None:
    """Return this node's own status by the agreement, None where that does not name it; say so where it is not active."""
    place = node.agreement
    entry = None if place is None else place.in_force.node(node.config.node.id)
    if entry is None:
        return None
    if entry.status is Status.SUSPENDED:
        face.say(N_("Questo nodo è sospeso dal {since:%d/%m/%Y}: gli altri non rispondono alle sue richieste. Sentire la segreteria."), since=day_of(entry.since))  # fmt: skip
    elif entry.status is Status.LEFT:
        face.say(N_("Questo nodo è uscito dalla federazione il {since:%d/%m/%Y}: gli altri non lo seguono più."), since=day_of(entry.since))  # fmt: skip
    return entry.status.value


def problem_rows(problems: Sequence[RowProblem]) -> list[dict[str, object]]:
    """Return all problems as JSON values, in the order of rows."""
    return [
        {
            "sheet": p.sheet,
            "row": p.row,
            "column": p.column,
            "code": p.code,
            "reason": p.text(),
            "refused": p.fatal,
        }
        for p in problems
    ]


def problem_table(face: Face, problems: Sequence[RowProblem]) -> None:
    """Show refused rows, ignored columns and rows accepted with a doubt, with their places and at most twenty of each.

    More doubts than that are counted by reason, each with its first place.
    """
    _rows(face, N_("Righe rifiutate"), [p for p in problems if p.fatal])
    ignored = [p for p in problems if p.code == COLUMN_UNKNOWN]
    for p in ignored[:SHOWN]:
        face.say(
            N_("Foglio {sheet}, colonna «{column}»: {reason}"), sheet=p.sheet, column=p.column, reason=p.text(face.tr)
        )
    _more(face, len(ignored))
    doubts = [p for p in problems if not p.fatal and p.code != COLUMN_UNKNOWN]
    if len(doubts) <= SHOWN:
        _rows(face, N_("Righe con riserva"), doubts)
        return
    first = {p.code: p for p in reversed(doubts)}
    for code, count in Counter(p.code for p in doubts).most_common():
        p = first[code]
        face.say(
            N_("{rows}: {reason} (la prima: foglio {sheet}, riga {row}, colonna «{column}»)"),
            rows=counted(face, count, ROWS_DOUBTFUL), reason=p.text(face.tr), sheet=p.sheet, row=p.row, column=p.column,
        )  # fmt: skip


def _rows(face: Face, title: str, problems: Sequence[RowProblem]) -> None:
    if problems:
        columns = (N_("foglio"), N_("riga"), N_("colonna"), N_("motivo"))
        face.table(title, columns, [(p.sheet, p.row, p.column, p.text(face.tr)) for p in problems[:SHOWN]])
        _more(face, len(problems))


def _more(face: Face, count: int) -> None:
    if count > SHOWN:
        face.say(counted(face, count - SHOWN, ROWS_MORE))
