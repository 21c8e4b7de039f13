"""The words of introductions: what states, steps and buttons are called, and the text to which networks and firms consent.

In: a state, a kind, a version; a text that somebody wrote. Out: titles (catalogue ids), the text of that version, the text as it may
travel. A consent text that changes gets a new version and the old one stays: consents keep the version to which they were given, and a
record that is printed years later shows that text. Source: docs/introductions.md; GDPR art. 6, 7.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from node.domain.introduction import CONSENT_REVOKED, DECLINE_REASONS, OUTCOMES, WITHDRAW_REASONS, Kind, Party, State
from node.errors import N_, UNSEEN

PARTY_TITLES: Final[Mapping[Party, str]] = {
    Party.SEEKER: N_("ufficio che chiede"),
    Party.OWNER: N_("ufficio della scheda"),
}
STATE_TITLES: Final[Mapping[State, str]] = {
    State.DRAFT: N_("bozza"),
    State.ENDORSED: N_("pronto a partire"),
    State.SENT: N_("inviato"),
    State.RECEIVED: N_("ricevuto"),
    State.UNDER_CHECK: N_("in esame"),
    State.INFO_REQUESTED: N_("chiesti chiarimenti"),
    State.ANSWERED: N_("chiarimenti dati"),
    State.FORWARDED: N_("proposto alla rete"),
    State.ACCEPTED: N_("accettato: si raccolgono i consensi"),
    State.CONSENTED: N_("consensi dati: si scambiano i nomi"),
    State.INTRODUCED: N_("parti presentate"),
    State.FOLLOWED_UP: N_("presentazione seguita"),
    State.CONCLUDED: N_("concluso"),
    State.DECLINED: N_("rifiutato"),
    State.EXPIRED: N_("scaduto"),
    State.WITHDRAWN: N_("ritirato"),
}
# What an event says, as a line of a timeline has it; then what a button says.
KIND_TITLES: Final[Mapping[str, str]] = {
    Kind.REQUEST: N_("richiesta di contatto"),
    Kind.RECEIPT: N_("ricevuta del nodo"),
    Kind.CHECK: N_("presa in esame"),
    Kind.QUESTION: N_("domanda"),
    Kind.ANSWER: N_("risposta"),
    Kind.FORWARD: N_("proposta alla rete, senza nomi"),
    Kind.ACCEPT: N_("la rete accetta"),
    Kind.DECLINE: N_("rifiuto"),
    Kind.CONSENT: N_("consenso registrato"),
    Kind.IDENTITY: N_("nomi e recapiti comunicati"),
    Kind.REVOKE: N_("consenso revocato"),
    Kind.ERASED: N_("nomi e recapiti ricevuti cancellati"),
    Kind.FOLLOW_UP: N_("verifica dopo la presentazione"),
    Kind.OUTCOME: N_("esito"),
    Kind.WITHDRAW: N_("ritiro"),
    Kind.EXPIRE: N_("chiuso perché il tempo è passato"),
}
# Why a case ended, and how it went.
REASON_TITLES: Final[Mapping[str, str]] = {
    **DECLINE_REASONS,
    **WITHDRAW_REASONS,
    **OUTCOMES,
    CONSENT_REVOKED: N_("consenso revocato da una delle parti"),
}
DEED_TITLES: Final[Mapping[Kind, str]] = {
    Kind.REQUEST: N_("Convalidare e inviare"),
    Kind.CHECK: N_("Prendere in esame"),
    Kind.QUESTION: N_("Chiedere chiarimenti"),
    Kind.ANSWER: N_("Rispondere"),
    Kind.FORWARD: N_("Segnare che è stato proposto alla rete"),
    Kind.ACCEPT: N_("La rete accetta"),
    Kind.DECLINE: N_("Rifiutare"),
    Kind.CONSENT: N_("Registrare il consenso"),
    Kind.FOLLOW_UP: N_("Registrare come procede"),
    Kind.OUTCOME: N_("Registrare l'esito"),
    Kind.WITHDRAW: N_("Ritirare la richiesta"),
    Kind.REVOKE: N_("Revocare il consenso"),
}
_TEXT_2026_1: Final = N_(
    "Acconsento a che questo ufficio comunichi all'ufficio dell'altra parte, e questo alla rete o all'impresa con cui mi mette in contatto, "
    "tre cose: il nome della mia rete o impresa; i nomi delle imprese che ne fanno parte, ciascuno con il suo comune; nome, ruolo, "
    "posta elettronica e telefono della persona da contattare. Escono una volta, in un messaggio sigillato che soltanto l'altro ufficio può "
    "aprire, e soltanto quando anche l'altra parte ha acconsentito; servono a parlarsi e a nient'altro. Posso revocare questo consenso in "
    "ogni momento, rivolgendomi a questo ufficio: se i nomi non sono ancora usciti, non escono e il contatto si chiude; se sono usciti, "
    "l'altro ufficio li cancella e ne dà ricevuta, ma chi li ha già letti li conosce. Questo ufficio conserva chi ha dato il consenso, "
    "quando, a quale testo, e che cosa è stato comunicato."
)
# The version that is asked for now, and the text of each that ever was.
CONSENT_VERSION: Final = "2026-1"
CONSENT_TEXTS: Final[Mapping[str, str]] = {CONSENT_VERSION: _TEXT_2026_1}
_LINES: Final = re.compile(r"\n{3,}")


def clean(text: str) -> str:
    """Return a text as it may travel: one form of every sign, no controls but line ends, no blanks around."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    seen = "".join(" " if sign == "\t" else sign for sign in lines if sign in "\n\t" or not UNSEEN.match(sign))
    # After what is not seen went: without it, signs may compose.
    seen = unicodedata.normalize("NFC", seen)
    return _LINES.sub("\n\n", "\n".join(line.rstrip() for line in seen.split("\n"))).strip()
