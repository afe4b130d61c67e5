"""The filter "vlm": a vision-language model judges, asked over an API like OpenAI's chat completions."""

import base64
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from sail.config.schema import RunConfig, VlmConfig
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.errors import SailError
from sail.filters.filter import FilterResult
from sail.types import UInt8

# Where an endpoint wants a key, it is read from here and written nowhere.
KEY = "SAIL_VLM_KEY"
# A frame of 64 pixels is enlarged to this: models see small pictures badly.
SIDE = 256
# Statuses after which another try may succeed: too many requests, and the server's own faults.
_TOO_MANY, _SERVER = 429, 500
# Seconds before the first other try, doubled before each further one.
_WAIT = 0.5
_ASKED = (
    "These {count} pictures show, in order of time, one attempt of a robot arm at this task: {prompt}. "
    'Is the task done in the last? Answer with JSON alone: {{"success": true or false, "reason": "why"}}'
)


class EndpointError(SailError):
    """An endpoint that cannot be reached, or refuses to answer."""


@dataclass(frozen=True)
class Verdict:
    """What the model said. success: false, too, where the answer was neither yes nor no; then the reason says
    so."""

    success: bool
    reason: str


class VlmFilter:
    """Keeps the episodes that a vision-language model calls done, from a few frames and the prompt, as in the
    paper's experiments without an oracle."""

    knows_truth = False

    def __init__(self, config: VlmConfig) -> None:
        self.config = config

    def keep(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """See `Filter`. Raises EndpointError where nobody answers."""
        verdicts = []
        for episode in episodes:
            shown = np.linspace(0, episode.length, self.config.frames).round().astype(np.int64)
            verdicts.append(judge(self.config, store.read_clip(episode.id, shown), episode.prompt))
        return FilterResult([one.success for one in verdicts], [one.reason for one in verdicts])


def make_filter(config: RunConfig) -> VlmFilter:
    """The filter with a run's settings `vlm`."""
    return VlmFilter(config.vlm)


def judge(config: VlmConfig, frames: UInt8, prompt: str) -> Verdict:
    """Ask whether the frames uint8 (N, H, W, 3) RGB show the task done. Raises EndpointError.

    A nonsensical answer is asked for again, and is then no success. A slow or silent endpoint is asked again,
    and then an error: a loop without a judge would learn nothing, or nonsense.
    """
    said = ""
    for _ in range(config.retries + 1):
        said = _ask(config, frames, prompt)
        verdict = read_verdict(said)
        if verdict is not None:
            return verdict
    return Verdict(False, f"no verdict: {_short(said)}")


def read_verdict(answer: str) -> Verdict | None:
    """The verdict in an answer; None where the answer is neither yes nor no."""
    for found in re.finditer(r"\{[^{}]*\}", answer):
        try:
            value = json.loads(found.group(), strict=False)  # models break lines within strings
        except ValueError:
            continue
        if isinstance(value.get("success"), bool):
            reason = _short(str(value.get("reason", "")))
            return Verdict(value["success"], f"{'yes' if value['success'] else 'no'}: {reason}")
    plain = re.match(r"\W*(yes|no)\b", answer, re.IGNORECASE)
    if plain is None:
        return None
    return Verdict(plain[1].lower() == "yes", _short(answer))


def _ask(config: VlmConfig, frames: UInt8, prompt: str) -> str:
    content: list[dict[str, Any]] = [
        {"type": "text", "text": _ASKED.format(count=len(frames), prompt=prompt)}
    ]
    content += [{"type": "image_url", "image_url": {"url": _picture(frame)}} for frame in frames]
    body = {"model": config.model, "temperature": 0, "messages": [{"role": "user", "content": content}]}
    headers = {"Content-Type": "application/json"}
    if os.environ.get(KEY):
        headers["Authorization"] = f"Bearer {os.environ[KEY]}"
    url = f"{config.endpoint.rstrip('/')}/chat/completions"
    if not url.startswith(("http://", "https://")):
        raise EndpointError(f"vlm.endpoint is {config.endpoint}: give an address that begins with http(s)://")
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    reason = ""
    for attempt in range(config.retries + 1):
        if attempt:
            time.sleep(_WAIT * 2 ** (attempt - 1))
        try:
            with urllib.request.urlopen(request, timeout=config.timeout) as response:
                return _content(response.read())
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code}, {_short(error.read().decode(errors='replace'))}"
            if error.code != _TOO_MANY and error.code < _SERVER:
                break
        except TimeoutError:
            reason = f"nothing within {config.timeout:g} s"
        except OSError as error:
            reason = _short(str(getattr(error, "reason", error)))
    raise EndpointError(
        f"{url} gave no answer ({reason}): start it, or set vlm.endpoint, vlm.model and vlm.timeout; what is "
        "collected is kept"
    )


def _content(answer: bytes) -> str:
    """The text of a completion; "" where the answer is no completion."""
    try:
        return str(json.loads(answer)["choices"][0]["message"]["content"])
    except (ValueError, LookupError, TypeError):
        return ""


def _picture(frame: UInt8) -> str:
    enlarged = cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    _, png = cv2.imencode(".png", cv2.cvtColor(enlarged, cv2.COLOR_RGB2BGR))
    return f"data:image/png;base64,{base64.b64encode(png.tobytes()).decode()}"


def _short(text: str) -> str:
    return " ".join(text.split())[:200]
