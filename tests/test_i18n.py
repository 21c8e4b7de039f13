"""Both languages are complete: every sentence for people has an English twin with the same facts."""

from __future__ import annotations

import ast
import datetime as dt
import string
from pathlib import Path

import click
import jinja2
import pytest
from babel.messages.pofile import read_po
from jinja2 import nodes

from node.__main__ import rete
from node.cli.help import SpokenCommand
from node.i18n import day, language_from_environment, language_from_header, moment, number, percent, translator

NODE = Path(__file__).resolve().parent.parent / "node"


def sentences() -> set[str]:
    """Every literal inside N_(...) in the product."""
    found: set[str] = set()
    for path in NODE.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "N_":
                assert isinstance(call.args[0], ast.Constant), f"{path.name}:{call.lineno}: N_ takes a literal"
                found.add(str(call.args[0].value))
    return found


def template_sentences() -> dict[str, set[str]]:
    """Every literal inside _(...) in the templates of pages, with the names of the facts it is given."""
    found: dict[str, set[str]] = {}
    for path in sorted((NODE / "web" / "templates").rglob("*.html")):
        for call in jinja2.Environment(autoescape=True).parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "_":
                if isinstance(call.args[0], nodes.Const):
                    found.setdefault(str(call.args[0].value), set()).update(pair.key for pair in call.kwargs)
                else:
                    # A title that a value carries is marked with N_ where the value is made.
                    assert isinstance(call.args[0], (nodes.Getattr, nodes.Call)), f"{path.name}:{call.lineno}"
    return found


def help_texts() -> set[str]:
    """The help of every command, group and option, as ``--help`` would show it in Italian."""
    found: set[str] = set()

    def walk(command: click.Command, ctx: click.Context) -> None:
        if command.help:
            found.add(command.help)
        found.update(p.help for p in command.params if isinstance(p, click.Option) and p.help and not p.hidden)
        if isinstance(command, click.Group):
            for name in command.list_commands(ctx):
                below = command.get_command(ctx, name)
                assert isinstance(below, SpokenCommand), f"{name} speaks only one language"
                walk(below, ctx)

    walk(rete, click.Context(rete))
    return found


def catalogue() -> dict[str, str]:
    """The English catalogue."""
    with (NODE / "locale" / "en.po").open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file, locale="en") if message.id}


def facts(text: str) -> set[str]:
    """The placeholders of a sentence, as ``format`` itself reads them."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_sentence_has_an_english_twin_and_no_twin_is_alone() -> None:
    """The catalogue holds exactly the sentences of the product, none of them empty."""
    english = catalogue()
    said = sentences() | help_texts() | set(template_sentences())
    assert said - set(english) == set()
    assert set(english) - said == set()
    assert [italian for italian, text in english.items() if not text] == []


def test_both_languages_tell_the_same_facts() -> None:
    """Placeholders are the same on both sides."""
    told = template_sentences()
    said = sentences() | set(told)
    assert [it for it, text in catalogue().items() if it in said and facts(it) != facts(text)] == []


def test_templates_give_each_sentence_its_facts() -> None:
    """No placeholder is left without its value, and none is given that no sentence tells."""
    assert {it: names for it, names in template_sentences().items() if names != facts(it)} == {}


def test_languages_are_chosen_and_italian_is_the_default() -> None:
    """Italian ids are shown as they are; English by the catalogue; unknown words and languages stay Italian."""
    assert translator("it")("errore") == "errore"
    assert translator("en")("errore") == "error"
    assert translator("en")("mai vista prima") == "mai vista prima"
    assert translator("xx")("errore") == "errore"


def test_numbers_and_days_are_written_as_each_language_does() -> None:
    """Separators, names of months, and the clock in Italy, also where it is the next day there."""
    late = dt.datetime(2026, 11, 24, 23, 30, tzinfo=dt.UTC)
    assert (number(12345.6, "it"), number(12345.6, "en")) == ("12.345,6", "12,345.6")
    assert (percent(0.071, "it"), percent(1, "en")) == ("7%", "100%")
    assert (day(late.date(), "it"), day(late.date(), "en")) == ("24 novembre 2026", "November 24, 2026")
    assert (moment(late, "it"), moment(late, "en")) == ("25 novembre 2026, 00:30", "November 25, 2026, 00:30")
    assert number(1.5, "xx") == "1,5"


def test_the_environment_overrules_a_node_s_own_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """RETE_LANG when it names a language we speak, in any spelling; else the default that was given."""
    for wanted, found in (("en", "en"), ("EN_GB.UTF-8", "en"), ("it", "it"), ("fr", "en"), ("", "en")):
        monkeypatch.setenv("RETE_LANG", wanted)
        assert language_from_environment("en") == found
    monkeypatch.delenv("RETE_LANG")
    assert (language_from_environment(), language_from_environment("en")) == ("it", "en")


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", "en"),
        ("it", "it"),
        ("it-IT,it;q=0.9,en;q=0.8", "it"),
        ("en-GB,en;q=0.9,it;q=0.8", "en"),
        ("en;q=0.5, it", "it"),
        ("fr, de;q=0.9", "en"),
        ("fr, it;q=0.1", "it"),
        ("it;q=0", "en"),
        ("it;q=nonsense", "en"),
        ("*", "en"),
        (";" * 10_000, "en"),
    ],
)
def test_a_reader_s_preference_is_kept_and_silence_means_the_node_s_language(header: str, found: str) -> None:
    """The heaviest of the languages we speak; where the header names none of them, the node's own."""
    assert language_from_header(header, "en") == found
