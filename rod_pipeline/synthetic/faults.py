"""The catalogue of what can be wrong with a delivery, by name.

Belongs here: one table. Does not belong here: how each is done (``breaking``), who finds it (``intake``, ``quality``).
Tests, the demo and the stand-in for PLEIO ask for a fault by its name; ``expect`` names the error code or the rule that
must refuse it, any of them where the packing decides which comes first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl

from rod_pipeline.contracts.model import Contract, FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.synthetic import breaking as b
from rod_pipeline.synthetic.writing import CountEdit, HeaderEdit, TextEdit


def _same_headers(headers: list[str]) -> list[str]:
    return headers


@dataclass(frozen=True)
class Fault:
    """One way in which a delivery is wrong.

    ``file`` is the kind of file that it touches, None for the delivery as a whole; ``needs_archive`` says that it shows
    in a zip only, ``needs_password`` in an encrypted one only. ``expect`` are the codes and rules that
    refuse it: one of them at least, and nothing else. The other fields are the edits, by layer of writing.
    """

    name: str
    what: str
    example: str
    expect: tuple[str, ...]
    file: FileKind | None = None
    needs_archive: bool = False
    needs_password: bool = False
    frames: b.FrameEdit | None = field(default=None, repr=False)
    text: TextEdit | None = field(default=None, repr=False)
    header: HeaderEdit = field(default=_same_headers, repr=False)
    count: CountEdit = field(default=lambda rows: rows, repr=False)
    data: b.ByteEdit | None = field(default=None, repr=False)
    dialect: Callable[[Contract], Contract] = field(default=lambda contract: contract, repr=False)
    files: b.PartEdit | None = field(default=None, repr=False)
    sealed: Callable[[bytes], bytes] | None = field(default=None, repr=False)
    password: Callable[[bytes], bytes] | None = field(default=None, repr=False)
    key: Callable[[DeliveryKey], DeliveryKey] = field(default=lambda key: key, repr=False)


_I: FileKind = "inschrijvingen"
_D: FileKind = "diplomas"
_S: FileKind = "doorstroom"
_T: FileKind = "technisch"


def _shift(column: str, days: int) -> pl.Expr:
    return pl.col(column) - pl.duration(days=days)


def _renamed(headers: list[str]) -> list[str]:
    return ["Leerroute (nieuw)" if header == "MBO Opleiding Leerweg" else header for header in headers]


def _doubled(headers: list[str]) -> list[str]:
    return ["Sectornummer" if header == "geslacht" else header for header in headers]


def _year_before(key: DeliveryKey) -> DeliveryKey:
    year, month = key.moment.split("-")
    return DeliveryKey(f"{int(year) - 1}-{month}", key.revision)


def _other_separator(contract: Contract) -> Contract:
    return contract.with_dialect(separator="|" if contract.dialect.separator != "|" else ";")


def _other_encoding(contract: Contract) -> Contract:
    return contract.with_dialect(encoding="cp1252" if contract.dialect.encoding == "utf-8" else "utf-8")


_ONCE = ("inschrijvingen.hoofdinschrijving_mbo.once", "inschrijvingen.hoofdinschrijving_instelling.once")
_ALL = (
    # columns and header
    Fault(
        "missing_column",
        "a declared column is left out",
        "geslacht",
        ("ROD-FILE-14",),
        _I,
        frames=b.dropping("geslacht"),
    ),
    Fault(
        "extra_column",
        "a column that no contract declares",
        "Verzuimdagen",
        ("ROD-FILE-17",),
        _I,
        frames=b.adding("Verzuimdagen", lambda n: [str(place % 9) for place in range(n)]),
    ),
    Fault(
        "renamed_column", "a column under another header", "Leerroute (nieuw)", ("ROD-FILE-14",), _I, header=_renamed
    ),
    Fault("duplicate_header", "one header twice", "Sectornummer", ("ROD-FILE-14",), _I, header=_doubled),
    Fault("no_header", "the header is lacking", "first line is data", ("ROD-FILE-13",), _S, data=b.without_header),
    # bytes of a file
    Fault("wrong_encoding", "another encoding than declared", "cp1252", ("ROD-FILE-03",), _I, dialect=_other_encoding),
    Fault("utf16", "written as UTF-16", "Unicode from a spreadsheet", ("ROD-FILE-03",), _D, data=b.as_utf16),
    Fault("wrong_separator", "another separator than declared", "|", ("ROD-FILE-13",), _I, dialect=_other_separator),
    Fault(
        "unexpected_bom",
        "a byte order mark that is not declared, or none where it is",
        "EF BB BF",
        ("ROD-FILE-04",),
        _D,
        dialect=lambda contract: contract.with_dialect(bom=not contract.dialect.bom),
    ),
    Fault(
        "truncated_row", "the file stops within its last record", "half a line", ("ROD-FILE-06",), _S, data=b.truncated
    ),
    Fault(
        "empty_file", "a file of 0 bytes", "", ("ROD-ARCHIVE-10", "ROD-ARCHIVE-15", "ROD-FILE-01"), _D, data=b.emptied
    ),
    Fault("header_only", "a header and no rows", "", ("ROD-FILE-02",), _D, frames=b.nothing),
    Fault("nul_bytes", "NUL bytes in the text", "00 00", ("ROD-FILE-05", "ROD-ARCHIVE-14"), _S, data=b.with_nul),
    Fault("blank_line", "an empty line at the end", "", ("ROD-FILE-09",), _D, data=b.with_blank_line),
    Fault("unclosed_quote", "a quote that is never closed", '"', ("ROD-FILE-07",), _D, data=b.with_open_quote),
    Fault(
        "control_record_mismatch",
        "a closing control record that counts other rows",
        "SLR;12",
        ("ROD-FILE-11", "ROD-FILE-06"),
        _D,
        dialect=lambda contract: contract.with_dialect(control_record="SLR"),
        count=lambda rows: rows + 1,
    ),
    # values
    Fault(
        "duplicated_rows",
        "rows that stand in the file twice",
        "25 rows",
        ("inschrijvingen.key", *_ONCE),
        _I,
        frames=b.repeating(25),
    ),
    Fault(
        "impossible_dates",
        "dates that do not exist",
        "31-02-2025",
        ("inschrijvingen.datum_inschrijving.type",),
        _I,
        text=b.first(12, b.setting("datum_inschrijving", "31-02-2025")),
    ),
    Fault(
        "date_order",
        "enrolments that end before they begin",
        "begin 01-08, end 31-07 before",
        ("inschrijvingen.datum_uitschrijving_werkelijk.order",),
        _I,
        frames=b.first(12, b.setting("datum_uitschrijving_werkelijk", _shift("datum_inschrijving", 1))),
    ),
    Fault(
        "future_diploma",
        "diplomas earned after the register was read",
        "prikdatum + 30 days",
        ("diplomas.datum_examen_behaald.known", "diplomas.key"),
        _D,
        frames=b.first(12, b.setting("datum_examen_behaald", _shift("prikdatum", -30))),
    ),
    Fault(
        "unknown_codes",
        "values outside a closed list",
        "leerweg CBL",
        ("inschrijvingen.leerweg.values",),
        _I,
        frames=b.first(12, b.setting("leerweg", "CBL")),
    ),
    Fault(
        "unknown_level",
        "a level that does not exist",
        "MBO-5",
        ("inschrijvingen.niveau.values",),
        _I,
        frames=b.first(12, b.setting("niveau", "MBO-5")),
    ),
    Fault(
        "malformed_code",
        "a code of the wrong shape",
        "BRIN 4AB",
        ("inschrijvingen.instellingscode.pattern",),
        _I,
        frames=b.first(12, b.setting("instellingscode", "4AB")),
    ),
    Fault(
        "lost_leading_zeros",
        "codes that a spreadsheet made numbers of",
        "gemeente 363 for 0363",
        (
            "inschrijvingen.gemeentecode_student.pattern",
            "inschrijvingen.postcodecijfers_vooropleiding_vo.pattern",
        ),
        _I,
        frames=b.every(
            lambda frame: frame.with_columns(
                pl.col("gemeentecode_student", "postcodecijfers_vooropleiding_vo").str.strip_chars_start("0")
            )
        ),
    ),
    Fault(
        "decimal_point_mixed",
        "decimal points among decimal commas",
        "6.5",
        ("inschrijvingen.gemiddeld_cijfer_vo.type",),
        _I,
        text=b.other_decimal,
    ),
    Fault(
        "date_notation_mixed",
        "another notation of dates among the declared one",
        "2025/08/01",
        ("inschrijvingen.datum_uitschrijving_gepland.type",),
        _I,
        text=b.first(12, b.setting("datum_uitschrijving_gepland", "2025/08/01")),
    ),
    Fault(
        "boolean_notation_mixed",
        "another notation of yes and no",
        "ja",
        ("doorstroom.heeft_diploma.type",),
        _S,
        text=b.first(12, b.setting("heeft_diploma", "ja")),
    ),
    Fault(
        "null_sectornummer",
        "rows without a pseudonym",
        "empty Sectornummer",
        ("inschrijvingen.sectornummer.missing", *_ONCE),
        _I,
        frames=b.first(12, b.setting("sectornummer", None)),
    ),
    Fault(
        "two_hoofdinschrijvingen",
        "students with two main enrolments on one 1 October",
        "J and J",
        _ONCE,
        _I,
        frames=b.second_main,
    ),
    # scope and agreement between files
    Fault(
        "early_school_year",
        "rows of a school year before the decree's first",
        "2021-2022",
        ("delivery.schooljaar.scope", "ROD-QUALITY-12"),
        _I,
        frames=b.first(12, b.setting("schooljaar", "2021-2022")),
    ),
    Fault(
        "unfunded_institution",
        "rows of a niet-bekostigde institution",
        "BRIN 30ZZ, no row bekostigbaar",
        ("delivery.instelling.funded", "files.instelling.enrolled"),
        _I,
        frames=b.unfunded,
    ),
    Fault(
        "control_totals_mismatch",
        "a control total that does not add up",
        "total + 7",
        ("delivery.totals.totaal",),
        _T,
        frames=b.one_total_off,
    ),
    Fault(
        "breakdown_mismatch",
        "a control total of a breakdown that does not add up",
        "niveau + 3",
        ("delivery.totals.niveau",),
        _T,
        frames=b.breakdown_off,
    ),
    Fault(
        "mixed_status",
        "one file has the other status",
        "V and D",
        ("delivery.status.same",),
        _D,
        frames=b.every(b.other_status),
    ),
    Fault(
        "mixed_prikdatum",
        "one file was extracted on another date",
        "doorstroom a month earlier",
        ("delivery.prikdatum.same",),
        _S,
        frames=b.every(b.setting("prikdatum", _shift("prikdatum", 30))),
    ),
    Fault(
        "other_delivery",
        "the files of another delivery under this key",
        "those of a year before",
        (
            "delivery.prikdatum.window",
            "deliveries.students.linked",
            "deliveries.rows.collapsed",
            "deliveries.schooljaar.kept",
        ),
        key=_year_before,
    ),
    Fault("missing_file", "a kind of file is lacking", "no diplomas", ("ROD-FILE-21",), files=b.without(_D)),
    Fault("unknown_file", "a file that no contract names", "verzuim", ("ROD-FILE-20",), files=b.with_stranger),
    Fault("double_file", "two files of one kind", "diplomas twice", ("ROD-FILE-22",), files=b.twice(_D)),
    # direct identifiers
    Fault("bsn_column", "a column BSN", "BSN", ("ROD-PRIVACY-01",), _I, frames=b.adding("BSN", b.bsns)),
    Fault(
        "bsn_in_sectornummer",
        "numbers that pass the eleven-test where pseudonyms belong",
        "9 digits",
        ("ROD-PRIVACY-02",),
        _I,
        frames=b.replacing("sectornummer", b.bsns),
    ),
    Fault(
        "name_column",
        "a column of surnames",
        "Achternaam",
        ("ROD-PRIVACY-01",),
        _I,
        frames=b.adding("Achternaam", b.surnames),
    ),
    Fault(
        "address_column",
        "a column of addresses",
        "Adres",
        ("ROD-PRIVACY-01",),
        _I,
        frames=b.adding("Adres", b.addresses),
    ),
    Fault(
        "birthdate_column",
        "a column of birth dates",
        "Geboortedatum",
        ("ROD-PRIVACY-01",),
        _I,
        frames=b.adding("Geboortedatum", b.birthdays),
    ),
    Fault(
        "names_in_declared_column",
        "surnames in a column that the contract declares",
        "in Subcategorie",
        ("ROD-PRIVACY-02",),
        _I,
        frames=b.replacing("subcategorie_hoogste_vooropleiding", b.surnames),
    ),
    Fault(
        "birthdates_in_declared_column",
        "birth dates in a column of dates that the contract declares",
        "in Datum uitschrijving gepland",
        ("ROD-PRIVACY-02",),
        _I,
        frames=b.birth_dates,
    ),
    # archives
    Fault("truncated_zip", "the zip stops half-way", "", ("ROD-ARCHIVE-01",), needs_archive=True, sealed=b.cut),
    Fault(
        "damaged_zip",
        "bytes in the zip are damaged",
        "a failed disk",
        ("ROD-ARCHIVE-12", "ROD-ARCHIVE-01", "ROD-ARCHIVE-02"),
        needs_archive=True,
        sealed=b.damaged,
    ),
    Fault(
        "wrong_password",
        "encrypted with another password than was told",
        "",
        ("ROD-ARCHIVE-02",),
        needs_archive=True,
        needs_password=True,
        password=lambda told: told[::-1] + b"~",
    ),
    Fault(
        "html_instead",
        "a login page instead of the file",
        "<!DOCTYPE html>",
        ("ROD-PLEIO-26", "ROD-ARCHIVE-13"),
        needs_archive=True,
        sealed=b.html,
    ),
    Fault(
        "zip_bomb",
        "a zip that would grow a thousandfold",
        "128 MiB",
        ("ROD-ARCHIVE-08",),
        needs_archive=True,
        sealed=b.bomb,
    ),
    Fault(
        "nested_zip",
        "an archive within the archive",
        "bijlage.zip",
        ("ROD-ARCHIVE-04",),
        needs_archive=True,
        files=b.with_archive,
    ),
)
FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _ALL}
