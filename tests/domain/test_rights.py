"""The matrix of roles and permissions: whole, as it is written for people, and least."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

from node.domain.roles import (
    MATRIX,
    TITLES,
    Permission,
    Role,
    needs_second_factor,
    permissions_of,
    roles_of,
)
from node.errors import CallerError

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "accounts.md"


# What no role gives, because it is not asked of an account.
OPENINGS = frozenset({Permission.PUBLIC, Permission.SIGNED_IN, Permission.TOKEN, Permission.PEER})


def written() -> dict[str, set[str]]:
    """The matrix as docs/accounts.md tells it: permission -> roles with a cross."""
    lines = [line.strip("|").split("|") for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if "|" in line]
    head = next(cells for cells in lines if cells[0].strip() == "permission")
    roles = [cell.strip() for cell in head[1:]]
    return {
        found.group(1): {role for role, cell in zip(roles, cells[1:], strict=True) if cell.strip()}
        for cells in lines
        if (found := re.fullmatch(r"\s*`([a-z-]+)`\s*", cells[0])) and len(cells) == len(head)
    }


def test_the_matrix_is_the_one_that_people_read() -> None:
    """Each permission with exactly the roles that docs/accounts.md gives it, every role and permission in it."""
    told = {
        permission.value: {role.value for role in Role if permission in MATRIX[role]}
        for permission in Permission
        if permission not in OPENINGS
    }
    assert written() == told
    assert all(told.values())
    assert set(MATRIX) == set(TITLES) == set(Role)


def test_no_role_gives_what_is_not_asked_of_an_account() -> None:
    """Signing another node's requests or knowing a token is no right of a person."""
    assert all(OPENINGS.isdisjoint(granted) for granted in MATRIX.values())
    assert permissions_of(()) == frozenset()


def test_roles_add_up_and_nothing_else() -> None:
    """Two roles together give what each gives."""
    for one, other in combinations(Role, 2):
        assert permissions_of({one, other}) == MATRIX[one] | MATRIX[other]


def test_who_keeps_the_machine_does_not_read_the_register() -> None:
    """Nor do those who look at decisions or figures; who approves writes nothing, and who writes approves nothing."""
    for role in (Role.ADMINISTRATOR, Role.AUDITOR, Role.ANALYST, Role.EVALUATOR, Role.TRAINER):
        assert MATRIX[role].isdisjoint({Permission.REGISTER_READ, Permission.PROFILE_READ, Permission.REGISTER_WRITE})
    assert MATRIX[Role.APPROVER].isdisjoint({Permission.REGISTER_WRITE, Permission.PROFILE_WRITE})
    assert Permission.PROFILE_APPROVE not in MATRIX[Role.OFFICER]
    writers = [role for role in Role if Permission.USERS_WRITE in MATRIX[role]]
    assert all(needs_second_factor([role]) for role in writers)


def test_roles_are_read_by_name() -> None:
    """In any case, and an unknown one is told with those there are."""
    assert roles_of(["Officer", " approver "]) == {Role.OFFICER, Role.APPROVER}
    with pytest.raises(CallerError) as caught:
        roles_of(["sindaco"])
    assert caught.value.code == "role-unknown"
    assert "auditor" in caught.value.render()[2]
