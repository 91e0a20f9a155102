"""A delivery moment from link to mart, on the real components."""

from tests.support.pipeline import Bench, stored_tables


def test_a_delivery_goes_all_the_way(bench: Bench) -> None:
    bench.announce("2025-12")
    assert bench.run("2025-12") == []
    intake = bench.intake("2025-12")
    assert intake.stage == "stored"
    tables = stored_tables(bench, "2025-12")
    assert set(tables) == {"inschrijvingen", "diplomas", "doorstroom", "mbo_hbo", "technisch", "studentaantallen"}
    assert all(tables[file].height == rows for file, rows in intake.rows.items())
