"""Saved searches: what one is, its limits, and the documents by which it tells what is new.

In: a title, a question as parameters, addresses; profiles that were found. Out: checked values; an Atom feed, a digest, a
webhook's JSON. Rules: a title is one line of at most 120 characters; a webhook's URL is https without user, query or
fragment (no secrets in URLs); what stands in a document is public already; every text is Italian first, then English.
Source: RFC 4287 (Atom), RFC 2369 and RFC 8058 (leaving a list with one click).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import re
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Final
from urllib.parse import urlsplit

from node.errors import N_, UNSEEN, CallerError, plain

TITLE_MAX_CHARS: Final = 120
ADDRESS_MAX_CHARS: Final = 254
URL_MAX_CHARS: Final = 500
EMAIL, WEBHOOK = "email", "webhook"
FEED_ENTRIES: Final = 50
# Profiles in one message; what is more follows in the next.
DELIVERY_MAX: Final = 50
# What orders or pages an answer is no part of what is asked.
NOT_SAVED: Final = ("sort", "limit", "cursor")
ATOM: Final = "http://www.w3.org/2005/Atom"
# Of a log that signed what contradicts itself.
QUARANTINED: Final = N_("(registro in quarantena)")
WEBHOOK_TYPE: Final = "saved-search-news/1"
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+"
)
_LOCAL_MAX_CHARS: Final = 64
# Lines are as long as RFC 5322 lets them be: folded at 78 characters, a long link would be written as an encoded word, which
# no mail program reads as a link.
_MAIL = SMTP.clone(max_line_length=998)
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
# What no XML document may hold, besides what no line of ours may.
_NO_XML = re.compile("[\ufffe\uffff]")
Translate = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Item:
    """One profile of a feed or a message, as its verified body says it."""

    profile_id: str
    owner: str
    origin: str
    index: int
    title: str
    summary: str
    published: dt.date
    quarantined: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands around the profiles: which search, on which node, reached where."""

    search_id: str
    title: str
    created_at: dt.datetime
    node: str
    base_url: str

    @property
    def feed_url(self) -> str:
        """Where its feed is."""
        return f"{self.base_url}/api/v1/saved-searches/{self.search_id}/feed.atom"

    def profile_url(self, profile_id: str) -> str:
        """Where one profile is."""
        return f"{self.base_url}/api/v1/profiles/{profile_id}"


def check_title(text: str) -> str:
    """Return a title with single spaces. Raises: CallerError(saved-title-bad)."""
    title = " ".join(text.split())
    if not 1 <= len(title) <= TITLE_MAX_CHARS or UNSEEN.search(title) or _NO_XML.search(title):
        raise CallerError(
            "saved-title-bad", N_("serve un titolo di una riga, al massimo {most} caratteri"), most=TITLE_MAX_CHARS
        )
    return title


def check_email(text: str) -> str:
    """Return an e-mail address, bare: a message's To read back is this one and no other.

    Raises: CallerError(saved-email-bad), which does not repeat it.
    """
    address = text.strip()
    local = address.partition("@")[0]
    if (
        len(address) > ADDRESS_MAX_CHARS
        or len(local) > _LOCAL_MAX_CHARS
        or not _ADDRESS.fullmatch(address)
        # The signs of an encoded word (RFC 2047) may stand in an address; read as one, it is another address.
        or "=?" in address
        or [found.addr_spec for found in _MAIL.header_factory("To", address).addresses] != [address]
    ):
        raise CallerError("saved-email-bad", N_("l'indirizzo di posta non è valido"), where="--email")
    return address


def check_webhook(text: str, *, loopback: bool) -> str:
    """Return a webhook's URL; ``loopback`` admits http on this machine. Raises: CallerError(saved-webhook-bad), without it."""
    refused = CallerError(
        "saved-webhook-bad",
        N_("l'indirizzo del webhook non è valido"),
        where="--webhook",
        hint=N_("serve https://host/percorso, senza utente, senza «?» e senza «#»: chi riceve verifica la firma"),
    )
    try:
        parts = urlsplit(text.strip())
        port_is_good = parts.port is None or parts.port > 0
    except ValueError as error:
        raise refused from error
    host = parts.hostname or ""
    secure = parts.scheme == "https" or (loopback and parts.scheme == "http" and host in ("127.0.0.1", "localhost"))
    plain_path = not parts.path or _PATH.fullmatch(parts.path)
    simple = not (parts.query or parts.fragment or "@" in parts.netloc or set("?#") & set(text))
    if not (
        secure and host and host.isascii() and port_is_good and plain_path and simple and len(text) <= URL_MAX_CHARS
    ):
        raise refused
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path or '/'}"


def split_webhook(url: str) -> tuple[str, str]:
    """Return (scheme and authority, path) of a checked URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", parts.path


def write_query(parameters: Iterable[tuple[str, str]]) -> str:
    """Return a question as it is kept: a permalink's parameters as a JSON object, without order and page."""
    return json.dumps({name: value for name, value in parameters if name not in NOT_SAVED}, ensure_ascii=False)


def read_query(text: str) -> dict[str, str]:
    """Return the parameters of a kept question."""
    found: dict[str, str] = json.loads(text)
    return found


def token_hash(token: str) -> bytes:
    """Return what is kept of a management token."""
    return hashlib.sha256(b"rete/saved-search-token/v1\n" + token.encode(errors="replace")).digest()


def leave_key(secret: bytes) -> bytes:
    """Return the key that signs unsubscribe links, from the secret of the node."""
    return hmac.digest(secret, b"rete/unsubscribe/v1", "sha256")


def leave_mark(key: bytes, search_id: str) -> str:
    """Return the last part of a search's unsubscribe link: a capability for that and nothing else."""
    made = hmac.digest(key, f"unsubscribe\n{search_id}".encode(), "sha256")
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def may_leave(key: bytes, search_id: str, mark: str) -> bool:
    """Tell whether a link's last part is a search's own."""
    return hmac.compare_digest(leave_mark(key, search_id).encode(), mark.encode(errors="replace"))


def next_digest(now: dt.datetime, hour: int) -> dt.datetime:
    """Return the next daily digest after ``now``: at ``hour`` o'clock UTC."""
    today = now.astimezone(dt.UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today > now else today + dt.timedelta(days=1)


def item_of(
    owner: str, origin: str, index: int, document: Mapping[str, Any], day: dt.date, *, quarantined: bool
) -> Item:
    """Return a profile's document as an item; ``day`` is its publication round."""
    title, summary = document["title"]["it"], document["summary"]["it"]
    return Item(document["id"], owner, origin, index, title, summary, day, quarantined)


def _clean(text: str) -> str:
    return _NO_XML.sub("", plain(text))


def _instant(day: dt.date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def atom(sheet: Sheet, items: Sequence[Item]) -> bytes:
    """Return the feed as Atom 1.0 (RFC 4287): equal profiles give equal bytes; the newest change is its own."""
    ET.register_namespace("", ATOM)
    feed = ET.Element(f"{{{ATOM}}}feed")

    def add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
        child = ET.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
        child.text = _clean(text) or None
        return child

    begun = sheet.created_at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    add(feed, "id", f"urn:uuid:{sheet.search_id}")
    add(feed, "title", sheet.title)
    add(feed, "updated", max([begun, *(_instant(item.published) for item in items)]))
    add(add(feed, "author"), "name", sheet.node)
    add(feed, "link", rel="self", type="application/atom+xml", href=sheet.feed_url)
    seen: set[str] = set()
    for item in items:
        # Identifiers are public, so another log can repeat one: a feed names each once.
        if item.profile_id in seen:
            continue
        seen.add(item.profile_id)
        entry = add(feed, "entry")
        add(entry, "id", f"urn:uuid:{item.profile_id}")
        add(entry, "title", f"{item.title} {QUARANTINED}" if item.quarantined else item.title)
        add(entry, "updated", _instant(item.published))
        add(add(entry, "author"), "name", item.owner)
        add(entry, "link", rel="alternate", type="application/json", href=sheet.profile_url(item.profile_id))
        if item.quarantined:
            add(entry, "category", term="quarantined")
        add(entry, "summary", item.summary)
    made: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return made


def webhook_document(sheet: Sheet, delivery_id: str, items: Sequence[Item]) -> dict[str, Any]:
    """Return what a webhook is told; ``delivery_id`` is the same at every attempt."""
    return {
        "type": WEBHOOK_TYPE,
        "delivery_id": delivery_id,
        "search_id": sheet.search_id,
        "title": sheet.title,
        "node": sheet.node,
        "profiles": [
            {
                "profile_id": item.profile_id,
                "owner": item.owner,
                "origin": item.origin,
                "index": item.index,
                "title": item.title,
                "summary": item.summary,
                "published": item.published.isoformat(),
                "quarantined": item.quarantined,
                "url": sheet.profile_url(item.profile_id),
            }
            for item in items
        ],
    }


def _part(sheet: Sheet, items: Sequence[Item], leave_url: str, tr: Translate) -> list[str]:
    lines = [tr(N_("Profili nuovi per la ricerca «{title}»: {count}.")).format(title=sheet.title, count=len(items)), ""]
    for item in items:
        warning = f" {tr(QUARANTINED)}" if item.quarantined else ""
        lines += [
            f"* {plain(item.title)} - {item.owner}, {item.published:%d/%m/%Y}{warning}",
            f"  {plain(item.summary)}",
            f"  {sheet.profile_url(item.profile_id)}",
            "",
        ]
    return [
        *lines,
        tr(N_("I profili sono anonimi: il contatto passa dagli uffici delle due amministrazioni.")),
        tr(N_("Per non ricevere più questi messaggi: {url}")).format(url=leave_url),
    ]


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom and to whom a digest goes, and how its reader leaves; ``delivery_id`` names the message at every attempt."""

    sender: str
    recipient: str
    delivery_id: str
    leave_url: str
    now: dt.datetime


def digest(sheet: Sheet, items: Sequence[Item], *, envelope: Envelope, languages: Sequence[Translate]) -> EmailMessage:
    """Return the digest of new profiles, once in each language. Raises: as ``letter``."""
    subject = languages[0](N_("Profili nuovi: {title}")).format(title=sheet.title)
    return letter(envelope, subject, ["\n".join(_part(sheet, items, envelope.leave_url, tr)) for tr in languages])


def letter(envelope: Envelope, subject: str, parts: Sequence[str]) -> EmailMessage:
    """Return a digest as a mail: the same text in several languages, and how to hear no more of it.

    Raises: CallerError(saved-email-bad) for a recipient that is no bare address.
    """
    message = EmailMessage(policy=_MAIL)
    message["From"], message["To"] = envelope.sender, check_email(envelope.recipient)
    message["Subject"] = subject
    message["Date"] = envelope.now
    host = urlsplit(envelope.leave_url).hostname or "localhost"
    message["Message-ID"] = f"<{envelope.delivery_id}@{host if ':' not in host else f'[IPv6:{host}]'}>"
    message["List-Unsubscribe"] = f"<{envelope.leave_url}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    # No automatic answer is wanted (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    # Not every server takes eight bits.
    message.set_content("\n\n--------\n\n".join(parts) + "\n", charset="utf-8", cte="quoted-printable")
    return message


def search_id_of(text: str) -> str | None:
    """Return a search's identifier in its one spelling, None for what is none."""
    try:
        found = str(uuid.UUID(text))
    except ValueError:
        return None
    return found if found == text.lower() else None
