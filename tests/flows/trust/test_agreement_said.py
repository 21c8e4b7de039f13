"""What changes from one agreement to another, in plain words: nothing is left unsaid, and each thing has its own sentence."""

from __future__ import annotations

import copy
import datetime as dt
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from node.errors import PeerWrongError
from node.flows.trust.agreement_said import differences, routine_differences
from node.i18n import translator
from node.protocol import agreement, keys, routine
from node.protocol.agreement import Agreement, HttpKey, LogKeys, Node, Status
from tests.agreement_said_made import (
    EXPIRES,
    NODES,
    PDF,
    TERMS,
    cosigner,
    council,
    document,
    log_key,
    member,
    private,
    public,
    seal,
    signed,
)

LAZIO, LECCE = NODES
BASE = document(3)
LOG = LAZIO.log[0]
HOST = LAZIO.authority


def told(before: Agreement | None, after: Agreement, language: str = "it") -> list[str]:
    """The differences as people read them."""
    return [said.told(translator(language)) for said in differences(before, after)]


def with_lazio(**other: Any) -> Agreement:
    """The next version, in which BIC Lazio's entry is another."""
    return document(4, nodes=(replace(LAZIO, rev=2, **other), LECCE))


SECOND = HttpKey(f"{HOST}#http-2", public("second http"))
OTHER_ORIGIN = f"{HOST}/federation/log/2027"
SENTENCES: list[tuple[Callable[[], Agreement], str]] = [
    (lambda: document(4, nodes=(*NODES, member("p_AR", "Provincia di Arezzo"))), "entra: Provincia di Arezzo (p_AR), dal "),
    (lambda: with_lazio(status=Status.LEFT), "esce: BIC Lazio (bic_LAZ), dal "),
    (lambda: with_lazio(status=Status.SUSPENDED, since=LAZIO.since + 1), "è sospeso: BIC Lazio (bic_LAZ), dal "),
    (lambda: document(4, nodes=(LECCE,)), "sparisce dall'elenco: BIC Lazio (bic_LAZ)"),
    (lambda: with_lazio(name="Lazio Innova"), "cambia: nome di BIC Lazio (bic_LAZ): da «BIC Lazio» a «Lazio Innova»"),
    (lambda: with_lazio(url="https://new.example", http=(HttpKey("new.example#http-1", LAZIO.http[0].public),)), "cambia: indirizzo di BIC Lazio (bic_LAZ): da https://bic-laz.example a https://new.example"),
    (lambda: with_lazio(ipa_code="bic"), "cambia: codice IPA di BIC Lazio (bic_LAZ): da «bic_LAZ» a «bic»"),
    (lambda: with_lazio(territory=("058", "075")), "cambia: territori di BIC Lazio (bic_LAZ): da 075 a 058, 075"),
    (lambda: with_lazio(contact=""), "cambia: recapito di BIC Lazio (bic_LAZ): da «rete@ente.example» a «»"),
    (lambda: with_lazio(since=LAZIO.since + 1), "cambia: giorno da cui vale lo stato di BIC Lazio (bic_LAZ): da "),
    (lambda: with_lazio(http=(*LAZIO.http, SECOND)), "cambia: chiave http di BIC Lazio (bic_LAZ): si aggiunge bic-laz.example#http-2, impronta "),
    (lambda: with_lazio(http=(SECOND,)), "cambia: chiave http di BIC Lazio (bic_LAZ): bic-laz.example#http-2, impronta "),
    (lambda: with_lazio(witness=()), "cambia: chiave witness di BIC Lazio (bic_LAZ): è tolta bic-laz.example/witness, impronta "),
    (lambda: with_lazio(mirror=(*LAZIO.mirror, cosigner(HOST, "mirror", "new"))), "cambia: chiave mirror di BIC Lazio (bic_LAZ): si aggiunge bic-laz.example/mirror, impronta "),
    (lambda: with_lazio(log=(replace(LOG, until_size=40),)), "voci"),
    (lambda: with_lazio(log=(replace(LOG, frozen=(40, bytes(32))),)), f"cambia: il registro {LOG.origin} di BIC Lazio (bic_LAZ) è chiuso a 40 voci, radice {'00' * 32}"),
    (lambda: with_lazio(log=(LOG, LogKeys(OTHER_ORIGIN, (log_key(OTHER_ORIGIN, "bic_LAZ log"),), None, None))), f"cambia: BIC Lazio (bic_LAZ) ha il registro {OTHER_ORIGIN}"),
    (lambda: with_lazio(seal=seal("new")), "cambia: chiave seal di BIC Lazio (bic_LAZ): "),
    (lambda: with_lazio(seal=None), "cambia: chiave seal di BIC Lazio (bic_LAZ): è tolta "),
    (lambda: document(4, nodes=(replace(LAZIO, rev=9), LECCE)), "cambia: numero di revisione di BIC Lazio (bic_LAZ): da 1 a 9"),
    (lambda: document(4, council=council("uno", "due", "tre", "cinque", threshold=3)), f"entra nel consiglio: chiave {agreement.council_keyid(public('cinque'))}"),
    (lambda: document(4, council=council("uno", "due", "tre", threshold=3)), f"esce dal consiglio: chiave {agreement.council_keyid(public('quattro'))}"),
    (lambda: document(4, council=council("uno", "due", "tre", "quattro", threshold=2)), "cambia: soglia del consiglio: da 3 a 2 firme"),
    (lambda: document(4, secretariat=council("sei", "sette", "otto", "nove", threshold=2)), f"entra in segreteria: chiave {agreement.council_keyid(public('nove'))}"),
    (lambda: document(4, secretariat=council("sei", "sette", threshold=2)), f"esce dalla segreteria: chiave {agreement.council_keyid(public('otto'))}"),
    (lambda: document(4, secretariat=council("sei", "sette", "otto", threshold=1)), "cambia: soglia della segreteria: da 2 a 1 firme"),
    (lambda: document(4, expires=EXPIRES + dt.timedelta(days=365)), f"cambia: scadenza: da {EXPIRES:%d/%m/%Y} a "),
    (lambda: document(4, expires=EXPIRES + dt.timedelta(seconds=1)), f"cambia: scadenza: da {EXPIRES:%d/%m/%Y %H:%M:%S} a "),
    (lambda: document(4, pdf_sha256="0" * 64), f"cambia: protocollo d'intesa firmato: l'impronta SHA-256 del PDF passa da {PDF} a {'0' * 64}"),
    (lambda: document(4, quorum=(4, 2)), "cambia: testimoni di ogni registro: da 3 a 4"),
    (lambda: document(4, quorum=(3, 1)), "cambia: testimoni che bastano: da 2 a 1"),
    (lambda: document(4, terms=replace(TERMS, k_min=6)), "cambia: numero minimo di reti: da 5 a 6"),
    (lambda: document(4, terms=replace(TERMS, introductions_days=30)), "cambia: giorni per cui si tengono le introduzioni concluse: da 1095 a 30"),
    (lambda: document(4, terms=replace(TERMS, keep_epochs_days=30)), "cambia: giorni per cui si tengono i registri degli anni passati: da 730 a 30"),
    (lambda: document(4, terms=replace(TERMS, suspended_days=60)), "cambia: giorni dopo i quali si cancella ciò che è di un nodo sospeso: da 30 a 60"),
    (lambda: document(4, terms=replace(TERMS, data=("profile/1", "call/1"))), "cambia: dati che si possono pubblicare: si aggiunge «call/1»"),
    (lambda: document(4, terms=replace(TERMS, data=("call/1",))), "cambia: dati che si possono pubblicare: non più «profile/1»"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "sentence"), SENTENCES, ids=[sentence[:60] for _, sentence in SENTENCES])
def test_each_change_has_its_sentence_in_both_languages(make: Callable[[], Agreement], sentence: str) -> None:
    """The sentence is among those told, nothing else is beside the version, and English says something of its own."""
    after = make()
    found = told(BASE, after)
    assert any(sentence in one for one in found), found
    assert found[-1] == "versione: da 3 a 4"
    for here, there in zip(found, told(BASE, after, "en"), strict=True):
        assert here != there


def test_one_change_alone_is_told_alone() -> None:
    """No sentence speaks of what did not change."""
    for make, _ in SENTENCES:
        after = make()
        entering = {node.id for node in after.nodes} - {node.id for node in BASE.nodes}
        # Who enters is told field by field; another council or address moves more than one thing.
        if not entering:
            assert 2 <= len(told(BASE, after)) <= 4, told(BASE, after)
    assert told(BASE, BASE) == []
    assert told(BASE, agreement.parse(signed(BASE.raw, "uno"))) == []


def test_who_enters_is_told_with_every_key() -> None:
    """Address, territories, contact and a fingerprint for each key: what a signer compares before the first signature."""
    after = document(4, nodes=(*NODES, member("p_AR", "Provincia di Arezzo")))
    found = told(BASE, after)
    assert found[0].startswith("entra: Provincia di Arezzo (p_AR), dal ")
    for part in ("indirizzo https://p-ar.example", "territori 075", "codice IPA p_AR", "recapito rete@ente.example", "registro p-ar.example/federation/log/2026"):  # fmt: skip
        assert f"Provincia di Arezzo (p_AR): {part}" in found, part
    for role in ("http", "witness", "mirror", "seal", "log"):
        assert sum(f"chiave {role} " in one and "impronta" in one for one in found) == 1, role


def test_the_first_version_is_told_whole() -> None:
    """From nothing: every node, key, threshold, term, the hash and the expiry."""
    found = told(None, document(1))
    for part in ("entra: BIC Lazio", "entra: Provincia di Lecce", "soglia del consiglio: 3 firme", "soglia della segreteria: 2 firme", "numero minimo di reti: 5", PDF, "testimoni di ogni registro: 3", "scadenza: ", "«profile/1»", "versione: 1"):  # fmt: skip
        assert any(part in one for one in found), part
    assert sum("entra nel consiglio" in one for one in found) == 4
    assert sum("entra in segreteria" in one for one in found) == 3


def test_ways_back_have_words_of_their_own() -> None:
    """Re-admitted after a suspension, after leaving, and listed again but suspended are not an entrance."""
    for before, after, words in (
        (Status.SUSPENDED, Status.ACTIVE, "è riammesso: BIC Lazio"),
        (Status.LEFT, Status.ACTIVE, "è riammesso, dopo l'uscita: BIC Lazio"),
        (Status.SUSPENDED, Status.LEFT, "esce, dopo la sospensione: BIC Lazio"),
        (Status.LEFT, Status.SUSPENDED, "è elencato di nuovo, sospeso: BIC Lazio"),
    ):
        was = document(3, nodes=(replace(LAZIO, status=before), LECCE))
        assert told(was, with_lazio(status=after))[0].startswith(words)


def test_a_log_key_added_taken_away_and_ended_are_told_apart() -> None:
    """Three sentences with three fingerprints; an end moved, and one taken back, have theirs."""
    new = log_key(LOG.origin, "new log")
    rotated = (replace(LOG, until_size=12), LogKeys(LOG.origin, (new,), None, None))
    found = told(BASE, with_lazio(log=rotated))
    assert any("si aggiunge quella con impronta" in one for one in found)
    assert any("vale solo fino a 12 voci" in one for one in found)
    was = document(3, nodes=(replace(LAZIO, log=rotated), LECCE))
    assert any("non più fino a 12 voci, ma fino a 7" in one for one in told(was, with_lazio(log=(replace(LOG, until_size=7), rotated[1]))))  # fmt: skip
    assert any("è tolta quella con impronta" in one for one in told(was, with_lazio(log=rotated[1:])))
    assert any("vale senza più il limite di 12 voci" in one for one in told(was, with_lazio(log=(replace(LOG, verifiers=(*LOG.verifiers, new)),))))  # fmt: skip
    closed = document(3, nodes=(replace(LAZIO, log=(replace(LOG, frozen=(5, bytes(32))),)), LECCE))
    assert any("non è più chiuso a 5 voci" in one for one in told(closed, with_lazio(log=(LOG,))))


def test_which_key_is_the_newest_is_a_change() -> None:
    """The order of keys says which is the newest: turned round it is told, as it is for logs."""
    two = document(3, nodes=(replace(LAZIO, http=(*LAZIO.http, SECOND)), LECCE))
    found = told(two, with_lazio(http=(SECOND, *LAZIO.http)))
    assert any("la più nuova è bic-laz.example#http-1" in one for one in found)
    first = told(BASE, with_lazio(http=(SECOND, *LAZIO.http)))
    assert any("la più nuova è bic-laz.example#http-1" in one for one in first)
    keys_of = (*LOG.verifiers, log_key(LOG.origin, "new log"))
    was = document(3, nodes=(replace(LAZIO, log=(replace(LOG, verifiers=keys_of),)), LECCE))
    assert any("ordine dei registri" in one for one in told(was, with_lazio(log=(replace(LOG, verifiers=keys_of[::-1]),))))  # fmt: skip


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value in a document that is no object and no list, with its place."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from leaves(item, (*path, at))
    else:
        yield path, value


# What can have one value only, or changes only together with something else (told by a sentence above).
FIXED = {"url", "_type", "consistent_snapshot", "keytype", "scheme", "public", "keyids", "origin", "keyid", "id"}


def others(path: tuple[Any, ...], value: Any) -> list[Any]:
    """Values that could stand in the place of another."""
    if isinstance(value, int):
        return [value + 1, value - 1]
    origin = LOG.origin if "bic" in value else LECCE.log[0].origin
    host = HOST if "bic" in value else LECCE.authority
    return [
        "suspended", "1.0.30", "2030-01-01T00:00:00Z", "f" * 64, "call/1", "other words", "https://other.example", "099",
        keys.format_vkey(origin, public("x")), keys.format_vkey(f"{host}/witness", public("x"), keys.COSIGNATURE_TYPE),
        keys.format_vkey(f"{host}/mirror", public("x"), keys.COSIGNATURE_TYPE), "5WhP4BQ9qdwJ1J1WiG1wEzoF5hDVp4n1EYwfsL6bXSU=", f"{host}#http-7",
    ]  # fmt: skip


def put(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of a document with another value at a place."""
    changed = copy.deepcopy(body)
    at = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return changed


def parsed(body: Any) -> Agreement | None:
    """The document, None where its form is wrong."""
    try:
        return agreement.parse(agreement.encode({"signatures": [], "signed": body}))
    except PeerWrongError:
        return None


def test_every_field_that_can_change_is_told_when_it_changes() -> None:
    """Each leaf of the document in turn: wherever another value is a document, a sentence beside the version's says so."""
    end = LogKeys(OTHER_ORIGIN, (log_key(OTHER_ORIGIN, "bic_LAZ log"),), 40, (40, bytes(32)))
    base = document(3, nodes=(replace(LAZIO, log=(LOG, end)), LECCE))
    body = json.loads(base.signed)
    moved: set[str] = set()
    for path, value in leaves(body):
        for other in others(path, value):
            after = parsed(put(body, path, other)) if other != value else None
            if after is None or after.signed == base.signed:
                continue
            found = differences(base, after)
            assert found, path
            if path != ("version",):
                assert not any(said.template.startswith("versione") for said in found), path
            moved.update(str(step) for step in path if isinstance(step, str))
    named = {step for path, _ in leaves(body) for step in path if isinstance(step, str)}
    keyids = set(BASE.council.keys) | set(BASE.secretariat.keys)
    assert named - moved - FIXED - keyids - {"keys", "keyval", "snapshot", "timestamp", "root", "roles"} == set()


def test_any_two_documents_that_differ_are_told_apart() -> None:
    """Hundreds of pairs, each of several random changes: never nothing, and the same words for the same pair."""
    drawn = random.Random(7)
    changes: list[Callable[[Node], Node]] = [
        lambda node: replace(node, name=f"Ente {drawn.randrange(3)}"),
        lambda node: replace(node, rev=drawn.randrange(1, 4)),
        lambda node: replace(node, contact=str(drawn.randrange(3))),
        lambda node: replace(node, status=drawn.choice(list(Status))),
        lambda node: replace(node, since=node.since + drawn.randrange(2)),
        lambda node: replace(node, witness=drawn.choice([(), node.witness])),
        lambda node: replace(node, http=drawn.choice([node.http, node.http[::-1], (*node.http, HttpKey(f"{node.authority}#http-9", public(node.id)))])),
        lambda node: replace(node, log=tuple(replace(item, until_size=drawn.choice([None, 3, 4])) for item in node.log)),
    ]  # fmt: skip
    made = []
    for _ in range(60):
        nodes = list(NODES)
        for _ in range(drawn.randrange(4)):
            at = drawn.randrange(2)
            nodes[at] = drawn.choice(changes)(nodes[at])
        made.append(document(3, nodes=tuple(nodes), quorum=(3, drawn.randrange(1, 4))))
    different = 0
    for before in made:
        for after in made:
            found = differences(before, after)
            assert bool(found) == (before.signed != after.signed)
            different += bool(found)
    assert different > 1000


def change(node: Node, **other: Any) -> routine.Consented:
    """A node's next entry, with its consent by the http key it has."""
    after = replace(node, rev=node.rev + 1, **other)
    return routine.consent(agreement.node_json(after), private(f"{node.id} http"), {})


def written(version: int, *changes: routine.Consented) -> routine.Routine:
    """A document of routine changes for the secretariat of the first version."""
    return routine.parse(routine.build(version=version, expires=EXPIRES, secretariat=BASE.secretariat, changes=changes))


def test_a_routine_change_is_told_as_its_effect() -> None:
    """What changes of the nodes as they stand; what a second document adds alone; what follows nothing is called so."""
    moved = change(LAZIO, contact="nuovo@ente.example")
    first = written(1, moved)
    found = [said.told() for said in routine_differences(BASE, None, first)]
    assert "cambia: recapito di BIC Lazio (bic_LAZ): da «rete@ente.example» a «nuovo@ente.example»" in found
    assert found[-1] == "modifiche ordinarie, versione 1"
    again = change(moved.node, name="Lazio Innova")
    second = written(2, moved, again)
    found = [said.told() for said in routine_differences(BASE, first, second)]
    assert any("a «Lazio Innova»" in one for one in found)
    assert not any("recapito" in one for one in found)
    unheard = replace(LAZIO, rev=5, name="Altri")
    forged = routine.consent(agreement.node_json(unheard), private("stranger"), {})
    idle = written(3, moved, again, forged)
    found = [said.told() for said in routine_differences(BASE, second, idle)]
    assert any("non ha effetto: la voce di Altri (bic_LAZ), revisione 5" in one for one in found)
