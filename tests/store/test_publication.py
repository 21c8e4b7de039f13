"""The private side of publishing: what its queries find in the federation, and that this server takes them all."""

from __future__ import annotations

import uuid

from profiles_made import add_origin, label, profile, store

from node.store import publication
from node.store.postgres import Connection


async def test_a_block_is_its_labels_and_kind_wherever_its_profiles_come_from(conn: Connection) -> None:
    """Profiles of other nodes count; other labels, another kind, and those left out do not."""
    here, there = await add_origin(conn, "p_LE"), await add_origin(conn, "cciaa_le")
    wide = label("PRO", "BR", "LE", "?")
    await store(conn, here, [profile(1, themes=["energy"]), profile(2, territory=wide, certifications=["soa"])])
    await store(
        conn,
        there,
        [profile(3, themes=["works"], owner="cciaa_le"), profile(4, kind="any"), profile(5, size=label("SIZE", "2-3"))],
    )
    made = profile(1)
    found = await publication.classes_in_block(conn, made["labels"], "contract", [])
    assert found == [{"themes": ["energy"], "certifications": []}, {"themes": ["works"], "certifications": []}]
    found = await publication.classes_in_block(conn, made["labels"], "contract", [made["id"], str(uuid.uuid4())])
    assert [shown["themes"] for shown in found] == [["works"]]
    found = await publication.classes_in_block(conn, profile(2, territory=wide)["labels"], "contract", [])
    assert [shown["certifications"] for shown in found] == [["soa"]]
    assert len(await publication.classes_in_block(conn, made["labels"], "any", [])) == 1
