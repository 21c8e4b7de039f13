"""For whom partners are sought: a profile that all can see, or a network that only this office keeps.

In: an identifier. Out: the document that stands for it in flows/searching/match. Nothing of an own network leaves: it is compared here, and
no route that serves others can reach this module.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from node.config import Config
from node.domain import profile
from node.domain.labels import ATTRIBUTES, LabelReference
from node.errors import N_, CallerError, NotFoundError
from node.flows.profiles.draft import suggest_content
from node.flows.profiles.versions import record_of
from node.flows.searching.search import find_profile
from node.store.postgres import Pool, acquire

_ANY = {"level": "*", "values": []}


async def document_of(
    pool: Pool, config: Config, text: str, reference: LabelReference, now: dt.datetime
) -> Mapping[str, Any]:
    """Return what stands for a profile (its identifier, or how it begins) or an own network.

    Raises: NotFoundError(match-unknown), CallerError(profile-ambiguous).
    """
    async with acquire(pool) as conn:
        try:
            key, record = await record_of(conn, text)
        except NotFoundError:
            key, record = "", None
    if record is not None:
        content = profile.parse_content(suggest_content(record)).to_dict()
        # Labels say where it is to whoever seeks it; of an own network that was never published nothing is said.
        labels = dict.fromkeys(ATTRIBUTES[:-1], _ANY)
        return {**content, "id": key, "owner": config.node.id, "labels": labels, "kind": "any", "round": 0}
    try:
        return (await find_profile(pool, text, reference, now=now)).document
    except (NotFoundError, CallerError) as error:
        if error.code == "profile-ambiguous":
            raise
        raise NotFoundError(
            "match-unknown",
            N_("«{text}» non è un profilo visibile né una rete di questo nodo"),
            hint=N_("copiare l'identificativo da «rete search» o da «rete network list»"),
            text=text[:60],
        ) from error
