"""A verifier is taught by what is said of attempts, or by what demonstrations say of themselves."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sail.report.live_table import LiveTable
from sail.training.checkpointed_fit import TrainError
from sail.training.judged_attempts import Judged
from sail.training.verifier_fit import (
    BEGINNING,
    DONE,
    NOT_YET,
    Shown,
    VerifierBatch,
    _recolouring,
    by_prompt,
    sample_verifier_batch,
    shown_by,
    shown_in,
    train_verifier,
    verifier_loss,
)
from sail.types import Episode
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_models.networks.verifier import Verifier, VerifierNetworkConfig
from sail_models.spaces.text_encoder import TextEncoder

from embodied import frame_sizes
from helpers import make_episode

STEPS = 60


def frames_of(number: int, count: int) -> np.ndarray:
    """Frames that say which episode they are of, in red, and which step, in green."""
    frames = np.zeros((count, 64, 64, 3), np.uint8)
    frames[..., 0] = number
    frames[..., 1] = np.arange(count)[:, None, None]
    return frames


def arm_in(count: int) -> np.ndarray:
    """An arm that says which step it is of."""
    return np.repeat(np.arange(1, count + 1, dtype=np.uint8), 64 * 64).reshape(count, 64, 64)


def demonstration(number: int, task: str) -> Episode:
    episode = make_episode(STEPS, number, (64, 64), task=task, prompt=METAWORLD.tasks[task])
    episode.frames[:] = frames_of(number, STEPS + 1)
    return episode


def attempt() -> Judged:
    """The thing is moved by 10 cm from the 20th look to the 29th, and a little back at the end."""
    moved = np.concatenate([np.zeros(20), np.linspace(0.012, 0.102, 10), np.full(10, 0.1), np.full(5, 0.07)])
    return Judged(frames_of(0, 45), arm_in(45), moved > 0.085, moved.astype(np.float32))


def pairs(batch: VerifierBatch) -> list[tuple[int, int, int, str, bool]]:
    """Of each pair: the episode, the first frame's step, the other's, the prompt and whether it is done."""
    text, said = TextEncoder(), {}
    for prompt in ("", *METAWORLD.tasks.values()):
        said[text([prompt])[0].numpy().tobytes()] = prompt
    steps = [((one[:, :2, 0, 0] + 1) * 127.5).round().int().tolist() for one in (batch.first, batch.current)]
    return [
        (number, began, step, said[embedded.numpy().tobytes()], bool(done))
        for (number, began), (_, step), embedded, done in zip(*steps, batch.text, batch.done, strict=True)
    ]


def test_an_attempt_shows_its_task_and_what_undoes_it() -> None:
    own, other = shown_by("window-open", METAWORLD, attempt())
    assert own.prompt == METAWORLD.tasks["window-open"] and other.prompt == METAWORLD.tasks["window-close"]
    assert own.first.tolist() == list(range(BEGINNING))
    assert own.done.tolist() == list(range(28, 40))
    assert own.not_done.tolist() == [*range(28), *range(40, 45)]
    assert own.vain.tolist() == [*range(20, 28), *range(40, 45)]
    # Closed again is what the window was before anything was done.
    assert other.first.tolist() == own.done.tolist()
    assert other.done.tolist() == list(range(21))
    assert other.not_done.tolist() == list(range(25, 45))
    assert other.vain.tolist() == [*range(23, 28), *range(40, 45)]


def test_nothing_is_undone_where_nothing_was_done() -> None:
    never = replace(attempt(), done=np.zeros(45, bool))
    assert [one.prompt for one in shown_by("window-open", METAWORLD, never)] == [
        METAWORLD.tasks["window-open"]
    ]
    assert [one.prompt for one in shown_by("hammer", METAWORLD, attempt())] == [METAWORLD.tasks["hammer"]]


def test_half_of_a_batch_is_done_each_prompt_as_often_and_some_without() -> None:
    shown = [
        *shown_by("window-open", METAWORLD, attempt()),
        *shown_by("hammer", METAWORLD, attempt()),
        *shown_by("hammer", METAWORLD, attempt()),
    ]
    kinds = {one.prompt: one for one in shown}
    drawn = pairs(sample_verifier_batch(by_prompt(shown), TextEncoder(), np.random.default_rng(0), 900))
    for _, began, step, prompt, done in drawn:
        candidates = [kinds[prompt]] if prompt else shown
        assert any(
            began in one.first and step in (one.done if done else {*one.not_done, *one.vain})
            for one in candidates
        )
    said = [prompt for *_, prompt, _ in drawn]
    assert 0.25 < said.count("") / 900 < 0.35
    assert all(170 < said.count(prompt) < 250 for prompt in kinds)
    assert 0.45 < np.mean([done for *_, done in drawn]) < 0.55
    vain = [
        step in kinds[METAWORLD.tasks["hammer"]].vain
        for *_, step, prompt, done in drawn
        if prompt == METAWORLD.tasks["hammer"] and not done
    ]
    assert np.mean(vain) > 0.5


def test_a_demonstration_is_done_at_its_end_under_its_own_prompt() -> None:
    tasks = ("door-open", "reach")
    demonstrations = [demonstration(number, task) for number, task in enumerate(tasks)]
    shown = by_prompt(shown_in(demonstrations, [demonstration(2, "handle-press")], 8))
    assert set(shown) == {METAWORLD.tasks[task] for task in tasks}  # play does nothing
    drawn = pairs(sample_verifier_batch(shown, TextEncoder(), np.random.default_rng(0), 600))
    kinds = {"done": 0, "early": 0, "otherwise": 0, "play": 0}
    for number, began, step, prompt, done in drawn:
        assert began == 0
        if done:
            kind = "done"
            assert number < 2 and prompt in ("", METAWORLD.tasks[tasks[number]]) and STEPS - step < DONE * 8
        elif number == 2:
            kind = "play"
        elif STEPS - step < DONE * 8:
            kind = "otherwise"
            assert prompt != METAWORLD.tasks[tasks[number]]
        else:
            kind = "early"
            assert STEPS - step >= NOT_YET * 8
        kinds[kind] += 1
    assert min(kinds.values()) > 30


def test_nothing_to_learn_from_is_told(tmp_path: object) -> None:
    with pytest.raises(TrainError, match="record demonstrations first"):
        train_verifier([], 1, 0, tmp_path, None)  # type: ignore[arg-type]


def one_prompt() -> VerifierBatch:
    shown: list[Shown] = shown_by("reach", METAWORLD, attempt())
    return sample_verifier_batch(by_prompt(shown), TextEncoder(), np.random.default_rng(0), 32)


def test_the_loss_is_least_where_the_verifier_is_right() -> None:
    batch = one_prompt()

    class Saying(Verifier):
        right = 1.0

        def forward(
            self, first: torch.Tensor, current: torch.Tensor, arms: torch.Tensor, text: torch.Tensor
        ) -> torch.Tensor:
            return self.right * 3.0 * (2.0 * batch.done - 1.0)

    verifier = Saying(VerifierNetworkConfig(**frame_sizes(), arm=False))
    generator = torch.Generator().manual_seed(0)
    good = float(verifier_loss(verifier, batch, generator))
    verifier.right = -1.0
    assert good < 0.3 < 2.0 < float(verifier_loss(verifier, batch, generator))


def test_both_frames_are_moved_and_recoloured_alike() -> None:
    batch = one_prompt()
    frames = 1.6 * torch.rand(32, 3, 64, 64) - 0.8
    same = VerifierBatch(frames, frames, batch.arms, batch.text, batch.done)
    seen = []

    class Looking(Verifier):
        def forward(
            self, first: torch.Tensor, current: torch.Tensor, arms: torch.Tensor, text: torch.Tensor
        ) -> torch.Tensor:
            seen.append((first, current))
            return text[:, 0, 0]

    verifier_loss(Looking(VerifierNetworkConfig(**frame_sizes())), same, torch.Generator().manual_seed(0))
    ((first, current),) = seen
    # What is left is each frame's own noise and brightness.
    assert float((first - current).abs().mean()) < 0.15 < float((first - frames).abs().mean())


def test_where_the_arm_is_moves_with_the_frames_and_is_taught() -> None:
    batch = one_prompt()
    arms = (torch.rand(32, 2, 8, 8) > 0.5).float().repeat_interleave(8, 2).repeat_interleave(8, 3)
    white = [(2.0 * arms[:, one : one + 1] - 1.0).expand(-1, 3, -1, -1) for one in (0, 1)]
    seen = []

    class Looking(Verifier):
        def forward(
            self, first: torch.Tensor, current: torch.Tensor, arms: torch.Tensor, text: torch.Tensor
        ) -> torch.Tensor:
            seen.append((first, current, arms))
            return text[:, 0, 0]

    verifier = Looking(VerifierNetworkConfig(**frame_sizes()))
    verifier_loss(
        verifier, VerifierBatch(*white, arms, batch.text, batch.done), torch.Generator().manual_seed(0)
    ).backward()
    ((first, current, moved),) = seen
    for frames, arm in ((first, moved[:, 0]), (current, moved[:, 1])):
        assert ((frames.mean(1) > 0) == (arm > 0)).float().mean() > 0.99
    assert not moved.equal(arms)
    assert verifier.arm_mask is not None
    assert all(weights.grad is not None for weights in verifier.arm_mask.parameters())


def test_a_pair_comes_with_where_the_arm_is_in_each() -> None:
    batch = one_prompt()
    for (_, began, step, *_), arms in zip(pairs(batch), batch.arms, strict=True):
        assert (arms * 255).round()[:, 0, 0].tolist() == [began + 1, step + 1]


@pytest.mark.parametrize("told", [True, False])
def test_a_verifier_leaves_out_the_arm_where_somebody_said_where_it_is(told: bool, tmp_path: Path) -> None:
    attempts, demonstrations = shown_by("reach", METAWORLD, attempt()), [demonstration(0, "reach")]
    shown = attempts if told else shown_in(demonstrations, [], 8)
    verifier = train_verifier(shown, 1, 0, tmp_path, LiveTable("test", io.StringIO()))
    assert verifier.config.arm == told
    judged = verifier.judge(frames_of(0, 3), TextEncoder()([METAWORLD.tasks["reach"]]))
    assert judged.log_odds.shape == (3,) and (judged.changed is not None) == told


def test_colours_change_places_in_half_of_the_pictures() -> None:
    pictures = 0.2 * torch.rand(400, 3, 8, 8) - 0.1
    recolour = _recolouring(400, torch.Generator().manual_seed(0))
    changed = recolour(pictures)
    assert changed.equal(recolour(pictures))
    kept = (changed == pictures).flatten(1).all(1)
    assert 0.4 < float(kept.float().mean()) < 0.6
    places = set()
    for before, after in zip(pictures[~kept], changed[~kept], strict=True):
        alike = torch.corrcoef(torch.cat([before, after]).flatten(1))[3:, :3]
        assert (alike.max(1).values > 0.999).all()
        places.add(tuple(alike.argmax(1).tolist()))
    assert len(places) == 6
