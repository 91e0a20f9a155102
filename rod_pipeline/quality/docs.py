"""One self-contained page per file and per delivery, in the manner of Data Docs.

Belongs here: turning a report into HTML. Does not belong here: judging, the frame of a page (``html``), the picture of
a delivery (``picture``). Great Expectations' own pages load scripts and fonts from other hosts; these load nothing, run
no script, and hold what the report holds: rules and counts.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

from rod_pipeline.quality import html
from rod_pipeline.quality.report import CheckReport, RuleResult, percent
from rod_pipeline.quality.runbook import FAMILIES, address

_SEVERITIES: Final = (
    "A blocking rule that is broken refuses the delivery. A warning lets it through; DUO is asked about it."
)
_WORDS: Final = (("How to see it", "see"), ("What not to do", "avoid"), ("When it is over", "over"))


def render_docs(report: CheckReport, beside: Sequence[str] = (), picture: str = "") -> bytes:
    """The page of a report: UTF-8 HTML that needs nothing from elsewhere.

    ``beside``: names of other reports on the same delivery, whose pages lie in the same folder; ``picture``: the name
    of the page with the delivery's picture, which lies there too.
    """
    names = _names(report)
    judged = f"{len(report.results)} rules judged, {len(report.broken)} broken"
    verdict = "passed" if report.passed else "refused"
    return html.page(
        f"Validation of {report.subject}",
        f"""<p><span class="verdict {"ok" if report.passed else "bad"}">{verdict}</span>
{judged}. <span class="dim">Rules and counts only; no value of a row is on this page.</span></p>
{_links(beside, picture)}
<h2>What is broken</h2>
{_broken(report)}
<h2>All rules</h2>
{_overview(report, names)}
{"".join(_file(name, [one for one in report.results if one.file == name], len(names) == 1) for name in names)}""",
    )


def _names(report: CheckReport) -> list[str]:
    """The files in the order of the delivery, then what is about the whole."""
    return list(dict.fromkeys([*report.rows, *sorted({result.file for result in report.results})]))


def _links(beside: Sequence[str], picture: str) -> str:
    told = []
    if beside:
        files = html.links((name, name) for name in beside)
        told.append(f"These rules hold the files against each other and the decree. Each file's own rules: {files}.")
    if picture:
        told.append(f"Volumes, missing values, drift and totals: {html.links([(picture, 'the picture of it')])}.")
    return f"<p>{' '.join(told)}</p>" if told else ""


def _broken(report: CheckReport) -> str:
    if not report.broken:
        return '<p class="ok">Nothing: every rule holds.</p>'
    return (
        f'<p class="dim">{_SEVERITIES}</p>{_table(report.broken, with_file=len(_names(report)) > 1)}'
        f"<h2>How to go on</h2>{_families(report)}"
    )


def _families(report: CheckReport) -> str:
    """What the runbook says of the layers in which something is broken."""
    layers = dict.fromkeys(result.rule.layer for result in report.broken)
    return "".join(
        f"<details open><summary><strong>{escape(layer)}</strong> "
        f'<span class="dim">{escape(FAMILIES[layer].about)}</span></summary>'
        f"{html.listed((label, getattr(FAMILIES[layer], part)) for label, part in _WORDS)}</details>"
        for layer in layers
    )


def _overview(report: CheckReport, names: list[str]) -> str:
    lines = []
    for name in names:
        own = [result for result in report.results if result.file == name]
        broken = [result for result in own if not result.passed]
        blocking = sum(result.severity == "blocking" for result in broken)
        rows = f"{report.rows[name]:,}" if name in report.rows else ""
        lines.append(
            (
                escape(_title(name)),
                rows,
                str(len(own)),
                _count(blocking, "blocking"),
                _count(len(broken) - blocking, "warning"),
            )
        )
    head = (("", "File"), ("n", "Rows"), ("n", "Rules"), ("n", "Blocking, broken"), ("n", "Warnings"))
    return html.table(head, lines)


def _count(number: int, severity: str) -> str:
    return f'<span class="{f"s {severity}" if number else "dim"}">{number}</span>'


def _title(name: str) -> str:
    return "all files together" if name == "delivery" else name


def _file(name: str, results: list[RuleResult], only: bool) -> str:
    held = sum(result.passed and result.judged for result in results)
    return (
        f"<details{' open' if only else ''}><summary><strong>{escape(_title(name))}</strong> "
        f'<span class="dim">{held} of {len(results)} rules hold</span></summary>'
        f"{_table(results, with_file=False)}</details>"
    )


def _table(results: Sequence[RuleResult], *, with_file: bool) -> str:
    file = [("", "File")] if with_file else []
    head = [("s", "Result"), *file, ("rule", "Rule"), ("n", "Breaking"), ("n", "Of"), ("n", "Share"), ("", "Rubriek")]
    return html.table(head, (_cells(result, with_file=with_file) for result in results))


def _cells(result: RuleResult, *, with_file: bool) -> list[str]:
    kind, word = _outcome(result)
    told = "" if result.passed else html.listed([*result.told(), ("Runbook", address(result.id))][1:])
    return [
        f'<span class="{kind}">{word}</span>',
        *([escape(_title(result.file))] if with_file else []),
        f"{escape(result.sentence)}{told}"
        f'<br><span class="src"><code>{escape(result.id)}</code> · {escape(result.rule.source)}</span>',
        f"{result.failed:,}",
        f"{result.rows:,} {result.unit}",
        percent(result.share) if result.judged else "",
        escape(", ".join(result.rubrieken)),
    ]


def _outcome(result: RuleResult) -> tuple[str, str]:
    """The class and the word for how a rule came out."""
    if not result.judged:
        return "dim", "not judged"
    if result.passed:
        return "ok", "holds"
    return (result.severity, result.severity) if result.waived is None else ("warning", "waived")
