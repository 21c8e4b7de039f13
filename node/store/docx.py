"""A text document as bytes: headings, paragraphs and tables as DOCX, which every office program opens.

In: blocks (node/domain/programme/dossier.py). Out: bytes, the same for the same blocks on every machine: no clock, no compression.
Rules: what somebody typed is text in it and nothing else, no field, no link, no program; signs that XML knows none of are left out.
Source: ECMA-376 part 1 (WordprocessingML), part 2 (packages); APPNOTE.TXT 6.3.10.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from typing import Final
from xml.sax.saxutils import escape

from node.domain.programme.dossier import Block, Grid, Heading, Paragraph

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_W: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN_TYPE: Final = f"{MEDIA_TYPE}.main+xml"
_STYLES_TYPE: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"
# What XML 1.0 has no way to write (2.2), and half signs.
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MADE: Final = (1980, 1, 1, 0, 0, 0)
_STYLE_NAMES: Final = {0: "Title", 1: "Heading1", 2: "Heading2"}


def write(blocks: Iterable[Block]) -> bytes:
    """Return blocks as a document."""
    parts = {
        "[Content_Types].xml": _types(),
        "_rels/.rels": _relation("rId1", f"{_OFFICE}/officeDocument", "word/document.xml"),
        "word/document.xml": _document(blocks),
        "word/_rels/document.xml.rels": _relation("rId1", f"{_OFFICE}/styles", "styles.xml"),
        "word/styles.xml": _styles(),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, text in parts.items():
            entry = zipfile.ZipInfo(name, _MADE)
            entry.create_system = 0
            archive.writestr(entry, text.encode())
    return out.getvalue()


def _types() -> str:
    return (
        f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{_MAIN_TYPE}"/>'
        f'<Override PartName="/word/styles.xml" ContentType="{_STYLES_TYPE}"/></Types>'
    )


def _relation(key: str, kind: str, target: str) -> str:
    return (
        f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="{key}" Type="{kind}" Target="{target}"/></Relationships>'
    )


def _document(blocks: Iterable[Block]) -> str:
    body = "".join(map(_block, blocks))
    page = '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134" w:header="708" w:footer="708" w:gutter="0"/></w:sectPr>'  # fmt: skip
    return f'{_HEAD}<w:document xmlns:w="{_W}"><w:body>{body}{page}</w:body></w:document>'


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return _paragraph(text, _STYLE_NAMES[level])
        case Paragraph(text, marked):
            return _paragraph(text, "Marked" if marked else "Normal")
        case Grid(head, rows):
            return _grid(head, rows)


def _paragraph(text: str, style: str) -> str:
    lines = _UNWRITABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    runs = "<w:br/>".join(f'<w:t xml:space="preserve">{escape(line)}</w:t>' for line in lines)
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r>{runs}</w:r></w:p>'


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    width = 9600 // len(head)
    columns = "".join(f'<w:gridCol w:w="{width}"/>' for _ in head)
    top = "<w:trPr><w:tblHeader/></w:trPr>" + "".join(_cell(text, "Head", width) for text in head)
    lines = "".join(f"<w:tr>{''.join(_cell(text, 'Normal', width) for text in row)}</w:tr>" for row in rows)
    edge = "".join(
        f'<w:{side} w:val="single" w:sz="4" w:space="0" w:color="808080"/>'
        for side in ("top", "left", "bottom", "right", "insideH", "insideV")
    )
    # A table is followed by a paragraph, or some programs refuse it.
    return (
        f'<w:tbl><w:tblPr><w:tblW w:w="0" w:type="auto"/><w:tblBorders>{edge}</w:tblBorders></w:tblPr>'
        f"<w:tblGrid>{columns}</w:tblGrid><w:tr>{top}</w:tr>{lines}</w:tbl>{_paragraph('', 'Normal')}"
    )


def _cell(text: str, style: str, width: int) -> str:
    return f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr>{_paragraph(text, style)}</w:tc>'


def _styles() -> str:
    def style(
        key: str, name: str, size: int, *, outline: int | None = None, bold: bool = False, mark: bool = False
    ) -> str:
        weight = "<w:b/>" if bold else ""
        colour = '<w:color w:val="B00020"/>' if mark else ""
        level = "" if outline is None else f'<w:outlineLvl w:val="{outline}"/>'
        default = ' w:default="1"' if key == "Normal" else ""
        return (
            f'<w:style w:type="paragraph"{default} w:styleId="{key}"><w:name w:val="{name}"/>'
            f'<w:pPr><w:spacing w:after="120"/>{level}</w:pPr>'
            f'<w:rPr>{weight}{colour}<w:sz w:val="{size}"/><w:lang w:val="it-IT"/></w:rPr></w:style>'
        )

    made = (
        style("Normal", "Normal", 22),
        style("Title", "Title", 36, bold=True),
        style("Heading1", "heading 1", 28, outline=0, bold=True),
        style("Heading2", "heading 2", 24, outline=1, bold=True),
        style("Head", "Table head", 22, bold=True),
        style("Marked", "Marked", 22, bold=True, mark=True),
    )
    return f'{_HEAD}<w:styles xmlns:w="{_W}">{"".join(made)}</w:styles>'
