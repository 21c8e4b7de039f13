"""The agreement at work: four nodes of the pilot, a fifth that joins, keys that change, one that is suspended and comes back.

Real processes and sockets, commands as people type them; pulls and an introduction go on all the while.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.agreement_live import Office, Pilot, failures, first_network, open_profile, pilot, until
from tests.federation_made import new_database

CONTACT = ("--person", "Prova Legale", "--contact-person", "Prova Referente", "--role", "referente", "--phone", "0832 000000")  # fmt: skip
BY = ("--by", "anna")


async def admitted(now: Pilot, database: str) -> Office:
    """Let a fifth in: it joins by one node, the others hear of it by themselves, three sign each on their own copy."""
    lecce, torino = now["p_LE"], now["cmto"]
    arezzo, said = await now.join(torino, "p_AR", "Provincia di Arezzo", "AR", database)
    assert (said["state"], said["version"], said["joined_by"]) == ("pending", 1, torino.url)
    waiting = (await torino.rete("agreement", "requests"))["requests"]
    assert [(one["id"], one["fingerprint"], one["words"]) for one in waiting] == [
        ("p_AR", said["fingerprint"], said["words"])
    ]
    await now.serve(arezzo)
    now.offices.pop("p_AR")
    assert await arezzo.told_by(lecce) == "signature-unknown-key"
    file = now.folder / "proposta.json"
    made = await torino.rete("agreement", "propose", "--admit", said["fingerprint"], "--out", str(file))
    assert made["version"] == 2
    assert any("entra" in line and "Provincia di Arezzo" in line for line in made["differences"])
    have = []
    for office, key in zip(list(now.offices.values())[:3], now.council, strict=False):
        # Each holds a copy of the same proposal, and gives it to the own node.
        copy = now.folder / f"firmata-{office.id}.json"
        copy.write_bytes(file.read_bytes())
        await now.signed(copy, [key], now.founded.file)
        have.append(await office.rete("agreement", "submit", str(copy)))
    assert [(one["have"], one["need"], one["applied"]) for one in have] == [(1, 3, False), (2, 3, False), (3, 3, True)]
    now.offices["p_AR"] = arezzo
    now.say(f"the fifth is in, at all nodes after {await now.everywhere(2):.1f} s")
    assert (await arezzo.rete("join", "--status"))["state"] == "admitted"
    return arezzo


async def changed(now: Pilot, office: Office, role: str, deed: str) -> None:
    """Change a key of a node as a routine: its own consent in the file, two of the secretariat sign."""
    file, base = now.folder / f"{role}-{deed}.json", now.folder / f"base-{role}-{deed}.json"
    made = await office.rete("keys", deed, role, "--out", str(file))
    assert (made["kind"], made["role"], made["file"]) == ("routine", role, str(file))
    await office.rete("agreement", "show", "--out", str(base))
    await now.signed(file, now.secretariat[:2], base)
    sent = await office.rete("agreement", "submit", str(file))
    assert sent["applied"], sent


class Case:
    """An introduction between two offices, one step at a time, each seen by the other before the next."""

    def __init__(self, seeker: Office, owner: Office, case: str) -> None:
        """Begin with a draft."""
        self.seeker, self.owner, self.id = seeker, owner, case

    async def step(self, who: Office, state: str, *words: str) -> None:
        """Do one thing, and wait until the other office sees it."""
        moved = await who.rete("intro", words[0], self.id, *words[1:], *BY)
        assert moved["state"] == state
        await self.seen(self.owner if who is self.seeker else self.seeker, state)

    async def seen(self, office: Office, state: str) -> None:
        """Wait until an office sees the case in a state; what is sent is received by the node itself."""
        states = {state, "received"} if state == "sent" else {state}

        async def there() -> bool:
            listed: list[dict[str, Any]] = (await office.rete("intro", "list"))["introductions"]
            return [one["introduction_id"] for one in listed if one["state"] in states] == [self.id]

        await until(f"{self.id} {state} at {office.id}", there)


@pytest.mark.timeout(180)
async def test_five_nodes_live_by_the_agreement(server: str, desk_listed: str, tmp_path: Path) -> None:
    """The fifth joins, Lecce changes its keys, Torino is suspended and comes back; pulls and an introduction go on throughout."""
    databases = {"p_LE": await new_database(server, desk_listed)}
    async with pilot(server, tmp_path, databases) as now:
        now.told = print
        lecce, torino = now["p_LE"], now["cmto"]
        now.say("four nodes serve")
        wanted = await open_profile(lecce)
        await torino.publish()
        now.say(f"news of Lecce reach all in {await now.goes_on('p_LE'):.1f} s")

        arezzo = await admitted(now, await new_database(server, desk_listed))
        await until("the fifth finds what the others published", lambda: finds(arezzo, {"p_LE": 2, "cmto": 1}))
        now.say(f"news of Lecce reach all in {await now.goes_on('p_LE'):.1f} s")
        asked = await arezzo.rete("intro", "ask", wanted, "--network", await first_network(arezzo), "--text", "Cerchiamo un partner.", *BY)  # fmt: skip
        case = Case(arezzo, lecce, asked["introduction_id"])
        await case.step(arezzo, "sent", "endorse")
        await case.step(lecce, "under_check", "check")
        now.say("the fifth asks Lecce for an introduction")

        await changed(now, lecce, "http", "rotate")
        await changed(now, lecce, "log", "rotate")
        for office in now.offices.values():
            await until("both keys of each are known", lambda office=office: speaks(office, lecce, (2, 2, 2)))
        now.say("Lecce has two http and two log keys, and signs its log with both")
        await case.step(lecce, "forwarded", "forward")
        now.say(f"news of Lecce reach all in {await now.goes_on('p_LE'):.1f} s")
        await changed(now, lecce, "http", "retire")
        await changed(now, lecce, "log", "retire")
        now.say("Lecce's old keys are gone")
        await case.step(lecce, "accepted", "accept")
        now.say(f"news of Lecce reach all in {await now.goes_on('p_LE'):.1f} s")
        for office in now.offices.values():
            await until(
                "the new keys alone are known, and speak", lambda office=office: speaks(office, lecce, (1, 1, 1))
            )

        version = await now.decide(now["bic-lazio"], "--suspend", "cmto")
        now.say(f"Torino is suspended, at all nodes after {await now.everywhere(version):.1f} s")
        for office in (lecce, now["cciaa_le"], now["bic-lazio"], arezzo):
            assert await office.finds("cmto") == 0
            assert await torino.told_by(office) == "member-suspended"
        told = await torino.rete("agreement", "show")
        assert {one["id"]: one["status"] for one in told["nodes"]}["cmto"] == "suspended"
        assert "suspended-self" in await torino.doctor()
        await case.step(arezzo, "accepted", "consent", *CONTACT, "--yes")
        now.say(f"news of Lecce reach all others in {await now.goes_on('p_LE', but=['cmto']):.1f} s")

        version = await now.decide(now["bic-lazio"], "--readmit", "cmto")
        now.say(f"Torino is back, at all nodes after {await now.everywhere(version):.1f} s")
        for office in (lecce, now["cciaa_le"], now["bic-lazio"], arezzo):
            await until("Torino's profile is found again", lambda office=office: finds(office, {"cmto": 1}))
            assert await torino.told_by(office) == ""
        await lecce.rete("intro", "consent", case.id, *CONTACT, "--yes", *BY)
        for office in (arezzo, lecce):
            await case.seen(office, "introduced")
        now.say("the two offices know each other's names")
        now.say(f"news of Lecce reach all in {await now.goes_on('p_LE'):.1f} s")
        now.say(f"news of Torino reach all in {await now.goes_on('cmto'):.1f} s")
        assert "suspended-self" not in await torino.doctor()
        assert failures(tmp_path) == []


async def speaks(office: Office, of: Office, expected: tuple[int, int, int]) -> bool:
    """Tell whether a node knows so many http and log keys of another, whose newest head has so many lines of its own."""
    return await office.voices(of) == expected


async def finds(office: Office, expected: dict[str, int]) -> bool:
    """Tell whether a node finds so many profiles of each administration."""
    return {owner: await office.finds(owner) for owner in expected} == expected
