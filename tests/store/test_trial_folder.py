"""Folders for trial restores: none outlives its trial, whoever was killed."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from node.errors import OperatorError
from node.store.trial_folder import CLUSTER, PREFIX, trial


def test_a_trial_s_folder_goes_with_it(tmp_path: Path) -> None:
    """Also when the trial fails; nobody else may look into it."""
    with pytest.raises(KeyError), trial(tmp_path) as folder:
        (folder / "rows").write_text("private")
        assert folder.stat().st_mode & 0o777 == 0o700
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_goes_with_the_next_trial(tmp_path: Path) -> None:
    """What nobody holds any more is taken away; one at work, one that just begins and everything else stay."""
    for name in ("dead", "working", "beginning"):
        (tmp_path / f"{PREFIX}{name}" / CLUSTER).mkdir(parents=True)
    for name in ("dead", "working"):
        (tmp_path / f"{PREFIX}{name}" / f".{CLUSTER}.lease").touch()
    (tmp_path / "mine").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "mine")
    (tmp_path / "mine" / f".{CLUSTER}.lease").touch()
    with (tmp_path / f"{PREFIX}working" / f".{CLUSTER}.lease").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        with trial(tmp_path):
            pass
    assert {path.name.removeprefix(PREFIX) for path in tmp_path.iterdir()} == {"working", "beginning", "mine", "link"}


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(OperatorError, match="backup-scratch-bad") as caught, trial(tmp_path / "gone"):
        pass
    assert "--scratch" in caught.value.render()[2]
