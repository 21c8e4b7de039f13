"""What every kind of picture promises: one value, a picture and a table that say the same, markup fit for a strict page."""

from __future__ import annotations

import re
import time
from xml.etree import ElementTree as ET

import pytest
from pictures_made import SVG, Picture, one_of_each, province_map, read, region_map, texts

from node.web.pictures.bars import Bar, Bars
from node.web.pictures.flows import Flows
from node.web.pictures.lines import Lines, Series
from node.web.pictures.measure import Absent, Measure
from node.web.pictures.svg import Frame, advance, shown

KINDS = range(len(one_of_each()))


@pytest.fixture(params=[(kind, language) for kind in KINDS for language in ("it", "en")], ids=str)
def picture(request: pytest.FixtureRequest) -> Picture:
    """A picture of each kind in each language."""
    kind, language = request.param
    return one_of_each(language)[kind]


def test_a_picture_is_one_image_with_a_name_and_a_description(picture: Picture) -> None:
    """Role, title and description are tied together by identifiers that begin with the picture's own."""
    root, ident = read(picture.svg()), picture.frame.ident
    assert (root.tag, root.get("role"), root.get("id")) == (f"{SVG}svg", "img", ident)
    named = [root.find(f"*[@id='{one}']") for one in (root.get("aria-labelledby") or "").split()]
    assert [one.tag if one is not None else None for one in named] == [f"{SVG}title", f"{SVG}desc"]
    assert all(one is not None and one.text for one in named)
    idents = [found.get("id", ident) for found in root.iter() if found.get("id")]
    assert len(set(idents)) == len(idents)
    assert all(one == ident or one.startswith(f"{ident}-") for one in idents)


def test_every_value_of_the_table_is_in_the_picture_in_the_same_words(picture: Picture) -> None:
    """Of each cell the picture tells the row, the column where there are several, and the value."""
    table, told = picture.table_behind(), texts(picture.svg())
    assert table.rows
    for row in table.rows:
        for cell in row.cells:
            assert any(shown(row.head).strip() in text for text in told), row.head
            assert any(text == cell or text.endswith(f": {cell}") for text in told), (row.head, cell)


def test_no_number_of_the_picture_is_missing_in_the_table(picture: Picture) -> None:
    """What a title tells after its colon is a cell of the table, as often as it is told."""
    table = picture.table_behind()
    cells = sorted(cell for row in table.rows for cell in row.cells)
    points = [t.text or "" for t in read(picture.svg()).iter(f"{SVG}title") if t.get("id") is None]
    assert sorted(text.rpartition(": ")[2] for text in points) == cells


def test_a_picture_asks_nothing_of_a_strict_page(picture: Picture) -> None:
    """No style, no script, no handler, no other document; every reference is to a definition of its own."""
    root = read(picture.svg())
    idents = {found.get("id") for found in root.iter()}
    for found in root.iter():
        assert found.tag.removeprefix(SVG) not in {"style", "script", "image", "use", "foreignObject", "a"}
        assert not [name for name in found.attrib if name == "style" or name.startswith("on")]
        for value in found.attrib.values():
            assert set(re.findall(r"url\(#([^)]*)\)", value)) <= idents
            assert "url(" not in value.replace("url(#", "")
    assert not re.search(r"https?:(?!//www\.w3\.org/2000/svg\")", picture.svg())


def test_a_picture_scales_and_is_no_wider_than_a_telephone_unless_it_says_so(picture: Picture) -> None:
    """It fills the width it is given; nothing of a picture stands outside its box."""
    root = read(picture.svg())
    _, _, width, height = (float(n) for n in (root.get("viewBox") or "").split())
    assert root.get("width") == "100%"
    assert root.get("height") is None
    assert width <= 470
    assert root.get("class") == "picture"
    for found in root.iter(f"{SVG}rect"):
        x, y = float(found.get("x", 0)), float(found.get("y", 0))
        assert 0 <= x <= x + float(found.get("width", 0)) <= width + 0.1
        assert 0 <= y <= y + float(found.get("height", 0)) <= height + 0.1


def test_a_table_names_its_columns_and_none_is_empty(picture: Picture) -> None:
    """The caption is the picture's title."""
    table = picture.table_behind()
    assert table.caption == picture.frame.title
    assert all(table.columns)
    assert all(cell for row in table.rows for cell in row.cells)


def test_the_same_value_gives_the_same_bytes(picture: Picture) -> None:
    """So pages can be cached and compared."""
    assert picture.svg() == picture.svg()


def test_languages_differ_in_words_and_in_numbers() -> None:
    """A thousand has a point in Italian, a comma in English; so have the words."""
    italian, english = (region_map(language) for language in ("it", "en"))
    assert {"non pubblicato", "31.428"} <= {row.cells[0] for row in italian.table_behind().rows}
    assert {"not published", "31,428"} <= {row.cells[0] for row in english.table_behind().rows}
    assert (italian.table_behind().columns, english.table_behind().columns) == (("Regione", "Reti"), ("Region", "Reti"))


def test_a_picture_with_links_is_a_group_whose_links_are_named() -> None:
    """Inside an image nothing can be reached; a group has the same name, and each link tells area and value."""
    root = read(region_map(href="?q=x&territory=").svg())
    assert root.get("role") == "group"
    links = list(root.iter(f"{SVG}a"))
    assert [link.get("href") for link in links][:1] == ["?q=x&territory=ITC1"]
    assert [link.get("aria-label") for link in links] == [
        title.text for link in links for title in link.iter(f"{SVG}title")
    ]
    assert len(links) == len(region_map().areas)


@pytest.mark.parametrize(("made", "limit_ms"), [(region_map, 15.0), (province_map, 60.0)])
def test_maps_are_quick(made: type[Picture], limit_ms: float) -> None:
    """Five milliseconds for regions, twenty for provinces; the bound is three times that, for tests are traced."""
    picture = made()
    spent = []
    for _ in range(15):
        start = time.process_time()
        picture.svg()
        spent.append((time.process_time() - start) * 1000)
    assert min(spent) < limit_ms


def test_maps_are_small() -> None:
    """A page has 250 KB in all, compressed; a map, uncompressed, is well below it."""
    assert len(region_map().svg().encode()) < 20_000
    assert len(province_map().svg().encode()) < 40_000


def test_the_reader_of_these_tests_sees_faults() -> None:
    """Markup that is not well-formed is refused by it."""
    with pytest.raises(ET.ParseError):
        read(type(region_map().svg())("<svg><title>a & b</title></svg>"))


def test_no_text_stands_outside_its_picture() -> None:
    """Also long units, great numbers and long names, by the widest that their letters may be."""
    unit = "Imprese in rete ogni diecimila imprese registrate nello stesso territorio, media dell'anno"
    far = Measure("it", unit, 1, "%")
    long = "Provincia autonoma di Bolzano/Bozen, con tutto quello che le sta intorno e anche oltre"
    series = tuple(Series(f"{n} {long}", (10**14, -(10**14))) for n in range(6))
    made: list[Picture] = [
        *one_of_each(),
        Lines(Frame("a", "x"), far, "Anno", ("gennaio 2023", "gennaio 2024"), series),
    ]
    made += [Lines(Frame("a", "x"), Measure(), "Anno", ("31 dicembre 2024",), (Series("a", (1,)),))]
    made += [Bars(Frame("a", "x"), far, "x", tuple(Bar(long, v) for v in (-(10**14), 10**14, Absent.WITHHELD)))]
    made += [Bars(Frame("a", "x"), far, "x", (Bar(long, -1), Bar("b", Absent.WITHHELD)))]
    made += [Flows(Frame("a", "x"), far, (long, "b"), ("c", long), ((10**14, 2), (3, Absent.UNKNOWN)))]
    for picture in made:
        root = read(picture.svg())
        width = float((root.get("viewBox") or "").split()[2])
        for text in (t for parent in (root, *root.findall(f"{SVG}g")) for t in parent.findall(f"{SVG}text")):
            if text.get("transform") is None and text.get("paint-order") is None:
                wide = advance((text.text or "").strip(), float(text.get("font-size", 13)))
                left = float(text.get("x", 0)) - wide * {"middle": 0.5, "end": 1.0}.get(text.get("text-anchor", ""), 0)
                assert left >= -0.5, text.text
                assert left + wide <= width + 0.5, text.text
