"""A certificate as a PDF: one page of text, tagged and in a language, the same bytes for the same words.

In: lines with what each is (a heading, a paragraph), a title, a language, the moment. Out: the bytes of a PDF 1.7. Rules: no library, no
compression, nothing drawn by chance, so that the same certificate is the same file; each line is a structure element, so that a screen
reader reads them in order; letters beyond Windows-1252 get a code of their own with their Unicode name, and every code says what it stands for.
The letters are those of the reader's own Helvetica: no font travels. Source: ISO 32000-1, 9.6.6, 9.10.3, 14.7, 14.8.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEADING, PARAGRAPH = "H1", "P"
_WIDTH, _HEIGHT, _MARGIN = 595, 842, 72
# Half an em and a little: Helvetica's letters are narrower than this on average, so that no line leaves the page.
_LETTER: Final = 0.56
_LEADING: Final = 1.35
# Codes for letters that Windows-1252 has not: where it has nothing or what nobody writes.
_FREE: Final = (*range(1, 32), 127, 129, 141, 143, 144, 157)


@dataclass(frozen=True, slots=True)
class Line:
    """One piece of text: what it says, what it is, how large."""

    text: str
    tag: str = PARAGRAPH
    size: int = 12
    is_bold: bool = False


class _Letters:
    """Which code each letter has in this document."""

    def __init__(self) -> None:
        """Begin with no letter."""
        self.codes: dict[str, int] = {}
        self.named: dict[int, str] = {}

    def encode(self, text: str) -> bytes:
        """Return a text in the document's codes; a letter for which none is left becomes a question mark."""
        return bytes(self._code(letter) for letter in text)

    def _code(self, letter: str) -> int:
        if letter not in self.codes:
            try:
                (self.codes[letter],) = letter.encode("cp1252")
            except UnicodeEncodeError:
                left = [code for code in _FREE if code not in self.named]
                if not left or len(letter.encode("utf-16-be")) != 2:
                    return self.codes.setdefault("?", ord("?"))
                self.codes[letter] = left[0]
                self.named[left[0]] = f"uni{ord(letter):04X}"
        return self.codes[letter]

    def differences(self) -> str:
        """Return the encoding's own names."""
        return " ".join(f"{code} /{name}" for code, name in sorted(self.named.items()))

    def to_unicode(self) -> bytes:
        """Return the map by which a reader copies, searches and reads aloud."""
        pairs = sorted((code, letter.encode("utf-16-be").hex().upper()) for letter, code in self.codes.items())
        blocks = [pairs[at : at + 100] for at in range(0, len(pairs), 100)]
        said = "".join(
            f"{len(block)} beginbfchar\n"
            + "".join(f"<{code:02X}> <{value}>\n" for code, value in block)
            + "endbfchar\n"
            for block in blocks
        )
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /Letters def\n/CMapType 2 def\n"
            f"1 begincodespacerange\n<00> <FF>\nendcodespacerange\n{said}endcmap\nend\nend\n"
        ).encode("ascii")


def draw(title: str, lines: Sequence[Line], language: str, made: dt.datetime) -> bytes:
    """Return the PDF of one page; what does not fit on it is left out at its end."""
    letters, height = _Letters(), _HEIGHT - _MARGIN
    drawn: list[str] = []
    tags: list[str] = []
    for line in lines:
        columns = max(1, int((_WIDTH - 2 * _MARGIN) / (line.size * _LETTER)))
        rows = _wrapped(line.text, columns)
        step = round(line.size * _LEADING)
        if height - step * len(rows) < _MARGIN:
            break
        said = []
        for row in rows:
            height -= step
            said.append(f"1 0 0 1 {_MARGIN} {height} Tm <{letters.encode(row).hex().upper()}> Tj")
        height -= step // 2
        font = "F2" if line.is_bold else "F1"
        drawn.append(f"/{line.tag} <</MCID {len(tags)}>> BDC BT /{font} {line.size} Tf {' '.join(said)} ET EMC\n")
        tags.append(line.tag)
    return _file(title, language, made, "".join(drawn).encode("ascii"), tags, letters)


def _wrapped(text: str, columns: int) -> list[str]:
    """Return a text in rows of so many letters; a word that is longer is cut."""
    rows = [""]
    for word in text.split():
        for piece in (word[at : at + columns] for at in range(0, len(word), columns)):
            longer = f"{rows[-1]} {piece}" if rows[-1] else piece
            if len(longer) <= columns:
                rows[-1] = longer
            else:
                rows.append(piece)
    return rows


def _text(value: str) -> str:
    return "<FEFF" + value.encode("utf-16-be").hex().upper() + ">"


def _stream(data: bytes) -> bytes:
    return b"<</Length %d>>\nstream\n" % len(data) + data + b"\nendstream"


def _file(
    title: str, language: str, made: dt.datetime, content: bytes, tags: Sequence[str], letters: _Letters
) -> bytes:
    first = 12
    kids = " ".join(f"{first + at} 0 R" for at in range(len(tags)))
    encoding = f"<</Type /Encoding /BaseEncoding /WinAnsiEncoding /Differences [{letters.differences()}]>>"
    day = made.astimezone(dt.UTC).strftime("D:%Y%m%d%H%M%SZ")
    marked = "/MarkInfo <</Marked true>> /StructTreeRoot 9 0 R /ViewerPreferences <</DisplayDocTitle true>>"
    fonts = "/Resources <</Font <</F1 5 0 R /F2 6 0 R>>>>"
    objects: list[str | bytes] = [
        f"<</Type /Catalog /Pages 2 0 R /Lang ({language}) {marked}>>",
        "<</Type /Pages /Kids [3 0 R] /Count 1>>",
        f"<</Type /Page /Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}] /Contents 4 0 R /StructParents 0 /Tabs /S {fonts}>>",
        _stream(content),
        *(
            f"<</Type /Font /Subtype /Type1 /BaseFont /{font} /Encoding 7 0 R /ToUnicode 8 0 R>>"
            for font in ("Helvetica", "Helvetica-Bold")
        ),
        encoding,
        _stream(letters.to_unicode()),
        "<</Type /StructTreeRoot /K 10 0 R /ParentTree <</Nums [0 [" + kids + "]]>> /ParentTreeNextKey 1>>",
        f"<</Type /StructElem /S /Document /P 9 0 R /K [{kids}]>>",
        f"<</Title {_text(title)} /CreationDate ({day}) /ModDate ({day})>>",
        *(f"<</Type /StructElem /S /{tag} /P 10 0 R /Pg 3 0 R /K {at}>>" for at, tag in enumerate(tags)),
    ]
    out, places = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), []
    for number, item in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + (item if isinstance(item, bytes) else item.encode("ascii")) + b"\nendobj\n"
    name = hashlib.sha256(bytes(out)).hexdigest()[:32]
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    tail = (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<</Size {len(objects) + 1} /Root 1 0 R /Info 11 0 R"
        f" /ID [<{name}> <{name}>]>>\nstartxref\n{len(out)}\n%%EOF\n"
    )
    return bytes(out) + tail.encode("ascii")
