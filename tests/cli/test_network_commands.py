"""``rete network`` and ``rete register`` as an administrator types them: results, refusals, exit status."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import profiles_made
import pytest
from networks_made import code, listed, pair, record, sheets

from node.__main__ import main
from node.domain import template
from node.flows.upkeep.home import Facts, make_home
from node.store.postgres import open_pool
from node.store.spreadsheet import read_sheets, write_sheets

WHO = ("--id", "p_AR", "--name", "Provincia di Arezzo", "--territory", "AR")


class Terminal:
    """Types commands at one node's home."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self._monkeypatch, self._capsys = home, monkeypatch, capsys

    def run(self, *words: str, columns: int = 200) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        self._monkeypatch.setenv("RETE_HOME", str(self.home))
        self._monkeypatch.setenv("COLUMNS", str(columns))
        self._monkeypatch.setattr("sys.argv", ["rete", *words])
        status: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            status = end.code
        out, err = self._capsys.readouterr()
        return int(status or 0), out, err

    def json(self, *words: str, status: int = 0) -> Any:
        """The result of a command that succeeds, or ends with ``status``, with --json."""
        found, out, err = self.run(*words, "--json")
        assert found == status, err
        return json.loads(out)


@pytest.fixture
def terminal(db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A home of Provincia di Lecce on this test's database."""
    home = tmp_path / "home"
    facts = Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), "127.0.0.1:8441", 8441, 2026, db)
    make_home(home, facts)
    return Terminal(home, monkeypatch, capsys)


def chamber_file(tmp_path: Path) -> Path:
    """One good contract of Lecce, one of Torino, one bad row."""
    path = tmp_path / "statistiche.xls"
    write_sheets(path, sheets(*pair(), *pair(deed="78", pv="TO", place="TORINO"), listed(deed="79", pv="??")))
    return path


def test_an_import_is_tried_applied_and_repeated(terminal: Terminal, tmp_path: Path) -> None:
    """The documented keys of --json; the refused row with its place."""
    path = str(chamber_file(tmp_path))
    dry = terminal.json("network", "import", path)
    assert {k: v for k, v in dry.items() if k != "problems"} == {
        "layout": "chamber",
        "applied": False,
        "rows": 5,
        "new": 1,
        "changed": 0,
        "unchanged": 0,
        "outside_territory": 1,
        "refused": 1,
        "left_out": [],
    }
    assert dry["problems"] == [
        {
            "sheet": "Elenco",
            "row": 6,
            "column": "PV",
            "code": "province-unknown",
            "reason": "provincia sconosciuta",
            "refused": True,
        }
    ]
    assert terminal.json("network", "list")["networks"] == []
    assert terminal.json("network", "import", path, "--apply")["applied"]
    again = terminal.json("network", "import", path, "--apply", "--all")
    assert (again["new"], again["unchanged"]) == (1, 1)


def test_people_are_told_what_happened_and_what_comes_next(terminal: Terminal, tmp_path: Path) -> None:
    """Refused rows in a table, a sentence of counts, how to apply, what to do about the refused one."""
    path = str(chamber_file(tmp_path))
    status, out, err = terminal.run("network", "import", path)
    assert (status, err) == (0, "")
    assert "Correggere le righe rifiutate e ripetere" in out
    assert "--apply" in out
    assert re.search(r"Elenco\s.*6\s.*PV\s.*provincia sconosciuta", out)
    assert "5 righe lette: 1 rete nuova, 0 cambiate, 0 uguali, 1 fuori territorio, 0 lasciate come sono; 1 riga" in out
    _, out, _ = terminal.run("network", "import", path, "--apply")
    assert "Scritto nel registro." in out
    _, out, _ = terminal.run("network", "import", path, "--apply")
    assert "Niente da scrivere." in out
    _, out, _ = terminal.run("network", "list")
    assert "Rete Uno" in out


def test_a_network_left_as_it_is_is_named(terminal: Terminal, tmp_path: Path) -> None:
    """Known or new, with the row that is to blame in the table."""
    path = tmp_path / "elenco.csv"
    write_sheets(path, sheets(*pair()))
    terminal.json("network", "import", str(path), "--apply")
    spoilt = [listed(deed=deed, name=name, code=code(3), pv="??") for deed, name in (("77", "Rete Uno"), ("78", "Due"))]
    write_sheets(path, sheets(*pair(), *pair(deed="78", name="Due"), *spoilt))
    done = terminal.json("network", "import", str(path), "--apply")
    assert (done["new"], done["changed"], done["refused"]) == (0, 0, 2)
    assert done["left_out"] == [{"name": "Rete Uno", "in_register": True}, {"name": "Due", "in_register": False}]
    _, out, _ = terminal.run("network", "import", str(path))
    assert "«Rete Uno»: nel registro resta com'è." in out
    assert "«Due»: non viene importata." in out


def test_an_empty_template_is_told_as_such(terminal: Terminal, tmp_path: Path) -> None:
    """Nothing was wrong, nothing is to be repeated with --apply."""
    path = str(tmp_path / "modello.xlsx")
    terminal.json("network", "template", path)
    status, out, _ = terminal.run("network", "import", path)
    assert (status, out) == (0, "Nessuna rete nel modello: riempire il foglio «Reti».\n")


def test_a_network_is_listed_shown_exported_and_imported_again(terminal: Terminal, tmp_path: Path) -> None:
    """The round trip of an officer, without a change at its end."""
    path = tmp_path / "reti.xlsx"
    write_sheets(path, template.sheets_of([record(), record(name="Due [grassetto]", deed_number="88")]))
    terminal.json("network", "import", str(path), "--apply")
    listing = terminal.json("network", "list", "--name", "due")["networks"]
    assert [(n["name"], n["members"], n["province"]) for n in listing] == [("Due [grassetto]", 2, "LE")]
    shown = terminal.json("network", "show", listing[0]["network_id"])
    # As it may come from another program.
    assert terminal.json("network", "show", listing[0]["network_id"].upper()) == shown
    assert (shown["register_id"], shown["legal_effect_on"], len(shown["members"])) == (
        "15829/88/2013-03-15",
        "2013-04-02",
        2,
    )
    _, out, _ = terminal.run("network", "show", listing[0]["network_id"])
    assert "Due [grassetto]" in out
    assert code(1) in out
    exported = str(tmp_path / "export.xlsx")
    assert terminal.json("network", "export", exported, "--by", "Anna Verdi") == {"file": exported, "networks": 2}
    (told,) = terminal.json("audit", "list", "--kind", "register-exported")["events"]
    assert {name: told["facts"][name] for name in ("officer", "form", "count")} == {
        "officer": "anna verdi",
        "form": "template",
        "count": 2,
    }
    # What the register keeps private is private on the disk too.
    assert Path(exported).stat().st_mode & 0o777 == 0o600
    again = terminal.json("network", "import", exported, "--apply")
    assert (again["layout"], again["new"], again["changed"], again["unchanged"]) == ("template", 0, 0, 2)


@pytest.mark.parametrize(
    "words", [("network", "template"), ("network", "export"), ("register", "generate", "--contracts", "5")]
)
def test_no_command_replaces_a_file_unasked(terminal: Terminal, tmp_path: Path, words: tuple[str, ...]) -> None:
    """A filled template is a day's work: only --force writes over it."""
    path = tmp_path / "modello.csv"
    path.write_text("un giorno di lavoro")
    status, out, err = terminal.run(*words, str(path))
    assert (status, out) == (1, "")
    assert f"{path}: il file c'è già [file-exists]" in err
    assert "--force" in err
    assert path.read_text() == "un giorno di lavoro"
    terminal.json(*words, str(path), "--force")
    assert path.read_text() != "un giorno di lavoro"
    path.write_bytes(b"")
    terminal.json(*words, str(path))
    assert path.stat().st_size > 0


def test_ids_are_whole_and_words_unbroken_on_a_common_terminal(terminal: Terminal, tmp_path: Path) -> None:
    """Eighty columns: an id is copied from the list into ``show``; no word of a record is cut."""
    assert terminal.run("network", "list")[1] == "Nessuna rete.\n"
    path = tmp_path / "reti.xlsx"
    long = record(name="Rete delle Imprese Agroalimentari e della Trasformazione del Salento Meridionale e Jonico")
    write_sheets(path, template.sheets_of([long]))
    terminal.json("network", "import", str(path), "--apply")
    _, out, _ = terminal.run("network", "list", columns=80)
    network_id = terminal.json("network", "list")["networks"][0]["network_id"]
    assert f"  {network_id}\n" in out
    assert "(Rete-contratto, iscritta, LE, 2 imprese)" in " ".join(out.split())
    _, out, _ = terminal.run("network", "show", network_id, columns=80)
    assert all(len(line) <= 80 for line in out.splitlines())
    words = out.split()
    assert network_id in words
    assert {"innovazione", "Distribuzione:", "Trasformazione", "15829/77/2013-03-15", code(1) + ","} <= set(words)


IN_ITALIAN = (
    "tipo Rete-contratto",
    "stato iscritta",
    "finalità crescita",
    "forma dell'atto scrittura privata autenticata",
    "aperta a nuove imprese no",
    "fondo comune sì",
    "fondo iniziale 10.000,00 €",
    "lingue italiano, inglese",
    "paesi obiettivo Albania, Tunisia",
    "capacità Produzione",
    "certificazioni ISO 9001 qualità",
    "fabbisogni Distribuzione: distributori di olio",
    "comune Lecce (LE)",
    "adesione 15/03/2013",
)
IN_ENGLISH = (
    "kind Contract network",
    "state registered",
    "form of the deed authenticated private deed",
    "initial fund €10,000.00",
    "languages Italian, English",
    "needs Distribution: distributori di olio",
    "joined 2013-03-15",
)


@pytest.mark.parametrize(("language", "said"), [("it", IN_ITALIAN), ("en", IN_ENGLISH)])
def test_a_record_is_shown_in_the_reader_s_words(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, said: tuple[str, ...]
) -> None:
    """Labels, closed lists, amounts, days, languages and countries; no name or value of the program's."""
    path = tmp_path / "reti.xlsx"
    write_sheets(path, template.sheets_of([record()]))
    terminal.json("network", "import", str(path), "--apply")
    network_id = terminal.json("network", "list")["networks"][0]["network_id"]
    monkeypatch.setenv("RETE_LANG", language)
    out = " ".join(terminal.run("network", "show", network_id)[1].split())
    assert [words for words in said if words not in out] == []
    for ours in ("True", "False", "Decimal", "WantRecord", "NetworkKind", "_on", "datetime", "('", "iso_9001"):
        assert ours not in out


def test_the_template_is_written_and_its_example_is_good(terminal: Terminal, tmp_path: Path) -> None:
    """Both formats; an ending it cannot write is one clear line."""
    for ending in ("xlsx", "csv"):
        path = tmp_path / f"modello.{ending}"
        assert terminal.json("network", "template", str(path)) == {"file": str(path)}
        first = next(iter(read_sheets(path).values()))
        assert first == [list(template.COLUMNS)]
    status, _, err = terminal.run("network", "template", str(tmp_path / "modello.ods"))
    assert status == 1
    assert "[file-type-unknown]" in err
    assert "  [" not in err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("network", "import", "nope.xls"), "file-not-found"),
        (("network", "show", "not-an-id"), "network-unknown"),
        (("network", "show", "00000000-0000-4000-8000-000000000000"), "network-unknown"),
        (("register", "load", "nope.xls", "--snapshot", "2026-06-30"), "file-not-found"),
    ],
)
def test_what_is_not_there_is_one_clear_line(terminal: Terminal, words: tuple[str, ...], problem: str) -> None:
    """Exit status 1, the code, nothing on standard output."""
    status, out, err = terminal.run(*words)
    assert (status, out) == (1, "")
    assert f"[{problem}]" in err
    assert "Traceback" not in err


def test_a_register_is_generated_loaded_and_listed(terminal: Terminal, tmp_path: Path) -> None:
    """From a seed to a partition, twice without a change."""
    path = str(tmp_path / "statistiche.xlsx")
    made = terminal.json("register", "generate", path, "--seed", "3", "--contracts", "900")
    assert (made["contracts"], made["seed"], made["rows"] > 2700) == (900, 3, True)
    loaded = terminal.json("register", "load", path, "--snapshot", "2026-06-30")
    assert (loaded["snapshot"], loaded["networks"], loaded["stored"], loaded["partition_version"]) == (
        "2026-06-30",
        900,
        True,
        1,
    )
    assert terminal.json("register", "load", path, "--snapshot", "2026-06-30")["stored"] is False
    (snapshot,) = terminal.json("register", "list")["snapshots"]
    assert (snapshot["taken_on"], snapshot["networks"], snapshot["partition_version"]) == ("2026-06-30", 900, 1)
    _, out, _ = terminal.run("register", "list")
    assert "2026-06-30" in out


def test_an_older_edition_says_whose_partition_leads_and_can_be_removed(terminal: Terminal, tmp_path: Path) -> None:
    """No version is claimed for it; a day to come, and a day never loaded, are refused."""
    assert terminal.run("register", "list")[1].startswith("Nessun elenco caricato")
    path = str(tmp_path / "a.csv")
    terminal.json("register", "generate", path, "--contracts", "900")
    terminal.json("register", "load", path, "--snapshot", "2026-06-30")
    older = terminal.json("register", "load", path, "--snapshot", "2025-06-30")
    assert (older["partition_version"], older["blocks"], older["superseded_by"]) == (None, 0, "2026-06-30")
    _, out, _ = terminal.run("register", "load", path, "--snapshot", "2025-06-30")
    assert "Edizione più vecchia: la partizione resta quella del 2026-06-30." in out
    assert "Partizione 1" not in out
    removed = terminal.json("register", "remove", "--snapshot", "2025-06-30")
    assert removed == {"snapshot": "2025-06-30", "newest": "2026-06-30", "partition_version": 1}
    assert "[snapshot-unknown]" in terminal.run("register", "remove", "--snapshot", "2025-06-30")[2]
    status, _, err = terminal.run("register", "load", path, "--snapshot", "2999-12-31")
    assert (status, "[snapshot-in-future]" in err) == (1, True)


def test_a_list_that_shrank_needs_a_word(terminal: Terminal, tmp_path: Path) -> None:
    """The refusal names the option."""
    whole, part = str(tmp_path / "a.csv"), str(tmp_path / "b.csv")
    terminal.json("register", "generate", whole, "--contracts", "60")
    terminal.json("register", "generate", part, "--contracts", "13")
    terminal.json("register", "load", whole, "--snapshot", "2026-01-31")
    status, _, err = terminal.run("register", "load", part, "--snapshot", "2026-06-30")
    assert (status, "[register-shrunk]" in err, "--accept-shrunk" in err) == (1, True, True)
    assert terminal.json("register", "load", part, "--snapshot", "2026-06-30", "--accept-shrunk")["stored"]


def test_another_edition_of_a_day_needs_replace(terminal: Terminal, tmp_path: Path) -> None:
    """The refusal names the option."""
    path = str(tmp_path / "a.csv")
    other = str(tmp_path / "b.csv")
    terminal.json("register", "generate", path, "--contracts", "50")
    terminal.json("register", "generate", other, "--contracts", "50", "--seed", "2")
    held = terminal.json("register", "load", path, "--snapshot", "2026-06-30")
    assert held["partition_version"] is None
    assert held["held_because"]
    status, _, err = terminal.run("register", "load", other, "--snapshot", "2026-06-30")
    assert status == 1
    assert "[snapshot-differs]" in err
    assert "--replace" in err
    assert terminal.json("register", "load", other, "--snapshot", "2026-06-30", "--replace")["stored"]


def test_a_good_configuration_is_told_whole(terminal: Terminal) -> None:
    """The documented keys; the iPA code as the file has it."""
    found = terminal.json("config", "check")
    assert set(found) == {"ok", "home", "id", "ipa_code", "origin", "environment", "peers"}
    assert (found["ok"], found["ipa_code"], found["peers"]) == (True, "p_LE", [])


def test_a_territory_that_is_none_is_refused_before_anything_is_made(terminal: Terminal, tmp_path: Path) -> None:
    """By ``config check`` with the line, by ``init`` without a trace."""
    path = terminal.home / "node.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('["LE"]', '["ZZ"]'), encoding="utf-8")
    status, _, err = terminal.run("config", "check")
    assert (status, "[config-bad-value]" in err) == (2, True)
    assert re.search(r"node\.toml:\d+: .*ZZ", err)
    status, _, err = terminal.run("init", str(tmp_path / "new"), *WHO, "--territory", "ZZ")
    assert (status, (tmp_path / "new").exists()) == (2, False)
    assert re.search(r"^errore: --territory: .*ZZ.*\[config-bad-value\]\n.*ITF4", err)


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--id", "Provincia di Arezzo", "p_AR"),
        ("--name", "due\nrighe", "su una riga"),
        ("--territory", "Provincia di Arezzo", "ITF4"),
        ("--authority", "https://ar.example.it", "senza https://"),
        ("--database-url", "ar.example.it", "postgresql://"),
    ],
)
def test_a_wrong_option_of_init_is_named_with_what_it_should_be(
    terminal: Terminal, tmp_path: Path, option: str, value: str, expected: str
) -> None:
    """Not a line of a file that does not exist; nothing is made."""
    status, _, err = terminal.run("init", str(tmp_path / "new"), *WHO, option, value)
    assert (status, (tmp_path / "new").exists()) == (2, False)
    assert err.startswith(f"errore: {option}: ")
    assert expected in err
    assert "node.toml" not in err


def test_init_without_options_says_whose_node_it_made(terminal: Terminal, db: str, tmp_path: Path) -> None:
    """The bare command works for a first try and says that the node is Lecce's; whoever names another is not told so."""
    status, out, _ = terminal.run("init", str(tmp_path / "trial"), "--database-url", db)
    assert status == 0
    assert "«Provincia di Lecce» (p_LE): per un'altra amministrazione" in out
    status, out, _ = terminal.run("init", str(tmp_path / "own"), *WHO, "--database-url", db)
    assert (status, "per un'altra amministrazione" in out) == (0, False)


@pytest.mark.parametrize("existed", [False, True])
def test_a_home_without_a_database_is_not_left_half_made(terminal: Terminal, tmp_path: Path, *, existed: bool) -> None:
    """Nobody listens: one clear line, and the folder is as it was; beside it nothing is touched."""
    above = tmp_path / "srv"
    home = above / "rete"
    if existed:
        home.mkdir(parents=True)
        (above / "other").write_text("kept", encoding="utf-8")
    status, _, err = terminal.run("init", str(home), *WHO, "--database-url", "postgresql://127.0.0.1:9/rete")
    assert (status, "[database-unreachable]" in err) == (2, True)
    assert "Traceback" not in err
    if existed:
        assert list(home.iterdir()) == []
        assert (above / "other").read_text(encoding="utf-8") == "kept"
    else:
        assert not above.exists()


def test_an_existing_home_is_never_taken_away(terminal: Terminal) -> None:
    """``init`` on a node that is there refuses, and leaves every file of it."""
    before = {path: path.read_bytes() for path in terminal.home.rglob("*") if path.is_file()}
    status, _, err = terminal.run("init", str(terminal.home), *WHO)
    assert (status, "[home-not-empty]" in err) == (1, True)
    assert {path: path.read_bytes() for path in terminal.home.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "url", ["foo", "http://ar.example.it", "https://ar.example.it/", "https://a@b.it", "https://a.it:0"]
)
def test_a_card_is_printed_only_for_an_address_that_others_can_use(terminal: Terminal, url: str) -> None:
    """What their configuration would refuse is refused here; a good one stands in the card."""
    status, out, err = terminal.run("peer", "card", "--url", url)
    assert (status, out, "[peer-url-bad]" in err) == (1, "", True)
    good = "https://ar.example.it:8443"
    assert f'url = "{good}"' in terminal.run("peer", "card", "--url", good)[1]


async def found_profile(dsn: str) -> None:
    """One profile in the node's own log."""
    pool = await open_pool(dsn, max_size=2)
    async with pool.acquire() as conn:
        own = await conn.fetchval("SELECT origin_id FROM log.origin WHERE is_own")
        await profiles_made.store(conn, own, [profiles_made.profile(7, "Olio [b]")])
    pool.terminate()


def test_a_found_profile_is_opened_by_the_identifier_in_the_table(terminal: Terminal, db: str) -> None:
    """The first digits stand in the table; --id shows the profile, --json its whole document; mistakes are one line."""
    assert terminal.json("search", "olio")["total"] == 0
    asyncio.run(found_profile(db))
    hit = terminal.json("search", "olio")["hits"][0]
    shown = hit["profile_id"][:8]
    _, out, _ = terminal.run("search", "olio")
    assert re.search(rf"{shown}.*Olio \[b\]", out)
    _, out, _ = terminal.run("search", "--id", hit["profile_id"])
    assert "Olio [b]" in out
    assert hit["profile_id"] in out
    whole = terminal.json("search", "--id", hit["profile_id"])
    assert (whole["profile_id"], whole["document"]["id"]) == (hit["profile_id"], hit["profile_id"])
    assert "[profile-id-bad]" in terminal.run("search", "--id", "olio")[2]
    assert "[profile-unknown]" in terminal.run("search", "--id", "ffffffffffff")[2]


def test_the_node_s_language_is_spoken_where_nobody_chose_another(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results and errors follow [node] language; RETE_LANG overrules it."""
    path = terminal.home / "node.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('language = "it"', 'language = "en"'), encoding="utf-8")
    monkeypatch.delenv("RETE_LANG", raising=False)
    assert terminal.run("config", "check")[1].startswith("Valid configuration")
    assert terminal.run("network", "show", "x")[2].startswith("error:")
    monkeypatch.setenv("RETE_LANG", "it")
    assert "Configurazione valida" in terminal.run("config", "check")[1]
    assert terminal.run("network", "show", "x")[2].startswith("errore:")
    path.write_text("language = [", encoding="utf-8")
    assert "[config-not-toml]" in terminal.run("config", "check")[2]


@pytest.mark.parametrize(
    ("language", "heading", "words", "extra"),
    [
        ("it", "Uso: ", "Importa reti da un file", "predefinito: 100"),
        ("en", "Usage: ", "Imports networks from a file", "default: 100"),
    ],
)
def test_help_speaks_the_chosen_language(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, language: str, heading: str, words: str, extra: str
) -> None:
    """Headings, texts, click's own remarks and the list of commands; asking twice gives the same."""
    monkeypatch.setenv("RETE_LANG", language)
    for _ in range(2):
        status, out, _ = terminal.run("network", "import", "--help")
        assert status == 0
        assert out.startswith(heading)
        assert words in out
        assert words[:20] in terminal.run("network", "-h")[1]
        assert extra in terminal.run("network", "list", "--help")[1]
    assert ("Uso: " in terminal.run("--help")[1]) is (language == "it")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("network", "list", "--limitt", "3"), "opzione sconosciuta: --limitt"),
        (("network", "list", "--limit"), "l'opzione --limit vuole un valore"),
        (("network", "list", "--limit", "0"), "valore non valido per --limit"),
        (("network", "import"), "manca FILE"),
        (("register", "load", "x.csv"), "manca --snapshot"),
        (("register", "load", "x.csv", "--snapshot", "ieri"), "valore non valido per --snapshot"),
        (("search", "--sort", "x"), "valore non valido per --sort"),
        (("network", "lst"), "comando scritto male"),
        (("network", "show", "a", "b"), "comando scritto male"),
        (("nothing",), "comando scritto male"),
    ],
)
def test_a_command_that_is_mistyped_is_told_in_the_reader_s_language(
    terminal: Terminal, words: tuple[str, ...], said: str
) -> None:
    """What, a code and a remedy; exit status 2."""
    status, out, err = terminal.run(*words)
    assert (status, out) == (2, "")
    assert said in err
    assert "[usage]" in err
    assert "rimedio: " in err


@pytest.mark.parametrize(
    "words",
    [
        ("network", "list", "--name", "perch\udce9"),
        ("audit", "list", "--after", "99999999999999999999"),
    ],
)
def test_a_value_that_no_column_can_hold_is_the_callers(terminal: Terminal, words: tuple[str, ...]) -> None:
    """Bytes that are no text and numbers beyond all: said as such, not as a database that is down."""
    status, out, err = terminal.run(*words)
    assert (status, out) == (1, "")
    assert "[value-bad]" in err
