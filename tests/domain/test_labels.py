"""Labels as index terms: what is certain, what is possible, and that nothing inside is ever missed."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain import labels
from node.domain.labels import LabelReference
from node.store.reference import load_sectors, load_territories
from tests.size import size

REFERENCE = LabelReference(load_territories(), load_sectors())
REGIONS = [area.code for area in REFERENCE.territories.regions]
PROVINCES = [area.code for area in REFERENCE.territories.provinces]
MACROS = [area.code for area in REFERENCE.territories.macros]
TOWNS = [town.istat for town in REFERENCE.territories.municipalities][::97]
SECTIONS = list(REFERENCE.sectors.children("*"))
DIVISIONS = [division for section in SECTIONS for division in REFERENCE.sectors.children(section)]


@functools.cache
def places(code: str) -> frozenset[str]:
    """The municipalities of an area, counted without the code under test."""
    codes = set(REFERENCE.territories.current(code)) | {code}
    return frozenset(
        town.istat
        for town in REFERENCE.territories.municipalities
        if codes & {town.istat, town.province, town.region, town.macro, "IT"}
    )


@functools.cache
def activities(code: str) -> frozenset[str]:
    """The finest codes below a sector, walked from above."""
    below = REFERENCE.sectors.children(code)
    return frozenset().union(*(activities(child) for child in below)) if below else frozenset({code})


one_level = st.sampled_from([MACROS, REGIONS, PROVINCES, TOWNS]).flatmap(
    lambda codes: st.lists(st.sampled_from(codes), min_size=1, max_size=4, unique=True)
)
asked_area = st.sampled_from(MACROS + REGIONS + PROVINCES + TOWNS)
sector_label = st.sampled_from([SECTIONS, DIVISIONS]).flatmap(
    lambda codes: st.lists(st.sampled_from(codes), min_size=1, max_size=4, unique=True)
)


@settings(max_examples=size(40, 150), deadline=None)
@given(one_level, asked_area)
def test_territory_terms_say_what_the_map_says(values: list[str], asked: str) -> None:
    """A label is certain when all its municipalities are asked for, possible when some are; nothing is missed."""
    held = frozenset().union(*map(places, values))
    possible, certain = REFERENCE.matches("territory", tuple(values), asked)
    assert certain == (held <= places(asked))
    assert possible == bool(held & places(asked))
    share = REFERENCE.share("territory", tuple(values), asked)
    assert (share > 0) == possible
    assert not certain or share == pytest.approx(1)


@settings(max_examples=size(30, 100), deadline=None)
@given(sector_label, st.data())
def test_sector_terms_say_what_the_classification_says(values: list[str], data: st.DataObject) -> None:
    """The same for any ATECO level, down to six digits."""
    asked = data.draw(st.sampled_from(SECTIONS + DIVISIONS + sorted(activities(data.draw(st.sampled_from(values))))))
    held = frozenset().union(*map(activities, values))
    possible, certain = REFERENCE.matches("sector", tuple(values), asked)
    assert certain == (held <= activities(asked))
    assert possible == bool(held & activities(asked))
    share = REFERENCE.share("sector", tuple(values), asked)
    assert (share > 0) == possible
    assert not certain or share == pytest.approx(1)


@given(one_level, asked_area)
def test_certain_implies_possible(values: list[str], asked: str) -> None:
    """What is certain is also found as possible: one operator finds both."""
    possible, certain = REFERENCE.matches("territory", tuple(values), asked)
    assert possible or not certain


@pytest.mark.parametrize("attribute", labels.ATTRIBUTES)
@pytest.mark.parametrize("values", [(), ("*",), ("any",), ("IT",), ("?",), ("no such code",), ("x" * 5000,)])
def test_a_label_that_says_nothing_is_always_possible(attribute: str, values: tuple[str, ...]) -> None:
    """Any, the whole country and codes this node can't place are never missed and never certain."""
    asked = {"territory": "LE", "sector": "10", "period": "2013", "size": "4-9", "theme": "other", "kind": "entity"}
    assert REFERENCE.matches(attribute, values, asked[attribute]) == (True, False)
    assert 0 < REFERENCE.share(attribute, values, asked[attribute]) < 1


def test_one_unknown_value_makes_the_label_wide() -> None:
    """A known value beside an unknown one must not make the label look certain."""
    assert REFERENCE.matches("territory", ("LE", "ZZ"), "LE") == (True, False)
    assert REFERENCE.matches("territory", ("LE", "BR"), "TO") == (False, False)


def test_the_whole_asks_nothing() -> None:
    """Italy as asked area filters nothing, and everything lies certainly inside."""
    assert REFERENCE.asked("territory", "IT") is None
    assert REFERENCE.matches("territory", ("LE",), "IT") == (True, True)
    assert REFERENCE.share("territory", ("LE",), "IT") == 1.0


@pytest.mark.parametrize(
    ("attribute", "values", "asked", "expected"),
    [
        ("size", ("4-9",), "4-9", (True, True)),
        ("size", ("2-3", "4-9"), "4-9", (True, False)),
        ("size", ("2-3",), "4-9", (False, False)),
        ("theme", ("innovation",), "innovation", (True, True)),
        ("kind", ("contract",), "entity", (False, False)),
        ("kind", ("any",), "entity", (True, False)),
        ("period", ("2013", "2014", "2015"), "2014", (True, False)),
        ("period", ("2014",), "2014", (True, True)),
    ],
)
def test_flat_classes(attribute: str, values: tuple[str, ...], asked: str, expected: tuple[bool, bool]) -> None:
    """Classes without levels follow the same two words."""
    assert REFERENCE.matches(attribute, values, asked) == expected


def test_shares_count_equal_units() -> None:
    """Half of two classes, one year in three, a province among its region's."""
    assert REFERENCE.share("size", ("2-3", "4-9"), "4-9") == pytest.approx(1 / 2)
    assert REFERENCE.share("period", ("2013", "2014", "2015"), "2014") == pytest.approx(1 / 3)
    provinces = len(REFERENCE.territories.children("ITF4"))
    assert REFERENCE.share("territory", ("ITF4",), "LE") == pytest.approx(1 / provinces)
    assert REFERENCE.share("size", ("*",), "4-9") == pytest.approx(1 / 3)
    assert REFERENCE.share("size", ("2-3",), "4-9") == 0


def test_a_tally_counts_labels_by_the_units_they_meet() -> None:
    """A macro-area falls into each of its regions, surely into none; two provinces of one region surely into that one."""
    units = tuple(REGIONS)
    possible, certain = REFERENCE.tally("territory", units, {"RIP:ITF": 3, "PRO:LE,BR": 2})
    below = set(REFERENCE.territories.children("ITF"))
    assert dict(zip(units, possible, strict=True)) == {u: 3 * (u in below) + 2 * (u == "ITF4") for u in units}
    assert dict(zip(units, certain, strict=True)) == {unit: 2 * (unit == "ITF4") for unit in units}
    for values in (("LE", "BR"), ("LE", "TO"), ("FO",), ("ITF", "AO"), ("075035", "?"), ("*",), ()):
        told = REFERENCE.units_met("territory", REFERENCE.wide["territory"], labels.encode("PRO", values))
        every = [REFERENCE.matches("territory", values, unit) for unit in REFERENCE.wide["territory"]]
        assert told == tuple(
            tuple(at for at, (some, sure) in enumerate(every) if (sure if i else some)) for i in (0, 1)
        )


def test_memory_of_answers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels without end, as a hostile origin could write them, don't fill the memory."""
    monkeypatch.setattr(labels, "MEMO_MAX_VALUES", 20)
    reference = LabelReference(REFERENCE.territories, REFERENCE.sectors)
    for number in range(50):
        reference.terms("territory", (f"Z{number}",))
    assert len(reference._memo) <= 10


def test_memory_of_units_is_bounded_by_the_length_of_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """An origin that invents labels of thousands of values is answered rightly and forgotten."""
    monkeypatch.setattr(labels, "MEMO_MAX_CHARS", 2_000)
    reference = LabelReference(load_territories(), load_sectors())
    for number in range(200):
        values = ("LE", f"X{number:03}A", *("BR",) * number)
        met = reference.units_met("territory", reference.regions, labels.encode("PRO", values))
        assert met == (tuple(range(len(reference.regions))), ())
        kept = sum(len(label) for memo in reference._met.values() for label in memo)
        assert kept <= 2_000


def test_labels_in_words() -> None:
    """Labels read as an officer would say them."""
    assert REFERENCE.describe("territory", ("ITF4",)) == "Puglia"
    assert " o " in REFERENCE.describe("territory", ("LE", "BR"))
    assert REFERENCE.describe("territory", ()) == "tutta Italia"
    assert REFERENCE.describe("kind", ("any",)) == "ogni tipo di rete"
    assert REFERENCE.describe("kind", ("entity",)) == "rete-soggetto"
    assert REFERENCE.describe("period", ("2015", "2013", "2014")) == "2013-2015"
    assert REFERENCE.describe("period", ("2013", "2015")) == "2013, 2015"
    assert REFERENCE.describe("size", ("4-9",)) == "4-9 imprese"
    assert REFERENCE.describe("sector", ("10",)) == "Industrie alimentari"
    assert REFERENCE.title("territory", "ZZ") == "ZZ"
    assert REFERENCE.describe("sector", ("10", "?")).endswith(" o non noto")
    assert REFERENCE.title("sector", "ZZZ") == "ZZZ"


def test_a_label_on_one_line_reads_back() -> None:
    """What is stored for counting is what was published."""
    assert labels.decode(labels.encode("PRO", ("BR", "LE"))) == ("PRO", ("BR", "LE"))
    assert labels.decode(labels.encode("*", ())) == ("*", ())


@pytest.mark.parametrize(
    "old", [o for o in ("CI", "VS", "OG", "OT", "SU") if len(REFERENCE.territories.current(o)) > 1]
)
def test_a_split_province_and_its_successors_find_each_other(old: str) -> None:
    """Asking for an old code finds labels of its successors surely, and a label with the old code likewise."""
    today = REFERENCE.territories.current(old)
    assert REFERENCE.matches("territory", today, old) == (True, True)
    assert REFERENCE.matches("territory", (old,), old) == (True, True)
    assert REFERENCE.matches("territory", (old,), today[0]) == (True, False)
    assert REFERENCE.matches("territory", ("ITG2",), old) == (True, False)
    assert REFERENCE.matches("territory", ("LE",), old) == (False, False)
    assert 0 < REFERENCE.share("territory", ("ITG2",), old) < 1


def test_a_long_label_names_a_few_and_counts_the_others() -> None:
    """With a limit: so many names and how many more, in either language; without, all of them."""
    codes = ("LE", "BR", "TA", "BA", "FG")
    english = {" o ": " or ", "{names} + altri {more}": "{names} + {more} more"}
    assert REFERENCE.describe("territory", codes, limit=3) == "Lecce o Brindisi o Taranto + altri 2"
    assert REFERENCE.describe("territory", codes[:4], limit=3) == "Lecce o Brindisi o Taranto + un altro"
    assert REFERENCE.describe("territory", codes[:3], limit=3) == "Lecce o Brindisi o Taranto"
    assert (
        REFERENCE.describe("territory", codes, limit=2, translate=lambda text: english.get(text, text))
        == "Lecce or Brindisi + 3 more"
    )
    assert REFERENCE.describe("territory", codes) == "Lecce o Brindisi o Taranto o Bari o Foggia"
    assert REFERENCE.describe("territory", ("IT",), limit=1) == "tutta Italia"
