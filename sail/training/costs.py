"""What a training takes: memory and time. They are told before it begins, and where memory is not there, it
does not begin.

Each network is tried on noise: the tensors that its loss keeps for the gradient are counted, and a step is
timed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from sail.system.memory import available_memory
from sail.training.checkpointed_fit import TrainError
from sail.training.trainer import training_attention

# A training of fewer steps takes no longer than trying it.
_SHORT = 20
# Samples on which activations are counted, before a whole batch is tried.
_FEW = 4
# Weights, gradients, the optimiser's two moments, and the weights' average.
_COPIES = 5
_GIB = 2**30


@dataclass(frozen=True)
class Part:
    """A network that is to be trained.

    steps, batch: of the optimiser. held: bytes of the episodes that are in memory meanwhile. make: the
    network with random weights. loss: of the network on so many samples of noise (one scalar).
    """

    name: str
    steps: int
    batch: int
    held: int
    make: Callable[[], nn.Module]
    loss: Callable[[nn.Module, int, torch.Generator], Tensor]


@dataclass(frozen=True)
class Cost:
    """What a part takes: bytes of memory, and seconds in all."""

    name: str
    parameters: int
    activations: int
    held: int
    seconds: float = 0.0

    @property
    def network(self) -> int:
        """Bytes on the network's device."""
        return self.parameters + self.activations


def tell_costs(parts: Sequence[Part], device: torch.device, tell: Callable[[str], None] | None) -> None:
    """Try the parts and, where somebody listens, tell their costs in one line. Raises TrainError where memory
    is not there."""
    costs = [_cost(part, device) for part in parts if part.steps >= _SHORT]
    if not costs or tell is None:
        return
    times = ", ".join(f"{one.name} {_duration(one.seconds)}" for one in costs)
    most = max(costs, key=lambda one: one.network + one.held)
    tell(
        f"about {_duration(sum(one.seconds for one in costs))} on {device.type} ({times}); up to "
        f"{_gib(most.network + most.held)} GiB of memory for the {most.name}: parameters "
        f"{_gib(most.parameters)}, activations {_gib(most.activations)}, episodes {_gib(most.held)}"
    )


def _cost(part: Part, device: torch.device) -> Cost:
    generator = torch.Generator(device).manual_seed(0)
    with torch.random.fork_rng():
        network = part.make().to(device).train()
        weights = sum(one.numel() * one.element_size() for one in network.parameters())
        few = min(_FEW, part.batch)
        kept = _kept_bytes(network, lambda: part.loss(network, few, generator))
        cost = Cost(part.name, _COPIES * weights, kept * part.batch // few, part.held)
        _check_memory(cost, device)
        for _ in range(2):  # the first step prepares
            begun = time.perf_counter()
            _step(network, part, generator)
        return replace(cost, seconds=part.steps * (time.perf_counter() - begun))


def _kept_bytes(network: nn.Module, loss: Callable[[], Tensor]) -> int:
    """Bytes of the tensors, other than the parameters, that a loss keeps for its gradient."""
    own = {one.untyped_storage().data_ptr() for one in network.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss()
    return sum(kept.values())


def _step(network: nn.Module, part: Part, generator: torch.Generator) -> None:
    with training_attention(generator.device):
        part.loss(network, part.batch, generator).backward()  # type: ignore[no-untyped-call]
    float(next(network.parameters()).detach().flatten()[0])  # waits for a GPU


def _check_memory(cost: Cost, device: torch.device) -> None:
    """Raises TrainError where less memory is free than the training needs at the very least."""
    on_gpu = device.type == "cuda"
    free = available_memory()
    needs = [("memory", cost.held + (0 if on_gpu else cost.network), free)]
    if on_gpu:
        needs.append(("the GPU's memory", cost.network, torch.cuda.mem_get_info(device)[0]))
    for what, needed, there in needs:
        if there is not None and needed > there:
            raise TrainError(
                f"the {cost.name} needs {_gib(needed)} GiB of {what} to train, and {_gib(there)} are free: "
                "take smaller frames or a smaller batch, or end what else runs"
            )


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f}"


def _duration(seconds: float) -> str:
    """A duration in words, no finer than needed."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
