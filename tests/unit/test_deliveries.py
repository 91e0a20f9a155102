import pytest

from rod_pipeline.deliveries import BadDeliveryKey, DeliveryKey, is_id, new_id


@pytest.mark.parametrize("text", ["2025-12", "2026-08-r2", "2026-08-r10", "2028-01-r31"])
def test_a_key_is_read_and_written_alike(text: str) -> None:
    assert str(DeliveryKey.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025",
        "2025-13",
        "2025-00",
        "2025-12-r1",
        "2025-12-r0",
        "2025-12-r02",
        "2025-12 ",
        "2025-12\n",
        "a,b",
        "٢٠٢٥-12",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadDeliveryKey, match="ROD-DELIVERY-01"):
        DeliveryKey.parse(text)


def test_a_long_key_is_not_echoed_whole() -> None:
    with pytest.raises(BadDeliveryKey) as refused:
        DeliveryKey.parse("9" * 5000)
    assert len(str(refused.value)) < 300


def test_corrections_sort_after_what_they_correct() -> None:
    keys = [DeliveryKey.parse(text) for text in ("2026-08", "2025-12-r10", "2025-12", "2025-12-r2")]
    assert [str(key) for key in sorted(keys)] == ["2025-12", "2025-12-r2", "2025-12-r10", "2026-08"]


def test_ids_are_opaque_and_differ() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_id(text) for text in ids)
    assert not is_id("2025-12") and not is_id("0" * 15) and not is_id("g" * 16)
