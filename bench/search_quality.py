"""How good is the order: judged queries over a generated corpus, against ts_rank and tantivy's BM25 on the same texts.

The corpus has its words from the titles of ATECO and from templates of this file, one trade a profile; the judgements come
from how a profile was made, not from what any engine finds: 3 the trade that was asked, named in the title; 2 the trade, named
elsewhere; 1 the trade, called by other words than those asked, or a trade of the same division that has them in its title. A misspelt word means
whoever names the word. Words of the same meaning are this file's own (one hand wrote it and the product's list: expect worse of real prose). Queries are asked in words of the
title, in words of the same meaning, with typing errors, with several words and with words of an office. Prints nDCG@10,
recall@50 and MRR by kind of query, with the share of the reference; then how often "did you mean" asks back where nothing is
wrong (the judged queries, names of municipalities that a profile has), and where each misspelt word stands in one profile too.
Stops by itself, in about a minute.

    python bench/search_quality.py [--profiles 4000] [--seed 7]
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import math
import random
import re
import statistics
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import tantivy

from node.domain.folding import fold
from node.domain.query import Query
from node.flows.searching.search import search
from node.store import cooperation, embedded
from node.store.postgres import Connection, Pool, migrate, open_pool
from node.store.reference import load_label_reference, load_sectors, load_territories

NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
TODAY = (NOW.date() - dt.date(1970, 1, 1)).days
ROOT = 6
PLACES = 500
WORD = re.compile(r"[^\W\d_]{5,}")
# What a person takes for the same trade: written for this measurement, and not the list that the product widens words by.
MEANINGS = (
    ("vino", "vini", "cantina", "viticoltura"), ("olio", "oli", "frantoio", "oleificio"), ("latte", "lattiero", "casearia", "formaggi"),
    ("pane", "panetteria", "forno", "panificio"), ("carne", "carni", "macelleria", "salumi"), ("pesce", "pesca", "ittico", "acquacoltura"),
    ("frutta", "ortaggi", "ortofrutta", "ortofrutticola"), ("bevande", "bibite", "bevanda"), ("farina", "farine", "mulino", "granaglie"),
    ("abbigliamento", "vestiario", "sartoria", "indumenti"), ("calzature", "scarpe", "calzaturificio"), ("tessuti", "tessile", "stoffe", "filatura"),
    ("cuoio", "pelle", "pelletteria"), ("legno", "legname", "falegnameria"), ("mobili", "arredamento", "arredo"), ("carta", "cartone", "cartotecnica"),
    ("stampa", "tipografia", "grafica"), ("chimici", "chimica", "chimiche"), ("plastica", "plastiche", "polimeri"), ("vetro", "vetreria", "vetri"),
    ("ceramica", "ceramiche", "piastrelle"), ("metalli", "metallo", "metallurgia", "fonderia"), ("elettronica", "elettronici", "sensori"),
    ("autoveicoli", "automobili", "automotive"), ("navi", "cantieri", "nautica", "imbarcazioni"), ("costruzioni", "costruzione", "edilizia", "edile"),
    ("trasporto", "trasporti", "autotrasporto", "spedizioni"), ("alloggio", "albergo", "alberghi", "hotel"), ("ristorazione", "ristoranti", "ristorante"),
    ("software", "informatica", "programmazione"), ("pubblicita", "marketing", "promozione"), ("viaggio", "viaggi", "turismo"),
    ("istruzione", "formazione", "scuola"), ("rifiuti", "riciclo", "riciclaggio"), ("energia", "elettrica", "fotovoltaico"), ("giardini", "paesaggio", "giardinaggio"),
)  # fmt: skip
COMMON = frozenset(
    [
        "attivita",
        "altre",
        "altri",
        "altro",
        "produzione",
        "fabbricazione",
        "commercio",
        "servizi",
        "lavorazione",
        "simili",
        "esclusi",
        "esclusa",
        "escluse",
        "escluso",
        "prodotti",
        "dettaglio",
        "ingrosso",
        "mediante",
        "altrove",
        "classificate",
        "classificati",
        "specializzati",
        "specializzato",
        "esercizi",
        "riparazione",
        "manutenzione",
        "articoli",
        "materiali",
        "connesse",
        "connessi",
        "gestione",
        "supporto",
        "quelli",
        "quelle",
        "delle",
        "della",
        "degli",
        "dalle",
        "dalla",
        "nella",
        "nelle",
        "trasformazione",
        "conservazione",
        "varie",
        "diversi",
        "diverse",
        "parti",
        "accessori",
        "incluse",
        "inclusi",
        "macchine",
        "apparecchi",
        "impianti",
        "realizzazione",
        "preparazione",
        "imprese",
        "persone",
    ]
)
OPENINGS = ("Rete per {}", "Insieme per {}", "{} in rete", "Filiera di {}", "Collaborazione su {}", "{}: imprese unite")
SUMMARIES = (
    "Imprese che lavorano insieme nel campo di {}.",
    "Mettiamo in comune capacità e clienti: {}.",
    "Cerchiamo collaborazioni nel settore {}.",
    "Piccole imprese con esperienza in {}.",
)
DESCRIPTIONS = (
    "La rete unisce imprese di dimensioni diverse e condivide acquisti, spazi e personale per {}. Partecipa a fiere e gare.",
    "Obiettivi comuni: qualità, mercati esteri e formazione. Ambito principale: {}.",
    "Le imprese si scambiano commesse e competenze; la produzione riguarda {}. Sono benvenuti partner di altri territori.",
)
ASIDES = ("Alcuni soci seguono anche {}.", "Tra i clienti vi sono aziende di {}.", "In passato un progetto con {}.")


@dataclass(frozen=True, slots=True)
class Made:
    """A profile as it was made: its trade, the words that say it, and where."""

    id: str
    trade: str
    division: str
    title: str
    summary: str
    description: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A query with the grade of every profile that has one."""

    kind: str
    text: str
    grades: Mapping[str, int]
    # What a typing error stands for.
    meant: str = ""


def trades() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return code of a group -> (division, the words that are its own)."""
    sectors = load_sectors()
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for section in sectors.children("*"):
        for division in sectors.children(section):
            for group in sectors.children(division):
                own = tuple(w for w in dict.fromkeys(WORD.findall(fold(sectors.title(group)))) if w not in COMMON)
                if len(own) >= 2:
                    found[group] = (division, own)
    return found


def corpus(count: int, draw: random.Random, known: Mapping[str, tuple[str, tuple[str, ...]]]) -> list[Made]:
    """Make profiles of all trades, a third of which name theirs in the title, a third in other words."""
    alike = {word: group for group in MEANINGS for word in group}
    codes = list(known)
    made = []
    for n in range(count):
        trade = codes[n % len(codes)]
        division, own = known[trade]
        said = [draw.choice(alike[w]) if w in alike and draw.random() < 0.5 else w for w in own]
        place = draw.random()
        topic = " e ".join(draw.sample(said, min(len(said), draw.randint(1, 3))))
        general = draw.choice(("qualità e mercati", "nuovi clienti", "acquisti comuni", "fiere e promozione"))
        aside = draw.choice(ASIDES).format(" ".join(draw.sample(known[draw.choice(codes)][1], 1)))
        made.append(
            Made(
                str(uuid.UUID(int=draw.getrandbits(128), version=4)),
                trade,
                division,
                draw.choice(OPENINGS).format(topic if place < 0.4 else general),
                draw.choice(SUMMARIES).format(topic if 0.3 < place < 0.8 else general),
                draw.choice(DESCRIPTIONS).format(topic if place > 0.6 else general) + " " + aside,
            )
        )
    return made


def grades(profiles: Sequence[Made], trade: str, division: str, words: Sequence[str]) -> dict[str, int]:
    """Judge every profile for a question about one trade, by all words of the same meaning as those asked."""
    alike = {word: group for group in MEANINGS for word in group}
    roots = {fold(other)[:ROOT] for word in words for other in alike.get(word, (word,))}
    told: dict[str, int] = {}
    for item in profiles:
        title, rest = fold(item.title), fold(f"{item.summary} {item.description}")
        in_title, in_rest = (any(root in text for root in roots) for text in (title, rest))
        if item.trade == trade:
            told[item.id] = 3 if in_title else 2 if in_rest else 1
        elif item.division == division and in_title:
            told[item.id] = 1
    return told


def grades_of_word(profiles: Sequence[Made], word: str) -> dict[str, int]:
    """Judge for a misspelt word by the word alone, in any form and meaning: 3 in the title and 2 elsewhere."""
    alike = {word: group for group in MEANINGS for word in group}
    roots = {fold(other)[:ROOT] for other in alike.get(word, (word,))}
    told = {}
    for item in profiles:
        if any(root in fold(item.title) for root in roots):
            told[item.id] = 3
        elif any(root in fold(f"{item.summary} {item.description}") for root in roots):
            told[item.id] = 2
    return told


def misspelt(word: str, draw: random.Random) -> str:
    """Return a word with one sign left out, doubled, changed or swapped, as fingers do; never the first."""
    at = draw.randrange(2, len(word) - 1)
    kind = draw.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + word[at] + word[at:]
    if kind == 2:
        return word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
    return word[:at] + draw.choice("aeioulnrst") + word[at + 1 :]


def judged_queries(
    profiles: Sequence[Made], draw: random.Random, known: Mapping[str, tuple[str, tuple[str, ...]]]
) -> list[Judged]:
    """Ask at least 150 questions: one word, two words, three words, other words of the same meaning, typing errors."""
    alike = {word: group for group in MEANINGS for word in group}
    queries: list[Judged] = []

    def add(kind: str, trade: str, words: Sequence[str], text: str) -> None:
        told = grades(profiles, trade, known[trade][0], words)
        if sum(grade >= 2 for grade in told.values()) >= 3:
            queries.append(Judged(kind, text, told))

    codes = list(known)
    draw.shuffle(codes)
    for trade in codes[:60]:
        own = known[trade][1]
        add("one word", trade, own[:1], own[0])
        add("two words", trade, own[:2], " ".join(own[:2]))
    for trade in codes[60:90]:
        own = known[trade][1]
        add("three words", trade, own[:3], " ".join(["rete", *own[:2]]))
    for trade in codes:
        own = [word for word in known[trade][1] if word in alike]
        if own:
            other = draw.choice([word for word in alike[own[0]] if word != own[0]])
            add("same meaning", trade, own[:1], other)
    for trade in codes[:60]:
        own = [word for word in known[trade][1] if len(word) >= 7]
        if own:
            told = grades_of_word(profiles, own[0])
            wrong = misspelt(own[0], draw)
            if told and wrong != own[0]:
                queries.append(Judged("typing error", wrong, told, own[0]))
    return queries


async def store(conn: Connection, profiles: Sequence[Made], log: str = "bench") -> None:
    """Store the corpus as rows of one log: every profile of one day, without theme, witnessed by nobody."""
    origin = await conn.fetchval(
        "INSERT INTO log.origin (origin, owner, name, vkey, state, root, checked_at, confirmed_at)"
        " VALUES ($3 || '.example/federation/log/2026', 'p_LE', 'p_LE', 'k', 'ready', $1, $2, $2) RETURNING origin_id",
        bytes(32), NOW, log,
    )  # fmt: skip
    territories, sectors = load_territories(), load_sectors()
    documents = [document_of(item) for item in profiles]
    bodies = [(origin, index, bytes(32), orjson.dumps(document)) for index, document in enumerate(documents)]
    await conn.copy_records_to_table("body", schema_name="log", records=bodies)
    rows = [cooperation.index_row(origin, n, document, territories, sectors) for n, document in enumerate(documents)]
    await cooperation.copy_profiles(conn, map(cooperation.pack_row, rows))
    await conn.execute("VACUUM ANALYZE coop.profile")


def document_of(item: Made) -> dict[str, Any]:
    """Return a profile/1 document."""
    anywhere = {"level": "*", "values": []}
    return {
        "type": "profile/1", "id": item.id, "owner": "p_LE", "purpose": "offer", "round": TODAY - 30,
        "title": {"it": item.title}, "summary": {"it": item.summary}, "description": {"it": item.description},
        "labels": dict.fromkeys(("territory", "sector", "period", "size", "theme"), anywhere),
        "kind": "contract", "maturity": "any", "partition": {"version": 1, "digest": "00" * 32}, "themes": [],
        "capabilities": [], "needs": [], "offers": [],
        "partner": {"role": "any", "sector": "*", "territory": "IT", "size": "any"},
        "target_countries": [], "languages": [], "certifications": [], "valid_until": "2027-11-30",
    }  # fmt: skip


Engine = Callable[[str], Any]


def ours(pool: Pool) -> Engine:
    """Ask the product's own search function."""
    reference = load_label_reference()

    async def ask(text: str) -> list[str]:
        result = await search(pool, Query(words=text, limit=50), reference, now=NOW)
        return [hit.profile_id for hit in result.hits]

    return ask


def plain(pool: Pool) -> Engine:
    """Ask the same index with ts_rank and nothing else."""

    async def ask(text: str) -> list[str]:
        rows = await pool.fetch(
            "SELECT p.profile_id::text AS id FROM coop.profile p, websearch_to_tsquery('public.rete_it', $1) q"
            " WHERE p.words @@ q ORDER BY ts_rank(p.words, q) DESC, p.profile_id LIMIT 50",
            text,
        )
        return [row["id"] for row in rows]

    return ask


def bm25(profiles: Sequence[Made]) -> Engine:
    """Tantivy with its Italian stemmer, any of the words, BM25 over title, summary and description, the title boosted."""
    build = tantivy.SchemaBuilder()
    build.add_text_field("id", stored=True, tokenizer_name="raw")
    for name in ("title", "summary", "description"):
        build.add_text_field(name, tokenizer_name="italian")
    index = tantivy.Index(build.build())
    filters = (tantivy.Filter.lowercase(), tantivy.Filter.stopword("italian"), tantivy.Filter.stemmer("italian"), tantivy.Filter.ascii_fold())  # fmt: skip
    analyzer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    for step in filters:
        analyzer = analyzer.filter(step)
    index.register_tokenizer("italian", analyzer.build())
    writer = index.writer(50_000_000, 1)
    for item in profiles:
        writer.add_document(tantivy.Document(id=item.id, title=item.title, summary=item.summary, description=item.description))  # fmt: skip
    writer.commit()
    index.reload()
    searcher = index.searcher()

    async def ask(text: str) -> list[str]:
        asked, _ = index.parse_query_lenient(text, ["title", "summary", "description"], {"title": 3.0, "summary": 1.5})
        return [searcher.doc(place)["id"][0] for _, place in searcher.search(asked, 50).hits]

    return ask


def ndcg(found: Sequence[str], told: Mapping[str, int]) -> float:
    """Return the normalised discounted cumulative gain of the first ten."""
    gain = sum((2 ** told.get(item, 0) - 1) / math.log2(at + 2) for at, item in enumerate(found[:10]))
    best = sum((2**grade - 1) / math.log2(at + 2) for at, grade in enumerate(sorted(told.values(), reverse=True)[:10]))
    return gain / best


def recall(found: Sequence[str], told: Mapping[str, int], within: int) -> float:
    """Return the share of what is relevant (2 or 3) that stands among the first, of as many as could."""
    good = {item for item, grade in told.items() if grade >= 2}
    return len(good & set(found[:within])) / min(len(good), within)


def reciprocal(found: Sequence[str], told: Mapping[str, int]) -> float:
    """Return one over the place of the first relevant hit."""
    return next((1 / at for at, item in enumerate(found, 1) if told.get(item, 0) >= 2), 0.0)


async def measure(profiles: Sequence[Made], queries: Sequence[Judged], pool: Pool) -> None:
    """Ask every engine every question, and print what they are worth."""
    engines = {"ours": ours(pool), "ts_rank": plain(pool), "tantivy": bm25(profiles)}
    scores: dict[str, dict[str, list[tuple[float, float, float, float]]]] = {}
    for name, ask in engines.items():
        for query in queries:
            found = await ask(query.text)
            told = (ndcg(found, query.grades), recall(found, query.grades, 50), reciprocal(found, query.grades), recall(found, query.grades, 10))  # fmt: skip
            for kind in (query.kind, "all"):
                scores.setdefault(kind, {}).setdefault(name, []).append(told)
    for kind, by_engine in scores.items():
        count = len(by_engine["ours"])
        mean = {
            name: [statistics.mean(column) for column in zip(*told, strict=True)] for name, told in by_engine.items()
        }
        print(f"{kind} ({count} queries):")
        for name, (gain, at_50, first, at_10) in mean.items():
            against = f"  ours / {name}: {mean['ours'][0] / gain:.2f}" if name != "ours" and gain else ""
            print(
                f"  {name:8} nDCG@10 {gain:.3f}  recall@50 {at_50:.3f}  MRR {first:.3f}  recall@10 {at_10:.3f}{against}"
            )


async def offers(queries: Sequence[Judged], pool: Pool, draw: random.Random) -> None:
    """Print how often something else is asked back: of what is right, and of what is wrong and stands in a profile too."""
    reference = load_label_reference()
    names = {fold(code.name) for code in load_territories().municipalities if WORD.fullmatch(fold(code.name))}
    places = draw.sample(sorted(names), min(len(names), PLACES))
    wrong = {query.text: query.meant for query in queries if query.meant}

    async def ask(texts: Sequence[str]) -> dict[str, str]:
        found = {t: await search(pool, Query(words=t, limit=1), reference, now=NOW) for t in texts}
        return {text: result.suggestion for text, result in found.items() if result.suggestion}

    right = [query.text for query in queries if not query.meant]
    told = await ask(right)
    print(f"asked back for {len(told)} of {len(right)} queries that are right: {told}")
    async with pool.acquire() as conn:
        await store(conn, [planted(word, draw) for word in (*places, *wrong)], "planted")
    told = await ask(places)
    print(f"asked back for {len(told)} of {len(places)} names of municipalities that one profile has: {told}")
    told = await ask(list(wrong))
    hit = sum(wrong[word] in text for word, text in told.items())
    print(
        f"asked back for {len(told)} of {len(wrong)} misspelt words that one profile has, {hit} times by the word that was meant"
    )


def planted(word: str, draw: random.Random) -> Made:
    """Make a profile whose title is a word."""
    identifier = str(uuid.UUID(int=draw.getrandbits(128), version=4))
    return Made(identifier, "", "", word, SUMMARIES[0].format("qualità e mercati"), ASIDES[0].format("acquisti comuni"))


async def run(count: int, seed: int) -> None:
    """Make the corpus, store it, ask."""
    draw = random.Random(seed)
    known = trades()
    profiles = corpus(count, draw, known)
    queries = judged_queries(profiles, draw, known)
    print(f"{len(profiles)} profiles of {len(known)} trades, {len(queries)} judged queries, seed {seed}")
    with (
        tempfile.TemporaryDirectory(prefix="rete-bench-") as folder,
        embedded.lease(Path(folder) / "cluster") as cluster,
    ):
        dsn = await embedded.ensure_database(cluster, "quality")
        pool = await open_pool(dsn, max_size=4)
        async with pool.acquire() as conn:
            await migrate(conn)
            await store(conn, profiles)
        await measure(profiles, queries, pool)
        await offers(queries, pool, draw)
        pool.terminate()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description="Quality of the order of search results.")
    parser.add_argument("--profiles", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    asyncio.run(run(given.profiles, given.seed))


if __name__ == "__main__":
    main()
