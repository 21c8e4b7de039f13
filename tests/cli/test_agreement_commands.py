"""The agreement as a council, a secretariat and an administrator type it: the ceremony, the next version, and every refusal."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from node import runtime
from node.flows.trust import agreement as in_force_flow
from node.flows.trust import council
from node.flows.trust.council_edits import Edits
from node.flows.upkeep.home import make_home
from node.protocol import agreement
from node.store import council_key
from tests.agreed_made import CONTACT, Agreed, agreed, facts_of, first_of, in_force, proposal, request_of
from tests.agreement_made import PDF, THREE, private, signed
from tests.federation_made import Clock, Town, free_ports, new_database
from tests.forked import FORGE


async def rete(*words: str | Path, home: Path | None = None) -> tuple[int, dict[str, Any], str]:
    """Run one command; return (exit status, its JSON or {}, standard error)."""
    given = [str(word) for word in (*words, *(("--home", home) if home else ()))]
    status, out, err = await asyncio.to_thread(FORGE.run, given, {**os.environ, "RETE_HOME": ""}, b"")
    assert b"Traceback" not in err, err.decode()
    return status, json.loads(out) if out.startswith(b"{") else {"text": out.decode()}, err.decode()


async def done(*words: str | Path, home: Path | None = None) -> dict[str, Any]:
    """Run one command that must succeed, with --json."""
    status, found, err = await rete(*words, "--json", home=home)
    assert status == 0, err
    return found


async def refused(*words: str | Path, home: Path | None = None) -> str:
    """Run one command that must fail, with --json; return its code."""
    status, _, err = await rete(*words, "--json", home=home)
    assert status in (1, 2), err
    found = re.search(r"\[([a-z0-9-]+)\]$", err, re.MULTILINE)
    return found.group(1) if found else err


async def keys_in(folder: Path, *names: str) -> list[Path]:
    """Make council keys by command; their cards are beside them."""
    for name in names:
        card = await done("agreement", "council-key", folder / f"{name}.key", "--no-passphrase", "--name", name)
        (folder / f"{name}.json").write_text(json.dumps(card))
    return [folder / f"{name}.key" for name in names]


async def home_in(folder: Path, server: str, name: str) -> Path:
    """A home that follows nobody yet."""
    (port,) = free_ports(1)
    home = folder / name
    make_home(home, facts_of(name, port, await new_database(server)))
    return home


async def test_the_first_version_is_made_signed_offline_and_pinned(server: str, tmp_path: Path) -> None:
    """From keys and requests to two homes that live by it; no home is needed to sign, and a signature short pins nothing."""
    keys = await keys_in(tmp_path, "lecce", "torino", "bari")
    assert all(key.stat().st_mode & 0o777 == 0o600 for key in keys)
    homes = [await home_in(tmp_path, server, name) for name in ("p_LE", "cmto")]
    requests = []
    for home in homes:
        requests.append(home / "request.json")
        shown = await done("agreement", "request", "-o", requests[-1], "--contact", CONTACT, home=home)
        assert (shown["id"], len(shown["words"].split()), shown["contact"]) == (home.name, 32, CONTACT)
    (tmp_path / "intesa.pdf").write_bytes(b"%PDF-1.7 signed")
    file = tmp_path / "1.root.json"
    cards = [word for name in ("lecce", "torino", "bari") for word in ("--council", tmp_path / f"{name}.json")]
    nodes = [word for request in requests for word in ("--node", request)]
    made = await done(
        *("agreement", "init", *cards, "--threshold", "2", *nodes, "--pdf", tmp_path / "intesa.pdf"),
        *("--terms", "k_min=6", "--expires", "2031-12-31", "-o", file),
    )
    assert (made["version"], made["council"]["threshold"], made["terms"]["k_min"], made["expires"][:10]) == (
        1,
        2,
        6,
        "2031-12-31",
    )
    assert {node["id"] for node in made["nodes"]} == {"p_LE", "cmto"}
    assert await refused("agreement", "apply", file, home=homes[0]) == "agreement-unsigned"
    for key in keys[:2]:
        said = await done("agreement", "sign", file, "--key", key, "--yes")
        assert said["fingerprint"] == made["fingerprint"]
        assert any("entra: p_LE (p_LE)" in sentence for sentence in said["differences"])
    assert said["signatures"] == 2
    words = made["fingerprint"].split()
    wrong = " ".join([*words[:-1], "Ancona" if words[-1] != "Ancona" else "Roma"])
    assert await refused("agreement", "apply", file, "--expect", wrong, home=homes[0]) == "agreement-words-differ"
    # Nobody can answer here, and nothing was said to be expected.
    assert await refused("agreement", "apply", file, home=homes[0]) == "confirmation-missing"
    assert not (homes[0] / "agreement" / "1.root.json").exists()
    for home in homes:
        pinned = await done("agreement", "apply", file, "--expect", made["fingerprint"].upper(), home=home)
        assert (pinned["pinned"], pinned["changed"], pinned["version"]) == (True, True, 1)
        shown = await done("agreement", "show", home=home)
        assert (shown["digest"], sum(key["signed"] for key in shown["council"]["keys"])) == (made["digest"], 2)
        assert (home / "agreement" / "1.root.json").stat().st_mode & 0o777 == 0o644
    # The same again is no fault; another first version is one.
    assert not (await done("agreement", "apply", file, home=homes[0]))["changed"]
    _, again, _ = await rete("agreement", "apply", file, home=homes[0])
    assert "è già fissata in questa cartella: nulla cambia" in " ".join(again["text"].split())
    other = tmp_path / "other.json"
    now = runtime.utc_now()
    other.write_bytes(signed(first_of([request_of(homes[0], now)], now), THREE))
    assert await refused("agreement", "apply", other, home=homes[0]) == "agreement-pinned"


async def test_a_home_with_peers_pins_nothing(server: str, tmp_path: Path) -> None:
    """Two sources would say who belongs: it is told what to take away."""
    home = await home_in(tmp_path, server, "p_LE")
    now = runtime.utc_now()
    file = tmp_path / "1.root.json"
    file.write_bytes(signed(first_of([request_of(home, now)], now), THREE))
    text = (home / "node.toml").read_text()
    card = (await done("peer", "card", home=await home_in(tmp_path, server, "cmto")))["peer"]
    (home / "node.toml").write_text(f"{text}\n{card}")
    assert await refused("agreement", "apply", file, home=home) == "config-peers-beside-agreement"
    assert not (home / "agreement").exists()
    (home / "node.toml").write_text(text)
    assert (await done("agreement", "apply", file, "--yes", home=home))["pinned"]


@pytest.fixture
async def two(server: str, tmp_path: Path) -> AsyncIterator[Agreed]:
    """Two nodes that follow one agreement, both serving; commands read the clock of this machine, and so do they."""
    async with agreed(server, tmp_path / "nodes", Clock(runtime.utc_now()), ("p_LE", "cmto")) as made:
        for name in (*THREE, "s1", "s2"):
            write_key(tmp_path / f"{name}.key", name)
        yield made


def write_key(path: Path, name: str) -> None:
    """The key of that name as a file."""
    pem = private(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem)
    path.chmod(0o600)


async def reloaded(town: Town) -> int:
    """The version that a node lives by, once it has looked what other processes did."""
    await in_force_flow.reload(town.node.pool, council.place_of(town.node.agreement))
    return in_force(town.node).version


async def test_a_change_is_proposed_signed_submitted_and_in_force_at_both(two: Agreed, tmp_path: Path) -> None:
    """Several edits in one proposal, said in words at each step; the second signature at the other node makes it so."""
    lecce, torino = two
    file = tmp_path / "2.json"
    edits = ("--suspend", "cmto", "--term", "k_min=7", "--renew")
    made = await done("agreement", "propose", *edits, "-o", file, home=lecce.home)
    assert made["version"] == 2
    wording = "\n".join(made["differences"])
    for words in ("è sospeso: cmto (cmto)", "numero minimo di reti: da 5 a 7"):
        assert words in wording
    assert await refused("agreement", "submit", file, home=lecce.home) == "proposal-unsigned"
    sign = ("agreement", "sign", file, "--key", tmp_path / "lecce.key")
    # Against nothing all would look new: what changes could not be told.
    assert await refused(*sign, "--yes") == "sign-base-missing"
    assert await refused(*sign, home=lecce.home) == "confirmation-missing"
    copy = tmp_path / "copy.json"
    copy.write_bytes(file.read_bytes())
    signed_here = await done("agreement", "sign", file, "--key", tmp_path / "lecce.key", "--yes", home=lecce.home)
    assert signed_here["differences"] == made["differences"]
    sent = await done("agreement", "submit", file, home=lecce.home)
    assert (sent["have"], sent["need"], sent["applied"], sent["told"]) == (1, 2, False, ["cmto"])
    shown = await done("agreement", "show", home=torino.home)
    assert [(p["version"], p["have"], len(p["missing"]), p["differences"]) for p in shown["proposals"]] == [
        (2, 1, 2, made["differences"])
    ]
    # The other signatory never saw the first signature.
    base = tmp_path / "base.json"
    await done("agreement", "show", "--out", base, home=torino.home)
    await done("agreement", "sign", copy, "--key", tmp_path / "bari.key", "--base", base, "--yes")
    assert (await done("agreement", "submit", copy, home=torino.home))["applied"]
    assert (await reloaded(lecce), await reloaded(torino)) == (2, 2)
    assert (await done("peer", "list", home=torino.home))["own_status"] == "suspended"
    assert "Questo nodo è sospeso dal" in await said("peer", "list", home=torino.home)
    _, pulled, _ = await rete("sync", home=torino.home)
    assert "Questo nodo è sospeso dal" in pulled["text"]
    assert (await done("peer", "list", home=lecce.home))["own_status"] == "active"
    history = await done("agreement", "history", home=lecce.home)
    assert [row["version"] for row in history["versions"]] == [1, 2]
    assert history["versions"][1]["differences"] == made["differences"]
    assert history["forks"] == []
    diff = await done("agreement", "diff", "1", "2", home=lecce.home)
    assert (diff["from"], diff["to"], diff["differences"]) == (1, 2, made["differences"])
    back = await done("agreement", "diff", "2", base, home=lecce.home)
    assert any("riammesso" in sentence for sentence in back["differences"])
    # Whoever is late with the same is told that it is done.
    assert (await done("agreement", "submit", copy, home=lecce.home))["applied"]


async def test_a_fully_signed_version_is_applied_from_a_file(two: Agreed, tmp_path: Path) -> None:
    """By hand, where no network is: one version after the other, none skipped, a short one refused."""
    lecce, _ = two
    file = tmp_path / "2.json"
    file.write_bytes(proposal(lecce.node, Edits(suspend=("cmto",)), "lecce"))
    assert await refused("agreement", "apply", file, home=lecce.home) == "agreement-unsigned"
    file.write_bytes(signed(file.read_bytes(), THREE))
    applied = await done("agreement", "apply", file, home=lecce.home)
    assert (applied["version"], applied["pinned"]) == (2, False)
    assert await reloaded(lecce) == 2
    expected = proposal(lecce.node, Edits(readmit=("cmto",)), *THREE)
    file.write_bytes(expected.replace(b'"version": 3', b'"version": 4'))
    assert await refused("agreement", "apply", file, home=lecce.home) == "agreement-version-skipped"


NO_PROPOSALS: tuple[tuple[tuple[str, ...], str], ...] = (
    ((), "proposal-empty"),
    (("--suspend", "nobody"), "agreement-node-unknown"),
    (("--readmit", "cmto"), "agreement-status-wrong"),
    (("--admit", "0123456789"), "enrolment-unknown"),
    (("--term", "k=6"), "agreement-term-unknown"),
    (("--data-remove", "ricette/1"), "agreement-data-unknown"),
    (("--data-add", "ricette"), "agreement-malformed"),
    (("--term", "k_min"), "agreement-term-bad"),
    (("--term", "k_min=4"), "agreement-term-bad"),
    (("--threshold", "4"), "council-threshold"),
    (("--council-remove", "00000000"), "council-key-unknown"),
    (("--url", "cmto=ftp://x"), "peer-url-bad"),
    (("--pdf-sha256", "12"), "agreement-pdf-hash-bad"),
    (("--renew", "--expires", "2030-01-01"), "usage"),
    (("--expires", "2025-01-01"), "agreement-expires-past"),
    (("--expires", "31.12.2031"), "day-bad"),
)


async def test_what_cannot_be_proposed_is_refused_by_its_code(two: Agreed, tmp_path: Path) -> None:
    """Each with what and where, and nothing is written."""
    file = tmp_path / "2.json"
    for edit, code in NO_PROPOSALS:
        assert await refused("agreement", "propose", *edit, "-o", file, home=two.towns[0].home) == code, edit
        assert not file.exists()


async def test_a_whole_entry_is_taken_from_show_and_changed(two: Agreed, tmp_path: Path) -> None:
    """What `show --entry` writes, changed in an editor, is what `propose --change` takes."""
    lecce, _ = two
    status, entry, err = await rete("agreement", "show", "--entry", "cmto", home=lecce.home)
    assert status == 0, err
    file = tmp_path / "entry.json"
    file.write_text(json.dumps(entry | {"contact": "altro@example.it"}))
    out = tmp_path / "2.json"
    made = await done("agreement", "propose", "--change", file, "--url", "p_LE=https://le.example.it", "-o", out, home=lecce.home)  # fmt: skip
    assert any("recapito di cmto" in sentence and "altro@example.it" in sentence for sentence in made["differences"])
    assert any("indirizzo di p_LE" in sentence for sentence in made["differences"])
    found = agreement.parse(out.read_bytes()).node("cmto")
    assert found is not None
    assert found.rev == 2


async def test_signing_says_what_is_wrong_with_a_document_or_a_key(two: Agreed, tmp_path: Path) -> None:
    """A form that is wrong, a key that decides nothing, a key file that others may read, a passphrase that does not fit."""
    lecce, _ = two
    good = tmp_path / "2.json"
    good.write_bytes(proposal(lecce.node, Edits(suspend=("cmto",))))
    bad = tmp_path / "bad.json"
    bad.write_bytes(good.read_bytes()[:-10])
    key = tmp_path / "lecce.key"
    home = lecce.home
    assert await refused("agreement", "sign", bad, "--key", key, "--yes", home=home) == "agreement-malformed"
    assert await refused("agreement", "sign", tmp_path / "none", "--key", key, "--yes", home=home) == "file-unreadable"
    stranger = ("agreement", "sign", good, "--key", tmp_path / "s1.key", "--yes")
    assert await refused(*stranger, home=home) == "council-key-stranger"
    # Before anybody reads what would be signed.
    status, shown, err = await rete(*stranger, home=home)
    assert (status, shown["text"]) == (1, ""), err
    key.chmod(0o644)
    assert await refused("agreement", "sign", good, "--key", key, "--yes", home=home) == "key-file-readable"
    card = tmp_path / "card.json"
    card.write_text("{}")
    assert await refused("agreement", "sign", good, "--key", card, "--yes", home=home) == "key-file-bad"
    status, _, err = await rete("agreement", "sign", good, "--key", tmp_path / "gone.key", "--yes", home=home)
    assert "[key-file-missing]" in err
    assert "rete init" not in err
    secret, wrong = tmp_path / "secret", tmp_path / "wrong"
    for file, words in ((secret, "una frase lunga"), (wrong, "un'altra frase")):
        file.write_text(words)
        file.chmod(0o600)
    locked = tmp_path / "locked.key"
    await done("agreement", "council-key", locked, "--passphrase-file", secret)
    assert b"ENCRYPTED" in locked.read_bytes()
    assert council_key.read(locked, "una frase lunga")
    assert await refused("agreement", "council-key", locked) == "council-key-exists"
    locked_sign = ("agreement", "sign", good, "--key", locked, "--yes")
    assert await refused(*locked_sign, home=home) == "council-key-passphrase-missing"
    for given, code in (
        (wrong, "council-key-passphrase"),
        (secret, "council-key-stranger"),
        (tmp_path / "gone", "passphrase-file-missing"),
    ):
        assert await refused(*locked_sign, "--passphrase-file", given, home=home) == code
    assert agreement.parse(good.read_bytes()).signatures == {}


async def test_commands_of_a_home_without_agreement_say_so(server: str, tmp_path: Path) -> None:
    """A trial by [[peer]] tables has nothing to show, to propose or to submit."""
    home = await home_in(tmp_path, server, "p_LE")
    file = tmp_path / "x.json"
    file.write_bytes(signed(first_of([request_of(home, runtime.utc_now())], runtime.utc_now()), ["lecce"]))
    for words in (("show",), ("history",), ("propose", "--renew", "-o", str(tmp_path / "y")), ("submit", str(file))):
        assert await refused("agreement", *words, home=home) == "agreement-none", words
    assert (await done("agreement", "requests", home=home))["requests"] == []


async def test_init_refuses_what_makes_no_agreement(server: str, tmp_path: Path) -> None:
    """A card twice, a threshold nobody reaches, no PDF, a PDF that is none, the same node twice, a bent request."""
    await keys_in(tmp_path, "lecce", "torino")
    cards = ("--council", tmp_path / "lecce.json", "--council", tmp_path / "torino.json")
    home = await home_in(tmp_path, server, "p_LE")
    request = tmp_path / "request.json"
    await done("agreement", "request", "-o", request, "--contact", CONTACT, home=home)
    assert await refused("agreement", "request", "-o", tmp_path / "r2.json", home=home) == "contact-missing"
    out = tmp_path / "1.json"
    pdf = ("--pdf-sha256", PDF)
    (tmp_path / "x.pdf").write_bytes(b"no")
    bent = tmp_path / "bent.json"
    bent.write_bytes(request.read_bytes().replace(b"p_LE", b"p_TO"))
    for words, code in (
        ((*cards, "--threshold", "3", *pdf), "council-threshold"),
        ((*cards, *cards[:2], "--threshold", "2", *pdf), "council-card-twice"),
        ((*cards, "--threshold", "2"), "agreement-pdf-missing"),
        ((*cards, "--threshold", "2", *pdf, "--expires", "31/12/2024"), "agreement-expires-past"),
        ((*cards, "--threshold", "2", "--pdf", tmp_path / "x.pdf"), "agreement-pdf-bad"),
        ((*cards, "--threshold", "2", *pdf, "--node", request, "--node", request), "agreement-node-there"),
        ((*cards, "--threshold", "2", *pdf, "--node", bent), "enrolment-unproved"),
        (("--council", request, "--threshold", "1", *pdf), "council-card-bad"),
    ):
        assert await refused("agreement", "init", *words, "-o", out) == code
    assert not out.exists()


async def test_a_fork_is_told_with_both_documents_and_settled_by_a_person(two: Agreed, tmp_path: Path) -> None:
    """Nothing comes into force on top of two until somebody says which one the council means; then the next one does."""
    lecce, _ = two
    one, other, late = (tmp_path / f"{name}.json" for name in ("one", "other", "late"))
    one.write_bytes(proposal(lecce.node, Edits(suspend=("cmto",)), *THREE))
    other.write_bytes(proposal(lecce.node, Edits(terms={"k_min": 9}), *THREE))
    await done("agreement", "apply", one, home=lecce.home)
    assert await refused("agreement", "submit", other, home=lecce.home) == "agreement-forked"
    (fork,) = (await done("agreement", "history", home=lecce.home))["forks"]
    digests = [agreement.parse(file.read_bytes()).digest for file in (one, other)]
    assert (fork["version"], fork["applied"], fork["digests"]) == (2, True, digests)
    await reloaded(lecce)
    late.write_bytes(proposal(lecce.node, Edits(readmit=("cmto",)), *THREE))
    assert await refused("agreement", "apply", late, home=lecce.home) == "agreement-forked"
    saved = tmp_path / "saved.json"
    await done("agreement", "settle", "2", digests[1][:8], "-o", saved, home=lecce.home)
    assert agreement.parse(saved.read_bytes()).digest == digests[1]
    assert await refused("agreement", "settle", "2", digests[0], home=lecce.home) == "confirmation-missing"
    assert await refused("agreement", "settle", "2", "00000000", "--yes", home=lecce.home) == "fork-unknown"
    settled = await done("agreement", "settle", "2", digests[1][:8], "--yes", home=lecce.home)
    assert settled["changed"]
    shown = await done("agreement", "show", home=lecce.home)
    assert (shown["digest"], shown["terms"]["k_min"]) == (digests[1], 9)
    assert (await done("agreement", "apply", late, home=lecce.home))["version"] == 3


async def said(*words: str | Path, home: Path | None = None) -> str:
    """What a person reads of one command that must succeed, on one line."""
    status, found, err = await rete(*words, home=home)
    assert status == 0, err
    return " ".join(str(found["text"]).split())


async def test_people_read_what_programs_read(two: Agreed, tmp_path: Path) -> None:
    """Without --json each command says in sentences who enters, what changes, how many signed, and what to do next."""
    lecce, torino = two
    file = tmp_path / "2.json"
    proposed = await said("agreement", "propose", "--suspend", "cmto", "-o", file, home=lecce.home)
    assert "è sospeso: cmto (cmto)" in proposed
    assert "rete agreement submit" in proposed
    signing = await said("agreement", "sign", file, "--key", tmp_path / "lecce.key", "--yes", home=lecce.home)
    assert "è sospeso: cmto (cmto)" in signing
    assert f"firme in {file}: 1" in signing
    again = await said("agreement", "sign", file, "--key", tmp_path / "lecce.key", home=lecce.home)
    assert f"Già firmato con questa chiave; firme in {file}: 1" in again
    sent = await said("agreement", "submit", file, home=lecce.home)
    assert "firme 1 su 2" in sent
    assert "Nodi che l'hanno ricevuta: 1" in sent
    shown = await said("agreement", "show", home=torino.home)
    for words in ("versione 1", "firme necessarie: 2", "attivo", "firme 1 su 2", "è sospeso: cmto (cmto)"):
        assert words in shown
    await done("agreement", "sign", file, "--key", tmp_path / "bari.key", "--yes", home=lecce.home)
    assert "in vigore" in await said("agreement", "apply", file, home=lecce.home)
    assert "sospeso" in await said("agreement", "show", home=lecce.home)
    assert "Versione 2" in await said("agreement", "history", home=lecce.home)
    assert "è sospeso" in await said("agreement", "diff", "1", file, home=lecce.home)
    assert "Nessuna richiesta" in await said("agreement", "requests", home=lecce.home)


async def test_a_key_in_the_clear_is_asked_for_by_name(tmp_path: Path) -> None:
    """Neither a closed input nor a short phrase makes one unawares, and where it is wanted it is said loudly."""
    key, short, phrase = tmp_path / "le.key", tmp_path / "short", tmp_path / "phrase"
    for file, words in ((short, "abc"), (phrase, "quattro parole a caso")):
        file.write_text(words)
        file.chmod(0o600)
    assert await refused("agreement", "council-key", key) == "council-key-passphrase-missing"
    assert await refused("agreement", "council-key", key, "--passphrase-file", short) == "council-key-passphrase-short"
    both = ("--no-passphrase", "--passphrase-file", phrase)
    assert await refused("agreement", "council-key", key, *both) == "usage"
    away = tmp_path / "away" / "le.key"
    assert await refused("agreement", "council-key", away, "--no-passphrase") == "folder-missing"
    assert not key.exists()
    status, _, err = await rete("agreement", "council-key", key, "--no-passphrase")
    assert status == 0
    assert "ATTENZIONE: la chiave" in " ".join(err.split())


async def test_a_card_is_given_again_as_often_as_wanted(tmp_path: Path) -> None:
    """From the key that is there, the same card; one that the shell has emptied is written anew, and no key is made without a place for it."""
    key, card, phrase = tmp_path / "le.key", tmp_path / "le.json", tmp_path / "phrase"
    phrase.write_text("quattro parole a caso")
    phrase.chmod(0o600)
    made = ("agreement", "council-key", key, "--name", "Lecce", "--passphrase-file", phrase)
    card.write_text("something")
    assert await refused(*made, "-o", card) == "file-exists"
    assert not key.exists()
    card.unlink()
    first = await done(*made, "-o", card)
    assert json.loads(card.read_text()) == first
    assert await refused(*made) == "council-key-exists"
    card.write_text("")
    assert await done(*made, "--show", "-o", card) == first
    assert json.loads(card.read_text()) == first
    assert await done(*made, "--show") == first


async def test_what_is_seldom_meant_is_said(tmp_path: Path) -> None:
    """A council of which half or less decides, and an agreement without anybody in it."""
    await keys_in(tmp_path, "lecce", "torino")
    cards = ("--council", tmp_path / "lecce.json", "--council", tmp_path / "torino.json")
    init = ("agreement", "init", *cards, "--pdf-sha256", PDF, "-o", tmp_path / "1.json", "--force", "--threshold")
    assert len((await done(*init, "1"))["warnings"]) == 2
    assert (await done(*init, "2"))["warnings"] == ["nessun ente ne fa parte"]
    assert "ATTENZIONE: per decidere tutto bastano 1 firme" in await said(*init, "1")


async def test_an_expired_first_version_is_pinned_only_by_its_fingerprint(server: str, tmp_path: Path) -> None:
    """Whoever only says yes is stopped: it is a mistake, or there are later ones; whoever compared it may begin with it."""
    home = await home_in(tmp_path, server, "p_LE")
    then = runtime.utc_now() - dt.timedelta(days=900)
    file = tmp_path / "1.json"
    file.write_bytes(signed(first_of([request_of(home, then)], then), THREE))
    assert await refused("agreement", "apply", file, "--yes", home=home) == "agreement-pin-expired"
    assert not (home / "agreement").exists()
    digest = agreement.parse(file.read_bytes()).digest
    assert (await done("agreement", "apply", file, "--expect", digest, home=home))["expired"]


async def test_a_wrong_pin_is_taken_back_while_nothing_stands_on_it(server: str, tmp_path: Path) -> None:
    """With the same keys and the same request the home then pins the right one, and lives by it."""
    home = await home_in(tmp_path, server, "p_LE")
    now = runtime.utc_now()
    asked, other = request_of(home, now), request_of(await home_in(tmp_path, server, "cmto"), now)
    wrong, right = tmp_path / "wrong.json", tmp_path / "right.json"
    wrong.write_bytes(signed(first_of([asked, other], now), THREE))
    right.write_bytes(signed(first_of([asked], now), THREE))
    assert await refused("agreement", "unpin", "--yes", home=home) == "agreement-none"
    await done("agreement", "apply", wrong, "--yes", home=home)
    assert await refused("agreement", "apply", right, "--yes", home=home) == "agreement-pinned"
    assert await refused("agreement", "unpin", home=home) == "confirmation-missing"
    taken = await done("agreement", "unpin", "--yes", home=home)
    assert taken["unpinned"] == agreement.parse(wrong.read_bytes()).digest
    assert await refused("agreement", "show", home=home) == "agreement-none"
    assert (await done("agreement", "apply", right, "--yes", home=home))["pinned"]
    shown = await done("agreement", "show", home=home)
    assert (shown["digest"], len(shown["nodes"])) == (agreement.parse(right.read_bytes()).digest, 1)


async def test_a_pin_on_which_something_stands_stays(two: Agreed, server: str, tmp_path: Path) -> None:
    """An entry of a log, or a later version: the way back is a new folder; whose keys another root lists is not the question then."""
    lecce, torino = two
    await lecce.publish(1)
    assert await refused("agreement", "unpin", "--yes", home=lecce.home) == "agreement-built-upon"
    file = tmp_path / "2.json"
    file.write_bytes(proposal(torino.node, Edits(terms={"k_min": 6}), *THREE))
    await done("agreement", "apply", file, home=torino.home)
    assert await refused("agreement", "unpin", "--yes", home=torino.home) == "agreement-built-upon"
    assert (torino.home / "agreement" / "1.root.json").exists()
    (tmp_path / "other").mkdir()
    now = runtime.utc_now()
    other = request_of(await home_in(tmp_path / "other", server, "cmto"), now)
    file.write_bytes(signed(first_of([other], now), THREE))
    assert await refused("agreement", "apply", file, "--yes", home=torino.home) == "agreement-pinned"


async def test_what_differs_from_the_expected_is_shown(server: str, tmp_path: Path) -> None:
    """Both fingerprints and the first place where they part, for words and for digits."""
    home = await home_in(tmp_path, server, "p_LE")
    now = runtime.utc_now()
    file = tmp_path / "1.json"
    file.write_bytes(signed(first_of([request_of(home, now)], now), THREE))
    digest = agreement.parse(file.read_bytes()).digest
    words = (await done("agreement", "show", file))["fingerprint"].split()
    for expected, place in (
        (" ".join([*words[:2], "Altrove", *words[3:]]), "parola 3"),
        (" ".join(words[:-1]), "parola 32"),
        (f"{digest[:4]}{'0' if digest[4] != '0' else '1'}{digest[5:]}", "cifra 5"),
    ):
        status, _, err = await rete("agreement", "apply", file, "--expect", expected, home=home)
        assert status == 1
        assert f"diversa dalla {place} in poi. Attesa: {expected}. Trovata: " in " ".join(err.split())


async def test_a_document_short_of_signatures_is_to_be_signed_by_others(two: Agreed, tmp_path: Path) -> None:
    """That is said, and not that the file was changed."""
    lecce, _ = two
    file = tmp_path / "2.json"
    file.write_bytes(proposal(lecce.node, Edits(terms={"k_min": 6}), "lecce"))
    _, _, err = await rete("agreement", "apply", file, home=lecce.home)
    assert f"farla firmare anche ad altri: «rete agreement show {file}» dice chi manca" in err


async def test_the_first_version_is_told_beside_the_newest(two: Agreed, tmp_path: Path) -> None:
    """Whoever joins compares the first one's words: both stand there, each named; an open proposal has its own, and who is missing."""
    lecce, _ = two
    first = in_force(lecce.node)
    file = tmp_path / "2.json"
    made = await done("agreement", "propose", "--term", "k_min=7", "-o", file, home=lecce.home)
    await done("agreement", "sign", file, "--key", tmp_path / "lecce.key", "--yes", home=lecce.home)
    await done("agreement", "submit", file, home=lecce.home)
    shown = await done("agreement", "show", home=lecce.home)
    assert "first" not in shown
    text = await said("agreement", "show", home=lecce.home)
    assert made["fingerprint"] in text
    assert all(f"{keyid} non ha firmato" in text for keyid in shown["proposals"][0]["missing"])
    await done("agreement", "sign", file, "--key", tmp_path / "bari.key", "--yes", home=lecce.home)
    await done("agreement", "submit", file, home=lecce.home)
    shown = await done("agreement", "show", home=lecce.home)
    assert (shown["first"]["digest"], shown["digest"]) == (first.digest, made["digest"])
    text = await said("agreement", "show", home=lecce.home)
    assert f"PRIMA versione (la confronta chi entra): {shown['first']['fingerprint']} {first.digest}" in text
    assert f"di questa versione (2): {made['fingerprint']}" in text
    history = await said("agreement", "history", home=lecce.home)
    assert "Enti: 2; consiglio, firme necessarie: 2 su 3" in history
    assert "entra nel consiglio" not in history


async def test_routine_changes_are_called_so_at_each_step(two: Agreed, tmp_path: Path) -> None:
    """They count by themselves; what they did is shown, and is no news in the version that takes them up."""
    lecce, _ = two
    file, late = tmp_path / "http.json", tmp_path / "late.json"
    await done("keys", "rotate", "http", "-o", file, home=lecce.home)
    signing = await said("agreement", "sign", file, "--key", tmp_path / "s1.key", "--yes", home=lecce.home)
    assert "Il documento sono modifiche ordinarie, versione 1" in signing
    assert "Proposta di modifiche ordinarie, versione 1: firme 1 su 2" in await said("agreement", "submit", file, home=lecce.home)  # fmt: skip
    assert "aperta di modifiche ordinarie (versione 1)" in await said("agreement", "show", home=lecce.home)
    await done("agreement", "sign", file, "--key", tmp_path / "s2.key", "--yes", home=lecce.home)
    late.write_bytes(file.read_bytes())
    assert "modifiche ordinarie, versione 1, sono in vigore" in await said("agreement", "submit", file, home=lecce.home)
    _, _, err = await rete("agreement", "submit", late, home=lecce.home)
    assert "le modifiche ordinarie sono della versione 1, e qui è già in vigore la 1 di esse" in err
    shown = await done("agreement", "show", home=lecce.home)
    assert any("chiave http di p_LE" in sentence for sentence in shown["routine"])
    assert "Modifiche ordinarie già in vigore" in await said("agreement", "show", home=lecce.home)
    second = tmp_path / "2.json"
    made = await done("agreement", "propose", "--url", "p_LE=https://le.example.it", "-o", second, home=lecce.home)
    known = [sentence for sentence in made["differences"] if "chiave http" in sentence]
    assert any(sentence.startswith("già in vigore come modifica ordinaria") for sentence in known)
    assert any("indirizzo di p_LE" in sentence for sentence in made["differences"])
    signing = await done("agreement", "sign", second, "--key", tmp_path / "lecce.key", "--yes", home=lecce.home)
    assert signing["differences"] == made["differences"]


async def test_remedies_name_what_can_be_done(two: Agreed, tmp_path: Path) -> None:
    """A status in words, the bounds of a term, a base that is old, a proposal that leaves one node alone."""
    lecce, _ = two
    file = tmp_path / "2.json"
    _, _, err = await rete("agreement", "propose", "--readmit", "cmto", "-o", file, home=lecce.home)
    assert "nello stato «attivo»" in err
    _, _, err = await rete("agreement", "propose", "--term", "k_min=2", "-o", file, home=lecce.home)
    assert "k_min va da 5 a 1000" in err
    made = await done("agreement", "propose", "--suspend", "cmto", "-o", file, home=lecce.home)
    assert ["gli enti attivi sarebbero 1" in warning for warning in made["warnings"]] == [True]
    base, late = tmp_path / "base.json", tmp_path / "3.json"
    await done("agreement", "show", "-o", base, home=lecce.home)
    file.write_bytes(signed(file.read_bytes(), THREE))
    await done("agreement", "apply", file, home=lecce.home)
    await reloaded(lecce)
    late.write_bytes(proposal(lecce.node, Edits(readmit=("cmto",))))
    _, _, err = await rete("agreement", "sign", late, "--key", tmp_path / "lecce.key", "--base", base, "--yes")
    assert "[proposal-ahead]" in err
    assert "rete agreement show -o base.json" in err
