"""Models come back from disk as they were, or with one line that says why not."""

import errno
import json
import os
import resource
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from sail_models.networks.inverse_dynamics import InverseDynamics, InverseDynamicsConfig
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig
from sail_models.saving import (
    PRETRAINED,
    WeightsError,
    checksum,
    find_base,
    load_model,
    model_identity,
    save_model,
    saved_checksum,
)
from sail_models.spaces.autoencoder import Autoencoder, AutoencoderConfig

from embodied import sizes


def make_models() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    autoencoder = Autoencoder(AutoencoderConfig(4, (8, 16, 24)))
    autoencoder.latent_mean.uniform_()
    return {
        "autoencoder": autoencoder,
        "planner": PlannerNetwork(
            PlannerNetworkConfig(2, 4, 6, 4, widths=(16, 32), heads=2, change_scale=(0.5, 0.123456789))
        ),
        "inverse_dynamics": InverseDynamics(
            InverseDynamicsConfig(head="diffusion", widths=(8, 16), features=16, **sizes(16, chunk=3))
        ),
    }


MODELS = make_models()
KINDS = sorted(MODELS)


def refusal(folder: Path, kind: str = "autoencoder") -> str:
    with pytest.raises(WeightsError) as caught:
        load_model(folder, kind)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", MODELS["autoencoder"])
    return tmp_path / "model"


def rewrite(folder: Path, **changes: object) -> None:
    """Change config.json, and sign the folder again: damage would be told by the checksum alone."""
    path = folder / "config.json"
    description = json.loads(path.read_text()) | changes
    description["sha256"] = checksum(description, (folder / "model.safetensors").read_bytes())
    path.write_text(json.dumps(description))


def reweigh(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    safetensors.torch.save_file(weights, folder / "model.safetensors")
    rewrite(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_comes_back_exactly(kind: str, tmp_path: Path) -> None:
    model = MODELS[kind]
    save_model(tmp_path, model)
    loaded = load_model(tmp_path, kind)
    assert loaded.config == model.config
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    state = model.state_dict()
    assert loaded.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in loaded.state_dict().items())
    assert model_identity(loaded) == model_identity(model)


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_is_rounded_once(kind: str, tmp_path: Path) -> None:
    save_model(tmp_path, MODELS[kind], half=True)
    state = MODELS[kind].state_dict()
    for name, value in load_model(tmp_path, kind).state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, state[name].half().float())


def test_half_precision_is_half_the_size(tmp_path: Path) -> None:
    for half in (False, True):
        save_model(tmp_path / str(half), MODELS["planner"], half=half)
    whole, small = ((tmp_path / str(half) / "model.safetensors").stat().st_size for half in (False, True))
    assert small < 0.55 * whole


def test_there_are_two_files_and_neither_is_a_pickle(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert json.loads((folder / "config.json").read_text())["kind"] == "autoencoder"
    assert (folder / "model.safetensors").read_bytes()[8:9] == b"{"


def test_the_identity_is_the_weights(folder: Path) -> None:
    model = load_model(folder, "autoencoder")
    before = model_identity(model)
    assert len(before) == 12
    model.latent_std[0] += 1e-6
    assert model_identity(model) != before


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    assert "config.json: No such file" in refusal(tmp_path / "nowhere")


def test_missing_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert "model.safetensors: No such file" in refusal(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file(folder: Path, name: str, share: float) -> None:
    content = (folder / name).read_bytes().strip()
    (folder / name).write_bytes(content[: int(share * len(content))])
    assert "damaged" in refusal(folder)


def test_a_pickle_is_not_read(folder: Path) -> None:
    torch.save(MODELS["autoencoder"].state_dict(), folder / "model.safetensors")
    assert "damaged" in refusal(folder)


def test_another_kind(folder: Path) -> None:
    assert "holds a autoencoder, not a planner" in refusal(folder, "planner")


@pytest.mark.parametrize("version", [5, None, "1"])
def test_another_format(folder: Path, version: object) -> None:
    rewrite(folder, format=version)
    assert f"format {version}; this version reads 1" in refusal(folder)


def test_a_config_that_is_no_description(folder: Path) -> None:
    (folder / "config.json").write_text("[1, 2]")
    assert "format None" in refusal(folder)


@pytest.mark.parametrize(
    "config",
    [
        {"latent_channels": 5},  # other shapes than the weights'
        {"widths": [9, 16, 24]},  # not divisible into groups
        {"widths": [8, 16]},
        {"widths": 8},
        {"unknown": 1},
        None,
    ],
)
def test_a_config_that_does_not_fit(folder: Path, config: object) -> None:
    rewrite(folder, config=config)
    message = refusal(folder)
    assert "does not fit" in message
    assert len(message.split("version: ")[1]) > 5


def test_weights_of_other_shapes_are_named(folder: Path) -> None:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    weights["encoder.0.weight"] = weights["encoder.0.weight"][:4].clone()
    reweigh(folder, weights)
    assert "encoder.0.weight" in refusal(folder)


def test_an_interrupted_write_leaves_the_old_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = model_identity(load_model(folder, "autoencoder"))
    with monkeypatch.context() as patched, pytest.raises(WeightsError, match="No space left") as caught:
        patched.setattr(os, "fsync", full)
        save_model(folder, Autoencoder(AutoencoderConfig(4, (8, 16, 24))))
    assert "\n" not in str(caught.value)
    assert model_identity(load_model(folder, "autoencoder")) == before
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="cannot write the model"):
        save_model(tmp_path / "file" / "model", MODELS["autoencoder"])


def test_base_weights_are_found_by_folder_or_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no base weights 'nothing'"):
        find_base("nothing")
    save_model(tmp_path / "planner", MODELS["planner"])
    assert find_base(str(tmp_path)) == tmp_path


def test_a_folder_with_the_name_of_weights_that_ship_is_not_taken_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_base("panda") == PRETRAINED / "panda"
    (tmp_path / "panda" / "planner").mkdir(parents=True)
    (tmp_path / "panda" / "planner" / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"'panda' is the name of weights that ship and a folder here"):
        find_base("panda")
    assert find_base("./panda") == Path("panda")


# The weights that ship, by folder: the identity that runs and results name them by.
SHIPPED = {
    "base/autoencoder": "2f5bab1ffb6b",
    "base/inverse_dynamics": "5ea3690740ce",
    "base/planner": "eb245c682194",
    "base/verifier": "8213726efd6c",
    "panda/autoencoder": "ad2c710ec8bd",
    "panda/inverse_dynamics": "3ab26467f270",
    "panda/planner": "ea6d2a75b31f",
    "prior": "c14e7869df32",
}


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_of_the_first_format_are_what_they_were(name: str, tmp_path: Path) -> None:
    folder, kind = PRETRAINED / name, name.rpartition("/")[2] if "/" in name else "compact_prior"
    assert saved_checksum(folder)
    first = json.loads(Path(__file__).with_name("first_format.json").read_text())[name]
    assert first["format"] == 1
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_text(json.dumps(first))
    model = load_model(tmp_path, kind)
    assert model.config == load_model(folder, kind).config
    assert model_identity(model) == SHIPPED[name]
    save_model(tmp_path, model)  # in today's format
    again = load_model(tmp_path, kind)
    assert (again.config, model_identity(again)) == (model.config, SHIPPED[name])


@pytest.mark.parametrize(
    ("name", "old"),
    [
        ("base/planner", {"latent_size": 8}),
        ("base/verifier", {"frame_size": 64}),
        ("prior", {"latent_size": 8}),
        ("base/inverse_dynamics", {}),
    ],
)
def test_weights_of_the_second_format_say_one_side(name: str, old: dict[str, int], tmp_path: Path) -> None:
    kind = name.rpartition("/")[2] if "/" in name else "compact_prior"
    model = load_model(PRETRAINED / name, kind)
    save_model(tmp_path, model)
    content = json.loads((tmp_path / "config.json").read_text())
    if old:
        for side in ("latent_height", "latent_width", "height", "width", "plain_levels"):
            content["config"].pop(side, None)
    rewrite(tmp_path, format=2, config=content["config"] | old)
    again = load_model(tmp_path, kind)
    assert (again.config, model_identity(again)) == (model.config, SHIPPED[name])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["config.json", "model.safetensors"]),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 7),
)
def test_no_bit_flips_silently(folder: Path, name: str, place: float, bit: int) -> None:
    path = folder / name
    whole = path.read_bytes()
    broken = bytearray(whole)
    broken[int(place * len(whole))] ^= 1 << bit
    path.write_bytes(broken)
    try:
        before = json.loads(whole) if name == "config.json" else None
        same = before is not None and json_of(bytes(broken)) == before  # a blank between two values
        if same:
            load_model(folder, "autoencoder")
        else:
            refusal(folder)
    finally:
        path.write_bytes(whole)


def json_of(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return None


@pytest.mark.parametrize(("value", "said"), [(np.nan, "no numbers"), (np.inf, "no numbers"), (0.0, "zeros")])
def test_weights_that_no_training_leaves(folder: Path, value: float, said: str) -> None:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    reweigh(folder, {name: torch.full_like(tensor, value) for name, tensor in weights.items()})
    assert said in refusal(folder)


def test_one_weight_that_is_no_number_is_named(folder: Path) -> None:
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    weights["encoder.0.weight"].view(-1)[3] = -np.inf
    reweigh(folder, weights)
    assert "encoder.0.weight" in refusal(folder)


@pytest.mark.parametrize(
    "config", [{"widths": [8, 16, 2**40]}, {"widths": [8] * 100_000}, {"latent_channels": 2**62}]
)
def test_a_configuration_that_asks_for_too_much_is_soon_refused(
    folder: Path, config: dict[str, object]
) -> None:
    whole = json.loads((folder / "config.json").read_text())["config"]
    rewrite(folder, config=whole | config)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    assert "does not fit" in refusal(folder)
    assert time.monotonic() - begun < 5.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_weights_of_an_older_format_have_no_checksum(folder: Path) -> None:
    path = folder / "config.json"
    description = json.loads(path.read_text()) | {"format": 3}
    del description["sha256"]
    path.write_text(json.dumps(description))
    assert model_identity(load_model(folder, "autoencoder")) == model_identity(MODELS["autoencoder"])
    assert saved_checksum(folder) == ""
