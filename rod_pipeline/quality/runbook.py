"""What to do about a broken rule: where that is written down, and what holds for all rules of one layer.

Belongs here: the part of a runbook that rules of a layer have in common, and the address of a rule in it. Does not
belong here: cause and remedy of a single rule (the rule carries them), the page (``docs.generator``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rod_pipeline.quality.suite import Layer

PAGE = "docs/runbooks/quality.md"


def address(rule: str) -> str:
    """Where in the documentation a rule is explained, by its id."""
    return f"{PAGE}#{rule}"


@dataclass(frozen=True, slots=True)
class Family:
    """What holds for every rule of a layer: what such a rule looks at, how a breach is seen, what not to do, and how
    one knows that it is over."""

    about: str
    see: str
    avoid: str
    over: str


FAMILIES: Mapping[Layer, Family] = {
    "shape": Family(
        "The form of a file: is it there, with the columns of its contract, and with rows in it.",
        "The count is of files, and every row behind it is suspect. Hold the files against the contracts, without "
        "taking them in: `rod contract check`.",
        "Don't add a column to a contract to make it pass: a column needs a rubriek of the decree. Don't open the file "
        "in a spreadsheet on your own machine.",
        "The check passes on a delivery that was read by the mended contract, or on a new one from DUO.",
    ),
    "value": Family(
        "Single values of one column: is there one, does it read as its type, is it on its list, within its range.",
        "Look at the share. Nearly all rows: the notation or the contract changed. One institution: an error at the "
        "source. A handful of rows: entry errors. Codes that are named show whether a list is behind.",
        "Don't widen a list, pattern or range without a source for the new values; don't repair values ourselves.",
        "The next delivery, or the rerun under a new version of the contract, breaks the rule no more.",
    ),
    "row": Family(
        "Columns of one row held against each other: order of dates, what must be there when something else is.",
        "Look whether it goes with one institution or with the programmes or years of one register. A rule that breaks "
        "on many rows at once points at a changed definition rather than at mistakes.",
        "Don't drop or repair the rows: a row may be refused with its delivery, never lost on its own.",
        "DUO has answered what the combination means, and the next delivery or the changed rule shows none.",
    ),
    "table": Family(
        "All rows of a file together: keys that are unique, one main enrolment, counts that are what DUO states.",
        "Look at the control totals in the picture: one value that differs is a late correction, a whole file that "
        "differs is another extraction. Compare volumes with the delivery before: twice as many rows is a file put "
        "together twice, few rows an extraction that broke off.",
        "Don't remove duplicates: which of two rows holds is for DUO to say.",
        "The file comes anew, with the number of rows that its control totals state.",
    ),
    "files": Family(
        "Files of one delivery held against each other, its moment and the decree: dates, status, diplomas.",
        "Look which two files disagree, and in which school year. All of a year: files of two extractions, or of two "
        "deliveries. A small part: a definition that the files apply differently.",
        "Don't mix files of two deliveries, and don't announce one file again alone: a delivery is one extraction.",
        "A complete new set passes as a whole.",
    ),
    "deliveries": Family(
        "This delivery held against earlier ones: the same students, years, volumes and distributions.",
        "Look at drift and volumes in the picture, column by column. Everything moved: another population or another "
        "pseudonymisation. One column moved: a changed definition or code list.",
        "Don't link deliveries while pseudonyms don't overlap: pathways would begin and end where nothing happened.",
        "DUO has confirmed the change (then it is a waiver, with its reason), or the next delivery is back in line.",
    ),
    "rekenregels": Family(
        "Identities of the rekenregels: stock and flow, diplomas and results that follow from each other.",
        "Look at which school year and which level it concerns, and whether the file with the flows and the file with "
        "the enrolments come from the same date.",
        "Don't publish the figures concerned meanwhile, and don't adjust the formula to the data.",
        "The identity holds again, or the explained cases are part of the formula, with their source.",
    ),
}
