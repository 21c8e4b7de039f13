"""The PDF of a certificate, read back by its own tables: words, order, tags, language; the same bytes each time."""

from __future__ import annotations

import datetime as dt
import re

from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme import certificate_page
from node.domain.programme.certificate_page import HEADING, Line

MADE = dt.datetime(2026, 12, 20, 9, 0, tzinfo=dt.UTC)


def read_back(raw: bytes) -> list[tuple[str, str]]:
    """(tag, text) of each line of a page, by the file's own cross-reference table and letter map."""
    begin = int(re.search(rb"startxref\n(\d+)\n%%EOF\n\Z", raw)[1])  # type: ignore[index]
    count = int(re.match(rb"xref\n0 (\d+)\n", raw[begin:])[1])  # type: ignore[index]
    table = re.findall(rb"(\d{10}) 00000 n ", raw[begin:])
    assert len(table) == count - 1
    objects = {}
    for number, place in enumerate(table, 1):
        found = re.match(rb"(\d+) 0 obj\n(.*?)\nendobj\n", raw[int(place) :], re.DOTALL)
        assert found
        assert int(found[1]) == number
        objects[number] = found[2]
    letters = {
        int(code, 16): bytes.fromhex(value.decode()).decode("utf-16-be")
        for code, value in re.findall(rb"<(\w\w)> <(\w{4})>", objects[8])
    }
    lines = []
    for tag, mcid, body in re.findall(rb"/(\w+) <</MCID (\d+)>> BDC (.*?) EMC", objects[4], re.DOTALL):
        element = objects[12 + int(mcid)]
        assert b"/S /" + tag in element
        rows = [bytes.fromhex(row.decode()) for row in re.findall(rb"<(\w*)> Tj", body)]
        lines.append((tag.decode(), " ".join("".join(letters[code] for code in row) for row in rows)))
    return lines


def test_a_page_is_read_back() -> None:
    """Accents, letters beyond Windows-1252, brackets: all come back, each under its tag, in the document's language."""
    lines = [
        Line("Attestato di partecipazione", HEADING, 24, is_bold=True),
        Line("Ștefan Łukasz D’Àvila (prova) \\ fine"),
    ]
    raw = certificate_page.draw("Attestato", lines, "it-IT", MADE)
    assert read_back(raw) == [("H1", lines[0].text), ("P", lines[1].text)]
    assert b"/Lang (it-IT)" in raw
    assert b"/Marked true" in raw
    assert raw == certificate_page.draw("Attestato", lines, "it-IT", MADE)


@given(
    st.lists(
        st.text(
            st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=300
        ),
        max_size=8,
    )
)
def test_any_words_make_a_good_file(texts: list[str]) -> None:
    """Whatever a name holds, no word of it is syntax of the file."""
    found = read_back(certificate_page.draw("x", [Line(text) for text in texts], "it-IT", MADE))
    assert len(found) <= len(texts)
    assert certificate_page.draw("x", [Line("fine")], "it-IT", MADE).endswith(b"%%EOF\n")
