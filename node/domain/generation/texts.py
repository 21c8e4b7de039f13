"""Words of the generated register: what networks of each sector make, and how objects of each theme are phrased.

In: a seeded random source, a theme, a division. Out: object texts as long and as varied as real ones, with a vocabulary
of their own for each sector, so that search and linkage are tried on something that resembles the field.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

# ATECO division (or section) -> (what they make or do, tools and ways, customers)
SECTOR_WORDS: Mapping[str, tuple[Sequence[str], Sequence[str], Sequence[str]]] = {
    "01": (
        (
            "ortaggi freschi",
            "agrumi",
            "olive da mensa",
            "cereali antichi",
            "piante officinali",
            "uva da vino",
            "latte ovino",
            "mandorle",
            "patate novelle",
            "legumi",
        ),
        (
            "coltivazione in serra",
            "irrigazione a goccia",
            "agricoltura biologica",
            "difesa integrata",
            "confezionamento in campo",
            "rotazione delle colture",
        ),
        ("grande distribuzione", "mense scolastiche", "mercati contadini", "industria conserviera"),
    ),
    "10": (
        (
            "olio extravergine di oliva",
            "pasta di grano duro",
            "formaggi stagionati",
            "conserve di pomodoro",
            "prodotti da forno",
            "salumi tipici",
            "dolci di mandorla",
            "ortaggi sott'olio",
            "caffè torrefatto",
            "mozzarella di bufala",
        ),
        (
            "frangitura a freddo",
            "impasti a lunga lievitazione",
            "stagionatura in grotta",
            "confezionamento in atmosfera protettiva",
            "etichettatura nutrizionale",
            "tracciabilità di lotto",
        ),
        ("ristorazione collettiva", "botteghe di prodotti tipici", "importatori alimentari", "gastronomie"),
    ),
    "11": (
        (
            "vini rossi da vitigni autoctoni",
            "spumanti metodo classico",
            "birre artigianali",
            "liquori di erbe",
            "vini dolci naturali",
        ),
        (
            "affinamento in legno",
            "fermentazione a temperatura controllata",
            "imbottigliamento sterile",
            "degustazioni guidate",
        ),
        ("enoteche", "importatori di bevande", "alberghi e ristoranti", "vendita diretta in cantina"),
    ),
    "14": (
        (
            "abbigliamento femminile",
            "camiceria su misura",
            "maglieria",
            "abiti da cerimonia",
            "calzetteria",
            "divise da lavoro",
        ),
        (
            "modellistica digitale",
            "taglio automatico",
            "ricamo",
            "tintura con coloranti naturali",
            "capsule stagionali",
        ),
        ("marchi della moda", "boutique indipendenti", "catene di negozi", "piattaforme di vendita"),
    ),
    "25": (
        (
            "carpenteria metallica",
            "stampi per lamiera",
            "minuterie tornite",
            "serramenti in alluminio",
            "serbatoi in acciaio",
            "ingranaggi",
        ),
        (
            "taglio laser",
            "tornitura a controllo numerico",
            "saldatura robotizzata",
            "trattamenti termici",
            "collaudo dimensionale",
        ),
        ("costruttori di macchine", "cantieri navali", "industria ferroviaria", "impiantisti"),
    ),
    "28": (
        (
            "macchine per imballaggio",
            "linee di assemblaggio",
            "pompe e valvole",
            "macchine agricole",
            "celle robotizzate",
            "stazioni di collaudo",
        ),
        (
            "automazione industriale",
            "meccatronica",
            "manutenzione predittiva",
            "sensoristica",
            "progettazione tridimensionale",
        ),
        ("industria alimentare", "industria farmaceutica", "stabilimenti automobilistici", "terzisti agricoli"),
    ),
    "31": (
        ("mobili su misura", "cucine componibili", "arredi per uffici", "imbottiti", "complementi in legno massello"),
        ("falegnameria", "verniciatura all'acqua", "tappezzeria", "rilievo digitale degli ambienti"),
        ("alberghi", "studi di architettura", "rivenditori di arredo", "cantieri navali da diporto"),
    ),
    "41": (
        (
            "edifici residenziali",
            "recupero di centri storici",
            "consolidamento sismico",
            "coperture in legno",
            "bonifica dell'amianto",
            "strade e piazze",
        ),
        (
            "isolamento a cappotto",
            "rilievo con droni",
            "prefabbricazione leggera",
            "restauro di facciate",
            "modellazione digitale degli edifici",
        ),
        ("enti locali", "condomini", "soprintendenze", "imprese generali"),
    ),
    "43": (
        (
            "impianti elettrici",
            "impianti termici",
            "pompe di calore",
            "pavimenti e rivestimenti",
            "impianti antincendio",
        ),
        ("domotica", "diagnosi energetica", "contabilizzazione del calore", "posa certificata"),
        ("amministratori di condominio", "strutture sanitarie", "scuole", "centri commerciali"),
    ),
    "46": (
        (
            "ferramenta e utensili",
            "materiale elettrico",
            "prodotti ittici",
            "fiori recisi",
            "articoli sanitari",
            "imballaggi",
        ),
        ("magazzino automatico", "ordini in mobilità", "consegna in giornata", "listini condivisi"),
        ("dettaglianti", "installatori", "ristoratori", "farmacie"),
    ),
    "47": (
        (
            "abbigliamento per la famiglia",
            "libri e cancelleria",
            "erboristeria",
            "elettrodomestici",
            "articoli sportivi",
            "generi alimentari",
        ),
        ("carta fedeltà comune", "vetrina digitale", "consegna a domicilio", "eventi nel centro cittadino"),
        ("residenti", "turisti", "famiglie", "scuole"),
    ),
    "49": (
        (
            "trasporto di merci deperibili",
            "servizi di corriere",
            "noleggio di autobus",
            "traslochi",
            "trasporto eccezionale",
        ),
        (
            "pianificazione dei viaggi",
            "flotte a gas naturale",
            "tracciamento satellitare",
            "piattaforma di carico condivisa",
        ),
        ("industria alimentare", "tour operator", "commercio elettronico", "porti"),
    ),
    "55": (
        ("ospitalità diffusa", "villaggi sul mare", "agriturismo", "alberghi termali", "ostelli lungo i cammini"),
        (
            "prenotazione diretta",
            "pacchetti esperienziali",
            "accoglienza di ciclisti",
            "menù del territorio",
            "mobilità dolce",
        ),
        ("viaggiatori stranieri", "gruppi scolastici", "turismo congressuale", "famiglie"),
    ),
    "62": (
        (
            "software gestionale",
            "applicazioni per dispositivi mobili",
            "piattaforme di analisi dei dati",
            "sicurezza informatica",
            "visione artificiale",
        ),
        (
            "sviluppo agile",
            "intelligenza artificiale",
            "integrazione di sistemi",
            "servizi in nuvola",
            "realtà aumentata",
        ),
        ("pubblica amministrazione", "banche", "manifattura", "sanità"),
    ),
    "71": (
        (
            "progettazione strutturale",
            "prove di laboratorio",
            "rilievi topografici",
            "direzione lavori",
            "studi ambientali",
        ),
        (
            "modellazione informativa",
            "prove non distruttive",
            "calcolo agli elementi finiti",
            "monitoraggio strumentale",
        ),
        ("stazioni appaltanti", "imprese edili", "gestori di infrastrutture", "industria"),
    ),
    "38": (
        (
            "recupero di materie plastiche",
            "gestione di rifiuti speciali",
            "compost di qualità",
            "rigenerazione di pneumatici",
        ),
        ("selezione ottica", "economia circolare", "analisi del ciclo di vita", "impianti a biogas"),
        ("comuni", "distretti industriali", "grande distribuzione", "agricoltura"),
    ),
    "86": (
        ("assistenza domiciliare", "fisioterapia", "diagnostica per immagini", "odontoiatria sociale", "telemedicina"),
        (
            "cartella clinica condivisa",
            "presa in carico multidisciplinare",
            "prevenzione",
            "formazione degli operatori",
        ),
        ("anziani", "aziende sanitarie", "fondi integrativi", "famiglie"),
    ),
    "82": (
        (
            "organizzazione di fiere",
            "servizi di segreteria",
            "centri di contatto",
            "imballaggio per conto terzi",
            "traduzioni tecniche",
        ),
        ("sportello unico", "gestione documentale", "piattaforma di prenotazione", "lavoro a distanza"),
        ("piccole imprese", "associazioni", "enti pubblici", "professionisti"),
    ),
}
OPENINGS: Mapping[str, Sequence[str]] = {
    "innovation": (
        "Le imprese partecipanti intendono accrescere la propria capacità innovativa attraverso la ricerca e sviluppo di nuovi {p}",
        "Il contratto ha per oggetto un programma di innovazione tecnologica per {p}, con prototipi e {w}",
        "Sviluppo congiunto di tecnologie digitali applicate a {p} e deposito di brevetti comuni",
    ),
    "internationalisation": (
        "Le imprese si propongono l'internazionalizzazione delle vendite di {p} verso i mercati esteri",
        "Export comune di {p}: partecipazione a fiere estere e apertura di una sede nei paesi esteri di interesse",
        "Presidio stabile dei mercati esteri per {p}, con personale condiviso per l'export",
    ),
    "certification": (
        "Certificazione dei processi relativi a {p} secondo un sistema di qualità comune",
        "Le imprese adottano un disciplinare comune e conseguono la certificazione per {p}",
        "Gestione della qualità e accreditamento delle attività relative a {p}",
    ),
    "promotion": (
        "Promozione congiunta di {p} con un marchio comune e attività di marketing",
        "Le imprese uniscono comunicazione e pubblicità per la vendita di {p}",
        "Creazione di un marchio comune per la commercializzazione di {p}",
    ),
    "supply_chain": (
        "Integrazione della filiera di {p}, dalla materia prima alla trasformazione",
        "Coordinamento dei cicli produttivi e della subfornitura per {p}",
        "Le imprese della filiera mettono in comune la produzione di {p}",
    ),
    "purchasing": (
        "Acquisti comuni di materie prime e servizi per chi opera in {p}",
        "Costituzione di un gruppo d'acquisto per l'approvvigionamento relativo a {p}",
        "Razionalizzazione degli acquisti e delle forniture connesse a {p}",
    ),
    "logistics": (
        "Gestione comune della logistica e dei trasporti per {p}",
        "Una piattaforma logistica condivisa con magazzino unico per {p}",
        "Ottimizzazione delle spedizioni e della distribuzione di {p}",
    ),
    "energy": (
        "Riduzione dei consumi di energia e ricorso a fonti rinnovabili nelle attività di {p}",
        "Le imprese curano la sostenibilità ambientale e il recupero dei rifiuti nella gestione di {p}",
        "Efficientamento energetico e impianti fotovoltaici per chi si occupa di {p}",
    ),
    "tourism": (
        "Sviluppo di un'offerta turistica integrata che unisce {p} e itinerari del territorio",
        "Accoglienza turistica e valorizzazione dei beni culturali insieme a {p}",
        "Pacchetti turistici ed enogastronomia: le imprese collegano {p} e ospitalità",
    ),
    "training": (
        "Formazione comune del personale addetto a {p} e scambio di risorse umane",
        "Codatorialità e percorsi formativi per chi lavora in {p}",
        "Sviluppo delle competenze e tirocini presso le imprese che curano {p}",
    ),
    "works": (
        "Partecipazione congiunta a gare d'appalto per {p}",
        "Esecuzione di lavori pubblici e manutenzioni: le imprese operano insieme su {p}",
        "Acquisizione di appalti privati e pubblici riguardanti {p}",
    ),
    "other": (
        "Collaborazione tra le imprese in forme e ambiti predeterminati attinenti a {p}",
        "Scambio di informazioni e prestazioni tra i partecipanti che si occupano di {p}",
        "Le imprese accrescono insieme la propria capacità competitiva in materia di {p}",
    ),
}
MIDDLES = (
    "In particolare saranno curati {w} e {w2}, con ruoli distinti per ciascun partecipante.",
    "Il programma comune prevede {w} e una verifica annuale dei risultati da parte dell'organo comune.",
    "I clienti a cui ci si rivolge sono soprattutto {c} e {c2}.",
    "Ogni aderente mette a disposizione attrezzature e personale, anche per {w}.",
    "Saranno avviati contatti con università e centri di competenza in tema di {w}.",
    "La rete propone a {c} un solo interlocutore per {p2}.",
    "È previsto un fondo comune destinato a {w} e agli strumenti necessari.",
    "Si intende ampliare l'offerta con {p2}, oggi assente in zona.",
    "I partecipanti condividono conoscenze su {w2} e riducono i costi fissi.",
)
CLOSINGS = (
    "L'adesione di altre imprese è ammessa con il consenso dei partecipanti.",
    "La durata del contratto è di cinque anni, rinnovabile.",
    "L'organo comune riferisce ogni semestre sullo stato di attuazione.",
    "Le spese sono ripartite in proporzione alle quote.",
    "Il contratto non modifica l'autonomia delle singole imprese.",
)


def words_for(division: str) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    """Return (products, ways, customers) of a division, or of the nearest one that has words."""
    if division in SECTOR_WORDS:
        return SECTOR_WORDS[division]
    known = sorted(SECTOR_WORDS, key=int)
    number = int(division) if division.isdigit() else 82
    return SECTOR_WORDS[min(known, key=lambda key: (abs(int(key) - number), key))]


def object_text(draw: random.Random, theme: str, division: str) -> str:
    """Return one object text (80 to about 1,500 characters)."""
    products, ways, customers = words_for(division)
    p, p2 = draw.sample(list(products), 2)
    w, w2 = draw.sample(list(ways), 2)
    c, c2 = draw.sample(list(customers), 2)
    facts = {"p": p, "p2": p2, "w": w, "w2": w2, "c": c, "c2": c2}
    opening = draw.choice(OPENINGS[theme]).format(**facts)
    parts = [opening + ("." if not opening.endswith(".") else "")]
    parts += [text.format(**facts) for text in draw.sample(MIDDLES, draw.randint(0, 5))]
    parts += draw.sample(CLOSINGS, draw.randint(0, 2))
    return " ".join(parts)
