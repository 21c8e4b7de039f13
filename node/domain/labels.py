"""What a generalised label means to a search: index terms, certainty, share, words.

In: the label of a profile (a level and a set of values: the profile is in ONE of them, which one is hidden) and, from a
searcher, one asked area of the same attribute. Out: terms that answer with one array operator each

    certain   the whole label lies inside the asked area   term ``t<A`` is among the label's terms
    possible  label and asked area overlap                 the label's terms meet {``t~A``, ``t=X`` for X above A}

because a label carries ``t=v`` for each value, ``t~x`` for each area x that holds at least one value (itself included)
and ``t<x`` for each area x that holds them all. Certain implies possible.
Rules: nothing inside the asked area is ever missed. What this node can't place (a code newer than its tables, a value
without end) may be anywhere, so it counts as the whole: always possible, never certain. A province that was split is
an area above its successors, so old and new codes find each other.
Source: docs/rules.md P (labels), F.5 (province codes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from node.domain.sector import Sectors, dotted
from node.domain.territory import Territories
from node.domain.theme import THEME_TITLES, THEMES
from node.errors import N_, Translate

ATTRIBUTES: Final = ("territory", "sector", "period", "size", "theme", "kind")
SIZES: Final = ("2-3", "4-9", "10+")
SIZE_TITLES: Final = {"2-3": N_("2-3 imprese"), "4-9": N_("4-9 imprese"), "10+": N_("10 o più imprese")}
KINDS: Final = ("contract", "entity")
KIND_TITLES: Final = {"contract": N_("rete-contratto"), "entity": N_("rete-soggetto")}
PERIODS: Final = tuple(str(year) for year in range(2000, 2100))
ANY_TITLES: Final = {
    "territory": N_("tutta Italia"),
    "sector": N_("ogni settore"),
    "period": N_("ogni anno"),
    "size": N_("ogni dimensione"),
    "theme": N_("ogni tema"),
    "kind": N_("ogni tipo di rete"),
}
LABEL_OR: Final = N_(" o ")
LABEL_NAMES: Final = N_("{names}")
LABEL_ONE_MORE: Final = N_("{names} + un altro")
LABEL_MORE: Final = N_("{names} + altri {more}")
UNKNOWN_TITLE: Final = N_("non noto")
ANY: Final = "*"
# What the partition writes where the register says nothing.
UNKNOWN: Final = "?"
COUNTRY: Final = "IT"
# Longer than any code we know, shorter than what an index entry can hold.
VALUE_MAX_CHARS: Final = 40
# Values of remembered labels: some tens of megabytes at most.
MEMO_MAX_VALUES: Final = 200_000
# Labels whose units are remembered, for each of some thirty facets, and the characters of all of them.
MEMO_MAX_LABELS: Final = 10_000
MEMO_MAX_CHARS: Final = 20_000_000
_PREFIX: Final = {"territory": "t", "sector": "s", "period": "y", "size": "z", "theme": "h", "kind": "k"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """One asked area as index terms: ``certain`` is one of ``possible``'s narrower kin, not its member.

    ``wide``: the one term that stands for all of ``possible`` where the area is a wide one, else None.
    """

    certain: str
    possible: tuple[str, ...]
    wide: str | None


class LabelReference:
    """What labels mean, given the territories and sectors this node knows.

    Immutable in what it answers; it only remembers answers, since a federation has few distinct labels.
    """

    def __init__(self, territories: Territories, sectors: Sectors) -> None:
        """Take the tables that are loaded once per process."""
        self.territories = territories
        self.sectors = sectors
        # What facets count as long as nothing narrower is asked.
        self.regions = tuple(region.code for region in territories.regions)
        self.sections = tuple(sectors.children(ANY))
        self._sections = frozenset(self.sections)
        # What most questions ask for: of each attribute so few areas that an index can hold all of them that a label may meet.
        self.wide: Mapping[str, tuple[str, ...]] = {
            **{name: units for name, units in _FLAT.items() if name != "period"},
            "territory": tuple(
                area.code for area in (*territories.macros, *territories.regions, *territories.provinces)
            ),
            "sector": tuple(c for section in self.sections for c in (section, *sectors.children(section))),
        }
        self._above = self._old_provinces()
        self._memo: dict[tuple[object, ...], object] = {}
        self._memo_values = 0
        self._met: dict[tuple[str, tuple[str, ...]], dict[str, tuple[tuple[int, ...], tuple[int, ...]]]] = {}
        self._met_chars = 0

    def remember(self, about: str, attribute: str, values: tuple[str, ...], more: object, work: Callable[[], T]) -> T:
        """Return what was answered before ``about`` a label and ``more``, else have it answered: never for texts of askers."""
        key = (about, attribute, values, more)
        found = self._memo.get(key)
        if found is None:
            found = work()
            # A hostile origin can invent labels without end; forgetting all costs a moment, keeping all the memory.
            self._memo_values += len(values) + 1
            if self._memo_values > MEMO_MAX_VALUES:
                self._memo.clear()
                self._memo_values = len(values) + 1
            self._memo[key] = found
        return found  # type: ignore[return-value]

    def _old_provinces(self) -> Mapping[str, tuple[str, ...]]:
        """Return for each province of today the old codes that it is one of several successors of."""
        above: dict[str, tuple[str, ...]] = {}
        for province in self.territories.provinces:
            split = (old for old in province.predecessors if len(self.territories.current(old)) > 1)
            above[province.code] = tuple(sorted(set(split) - {province.code}))
        return above

    def _today(self, attribute: str, value: str) -> tuple[str, ...]:
        """Return the value as today's codes (an old province becomes its successors); empty when unknown."""
        if len(value) > VALUE_MAX_CHARS:
            return ()
        if attribute == "territory":
            area = self.territories.area(value)
            if area is None:
                return ()
            return self.territories.current(area.code) if area.level == "PRO" else (area.code,)
        if attribute == "sector":
            code = self.sector_code(value)
            return () if code is None else (code,)
        return (value,) if value in _FLAT[attribute] else ()

    def sector_code(self, text: str) -> str | None:
        """Return a sector of any level and edition as its dotted code; None when unknown."""
        code = dotted(text)
        return code if code in self._sections or self.sectors.ancestors(code)[1:] else None

    def closure(self, attribute: str, code: str) -> tuple[str, ...]:
        """Return a current code and all areas that hold it, itself first, without the whole.

        An only child is as large as its parent, so it holds it too: Aosta holds Valle d'Aosta, 35 holds D.
        """
        if attribute == "territory":
            held = (code, *self.territories.ancestors(code), *_only_children(code, self.territories.children))
            old = tuple(o for area in held for o in self._above.get(area, ()))
            return tuple(area for area in (*held, *old) if area != COUNTRY)
        if attribute == "sector":
            held = (code, *self.sectors.ancestors(code), *_only_children(code, self.sectors.children))
            return tuple(area for area in held if area != ANY)
        return (code,)

    def _closures(self, attribute: str, values: Sequence[str]) -> list[tuple[str, ...]]:
        """Return one closure per value of today; empty when the label says nothing or something unknown."""
        closures: list[tuple[str, ...]] = []
        for value in values:
            today = self._today(attribute, value)
            if not today or today[0] in {ANY, COUNTRY}:
                return []
            closures += [self.closure(attribute, code) for code in today]
        return closures

    def terms(self, attribute: str, values: tuple[str, ...]) -> tuple[str, ...]:
        """Return the index terms of a label, sorted."""
        return self.remember("terms", attribute, values, None, lambda: self._terms(attribute, values))

    def _terms(self, attribute: str, values: tuple[str, ...]) -> tuple[str, ...]:
        prefix, closures = _PREFIX[attribute], self._closures(attribute, values)
        if not closures:
            return (f"{prefix}={ANY}",)
        some = set().union(*closures)
        every = set(closures[0]).intersection(*closures[1:])
        found = {f"{prefix}={closure[0]}" for closure in closures}
        found |= {f"{prefix}~{area}" for area in some} | {f"{prefix}<{area}" for area in every}
        return tuple(sorted(found))

    def asked(self, attribute: str, value: str) -> Asked | None:
        """Return what finds the labels that meet an asked area; None when the area is the whole.

        ``value`` has passed domain/query: a known code, as canonical there.
        """
        return self.remember("asked", attribute, (value,), None, lambda: (self._asked(attribute, value),))[0]

    def _asked(self, attribute: str, value: str) -> Asked | None:
        today = self._today(attribute, value)
        if not today or today[0] in {ANY, COUNTRY}:
            return None
        prefix = _PREFIX[attribute]
        closures = [self.closure(attribute, code) for code in today]
        above = [area for area in closures[0][1:] if all(area in closure for closure in closures)]
        asked = value if len(today) > 1 else today[0]
        return Asked(
            certain=f"{prefix}<{asked}",
            possible=(f"{prefix}~{asked}", f"{prefix}={ANY}", *(f"{prefix}={area}" for area in above)),
            wide=_wide_term(attribute, asked) if asked in self.wide.get(attribute, ()) else None,
        )

    def matches(self, attribute: str, values: tuple[str, ...], value: str) -> tuple[bool, bool]:
        """Return (possible, certain) of a label for an asked value: the rule that the index follows."""
        return self.remember("meets", attribute, values, value, lambda: self._matches(attribute, values, value))

    def _matches(self, attribute: str, values: tuple[str, ...], value: str) -> tuple[bool, bool]:
        asked = self.asked(attribute, value)
        if asked is None:
            return True, True
        terms = self.terms(attribute, values)
        return any(term in terms for term in asked.possible), asked.certain in terms

    def wide_terms(self, attribute: str, label: str) -> list[str]:
        """Return the terms of all wide areas that a label (as ``encode`` writes it) meets."""
        units = self.wide[attribute]
        return [_wide_term(attribute, units[at]) for at in self.units_met(attribute, units, label)[0]]

    def share(self, attribute: str, values: tuple[str, ...], value: str) -> float:
        """Return how much of the label's weight lies inside the asked area, 0 to 1.

        Every province, division, year, size class, theme or kind weighs the same; finer areas split it equally.
        """
        return self.remember("share", attribute, values, value, lambda: self._share(attribute, values, value))

    def _share(self, attribute: str, values: tuple[str, ...], value: str) -> float:
        asked = self.asked(attribute, value)
        if asked is None:
            return 1.0
        target = asked.certain[2:]
        asked_weight = self._weight(attribute, target)
        total = covered = 0.0
        for closure in self._closures(attribute, values):
            weight = self._weight(attribute, closure[0])
            total += weight
            if target in closure:
                covered += weight
            elif f"{_PREFIX[attribute]}={closure[0]}" in asked.possible:
                covered += asked_weight
        if not total:
            return asked_weight / self._whole(attribute)
        return min(1.0, covered / total)

    def _weight(self, attribute: str, code: str) -> float:
        if attribute == "territory":
            return self._territory_weight(code)
        if attribute == "sector":
            return self._sector_weight(code)
        return 1.0

    def _territory_weight(self, code: str) -> float:
        area = self.territories.area(code)
        if area is None or area.level == "PRO":
            return float(len(self.territories.current(code))) if area else 1.0
        if area.level == "COM":
            return 1.0 / max(1, len(self.territories.children(self.territories.ancestors(code)[0])))
        return float(sum(code in self.territories.ancestors(p.code) for p in self.territories.provinces))

    def _sector_weight(self, code: str) -> float:
        if code.isalpha():
            return float(max(1, len(self.sectors.children(code))))
        if len(code) == 2:
            return 1.0
        parent = self.sectors.ancestors(code)[0]
        return self._sector_weight(parent) / max(1, len(self.sectors.children(parent)))

    def _whole(self, attribute: str) -> float:
        if attribute == "territory":
            return float(len(self.territories.provinces))
        if attribute == "sector":
            return sum(self._sector_weight(section) for section in self._sections)
        return float(len(_FLAT[attribute]))

    def tally(
        self, attribute: str, units: tuple[str, ...], counts: Mapping[str, int]
    ) -> tuple[Sequence[int], Sequence[int]]:
        """Return per unit how many of what was counted by label (as ``encode`` writes it) meet it, and how many lie wholly inside."""
        possible, certain = [0] * len(units), [0] * len(units)
        for label, count in counts.items():
            met, held = self.units_met(attribute, units, label)
            for at in met:
                possible[at] += count
            for at in held:
                certain[at] += count
        return possible, certain

    def units_met(self, attribute: str, units: tuple[str, ...], label: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the places of those units that a label (as ``encode`` writes it) meets, and of those that hold it wholly."""
        memo = self._met.setdefault((attribute, units), {})
        found = memo.get(label)
        if found is None:
            if len(memo) >= MEMO_MAX_LABELS:
                memo.clear()
            # A hostile origin's labels are as long as its bodies may be.
            self._met_chars += len(label)
            if self._met_chars > MEMO_MAX_CHARS:
                self._met.clear()
                self._met_chars, memo = len(label), self._met.setdefault((attribute, units), {})
            found = memo[label] = self._units_met(attribute, units, decode(label)[1])
        return found

    def _units_met(
        self, attribute: str, units: tuple[str, ...], values: tuple[str, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        # As ``matches`` does for one unit; of thousands of values the terms are gone through once for all units.
        terms = frozenset(self.terms(attribute, values))
        met, held = [], []
        for at, unit in enumerate(units):
            asked = self.asked(attribute, unit)
            if asked is None or not terms.isdisjoint(asked.possible):
                met.append(at)
                if asked is None or asked.certain in terms:
                    held.append(at)
        return tuple(met), tuple(held)

    def titles(self, attribute: str, units: tuple[str, ...]) -> tuple[str, ...]:
        """Return ``title`` of each unit."""
        return self.remember(
            "titles", attribute, units, None, lambda: tuple(self.title(attribute, unit) for unit in units)
        )

    def title(self, attribute: str, value: str) -> str:
        """Return a single value in Italian words; the value itself when this node can't place it."""
        if value == UNKNOWN:
            return UNKNOWN_TITLE
        if attribute == "territory":
            area = self.territories.area(value)
            return value if area is None else area.name
        if attribute == "sector":
            title = self.sectors.title(value)
            # The edition of 2007 shouts its divisions.
            return title.capitalize() if title.isupper() and title != value else title
        return _FLAT_TITLES.get(attribute, {}).get(value, value)

    def describe(
        self, attribute: str, values: Sequence[str], *, limit: int | None = None, translate: Translate = str
    ) -> str:
        """Return a label in words: «Puglia», «Lecce o Brindisi», «2013-2015», «ogni settore».

        With ``limit`` at most so many names are written out and the others counted: «A o B o C + altri 17».
        """
        if limit is None and translate is str:
            # What every hit of a page shows.
            return self.remember(
                "words", attribute, tuple(values), None, lambda: self._words(attribute, values, None, str)
            )
        return self._words(attribute, values, limit, translate)

    def _words(self, attribute: str, values: Sequence[str], limit: int | None, translate: Translate) -> str:
        known = [value for value in values if value not in {ANY, COUNTRY, "any"}]
        if not known or len(known) < len(values):
            return translate(ANY_TITLES[attribute])
        if attribute == "period":
            return _years(known)
        names = [translate(self.title(attribute, value)) for value in known[:limit]]
        more = len(known) - len(names)
        message = LABEL_NAMES if not more else LABEL_ONE_MORE if more == 1 else LABEL_MORE
        return translate(message).format(names=translate(LABEL_OR).join(names), more=more)


def _only_children(code: str, children: Callable[[str], Sequence[str]]) -> tuple[str, ...]:
    below = children(code)
    return (below[0], *_only_children(below[0], children)) if len(below) == 1 else ()


def _years(values: Sequence[str]) -> str:
    years = sorted(values)
    runs = len(years) > 1 and all(y.isdigit() for y in years) and int(years[-1]) - int(years[0]) == len(years) - 1
    return f"{years[0]}-{years[-1]}" if runs else ", ".join(years)


def encode(level: str, values: Iterable[str]) -> str:
    """Write a label on one line, for storing and counting: ``REG:ITF4,ITF5``."""
    return f"{level}:{','.join(values)}"


def decode(text: str) -> tuple[str, tuple[str, ...]]:
    """Read what ``encode`` wrote; return (level, values)."""
    level, _, values = text.partition(":")
    return level, tuple(values.split(",")) if values else ()


def _wide_term(attribute: str, code: str) -> str:
    """Return the term of what may lie in a wide area."""
    return f"{_PREFIX[attribute]}?{code}"


_FLAT: Final[Mapping[str, tuple[str, ...]]] = {"period": PERIODS, "size": SIZES, "theme": THEMES, "kind": KINDS}
_FLAT_TITLES: Final[Mapping[str, Mapping[str, str]]] = {
    "size": SIZE_TITLES,
    "theme": THEME_TITLES,
    "kind": KIND_TITLES,
}
