"""What base weights are made from, by suite and for recorded demonstrations."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from sail.config.schema import Demonstrator
from sail.data.demonstrations import DEMONSTRATED, Job
from sail.data.store import EpisodeStore
from sail.errors import SailError
from sail.training.base_config import BaseConfig
from sail.training.recipes import Simulated, check_training, recipe_of
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.panda.panda_tasks import CUPS, DRAWERS, EMBODIMENT

from helpers import assert_one_line, files_below, make_episode

OWN = BaseConfig(suite="none", camera="lab/left")
PANDA = BaseConfig(suite="cups,drawers")
NOTHING = EpisodeStore("nowhere")


def jobs_of(config: BaseConfig) -> list[Job]:
    recipe = recipe_of(config, NOTHING)
    assert isinstance(recipe, Simulated)
    return recipe.jobs()


@pytest.mark.parametrize(("demonstrator", "source"), [("expert", "expert"), ("suboptimal", "random")])
def test_a_planner_begins_from_whoever_shows_the_seen_tasks(demonstrator: Demonstrator, source: str) -> None:
    recipe = recipe_of(BaseConfig(demonstrator=demonstrator, demonstrations=2), NOTHING)
    assert isinstance(recipe, Simulated)
    jobs = recipe.jobs()
    shown = [job for job in jobs if job.source != "play"]
    assert {job.source for job in shown} == {source} == {DEMONSTRATED[demonstrator]}
    assert {job.task for job in shown} == set(METAWORLD.seen) and len(shown) == 2 * len(METAWORLD.seen)


def test_a_suite_is_played_in_where_it_says_so() -> None:
    played = Counter(job.task for job in jobs_of(BaseConfig()) if job.source == "play")
    assert set(played) == set(METAWORLD.tasks)
    assert (played["reach"], played["reach-wall"], played["hammer"]) == (12, 8, 3)
    assert {job.task for job in jobs_of(PANDA)} == {*CUPS.seen, *DRAWERS.seen}
    played = Counter(job.task for job in jobs_of(BaseConfig(suite="fetch")) if job.source == "play")
    assert played == {"fetch-reach": 12, "fetch-push": 12, "fetch-pick-and-place": 8}


def test_opposites_are_shown_backwards_under_their_prompts() -> None:
    assert recipe_of(BaseConfig(), NOTHING).reversals == {
        "open the door": "close the door",
        "close the drawer": "open the drawer",
        "open the window": "close the window",
        "turn the faucet to the right": "turn the faucet to the left",
    }
    assert recipe_of(PANDA, NOTHING).reversals == recipe_of(OWN, NOTHING).reversals == {}


def test_seen_play_is_captioned_where_the_suite_has_words_and_windows_begin_anywhere_but_in_one_scene(
    tmp_path: Path,
) -> None:
    store = EpisodeStore(tmp_path)
    for task in ("reach", "hammer", "cups-red"):
        store.add(make_episode(task=task, source="play"))
    recipes = [recipe_of(config, NOTHING) for config in (BaseConfig(), PANDA, OWN)]
    captioned = [[record.task for record in recipe.captioned_play(store)] for recipe in recipes]
    assert captioned == [["reach"], [], []]
    assert [recipe.directions for recipe in recipes] == [METAWORLD.directions, None, None]
    assert [recipe.beginnings for recipe in recipes] == [0.0, 0.5, 0.5]


def test_the_embodiment_is_the_scenes_and_the_camera_ones_own() -> None:
    assert [recipe_of(config, NOTHING).embodiment for config in (BaseConfig(), PANDA)] == [
        METAWORLD.embodiment,
        EMBODIMENT,
    ]
    assert recipe_of(OWN, NOTHING).embodiment.camera == "lab/left"


def test_what_is_recorded_is_demonstrated_by_its_successes(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    for seed, source in enumerate(("teleop", "teleop", "expert", "expert", "play", "self")):
        store.add(make_episode(task="pour", source=source, seed=seed))  # odd seeds succeed
    found = recipe_of(OWN, store).demonstrations(store)
    assert [(record.source, record.success) for record in found] == [("expert", True), ("teleop", True)]


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (replace(PANDA, suite="cups@100"), "height is 100 pixels"),
        (replace(PANDA, suite="cups@8"), "height is 8 pixels, and the networks want 16 or more"),
        (replace(PANDA, suite="fetch"), "height is 64 in .*, 96 in suite fetch"),
        (replace(PANDA, suite="embodied:APART"), "frame_skip is 1000"),
        (OWN, "the longest episode in .* has 3 control steps, and planned frames are 8 apart"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_nothing_is_written(
    config: BaseConfig, line: str, tmp_path: Path
) -> None:
    store = EpisodeStore(tmp_path)
    store.add(make_episode(3, 1, (64, 64), source="expert"))
    before = files_below(tmp_path)
    with pytest.raises(SailError, match=line) as error:
        check_training(config, tmp_path)
    assert_one_line(error)
    assert files_below(tmp_path) == before
    check_training(PANDA, tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(("config", "left_out"), [(BaseConfig(), METAWORLD.unseen), (PANDA, CUPS.unseen)])
def test_a_verifier_never_sees_attempts_at_unseen_tasks(
    config: BaseConfig, left_out: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("sail.training.recipes.judged_attempts", lambda tasks, *_: asked.extend(tasks) or [])
    assert recipe_of(config, EpisodeStore(tmp_path)).shown(EpisodeStore(tmp_path), tmp_path, None, 1) == []  # type: ignore[arg-type]
    assert asked and not set(asked) & {*left_out, *DRAWERS.unseen}
