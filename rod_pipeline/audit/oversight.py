"""The tables of a dossier about who was told, who looked, and how the decree stood.

Belongs here: which columns and rows. Does not belong here: deliveries (``deliveries``), what left (``leaving``).
"""

from collections.abc import Iterator

from rod_pipeline.audit.account import Account
from rod_pipeline.audit.deliveries import KEY, Row, column
from rod_pipeline.audit.tables import Table
from rod_pipeline.ledger.erasure import Suspended, Withdrawn
from rod_pipeline.ledger.oversight_rules import SUPERVISOR_TERM

_ACTOR = column("persoon", "Ondoorzichtig kenmerk van wie het deed; wie dat is, staat buiten het grootboek.")


def oversight_tables(account: Account) -> tuple[Table, ...]:
    """All of them."""
    return (
        _notices(account),
        _incidents(account),
        _reports(account),
        _circumstances(account),
        _opened(account),
        _decree(account),
        _dossiers(account),
        _kinds(account),
    )


def _notices(account: Account) -> Table:
    def rows() -> Iterator[Row]:
        for notice in account.state.notices.values():
            sent = notice.sent
            yield (
                notice.notice,
                notice.key,
                notice.draft.found_at,
                sent.sent_at if sent else None,
                sent.channel if sent else None,
                len(notice.draft.findings),
                notice.draft.refused,
                notice.status,
                tuple(answer.answer for answer in notice.answers),
                notice.closed.outcome if notice.closed else None,
            )

    return Table.of(
        "meldingen_datakwaliteit",
        "Meldingen van datakwaliteit (voorschrift 3e)",
        "Iedere melding aan DUO en de minister over wat in een levering is gevonden.",
        (
            column("melding", "Kenmerk op de brief."),
            KEY,
            column("ontdekt_op", "Wanneer het eerste is gevonden.", "datetime"),
            column("verzonden_op", "Wanneer verzonden; leeg: niet.", "datetime"),
            column("langs", "Hoe verzonden."),
            column("bevindingen", "Aantal regels waarover de melding gaat.", "integer"),
            column("geweigerd_om", "Foutcode, als de levering niet mocht worden bewaard."),
            column("stand", "drafted, sent, answered of closed."),
            column("antwoorden", "Wat is geantwoord."),
            column("afloop", "Hoe zij eindigde."),
        ),
        rows(),
    )


def _incidents(account: Account) -> Table:
    def rows() -> Iterator[Row]:
        for incident in account.state.oversight.incidents.values():
            opened, known = incident.opened, incident.described
            supervisor = incident.first_told("supervisor")
            minister = incident.first_told("minister")
            told_not = incident.decided_not("supervisor")
            yield (
                incident.incident,
                opened.what,
                opened.source,
                opened.discovered_at,
                known.cause if known else None,
                known.nature if known else (),
                known.deliveries if known else (),
                known.categories if known else (),
                known.persons if known else None,
                known.records if known else None,
                known.consequences if known else (),
                known.measures if known else (),
                known.risk if known else None,
                minister.sent_at if minister else None,
                opened.discovered_at + SUPERVISOR_TERM if opened.what == "breach" else None,
                supervisor.sent_at if supervisor else None,
                supervisor.delay if supervisor else None,
                told_not.reason if told_not else None,
                incident.owes,
                incident.closed.outcome if incident.closed else None,
                incident.closed_at,
            )

    return Table.of(
        "incidenten",
        "Register van incidenten (voorschrift 3e, AVG art. 33, vijfde lid)",
        "Onrechtmatige verwerkingen en inbreuken: feiten, gevolgen en maatregelen, in codes. Aantallen van personen "
        "zijn klassen.",
        (
            column("incident", "Kenmerk."),
            column("soort", "breach of unlawful_processing."),
            column("ontdekt_door", "Wie het ontdekte."),
            column("ontdekt_op", "Wanneer; daar begint iedere klok.", "datetime"),
            column("oorzaak", "Code."),
            column("aard", "confidentiality, integrity, availability."),
            column("leveringen", "Leveringen die het betreft."),
            column("gegevens", "Categorieën van gegevens."),
            column("personen", "Aantal betrokkenen, als klasse."),
            column("records", "Aantal records, als klasse."),
            column("gevolgen", "Codes."),
            column("maatregelen", "Codes."),
            column("risico", "unlikely, risk of high."),
            column("minister_ingelicht_op", "Eerste keer, met DUO.", "datetime"),
            column("einde_72_uur", "Wanneer de termijn van AVG art. 33 afliep.", "datetime"),
            column("toezichthouder_ingelicht_op", "Eerste keer.", "datetime"),
            column("reden_te_laat", "Waarom na 72 uur."),
            column("reden_niet_gemeld", "Waarom de toezichthouder niet is ingelicht."),
            column("nog_in_te_lichten", "Wie nog moet worden ingelicht."),
            column("afloop", "resolved of no_incident; leeg: loopt."),
            column("gesloten_op", "Wanneer.", "datetime"),
        ),
        rows(),
    )


def _reports(account: Account) -> Table:
    return Table.of(
        "incidentmeldingen",
        "Verzonden meldingen van incidenten",
        "Aan wie wanneer welk stuk is verzonden; van het stuk staat alleen de afdruk in het grootboek.",
        (
            column("incident", "Kenmerk."),
            column("aan", "minister (met DUO), supervisor, data_subjects of processor."),
            column("fase", "complete, initial of further."),
            column("versie", "Op welke versie van de beschrijving zij rust; 0: geen.", "integer"),
            column("verzonden_op", "Wanneer.", "datetime"),
            column("langs", "Hoe."),
            column("sha256", "Afdruk van het verzonden stuk."),
            _ACTOR,
        ),
        (
            (one.incident, one.to, one.phase, one.version, one.sent_at, one.channel, one.text, one.actor)
            for incident in account.state.oversight.incidents.values()
            for one in incident.told
        ),
    )


def _circumstances(account: Account) -> Table:
    return Table.of(
        "veranderde_omstandigheden",
        "Nieuwe feiten en veranderde omstandigheden (voorschrift 3h)",
        "Wat is veranderd en wanneer de minister is ingelicht.",
        (
            column("wijziging", "Kenmerk."),
            column("wat", "Code."),
            column("bekend_sinds", "Wanneer.", "datetime"),
            column("verzonden_op", "Wanneer de minister is ingelicht; leeg: niet.", "datetime"),
            column("sha256", "Afdruk van het verzonden stuk."),
            column("afloop", "Hoe het eindigde; leeg: loopt."),
        ),
        (
            (
                one.noted.circumstance,
                one.noted.change,
                one.noted.known_at,
                one.told.sent_at if one.told else None,
                one.told.text if one.told else None,
                one.closed.outcome if one.closed else None,
            )
            for one in account.state.oversight.circumstances.values()
        ),
    )


def _opened(account: Account) -> Table:
    def rows() -> Iterator[Row]:
        for at, event in account.opened:
            copy = account.copies[event.copy_id].registered
            yield at, event.actor, event.purpose, event.copy_id, copy.zone, account.keys_of(copy.scope)

    return Table.of(
        "inzages",
        "Wie gegevens heeft ingezien",
        "Iedere opening van afgeschermde gegevens door een persoon. Er is één weg, die het eerst vastlegt.",
        (
            column("op", "Wanneer (UTC).", "datetime"),
            _ACTOR,
            column("doel", "onderzoek, verantwoording of beheer."),
            column("kopie_id", "Wat is geopend."),
            column("zone", "Deel van de opslag."),
            column("leveringen", "Leveringen waarvan gegevens erin stonden."),
        ),
        rows(),
    )


def _decree(account: Account) -> Table:
    def rows() -> Iterator[Row]:
        for at, event in account.decree:
            until = event.until if isinstance(event, Suspended) else None
            yield at, event.kind, event.order, until, event.actor if isinstance(event, Withdrawn) else None

    return Table.of(
        "stand_van_het_besluit",
        "Stand van het besluit (onderdeel 5)",
        "Opschorting, het einde daarvan, en intrekking. Leeg: het besluit is steeds van kracht geweest.",
        (
            column("op", "Wanneer (UTC).", "datetime"),
            column("wat", "suspended, suspension_lifted of withdrawn."),
            column("document", "Kenmerk van het stuk van de minister."),
            column("hersteltermijn_tot", "Einde van de hersteltermijn.", "datetime"),
            _ACTOR,
        ),
        rows(),
    )


def _dossiers(account: Account) -> Table:
    return Table.of(
        "dossiers",
        "Eerdere dossiers",
        "Welke dossiers eerder zijn opgesteld. Dit dossier zelf staat in de boeking die erop volgt.",
        (
            column("dossier", "Kenmerk."),
            column("op", "Wanneer.", "datetime"),
            column("boekingen", "Over hoeveel boekingen.", "integer"),
            column("dag", "Dag waarvan het bezit is verteld."),
            column("voor", "Voor wie."),
            column("waarom", "Waarom."),
            column("document", "Kenmerk van het verzoek."),
            column("sha256", "Afdruk van het dossier."),
            _ACTOR,
        ),
        (
            (e.dossier, one.at, e.size, e.day, e.reader, e.why, e.reference, e.sha256, e.actor)
            for one in account.state.oversight.dossiers.values()
            for e in (one.event,)
        ),
    )


def _kinds(account: Account) -> Table:
    return Table.of(
        "boekingen_per_soort",
        "Boekingen per soort",
        "Hoeveel boekingen van iedere soort het grootboek bevat.",
        (column("soort", "Soort boeking."), column("boekingen", "Hoeveel.", "integer")),
        sorted(account.kinds.items()),
    )
