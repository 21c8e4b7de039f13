"""A document of a network before it is kept: what it is called, what kind it is, and what its bytes really are.

In: what an officer sends. Out: a name, a title and a media type that may be kept, or one refusal with a stable code. Rules: the
content says what a file is, and its name has to agree; only forms that do nothing by themselves; office files have no macros and no
programs inside, and fetch nothing from elsewhere; a signed file is judged by the document in it, the signature by nobody here.
Nothing is opened, run or written. Pure. Source: docs/office.md; OWASP, File Upload Cheat Sheet.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from node.domain import packed_file, signed_file
from node.domain.packed_file import BombError, DamagedError, LockedError, Part
from node.domain.signed_file import EnvelopeError
from node.domain.vocabulary import Titles
from node.errors import N_, UNSEEN, CallerError

KINDS: Titles = {
    "contract": ("Contratto di rete", "Network contract"),
    "amendment": ("Modifica del contratto", "Amendment of the contract"),
    "statute": ("Statuto", "Statute"),
    "minutes": ("Verbale", "Minutes"),
    "register-extract": ("Visura camerale", "Extract of the business register"),
    "certificate": ("Certificato", "Certificate"),
    "accounts": ("Bilancio o rendiconto", "Accounts"),
    "letter": ("Lettera", "Letter"),
    "other": ("Altro documento", "Other document"),
}
NAME_LONGEST: Final = 150
TITLE_LONGEST: Final = 200
PIXELS_MAX: Final = 100_000_000
SIGNATURES_MAX: Final = 3
# Before the size of a photograph is told.
FILLS_MAX, SEGMENTS_MAX = 16, 1_000
SIGNED: Final = ".p7m"
PDF, DOCX, XLSX, ODT, ODS, PNG, JPEG, TEXT, P7M = (
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.spreadsheet",
    "image/png",
    "image/jpeg",
    "text/plain",
    "application/pkcs7-mime",
)
# How names end, by what the content is.
ENDINGS: Final[Mapping[str, tuple[str, ...]]] = {
    PDF: (".pdf",), DOCX: (".docx",), XLSX: (".xlsx",), ODT: (".odt",), ODS: (".ods",), PNG: (".png",),
    JPEG: (".jpg", ".jpeg"), TEXT: (".txt",), P7M: (SIGNED,),
}  # fmt: skip
ACCEPTED: Final = "PDF, DOCX, XLSX, ODT, ODS, PNG, JPEG, TXT, P7M"
_CONTENT_TYPES, _MIMETYPE, _MANIFEST = "[Content_Types].xml", "mimetype", "META-INF/manifest.xml"
_RELATIONS: Final = ".rels"
_WANTED: Final = frozenset({_CONTENT_TYPES, _MIMETYPE, _MANIFEST})
_ACTIVE_TYPES: Final = re.compile(rb"macroenabled|vbaproject|macrosheet|activex|oleobject", re.IGNORECASE)
_ACTIVE_FOLDERS: Final = frozenset({"basic", "scripts"})
_EMBEDDED: Final = "embeddings"
# What a program fetches by itself when the document is opened; links that are followed by hand are not among them.
_FETCHED: Final = re.compile(r"/(?:attachedtemplate|oleobject|frame|subdocument)\Z", re.IGNORECASE)
# The disk of whoever wrote the document: nothing goes out to it.
_OWN_DISK: Final = re.compile(
    r"(?:file:///|file://localhost/)?(?:[a-z]:[/\\]|macintosh(?: |%20)hd:)|(?:file://|file://localhost)?/users/",
    re.IGNORECASE,
)
_ENCODING: Final = re.compile(rb"""\A(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([^"']*)""")
_ENCODINGS: Final = (b"utf-8", b"utf8", b"us-ascii", b"ascii")
# Old programs name the form of their list; what it may define of its own is not among that.
_DOCTYPE: Final = re.compile(rb"<!DOCTYPE [^\[<>]*>")
# Compound files hold macros and packed objects; the others are programs.
_ACTIVE_HEADS: Final = (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"MZ", b"\x7fELF")
_OLD_OFFICE: Final = _ACTIVE_HEADS[0]
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
# What a reader does not see, or what turns a line round: joiners and marks that names of files do not need.
_UNSEEN_MORE: Final = re.compile("[\u00ad\u034f\u200b-\u200f\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\uffff]")


@dataclass(frozen=True, slots=True)
class Described:
    """What an officer says of a document."""

    title: str
    kind: str
    dated_on: dt.date | None
    file_name: str


def describe(title: str, kind: str, dated_on: dt.date | None, file_name: str) -> Described:
    """Return a description that may be kept. Raises: CallerError document-title-..., document-kind-unknown, document-name-..."""
    words = " ".join(unicodedata.normalize("NFC", UNSEEN.sub(" ", title)).split())
    if not words:
        raise CallerError(
            "document-title-missing", N_("manca il titolo del documento"), where="titolo",
            hint=N_("scrivere in poche parole di che documento si tratta"),
        )  # fmt: skip
    if len(words) > TITLE_LONGEST:
        raise CallerError(
            "document-title-long", N_("il titolo ha più di {longest} caratteri"), where="titolo", hint=N_("accorciarlo"),
            longest=TITLE_LONGEST,
        )  # fmt: skip
    if kind not in KINDS:
        raise CallerError(
            "document-kind-unknown", N_("non c'è questo genere di documenti"), where="genere",
            hint=N_("generi: {kinds}"), kinds=", ".join(KINDS),
        )  # fmt: skip
    return Described(words, kind, dated_on, name_of(file_name))


def name_of(text: str) -> str:
    """Return a file's name as it may be kept and given back. Raises: CallerError document-name-bad, document-name-long."""
    name = unicodedata.normalize("NFC", text)
    if not name.strip(" .") or name.startswith(".") or any(sign in name for sign in "/\\") or _is_unseen(name):
        raise CallerError(
            "document-name-bad", N_("il nome del file non è un nome semplice"), where="file",
            hint=N_("rinominarlo, senza cartelle né segni invisibili, per esempio contratto.pdf"),
        )  # fmt: skip
    if len(name) > NAME_LONGEST:
        raise CallerError(
            "document-name-long", N_("il nome del file ha più di {longest} caratteri"), where="file",
            hint=N_("rinominarlo con un nome più corto"), longest=NAME_LONGEST,
        )  # fmt: skip
    return name


def _is_unseen(name: str) -> bool:
    return UNSEEN.search(name) is not None or _UNSEEN_MORE.search(name) is not None


def media_type_of(content: bytes, name: str) -> str:
    """Return what a file is by its content, which its name has to agree with. Takes as long as unpacking the file does.

    Raises: CallerError document-empty, document-type-bad, document-damaged, document-macros, document-locked, document-bomb,
    document-linked, document-image-huge, document-unsigned, document-name-mismatch.
    """
    return _judged(content, name, 0)


def _judged(content: bytes, name: str, signatures: int) -> str:
    """Judge what is inside some signatures."""
    if not content:
        raise _refused("document-empty", N_("il file è vuoto"), N_("scegliere il file giusto"))
    found = _recognised(content)
    if found is None:
        if content.startswith(_OLD_OFFICE):
            hint = N_("salvarlo in PDF o nella forma nuova (DOCX, XLSX), senza password, e ripetere")
            raise _refused(
                "document-type-bad", N_("è un file di Office di vecchia forma, o protetto da password"), hint
            )
        raise _refused(
            "document-type-bad", N_("il contenuto del file non è di nessuna delle forme accettate"),
            N_("forme accettate: {accepted}"), accepted=ACCEPTED,
        )  # fmt: skip
    if not name.lower().endswith(ENDINGS[found]):
        raise _refused(
            "document-name-mismatch", N_("il nome del file non dice ciò che c'è dentro"),
            N_("rinominarlo così che finisca in {endings}, se è davvero il file giusto"), endings=", ".join(ending + signatures * SIGNED for ending in ENDINGS[found]),
        )  # fmt: skip
    if found == P7M:
        if signatures == SIGNATURES_MAX:
            raise _refused(
                "document-damaged", N_("troppe firme una dentro l'altra"), N_("allegare il documento con una firma")
            )
        _judged(_signed(content), name[: -len(SIGNED)], signatures + 1)
    return found


def _refused(code: str, what: str, hint: str, **facts: object) -> CallerError:
    return CallerError(code, what, where="file", hint=hint, **facts)


def _damaged() -> CallerError:
    return _refused(
        "document-damaged", N_("il file è rovinato o tagliato"), N_("aprirlo, salvarlo di nuovo e ripetere")
    )


def _recognised(content: bytes) -> str | None:
    """Return what bytes are, None for nothing that is accepted."""
    if content.startswith(b"%PDF-"):
        if b"%%EOF" not in content[-2048:]:
            raise _damaged()
        return PDF
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(content)
    if content.startswith(b"\xff\xd8\xff"):
        return _jpeg(content)
    if packed_file.looks_packed(content):
        return _office(content)
    if signed_file.looks_signed(content):
        return P7M
    return TEXT if _is_text(content) else None


def _signed(content: bytes) -> bytes:
    try:
        found = signed_file.document_in(content)
    except EnvelopeError as error:
        raise _damaged() from error
    if not found:
        raise _refused(
            "document-unsigned", N_("il file contiene una firma, non il documento firmato"),
            N_("allegare il file firmato intero (CAdES con il documento dentro)"),
        )  # fmt: skip
    return found


def _png(content: bytes) -> str:
    if content[12:16] != b"IHDR" or content[-8:-4] != b"IEND":
        raise _damaged()
    return _sized(PNG, int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big"))


def _jpeg(content: bytes) -> str:
    """Walk along the segments to the one that tells the size."""
    at, fills, segments = 2, 0, 0
    while content[at : at + 1] == b"\xff" and at + 9 < len(content) and fills <= FILLS_MAX and segments <= SEGMENTS_MAX:
        marker = content[at + 1]
        if marker == 0xFF:
            at, fills = at + 1, fills + 1
            continue
        segments += 1
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if b"\xff\xd9" not in content[at:]:
                break
            return _sized(
                JPEG, int.from_bytes(content[at + 7 : at + 9], "big"), int.from_bytes(content[at + 5 : at + 7], "big")
            )
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    raise _damaged()


def _sized(media_type: str, width: int, height: int) -> str:
    if not width or not height:
        raise _damaged()
    if width * height > PIXELS_MAX:
        raise _refused(
            "document-image-huge", N_("l'immagine è troppo grande da aprire"), N_("salvarla con meno punti, o come PDF")
        )
    return media_type


def _is_text(content: bytes) -> bool:
    for encoding in ("utf-8", "cp1252"):
        try:
            return _CONTROLS.search(content.decode(encoding)) is None
        except UnicodeDecodeError:
            continue
    return False


def _office(content: bytes) -> str | None:
    try:
        parts = packed_file.parts_of(content, _is_searched)
        found = _office_kind(parts)
        if found is not None:
            _refuse_active(parts)
            _refuse_inside(parts)
    except LockedError as error:
        raise _locked() from error
    except BombError as error:
        raise _refused(
            "document-bomb", N_("il file, aperto, sarebbe enorme"), N_("toglierne ciò che non serve, o salvarlo in PDF")
        ) from error
    except DamagedError as error:
        raise _damaged() from error
    return found


def _is_searched(name: str) -> bool:
    return name in _WANTED or name.lower().endswith(_RELATIONS)


def _office_kind(parts: Mapping[str, Part]) -> str | None:
    return _open_document(parts) or _office_document(parts)


def _refuse_inside(parts: Mapping[str, Part]) -> None:
    """Judge the documents inside a document, whose room is what the one around them leaves; none of them has others inside."""
    room = packed_file.WHOLE_ROOM.after(parts, _is_searched)
    for name, part in parts.items():
        if not packed_file.looks_packed(part.head):
            # A sheet behind a chart is an archive; what else is packed in there is some program's object.
            if _EMBEDDED in _folders(name) and part.size:
                raise _macros()
            continue
        inner = packed_file.parts_of(part.content, _is_searched, room)
        room = room.after(inner, _is_searched)
        if _office_kind(inner) is None or any(packed_file.looks_packed(each.head) for each in inner.values()):
            raise _macros()
        _refuse_active(inner)


def _folders(name: str) -> list[str]:
    return name.lower().split("/")[:-1]


def _locked() -> CallerError:
    return _refused(
        "document-locked", N_("il file è protetto da una password"), N_("salvarlo senza password e ripetere")
    )


def _part(parts: Mapping[str, Part], name: str) -> bytes:
    return parts[name].content if name in parts else b""


def _open_document(parts: Mapping[str, Part]) -> str | None:
    told = _part(parts, _MIMETYPE).decode("ascii", "replace").strip()
    if told not in (ODT, ODS) or "content.xml" not in parts:
        return None
    if b"encryption-data" in _plain(_DOCTYPE.sub(b"", _part(parts, _MANIFEST), count=1)):
        raise _locked()
    return told


def _office_document(parts: Mapping[str, Part]) -> str | None:
    types = _types(parts)
    for media_type, root in ((DOCX, "word/"), (XLSX, "xl/")):
        # The type of the main part is the document's own, with "main": that of a file with macros is another.
        if f'"{media_type}.main+xml"'.encode() in types and any(name.startswith(root) for name in parts):
            return media_type
    if _ACTIVE_TYPES.search(types):
        raise _macros()
    return None


def _types(parts: Mapping[str, Part]) -> bytes:
    """Return the list of types, in which everything is written as it is meant."""
    types = _plain(_part(parts, _CONTENT_TYPES))
    if b"&#" in types:
        raise DamagedError
    return types


def _plain(content: bytes) -> bytes:
    """Return a list in which what is searched for is found: in UTF-8, and without words that it defines itself."""
    told = _ENCODING.search(content)
    if b"\0" in content or b"<!" in content or (told is not None and told[1].lower() not in _ENCODINGS):
        raise DamagedError
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DamagedError from error
    return content


def _refuse_active(parts: Mapping[str, Part]) -> None:
    told = _ACTIVE_TYPES.search(_types(parts))
    kept = any(not _ACTIVE_FOLDERS.isdisjoint(_folders(name)) for name in parts)
    if told or kept or any(part.head.startswith(_ACTIVE_HEADS) for part in parts.values()):
        raise _macros()
    for name, part in parts.items():
        if name.lower().endswith(_RELATIONS):
            _refuse_fetched(_plain(part.content))


def _refuse_fetched(relations: bytes) -> None:
    """Refuse a template, object or frame that comes from elsewhere when the document is opened."""
    try:
        # Nothing of its own is defined in it (_plain), so that it grows to nothing.
        found = ET.fromstring(relations)  # noqa: S314
    except ET.ParseError as error:
        raise DamagedError from error
    for one in found.iter():
        is_outside = one.get("TargetMode", "").strip().lower() == "external"
        if (
            is_outside
            and _FETCHED.search(one.get("Type", "").strip())
            and not _OWN_DISK.match(one.get("Target", "").strip())
        ):
            raise _refused(
                "document-linked", N_("il file, aperto, prende da fuori un modello o un oggetto"),
                N_("togliere il collegamento (modello del documento, oggetti collegati), o salvarlo in PDF"),
            )  # fmt: skip


def _macros() -> CallerError:
    return _refused(
        "document-macros", N_("il file contiene macro, programmi o oggetti incorporati"),
        N_("salvarlo senza (DOCX, XLSX, ODT, ODS semplici) o in PDF"),
    )  # fmt: skip
