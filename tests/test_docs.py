"""What the pages of documentation say is there: links and anchors lead somewhere, commands, options and settings are told, and exist."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from node import config
from node.__main__ import rete

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("schemas/*.md"), *ROOT.glob("deploy/**/*.md")]
)
TOLD = [*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "SECURITY.md"]
INDEX = ROOT / "docs" / "README.md"
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# Told once, at the head of docs/cli.md, or the same wherever they stand.
EVERYWHERE = {"--home", "--json", "--help", "-h", "--by", "--force", "--yes", "--version"}
# The places of filters that several commands share: told under one name.
FILTERS = re.compile(r"\[filters\]")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
WORD = re.compile(r"(?<![\w/.-])rete ((?:[a-z]+(?:-[a-z]+)*)(?: [a-z]+(?:-[a-z]+)*)?(?: [a-z]+)?)")


@cache
def text_of(page: Path) -> str:
    """A page without what stands in fences."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as the usual renderers of Markdown make them."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} +(.+?)\s*$", text_of(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        kept = "".join(c for c in plain if c in " -_" or unicodedata.category(c)[0] in "LNM")
        name = kept.replace(" ", "-")
        found.append(name if name not in found else f"{name}-{found.count(name)}")
    return frozenset(found)


def leads_nowhere(page: Path, target: str) -> bool:
    """Tell whether a relative link of a page has no file, or its anchor no heading."""
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists() or ROOT not in (file, *file.parents):
        return True
    return bool(anchor) and (file.suffix != ".md" or anchor not in anchors(file))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    """Files of the repository and headings in them; what is elsewhere is not asked for."""
    links = [link for link in LINK.findall(text_of(page)) if not re.match(r"[a-z]+:", link)]
    assert [link for link in links if leads_nowhere(page, link)] == []
    # Many pages name others in words: these are there too.
    named = re.findall(r"(?<![\w/(-])docs/[\w/-]+\.md", text_of(page))
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_a_link_that_leads_nowhere_is_seen() -> None:
    """A file that is not there, one outside, a heading that is not there; headings with signs and accents are found."""
    page = ROOT / "docs" / "privacy.md"
    for good in ("statistics.md", "#che-cosa-non-vede", "gdpr.md#ciò-che-resta-fuori", "decisions/", "../README.md"):
        assert not leads_nowhere(page, good), good
    for bad in ("nothing.md", "#nothing", "statistics.md#nothing", "../../etc/passwd", "../Makefile#all"):
        assert leads_nowhere(page, bad), bad


def test_every_page_is_in_the_index_of_readers() -> None:
    """docs/README.md names each page of docs, the protocol, the example of settings and how to report."""
    linked = {(INDEX.parent / link.partition("#")[0]).resolve() for link in LINK.findall(text_of(INDEX))}
    wanted = {page for page in ROOT.glob("docs/*.md") if page != INDEX}
    wanted |= {ROOT / "schemas" / "PROTOCOL.md", ROOT / "nodes.example.toml", ROOT / "SECURITY.md"}
    assert sorted(str(page.relative_to(ROOT)) for page in wanted - linked) == []


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that can be run, by its words."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, (*path, name))
    elif not command.hidden:
        yield path, command


COMMANDS = dict(leaves(rete))


def options(command: click.Command) -> Iterator[set[str]]:
    """The names of each option that people see."""
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield {*parameter.opts, *parameter.secondary_opts}


def has_word(text: str, word: str) -> bool:
    """Tell whether a word stands in a text by itself."""
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def lines_about(path: tuple[str, ...]) -> list[str]:
    """The lines of all pages that name a command's noun and its last word."""
    lines = [line for page in TOLD for line in page.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if re.search(rf"\brete {path[0]}\b", line) and has_word(line, path[-1])]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_and_its_options_are_told(path: tuple[str, ...]) -> None:
    """In docs/cli.md, or where another page names the command: each option on a line about it."""
    about = "\n".join(lines_about(path))
    assert about, f"rete {' '.join(path)} stands in no page"
    if FILTERS.search(about):
        about += "\n".join(
            line for line in text_of(ROOT / "docs" / "cli.md").splitlines() if "--territory" in line or "--sort" in line
        )
    for names in options(COMMANDS[path]):
        assert names & EVERYWHERE or any(has_word(about, name) for name in names), (
            f"rete {' '.join(path)}: {sorted(names)}"
        )


def unknown_words(text: str) -> list[str]:
    """Which commands in the code of a text do not exist, or take an option that none of their noun has."""
    prefixes = {path[:length] for path in COMMANDS for length in range(1, len(path) + 1)}
    wrong = []
    for code in re.findall(r"`(rete [^`]+)`", text):
        match = WORD.match(code)
        words = tuple(match[1].split()) if match else ()
        mine = {path: command for path, command in COMMANDS.items() if path[:1] == words[:1]}
        takes_words = words[:1] in COMMANDS
        taken = {name for command in mine.values() for names in options(command) for name in names}
        if (words and (not mine or (len(words) > 1 and not takes_words and words[:2] not in prefixes))) or set(
            OPTION.findall(code)
        ) - taken - EVERYWHERE:
            wrong.append(code)
    return wrong


@pytest.mark.parametrize("page", TOLD, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_tells_a_command_or_an_option_that_is_not_there(page: Path) -> None:
    """Words after ``rete`` in code are a command or its beginning; options beside them are some command's of that noun."""
    assert unknown_words(page.read_text(encoding="utf-8")) == []


def test_a_command_that_is_not_there_is_seen() -> None:
    """Another noun, another verb, another option; what only begins a command, or asks for the version, is fine."""
    for good in (
        "rete log",
        "rete log show --json",
        "rete search olio export --territory LE",
        "rete --version",
        "rete serve",
    ):
        assert unknown_words(f"x `{good}` y") == [], good
    for bad in (
        "rete lag",
        "rete log shaw",
        "rete log show --territory LE",
        "rete agreement frob",
        "rete serve --fast",
    ):
        assert unknown_words(f"x `{bad}` y") == [bad]


def test_every_setting_is_explained_where_it_stands() -> None:
    """A comment in the lines before it, with no blank line between; each key that the program knows is there once."""
    text = (ROOT / "nodes.example.toml").read_text(encoding="utf-8")
    bare, comment, seen = [], False, 0
    for line in text.splitlines():
        if line.startswith("#"):
            comment = True
        elif not line.strip() or (line.startswith("[") and line.endswith("]")):
            # What stands above a table is about its keys too, until a line is left blank.
            comment = comment and line.startswith("[")
        else:
            seen += 1
            if not comment:
                bare.append(line.partition(" =")[0])
    assert bare == []
    assert seen == sum(map(len, config.TABLES.values())) + len(config.PEER_KEYS)


def test_settings_that_pages_name_are_known() -> None:
    """``[table] key`` in the words of any page, and each table of a TOML example."""
    known = {table: set(keys) for table, keys in config.TABLES.items()} | {"peer": set(config.PEER_KEYS)}
    wrong = []
    for page in TOLD:
        for table, key in re.findall(r"`\[([a-z_.]+)\] ([a-z_]+)", page.read_text(encoding="utf-8")):
            if table not in known or key not in known[table]:
                wrong.append(f"{page.name}: [{table}] {key}")
        for block in re.findall(r"^```toml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            for table, keys in tomllib.loads(block).items():
                inner = {name.partition(".")[2] for name in known if name.startswith(f"{table}.")}
                told = (
                    {table: keys}
                    if isinstance(keys, list)
                    else {table: set(keys) - inner} | {f"{table}.{name}": keys[name] for name in inner & set(keys)}
                )
                wrong += [
                    f"{page.name}: {name}"
                    for name, found in told.items()
                    if name not in known or (not isinstance(found, list) and set(found) - known[name])
                ]
    assert wrong == []
