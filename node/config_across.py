"""What the tables of the configuration must be to each other: each was checked by itself, here they are held together.

In: the whole value, and where in the file each key stands. Out: nothing, or the first contradiction with its line. Pure.
"""

from __future__ import annotations

from pathlib import PurePath

from node.config_checks import is_loopback, is_loopback_url, refuse
from node.config_places import Locator
from node.config_values import Config
from node.errors import N_


def _check_database(config: Config, locate: Locator) -> None:
    database = config.database
    if not database.read_url:
        return
    place = locate.place("database", "read_url")
    if not database.url:
        raise refuse("config-bad-value", place, N_("la replica è di un PostgreSQL proprio: serve anche url"))
    if database.read_url == database.url:
        raise refuse("config-bad-value", place, N_("è lo stesso indirizzo di url: qui va quello della replica"))


def _check_oidc(config: Config, locate: Locator) -> None:
    oidc = config.oidc
    if not oidc.issuer:
        return
    for key, value in (("client_id", oidc.client_id), ("client_secret_file", oidc.client_secret_file)):
        if not value:
            raise refuse(
                "config-bad-value",
                locate.place("web.oidc", key),
                N_("con un fornitore di identità serve {key}"),
                key=key,
            )
    trial = config.is_trial and is_loopback_url(oidc.issuer)
    if not oidc.issuer.startswith("https://") and not trial:
        hint = N_('http è ammesso solo verso 127.0.0.1 e con environment = "development"')
        raise refuse(
            "config-insecure-url",
            locate.place("web.oidc", "issuer"),
            N_("il fornitore di identità deve essere https"),
            hint,
        )


def _check_mail(config: Config, locate: Locator) -> None:
    mail = config.mail
    if mail.host and not mail.sender:
        raise refuse("config-bad-value", locate.place("mail", "sender"), N_("con un server di posta serve il mittente"))
    told = config.introductions
    if told.mail and not mail.host:
        place = locate.place("introductions", "mail")
        message = N_(
            "senza [mail] host questo indirizzo non è avvisato di nulla: indicare il server di posta, o lasciarlo vuoto"
        )
        raise refuse("config-bad-value", place, message)
    if told.escalation_mail and not told.mail:
        place = locate.place("introductions", "escalation_mail")
        message = N_("il secondo indirizzo è avvisato dopo il primo: indicare anche mail")
        raise refuse("config-bad-value", place, message)
    if bool(mail.user) != bool(mail.password_file):
        place = locate.place("mail", "user")
        raise refuse("config-bad-value", place, N_("user e password_file vanno insieme, o nessuno dei due"))
    away = mail.host and not is_loopback(mail.host)
    if mail.tls == "none" and (mail.user or (away and config.is_production)):
        place = locate.place("mail", "tls")
        message = N_('tls = "none" manderebbe in chiaro password o indirizzi: usare starttls o tls')
        raise refuse("config-bad-value", place, message)


def _check_backup(config: Config, locate: Locator) -> None:
    backup = config.backup
    if bool(backup.folder) != bool(backup.passphrase_file):
        place = locate.place("backup", "folder" if backup.folder else "passphrase_file")
        raise refuse("config-bad-value", place, N_("folder e passphrase_file vanno insieme, o nessuno dei due"))
    if backup.folder and PurePath(backup.folder) in PurePath(backup.passphrase_file).parents:
        place = locate.place("backup", "passphrase_file")
        message = N_("la frase segreta non può stare nella cartella delle copie: chi ruba le copie le aprirebbe")
        raise refuse("config-bad-value", place, message)


def _check_metrics(config: Config, locate: Locator) -> None:
    metrics = config.metrics
    if not is_loopback(metrics.host) and not metrics.exposed:
        place = locate.place("metrics", "host")
        message = N_(
            "le misure del nodo si leggono senza accesso: altrove che su questa macchina vanno ammesse apposta"
        )
        hint = N_(
            'lasciare host = "127.0.0.1"; in un contenitore, o con un firewall che fa passare solo Prometheus, exposed = true'
        )
        raise refuse("config-metrics-exposed", place, message, hint)
    if metrics.port == config.web.port:
        place = locate.place("metrics", "port")
        raise refuse("config-bad-value", place, N_("le misure hanno una porta loro: non può essere quella di [web]"))


def _check_interop(config: Config, locate: Locator) -> None:
    interop, pdnd = config.interop, config.pdnd
    if bool(pdnd.issuer) != bool(pdnd.keys):
        place = locate.place("interop.pdnd", "issuer" if pdnd.issuer else "keys")
        raise refuse("config-bad-value", place, N_("issuer e keys vanno insieme, o nessuno dei due"))
    if interop.audience:
        if not interop.consumers and not pdnd.issuer:
            place = locate.place("interop", "audience")
            message = N_("nessuno potrebbe presentare un token: indicare consumers, o [interop.pdnd]")
            raise refuse("config-bad-value", place, message)
        return
    asked = {
        "required": interop.required, "integrity": interop.integrity, "consumers": interop.consumers, "key": interop.key
    }  # fmt: skip
    for key, value in asked.items():
        if value:
            place = locate.place("interop", key)
            raise refuse("config-bad-value", place, N_("senza audience {key} non ha effetto"), key=key)
    if pdnd.issuer:
        place = locate.place("interop.pdnd", "issuer")
        raise refuse("config-bad-value", place, N_("senza audience {key} non ha effetto"), key="issuer")


def _check_telemetry(config: Config, locate: Locator) -> None:
    endpoint = config.telemetry.endpoint
    if endpoint and not endpoint.startswith("https://") and not is_loopback_url(endpoint):
        hint = N_("mettere un collettore su questa macchina, o dargli https")
        place = locate.place("telemetry", "endpoint")
        raise refuse("config-insecure-url", place, N_("il collettore altrove deve essere https"), hint)


def check(config: Config, locate: Locator) -> None:
    """Refuse a configuration whose tables contradict each other. Raises: OperatorError, as config.parse."""
    if config.privacy.k_build < config.privacy.k:
        place = locate.place("privacy", "k_build")
        raise refuse("config-bad-value", place, N_("k_build non può essere minore di k"))
    if config.documents.network_mb < config.documents.max_mb:
        place = locate.place("documents", "network_mb")
        raise refuse("config-bad-value", place, N_("network_mb non può essere minore di max_mb"))
    # Without [[peer]] tables the agreement says who there is (flows/trust/agreement_terms.check_group).
    strangers = set(config.privacy.group) - {peer.id for peer in config.peers}
    if config.peers and strangers:
        place = locate.place("privacy", "group")
        message = N_("{ids}: non sono tra i [[peer]] di questo nodo")
        raise refuse("config-bad-value", place, message, ids=", ".join(sorted(strangers)))
    production = config.is_production
    if production and not config.database.url:
        place = locate.place("database", "url")
        message = N_("in produzione serve un PostgreSQL vero: quello incluso è solo per provare")
        hint = N_('indicare url = "postgresql://..." (PostgreSQL 15 o successivo)')
        raise refuse("config-embedded-in-production", place, message, hint)
    if production and config.privacy.round == "immediate":
        place = locate.place("privacy", "round")
        message = N_('in produzione round = "immediate" tradirebbe chi pubblica: usare weekly, daily o monthly')
        raise refuse("config-immediate-in-production", place, message)
    _check_database(config, locate)
    _check_mail(config, locate)
    _check_backup(config, locate)
    _check_oidc(config, locate)
    _check_metrics(config, locate)
    _check_interop(config, locate)
    _check_telemetry(config, locate)
    seen: dict[str, int] = {}
    for number, peer in enumerate(config.peers):
        if not peer.url.startswith("https://") and (production or not is_loopback_url(peer.url)):
            place = locate.place("peer", "url", number)
            message = N_("l'indirizzo di un altro nodo deve essere https")
            hint = N_('http è ammesso solo verso 127.0.0.1 e con environment = "development"')
            raise refuse("config-insecure-url", place, message, hint)
        for identity in (peer.id, peer.origin, peer.http_keyid, peer.http_public.hex()):
            if identity in seen or identity in (config.node.id, config.federation.origin):
                place = locate.place("peer", "id", number)
                message = N_("due [[peer]], o un [[peer]] e questo nodo, hanno lo stesso id, origin o chiave")
                raise refuse("config-duplicate-peer", place, message)
            seen[identity] = number
