"""Who may do what: roles that accounts hold, permissions that routes declare, and the matrix between them.

In: the roles of an account. Out: its permissions. The matrix is written out in docs/accounts.md, which a test holds to this one.
Rules: least right; whoever keeps the machine does not read the register by that; nobody reads which network a profile is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from node.errors import N_, CallerError


class Role(StrEnum):
    """What somebody is to this administration; an account holds one or more."""

    OFFICER = "officer"
    APPROVER = "approver"
    EVALUATOR = "evaluator"
    TRAINER = "trainer"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"
    ANALYST = "analyst"


class Permission(StrEnum):
    """What a route asks of whoever calls it; the first four are nobody's by role."""

    # Anybody; whoever signed in; whoever shows the token of the object; another node that signs its requests.
    PUBLIC = "public"
    SIGNED_IN = "signed-in"
    TOKEN = "token"  # noqa: S105 - the name of a permission
    PEER = "peer"

    OFFICE_READ = "office-read"
    REGISTER_READ = "register-read"
    REGISTER_WRITE = "register-write"
    PROFILE_READ = "profile-read"
    PROFILE_WRITE = "profile-write"
    PROFILE_APPROVE = "profile-approve"
    PROFILE_WITHDRAW = "profile-withdraw"
    MATCHES_READ = "matches-read"
    SEARCHES_WRITE = "searches-write"
    INTRODUCTIONS_READ = "introductions-read"
    INTRODUCTIONS_WRITE = "introductions-write"
    PROGRAMME_READ = "programme-read"
    PROGRAMME_WRITE = "programme-write"
    CALLS_READ = "calls-read"
    CALLS_WRITE = "calls-write"
    CALLS_SCORE = "calls-score"
    COURSES_READ = "courses-read"
    COURSES_WRITE = "courses-write"
    COURSES_TEACH = "courses-teach"
    STATISTICS_READ = "statistics-read"
    PEERS_READ = "peers-read"
    PEERS_WRITE = "peers-write"
    LOG_READ = "log-read"
    LOG_WRITE = "log-write"
    SCHEDULE_READ = "schedule-read"
    DOCTOR_READ = "doctor-read"
    USERS_READ = "users-read"
    USERS_WRITE = "users-write"
    AUDIT_READ = "audit-read"
    BACKUPS_READ = "backups-read"
    BACKUPS_WRITE = "backups-write"


_P = Permission
MATRIX: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.OFFICER: frozenset(
        {
            _P.OFFICE_READ,
            _P.REGISTER_READ,
            _P.REGISTER_WRITE,
            _P.PROFILE_READ,
            _P.PROFILE_WRITE,
            _P.PROFILE_WITHDRAW,
            _P.MATCHES_READ,
            _P.SEARCHES_WRITE,
            _P.INTRODUCTIONS_READ,
            _P.INTRODUCTIONS_WRITE,
            _P.PROGRAMME_READ,
            _P.PROGRAMME_WRITE,
            _P.CALLS_READ,
            _P.CALLS_WRITE,
            _P.COURSES_READ,
            _P.COURSES_WRITE,
            _P.COURSES_TEACH,
            _P.STATISTICS_READ,
        }
    ),
    # Who approves reads what is to leave and what it is about, and changes neither.
    Role.APPROVER: frozenset(
        {
            _P.OFFICE_READ,
            _P.REGISTER_READ,
            _P.PROFILE_READ,
            _P.PROFILE_APPROVE,
            _P.PROFILE_WITHDRAW,
            _P.MATCHES_READ,
            _P.INTRODUCTIONS_READ,
            _P.PROGRAMME_READ,
            _P.CALLS_READ,
            _P.COURSES_READ,
            _P.STATISTICS_READ,
        }
    ),
    # Scores what it is given, and reads of the calls nothing else.
    Role.EVALUATOR: frozenset({_P.OFFICE_READ, _P.CALLS_SCORE, _P.STATISTICS_READ}),
    Role.TRAINER: frozenset({_P.OFFICE_READ, _P.COURSES_READ, _P.COURSES_TEACH, _P.STATISTICS_READ}),
    Role.ADMINISTRATOR: frozenset(
        {
            _P.OFFICE_READ,
            _P.PEERS_READ,
            _P.PEERS_WRITE,
            _P.LOG_READ,
            _P.LOG_WRITE,
            _P.SCHEDULE_READ,
            _P.DOCTOR_READ,
            _P.USERS_READ,
            _P.USERS_WRITE,
            _P.AUDIT_READ,
            _P.BACKUPS_READ,
            _P.BACKUPS_WRITE,
        }
    ),
    # Reads all that administrators read, and changes nothing.
    Role.AUDITOR: frozenset(
        {
            _P.OFFICE_READ,
            _P.AUDIT_READ,
            _P.LOG_READ,
            _P.PEERS_READ,
            _P.USERS_READ,
            _P.SCHEDULE_READ,
            _P.DOCTOR_READ,
            _P.BACKUPS_READ,
        }
    ),
    Role.ANALYST: frozenset({_P.OFFICE_READ, _P.STATISTICS_READ}),
}
# Whoever can change other people's rights shows a second factor.
SECOND_FACTOR: Final = frozenset({Role.ADMINISTRATOR})
TITLES: Final[Mapping[Role, str]] = {
    Role.OFFICER: N_("funzionario"),
    Role.APPROVER: N_("approvatore"),
    Role.EVALUATOR: N_("valutatore"),
    Role.TRAINER: N_("formatore"),
    Role.ADMINISTRATOR: N_("amministratore"),
    Role.AUDITOR: N_("revisore"),
    Role.ANALYST: N_("analista"),
}


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    """Return what an account with some roles may do, beside being signed in."""
    return frozenset().union(*(MATRIX[role] for role in roles))


def needs_second_factor(roles: Iterable[Role]) -> bool:
    """Tell whether an account with some roles can do nothing before it has a second factor."""
    return not SECOND_FACTOR.isdisjoint(roles)


def roles_of(names: Iterable[str]) -> frozenset[Role]:
    """Return roles by their names. Raises: CallerError(role-unknown)."""
    found = set()
    for name in names:
        try:
            found.add(Role(name.strip().lower()))
        except ValueError as error:
            raise CallerError(
                "role-unknown",
                N_("non c'è il ruolo «{role}»"),
                where="--role",
                hint=N_("ruoli: {roles}"),
                role=name[:60],
                roles=", ".join(Role),
            ) from error
    return frozenset(found)
