"""Every benchmark, one after the other, at sizes that a machine with two cores does in an evening.

    .venv/bin/python -m tests.performance.bench [NAME ...]

runs all of them, or those that are named, and prints what each prints. The sizes of the figures in the docs are larger
here and there; the pages say by which command they were made. A folder that a benchmark needs is made for it and
removed. Ends with an error when one did.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

BENCHMARKS: dict[str, str] = {
    "intake": "--folder {folder} --rows 1000000",
    "validation": "--folder {folder} --rows 1000000",
    "marts": "--folder {folder} --scale 0.1",
    "national_delivery": "--folder {folder}",
    "disclosure": "--list A",
    "disclosure_attack": "",
    "publishing": "--scale 0.1",
    "ledger_growth": "--folder {folder}",
    "purge_objects": "--versions 20000",
    "withdrawal": "--folder {folder}",
    "two_workers": "--scale 0.05",
}
"""Name of the module, and what it is called with; ``{folder}`` is a folder of its own."""

APART = {
    "disclosure_r": "needs R and packages of it",
    "fuzz_readers": "judges: it is a part of the soak",
    "releases": "judges: it is a part of the soak",
    "soak_deliveries": "judges: it is a part of the soak",
    "marts_sql": "a part of marts",
    "validation_oracle": "a part of validation",
    "validation_table": "a part of validation",
    "bench": "this one",
}
"""Modules of this folder that aren't run here, and why."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME", help=", ".join(BENCHMARKS))
    failed = []
    for name in parser.parse_args().name or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            called_with = BENCHMARKS[name].format(folder=folder).split()
            print(f"\n## {name} {' '.join(called_with).replace(folder, 'DIR')}\n", flush=True)  # noqa: T201
            command = [sys.executable, "-W", "ignore", "-m", f"tests.performance.{name}", *called_with]
            if subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode:
                failed.append(name)
    sys.exit(f"These failed: {', '.join(failed)}." if failed else 0)


if __name__ == "__main__":
    main()
