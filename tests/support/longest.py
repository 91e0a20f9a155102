"""Which files of tests take longest, from the report of a run, so that the next run begins with them.

    make test PYTEST_ARGS=--junitxml=report.xml
    .venv/bin/python -m tests.support.longest report.xml

writes ``tests/longest.txt``, which ``conftest.py`` reads: the files that took more than ``SHARE`` of the whole, longest
first. A worker that begins with one of them at the end works alone. Seconds aren't kept: they are the machine's.
"""

import re
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

FILE = Path(__file__).parents[1] / "longest.txt"
SHARE = 1 / 200


def longest(report: Path) -> list[str]:
    """The names of the files that took long in a run (JUnit's XML as pytest writes it), longest first."""
    took: Counter[str] = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        if name := re.search(r"\btest_\w+", case.get("classname", "")):
            took[f"{name[0]}.py"] += float(case.get("time", 0))  # type: ignore[assignment]
    return [name for name, seconds in took.most_common() if seconds > SHARE * took.total()]


if __name__ == "__main__":
    FILE.write_text("".join(f"{name}\n" for name in longest(Path(sys.argv[1]))))
