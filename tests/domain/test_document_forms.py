"""What a document may be: each accepted form, and every refusal that a hostile file meets."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import documents, signed_file
from node.errors import CallerError
from tests.documents_made import HONEST, HOSTILE, PDF, jpeg, office, open_document, signed


@pytest.mark.parametrize("name", HONEST)
def test_each_form_is_known_by_its_content(name: str) -> None:
    """Whatever the case of its name; a signed document is one, however often it was signed."""
    ending = "." + name.lower().rpartition(".")[2]
    assert ending in documents.ENDINGS[documents.media_type_of(HONEST[name], name)]


@pytest.mark.parametrize(("name", "content", "code"), HOSTILE, ids=[f"{at}-{h[0]}" for at, h in enumerate(HOSTILE)])
def test_a_hostile_file_is_refused_and_said_why(name: str, content: bytes, code: str) -> None:
    """With a code, the place, and what to do."""
    with pytest.raises(CallerError) as caught:
        documents.media_type_of(content, name)
    error = caught.value
    assert (error.code, error.where) == (code, "file")
    assert all(error.render()[at] for at in (0, 2))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "document-name-bad"),
        (" . ", "document-name-bad"),
        (".htaccess", "document-name-bad"),
        ("../../etc/passwd", "document-name-bad"),
        ("C:\\atti\\contratto.pdf", "document-name-bad"),
        ("contratto\r\nSet-Cookie: x.pdf", "document-name-bad"),
        ("contratto\0.pdf", "document-name-bad"),
        ("contratto\u202efdp.exe", "document-name-bad"),
        ("contratto\u200b.pdf", "document-name-bad"),
        ("x" * 200 + ".pdf", "document-name-long"),
    ],
)
def test_a_name_that_is_no_simple_name_is_refused(name: str, code: str) -> None:
    """Paths, what nobody sees, what ends a header, what is too long."""
    with pytest.raises(CallerError) as caught:
        documents.name_of(name)
    assert caught.value.code == code


def test_a_description_is_put_in_order_or_refused() -> None:
    """Spaces and line ends of a title are one space; kinds are a closed list."""
    kept = documents.describe("  Statuto \n del 2026 ", "statute", None, "Statuto è.pdf")
    assert (kept.title, kept.file_name) == ("Statuto del 2026", "Statuto è.pdf")
    for title, kind, code in (
        (" \u202e ", "statute", "document-title-missing"),
        ("x" * 201, "statute", "document-title-long"),
        ("x", "romanzo", "document-kind-unknown"),
    ):
        with pytest.raises(CallerError) as caught:
            documents.describe(title, kind, None, "x.pdf")
        assert caught.value.code == code


@given(st.binary(max_size=400), st.sampled_from(["", "%PDF-", "PK\x03\x04", "\x89PNG\r\n\x1a\n"]))
def test_no_bytes_stop_the_judge(content: bytes, start: str) -> None:
    """Whatever comes is a form we know or one of our refusals."""
    for name in ("x.txt", "x.pdf", "x.docx"):
        try:
            assert documents.media_type_of(start.encode("latin-1") + content, name) in documents.ENDINGS
        except CallerError as error:
            assert error.code.startswith("document-")


@given(st.data())
def test_a_byte_changed_in_an_archive_or_an_envelope_is_no_accident(data: st.DataObject) -> None:
    """It is still a document, or it is refused; never anything else."""
    name, whole = data.draw(
        st.sampled_from([("x.docx", office()), ("x.odt", open_document()), ("x.pdf.p7m", signed(PDF, pieces=True))])
    )
    at, value = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 255))
    changed = whole[:at] + bytes([value]) + whole[at + 1 :]
    try:
        documents.media_type_of(changed, name)
    except CallerError as error:
        assert error.code.startswith("document-")


def test_an_envelope_without_end_is_cut_short() -> None:
    """Nesting and numbers of elements are bounded."""
    for content in (
        b"\x30\x80" * 50_000,
        signed(PDF)[:20] + b"\x30\x80" * 100,
        b"\x1f\x80\x00",
        b"\x30\x85" + b"\xff" * 9,
    ):
        with pytest.raises(signed_file.EnvelopeError):
            signed_file.document_in(content)
    many = b"\x24\x80" + b"\x04\x00" * (signed_file.ELEMENTS_MAX + 10) + b"\0\0"
    with pytest.raises(signed_file.EnvelopeError):
        signed_file.document_in(many)


def test_a_photograph_of_fillings_takes_no_time() -> None:
    """Some filling bytes and many segments are borne, as programs write them; what goes on is damaged, and said at once."""
    few, some = b"\xff" * documents.FILLS_MAX, b"\xff\xe2\x00\x02" * 300
    assert documents.media_type_of(b"\xff\xd8" + some + few + jpeg()[2:], "a.jpg") == documents.JPEG
    for long in (b"\xff" * 25 * 2**20, b"\xff\xe2\x00\x02" * 6 * 2**20):
        before = time.process_time()
        with pytest.raises(CallerError) as caught:
            documents.media_type_of(b"\xff\xd8" + long + jpeg()[2:], "a.jpg")
        assert caught.value.code == "document-damaged"
        assert time.process_time() - before < 1
