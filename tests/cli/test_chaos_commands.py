"""``rete chaos proxy`` as an administrator uses it: a plan, a bounded run with its log, one clear line for each mistake."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.__main__ import rete
from node.errors import ReteError

ROOT = Path(__file__).resolve().parents[2]


def planned(*words: str) -> list[dict[str, object]]:
    """The spells that a command shows."""
    done = CliRunner().invoke(rete, ["chaos", "proxy", "--to", "127.0.0.1:9", "--plan", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_plan_shows_the_spells_and_does_nothing() -> None:
    """The same for the same seed; only faults that were asked for, calm at the end."""
    one = planned("--seed", "3", "--minutes", "4", "--faults", "drip,reset", "--calm-s", "60")
    assert one == planned("--seed", "3", "--minutes", "4", "--faults", "drip,reset", "--calm-s", "60")
    assert one != planned("--seed", "4", "--minutes", "4", "--faults", "drip,reset", "--calm-s", "60")
    assert {spell["fault"] for spell in one} == {"calm", "drip", "reset"}
    assert (one[0]["begins_s"], one[-1]["ends_s"], one[-1]["fault"]) == (0, 240, "calm")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--to", "192.0.2.7:80"), "chaos-not-loopback"),
        (("--to", "nowhere"), "chaos-address-bad"),
        (("--to", "127.0.0.1:9", "--listen", "0.0.0.0:8461"), "chaos-not-loopback"),
        (("--to", "127.0.0.1:9", "--faults", "rain"), "chaos-fault-unknown"),
        (("--to", "127.0.0.1:9", "--log", "README.md"), "file-exists"),
        (("--to", "127.0.0.1:9", "--log", "absent/x"), "file-not-writable"),
    ],
)
def test_mistakes_are_one_code(words: tuple[str, ...], code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other machines, what is no address, no fault, no place for the log."""
    monkeypatch.chdir(ROOT)
    with pytest.raises(ReteError) as told:
        CliRunner().invoke(rete, ["chaos", "proxy", *words], catch_exceptions=False, standalone_mode=False)
    assert told.value.code == code


def test_it_ends_by_itself_and_has_written_down_what_it_did(tmp_path: Path) -> None:
    """A connection that it refuses stands in its log, and the last line counts."""
    log = tmp_path / "strada.jsonl"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ("--listen", f"127.0.0.1:{port}", "--to", "127.0.0.1:9", "--minutes", "0.05", "--faults", "refuse", "--seed", "2", "--log", str(log))  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "node", "chaos", "proxy", *words], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as proxy:
        assert proxy.stderr is not None
        assert f"127.0.0.1:{port}" in proxy.stderr.readline()
        # Refused while it connects still, or right after.
        with (
            contextlib.suppress(ConnectionResetError),
            socket.create_connection(("127.0.0.1", port), timeout=5) as client,
        ):
            client.settimeout(5)
            assert client.recv(1) == b""
        assert proxy.wait(30) == 0
    told = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert next(fact["event"] for fact in told) == "spell"
    assert {"opened", "closed"} <= {fact["event"] for fact in told}
    assert (told[-1]["event"], told[-1]["connections"]) == ("ended", 1)
