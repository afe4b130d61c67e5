"""The exported planner, inverse dynamics and policy: ONNX Runtime in the place of torch.

Classes and methods correspond to `VideoPlanner`, `InverseDynamics` and `PolicyAgent`. Imports no torch.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from sail.embodiment import Embodiment
from sail.export.folder import (
    DECODE,
    DYNAMICS,
    PLAN,
    POLICY,
    TEXT,
    TOKENIZER,
    ExportedConfig,
    ExportedPlannerConfig,
    ExportError,
    kind_of,
    read_planner_config,
    read_policy_config,
)
from sail.export.providers import (
    RECORDING,
    BoundSession,
    ProviderWarning,
    device_of,
    first_line,
    open_session,
    provider_of,
)
from sail.types import Float32, UInt8
from sail_models.interfaces import Plan, Sampling, check_frames, check_prompts

# torch draws normal numbers in blocks of this many.
_BLOCK = 16


class ExportedPlanner:
    """The planner of an exported folder. The same frame, prompt and seed give the same plan.

    provider, threads: see `open_session`. batch: the number of plans of every call. The planner is then
    optimised for that number and makes a first plan while loading; None allows any number up to the exported
    one. Raises ExportError.
    """

    def __init__(
        self,
        folder: Path,
        provider: str | None = None,
        threads: int | None = None,
        batch: int | None = None,
    ) -> None:
        self.config = config = read_planner_config(folder)
        self.sampling, self.identity = config.sampling, config.identity
        self.embodiment = config.embodiment
        sha = config.sha256
        self._folder, self._wanted, self._threads, self._batch = folder, provider, threads, batch
        self._decode = open_session(folder / DECODE, sha[DECODE], provider, threads, None)
        self.text = ExportedText(folder, config, threads)
        self._open_plan(recorded=batch is not None)

    def _open_plan(self, recorded: bool) -> None:
        """Load the plan's graph. Where the batch is known, plan once, so that no later plan waits for a
        compilation or a recording."""
        path, batch = self._folder / PLAN, self._batch
        self._plan = open_session(
            path, self.config.sha256[PLAN], self._wanted, self._threads, batch, recorded, large=True
        )
        self.provider = provider_of(self._plan)
        self._device = device_of(self.provider)
        self._bound: dict[int, BoundSession] = {}  # by batch
        if batch is None:
            return
        nothing = np.zeros((batch, self.embodiment.height, self.embodiment.width, 3), np.uint8)
        try:
            self.latents(nothing, ["nothing"] * batch, [0] * batch)
        except Exception as error:  # ONNX Runtime's exceptions share no other base class
            if not recorded or self.provider not in RECORDING:
                raise
            warnings.warn(
                f"{self.provider} cannot record plans as a CUDA graph ({first_line(error)}): "
                "it plans without, slower",
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
        """Imagine the next frames, as `VideoPlanner.plan`.

        frames: uint8 (B, H, W, 3) RGB. prompts, seeds: length B. sampling: None takes the exported settings;
        others may differ in guidance and temperature only. guidance: float32 (B,), instead of the sampling's.
        keep: decode only the first `keep` frames. Raises ExportError for other settings and for more plans
        than were exported, PromptError for an empty prompt, FrameError for frames of another size.
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
        """Latents of the imagined frames, float32 (B × F, C, h, w). Arguments as of `plan`."""
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
        """Latents and `Plan.motion`, as OrtValues on the device, valid until the next plan."""
        check_prompts(prompts)
        check_frames(frames, self.embodiment.height, self.embodiment.width)
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
        if count not in self._bound:
            planned, *one = self.config.latent_shape
            outputs = {"latents": (count * planned, *one), "moved": (count,)}
            self._bound[count] = BoundSession(self._plan, self._device, inputs, outputs)
        outcome = self._bound[count].run(inputs)
        return outcome["latents"], outcome["moved"]

    def decode(self, latents: Float32) -> UInt8:
        """Frames uint8 (N, H, W, 3) RGB of latents float32 (N, C, h, w)."""
        frames: UInt8 = self._decode.run(None, {"latents": latents})[0]
        return frames


class ExportedInverseDynamics:
    """The inverse dynamics of an exported folder.

    provider, threads: see `open_session`. Raises ExportError.
    """

    def __init__(self, folder: Path, provider: str | None = None, threads: int | None = None) -> None:
        config = read_planner_config(folder)
        self.embodiment = config.embodiment
        self._size = config.chunk * len(config.embodiment.actions)
        self._session = open_session(folder / DYNAMICS, config.sha256[DYNAMICS], provider, threads, None)

    def act(
        self, current: UInt8, goal: UInt8, proprioception: Float32, seeds: Sequence[int] | None = None
    ) -> Float32:
        """Action chunks float32 (B, K, A), -1..1, as `InverseDynamics.act`.

        current, goal: uint8 (B, H, W, 3) RGB. proprioception: float32 (B, P). seeds: length B; None is 0 for
        all. Raises FrameError for frames of another size.
        """
        for frames in (current, goal):
            check_frames(frames, self.embodiment.height, self.embodiment.width)
        seeds = [0] * len(current) if seeds is None else seeds
        noise = np.stack([normal_noise(seed, (self._size,)) for seed in seeds])
        inputs: dict[str, NDArray[Any]] = {
            "current": current,
            "goal": goal,
            "proprioception": proprioception,
            "noise": noise,
        }
        return _actions(self._session, inputs)


class ExportedPolicy:
    """The policy of an exported folder. provider, threads: see `open_session`. Raises ExportError."""

    def __init__(self, folder: Path, provider: str | None = None, threads: int | None = None) -> None:
        self.config = config = read_policy_config(folder)
        self.identity, self.embodiment = config.identity, config.embodiment
        self.text = ExportedText(folder, config, threads)
        self._session = open_session(folder / POLICY, config.sha256[POLICY], provider, threads, None)

    def decide(
        self, frames: UInt8, prompts: Sequence[str], proprioception: Float32, seeds: Sequence[int]
    ) -> Float32:
        """Action chunks float32 (B, K, A), -1..1, as `Deciding`.

        frames: uint8 (B, H, W, 3) RGB. prompts, seeds: length B. proprioception: float32 (B, P). Raises
        ExportError where B is more than was exported, PromptError for an empty prompt, FrameError for frames
        of another size.
        """
        check_prompts(prompts)
        check_frames(frames, self.embodiment.height, self.embodiment.width)
        if len(frames) > self.config.most:
            raise ExportError(
                f"{len(frames)} arms asked for, exported for at most {self.config.most}: ask twice"
            )
        size = self.config.chunk * len(self.config.embodiment.actions)
        inputs: dict[str, NDArray[Any]] = {
            "frames": frames,
            "text": self.text.embed(prompts),
            "proprioception": proprioception,
            "noise": np.stack([normal_noise(seed, (size,)) for seed in seeds]),
        }
        return _actions(self._session, inputs)


class ExportedText:
    """The text encoder of an exported folder; always on the CPU. Raises ExportError."""

    def __init__(self, folder: Path, config: ExportedConfig, threads: int | None) -> None:
        self._shape = config.text_shape
        self._session = open_session(folder / TEXT, config.sha256[TEXT], "cpu", threads, None)
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.enable_truncation(self._shape[0])
        self._tokenizer.no_padding()
        self._known: dict[str, Float32] = {}

    def embed(self, prompts: Sequence[str]) -> Float32:
        """Embeddings float32 (B, L, D). Each prompt is encoded once and remembered."""
        for prompt in prompts:
            if prompt not in self._known:
                self._known[prompt] = self.encode(prompt)
        return np.stack([self._known[prompt] for prompt in prompts])

    def encode(self, prompt: str) -> Float32:
        """Embeddings float32 (L, D) of one prompt; zeros after its last token."""
        ids = np.array([self._tokenizer.encode(prompt).ids], np.int64)
        tokens = self._session.run(None, {"ids": ids})[0][0]
        padded = np.zeros(self._shape, np.float32)
        padded[: len(tokens)] = tokens
        return padded


@dataclass(frozen=True)
class ExportedAgent:
    """Exported planner and inverse dynamics: together they act in a rollout."""

    video_planner: ExportedPlanner
    inverse_dynamics: ExportedInverseDynamics

    @property
    def planned_frames(self) -> int:
        """F, frames of a plan."""
        return self.video_planner.config.latent_shape[0]

    @property
    def identity(self) -> str:
        """Identity of the planner's weights."""
        return self.video_planner.identity

    @property
    def embodiment(self) -> Embodiment:
        """What the weights were trained to see and to do."""
        return self.video_planner.embodiment


def load_exported(folder: Path, provider: str | None = None) -> ExportedAgent | ExportedPolicy:
    """Load an exported folder, of a planner or of a policy. Raises ExportError."""
    if kind_of(folder) == "policy":
        return ExportedPolicy(folder, provider)
    return ExportedAgent(ExportedPlanner(folder, provider), ExportedInverseDynamics(folder, provider))


def check_sampling(config: ExportedPlannerConfig, asked: Sampling) -> None:
    """Check that sampling settings differ from the exported ones in guidance and temperature at most.

    Raises ExportError.
    """
    exported = config.sampling
    for name in ("steps", "rule", "strength", "until", "negative"):
        there, wanted = getattr(exported, name), getattr(asked, name)
        if there != wanted:
            raise ExportError(
                f"exported with {name} = {there}, asked for {wanted}: export again with that, or ask for this"
            )


def normal_noise(seed: int, shape: tuple[int, ...]) -> Float32:
    """The numbers of `torch.randn(shape, generator=torch.Generator().manual_seed(seed))`, without torch.

    float32 of that shape, equal up to rounding of the last digits. torch's generator on a CPU is a Mersenne
    Twister; its normal numbers are Box and Muller's, in blocks of 16 (ATen/native/cpu/
    DistributionTemplates.h, normal_fill). Raises ValueError for fewer than 16 numbers.
    """
    count = prod(shape)
    if count < _BLOCK:
        raise ValueError(f"{count} numbers: torch draws fewer than {_BLOCK} in another way")
    twister = np.random.RandomState(seed % 2**32)  # seeded as torch seeds its own
    # Where the last block is not a whole one, torch draws a whole one again for it.
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
    """Normal numbers from uniform ones in [0, 1), a multiple of 16 of them (Box and Muller, 1958)."""
    blocks = uniform.reshape(-1, 2, _BLOCK // 2)
    radius = np.sqrt(np.float32(-2.0) * np.log1p(-blocks[:, 0]))
    angle = np.float32(2.0 * np.pi) * blocks[:, 1]
    normal: Float32 = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    return normal


def _actions(session: onnxruntime.InferenceSession, inputs: Mapping[str, NDArray[Any]]) -> Float32:
    """Run a graph that gives actions. With a regression head it has no input for noise."""
    taken = {one.name: inputs[one.name] for one in session.get_inputs()}
    actions: Float32 = session.run(None, taken)[0]
    return actions
