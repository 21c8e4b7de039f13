"""How somebody goes through pages: with a mouse or by keys alone, in Italian or English, with scripts or without, wide, narrow, zoomed.

In: a page of the browser, a way of using it. Out: a Walker, whose verbs (follow, press, write ...) name links, buttons and fields as
the Italian catalogue does, so that one journey can be gone in every way. Rules: by keys nothing is clicked and nothing gets the focus
but by Tab, and what has it shows it; nowhere is anything wider than the screen and, where the walker arrives, axe finds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Locator, Page, expect

from node.i18n import translator
from tests.browser.axe import violations

SHOTS = Path(__file__).resolve().parents[2] / "artefacts" / "journeys"
# More presses than this to reach something, and nobody would.
TABS_MAX = 250
# How far the wanted element is from where the keyboard is, in stops; None when no key leads there.
DISTANCE = """wanted => {
  const stops = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')].filter(
    one => one.tabIndex >= 0 && !one.disabled && one.type !== 'hidden' && one.checkVisibility());
  if (!stops.includes(wanted)) return null;
  const now = document.activeElement, place = stops.indexOf(wanted);
  if (stops.includes(now)) return place - stops.indexOf(now);
  // Between two stops, or before the first: the next one is a step away, whichever way.
  const before = now === document.body ? 0 : stops.filter(
    one => now.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_PRECEDING).length;
  return place >= before ? place - before + 1 : place - before;
}"""
SHOWS_FOCUS = """one => {
  const style = getComputedStyle(one);
  return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
}"""
IS_ASIDE = "one => document.activeElement === document.body && one.closest('main') !== null"


@dataclass(frozen=True, slots=True)
class Way:
    """One way of using the pages; ``zoom`` halves the width that styles see and doubles every point."""

    name: str
    language: str
    width: int = 1280
    zoom: int = 1
    scripts: bool = True
    keys: bool = False
    # Once is enough of each state: axe takes as long as all the rest.
    axe: bool = False

    @property
    def settings(self) -> Mapping[str, object]:
        """What a browser is opened with."""
        return {
            "viewport": {"width": self.width // self.zoom, "height": 900 // self.zoom},
            "device_scale_factor": self.zoom,
            "java_script_enabled": self.scripts,
            "locale": {"it": "it-IT", "en": "en-GB"}[self.language],
        }


# Each asks for several things at once; together they ask everything of every journey (docs/pages.md).
WAYS = (
    Way("keys", "en", keys=True),
    Way("narrow", "en", width=320, axe=True),
    Way("zoomed", "it", zoom=2, scripts=False, keys=True),
)


@dataclass
class Walker:
    """Somebody on a page; what they find wrong is gathered, and told at the end."""

    page: Page
    way: Way
    journey: str
    language: str = ""
    seen: int = 0
    found: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Speak the way's language until another is chosen; pictures of an earlier run go."""
        self.language = self.language or self.way.language
        for old in SHOTS.glob(f"{self.journey}-{self.way.name}-*.jpg"):
            old.unlink()

    def say(self, message: str, /, **facts: object) -> str:
        """A sentence of the catalogue in the language of the page."""
        return translator(self.language)(message).format(**facts)

    # --- where things are ---

    def _place(self, group: str) -> Locator:
        main = self.page.get_by_role("main")
        return main.get_by_role("group", name=group) if group else main

    def link(self, name: str, *, menu: bool = False) -> Locator:
        """A link of the page's own content, or of what stands around it."""
        place = self.page.locator("header") if menu else self._place("")
        return place.get_by_role("link", name=name).first

    def field(self, label: str, group: str = "") -> Locator:
        """A field by what stands beside it, within a group of fields if there are several of its name."""
        return self._place(group).get_by_label(label).first

    # --- by keys, or with a mouse ---

    async def reach(self, wanted: Locator) -> None:
        """Go to something by Tab alone: over the skip link from the top of a page, then from stop to stop."""
        await expect(wanted).to_be_visible()
        if await wanted.evaluate(IS_ASIDE):
            await self.page.keyboard.press("Tab")
            await expect(self.page.locator(":focus")).to_have_text(self.say("Vai al contenuto"))
            await self.page.keyboard.press("Enter")
            await expect(self.page.get_by_role("main")).to_be_focused()
        pressed = 0
        while distance := await wanted.evaluate(DISTANCE):
            pressed += abs(distance)
            assert pressed <= TABS_MAX, f"{wanted} is too far for the keyboard"
            await self._tab(distance)
        assert distance == 0, f"no key leads to {wanted}"
        assert await wanted.evaluate(SHOWS_FOCUS), f"{wanted} does not show that it has the focus"

    async def _tab(self, steps: int) -> None:
        """Hold Tab until it has gone some steps, with Shift when they are back."""
        keys = self.page.keyboard
        if steps < 0:
            await keys.down("Shift")
        for _ in range(abs(steps)):
            await keys.down("Tab")
        await keys.up("Tab")
        if steps < 0:
            await keys.up("Shift")

    async def _wide(self) -> list[str]:
        """How far the page runs out of the screen, in words."""
        wide = await self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return [f"{wide} pixels too wide"] if wide else []

    async def _use(self, wanted: Locator, key: str = "Enter") -> None:
        # Until it is there, the page may still be the one before.
        await expect(wanted).to_be_visible()
        # Also a page that is only passed through fits the screen.
        if wrong := await self._wide():
            self.found[f"{self.seen:02}-{self.page.url}"] = wrong
        if self.way.keys:
            await self.reach(wanted)
            await self.page.keyboard.press(key)
        else:
            await wanted.click()

    # --- what people do ---

    async def open(self, path: str) -> None:
        """Type an address: how a journey begins."""
        await self.page.goto(path)

    async def follow(self, message: str, /, *, menu: bool = False, **facts: object) -> None:
        """Follow a link of the page, or of the menu above it."""
        await self._use(self.link(self.say(message, **facts), menu=menu))

    async def press(self, message: str, *, menu: bool = False) -> None:
        """Press a button of the page, or of what stands above it."""
        place = self.page.locator("header") if menu else self._place("")
        await self._use(place.get_by_role("button", name=self.say(message)).first)

    async def go_on(self, message: str) -> None:
        """Send a form as one does who has just typed: by the return key, else by its button."""
        if self.way.keys:
            await self.page.keyboard.press("Enter")
        else:
            await self.press(message)

    async def write(self, message: str, text: str, *, group: str = "") -> None:
        """Write into a field, over what is there."""
        into = self.field(self.say(message), group)
        if self.way.keys:
            await self.reach(into)
            await self.page.keyboard.press("ControlOrMeta+A")
            await self.page.keyboard.type(text)
        else:
            await into.fill(text)

    async def tick(self, message: str) -> None:
        """Tick a box."""
        await self._use(self.field(self.say(message)), "Space")

    async def choose(self, message: str, option: str) -> None:
        """Choose from a list."""
        chosen, wanted = self.field(self.say(message)), self.say(option)
        if not self.way.keys:
            await chosen.select_option(label=wanted)
            return
        await self.reach(chosen)
        await self.page.keyboard.type(wanted)
        assert await chosen.evaluate("one => one.selectedOptions[0].text") == wanted

    async def unfold(self, message: str) -> None:
        """Open what is folded."""
        await self._use(self._place("").locator("summary").filter(has_text=self.say(message)).first)

    async def give(self, message: str, file: Path) -> None:
        """Choose a file of one's own."""
        async with self.page.expect_file_chooser() as asked:
            await self._use(self.field(self.say(message)))
        await (await asked.value).set_files(file)

    async def mend(self, message: str) -> None:
        """Follow the summary of mistakes to the field that one is about."""
        await self._use(self.page.locator("#errori").get_by_role("link", name=self.say(message)).first)

    async def take(self, message: str) -> bytes:
        """Follow a link to a file, and return the file."""
        async with self.page.expect_download() as coming:
            await self.follow(message)
        return Path(await (await coming.value).path()).read_bytes()

    async def change_language(self) -> None:
        """Go on in the other language, on the same page."""
        self.language = "en" if self.language == "it" else "it"
        await self._use(self.link({"it": "italiano", "en": "English"}[self.language], menu=True))
        await expect(self.page.locator("html")).to_have_attribute("lang", self.language)

    # --- what people see ---

    async def see(self, message: str, /, **facts: object) -> None:
        """Read a sentence somewhere in the page."""
        await expect(self.page.get_by_role("main")).to_contain_text(self.say(message, **facts))

    async def read(self, text: str) -> None:
        """Read a text that is the same in every language."""
        await expect(self.page.get_by_role("main")).to_contain_text(text)

    async def count(self, message: str, number: int) -> None:
        """Be told how many there are."""
        await expect(self.page.get_by_role("status")).to_have_text(self.say(message, count=number))

    async def arrive(self, message: str, /, **facts: object) -> None:
        """Be on the page of a heading, and look at all of it."""
        await expect(self.page.get_by_role("heading", level=1)).to_contain_text(self.say(message, **facts))
        await self.look(message)

    async def look(self, name: str) -> None:
        """Look at the page as it is now: whether it fits the screen, is accessible, and speaks the language; keep a picture."""
        self.seen += 1
        # What a script is exchanging is still half of the old and half of the new.
        await expect(self.page.locator("[aria-busy=true]")).to_have_count(0)
        here = f"{self.seen:02}-" + re.sub(r"[^a-z]+", "-", name.lower()).strip("-")[:40]
        assert await self.page.get_attribute("html", "lang") == self.language
        wrong = await violations(self.page) if self.way.axe else []
        if wrong := [*wrong, *await self._wide()]:
            self.found[here] = wrong
        SHOTS.mkdir(parents=True, exist_ok=True)
        picture = SHOTS / f"{self.journey}-{self.way.name}-{here}.jpg"
        await self.page.screenshot(path=picture, type="jpeg", quality=60)
