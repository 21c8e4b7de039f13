"""The releases of the Observatory as an Atom feed, for who wants to hear of a new one.

In: releases, newest first, and who publishes. Out: Atom 1.0 (RFC 4287), the same bytes for the same releases. Rules: a release is one
entry for ever; its address is its whole archive; the licence stands in the feed. Pure.
"""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.domain.observatory.dcat import FILES, PATH
from node.domain.observatory.wording import LICENCE, LICENCE_NAME, Publisher

ATOM: Final = "http://www.w3.org/2005/Atom"
FEED: Final = f"{PATH}/rilasci.atom"
ARCHIVE: Final = "tutto.zip"
ENTRIES_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One release as a feed tells it."""

    release_id: str
    as_of: dt.date
    made_at: dt.datetime
    digest: str


def atom(entries: Sequence[Entry], publisher: Publisher) -> bytes:
    """Return the feed of the newest releases."""
    ET.register_namespace("", ATOM)
    feed = ET.Element(f"{{{ATOM}}}feed")

    def add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
        child = ET.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
        child.text = text or None
        return child

    address = publisher.url + FEED
    add(feed, "id", address)
    add(feed, "title", f"Osservatorio nazionale delle reti d'impresa: rilasci dei dati ({publisher.name})")
    # A feed without a release was never updated; the beginning of time says so, and stays the same.
    add(feed, "updated", max((_moment(entry.made_at) for entry in entries), default="1970-01-01T00:00:00Z"))
    add(add(feed, "author"), "name", publisher.name)
    add(feed, "link", rel="self", type="application/atom+xml", href=address)
    add(feed, "link", rel="alternate", type="text/html", href=publisher.url + PATH)
    add(feed, "link", rel="license", href=LICENCE)
    add(feed, "rights", LICENCE_NAME)
    for found in entries[:ENTRIES_MAX]:
        folder = f"{publisher.url}{FILES}/{found.release_id}"
        entry = add(feed, "entry")
        add(entry, "id", folder)
        add(entry, "title", f"Rilascio del {found.release_id}")
        add(entry, "updated", _moment(found.made_at))
        add(entry, "link", rel="alternate", type="application/zip", href=f"{folder}/{ARCHIVE}")
        add(entry, "summary", f"Dati al {found.as_of.isoformat()}. SHA-256 del documento: {found.digest}.")
    made: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return made


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
