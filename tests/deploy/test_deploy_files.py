"""What an administrator copies to a machine: read by the programs that will read it there, and in step with the product."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from node.cli.serve import serve as serve_command

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "rete.service"
UNITS = (UNIT, DEPLOY / "systemd" / "rete-web@.service", DEPLOY / "systemd" / "rete-leader.service")
NGINX = DEPLOY / "nginx" / "rete.conf"
CADDY = DEPLOY / "caddy" / "Caddyfile"
EXPOSURE_MAX = 2.5


def run(*command: str | Path) -> str:
    """What a program says; it must be content."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def needs(program: str) -> pytest.MarkDecorator:
    """Only where Debian's own program is: CI installs it."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@needs("systemd-analyze")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_the_unit_is_read_by_systemd_and_closed(path: Path, tmp_path: Path) -> None:
    """No word that systemd does not know, and an exposure below our limit."""
    # Of a template one instance is read.
    unit = tmp_path / path.name.replace("@.", "@1.")
    # The command is where the docs put it, not here.
    unit.write_text(path.read_text(encoding="utf-8").replace("/opt/rete/.venv/bin/rete", "/bin/true"), encoding="utf-8")
    said = run("systemd-analyze", "verify", unit)
    assert unit.name not in said, said
    told = run("systemd-analyze", "security", "--offline=true", unit)
    found = re.search(rf"Overall exposure level for {re.escape(unit.name)}: ([0-9.]+)", told)
    assert found is not None
    assert float(found[1]) <= EXPOSURE_MAX


def test_units_of_several_processes_differ_in_what_they_do_alone() -> None:
    """The same walls and limits as the one unit that does everything; commands that there are; never beside that one."""
    walls = [_settings(path) for path in UNITS]
    own = ("Description", "ExecStart", "SyslogIdentifier", "Conflicts")
    kept = [[line for line in wall if not line.startswith(own)] for wall in walls]
    assert kept[0] == kept[1] == kept[2]
    assert len(kept[0]) > 40
    flags = [
        line.partition("rete serve")[2].strip() for wall in walls for line in wall if line.startswith("ExecStart=")
    ]
    assert flags == ["", "--web", "--leader"]
    assert {option for one in serve_command.params for option in one.opts} >= set(flags[1:])
    assert ["Conflicts=rete.service" in wall for wall in walls] == [False, True, True]


def _settings(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_sample_of_patroni_keeps_what_was_confirmed() -> None:
    """A synchronous standby; the passwords are nobody's; the addresses are those of the docs' DSN."""
    text = (DEPLOY / "patroni" / "patroni.yml").read_text(encoding="utf-8")
    assert re.search(r"^    synchronous_mode: true$", text, re.MULTILINE)
    assert all(found.startswith("CHANGE-ME") for found in re.findall(r"password: (\S+)", text))
    told = (ROOT / "docs" / "processes.md").read_text(encoding="utf-8")
    assert "postgresql://rete@10.0.0.1,10.0.0.2/rete?target_session_attrs=read-write" in told
    assert {"10.0.0.1:5432", "10.0.0.1:8008"} <= set(re.findall(r"10\.0\.0\.1:\d+", text))


@needs("nginx")
def test_nginx_reads_its_sample(tmp_path: Path) -> None:
    """As part of a whole configuration, with a certificate made here."""
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "key.pem"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=rete.provincia.example")  # fmt: skip
    site = NGINX.read_text(encoding="utf-8")
    site = site.replace("/etc/ssl/rete/fullchain.pem", str(certificate)).replace("/etc/ssl/rete/key.pem", str(key))
    site = site.replace("/var/log/nginx/", f"{tmp_path}/").replace("listen 80;", "listen 127.0.0.1:18080;")
    whole = tmp_path / "nginx.conf"
    whole.write_text(
        f"pid {tmp_path}/pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\nhttp {{\n{site}\n}}\n", encoding="utf-8"
    )
    said = run("nginx", "-t", "-c", whole, "-e", tmp_path / "start.log")
    assert "[warn]" not in said, said


@needs("caddy")
def test_caddy_reads_its_sample() -> None:
    """Whole as it stands."""
    assert "Valid configuration" in run("caddy", "validate", "--adapter", "caddyfile", "--config", CADDY)


@pytest.mark.parametrize("path", [NGINX, CADDY])
def test_samples_lead_to_the_port_of_the_example(path: Path) -> None:
    """Where the node listens unless told otherwise; by loopback, and without keeping what was asked."""
    example = tomllib.loads((ROOT / "nodes.example.toml").read_text(encoding="utf-8"))
    text = path.read_text(encoding="utf-8")
    assert f"{example['web']['host']}:{example['web']['port']}" in text
    assert not re.search(r"^\s*(access_log (?!off)|log\b|proxy_cache\b)", text, re.MULTILINE)


def test_the_start_of_a_trial_is_good_shell() -> None:
    """And what the containers run is there and may be run."""
    script = DEPLOY / "container" / "start.sh"
    run("sh", "-n", script)
    assert script.stat().st_mode & 0o111
    compose = (DEPLOY / "container" / "compose.yaml").read_text(encoding="utf-8")
    assert compose.count("/opt/rete/deploy/container/start.sh") == compose.count("    command:")


def test_an_image_takes_all_that_the_install_reads() -> None:
    """Whatever the locked install and the program need of the checkout is copied, and let through by .dockerignore."""
    text = (DEPLOY / "container" / "Containerfile").read_text(encoding="utf-8")
    copied = {word for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for word in line.split()[:-1]}
    let = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")
    }
    assert copied == let
    assert all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {project["readme"], *project["license-files"], "requirements.lock", "pyproject.toml", "node"} <= copied
    assert "USER 10001" in text
