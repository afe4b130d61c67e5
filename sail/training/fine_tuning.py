"""One iteration's training, on demonstrations and collected episodes."""

import copy
from collections.abc import Callable, Sequence

import numpy as np

from sail.config.schema import TrainingConfig
from sail.data.retiming import retime_by_travel
from sail.data.windows import mix_batch
from sail.loop.agent import Agent, PolicyAgent
from sail.training.batches import join, reorder
from sail.training.checkpointed_fit import TrainError
from sail.training.imagined_goals import ImaginedGoals, sample_imagined_batch
from sail.training.inverse_dynamics_fit import dynamics_loss, sample_dynamics_batch
from sail.training.planner_batches import sample_batch, to_latents
from sail.training.policy_fit import policy_loss, sample_policy_batch
from sail.training.trainer import Trainer
from sail.types import Episode
from sail_models.diffusion.denoiser import diffusion_loss
from sail_models.networks.inverse_dynamics import InverseDynamics
from sail_models.networks.planner_network import PlannerNetwork
from sail_models.networks.policy import Policy

Report = Callable[[int, float], None]
# Inverse dynamics: the highest learning rate, and the windows of a step from one source or from both. With
# more windows from the few collected episodes inverse dynamics overfits them.
DYNAMICS_LEARNING_RATE, DYNAMICS_BATCH, MIXED_DYNAMICS_BATCH = 5e-4, 64, 92


def check_trainable(planner: PlannerNetwork) -> None:
    """Raises TrainError for a distilled planner: training on episodes would undo the distillation."""
    if planner.config.distilled:
        raise TrainError("this planner was distilled: improve its teacher, then sail distill again")


def finetune_policy(
    agent: PolicyAgent,
    demonstrations: Sequence[Episode],
    collected: Sequence[Episode],
    config: TrainingConfig,
    seed: int,
    report: Report,
) -> Policy:
    """The policy after `config.steps` more steps of behaviour cloning; see `finetune_planner`.

    Episodes are not re-timed, so that the policy acts as fast as they do.
    """
    if not demonstrations and not collected:
        return copy.deepcopy(agent.policy)
    policy = copy.deepcopy(agent.policy).requires_grad_(True)
    rng = np.random.default_rng(seed)
    trainer = Trainer(policy, policy_loss, config.steps, config.learning_rate, seed, ema=0.98)
    for step in range(1, config.steps + 1):
        counts = mix_batch(rng, config.batch_size, config.self_fraction, len(demonstrations), len(collected))
        batches = [
            sample_policy_batch(source, agent.text, rng, count, policy.config.chunk)
            for source, count in zip((demonstrations, collected), counts, strict=True)
            if count
        ]
        report(step, trainer.step(join(batches)))
    return trainer.average


def finetune_planner(
    agent: Agent,
    demonstrations: Sequence[Episode],
    collected: Sequence[Episode],
    config: TrainingConfig,
    seed: int,
    report: Report,
) -> PlannerNetwork:
    """The planner after `config.steps` more steps. The agent's own planner is not changed.

    Of each batch the share `config.self_fraction` comes from `collected`, the rest from `demonstrations`.
    Where one of them is empty the other fills the batch. Where both are empty the result is a copy of the
    planner. report(step, loss) is called after every step. Raises TrainError for a distilled planner.
    """
    check_trainable(agent.planner)
    if not demonstrations and not collected:
        return copy.deepcopy(agent.planner)
    network = copy.deepcopy(agent.planner).requires_grad_(True)
    arm, retimed = agent.embodiment, config.retime == "travel"
    old = [to_latents(episode, agent.autoencoder, arm) for episode in demonstrations]
    new = [
        to_latents(
            episode,
            agent.autoencoder,
            arm,
            retime_by_travel(episode.proprioception, arm) if retimed else None,
        )
        for episode in collected
    ]
    rng = np.random.default_rng(seed)
    trainer = Trainer(network, diffusion_loss, config.steps, config.learning_rate, seed, ema=0.98)
    for step in range(1, config.steps + 1):
        counts = mix_batch(rng, config.batch_size, config.self_fraction, len(old), len(new))
        batches = [
            sample_batch(source, agent.text, rng, count, agent.frame_skip, network.frames)
            for source, count in zip((old, new), counts, strict=True)
            if count
        ]
        report(step, trainer.step(join(batches)))
    return trainer.average


def finetune_inverse_dynamics(
    agent: Agent,
    demonstrations: Sequence[Episode],
    collected: Sequence[Episode],
    imagined: ImaginedGoals | None,
    config: TrainingConfig,
    seed: int,
    report: Report,
) -> InverseDynamics:
    """Inverse dynamics after `config.inverse_dynamics_steps` more steps.

    Failed episodes teach too, because an action has the same effect in them. Batches are mixed as in
    `finetune_planner`; without demonstrations inverse dynamics forgets the seen tasks. imagined: imagined
    goals of some of `collected`; where given, they are the share `config.imagined_share` of the windows that
    do not come from demonstrations. Where no episode is as long as a chunk of actions the result is a copy.
    report(step, loss) is called after every step.
    """
    chunk = agent.inverse_dynamics.config.chunk
    old, new = ([one for one in some if len(one) >= chunk] for some in (demonstrations, collected))
    if not old and not new:
        return copy.deepcopy(agent.inverse_dynamics)
    model = copy.deepcopy(agent.inverse_dynamics).requires_grad_(True)
    rng = np.random.default_rng(seed)
    both = bool(old and new)
    batch = MIXED_DYNAMICS_BATCH if both else DYNAMICS_BATCH
    of_new = config.self_fraction if both else 1.0
    drawn = int(config.imagined_share * of_new * batch) if imagined is not None else 0
    recorded, steps = batch - drawn, config.inverse_dynamics_steps
    loss = dynamics_loss(agent.autoencoder, recorded)
    trainer = Trainer(model, loss, steps, DYNAMICS_LEARNING_RATE, seed, ema=0.99)
    for step in range(1, steps + 1):
        rehearsed, learnt = mix_batch(rng, batch, config.self_fraction, len(old), len(new))
        windows = [
            sample_dynamics_batch(source, rng, count, chunk)
            for source, count in ((old, rehearsed), (new, learnt - drawn))
            if count
        ]
        # The loss decodes the first goals of a batch: shuffled, they come from both sources.
        batches = [reorder(join(windows), rng.permutation(recorded))]
        if imagined is not None and drawn:
            batches.append(sample_imagined_batch(imagined, rng, drawn, chunk))
        report(step, trainer.step(join(batches)))
    return trainer.average
