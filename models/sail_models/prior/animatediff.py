"""AnimateDiff as a prior: Stable Diffusion 1.5 with motion modules; SparseCtrl-RGB gives the first frame.

Guo et al., arXiv 2307.04725 and 2311.16933. The networks run as in diffusers'
`AnimateDiffSparseControlNetPipeline`; the sampling is ours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from sail.types import UInt8
from sail_models.diffusion.schedule import PredictionType, to_noise
from sail_models.prior.compatibility import PriorError
from sail_models.spaces.autoencoder import frames_to_tensor, tensor_to_frames


@dataclass(frozen=True)
class AnimateDiffSource:
    """The places of the parts: local folders in the Hub's layout, or Hub ids, which are downloaded."""

    base: str = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    motion_adapter: str = "guoyww/animatediff-motion-adapter-v1-5-3"
    controller: str = "guoyww/animatediff-sparsectrl-rgb"

    @staticmethod
    def inside(folder: Path) -> "AnimateDiffSource":
        """The three parts in one local folder, each named as on the Hub."""
        hub = AnimateDiffSource()
        names = [Path(part).name for part in (hub.base, hub.motion_adapter, hub.controller)]
        return AnimateDiffSource(*(str(folder / name) for name in names))


class AnimateDiff:
    """A Denoiser over latents float32 (B, F, 4, h, w), with its own text encoder and frame codec.

    The first frame is given by the latents of `encode_frames`. `load_animatediff` makes an AnimateDiff.
    strength: of SparseCtrl's influence, 1 as published. sides: height and width of a frame's latents; None is
    what the U-Net was trained on.
    """

    def __init__(
        self, parts: dict[str, Any], frames: int, strength: float, sides: tuple[int, int] | None = None
    ) -> None:
        self._unet, self._controller, self._vae = parts["unet"], parts["controller"], parts["vae"]
        self._tokenizer, self._text_encoder = parts["tokenizer"], parts["text_encoder"]
        self._frames, self._strength, self._sides = frames, strength, sides
        self._kind: PredictionType = parts["scheduler"].config.prediction_type
        self.alphas: Tensor = parts["scheduler"].alphas_cumprod
        self._embeddings: dict[str, Tensor] = {}

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of one frame's latents."""
        side = self._unet.config.sample_size
        height, width = self._sides or (side if isinstance(side, list | tuple) else (side, side))
        return int(self._unet.config.in_channels), int(height), int(width)

    @property
    def frames(self) -> int:
        """Number F of frames in a clip."""
        return self._frames

    @property
    def text_width(self) -> int:
        """Width D of the text embeddings."""
        return int(self._unet.config.cross_attention_dim)

    @property
    def step(self) -> int:
        """See `FrameCodec`."""
        halvings = len(self._vae.config.block_out_channels) - 1
        return 1 << halvings

    @torch.inference_mode()
    def embed(self, prompts: Sequence[str]) -> Tensor:
        """CLIP embeddings float32 (N, L, D) of prompts or negative prompts. Each prompt is computed once."""
        for prompt in prompts:
            if prompt not in self._embeddings:
                tokens = self._tokenizer(
                    prompt,
                    padding="max_length",
                    max_length=self._tokenizer.model_max_length,
                    truncation=True,
                    return_tensors="pt",
                )
                self._embeddings[prompt] = self._text_encoder(tokens.input_ids.to(self._text_encoder.device))[
                    0
                ][0].cpu()
        return torch.stack([self._embeddings[prompt] for prompt in prompts]).float()

    @torch.inference_mode()
    def encode_frames(self, frames: UInt8) -> Tensor:
        """Latents float32 (B, 4, h, w) of frames uint8 (B, H, W, 3) RGB; H is `step` × h, and W `step` × w.

        The latents are the posterior's mean, scaled as in Stable Diffusion.
        """
        pixels = frames_to_tensor(frames).to(self._vae.device, self._vae.dtype)
        latents: Tensor = self._vae.encode(pixels).latent_dist.mode() * self._vae.config.scaling_factor
        return latents.float().cpu()

    @torch.inference_mode()
    def decode_frames(self, latents: Tensor) -> UInt8:
        """Frames uint8 (B, H, W, 3) RGB of latents (B, 4, h, w)."""
        scaled = (latents / self._vae.config.scaling_factor).to(self._vae.device, self._vae.dtype)
        return tensor_to_frames(self._vae.decode(scaled).sample.cpu())

    def predict_noise(self, latents: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """ε at integer timesteps (B,): float32 (B, F, 4, h, w), on the latents' device."""
        target = {"device": self._unet.device, "dtype": self._unet.dtype}
        noisy = latents.transpose(1, 2).to(**target)  # diffusers' order: channels, frames
        # Each frame attends to the text separately.
        states = text.to(**target).repeat_interleave(self._frames, dim=0)
        frames, given = torch.zeros_like(noisy), torch.zeros_like(noisy[:, :1])
        frames[:, :, 0], given[:, :, 0] = first_frame.to(**target), 1.0
        down, middle = self._controller(
            noisy,
            timestep.to(self._unet.device),
            encoder_hidden_states=states,
            controlnet_cond=frames,
            conditioning_mask=given,
            conditioning_scale=self._strength,
            return_dict=False,
        )
        predicted = self._unet(
            noisy,
            timestep.to(self._unet.device),
            encoder_hidden_states=states,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        ).sample
        alpha = self.alphas[timestep.cpu()].to(latents.device)[:, None, None, None, None]
        return to_noise(predicted.transpose(1, 2).float().to(latents.device), latents, alpha, self._kind)


def load_animatediff(
    source: AnimateDiffSource,
    frames: int = 8,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    controller_strength: float = 1.0,
    offload: bool = False,
    sides: tuple[int, int] | None = None,
) -> AnimateDiff:
    """Load AnimateDiff, from safetensors only. A part named by a local folder is never downloaded.

    frames: number F of frames in a clip. controller_strength, sides: see `AnimateDiff`. offload: keep
    autoencoder and text encoder, which run once a plan, in main memory. Raises PriorError, which names the
    part and the cause.
    """
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.controlnets.controlnet_sparsectrl import SparseControlNetModel
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.models.unets.unet_motion_model import MotionAdapter, UNetMotionModel
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from transformers import CLIPTextModel, CLIPTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    weights = {"use_safetensors": True, "torch_dtype": dtype, "low_cpu_mem_usage": False}
    parts: dict[str, Any] = {
        "vae": _part("autoencoder", AutoencoderKL.from_pretrained, source.base, "vae", weights),
        "text_encoder": _part(
            "text encoder",
            CLIPTextModel.from_pretrained,
            source.base,
            "text_encoder",
            {"use_safetensors": True, "dtype": dtype},
        ),
        "tokenizer": _part("tokenizer", CLIPTokenizer.from_pretrained, source.base, "tokenizer", {}),
        # The motion modules were trained on another noise schedule than the one in Stable Diffusion's folder.
        "scheduler": _part(
            "noise schedule",
            DDIMScheduler.from_pretrained,
            source.base,
            "scheduler",
            {"beta_schedule": "linear"},
        ),
        "controller": _part(
            "SparseCtrl controller", SparseControlNetModel.from_pretrained, source.controller, None, weights
        ),
    }
    images = _part("U-Net", UNet2DConditionModel.from_pretrained, source.base, "unet", weights)
    motion = _part("motion adapter", MotionAdapter.from_pretrained, source.motion_adapter, None, weights)
    _check(parts, images, motion, frames)
    parts["unet"] = UNetMotionModel.from_unet2d(images, motion)
    for name in ("unet", "controller", "vae", "text_encoder"):
        target = "cpu" if offload and name in ("vae", "text_encoder") else device
        parts[name] = _to_device(name, parts[name].eval().requires_grad_(False), target)
    return AnimateDiff(parts, frames, controller_strength, sides)


def _to_device(name: str, part: Any, device: str) -> Any:
    try:
        return part.to(device)
    except torch.OutOfMemoryError as error:
        needed = sum(weight.numel() * weight.element_size() for weight in part.parameters())
        free, whole = torch.cuda.mem_get_info(device)
        raise PriorError(
            f"the GPU has no room for the prior's {name}: {needed / 2**30:.1f} GiB needed, "
            f"{free / 2**30:.1f} of {whole / 2**30:.1f} free; set prior.offload=true, or end what else runs"
        ) from error


def _part(
    name: str, load: Callable[..., Any], where: str, subfolder: str | None, options: dict[str, Any]
) -> Any:
    local = Path(where).is_dir()
    found = f"{where}/{subfolder}" if subfolder else where
    if subfolder:
        options = {**options, "subfolder": subfolder}
    try:
        # Without this check a tokenizer without files would be loaded empty, with no error.
        if local and not Path(found).is_dir():
            raise FileNotFoundError("no such folder")
        if "use_safetensors" not in options:
            return load(where, local_files_only=local, **options)
        network, info = load(where, local_files_only=local, output_loading_info=True, **options)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        pickles = (
            sorted(path.name for path in Path(found).glob("*") if path.suffix in (".bin", ".ckpt", ".pt"))
            if local
            else []
        )
        if pickles:
            raise PriorError(
                f"the prior's {name} in {found} is a pickle ({pickles[0]}): only safetensors are read, "
                f"convert it with diffusers' save_pretrained"
            ) from error
        cause = str(error).partition("\n")[0]
        raise PriorError(
            f"the prior's {name} is not in {found} ({cause}): name a folder in the Hub's layout, or a Hub id"
        ) from error
    _refuse_missing(f"{name} in {found}", info)
    return network


def _refuse_missing(part: str, info: Mapping[str, Any]) -> None:
    """Refuse a part whose file lacks tensors, which would stay as they lay in memory. info: what was missing,
    unexpected and mismatched while loading. Raises PriorError."""
    missing, unexpected, mismatched = (
        sorted(map(str, info.get(kind, ())))
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")
    )
    lacking = missing or mismatched
    if lacking:
        beside = f", and has {unexpected[0]} (of {len(unexpected)}) instead" if unexpected else ""
        raise PriorError(
            f"the prior's {part} is not whole: it lacks {lacking[0]} (of {len(lacking)} tensors){beside}; "
            "take the published files"
        )


def _check(parts: dict[str, Any], images: Any, motion: Any, frames: int) -> None:
    longest = int(motion.config.motion_max_seq_length)
    if frames > longest:
        raise PriorError(
            f"the motion adapter knows clips of up to {longest} frames, not {frames}: plan fewer"
        )
    if list(motion.config.block_out_channels) != list(images.config.block_out_channels):
        raise PriorError(
            f"the motion adapter is for widths {list(motion.config.block_out_channels)}, the U-Net has "
            f"{list(images.config.block_out_channels)}: take an adapter made for this base model"
        )
    if not parts["controller"].config.use_simplified_condition_embedding:
        raise PriorError("the controller takes sketches, not frames: take SparseCtrl-RGB")
    words, known = len(parts["tokenizer"]), int(parts["text_encoder"].config.vocab_size)
    if words != known:
        raise PriorError(
            f"the prior's tokenizer has {words} tokens, its text encoder {known}: "
            f"take both from one base model"
        )
    width = int(parts["text_encoder"].config.hidden_size)
    if int(images.config.cross_attention_dim) != width:
        raise PriorError(
            f"the U-Net wants text {images.config.cross_attention_dim} wide, the text encoder gives {width}: "
            f"take both from one base model"
        )
