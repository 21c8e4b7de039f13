"""The map of a search's results: counts by region that lead to the search within the region."""

from __future__ import annotations

from urllib.parse import parse_qsl

from pictures_made import SVG, read

from node.flows.searching.engines import Bucket
from node.store.reference import load_territories
from node.web.pictures.facets import region_map_of_facets

REGIONS = load_territories().regions
FACETS = (Bucket("ITF4", "Puglia", 12, 9), Bucket("ITC1", "Piemonte", 1, 0))


def test_a_region_with_hits_leads_to_the_search_within_it() -> None:
    """What else was asked is kept; the old territory and the place in the list are not."""
    asked = [("q", "olio & vino"), ("territory", "ITC1"), ("theme", "innovazione"), ("cursor", "abc")]
    root = read(region_map_of_facets(FACETS, REGIONS, asked=asked).svg())
    links = {link.get("aria-label"): link.get("href") or "" for link in root.iter(f"{SVG}a")}
    assert set(links) == {"Puglia: 12", "Piemonte: 1"}
    assert parse_qsl(links["Puglia: 12"].removeprefix("?")) == [
        ("q", "olio & vino"),
        ("theme", "innovazione"),
        ("territory", "ITF4"),
    ]
    plain = region_map_of_facets(FACETS, REGIONS)
    assert [row.href for row in plain.table_behind().rows if row.href] == ["?territory=ITC1", "?territory=ITF4"]
    elsewhere = region_map_of_facets(FACETS, REGIONS, path="/cerca")
    assert {row.href for row in elsewhere.table_behind().rows} == {"", "/cerca?territory=ITC1", "/cerca?territory=ITF4"}


def test_every_region_is_in_picture_and_table_and_zero_leads_nowhere() -> None:
    """Counts are the facet's."""
    table = region_map_of_facets(FACETS, REGIONS, language="en").table_behind()
    assert (table.caption, table.columns) == ("Profiles by region", ("Region", "Profiles"))
    assert {row.head: row.cells[0] for row in table.rows} == {r.name: "0" for r in REGIONS} | {
        "Puglia": "12",
        "Piemonte": "1",
    }
    assert all(bool(row.href) == (row.cells != ("0",)) for row in table.rows)


def test_no_hits_are_a_map_without_links() -> None:
    """Then it is an image."""
    assert read(region_map_of_facets((), REGIONS).svg()).get("role") == "img"
