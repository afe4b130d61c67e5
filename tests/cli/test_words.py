"""What the command line is given: help, overrides, and one line for whatever is wrong."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sail.cli import main as cli
from sail.cli.options import split_words
from sail.data.store import EpisodeStore
from sail_models.saving import checksum, save_model
from sail_models.spaces.autoencoder import Autoencoder, AutoencoderConfig

from helpers import Capture, make_episode, refused, sail


# Words, and what the one line has to contain.
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "no command given"),
        ("rnu", "unknown command 'rnu': the nearest is 'run'"),
        ("destil", "distill"),
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
        ("plan --out x --task reach rollouts=3", "planner.*, prior.* and suite alone, not on 'rollouts=3'"),
        ("run --prior animatdiff", "the nearest is 'animatediff'"),
        ("run --prior compact", "latents of another autoencoder than base 'base'"),
        ("collect --out x --source expert --episodes 1", "Give --tasks with --source expert"),
        ("collect --out x --source broad --tasks reach --episodes 1", "the broad corpus has its own scenes"),
        ("train --out x --data a --data b", "give --data once"),
        ("train --out x --corpus nowhere", "nowhere is no corpus"),
        ("train --out x --data y autoencoder=nowhere", "is nowhere a autoencoder?"),
        ("train --out x --corpus nowhere priorsteps=1", "the nearest is 'prior_steps'"),
        ("report", "expected one folder"),
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
        values = json.loads(description.read_text())
        values["config"]["widths"] = [64]
        values["sha256"] = checksum(values, (base / "planner" / "model.safetensors").read_bytes())
        description.write_text(json.dumps(values))
    elif how == "another base":
        values = json.loads((base / "autoencoder" / "config.json").read_text())
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
    error = refused(capsys, *words, tmp_path / "file" / "x")
    assert "a file stands where a folder is needed" in error
    assert ("cannot read" if words[0] == "train" else "cannot write") in error  # train looks there first
    # Root may write anywhere but here.
    line = refused(capsys, *words, "/proc/no-such-folder")
    assert "/proc/no-such-folder" in line


def test_help_is_fast_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, sail.cli.main\n"
        "try:\n    sail.cli.main.main(['--help'])\nexcept SystemExit as e:\n    assert e.code == 0\n"
        "heavy = {'numpy', 'yaml', 'rich', 'torch', 'mujoco', 'metaworld', 'gymnasium', 'diffusers', 'cv2'}\n"
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


def test_a_path_with_an_equals_sign_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lr=1e-3").mkdir()
    for word in ("runs/lr=1e-3", "./lr=1e-2", "lr=1e-3"):
        assert split_words([word, "base=weights/mine"], 1, "") == ([Path(word)], ["base=weights/mine"])


@pytest.mark.parametrize(
    "words", [("--version",), ("data", "{store}"), ("run", "--dry-run", "--preset", "smoke")]
)
def test_output_that_nobody_reads_or_that_knows_few_signs(words: tuple[str, ...], tmp_path: Path) -> None:
    store = tmp_path / "ä"
    EpisodeStore(store).add(make_episode(task="schließen", prompt="schließe die Tür"))
    command = shlex.join([sys.executable, "-m", "sail", *(word.format(store=store) for word in words)])
    for how in (">&-", "2>&-", ">&- 2>&-", "| head -c 1"):
        ended = subprocess.run(["bash", "-c", f"{command} {how}"], capture_output=True, timeout=60)
        assert b"Traceback" not in ended.stderr, how
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    told = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, env=ascii_only)
    assert told.returncode == 0 and told.stdout.isascii() and not told.stderr
