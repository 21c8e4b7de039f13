"""Messages about a shared case file (PROTOCOL 16): our code says each vector byte for byte, reads it back, and refuses what is refused."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.programme import shared_case
from node.domain.programme.shared_case import Copy, Document, Reply, Task
from node.errors import PeerWrongError
from node.protocol import canonical, limits, seat, share
from node.protocol.share import Said
from node.store import schemas

FILE = Path(__file__).resolve().parents[1] / "vectors" / "share.v1.json"
KEYS: Final = {"office": bytes(range(32)), "partner": bytes(range(32, 64))}
MEMBERS: Final = {"office": "p_LE", "partner": "cmto"}
ID = "3f6c2f8e-1111-4111-8111-111111111111"
NOTE = b"Nota di prova.\n"
CASE: dict[str, Any] = {
    "title": "Verso il contratto", "network": "Rete di Prova", "lines": ["legal"], "state": "open", "opened": "2026-11-02",
    "consent": {"on": "2026-11-20", "reference": "prot. 41/2026"},
    "tasks": [{"title": "Bozza", "line": "legal", "due": "2026-12-03", "state": "open", "note": "due\nrighe"}],
    "tasks_more": 0, "notes_cut": False, "points": [{"point": "decisions", "standing": "missing"}],
    "documents": [{
        "id": ID, "title": "Nota", "kind": "other", "file": "nota.txt", "bytes": len(NOTE), "sha256": hashlib.sha256(NOTE).hexdigest(),
        "content": base64.b64encode(NOTE).decode(),
    }],
    "documents_more": 0,
}  # fmt: skip
CLOSED = {
    **CASE,
    "state": "closed",
    "tasks": [],
    "closure": {"on": "2026-12-10", "outcome": "advice-given", "words": "Finito."},
}
REPLY = {"n": 1, "kind": "task", "words": "Incontro a Torino", "due": "2026-12-20", "on": "2026-12-01"}


def said(by: str, kind: str, seq: int, seen: int, **beside: Any) -> Said:
    """One message of either side."""
    other = "partner" if by == "office" else "office"
    return Said(ID, MEMBERS[by], MEMBERS[other], kind, seq, seen, 1_800_000_000 + seq, **beside)


SAID: Final = (
    ("office", said("office", share.COPY, 1, 0, case=CASE)),
    ("partner", said("partner", share.ANSWER, 1, 1, replies=[])),
    ("partner", said("partner", share.ANSWER, 2, 1, replies=[REPLY])),
    ("office", said("office", share.COPY, 2, 2, case=CLOSED)),
    ("partner", said("partner", share.ANSWER, 3, 2, replies=[REPLY])),
    ("office", said("office", share.END, 3, 3)),
    ("partner", said("partner", share.LEAVE, 4, 3, replies=[REPLY])),
)


def key(by: str) -> Ed25519PrivateKey:
    """The key of a side."""
    return Ed25519PrivateKey.from_private_bytes(KEYS[by])


def bytes_of(by: str, one: Said) -> bytes:
    """What is sealed."""
    return share.encode(one, key(by))


def REFUSED() -> list[tuple[str, str, bytes]]:  # noqa: N802 - a table, made anew
    """What is no message, or is not its sender's: the code, who is asked whether it signed it, the bytes."""
    first = bytes_of(*SAID[0])
    other = {"office": "partner", "partner": "office"}
    bare = json.loads(first)

    def signed(**changes: Any) -> bytes:
        fields = {**bare["share"], **changes}
        signature = key("office").sign(b"rete/share/v1\n" + canonical.dumps(fields))
        return canonical.dumps({"share": fields, "sig": base64.b64encode(signature).decode()})

    return [
        ("message-signature-bad", other["office"], first),
        ("message-signature-bad", "office", first.replace(b"cmto", b"cmrm")),
        ("message-malformed", "office", signed(kind="shout")),
        ("message-malformed", "office", signed(kind="end")),
        ("message-malformed", "office", signed(seq=0)),
        ("message-malformed", "office", signed(case={**CASE, "officer": "x"})),
        ("message-malformed", "office", signed(case={**CASE, "title": "a\nb"})),
        (
            "message-malformed",
            "office",
            signed(case={**CASE, "points": [{"point": "decisions", "standing": "perhaps"}]}),
        ),
        ("message-malformed", "office", signed(colour="red")),
        ("json-not-canonical", "office", first.replace(b'{"share":', b'{"share": ', 1)),
    ]


def read(by: str, raw: bytes) -> Said:
    """What a node reads of a side."""
    return share.decode(raw, [key(by).public_key().public_bytes_raw()], schemas.share_validator().is_valid)


def test_the_vectors_are_what_our_code_says() -> None:
    """Byte for byte, and read back as it was said; no other family begins so."""
    vectors = json.loads(FILE.read_text(encoding="utf-8"))
    assert vectors["keys"] == {name: seed.hex() for name, seed in KEYS.items()}
    assert [(item["by"], item["plaintext"]) for item in vectors["messages"]] == [
        (by, bytes_of(by, one).decode()) for by, one in SAID
    ]
    for by, one in SAID:
        raw = bytes_of(by, one)
        assert read(by, raw) == one
        assert raw.startswith(share.PREFIX)
        assert not raw.startswith(seat.PREFIX)


def test_what_is_refused_is_refused_by_its_code() -> None:
    """Another's key, a changed byte, a form that is not that of 16.1."""
    vectors = json.loads(FILE.read_text(encoding="utf-8"))
    made = [{"code": code, "by": by, "plaintext": raw.decode()} for code, by, raw in REFUSED()]
    assert vectors["refused"] == made
    for item in made:
        with pytest.raises(PeerWrongError) as caught:
            read(item["by"], item["plaintext"].encode())
        assert caught.value.code == item["code"], item


def test_a_copy_is_told_and_read_alike() -> None:
    """What the domain reads of a copy it writes again, byte for byte; answers too."""
    for case in (CASE, CLOSED):
        assert shared_case.compose(shared_case.copy_of(case)) == case
    assert [shared_case.reply_document(item) for item in shared_case.replies_of([REPLY])] == [REPLY]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=300)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(TEXTS, TEXTS), max_size=400), st.lists(st.tuples(TEXTS, st.binary(max_size=40_000) | st.none()), max_size=60), TEXTS, st.integers(1, 30)
)  # fmt: skip
def test_whatever_a_case_holds_its_copy_is_a_message(
    tasks: list[tuple[str, str]], files: list[tuple[str, bytes | None]], title: str, times: int
) -> None:
    """Of any length and any signs: it has its form, fits, says how much did not, and what travels is what was chosen."""
    read_back = shared_case.copy_of(CASE)
    documents = tuple(
        Document(ID, name, "other", name, len(content or b""), hashlib.sha256(content or b"").hexdigest(), content) for name, content in files
    )  # fmt: skip
    told = replace(
        read_back, title=title, network=title, tasks=tuple(Task(head, "legal", None, "open", note * times) for head, note in tasks),
        documents=documents,
    )  # fmt: skip
    made = shared_case.compose(told)
    raw = bytes_of("office", said("office", share.COPY, 1, 0, case=made))
    assert len(raw) <= limits.MESSAGE_MAX_BYTES
    assert read("office", raw).case == made
    found: Copy = shared_case.copy_of(made)
    assert len(found.tasks) + found.tasks_more == len(tasks)
    assert len(found.documents) + found.documents_more == len(files)
    assert {item.content for item in found.documents if item.content is not None} <= {content for _, content in files}


def test_answers_stop_where_a_message_is_full() -> None:
    """So many, or so long, that they fit in one message; the refusal says so."""
    kept: list[Reply] = []
    day = shared_case.copy_of(CASE).opened_on
    with pytest.raises(Exception, match="risposte") as caught:
        for _ in range(shared_case.REPLIES_MAX + 1):
            kept.append(shared_case.reply(kept, shared_case.Kind.NOTE, "è" * 1000, None, day))
    assert getattr(caught.value, "code", "") == "share-replies-full"
    whole = said("partner", share.ANSWER, 1, 1, replies=[shared_case.reply_document(item) for item in kept])
    assert len(bytes_of("partner", whole)) <= limits.MESSAGE_MAX_BYTES
