"""`sail doctor --suite` says ok where a suite is fit, and what is wrong, with a cure, where it is not."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sail.system.doctor import Check
from sail.system.suite_checks import examine, refuse_unfit
from sail_envs.cameras import Camera
from sail_envs.gymnasium import gymnasium_suite
from sail_envs.suite import SuiteError, TaskSuite, find_suite

from helpers import Capture, assert_one_line, refused, sail
from tiny_environments import DOTS, Dots, Slider, dots_expert

NAMES = ["prompts", "seen and unseen", "spaces", "seeding", "proprioception", "success", "frames", "speed"]


def changed(make: Any = Dots, **changes: Any) -> TaskSuite:
    """A suite of dots whose environments are made by `make`."""
    given: dict[str, Any] = {"proprioception": "dot", "seen": ["near"], "expert": dots_expert}
    tasks = {"near": lambda: make(render_mode="rgb_array")}
    return gymnasium_suite(
        "dots", tasks, {"near": "move it"}, "told.there", height=32, width=32, **{**given, **changes}
    )


def wrong(suite: TaskSuite) -> Check:
    """The one check that is wrong."""
    checks, _ = examine(suite, list(suite.tasks), episodes=2, horizon=60)
    (found,) = [check for check in checks if check.needed and not check.ok]
    assert found.cure and "\n" not in found.detail + found.cure
    return found


def test_a_fit_suite_passes_every_check() -> None:
    told: list[str] = []
    checks, (pair,) = examine(DOTS, ["dots-near"], told=told.append)
    assert [check.name for check in checks] == NAMES
    assert all(check.ok and not check.cure for check in checks)
    assert told == [pair.task] == ["dots-near"]
    assert (pair.whose, pair.first.shape) == ("expert", (32, 32, 3))
    assert not np.array_equal(pair.first, pair.last)
    assert "3 of 3" in checks[NAMES.index("success")].detail
    assert "60x80 pixels" in checks[NAMES.index("frames")].detail
    refuse_unfit(DOTS, ["dots-near"])


class Unseeded(Dots):
    def reset(self, **how: Any) -> Any:
        return super().reset(seed=None)


class Constant(Dots):
    def reset(self, **how: Any) -> Any:
        return super().reset(seed=4)


class Drawn(Dots):
    def render(self) -> Any:
        self.dot = self.dot * 0.9
        return super().render()


class Dark(Dots):
    def render(self) -> Any:
        return super().render() * 0


class Still(Dots):
    def render(self) -> Any:
        return np.full((60, 80, 3), np.arange(80, dtype=np.uint8)[:, None])


class Lost(Dots):
    def _observation(self) -> Any:
        return {**super()._observation(), "dot": self.dot * np.nan}


class Broken(Dots):
    def step(self, action: Any) -> Any:
        raise RuntimeError("the motor\nis broken")


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (Unseeded, "seeding", "after other episodes"),
        (Constant, "seeding", "seeds 1, 2 and 3"),
        (Drawn, "seeding", "differs where its frames are drawn"),
        (Dark, "frames", "one colour"),
        (Still, "frames", "first and last frame"),
        (Lost, "spaces", "dot0 is nan"),
        (Broken, "spaces", "RuntimeError: the motor is broken"),
        (lambda render_mode: Dots(render_mode, leaky=True), "seeding", "after other episodes"),
    ],
)
def test_what_is_wrong_is_told_with_a_cure(make: Any, name: str, words: str) -> None:
    found = wrong(changed(make))
    assert found.name == name and words in found.detail
    if name != "frames":
        with pytest.raises(SuiteError) as error:
            refuse_unfit(changed(make), ["near"])
        assert_one_line(error, "suite dots", "near", words)


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"success": lambda *all: True}, "success", "before the arm has moved"),
        ({"success": lambda *all: False}, "success", "failed 2 times in 60 steps"),
        ({"success": "tolt"}, "spaces", "'tolt'"),
        ({"expert": lambda task: lambda simulation: None}, "success", "action is None"),
        ({"expert": lambda task: lambda simulation: np.full(2, np.nan)}, "success", "action is nan"),
        ({"expert": lambda task: lambda simulation: [50.0, 0.0]}, "success", "action is 50"),
        ({"expert": lambda task: lambda simulation: np.zeros(3)}, "success", "action is array"),
        ({"height": 100}, "spaces", "height is 100 pixels"),
    ],
)
def test_success_that_is_never_or_always_told_is_wrong(
    changes: dict[str, Any], name: str, words: str
) -> None:
    given = {
        "proprioception": "dot",
        "expert": dots_expert,
        "success": "told.there",
        "height": 32,
        "width": 32,
        **changes,
    }
    make = lambda: Dots(render_mode="rgb_array")  # noqa: E731
    found = wrong(gymnasium_suite("dots", {"near": make}, {"near": "a"}, given.pop("success"), **given))
    assert found.name == name and words in found.detail


def test_what_need_not_be_mended_is_noted() -> None:
    suite = changed(seen=[], expert=None, proprioception_dimensions=[{"low": -0.1, "high": 0.1}, {}])
    checks, (pair,) = examine(suite, ["near"], horizon=5)
    notes = {check.name: check for check in checks if not check.ok}
    assert set(notes) == {"seen and unseen", "proprioception"}
    assert not any(one.needed for one in notes.values())
    assert "dot0" in notes["proprioception"].detail
    assert "no expert: not checked" in next(check.detail for check in checks if check.name == "success")
    assert pair.whose == "random"


def test_a_camera_that_hangs_is_told(tmp_path: Path) -> None:
    path = tmp_path / "slider.xml"
    path.write_text(Slider.XML)
    for camera, ok in (("front", True), ("hanging", False), (Camera("hanging", turned=True), True)):
        suite = gymnasium_suite("slider", {"a": lambda: Slider(str(path))}, {"a": "b"}, "far", camera=camera)
        frames = next(check for check in examine(suite, ["a"], horizon=20)[0] if check.name == "frames")
        assert frames.ok == ok, frames
        assert ok or "upside down" in frames.detail


def test_one_scene_needs_a_prompt_for_each_task() -> None:
    suite = dataclasses.replace(DOTS, tasks={"a": "same", "b": "same"}, seen=("a",), one_scene=True)
    with pytest.raises(SuiteError) as error:
        refuse_unfit(suite, [])
    assert_one_line(error, "'a' and 'b'", "'same'")


def test_frames_of_another_shape_than_the_embodiments_are_wrong() -> None:
    simulate = DOTS.simulate

    def tall(task: str) -> Any:
        simulation = simulate(task)
        simulation.frame = lambda camera, height, width: np.zeros((9, 8, 3), np.uint8)  # type: ignore[method-assign]
        return simulation

    found = wrong(dataclasses.replace(DOTS, simulate=tall))
    assert found.name == "spaces" and "(9, 8, 3)" in found.detail and "(32, 32, 3)" in found.cure


def test_built_in_suites_are_not_examined_before_a_run() -> None:
    def never(task: str) -> Any:
        raise AssertionError

    for name in ("cups", "fetch@64", "metaworld@96x128"):
        refuse_unfit(dataclasses.replace(find_suite(name), simulate=never), ["any"])


def test_the_command_writes_a_picture_and_json(capsys: Capture, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    words = ("doctor", "--suite", "tiny_environments:DOTS", "--task", "dots-near", "--out", picture)
    code, out, err = sail(capsys, *words, "--json")
    assert code == 0 and "dots-near" in err
    assert [check["name"] for check in json.loads(out)] == [*NAMES, "picture"]
    shown = cv2.imread(str(picture))
    assert shown is not None and shown.shape[0] > 224 and (shown == 255).all(-1).mean() > 0.1
    code, out, _ = sail(capsys, *words)
    assert code == 0 and "WRONG" not in out


def test_the_command_ends_with_1_where_something_is_wrong(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiny_environments.LEAKY", changed(Unseeded), raising=False)
    words = ("doctor", "--suite", "tiny_environments:LEAKY", "--out", tmp_path / "picture.png")
    code, out, err = sail(capsys, *words)
    assert code == 1 and "WRONG" in out
    assert err.splitlines()[-1] == "sail: error: suite dots is wrong in seeding: see above"
    assert not (tmp_path / "picture.png").exists()


def test_bad_words_are_refused(capsys: Capture, tmp_path: Path) -> None:
    assert "--suite" in refused(capsys, "doctor", "--task", "reach")
    assert "'fetch'" in refused(capsys, "doctor", "--suite", "fetsh")
    assert "dots-near" in refused(capsys, "doctor", "--suite", "tiny_environments:DOTS", "--task", "dots-far")


def test_an_unfit_suite_is_refused_before_anything_is_written(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiny_environments.UNFIT", changed(Unseeded), raising=False)
    suite, out = "tiny_environments:UNFIT", tmp_path / "out"
    collect = f"collect --source expert --tasks near --episodes 1 --suite {suite}"
    for words in (collect, f"run suite={suite} task=near", f"train suite={suite}"):
        assert "after other episodes" in refused(capsys, *words.split(), "--out", out)
        assert not out.exists()
