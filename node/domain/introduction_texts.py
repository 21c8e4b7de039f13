"""The text to which networks and firms consent before the other side is told who they are: the same on the page and in the docs.

In: nothing. Out: the text of version ``2026-1`` (flows/casework CONSENT_VERSION); a text that changes gets a new version, and
consents keep the version to which they were given. Source: docs/introductions.md; GDPR art. 6, 7.
"""

from __future__ import annotations

from typing import Final

from node.errors import N_

CONSENT_TEXT: Final = N_(
    "Acconsento a che questo ufficio comunichi all'ufficio dell'altra parte, e questo alla rete o all'impresa con cui mi mette in contatto, "
    "tre cose: il nome della mia rete o impresa; i nomi delle imprese che ne fanno parte, ciascuno con il suo comune; nome, ruolo, "
    "posta elettronica e telefono della persona da contattare. Escono una volta, in un messaggio sigillato che soltanto l'altro ufficio può "
    "aprire, e soltanto quando anche l'altra parte ha acconsentito; servono a parlarsi e a nient'altro. Posso revocare questo consenso in "
    "ogni momento, rivolgendomi a questo ufficio: se i nomi non sono ancora usciti, non escono e il contatto si chiude; se sono usciti, "
    "l'altro ufficio li cancella e ne dà ricevuta, ma chi li ha già letti li conosce. Questo ufficio conserva chi ha dato il consenso, "
    "quando, a quale testo, e che cosa è stato comunicato."
)
