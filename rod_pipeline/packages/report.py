"""What the report of a package says, in Dutch, for the board of a school or for a sector chamber.

Belongs here: from comparisons to sentences, drawings and tables. Does not belong here: how a page looks (``pages``,
``report.typ``). Every figure in it is a published one: the report tells no more than the published tables do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from rod_pipeline.packages import charts
from rod_pipeline.packages.comparison import Comparison, Subject
from rod_pipeline.publishing.words import words

_MONTHS = (
    "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
    "december",
)  # fmt: skip
_PLAIN = frozenset({"niveau", "leerweg", "leeftijdsgroep", "instellingscode", "opleidingscode"})
"""Columns of which the code itself is what people say."""
_MOST_LINES = 12
_SIDES: Mapping[str, str] = {"Eigen": "eigen", "Landelijk": "landelijk"}
_OVER_THE_YEAR = frozenset({"gediplomeerden", "uitstroom"})
"""What is counted in the course of a school year; students and instroom are of 1 October."""
_STATUS: Mapping[str, str] = {"V": "voorlopig", "D": "definitief"}


@dataclass(frozen=True)
class Figure:
    """A drawing under a line that says what it shows. ``legend`` is a drawing too, or empty."""

    caption: str
    svg: str
    legend: str
    about: str


@dataclass(frozen=True)
class Sheet:
    """A table: its head, and rows of words."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Part:
    """A part of the report."""

    title: str
    says: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    sheets: tuple[Sheet, ...] = ()


@dataclass(frozen=True)
class Report:
    """The whole report. ``notice`` stands in a frame on top; ``facts`` are label, figure and a note."""

    title: str
    subtitle: str
    notice: str
    facts: tuple[tuple[str, str, str], ...]
    parts: tuple[Part, ...]
    foot: str


@dataclass(frozen=True)
class About:
    """What the report rests on: who made it, the release, its day, and until when it may be kept (None: no end)."""

    holder: str
    decree: str
    release: str
    published: date
    policy: str
    until: date | None


def report(
    subject: Subject, found: Sequence[Comparison], labels: Mapping[str, Mapping[str, str]], about: About
) -> Report:
    """The report about ``subject``; ``labels`` of codes by column."""
    counts = [one for one in found if one.kind == "count"]
    results = [one for one in found if one.kind == "percentage"]
    told = [*_students(counts, labels), *(part for one in results if (part := _result(one, labels)) is not None)]
    own = subject.column == "instellingscode"
    return Report(
        title=f"Studenten en studiesucces: {subject.label}",
        subtitle=f"Vergeleken met heel Nederland. Uitgave van {day(about.published)}.",
        notice=_notice(about),
        facts=tuple(_facts(counts, results))[:4],
        parts=(*(told or [_nothing(own=own)]), _sources(about, ranked=own)),
        foot=f"{about.holder} · besluit {about.decree} · uitgave {about.release}",
    )


def _notice(about: About) -> str:
    if about.until is None:
        return "Dit rapport bevat geen persoonsgegevens: alleen gepubliceerde, afgeschermde aantallen."
    return (
        f"Dit rapport hoort bij een pakket met persoonsgegevens van uw eigen studenten. Wis het pakket vóór "
        f"{day(about.until)}. De cijfers in dit rapport zelf zijn gepubliceerde, afgeschermde aantallen."
    )


def _facts(counts: Sequence[Comparison], results: Sequence[Comparison]) -> Iterator[tuple[str, str, str]]:
    """What a board looks at first: how many students, results beside their norms, then the other counts and results."""
    numbers = [fact for one in counts if one.years and not one.rest for fact in _of_count(one)]
    judged = [fact for one in results for fact in _of_norms(one)]
    others = [fact for one in results if not one.rest for fact in _of_result(one)]
    yield from (*numbers[:1], *judged, *numbers[1:], *others)


def _of_count(one: Comparison) -> Iterator[tuple[str, str, str]]:
    years = _years_over(one)
    if not years:
        return
    year = years[-1]
    row, before = _row(one, year), _row(one, years[-2]) if years[1:] else None
    note = f"{short(year)}, {_status(row)}"
    if row["eigen"] is not None and before is not None and before["eigen"]:
        note += f"; {_signed(100 * (row['eigen'] / before['eigen'] - 1))} in een jaar"
    yield words().measure(one.measure).label, _number(row["eigen"]), note


def _of_norms(one: Comparison) -> Iterator[tuple[str, str, str]]:
    lines = [row for row in _latest(one) if None not in (row["eigen"], row["norm"])]
    if lines:
        good = sum(row["eigen"] >= row["norm"] for row in lines)
        of = "niveau" if len(lines) == 1 else "niveaus"
        note = f"{of} op of boven de norm voor voldoende, {short(_year(one))}"
        yield words().measure(one.measure).label, f"{good} van {len(lines)}", note


def _of_result(one: Comparison) -> Iterator[tuple[str, str, str]]:
    for row in _latest(one)[:1]:
        note = f"{short(_year(one))}; landelijk {_percent(row['landelijk'])}"
        yield words().measure(one.measure).label, _percent(row["eigen"]), note


def _years_over(one: Comparison) -> tuple[str, ...]:
    """The years of a count that may be set beside each other: of what is counted over a school year, those that ended.

    What is provisional is counted before the year is over, so it would seem to have collapsed.
    """
    if one.measure not in _OVER_THE_YEAR or "status" not in one.frame.columns:
        return one.years
    ended = set(one.frame.filter(pl.col("status") == "D")[one.year])
    return tuple(year for year in one.years if year in ended)


def _students(counts: Sequence[Comparison], labels: Mapping[str, Mapping[str, str]]) -> Iterator[Part]:
    for measure in dict.fromkeys(one.measure for one in counts):
        word = words().measure(measure)
        figures: list[Figure] = []
        sheets: list[Sheet] = []
        for one in (one for one in counts if one.measure == measure and _years_over(one)):
            rest = one.rest
            if not rest:
                figures.append(_trend(one, word.label))
            elif len(rest) == 1 and (drawn := _shares(one, rest[0], word.label, labels)) is not None:
                figures.append(drawn)
                sheets.append(_over_years(one, rest[0], _number, labels))
        if figures:
            yield Part(word.label, (f"{word.about}.",), tuple(figures), tuple(sheets))


def _trend(one: Comparison, label: str) -> Figure:
    rows = [(year, _row(one, year)) for year in _years_over(one)]
    bars = [
        (f"{short(year)}{' (voorlopig)' if row.get('status') == 'V' else ''}", row["eigen"], _number(row["eigen"]))
        for year, row in rows
    ]
    caption = f"{label} per schooljaar"
    told = "; ".join(f"{year}: {said}" for year, _, said in bars)
    return Figure(caption, charts.columns(caption, told, bars), "", told)


def _shares(one: Comparison, column: str, label: str, labels: Mapping[str, Mapping[str, str]]) -> Figure | None:
    lines = _latest(one)
    own, whole = (sum(row[side] or 0 for row in lines) for side in ("eigen", "landelijk"))
    if not own or not whole or len(lines) > _MOST_LINES:
        return None
    if any(row["eigen"] is None for row in lines):
        # Without the hidden ones the shares would add up to something that isn't the whole.
        return None
    pairs = [
        charts.Pair(
            named(column, row[column], labels),
            100 * row["eigen"] / own,
            None if row["landelijk"] is None else 100 * row["landelijk"] / whole,
            _percent(100 * row["eigen"] / own),
            "" if row["landelijk"] is None else f"landelijk {_percent(100 * row['landelijk'] / whole)}",
        )
        for row in lines
    ]
    caption = f"{label} naar {words().column(column).label.lower()}, {short(_year(one))}: aandeel in het totaal"
    told = "; ".join(f"{pair.label}: {pair.words}, landelijk {_percent(pair.national)}" for pair in pairs)
    most = max(max(pair.own or 0, pair.national or 0) for pair in pairs)
    legend = charts.key([(charts.OWN, "eigen"), (charts.NATIONAL, "landelijk")])
    return Figure(caption, charts.pairs(caption, told, pairs, most=most), legend, told)


def _over_years(
    one: Comparison, column: str | None, said: Callable[[Any], str], labels: Mapping[str, Mapping[str, str]]
) -> Sheet:
    """A column for each year; a line for each code of ``column`` with our own figures, without one our own and the
    country's."""
    years = _years_over(one)
    if column is None:
        rows = [_row(one, year) for year in years]
        lines = tuple((label, *(said(row[side]) for row in rows)) for label, side in _SIDES.items())
        return Sheet(("", *map(short, years)), lines)
    cells = {(row[one.year], row[column]): row["eigen"] for row in one.frame.iter_rows(named=True)}
    lines = tuple(
        (
            named(column, code, labels),
            *(said(cells[year, code]) if (year, code) in cells else "–" for year in years),
        )
        for code in sorted({code for _, code in cells})
    )
    return Sheet((words().column(column).label, *map(short, years)), lines)


def _result(one: Comparison, labels: Mapping[str, Mapping[str, str]]) -> Part | None:
    rest = one.rest
    lines = _latest(one)
    if len(rest) > 1 or not lines or len(lines) > _MOST_LINES:
        return None
    word, year = words().measure(one.measure), _year(one)
    names = [named(rest[0], row[rest[0]], labels) if rest else "Totaal" for row in lines]
    pairs = [
        charts.Pair(
            name,
            row["eigen"],
            row["landelijk"],
            _percent(row["eigen"]),
            f"landelijk {_percent(row['landelijk'])}",
            row["norm"],
        )
        for name, row in zip(names, lines, strict=True)
    ]
    caption = f"{word.label} {short(year)} ({_status(lines[0])})"
    told = "; ".join(f"{pair.label}: {pair.words}, landelijk {_percent(pair.national)}" for pair in pairs)
    legend = [(charts.OWN, "eigen"), (charts.NATIONAL, "landelijk")]
    if any(pair.norm is not None for pair in pairs):
        legend.append((charts.NORM, "norm voor voldoende"))
    figures = [Figure(caption, charts.pairs(caption, told, pairs, most=100), charts.key(legend), told)]
    places = [
        charts.Place(name, row["eigen"], row["alle"] or (), f"plaats {row['rang']} van {row['van']}")
        for name, row in zip(names, lines, strict=True)
        if row["rang"] is not None
    ]
    if places:
        caption = f"{word.label} {short(year)}: uw plaats tussen de instellingen waarvan het cijfer wordt getoond"
        told = "; ".join(f"{place.label}: {place.words}" for place in places)
        legend = [(charts.OWN, "uw instelling"), (charts.DOT, "andere instellingen, zonder naam")]
        figures.append(Figure(caption, charts.places(caption, told, places), charts.key(legend), told))
    said: dict[str, Callable[[dict[str, Any]], str]] = {
        label: lambda row, side=side: _percent(row[side])  # type: ignore[misc]
        for label, side in _SIDES.items()
    }
    if any(row["norm"] is not None for row in lines):
        said["Norm"] = lambda row: "–" if row["norm"] is None else _percent(row["norm"])
    if places:
        said["Plaats"] = lambda row: "–" if row["rang"] is None else f"{row['rang']} van {row['van']}"
    head = (words().column(rest[0]).label if rest else "", *said)
    rows = tuple((name, *(say(row) for say in said.values())) for name, row in zip(names, lines, strict=True))
    title = word.label if not rest else f"{word.label} naar {words().column(rest[0]).label.lower()}"
    over_years = _over_years(one, rest[0] if rest else None, _percent, labels)
    # Of a single line the drawing says it all.
    sheets = (Sheet(head, rows), over_years) if rest else (over_years,)
    return Part(title, (f"{word.about}.",), tuple(figures), sheets)


def _nothing(*, own: bool) -> Part:
    whom = "deze instelling" if own else "deze groep"
    rows = ("De rijen van uw eigen studenten staan in de map eigen.",) if own else ()
    return Part(
        "Geen gepubliceerde cijfers",
        (
            f"In deze uitgave staat geen enkel cijfer van {whom}: de aantallen zijn zo klein dat zij over personen "
            "zouden kunnen gaan, of de tabel waarin zij horen is daarom weggelaten.",
            *rows,
        ),
    )


def _sources(about: About, *, ranked: bool) -> Part:
    place = ("Een plaats is de plaats tussen de instellingen waarvan het cijfer wordt getoond, de hoogste eerst.",)
    return Part(
        "Waar deze cijfers vandaan komen",
        (
            f"Bron: beleidsbestand ROD beroepsonderwijs van DUO, verstrekt op grond van besluit {about.decree}; "
            f"bewerkt door de {about.holder}. De cijfers komen uit uitgave {about.release} van {day(about.published)}.",
            "Afgeschermd staat bij een aantal dat zo klein is dat het over een persoon zou kunnen gaan, of waaruit "
            f"zo'n aantal zou volgen (regels versie {about.policy}). Een percentage staat er alleen waar beide "
            "aantallen waaruit het volgt, worden getoond.",
            *(place if ranked else ()),
            "Voorlopige cijfers veranderen nog. Wat in de loop van een schooljaar wordt geteld, staat er pas als het "
            "schooljaar definitief is.",
            "Normen: Inspectie van het Onderwijs, definitie indicatoren onderwijsresultaten mbo (31 mei 2024).",
        ),
    )


def _year(one: Comparison) -> str:
    """The newest school year of which any figure of our own is printed."""
    ended = one.frame.filter(pl.col(one.year).is_in(list(_years_over(one)))) if one.years else one.frame
    printed = ended.filter(pl.col("eigen").is_not_null())
    years = (printed if printed.height else ended)[one.year] if one.years else pl.Series([""])
    return str(years.max())


def _latest(one: Comparison) -> list[dict[str, Any]]:
    if not one.years or not _years_over(one):
        return []
    return list(one.frame.filter(pl.col(one.year) == _year(one)).iter_rows(named=True))


def _row(one: Comparison, year: str) -> dict[str, Any]:
    return one.frame.filter(pl.col(one.year) == year).row(0, named=True)


def _status(row: Mapping[str, Any]) -> str:
    return _STATUS.get(str(row.get("status")), "status onbekend")


def named(column: str, code: object, labels: Mapping[str, Mapping[str, str]]) -> str:
    """A code as people say it: its label, or the code itself where that is what they say."""
    text = str(code)
    return text if column in _PLAIN else labels.get(column, {}).get(text, text)


def day(at: date) -> str:
    """A day in Dutch."""
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def short(year: str) -> str:
    """A school year as short as it is read: 2024-25."""
    return f"{year[:5]}{year[7:]}" if len(year) == 9 else year


def _number(count: float | None) -> str:
    return charts.HIDDEN if count is None else f"{count:,}".replace(",", ".")


def _percent(share: float | None) -> str:
    return charts.HIDDEN if share is None else f"{share:.1f}%".replace(".", ",")


def _signed(share: float) -> str:
    return f"{'+' if share >= 0 else '−'}{abs(share):.1f}%".replace(".", ",")
