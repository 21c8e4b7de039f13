"""How far a profile is on its way out, in one word for people.

In: the state of a profile and of its newest version, what was decided last about that version. Out: a ``Progress``. Why it is held
is another matter (domain/release): a held profile is somewhere on its way as well. Source: docs/profiles.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from node.errors import N_


class Progress(StrEnum):
    """Where a profile is."""

    DRAFT = "draft"
    RETURNED = "returned"
    WAITING = "waiting"
    APPROVED = "approved"
    QUEUED = "queued"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


TITLES: Final[Mapping[Progress, str]] = {
    Progress.DRAFT: N_("bozza"),
    Progress.RETURNED: N_("rimandata a chi l'ha scritta"),
    Progress.WAITING: N_("in attesa di approvazione"),
    Progress.APPROVED: N_("approvata, non ancora in un turno"),
    Progress.QUEUED: N_("approvata per un turno"),
    Progress.PUBLISHED: N_("pubblicata"),
    Progress.WITHDRAWN: N_("ritirata"),
}
# A version's state where only profiles of this progress are; a draft may be any of three.
STATES: Final[Mapping[Progress, str]] = {
    Progress.DRAFT: "draft",
    Progress.RETURNED: "draft",
    Progress.WAITING: "draft",
    Progress.APPROVED: "approved",
    Progress.QUEUED: "queued",
    Progress.PUBLISHED: "published",
    Progress.WITHDRAWN: "erased",
}
_OF_DRAFT: Final = {"submitted": Progress.WAITING, "returned": Progress.RETURNED}
# What was decided, as a person reads it in a history.
ACTION_TITLES: Final[Mapping[str, str]] = {
    "drafted": N_("bozza"),
    "submitted": N_("presentazione"),
    "returned": N_("rinvio a chi ha scritto"),
    "approved": N_("approvazione"),
    "queued": N_("messa in turno"),
    "published": N_("uscita"),
    "withdrawn": N_("ritiro"),
}


def progress_of(profile_state: str, version_state: str, last_action: str | None) -> Progress:
    """Return where a profile is, by its state, its newest version's, and what was decided last about that."""
    if profile_state == "withdrawn":
        return Progress.WITHDRAWN
    if version_state == "draft":
        return _OF_DRAFT.get(last_action or "", Progress.DRAFT)
    return Progress(version_state)
