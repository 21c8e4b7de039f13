"""The folder of backups: what stands in it, what may go, and that only one is made at a time."""

from __future__ import annotations

import datetime as dt
import io
import os
from pathlib import Path

import pytest

from node.errors import CallerError, OperatorError
from node.store import backup_file, backup_folder
from node.store.backup_folder import Copy

BEGIN = dt.datetime(2026, 11, 1, 3, 0, tzinfo=dt.UTC)
ID = "p_LE"


def made(folder: Path, day: int, node_id: str = ID) -> Path:
    """A backup of a day of November."""
    out = io.BytesIO()
    writer = backup_file.Writer(out, "dodici lettere", (2, 1, 1))
    writer.part("home", [b"x"])
    writer.finish({"program": "0.1.0", "log_size": day})
    path = folder / backup_folder.name_of(node_id, BEGIN + dt.timedelta(days=day - 1))
    path.write_bytes(out.getvalue())
    return path


def days(copies: list[Copy]) -> list[int]:
    """Of which days the backups are."""
    return [copy.made_at.day for copy in copies]


def checked(path: Path, code: str = "") -> None:
    """A trial restore's word about a file."""
    digest = backup_file.read_manifest(path).digest
    backup_folder.remember(path, digest, BEGIN, code)


def test_the_newest_stands_first_and_others_files_are_not_there(tmp_path: Path) -> None:
    """Another node's, whose id begins alike, notes, halves: none of them is listed; a broken one is, with why."""
    for day in (2, 9, 5):
        made(tmp_path, day)
    made(tmp_path, 7, "p_LE-2")
    for name in ("note.txt", "rete-p_LE-20261399T000000Z.backup", ".rete-p_LE-20261101T030000Z.backup.partial"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / backup_folder.name_of(ID, BEGIN + dt.timedelta(days=11))).write_bytes(b"rete-backup/1\nxx")
    copies = backup_folder.read(tmp_path, ID)
    assert [(copy.made_at.day, copy.code, copy.log_size) for copy in copies] == [
        (12, "backup-damaged", 0), (9, "", 9), (5, "", 5), (2, "", 2),
    ]  # fmt: skip
    assert copies[1].program == "0.1.0"
    assert copies[1].size == copies[1].path.stat().st_size


def test_a_name_tells_the_node_and_the_time_in_utc() -> None:
    """Wherever the clock that made it stood; nothing else is in it."""
    rome = BEGIN.astimezone(dt.timezone(dt.timedelta(hours=1)))
    assert backup_folder.name_of(ID, rome) == "rete-p_LE-20261101T030000Z.backup"


def test_the_oldest_go_and_the_last_good_one_stays(tmp_path: Path) -> None:
    """Of six, two are kept, and the one that was restored with success; its neighbours' notes go with them."""
    paths = [made(tmp_path, day) for day in range(1, 7)]
    checked(paths[1])
    checked(paths[2], "backup-differs")
    other = made(tmp_path, 1, "cmto")
    half = tmp_path / ".rete-p_LE-20261101T030000Z.backup.partial"
    half.write_bytes(b"x")
    gone = backup_folder.prune(tmp_path, ID, 2)
    assert sorted(gone) == [paths[0], paths[2], paths[3]]
    assert days(backup_folder.read(tmp_path, ID)) == [6, 5, 2]
    assert other.exists()
    assert not half.exists()
    assert sorted(p.name for p in tmp_path.glob("*.json")) == [paths[1].name + ".checked.json"]
    # Again: nothing more.
    assert backup_folder.prune(tmp_path, ID, 2) == []


def test_a_broken_newest_pushes_out_nothing(tmp_path: Path) -> None:
    """What can't be read does not count among those that are kept; while there are too few, nothing goes."""
    oldest, *_ = [made(tmp_path, day) for day in (1, 2, 3)]
    for day in (4, 5, 6):
        made(tmp_path, day).write_bytes(b"rete-backup/1\n")
    assert backup_folder.prune(tmp_path, ID, 4) == []
    assert backup_folder.prune(tmp_path, ID, 2) == [oldest]
    assert days(backup_folder.read(tmp_path, ID)) == [6, 5, 4, 3, 2]


def test_what_a_trial_said_is_of_that_file_alone(tmp_path: Path) -> None:
    """Another file of the same name has not been tried; a note that can't be read says nothing; one is replaced by the next."""
    path = made(tmp_path, 1)
    checked(path, "backup-differs")
    checked(path)
    (copy,) = backup_folder.read(tmp_path, ID)
    assert copy.checked is not None
    assert (copy.checked.ok, copy.checked.at) == (True, BEGIN)
    note = path.with_name(path.name + ".checked.json")
    assert note.stat().st_mode & 0o777 == 0o600
    made(tmp_path, 1)
    assert backup_folder.read(tmp_path, ID)[0].checked is None
    note.write_text("{")
    assert backup_folder.read(tmp_path, ID)[0].checked is None
    # A folder that is gone meanwhile is nobody's failure.
    backup_folder.remember(tmp_path / "gone" / "x", "d", BEGIN, "")


def test_two_at_once_are_refused_and_a_killed_one_holds_nobody_up(tmp_path: Path) -> None:
    """The second is told so; the lock ends with whoever holds it."""
    with backup_folder.turn(tmp_path), pytest.raises(CallerError, match="backup-running"), backup_folder.turn(tmp_path):
        pass
    with backup_folder.turn(tmp_path):
        assert (tmp_path / backup_folder.LOCK).stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With its place and what to do."""
    with pytest.raises(OperatorError, match="backup-folder-unreadable") as caught:
        backup_folder.read(tmp_path / "gone", ID)
    assert caught.value.where == str(tmp_path / "gone")
    assert os.strerror(2) in str(caught.value)
