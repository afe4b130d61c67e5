"""A verifier is taught by what demonstrations and play say of themselves."""

import numpy as np
import torch

from sail.train.verifier import DONE, NOT_YET, sample_verifier_batch, shown_in, verifier_loss
from sail.types import Episode
from sail_envs.tasks import TASKS
from sail_models.text import TextEncoder
from sail_models.verifier import Verifier, VerifierNetworkConfig

from helpers import make_episode

STEPS = 60


def numbered(number: int, task: str) -> Episode:
    """An episode whose frames say which it is, in red, and which step, in green."""
    episode = make_episode(STEPS, number, (64, 64), task=task, prompt=TASKS[task])
    episode.frames[:] = 0
    episode.frames[..., 0] = number
    episode.frames[..., 1] = np.arange(STEPS + 1)[:, None, None]
    return episode


def test_done_is_the_end_of_what_was_asked_for_and_nothing_else() -> None:
    tasks = ("door-open", "reach")
    demonstrations = [numbered(number, task) for number, task in enumerate(tasks)]
    play, text = [numbered(2, "handle-press")], TextEncoder()
    shown = shown_in(demonstrations, play)
    assert [(one.prompt, one.ends) for one in shown] == [
        (TASKS["door-open"], True),
        (TASKS["reach"], True),
        (TASKS["door-close"], True),
        (TASKS["handle-press"], False),
    ]
    batch = sample_verifier_batch(shown, text, np.random.default_rng(0), 600)
    embedded = {prompt: text([prompt])[0] for prompt in TASKS.values()}
    kinds: dict[str, int] = {}
    for first, current, said, done in zip(batch.first, batch.current, batch.text, batch.done, strict=True):
        (number, began), step = (
            ((first[:2, 0, 0] + 1) * 127.5).round().int().tolist(),
            int((current[1, 0, 0] + 1) * 127.5 + 0.5),
        )
        prompt = next(one for one, vector in embedded.items() if vector.equal(said))
        task = (*tasks, "handle-press")[number]
        backwards = began == STEPS
        own = TASKS["door-close"] if backwards else TASKS[task]
        before_the_end = step if backwards else STEPS - step
        if done:
            kind = "done"
            assert prompt == own and number < 2 and before_the_end < DONE
        elif number == 2:
            kind = "play"
            assert prompt == own
        elif prompt != own:
            kind = "otherwise"
            assert before_the_end < DONE
        else:
            kind = "early"
            assert before_the_end >= NOT_YET - 1
        kinds[kind] = kinds.get(kind, 0) + 1
    assert 0.4 < kinds["done"] / 600 < 0.6 and min(kinds.values()) > 30 and len(kinds) == 4


def test_the_loss_is_least_where_the_verifier_is_right() -> None:
    batch = sample_verifier_batch(
        shown_in([numbered(0, "reach")], []), TextEncoder(), np.random.default_rng(0), 32
    )

    class Saying(Verifier):
        right = 1.0

        def forward(self, first: torch.Tensor, current: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
            return self.right * 3.0 * (2.0 * batch.done - 1.0)

    verifier = Saying(VerifierNetworkConfig())
    generator = torch.Generator().manual_seed(0)
    good = float(verifier_loss(verifier, batch, generator))
    verifier.right = -1.0
    assert good < 0.3 < 2.0 < float(verifier_loss(verifier, batch, generator))
