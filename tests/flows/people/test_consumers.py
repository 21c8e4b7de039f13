"""The files of keys by which other administrations are known: one that is wrong is refused by its name, and changes nothing at work."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from node.domain.interop import Rules
from node.errors import OperatorError
from node.flows.people import consumers
from tests.consumers_made import AUDIENCE, System
from tests.federation_made import Clock


def settings_of(folder: Path) -> consumers.Settings:
    """A node that knows the keys of a folder."""
    return consumers.Settings(Rules(AUDIENCE, 300, 30), ("ES256",), False, False, folder, "", None, ())


def bad(**more: Any) -> Callable[[System], dict[str, Any]]:
    """A set with something else in its first key, or without it."""

    def make(system: System) -> dict[str, Any]:
        told = system.jwks()
        key = {**told["keys"][0], **more}
        return {**told, "keys": [{name: value for name, value in key.items() if value is not None}]}

    return make


@pytest.mark.parametrize(
    "make",
    [
        lambda system: [],
        lambda system: {"keys": []},
        lambda system: {**system.jwks(), "iss": ""},
        lambda system: {**system.jwks(), "sub": [1]},
        lambda system: {**system.jwks(), "keys": system.jwks()["keys"] * 2},
        lambda system: {**system.jwks(), "keys": [{**system.key.as_dict(private=True), "kid": "k"}]},
        bad(kid=None),
        bad(kty="oct"),
        bad(use="enc"),
        bad(x="AA"),
        bad(crv="P-384"),
    ],
)
def test_a_file_of_keys_that_is_wrong_stops_the_start_and_names_itself(tmp_path: Path, make: Any) -> None:
    """No key, no owner, a private one, a shared one, one for other things, one that is none, one that others have."""
    system = System(Clock()())
    (tmp_path / "regione.json").write_text(json.dumps(make(system)), encoding="utf-8")
    settings = settings_of(tmp_path)
    with pytest.raises(OperatorError) as caught:
        consumers.read_ring(settings)
    assert (caught.value.code, caught.value.where) == ("interop-keys-bad", str(tmp_path / "regione.json"))
    assert "PRIVATE" not in str(caught.value)


def test_two_administrations_share_neither_a_key_s_name_nor_their_own(tmp_path: Path) -> None:
    """Who signs is told by the file that a kid stands in: it stands in one; and there must be files at all."""
    system = System(Clock()())
    settings = settings_of(tmp_path)
    with pytest.raises(OperatorError) as caught:
        consumers.read_ring(settings)
    assert caught.value.code == "interop-keys-missing"
    system.write(tmp_path, "a")
    System(Clock()(), issuer="https://b.example.it").write(tmp_path, "b")
    with pytest.raises(OperatorError) as caught:
        consumers.read_ring(settings)
    assert caught.value.code == "interop-keys-bad"
    System(Clock()(), kid="b-1").write(tmp_path, "b")
    with pytest.raises(OperatorError) as caught:
        consumers.read_ring(settings)
    assert caught.value.code == "interop-keys-bad"
    (tmp_path / "b.json").write_bytes(b"x" * 300_000)
    with pytest.raises(OperatorError) as caught:
        consumers.read_ring(settings)
    assert caught.value.code == "interop-keys-bad"


async def test_keys_are_read_again_within_a_minute_and_a_wrong_file_changes_nothing(tmp_path: Path) -> None:
    """Not at each request; what is wrong is said once a look, and what was known counts on until it is put right."""
    clock = Clock()
    system = System(clock())
    system.write(tmp_path)
    door = consumers.open_door(settings_of(tmp_path))
    await consumers.look_again(door, clock())
    other = System(clock(), issuer="https://b.example.it", kid="b-1")
    other.write(tmp_path, "b")
    await consumers.look_again(door, clock() + dt.timedelta(seconds=59))
    assert set(door.ring.consumers) == {"regione-1"}
    await consumers.look_again(door, clock() + dt.timedelta(seconds=60))
    assert set(door.ring.consumers) == {"regione-1", "b-1"}
    (tmp_path / "regione.json").write_text("{", encoding="utf-8")
    with structlog.testing.capture_logs() as lines:
        await consumers.look_again(door, clock() + dt.timedelta(seconds=120))
        await consumers.look_again(door, clock() + dt.timedelta(seconds=180))
    assert [(line["event"], line["code"]) for line in lines] == [("interop.keys_not_read", "interop-keys-bad")] * 2
    assert set(door.ring.consumers) == {"regione-1", "b-1"}
    # Whose file is taken away is known no more.
    (tmp_path / "regione.json").unlink()
    await consumers.look_again(door, clock() + dt.timedelta(seconds=240))
    assert set(door.ring.consumers) == {"b-1"}
