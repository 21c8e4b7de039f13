"""The report of the audit for the data-protection officer: plain sentences, and a page of its own.

In: an audit, a translator. Out: sentences, and one HTML document that needs nothing else: no script, no picture, no address.
Source: privacy.md; docs/privacy.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from node.domain import disclosure, guesses
from node.domain.disclosure import Count
from node.domain.guesses import Guesses, Order
from node.errors import N_, Translate, plain
from node.flows.profiles.attacks import FOLLOWED
from node.flows.profiles.privacy import Audit
from node.flows.profiles.published import UNEXAMINED

Outcome = Count | Guesses | Order
# attack -> (its name, what it tries)
ATTACKS = {
    disclosure.LINKAGE: (
        N_("Confronto con l'elenco pubblico"),
        N_("cerca nell'elenco pubblico le reti di cui è vero tutto ciò che la scheda mostra"),
    ),
    disclosure.SCOPE: (
        N_("Territorio dell'ufficio"),
        N_("tiene conto che l'ufficio pubblica soltanto reti del proprio territorio"),
    ),
    disclosure.RULE: (
        N_("Regola nota"),
        N_("applica la nostra stessa regola a ogni rete dell'elenco e tiene quelle che darebbero la stessa scheda"),
    ),
    disclosure.VERSIONS: (
        N_("Confronto tra versioni"),
        N_("incrocia tutte le versioni della stessa scheda, e le schede della stessa rete, con gli elenchi di allora"),
    ),
    disclosure.TODAY: (
        N_("Elenco più recente"),
        N_("cerca nell'ultima edizione dell'elenco, per le schede ancora pubblicate"),
    ),
    disclosure.FRESHNESS: (
        N_("Giorno di uscita e data d'iscrizione"),
        N_("sa quali reti sono appena iscritte e che, se sono poche, le loro schede attendono"),
    ),
    guesses.TEXT: (
        N_("Somiglianza dei testi"),
        N_("sceglie, tra le reti possibili, quella il cui oggetto pubblico somiglia di più ai testi della scheda"),
    ),
    guesses.SIZE: (
        N_("Lunghezza della scheda"),
        N_("sceglie, tra le reti possibili, quella grande in proporzione alla lunghezza della scheda"),
    ),
    guesses.ORDER: (
        N_("Ordine di uscita"),
        N_("confronta l'ordine in cui le schede sono uscite con quello dell'elenco e del lavoro dell'ufficio"),
    ),
}
CAPTION_ATTACKS = N_("Gli attacchi provati e il loro esito")
CAPTION_RISKS = N_("I rischi di riconoscimento delle schede pubblicate")
CAPTION_EXPOSED = N_("Schede con meno reti possibili del limite")
COLUMNS_ATTACKS = (N_("attacco"), N_("che cosa prova"), N_("esito"), N_("limite"))
COLUMNS_RISKS = (N_("rischio"), N_("che cosa dice"), N_("valore"), N_("limite"))
COLUMNS_EXPOSED = (N_("scheda"), N_("nodo"), N_("reti possibili"), N_("attacco"), N_("stato"))
KEPT, BROKEN = N_("rispettato"), N_("superato")
STANDS, GONE = N_("pubblicata"), N_("ritirata o sostituita")
EXPOSED_SHOWN = 200
LIMITS = (
    N_("Gli attacchi usano solo ciò che è pubblico. Chi ha saputo in altro modo chi si è rivolto all'ufficio ne sa di più."),
    N_("Un testo tradotto o una perifrasi non somigliano all'oggetto pubblico: restano al giudizio di chi approva."),
    N_("Delle versioni sostituite o ritirate i testi sono cancellati: si provano le caratteristiche, che sono sempre le stesse."),
    N_("Delle schede degli altri nodi non si conosce la rete vera: si contano le reti possibili, non i tentativi riusciti."),
)  # fmt: skip
STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;color:#17324d;background:#fff;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.7rem}h2{font-size:1.25rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "caption{text-align:left;font-weight:600;padding:.5rem 0}th,td{border:1px solid #5b6f82;padding:.4rem .6rem;"
    "text-align:left;vertical-align:top}thead th{background:#e8eff5}.verdict{border-left:.4rem solid;padding:.6rem 1rem}"
    ".kept{border-color:#00662c}.broken{border-color:#a6001a}code{font-size:.85rem;overflow-wrap:anywhere}"
)


def outcomes(audit: Audit) -> tuple[Outcome, ...]:
    """Return every attack's outcome, in the order of the report."""
    return (*audit.counts, *audit.guesses, audit.order)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def outcome_words(found: Outcome, k: int, tr: Translate) -> str:
    """Return what an attack came to, in one sentence."""
    if not found.tried:
        return tr(N_("niente da provare"))
    if isinstance(found, Count):
        said = (
            N_("{below} versioni su {tried} lasciano meno di {k} reti possibili; la peggiore ne lascia {smallest}")
            if found.broken
            else N_("restano sempre almeno {smallest} reti possibili (di solito {median}), su {tried} versioni provate")
        )
        return tr(said).format(below=found.below, tried=found.tried, k=k, smallest=found.smallest, median=found.median)
    if isinstance(found, Guesses):
        share = found.share or 0.0
        said = N_("il primo tentativo è giusto nel {share} % di {tried} schede; a caso sarebbe il {chance} %")
        if share > found.bound and not found.broken:
            said = N_(
                "il primo tentativo è giusto nel {share} % di {tried} schede: troppo poche per distinguerlo dal caso ({chance} %)"
            )
        return tr(said).format(share=_percent(share), tried=found.tried, chance=_percent(found.chance))
    said = (
        N_("l'ordine segue {followed} ({deviations} deviazioni dal caso)")
        if found.broken
        else N_("l'ordine non segue nulla di noto: al più {deviations} deviazioni dal caso, su {tried} confronti")
    )
    followed = tr(FOLLOWED[found.follows]) if found.follows else ""
    return tr(said).format(followed=followed, deviations=f"{abs(found.deviations or 0.0):.1f}", tried=found.tried)


def bound_words(found: Outcome, k: int, tr: Translate) -> str:
    """Return an attack's bound and whether it holds."""
    if isinstance(found, Count):
        said = tr(N_("almeno {k} reti")).format(k=k)
    elif isinstance(found, Guesses):
        said = tr(N_("al più {bound} %")).format(bound=_percent(found.bound))
    else:
        said = tr(N_("al più {bound} deviazioni")).format(bound=f"{found.bound:.0f}")
    return f"{said}: {tr(BROKEN if found.broken else KEPT)}"


def sentences(audit: Audit, tr: Translate) -> list[str]:
    """Return the audit in plain sentences, the verdict first."""
    found = [_verdict(audit, tr)]
    scope = (
        N_(
            "Esaminate {profiles} schede ({living} ancora pubblicate, {versions} versioni), di questo nodo e degli altri."
        )
        if audit.federation
        else N_("Esaminate {profiles} schede di questo nodo ({living} ancora pubblicate, {versions} versioni).")
    )
    found.append(tr(scope).format(profiles=audit.profiles, living=audit.living, versions=audit.versions))
    if audit.risks is not None:
        found.append(
            tr(
                N_(
                    "Chi prende una scheda qualsiasi e cerca la sua rete nell'elenco pubblico indovina al più una volta su {journalist}."
                )
            ).format(journalist=f"{1 / audit.risks.journalist:.0f}")
        )
    if audit.exposed:
        living = sum(item.living for item in audit.exposed)
        found.append(
            tr(
                N_(
                    "{exposed} schede hanno meno reti possibili del limite; {living} sono ancora pubblicate: decidere se ritirarle."
                )
            ).format(exposed=len(audit.exposed), living=living)
        )
    if audit.recognised:
        found.append(
            tr(
                N_("Con l'elenco di oggi i testi di {count} schede indicherebbero la loro rete: farli riscrivere.")
            ).format(count=len(audit.recognised))
        )
    if audit.alike:
        found.append(
            tr(
                N_(
                    "{count} schede stanno in gruppi in cui tutte dicono lo stesso tema o certificazione: si può supporre di tutto il gruppo."
                )
            ).format(count=len(audit.alike))
        )
    if audit.outside:
        found.append(
            tr(N_("{count} schede sono di aggregazioni che non stanno in alcun elenco: non c'è dove cercarle.")).format(
                count=audit.outside
            )
        )
    found += [
        tr(N_("Non esaminate: {count} schede di {owner}, {reason}.")).format(
            count=count, owner=plain(owner), reason=tr(UNEXAMINED[reason])
        )
        for (owner, reason), count in sorted(audit.unexamined.items())
    ]
    return found


def _verdict(audit: Audit, tr: Translate) -> str:
    if not audit.versions:
        return tr(N_("Non c'è ancora nessuna scheda da esaminare."))
    said = (
        N_("Tutti i limiti sono rispettati: nessun attacco lascia meno di {k} reti possibili per una scheda.")
        if audit.ok
        else N_(
            "Almeno un limite NON è rispettato: leggere gli esiti qui sotto. Il limite è di {k} reti possibili per scheda."
        )
    )
    return tr(said).format(k=audit.k)


def risk_rows(audit: Audit, tr: Translate) -> list[tuple[str, str, str, str]]:
    """Return the risks as rows: name, meaning, value, bound."""
    if audit.risks is None or audit.sample is None:
        return []
    risks, bound = audit.risks, f"{_percent(audit.risk_bound)} %"
    rows = (
        (
            N_("giornalista (journalist)"),
            N_("cerca nell'elenco pubblico la rete di una scheda qualsiasi: la scheda più esposta"),
            risks.journalist,
            bound,
        ),
        (N_("raccolta in massa (marketer)"), N_("cerca le reti di tutte le schede: la parte che indovinerebbe"), risks.marketer, bound),
        (
            N_("accusatore (prosecutor)"),
            N_("sa già che una rete ha qui una scheda e cerca quale: la scheda più esposta"),
            risks.prosecutor,
            tr(N_("nessuno")),
        ),
    )  # fmt: skip
    return [(tr(name), tr(meaning), f"{_percent(value)} %", of) for name, meaning, value, of in rows]


def _table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], tr: Translate) -> str:
    head = "".join(f'<th scope="col">{escape(tr(name))}</th>' for name in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return f"<table><caption>{escape(tr(caption))}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def page(audit: Audit, name: str, tr: Translate, language: str) -> str:
    """Return the report as one HTML document; ``name`` is the node's."""
    attacks = [
        (tr(ATTACKS[o.attack][0]), tr(ATTACKS[o.attack][1]), outcome_words(o, audit.k, tr), bound_words(o, audit.k, tr))
        for o in outcomes(audit)
    ]
    exposed = [
        (
            item.profile_id,
            plain(item.owner),
            f"{item.candidates} / {item.k}",
            tr(ATTACKS[item.attack][0]),
            tr(STANDS if item.living else GONE),
        )
        for item in audit.exposed[:EXPOSED_SHOWN]
    ]
    title = tr(N_("Verifica dell'anonimato: {name}")).format(name=plain(name))
    verdict, *others = sentences(audit, tr)
    made = tr(
        N_("Eseguita il {day} con l'elenco pubblico del {edition}; limite k = {k}. Destinata al responsabile della protezione dei dati.")
    ).format(day=audit.day.isoformat(), edition=audit.edition.isoformat(), k=audit.k)  # fmt: skip
    parts = [
        f"<h1>{escape(title)}</h1><p>{escape(made)}</p>",
        f'<p class="verdict {"kept" if audit.ok else "broken"}"><strong>{escape(verdict)}</strong></p>',
        f"<ul>{''.join(f'<li>{escape(said)}</li>' for said in others)}</ul>",
        f"<h2>{escape(tr(N_('Attacchi')))}</h2>",
        _table(CAPTION_ATTACKS, COLUMNS_ATTACKS, attacks, tr),
    ]
    if audit.risks is not None:
        parts += [
            f"<h2>{escape(tr(N_('Rischi')))}</h2>",
            _table(CAPTION_RISKS, COLUMNS_RISKS, risk_rows(audit, tr), tr),
        ]
    if exposed:
        parts += [
            f"<h2>{escape(tr(N_('Schede da guardare')))}</h2>",
            _table(CAPTION_EXPOSED, COLUMNS_EXPOSED, exposed, tr),
        ]
    parts += [
        f"<h2>{escape(tr(N_('Che cosa questa verifica non vede')))}</h2>",
        f"<ul>{''.join(f'<li>{escape(tr(said))}</li>' for said in LIMITS)}</ul>",
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )
