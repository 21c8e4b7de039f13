"""How an introduction is asked for: an officer's draft, a firm's own request, the linked requests of a joint project.

In: an Office, a wish. Out: drafts; nothing leaves before an officer has endorsed it (flows/introductions/deeds). Rules: one form with
the same words is one request; a network and a profile have one open case; a firm's own words stay here until two consents.
Source: domain/introduction.py, docs/introductions.md.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from node.domain import saved, vocabulary
from node.domain.introduction import Party, State
from node.domain.labels import LabelReference
from node.domain.sector import ANY
from node.domain.subject import CODE_FORM
from node.errors import N_, CallerError
from node.flows.introductions import own_side
from node.flows.introductions.casework import Office
from node.flows.introductions.deeds import discard
from node.flows.introductions.fields import checked_short, checked_text, chosen
from node.flows.profiles.versions import record_of
from node.flows.searching.search import Hit, find_profile
from node.store import introductions
from node.store.introductions import NewCase
from node.store.postgres import Connection, run_tx
from node.store.reference import load_sectors, load_territories

# Requests of firms that nobody has looked at yet: a page that anybody may use must not fill the office's list.
REQUESTS_MAX: Final = 500
GROUP: Final = (2, 4)


@dataclass(frozen=True, slots=True)
class Applicant:
    """A firm that asks through its own office and is in no network of it. Private: it leaves after two consents or never."""

    name: str
    person: str
    email: str
    phone: str = ""
    tax_code: str = ""
    municipality: str = ""
    region: str = ""
    section: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of another office: which profile, why, in what words, for which network or firm of ours.

    ``owner``: of which office the profile is, where more than one publishes the identifier; empty: any. ``form``: drawn for the form
    that was shown: what it sends twice is one request.
    """

    profile_id: str
    text: str
    purpose: str = "request"
    network_id: str | None = None
    applicant: Applicant | None = field(default=None, repr=False)
    owner: str = ""
    form: str = ""


def _id_of(office: Office, wish: Wish, hit: Hit) -> str:
    """Return the identifier of a request: random, but of one form and the same words always the same, and nobody can choose it."""
    if not wish.form:
        return str(uuid.uuid4())
    applicant = None if wish.applicant is None else asdict(wish.applicant)
    said = [office.own_id, wish.form, hit.owner, hit.profile_id, wish.text, wish.purpose, wish.network_id, applicant]
    return str(uuid.UUID(bytes=bytes.fromhex(own_side.digest_of(said))[:16], version=4))


def profile_in(named: str) -> tuple[str, str]:
    """Return the office and the identifier of a profile that is named as OFFICE:IDENTIFIER, or by its identifier alone."""
    owner, _, profile_id = named.strip().rpartition(":")
    return owner, profile_id


async def begin(
    office: Office,
    wish: Wish,
    officer: str,
    now: dt.datetime,
    reference: LabelReference,
    *,
    project: tuple[str, int] | None = None,
) -> str:
    """Write the draft of a request; return the case's id. Nothing leaves.

    Raises: profile-unknown, introduction-own-profile, introduction-peer-cannot, introduction-there, network-unknown,
    introduction-text-bad, text-refused, introduction-who.
    """
    case, _ = await _begin(office, wish, officer, now, reference, project)
    return case


async def ask(office: Office, wish: Wish, now: dt.datetime, reference: LabelReference) -> tuple[str, str]:
    """Write the draft of a firm's own request, for an officer to look at; return the case's id and the token that shows how it stands.

    No token where the same form brought the same words before.

    Raises: introduction-requests-off, introduction-too-many; as ``begin``.
    """
    if not office.config.introductions.requests:
        raise CallerError(
            "introduction-requests-off",
            N_("questo ufficio non riceve richieste da qui"),
            hint=N_("rivolgersi all'ufficio di persona, per telefono o per posta"),
        )
    if wish.applicant is None:
        raise own_side.who()
    return await _begin(office, wish, "", now, reference, None)


async def _begin(
    office: Office,
    wish: Wish,
    officer: str,
    now: dt.datetime,
    reference: LabelReference,
    project: tuple[str, int] | None,
) -> tuple[str, str]:
    if (wish.network_id is None) == (wish.applicant is None):
        raise own_side.who()
    hit = await find_profile(office.pool, wish.profile_id, reference, now=now, owner=wish.owner or None)
    if hit.owner == office.own_id:
        raise CallerError(
            "introduction-own-profile",
            N_("la scheda è di questo stesso ufficio: non serve un altro ufficio per mettervi in contatto"),
        )
    office.peer(hit.owner)
    applicant = None if wish.applicant is None else checked_applicant(wish.applicant)
    text = checked_text(wish.text, needed=True)
    purpose = chosen("purpose", wish.purpose, vocabulary.PURPOSES)
    introduction_id, token = _id_of(office, wish, hit), secrets.token_urlsafe(32)
    token_hash = hashlib.sha256(token.encode()).digest()

    async def work(conn: Connection) -> bool:
        # Of two clicks, of two officers with one network and of two that take the last place, the second sees what the first wrote.
        await introductions.hold_beginnings(conn)
        if await introductions.known_here(conn, [introduction_id]):
            return False
        network_id = await _network(conn, wish.network_id)
        if not officer and await introductions.count_drafts(conn) >= REQUESTS_MAX:
            raise CallerError("introduction-too-many", N_("l'ufficio ha troppe richieste da guardare: riprovare tra qualche giorno"))  # fmt: skip
        await _refuse_twice(conn, hit, network_id)
        request: dict[str, Any] = {"text": text, "purpose": purpose}
        if project is not None:
            request |= {"project": project[0], "project_size": project[1]}
        made = NewCase(
            introduction_id, Party.SEEKER, hit.owner, hit.profile_id, str(State.DRAFT), network_id,
            None if project is None else project[0], request, applicant, token_hash, officer,
        )  # fmt: skip
        await introductions.open_cases(conn, [made], now)
        # After the applicant's own names are in the table: they are among those that no text may tell.
        if officer:
            await own_side.refuse_names(
                conn, office, await introductions.read_case(conn, introduction_id), text, sure=True
            )
        return True

    return introduction_id, token if await run_tx(office.pool, work) else ""


async def propose(
    office: Office,
    network_id: str,
    profiles: Sequence[str],
    text: str,
    officer: str,
    now: dt.datetime,
    reference: LabelReference,
    purpose: str = "joint_project",
    form: str = "",
) -> tuple[str, list[str]]:
    """Write the linked requests of a joint project, one to the office of each profile (``profile_in``); return the project's id and the cases'.

    Raises: introduction-project-size; as ``begin``, and then no request is written.
    """
    distinct = list(dict.fromkeys(map(profile_in, profiles)))
    if not GROUP[0] <= len(distinct) <= GROUP[1]:
        raise CallerError(
            "introduction-project-size",
            N_("un progetto comune unisce da tre a cinque reti: la propria e da {least} a {most} schede"),
            least=GROUP[0],
            most=GROUP[1],
        )
    project, made, fresh = str(uuid.uuid4()), [], []
    try:
        for owner, profile_id in distinct:
            wish = Wish(profile_id, text, purpose, network_id, owner=owner, form=form)
            one, token = await _begin(office, wish, officer, now, reference, (project, len(distinct) + 1))
            made.append(one)
            fresh += [one] if token else []
    except CallerError:
        for introduction_id in fresh:
            await discard(office, introduction_id)
        raise
    return project, made


async def _network(conn: Connection, network_id: str | None) -> str | None:
    return None if network_id is None else (await record_of(conn, network_id))[0]


async def _refuse_twice(conn: Connection, hit: Hit, network_id: str | None) -> None:
    if network_id is not None and await introductions.has_open_case(conn, hit.owner, hit.profile_id, network_id):
        raise CallerError(
            "introduction-there",
            N_("per questa rete e questa scheda c'è già un contatto aperto"),
            hint=N_("aprirlo dall'elenco dei contatti"),
        )


def checked_applicant(given: Applicant) -> dict[str, str]:
    """Return a firm's own words about itself, cleaned. Raises: CallerError(introduction-applicant-bad, saved-email-bad)."""
    names = ("name", "person", "email", "phone", "tax_code", "municipality", "region", "section")
    found = {name: checked_short(name, getattr(given, name)) for name in names}
    for name in ("name", "person", "email"):
        if not found[name]:
            raise CallerError("introduction-applicant-bad", N_("questo campo è necessario"), where=name)
    found["email"] = saved.check_email(found["email"])
    # As the wire writes them: what it does not take would arrive without its text.
    if found["region"] and found["region"] not in {area.code for area in load_territories().regions}:
        raise CallerError("introduction-applicant-bad", N_("regione sconosciuta"), where="region")
    if found["section"] and found["section"] not in load_sectors().children(ANY):
        raise CallerError("introduction-applicant-bad", N_("sezione ATECO sconosciuta"), where="section")
    if found["tax_code"] and not CODE_FORM.fullmatch(found["tax_code"].replace(" ", "").upper()):
        raise CallerError(
            "introduction-applicant-bad", N_("un codice fiscale ha 11 cifre o 16 caratteri"), where="tax_code"
        )
    return found
