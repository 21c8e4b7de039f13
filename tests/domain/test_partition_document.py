"""``partition/1`` as a document: parts, hostile forms, nested ones of before, and a second builder that shares no code."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import random
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import partition, partition_parts, theme
from node.domain.partition import Partition
from node.domain.partition_form import canonical
from node.domain.register import RegisterNetwork
from node.errors import CallerError
from node.store import schemas
from tests.domain.test_partition import SECTORS, TERRITORIES, built, populations
from tests.national_made import national

TESTS = Path(__file__).resolve().parents[1]
CHECKER = TESTS / "check_partition.py"
VECTOR = TESTS / "vectors" / "partition.v1.json"
ITEM = "00000000-0000-4000-8000-000000000000"


@cache
def checker() -> Any:
    """The builder that was written from PROTOCOL 8 alone."""
    spec = importlib.util.spec_from_file_location("check_partition", CHECKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def vector_rows(rows: list[RegisterNetwork]) -> list[dict[str, Any]]:
    """Rows as the checker takes them; the lines of the digest are written out here, not borrowed."""
    found = []
    for row in rows:
        facts = (row.register_id, row.municipality, row.province, row.region, row.ateco, row.registered_on.isoformat())
        line = "\t".join((*facts, str(row.members), row.kind.value, row.theme, "1"))
        found.append({"keys": partition.keys_of(row, SECTORS), "kind": row.kind.value, "line": line})
    return found


def rebuilt(made: Partition, rows: list[RegisterNetwork]) -> list[dict[str, Any]]:
    """The nodes that the other builder comes to."""
    nodes: list[dict[str, Any]] = []
    members = partition.members_of(rows, made.scope, TERRITORIES)
    checker().preorder(vector_rows(members), [0] * 5, json.loads(made.document), nodes)
    return nodes


@given(populations())
def test_another_program_builds_the_same_nodes(rows: list[RegisterNetwork]) -> None:
    """What PROTOCOL 8.2 says in words, written down a second time, gives the same tree."""
    made = built(rows)
    assert rebuilt(made, rows) == made.nodes


@pytest.mark.many
def test_another_program_builds_the_national_partition() -> None:
    """The same for 9,630 contracts."""
    made = built(national())
    assert rebuilt(made, national()) == made.nodes


@pytest.mark.many
def test_the_vector_is_what_both_programs_build() -> None:
    """tests/vectors/partition.v1.json: one province's contracts and their document; the checker says so as a program."""
    vector = json.loads(VECTOR.read_text(encoding="utf-8"))
    rows = [row for row in national() if row.province == "BR"]
    made = built(rows, scope=("BR",))
    assert json.loads(made.document) == vector["document"]
    assert made.digest == vector["digest"]
    assert json.loads(json.dumps(vector_rows(partition.members_of(rows, ("BR",), TERRITORIES)))) == vector["rows"]
    assert subprocess.run([sys.executable, str(CHECKER), str(VECTOR)], check=False).returncode == 0


def test_the_other_program_sees_a_difference(tmp_path: Path) -> None:
    """A count, a key or a row that was touched is no longer the same partition."""
    for place, value in (
        (("document", "nodes", -1, "n"), 99),
        (("rows", 0, "line"), "x"),
        (("document", "k_build"), 20),
    ):
        vector = json.loads(VECTOR.read_text(encoding="utf-8"))
        at = vector
        for step in place[:-1]:
            at = at[step]
        at[place[-1]] = value
        other = tmp_path / "other.json"
        other.write_text(json.dumps(vector), encoding="utf-8")
        assert subprocess.run([sys.executable, str(CHECKER), str(other)], check=False).returncode == 1


def test_themes_on_the_wire_are_those_of_the_rule() -> None:
    """schemas/themes.json, which PROTOCOL 8.1 names, gives the themes that this node gives."""
    stems = json.loads(schemas.folder().joinpath("themes.json").read_text(encoding="utf-8"))
    assert [*stems, "other"] == list(theme.THEMES)
    for name, words in stems.items():
        assert {theme.classify(f"la rete {word}") for word in words} == {name}
    assert stems == {name: list(words) for name, words in theme._STEMS.items()}


def test_every_part_keeps_the_schema() -> None:
    """Parts of a long partition are valid bodies; what the schema forbids is not."""
    validator = schemas.validators()["partition/1"]
    parts = [{**part, "id": ITEM} for part in partition_parts.parts_of(built(national()))]
    assert all(validator.is_valid(part) for part in parts)
    changes: list[dict[str, Any]] = [
        {"k": 4}, {"k_build": 4}, {"version": 0}, {"nodes": []}, {"digest": "x"}, {"first": [0, 0, 0, 0, 0]}, {"more": 1},
        {"snapshot": "2024-13-01"}, {"part": 0}, {"parts": 257}, {"scope": ["x"]}, {"nodes": [{"n": 4, "kind": "any", "s": []}]},
        {"nodes": [{"a": 5, "l": 0, "c": []}]}, {"nodes": [{"a": 0, "l": 0, "c": [[["a"], 1]]}]},
    ]  # fmt: skip
    assert not any(validator.is_valid({**parts[0], **change}) for change in changes)


@given(populations(), st.integers(2_000, 6_000), st.randoms())
def test_parts_in_any_order_make_the_whole(rows: list[RegisterNetwork], size: int, source: random.Random) -> None:
    """However small the parts: shuffled and repeated they give the document back, and none is longer than allowed."""
    made = built(rows)
    parts = [{**part, "id": ITEM} for part in partition_parts.parts_of(made, size)]
    assert all(len(canonical(part)) <= size for part in parts)
    given_parts = [*parts, source.choice(parts)]
    source.shuffle(given_parts)
    assert partition_parts.joined(given_parts).document == made.document


def test_a_partition_that_lacks_or_mixes_parts_is_none() -> None:
    """A missing part, one of another partition, a changed node: each is told, none gives a partition."""
    made, other = built(national()), built(national(), version=2)
    parts, others = partition_parts.parts_of(made), partition_parts.parts_of(other)
    forged = [dict(part) for part in parts]
    forged[-1] = {**forged[-1], "nodes": [*forged[-1]["nodes"][:-1], {**forged[-1]["nodes"][-1], "n": 77}]}
    cases = [
        ([], "partition-incomplete"),
        (parts[1:], "partition-incomplete"),
        ([parts[0], *others[1:]], "partition-malformed"),
        (forged, "partition-digest-differs"),
    ]
    for wrong, code in cases:
        with pytest.raises(CallerError) as caught:
            partition_parts.joined(wrong)
        assert caught.value.code == code


def test_a_node_longer_than_a_part_is_said() -> None:
    """What no part can hold is refused when it is made, not when it is read."""
    with pytest.raises(CallerError) as caught:
        partition_parts.parts_of(built(national()), 800)
    assert caught.value.code == "partition-too-large"


def nested(made: Partition) -> bytes:
    """The same tree as documents of before had it."""

    def tree(number: int) -> dict[str, Any]:
        node = made.nodes[number]
        if "n" in node:
            return dict(node)
        children = [[keys, tree(child)] for keys, child in node["c"]]
        return {"a": node["a"], "l": node["l"], "c": children, "p": len(children[-1][0]) > 1}

    fields = {
        name: value for name, value in json.loads(made.document).items() if name not in ("nodes", "group", "first")
    }
    return canonical({**fields, "tree": tree(0)})


@given(populations())
def test_nested_documents_of_before_are_still_read(rows: list[RegisterNetwork]) -> None:
    """Profiles stand on them for years: same blocks, own digest, and known as what no log ever held."""
    made = built(rows)
    raw = nested(made)
    again = partition.load(raw)
    assert (again.blocks, again.nested, made.nested) == (made.blocks, True, False)
    assert again.digest == hashlib.sha256(raw).hexdigest()
    assert all(again.lookup(row, SECTORS) == made.lookup(row, SECTORS) for row in rows)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 9), st.text(max_size=3), st.just([]), st.just({}), st.just([["x"], 1])
)


@given(populations(), st.randoms(), VALUES)
def test_a_document_with_anything_changed_is_refused_or_sound(
    rows: list[RegisterNetwork], source: random.Random, value: Any
) -> None:
    """A peer's fancy gives a refusal with its code, or a partition whose blocks can be used; never another error."""
    fields = json.loads(built(rows).document)
    at: Any = fields
    while True:
        step = source.choice(list(at) if isinstance(at, dict) else range(len(at)))
        if not at[step] or not isinstance(at[step], (dict, list)) or source.random() < 0.2:
            break
        at = at[step]
    at[step] = value
    try:
        found = partition.load(canonical(fields))
    except CallerError as error:
        assert error.code == "partition-malformed"
        return
    leaves = [node for node in found.nodes if "n" in node]
    assert [block.count for block in found.blocks] == [leaf["n"] for leaf in leaves]
    assert all(found.find(row, SECTORS) in (None, *found.blocks) for row in rows)


def test_a_tree_that_shares_or_skips_nodes_is_none() -> None:
    """Each node is named once, in its place: no cycle, no second father, nothing left over."""
    made = built(national())
    root = made.nodes[0]
    wrong_nodes = [
        [*made.nodes, {"n": 8, "kind": "any", "s": []}],
        [{**root, "c": [[keys, 0] for keys, _ in root["c"]]}, *made.nodes[1:]],
        [{**root, "c": [*root["c"], [["zz"], root["c"][-1][1]]]}, *made.nodes[1:]],
        [{**root, "c": [[root["c"][0][0], child] for _, child in root["c"]]}, *made.nodes[1:]],
        made.nodes[1:],
    ]
    for nodes in wrong_nodes:
        with pytest.raises(CallerError) as caught:
            partition.load(canonical({**json.loads(made.document), "nodes": nodes}))
        assert caught.value.code == "partition-malformed"
