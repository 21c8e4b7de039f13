"""Economic sectors: the ATECO classification in its editions, and what contains what.

In: the tables of each edition (read by store/reference). Out: parsed codes with edition, level and ancestors. A code is
never translated between editions by guess: where a map has several targets it is marked ambiguous. Source: ISTAT ATECO.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.errors import N_, CallerError

ANY = "*"
LEVELS = {"section": "SEZ", "division": "A2", "group": "A3", "class": "A4", "category": "A5", "subcategory": "A6"}
DEFAULT_EDITION = "2007"


@dataclass(frozen=True, slots=True)
class Sector:
    """One code: dotted, in its edition, with its level, division and section; ``ambiguous`` when maps are several."""

    code: str
    edition: str
    level: str
    division: str
    section: str
    ambiguous: bool


def dotted(code: str) -> str:
    """Return ``104110`` as ``10.41.10``; a letter or a dotted code stays, upper case."""
    text = code.strip().upper()
    if not text.isdigit() or len(text) <= 2:
        return text
    return ".".join(text[at : at + 2] for at in range(0, len(text), 2))


class Sectors:
    """All codes of all editions. Immutable."""

    def __init__(self, editions: Mapping[str, Mapping[str, Any]], changes: Mapping[str, Any]) -> None:
        """Index ``editions`` (edition -> nodes) and the 2025-2022 ``changes``."""
        self.editions = tuple(sorted(editions))
        ambiguous: dict[str, set[str]] = {"2025": set(), "2022": set()}
        for row in changes["mappings"]:
            if row["n_corr_2025"] != "1":
                ambiguous["2025"].add(row["code_2025"])
            if row["n_corr_2022"] != "1":
                ambiguous["2022"].add(row["code_2022"])
        # 2007 counts as 2022 only where the code lived on there.
        ambiguous["2007"] = ambiguous["2022"]
        self._sectors: dict[tuple[str, str], Sector] = {}
        self._titles: dict[tuple[str, str], str] = {}
        self._ancestors: dict[str, tuple[str, ...]] = {}
        self._children: dict[str, list[str]] = {}
        for edition in reversed(self.editions):
            self._index(edition, editions[edition]["nodes"], ambiguous.get(edition, set()))

    def _index(self, edition: str, nodes: list[Mapping[str, Any]], ambiguous: set[str]) -> None:
        parents = {node["code"]: node["parent"] for node in nodes}
        for node in nodes:
            code = node["code"]
            path: list[str] = []
            parent = node["parent"]
            while parent is not None:
                path.append(parent)
                parent = parents[parent]
            chain = (code, *path)
            division = next((c for c in chain if len(c) == 2 and c.isdigit()), "")
            sector = Sector(code, edition, LEVELS[node["level"]], division, chain[-1], code in ambiguous)
            self._sectors[edition, code] = sector
            self._titles[edition, code] = node["title"]
            # The oldest edition is indexed last and wins: registers and labels speak 2007.
            self._ancestors[code] = (*path, ANY)
            if edition == DEFAULT_EDITION:
                self._children.setdefault(path[0] if path else ANY, []).append(code)

    def parse(self, code: str, edition: str = DEFAULT_EDITION) -> Sector:
        """Return the sector of a code as people write it. Raises: CallerError(ateco-unknown)."""
        wanted = dotted(code)
        found = self._sectors.get((edition, wanted))
        if found is None:
            near = difflib.get_close_matches(wanted, [c for e, c in self._sectors if e == edition], 1)
            raise CallerError(
                "ateco-unknown",
                N_("codice ATECO {edition} sconosciuto: {wanted}"),
                hint=N_("forse {near}?") if near else "",
                edition=edition,
                wanted=code[:20],
                near=near[0] if near else "",
            )
        return found

    def ancestors(self, code: str) -> tuple[str, ...]:
        """Return what contains ``code``, nearest first, ending in ``*``; empty for ``*``, (``*``) for unknown codes."""
        return () if code == ANY else self._ancestors.get(code, (ANY,))

    def children(self, code: str) -> tuple[str, ...]:
        """Return the codes right below ``code`` (``*``: the sections) in edition 2007, sorted."""
        return tuple(sorted(self._children.get(code, ())))

    def title(self, code: str) -> str:
        """Return the Italian title of a code in the oldest edition that has it, else the code."""
        for edition in self.editions:
            if (edition, code) in self._titles:
                return self._titles[edition, code]
        return code

    def titles(self) -> tuple[str, ...]:
        """Return the Italian titles of all codes of all editions: the words by which activities are called."""
        return tuple(dict.fromkeys(self._titles.values()))
