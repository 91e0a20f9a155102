"""The tables of a dossier about deliveries: what came, where it lies and lay, what was found in it.

Belongs here: which columns and rows. Does not belong here: tables about what left or is gone (``leaving``) and
about who was told and who looked (``oversight``), what a table looks like as a file (``tables``).

Names of columns are Dutch, because auditors read them; codes are those of the ledger. No number of persons or rows
under five stands here, and none can be had by subtraction: of what was left out of a mart only the rest is told.
"""

from collections.abc import Iterator
from datetime import date

from rod_pipeline.audit.account import Account, CopySpan
from rod_pipeline.audit.holdings import held_on, periods, personal
from rod_pipeline.audit.tables import Column, Table, Type, Value
from rod_pipeline.decree import Decree
from rod_pipeline.ledger.events import Checked
from rod_pipeline.ledger.intakes import IntakeState
from rod_pipeline.retention.deadline import deadline

Row = tuple[Value, ...]
KEY = Column(
    "levering", "string", "Sleutel van de levering: jaar en maand van het verstrekkingsmoment; -rN: correctie."
)
_INTAKE = Column("inname_id", "string", "Ondoorzichtig kenmerk van deze inname van de levering.")


def column(name: str, says: str, type_: Type = "string") -> Column:
    return Column(name, type_, says)


def delivery_tables(account: Account, decree: Decree, day: date) -> tuple[Table, ...]:
    """All of them. ``day`` is the day of which the holdings are told."""
    return (
        _deliveries(account, decree),
        _held(account, day),
        _periods(account),
        _copies(account),
        _places(account),
        _checks(account),
        _findings(account),
        _waivers(account),
        _marts(account),
    )


def _deliveries(account: Account, decree: Decree) -> Table:
    def rows() -> Iterator[Row]:
        for intake in account.state.intakes.values():
            stone = intake.tombstone
            yield (
                intake.key,
                intake.delivery_id,
                intake.channel,
                intake.announced_at,
                intake.moment,
                intake.moment_basis,
                deadline(intake.moment, decree.retention.years) if intake.moment is not None else None,
                intake.stage,
                intake.refused,
                intake.corrected_by,
                stone.ground if stone else None,
                stone.at if stone else None,
                sum(1 for copy in _scopes(account, intake) if copy.erased_at is None),
            )

    return Table.of(
        "leveringen",
        "Leveringen",
        "Iedere inname van iedere levering, ook geweigerde en vervangen, in volgorde van aankondiging.",
        (
            KEY,
            _INTAKE,
            column("kanaal", "pleio of drop (handmatige overdracht)."),
            column("aangekondigd_op", "Wanneer de levering is aangekondigd (UTC).", "datetime"),
            column("moment_van_verstrekking", "Het vroegste bekende moment; daar begint de bewaartermijn.", "datetime"),
            column("grondslag_moment", "dispatch, placed, first_download of ingestion."),
            column("uiterste_datum", "Uiterlijk dan moet alles zijn gewist (voorschrift 3j).", "datetime"),
            column("stand", "Hoe ver de inname is; tombstoned: gewist of in wissing."),
            column("geweigerd_om", "Foutcode waarom de levering niet mocht worden bewaard."),
            column("gecorrigeerd_door", "Sleutel van de correctie die ervoor in de plaats kwam."),
            column("gewist_op_grond", "term, withdrawal, superseded, order of restored."),
            column("onbruikbaar_sinds", "Sindsdien niet meer te lezen, te schrijven of te herstellen.", "datetime"),
            column("kopieen_nu", "Kopieën van deze inname zelf die nog niet zijn gewist.", "integer"),
        ),
        rows(),
    )


def _scopes(account: Account, intake: IntakeState) -> Iterator[CopySpan]:
    return (span for span in account.copies.values() if span.registered.scope == intake.delivery_id)


def _country(account: Account, store: str) -> str | None:
    place = account.state.territory.get(store)
    return place.approval.country if place is not None else None


def _held(account: Account, day: date) -> Table:
    def rows() -> Iterator[Row]:
        for span, keys in held_on(account, day):
            made = span.registered
            yield (
                day,
                keys,
                made.copy_id,
                made.zone,
                made.name,
                made.store,
                _country(account, made.store),
                span.since,
                span.erased_at,
                span.size,
            )

    return Table.of(
        "bezit_op_dag",
        f"Wat op {day.isoformat()} werd bewaard",
        "Iedere kopie met persoonsgegevens die op de gevraagde dag (Nederlandse tijd) op enig ogenblik bestond. "
        "Reservekopieën, werkgeheugen en pakketten bij ontvangers staan hier niet in; die hebben een eigen einddatum.",
        (
            column("dag", "De gevraagde dag.", "date"),
            column("leveringen", "Leveringen waarvan gegevens in de kopie stonden; leeg: niet voltooid bestand."),
            column("kopie_id", "Kenmerk van de kopie."),
            column("zone", "Deel van de opslag."),
            column("naam", "Naam van het bestand, de onze en niet die van DUO."),
            column("opslag", "Naam van de opslag; zie de tabel territorium."),
            column("land", "Land van de opslag volgens het nieuwste bewijs."),
            column("sinds", "Geregistreerd vóór de eerste byte.", "datetime"),
            column("tot", "Wanneer vaststond dat zij weg was; leeg: nog niet.", "datetime"),
            column("bytes", "Grootte, versleuteld; leeg: niet voltooid.", "integer"),
        ),
        rows(),
    )


def _periods(account: Account) -> Table:
    return Table.of(
        "bezit_per_periode",
        "Wat per dag werd bewaard",
        "Aaneengesloten dagen (Nederlandse tijd) waarop van een levering evenveel kopieën met persoonsgegevens "
        "bestonden. "
        "Een dag die in geen periode valt, is een dag waarop niets van de levering werd bewaard. Een bestand over "
        "meer leveringen telt bij elk daarvan.",
        (
            KEY,
            column("van", "Eerste dag.", "date"),
            column("tot_en_met", "Laatste dag; leeg: tot en met de stand van het grootboek.", "date"),
            column("kopieen", "Aantal kopieën.", "integer"),
            column("bytes", "Grootte samen, versleuteld.", "integer"),
            column("zones", "Delen van de opslag."),
        ),
        ((one.key, one.since, one.until, one.copies, one.bytes, one.zones) for one in periods(account)),
    )


def _copies(account: Account) -> Table:
    def rows() -> Iterator[Row]:
        for span, keys in personal(account):
            made = span.registered
            yield (
                made.copy_id, keys, made.scope, made.zone, made.name, made.store, made.object_key, span.since,
                span.verified_at, span.size, span.sha256, span.erased_at, span.ground or None,
            )  # fmt: skip

    return Table.of(
        "kopieen",
        "Kopieregister",
        "Iedere plaats die persoonsgegevens bevat, kan bevatten of bevatte. De afdruk is van de versleutelde inhoud.",
        (
            column("kopie_id", "Kenmerk van de kopie."),
            column("leveringen", "Leveringen waarvan gegevens in de kopie stonden; leeg: niet voltooid bestand."),
            column("sleutel_id", "Waarvan de sleutel is: een inname of een generatie van de datamart."),
            column("zone", "Deel van de opslag."),
            column("naam", "Naam van het bestand."),
            column("opslag", "Naam van de opslag."),
            column("object", "Plaats in de opslag."),
            column("geregistreerd_op", "Vóór de eerste byte.", "datetime"),
            column("geverifieerd_op", "Teruggelezen en gelijk bevonden.", "datetime"),
            column("bytes", "Grootte, versleuteld.", "integer"),
            column("sha256", "Afdruk van de versleutelde inhoud."),
            column("gewist_op", "Wanneer vaststond dat zij weg was.", "datetime"),
            column("wisgrond", "unfinished, replaced, refused, rebuilt of purged."),
        ),
        rows(),
    )


def _places(account: Account) -> Table:
    return Table.of(
        "territorium",
        "Bewijzen van territorium (voorschrift 3c)",
        "Ieder verschillend bewijs van waar een opslag staat, en hoe vaak en wanneer het is geleverd.",
        (
            column("opslag", "Naam van de opslag."),
            column("adres", "Exact adres (host)."),
            column("regio", "Regio die de opslag zelf opgeeft."),
            column("land", "Land, ISO 3166."),
            column("grondslag", "eea, adequacy of local_declaration."),
            column("beleid", "Versie van de tabel van toegestane plaatsen."),
            column("bewijs", "SHA-256 van wat is vastgesteld."),
            column("eerst_op", "Eerste keer.", "datetime"),
            column("laatst_op", "Laatste keer.", "datetime"),
            column("keren", "Hoe vaak.", "integer"),
        ),
        (
            (a.store, a.host, a.region, a.country, a.basis, a.policy, a.proof, one.first, one.last, one.times)
            for a, one in account.places.items()
        ),
    )


def _checks(account: Account) -> Table:
    def rows() -> Iterator[Row]:
        for at, event in account.judged:
            intake = account.state.intakes[event.delivery_id]
            yield (
                at,
                intake.key,
                intake.delivery_id,
                event.file if isinstance(event, Checked) else "*",
                event.outcome,
                event.rules if isinstance(event, Checked) else None,
                event.rows if isinstance(event, Checked) else None,
                sum(finding.severity == "blocking" for finding in event.findings),
                sum(finding.severity == "warning" for finding in event.findings),
                event.lists if isinstance(event, Checked) else None,
            )

    return Table.of(
        "validaties",
        "Validaties en hun uitkomst",
        "Iedere keer dat een bestand, of een levering als geheel (*), aan de regels is getoetst.",
        (
            column("op", "Wanneer (UTC).", "datetime"),
            KEY,
            _INTAKE,
            column("bestand", "Bestand, of * voor het geheel."),
            column("uitkomst", "passed of failed."),
            column("regels", "Aantal regels.", "integer"),
            column("rijen", "Aantal rijen.", "floored"),
            column("blokkerend", "Aantal regels met een blokkerende bevinding.", "integer"),
            column("waarschuwingen", "Aantal regels met een waarschuwing.", "integer"),
            column("waardelijsten", "Afdruk van de waardelijsten waaraan is getoetst."),
        ),
        rows(),
    )


def _findings(account: Account) -> Table:
    def rows() -> Iterator[Row]:
        for at, event in account.judged:
            key = account.state.intakes[event.delivery_id].key
            for found in event.findings:
                yield at, key, found.file, found.rule, found.severity, found.failed, found.rows

    return Table.of(
        "bevindingen",
        "Bevindingen",
        "Iedere regel die niet hield, met het aantal rijen; geen waarden.",
        (
            column("op", "Wanneer getoetst (UTC).", "datetime"),
            KEY,
            column("bestand", "Bestand waarover de regel gaat."),
            column("regel", "Kenmerk van de regel."),
            column("ernst", "blocking of warning."),
            column("voldoet_niet", "Aantal dat niet voldoet.", "floored"),
            column("getoetst", "Aantal dat is getoetst.", "floored"),
        ),
        rows(),
    )


def _waivers(account: Account) -> Table:
    def rows() -> Iterator[Row]:
        for waiver in account.state.waivers.values():
            said = waiver.waived
            key = account.state.intakes[said.delivery_id].key
            yield (
                said.waiver_id, key, said.file, said.rule, said.failed, said.reason, waiver.waived_at, said.until,
                waiver.withdrawn_at, said.actor,
            )  # fmt: skip

    return Table.of(
        "ontheffingen",
        "Ontheffingen",
        "Blokkerende bevindingen die een persoon voor één levering aanvaardde, met reden en einde.",
        (
            column("ontheffing_id", "Kenmerk."),
            KEY,
            column("bestand", "Bestand."),
            column("regel", "Regel."),
            column("ten_hoogste", "Tot hoeveel rijen aanvaard.", "floored"),
            column("reden", "Code van de reden."),
            column("gegeven_op", "Wanneer.", "datetime"),
            column("tot", "Einde.", "datetime"),
            column("ingetrokken_op", "Eerder beëindigd.", "datetime"),
            column("persoon", "Ondoorzichtig kenmerk van wie het deed."),
        ),
        rows(),
    )


def _marts(account: Account) -> Table:
    def rows() -> Iterator[Row]:
        for intake in account.state.intakes.values():
            for name, mart in intake.marts.items():
                yield intake.key, name, mart.copy_id, mart.rows, mart.waivers

    return Table.of(
        "datamarts",
        "Datamarts per levering",
        "De nieuwste tabel van iedere datamart per levering.",
        (
            KEY,
            column("datamart", "Naam."),
            column("kopie_id", "Kopie waarin zij ligt of lag."),
            column("rijen", "Aantal rijen.", "floored"),
            column("ontheffingen", "Ontheffingen waarop zij rust."),
        ),
        rows(),
    )
