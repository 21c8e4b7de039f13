"""The node's own keys as an administrator types them: what is shown, what is written for others to sign, and every refusal."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.cli.keys import file_of
from node.flows.trust import council, rotate
from node.flows.upkeep.home import Facts, make_home
from node.protocol import routine
from node.store import keyfiles
from tests.agreed_made import Agreed, agreed
from tests.agreement_made import OFFICE, THREE, signed
from tests.federation_made import Clock, Town, new_database
from tests.forked import FORGE


@pytest.fixture
async def three(server: str, tmp_path: Path) -> AsyncIterator[Agreed]:
    """Three nodes that follow one agreement, all serving."""
    async with agreed(server, tmp_path / "homes", Clock(), ("p_LE", "cmto", "bic-lazio")) as made:
        yield made


async def rete(home: Path, *words: str | Path) -> tuple[int, dict[str, Any], str]:
    """Run one command with --json; return (exit status, its JSON or {}, standard error)."""
    given = [str(word) for word in (*words, "--json", "--home", home)]
    status, out, err = await asyncio.to_thread(FORGE.run, given, {**os.environ, "RETE_HOME": ""}, b"")
    assert b"Traceback" not in err, err.decode()
    return status, json.loads(out) if out.startswith(b"{") else {}, err.decode()


async def done(home: Path, *words: str | Path) -> dict[str, Any]:
    """Run one command that must succeed."""
    status, found, err = await rete(home, *words)
    assert status == 0, err
    return found


async def refused(home: Path, *words: str | Path) -> str:
    """Run one command that must fail; return its code."""
    status, _, err = await rete(home, *words)
    assert status in (1, 2), err
    found = re.search(r"\[([a-z0-9-]+)\]$", err, re.MULTILINE)
    return found.group(1) if found else err


async def bring(raw: bytes, by: tuple[str, ...], *towns: Town) -> None:
    """Have a document signed and brought to nodes."""
    for town in towns:
        place = council.place_of(town.node.agreement)
        assert (await council.receive(town.node.pool, place, signed(raw, by), town.node.clock())).applied


async def test_a_key_is_changed_by_three_commands(three: Agreed, tmp_path: Path) -> None:
    """Rotate writes a file for the secretariat; retire, once it is in force, another; show tells where one stands."""
    lecce, torino, lazio = three
    await lecce.publish(1)
    out = tmp_path / "http-change.json"
    made = await done(lecce.home, "keys", "rotate", "http", "-o", out)
    assert made == {
        "action": "rotated", "role": "http", "kind": "routine", "key_file": "http-2.pem", "old_keys": 1, "file": str(out),
    }  # fmt: skip
    (entry,) = routine.parse(out.read_bytes()).nodes
    assert [key.keyid.rpartition("#")[2] for key in entry.http] == ["http-1", "http-2"]
    assert await refused(lecce.home, "keys", "rotate", "http", "-o", out) == "file-exists"
    assert (await done(lecce.home, "keys", "rotate", "http", "-o", out, "--force"))["key_file"] == "http-2.pem"
    await bring(out.read_bytes(), OFFICE, lecce, torino, lazio)

    shown = await done(lecce.home, "keys", "show")
    assert (shown["agreement"], shown["member"]) == (1, True)
    http = [one for one in shown["keys"] if one["role"] == "http"]
    assert [(one["file"], one["listed"], one["speaks"]) for one in http] == [
        ("http.pem", True, False), ("http-2.pem", True, True),
    ]  # fmt: skip
    assert all(re.fullmatch(r"(?:[0-9a-f]{4} ){7}[0-9a-f]{4}", one["fingerprint"]) for one in shown["keys"])
    secret = lecce.node.ring.held.signing["http"]
    assert not any(key.private_bytes_raw().hex() in json.dumps(shown) for key in secret.values())

    assert await refused(lecce.home, "peer", "card") == "peer-card-unused"

    out = tmp_path / "out.json"
    assert (await done(lecce.home, "keys", "retire", "http", "-o", out))["old_keys"] == 0
    await bring(out.read_bytes(), OFFICE, lecce, torino, lazio)
    assert [key.rpartition("#")[2] for key in torino.node.membership.members["p_LE"].http] == ["http-2"]
    assert await refused(lecce.home, "keys", "retire", "http", "-o", tmp_path / "x.json") == "keys-nothing-old"


def test_each_step_has_a_file_of_its_own() -> None:
    """Without a name, what retires a key does not meet the file of what rotated it."""
    names = [file_of("http", action).name for action in (rotate.ROTATED, rotate.RETIRED, rotate.REVOKED)]
    assert names == ["http-rotate.json", "http-retire.json", "http-revoke.json"]


async def test_a_stolen_log_key_is_for_the_council(three: Agreed, tmp_path: Path) -> None:
    """Revoke writes the next version of the agreement; without a size, or with one that nobody signed, it says what is missing."""
    lecce, torino, lazio = three
    ids = await lecce.publish(2)
    out = tmp_path / "log-change.json"
    assert await refused(lecce.home, "keys", "revoke", "log", "-o", out) == "keys-until-size"
    assert await refused(lecce.home, "keys", "revoke", "log", "--until-size", "3", "-o", out) == "keys-until-size"
    assert await refused(lecce.home, "keys", "revoke", "http", "--until-size", "3", "-o", out) == "usage"
    made = await done(lecce.home, "keys", "revoke", "log", "--until-size", "2", "-o", out)
    assert (made["kind"], made["key_file"], made["old_keys"]) == ("root", "log-2.pem", 0)
    await bring(out.read_bytes(), THREE, lecce, torino, lazio)
    logs = [one for one in (await done(lecce.home, "keys", "show"))["keys"] if one["role"] == "log"]
    assert [(one["file"], one["until_size"], one["speaks"]) for one in logs] == [
        ("log.pem", 2, False), ("log-2.pem", None, True),
    ]  # fmt: skip
    # A proof made by either key is judged by the keys of the agreement in force.
    await torino.sync()
    proof = tmp_path / "proof"
    status, out_, err = await asyncio.to_thread(
        FORGE.run, ["log", "proof", ids[0], "--home", str(torino.home)], {**os.environ, "RETE_HOME": ""}, b""
    )
    assert status == 0, err
    proof.write_bytes(out_)
    assert (await done(lazio.home, "log", "verify", proof))["origin"] == lecce.node.own.origin


async def test_a_lost_key_is_told_and_replaced(three: Agreed, tmp_path: Path) -> None:
    """Without its file a home still opens by command when the next key is made; a key that is there is not lost."""
    lecce, *_ = three
    out = tmp_path / "log.json"
    assert await refused(lecce.home, "keys", "rotate", "log", "--lost", "-o", out) == "keys-not-lost"
    (lecce.home / "keys" / "log.pem").unlink()
    assert await refused(lecce.home, "keys", "show") == "key-file-missing"
    made = await done(lecce.home, "keys", "rotate", "log", "--lost", "-o", out)
    assert (made["kind"], made["key_file"], made["old_keys"]) == ("routine", "log-2.pem", 1)
    logs = [one for one in (await done(lecce.home, "keys", "show"))["keys"] if one["role"] == "log"]
    assert [(one["file"], one["listed"]) for one in logs] == [("log-2.pem", False), (None, True)]


async def test_two_nodes_that_follow_each_other_by_cards_change_only_the_seal_key(server: str, tmp_path: Path) -> None:
    """Without an agreement there is nobody to tell of a second key: the first of each role counts."""
    home = tmp_path / "home"
    make_home(home, Facts("p_LE", "Lecce", "", ("LE",), "127.0.0.1:8441", 8441, 2026, await new_database(server)))
    for words in (("rotate", "log"), ("rotate", "http", "--lost"), ("retire", "log"), ("revoke", "witness")):
        assert await refused(home, "keys", *words) == "keys-need-agreement"
    assert keyfiles.numbers(home / "keys", "log") == [1]
    shown = await done(home, "keys", "show")
    assert (shown["agreement"], {one["speaks"] for one in shown["keys"]}) == (None, {True})
    old = keyfiles.read(home / "keys").seal.public
    made = await done(home, "keys", "rotate", "seal")
    new = keyfiles.read(home / "keys").seal.public
    assert (made["kind"], new == old) == ("peer", False)
    assert made["seal"].startswith("seal = { x25519")


def test_each_step_of_a_change_has_a_file_of_its_own() -> None:
    """Retiring a key after a few days meets no file of the rotation."""
    names = [str(file_of("http", action)) for action in (rotate.ROTATED, rotate.RETIRED, rotate.REVOKED)]
    assert names == ["http-rotate.json", "http-retire.json", "http-revoke.json"]
