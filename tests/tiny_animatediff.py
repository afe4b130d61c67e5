"""A tiny AnimateDiff with random weights, saved with diffusers in the Hub's layout."""

import json
import string
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    MotionAdapter,
    PNDMScheduler,
    SparseControlNetModel,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WIDTHS = (8, 16)
TEXT_WIDTH = 12


def save_tiny_animatediff(root: Path) -> Path:
    """Write the Hub's three repositories into `root`, as `git clone` leaves them. Returns `root`."""
    torch.manual_seed(0)
    tokenizer = _tokenizer(root)
    StableDiffusionPipeline(
        vae=AutoencoderKL(
            block_out_channels=WIDTHS,
            down_block_types=["DownEncoderBlock2D"] * 2,
            up_block_types=["UpDecoderBlock2D"] * 2,
            latent_channels=4,
            norm_num_groups=2,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=TEXT_WIDTH,
                intermediate_size=16,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=16,
            )
        ),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(
            sample_size=8,
            block_out_channels=WIDTHS,
            layers_per_block=2,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=TEXT_WIDTH,
            attention_head_dim=2,
            norm_num_groups=2,
        ),
        scheduler=PNDMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            skip_prk_steps=True,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(root / "stable-diffusion-v1-5")
    adapter = MotionAdapter(
        block_out_channels=WIDTHS,
        motion_layers_per_block=2,
        motion_norm_num_groups=2,
        motion_num_attention_heads=2,
    )
    controller = SparseControlNetModel(
        block_out_channels=WIDTHS,
        layers_per_block=2,
        down_block_types=("CrossAttnDownBlockMotion", "DownBlockMotion"),
        cross_attention_dim=TEXT_WIDTH,
        conditioning_embedding_out_channels=(8, 8),
        norm_num_groups=2,
        attention_head_dim=2,
        use_simplified_condition_embedding=True,
    )
    # A new controller's and adapter's last layers are zero: they would change nothing.
    with torch.no_grad():
        for model in (adapter, controller):
            for parameter in model.parameters():
                if not parameter.any():
                    parameter.normal_(std=0.2)
    adapter.save_pretrained(root / "animatediff-motion-adapter-v1-5-3")
    controller.save_pretrained(root / "animatediff-sparsectrl-rgb")
    return root


def _tokenizer(root: Path) -> CLIPTokenizer:
    """CLIP's tokenizer with single letters for words' parts."""
    tokens = [letter + end for end in ("", "</w>") for letter in string.ascii_lowercase]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    (root / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    (root / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(root / "vocab.json"), str(root / "merges.txt"), model_max_length=16)
