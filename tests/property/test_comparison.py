"""One institution beside the country: what the comparison says is what counting by hand says, for any figures."""

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.contracts import ContractBook
from rod_pipeline.packages.comparison import FEWEST, Subject, comparisons, listed
from rod_pipeline.packages.pages import as_page, as_pdf
from rod_pipeline.packages.report import About, report
from rod_pipeline.publishing.words import code_labels
from tests.support.ledger import NOON
from tests.support.soak import examples

OWN = Subject("instellingscode", "25LH", "instelling 25LH")
INSTITUTIONS = ("25LH", "01AA", "02BB", "03CC", "04DD")
YEARS = ("2023-2024", "2024-2025")
LABELS = code_labels(ContractBook.load())
_FIGURE = st.none() | st.integers(0, 1000).map(lambda tenths: tenths / 10)


def tables(figures: dict[tuple[str, str], float | None]) -> dict[str, pl.DataFrame]:
    """A published table of percentages per institution, one of the country, and the catalogue."""
    rows = [(year, brin, figure, figure is None, "D") for (year, brin), figure in figures.items()]
    text = {"schooljaar": pl.String, "instellingscode": pl.String}
    own = pl.DataFrame(
        rows, schema={**text, "percentage": pl.Float64, "afgeschermd": pl.Boolean, "status": pl.String}, orient="row"
    )
    country = pl.DataFrame({"schooljaar": YEARS, "percentage": [70.0, 71.5], "status": ["D", "D"]})
    catalogue = pl.DataFrame(
        {
            "tabel": ["per_instelling", "landelijk"],
            "maat": ["startersresultaat"] * 2,
            "indeling": ["schooljaar,instellingscode", "schooljaar"],
        }
    )
    return {"per_instelling": own, "landelijk": country, "tabellen": catalogue}


@st.composite
def figures(draw: st.DrawFn) -> dict[tuple[str, str], float | None]:
    cells = [(year, brin) for year in YEARS for brin in INSTITUTIONS if brin == "25LH" or draw(st.booleans())]
    return {cell: draw(_FIGURE) for cell in cells}


@examples(30, soak=1000)
@given(figures())
def test_own_figure_rank_and_country_are_those_of_counting_by_hand(cells: dict[tuple[str, str], float | None]) -> None:
    (found,) = comparisons(tables(cells), OWN)
    for row in found.frame.iter_rows(named=True):
        year = row["schooljaar"]
        shown = [figure for (other, _), figure in cells.items() if other == year and figure is not None]
        own = cells[year, "25LH"]
        assert row["eigen"] == own
        assert row["landelijk"] == {"2023-2024": 70.0, "2024-2025": 71.5}[year]
        if own is None or len(shown) < FEWEST:
            assert row["rang"] is None and row["van"] is None
        else:
            assert (row["rang"], row["van"]) == (1 + sum(figure > own for figure in shown), len(shown))
        assert (row["alle"] or []) == sorted(shown)


@examples(30, soak=1000)
@given(figures())
def test_no_report_names_another_institution(cells: dict[tuple[str, str], float | None]) -> None:
    found = comparisons(tables(cells), OWN)
    about = About("MBO Raad", "55352791", "a" * 16, NOON.date(), "1.0", None)
    said: dict[str, Any] = {"page": as_page(report(OWN, found, LABELS, about)).decode()}
    said["list"] = listed(found).write_csv()
    for text in said.values():
        assert not [brin for brin in INSTITUTIONS[1:] if brin in text]


def test_the_same_report_is_the_same_bytes() -> None:
    cells = {(year, brin): 60.0 + 3 * n for n, brin in enumerate(INSTITUTIONS) for year in YEARS}
    about = About("MBO Raad", "55352791", "a" * 16, NOON.date(), "1.0", None)

    def made() -> tuple[bytes, bytes]:
        said = report(OWN, comparisons(tables(dict(cells)), OWN), LABELS, about)
        return as_page(said), as_pdf(said, NOON)

    assert made() == made()


def test_who_has_no_figure_at_all_is_told_why() -> None:
    """A hidden figure is shown as hidden, in the part that it belongs to."""
    about = About("MBO Raad", "55352791", "a" * 16, NOON.date(), "1.0", None)
    titles = [
        report(OWN, comparisons(tables(cells), OWN), LABELS, about).parts[0].title
        for cells in ({("2024-2025", "01AA"): 60.0}, {("2024-2025", "25LH"): None})
    ]
    assert titles == ["Geen gepubliceerde cijfers", "Startersresultaat"]


def test_what_a_table_says_is_shown_as_text() -> None:
    cells = {(year, brin): 60.0 for brin in INSTITUTIONS for year in YEARS}
    about = About("<script>alert(1)</script>", "55352791", "a" * 16, NOON.date(), "1.0", None)
    page = as_page(report(OWN, comparisons(tables(cells), OWN), LABELS, about))
    assert b"<script" not in page
