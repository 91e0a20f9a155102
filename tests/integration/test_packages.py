"""A package as its receiver opens it, with public tools: its own rows, and nothing of another institution."""

import hmac
import re
import subprocess
from pathlib import Path

import duckdb
import polars as pl
import pytest
from playwright.sync_api import Browser

from rod_pipeline.marts.database import build_database
from rod_pipeline.packages.allowed import allowed
from rod_pipeline.packages.making import NoFigures
from rod_pipeline.packages.permitting import NoChamber
from rod_pipeline.packages.pseudonyms import key_of, replaced
from tests.support.leaks import MARKER
from tests.support.pdf import streams_of, text_of
from tests.support.pipeline import UNDISTURBED, delivery
from tests.support.planted import marks_of, planted
from tests.support.post_room import FIRST, PostRoom, content_of, own, stored
from tests.support.seaweed import marker_in


@pytest.fixture(scope="module")
def good() -> bytes:
    return planted(delivery(UNDISTURBED))


@pytest.mark.parametrize("file", allowed().own_rows)
def test_a_package_has_each_row_of_its_own_institution_and_no_other(
    post_room: PostRoom, package: Path, file: str
) -> None:
    rows, all_rows = own(package, file), stored(post_room, file)
    assert rows["instellingscode"].unique().to_list() == [FIRST]
    assert rows.height == all_rows.filter(pl.col("instellingscode") == FIRST).height > 0
    assert rows.columns == ["levering", "pseudoniem", *allowed().own_rows[file].columns]  # type: ignore[index]


def test_nothing_of_another_institution_is_in_it(post_room: PostRoom, package: Path) -> None:
    marks = marks_of(stored(post_room, "inschrijvingen"))
    pdf = (package / "rapport.pdf").read_bytes()
    found = set(re.findall(rb"9[0-9]{2}X9[0-9]{2}", content_of(package) + streams_of(pdf) + text_of(pdf).encode()))
    assert len(marks) > 30
    assert found == {f"{marks[FIRST]}X{marks[FIRST]}".encode()}


def test_no_pseudonym_of_duo_is_in_it(package: Path) -> None:
    content = content_of(package) + streams_of((package / "rapport.pdf").read_bytes())
    assert MARKER.encode() not in content


def test_report_and_comparison_name_no_other_institution(package: Path) -> None:
    brin = re.compile(r"\b[0-9]{2}[A-Z]{2}\b")
    page = re.sub(r"<style>.*?</style>", "", (package / "rapport.html").read_text("utf-8"))
    for text in (
        page,
        (package / "vergelijking" / "vergelijking.csv").read_text(),
        (package / "LEESMIJ.txt").read_text(),
        text_of((package / "rapport.pdf").read_bytes()),
    ):
        assert set(brin.findall(text)) <= {FIRST}
    assert FIRST in page


def test_two_schools_have_no_pseudonym_in_common_and_each_keeps_its_own(post_room: PostRoom, tmp_path: Path) -> None:
    folders = []
    for number, name in enumerate(("school-a", "school-b", "school-a")):
        folder = tmp_path / str(number)
        folder.mkdir()
        folders.append(post_room.opened(name, post_room.made(name), folder))
    first, other, again = (set(own(folder, "doorstroom")["pseudoniem"]) for folder in folders)
    assert first and other and not first & other
    assert first == again
    assert {len(one) for one in first | other} == {32}


def test_the_same_student_is_somebody_else_for_each_school(post_room: PostRoom) -> None:
    students = pl.DataFrame({"sectornummer": ["aa11bb", "cc22dd", "aa11bb"], "n": [1, 2, 3]})
    keys = [key_of(post_room.system, name) for name in ("school-a", "school-b")]
    one, two = (replaced(students, "sectornummer", key)["pseudoniem"].to_list() for key in keys)
    assert one[0] == one[2] != one[1]
    assert not set(one) & set(two)
    assert key_of(post_room.system, "school-a") == keys[0]
    made = hmac.digest(keys[0], b"aa11bb", "sha256").hex()
    assert made.startswith(one[0])


def test_the_key_of_pseudonyms_outlives_a_new_mart_database(post_room: PostRoom) -> None:
    before = key_of(post_room.system, "school-a")
    with duckdb.connect(":memory:", config={"temp_directory": ""}) as connection:
        build_database(post_room.system, connection)
    assert key_of(post_room.system, "school-a") == before


def test_the_report_reads_in_a_browser_and_calls_nobody(package: Path, tmp_path: Path, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: asked.append(message.text))
    page.goto((package / "rapport.html").as_uri())
    assert page.get_by_role("heading", name=f"Studenten en studiesucces: instelling {FIRST}").is_visible()
    assert page.get_by_role("img").first.is_visible()
    assert "Wis het pakket vóór 16 december 2032" in page.inner_text("main")
    page.screenshot(path=tmp_path / "rapport.png", full_page=True)
    page.close()
    assert asked == [(package / "rapport.html").as_uri()]


def test_the_pdf_says_what_the_page_says(package: Path) -> None:
    text = re.sub(r"\s", "", text_of((package / "rapport.pdf").read_bytes()))
    for said in (f"instelling {FIRST}", "vóór 16 december 2032", "Waar deze cijfers vandaan komen"):
        assert said.replace(" ", "") in text


def test_nothing_of_it_rests_in_the_clear(post_room: PostRoom, seaweed_folder: Path) -> None:
    marks = marks_of(stored(post_room, "inschrijvingen"))
    made = post_room.made("school-a")
    mark = f"{marks[FIRST]}X{marks[FIRST]}".encode()
    for folder in (post_room.bench.home, seaweed_folder):
        assert marker_in(folder, mark) == []
        assert marker_in(folder, MARKER.encode()) == []
    assert made.file.read_bytes().startswith(b"age-encryption.org/v1\n")
    assert made.file.stat().st_mode & 0o077 == 0


def test_another_school_cannot_open_it(post_room: PostRoom) -> None:
    made = post_room.made("school-a")
    tried = subprocess.run(["age", "-d", "-i", post_room.keys / "school-b", made.file], capture_output=True, timeout=60)
    assert tried.returncode != 0 and tried.stdout == b""


def test_a_sector_chamber_gets_what_is_published_and_no_person(post_room: PostRoom, tmp_path: Path) -> None:
    made = post_room.made("kamer-3")
    folder = post_room.opened("kamer-3", made, tmp_path)
    assert made.until is None
    assert made.package_id in post_room.system.ledger.state().shared
    assert made.package_id not in post_room.system.ledger.state().handovers
    tables = sorted((folder / "gepubliceerd").iterdir())
    assert [table.stem for table in tables] == [
        "jaarresultaat_sectorkamer",
        "jaarresultaat_sectorkamer_percentage",
        "studentaantallen_sectorkamer",
    ]
    for table in tables:
        rows = pl.read_csv(table, separator=";", infer_schema=False)
        assert rows["sectorkamer"].unique().to_list() == ["03"]
        counts = [name for name in ("aantal", "aantal_ja") if name in rows.columns]
        assert not any(value in {"1", "2", "3", "4"} for name in counts for value in rows[name])
    assert not (folder / "eigen").exists() and not (folder / "restricted").exists()
    assert "uw plaats" not in (folder / "rapport.html").read_text("utf-8"), "sector chambers are no rivals"
    assert "geen persoonsgegevens" in (folder / "LEESMIJ.txt").read_text("utf-8")


def test_a_group_of_industries_gets_its_own_rows_of_what_is_published(post_room: PostRoom, tmp_path: Path) -> None:
    folder = post_room.opened("groep-zorg", post_room.made("groep-zorg"), tmp_path)
    (table,) = (folder / "gepubliceerd").iterdir()
    assert table.stem == "studentaantallen_bedrijfstakgroep"
    rows = pl.read_csv(table, separator=";", infer_schema=False)
    assert rows["bedrijfstakgroep"].unique().to_list() == ["zorg"]
    assert "bedrijfstakgroep zorg" in (folder / "rapport.html").read_text("utf-8")
    with pytest.raises(NoChamber):
        post_room.made("groep-zorg", small=True)


def test_a_group_of_which_nothing_is_published_gets_no_package(post_room: PostRoom) -> None:
    with pytest.raises(NoFigures):
        post_room.made("groep-weg")
