"""An exported policy: what `PolicyAgent` decides, without torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sail.export.folder import DECIDE, ExportError, read_policy_config
from sail.export.noise import normal_noise
from sail.export.providers import open_session
from sail.export.text import ExportedText
from sail.types import ACTION_SIZE, Float32, UInt8
from sail_models.interfaces import check_prompts


class ExportedPolicy:
    """The policy in a folder that `sail export` wrote. provider, threads: see `open_session`. Raises
    ExportError."""

    def __init__(self, folder: Path, provider: str | None = None, threads: int | None = None) -> None:
        self.config = config = read_policy_config(folder)
        self.identity, self.embodiment = config.identity, config.embodiment
        self.text = ExportedText(folder, config, threads)
        self._session = open_session(folder / DECIDE, config.sha256[DECIDE], provider, threads, None)

    def decide(
        self, frames: UInt8, prompts: Sequence[str], proprioception: Float32, seeds: Sequence[int]
    ) -> Float32:
        """Action chunks; see `Deciding`. Raises ExportError for more than were exported at once."""
        check_prompts(prompts)
        if len(frames) > self.config.most:
            raise ExportError(
                f"{len(frames)} arms asked for, exported for at most {self.config.most}: ask twice"
            )
        size = self.config.chunk * ACTION_SIZE
        inputs = {
            "frames": frames,
            "text": self.text.embed(prompts),
            "proprioception": proprioception,
            "noise": np.stack([normal_noise(seed, (size,)) for seed in seeds]),
        }
        # The regression head takes no noise, and its graph has no such input.
        taken = {one.name: inputs[one.name] for one in self._session.get_inputs()}
        actions: Float32 = self._session.run(None, taken)[0]
        return actions
