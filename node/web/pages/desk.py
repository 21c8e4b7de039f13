"""What the office's pages about profiles share: the node they work on, who decides, how a refusal is said on a page.

In: a request of somebody signed in. Out: values. Rules: who decides is the account, never a field of a form; what a refusal tells
a person at a terminal to type is said here in the words of the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from multidict import MultiDictProxy

from node.domain.officers import key_of
from node.domain.roles import Permission
from node.errors import N_, CallerError, ReteError
from node.flows.upkeep import audit
from node.i18n import translator
from node.runtime import Node
from node.store.reference import load_label_reference
from node.web.middleware import language_of
from node.web.pages.shown import Reader
from node.web.permission import USER, User
from node.web.turns import Turns

DESK = web.AppKey("desk", Node)
# Previews that are made at once in one process, and how many more may wait.
PREVIEWS = web.AppKey("previews", Turns)
AT_ONCE, WAITING = 2, 20
PROFILES: Final = "/ufficio/profili"
APPROVALS: Final = "/ufficio/approvazioni"
MATCHES: Final = "/ufficio/corrispondenze"
SEARCHES: Final = "/ufficio/ricerche"
CASES: Final = "/ufficio/contatti"
# What a redirect after a form says was done.
DONE: Final = "fatto"
SAID: Final[Mapping[str, str]] = {
    "bozza": N_("La bozza è salvata."),
    "presentata": N_("La scheda è presentata: la approva un altro funzionario."),
    "rimandata": N_("La scheda è rimandata a chi l'ha scritta, con il motivo."),
    "turno": N_("La scheda è approvata e nel turno."),
    "uscita": N_("La scheda è pubblicata."),
    "ritirata": N_("La scheda è ritirata; gli altri nodi la cancellano al prossimo prelievo."),
    "annunciato": N_("Il servizio è annunciato: gli altri nodi lo trovano al prossimo prelievo."),
    "annuncio-ritirato": N_("L'annuncio è ritirato; gli altri nodi lo cancellano al prossimo prelievo."),
    "corso": N_("Fatto: l'edizione è aggiornata."),
    "corso-scritto": N_("Il corso è salvato."),
    "corso-annunciato": N_("Il corso è annunciato: ci si può iscrivere da ogni territorio."),
    "edizione": N_("L'edizione è aperta."),
    "salvata": N_("La ricerca è salvata."),
    "tolta": N_("La ricerca è cancellata, con i suoi indirizzi."),
    "contatto": N_("La bozza del contatto è scritta: non è uscito nulla."),
    "progetto": N_("Le bozze del progetto comune sono scritte: convalidarle una per una, dopo averle rilette."),
    "riscritta": N_("La bozza è riscritta."),
    "scartata": N_("La bozza è cancellata: non ne è uscito nulla."),
    "fascicolo": N_("Il fascicolo è aperto."),
    "scritto": N_("È scritto."),
    "calendario-tolto": N_("Nessun programma segue più il calendario."),
    "inviata": N_("La richiesta è convalidata e parte, riservata e senza nomi."),
    "sessione": N_("La sessione è preparata: la vede solo l'ufficio, finché non si aprono le iscrizioni."),
    "sessione-cambiata": N_("La sessione è cambiata."),
    "sessione-annunciata": N_("Le iscrizioni sono aperte e la sessione è annunciata."),
    "sessione-aperta": N_(
        "Le iscrizioni sono aperte. Il protocollo d'intesa non prevede annunci di sessioni: la mostra solo questo sito."
    ),
    "sessione-annullata": N_("La sessione è annullata; chi si è iscritto è avvisato per posta."),
    "iscritto": N_("L'iscrizione è registrata."),
    "presenze": N_("Le presenze sono salvate."),
    "posto-liberato": N_("L'iscrizione è annullata; il posto va al primo che aspetta."),
    "manifestazione": N_("La manifestazione d'interesse è registrata."),
    "non-accolta": N_("La manifestazione d'interesse non è accolta, con il motivo."),
    "aggregazione": N_("L'aggregazione è registrata."),
    "aggregazione-cambiata": N_("L'aggregazione è cambiata."),
    "valutata": N_("La valutazione è salvata."),
    "passo-fatto": N_("Il passo è fatto."),
    "iscritta": N_("L'aggregazione è collegata al suo contratto: è iscritta."),
    "passo": N_("Fatto: l'altro ufficio lo saprà appena il suo nodo lo ritira."),
}
# What to do, where a refusal's own words are for a terminal.
HINTS: Final[Mapping[str, str]] = {
    "text-refused": N_("togliere o rendere generici i punti segnati nell'anteprima"),
    "text-doubtful": N_("scrivere il motivo per cui i punti dubbi non fanno riconoscere nessuno, o cambiare il testo"),
    "same-officer": N_("la scheda passa a un collega"),
    "content-hash-differs": N_("rileggere l'anteprima, che ora è quella nuova"),
    "potential-warning": N_("leggere l'avvertenza e confermarlo con la casella"),
    "profile-not-approved": N_("serve prima l'approvazione di un altro funzionario"),
    "saved-mail-missing": N_("lasciare vuoto l'indirizzo e seguire il feed, o chiedere a un amministratore del nodo"),
    "saved-webhook-bad": N_("serve https://host/percorso, senza utente, senza «?» e senza «#»"),
    "not-in-register": N_("attendere la prossima edizione dell'elenco, o correggere repertorio e numero d'atto"),
    "aggregation-step-bad": N_("scegliere uno dei passi che la pagina propone"),
    "match-unknown": N_("copiare l'identificativo dalla pagina della rete o della scheda"),
}


def install(app: web.Application, node: Node) -> None:
    """Let an application's office pages work on a node."""
    app[DESK] = node
    app[PREVIEWS] = Turns(AT_ONCE, WAITING)


def user_of(request: web.Request) -> User:
    """Return who signed in; routes without anybody never come here (node/web/permission.py)."""
    user = request[USER]
    if user is None:
        raise CallerError("sign-in-needed", N_("serve aver fatto l'accesso"))
    return user


def officer_of(request: web.Request) -> str:
    """Return the name that stands under what is decided: the account's, as the command writes it."""
    return key_of(user_of(request).name)


def may(request: web.Request, permission: Permission) -> bool:
    """Tell whether who looks has a right."""
    return user_of(request).may(permission)


def reader_of(request: web.Request) -> Reader:
    """Return what says things in the language of the page."""
    return Reader(language_of(request), load_label_reference())


async def form_of(request: web.Request) -> MultiDictProxy[Any]:
    """Return the fields that were sent."""
    return await request.post()


def text_in(form: Mapping[str, Any], name: str) -> str:
    """Return one field's text, empty where it is none."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def go(where: str) -> web.Response:
    """Return the redirect that follows something done."""
    return web.Response(status=303, headers={"Location": where, "Cache-Control": "no-store"})


def said_of(request: web.Request) -> str:
    """Return what the redirect that led here says was done, empty where it says nothing."""
    asked = request.query.get(DONE, "")
    return translator(language_of(request))(SAID[asked]) if asked in SAID else ""


def explained(error: ReteError, request: web.Request) -> str:
    """Return a refusal in a sentence or two, with what to do on a page."""
    tr = translator(language_of(request))
    what, _, hint = error.render(tr)
    if error.code in HINTS:
        hint = tr(HINTS[error.code])
    elif "«rete " in hint or "--" in hint:
        hint = ""
    return ". ".join(part[:1].upper() + part[1:] for part in (what, hint) if part) + "."


async def keep_mark(request: web.Request) -> None:
    """Put a decision under the mark of the chain, as every command with a decision does."""
    node = request.app[DESK]
    await audit.keep_mark(node.pool, node.home)
