"""The program as a user runs it: commands in processes of their own, the demo with its four nodes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from node.protocol import agreement
from tests.forked import FORGE
from tests.size import FULL

ROOT = Path(__file__).resolve().parents[2]
# The demo with a smaller list of contracts, for what does not hang on how many there are.
SMALLER = "from node.cli import demo_networks as made; made.CONTRACTS = 4000; from node.__main__ import main; main()"
WHO = ("--id", "p_LE", "--name", "Provincia di Lecce", "--territory", "LE")


def started(
    *words: str, home: Path | None = None, program: tuple[str, str] = ("-m", "node"), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run one command as a shell does: a new Python, which reads all of the program."""
    command = [sys.executable, *program, *words, *(("--home", str(home)) if home else ())]
    variables = {**os.environ, "RETE_LANG": "it", **environment}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=100, check=False)


def rete(*words: str, home: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command in a process of its own, forked from one that has read the program (tests/forked.py)."""
    command = [*words, *(("--home", str(home)) if home else ())]
    status, out, err = FORGE.run(command, {**os.environ, "RETE_LANG": "it", **environment})
    return subprocess.CompletedProcess(command, status, out.decode(), err.decode())


def free_base() -> int:
    """A port base with four free ports, below the range from which the system itself hands out ports."""
    while True:
        base = random.randrange(10_000, 30_000)
        try:
            for port in range(base, base + 4):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base


def processes_of(folder: Path) -> list[str]:
    """Command lines of living processes that belong to a demo's folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(folder) in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(line)
    return found


async def stays_up(folder: Path, out: Path) -> None:
    """Run the demo without an end; check what it found, ask, withdraw, end it."""
    demo = await asyncio.create_subprocess_exec(
        sys.executable, *(("-m", "node") if FULL else ("-c", SMALLER)), "demo", "--home", str(folder), "--json", str(out), "--port-base", str(free_base()),
        cwd=ROOT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(900):
            if (out.exists() and out.stat().st_size) or demo.returncode is not None:
                break
            await asyncio.sleep(0.1)
        assert demo.returncode is None
        check_result(json.loads(out.read_text(encoding="utf-8")))
        lecce, torino = folder / "provincia-lecce", folder / "citta-torino"
        listed = json.loads(rete("profile", "list", "--json", home=lecce).stdout)
        chosen = listed["profiles"][0]["profile_id"]
        before = json.loads(rete("search", "--owner", "p_LE", "--json", home=torino).stdout)["total"]
        assert rete("profile", "withdraw", chosen, home=lecce).returncode == 0
        synced = json.loads(rete("sync", "--json", home=torino).stdout)
        assert {peer["error"] for peer in synced["peers"]} == {None}
        assert json.loads(rete("search", "--owner", "p_LE", "--json", home=torino).stdout)["total"] == before - 1
        pinged = json.loads(rete("peer", "ping", "p_LE", "--json", home=torino).stdout)
        assert pinged["ok"]
        assert [
            peer["state"] for peer in json.loads(rete("peer", "list", "--json", home=torino).stdout)["peers"][1:]
        ] == ["ready"] * 3
    finally:
        if demo.returncode is None:
            demo.send_signal(signal.SIGINT)
            await asyncio.wait_for(demo.wait(), 30)
    assert processes_of(folder) == []


def check_agreement(folder: Path, told: dict[str, Any]) -> None:
    """All four homes follow one first version, signed by three of four; nobody's node.toml says who belongs; the keys are where it says."""
    assert set(told) == {"version", "expires", "threshold", "council", "fingerprint", "file", "keys"}
    assert (told["version"], told["threshold"], len(told["council"])) == (1, 3, 4)
    pinned = Path(told["file"]).read_bytes()
    found = agreement.first(pinned)
    assert len(agreement.signers(found, found.council)) == 3
    assert [node.id for node in found.nodes] == ["bic-lazio", "cciaa_le", "cmto", "p_LE"]
    paper = (folder / "agreement" / "protocollo.pdf").read_bytes()
    assert found.pdf_sha256 == hashlib.sha256(paper).hexdigest()
    for name in ("provincia-lecce", "citta-torino", "camera-lecce", "bic-lazio"):
        assert (folder / name / "agreement" / "1.root.json").read_bytes() == pinned
        assert "\n[[peer]]" not in (folder / name / "node.toml").read_text(encoding="utf-8")
    kept = {role: [Path(path) for path in paths] for role, paths in told["keys"].items()}
    assert {role: len(paths) for role, paths in kept.items()} == {"council": 4, "secretariat": 3}
    for path in (*kept["council"], *kept["secretariat"]):
        assert path.stat().st_mode & 0o777 == 0o600
    shown = json.loads(rete("agreement", "show", "--json", home=folder / "camera-lecce").stdout)
    assert (shown["version"], shown["fingerprint"]) == (1, told["fingerprint"])


def check_result(result: dict[str, Any]) -> None:
    """Four nodes know the same profiles, each search finds at least two other territories, each node has its people."""
    assert [node["id"] for node in result["nodes"]] == ["p_LE", "cmto", "cciaa_le", "bic-lazio"]
    assert len({node["profiles_known"] for node in result["nodes"]}) == 1
    assert result["nodes"][0]["profiles_known"] >= 60
    assert set(result["nodes"][0]) == {
        "id",
        "url",
        "database_url",
        "home",
        "origin",
        "vkey",
        "log_size",
        "profiles_known",
    }
    for search in result["searches"]:
        others = {hit["owner"] for hit in search["hits"]} - {search["node"]}
        assert len(others) >= 2
        assert set(search["hits"][0]) == {"profile_id", "owner", "origin", "index", "title"}
    assert len(result["searches"]) == 3
    assert len({(account["node"], account["name"]) for account in result["accounts"]}) == 4 * 3
    assert result["seconds"]["total"] > 0
    assert set(result) == {"nodes", "searches", "accounts", "exercise", "agreement", "seconds"}


@pytest.mark.timeout(240)
async def test_the_demo_ends_with_four_nodes_that_agree(tmp_path: Path) -> None:
    """With --exit it ends by itself after its searches, says what everybody signs in by, and nothing is left running.

    Then once more in the same folder (with its whole list where there is time, tests/size.py), to stay up: its nodes answer; a withdrawal reaches a peer;
    Ctrl-C ends everything.
    """
    folder, out = tmp_path / "demo", tmp_path / "out.json"
    words = ("demo", "--exit", "--json", str(out), "--port-base", str(free_base()))
    done = started(*words, home=folder, program=("-c", SMALLER))
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    check_result(result)
    assert all(account["password"] in done.stdout for account in result["accounts"])
    check_agreement(folder, result["agreement"])
    assert processes_of(folder) == []
    out.unlink()
    await stays_up(folder, out)


def test_an_occupied_port_is_one_clear_line(tmp_path: Path) -> None:
    """What, where, what to do; exit 2; nothing begun."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = rete("demo", "--exit", "--port-base", str(taken.getsockname()[1]), home=tmp_path / "demo")
    assert done.returncode == 2
    assert "port-unavailable" in done.stderr
    assert "--port-base" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "demo").exists()


def test_a_result_that_can_not_be_written_is_refused_before_anything_begins(tmp_path: Path) -> None:
    """A folder that is not there: one clear line with the file, exit 2, no demo folder; a good place is left as it was."""
    out = tmp_path / "absent" / "out.json"
    done = rete("demo", "--exit", "--json", str(out), "--port-base", str(free_base()), home=tmp_path / "demo")
    assert (done.returncode, (tmp_path / "demo").exists()) == (2, False)
    assert f"{out}: " in done.stderr
    assert "[file-not-writable]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize("after", ["creo quattro nodi", "Genero l'elenco", "importa le proprie reti"])
async def test_ctrl_c_leaves_no_folder_whatever_it_interrupts(tmp_path: Path, after: str) -> None:
    """While the database starts, while a thread writes a file: the temporary folder and every process go."""
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-c", SMALLER, "demo", "--port-base", str(free_base()),
        cwd=ROOT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "RETE_LANG": "it", "TMPDIR": str(tmp_path), "COLUMNS": "200"},
    )  # fmt: skip
    assert demo.stderr is not None
    while after not in (line := (await demo.stderr.readline()).decode()):
        assert line
    await asyncio.sleep(0.2)
    demo.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(demo.communicate(), 60)
    assert list(tmp_path.glob("rete-demo-*")) == []
    assert processes_of(tmp_path) == []
    assert b"Traceback" not in err


def test_a_foreign_folder_is_never_emptied(tmp_path: Path) -> None:
    """A folder that is not an earlier demo is left alone."""
    (tmp_path / "precious.txt").write_text("keep", encoding="utf-8")
    done = rete("demo", "--exit", "--port-base", str(free_base()), home=tmp_path)
    assert (done.returncode, (tmp_path / "precious.txt").read_text(encoding="utf-8")) == (1, "keep")


@pytest.mark.timeout(120)
def test_a_node_is_made_checked_and_fed_by_commands(tmp_path: Path) -> None:
    """init, config check, register generate/load/list, network template/import/list/export, profile, peer card, search."""
    home = tmp_path / "home"
    made = started("init", str(home), *WHO, "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["id"] == "p_LE"
    assert json.loads(rete("config", "check", "--json", home=home).stdout)["ok"]
    assert rete("init", str(home), *WHO).returncode == 1
    listing = tmp_path / "statistiche.xls"
    assert rete("register", "generate", str(listing), "--seed", "3", "--contracts", "900").returncode == 0
    loaded = json.loads(rete("register", "load", str(listing), "--snapshot", "2024-12-31", "--json", home=home).stdout)
    assert loaded["networks"] == 900
    assert len(json.loads(rete("register", "list", "--json", home=home).stdout)["snapshots"]) == 1
    dry = json.loads(rete("network", "import", str(listing), "--json", home=home).stdout)
    assert not dry["applied"]
    assert dry["new"] > 0
    applied = json.loads(rete("network", "import", str(listing), "--apply", "--json", home=home).stdout)
    assert applied["new"] == dry["new"]
    again = json.loads(rete("network", "import", str(listing), "--apply", "--json", home=home).stdout)
    assert (again["new"], again["changed"]) == (0, 0)
    networks = json.loads(rete("network", "list", "--json", home=home).stdout)["networks"]
    assert len(networks) == dry["new"]
    assert rete("network", "show", networks[0]["network_id"], home=home).returncode == 0
    assert rete("network", "show", "nonsense", home=home).returncode == 1
    assert rete("network", "template", str(tmp_path / "modello.xlsx"), home=home).returncode == 0
    assert rete("network", "export", str(tmp_path / "reti.csv"), home=home).returncode == 0
    assert "[[peer]]" in rete("peer", "card", home=home).stdout
    assert json.loads(rete("search", "olio", "--json", home=home).stdout)["total"] == 0


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A home that commands are tried on which change nothing."""
    folder = Path(tempfile.mkdtemp(prefix="rete-test-"))
    assert rete("init", str(folder / "home"), *WHO).returncode == 0
    yield folder / "home"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("network", "import", "absent.xlsx"), "file-not-found"),
        (("register", "load", "absent.xlsx", "--snapshot", "2024-12-31"), "file-not-found"),
        (("peer", "ping", "nobody"), "peer-unknown"),
        (("sync", "--peer", "nobody"), "peer-unknown"),
        (("search", "--territory", "Atlantide"), ""),
        (("profile", "preview", "nonsense"), "profile-unknown"),
    ],
)
def test_user_mistakes_are_one_clear_error(made: Path, words: tuple[str, ...], code: str) -> None:
    """Exit 1 or 2, a stable code, never a traceback."""
    done = rete(*words, home=made)
    assert done.returncode in (1, 2)
    assert code in done.stderr
    assert "errore" in done.stderr
    assert "Traceback" not in done.stderr


def test_homes_that_are_none_and_configurations_that_are_wrong_are_refused(tmp_path: Path) -> None:
    """No --home, an empty folder, an unknown key: code, place and hint; in English when asked."""
    assert "home-missing" in started("peer", "list", RETE_HOME="").stderr
    assert "home-not-found" in rete("peer", "list", home=tmp_path).stderr
    (tmp_path / "node.toml").write_text("[nod]\n", encoding="utf-8")
    done = rete("config", "check", home=tmp_path, RETE_LANG="en")
    assert done.returncode == 2
    assert "node.toml:1" in done.stderr
    assert "error" in done.stderr
