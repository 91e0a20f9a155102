"""The letter about data quality, in Dutch, for DUO and the minister (besluit 55352791, voorschrift 3e).

Belongs here: what a notice says, as text and as a PDF (``notice.typ``) of the same words. Does not belong here: when
one is drafted, its file, its clock (``notifying``); sending it, which is a person's act.

One letter gathers everything that was found in one intake of a delivery: rules, counts, shares, when it was found, what
we did with the delivery and what we ask. No personal data, no value and no number of a row; a breakdown only as far as
``Detail`` has one, which obeys the floor of five. The same content gives the same text and the same bytes of PDF.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from rod_pipeline.decree import Decree
from rod_pipeline.ledger.quality import Defect, Finding
from rod_pipeline.ledger.vocabulary import Instant
from rod_pipeline.quality.defects import DEFECTS, WHOLE
from rod_pipeline.quality.report import RuleResult, Unit
from rod_pipeline.quality.suite import Severity

_TEMPLATE = Path(__file__).with_name("notice.typ")
_MONTHS = (
    "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
    "december",
)  # fmt: skip
_UNITS: Mapping[Unit, tuple[str, str]] = {
    "rows": ("rij", "rijen"),
    "students": ("student", "studenten"),
    "totals": ("controletotaal", "controletotalen"),
    "files": ("bestand", "bestanden"),
    "school years": ("schooljaar", "schooljaren"),
    "institutions": ("instelling", "instellingen"),
    "programmes": ("opleiding", "opleidingen"),
    "columns": ("kolom", "kolommen"),
    "levels": ("niveau", "niveaus"),
}
_REASONS: Mapping[str, str] = {
    "ROD-PRIVACY-01": "Een kolom draagt de naam van een gegeven dat iemand rechtstreeks aanwijst.",
    "ROD-PRIVACY-02": "Een kolom bevat naar vorm gegevens die iemand rechtstreeks aanwijzen.",
    "ROD-FILE-17": "Een bestand bevat kolommen die niet zijn afgesproken.",
    "ROD-FILE-20": "De levering bevat een bestand dat niet is afgesproken.",
    "ROD-ARCHIVE-04": "De levering bevat een archief in een archief.",
    "ROD-QUALITY-12": "Een bestand bevat rijen over schooljaren die buiten het besluit vallen.",
    "ROD-REFUSE-01": "De levering is afgekeurd en wij hebben besloten haar niet te bewaren.",
    "ROD-REFUSE-03": "De levering is afgekeurd en de termijn om daarover te beslissen is verstreken.",
}
_DECIDED = {"ROD-REFUSE-01", "ROD-REFUSE-03"}
"""Refused by decision: nothing that the decree forbids was in it."""


class _Model(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class Told(_Model):
    """One broken rule as the letter tells it. ``waived_until``: up to when it is accepted for this delivery."""

    rule: str
    file: str
    severity: Severity
    failed: int
    rows: int
    unit: Unit = "rows"
    zin: str = ""
    rubrieken: tuple[str, ...] = ()
    since: str = ""
    institutions: tuple[tuple[str, int], ...] = ()
    elsewhere: int = 0
    codes: tuple[tuple[str, int], ...] = ()
    columns: tuple[tuple[str, float], ...] = ()
    waived_until: Instant | None = None

    @classmethod
    def of(cls, result: RuleResult) -> Self:
        """What may be told of a result: not the numbers of its rows."""
        detail = result.detail
        return cls(
            rule=result.id,
            file=result.file,
            severity=result.severity,
            failed=result.failed,
            rows=result.rows,
            unit=result.unit,
            zin=result.rule.zin,
            rubrieken=result.rubrieken,
            since=result.since,
            institutions=detail.institutions,
            elsewhere=detail.elsewhere,
            codes=detail.codes,
            columns=detail.columns,
            waived_until=None if result.waived is None else result.waived.until,
        )

    @property
    def finding(self) -> Finding:
        """As the ledger keeps it."""
        return Finding(rule=self.rule, file=self.file, severity=self.severity, failed=self.failed, rows=self.rows)


class Refusal(_Model):
    """Why a delivery may not be kept: the code of the error, and what it says."""

    code: str
    happened: str


class Unread(_Model):
    """What stopped the reading of a file, or of the whole: the code of the defect, and what may be told of it."""

    code: str
    happened: str

    def defect(self, subject: str) -> Defect:
        """As the ledger keeps it."""
        return Defect(file=subject, error=self.code)


class Content(_Model):
    """Everything that a notice is about.

    ``found`` maps a subject (a file, or the whole) to what is broken in it, ``unread`` to why it can't be read.
    """

    notice: str
    draft: int
    delivery: str
    provided: Instant | None
    found_at: Instant
    rows: Mapping[str, int] = {}
    found: Mapping[str, tuple[Told, ...]] = {}
    unread: Mapping[str, Unread] = {}
    refusal: Refusal | None = None
    earlier: tuple[tuple[str, Instant], ...] = ()
    """Notices about the same delivery that were sent, and when."""

    @property
    def told(self) -> tuple[Told, ...]:
        """All findings, those that stop the delivery first, the largest share first among these."""
        every = [told for one in self.found.values() for told in one]
        return tuple(sorted(every, key=lambda told: (told.severity == "warning", -_share(told), told.file, told.rule)))

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What couldn't be read, as the ledger keeps it."""
        return tuple(unread.defect(subject) for subject, unread in sorted(self.unread.items()))


class Part(_Model):
    """A part of the letter: a heading, a sentence or more, and numbered items of one or more lines."""

    title: str
    says: tuple[str, ...] = ()
    items: tuple[tuple[str, ...], ...] = ()


class Letter(_Model):
    """The letter in words; text and PDF hold the same ones, in the same order."""

    subject: str
    head: tuple[tuple[str, str], ...]
    opening: str
    facts: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    closing: str
    signed_for: str
    signature: str = "Naam, functie, plaats, datum en handtekening"


def letter(content: Content, decree: Decree) -> Letter:
    """The letter about ``content``."""
    forbidden = content.refusal is not None and content.refusal.code not in _DECIDED
    what = "gegevens zijn aangetroffen die het besluit niet toestaat" if forbidden else "gebreken in de datakwaliteit"
    return Letter(
        subject=f"Melding over levering {content.delivery} van het beleidsbestand ROD beroepsonderwijs",
        head=(
            ("Aan", f"Dienst Uitvoering Onderwijs en de {decree.issuer}"),
            ("Van", decree.recipient),
            ("Kenmerk", f"{content.notice}, versie {content.draft}"),
        ),
        opening=(
            f"Op grond van voorschrift 3, onder e, van besluit {decree.reference} van {_date(decree.issued)} melden "
            f"wij dat in deze levering {what}{'' if forbidden else ' zijn gevonden'}."
        ),
        facts=tuple(_facts(content)),
        parts=tuple(_parts(content)),
        closing="Deze melding bevat geen persoonsgegevens: alleen regels en aantallen.",
        signed_for=f"Namens de {decree.recipient}",
    )


def as_text(said: Letter) -> str:
    """The letter as plain text."""
    lines = [f"{label}: {value}" for label, value in said.head]
    lines += [f"Betreft: {said.subject}", "", said.opening, ""]
    lines += [f"{label}: {value}" for label, value in said.facts]
    for part in said.parts:
        lines += ["", part.title, "", *part.says]
        for number, (first, *more) in enumerate(part.items, start=1):
            lines += [f"{number}. {first}", *(f"   {line}" for line in more)]
    return "\n".join([*lines, "", said.closing, "", f"{said.signed_for},", "", said.signature]) + "\n"


def as_pdf(said: Letter, found_at: datetime) -> bytes:
    """The letter as PDF/A-2a and PDF/UA-1; ``found_at`` is the date that the file carries."""
    import typst

    pdf: bytes = typst.compile(
        _TEMPLATE,
        root=_TEMPLATE.parent,
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards=["a-2a", "ua-1"],
        timestamp=int(found_at.timestamp()),
        sys_inputs={"letter": json.dumps(said.model_dump(mode="json"), ensure_ascii=False)},
    )
    return pdf


def _facts(content: Content) -> Iterator[tuple[str, str]]:
    yield "Levering", content.delivery
    if content.provided is not None:
        yield "Verstrekt", _date(_local(content.provided).date())
    at = _local(content.found_at)
    yield "Moment van ontdekking", f"{_date(at.date())} om {at:%H:%M} uur (Nederlandse tijd)"
    if content.rows:
        counted = (f"{file} ({_counted(rows, 'rows')})" for file, rows in content.rows.items())
        yield "Gecontroleerde bestanden", ", ".join(counted)
    if content.earlier:
        sent = (f"{notice} (verzonden op {_date(_local(at).date())})" for notice, at in content.earlier)
        yield "Eerdere meldingen over deze levering", ", ".join(sent)


def _parts(content: Content) -> Iterator[Part]:
    blocking = [told for told in content.told if told.severity == "blocking"]
    waived = [told for told in blocking if told.waived_until is not None]
    stopping = [told for told in blocking if told.waived_until is None]
    warnings = [told for told in content.told if told.severity == "warning"]
    if content.refusal is not None:
        yield Part(title="Waarom de levering is geweigerd", says=tuple(_why(content.refusal)))
    if content.unread:
        unread = sorted(content.unread.items())
        yield Part(title="Wat niet gelezen kan worden", items=tuple(tuple(_unread(*one)) for one in unread))
    for title, some in (
        ("Gebreken die ingebruikneming beletten", stopping),
        ("Gebreken die wij voor deze levering tijdelijk aanvaarden", waived),
        ("Overige bevindingen", warnings),
    ):
        if some:
            yield Part(title=title, items=tuple(tuple(_item(told)) for told in some))
    yield Part(title="Wat wij met de levering hebben gedaan", says=(_done(content, stopping, waived),))
    yield Part(title="Wat wij u vragen", says=(_asked(content, stopping, waived, warnings),))


def _why(refusal: Refusal) -> Iterator[str]:
    yield f"{_REASONS.get(refusal.code, 'De levering mag niet worden bewaard.')} (code {refusal.code})"
    if refusal.code not in _DECIDED:
        yield f"Toelichting van het systeem, in het Engels: {refusal.happened}"


def _unread(subject: str, unread: Unread) -> Iterator[str]:
    what = "De levering" if subject == WHOLE else f"Bestand {subject}"
    yield f"{what}: {DEFECTS.get(unread.code, 'dit kan niet worden gelezen')} (code {unread.code})."
    if unread.happened:
        yield f"Toelichting van het systeem, in het Engels: {unread.happened}"


def _item(told: Told) -> Iterator[str]:
    verb = "voldoet" if told.failed == 1 else "voldoen"
    share = f" ({_percent(_share(told))})" if told.rows > 1 else ""
    yield (
        f"Bestand {told.file}, regel {told.rule}: {_number(told.failed)} van {_counted(told.rows, told.unit)}{share} "
        f"{verb} niet."
    )
    if told.zin:
        yield f"Regel: {told.zin}"
    if told.rubrieken:
        yield f"{'Rubriek' if len(told.rubrieken) == 1 else 'Rubrieken'}: {', '.join(told.rubrieken)}"
    if told.since:
        yield f"Sinds: levering {told.since}, en in elke levering daarna"
    if told.columns:
        yield f"Kolommen: {', '.join(f'{name} (verschuiving {_percent(moved)})' for name, moved in told.columns)}"
    if told.codes:
        yield f"Codes: {_listed(told.codes)}"
    if told.institutions:
        rest = f"; alle andere samen {_number(told.elsewhere)}" if told.elsewhere else ""
        yield f"Instellingen: {_listed(told.institutions)}{rest}"
    if told.waived_until is not None:
        yield f"Aanvaard tot {_date(_local(told.waived_until).date())}"


def _done(content: Content, stopping: list[Told], waived: list[Told]) -> str:
    if content.refusal is not None:
        return "De levering is geweigerd en wordt met alle kopieën per direct gewist; daarvan wordt bewijs bewaard."
    if content.unread and all(unread.code.startswith("ROD-PLEIO-") for unread in content.unread.values()):
        return "De levering is niet in gebruik genomen: van wat kwam is niets bewaard."
    if content.unread or stopping:
        return (
            "De levering is niet in gebruik genomen. Zij ligt versleuteld opgeslagen en gaat niet verder voordat "
            "hierop is beslist."
        )
    if waived:
        return (
            "Er is besloten de levering ondanks deze gebreken te gebruiken, tot de genoemde datum. Wie de cijfers "
            "gebruikt, ziet dat erbij vermeld."
        )
    return "Deze bevindingen beletten niet dat de levering in gebruik wordt genomen."


def _asked(content: Content, stopping: list[Told], waived: list[Told], warnings: list[Told]) -> str:
    refusal = content.refusal
    if refusal is not None and refusal.code not in _DECIDED:
        return (
            "Wij verzoeken u een levering te verstrekken die alleen bevat wat in bijlage 1 van het besluit staat, en "
            "na te gaan hoe deze gegevens in de levering zijn gekomen."
        )
    if refusal is not None or content.unread or stopping:
        return (
            "Wij verzoeken u een herstelde, volledige levering te verstrekken, of te laten weten waarom deze juist is."
        )
    one = len(waived) + len(warnings) == 1
    return f"Wij verzoeken u {'deze bevinding' if one else 'deze bevindingen'} te beoordelen en ons te antwoorden."


def _share(told: Told) -> float:
    return told.failed / told.rows if told.rows else float(told.failed > 0)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%".replace(".", ",") if share >= 0.001 or not share else "minder dan 0,1%"


def _listed(counted: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{name} ({_number(count)})" for name, count in counted)


def _counted(count: int, unit: Unit) -> str:
    one, many = _UNITS[unit]
    return f"{_number(count)} {one if count == 1 else many}"


def _local(at: datetime) -> datetime:
    return at.astimezone(ZoneInfo("Europe/Amsterdam"))


def _date(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _number(count: int) -> str:
    return f"{count:,}".replace(",", ".")
