"""The filter "verifier": a network judges from frames and the prompt."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sail.config.schema import SHIPPED, RunConfig
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.filters.filter import FilterResult
from sail.types import Float32, UInt8
from sail_models.networks.verifier import Judgement, Verifier
from sail_models.saving import find_base, load_model, model_identity
from sail_models.spaces.text_encoder import TextEncoder

# Control steps between two looks of the verifier, and looks that must agree: one frame alone may deceive it.
LOOK_EVERY, LASTING = 4, 2
# The reference change is the NEARLY-th largest of a run's episodes, so that two outliers do not set it, and
# at least the share LEAST_CHANGE of a frame's pixels (8 of 64×64).
NEARLY, LEAST_CHANGE = 3, 1.0 / 512.0
# The log-odds change by PULL · (share - EVEN), where share is how far the object has moved, as a share of the
# farthest; from TOP_SHARE on the log-odds rise no more.
PULL, EVEN, TOP_SHARE = 8.0, 0.6, 1.1


class FrameSize(Protocol):
    """Whatever says a frame's height and width in pixels: an embodiment, a network's configuration."""

    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...


class VerifierFilter:
    """Keeps the episodes in which a learned verifier, shown frames and prompt alone, sees the task done at
    some time. They teach up to that time."""

    knows_truth = False

    def __init__(self, verifier: Verifier, threshold: float) -> None:
        self.verifier, self.threshold, self.text = verifier, threshold, TextEncoder()
        self.identity = model_identity(verifier)

    def keep(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """See `Filter`."""
        mask, reasons, ends = [], [], []
        for episode, done in zip(episodes, self.certainties(store, episodes), strict=True):
            sure = np.flatnonzero(done > self.threshold)
            mask.append(len(sure) > 0)
            reasons.append(f"{done.max():.0%} sure that it is done")
            ends.append(looks_at(episode)[-len(done) :][sure[0]] if len(sure) else None)
        return FilterResult(mask, reasons, ends)

    def certainties(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> list[Float32]:
        """For each episode float32 (N,), 0..1: how probable it is that the task is done, over each `LASTING`
        successive looks. An episode's change is compared with that of all episodes collected so far."""
        last = max((episode.iteration for episode in episodes), default=0)
        others = [other for other in store.records(source="self") if other.iteration <= last]
        judged = {
            one.id: self.judge(store.read_clip(one.id, looks_at(one)), one.prompt)
            for one in {other.id: other for other in (*others, *episodes)}.values()
        }
        far = furthest(list(judged.values()), self.verifier.config)
        return [certainty(judged[episode.id], far) for episode in episodes]

    def judge(self, frames: UInt8, prompt: str) -> Judgement:
        """The verifier's judgement of the frames of an episode's looks, uint8 (N, H, W, 3)."""
        return self.verifier.judge(frames, self.text([prompt]))


def looks_at(episode: EpisodeRecord) -> list[int]:
    """The control steps at which a verifier looks."""
    return [*range(0, episode.length, LOOK_EVERY), episode.length]


def furthest(judged: Sequence[Judgement], frame: FrameSize) -> float:
    """The reference change in pixels: the `NEARLY`-th largest lasting change of the episodes, at least
    the share `LEAST_CHANGE` of a frame's pixels."""
    changes = sorted(float(lasting(one.changed).max()) for one in judged if one.changed is not None)
    return max([LEAST_CHANGE * frame.height * frame.width, *changes[-NEARLY:][:1]])


def certainty(judged: Judgement, far: float) -> Float32:
    """How probable it is that the task is done, over each `LASTING` successive looks: float32 (N,), 0..1.

    The verifier's log-odds rise with the share of `far` (pixels) that has changed: most tasks are done where
    their object has moved about as far as it goes.
    """
    log_odds = judged.log_odds
    if judged.changed is not None:
        share = np.minimum(judged.changed / far, TOP_SHARE)
        log_odds = log_odds + PULL * (share - EVEN).astype(np.float32)
    return lasting(1.0 / (1.0 + np.exp(-log_odds)))


def lasting(values: NDArray[Any]) -> Float32:
    """Means (N - LASTING + 1,) of values (N,) over each `LASTING` successive looks; one mean of all where
    there are fewer looks."""
    windows = np.lib.stride_tricks.sliding_window_view(values, min(LASTING, len(values)))
    return np.asarray(windows.mean(1), np.float32)


def make_filter(config: RunConfig) -> VerifierFilter:
    """The verifier that a configuration names. Raises WeightsError."""
    shipped = config.verifier.path == SHIPPED
    folder = find_base(config.base, "verifier") / "verifier" if shipped else Path(config.verifier.path)
    return VerifierFilter(load_model(folder, "verifier"), config.verifier.threshold)
