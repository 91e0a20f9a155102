"""Whatever happens to the bytes of an archive: an error of ours, or the files as they were."""

from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.errors import RodError
from rod_pipeline.intake.archive import members
from tests.support.soak import examples
from tests.unit.test_archive_refusals import aes_zip, plain_zip, sequential, zipcrypto_zip

_FILES = {"a.csv": b"Aa;Bb\r\n1;2\r\n" * 30, "b.csv": b"Cc\n3\n"}
_ARCHIVES = (
    plain_zip(_FILES),
    plain_zip(_FILES, 0),
    aes_zip(_FILES, b"sesam"),
    zipcrypto_zip("a.csv", _FILES["a.csv"], b"sesam"),
)


@examples(150, soak=20000)
@given(
    st.sampled_from(_ARCHIVES),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 2000),
    st.sampled_from([None, b"sesam", b"x"]),
)
def test_a_damaged_archive_is_refused_or_read_whole(
    data: bytes, changes: list[tuple[int, int]], cut: int, password: bytes | None
) -> None:
    damaged = bytearray(data)
    for position, byte in changes:
        damaged[position % len(damaged)] = byte
    if cut > 1500:
        damaged = damaged[: cut % len(damaged)]
    try:
        found = {member.name: member.open().read() for member in members(sequential(bytes(damaged)), password)}
    except RodError:
        return
    if damaged.startswith(b"PK"):
        assert set(found.values()) <= set(_FILES.values())
    else:
        assert set(found.values()) == {bytes(damaged)}
