"""Long trainings: checkpoints, and continuing from the last one."""

import json
from collections.abc import Callable
from pathlib import Path

import safetensors.torch
from numpy.random import Generator
from safetensors import SafetensorError

from sail.errors import SailError
from sail.system.files import write_atomically
from sail.training.trainer import Batch, Network, Trainer
from sail.types import Progress
from sail_models.diffusion.denoiser import ChangeDenoiser, PlanBatch
from sail_models.networks.grounding import Grounding, grounding_loss

CHECKPOINT_EVERY = 500
# The value of the settings `planner_start` and `prior_start` with which training starts from random weights.
NOTHING = "nothing"


class TrainError(SailError):
    """A training cannot begin or continue: other settings, damaged state, or unsuitable data or weights."""


def fit(
    trainer: Trainer[Network, Batch],
    batch: Callable[[], Batch],
    rng: Generator,
    saved: Path,
    progress: Progress,
    stage: str,
) -> Network:
    """Take all of the trainer's steps, or those left after the last checkpoint. Returns the average.

    batch: makes a batch; draws random numbers from `rng` alone. saved: folder of the checkpoint. stage: the
    training's name in progress and messages. Raises TrainError where the checkpoint is damaged.
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
    """Train a network's grounding, before the network is trained to denoise; see `fit`.

    schedule: steps, learning rate and seed.
    """
    trainer = Trainer(grounding, grounding_loss(network), *schedule)
    fitted = fit(trainer, batch, rng, saved, progress, "grounding")
    grounding.load_state_dict(fitted.state_dict())


def begin(settings: dict[str, object], path: Path) -> None:
    """Write the settings of a new training to a file, or check that a training there has the same settings.

    Raises TrainError where the settings differ or the file is damaged.
    """
    if not path.exists():
        write_atomically(path, (json.dumps(settings, indent=2) + "\n").encode())
        return
    try:
        begun = json.loads(path.read_text())
        other = [key for key, value in settings.items() if begun[key] != value]
    except KeyError as error:
        raise TrainError(
            f"{path} lacks {error}: another version of SAIL began this training; choose another --out"
        ) from error
    except (ValueError, LookupError, TypeError) as error:
        raise TrainError(f"{path} is damaged: remove {path.parent} and train again") from error
    if other:
        was = ", ".join(f"{key}={begun[key]}" for key in other)
        raise TrainError(f"{path.parent} was begun with {was}: go on with that, or choose another --out")
