"""The files of pages: an allow-list, kept for ever under their version, packed, harmless."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from node.errors import OperatorError
from node.web import assets
from node.web.middleware import errors

Client = TestClient[web.Request, web.Application]
PACKED = {"Accept-Encoding": "gzip"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of the files alone, which unpacks nothing."""
    app = web.Application(middlewares=[errors])
    assets.install(app, assets.load())
    async with TestClient(TestServer(app), auto_decompress=False) as client:
        yield client


def loaded(client: Client) -> assets.Assets:
    """The files of a client's application."""
    assert client.app is not None
    return client.app[assets.ASSETS]


async def test_a_file_is_kept_for_ever_under_its_version(client: Client) -> None:
    """Packed for whom unpacks, plain for others; under another version the same bytes, to be asked for again."""
    for name, asset in loaded(client).files.items():
        reply = await client.get(loaded(client).url(name), headers=PACKED)
        assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert reply.headers["Content-Type"] == asset.content_type
        body = await reply.read()
        assert (gzip.decompress(body) if "Content-Encoding" in reply.headers else body) == asset.body
    plain = await client.get(loaded(client).url("rete.css"), headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    old = await client.get(f"{assets.PREFIX}/0123456789ab/rete.css", headers=PACKED)
    assert (old.status, old.headers["Cache-Control"]) == (200, "no-cache")


async def test_what_is_not_on_the_list_is_not_there(client: Client) -> None:
    """Neither other files of the same packages nor paths that climb."""
    version = loaded(client).version
    for name in ("bootstrap-italia.min.js", "..%2fpages%2fframe.py", "%2e%2e/%2e%2e/i18n.py", "", "rete.css%00", "x/y"):
        reply = await client.get(f"{assets.PREFIX}/{version}/{name}")
        assert reply.status == 404, name


async def test_browsers_find_the_icon_where_they_look(client: Client) -> None:
    """A redirect to the versioned one."""
    reply = await client.get("/favicon.ico", allow_redirects=False)
    assert (reply.status, reply.headers["Location"]) == (302, loaded(client).url("favicon.svg"))


def test_the_version_changes_with_any_byte(tmp_path: Path) -> None:
    """Another logo is another version; the same files are the same one."""
    (tmp_path / "stemma.png").write_bytes(PNG)
    own = assets.load(tmp_path, logo="stemma.png")
    assert own.logo == "own-logo.png"
    assert own.files["own-logo.png"].body == PNG
    assert assets.load().version == assets.load().version != own.version


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("stemma.png", b"<html>"),
        ("stemma.svg", b"no picture"),
        ("stemma.svg", b"<svg" + bytes(assets.PICTURE_MAX_BYTES)),
        ("stemma.exe", PNG),
        ("missing.png", b""),
    ],
)
def test_a_picture_that_is_none_is_refused_with_what_to_do(tmp_path: Path, name: str, body: bytes) -> None:
    """Wrong bytes, too large, another kind, not there: at the start, by the administrator's file name."""
    if body:
        (tmp_path / name).write_bytes(body)
    with pytest.raises(OperatorError) as refused:
        assets.load(tmp_path, logo=name)
    assert refused.value.code == "web-picture-bad"
    assert refused.value.where.endswith(name)


async def test_a_picture_opened_by_itself_runs_nothing(tmp_path: Path) -> None:
    """An SVG of the administration may hold a script: it is served in a sandbox."""
    (tmp_path / "stemma.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>')
    app = web.Application(middlewares=[errors])
    assets.install(app, assets.load(tmp_path, "stemma.svg", "stemma.svg"))
    async with TestClient(TestServer(app)) as client:
        reply = await client.get(app[assets.ASSETS].url("own-favicon.svg"))
        assert "sandbox" in reply.headers["Content-Security-Policy"]
        assert "script-src" not in reply.headers["Content-Security-Policy"]


def test_icons_are_those_that_pages_use() -> None:
    """The sprite holds the list and no more, and a package without one of them is refused."""
    sprite = assets.load().files["icons.svg"].body.decode()
    assert re.findall(r'id="it-([a-z0-9-]+)"', sprite) == list(assets.ICONS)
    with pytest.raises(OperatorError) as refused:
        assets.icons("<svg></svg>")
    assert refused.value.code == "web-file-missing"


def test_the_style_sheet_loads_no_font_from_within_itself() -> None:
    """The policy lets fonts come from files alone."""
    sheet = assets.load().files[assets.STYLES].body.decode()
    assert "@font-face" not in sheet
    assert len(sheet) > 500_000


def test_own_styles_name_files_that_are_there() -> None:
    """Every url() in them is on the list."""
    files = assets.load().files
    used = re.findall(r'url\("([^"]+)"\)', files["rete.css"].body.decode())
    assert used
    assert set(used) <= set(files)
