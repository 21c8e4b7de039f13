"""No page is forgotten: every address of the application that answers with a page was looked at by axe in this run."""

from __future__ import annotations

from aiohttp.test_utils import make_mocked_request
from aiohttp.web import Application

from tests.browser.axe import SEEN
from tests.browser.conftest import Bench

# What answers with something else than a page.
ELSEWHERE = ("/api/", "/federation/", "/static/")
# And one by one, each with its reason.
NO_PAGE = {
    "/status": "JSON for programs",
    "/livez": "JSON for machines",
    "/readyz": "JSON for machines",
    "/favicon.ico": "a picture",
    "/profili/{profile_id}/prova": "a file",
    "/catalogo/{item_id}/prova": "a file",
    "/catalogo.atom": "a feed",
    "/ufficio/importa/modello": "a file",
    "/ufficio/reti/{network_id}/documenti/{document_id}": "a file",
    "/ufficio/importa/resoconto": "a file",
    "/ufficio/bandi/{call_id}/schede/{peer}": "a file",
    "/ufficio/bandi/{call_id}/aiuti": "a file",
    "/ufficio/domande/{application_id}/allegati/{attachment_id}": "a file",
    "/ufficio/valutazioni/{application_id}/allegati/{attachment_id}": "a file",
    "/amministrazione/verifica/catena.jsonl": "a file",
    "/amministrazione/protocollo/versioni/{version}/file": "a file",
    "/amministrazione/protocollo/proposte/{digest}/file": "a file",
    "/amministrazione/protocollo/richieste/{fingerprint}/file": "a file",
    "/amministrazione/protocollo/doppie/{version}/{digest}/file": "a file",
    "/amministrazione/protocollo/modifiche/file": "a file",
    "/osservatorio/dati/{release}/{file}": "a file",
    "/osservatorio/catalogo": "a file",
    "/osservatorio/catalogo.ttl": "a file",
    "/osservatorio/catalogo.jsonld": "a file",
    "/osservatorio/catalogo.rdf": "a file",
    "/osservatorio/rilasci.atom": "a feed",
    "/ufficio/fascicoli/{case_id}/calendario.ics": "a file",
    "/ufficio/fascicoli/{case_id}/bozza.docx": "a file",
    "/ufficio/fascicoli/{case_id}/documenti/{document_id}": "a file",
    "/ufficio/fascicoli-condivisi/{share_id}/documenti/{document_id}": "a file",
    "/calendario/{token}.ics": "a file",
    "/ufficio/corsi/{edition_id}/materiali/{material_id}": "a file",
    "/ufficio/corsi/{edition_id}/attestati/{seat_id}": "a file",
    "/entra/oidc": "leads to the identity provider",
    "/entra/oidc/ritorno": "leads back from the identity provider",
}


def addresses(app: Application) -> set[str]:
    """Every address that is asked for by GET, as it stands in the list of routes."""
    return {
        route.resource.canonical
        for route in app.router.routes()
        if route.method == "GET" and route.resource is not None
    }


async def answering(app: Application, path: str) -> str:
    """The address in the list of routes that answers a path, empty if none does."""
    found = await app.router.resolve(make_mocked_request("GET", path))
    resource = found.route.resource
    return resource.canonical if resource is not None else ""


async def forgotten(app: Application) -> list[str]:
    """The pages that axe has not looked at in this process; those that are no page are named, and none of them that is gone."""
    there = addresses(app)
    assert set(NO_PAGE) <= there
    pages = {path for path in there if not path.startswith(ELSEWHERE)} - set(NO_PAGE)
    assert len(pages) > 30
    return sorted(pages - {await answering(app, path) for path in SEEN})


async def test_axe_has_looked_at_every_page(bench: Bench) -> None:
    """All routes, walked. Of several processes each knows its own: together they are asked at the end (conftest.py)."""
    assert await forgotten(bench.app) == []
