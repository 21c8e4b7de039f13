"""Territory: municipalities, provinces, regions (NUTS2), macro-areas (NUTS1), Italy, and how they contain each other.

In: rows of municipalities and areas (read by store/reference). Out: one immutable value that answers what contains what,
also for provinces that no longer exist. Source: ISTAT list of municipalities; Sardinia as of 1 January 2026.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from node.domain.folding import unaccented

COM, PRO, REG, RIP, IT = "COM", "PRO", "REG", "RIP", "IT"
LEVELS = (COM, PRO, REG, RIP, IT)
_DROPPED = re.compile(r"[^a-z0-9]+")


def fold(text: str) -> str:
    """Return ``text`` without accents, case, apostrophes, hyphens and double spaces, for comparing names."""
    return _DROPPED.sub(" ", unaccented(text).replace("ß", "ss").replace("ø", "o")).strip()


@dataclass(frozen=True, slots=True)
class Municipality:
    """One municipality: ISTAT code, name, province (sigla), region (NUTS2), macro-area (NUTS1)."""

    istat: str
    name: str
    province: str
    region: str
    macro: str


@dataclass(frozen=True, slots=True)
class Area:
    """One area of any level; ``predecessors`` are the codes it took over from, validity is in whole days."""

    code: str
    level: str
    name: str
    parent: str | None
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    predecessors: tuple[str, ...] = ()


class Territories:
    """All areas of Italy. Immutable: built once, shared by everything."""

    def __init__(
        self,
        municipalities: Iterable[Municipality],
        names: Mapping[str, Sequence[str]],
        areas: Iterable[Area],
        successors: Mapping[str, tuple[str, ...]],
    ) -> None:
        """Index ``municipalities`` (``names``: other spellings by ISTAT code), ``areas`` and old siglas' ``successors``."""
        self.municipalities = tuple(sorted(municipalities, key=lambda m: m.istat))
        self._areas: dict[str, Area] = {area.code: area for area in areas}
        self._successors = dict(successors)
        self._by_istat = {m.istat: m for m in self.municipalities}
        self._by_name: dict[str, list[Municipality]] = {}
        self._children: dict[str, list[str]] = {}
        for m in self.municipalities:
            for name in {fold(m.name), *map(fold, names.get(m.istat, ()))}:
                self._by_name.setdefault(name, []).append(m)
            self._areas[m.istat] = Area(m.istat, COM, m.name, m.province)
        for area in self._areas.values():
            if area.parent is not None and area.code not in self._successors:
                self._children.setdefault(area.parent, []).append(area.code)
        current = [area for area in self._areas.values() if area.code not in self._successors]
        self.provinces = tuple(sorted((a for a in current if a.level == PRO), key=lambda a: a.code))
        self.regions = tuple(sorted((a for a in current if a.level == REG), key=lambda a: a.code))
        self.macros = tuple(sorted((a for a in current if a.level == RIP), key=lambda a: a.code))
        self._ancestors = {code: self._walk_up(code) for code in self._areas}

    def _walk_up(self, code: str) -> tuple[str, ...]:
        found: list[str] = []
        parent = self._areas[code].parent
        while parent is not None:
            found.append(parent)
            parent = self._areas[parent].parent
        return tuple(found)

    def municipality(self, istat: str) -> Municipality | None:
        """Return the municipality of a six-digit ISTAT code."""
        return self._by_istat.get(istat)

    def find_municipality(self, name: str, province: str | None = None) -> Municipality | None:
        """Return the one municipality of that name (in that province, old or new sigla), None when none or several."""
        found = self._by_name.get(fold(name), [])
        if province is not None:
            wanted = self.current(province)
            found = [m for m in found if m.province in wanted]
        return found[0] if len(found) == 1 else None

    def area(self, code: str) -> Area | None:
        """Return the area of a sigla (also an old one), NUTS code, ``IT`` or ISTAT code, in any case."""
        return self._areas.get(code) or self._areas.get(code.upper())

    def ancestors(self, code: str) -> tuple[str, ...]:
        """Return the areas that contain ``code``, nearest first; empty for ``IT`` and for unknown codes."""
        area = self.area(code)
        return () if area is None else self._ancestors[area.code]

    def children(self, code: str) -> tuple[str, ...]:
        """Return the codes of the next finer level inside ``code``, sorted."""
        area = self.area(code)
        return () if area is None else tuple(sorted(self._children.get(area.code, ())))

    def current(self, code: str) -> tuple[str, ...]:
        """Return today's siglas of an old province; a current code returns itself."""
        area = self.area(code)
        if area is None:
            return (code.upper(),)
        return self._successors.get(area.code, (area.code,))

    def resolve(self, text: str) -> tuple[Area, ...]:
        """Return the areas a person may mean by a code or a name, widest first among equal names."""
        exact = self.area(text.strip())
        if exact is not None:
            return (exact,)
        wanted = fold(text)
        if not wanted:
            return ()
        named = [
            a
            for a in self._areas.values()
            if a.level != COM and wanted in (fold(a.name), *map(fold, a.name.split("/")))
        ]
        named.sort(key=lambda a: (-LEVELS.index(a.level), a.code))
        return (*named, *(self._areas[m.istat] for m in self._by_name.get(wanted, ())))
