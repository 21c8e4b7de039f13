"""SVG text, safe by construction: every text and attribute is escaped here, and nothing else makes markup.

In: names, attributes, texts. Out: ``Svg``, which templates show as it is. Rules: presentation attributes only, so that a page
may forbid inline style and script (CSP); no reference leaves the document but ``href``, which is a path or a query of this
node; identifiers begin with the caller's, so that two pictures share a page. Source: SVG 2; WAI-ARIA Graphics; XML 1.0.

A picture is one image (role ``img``) named by its title and description. One with links cannot be: whatever is inside an image
is hidden from readers, so it is a ``group`` with the same name, whose links are named one by one.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

INK: Final = "#17324d"
PAPER: Final = "#ffffff"
DARK: Final = "#00264d"
FONT: Final = "Titillium Web, Arial, sans-serif"
# Wide as a small telephone: there a unit is a pixel, and texts stay as large as they are meant. Only Flows may be wider; past
# ``WIDEST`` it would be too small to read on a telephone, and says so by its class: its page lets it scroll.
WIDTH: Final = 360
WIDEST: Final = 470
TEXT_SIZE: Final = 13
LINE: Final = 16
# The mean advance of a digit or letter of the font above, of its size; measured, rounded up.
_ADVANCE: Final = 0.56
_BOLD: Final = 0.6
_IDENT: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")
# A path or query of this node: no scheme, no other host (also not by a backslash), nothing unprintable.
_HREF: Final = re.compile(r"(?:/(?![/\\])|\?|#)[!-\[\]-~]*|/")
# Not allowed in XML at all, or turning the reading order of what follows.
_NEVER: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"})

Attribute = str | int | float


class Svg(str):
    """Finished markup: templates that escape leave it as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return itself; the sign by which template engines know finished markup."""
        return str(self)


def escape(text: str) -> str:
    """Return ``text`` fit for an attribute or for between tags, in XML and in HTML."""
    return shown(text).translate(_ESCAPES)


def shown(text: str) -> str:
    """Return ``text`` as a reader of the picture gets it: what XML cannot carry is replaced, nothing else changes."""
    return _NEVER.sub("\ufffd", text)


def _attribute(value: Attribute) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value) if isinstance(value, int) else escape(value)


def element(name: str, *inside: Svg, **attributes: Attribute) -> Svg:
    """Return an element; an attribute's ``_`` is written ``-``, one at its end is left out (``class_``)."""
    written = "".join(f' {k.rstrip("_").replace("_", "-")}="{_attribute(v)}"' for k, v in attributes.items())
    return Svg(f"<{name}{written}>{''.join(inside)}</{name}>" if inside else f"<{name}{written}/>")


def content(text: str) -> Svg:
    """Return text that stands between tags."""
    return Svg(escape(text))


def title(text: str) -> Svg:
    """Return what a pointer resting on the element shows, and what a reader is told of it."""
    return element("title", content(text))


def label(text: str, x: float, y: float, **attributes: Attribute) -> Svg:
    """Return a line of text that begins at a point."""
    return element("text", content(text), x=float(x), y=float(y), **attributes)


def haloed(texts: Iterable[tuple[str, float, float]], size: float, *, light: bool = False) -> Svg:
    """Return texts centred on points, each with a rim round its letters so that it reads on any ground.

    ``light``: paper letters with a dark rim, for dark grounds; else dark letters with a rim of paper.
    """
    lines = [label(text, x, y + size * 0.35) for text, x, y in texts]
    if not lines:
        return Svg("")
    return element(
        "g",
        *lines,
        fill=PAPER if light else INK,
        stroke=DARK if light else PAPER,
        stroke_width=size * 0.23,
        stroke_linejoin="round",
        paint_order="stroke",
        font_size=float(size),
        text_anchor="middle",
        pointer_events="none",
    )


def advance(text: str, size: float = TEXT_SIZE) -> float:
    """Return about how wide a text is; never much less than it is."""
    return len(text) * size * _ADVANCE


def heading(text: str, top: float) -> tuple[Svg, float]:
    """Return what a picture's numbers are of, in bold, in as many lines as it needs, and where they end; empty: nothing."""
    parts = []
    for line in textwrap.wrap(text, int((WIDTH - 4) / (TEXT_SIZE * _BOLD))):
        parts.append(label(line, 2, top + TEXT_SIZE, font_weight="bold"))
        top += LINE
    return Svg("".join(parts)), top + 4 if parts else top


def fitted(text: str, width: float, size: float = TEXT_SIZE) -> str:
    """Return ``text``, or its beginning and an ellipsis where it is wider than ``width``."""
    room = max(1, int(width / (size * _ADVANCE)))
    return text if len(text) <= room else text[: room - 1].rstrip() + "…"


def linked(href: str, name: str, *inside: Svg) -> Svg:
    """Return elements as a link of that name (empty: by what is written in it), or as they are where ``href`` is empty.

    Raises: ValueError when ``href`` is no path or query of this node.
    """
    if not href:
        return Svg("".join(inside))
    if not _HREF.fullmatch(href):
        raise ValueError(f"no path or query of this node: {href!r}")
    return element("a", *inside, href=href, **({"aria_label": name} if name else {}))


@dataclass(frozen=True, slots=True)
class Frame:
    """What every picture has: the beginning of its identifiers, a title, a description (empty: the picture makes its own)."""

    ident: str
    title: str
    description: str = ""

    def __post_init__(self) -> None:
        """Refuse an identifier that would need escaping, and a picture without a name."""
        if not _IDENT.fullmatch(self.ident):
            raise ValueError(f"an identifier is small letters, digits and hyphens: {self.ident!r}")
        if not self.title.strip():
            raise ValueError("a picture has a title")

    def around(self, body: Iterable[Svg], width: float, height: float, described: str, *, links: bool) -> Svg:
        """Return the whole picture; ``described`` is used where there is no description of its own."""
        named = (
            element("title", content(self.title), id=f"{self.ident}-title"),
            element("desc", content(self.description or described), id=f"{self.ident}-desc"),
        )
        return element(
            "svg",
            *named,
            *body,
            xmlns="http://www.w3.org/2000/svg",
            id=self.ident,
            class_="picture" if width <= WIDEST else "picture picture-wide",
            viewBox=f"0 0 {_attribute(float(width))} {_attribute(float(height))}",
            width="100%",
            role="group" if links else "img",
            aria_labelledby=f"{self.ident}-title {self.ident}-desc",
            font_family=FONT,
            font_size=TEXT_SIZE,
            fill=INK,
        )
