"""What the Observatory's pages show of an edition: figures with all that is needed to read them, key numbers, whole tables.

In: an edition, what is looked at, words. Out: values that templates lay out; drawing takes tens of milliseconds, so the routes have it done off the event
loop. Rules: beside each figure stand its definition, formula, unit, source, day, coverage, and how what is not published is read; no
number is made here but the difference of two that are told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from node.domain.observatory import catalogue
from node.domain.observatory.catalogue import Indicator
from node.domain.observatory.figures import Cell, Status, Table
from node.errors import N_
from node.web.pages.observatory_choice import Asked, Cut, codes_of, cut
from node.web.pages.observatory_editions import Edition
from node.web.pages.observatory_pictures import Behind, Draughtsman, Drawn, Line
from node.web.pages.observatory_words import PLACELESS, YEAR, Words
from node.web.pages.shown import Said
from node.web.pictures.measure import Measure

PATH: Final = "/osservatorio"
INDICATORS_PATH: Final = f"{PATH}/indicatori"
TABLES_PATH: Final = f"{PATH}/tabelle"
FILES_PATH: Final = f"{PATH}/dati"
NEWEST: Final = "ultima"
FORMATS: Final = ("csv", "json", "xlsx")
# Lines of a page of a table, and columns of one that is laid out crosswise.
MOST_LINES, MOST_COLUMNS = 200, 32
# What the first page shows, where it is there.
NATIONAL: Final = ("networks-by-region", "networks-by-year", "firms-by-year", "networks-born-and-ended")
_TIERS: Final[Mapping[int, str]] = {
    1: N_("Livello 1: si conta da dati pubblici o da profili già pubblicati e anonimi."),
    2: N_("Livello 2: si conta da dati riservati, con il controllo della riservatezza statistica."),
}
_READ: Final[Mapping[Status, str]] = {
    Status.WITHHELD: N_(
        "«Non pubblicato» ({count}): il numero c'è, ma dirlo potrebbe far riconoscere qualcuno. Non è uno zero, e non si ricava dagli altri numeri."
    ),
    Status.ESTIMATED: N_(
        "«Stimato» ({count}): il numero è vicino a quello vero, non contato uno per uno; definizione e formula dicono come."
    ),
    Status.UNKNOWN: N_("«Nessun dato» ({count}): nessuno conosce il numero. Non è uno zero."),
}
_ALL_GIVEN: Final = N_("Tutti i numeri di questa figura sono pubblicati: nessuno è tolto, nessuno è stimato.")
# What indicators of one source are about.
_GROUPS: Final[Mapping[str, str]] = {
    catalogue.REGISTER: N_("Reti e imprese, dal registro"),
    catalogue.REGISTER_AND_REFERENCE: N_("Reti e imprese, dal registro"),
    catalogue.PROFILES: N_("Che cosa si cerca e si offre, dai profili pubblicati"),
    catalogue.FEDERATION: N_("Che cosa si cerca e si offre, dai profili pubblicati"),
    catalogue.ANNOUNCED: N_("Che cosa gli enti annunciano: incontri, corsi, bandi"),
    catalogue.OFFICES: N_("Che cosa fanno gli uffici, con tutela del segreto statistico"),
}
_OTHER_YEAR: Final = N_("Per il {asked} questa tabella non ha numeri: si vede il {shown}.")


@dataclass(frozen=True, slots=True)
class Step:
    """One choice of a row of links."""

    text: str
    href: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A list to choose from: the parameter's name, its label, (code, words), the chosen code."""

    name: str
    label: str
    options: tuple[tuple[str, Said], ...]
    chosen: str


@dataclass(frozen=True, slots=True)
class Control:
    """How another part of a table is asked for, without a script: a slider over years, a row of years, lists of codes."""

    action: str
    anchor: str
    years: tuple[Step, ...]
    year: str
    choices: tuple[Choice, ...]
    kept: tuple[tuple[str, str], ...]
    slides: bool
    note: str

    @property
    def around(self) -> tuple[Step | None, Step | None]:
        """Return the years before and after the chosen one."""
        at = next((place for place, step in enumerate(self.years) if step.is_current), 0)
        before = self.years[at - 1] if at > 0 else None
        return before, self.years[at + 1] if at + 1 < len(self.years) else None


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is read: what it counts and how, whose numbers these are, and what is not told."""

    facts: tuple[tuple[str, str], ...]
    table: Table
    coverage: tuple[tuple[str, int], ...]
    cells: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """One table in pictures."""

    ident: str
    title: str
    drawn: tuple[Drawn, ...]
    control: Control
    reading: Reading
    whole: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One key number of the first page."""

    title: str
    number: str
    more: str
    href: str


@dataclass(frozen=True, slots=True)
class Listed:
    """An indicator in a list."""

    title: str
    href: str
    definition: str
    tables: int


@dataclass(frozen=True, slots=True)
class WholeTable:
    """A part of a table, and which part of how many."""

    behind: Behind
    page: int
    pages: int
    rows: int


def reading(edition: Edition, table: Table, cells: Iterable[Cell], words: Words) -> Reading:
    """Return how some cells of a table are read."""
    indicator = words.indicator(table.indicator)
    source = table.source or indicator.source
    unit = words.tr(indicator.unit) if indicator.unit else ""
    facts = (
        (words.tr(N_("Che cosa si conta")), words.tr(indicator.definition) if indicator.definition else ""),
        (words.tr(N_("Come si calcola")), words.tr(indicator.formula) if indicator.formula else ""),
        (words.tr(N_("Unità")), unit),
        (words.tr(N_("Fonte")), words.tr(source) if source else ""),
        (words.tr(N_("Livello")), words.tr(_TIERS[table.tier])),
    )
    counted = Counter(cell.status for cell in cells)
    measure = Measure(words.reader.language)
    said = tuple(
        words.tr(sentence).format(count=measure.say(counted[status]))
        for status, sentence in _READ.items()
        if counted[status]
    )
    notes = tuple(words.tr(note) for note in table.notes)
    return Reading(facts, table, words.coverage(edition.figures.coverage), said or (words.tr(_ALL_GIVEN),), notes)


def tables_of(edition: Edition, indicator: str) -> tuple[Table, ...]:
    """Return the tables of an indicator: the years alone first, then regions, then provinces, then the others by name."""

    def place(table: Table) -> tuple[int, list[bool], str]:
        return (
            len(table.dimensions),
            [name not in table.dimensions for name in (YEAR, "region", "province")],
            table.ident,
        )

    return tuple(sorted((found for found in edition.figures.tables if found.indicator == indicator), key=place))


def files_of(edition: Edition, ident: str) -> tuple[tuple[str, str], ...]:
    """Return where a table's files are: (format, address)."""
    where = edition.release_id or NEWEST
    return tuple((name, f"{FILES_PATH}/{where}/{ident}.{name}") for name in FORMATS)


def _control(found: Cut, asked: Asked, words: Words, path: str, *, slides: bool) -> Control:
    anchor = found.table.ident
    years = tuple(Step(year, asked.href(path, anchor, anno=year), year == found.moment) for year in found.years)
    choices = tuple(
        Choice(
            ident,
            words.heading(ident),
            tuple((code, words.code(ident, code)) for code in codes),
            found.held[ident],
        )
        for ident, codes in found.options.items()
        if len(codes) > 1
    )
    has_slider = slides and len(years) > 1
    kept = asked.kept(*(choice.name for choice in choices), *(("anno",) if has_slider else ()))
    note = ""
    if asked.year and years and asked.year != found.moment:
        note = words.tr(_OTHER_YEAR).format(asked=asked.year, shown=found.moment)
    return Control(path, anchor, years, found.moment, choices, kept, has_slider, note)


def figure(
    edition: Edition, table: Table, asked: Asked, words: Words, path: str, *, most: int = 9, slides: bool = False
) -> Figure:
    """Return a table in at most ``most`` pictures; ``slides``: with a slider over its years whatever it is, as maps have one."""
    found = cut(table, edition.places[table.ident], asked, words)
    draughtsman = Draughtsman(found, words)
    drawn = _drawn(edition, found, draughtsman)[:most]
    is_map = bool(drawn) and drawn[0].ident.startswith("map-")
    control = _control(found, asked, words, path, slides=slides or is_map)
    seen = found.seen(always=not found.shown or len(drawn) > 1)
    whole = replace(asked, codes={}).href(f"{TABLES_PATH}/{table.ident}")
    return Figure(
        table.ident,
        draughtsman.title,
        drawn,
        control,
        reading(edition, table, seen, words),
        whole,
        files_of(edition, table.ident),
    )


def _drawn(edition: Edition, found: Cut, draughtsman: Draughtsman) -> tuple[Drawn, ...]:
    words = draughtsman.words
    if any(words.dimension(ident).kind == "body" for ident in found.table.dimensions):
        # Bodies are called as their logs tell now.
        return draughtsman.drawn()
    choice = (found.table.ident, found.moment, *sorted(found.held.items()), words.reader.language)
    return edition.remember(choice, draughtsman.drawn)


def figures(edition: Edition, tables: Iterable[Table], asked: Asked, words: Words, path: str) -> tuple[Figure, ...]:
    """Return all tables of an indicator in pictures; where none is a map, the first one that has years has the slider."""
    found: list[Figure] = []
    slid = False
    for table in tables:
        made = figure(edition, table, asked, words, path)
        slid = slid or made.control.slides
        found.append(made)
    if not slid:
        for place, made in enumerate(found):
            if len(made.control.years) > 1:
                # Nothing is drawn twice for it: only the control changes.
                cut_again = cut(made.reading.table, edition.places[made.ident], asked, words)
                found[place] = replace(made, control=_control(cut_again, asked, words, path, slides=True))
                break
    return tuple(found)


def national(edition: Edition, asked: Asked, words: Words) -> tuple[Figure, ...]:
    """Return the figures of the first page, one picture each."""
    tables = (edition.tables.get(ident) for ident in NATIONAL)
    return tuple(figure(edition, table, asked, words, PATH, most=1) for table in tables if table is not None)


def cards(edition: Edition, asked: Asked, words: Words) -> tuple[Card, ...]:
    """Return the key numbers: networks, firms, where there are most, and how much there are more than in the edition before."""
    found: list[Card] = []
    for ident in ("networks-by-year", "firms-by-year"):
        table = edition.tables.get(ident)
        if table is not None and table.dimensions == (YEAR,) and table.cells:
            found.append(_total(table, asked, words))
    regions = edition.tables.get("networks-by-region")
    if regions is not None and regions.dimensions == (YEAR, "region") and regions.cells:
        found += _first_region(regions, asked, words)
    networks = edition.tables.get("networks-by-year")
    if networks is not None and networks.dimensions == (YEAR,):
        found += _growth(networks, asked, words)
    return tuple(found)


def _href(table: Table, asked: Asked) -> str:
    return asked.href(f"{INDICATORS_PATH}/{table.indicator}", table.ident)


def _total(table: Table, asked: Asked, words: Words) -> Card:
    indicator, newest = words.indicator(table.indicator), table.cells[-1]
    measure = words.measure(indicator)
    return Card(words.tr(indicator.title), words.say(newest, measure), newest.at[0], _href(table, asked))


def _first_region(table: Table, asked: Asked, words: Words) -> list[Card]:
    newest = max(codes_of(table, YEAR))
    told = [
        (cell.value, cell)
        for cell in table.cells
        if cell.at[0] == newest and cell.at[1] not in PLACELESS and cell.value is not None
    ]
    if not told:
        return []
    most = max(value for value, _ in told)
    first = next(cell for value, cell in told if value == most)
    said = words.say(first, words.measure(words.indicator(table.indicator)))
    name = words.code("region", first.at[1]).text
    title = words.tr(N_("La regione con più reti"))
    return [Card(title, name, words.tr(N_("{count} nel {year}")).format(count=said, year=newest), _href(table, asked))]


def _growth(table: Table, asked: Asked, words: Words) -> list[Card]:
    if len(table.cells) < 2:
        return []
    before, now = table.cells[-2:]
    if before.value is None or now.value is None or not before.value:
        return []
    share = 100 * (Decimal(now.value) - Decimal(before.value)) / Decimal(before.value)
    measure = Measure(words.reader.language, decimals=1, sign="%")
    plus = "+" if measure.rounded(share) > 0 else ""
    title = words.tr(N_("Crescita delle reti"))
    since = words.tr(N_("dal {before} al {now}")).format(before=before.at[0], now=now.at[0])
    return [Card(title, f"{plus}{measure.say(share)}", since, _href(table, asked))]


def indicators(edition: Edition, asked: Asked, words: Words) -> tuple[tuple[str, tuple[Listed, ...]], ...]:
    """Return the indicators that have tables, in groups by whose numbers they are: (title, indicators)."""
    tables = Counter(table.indicator for table in edition.tables.values())
    order = [ident for ident in words.catalogue if ident in tables]
    groups: dict[str, list[Listed]] = {}
    for ident in [*order, *sorted(set(tables) - set(order))]:
        indicator = words.indicator(ident)
        about = _GROUPS.get(indicator.source, indicator.source or N_("Altri indicatori"))
        groups.setdefault(words.tr(about), []).append(_listed(indicator, tables[ident], asked, words))
    return tuple((title, tuple(found)) for title, found in groups.items())


def _listed(indicator: Indicator, tables: int, asked: Asked, words: Words) -> Listed:
    href = replace(asked, year="", codes={}).href(f"{INDICATORS_PATH}/{indicator.ident}")
    definition = words.tr(indicator.definition) if indicator.definition else ""
    return Listed(words.tr(indicator.title), href, definition, tables)


def whole(edition: Edition, table: Table, words: Words, page: int) -> WholeTable:
    """Return a page of a table: crosswise where it has two dimensions and few columns, else a row for each number."""
    measure = words.measure(words.indicator(table.indicator))
    across = _across(table)
    if across is None:
        return _long(table, words, measure, page)
    down, over = across
    rows, columns = (words.ordered(ident, codes_of(table, ident)) for ident in (down, over))
    cells = edition.places[table.ident]

    def cell(row: str, column: str) -> Cell | None:
        given = {down: row, over: column}
        return cells.get(tuple(given[ident] for ident in table.dimensions))

    part, pages, page = _part(rows, page)
    lines = tuple(
        Line(words.code(down, row), row, tuple(_told(cell(row, column), words, measure) for column in columns))
        for row in part
    )
    head = Said(f"{words.heading(down)} / {words.heading(over)}")
    return WholeTable(
        Behind(words.title(table), (head, *(words.code(over, column) for column in columns)), lines),
        page,
        pages,
        len(rows),
    )


def _told(cell: Cell | None, words: Words, measure: Measure) -> str:
    # Where a table has no cell at all, nothing was asked: that is neither withheld nor unknown.
    return "–" if cell is None else words.say(cell, measure)


def _across(table: Table) -> tuple[str, str] | None:
    if len(table.dimensions) != 2:
        return None
    first, second = table.dimensions
    down, over = (second, first) if first == YEAR else (first, second)
    return (down, over) if len(codes_of(table, over)) <= MOST_COLUMNS else None


def _part(rows: list[str], page: int) -> tuple[list[str], int, int]:
    pages = max(1, -(-len(rows) // MOST_LINES))
    page = min(max(1, page), pages)
    return rows[(page - 1) * MOST_LINES : page * MOST_LINES], pages, page


def _long(table: Table, words: Words, measure: Measure, page: int) -> WholeTable:
    pages = max(1, -(-len(table.cells) // MOST_LINES))
    page = min(max(1, page), pages)
    unit = measure.unit or measure.sign or words.tr(N_("Valore"))
    heads = [Said(words.heading(ident)) for ident in table.dimensions] or [Said(words.tr(N_("Che cosa si conta")))]
    lines = tuple(
        _row(table, cell, words, measure) for cell in table.cells[(page - 1) * MOST_LINES : page * MOST_LINES]
    )
    columns = (*heads, Said(unit))
    return WholeTable(Behind(words.title(table), columns, lines), page, pages, len(table.cells))


def _row(table: Table, cell: Cell, words: Words, measure: Measure) -> Line:
    said = words.say(cell, measure)
    if not table.dimensions:
        return Line(Said(words.title(table)), "", (said,))
    first, *rest = (words.code(ident, code) for ident, code in zip(table.dimensions, cell.at, strict=True))
    return Line(first, cell.at[0], (*(name.text for name in rest), said))
