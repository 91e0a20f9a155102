"""The picture of a delivery on one page: how much came, what is missing, what moved, what agrees.

Belongs here: what stands on the page and in which order. Does not belong here: measuring (``profile``, ``deliveries``,
``totals``), drawing bars (``charts``), the verdict's own page (``docs``).

It is for somebody who knows the data and has a minute: is this the delivery that was expected? All that it shows is
in the parts that are kept beside the pages, so that nothing is on it that may not be told.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import get_args

from rod_pipeline.contracts.model import FILE_KINDS, FileKind
from rod_pipeline.quality import charts, html
from rod_pipeline.quality.moved import moved
from rod_pipeline.quality.profile import FileProfile, Part, Tally
from rod_pipeline.quality.suite import Layer
from rod_pipeline.quality.totals import TECHNICAL, WHOLE, Total

PAGE = "picture"
TOGETHER = "delivery"
CLEAR = 0.01
"""From this change on, in the share of rows without a value, a column is marked."""
_MOST_CELLS = 25
_MOST_BROKEN = 10


@dataclass(frozen=True)
class Seen:
    """A delivery as far as it was looked at: its key, rows per file by the ledger, and its parts by name."""

    key: str
    rows: Mapping[str, int]
    parts: Mapping[str, Part]

    def profile(self, file: str) -> FileProfile | None:
        """The profile of a file, if it was looked at."""
        part = self.parts.get(file)
        return None if part is None else part.profile

    @property
    def together(self) -> Part | None:
        """What was found of the files together, if they were judged."""
        return self.parts.get(TOGETHER)


def render_picture(now: Seen, earlier: Sequence[Seen]) -> bytes:
    """The page of a delivery beside the stored ones before it (newest first): UTF-8 HTML that needs nothing else."""
    before = earlier[0] if earlier else None
    body = [
        _verdict(now, before),
        _facts(now, before),
        "<h2>How much came</h2>",
        _volumes(now, earlier),
        "<h2>Rules</h2>",
        _rules(now),
        "<h2>Control totals</h2>",
        _totals(now),
        "<h2>Rows without a value</h2>",
        _missing(now, before),
        moved(now.together),
        '<p class="dim">Counts of 1 to 4 are not on this page, nor is a number that would give one away. How to read '
        "it: <code>docs/how-to/read-a-report.md</code>.</p>",
    ]
    return html.page(f"Picture of delivery {now.key}", "\n".join(body))


def _files(now: Seen) -> list[FileKind]:
    return [file for file in FILE_KINDS if now.profile(file) is not None]


def _verdict(now: Seen, before: Seen | None) -> str:
    waiting = [name for name in (*FILE_KINDS, TOGETHER) if name not in now.parts]
    if not all(part.passed for part in now.parts.values()):
        kind, says = "bad", "refused"
    elif waiting:
        kind, says = "open", "not judged yet"
    else:
        kind, says = "ok", "passed"
    beside = (
        f"Beside delivery {escape(before.key)}, the stored one before it."
        if before
        else "There is no stored delivery before it, so nothing is compared."
    )
    reports = html.links((name, "all files together" if name == TOGETHER else name) for name in now.parts)
    missing = f" Not looked at (yet): {escape(', '.join(waiting))}." if waiting else ""
    return f'<p><span class="verdict {kind}">{says}</span> {beside}{missing} Reports: {reports}.</p>'


def _facts(now: Seen, before: Seen | None) -> str:
    """The few numbers that say whether to look further."""
    tallies = [tally for part in now.parts.values() for tally in part.rules]
    facts = [(f"{_rows(now):,}", f"rows in {len(_files(now))} files{_growth(now, before)}", "")]
    for severity, word in (("blocking", "blocking rules"), ("warning", "warnings")):
        own = [tally for tally in tallies if tally.severity == severity]
        broken = sum(tally.broken for tally in own)
        facts.append((str(broken), f"of {sum(t.judged for t in own)} {word} broken", severity if broken else ""))
    if now.together is not None:
        differ = sum(not total.agrees for total in now.together.totals)
        facts.append(
            (str(differ), f"of {len(now.together.totals):,} control totals differ", "blocking" if differ else "")
        )
    if before is not None:
        jumped = sum(_jumped(now.profile(file), before.profile(file)) for file in _files(now))
        facts.append((str(jumped), "columns miss clearly more or fewer values", "warning" if jumped else ""))
    if now.together is not None and now.together.drifts:
        far = sum(drift.far for drift in now.together.drifts)
        facts.append((str(far), f"of {len(now.together.drifts)} columns moved far", "warning" if far else ""))
    shown = (f'<li><b class="{kind}">{number}</b>{escape(text)}</li>' for number, text, kind in facts)
    return f'<ul class="facts">{"".join(shown)}</ul>'


def _rows(seen: Seen) -> int:
    return sum(seen.rows.get(file, 0) for file in FILE_KINDS)


def _growth(now: Seen, before: Seen | None) -> str:
    if before is None or not _rows(before) or set(now.rows) != set(before.rows):
        return ""
    return f", {_rows(now) / _rows(before) - 1:+.1%} on {before.key}"


# -- volumes ------------------------------------------------------------------------------------------------------


def _volumes(now: Seen, earlier: Sequence[Seen]) -> str:
    """Per file the rows of each school year, in this delivery and the ones before it."""
    shown = [*reversed(earlier), now]
    older = iter(charts.OLDER[-max(len(earlier) - 1, 0) :] if len(earlier) > 1 else ())
    colours = [next(older, charts.OLDER[0]) for _ in earlier[1:]]
    colours += [charts.BEFORE] * bool(earlier) + [charts.NOW]
    drawn = []
    for file in _files(now):
        if file == TECHNICAL:
            continue
        profiles = [seen.profile(file) for seen in shown]
        years = sorted({year for profile in profiles if profile for year in profile.years})
        series = [
            charts.Series(
                seen.key,
                colour,
                [profile.years.get(year) if profile else None for year in years],
                [profile is not None and year in profile.years for year in years],
            )
            for seen, profile, colour in zip(shown, profiles, colours, strict=True)
        ]
        chart = charts.columns(f"Rows of {file} per school year", years, series)
        drawn.append(
            f"<figure><figcaption>{file}, rows per school year</figcaption>{chart}"
            f"{_volume_table(file, years, shown)}</figure>"
        )
    kept = charts.key((colour, seen.key) for seen, colour in zip(reversed(shown), reversed(colours), strict=True))
    unknown = [seen.key for seen in shown if not any(seen.profile(file) for file in FILE_KINDS)]
    note = f'<p class="dim">No school years are kept of {escape(", ".join(unknown))}.</p>' if unknown else ""
    return f'{kept}{note}<div class="pair">{"".join(drawn)}</div>'


def _volume_table(file: str, years: Sequence[str], shown: Sequence[Seen]) -> str:
    head = [("", "delivery"), *(("n", charts.short_year(year)) for year in years), ("n", "all")]
    lines = []
    for seen in reversed(shown):
        profile = seen.profile(file)
        cells = [_cell(profile.years[year]) if profile and year in profile.years else "" for year in years]
        lines.append([escape(seen.key), *cells, f"{seen.rows[file]:,}" if file in seen.rows else ""])
    return f"<details><summary>numbers</summary>{html.table(head, lines)}</details>"


def _cell(count: int | None) -> str:
    return '<span class="dim">not told</span>' if count is None else f"{count:,}"


# -- rules --------------------------------------------------------------------------------------------------------


def _rules(now: Seen) -> str:
    """How the rules came out: per layer, and per file with the way to its report."""
    tallies = [tally for part in now.parts.values() for tally in part.rules]
    layers = [
        (escape(layer), [tally for tally in tallies if tally.layer == layer])
        for layer in get_args(Layer)
        if any(tally.layer == layer for tally in tallies)
    ]
    files = [
        (html.links([(name, "all files together" if name == TOGETHER else name)]), list(part.rules))
        for name, part in now.parts.items()
    ]
    broken = [one for part in now.parts.values() for one in part.broken]
    first = sorted(broken, key=lambda one: one[0] != "blocking")[:_MOST_BROKEN]
    listed = "".join(f'<li><span class="s {kind}">{kind}</span> {escape(says)}</li>' for kind, says in first)
    more = f"<p>And {len(broken) - len(first)} more, in the reports.</p>" if len(broken) > len(first) else ""
    return (
        f"{f'<ul>{listed}</ul>{more}' if listed else ''}"
        f'<div class="pair">{_tally_table("layer", layers)}{_tally_table("report", files)}</div>'
    )


def _tally_table(what: str, lines: Iterable[tuple[str, Sequence[Tally]]]) -> str:
    head = [("", what), ("n", "blocking, broken"), ("n", "of"), ("n", "warnings"), ("n", "of"), ("n", "not judged")]
    rows = []
    for label, tallies in lines:
        cells = [label]
        for severity in ("blocking", "warning"):
            own = [tally for tally in tallies if tally.severity == severity]
            broken, waived = sum(tally.broken for tally in own), sum(tally.waived for tally in own)
            excused = f' <span class="dim">({waived} waived)</span>' if waived else ""
            cells += [f'<span class="{f"s {severity}" if broken else "dim"}">{broken}</span>{excused}']
            cells += [str(sum(tally.judged for tally in own))]
        rows.append([*cells, str(sum(tally.unjudged for tally in tallies) or "")])
    return html.table(head, rows)


# -- control totals -----------------------------------------------------------------------------------------------


def _totals(now: Seen) -> str:
    if now.together is None:
        return '<p class="dim">They are set beside the rows once every file has passed its own rules.</p>'
    totals = now.together.totals
    if not totals:
        return '<p class="warning">DUO gave none that can be compared.</p>'
    whole = [total for total in totals if total.breakdown == WHOLE]
    parts = [total for total in totals if total.breakdown != WHOLE]
    differing = [total for total in parts if not total.agrees]
    listed = ""
    if differing:
        more = f" The first {_MOST_CELLS} of {len(differing)}." if len(differing) > _MOST_CELLS else ""
        listed = f"<h3>Totals of a breakdown that differ</h3><p>{more}</p>{_total_table(differing[:_MOST_CELLS])}"
    return (
        f'<div class="pair"><figure><figcaption>Whole files</figcaption>{_total_table(whole, breakdown=False)}</figure>'
        f"<figure><figcaption>Breakdowns</figcaption>{_breakdowns(parts)}</figure></div>{listed}"
    )


def _total_table(totals: Sequence[Total], *, breakdown: bool = True) -> str:
    by = [("", "by"), ("", "value")] if breakdown else []
    head = [("", "file"), ("y", "school year"), *by, ("n", "stated"), ("n", "counted"), ("n", "difference")]
    lines = []
    for total in totals:
        kind = "ok" if total.agrees else "s blocking"
        told = total.stated is not None and total.counted is not None
        difference = f"{total.stated - total.counted:+,}" if told else "differs"  # type: ignore[operator]
        value = [escape(total.breakdown), escape(total.value or "not told")] if breakdown else []
        lines.append(
            [
                escape(total.file),
                escape(total.schooljaar),
                *value,
                _cell(total.stated),
                _cell(total.counted),
                f'<span class="{kind}">{"agrees" if total.agrees else difference}</span>',
            ]
        )
    return html.table(head, lines)


def _breakdowns(totals: Sequence[Total]) -> str:
    found = dict.fromkeys((total.file, total.breakdown) for total in totals)
    lines = []
    for file, breakdown in found:
        own = [total for total in totals if (total.file, total.breakdown) == (file, breakdown)]
        differ = sum(not total.agrees for total in own)
        says = f'<span class="s blocking">{differ} differ</span>' if differ else '<span class="ok">all agree</span>'
        lines.append([escape(file), escape(breakdown), str(len(own)), says])
    return html.table([("", "file"), ("", "by"), ("n", "totals"), ("", "")], lines)


# -- missing values -----------------------------------------------------------------------------------------------


def _missing(now: Seen, before: Seen | None) -> str:
    """Per file a bar for each column in which anything is missing, with the delivery before as a mark."""
    entries = [(charts.NOW, f"share of rows without a value in {now.key}")]
    if before is not None:
        entries.append((charts.MOVED, f"the same, {CLEAR:.0%} of the rows or more from what it was"))
        entries.append(("mark", f"share in {before.key}"))
    drawn = [_missing_of(file, now, before) for file in _files(now) if file != TECHNICAL]
    return f'{charts.key(entries)}<div class="pair">{"".join(drawn)}</div>'


def _missing_of(file: FileKind, now: Seen, before: Seen | None) -> str:
    profile, other = now.profile(file), before.profile(file) if before else None
    if profile is None or not profile.rows:
        return ""
    bars, full = [], 0
    for name, count in profile.missing.items():
        share, was = count / profile.rows, _share(other, name)
        if not count and not was:
            full += 1
            continue
        clear = was is not None and abs(share - was) >= CLEAR
        words = f"{share:.1%}" + (f", was {was:.1%}" if clear else "")
        bars.append(charts.Bar(name, share, was, words, charts.MOVED if clear else charts.NOW))
    note = f"{full} of {len(profile.missing)} columns have a value in every row."
    chart = charts.lines(f"Rows of {file} without a value, per column", note, bars) if bars else ""
    return f'<figure><figcaption>{file}</figcaption><p class="dim">{note}</p>{chart}</figure>'


def _share(profile: FileProfile | None, column: str) -> float | None:
    if profile is None or not profile.rows or column not in profile.missing:
        return None
    return profile.missing[column] / profile.rows


def _jumped(now: FileProfile | None, before: FileProfile | None) -> int:
    if now is None or before is None:
        return 0
    both = [(_share(now, name), _share(before, name)) for name in now.missing]
    return sum(one is not None and was is not None and abs(one - was) >= CLEAR for one, was in both)
