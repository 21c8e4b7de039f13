"""Make a node's home: configuration, keys, database. Nothing half-done: what fails is taken away again.

In: a folder and the few facts that have no default. Out: a folder with node.toml, keys/ (0600) and a migrated database.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from node import config as configuration
from node.config_places import CONFIG_FILE, place
from node.domain.territory import COM
from node.errors import N_, CallerError, OperatorError
from node.flows.trust.peer_card import peer_card, quoted
from node.protocol import keys
from node.store import keyfiles
from node.store.reference import load_territories


@dataclass(frozen=True, slots=True)
class Facts:
    """What a new home must be told; everything else has a default in nodes.example.toml."""

    id: str
    name: str
    ipa_code: str
    territory: tuple[str, ...]
    authority: str
    port: int
    epoch: int
    database_url: str = ""
    cluster: str = "postgres"
    database_name: str = "rete"
    round: str = "weekly"
    poll_minutes: float = 15


def example_text() -> str:
    """Return nodes.example.toml as shipped."""
    packaged = resources.files("node").joinpath("nodes.example.toml")
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).resolve().parents[3] / "nodes.example.toml").read_text(encoding="utf-8")


def _set(text: str, table: str, key: str, value: str) -> str:
    """Replace the value of ``key`` in ``[table]``, keeping every comment."""
    pattern = re.compile(rf"(^\[{table}\]$(?:(?!^\[).)*?^{key} = )[^\n]*", re.MULTILINE | re.DOTALL)
    changed, count = pattern.subn(lambda match: match.group(1) + value, text, count=1)
    if count != 1:
        raise OperatorError(
            "example-broken", N_("nodes.example.toml non contiene {key} in [{table}]"), key=key, table=table
        )
    return changed


def with_setting(text: str, table: str, key: str, value: str) -> str:
    """Return a configuration's text with a key set to a TOML value, whether the key or its table was there or not."""
    head = rf"^[ \t]*\[{re.escape(table)}\][^\n]*$"
    there = re.compile(rf"({head}(?:(?!^[ \t]*\[).)*?^[ \t]*{key}[ \t]*=)[^\n]*", re.MULTILINE | re.DOTALL)
    if there.search(text):
        return there.sub(lambda match: f"{match.group(1)} {value}", text, count=1)
    if re.search(head, text, re.MULTILINE):
        return re.sub(head, lambda match: f"{match.group()}\n{key} = {value}", text, count=1, flags=re.MULTILINE)
    return f"{text.rstrip()}\n\n[{table}]\n{key} = {value}\n"


def config_text(facts: Facts, peers: str = "") -> str:
    """Return the text of node.toml for ``facts``; ``peers`` are ready [[peer]] blocks."""
    # The example's own [[peer]] stands for documentation only: a new home follows nobody yet.
    text = re.sub(r"^\[\[peer\]\]$.*?(?=^\[)", "@PEERS@\n", example_text(), flags=re.MULTILINE | re.DOTALL)
    codes = "[" + ", ".join(quoted(code) for code in facts.territory) + "]"
    for table, key, value in (
        ("node", "id", quoted(facts.id)),
        ("node", "name", quoted(facts.name)),
        ("node", "ipa_code", quoted(facts.ipa_code)),
        ("node", "territory", codes),
        ("database", "url", quoted(facts.database_url)),
        ("database", "cluster", quoted(facts.cluster)),
        ("database", "name", quoted(facts.database_name)),
        ("federation", "authority", quoted(facts.authority)),
        ("federation", "epoch", str(facts.epoch)),
        ("sync", "poll_minutes", f"{facts.poll_minutes:g}"),
        ("privacy", "round", quoted(facts.round)),
        ("web", "port", str(facts.port)),
    ):
        text = _set(text, table, key, value)
    return text.replace("@PEERS@\n", f"{peers}\n" if peers else "")


def set_epoch(home: Path, year: int) -> None:
    """Write the year of the log that was just begun into node.toml; the database knows it already."""
    path = home / CONFIG_FILE
    text = path.read_text(encoding="utf-8")
    draft = path.with_suffix(".toml.new")
    draft.touch(mode=0o600)
    draft.write_text(_set(text, "federation", "epoch", str(year)), encoding="utf-8")
    draft.replace(path)


def check_places(parsed: configuration.Config, text: str, *, file: str) -> None:
    """Refuse territories that are not in the reference tables. Raises: OperatorError(config-bad-value)."""
    territories = load_territories()
    for table, key, codes in (
        ("node", "territory", parsed.node.territory),
        ("privacy", "scope", parsed.privacy.scope),
    ):
        for code in codes:
            area = territories.area(code)
            if area is None or area.level == COM:
                raise OperatorError(
                    "config-bad-value",
                    N_("«{key}» in [{table}]: nessuna provincia o regione ha la sigla «{code}»"),
                    where=place(text, file, table, key),
                    hint=N_(
                        'usare la sigla di una provincia ("LE"), una regione NUTS ("ITF4"), una ripartizione ("ITF") o "IT"'
                    ),
                    key=key,
                    table=table,
                    code=code,
                )


def refuse_used(home: Path) -> None:
    """Refuse a folder that holds something. Raises: CallerError(home-not-empty)."""
    if home.exists() and any(home.iterdir()):
        raise CallerError(
            "home-not-empty",
            N_("la cartella non è vuota"),
            where=str(home),
            hint=N_("scegliere una cartella nuova; un nodo esistente non viene mai sovrascritto"),
        )


@contextmanager
def taken_away_if_it_fails(home: Path) -> Iterator[None]:
    """Empty ``home`` again when the block fails; it was empty or not there, so all that is in it is the block's."""
    missing = [folder for folder in (home, *home.parents) if not folder.exists()]
    try:
        yield
    except BaseException:
        for made in home.iterdir() if home.exists() else ():
            if made.is_dir() and not made.is_symlink():
                shutil.rmtree(made, ignore_errors=True)
            else:
                made.unlink(missing_ok=True)
        for folder in missing:
            # Somebody may have put something beside it meanwhile.
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def make_home(home: Path, facts: Facts, peers: str = "") -> None:
    """Write configuration and keys of a new home. Raises: CallerError(home-not-empty), OperatorError(config-...)."""
    text = config_text(facts, peers)
    parsed = configuration.parse(text, file=str(home / CONFIG_FILE))
    check_places(parsed, text, file=str(home / CONFIG_FILE))
    refuse_used(home)
    with taken_away_if_it_fails(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        keyfiles.create(home / parsed.federation.keys)
        # The database's URL may hold a password: the file is its owner's alone from its first byte.
        (home / CONFIG_FILE).touch(mode=0o600)
        (home / CONFIG_FILE).write_text(text, encoding="utf-8")


@contextmanager
def new_home(home: Path, facts: Facts) -> Iterator[None]:
    """Make a home for a block that tries it; when the block fails, what was made is taken away, and only that.

    Raises: CallerError(home-not-empty), OperatorError(config-...).
    """
    refuse_used(home)
    with taken_away_if_it_fails(home):
        make_home(home, facts)
        yield


def make_trial(homes: Sequence[tuple[Path, Facts]]) -> None:
    """Make several homes on this machine that follow each other over loopback http."""
    cards: list[str] = []
    for home, facts in homes:
        make_home(home, facts)
        config = configuration.parse((home / CONFIG_FILE).read_text(encoding="utf-8"), file=str(home / CONFIG_FILE))
        held = keyfiles.read(home / config.federation.keys)
        vkey = keys.format_vkey(config.federation.origin, held.signing["log"].public_key().public_bytes_raw())
        cards.append(peer_card(config, held, vkey, f"http://{facts.authority}"))
    # Keys must exist before they can be exchanged: the peers are written in a second pass.
    for number, (home, facts) in enumerate(homes):
        others = "\n".join(card for at, card in enumerate(cards) if at != number)
        (home / CONFIG_FILE).write_text(config_text(facts, others), encoding="utf-8")
