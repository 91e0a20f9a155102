"""What each code of a record is called, in Dutch: one fixed word or sentence per code.

Belongs here: words for the certificate and the summary; those for places and what is counted stand in ``verifieer``,
which speaks them too. Does not belong here: layout (``certificate.typ``), what a code means in law (the decree's own
words come from ``decree``).
"""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from rod_pipeline.ledger.erasure import OUTSIDE, Counted, Method, Outcome
from rod_pipeline.ledger.vocabulary import Channel, MomentBasis
from rod_pipeline.retention.evidence.record import Category, DeliveryErased, Limit, Reason, Record
from rod_pipeline.retention.evidence.verifieer import COUNTED

AMSTERDAM = ZoneInfo("Europe/Amsterdam")

METHODS: dict[Method, str] = {
    "key_destroyed": "sleutel vernietigd",
    "all_versions_deleted": "alle versies verwijderd",
    "rebuilt_and_deleted": "herbouwd zonder deze gegevens, oud bestand verwijderd",
    "file_deleted": "verwijderd",
    "asked": "om wissing gevraagd",
    "expires": "verloopt op vaste datum",
}
OUTCOMES: dict[Outcome, str] = {"VOLLEDIG": "VOLLEDIG", "ONVOLLEDIG": "ONVOLLEDIG", "TE_LAAT": "TE LAAT"}
REASONS: dict[Reason, str] = {
    "termijn_verstreken": "De bewaartermijn liep af.",
    "intrekking": "Het besluit is ingetrokken.",
    "vervangen": "Een gecorrigeerde levering heeft de plaats van deze levering ingenomen.",
    "bevel": "Er is opdracht gegeven deze gegevens eerder te wissen.",
    "hervernietiging_na_herstel": "Al gewiste gegevens kwamen terug uit een reservekopie en zijn opnieuw gewist.",
}
BASES: dict[MomentBasis, str] = {
    "dispatch": "verzending door DUO",
    "placed": "plaatsing in PLEIO",
    "first_download": "eerste ophaling",
    "ingestion": "inname",
}
SOURCES: dict[Channel, str] = {"pleio": "PLEIO", "drop": "handmatige overdracht"}
CATEGORIES: dict[Category, str] = {
    "purge-CE": "In de eigen opslag waren alle gegevens vanaf de eerste byte versleuteld, en alle sleutels zijn "
    "vernietigd; daarna is ook de versleutelde inhoud verwijderd. Volgens NIST SP 800-88: purge (cryptographic erase).",
    "clear": "De gegevens zijn verwijderd. Volgens NIST SP 800-88: clear. De hogere categorie (purge) wordt niet "
    "geclaimd, omdat niet alle sleutels aantoonbaar en overal zijn vernietigd.",
}
LIMITS: dict[Limit, str] = {
    "alleen_kopieregister": "Deze verklaring gaat over alle kopieën in het kopieregister. Een kopie die iemand buiten "
    "het systeem om heeft gemaakt, valt erbuiten.",
    "geen_fysieke_vernietiging": "De gegevens zijn gewist en hun sleutels vernietigd. Dat opslagmedia fysiek zijn "
    "vernietigd, wordt niet verklaard.",
    "zelfde_installatie": "De controle na het wissen is een eigen onderdeel van het systeem en zoekt langs een andere "
    "weg dan het wissen, maar draait in dezelfde installatie.",
    "eigen_klok": "De tijdstippen komen van de klok van het systeem. Een tijdstempel van een derde bewijst alleen dat "
    "het logboek op dat moment al bestond.",
    "plaats_zoals_opgegeven": "Land en regio zijn vastgesteld aan de hand van het adres en de opgave van de "
    "opslagdienst. Of een onderaannemer van buiten toegang had, blijkt er niet uit.",
    "plaats_lokaal_verklaard": "Van opslag in eigen beheer berust de plaats op een verklaring van de beheerder.",
    "sleutelkopieen": "Dat iemand buiten het systeem om een kopie van een sleutel heeft gemaakt, is niet uit te "
    "sluiten.",
    "moment_onzeker": "Wanneer de gegevens zijn verstrekt, was niet van DUO bekend; het vroegste bekende moment bij "
    "ons is gebruikt.",
    "verklaring_van_derden": "Dat een ontvanger of de verwerker heeft gewist, berust op diens schriftelijke "
    "verklaring.",
    "derden_uitstaand": "Niet iedereen buiten het systeem heeft al verklaard te hebben gewist.",
    "back_ups_lopen_af": "Reservekopieën worden niet geopend om er gegevens uit te wissen; zij verlopen op hun vaste "
    "datum.",
    "opslag_weg_verklaard": "Van een opslag van Dagster waarmee aan leveringen is gewerkt, is verklaard dat deze niet "
    "meer bestaat; daarin is niet gekeken.",
    "klok_liep_voor": "Een deel van het grootboek is geschreven met een klok die vooruit liep; dat is erin vastgelegd. "
    "Tijden uit dat deel zijn naar de strengste kant gelezen: het begin van een termijn zo vroeg, een wissing zo laat "
    "als kan.",
}
COUNTRIES = {
    "AT": "Oostenrijk", "BE": "België", "BG": "Bulgarije", "CY": "Cyprus", "CZ": "Tsjechië", "DE": "Duitsland",
    "DK": "Denemarken", "EE": "Estland", "ES": "Spanje", "FI": "Finland", "FR": "Frankrijk", "GR": "Griekenland",
    "HR": "Kroatië", "HU": "Hongarije", "IE": "Ierland", "IS": "IJsland", "IT": "Italië", "LI": "Liechtenstein",
    "LT": "Litouwen", "LU": "Luxemburg", "LV": "Letland", "MT": "Malta", "NL": "Nederland", "NO": "Noorwegen",
    "PL": "Polen", "PT": "Portugal", "RO": "Roemenië", "SE": "Zweden", "SI": "Slovenië", "SK": "Slowakije",
}  # fmt: skip
PROOFS_OF_PLACE = {
    "eea": "binnen de EER",
    "adequacy": "land met een adequaatheidsbesluit",
    "local_declaration": "eigen beheer, door de beheerder verklaard",
}
_MONTHS = (
    "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
    "december",
)  # fmt: skip


def day(at: datetime | None) -> str:
    """A day in the Netherlands: ``15 december 2032``; a dash for none."""
    if at is None:
        return "–"
    return day_of(at.astimezone(AMSTERDAM).date())


def day_of(local: date) -> str:
    """``15 december 2032``."""
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def instant(at: datetime | None) -> str:
    """A day and time in the Netherlands; a dash for none."""
    return "–" if at is None else f"{day(at)}, {at.astimezone(AMSTERDAM):%H.%M} uur"


def number(n: int) -> str:
    """A number with points between its thousands."""
    return f"{n:,}".replace(",", ".")


def size(n: int) -> str:
    """A number of bytes as a person reads it."""
    for unit, exponent in (("GB", 9), ("MB", 6), ("kB", 3)):
        if n >= 10**exponent:
            return f"{n / 10**exponent:.1f} {unit}".replace(".", ",")
    return f"{n} bytes"


def counts(found: Iterable[Counted]) -> str:
    """``3 objectversies, 1 bestand``; ``niets`` for none."""
    return ", ".join(f"{number(each.n)}\u00a0{COUNTED[each.what][each.n != 1]}" for each in found if each.n) or "niets"


def days(n: int) -> str:
    """``1 dag``, ``2 dagen``."""
    return f"{number(n)} {'dag' if n == 1 else 'dagen'}"


def margin(delivery: DeliveryErased) -> str:
    """How far from its deadline the last copy was gone; nothing while one is left and the deadline isn't there yet."""
    if delivery.days_late is not None:
        return f"{days(delivery.days_late)} te laat"
    if delivery.gone_at is None:
        return ""
    return "geen termijn" if delivery.days_before is None else f"{days(delivery.days_before)} ervoor"


def verdict(record: Record) -> str:
    """The outcome in one or two plain sentences."""
    late = max((delivery.days_late or 0 for delivery in record.deliveries), default=0)
    match record.outcome:
        case "VOLLEDIG":
            return (
                "Alle bekende kopieën van deze gegevens zijn gewist, binnen de termijn. Twee volledige controles "
                "daarna vonden niets, en er staat niets meer uit."
            )
        case "TE_LAAT":
            return (
                "Alle bekende kopieën van deze gegevens zijn gewist, maar de laatste pas "
                f"{days(late)} na het einde van de bewaartermijn. Twee volledige controles daarna vonden niets."
            )
        case "ONVOLLEDIG":
            over = f" De bewaartermijn is {days(late)} overschreden." if late else ""
            if not record.remaining:
                return (
                    "De tweede controle vond nog iets. Nu is er niets meer gevonden, maar daarmee staat nog niet vast "
                    f"dat alle kopieën weg zijn.{over}"
                )
            inside = any(found.place not in OUTSIDE for found in record.remaining)
            house = "" if inside else " In eigen huis is niets meer gevonden."
            return (
                f"Nog niet alle kopieën van deze gegevens zijn aantoonbaar weg; wat rest, staat hieronder.{house}{over}"
            )
