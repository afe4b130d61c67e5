"""The settings of base training."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from sail.config.overrides import Described, Range, check_limits, construct, parse_overrides
from sail.config.schema import NO_SUITE, Count, Demonstrator, Share
from sail.training.autoencoder_fit import OWN
from sail.training.checkpointed_fit import NOTHING, TrainError
from sail_models.networks.action_head import Head

# The camera is the suite's, or the store says it.
SIMULATED = "simulated"


@dataclass(frozen=True)
class BaseConfig:
    """Episodes to collect (each number is a task's or a scene's) and optimiser steps.

    suite: task suites of one embodiment, with commas between (see `sail_envs.suite.find_suite`), a mapping
    that describes one, or "none": the store's own demonstrations.
    camera: with suite=none, the camera of a store that does not say its embodiment.
    autoencoder: "own" trains a new autoencoder on these episodes; any other value is the folder of an
    autoencoder, such as a prior's.
    demonstrator: of the seen tasks; "suboptimal" takes 70 % of its actions at random.
    play_seen, play_unseen, play_other: play in the scenes of seen tasks, of unseen ones, and of all others.
    planner_start: "nothing", or the folder of a planner over this autoencoder's latents to continue from;
    then planner_network and grounding_steps have no effect.
    planner_network: widths of the planner; its levels follow from the frame (see `planner_config`).
    grounding_steps: 0 gives a planner without grounding, like the base that ships.
    play_share, backwards_share: shares of the planner's batches that are captioned play, and demonstrations
    played backwards.
    gripping_share: share of inverse dynamics' batches in which a gripper opens or closes. Where this is rare,
    inverse dynamics learns otherwise that grippers stay as they are.
    policy_steps: 0 trains no policy; only method=bc-loop begins from one.
    verifier_steps: 0 trains no verifier; only filter=verifier needs one.
    verifier_attempts: simulated attempts at each task that the verifier learns from.

    Raises TrainError, and ConfigError for a value out of its range.
    """

    suite: Annotated[str, Described()] = "metaworld"
    camera: str = SIMULATED
    autoencoder: str = OWN
    demonstrator: Demonstrator = "expert"
    demonstrations: Annotated[int, Range(1, 10_000)] = 25
    play_seen: Annotated[int, Range(0, 10_000)] = 12
    play_unseen: Annotated[int, Range(0, 10_000)] = 8
    play_other: Annotated[int, Range(0, 10_000)] = 3
    autoencoder_steps: Count = 2500
    planner_start: str = NOTHING
    planner_network: Literal["compact", "wide"] = "compact"
    grounding_steps: Annotated[int, Range(0, 1_000_000)] = 0
    planner_steps: Count = 20_000
    planner_batch: Annotated[int, Range(1, 4096)] = 16
    planner_learning_rate: Annotated[float, Range(1e-8, 1)] = 1e-3
    play_share: Share = 0.2
    backwards_share: Share = 0.1
    inverse_dynamics_steps: Count = 2500
    inverse_dynamics_head: Head = "regression"
    gripping_share: Share = 0.0
    policy_steps: Annotated[int, Range(0, 1_000_000)] = 0
    verifier_steps: Annotated[int, Range(0, 1_000_000)] = 0
    verifier_attempts: Annotated[int, Range(5, 10_000)] = 30
    policy_network: Literal["compact", "wide"] = "wide"
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0

    def __post_init__(self) -> None:
        check_limits(self, "")
        if self.suite != NO_SUITE and self.camera != SIMULATED:
            raise TrainError(
                "camera=NAME goes with suite=none alone: what your robot's file calls the camera that the "
                "demonstrations were recorded with"
            )


def base_config(overrides: Iterable[str]) -> BaseConfig:
    """The settings that `key=value` words change. Raises ConfigError and TrainError."""
    return construct(BaseConfig, parse_overrides(BaseConfig, overrides))
