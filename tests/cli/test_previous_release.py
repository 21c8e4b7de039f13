"""The release before this one beside this one: they pull each other, an introduction goes both ways, the older one is upgraded in place.

Real processes of both programs, each on a database that only it has ever touched, until the newer one takes over that of the older one.
``RETE_PREVIOUS=whole`` (make prove) installs the older one's own packages and goes the whole way; else what takes minutes is left out.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from node import runtime
from node.flows.upkeep.home import Facts
from tests.conftest import dsn_of
from tests.crash import digests
from tests.federation_made import MADE, free_ports
from tests.previous import THIS, WHOLE, Release, named, previous

OLD, NEW, THIRD = "p_LE", "cmto", "bic-lazio"
TEXT = "Cerchiamo un partner per la distribuzione."
CONTACT = ("--person", "Prova Legale", "--contact-person", "Prova Referente", "--role", "referente", "--phone", "0832 000000", "--yes")  # fmt: skip
BY = ("--by", "anna")


async def empty_database(server: str) -> str:
    """The DSN of a database that no program has touched yet."""
    name = f"f_{uuid.uuid4().hex[:16]}"
    admin = await asyncpg.connect(dsn_of(server, "postgres"))
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    finally:
        await admin.close()
    MADE.append((server, name))
    return dsn_of(server, name)


@dataclass
class Side:
    """One node: its program, its home, what it has."""

    release: Release
    home: Path
    port: int
    made: Mapping[str, list[str]]

    async def rete(self, *words: str) -> dict[str, object]:
        """Run one command that must succeed."""
        return await self.release.rete(self.home, *words)

    async def found(self, owner: str) -> int:
        """How many profiles of a member this node's search shows."""
        url = f"http://127.0.0.1:{self.port}/api/v1/profiles?owner={owner}"
        async with aiohttp.ClientSession() as session, session.get(url) as reply:
            return int((await reply.json())["total"])

    async def until(self, owner: str, count: int) -> None:
        """Wait until the search shows so many."""
        async with asyncio.timeout(60):
            while await self.found(owner) != count:  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.2)

    async def until_state(self, case: str, state: str) -> None:
        """Wait until an introduction stands somewhere here."""
        async with asyncio.timeout(120):
            while True:
                listed = await self.rete("intro", "list")
                cases = listed["introductions"]
                assert isinstance(cases, list)
                if any(one["introduction_id"] == case and one["state"] == state for one in cases):
                    return
                await asyncio.sleep(0.3)


async def sides(server: str, folder: Path, older: Release) -> list[Side]:
    """Three homes that follow each other: one made by the older program, two by this one."""
    ports, releases = free_ports(3), (older, THIS, THIS)
    year = dt.datetime.now(dt.UTC).year
    facts = [
        Facts(
            id=i, name=i, ipa_code="", territory=("LE",), authority=f"127.0.0.1:{port}", port=port, epoch=year,
            database_url=await empty_database(server), round="immediate",
        )
        for i, port in zip((OLD, NEW, THIRD), ports, strict=True)
    ]  # fmt: skip
    homes = [folder / one.id for one in facts]
    cards = [
        (await release.made("make", home, one))["card"]
        for release, home, one in zip(releases, homes, facts, strict=True)
    ]
    made = []
    for number, (release, home, one) in enumerate(zip(releases, homes, facts, strict=True)):
        others = [card for at, card in enumerate(cards) if at != number]
        made.append(await release.made("follow" if one.id == THIRD else "fill", home, one, others))
    return [Side(*one) for one in zip(releases, homes, ports, made, strict=True)]


async def introduce(seeker: Side, owner: Side, profile_id: str) -> None:
    """From the draft to two names, each step by its own side's program."""
    asked = await seeker.rete("intro", "ask", profile_id, "--network", seeker.made["networks"][1], "--text", TEXT, *BY)
    case = str(asked["introduction_id"])
    await seeker.rete("intro", "endorse", case, *BY)
    await owner.until_state(case, "received")
    for words in (("check",), ("forward",), ("accept",)):
        await owner.rete("intro", words[0], case, *BY)
    await seeker.until_state(case, "accepted")
    await seeker.rete("intro", "consent", case, *CONTACT, *BY)
    await owner.rete("intro", "consent", case, *CONTACT, *BY)
    for side in (seeker, owner):
        await side.until_state(case, "introduced")


async def logs(home: Path) -> dict[str, dict[str, str]]:
    """Digests of every followed log by its owner, as this program reads them; nobody accused anybody."""
    async with runtime.open_node(home) as node, node.pool.acquire() as conn:
        rows = await conn.fetch("SELECT origin_id, owner FROM log.origin ORDER BY owner")
        assert await conn.fetchval("SELECT count(*) FROM log.evidence") == 0
        return {row["owner"]: await digests(conn, row["origin_id"]) for row in rows}


async def restore(old: Side, copy: Path, words: Path, folder: Path) -> Path:
    """Try and restore a copy that the older program made, by this one; return the new home."""
    given = ("--passphrase-file", str(words), "--json")
    status, _, err = await THIS.run("-m", "node", "backup", "verify", str(copy), *given, "--scratch", str(folder))
    assert status == 0, err
    home = folder / "restored"
    status, _, err = await THIS.run(
        "-m", "node", "backup", "restore", str(copy), *given, "--home", str(home), "--embedded"
    )
    assert status == 0, err
    status, _, err = await THIS.run("-m", "node", "profile", "withdraw", old.made["profiles"][0], "--home", str(home))
    assert "log-fenced" in err
    return home


@pytest.mark.timeout(900)
@pytest.mark.skipif(not WHOLE, reason="two programs, three nodes, four minutes: RETE_PREVIOUS=whole (make prove)")
async def test_the_release_before_federates_is_taken_over_and_its_backup_is_restored(
    server: str, tmp_path: Path
) -> None:
    """Publish, pull and search both ways; two introductions; a copy; taken over in place; the copy restored, fenced and recovered; no fork."""
    older = await asyncio.to_thread(previous, tmp_path)
    old, new, third = await sides(server, tmp_path, older)
    words = tmp_path / "words"
    words.touch(mode=0o600)
    words.write_text("corretto cavallo graffetta\n")
    copies = tmp_path / "copies"
    copies.mkdir()
    async with AsyncExitStack() as stack:
        for side in (new, third):
            await stack.enter_async_context(side.release.serving(side.home, side.port))
        async with older.serving(old.home, old.port):
            for side, number in ((old, 0), (new, 1)):
                await side.rete("profile", "publish", side.made["profiles"][number])
            for side in (old, new, third):
                for owner in (OLD, NEW):
                    await side.until(owner, 1)
            await introduce(new, old, old.made["profiles"][0])
            await introduce(old, new, new.made["profiles"][1])
            copy = Path(str((await old.rete("backup", "create", str(copies), "--passphrase-file", str(words)))["file"]))
            await old.rete("profile", "publish", old.made["profiles"][1])
            await new.until(OLD, 2)
        # In place: the same home and database, by this program from now on.
        old.release = THIS
        async with THIS.serving(old.home, old.port):
            await old.rete("profile", "publish", old.made["profiles"][2])
            for side in (new, third):
                await side.until(OLD, 3)
            await old.until(NEW, 1)
        # The home of before is off for ever; what its copy lacks comes back from the mirrors.
        old.home = await restore(old, copy, words, tmp_path)
        async with THIS.serving(old.home, old.port):
            for side in (old, new, third):
                await side.until(OLD, 3)
            shown = await old.rete("log", "show")
            assert shown["state"] == "ready"
            mine, *theirs = [(await logs(side.home))[OLD] for side in (old, new, third)]
            assert theirs == [mine, mine]


@pytest.mark.timeout(240)
async def test_a_backup_of_the_release_before_passes_the_trial_of_this_one(tmp_path: Path) -> None:
    """Made by its own `rete backup create`; every byte, the restore, the schema brought forward, the tables, the signed log."""
    older = await asyncio.to_thread(previous, tmp_path)
    (port,) = free_ports(1)
    facts = Facts(OLD, OLD, "", ("LE",), f"127.0.0.1:{port}", port, dt.datetime.now(dt.UTC).year)
    await older.made("small", tmp_path / "home", facts)
    words = tmp_path / "words"
    words.touch(mode=0o600)
    words.write_text("corretto cavallo graffetta\n")
    given = ("--passphrase-file", str(words))
    made = await older.rete(tmp_path / "home", "backup", "create", str(tmp_path / "copy.backup"), *given)
    status, out, err = await THIS.run(
        "-m", "node", "backup", "verify", str(made["file"]), *given, "--json", "--scratch", str(tmp_path)
    )
    told = json.loads(out)
    assert (status, told["ok"], told["problems"], told["log_size"]) == (0, True, [], 21), err
    assert (told["rows"], told["tables"]) == (made["rows"], made["tables"])


async def test_the_changelog_names_a_release_that_is_there() -> None:
    """A commit of this history, older than what is here, with a program and locks of its own."""
    version, commit = named()
    assert version.count(".") == 2
    older = await asyncio.to_thread(previous_files, commit)
    if older is None:
        pytest.skip("the commit is not here: a shallow clone, or no repository")
    assert {"requirements.lock", "node/__main__.py", "CHANGELOG.md"} <= set(older)
    newest = max(path for path in older if path.startswith("node/store/migrations/"))
    # What it made can be taken over: each of its migrations is there still, byte for byte.
    assert (Path(__file__).resolve().parents[2] / newest).is_file()


def previous_files(commit: str) -> list[str] | None:
    """The paths of a commit that this one has come from; None where it can't be told."""
    from tests.previous import git

    if git("merge-base", "--is-ancestor", commit, "HEAD") is None:
        return None
    listed = git("ls-tree", "-r", "--name-only", commit)
    return None if listed is None else listed.decode().splitlines()
