"""The only outgoing mail: one message to the administration's own server, bounded in time.

In: the server's settings and a message. Out: nothing, or an error whose code says what is wrong; the server's own words quote
addresses, so they go nowhere. The server is the operator's choice and may stand on a private address: no guard here.
Source: RFC 5321, RFC 3207 (STARTTLS), RFC 8314 (TLS from the first byte).
"""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final

from node.errors import N_, OperatorError, RoadWrongError

STARTTLS, TLS, NONE = "starttls", "tls", "none"
TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail goes out, and as whom; ``user`` empty: without a login."""

    host: str
    port: int
    tls: str
    user: str
    sender: str
    password: str = field(default="", repr=False)


async def send(server: MailServer, message: EmailMessage) -> None:
    """Hand one message to the server.

    Raises: OperatorError(mail-login, mail-no-tls, mail-certificate), RoadWrongError(mail-refused, mail-unreachable). When the
    connection breaks after the message was handed over, nobody knows whether it went: the error is mail-unreachable.
    """
    await asyncio.to_thread(_send, server, message)


def _send(server: MailServer, message: EmailMessage) -> None:
    # Causes are left out on purpose: their texts name the recipient.
    try:
        _speak(server, message)
    except smtplib.SMTPAuthenticationError:
        raise OperatorError(
            "mail-login", N_("il server di posta rifiuta utente o password"), hint=N_("controllare [mail] in node.toml")
        ) from None
    except smtplib.SMTPNotSupportedError:
        raise OperatorError(
            "mail-no-tls",
            N_("il server di posta non offre ciò che [mail] chiede"),
            hint=N_("controllare [mail] in node.toml"),
        ) from None
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused):
        raise RoadWrongError("mail-refused", N_("il server di posta non accetta il messaggio")) from None
    except ssl.SSLCertVerificationError:
        raise OperatorError(
            "mail-certificate",
            N_("il certificato del server di posta non è valido per il suo nome, o nessuno lo garantisce"),
            hint=N_("controllare [mail] host; l'autorità di un certificato interno si indica con SSL_CERT_FILE"),
        ) from None
    except (smtplib.SMTPException, OSError, ValueError):
        raise RoadWrongError("mail-unreachable", N_("il server di posta non risponde")) from None


def _speak(server: MailServer, message: EmailMessage) -> None:
    context = ssl.create_default_context() if server.tls != NONE else None
    if server.tls == TLS:
        connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    try:
        if server.tls == STARTTLS:
            connection.starttls(context=context)
        if server.user:
            connection.login(server.user, server.password)
        connection.send_message(message)
        # The message is the server's now: what it says of our leaving changes nothing.
        with contextlib.suppress(smtplib.SMTPException, OSError):
            connection.quit()
    finally:
        connection.close()
