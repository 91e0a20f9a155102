"""The draft of a notice about data quality, in Dutch, for DUO and the minister (besluit 55352791, voorschrift 3e).

Belongs here: its words and its file. Does not belong here: approving and sending it, which is a person's act.

The notice holds the delivery, the files, which rules did not hold on how many rows, and when that was discovered: no
personal data, no value of a row.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rod_pipeline.clock import Clock
from rod_pipeline.decree import Decree, load_decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.errors import RodError
from rod_pipeline.quality.report import CheckReport, RuleResult, Unit

if TYPE_CHECKING:
    from rod_pipeline.ledger.state import IntakeState

_MONTHS = (
    "januari",
    "februari",
    "maart",
    "april",
    "mei",
    "juni",
    "juli",
    "augustus",
    "september",
    "oktober",
    "november",
    "december",
)
_UNITS: Mapping[Unit, tuple[str, str]] = {
    "rows": ("rij", "rijen"),
    "students": ("student", "studenten"),
    "totals": ("controletotaal", "controletotalen"),
    "files": ("bestand", "bestanden"),
}
_CLOSING = "Deze melding bevat geen persoonsgegevens: alleen regels en aantallen."


def draft_notice(key: DeliveryKey, report: CheckReport, clock: Clock) -> str:
    """The text of a notice about everything in ``report`` that did not hold, discovered now."""
    blocking = [result for result in report.broken if result.severity == "blocking"]
    warnings = [result for result in report.broken if result.severity == "warning"]
    files = ", ".join(f"{name} ({_number(rows)} rijen)" for name, rows in report.rows.items())
    return _letter(
        str(key),
        load_decree(),
        "gebreken in de datakwaliteit zijn gevonden.",
        clock.now(),
        [
            f"Gecontroleerde bestanden: {files or 'geen'}",
            "",
            "De levering is niet in gebruik genomen." if blocking else "De levering is in gebruik genomen.",
            "",
            *_section("Gebreken die ingebruikneming beletten", blocking),
            *_section("Overige bevindingen", warnings),
            "Wij verzoeken u "
            + ("een herstelde, volledige levering te verstrekken." if blocking else "deze bevindingen te beoordelen."),
        ],
    )


def draft_refusal(key: str, error: RodError, found: datetime, decree: Decree) -> str:
    """The text of a notice about a delivery that may not be kept: why, and that it was erased at once."""
    return _letter(
        key,
        decree,
        "gegevens zijn aangetroffen die het besluit niet toestaat.",
        found,
        [
            f"Reden: {error.code}",
            f"Toelichting van het systeem (Engels): {error.happened}",
            "",
            "De levering is geweigerd en wordt met alle kopieën per direct gewist; daarvan wordt bewijs bewaard.",
            "",
            "Wij verzoeken u een levering te verstrekken die alleen bevat wat in bijlage 1 van het besluit staat.",
        ],
    )


def write_notice(home: Path, intake: "IntakeState", text: str, about: str = "delivery") -> Path:
    """Put a draft where people look for it: ``notices`` in ``home``, one file per intake and subject."""
    folder = home / "notices"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{intake.key}-{intake.delivery_id}-{about}.txt"
    path.write_text(text, encoding="utf-8")
    return path


def _letter(key: str, decree: Decree, what: str, found: datetime, body: Iterable[str]) -> str:
    at = found.astimezone(ZoneInfo("Europe/Amsterdam"))
    lines = [
        "CONCEPT – nog niet verzonden",
        "",
        f"Aan: Dienst Uitvoering Onderwijs en de {decree.issuer}",
        f"Van: {decree.recipient}",
        f"Betreft: melding over levering {key} van het beleidsbestand ROD beroepsonderwijs",
        "",
        f"Op grond van voorschrift 3, onder e, van besluit {decree.reference} van {_date(decree.issued)} melden wij",
        f"dat in deze levering {what}",
        "",
        f"Levering: {key}",
        f"Moment van ontdekking: {_date(at)} om {at:%H:%M} uur (Nederlandse tijd)",
        *body,
        _CLOSING,
    ]
    return "\n".join(lines) + "\n"


def _date(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _section(title: str, results: list[RuleResult]) -> list[str]:
    if not results:
        return []
    lines = [f"{title}:", ""]
    for number, result in enumerate(results, start=1):
        one, many = _UNITS[result.unit]
        lines.append(
            f"{number}. Bestand {result.file}, regel {result.id}: {_number(result.failed)} van "
            f"{_number(result.rows)} {one if result.rows == 1 else many} voldoet niet."
        )
        lines.append(f"   Regel: {result.rule.zin}")
        if result.rubrieken:
            lines.append(f"   Rubriek: {', '.join(result.rubrieken)}")
    return [*lines, ""]


def _number(count: int) -> str:
    return f"{count:,}".replace(",", ".")
