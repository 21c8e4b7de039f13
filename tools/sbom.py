"""The software bill of materials: what the node is made of, as CycloneDX JSON 1.5.

In: requirements.lock (names, versions, SHA-256 of every file that may be installed) and what this environment's packages say of
themselves (licence, summary). Out: one JSON document on standard output or in a file, the same bytes for the same lock and
environment: no clock, no random number. A package that is locked and not installed here is listed without its licence.
Usage: python tools/sbom.py [FILE]. Source: CycloneDX 1.5 (ECMA-424), package URLs (purl-spec, type pypi).
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_PACKAGE = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
# What a licence field may be taken for an SPDX expression: words, AND, OR, WITH and brackets, nothing else.
_SPDX = re.compile(r"\(*[A-Za-z0-9.+-]+\)*(?: (?:AND|OR|WITH) \(*[A-Za-z0-9.+-]+\)*)*")
_CLASSIFIER = "License :: "


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of the lock: name as the registry writes it, version, hashes of its files in hexadecimal, sorted."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def parse_lock(text: str) -> list[Locked]:
    """Return the packages of a lock by name. Raises: ValueError where one has no hash, or stands there twice."""
    starts = list(_PACKAGE.finditer(text))
    found: dict[str, Locked] = {}
    for match, end in zip(starts, [*(after.start() for after in starts[1:]), len(text)], strict=True):
        name = re.sub(r"[-_.]+", "-", match[1]).lower()
        hashes = tuple(sorted(set(_HASH.findall(text, match.end(), end))))
        if not hashes or name in found:
            raise ValueError(f"{name}: {'twice' if hashes else 'without a hash'} in the lock")
        found[name] = Locked(name, match[2], hashes)
    return [found[name] for name in sorted(found)]


def licences(told: metadata.PackageMetadata) -> list[dict[str, Any]]:
    """Return what a package says of its licence: an SPDX expression, else a name it gives itself, else nothing."""
    expression = str(told.get("License-Expression") or "").strip()
    if _SPDX.fullmatch(expression):
        return [{"expression": expression}]
    names = [name for name in told.get_all("Classifier") or [] if name.startswith(_CLASSIFIER)]
    first, *_ = (told.get("License") or "").strip().splitlines() or [""]
    given = [name.rpartition(" :: ")[2] for name in sorted(names)] or ([first] if 0 < len(first) <= 80 else [])
    return [{"license": {"name": name}} for name in given]


def component(package: Locked) -> dict[str, Any]:
    """Return a package as a component; hashes are those of every file of its that the lock admits."""
    made: dict[str, Any] = {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "scope": "required",
        "externalReferences": [
            {
                "type": "distribution",
                "url": package.purl,
                "hashes": [{"alg": "SHA-256", "content": content} for content in package.hashes],
            }
        ],
    }
    try:
        told = metadata.metadata(package.name)
    except metadata.PackageNotFoundError:
        return made
    if metadata.version(package.name) != package.version:
        return made
    if summary := str(told.get("Summary") or "").strip():
        made["description"] = summary
    if found := licences(told):
        made["licenses"] = found
    return made


def bill(lock: str, version: str) -> dict[str, Any]:
    """Return the bill of a lock's text. Raises: ValueError."""
    packages = parse_lock(lock)
    own = f"pkg:generic/rete-delle-reti@{version}"
    components = [component(package) for package in packages]
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([own, components], sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": "rete-delle-reti",
                "version": version,
                "purl": own,
                "licenses": [{"license": {"id": "AGPL-3.0-or-later"}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": own, "dependsOn": [package.purl for package in packages]}],
    }


def main(words: list[str]) -> None:
    """Write the bill to standard output, or into the file that is named."""
    from node.version import VERSION  # noqa: PLC0415 - the checkout, not an installed copy

    made = json.dumps(
        bill((ROOT / "requirements.lock").read_text(encoding="utf-8"), VERSION), indent=2, ensure_ascii=False
    )
    if words:
        Path(words[0]).write_text(made + "\n", encoding="utf-8")
    else:
        print(made)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(sys.argv[1:])
