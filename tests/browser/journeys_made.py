"""The ten main journeys, each written once, to be gone in every way (docs/pages.md names who goes them and why).

In: a walker (tests/browser/ways_made.py), what was prepared for this way. Out: steps in the words of the pages. A journey begins with an
address and goes on by what stands on the pages alone. Rule: after each step something is awaited that the page before did not show.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pyotp
from networks_made import member, record
from playwright.async_api import expect

from node.domain import template
from node.domain.roles import Role
from node.store.spreadsheet import write_sheets
from tests.accounts_made import PASSWORD
from tests.browser.ways_made import Walker
from tests.pages_made import ours
from tests.profiles_made import NOW


@dataclass(frozen=True, slots=True)
class Part:
    """What one way of going the journeys finds prepared: nobody else touches it."""

    folder: Path
    person: str
    phone: pyotp.TOTP
    network: str
    waiting: str
    number: int


async def find_and_read(at: Walker, part: Part) -> None:
    """A firm searches, narrows down, goes on a page, reads a profile, takes its proof, sees partners."""
    await at.open("/")
    await at.arrive("Trovare partner per le reti d'impresa")
    await at.write("Che cosa si cerca", "olio")
    await at.go_on("Cerca")
    await at.count("{count} profili trovati.", 30)
    await at.follow("Risultati successivi")
    await at.follow("Torna ai primi risultati")
    await expect(at.link(at.say("Risultati successivi"))).to_be_visible()
    await at.follow("Innovazione e ricerca")
    await at.count("{count} profili trovati.", 15)
    assert await at.field(at.say("Che cosa si cerca")).input_value() == "olio"
    await at.arrive("Cerca reti")
    await at.follow("Olio e macchine")
    await at.arrive("Olio e macchine")
    assert (await at.take("Scaricare la prova")).startswith(b"c2sp.org/tlog-proof@v1\n")
    await at.follow("Chi potrebbe lavorare con questa rete")
    await expect(at.link("Torino 101")).to_be_visible()
    await at.look("partner")


async def see_the_country(at: Walker, part: Part) -> None:
    """A visitor looks at the picture of the territories, reads its table, and goes from a region to its profiles."""
    await at.open("/")
    await at.follow("Osservatorio", menu=True)
    await at.arrive("Osservatorio tecnico nazionale")
    await at.unfold("La tabella dei numeri")
    await at.look("tabella")
    await expect(at.page.get_by_role("row", name="Piemonte 5 5")).to_be_visible()
    await at.follow("Piemonte: 5")
    await at.count("{count} profili trovati.", 5)
    await at.follow("togliere questo filtro")
    await at.count("{count} profili trovati.", 49)
    await at.follow("territori")
    await expect(at.page.get_by_role("row", name="Piemonte 5 5")).to_be_visible()
    await at.arrive("Cerca reti")
    await at.follow("Piemonte: 5")
    await at.count("{count} profili trovati.", 5)


async def follow_a_search(at: Walker, part: Part) -> None:
    """A visitor keeps a search, and reads its news as a feed."""
    await at.open("/cerca")
    await at.write("Che cosa si cerca", "macchine")
    await at.go_on("Cerca")
    await at.count("{count} profili trovati.", 30)
    await at.arrive("Cerca reti")
    await at.follow("Seguire questa ricerca")
    await at.arrive("Seguire una ricerca")
    await at.write("Titolo", "Macchine per frantoi")
    await at.go_on("Salvare la ricerca")
    await at.arrive("Ricerca salvata")
    await at.see("Annotare questo codice: si vede solo ora")
    feed = await at.link(at.say("Il feed della ricerca")).get_attribute("href")
    assert feed is not None
    answer = await at.page.request.get(feed)
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, "application/atom+xml")
    await at.follow("Torna ai risultati")
    await at.count("{count} profili trovati.", 30)


async def come_and_go(at: Walker, part: Part) -> None:
    """Somebody signs in with a password and a second factor, changes the language, signs out; nothing stays behind."""
    await at.open("/")
    await at.follow("Accedi", menu=True)
    await at.arrive("Accedi")
    await at.write("Nome utente", part.person)
    await at.write("Password", PASSWORD)
    await at.go_on("Accedi")
    await at.arrive("Secondo fattore")
    await at.write("Codice", "000000")
    await at.go_on("Continua")
    await expect(at.page.get_by_role("alert")).to_be_visible()
    await at.look("codice sbagliato")
    await at.write("Codice", part.phone.at(NOW))
    await at.go_on("Continua")
    await at.arrive("Che cosa aspetta")
    await at.follow(part.person, menu=True)
    await at.arrive("Il mio account")
    await at.change_language()
    await at.arrive("Il mio account")
    await at.press("Esci", menu=True)
    await at.see("Lei è uscito: questa sessione è finita.")
    await at.page.go_back()
    await expect(at.page.get_by_role("heading", name=at.say("Il mio account"))).to_have_count(0)


async def register_a_network(at: Walker, part: Part) -> None:
    """An officer writes a network into the register in steps, and mends what was wrong on the way."""
    name = f"Rete scritta {at.way.name}"
    await at.open("/ufficio")
    await at.arrive("Che cosa aspetta")
    await at.follow("Aggiungere una rete")
    await at.arrive("Aggiungere una rete")
    await at.write("nome della rete", name)
    await at.write("oggetto", "Olio e frantoi")
    await at.write("data atto", "31/02/2026")
    await at.go_on("Continua")
    await expect(at.page.locator("#errori")).to_be_visible()
    await at.look("data sbagliata")
    await at.mend("data atto")
    await expect(at.field(at.say("data atto"))).to_be_focused()
    await at.write("data atto", "15/03/2026")
    await at.go_on("Continua")
    for number, firm, province in ((1, "Prima del modulo", "LE"), (2, "Seconda del modulo", "BA")):
        group = at.say("Impresa {number}", number=number)
        await at.write("nome dell'impresa", firm, group=group)
        await at.write("provincia", province, group=group)
    await at.look("le imprese")
    await at.go_on("Continua")
    await at.read("Prima del modulo")
    await at.look("il controllo")
    await at.press("Salva nel registro")
    await at.see("La rete è nel registro.")
    await at.arrive(name)


async def import_a_sheet(at: Walker, part: Part) -> None:
    """An officer tries a spreadsheet, reads which rows are wrong, mends the file, tries again, confirms."""
    new = record(
        name=f"Rete da foglio {at.way.name}",
        deed_number=f"7{part.number}",
        members=(member(80 + part.number), member(90 + part.number)),
    )
    wrong, mended = part.folder / f"errata-{at.way.name}.csv", part.folder / f"corretta-{at.way.name}.xlsx"
    write_sheets(mended, template.sheets_of([new]))
    write_sheets(wrong, template.sheets_of([record(name="Rete storta", deed_register_number="")]))
    await at.open("/ufficio")
    await at.follow("Importare un foglio elettronico")
    await at.arrive("Importare un foglio elettronico")
    await at.give("File", wrong)
    await at.press("Prova senza scrivere")
    await at.arrive("Prova: nulla è ancora scritto")
    await at.see("Righe rifiutate")
    await at.see("Niente da scrivere.")
    await at.follow("Un altro file")
    await at.give("File", mended)
    await at.press("Prova senza scrivere")
    await at.read(new.name)
    await at.press("Scrivi nel registro")
    await at.arrive("Importato")
    await at.follow("Registro delle reti")
    await at.arrive("Registro delle reti")
    await at.write("Parole del nome o codice fiscale", new.name)
    await at.go_on("Cerca")
    await expect(at.page.get_by_role("rowheader")).to_have_text([new.name])
    # What is private stands in no address.
    assert urlsplit(at.page.url)[2:4] == ("/ufficio/reti", "")


async def write_a_profile(at: Walker, part: Part) -> None:
    """An officer finds a network, writes its profile with the preview beside it, keeps the draft, submits it."""
    title = f"Farine macinate a pietra {part.number}"
    await at.open("/ufficio/reti")
    await at.write("Parole del nome o codice fiscale", part.network)
    await at.go_on("Cerca")
    await expect(at.page.get_by_role("rowheader")).to_have_text([part.network])
    await at.follow(part.network)
    await at.arrive(part.network)
    await at.follow("Scrivere la scheda")
    await at.arrive("Nuova scheda")
    await at.write("Titolo in italiano", title)
    await at.write("Sintesi in italiano", "Si macina e si cuoce.")
    if not at.way.scripts:
        await at.press("Vedi l'anteprima")
    await expect(at.page.locator("#anteprima")).to_contain_text(title)
    await at.look("anteprima")
    await at.press("Salva la bozza")
    await at.see("La bozza è salvata.")
    await at.arrive("Scheda {id}", id="")
    await at.press("Presenta per l'approvazione")
    await at.see("La scheda è presentata: la approva un altro funzionario.")


async def approve_a_profile(at: Walker, part: Part) -> None:
    """A second officer finds what waits, reads exactly what would leave, and lets it go with the next round."""
    await at.open("/ufficio")
    await at.follow("Approvazioni", menu=True)
    await at.arrive("Approvazioni")
    await at.follow(part.waiting)
    await at.arrive("Approvare la scheda {id}", id="")
    await at.see("Che cosa leggeranno gli altri")
    await at.write("Perché i punti dubbi non fanno riconoscere nessuno", "parole generiche")
    await at.press("Approva per il prossimo turno")
    await at.see("La scheda è approvata e nel turno.")
    await at.arrive("Scheda {id}", id="")


async def find_partners(at: Walker, part: Part) -> None:
    """An officer finds partners for a network, and keeps a search for the office."""
    await at.open("/ufficio")
    await at.follow("Corrispondenze", menu=True)
    await at.arrive("Corrispondenze")
    await at.write("Per quale rete o scheda", str(ours(3)["id"]))
    await at.go_on("Cerca")
    await at.read("Torino 101")
    await at.look("partner")
    await at.follow("Cerca reti", menu=True)
    await at.write("Che cosa si cerca", "macchine")
    await at.go_on("Cerca")
    await at.count("{count} profili trovati.", 30)
    await at.follow("Seguire questa ricerca")
    await at.follow("Salvarla invece per l'ufficio, con avvisi per posta o webhook")
    await at.arrive("Ricerche salvate")
    await at.write("Titolo", f"Macchine {at.way.name}")
    await at.go_on("Salvare la ricerca")
    await at.see("La ricerca è salvata.")
    await expect(at.link(f"Macchine {at.way.name}")).to_be_visible()
    await at.look("salvata")


async def keep_it_running(at: Walker, part: Part) -> None:
    """An administrator sees the lights, a peer with its error and remedy, lets somebody in and shuts them out."""
    name = f"nuova.{at.way.name}"
    await at.open("/utente")
    await at.follow("Amministrazione", menu=True)
    await at.arrive("Va tutto bene?")
    await at.see("Che fare")
    await at.follow("Altri nodi")
    await at.arrive("Altri nodi")
    await at.see("Che fare")
    await at.follow("Guarda {name}", name="bic-lazio")
    await at.arrive("bic-lazio")
    await at.see("Che fare")
    await at.see("Ultimo errore")
    await at.follow("Utenti")
    await at.follow("Aggiungi un utente")
    await at.arrive("Aggiungi un utente")
    await at.write("Nome utente", name)
    await at.tick("analista")
    await at.press("Aggiungi e mostra il codice")
    await at.see("Il codice è mostrato solo ora. Darlo all'utente di persona o per una via sicura.")
    await at.look("codice")
    await at.follow("L'ho consegnato")
    await at.arrive("Utenti")
    await at.follow(name)
    await at.arrive(name)
    await at.follow("Disabilita l'utente")
    await at.arrive("Disabilitare l'utente")
    await at.press("Disabilita")
    await at.see("L'utente è disabilitato: non entra più e le sue sessioni sono finite.")


@dataclass(frozen=True, slots=True)
class Journey:
    """A journey: its number and name in docs/pages.md, who goes it (None: anybody), its steps."""

    name: str
    role: Role | None
    steps: Callable[[Walker, Part], Awaitable[None]]


JOURNEYS = (
    Journey("1-find", None, find_and_read),
    Journey("2-country", None, see_the_country),
    Journey("3-follow", None, follow_a_search),
    Journey("4-sign-in", None, come_and_go),
    Journey("5-register", Role.OFFICER, register_a_network),
    Journey("6-import", Role.OFFICER, import_a_sheet),
    Journey("7-write", Role.OFFICER, write_a_profile),
    Journey("8-approve", Role.APPROVER, approve_a_profile),
    Journey("9-partners", Role.OFFICER, find_partners),
    Journey("10-run", Role.ADMINISTRATOR, keep_it_running),
)
