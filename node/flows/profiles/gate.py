"""The text gate at work: a profile's texts against every name this node knows, and against the objects of their block.

In: a connection, a profile's content, the census of its block. Out: a verdict that may refuse, and says what it measured.
Names are kept in layers, each known by a digest of what it is made of and built again only when that has changed: an import
renews the office's names and leaves the public register's as they are. Source: docs/rules.md T.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.config import Config
from node.domain import likeness, partition
from node.domain.folding import fold
from node.domain.likeness import Finding
from node.domain.profile import LANGUAGES
from node.domain.redaction import gate, spelling
from node.domain.redaction.dictionary import Dictionary, Layer, Term
from node.domain.redaction.hits import AMBER, RED, Hit
from node.errors import N_, CallerError, Said
from node.store import population, registry
from node.store.postgres import Connection
from node.store.reference import load_sectors, load_territories

Places = Sequence[tuple[str, str]]


@functools.cache
def common_words() -> frozenset[str]:
    """Return the words by which the activities of firms are called: alone, they name no firm."""
    titles = frozenset(word for title in load_sectors().titles() for word in fold(title).split())
    return titles | spelling.EVERYDAY


@functools.cache
def town_layer() -> Layer:
    """Return all municipalities of Italy: the same for the life of the process."""
    return Layer.of_towns((m.name for m in load_territories().municipalities), common_words())


class KnownNames:
    """The names a node looks for, kept between texts; one for each open node."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._kept: dict[str, tuple[object, Layer]] = {}
        self._turn = asyncio.Lock()

    async def read(self, conn: Connection, config: Config) -> Dictionary:
        """Return the dictionary as the database has it now.

        The digest is read before the names: what changes in between is newer than its digest, and is read again next time.
        """
        provinces = partition.provinces_of(config.scope, load_territories())
        async with self._turn:
            edition = await population.newest_snapshot(conn)
            erasures = await population.count_erasures(conn)
            source = (edition.digest if edition else None, edition and edition.snapshot_id, provinces, erasures)
            return Dictionary(
                (
                    await self._layer("own", await registry.terms_digest(conn), lambda: registry.secret_terms(conn)),
                    await self._layer("listed", source, lambda: population.listed_terms(conn, provinces)),
                    town_layer(),
                )
            )

    async def _layer(self, name: str, digest: object, read: Callable[[], Awaitable[list[Term]]]) -> Layer:
        kept = self._kept.get(name)
        if kept is None or kept[0] != digest:
            terms = await read()
            # Tens of thousands of names take a fraction of a second: a thread's, while others are served.
            build = functools.partial(Layer.of_terms, terms, common_words(), own=name == "own")
            kept = self._kept[name] = (digest, await asyncio.to_thread(build))
        return kept[1]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate found: (place, text, hit) in order, and what the texts tell of their own network.

    ``attack`` is None where nobody's object can be compared: no network was given, or it has none; ``objects`` says with how
    many it was compared.
    """

    hits: tuple[tuple[str, str, Hit], ...]
    attack: Finding | None = None
    objects: int = 0

    @property
    def red(self) -> int:
        """Red hits, and one for a text that would find its network."""
        return sum(hit.severity == RED for _, _, hit in self.hits) + self.is_found

    @property
    def amber(self) -> int:
        """Doubtful hits."""
        return sum(hit.severity == AMBER for _, _, hit in self.hits)

    @property
    def is_found(self) -> bool:
        """Whether the texts would find their own network."""
        return self.attack is not None and self.attack.found

    def facts(self) -> dict[str, Any]:
        """Return what is kept with a decision: counts and measures, no words."""
        counts = {name: sum(hit.severity == name for _, _, hit in self.hits) for name in (RED, AMBER)}
        return {**counts, "attack": None if self.attack is None else finding_facts(self.attack, self.objects)}

    def refuse(self, amber_reason: str | None) -> None:
        """Raise CallerError text-refused, text-finds-network (no reason helps), text-doubtful (without a reason)."""
        for place, text, hit in self.hits:
            if hit.severity == RED:
                raise _refused(place, text[hit.start : hit.end], hit, self.red - 1)
        if self.attack is not None and self.attack.found:
            raise _finds_network(self.attack, self.objects)
        if self.hits and not (amber_reason or "").strip():
            place, text, hit = self.hits[0]
            raise CallerError(
                "text-doubtful",
                N_("possibile nome proprio: «{words}»"),
                where=place,
                hint=N_("cambiarlo, o approvare con --reason spiegando perché non fa riconoscere nessuno"),
                words=text[hit.start : hit.end][:80],
            )


def finding_facts(attack: Finding, objects: int) -> dict[str, Any]:
    """Return an attack as it is shown and kept."""
    return {
        "found": attack.found,
        "rank": attack.rank,
        "of": objects,
        "margin": round(attack.margin, 4),
        "score": round(attack.score, 4),
        "copied": round(attack.copied, 4),
    }


def _refused(place: str, words: str, hit: Hit, more: int) -> CallerError:
    return CallerError(
        "text-refused",
        N_("il testo farebbe riconoscere la rete: «{words}» ({reason}), e altri {more} punti"),
        where=place,
        hint=N_("togliere o rendere generici i punti segnati da «rete profile preview»"),
        words=words[:80],
        reason=Said(hit.reason),
        more=more,
    )


def _finds_network(attack: Finding, objects: int) -> CallerError:
    return CallerError(
        "text-finds-network",
        N_(
            "il testo somiglia all'oggetto pubblico della propria rete più che a quello delle altre {objects} reti simili: chi ha l'elenco la troverebbe"
        ),
        hint=N_("dirlo con parole proprie e generiche, senza riprendere l'oggetto del contratto ({copied} % ripetuto)"),
        objects=objects - 1,
        copied=round(attack.copied * 100),
    )


def scan(places: Places, names: Dictionary) -> tuple[tuple[str, str, Hit], ...]:
    """Return (place, text, hit) of some texts, in their order."""
    return tuple((place, text, hit) for place, text in places for hit in gate.scan(text, names))


def try_attack(places: Places, objects: Mapping[str, str], own: str, k: int) -> Finding | None:
    """Return what a profile's texts tell of network ``own``: the worst of its languages, each read as one text."""
    if not objects.get(own):
        return None
    findings = []
    for language in LANGUAGES:
        said = "\n".join(text for place, text in places if place.endswith(f".{language}"))
        if said:
            findings.append(likeness.attack(said, objects, own, k))
    return max(findings, key=lambda found: (found.found, found.margin), default=None)


async def objects_of(conn: Connection, members: Collection[str], own: str) -> dict[str, str]:
    """Return the public objects of some networks of the newest edition, and ``own``'s as the register last had it."""
    objects = await population.newest_objects(conn, sorted({*members, own}))
    if own not in objects:
        row = await population.find_network(conn, own)
        if row is not None:
            objects[own] = row.object_text
    return objects


async def judge(
    conn: Connection, names: Dictionary, places: Places, *, members: Collection[str], own: str, k: int
) -> Verdict:
    """Return the verdict on (place, text) pairs; ``members`` are their block's networks, ``own`` is their register id."""
    objects = await objects_of(conn, members, own)
    attack = await asyncio.to_thread(try_attack, places, objects, own, k)
    return Verdict(scan(places, names), attack, len(objects))
