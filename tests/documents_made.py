"""Documents for tests, honest and hostile, made here byte by byte: none of them comes from anywhere."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping

import xlsxwriter

from node.domain.documents import DOCX, ODS, ODT, XLSX
from node.domain.signed_file import DATA, SIGNED_DATA

PDF = b"%PDF-1.7\n1 0 obj << >> endobj\ntrailer << >>\n%%EOF\n"
TEXT = "Verbale: è stato deciso ciò che c'è scritto.\n".encode()
MAIN = {DOCX: "word/document.xml", XLSX: "xl/workbook.xml"}


def packed(parts: Mapping[str, bytes | str], *, stored: Iterable[str] = ()) -> bytes:
    """A zip of some parts, in their order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content, zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED)
    return out.getvalue()


def types_of(main: str, *more: str) -> str:
    """The content types of an office file."""
    told = "".join(f'<Override PartName="/x{at}" ContentType="{kind}"/>' for at, kind in enumerate((main, *more)))
    return f'<?xml version="1.0"?><Types>{told}</Types>'


def office(kind: str = DOCX, **parts: bytes) -> bytes:
    """A DOCX or XLSX; further parts with «__» for «/» and «_DOT_» for «.»."""
    named = {name.replace("__", "/").replace("_DOT_", "."): content for name, content in parts.items()}
    return packed({"[Content_Types].xml": types_of(f"{kind}.main+xml"), MAIN[kind]: "<w/>", **named})


def workbook() -> bytes:
    """What a program of today writes."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.add_worksheet("Reti").write_row(0, 0, ["a", 1, 2.5])
    return out.getvalue()


def open_document(kind: str = ODT, **parts: bytes) -> bytes:
    """An ODT or ODS."""
    named = {name.replace("__", "/").replace("_DOT_", "."): content for name, content in parts.items()}
    whole = {"mimetype": kind, "content.xml": "<office/>", "META-INF/manifest.xml": "<manifest/>", **named}
    return packed(whole, stored=("mimetype",))


def png(width: int = 3, height: int = 2) -> bytes:
    """A picture without a single line in it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def jpeg(width: int = 3, height: int = 2) -> bytes:
    """The frame of a photograph."""
    first = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    frame = b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\0"
    return b"\xff\xd8" + first + frame + b"\xff\xda\x00\x02" + bytes(40) + b"\xff\xd9"


def der(tag: int, content: bytes) -> bytes:
    """An element with its length."""
    size = len(content)
    length = bytes([size]) if size < 0x80 else b"\x84" + struct.pack(">I", size)
    return bytes([tag]) + length + content


def ber(tag: int, content: bytes) -> bytes:
    """An element with an open end."""
    return bytes([tag, 0x80]) + content + b"\0\0"


def signed(document: bytes | None, *, pieces: bool = False) -> bytes:
    """A signed file around a document, whole or in pieces; None: the signature alone."""
    wrap = ber if pieces else der
    inner = b""
    if document is not None:
        octets = der(0x04, document)
        if pieces:
            octets = ber(0x24, b"".join(der(0x04, document[at : at + 7]) for at in range(0, len(document), 7)))
        inner = wrap(0xA0, octets)
    content = wrap(0x30, der(0x06, DATA) + inner)
    data = wrap(0x30, der(0x02, b"\x01") + der(0x31, b"") + content + der(0x31, der(0x30, b"signer")))
    return wrap(0x30, der(0x06, SIGNED_DATA) + wrap(0xA0, data))


HONEST: Mapping[str, bytes] = {
    "contratto.pdf": PDF, "Statuto è questo.DOCX": office(), "conti.xlsx": workbook(), "atto.odt": open_document(),
    "conti.ods": open_document(ODS), "timbro.png": png(), "firma.jpg": jpeg(), "firma.jpeg": jpeg(), "verbale.txt": TEXT,
    "vecchio.txt": "perchè no".encode("cp1252"), "contratto.pdf.p7m": signed(PDF), "a.pdf.P7M": signed(PDF, pieces=True),
    "due.docx.p7m.p7m": signed(signed(office())),
}  # fmt: skip


def lying(real: int, told: int) -> bytes:
    """An office file one part of which says it is smaller than it is."""
    whole = office(word__big_DOT_xml=bytes(real))
    return whole.replace(struct.pack("<I", real), struct.pack("<I", told))


def two_in_one() -> bytes:
    """An office file whose parts share their bytes, as bombs do."""
    out = bytearray(office(word__a_DOT_xml=b"a" * 9, word__b_DOT_xml=b"a" * 9))
    entry = out.rindex(b"PK\x01\x02")
    before = out.rindex(b"PK\x01\x02", 0, entry)
    out[entry + 42 : entry + 46] = out[before + 42 : before + 46]
    return bytes(out)


def locked() -> bytes:
    """An office file whose parts say that they need a password."""
    out = bytearray(office())
    at = -1
    while (at := out.find(b"PK\x01\x02", at + 1)) >= 0:
        out[at + 8] |= 1
    return bytes(out)


OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
# (name, content, code)
HOSTILE: tuple[tuple[str, bytes, str], ...] = (
    ("vuoto.pdf", b"", "document-empty"),
    ("tagliato.pdf", PDF[:-8], "document-damaged"),
    ("programma.exe", b"MZ\x90\0" + bytes(400), "document-type-bad"),
    ("programma.pdf", b"MZ\x90\0" + bytes(400), "document-type-bad"),
    ("vecchio.doc", OLD_OFFICE, "document-type-bad"),
    ("contratto.docx", OLD_OFFICE, "document-type-bad"),
    ("pagina.html", b"<!doctype html><script>alert(1)</script>", "document-name-mismatch"),
    ("disegno.svg", b"<svg onload='alert(1)'/>", "document-name-mismatch"),
    ("contratto.pdf", TEXT, "document-name-mismatch"),
    ("contratto.txt", PDF, "document-name-mismatch"),
    ("contratto.pdf.exe", PDF, "document-name-mismatch"),
    ("senza", PDF, "document-name-mismatch"),
    ("archivio.zip", packed({"a": b"a"}), "document-type-bad"),
    ("contratto.docx", packed({"word/document.xml": b"<w/>"}), "document-type-bad"),
    ("programma.jar", packed({"META-INF/MANIFEST.MF": b"x"}), "document-type-bad"),
    ("tagliato.docx", office()[:-5], "document-damaged"),
    ("coda.docx", office() + b"MZ", "document-damaged"),
    ("macro.docx", office(word__vbaProject_DOT_bin=OLD_OFFICE), "document-macros"),
    ("macro.docx", office(word__innocuo_DOT_xml=OLD_OFFICE), "document-macros"),
    ("macro.docm", packed({"[Content_Types].xml": types_of("application/vnd.ms-word.document.macroEnabled.main+xml"), "word/document.xml": b""}), "document-macros"),
    ("macro.docx", packed({"[Content_Types].xml": types_of(f"{DOCX}.main+xml", "application/vnd.ms-office.vbaProject"), "word/document.xml": b""}), "document-macros"),
    ("macro.xlsx", office(XLSX, xl__x_DOT_bin=b"MZ\x90\0"), "document-macros"),
    ("macro.odt", open_document(Basic__Standard__Modulo_DOT_xml=b"Sub Main"), "document-macros"),
    ("macro.ods", open_document(ODS, Scripts__python__x_DOT_py=b"import os"), "document-macros"),
    ("chiuso.odt", open_document(**{"META-INF__manifest_DOT_xml": b"<manifest:encryption-data/>"}), "document-locked"),
    ("chiuso.docx", locked(), "document-locked"),
    ("bomba.docx", office(word__big_DOT_xml=bytes(12 * 2**20)), "document-bomb"),
    ("bugia.docx", lying(12 * 2**20, 1000), "document-damaged"),
    ("bugia.docx", lying(1000, 12 * 2**20), "document-bomb"),
    ("bugia.docx", lying(1000, 2000), "document-damaged"),
    ("insieme.docx", two_in_one(), "document-damaged"),
    ("fuori.docx", office(**{"..__..__etc__cron": b"x"}), "document-damaged"),
    ("fuori.docx", office(__etc__passwd=b"x"), "document-damaged"),
    ("enorme.png", png(60_000, 60_000), "document-image-huge"),
    ("enorme.jpg", jpeg(60_000, 60_000), "document-image-huge"),
    ("niente.png", png(0, 5), "document-damaged"),
    ("tagliata.png", png()[:-6], "document-damaged"),
    ("tagliata.jpg", jpeg()[:-2], "document-damaged"),
    ("tagliata.jpg", jpeg()[:12], "document-damaged"),
    ("firma.p7m", signed(None), "document-unsigned"),
    ("firma.pdf.p7m", signed(None, pieces=True), "document-unsigned"),
    ("tagliato.pdf.p7m", signed(PDF)[:-3], "document-damaged"),
    ("tagliato.pdf.p7m", signed(PDF, pieces=True)[:-1], "document-damaged"),
    ("programma.exe.p7m", signed(b"MZ\x90\0" + bytes(400)), "document-type-bad"),
    ("contratto.p7m", signed(PDF), "document-name-mismatch"),
    ("macro.docx.p7m", signed(office(word__vbaProject_DOT_bin=OLD_OFFICE)), "document-macros"),
    ("testo.pdf.p7m", b"MIIB8QYJKoZIhvcNAQcC" * 20, "document-name-mismatch"),
    ("matrioska.pdf.p7m.p7m.p7m.p7m", signed(signed(signed(signed(PDF)))), "document-damaged"),
    ("cifrato.pdf", bytes(range(256)) * 8, "document-type-bad"),
)  # fmt: skip
