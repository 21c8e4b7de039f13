"""Configuration: the shipped example is complete and good; every mistake is refused with its line and a hint."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from node import config, config_checks
from node.errors import CallerError, OperatorError
from node.flows.trust.peer_card import quoted, seal_line
from node.flows.upkeep.home import (
    Facts,
    check_places,
    config_text,
    example_text,
    make_home,
    make_trial,
    with_setting,
)
from node.protocol import keys as wire_keys
from node.protocol.sealed import SealKey
from node.store import keyfiles

EXAMPLE = example_text()
FACTS = Facts(
    id="p_AR", name='Provincia "di" Arezzo', ipa_code="p_AR", territory=("AR",), authority="ar.example.it", port=8500, epoch=2026
)  # fmt: skip


ORIGIN = "127.0.0.1:8442/federation/log/2026"
VKEY, WITNESS = (re.findall(rf'^{key} = "(.*)"$', EXAMPLE, re.MULTILINE)[0] for key in ("vkey", "witness"))


def vkey_of(name: str, kind: int = wire_keys.LOG_TYPE) -> str:
    """The example's own key under another name or of another kind."""
    return wire_keys.format_vkey(name, wire_keys.parse_vkey(VKEY).public, kind)


def refusal(text: str) -> OperatorError:
    """The error with which a text is refused."""
    with pytest.raises(OperatorError) as caught:
        config.parse(text, file="node.toml")
    return caught.value


def test_the_example_is_a_complete_good_configuration() -> None:
    """nodes.example.toml parses, and names every key that the program knows."""
    parsed = config.parse(EXAMPLE)
    assert parsed.node.id == "p_LE"
    raw = tomllib.loads(EXAMPLE)
    assert set(raw) == {table.partition(".")[0] for table in config.TABLES} | {"peer"}
    assert {table: set(config._section(raw, table)) for table in config.TABLES} == {
        table: set(keys) for table, keys in config.TABLES.items()
    }
    assert set(raw["peer"][0]) == set(config.PEER_KEYS)


def test_every_default_is_the_one_the_example_shows() -> None:
    """A key left out means what the example says."""
    raw = tomllib.loads(EXAMPLE)
    for table, keys in config.TABLES.items():
        for key, (_, default) in keys.items():
            if default is not config.REQUIRED and (table, key) != ("node", "ipa_code"):
                assert config._section(raw, table)[key] == default, (table, key)


def line_of(fragment: str) -> int:
    """The line of the example that contains a fragment."""
    return next(number for number, line in enumerate(EXAMPLE.splitlines(), 1) if fragment in line)


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ('id = "p_LE"', 'idd = "p_LE"', "config-unknown-key", 'id = "p_LE"'),
        ('id = "p_LE"', 'id = "9 bad id"', "config-bad-value", 'id = "p_LE"'),
        ('territory = ["LE"]', 'territory = "LE"', "config-bad-value", "territory ="),
        ('environment = "development"', 'environment = "prod"', "config-bad-value", "environment ="),
        ("max_connections = 8", "max_connections = true", "config-bad-value", "max_connections"),
        ("poll_minutes = 15", 'poll_minutes = "often"', "config-bad-value", "poll_minutes"),
        ("k = 5", "k = 4", "config-bad-value", "k = 5"),
        ("k_build = 8", "k_build = 6\n", "ok", ""),
        ('round = "weekly"', 'round = "hourly"', "config-bad-value", "round ="),
        ("max_mb = 10", "max_mb = 51", "config-bad-value", "max_mb ="),
        ("network_mb = 100", "network_mb = 9", "config-bad-value", "network_mb ="),
        ('logo = ""', 'logo = "../x.svg"', "config-bad-value", "logo ="),
        ('favicon = ""', 'favicon = "icon.gif"', "config-bad-value", "favicon ="),
        ('contact = ""', 'contact = "nobody"', "config-bad-value", "contact ="),
        ('logo = ""', 'logo = "stemma.svg"', "ok", ""),
        ("port = 8441", "port = 0", "config-bad-value", "port ="),
        ('authority = "127.0.0.1:8441"', 'authority = "http://127.0.0.1"', "config-bad-value", "authority ="),
        ("[web]", "[wep]", "config-unknown-table", "[web]"),
        ('url = "http://127.0.0.1:8442"', 'url = "http://example.org"', "config-insecure-url", 'url = "http://127'),
        ('url = "http://127.0.0.1:8442"', 'url = "https://u@example.org"', "config-bad-value", 'url = "http://127'),
        ('id = "cmto"', 'id = "p_LE"', "config-duplicate-peer", 'id = "cmto"'),
        ("8AehrasX1VObeqvMawkSOOlddjp+czs2VpdzY7I/G18=", "AAAA", "config-bad-value", "http_key"),
        # A key of low order, for which anybody can sign.
        ("8AehrasX1VObeqvMawkSOOlddjp+czs2VpdzY7I/G18=", "A" * 43 + "=", "config-bad-value", "http_key"),
        ('territory = ["LE"]', "territory = []", "config-bad-value", "territory ="),
        (VKEY, "garbage", "config-bad-value", "vkey ="),
        (VKEY, VKEY[:-1], "config-bad-value", "vkey ="),
        (VKEY, vkey_of("127.0.0.1:8442/federation/log/2027"), "config-bad-value", "vkey ="),
        (VKEY, vkey_of(ORIGIN, wire_keys.COSIGNATURE_TYPE), "config-bad-value", "vkey ="),
        (WITNESS, VKEY, "config-bad-value", "witness ="),
        (WITNESS, vkey_of("127.0.0.1:8442/mirror", wire_keys.COSIGNATURE_TYPE), "config-bad-value", "witness ="),
        (WITNESS, "", "ok", ""),
        ('url = "http://127.0.0.1:8442"', 'url = "http://127.0.0.1:84420"', "config-bad-value", 'url = "http://127'),
        ('url = "http://127.0.0.1:8442"', 'url = "http://127.0.0.1:port"', "config-bad-value", 'url = "http://127'),
        ('url = "http://127.0.0.1:8442"', 'url = "http://[::1]:8442"', "ok", ""),
        ('url = "http://127.0.0.1:8442"', 'url = "https://Torino.example.it"', "ok", ""),
        ('authority = "127.0.0.1:8441"', 'authority = "127.0.0.1:84410"', "config-bad-value", "authority ="),
        (f'origin = "{ORIGIN}"', 'origin = "127.0.0.1:8442"', "config-bad-value", "origin ="),
        (
            f'origin = "{ORIGIN}"',
            'origin = "http://127.0.0.1:8442/federation/log/2026"',
            "config-bad-value",
            "origin =",
        ),
    ],
)
def test_each_mistake_is_refused_with_its_line(old: str, new: str, code: str, place: str) -> None:
    """The error names file and line of the mistake, and what to do."""
    text = EXAMPLE.replace(old, new, 1)
    assert text != EXAMPLE
    if code == "ok":
        assert config.parse(text)
        return
    error = refusal(text)
    assert error.code == code
    assert error.where == f"node.toml:{line_of(place)}"
    assert error.render()[0]


def test_typing_errors_get_a_suggestion() -> None:
    """A key or table that looks like a known one is suggested."""
    assert "territory" in refusal(EXAMPLE.replace("territory =", "teritory =")).render()[2]
    assert "[sync]" in refusal(EXAMPLE.replace("[sync]", "[sinc]")).render()[2]


@pytest.mark.parametrize("text", ["x = ", "[node]\nid = 1\nid = 2", "node = 1", "[[node]]", "peer = 1", "x = 1"])
def test_what_is_not_a_configuration_is_refused(text: str) -> None:
    """Broken TOML and tables that are none get one clear error."""
    assert refusal(text).code in ("config-not-toml", "config-bad-value", "config-unknown-table", "config-missing-key")


def test_what_only_the_other_node_knows_is_asked_of_it() -> None:
    """A bad key of a peer says where the good one is printed."""
    assert "rete peer card" in refusal(EXAMPLE.replace(VKEY, "garbage")).render()[2]


@pytest.mark.parametrize("code", ["LE", "ITF4", "ITF", "IT", "BZ"])
def test_territories_of_the_reference_tables_pass(code: str) -> None:
    """Provinces, regions, groups of regions and the country."""
    text = EXAMPLE.replace('territory = ["LE"]', f'territory = ["{code}"]')
    parsed = config.parse(text)
    check_places(parsed, text, file="node.toml")
    assert parsed.node.territory == (code,)


@pytest.mark.parametrize(
    ("old", "new"), [('territory = ["LE"]', 'territory = ["LE", "ZZ"]'), ("scope = []", 'scope = ["075035"]')]
)
def test_territories_that_are_none_are_refused_with_their_line(old: str, new: str) -> None:
    """An unknown code, or a municipality where a province is meant: file, line, and what a code looks like."""
    text = EXAMPLE.replace(old, new)
    with pytest.raises(OperatorError) as caught:
        check_places(config.parse(text), text, file="node.toml")
    assert (caught.value.code, caught.value.where) == ("config-bad-value", f"node.toml:{line_of(old)}")
    assert "ITF4" in caught.value.render()[2]


def test_a_group_names_members_and_nobody_else() -> None:
    """A stranger in [privacy] group, or what is no list of ids, is refused with its line; a peer is taken."""
    for new in ('group = ["p_XX"]', 'group = "p_XX"', "group = [1]"):
        text = EXAMPLE.replace("group = []", new)
        found = refusal(text)
        assert (found.code, found.where) == ("config-bad-value", f"node.toml:{line_of('group = []')}")
    known = config.parse(EXAMPLE).peers
    if known:
        text = EXAMPLE.replace("group = []", f'group = ["{known[0].id}"]')
        assert config.parse(text).privacy.group == (known[0].id,)


def test_missing_keys_are_named() -> None:
    """A table without a required key is refused."""
    assert refusal('[node]\nid = "a"').code == "config-missing-key"


def test_production_refuses_what_is_only_for_trying() -> None:
    """No embedded database and no immediate rounds in production."""
    text = EXAMPLE.replace('environment = "development"', 'environment = "production"')
    assert refusal(text).code == "config-embedded-in-production"
    with_server = text.replace('\nurl = ""', '\nurl = "postgresql://db/x"')
    assert refusal(with_server.replace('"weekly"', '"immediate"')).code == "config-immediate-in-production"
    assert refusal(with_server).code == "config-insecure-url"
    assert refusal(EXAMPLE.replace("k = 5", "k = 9")).code == "config-bad-value"


def test_loopback_is_told_from_lookalikes() -> None:
    """Only literal loopback hosts count."""
    assert config_checks.is_loopback_url("http://127.0.0.1:80")
    assert config_checks.is_loopback_url("http://localhost")
    assert not config_checks.is_loopback_url("http://127.0.0.1.example.org")


def test_a_new_home_has_a_good_configuration_and_closed_keys(tmp_path: Path) -> None:
    """The written file parses to the given facts, keeps every comment, and keys are readable by their owner only."""
    home = tmp_path / "home"
    make_home(home, FACTS)
    text = (home / "node.toml").read_text(encoding="utf-8")
    parsed = config.parse(text)
    assert (parsed.node.name, parsed.node.territory, parsed.web.port) == (FACTS.name, ("AR",), 8500)
    assert parsed.peers == ()
    assert text.count("#") >= EXAMPLE.count("#") - 8
    assert {oct(path.stat().st_mode & 0o777) for path in (home / "keys").iterdir()} == {"0o600"}
    keyfiles.read(home / "keys")
    with pytest.raises(CallerError) as caught:
        make_home(home, FACTS)
    assert caught.value.code == "home-not-empty"


def test_a_failed_home_leaves_nothing(tmp_path: Path) -> None:
    """Bad facts are refused before a file is written."""
    bad = Facts(id="not an id", name="x", ipa_code="", territory=("LE",), authority="a.it", port=1, epoch=2026)
    with pytest.raises(OperatorError):
        make_home(tmp_path / "home", bad)
    assert not (tmp_path / "home").exists()


def test_readable_missing_or_foreign_key_files_are_refused(tmp_path: Path) -> None:
    """Keys that others may read, that are gone, that are no keys, or that serve two roles are refused by name."""
    folder = tmp_path / "keys"
    keyfiles.create(folder)
    path = folder / "log.pem"
    path.chmod(0o640)
    for change, code in (
        (lambda: None, "key-file-readable"),
        (lambda: (path.chmod(0o600), path.write_bytes(b"nonsense")), "key-file-bad"),
        (lambda: path.write_bytes((folder / "seal.pem").read_bytes()), "key-file-bad"),
        (lambda: path.write_bytes((folder / "http.pem").read_bytes()), "key-reused"),
        (path.unlink, "key-file-missing"),
    ):
        change()
        with pytest.raises(OperatorError) as caught:
            keyfiles.read(folder)
        assert caught.value.code == code
    assert "PRIVATE" not in repr(keyfiles.Keys({}, None))  # type: ignore[arg-type]


def test_what_a_request_key_must_be_is_told_with_its_braces() -> None:
    """The form of a value has braces of its own, that no fact fills."""
    found = refusal(re.sub("^http_key = .*$", 'http_key = "x"', EXAMPLE, flags=re.MULTILINE))
    assert '{ keyid = "...", public = "<base64>" }' in found.render()[0]


SEAL = re.findall(r"^seal = .*$", EXAMPLE, re.MULTILINE)[0]


def test_a_peer_may_have_no_seal_key_or_half_of_one() -> None:
    """Older cards have none; of two halves the first alone is a key too, the second alone is not."""
    whole = config.parse(EXAMPLE).peers[0].seal
    assert whole is not None
    assert whole.mlkem768 is not None
    assert seal_line(whole) == SEAL
    assert config.parse(EXAMPLE.replace(f"{SEAL}\n", "")).peers[0].seal is None
    half = SealKey(whole.x25519, None)
    assert config.parse(EXAMPLE.replace(SEAL, seal_line(half))).peers[0].seal == half
    first, second = SEAL.removeprefix("seal = {").removesuffix("}").split(",")
    for bad in (
        f"{{{second}}}",
        f"{{{first}, more = 1}}",
        '"x"',
        "{}",
        '{ x25519 = "?" }',
        "{ x25519 = 1 }",
        '{ x25519 = "AAAA" }',
        f'{{ x25519 = "{"A" * 43}=" }}',
        f'{{{first}, mlkem768 = "AAAA" }}',
        f"{{{first}, mlkem768 = [] }}",
    ):
        found = refusal(EXAMPLE.replace(SEAL, f"seal = {bad}"))
        assert (found.code, found.where) == ("config-bad-value", f"node.toml:{line_of('seal = {')}"), bad
        assert "rete peer card" in found.render()[2], bad


def test_homes_on_one_machine_know_each_other_s_seal_keys(tmp_path: Path) -> None:
    """Each has in its configuration what the other would print."""
    other = replace(FACTS, id="p_SI", authority="127.0.0.1:8501")
    homes = [(tmp_path / "one", replace(FACTS, authority="127.0.0.1:8500")), (tmp_path / "two", other)]
    make_trial(homes)
    for at, (home, _) in enumerate(homes):
        (peer,) = config.parse((home / "node.toml").read_text(encoding="utf-8")).peers
        assert peer.seal == keyfiles.read(homes[1 - at][0] / "keys").seal.public


def test_peers_are_written_into_a_configuration() -> None:
    """Ready [[peer]] blocks are placed where they belong and parse."""
    block = re.search(r"^\[\[peer\]\]$.*?(?=^\[sync\])", EXAMPLE, re.DOTALL | re.MULTILINE)
    assert block is not None
    parsed = config.parse(config_text(FACTS, block.group()).replace('"ar.example.it"', '"127.0.0.1:8500"'))
    assert [peer.id for peer in parsed.peers] == ["cmto"]


LOGIN_FILE = "mail.password"


def mailing(**keys: str) -> str:
    """The example with a mail server, and some keys of its tables as they are given."""
    text = EXAMPLE
    tables = {"environment": "node", "url": "database"}
    for key, value in {"host": "mail.example.org", "sender": "rete@example.org", **keys}.items():
        place = rf'(^\[{tables.get(key, "mail")}\]$.*?^{key} = )"[^"]*"'
        text, count = re.subn(place, rf'\g<1>"{value}"', text, count=1, flags=re.MULTILINE | re.DOTALL)
        assert count == 1
    return text


def test_a_mail_server_is_whole_and_sends_no_secret_in_the_clear() -> None:
    """With a sender; user and password together; without TLS only where there is nothing to hide or nobody to hear."""
    assert config.parse(mailing()).mail.host == "mail.example.org"
    assert config.parse(mailing(user="rete", password_file=LOGIN_FILE)).mail.user == "rete"
    assert config.parse(mailing(tls="none")).mail.tls == "none"
    for text in (
        mailing(sender=""), mailing(user="rete"), mailing(password_file=LOGIN_FILE), mailing(sender="Rete <r@example.org>"), mailing(tls="ssl"),
        mailing(tls="none", environment="production", url="postgresql://db.example.org/rete"), mailing(host="https://mail.example.org"), mailing(tls="none", user="rete", password_file=LOGIN_FILE),
    ):  # fmt: skip
        found = refusal(text)
        assert (found.code, found.where.startswith("node.toml:")) == ("config-bad-value", True)


def told(host: str, **keys: str) -> str:
    """The example with a mail server, or none, and addresses to be told of introductions."""
    text = mailing(host=host)
    for key, value in keys.items():
        text, count = re.subn(rf'(^\[introductions\]$.*?^{key} = )"[^"]*"', rf'\g<1>"{value}"', text, count=1, flags=re.MULTILINE | re.DOTALL)  # fmt: skip
        assert count == 1
    return text


def test_who_is_told_of_introductions_can_be_reached() -> None:
    """No address without a mail server, which would never be told anything; no second one without a first."""
    both = {"mail": "ufficio@example.org", "escalation_mail": "capo@example.org"}
    assert config.parse(told("mail.example.org", **both)).introductions.escalation_mail == "capo@example.org"
    assert config.parse(told("")).introductions.mail == ""
    for text, key in (
        (told("", **both), "mail"),
        (told("mail.example.org", **{**both, "mail": ""}), "escalation_mail"),
    ):
        found = refusal(text)
        line = int(found.where.removeprefix("node.toml:"))
        assert (found.code, text.splitlines()[line - 1].split()[0]) == ("config-bad-value", key)


def provided(**keys: str) -> str:
    """The example with an identity provider, and some keys of its table as they are given."""
    text = EXAMPLE
    for key, value in {"issuer": "https://id.example.org/realm", "client_id": "rete", "client_secret_file": "oidc.secret", **keys}.items():  # fmt: skip
        text, count = re.subn(rf'(^\[web\.oidc\]$.*?^{key} = )"[^"]*"', rf'\g<1>"{value}"', text, count=1, flags=re.MULTILINE | re.DOTALL)  # fmt: skip
        assert count == 1, key
    return text


def test_an_identity_provider_is_whole_and_spoken_to_in_secret() -> None:
    """Without one the table says nothing; with one, client and secret are there and the road is https, but on this machine in a trial."""
    assert config.parse(EXAMPLE).oidc.issuer == ""
    found = config.parse(provided()).oidc
    assert (found.issuer, found.client_id, found.claim) == ("https://id.example.org/realm", "rete", "sub")
    assert config.parse(provided(issuer="http://127.0.0.1:9400")).oidc.issuer
    for text in (provided(client_id=""), provided(client_secret_file=""), provided(issuer="http://id.example.org"), provided(issuer="id.example.org"), provided(claim="")):  # fmt: skip
        with pytest.raises(OperatorError) as caught:
            config.parse(text)
        assert caught.value.code in ("config-bad-value", "config-insecure-url")
        assert re.search(r":[0-9]+$", caught.value.where)


def test_a_mistake_in_a_table_inside_a_table_is_told_with_its_line() -> None:
    """Unknown keys of [web.oidc] and of [web] alike, and a table where a value should be."""
    for text, code in (
        (EXAMPLE.replace('claim = "sub"', 'clam = "sub"'), "config-unknown-key"),
        (EXAMPLE.replace("session_hours = 10", "session_houres = 10"), "config-unknown-key"),
        (EXAMPLE.replace("session_hours = 10", "session_hours = 0"), "config-bad-value"),
        (EXAMPLE.replace("[web.oidc]", "[web.oidcs]"), "config-unknown-key"),
    ):
        with pytest.raises(OperatorError) as caught:
            config.parse(text)
        assert (caught.value.code, ":" in caught.value.where) == (code, True)


@pytest.mark.parametrize(
    ("folder", "words", "bad"),
    [
        ("", "", ""),
        ("/mnt/copie", "backup.pass", ""),
        ("copie", "copie.pass", ""),
        ("/mnt/copie", "", "folder"),
        ("", "backup.pass", "passphrase_file"),
        ("/mnt/copie", "/mnt/copie/pass", "passphrase_file"),
        ("copie", "copie/a/pass", "passphrase_file"),
    ],
)
def test_backups_have_a_folder_and_a_passphrase_that_is_not_in_it(folder: str, words: str, bad: str) -> None:
    """Both or neither; whoever steals the folder does not find the words in it."""
    text = EXAMPLE.replace("[backup]", "[BACKUP]")
    for key, value in (("folder", folder), ("passphrase_file", words)):
        text = re.sub(rf'^{key} = ""$', f'{key} = "{value}"', text, flags=re.MULTILINE)
    text = text.replace("[BACKUP]", "[backup]")
    if not bad:
        assert config.parse(text).backup.folder == folder
        return
    error = refusal(text)
    assert error.code == "config-bad-value"
    assert text.splitlines()[int(error.where.rpartition(":")[2]) - 1].startswith(f"{bad} = ")


@pytest.mark.parametrize(
    "before",
    [
        '[database]\nurl = "postgresql://old@h/x" # here\nname = "rete"\n',
        "[database]\n  url='postgresql://old@h/x'\n",
        '[database] # where\nname = "rete"\n',
        '[node]\nname = "x"\n',
        "",
    ],
)
def test_a_setting_is_put_in_whatever_stood_there(before: str) -> None:
    """The key replaced, added to its table, or added with it; what else there is stays, and a value is never read as a pattern."""
    value = r"postgresql://u:\1\g<0>@h/x"
    text = with_setting(before + '[web]\nurl = "other"\n', "database", "url", quoted(value))
    found = tomllib.loads(text)
    assert found["database"]["url"] == value
    assert found["web"] == {"url": "other"}
    assert found.get("node") == tomllib.loads(before).get("node")
    assert found["database"].get("name") == tomllib.loads(before).get("database", {}).get("name")


@pytest.mark.parametrize("environment", ["development", "production"])
def test_numbers_are_this_machine_s_unless_somebody_says_otherwise(environment: str) -> None:
    """Another host is refused in trials too, with its line; ``exposed`` admits it; a port of [web] is no port of their own."""
    text = EXAMPLE.replace('environment = "development"', f'environment = "{environment}"')
    text = re.sub(r"\n\[\[peer\]\].*?\n(?=\[sync\])", "\n", text, flags=re.DOTALL).replace(
        '\nurl = ""', '\nurl = "postgresql://db/rete"'
    )
    place = 'host = "127.0.0.1"\nport = 0\nexposed = false'
    assert place in text
    for host in ("0.0.0.0", "::", "192.0.2.1", "metrics.example.it"):
        told = text.replace(place, f'host = "{host}"\nport = 9441\nexposed = false')
        error = refusal(told)
        line = told.splitlines().index(f'host = "{host}"') + 1
        assert (error.code, error.where) == ("config-metrics-exposed", f"node.toml:{line}")
        exposed = config.parse(told.replace("exposed = false", "exposed = true")).metrics
        assert (exposed.host, exposed.port, exposed.exposed) == (host, 9441, True)
    for host in ("127.0.0.1", "localhost", "::1"):
        assert config.parse(text.replace(place, f'host = "{host}"\nport = 9441')).metrics.host == host
    assert refusal(text.replace(place, 'host = "127.0.0.1"\nport = 8441')).code == "config-bad-value"
    assert config.parse(text).metrics.port == 0
