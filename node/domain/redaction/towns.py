"""Municipalities as the gate looks for them: most by name alone, common words only where they stand as places.

About 450 names of municipalities are words that everybody writes ("sale", "vita", "fonte"): those need a capital and a
preposition of place, or "comune di" before them. The list was made once, by looking the names up in word lists of Italian
and English, and read through by hand. Source: docs/rules.md T.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from node.domain.folding import fold
from node.domain.redaction.spelling import Evidence, Spelling

# How towns of Italy are called in English.
ENGLISH = (
    "Rome", "Milan", "Naples", "Turin", "Florence", "Venice", "Genoa", "Padua", "Mantua", "Syracuse", "Leghorn",
)  # fmt: skip
# Common words as well, but towns first of all when they have a capital.
GREAT = frozenset(
    ("brindisi", "trapani", "foggia", "cuneo", "potenza", "monopoli", "modica", "gela", "piombino", "lanciano")
)
_COMMON_WORDS = """
    Acuto Ala Alba Albino Alia Altare Altissimo Alto Alì Amaro Amato Amelia Ameno Amorosi Anzi Apice Arcade Archi
    Arco Ardore Arena Ari Asso Barbara Bard Barge Barile Bee Bella Benestare Bergamasco Bettola Bianchi Bianco
    Bisaccia Bomba Bonito Bono Bore Borghi Bozzolo Bra Bruno Busso Caino Calci Calcio Calco Calvi Cambiano Camini
    Camino Campagna Campana Camposanto Canale Candela Candida Canna Capaci Carbonate Carbone Cardinale Carro Cascina
    Casella Casina Castelli Casto Castro Cattolica Cave Celano Cene Cento Cerchio Cerva Cervo Ceto Chamois Chiari
    Chiusa Chiusi Cis Coli Cologne Colonna Contrada Cori Covo Cozzo Crema Dazio Delia Dello Diamante Dolo Donato
    Donnas Dro Erba Este Fabbrico Falcone Fallo Fascia Fermo Filetto Firmo Fondi Fontanella Fonte Force Fornace
    Fornelli Fortezza Fossa Frassino Front Furore Ginestra Giove Girasole Grado Greci Greggio Grosso Grotte Incudine
    Irma Laces Laghi Lago Lana Latina Lauro Lavagna Lei Leno Lenta Leonessa Lettere Levate Liberi Licenza Liscia
    Macello Magenta Magione Malo Mammola Mango Manta Mantello Mara Margarita Marino Marta Martello Maser Massa
    Matrice Mattinata Medicina Mele Melissa Mese Meta Mezzana Mezzano Millesimo Milo Minori Mira Miranda Mirto
    Molare Montanaro Monti Montone Mori Mossa Mozzo Mura Musei Nasino Naso Nave Ne Nettuno Noci Nomi None Norma Nove
    Novella Novello Nus Ome Onore Opera Opi Ora Ossi Ottone Paese Pagani Palau Palombaro Paludi Panettieri Panni
    Paola Parenti Parete Paterno Patti Pau Penne Pergola Perito Pero Pescate Pesche Piatto Piglio Pignone Pigra Pila
    Pisano Piscina Pizzo Poli Ponte Ponti Porte Posta Postal Prato Pray Premia Proves Quadri Quart Quarto Quindici
    Rabbi Rapino Re Rea Rende Rho Rio Riposto Rive Rose Rossa Rotella Rotonda Rotondi Rubano Russi Sacco Sale Salve
    Scala Scapoli Scena Scilla Scopa Segni Serrata Serre Sesto Sigillo Soave Soglio Sommo Sora Sorso Sospiro
    Sostegno Sperone Spessa Spiazzo Spinoso Stella Stradella Strozza Supino Taverna Terzo Tirano Tires Tito Ton
    Tornata Torno Toro Torretta Tortora Tramonti Travagliato Trinità Troia Trovo Ultimo Urbana Urbe Uri Uscio Uta
    Vaglia Vallata Vasto Veglio Vermiglio Viale Vicari Vicoli Vinci Viola Visone Vita Vittoria Viù Vo' Volano Zone
    Acri Agra Arborea Argenta Armeno Asola Assolo Atri Augusta Balocco Barbaresco Barbata Barbona Bardi Baschi Bellona Benna Bovino
    Busca Cagli Caglio Calcata Calcinate Calcinato Camerino Canino Capriolo Carini Castana Cavallino Cavatore Cervino Cesio Cicala
    Cittadella Compiano Comunanza Conversano Copiano Dragoni Drena Felino Ferriere Filettino Fontanelle Formicola Frisa Frontone
    Gallese Gessate Giuliana Giungano Gorgonzola Graniti Isso Itala Leni Lesa Longobardi Luni Lupara Lustra Maggiora Maglie Maglione
    Marsala Marzi Marzio Massello Mezzanino Mirano Moresco Moretta Mozzate Musso Noto Paesana Palata Pianoro Pignola Polla Pollina Poppi
    Portici Pulsano Riccia Rivoli Romana Romeno Rosate Saracena Scafa Scansano Scorrano Selci Settime Siano Sona Sonico Specchia Stilo
    Tarsia Terrazzo Tombolo Torrioni Tufo Valenza Veglie Vergato Villette Zeri
    Dolcè Erbè Rosà Montà Contà Malé Fossò Lodè Mazzè Merì
"""
COMMON = frozenset(map(fold, _COMMON_WORDS.split())) | frozenset(
    map(
        fold,
        (
            "La Valle", "La Cassa", "Ponte di Legno", "Fonte Nuova", "Corte Franca", "Villa Verde", "Monte Isola", "Cella Monte",
            "Porto Azzurro", "Capo di Ponte", "Isola del Piano",
        ),
    )
)  # fmt: skip


def spellings(names: Iterable[str], common: frozenset[str]) -> Iterator[Spelling]:
    """Yield how municipalities are written, with the English names of the great ones."""
    for name in (*names, *ENGLISH):
        for written in {name, *(name.split("/") if "/" in name else ())}:
            folded = fold(written)
            if folded in GREAT:
                yield Spelling(folded, Evidence.CAPITAL)
            elif folded in COMMON or all(word in common for word in folded.split()):
                yield Spelling(folded, Evidence.PLACE)
            elif folded:
                yield Spelling(folded, Evidence.NONE)
