"""The page of a purge's phases tells of each of them, and of no way to a certificate but the long one."""

from docs.generator.purge import PHASES, purge, transitions


def test_every_phase_is_described_and_reached() -> None:
    page = purge()
    assert [phase for phase in PHASES if f"| `{phase}` |" not in page] == []
    assert {move[2] for move in transitions()} == set(PHASES) - {"planned"}


def test_a_certificate_that_says_whole_comes_after_a_sweep_alone() -> None:
    assert {move[0] for move in transitions() if move[1] == "attested VOLLEDIG"} == {"swept"}
    assert {move[0] for move in transitions() if move[1] == "attested ONVOLLEDIG"} == {"erased", "verified"}


def test_no_phase_of_erasing_is_skipped_and_none_but_looking_goes_back() -> None:
    for before, happened, after in transitions():
        step = PHASES.index(after) - PHASES.index(before)
        assert step > 0 or "inventory" in happened or "late sweep" in happened, (before, happened, after)
        if step > 1 and not happened.startswith("attested"):
            # Places may be emptied before the last run has ended; an inventory waits for both.
            assert (before, after) in {("tombstoned", "erased")}, (before, happened, after)
