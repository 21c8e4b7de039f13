"""What another office is told of our side: a region, a section and texts that name nobody; after two consents who it is.

In: a connection, a case of ours. Out: what a request says of who asks; a text's refusal; the identity that a consent lets out. Rules: a
region or section is told as far as k networks of the public list share it, and of a network with a profile no more than its labels; a text
is held against every name this node knows, and against the attack by the public list; an identity is built here and nowhere else.
Source: docs/introductions.md, docs/rules.md T.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from node.domain import introduction_texts, potential
from node.domain.introduction import SHORT_MAX_CHARS
from node.domain.network import NetworkRecord
from node.domain.redaction.dictionary import Dictionary, Layer, Term
from node.domain.redaction.hits import AMBER, RED
from node.domain.seeking import MASK
from node.domain.territory import REG
from node.errors import N_, CallerError, Said
from node.flows.introductions.casework import Office
from node.flows.profiles import gate
from node.flows.profiles.preview import judge_text
from node.flows.profiles.versions import record_of
from node.protocol import canonical
from node.store import population, publication
from node.store.introductions import Row
from node.store.postgres import Connection
from node.store.reference import load_sectors, load_territories

# Of an identity, so that its message keeps within limits.MESSAGE_MAX_BYTES whatever names and contact hold.
MEMBERS_MAX: Final = 300
MEMBERS_MAX_BYTES: Final = 38_000
NETWORK, FIRM = "network", "firm"
NOBODY: Final = "introduction-who"
# Doubtful words that a refusal shows; of more it tells how many.
DOUBTFUL_SHOWN: Final = 10
WORDS_MAX_CHARS: Final = 80


def digest_of(shown: Any) -> str:
    """Return by what it is told whether somebody decides about what was shown: the SHA-256 of its canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical.dumps({"shown": shown})).hexdigest()


def who() -> CallerError:
    """Return the refusal of an introduction without anybody."""
    return CallerError(
        NOBODY,
        N_("serve sapere per chi si chiede il contatto: una rete del registro, o un'impresa"),
        where="network",
    )


async def described(conn: Connection, office: Office, row: Row) -> dict[str, str]:
    """Return all that is said of who asks: a region and a section, as far as k networks of the public list share them.

    Of a network with a profile no more than the labels that everybody sees of it: two descriptions laid over each other must not
    leave fewer than one of them.
    """
    if row.network_id is None:
        applicant = row.applicant or {}
        region, section = str(applicant.get("region", "")), str(applicant.get("section", ""))
    else:
        shown = await publication.living_profile(conn, row.network_id)
        if shown is not None:
            return _of_labels(shown.labels)
        _, record = await record_of(conn, row.network_id)
        regions, sections = potential.regions_and_sections(record, load_territories(), load_sectors())
        region, section = _only(regions), _only(sections)
    for place, trade in ((region, section), (region, ""), ("", "")):
        if not place and not trade:
            break
        if await _sharing(conn, place, trade) >= office.config.privacy.k:
            return {"territory": place, "sector": trade}
    return {"territory": "", "sector": ""}


async def _sharing(conn: Connection, region: str, section: str) -> int:
    """Return how many networks of the newest public list are in a region and a section (empty: anywhere)."""
    regions = [region] if region else [area.code for area in load_territories().regions]
    sections = [section] if section else load_sectors().children("*")
    divisions = [division for one in sections for division in load_sectors().children(one)]
    return await population.count_around(conn, regions, divisions, None)


def _of_labels(labels: Mapping[str, Any]) -> dict[str, str]:
    """Return the one region and the one section that a profile's labels lie in, empty where there are several."""
    areas = {_region_in(value) for value in labels["territory"]["values"]}
    sections = {_section_in(value) for value in labels["sector"]["values"]}
    return {"territory": _only(areas), "sector": _only(sections)}


def _region_in(code: str) -> str | None:
    chain = [code, *load_territories().ancestors(code)]
    return next(
        (one for one in chain if (area := load_territories().area(one)) is not None and area.level == REG), None
    )


def _section_in(code: str) -> str | None:
    return next((one for one in (code, *load_sectors().ancestors(code)) if len(one) == 1 and one.isalpha()), None)


def _only(values: set[str | None]) -> str:
    found = values - {None}
    return str(found.pop()) if len(values) == 1 and found else ""


async def refuse_names(conn: Connection, office: Office, row: Row | None, text: str, *, sure: bool) -> None:
    """Refuse a text that names somebody this node knows, or by which the public list would find the network it is about.

    Raises: CallerError(text-refused, text-finds-network, text-doubtful).
    """
    if not text:
        return
    names = await office.known.read(conn, office.config)
    if row is not None and row.applicant:
        # Not among the names that every text is held against before an officer has endorsed the request.
        names = Dictionary((*names.layers, Layer.of_terms(_terms(row.applicant), gate.common_words(), own=True)))
    verdict = await judge_text(conn, office.config, names, text, None if row is None else row.network_id)
    hits = verdict.hits
    if verdict.is_found:
        raise CallerError(
            "text-finds-network",
            N_("chi ha l'elenco pubblico riconoscerebbe la rete da questo testo: somiglia al suo oggetto"),
            where="text",
            hint=N_("dirlo con parole proprie e generiche, senza riprendere l'oggetto del contratto"),
        )
    red = [hit for _, _, hit in hits if hit.severity == RED]
    if red:
        raise CallerError(
            "text-refused",
            N_("il testo farebbe riconoscere qualcuno prima dei consensi: «{words}» ({reason}); altri punti: {more}")
            if len(red) > 1
            else N_("il testo farebbe riconoscere qualcuno prima dei consensi: «{words}» ({reason})"),
            where="text",
            hint=N_("togliere nomi, indirizzi, recapiti e codici: si scambiano alla fine, insieme"),
            words=text[red[0].start : red[0].end][:80],
            reason=Said(red[0].reason),
            more=len(red) - 1,
        )
    # Each once: whoever confirms has seen all that is confirmed.
    doubtful = list(dict.fromkeys(text[hit.start : hit.end] for _, _, hit in hits if hit.severity == AMBER))
    if doubtful and not sure:
        raise _doubtful(doubtful)


def _doubtful(words: list[str]) -> CallerError:
    shown = ", ".join(f"«{one[:WORDS_MAX_CHARS]}»" for one in words[:DOUBTFUL_SHOWN])
    more = len(words) - DOUBTFUL_SHOWN
    return CallerError(
        "text-doubtful",
        N_("possibili nomi propri: {words}, e altri {more}") if more > 0 else N_("possibili nomi propri: {words}"),
        where="text",
        hint=N_("cambiare queste parole, o confermare che nessuna di esse fa riconoscere qualcuno"),
        words=shown,
        more=more,
    )


def _terms(applicant: Mapping[str, Any]) -> list[Term]:
    kinds = (("firm", "name"), ("code", "tax_code"), ("person", "person"), ("contact", "phone"))
    return [Term(kind, str(applicant[name])) for kind, name in kinds if applicant.get(name)]


async def identity_today(conn: Connection, office: Office, row: Row) -> dict[str, Any]:
    """Return what a consent lets out of a case's own side, the person to call apart. Raises: network-unknown, introduction-who."""
    return await _identity(conn, row) | {"office": office.config.node.name}


async def _identity(conn: Connection, row: Row) -> dict[str, Any]:
    if row.network_id is None:
        name = str((row.applicant or {}).get("name", ""))
        if row.applicant is None or not name or MASK in name:
            # Its network was taken out of the register, or the firm's data were erased: there is nobody to name.
            raise who()
        firm = {"name": name, "municipality": str(row.applicant.get("municipality", ""))}
        return {"name": firm["name"], "kind": FIRM, "members": [firm]}
    _, record = await record_of(conn, row.network_id)
    return {"name": _short(record.name), "kind": NETWORK, "members": _members(record)}


def _short(text: str) -> str:
    return " ".join(introduction_texts.clean(text).split())[:SHORT_MAX_CHARS]


def _members(record: NetworkRecord) -> list[dict[str, str]]:
    """Return the firms that are in a network, as many as fit into one message beside the rest."""
    members: list[dict[str, str]] = []
    room = MEMBERS_MAX_BYTES
    for firm in (member.firm for member in record.members if member.left_on is None):
        if not _short(firm.name):
            continue
        told = {"name": _short(firm.name), "municipality": _short(firm.municipality_name)}
        room -= len(canonical.dumps(told)) + 1
        if room < 0 or len(members) == MEMBERS_MAX:
            break
        members.append(told)
    return members
