"""Mail over an encrypted line: with a login, to a server that is the one it says, and otherwise not at all."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

from node.errors import OperatorError, RoadWrongError
from node.peers.mail import STARTTLS, TLS, MailServer, send
from tests.mail_made import mail_sink, self_signed


def message() -> EmailMessage:
    """A short one."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "rete@example.org", "a@example.org", "Olio"
    made.set_content("Nuovi profili")
    return made


def server(port: int, tls: str, password: str = "segreto") -> MailServer:  # noqa: S107 - no secret of anybody
    """The sink as a node is told of it."""
    return MailServer("localhost", port, tls, "rete", "rete@example.org", password)


@pytest.mark.parametrize("tls", [STARTTLS, TLS])
async def test_a_message_goes_encrypted_with_a_login(tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the question for encryption is said in the clear; a wrong password is told as such."""
    context, authority = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    async with mail_sink(context, at_once=tls == TLS) as sink:
        await send(server(sink.port, tls), message())
        assert (sink.logins, sink.encrypted, sink.recipients) == ([("rete", "segreto")], [True], ["a@example.org"])
        assert sink.messages[0].get_content().strip() == "Nuovi profili"
        assert sink.clear == ([] if tls == TLS else ["EHLO", "STARTTLS"])
        sink.answers = {"AUTH": "535 no"}
        with pytest.raises(OperatorError) as caught:
            await send(server(sink.port, tls, "falsa"), message())
        assert (caught.value.code, len(sink.messages)) == ("mail-login", 1)


@pytest.mark.parametrize("tls", [STARTTLS, TLS])
@pytest.mark.parametrize("name", ["localhost", "mail.example.org"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    name: str, tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown, or another server's: neither login nor message is handed over, and the code says what is wrong."""
    context, authority = self_signed(tmp_path, name)
    if name != "localhost":
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    async with mail_sink(context, at_once=tls == TLS) as sink:
        with pytest.raises(OperatorError) as caught:
            await send(server(sink.port, tls), message())
        assert (caught.value.code, sink.logins, sink.messages) == ("mail-certificate", [], [])


async def test_a_server_without_encryption_is_told_nothing(tmp_path: Path) -> None:
    """Where STARTTLS is wanted and not offered, or refused, neither login nor message goes."""
    async with mail_sink() as sink:
        with pytest.raises(OperatorError) as caught:
            await send(server(sink.port, STARTTLS), message())
        assert (caught.value.code, sink.clear, sink.messages) == ("mail-no-tls", ["EHLO"], [])
    context, _ = self_signed(tmp_path)
    async with mail_sink(context) as sink:
        sink.answers = {"STARTTLS": "454 not now"}
        with pytest.raises(RoadWrongError) as later:
            await send(server(sink.port, STARTTLS), message())
        assert (later.value.code, set(sink.clear) - {"QUIT"}, sink.messages) == (
            "mail-refused",
            {"EHLO", "STARTTLS"},
            [],
        )
