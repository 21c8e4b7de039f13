"""The bill of materials has the form of CycloneDX 1.5 and tells the lock, all of it and nothing else."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from email.message import Message
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
# From the specification's schema (bom-1.5): what must be there, and the forms of what this bill has.
SERIAL = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PURL = re.compile(r"pkg:pypi/[a-z0-9]+(-[a-z0-9]+)*@[0-9A-Za-z.+!-]+")
SHA256 = re.compile(r"[0-9a-f]{64}")
KEYS = {"type", "bom-ref", "name", "version", "purl", "scope", "externalReferences", "description", "licenses"}


@pytest.fixture(scope="module")
def sbom() -> ModuleType:
    """The tool, loaded from its file: it is no package."""
    spec = importlib.util.spec_from_file_location("sbom", ROOT / "tools" / "sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sbom"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What the command prints."""
    run = subprocess.run([sys.executable, "tools/sbom.py"], cwd=ROOT, check=True, capture_output=True, timeout=30)
    made: dict[str, Any] = json.loads(run.stdout)
    return made


def test_the_bill_has_the_form_of_the_specification(told: dict[str, Any]) -> None:
    """Required fields, closed lists, references that lead somewhere; no key that the specification does not know."""
    assert set(told) == {
        "bomFormat",
        "specVersion",
        "serialNumber",
        "version",
        "metadata",
        "components",
        "dependencies",
    }
    assert (told["bomFormat"], told["specVersion"], told["version"]) == ("CycloneDX", "1.5", 1)
    assert SERIAL.fullmatch(told["serialNumber"])
    own = told["metadata"]["component"]
    assert (own["type"], own["name"], own["licenses"]) == (
        "application",
        "rete-delle-reti",
        [{"license": {"id": "AGPL-3.0-or-later"}}],
    )
    assert f'version = "{own["version"]}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    refs = [part["bom-ref"] for part in told["components"]]
    assert len(refs) == len(set(refs))
    assert told["dependencies"] == [{"ref": own["bom-ref"], "dependsOn": refs}]
    for part in told["components"]:
        assert set(part) <= KEYS, part["name"]
        assert (part["type"], part["scope"]) == ("library", "required")
        assert PURL.fullmatch(part["purl"]), part["purl"]
        assert part["bom-ref"] == part["purl"] == f"pkg:pypi/{part['name']}@{part['version']}"
        (file,) = part["externalReferences"]
        assert file["type"] == "distribution"
        assert all(told["alg"] == "SHA-256" and SHA256.fullmatch(told["content"]) for told in file["hashes"])
        # One expression alone, or licences by name: never both.
        licences = part.get("licenses", [])
        assert [set(one) for one in licences] in ([], [{"expression"}], [{"license"}] * len(licences))


def test_every_locked_package_is_listed_once_with_its_hashes(told: dict[str, Any]) -> None:
    """Read from the lock in another way: as many lines, each hash with its package; nearly all say their licence."""
    lines: dict[str, set[str]] = {}
    for line in LOCK.splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            name = line.split("==")[0]
            lines[name] = set()
        for word in line.split():
            if word.startswith("--hash=sha256:"):
                lines[name].add(word.removeprefix("--hash=sha256:"))
    assert {part["name"] for part in told["components"]} == set(lines)
    for part in told["components"]:
        assert {found["content"] for found in part["externalReferences"][0]["hashes"]} == lines[part["name"]]
    assert sum("licenses" in part for part in told["components"]) >= 0.95 * len(lines)


def test_the_same_lock_gives_the_same_bytes(sbom: ModuleType) -> None:
    """No clock and no chance; another version, or another hash, is another bill by its number."""
    one = sbom.bill(LOCK, "1.0")
    assert json.dumps(one) == json.dumps(sbom.bill(LOCK, "1.0"))
    flipped = LOCK.replace("sha256:0", "sha256:1", 1)
    assert len({made["serialNumber"] for made in (one, sbom.bill(LOCK, "1.1"), sbom.bill(flipped, "1.0"))}) == 3


def test_a_lock_without_hashes_or_with_a_package_twice_is_refused(sbom: ModuleType) -> None:
    """What is not pinned by its bytes is no material that anybody can check."""
    good = f"Zope.Interface==1.2 \\\n    --hash=sha256:{'a' * 64}\n"
    (part,) = sbom.parse_lock(good)
    assert (part.purl, part.hashes) == ("pkg:pypi/zope-interface@1.2", ("a" * 64,))
    assert "licenses" not in sbom.component(part)
    for wrong in (good + "other==1.0\n", good + good, good.replace("sha256", "md5")):
        with pytest.raises(ValueError, match="in the lock"):
            sbom.parse_lock(wrong)


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        (
            "License-Expression",
            "MIT OR (Apache-2.0 AND BSD-3-Clause)",
            [{"expression": "MIT OR (Apache-2.0 AND BSD-3-Clause)"}],
        ),
        ("License-Expression", "see the file", []),
        ("License", "MIT", [{"license": {"name": "MIT"}}]),
        ("License", "x" * 81, []),
        ("Classifier", "License :: OSI Approved :: BSD License", [{"license": {"name": "BSD License"}}]),
        ("Classifier", "Topic :: Internet", []),
    ],
)
def test_a_licence_is_what_the_package_says_and_nothing_more(
    sbom: ModuleType, field: str, value: str, found: list[dict[str, Any]]
) -> None:
    """An expression where it reads as one, else a short name; whole texts and guesses stay out."""
    said = Message()
    said[field] = value
    assert sbom.licences(said) == found
