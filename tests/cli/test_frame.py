"""What commands print: other people's words are shown, never obeyed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
import sys
import uuid

import click
import pytest
from rich.console import Console

from node.cli import peer, sync
from node.cli.counts import ROWS_READ, counted
from node.cli.frame import Face, approved, show_error
from node.cli.reports import areas, problem_table
from node.domain.rows import RowProblem
from node.errors import CallerError, Said, plain
from node.flows.logs.pull import PullReport
from node.i18n import speak

HOSTILE = "\\[/b] olio [red]\x1b[31m:smile:\x9b2J\u202eoilo\r\nfine\x07"
SHOWN = "\\[/b] olio [red][31m:smile:2Joilo  fine"


def face(*, json: bool = False) -> tuple[Face, io.StringIO]:
    """A face on a terminal, and what it printed."""
    seen = io.StringIO()
    console = Console(file=seen, force_terminal=True, color_system=None, width=150)
    return Face(None, json, "it", console, console), seen


def test_hostile_words_become_one_plain_line() -> None:
    """Escapes, C1, bidi overrides and bells go; a line end is a space; accents and other scripts stay."""
    assert plain(HOSTILE) == SHOWN
    assert plain("caffè ἀγορά 漢字 ‘a’ – 1") == "caffè ἀγορά 漢字 ‘a’ – 1"
    assert plain("x\ud800y") == "xy"


def test_tables_and_sentences_show_a_peers_words_as_they_are() -> None:
    """Title, cell and fact: no markup is read, no control character passes, nothing fails."""
    shown, seen = face()
    shown.table(HOSTILE, ["titolo [b]"], [(HOSTILE,), (None,)])
    shown.say("{titolo}, {n}", titolo=HOSTILE, n=3)
    lines = seen.getvalue().splitlines()
    assert sum(SHOWN in line for line in lines) == 3
    assert any("titolo [b]" in line for line in lines)
    assert f"{SHOWN}, 3" in lines
    assert not set(seen.getvalue()) & set("\x1b\x9b\u202e\x07\r")


def test_rows_of_a_file_are_shown_as_they_are() -> None:
    """The sheet and column of a refused row and of a doubtful one, and the reasons; an ignored column likewise."""
    shown, seen = face()
    problem_table(shown, [RowProblem(HOSTILE, 2, HOSTILE, "x", HOSTILE, fatal=f) for f in (True, False)])
    problem_table(
        shown, [RowProblem(HOSTILE, 1, HOSTILE, "column-unknown", "{near}", fatal=False, facts={"near": HOSTILE})]
    )
    problem_table(shown, [RowProblem(HOSTILE, 2, HOSTILE, "x", HOSTILE, fatal=False)] * 21)
    # A sentence wider than the terminal goes on in the next line.
    assert seen.getvalue().replace("\n", "").count(SHOWN) == 12
    assert "\x1b" not in seen.getvalue()


def test_an_error_is_its_own_lines_only(capsys: pytest.CaptureFixture[str]) -> None:
    """Place and facts can't add a line or an escape; a sentence inside a sentence neither."""
    speak("it")
    show_error(CallerError("x-bad", "{a}: {b}", where=HOSTILE, hint="{a}", a=HOSTILE, b=Said("{c}", {"c": HOSTILE})))
    err = capsys.readouterr().err
    assert err == f"errore: {SHOWN}: {SHOWN}: {SHOWN} [x-bad]\n  rimedio: {SHOWN}\n"


def test_json_holds_the_same_value_in_harmless_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads exactly what was there; a terminal sees no control character but line ends."""
    face(json=True)[0].emit({"titolo": HOSTILE})
    out = capsys.readouterr().out
    assert json.loads(out) == {"titolo": HOSTILE}
    assert not set(out) & set("\x1b\x9b\u202e\x07\r")


def test_identifiers_stay_whole_at_80_columns() -> None:
    """Other columns fold instead, so that an identifier can be copied; a column that holds other words folds as before."""
    out = io.StringIO()
    console = Console(file=out, color_system=None, width=80)
    shown = Face(None, False, "it", console, console)
    own = str(uuid.UUID(int=7, version=4))
    rows = [(own, "Contratto di rete firmato dal notaio", "una_parola_lunga" * 4)] * 2
    shown.table("", ["documento", "titolo", "file"], rows)
    assert out.getvalue().count(own) == 2
    out.seek(0)
    out.truncate()
    shown.table("", ["a", "b", "c"], [(own, own, own), (own, own, "x" * 70)])
    assert max(map(len, out.getvalue().splitlines())) <= 80


def test_a_table_names_three_areas_and_counts_the_others() -> None:
    """In the language of the face; a short label whole."""
    codes = ("LE", "BR", "TA", "BA", "FG")
    shown, _ = face()
    assert areas(shown, codes) == "Lecce o Brindisi o Taranto + altri 2"
    assert areas(dataclasses.replace(shown, language="en"), codes) == "Lecce or Brindisi or Taranto + 2 more"
    assert areas(shown, ("ITF4",)) == "Puglia"


def test_what_is_wrong_with_a_node_is_read_whole_on_a_narrow_terminal() -> None:
    """At 80 columns: no cell of the tables is folded, and each sentence stands below with its code, never in pieces."""
    now = dt.datetime(2026, 11, 25, 3, 0, tzinfo=dt.UTC)
    sentence = "connessione rifiutata: il nodo è spento o irraggiungibile"
    rows: list[dict[str, object]] = [
        {
            "id": "cciaa_le",
            "own": False,
            "state": "quarantined",
            "size": 1_234_567,
            "profiles": 123_456,
            "error": sentence,
            "error_code": "road-refused",
            "set_aside": {"body-mismatch": 3},
            "confirmed_at": now,
            "witnessed_at": now,
        }
    ]
    report = PullReport("cciaa.example/federation/log/2026", "cciaa_le", error=sentence, error_code="road-refused")
    for show in (lambda f: peer._table(f, rows), lambda f: sync._table(f, [report])):
        seen = io.StringIO()
        console = Console(file=seen, force_terminal=True, color_system=None, width=80)
        show(Face(None, False, "it", console, console))
        lines = seen.getvalue().splitlines()
        assert max(map(len, lines)) <= 80
        # Between words a line may end.
        assert f"cciaa_le: {sentence} [road-refused]" in " ".join(line.strip() for line in lines)
        # A folded cell would begin a second line of the same row.
        assert sum(line.startswith("│") for line in lines) == 1
    assert "road-refused" not in "".join(line for line in lines if line.startswith("│"))


@pytest.mark.parametrize(("count", "words"), [(0, "0 righe lette"), (1, "1 riga letta"), (2, "2 righe lette")])
def test_a_number_meets_its_noun_in_the_right_form(count: int, words: str) -> None:
    """One is singular, none and many are plural."""
    assert counted(face()[0], count, ROWS_READ) == words


def test_few_doubts_are_listed_and_many_are_counted_with_the_first_place() -> None:
    """Twenty can be looked up one by one; of more, each kind says where it begins. No table is empty."""
    shown, seen = face()
    problem_table(shown, [])
    assert seen.getvalue() == ""
    doubts = [RowProblem("Elenco", n, "comune", "x", "comune sconosciuto", fatal=False) for n in range(2, 23)]
    problem_table(shown, doubts[:20])
    assert "Righe con riserva" in seen.getvalue()
    assert seen.getvalue().count("comune sconosciuto") == 20
    many, seen = face()
    problem_table(many, doubts)
    assert (
        seen.getvalue()
        == "21 righe con riserva: comune sconosciuto (la prima: foglio Elenco, riga 2, colonna «comune»)\n"
    )


@pytest.mark.parametrize("answer", ["s", "S", "si", "sì", "y", "yes", "boh\ns"])
def test_a_yes_is_taken_in_either_language(answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """Italian first; what is neither yes nor no is asked again, in the reader's language."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{answer}\n"))
    approved(face()[0], "Firmare?")
    told = capsys.readouterr().err
    assert "Firmare? [s/N]" in told
    assert ("Rispondere s (sì) o n (no)." in told) == ("boh" in answer)


@pytest.mark.parametrize("answer", ["\n", "n\n", "No\n", ""])
def test_anything_but_a_yes_stops(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A no, an empty line, an input that ends."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    with pytest.raises(click.Abort):
        approved(face()[0], "Firmare?")
