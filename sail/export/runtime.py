"""Exported planner and inverse dynamics: what `VideoPlanner` and `InverseDynamics` do, without torch."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from sail.export.folder import (
    DECIDE,
    DECODE,
    DYNAMICS,
    PLAN,
    TEXT,
    TOKENIZER,
    CommonConfig,
    ExportConfig,
    ExportError,
    kind_of,
    read_config,
    read_policy_config,
)
from sail.export.providers import RECORDING, Placed, ProviderWarning, device_of, name_of, open_session
from sail.types import ACTION_SIZE, Float32, UInt8
from sail_models.interfaces import Plan, Sampling, check_prompts

_BLOCK = 16


def normal_noise(seed: int, shape: tuple[int, ...]) -> Float32:
    """What `torch.randn(shape, generator=torch.Generator().manual_seed(seed))` gives, up to rounding of the
    last digits: float32 of that shape, of at least 16 numbers."""
    count = prod(shape)
    if count < _BLOCK:
        raise ValueError(f"{count} numbers: torch draws fewer than {_BLOCK} in another way")
    twister = np.random.RandomState(seed % 2**32)  # seeded as torch seeds its own
    # The last block is drawn anew where it is not a whole one.
    left = count % _BLOCK
    drawn = np.frombuffer(twister.bytes(4 * (count + (_BLOCK if left else 0))), "<u4")
    uniform = (drawn % 2**24).astype(np.float32) * np.float32(2.0**-24)
    whole = count - left
    noise = np.empty(count, np.float32)
    noise[:whole] = _normal(uniform[:whole])
    if left:
        noise[-_BLOCK:] = _normal(uniform[count:])
    return noise.reshape(shape)


def _normal(uniform: Float32) -> Float32:
    """Blocks of uniform numbers in 0..1 (1 left out) as normal ones (Box & Muller, 1958)."""
    blocks = uniform.reshape(-1, 2, _BLOCK // 2)
    radius = np.sqrt(np.float32(-2.0) * np.log1p(-blocks[:, 0]))
    angle = np.float32(2.0 * np.pi) * blocks[:, 1]
    normal: Float32 = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    return normal


class ExportedText:
    """The encoder in a folder. Raises ExportError."""

    def __init__(self, folder: Path, config: CommonConfig, threads: int | None) -> None:
        self._shape = config.text_shape
        self._session = open_session(folder / TEXT, config.sha256[TEXT], "cpu", threads, None)
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.enable_truncation(self._shape[0])
        self._tokenizer.no_padding()
        self._known: dict[str, Float32] = {}

    def embed(self, prompts: Sequence[str]) -> Float32:
        """Embeddings float32 (N, L, D), each prompt's computed once."""
        for prompt in prompts:
            if prompt not in self._known:
                self._known[prompt] = self.read(prompt)
        return np.stack([self._known[prompt] for prompt in prompts])

    def read(self, prompt: str) -> Float32:
        """One prompt's embeddings, computed anew: float32 (L, D)."""
        ids = np.array([self._tokenizer.encode(prompt).ids], np.int64)
        tokens = self._session.run(None, {"ids": ids})[0][0]
        padded = np.zeros(self._shape, np.float32)
        padded[: len(tokens)] = tokens
        return padded


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


class ExportedPlanner:
    """The planner in a folder that `sail export` wrote. The same seed, frame and prompt give the same plan.

    provider, threads, batch: see `open_session`. Raises ExportError.
    """

    def __init__(
        self,
        folder: Path,
        provider: str | None = None,
        threads: int | None = None,
        batch: int | None = None,
    ) -> None:
        self.config = config = read_config(folder)
        self.sampling, self.identity = config.sampling, config.identity
        self.embodiment = config.embodiment
        sha = config.sha256
        self._folder, self._wanted, self._threads, self._batch = folder, provider, threads, batch
        self._decode = open_session(folder / DECODE, sha[DECODE], provider, threads, None)
        self.text = ExportedText(folder, config, threads)
        self._open_plan(recorded=batch is not None)

    def _open_plan(self, recorded: bool) -> None:
        """Load the plan's graph, and where the batch is known plan once: so that no later plan waits for what
        is compiled or recorded at the first."""
        path, batch = self._folder / PLAN, self._batch
        self._plan = open_session(
            path, self.config.sha256[PLAN], self._wanted, self._threads, batch, recorded, large=True
        )
        self.provider = name_of(self._plan)
        self._device = device_of(self.provider)
        self._placed: dict[int, Placed] = {}
        if batch is None:
            return
        nothing = np.zeros((batch, self.config.frame_size, self.config.frame_size, 3), np.uint8)
        try:
            self.latents(nothing, ["nothing"] * batch, [0] * batch)
        except Exception as error:  # ONNX Runtime's own exceptions have no common base but this
            if not recorded or self.provider not in RECORDING:
                raise
            reason = str(error).strip().splitlines()[0][:200]
            warnings.warn(
                f"{self.provider} cannot record plans as a CUDA graph ({reason}): it plans without, slower",
                ProviderWarning,
                stacklevel=3,
            )
            self._open_plan(recorded=False)

    def plan(
        self,
        frames: UInt8,
        prompts: Sequence[str],
        seeds: Sequence[int],
        sampling: Sampling | None = None,
        guidance: Float32 | None = None,
        keep: int | None = None,
    ) -> Plan:
        """Imagine the next frames; see `VideoPlanner.plan`.

        sampling: the exported one, but for guidance and temperature, which are free. Raises ExportError for
        another, and for more plans at once than were exported; PromptError where a prompt is empty.
        """
        latents, moved = self._draw(frames, prompts, seeds, sampling, guidance)
        if keep is None:
            decoding: Any = self._decode.io_binding()
            decoding.bind_ortvalue_input("latents", latents)
            decoding.bind_output("frames", "cpu")
            self._decode.run_with_iobinding(decoding)
            decoded: UInt8 = decoding.get_outputs()[0].numpy()
        else:
            shape = self.config.latent_shape
            kept = latents.numpy().reshape(-1, *shape)[:, :keep].reshape(-1, *shape[1:])
            decoded = self.decode(kept)
        return Plan(decoded.reshape(len(frames), -1, *decoded.shape[1:]), np.array(moved.numpy()))

    def latents(self, frames: UInt8, prompts: Sequence[str], seeds: Sequence[int]) -> Float32:
        """The imagined frames' latents alone, one after the other: float32 (B × F, C, h, w)."""
        latents: Float32 = np.array(self._draw(frames, prompts, seeds, None, None)[0].numpy())
        return latents

    def _draw(
        self,
        frames: UInt8,
        prompts: Sequence[str],
        seeds: Sequence[int],
        sampling: Sampling | None,
        guidance: Float32 | None,
    ) -> tuple[Any, Any]:
        """Latents and how much moves, as ONNX Runtime's values on the device: good until the next plan."""
        check_prompts(prompts)
        sampling = self.sampling if sampling is None else sampling
        check_sampling(self.config, sampling)
        count = len(frames)
        if count > self.config.most or (self._batch is not None and count != self._batch):
            what = f"{self._batch} at once" if self._batch is not None else f"at most {self.config.most}"
            raise ExportError(
                f"{count} plans asked for, loaded for {what}: load the folder for another batch"
            )
        noise = np.stack([normal_noise(seed, self.config.latent_shape) for seed in seeds])
        weights = np.full(count, sampling.guidance, np.float32) if guidance is None else guidance
        inputs: dict[str, NDArray[Any]] = {
            "frames": frames,
            "text": self.text.embed(prompts),
            "noise": np.float32(sampling.temperature) * noise,
            "guidance": weights,
        }
        if count not in self._placed:
            planned, *one = self.config.latent_shape
            outputs = {"latents": (count * planned, *one), "moved": (count,)}
            self._placed[count] = Placed(self._plan, self._device, inputs, outputs)
        outcome = self._placed[count].run(inputs)
        return outcome["latents"], outcome["moved"]

    def decode(self, latents: Float32) -> UInt8:
        """Frames uint8 (N, S, S, 3) of latents (N, C, h, w)."""
        frames: UInt8 = self._decode.run(None, {"latents": latents})[0]
        return frames


class ExportedInverseDynamics:
    """The inverse dynamics in such a folder. Raises ExportError."""

    def __init__(self, folder: Path, provider: str | None = None, threads: int | None = None) -> None:
        config = read_config(folder)
        self.embodiment = config.embodiment
        self._size = config.chunk * ACTION_SIZE
        self._session = open_session(folder / DYNAMICS, config.sha256[DYNAMICS], provider, threads, None)

    def act(
        self, current: UInt8, goal: UInt8, proprioception: Float32, seeds: Sequence[int] | None = None
    ) -> Float32:
        """Action chunks, see `InverseDynamics.act`."""
        seeds = [0] * len(current) if seeds is None else seeds
        noise = np.stack([normal_noise(seed, (self._size,)) for seed in seeds])
        inputs = {"current": current, "goal": goal, "proprioception": proprioception, "noise": noise}
        # The regression head takes no noise, and its graph has no such input.
        taken = {one.name: inputs[one.name] for one in self._session.get_inputs()}
        actions: Float32 = self._session.run(None, taken)[0]
        return actions


@dataclass(frozen=True)
class ExportedAgent:
    """Both, as something that acts in a rollout."""

    video_planner: ExportedPlanner
    inverse_dynamics: ExportedInverseDynamics

    @property
    def planned_frames(self) -> int:
        """Frames of a plan."""
        return self.video_planner.config.latent_shape[0]

    @property
    def identity(self) -> str:
        """The planner's."""
        return self.video_planner.identity


def load_exported(folder: Path, provider: str | None = None) -> ExportedAgent | ExportedPolicy:
    """All of a folder, whatever was exported. Raises ExportError."""
    if kind_of(folder) == "policy":
        return ExportedPolicy(folder, provider)
    return ExportedAgent(ExportedPlanner(folder, provider), ExportedInverseDynamics(folder, provider))


def check_sampling(config: ExportConfig, asked: Sampling) -> None:
    """Refuse plans drawn in another way than the exported one. Raises ExportError."""
    exported = config.sampling
    for name in ("steps", "rule", "strength", "until", "negative"):
        there, wanted = getattr(exported, name), getattr(asked, name)
        if there != wanted:
            raise ExportError(
                f"exported with {name} = {there}, asked for {wanted}: export again with that, or ask for this"
            )
