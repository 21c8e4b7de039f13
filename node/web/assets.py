"""The files that pages need, served by this node itself: styles, fonts, icons, one script, logo and favicon.

In: an allow-list of files in installed packages (Bootstrap Italia, htmx), our own few in node/web/static, perhaps the
administration's logo and favicon. Out: ``/static/VERSION/NAME``, where VERSION is made of all bytes together, so that whatever is
under it may be kept for ever. Rules: nothing is served by a path that came from outside; each file is read and packed once;
of the icons only those that pages use leave. Source: docs/decisions/0016.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Final

from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, NotFoundError, OperatorError
from node.web.permission import needs

PREFIX: Final = "/static"
FOREVER: Final = "public, max-age=31536000, immutable"
# Of another version of the program: still of use to a page that is open, and not to be kept.
NOW_ONLY: Final = "no-cache"
PICTURE_MAX_BYTES: Final = 256 * 1024
_CSS, _JS, _SVG, _WOFF2, _PNG = "text/css", "text/javascript", "image/svg+xml", "font/woff2", "image/png"
_ITALIA: Final = "bootstrap_italia_template"
_TITILLIUM: Final = "static/fonts/Titillium_Web/titillium-web-v10-latin-ext_latin-"
_MONO: Final = "static/fonts/Roboto_Mono/roboto-mono-v13-latin-ext_latin-"
STYLES: Final = "bootstrap-italia.css"
# name in the URL -> (package, path in it, type)
FOREIGN: Final[Mapping[str, tuple[str, str, str]]] = {
    STYLES: (_ITALIA, "static/css/bootstrap-italia.min.css", _CSS),
    "htmx.js": ("django_htmx", "static/django_htmx/htmx-2.min.js", _JS),
    "titillium-400.woff2": (_ITALIA, f"{_TITILLIUM}regular.woff2", _WOFF2),
    "titillium-400i.woff2": (_ITALIA, f"{_TITILLIUM}italic.woff2", _WOFF2),
    "titillium-600.woff2": (_ITALIA, f"{_TITILLIUM}600.woff2", _WOFF2),
    "titillium-700.woff2": (_ITALIA, f"{_TITILLIUM}700.woff2", _WOFF2),
    "roboto-mono-400.woff2": (_ITALIA, f"{_MONO}regular.woff2", _WOFF2),
}
OWN: Final[Mapping[str, str]] = {
    "rete.css": _CSS,
    "pictures.css": _CSS,
    "observatory.css": _CSS,
    "rete.js": _JS,
    "logo.svg": _SVG,
    "favicon.svg": _SVG,
}
SPRITE: Final = "static/svg/sprites.svg"
# Names without «it-»; a page that asks for another one fails in its test.
ICONS: Final = (
    "arrow-right", "check-circle", "chart-line", "close", "close-circle", "download", "error", "exchange-circle", "external-link",
    "file-signed", "files", "funnel", "help-circle", "inbox", "info-circle", "key", "link", "list", "locked", "logout", "mail",
    "map-marker", "minus-circle", "pa", "pencil", "plus-circle", "print", "refresh", "rss", "search", "settings", "star-outline",
    "upload", "user", "warning-circle",
)  # fmt: skip
_SYMBOL: Final = re.compile(r'<symbol id="it-([a-z0-9-]+)".*?</symbol>', re.DOTALL)
_PICTURES: Final[Mapping[str, tuple[bytes, str]]] = {
    ".png": (b"\x89PNG\r\n\x1a\n", _PNG),
    ".ico": (b"\x00\x00\x01\x00", "image/x-icon"),
    ".svg": (b"", _SVG),
}
# A picture that somebody opens by itself runs nothing.
_HARMLESS: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent: its bytes, the same packed (empty where that gains nothing), its type."""

    body: bytes
    packed: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All files of one version; ``logo`` and ``favicon`` are names among them."""

    version: str
    files: Mapping[str, Asset]
    logo: str
    favicon: str

    def url(self, name: str) -> str:
        """Return where a file is. Raises: KeyError for a name that is not on the list."""
        self.files[name]
        return f"{PREFIX}/{self.version}/{name}"


ASSETS = web.AppKey("assets", Assets)


def _asset(body: bytes, content_type: str) -> Asset:
    packed = gzip.compress(body, 9, mtime=0)
    return Asset(body, packed if len(packed) < 0.9 * len(body) else b"", content_type)


def _read(package: str, path: str) -> bytes:
    try:
        return resources.files(package).joinpath(path).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise OperatorError(
            "web-file-missing",
            N_("manca un file delle pagine: {file}"),
            hint=N_("ripetere «make install»: reinstalla i pacchetti bloccati"),
            file=f"{package}/{path}",
        ) from error


def icons(sprite: str) -> bytes:
    """Return the sprite with those icons alone that pages use. Raises: OperatorError(web-file-missing)."""
    symbols = {found.group(1): found.group() for found in _SYMBOL.finditer(sprite)}
    missing = [name for name in ICONS if name not in symbols]
    if missing:
        raise OperatorError("web-file-missing", N_("manca un file delle pagine: {file}"), file=f"{SPRITE}#{missing[0]}")
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols[name] for name in ICONS)}</svg>'.encode()


def styles(sheet: str) -> bytes:
    """Return the style sheet without the fonts that stand inside it: pages may load fonts from files alone, and need none of those."""
    return re.sub(r"@font-face\{[^}]*data:[^}]*\}", "", sheet).encode()


def read_picture(home: Path, name: str) -> Asset:
    """Return a picture from the node's home. Raises: OperatorError(web-picture-bad)."""
    path = home / name
    beginning, content_type = _PICTURES.get(path.suffix.lower(), (b"", ""))
    try:
        body = path.read_bytes() if content_type and path.stat().st_size <= PICTURE_MAX_BYTES else b""
    except OSError:
        body = b""
    is_svg = content_type == _SVG and b"<svg" in body[:1000]
    if not body or not (is_svg if content_type == _SVG else body.startswith(beginning)):
        raise OperatorError(
            "web-picture-bad",
            N_("questa immagine non si può usare"),
            where=str(path),
            hint=N_("serve un file .svg, .png o .ico di al massimo {kib} KiB nella cartella del nodo"),
            kib=PICTURE_MAX_BYTES // 1024,
        )
    return _asset(body, content_type)


@cache
def _installed() -> Mapping[str, Asset]:
    # Of the program, not of a node: they are packed once in a process, however many applications are built in it.
    files = {
        name: _asset(_read(package, path), kind) for name, (package, path, kind) in FOREIGN.items() if name != STYLES
    }
    files |= {name: _asset(_read("node", f"web/static/{name}"), kind) for name, kind in OWN.items()}
    files[STYLES] = _asset(styles(_read(*FOREIGN[STYLES][:2]).decode("utf-8")), _CSS)
    files["icons.svg"] = _asset(icons(_read(_ITALIA, SPRITE).decode("utf-8")), _SVG)
    return MappingProxyType(files)


def load(home: Path | None = None, logo: str = "", favicon: str = "") -> Assets:
    """Read all files. Raises: OperatorError web-file-missing, web-picture-bad."""
    files = dict(_installed())
    chosen = {"logo": "logo.svg", "favicon": "favicon.svg"}
    for use, name in (("logo", logo), ("favicon", favicon)):
        if name and home is not None:
            chosen[use] = f"own-{use}{Path(name).suffix.lower()}"
            files[chosen[use]] = read_picture(home, name)
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\n{len(files[name].body)}\n".encode() + files[name].body)
    return Assets(digest.hexdigest()[:12], files, chosen["logo"], chosen["favicon"])


@needs(Permission.PUBLIC)
async def serve(request: web.Request) -> web.StreamResponse:
    """Answer one file."""
    assets = request.app[ASSETS]
    asset = assets.files.get(request.match_info["name"])
    if asset is None:
        raise NotFoundError("not-found", N_("indirizzo inesistente"))
    current = request.match_info["version"] == assets.version
    headers = {"Cache-Control": FOREVER if current else NOW_ONLY, "Content-Type": asset.content_type}
    if asset.content_type == _SVG:
        headers["Content-Security-Policy"] = _HARMLESS
    if asset.packed:
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=asset.packed, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=asset.body, headers=headers)


@needs(Permission.PUBLIC)
async def favicon(request: web.Request) -> web.StreamResponse:
    """Answer the icon that browsers ask for unasked."""
    assets = request.app[ASSETS]
    return web.Response(status=302, headers={"Location": assets.url(assets.favicon), "Cache-Control": NOW_ONLY})


def install(app: web.Application, assets: Assets) -> None:
    """Add the files to an application."""
    app[ASSETS] = assets
    app.add_routes([web.get(f"{PREFIX}/{{version}}/{{name}}", serve), web.get("/favicon.ico", favicon)])
