"""On random careers the marts agree with a reading row by row, and with themselves whatever the order of the rows."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.marts import oordelen
from rod_pipeline.marts.declared import MARTS
from tests.support import naive_marts
from tests.support.marts import Files, asked, database, frames, mart, programme, table
from tests.support.soak import examples

_LEAST = 2
_STUDENTS, _PLACES, _YEARS = ("s1", "s2", "s3"), ("01AA", "02BB"), (2022, 2023, 2024, 2025)
_PROGRAMMES = (("25001", "MBO-2"), ("25002", "MBO-3"), ("25101", "MBO-3"), ("26001", "MBO-4"))
_flag = st.sampled_from([None, True, False])
_sure = st.booleans()


def _maybe(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([None, *values])


@st.composite
def _key(draw: st.DrawFn, **more: st.SearchStrategy[Any]) -> dict[str, Any]:
    year = draw(st.sampled_from(_YEARS))
    row = {
        "sectornummer": draw(st.sampled_from(_STUDENTS)),
        "schooljaar": f"{year}-{year + 1}",
        "status": draw(st.sampled_from(["V", "D", "D"])),
        "instellingscode": draw(st.sampled_from(_PLACES)),
        "leerweg": draw(_maybe("BOL", "BBL")),
    }
    return row | {name: draw(value) for name, value in more.items()}


@st.composite
def _doorstroom(draw: st.DrawFn) -> dict[str, Any]:
    crebo, level = draw(st.sampled_from(_PROGRAMMES))
    row = draw(
        _key(
            in_door_uitstroom=_maybe("I", "D", "U", "T"),
            heeft_diploma=_sure,
            passend_diploma=_flag,
            passende_plaatsing=_flag,
            populatie_starter=_flag,
            indicatie_startersresultaat=_flag,
            populatie_opstroom=_flag,
            indicatie_opstroom=_flag,
            populatie_jaarresultaat=_flag,
            populatie_diplomaresultaat=_flag,
            categorie_hoogste_vooropleiding=_maybe("0", "6", "8", "14"),
        )
    )
    pupil = draw(st.integers(0, 9)) == 0
    return row | ({} if pupil else programme(crebo, level))


@st.composite
def _inschrijving(draw: st.DrawFn) -> dict[str, Any]:
    crebo, level = draw(st.sampled_from(_PROGRAMMES))
    row = draw(
        _key(
            peildatum=_maybe(date(2025, 10, 1), date(2025, 12, 31), date(2024, 10, 1)),
            hoofdinschrijving_mbo=_flag,
            hoofdinschrijving_instelling=_flag,
            leeftijdsgroep_1okt=_maybe("16-17"),
            reden_uitstroom=_maybe("04", "08"),
            instelling_vooropleiding_vo=_maybe("10XX", "11YY"),
        )
    )
    return row | programme(crebo, level, "opleidingscode", "sectorkamer")


@st.composite
def _diploma(draw: st.DrawFn) -> dict[str, Any]:
    crebo, level = draw(st.sampled_from(_PROGRAMMES))
    row = draw(_key(hoofddiploma=_flag, soort_diploma_mbo_studiejaar=_maybe("01", "02", "99")))
    del row["leerweg"]
    return row | {"opleidingscode": crebo, "niveau_diploma": draw(_maybe(level)), "sectorkamer_diploma": "01"}


@st.composite
def _leaver(draw: st.DrawFn) -> dict[str, Any]:
    row = draw(
        _key(
            mbo_hoogste_diploma_niveau=_maybe("MBO-4", "MBO-4", "MBO-3"),
            mbo_hoogste_diploma_opleiding_code=st.sampled_from(["26001", "29999"]),
            hbo_instroom_studiejaar=_maybe("2023-2024", "2024-2025", "2025-2026"),
            hbo_onderbrekingsduur=_maybe(0, 1),
            hbo_verblijfsduur=_maybe(1, 2),
            hbo_schooljaren_tot_uitval=_maybe(1, 2),
            hbo_hoogste_diploma_niveau=_maybe("AD"),
            hbo_jaar1_sector=_maybe("techniek"),
        )
    )
    return row | {"mbo_uitstroom_schooljaar": row["schooljaar"]}


def _unique(row: dict[str, Any]) -> Any:
    return tuple(row[name] for name in ("sectornummer", "schooljaar", "status", "instellingscode"))


_files = st.fixed_dictionaries(
    {
        "inschrijvingen": st.lists(_inschrijving(), max_size=6),
        "diplomas": st.lists(_diploma(), max_size=5),
        "doorstroom": st.lists(_doorstroom(), max_size=9, unique_by=_unique),
        "mbo_hbo": st.lists(_leaver(), max_size=5),
    }
)


@pytest.mark.parametrize("name", naive_marts.MARTS)
@examples(15, soak=600)
@given(files=_files)
def test_a_mart_agrees_with_a_reading_row_by_row(name: str, files: Files) -> None:
    one, reference = mart(name), naive_marts.MARTS[name](files)
    made = table(name, files)
    assert made.columns == [column.name for column in one.columns]
    assert made.select(one.dimensions).is_duplicated().any() is False
    found = {
        tuple(row[c] for c in one.dimensions): {n: row[n] for n in one.numbers if row[n]}
        for row in made.rows(named=True)
    }
    expected = {group: {n: counts[n] for n in one.numbers if counts[n]} for group, counts in reference.items()}
    assert found == expected


def test_every_mart_of_a_delivery_has_a_reference() -> None:
    assert set(naive_marts.MARTS) == {one.name for one in MARTS}


@examples(8, soak=250)
@given(files=_files, shuffled=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(files: Files, shuffled: Any) -> None:
    other = {file: shuffled.sample(list(rows), len(rows)) for file, rows in files.items()}
    for one in MARTS:
        assert one.table(frames(files)).collect().equals(one.table(frames(other)).collect())


@examples(10, soak=300)
@given(first=_files, second=_files, third=_files)
def test_what_is_made_over_deliveries_agrees_with_a_reading_row_by_row(
    first: Files, second: Files, third: Files
) -> None:
    deliveries = {"2025-12": first, "2026-08": second, "2026-12": third}
    with pytest.MonkeyPatch.context() as patch, database_of(deliveries, patch) as connection:
        rows = asked(
            connection,
            "select sectornummer, schooljaar, levering, opleidingscode, vervolg, stap, wissel, soort from loopbanen",
        )
        assert {(row[0], row[1]): row[2:] for row in rows} == naive_marts.loopbanen(deliveries)
        assert len(rows) == len({row[:2] for row in rows}), "one row per student and school year"
        kinds = "sum(blijft + doorstroom + switch + uitstroom + onbekend)"
        in_flows = f"select coalesce(sum(studenten), 0), coalesce({kinds}, 0) from stromen"
        assert asked(connection, in_flows) == [(len(rows), len(rows))]
        _judgements_agree(connection, deliveries)
        _trend_agrees(connection, deliveries)
        _changes_agree(connection, deliveries)


def database_of(deliveries: dict[str, Files], patch: pytest.MonkeyPatch) -> Any:
    """The database, with institutions ranked from two students on: random careers have no dozens."""
    patch.setattr(oordelen, "SMALLEST", _LEAST)
    return database(deliveries)


def _judgements_agree(connection: Any, deliveries: dict[str, Files]) -> None:
    rows = asked(
        connection,
        "select schooljaar, instellingscode, niveau, resultaat, levering, teller, noemer, landelijk, gemiddelde, rang, "
        "instellingen from oordelen",
    )
    expected = naive_marts.oordelen(deliveries, _LEAST)
    assert {row[:4]: row[4:7] for row in rows} == {at: told[:3] for at, told in expected.items()}
    for row in rows:
        _, _, _, country, mean, rank, ranked = expected[row[:4]]
        assert row[7] == pytest.approx(country, abs=0.051)
        assert row[8] == (None if mean is None else pytest.approx(mean, abs=0.051))
        assert row[9:] == (rank, ranked)


def _trend_agrees(connection: Any, deliveries: dict[str, Files]) -> None:
    for measure, name, number in _MEASURES:
        (found,) = asked(connection, f"select coalesce(sum({measure}), 0)::bigint from trend")[0]
        expected = 0
        tables = {key: naive_marts.MARTS[name](files) for key, files in deliveries.items()}
        for year in {group[0] for cells in tables.values() for group in cells}:
            editions = {
                (group[1] == "D", at, key, group[1])
                for at, (key, cells) in enumerate(tables.items())
                for group in cells
                if group[0] == year
            }
            _, _, key, status = max(editions)
            expected += sum(c[number] for group, c in tables[key].items() if group[:2] == (year, status))
        assert found == expected, measure


def _changes_agree(connection: Any, deliveries: dict[str, Files]) -> None:
    for measure, name, number in (*_MEASURES, *_RESULTS):
        tables = {key: naive_marts.MARTS[name](files) for key, files in deliveries.items()}
        expected = {}
        for year in {group[0] for cells in tables.values() for group in cells}:
            sums = {}
            for status in "VD":
                having = [key for key, cells in tables.items() if any(group[:2] == (year, status) for group in cells)]
                if having:
                    sums[status] = sum(
                        c[number] for group, c in tables[having[-1]].items() if group[:2] == (year, status)
                    )
            if len(sums) == 2 and any(sums.values()):
                expected[year] = sums["V"], sums["D"], sums["D"] - sums["V"]
        query = (
            "select schooljaar, sum(voorlopig)::bigint, sum(definitief)::bigint, sum(verschil)::bigint "
            f"from voorlopig_definitief where maat = '{measure}' group by 1"
        )
        assert {row[0]: row[1:] for row in asked(connection, query)} == expected, measure


_MEASURES: tuple[tuple[str, str, str], ...] = (
    ("studenten", "studentaantallen", "studenten"),
    ("instroom", "instroom", "instroom"),
    ("uitstroom", "uitstroom", "uitstroom"),
    ("gediplomeerden", "behaalde_diplomas", "hoofddiplomas"),
)
_RESULTS = tuple(
    (f"{name}_{part}", "studiesucces", f"{name}_{part}")
    for name in ("jaarresultaat", "diplomaresultaat", "startersresultaat")
    for part in ("noemer", "teller")
)
