"""Training of the broad autoencoder and of the compact prior over its latents."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from sail.config.overrides import Range, check_limits
from sail.config.schema import Count
from sail.data.corpus import Corpus
from sail.data.store import EpisodeStore
from sail.training.autoencoder_fit import OWN, train_autoencoder
from sail.training.checkpointed_fit import NOTHING, TrainError, begin, fit, fit_grounding
from sail.training.held_frames import frames_within
from sail.training.planner_batches import BEGINNINGS, change_scale
from sail.training.trainer import Trainer
from sail.types import Progress
from sail_envs.broad.clip import STRIDE
from sail_envs.panda.panda_tasks import EMBODIMENT
from sail_models.diffusion.denoiser import PlanBatch, diffusion_loss
from sail_models.networks.sizes import halvings, with_finer
from sail_models.prior.compact import CompactPrior, CompactPriorConfig
from sail_models.saving import CONFIG, load_model, model_identity, save_model
from sail_models.spaces.autoencoder import Autoencoder
from sail_models.spaces.text_encoder import TextEncoder

# The step, in frames of a clip, between two frames of a window.
_EVERY = EMBODIMENT.frame_skip // STRIDE
_SETTINGS = "training.json"
# The change scale is measured on so many windows, drawn from so many shards.
_SCALED_ON, _SCALED_FROM = 1024, 50


@dataclass(frozen=True)
class BroadConfig:
    """Optimiser steps, and batch and learning rate of the prior and of its grounding.

    autoencoder: "own" trains an autoencoder first; otherwise the folder of the autoencoder for the prior's
    latents. prior_start: "nothing", or the folder of a prior over the same latents to start from, with its
    grounding.
    """

    autoencoder: str = OWN
    autoencoder_steps: Count = 4000
    prior_start: str = NOTHING
    grounding_steps: Count = 20_000
    prior_steps: Count = 16_000
    prior_batch: Annotated[int, Range(1, 4096)] = 16
    prior_learning_rate: Annotated[float, Range(1e-8, 1)] = 1e-3
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0

    def __post_init__(self) -> None:
        check_limits(self, "")


def train_broad(
    config: BroadConfig, corpus: Corpus, stores: Sequence[EpisodeStore], out: Path, progress: Progress
) -> None:
    """Train a prior into `out`/prior and, where the configuration asks for one, an autoencoder into
    `out`/autoencoder. Models in `out` are kept.

    The autoencoder is trained on the corpus and the stores' episodes, the prior on the corpus alone. Raises
    TrainError and WeightsError.
    """
    begin(asdict(config), out / _SETTINGS)
    own = config.autoencoder == OWN
    folder = out / "autoencoder" if own else Path(config.autoencoder)
    if own and not (folder / CONFIG).is_file():
        progress.stage("autoencoder", config.autoencoder_steps)
        save_model(folder, _fit_autoencoder(config, corpus, stores, progress), half=True)
    if not (out / "prior" / CONFIG).is_file():
        _fit_prior(config, corpus, load_model(folder, "autoencoder"), out, progress)


def _fit_autoencoder(
    config: BroadConfig, corpus: Corpus, stores: Sequence[EpisodeStore], progress: Progress
) -> Autoencoder:
    broad = np.concatenate([corpus.frames(shard) for shard in sorted(corpus.shards())])
    for store in stores:
        for record in store.records():
            if (record.height, record.width) != broad.shape[1:3]:
                raise TrainError(
                    f"{store.folder} has frames of {record.width}×{record.height} pixels, the corpus of "
                    f"{broad.shape[2]}×{broad.shape[1]}: leave that store out"
                )
    others = [frames_within(store, store.records()) for store in stores]
    # The corpus counts twice, because it varies most.
    model = train_autoencoder(
        [broad, broad, *others], config.autoencoder_steps, lambda *_: progress.advance(), config.seed
    )
    text, rng = TextEncoder(), np.random.default_rng(config.seed)
    some = rng.permutation(sorted(corpus.shards()))[:_SCALED_FROM]
    clips = clip_latents(corpus, some.tolist(), model, progress)
    windows = sample_clips(clips, text, rng, _SCALED_ON, EMBODIMENT.plan_frames)
    model.config = replace(model.config, change_scale=change_scale(windows))
    return model


def _fit_prior(
    config: BroadConfig, corpus: Corpus, autoencoder: Autoencoder, out: Path, progress: Progress
) -> None:
    clips = clip_latents(corpus, corpus.shards(), autoencoder, progress)
    text, rng = TextEncoder(), np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    scale, identity = autoencoder.config.change_scale, model_identity(autoencoder)
    height, width = clips.latents.shape[2:]
    network = CompactPrior(
        CompactPriorConfig(
            frames=EMBODIMENT.plan_frames,
            latent_height=height,
            latent_width=width,
            latent_channels=autoencoder.config.latent_channels,
            widths=with_finer(CompactPriorConfig.widths, 1 + halvings(height, width), least=64),
            change_scale=scale,
            autoencoder=identity,
        )
    )
    if config.prior_start != NOTHING:
        network = _start(Path(config.prior_start), identity)

    def batch(beginnings: float = BEGINNINGS) -> PlanBatch:
        return sample_clips(clips, text, rng, config.prior_batch, network.frames, beginnings)

    schedule = (config.grounding_steps, config.prior_learning_rate, config.seed)
    saved = out / "prior_grounding"
    fit_grounding(network.grounding, network, lambda: batch(1.0), rng, schedule, saved, progress)
    trainer = Trainer(network, diffusion_loss, config.prior_steps, config.prior_learning_rate, config.seed)
    save_model(out / "prior", fit(trainer, batch, rng, out / "prior_training", progress, "prior"), half=True)


@dataclass(frozen=True)
class ClipLatents:
    """The clips of a corpus.

    latents: float16 (N, C, h, w), of the frames of all clips. first, frames: each clip's first index in the
    latents, and its number of frames. captions: one a clip. at: (clips, 2), see `PlanBatch`.
    """

    latents: Tensor
    first: list[int]
    frames: list[int]
    captions: list[str]
    at: Tensor


def clip_latents(
    corpus: Corpus, shards: Collection[str], autoencoder: Autoencoder, progress: Progress
) -> ClipLatents:
    """Encode shards of a corpus, which takes 2 kB of memory a frame of 64 pixels a side."""
    progress.stage("encode", len(shards))
    parts: dict[str, tuple[int, Tensor]] = {}
    total = 0
    for shard in sorted(shards):
        latents = autoencoder.encode_frames(corpus.frames(shard)).half().cpu()
        parts[shard] = (total, latents)
        total += len(latents)
        progress.advance()
    rows = [row for row in corpus.rows if row["shard"] in parts]
    return ClipLatents(
        torch.cat([latents for _, latents in parts.values()]),
        [parts[row["shard"]][0] + row["first"] for row in rows],
        [row["frames"] for row in rows],
        [row["caption"] for row in rows],
        torch.tensor([row["at"] or (torch.nan, torch.nan) for row in rows]),
    )


def sample_clips(
    clips: ClipLatents,
    text: TextEncoder,
    rng: Generator,
    count: int,
    future: int,
    beginnings: float = BEGINNINGS,
) -> PlanBatch:
    """`count` windows of 1 + `future` frames: a share of them begins a clip, the rest begin at any frame.

    Past a clip's end its last frame is repeated.
    """
    which = rng.integers(len(clips.frames), size=count)
    starts = rng.integers(np.array(clips.frames)[which]) * (rng.random(count) >= beginnings)
    steps = starts[:, None] + _EVERY * np.arange(future + 1)
    last = np.array([clips.frames[clip] - 1 for clip in which])
    index = np.minimum(steps, last[:, None]) + np.array([clips.first[clip] for clip in which])[:, None]
    latents = clips.latents[torch.from_numpy(index)].float()
    # In later frames the object may have moved, or the arm may hide it.
    at = clips.at[which].masked_fill(torch.from_numpy(starts > 0)[:, None], torch.nan)
    return PlanBatch(latents[:, 0], latents[:, 1:], text([clips.captions[clip] for clip in which]), at)


def _start(folder: Path, autoencoder: str) -> CompactPrior:
    network: CompactPrior = load_model(folder, "compact_prior")
    if network.config.autoencoder != autoencoder:
        raise TrainError(
            f"the prior in {folder} is of another autoencoder's latents: "
            "start from one that was trained with this autoencoder"
        )
    return network.requires_grad_(True)
