"""Models on disk: a folder with config.json (kind, version, configuration, SHA-256) and model.safetensors."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from sail.embodiment import cartesian
from sail.errors import SailError
from sail.system.files import file_errors, write_atomically
from sail.system.reading import LARGEST_ARRAYS, parse_json, read_file
from sail_models.networks.inverse_dynamics import InverseDynamics, InverseDynamicsConfig
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig
from sail_models.networks.policy import Policy, PolicyConfig
from sail_models.networks.sizes import arm_sizes
from sail_models.networks.verifier import Verifier, VerifierNetworkConfig
from sail_models.prior.compact import CompactPrior, CompactPriorConfig
from sail_models.spaces.autoencoder import STEP, Autoencoder, AutoencoderConfig

# From format 4 on, config.json has the SHA-256 of everything else in it and of the weights.
FORMAT, CHECKED_FORMAT = 4, 4
# No network of format 1 says what its arm is, nor any before format 3 how many frames it plans: all have this
# one.
_FIRST_EMBODIMENT = cartesian("unknown", 1.0, 0.01)
CONFIG, WEIGHTS = "config.json", "model.safetensors"
PRETRAINED = Path(__file__).with_name("pretrained")

_KINDS: dict[str, tuple[type[Any], Callable[[Any], nn.Module]]] = {
    "autoencoder": (AutoencoderConfig, Autoencoder),
    "planner": (PlannerNetworkConfig, PlannerNetwork),
    "inverse_dynamics": (InverseDynamicsConfig, InverseDynamics),
    "policy": (PolicyConfig, Policy),
    "verifier": (VerifierNetworkConfig, Verifier),
    "compact_prior": (CompactPriorConfig, CompactPrior),
}


class WeightsError(SailError):
    """A model folder is missing or damaged, or holds another kind or version."""


def save_model(folder: Path, model: nn.Module, half: bool = False) -> None:
    """Write a model of ours to a folder, in place of the model that the folder holds.

    half: store float16. Raises WeightsError.
    """
    kind = next(name for name, (_, make) in _KINDS.items() if isinstance(model, make))  # type: ignore[arg-type]
    tensors = {
        name: (tensor.half() if half and tensor.is_floating_point() else tensor).contiguous().clone()
        for name, tensor in model.state_dict().items()
    }
    configuration = dataclasses.asdict(model.config)  # type: ignore[call-overload]
    weights = safetensors.torch.save(tensors)
    description = {"format": FORMAT, "kind": kind, "config": configuration}
    description["sha256"] = checksum(description, weights)
    with file_errors(folder, "write the model to", WeightsError):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / WEIGHTS, weights)
        write_atomically(folder / CONFIG, (json.dumps(description, indent=2) + "\n").encode())


def checksum(description: Mapping[str, Any], weights: bytes) -> str:
    """The SHA-256, in hexadecimal digits, of a config.json's other entries and of the weights' bytes."""
    entries = {name: value for name, value in description.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(entries, sort_keys=True).encode())
    digest.update(weights)
    return digest.hexdigest()


def saved_checksum(folder: Path) -> str:
    """The checksum in a model folder's config.json, which `load_model` compares; "" where the folder is of an
    older format. Raises WeightsError."""
    return str(_description(folder, "model").get("sha256", ""))


def load_model(folder: Path, kind: str) -> Any:
    """Load a model of a kind (a key of `_KINDS`), in evaluation mode, with float32 parameters.

    Raises WeightsError, which names the file and the cause.
    """
    config_class, make = _KINDS[kind]
    description, weights_path = _description(folder, kind), folder / WEIGHTS
    weights = read_file(weights_path, WeightsError, missing=f"is {folder} a {kind}?", largest=LARGEST_ARRAYS)
    found = description["format"]
    if found >= CHECKED_FORMAT and description.get("sha256") != checksum(description, weights):
        raise WeightsError(f"{folder} is damaged (wrong SHA-256): copy or train it again")
    if description.get("kind") != kind:
        raise WeightsError(f"{folder} holds a {description.get('kind')}, not a {kind}")
    try:
        tensors = safetensors.torch.load(weights)
    except (ValueError, SafetensorError) as error:
        raise WeightsError(f"{folder} is damaged ({error}): copy or train it again") from error
    _refuse_nonsense(folder, tensors)
    try:
        values = {name: _tuples(value) for name, value in description["config"].items()}
        config = config_class(**_upgraded(kind, values, found))
        # Without memory first: a configuration may ask for more than there is.
        with torch.device("meta"), _at_most(len(tensors)):
            _compare(make(config), tensors)
        model = make(config)
        model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RuntimeError) as error:
        cause = " ".join(" ".join(str(error).splitlines()[:2]).split())[:300]
        raise WeightsError(f"{folder} does not fit a {kind} of this version: {cause}") from error
    return model.eval().requires_grad_(False)


def _description(folder: Path, kind: str) -> dict[str, Any]:
    """The content of config.json. Raises WeightsError."""
    path = folder / CONFIG
    content = read_file(path, WeightsError, missing=f"is {folder} a {kind}?")
    description = parse_json(content, path, WeightsError, "copy or train it again")
    found: Any = description.get("format") if isinstance(description, dict) else None
    if found not in range(1, FORMAT + 1):
        raise WeightsError(f"{path} has format {found}; this version reads 1 to {FORMAT}")
    return cast(dict[str, Any], description)


def _refuse_nonsense(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights that no training leaves. Raises WeightsError."""
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise WeightsError(
                f"{folder} has weights that are no numbers (the first: {name}): its training failed, take "
                "other weights"
            )
    if not any(bool(tensor.any()) for tensor in tensors.values()):
        raise WeightsError(f"{folder} has no weights but zeros: nothing was trained, take other weights")


@contextmanager
def _at_most(count: int) -> Iterator[None]:
    """Within, making a network with more than `count` parameters raises ValueError."""
    made = 0

    def refuse(*_: object) -> None:
        nonlocal made
        made += 1
        if made > count:
            raise ValueError(f"its configuration has more than the {count} tensors in {WEIGHTS}")

    hook = register_module_parameter_registration_hook(refuse)
    try:
        yield
    finally:
        hook.remove()


def _compare(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Compare names and shapes. Raises ValueError."""
    wanted = model.state_dict()
    for name in sorted({*wanted, *tensors}):
        if name not in tensors:
            raise ValueError(f"{WEIGHTS} lacks {name}")
        if name not in wanted:
            raise ValueError(f"{WEIGHTS} has {name}, which its configuration does not have")
        if tensors[name].shape != wanted[name].shape:
            shapes = [list(one.shape) for one in (tensors[name], wanted[name])]
            raise ValueError(f"{name} has shape {shapes[0]} in {WEIGHTS}, {shapes[1]} by its configuration")


def _upgraded(kind: str, values: dict[str, Any], found: int) -> dict[str, Any]:
    """A configuration of format `found` as this format has it: height and width in the place of one side."""
    if kind in ("inverse_dynamics", "policy") and found < 2:
        return {**arm_sizes(_FIRST_EMBODIMENT), **_sides(values, "frame_size", "", _FIRST_EMBODIMENT.height)}
    if kind == "verifier" and found < 3:
        return _sides(values, "frame_size", "", _FIRST_EMBODIMENT.height)
    if kind in ("planner", "compact_prior") and found < 3:
        side = _FIRST_EMBODIMENT.height // STEP
        frames = {"frames": _FIRST_EMBODIMENT.plan_frames}
        return {**frames, **_sides(values, "latent_size", "latent_", side)}
    return values


def _sides(values: dict[str, Any], name: str, prefix: str, default: int) -> dict[str, Any]:
    """The values with a height and a width in the place of the side `name`."""
    others = {key: value for key, value in values.items() if key != name}
    side = values.get(name, default)
    return {**others, f"{prefix}height": side, f"{prefix}width": side}


def _tuples(value: Any) -> Any:
    """JSON's lists as tuples, nested ones too."""
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


def model_identity(model: nn.Module) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of all weights in float32."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().to(torch.float32).contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


def find_base(name: str, part: str = "planner") -> Path:
    """The folder of base weights with this part. name: a shipped base, or a path. Raises WeightsError, also
    for a name that is both."""
    places = [Path(name)] if "/" in name else [PRETRAINED / name, Path(name)]
    found = [folder for folder in places if (folder / part / CONFIG).is_file()]
    if len(found) > 1:
        raise WeightsError(
            f"'{name}' is the name of weights that ship and a folder here: name the folder ./{name}, or "
            "rename it"
        )
    if found:
        return found[0]
    shipped = sorted(path.parents[1].name for path in PRETRAINED.glob(f"*/{part}/{CONFIG}"))
    parts = f"{part}/" if part != "planner" else "planner/, autoencoder/ and inverse_dynamics/"
    raise WeightsError(
        f"no base weights '{name}' with a {part}: shipped are {', '.join(shipped) or 'none'}, or name a "
        f"folder with {parts}"
    )
