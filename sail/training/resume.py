"""Fitting a network for an hour or more: with checkpoints, and going on from the last one."""

import json
from collections.abc import Callable
from pathlib import Path

import safetensors.torch
from numpy.random import Generator
from safetensors import SafetensorError

from sail.errors import SailError
from sail.system.files import write_atomically
from sail.training.planner_loss import PlanBatch, grounding_loss
from sail.training.trainer import Batch, Network, Trainer
from sail.types import Progress
from sail_models.diffusion.denoiser import ChangeDenoiser
from sail_models.networks.grounding import Grounding

CHECKPOINT_EVERY = 500
# Where a folder to go on from could be named: there is none.
NOTHING = "nothing"


class TrainError(SailError):
    """A folder of weights that was begun otherwise, or whose training state is damaged."""


def fit(
    trainer: Trainer[Network, Batch],
    batch: Callable[[], Batch],
    rng: Generator,
    saved: Path,
    progress: Progress,
    stage: str,
) -> Network:
    """All of the trainer's steps, or those that are left; returns the average.

    batch: draws from `rng` alone. saved: folder of the training state. Raises TrainError.
    """
    if (saved / "state.json").is_file():
        try:
            rng.bit_generator.state = json.loads((saved / "state.json").read_text())
            trainer.restore(safetensors.torch.load((saved / "state.safetensors").read_bytes()))
        except (ValueError, LookupError, TypeError, RuntimeError, SafetensorError) as error:
            raise TrainError(f"{saved} is damaged: remove it to train the {stage} again") from error
    progress.stage(stage, trainer.steps, done=trainer.step_count)
    while trainer.step_count < trainer.steps:
        trainer.step(batch())
        progress.advance()
        if trainer.step_count % CHECKPOINT_EVERY == 0:
            saved.mkdir(parents=True, exist_ok=True)
            write_atomically(saved / "state.safetensors", safetensors.torch.save(trainer.state()))
            write_atomically(saved / "state.json", json.dumps(rng.bit_generator.state).encode())
    return trainer.average


def fit_grounding(
    grounding: Grounding,
    network: ChangeDenoiser,
    batch: Callable[[], PlanBatch],
    rng: Generator,
    schedule: tuple[int, float, int],
    saved: Path,
    progress: Progress,
) -> None:
    """Fit a network's grounding, before the network learns to denoise; see `fit`.

    schedule: steps, learning rate, seed.
    """
    trainer = Trainer(grounding, grounding_loss(network), *schedule)
    fitted = fit(trainer, batch, rng, saved, progress, "grounding")
    grounding.load_state_dict(fitted.state_dict())


def begin(settings: dict[str, object], path: Path) -> None:
    """Write the settings of a training down, or check that it was begun with the same. Raises TrainError."""
    if not path.exists():
        write_atomically(path, (json.dumps(settings, indent=2) + "\n").encode())
        return
    try:
        begun = json.loads(path.read_text())
        other = [key for key, value in settings.items() if begun[key] != value]
    except (ValueError, LookupError, TypeError) as error:
        raise TrainError(f"{path} is damaged: remove {path.parent} and train again") from error
    if other:
        was = ", ".join(f"{key}={begun[key]}" for key in other)
        raise TrainError(f"{path.parent} was begun with {was}: go on with that, or choose another --out")
