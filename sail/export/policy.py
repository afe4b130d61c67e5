"""A policy to a folder of ONNX models, compared with its source."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from sail.embodiment import Embodiment
from sail.export.building import MOST, new_folder, write_text_encoder, written_by
from sail.export.folder import (
    DECIDE,
    SAMPLES,
    TEXT,
    TOKENIZER,
    PolicyExportConfig,
    file_hash,
    write_config,
)
from sail.export.graphs import PolicyGraph
from sail.export.noise import normal_noise
from sail.export.parity import PolicySamples, check_folder, write_samples
from sail.export.scenes import Scenes
from sail.export.trace import OPSET, trace
from sail.loop.agent import PolicyAgent
from sail.types import ACTION_SIZE, PROPRIOCEPTION_SIZE


def export_policy(
    agent: PolicyAgent,
    embodiment: Embodiment,
    compared: Scenes,
    out: Path,
    report: Callable[[str], None] = lambda stage: None,
) -> PolicyExportConfig:
    """Fill the empty folder `out`, and compare what is in it with its source; see `write.export`."""
    with new_folder(out) as folder:
        report("trace the policy")
        graph, count = PolicyGraph(agent.policy.eval()), len(compared.frames)
        size = agent.policy.config.chunk * ACTION_SIZE
        inputs = {
            "frames": torch.from_numpy(compared.frames),
            "text": agent.text(list(compared.prompts)),
            "proprioception": torch.zeros(count, PROPRIOCEPTION_SIZE),
            "noise": torch.from_numpy(np.stack([normal_noise(seed, (size,)) for seed in range(count)])),
        }
        trace(graph, {name: value[:2] for name, value in inputs.items()}, ("actions",), folder / DECIDE)
        report("trace the text encoder")
        write_text_encoder(folder)
        with torch.no_grad():
            actions = graph(**inputs).numpy()
        text = inputs["text"].numpy()
        write_samples(folder, PolicySamples(compared.prompts, compared.frames, text, actions))
        config = PolicyExportConfig(
            frame_size=agent.policy.config.frame_size,
            text_shape=(int(text.shape[1]), int(text.shape[2])),
            chunk=agent.policy.config.chunk,
            most=MOST,
            identity=agent.identity,
            embodiment=embodiment,
            opset=OPSET,
            sha256={name: file_hash(folder / name) for name in (DECIDE, TEXT, TOKENIZER, SAMPLES)},
            versions=written_by(),
            parity={},
        )
        write_config(folder, config)
        report("compare")
        config = replace(config, parity=check_folder(folder, "cpu"))
        write_config(folder, config)
    return config
