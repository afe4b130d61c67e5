"""The learner of a run: a planner with inverse dynamics, or a policy. All differences between the two are
here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

from torch import nn

from sail.config.method import find_method
from sail.config.schema import RunConfig, TrainingConfig
from sail.config.suites import prompt_of_run
from sail.loop.agent import Agent, PolicyAgent, base_of, load_agent, load_policy, with_checkpoint
from sail.loop.probes import measure_beside, plan_spread
from sail.loop.session import Session
from sail.training.fine_tuning import (
    check_trainable,
    finetune_inverse_dynamics,
    finetune_planner,
    finetune_policy,
)
from sail.training.imagined_goals import imagine_goals
from sail.types import Episode, UInt8
from sail_models.networks.inverse_dynamics import InverseDynamics


@dataclass(frozen=True)
class Lesson:
    """One iteration's fine-tuning. sessions: of all runs that share what learns. kept: of all of them,
    balanced. report(step, loss): called after every step of the network that acts."""

    sessions: Sequence[Session]
    iteration: int
    demonstrations: Sequence[Episode]
    kept: Sequence[Episode]
    training: TrainingConfig
    seed: int
    report: Callable[[int, float], None]


class Learner(Protocol):
    """An agent that the loop improves. The loop knows no more of it than this."""

    @property
    def agent(self) -> Agent | PolicyAgent:
        """The agent that acts."""
        ...

    def check(self) -> None:
        """Raises TrainError where further training would undo what the agent is."""
        ...

    def at(self, checkpoint: Path) -> "Learner":
        """The learner as it was at a checkpoint. Raises WeightsError."""
        ...

    def networks(self, training: TrainingConfig) -> dict[str, nn.Module]:
        """The networks that fine-tuning changes, by the names of their folders in a checkpoint."""
        ...

    def taught(self, lesson: Lesson) -> dict[str, nn.Module]:
        """The `networks` after a lesson; the agent's own stay as they are. Raises TrainError."""
        ...

    def plan_spread(self, config: RunConfig, frames: UInt8) -> dict[str, float]:
        """How much plans from the same first frames uint8 (N, H, W, 3) differ; empty where nothing is
        planned."""
        ...

    def beside_curve(self, session: Session) -> dict[str, Any]:
        """Sections of results.json that a finished run's curve is read against; empty without plans."""
        ...


@dataclass(frozen=True)
class PlannerLearner:
    """A planner learns, and inverse dynamics where the settings say so. See `Learner`."""

    agent: Agent

    def check(self) -> None:
        """A distilled planner is refused."""
        check_trainable(self.agent.planner)

    def at(self, checkpoint: Path) -> "PlannerLearner":
        """See `Learner`."""
        return PlannerLearner(with_checkpoint(self.agent, checkpoint))

    def networks(self, training: TrainingConfig) -> dict[str, nn.Module]:
        """See `Learner`."""
        found: dict[str, nn.Module] = {"planner": self.agent.planner}
        if training.inverse_dynamics:
            found["inverse_dynamics"] = self.agent.inverse_dynamics
        return found

    def taught(self, lesson: Lesson) -> dict[str, nn.Module]:
        """First the planner, then inverse dynamics, which also learns from goals that the new planner
        draws."""
        training, progress = lesson.training, lesson.sessions[0].progress
        planner = finetune_planner(
            self.agent, lesson.demonstrations, lesson.kept, training, lesson.seed, lesson.report
        )
        learnt: dict[str, nn.Module] = {"planner": planner}
        if training.inverse_dynamics:
            progress.stage(f"iteration {lesson.iteration}: inverse dynamics", training.inverse_dynamics_steps)
            learnt["inverse_dynamics"] = _taught_dynamics(replace(self.agent, planner=planner), lesson)
        return learnt

    def plan_spread(self, config: RunConfig, frames: UInt8) -> dict[str, float]:
        """See `Learner`."""
        return {"plan_spread": plan_spread(self.agent, config, frames)}

    def beside_curve(self, session: Session) -> dict[str, Any]:
        """The prompt, what chance and a perfect plan reach, and whether the prompt decides."""
        if not session.folder.step_done("probes"):
            session.progress.stage("probes", 2 * session.config.evaluation_episodes)
            advance = session.progress.advance
            measured = measure_beside(self.agent, session.config, session.environments, advance)
            session.rest()
            session.folder.finish("probes", measured)
        return {"prompt": prompt_of_run(session.config), **session.folder.payload("probes")}


@dataclass(frozen=True)
class PolicyLearner:
    """A policy learns by behaviour cloning, and plans nothing. See `Learner`."""

    agent: PolicyAgent

    def check(self) -> None:
        """Every policy may learn."""

    def at(self, checkpoint: Path) -> "PolicyLearner":
        """See `Learner`."""
        return PolicyLearner(load_policy(checkpoint, embodiment=self.agent.embodiment))

    def networks(self, training: TrainingConfig) -> dict[str, nn.Module]:
        """See `Learner`."""
        return {"policy": self.agent.policy}

    def taught(self, lesson: Lesson) -> dict[str, nn.Module]:
        """See `Learner`."""
        policy = finetune_policy(
            self.agent, lesson.demonstrations, lesson.kept, lesson.training, lesson.seed, lesson.report
        )
        return {"policy": policy}

    def plan_spread(self, config: RunConfig, frames: UInt8) -> dict[str, float]:
        """There are no plans."""
        return {}

    def beside_curve(self, session: Session) -> dict[str, Any]:
        """There are no plans to probe."""
        return {}


def learner_of(config: RunConfig) -> Learner:
    """What learns by a configuration's method, as base weights. Raises WeightsError, PriorError, PlugInError
    and what the method's own learner raises."""
    make = find_method(config.method).learner
    if make is not None:
        return cast(Learner, make(config))
    return (
        PlannerLearner(load_agent(config))
        if find_method(config.method).plans
        else PolicyLearner(load_policy(base_of(config)))
    )


def _taught_dynamics(agent: Agent, lesson: Lesson) -> InverseDynamics:
    """Inverse dynamics after learning from demonstrations, kept episodes and the planner's drawings of those;
    where nothing is drawn, from demonstrations and all collected episodes."""
    training, sessions = lesson.training, lesson.sessions
    chunk = agent.inverse_dynamics.config.chunk
    whole = [episode for episode in lesson.kept if len(episode) >= chunk]
    imagined, collected = None, whole
    if training.imagined_windows and whole:
        guidance = sessions[0].config.planner.guidance
        imagined = imagine_goals(agent, whole, training.imagined_windows, guidance, lesson.seed)
    else:
        collected = [
            one for session in sessions for one in session.read(session.store.records(source="self"))
        ]

    def report(step: int, loss: float) -> None:
        sessions[0].progress.advance()

    return finetune_inverse_dynamics(
        agent, lesson.demonstrations, collected, imagined, training, lesson.seed, report
    )
