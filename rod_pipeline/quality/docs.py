"""One self-contained page per delivery, in the manner of Data Docs.

Belongs here: turning a report into HTML. Does not belong here: judging. Great Expectations' own pages load scripts and
fonts from other hosts; this one loads nothing, runs no script, and holds what the report holds: rules and counts.
"""

from html import escape
from typing import Final

from rod_pipeline.quality.report import CheckReport, RuleResult

_STYLE: Final = """
:root{--ok:#1b7f4b;--warn:#9a6700;--bad:#b42318;--line:#d9dde3;--soft:#f5f6f8;--ink:#1c2430;--dim:#5b6675}
*{box-sizing:border-box}body{margin:0;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:#fff}
main{max-width:70rem;margin:0 auto;padding:1.5rem}h1{font-size:1.6rem;margin:0 0 .25rem}
h2{font-size:1.2rem;margin:2rem 0 .5rem}
.dim{color:var(--dim)}.verdict{display:inline-block;padding:.15rem .7rem;border-radius:1rem;color:#fff;font-weight:600}
.verdict.ok{background:var(--ok)}.verdict.bad{background:var(--bad)}
table{border-collapse:collapse;width:100%;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;
border-bottom:1px solid var(--line)}th{background:var(--soft);font-weight:600}td.n,th.n{text-align:right;
font-variant-numeric:tabular-nums;white-space:nowrap}code{font-size:.85em;color:var(--dim);overflow-wrap:anywhere}
.s{font-weight:600;white-space:nowrap}.s.ok{color:var(--ok)}.s.warning{color:var(--warn)}.s.blocking{color:var(--bad)}
summary{cursor:pointer;padding:.4rem 0;color:var(--dim)}
"""


def render_docs(report: CheckReport) -> bytes:
    """The page of a report: UTF-8 HTML that needs nothing from elsewhere."""
    files = [
        _file(name, [result for result in report.results if result.file == name], report.rows.get(name))
        for name in _names(report)
    ]
    verdict = "passed" if report.passed else "refused"
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Validation of {escape(report.subject)}</title><style>{_STYLE}</style></head><body><main>
<h1>Validation of {escape(report.subject)}</h1>
<p><span class="verdict {"ok" if report.passed else "bad"}">{verdict}</span>
<span class="dim">{len(report.results)} rules judged, {len(report.broken)} broken. Rules and counts only; no value of a
row is on this page.</span></p>
{_overview(report)}
<h2>What is broken</h2>
{_table(report.broken, with_file=True) if report.broken else '<p class="dim">Nothing: every rule holds.</p>'}
{"".join(files)}
</main></body></html>
"""
    return page.encode()


def _names(report: CheckReport) -> list[str]:
    """The files in the order of the delivery, then what is about the whole."""
    return list(dict.fromkeys([*report.rows, *sorted({result.file for result in report.results})]))


def _overview(report: CheckReport) -> str:
    lines = []
    for name in _names(report):
        own = [result for result in report.results if result.file == name]
        broken = [result for result in own if not result.passed]
        blocking = sum(result.severity == "blocking" for result in broken)
        rows = f"{report.rows[name]:,}" if name in report.rows else ""
        lines.append(
            f'<tr><td>{escape(name)}</td><td class="n">{rows}</td><td class="n">{len(own)}</td>'
            f'<td class="n">{blocking}</td><td class="n">{len(broken) - blocking}</td></tr>'
        )
    return (
        '<table><tr><th>File</th><th class="n">Rows</th><th class="n">Rules</th><th class="n">Blocking</th>'
        f'<th class="n">Warnings</th></tr>{"".join(lines)}</table>'
    )


def _file(name: str, results: list[RuleResult], rows: int | None) -> str:
    held = sum(result.passed for result in results)
    counted = f", {rows:,} rows" if rows is not None else ""
    return (
        f"<h2>{escape(name)}</h2><details><summary>{held} of {len(results)} rules hold{counted}</summary>"
        f"{_table(results, with_file=False)}</details>"
    )


def _table(results: list[RuleResult] | tuple[RuleResult, ...], *, with_file: bool) -> str:
    head = f"<tr><th>Result</th>{'<th>File</th>' if with_file else ''}<th>Rule</th>"
    lines = [f'{head}<th class="n">Breaking</th><th class="n">Of</th><th class="n">Share</th><th>Rubriek</th></tr>']
    for result in results:
        kind = "ok" if result.passed else result.severity
        todo = "" if result.passed else f'<br><span class="dim">What to do: {escape(result.remedy)}</span>'
        lines.append(
            f'<tr><td class="s {kind}">{"holds" if result.passed else result.severity}</td>'
            f"{f'<td>{escape(result.file)}</td>' if with_file else ''}"
            f"<td>{escape(result.sentence)}{todo}"
            f"<br><code>{escape(result.id)} · {escape(result.rule.source)}</code></td>"
            f'<td class="n">{result.failed:,}</td><td class="n">{result.rows:,} {result.unit}</td>'
            f'<td class="n">{result.share:.2%}</td><td>{escape(", ".join(result.rubrieken))}</td></tr>'
        )
    return f"<table>{''.join(lines)}</table>"
