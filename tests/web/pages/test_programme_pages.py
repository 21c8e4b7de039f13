"""Sessions and aggregations in a browser: everybody's pages and the office's, from an enrolment to a registered network."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from node.domain.programme.aggregation import CHECKLIST
from node.domain.programme.firm_line import lines_of
from node.flows.programme import sessions as flow
from node.store.info_sessions import ITALY
from tests.desk_made import Staff
from tests.programme_made import firms, typed
from tests.web.pages.test_office_profiles import UNKNOWN, words

SESSIONS, AGGREGATIONS, EXPRESSIONS = "/ufficio/sessioni", "/ufficio/aggregazioni", "/ufficio/manifestazioni"


def today(staff: Staff) -> str:
    """The office's day."""
    return staff.node.clock().astimezone(ITALY).date().isoformat()


def fields(staff: Staff, days: int = 10, **changes: str) -> dict[str, str]:
    """A session's form."""
    day = flow.today_of(staff.node.clock()).toordinal() + days
    made = {
        "titolo": "Fare rete", "testo": "Che cos'è un contratto di rete.", "giorno": dt.date.fromordinal(day).isoformat(), "inizio": "10:00",
        "fine": "12:00", "posti": "2", "luogo": "Sala consiliare", "comune": "Lecce", "titolo_en": "Networking",
    }  # fmt: skip
    return {**made, **changes}


async def opened(staff: Staff, **changes: str) -> str:
    """A session that is open; return its id."""
    reply = await staff["anna"].post(f"{SESSIONS}/nuova", f"{SESSIONS}/nuova", **fields(staff, **changes))
    assert reply.status == 303, await reply.text()
    one = reply.headers["Location"].partition("?")[0]
    assert (await staff["anna"].post(one, f"{one}/apri")).headers["Location"] == f"{one}?fatto=sessione-annunciata"
    return one.rpartition("/")[2]


async def enrol(staff: Staff, session_id: str, number: int = 1, **changes: str) -> Any:
    """Somebody of the public enrols; gina's browser has no right that this needs."""
    page = f"/sessioni/{session_id}/iscrizione"
    form = re.search(r'name="modulo" value="([0-9a-f]{32})"', await staff["gina"].get(page))
    assert form
    given = {
        "nome": f"Persona Numero{number}",
        "posta": f"persona{number}@enti.example",
        "informativa": "yes",
        "modulo": form.group(1),
    }
    return await staff["gina"].post(page, page, **{**given, **changes})


async def test_everybody_sees_open_sessions_enrols_and_gives_back(staff: Staff) -> None:
    """The code once, and nowhere else; with it the enrolment is seen and given back; without it nothing is told."""
    assert "Ora non ci sono sessioni in programma." in await staff["gina"].get("/sessioni")
    session_id = await opened(staff)
    text = await staff["gina"].get("/sessioni")
    assert "Sala consiliare, Lecce (LE)" in text
    assert "Networking" in await staff["gina"].get("/sessioni?lang=en")
    await staff["gina"].get("/sessioni?lang=it")
    reply = await enrol(staff, session_id)
    text = await reply.text()
    assert (reply.status, "posto confermato" in words(text)) == (200, True)
    code = re.search(r"<code>([\w-]{32})</code>", text)
    where = re.search(r'href="(/sessioni/iscrizioni/[0-9a-f-]{36})"', text)
    assert code
    assert where
    page = where.group(1)
    assert "Persona" not in await staff["gina"].get(page)
    for wrong in ("", "x", code.group(1)[:-1]):
        assert (await staff["gina"].post(page, page, codice=wrong)).status == 404
    assert (await staff["gina"].post(page, f"/sessioni/iscrizioni/{UNKNOWN}", codice=code.group(1))).status == 404
    shown = await (await staff["gina"].post(page, page, codice=code.group(1))).text()
    assert "posto confermato" in words(shown)
    assert "persona1@" not in shown
    gone = await (await staff["gina"].post(page, page, codice=code.group(1), azione="annulla")).text()
    assert "iscrizione annullata" in words(gone)


async def test_a_form_that_is_wrong_says_where_and_keeps_what_was_typed(staff: Staff) -> None:
    """The notice is to be read; who waits is told; one form twice is one enrolment."""
    session_id = await opened(staff, posti="1")
    for changes, field in (({"informativa": ""}, "informativa"), ({"posta": "x"}, "posta"), ({"nome": ""}, "nome"), ({"codice_fiscale": "123"}, "codice_fiscale")):  # fmt: skip
        reply = await enrol(staff, session_id, **changes, comune="Galatina")
        text = await reply.text()
        assert (reply.status, f'<a href="#{field}">' in text, "Galatina" in text) == (400, True, True), field
    await enrol(staff, session_id, 1, modulo="a" * 32)
    assert "Questa iscrizione c'era già" in words(await (await enrol(staff, session_id, 1, modulo="a" * 32)).text())
    assert "in lista d'attesa" in words(await (await enrol(staff, session_id, 2)).text())
    await staff["gina"].get(f"/sessioni/{UNKNOWN}/iscrizione", 404)


async def test_enrolments_are_counted_against_their_sender(staff: Staff) -> None:
    """As everything is that a stranger leaves for somebody to look at."""
    session_id = await opened(staff, posti="50")
    found = [(await enrol(staff, session_id, number)).status for number in range(12)]
    assert found[:10] == [200] * 10
    assert 429 in found[10:]


async def test_the_office_runs_a_session(staff: Staff) -> None:
    """Enrols by hand, changes, notes who came, prints, calls off; who may not write is refused."""
    anna, session_id = staff["anna"], await opened(staff, days=0, fine="23:59")
    one = f"{SESSIONS}/{session_id}"
    assert (await anna.post(one, f"{one}/iscrivi", nome="Anna Prova", posta="anna@enti.example")).headers["Location"] == f"{one}?fatto=iscritto"  # fmt: skip
    wrong = await anna.post(one, f"{one}/iscrivi", nome="Anna Prova", posta="x")
    assert (wrong.status, '<a href="#posta">' in await wrong.text()) == (400, True)
    text = await anna.get(one)
    enrolment = re.search(r'name="([0-9a-f-]{36})"', text)
    assert enrolment
    assert (await anna.post(one, f"{one}/presenze", **{enrolment.group(1): "si"})).headers[
        "Location"
    ] == f"{one}?fatto=presenze"
    assert "Anna Prova" in await anna.get(f"{one}/stampa")
    assert 'value="si" selected' in await anna.get(one)
    reply = await anna.post(
        f"{one}/modifica", f"{one}/modifica", **fields(staff, 0, titolo="Altro titolo", fine="23:59")
    )
    assert reply.headers["Location"] == f"{one}?fatto=sessione-cambiata"
    few = await anna.post(f"{one}/modifica", f"{one}/modifica", **fields(staff, 0, posti="0"))
    assert (few.status, '<a href="#posti">' in await few.text()) == (400, True)
    assert "Anna Prova" in await staff["bruno"].get(one)
    assert (await staff["bruno"].post("/cerca/salva?q=olio", f"{one}/annulla")).status == 404
    await staff["gina"].get(one, 404)
    assert (await anna.post(one, f"{one}/annulla")).headers["Location"] == f"{one}?fatto=sessione-annullata"
    assert "Altro titolo" not in await staff["gina"].get("/sessioni")
    assert "annullata" in words(await anna.get(SESSIONS))


async def test_a_group_of_firms_comes_to_the_register(staff: Staff) -> None:
    """From an expression of interest, by the pages alone; the funnel counts it."""
    anna = staff["anna"]
    said = {"testo": "Vendere insieme.", "imprese": lines_of(firms(3)), "persona": "Anna Prova", "giorno": today(staff)}
    wrong = await anna.post(f"{EXPRESSIONS}/nuova", f"{EXPRESSIONS}/nuova", **{**said, "imprese": "A; ; Atlantide"})
    assert (wrong.status, '<a href="#imprese">' in await wrong.text()) == (400, True)
    assert (await anna.post(f"{EXPRESSIONS}/nuova", f"{EXPRESSIONS}/nuova", **said)).headers["Location"] == f"{AGGREGATIONS}?fatto=manifestazione"  # fmt: skip
    found = re.search(r"manifestazione=([0-9a-f-]{36})", await anna.get(AGGREGATIONS))
    assert found
    new = f"{AGGREGATIONS}/nuova?manifestazione={found.group(1)}"
    assert "Impresa Salentina 7000" in await anna.get(new)
    fields_ = {
        "nome": "Concerto",
        "testo": "Vendere insieme.",
        "giorno": today(staff),
        "manifestazione": found.group(1),
    }
    one = (await anna.post(new, f"{AGGREGATIONS}/nuova", **fields_)).headers["Location"].partition("?")[0]
    sheet = (
        {f"punti_{c.ident}": "4" for c in CHECKLIST} | {c.ident: "motivo" for c in CHECKLIST} | {"giorno": today(staff)}
    )
    lacking = await anna.post(f"{one}/valutazione", f"{one}/valutazione", **{**sheet, "sector": " "})
    assert (lacking.status, '<a href="#sector">' in await lacking.text()) == (400, True)
    assert (await anna.post(f"{one}/valutazione", f"{one}/valutazione", **sheet)).headers[
        "Location"
    ] == f"{one}?fatto=valutata"
    assert "80,00 su 100" in words(await anna.get(one))
    early = await anna.post(one, f"{one}/passo", passo="signed", giorno=today(staff))
    assert early.status == 400
    reply = await anna.post(one, f"{one}/passo", passo="accompanied", giorno=today(staff))
    assert reply.headers["Location"] == f"{one}?fatto=passo-fatto"
    text = await anna.get(one)
    assert re.search(r'href="/ufficio/reti/[0-9a-f-]{36}"', text)
    without = await anna.post(one, f"{one}/passo", passo="dropped", giorno=today(staff))
    assert (without.status, '<a href="#motivo">' in await without.text()) == (400, True)
    assert (await anna.post(one, f"{one}/passo", passo="", giorno=today(staff))).status == 400
    funnel = words(await anna.get("/ufficio/percorso"))
    assert "accompagnata 1 1 0 0" in funnel
    assert "Concerto" in await anna.get(f"{AGGREGATIONS}?passo=accompanied")
    assert "Concerto" not in await anna.get(f"{AGGREGATIONS}?passo=dropped")
    await staff["gina"].get(one, 404)


async def test_from_an_aggregation_one_goes_to_its_case_file_its_network_and_its_profile(staff: Staff) -> None:
    """And back; who reads sees the same, without what writes."""
    anna, bruno = staff["anna"], staff["bruno"]
    new = f"{AGGREGATIONS}/nuova"
    given = {"nome": "Concerto", "testo": "Idea.", "imprese": lines_of(firms(3)), "giorno": today(staff)}
    one = (await anna.post(new, new, **given)).headers["Location"].partition("?")[0]
    key = one.rpartition("/")[2]
    form = f"/ufficio/fascicoli/nuovo?aggregazione={key}"
    assert f'href="{form}"' in await anna.get(one)
    page = await anna.get(form)
    assert "Per l'aggregazione «Concerto»." in words(page)
    entry = re.search(r'name="voce" value="([0-9a-f-]{36})"', page)
    assert entry
    told = {"aggregazione": key, "titolo": "Verso il contratto", "linee": "legal", "voce": entry.group(1)}
    case = (await anna.post(form, "/ufficio/fascicoli/nuovo", **told)).headers["Location"].partition("?")[0]
    for browser in (anna, bruno):
        assert f'href="{case}"' in await browser.get(one)
        assert f'href="{one}"' in await browser.get(case)
    assert "Concerto" in words(await anna.get("/ufficio/fascicoli"))
    assert form not in await bruno.get(one)
    await anna.get(f"/ufficio/fascicoli/nuovo?aggregazione={UNKNOWN}", 404)
    refused = await anna.post(form, "/ufficio/fascicoli/nuovo", **{**told, "aggregazione": UNKNOWN})
    assert refused.status == 404
    sheet = (
        {f"punti_{c.ident}": "4" for c in CHECKLIST} | {c.ident: "motivo" for c in CHECKLIST} | {"giorno": today(staff)}
    )
    await anna.post(f"{one}/valutazione", f"{one}/valutazione", **sheet)
    assert "/ufficio/profili/nuovo" not in await anna.get(one)
    await anna.post(one, f"{one}/passo", passo="accompanied", giorno=today(staff))
    text = await anna.get(one)
    network = re.search(r'href="(/ufficio/reti/[0-9a-f-]{36})"', text)
    assert network
    assert f'href="{network.group(1)}/modifica"' in text
    assert f'href="/ufficio/profili/nuovo?rete={network.group(1).rpartition("/")[2]}"' in text
    text = await anna.get(network.group(1))
    assert f'href="{one}"' in text
    assert f'href="{case}"' in text
    assert f'href="{network.group(1)}"' in await anna.get(case)
    session_id = await opened(staff)
    asked = f"{EXPRESSIONS}/nuova?sessione={session_id}"
    assert f'href="{asked}"' in await anna.get(f"{SESSIONS}/{session_id}")
    assert f'value="{session_id}" selected' in await anna.get(asked)


async def test_an_expression_is_declined_and_an_aggregation_typed_by_hand(staff: Staff) -> None:
    """With the reason; changed until it is accompanied."""
    anna = staff["anna"]
    said = {"testo": "Vendere insieme.", "imprese": "Frantoio Uno", "persona": "Anna Prova", "giorno": today(staff)}
    await anna.post(f"{EXPRESSIONS}/nuova", f"{EXPRESSIONS}/nuova", **said)
    place = re.search(rf'action="({EXPRESSIONS}/[0-9a-f-]{{36}}/non-accolta)"', await anna.get(AGGREGATIONS))
    assert place
    assert (await anna.post(AGGREGATIONS, place.group(1), motivo="fuori tema")).status == 303
    assert "Frantoio Uno" not in await anna.get(AGGREGATIONS)
    new = f"{AGGREGATIONS}/nuova"
    given = {"nome": "A mano", "testo": "Idea.", "imprese": "Uno; ; Lecce\nDue; ; Lecce", "giorno": today(staff)}
    one = (await anna.post(new, new, **given)).headers["Location"].partition("?")[0]
    assert "Uno; ; Lecce; LE" in await anna.get(f"{one}/modifica")
    assert (await anna.post(f"{one}/modifica", f"{one}/modifica", **{**given, "nome": "Altro"})).status == 303
    assert "Altro" in await anna.get(one)
    bad = await anna.post(f"{one}/modifica", f"{one}/modifica", **{**given, "nome": ""})
    assert (bad.status, '<a href="#nome">' in await bad.text()) == (400, True)


@pytest.mark.parametrize("path", ["/ufficio/percorso", SESSIONS, AGGREGATIONS])
async def test_who_has_no_part_in_the_programme_sees_none_of_it(staff: Staff, path: str) -> None:
    """The analyst is refused, the approver reads."""
    await staff["gina"].get(path, 403)
    await staff["bruno"].get(path)
    assert "nuova" not in await staff["bruno"].get(path)


def test_the_form_of_a_session_is_the_one_of_the_command() -> None:
    """Both are read by one function."""
    assert flow.session_of(typed()).title == "Fare rete d'impresa"
