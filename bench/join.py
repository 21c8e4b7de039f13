"""How long a new administration waits for its first search over everything: from an empty folder, machine time alone.

One member that follows an agreement serves ``profiles`` profiles as a ``rete serve`` process. Then, each step a command of its own as people
type it: ``rete join`` (home, keys, its own database, agreement, request), ``rete serve`` of the new home, proposing, signing twice and submitting at
the member, and the seconds until a search of the new home finds all of them. What people do in between (a telephone call, two
signatures) is not counted. The peer of the ratio is the copy of the member's database by ``pg_dump | pg_restore``'s cheaper sister, CREATE
DATABASE ... TEMPLATE, which verifies nothing: how much slower is it not to trust anybody?
Usage: python bench/join.py [profiles]
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import asyncpg

from bench.federation import CHECKOUT, free_port
from bench.logs_made import profiles, publish
from node import runtime, telemetry
from node.cli.processes import Served, serving
from node.flows.trust import council_card, council_first, enrol
from node.flows.trust.council_draft import TERMS, YEAR
from node.flows.upkeep.home import Facts, make_home
from node.protocol import agreement
from node.store import council_key, embedded, keyfiles, pin

TARGET_S = 120
ANSWER_S = 900


async def rete(*words: str | Path, home: Path | None = None) -> dict[str, Any]:
    """Run one command with --json in a process of its own."""
    given = [str(word) for word in (*words, "--json", *(("--home", home) if home else ()))]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "node", *given), cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE, env={**os.environ}
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(process.returncode)
    found: dict[str, Any] = json.loads(out)
    return found


async def member(folder: Path, count: int) -> tuple[Path, str, str]:
    """Make a member alone in its agreement, with ``count`` profiles; return its home, its URL, the words of its first version."""
    home, port, now = folder / "member", free_port(), runtime.utc_now()
    make_home(home, Facts("origin", "member", "", ("IT",), f"127.0.0.1:{port}", port, 2026, cluster="../postgres"))
    config = runtime.read_config(home)
    asked = enrol.request_of(config, keyfiles.read(home / config.federation.keys), "reti@example.it", now)
    keys = [council_key.create(folder / f"{name}.key", "") for name in ("one", "two")]
    cards = [council_card.card_of("", key.public_key().public_bytes_raw()) for key in keys]
    until = now.replace(microsecond=0) + YEAR
    raw = council_first.first(council_first.Beginning(cards, 2, [], 1, [asked], until, TERMS, "0" * 64), now)
    raw = agreement.with_signatures(raw, [agreement.sign(raw, key) for key in keys])
    pin.write(home, raw)
    async with runtime.open_node(home) as node:
        await publish(node, profiles(count))
    words = " ".join(enrol.enrolment.words(bytes.fromhex(agreement.parse(raw).digest)))
    return home, f"http://127.0.0.1:{port}", words


async def main(count: int) -> None:
    """Print each step's seconds, their sum against the target, and the ratio to an unverified copy."""
    telemetry.configure(level="ERROR")
    with tempfile.TemporaryDirectory(prefix="rete-bench-") as place:
        folder = Path(place)
        with embedded.lease(folder / "postgres") as cluster:
            home, url, words = await member(folder, count)
            began = time.perf_counter()
            admin = await asyncpg.connect(cluster.dsn("postgres"), timeout=10)
            await admin.execute('CREATE DATABASE copy TEMPLATE "rete"', timeout=300)
            await admin.close()
            copied = time.perf_counter() - began
            async with serving([Served(home, url, folder / "member.log")]):
                steps = await joined(folder, home, url, words, count)
    total = sum(steps.values())
    print(f"{'in all':28} {total:8.1f} s for {count} profiles; target {TARGET_S} s: {total / TARGET_S:.2f} of it")
    print(f"{'an unverified copy':28} {copied:8.1f} s; ratio {total / copied:.1f}")


async def joined(folder: Path, member_home: Path, url: str, words: str, count: int) -> dict[str, float]:
    """Join, be admitted, find everything; return the seconds of each step."""
    steps: dict[str, float] = {}
    port, home, file = free_port(), folder / "new", folder / "2.json"
    base = member_home / pin.FILE
    last = time.perf_counter()

    def done(name: str) -> None:
        nonlocal last
        steps[name], last = time.perf_counter() - last, time.perf_counter()
        print(f"{name:28} {steps[name]:8.1f} s", flush=True)

    options = ("--id", "new", "--name", "new", "--territory", "LE", "--authority", f"127.0.0.1:{port}")
    asked = await rete(
        "join", url, *options, "--port", str(port), "--contact", "a@example.it", "--expect", words, home=home
    )
    done("rete join")
    async with serving([Served(home, f"http://127.0.0.1:{port}", folder / "new.log")]):
        done("rete serve answers")
        await rete("agreement", "propose", "--admit", asked["fingerprint"], "-o", file, home=member_home)
        for name in ("one", "two"):
            await rete("agreement", "sign", file, "--key", folder / f"{name}.key", "--base", base, "--yes")
        await rete("agreement", "submit", file, home=member_home)
        done("propose, sign twice, submit")
        begun = dt.datetime.now(dt.UTC)
        first = 0.0
        while dt.datetime.now(dt.UTC) - begun < dt.timedelta(seconds=ANSWER_S):
            found = await rete("search", home=home)
            if found["total"] and not first:
                first = time.perf_counter() - last
            if found["total"] >= count:
                break
            await asyncio.sleep(0.5)
        done("until a search finds all")
    print(f"{'first hit after admission':28} {first:8.1f} s")
    return steps


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
