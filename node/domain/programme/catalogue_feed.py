"""The catalogue as an Atom feed, for whoever wants to hear of what is announced.

In: announcements, the newest first, and who tells of them. Out: Atom 1.0 (RFC 4287), the same bytes for the same announcements. Rules: an entry is one
item of one member for ever, whatever its revision; its address is this node's page, never one that the item names. Pure.
"""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from node.domain.programme.announcement import KIND_TITLES
from node.errors import plain

ATOM: Final = "http://www.w3.org/2005/Atom"


@dataclass(frozen=True, slots=True)
class Told:
    """One announcement as a feed tells it; ``body``: its owner's name."""

    id: str
    owner: str
    body: str
    kind: str
    title: str
    summary: str
    announced: dt.date


@dataclass(frozen=True, slots=True)
class Source:
    """Whose feed it is: the node's public address and name, and the paths of feed and pages."""

    url: str
    name: str
    feed: str
    pages: str


def atom(told: Sequence[Told], source: Source) -> bytes:
    """Return the feed."""
    ET.register_namespace("", ATOM)
    feed = ET.Element(f"{{{ATOM}}}feed")

    def add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
        child = ET.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
        child.text = plain(text) or None
        return child

    address = source.url + source.feed
    add(feed, "id", address)
    add(feed, "title", f"Catalogo degli annunci ({source.name})")
    add(feed, "updated", max((_instant(item.announced) for item in told), default="1970-01-01T00:00:00Z"))
    add(add(feed, "author"), "name", source.name)
    add(feed, "link", rel="self", type="application/atom+xml", href=address)
    add(feed, "link", rel="alternate", type="text/html", href=source.url + source.pages)
    for item in told:
        where = f"{source.url}{source.pages}/{item.id}?{urlencode({'owner': item.owner})}"
        entry = add(feed, "entry")
        add(entry, "id", where)
        add(entry, "title", item.title)
        add(entry, "updated", _instant(item.announced))
        add(add(entry, "author"), "name", item.body)
        add(entry, "link", rel="alternate", type="text/html", href=where)
        add(entry, "category", term=item.kind, label=KIND_TITLES[item.kind])
        add(entry, "summary", item.summary)
    made: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return made


def _instant(day: dt.date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
