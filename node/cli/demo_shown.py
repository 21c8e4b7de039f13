"""What ``rete demo`` shows: three searches as tables, what each node knows, where to go on.

In: running nodes. Out: tables, and the values of the demo's file (docs/cli.md).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson

from node.cli import demo_accounts, demo_agreement
from node.cli.demo_networks import Body
from node.cli.frame import Face
from node.cli.reports import areas
from node.errors import N_
from node.peers.client import PeerClient, open_session
from node.runtime import Node
from node.store import cooperation, origins, own_log
from node.store.postgres import acquire

SEARCH_MAX_BYTES = 1_048_576


async def profiles_known(node: Node) -> int:
    """Return how many profiles a node can find."""
    async with acquire(node.pool) as conn:
        return sum((await cooperation.count_by_origin(conn)).values())


async def search(face: Face, url: str, body: Body, query: dict[str, str]) -> dict[str, Any]:
    """Ask a node as its pages do; show what it finds, and return it."""
    async with open_session(loopback=True) as session:
        reply = await PeerClient(session, url).get(
            f"/api/v1/profiles?{urlencode({**query, 'limit': '10'})}", max_bytes=SEARCH_MAX_BYTES
        )
    hits = orjson.loads(reply.body)["hits"]
    words = " ".join(f"{value}" if name == "q" else f"{name}={value}" for name, value in query.items())
    title = f"{body.name}: «{words}»"
    columns = (N_("titolo"), N_("amministrazione"), N_("territorio"), N_("voce"))
    rows = [(h["title"], h["owner"], areas(face, h["labels"]["territory"]["values"]), f"#{h['index']}") for h in hits]
    face.table(title, columns, rows)
    kept = ("profile_id", "owner", "origin", "index", "title")
    return {"node": body.id, "query": words, "hits": [{name: hit[name] for name in kept} for hit in hits]}


async def facts_of_node(node: Node, url: str) -> dict[str, Any]:
    """Return what the demo's file says of a node."""
    async with acquire(node.pool) as conn:
        signed = await own_log.signed_latest(conn, node.own.origin_id)
        own = next(origin for origin in await origins.list_origins(conn) if origin.is_own)
    return {
        "id": node.config.node.id,
        "url": url,
        "database_url": node.dsn,
        "home": str(node.home),
        "origin": own.origin,
        "vkey": own.vkey,
        "log_size": signed.size if signed else 0,
        "profiles_known": await profiles_known(node),
    }


def summary(face: Face, result: dict[str, Any]) -> None:
    """Say where everything is, and who may sign in."""
    columns = (N_("nodo"), N_("indirizzo"), N_("registro"), N_("profili conosciuti"))
    rows = [(n["id"], n["url"], n["log_size"], n["profiles_known"]) for n in result["nodes"]]
    face.table(N_("Quattro nodi, una banca dati per la cooperazione"), columns, rows)
    for node in result["nodes"]:
        face.say(N_("Nel browser: {url}"), url=f"{node['url']}/cerca?q=export")
    own = {account["name"]: account["password"] for account in result["accounts"]}
    people = [(name, face.tr(demo_accounts.WHAT[name]), password) for name, password in own.items()]
    title = N_("Per entrare, in ogni nodo (indirizzo /entra)")
    face.table(title, (N_("utente"), N_("che cosa fa"), N_("password")), people)
    face.say(N_("Una rete in più, da importare e pubblicare nelle pagine: {file}"), file=result["exercise"])
    demo_agreement.show(face, result["agreement"], result["nodes"][0]["home"])
    face.say(N_("In tutto {seconds} secondi."), seconds=result["seconds"]["total"])
