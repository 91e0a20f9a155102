"""Direct identifiers: refused always, whatever a contract declares.

Belongs here: finding columns that name or hold a BSN, a name, an address, a full birth date, an e-mail address, a phone
number or a bank account. Does not belong here: which names of columns are suspect (``contracts.identifiers``), what
happens to the delivery then (``refusing``).

Source: WRO article 23, fourth paragraph, and BRO article 29a, second paragraph, as the decree quotes them. The test of
the burgerservicenummer is the eleven-test: digits times 9, 8, ..., 2, -1 add up to a multiple of 11; one random number
in eleven passes, so only a share far above 1/11 of the *distinct* numbers is a sign, and an omnummer of nine digits is
none. Birth dates are told from the dates of the annex by the ages that they imply. Findings hold shares, no value.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import polars as pl

from rod_pipeline.contracts.identifiers import names_identifier
from rod_pipeline.contracts.model import ColumnType, Contract
from rod_pipeline.errors import RefusedData
from rod_pipeline.intake.refusals import shown_headers, some

Identifier = Literal["header", "bsn", "birth_date", "name", "address", "postcode", "email", "phone", "iban"]

AGES_ON = date(2025, 10, 1)
"""1 October before the first moment of the decree: for the whole term of the decree, students are 10 or older then,
and hardly an enrolment or diploma that the annex covers is ten years old."""
_AGES = (10, 80)

_LOOK_ROWS = 50_000
_SAMPLE_ROWS = 512
_ENOUGH_FILLED = 64
_MEMORY = 100_000
_LOOKED_AT = 300
"""Characters of a value. Some of the patterns take time by the square of what they look at."""
_CHANCE = 1e-6
_BSN_SHARE = 0.25
_DISTINCT = 6

_WORDS: dict[Identifier, str] = {
    "header": "its name is that of a direct identifier",
    "bsn": "numbers that pass the eleven-test of the burgerservicenummer",
    "birth_date": "dates that are birth dates by the ages they imply",
    "name": "names of persons",
    "address": "streets with house numbers",
    "postcode": "postcodes of six characters",
    "email": "e-mail addresses",
    "phone": "phone numbers",
    "iban": "bank accounts",
}
_DATES = (
    re.compile(r"(?P<y>(?:19|20)\d\d)(?P<m>\d\d)(?P<d>\d\d)"),
    re.compile(r"(?P<d>\d{1,2})[-/.](?P<m>\d{1,2})[-/.](?P<y>(?:19|20)\d\d)"),
    re.compile(r"(?P<y>(?:19|20)\d\d)[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})(?:[T ].*)?"),
)
_NINE = re.compile(r"(?<!\d)\d{8,9}(?!\d)")
_EMAIL = re.compile(r"[^\s@;,]+@[^\s@;,]+\.[a-z]{2,}", re.IGNORECASE)
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_PHONE = re.compile(
    r"(?:\+|00)31[\s-]?\(?0?\)?[\s-]?[1-9](?:[\s-]?\d){8}|\(?0[1-9](?:[\s-]?\d){1,2}\)?(?:[\s-]?\d){6,7}"
)
_POSTCODE = re.compile(r"[1-9]\d{3} ?[A-Z]{2}", re.IGNORECASE)
_ADDRESS = re.compile(
    r"\D*(?:straat|weg|laan|plein|gracht|kade|dijk|hof|singel|dreef|pad|steeg|park|plantsoen|markt|str\.?)\s+\d+\s*-?\s*\w{0,4}"
    r"(?:[,\s].*)?",
    re.IGNORECASE,
)
# Frequent Dutch surnames and first names; general knowledge. A few of them suffice to know a column of names.
_NAMES = frozenset(
    """
    jong jansen vries berg bakker dijk visser janssen smit meijer boer mulder groot bos vos peters hendriks leeuwen
    dekker brouwer wit dijkstra smits graaf meer linden kok jacobs haan vermeulen heuvel veen broek bruijn bruin
    schouten beek willems vliet ven hoekstra maas verhoeven koster dam prins blom huisman peeters kuipers veenstra
    kuiper post yilmaz kaya mohamed ali nguyen daan emma sem julia lucas mila levi sophie finn zoe noah sara luuk
    anna milan lotte bram eva jesse lisa tim fleur thijs femke lars sanne ruben iris thomas anne niels amber stijn
    demi kevin kim jeroen marieke jan piet kees johan maria johanna willem hendrik cornelis elisabeth pieter petra
    mohammed fatima youssef aicha
    """.split()  # noqa: SIM905 -- as a list it would take a page
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A direct identifier: in which column, of which kind, in what share of what was looked at."""

    column: str
    kind: Identifier
    share: float = 1.0


class IdentifierNamed(RefusedData):
    """A column bears the name of a direct identifier."""

    code = "ROD-PRIVACY-01"


class IdentifierFound(RefusedData):
    """A column holds what looks like direct identifiers."""

    code = "ROD-PRIVACY-02"


def refuse_identifiers(findings: Sequence[Finding]) -> None:
    """Raise for findings, all of them named; nothing for none."""
    if not findings:
        return
    texts = [
        f"column {found.column}: {_WORDS[found.kind]}" + ("" if found.kind == "header" else f" ({found.share:.0%})")
        for found in findings
    ]
    error = IdentifierNamed if all(found.kind == "header" for found in findings) else IdentifierFound
    raise error(
        f"Direct identifiers may never be delivered, and stand in: {'; '.join(some(texts))}.",
        "The delivery may not be kept. Tell the minister and DUO at once (voorschrift 3e) and ask for a new delivery.",
    )


def scan_header(headers: Sequence[str], contract: Contract) -> tuple[Finding, ...]:
    """The headers that name a direct identifier; ``contract`` gives the technical name where it declares the header."""
    known = {column.header: column.name for column in contract.columns}
    suspect = {header for header in set(headers) if names_identifier(header)}
    named = [position for position, header in enumerate(headers, 1) if header in suspect]
    shown = dict(zip(named, shown_headers(headers, named), strict=True))
    return tuple(Finding(known.get(headers[at - 1]) or shown[at], "header") for at in named)


@dataclass
class _Tally:
    """What was seen of one column: sampled rows, distinct values, and both per kind. ``numbers``: BSN candidates."""

    rows: int = 0
    distinct: int = 0
    numbers: int = 0
    rows_of: Counter[Identifier] = field(default_factory=Counter)
    distinct_of: Counter[Identifier] = field(default_factory=Counter)
    kinds: dict[int, Identifier | None] = field(default_factory=dict)


class ContentScan:
    """Looks through a file, fed frame by frame, for columns that hold direct identifiers.

    Of every 50,000 rows or so and each column, about 512 rows evenly spread are looked at, and all filled ones of a
    sparse column, so that a column is found wherever it begins and however little of it is filled. Rules are about
    distinct values, and for dates about rows. Costs a few per cent of reading.
    """

    def __init__(self, contract: Contract, *, on: date = AGES_ON) -> None:
        self._born_after = date(on.year - _AGES[1], on.month, 1)
        self._born_before = date(on.year - _AGES[0], on.month, 1)
        self._opaque = {column.name for column in contract.columns if column.type is ColumnType.PSEUDONYM}
        self._tallies: dict[str, _Tally] = {}
        self._waiting: list[pl.DataFrame] = []

    def feed(self, frame: pl.DataFrame) -> None:
        """Take the next rows: columns of String; others are passed over. All frames have the same columns."""
        self._waiting.append(frame)
        if sum(waiting.height for waiting in self._waiting) >= _LOOK_ROWS:
            self._look()

    def findings(self) -> tuple[Finding, ...]:
        """The columns that hold direct identifiers, as far as was fed."""
        self._look()
        return tuple(
            Finding(name, kind, share) for name, tally in self._tallies.items() for kind, share in _judge(tally)
        )

    def _look(self) -> None:
        if not self._waiting:
            return
        frame = pl.concat(self._waiting, rechunk=False)
        self._waiting = []
        step = max(frame.height // _SAMPLE_ROWS, 1)
        for series, sample in zip(frame.iter_columns(), frame.gather_every(step).iter_columns(), strict=True):
            filled = series.len() - series.null_count()
            if series.dtype != pl.String or not filled:
                continue
            if sample.len() - sample.null_count() < min(filled, _ENOUGH_FILLED):
                sample = series.drop_nulls().gather_every(max(filled // _SAMPLE_ROWS, 1))
            name = series.name
            counts = sample.value_counts(name="count")
            self._note(name, dict(zip(counts.to_series(0).to_list(), counts.to_series(1).to_list(), strict=True)))

    def _note(self, column: str, values: dict[str | None, int]) -> None:
        tally = self._tallies.setdefault(column, _Tally())
        for value, count in values.items():
            if value is None:
                continue
            mark = hash(value)
            new = mark not in tally.kinds
            kind = self._kind(value, tally, column in self._opaque) if new else tally.kinds[mark]
            if new and len(tally.kinds) < _MEMORY:
                tally.kinds[mark] = kind
            tally.rows += count
            tally.distinct += new
            if kind is not None:
                tally.rows_of[kind] += count
                tally.distinct_of[kind] += new

    def _kind(self, value: str, tally: _Tally, opaque: bool) -> Identifier | None:
        """What a value looks like. ``numbers`` of the tally counts what could be a BSN, passed or not."""
        text = value[:_LOOKED_AT].strip()
        if len(text) < 3:
            return None
        if text[0].isdigit() and (born := _date(text)) is not None:
            return "birth_date" if self._born_after <= born < self._born_before else None
        if len(text) >= 10 and _is_phone(text, opaque):
            return "phone"
        if text[-1].isdigit() and (match := _NINE.search(_undotted(text))) is not None:
            tally.numbers += 1
            return "bsn" if passes_eleven_test(match[0]) else None
        if "@" in text:
            return "email" if _EMAIL.search(text) else None
        if len(text) >= 15 and _is_iban(text):
            return "iban"
        if text[0].isdigit():
            return "postcode" if _POSTCODE.fullmatch(text) else None
        if _ADDRESS.fullmatch(text):
            return "address"
        words = text.casefold().replace("-", " ").replace(",", " ").split()
        return "name" if len(words) <= 5 and not _NAMES.isdisjoint(words) else None


def passes_eleven_test(number: str) -> bool:
    """Whether 8 or 9 digits are a well-formed burgerservicenummer."""
    digits = [int(digit) for digit in number.zfill(9)]
    weighted = sum(weight * digit for weight, digit in zip((9, 8, 7, 6, 5, 4, 3, 2, -1), digits, strict=True))
    return weighted % 11 == 0 and any(digits)


def _judge(tally: _Tally) -> list[tuple[Identifier, float]]:
    found: list[tuple[Identifier, float]] = []
    hits, distinct = tally.distinct_of, max(tally.distinct, 1)
    if hits["bsn"] >= _BSN_SHARE * tally.numbers and _by_chance(hits["bsn"], tally.numbers) < _CHANCE:
        found.append(("bsn", hits["bsn"] / tally.numbers))
    share = tally.rows_of["birth_date"] / max(tally.rows, 1)
    if share >= 0.5 and hits["birth_date"] >= _DISTINCT:
        found.append(("birth_date", share))
    if hits["email"] >= 3 or (hits["email"] and tally.rows_of["email"] * 2 >= tally.rows):
        found.append(("email", hits["email"] / distinct))
    # One in 97 numbers passes the test of a bank account by chance.
    least: dict[Identifier, float] = {"phone": 0.2, "address": 0.2, "postcode": 0.5, "name": 0.05, "iban": 0.05}
    found += [
        (kind, hits[kind] / distinct)
        for kind, wanted in least.items()
        if hits[kind] >= _DISTINCT and hits[kind] / distinct >= wanted
    ]
    return found


def _by_chance(passed: int, numbers: int) -> float:
    """The chance that so many of so many random numbers pass the eleven-test."""
    if passed == 0:
        return 1.0
    if numbers > 200:
        return 0.0 if passed >= _BSN_SHARE * numbers else 1.0
    ways = sum(math.comb(numbers, k) * 10 ** (numbers - k) for k in range(passed, numbers + 1))
    return float(ways / 11**numbers)


def _undotted(text: str) -> str:
    if text.isdigit():
        return text
    plain = text.replace(".", "").replace(" ", "")
    return plain if plain.isdigit() else text


def _date(text: str) -> date | None:
    """The date that a value writes in one of the notations; an unknown day or month counts as the first."""
    if not 8 <= len(text) <= 19:
        return None
    for notation in _DATES:
        if (match := notation.fullmatch(text)) is not None:
            try:
                return date(int(match["y"]), int(match["m"]) or 1, int(match["d"]) or 1)
            except ValueError:
                return None
    return None


def _is_phone(text: str, opaque: bool) -> bool:
    """An omnummer of ten digits may begin with 0: there, only a number that is written as one counts."""
    return (not opaque or not text.isdigit()) and _PHONE.fullmatch(text) is not None


def _is_iban(text: str) -> bool:
    compact = text.replace(" ", "").upper()
    if not compact.isascii() or _IBAN.fullmatch(compact) is None:
        return False
    turned = "".join(str(int(char, 36)) for char in compact[4:] + compact[:4])
    return int(turned) % 97 == 1
