"""Where a rule is broken agrees with a naive reading, and no count under five is told or can be worked out."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rod_pipeline.contracts.codes import under_the_floor
from rod_pipeline.contracts.model import Column, ColumnType, Contract
from rod_pipeline.quality import checks as ask
from rod_pipeline.quality.counting import count
from rod_pipeline.quality.detail import details
from rod_pipeline.quality.report import Detail
from tests.support.quality import NAMES, Row, contract, frame, naive
from tests.support.soak import examples

PLACE = "instellingscode"
PLACES = ("01AA", "02BB", "03CC", "04DD", "Jan", "", None)
CODES = ("M", "V", "X", "Y", "x", "MM", "Piet", "é", "", None)
CHECKS: tuple[ask.Check, ...] = (
    ask.NotIn("code", ("M", "V")),
    ask.NotIn("code", ("M", "V"), where=ask.Present("ander")),
    ask.Missing("ander"),
    ask.Rows(ask.Present("ander")),
    ask.Unequal("code", "ander"),
    ask.NotMatching("nummer", "^[0-9]$"),
    ask.PairNotIn("code", "ander", (("M", "V"), ("X", "M"))),
    ask.Repeated(("code", "ander")),
    ask.Repeated(("nummer",), ask.Present("ander")),
    ask.Deviating("ander", ("code",)),
)


def about() -> Contract:
    small = contract()
    place = Column(name=PLACE, header="Instelling", technical=True, type=ColumnType.CODE)
    return small.model_copy(update={"columns": (*small.columns, place)})


ROWS: st.SearchStrategy[list[Row]] = st.lists(
    st.builds(
        lambda place, code, other, number: (
            dict.fromkeys(NAMES) | {PLACE: place, "code": code, "ander": other, "nummer": number}
        ),
        st.sampled_from(PLACES),
        st.sampled_from(CODES),
        st.sampled_from(CODES),
        st.sampled_from(("1", "2", "12", "123", None)),
    ),
    max_size=120,
)


@examples(40, soak=1500)
@given(counts=st.dictionaries(st.text(max_size=3), st.integers(0, 12), max_size=8), hidden=st.integers(0, 12))
def test_no_count_under_five_is_told_or_left_over(counts: dict[str, int], hidden: int) -> None:
    total = sum(counts.values()) + hidden
    told, rest = under_the_floor(counts, total)
    assert all(counts[name] == times >= 5 for name, times in told)
    assert sum(times for _, times in told) + rest == total
    assert rest == 0 or rest >= 5 or not told
    untold = min((times for name, times in counts.items() if times >= 5 and name not in dict(told)), default=0)
    if untold:  # only as many are kept back as are needed: without the last of them, what is left over would be 1-4
        largest = max(times for name, times in counts.items() if times >= 5 and name not in dict(told))
        assert 0 < rest - largest < 5


@examples(25, soak=800)
@given(rows=ROWS)
def test_details_agree_with_a_naive_reading(rows: list[Row]) -> None:
    of = about()
    table = frame(rows, (*NAMES, PLACE))
    counted = count(table, of, CHECKS)
    broken = [check for check in CHECKS if counted[check]]
    found = details(table, of, broken, closed=broken)
    assert list(found) == broken
    for check in broken:
        at = breaking(rows, of, check)
        assert len(at) == counted[check]
        detail = found[check]
        assert detail.first_rows == tuple(at[:5])
        # A BRIN by its form may be told, nothing else that stands in the column.
        places = Counter(place for row in at if (place := rows[row - 1][PLACE]) and place not in ("Jan", ""))
        assert (detail.institutions, detail.elsewhere) == under_the_floor(places, len(at))
        codes = Counter[str]()
        if isinstance(check, ask.NotIn):  # one capital, as the codes of the list are
            codes.update(code for row in at if (code := rows[row - 1]["code"]) in ("X", "Y"))
        assert detail.codes == under_the_floor(codes, len(at))[0]


def breaking(rows: list[Row], of: Contract, check: ask.Check) -> list[int]:
    """Numbers of the rows that a check counts: those without which the naive count is less, or is asked alone."""
    match check:
        case ask.Repeated(columns, where):
            alike = [row for row in range(1, len(rows) + 1) if naive([rows[row - 1]], of, ask.Rows(where))]
            return [
                row
                for row in alike
                if any(rows[row - 1][name] for name in columns)
                and sum(all((rows[row - 1][c] or None) == (rows[o - 1][c] or None) for c in columns) for o in alike) > 1
            ]
        case ask.Deviating(column, (within,)):
            groups: dict[str, Counter[str]] = {}
            for row in rows:
                if row[within] and row[column]:
                    groups.setdefault(row[within], Counter())[row[column]] += 1
            most = {group: min(seen, key=lambda one: (-seen[one], one)) for group, seen in groups.items()}
            return [
                at for at, row in enumerate(rows, 1) if row[within] and row[column] and row[column] != most[row[within]]
            ]
    return [at for at, row in enumerate(rows, 1) if naive([row], of, check)]


def test_without_row_numbers_or_institutions_there_are_none_to_tell() -> None:
    rows: list[Row] = [dict.fromkeys(NAMES) | {"code": "X"}] * 7
    check = ask.NotIn("code", ("M", "V"))
    (found,) = details(frame(rows).drop("_row"), contract(), [check]).values()
    assert found == Detail(elsewhere=7)


@pytest.mark.parametrize("code", ["MV", "x", "1", "é", "Ω"])
def test_what_does_not_look_like_a_code_of_the_list_is_never_told(code: str) -> None:
    rows: list[Row] = [dict.fromkeys(NAMES) | {"code": code}] * 50
    check = ask.NotIn("code", ("M", "V"))
    (found,) = details(frame(rows), contract(), [check], closed=[check]).values()
    assert found.codes == ()


def test_a_code_beside_an_open_list_is_never_told() -> None:
    rows: list[Row] = [dict.fromkeys(NAMES) | {"code": "X"}] * 50
    check = ask.NotIn("code", ("M", "V"))
    (told,) = details(frame(rows), contract(), [check], closed=[check]).values()
    (untold,) = details(frame(rows), contract(), [check]).values()
    assert (told.codes, untold.codes) == ((("X", 50),), ())
