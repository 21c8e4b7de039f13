"""Bring networks into the private register from a file: dry run first, then all in one transaction.

In: a file in the chamber's layout or in the template's. Out: what is new, changed, unchanged and refused, row by row; with
``apply`` the same, done. Importing the same file again changes nothing.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.config import Config
from node.domain import chamber, partition, template
from node.domain.chamber import RowProblem
from node.domain.network import NetworkRecord, from_register
from node.errors import N_, CallerError
from node.store import registry, spreadsheet
from node.store.postgres import Connection, Pool, run_tx
from node.store.reference import load_sectors, load_territories


@dataclass(frozen=True, slots=True)
class IntakeFile:
    """What a file contains, before anything is compared or written."""

    layout: str
    file_name: str
    sha256: bytes
    rows: int
    records: tuple[NetworkRecord, ...]
    outside: int
    problems: tuple[RowProblem, ...]


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would do, or did."""

    layout: str
    rows: int
    new: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: int
    outside: int
    problems: tuple[RowProblem, ...]
    applied: bool

    @property
    def refused(self) -> int:
        """How many rows were refused."""
        return sum(problem.fatal for problem in self.problems)


def read_file(path: Path, config: Config, *, everything: bool = False) -> IntakeFile:
    """Read a file; of a chamber list keep the contracts of the node's territory unless ``everything``.

    Raises: CallerError file-..., columns-missing.
    """
    sheets = spreadsheet.read_sheets(path)
    digest = hashlib.sha256(path.read_bytes()).digest()
    territories, sectors = load_territories(), load_sectors()
    plain = {name: [[spreadsheet.plain_cell(cell) for cell in row] for row in rows] for name, rows in sheets.items()}
    filled = next(((name, rows) for name, rows in plain.items() if template.is_template(rows)), None)
    if filled is not None:
        found = template.parse_rows(filled[0], filled[1], territories, sectors)
        return IntakeFile("template", path.name, digest, found.rows, found.records, 0, found.problems)
    if not chamber.is_chamber_layout(plain):
        raise CallerError(
            "columns-missing",
            N_("il file non è né l'elenco camerale né il modello di questo programma"),
            where=str(path),
            hint=N_("«rete network template FILE» scrive il modello da riempire"),
        )
    listed = chamber.parse_sheets(plain, territories, sectors)
    own = [n for n in listed.networks if everything or partition.in_scope(n, config.node.territory, territories)]
    # One-firm leftovers of a contract whose other rows were refused are no network.
    records = tuple(from_register(n) for n in own if n.members >= 2)
    return IntakeFile(
        "chamber", path.name, digest, listed.rows, records, len(listed.networks) - len(own), listed.problems
    )


async def import_networks(pool: Pool, found: IntakeFile, now: dt.datetime, *, apply: bool) -> ImportPlan:
    """Compare a file with the register and, with ``apply``, write what is new or changed in one transaction."""
    unique = {record.import_key: record for record in found.records}
    digests = await asyncio.to_thread(lambda: {key: record.digest() for key, record in unique.items()})

    async def work(conn: Connection) -> ImportPlan:
        known = await registry.import_state(conn, list(unique))
        new = [key for key in unique if key not in known]
        changed = [key for key in unique if key in known and _differs(known[key], digests[key], found.layout)]
        if apply:
            staged: Sequence[registry.Staged] = [
                (known[key][0] if key in known else str(uuid.uuid4()), unique[key]) for key in (*new, *changed)
            ]
            if staged:
                await registry.apply_import(conn, staged, source=found.layout, now=now)
            counts = {
                "new": len(new),
                "changed": len(changed),
                "unchanged": len(unique) - len(new) - len(changed),
                "refused": sum(problem.fatal for problem in found.problems),
            }
            await registry.insert_batch(
                conn, file_name=found.file_name, sha256=found.sha256, layout=found.layout, now=now, counts=counts
            )
        return ImportPlan(
            layout=found.layout,
            rows=found.rows,
            new=tuple(unique[key].name for key in new),
            changed=tuple(unique[key].name for key in changed),
            unchanged=len(unique) - len(new) - len(changed),
            outside=found.outside,
            problems=found.problems,
            applied=apply,
        )

    return await run_tx(pool, work)


def _differs(known: tuple[str, bytes, str], digest: bytes, layout: str) -> bool:
    _, stored, source = known
    if layout == "chamber" and source != "chamber":
        # The office knows more than the list; the list's rows alone do not change the record.
        return False
    return stored != digest


async def export_networks(pool: Pool, path: Path, ids: Sequence[str] | None = None) -> int:
    """Write records in the template's layout; return how many."""
    async with pool.acquire() as conn:
        records = await registry.read_records(conn, ids)
    await asyncio.to_thread(spreadsheet.write_sheets, path, template.sheets_of(list(records.values())))
    return len(records)
