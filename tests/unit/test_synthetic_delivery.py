"""A synthetic delivery is the same every time, tells one story in all its files, and adds up."""

from collections.abc import Mapping
from itertools import islice

import numpy as np
import polars as pl
import pytest

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.synthetic.careers import BLOCK
from rod_pipeline.synthetic.moments import moment_of
from rod_pipeline.synthetic.population import DATA_FILES, BadScale, Population, iter_file
from rod_pipeline.synthetic.simulation import simulate
from rod_pipeline.synthetic.world import make_world
from tests.support.synthetic import SMALL, whole, zipped

TECHNICAL = ["prikdatum", "status"]
Files = Mapping[FileKind, pl.DataFrame]


@pytest.fixture(scope="module")
def book() -> ContractBook:
    return ContractBook.load()


@pytest.fixture(scope="module")
def december() -> Files:
    return whole("2025-12")


@pytest.fixture(scope="module")
def august() -> Files:
    return whole("2026-08")


class TestSameEveryTime:
    def test_the_same_seed_scale_and_key_give_the_same_bytes(self, book: ContractBook) -> None:
        assert zipped("2025-12", SMALL, book) == zipped("2025-12", Population(seed=3, scale=0.001), book)

    def test_another_seed_is_another_country(self, book: ContractBook, december: Files) -> None:
        other = pl.concat(iter_file("inschrijvingen", DeliveryKey.parse("2025-12"), Population(4, 0.004), book))
        shared = set(other["sectornummer"]) & set(december["inschrijvingen"]["sectornummer"])
        assert not shared

    def test_a_block_does_not_depend_on_the_blocks_before_it(self) -> None:
        world = make_world(5)
        last = [simulate(world, 5, 2022, number, 500) for number in range(3)][-1]
        alone = simulate(world, 5, 2022, 2, 500)
        assert np.array_equal(last.programme, alone.programme)
        assert np.array_equal(last.diploma, alone.diploma)
        assert np.array_equal(last.birth, alone.birth)

    def test_a_senseless_scale_is_refused(self) -> None:
        with pytest.raises(BadScale):
            Population(1, 0)

    def test_a_block_is_all_that_is_in_memory_at_full_scale(self, book: ContractBook) -> None:
        blocks = islice(iter_file("doorstroom", DeliveryKey.parse("2025-12"), Population(1, 1.0), book), 12)
        assert max(block.height for block in blocks) <= 6 * BLOCK


class TestOneStoryOverDeliveries:
    def test_a_final_school_year_comes_back_unchanged(self, december: Files, august: Files) -> None:
        for kind in ("inschrijvingen", "doorstroom"):
            earlier, later = (
                files[kind].filter(pl.col("schooljaar") == "2023-2024").drop(TECHNICAL).sort(pl.all())
                for files in (december, august)
            )
            assert earlier.equals(later), kind

    def test_a_provisional_year_lacks_a_few_and_the_rest_are_the_same_persons(
        self, december: Files, august: Files
    ) -> None:
        provisional, final = (
            set(files["inschrijvingen"].filter("hoofdinschrijving_mbo", schooljaar="2025-2026")["sectornummer"])
            for files in (december, august)
        )
        assert provisional < final
        assert 0.001 < len(final - provisional) / len(final) < 0.015

    def test_a_provisional_year_is_corrected_a_little(self, book: ContractBook) -> None:
        keys = [DeliveryKey.parse(key) for key in ("2025-12", "2026-08")]
        compared = ["sectornummer", "leerweg", "datum_uitschrijving_gepland"]
        years = [
            pl.concat(iter_file("inschrijvingen", key, Population(3, 0.02), book))
            .filter("hoofdinschrijving_mbo", schooljaar="2025-2026")
            .select(compared)
            for key in keys
        ]
        both = years[0].join(years[1], on="sectornummer", suffix="_final")
        changed = both.filter(
            pl.col("leerweg").ne(pl.col("leerweg_final"))
            | pl.col("datum_uitschrijving_gepland").ne_missing(pl.col("datum_uitschrijving_gepland_final"))
        )
        assert 0.002 < changed.height / both.height < 0.009

    def test_who_was_here_last_year_keeps_the_pseudonym(self, august: Files, book: ContractBook) -> None:
        next_december = pl.concat(iter_file("inschrijvingen", DeliveryKey.parse("2026-12"), Population(3, 0.004), book))
        before, after = (
            set(frame.filter(schooljaar="2025-2026")["sectornummer"])
            for frame in (august["inschrijvingen"], next_december)
        )
        assert len(before & after) / len(before | after) > 0.99

    @pytest.mark.parametrize(
        ("key", "current", "status"),
        [("2025-12", 2025, "V"), ("2026-08", 2025, "D"), ("2026-12", 2026, "V"), ("2028-08", 2027, "D")],
    )
    def test_the_calendar_of_the_decree(self, key: str, current: int, status: str) -> None:
        moment = moment_of(DeliveryKey.parse(key))
        assert (moment.current, moment.status) == (current, status)
        assert moment.school_years("inschrijvingen") == (current - 1, current)
        assert moment.school_years("doorstroom") == tuple(range(current - 5, current + 1))
        assert min(moment.school_years("mbo_hbo")) >= 2022

    def test_a_correction_was_extracted_later(self) -> None:
        first, second = (moment_of(DeliveryKey.parse(key)).prikdatum for key in ("2025-12", "2025-12-r2"))
        assert first < second


class TestAddsUp:
    def test_one_main_enrolment_per_person_and_per_institution(self, december: Files) -> None:
        rows = december["inschrijvingen"]
        persons = rows.filter("hoofdinschrijving_mbo").group_by("sectornummer", "schooljaar").len()
        here = rows.filter("hoofdinschrijving_instelling").group_by("sectornummer", "schooljaar", "instellingscode")
        assert persons["len"].max() == 1
        assert here.len()["len"].max() == 1
        assert rows.filter(pl.col("hoofdinschrijving_mbo") & ~pl.col("hoofdinschrijving_instelling")).is_empty()

    def test_whoever_is_enrolled_on_1_october_has_a_main_enrolment(self, december: Files) -> None:
        rows, at = december["inschrijvingen"], pl.col("peildatum")
        there = (pl.col("datum_inschrijving") <= at) & (pl.col("datum_uitschrijving_werkelijk").fill_null(at) >= at)
        counts = rows.filter(there).group_by("sectornummer", "schooljaar").agg(pl.col("hoofdinschrijving_mbo").sum())
        assert counts["hoofdinschrijving_mbo"].unique().to_list() == [1]

    def test_the_main_enrolment_has_the_highest_level_then_the_lowest_crebo(self, december: Files) -> None:
        counted = december["inschrijvingen"].filter(
            (pl.col("datum_inschrijving") <= pl.col("peildatum")) & (pl.col("periode") <= pl.col("peildatum"))
        )
        best = counted.sort(["niveau", "opleidingscode"], descending=[True, False]).unique(
            ["sectornummer", "schooljaar"], keep="first", maintain_order=True
        )
        assert best["hoofdinschrijving_mbo"].all()

    def test_stock_less_leavers_plus_entrants_is_the_next_stock(self, december: Files, august: Files) -> None:
        for files in (december, august):
            letters = files["doorstroom"].group_by("schooljaar", "in_door_uitstroom").len().sort("schooljaar").rows()
            count = {(int(year[:4]), letter): number for year, letter, number in letters}
            stock = {year: sum(count.get((year, letter), 0) for letter in "IDU") for year in range(2020, 2026)}
            for year in range(2020, 2025):
                assert stock[year] - count[year, "U"] + count[year + 1, "I"] == stock[year + 1]

    def test_the_letters_are_what_the_years_say(self, december: Files) -> None:
        mbo = december["doorstroom"].filter(pl.col("niveau").is_not_null())
        counted = december["inschrijvingen"].filter("hoofdinschrijving_mbo", schooljaar="2025-2026")
        this_year = set(counted["sectornummer"])
        last = mbo.filter(schooljaar="2024-2025")
        going_on = last.filter(pl.col("sectornummer").is_in(this_year))
        assert set(going_on["in_door_uitstroom"]) == {"I", "D"}
        left = last.filter(~pl.col("sectornummer").is_in(this_year))
        assert set(left["in_door_uitstroom"]) == {"U", "T"}

    def test_the_diploma_flag_is_the_diploma_file(self, december: Files, august: Files) -> None:
        for files in (december, august):
            flagged = files["doorstroom"].filter("heeft_diploma").select("sectornummer", "schooljaar")
            years = files["diplomas"]["schooljaar"].unique()
            flagged = flagged.filter(pl.col("schooljaar").is_in(years.implode()))
            earned = files["diplomas"].select("sectornummer", "schooljaar").unique()
            assert flagged.sort(pl.all()).equals(earned.sort(pl.all()))

    def test_one_main_diploma_per_graduate_and_school_year(self, august: Files) -> None:
        main = august["diplomas"].filter("hoofddiploma").group_by("sectornummer", "schooljaar").len()
        assert main["len"].max() == 1
        assert main.height == august["diplomas"].select("sectornummer", "schooljaar").unique().height

    def test_certificates_and_nevendiplomas_stand_beside_a_main_diploma(self, august: Files) -> None:
        beside = august["diplomas"].filter(~pl.col("hoofddiploma"))
        assert 0.05 < beside["niveau_diploma"].null_count() / august["diplomas"].height < 0.15
        assert beside["niveau_diploma"].drop_nulls().len() > 0
        assert set(beside["soort_diploma_mbo_studiejaar"]) == {"02"}

    def test_who_stands_in_mbo_hbo_has_a_diploma_of_level_4(self, december: Files) -> None:
        level4 = december["diplomas"].filter(niveau_diploma="MBO-4", schooljaar="2024-2025")["sectornummer"]
        leavers = december["mbo_hbo"].filter(mbo_uitstroom_schooljaar="2024-2025")["sectornummer"]
        assert len(leavers)
        assert set(leavers) <= set(level4)
        still = december["inschrijvingen"].filter("hoofdinschrijving_mbo", schooljaar="2025-2026")["sectornummer"]
        assert not set(leavers) & set(still)

    def test_hbo_is_known_as_far_as_the_register_goes(self, december: Files) -> None:
        rows = december["mbo_hbo"].filter(pl.col("hbo_instroom_studiejaar").is_not_null())
        begun = rows["hbo_instroom_studiejaar"].str.slice(0, 4).cast(pl.Int64)
        left = rows["mbo_uitstroom_schooljaar"].str.slice(0, 4).cast(pl.Int64)
        assert begun.max() == 2025
        assert (begun - left - 1 == rows["hbo_onderbrekingsduur"]).all()
        assert (begun + rows["hbo_verblijfsduur"] - 1 <= 2025).all()
        third = rows.filter(pl.col("hbo_jaar3_opleidingscode").is_not_null())
        assert (third["hbo_verblijfsduur"] >= 3).all()

    def test_a_programme_has_one_level_and_sector_everywhere(self, december: Files) -> None:
        seen = pl.concat(
            [
                december["inschrijvingen"].select("opleidingscode", "niveau", "sectorkamer").unique(),
                december["doorstroom"]
                .drop_nulls("niveau")
                .select(
                    pl.col("kwalificatiecode_inschrijving").alias("opleidingscode"),
                    "niveau",
                    pl.col("sector_inschrijving").alias("sectorkamer"),
                )
                .unique(),
                december["diplomas"]
                .drop_nulls("niveau_diploma")
                .select(
                    "opleidingscode",
                    pl.col("niveau_diploma").alias("niveau"),
                    pl.col("sectorkamer_diploma").alias("sectorkamer"),
                )
                .unique(),
            ]
        ).unique()
        assert seen.height == seen["opleidingscode"].n_unique()

    def test_dates_are_in_order(self, december: Files, august: Files) -> None:
        for files in (december, august):
            rows = files["inschrijvingen"]
            begin, period, end = (
                pl.col(name) for name in ("datum_inschrijving", "periode", "datum_uitschrijving_werkelijk")
            )
            wrong = (
                (begin > period)
                | (period > end)
                | (end > pl.col("prikdatum"))
                | (begin > pl.col("datum_uitschrijving_gepland"))
                | (begin > pl.col("prikdatum"))
            )
            assert rows.filter(wrong).is_empty()
            first_day = pl.col("peildatum")
            outside = (pl.col("datum_examen_behaald") < first_day) | (
                pl.col("datum_examen_behaald") > pl.min_horizontal("prikdatum", first_day.dt.offset_by("10mo"))
            )
            assert files["diplomas"].filter(outside).is_empty()

    def test_control_totals_agree_with_the_rows(self, december: Files, book: ContractBook) -> None:
        totals = december["technisch"]
        for kind in DATA_FILES:
            frame, contract = december[kind], book.get(kind)
            for breakdown, column in {"totaal": None, **contract.breakdowns}.items():
                keys = ["schooljaar"] + ([column] if column else [])
                counted = frame.group_by(keys).len().rename({"len": "aantal"})
                if column:
                    counted = counted.rename({column: "waarde"})
                else:
                    counted = counted.with_columns(pl.lit(None, dtype=pl.String).alias("waarde"))
                stated = totals.filter(bestand=kind, uitsplitsing=breakdown).select("schooljaar", "waarde", "aantal")
                counted = counted.select("schooljaar", "waarde", pl.col("aantal").cast(pl.Int64))
                assert stated.sort(pl.all()).equals(counted.sort(pl.all())), (kind, breakdown)
