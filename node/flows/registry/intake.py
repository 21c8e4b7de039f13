"""Bring networks into the private register from a file: dry run first, then all in one transaction.

In: a file in the chamber's layout or in the template's. Out: what is new, changed, unchanged and refused, row by row; with
``apply`` the same, done. A network with a refused row is left as the register has it: who is missing from the file may only
be misspelt. The others go in together or not at all. Importing the same file again changes nothing.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from node.config import Config
from node.domain import chamber, columns, firms, officers, partition, template, template_reader
from node.domain.chamber import ChamberList
from node.domain.network import FirmRecord, NetworkRecord, firm_from_list, from_register
from node.domain.register import RegisterNetwork
from node.domain.rows import LeftOut, RowPlace, RowProblem, in_row_order
from node.errors import N_, CallerError, Translate
from node.flows.registry.acting import tell
from node.store import registry, spreadsheet
from node.store.postgres import Connection, Pool, run_tx, transaction
from node.store.reference import load_sectors, load_territories
from node.store.whole_file import SECRET

MEMBERS_MIN = 2
# Of a name that somebody's file comes with; some systems count 255 bytes.
NAME_LONGEST = 60
# Network id, digest of what was last imported, source.
Known = tuple[str, bytes, str]


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
    left: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would do, or did; ``left`` are (name, whether the register has it) of networks with refused rows."""

    layout: str
    rows: int
    new: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: int
    outside: int
    problems: tuple[RowProblem, ...]
    left: tuple[tuple[str, bool], ...]
    applied: bool
    # What the file said and what the register had: a confirmation is of this plan and of no other.
    seen: str = ""

    @property
    def refused(self) -> int:
        """How many rows were refused."""
        return sum(problem.fatal for problem in self.problems)


def read_file(path: Path, config: Config, *, everything: bool = False) -> IntakeFile:
    """Read a file; of a chamber list keep the contracts of the node's territory unless ``everything``.

    Raises: CallerError file-..., sheet-missing, columns-missing.
    """
    sheets = spreadsheet.read_sheets(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    territories, sectors = load_territories(), load_sectors()
    filled = _template_sheet(sheets)
    if filled is not None:
        made = template_reader.parse_rows(filled, sheets[filled], territories, sectors)
        records, doubts = firms.settle(made.records, made.places, (filled,), firms.TEMPLATE_FACTS)
        problems = in_row_order([*made.problems, *doubts], (filled,))
        return IntakeFile("template", path.name, digest, made.rows, records, 0, problems, made.left)
    if not chamber.is_chamber_layout(sheets):
        raise _of_neither_layout(sheets, str(path))
    listed = chamber.parse_sheets(sheets, territories, sectors)
    return _from_list(listed, None if everything else config.node.territory, tuple(sheets), path.name, digest)


def read_upload(content: bytes, name: str, config: Config, *, everything: bool = False) -> IntakeFile:
    """Read what somebody sent under a name, as ``read_file`` reads a file; its copy is nobody else's and gone afterwards.

    Raises: as ``read_file``, ``where`` by the name that was given.
    """
    plain_name = "".join(sign for sign in name.replace("\\", "/").rpartition("/")[2] if sign.isprintable()).strip(". ")
    shown = plain_name[:NAME_LONGEST] or "file"
    with tempfile.TemporaryDirectory(prefix="rete-upload-") as folder:
        path = Path(folder) / shown
        path.write_bytes(content)
        try:
            return read_file(path, config, everything=everything)
        except CallerError as error:
            error.where = error.where.replace(str(path), shown)
            raise


def _of_neither_layout(sheets: spreadsheet.Sheets, where: str) -> CallerError:
    layouts = [template.REQUIRED, chamber.required_headers()]
    short = columns.closest(chamber.headers_of(sheets), layouts)
    if short is not None:
        return columns.refusal(short, f"{where}!{short.sheet}")
    return CallerError(
        "columns-missing",
        N_("il file non è né l'elenco camerale né il modello di questo programma"),
        where=where,
        hint=N_("«rete network template FILE» scrive il modello da riempire"),
    )


def _from_list(
    listed: ChamberList, territory: Sequence[str] | None, sheets: Sequence[str], file_name: str, digest: bytes
) -> IntakeFile:
    """Keep of a chamber list the whole contracts of a territory (None: of all Italy), and what concerns them."""
    territories = load_territories()
    provinces = None if territory is None else partition.provinces_of(territory, territories)
    own = {n.register_id: n for n in listed.networks if provinces is None or n.province in provinces}
    incomplete = listed.incomplete
    made = {key: from_register(n) for key, n in own.items() if key not in incomplete}
    # What is left of a contract when its other rows were refused is no network, and is not passed over in silence.
    reason = N_("meno di due imprese leggibili: non è una rete")
    alone = {
        key: RowProblem(*listed.places[key][0], "denominazione contratto", "network-too-few-members", reason)
        for key, record in made.items()
        if len(record.members) < MEMBERS_MIN
    }

    def ours(problem: RowProblem) -> bool:
        if provinces is None or any(key in own for key in problem.about):
            return True
        return not problem.about and (not problem.province or problem.province in provinces)

    whole = [record for key, record in made.items() if key not in alone]
    records, doubts = firms.settle(
        whole, {key: _places(n, listed) for key, n in own.items()}, sheets, firms.CHAMBER_FACTS
    )
    return IntakeFile(
        layout="chamber",
        file_name=file_name,
        sha256=digest,
        rows=listed.rows,
        records=records,
        outside=len(listed.networks) - len(own),
        problems=in_row_order([*filter(ours, listed.problems), *alone.values(), *doubts], sheets),
        left=tuple(LeftOut(n.name, (key,)) for key, n in own.items() if key in incomplete or key in alone),
    )


def _places(network: RegisterNetwork, listed: ChamberList) -> tuple[RowPlace, ...]:
    """Return the rows of the members that ``from_register`` makes: firms that are one by name stand on the last one's row."""
    rows = zip(network.firms, listed.places[network.register_id], strict=True)
    return tuple({firm_from_list(firm).key: place for firm, place in rows}.values())


def _template_sheet(sheets: spreadsheet.Sheets) -> str | None:
    """Return the name of the sheet to import: the one the template calls so, else the first with its columns."""
    fitting = [name for name, rows in sheets.items() if template_reader.is_template(rows)]
    return template.SHEET if template.SHEET in fitting else next(iter(fitting), None)


async def import_networks(
    pool: Pool, found: IntakeFile, now: dt.datetime, *, apply: bool, seen: str | None = None
) -> ImportPlan:
    """Compare a file with the register and, with ``apply``, write what is new or changed in one transaction.

    ``seen``: of the plan that was confirmed; where this would be another one nothing is written, and the plan is not ``applied``.
    """
    unique = {record.import_key: record for record in found.records}
    digests = await asyncio.to_thread(lambda: {key: record.digest() for key, record in unique.items()})

    async def work(conn: Connection) -> ImportPlan:
        if apply:
            await tell(conn)
            await registry.lock_for_import(conn)
        known = await _known(conn, unique, found.layout)
        new = [key for key in unique if key not in known]
        changed = await _changed(conn, unique, digests, known, found.layout)
        kept = await registry.import_state(conn, [key for left in found.left for key in left.keys])
        named = {member.firm.key for key in (*new, *changed) for member in unique[key].members}
        stored = await registry.read_firms(conn, named)
        fingerprint = await asyncio.to_thread(_fingerprint, found, digests, known, new, changed, stored)
        write = apply and seen in (None, fingerprint)
        if write:
            staged = [(known[key][0] if key in known else str(uuid.uuid4()), unique[key]) for key in (*new, *changed)]
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
            left=tuple((left.name, any(key in kept for key in left.keys)) for left in found.left),
            applied=write,
            seen=fingerprint,
        )

    return await run_tx(pool, work)


def _fingerprint(
    found: IntakeFile,
    digests: Mapping[str, bytes],
    known: Mapping[str, Known],
    new: Sequence[str],
    changed: Mapping[str, bytes],
    stored: Sequence[FirmRecord],
) -> str:
    """Return what tells one plan from every other: the file's bytes, what it would write, and over what.

    ``stored`` is what the register says of the firms of those networks: they may also be in networks outside the plan.
    """
    told = hashlib.sha256(found.sha256 + found.layout.encode() + b"\0")
    for key in new:
        told.update(b"+" + key.encode() + b"\0" + digests[key])
    for key, there in changed.items():
        told.update(b"~" + key.encode() + b"\0" + known[key][0].encode() + digests[key] + there)
    for firm in stored:
        told.update(b"=" + json.dumps(astuple(firm), ensure_ascii=False).encode())
    return told.hexdigest()


async def _known(conn: Connection, unique: Mapping[str, NetworkRecord], layout: str) -> dict[str, Known]:
    """Return, by import key, what the register already has: by deed, or by name a network that now gets its deed."""
    if layout == "chamber":
        return await registry.import_state(conn, list(unique))
    keys = {*unique, *(record.name_key for record in unique.values())}
    state = await registry.import_state(conn, sorted(keys))
    known = {key: state[key] for key in unique if key in state}
    taken = set(known)
    for key, record in unique.items():
        if key not in known and record.name_key in state and record.name_key not in taken:
            known[key] = state[record.name_key]
            taken.add(record.name_key)
    return known


async def _changed(
    conn: Connection,
    unique: Mapping[str, NetworkRecord],
    digests: Mapping[str, bytes],
    known: Mapping[str, Known],
    layout: str,
) -> dict[str, bytes]:
    """Return the keys whose record says something else than the last import did, and than the register says now; with what that is.

    What the file says of a firm is compared even so: another network's import may have changed it since.
    """
    # Where the office has taken over, it knows more than the list.
    listed = layout == "chamber"
    open_ = [key for key in unique if key in known and (not listed or known[key][2] == "chamber")]
    stored = await registry.read_records(conn, [known[key][0] for key in open_]) if open_ else {}
    office = await registry.office_firms(conn) if listed and open_ else frozenset()

    def compare() -> dict[str, bytes]:
        return {key: stored[known[key][0]].digest() for key in open_ if differs(key)}

    def differs(key: str) -> bool:
        here = stored[known[key][0]]
        if known[key][1] != digests[key]:
            return listed or here.digest() != digests[key]
        facts = firms.CHAMBER_FACTS if listed else firms.TEMPLATE_FACTS
        return bool(firms.contradicts(unique[key], here, facts, blanks=not listed) - office)

    # Thousands of digests are work for a thread; meanwhile the connection waits, a fraction of a second.
    return await asyncio.to_thread(compare)


REPORT_COLUMNS = ("sheet", "row", "column", "code", "reason", "refused")


def report_rows(plan: ImportPlan, translate: Translate = str) -> list[list[str | int | bool]]:
    """Return what is wrong with a file, row by row under REPORT_COLUMNS, in the order of rows."""
    return [[p.sheet, p.row, p.column, p.code, p.text(translate), p.fatal] for p in plan.problems]


async def export_networks(
    pool: Pool, path: Path, ids: Sequence[str] | None = None, *, officer: str, replace: bool = True
) -> int:
    """Write records in the template's layout, for the owner's eyes only; return how many.

    The chain of decisions tells that ``officer`` took them away before they leave. Raises: CallerError file-..., officer-name-bad.
    """
    spreadsheet.check_target(path, replace=replace)
    async with transaction(pool) as conn:
        records = await registry.read_records(conn, ids)
        await registry.tell_export(conn, officers.check(officer), registry.TEMPLATE_FORM, len(records))
    sheets = template.sheets_of(list(records.values()))
    await asyncio.to_thread(spreadsheet.write_sheets, path, sheets, replace=replace, mode=SECRET)
    return len(records)
