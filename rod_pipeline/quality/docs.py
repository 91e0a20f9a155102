"""One self-contained page per delivery, in the manner of Data Docs.

Belongs here: turning a report into HTML. Does not belong here: judging. Great Expectations' own pages load scripts and
fonts from other hosts; this one loads nothing, runs no script, and holds what the report holds: rules and counts.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

from rod_pipeline.quality.report import CheckReport, RuleResult

_STYLE: Final = """
:root{--ok:#1b7f4b;--warn:#9a6700;--bad:#b42318;--line:#d9dde3;--soft:#f5f6f8;--ink:#1c2430;--dim:#5b6675}
*{box-sizing:border-box}body{margin:0;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:#fff}
main{max-width:72rem;margin:0 auto;padding:1.5rem}h1{font-size:1.6rem;margin:0 0 .5rem}
h2{font-size:1.2rem;margin:2rem 0 .5rem}p{margin:.5rem 0}a{color:#1f4e79}
.dim{color:var(--dim)}.verdict{display:inline-block;padding:.15rem .7rem;border-radius:1rem;color:#fff;font-weight:600}
.verdict.ok{background:var(--ok)}.verdict.bad{background:var(--bad)}.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;
border-bottom:1px solid var(--line)}th{background:var(--soft);font-weight:600}td.n,th.n{text-align:right;
font-variant-numeric:tabular-nums;white-space:nowrap}code{font-size:.85em}.src{font-size:.85em;color:var(--dim)}
.rule{min-width:18rem}.s{font-weight:600;white-space:nowrap}
.ok{color:var(--ok)}.warning{color:var(--warn)}.blocking{color:var(--bad)}.verdict{color:#fff}
details{border-bottom:1px solid var(--line);padding:.25rem 0}summary{cursor:pointer;padding:.35rem 0}
@media print{details:not([open])>*{display:block}}
"""
_SEVERITIES: Final = (
    "A blocking rule that is broken refuses the delivery. A warning lets it through; DUO is asked about it."
)


def render_docs(report: CheckReport, beside: Sequence[str] = ()) -> bytes:
    """The page of a report: UTF-8 HTML that needs nothing from elsewhere.

    ``beside``: names of other reports on the same delivery, whose pages lie in the same folder.
    """
    names = _names(report)
    judged = f"{len(report.results)} rules judged, {len(report.broken)} broken"
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Validation of {escape(report.subject)}</title><style>{_STYLE}</style></head><body><main>
<h1>Validation of {escape(report.subject)}</h1>
<p><span class="verdict {"ok" if report.passed else "bad"}">{"passed" if report.passed else "refused"}</span>
{judged}. <span class="dim">Rules and counts only; no value of a row is on this page.</span></p>
{_links(beside)}
<h2>What is broken</h2>
{_broken(report)}
<h2>All rules</h2>
{_overview(report, names)}
{"".join(_file(name, [one for one in report.results if one.file == name], len(names) == 1) for name in names)}
</main></body></html>
"""
    return page.encode()


def _names(report: CheckReport) -> list[str]:
    """The files in the order of the delivery, then what is about the whole."""
    return list(dict.fromkeys([*report.rows, *sorted({result.file for result in report.results})]))


def _links(beside: Sequence[str]) -> str:
    if not beside:
        return ""
    links = ", ".join(f'<a href="{escape(name)}.html">{escape(name)}</a>' for name in beside)
    return f"<p>These rules hold the files against each other and the decree. Each file's own rules: {links}.</p>"


def _broken(report: CheckReport) -> str:
    if not report.broken:
        return '<p class="ok">Nothing: every rule holds.</p>'
    return f'<p class="dim">{_SEVERITIES}</p>{_table(report.broken, with_file=len(_names(report)) > 1)}'


def _overview(report: CheckReport, names: list[str]) -> str:
    lines = []
    for name in names:
        own = [result for result in report.results if result.file == name]
        broken = [result for result in own if not result.passed]
        blocking = sum(result.severity == "blocking" for result in broken)
        rows = f"{report.rows[name]:,}" if name in report.rows else ""
        lines.append(
            f'<tr><td>{escape(_title(name))}</td><td class="n">{rows}</td><td class="n">{len(own)}</td>'
            f"{_count(blocking, 'blocking')}{_count(len(broken) - blocking, 'warning')}</tr>"
        )
    return (
        '<table><tr><th>File</th><th class="n">Rows</th><th class="n">Rules</th><th class="n">Blocking, broken</th>'
        f'<th class="n">Warnings</th></tr>{"".join(lines)}</table>'
    )


def _count(number: int, severity: str) -> str:
    return f'<td class="n {f"s {severity}" if number else "dim"}">{number}</td>'


def _title(name: str) -> str:
    return "all files together" if name == "delivery" else name


def _file(name: str, results: list[RuleResult], only: bool) -> str:
    held = sum(result.passed for result in results)
    return (
        f"<details{' open' if only else ''}><summary><strong>{escape(_title(name))}</strong> "
        f'<span class="dim">{held} of {len(results)} rules hold</span></summary>'
        f"{_table(results, with_file=False)}</details>"
    )


def _table(results: Sequence[RuleResult], *, with_file: bool) -> str:
    head = f'<tr><th>Result</th>{"<th>File</th>" if with_file else ""}<th class="rule">Rule</th>'
    lines = [f'{head}<th class="n">Breaking</th><th class="n">Of</th><th class="n">Share</th><th>Rubriek</th></tr>']
    for result in results:
        kind = "ok" if result.passed else result.severity
        todo = "" if result.passed else f"<br><strong>What to do:</strong> {escape(result.remedy)}"
        lines.append(
            f'<tr><td class="s {kind}">{"holds" if result.passed else result.severity}</td>'
            f"{f'<td>{escape(_title(result.file))}</td>' if with_file else ''}"
            f'<td class="rule">{escape(result.sentence)}{todo}'
            f'<br><span class="src"><code>{escape(result.id)}</code> · {escape(result.rule.source)}</span></td>'
            f'<td class="n">{result.failed:,}</td><td class="n">{result.rows:,} {result.unit}</td>'
            f'<td class="n">{result.share:.2%}</td><td>{escape(", ".join(result.rubrieken))}</td></tr>'
        )
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'
