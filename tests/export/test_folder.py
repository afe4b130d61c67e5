"""An exported folder says what it holds, and one that is damaged, or of another version, is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sail.config.resolution import load_config
from sail.export.folder import (
    CONFIG,
    DYNAMICS,
    PLAN,
    POLICY,
    ExportError,
    checksum_of,
    file_hash,
    kind_of,
    new_folder,
    read_planner_config,
    read_policy_config,
)
from sail.export.parity import PolicySamples, Samples, check_folder, read_samples, write_samples
from sail.export.runtime import ExportedInverseDynamics, ExportedPlanner, ExportedPolicy, load_exported
from sail.loop.agent import sampling_of

from helpers import assert_one_line


def copied(folder: Path, to: Path, **changed: object) -> Path:
    """The folder, with something else in its config.json, signed again."""
    shutil.copytree(folder, to)
    rewrite(to, json.loads((to / CONFIG).read_text()) | changed)
    return to


def rewrite(folder: Path, content: dict[str, Any]) -> None:
    (folder / CONFIG).write_text(json.dumps(content | {"checksum": checksum_of(content)}))


def test_the_folder_says_what_it_holds(exported: Path, exported_as: tuple[str, ...]) -> None:
    config, samples = read_planner_config(exported), read_samples(exported, Samples)
    assert config.sampling == sampling_of(load_config(None, None, exported_as)) and config.precision == "fp32"
    assert config.latent_shape == (8, 4, 8, 8) and config.chunk == 8
    assert set(config.sources) == {"planner", "autoencoder", "inverse_dynamics", "prior"}
    assert config.parity == check_folder(exported, "cpu")
    assert samples.frames.shape == (32, 64, 64, 3) and len(samples.prompts) == 32


def test_a_folder_of_a_newer_version_is_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="has format 5, this version of sail reads 2 to 4"):
        ExportedPlanner(copied(exported, tmp_path / "newer", format=5))


def test_a_folder_of_the_version_before_says_one_side_and_is_read(exported: Path, tmp_path: Path) -> None:
    older = copied(exported, tmp_path / "older", format=2, frame_size=64)
    content = json.loads((older / CONFIG).read_text())
    del content["checksum"]
    (older / CONFIG).write_text(json.dumps(content))
    assert read_planner_config(older) == read_planner_config(exported)


@pytest.mark.parametrize("part", ["camera", "height", "control_seconds", "actions"])
def test_an_edited_embodiment_is_told(exported: Path, tmp_path: Path, part: str) -> None:
    folder = shutil.copytree(exported, tmp_path / "edited")
    content = json.loads((folder / CONFIG).read_text())
    wider = [{**one, "high": 2 * one["high"]} for one in content["embodiment"]["actions"]]
    edited = {"camera": "wrist", "height": 72, "control_seconds": 0.1, "actions": wider}
    content["embodiment"][part] = edited[part]
    (folder / CONFIG).write_text(json.dumps(content))
    with pytest.raises(ExportError) as error:
        check_folder(folder)
    assert_one_line(error, CONFIG, "not as it was exported")


def test_a_truncated_model_is_refused(exported: Path, tmp_path: Path) -> None:
    folder = copied(exported, tmp_path / "short")
    content = (folder / PLAN).read_bytes()
    (folder / PLAN).write_bytes(content[: len(content) // 2])
    with pytest.raises(ExportError, match=rf"{PLAN} is damaged .*copy it again"):
        ExportedPlanner(folder)
    (folder / PLAN).unlink()
    with pytest.raises(ExportError, match=rf"cannot read .*{PLAN}"):
        ExportedPlanner(folder)
    config = read_planner_config(exported)
    (folder / DYNAMICS).write_bytes(b"nothing")
    shutil.copy(exported / PLAN, folder / PLAN)
    sound = copied(
        folder, tmp_path / "sound", sha256={**config.sha256, DYNAMICS: file_hash(folder / DYNAMICS)}
    )
    with pytest.raises(ExportError, match=r"cannot load .*: export again, or try another provider"):
        ExportedInverseDynamics(sound)


@pytest.mark.parametrize("kind", ["new", "empty", "link", "current", "with what a kill left"])
def test_an_export_is_filled_wherever_a_folder_is(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there"
    out = {"link": tmp_path / "link", "current": Path()}.get(kind, there)
    if kind != "new":
        there.mkdir()
    if kind == "link":
        out.symlink_to(there)
    if kind == "current":
        monkeypatch.chdir(there)
    if kind == "with what a kill left":
        (there / ".part-abc").mkdir()
        (there / ".part-abc" / PLAN).touch()
    with pytest.raises(KeyError), new_folder(out) as folder:
        (folder / PLAN).touch()
        raise KeyError
    assert there.exists() == (kind != "new") and not (there.exists() and any(there.iterdir()))
    with new_folder(out) as folder:
        (folder / PLAN).write_text("plan")
        (folder / CONFIG).write_text("config")
    assert {path.name for path in there.iterdir()} == {PLAN, CONFIG}
    with pytest.raises(ExportError, match="not empty"), new_folder(out):
        pass


def test_a_place_that_cannot_be_written_is_told_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(ExportError) as error, new_folder(out):
            pytest.fail("begun")
        assert "\n" not in str(error.value)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="name a folder that sail export wrote"):
        ExportedPlanner(tmp_path / "nowhere")
    (tmp_path / CONFIG).write_text("{")
    with pytest.raises(ExportError, match="is damaged"):
        ExportedPlanner(tmp_path)


def test_a_policys_folder_says_what_it_holds_and_is_checked(exported_policy: Path, tmp_path: Path) -> None:
    config = read_policy_config(exported_policy)
    assert kind_of(exported_policy) == "policy" and config.chunk == 8
    assert config.parity == check_folder(exported_policy, "cpu")
    assert config.parity.keys() == {"text", "actions"}
    assert isinstance(load_exported(exported_policy), ExportedPolicy)
    with pytest.raises(ExportError, match="holds a policy: name a folder with an exported planner"):
        read_planner_config(exported_policy)
    other = tmp_path / "other"
    shutil.copytree(exported_policy, other)
    samples = read_samples(other, PolicySamples)
    write_samples(other, PolicySamples(samples.prompts, samples.frames, samples.text, samples.actions + 0.01))
    with pytest.raises(ExportError, match="damaged"):
        check_folder(other)
    content = json.loads((other / CONFIG).read_text())
    del content["sha256"]["samples.safetensors"]
    rewrite(other, content)
    with pytest.raises(ExportError, match=r"actions of .* off their source"):
        check_folder(other)
    (other / POLICY).unlink()
    with pytest.raises(ExportError, match="copy the whole folder again"):
        ExportedPolicy(other)
