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


class _Road(io.BytesIO):
    """What is written and not looked at again."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError


def streamed(parts: Mapping[str, bytes | str]) -> bytes:
    """A zip written in one go, with sums and sizes behind the parts."""
    out = _Road()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
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


WORD = {"[Content_Types].xml": types_of(f"{DOCX}.main+xml"), "word/document.xml": "<w/>"}
DISK = "file:///C:\\Users\\anna\\Modelli\\Carta%20intestata.dotx"
OLD_MANIFEST = (
    '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE manifest:manifest PUBLIC "-//OpenOffice.org//DTD Manifest 1.0//EN" "Manifest.dtd">'
    "<manifest/>"
)


def relations(kind: str, target: str, where: str = "External", start: str = "") -> bytes:
    """One relation of a part."""
    whole = f'{start}<Relationships><Relationship Id="r1" Type="http://x/relationships/{kind}" Target="{target}" TargetMode="{where}"/></Relationships>'
    return whole.encode()


def related(*told: bytes) -> bytes:
    """A DOCX whose settings have relations."""
    return packed({**WORD, **{f"word/_rels/settings{at}.xml.rels": each for at, each in enumerate(told)}})


def long_list(word: str) -> bytes:
    """A DOCX the list of types of which goes on where few look."""
    told = types_of(f"{DOCX}.main+xml", *[f"application/x-{at * at}" for at in range(20_000)], word)
    return packed({"[Content_Types].xml": told, "word/document.xml": "<w/>"})


def types_written(told: str, encoding: str = "utf-8") -> bytes:
    """A DOCX with a list of types of one's own."""
    return packed({"[Content_Types].xml": told.encode(encoding), "word/document.xml": "<w/>"})


MACROS = packed(
    {"[Content_Types].xml": types_of("application/vnd.ms-excel.sheet.macroEnabled.main+xml"), "xl/workbook.xml": b""}
)
HONEST: Mapping[str, bytes] = {
    "contratto.pdf": PDF, "Statuto è questo.DOCX": office(), "conti.xlsx": workbook(), "atto.odt": open_document(),
    "conti.ods": open_document(ODS), "timbro.png": png(), "firma.jpg": jpeg(), "firma.jpeg": jpeg(), "verbale.txt": TEXT,
    "vecchio.txt": "perchè no".encode("cp1252"), "contratto.pdf.p7m": signed(PDF), "a.pdf.P7M": signed(PDF, pieces=True),
    "due.docx.p7m.p7m": signed(signed(office())), "grafico.docx": office(word__embeddings__Foglio1_DOT_xlsx=workbook()),
    "in una volta.docx": streamed(WORD), "segni.docx": types_written("\ufeff" + types_of(f"{DOCX}.main+xml")),
    "cartelle.odt": open_document(Configurations2__floater__=b"", Object_1__content_DOT_xml=b"<office/>"),
    "antico.odt": open_document(**{"META-INF__manifest_DOT_xml": OLD_MANIFEST.encode()}),
    "collegamenti.docx": related(
        relations("hyperlink", "https://example.org/?a=1&amp;b=%C3%A8&#232;"), relations("attachedTemplate", DISK), relations("attachedTemplate", "Macintosh%20HD:Users:anna:a.dotx"), relations("attachedTemplate", "file:///Users/anna/a.dotx"),
        relations("image", "https://example.org/a.png"), relations("oleObject", "embeddings/a.bin", "Internal", "\ufeff<?xml version='1.0'?>"),
    ),
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
    ("lungo.docx", long_list("application/vnd.ms-office.vbaProject"), "document-bomb"),
    ("segni.docx", types_written(types_of(f"{DOCX}.main+xml", "application/vnd.ms-office.vba&#80;roject")), "document-damaged"),
    ("segni.docx", types_written('<!DOCTYPE t [<!ENTITY p "P">]>' + types_of(f"{DOCX}.main+xml", "vba&p;roject")), "document-damaged"),
    ("segni.docx", types_written(f'<!-- "{DOCX}.main+xml" -->' + types_of("vbaProject"), "utf-16"), "document-damaged"),
    ("segni.docx", types_written('<?xml version="1.0" encoding="UTF-7"?>' + types_of(f"{DOCX}.main+xml", "+AHY-baProject")[21:]), "document-damaged"),
    ("segni.docx", types_written(types_of(f"{DOCX}.main+xml", "è"), "cp1252"), "document-damaged"),
    ("segni.odt", open_document(**{"META-INF__manifest_DOT_xml": "<encryption-data/>".encode("utf-16-le")}), "document-damaged"),
    ("segni.odt", open_document(**{"META-INF__manifest_DOT_xml": b'<!DOCTYPE m [<!ENTITY e "x">]><m>&e;</m>'}), "document-damaged"),
    ("dentro.docx", office(word__embeddings__Foglio1_DOT_xlsx=MACROS), "document-macros"),
    ("dentro.docx", office(word__media__foto_DOT_png=MACROS), "document-macros"),
    ("dentro.docx", office(word__embeddings__a_DOT_docx=office(word__x_DOT_xml=OLD_OFFICE)), "document-macros"),
    ("dentro.docx", office(word__embeddings__a_DOT_docx=office(word__b_DOT_docx=office())), "document-macros"),
    ("dentro.docx", office(word__embeddings__a_DOT_zip=packed({"a.js": b"x"})), "document-macros"),
    ("dentro.docx", office(word__embeddings__a_DOT_xlsx=b"x" + workbook()), "document-macros"),
    ("dentro.docx", office(word__embeddings__a_DOT_docx=related(relations("attachedTemplate", "http://x/a.dotm"))), "document-linked"),
    ("dentro.docx", office(word__embeddings__a_DOT_docx=office()[:-1]), "document-damaged"),
    ("dentro.docx", office(word__embeddings__a_DOT_docx=office(word__big_DOT_xml=bytes(12 * 2**20))), "document-bomb"),
    ("dentro.odt", open_document(**{"Object 1__Basic__Standard__Modulo_DOT_xml": b"Sub Main"}), "document-macros"),
    ("dentro.odt", open_document(**{"./Basic__Standard__Modulo_DOT_xml": b"Sub Main"}), "document-damaged"),
    ("dentro.odt", open_document(a____Basic__x=b"Sub Main"), "document-damaged"),
    ("modello.docx", related(relations("attachedTemplate", "https://example.org/a.dotm")), "document-linked"),
    ("modello.docx", related(relations("hyperlink", "https://example.org/"), relations("attachedTempl&#97;te", "\\\\server\\a.dotm", "Ext&#101;rnal")), "document-linked"),
    ("modello.docx", related(relations("attachedTemplate", "file:///\\\\server\\a.dotm")), "document-linked"),
    ("modello.docx", related(relations("oleObject", "https://example.org/a.html!")), "document-linked"),
    ("modello.docx", related(relations("hyperlink", "https://example.org/") + b"<"), "document-damaged"),
    ("modello.docx", related(relations("hyperlink", "x").decode().encode("utf-16")), "document-damaged"),
    ("modello.docx", related(b"<Relationships/>" + b" " * 2**20), "document-bomb"),
    ("modello.docx", related(*[b"<Relationships/>" + b" " * 900_000] * 5), "document-bomb"),
    ("modello.docx", office(word__a_DOT_docx=related(*[b"<Relationships/>" + b" " * 900_000] * 4), word__b_DOT_docx=related(*[b"<Relationships/>" + b" " * 900_000] * 4)), "document-bomb"),
    ("modello.docx", related(relations("attachedTemplate", "file:////Users/a.dotm")), "document-linked"),
    ("modello.docx", related(relations("attachedTemplate", "//users/a.dotm")), "document-linked"),
    ("cifrato.pdf", bytes(range(256)) * 8, "document-type-bad"),
)  # fmt: skip
