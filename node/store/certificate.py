"""The certificate that a proxy shows for this node, as a file: until when it is good.

In: a path. Out: a time. Nothing secret is read: a file of certificates, never of keys.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from cryptography import x509

from node.errors import N_, OperatorError

MAX_BYTES = 1_000_000


def not_after(path: Path) -> dt.datetime:
    """Return the end of the first certificate of a PEM file, which is the server's own. Raises: OperatorError(certificate-unreadable)."""
    try:
        with path.open("rb") as file:
            return x509.load_pem_x509_certificate(file.read(MAX_BYTES)).not_valid_after_utc
    except (OSError, ValueError) as error:
        raise OperatorError(
            "certificate-unreadable",
            N_("il certificato del sito non si legge ({kind})"),
            where=str(path),
            hint=N_(
                "indicare in [metrics] certificate il file PEM dei certificati (non della chiave), leggibile dall'utente del nodo"
            ),
            kind=type(error).__name__,
        ) from error
