"""Training windows stay inside their episodes and are drawn evenly."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sail.data.windows import mix_batch, plan_window, sample_inverse_windows, sample_windows

LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=8)
SEEDS = st.integers(0, 2**32 - 1)


def test_a_plan_window_ends_where_the_episode_ends() -> None:
    assert plan_window(20, start=2, frame_skip=4, future=5).tolist() == [2, 6, 10, 14, 18, 19]
    assert plan_window(3, start=2, frame_skip=8, future=2).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("length", "start", "frame_skip", "future"), [(3, 3, 1, 1), (3, -1, 1, 1), (3, 0, 0, 1), (3, 0, 1, 0)]
)
def test_a_window_that_is_none_is_refused(length: int, start: int, frame_skip: int, future: int) -> None:
    with pytest.raises(ValueError, match=r"start is|frame_skip is"):
        plan_window(length, start, frame_skip, future)


@given(LENGTHS.filter(lambda lengths: max(lengths) > 1), SEEDS, st.integers(1, 9), st.integers(1, 9))
def test_sampled_windows_are_plan_windows(lengths: list[int], seed: int, skip: int, future: int) -> None:
    episodes, frames = sample_windows(np.random.default_rng(seed), lengths, 32, skip, future)
    assert episodes.dtype == frames.dtype == np.int64
    assert frames.shape == (32, future + 1)
    for episode, window in zip(episodes, frames, strict=True):
        assert window[0] < lengths[episode] - 1
        np.testing.assert_array_equal(window, plan_window(lengths[episode], int(window[0]), skip, future))


def assert_uniform(counts: dict[tuple[int, int], int], pairs: set[tuple[int, int]]) -> None:
    assert set(counts) == pairs
    expected = sum(counts.values()) / len(pairs)
    # Five standard deviations of a count, with a fixed seed: it fails where it is not uniform.
    assert max(abs(count - expected) for count in counts.values()) < 5 * expected**0.5


def count_pairs(episodes: np.ndarray, starts: np.ndarray) -> dict[tuple[int, int], int]:
    pairs, counts = np.unique(np.stack([episodes, starts]), axis=1, return_counts=True)
    return {(int(e), int(s)): int(n) for (e, s), n in zip(pairs.T, counts, strict=True)}


def test_every_start_of_every_episode_is_as_likely() -> None:
    episodes, frames = sample_windows(np.random.default_rng(0), [1, 5, 2, 1, 9], 26_000, 2, 3)
    starts = {(1, s) for s in range(4)} | {(2, 0)} | {(4, s) for s in range(8)}
    assert_uniform(count_pairs(episodes, frames[:, 0]), starts)


def test_every_inverse_window_is_as_likely_and_none_is_cut() -> None:
    windows = sample_inverse_windows(np.random.default_rng(0), [3, 4, 9, 1], 28_000, frame_skip=3)
    starts = {(1, 0)} | {(2, s) for s in range(6)}
    assert_uniform(count_pairs(windows.episode, windows.current), starts)


def test_inverse_windows_begin_where_they_are_asked_to() -> None:
    asked = np.array([[1, 0], [2, 3], [2, 5]])
    windows = sample_inverse_windows(np.random.default_rng(0), [3, 4, 9], 9_000, 3, (2, 4), asked)
    assert_uniform(count_pairs(windows.episode, windows.current), {(1, 0), (2, 3), (2, 5)})
    np.testing.assert_array_equal(windows.actions, windows.current[:, None] + np.arange(3))
    assert (windows.goal <= np.array([2, 3, 8])[windows.episode]).all()


@given(LENGTHS, SEEDS, st.integers(1, 6), st.data())
def test_inverse_windows_stay_inside_their_episode(
    lengths: list[int], seed: int, skip: int, data: st.DataObject
) -> None:
    lengths = [*lengths, skip + 1]
    low = data.draw(st.integers(1, 8))
    offsets = data.draw(st.none() | st.tuples(st.just(low), st.integers(low, 12)))
    windows = sample_inverse_windows(np.random.default_rng(seed), lengths, 32, skip, offsets)
    last = np.array(lengths)[windows.episode] - 1
    assert windows.actions.shape == (32, skip)
    np.testing.assert_array_equal(windows.actions, windows.current[:, None] + np.arange(skip))
    assert (windows.current >= 0).all()
    assert (windows.actions[:, -1] < last).all()
    if offsets is None:
        np.testing.assert_array_equal(windows.goal, windows.current + skip)
    else:
        low, high = offsets
        assert (windows.goal >= np.minimum(windows.current + low, last)).all()
        assert (windows.goal <= np.minimum(windows.current + high, last)).all()
        assert (windows.goal > windows.current).all()


def test_goal_offsets_are_uniform_with_both_ends() -> None:
    windows = sample_inverse_windows(np.random.default_rng(0), [10_000], 30_000, 8, goal_offset=(6, 8))
    offsets, counts = np.unique(windows.goal - windows.current, return_counts=True)
    assert set(offsets) == {6, 7, 8}
    assert abs(counts - 10_000).max() < 500


def test_jitter_leaves_the_starts_as_they_are() -> None:
    plain = sample_inverse_windows(np.random.default_rng(3), [20, 30], 16, 4)
    jittered = sample_inverse_windows(np.random.default_rng(3), [20, 30], 16, 4, goal_offset=(3, 5))
    np.testing.assert_array_equal(plain.current, jittered.current)


def test_the_same_generator_gives_the_same_batch() -> None:
    first, second = (sample_windows(np.random.default_rng(5), [9, 4], 8, 2, 3) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_episodes_that_are_too_short_are_refused() -> None:
    rng = np.random.default_rng(0)
    for lengths in ([], [1, 1]):
        with pytest.raises(ValueError, match="long enough"):
            sample_windows(rng, lengths, 4, 8, 8)
    with pytest.raises(ValueError, match="long enough"):
        sample_inverse_windows(rng, [8, 8], 4, frame_skip=8)
    for offset in ((0, 1), (3, 2)):
        with pytest.raises(ValueError, match="goal_offset"):
            sample_inverse_windows(rng, [20], 4, frame_skip=2, goal_offset=offset)
    with pytest.raises(ValueError, match="frame_skip"):
        sample_inverse_windows(rng, [20], 4, frame_skip=0)


@given(SEEDS, st.integers(1, 64), st.floats(0, 1), st.integers(0, 3), st.integers(0, 3))
def test_a_mixed_batch_is_whole(seed: int, batch: int, fraction: float, demos: int, own: int) -> None:
    if demos == own == 0:
        with pytest.raises(ValueError, match="neither"):
            mix_batch(np.random.default_rng(seed), batch, fraction, demos, own)
        return
    from_demos, from_own = mix_batch(np.random.default_rng(seed), batch, fraction, demos, own)
    assert (from_demos, from_own) == mix_batch(np.random.default_rng(seed), batch, fraction, demos, own)
    assert from_demos + from_own == batch
    if not own:
        assert from_own == 0
    elif not demos:
        assert from_own == batch
    else:
        assert abs(Fraction(from_own) - Fraction(fraction) * batch) <= 1


@pytest.mark.parametrize(("batch", "fraction"), [(3, 0.5), (10, 0.13), (32, 0.5), (7, 0.0), (7, 1.0)])
def test_the_mix_is_exact_on_average(batch: int, fraction: float) -> None:
    rng = np.random.default_rng(0)
    counts = [mix_batch(rng, batch, fraction, 5, 5)[1] for _ in range(4000)]
    assert set(counts) <= {int(fraction * batch), int(fraction * batch) + 1}
    assert abs(np.mean(counts) - fraction * batch) < 0.03
    if (fraction * batch).is_integer():
        assert set(counts) == {int(fraction * batch)}


def test_a_share_outside_0_to_1_is_refused() -> None:
    for fraction in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"0\.\.1"):
            mix_batch(np.random.default_rng(0), 8, fraction, 1, 1)
