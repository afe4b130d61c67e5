"""The command line: what each command prints and writes, and one line for whatever is wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from sail import cli
from sail.data.store import EpisodeStore
from sail.runfolder import open_run
from sail.types import Episode

ROOT = Path(__file__).parents[1]
Capture = pytest.CaptureFixture[str]

SMALL = (
    "rollouts=2",
    "evaluation_episodes=2",
    "envs=2",
    "workers=1",
    "horizon=24",
    "planner.steps=1",
    "training.steps=2",
    "training.batch_size=2",
    "demonstrations_per_task=0",
    "filter=none",
)


def sail(capture: Capture, *words: str | Path) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    code = cli.main([str(word) for word in words])
    output = capture.readouterr()
    return code, output.out, output.err


def refused(capture: Capture, *words: str | Path) -> str:
    """The one line about a command that fails."""
    code, _, error = sail(capture, *words)
    assert code == 2
    assert error.startswith("sail: error: ") and error.endswith("\n")
    assert error.count("\n") == 1, error
    return error


def episode(task: str = "door-open", seed: int = 0) -> Episode:
    rng = np.random.default_rng(seed)
    return Episode(
        frames=rng.integers(0, 256, (13, 64, 64, 3), np.uint8),
        proprioception=rng.uniform(0.0, 1.0, (13, 4)).astype(np.float32),
        actions=rng.uniform(-1.0, 1.0, (12, 4)).astype(np.float32),
        success=seed == 0,
        prompt="open the door",
        task=task,
        seed=seed,
        iteration=0,
        source="expert",
    )


@pytest.fixture(scope="module")
def finished(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run made by the command line."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    assert cli.main(["run", "--preset", "smoke", *SMALL, f"base={tiny_base}", "--out", str(folder)]) == 0
    return folder


# Words, and what the one line has to contain.
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "no command given"),
        ("rnu", "unknown command 'rnu': the nearest is 'run'"),
        ("distill", "unknown command"),
        ("run task=door-clse", "unknown task 'door-clse': the nearest is 'door-close'"),
        ("run --preset quik", "unknown preset 'quik': the nearest is 'quick'"),
        ("run iteration=3", "unknown key 'iteration': the nearest is 'iterations'"),
        ("run planner.step=3", "unknown key 'planner.step': the nearest is 'planner.steps'"),
        ("run planner=3", "'planner' is a group of settings"),
        ("run iterations=many", "iterations must be a whole number from 0 to 1000, not 'many'"),
        ("run iterations=-1", "iterations must be a whole number from 0 to 1000"),
        ("run method=frozn", "the nearest is 'frozen'"),
        ("run handle-press", "cannot make sense of 'handle-press': expected key=value"),
        ("run --presets quick", "unknown option '--presets': the nearest is '--preset'"),
        ("run --outt=x", "unknown option '--outt': the nearest is '--out'"),
        ("run --out", "--out: expected one argument"),
        ("run --config no.yaml", "cannot read the configuration no.yaml: No such file"),
        ("run base=no-such-base", "no base weights 'no-such-base'"),
        ("evaluate --following serve", "unknown following 'serve': the nearest is 'servo'"),
        ("evaluate --tasks seen,rech", "unknown task 'rech': the nearest is 'reach'"),
        ("evaluate --tasks ,", "no task given"),
        ("evaluate --iteration 1", "--iteration is of a run"),
        ("evaluate --iteration x", "a whole number of at least 0, not 'x'"),
        ("evaluate no-folder", "no-folder is no run folder"),
        ("evaluate one two", "cannot make sense of 'two'"),
        ("collect --out x --source expret --tasks reach --episodes 1", "the nearest is 'expert'"),
        ("collect --out x --source expert --tasks reach --episodes 0", "at least 1, not '0'"),
        ("collect --source expert --tasks reach --episodes 1", "required: --out"),
        ("train --out x planner_step=4", "the nearest is 'planner_steps'"),
        ("train --out x planner_steps=0", "planner_steps must be a whole number from 1"),
        ("train --out x inverse_dynamics_head=difusion", "the nearest is 'diffusion'"),
        ("plan --out x", "either --image FILE or --task NAME"),
        ("plan --out x --image a.png --task reach --prompt p", "either --image FILE or --task NAME"),
        ("plan --out x --image a.png", "give --prompt TEXT"),
        ("plan --out x --image a.png --prompt p", "cannot read the image a.png: No such file"),
        ("plan --out x --task rech", "unknown task 'rech': the nearest is 'reach'"),
        ("plan --out x --task reach rollouts=3", "planner.* alone, not on 'rollouts=3'"),
        ("report", "expected one run folder"),
        ("report no-folder", "no-folder is no run folder"),
        ("data no-folder", "no-folder is no folder"),
        ("doctor now", "cannot make sense of 'now'"),
    ],
)
def test_bad_words_are_one_line(
    line: str, expected: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in refused(capsys, *line.split())
    assert not list(tmp_path.iterdir())  # nothing is begun


def damage(base: Path, how: str) -> None:
    weights = base / "planner" / "model.safetensors"
    description = base / "planner" / "config.json"
    if how == "missing":
        weights.unlink()
    elif how == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == "not weights":
        weights.write_bytes(b"GIF89a")
    elif how == "another kind":
        shutil.rmtree(base / "planner")
        shutil.copytree(base / "autoencoder", base / "planner")
    elif how == "another shape":
        description.write_text(description.read_text().replace("32", "64"))
    elif how == "another base":
        values = json.loads((base / "autoencoder" / "config.json").read_text())
        from sail_models.autoencoder import Autoencoder, AutoencoderConfig
        from sail_models.saving import save_model

        widths = tuple(values["config"]["widths"])
        save_model(base / "autoencoder", Autoencoder(AutoencoderConfig(8, widths)))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("missing", "cannot read"),
        ("truncated", "damaged"),
        ("not weights", "damaged"),
        ("another kind", "holds a autoencoder, not a planner"),
        ("another shape", "does not fit a planner"),
        ("another base", "of other weights than the autoencoder"),
    ],
)
def test_weights_that_do_not_load_are_one_line_and_start_no_run(
    how: str, expected: str, tiny_base: Path, capsys: Capture, tmp_path: Path
) -> None:
    base, out = tmp_path / "base", tmp_path / "run"
    shutil.copytree(tiny_base, base)
    damage(base, how)
    assert expected in refused(capsys, "run", "--preset", "smoke", f"base={base}", "--out", out)
    assert not out.exists()
    assert expected in refused(capsys, "evaluate", f"base={base}")


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--preset", "smoke", "method=random", "--out"),
        ("collect", "--source", "expert", "--tasks", "reach", "--episodes", "1", "--out"),
        ("train", "--out"),
        ("plan", "--task", "reach", "--out"),
    ],
)
def test_a_folder_that_cannot_be_written_is_one_line(
    words: tuple[str, ...], capsys: Capture, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert "cannot write" in refused(capsys, *words, tmp_path / "file" / "x")
    # Root may write anywhere but here.
    line = refused(capsys, *words, "/proc/no-such-folder")
    assert "/proc/no-such-folder" in line


def test_help_is_fast_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, sail.cli\n"
        "try:\n    sail.cli.main(['--help'])\nexcept SystemExit as e:\n    assert e.code == 0\n"
        "heavy = {'torch', 'mujoco', 'metaworld', 'gymnasium', 'diffusers', 'transformers', 'cv2'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for command in cli.COMMANDS:
        assert f"\n    {command} " in done.stdout


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_explains_itself(command: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"usage: sail {command}" in capsys.readouterr().out


def test_overrides_may_stand_anywhere(capsys: Capture, tmp_path: Path) -> None:
    words = ("run", "task=door-close", "--preset", "smoke", "seed=3", "--dry-run", "iterations=2")
    code, out, _ = sail(capsys, *words)
    assert code == 0
    assert out.startswith("door-close ") and "2 iterations of 4 rollouts" in out
    assert "runs/smoke-door-close-s3" in out


def test_a_dry_run_writes_nothing(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sail(capsys, "run", "--preset", "smoke", "--dry-run")[0] == 0
    assert not list(tmp_path.iterdir())


def test_run_makes_a_run_folder_with_its_report(finished: Path) -> None:
    assert (finished / "report.html").is_file()
    assert [row["iteration"] for row in open_run(finished).results()["iterations"]] == [0, 1]


def test_resuming_a_finished_run_needs_no_settings_says_so_and_prints_json(
    finished: Path, capsys: Capture
) -> None:
    code, out, error = sail(capsys, "run", "--resume", "--out", finished, "--json")
    assert code == 0
    assert json.loads(out) == open_run(finished).results()
    assert "was finished already" in error
    assert f"report: {finished / 'report.html'}" in error


def test_a_run_is_not_overwritten_nor_resumed_with_other_settings(finished: Path, capsys: Capture) -> None:
    base = open_run(finished).config.base
    words = ("run", "--preset", "smoke", *SMALL, f"base={base}", "--out", finished)
    assert "--resume" in refused(capsys, *words)
    assert "seed=0, not 9" in refused(capsys, "run", "--resume", "--out", finished, "seed=9")


def test_evaluate_a_run_repeats_the_loops_own_numbers(finished: Path, capsys: Capture) -> None:
    code, out, error = sail(capsys, "evaluate", finished, "--json")
    assert code == 0, error
    rows = json.loads(out)["rows"]
    there = open_run(finished).results()["iterations"]
    assert [row["iteration"] for row in rows] == [0, 1]
    for row, iteration in zip(rows, there, strict=True):
        assert row["ci95"] == iteration["ci95"]
        assert (row["successes"], row["episodes"]) == (iteration["successes"], iteration["episodes"])
    assert [row["candidate"] for row in rows] == ["base weights", "iteration 1"]
    assert rows[0]["model"] == open_run(finished).results()["model"] != rows[1]["model"]


def test_evaluate_one_checkpoint_following_pairs_on_other_tasks(finished: Path, capsys: Capture) -> None:
    words = (
        "--iteration",
        "1",
        "--following",
        "pair",
        "--tasks",
        "reach,reach-wall",
        "evaluation_episodes=1",
    )
    code, out, _ = sail(capsys, "evaluate", finished, *words)
    assert code == 0
    assert "reach-wall" in out and "mean" in out and "iteration 1" in out
    assert "there is no checkpoint 7: there are 0, 1" in refused(
        capsys, "evaluate", finished, "--iteration", "7"
    )
    assert "has its own settings" in refused(capsys, "evaluate", finished, "--preset", "smoke")


def test_evaluate_names_the_cause_of_failures(finished: Path, capsys: Capture) -> None:
    words = ("--iteration", "0", "--probes", "evaluation_episodes=1")
    code, out, error = sail(capsys, "evaluate", finished, *words, "--json")
    assert code == 0, error
    document = json.loads(out)
    (probe,) = document["probes"]
    assert [row["candidate"] for row in document["rows"]] == ["base weights"]
    assert (probe["perfect_plan"]["candidate"], probe["perfect_plan"]["episodes"]) == ("perfect plan", 1)
    assert probe["plan_error"]["pixel"] > 0.0 and "success" in probe["cause"]
    code, out, _ = sail(capsys, "evaluate", finished, *words)
    assert code == 0 and "grey levels" in out


def test_evaluate_random_needs_no_weights(capsys: Capture) -> None:
    small = ("evaluation_episodes=2", "envs=2", "workers=1", "horizon=24", "base=none-there")
    code, out, error = sail(capsys, "evaluate", "--random", "--json", *small)
    assert code == 0, error
    (row,) = json.loads(out)["rows"]
    assert (row["candidate"], row["iteration"], row["episodes"]) == ("random waypoints", None, 2)


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
        store.add(episode(seed=seed))
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
    file = store.folder / f"{store.add(episode())}.episode.zip"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert sail(capsys, "data", tmp_path)[0] == 0  # listing does not read them
    assert "wrong SHA-256" in refused(capsys, "data", tmp_path, "--verify")
    (tmp_path / "index.jsonl").unlink()
    assert f"{file} is damaged" in refused(capsys, "data", tmp_path, "--rebuild-index")


def test_a_run_with_a_damaged_episode_is_refused_in_one_line(
    finished: Path, capsys: Capture, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["finished"]["train_001"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    next((copy / "episodes").glob("*.zip")).write_bytes(b"PK")
    assert "wrong SHA-256" in refused(capsys, "run", "--resume", "--out", copy)


def test_report_is_written_again(finished: Path, capsys: Capture) -> None:
    before = (finished / "report.html").read_bytes()
    (finished / "report.html").unlink()
    assert sail(capsys, "report", finished)[0] == 0
    assert (finished / "report.html").read_bytes() == before


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
    from sail.agent import load_base
    from sail_envs.tasks import SEEN

    store = EpisodeStore(tmp_path / "data")
    for task in SEEN:
        store.add(episode(task))
    small = ["demonstrations=1", "play_seen=0", "play_unseen=0", "play_other=0", "planner_batch=2"]
    small += ["autoencoder_steps=1", "planner_steps=1", "inverse_dynamics_steps=1"]
    code, out, error = sail(capsys, "train", "--out", tmp_path / "base", "--data", store.folder, *small)
    assert code == 0, error
    assert f"base={tmp_path / 'base'}" in out
    agent = load_base(str(tmp_path / "base"))
    assert agent.planner.frames == 8
    other = [*small[:-1], "inverse_dynamics_steps=2"]
    line = refused(capsys, "train", "--out", tmp_path / "base", "--data", store.folder, *other)
    assert "was begun with inverse_dynamics_steps=1" in line


def test_doctor_prints_what_it_found(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    from sail.doctor import Check

    monkeypatch.setattr("sail.doctor.run_checks", lambda: [Check("memory", True, "8 GiB")])
    code, out, _ = sail(capsys, "doctor", "--json")
    assert (code, json.loads(out)[0]["name"]) == (0, "memory")
    broken = [Check("disk", False, "full", "free some"), Check("GPU", False, "none", needed=False)]
    monkeypatch.setattr("sail.doctor.run_checks", lambda: broken)
    assert refused(capsys, "doctor").rstrip().endswith("does not work here: disk")


def wait_for(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "code", "demonstrations"), [(signal.SIGTERM, 143, 0), (signal.SIGINT, 130, 1)]
)
def test_a_signal_ends_a_run_with_one_line_and_all_its_processes(
    number: signal.Signals,
    code: int,
    demonstrations: int,
    tiny_base: Path,
    tmp_path: Path,
    processes_of_session: Callable[[int], list[int]],
) -> None:
    out = tmp_path / "run"
    words = ["run", "--preset", "smoke", *SMALL, f"base={tiny_base}", "--out", str(out)]
    words += [f"demonstrations_per_task={demonstrations}", "evaluation_episodes=500", "horizon=200"]
    process = subprocess.Popen(
        [sys.executable, "-m", "sail.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        # A spawned worker beside the resource tracker: of environments, or of experts.
        wait_for(lambda: len(processes_of_session(process.pid)) >= 3 or process.poll() is not None)
        time.sleep(1.0)
        os.kill(process.pid, number)
        _, error = process.communicate(timeout=300)
        assert process.returncode == code, error
        assert error == (
            f"sail: interrupted: finished steps are kept; go on with: sail run --resume --out {out}\n"
        )
        wait_for(lambda: not processes_of_session(process.pid), 30.0)
    finally:
        for left in processes_of_session(process.pid):
            os.kill(left, signal.SIGKILL)
        process.wait()
    assert open_run(out).config.evaluation_episodes == 500


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    store.add(episode())
    command = f"{sys.executable} -m sail.cli data {tmp_path} --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "141")
