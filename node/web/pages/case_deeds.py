"""The forms of a case's page: one for each thing that this office may do now, with what was typed where one was refused.

In: what may be done (domain/introduction.may), a refusal, the fields that were sent. Out: forms as values for office/case.html, and a
Deed of the fields. Rules: nothing is offered that the case does not allow; a doubtful word is confirmed only where it was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from node.domain import introduction, introduction_texts
from node.domain.introduction import DECLINE_REASONS, FOLLOW_UP_DAYS, OUTCOMES, TEXT_MAX_CHARS, WITHDRAW_REASONS, Kind
from node.domain.introduction_texts import DEED_TITLES
from node.errors import N_, CallerError, NotFoundError, Translate
from node.flows.introductions import own_side
from node.flows.introductions.casefile import Opened
from node.flows.introductions.deeds import Deed
from node.store.introductions import Row
from node.web.pages.desk import text_in

TEXT, CHOICE, SURE, PERSON = "testo", "scelta", "sicuro", "persona"
# To which text a tick belongs, and what was shown of a draft or an identity: whoever decides has read what leaves.
SURE_OF, SEEN, NEW_TEXT = "sicuro_di", "visto", "nuovo_testo"
# The fields of a consent: the name in the form, in the deed, and the field's title.
CONTACT: Final[Mapping[str, str]] = {
    "contatto_persona": "person",
    "contatto_ruolo": "role",
    "contatto_posta": "email",
    "contatto_telefono": "phone",
}
# At which field a refusal is shown, by where the flow found it.
_AT: Final[Mapping[str, str]] = {
    "text": TEXT, "detail": CHOICE, "person": PERSON, **{f"contact.{name}": field for field, name in CONTACT.items()},
}  # fmt: skip
_AT_CODE: Final[Mapping[str, str]] = {"saved-email-bad": "contatto_posta", "text-doubtful": SURE}
TEXTS: Final[Mapping[Kind, tuple[str, bool]]] = {
    Kind.QUESTION: (N_("Domanda, senza nomi"), True),
    Kind.ANSWER: (N_("Risposta, senza nomi"), True),
    Kind.ACCEPT: (N_("Qualche parola per l'altro ufficio, se serve, senza nomi"), False),
    Kind.DECLINE: (N_("Qualche parola per l'altro ufficio, se serve, senza nomi"), False),
    Kind.WITHDRAW: (N_("Qualche parola per l'altro ufficio, se serve, senza nomi"), False),
    Kind.FOLLOW_UP: (N_("Come procede, in poche parole"), False),
    Kind.OUTCOME: (N_("Com'è andata, in poche parole"), False),
}
_ENDING: Final = frozenset({Kind.DECLINE, Kind.WITHDRAW, Kind.REVOKE})
HINTS: Final[Mapping[Kind, str]] = {
    Kind.REQUEST: N_(
        "Parte per l'altro ufficio in un messaggio riservato: il testo, lo scopo, e regione e settore se li hanno abbastanza reti. Nessun nome."
    ),
    Kind.CHECK: N_("L'altro ufficio vede che qualcuno se ne occupa."),
    Kind.FORWARD: N_("Da segnare dopo averne parlato con la rete, senza dire chi chiede: non si sa ancora."),
    Kind.ACCEPT: N_("Poi le due parti danno il consenso: fino ad allora nessun nome esce."),
    Kind.DECLINE: N_("Il contatto si chiude: l'altro ufficio ne vede il motivo."),
    Kind.WITHDRAW: N_("Il contatto si chiude: l'altro ufficio ne vede il motivo."),
    Kind.FOLLOW_UP: N_("Si registra a 30, 90 e 180 giorni dalla presentazione."),
    Kind.OUTCOME: N_("Il contatto si chiude con il suo esito."),
}
REVOKE_BEFORE: Final = N_("Nessun nome è ancora uscito: con la revoca il contatto si chiude, e non uscirà.")
REVOKE_AFTER: Final = N_(
    "I nomi sono già usciti: con la revoca l'altro ufficio li cancella e ne manda ricevuta. Chi li ha già letti li conosce."
)


def kind_of(text: str) -> Kind:
    """Return the deed that an address names. Raises: NotFoundError for what no person does."""
    if text not in introduction.HUMAN:
        raise NotFoundError("not-found", N_("indirizzo inesistente"))
    return Kind(text)


def deed_of(kind: Kind, sent: Mapping[str, Any], row: Row) -> Deed:
    """Return what a form asks for; a tick counts for the text under which it stood."""
    text = _judged(kind, sent, row)
    return Deed(
        kind,
        text_in(sent, TEXT),
        text_in(sent, CHOICE),
        text_in(sent, PERSON),
        {name: text_in(sent, field) for field, name in CONTACT.items()},
        sure=text_in(sent, SURE) == "yes" and text_in(sent, SURE_OF) == own_side.digest_of(text),
        seen=text_in(sent, SEEN) if kind in (Kind.REQUEST, Kind.CONSENT) else None,
    )


def _judged(kind: Kind, sent: Mapping[str, Any], row: Row) -> str:
    """Return the text that the gate reads before a deed."""
    return str(row.request.get("text", "")) if kind is Kind.REQUEST else introduction_texts.clean(text_in(sent, TEXT))


def field_of(error: CallerError, kind: Kind) -> str:
    """Return the id of the field at which a refusal is shown, empty for the whole form."""
    name = _AT_CODE.get(error.code) or _AT.get(error.where, "")
    if kind is Kind.REQUEST and name == TEXT:
        # A draft is put right where it is written anew.
        return NEW_TEXT
    return f"{kind}-{name}" if name else ""


def forms(
    opened: Opened, tr: Translate, sent: Mapping[str, Any], refused: Kind | None, error: CallerError | None, seen: str
) -> list[dict[str, Any]]:
    """Return the forms of what may be done, those that end the case last; ``seen``: of what is shown (casefile.seen_of)."""
    made = [
        {
            **_form(kind, opened, tr, sent if kind is refused else {}, error if kind is refused else None),
            "seen": seen if kind in (Kind.REQUEST, Kind.CONSENT) else "",
        }
        for kind in opened.may
    ]
    return sorted(made, key=lambda form: form["is_ending"])


def _form(
    kind: Kind, opened: Opened, tr: Translate, sent: Mapping[str, Any], error: CallerError | None
) -> dict[str, Any]:
    label, needed = TEXTS.get(kind, ("", False))
    hint = HINTS.get(kind, "")
    if kind is Kind.REVOKE:
        hint = REVOKE_AFTER if opened.row.party in opened.case.disclosed else REVOKE_BEFORE
    return {
        "kind": str(kind),
        "title": tr(DEED_TITLES[kind]),
        "hint": tr(hint) if hint else "",
        "label": tr(label) if label else "",
        "is_needed": needed,
        "is_ending": kind in _ENDING,
        "is_consent": kind is Kind.CONSENT,
        "is_outcome": kind is Kind.OUTCOME,
        "choices": [(word, tr(title)) for word, title in _choices(kind, opened, tr)],
        "chosen": text_in(sent, CHOICE),
        "text": text_in(sent, TEXT),
        "longest": TEXT_MAX_CHARS,
        "sure_of": own_side.digest_of(_judged(kind, sent, opened.row)),
        "is_doubtful": error is not None and error.code == "text-doubtful",
        "wrong": field_of(error, kind) if error is not None else "",
    }


def _choices(kind: Kind, opened: Opened, tr: Translate) -> list[tuple[str, str]]:
    if kind is Kind.FOLLOW_UP:
        told = {days for party, days in opened.case.follow_ups if party is opened.row.party}
        days = [day for day in FOLLOW_UP_DAYS if day not in told] or list(FOLLOW_UP_DAYS)
        return [(str(day), tr(N_("dopo {days} giorni")).format(days=day)) for day in days]
    words: Mapping[Kind, Mapping[str, str]] = {
        Kind.DECLINE: DECLINE_REASONS,
        Kind.WITHDRAW: {w: t for w, t in WITHDRAW_REASONS.items() if w != introduction.PROFILE_WITHDRAWN},
        Kind.OUTCOME: OUTCOMES,
    }
    return list(words.get(kind, {}).items())


def unsent(opened: Opened, sent: Mapping[str, Any], refused: Kind | None) -> str:
    """Return what was typed into a form that is not on the page any more: whoever wrote it can still copy it."""
    return text_in(sent, TEXT).strip() if refused is not None and refused not in opened.may else ""
