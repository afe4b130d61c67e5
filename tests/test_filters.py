"""Filters and the choice of the fastest successes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sail.data.store import EpisodeRecord
from sail.filters import FEW, FILTERS, FilterError, find_filter, keep_fastest
from sail.types import SailError


def record(index: int, success: bool, length: int = 10) -> EpisodeRecord:
    return EpisodeRecord(
        id=str(index),
        task="handle-press",
        prompt="press the handle",
        seed=index,
        iteration=0,
        source="self",
        success=success,
        model="",
        length=length,
        height=64,
        width=64,
        sha256="0" * 64,
    )


def test_the_oracle_keeps_the_successes() -> None:
    result = find_filter("oracle").keep([record(0, True), record(1, False), record(2, True)])
    assert result.mask == [True, False, True]
    assert result.reasons == ["success", "no success", "success"]


def test_none_keeps_failures_too() -> None:
    result = find_filter("none").keep([record(0, True), record(1, False)])
    assert result.mask == [True, True]
    assert len(result.reasons) == 2


@pytest.mark.parametrize("name", FILTERS)
def test_nothing_collected_is_nothing_kept(name: str) -> None:
    assert find_filter(name).keep([]) == ([], [])


@pytest.mark.parametrize(("given_name", "nearest"), [("orcale", "oracle"), ("non", "none")])
def test_an_unknown_filter_is_answered_with_the_nearest(given_name: str, nearest: str) -> None:
    with pytest.raises(FilterError) as error:
        find_filter(given_name)
    message = str(error.value)
    assert isinstance(error.value, SailError)
    assert len(message.splitlines()) == 1
    assert f"'{given_name}'" in message
    assert "oracle, none" in message
    assert message.endswith(f"'{nearest}'")


def test_an_empty_name_is_answered_too() -> None:
    with pytest.raises(FilterError, match="nearest"):
        find_filter("")


def test_the_fastest_half_of_the_successes() -> None:
    lengths = [90, 40, 70, 40, 10, 60, 80, 30, 20, 50, 100, 110]
    records = [record(i, True, length) for i, length in enumerate(lengths)] + [record(12, False, 5)]
    assert [r.id for r in keep_fastest(records, 0.5)] == ["4", "8", "7", "1", "3", "9"]
    assert len(keep_fastest(records[:11], 0.5)) == 6  # half of eleven, rounded up
    assert len(keep_fastest(records, 1)) == 12
    assert keep_fastest([record(0, False)], 1) == []


def test_few_successes_all_teach() -> None:
    records = [record(i, True, 90 - i) for i in range(6)]
    assert [r.id for r in keep_fastest(records[:4], 0.25)] == ["3", "2", "1", "0"]
    assert len(keep_fastest(records, 0)) == FEW


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 20)), max_size=30),
    st.floats(0, 1),
)
def test_none_left_out_is_faster_than_one_kept(episodes: list[tuple[bool, int]], fraction: float) -> None:
    records = [record(i, success, length) for i, (success, length) in enumerate(episodes)]
    kept = keep_fastest(records, fraction)
    successes = [r for r in records if r.success]
    left = [r for r in successes if r not in kept]
    assert all(r.success for r in kept)
    assert bool(kept) == bool(successes)
    assert abs(len(kept) - min(len(successes), max(FEW, fraction * len(successes)))) <= 0.5
    assert not left or max(r.length for r in kept) <= min(r.length for r in left)


def test_a_share_outside_0_to_1_is_refused() -> None:
    with pytest.raises(ValueError, match="fraction"):
        keep_fastest([], 1.5)
