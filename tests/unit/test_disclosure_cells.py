"""The cell list: which cells there are, and how they add up."""

import polars as pl
import pytest

from rod_pipeline.disclosure.cells import cell_list
from rod_pipeline.disclosure.tables import Table, TableUnfit, table_of

LEAVES = pl.DataFrame(
    {
        "instellingscode": ["01AA", "01AA", "02BB", "02BB", "03CC"],
        "regio": ["Noord", "Noord", "Noord", "Noord", "Zuid"],
        "opleidingscode": ["25001", "25002", "25001", "25003", "25001"],
        "code_bc": ["BC1", "BC1", "BC1", "BC2", "BC1"],
        "n": [3, 10, 7, 5, 20],
    }
)


def sums(cells):
    """The equations as text: total = parts."""
    told = set()
    for (_,), part in cells.sums.group_by("equation"):
        total = part.filter(pl.col("sign") == 1)["cell"].item()
        told.add((total, tuple(sorted(part.filter(pl.col("sign") == -1)["cell"]))))
    return told


def test_a_cell_is_named_by_its_codes_whatever_the_order_of_the_columns():
    cells = cell_list(
        {"s": LEAVES},
        [
            Table("a", "s", ("opleidingscode", "instellingscode")),
            Table("b", "s", ("instellingscode", "opleidingscode")),
        ],
    )
    assert cells.cells["cell"].to_list() == [
        "s|instellingscode=01AA|opleidingscode=25001",
        "s|instellingscode=01AA|opleidingscode=25002",
        "s|instellingscode=02BB|opleidingscode=25001",
        "s|instellingscode=02BB|opleidingscode=25003",
        "s|instellingscode=03CC|opleidingscode=25001",
    ]
    assert cells.cells["n"].to_list() == [3, 10, 7, 5, 20]
    assert cells.sums.is_empty()


def test_hierarchies_are_seen_in_the_leaves():
    cells = cell_list({"s": LEAVES}, [Table("a", "s", ("opleidingscode",)), Table("b", "s", ("code_bc",))])
    assert sums(cells) == {
        ("s|code_bc=BC1", ("s|opleidingscode=25001", "s|opleidingscode=25002")),
        ("s|code_bc=BC2", ("s|opleidingscode=25003",)),
    }
    assert cells.cells.filter(pl.col("cell") == "s|opleidingscode=25001").row(0)[1:] == (30, 3, None)


def test_where_two_tables_meet_is_in_the_list():
    """Institutions by programme, and dossiers by nothing else: both add up to the dossier of no table."""
    cells = cell_list(
        {"s": LEAVES}, [Table("a", "s", ("instellingscode", "opleidingscode")), Table("b", "s", ("regio", "code_bc"))]
    )
    assert "s|code_bc=BC1|regio=Noord" in cells.cells["cell"]
    apart = cell_list({"s": LEAVES}, [Table("a", "s", ("instellingscode",)), Table("b", "s", ("opleidingscode",))])
    assert ("s", ("s|instellingscode=01AA", "s|instellingscode=02BB", "s|instellingscode=03CC")) in sums(apart)


def test_groupings_that_overlap_are_sums_over_the_same_cells():
    leaves = LEAVES.with_columns(sectorkamer=pl.Series(["K1", "K2", "K1", "K2", "K1"]))
    cells = cell_list({"s": leaves}, [Table("a", "s", ("code_bc",)), Table("b", "s", ("sectorkamer",))])
    assert {
        ("s|code_bc=BC1", ("s|code_bc=BC1|sectorkamer=K1", "s|code_bc=BC1|sectorkamer=K2")),
        ("s|sectorkamer=K2", ("s|code_bc=BC1|sectorkamer=K2", "s|code_bc=BC2|sectorkamer=K2")),
    } <= sums(cells)


def test_every_sum_adds_up_and_own_students_do_too():
    leaves = LEAVES.with_columns(leerweg=pl.Series(["BOL", "BBL", "BOL", None, "BBL"]))
    tables = [
        Table(str(by), "s", by) for by in (("instellingscode", "opleidingscode"), ("regio", "leerweg"), ("code_bc",))
    ]
    cells = cell_list({"s": leaves}, tables)
    added = cells.sums.join(cells.cells, on="cell").group_by("equation").agg((pl.col("sign") * pl.col("n")).sum())
    assert added["sign"].to_list() == [0] * added.height and added.height > 3
    owned = cells.own.group_by("cell").agg(pl.col("n").sum()).join(cells.cells, on="cell", suffix="_all")
    assert (owned["n"] == owned["n_all"]).all() and owned.height == cells.cells.height
    assert cells.cells["cell"].str.contains("leerweg=onbekend").any()


def test_an_outcome_has_both_sides_even_at_zero():
    leaves = pl.DataFrame({"instellingscode": ["01AA", "02BB", "02BB"], "diploma": ["J", "J", "N"], "n": [6, 8, 9]})
    cells = cell_list({"d": leaves}, [Table("t", "d", ("instellingscode", "diploma"), outcome="diploma")])
    row = cells.cells.filter(pl.col("cell") == "d|diploma=N|instellingscode=01AA")
    assert row.select("n", "institutions", "group").row(0) == (0, 0, "d|instellingscode=01AA")
    assert ("d|instellingscode=01AA", ("d|diploma=J|instellingscode=01AA", "d|diploma=N|instellingscode=01AA")) in sums(
        cells
    )


def test_a_table_that_the_leaves_cannot_give_is_refused():
    with pytest.raises(TableUnfit):
        cell_list({"s": LEAVES}, [Table("t", "s", ("niveau",))])
    with pytest.raises(TableUnfit):
        cell_list({"s": LEAVES}, [Table("t", "other", ("regio",))])
    with pytest.raises(TableUnfit):
        cell_list({"s": LEAVES.with_columns(regio=pl.lit("a|b"))}, [Table("t", "s", ("regio",))])
    with pytest.raises(TableUnfit):
        Table("t", "s", ("regio",), outcome="diploma")


def test_a_table_is_a_selection_of_what_is_printed():
    printed = pl.DataFrame(
        {
            "cell": ["s|a=1", "s|a=1|b=x", "s|a=2|b=y=z", "s2|a=1|b=x", "s|a=1|b=x|c=3"],
            "n": [9, None, 7, 5, 6],
        },
        schema={"cell": pl.String, "n": pl.Int64},
    )
    assert table_of(printed, Table("t", "s", ("b", "a"))).rows() == [("x", "1", None, True), ("y=z", "2", 7, False)]
