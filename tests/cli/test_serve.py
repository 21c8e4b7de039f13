"""``rete serve`` as a process of its own, with the PostgreSQL that comes with the installation."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from node.flows.upkeep.home import Facts, make_home, with_setting
from tests.exposition_read import read
from tests.federation_made import free_ports, new_database

ROOT = Path(__file__).resolve().parents[2]


async def until(url: str, status: int) -> None:
    """Wait until a URL answers as it should."""
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url) as reply:
                    if reply.status == status:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


async def until_told(log: Path, words: str) -> None:
    """Wait until a node's log says something."""
    async with asyncio.timeout(60):
        while words not in log.read_text(encoding="utf-8"):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)


@pytest.mark.timeout(120)
async def test_a_served_node_tells_its_numbers_on_a_port_of_their_own(server: str, tmp_path: Path) -> None:
    """There and nowhere else, with what its jobs do; a port that is taken is told by its key."""
    port, numbers = free_ports(2)
    home = tmp_path / "home"
    make_home(home, Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), f"127.0.0.1:{port}", port, 2026, await new_database(server)))  # fmt: skip
    file = home / "node.toml"
    text = file.read_text(encoding="utf-8")
    assert "\nport = 0\n" in text
    file.write_text(text.replace("\nport = 0\n", f"\nport = {numbers}\n"), encoding="utf-8")
    log = tmp_path / "log"
    serve = (sys.executable, "-u", "-m", "node", "serve", "--home", str(home))
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(*serve, cwd=ROOT, stdout=out, stderr=out)
    try:
        await until(f"http://127.0.0.1:{port}/readyz", 200)
        await until(f"http://127.0.0.1:{port}/metrics", 404)
        await until(f"http://127.0.0.1:{numbers}/readyz", 404)
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while True:
                async with session.get(f"http://127.0.0.1:{numbers}/metrics") as reply:
                    found = read(await reply.text(), openmetrics=False)
                if "rete_job_ended_seconds" in found:
                    break
                await asyncio.sleep(0.2)
        assert found["rete_database_up"].value() == 1
        assert found["rete_requests"].value(route="/readyz", status="2xx") >= 1
        assert {dict(labels)["task"] for _, labels in found["rete_job_standing"].samples} >= {"due", "post", "tidy"}
        with (tmp_path / "second").open("wb") as out:
            file.write_text(text.replace("\nport = 0\n", f"\nport = {numbers}\n").replace(f"\nport = {port}\n", f"\nport = {free_ports(1)[0]}\n"), encoding="utf-8")  # fmt: skip
            second = await asyncio.create_subprocess_exec(*serve, cwd=ROOT, stdout=out, stderr=out)
            assert await second.wait() == 2
        said = (tmp_path / "second").read_text(encoding="utf-8")
        assert "port-unavailable" in said
        assert "[metrics] port" in said
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        sys.stdout.write(log.read_text(encoding="utf-8"))
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.timeout(120)
async def test_a_node_that_is_told_to_stop_says_so_before_it_stops_answering(server: str, tmp_path: Path) -> None:
    """SIGTERM: /readyz is 503 at once, everything else is answered as before for [web] drain_s seconds; then the process ends well."""
    (port,) = free_ports(1)
    home = tmp_path / "home"
    make_home(home, Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), f"127.0.0.1:{port}", port, 2026, await new_database(server)))  # fmt: skip
    file = home / "node.toml"
    file.write_text(with_setting(file.read_text(encoding="utf-8"), "web", "drain_s", "2"), encoding="utf-8")
    url, log = f"http://127.0.0.1:{port}", tmp_path / "log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-m", "node", "serve", "--home", str(home)), cwd=ROOT, stdout=out, stderr=out
        )
    answered = 0
    try:
        await until(f"{url}/readyz", 200)
        # The handler of the signal is there once the node says where it listens.
        await until_told(log, f":{port}")
        process.send_signal(signal.SIGTERM)
        await until(f"{url}/readyz", 503)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/readyz") as reply:
                assert (await reply.json())["reasons"] == ["stopping"]
            # Each on a connection of its own, as whoever comes from a balancer that has not looked yet.
            for path in ("/status", "/", "/livez", "/api/v1/profiles"):
                async with session.get(url + path, headers={"Connection": "close"}) as reply:
                    answered += reply.status == 200
        assert await process.wait() == 0
    finally:
        sys.stdout.write(log.read_text(encoding="utf-8"))
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert answered == 4


@pytest.mark.timeout(180)
async def test_a_node_heals_when_its_own_postgresql_is_killed(tmp_path: Path) -> None:
    """503 while it is gone, 200 again without anybody's help, and the way it died and came back is in the log."""
    (port,) = free_ports(1)
    home = tmp_path / "home"
    make_home(home, Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), f"127.0.0.1:{port}", port, 2026))
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-m", "node", "serve", "--home", str(home)), cwd=ROOT, stdout=out, stderr=out
        )
    try:
        await until_told(log, f":{port}")
        await until(f"http://127.0.0.1:{port}/status", 200)
        pid = int((home / "postgres" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        os.kill(pid, signal.SIGKILL)
        await until(f"http://127.0.0.1:{port}/status", 503)
        await until(f"http://127.0.0.1:{port}/livez", 200)
        await until(f"http://127.0.0.1:{port}/readyz", 200)
        await until(f"http://127.0.0.1:{port}/status", 200)
        await until_told(log, "database.restarted")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        # Shown only when the test fails.
        sys.stdout.write(log.read_text(encoding="utf-8"))
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert "database.died" in log.read_text(encoding="utf-8")
    assert not (home / "postgres" / "postmaster.pid").exists()
