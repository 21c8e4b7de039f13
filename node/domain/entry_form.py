"""A network as somebody types it into a form, read by the rules that hold for files (domain/template_reader).

In: cells under the template's columns, those of the network once and those of each firm. Out: the checked record, or all that is
wrong, each with its column and firm, so that a person can mend everything at once. Codes and reasons are those of a file. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from node.domain import firms
from node.domain.network import Member, NetworkRecord, check, check_terms
from node.domain.rows import RowProblem, text_of
from node.domain.sector import Sectors
from node.domain.template import COLUMNS, FIRM_COLUMNS, NETWORK_COLUMNS, network_cells, rows_of
from node.domain.template_reader import COLUMN_OF, CellError, Cells, Reader
from node.domain.territory import Territories
from node.errors import N_, CallerError

SHEET: Final = "modulo"
# More firms than any network of the public register has.
FIRMS_MAX: Final = 500
# What stands in for a wrong cell while the others are read: something that says nothing wrong.
_STAND_IN: Final[Mapping[str, str]] = {
    "rete": "-", "oggetto": "-", "impresa": "-", "provincia": "RM", "data atto": "01/01/2000", "inizio": "01/01/2000",
    "adesione": "01/01/2000",
}  # fmt: skip
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a form holds, as it was typed."""

    network: Cells
    firms: tuple[Cells, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a form says: ``record`` is None while something is wrong; ``row`` of a problem is the firm's number, 0 the network."""

    record: NetworkRecord | None
    problems: tuple[RowProblem, ...]

    @property
    def wrong(self) -> tuple[RowProblem, ...]:
        """What keeps the record from being kept."""
        return tuple(problem for problem in self.problems if problem.fatal)


def entry_of(record: NetworkRecord) -> Entry:
    """Return the form of a record; read again it is the same record."""
    network = dict(zip(NETWORK_COLUMNS, network_cells(record), strict=True))
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in rows_of(record)]
    return Entry(network, tuple({name: row[name] for name in FIRM_COLUMNS} for row in rows))


def is_blank(cells: Cells) -> bool:
    """Tell whether nothing was typed of a firm; what is ticked or chosen from the beginning says nothing."""
    return not any(text_of(cells.get(name)) for name in FIRM_COLUMNS if name not in ("riferimento", "fondatrice"))


def read(entry: Entry, territories: Territories, sectors: Sectors, *, terms_only: bool = False) -> Reading:
    """Return what a form says; ``terms_only``: of the network itself, whoever is in it."""
    reader = Reader(territories, sectors)
    network, wrong = _mended(reader.network, entry.network)
    problems = [_problem(0, error) for error in wrong]
    rows, members = [], []
    for number, cells in enumerate(() if terms_only else entry.firms, 1):
        if is_blank(cells):
            continue
        made, wrong = _mended(lambda found: reader.member(found, network), cells)
        problems += [_problem(number, error) for error in wrong]
        problems += [RowProblem(SHEET, number, *doubt, fatal=False) for doubt in reader.doubts]
        rows.append(number)
        members.append(made)
    if any(problem.fatal for problem in problems):
        return Reading(None, tuple(problems))
    record = replace(network, members=tuple(members))
    try:
        checked = check_terms(record) if terms_only else check(record)
    except CallerError as error:
        row = _row_of(error.where, rows, members)
        column = COLUMN_OF.get(error.where, error.where)
        return Reading(None, (*problems, RowProblem(SHEET, row, column, error.code, error.what)))
    if terms_only:
        return Reading(checked, tuple(problems))
    places = {checked.import_key: [(SHEET, row) for row in rows]}
    settled, doubts = firms.settle([checked], places, (SHEET,), firms.TEMPLATE_FACTS)
    return Reading(settled[0], (*problems, *doubts))


def _problem(row: int, error: CellError) -> RowProblem:
    return RowProblem(SHEET, row, error.column, error.code, error.reason)


def _mended(make: Callable[[Cells], T], cells: Cells) -> tuple[T, list[CellError]]:
    """Return what cells say with the wrong ones replaced, and which those are: all of them, not the first alone."""
    wrong: list[CellError] = []
    replaced: dict[str, object] = dict(cells)
    for _ in range(2 * len(COLUMNS)):
        try:
            return make(replaced), wrong
        except CellError as error:
            wrong.append(error)
            replaced[error.column] = _STAND_IN.get(error.column, "")
    raise AssertionError(replaced)


def _row_of(field: str, rows: Sequence[int], members: Sequence[Member]) -> int:
    """Return the firm that a broken rule is about, the first where it is about them all, 0 for the network."""
    if field == "left_on":
        return next(
            row for row, m in zip(rows, members, strict=True) if m.left_on is not None and m.left_on < m.joined_on
        )
    if field == "members":
        keys = [m.firm.key for m in members]
        return next((row for at, row in enumerate(rows) if keys[at] in keys[:at]), rows[0] if rows else 1)
    return 0


def differences(one: NetworkRecord, other: NetworkRecord) -> list[tuple[str, str, str]]:
    """Return (column, how one says it, how the other does) for each difference; firms that differ by their names."""
    ours, theirs = entry_of(one), entry_of(other)
    found = [
        (name, str(ours.network[name]), str(theirs.network[name]))
        for name in NETWORK_COLUMNS
        if ours.network[name] != theirs.network[name]
    ]
    left, right = ({_line(cells) for cells in entry.firms} for entry in (ours, theirs))
    if left != right:
        found.append((N_("imprese"), "\n".join(sorted(left - right)), "\n".join(sorted(right - left))))
    return found


def _line(cells: Cells) -> str:
    return ", ".join(
        f"{name} {cells[name]}" if name != "impresa" else str(cells[name]) for name in FIRM_COLUMNS if cells[name]
    )
