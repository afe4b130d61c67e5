"""An exported policy decides as its source does, without torch."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sail.export.folder import CONFIG, DECIDE, ExportError, kind_of, read_config, read_policy_config
from sail.export.parity import PolicySamples, check_folder, read_samples, write_samples
from sail.export.runtime import ExportedPolicy, load_exported, normal_noise
from sail.loop.agent import load_policy
from sail_models.interfaces import Deciding, PromptError
from sail_models.spaces.autoencoder import frames_to_tensor

from helpers import WITHOUT_TORCH, Capture, refused, sail

PROMPTS = ["push the green cup forward", "open the red drawer"]
SEEDS = [5, 2**40]
FRAMES = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
ARMS = np.random.default_rng(1).uniform(0, 1, (2, 4)).astype(np.float32)


def test_it_decides_as_its_source(exported_policy: Path, tiny_base: Path) -> None:
    source, policy = load_policy(tiny_base), ExportedPolicy(exported_policy, "cpu")
    noise = torch.from_numpy(np.stack([normal_noise(seed, (32,)) for seed in SEEDS]))
    with torch.no_grad():
        seen = (frames_to_tensor(FRAMES), source.text(PROMPTS), torch.from_numpy(ARMS), noise)
        expected = source.policy.eval()(*seen).numpy()
    actions = policy.decide(FRAMES, PROMPTS, ARMS, SEEDS)
    assert actions.shape == (2, 8, 4)
    np.testing.assert_allclose(actions, expected, atol=1e-4)
    alone = policy.decide(FRAMES[1:], PROMPTS[1:], ARMS[1:], SEEDS[1:])
    np.testing.assert_allclose(alone[0], expected[1], atol=1e-4)
    assert policy.identity == source.identity
    assert isinstance(policy, Deciding) and isinstance(source, Deciding)
    with pytest.raises(PromptError):
        policy.decide(FRAMES[:1], [" "], ARMS[:1], SEEDS[:1])


def test_it_decides_the_same_without_torch(exported_policy: Path, tmp_path: Path) -> None:
    script = tmp_path / "decide.py"
    script.write_text(
        WITHOUT_TORCH + "import numpy as np\n"
        "from pathlib import Path\n"
        "from sail.export.runtime import ExportedPolicy\n"
        "policy, given = ExportedPolicy(Path(sys.argv[1]), 'cpu'), np.load(sys.argv[2])\n"
        f"actions = policy.decide(given['frames'], {PROMPTS!r}, given['arms'], {SEEDS!r})\n"
        "np.save(sys.argv[3], actions)\n"
    )
    np.savez(tmp_path / "given.npz", frames=FRAMES, arms=ARMS)
    words = [exported_policy, tmp_path / "given.npz", tmp_path / "actions.npy"]
    subprocess.run([sys.executable, script, *words], check=True)
    here = ExportedPolicy(exported_policy, "cpu").decide(FRAMES, PROMPTS, ARMS, SEEDS)
    np.testing.assert_array_equal(np.load(tmp_path / "actions.npy"), here)


def test_the_folder_says_what_it_holds_and_is_checked(exported_policy: Path, tmp_path: Path) -> None:
    config = read_policy_config(exported_policy)
    assert kind_of(exported_policy) == "policy" and config.chunk == 8 and config.frame_size == 64
    assert config.parity == check_folder(exported_policy, "cpu")
    assert config.parity.keys() == {"text", "actions"}
    assert isinstance(load_exported(exported_policy), ExportedPolicy)
    with pytest.raises(ExportError, match="holds a policy: name a folder with an exported planner"):
        read_config(exported_policy)
    other = tmp_path / "other"
    shutil.copytree(exported_policy, other)
    samples = read_samples(other, PolicySamples)
    write_samples(other, PolicySamples(samples.prompts, samples.frames, samples.text, samples.actions + 0.01))
    with pytest.raises(ExportError, match="damaged"):
        check_folder(other)
    content = json.loads((other / CONFIG).read_text())
    del content["sha256"]["samples.safetensors"]
    (other / CONFIG).write_text(json.dumps(content))
    with pytest.raises(ExportError, match=r"actions of .* off their source"):
        check_folder(other)
    (other / DECIDE).unlink()
    with pytest.raises(ExportError, match="copy the whole folder again"):
        ExportedPolicy(other)


def test_what_is_exported_is_evaluated_and_compared(
    capsys: Capture, exported_policy: Path, tiny_base: Path, tmp_path: Path
) -> None:
    few = ("evaluation_episodes=2", "envs=2", "workers=1", "horizon=16", "task=cups-red")
    code, out, error = sail(capsys, "evaluate", "--exported", exported_policy, *few, "--json")
    assert code == 0, error
    (row,) = json.loads(out)["rows"]
    assert row["episodes"] == 2 and row["model"] == load_policy(tiny_base).identity
    code, out, error = sail(capsys, "export", "--check", exported_policy)
    assert code == 0 and "is as its source: relative errors text" in out, error
    words = ("export", f"base={tiny_base}", "method=bc-loop", "--out", tmp_path / "x", "--precision", "int8")
    assert "leave --precision out" in refused(capsys, *words)
