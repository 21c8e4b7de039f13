"""The closed vocabularies of profiles: what may be said by choosing a word from a list.

Each list is key -> (Italian, English). Keys go into profiles and never change; titles are for people. Choosing from a list
tells less about a firm than a free text does. Model: the Enterprise Europe Network's partnership profiles.
"""

from __future__ import annotations

from collections.abc import Mapping

Titles = Mapping[str, tuple[str, str]]

PURPOSES: Titles = {
    "offer": ("Offerta", "Offer"),
    "request": ("Richiesta", "Request"),
    "joint_project": ("Progetto comune", "Joint project"),
    "joint_call": ("Bando congiunto", "Joint call"),
}
CAPABILITIES: Titles = {
    "design": ("Progettazione", "Design"),
    "prototyping": ("Prototipazione", "Prototyping"),
    "production": ("Produzione", "Production"),
    "subcontracting": ("Lavorazioni conto terzi", "Subcontracting"),
    "processing": ("Trasformazione e confezionamento", "Processing and packaging"),
    "assembly": ("Assemblaggio e installazione", "Assembly and installation"),
    "maintenance": ("Manutenzione e assistenza", "Maintenance and service"),
    "testing": ("Prove e controllo qualità", "Testing and quality control"),
    "software": ("Software e servizi digitali", "Software and digital services"),
    "research": ("Ricerca e sviluppo", "Research and development"),
    "logistics": ("Logistica e trasporto", "Logistics and transport"),
    "retail": ("Vendita al dettaglio", "Retail"),
    "wholesale": ("Vendita all'ingrosso", "Wholesale"),
    "e_commerce": ("Commercio elettronico", "E-commerce"),
    "export": ("Esportazione", "Export"),
    "hospitality": ("Accoglienza e ristorazione", "Hospitality and catering"),
    "training": ("Formazione", "Training"),
    "consulting": ("Consulenza", "Consulting"),
    "construction": ("Costruzioni e impianti", "Construction and plants"),
    "care": ("Servizi alla persona", "Personal and care services"),
}
CATEGORIES: Titles = {
    "commercial_partner": ("Partner commerciale", "Commercial partner"),
    "distribution": ("Distribuzione", "Distribution"),
    "raw_materials": ("Materie prime", "Raw materials"),
    "components": ("Componenti e semilavorati", "Components and semi-finished goods"),
    "production_capacity": ("Capacità produttiva", "Production capacity"),
    "technology": ("Tecnologia e macchinari", "Technology and machinery"),
    "digitalisation": ("Digitalizzazione", "Digitalisation"),
    "research_partner": ("Partner di ricerca", "Research partner"),
    "certification_support": ("Percorsi di certificazione", "Certification support"),
    "joint_purchasing": ("Acquisti comuni", "Joint purchasing"),
    "logistics": ("Logistica", "Logistics"),
    "foreign_markets": ("Accesso ai mercati esteri", "Access to foreign markets"),
    "trade_fairs": ("Fiere e promozione comune", "Trade fairs and joint promotion"),
    "tenders": ("Partecipazione a gare", "Joint tendering"),
    "finance": ("Finanza e credito", "Finance and credit"),
    "skills": ("Competenze e formazione", "Skills and training"),
    "energy": ("Energia e ambiente", "Energy and environment"),
    "tourism_package": ("Pacchetti turistici", "Tourism packages"),
    "services": ("Servizi specialistici", "Specialist services"),
    "spaces": ("Spazi e impianti", "Premises and facilities"),
}
ROLES: Titles = {
    "any": ("Qualsiasi", "Any"),
    "supplier": ("Fornitore", "Supplier"),
    "customer": ("Cliente", "Customer"),
    "distributor": ("Distributore", "Distributor"),
    "producer": ("Produttore", "Producer"),
    "subcontractor": ("Subfornitore", "Subcontractor"),
    "technology_partner": ("Partner tecnologico", "Technology partner"),
    "research_body": ("Ente di ricerca", "Research body"),
    "network": ("Altra rete d'impresa", "Another business network"),
}
CERTIFICATIONS: Titles = {
    "iso_9001": ("ISO 9001 qualità", "ISO 9001 quality"),
    "iso_14001": ("ISO 14001 ambiente", "ISO 14001 environment"),
    "iso_45001": ("ISO 45001 sicurezza", "ISO 45001 safety"),
    "iso_22000": ("ISO 22000 alimenti", "ISO 22000 food safety"),
    "iso_27001": ("ISO 27001 informazioni", "ISO 27001 information security"),
    "iso_50001": ("ISO 50001 energia", "ISO 50001 energy"),
    "emas": ("EMAS", "EMAS"),
    "organic": ("Biologico", "Organic"),
    "pdo_pgi": ("DOP e IGP", "PDO and PGI"),
    "brc_ifs": ("BRC o IFS", "BRC or IFS"),
    "haccp": ("HACCP", "HACCP"),
    "soa": ("Attestazione SOA", "SOA qualification"),
    "ce_marking": ("Marcatura CE", "CE marking"),
    "sa_8000": ("SA 8000", "SA 8000"),
    "gender_equality": ("Parità di genere", "Gender equality"),
    "other": ("Altra certificazione", "Other certification"),
}
PARTNER_SIZES = ("any", "2-3", "4-9", "10+")
KINDS: Titles = {
    "contract": ("Rete-contratto", "Contract network"),
    "entity": ("Rete-soggetto", "Entity network"),
    "any": ("Non indicato", "Not stated"),
}

MATURITIES: Titles = {
    "potential": ("Non ancora firmata", "Not signed yet"),
    "lt2": ("Meno di due anni", "Less than two years"),
    "2to5": ("Da due a cinque anni", "Two to five years"),
    "gt5": ("Più di cinque anni", "More than five years"),
    "any": ("Non indicata", "Not stated"),
}

# What a private record says by a word (domain/network.py): never in a profile, shown on screens.
NETWORK_STATUSES: Titles = {
    "potential": ("potenziale", "potential"),
    "drafting": ("in preparazione", "being prepared"),
    "signed": ("firmata", "signed"),
    "registered": ("iscritta", "registered"),
    "amended": ("modificata", "amended"),
    "closed": ("chiusa", "closed"),
}
NETWORK_PURPOSES: Titles = {
    "growth": ("crescita", "growth"),
    "solidarity": ("solidarietà", "solidarity"),
    "agricultural": ("agricola", "agricultural"),
}
DEED_FORMS: Titles = {
    "public": ("atto pubblico", "public deed"),
    "authenticated": ("scrittura privata autenticata", "authenticated private deed"),
    "digital": ("atto firmato digitalmente", "digitally signed deed"),
}
QUALITIES: Titles = {
    "innovation": ("innovazione", "innovation"),
    "internationalisation": ("internazionalizzazione", "internationalisation"),
    "certification": ("certificazione dei processi", "certification of processes"),
}


def title(vocabulary: Titles, key: str, language: str = "it") -> str:
    """Return the title of a key; a key this version does not know is shown as it is."""
    found = vocabulary.get(key)
    return key if found is None else found[1 if language == "en" else 0]
