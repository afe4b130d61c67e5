"""The filter "vlm": a vision-language model judges from a few frames."""

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from sail.config.schema import RunConfig, VlmConfig
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.filters.filter import FilterResult
from sail.filters.vlm.endpoint import Endpoint
from sail.filters.vlm.verdicts import Verdict, read_verdict, short
from sail.types import UInt8

# A smaller frame is enlarged until its longer side has so many pixels: models see small pictures badly.
SIDE = 256
_ASKED = (
    "These {count} pictures show, in order of time, one attempt of a robot arm at this task: {prompt}. "
    'Is the task done in the last? Answer with JSON alone: {{"success": true or false, "reason": "why"}}'
)


class VlmFilter:
    """Keeps the episodes that a vision-language model calls done, from a few frames and the prompt, as in the
    paper's experiments without an oracle. Raises EndpointError for settings that name no endpoint."""

    knows_truth = False

    def __init__(self, config: VlmConfig) -> None:
        self.config = config
        self.endpoint = Endpoint(config.endpoint, config.timeout, config.retries)

    def keep(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """See `Filter`. Raises EndpointError where nobody answers."""
        verdicts = []
        for episode in episodes:
            shown = np.linspace(0, episode.length, self.config.frames).round().astype(np.int64)
            verdicts.append(self.judge(store.read_clip(episode.id, shown), episode.prompt))
        return FilterResult([one.success for one in verdicts], [one.reason for one in verdicts])

    def judge(self, frames: UInt8, prompt: str) -> Verdict:
        """Ask whether the frames uint8 (N, H, W, 3) RGB show the task done. Raises EndpointError.

        An answer that is neither yes nor no is asked for again, and is then no success. Where no answer comes
        there is an error: a loop without a judge would learn nothing, or nonsense.
        """
        content: list[dict[str, Any]] = [
            {"type": "text", "text": _ASKED.format(count=len(frames), prompt=prompt)}
        ]
        content += [{"type": "image_url", "image_url": {"url": _picture(frame)}} for frame in frames]
        messages = [{"role": "user", "content": content}]
        body = {"model": self.config.model, "temperature": self.config.temperature, "messages": messages}
        said = ""
        for _ in range(self.config.retries + 1):
            said = self.endpoint.ask(body)
            verdict = read_verdict(said)
            if verdict is not None:
                return verdict
        return Verdict(False, f"no verdict: {short(said)}")


def make_filter(config: RunConfig) -> VlmFilter:
    """The filter with a run's settings `vlm`."""
    return VlmFilter(config.vlm)


def _picture(frame: UInt8) -> str:
    scale = max(1.0, SIDE / max(frame.shape[:2]))
    enlarged = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    _, png = cv2.imencode(".png", cv2.cvtColor(enlarged, cv2.COLOR_RGB2BGR))
    return f"data:image/png;base64,{base64.b64encode(png.tobytes()).decode()}"
