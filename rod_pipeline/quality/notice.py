"""The draft of a notice about data quality, in Dutch, for DUO and the minister (besluit 55352791, voorschrift 3e).

Belongs here: its words. Does not belong here: approving and sending it, which is a person's act.

The notice holds the delivery, the files, which rules did not hold on how many rows, and when that was discovered: no
personal data, no value of a row.
"""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from rod_pipeline.clock import Clock
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.quality.report import CheckReport, RuleResult, Unit

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


def draft_notice(key: DeliveryKey, report: CheckReport, clock: Clock) -> str:
    """The text of a notice about everything in ``report`` that did not hold, discovered now."""
    found = clock.now().astimezone(ZoneInfo("Europe/Amsterdam"))
    day = f"{found.day} {_MONTHS[found.month - 1]} {found.year} om {found:%H:%M} uur"
    blocking = [result for result in report.broken if result.severity == "blocking"]
    warnings = [result for result in report.broken if result.severity == "warning"]
    files = ", ".join(f"{name} ({_number(rows)} rijen)" for name, rows in report.rows.items())
    lines = [
        "CONCEPT – nog niet verzonden",
        "",
        "Aan: Dienst Uitvoering Onderwijs en de Minister van Onderwijs, Cultuur en Wetenschap",
        "Van: MBO Raad",
        f"Betreft: melding datakwaliteit, levering {key} van het beleidsbestand ROD beroepsonderwijs",
        "",
        "Op grond van voorschrift 3, onder e, van besluit 55352791 van 17 november 2025 melden wij dat in deze",
        "levering gebreken in de datakwaliteit zijn gevonden.",
        "",
        f"Levering: {key}",
        f"Gecontroleerde bestanden: {files or 'geen'}",
        f"Moment van ontdekking: {day} (Nederlandse tijd)",
        "",
        "De levering is niet in gebruik genomen." if blocking else "De levering is in gebruik genomen.",
        "",
    ]
    lines += _section("Gebreken die ingebruikneming beletten", blocking)
    lines += _section("Overige bevindingen", warnings)
    lines += [
        "Wij verzoeken u "
        + ("een herstelde, volledige levering te verstrekken." if blocking else "deze te beoordelen."),
        "Deze melding bevat geen persoonsgegevens: alleen regels en aantallen.",
        "",
    ]
    return "\n".join(lines)


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
