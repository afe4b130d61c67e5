"""Whether a task suite is fit to learn from: the checks behind `sail doctor --suite`, and the refusal of one
that is not."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sail.embodiment import Embodiment, EmbodimentError
from sail.errors import one_line, show
from sail.system.doctor import Check
from sail.types import Float32, UInt8
from sail_envs.cameras import Camera, FreeCamera
from sail_envs.simulation import Simulation
from sail_envs.suite import SuiteError, TaskSuite, is_built_in

# Control steps of an episode that is made twice, and frames that are drawn to measure how long they take.
STEPS, TIMED = 12, 20


class Pair(NamedTuple):
    """A task's episode, as seen: its first frame and its last, uint8 (H, W, 3) RGB. whose: the expert's, or
    random."""

    task: str
    whose: str
    first: UInt8
    last: UInt8


@dataclass
class Trial:
    """One task's simulation under examination. episodes: that an expert is given, of up to `horizon` control
    steps. pair: of its first one."""

    suite: TaskSuite
    task: str
    simulation: Simulation
    episodes: int = 3
    horizon: int = 200
    pair: Pair | None = None

    def frame(self) -> UInt8:
        """The suite's own camera's frame now."""
        size = self.suite.embodiment
        return self.simulation.frame(next(iter(self.simulation.cameras)), size.height, size.width)

    def random_actions(self, seed: int, steps: int) -> Iterator[Float32]:
        """Actions float32 (A,) in -1..1."""
        rng, numbers = np.random.default_rng(seed), len(self.suite.embodiment.actions)
        return (rng.uniform(-1.0, 1.0, numbers).astype(np.float32) for _ in range(steps))


def examine(
    suite: TaskSuite,
    tasks: Sequence[str],
    episodes: int = 3,
    horizon: int = 200,
    told: Callable[[str], None] = lambda task: None,
) -> tuple[list[Check], list[Pair]]:
    """All checks of a suite, in the order they are shown, and its tasks' pictures. episodes, horizon: see
    `Trial`. told: hears each task's name before its turn."""
    found: dict[str, dict[str, Check]] = {}
    pairs: list[Pair] = []
    for task in tasks:
        told(task)
        checks, pair = _examined(suite, task, _CHECKS, episodes, horizon)
        pairs += [pair] if pair is not None else []
        for check in checks:
            found.setdefault(check.name, {})[task] = check
    return [_prompts(suite), _split(suite), *(_together(checks) for checks in found.values())], pairs


def refuse_unfit(suite: TaskSuite, tasks: Sequence[str]) -> None:
    """Raise SuiteError with the first thing that is wrong with the spaces, prompts or seeding of these tasks.

    The suites that are built in are not looked at: they are tested.
    """
    if is_built_in(suite.reference):
        return
    checks = [_prompts(suite)]
    for task in tasks:
        made, _ = _examined(suite, task, {name: _CHECKS[name] for name in ("spaces", "seeding")})
        checks += [replace(check, detail=f"{task}: {check.detail}") for check in made]
    for check in checks:
        if not check.ok:
            raise SuiteError(f"suite {suite.name}: {check.detail}: {check.cure}")


def _examined(
    suite: TaskSuite,
    task: str,
    wanted: Mapping[str, Callable[[Trial], Check]],
    episodes: int = 0,
    horizon: int = 0,
) -> tuple[list[Check], Pair | None]:
    """The checks of one task, up to the first that is wrong, and its picture."""
    done: list[Check] = []
    name, trial = "spaces", None
    try:
        trial = Trial(suite, task, suite.simulate(task), episodes, horizon)
        for name, check in wanted.items():
            done.append(replace(check(trial), name=name))
            if done[-1].needed and not done[-1].ok:
                break
    except Exception as error:  # whatever a simulation of somebody else's raises
        cure = "mend the suite" if isinstance(error, SuiteError) else "mend the simulation, which raises this"
        done.append(Check(name, False, one_line(error), cure))
    return done, trial.pair if trial is not None else None


def _together(checks: Mapping[str, Check]) -> Check:
    """One check of several tasks: what is wrong first, then what is only noted, then what was found."""
    worst = min(checks.values(), key=lambda check: (check.ok or not check.needed, check.ok))
    alike = {task: one for task, one in checks.items() if (one.ok, one.needed) == (worst.ok, worst.needed)}
    if len({one.detail for one in alike.values()}) == 1 and len(alike) == len(checks):
        return worst
    shown = [f"{task}: {one.detail}" for task, one in list(alike.items())[: 4 if worst.ok else 1]]
    if len(alike) > len(shown):
        shown.append(f"and {len(alike) - len(shown)} more")
    return replace(worst, detail="; ".join(shown))


def _prompts(suite: TaskSuite) -> Check:
    """In one scene, prompts alone tell tasks apart."""
    by_prompt: dict[str, str] = {}
    for task, prompt in suite.tasks.items():
        other = by_prompt.setdefault(prompt, task)
        if other != task and suite.one_scene:
            detail = f"'{other}' and '{task}' share the prompt '{prompt}'"
            return Check("prompts", False, detail, "one scene needs a prompt for each task")
    return Check("prompts", True, f"{len(suite.tasks)} tasks, {len(by_prompt)} prompts")


def _split(suite: TaskSuite) -> Check:
    detail = f"{len(suite.seen)} seen, {len(suite.unseen)} unseen"
    if suite.seen:
        return Check("seen and unseen", True, detail)
    return Check(
        "seen and unseen", False, detail, "sail train demonstrates seen tasks: name some, seen=", False
    )


def _spaces(trial: Trial) -> Check:
    """Frames, proprioception and actions are what the embodiment says, and frames can be encoded."""
    from sail_models.spaces.autoencoder import latent_sides  # here: it imports PyTorch

    size, simulation = trial.suite.embodiment, trial.simulation
    try:
        latent_sides(size)
    except EmbodimentError as error:
        cause, _, cure = str(error).partition(": ")
        return Check("", False, cause, cure)
    simulation.reset(1)
    for action in (-1.0, 1.0, 0.0):
        frame, numbers = trial.frame(), simulation.proprioception()
        if frame.dtype != np.uint8 or frame.shape != (size.height, size.width, 3):
            found = f"frames are {frame.dtype} of shape {frame.shape}"
            return Check("", False, found, f"make them uint8 of shape ({size.height}, {size.width}, 3)")
        if numbers.dtype != np.float32 or numbers.shape != (len(size.proprioception),):
            found = f"proprioception is {numbers.dtype} of shape {numbers.shape}"
            return Check("", False, found, f"the embodiment says float32 ({len(size.proprioception)},)")
        if not np.isfinite(numbers).all():
            index = int(np.flatnonzero(~np.isfinite(numbers))[0])
            found = f"proprioception {size.proprioception[index].name} is {numbers[index]}"
            return Check("", False, found, "leave it out, or mend the simulation")
        simulation.step(np.full(len(size.actions), action, np.float32))
    shape = f"frames {size.height}x{size.width}, {len(size.proprioception)} numbers of proprioception"
    return Check("", True, f"{shape}, actions of {len(size.actions)}")


def _seeding(trial: Trial) -> Check:
    """A seed gives the same episode to the byte, whatever ran before and whether it was drawn or not."""
    first, other = _episode(trial, 1), [_episode(trial, seed) for seed in (2, 3)]
    again, undrawn = _episode(trial, 1), _episode(trial, 1, drawn=False)
    what = ("first frame", "last frame", "proprioception")
    for which, one, two in zip(what, first, again, strict=True):
        if one != two:
            detail = f"seed 1 gave another {which} after other episodes"
            cure = (
                "seed all randomness in reset, and keep nothing between episodes (fresh=True makes it anew)"
            )
            return Check("", False, detail, cure)
    if first[1:] != undrawn[1:]:
        return Check(
            "", False, "an episode differs where its frames are drawn", "drawing must change nothing"
        )
    if all(first == one for one in other):
        cure = "reset(seed) must place things by the seed"
        return Check("", False, "seeds 1, 2 and 3 give the same episode", cure)
    return Check("", True, "a seed gives the same bytes, other seeds others")


def _episode(trial: Trial, seed: int, drawn: bool = True) -> tuple[bytes, bytes, bytes]:
    """First frame, last frame, and proprioception at every step. The actions are those of every seed."""
    simulation = trial.simulation
    simulation.reset(seed)
    first, numbers = trial.frame() if drawn else np.zeros(0, np.uint8), [simulation.proprioception()]
    for action in trial.random_actions(0, STEPS):
        simulation.step(action)
        numbers.append(simulation.proprioception())
        if drawn:
            trial.frame()
    return first.tobytes(), trial.frame().tobytes(), np.stack(numbers).tobytes()


def _ranges(trial: Trial) -> Check:
    """Networks see proprioception scaled by its ranges."""
    dimensions, simulation = trial.suite.embodiment.proprioception, trial.simulation
    numbers = []
    for seed in (1, 2, 3):
        simulation.reset(seed)
        for action in trial.random_actions(seed, 4 * STEPS):
            numbers.append(simulation.proprioception())
            simulation.step(action)
    for dimension, low, high in zip(dimensions, np.min(numbers, 0), np.max(numbers, 0), strict=True):
        half = (dimension.high - dimension.low) / 2
        if low < dimension.low - half or high > dimension.high + half:
            detail = (
                f"{dimension.name} went from {low:.3g} to {high:.3g}, its range is {dimension.low:.3g} to "
                f"{dimension.high:.3g}"
            )
            return Check("", False, detail, "give its low and high (proprioception_dimensions)", needed=False)
        if dimension.kind != "gripper" and 0 < high - low < half / 50:
            detail = f"{dimension.name} moved by {high - low:.2g} of a range of {2 * half:.2g}"
            return Check("", False, detail, "give a narrower low and high", needed=False)
    return Check("", True, "within its ranges")


def _success(trial: Trial) -> Check:
    """The expert can do the task, and nothing else has done it before."""
    suite, simulation = trial.suite, trial.simulation
    expert = suite.expert(trial.task) if suite.expert is not None else None
    steps, at_once = [], 0
    for seed in range(1, trial.episodes + 1):
        simulation.reset(seed)
        simulation.step(np.zeros(len(suite.embodiment.actions), np.float32))
        at_once += simulation.outcome() == "success"
    for seed in range(1, (trial.episodes if expert else 1) + 1):
        simulation.reset(seed)
        first = trial.frame()
        for step, action in enumerate(trial.random_actions(seed, trial.horizon), 1):
            if expert is not None:
                action = expert(simulation)
                refused = _no_action(action, suite.embodiment)
                if refused:
                    cure = f"an expert gives float32 ({len(suite.embodiment.actions)},) in -1..1"
                    return Check("", False, f"the expert's action is {refused}", cure)
            simulation.step(action)
            if simulation.outcome() == "success":
                steps.append(step)
                break
        trial.pair = trial.pair or Pair(trial.task, "expert" if expert else "random", first, trial.frame())
    if at_once == trial.episodes:
        cure = "mend what tells success (success=)"
        return Check("", False, "every episode is a success before the arm has moved", cure)
    if expert is None:
        return Check("", True, "no expert: not checked")
    if not steps:
        cure = "mend the expert or what tells success (success=), or give it more steps (--horizon)"
        return Check("", False, f"the expert failed {trial.episodes} times in {trial.horizon} steps", cure)
    return Check(
        "", True, f"the expert {len(steps)} of {trial.episodes}, after {int(np.median(steps))} steps"
    )


def _no_action(action: object, embodiment: Embodiment) -> str:
    """What is wrong with an expert's action; "" where nothing is."""
    numbers = np.asarray(action) if isinstance(action, np.ndarray | list | tuple) else None
    if numbers is None or numbers.shape != (len(embodiment.actions),):
        return show(action)
    for dimension, number in zip(embodiment.actions, numbers, strict=True):
        if not -1.001 <= number <= 1.001:  # holds for NaN too
            return f"{number:g} for {dimension.name}"
    return ""


def _picture(trial: Trial) -> Check:
    """Frames show something, and the right way up where it can be told."""
    assert trial.pair is not None
    if trial.pair.first.min() == trial.pair.first.max():
        return Check("", False, "a frame is of one colour", "aim the camera at the scene, or light it")
    if np.array_equal(trial.pair.first, trial.pair.last):
        return Check("", False, "an episode's first and last frame are the same", "aim the camera at the arm")
    upright = _upright(trial.simulation)
    if upright is False:
        return Check("", False, "the camera hangs upside down", "turn its picture (turned=True), or move it")
    told = "cannot tell which way is up: look at the picture" if upright is None else "the right way up"
    drawn = getattr(trial.simulation, "rendered", None)
    if drawn is not None:
        told += f"; the middle of what render() draws, {drawn[0]}x{drawn[1]} pixels, averaged down"
    return Check("", True, told)


def _upright(simulation: Simulation) -> bool | None:
    """Whether the suite's own camera shows up as up, None where that cannot be told: there is no MuJoCo
    camera, or it looks straight down."""
    view = getattr(simulation, "views", {}).get(next(iter(simulation.cameras)))
    if isinstance(view, FreeCamera):
        up = float(view.pose()[1][2, 1])
    elif isinstance(view, Camera):
        up = float(simulation.data.camera(view.mujoco_name).xmat[7])  # type: ignore[attr-defined]
    else:
        return None
    return None if abs(up) < 0.1 else (up > 0) != view.turned


def _speed(trial: Trial) -> Check:
    """Milliseconds of a control step and of a frame."""
    trial.simulation.reset(1)
    trial.frame()
    begun = time.perf_counter()
    for action in trial.random_actions(0, TIMED):
        trial.simulation.step(action)
    stepped = time.perf_counter()
    for _ in range(TIMED):
        trial.frame()
    drawn = time.perf_counter()
    step, frame = (1000 * seconds / TIMED for seconds in (stepped - begun, drawn - stepped))
    return Check(
        "", True, f"a step {step:.1f} ms, a frame {frame:.1f} ms: {1000 / (step + frame):.0f} steps/s"
    )


_CHECKS: Mapping[str, Callable[[Trial], Check]] = {
    "spaces": _spaces,
    "seeding": _seeding,
    "proprioception": _ranges,
    "success": _success,
    "frames": _picture,
    "speed": _speed,
}
