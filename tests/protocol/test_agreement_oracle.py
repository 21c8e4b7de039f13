"""The same files through python-tuf's own client: what it refuses we refuse, and what it takes we take, or the test says why not.

The client is ``tuf.ngclient.Updater.refresh``, which reads ``<N>.root.json`` until there is none, then timestamp, snapshot and targets (ours:
the routine changes). It knows nothing of ``x-rete``. Nothing of its code is ours but the road: files come out of a dictionary.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.formats import encode_canonical
from tuf.api.exceptions import DownloadError, DownloadHTTPError, ExpiredMetadataError, RepositoryError
from tuf.ngclient import Updater
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from node.errors import PeerWrongError
from node.protocol import agreement, limits, routine
from node.protocol.agreement import Status
from tests import agreement_made as made
from tests.size import size


@dataclass
class Files(FetcherInterface):
    """A repository that is a dictionary; what it was asked for it remembers."""

    held: Mapping[str, bytes]
    asked: list[str] = field(default_factory=list)

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.rpartition("/")[2]
        self.asked.append(name)
        if name not in self.held:
            raise DownloadHTTPError("none", 404)
        return iter([self.held[name]])


def tuf_signed(kind: str, signed: dict[str, Any], by: Sequence[str]) -> bytes:
    """Metadata of another kind than ours, by those."""
    whole = {"_type": kind, "spec_version": "1.0.31", "version": 1, "expires": "2100-01-01T00:00:00Z", **signed}
    message = str(encode_canonical(whole)).encode()
    signatures = [
        {"keyid": agreement.council_keyid(made.public(name)), "sig": made.private(name).sign(message).hex()}
        for name in by
    ]
    return json.dumps({"signatures": signatures, "signed": whole}).encode()


def repository(
    roots: Mapping[int, bytes], targets: bytes | None = None, by: Sequence[str] = made.THREE
) -> dict[str, bytes]:
    """What a server of TUF would offer: our documents, and the two that we have no use for."""
    targets = targets or made.changes(1)
    return {
        **{f"{version}.root.json": raw for version, raw in roots.items()},
        "timestamp.json": tuf_signed("timestamp", {"meta": {"snapshot.json": {"version": 1}}}, by),
        "1.snapshot.json": tuf_signed(
            "snapshot", {"meta": {"targets.json": {"version": json.loads(targets)["signed"]["version"]}}}, by
        ),
        f"{json.loads(targets)['signed']['version']}.targets.json": targets,
    }


@dataclass(frozen=True)
class Outcome:
    """How far somebody came, and with what error."""

    version: int
    error: Exception | None

    @property
    def good(self) -> bool:
        """Whether all was taken."""
        return self.error is None


def by_tuf(folder: Path, pinned: bytes, held: Mapping[str, bytes], now: dt.datetime = made.NOW) -> Outcome:
    """What python-tuf's client says."""
    config = UpdaterConfig(max_root_rotations=limits.AGREEMENT_MAX_STEPS, root_max_length=limits.AGREEMENT_MAX_BYTES)
    updater = Updater(str(folder), "https://x.example/", fetcher=Files(held), config=config, bootstrap=pinned)
    trusted = updater._trusted_set
    trusted.reference_time = now
    try:
        updater.refresh()
    except (RepositoryError, DownloadError) as error:
        return Outcome(trusted.root.version, error)
    return Outcome(trusted.root.version, None)


def by_us(pinned: bytes, held: Mapping[str, bytes], now: dt.datetime = made.NOW) -> Outcome:
    """What we say, in the same steps: version by version until there is none, or 64."""
    trusted = agreement.first(pinned)
    for _ in range(limits.AGREEMENT_MAX_STEPS):
        raw = held.get(f"{trusted.version + 1}.root.json")
        if raw is None:
            break
        try:
            trusted = agreement.step(trusted, raw, now)
        except PeerWrongError as error:
            return Outcome(trusted.version, error)
    return Outcome(trusted.version, None)


def both(
    folder: Path, roots: Mapping[int, bytes], now: dt.datetime = made.NOW, by: Sequence[str] = made.THREE
) -> tuple[Outcome, Outcome]:
    """How far each came, beginning with the first version."""
    held = repository(roots, by=by)
    return by_us(roots[1], held, now), by_tuf(folder, roots[1], held, now)


FIRST = made.root()


def code_of(outcome: Outcome) -> str:
    """The code of a refusal of ours."""
    assert isinstance(outcome.error, PeerWrongError)
    return outcome.error.code


def test_a_good_chain_is_good_for_both(tmp_path: Path) -> None:
    """To its end, with the same bytes signed; the oracle finds our routine changes good as well."""
    ours, theirs = both(tmp_path, {1: FIRST, 2: made.root(2), 3: made.root(3, by=("lecce", "bari"))})
    assert (ours, theirs) == (Outcome(3, None), Outcome(3, None))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (made.root(2, by=("lecce", "bari"), council=made.council(made.THREE, 3)), "agreement-unsigned"),
        (made.root(2, by=("lecce",)), "agreement-unsigned"),
        (made.root(2, by=()), "agreement-unsigned"),
        (made.root(2, by=("lecce", "s1", "s2", "stranger")), "agreement-unsigned"),
        (made.root(3), "agreement-version-skipped"),
        (FIRST, "agreement-version-old"),
        (made.root(2, by=made.THREE, council=made.council(("roma", "milano"), 2)), "agreement-unsigned"),
        (made.root(2, by=("roma", "milano", "lecce"), council=made.council(("roma", "milano"), 2)), "agreement-unsigned"),
        (agreement.with_signatures(made.unsigned(2), agreement.parse(made.root(2, pdf_sha256="0" * 64)).signatures.items()), "agreement-unsigned"),
        (made.root(2)[:-5], "agreement-malformed"),
        (b"", "agreement-malformed"),
        (made.changes(2), "agreement-malformed"),
        (json.dumps([json.loads(made.root(2))]).encode(), "agreement-malformed"),
    ],
    ids=["too few for the new council", "one", "none", "strangers", "skipped", "replayed", "new council missing", "old council missing", "moved signatures", "cut", "empty", "routine", "list"],
)  # fmt: skip
def test_both_refuse_what_the_council_did_not_say(tmp_path: Path, raw: bytes, code: str) -> None:
    """And stay at the version that they had."""
    ours, theirs = both(tmp_path, {1: FIRST, 2: raw})
    assert (ours.version, code_of(ours)) == (1, code)
    assert theirs.version == 1
    assert isinstance(theirs.error, RepositoryError)


def test_two_of_three_are_too_few_where_three_must_sign(tmp_path: Path) -> None:
    """Of a council that was there before."""
    three = made.council(made.THREE, 3)
    for by, version in ((("lecce", "bari"), 1), (made.THREE, 2)):
        ours, theirs = both(tmp_path, {1: made.root(council=three), 2: made.root(2, by=by, council=three)})
        assert ours.version == theirs.version == version
        assert ours.good == theirs.good == (version == 2)


def twice(raw: bytes) -> bytes:
    """A document with its first signature twice."""
    document = json.loads(raw)
    document["signatures"].append(document["signatures"][0])
    return json.dumps(document).encode()


def test_the_same_signer_twice_is_refused_by_both(tmp_path: Path) -> None:
    """One key id twice is no document at all, with one signer or with enough of them."""
    for by in (("lecce",), ("lecce", "bari")):
        ours, theirs = both(tmp_path, {1: FIRST, 2: twice(made.root(2, by=by))})
        assert (code_of(ours), ours.version, theirs.version, theirs.good) == ("agreement-malformed", 1, 1, False)


def with_council_key(raw: bytes, keyid: str, public: bytes, signature: str) -> bytes:
    """An agreement with one more key in the council, under that id, and its signature; signed by no other."""
    document = json.loads(raw)
    document["signed"]["keys"][keyid] = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public.hex()}}
    for name in ("root", "snapshot", "timestamp"):
        document["signed"]["roles"][name]["keyids"].append(keyid)
    if signature:
        document["signatures"] = [{"keyid": keyid, "sig": signature}]
    return json.dumps(document).encode()


def signed_by_hand(raw: bytes, keyids: Mapping[str, str]) -> bytes:
    """A document signed over TUF's bytes by keys under any ids."""
    document = json.loads(raw)
    message = str(encode_canonical(document["signed"])).encode()
    document["signatures"] = [
        {"keyid": keyid, "sig": made.private(name).sign(message).hex()} for keyid, name in keyids.items()
    ]
    return json.dumps(document).encode()


def test_one_key_under_two_ids_is_one_voice_for_us_alone(tmp_path: Path) -> None:
    """python-tuf leaves key ids to whoever signs: there one holder is two voices. Ours are computed from the keys, and it is refused."""
    other = "ab" * 32
    own = agreement.council_keyid(made.public("lecce"))
    double = signed_by_hand(
        with_council_key(made.unsigned(2), other, made.public("lecce"), ""), {own: "lecce", other: "lecce"}
    )
    # A first version is signed by its own council alone: the client of TUF begins with it.
    pinned = json.loads(double)
    pinned["signed"]["version"] = 1
    first = signed_by_hand(json.dumps(pinned).encode(), {own: "lecce", other: "lecce"})
    held = repository({1: first, 2: double}, by=("lecce", "bari"))
    assert by_tuf(tmp_path, first, held).version == 2
    for raw in (first, double):
        with pytest.raises(PeerWrongError) as caught:
            agreement.parse(raw)
        assert caught.value.code == "agreement-malformed"


# R is the neutral point and S is zero: good for every key of small order whose multiple by the hash is neutral, so for the neutral point always.
NEUTRAL = bytes([1]) + bytes(31)
FORGED = (NEUTRAL + bytes(32)).hex()


def test_a_key_for_which_anybody_signs_is_refused_by_us_alone(tmp_path: Path) -> None:
    """python-tuf takes a signature that nobody made. No such key gets into an agreement of ours."""
    keyid = hashlib.sha256(
        str(encode_canonical({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": NEUTRAL.hex()}})).encode()
    ).hexdigest()
    one = made.council(made.THREE, 1)
    first = with_council_key(made.unsigned(council=one), keyid, NEUTRAL, FORGED)
    second = with_council_key(made.unsigned(2, council=one), keyid, NEUTRAL, FORGED)
    assert by_tuf(tmp_path, first, repository({1: first, 2: second})).version == 2
    with pytest.raises(PeerWrongError) as caught:
        agreement.parse(second)
    assert caught.value.code == "key-low-order"


def reused() -> bytes:
    """A second version in which two nodes have one request key."""
    document = json.loads(made.unsigned(2))
    nodes = document["signed"]["x-rete"]["nodes"]
    nodes[1]["http"][0]["pub"] = nodes[0]["http"][0]["pub"]
    return made_signed(document)


def made_signed(document: dict[str, Any]) -> bytes:
    """A document signed by the whole council over TUF's bytes, whatever is in it."""
    return signed_by_hand(
        json.dumps(document).encode(), {agreement.council_keyid(made.public(name)): name for name in made.THREE}
    )


def edited(version: int, **changed: Any) -> bytes:
    """A version of which a part of x-rete, or of what is signed, is another."""
    document = json.loads(made.unsigned(version))
    for name, value in changed.items():
        (document["signed"] if name in document["signed"] else document["signed"]["x-rete"])[name] = value
    return made_signed(document)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (reused(), "agreement-key-reused"),
        (edited(2, zz=1), "agreement-malformed"),
        (edited(2, nodes=[]), "agreement-rule-broken"),
        (edited(2, consistent_snapshot=False), "agreement-malformed"),
        (edited(2, expires="2028-1-1T00:00:00Z"), "agreement-malformed"),
        (made.root(2, nodes=[made.node("lecce", name="Altro"), made.node("torino")]), "agreement-rule-broken"),
        (made.root(2).replace(b'"version"', b'"version": 2, "version"'), "agreement-malformed"),
    ],
    ids=["two nodes with one key", "unknown field", "forgotten nodes", "no snapshots", "odd date", "uncounted change", "a key twice"],
)  # fmt: skip
def test_what_only_we_refuse_is_signed_well(tmp_path: Path, raw: bytes, code: str) -> None:
    """Rules of x-rete, which TUF does not read, and documents that two readers could read as two: the oracle takes them, if it reads what was signed."""
    ours, theirs = both(tmp_path, {1: FIRST, 2: raw})
    assert (ours.version, code_of(ours)) == (1, code)
    # It signs for the date in its usual form, and so does not know the other form's bytes.
    assert theirs.version == (1 if b"2028-1-1" in raw else 2)


def test_the_key_of_a_suspended_node_is_no_matter_of_tuf(tmp_path: Path) -> None:
    """Both take the version that suspends it; that its requests are refused from then on is what our roll makes of the entry."""
    suspended = made.node("torino", rev=2, status=Status.SUSPENDED, since=made.TODAY)
    ours, theirs = both(tmp_path, {1: FIRST, 2: made.root(2, nodes=[made.node("lecce"), suspended])})
    assert ours == theirs == Outcome(2, None)


SOON = made.NOW + dt.timedelta(days=1)
PAST = made.NOW - dt.timedelta(days=1)


def test_an_expired_version_in_between_is_passed_through(tmp_path: Path) -> None:
    """By both: what counts is the last one."""
    ours, theirs = both(
        tmp_path, {1: made.root(expires=PAST), 2: made.root(2, expires=PAST), 3: made.root(3, expires=SOON)}
    )
    assert ours == theirs == Outcome(3, None)


def test_an_expired_last_version_stops_tuf_and_warns_us(tmp_path: Path) -> None:
    """TUF's client refuses to go on. Ours reads on by decision (PROTOCOL 7.7): a federation does not go dark, it tells, and nobody joins."""
    roots = {1: FIRST, 2: made.root(2, expires=PAST)}
    ours, theirs = both(tmp_path, roots)
    assert ours == Outcome(2, None)
    assert theirs.version == 2
    assert isinstance(theirs.error, ExpiredMetadataError)
    last = agreement.step(agreement.first(FIRST), roots[2], made.NOW)
    assert last.is_expired(made.NOW)
    assert both(tmp_path, roots, now=PAST - dt.timedelta(seconds=1))[1].good
    with pytest.raises(PeerWrongError, match="agreement-expired"):
        agreement.step(last, made.root(3, nodes=[*last.nodes, made.node("arezzo", since=made.TODAY)]), made.NOW)


def test_a_document_of_five_megabytes_is_not_read(tmp_path: Path) -> None:
    """By neither, at the same limit; at the limit it is read by both."""
    second = made.root(2)
    for length, version in ((5_000_000, 1), (limits.AGREEMENT_MAX_BYTES + 1, 1), (limits.AGREEMENT_MAX_BYTES, 2)):
        ours, theirs = both(tmp_path, {1: FIRST, 2: second.ljust(length)})
        assert ours.version == theirs.version == version
        if version == 1:
            assert (code_of(ours), type(theirs.error).__name__) == (
                "agreement-too-large",
                "DownloadLengthMismatchError",
            )


def test_a_hundred_versions_behind_are_two_refreshes(tmp_path: Path) -> None:
    """Of 64 steps each, for both; where the first one ends the second begins."""
    roots = {version: made.root(version, by=("lecce", "bari")) for version in range(1, 102)}
    held = repository(roots)
    pinned = roots[1]
    for reached in (65, 101):
        assert by_us(pinned, held) == by_tuf(tmp_path / str(reached), pinned, held) == Outcome(reached, None)
        pinned = roots[reached]


def test_a_hole_in_the_chain_ends_it_for_both(tmp_path: Path) -> None:
    """Nothing behind it is asked for."""
    files = Files(repository({1: FIRST, 2: made.root(2), 4: made.root(4)}))
    assert by_us(FIRST, files.held) == by_tuf(tmp_path, FIRST, files.held) == Outcome(2, None)


def test_routine_changes_are_targets_for_tuf(tmp_path: Path) -> None:
    """The secretariat's threshold, expiry: the oracle says of the document what we say; of the node's consent it knows nothing."""
    trusted = agreement.first(FIRST)
    change = made.consented(made.node("lecce", rev=2, name="Altro"))
    forged = replace(change, consent=made.consented(made.node("torino", rev=2)).consent)
    for raw, ours, theirs in (
        (made.changes(1, change), "", True),
        (made.changes(1, change, by=("s1", "s3")), "", True),
        (made.changes(1, change, by=("s1",)), "routine-unsigned", False),
        (made.changes(1, change, by=("s1", "lecce", "bari")), "routine-unsigned", False),
        (made.changes(1, change, expires=PAST), "routine-expired", False),
        (made.changes(1, forged), "routine-unconsented", True),
    ):
        try:
            routine.check(trusted, None, raw, made.NOW)
            code = ""
        except PeerWrongError as error:
            code = error.code
        outcome = by_tuf(tmp_path / hashlib.sha256(raw).hexdigest(), FIRST, repository({1: FIRST}, raw))
        assert (code, outcome.good) == (ours, theirs)


PEOPLE = ("lecce", "torino", "bari", "roma", "milano")
councils = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4, unique=True).flatmap(
    lambda names: st.tuples(st.just(tuple(names)), st.integers(1, len(names)))
)
links = st.tuples(
    councils,
    st.lists(st.sampled_from((*PEOPLE, "stranger")), max_size=6, unique=True),
    st.sampled_from([0, 0, 0, 0, -1, 1]),
)


@pytest.mark.many
@given(start=councils, chain=st.lists(links, min_size=1, max_size=5))
@settings(max_examples=size(15, 40))
def test_of_any_chain_of_councils_both_take_the_same(start: tuple[tuple[str, ...], int], chain: list[Any]) -> None:
    """Whoever hands over to whomever with whatever signatures and numbers: as far as the oracle comes we come, and no further."""
    names, threshold = start
    roots = {1: made.root(by=names, council=made.council(names, threshold))}
    for at, ((members, least), by, slip) in enumerate(chain, 2):
        roots[at] = made.root(max(1, at + slip), by=by, council=made.council(members, least))
    held = repository(roots, by=PEOPLE)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = by_us(roots[1], held), by_tuf(Path(folder), roots[1], held)
    assert ours.version == theirs.version
    assert ours.good == theirs.good


@pytest.mark.many
@given(
    chain=st.lists(
        st.tuples(councils, st.lists(st.sampled_from(PEOPLE), max_size=2, unique=True)), min_size=1, max_size=5
    )
)
@settings(max_examples=size(10, 20))
def test_whoever_has_enough_signatures_goes_the_whole_way(chain: list[Any]) -> None:
    """Chains that are signed well, and nearly so: the old and the new council, but for some who did not sign."""
    names: tuple[str, ...] = made.THREE
    roots = {1: FIRST}
    for at, ((members, least), away) in enumerate(chain, 2):
        by = [name for name in dict.fromkeys((*names, *members)) if name not in away]
        roots[at] = made.root(at, by=by, council=made.council(members, least))
        names = members
    held = repository(roots, by=PEOPLE)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = by_us(FIRST, held), by_tuf(Path(folder), FIRST, held)
    assert (ours.version, ours.good) == (theirs.version, theirs.good)
