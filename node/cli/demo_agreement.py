"""The agreement of ``rete demo``: the four bodies of 22 November 2012, three of whose four council keys decide together.

In: the demo's folder and the facts of its homes. Out: homes without [[peer]] tables that follow one first version, signed and pinned; what the
demo's file and its last lines say of it. All is done as ``rete agreement init | sign | apply`` do it. The keys of the council and of the
secretariat lie in the demo's folder, unencrypted: trial keys, so that whoever tries the demo may be the whole council. Source: PROTOCOL 7.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node import config as configuration
from node.cli.frame import Face
from node.config_places import CONFIG_FILE
from node.errors import N_
from node.flows.trust import council_card, council_first, enrol
from node.flows.trust.council_card import Card
from node.flows.trust.council_draft import TERMS, YEAR, end_of
from node.flows.trust.council_first import Beginning
from node.flows.trust.join import words_of
from node.flows.upkeep.home import Facts, make_home
from node.protocol import agreement, metadata
from node.protocol.agreement_values import Agreement
from node.store import council_key, keyfiles, pin

COUNCIL, SECRETARIAT = "council", "secretariat"
THRESHOLD, SECRETARIAT_KEYS, SECRETARIAT_THRESHOLD = 3, 3, 2
FILE = Path("agreement") / "1.root.json"
PAPER = Path("agreement") / "protocollo.pdf"
CONTACT = "rete demo, 127.0.0.1"


@dataclass(frozen=True, slots=True)
class Founded:
    """The first version as all four homes have pinned it, and where the trial keys are."""

    first: Agreement
    file: Path
    council: Sequence[tuple[Card, Path]]
    secretariat: Sequence[tuple[Card, Path]]


def found(folder: Path, homes: Sequence[tuple[Path, Facts]], now: dt.datetime) -> Founded:
    """Make the homes and the agreement that they follow. Raises: CallerError(home-not-empty), OperatorError(config-...)."""
    asked = []
    for home, facts in homes:
        make_home(home, facts)
        config = configuration.parse((home / CONFIG_FILE).read_text(encoding="utf-8"), file=str(home / CONFIG_FILE))
        held = keyfiles.read(home / config.federation.keys)
        asked.append(enrol.request_of(config, held, CONTACT, now))
    (folder / FILE).parent.mkdir()
    (folder / PAPER).write_bytes(_paper("Protocollo d'intesa della demo: quattro enti, una rete delle reti."))
    council = _keys(folder / COUNCIL, [(facts.id, facts.name) for _, facts in homes])
    office = [(str(number), f"Segreteria {number}") for number in range(1, SECRETARIAT_KEYS + 1)]
    secretariat = _keys(folder / SECRETARIAT, office)
    raw = council_first.first(
        Beginning(
            council=[card for card, _ in council],
            threshold=THRESHOLD,
            secretariat=[card for card, _ in secretariat],
            secretariat_threshold=SECRETARIAT_THRESHOLD,
            requests=asked,
            expires=end_of((now + YEAR).date()),
            terms=TERMS,
            pdf_sha256=council_first.sha256_of((folder / PAPER).read_bytes()),
        ),
        now,
    )
    signers = [council_key.read(path, "") for _, path in council[:THRESHOLD]]
    raw = metadata.with_signatures(raw, [metadata.sign(raw, key) for key in signers])
    first = agreement.first(raw)
    (folder / FILE).write_bytes(raw)
    for home, _ in homes:
        pin.write(home, raw)
    return Founded(first, folder / FILE, council, secretariat)


def _keys(folder: Path, holders: Sequence[tuple[str, str]]) -> list[tuple[Card, Path]]:
    """Make a key for each holder, by (file name, name)."""
    folder.mkdir(mode=0o700)
    made = []
    for stem, name in holders:
        path = folder / f"{stem}.pem"
        key = council_key.create(path, "")
        made.append((council_card.card_of(name, key.public_key().public_bytes_raw()), path))
    return made


def _paper(text: str) -> bytes:
    """Return a PDF of one page with one line: what the first version is bound to, in the place of the signed one."""
    stream = b"BT /F1 14 Tf 60 760 Td (%s) Tj ET" % text.encode("latin-1")
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    )
    made, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    return made + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        count, table, count, len(made)
    )  # fmt: skip


def facts_of(founded: Founded) -> dict[str, Any]:
    """Return what the demo's file says of the agreement."""
    first = founded.first
    return {
        "version": first.version,
        "expires": first.expires.isoformat(),
        "threshold": first.council.threshold,
        "council": [{"name": card.name, "keyid": card.keyid} for card, _ in founded.council],
        "fingerprint": " ".join(words_of(first)),
        "file": str(founded.file),
        "keys": {
            COUNCIL: [str(path) for _, path in founded.council],
            SECRETARIAT: [str(path) for _, path in founded.secretariat],
        },
    }


def show(face: Face, facts: dict[str, Any], home: str) -> None:
    """Say where the agreement stands, and how to look at it."""
    face.say(
        N_("Il protocollo d'intesa ({threshold} firme su {count}; chiavi di prova in {keys}): «rete agreement show --home {home}»"),
        threshold=facts["threshold"],
        count=len(facts["council"]),
        keys=Path(facts["keys"][COUNCIL][0]).parent,
        home=home,
    )  # fmt: skip
