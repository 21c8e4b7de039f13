"""What is kept about whom, why and how long: one list, from which access, erasure, retention and the register are made.

In: nothing. Out: ``HOLDINGS``, one for each table that may hold data of firms or people, column by column. Source: Regulation
(EU) 2016/679, articles 5, 6, 15, 17, 30; docs/rules.md F.1. A test holds the list against the database's own catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from node.errors import N_


class Role(Enum):
    """What a column may say of a subject, and so how it is found and erased."""

    CODE = "code"
    NAME = "name"
    WORDS = "words"
    FILE = "file"
    # Officers act in their office: their names are kept as long as what they decided.
    OFFICER = "officer"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Holding:
    """One table: whose data, what for, by what right, who else sees them, and which term of [retention] ends them."""

    table: str
    subjects: str
    data: str
    purpose: str
    basis: str
    recipients: str
    term: str | None
    columns: Mapping[str, Role]

    def of(self, *roles: Role) -> tuple[str, ...]:
        """Return the columns that have one of some roles."""
        return tuple(name for name, role in self.columns.items() if role in roles)


def _columns(code: str = "", name: str = "", words: str = "", file: str = "", officer: str = "", none: str = "") -> dict[str, Role]:  # fmt: skip
    told = ((Role.CODE, code), (Role.NAME, name), (Role.WORDS, words), (Role.FILE, file), (Role.OFFICER, officer), (Role.NONE, none))  # fmt: skip
    return {column: role for role, columns in told for column in columns.split()}


FIRMS, PEOPLE, OFFICERS = N_("imprese, anche individuali"), N_("referenti, notai, organi comuni"), N_("funzionari")
TASK = N_("compito di interesse pubblico (art. 6 par. 1 lett. e): sostegno alle reti d'impresa")
CONSENT = N_("consenso dell'interessato (art. 6 par. 1 lett. a)")
DUTY = N_("obbligo di dimostrare il proprio operato (art. 5 par. 2)")
NOBODY = N_("nessuno fuori dall'ente")
STATISTICS = N_("statistiche con segreto: un numero cambia solo se cambiano almeno tre reti")
MEET = N_("mettere in contatto due reti, o un'impresa e una rete")
PROGRAMME = N_("far nascere reti d'impresa: informare, valutare, accompagnare")
ASSIST = N_("assistenza alle reti fino al contratto")
LEARN = N_("corsi per imprese e reti: iscrizioni, presenze, attestati")
CALLS, EVERYBODY = N_("bandi congiunti"), N_("tutti")
ISSUERS = N_("gli altri enti dello stesso bando, in forma sigillata")
LAW = N_("obbligo di legge (art. 6 par. 1 lett. c): aiuti di Stato e controlli")
HOLDINGS: tuple[Holding, ...] = (
    Holding(
        "registry.network", PEOPLE, N_("denominazione, oggetto e programma della rete; notaio; organo comune"),
        N_("registro delle reti del territorio"), TASK, NOBODY, "closed_networks_days",
        _columns(
            code="own_tax_code", name="notary common_body_holder",
            words="name name_key object_text programme common_body_kind own_rea seat_municipality",
            none="register_id deed_register_number deed_number deed_form status kind purpose capabilities languages target_countries certifications extras source digest owner",
        ),
    ),
    Holding(
        "registry.firm", FIRMS, N_("codice fiscale, partita IVA, denominazione, REA, sede, attività"),
        N_("composizione delle reti"), TASK, NOBODY, "closed_networks_days",
        _columns(
            code="tax_code vat_number", name="name name_key", words="rea",
            none="legal_form municipality municipality_name province ateco ateco_edition employees turnover certifications export_countries led_by",
        ),
    ),
    Holding(
        "registry.membership", FIRMS, N_("partecipazione a una rete: date, ruolo, conferimento"),
        N_("composizione delle reti"), TASK, NOBODY, "closed_networks_days", {},
    ),
    Holding(
        "registry.objective", FIRMS, N_("obiettivi della rete, in parole"), N_("registro delle reti del territorio"), TASK,
        NOBODY, "closed_networks_days", _columns(words="kind text measure target"),
    ),
    Holding(
        "registry.want", FIRMS, N_("fabbisogni e offerte della rete, in parole"), N_("ricerca di partner"), TASK,
        N_("gli altri enti, solo in forma anonima e dopo due approvazioni"), "closed_networks_days",
        _columns(words="text", none="side category"),
    ),
    Holding(
        "registry.contact", PEOPLE, N_("nome, ruolo, posta elettronica, telefono"), N_("contattare la rete"), CONSENT, NOBODY,
        "contacts_days", _columns(name="person", words="role email phone"),
    ),
    Holding(
        "registry.document", PEOPLE, N_("documenti consegnati dalla rete"), N_("istruttoria"), TASK, NOBODY,
        "closed_networks_days",
        _columns(words="title file_name", file="content", officer="officer", none="kind media_type sha256 seal_salt"),
    ),
    Holding(
        "registry.change", OFFICERS, N_("chi ha cambiato una rete, quando e quali campi: nomi dei campi, non i valori"),
        N_("tracciare le modifiche del registro"), DUTY, NOBODY, "closed_networks_days",
        _columns(officer="officer", none="source action fields"),
    ),
    Holding(
        "registry.consent", PEOPLE, N_("chi ha dato quale consenso, quando, con quale testo"), N_("dimostrare il consenso"),
        DUTY, NOBODY, "consents_days", _columns(name="person", words="purpose version"),
    ),
    Holding(
        "programme.announced", OFFICERS, N_("chi ha annunciato, cambiato o ritirato che cosa nel catalogo pubblico, e quando"),
        N_("tracciare gli annunci dell'ufficio"), DUTY, NOBODY, None,
        _columns(officer="officer", none="kind action"),
    ),
    Holding(
        "programme.call", OFFICERS, N_("il testo di un bando congiunto e chi l'ha scritto e approvato"), CALLS, TASK, EVERYBODY, None,
        _columns(officer="written_by endorsed_by", none="document digest"),
    ),
    Holding("programme.call_protocol", OFFICERS, N_("l'ultimo numero di protocollo di ogni anno"), CALLS, TASK, NOBODY, None, {}),
    Holding(
        "programme.application", FIRMS, N_("domanda di una rete: importo, arrivo, esito, motivi"), CALLS, TASK, ISSUERS, None,
        _columns(words="network_key", officer="officer withdrawn_by", none="reasons"),
    ),
    Holding(
        "programme.call_undertaking", FIRMS, N_("imprese uniche di una domanda e aiuti avuti"), N_("massimale de minimis"), LAW,
        ISSUERS, None, _columns(words="code", none="aids"),
    ),
    Holding(
        "programme.application_document", PEOPLE, N_("documenti di una domanda"), CALLS, TASK, NOBODY, None,
        _columns(words="title file_name", file="content", none="kind media_type sha256"),
    ),
    Holding(
        "programme.call_evaluator", OFFICERS, N_("chi valuta le domande di un bando"), CALLS, TASK, NOBODY, None,
        _columns(officer="evaluator", none="alias"),
    ),
    Holding(
        "programme.call_assignment", OFFICERS, N_("chi valuta quale domanda"), CALLS, TASK, NOBODY, None,
        _columns(officer="evaluator officer"),
    ),
    Holding(
        "programme.call_declaration", OFFICERS, N_("dichiarazioni sui conflitti di interesse"), CALLS, DUTY, NOBODY, None,
        _columns(officer="evaluator"),
    ),
    Holding(
        "programme.call_score", OFFICERS, N_("punti dati a una domanda, con la motivazione"), CALLS, DUTY,
        N_("tutti: i soli punti, sotto pseudonimo"), None, _columns(words="reasons", officer="evaluator", none="points"),
    ),
    Holding("programme.call_office", OFFICERS, N_("quali enti hanno mandato le schede"), CALLS, TASK, NOBODY, None, _columns(none="office")),
    Holding(
        "programme.call_sheet", FIRMS, N_("domande arrivate agli altri enti dello stesso bando"), CALLS, TASK, NOBODY, None,
        _columns(words="network_key", none="office facts"),
    ),
    Holding(
        "programme.call_ranking", OFFICERS, N_("graduatoria sotto pseudonimo; chi l'ha proposta e pubblicata"), CALLS, TASK,
        EVERYBODY, None, _columns(officer="proposed_by published_by", none="parts digest"),
    ),
    Holding("programme.call_ranking_item", OFFICERS, N_("dove sta la graduatoria nel registro firmato"), CALLS, TASK, EVERYBODY, None, {}),
    Holding(
        "programme.call_grant", FIRMS, N_("contributo concesso"), CALLS, LAW, N_("Registro nazionale degli aiuti"), None,
        _columns(officer="officer", none="aid_code"),
    ),
    Holding("programme.call_instalment", FIRMS, N_("rate pagate"), CALLS, LAW, NOBODY, None, _columns(officer="officer")),
    Holding(
        "programme.call_expense", FIRMS, N_("rendiconti"), CALLS, LAW, NOBODY, None, _columns(words="note", officer="officer")
    ),
    Holding(
        "programme.call_revocation", FIRMS, N_("revoche e loro motivi"), CALLS, LAW, NOBODY, None,
        _columns(words="reason", officer="officer"),
    ),
    Holding(
        "registry.import_batch", OFFICERS, N_("nome del file importato, conteggi"), N_("tracciare le importazioni"), DUTY,
        NOBODY, "editions_days", _columns(words="file_name", none="sha256 layout"),
    ),
    Holding(
        "registry.erasure", OFFICERS, N_("cancellazioni eseguite: quando, chi, motivo, conteggi"),
        N_("dimostrare le cancellazioni"), DUTY, NOBODY, None, _columns(words="reason", officer="officer", none="counts"),
    ),
    Holding(
        "publication.profile", FIRMS, N_("identificativo casuale della scheda e rete a cui appartiene"),
        N_("pubblicazione anonima"), TASK, NOBODY, None, _columns(officer="withdrawn_by", none="register_id labels state changed_in"),
    ),
    Holding(
        "publication.version", OFFICERS, N_("testi delle schede, autore e approvatore"), N_("pubblicazione anonima"), TASK,
        N_("gli altri enti e il pubblico, dopo due approvazioni"), "drafts_days",
        _columns(words="content", officer="author approver", none="state content_hash approved_hash held_code changed_in"),
    ),
    Holding(
        "publication.decision", OFFICERS, N_("decisioni sulle schede: chi, quando, perché"), N_("quattro occhi"), DUTY, NOBODY,
        None, _columns(words="reason", officer="officer reason_erased_by", none="action content_hash gate reason_salt decided_in"),
    ),
    Holding(
        "log.ruling", OFFICERS, N_("provvedimenti sugli altri nodi: chi, quando, perché"),
        N_("dimostrare i provvedimenti"), DUTY, NOBODY, None,
        _columns(words="reason", officer="officer reason_erased_by", none="action reason_salt"),
    ),
    Holding(
        "population.network", FIRMS, N_("contratti di rete dell'elenco pubblico"), N_("misurare l'anonimato"), TASK,
        N_("nessuno: dati pubblici tenuti in copia"), "editions_days",
        _columns(
            words="name object_text",
            none="register_id deed_register_number deed_number kind municipality municipality_name province region macro ateco theme",
        ),
    ),
    Holding(
        "population.firm", FIRMS, N_("imprese dell'elenco pubblico: codice fiscale, denominazione, sede"),
        N_("misurare l'anonimato"), TASK, N_("nessuno: dati pubblici tenuti in copia"), "editions_days",
        _columns(
            code="tax_code", name="name", words="rea",
            none="register_id municipality municipality_name province legal_form ateco",
        ),
    ),
    Holding(
        "population.snapshot", FIRMS, N_("edizioni dell'elenco pubblico: data e conteggi"), N_("misurare l'anonimato"), TASK,
        NOBODY, "editions_days", _columns(none="digest"),
    ),
    Holding(
        "population.partition", FIRMS, N_("gruppi di reti che si somigliano: nessun nome"), N_("misurare l'anonimato"), TASK,
        N_("gli altri enti e il pubblico"), None, _columns(none="digest document"),
    ),
    Holding(
        "office.saved_search", PEOPLE, N_("titolo e filtri di una ricerca salvata"), N_("avvisare delle novità"), TASK,
        N_("chi conosce l'indirizzo casuale del suo feed, se non avvisa nessuno"), None,
        _columns(words="title query", none="token_hash made_by corpus"),
    ),
    Holding(
        "office.saved_channel", PEOPLE, N_("indirizzo di posta o di webhook a cui avvisare, fino alla disiscrizione"),
        N_("avvisare delle novità"), TASK, NOBODY, None, _columns(words="address", none="channel error_code"),
    ),
    Holding(
        "office.saved_mark", PEOPLE, N_("fin dove una ricerca salvata ha guardato"), N_("avvisare delle novità"), TASK, NOBODY,
        None, {},
    ),
    Holding(
        "office.saved_news", PEOPLE, N_("quali schede pubbliche sono state segnalate, e quando"), N_("avvisare delle novità"),
        TASK, NOBODY, None, _columns(none="channel owner"),
    ),
    Holding(
        "office.saved_announcement", PEOPLE, N_("quali annunci pubblici sono stati segnalati, e fino a quale revisione"),
        N_("avvisare delle novità"), TASK, NOBODY, None, _columns(none="owner kind waits"),
    ),
    Holding(
        "office.introduction", FIRMS, N_("per quale rete o impresa si chiede un contatto, con quali parole; di un'impresa che si è rivolta all'ufficio nome, codice, persona e recapiti"),
        MEET, TASK, N_("l'altro ufficio: il testo, senza nomi"), "introductions_days",
        _columns(words="request applicant", officer="created_by", none="party peer token_hash state reason outcome turn"),
    ),
    Holding(
        "office.introduction_event", FIRMS, N_("ciò che i due uffici si sono detti di un contatto, firmato dai nodi; il contenuto si può cancellare, della firma resta un'impronta"),
        MEET, TASK, N_("l'altro ufficio: i testi senza nomi, i nomi dopo i due consensi"), "introductions_days",
        _columns(words="payload", officer="officer", none="party kind detail event signature salt"),
    ),
    Holding(
        "office.introduction_consent", PEOPLE, N_("chi ha dato il consenso a un contatto, a quale testo, e i nomi e recapiti che si possono comunicare"),
        MEET, CONSENT, N_("l'altro ufficio, solo dopo i due consensi"), "introductions_days",
        _columns(name="person", words="identity", officer="officer", none="version"),
    ),
    Holding(
        "office.introduction_identity", PEOPLE, N_("nomi e recapiti che l'altro ufficio ha comunicato, fino alla revoca"), MEET, CONSENT, NOBODY,
        "introductions_days", _columns(words="identity"),
    ),
    Holding(
        "office.introduction_notice", OFFICERS, N_("di quali contatti i funzionari sono stati avvisati"), MEET, TASK, NOBODY, "introductions_days",
        _columns(none="what"),
    ),
    Holding(
        "statistics.told", FIRMS, N_("quali tabelle statistiche sono state comunicate, e per quale trimestre"), STATISTICS, TASK, NOBODY, None,
        _columns(none="table_id"),
    ),
    Holding(
        "statistics.cell", FIRMS, N_("numeri statistici come sono stati comunicati, modificati per il segreto"), STATISTICS, TASK,
        N_("gli altri enti e il pubblico"), None, _columns(none="table_id place"),
    ),
    Holding(
        "statistics.part", FIRMS, N_("identificativi casuali di reti, imprese e contatti dietro un numero comunicato; dimenticati con la cancellazione"),
        STATISTICS, TASK, NOBODY, None, _columns(none="table_id place look"),
    ),
    Holding(
        "programme.info_session", OFFICERS, N_("sessioni informative: titolo, testo, luogo; chi le ha preparate"), PROGRAMME, TASK,
        N_("il pubblico e gli altri enti, quando è aperta"), None,
        _columns(words="title title_en summary summary_en place", officer="created_by", none="state municipality"),
    ),
    Holding(
        "programme.enrolment", PEOPLE, N_("chi si iscrive a una sessione informativa: nome, recapiti, impresa; se è venuto"), PROGRAMME, TASK,
        NOBODY, "enrolments_days",
        _columns(words="person", officer="made_by", none="state notice_version language token_hash told"),
    ),
    Holding(
        "programme.expression", FIRMS, N_("manifestazioni d'interesse: che cosa vogliono fare le imprese, chi sono, con chi parlare"), PROGRAMME,
        TASK, NOBODY, "aggregations_days", _columns(words="said reason", officer="created_by", none="state"),
    ),
    Holding(
        "programme.aggregation", FIRMS, N_("aggregazioni potenziali: nome di lavoro, idea, a che punto sono"), PROGRAMME, TASK, NOBODY,
        "aggregations_days", _columns(words="name idea", officer="created_by", none="stage region register_id"),
    ),
    Holding(
        "programme.aggregation_member", FIRMS, N_("imprese di un'aggregazione potenziale: denominazione, codice fiscale, sede, attività"),
        PROGRAMME, TASK, NOBODY, "aggregations_days",
        _columns(code="tax_code", name="name", words="municipality_name", none="municipality province region ateco"),
    ),
    Holding(
        "programme.evaluation", OFFICERS, N_("valutazioni di aggregazioni: punti, motivi, chi le ha fatte"), PROGRAMME, TASK, NOBODY,
        "aggregations_days", _columns(words="answers conclusion", officer="officer", none="salt"),
    ),
    Holding(
        "programme.stage_change", OFFICERS, N_("passi di aggregazioni: quale, quando, chi, perché"), PROGRAMME, DUTY, NOBODY,
        "aggregations_days", _columns(words="reason", officer="officer", none="stage salt"),
    ),
    Holding(
        "programme.case_file", FIRMS, N_("fascicoli di assistenza: per quale rete o aggregazione, su che cosa, chi li segue, con quale esito"), ASSIST,
        TASK, NOBODY, "closed_networks_days",
        _columns(words="title office report", officer="officer opened_by", none="lines state outcome"),
    ),
    Holding(
        "programme.case_task", FIRMS, N_("attività di un fascicolo, con incaricato, scadenza e note"), ASSIST, TASK, NOBODY, "closed_networks_days",
        _columns(words="title note", officer="owner changed_by", none="line state"),
    ),
    Holding(
        "programme.case_hours", OFFICERS, N_("ore di lavoro in un fascicolo: chi, quando, per che cosa"), ASSIST, TASK, NOBODY, "closed_networks_days",
        _columns(words="note", officer="officer", none="line"),
    ),
    Holding(
        "programme.case_cost", FIRMS, N_("costi di un fascicolo, con la causale"), ASSIST, TASK, NOBODY, "closed_networks_days",
        _columns(words="what", officer="officer", none="line"),
    ),
    Holding(
        "programme.case_appointment", PEOPLE, N_("appuntamenti di un fascicolo: quando, dove, su che cosa"), ASSIST, TASK, NOBODY,
        "closed_networks_days", _columns(words="title place note", officer="officer"),
    ),
    Holding(
        "programme.case_document", PEOPLE, N_("documenti di un fascicolo"), ASSIST, TASK, NOBODY, "closed_networks_days",
        _columns(words="title file_name", file="content", officer="officer", none="kind media_type sha256 seal_salt"),
    ),
    Holding(
        "programme.case_clause", FIRMS, N_("testi per il contratto di rete, scritti dall'ufficio"), ASSIST, TASK, NOBODY, "closed_networks_days",
        _columns(words="text", officer="officer", none="point"),
    ),
    Holding(
        "programme.case_step", OFFICERS, N_("passaggi di un fascicolo: chi l'ha aperto, sospeso, passato ad altri, chiuso, con quali parole"), ASSIST,
        DUTY, NOBODY, "closed_networks_days",
        _columns(words="to_office note", officer="by_officer to_officer", none="action outcome"),
    ),
    Holding(
        "programme.case_share", FIRMS, N_("con quale altro ufficio è condiviso un fascicolo, chi l'ha proposto e approvato, con quale consenso"), ASSIST,
        CONSENT, N_("l'ufficio con cui è condiviso, in forma sigillata"), "closed_networks_days",
        _columns(words="consent_ref", officer="proposed_by approved_by", none="peer state content"),
    ),
    Holding(
        "programme.case_share_reply", FIRMS, N_("ciò che un altro ufficio ha risposto su un fascicolo condiviso"), ASSIST, CONSENT, NOBODY,
        "closed_networks_days", _columns(words="words", none="kind"),
    ),
    Holding(
        "programme.shared_case", FIRMS, N_("copie di fascicoli che altri uffici condividono con questo, e ciò che si è risposto"), ASSIST, CONSENT,
        N_("l'ufficio che condivide: le risposte, in forma sigillata"), "closed_networks_days",
        _columns(words="copy replies", none="peer state"),
    ),
    Holding(
        "programme.shared_case_document", PEOPLE, N_("documenti di fascicoli che altri uffici condividono con questo"), ASSIST, CONSENT, NOBODY,
        "closed_networks_days", _columns(words="file_name", file="content", none="media_type sha256"),
    ),
    Holding(
        "programme.case_share_step", OFFICERS, N_("passi di fascicoli condivisi: chi e quando, senza parole"), ASSIST, DUTY, NOBODY, None,
        _columns(officer="by_officer", none="peer action"),
    ),
    Holding(
        "programme.calendar_feed", OFFICERS, N_("da quando un programma segue gli appuntamenti di un funzionario; l'indirizzo solo come impronta"),
        ASSIST, TASK, NOBODY, None, _columns(officer="officer", none="token_hash"),
    ),
    Holding(
        "programme.course_seat", PEOPLE, N_("chi ha chiesto un posto a un corso di questo ente: nome, posta elettronica, regione e settore dell'impresa, presenze; niente di chi non ha avuto posto"),
        LEARN, CONSENT, NOBODY, "introductions_days",
        _columns(words="person email_key", none="edition office standing reason"),
    ),
    Holding(
        "programme.course_enrolment", PEOPLE, N_("chi si è iscritto presso questo ente a un corso, anche di altri: nome, posta elettronica, regione e settore dell'impresa, consenso"),
        LEARN, CONSENT, N_("l'ente che organizza il corso"), "introductions_days",
        _columns(words="person", none="organiser edition title consent_version language token_hash standing reason says told"),
    ),
    Holding(
        "programme.course", FIRMS, N_("corsi come sono annunciati"), LEARN, TASK, N_("tutti: l'annuncio è pubblico"), None,
        _columns(none="title summary how regions trainers"),
    ),
    Holding(
        "programme.course_session", FIRMS, N_("incontri dei corsi"), LEARN, TASK, N_("tutti: l'annuncio è pubblico"), None,
        _columns(none="hour place municipality title"),
    ),
    Holding(
        "programme.course_answer", PEOPLE, N_("risposte ai questionari, senza nomi, fino alla pubblicazione dei risultati"), LEARN, TASK, NOBODY, None, {},
    ),
    Holding(
        "programme.course_trainer", OFFICERS, N_("chi insegna in quale edizione"), LEARN, TASK, NOBODY, None, _columns(officer="name name_key"),
    ),
    Holding(
        "programme.course_attendance", OFFICERS, N_("chi ha segnato le presenze"), LEARN, TASK, NOBODY, "introductions_days", _columns(officer="officer"),
    ),
    Holding(
        "programme.course_certificate", OFFICERS, N_("impronte degli attestati, e il codice finché c'è la persona"), LEARN, TASK, NOBODY, None,
        _columns(officer="officer", none="commitment code collect_hash"),
    ),
    Holding(
        "programme.course_edition", OFFICERS, N_("edizioni dei corsi, e chi le ha aperte"), LEARN, TASK, NOBODY, None,
        _columns(officer="officer", none="code state"),
    ),
    Holding(
        "programme.course_release", OFFICERS, N_("risultati dei questionari, senza nomi, e chi li ha pubblicati"), LEARN, TASK, NOBODY, None,
        _columns(officer="officer", none="version told"),
    ),
    Holding(
        "programme.course_material", OFFICERS, N_("materiali dei corsi, e chi li ha aggiunti"), LEARN, TASK, NOBODY, None,
        _columns(officer="officer", none="title file_name media_type sha256 content"),
    ),
    Holding(
        "office.account", OFFICERS, N_("nome di accesso, nome presso il fornitore di identità, stato; nessuna password"),
        N_("accesso alle pagine dell'ufficio"), DUTY, NOBODY, None,
        _columns(words="external_name", officer="name", none="password_hash factor_sealed"),
    ),
    Holding(
        "office.account_role", OFFICERS, N_("ruoli di ogni utente"), N_("accesso alle pagine dell'ufficio"), DUTY, NOBODY, None,
        _columns(none="role"),
    ),
    Holding(
        "office.account_code", OFFICERS, N_("codici monouso per la password e codici di recupero, solo come impronte"),
        N_("accesso alle pagine dell'ufficio"), DUTY, NOBODY, None, _columns(none="code_hash"),
    ),
    Holding(
        "office.recovery_code", OFFICERS, N_("codici monouso per la password e codici di recupero, solo come impronte"),
        N_("accesso alle pagine dell'ufficio"), DUTY, NOBODY, None, _columns(none="code_hash"),
    ),
    Holding(
        "office.session", OFFICERS, N_("chi è collegato, da quando; né indirizzo né programma usato; fino alla scadenza"),
        N_("accesso alle pagine dell'ufficio"), DUTY, NOBODY, None, _columns(none="id_hash stage method factor"),
    ),
    Holding(
        "office.sign_in_attempt", OFFICERS, N_("tentativi di accesso contati per impronta di nome e di indirizzo, per un giorno"),
        N_("accesso alle pagine dell'ufficio"), DUTY, NOBODY, None, _columns(none="kind key_hash"),
    ),
)  # fmt: skip
