"""The covering text and the data dictionary of a package, in Dutch.

Belongs here: what the recipient has to know and may do. Does not belong here: the report (``report``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from rod_pipeline.contracts.book import ContractBook
from rod_pipeline.contracts.model import FILE_KINDS
from rod_pipeline.ledger.publication import Description
from rod_pipeline.packages.comparison import Subject
from rod_pipeline.packages.pseudonyms import PSEUDONYM
from rod_pipeline.packages.report import About, day
from rod_pipeline.packages.rows import DELIVERY
from rod_pipeline.publishing.shape import SIGN
from rod_pipeline.publishing.words import words

_HERE: Mapping[str, tuple[str, str]] = {
    DELIVERY: ("Levering", "De levering van DUO waar de rij uit komt"),
    PSEUDONYM: (
        "Pseudoniem",
        "Vervangt het Sectornummer; hetzelfde in elk pakket voor u, en anders dan bij elke andere instelling",
    ),
    "maat": ("Maat", "Wat er is geteld, of welk resultaat"),
    "jaar": ("Jaar", "Schooljaar of opbrengstjaar"),
    "eenheid": ("Eenheid", "aantal of procent"),
    "indeling": ("Indeling", "Waarnaar het cijfer is uitgesplitst"),
    "eigen": ("Eigen", "Het eigen cijfer; leeg waar het is afgeschermd"),
    "landelijk": ("Landelijk", "Het cijfer van heel Nederland; leeg waar het is afgeschermd"),
    "norm": ("Norm", "De norm voor voldoende van de Inspectie van het Onderwijs, in procenten"),
    "rang": ("Plaats", "De plaats tussen de instellingen waarvan het cijfer wordt getoond, de hoogste eerst"),
    "van": ("Van", "Tussen hoeveel instellingen die plaats is"),
}
_WHAT: Mapping[Description, str] = {
    "own_rows": "gepseudonimiseerde gegevens van studenten van uw eigen instelling, en gepubliceerde aantallen",
    "aggregates": "gepubliceerde aantallen; geen persoonsgegevens",
    "small_counts": "aantallen studenten waaronder kleiner dan vijf, en gepubliceerde aantallen",
}
_PERSONAL = """\
BEVAT PERSOONSGEGEVENS. WISSEN VÓÓR {until}.

U mag deze gegevens alleen gebruiken voor de verantwoording over, of onderzoek naar, de kwaliteit, toegankelijkheid of
doelmatigheid van het beroepsonderwijs (besluit {decree}, voorschrift 3, onder a). Probeer niemand te herleiden. Bewaar
ze versleuteld en binnen de Europese Economische Ruimte, en geef ze niet door. Vóór {until}, of eerder als wij daarom
vragen, wist u dit pakket met alle kopieën; wij vragen u dan om een schriftelijke verklaring dat en wanneer dat is
gebeurd, met dit kenmerk: {package}.
"""
_PUBLIC = "Dit pakket bevat geen persoonsgegevens. U mag de cijfers gebruiken en doorgeven, met bronvermelding.\n"


def readme(
    subject: Subject,
    about: About,
    package_id: str,
    keys: Sequence[str],
    description: Description,
    tables: Mapping[str, pl.DataFrame],
) -> str:
    """The text that is read first."""
    title = f"PAKKET VOOR {subject.label.upper()}"
    until = None if about.until is None else day(about.until)
    facts = [("Kenmerk", package_id), ("Inhoud", _WHAT[description]), ("Van", about.holder)]
    if keys:
        facts.append(("Leveringen", ", ".join(keys)))
    facts += [("Uitgave van de cijfers", f"{about.release}, {day(about.published)}"), ("Einddatum", until or "geen")]
    files = [
        ("rapport.html, rapport.pdf", "het rapport, om te lezen"),
        *((f"{name}.csv", _rows(frame)) for name, frame in tables.items()),
        ("gegevensboek.csv", "wat elke kolom betekent"),
        ("codes.csv", "wat codes betekenen"),
    ]
    may = _PUBLIC if until is None else _PERSONAL.format(until=until, decree=about.decree, package=package_id)
    return "\n".join(
        [
            title,
            "=" * len(title),
            "",
            *(f"{label}: {value}" for label, value in facts),
            "",
            may,
            "Bestanden",
            "---------",
            *(f"{name}: {what}" for name, what in files),
            "",
            "De csv-bestanden zijn UTF-8, met een puntkomma tussen de kolommen en een komma in getallen. In",
            f"gepubliceerde tabellen staat {SIGN} waar een aantal is afgeschermd, om welke reden ook.",
            "",
        ]
    )


def dictionary(tables: Mapping[str, pl.DataFrame], published: pl.DataFrame, book: ContractBook) -> pl.DataFrame:
    """What each column of each file of a package means: ``bestand``, ``kolom``, ``label``, ``omschrijving``."""
    known = {row["kolom"]: (row["label"], row["omschrijving"]) for row in published.iter_rows(named=True)}
    rows = [
        (f"{name}.csv", column, *_meaning(name, column, known, book))
        for name, frame in tables.items()
        for column in frame.columns
    ]
    return pl.DataFrame(
        rows, schema=dict.fromkeys(("bestand", "kolom", "label", "omschrijving"), pl.String), orient="row"
    )


def _meaning(name: str, column: str, published: Mapping[str, tuple[str, str]], book: ContractBook) -> tuple[str, str]:
    if column in _HERE:
        return _HERE[column]
    file = name.rpartition("/")[2]
    if name.startswith("eigen/") and file in FILE_KINDS:
        found = {one.name: (one.header or one.name, one.description) for one in book.get(file).columns}
        if column in found:
            return found[column]
    if column in published:
        return published[column]
    word = words().column(column)
    return word.label, word.about


def _rows(frame: pl.DataFrame) -> str:
    return f"{frame.height:,} {'rij' if frame.height == 1 else 'rijen'}".replace(",", ".")
