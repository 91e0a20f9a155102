"""Synthetic deliveries in every dialect and packing, and under contracts that grew."""

import io
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import polars as pl
import pytest

from rod_pipeline.contracts import ContractBook
from rod_pipeline.contracts.model import FILE_KINDS, FileKind
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.intake.archive import WrongPassword, members
from rod_pipeline.synthetic.columns import NothingToFillWith, fit
from rod_pipeline.synthetic.delivery import NeedsArchive, UnknownFault, delivery_parts, write_delivery
from rod_pipeline.synthetic.writing import DIALECTS, ImpossibleDialect
from tests.support.synthetic import PASSWORD, SMALL, tables, whole, zipped

pytestmark = pytest.mark.usefixtures("one_country")


@pytest.fixture(scope="module")
def book() -> ContractBook:
    return ContractBook.load()


@lru_cache(maxsize=1)
def plain() -> Mapping[FileKind, pl.DataFrame]:
    """The small delivery as the contracts have it, read back."""
    return tables(zipped("2025-12", SMALL, ContractBook.load()), ContractBook.load())


class TestDialects:
    @pytest.mark.parametrize("name", [name for name, dialect in DIALECTS.items() if dialect is not None])
    def test_every_named_dialect_reads_back_the_same(self, name: str, book: ContractBook) -> None:
        dialect = DIALECTS[name]
        assert dialect is not None
        dialects = dict.fromkeys(FILE_KINDS, dialect)
        read = tables(zipped("2025-12", SMALL, book, dialects=dialects), book, dialects)
        for kind in FILE_KINDS:
            assert read[kind].height == plain()[kind].height
            same = [column.name for column in book.get(kind).columns if column.type in ("code", "pseudonym")]
            assert read[kind].select(same).equals(plain()[kind].select(same)), kind
        written = read["inschrijvingen"]["prikdatum"][0]
        assert (
            written == {"EEJJMMDD": "20251201", "DD-MM-JJJJ": "01-12-2025", "JJJJ-MM-DD": "2025-12-01"}[dialect.dates]
        )
        assert set(read["inschrijvingen"]["geboren_in_nederland"]) == set(dialect.booleans)
        grades = read["inschrijvingen"]["gemiddeld_cijfer_vo"].drop_nulls()
        assert grades.str.contains(dialect.decimal, literal=True).all()

    def test_commas_that_cannot_be_told_apart_are_refused(self, book: ContractBook) -> None:
        dialect = book.get("diplomas").dialect.model_copy(update={"separator": ",", "quote": ""})
        with pytest.raises(ImpossibleDialect):
            zipped("2025-12", SMALL, book, dialects={"diplomas": dialect})

    def test_leading_zeros_stay(self) -> None:
        rows = whole("2025-12")["inschrijvingen"]
        assert rows["sectornummer"].str.len_chars().unique().to_list() == [12]
        assert rows["sectornummer"].str.starts_with("0").any()
        assert rows["gemeentecode_student"].drop_nulls().str.starts_with("0").any()


class TestPacking:
    def test_a_folder_gets_five_files_that_a_zip_holds_too(self, book: ContractBook, tmp_path: Path) -> None:
        paths = write_delivery(tmp_path, DeliveryKey.parse("2025-12"), population=SMALL, book=book)
        assert [path.name for path in paths] == [f"ROD_BO_{kind}_20251201_V.csv" for kind in FILE_KINDS]
        with zipfile.ZipFile(io.BytesIO(zipped("2025-12", SMALL, book))) as archive:
            assert {name: archive.read(name) for name in archive.namelist()} == {
                path.name: path.read_bytes() for path in paths
            }

    @pytest.mark.parametrize("archive", ["aes", "zipcrypto"])
    def test_an_encrypted_archive_opens_with_its_password_alone(self, archive: str, book: ContractBook) -> None:
        data = zipped("2025-12", SMALL, book, archive=archive, password=PASSWORD)
        read = tables(data, book)
        assert all(read[kind].equals(plain()[kind]) for kind in FILE_KINDS)
        with pytest.raises(WrongPassword):
            list(members(io.BytesIO(data), b"another"))

    def test_zipcrypto_is_what_the_standard_library_reads(self, book: ContractBook) -> None:
        data = zipped("2025-12", SMALL, book, archive="zipcrypto", password=PASSWORD)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            archive.setpassword(PASSWORD)
            assert archive.testzip() is None

    @pytest.mark.parametrize("archive", ["zip", "aes", "zipcrypto"])
    def test_a_stream_that_cannot_seek_will_do(self, archive: str, book: ContractBook) -> None:
        class Sink(io.RawIOBase):
            def __init__(self) -> None:
                self.data = bytearray()

            def writable(self) -> bool:
                return True

            def write(self, data) -> int:
                self.data += data
                return len(data)

        sink = Sink()
        write_delivery(
            sink, DeliveryKey.parse("2025-12"), population=SMALL, book=book, archive=archive, password=PASSWORD
        )
        assert set(tables(bytes(sink.data), book)) == set(FILE_KINDS)

    def test_a_stream_without_archive_is_refused(self, book: ContractBook) -> None:
        with pytest.raises(NeedsArchive):
            write_delivery(io.BytesIO(), DeliveryKey.parse("2025-12"), population=SMALL, book=book)

    def test_an_unknown_fault_is_refused_by_name(self, book: ContractBook) -> None:
        with pytest.raises(UnknownFault, match="no_such_fault"):
            next(delivery_parts(DeliveryKey.parse("2025-12"), population=SMALL, book=book, fault="no_such_fault"))


class TestContracts:
    def test_an_unknown_column_is_empty_when_it_may_be(self, book: ContractBook) -> None:
        contract = book.get("diplomas")
        extra = contract.columns[0].model_copy(
            update={"name": "iets_nieuws", "header": "Iets nieuws", "nullable": True}
        )
        grown = contract.model_copy(update={"columns": (*contract.columns, extra)})
        columns = {column.name: pl.Series(["x"]) for column in contract.columns if column.type == "code"}
        columns |= {"sectornummer": pl.Series(["000000000001"])}
        needed = [column for column in grown.columns if column.name in columns or column.name == "iets_nieuws"]
        frame = fit(columns, grown.model_copy(update={"columns": tuple(needed)}))
        assert frame["iets_nieuws"].to_list() == [None]
        demanding = grown.model_copy(update={"columns": (extra.model_copy(update={"nullable": False}),)})
        with pytest.raises(NothingToFillWith):
            fit(columns, demanding)
