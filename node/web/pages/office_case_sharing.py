"""What the page of a case file shows of its sharing with other offices.

In: a case's shares. Out: values for office/case_file.html. Source: docs/cases.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from node.domain.programme.shared_case import DOCUMENTS_MAX, KIND_TITLES, STATE_TITLES, State
from node.flows.programme.case_sharing import Share
from node.runtime import Node
from node.web.pages.office_words import Words

BADGES: Final = {State.PROPOSED: "warning", State.LIVE: "primary", State.ENDED: "secondary"}


def values(node: Node, shares: Sequence[Share], language: str) -> dict[str, Any]:
    """Return the shares of a case as they are shown, and the offices with which it may be shared."""
    words = Words(language)
    return {
        "shares": [
            {
                "row": item.row,
                "state": words.title(STATE_TITLES, item.row.state),
                "badge": BADGES[item.row.state],
                "is_confirmed": item.row.said > 0 and item.row.acked >= item.row.said,
                "replies": [(words.title(KIND_TITLES, reply.kind), reply) for reply in item.replies],
            }
            for item in shares
        ],
        # Whoever can be written to: the others have no key for sealed messages.
        "offices": [(peer.id, peer.id) for peer in node.membership.peers if peer.seal is not None],
        "most": DOCUMENTS_MAX,
    }
