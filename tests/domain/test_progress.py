"""How far a profile is, in one word."""

from __future__ import annotations

import pytest

from node.domain.progress import ACTION_TITLES, STATES, TITLES, Progress, progress_of


@pytest.mark.parametrize(
    ("profile_state", "version_state", "last_action", "found"),
    [
        ("new", "draft", "drafted", Progress.DRAFT),
        ("new", "draft", None, Progress.DRAFT),
        ("new", "draft", "submitted", Progress.WAITING),
        ("published", "draft", "returned", Progress.RETURNED),
        ("new", "approved", "approved", Progress.APPROVED),
        ("new", "queued", "queued", Progress.QUEUED),
        ("published", "published", "published", Progress.PUBLISHED),
        ("withdrawn", "erased", "withdrawn", Progress.WITHDRAWN),
        ("withdrawn", "superseded", None, Progress.WITHDRAWN),
    ],
)
def test_a_profile_is_where_its_newest_version_is(
    profile_state: str, version_state: str, last_action: str | None, found: Progress
) -> None:
    """A draft is told apart by what was decided last about it; what is withdrawn is nothing else."""
    assert progress_of(profile_state, version_state, last_action) is found


def test_every_progress_and_every_decision_has_a_name() -> None:
    """Nothing is shown by its code."""
    assert set(TITLES) == set(STATES) == set(Progress)
    assert {"drafted", "submitted", "returned", "approved", "queued", "published", "withdrawn"} == set(ACTION_TITLES)
