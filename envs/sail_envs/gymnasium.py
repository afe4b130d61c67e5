"""Any Gymnasium environment that renders as a task suite."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from numbers import Real
from typing import Any

from sail.embodiment import Dimension, Embodiment, EmbodimentError
from sail.errors import not_found, show
from sail_envs.cameras import View
from sail_envs.gymnasium_reading import (
    Actions,
    Environment,
    Number,
    Proprioception,
    Reading,
    Success,
    action_of,
    proprioception_of,
    success_of,
)
from sail_envs.gymnasium_simulation import (
    RENDERED,
    GymnasiumSimulation,
    make_environment,
    simulation_of,
    views_of,
)
from sail_envs.suite import Expert, SuiteError, TaskSuite, Workspace

# Fields of a `sail.embodiment.Dimension`, or some of them.
Described = Mapping[str, Any]


def gymnasium_suite(
    name: str,
    environments: Mapping[str, str | Callable[[], Environment]],
    prompts: Mapping[str, str],
    success: Success,
    *,
    proprioception: Proprioception = (),
    actions: Actions = None,
    seen: Sequence[str] = (),
    unseen: Sequence[str] = (),
    camera: str | View | None = None,
    height: int = 64,
    width: int = 64,
    control_seconds: float | None = None,
    frame_skip: int = 4,
    plan_frames: int = 8,
    action_dimensions: Sequence[Described] = (),
    proprioception_dimensions: Sequence[Described] = (),
    kwargs: Mapping[str, Any] | None = None,
    expert: Callable[[str], Expert] | None = None,
    workspace: Workspace | None = None,
    things: Callable[[Environment, Any], Any] | None = None,
    fresh: bool = False,
    one_scene: bool = False,
) -> TaskSuite:
    """A suite of Gymnasium environments, one a task. The first is made once, to read its spaces.

    environments: each task's Gymnasium id (`package.module:Arm-v0` imports the module first), or what makes
    its environment. prompts: each task's. success, proprioception, actions: see `gymnasium_reading`. camera:
    where there is a MuJoCo model, one of its cameras, a view, or None for the environment's own; other
    environments draw themselves. height, width: of a frame; of what an environment draws itself the middle,
    in this shape, is averaged down. control_seconds: of one step; the environment's own where None.
    frame_skip: steps between two planned frames. plan_frames: future frames of a plan. action_dimensions,
    proprioception_dimensions: what each number is; a missing field is read from the spaces, or kind "other",
    unit "1", range -1 to 1. kwargs: of every id's environment. things: from environment and observation to
    the places of the things to touch, (N, 3), metres. fresh: make the environment anew for every episode.
    The rest is `TaskSuite`'s; an expert reads a `GymnasiumSimulation`.

    Raises SuiteError, EmbodimentError.
    """
    try:
        if not environments:
            raise SuiteError("it has no environments: name each task and its Gymnasium id")
        for task in {**environments, **prompts}:
            for kind, known in (("environment", environments), ("prompt", prompts)):
                if task not in known:
                    raise SuiteError(f"the task '{task}' has no {kind}: give each task both")
        makers = {task: _maker(one, kwargs or {}) for task, one in environments.items()}
        first = next(iter(makers.values()))()
        action, acts = action_of(actions, first.action_space)
        read, reads = proprioception_of(proprioception, first)
        reading = Reading(action, read, success_of(success), things)
        embodiment = Embodiment(
            camera=f"{name}/{next(iter(views_of(first, camera)), RENDERED)}",
            height=height,
            width=width,
            control_seconds=_control_seconds(first) if control_seconds is None else control_seconds,
            frame_skip=frame_skip,
            plan_frames=plan_frames,
            actions=_dimensions("action", acts, action_dimensions),
            proprioception=_dimensions("proprioception", reads, proprioception_dimensions),
        )
        space = first.action_space
        first.close()
    except (SuiteError, EmbodimentError) as error:
        raise SuiteError(f"suite {name}: {error}") from error

    def simulate(task: str) -> GymnasiumSimulation:
        simulation = simulation_of(makers[task], reading, camera, fresh)
        if simulation.environment.action_space != space:
            raise SuiteError(
                f"suite {name}: the actions of '{task}' are {simulation.environment.action_space}, those of "
                f"'{next(iter(makers))}' {space}: a suite has one arm"
            )
        return simulation

    return TaskSuite(
        name=name,
        embodiment=embodiment,
        tasks=dict(prompts),
        seen=tuple(seen),
        unseen=tuple(unseen),
        simulate=simulate,
        expert=expert,
        workspace=workspace,
        one_scene=one_scene,
    )


def _maker(
    environment: str | Callable[[], Environment], kwargs: Mapping[str, Any]
) -> Callable[[], Environment]:
    return partial(make_environment, environment, **(kwargs if isinstance(environment, str) else {}))


def _control_seconds(environment: Environment) -> float:
    """How long a step lasts, as the environment says it."""
    step, rate = getattr(environment.unwrapped, "dt", None), environment.metadata.get("render_fps")
    if step is not None:
        return float(step)
    if rate:
        return 1.0 / float(rate)
    raise SuiteError(f"{environment.unwrapped} does not say how long a step lasts: give control_seconds")


def _dimensions(
    kind: str, numbers: Sequence[Number], described: Sequence[Described]
) -> tuple[Dimension, ...]:
    """What each number is: what is described, else what the spaces say. numbers: of the spaces; none where
    the description alone says how many there are."""
    known = [one.name for one in fields(Dimension)]
    numbers = numbers or [(f"{kind}{index}", -1.0, 1.0) for index in range(len(described))]
    if described and len(described) != len(numbers):
        raise SuiteError(
            f"{kind}_dimensions describes {len(described)} numbers of {len(numbers)}: describe each"
        )
    made = []
    for (name, low, high), changes in zip(numbers, described or [{}] * len(numbers), strict=True):
        for field in changes:
            if field not in known:
                raise SuiteError(not_found(f"field of {kind}_dimensions", field, known))
        values = {"name": name, "kind": "other", "unit": "1", "low": low, "high": high, **changes}
        for end in ("low", "high"):
            if not isinstance(values[end], Real):
                raise SuiteError(f"{kind}_dimensions: {end} must be a number, not {show(values[end])}")
        made.append(Dimension(**values))
    return tuple(made)
