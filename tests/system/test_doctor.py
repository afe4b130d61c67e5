"""Each check says no where it must, with a cure, and yes on a machine that can run the tests at all."""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import save_file

from sail.system import doctor
from sail.system.doctor import Check


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    for part in doctor.MODEL_PARTS:
        folder = tmp_path / "base" / part
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        save_file({"weight": np.zeros((10, 10), np.float32)}, folder / "model.safetensors")
    return tmp_path


def test_this_machine_runs_python_torch_and_gl() -> None:
    for check in (doctor.check_python(), doctor.check_torch(), doctor.check_gl(), doctor.check_simulation()):
        assert check.ok, check
        assert check.cure == ""


def test_an_empty_frame_is_told_where_python_drops_assertions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_DRAW", doctor._DRAW.replace("<geom size='.1' rgba='1 0 0 1'/>", ""))
    for level in ("0", "1"):
        monkeypatch.setenv("PYTHONOPTIMIZE", level)
        check = doctor.check_gl()
        assert not check.ok and "the frame is empty" in check.detail + check.cure


def test_packages_that_do_not_fit_each_other_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "metaworld.py").write_text("raise ImportError('this metaworld is of another mujoco')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    check = doctor.check_simulation()
    assert not check.ok and check.needed
    assert "another mujoco" in check.detail and "metaworld" in check.cure


def test_a_graphics_device_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_EGL_DEVICE_ID", "99")
    check = doctor.check_gl(("egl",))
    assert not check.ok and "MUJOCO_EGL_DEVICE_ID" in check.cure and "_mjr_context" not in check.detail


def test_gl_names_the_back_end_that_works_and_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    tried: list[str] = []

    def fails(code: str, environment: dict[str, str]) -> str | None:
        tried.append(environment["MUJOCO_GL"])
        return "no driver" if environment["MUJOCO_GL"] == "egl" else None

    monkeypatch.setattr(doctor, "_fails", fails)
    assert doctor.check_gl() == Check("OpenGL off screen", True, "osmesa")
    assert tried == ["egl", "osmesa"]


def test_a_gl_back_end_that_cannot_exist_is_reported_with_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    check = doctor.check_gl(("nonsense",))
    assert not check.ok
    assert "nonsense: " in check.detail and "\n" not in check.detail
    assert "libegl1" in check.cure and "libosmesa6" in check.cure


@pytest.mark.parametrize(("kilobytes", "ok"), [(5 * 2**20, True), (3 * 2**20, False)])
def test_memory_is_compared_with_the_need(kilobytes: int, ok: bool, tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal: 99999999 kB\nMemAvailable: {kilobytes} kB\n")
    check = doctor.check_memory(meminfo)
    assert (check.ok, bool(check.cure)) == (ok, not ok)
    assert check.detail == f"{kilobytes / 2**20:.1f} GiB available"


def test_unknown_memory_does_not_fail_the_machine(tmp_path: Path) -> None:
    check = doctor.check_memory(tmp_path / "none")
    assert not check.ok and not check.needed


def test_disk(tmp_path: Path) -> None:
    assert doctor.check_disk(tmp_path, needed=1).ok
    assert not doctor.check_disk(tmp_path, needed=2**80).ok
    assert "No such file" in doctor.check_disk(tmp_path / "none").detail


def test_whole_weights_pass(weights: Path) -> None:
    check = doctor.check_weights(pretrained=weights)
    assert check.ok, check
    assert "planner" in check.detail


def test_missing_truncated_and_foreign_weights_are_named(weights: Path) -> None:
    path = weights / "base" / "planner" / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    assert "base/planner/model.safetensors is damaged" in doctor.check_weights(pretrained=weights).detail
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert "base/planner/model.safetensors is damaged" in doctor.check_weights(pretrained=weights).detail
    path.unlink()
    check = doctor.check_weights(pretrained=weights)
    assert check.detail == "base/planner/model.safetensors is missing"
    assert check.cure


def test_a_broken_import_is_one_line_with_the_exception() -> None:
    assert doctor._fails("import nothing_of_that_name") == (
        "ModuleNotFoundError: No module named 'nothing_of_that_name'"
    )
    assert doctor._fails("import os; os.abort()") == "crashed with signal 6"
    assert doctor._fails("pass") is None


def test_ros_is_optional_and_found_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rclpy.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert doctor.check_ros().ok
    (tmp_path / "rclpy.py").write_text("raise ImportError('librcl.so: not found')")
    check = doctor.check_ros()
    assert (check.ok, check.needed) == (False, False)
    assert "librcl.so" in check.detail and check.cure


def test_only_what_is_needed_decides() -> None:
    good, optional = Check("a", True, "x"), Check("b", False, "x", "y", needed=False)
    assert doctor.healthy([good, optional])
    assert not doctor.healthy([good, Check("c", False, "x", "y")])


def test_every_check_has_a_name_of_its_own_and_a_cure_where_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_fails", lambda code, environment=None: "broken")
    checks = doctor.run_checks(tmp_path, base="none")
    assert len({check.name for check in checks}) == len(checks) == 10
    assert all(check.cure for check in checks if not check.ok)
    assert all("\n" not in check.detail + check.cure for check in checks)


def test_the_table_and_the_json_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    checks = [Check("GL", False, "[Errno 2] none", "install it"), Check("disk", True, "3 GiB")]
    console = Console(width=100, record=True)
    doctor.print_checks(checks, console=console)
    table = console.export_text()
    assert all(text in table for text in ("GL", "[Errno 2] none", "install it", "3 GiB"))
    capsys.readouterr()
    doctor.print_checks(checks, as_json=True)
    assert json.loads(capsys.readouterr().out) == [dataclasses.asdict(check) for check in checks]
