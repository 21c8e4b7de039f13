"""What ``rete intro`` prints for people: lists, a case as a timeline, counts, the post.

In: the documents of node/web/introduction_documents.py, so that a person reads what --json says. Out: lines and tables.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from node.cli.frame import Face
from node.domain.introduction import Kind, Party, State, Urgency
from node.domain.introduction_texts import (
    CONSENT_TEXTS,
    CONSENT_VERSION,
    DEED_TITLES,
    KIND_TITLES,
    PARTY_TITLES,
    REASON_TITLES,
    STATE_TITLES,
)
from node.domain.vocabulary import PURPOSES, title
from node.errors import N_
from node.i18n import moment
from node.store.reference import load_label_reference

ID_SHOWN = 8
Document = Mapping[str, Any]
# Of a firm that asks, what an officer needs to answer it.
FIRM = ("name", "person", "email", "phone", "tax_code", "municipality")
KINDS = {"network": N_("rete di imprese"), "firm": N_("impresa")}
URGENCIES = {
    Urgency.CALM: "",
    Urgency.SOON: N_("tra poco"),
    Urgency.LAST_DAY: N_("ultimo giorno"),
    Urgency.OVER: N_("tempo scaduto"),
}


def show_list(face: Face, documents: Sequence[Document]) -> None:
    """Print cases as a table."""
    if not documents:
        face.say(N_("Nessun contatto."))
        return
    columns = (
        N_("contatto"),
        N_("ufficio"),
        N_("chi siamo"),
        N_("la nostra rete"),
        N_("a che punto"),
        N_("tocca a"),
        N_("entro il"),
    )
    face.table("", columns, [_row(face, document) for document in documents])


def _row(face: Face, document: Document) -> tuple[object, ...]:
    mine = (
        document["turn"] in (document["party"], "both") or document["state"] == State.DRAFT or document["follow_up_due"]
    )
    turn = N_("noi") if mine else N_("loro") if document["turn"] else ""
    return (
        document["introduction_id"][:ID_SHOWN],
        document["peer"],
        face.tr(PARTY_TITLES[Party(document["party"])]),
        document["network"] or document["applicant"] or "",
        face.tr(STATE_TITLES[State(document["state"])]),
        face.tr(turn) if turn else "",
        (document["own_due"] if mine else document["other_due"]) or "",
    )


def show_case(face: Face, document: Document) -> None:
    """Print a case: how it stands, its timeline, consent and names, and what may be done now."""
    party = Party(document["party"])
    face.say(
        N_("{id}: {state} · con {peer} · siamo: {party}"),
        id=document["introduction_id"],
        state=face.tr(STATE_TITLES[State(document["state"])]),
        peer=document["peer"],
        party=face.tr(PARTY_TITLES[party]),
    )
    face.say(
        N_("Scheda {profile}; rete {network}."), profile=document["profile_id"], network=document["network_id"] or "-"
    )
    _show_asking(face, document)
    request = document["request"]
    if request.get("text"):
        face.say("{purpose}: {text}", purpose=title(PURPOSES, request["purpose"], face.language), text=request["text"])
    for day, who in ((document["own_due"], N_("noi")), (document["other_due"], N_("loro"))):
        if day:
            near = URGENCIES[Urgency(document["urgency"])] if day == document["own_due"] else ""
            face.say(
                N_("Entro il {day} tocca a: {who}."),
                day=f"{day} {face.tr(near) if near else ''}".strip(),
                who=face.tr(who),
            )
    if document["follow_up_due"]:
        face.say(N_("Da registrare: come procede dopo {days} giorni."), days=document["follow_up_due"])
    if document["is_lost"]:
        face.say(N_("L'altro ufficio ha visto passi che qui non ci sono più: questa base dati è una copia vecchia."))
    columns = (N_("quando"), N_("chi"), N_("che cosa"), N_("dettaglio"))
    face.table(N_("Che cosa è stato detto"), columns, [_line(face, event, party) for event in document["events"]])
    _show_names(face, document)
    deeds = [f"{command_of(Kind(kind))} ({face.tr(DEED_TITLES[Kind(kind)])})" for kind in document["may"]]
    face.say(N_("Ora si può: {deeds}."), deeds="; ".join(deeds) or face.tr(N_("nulla")))


def _show_asking(face: Face, document: Document) -> None:
    """Print who asks: a firm of ours as it said of itself, another office's as far as it is told before names are."""
    applicant, seeker = document["applicant"], document["request"].get("seeker")
    if applicant is not None:
        face.say(N_("Chiede l'impresa: {who}."), who=", ".join(str(applicant[n]) for n in FIRM if applicant.get(n)))
    elif seeker and document["party"] == Party.OWNER:
        reference = load_label_reference()
        kind = KINDS.get(str(seeker.get("kind", "")), "")
        labels = [(name, str(seeker[name])) for name in ("territory", "sector") if seeker.get(name)]
        who = [face.tr(kind)] if kind else []
        face.say(
            N_("Chi chiede: {who}."), who=", ".join([*who, *(face.tr(reference.title(*label)) for label in labels)])
        )


def show_consent(face: Face, identity: Document) -> None:
    """Print to what a consent is given, and exactly what it lets out."""
    face.say(N_("Il testo a cui si acconsente (versione {version}):"), version=CONSENT_VERSION)
    face.say("  {text}", text=face.tr(CONSENT_TEXTS[CONSENT_VERSION]))
    face.say(N_("Che cosa saprà l'altro ufficio:"))
    _show_identity(face, identity)


def command_of(kind: Kind) -> str:
    """Return what the command of a deed is called."""
    return "endorse" if kind is Kind.REQUEST else str(kind)


def _moment(face: Face, told: str | None) -> str:
    """Return a moment of a document as a clock in Italy shows it, as pages do."""
    return moment(dt.datetime.fromisoformat(told), face.language) if told else ""


def _line(face: Face, event: Document, me: Party) -> tuple[object, ...]:
    ours = event["by"] == me
    said = face.tr(KIND_TITLES.get(event["kind"], event["kind"]))
    if event["overtaken"]:
        said = face.tr(N_("{what} (superato: non ha cambiato nulla)")).replace("{what}", said)
    return (
        _moment(face, event["at"]),
        (event["officer"] or face.tr(N_("noi"))) if ours else face.tr(N_("loro")),
        said,
        "; ".join(part for part in (_detail(face, event["detail"]), event["text"]) if part),
    )


def _detail(face: Face, detail: str) -> str:
    return face.tr(REASON_TITLES.get(detail, detail)) if detail else ""


def _show_names(face: Face, document: Document) -> None:
    consent, told = document["consent"], document["told"]
    if consent is not None:
        face.say(
            N_("Consenso della nostra parte: {person}, testo {version}, {day}."),
            person=consent["person"],
            version=consent["version"],
            day=_moment(face, consent["given_at"]),
        )
        if consent["revoked_at"]:
            face.say(N_("Revocato il {day}."), day=_moment(face, consent["revoked_at"]))
    if told is None:
        return
    if told["identity"] is None:
        face.say(N_("I nomi ricevuti sono stati cancellati."))
        return
    _show_identity(face, told["identity"])


def _show_identity(face: Face, identity: Document) -> None:
    contact = identity.get("contact", {})
    ways = ", ".join(contact[name] for name in ("person", "role", "email", "phone") if contact.get(name))
    face.say(
        N_("Rete o impresa: {name}. Persona da contattare: {contact}."), name=identity.get("name", ""), contact=ways
    )
    for member in identity.get("members", ()):
        face.say("  {name} ({place})", name=member.get("name", ""), place=member.get("municipality", ""))


def show_counts(face: Face, rows: Sequence[Document]) -> None:
    """Print how many cases stand where."""
    columns = (N_("chi siamo"), N_("a che punto"), N_("esito"), N_("contatti"), N_("aspettano noi"))
    table = [
        (
            face.tr(PARTY_TITLES[Party(row["party"])]),
            face.tr(STATE_TITLES[State(row["state"])]),
            _detail(face, row["outcome"]),
            row["cases"],
            row["waiting"],
        )
        for row in rows
    ]
    face.table("", columns, table)
    face.say(N_("Numeri interni all'ufficio: i piccoli non sono protetti, non vanno pubblicati."))


def show_boxes(face: Face, boxes: Sequence[Document]) -> None:
    """Print how the post with each member stands."""
    columns = (N_("nodo"), N_("mandati"), N_("in attesa"), N_("ricevuti"), N_("rifiutati"), N_("errore"))
    rows = [
        (box["peer"], box["sent"], box["waiting"], box["received"], _codes(box["refusals"]), box["error_code"] or "")
        for box in boxes
    ]
    face.table("", columns, rows)


def _codes(refusals: Mapping[str, int]) -> str:
    return ", ".join(f"{code}: {count}" for code, count in refusals.items())
