"""AnimateDiff through our sampler is AnimateDiff through diffusers' own pipeline."""

import json
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    AnimateDiffSparseControlNetPipeline,
    DDIMScheduler,
    MotionAdapter,
    SparseControlNetModel,
)
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_animatediff import save_tiny_animatediff
from torch import Tensor

from sail.types import UInt8
from sail_models.diffusion.composition import RULES
from sail_models.diffusion.sampler import ConditionedDenoiser, sample_latents
from sail_models.diffusion.video_planner import VideoPlanner
from sail_models.diffusion.video_planner import noise_of as planner_noise
from sail_models.interfaces import Sampling
from sail_models.networks.planner_network import FULL, PlannerNetwork
from sail_models.prior.animatediff import AnimateDiff, AnimateDiffSource, load_animatediff
from sail_models.prior.compatibility import OverChanges, PriorError, check_fit

from helpers import assert_one_line

FRAMES = 3
PROMPT, NEGATIVE = "open the door", "blurry"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_animatediff(tmp_path_factory.mktemp("animatediff"))


@pytest.fixture(scope="module")
def source(folder: Path) -> AnimateDiffSource:
    return AnimateDiffSource.inside(folder)


@pytest.fixture(scope="module")
def prior(source: AnimateDiffSource) -> AnimateDiff:
    return load_animatediff(source, frames=FRAMES)


@pytest.fixture(scope="module")
def pipeline(source: AnimateDiffSource) -> AnimateDiffSparseControlNetPipeline:
    made = AnimateDiffSparseControlNetPipeline.from_pretrained(
        source.base,
        motion_adapter=MotionAdapter.from_pretrained(source.motion_adapter),
        controlnet=SparseControlNetModel.from_pretrained(source.controller),
        # As AnimateDiff was trained; deterministic steps to where ours go.
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="linear",
            clip_sample=False,
            timestep_spacing="trailing",
        ),
    )
    made.set_progress_bar_config(disable=True)
    # It draws the first frame's latents from the autoencoder's posterior; the mean is what can be compared.
    channels = made.vae.quant_conv.weight.shape[0] // 2
    with torch.no_grad():
        made.vae.quant_conv.weight[channels:] = 0.0
        made.vae.quant_conv.bias[channels:] = -30.0
    return made


def frame(prior: AnimateDiff) -> UInt8:
    height, width = (side * prior.step for side in prior.latent_shape[1:])
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("rule", ["prior", "inverse_probabilistic"])
def test_every_step_is_the_pipelines(
    rule: str, prior: AnimateDiff, pipeline: AnimateDiffSparseControlNetPipeline
) -> None:
    steps, guidance = 5, 2.5
    noise = torch.randn((1, FRAMES, *prior.latent_shape), generator=torch.Generator().manual_seed(1))
    theirs: list[Tensor] = []

    def keep(_: object, step: int, time: int, values: dict[str, Tensor]) -> dict[str, Tensor]:
        theirs.append(values["latents"].transpose(1, 2).clone())
        return {}

    pipeline(
        prompt=PROMPT,
        negative_prompt=NEGATIVE,
        num_frames=FRAMES,
        num_inference_steps=steps,
        guidance_scale=guidance,
        conditioning_frames=[Image.fromarray(frame(prior))],
        latents=noise.transpose(1, 2),
        output_type="latent",
        callback_on_step_end=keep,
    )
    ours: list[Tensor] = []
    predict = prior.predict_noise

    class Watched:
        """The prior, noting the latents that each step begins with."""

        alphas, latent_shape, frames = prior.alphas, prior.latent_shape, prior.frames
        text_width = prior.text_width

        def predict_noise(self, latents: Tensor, time: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
            ours.append(latents[:1].clone())
            return predict(latents, time, text, first_frame)

    first_frame = prior.encode_frames(frame(prior)[None])
    conditioned = ConditionedDenoiser(Watched(), prior.embed([PROMPT]), prior.embed([NEGATIVE]), first_frame)
    other = ConditionedDenoiser(prior, prior.embed(["close"]), prior.embed([""]), first_frame)
    drawn = sample_latents(
        RULES[rule],
        {"domain": other, "prior": conditioned},
        noise,
        steps,
        torch.tensor([guidance]),
        strength=0.0,
    )
    assert len(theirs) == steps
    for mine, reference in zip([*ours[1:], drawn], theirs, strict=True):
        torch.testing.assert_close(mine, reference, rtol=0, atol=1e-4)
    assert float((theirs[-1] - theirs[0]).abs().max()) > 0.1


def noise_of(prior: AnimateDiff, prompts: list[str], frames: UInt8) -> Tensor:
    """ε of the same latents for each prompt and first frame."""
    count = len(prompts)
    latents = torch.randn((1, FRAMES, *prior.latent_shape), generator=torch.Generator().manual_seed(2))
    times = torch.full((count,), 500)
    latents = latents.expand(count, -1, -1, -1, -1)
    with torch.inference_mode():
        return prior.predict_noise(latents, times, prior.embed(prompts), prior.encode_frames(frames))


def test_noise_depends_on_prompt_and_first_frame_and_not_on_the_batch(prior: AnimateDiff) -> None:
    black, noisy = np.zeros_like(frame(prior)), frame(prior)
    together = noise_of(prior, ["open", "close", "open"], np.stack([noisy, noisy, black]))
    for index, (prompt, picture) in enumerate((("open", noisy), ("close", noisy), ("open", black))):
        alone = noise_of(prior, [prompt], picture[None])
        torch.testing.assert_close(together[index : index + 1], alone, rtol=0, atol=1e-5)
    assert float((together[0] - together[1]).abs().max()) > 1e-4
    assert float((together[0] - together[2]).abs().max()) > 1e-3


def test_half_precision_stays_near(prior: AnimateDiff, source: AnimateDiffSource) -> None:
    half = load_animatediff(source, frames=FRAMES, dtype=torch.bfloat16, offload=True)
    noise = noise_of(half, ["open"], frame(prior)[None])
    assert noise.dtype == torch.float32
    full = noise_of(prior, ["open"], frame(prior)[None])
    assert float((noise - full).norm() / full.norm()) < 0.05


def test_frames_are_decoded_to_what_they_were_encoded_from(prior: AnimateDiff) -> None:
    latents = prior.encode_frames(np.stack([frame(prior)] * 2))
    assert latents.shape == (2, *prior.latent_shape)
    assert prior.decode_frames(latents).shape == (2, *frame(prior).shape)


def broken(folder: Path, tmp_path: Path) -> tuple[AnimateDiffSource, Path]:
    """A copy of the folder that a test may damage."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    return AnimateDiffSource.inside(copy), copy


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("stable-diffusion-v1-5/vae", "autoencoder"),
        ("stable-diffusion-v1-5/text_encoder", "text encoder"),
        ("stable-diffusion-v1-5/tokenizer", "tokenizer"),
        ("stable-diffusion-v1-5/scheduler", "noise schedule"),
        ("stable-diffusion-v1-5/unet", "U-Net"),
        ("animatediff-sparsectrl-rgb/diffusion_pytorch_model.safetensors", "SparseCtrl controller"),
        ("animatediff-motion-adapter-v1-5-3/config.json", "motion adapter"),
    ],
)
def test_a_missing_part_is_named(path: str, name: str, folder: Path, tmp_path: Path) -> None:
    source, copy = broken(folder, tmp_path)
    part = copy / path
    shutil.rmtree(part) if part.is_dir() else part.unlink()
    with pytest.raises(PriorError, match=f"the prior's {name} is not in {copy}") as caught:
        load_animatediff(source)
    assert "\n" not in str(caught.value)


def test_a_pickle_is_refused(folder: Path, tmp_path: Path) -> None:
    source, copy = broken(folder, tmp_path)
    weights = copy / "stable-diffusion-v1-5/unet/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(PriorError, match=r"U-Net in .* is a pickle \(diffusion_pytorch_model.bin\)"):
        load_animatediff(source)


def test_a_tokenizer_without_its_words_is_refused(folder: Path, tmp_path: Path) -> None:
    source, copy = broken(folder, tmp_path)
    (copy / "stable-diffusion-v1-5/tokenizer/tokenizer.json").unlink()
    with pytest.raises(PriorError, match="the prior's tokenizer"):
        load_animatediff(source)


WEIGHTS = {
    "autoencoder": "stable-diffusion-v1-5/vae/diffusion_pytorch_model.safetensors",
    "text encoder": "stable-diffusion-v1-5/text_encoder/model.safetensors",
    "U-Net": "stable-diffusion-v1-5/unet/diffusion_pytorch_model.safetensors",
    "SparseCtrl controller": "animatediff-sparsectrl-rgb/diffusion_pytorch_model.safetensors",
    "motion adapter": "animatediff-motion-adapter-v1-5-3/diffusion_pytorch_model.safetensors",
}


@pytest.mark.parametrize("how", ["pointer", "empty", "cut"])
@pytest.mark.parametrize("name", ["text encoder", "U-Net"])
def test_a_part_that_is_no_weights_is_named(name: str, how: str, folder: Path, tmp_path: Path) -> None:
    source, copy = broken(folder, tmp_path)
    weights = copy / WEIGHTS[name]
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    weights.write_bytes({"pointer": pointer, "empty": b"", "cut": weights.read_bytes()[:1000]}[how])
    with pytest.raises(PriorError) as error:
        load_animatediff(source)
    assert_one_line(error, f"the prior's {name}", str(weights.parent))


LACKING = [*((name, "a third") for name in WEIGHTS), ("text encoder", "prefix")]


@pytest.mark.parametrize(("name", "how"), LACKING)
def test_a_part_that_lacks_tensors_is_refused(name: str, how: str, folder: Path, tmp_path: Path) -> None:
    source, copy = broken(folder, tmp_path)
    weights = copy / WEIGHTS[name]
    tensors = load_file(weights)
    third = {one: tensors[one] for at, one in enumerate(sorted(tensors)) if at % 3}
    prefixed = {f"module.{one}": tensor for one, tensor in tensors.items()}
    save_file(third if how == "a third" else prefixed, weights, {"format": "pt"})
    with pytest.raises(PriorError) as error:
        load_animatediff(source)
    assert_one_line(error, f"the prior's {name}", "lacks", "tensors")


def test_parts_that_do_not_fit_are_refused(folder: Path, tmp_path: Path) -> None:
    source, copy = broken(folder, tmp_path)
    with pytest.raises(PriorError, match="clips of up to 32 frames, not 40"):
        load_animatediff(source, frames=40)
    config = copy / "animatediff-sparsectrl-rgb/config.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps(content | {"use_simplified_condition_embedding": False}))
    with pytest.raises(PriorError, match="SparseCtrl"):
        load_animatediff(source)


def test_an_adapter_of_another_size_is_refused(source: AnimateDiffSource, tmp_path: Path) -> None:
    MotionAdapter(
        block_out_channels=(8, 8),
        motion_layers_per_block=2,
        motion_norm_num_groups=2,
        motion_num_attention_heads=2,
    ).save_pretrained(tmp_path / "adapter")
    with pytest.raises(PriorError, match=r"widths \[8, 8\], the U-Net has \[8, 16\]"):
        load_animatediff(replace(source, motion_adapter=str(tmp_path / "adapter")))


@pytest.fixture(scope="module")
def planner(prior: AnimateDiff) -> VideoPlanner:
    """`full`, but for its size: an in-domain network beside AnimateDiff, in its latents and its words."""
    torch.manual_seed(0)
    channels, height, width = prior.latent_shape
    config = replace(
        FULL,
        frames=FRAMES,
        latent_height=height,
        latent_width=width,
        latent_channels=channels,
        widths=(16, 32),
        heads=2,
        text_width=prior.text_width,
    )
    network, asked = PlannerNetwork(config), OverChanges(prior)
    check_fit(asked, network)
    return VideoPlanner(network, prior, prior.embed, asked)


def test_full_is_of_the_published_models_latents_and_text() -> None:
    assert (FULL.frames, FULL.latent_channels, FULL.text_width) == (8, 4, 768)
    assert (FULL.latent_height, FULL.latent_width, FULL.change_scale) == (64, 64, (1.0,))


def test_frames_may_have_another_size_than_the_published_models(source: AnimateDiffSource) -> None:
    wide = load_animatediff(source, frames=FRAMES, sides=(6, 10))
    latents = wide.encode_frames(frame(wide)[None])
    assert latents.shape == (1, *wide.latent_shape) == (1, 4, 6, 10)
    assert noise_of(wide, ["open"], frame(wide)[None]).shape == (1, FRAMES, 4, 6, 10)
    assert wide.decode_frames(latents).shape == (1, *frame(wide).shape)


def test_it_is_composed_with_an_in_domain_network(
    prior: AnimateDiff, planner: VideoPlanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames in, frames out; and where the prior is alone, what it draws of the frames themselves."""
    # The two ways differ in rounding, which half precision would magnify.
    monkeypatch.setattr(planner, "precision", nullcontext)
    frames = np.stack([frame(prior)] * 2)
    sampling = Sampling(steps=2, guidance=2.0, rule="inverse_probabilistic", strength=0.5, negative=NEGATIVE)
    plan = planner.plan(frames, [PROMPT, "close the door"], [0, 1], sampling).frames
    assert plan.shape == (2, FRAMES, *frame(prior).shape)
    other = planner.plan(frames, [PROMPT, "close the door"], [0, 1], replace(sampling, strength=0.0)).frames
    assert (plan != other).any()
    alone = replace(sampling, rule="prior", strength=None)
    latents = planner.plan_latents(frames, [PROMPT] * 2, [0, 1], alone)
    noise = torch.stack([planner_noise(seed, latents.shape[1:]) for seed in (0, 1)])
    first_frame = prior.encode_frames(frames)
    shift = prior.alphas[-1].sqrt() * first_frame[:, None]
    text, negative = prior.embed([PROMPT] * 2), prior.embed([NEGATIVE] * 2)
    drawn = sample_latents(
        RULES["prior"],
        {"prior": ConditionedDenoiser(prior, text, negative, first_frame)},
        noise + shift,
        sampling.steps,
        torch.full((2,), sampling.guidance),
    )
    torch.testing.assert_close(latents, drawn, rtol=0, atol=1e-3)


def test_too_little_gpu_memory_is_one_line(
    source: AnimateDiffSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no GPU here: a full one is what PyTorch raises and reports."""

    def full(network: object, place: object) -> object:
        if place == "cpu":  # and not a type of numbers
            raise torch.OutOfMemoryError("CUDA out of memory")
        return network

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2**29, 2**33))
    monkeypatch.setattr("diffusers.models.unets.unet_motion_model.UNetMotionModel.to", full)
    with pytest.raises(PriorError) as raised:
        load_animatediff(source, frames=FRAMES)
    line = str(raised.value)
    assert "no room for the prior's unet" in line
    assert "0.5 of 8.0 free; set prior.offload=true" in line
    assert "\n" not in line
