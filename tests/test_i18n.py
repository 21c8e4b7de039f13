"""Both languages are complete: every sentence for people has an English twin with the same facts."""

from __future__ import annotations

import ast
import string
from pathlib import Path

from babel.messages.pofile import read_po

from node.i18n import language_from_environment, translator

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
    assert sentences() - set(english) == set()
    assert set(english) - sentences() == set()
    assert [italian for italian, text in english.items() if not text] == []


def test_both_languages_tell_the_same_facts() -> None:
    """Placeholders are the same on both sides."""
    assert [italian for italian, text in catalogue().items() if facts(italian) != facts(text)] == []


def test_languages_are_chosen_and_italian_is_the_default() -> None:
    """Italian ids are shown as they are; English by the catalogue; unknown words and languages stay Italian."""
    assert translator("it")("errore") == "errore"
    assert translator("en")("errore") == "error"
    assert translator("en")("mai vista prima") == "mai vista prima"
    assert translator("xx")("errore") == "errore"
    assert language_from_environment() in ("it", "en")
