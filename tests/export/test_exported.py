"""What is exported plans and acts as its source does, without torch, and what does not fit is refused."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from sail.config.resolution import load_config
from sail.embodiment import EMBODIMENTS
from sail.export import binding, providers, runtime
from sail.export.folder import CONFIG, DYNAMICS, PLAN, SAMPLES, ExportError, file_hash, read_config
from sail.export.parity import Samples, check_folder, read_samples
from sail.export.providers import ProviderWarning
from sail.export.runtime import ExportedInverseDynamics, ExportedPlanner
from sail.export.write import Source
from sail.loop.agent import load_agent, load_base, sampling_of
from sail_models.diffusion import video_planner as planning
from sail_models.interfaces import PromptError, Sampling

from helpers import WITHOUT_TORCH

PROMPTS = ["push the green cup forward", "open the red drawer", "push the pink cup forward"]
SEEDS = [5, 6, 2**40]
FRAMES = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)


@pytest.fixture(autouse=True)
def precise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source plans in float32 here, whatever this processor would gain by."""
    monkeypatch.setattr(planning, "mixed_precision", lambda device: torch.autocast("cpu", enabled=False))


@pytest.fixture(scope="module")
def source(exported_as: tuple[str, ...]) -> Source:
    config = load_config(None, None, exported_as)
    return Source(load_agent(config), sampling_of(config), EMBODIMENTS["panda"])


@pytest.fixture(scope="module")
def planner(exported: Path) -> ExportedPlanner:
    return ExportedPlanner(exported, "cpu")


def copied(folder: Path, to: Path, **changed: object) -> Path:
    """The folder, with something else in its config.json."""
    shutil.copytree(folder, to)
    content = json.loads((to / CONFIG).read_text())
    (to / CONFIG).write_text(json.dumps(content | changed))
    return to


def off(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference in grey levels."""
    return float(np.abs(one.astype(int) - other).mean())


def test_plans_are_the_sources(planner: ExportedPlanner, source: Source) -> None:
    expected = source.agent.video_planner.plan(FRAMES, PROMPTS, SEEDS, source.sampling)
    plan = planner.plan(FRAMES, PROMPTS, SEEDS, source.sampling)
    assert plan.frames.shape == (3, 8, 64, 64, 3) and plan.frames.dtype == np.uint8
    assert off(plan.frames, expected.frames) < 0.05
    np.testing.assert_allclose(plan.moved, expected.moved, rtol=1e-3)
    assert planner.identity == source.agent.identity and planner.provider == "cpu"


def test_a_plan_does_not_depend_on_what_is_planned_beside_it(planner: ExportedPlanner) -> None:
    together = planner.plan(FRAMES, PROMPTS, SEEDS)
    for i in range(3):
        alone = planner.plan(FRAMES[i : i + 1], PROMPTS[i : i + 1], SEEDS[i : i + 1])
        assert off(alone.frames[0], together.frames[i]) < 0.05


def test_guidance_temperature_and_fewer_frames_are_free(planner: ExportedPlanner, source: Source) -> None:
    sampling = replace(source.sampling, temperature=0.5)
    weights = np.array([0.0, 1.0, 4.0], np.float32)
    expected = source.agent.video_planner.plan(FRAMES, PROMPTS, SEEDS, sampling, weights, keep=2)
    plan = planner.plan(FRAMES, PROMPTS, SEEDS, sampling, weights, keep=2)
    assert plan.frames.shape == (3, 2, 64, 64, 3)
    assert off(plan.frames, expected.frames) < 0.05


def test_a_student_is_exported_like_any_planner(exported_student: Path, tiny_student: Path) -> None:
    student = load_base(str(tiny_student))
    once = Sampling(steps=1)
    expected = student.video_planner.plan(FRAMES, PROMPTS, SEEDS, once)
    exported = ExportedPlanner(exported_student, "cpu")
    for guidance in (0.0, 5.0):  # it has its own in its weights
        plan = exported.plan(FRAMES, PROMPTS, SEEDS, guidance=np.full(3, guidance, np.float32))
        assert off(plan.frames, expected.frames) < 0.05
    assert "prior" not in exported.config.sources


def test_inverse_dynamics_acts_as_its_source(exported: Path, source: Source) -> None:
    arms = np.random.default_rng(1).uniform(0, 1, (3, 4)).astype(np.float32)
    expected = source.agent.inverse_dynamics.act(FRAMES, FRAMES[::-1].copy(), arms)
    actions = ExportedInverseDynamics(exported).act(FRAMES, FRAMES[::-1].copy(), arms)
    np.testing.assert_allclose(actions, expected, atol=1e-4)


def test_it_plans_the_same_without_torch(exported: Path, planner: ExportedPlanner, tmp_path: Path) -> None:
    script = tmp_path / "plan.py"
    script.write_text(
        WITHOUT_TORCH + "import numpy as np\n"
        "from pathlib import Path\n"
        "from sail.export.runtime import ExportedInverseDynamics, ExportedPlanner\n"
        "frames, folder = np.load(sys.argv[2]), Path(sys.argv[1])\n"
        f"plan = ExportedPlanner(folder, batch=1).plan(frames[:1], {PROMPTS[:1]!r}, {SEEDS[:1]!r})\n"
        "ExportedInverseDynamics(folder).act(frames[:1], plan.frames[:, 0], np.zeros((1, 4), np.float32))\n"
        "np.save(sys.argv[3], plan.frames)\n"
    )
    np.save(tmp_path / "frames.npy", FRAMES)
    words = [exported, tmp_path / "frames.npy", tmp_path / "plan.npy"]
    subprocess.run([sys.executable, script, *words], check=True)
    here = planner.plan(FRAMES[:1], PROMPTS[:1], SEEDS[:1])
    assert off(np.load(tmp_path / "plan.npy"), here.frames) < 0.05


def test_the_folder_says_what_it_holds(exported: Path, source: Source) -> None:
    config, samples = read_config(exported), read_samples(exported, Samples)
    assert config.sampling == source.sampling and config.precision == "fp32"
    assert config.latent_shape == (8, 4, 8, 8) and config.chunk == 8
    assert set(config.sources) == {"planner", "autoencoder", "inverse_dynamics", "prior"}
    assert config.parity == check_folder(exported, "cpu")
    assert samples.frames.shape == (32, 64, 64, 3) and len(samples.prompts) == 32


@pytest.mark.parametrize(
    ("name", "precision", "says"),
    [
        ("actions", "fp32", "actions of .* are 0.0099 off their source"),
        ("moved", "fp32", "moved of .* off their source"),
        ("imagined", "int8", "of the pixels' range off their source's, more than 1%"),
    ],
)
def test_what_is_not_like_its_source_is_refused(
    exported: Path, tmp_path: Path, name: str, precision: str, says: str
) -> None:
    altered = copied(exported, tmp_path / "altered")
    arrays = load_file(altered / SAMPLES)
    if name == "imagined":
        arrays[name] = np.roll(arrays[name], 8, axis=1)
    else:
        arrays[name] = arrays[name] * np.float32(1.01)
    prompts = "\n".join(read_samples(exported, Samples).prompts)
    contiguous = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    save_file(contiguous, altered / SAMPLES, {"prompts": prompts})
    hashes = {**read_config(exported).sha256, SAMPLES: file_hash(altered / SAMPLES)}
    folder = copied(altered, tmp_path / "folder", sha256=hashes, precision=precision)
    with pytest.raises(ExportError, match=says):
        check_folder(folder, "cpu")


def test_a_folder_of_a_newer_version_is_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="has format 3, this version of sail reads 2"):
        ExportedPlanner(copied(exported, tmp_path / "newer", format=3))


def test_a_truncated_model_is_refused(exported: Path, tmp_path: Path) -> None:
    folder = copied(exported, tmp_path / "short")
    content = (folder / PLAN).read_bytes()
    (folder / PLAN).write_bytes(content[: len(content) // 2])
    with pytest.raises(ExportError, match=rf"{PLAN} is damaged .*copy it again"):
        ExportedPlanner(folder)
    (folder / PLAN).unlink()
    with pytest.raises(ExportError, match=rf"{PLAN} cannot be read"):
        ExportedPlanner(folder)
    config = read_config(exported)
    (folder / DYNAMICS).write_bytes(b"nothing")
    shutil.copy(exported / PLAN, folder / PLAN)
    sound = copied(
        folder, tmp_path / "sound", sha256={**config.sha256, DYNAMICS: file_hash(folder / DYNAMICS)}
    )
    with pytest.raises(ExportError, match=r"cannot load .*: export again, or try another provider"):
        ExportedInverseDynamics(sound)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="name a folder that sail export wrote"):
        ExportedPlanner(tmp_path / "nowhere")
    (tmp_path / CONFIG).write_text("{")
    with pytest.raises(ExportError, match="is damaged"):
        ExportedPlanner(tmp_path)


def test_more_plans_than_were_exported_are_refused(exported: Path, planner: ExportedPlanner) -> None:
    many = np.repeat(FRAMES[:1], 65, axis=0)
    with pytest.raises(ExportError, match="65 plans asked for, loaded for at most 64"):
        planner.plan(many, PROMPTS[:1] * 65, list(range(65)))
    one = ExportedPlanner(exported, batch=1)
    with pytest.raises(ExportError, match="3 plans asked for, loaded for 1 at once"):
        one.plan(FRAMES, PROMPTS, SEEDS)


def test_plans_drawn_in_another_way_are_refused(planner: ExportedPlanner, source: Source) -> None:
    with pytest.raises(ExportError, match="exported with steps = 2, asked for 4"):
        planner.plan(FRAMES, PROMPTS, SEEDS, replace(source.sampling, steps=4))
    with pytest.raises(PromptError):
        planner.plan(FRAMES[:1], [" "], [0])


def test_providers(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExportError, match="nobody knows the provider 'gpu'"):
        ExportedPlanner(exported, "gpu")
    monkeypatch.setattr(providers, "available", lambda: ["cpu"])
    with pytest.raises(ExportError, match=r"has no cuda, only cpu: pip install 'sail-planner\[gpu\]'"):
        ExportedPlanner(exported, "cuda")
    # Built in, but its library is not there: it plans all the same, slower, and says so.
    monkeypatch.setattr(providers, "available", lambda: ["cuda", "cpu"])
    with pytest.warns(ProviderWarning, match="cuda is there but cannot be loaded"):
        planner = ExportedPlanner(exported)
    assert planner.provider == "cpu"
    assert planner.plan(FRAMES[:1], PROMPTS[:1], [0]).frames.shape == (1, 8, 64, 64, 3)


def test_a_plan_is_not_overwritten_by_the_next(planner: ExportedPlanner) -> None:
    first = planner.plan(FRAMES, PROMPTS, SEEDS)
    kept, moved = first.frames.copy(), first.moved.copy()
    latents = planner.latents(FRAMES, PROMPTS, SEEDS)
    before = latents.copy()
    planner.plan(FRAMES[::-1].copy(), PROMPTS, [1, 2, 3])
    assert np.array_equal(first.frames, kept) and np.array_equal(first.moved, moved)
    assert np.array_equal(latents, before)
    np.testing.assert_array_equal(planner.plan(FRAMES, PROMPTS, SEEDS).frames, kept)


def test_where_plans_cannot_be_recorded_they_are_made_without(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    opened, run = runtime.open_session, binding.Placed.run

    def spy(path: Path, *words: object, **more: object) -> object:
        if path.name == PLAN:
            asked.append(bool(words[4]))
        return opened(path, *words, **more)  # type: ignore[arg-type]

    def failing(placed: binding.Placed, inputs: dict[str, np.ndarray]) -> object:
        if asked == [True]:
            raise RuntimeError("this graph cannot be captured\nand more")
        return run(placed, inputs)

    # As on a GPU, but for the device.
    monkeypatch.setattr(runtime, "RECORDING", ("cpu",))
    monkeypatch.setattr(runtime, "device_of", lambda provider: "cpu")
    monkeypatch.setattr(runtime, "open_session", spy)
    monkeypatch.setattr(binding.Placed, "run", failing)
    with pytest.warns(ProviderWarning, match=r"cannot record .* \(this graph cannot be captured\): .*slower"):
        planner = ExportedPlanner(exported, "cpu", batch=1)
    assert asked == [True, False]
    assert planner.plan(FRAMES[:1], PROMPTS[:1], SEEDS[:1]).frames.shape == (1, 8, 64, 64, 3)


def test_what_a_gpu_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    told = providers.options_of
    assert told("cpu", "a", 1, True, 2) == told("cuda", "a", None, False, 2) == {}
    assert told("cuda", "a", 1, True, 2) == {"enable_cuda_graph": "1"}
    engines = told("tensorrt", "a", 1, True, 2)
    assert engines["trt_cuda_graph_enable"] and engines["trt_engine_cache_enable"]
    assert Path(engines["trt_engine_cache_path"]).is_relative_to(tmp_path)


def test_openvino_is_told_the_precision_and_the_threads() -> None:
    told = providers.options_of("openvino", "a", 1, False, 3)
    on_cpu = json.loads(told["load_config"])["CPU"]
    assert on_cpu == {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 3}
