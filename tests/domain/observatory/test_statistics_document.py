"""``statistics/1`` as a document: what is read and what is refused, by the node and by a script that shares no code with it."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import importlib.util
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.observatory import cell_key, plan, ptable, statistics_form
from node.domain.observatory.lazy import Part
from node.domain.observatory.plan import PLAN, REGIONS
from node.domain.programme import case_file
from node.errors import CallerError
from node.protocol import canonical, limits
from node.store import schemas

TESTS = Path(__file__).resolve().parents[2]
VECTOR = json.loads((TESTS / "vectors" / "statistics.v1.json").read_text())
ITEM = "00000000-0000-4000-8000-000000000000"
DAY = dt.date(2026, 9, 30)
NETWORKS, CASES, FUNDS = (PLAN[n] for n in ("networks-by-status", "introductions-between-regions", "common-fund"))


@cache
def summing() -> Any:
    """The script that was written from PROTOCOL 12 alone."""
    spec = importlib.util.spec_from_file_location("sum_statistics", TESTS / "sum_statistics.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_valid(document: Any) -> bool:
    """Whether the schema lets it pass."""
    return bool(schemas.validators()["statistics/1"].is_valid(document))


def test_the_vectors_have_the_plan_and_the_table() -> None:
    """What another supplier builds from them is what this node does."""
    tables = {
        p.ident: {
            "kind": p.kind.value,
            "since": p.since,
            "most": p.most,
            "codes": {name: list(c) for name, c in p.codes.items()},
        }
        for p in PLAN.values()
    }
    assert VECTOR["plan"] == {"version": plan.PLAN_VERSION, "retired": sorted(plan.RETIRED), "tables": tables}
    assert VECTOR["ptable"]["denominator"] == ptable.DENOMINATOR
    assert VECTOR["ptable"]["rows"] == [[[n, w] for n, w in sorted(row.items())] for row in ptable.ROWS]


# SHA-256 of the canonical JSON of what version 1 says of its tables.
VERSION_1 = "05b707b657e6321506e69c28f388be05f7b75b5b6986f5bba14c6c11470efc22"


def test_what_version_1_said_stays() -> None:
    """Its tables are as they were, and their documents, to the byte, those of a node that knows no other version."""
    first = {n: t for n, t in VECTOR["plan"]["tables"].items() if t["since"] == 1}
    assert hashlib.sha256(canonical.dumps(first)).hexdigest() == VERSION_1
    old = {"version": 1, "retired": [], "tables": first}
    for planned in PLAN.values():
        (document,) = statistics_form.build("p_LE", planned, DAY, {})
        assert document["plan"] == planned.since
        if planned.since == 1:
            assert summing().check("p_LE", [{**document, "id": ITEM}], old) == {}
        else:
            with pytest.raises(summing().RefusedError):
                summing().check("p_LE", [{**document, "id": ITEM}], old)


def test_a_reader_of_version_1_adds_up_what_it_knows() -> None:
    """And leaves alone what it does not: the sums of its tables are the same."""
    told = VECTOR["federation"]
    old = {
        "version": 1,
        "retired": [],
        "tables": {n: t for n, t in VECTOR["plan"]["tables"].items() if t["since"] == 1},
    }
    rows = [(g["member"], g["year"], d["index"], d["document"]) for g in told["logs"] for d in g["documents"]]
    seen = summing().total(rows, old, told["day"])
    assert seen == {name: found for name, found in told["sums"].items() if name in old["tables"]}
    assert len(seen) < len(told["sums"])


def test_lines_are_those_of_case_files() -> None:
    """As the plan has them since version 2; a line that comes later wants another table."""
    assert set(case_file.LINES) == set(plan.LINES)


def test_keys_and_numbers_of_the_vectors() -> None:
    """Records' keys, their sum, and the numbers that keys draw."""
    secret = bytes.fromhex(VECTOR["secret"])
    keys = [cell_key.record_key(secret, each["uuid"]) for each in VECTOR["keys"]]
    assert [format(key, "016x") for key in keys] == [each["key"] for each in VECTOR["keys"]]
    assert format(cell_key.cell_key(keys), "016x") == VECTOR["cell"]["key"]
    for each in VECTOR["told"]:
        assert ptable.told(each["count"], int(each["key"], 16)) == each["told"]


@pytest.mark.parametrize("case", VECTOR["accepted"], ids=range(len(VECTOR["accepted"])))
def test_what_is_accepted(case: dict[str, Any]) -> None:
    """By the schema, the node and the script, with the same cells."""
    assert all(map(is_valid, case["documents"]))
    said = statistics_form.joined(case["documents"])
    assert [[list(place), value] for place, value in said.cells.items()] == case["cells"]
    assert summing().check(said.owner, case["documents"], VECTOR["plan"]) == said.cells


@pytest.mark.parametrize("case", VECTOR["refused"], ids=lambda case: case["why"])
def test_what_is_refused(case: dict[str, Any]) -> None:
    """By the node and by the script alike."""
    with pytest.raises(CallerError) as caught:
        statistics_form.joined(case["documents"])
    assert caught.value.code in ("statistics-malformed", "statistics-incomplete")
    with pytest.raises(summing().RefusedError):
        summing().check(case["documents"][0]["owner"], case["documents"], VECTOR["plan"])


def test_the_federation_of_the_vectors_adds_up() -> None:
    """By the script: newest documents, whole ones, of the members that told of this day."""
    told = VECTOR["federation"]
    rows = [
        (log["member"], log["year"], each["index"], each["document"])
        for log in told["logs"]
        for each in log["documents"]
    ]
    assert summing().total(rows, VECTOR["plan"], told["day"]) == told["sums"]


NUMBERS = st.integers(3, 10**6)
TABLES = st.dictionaries(
    st.tuples(st.sampled_from(REGIONS), st.sampled_from(NETWORKS.codes["status"])), st.one_of(st.just(0), NUMBERS)
)


@given(TABLES)
def test_what_is_built_is_read(values: dict[tuple[str, str], int]) -> None:
    """The same cells, without those of which silence tells; and the schema lets it pass."""
    documents = [{**d, "id": ITEM} for d in statistics_form.build("p_LE", NETWORKS, DAY, values)]
    assert all(map(is_valid, documents))
    assert statistics_form.joined(documents).cells == {place: n for place, n in sorted(values.items()) if n}


def test_the_greatest_table_fits_in_bodies() -> None:
    """All cells of the longest codes with the longest numbers: parts below the limit of a body, joined in any order."""
    values = {(a, b, o): CASES.most - i for a in REGIONS for i, b in enumerate(REGIONS) for o in CASES.codes["outcome"]}
    documents = [{**d, "id": ITEM} for d in statistics_form.build("x" * 32, CASES, DAY, values)]
    assert len(documents) == math.ceil(len(values) / statistics_form.PART_CELLS) <= statistics_form.PARTS_MAX
    assert all(len(canonical.dumps(d)) <= limits.BODY_MAX_BYTES for d in documents)
    assert all(map(is_valid, documents))
    assert statistics_form.joined(documents[::-1]).cells == values
    # A part that was said again counts once.
    assert statistics_form.joined([*documents, documents[1]]).cells == values


@pytest.mark.parametrize("value", [1, 2, -1, 10**6 + 1, 2**53, True])
def test_a_number_that_may_not_be_told_stops_the_whole_table(value: int) -> None:
    """Even where somebody computed it: nothing is built."""
    with pytest.raises(CallerError) as caught:
        statistics_form.build("p_LE", NETWORKS, DAY, {("ITF4", "signed"): 12, ("ITC1", "signed"): value})
    assert caught.value.code == "statistics-malformed"


def test_a_place_off_the_plan_stops_the_whole_table() -> None:
    """And so does a sum that is not in thousands, and a day that ends no quarter."""
    for planned, day, values in (
        (NETWORKS, DAY, {("ITF4", "*"): 12}),
        (FUNDS, DAY, {("ITF4", "contract"): 12_345}),
        (NETWORKS, dt.date(2026, 9, 29), {}),
    ):
        with pytest.raises(CallerError):
            statistics_form.build("p_LE", planned, day, values)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=5), st.just([]), st.just({}), st.just(2**60)
)


@given(st.sampled_from(sorted(statistics_form.KEYS)), VALUES)
def test_a_hostile_value_is_refused_with_a_code(name: str, value: Any) -> None:
    """Whatever stands under a key: read, or refused; never another error."""
    document = copy.deepcopy(VECTOR["accepted"][0]["documents"][0]) | {name: value}
    try:
        statistics_form.joined([document])
    except CallerError as error:
        assert error.code.startswith("statistics-")


@given(st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3), max_leaves=8))
def test_hostile_cells_are_refused_with_a_code(cells: Any) -> None:
    """Even where the schema was not asked."""
    document = copy.deepcopy(VECTOR["accepted"][0]["documents"][0]) | {"cells": cells}
    try:
        statistics_form.joined([document])
    except CallerError as error:
        assert error.code.startswith("statistics-")


def test_all_that_the_greatest_federation_can_tell_is_a_number_that_every_reader_has() -> None:
    """The greatest number in every cell of every table, of 1,000 members: below 10^15, where doubles are still exact."""
    for planned in PLAN.values():
        cells = math.prod(len(codes) for codes in planned.codes.values())
        assert planned.most * cells * 1000 < 10**15


def test_a_sum_beyond_reason_is_told_by_silence() -> None:
    """A fund with a slip of the pen keeps its cell untold, and no other: the greatest that is told may stand in a document."""
    measure = plan.telling_of(FUNDS, b"s" * 32).measure
    funds = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(9)]
    for euro, is_told in ((FUNDS.most // 20, True), (FUNDS.most, False)):
        told = measure({fund: Part(fund, 100 * euro) for fund in funds})
        assert bool(told) is is_told
        assert not told or FUNDS.may_tell(told)
