"""The walls of the house: which floor may import which, and what may not live where."""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import asyncpg
import pytest

from node.store import registry
from node.store.postgres import Connection, load_queries
from node.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
NODE = ROOT / "node"
# Floors, from the ground up; a module imports from its own floor or below, never above.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("node.errors", "node.exposition", "node.i18n", "node.meters", "node.telemetry", "node.trace", "node.version"),
    (
        "node.domain",
        "node.protocol",
        "node.config",
        "node.config_across",
        "node.config_checks",
        "node.config_places",
        "node.config_values",
    ),
    ("node.store", "node.peers"),
    ("node.flows",),
    ("node.runtime",),
    ("node.web", "node.scheduler"),
    ("node.cli",),
    ("node.__main__",),
)
# The rooms of the flows, in the order in which they may know each other: who belongs; the signed logs; what is said in them; where it
# comes from, and who finds it; two offices that meet; the look at all of it. People sign in beside them.
FLOW_ROOMS: tuple[tuple[str, ...], ...] = (
    ("trust", "people"),
    ("logs",),
    ("profiles",),
    ("registry", "searching"),
    ("introductions",),
    ("programme",),
    ("observatory",),
    ("upkeep",),
)
# All that the pure floors may import beside themselves and node.errors: none of it reads a file, a clock or the network.
PURE: dict[str, tuple[str, ...]] = {
    "domain": (
        "__future__", "base64", "binascii", "calendar", "collections", "dataclasses", "datetime", "decimal", "difflib", "enum",
        "email", "fractions", "functools", "hashlib", "hmac", "html", "itertools", "json", "math", "operator", "re", "typing", "unicodedata",
        "urllib.parse", "uuid", "xml.etree", "zlib", "ahocorasick_rs", "holidays", "phonenumbers", "stdnum",
    ),
    "protocol": (
        "__future__", "base64", "binascii", "collections", "dataclasses", "datetime", "enum", "hashlib", "ipaddress", "itertools", "re",
        "struct", "typing", "unicodedata", "cryptography", "http_message_signatures", "orjson",
        # Strict parsing of JSON that need not be canonical; TUF's values, canonical bytes and keys (PROTOCOL 7), not its client.
        "json", "tuf.api.metadata", "tuf.api.serialization", "securesystemslib.exceptions", "securesystemslib.signer",
    ),
}  # fmt: skip
# The seeded generator of demonstration data draws from a seed it is given: same seed, same bytes.
SEEDED = ("random",)
# What a pure module can still be asked for that is not a function of its arguments.
IMPURE = re.compile(
    r"\b(?:datetime|dt\.datetime)\.(?:now|utcnow|today)\(|\bdate\.today\(|\buuid[14]\(|(?<![\w.])open\("
    r"|PrivateKey\.generate\("
)
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py"}


@functools.cache
def modules() -> list[Path]:
    """All source files of the package."""
    return sorted(NODE.rglob("*.py"))


def name_of(path: Path) -> str:
    """The dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@functools.cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a source file, read once for all that is asked of it."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """Every module that a source imports, also inside functions, as absolute dotted names; relative ones begin with a dot."""
    for found in ast.walk(tree):
        if isinstance(found, ast.Import):
            yield from (alias.name for alias in found.names)
        elif isinstance(found, ast.ImportFrom):
            module = "." * found.level + (found.module or "")
            yield module
            yield from (f"{module}.{alias.name}" for alias in found.names)


@functools.cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports."""
    return frozenset(imported(parsed(path)))


def breaches(paths: Iterable[Path], seen: Callable[[Path], object]) -> dict[str, object]:
    """What was seen in which files, by their names: one test looks at all of them and tells of each that breaks its rule.

    (A test for each file and rule would be three thousand, most of whose time is the asking.)
    """
    looked = list(paths)
    assert looked, "a rule that is held against no file holds nothing"
    return {name_of(path): found for path in looked if (found := seen(path))}


def test_imports_are_absolute() -> None:
    """A relative import would pass below every wall here."""
    assert not breaches(modules(), lambda path: {m for m in imports(path) if m.startswith(".")})


def test_a_breach_is_told_with_its_file() -> None:
    """Every file that breaks a rule, and none that keeps it."""
    first, second, *rest = modules()
    assert breaches(modules(), lambda path: path not in rest) == {name_of(first): True, name_of(second): True}
    with pytest.raises(AssertionError):
        breaches((), bool)


def test_a_relative_import_is_seen() -> None:
    """In each of its forms."""
    for source in ("from . import x", "from .x import y", "from .. import store", "from ..store.registry import read"):
        assert any(m.startswith(".") for m in imported(ast.parse(source))), source


def room_of(path: Path) -> str:
    """The folder below node/ (or the file in it) that a source file belongs to, wherever the project lies."""
    return path.relative_to(NODE).parts[0]


def within(module: str, package: str) -> bool:
    """Tell whether a module is a package or inside it."""
    return module == package or module.startswith(package + ".")


def floor_of(module: str) -> int | None:
    """The floor on which a module of ours lives."""
    for number, packages in enumerate(FLOORS):
        if any(within(module, package) for package in packages):
            return number
    return None


def above(path: Path) -> set[str] | str:
    """What a module imports from a floor above its own."""
    own = floor_of(name_of(path))
    if own is None:
        return "" if name_of(path) == "node" else "every module has a floor"
    return {m for m in imports(path) if within(m, "node") and (floor_of(m) or 0) > own}


def test_imports_only_go_down() -> None:
    """No module imports from a floor above its own."""
    assert not breaches(modules(), above)


def test_flows_never_import_the_runtime() -> None:
    """Flows take what they need as arguments."""
    flows = [path for path in modules() if room_of(path) == "flows"]
    assert not breaches(flows, lambda path: {m for m in imports(path) if within(m, "node.runtime")})


FLOWS = [p for p in modules() if room_of(p) == "flows" and p.parent.name != "flows"]


def flow_room(module: str) -> int:
    """On which of the flows' floors a module lives: -1 for what is no flow."""
    parts = module.split(".")
    if parts[:2] != ["node", "flows"] or len(parts) < 3:
        return -1
    return next(number for number, rooms in enumerate(FLOW_ROOMS) if parts[2] in rooms)


def higher_or_beside(path: Path) -> set[str]:
    """What a flow imports from rooms above its own, or from one beside it."""
    own = name_of(path)
    beside = {r for rooms in FLOW_ROOMS if own.split(".")[2] in rooms for r in rooms} - {own.split(".")[2]}
    higher = {m for m in imports(path) if flow_room(m) > flow_room(own)}
    return higher | {m for m in imports(path) if any(within(m, f"node.flows.{room}") for room in beside)}


def test_flows_only_know_rooms_below_or_their_own() -> None:
    """What is said in the logs does not hang on who asks for it, nor who belongs on what is said."""
    assert not breaches(FLOWS, higher_or_beside)


def test_every_flow_has_a_room() -> None:
    """None lies in the hall, and no room is named that is not there."""
    assert not [p for p in modules() if p.parent == NODE / "flows" and p.name != "__init__.py"]
    assert {p.parent.name for p in FLOWS} == {room for rooms in FLOW_ROOMS for room in rooms}


def impure(source: str, room: str, seeded: bool = False) -> set[str]:
    """What a source of a pure room imports or calls that is not allowed there."""
    allowed = (*PURE[room], *(SEEDED if seeded else ()), "node.errors", f"node.{room}")
    tree = ast.parse(source)
    # "from node import domain" names the package alone; what it names is judged by its own name.
    outside = {m for m in imported(tree) if m != "node" and not any(within(m, module) for module in allowed)}
    return outside | set(IMPURE.findall(source))


def test_pure_floors_stay_pure() -> None:
    """Meaning and wire do no I/O, read no clock, draw no random, and never import each other."""
    pure = [path for path in modules() if room_of(path) in PURE]
    assert {room_of(path) for path in pure} == set(PURE)
    assert not breaches(
        pure,
        lambda path: impure(
            path.read_text(encoding="utf-8"), room_of(path), seeded="generation" in path.relative_to(NODE).parts
        ),
    )


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "from pathlib import Path",
        "import http.client",
        "import requests",
        "import random",
        "from node import store",
        "from node.store import log",
        "from node.config import Config",
        "now = dt.datetime.now(dt.UTC)",
        "raw = open('x').read()",
        "made = uuid.uuid4()",
    ],
)
def test_what_is_not_pure_is_seen(source: str) -> None:
    """On both pure floors; each floor may import itself, and not the other."""
    for room, other in (("domain", "protocol"), ("protocol", "domain")):
        assert impure(source, room)
        assert impure(f"from node.{other} import x", room)
        assert impure(f"from node import {other}", room)
        assert not impure(f"import re\nfrom node.errors import N_\nfrom node.{room} import x", room)


PICTURES = (
    "__future__", "bisect", "collections", "dataclasses", "decimal", "enum", "functools", "itertools", "re", "textwrap", "typing",
    "types", "urllib.parse", "babel.numbers", "node.errors", "node.i18n", "node.domain", "node.web.pictures",
)  # fmt: skip


def beyond_its_values(path: Path) -> set[str]:
    """What a picture imports or calls that is no function of its values."""
    allowed = (*PICTURES, "json", "importlib") if path.name == "borders.py" else PICTURES
    outside = {m for m in imports(path) if not any(within(m, module) for module in allowed)}
    return outside | set(IMPURE.findall(path.read_text(encoding="utf-8")))


def test_pictures_are_functions_of_their_values() -> None:
    """They reach no store, no flow, no clock and no file but the outlines."""
    assert not breaches([path for path in modules() if within(name_of(path), "node.web.pictures")], beyond_its_values)


def test_the_database_has_one_room() -> None:
    """Only the store speaks to PostgreSQL."""
    others = [path for path in modules() if not within(name_of(path), "node.store")]
    assert not breaches(others, lambda path: {m for m in imports(path) if within(m, "asyncpg")})


# What opens a connection, whoever offers it.
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
OUTWARD_MODULES = (
    "ssl", "socket", "http.client", "urllib.request", "ftplib", "smtplib", "requests", "httpx", "urllib3",
)  # fmt: skip


def outward(tree: ast.Module) -> set[str]:
    """What a source imports or names that opens connections to other machines, under whatever name it is imported."""
    names = {
        alias.asname or alias.name
        for found in ast.walk(tree)
        if isinstance(found, ast.Import)
        for alias in found.names
        if alias.name == "aiohttp"
    }
    seen = {m for m in imported(tree) if m.rpartition(".")[2] in OUTWARD_CALLS}
    seen |= {m for m in imported(tree) if any(within(m, module) for module in OUTWARD_MODULES)}
    # The server's half of aiohttp opens nothing.
    client = {m for m in imported(tree) if within(m, "aiohttp") and not within(m, "aiohttp.web")} - {"aiohttp"}
    for found in ast.walk(tree):
        if isinstance(found, ast.Attribute) and found.attr in OUTWARD_CALLS:
            seen.add(found.attr)
        # A session may be handed on, and so be named as a type; it is made in one room.
        if isinstance(found, ast.Call) and ast.unparse(found.func).split(".")[0] in names:
            called = ast.unparse(found.func).partition(".")[2]
            seen |= set() if within(called, "web") else {called}
    return seen | client


def test_sockets_outwards_have_one_room() -> None:
    """Only peers opens connections to other machines, so that nothing passes by its address guard."""
    others = [path for path in modules() if room_of(path) != "peers"]
    # The demo only asks whether a port of this machine is free; the road to the database only sets options of what the library opened.
    own = {"node.cli.demo": {"socket"}, "node.store.roads": {"socket"}}
    assert breaches(others, lambda path: outward(parsed(path))) == own


@pytest.mark.parametrize(
    "source",
    [
        "import ssl",
        "import socket",
        "from socket import socket",
        "import http.client",
        "from urllib.request import urlopen",
        "from asyncio import open_connection",
        "from asyncio import open_connection as there",
        "import asyncio as a\na.open_connection('h', 1)",
        "import asyncio\ncall = asyncio.open_connection",
        "from aiohttp import ClientSession",
        "from aiohttp import ClientSession as Session",
        "from aiohttp import request",
        "from aiohttp.client import ClientSession",
        "import aiohttp\naiohttp.ClientSession()",
        "import aiohttp\nmade = aiohttp.ClientSession(connector=aiohttp.TCPConnector())",
        "import aiohttp as web\nweb.request('GET', 'x')",
        "loop.create_connection(None)",
    ],
)
def test_a_connection_outwards_is_seen(source: str) -> None:
    """By whatever name its opener is imported."""
    assert outward(ast.parse(source))


def test_serving_and_naming_a_session_are_no_connection() -> None:
    """Routes answer, and flows are handed what they ask with."""
    source = (
        "import aiohttp\nfrom aiohttp import web\ndef f(s: aiohttp.ClientSession) -> None: web.Response(status=204)"
    )
    assert not outward(ast.parse(source))


SQL_CALLS = {
    "execute", "executemany", "fetch", "fetchrow", "fetchval", "fetchmany", "prepare", "copy_to_table", "copy_from_table",
    "copy_from_query", "copy_records_to_table",
}  # fmt: skip


def sql_calls(tree: ast.Module) -> set[str]:
    """The calls of a source by which SQL reaches a database; a function of one of our modules is no connection."""
    ours = {
        alias.asname or alias.name
        for found in ast.walk(tree)
        if isinstance(found, ast.ImportFrom) and within(found.module or "", "node")
        for alias in found.names
    }
    return {
        ast.unparse(found)
        for found in ast.walk(tree)
        if isinstance(found, ast.Attribute) and found.attr in SQL_CALLS and ast.unparse(found.value) not in ours
    }


def test_sql_has_one_room() -> None:
    """Every statement stands in node/store, where it is prepared by a test and planned by whoever reads it."""
    others = [path for path in modules() if room_of(path) != "store"]
    assert not breaches(others, lambda path: sql_calls(parsed(path)))


def test_a_statement_outside_its_room_is_seen() -> None:
    """However the connection is called; what our own modules call so is none."""
    for call in (
        "conn.execute('x')",
        "await c.fetchval('x')",
        "self._conn.copy_records_to_table('t')",
        "f = conn.fetch",
    ):
        assert sql_calls(ast.parse(f"async def work():\n    {call}")), call
    assert not sql_calls(ast.parse("from node.flows.logs import accuse\naccuse.fetch(1)"))


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


def assert_rooms_are_there(walls: tuple[str, ...]) -> None:
    """A wall round a room that was renamed would hold nothing, and one built twice hides that another is missing."""
    assert set(walls) <= {name_of(path) for path in modules()}
    assert len(walls) == len(set(walls))


PEER_FACING = ("node.web.federation", "node.web.gossip", "node.web.outbox", "node.web.agreement", "node.web.ballots")


@pytest.mark.parametrize("start", PEER_FACING)
def test_peer_facing_routes_never_reach_the_private_registry(start: str) -> None:
    """What answers other nodes cannot even import what holds private records."""
    private = (
        "node.store.registry",
        "node.store.documents",
        "node.store.publication",
        "node.store.disclosure",
        "node.store.gdpr",
        "node.store.case_documents",
        "node.store.cases",
        "node.store.introductions",
        "node.store.audit",
        "node.store.population",
        "node.store.accounts",
        "node.store.calls",
        "node.store.call_scores",
        "node.store.call_grants",
        "node.store.sessions",
        "node.store.introduction_notices",
        "node.store.info_sessions",
        "node.store.aggregations",
        "node.store.courses",
        "node.store.course_seats",
        "node.store.course_notices",
        "node.domain.network",
        "node.domain.introduction",
        "node.protocol.message",
        "node.protocol.seat",
        "node.flows",
    )
    assert_rooms_are_there(private)
    found = reachable(start)
    assert start in found
    assert not {m for m in found if any(within(m, wall) for wall in private)}


PUBLIC_FACING = (
    "node.web.saved",
    "node.web.introduction_requests",
    "node.web.api",
    "node.web.exports",
    "node.web.matches",
    "node.web.pages.public",
    "node.web.pages.calls",
    "node.web.pages.observatory",
    "node.web.observatory_data",
    "node.web.observatory_api",
    "node.web.calls_api",
    "node.web.courses_api",
    "node.web.catalogue",
    "node.web.pages.following",
    # A firm's request is written by functions that are hung in (node/web/pages/door.py): the page itself reaches nothing.
    "node.web.pages.asking",
    # As an enrolment to a session is (node/web/pages/session_door.py).
    "node.web.pages.sessions",
    # So are enrolments (node/web/pages/course_door.py).
    "node.web.pages.courses",
)


@pytest.mark.parametrize("start", PUBLIC_FACING)
def test_public_routes_reach_no_private_store_and_no_address(start: str) -> None:
    """What answers the public cannot even import the register, drafts, decisions, or whom saved searches tell."""
    private = (
        "node.store.registry",
        "node.store.documents",
        "node.store.publication",
        "node.store.disclosure",
        "node.store.gdpr",
        "node.store.case_documents",
        "node.store.cases",
        "node.store.introductions",
        "node.store.audit",
        "node.store.population",
        "node.store.partitions",
        "node.store.keyfiles",
        "node.store.telling",
        "node.store.watching",
        "node.store.introduction_notices",
        "node.store.info_sessions",
        "node.store.aggregations",
        "node.store.courses",
        "node.store.course_seats",
        "node.store.course_notices",
        "node.store.accounts",
        "node.store.calls",
        "node.store.call_scores",
        "node.store.call_grants",
        "node.store.sessions",
        "node.domain.network",
        "node.flows.introductions",
        "node.flows.registry",
        "node.flows.profiles",
        "node.flows.upkeep",
        "node.flows.trust",
        "node.flows.people",
        "node.flows.searching.tell",
        "node.peers.mail",
    )
    assert_rooms_are_there(private)
    found = reachable(start)
    assert start in found
    assert not {m for m in found if any(within(m, wall) for wall in private)}


def test_no_statement_of_a_public_store_reads_an_address() -> None:
    """In the statements of saved searches that the public's routes use, an address is only ever erased."""
    for name, query in load_queries("saved").items():
        assert "address" not in query.replace("SET address = ''", ""), name


def test_nothing_that_serves_reaches_which_network_a_profile_is() -> None:
    """The audit and its export, which tie profiles to the register, are commands of the office and nothing else."""
    truth = (
        "node.store.disclosure",
        "node.flows.profiles.published",
        "node.flows.profiles.privacy",
        "node.flows.profiles.privacy_export",
    )
    assert_rooms_are_there(truth)
    serving = [path for path in modules() if room_of(path) in ("web", "scheduler.py")]
    assert not breaches(
        serving, lambda path: {m for m in reachable(name_of(path)) if any(within(m, wall) for wall in truth)}
    )


def nameless(path: Path) -> str:
    """What a file's name hides."""
    if path.name == "__init__.py":
        return path.read_text(encoding="utf-8").strip()
    return path.name if path.name in FORBIDDEN_NAMES else ""


def test_no_rooms_without_a_name() -> None:
    """No utils, no helpers, and no code in __init__."""
    assert not breaches(modules(), nameless)


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
        tree = parsed(path)
        if not ast.get_docstring(tree):
            missing.append(name_of(path))
        missing += undocumented(tree.body, name_of(path))
    assert not missing


def test_the_program_and_its_package_have_one_version() -> None:
    """What a backup says it was made by is what was installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION


def test_functions_stay_readable() -> None:
    """No function is longer than 60 lines: past that it hides a second thought."""
    long = []
    for path in modules():
        for found in ast.walk(parsed(path)):
            if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (found.end_lineno or 0) - found.lineno + 1
                if length > 60:
                    long.append(f"{name_of(path)}.{found.name}: {length}")
    assert not long


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements.dev.lock"])
def test_locks_are_complete_and_hold_no_framework_that_serves_nothing(lock: str) -> None:
    """Two packages are taken for their files alone (docs/decisions/0016); and a lock names no registry's host."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    named = set(re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE))
    assert {"design-django-theme", "django-htmx", "jinja2"} <= named
    assert not named & {"django", "asgiref", "sqlparse"}
    assert "://" not in text


def test_the_lock_of_the_site_names_no_registry() -> None:
    """Hashes alone say what is installed; where from is the machine's matter."""
    text = (ROOT / "requirements.docs.lock").read_text(encoding="utf-8")
    assert "mkdocs-material==" in text
    assert "--hash=sha256:" in text
    assert "://" not in text


def can_fail(test: ast.AST) -> bool:
    """Tell whether a test asserts, expects an error, or calls what is named after asserting."""
    for found in ast.walk(test):
        if isinstance(found, ast.Assert):
            return True
        if isinstance(found, ast.Call):
            called = ast.unparse(found.func).rpartition(".")[2]
            if called == "raises" or called.startswith("assert_"):
                return True
    return False


def test_every_test_promises_something() -> None:
    """Every test has a sentence and can fail."""
    empty = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for found in ast.walk(parsed(path)):
            if not isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)) or not found.name.startswith("test_"):
                continue
            if not ast.get_docstring(found) or not can_fail(found):
                empty.append(f"{path.name}::{found.name}")
    assert not empty


def test_a_test_that_cannot_fail_is_seen() -> None:
    """Its sentence alone promises nothing."""
    for body in ('"""It raises; assert_ this, Assert() that."""', "print('raises')", "x = raises"):
        assert not can_fail(ast.parse(f"def test_x():\n    {body}")), body
    for body in ("assert x", "with pytest.raises(KeyError):\n        x", "canary.assert_silent()"):
        assert can_fail(ast.parse(f"def test_x():\n    {body}")), body


async def test_every_query_is_valid_on_this_server(conn: Connection) -> None:
    """PREPARE finds a wrong column before a user does, in every named query of every subject."""
    wrong: list[str] = []
    async with conn.transaction():
        # Some of an import's statements read what it stages.
        await conn.execute(registry._STAGE)
        for file in sorted((NODE / "store").glob("*.sql")):
            queries = load_queries(file.stem)
            assert queries, file.name
            for name, query in queries.items():
                try:
                    async with conn.transaction():
                        await conn.prepare(query)
                except asyncpg.PostgresError as error:
                    wrong.append(f"{file.name}, {name}: {error}")
    assert not wrong


async def test_a_wrong_column_is_seen(conn: Connection) -> None:
    """As PREPARE sees it."""
    with pytest.raises(asyncpg.UndefinedColumnError):
        await conn.prepare("SELECT nothing FROM log.origin")


def test_every_block_of_sql_has_a_name() -> None:
    """A statement before the first name, or two of one name, would be prepared by no test."""
    for file in sorted((NODE / "store").glob("*.sql")):
        text = file.read_text(encoding="utf-8")
        named = re.findall(r"^-- name: (\S+)$", text, re.MULTILINE)
        assert len(named) == len(set(named)) == len(load_queries(file.stem)), file.name
        head = text.partition("-- name: ")[0]
        assert not re.sub(r"^--.*$", "", head, flags=re.MULTILINE).strip(), file.name
