"""The command ``rete``: one file per noun in node/cli, loaded only when its command is called."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import click

from node.cli.frame import choose_language, show_error
from node.cli.help import SpokenGroup, mistyped
from node.errors import N_, OperatorError, ReteError
from node.i18n import spoken, translator
from node.version import VERSION

# noun -> (module, attribute, one line of help)
COMMANDS = {
    "init": ("node.cli.home", "init", N_("Crea la cartella di un nodo: configurazione, chiavi, base dati.")),
    "config": ("node.cli.home", "config", N_("Controlla la configurazione.")),
    "serve": ("node.cli.serve", "serve", N_("Avvia il nodo: API, federazione, sincronizzazione.")),
    "register": ("node.cli.register", "register", N_("Elenco pubblico dei contratti di rete.")),
    "partition": ("node.cli.partition", "partition", N_("Partizioni pubbliche: gruppi di reti e loro controllo.")),
    "network": ("node.cli.network", "network", N_("Registro (privato) delle reti dell'amministrazione.")),
    "profile": ("node.cli.profile", "profile", N_("Profili anonimi: bozza, approvazione, pubblicazione, ritiro.")),
    "text": ("node.cli.text", "text", N_("La barriera dei testi: provarla su un testo.")),
    "privacy": ("node.cli.privacy", "privacy", N_("Anonimato: la verifica di ciò che è pubblicato.")),
    "audit": (
        "node.cli.audit",
        "audit",
        N_("La catena delle decisioni: chi ha deciso che cosa, e che nulla è cambiato."),
    ),
    "user": ("node.cli.user", "user", N_("Utenti delle pagine dell'ufficio: ruoli, accesso, sessioni.")),
    "gdpr": ("node.cli.gdpr", "gdpr", N_("Diritti degli interessati: accesso, cancellazione, durate, consensi.")),
    "log": ("node.cli.log", "log_group", N_("Il registro firmato: stato, prove, ripresa, nuovo anno.")),
    "join": (
        "node.cli.join",
        "join",
        N_("Entra in una federazione: legge il suo protocollo d'intesa e chiede l'adesione."),
    ),
    "agreement": (
        "node.cli.agreement",
        "agreement",
        N_("Il protocollo d'intesa: proporre, firmare, seguire chi ne fa parte."),
    ),
    "keys": ("node.cli.keys", "keys_group", N_("Le chiavi di questo nodo: quali ci sono, cambiarle, ritirarle.")),
    "peer": ("node.cli.peer", "peer", N_("Gli altri nodi della federazione.")),
    "sync": ("node.cli.sync", "sync", N_("Preleva ora le novità degli altri nodi.")),
    "search": ("node.cli.search", "search", N_("Cerca nella banca dati per la cooperazione.")),
    "saved": ("node.cli.saved", "saved", N_("Ricerche salvate: novità per feed, posta o webhook.")),
    "match": ("node.cli.match", "match", N_("Partner per una rete: chi offre ciò che le serve, con le ragioni.")),
    "intro": ("node.cli.intro", "intro", N_("Contatti tra reti: due uffici le presentano l'una all'altra.")),
    "session": ("node.cli.session", "session", N_("Sessioni informative: calendario, iscrizioni, presenze.")),
    "aggregation": (
        "node.cli.aggregation",
        "aggregation",
        N_("Aggregazioni potenziali: dalla manifestazione d'interesse alla rete iscritta."),
    ),
    "pipeline": (
        "node.cli.pipeline",
        "pipeline",
        N_("Il percorso delle aggregazioni: quante a ogni passo, in quanti giorni."),
    ),
    "catalogue": (
        "node.cli.catalogue",
        "catalogue",
        N_("Il catalogo: incontri, servizi, bandi e corsi annunciati dagli enti."),
    ),
    "case": ("node.cli.case", "case", N_("Fascicoli di assistenza a una rete, fino al contratto.")),
    "course": (
        "node.cli.course",
        "course",
        N_("Corsi: edizioni, iscrizioni da tutti i territori, presenze, questionari, attestati."),
    ),
    "call": (
        "node.cli.call",
        "call_group",
        N_("Bandi congiunti: testo, domande, valutazione, graduatoria, contributi."),
    ),
    "observatory": (
        "node.cli.observatory",
        "observatory",
        N_("L'Osservatorio nazionale: indicatori, pubblicazione, dati aperti."),
    ),
    "status": ("node.cli.status", "status", N_("In breve: che cosa gira, registri, prossimi lavori, ultima copia.")),
    "du": ("node.cli.status", "du", N_("Quanto spazio occupa il nodo: tabelle, registri, cartelle.")),
    "doctor": ("node.cli.doctor", "doctor", N_("Va tutto bene? Ogni controllo con la causa e il rimedio.")),
    "backup": ("node.cli.backup", "backup", N_("Copie di sicurezza: farle, provarle, ripristinarle.")),
    "chaos": ("node.cli.chaos", "chaos", N_("Guasti fatti apposta, per provare un nodo.")),
    "demo": ("node.cli.demo", "demo", N_("Quattro amministrazioni su questa macchina, dall'inizio alla ricerca.")),
}


class Rete(SpokenGroup):
    """The top group: it knows all nouns and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the nouns in the order of the pipeline."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of one noun."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return SpokenGroup.of(found) if isinstance(found, click.Group) else found

    def summaries(self, ctx: click.Context) -> Iterator[tuple[str, str]]:  # noqa: ARG002
        """Yield the nouns with their lines, without importing them."""
        translate = translator(spoken())
        yield from ((name, translate(text)) for name, (_, _, text) in COMMANDS.items())


@click.command(cls=Rete, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name=None, version=VERSION, prog_name="rete", help="Mostra la versione ed esce.")
def rete(**_: Any) -> None:
    """Rete delle Reti: il nodo con cui un'amministrazione condivide, in forma anonima e firmata, le reti d'impresa."""


def main() -> None:
    """Run one command; every expected failure ends in one clear line and exit status 1 or 2."""
    choose_language()
    try:
        rete(standalone_mode=False)
    except ReteError as error:
        show_error(error)
        sys.exit(error.exit_status)
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and not isinstance(error, click.exceptions.NoArgsIsHelpError):
            show_error(mistyped(error))
        else:
            error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away (| head): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        where = str(error.filename or "")
        hint = N_("controllare lo spazio su disco e i permessi")
        show_error(
            OperatorError("system-failed", N_("{reason}"), where=where, hint=hint, reason=error.strerror or error)
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
