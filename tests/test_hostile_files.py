"""Every file that a stranger may hand over: whatever it holds, what reads it answers in one line, soon.

READERS has one entry a kind of file: what writes a sound one, and what reads it.
"""

import json
import os
import random
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sail.cli.plan import read_image
from sail.config.resolution import load_config
from sail.data.corpus import MANIFEST as CORPUS
from sail.data.corpus import Corpus
from sail.data.store import INDEX, EpisodeStore
from sail.embodiment import FILE, cartesian, read_embodiment
from sail.errors import SailError
from sail.export.folder import CONFIG as EXPORTED
from sail.export.folder import read_planner_config
from sail.filters.human.labels import FILE as LABELS
from sail.filters.human.labels import add_label, read_labels
from sail.loop.results import read_losses, read_results
from sail.loop.run_folder import CONFIG, MANIFEST, METRICS, RESULTS, create_run, open_run
from sail.protocol.ledger import CELLS, Ledger
from sail.training.checkpointed_fit import begin
from sail_envs.suite_text import suite_of_file
from sail_models.saving import load_model, save_model
from sail_models.spaces.autoencoder import Autoencoder, AutoencoderConfig
from sail_robot.arm_loop import read_rounds
from sail_robot.robot_file import read_robot

from helpers import make_episode

ROOT = Path(__file__).parents[1]


class Reader(NamedTuple):
    """file: the file's name. sound: what a sound one holds; "" where nothing is known. read: called with the
    folder that holds the file."""

    file: str
    sound: bytes
    read: Callable[[Path], object]


def in_new_folder(name: str, write: Callable[[Path], object]) -> bytes:
    """The content of a file that a writer of ours writes into a folder."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return (Path(folder) / name).read_bytes()


def run_of(folder: Path) -> None:
    run = create_run(folder / "run", load_config("smoke", None, []))
    run.finish("collect_001", 1.5)
    run.record("train", 1, 10, {"loss": 0.5})
    run.write_results("abc", [], environment={})
    for name in (CONFIG, MANIFEST, METRICS, RESULTS):
        (folder / name).write_bytes((run.path / name).read_bytes())


SOUND = {name: in_new_folder(name, run_of) for name in (CONFIG, MANIFEST, METRICS, RESULTS)}


def opened(folder: Path) -> None:
    """The run folder that holds one file of a stranger's, and ours."""
    for name, content in SOUND.items():
        if not (folder / name).exists():
            (folder / name).write_bytes(content)
    run = open_run(folder)
    run.metrics()
    run.check_episodes({})


def store_of(folder: Path) -> None:
    EpisodeStore(folder).add(make_episode())


def read_store(folder: Path) -> None:
    store = EpisodeStore(folder)
    store.verify()
    store.rebuild_index()
    for record in store.records():
        store.read_clip(record.id, [0])


def episode_of(folder: Path) -> None:
    store_of(folder)
    next(folder.glob("*.zip")).rename(folder / "x")


AUTOENCODER = Autoencoder(AutoencoderConfig(4, (8, 16, 24)))
RESULT = ROOT / "results" / "protocol_rehearsed"

SUITE = (ROOT / "examples" / "maze.yaml").read_bytes()

READERS = {
    "settings": Reader(CONFIG, SOUND[CONFIG], lambda at: load_config(None, at / CONFIG, [])),
    "run's settings": Reader(CONFIG, SOUND[CONFIG], opened),
    "manifest": Reader(MANIFEST, SOUND[MANIFEST], opened),
    "metrics": Reader(METRICS, SOUND[METRICS], opened),
    "losses": Reader(METRICS, SOUND[METRICS], lambda at: read_losses(at / METRICS)),
    "results": Reader(RESULTS, SOUND[RESULTS], lambda at: read_results(at / RESULTS)),
    "index": Reader(INDEX, in_new_folder(INDEX, store_of), read_store),
    "episode": Reader("i000-x-000000.episode.zip", in_new_folder("x", episode_of), read_store),
    "labels": Reader(
        LABELS,
        in_new_folder(LABELS, lambda at: add_label(at / LABELS, "a", "success")),
        lambda at: read_labels(at / LABELS, ["a"]),
    ),
    "ledger": Reader(CELLS, (RESULT / CELLS).read_bytes()[:3000], lambda at: Ledger(at).rows()),
    "corpus": Reader(CORPUS, b'{"shard": "a", "of": 1, "at": null}\n', Corpus),
    "exported": Reader(EXPORTED, b'{"format": 3, "kind": "planner"}', read_planner_config),
    "embodiment": Reader(FILE, cartesian("front", 0.05, 0.01).as_json(), read_embodiment),
    "model": Reader(
        "config.json",
        in_new_folder("config.json", lambda at: save_model(at, AUTOENCODER)),
        lambda at: load_model(at, "autoencoder"),
    ),
    "weights": Reader(
        "model.safetensors",
        in_new_folder("model.safetensors", lambda at: save_model(at, AUTOENCODER)),
        lambda at: load_model(at, "autoencoder"),
    ),
    "training": Reader("begun.json", b'{"steps": 3}', lambda at: begin({"steps": 3}, at / "begun.json")),
    "rounds": Reader(RESULTS, b'{"task": "a", "iterations": []}', lambda at: read_rounds(at, "a")),
    "suite": Reader("a.yaml", SUITE, lambda at: suite_of_file(at / "a.yaml")),
    "robot": Reader(
        "robot.yaml",
        next((ROOT / "robot" / "config").glob("*.yaml")).read_bytes(),
        lambda at: read_robot(at / "robot.yaml"),
    ),
    "image": Reader("a.png", b"", lambda at: read_image(at / "a.png")),
}
# Files that stand beside, without which a reader would stop at once.
BESIDE = {
    "model": ("model.safetensors", READERS["weights"].sound),
    "weights": ("config.json", READERS["model"].sound),
}
every_kind = pytest.mark.parametrize("kind", READERS)
DEEP = 100_000
NUMBERS = [0, -1, 2**31, 2**63, 10**400, 1e308, float("nan"), float("inf"), -0.0]
VALUES: list[Any] = [None, True, "", "a" * 5000, "\ud800", [], {}, [[]], {"a": []}, *NUMBERS]
TEXTS = [
    b"", b"\x00", b"\xff\xfe{", b"{" * DEEP, b"[" * DEEP, b'{"a":' * DEEP, b"- " * DEEP, b"1" * 5000, b"null",
    b"[]", b"2001-99-99", b"0x_", b"!!int x", b"!!float x", b"!!timestamp x", b"? [a]\n: b\n", b"<<: 1\n",
    b"!!python/object/apply:os.abort []", b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", b"a: 1\na: 2\n",
    b"%YAML 9.9\n---\n", b"{preset: 2001-99-99}", b"preset: 0x_", b"task: !!int x", b"PK\x03\x04",
    b"\x89PNG\r\n\x1a\n", b"{}\n" * 1000,
]  # fmt: skip


def answers(kind: str, content: bytes, folder: Path) -> None:
    """The reader takes the content or refuses it in one line, soon."""
    reader = READERS[kind]
    for beside, whole in [BESIDE[kind]] if kind in BESIDE else []:
        (folder / beside).write_bytes(whole)
    (folder / reader.file).write_bytes(content)
    begun = time.monotonic()
    try:
        reader.read(folder)
    except SailError as error:
        assert "\n" not in str(error) and str(error)
    assert time.monotonic() - begun < 5.0


@every_kind
def test_known_ill_texts(kind: str, tmp_path: Path) -> None:
    for text in TEXTS:
        answers(kind, text, tmp_path)


@every_kind
def test_a_pipe_a_device_and_a_folder_are_no_files(kind: str, tmp_path: Path) -> None:
    reader = READERS[kind]
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.mkdir()):
        path = tmp_path / reader.file
        make(path)
        begun = time.monotonic()
        with pytest.raises(SailError) as error:
            reader.read(tmp_path)
        assert "\n" not in str(error.value) and time.monotonic() - begun < 5.0
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def with_another(value: Any, path: list[Any], other: Any) -> Any:
    """A JSON value with another one at a path of keys."""
    if not path:
        return other
    first, *rest = path
    if isinstance(value, dict):
        return {key: with_another(one, rest, other) if key == first else one for key, one in value.items()}
    return [with_another(one, rest, other) if at == first else one for at, one in enumerate(value)]


def paths(value: Any) -> list[list[Any]]:
    """The paths to all parts of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [[], *([key, *rest] for key, one in inner for rest in paths(one))]


def damaged(content: bytes, drawn: random.Random) -> bytes:
    """A sound content with a bit flipped, a part gone, a part twice, or another value in the place of one."""
    ways = ["bit", "cut", "twice", "value", "value"]
    way = drawn.choice(ways)
    if way == "value":
        line, *others = content.split(b"\n", 1) if content.count(b"\n{") else (content,)
        try:
            value = json.loads(line)
        except ValueError:
            way = "bit"
        else:
            changed = with_another(value, drawn.choice(paths(value)), drawn.choice(VALUES))
            return b"\n".join([json.dumps(changed).encode(), *others])
    place = drawn.randrange(len(content) + 1)
    if way == "cut":
        return content[:place]
    if way == "twice":
        return content[:place] + content[drawn.randrange(place + 1) :]
    broken = bytearray(content or b"0")
    broken[min(place, len(broken) - 1)] ^= 1 << drawn.randrange(8)
    return bytes(broken)


@every_kind
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_damage(kind: str, tmp_path: Path, seed: int) -> None:
    answers(kind, damaged(READERS[kind].sound, random.Random(seed)), tmp_path)


@every_kind
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_anything(kind: str, tmp_path: Path, content: bytes) -> None:
    answers(kind, content, tmp_path)


def test_an_array_that_claims_gigabytes(tmp_path: Path) -> None:
    store_of(tmp_path)
    (path,) = tmp_path.glob("*.zip")
    with zipfile.ZipFile(path) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    header = members["actions.npy"]
    members["actions.npy"] = header.replace(b"(3, 4), ", b"(999999999, 999), ".ljust(8))[: len(header)]
    with zipfile.ZipFile(path, "w") as hostile:
        for name, content in members.items():
            hostile.writestr(name, content)
    (tmp_path / INDEX).unlink()
    with pytest.raises(SailError, match="damaged or no episode"):
        EpisodeStore(tmp_path)
