"""The walls of the house: which floor may import which, and what may not live where."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NODE = ROOT / "node"
# Floors, from the ground up; a module imports from its own floor or below, never above.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("node.errors", "node.telemetry", "node.i18n"),
    ("node.domain", "node.protocol", "node.config", "node.config_checks", "node.config_places"),
    ("node.store", "node.peers"),
    ("node.flows",),
    ("node.runtime",),
    ("node.web", "node.scheduler"),
    ("node.cli",),
    ("node.__main__",),
)
IO_MODULES = {
    "os",
    "io",
    "pathlib",
    "socket",
    "asyncio",
    "aiohttp",
    "asyncpg",
    "time",
    "random",
    "secrets",
    "subprocess",
    "tempfile",
    "shutil",
    "urllib.request",
    "structlog",
    "logging",
}
# The seeded generator of demonstration data draws from a seed it is given: same seed, same bytes.
SEEDED = {"random"}
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py"}


def modules() -> list[Path]:
    """All source files of the package."""
    return sorted(NODE.rglob("*.py"))


def name_of(path: Path) -> str:
    """The dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions, as absolute dotted names."""
    for found in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(found, ast.Import):
            yield from (alias.name for alias in found.names)
        elif isinstance(found, ast.ImportFrom) and found.module:
            yield found.module
            yield from (f"{found.module}.{alias.name}" for alias in found.names)


def within(module: str, package: str) -> bool:
    """Tell whether a module is a package or inside it."""
    return module == package or module.startswith(package + ".")


def floor_of(module: str) -> int | None:
    """The floor on which a module of ours lives."""
    for number, packages in enumerate(FLOORS):
        if any(within(module, package) for package in packages):
            return number
    return None


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_only_go_down(path: Path) -> None:
    """No module imports from a floor above its own."""
    own = floor_of(name_of(path))
    if own is None:
        assert name_of(path) == "node", "every module has a floor"
        return
    above = {m for m in imports(path) if within(m, "node") and (floor_of(m) or 0) > own}
    assert not above


@pytest.mark.parametrize("path", [p for p in modules() if "flows" in p.parts], ids=name_of)
def test_flows_never_import_the_runtime(path: Path) -> None:
    """Flows take what they need as arguments."""
    assert not {m for m in imports(path) if within(m, "node.runtime")}


@pytest.mark.parametrize("path", [p for p in modules() if "domain" in p.parts or "protocol" in p.parts], ids=name_of)
def test_pure_floors_stay_pure(path: Path) -> None:
    """Meaning and wire do no I/O, read no clock, draw no random, and never import each other."""
    used = set(imports(path))
    io = {m for m in used if any(within(m, outside) for outside in IO_MODULES)}
    if path.name.startswith("generation") or "generation" in path.parts:
        io = {m for m in io if m.partition(".")[0] not in SEEDED}
    assert not io
    other = "node.protocol" if "domain" in path.parts else "node.domain"
    assert not {m for m in used if within(m, other)}
    clock = re.compile(
        r"\b(?:datetime|dt\.datetime)\.(?:now|utcnow|today)\(|\bdate\.today\(|\buuid4\(|(?<![\w.])open\("
    )
    assert not clock.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_database_and_outbound_http_have_one_room_each(path: Path) -> None:
    """Only store and runtime speak to PostgreSQL; only peers speaks HTTP outwards."""
    name, used = name_of(path), set(imports(path))
    if not (within(name, "node.store") or name == "node.runtime"):
        assert not {m for m in used if within(m, "asyncpg")}
    if not within(name, "node.peers"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"aiohttp\.(?:ClientSession\(|request\(|TCPConnector)", text)


OUTWARD_CALLS = {
    "open_connection",
    "open_unix_connection",
    "create_connection",
    "create_datagram_endpoint",
    "sock_connect",
    "connect_ex",
    "getaddrinfo",
    "urlopen",
}


@pytest.mark.parametrize("path", [p for p in modules() if "peers" not in p.parts], ids=name_of)
def test_sockets_outwards_have_one_room(path: Path) -> None:
    """Only peers opens connections to other machines, so that nothing passes by its address guard."""
    name, used = name_of(path), set(imports(path))
    assert not {m for m in used if any(within(m, room) for room in ("ssl", "http.client", "urllib.request"))}
    # The demo only asks whether a port of this machine is free.
    assert name == "node.cli.demo" or "socket" not in used
    called = {
        found.func.attr
        for found in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(found, ast.Call) and isinstance(found.func, ast.Attribute)
    }
    assert not called & OUTWARD_CALLS


def reachable(start: str) -> set[str]:
    """Every module of ours that importing ``start`` brings in."""
    known = {name_of(path): path for path in modules()}
    seen: set[str] = set()
    queue = [start]
    while queue:
        module = queue.pop()
        if module in seen or module not in known:
            continue
        seen.add(module)
        queue += list(imports(known[module]))
    return seen


def test_peer_facing_routes_never_reach_the_private_registry() -> None:
    """What answers other nodes cannot even import what holds private records."""
    private = (
        "node.store.registry",
        "node.store.publication",
        "node.store.disclosure",
        "node.store.gdpr",
        "node.domain.network",
        "node.flows",
    )
    assert not {m for m in reachable("node.web.federation") if any(within(m, wall) for wall in private)}


@pytest.mark.parametrize("start", [name_of(p) for p in modules() if "web" in p.parts or p.name == "scheduler.py"])
def test_nothing_that_serves_reaches_which_network_a_profile_is(start: str) -> None:
    """The audit and its export, which tie profiles to the register, are commands of the office and nothing else."""
    truth = ("node.store.disclosure", "node.flows.published", "node.flows.privacy", "node.flows.privacy_export")
    assert not {m for m in reachable(start) if any(within(m, wall) for wall in truth)}


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_no_rooms_without_a_name(path: Path) -> None:
    """No utils, no helpers, and no code in __init__."""
    assert path.name not in FORBIDDEN_NAMES
    if path.name == "__init__.py":
        assert not path.read_text(encoding="utf-8").strip()


def undocumented(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    """Public functions and classes without a docstring; a private class's methods are as private as the class."""
    for found in body:
        if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not found.name.startswith("_"):
            name = f"{prefix}.{found.name}"
            if not ast.get_docstring(found):
                yield name
            if isinstance(found, ast.ClassDef):
                yield from undocumented(found.body, name)


def test_public_things_are_documented() -> None:
    """Every module and every public function or class says what it promises."""
    missing: list[str] = []
    for path in modules():
        if path.name == "__init__.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not ast.get_docstring(tree):
            missing.append(name_of(path))
        missing += undocumented(tree.body, name_of(path))
    assert not missing


def test_functions_stay_readable() -> None:
    """No function is longer than 60 lines: past that it hides a second thought."""
    long = []
    for path in modules():
        for found in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (found.end_lineno or 0) - found.lineno + 1
                if length > 60:
                    long.append(f"{name_of(path)}.{found.name}: {length}")
    assert not long


def test_every_test_promises_something() -> None:
    """Every test has a sentence and can fail."""
    empty = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for found in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)) and found.name.startswith("test_"):
                source = ast.dump(found)
                checks = "Assert(" in source or "raises" in source or "assert_" in source
                if not ast.get_docstring(found) or not checks:
                    empty.append(f"{path.name}::{found.name}")
    assert not empty
