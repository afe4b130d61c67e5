"""`sail collect`, `data`, `plan`, `train` and `doctor`: what they write and print."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from sail.data.corpus import Corpus
from sail.data.store import EpisodeStore
from sail.system.locks import locked
from sail_envs.broad.clip import Clip, Thing
from sail_envs.suite import find_suite
from sail_models.saving import load_model

from helpers import Capture, make_episode, refused, sail


def test_collect_fills_up_to_the_number_and_goes_on(capsys: Capture, tmp_path: Path) -> None:
    store = tmp_path / "store"
    words = ("collect", "--out", store, "--source", "play", "--tasks", "reach,door-open", "--horizon", "10")
    assert sail(capsys, *words, "--episodes", "1")[0] == 0
    first = EpisodeStore(store).records()
    assert [(record.task, record.length) for record in first] == [("reach", 10), ("door-open", 10)]
    code, out, _ = sail(capsys, *words, "--episodes", "2")
    assert code == 0 and "holds 4 episodes" in out
    records = EpisodeStore(store).records()
    assert records[:2] == first
    assert len({(record.task, record.seed) for record in records}) == 4
    assert "0 play episodes" in sail(capsys, *words, "--episodes", "2")[1]


def test_data_counts_and_verifies(capsys: Capture, tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path / "run" / "episodes")
    for seed in range(3):
        store.add(make_episode(seed=seed, task="door-open", source="expert"))
    code, out, _ = sail(capsys, "data", store.folder, "--verify", "--json")
    assert code == 0
    assert json.loads(out) == {
        "episodes": 3,
        "counts": [
            {"task": "door-open", "source": "expert", "iteration": 0, "success": False, "episodes": 2},
            {"task": "door-open", "source": "expert", "iteration": 0, "success": True, "episodes": 1},
        ],
        "problems": [],
    }
    assert str(store.folder) in refused(capsys, "data", store.folder.parent)
    (store.folder / "index.jsonl").unlink()
    assert "every episode is whole" in sail(capsys, "data", store.folder, "--rebuild-index", "--verify")[1]


def test_a_damaged_episode_is_found(capsys: Capture, tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    file = store.folder / f"{store.add(make_episode())}.episode.zip"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert sail(capsys, "data", tmp_path)[0] == 0  # listing does not read them
    assert "wrong SHA-256" in refused(capsys, "data", tmp_path, "--verify")
    (tmp_path / "index.jsonl").unlink()
    assert f"{file} is damaged" in refused(capsys, "data", tmp_path, "--rebuild-index")


def test_plan_from_an_image_of_any_size(tiny_base: Path, capsys: Capture, tmp_path: Path) -> None:
    image = np.zeros((90, 200, 3), np.uint8)
    image[..., 2] = 255  # OpenCV's red
    cv2.imwrite(str(tmp_path / "red.png"), image)
    words = ("plan", "--image", tmp_path / "red.png", "--prompt", "open the door", "--base", tiny_base)
    code, out, error = sail(capsys, *words, "--out", tmp_path / "out", "planner.steps=1")
    assert code == 0, error
    assert "imagined 8 frames" in out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"plan.mp4", "plan.gif", "plan_sheet.png"}
    read, first = cv2.VideoCapture(str(tmp_path / "out" / "plan.mp4")).read()
    assert read and first.shape == (256, 256, 3)
    assert first[128, 128, 2] > 200 and first[128, 128, 0] < 60  # still red: the channels keep their order
    for content in (b"", b"no image"):
        (tmp_path / "bad.png").write_bytes(content)
        line = refused(capsys, "plan", "--image", tmp_path / "bad.png", "--prompt", "x", "--out", tmp_path)
        assert "is no image" in line


def test_plan_from_a_tasks_first_frame(tiny_base: Path, capsys: Capture, tmp_path: Path) -> None:
    code, out, error = sail(
        capsys, "plan", "--task", "reach", "--seed", "3", "--base", tiny_base, "--out", tmp_path
    )
    assert code == 0, error
    assert "'reach the red marker'" in out
    assert (tmp_path / "plan_sheet.png").is_file()


def test_train_makes_base_weights_that_load(capsys: Capture, tmp_path: Path) -> None:
    from sail.embodiment import read_embodiment
    from sail.loop.agent import load_base
    from sail_envs.metaworld.metaworld_tasks import METAWORLD

    store = EpisodeStore(tmp_path / "data")
    for task in METAWORLD.seen:
        store.add(make_episode(12, shape=(64, 64), task=task, source="expert"))
    small = ["demonstrations=1", "play_seen=0", "play_unseen=0", "play_other=0", "planner_batch=2"]
    small += ["autoencoder_steps=1", "planner_steps=1", "inverse_dynamics_steps=1", "gripping_share=0.5"]
    code, out, error = sail(capsys, "train", "--out", tmp_path / "base", "--data", store.folder, *small)
    assert code == 0, error
    assert f"base={tmp_path / 'base'}" in out
    agent = load_base(str(tmp_path / "base"))
    assert agent.planner.frames == 8
    assert read_embodiment(tmp_path / "base").camera == "metaworld/workspace"
    start = f"planner_start={tmp_path / 'base' / 'planner'}"
    further = [*small, start, "planner_learning_rate=1e-8"]
    code, _, error = sail(capsys, "train", "--out", tmp_path / "on", "--data", store.folder, *further)
    assert code == 0, error
    for begun, gone_on in zip(
        agent.planner.parameters(), load_base(str(tmp_path / "on")).planner.parameters(), strict=True
    ):
        torch.testing.assert_close(gone_on, begun, rtol=0, atol=1e-6)
    line = refused(capsys, "train", "--out", tmp_path / "x", "--data", store.folder, "planner_start=nowhere")
    assert "nowhere" in line
    other = [*small[:-2], "inverse_dynamics_steps=2", small[-1]]
    line = refused(capsys, "train", "--out", tmp_path / "base", "--data", store.folder, *other)
    assert "was begun with inverse_dynamics_steps=1:" in line
    begun_with = tmp_path / "base" / "training.json"
    settings = json.loads(begun_with.read_text())
    del settings["gripping_share"]
    begun_with.write_text(json.dumps(settings))
    line = refused(capsys, "train", "--out", tmp_path / "base", "--data", store.folder, *small)
    assert "lacks 'gripping_share': another version of SAIL" in line


def test_training_on_ones_own_demonstrations(capsys: Capture, tmp_path: Path) -> None:
    from sail.embodiment import cartesian, read_embodiment
    from sail.loop.agent import load_base

    store = EpisodeStore(tmp_path / "lab")
    words = ["--out", tmp_path / "base", "--data", store.folder, "planner_batch=2"]
    words += ["autoencoder_steps=1", "planner_steps=1", "inverse_dynamics_steps=1"]
    own = ["suite=none", "camera=lab/left"]
    assert "does not say its camera: give camera=NAME" in refused(capsys, "train", *words, "suite=none")
    assert "camera=NAME goes with suite=none" in refused(capsys, "train", *words, "camera=lab/left")
    store.add(make_episode(12, shape=(64, 64), task="pour", source="teleop", success=False))
    assert "no successful demonstration" in refused(capsys, "train", *words, *own)
    store.add(make_episode(12, shape=(64, 64), task="pour", source="teleop", success=True))
    code, _, error = sail(capsys, "train", *words, *own)
    assert code == 0, error
    assert len(EpisodeStore(store.folder).records()) == 2  # nothing was collected beside it
    assert read_embodiment(tmp_path / "base") == cartesian("lab/left", 0.05, 0.01)
    assert load_base(str(tmp_path / "base")).planner.frames == 8
    store.add(make_episode(12, shape=(32, 32), task="pour", source="teleop", success=True))
    assert "frames of 32×32 pixels" in refused(capsys, "train", *words[2:], "--out", tmp_path / "other", *own)


def test_doctor_prints_what_it_found(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    from sail.system.doctor import Check

    monkeypatch.setattr("sail.system.doctor.run_checks", lambda: [Check("memory", True, "8 GiB")])
    code, out, _ = sail(capsys, "doctor", "--json")
    assert (code, json.loads(out)[0]["name"]) == (0, "memory")
    broken = [Check("disk", False, "full", "free some"), Check("GPU", False, "none", needed=False)]
    monkeypatch.setattr("sail.system.doctor.run_checks", lambda: broken)
    assert refused(capsys, "doctor").rstrip().endswith("does not work here: disk")


@pytest.mark.slow
def test_train_makes_an_autoencoder_and_a_prior_of_a_corpus(capsys: Capture, tmp_path: Path) -> None:
    from sail.config.resolution import load_config
    from sail.loop.agent import load_agent

    corpus, out = Corpus(tmp_path / "corpus"), tmp_path / "broad"
    frames = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)
    clip = Clip(frames, "table", "panda", "push left", 0, (Thing("ball", "red"),), "push the ball left")
    corpus.add("table-00000", [clip, clip])
    small = ["autoencoder_steps=1", "grounding_steps=1", "prior_steps=1", "prior_batch=2"]
    code, text, error = sail(capsys, "train", "--corpus", corpus.folder, "--out", out, *small)
    assert code == 0, error
    assert f"autoencoder={out}/autoencoder" in text
    # Another prior of the same latents needs no autoencoder of its own.
    again = [*small[1:], f"autoencoder={out}/autoencoder"]
    code, text, error = sail(capsys, "train", "--corpus", corpus.folder, "--out", tmp_path / "again", *again)
    assert code == 0, error
    assert f"autoencoder={out}/autoencoder" in text and not (tmp_path / "again" / "autoencoder").exists()
    first, second = (
        json.loads((path / "prior" / "config.json").read_text()) for path in (out, tmp_path / "again")
    )
    assert first["config"]["autoencoder"] == second["config"]["autoencoder"] != ""
    line = refused(
        capsys, "train", "--corpus", corpus.folder, "--out", tmp_path / "x", "--data", out, again[-1]
    )
    assert "--data is for the autoencoder" in line
    line = refused(capsys, "train", "--corpus", corpus.folder, "--out", tmp_path / "x", "autoencoder=nowhere")
    assert "nowhere" in line and not (tmp_path / "x").exists()
    # Its training goes on from what it was, grounding and all.
    on = [*again, f"prior_start={out}/prior", "prior_learning_rate=1e-8"]
    code, _, error = sail(capsys, "train", "--corpus", corpus.folder, "--out", tmp_path / "on", *on)
    assert code == 0, error
    begun, gone_on = (load_model(path / "prior", "compact_prior") for path in (out, tmp_path / "on"))
    for before, after in zip(begun.parameters(), gone_on.parameters(), strict=True):
        torch.testing.assert_close(after, before, rtol=0, atol=1e-6)
    start = "prior_start=nowhere"
    line = refused(capsys, "train", "--corpus", corpus.folder, "--out", tmp_path / "x", again[-1], start)
    assert "nowhere" in line and not (tmp_path / "x").exists()
    other = ["seed=1", f"prior_start={out}/prior", *small]  # another autoencoder is made
    line = refused(capsys, "train", "--corpus", corpus.folder, "--out", tmp_path / "y", *other)
    assert "another autoencoder" in line
    # A base on the same autoencoder goes with the prior.
    store = EpisodeStore(tmp_path / "data")
    for suite in ("cups", "drawers"):
        for task in find_suite(suite).seen:
            store.add(make_episode(12, shape=(64, 64), task=task, source="expert"))
    small = ["suite=cups,drawers", f"autoencoder={out}/autoencoder", "demonstrations=1", "play_seen=0"]
    small += ["planner_batch=2", "grounding_steps=1", "planner_steps=1", "inverse_dynamics_steps=1"]
    code, _, error = sail(capsys, "train", "--out", tmp_path / "base", "--data", store.folder, *small)
    assert code == 0, error
    words = [f"base={tmp_path / 'base'}", "prior.kind=compact", f"prior.path={out / 'prior'}"]
    assert load_agent(load_config("smoke", None, words)).prior is not None
    cv2.imwrite(str(tmp_path / "frame.png"), frames[0])
    plan = ["plan", "--image", tmp_path / "frame.png", "--prompt", "push the red cup"]
    plan += ["--out", tmp_path / "plan"]
    prior = ["--base", tmp_path / "base", "--prior", "compact", "--prior-path", out / "prior"]
    code, _, error = sail(capsys, *plan, *prior)
    assert code == 0, error
    assert (tmp_path / "plan" / "plan_sheet.png").is_file()
    assert "latents of another autoencoder" in refused(capsys, *plan, "--prior", "compact")
    empty = refused(capsys, "train", "--corpus", tmp_path / "plan", "--out", tmp_path / "other")
    assert "is no corpus" in empty


def test_two_commands_do_not_fill_one_folder(capsys: Capture, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("collect", "--source", "play", "--tasks", "cups-red", "--episodes", "1", "--workers", "0")
    words += ("--horizon", "2")
    with locked(out):
        assert "another process works on" in refused(capsys, *words, "--out", out)
    assert sail(capsys, *words, "--out", out)[0] == 0
    assert len(EpisodeStore(out).records()) == 1
