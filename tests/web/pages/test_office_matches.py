"""Matches in the office's pages: the command's partners and groups, in words, for who may see them."""

from __future__ import annotations

import html
import re

from node.flows.searching import match, seek
from node.store.reference import load_label_reference
from tests.desk_made import Staff
from tests.pages_made import fill, ours
from tests.web.pages.test_office_profiles import UNKNOWN, words


async def test_partners_of_a_profile_and_of_a_network_with_their_reasons(staff: Staff) -> None:
    """The same as the flow finds, in its order; of a network that nobody published nothing but its partners is shown."""
    node = staff.node
    await fill(node)
    text = await staff["anna"].get(f"/ufficio/corrispondenze?per={ours(3)['id']}")
    reference = load_label_reference()
    document = await seek.document_of(node.pool, node.config, ours(3)["id"], reference, node.clock())
    found = await match.match(node.pool, document, reference, now=node.clock(), limit=20)
    assert found.fits
    ids = re.findall(r'<h3><a href="/profili/([0-9a-f-]{36})', text)
    assert ids == [fit.document["id"] for fit in found.fits]
    assert "offre ciò che la rete cerca: Distribuzione" in words(text)
    own = await staff["bruno"].get(f"/ufficio/corrispondenze?per={staff.networks[0]}")
    assert "Partner per:" in own
    groups = await staff["anna"].get(f"/ufficio/corrispondenze?per={ours(3)['id']}&gruppi=yes&lang=en")
    assert "Suggested groups" in groups
    assert "Suggested groups" in await staff["anna"].get("/ufficio/corrispondenze?gruppi=yes")


async def test_whoever_is_not_known_is_said_so_at_the_field(staff: Staff) -> None:
    """A page with its form and what to do, also for what a person pasted by mistake."""
    for asked in (UNKNOWN, "x", "<script>"):
        text = await staff["anna"].get(f"/ufficio/corrispondenze?per={asked}", 404)
        assert '<a href="#per">' in text
        assert "«rete " not in html.unescape(text)
        assert "<script>" not in text.partition("<main")[2]
