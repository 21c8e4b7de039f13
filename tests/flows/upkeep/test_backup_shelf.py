"""The backups that a node keeps by itself: when one is due, what is tried, what the doctor says of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from node.errors import CallerError, OperatorError, ReteError
from node.flows.upkeep import backup, backup_check, backup_home, backup_shelf, checkup
from node.flows.upkeep.backup import Place, Verdict
from node.flows.upkeep.backup_home import HomeFiles
from node.flows.upkeep.backup_shelf import Shelf
from node.flows.upkeep.findings import DANGER, OK, WARNING
from node.i18n import translator
from node.runtime import Node
from node.store import backup_file, backup_folder
from node.store.backup_folder import Checked, Copy
from tests.federation_made import Clock
from tests.web.test_app import node

__all__ = ["node"]
WORDS = "corretto cavallo graffetta"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealing costs nothing here."""
    monkeypatch.setattr(backup_file, "COST", (2, 1, 1))


@pytest.fixture
def place(node: Node, tmp_path: Path) -> Place:
    """A node that keeps two backups in a folder."""
    (tmp_path / "copies").mkdir()
    (node.home / "words").touch(mode=0o600)
    (node.home / "words").write_text(f"{WORDS}\nnot this line")
    section = replace(node.config.backup, folder=str(tmp_path / "copies"), passphrase_file="words", keep=2)  # noqa: S106 - a name
    return replace(node.kept(), config=replace(node.config, backup=section))


async def shelf_of(place: Place) -> Shelf:
    """What stands in the folder."""
    return await backup_shelf.read(place.home, place.config)


async def test_one_is_made_a_day_and_the_oldest_go(place: Place) -> None:
    """At once where there is none; then only when the newest is a day old, or somebody asked; two are kept."""
    clock, made = Clock(), []
    for hours, asked in ((0, False), (1, False), (22, False), (1, False), (1, True), (23, False), (24, False)):
        clock.forward(hours=hours)
        found = await backup_shelf.make_due(place, clock(), asked=asked)
        made.append(found is not None)
        if found is not None:
            assert found.path.name == backup_folder.name_of("p_LE", clock())
            assert backup_file.Opened(backup_file.read_manifest(found.path), WORDS).read("home")
    assert made == [True, False, False, True, True, False, True]
    copies = (await shelf_of(place)).copies
    assert [copy.made_at for copy in copies] == [clock(), clock() - dt.timedelta(hours=47)]


async def test_two_at_once_make_one(place: Place) -> None:
    """Two processes of one home, a command and a job: the second is told that one is under way."""
    with backup_folder.turn(place.home), pytest.raises(CallerError, match="backup-running"):
        await backup_shelf.make(place, Clock()())


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which files were tried: whole files are good, but for the second that is; no server is started."""
    seen: list[str] = []

    async def verify(path: Path, passphrase: str, scratch: Path | None = None) -> Verdict:
        seen.append(path.name)
        opened = await backup.open_whole(path, passphrase)
        problems = (("backup-differs", backup.differ(["x.y"])),) if len(seen) == 2 else ()
        return Verdict(opened.manifest, 0, 0, 0, problems)

    monkeypatch.setattr(backup, "verify", verify)
    return seen


async def test_the_newest_is_tried_every_week_and_the_next_at_once_after_a_bad_one(
    place: Place, tried: list[str]
) -> None:
    """Nothing to try, nothing done; then weekly; a bad one is remembered, and what is made next is tried at once; asked, at once."""
    clock = Clock()
    assert await backup_shelf.try_due(place, clock()) is None
    for days, asked in ((0, False), (1, False), (7, False), (0, False), (1, False), (6, False), (0, True)):
        clock.forward(days=days)
        if days or not tried:
            await backup_shelf.make(place, clock())
        await backup_shelf.try_due(place, clock(), asked=asked)
    names = [backup_folder.name_of("p_LE", clock.now - dt.timedelta(days=days)) for days in (15, 7, 6, 0)]
    assert tried == names
    checks = [copy.checked.code for copy in (await shelf_of(place)).copies if copy.checked]
    assert checks == ["", ""]
    never = replace(place, config=replace(place.config, backup=replace(place.config.backup, verify_days=0)))
    clock.forward(days=99)
    assert await backup_shelf.try_due(never, clock()) is None


async def test_a_damaged_one_is_remembered_as_such(place: Place, tried: list[str]) -> None:
    """The trial fails, and the folder says so until another is tried; a passphrase that is wrong says nothing of the file."""
    clock = Clock()
    made, _ = await backup_shelf.make(place, clock())
    with pytest.raises(CallerError, match="backup-passphrase-wrong"):
        await backup_shelf.try_one(made.path, "tutt'altra frase", clock())
    assert (await shelf_of(place)).tried is None
    whole = bytearray(made.path.read_bytes())
    whole[100] ^= 1
    made.path.write_bytes(whole)
    with pytest.raises(CallerError, match="backup-damaged"):
        await backup_shelf.try_due(place, clock())
    (copy,) = (await shelf_of(place)).copies
    assert copy.checked == Checked(clock(), "backup-damaged")
    made.path.write_bytes(whole[:-1])
    with pytest.raises(CallerError, match="backup-damaged"):
        await backup_shelf.try_one(made.path, WORDS, clock())


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda file: file.unlink(), "backup-passphrase-file"),
        (lambda file: file.chmod(0o640), "backup-passphrase-file"),
        (lambda file: file.write_text("corta\n"), "backup-passphrase-short"),
        (lambda file: file.write_text(""), "backup-passphrase-short"),
    ],
)
async def test_without_its_passphrase_nothing_is_made(place: Place, spoil: Callable[[Path], object], code: str) -> None:
    """Missing, readable by others, short: said in words about a passphrase, not about keys; and the doctor is red."""
    spoil(place.home / "words")
    with pytest.raises(ReteError, match=code) as caught:
        await backup_shelf.make(place, Clock()())
    assert "chiave" not in str(caught.value).replace("file della chiave è leggibile", "")
    assert (await shelf_of(place)).copies == ()
    (found,) = backup_check.judge(place.config, caught.value, Clock()())
    assert (found.code, found.level) == (code, DANGER)


async def test_a_node_without_a_folder_makes_none(node: Node) -> None:
    """Asked, it says what is missing; unasked, the doctor says it: yellow in production, where it is a fault."""
    for work in (backup_shelf.make(node.kept(), node.clock()), backup_shelf.try_due(node.kept(), node.clock())):
        with pytest.raises(CallerError, match="backup-off"):
            await work
    assert await checkup.backups(node.place()) is None
    production = replace(node.config, node=replace(node.config.node, environment="production"))
    levels = [backup_check.judge(config, None, node.clock())[0].level for config in (node.config, production)]
    assert levels == [OK, WARNING]


NOW = Clock()()


def copy(days: float, code: str = "", checked: str | None = None) -> Copy:
    """A backup so many days old; ``checked``: what a trial said."""
    at = NOW - dt.timedelta(days=days)
    return Copy(Path(f"/c/{days}"), at, 9, "0.1.0", 3, "d", code, None if checked is None else Checked(at, checked))


@pytest.mark.parametrize(
    ("copies", "expected"),
    [
        ([], {"backup-missing": DANGER}),
        ([copy(0, code="backup-damaged")], {"backup-missing": DANGER}),
        ([copy(2, checked="")], {"backup": OK, "backup-tried": OK}),
        ([copy(2.1, checked="")], {"backup-old": DANGER, "backup-tried": OK}),
        ([copy(1)], {"backup": OK, "backup-untried": WARNING}),
        ([copy(0), copy(1, checked="backup-differs"), copy(2, checked="")], {"backup": OK, "backup-bad": DANGER}),
        ([copy(0), copy(1, checked=""), copy(2, checked="backup-differs")], {"backup": OK, "backup-tried": OK}),
    ],
)
def test_the_light_says_what_is_wrong_with_the_backups(
    node: Node, copies: list[Copy], expected: dict[str, str]
) -> None:
    """None, too old, never tried, tried and bad: each by its code, with what to do, in both languages."""
    found = backup_check.judge(node.config, Shelf(Path("/c"), tuple(copies)), NOW)
    assert {one.code: one.level for one in found} == expected
    for one in found:
        for language in ("it", "en"):
            told = one.said.told(translator(language))
            assert "{" not in told
            assert one.level == OK or (one.remedy is not None and one.remedy.told(translator(language)))


async def test_a_folder_that_is_gone_is_red(place: Place) -> None:
    """An unmounted share is told as such."""
    gone = replace(place.config, backup=replace(place.config.backup, folder="/nowhere/at/all"))
    with pytest.raises(OperatorError, match="backup-folder-unreadable") as caught:
        await backup_shelf.read(place.home, gone)
    (found,) = backup_check.judge(gone, caught.value, NOW)
    assert (found.code, found.level, found.where) == ("backup-folder-unreadable", DANGER, "/nowhere/at/all")


def test_a_home_s_files_come_along_and_others_are_named(node: Node) -> None:
    """Configuration, keys, marks and what the configuration names in the home; what lies elsewhere, or climbs out, is only named."""
    home = node.home
    for name in ("posta", "logo.svg", "highwater.json", "audit-mark.json", "unnamed"):
        (home / name).write_text(f"of {name}")
    config = replace(
        node.config,
        mail=replace(node.config.mail, password_file="posta"),  # noqa: S106 - a name
        oidc=replace(node.config.oidc, client_secret_file="/etc/secret"),  # noqa: S106 - a name
        web=replace(node.config.web, logo="logo.svg", favicon="../home/unnamed"),
    )
    found = backup_home.gather(home, config)
    keys = {f"keys/{role}.pem" for role in ("log", "witness", "mirror", "http", "seal", "seal-mlkem")}
    assert set(found.files) == keys | {
        "keys/secret.key",
        "node.toml",
        "posta",
        "logo.svg",
        "highwater.json",
        "audit-mark.json",
    }
    assert found.left_out == ("/etc/secret", "../home/unnamed")
    again = backup_home.unpack(found.packed())
    assert (again.files, again.left_out) == (found.files, found.left_out)
    assert again.log_keys() == [node.keys.signing["log"].public_key().public_bytes_raw()]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", ".ssh/x", "a//b", "a/", "", "x\n"])
def test_no_file_of_a_backup_leaves_its_home(name: str) -> None:
    """A name that climbs out, hides or is none is refused before anything is written."""
    packed = HomeFiles({"node.toml": b"", name: b"x"}).packed()
    with pytest.raises(CallerError, match="backup-damaged"):
        backup_home.unpack(packed)
    for raw in (b"", b"{}", b"[]", b'{"files": {}, "left_out": []}', b'{"files": {"node.toml": 1}, "left_out": []}'):
        with pytest.raises(CallerError, match="backup-damaged"):
            backup_home.unpack(raw)
