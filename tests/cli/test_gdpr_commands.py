"""``rete gdpr`` as an officer types it, on a real home."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_log_commands import rete
from tests.flows.profiles.test_partitions import two_offices
from tests.flows.registry.test_gdpr import NAME, WHY, person
from tests.flows.registry.test_gdpr_found import add_document


@pytest.mark.timeout(120)
async def test_an_interested_person_is_answered_and_erased(server: str, tmp_path: Path) -> None:
    """Access, a try, the erasure, and then nothing; --json never asks, and says so."""
    async with two_offices(server, tmp_path) as (town, office, _):
        code = await person(office)
        status, out, _ = await rete(town, "gdpr", "access", code, "--json")
        found = json.loads(out)
        assert (status, found["tax_code"], found["published"]) == (0, code, [])
        assert found["rows"] == sum(map(len, found["found"].values())) > 10
        status, out, _ = await rete(town, "gdpr", "access", code)
        assert (status, NAME in " ".join(out.decode().split())) == (0, True)
        status, _, err = await rete(town, "gdpr", "erase", code, "--reason", WHY, "--json")
        assert (status, "confirmation-missing" in err) == (1, True)
        status, out, _ = await rete(town, "gdpr", "erase", code, "--reason", WHY, "--dry-run", "--json")
        tried = json.loads(out)
        assert (status, tried["erased"], tried["reference"]) == (0, False, None)
        assert (tried["other_firms"], tried["documents_unread"]) == ({}, 0)
        assert [item["peer"] for item in tried["disclosed"]] == ["cmto"]
        async with office.pool.acquire() as conn:
            await conn.execute("UPDATE registry.firm SET name = $2 WHERE firm_id = (SELECT firm_id FROM registry.firm WHERE tax_code NOT IN ('', $1) LIMIT 1)", code, f"Figli di {NAME} snc")  # fmt: skip
            await add_document(conn, office.networks[1], "scansione", b"%PDF-1.4", "application/pdf")
        status, out, _ = await rete(town, "gdpr", "erase", code, "--reason", WHY, "--dry-run")
        told = " ".join(out.decode().split())
        assert status == 0
        assert all(
            part in told
            for part in ("restano come sono", "Revocare il consenso in ognuno", "Figli di", "Di 1 documenti")
        )
        status, out, _ = await rete(town, "gdpr", "erase", code, "--reason", WHY, "--yes", "--by", "Anna", "--json")
        done = json.loads(out)
        assert (status, done["erased"], done["rows"]) == (0, True, tried["rows"])
        status, out, err = await rete(town, "gdpr", "access", code)
        assert (status, out, "gdpr-unknown" in err, "Traceback" in err) == (1, b"", True, False)
        status, _, err = await rete(town, "gdpr", "access", "123")
        assert (status, "tax-code-bad" in err) == (1, True)


@pytest.mark.timeout(120)
async def test_terms_register_and_consents_are_shown(server: str, tmp_path: Path) -> None:
    """The register of processing tells the configured days, as table, JSON and page; consents are noted and revoked."""
    async with two_offices(server, tmp_path) as (town, office, _):
        page = tmp_path / "registro.html"
        status, out, _ = await rete(town, "gdpr", "register", "--html", str(page), "--json")
        told = json.loads(out)
        days = {item["table"]: item["days"] for item in told["activities"]}
        assert (status, days["registry.contact"], days["publication.decision"]) == (0, 365, None)
        html = page.read_text(encoding="utf-8")
        assert html.count("<tr>") == len(days) + 1
        assert all(part in html for part in ('lang="it"', "<caption>", 'scope="row"', "registry.contact"))
        status, _, err = await rete(town, "gdpr", "register", "--html", str(page))
        assert (status, "file-exists" in err) == (1, True)
        status, out, _ = await rete(town, "gdpr", "retention", "--json")
        assert (status, json.loads(out)["applied"], {t["over"] for t in json.loads(out)["terms"]}) == (0, False, {0})
        assert (await rete(town, "gdpr", "retention", "--apply"))[0] == 0
        given = ("--person", "Una Persona", "--purpose", "contatto", "--text", "modulo 1")
        status, out, _ = await rete(town, "gdpr", "consent", office.networks[0], *given, "--json")
        consent_id = json.loads(out)["consent_id"]
        for changed in (True, False):
            status, out, _ = await rete(town, "gdpr", "revoke", consent_id, "--json")
            assert (status, json.loads(out)["changed"]) == (0, changed)
        status, out, _ = await rete(town, "gdpr", "consents", "--network", office.networks[0], "--json")
        (item,) = json.loads(out)["consents"]
        assert (item["consent_id"], item["revoked_at"] is not None) == (consent_id, True)
        assert (await rete(town, "gdpr", "consents"))[0] == 0
        status, _, err = await rete(town, "gdpr", "revoke", "nope")
        assert (status, "consent-unknown" in err) == (1, True)
