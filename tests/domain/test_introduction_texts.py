"""The consent's text and the page about introductions: the text of a version never changes, and the page says what the code does."""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path

from node.domain.introduction import (
    DECLINE_REASONS,
    LOCAL,
    OUTCOMES,
    OWNER,
    SEEKER,
    WITHDRAW_REASONS,
    Case,
    Event,
    Kind,
    Party,
    State,
    may,
)
from node.domain.introduction_fold import fold
from node.domain.introduction_texts import CONSENT_TEXTS, CONSENT_VERSION, STATE_TITLES
from node.i18n import translator

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "introductions.md").read_text(encoding="utf-8")
# What was consented to. A text that changes gets a new version and a new line; an old line never changes.
TEXTS = {"2026-1": "90235fc29e47eb7f17ecca5da56b175e56ba4bfd1ba7a181df3ffc79eaa8bb4f"}

CODE = re.compile(r"(?:introductions?|message)-[a-z-]+")
WHERE = (
    "flows/introductions/asking.py", "flows/introductions/fields.py", "flows/introductions/deeds.py", "flows/introductions/casefile.py", "flows/introductions/own_side.py", "flows/introductions/casework.py", "flows/introductions/hear.py", "flows/introductions/caseid.py", "flows/introductions/post.py", "protocol/message.py", "protocol/sealed.py",
    "web/introductions.py", "web/introduction_requests.py", "web/pages/asking.py",
)  # fmt: skip


def test_a_consent_s_text_is_that_of_its_version() -> None:
    """Both languages, letter by letter."""
    text = CONSENT_TEXTS[CONSENT_VERSION]
    said = text + "\n" + translator("en")(text)
    assert hashlib.sha256(said.encode()).hexdigest() == TEXTS[CONSENT_VERSION]
    assert said.split("\n")[0] != said.split("\n")[1]


def test_the_docs_hold_the_text_and_its_version() -> None:
    """The very text, in both languages."""
    for language in ("it", "en"):
        assert f"> {translator(language)(CONSENT_TEXTS[CONSENT_VERSION])}\n" in DOCS
    assert f"`{CONSENT_VERSION}`" in DOCS


def test_the_docs_know_every_state_and_reason() -> None:
    """By the words of the code, in the table's order."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", DOCS, re.MULTILINE)
    assert [row for row in rows if row[0] in set(State)] == [(str(s), STATE_TITLES[s]) for s in State]
    for word in (*DECLINE_REASONS, *WITHDRAW_REASONS, *OUTCOMES):
        assert f"`{word}`" in DOCS, word


REACHED: dict[State, list[tuple[Party, Kind]]] = {}


def reach(state: State, before: State, *steps: tuple[Party, Kind]) -> None:
    """Note how a state is reached from another."""
    REACHED[state] = [*REACHED[before], *steps]


REACHED[State.ENDORSED] = []
reach(State.SENT, State.ENDORSED, (SEEKER, Kind.REQUEST))
reach(State.RECEIVED, State.SENT, (OWNER, Kind.RECEIPT))
reach(State.UNDER_CHECK, State.RECEIVED, (OWNER, Kind.CHECK))
reach(State.INFO_REQUESTED, State.UNDER_CHECK, (OWNER, Kind.QUESTION))
reach(State.ANSWERED, State.INFO_REQUESTED, (SEEKER, Kind.ANSWER))
reach(State.FORWARDED, State.ANSWERED, (OWNER, Kind.FORWARD))
reach(State.ACCEPTED, State.FORWARDED, (OWNER, Kind.ACCEPT))
reach(State.CONSENTED, State.ACCEPTED, (SEEKER, Kind.CONSENT), (OWNER, Kind.CONSENT))
reach(State.INTRODUCED, State.CONSENTED, (SEEKER, Kind.IDENTITY), (OWNER, Kind.IDENTITY))
reach(State.FOLLOWED_UP, State.INTRODUCED, (SEEKER, Kind.FOLLOW_UP))
reach(State.CONCLUDED, State.FOLLOWED_UP, (OWNER, Kind.OUTCOME))
reach(State.DECLINED, State.FORWARDED, (OWNER, Kind.DECLINE))
reach(State.WITHDRAWN, State.FORWARDED, (SEEKER, Kind.WITHDRAW))
reach(State.EXPIRED, State.FORWARDED, (SEEKER, Kind.EXPIRE))


def told(state: State) -> Case:
    """A case in a state, by events that each side has seen as they came."""
    events: list[Event] = []
    details = {Kind.FOLLOW_UP: "30", Kind.OUTCOME: "agreement", Kind.DECLINE: "other", Kind.WITHDRAW: "other"}
    for number, (by, kind) in enumerate(REACHED[state]):
        said = [event.by for event in events]
        at = 1_800_000_000 + number + (61 * 86_400 if kind is Kind.EXPIRE else 0)
        events.append(Event(by, said.count(by) + 1, said.count(by.other), kind, at, details.get(kind, "")))
    return fold(events)


def test_the_docs_say_what_people_may_do_in_every_state() -> None:
    """As ``may`` lets them, in the order in which it offers it."""
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\|[^|]+\| ([^|]+) \| ([^|]+) \|$", DOCS, re.MULTILINE)
    found = {name: offered for name, *offered in rows if name not in LOCAL}
    wanted = {}
    for state in set(REACHED) - LOCAL:
        case = told(state)
        assert case.state is state
        wanted[str(state)] = [", ".join(may(case, party)) or "-" for party in (SEEKER, OWNER)]
    assert set(wanted) == set(found)
    assert {name: said for name, said in found.items() if said != wanted[name]} == {}


def test_every_refusal_has_its_cause_and_remedy_in_the_docs() -> None:
    """Each code that the code of introductions can raise or count stands in the table, and none that nobody raises."""
    said = set(re.findall(r"^\| `((?:introductions?|message)-[a-z-]+)` \|", DOCS, re.MULTILINE))
    raised: set[str] = set()
    for name in WHERE:
        for found in ast.walk(ast.parse((ROOT / "node" / name).read_text(encoding="utf-8"))):
            if isinstance(found, ast.Constant) and isinstance(found.value, str) and CODE.fullmatch(found.value):
                raised.add(found.value)
    # The names under which routes share values are no codes.
    assert said == raised - {"introductions-node", "introductions-door", "introduction-requests"}
