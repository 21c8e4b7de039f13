"""Who may read the numbers, and when the site's certificate ends: both sides of each rule."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from node.flows.upkeep import checkup, monitoring_check
from node.runtime import Node
from tests.flows.upkeep.test_doctor import seen_of
from tests.web.test_app import NOW, node

__all__ = ["node"]


def certificate(ends: dt.datetime) -> bytes:
    """A certificate that ends at a time."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rete.example.it")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW - dt.timedelta(days=60), ends)
    return made.sign(key, None).public_bytes(Encoding.PEM)


async def codes(node: Node, **metrics: object) -> list[tuple[str, str]]:
    """What is said of a node with these settings, with the level."""
    config = replace(node.configured, metrics=replace(node.configured.metrics, **metrics))  # type: ignore[arg-type]
    seen = await seen_of(replace(node, configured=config))
    return [(one.code, one.level) for one in monitoring_check.check(seen)]


async def test_who_may_read_the_numbers(node: Node) -> None:
    """Nobody, this machine, others."""
    assert await codes(node) == [("metrics-off", "ok")]
    assert await codes(node, port=9441) == [("metrics", "ok")]
    assert await codes(node, port=9441, host="::1") == [("metrics", "ok")]
    assert await codes(node, port=9441, host="0.0.0.0", exposed=True) == [("metrics-exposed", "warning")]


@pytest.mark.parametrize(
    ("days", "code", "level"),
    [
        (30, "certificate", "ok"),
        (20, "certificate-expiring", "warning"),
        (6, "certificate-expiring", "danger"),
        (-1, "certificate-expired", "danger"),
    ],
)
async def test_the_certificate_s_end_is_told_in_time(node: Node, days: int, code: str, level: str) -> None:
    """From the file that the proxy shows."""
    (node.home / "site.pem").write_bytes(certificate(NOW + dt.timedelta(days=days)) + b"\n" + certificate(NOW))
    assert (await codes(node, certificate="site.pem"))[1:] == [(code, level)]


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"])
async def test_a_file_that_is_no_certificate_is_told(node: Node, content: bytes | None) -> None:
    """With what to do; nothing of it is quoted."""
    file = node.home / "site.pem"
    if content is not None:
        file.write_bytes(content)
    assert (await codes(node, certificate="site.pem"))[1:] == [("certificate-unreadable", "danger")]
    config = replace(node.configured, metrics=replace(node.configured.metrics, certificate="site.pem"))
    found = await checkup.certificate_end(Path(node.home), config)
    assert "PRIVATE" not in str(found)
