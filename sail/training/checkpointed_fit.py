"""Long trainings: checkpoints, and continuing from the last one."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.random import Generator
from safetensors import SafetensorError

from sail.data.store import EpisodeRecord
from sail.errors import SailError
from sail.system.checksums import read_checked, sha256, write_checked
from sail.system.files import write_atomically
from sail.system.reading import read_file
from sail.training.trainer import Batch, Network, Trainer
from sail.types import Progress
from sail_models.diffusion.denoiser import ChangeDenoiser, PlanBatch
from sail_models.networks.grounding import Grounding, grounding_loss

CHECKPOINT_EVERY = 500
# The file of a training's state, and the name in it of the batches' generator's, as JSON's bytes.
STATE, RNG = "state.checked", "rng"
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
    state = saved / STATE
    if state.is_file():
        content = read_checked(state, TrainError, f"remove {saved} to train the {stage} again")
        try:
            tensors = safetensors.torch.load(content)
            rng.bit_generator.state = json.loads(tensors.pop(RNG).numpy().tobytes())
            trainer.restore(tensors)
        except (ValueError, LookupError, TypeError, RuntimeError, SafetensorError) as error:
            raise TrainError(
                f"{state} is not of this {stage}: remove {saved} to train the {stage} again"
            ) from error
    progress.stage(stage, trainer.steps, done=trainer.step_count)
    while trainer.step_count < trainer.steps:
        trainer.step(batch())
        progress.advance()
        if trainer.step_count % CHECKPOINT_EVERY == 0:
            drawn = np.frombuffer(json.dumps(rng.bit_generator.state).encode(), np.uint8)
            tensors = trainer.state() | {RNG: torch.from_numpy(drawn.copy())}
            write_checked(state, safetensors.torch.save(tensors))
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


def content_of(records: Iterable[EpisodeRecord]) -> str:
    """The SHA-256 of which episodes these are and what they hold, in their order."""
    return sha256("\n".join(f"{one.id} {one.sha256}" for one in records).encode())


def begin(settings: dict[str, object], path: Path) -> None:
    """Write the settings of a new training to a file, or check that a training there has the same settings.

    Raises TrainError where the settings differ or the file is damaged.
    """
    if not path.exists():
        write_atomically(path, (json.dumps(settings, indent=2) + "\n").encode())
        return
    try:
        begun = json.loads(read_file(path, TrainError))
        other = [key for key, value in settings.items() if begun[key] != value]
    except KeyError as error:
        raise TrainError(
            f"{path} lacks {error}: another version of SAIL began this training; choose another --out"
        ) from error
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise TrainError(f"{path} is damaged: remove {path.parent} and train again") from error
    if other:
        was = ", ".join(f"{key}={begun[key]}" for key in other)
        raise TrainError(f"{path.parent} was begun with {was}: go on with that, or choose another --out")
