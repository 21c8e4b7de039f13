"""The Observatory's tables as files: each form says the same numbers, with the types that they have."""

from __future__ import annotations

import csv
import io
import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.observatory import codes, csvw, dcat, flat, jsonstat, release_feed
from node.domain.observatory.figures import Cell, Status, Table, table
from node.domain.observatory.wording import LICENCE
from tests import observatory_data_made as made

TABLES = made.figures().tables


def named(ident: str) -> Table:
    """One invented table."""
    found = made.figures().named(ident)
    assert found is not None
    return found


def read(raw: bytes) -> list[dict[str, str]]:
    """The rows of a CSV as a program reads them."""
    return list(csv.DictReader(io.StringIO(raw.decode(), newline="")))


@pytest.mark.parametrize("found", TABLES, ids=lambda found: found.ident)
def test_csv_has_a_row_for_each_cell_with_codes_names_and_the_number_as_it_is(found: Table) -> None:
    """Codes are those of the table, nothing stands where no number is told, and the status says why."""
    rows = read(csvw.csv(found, made.wording()))
    assert [tuple(row[name] for name in found.dimensions) for row in rows] == [cell.at for cell in found.cells]
    assert [Decimal(row["value"]) if row["value"] else None for row in rows] == [cell.value for cell in found.cells]
    assert [row["value_status"] for row in rows] == [cell.status for cell in found.cells]
    assert {row["unit"] for row in rows} == {made.INDICATORS[found.indicator].unit}


def test_csv_is_texts_in_quotes_and_numbers_without() -> None:
    """Byte for byte: CRLF, no mark, a point for decimals, and neither «01» nor «NA» could be taken for a number by who asks."""
    assert csvw.csv(named("density-by-region"), made.wording()) == (
        b'"year","year_name","region","region_name","value","value_status","unit"\r\n'
        b'"2026","2026","ITC1","Piemonte",0.05,"estimated","per 10.000"\r\n'
        b'"2026","2026","ITF4","Puglia",12.30,"given","per 10.000"\r\n'
    )
    assert b'"01","Coltivazioni' in csvw.csv(named("networks-by-division"), made.wording())
    assert b'"NA","Napoli",41,' in csvw.csv(named("networks-by-province"), made.wording())


def test_no_name_wakes_a_formula_and_no_code_is_changed() -> None:
    """A body's name is another's text: it passes the function that puts formulas to sleep; codes are to be joined by."""
    raw = csvw.csv(named("profiles-by-body"), made.wording(), lambda text: text.replace("=", "'="))
    assert [(row["body"], row["body_name"]) for row in read(raw)] == [("p_LE", "'=Lecce"), ("p_TO", "p_TO")]
    quoted = csvw.csv(named("profiles-by-body"), made.wording(), lambda _: 'a "b", c\r\nd')
    assert read(quoted)[0]["body_name"] == 'a "b", c\r\nd'


@pytest.mark.parametrize("found", TABLES, ids=lambda found: found.ident)
def test_the_csv_is_described_by_its_own_columns(found: Table) -> None:
    """CSV on the Web: names in the header's order, texts as texts, one number with its type, the key, the licence."""
    told = json.loads(csvw.metadata(found, made.wording(), made.PUBLISHER, "2026-11-23"))
    assert told["@context"][0] == "http://www.w3.org/ns/csvw"
    assert told["url"] == f"{found.ident}.csv"
    assert told["dc:license"] == {"@id": LICENCE}
    schema = told["tableSchema"]
    header = csvw.csv(found, made.wording()).decode().partition("\r\n")[0].replace('"', "").split(",")
    assert [column["titles"] for column in schema["columns"]] == header == [c["name"] for c in schema["columns"]]
    kinds = {column["name"]: column["datatype"]["base"] for column in schema["columns"]}
    assert kinds.pop("value") == ("decimal" if found.ident == "density-by-region" else "integer")
    assert set(kinds.values()) == {"string"}
    assert schema.get("primaryKey", []) == list(found.dimensions)
    # «NA» must not become nothing: only where the value is missing does anything stand for that.
    assert [column["name"] for column in schema["columns"] if "null" in column] == ["value"]


def assert_is_json_stat(told: Any) -> None:
    """The rules of JSON-stat 2.0 for a response of class dataset."""
    assert (told["version"], told["class"]) == ("2.0", "dataset")
    assert isinstance(told["label"], str)
    assert len(told["id"]) == len(told["size"]) == len(set(told["id"]))
    assert set(told["dimension"]) == set(told["id"])
    for ident, size in zip(told["id"], told["size"], strict=True):
        category = told["dimension"][ident]["category"]
        assert sorted(category["index"].values()) == list(range(size))
        assert set(category["label"]) == set(category["index"])
        assert set(category.get("unit", {})) <= set(category["index"])
    roles = [ident for role in told["role"].values() for ident in role]
    assert set(told["role"]) <= {"time", "geo", "metric"}
    assert len(roles) == len(set(roles))
    assert set(roles) <= set(told["id"])
    count = math.prod(told["size"])
    values = told["value"]
    if isinstance(values, list):
        assert len(values) == count
    else:
        assert all(key == str(int(key)) and 0 <= int(key) < count for key in values)
    numbers = values if isinstance(values, list) else values.values()
    assert all(value is None or isinstance(value, (int, float)) for value in numbers)
    assert all(0 <= int(key) < count and isinstance(status, str) for key, status in told.get("status", {}).items())


def cells_of(told: Any) -> dict[tuple[str, ...], tuple[float | None, str]]:
    """The cells of a cube by their codes, as a reader of JSON-stat finds them: row-major, default status given."""
    codes = [sorted(told["dimension"][i]["category"]["index"].items(), key=lambda item: item[1]) for i in told["id"]]
    values = dict(enumerate(told["value"])) if isinstance(told["value"], list) else {int(k): v for k, v in told["value"].items()}  # fmt: skip
    found = {}
    for position, value in values.items():
        rest, at = position, []
        for listed in reversed(codes):
            rest, place = divmod(rest, len(listed))
            at.append(listed[place][0])
        found[tuple(reversed(at))] = (value, told.get("status", {}).get(str(position), "given"))
    return found


@pytest.mark.parametrize("found", TABLES, ids=lambda found: found.ident)
def test_json_stat_is_by_its_rules_and_has_the_same_cells(found: Table) -> None:
    """A reader that knows only the published rules finds each number where its codes say."""
    told = json.loads(jsonstat.dataset(found, made.wording(), made.PUBLISHER, "2026-11-23T05:30:00Z", made.RELEASE))
    assert_is_json_stat(told)
    expected = {(*cell.at, found.indicator): (jsonstat.plain(cell.value), cell.status.value) for cell in found.cells}
    assert cells_of(told) == expected
    assert told["dimension"]["indicator"]["category"]["unit"][found.indicator]["decimals"] in (0, 2)
    assert told["link"]["license"][0]["href"] == LICENCE
    assert told["extension"]["release"] == made.RELEASE


_CODES = st.sampled_from(["*", "?", "01", "10", "A", "NA", "LE"])
_NUMBERS = st.one_of(st.integers(0, 10**9), st.decimals(0, 10**6, places=2))
_CELLS = st.one_of(
    st.tuples(_NUMBERS, st.sampled_from([Status.GIVEN, Status.ESTIMATED])),
    st.tuples(st.none(), st.sampled_from([Status.WITHHELD, Status.UNKNOWN])),
)


@given(st.dictionaries(st.tuples(_CODES, _CODES), _CELLS, min_size=1, max_size=12))
def test_any_table_comes_back_from_csv_and_from_json_stat(cells: dict[tuple[str, str], Any]) -> None:
    """With holes or without, whatever the codes."""
    listed = [Cell(at, value, status) for at, (value, status) in cells.items()]
    found = table("made-up", "networks", ("year", "province"), listed, made.AS_OF)
    rows = read(csvw.csv(found, made.wording()))
    assert [(row["year"], row["province"]) for row in rows] == [cell.at for cell in found.cells]
    assert [Decimal(row["value"]) if row["value"] else None for row in rows] == [cell.value for cell in found.cells]
    told = json.loads(jsonstat.dataset(found, made.wording(), made.PUBLISHER, "", None))
    assert_is_json_stat(told)
    assert {at[:2]: status for at, (_, status) in cells_of(told).items()} == {c.at: c.status for c in found.cells}


def test_the_dictionary_names_every_column_and_every_code_in_both_languages() -> None:
    """What is in the data is in the dictionary; statuses too."""
    found = named("networks-by-province")
    rows = flat.dictionary(found, made.wording())
    assert [row[0] for row in rows if not row[1]] == [column.name for column in flat.columns(found, made.wording())]
    assert ("province", "NA", "Napoli", "en Napoli") in rows
    assert ("province", "*", "Totale", "en Totale") in rows
    assert (
        "value_status",
        "withheld",
        "non pubblicato, per riservatezza",
        "en non pubblicato, per riservatezza",
    ) in rows
    assert {row[1] for row in rows if row[0] == "province"} >= {cell.at[1] for cell in found.cells}


def test_what_nobody_knows_any_more_is_called_by_itself() -> None:
    """An old release with an indicator, a dimension and codes of another version is still a table."""
    cells = [Cell(("X1", "99999"), 3)]
    found = table("old", "forgotten", ("shape", "division"), cells, made.AS_OF, source="Archivio")
    wording = made.wording()
    assert read(csvw.csv(found, wording))[0] | {"unit": ""} == {
        "shape": "X1", "shape_name": "X1", "division": "99999", "division_name": "99999", "value": "3", "value_status": "given", "unit": "",
    }  # fmt: skip
    assert wording.titles(found)["it"] == "forgotten, per shape e divisione"
    assert wording.descriptions(found)["it"] == "forgotten, per shape e divisione"
    assert wording.source(found) == "Archivio"
    assert_is_json_stat(json.loads(jsonstat.dataset(found, wording, made.PUBLISHER, "", None)))


def test_the_feed_tells_each_release_once_with_its_archive() -> None:
    """Newest first, licence and digest inside; without a release it is still a feed."""
    entries = [release_feed.Entry(f"2026-1{n}-02", made.AS_OF, made.MADE_AT, str(n) * 64) for n in (1, 0)]
    raw = release_feed.atom(entries, made.PUBLISHER).decode()
    assert raw.count("<entry>") == 2
    assert raw.index("2026-11-02/tutto.zip") < raw.index("2026-10-02/tutto.zip")
    assert f'rel="license" href="{LICENCE}"' in raw
    assert "1" * 64 in raw
    assert "<updated>2026-11-23T05:30:00Z</updated>" in raw
    assert b"<updated>1970-01-01T00:00:00Z</updated>" in release_feed.atom([], made.PUBLISHER)
    many = [release_feed.Entry(f"{year}-01-01", made.AS_OF, made.MADE_AT, "") for year in range(2999, 2900, -1)]
    assert release_feed.atom(many, made.PUBLISHER).count(b"<entry>") == release_feed.ENTRIES_MAX


def test_every_file_kind_of_the_catalogue_is_a_form_of_a_table() -> None:
    """The three that are told are the three that are there."""
    assert [kind.ending for kind in dcat.KINDS] == ["csv", "json", "xlsx"]


def test_no_dimension_is_called_as_a_column_of_its_own() -> None:
    """One is called «status»; another must never be called as the number, why there is none, its unit or the metric."""
    own = {flat.VALUE, flat.STATUS, flat.UNIT, jsonstat.METRIC}
    taken = [name for ident in codes.DIMENSIONS for name in (ident, ident + flat.NAME_SUFFIX)]
    assert not own & set(taken)
    assert len(taken) == len(set(taken))


def test_a_table_from_place_to_place_has_a_title_that_can_be_read() -> None:
    """Origin and destination are said together; what else parts the numbers follows."""
    by = [("origin", "destination"), ("origin", "destination", "theme"), ("theme",), ()]
    found = [table("x", "networks", names, [], made.AS_OF) for names in by]
    assert [made.wording().titles(one)["it"] for one in found] == [
        "Reti, da un territorio all'altro", "Reti, da un territorio all'altro, per tema", "Reti, per tema", "Reti",
    ]  # fmt: skip
