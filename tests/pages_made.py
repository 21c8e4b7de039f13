"""A node with something on every page: published and signed profiles, a neighbour, a log behind, and one that attacks readers."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from node.flows.logs.append import Operation, append, sign_head
from node.protocol import canonical
from node.runtime import Node
from node.store.postgres import acquire
from tests.announcements_made import call, course, service, session
from tests.profiles_made import NOW, add_origin, label, profile, store

COUNT = 30
# What has made pages run somebody else's script, in as many places as a text can land.
XSS = (
    "<script>window.xss=1</script>",
    '"><img src=x onerror="window.xss=1">',
    "'><svg onload=window.xss=1>",
    "</title><script>window.xss=1</script>",
    "</textarea><script>window.xss=1</script>",
    "{{ 7*7 }}{% raw %}{{ config }}",
    "javascript:window.xss=1",
    '<a href="javascript:window.xss=1" hx-get="/x" hx-trigger="load">x</a>',
    '<iframe srcdoc="<script>parent.xss=1</script>"></iframe>',
    "<style>*{display:none}</style>",
    '<math><mi xlink:href="data:x,<script>window.xss=1</script>">',
    "\u202e<b onmouseover=window.xss=1>txet desrever\u202c",
    "&lt;script&gt;window.xss=1&lt;/script&gt;",
    "' onfocus=window.xss=1 autofocus x='",
)  # fmt: skip
ANNOUNCED = tuple(str(uuid.UUID(int=(0xCA7 << 64) + number, version=4)) for number in range(4))
HOSTILE_ID = str(uuid.UUID(int=0xBAD << 64, version=4))


def hostile() -> list[dict[str, Any]]:
    """Profiles whose every text is an attack, one per piece of the corpus."""
    made = []
    for number, text in enumerate(XSS):
        texts = {"it": f"rete {text}", "en": f"net {text}"}
        wants = [{"category": "distribution", "text": texts}, {"category": text}]
        made.append(
            profile(
                900 + number,
                owner="x_BAD",
                summary=f"sommario {text}",
                description=f"descrizione {text}",
                needs=wants,
                offers=wants,
                themes=[text],
                capabilities=[text],
                languages=[text],
                target_countries=[text],
                certifications=[text],
                maturity=text,
                kind=text,
                deadline=text,
                purpose=text,
                partner={"role": text, "sector": text, "territory": text, "size": text},
                sector=label("A2", text, "10"),
                theme=label("THEME", text),
            )
            | {"title": texts}
        )
    made[0]["id"] = HOSTILE_ID
    return made


def ours(number: int) -> dict[str, Any]:
    """A profile of this node's own, with something in every part."""
    profile_id = str(uuid.UUID(int=number, version=4))
    return profile(
        number,
        f"Olio e macchine {number}",
        id=profile_id,
        summary="Imprese che producono olio e le macchine per farlo.",
        needs=[{"category": "distribution", "text": {"it": "Chi distribuisce in Albania"}}],
        offers=[{"category": "components", "text": {"it": "Macchine per frantoi"}}],
        target_countries=["AL", "DE"],
        languages=["en"],
        capabilities=["design"],
        themes=["innovation"],
        certifications=["iso_9001"],
        partner={"role": "distributor", "sector": "46", "territory": "ITC1", "size": "4-9"},
        territory=label("REG", "ITF4", "ITF5") if number % 3 == 0 else label("REG", "ITF4"),
        theme=label("THEME", "innovation" if number % 2 else "internationalisation"),
    )


def announced() -> list[dict[str, Any]]:
    """One announcement of each kind of this node's own, the first of them a service; in its texts what a schema lets pass of an attack."""
    sly = {
        "it": "Servizio {{ 7*7 }}{% raw %} 'javascript:window.xss=1'",
        "en": "Service &lt;script&gt; javascript:window.xss=1",
    }
    made = (service(title=sly), session(), call(), course())
    return [document | {"id": id_} for document, id_ in zip(made, ANNOUNCED, strict=True)]


async def fill(node: Node) -> None:
    """Publish and sign profiles at a node, and let it know three other logs."""
    async with acquire(node.pool) as conn, conn.transaction():
        operations = [
            Operation(document["id"], canonical.dumps(document)) for document in map(ours, range(1, COUNT + 1))
        ]
        operations += [
            Operation(document["id"], canonical.dumps({**document, "owner": node.config.node.id, "revision": 1}))
            for document in announced()
        ]
        await append(conn, node.own, operations, NOW)
        torino = [
            profile(n, f"Torino {n}", owner="cmto", offers=[{"category": "distribution"}], territory=label("PRO", "TO"))
            for n in range(101, 106)
        ]
        await store(conn, await add_origin(conn, "cmto"), torino)
        await store(conn, await add_origin(conn, "x_BAD", state="quarantined"), hostile())
        behind = await add_origin(conn, "bic-lazio", state="waiting")
        long_ago = NOW - dt.timedelta(days=3)
        await conn.execute(
            "UPDATE log.origin SET confirmed_at = $2, advanced_at = $2 WHERE origin_id = $1", behind, long_ago
        )
        await conn.execute("UPDATE log.origin SET name = $1 WHERE owner = 'x_BAD'", XSS[0])
    await sign_head(node.pool, node.own, NOW)
