"""Direct identifiers are found by name and by content, and lawful columns are left alone."""

import random
from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest

from rod_pipeline.contracts import ContractBook
from rod_pipeline.errors import RefusedData
from rod_pipeline.intake.identifiers import (
    ContentScan,
    Finding,
    IdentifierFound,
    IdentifierNamed,
    passes_eleven_test,
    refuse_identifiers,
    scan_header,
)
from tests.support.reader import column, contract, read, write_csv

DICE = random.Random(7)
SURNAMES = ["de Jong", "Jansen", "De Vries", "van den Berg", "Bakker", "Visser", "Smit", "Meijer", "El Amrani", "Xu"]
STREETS = ["Dorpsstraat", "Lange Nieuweweg", "Marktplein", "Kerklaan", "Oude Gracht", "Prins Hendrikkade"]


def bsn() -> str:
    while True:
        number = f"{DICE.randrange(10**8, 10**9)}"
        if passes_eleven_test(number):
            return number


def omnummer() -> str:
    return f"{DICE.randrange(10**8, 10**9)}"


def day(first: date, last: date) -> date:
    return first + timedelta(days=DICE.randrange((last - first).days))


def born() -> date:
    return day(date(1998, 1, 1), date(2009, 6, 1))


def iban() -> str:
    body = f"BANK{DICE.randrange(10**9, 10**10)}"
    digits = "".join(str(int(char, 36)) for char in body + "NL00")
    return f"NL{98 - int(digits) % 97:02d}{body}"


IDENTIFIERS: dict[str, tuple[str, Callable[[], str]]] = {
    "bsn": ("bsn", bsn),
    "bsn met punten": ("bsn", lambda: f"{(n := bsn())[:4]}.{n[4:6]}.{n[6:]}"),
    "bsn in tekst": ("bsn", lambda: f"nr {bsn()}"),
    "bsn zonder nul": (
        "bsn",
        lambda: next(n for n in iter(lambda: f"{DICE.randrange(10**7, 10**8)}", "") if passes_eleven_test(n)),
    ),
    "geboren": ("birth_date", lambda: born().strftime("%d-%m-%Y")),
    "geboren iso": ("birth_date", lambda: born().isoformat()),
    "geboren duo": ("birth_date", lambda: born().strftime("%Y%m%d")),
    "geboren kort": ("birth_date", lambda: f"{(b := born()).day}-{b.month}-{b.year}"),
    "naam": ("name", lambda: f"{DICE.choice('ABCDE')}. {DICE.choice(SURNAMES)}"),
    "adres": ("address", lambda: f"{DICE.choice(STREETS)} {DICE.randrange(1, 300)}{DICE.choice(['', 'a', ' bis'])}"),
    "postcode": ("postcode", lambda: f"{DICE.randrange(1000, 9999)}{DICE.choice(['', ' '])}AB"),
    "email": ("email", lambda: f"{DICE.randrange(10**6)}@school.nl"),
    "mobiel": ("phone", lambda: f"06{DICE.randrange(10**7, 10**8)}"),
    "telefoon": ("phone", lambda: f"+31 6 {DICE.randrange(10**7, 10**8)}"),
    "vast": ("phone", lambda: f"030-{DICE.randrange(10**6, 10**7)}"),
    "iban": ("iban", iban),
}
LAWFUL: dict[str, Callable[[], str]] = {
    "omnummer": omnummer,
    "omnummer met nullen": lambda: f"{DICE.randrange(10**9):010d}",
    "omnummer van acht": lambda: f"{DICE.randrange(10**7, 10**8)}",
    "inschrijving": lambda: day(date(2019, 8, 1), date(2027, 8, 1)).strftime("%d-%m-%Y"),
    "inschrijving duo": lambda: day(date(2019, 8, 1), date(2027, 8, 1)).strftime("%Y%m%d"),
    "gepland onbekend": lambda: f"{DICE.choice(['00', '15'])}-{DICE.choice(['00', '07'])}-20{DICE.randrange(24, 29)}",
    "peildatum": lambda: "01-10-2024",
    "schooljaar": lambda: DICE.choice(["2022-2023", "2023-2024"]),
    "brin": lambda: f"{DICE.randrange(10, 32)}{DICE.choice('ABCXYZ')}{DICE.choice('ABCXYZ')}",
    "rio": lambda: f"{DICE.randrange(100, 200)}A{DICE.randrange(100, 999)}",
    "code als een rekening": lambda: f"NL{DICE.randrange(10, 99)}ABCD{DICE.randrange(10**9, 10**10)}",
    "crebo": lambda: f"{DICE.randrange(23000, 26000)}",
    "postcodecijfers": lambda: f"{DICE.randrange(1000, 9999)}",
    "cijfer": lambda: f"{DICE.randrange(10, 99) / 10}".replace(".", ","),
    "leerweg": lambda: DICE.choice(["BOL", "BBL", "EX"]),
    "sector": lambda: DICE.choice(["Zorg, welzijn en sport", "Handel", "Mobiliteit, transport, logistiek en maritiem"]),
    "eenheid": lambda: f"{DICE.randrange(1000, 9999)}O{DICE.randrange(1000, 9999)}",
}


def findings(make: Callable[[], str], rows: int, filled: float = 1.0, *, type: str = "code") -> tuple[Finding, ...]:
    scan = ContentScan(contract(column("vak", type=type)))
    for _ in range(2):
        scan.feed(pl.DataFrame({"vak": [make() if DICE.random() < filled else None for _ in range(rows)]}))
    return scan.findings()


@pytest.mark.parametrize("what", IDENTIFIERS)
@pytest.mark.parametrize(("rows", "filled"), [(30, 1.0), (6000, 1.0), (6000, 0.2), (6000, 0.02)])
def test_a_column_of_identifiers_is_found_however_sparse(what: str, rows: int, filled: float) -> None:
    kind, make = IDENTIFIERS[what]
    (found,) = findings(make, rows, filled)
    assert (found.column, found.kind) == ("vak", kind)
    assert 0 < found.share <= 1


@pytest.mark.parametrize("what", LAWFUL)
@pytest.mark.parametrize("rows", [10, 40, 5000])
def test_a_lawful_column_is_left_alone(what: str, rows: int) -> None:
    for _ in range(5):
        assert findings(LAWFUL[what], rows, type="pseudonym" if what.startswith("omnummer") else "code") == ()


def test_a_pseudonym_that_is_a_bsn_is_refused_whatever_the_contract_says() -> None:
    (found,) = findings(bsn, 500, type="pseudonym")
    assert found.kind == "bsn"
    assert found.share == 1


def test_bsns_where_the_pseudonym_is_lacking_are_found_among_pseudonyms() -> None:
    (found,) = findings(lambda: bsn() if DICE.random() < 0.3 else omnummer(), 2000, type="pseudonym")
    assert found.kind == "bsn"
    assert 0.25 < found.share < 0.5


def test_more_passing_than_chance_has_but_far_from_most_is_no_sign() -> None:
    """A list of 100 numbers of which 22 pass is unlikely by chance, and no column of BSNs either."""
    numbers = [bsn() for _ in range(22)] + [n for n in (omnummer() for _ in range(400)) if not passes_eleven_test(n)][
        :78
    ]
    assert findings(lambda: DICE.choice(numbers), 3000, type="pseudonym") == ()


def test_some_identifiers_among_other_values_are_found() -> None:
    (found,) = findings(lambda: bsn() if DICE.random() < 0.1 else f"tekst {DICE.randrange(1000)}", 4000)
    assert found.kind == "bsn"
    assert {f.kind for f in findings(lambda: iban() if DICE.random() < 0.05 else "x", 4000)} == {"iban"}


def test_a_column_that_is_filled_only_late_in_the_file_is_found() -> None:
    scan = ContentScan(contract("vak"))
    scan.feed(pl.DataFrame({"vak": [None] * 5000}, schema={"vak": pl.String}))
    scan.feed(pl.DataFrame({"vak": [None] * 4980 + [bsn() for _ in range(20)]}))
    assert [found.kind for found in scan.findings()] == ["bsn"]


def test_a_few_old_dates_are_no_birth_dates() -> None:
    assert findings(lambda: "01-08-2024" if DICE.random() < 0.9 else born().strftime("%d-%m-%Y"), 4000) == ()


def test_one_value_that_passes_the_eleven_test_everywhere_is_chance() -> None:
    assert findings(lambda: "111222333", 4000) == ()


def test_the_eleven_test() -> None:
    assert passes_eleven_test("111222333")
    assert passes_eleven_test("123456782")
    assert not passes_eleven_test("123456789")
    assert not passes_eleven_test("000000000")


@pytest.mark.parametrize(
    "header",
    [
        "Naam", "Voornamen", "achternaam", "Geslachtsnaam", "BSN", "Burgerservicenummer", "persoonsgebonden nummer",
        "Onderwijsnummer", "GeboorteDatum", "Geboortedatum student", "Geb.datum", "Adres", "Straat", "Huisnummer",
        "Postcode", "postcode_student", "E-mail", "e-mailadres", "Email", "Telefoon", "tel", "Mobiel", "PGN", "IBAN",
        "Voorvoegsels", "Initialen", "Woonplaats", "Naam deelnemer", "student_naam",
    ],
)  # fmt: skip
def test_headers_that_name_an_identifier_are_refused(header: str) -> None:
    by = contract("aa", column("vak", header))
    assert scan_header(["Aa", header], by) == (Finding("vak", "header"),)
    with pytest.raises(IdentifierNamed) as caught:
        read(write_csv([["1", "2"]], by.dialect, ["Aa", header]), by)
    assert isinstance(caught.value, RefusedData)
    with pytest.raises(IdentifierNamed):
        read(b"1;2\n", by.with_dialect(header=False))


def test_an_undeclared_identifier_is_refused_as_such_and_not_as_any_undeclared_column() -> None:
    with pytest.raises(IdentifierNamed, match="'Geboortedatum'"):
        read(b"Aa;Geboortedatum;Kleur\n1;2;3\n", contract("aa"))


def test_no_name_of_the_annex_is_suspect() -> None:
    book = ContractBook.load()
    for kind in book.files():
        by = book.get(kind)
        assert scan_header([c.header for c in by.columns], by) == ()
        assert scan_header([c.duo_field for c in by.columns], by) == ()


def test_reading_refuses_a_column_of_identifiers_at_the_end_and_names_no_value() -> None:
    by = contract("aa", "bb")
    values = [bsn() for _ in range(400)]
    data = write_csv([[str(i), value] for i, value in enumerate(values)], by.dialect, ["Aa", "Bb"])
    with pytest.raises(IdentifierFound, match=r"bb: .*100%") as caught:
        read(data, by, chunk_bytes=500)
    assert not any(value in str(caught.value) for value in values)
    assert isinstance(caught.value, RefusedData)


def test_nothing_found_is_no_refusal() -> None:
    refuse_identifiers(())
