"""All open data of the Observatory into a folder: what the routes serve, for who has no network or publishes elsewhere.

In: a pool, who publishes, a release or None for the newest build, a folder, the forms that are wanted. Out: files, each whole or not at
all, and their digests. Rules: nothing that is there is replaced unless the caller says so, and then nothing else is touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.domain.observatory.wording import Publisher
from node.flows.observatory import files, read
from node.flows.observatory.files import Made
from node.flows.observatory.read import Shown
from node.store import whole_file
from node.store.postgres import Pool
from node.store.whole_file import WholeFile

FORMS: Final = ("csv", "json", "xlsx")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: of which figures, and each file's name, length and digest."""

    shown: Shown
    files: tuple[Made, ...]


async def export(
    pool: Pool, publisher: Publisher, release_id: str | None, folder: Path, forms: Sequence[str], *, replace: bool
) -> Exported:
    """Write the wanted files. Raises: as ``read.figures`` and ``whole_file.write``; NotADirectoryError, PermissionError."""
    shown = await read.figures(pool, release_id)
    wanted = [name for name in files.names(shown) if name != files.ARCHIVE and _is_wanted(name, forms)]
    # Before any work: what could not be written.
    whole_file.check_targets((folder / name for name in [*wanted, files.LICENCE_FILE]), replace=replace)
    told = await files.wording(pool)

    def work() -> tuple[Made, ...]:
        chosen = {*wanted, files.LICENCE_FILE}
        made = tuple(found for found in files.every(shown, told, publisher) if found.name in chosen)
        folder.mkdir(parents=True, exist_ok=True)
        whole_file.write([WholeFile(folder / found.name, found.body) for found in made], replace=replace)
        return made

    return Exported(shown, await asyncio.to_thread(work))


def _is_wanted(name: str, forms: Sequence[str]) -> bool:
    stem, _, ending = name.partition(".")
    return stem == files.CATALOGUE or ending in forms or (ending.startswith("csv") and "csv" in forms)
